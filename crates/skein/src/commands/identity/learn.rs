//! Learning a model: `skein identity train`, and what the other commands do by default.

use super::{
    columns::Said,
    output,
    people::{self, Opened},
};
use crate::{
    cli::identity::{FileArgs, Train},
    failure::{Failure, Outcome, io_words},
    say,
};
use identity::{Index, Model, Question, Training, train};
use std::path::Path;

/// People of a file that a model is learnt from, at most.
const SAMPLE_MAX: usize = 20_000;
/// Random pairs for agreement by chance.
const RANDOM_PAIRS: usize = 200_000;

/// Threads to use.
pub fn threads(asked: &FileArgs) -> usize {
    let own = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    asked.threads.unwrap_or_else(own).clamp(1, 64)
}

/// The model asked for; nothing where one is to be learnt.
pub fn chosen(asked: &FileArgs) -> Outcome<Option<Model>> {
    if asked.builtin {
        return Ok(Some(Model::builtin()));
    }
    let Some(path) = &asked.model else { return Ok(None) };
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::asked(format!("cannot read {}: {}", path.display(), io_words(&error))))?;
    Model::from_json(&text).map(Some).map_err(|error| Failure::asked(format!("{}: {error}", path.display())))
}

/// Every so many-eth of a number of people, and which of these first: spread over the file, the same for the same seed.
fn spread(count: usize, seed: u64) -> impl Iterator<Item = usize> {
    let step = count.div_ceil(SAMPLE_MAX).max(1);
    let first = usize::try_from(seed).unwrap_or(0) % step;
    (first..count).step_by(step)
}

/// Learn from an index compared with itself.
pub fn of_index(index: &Index, file: &Path, seed: u64) -> Model {
    let rows = spread(index.rows() as usize, seed).filter_map(|row| u32::try_from(row).ok());
    let sample: Vec<(Question, Option<fhir::PatientKey>)> = rows
        .filter_map(|row| Some((index.question_of_row(row)?, index.who(row).map(|(patient, _)| patient))))
        .collect();
    learn(index, &sample, false, seed, format!("{}, compared with itself", name(file)))
}

/// Learn from people asked about.
pub fn of_questions(index: &Index, questions: Vec<Question>, file: &Path, seed: u64) -> Model {
    let sample: Vec<(Question, Option<fhir::PatientKey>)> =
        questions.into_iter().map(|question| (question, None)).collect();
    learn(index, &sample, true, seed, format!("{}, compared with the index", name(file)))
}

/// The places of the people to learn from.
pub fn sample(count: usize, seed: u64) -> Vec<usize> {
    spread(count, seed).collect()
}

fn name(file: &Path) -> String {
    file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn learn(
    index: &Index,
    sample: &[(Question, Option<fhir::PatientKey>)],
    at_most_one: bool,
    seed: u64,
    learnt_from: String,
) -> Model {
    let bar = output::bar("learning", 1000);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a thousand")]
    let progress = |share: f64| bar.set_position((share * 1000.0) as u64);
    let training =
        Training { sample, at_most_one, random_pairs: RANDOM_PAIRS, seed, learnt_from, progress: Some(&progress) };
    let model = train(index, &Model::builtin(), &training);
    bar.finish_and_clear();
    model
}

/// `skein identity train`.
pub fn run(asked: &Train) -> Outcome {
    let Some(input) = &asked.input else { return Err(Failure::asked("name a file of people with --input")) };
    let said = Said::parse(asked.files.columns.as_deref()).map_err(Failure::asked)?;
    let file = Opened::open(input, &said).map_err(Failure::asked)?;
    let how = file.alone();
    let bar = output::counter("reading");
    let (index, _, _) = people::index(file, &how, threads(&asked.files), &|count| bar.set_position(count as u64))
        .map_err(Failure::asked)?;
    bar.finish_and_clear();
    let mut model = match chosen(&asked.files)? {
        Some(_) => return Err(Failure::asked("train makes a model: --model and --builtin have no place here")),
        None => of_index(&index, input, asked.files.seed),
    };
    // Decisions about one more patient are asked of a region that knows most people once.
    model.prior.known = model.prior.known.min(0.95);
    std::fs::write(&asked.out, model.to_json())
        .map_err(|error| Failure::asked(format!("cannot write {}: {}", asked.out.display(), io_words(&error))))?;
    say::line(&format!("learnt from {} people; the model is in {}", index.len(), asked.out.display()));
    Ok(())
}
