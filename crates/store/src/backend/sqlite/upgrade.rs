//! A derived state of a former form, taken over where it lies. What people are found by ([`schema::DERIVED_FINDS`]) is made of the
//! other tables, by the statements of this version: a form that differs from today's in that alone costs minutes at millions of
//! people, where making all of it again from the journal costs an hour.

use super::{PAGE_DERIVED, open_paged, schema};
use crate::StoreError;
use rusqlite::Connection;
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
    connection.execute_batch(&format!(
        "BEGIN IMMEDIATE; {goes} {} {} PRAGMA user_version = {}; COMMIT;",
        schema::DERIVED,
        schema::DERIVED_FINDS,
        schema::DERIVED_VERSION
    ))?;
    tracing::info!(form = schema::DERIVED_VERSION, "the derived state was taken over");
    Ok(())
}
