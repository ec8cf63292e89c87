//! One file per command.

mod audit;
mod backup;
mod bench;
mod copy;
mod demo;
mod errors;
mod files;
pub mod hash;
mod identity;
mod init;
mod load;
mod plan;
mod policy;
mod restore;
mod send;
mod serve;
mod synth;
pub mod synth_identity;
mod torture;
mod verify;

use crate::{
    cli::{Arguments, Command},
    failure::Outcome,
};

/// Do what was asked.
pub fn run(arguments: Arguments) -> Outcome {
    match arguments.command {
        Command::Audit(asked) => audit::run(&asked),
        Command::Backup(asked) => backup::run(&asked),
        Command::Bench(asked) => bench::run(&asked),
        Command::Copy(asked) => copy::run(&asked),
        Command::Demo(asked) => demo::run(&asked),
        Command::Errors(asked) => errors::run(&asked),
        Command::Hash(asked) => hash::run(&asked),
        Command::Identity(asked) => identity::run(asked),
        Command::Init(asked) => init::run(&asked),
        Command::Load(asked) => load::run(&asked),
        Command::Policy(asked) => policy::run(&asked),
        Command::Rebuild(asked) => verify::rebuild(&asked),
        Command::Restore(asked) => restore::run(&asked),
        Command::Send(asked) => send::run(&asked),
        Command::Serve(asked) => serve::run(&asked),
        Command::Synth(asked) => synth::run(&asked),
        Command::Plan(asked) => plan::run(&asked),
        Command::Torture(asked) => torture::run(&asked),
        Command::Verify(asked) => verify::verify(&asked),
    }
}
