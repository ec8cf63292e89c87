//! `skein identity export`: who is whom, without anything about them.

use super::Desk;
use crate::{
    cli::identity::region::Export,
    failure::{Failure, Outcome, io_words},
    say,
};
use fhir::{PatientKey, PersonKey};
use record::{LinkRow, assurance};
use serde_json::json;
use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

/// Patients of one person whose pairs are written: their number grows with the square.
const PAIRED_MAX: usize = 1000;

/// Write it.
pub fn run(asked: &Export) -> Outcome {
    let desk = Desk::open(&asked.region, None)?;
    let permit = desk.permit("export".into())?;
    desk.release(Ok(permit.seal(())))?;
    let snapshot = desk.visit.derived.snapshot()?;
    let mut out = create(&asked.out)?;
    let mut pairs = asked.pairs.as_deref().map(create).transpose()?;
    if let (Some(pairs), Some(path)) = (&mut pairs, &asked.pairs) {
        writeln!(pairs, "id_a,id_b,person").map_err(|error| broken(path, &error))?;
    }
    let mut group: Vec<LinkRow> = Vec::new();
    let mut persons = 0_u64;
    let mut failure = None;
    let mut put = |group: &mut Vec<LinkRow>| -> Outcome {
        let Some(first) = group.first() else { return Ok(()) };
        persons += 1;
        // The same file whatever the region is stored in.
        let person_key = first.person;
        group.sort_unstable_by_key(|link| link.patient);
        let newest = group.iter().map(|link| link.seq_from).max().unwrap_or(0);
        let at = snapshot.received(newest)?;
        writeln!(out, "{}", person(person_key, group, newest, at)).map_err(|error| broken(&asked.out, &error))?;
        if let (Some(pairs), Some(path)) = (&mut pairs, &asked.pairs) {
            write_pairs(pairs, group).map_err(|error| broken(path, &error))?;
        }
        group.clear();
        Ok(())
    };
    snapshot.each_link(|link| {
        if failure.is_none() && group.first().is_some_and(|first| first.person != link.person) {
            failure = put(&mut group).err();
        }
        group.push(link);
        Ok(())
    })?;
    if let Some(failure) = failure {
        return Err(failure);
    }
    put(&mut group)?;
    out.flush().map_err(|error| broken(&asked.out, &error))?;
    if let (Some(pairs), Some(path)) = (&mut pairs, &asked.pairs) {
        pairs.flush().map_err(|error| broken(path, &error))?;
    }
    say::line(&format!("{persons} persons written to {}", asked.out.display()));
    Ok(())
}

fn person(key: PersonKey, links: &[LinkRow], newest: u64, at: jiff::Timestamp) -> serde_json::Value {
    let links: Vec<_> = links
        .iter()
        .map(|link| {
            let target = json!({"reference": format!("Patient/{}", fhir::ResourceId::of_patient(link.patient))});
            json!({"target": target, "assurance": assurance(&link.reason)})
        })
        .collect();
    json!({"resourceType": "Person", "id": key.to_string(),
        "meta": {"versionId": newest.to_string(), "lastUpdated": fhir::datetime::instant(at)},
        "active": true, "link": links})
}

fn write_pairs(out: &mut impl Write, links: &[LinkRow]) -> std::io::Result<()> {
    let patients: Vec<PatientKey> = links.iter().take(PAIRED_MAX).map(|link| link.patient).collect();
    for (index, a) in patients.iter().enumerate() {
        for b in patients.iter().skip(index + 1) {
            writeln!(out, "{a},{b},{}", links.first().map(|link| link.person.to_string()).unwrap_or_default())?;
        }
    }
    Ok(())
}

fn create(path: &Path) -> Outcome<BufWriter<File>> {
    File::create(path).map(BufWriter::new).map_err(|error| broken(path, &error))
}

fn broken(path: &Path, error: &std::io::Error) -> Failure {
    Failure::asked(format!("cannot write {}: {}", path.display(), io_words(error)))
}
