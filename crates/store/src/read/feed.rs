//! The change feed: what each journal entry changed, in order.

use super::Snapshot;
use crate::StoreError;
use crate::backend::values;
use fhir::{PatientKey, ResourceId, ResourceType};
use jiff::Timestamp;
use std::{collections::HashMap, sync::Arc};

/// One journal entry, as those who follow the change feed see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedRow {
    /// Its journal position, which is the `seq` of what it changed.
    pub seq: u64,
    /// When it was received.
    pub received: Timestamp,
    /// The source that sent it.
    pub source: Arc<str>,
    /// The feed it came on; empty: it was decided here.
    pub feed: Arc<str>,
    /// The patients it touched.
    pub patients: Vec<PatientKey>,
    /// Whether it was decided here rather than sent by a source: the journal says what.
    pub decision: bool,
    /// The resources it changed of which somebody may have to hear.
    pub touched: Vec<(ResourceType, ResourceId)>,
}

/// Whether changes of resources of this type are named in the change feed: those that make up where somebody is, who looks
/// after them, and what has come in about them.
pub(crate) fn is_told_of(kind: ResourceType) -> bool {
    use ResourceType as T;
    matches!(
        kind,
        T::Patient
            | T::Encounter
            | T::Appointment
            | T::DiagnosticReport
            | T::DocumentReference
            | T::CarePlan
            | T::QuestionnaireResponse
            | T::ServiceRequest
            | T::Task
            | T::CareTeam
            | T::EpisodeOfCare
            | T::Group
            | T::Consent
    )
}

impl Snapshot {
    /// The change feed after `seq`: each entry with the patients it touched.
    pub fn changes_after(&self, seq: u64, limit: usize) -> Result<Vec<(u64, Vec<PatientKey>)>, StoreError> {
        self.connection()?.all(
            "SELECT seq, patients FROM applied WHERE seq > ?1 ORDER BY seq LIMIT ?2",
            values![seq.cast_signed(), i64::try_from(limit).unwrap_or(i64::MAX)],
            |row| {
                let patients: Option<Vec<u8>> = row.get(1)?;
                let patients = patients_of(&patients.unwrap_or_default());
                Ok((row.get::<i64>(0)?.cast_unsigned(), patients))
            },
        )
    }

    /// When the first entry after `seq` was received, if there is one.
    pub fn received_after(&self, seq: u64) -> Result<Option<Timestamp>, StoreError> {
        let received: Option<i64> = self.connection()?.one(
            "SELECT received FROM applied WHERE seq > ?1 ORDER BY seq LIMIT 1",
            values![seq.cast_signed()],
            |row| row.get(0),
        )?;
        Ok(received.and_then(|at| Timestamp::from_microsecond(at).ok()))
    }

    /// The change feed after `seq`, whole.
    pub fn feed_after(&self, seq: u64, limit: usize) -> Result<Vec<FeedRow>, StoreError> {
        let mut names: HashMap<i64, Arc<str>> = HashMap::new();
        self.connection()?.each::<StoreError>("SELECT id, name FROM source", values![], |row| {
            names.insert(row.get(0)?, row.get::<String>(1)?.into());
            Ok(())
        })?;
        let mut feeds: HashMap<i64, Arc<str>> = HashMap::new();
        self.connection()?.each::<StoreError>("SELECT id, name FROM feed", values![], |row| {
            feeds.insert(row.get(0)?, row.get::<String>(1)?.into());
            Ok(())
        })?;
        let unnamed: Arc<str> = Arc::from("");
        self.connection()?.all(
            "SELECT seq, received, patients, decision, touched, source, feed FROM applied
             WHERE seq > ?1 ORDER BY seq LIMIT ?2",
            values![seq.cast_signed(), i64::try_from(limit).unwrap_or(i64::MAX)],
            |row| {
                let patients: Option<Vec<u8>> = row.get(2)?;
                let touched: Option<Vec<u8>> = row.get(4)?;
                let feed: Option<i64> = row.get(6)?;
                Ok(FeedRow {
                    seq: row.get::<i64>(0)?.cast_unsigned(),
                    received: Timestamp::from_microsecond(row.get(1)?).unwrap_or_default(),
                    source: names.get(&row.get::<i64>(5)?).unwrap_or(&unnamed).clone(),
                    feed: feed.and_then(|feed| feeds.get(&feed)).unwrap_or(&unnamed).clone(),
                    patients: patients_of(&patients.unwrap_or_default()),
                    decision: row.get(3)?,
                    touched: touched_of(&touched.unwrap_or_default()),
                })
            },
        )
    }
}

fn patients_of(bytes: &[u8]) -> Vec<PatientKey> {
    bytes.as_chunks::<8>().0.iter().map(|key| PatientKey(u64::from_le_bytes(*key))).collect()
}

fn touched_of(bytes: &[u8]) -> Vec<(ResourceType, ResourceId)> {
    let one = |[kind, rest @ ..]: &[u8; 17]| {
        let (patient, local) = rest.split_first_chunk::<8>()?;
        let local = local.first_chunk::<8>()?;
        let id = ResourceId { patient: PatientKey(u64::from_le_bytes(*patient)), local: u64::from_le_bytes(*local) };
        Some((ResourceType::from_code(*kind)?, id))
    };
    bytes.as_chunks::<17>().0.iter().filter_map(one).collect()
}
