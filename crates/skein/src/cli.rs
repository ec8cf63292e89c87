//! The command line: what may be said, and the help that teaches it.

pub mod backup;
pub mod identity;
pub mod proof;

use crate::{commands::synth_identity::SynthIdentity, logging::Form};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// A shared health and care record for a whole region.
///
/// Hospitals, practices, laboratories, community teams, ambulance services and councils send what they know about a
/// person, over the connections they already have; everyone involved in that person's care reads one record, and every
/// item says where it came from and how old it is.
#[derive(Parser, Debug)]
#[command(name = "skein", version, after_help = FIRST_STEPS, max_term_width = 100)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const FIRST_STEPS: &str = "\
First steps:
  skein demo                           a synthetic region, live; prints its address and accounts
  skein serve --config skein.toml      your own region
  skein send --to 127.0.0.1:2575 *.hl7 try a feed
  skein errors list                    what could not be processed, and why

Exit codes: 0 done; 1 the work failed or found something wrong; 2 something to put right in how it was asked.";

/// The commands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Start a synthetic region that lives: sources send over real sockets, pages to look at, accounts to sign in with
    Demo(Demo),
    /// Run a region as its configuration file says
    Serve(Serve),
    /// Make a region's tables in PostgreSQL, or bring them up to date
    Init(Init),
    /// Load files: FHIR bundles and resources, NDJSON, HL7 v2 messages and batches, each also gzipped
    Load(Load),
    /// Send HL7 v2 messages to a feed over MLLP and report the answers
    Send(Send),
    /// Write a synthetic region's messages and bundles to a folder
    Synth(Synth),
    /// Check that the journal, the audit trail and the derived state agree
    Verify(Verify),
    /// Throw the derived state away and make it again from the journal
    Rebuild(Rebuild),
    /// Ship what came to the region's backup; check a backup; make the key that opens one
    Backup(backup::Backup),
    /// Make a region again out of its backup, as it is there or as it was at a moment
    Restore(backup::Restore),
    /// Move a region between files and PostgreSQL: copy all of it to an empty place, and compare
    Copy(backup::Copy),
    /// The error desk: messages that could not be processed
    Errors(Errors),
    /// Policies: check, try, rehearse, print as a table
    Policy(proof::Policy),
    /// The audit trail: verify, list, show again what was seen
    Audit(proof::Audit),
    /// Who is who: the stewards' queue, linking and undoing; linking files of people, learning a model, explaining
    Identity(identity::Identity),
    /// Make the hash of a password or an access token for the configuration file
    Hash(Hash),
    /// Measure this machine: intake, drain, load, open, page, identity, gate, notify, backup, disk, memory
    Bench(Bench),
    /// How large a machine a region needs, from measured figures
    Plan(Plan),
    /// Break a region of its own again and again while senders keep it busy, and look for what was acknowledged
    Torture(Torture),
}

/// Which region a command works on.
#[derive(Args, Debug, Clone)]
pub struct RegionArgs {
    /// The region's configuration file [default: skein.toml here, else the demonstration's in .skein/demo]
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
}

/// How many people live in the demonstration's region.
pub const DEMO_PEOPLE: u32 = 2000;

/// `skein demo`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  skein demo                                2,000 people, at http://127.0.0.1:8080/
  skein demo --people 300 --speed 600       a small region in which ten minutes pass every second
  skein demo --fresh --seed 7               begin anew, with other people

The region's data and its configuration (skein.toml) are in the data folder; the other commands find it there:
  skein errors list        skein verify        skein send --to 127.0.0.1:2575 message.hl7

