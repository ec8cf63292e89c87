//! A store full of people, and how long the index of them takes to load: what a region waits for when it starts.

use super::{Bench, identity_people::person, per_second};
use anyhow::Context;
use fhir::{PatientKey, PersonKey};
use identity::{Index, PatientFacts};
use intake::People;
use rusqlite::{Connection, OpenFlags};
use std::{
    path::Path,
    sync::{Arc, mpsc::sync_channel},
    time::{Duration, Instant},
};
use store::{Derived, NewLink, PatientRow};

/// Patients written in one transaction.
const BATCH: u64 = 50_000;
const SOURCE: &str = "bench";
/// Why a patient is a person of its own: as the applier writes it.
const REASON: &str = r#"{"rule":"own"}"#;

/// Fill a store, load the index from it, and read the same rows with nothing of Skein around the engine.
pub fn load(bench: &Bench, people: u64) -> anyhow::Result<Arc<Index>> {
    let file = bench.folder.join("derived.db");
    fill(&file, people).context("filling a store with people")?;
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    let each = |bytes: u64| bytes as f64 / people as f64;
    let stored = super::database_bytes(&bench.folder, "derived.db");
    bench.report.figure("identity", "store_bytes_per_person", each(stored), "bytes");

    super::reset_rss_max();
    let begin = Instant::now();
    let (_derived, writer) = Derived::open_at(&store::Place::derived_file(&file))?;
    let index = People::load(&writer)?.index();
    let took = begin.elapsed();
    bench.report.figure("identity", "store_load_s", took.as_secs_f64(), "s");
    bench.report.figure("identity", "store_load_rss_mb_max", super::rss_mb_max(), "MB");
    anyhow::ensure!(index.len() as u64 == people, "the index has {} people of {people}", index.len());
    let (rows, reading) = read(&file)?;
    bench.report.against(
        "identity",
        "store_load_people_per_s",
        per_second(index.len(), took),
        "people/s",
        per_second(rows, reading),
    );
    Ok(index)
}

/// Write the patients and links of so many people as the applier does. The indexes that loading does not read are left out:
/// they would make filling take hours, and change nothing of what is measured.
fn fill(file: &Path, people: u64) -> anyhow::Result<()> {
    let (_derived, mut writer) = Derived::open_at(&store::Place::derived_file(file))?;
    Connection::open(file)?.execute_batch(
        "DROP INDEX patient_nhs; DROP INDEX patient_birth; DROP INDEX patient_family; DROP INDEX patient_postcode;
         DROP INDEX link_person;",
    )?;
    let (made, ready) = sync_channel::<Vec<PatientFacts>>(4);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for start in (0..people).step_by(1024) {
                let some = (start..people.min(start + 1024)).map(person).collect();
                // Nobody takes them when writing has failed, and then that is what is told.
                if made.send(some).is_err() {
                    return;
                }
            }
        });
        writer.begin()?;
        let source = writer.source(SOURCE)?;
        for (number, facts) in (0..).zip(ready.into_iter().flatten()) {
            let patient = PatientKey(number);
            let row = PatientRow { patient, source: SOURCE.to_owned(), directory: false, facts: Some(facts) };
            writer.put_patient(&row, source)?;
            writer.put_link(&NewLink { patient, person: PersonKey(number), reason: REASON }, number + 1)?;
            if number % BATCH == BATCH - 1 {
                writer.commit(number + 1)?;
                writer.begin()?;
            }
        }
        writer.commit(people)?;
        Ok(())
    })
}

/// The bare engine reading the same rows, in the same order.
fn read(file: &Path) -> anyhow::Result<(usize, Duration)> {
    let begin = Instant::now();
    let raw = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    let mut statement = raw.prepare(
        "SELECT p.patient, l.person, p.facts FROM patient p JOIN link l ON l.patient = p.patient AND l.seq_to IS NULL
         WHERE p.directory = 0 AND p.facts IS NOT NULL ORDER BY p.patient",
    )?;
    let mut rows = statement.query([])?;
    let (mut count, mut bytes) = (0, 0);
    while let Some(row) = rows.next()? {
        bytes += row.get_ref(2)?.as_str()?.len();
        count += 1;
    }
    std::hint::black_box(bytes);
    Ok((count, begin.elapsed()))
}
