//! Whose each entry is, and so what its id is.

use super::{Entry, Lookup, Method, Work, error, is_directory, is_found_by_identifier, links, read::root_of};
use crate::change::{Finding, Severity};
use fhir::{PatientKey, Reference, ResourceId, ResourceType, compartment, json::Node, nhs, reference};
use std::{borrow::Cow, collections::HashMap};

/// A Patient known only by an identifier is keyed by this name of it; a reference by that identifier finds it again.
pub(super) fn name_of_identifier(system: &str, value: &str) -> String {
    match nhs::ten_digits(value) {
        Some(digits) if system == nhs::SYSTEM => format!("{system}|{}", String::from_utf8_lossy(&digits)),
        _ => format!("{system}|{value}"),
    }
}

/// What the entries of a bundle are called in it.
pub(super) struct Names<'d> {
    by_url: HashMap<Cow<'d, str>, usize>,
    by_own: HashMap<ResourceType, HashMap<Cow<'d, str>, usize>>,
    by_identifier: HashMap<String, usize>,
    /// Whether some `fullUrl` is an http address, so that other addresses must be compared with them.
    has_addresses: bool,
}

impl Names<'_> {
    /// The entry a reference means, if the bundle has it.
    pub(super) fn find(&self, text: &str, parsed: &Reference<'_>) -> Option<usize> {
        if let Some(index) = self.by_url.get(text) {
            return Some(*index);
        }
        match parsed {
            Reference::Relative { kind, id, .. } => self.own(*kind, id),
            // `https://server/Patient/1/_history/2`: the same without its version.
            Reference::Absolute { version: Some(_), .. } => {
                let (address, _) = text.split_once("/_history/")?;
                self.by_url.get(address).copied()
            }
            _ => None,
        }
    }

    /// Whether some entry's `fullUrl` is this.
    pub(super) fn has(&self, url: &str) -> bool {
        self.has_addresses && self.by_url.contains_key(url)
    }

    fn own(&self, kind: ResourceType, own: &str) -> Option<usize> {
        self.by_own.get(&kind)?.get(own).copied()
    }

    /// The Patient entry with this identifier.
    fn patient(&self, system: &str, value: &str) -> Option<usize> {
        self.by_identifier.get(&name_of_identifier(system, value)).copied()
    }
}

/// Give every entry its id.
pub(super) fn place<'d, L: Lookup + ?Sized>(work: &mut Work<'d, L>) -> Result<Names<'d>, L::Error> {
    let names = names(work);
    place_patients(work)?;
    let (mut waiting, mut deletes) = (Vec::new(), Vec::new());
    let mut about: Vec<PatientKey> = Vec::new();
    for index in 0..work.entries.len() {
        let Some(entry) = work.entries.get(index) else { continue };
        if let (ResourceType::Patient, Some(id)) = (entry.kind, entry.id) {
            note_patient(&mut about, id.patient);
        }
        if entry.id.is_some() || entry.refused.is_some() {
            continue;
        }
        if entry.method == Method::Delete {
            deletes.push((index, entry.condition.clone()));
            continue;
        }
        match patient_of(work, index, &names)? {
            Some(patient) => {
                note_patient(&mut about, patient);
                settle(work, index, patient)?;
            }
            None if work.entries.get(index).is_some_and(|entry| is_directory(entry.kind)) => {
                settle(work, index, work.directory)?;
            }
            None => waiting.push(index),
        }
    }
    match about.as_slice() {
        // A bundle about one patient: the rest is that patient's.
        [only] => {
            for index in waiting {
                settle(work, index, *only)?;
            }
        }
        _ => place_by_referrer(work, &names, waiting)?,
    }
    for (index, patient) in deletes {
        let patient = match patient {
            Some(own) => Some(patient_key(work, &own)?),
            None => about.first().copied(),
        };
        place_delete(work, index, patient)?;
    }
    Ok(names)
}

fn note_patient(about: &mut Vec<PatientKey>, patient: PatientKey) {
    if about.len() < 2 && !about.contains(&patient) {
        about.push(patient);
    }
}

