//! From bytes to changes: where intake meets the mappings.

use crate::mapped::{Find, failure};
use fhir::{PatientKey, Region, ResourceId, ResourceType};
use jiff::Timestamp;
use mapping::{
    ChangeSet, Finding, Profile, Severity,
    bundle::{self, Limits, Lookup, MappedFhir, Request},
};
use std::cell::Cell;
use store::{StoreError, identifier_hash, journal::Entry};

/// What a message came to.
pub struct Wired {
    /// The changes and findings.
    pub set: ChangeSet,
    /// The message's type in a line, never a person.
    pub title: String,
    /// Whether it looked something up.
    pub looked_up: bool,
    /// Whether the answer may be another one once all before it is applied.
    pub missed: bool,
}

impl Wired {
    /// Without a look-up.
    pub fn plain(set: ChangeSet, title: &str) -> Self {
        Wired { set, title: title.to_owned(), looked_up: false, missed: false }
    }
}

/// Map an HL7 v2 message.
pub fn hl7v2(region: &Region, profile: &Profile, body: &[u8], received: Timestamp) -> Wired {
    let parsed = hl7v2::parse(body);
    match &parsed.message {
        Some(message) => {
            let mut set = mapping::map_hl7v2(region, profile, message, received);
            // What could not be read is found before what was read: an engineer mends the first cause first.
            set.findings.splice(0..0, parsed.notes.iter().filter_map(finding));
            Wired::plain(set, &message.header().kind())
        }
        None => {
            let why = parsed.notes.first().map_or_else(String::new, |note| format!(": {note}"));
            Wired::plain(failure("unreadable", &format!("this is not an HL7 v2 message{why}")), "unreadable")
        }
    }
}

/// What the reader noticed and somebody should know. Mere habits of a sender (line ends, a missing last CR) are none.
fn finding(note: &hl7v2::Note) -> Option<Finding> {
    let severity = match note.severity {
        hl7v2::Severity::Note => return None,
        hl7v2::Severity::Warning => Severity::Warning,
        hl7v2::Severity::Error => Severity::Error,
    };
    let place = note.location.as_ref().map(ToString::to_string).unwrap_or_default();
    Some(Finding { severity, code: note.code.as_str().to_owned(), place, text: note.text.clone() })
}

/// Map a FHIR request of the journal.
pub fn fhir(region: &Region, entry: &Entry, find: &dyn Find) -> Result<Wired, StoreError> {
    let request: Request = match serde_json::from_str(entry.about.as_deref().unwrap_or("{}")) {
        Ok(request) => request,
        Err(error) => {
            return Ok(Wired::plain(
                failure("unreadable", &format!("what is known of the request is unreadable: {error}")),
                "FHIR",
            ));
        }
    };
    let mapped = check(region, &entry.source, &request, &entry.body, entry.received, find)?;
    Ok(Wired { set: mapped.set, title: mapped.title, looked_up: mapped.looked_up, missed: mapped.missed })
}

/// Map a FHIR request against what is stored.
pub fn check(
    region: &Region,
    source: &str,
    request: &Request,
    body: &[u8],
    received: Timestamp,
    find: &dyn Find,
) -> Result<MappedFhir, StoreError> {
    let lookup = Through { find, fragile: Cell::new(false) };
    let limits = Limits { body_bytes_max: usize::MAX, ..Limits::default() };
    let mut mapped = bundle::map_fhir(region, source, request, body, received, &limits, &lookup)?;
    mapped.missed |= lookup.fragile.get();
    Ok(mapped)
}

struct Through<'a> {
    find: &'a dyn Find,
    /// Whether a patient was looked up by identifier: another message may bring a second one at any time.
    fragile: Cell<bool>,
}

impl Lookup for Through<'_> {
    type Error = StoreError;

    fn exists(&self, id: ResourceId, kind: ResourceType) -> Result<bool, StoreError> {
        self.find.exists(id, kind)
    }

    fn source_of(&self, patient: PatientKey) -> Result<Option<String>, StoreError> {
        self.find.source_of(patient)
    }

    fn written_here(&self, id: ResourceId, kind: ResourceType) -> Result<bool, StoreError> {
        self.find.written_here(id, kind)
    }

    fn by_identifier(
        &self,
        kind: ResourceType,
        system: Option<&str>,
        value: &str,
    ) -> Result<Vec<ResourceId>, StoreError> {
        if kind == ResourceType::Patient {
            self.fragile.set(true);
        }
        let found = self.find.by_identifier(identifier_hash(kind, system, value))?;
        Ok(found.into_iter().filter(|(_, found)| *found == kind).map(|(id, _)| id).collect())
    }
}
