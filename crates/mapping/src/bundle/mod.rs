//! FHIR in: what a source sends as FHIR (a bundle or a single resource) becomes changes with final ids and references.
//!
//! Ids follow from what the source itself calls a thing: its Patient id names the patient's key, its resource id (or the
//! `fullUrl` where there is none) the resource's. So the same bundle twice asks for the same changes, and a reference to a
//! resource sent earlier needs no directory of ids, only the certainty that it exists ([`Lookup`]).
//!
//! Whose a resource is, is said by its patient-compartment reference ([`fhir::compartment`]). What names no patient lives
//! in the source's directory if it is of a directory's kind (practitioners, organisations, places); otherwise, in a bundle
//! about one patient, it is that patient's (a Medication, a Binary, a MessageHeader).
//!
//! All or nothing: one entry that cannot be used refuses a transaction. A batch's entries stand alone.

mod check;
mod links;
mod place;
mod read;
mod refs;
#[cfg(test)]
mod tests;

use crate::change::{Change, ChangeSet, EventTime, Finding, Severity};
use fhir::{Content, Issue, IssueType, PatientKey, Region, ResourceId, ResourceType, json::Node};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, collections::HashSet};

/// What a mapping must know of what is stored: the answers as they are just before this message.
pub trait Lookup {
    /// Why an answer cannot be had.
    type Error;

    /// Whether this resource is stored and not deleted.
    fn exists(&self, id: ResourceId, kind: ResourceType) -> Result<bool, Self::Error>;

    /// The source a patient key (or directory) belongs to, if anything is stored under it.
    fn source_of(&self, patient: PatientKey) -> Result<Option<String>, Self::Error>;

    /// Whether this resource was written here: no source changes it, be it the patient's own.
    fn written_here(&self, id: ResourceId, kind: ResourceType) -> Result<bool, Self::Error>;

    /// Resources of this type with this identifier, of any source. Asked only for [`is_found_by_identifier`].
    fn by_identifier(
        &self,
        kind: ResourceType,
        system: Option<&str>,
        value: &str,
    ) -> Result<Vec<ResourceId>, Self::Error>;
}

/// A lookup that knows nothing: for sources that send all they refer to, and for tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nothing;

impl Lookup for Nothing {
    type Error = std::convert::Infallible;
    fn exists(&self, _: ResourceId, _: ResourceType) -> Result<bool, Self::Error> {
        Ok(false)
    }
    fn source_of(&self, _: PatientKey) -> Result<Option<String>, Self::Error> {
        Ok(None)
    }
    fn written_here(&self, _: ResourceId, _: ResourceType) -> Result<bool, Self::Error> {
        Ok(false)
    }
    fn by_identifier(&self, _: ResourceType, _: Option<&str>, _: &str) -> Result<Vec<ResourceId>, Self::Error> {
        Ok(Vec::new())
    }
}

/// What a source asks for, apart from the body. Kept beside the body in the journal, as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Request {
    /// `POST`, `PUT` or `DELETE`. Empty: as the body says (a bundle, or a resource to store under its own id).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub method: String,
    /// What is written, relative to the server's base: empty for a bundle, else `Condition`, `Condition/abc`,
    /// `Condition?identifier=…`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// The `If-None-Exist` header of a conditional create.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub if_none_exist: Option<String>,
}

/// How much a source may send at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a body.
    pub body_bytes_max: usize,
    /// Entries of a bundle.
    pub entries_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { body_bytes_max: 64 << 20, entries_max: 50_000 }
    }
}

/// What is asked of one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Create (POST).
    Create,
    /// Store under the source's own id (PUT), or an entry of a bundle without requests.
    Update,
    /// Delete.
    Delete,
}

/// What becomes of one entry, in the order of the bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What was asked.
    pub method: Method,
    /// Of which resource; nothing when the entry could not be read that far.
    pub target: Option<(ResourceType, ResourceId)>,
    /// A conditional create whose condition is met already: nothing is done.
    pub existing: bool,
    /// Why the entry is refused.
    pub refused: Option<Finding>,
}

