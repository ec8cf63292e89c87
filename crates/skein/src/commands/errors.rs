//! `skein errors`: the error desk at the terminal. Works on the files, so beside a running region as well: what is decided
//! here goes into the journal, and whoever runs the region carries it out.

use crate::{
    cli::{Desk, Errors},
    config::Config,
    edge,
    failure::{Failure, Outcome, io_words},
    region::{self, Visit},
    say,
};
use access::Action;
use intake::{Finding, Problem, ProblemStatus};
use record::desk;
use std::{collections::BTreeMap, io::IsTerminal, path::Path};
use store::journal::{Entry, EntryKind, NewEntry};

/// What is waiting to be put right.
const OPEN: &[ProblemStatus] = &[ProblemStatus::Parked, ProblemStatus::Held, ProblemStatus::Failed];
/// Messages resubmitted by one command at most.
const RESUBMIT_MAX: usize = 100_000;

/// Run it.
pub fn run(asked: &Errors) -> Outcome {
    let config = region::config(&asked.region)?;
    match &asked.action {
        Desk::List { feed, all, limit } => list(&config, feed.as_deref(), *all, *limit),
        Desk::Show { number, reveal } => show(&config, *number, *reveal),
        Desk::Edit { number, reveal, with, why } => edit(&config, *number, *reveal, with.as_deref(), why),
        Desk::Resubmit { numbers, feed, why } => resubmit(&config, numbers, feed.as_deref(), why),
        Desk::Discard { number, why } => discard(&config, *number, why),
    }
}

/// Come to the desk: nothing is shown before the visit is recorded.
fn admitted(visit: &Visit, what: String) -> Outcome {
    let action = Action::ErrorDesk { what };
    let permit = visit
        .gate
        .desk(&region::operator(), &action, edge::now())
        .map_err(|refusal| Failure::found(refusal.to_string()))?;
    region::runtime()?.block_on(permit.seal(()).release()).map_err(|refusal| Failure::found(refusal.to_string()))
}

fn open_problems(visit: &Visit, feed: Option<&str>, statuses: &[ProblemStatus], limit: usize) -> Outcome<Vec<Problem>> {
    let snapshot = visit.derived.snapshot()?;
    let mut found = Vec::new();
    let mut before = None;
    while found.len() < limit {
        let page = snapshot.problems(statuses, None, before, 1000)?;
        let Some(last) = page.last() else { break };
        before = Some(last.pos);
        found.extend(page.into_iter().filter(|problem| feed.is_none_or(|feed| problem.feed == feed)));
    }
    found.truncate(limit);
    found.reverse();
    Ok(found)
}

fn list(config: &Config, feed: Option<&str>, all: bool, limit: usize) -> Outcome {
    let visit = Visit::to(config)?;
    admitted(&visit, "list".into())?;
    let statuses = if all { &[][..] } else { OPEN };
    let problems = open_problems(&visit, feed, statuses, limit)?;
    let mut waiting: BTreeMap<_, u64> = BTreeMap::new();
    for problem in problems.iter().filter(|problem| problem.status == ProblemStatus::Held) {
        *waiting.entry(problem.lane).or_default() += 1;
    }
    let shown: Vec<&Problem> = problems.iter().filter(|problem| all || problem.status != ProblemStatus::Held).collect();
    if !shown.is_empty() {
        say::line(&format!("{:>9}  {:<20}  {:<8}  {:<12}  {:>5}  reason", "number", "feed", "status", "type", "wait"));
    }
    for problem in shown {
        let behind =
            if problem.status == ProblemStatus::Parked { waiting.get(&problem.lane).copied().unwrap_or(0) } else { 0 };
        say::line(&format!(
            "{:>9}  {:<20}  {:<8}  {:<12}  {:>5}  {}",
            problem.pos,
            problem.feed,
            problem.status.as_str(),
            problem.title,
            behind,
            reason(problem)
        ));
    }
    let mut counts: BTreeMap<(String, &str), u64> = BTreeMap::new();
    for (_, of_feed, status, count) in visit.derived.snapshot()?.problem_counts()? {
        if feed.is_none_or(|feed| of_feed == feed) && (all || OPEN.contains(&status)) {
            *counts.entry((of_feed, status.as_str())).or_default() += count;
        }
    }
    if counts.is_empty() {
        say::line("The desk is empty.");
    }
    for ((feed, status), count) in counts {
        say::line(&format!("{feed}: {count} {status}"));
    }
    Ok(())
}

