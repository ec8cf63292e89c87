//! Carrying out what people decided: acknowledged, assigned, put off; teams and lists; subscriptions.

use super::{
    Follower, Told, key,
    lists::{Named, slug},
    teams::TeamRules,
};
use crate::{
    Failure,
    decision::{Act, Decision, Filter, ListRule, StoryKey},
    read::mark,
};
use fhir::PatientKey;
use intake::{CaseloadAct, EntryKind, caseload_decision};
use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};
use store::{FeedRow, Snapshot, journal::Entry};

impl Follower {
    pub(super) fn decide(&mut self, snapshot: &Snapshot, row: &FeedRow) -> Result<(), Failure> {
        let Some(entry) = self.decision_entry(row.seq)? else { return Ok(()) };
        match entry.kind {
            EntryKind::Caseload => self.caseload(snapshot, row, &entry),
            EntryKind::Telling => match entry.about.as_deref().and_then(Decision::read) {
                Some(decision) => self.carry_out(snapshot, row, &decision),
                None => {
                    tracing::error!(pos = row.seq, "a decision about telling was written by another version of skein");
                    Ok(())
                }
            },
            _ => Ok(()),
        }
    }

    fn caseload(&mut self, snapshot: &Snapshot, row: &FeedRow, entry: &Entry) -> Result<(), Failure> {
        let Some(said) = caseload_decision(entry) else { return Ok(()) };
        let organisation = said.organisation.trim().to_ascii_uppercase();
        let key = uploaded_key(&organisation, &said.list);
        let list = self.list(&Named { key, kind: "uploaded", organisation, name: said.list.clone() })?;
        for patient in said.patients.iter().filter_map(|key| key.parse::<PatientKey>().ok()) {
            let Some(person) = snapshot.person_of(patient, row.seq)? else { continue };
            match said.act {
                CaseloadAct::Add => self.put_on(list, patient, person, "decided")?,
                CaseloadAct::Remove => self.take_off(list, patient, "decided")?,
            }
            self.relist(person)?;
        }
        Ok(())
    }

