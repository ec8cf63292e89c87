//! Teams, their rules, and what each was told.

use super::{Follower, Told, events::Happened, key};
use crate::{
    Failure,
    rules::{How, Rules},
};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::HashMap;

/// A team's rules, kept at hand.
pub(super) struct TeamRules {
    pub rules: Rules,
}

pub(super) fn load(connection: &Connection) -> Result<HashMap<i64, TeamRules>, Failure> {
    let mut teams = HashMap::new();
    let mut statement = connection.prepare_cached("SELECT id, rules FROM team")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let rules: String = row.get(1)?;
        teams.insert(row.get(0)?, TeamRules { rules: serde_json::from_str(&rules).unwrap_or_default() });
    }
    Ok(teams)
}

impl Follower {
    /// The number of a team, made with these rules at first sight.
    pub(super) fn team(&mut self, key: &str, organisation: &str, name: &str, rules: Rules) -> Result<i64, Failure> {
        if let Some(id) = self.team_number(key)? {
            return Ok(id);
        }
        let text = serde_json::to_string(&rules).unwrap_or_default();
        self.connection
            .prepare_cached("INSERT INTO team (key, organisation, name, rules) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![key, organisation, name, text])?;
        let id = self.connection.last_insert_rowid();
        self.teams.insert(id, TeamRules { rules });
        Ok(id)
    }

    pub(super) fn team_number(&self, key: &str) -> Result<Option<i64>, Failure> {
        Ok(self
            .connection
            .prepare_cached("SELECT id FROM team WHERE key = ?1")?
            .query_row([key], |row| row.get(0))
            .optional()?)
    }

    /// Tell a team of an event, if its rules say so.
    pub(super) fn notify(&mut self, team: i64, event: i64, happened: &Happened, at: Timestamp) -> Result<(), Failure> {
        let Some(known) = self.teams.get(&team) else { return Ok(()) };
        let how = match happened.corrects {
            None => known.rules.how(happened.fact.topic),
            // Whoever was told is told that it is not so; nobody else.
            Some(corrected) => match self.was_told(team, corrected)? {
                true => known.rules.how(happened.fact.topic).max_inbox(),
                false => How::No,
            },
        };
        if how == How::No {
            return Ok(());
        }
        let (patient, kind, local) = key(happened.id, happened.kind);
        let urgent = how == How::Urgent || how == How::Inbox && happened.fact.is_urgent();
        let known_notice: Option<(i64, i64, i64, bool)> = self
            .connection
            .prepare_cached(
                "SELECT id, last, acknowledged, urgent FROM notice
                 WHERE team = ?1 AND patient = ?2 AND kind = ?3 AND local = ?4",
            )?
            .query_row(params![team, patient, kind, local], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })
            .optional()?;
        // What waited to be seen stays as urgent as it was.
        let waits = known_notice.is_some_and(|(_, last, acknowledged, _)| acknowledged < last);
        let urgent = urgent || waits && known_notice.is_some_and(|(.., urgent)| urgent);
        let due = if how == How::Digest && !waits { None } else { known.rules.due(at, urgent) };
        let due = due.map(Timestamp::as_microsecond);
        let notice = match known_notice {
            Some((id, ..)) => {
                self.connection
                    .prepare_cached(
                        "UPDATE notice SET last = ?2, at = ?3, urgent = ?4, due = coalesce(due, ?5), snoozed = NULL,
                         escalated = CASE WHEN acknowledged < last THEN escalated END, gone = 0, person = ?6
                         WHERE id = ?1",
                    )?
                    .execute(params![id, event, at.as_microsecond(), urgent, due, happened.person.0.cast_signed()])?;
                id
            }
            None => {
                self.connection
                    .prepare_cached(
                        "INSERT INTO notice (team, person, patient, kind, local, last, at, urgent, due)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                    )?
                    .execute(params![
                        team,
                        happened.person.0.cast_signed(),
                        patient,
                        kind,
                        local,
                        event,
                        at.as_microsecond(),
                        urgent,
                        due
                    ])?;
                self.connection.last_insert_rowid()
            }
        };
        self.connection
            .prepare_cached("INSERT OR IGNORE INTO told (notice, event) VALUES (?1, ?2)")?
            .execute([notice, event])?;
        if how == How::Digest && !waits {
            self.connection.prepare_cached("UPDATE notice SET acknowledged = last WHERE id = ?1")?.execute([notice])?;
        }
        self.waiting.push(Told { team, notice });
        Ok(())
    }

    fn was_told(&self, team: i64, event: i64) -> Result<bool, Failure> {
        Ok(self
            .connection
            .prepare_cached("SELECT 1 FROM told t JOIN notice n ON n.id = t.notice WHERE t.event = ?2 AND n.team = ?1")?
            .exists([team, event])?)
    }
}

impl How {
    /// A correction is told at least in the inbox.
    fn max_inbox(self) -> How {
        if self == How::Urgent { How::Urgent } else { How::Inbox }
    }
}
