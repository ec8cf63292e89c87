//! Caseloads kept here rather than by a source: a list that a team uploads, or a person put on it from a page. It stands in
//! the journal as a decision; being on the list links the list's organisation with the person, as a source's CareTeam does.

use fhir::{PatientKey, ResourceId, ResourceType};
use mapping::bearing::Bears;
use serde::{Deserialize, Serialize};
use store::{BearingRow, StoreError, Writer, journal::Entry};

/// A decision about who is on a caseload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseloadDecision {
    /// What was decided.
    #[serde(flatten)]
    pub act: CaseloadAct,
    /// The ODS code of the organisation whose team keeps the list.
    pub organisation: String,
    /// The list's name within the organisation.
    pub list: String,
    /// The id of the user who decided it.
    pub by: String,
    /// That user's name, role and organisation, in words.
    #[serde(default)]
    pub name: String,
    /// The patients these people are, opaque keys: they stay on the list whoever they are later said to be.
    pub patients: Vec<String>,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum CaseloadAct {
    /// These people are on the list from now on.
    Add,
    /// These people are no longer on the list.
    Remove,
}

/// The number under which a list's statement about a patient is stored: the same each time, so that taking somebody off ends
/// what putting them on began.
fn number(organisation: &str, list: &str) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for part in ["caseload", organisation, list] {
        hasher.update(part.as_bytes());
        hasher.update(&[0]);
    }
    hasher.finalize().as_bytes().first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// What a journal entry decided, if it is such a decision.
pub fn caseload_decision(entry: &Entry) -> Option<CaseloadDecision> {
    serde_json::from_str(entry.about.as_deref()?).ok()
}

/// Carry a decision out. Gives the patients it touched.
pub(crate) fn carry_out(writer: &mut Writer, entry: &Entry) -> Result<Vec<PatientKey>, StoreError> {
    let Some(said) = caseload_decision(entry) else { return Ok(Vec::new()) };
    let organisation = said.organisation.trim().to_ascii_uppercase();
    let local = number(&organisation, &said.list);
    let mut touched = Vec::new();
    for patient in said.patients.iter().filter_map(|key| key.parse::<PatientKey>().ok()) {
        let id = ResourceId { patient, local };
        match said.act {
            CaseloadAct::Add => {
                let row = BearingRow {
                    bears: Bears::Caseload as u8,
                    organisation: organisation.clone(),
                    category: String::new(),
                    since: Some(entry.received.as_microsecond()),
                    until: None,
                };
                writer.put_bearings(id, ResourceType::Group, true, &[row])?;
            }
            CaseloadAct::Remove => {
                writer.end_bearings(id, ResourceType::Group, entry.received)?;
            }
        }
        touched.push(patient);
    }
    Ok(touched)
}
