//! What audit entries open, and what became of it: reasons that hold for a time, suspicions, questions.

use super::{AuditReader, NewAuditEntry};
use crate::StoreError;
use crate::backend::{Connection, Row, Value, values};
use fhir::PersonKey;
use jiff::Timestamp;

/// What was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum MatterKind {
    /// A user said why, for lack of a known relationship.
    Claim = 1,
    /// A user broke the glass.
    Glass = 2,
    /// Something looks like misuse.
    Misuse = 3,
    /// A person asks about an entry.
    Question = 4,
    /// A person asks that something be shared no more, or again.
    Objection = 5,
}

impl MatterKind {
    fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => MatterKind::Claim,
            2 => MatterKind::Glass,
            3 => MatterKind::Misuse,
            4 => MatterKind::Question,
            5 => MatterKind::Objection,
            _ => return None,
        })
    }
}

/// To be opened by an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMatter {
    /// What it is.
    pub kind: MatterKind,
    /// Up to when a reason holds.
    pub until: Option<Timestamp>,
    /// The reason's code; what a suspicion rests on.
    pub about: String,
    /// The entry it is about, if it is about one.
    pub of: Option<u64>,
}

/// As stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matter {
    /// The entry that opened it.
    pub n: u64,
    /// What it is.
    pub kind: MatterKind,
    /// The person it is about.
    pub person: Option<PersonKey>,
    /// The user it is about; of a question, who asks.
    pub user: String,
    /// When it was opened.
    pub at: Timestamp,
    /// Up to when a reason holds.
    pub until: Option<Timestamp>,
    /// The reason's code; what a suspicion rests on.
    pub about: String,
    /// The entry it is about.
    pub of: Option<u64>,
    /// The entry that settled it.
    pub settled: Option<u64>,
    /// How it ended.
    pub outcome: Option<String>,
}

pub(super) fn note(connection: &Connection, n: i64, entry: &NewAuditEntry) -> Result<(), StoreError> {
    if let Some(opens) = &entry.opens {
        connection
            .execute("INSERT INTO matter (n, kind, person, \"user\", at, until, about, of) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", values![
                n,
                opens.kind as u8,
                entry.person.map(|person| person.0.cast_signed()),
                entry.user,
                entry.at.as_microsecond(),
                opens.until.map(Timestamp::as_microsecond),
                opens.about,
                opens.of.map(u64::cast_signed)
            ])?;
    }
    if let Some((of, outcome)) = &entry.settles {
        // The first answer stands; a later one is an entry of its own and changes nothing here.
        connection.execute(
            "UPDATE matter SET settled = ?2, outcome = ?3 WHERE n = ?1 AND settled IS NULL",
            values![of.cast_signed(), n, outcome],
        )?;
    }
    Ok(())
}

const COLUMNS: &str = "n, kind, person, \"user\", at, until, about, of, settled, outcome";

fn read(row: &Row<'_>) -> Result<Option<Matter>, StoreError> {
    let time = |at: i64| Timestamp::from_microsecond(at).unwrap_or_default();
    let Some(kind) = MatterKind::from_code(row.get(1)?) else { return Ok(None) };
    Ok(Some(Matter {
        n: row.get::<i64>(0)?.cast_unsigned(),
        kind,
        person: row.get::<Option<i64>>(2)?.map(|person| PersonKey(person.cast_unsigned())),
        user: row.get(3)?,
        at: time(row.get(4)?),
        until: row.get::<Option<i64>>(5)?.map(time),
        about: row.get(6)?,
        of: row.get::<Option<i64>>(7)?.map(i64::cast_unsigned),
        settled: row.get::<Option<i64>>(8)?.map(i64::cast_unsigned),
        outcome: row.get(9)?,
    }))
}

impl AuditReader {
    fn matters_where(&self, condition: &str, values: &[Value<'_>]) -> Result<Vec<Matter>, StoreError> {
        let found: Vec<Option<Matter>> =
            self.connection.all(&format!("SELECT {COLUMNS} FROM matter WHERE {condition}"), values, read)?;
        Ok(found.into_iter().flatten().collect())
    }

    /// What of one kind was opened about a person, newest first.
    pub fn matters_about(&self, person: PersonKey, kind: MatterKind, limit: usize) -> Result<Vec<Matter>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.matters_where(
            "person = ?1 AND kind = ?2 ORDER BY n DESC LIMIT ?3",
            values![person.0.cast_signed(), kind as u8, limit],
        )
    }

