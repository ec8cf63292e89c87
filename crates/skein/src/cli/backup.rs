//! The command line of backups and copies.

use super::RegionArgs;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `skein backup`.
#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  skein backup key --out region.age            make the key that opens backups; prints its public half
  skein backup --config /etc/skein/skein.toml  ship now what came since the last time
  skein backup --derived --config …            and the derived state of now with it
  skein backup check /mnt/backup/region        are all segments there and whole?
  skein backup check /mnt/backup/region --identity region.age
                                               and is their content what was shipped?

A region whose configuration has a [backup] ships by itself while it runs. docs/run-it/backup.md says how to set it up, where \
to keep the key, and how to restore."
)]
pub struct Backup {
    #[command(subcommand)]
    pub command: Option<BackupCommand>,
    #[command(flatten)]
    pub region: RegionArgs,
    /// The derived state of now too, so that a restore need not make it; of a region in files
    #[arg(long)]
    pub derived: bool,
    /// One JSON line
    #[arg(long)]
    pub json: bool,
}

/// What else to do with backups.
#[derive(Subcommand, Debug)]
pub enum BackupCommand {
    /// Look whether a backup is whole; with the identity, whether its content is what was shipped
    Check {
        /// The folder of the backup
        folder: PathBuf,
        /// The file of the key that opens it
        #[arg(long, value_name = "FILE")]
        identity: Option<PathBuf>,
        /// One JSON line
        #[arg(long)]
        json: bool,
    },
    /// Make a key: the file opens backups and belongs on no machine of the region; its public half is printed
    Key {
        /// The file to write; it must not exist
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

/// `skein restore`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  skein restore --from /mnt/backup/region --identity region.age --to /var/lib/skein
  skein restore --from /mnt/backup/region --identity region.age --config skein.toml
                                               into the data folder, or database, that it names
  skein restore … --until 2026-11-27T03:00:00Z as it was then

Puts journal and audit trail back as they were, and the newest derived state that the backup has of then or before, and applies \
what came after it; without one, makes it of the journal. The target must be empty. The audit trail \
comes back whole also when the journal is put back to a moment, for it is evidence: --cut-audit ends it there too. Stopped \
half-way, the same command goes on; until it is done the folder cannot be used. Then run skein verify.")]
pub struct Restore {
    /// The folder of the backup
    #[arg(long, value_name = "FOLDER")]
    pub from: PathBuf,
    /// The file of the key that opens it
    #[arg(long, value_name = "FILE")]
    pub identity: PathBuf,
    /// The data folder to restore into: new or empty
    #[arg(long, value_name = "FOLDER", conflicts_with = "config", required_unless_present = "config")]
    pub to: Option<PathBuf>,
    /// The configuration of the region to restore: into the data folder, or the database, that it names
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Only what came at this time or before (RFC 3339)
    #[arg(long, value_name = "TIME", conflicts_with = "until_position")]
    pub until: Option<jiff::Timestamp>,
    /// Only up to this entry of the journal
    #[arg(long, value_name = "N")]
    pub until_position: Option<u64>,
    /// End the audit trail at the same moment; without, all of it comes back
    #[arg(long)]
    pub cut_audit: bool,
    /// Make the derived state of the journal alone, also where the backup has one
    #[arg(long)]
    pub anew: bool,
    /// One JSON line
    #[arg(long)]
    pub json: bool,
}

/// `skein copy`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  skein copy --config skein.toml --to postgres.toml    from files into the database that the other file names
  skein copy --config postgres.toml --to skein.toml    and back
  skein copy --config skein.toml --to other-disk.toml --json

Copies journal, audit trail, drafts, keys and what was told to whom, makes the derived state again at the target, and holds \
each row against the source. Neither may be served meanwhile, and the target must be empty. Stopped half-way, the same command \
goes on; until it is done the target cannot be used. The source stays as it was: serve one of the two from then on.")]
pub struct Copy {
    #[command(flatten)]
    pub region: RegionArgs,
    /// The configuration of the region to copy to: the same region.code, another data folder
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
    /// One JSON line
    #[arg(long)]
    pub json: bool,
}