/// The worst finding, in one line: place and text.
fn reason(problem: &Problem) -> String {
    let findings: Vec<Finding> = serde_json::from_str(&problem.findings).unwrap_or_default();
    match findings.iter().max_by_key(|finding| finding.severity) {
        Some(finding) if finding.place.is_empty() => finding.text.clone(),
        Some(finding) => format!("{}: {}", finding.place, finding.text),
        None => "waits behind a parked message of the same patient".into(),
    }
}

fn find(visit: &mut Visit, number: u64) -> Outcome<(Problem, Entry)> {
    let nothing =
        || Failure::asked(format!("there is no message {number} on the error desk; `skein errors list` shows what is"));
    let problem = visit.derived.snapshot()?.problem(number)?.ok_or_else(nothing)?;
    let entry = visit.journal.entry(number)?.ok_or_else(nothing)?;
    Ok((problem, entry))
}

/// Whether a message is to be shown without what it says. Showing one whole that is about somebody whose whereabouts are
/// restricted is a visit of its own, in the trail before the message is on the screen.
fn masked(visit: &Visit, problem: &Problem, entry: &Entry, reveal: bool) -> Outcome<bool> {
    let restricted = visit.records().message_restricted(&problem.source, problem.lane, &entry.body)?;
    if restricted && reveal {
        admitted(visit, format!("reveal {}", problem.pos))?;
    }
    Ok(restricted && !reveal)
}

fn show(config: &Config, number: u64, reveal: bool) -> Outcome {
    let mut visit = Visit::to(config)?;
    admitted(&visit, format!("show {number}"))?;
    let (problem, entry) = find(&mut visit, number)?;
    say::line(&format!("number    {}", problem.pos));
    say::line(&format!("feed      {} (source {})", problem.feed, problem.source));
    say::line(&format!("received  {}", problem.received));
    say::line(&format!("type      {}", problem.title));
    say::line(&format!("status    {}", problem.status.as_str()));
    if let Some(by) = problem.resolved_by {
        say::line(&format!("settled   by decision {by}"));
    }
    let findings: Vec<Finding> = serde_json::from_str(&problem.findings).unwrap_or_default();
    for finding in &findings {
        say::line(&format!(
            "{:<9} {} {}",
            format!("{:?}", finding.severity).to_lowercase(),
            finding.place,
            finding.text
        ));
    }
    say::line("");
    if masked(&visit, &problem, &entry, reveal)? {
        say::line(
            "It is about somebody whose whereabouts are restricted; --reveal shows it whole, and is written down.",
        );
        desk::masked(&entry.body).iter().for_each(|line| say::line(line));
        return Ok(());
    }
    let text = match entry.kind {
        EntryKind::Fhir => serde_json::from_slice::<serde_json::Value>(&entry.body)
            .and_then(|value| serde_json::to_string_pretty(&value))
            .unwrap_or_else(|_| String::from_utf8_lossy(&entry.body).into_owned()),
        _ => marked(&entry.body, &findings, std::io::stdout().is_terminal()),
    };
    for line in text.split(['\r', '\n']) {
        say::line(&printable(line));
    }
    Ok(())
}

/// The message with each finding's place marked: in reverse video on a terminal, else between `»` and `«`.
fn marked(body: &[u8], findings: &[Finding], terminal: bool) -> String {
    // Two control characters stand for the marks until the bytes have become text.
    const OPEN: u8 = 2;
    const CLOSE: u8 = 3;
    let parsed = hl7v2::parse(body);
    let Some(message) = &parsed.message else { return String::from_utf8_lossy(body).into_owned() };
    let mut bytes: Vec<u8> = body.iter().copied().filter(|byte| !matches!(*byte, OPEN | CLOSE)).collect();
    let mut spans: Vec<_> = if bytes.len() == body.len() {
        findings.iter().filter_map(|finding| message.span(&finding.place.parse().ok()?)).collect()
    } else {
        Vec::new()
    };
    spans.sort_by_key(|span| (span.start, span.end));
    let mut after = bytes.len();
    for span in spans.into_iter().rev() {
        if span.start <= span.end && span.end <= after {
            bytes.insert(span.end, CLOSE);
            bytes.insert(span.start, OPEN);
            after = span.start;
        }
    }
    let text = match hl7v2::parse(&bytes).message {
        Some(message) => message.text().to_owned(),
        None => String::from_utf8_lossy(&bytes).into_owned(),
    };
    let (open, close) = if terminal { ("\u{1b}[7m", "\u{1b}[0m") } else { ("»", "«") };
    text.replace(char::from(OPEN), open).replace(char::from(CLOSE), close)
}

