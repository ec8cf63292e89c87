//! What time brings: notices that nobody acknowledged are passed on, lists by rule are made again each day, what is long over
//! leaves windows and boards.

use super::{Follower, SHOWN_DAYS, Told, before};
use crate::{Failure, decision::ListRule, facts::text, read::Part, rules::clock};
use fhir::{PatientKey, PersonKey, ResourceType, json::Document};
use jiff::{Timestamp, ToSpan};
use rusqlite::{OptionalExtension, params};
use std::collections::{HashMap, HashSet};
use store::{Snapshot, StoreError};

/// Rows that are over, taken away in one go.
const OVER_MAX: usize = 2000;

impl Follower {
    /// Do what is due at `now`.
    ///
    /// # Errors
    /// [`Failure`]: the next call tries again.
    pub fn tick(&mut self, now: Timestamp) -> Result<(), Failure> {
        let ticked = self.what_time_brings(now);
        self.following.send_modify(|following| {
            following.untimely = ticked.is_err().then(|| following.untimely.unwrap_or(now));
        });
        ticked
    }

    /// Pass on what was due by the time of the newest entry that was taken: while there is more to take, this does not wait for
    /// its end. What was acknowledged up to then is known; what was since, is not, so that nothing later is passed on yet.
    ///
    /// # Errors
    /// [`Failure`]: the next call tries again.
    pub fn tick_behind(&mut self) -> Result<(), Failure> {
        let known = self.known;
        self.at_once(|follower| follower.due(known))
    }

    fn what_time_brings(&mut self, now: Timestamp) -> Result<(), Failure> {
        let snapshot = self.derived.snapshot()?;
        self.at_once(|follower| {
            follower.due(now)?;
            follower.digests(now)?;
            follower.daily(&snapshot, now)
        })
    }

    /// Do it whole or not at all, and say it.
    fn at_once(&mut self, work: impl FnOnce(&mut Self) -> Result<(), Failure>) -> Result<(), Failure> {
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let result = work(self);
        if let Err(failure) = result.and_then(|()| Ok(self.connection.execute_batch("COMMIT")?)) {
            self.waiting.clear();
            self.changed.clear();
            // One that could not be committed is open still, and no other could begin.
            if !self.connection.is_autocommit() {
                self.connection.execute_batch("ROLLBACK")?;
            }
            return Err(failure);
        }
        self.say();
        Ok(())
    }