/// A request, mapped.
#[derive(Clone, Debug, Default)]
pub struct MappedFhir {
    /// What to do. A finding of [`Severity::Error`] means: nothing.
    pub set: ChangeSet,
    /// The request in a line, without a person: `transaction of 431`, `PUT Condition`.
    pub title: String,
    /// Whether the outcome hangs on what is stored, so that it must be mapped again if that changed since.
    pub looked_up: bool,
    /// Whether something was looked for and not found: an earlier message not applied yet may be bringing it.
    pub missed: bool,
    /// What becomes of each entry; one for a single resource.
    pub answers: Vec<Answer>,
    /// The bundle's type when the body is one.
    pub bundle: Option<BundleKind>,
}

/// The bundles a source may send (value set bundle-type).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BundleKind {
    /// All or nothing.
    Transaction,
    /// Each entry for itself.
    Batch,
    /// Resources without requests (message, document, collection, searchset): each stored under its own id, all or
    /// nothing.
    Statement,
}

/// One entry on its way through.
struct Entry<'d> {
    /// Its number in the bundle; nothing for a single resource.
    index: Option<usize>,
    method: Method,
    kind: ResourceType,
    /// The resource as it was sent.
    resource: Option<Node<'d>>,
    /// The resource as it is to be stored, references final.
    content: Option<Content>,
    full_url: Option<Cow<'d, str>>,
    /// What the source calls it.
    own: Cow<'d, str>,
    /// `system|value` of a conditional create or update; of a delete the source's id of the patient it is under.
    condition: Option<String>,
    /// Where it is to be stored, once known.
    id: Option<ResourceId>,
    if_none_exist: bool,
    existing: bool,
    /// Not sent: a Patient that others name by this identifier (system and value) alone.
    stand_in: Option<(String, String)>,
    refused: Option<Finding>,
}

impl<'d> Entry<'d> {
    fn new(index: Option<usize>, method: Method, kind: ResourceType, own: Cow<'d, str>) -> Self {
        Entry {
            index,
            method,
            kind,
            resource: None,
            content: None,
            full_url: None,
            own,
            condition: None,
            id: None,
            if_none_exist: false,
            existing: false,
            stand_in: None,
            refused: None,
        }
    }

    /// System and value of each of its identifiers that has a value.
    fn identifiers(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        let text = |identifier: Node<'d>, name| identifier.get(name).and_then(Node::text);
        let sent =
            self.resource.into_iter().flat_map(|resource| resource.list("identifier")).filter_map(move |found| {
                text(found, "value").map(|value| (text(found, "system").unwrap_or_default(), value))
            });
        let named = self.stand_in.iter().map(|(system, value)| (system.as_str().into(), value.as_str().into()));
        sent.chain(named)
    }
}

/// Everything about one request while it is mapped.
struct Work<'a, L: Lookup + ?Sized> {
    region: &'a Region,
    source: &'a str,
    directory: PatientKey,
    lookup: &'a L,
    entries: Vec<Entry<'a>>,
    findings: Vec<Finding>,
    looked_up: bool,
    missed: bool,
}

