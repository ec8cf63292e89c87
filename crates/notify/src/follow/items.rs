//! Stays, appointments, letters and results of late, for windows and boards.

use super::{Change, Follower, SHOWN_DAYS, before, key};
use crate::{
    Failure,
    facts::{is_inpatient, text, time},
    read::Part,
};
use fhir::{PersonKey, ResourceType, json::Node};
use rusqlite::{OptionalExtension, params};
use store::FeedRow;

/// A stay without an end is believed to go on for so long, an attendance at an emergency department for so long.
const STAY_DAYS_MAX: i64 = 365;
const EMERGENCY_DAYS_MAX: i64 = 3;

/// Whether resources of this type stand in windows and boards.
pub(super) fn is_item(kind: ResourceType) -> bool {
    use ResourceType as T;
    matches!(kind, T::Encounter | T::Appointment | T::DiagnosticReport | T::DocumentReference)
}

/// Where a resource stands, and by what time it is sorted. None: nowhere.
fn place(kind: ResourceType, root: Node<'_>, received: jiff::Timestamp) -> Option<(Part, i64)> {
    let now = received.as_microsecond();
    let status = text(root, "/status");
    let late = before(received, SHOWN_DAYS);
    match kind {
        ResourceType::Encounter => {
            let class = text(root, "/class/code");
            let inpatient = is_inpatient(&class);
            let start = time(root, "/period/start");
            if !inpatient && class != "EMER" {
                let start = start.filter(|start| *start > late)?;
                return match status.as_ref() {
                    // A ward without beds: looked after at home by telephone and screen, with the hospital's doctors.
                    "in-progress" | "onleave" if class == "VR" => Some((Part::VirtualWard, start)),
                    "arrived" | "triaged" | "in-progress" | "onleave" | "finished" => Some((Part::Contact, start)),
                    _ => None,
                };
            }
            match status.as_ref() {
                "arrived" | "triaged" | "in-progress" | "onleave" => {
                    let days = if inpatient { STAY_DAYS_MAX } else { EMERGENCY_DAYS_MAX };
                    let moves = root.list("location").filter_map(|place| time(place, "/period/start"));
                    let newest = moves.chain(start).max().unwrap_or(now);
                    let part = if inpatient { Part::InHospital } else { Part::InEmergency };
                    (newest > before(received, days)).then_some((part, start.unwrap_or(now)))
                }
                "finished" => {
                    let end = time(root, "/period/end").or(start)?;
                    let part = if inpatient { Part::Left } else { Part::LeftEmergency };
                    (end > late).then_some((part, end))
                }
                "planned" => {
                    let day = root.list("extension").find(|e| text(*e, "/url").ends_with("Encounter.plannedStartDate"));
                    let day = day.and_then(|e| time(e, "/valueDateTime")).or(start)?;
                    (day > late).then_some((Part::Appointments, day))
                }
                _ => None,
            }
        }
        ResourceType::Appointment => {
            if matches!(status.as_ref(), "entered-in-error" | "proposed") {
                return None;
            }
            let start = time(root, "/start")?;
            (start > late).then_some((Part::Appointments, start))
        }
        ResourceType::DiagnosticReport => {
            if matches!(status.as_ref(), "entered-in-error" | "registered" | "cancelled") {
                return None;
            }
            let issued = time(root, "/issued").or_else(|| time(root, "/effectiveDateTime")).unwrap_or(now);
            (issued > late).then_some((Part::Filed, now))
        }
        ResourceType::DocumentReference => {
            if status != "current" {
                return None;
            }
            let written = time(root, "/date").unwrap_or(now);
            (written > late).then_some((Part::Filed, now))
        }
        _ => None,
    }
}

impl Follower {
    pub(super) fn item(
        &mut self,
        row: &FeedRow,
        change: &Change,
        after: Option<Node<'_>>,
        person: PersonKey,
    ) -> Result<(), Failure> {
        let (patient, kind, local) = key(change.id, change.kind);
        let known: Option<(i64, i64)> = self
            .connection
            .prepare_cached("SELECT id, person FROM item WHERE patient = ?1 AND kind = ?2 AND local = ?3")?
            .query_row(params![patient, kind, local], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let placed = after.and_then(|root| Some((place(change.kind, root, row.received)?, text(root, "/status"))));
        let Some(((part, at), status)) = placed else {
            if let Some((item, _)) = known {
                self.changed.extend(self.lists_of(person)?);
                self.connection.prepare_cached("DELETE FROM listed WHERE item = ?1")?.execute([item])?;
                self.connection.prepare_cached("DELETE FROM item WHERE id = ?1")?.execute([item])?;
            }
            return Ok(());
        };
        let item = match known {
            Some((item, _)) => {
                self.connection
                    .prepare_cached(
                        "UPDATE item SET person = ?2, part = ?3, at = ?4, seq = ?5, status = ?6 WHERE id = ?1",
                    )?
                    .execute(params![item, person.0.cast_signed(), part as u8, at, row.seq.cast_signed(), status])?;
                item
            }
            None => {
                self.connection
                    .prepare_cached(
                        "INSERT INTO item (patient, kind, local, person, part, at, seq, status)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                    )?
                    .execute(params![
                        patient,
                        kind,
                        local,
                        person.0.cast_signed(),
                        part as u8,
                        at,
                        row.seq.cast_signed(),
                        status
                    ])?;
                self.connection.last_insert_rowid()
            }
        };
        self.connection.prepare_cached("DELETE FROM listed WHERE item = ?1")?.execute([item])?;
        for list in self.lists_of(person)? {
            self.changed.insert(list);
            self.connection
                .prepare_cached("INSERT INTO listed (list, part, at, item, status) VALUES (?1, ?2, ?3, ?4, ?5)")?
                .execute(params![list, part as u8, at, item, status])?;
        }
        Ok(())
    }

    /// Lay a person's items under the caseloads they are on now.
    pub(super) fn relist(&mut self, person: PersonKey) -> Result<(), Failure> {
        let lists = self.lists_of(person)?;
        self.changed.extend(&lists);
        let items: Vec<(i64, i64, i64, String)> = self
            .connection
            .prepare_cached("SELECT id, part, at, status FROM item WHERE person = ?1")?
            .query_map([person.0.cast_signed()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?
            .collect::<Result<_, _>>()?;
        for (item, part, at, status) in items {
            self.connection.prepare_cached("DELETE FROM listed WHERE item = ?1")?.execute([item])?;
            for list in &lists {
                self.connection
                    .prepare_cached("INSERT INTO listed (list, part, at, item, status) VALUES (?1, ?2, ?3, ?4, ?5)")?
                    .execute(params![list, part, at, item, status])?;
            }
        }
        Ok(())
    }
}