/// Without control characters, which a terminal would obey; our own marks stay.
fn printable(line: &str) -> String {
    let safe: String = line.replace("\u{1b}[7m", "\u{e000}").replace("\u{1b}[0m", "\u{e001}");
    let safe: String = safe.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect();
    safe.replace('\u{e000}', "\u{1b}[7m").replace('\u{e001}', "\u{1b}[0m")
}

fn edit(config: &Config, number: u64, reveal: bool, with: Option<&Path>, why: &str) -> Outcome {
    let mut visit = Visit::to(config)?;
    admitted(&visit, format!("edit {number}"))?;
    let (problem, entry) = find(&mut visit, number)?;
    still_open(&problem)?;
    let body = match with {
        Some(file) => {
            let bytes = std::fs::read(file)
                .map_err(|error| Failure::asked(format!("cannot read {}: {}", file.display(), io_words(&error))))?;
            if entry.kind == EntryKind::Fhir { bytes } else { segments(&bytes) }
        }
        None if masked(&visit, &problem, &entry, reveal)? => {
            let text = "it is about somebody whose whereabouts are restricted: --reveal opens it whole, and is written down; or \
                give the corrected message with --with FILE";
            return Err(Failure::asked(text));
        }
        None => in_editor(&entry)?,
    };
    if body == entry.body {
        say::line(
            "Nothing was changed, nothing was resubmitted. (`skein errors resubmit` processes it again as it is.)",
        );
        return Ok(());
    }
    let decision = intake::resubmission(&problem, body, &region::operator().id, why, edge::now());
    decide(config, visit, vec![(number, decision)])
}

/// Lines as segments: each ends in CR, whatever the editor made of it.
fn segments(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for line in text.split(|byte| matches!(byte, b'\r' | b'\n')).filter(|line| !line.is_empty()) {
        out.extend_from_slice(line);
        out.push(b'\r');
    }
    out
}

fn in_editor(entry: &Entry) -> Outcome<Vec<u8>> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::asked("there is no terminal to edit in; give the corrected message with --with FILE"));
    }
    let editor = std::env::var("VISUAL").or_else(|_| std::env::var("EDITOR")).unwrap_or_else(|_| "vi".into());
    let hl7 = entry.kind != EntryKind::Fhir;
    let shown: Vec<u8> = if hl7 {
        entry.body.iter().map(|&byte| if byte == b'\r' { b'\n' } else { byte }).collect()
    } else {
        entry.body.clone()
    };
    // A folder of our own, readable by us alone, gone afterwards.
    let folder = private_folder()?;
    let file = folder.path.join(if hl7 { "message.hl7" } else { "request.json" });
    let broken =
        |error: std::io::Error| Failure::found(format!("cannot edit {}: {}", file.display(), io_words(&error)));
    std::fs::write(&file, &shown).map_err(broken)?;
    let status = std::process::Command::new("sh")
        .args(["-c", &format!("{editor} \"$1\""), "sh"])
        .arg(&file)
        .status()
        .map_err(|error| Failure::asked(format!("cannot start the editor {editor}: {}", io_words(&error))))?;
    if !status.success() {
        return Err(Failure::asked(format!("the editor {editor} ended with {status}; nothing was resubmitted")));
    }
    let edited = std::fs::read(&file).map_err(broken)?;
    if edited == shown {
        return Ok(entry.body.clone());
    }
    Ok(if hl7 { segments(&edited) } else { edited })
}

struct PrivateFolder {
    path: std::path::PathBuf,
}

impl Drop for PrivateFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