/// Map a source's FHIR request. Never fails on what it is given: what is wrong is said in the findings.
///
/// # Errors
/// Only those of `lookup`.
pub fn map_fhir<L: Lookup + ?Sized>(
    region: &Region,
    source: &str,
    request: &Request,
    body: &[u8],
    received: Timestamp,
    limits: &Limits,
    lookup: &L,
) -> Result<MappedFhir, L::Error> {
    let read = read::document(request, body, limits);
    let document = match read {
        Ok(document) => document,
        Err(finding) => return Ok(refused(*finding, request)),
    };
    let read = match read::read(request, document.as_ref(), limits) {
        Ok(read) => read,
        Err(finding) => return Ok(refused(*finding, request)),
    };
    let mut work = Work {
        region,
        source,
        directory: region.directory(source),
        lookup,
        entries: read.entries,
        findings: Vec::new(),
        looked_up: false,
        missed: false,
    };
    let names = place::place(&mut work)?;
    let independent = read.bundle == Some(BundleKind::Batch);
    refs::rewrite(&mut work, &names, independent)?;
    links::complete(&mut work, &names)?;
    let mut set = finish(&mut work.entries, work.directory, received, independent);
    set.findings.append(&mut work.findings);
    let answers = work.entries.into_iter().filter(|entry| entry.stand_in.is_none()).map(|entry| Answer {
        method: entry.method,
        target: entry.id.map(|id| (entry.kind, id)),
        existing: entry.existing,
        refused: entry.refused,
    });
    Ok(MappedFhir {
        answers: answers.collect(),
        set,
        title: read.title,
        looked_up: work.looked_up,
        missed: work.missed,
        bundle: read.bundle,
    })
}

