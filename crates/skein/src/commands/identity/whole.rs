//! `skein identity match` and `skein identity dedupe`: whole files.

use super::{
    columns::Said,
    learn, output,
    people::{self, Opened},
    report,
};
use crate::{
    cli::identity::{Dedupe, Match},
    failure::{Failure, Outcome},
    say,
};
use identity::{Matcher, Pair, dedupe as find_duplicates, link_all};
use serde::Serialize;
use std::time::{Duration, Instant};

/// What a match came to, and how long its parts took.
#[derive(Serialize)]
struct Took {
    linked: usize,
    people: usize,
    /// Both files read, the index made.
    read_s: f64,
    learn_s: f64,
    match_s: f64,
    write_s: f64,
}

/// Link one file's people to another's.
pub fn link(asked: &Match) -> Outcome {
    let begin = Instant::now();
    let threads = learn::threads(&asked.files);
    let said = Said::parse(asked.files.columns.as_deref()).map_err(Failure::asked)?;
    let (said_a, said_b) = (said.clone().kindly(), said);
    let known = Opened::open(&asked.index, &said_a).map_err(Failure::asked)?;
    let incoming = Opened::open(&asked.incoming, &said_a).map_err(Failure::asked)?;
    said_b.check(&[&known.columns, &incoming.columns]).map_err(Failure::asked)?;
    let truth = asked.truth.as_deref().map(report::Truth::read).transpose().map_err(Failure::asked)?;
    let chosen = learn::chosen(&asked.files)?;
    let wanted = known.columns.plain().intersection(&incoming.columns.plain()).cloned().collect();
    let how = known.judge(&wanted);
    let bar = output::counter("reading");
    let (index, ids, mut ragged) =
        people::index(known, &how, threads, &|count| bar.set_position(count as u64)).map_err(Failure::asked)?;
    let people =
        people::asked(incoming, &how, threads, &|count| bar.set_position(count as u64)).map_err(Failure::asked)?;
    bar.finish_and_clear();
    ragged += people.ragged;
    let questions = people::questions(&index, &people.facts, threads);
    let read = begin.elapsed();
    let model = match chosen {
        Some(model) => model,
        None => {
            let sample = learn::sample(questions.len(), asked.files.seed);
            let sample = sample.into_iter().filter_map(|at| people.facts.get(at)).map(|facts| index.question(facts));
            learn::of_questions(&index, sample.collect(), &asked.incoming, asked.files.seed)
        }
    };
    let learnt = begin.elapsed();
    let matcher = Matcher::new(&index, &model);
    let bar = output::bar("matching", questions.len());
    let facts = |at: usize| people.facts.get(at).cloned().unwrap_or_default();
    let pairs = link_all(&matcher, &questions, &facts, threads, &|done| bar.set_position(done as u64));
    bar.finish_and_clear();
    let matched = begin.elapsed();
    let review = model.thresholds.review;
    output::write(&asked.out, &pairs, &ids, &people.ids, review)?;
    note_ragged(ragged);
    let seconds = |from: Duration, to: Duration| ((to - from).as_secs_f64() * 1000.0).round() / 1000.0;
    let took = Took {
        linked: linked(&pairs),
        people: people.ids.len(),
        read_s: seconds(Duration::ZERO, read),
        learn_s: seconds(read, learnt),
        match_s: seconds(learnt, matched),
        write_s: seconds(matched, begin.elapsed()),
    };
    if asked.json {
        say::line(&serde_json::to_string(&took).unwrap_or_default());
    } else {
        say::line(&format!(
            "{} of {} linked, {}; read in {:.1} s, learnt in {:.1} s, matched in {:.1} s, written in {:.1} s",
            took.linked,
            took.people,
            in_review(&pairs, review),
            took.read_s,
            took.learn_s,
            took.match_s,
            took.write_s
        ));
    }
    if let Some(truth) = truth {
        report::print(&truth, &pairs, &ids, &people, asked.json);
    }
    Ok(())
}

/// Find the duplicates of one file.
pub fn dedupe(asked: &Dedupe) -> Outcome {
    let threads = learn::threads(&asked.files);
    let said = Said::parse(asked.files.columns.as_deref()).map_err(Failure::asked)?;
    let file = Opened::open(&asked.input, &said).map_err(Failure::asked)?;
    let chosen = learn::chosen(&asked.files)?;
    let how = file.judge(&file.columns.plain());
    let bar = output::counter("reading");
    let (index, ids, ragged) =
        people::index(file, &how, threads, &|count| bar.set_position(count as u64)).map_err(Failure::asked)?;
    bar.finish_and_clear();
    let model = chosen.unwrap_or_else(|| learn::of_index(&index, &asked.input, asked.files.seed));
    let matcher = Matcher::new(&index, &model);
    let bar = output::bar("matching", ids.len());
    let pairs = find_duplicates(&matcher, threads, &|done| bar.set_position(done as u64));
    bar.finish_and_clear();
    let review = model.thresholds.review;
    output::write(&asked.out, &pairs, &ids, &ids, review)?;
    note_ragged(ragged);
    say::line(&format!("{} pairs linked among {} records, {}", linked(&pairs), ids.len(), in_review(&pairs, review)));
    Ok(())
}

fn linked(pairs: &[Pair]) -> usize {
    pairs.iter().filter(|pair| pair.link).count()
}

fn in_review(pairs: &[Pair], review: f64) -> String {
    let count = pairs.iter().filter(|pair| output::decision(pair, review) == "review").count();
    format!("{count} pairs to review")
}

fn note_ragged(ragged: usize) {
    if ragged > 0 {
        say::complain(&format!(
            "skein: {ragged} rows have more or fewer values than there are columns; read as far as they go"
        ));
    }
}
