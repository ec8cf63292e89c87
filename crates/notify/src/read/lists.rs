//! Caseloads, teams, and what stands in windows and boards.

use super::Notices;
use crate::{
    Failure,
    decision::{ListRule, StoryKey},
    rules::Rules,
};
use fhir::{PatientKey, PersonKey, ResourceId, ResourceType};
use jiff::{SignedDuration, Timestamp};
use rusqlite::{OptionalExtension, Row, params};

/// Where an item stands. The numbers are on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Part {
    /// An inpatient now.
    InHospital = 1,
    /// In an emergency department now.
    InEmergency = 2,
    /// An inpatient until lately.
    Left = 3,
    /// In an emergency department lately.
    LeftEmergency = 4,
    /// An appointment, or a planned stay.
    Appointments = 5,
    /// A letter or a result.
    Filed = 6,
    /// Looked after at home by a hospital's virtual ward now.
    VirtualWard = 7,
    /// Seen by somebody lately: a visit at home, in surgery, by ambulance.
    Contact = 8,
}

impl Part {
    fn from_number(number: u8) -> Option<Part> {
        Some(match number {
            1 => Part::InHospital,
            2 => Part::InEmergency,
            3 => Part::Left,
            4 => Part::LeftEmergency,
            5 => Part::Appointments,
            6 => Part::Filed,
            7 => Part::VirtualWard,
            8 => Part::Contact,
            _ => return None,
        })
    }
}

/// A caseload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caseload {
    /// Its number.
    pub id: i64,
    /// Its key, for ever the same.
    pub key: String,
    /// `practice`, `team`, `uploaded`, `rule`.
    pub kind: String,
    /// The ODS code of the organisation that keeps it.
    pub organisation: String,
    /// Its name.
    pub name: String,
    /// What puts people on it, of a list by rule.
    pub rule: Option<ListRule>,
    /// How many people are on it.
    pub people: u64,
}

/// A team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    /// Its number.
    pub id: i64,
    /// Its key, for ever the same.
    pub key: String,
    /// The ODS code of its organisation.
    pub organisation: String,
    /// Its name.
    pub name: String,
    /// What it is told.
    pub rules: Rules,
    /// The keys of the caseloads it looks after.
    pub lists: Vec<String>,
}

/// Something that stands in a window or on a board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// What it is.
    pub story: StoryKey,
    /// Whom it is about.
    pub person: PersonKey,
    /// Where it stands.
    pub part: Part,
    /// By what time it is sorted: since when, until when, when it is to be, when it came in.
    pub at: Timestamp,
    /// The newest change.
    pub seq: u64,
    /// The resource's status.
    pub status: String,
}

/// Somebody on a caseload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// The person.
    pub person: PersonKey,
    /// One of the patients the list names.
    pub patient: PatientKey,
}

/// How far a user had looked before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// What changed after this `seq` is new to the user.
    pub mark: u64,
    /// When the user last looked, if ever.
    pub at: Option<Timestamp>,
}

/// Somebody who looks again within so many minutes still looks.
const STILL_LOOKING_MINUTES: i64 = 10;

fn caseload(row: &Row<'_>) -> rusqlite::Result<Caseload> {
    let rule: Option<String> = row.get(5)?;
    Ok(Caseload {
        id: row.get(0)?,
        key: row.get(1)?,
        kind: row.get(2)?,
        organisation: row.get(3)?,
        name: row.get(4)?,
        rule: rule.and_then(|rule| serde_json::from_str(&rule).ok()),
        people: row.get::<_, i64>(6)?.cast_unsigned(),
    })
}

const CASELOAD: &str = "l.id, l.key, l.kind, l.organisation, l.name, l.rule, \
    (SELECT count(DISTINCT person) FROM member m WHERE m.list = l.id)";

const MEMBERS: &str = "SELECT person, min(patient) FROM member WHERE list = ?1 AND person > ?2 GROUP BY person \
    ORDER BY person LIMIT ?3";