    fn carry_out(&mut self, snapshot: &Snapshot, row: &FeedRow, decision: &Decision) -> Result<(), Failure> {
        let at = row.received;
        match &decision.act {
            Act::Acknowledge { team, stories, up_to } => {
                for story in stories {
                    self.acknowledge(team, *story, *up_to, &decision.name, at)?;
                }
                Ok(())
            }
            Act::Assign { team, story, to } => {
                self.change_notice(team, *story, "assigned = ?2", |id| (id, (!to.is_empty()).then_some(to.clone())))
            }
            Act::Snooze { team, story, until } => {
                let until = until.as_microsecond();
                self.change_notice(team, *story, "snoozed = ?2, due = max(due, ?2)", |id| (id, until))
            }
            Act::Note { team, story, words } => {
                let Some((team, notice)) = self.notice_of(team, *story)? else { return Ok(()) };
                self.connection
                    .prepare_cached(
                        "INSERT OR REPLACE INTO note (notice, seq, at, by, words) VALUES (?1, ?2, ?3, ?4, ?5)",
                    )?
                    .execute(params![notice, row.seq.cast_signed(), at.as_microsecond(), decision.name, words])?;
                self.waiting.push(Told { team, notice });
                Ok(())
            }
            Act::Team { team, title, lists, rules } => {
                let id = self.team(team, &decision.organisation, title, rules.clone())?;
                let text = serde_json::to_string(rules).unwrap_or_default();
                self.connection
                    .prepare_cached("UPDATE team SET name = ?2, rules = ?3 WHERE id = ?1")?
                    .execute(params![id, title, text])?;
                self.teams.insert(id, TeamRules { rules: rules.clone() });
                self.connection.prepare_cached("DELETE FROM team_list WHERE team = ?1")?.execute([id])?;
                for list in lists {
                    self.connection
                        .prepare_cached(
                            "INSERT OR IGNORE INTO team_list (list, team) SELECT id, ?2 FROM list WHERE key = ?1",
                        )?
                        .execute(params![list, id])?;
                }
                Ok(())
            }
            Act::List { list, title, rule } => {
                self.list_by_rule(snapshot, row, list, title, rule, &decision.organisation)
            }
            Act::Plan { story, about, words } => {
                let (patient, kind, local) = key(story.id, story.kind);
                self.connection
                    .prepare_cached(
                        "INSERT OR REPLACE INTO planning (patient, kind, local, seq, at, by, organisation, about, words)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                    )?
                    .execute(params![
                        patient,
                        kind,
                        local,
                        row.seq.cast_signed(),
                        at.as_microsecond(),
                        decision.name,
                        decision.organisation,
                        about,
                        words
                    ])?;
                // Whoever was told of the stay sees that something was said about it.
                let told: Vec<(i64, i64)> = self
                    .connection
                    .prepare_cached("SELECT team, id FROM notice WHERE patient = ?1 AND kind = ?2 AND local = ?3")?
                    .query_map(params![patient, kind, local], |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect::<Result<_, _>>()?;
                self.waiting.extend(told.into_iter().map(|(team, notice)| Told { team, notice }));
                Ok(())
            }
            Act::Subscribe { id, client, resource, filter, status, error } => {
                let known: Option<i64> = self
                    .connection
                    .prepare_cached("SELECT numbered FROM subscription WHERE id = ?1")?
                    .query_row([id], |row| row.get(0))
                    .optional()?;
                let newest: i64 = self
                    .connection
                    .prepare_cached("SELECT coalesce(max(n), 0) FROM event")?
                    .query_row([], |row| row.get(0))?;
                let text = serde_json::to_string(filter).unwrap_or_default();
                self.connection
                    .prepare_cached(
                        "INSERT INTO subscription (id, client, resource, filter, status, error, since)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO UPDATE SET
                         resource = ?3, filter = ?4, status = ?5, error = ?6",
                    )?
                    .execute(params![id, client, resource, text, status, error, newest])?;
                self.count(id, filter, status, known.unwrap_or(0));
                Ok(())
            }
            Act::SubscriptionState { id, of, status, error } => {
                let known: Option<(String, String, i64)> = self
                    .connection
                    .prepare_cached("SELECT resource, filter, numbered FROM subscription WHERE id = ?1")?
                    .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                    .optional()?;
                let Some((_, filter, numbered)) = known.filter(|(resource, ..)| mark(resource) == *of) else {
                    return Ok(());
                };
                self.connection
                    .prepare_cached("UPDATE subscription SET status = ?2, error = ?3 WHERE id = ?1")?
                    .execute(params![id, status, error])?;
                self.count(id, &serde_json::from_str(&filter).unwrap_or_default(), status, numbered);
                Ok(())
            }
            Act::SubscriptionSent { id, sent } => {
                self.connection
                    .prepare_cached(
                        "INSERT INTO queue (name, sent) SELECT id, ?2 FROM subscription WHERE id = ?1
                         ON CONFLICT (name) DO UPDATE SET sent = max(sent, ?2)",
                    )?
                    .execute(params![id, sent.cast_signed()])?;
                Ok(())
            }
            Act::Unsubscribe { id } => {
                self.subscriptions.remove(id);
                for table in ["subscription WHERE id", "due WHERE subscription", "queue WHERE name"] {
                    self.connection.prepare_cached(&format!("DELETE FROM {table} = ?1"))?.execute([id])?;
                }
                self.subscriptions.stirred = true;
                Ok(())
            }
        }
    }

    /// Number events for a subscription from now on, or no more. One that waits for its first answer counts already: what
    /// happens meanwhile is told when the answer has come.
    fn count(&mut self, id: &str, filter: &Filter, status: &str, numbered: i64) {
        match matches!(status, "active" | "requested") {
            true => self.subscriptions.add(id, filter, numbered),
            false => self.subscriptions.remove(id),
        }
        self.subscriptions.stirred = true;
    }

    fn notice_of(&self, team: &str, story: StoryKey) -> Result<Option<(i64, i64)>, Failure> {
        let Some(team) = self.team_number(team)? else { return Ok(None) };
        let (patient, kind, local) = key(story.id, story.kind);
        let notice: Option<i64> = self
            .connection
            .prepare_cached("SELECT id FROM notice WHERE team = ?1 AND patient = ?2 AND kind = ?3 AND local = ?4")?
            .query_row(params![team, patient, kind, local], |row| row.get(0))
            .optional()?;
        Ok(notice.map(|notice| (team, notice)))
    }

    fn change_notice<P: rusqlite::Params>(
        &mut self,
        team: &str,
        story: StoryKey,
        change: &str,
        values: impl FnOnce(i64) -> P,
    ) -> Result<(), Failure> {
        let Some((team, notice)) = self.notice_of(team, story)? else { return Ok(()) };
        self.connection
            .prepare_cached(&format!("UPDATE notice SET {change} WHERE id = ?1"))?
            .execute(values(notice))?;
        self.waiting.push(Told { team, notice });
        Ok(())
    }

    fn acknowledge(&mut self, team: &str, story: StoryKey, up_to: u64, by: &str, at: Timestamp) -> Result<(), Failure> {
        let Some((team, notice)) = self.notice_of(team, story)? else { return Ok(()) };
        self.connection
            .prepare_cached(
                "UPDATE notice SET acknowledged = max(acknowledged, min(?2, last)), acknowledged_by = ?3,
                 acknowledged_at = ?4, due = CASE WHEN last <= ?2 THEN NULL ELSE due END
                 WHERE id = ?1 AND acknowledged < min(?2, last)",
            )?
            .execute(params![notice, up_to.cast_signed(), by, at.as_microsecond()])?;
        self.waiting.push(Told { team, notice });
        Ok(())
    }

    fn list_by_rule(
        &mut self,
        snapshot: &Snapshot,
        row: &FeedRow,
        list: &str,
        title: &str,
        rule: &ListRule,
        organisation: &str,
    ) -> Result<(), Failure> {
        let named = Named {
            key: list.to_owned(),
            kind: "rule",
            organisation: organisation.to_ascii_uppercase(),
            name: title.to_owned(),
        };
        let id = self.list(&named)?;
        let text = serde_json::to_string(rule).unwrap_or_default();
        self.connection.prepare_cached("UPDATE list SET rule = ?2 WHERE id = ?1")?.execute(params![id, text])?;
        self.apply_rule(snapshot, row.seq, row.received, id, rule)
    }
}

/// The key of a list that an organisation keeps here.
pub fn uploaded_key(organisation: &str, list: &str) -> String {
    format!("list:{organisation}:{}", slug(list))
}
