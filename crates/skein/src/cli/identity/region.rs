//! `skein identity` on a region: what data stewards do, at the terminal. Patients and persons are named by their keys, as
//! the pages' addresses have them.

use crate::cli::RegionArgs;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// The commands that work on a region.
#[derive(Subcommand, Debug)]
pub enum RegionCommand {
    /// Who a patient or a person is, why, and how it came to be
    Show(Show),
    /// Two patients of the region side by side, and what each comparison weighs
    #[command(skip)]
    Explain(ExplainPair),
    /// Say that two patients are one person
    Link(Link),
    /// Say that a patient is somebody else than the others of its person
    Unlink(Unlink),
    /// Say that some patients of a person are somebody else
    Split(Split),
    /// Take a decision back
    Undo(Undo),
    /// What waits for a decision, the strongest evidence first
    Queue(Queue),
    /// Patients, persons, links by rule, the queue by age, decisions by steward and day
    Stats(Stats),
    /// Write every person with its links
    Export(Export),
}

/// Who decides, and why.
#[derive(Args, Debug)]
pub struct Said {
    /// The name of whoever decides [default: the account at this terminal]
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    pub why: String,
}

/// `skein identity show`.
#[derive(Args, Debug)]
pub struct Show {
    #[command(flatten)]
    pub region: RegionArgs,
    /// The key of a patient or of a person
    #[arg(value_name = "PATIENT|PERSON")]
    pub key: String,
}

/// `skein identity explain`.
#[derive(Args, Debug)]
pub struct ExplainPair {
    #[command(flatten)]
    pub region: RegionArgs,
    /// The key of one patient
    #[arg(value_name = "A")]
    pub a: String,
    /// The key of the other
    #[arg(value_name = "B")]
    pub b: String,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// `skein identity link`.
#[derive(Args, Debug)]
pub struct Link {
    #[command(flatten)]
    pub region: RegionArgs,
    /// The key of one patient
    #[arg(value_name = "A")]
    pub a: String,
    /// The key of the other
    #[arg(value_name = "B")]
    pub b: String,
    #[command(flatten)]
    pub said: Said,
}

/// `skein identity unlink`.
#[derive(Args, Debug)]
pub struct Unlink {
    #[command(flatten)]
    pub region: RegionArgs,
    /// The key of the patient
    #[arg(value_name = "PATIENT")]
    pub patient: String,
    #[command(flatten)]
    pub said: Said,
}

/// `skein identity split`.
#[derive(Args, Debug)]
pub struct Split {
    #[command(flatten)]
    pub region: RegionArgs,
    /// The key of the person
    #[arg(value_name = "PERSON")]
    pub person: String,
    /// The keys of the patients who leave, together
    #[arg(long, value_name = "A,B", value_delimiter = ',', required = true)]
    pub patients: Vec<String>,
    #[command(flatten)]
    pub said: Said,
}

/// `skein identity undo`.
#[derive(Args, Debug)]
pub struct Undo {
    #[command(flatten)]
    pub region: RegionArgs,
    /// The number of the decision, as `show` prints it
    pub seq: u64,
    /// The name of whoever takes it back [default: the account at this terminal]
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    /// Why, for the record
    #[arg(long, value_name = "TEXT", default_value = "taken back at the command line")]
    pub why: String,
}

/// Why a pair waits.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Kind {
    /// They may be one person
    Likely,
    /// More than one person fits
    Ambiguous,
    /// Linked, and something speaks against it
    Suspect,
    /// One NHS number of two people, or two verified numbers of one
    NhsNumber,
    /// A source merged them although their verified numbers differ
    Merge,
}

/// A list of the queue.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum List {
    /// Nobody has decided
    Waiting,
    /// One steward said "same"; another must agree
    Second,
    /// It could not be told
    Unsure,
    /// Decided
    Settled,
}

/// `skein identity queue`.
#[derive(Args, Debug)]
pub struct Queue {
    #[command(flatten)]
    pub region: RegionArgs,
    /// Which list
    #[arg(long, value_enum, default_value = "waiting")]
    pub list: List,
    /// Only this kind
    #[arg(long, value_enum)]
    pub kind: Option<Kind>,
    /// Lines at most
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub limit: u16,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// `skein identity stats`.
#[derive(Args, Debug)]
pub struct Stats {
    #[command(flatten)]
    pub region: RegionArgs,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// `skein identity export`.
#[derive(Args, Debug)]
pub struct Export {
    #[command(flatten)]
    pub region: RegionArgs,
    /// Where the persons go: NDJSON, one FHIR Person a line, with its links and how sure each is
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Also write the pairs of patients that are one person, as CSV
    #[arg(long, value_name = "FILE")]
    pub pairs: Option<PathBuf>,
}
