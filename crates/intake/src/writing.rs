//! What people write here rather than in a source's system: plans, wishes, requests. It stands in the journal as whole FHIR
//! resources in a bundle, with who signed it and which versions it was written over, so that a replay gives the same bytes
//! and refuses the same.
//!
//! It belongs to a patient of a source, for a person is nothing but patients: where the person is split, it stays with the
//! patient it was written about. No source changes or deletes it, and it waits behind no message of one.

use crate::{
    mapped::{Step, failure},
    wire::Wired,
};
use fhir::{Content, PatientKey, Region, Resource, ResourceId, ResourceType};
use mapping::{Change, ChangeSet, Finding, Severity};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{StoreError, Writer, journal::Entry};

/// The code of the finding that says that something was changed by somebody else meanwhile.
pub const CHANGED: &str = "changed-meanwhile";

/// Who wrote what here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Writing {
    /// The id of the user who signed it.
    pub by: String,
    /// That user's name, role and organisation, in words.
    pub name: String,
    /// What was written, as the policies name it: `urgent-care`, `about-me` …
    pub what: String,
    /// What its author saw and wrote it over: no longer so, and nothing of it is done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expects: Vec<Expected>,
}

/// A resource that must be as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// `CarePlan/<id>`.
    pub reference: String,
    /// Its version.
    pub version: u32,
}

/// The id of a resource that is written here about a patient. `name`: not used before, as a random number is not.
pub fn local(region: &Region, patient: PatientKey, kind: ResourceType, name: &str) -> ResourceId {
    // No source's own name of a thing begins so: ids have no colon.
    region.resource(patient, kind, &format!("skein:written:{name}"))
}

/// The patient that something written about a person is attached to: one of the author's own organisation if there is one,
/// else the one that has been linked longest. `patients`: with their sources, longest linked first.
pub fn home(patients: &[(PatientKey, String)], own_sources: &[String]) -> Option<PatientKey> {
    let own = patients.iter().find(|(_, source)| own_sources.contains(source));
    own.or(patients.first()).map(|(patient, _)| *patient)
}

/// The bytes of the journal entry: a transaction, as a source would send it.
pub(crate) fn body(resources: &[Resource]) -> Vec<u8> {
    let entry = |resource: &Resource| {
        let url = format!("{}/{}", resource.kind(), resource.id().unwrap_or_default());
        json!({"resource": Value::Object(resource.body().clone()), "request": {"method": "PUT", "url": url}})
    };
    let entries: Vec<Value> = resources.iter().map(entry).collect();
    json!({"resourceType": "Bundle", "type": "transaction", "entry": entries}).to_string().into_bytes()
}

fn read(body: &[u8]) -> Option<Vec<(ResourceId, Resource)>> {
    let bundle: Value = serde_json::from_slice(body).ok()?;
    let resources = bundle.get("entry")?.as_array()?.iter().map(|entry| {
        let resource = Resource::from_value(entry.get("resource")?.clone()).ok()?;
        let id: ResourceId = resource.id()?.parse().ok()?;
        // Who a patient is, is said by its source.
        (resource.kind() != ResourceType::Patient && id.local != 0).then_some((id, resource))
    });
    resources.collect::<Option<Vec<_>>>().filter(|all| !all.is_empty())
}

/// What an entry asks for.
pub(crate) fn change_set(entry: &Entry) -> Wired {
    let Some(resources) = read(&entry.body) else {
        return Wired::plain(failure("unreadable", "what was written here cannot be read"), "written");
    };
    let mut set = ChangeSet::default();
    let mut kinds: Vec<&str> = Vec::new();
    for (id, resource) in &resources {
        if !set.lanes.contains(&id.patient) {
            set.lanes.push(id.patient);
        }
        kinds.push(resource.kind().as_str());
        set.changes.push(Change::Put { id: *id, content: Content::of(resource), if_none_exist: false });
    }
    Wired::plain(set, &format!("written {}", kinds.join(", ")))
}

/// A plan written here links nobody with the person: its author had a way to the record, and nobody else gets one by it.
/// A request is there to give one.
pub(crate) fn opens_nothing(steps: &mut [Step]) {
    for step in steps {
        if let Step::Put(ready) = step
            && ready.kind == ResourceType::CarePlan
        {
            ready.found_by.bearings.clear();
        }
    }
}

/// Why an entry cannot be carried out over what is there now. Asked in journal order, so that a replay answers the same.
pub(crate) fn obstacles(writer: &Writer, entry: &Entry, steps: &[Step]) -> Result<Vec<Finding>, StoreError> {
    let error = |code: &str, text: &str| Finding {
        severity: Severity::Error,
        code: code.to_owned(),
        place: String::new(),
        text: text.to_owned(),
    };
    let about = entry.about.as_deref().and_then(|about| serde_json::from_str::<Writing>(about).ok());
    let Some(writing) = about else {
        return Ok(vec![error("unreadable", "who wrote this cannot be read")]);
    };
    let changed = error(CHANGED, "somebody else changed it meanwhile: nothing was written over theirs");
    let mut expected: Vec<(ResourceType, ResourceId)> = Vec::new();
    for expect in &writing.expects {
        let parts = expect.reference.split_once('/');
        let Some((kind, id)) = parts.and_then(|(kind, id)| Some((kind.parse().ok()?, id.parse().ok()?))) else {
            return Ok(vec![error("unreadable", "what this was written over cannot be read")]);
        };
        let current = writer.current(id, kind)?.filter(|current| !current.deleted);
        if current.is_none_or(|current| current.version != expect.version) {
            return Ok(vec![changed]);
        }
        expected.push((kind, id));
    }
    for step in steps {
        let Step::Put(ready) = step else { continue };
        if !writer.knows(ready.id.patient)? {
            return Ok(vec![error("unknown-patient", "it names a patient that is not known here")]);
        }
        match writer.current(ready.id, ready.kind)? {
            // What a source says, it says itself.
            Some(current) if !current.written => {
                return Ok(vec![error("other-source", "it would change what a source says")]);
            }
            // What is there is changed by whoever says that they saw it.
            Some(_) if !expected.contains(&(ready.kind, ready.id)) => return Ok(vec![changed]),
            _ => {}
        }
    }
    Ok(Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_goes_to_a_patient_of_the_authors_organisation_or_the_oldest() {
        let patients = [(PatientKey(1), "gp".to_owned()), (PatientKey(2), "rxx".to_owned())];
        assert_eq!(home(&patients, &["rxx".into()]), Some(PatientKey(2)));
        assert_eq!(home(&patients, &["elsewhere".into()]), Some(PatientKey(1)));
        assert_eq!(home(&[], &["rxx".into()]), None);
    }

    #[test]
    fn nobody_writes_a_patient_or_under_a_name_that_is_none_of_ours() {
        let written = |value: Value| {
            let resource = Resource::from_value(value).expect("a resource");
            read(&body(&[resource])).is_some()
        };
        let id = local(&Region::new("test"), PatientKey(7), ResourceType::CarePlan, "1").to_string();
        assert!(written(json!({"resourceType": "CarePlan", "id": id})));
        assert!(!written(json!({"resourceType": "Patient", "id": PatientKey(7).to_string()})));
        assert!(!written(json!({"resourceType": "CarePlan", "id": "mine"})));
        assert!(!written(json!({"resourceType": "CarePlan"})));
        assert!(read(b"{}").is_none() && read(&body(&[])).is_none() && read(b"no").is_none());
    }
}