Ctrl-C stops it. The next start keeps its data and goes on where it stopped.")]
pub struct Demo {
    /// Where the region's data is kept
    #[arg(long, value_name = "FOLDER", default_value = ".skein/demo")]
    pub data_dir: PathBuf,
    /// Throw away what an earlier start left in the data folder
    #[arg(long)]
    pub fresh: bool,
    /// How many people live in the region, at its first start
    #[arg(long, value_name = "N", default_value_t = DEMO_PEOPLE, value_parser = clap::value_parser!(u32).range(20..=100_000))]
    pub people: u32,
    /// Which region: the same seed gives the same people and histories
    #[arg(long, value_name = "N", default_value_t = synth::DEFAULT_SEED)]
    pub seed: u64,
    /// The HTTP port on 127.0.0.1 (0: any free one)
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    pub port: u16,
    /// How fast the region lives, once its history is loaded: seconds of its life per second (0: it stands still)
    #[arg(long, value_name = "FACTOR", default_value_t = 60.0, value_parser = speed, allow_negative_numbers = true)]
    pub speed: f64,
    #[command(flatten)]
    pub log: LogArgs,
}

fn host_and_port(text: &str) -> Result<String, String> {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0) => Ok(text.to_owned()),
        _ => Err("host and port are needed, as in 127.0.0.1:2575".into()),
    }
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.05..=1.0).contains(&share) => Ok(share),
        _ => Err("a share of a processor is from 0.05 to 1".to_owned()),
    }
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(factor) if (0.0..=86_400.0).contains(&factor) => Ok(factor),
        _ => Err("a number from 0 to 86400".into()),
    }
}

/// How to log.
#[derive(Args, Debug)]
pub struct LogArgs {
    /// How log lines are written, on standard error
    #[arg(long, value_enum, value_name = "FORM")]
    pub log: Option<Form>,
    /// What is logged: error, warn, info, debug, or per room, as in info,intake=debug
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,
}

/// `skein init`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  skein init --config skein.toml            the database that region.store names
  skein init --store 'postgres://skein@db.example/region'

A region whose configuration names no store keeps its data in files of its data folder, which make themselves.
docs/run-it/postgresql.md says how to set the database up.")]
pub struct Init {
    #[command(flatten)]
    pub region: RegionArgs,
    /// The database: postgres://user@host:port/database [default: region.store of the configuration file]
    #[arg(long, value_name = "ADDRESS")]
    pub store: Option<String>,
}

/// `skein serve`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  skein serve --config /etc/skein/skein.toml
  skein serve --config skein.toml --check   say what is wrong with it, start nothing

docs/examples/skein.toml is a whole configuration with a comment at every key.")]
pub struct Serve {
    /// The region's configuration file
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Only check the configuration file and what it names
    #[arg(long)]
    pub check: bool,
    #[command(flatten)]
    pub log: LogArgs,
}

/// `skein load`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  skein load --source gp-kingsway history/            every file in a folder, in order of name
  skein load --source rhm adt-2024.hl7.gz             HL7 v2 messages, or an FHS/BHS batch
  zcat export.ndjson.gz | skein load --source gp-kingsway -   from standard input, told the same way

What a file holds is told from its content: a JSON object (a Bundle, or one resource), a JSON object on each line \
(NDJSON), or HL7 v2 (MSH, FHS, BHS). Each unit goes through the journal as if the source had sent it. \
Stopped half-way, start it again: units that are already in the journal are recognised and left alone. \
The region must not be running (load into a running region over its feeds: skein send, or its FHIR endpoint).")]
pub struct Load {
    #[command(flatten)]
    pub region: RegionArgs,
    /// The source that what is loaded comes from, as named in the configuration
    #[arg(long, value_name = "NAME")]
    pub source: String,
    /// Files and folders (folders are walked in order of name); - is standard input
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// No progress bar
    #[arg(long)]
    pub quiet: bool,
    /// Put it in the journal and no more: the record is made of it by `skein rebuild`, which for a region's first millions is
    /// faster, or by the next `skein serve`
    #[arg(long)]
    pub later: bool,
}

/// `skein send`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  skein send --to 127.0.0.1:2575 adt-a01.hl7          one message; prints the answer's code
  skein send --to pas.example:2575 --tls --ca ca.pem --cert me.pem --key me.key messages/
  skein send --to 127.0.0.1:2575 --connections 4 --repeat 1000 --new-control-ids sample.hl7