    fn due(&mut self, now: Timestamp) -> Result<(), Failure> {
        let due: Vec<(i64, i64)> = self
            .connection
            .prepare_cached("SELECT id, team FROM notice WHERE due IS NOT NULL AND due <= ?1 ORDER BY due")?
            .query_map([now.as_microsecond()], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let mut by_team: HashMap<i64, i64> = HashMap::new();
        for (notice, team) in due {
            self.connection
                .prepare_cached("UPDATE notice SET escalated = ?2, due = NULL WHERE id = ?1")?
                .execute(params![notice, now.as_microsecond()])?;
            *by_team.entry(team).or_default() += 1;
            self.waiting.push(Told { team, notice });
        }
        for (team, count) in by_team {
            self.mail(team, now.as_microsecond(), "passed-on", count)?;
        }
        Ok(())
    }

    fn mail(&self, team: i64, at: i64, why: &str, count: i64) -> Result<(), Failure> {
        if self.teams.get(&team).is_none_or(|known| known.rules.mail.is_empty()) {
            return Ok(());
        }
        self.connection
            .prepare_cached("INSERT OR IGNORE INTO mail (team, at, why, count) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![team, at, why, count])?;
        Ok(())
    }

    fn digests(&mut self, now: Timestamp) -> Result<(), Failure> {
        let wanting: Vec<(i64, String)> =
            self.teams.iter().filter_map(|(team, known)| Some((*team, known.rules.digest.clone()?))).collect();
        for (team, at) in wanting {
            let Some(time) = clock(&at) else { continue };
            let here = now.to_zoned(fhir::datetime::london().clone());
            if here.time() < time {
                continue;
            }
            let Ok(today) = here.date().to_datetime(time).to_zoned(fhir::datetime::london().clone()) else { continue };
            let yesterday = today.checked_sub(1.day()).unwrap_or_else(|_| today.clone());
            let count: i64 = self
                .connection
                .prepare_cached("SELECT count(*) FROM notice WHERE team = ?1 AND at > ?2 AND at <= ?3 AND gone = 0")?
                .query_row(
                    params![team, yesterday.timestamp().as_microsecond(), today.timestamp().as_microsecond()],
                    |row| row.get(0),
                )?;
            if count > 0 {
                self.mail(team, today.timestamp().as_microsecond(), "digest", count)?;
            }
        }
        Ok(())
    }

    /// Once a day by the clock in London.
    fn daily(&mut self, snapshot: &Snapshot, now: Timestamp) -> Result<(), Failure> {
        let today = now.to_zoned(fhir::datetime::london().clone()).date().to_string();
        let done: Option<String> = self
            .connection
            .prepare_cached("SELECT value FROM meta WHERE key = 'day'")?
            .query_row([], |row| row.get(0))
            .optional()?;
        if done.as_deref() == Some(today.as_str()) {
            return Ok(());
        }
        let rules: Vec<(i64, String)> = self
            .connection
            .prepare_cached("SELECT id, rule FROM list WHERE rule IS NOT NULL")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let seq = self.reached();
        for (list, rule) in rules {
            let rule: ListRule = serde_json::from_str(&rule).unwrap_or_default();
            self.apply_rule(snapshot, seq, now, list, &rule)?;
        }
        let mut over: Vec<i64> = Vec::new();
        for part in [Part::Left, Part::LeftEmergency, Part::Appointments, Part::Filed] {
            let found = self
                .connection
                .prepare_cached("SELECT id FROM item WHERE part = ?1 AND at < ?2 LIMIT ?3")?
                .query_map(
                    params![part as u8, before(now, SHOWN_DAYS), i64::try_from(OVER_MAX).unwrap_or(i64::MAX)],
                    |row| row.get(0),
                )?
                .collect::<Result<Vec<i64>, _>>()?;
            over.extend(found);
        }
        for item in &over {
            self.connection.prepare_cached("DELETE FROM listed WHERE item = ?1")?.execute([item])?;
            self.connection.prepare_cached("DELETE FROM item WHERE id = ?1")?.execute([item])?;
        }
        // With more to take away, the day is not done.
        if over.len() < OVER_MAX {
            self.connection
                .prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES ('day', ?1)")?
                .execute([today])?;
        }
        Ok(())
    }

    /// Put on a list by rule whom the rule means at `now`, and take off whom it does not.
    pub(super) fn apply_rule(
        &mut self,
        snapshot: &Snapshot,
        seq: u64,
        now: Timestamp,
        list: i64,
        rule: &ListRule,
    ) -> Result<(), Failure> {
        let mut people: Vec<(PatientKey, PersonKey)> = Vec::new();
        for practice in &rule.practices {
            let found = self
                .connection
                .prepare_cached(
                    "SELECT m.patient, m.person FROM member m JOIN list l ON l.id = m.list WHERE l.key = ?1
                     GROUP BY m.person ORDER BY m.person",
                )?
                .query_map([super::lists::practice_key(&practice.to_ascii_uppercase())], |row| {
                    Ok((
                        PatientKey(row.get::<_, i64>(0)?.cast_unsigned()),
                        PersonKey(row.get::<_, i64>(1)?.cast_unsigned()),
                    ))
                })?
                .collect::<Result<Vec<_>, _>>()?;
            people.extend(found);
        }
        let mut meant: HashMap<PatientKey, PersonKey> = HashMap::new();
        for (patient, person) in people {
            if is_meant(snapshot, seq, now, rule, patient, person)? {
                meant.insert(patient, person);
            }
        }
        let known: HashSet<PatientKey> = self
            .connection
            .prepare_cached("SELECT patient FROM member WHERE list = ?1 AND why = 'rule'")?
            .query_map([list], |row| Ok(PatientKey(row.get::<_, i64>(0)?.cast_unsigned())))?
            .collect::<Result<_, _>>()?;
        let mut off: Vec<PatientKey> = known.iter().filter(|patient| !meant.contains_key(patient)).copied().collect();
        off.sort_unstable();
        for patient in off {
            self.take_off(list, patient, "rule")?;
            if let Some(person) = snapshot.person_of(patient, seq)? {
                self.relist(person)?;
            }
        }
        let mut on: Vec<(PatientKey, PersonKey)> =
            meant.into_iter().filter(|(patient, _)| !known.contains(patient)).collect();
        on.sort_unstable();
        for (patient, person) in on {
            self.put_on(list, patient, person, "rule")?;
            self.relist(person)?;
        }
        Ok(())
    }
}

/// Whether a rule means a person.
fn is_meant(
    snapshot: &Snapshot,
    seq: u64,
    now: Timestamp,
    rule: &ListRule,
    patient: PatientKey,
    person: PersonKey,
) -> Result<bool, Failure> {
    if let Some(least) = rule.age_min {
        let facts = snapshot.patient(patient)?.and_then(|row| row.facts);
        let Some(born) = facts.and_then(|facts| facts.birth) else { return Ok(false) };
        let today = now.to_zoned(fhir::datetime::london().clone()).date();
        let years = born.until((jiff::Unit::Year, today)).map_or(0, |span| span.get_years());
        if i32::from(years) < i32::from(least) {
            return Ok(false);
        }
    }
    if rule.codes.is_empty() {
        return Ok(true);
    }
    let kinds = [ResourceType::Condition, ResourceType::Flag, ResourceType::Observation];
    let mut found = false;
    for patient in snapshot.patients_of(person, seq)? {
        snapshot.each_row(patient, &kinds, seq, |row| -> Result<(), StoreError> {
            if found || row.deleted {
                return Ok(());
            }
            let mut json = Vec::new();
            snapshot.render(&mut json, &row, "", "")?;
            // Most rows hold none of the codes: looked for as text before anything is read.
            let holds = |code: &String| {
                let quoted = format!("\"{code}\"");
                json.windows(quoted.len()).any(|part| part == quoted.as_bytes())
            };
            if rule.codes.iter().any(holds) {
                found = Document::read(&json).is_ok_and(|document| is_current(row.kind, document.root(), &rule.codes));
            }
            Ok(())
        })?;
    }
    Ok(found)
}

fn is_current(kind: ResourceType, root: fhir::json::Node<'_>, codes: &[String]) -> bool {
    let coded = ["code", "valueCodeableConcept"].into_iter().filter_map(|member| root.get(member));
    let mut codings = coded.flat_map(|concept| concept.list("coding"));
    if !codings.any(|coding| codes.iter().any(|code| text(coding, "/code") == *code)) {
        return false;
    }
    let status = text(root, "/status");
    match kind {
        ResourceType::Condition => {
            let clinical = text(root, "/clinicalStatus/coding/0/code");
            let verified = text(root, "/verificationStatus/coding/0/code");
            !matches!(clinical.as_ref(), "inactive" | "remission" | "resolved")
                && !matches!(verified.as_ref(), "refuted" | "entered-in-error")
        }
        ResourceType::Flag => status == "active",
        _ => !matches!(status.as_ref(), "entered-in-error" | "cancelled"),
    }
}
