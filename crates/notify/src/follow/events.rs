//! What happened, once each; who is told of it; and which subscriptions it is due to.

use super::{Change, Follower, NEWS_DAYS, before, key};
use crate::{
    Failure,
    decision::Filter,
    facts::{self, Fact, text},
    topic::Topic,
};
use fhir::{
    PatientKey, PersonKey, ResourceId, ResourceType,
    json::{Document, Node},
};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::HashMap;
use store::{FeedRow, Snapshot};

/// Results of a report looked at for critical values at most.
const RESULTS_MAX: usize = 200;

/// Where an event stands.
pub(crate) const TAKEN_BACK: u8 = 0;
pub(crate) const HOLDS: u8 = 1;
pub(crate) const REPLACED: u8 = 2;
pub(crate) const TAKES_BACK: u8 = 3;

/// An event about to be written.
pub(super) struct Happened {
    pub person: PersonKey,
    pub id: ResourceId,
    pub kind: ResourceType,
    pub fact: Fact,
    pub corrects: Option<i64>,
    /// The organisation that is told though the person is on no list of its (ODS code).
    pub concerned: Option<String>,
}

impl Follower {
    pub(super) fn happened(
        &mut self,
        snapshot: &Snapshot,
        row: &FeedRow,
        change: &Change,
        after: Option<Node<'_>>,
        person: PersonKey,
    ) -> Result<(), Failure> {
        let mut now = match (after, change.after.as_deref()) {
            (Some(root), Some(json)) => facts::of(change.kind, root, json),
            _ => Vec::new(),
        };
        let mut then = change.before.as_deref().map(|json| facts::facts(change.kind, json)).unwrap_or_default();
        let oldest = before(row.received, NEWS_DAYS);
        let is_news = |fact: &Fact| fact.occurred.is_some_and(|at| at >= oldest);
        if change.kind == ResourceType::DiagnosticReport && now.iter().chain(&then).any(is_news) {
            now.extend(self.critical(snapshot, row.seq, after)?);
            if let Some(former) = change.before.as_deref().and_then(|json| Document::read(json).ok()) {
                then.extend(self.critical(snapshot, row.seq.saturating_sub(1), Some(former.root()))?);
            }
        }
        let difference = facts::difference(&then, &now);
        // Of what has no time of its own, the time of what it belongs to tells whether it is history.
        let goes_on = change.kind == ResourceType::Encounter
            && after.is_some_and(|root| !matches!(text(root, "/status").as_ref(), "finished"));
        let recent = !then.is_empty() || goes_on || now.iter().any(is_news);
        for fact in &difference.replaced {
            self.settle(change, fact, REPLACED)?;
        }
        for fact in difference.taken_back {
            if let Some(corrects) = self.settle(change, &fact, TAKEN_BACK)? {
                let fact = Fact { occurred: None, ..fact };
                let concerned = super::requests::concerned(change.kind, fact.topic, after);
                let happened =
                    Happened { person, id: change.id, kind: change.kind, fact, corrects: Some(corrects), concerned };
                self.tell(snapshot, row, &happened)?;
            }
        }
        for fact in difference.told {
            let is_news = fact.occurred.map_or(recent, |at| at >= oldest);
            if !is_news || fact.topic == Topic::Died && self.is_known_to_have_died(person)? {
                continue;
            }
            let concerned = super::requests::concerned(change.kind, fact.topic, after);
            let happened = Happened { person, id: change.id, kind: change.kind, fact, corrects: None, concerned };
            self.tell(snapshot, row, &happened)?;
        }
        Ok(())
    }