Line ends may be CR, LF or CRLF: they are sent as CR. A file may hold many messages, or a batch. \
Exit code 1 when any message was refused or unanswered.")]
pub struct Send {
    /// Where to: host and port
    #[arg(long, value_name = "HOST:PORT", value_parser = host_and_port)]
    pub to: String,
    /// Files and folders of HL7 v2 messages, also gzipped; - is standard input
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Connections to send over at once, each waiting for an answer before its next message
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub connections: u16,
    /// Send everything this many times
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub repeat: u32,
    /// Give every message a new control id (MSH-10), so that repeats are new messages
    #[arg(long)]
    pub new_control_ids: bool,
    /// Seconds to wait for an answer
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub wait: u64,
    /// Print every answer in full
    #[arg(long)]
    pub show: bool,
    /// Use TLS
    #[arg(long)]
    pub tls: bool,
    /// The authority that signed the server's certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls", required_if_eq("tls", "true"))]
    pub ca: Option<PathBuf>,
    /// Our certificate, for feeds that ask for one (PEM)
    #[arg(long, value_name = "FILE", requires = "tls", requires = "key")]
    pub cert: Option<PathBuf>,
    /// The key of our certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,
}

/// `skein synth`.
#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
Examples:
  skein synth --out region/                  the default region, as its sources would send it
  skein synth --out small/ --people 50 --seed 3
  skein synth identity --out judge/          people for judging a matcher, with the truth

Writes a folder per source with its profile (NAME.toml) and what it sends: NAME.hl7 (HL7 v2, one message after \
another) or NAME.ndjson (FHIR, one bundle a line); and highlights.md: people worth looking at. The same seed, number of \
people and date give the same bytes."
)]
pub struct Synth {
    /// Something else than a region.
    #[command(subcommand)]
    pub other: Option<SynthOther>,
    /// The folder to write to; must be empty or not exist
    #[arg(long, value_name = "FOLDER", required = true)]
    pub out: Option<PathBuf>,
    /// How many people live in the region
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(20..=100_000))]
    pub people: u32,
    /// Which region
    #[arg(long, value_name = "N", default_value_t = synth::DEFAULT_SEED)]
    pub seed: u64,
    /// The day the history ends [default: today]
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub until: Option<jiff::civil::Date>,
}

/// What else than a region can be made.
#[derive(Subcommand, Debug)]
pub enum SynthOther {
    /// Write people for judging a matcher: an index, incoming records and the truth
    Identity(SynthIdentity),
}

/// `skein verify`.
#[derive(Args, Debug)]
#[command(after_help = "\
Checks that every journal entry reads back as it was written, that the audit trail's hash chain is unbroken, and that \
replaying the journal into an empty store gives exactly the derived state there is. Changes nothing, and may run beside a live region. Exit code 1 and a \
line for each difference when something does not agree. Takes about as long as loading the region did.

Examples:
  skein verify
  skein verify --config /etc/skein/skein.toml")]
pub struct Verify {
    #[command(flatten)]
    pub region: RegionArgs,
}

/// `skein rebuild`.
#[derive(Args, Debug)]
#[command(after_help = "\
The derived state (current resources, versions, links, indexes) is made from the journal alone, so it can always be made \
again: after a disk fault, or to undo a hand that reached into the database. The new state is built beside the old one \
and takes its place only when it is whole. The region must not be running.

Example:
  skein rebuild --config /etc/skein/skein.toml")]
pub struct Rebuild {
    #[command(flatten)]
    pub region: RegionArgs,
}

/// `skein errors`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  skein errors list                     a line a message: feed, type, reason, who waits
  skein errors list --feed rhm-adt
  skein errors show 1042                the reason, and the message with the place marked
  skein errors edit 1042                opens $EDITOR on it; resubmits what you save
  skein errors edit 1042 --with fixed.hl7
  skein errors resubmit 1042 1043       process them again, after a change of the profile
  skein errors resubmit --feed rhm-adt  all of a feed, in their original order
  skein errors discard 1044 --why 'test message'    settle one without processing it

Works beside a running region, which then processes what is resubmitted; where none runs, this command does. \
Messages hold people's data: what is shown here is recorded in the audit trail under your account.")]
pub struct Errors {
    #[command(flatten)]
    pub region: RegionArgs,
    /// What to do at the desk.
    #[command(subcommand)]
    pub action: Desk,
}

