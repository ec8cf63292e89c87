//! Who is on which caseload, as sources say it: a practice's Patient, a CareTeam, an EpisodeOfCare, a Group.

use super::{Change, Follower};
use crate::{Failure, facts::text, rules::Rules};
use fhir::{NhsNumber, PatientKey, PersonKey, ResourceId, ResourceType, json::Node};
use mapping::bearing::{self, Bears};
use rusqlite::{OptionalExtension, params};
use std::collections::HashSet;
use store::{FeedRow, PeopleFilter, Snapshot};

/// Whether resources of this type say who is on a list.
pub(super) fn says_who(kind: ResourceType) -> bool {
    use ResourceType as T;
    matches!(kind, T::Patient | T::CareTeam | T::EpisodeOfCare | T::Group)
}

/// A list, as a resource names it.
pub(super) struct Named {
    pub key: String,
    pub kind: &'static str,
    pub organisation: String,
    pub name: String,
}

/// The key of a practice's list.
pub fn practice_key(ods: &str) -> String {
    format!("practice:{ods}")
}

/// A name within a key: lower case letters and digits, words joined by `-`.
pub(crate) fn slug(name: &str) -> String {
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("-")
}

impl Follower {
    /// Bring the lists up to what a resource says of who is on them.
    pub(super) fn membership(
        &mut self,
        snapshot: &Snapshot,
        row: &FeedRow,
        change: &Change,
        after: Option<Node<'_>>,
    ) -> Result<(), Failure> {
        if change.kind == ResourceType::Group {
            return self.group(snapshot, row, change.id, after);
        }
        let patient = change.id.patient;
        let Some(person) = snapshot.person_of(patient, row.seq)? else { return Ok(()) };
        let named = match after {
            Some(root) => self.named(snapshot, row.seq, change, root)?,
            None => Vec::new(),
        };
        let mut lists = Vec::new();
        for named in named {
            lists.push(self.list(&named)?);
        }
        lists.sort_unstable();
        lists.dedup();
        let why = format!("{}/{}", change.kind, change.id.local);
        let known: Vec<i64> = self
            .connection
            .prepare_cached("SELECT list FROM member WHERE patient = ?1 AND why = ?2 ORDER BY list")?
            .query_map(params![patient.0.cast_signed(), why], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        if known == lists {
            return Ok(());
        }
        for list in known.iter().filter(|list| !lists.contains(list)) {
            self.take_off(*list, patient, &why)?;
        }
        for list in lists.iter().filter(|list| !known.contains(list)) {
            self.put_on(*list, patient, person, &why)?;
        }
        self.relist(person)
    }

    fn named(&self, snapshot: &Snapshot, seq: u64, change: &Change, root: Node<'_>) -> Result<Vec<Named>, Failure> {
        let source = snapshot.source_of(change.id.patient)?.unwrap_or_default();
        let speaks = self.organisations.of_source(&source).cloned().unwrap_or_default();
        let mut found = Vec::new();
        for said in bearing::of(change.kind, root) {
            let organisation = match said.organisation.as_str() {
                "" => Some(speaks.ods.clone()),
                named => self.organisations.code_of(snapshot, named, seq)?,
            };
            let Some(organisation) = organisation.filter(|code| !code.is_empty()) else { continue };
            match said.bears {
                // What a hospital remembers of somebody's practice is not that practice's list.
                Bears::Registered if speaks.practice && organisation == speaks.ods => {
                    let name = self.organisations.name(&organisation).to_owned();
                    found.push(Named { key: practice_key(&organisation), kind: "practice", organisation, name });
                }
                Bears::Caseload => {
                    let team = team_name(change.kind, root);
                    let name = match team.is_empty() {
                        true => self.organisations.name(&organisation).to_owned(),
                        false => team,
                    };
                    found.push(Named {
                        key: format!("team:{organisation}:{}", slug(&name)),
                        kind: "team",
                        organisation,
                        name,
                    });
                }
                _ => {}
            }
        }
        Ok(found)
    }

    /// A Group is a list with its people: those it no longer names are taken off.
    fn group(
        &mut self,
        snapshot: &Snapshot,
        row: &FeedRow,
        id: ResourceId,
        after: Option<Node<'_>>,
    ) -> Result<(), Failure> {
        let key = format!("group:{id}");
        let mut patients: HashSet<PatientKey> = HashSet::new();
        let source = snapshot.source_of(id.patient)?.unwrap_or_default();
        let speaks = self.organisations.of_source(&source).cloned().unwrap_or_default();
        let (mut organisation, mut name) = (speaks.ods, String::new());
        if let Some(root) =
            after.filter(|root| !root.get("active").is_some_and(|active| active.text().is_none() && !active.is_true()))
        {
            name = text(root, "/name").into_owned();
            let managing = text(root, "/managingEntity/identifier/value");
            if !managing.is_empty() {
                organisation = managing.trim().to_ascii_uppercase();
            } else if let Some(code) =
                self.organisations.code_of(snapshot, &text(root, "/managingEntity/reference"), row.seq)?
                && !code.is_empty()
            {
                organisation = code;
            }
            for member in root.list("member").filter(|member| !member.get("inactive").is_some_and(Node::is_true)) {
                if let Some(patient) = member.get("entity").map(|entity| whom(snapshot, entity)).transpose()?.flatten()
                {
                    patients.insert(patient);
                }
            }
        }
        if organisation.is_empty() {
            return Ok(());
        }
        if name.is_empty() {
            name = self.organisations.name(&organisation).to_owned();
        }
        let list = self.list(&Named { key, kind: "team", organisation, name })?;
        let why = format!("Group/{}", id.local);
        let known: HashSet<PatientKey> = self
            .connection
            .prepare_cached("SELECT patient FROM member WHERE list = ?1 AND why = ?2")?
            .query_map(params![list, why], |row| Ok(PatientKey(row.get::<_, i64>(0)?.cast_unsigned())))?
            .collect::<Result<_, _>>()?;
        let mut changed: Vec<PatientKey> = known.symmetric_difference(&patients).copied().collect();
        changed.sort_unstable();
        for patient in changed {
            let Some(person) = snapshot.person_of(patient, row.seq)? else { continue };
            match patients.contains(&patient) {
                true => self.put_on(list, patient, person, &why)?,
                false => self.take_off(list, patient, &why)?,
            }
            self.relist(person)?;
        }
        Ok(())
    }

    /// The number of a list, made at first sight together with the team that looks after it.
    pub(super) fn list(&mut self, named: &Named) -> Result<i64, Failure> {
        let known: Option<(i64, String)> = self
            .connection
            .prepare_cached("SELECT id, name FROM list WHERE key = ?1")?
            .query_row([&named.key], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        if let Some((id, name)) = known {
            if name != named.name && !named.name.is_empty() {
                self.connection
                    .prepare_cached("UPDATE list SET name = ?2 WHERE id = ?1")?
                    .execute(params![id, named.name])?;
            }
            return Ok(id);
        }
        self.connection
            .prepare_cached("INSERT INTO list (key, kind, organisation, name) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![named.key, named.kind, named.organisation, named.name])?;
        let list = self.connection.last_insert_rowid();
        let rules = if named.kind == "practice" { Rules::for_practice() } else { Rules::for_team() };
        let team = self.team(&named.key, &named.organisation, &named.name, rules)?;
        self.connection
            .prepare_cached("INSERT OR IGNORE INTO team_list (list, team) VALUES (?1, ?2)")?
            .execute([list, team])?;
        Ok(list)
    }

    pub(super) fn put_on(&self, list: i64, patient: PatientKey, person: PersonKey, why: &str) -> Result<(), Failure> {
        let row = params![list, patient.0.cast_signed(), why, person.0.cast_signed()];
        self.connection
            .prepare_cached("DELETE FROM member WHERE patient = ?2 AND why = ?3 AND list = ?1 AND person <> ?4")?
            .execute(row)?;
        self.connection
            .prepare_cached("INSERT OR IGNORE INTO member (list, patient, why, person) VALUES (?1, ?2, ?3, ?4)")?
            .execute(row)?;
        Ok(())
    }

    pub(super) fn take_off(&mut self, list: i64, patient: PatientKey, why: &str) -> Result<(), Failure> {
        self.changed.insert(list);
        self.connection
            .prepare_cached("DELETE FROM member WHERE list = ?1 AND patient = ?2 AND why = ?3")?
            .execute(params![list, patient.0.cast_signed(), why])?;
        Ok(())
    }
}

/// What a team is called.
fn team_name(kind: ResourceType, root: Node<'_>) -> String {
    let candidates: &[&str] = match kind {
        ResourceType::CareTeam => &["/name"],
        _ => &["/team/0/display", "/type/0/text", "/type/0/coding/0/display"],
    };
    candidates.iter().map(|pointer| text(root, pointer)).find(|name| !name.is_empty()).unwrap_or_default().into_owned()
}

/// The patient that a Group's member names: by our id, or by a NHS number that one source at least verified.
fn whom(snapshot: &Snapshot, entity: Node<'_>) -> Result<Option<PatientKey>, Failure> {
    let reference = text(entity, "/reference");
    if let Some(id) = reference.strip_prefix("Patient/") {
        return Ok(id.parse::<ResourceId>().ok().map(|id| id.patient));
    }
    if text(entity, "/identifier/system") != fhir::nhs::SYSTEM {
        return Ok(None);
    }
    let Ok(number) = NhsNumber::parse(&text(entity, "/identifier/value")) else { return Ok(None) };
    let filter = PeopleFilter { nhs_number: number.as_str().parse().ok(), limit: 10, ..PeopleFilter::default() };
    let hits = snapshot.find_patients(&filter)?;
    Ok(hits.first().map(|hit| hit.row.patient))
}
