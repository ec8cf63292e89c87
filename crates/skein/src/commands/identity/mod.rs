//! `skein identity`.

mod region;

use crate::{
    cli::identity::{Identity, IdentityCommand},
    failure::Outcome,
};

/// Do what was asked.
pub fn run(asked: Identity) -> Outcome {
    match asked.command {
        IdentityCommand::Region(asked) => region::run(&asked),
    }
}
