//! What leaves through no output about people whose whereabouts are restricted (PDS `R` and `V`): address, telephone, next
//! of kin, practice and place (design §6, domain §4). Done where items are read, so that pages, API and search agree.

use fhir::{PatientKey, PersonKey, Resource, ResourceType, Value};
use store::{Snapshot, StoreError};

/// Elements that say where a person is or how to reach them, by type. A type not named here has none.
fn elements(kind: ResourceType) -> &'static [&'static str] {
    use ResourceType as T;
    match kind {
        T::Patient => &["address", "telecom", "contact", "generalPractitioner", "managingOrganization", "text"],
        T::Encounter => &["location", "serviceProvider", "hospitalization", "text"],
        T::Appointment => &["participant", "supportingInformation", "text"],
        T::EpisodeOfCare => &["managingOrganization", "text"],
        T::ServiceRequest => &["locationCode", "locationReference", "text"],
        T::Procedure | T::Immunization | T::ChargeItem | T::Media | T::DiagnosticReport => &["location", "text"],
        T::CareTeam => &["participant", "telecom", "managingOrganization", "text"],
        _ => &["text"],
    }
}

/// The label of something withheld in part (FHIR v3-ObservationValue).
const REDACTED: &str = "REDACTED";

/// Whether any source marks the person behind these patients as restricted. One is enough.
pub(crate) fn any_restricted(snapshot: &Snapshot, patients: &[PatientKey]) -> Result<bool, StoreError> {
    for patient in patients {
        if snapshot.patient(*patient)?.and_then(|row| row.facts).is_some_and(|facts| facts.restricted) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the person a patient is at `at` is restricted.
pub(crate) fn is_restricted(snapshot: &Snapshot, patient: PatientKey, at: u64) -> Result<bool, StoreError> {
    match snapshot.person_of(patient, at)? {
        Some(person) => person_is_restricted(snapshot, person, at),
        None => any_restricted(snapshot, &[patient]),
    }
}

/// Whether a person is restricted.
pub(crate) fn person_is_restricted(snapshot: &Snapshot, person: PersonKey, at: u64) -> Result<bool, StoreError> {
    any_restricted(snapshot, &snapshot.patients_of(person, at)?)
}

/// What may leave of a resource about a restricted person: nothing of next of kin, of others all but the whereabouts.
///
/// # Errors
/// [`StoreError::Corrupt`] when what is stored is not a resource.
pub(crate) fn withhold(kind: ResourceType, json: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
    if kind == ResourceType::RelatedPerson {
        return Ok(None);
    }
    let mut resource =
        Resource::from_slice(json).map_err(|e| StoreError::Corrupt(format!("a stored resource: {e}")))?;
    let mut taken = false;
    for element in elements(kind) {
        taken |= resource.get(element).is_some();
        resource.set(element, Value::Null);
    }
    if !taken {
        return Ok(Some(json.to_vec()));
    }
    let label = serde_json::json!({
        "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": REDACTED
    });
    let mut meta = resource.get("meta").cloned().unwrap_or_else(|| Value::Object(fhir::Map::new()));
    if let Some(meta) = meta.as_object_mut() {
        match meta.get_mut("security").and_then(Value::as_array_mut) {
            Some(labels) => labels.push(label),
            None => {
                meta.insert("security".into(), Value::Array(vec![label]));
            }
        }
    }
    resource.set("meta", meta);
    Ok(Some(resource.to_json().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whereabouts_of_a_restricted_person_do_not_leave() {
        let json = br#"{"resourceType":"Patient","id":"x","name":[{"family":"A"}],"address":[{"postalCode":"ZZ99 3VZ"}],
            "telecom":[{"value":"01632960000"}],"contact":[{"name":{"text":"B"}}],"generalPractitioner":[{"display":"P"}]}"#;
        let left = withhold(ResourceType::Patient, json).unwrap().unwrap();
        let left = String::from_utf8(left).unwrap();
        for gone in ["ZZ99", "01632", "contact", "generalPractitioner"] {
            assert!(!left.contains(gone), "{gone} is still in {left}");
        }
        assert!(left.contains("\"family\":\"A\"") && left.contains("REDACTED"));
        assert_eq!(withhold(ResourceType::RelatedPerson, br#"{"resourceType":"RelatedPerson"}"#).unwrap(), None);
        let visit =
            br#"{"resourceType":"Encounter","status":"in-progress","location":[{"location":{"display":"Ward 3"}}]}"#;
        let left = String::from_utf8(withhold(ResourceType::Encounter, visit).unwrap().unwrap()).unwrap();
        assert!(!left.contains("Ward 3") && left.contains("in-progress"));
    }

    #[test]
    fn what_says_nothing_of_whereabouts_is_left_as_it_is() {
        let json = br#"{"resourceType":"Condition","code":{"text":"Asthma"}}"#;
        assert_eq!(withhold(ResourceType::Condition, json).unwrap().as_deref(), Some(json.as_slice()));
    }
}
