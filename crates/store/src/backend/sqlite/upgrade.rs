//! A derived state of a former form, taken over where it lies. What people are found by ([`schema::DERIVED_FINDS`]) is made of the
//! other tables, by the statements of this version, and names are folded as this version does: a form that differs from today's in that
//! alone costs minutes at millions of people, where making all of it again from the journal costs an hour.

use super::{PAGE_DERIVED, open_paged, schema};
use crate::{StoreError, read::read_facts};
use rusqlite::{Connection, params};
use std::path::Path;

/// Rows are sorted in files meanwhile, and pages not kept: the memory is for the index of people, which is loaded next.
const CACHE_KIB: i64 = 64 << 10;

/// What goes of a form before what this version has takes its place; None where more differs than what people are found by.
fn goes(form: i64) -> Option<&'static str> {
    match form {
        // Who was born on a day was an index of `patient`, and whom a person is made of not said by its own.
        8 => Some("DROP INDEX patient_birth; DROP INDEX link_person;"),
        // A day's births did not say the source.
        9 => Some(
            "DROP TRIGGER birthday_known; DROP TRIGGER birthday_changed; DROP TRIGGER birthday_linked; DROP TABLE birthday;",
        ),
        // Accents stayed on the letters of some languages (Nguyễn).
        10 => Some(""),
        _ => None,
    }
}

/// Whether a file of this form is taken over.
pub(super) fn takes_over(form: i64) -> bool {
    goes(form).is_some()
}

/// Take over a file of a former form, whole or not at all; one of this form, of none, or of another that has to be made again from the
/// journal stays as it is.
pub(super) fn take_over(path: &Path) -> Result<(), StoreError> {
    if !path.is_file() {
        return Ok(());
    }
    let connection = Connection::open(path)?;
    let form: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    drop(connection);
    let Some(goes) = goes(form) else { return Ok(()) };
    tracing::warn!(
        form,
        "the derived state is of a former form: what people are found by is made anew, which takes a minute for some millions of them"
    );
    let connection = open_paged(path, "WAL", "NORMAL", CACHE_KIB, PAGE_DERIVED)?;
    connection.pragma_update(None, "temp_store", "FILE")?;
    connection.execute_batch(&format!("BEGIN IMMEDIATE; {goes}"))?;
    if !goes.is_empty() {
        connection.execute_batch(&format!("{} {}", schema::DERIVED, schema::DERIVED_FINDS))?;
    }
    fold_names_anew(&connection)?;
    connection.execute_batch(&format!("PRAGMA user_version = {}; COMMIT;", schema::DERIVED_VERSION))?;
    tracing::info!(form = schema::DERIVED_VERSION, "the derived state was taken over");
    Ok(())
}

/// Names by which people are found, folded as this version does where a letter had kept its accent.
fn fold_names_anew(connection: &Connection) -> Result<(), StoreError> {
    let mut accented = connection.prepare(
        "SELECT patient, facts FROM patient
         WHERE length(CAST(family AS BLOB)) > length(family) OR length(CAST(given AS BLOB)) > length(given)",
    )?;
    let rows = accented.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<String>>(1)?)))?;
    // Not while they are read: what changes would be met again.
    let mut changed = Vec::new();
    for row in rows {
        if let (patient, Some(facts)) = row? {
            let facts = read_facts(&facts)?;
            changed.push((patient, facts.family_key(), facts.given_key()));
        }
    }
    let mut change = connection.prepare("UPDATE patient SET family = ?2, given = ?3 WHERE patient = ?1")?;
    for (patient, family, given) in changed {
        change.execute(params![patient, family, given])?;
    }
    Ok(())
}
