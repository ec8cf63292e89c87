//! One file per command.

mod bench;
mod files;
mod hash;

use crate::{
    cli::{Arguments, Command},
    failure::Outcome,
};

/// Do what was asked.
pub fn run(arguments: Arguments) -> Outcome {
    match arguments.command {
        Command::Bench(asked) => bench::run(&asked),
        Command::Hash(asked) => hash::run(&asked),
        _ => Err(crate::failure::Failure::asked("not yet")),
    }
}