    fn critical(&self, snapshot: &Snapshot, seq: u64, report: Option<Node<'_>>) -> Result<Option<Fact>, Failure> {
        let Some(report) = report else { return Ok(None) };
        if !matches!(text(report, "/status").as_ref(), "final" | "amended" | "corrected" | "appended") {
            return Ok(None);
        }
        for result in report.list("result").take(RESULTS_MAX) {
            let reference = text(result, "/reference");
            let Some(id) = reference.strip_prefix("Observation/").and_then(|id| id.parse().ok()) else { continue };
            let Some(row) = snapshot.row(id, ResourceType::Observation, seq)?.filter(|row| !row.deleted) else {
                continue;
            };
            let mut json = Vec::new();
            snapshot.render(&mut json, &row, "", "")?;
            if Document::read(&json).is_ok_and(|document| facts::is_critical(document.root())) {
                let occurred = facts::time(report, "/issued").or_else(|| facts::time(report, "/effectiveDateTime"));
                return Ok(Some(Fact { topic: Topic::ResultCritical, key: String::new(), occurred }));
            }
        }
        Ok(None)
    }

    fn is_known_to_have_died(&self, person: PersonKey) -> Result<bool, Failure> {
        Ok(self
            .connection
            .prepare_cached("SELECT 1 FROM event WHERE person = ?1 AND topic = ?2 AND stands = 1")?
            .exists(params![person.0.cast_signed(), Topic::Died as u8])?)
    }

    /// Note that a fact no longer holds. Gives the event that told it, if one did.
    fn settle(&self, change: &Change, fact: &Fact, stands: u8) -> Result<Option<i64>, Failure> {
        let (patient, kind, local) = key(change.id, change.kind);
        let told: Option<i64> = self
            .connection
            .prepare_cached(
                "SELECT max(n) FROM event WHERE patient = ?1 AND kind = ?2 AND local = ?3 AND topic = ?4 AND key = ?5
                 AND stands = 1",
            )?
            .query_row(params![patient, kind, local, fact.topic as u8, fact.key], |row| row.get(0))?;
        if let Some(n) = told {
            self.connection.prepare_cached("UPDATE event SET stands = ?2 WHERE n = ?1")?.execute(params![n, stands])?;
        }
        Ok(told)
    }

    /// Write an event down, and tell whom it concerns.
    pub(super) fn tell(&mut self, snapshot: &Snapshot, row: &FeedRow, happened: &Happened) -> Result<(), Failure> {
        let (patient, kind, local) = key(happened.id, happened.kind);
        let stands = if happened.corrects.is_some() { TAKES_BACK } else { HOLDS };
        self.connection
            .prepare_cached(
                "INSERT INTO event (seq, person, patient, kind, local, topic, key, occurred, recorded, corrects, stands)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute(params![
                row.seq.cast_signed(),
                happened.person.0.cast_signed(),
                patient,
                kind,
                local,
                happened.fact.topic as u8,
                happened.fact.key,
                happened.fact.occurred,
                row.received.as_microsecond(),
                happened.corrects,
                stands
            ])?;
        let n = self.connection.last_insert_rowid();
        let teams: Vec<i64> = self
            .connection
            .prepare_cached(
                "SELECT DISTINCT t.team FROM member m JOIN team_list t ON t.list = m.list WHERE m.person = ?1",
            )?
            .query_map([happened.person.0.cast_signed()], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for team in teams {
            self.notify(team, n, happened, row.received)?;
        }
        self.tell_concerned(n, happened, row)?;
        self.match_subscriptions(snapshot, row, n, happened)
    }

    fn match_subscriptions(
        &mut self,
        snapshot: &Snapshot,
        row: &FeedRow,
        n: i64,
        happened: &Happened,
    ) -> Result<(), Failure> {
        // Systems subscribe to plans by CarePlan, and their tokens reach no further: the person's own words are for teams.
        if self.subscriptions.is_empty() || happened.kind == ResourceType::QuestionnaireResponse {
            return Ok(());
        }
        let lists = self.lists_of(happened.person)?;
        let mut keys = Vec::new();
        for list in lists {
            keys.push(self.list_key(list)?);
        }
        let patients = match self.subscriptions.by_patient.is_empty() {
            true => Vec::new(),
            false => snapshot.patients_of(happened.person, row.seq)?,
        };
        let source = snapshot.source_of(happened.id.patient)?.unwrap_or_default();
        let says = self.organisations.of_source(&source).map_or("", |speaks| speaks.ods.as_str());
        let matched = self.subscriptions.matching(happened.fact.topic, &keys, says, &patients);
        for subscription in matched {
            let Some(number) = self.subscriptions.next_number(&subscription) else { continue };
            self.connection
                .prepare_cached("INSERT INTO due (subscription, number, event) VALUES (?1, ?2, ?3)")?
                .execute(params![subscription, number, n])?;
            self.connection
                .prepare_cached("UPDATE subscription SET numbered = ?2 WHERE id = ?1")?
                .execute(params![subscription, number])?;
            self.subscriptions.stirred = true;
        }
        Ok(())
    }