/// Learn what the entries are called, and refuse two of one name.
fn names<'d, L: Lookup + ?Sized>(work: &mut Work<'d, L>) -> Names<'d> {
    let mut names =
        Names { by_url: HashMap::new(), by_own: HashMap::new(), by_identifier: HashMap::new(), has_addresses: false };
    if work.entries.first().is_none_or(|entry| entry.index.is_none()) {
        return names;
    }
    names.by_url.reserve(work.entries.len());
    for (index, entry) in work.entries.iter_mut().enumerate() {
        if entry.refused.is_some() {
            continue;
        }
        let place = || format!("Bundle.entry[{}]", entry.index.unwrap_or(index));
        names.has_addresses |= entry.full_url.as_ref().is_some_and(|url| url.starts_with("http"));
        let twice = if let Some(url) = &entry.full_url
            && let Some(former) = names.by_url.insert(url.clone(), index)
        {
            Some(error(
                "duplicate-entry",
                format!("{}.fullUrl", place()),
                format!("entry {former} has the same fullUrl"),
            ))
        } else {
            names.by_own.entry(entry.kind).or_default().insert(entry.own.clone(), index).map(|former| {
                error("duplicate-entry", format!("{}.resource.id", place()), format!("entry {former} has the same id"))
            })
        };
        if entry.kind == ResourceType::Patient {
            for (system, value) in entry.identifiers() {
                names.by_identifier.insert(name_of_identifier(&system, &value), index);
            }
        }
        if twice.is_some() {
            entry.refused = twice;
        }
    }
    names
}

fn place_patients<L: Lookup + ?Sized>(work: &mut Work<'_, L>) -> Result<(), L::Error> {
    for index in 0..work.entries.len() {
        let Some(entry) = work.entries.get(index) else { continue };
        if entry.kind == ResourceType::Patient && entry.refused.is_none() && entry.method != Method::Delete {
            settle(work, index, work.region.patient(work.source, &entry.own))?;
        }
    }
    Ok(())
}

/// Give one entry its id among this patient's (or the directory's) resources.
fn settle<L: Lookup + ?Sized>(work: &mut Work<'_, L>, index: usize, patient: PatientKey) -> Result<(), L::Error> {
    let Some(entry) = work.entries.get(index) else { return Ok(()) };
    let (kind, index_in_body) = (entry.kind, entry.index);
    let root = || root_of(index_in_body, kind.as_str());
    // The id may be one of ours, from the answer to an earlier request.
    if let Ok(ours) = entry.own.parse::<ResourceId>() {
        work.looked_up = true;
        if work.lookup.exists(ours, kind)? {
            let theirs = work.lookup.source_of(ours.patient)?.is_some_and(|source| source != work.source)
                || work.lookup.written_here(ours, kind)?;
            let moved = kind != ResourceType::Patient && ours.patient != patient && entry.method != Method::Delete;
            let refused = if theirs {
                Some(error("other-source", format!("{}.id", root()), "this resource belongs to another source"))
            } else if moved {
                Some(error(
                    "bad-request",
                    format!("{}.id", root()),
                    "this resource belongs to another patient and cannot move",
                ))
            } else {
                None
            };
            if let Some(entry) = work.entries.get_mut(index) {
                entry.id = Some(ours);
                entry.refused = refused;
            }
            return Ok(());
        }
    }
    let mut id = work.region.resource(patient, kind, &entry.own);
    if let Some(condition) = entry.condition.clone()
        && let Some((system, value)) = condition.split_once('|')
    {
        match find(work, kind, Some(system), value, patient)?.as_slice() {
            [] => {}
            [found] => {
                id = *found;
                if let Some(entry) = work.entries.get_mut(index) {
                    entry.existing = entry.method == Method::Create;
                }
            }
            _ => {
                let text = "more than one resource meets the condition";
                if let Some(entry) = work.entries.get_mut(index) {
                    entry.refused = Some(error("ambiguous-reference", root(), text));
                }
            }
        }
    }
    if let Some(entry) = work.entries.get_mut(index) {
        entry.id = Some(id);
    }
    Ok(())
}

/// Resources of this source with an identifier: Patients anywhere, others in the directory or with this patient.
pub(super) fn find<L: Lookup + ?Sized>(
    work: &mut Work<'_, L>,
    kind: ResourceType,
    system: Option<&str>,
    value: &str,
    patient: PatientKey,
) -> Result<Vec<ResourceId>, L::Error> {
    let mut found = Vec::new();
    if !is_found_by_identifier(kind) {
        return Ok(found);
    }
    work.looked_up = true;
    for id in work.lookup.by_identifier(kind, system.filter(|system| !system.is_empty()), value)? {
        let ours = if kind == ResourceType::Patient {
            work.lookup.source_of(id.patient)?.is_some_and(|source| source == work.source)
        } else {
            id.patient == work.directory || id.patient == patient
        };
        if ours && !found.contains(&id) {
            found.push(id);
        }
    }
    work.missed |= found.is_empty();
    Ok(found)
}