const REVEAL_HELP: &str = "\
Messages about people whose whereabouts are restricted are shown without what they say. --reveal shows them whole, and the
audit trail says that this account of the operating system did so: `skein audit list --user os:NAME`.";

/// The actions of the error desk.
#[derive(Subcommand, Debug)]
pub enum Desk {
    /// What could not be processed, oldest first, and counts per feed
    List {
        /// Only this feed
        #[arg(long, value_name = "NAME")]
        feed: Option<String>,
        /// Also what was processed with a remark, refused to its sender, or is settled
        #[arg(long)]
        all: bool,
        /// Lines at most
        #[arg(long, value_name = "N", default_value_t = 500)]
        limit: usize,
    },
    /// One message: why, where, and the message with the place marked
    #[command(after_help = REVEAL_HELP)]
    Show {
        /// The message's number, from the list
        number: u64,
        /// Show it whole although it is about somebody whose whereabouts are restricted
        #[arg(long)]
        reveal: bool,
    },
    /// Correct a message and resubmit it; the original stays
    #[command(after_help = REVEAL_HELP)]
    Edit {
        /// The message's number, from the list
        number: u64,
        /// Open it in $EDITOR although it is about somebody whose whereabouts are restricted
        #[arg(long)]
        reveal: bool,
        /// Take the corrected message from this file instead of opening $EDITOR
        #[arg(long, value_name = "FILE")]
        with: Option<PathBuf>,
        /// Why, for the record
        #[arg(long, value_name = "TEXT", default_value = "corrected at the command line")]
        why: String,
    },
    /// Process messages again, in their original order
    Resubmit {
        /// The messages' numbers
        #[arg(required_unless_present = "feed")]
        numbers: Vec<u64>,
        /// All messages of this feed
        #[arg(long, value_name = "NAME", conflicts_with = "numbers")]
        feed: Option<String>,
        /// Why, for the record
        #[arg(long, value_name = "TEXT", default_value = "resubmitted at the command line")]
        why: String,
    },
    /// Settle a message without processing it; it stays in the journal
    Discard {
        /// The message's number, from the list
        number: u64,
        /// Why, for the record
        #[arg(long, value_name = "TEXT")]
        why: String,
    },
}

/// `skein hash`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  skein hash password      asks for a password, or reads a line of standard input
  skein hash token         makes a token, prints it and its hash; it is kept nowhere")]
pub struct Hash {
    /// What to hash
    #[arg(value_enum)]
    pub what: Hashed,
}

/// What can be hashed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Hashed {
    /// A local user's password.
    Password,
    /// The access token of a source or a client system.
    Token,
}

/// `skein bench`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  skein bench intake                   one measurement, in words
  skein bench --json > figures.ndjson  all of them, one JSON object a line:
                                       bench, figure, value, unit, limit, ratio
  skein bench identity --people 1400000 --load --json
                                       how long a region of so many people takes to start

  skein bench region --people 140000   a whole region: loaded, then used cold, warm and busy (not among \"all\")
  skein bench soak --people 140000 --minutes 60 --json
                                       the same in use for an hour: memory, files, threads and latencies by the minute
  skein bench intake load open --store postgres://skein@127.0.0.1/postgres
                                       the same on PostgreSQL, in a database skein_bench that is made and thrown away
  skein bench processes --store 'host=/run/postgresql user=skein dbname=postgres' --share 0.25
                                       one process on one database, then two (not among \"all\")

Names: intake, drain, load, open, page, identity, gate, notify, backup, disk, memory, region, soak, processes. Use a release build on an idle machine; \
docs/benchmarks.md has \
the figures to compare with and what each one measures.")]
pub struct Bench {
    /// Which measurements [default: all]
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
    /// How many people the person index holds (identity), or the region (region, soak)
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub people: usize,
    /// Resources a person, about (region, soak); below 1: the share of people who have a past at all
    #[arg(long, value_name = "N", default_value_t = 20.0)]
    pub resources: f64,
    /// Load everybody into the journal first and make the record of it then, as `skein load --later` and `skein rebuild` do (region)
    #[arg(long)]
    pub later: bool,
    /// Keep the region in --data-dir, and use the one that an earlier run kept there (region, in files)
    #[arg(long, requires = "data_dir", conflicts_with = "store")]
    pub keep: bool,
    /// Only make it: how `region` runs itself
    #[arg(long, requires = "keep", hide = true)]
    pub only_make: bool,
    /// Leave worklists out: to put millions on their lists for the first time takes its time (region)
    #[arg(long)]
    pub without_lists: bool,
    /// For how long it is used (soak)
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=10_080))]
    pub minutes: u32,
    /// Measure a region in PostgreSQL instead of files: a server's address, and a user who may make databases (intake, load, open,
    /// page, region, soak, processes)
    #[arg(long, value_name = "ADDRESS")]
    pub store: Option<String>,
    /// Of one processor's time, so much for each process; below 1 by control groups, which takes root (processes)
    #[arg(long, value_name = "SHARE", default_value_t = 0.25, value_parser = share)]
    pub share: f64,
    /// Load the person index from a store of those people, as a start does, instead of making it from facts (identity);
    /// takes 700 bytes of disk a person
    #[arg(long)]
    pub load: bool,
    /// Where to put the data that is measured, and thrown away afterwards [default: a temporary folder]
    #[arg(long, value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,
}