/// The changes of the entries that are fine; or, unless entries stand alone, only findings when one is not.
fn finish(entries: &mut [Entry<'_>], directory: PatientKey, received: Timestamp, independent: bool) -> ChangeSet {
    let mut set = ChangeSet::default();
    let mut lanes = HashSet::new();
    for entry in entries.iter() {
        if let Some(finding) = &entry.refused {
            let severity = if independent { Severity::Warning } else { Severity::Error };
            set.findings.push(Finding { severity, ..finding.clone() });
        }
    }
    let refused = !independent && !set.findings.is_empty();
    for entry in entries {
        let (None, Some(id)) = (&entry.refused, entry.id) else { continue };
        if id.patient != directory && lanes.insert(id.patient) {
            set.lanes.push(id.patient);
        }
        if refused || entry.existing {
            continue;
        }
        match (entry.method, entry.content.take()) {
            (Method::Delete, _) => set.changes.push(Change::Delete { id, kind: entry.kind }),
            (_, Some(content)) => {
                let has_links = entry.kind == ResourceType::Patient
                    && entry.resource.is_some_and(|patient| patient.get("link").is_some());
                let merges = if has_links { merges(&content, id, received) } else { Vec::new() };
                set.changes.push(Change::Put { id, content, if_none_exist: entry.if_none_exist });
                set.changes.extend(merges);
            }
            (_, None) => {}
        }
    }
    set
}

/// What a Patient says of its source's own merges: `link.type` `replaced-by` and `replaces`. References are final here.
fn merges(patient: &Content, id: ResourceId, received: Timestamp) -> Vec<Change> {
    let time = EventTime { recorded: received, occurred: received, sent: received };
    let mut merges = Vec::new();
    for link in patient.resource(id).list("link") {
        let other = link.pointer("/other/reference").and_then(|text| text.as_str()).unwrap_or_default();
        let Some(other) = other.strip_prefix("Patient/").and_then(|text| text.parse::<PatientKey>().ok()) else {
            continue;
        };
        match link.get("type").and_then(|kind| kind.as_str()) {
            Some("replaced-by") => merges.push(Change::Merge { survivor: other, loser: id.patient, time }),
            Some("replaces") => merges.push(Change::Merge { survivor: id.patient, loser: other, time }),
            _ => {}
        }
    }
    merges
}

fn refused(finding: Finding, request: &Request) -> MappedFhir {
    let answer = Answer { method: Method::Update, target: None, existing: false, refused: Some(finding.clone()) };
    MappedFhir {
        set: ChangeSet { findings: vec![finding], ..ChangeSet::default() },
        title: title(request),
        answers: vec![answer],
        ..MappedFhir::default()
    }
}

fn title(request: &Request) -> String {
    let kind = request.url.split(['/', '?']).next().unwrap_or_default();
    match (request.method.as_str(), kind) {
        ("", _) | (_, "") => "FHIR request".to_owned(),
        (method @ ("POST" | "PUT" | "DELETE" | "PATCH"), kind) if kind.parse::<ResourceType>().is_ok() => {
            format!("{method} {kind}")
        }
        _ => "FHIR request".to_owned(),
    }
}

/// Kinds that are about no patient: a source's resources of these live in its directory.
pub fn is_directory(kind: ResourceType) -> bool {
    use ResourceType as T;
    matches!(
        kind,
        T::Organization
            // A list of people belongs to none of them: in one's record it would tell of the others.
            | T::Group
            | T::OrganizationAffiliation
            | T::Practitioner
            | T::PractitionerRole
            | T::Location
            | T::HealthcareService
            | T::Endpoint
            | T::Slot
            | T::InsurancePlan
            | T::ActivityDefinition
            | T::CapabilityStatement
            | T::ChargeItemDefinition
            | T::CodeSystem
            | T::CompartmentDefinition
            | T::ConceptMap
            | T::DeviceDefinition
            | T::EventDefinition
            | T::GraphDefinition
            | T::ImplementationGuide
            | T::Library
            | T::Measure
            | T::MedicationKnowledge
            | T::MessageDefinition
            | T::NamingSystem
            | T::ObservationDefinition
            | T::OperationDefinition
            | T::PlanDefinition
            | T::Questionnaire
            | T::SearchParameter
            | T::SpecimenDefinition
            | T::StructureDefinition
            | T::StructureMap
            | T::Subscription
            | T::TerminologyCapabilities
            | T::ValueSet
    )
}

/// Kinds whose resources a store can find by business identifier.
pub fn is_found_by_identifier(kind: ResourceType) -> bool {
    use ResourceType as T;
    matches!(
        kind,
        T::Patient
            | T::Organization
            | T::Practitioner
            | T::PractitionerRole
            | T::Location
            | T::HealthcareService
            | T::Medication
            | T::Device
    )
}

/// What is wrong, by the code of its finding, and the HTTP status that says so.
const CODES: &[(&str, IssueType, u16)] = &[
    ("bad-json", IssueType::Structure, 400),
    ("not-a-resource", IssueType::Structure, 400),
    ("unknown-resource-type", IssueType::NotSupported, 400),
    ("bad-request", IssueType::Invalid, 400),
    ("missing-resource", IssueType::Required, 400),
    ("too-large", IssueType::TooLong, 413),
    ("not-supported", IssueType::NotSupported, 405),
    ("duplicate-entry", IssueType::Duplicate, 400),
    ("unresolved-reference", IssueType::NotFound, 422),
    ("ambiguous-reference", IssueType::MultipleMatches, 412),
    ("other-source", IssueType::Forbidden, 403),
    ("no-patient-identifier", IssueType::Required, 422),
    ("no-patient", IssueType::Required, 422),
    ("not-found", IssueType::NotFound, 404),
    ("impossible-date", IssueType::Value, 422),
];

/// A finding as FHIR says it, with the HTTP status for a request that it refuses.
pub fn issue(finding: &Finding) -> (Issue, u16) {
    let known = CODES.iter().find(|(code, ..)| *code == finding.code);
    let (code, status) = known.map_or((IssueType::Processing, 422), |(_, code, status)| (*code, *status));
    let severity = match finding.severity {
        Severity::Note => fhir::outcome::Severity::Information,
        Severity::Warning => fhir::outcome::Severity::Warning,
        Severity::Error => fhir::outcome::Severity::Error,
    };
    let issue = Issue::error(code, finding.text.clone()).severity(severity);
    let issue = if finding.place.is_empty() { issue } else { issue.at(finding.place.clone()) };
    (issue, status)
}

/// An error finding.
fn error(code: &str, place: impl Into<String>, text: impl Into<String>) -> Finding {
    debug_assert!(CODES.iter().any(|(known, ..)| *known == code), "{code} has no issue type");
    Finding { severity: Severity::Error, code: code.to_owned(), place: place.into(), text: text.into() }
}
