//! Which requests await an organisation, and which it made.

use super::Notices;
use crate::{Failure, decision::StoryKey};
use fhir::{PatientKey, PersonKey, ResourceId, ResourceType};
use jiff::Timestamp;
use rusqlite::params;

/// A request that was made here: its task, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requested {
    /// Its task.
    pub story: StoryKey,
    /// Whom it is about.
    pub person: PersonKey,
    /// 2 emergency, 1 urgent, 0 routine.
    pub urgency: u8,
    /// When it was made; of one that is closed, when that was.
    pub at: Timestamp,
    /// The task's status.
    pub status: String,
    /// The organisation that asks, by its code.
    pub asker: String,
}

impl Notices {
    /// An organisation's requests: those it is asked (`made`: those it made), the open ones with the most urgent first, or
    /// those closed since a time with the newest first.
    ///
    /// # Errors
    /// The file's.
    pub fn requests(
        &self,
        organisation: &str,
        made: bool,
        closed_since: Option<Timestamp>,
        limit: usize,
    ) -> Result<Vec<Requested>, Failure> {
        let side = if made { "asker" } else { "owner" };
        let order = if closed_since.is_some() { "at DESC" } else { "urgency DESC, at DESC" };
        let sql = format!(
            "SELECT patient, kind, local, person, urgency, at, status, asker FROM request
             WHERE {side} = ?1 AND open = ?2 AND at >= ?3 ORDER BY {order}, patient, local LIMIT ?4"
        );
        self.readers.read(|connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let since = closed_since.map_or(i64::MIN, Timestamp::as_microsecond);
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let code = organisation.to_ascii_uppercase();
            let found = statement
                .query_map(params![code, closed_since.is_none(), since, limit], |row| {
                    let patient = PatientKey(row.get::<_, i64>(0)?.cast_unsigned());
                    let id = ResourceId { patient, local: row.get::<_, i64>(2)?.cast_unsigned() };
                    Ok(Requested {
                        story: StoryKey {
                            id,
                            kind: ResourceType::from_code(row.get(1)?).unwrap_or(ResourceType::Task),
                        },
                        person: PersonKey(row.get::<_, i64>(3)?.cast_unsigned()),
                        urgency: row.get(4)?,
                        at: Timestamp::from_microsecond(row.get(5)?).unwrap_or_default(),
                        status: row.get(6)?,
                        asker: row.get(7)?,
                    })
                })?
                .collect::<Result<_, _>>()?;
            Ok(found)
        })
    }
}
