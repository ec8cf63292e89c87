//! `skein identity match` and `skein identity dedupe`: whole files.

use super::{
    columns::{Field, Said},
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
use std::{
    path::Path,
    time::{Duration, Instant},
};

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
    apart(&asked.out, &[&asked.index, &asked.incoming])?;
    let wanted = known.columns.plain().intersection(&incoming.columns.plain()).cloned().collect();
    let mut how = known.judge(&wanted);
    how.local_sources = [&known, &incoming].iter().all(|file| file.columns.place(Field::LocalSource).is_some());
    known.tell(&wanted, &how);
    incoming.tell(&wanted, &how);
    let bar = output::counter("reading");
    let (index, ids, mut ragged) =
        people::index(known, &how, threads, &|count| bar.set_position(count as u64)).map_err(Failure::asked)?;
    let people =
        people::asked(incoming, &how, threads, &|count| bar.set_position(count as u64)).map_err(Failure::asked)?;
    bar.finish_and_clear();
    ragged += people.ragged;
    if let Some(truth) = &truth {
        truth.check(&ids, &people.ids).map_err(Failure::asked)?;
    }
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
    apart(&asked.out, &[&asked.input])?;
    let how = file.alone();
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
    say::line(&format!(
        "{} linked among {} records, {}",
        counted(linked(&pairs)),
        ids.len(),
        in_review(&pairs, review)
    ));
    Ok(())
}

/// What is written must be none of the files that are read: it would be gone.
fn apart(out: &Path, read: &[&Path]) -> Outcome {
    let whole = |path: &Path| std::fs::canonicalize(path).ok();
    match whole(out).filter(|out| read.iter().any(|read| whole(read).as_ref() == Some(out))) {
        Some(_) => {
            Err(Failure::asked(format!("--out {} is one of the files that are read: name another", out.display())))
        }
        None => Ok(()),
    }
}

fn linked(pairs: &[Pair]) -> usize {
    pairs.iter().filter(|pair| pair.link).count()
}

fn in_review(pairs: &[Pair], review: f64) -> String {
    let count = pairs.iter().filter(|pair| output::decision(pair, review) == "review").count();
    format!("{} to review", counted(count))
}

fn counted(pairs: usize) -> String {
    format!("{pairs} {}", if pairs == 1 { "pair" } else { "pairs" })
}

