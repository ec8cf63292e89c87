//! A patient identity feed (IHE ITI-104): a Patient that a source stores under one of its identifiers has that identifier,
//! and a merge may name the survivor by identifier alone (`link.other.identifier`, `replaced-by`).

use super::{
    Entry, Lookup, Method, Work,
    place::{self, Names},
    refs,
};
use fhir::{Content, PatientKey, Resource, ResourceType, Value, nhs};

/// Complete the Patients of a request. References are final here; those made here are final too.
pub(super) fn complete<L: Lookup + ?Sized>(work: &mut Work<'_, L>, names: &Names<'_>) -> Result<(), L::Error> {
    for index in 0..work.entries.len() {
        let Some(entry) = work.entries.get(index) else { continue };
        let (Some(id), Some(sent), None) = (entry.id, entry.resource, &entry.refused) else { continue };
        let condition = entry.condition.as_deref().and_then(|condition| condition.split_once('|'));
        let by_identifier = sent.list("link").any(|link| link.at("/other/reference").is_none());
        if entry.kind != ResourceType::Patient
            || entry.method == Method::Delete
            || condition.is_none() && !by_identifier
        {
            continue;
        }
        let Some(mut patient) = entry.content.as_ref().map(|content| content.resource(id)) else { continue };
        if let Some((system, value)) = condition {
            name(&mut patient, system, value);
        }
        let mut links = patient.list("link").to_vec();
        let mut changed = false;
        for link in &mut links {
            if let Some(other) = named_by_identifier(link)
                && let Some(key) = patient_of(work, &other, names)?
                && let Some(other) = link.get_mut("other").and_then(Value::as_object_mut)
            {
                other.insert("reference".into(), format!("Patient/{key}").into());
                changed = true;
            }
        }
        if changed {
            patient.set("link", links);
        }
        if let Some(entry) = work.entries.get_mut(index) {
            entry.content = Some(Content::of(&patient));
        }
    }
    // Those named here for the first time.
    for entry in work.entries.iter_mut().filter(|entry| entry.content.is_none()) {
        entry.content = entry.stand_in.as_ref().map(|(system, value)| refs::stand_in(system, value));
    }
    Ok(())
}

/// The identifier it was stored under is one of the patient's, so that it is found by it again.
fn name(patient: &mut Resource, system: &str, value: &str) {
    let wanted = place::name_of_identifier(system, value);
    let has = patient.list("identifier").iter().any(|identifier| {
        let text = |name: &str| identifier.get(name).and_then(Value::as_str).unwrap_or_default();
        place::name_of_identifier(text("system"), text("value")) == wanted
    });
    if !has {
        let mut identifiers = patient.list("identifier").to_vec();
        identifiers.push(serde_json::json!({"system": system, "value": value}));
        patient.set("identifier", identifiers);
    }
}

/// `system` and `value` where a link to another Patient has them and no reference.
fn named_by_identifier(link: &Value) -> Option<(String, String)> {
    let other = link.get("other")?.as_object()?;
    let merges = matches!(link.get("type").and_then(Value::as_str), Some("replaced-by" | "replaces"));
    if !merges || other.get("reference").is_some() {
        return None;
    }
    let text = |name: &str| other.get("identifier")?.get(name)?.as_str().filter(|text| !text.is_empty());
    Some((text("system")?.to_owned(), text("value")?.to_owned()))
}

/// The patient meant. One the source has not sent yet is known by this identifier until it does; where several have it,
/// nobody can say which is meant, and the link stays as it is.
fn patient_of<L: Lookup + ?Sized>(
    work: &mut Work<'_, L>,
    other: &(String, String),
    names: &Names<'_>,
) -> Result<Option<PatientKey>, L::Error> {
    let (system, value) = (other.0.as_str(), other.1.as_str());
    // A merge goes by the source's own numbers: an NHS number is the person's, not a patient's.
    if system == nhs::SYSTEM {
        return Ok(None);
    }
    if let Some(key) = place::by_identifier(work, system, value, names)? {
        return Ok(Some(key));
    }
    let several = !place::find(work, ResourceType::Patient, Some(system), value, work.directory)?.is_empty();
    Ok(if several { None } else { Some(place::stand_in(work, system, value)) })
}

/// Whether a DELETE goes by identifier: `?system|value` is then what it is called.
pub(super) fn condition_of_delete<'e>(entry: &'e Entry<'_>) -> Option<(&'e str, &'e str)> {
    (entry.kind == ResourceType::Patient).then_some(())?;
    entry.own.strip_prefix('?')?.split_once('|')
}