fn private_folder() -> Outcome<PrivateFolder> {
    use std::os::unix::fs::DirBuilderExt;
    let name = super::hash::new_token()?;
    let path = std::env::temp_dir().join(format!("skein-{}", name.get(..16).unwrap_or(&name)));
    std::fs::DirBuilder::new()
        .mode(0o700)
        .create(&path)
        .map_err(|error| Failure::found(format!("cannot make {}: {}", path.display(), io_words(&error))))?;
    Ok(PrivateFolder { path })
}

fn still_open(problem: &Problem) -> Outcome {
    match problem.status {
        ProblemStatus::Resolved => Err(Failure::asked(format!("message {} is settled already", problem.pos))),
        _ => Ok(()),
    }
}

fn resubmit(config: &Config, numbers: &[u64], feed: Option<&str>, why: &str) -> Outcome {
    let mut visit = Visit::to(config)?;
    admitted(&visit, "resubmit".into())?;
    let mut decisions = Vec::new();
    if let Some(feed) = feed {
        // Those that wait are applied when the one they wait for is healed.
        let statuses = [ProblemStatus::Parked, ProblemStatus::Failed];
        for problem in open_problems(&visit, Some(feed), &statuses, RESUBMIT_MAX)? {
            let Some(entry) = visit.journal.entry(problem.pos)? else { continue };
            decisions.push((
                problem.pos,
                intake::resubmission(&problem, entry.body, &region::operator().id, why, edge::now()),
            ));
        }
        if decisions.is_empty() {
            say::line(&format!("Nothing of feed {feed} is on the desk."));
            return Ok(());
        }
    } else {
        let mut numbers = numbers.to_vec();
        numbers.sort_unstable();
        numbers.dedup();
        for number in numbers {
            let (problem, entry) = find(&mut visit, number)?;
            still_open(&problem)?;
            decisions
                .push((number, intake::resubmission(&problem, entry.body, &region::operator().id, why, edge::now())));
        }
    }
    decide(config, visit, decisions)
}

fn discard(config: &Config, number: u64, why: &str) -> Outcome {
    let mut visit = Visit::to(config)?;
    admitted(&visit, format!("discard {number}"))?;
    let (problem, _) = find(&mut visit, number)?;
    still_open(&problem)?;
    let decision = intake::discard(&problem, &region::operator().id, why, edge::now());
    decide(config, visit, vec![(number, decision)])
}

/// Put decisions in the journal, have them carried out, and say how each message stands then.
fn decide(config: &Config, visit: Visit, decisions: Vec<(u64, NewEntry)>) -> Outcome {
    let numbers: Vec<u64> = decisions.iter().map(|(number, _)| *number).collect();
    region::decide(config, &visit, decisions.into_iter().map(|(_, decision)| decision).collect())?;
    let snapshot = visit.derived.snapshot()?;
    let mut unsettled = 0;
    for number in numbers {
        let status = snapshot.problem(number)?;
        match status {
            Some(problem) if problem.status != ProblemStatus::Resolved => {
                unsettled += 1;
                say::line(&format!("{number}  {}  {}", problem.status.as_str(), reason(&problem)));
            }
            _ => say::line(&format!("{number}  settled")),
        }
    }
    if unsettled > 0 {
        return Err(Failure::found(format!("{unsettled} still cannot be processed")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use intake::Severity;

    #[test]
    fn the_place_is_marked_in_the_message() {
        let finding =
            Finding { severity: Severity::Error, code: "x".into(), place: "PID-5.1".into(), text: "t".into() };
        let text = marked(b"MSH|^~\\&|A|B|C|D|20250101||ADT^A01|1|P|2.4\rPID|1||||SMITH^JOHN\r", &[finding], false);
        assert!(text.contains("PID|1||||»SMITH«^JOHN"), "{text}");
    }

    #[test]
    fn a_terminal_never_obeys_a_message() {
        assert_eq!(printable("a\u{1b}]0;x\u{7}b"), "a\u{fffd}]0;x\u{fffd}b");
        assert_eq!(printable("\u{1b}[7mx\u{1b}[0m"), "\u{1b}[7mx\u{1b}[0m");
    }

    #[test]
    fn an_editors_lines_are_segments_again() {
        assert_eq!(segments(b"MSH|a\nPID|b\r\n\nPV1|c"), b"MSH|a\rPID|b\rPV1|c\r");
    }
}
