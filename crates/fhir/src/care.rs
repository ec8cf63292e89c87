//! When the care that a resource speaks of took place: what `start` and `end` of `Patient/$everything` are compared with.

use crate::{
    Resource, ResourceType,
    datetime::{DateTime, Interval, london, period},
};
use serde_json::Value;

/// Elements that say when, the most telling first; of a choice element its stem.
fn elements(kind: ResourceType) -> &'static [&'static str] {
    use ResourceType as T;
    match kind {
        T::Encounter | T::EpisodeOfCare | T::CarePlan | T::CareTeam | T::Flag | T::Coverage => &["period"],
        T::Condition => &["onset", "recordedDate"],
        T::AllergyIntolerance => &["onset", "recordedDate"],
        T::Observation | T::DiagnosticReport | T::MedicationStatement | T::MedicationAdministration => {
            &["effective", "issued", "dateAsserted"]
        }
        T::Procedure => &["performed"],
        T::Immunization | T::ImmunizationEvaluation | T::SupplyDelivery | T::RiskAssessment | T::DeviceRequest => {
            &["occurrence", "recorded", "authoredOn"]
        }
        T::ServiceRequest | T::SupplyRequest | T::CommunicationRequest => &["occurrence", "authoredOn"],
        T::MedicationRequest | T::Task | T::RequestGroup | T::NutritionOrder => &["authoredOn", "dateTime"],
        T::MedicationDispense => &["whenHandedOver", "whenPrepared"],
        T::Appointment | T::AppointmentResponse => &["start"],
        T::DocumentReference | T::DocumentManifest | T::Composition | T::List | T::FamilyMemberHistory => {
            &["date", "created"]
        }
        T::ClinicalImpression => &["effective", "date"],
        T::Communication => &["sent", "received"],
        T::Consent => &["dateTime"],
        T::Goal => &["start"],
        T::ImagingStudy => &["started"],
        T::Media => &["created"],
        T::QuestionnaireResponse | T::VisionPrescription => &["authored", "created"],
        T::Claim | T::ExplanationOfBenefit | T::ClaimResponse => &["billablePeriod", "created"],
        T::AdverseEvent => &["date", "detected"],
        T::Specimen => &["receivedTime"],
        _ => &[],
    }
}

/// Kinds that go on from their date until something says they ended: leaving out a condition because it began long ago
/// would hide it.
fn is_ongoing(kind: ResourceType) -> bool {
    use ResourceType as T;
    matches!(kind, T::Condition | T::AllergyIntolerance | T::Goal | T::Consent | T::FamilyMemberHistory)
}

/// The stretch of time the care took, or nothing for a resource that is about no such time (Patient, Binary).
pub fn interval(resource: &Resource) -> Option<Interval> {
    let kind = resource.kind();
    let when = elements(kind).iter().find_map(|element| time_of(resource, element))?;
    if !is_ongoing(kind) {
        return Some(when);
    }
    let over = time_of(resource, "abatement").map_or(i64::MAX, |abated| abated.to);
    Some(Interval { from: when.from, to: over.max(when.from) })
}

fn time_of(resource: &Resource, element: &str) -> Option<Interval> {
    let read = |value: &Value| match value {
        Value::String(text) => Some(DateTime::parse(text).ok()?.interval(london())),
        Value::Object(_) => period(value, london()),
        _ => None,
    };
    if let Some(value) = resource.get(element) {
        return read(value);
    }
    ["DateTime", "Period", "Date", "Instant"].iter().find_map(|form| read(resource.get(&format!("{element}{form}"))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlaps(json: &str, from: &str, to: &str) -> Option<bool> {
        let asked = |text: &str| DateTime::parse(text).unwrap().interval(london());
        let wanted = Interval { from: asked(from).from, to: asked(to).to };
        interval(&Resource::from_slice(json.as_bytes()).unwrap()).map(|found| found.overlaps(&wanted))
    }

    #[test]
    fn care_dates_are_found_where_each_type_has_them() {
        let stay = r#"{"resourceType":"Encounter","period":{"start":"2024-01-10","end":"2024-01-20"}}"#;
        assert_eq!(overlaps(stay, "2024-01-20", "2024-02-01"), Some(true));
        assert_eq!(overlaps(stay, "2024-01-21", "2024-02-01"), Some(false));
        let result = r#"{"resourceType":"Observation","effectiveDateTime":"2024-01-10T10:00:00Z"}"#;
        assert_eq!(overlaps(result, "2024-01-10", "2024-01-10"), Some(true));
        assert_eq!(overlaps(r#"{"resourceType":"Patient","birthDate":"1950-01-01"}"#, "2024", "2024"), None);
    }

    #[test]
    fn what_began_long_ago_and_goes_on_is_not_hidden() {
        let active = r#"{"resourceType":"Condition","onsetDateTime":"1990-05-01"}"#;
        assert_eq!(overlaps(active, "2024", "2024"), Some(true));
        let over = r#"{"resourceType":"Condition","onsetDateTime":"1990-05-01","abatementDateTime":"1991"}"#;
        assert_eq!(overlaps(over, "2024", "2024"), Some(false));
        let allergy = r#"{"resourceType":"AllergyIntolerance","recordedDate":"1970-01-01"}"#;
        assert_eq!(overlaps(allergy, "2024", "2024"), Some(true));
    }
}