fn listed(row: &Row<'_>) -> rusqlite::Result<Listed> {
    let id = ResourceId {
        patient: PatientKey(row.get::<_, i64>(0)?.cast_unsigned()),
        local: row.get::<_, i64>(2)?.cast_unsigned(),
    };
    Ok(Listed {
        story: StoryKey { id, kind: ResourceType::from_code(row.get(1)?).unwrap_or(ResourceType::Basic) },
        person: PersonKey(row.get::<_, i64>(3)?.cast_unsigned()),
        part: Part::from_number(row.get(4)?).unwrap_or(Part::Filed),
        at: Timestamp::from_microsecond(row.get(5)?).unwrap_or_default(),
        seq: row.get::<_, i64>(6)?.cast_unsigned(),
        status: row.get(7)?,
    })
}

const LISTED: &str = "i.patient, i.kind, i.local, i.person, i.part, i.at, i.seq, i.status";

/// Of one of the statuses in `?5`, each between commas; of any where it is empty.
const OF_STATUS: &str = "(?5 = '' OR instr(?5, ',' || w.status || ',') > 0)";

fn names(statuses: &[&str]) -> String {
    if statuses.is_empty() { String::new() } else { format!(",{},", statuses.join(",")) }
}

impl Notices {
    /// The caseloads an organisation keeps, by name.
    ///
    /// # Errors
    /// The file's.
    pub fn caseloads_of(&self, organisation: &str) -> Result<Vec<Caseload>, Failure> {
        self.readers.read(|connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {CASELOAD} FROM list l WHERE l.organisation = ?1 ORDER BY l.name, l.key"
            ))?;
            let found =
                statement.query_map([organisation.to_ascii_uppercase()], caseload)?.collect::<Result<_, _>>()?;
            Ok(found)
        })
    }

    /// One caseload, by key.
    ///
    /// # Errors
    /// The file's.
    pub fn caseload(&self, key: &str) -> Result<Option<Caseload>, Failure> {
        self.readers.read(|connection| {
            let mut statement =
                connection.prepare_cached(&format!("SELECT {CASELOAD} FROM list l WHERE l.key = ?1"))?;
            Ok(statement.query_row([key], caseload).optional()?)
        })
    }

    /// One caseload, by number.
    ///
    /// # Errors
    /// The file's.
    pub fn caseload_numbered(&self, id: i64) -> Result<Option<Caseload>, Failure> {
        self.readers.read(|connection| {
            let mut statement = connection.prepare_cached(&format!("SELECT {CASELOAD} FROM list l WHERE l.id = ?1"))?;
            Ok(statement.query_row([id], caseload).optional()?)
        })
    }

    /// Who is on a caseload, each person once.
    ///
    /// # Errors
    /// The file's.
    pub fn members(&self, list: i64, after: Option<PersonKey>, limit: usize) -> Result<Vec<Member>, Failure> {
        self.readers.read(|connection| {
            let mut statement = connection.prepare_cached(MEMBERS)?;
            let after = after.map_or(i64::MIN, |after| after.0.cast_signed());
            let found = statement
                .query_map(params![list, after, i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
                    Ok(Member {
                        person: PersonKey(row.get::<_, i64>(0)?.cast_unsigned()),
                        patient: PatientKey(row.get::<_, i64>(1)?.cast_unsigned()),
                    })
                })?
                .collect::<Result<_, _>>()?;
            Ok(found)
        })
    }

    /// Whether a person is on a caseload.
    ///
    /// # Errors
    /// The file's.
    pub fn is_on(&self, list: i64, person: PersonKey) -> Result<bool, Failure> {
        self.readers.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT 1 FROM member WHERE person = ?1 AND list = ?2")?;
            Ok(statement.exists(params![person.0.cast_signed(), list])?)
        })
    }

    /// The patients by which a person is on a caseload.
    ///
    /// # Errors
    /// The file's.
    pub fn patients_on(&self, list: i64, person: PersonKey) -> Result<Vec<PatientKey>, Failure> {
        self.readers.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT DISTINCT patient FROM member WHERE person = ?1 AND list = ?2 ORDER BY patient",
            )?;
            let found = statement
                .query_map(params![person.0.cast_signed(), list], |row| {
                    Ok(PatientKey(row.get::<_, i64>(0)?.cast_unsigned()))
                })?
                .collect::<Result<_, _>>()?;
            Ok(found)
        })
    }

    /// The keys of the caseloads a person is on.
    ///
    /// # Errors
    /// The file's.
    pub fn caseloads_with(&self, person: PersonKey) -> Result<Vec<String>, Failure> {
        self.readers.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT DISTINCT l.key FROM member m JOIN list l ON l.id = m.list WHERE m.person = ?1 ORDER BY l.key",
            )?;
            let found = statement.query_map([person.0.cast_signed()], |row| row.get(0))?.collect::<Result<_, _>>()?;
            Ok(found)
        })
    }

    /// The teams of an organisation, by name.
    ///
    /// # Errors
    /// The file's.
    pub fn teams_of(&self, organisation: &str) -> Result<Vec<Team>, Failure> {
        self.teams("organisation = ?1 ORDER BY name, key", &organisation.to_ascii_uppercase())
    }

    /// One team, by key.
    ///
    /// # Errors
    /// The file's.
    pub fn team(&self, key: &str) -> Result<Option<Team>, Failure> {
        Ok(self.teams("key = ?1", key)?.into_iter().next())
    }

    /// One team, by number.
    ///
    /// # Errors
    /// The file's.
    pub fn team_numbered(&self, id: i64) -> Result<Option<Team>, Failure> {
        Ok(self.teams("id = ?1", &id.to_string())?.into_iter().next())
    }

    fn teams(&self, condition: &str, value: &str) -> Result<Vec<Team>, Failure> {
        self.readers.read(|connection| {
            let mut statement = connection
                .prepare_cached(&format!("SELECT id, key, organisation, name, rules FROM team WHERE {condition}"))?;
            let mut teams = statement
                .query_map([value], |row| {
                    let rules: String = row.get(4)?;
                    Ok(Team {
                        id: row.get(0)?,
                        key: row.get(1)?,
                        organisation: row.get(2)?,
                        name: row.get(3)?,
                        rules: serde_json::from_str(&rules).unwrap_or_default(),
                        lists: Vec::new(),
                    })
                })?
                .collect::<Result<Vec<Team>, _>>()?;
            let mut lists = connection.prepare_cached(
                "SELECT l.key FROM team_list t JOIN list l ON l.id = t.list WHERE t.team = ?1 ORDER BY l.name, l.key",
            )?;
            for team in &mut teams {
                team.lists = lists.query_map([team.id], |row| row.get(0))?.collect::<Result<_, _>>()?;
            }
            Ok(teams)
        })
    }

    /// What stands in one part of a caseload's window between two times, the newest first, or the soonest. `statuses`: of
    /// these resources' statuses alone; empty: of all.
    ///
    /// # Errors
    /// The file's.
    pub fn window(
        &self,
        list: i64,
        part: Part,
        (from, to): (Timestamp, Timestamp),
        statuses: &[&str],
        soonest_first: bool,
        limit: usize,
    ) -> Result<Vec<Listed>, Failure> {
        let order = if soonest_first { "ASC" } else { "DESC" };
        let sql = format!(
            "SELECT {LISTED} FROM listed w JOIN item i ON i.id = w.item
             WHERE w.list = ?1 AND w.part = ?2 AND w.at >= ?3 AND w.at < ?4 AND {OF_STATUS}
             ORDER BY w.at {order}, w.item LIMIT ?6"
        );
        self.readers.read(|connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let found = statement
                .query_map(
                    params![list, part as u8, from.as_microsecond(), to.as_microsecond(), names(statuses), limit],
                    listed,
                )?
                .collect::<Result<_, _>>()?;
            Ok(found)
        })
    }

    /// How much stands there.
    ///
    /// # Errors
    /// The file's.
    pub fn count(
        &self,
        list: i64,
        part: Part,
        (from, to): (Timestamp, Timestamp),
        statuses: &[&str],
    ) -> Result<u64, Failure> {
        let sql = format!(
            "SELECT count(*) FROM listed w WHERE w.list = ?1 AND w.part = ?2 AND w.at >= ?3 AND w.at < ?4 AND {OF_STATUS}"
        );
        self.readers.read(|connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let count: i64 = statement.query_row(
                params![list, part as u8, from.as_microsecond(), to.as_microsecond(), names(statuses)],
                |row| row.get(0),
            )?;
            Ok(count.cast_unsigned())
        })
    }

    /// What is known of a person for a board: stays, attendances, appointments, what came in.
    ///
    /// # Errors
    /// The file's.
    pub fn items_of(&self, person: PersonKey) -> Result<Vec<Listed>, Failure> {
        self.readers.read(|connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {LISTED} FROM item i WHERE i.person = ?1 ORDER BY i.part, i.at DESC"
            ))?;
            let found = statement.query_map([person.0.cast_signed()], listed)?.collect::<Result<_, _>>()?;
            Ok(found)
        })
    }

    /// All inpatients and those in an emergency department now, of the patients of one source or of all: for comparing
    /// with a hospital's own census.
    ///
    /// # Errors
    /// The file's.
    pub fn in_hospital(&self) -> Result<Vec<Listed>, Failure> {
        self.readers.read(|connection| {
            let mut statement = connection
                .prepare_cached(&format!("SELECT {LISTED} FROM item i WHERE i.part IN (1, 2) ORDER BY i.patient"))?;
            let found = statement.query_map([], listed)?.collect::<Result<_, _>>()?;
            Ok(found)
        })
    }

    /// How far a user had looked through a caseload's letters and results before, and that the user looks now. Who looks
    /// again within ten minutes is still looking: what was new stays marked.
    ///
    /// # Errors
    /// The file's.
    pub fn look(&self, user: &str, list: i64, now: Timestamp) -> Result<Looked, Failure> {
        let seq = self.reached().cast_signed();
        self.own(|connection| {
            let known: Option<(i64, i64, i64)> = connection
                .prepare_cached("SELECT mark, next, at FROM looked WHERE user = ?1 AND list = ?2")?
                .query_row(params![user, list], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .optional()?;
            let (mark, at) = match known {
                // Whoever looks for the first time finds everything old: what is new is told from now on.
                None => (seq, None),
                Some((mark, next, at)) => {
                    let last = Timestamp::from_microsecond(at).unwrap_or_default();
                    let still = now.duration_since(last) < SignedDuration::from_mins(STILL_LOOKING_MINUTES);
                    (if still { mark } else { next }, Some(last))
                }
            };
            connection
                .prepare_cached(
                    "INSERT INTO looked (user, list, mark, next, at) VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT (user, list) DO UPDATE SET mark = ?3, next = ?4, at = ?5",
                )?
                .execute(params![user, list, mark, seq, now.as_microsecond()])?;
            Ok(Looked { mark: mark.cast_unsigned(), at })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A team of three hundred waits for three hundred rows, however many people the region has.
    #[test]
    fn a_caseloads_people_are_found_by_the_caseload() {
        let folder = tempfile::tempdir().unwrap();
        let connection = crate::file::open(&folder.path().join("notify.db")).unwrap();
        for sql in [MEMBERS, &format!("SELECT {CASELOAD} FROM list l WHERE l.id = ?1")] {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let unbound = vec![rusqlite::types::Null; statement.parameter_count()];
            let found =
                statement.query_map(rusqlite::params_from_iter(unbound), |row| row.get::<_, String>(3)).unwrap();
            let plan: Vec<String> = found.collect::<Result<_, _>>().unwrap();
            let of_members = plan.iter().filter(|step| step.contains("member") || step.contains(" m "));
            let found: Vec<_> = of_members.filter(|step| step.contains("PRIMARY KEY (list=?")).collect();
            assert_eq!(found.len(), 1, "{plan:?}");
        }
    }
}
