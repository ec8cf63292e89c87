//! Caseloads and notices follow who is who: when a patient turns out to be another person, what was about the patient moves
//! along, and who was told of the wrong person hears it.

use super::{Follower, Told, events::Happened, key};
use crate::{Failure, facts::Fact, topic::Topic};
use fhir::{PatientKey, PersonKey, ResourceId, ResourceType};
use rusqlite::params;
use store::{FeedRow, Snapshot};

impl Follower {
    /// Move what is about patients whose link this entry changed.
    pub(super) fn relink(&mut self, snapshot: &Snapshot, row: &FeedRow) -> Result<(), Failure> {
        for patient in &row.patients {
            let links = snapshot.links(*patient)?;
            let Some(now) = links.iter().find(|link| link.seq_from == row.seq) else { continue };
            let Some(former) = links.iter().find(|link| link.seq_to == Some(row.seq)) else { continue };
            if former.person != now.person {
                self.rehome(snapshot, row, *patient, former.person, now.person)?;
            }
        }
        Ok(())
    }

    fn rehome(
        &mut self,
        snapshot: &Snapshot,
        row: &FeedRow,
        patient: PatientKey,
        former: PersonKey,
        now: PersonKey,
    ) -> Result<(), Failure> {
        let (moved, to) = (patient.0.cast_signed(), now.0.cast_signed());
        let known: bool = self
            .connection
            .prepare_cached(
                "SELECT 1 FROM member WHERE patient = ?1 UNION ALL SELECT 1 FROM item WHERE patient = ?1
                UNION ALL SELECT 1 FROM event WHERE patient = ?1 UNION ALL SELECT 1 FROM request WHERE patient = ?1 LIMIT 1",
            )?
            .exists([moved])?;
        if !known && !self.is_on_a_list(former)? && !self.is_on_a_list(now)? {
            return Ok(());
        }
        self.connection.prepare_cached("UPDATE member SET person = ?2 WHERE patient = ?1")?.execute([moved, to])?;
        // Visits that were moved to another patient of the source are not this one's.
        let mut stories: Vec<(u8, i64)> = self
            .connection
            .prepare_cached(
                "SELECT kind, local FROM item WHERE patient = ?1 AND person = ?2
                 UNION SELECT kind, local FROM event WHERE patient = ?1 AND person = ?2
                 UNION SELECT kind, local FROM request WHERE patient = ?1 AND person = ?2",
            )?
            .query_map([moved, former.0.cast_signed()], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let away: Vec<i64> = snapshot
            .moves(patient, row.seq)?
            .into_iter()
            .filter(|moved| moved.visit.patient == patient && moved.target != patient)
            .map(|moved| moved.visit.local.cast_signed())
            .collect();
        stories.retain(|(kind, local)| *kind != ResourceType::Encounter.code() || !away.contains(local));
        for (kind, local) in stories {
            let Some(kind) = ResourceType::from_code(kind) else { continue };
            let id = ResourceId { patient, local: local.cast_unsigned() };
            self.rehome_story(row, id, kind, former, now)?;
        }
        self.relist(former)?;
        self.relist(now)?;
        let subject = ResourceId::of_patient(patient);
        let still = snapshot.patients_of(former, row.seq)?;
        let together = snapshot.patients_of(now, row.seq)?;
        let occurred = Some(row.received.as_microsecond());
        for (topic, person, others) in
            [(Topic::Split, former, !still.is_empty()), (Topic::Linked, now, together.len() > 1)]
        {
            if others {
                let fact = Fact { topic, key: format!("{patient}@{}", row.seq), occurred };
                let happened = Happened {
                    person,
                    id: subject,
                    kind: ResourceType::Patient,
                    fact,
                    corrects: None,
                    concerned: None,
                };
                self.tell(snapshot, row, &happened)?;
            }
        }
        Ok(())
    }

    fn is_on_a_list(&self, person: PersonKey) -> Result<bool, Failure> {
        Ok(self
            .connection
            .prepare_cached("SELECT 1 FROM member WHERE person = ?1 LIMIT 1")?
            .exists([person.0.cast_signed()])?)
    }

    /// One story is about another person from now on.
    pub(super) fn rehome_story(
        &mut self,
        row: &FeedRow,
        id: ResourceId,
        kind: ResourceType,
        former: PersonKey,
        now: PersonKey,
    ) -> Result<(), Failure> {
        let (patient, code, local) = key(id, kind);
        let to = now.0.cast_signed();
        self.connection
            .prepare_cached("UPDATE request SET person = ?4 WHERE patient = ?1 AND kind = ?2 AND local = ?3")?
            .execute(params![patient, code, local, to])?;
        self.connection
            .prepare_cached("UPDATE item SET person = ?4 WHERE patient = ?1 AND kind = ?2 AND local = ?3")?
            .execute(params![patient, code, local, to])?;
        if kind != ResourceType::Patient {
            self.connection
                .prepare_cached("UPDATE event SET person = ?4 WHERE patient = ?1 AND kind = ?2 AND local = ?3")?
                .execute(params![patient, code, local, to])?;
        }
        self.relist(former)?;
        self.relist(now)?;
        let teams: Vec<i64> = self
            .connection
            .prepare_cached(
                "SELECT DISTINCT t.team FROM member m JOIN team_list t ON t.list = m.list WHERE m.person = ?1",
            )?
            .query_map([to], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let notices: Vec<(i64, i64)> = self
            .connection
            .prepare_cached("SELECT id, team FROM notice WHERE patient = ?1 AND kind = ?2 AND local = ?3")?
            .query_map(params![patient, code, local], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        for (notice, team) in &notices {
            let stays = teams.contains(team);
            self.connection
                .prepare_cached(
                    "UPDATE notice SET person = ?2, gone = ?3, due = CASE WHEN ?3 THEN NULL ELSE due END WHERE id = ?1",
                )?
                .execute(params![notice, to, !stays])?;
            if !stays {
                self.waiting.push(Told { team: *team, notice: *notice });
            }
        }
        if kind == ResourceType::Patient {
            return Ok(());
        }
        // Who looks after the person it turns out to be about hears what still holds.
        let standing: Vec<(i64, u8, String, Option<i64>)> = self
            .connection
            .prepare_cached(
                "SELECT n, topic, key, occurred FROM event WHERE patient = ?1 AND kind = ?2 AND local = ?3 AND stands = 1
                 ORDER BY n",
            )?
            .query_map(params![patient, code, local], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })?
            .collect::<Result<_, _>>()?;
        for team in teams {
            if notices.iter().any(|(_, told)| *told == team) {
                continue;
            }
            for (n, topic, key, occurred) in &standing {
                let Some(topic) = Topic::from_number(*topic) else { continue };
                let fact = Fact { topic, key: key.clone(), occurred: *occurred };
                let happened = Happened { person: now, id, kind, fact, corrects: None, concerned: None };
                self.notify(team, *n, &happened, row.received)?;
            }
        }
        Ok(())
    }
}