/// The patient that an entry's own references name.
fn patient_of<L: Lookup + ?Sized>(
    work: &mut Work<'_, L>,
    index: usize,
    names: &Names<'_>,
) -> Result<Option<PatientKey>, L::Error> {
    let Some((kind, resource)) = work.entries.get(index).and_then(|entry| Some((entry.kind, entry.resource?))) else {
        return Ok(None);
    };
    let mut found = Ok(None);
    let mut visit = |reference: Node<'_>| {
        found = patient_named(work, reference, names);
        !matches!(found, Ok(None))
    };
    match (kind, resource.get("securityContext")) {
        (ResourceType::Binary, Some(context)) if context.is_object() => {
            visit(context);
        }
        _ => {
            compartment::candidates(kind, resource, &mut visit);
        }
    }
    found
}

/// The patient that a reference names, if it names one.
fn patient_named<L: Lookup + ?Sized>(
    work: &mut Work<'_, L>,
    named: Node<'_>,
    names: &Names<'_>,
) -> Result<Option<PatientKey>, L::Error> {
    let text = named.get("reference").and_then(Node::text).unwrap_or_default();
    let parsed = Reference::parse(&text);
    if let Some(target) = names.find(&text, &parsed).and_then(|index| work.entries.get(index)) {
        return Ok(match (target.kind, target.id) {
            (ResourceType::Patient, Some(id)) => Some(id.patient),
            // A Binary's context may be the letter it belongs to.
            (kind, Some(id)) if !is_directory(kind) && id.patient != work.directory => Some(id.patient),
            _ => None,
        });
    }
    match parsed {
        Reference::Relative { kind: ResourceType::Patient, id, .. } => Ok(Some(patient_key(work, id)?)),
        Reference::Absolute { kind: ResourceType::Patient, id, .. } => {
            let key = work.region.patient(work.source, id);
            work.looked_up = true;
            let known = work.lookup.exists(ResourceId::of_patient(key), ResourceType::Patient)?;
            work.missed |= !known;
            Ok(known.then_some(key))
        }
        // A Binary's context again, this time something sent before and named by our id.
        Reference::Relative { kind, id, .. } if !is_directory(kind) => match id.parse::<ResourceId>() {
            Ok(ours) => {
                work.looked_up = true;
                Ok(work.lookup.exists(ours, kind)?.then_some(ours.patient).filter(|patient| *patient != work.directory))
            }
            Err(_) => Ok(None),
        },
        Reference::Conditional { kind: ResourceType::Patient, query } => {
            let pairs = fhir::search::parse_pairs(query);
            let Some((_, identifier)) = pairs.iter().find(|(name, _)| name == "identifier") else { return Ok(None) };
            let (system, value) = identifier.split_once('|').unwrap_or(("", identifier));
            by_identifier(work, system, value, names)
        }
        Reference::Other("") => {
            let is_patient = named.get("type").is_some_and(|kind| kind.is_text("Patient"));
            match reference::logical(named) {
                Some((system, value)) if is_patient || system == nhs::SYSTEM => {
                    let found = by_identifier(work, &system, &value, names)?;
                    Ok(Some(match found {
                        Some(key) => key,
                        None => stand_in(work, &system, &value),
                    }))
                }
                _ => Ok(None),
            }
        }
        _ => Ok(None),
    }
}

/// The key of the patient that a source means by `Patient/<id>`: ours if it is one of ours, else by its own name.
pub(super) fn patient_key<L: Lookup + ?Sized>(work: &mut Work<'_, L>, id: &str) -> Result<PatientKey, L::Error> {
    if let Ok(ours) = id.parse::<PatientKey>() {
        work.looked_up = true;
        if work.lookup.exists(ResourceId::of_patient(ours), ResourceType::Patient)? {
            return Ok(ours);
        }
    }
    Ok(work.region.patient(work.source, id))
}

pub(super) fn by_identifier<L: Lookup + ?Sized>(
    work: &mut Work<'_, L>,
    system: &str,
    value: &str,
    names: &Names<'_>,
) -> Result<Option<PatientKey>, L::Error> {
    if let Some(entry) = names.patient(system, value).and_then(|index| work.entries.get(index)) {
        return Ok(entry.id.map(|id| id.patient));
    }
    let nobody = work.directory;
    let found = find(work, ResourceType::Patient, Some(system), value, nobody)?;
    Ok(match found.as_slice() {
        [only] => Some(only.patient),
        _ => None,
    })
}

/// A source that names its patient by identifier alone and never sends the Patient: one that says just that much.
pub(super) fn stand_in<L: Lookup + ?Sized>(work: &mut Work<'_, L>, system: &str, value: &str) -> PatientKey {
    let own = name_of_identifier(system, value);
    let key = work.region.patient(work.source, &own);
    let known = work.entries.iter().any(|entry| entry.id == Some(ResourceId::of_patient(key)));
    if !known {
        let entry = Entry::new(None, Method::Create, ResourceType::Patient, own.into());
        work.entries.push(Entry {
            id: Some(ResourceId::of_patient(key)),
            if_none_exist: true,
            stand_in: Some((system.to_owned(), value.to_owned())),
            ..entry
        });
    }
    key
}

