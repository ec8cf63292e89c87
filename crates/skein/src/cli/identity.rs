//! `skein identity`: what may be said.

pub mod region;

use clap::{Args, Subcommand};

/// `skein identity`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  skein identity queue                          what waits for a data steward, the strongest evidence first
  skein identity show 0123456789abc             a patient or a person: who it is, why, what was said
  skein identity link A B --by 'P. Nair' --why 'seen both cards'
  skein identity undo 5071                      take the decision of this number back

Works beside a running region, which then carries out what is decided; where none runs, this command does.")]
pub struct Identity {
    /// What to do
    #[command(subcommand)]
    pub command: IdentityCommand,
}

/// The commands of `skein identity`.
#[derive(Subcommand, Debug)]
pub enum IdentityCommand {
    /// Of a region
    #[command(flatten)]
    Region(region::RegionCommand),
}
