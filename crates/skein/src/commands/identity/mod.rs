//! `skein identity`: the matching engine on files, so that anyone can judge it on their own data.

mod columns;
mod explain;
mod learn;
mod output;
mod people;
mod report;
mod rows;
mod table;
mod whole;

use crate::{
    cli::identity::{Identity, IdentityCommand},
    failure::Outcome,
};

/// Do what was asked.
pub fn run(asked: Identity) -> Outcome {
    match asked.command {
        IdentityCommand::Match(asked) => whole::link(&asked),
        IdentityCommand::Dedupe(asked) => whole::dedupe(&asked),
        IdentityCommand::Train(asked) => learn::run(&asked),
        IdentityCommand::Explain(asked) => explain::run(&asked),
    }
}