/// Find what a DELETE means: by our id, or by the source's own id with the patient or directory it can be under.
fn place_delete<L: Lookup + ?Sized>(
    work: &mut Work<'_, L>,
    index: usize,
    patient: Option<PatientKey>,
) -> Result<(), L::Error> {
    let Some(entry) = work.entries.get(index) else { return Ok(()) };
    let (kind, own) = (entry.kind, entry.own.clone());
    let place = entry.index.map_or_else(String::new, |index| format!("Bundle.entry[{index}].request.url"));
    work.looked_up = true;
    if let Some((system, value)) = links::condition_of_delete(entry) {
        let (system, value) = (system.to_owned(), value.to_owned());
        let found = find(work, kind, Some(&system), &value, work.directory)?;
        let refused = match found.as_slice() {
            [_] => None,
            [] => Some(error("not-found", place, "this source has sent no Patient with this identifier")),
            _ => Some(error("ambiguous-reference", place, "more than one Patient meets the condition")),
        };
        if let Some(entry) = work.entries.get_mut(index) {
            (entry.id, entry.refused) = (found.first().copied().filter(|_| refused.is_none()), refused);
        }
        return Ok(());
    }
    let mut candidates: Vec<ResourceId> = own.parse().into_iter().collect();
    if kind == ResourceType::Patient {
        candidates.push(ResourceId::of_patient(work.region.patient(work.source, &own)));
    } else {
        let homes = patient.into_iter().chain([work.directory]);
        candidates.extend(homes.map(|home| work.region.resource(home, kind, &own)));
    }
    let (mut found, mut refused) = (None, None);
    for id in candidates {
        if work.lookup.exists(id, kind)? {
            found = Some(id);
            break;
        }
    }
    match found {
        Some(id) => {
            if work.lookup.source_of(id.patient)?.is_some_and(|source| source != work.source)
                || work.lookup.written_here(id, kind)?
            {
                refused = Some(error("other-source", place, "this resource belongs to another source"));
            }
        }
        None => {
            work.missed = true;
            let text = "there is no such resource of this source; delete it by the id in the Location we answered with, \
                        or as Type?_id=<your id>&patient=<your patient's id>";
            refused = Some(error("not-found", place, text));
        }
    }
    if let Some(entry) = work.entries.get_mut(index) {
        (entry.id, entry.refused) = (found, refused);
    }
    Ok(())
}

/// Entries that name no patient, in a bundle about several or none: whoever refers to them has them.
fn place_by_referrer<L: Lookup + ?Sized>(
    work: &mut Work<'_, L>,
    names: &Names<'_>,
    mut waiting: Vec<usize>,
) -> Result<(), L::Error> {
    // What is referred to by something that itself waits needs another round: a Substance of a Medication.
    for _ in 0..3 {
        if waiting.is_empty() {
            return Ok(());
        }
        let mut referrers: HashMap<usize, Vec<PatientKey>> = HashMap::new();
        for entry in &work.entries {
            let (Some(id), Some(resource)) = (entry.id, entry.resource) else { continue };
            if id.patient == work.directory {
                continue;
            }
            resource.each_text("", &mut |name, text| {
                if matches!(name, "reference" | "url")
                    && let Some(target) = names.find(&text, &Reference::parse(&text))
                {
                    let list = referrers.entry(target).or_default();
                    if !list.contains(&id.patient) {
                        list.push(id.patient);
                    }
                }
            });
        }
        let mut rest = Vec::new();
        let before = waiting.len();
        for index in waiting {
            match referrers.get(&index).map(Vec::as_slice) {
                Some([only]) => settle(work, index, *only)?,
                _ => rest.push(index),
            }
        }
        let settled = rest.len() < before;
        waiting = rest;
        if !settled {
            break;
        }
    }
    for index in waiting {
        let Some(entry) = work.entries.get_mut(index) else { continue };
        if entry.refused.is_some() || entry.id.is_some() {
            continue;
        }
        let kind = entry.kind;
        let root = root_of(entry.index, kind.as_str());
        if kind == ResourceType::Binary {
            // In the directory it could be read by everybody.
            let text = "whose this Binary is, cannot be told: set securityContext, or send it in one bundle with the \
                        DocumentReference that points to it";
            entry.refused = Some(error("no-patient", root, text));
            continue;
        }
        if compartment::is_clinical(kind) {
            work.findings.push(Finding {
                severity: Severity::Warning,
                code: "no-patient".into(),
                place: root,
                text: "the resource names no patient, so it is in no record".into(),
            });
        }
        settle(work, index, work.directory)?;
    }
    Ok(())
}