fn note_ragged(ragged: usize) {
    match ragged {
        0 => {}
        1 => say::complain("skein: 1 row has more or fewer values than there are columns; read as far as it goes"),
        _ => say::complain(&format!(
            "skein: {ragged} rows have more or fewer values than there are columns; read as far as they go"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::identity::FileArgs;
    use std::{fmt::Write as _, fs, path::PathBuf};

    fn asked(folder: &Path, truth: bool) -> Match {
        Match {
            index: folder.join("index.csv"),
            incoming: folder.join("incoming.csv"),
            out: folder.join("links.csv"),
            truth: truth.then(|| folder.join("truth.csv")),
            json: true,
            files: FileArgs { columns: None, model: None, builtin: true, seed: 1, threads: Some(1) },
        }
    }

    const FORENAMES: [&str; 8] =
        ["Agnes", "Bertram", "Clotilde", "Douglas", "Eleanor", "Frederick", "Griselda", "Humphrey"];

    /// Two hundred homes of a parent and a child; whoever comes is a child under its own name, or its twin whom nobody knows.
    /// Two columns that nothing recognises are the home's.
    fn region(folder: &Path) -> (PathBuf, PathBuf) {
        let header = "id,forename,surname,dob,sex,postcode,address,mobile,round,beat\n";
        let (mut index, mut incoming) = (header.to_owned(), header.to_owned());
        let mut truth = "index,incoming\n".to_owned();
        for home in 0..200_usize {
            let family = format!(
                "{}{}",
                ["Brack", "Holm", "Wether", "Ald", "Sax"][home % 5],
                ["ley", "by", "den", "worth"][home / 5 % 4]
            );
            let place = format!(
                "LS{} {}{}B,{home} Mill Lane,077009{home:05},R{},B{}",
                home % 28 + 1,
                home % 9,
                ["A", "B", "D", "E"][home % 4],
                home / 4,
                home % 50
            );
            for (child, forename) in FORENAMES.iter().enumerate().skip(home % 6).take(1) {
                let born = format!("{}-0{}-1{}", 2008 + child, home % 9 + 1, home % 10);
                let _ = writeln!(index, "h{home}c{child},{forename},{family},{born},,{place}");
                if home % 2 == 0 {
                    let _ = writeln!(incoming, "i{home}c{child},{forename},{family},{born},,{place}");
                    let _ = writeln!(truth, "h{home}c{child},i{home}c{child}");
                } else {
                    let twin = FORENAMES[(child + 4) % 8];
                    let _ = writeln!(incoming, "i{home}c{child},{twin},{family},{born},,{place}");
                }
            }
            let _ = writeln!(
                index,
                "h{home}p,{},{family},1978-0{}-2{},,{place}",
                FORENAMES[home % 8],
                home % 9 + 1,
                home % 8
            );
        }
        let (a, b) = (folder.join("index.csv"), folder.join("incoming.csv"));
        fs::write(&a, index).unwrap();
        fs::write(&b, incoming).unwrap();
        fs::write(folder.join("truth.csv"), truth).unwrap();
        (a, b)
    }

    /// What a home shares, whatever its column is called, links no twin whom nobody knows yet.
    #[test]
    fn an_unknown_column_that_a_household_shares_makes_nobody_of_twins() {
        let folder = tempfile::tempdir().unwrap();
        region(folder.path());
        link(&asked(folder.path(), true)).unwrap();
        let links = fs::read_to_string(folder.path().join("links.csv")).unwrap();
        let linked: Vec<(&str, &str)> = links
            .lines()
            .filter(|line| line.ends_with(",link"))
            .filter_map(|line| line.split_once(',').map(|(a, rest)| (a, rest.split(',').next().unwrap_or(""))))
            .collect();
        assert_eq!(linked.len(), 100, "those who are known");
        assert!(linked.iter().all(|(a, b)| a.trim_start_matches('h') == b.trim_start_matches('i')));
    }

    /// Whoever says that a column takes part has it, though it be a household's.
    #[test]
    fn what_the_caller_says_of_a_column_holds() {
        let folder = tempfile::tempdir().unwrap();
        let (index, _) = region(folder.path());
        let judged = |columns: Option<&str>| {
            let file = Opened::open(&index, &Said::parse(columns).unwrap()).unwrap();
            let how = file.alone();
            ([how.attributes, how.identifiers].concat(), how.of_households)
        };
        let two = || vec!["round".to_owned(), "beat".to_owned()];
        let (used, left) = judged(None);
        assert!(used.is_empty() && left.len() == 2, "{used:?} {left:?}");
        assert_eq!(judged(Some("plain=round,plain=beat")), (two(), Vec::new()));
    }

    /// A column that says which hospital, not which of its patients, is nobody's own number.
    #[test]
    fn a_local_number_that_many_have_is_no_number_of_theirs() {
        let folder = tempfile::tempdir().unwrap();
        let read = |number: fn(usize) -> usize| {
            let mut rows = "id,forename,surname,trust,hospital_number\n".to_owned();
            for row in 0..400 {
                let _ = writeln!(rows, "{row},Ann,Hall,T{},{}", row % 3, number(row));
            }
            let path = folder.path().join("people.csv");
            fs::write(&path, rows).unwrap();
            Opened::open(&path, &Said::default()).unwrap().columns.place(Field::LocalNumber).is_some()
        };
        assert!(read(|row| row + 1000));
        assert!(!read(|row| row % 3));
    }

    #[test]
    fn a_file_that_is_read_is_not_written_over_and_a_truth_of_other_files_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (index, _) = region(folder.path());
        let before = fs::read(&index).unwrap();
        let said = |asked: &Match| link(asked).unwrap_err().to_string();
        let over = said(&Match { out: index.clone(), ..asked(folder.path(), false) });
        assert!(over.contains("--out") && over.contains("index.csv") && !over.contains('\n'), "{over}");
        assert_eq!(fs::read(&index).unwrap(), before);
        fs::write(folder.path().join("truth.csv"), "foo,bar\nx,y\nz,q\n").unwrap();
        let other = said(&asked(folder.path(), true));
        assert!(other.contains("2 of 2") && other.contains("'z'") && !other.contains('\n'), "{other}");
    }
}
