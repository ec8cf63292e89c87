//! The region's model: learnt from its own people without labels, and put in force.

use super::{learn, output};
use crate::{
    cli::identity::{Train, Use},
    edge,
    failure::{Failure, Outcome, io_words},
    region::{self, Visit},
    say,
};
use identity::{Builder, Model};
use std::path::Path;

/// Room for so many patients to begin with.
const EXPECTED: usize = 100_000;
/// Fewer patients teach nothing.
const PEOPLE_MIN: usize = 500;

/// `skein identity train` without a file.
pub fn train(asked: &Train) -> Outcome {
    if asked.files.columns.is_some() {
        return Err(Failure::asked("--columns is for files of people: name one with --input"));
    }
    if learn::chosen(&asked.files)?.is_some() {
        return Err(Failure::asked("train makes a model: --model and --builtin have no place here"));
    }
    let config = region::config(&asked.region)?;
    let visit = Visit::to(&config)?;
    let bar = output::counter("reading");
    let mut builder = Builder::new(EXPECTED, Vec::new());
    let mut count = 0;
    visit.derived.snapshot()?.each_patient(|patient, person, _, _, facts| {
        builder.add(patient, person, &facts);
        count += 1;
        bar.set_position(count);
        Ok(())
    })?;
    bar.finish_and_clear();
    let index = builder.build_with(learn::threads(&asked.files));
    if index.len() < PEOPLE_MIN {
        return Err(Failure::asked(format!(
            "the region has {} patients: at least {PEOPLE_MIN} are needed to learn from; the built-in model serves until then",
            index.len()
        )));
    }
    let model = learn::of_index(&index, Path::new(&config.region.name), asked.files.seed);
    std::fs::write(&asked.out, model.to_json())
        .map_err(|error| Failure::asked(format!("cannot write {}: {}", asked.out.display(), io_words(&error))))?;
    say::line(&format!(
        "learnt from {} patients; the model is in {}: read it, then put it in force with `skein identity use`",
        index.len(),
        asked.out.display()
    ));
    Ok(())
}

/// `skein identity use`.
pub fn switch(asked: &Use) -> Outcome {
    let model = match &asked.model {
        None => Model::builtin(),
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Failure::asked(format!("cannot read {}: {}", path.display(), io_words(&error))))?;
            Model::from_json(&text).map_err(|error| Failure::asked(format!("{}: {error}", path.display())))?
        }
    };
    let config = region::config(&asked.region)?;
    let visit = Visit::to(&config)?;
    let seq = region::decide(&config, &visit, vec![intake::model_entry(&model, edge::now())])?;
    say::line(&format!("{seq}  from here on the region weighs with model '{}'", model.name));
    Ok(())
}
