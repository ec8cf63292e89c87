//! `skein identity`: what data stewards do at the terminal, and the matching engine on files, so that anyone can judge it on
//! their own data.

mod columns;
mod dates;
mod explain;
mod households;
mod known;
mod learn;
mod model;
mod output;
mod people;
mod region;
mod report;
mod rows;
mod table;
mod unread;
mod whole;
mod wording;

use crate::{
    cli::identity::{Identity, IdentityCommand},
    failure::Outcome,
};

/// Do what was asked.
pub fn run(asked: Identity) -> Outcome {
    match asked.command {
        IdentityCommand::Region(asked) => region::run(&asked),
        IdentityCommand::Match(asked) => whole::link(&asked),
        IdentityCommand::Dedupe(asked) => whole::dedupe(&asked),
        IdentityCommand::Train(asked) if asked.input.is_none() => model::train(&asked),
        IdentityCommand::Train(asked) => learn::run(&asked),
        IdentityCommand::Use(asked) => model::switch(&asked),
        IdentityCommand::Explain(asked) => match asked.of_region() {
            Some(pair) => region::run(&crate::cli::identity::region::RegionCommand::Explain(pair)),
            None => explain::run(&asked),
        },
    }
}
