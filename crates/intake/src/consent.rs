//! What a person wants done with the record, told to the region itself (not by way of a source): it covers what every source
//! shares. It stands in the journal as a decision, and is laid on each patient the person then is, so that it stays with them
//! whoever they are later said to be.

use fhir::{PatientKey, ResourceId, ResourceType};
use jiff::Timestamp;
use mapping::bearing::Bears;
use serde::{Deserialize, Serialize};
use store::{BearingRow, StoreError, Writer, journal::Entry};

/// A decision about consent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentDecision {
    /// What was decided.
    #[serde(flatten)]
    pub act: ConsentAct,
    /// The patients the person is, opaque keys.
    pub patients: Vec<String>,
    /// The id of the user who wrote it down.
    pub by: String,
    /// That user's name and role, in words; or "the person".
    #[serde(default)]
    pub name: String,
    /// Why, in the words of whoever wrote it down.
    #[serde(default)]
    pub why: String,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum ConsentAct {
    /// The person objects to sharing.
    Object {
        /// With this organisation alone, by ODS code; empty: with all.
        #[serde(default)]
        organisation: String,
        /// Of this category alone, by label; empty: of everything.
        #[serde(default)]
        category: String,
        /// From when. None: from when it was received.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Timestamp>,
        /// Until when, if an end was named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// The objection of this journal position no longer holds.
    Withdraw {
        /// Its journal position.
        of: u64,
    },
}

/// Carry a decision out. Gives the patients it touched.
pub(crate) fn carry_out(writer: &mut Writer, entry: &Entry) -> Result<Vec<PatientKey>, StoreError> {
    let said: Option<ConsentDecision> = entry.about.as_deref().and_then(|about| serde_json::from_str(about).ok());
    let Some(said) = said else { return Ok(Vec::new()) };
    let mut touched = Vec::new();
    for patient in said.patients.iter().filter_map(|key| key.parse::<PatientKey>().ok()) {
        match &said.act {
            ConsentAct::Object { organisation, category, from, until } => {
                let row = BearingRow {
                    bears: Bears::ObjectsRegionally as u8,
                    organisation: organisation.trim().to_ascii_uppercase(),
                    category: category.clone(),
                    since: Some(from.unwrap_or(entry.received).as_microsecond()),
                    until: until.map(Timestamp::as_microsecond),
                };
                let id = ResourceId { patient, local: entry.pos };
                writer.put_bearings(id, ResourceType::Consent, false, &[row])?;
            }
            ConsentAct::Withdraw { of } => {
                let id = ResourceId { patient, local: *of };
                writer.end_bearings(id, ResourceType::Consent, entry.received)?;
            }
        }
        touched.push(patient);
    }
    Ok(touched)
}
