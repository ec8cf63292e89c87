//! `skein synth identity`: people for judging a matcher, as files.

use crate::{
    failure::{Failure, Outcome, io_words},
    say,
};
use clap::Args;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use std::path::PathBuf;
use synth::{NoTestSet, PEOPLE_MAX, TestSet, WriteError};

/// `skein synth identity`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  skein synth identity --out judge/                     100,000 incoming records against a million people
  skein synth identity --people 20000 --incoming 2000 --seed 7 --out small/

Writes index.csv and incoming.csv (what two systems hold), truth.csv (which rows are the same person; incoming records
without a row are new people), cases.csv (what each incoming record is a case of, and what went wrong with it) and
about.json (rates and shares). The same seed and sizes give the same bytes. docs/identity-test-data.md tells what it
models.")]
pub struct SynthIdentity {
    /// The folder to write to; must be empty or not exist
    #[arg(long, value_name = "FOLDER")]
    pub out: PathBuf,
    /// How many people the index has
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub people: u64,
    /// How many records come in; not more than there are people
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub incoming: u64,
    /// Which people and errors
    #[arg(long, value_name = "N", default_value_t = synth::DEFAULT_SEED)]
    pub seed: u64,
}

/// Run it.
pub fn run(asked: &SynthIdentity) -> Outcome {
    let set = TestSet::new(asked.people, asked.incoming, asked.seed).map_err(|no| {
        Failure::asked(match no {
            NoTestSet::People => format!("--people is a number from 1 to {PEOPLE_MAX}"),
            NoTestSet::Incoming => format!("--incoming is a number from 1 to that of --people ({})", asked.people),
        })
    })?;
    let bar = ProgressBar::new(set.people());
    if let Ok(style) = ProgressStyle::with_template("{pos}/{len} people {wide_bar} ({eta})") {
        bar.set_style(style);
    }
    let written = set.write(&asked.out, &mut |people| bar.set_position(people));
    bar.finish_and_clear();
    let written = written.map_err(|error| {
        Failure::asked(match error {
            WriteError::NotEmpty(folder) => format!("{} is not empty: name a new folder with --out", folder.display()),
            WriteError::Io { path, source } => format!("cannot write {}: {}", path.display(), io_words(&source)),
        })
    })?;
    say::line(&format!(
        "{} people, {} incoming records of whom {} are among them, {} in {}",
        written.people,
        written.incoming,
        written.matches,
        HumanBytes(written.bytes),
        asked.out.display()
    ));
    Ok(())
}
