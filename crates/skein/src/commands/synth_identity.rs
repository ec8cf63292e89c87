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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Arguments;
    use clap::Parser;
    use std::fs;

    fn asked(out: PathBuf, people: u64, incoming: u64) -> SynthIdentity {
        SynthIdentity { out, people, incoming, seed: 1 }
    }

    #[test]
    fn what_is_wrong_with_the_asking_is_said_in_one_line_and_is_the_askers_to_put_right() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let new = folder.path().join("new");
        for (asked, said) in [
            (asked(new.clone(), 0, 1), "--people is a number from 1 to"),
            (asked(new.clone(), 10, 11), "--incoming is a number from 1 to that of --people (10)"),
            (asked(folder.path().to_owned(), 10, 1), "is not empty: name a new folder with --out"),
            (asked(file.join("in"), 10, 1), "cannot write"),
        ] {
            match run(&asked) {
                Err(Failure::Asked(text)) => assert!(text.contains(said) && !text.contains('\n'), "{text}"),
                other => panic!("{said}: {other:?}"),
            }
        }
        assert!(!new.exists(), "nothing is made before the asking is right");
        run(&asked(new.clone(), 30, 5)).unwrap();
        assert!(new.join("truth.csv").exists());
    }

    #[test]
    fn a_region_and_test_people_are_asked_for_in_their_own_ways() {
        let parses = |line: &str| Arguments::try_parse_from(line.split(' ')).is_ok();
        assert!(parses("skein synth --out region"));
        assert!(parses("skein synth identity --out judge --people 1000 --incoming 10 --seed 3"));
        assert!(!parses("skein synth"));
        assert!(!parses("skein synth identity"));
        assert!(!parses("skein synth --out region identity --out judge"));
    }
}
