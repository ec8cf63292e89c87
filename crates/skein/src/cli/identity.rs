//! `skein identity`: what may be said.

pub mod region;

use crate::cli::RegionArgs;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `skein identity`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  skein identity queue                          what waits for a data steward, the strongest evidence first
  skein identity show 0123456789abc             a patient or a person: who it is, why, what was said
  skein identity link A B --by 'P. Nair' --why 'seen both cards'
  skein identity undo 5071                      take the decision of this number back
  skein identity match --index a.csv --incoming b.csv --out links.csv

Those of a region work beside a running one, which then carries out what is decided; where none runs, the command does.")]
pub struct Identity {
    /// What to do
    #[command(subcommand)]
    pub command: IdentityCommand,
}

/// The commands of `skein identity`.
#[derive(Subcommand, Debug)]
pub enum IdentityCommand {
    /// Link the people of one file to those of another
    Match(Match),
    /// Find the duplicates of one file
    Dedupe(Dedupe),
    /// Learn a model, without labels, from a file or from the region's own people
    Train(Train),
    /// Have the region weigh with another model from now on
    Use(Use),
    /// Show why two patients of the region, or two records of a file, are one person or not: every comparison with its weight
    Explain(Explain),
    /// Of a region
    #[command(flatten)]
    Region(region::RegionCommand),
}

const COLUMNS: &str = "\
Files: CSV (commas, semicolons, tabs or bars; UTF-8 or Windows-1252) or Parquet, one person a row, with a column of ids.

Columns are known by their usual names, however written: rec_id, given_name, surname, date_of_birth, sex, nhs_number, \
street_number, address_1, suburb, state, postcode, phone, email, practice, … Others take part as they stand, unless \
ignored, or where people of one household share their values (plain=… has them all the same). How each was understood \
is said on standard error. Ethnicity, religion, language and nationality never take part.

  --columns given_name=First,family_name=Last,birth_date=Born,ignore=Notes

Fields: id, name, given_name, known_as, middle_name, family_name, former_family_name, birth_date, birth_year, birth_month, \
birth_day, sex, nhs_number, nhs_number_status (01: verified), local_number (a hospital's own), local_number_of (which \
hospital's), house_number, address, address_2, place, region, postcode, phone, email, practice, death_date, ethnicity, \
plain, ignore.

Dates: 1965-04-12, 19650412, 12-Apr-1965, 12/04/1965 (the day first, unless most of a file say otherwise). How many could \
not be read is said too, and in which row the first is.

Output: CSV id_a,id_b,probability,decision, a row for each pair at a probability of 0.01 or more; decision is 'link', \
'review' (somebody should look), or empty.";

/// How files are read and weighed.
#[derive(Args, Debug)]
pub struct FileArgs {
    /// Which column is what, where the names do not say: field=column,…
    #[arg(long, value_name = "FIELD=COLUMN,…")]
    pub columns: Option<String>,
    /// Weigh with this model as it is, instead of learning one from the data
    #[arg(long, value_name = "MODEL.json")]
    pub model: Option<PathBuf>,
    /// Weigh with the built-in model as it is
    #[arg(long, conflicts_with = "model")]
    pub builtin: bool,
    /// Chooses the sample that is learnt from: the same data and seed give the same result
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Threads [default: one for each processor]
    #[arg(long)]
    pub threads: Option<usize>,
}

/// `skein identity match`.
#[derive(Args, Debug)]
#[command(after_help = format!("\
Examples:
  skein identity match --index region.csv --incoming hospital.csv --out links.csv
  skein identity match --index a.csv --incoming b.csv --out links.csv --truth truth.csv

id_a is the id in --index, id_b the id in --incoming.

{COLUMNS}"))]
pub struct Match {
    /// The people that are known
    #[arg(long, value_name = "FILE")]
    pub index: PathBuf,
    /// The people that are asked about
    #[arg(long, value_name = "FILE")]
    pub incoming: PathBuf,
    /// Where the pairs go
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// True pairs (CSV: id in --index, id in --incoming, or in any order under headings with 'index' and 'incoming'): prints how often
    /// the decisions were right, overall and by age, sex, ethnicity and missing fields. Nothing is learnt from them
    #[arg(long, value_name = "FILE")]
    pub truth: Option<PathBuf>,
    /// The report as one JSON object a line
    #[arg(long)]
    pub json: bool,
    /// How files are read and weighed.
    #[command(flatten)]
    pub files: FileArgs,
}

/// `skein identity dedupe`.
#[derive(Args, Debug)]
#[command(after_help = format!("\
Example:
  skein identity dedupe --input people.csv --out pairs.csv

id_a is the id that comes first in the file.

{COLUMNS}"))]
pub struct Dedupe {
    /// The people
    #[arg(long, value_name = "FILE")]
    pub input: PathBuf,
    /// Where the pairs go
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// How files are read and weighed.
    #[command(flatten)]
    pub files: FileArgs,
}

/// `skein identity train`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  skein identity train --out model.json                    from the region's own people
  skein identity use model.json                            the region weighs with it from now on
  skein identity train --input people.csv --out model.json
  skein identity match --index a.csv --incoming b.csv --out links.csv --model model.json

The file is compared with itself: it must hold people more than once. The model is a text: read it, keep it, compare two
with diff, go back to an older one.")]
pub struct Train {
    #[command(flatten)]
    pub region: RegionArgs,
    /// The people [default: the region's]
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// Where the model goes
    #[arg(long, value_name = "MODEL.json")]
    pub out: PathBuf,
    /// How files are read and weighed.
    #[command(flatten)]
    pub files: FileArgs,
}

/// `skein identity use`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  skein identity use model.json
  skein identity use --builtin       back to the model that comes with skein

The model goes into the journal, so that a replay weighs as it was weighed. What was linked stays linked: a model decides \
about news that comes after it.")]
pub struct Use {
    #[command(flatten)]
    pub region: RegionArgs,
    /// The model
    #[arg(value_name = "MODEL.json", required_unless_present = "builtin")]
    pub model: Option<PathBuf>,
    /// The one that comes with skein
    #[arg(long, conflicts_with = "model")]
    pub builtin: bool,
}

/// `skein identity explain`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  skein identity explain 0123456789abc 0123456789abd       two patients of the region
  skein identity explain --input people.csv rec-12-org rec-12-dup-0

Weights are in bits: +1 doubles the odds that the two are one person, -1 halves them.")]
pub struct Explain {
    #[command(flatten)]
    pub region: RegionArgs,
    /// A file of people [default: the region's patients]
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// The id of one record
    #[arg(value_name = "A")]
    pub a: String,
    /// The id of the other
    #[arg(value_name = "B")]
    pub b: String,
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// How files are read and weighed.
    #[command(flatten)]
    pub files: FileArgs,
}

impl Explain {
    /// As a question about two patients of the region, where no file is named.
    pub fn of_region(&self) -> Option<region::ExplainPair> {
        self.input.is_none().then(|| region::ExplainPair {
            region: self.region.clone(),
            a: self.a.clone(),
            b: self.b.clone(),
            json: self.json,
        })
    }
}