    fn list_key(&mut self, list: i64) -> Result<String, Failure> {
        if let Some(known) = self.subscriptions.list_keys.get(&list) {
            return Ok(known.clone());
        }
        let key: Option<String> = self
            .connection
            .prepare_cached("SELECT key FROM list WHERE id = ?1")?
            .query_row([list], |row| row.get(0))
            .optional()?;
        let key = key.unwrap_or_default();
        self.subscriptions.list_keys.insert(list, key.clone());
        Ok(key)
    }
}

struct Subscribed {
    topics: u32,
    organisations: Vec<String>,
    numbered: i64,
}

/// The subscriptions that work, by what they are about: so that an event asks only those it may concern.
#[derive(Default)]
pub(super) struct Subscriptions {
    all: HashMap<String, Subscribed>,
    by_list: HashMap<String, Vec<String>>,
    by_patient: HashMap<PatientKey, Vec<String>>,
    of_all: Vec<String>,
    list_keys: HashMap<i64, String>,
    /// Whether one has something new since this was last said.
    pub stirred: bool,
}

fn bit(topic: Topic) -> u32 {
    1 << (topic as u8)
}

impl Subscriptions {
    pub fn load(connection: &Connection) -> Result<Self, Failure> {
        let mut made = Subscriptions::default();
        let mut statement = connection
            .prepare_cached("SELECT id, filter, numbered FROM subscription WHERE status IN ('active', 'requested')")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (id, filter, numbered): (String, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            made.add(&id, &serde_json::from_str(&filter).unwrap_or_default(), numbered);
        }
        Ok(made)
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub fn add(&mut self, id: &str, filter: &Filter, numbered: i64) {
        self.remove(id);
        let topics = filter.topics.iter().fold(0, |all, topic| all | bit(*topic));
        let organisations = filter.organisations.iter().map(|code| code.to_ascii_uppercase()).collect();
        self.all.insert(id.to_owned(), Subscribed { topics, organisations, numbered });
        for list in &filter.lists {
            self.by_list.entry(list.clone()).or_default().push(id.to_owned());
        }
        let patients = filter.patients.iter().filter_map(|key| key.parse::<PatientKey>().ok());
        for patient in patients {
            self.by_patient.entry(patient).or_default().push(id.to_owned());
        }
        if filter.lists.is_empty() && filter.patients.is_empty() {
            self.of_all.push(id.to_owned());
        }
    }

    pub fn remove(&mut self, id: &str) {
        if self.all.remove(id).is_none() {
            return;
        }
        for ids in self.by_list.values_mut().chain(self.by_patient.values_mut()) {
            ids.retain(|known| known != id);
        }
        self.of_all.retain(|known| known != id);
    }

    fn matching(&self, topic: Topic, lists: &[String], organisation: &str, patients: &[PatientKey]) -> Vec<String> {
        let listed = lists.iter().filter_map(|key| self.by_list.get(key)).flatten();
        let named = patients.iter().filter_map(|patient| self.by_patient.get(patient)).flatten();
        let mut found: Vec<&String> = listed
            .chain(named)
            .chain(&self.of_all)
            .filter(|id| {
                self.all.get(*id).is_some_and(|known| {
                    known.topics & bit(topic) != 0
                        && (known.organisations.is_empty() || known.organisations.iter().any(|c| c == organisation))
                })
            })
            .collect();
        found.sort_unstable();
        found.dedup();
        found.into_iter().cloned().collect()
    }

    fn next_number(&mut self, id: &str) -> Option<i64> {
        let known = self.all.get_mut(id)?;
        known.numbered += 1;
        Some(known.numbered)
    }
}