/// `skein plan`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  skein plan --people 1200000
  skein plan --people 14000000 --messages-a-day 1500000 --years 10 --json

What is not given is taken in proportion from England's regions: 14 million people, a million messages and 140,000 views of a record a \
day. The constants are those of docs/benchmarks.md.")]
pub struct Plan {
    /// People of the region
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    pub people: u32,
    /// HL7 v2 messages a day
    #[arg(long, value_name = "N")]
    pub messages_a_day: Option<u32>,
    /// Records opened a day
    #[arg(long, value_name = "N")]
    pub views_a_day: Option<u32>,
    /// Current resources a person, to begin with
    #[arg(long, value_name = "N", default_value_t = 1_250)]
    pub resources: u32,
    /// Years it is to last
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub years: u32,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
}

/// `skein torture`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  skein torture                        25 rounds, a minute or two
  skein torture --rounds 500 --seed 7 --json
                                       ends with one line: rounds, acknowledged, stored, parked, lost, twice, seed
  skein torture --clock /usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1
                                       clocks jump by up to three hours as well
  skein torture --store 'host=/run/postgresql user=postgres' --restart 'pg_ctlcluster 15 main restart -m immediate'
                                       two processes on a database that is made for it and thrown away

Each round, four hospital connections and a practice send while the region is killed, stalled, killed again while it starts or
rebuilds, or finds the ends of its files torn. What got no answer is sent again. Every message that was acknowledged must be in
the journal once, processed or on the error desk; every 25 rounds and at the end all is compared with a replay. The moments of
harm are drawn from the seed; what happens in between is up to the machine.")]
pub struct Torture {
    /// How many rounds
    #[arg(long, value_name = "N", default_value_t = 25)]
    pub rounds: u32,
    /// What the harm and its moments are drawn from
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Messages a second of all senders together, at most, in bursts: long campaigns compare what they did in less time [default: as many as are answered]
    #[arg(long, value_name = "N")]
    pub rate: Option<std::num::NonZeroU32>,
    /// One JSON line at the end
    #[arg(long)]
    pub json: bool,
    /// A new folder for the region, kept afterwards [default: a temporary folder, kept only where something went wrong]
    #[arg(long, value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,
    /// Two processes on one database instead of files: a server of PostgreSQL as key=value pairs, and a user who may make databases
    #[arg(long, value_name = "ADDRESS")]
    pub store: Option<String>,
    /// A command that restarts that server at once, as a failing machine would [default: its connections are cut]
    #[arg(long, value_name = "COMMAND", requires = "store")]
    pub restart: Option<String>,
    /// Let clocks jump as well, with this library libfaketime [default: they do not]
    #[arg(long, value_name = "LIBRARY")]
    pub clock: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_teaches_by_example() {
        for command in Arguments::command().get_subcommands() {
            let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(after.contains("Example") && after.contains("skein "), "{} has no example", command.get_name());
        }
    }
}
