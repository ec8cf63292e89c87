//! The command line of policies and the audit trail.

use super::RegionArgs;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `skein policy`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  skein policy check policies/                     are these files good? says file, line and rule
  skein policy try --as R8000@XWA --person 0cer…   may a doctor of XWA open this record, and why
  skein policy rehearse policies/ --days 30        what would have gone otherwise in the last 30 days
  skein policy matrix --out docs/matrix.md         every job, entry, relationship and label, as a table
  skein policy export policies/                    the files that come with Skein, to change")]
pub struct Policy {
    #[command(subcommand)]
    pub command: PolicyCommand,
    #[command(flatten)]
    pub region: RegionArgs,
}

/// What to do with policies.
#[derive(Subcommand, Debug)]
pub enum PolicyCommand {
    /// Check the files of a folder
    Check {
        /// The folder [default: the region's, else the built-in policies]
        folder: Option<PathBuf>,
    },
    /// Ask the policies about one record, and say why. Nothing is opened; that it was asked is recorded
    Try(Try),
    /// Put the accesses of the last days to other policies and list what would change
    Rehearse {
        /// The folder of the other policies
        folder: PathBuf,
        /// How many days back
        #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=3660))]
        days: u16,
    },
    /// Every job against every kind of entry, relationship and label, as a Markdown table
    Matrix {
        /// The folder [default: the region's, else the built-in policies]
        folder: Option<PathBuf>,
        /// The file to write [default: standard output]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Write the policies that come with Skein into a new folder
    Export {
        /// The folder
        folder: PathBuf,
    },
}

/// `skein policy try`.
#[derive(Args, Debug)]
pub struct Try {
    /// Who: a role code and an ODS code, as in R8000@XWA; or the id of a [[user]]
    #[arg(long = "as", value_name = "ROLE@ORGANISATION")]
    pub user: String,
    /// The key of the person, or of one of its patients
    #[arg(long, value_name = "KEY")]
    pub person: String,
}

/// `skein audit`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  skein audit verify                   is every entry there and as it was written?
  skein audit list --last 20           the newest entries
  skein audit show 1041                one entry, in full
  skein audit replay 1041 --out a.html what the user saw, made again and compared with what was sent")]
pub struct Audit {
    #[command(subcommand)]
    pub command: AuditCommand,
    #[command(flatten)]
    pub region: RegionArgs,
}

/// What to do with the audit trail.
#[derive(Subcommand, Debug)]
pub enum AuditCommand {
    /// Walk the chain, and compare it with the heads that were signed
    Verify {
        /// A file of heads kept elsewhere [default: the one in the data folder]
        #[arg(long, value_name = "FILE")]
        heads: Option<PathBuf>,
        /// The public key kept elsewhere, base64 [default: the one in the data folder]
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
    },
    /// The newest entries, one a line
    List {
        /// How many
        #[arg(long, value_name = "N", default_value_t = 20)]
        last: usize,
        /// About this person
        #[arg(long, value_name = "KEY")]
        person: Option<String>,
        /// Of this user
        #[arg(long, value_name = "ID", conflicts_with = "person")]
        user: Option<String>,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// One entry, in full
    Show {
        /// Its number
        number: u64,
    },
    /// Make again what was seen, and compare it with what was sent
    Replay {
        /// The entry's number
        number: u64,
        /// Where to write the page
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}