    /// Reasons a user gave for a person that still hold at `now`: claims and broken glass.
    pub fn grants(&self, user: &str, person: PersonKey, now: Timestamp) -> Result<Vec<Matter>, StoreError> {
        self.matters_where(
            "\"user\" = ?1 AND person = ?2 AND kind IN (1, 2) AND until > ?3 AND at <= ?3 AND COALESCE(outcome, '') <> 'revoked' ORDER BY n",
            values![user, person.0.cast_signed(), now.as_microsecond()],
        )
    }

    /// How many of a kind a user opened since a time; `about`: with this reason alone.
    pub fn count_by(
        &self,
        user: &str,
        kind: MatterKind,
        about: Option<&str>,
        since: Timestamp,
    ) -> Result<u32, StoreError> {
        let sql =
            "SELECT count(*) FROM matter WHERE \"user\" = ?1 AND kind = ?2 AND at >= ?3 AND (?4 IS NULL OR about = ?4)";
        self.connection.only(sql, values![user, kind as u8, since.as_microsecond(), about], |row| row.get(0))
    }

    /// What was opened of a kind, newest first: what waits, or what is settled.
    pub fn matters(&self, kind: MatterKind, settled: bool, limit: usize) -> Result<Vec<Matter>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let state = if settled { "NOT NULL" } else { "NULL" };
        self.matters_where(
            &format!("kind = ?1 AND settled IS {state} ORDER BY at DESC, n DESC LIMIT ?2"),
            values![kind as u8, limit],
        )
    }

    /// How many of a kind wait.
    pub fn waiting(&self, kind: MatterKind) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM matter WHERE kind = ?1 AND settled IS NULL";
        let count: i64 = self.connection.only(sql, values![kind as u8], |row| row.get(0))?;
        Ok(count.cast_unsigned())
    }

    /// What an entry opened.
    pub fn matter(&self, n: u64) -> Result<Option<Matter>, StoreError> {
        Ok(self.matters_where("n = ?1", values![n.cast_signed()])?.into_iter().next())
    }

    /// What was opened about an entry: questions and suspicions.
    pub fn matters_of(&self, of: u64) -> Result<Vec<Matter>, StoreError> {
        self.matters_where("of = ?1 ORDER BY n", values![of.cast_signed()])
    }

    /// The index of matters against the entries it is made of: none slipped in, none changed.
    pub(super) fn verify_matters(&self) -> Result<(), StoreError> {
        let sql = "SELECT m.n, m.kind, m.\"user\" = e.\"user\" AND m.person IS NOT DISTINCT FROM e.person AND m.at = e.at, m.about, e.body, m.outcome, s.body
                   FROM matter m LEFT JOIN entry e ON e.n = m.n LEFT JOIN entry s ON s.n = m.settled";
        self.connection.each(sql, &[], |row| {
            let n: i64 = row.get(0)?;
            let wrong = || StoreError::Corrupt(format!("what audit entry {n} opened is not what the entry says"));
            let (kind, same, about): (u8, Option<bool>, String) = (row.get(1)?, row.get(2)?, row.get(3)?);
            let (body, outcome, settled): (Option<String>, Option<String>, Option<String>) =
                (row.get(4)?, row.get(5)?, row.get(6)?);
            let read =
                |text: Option<String>| text.and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok());
            let entry = read(body).ok_or_else(wrong)?;
            let said = |name: &str| entry.get(name).and_then(serde_json::Value::as_str);
            let action = match MatterKind::from_code(kind) {
                Some(MatterKind::Claim) => ("claim", Some("reason")),
                Some(MatterKind::Glass) => ("break-glass", Some("reason")),
                Some(MatterKind::Misuse) => ("suspect", Some("rule")),
                Some(MatterKind::Question) => ("ask-about", None),
                Some(MatterKind::Objection) => ("ask-objection", Some("what")),
                None => return Err(wrong()),
            };
            let as_said = said("action") == Some(action.0)
                && said("outcome") == Some("permitted")
                && action.1.is_none_or(|name| said(name) == Some(about.as_str()));
            let ended = match (&outcome, read(settled)) {
                (None, None) => true,
                (Some(outcome), Some(settled)) => {
                    settled.get("ended").and_then(serde_json::Value::as_str) == Some(outcome.as_str())
                        && settled.get("of").and_then(serde_json::Value::as_i64) == Some(n)
                }
                _ => false,
            };
            if same != Some(true) || !as_said || !ended {
                return Err(wrong());
            }
            Ok(())
        })
    }
}
