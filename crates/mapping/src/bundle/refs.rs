//! References made final: every one leads to a resource in this bundle or in the store, or the entry is refused.

use super::{
    Entry, Lookup, Method, Work, check, error, is_directory,
    place::{self, Names},
    read::root_of,
};
use crate::change::{Finding, Severity};
use fhir::{
    Content, PatientKey, Reference, ResourceId, ResourceType,
    json::{Node, push_string},
    search::parse_pairs,
    walk::Place,
};
use std::{collections::HashMap, rc::Rc};

/// What a reference turns into.
#[derive(Clone, Debug)]
enum Resolved {
    /// This text.
    To(Rc<str>),
    /// Itself: contained.
    Kept,
    /// Itself: it leads to another server.
    Elsewhere,
    /// Nothing: why.
    Broken(&'static str, &'static str),
}

/// References that were resolved before, by the patient whose resource has them.
type Cache = HashMap<PatientKey, HashMap<String, Resolved>>;

/// Rewrite the references of every entry. `independent`: an entry that refers to a refused one is refused too, and the
/// others stand.
pub(super) fn rewrite<L: Lookup + ?Sized>(
    work: &mut Work<'_, L>,
    names: &Names<'_>,
    independent: bool,
) -> Result<(), L::Error> {
    let finals: Vec<Option<Rc<str>>> =
        work.entries.iter().map(|entry| entry.id.map(|id| address(entry.kind, id))).collect();
    let mut cache = Cache::new();
    let mut leans: Vec<(usize, usize, String)> = Vec::new();
    for index in 0..work.entries.len() {
        let Some(entry) = work.entries.get_mut(index) else { continue };
        let (Some(id), None, false) = (entry.id, &entry.refused, entry.method == Method::Delete) else { continue };
        if let Some((system, value)) = &entry.stand_in {
            entry.content = Some(stand_in(system, value));
            continue;
        }
        let Some(resource) = entry.resource else { continue };
        let kind = entry.kind;
        let root = root_of(entry.index, kind.as_str());
        if kind == ResourceType::Patient {
            check::nhs_numbers(resource, &root, &mut work.findings);
        }
        let mut failed: Option<L::Error> = None;
        let mut refused: Option<Finding> = None;
        let content = Content::read(kind, resource, &Place::root(&root), &mut |name, text, place, out| {
            if failed.is_some() || refused.is_some() {
                return false;
            }
            match name {
                "reference" => match resolve(work, names, &finals, &mut cache, id.patient, text) {
                    Ok((Resolved::To(to), target)) => {
                        if let (true, Some(target)) = (independent, target) {
                            leans.push((index, target, place.to_string()));
                        }
                        push_string(out, &to);
                        return true;
                    }
                    Ok((Resolved::Kept, _)) => {}
                    Ok((Resolved::Elsewhere, _)) => elsewhere(work, place),
                    Ok((Resolved::Broken(code, why), _)) => refused = Some(error(code, place.to_string(), why)),
                    Err(error) => failed = Some(error),
                },
                // Attachment.url and the like may point into the bundle; other addresses are left alone.
                "url" if text.starts_with("urn:uuid:") || text.starts_with("Binary/") || names.has(text) => {
                    match resolve(work, names, &finals, &mut cache, id.patient, text) {
                        Ok((Resolved::To(to), _)) => {
                            push_string(out, &to);
                            return true;
                        }
                        Ok(_) => {}
                        Err(error) => failed = Some(error),
                    }
                }
                _ if check::is_impossible_date(name, text) => {
                    let why = "there is no such day or time: correct it at the source";
                    refused = Some(error("impossible-date", place.to_string(), why));
                }
                _ => {}
            }
            false
        });
        if let Some(error) = failed {
            return Err(error);
        }
        if let Some(entry) = work.entries.get_mut(index) {
            entry.content = Some(content);
            entry.refused = refused;
        }
    }
    if independent {
        refuse_dependents(&mut work.entries, &leans);
    }
    Ok(())
}

/// What a reference to a stored resource says.
fn address(kind: ResourceType, id: ResourceId) -> Rc<str> {
    let mut text = String::with_capacity(48);
    text.push_str(kind.as_str());
    text.push('/');
    id.push_to(&mut text);
    text.into()
}

/// A Patient of whom only an identifier is known.
fn stand_in(system: &str, value: &str) -> Content {
    let mut json = String::from("{\"identifier\":[{");
    if !system.is_empty() {
        json.push_str("\"system\":");
        push_string(&mut json, system);
        json.push(',');
    }
    json.push_str("\"value\":");
    push_string(&mut json, value);
    json.push_str("}]}");
    Content::new(ResourceType::Patient, json)
}

/// In a batch: what refers to a refused entry cannot stand either.
fn refuse_dependents(entries: &mut [Entry<'_>], leans: &[(usize, usize, String)]) {
    loop {
        let mut changed = false;
        for (from, to, place) in leans {
            let broken = entries.get(*to).is_some_and(|target| target.refused.is_some());
            if let Some(entry) = entries.get_mut(*from)
                && broken
                && entry.refused.is_none()
            {
                let why = "it refers to an entry of this batch that was refused";
                entry.refused = Some(error("unresolved-reference", place.clone(), why));
                changed = true;
            }
        }
        if !changed {
            return;
        }
    }
}

fn elsewhere<L: Lookup + ?Sized>(work: &mut Work<'_, L>, place: &Place<'_>) {
    let code = "reference-elsewhere";
    if work.findings.iter().any(|finding| finding.code == code) {
        return;
    }
    work.findings.push(Finding {
        severity: Severity::Note,
        code: code.into(),
        place: place.to_string(),
        text: "a reference leads to another server; it is kept as sent (told once for the message)".into(),
    });
}

fn resolve<L: Lookup + ?Sized>(
    work: &mut Work<'_, L>,
    names: &Names<'_>,
    finals: &[Option<Rc<str>>],
    cache: &mut Cache,
    patient: PatientKey,
    text: &str,
) -> Result<(Resolved, Option<usize>), L::Error> {
    let parsed = Reference::parse(text);
    if let Some(index) = names.find(text, &parsed) {
        let found = match finals.get(index) {
            Some(Some(to)) => Resolved::To(to.clone()),
            _ => Resolved::Broken("unresolved-reference", "the entry it refers to was refused"),
        };
        return Ok((found, Some(index)));
    }
    if let Some(found) = cache.get(&patient).and_then(|known| known.get(text)) {
        return Ok((found.clone(), None));
    }
    let found = look(work, patient, &parsed)?;
    cache.entry(patient).or_default().insert(text.to_owned(), found.clone());
    Ok((found, None))
}

/// Resolve a reference that leads out of the request.
fn look<L: Lookup + ?Sized>(
    work: &mut Work<'_, L>,
    patient: PatientKey,
    parsed: &Reference<'_>,
) -> Result<Resolved, L::Error> {
    const UNRESOLVED: &str = "unresolved-reference";
    match *parsed {
        Reference::Contained(_) => Ok(Resolved::Kept),
        Reference::Uuid(_) | Reference::Oid(_) => {
            Ok(Resolved::Broken(UNRESOLVED, "no entry of the bundle has this fullUrl"))
        }
        Reference::Relative { kind, id, .. } => stored(work, patient, kind, id),
        Reference::Absolute { kind, id, .. } => match stored(work, patient, kind, id)? {
            Resolved::Broken(UNRESOLVED, _) => Ok(Resolved::Elsewhere),
            found => Ok(found),
        },
        Reference::Conditional { kind, query } => conditional(work, patient, kind, query),
        Reference::Other(text) if text.starts_with("http://") || text.starts_with("https://") => {
            Ok(Resolved::Elsewhere)
        }
        Reference::Other(_) => Ok(Resolved::Broken(
            UNRESOLVED,
            "this is no reference: write Type/id, a fullUrl of the bundle, #contained or Type?identifier=system|value",
        )),
    }
}

/// A resource sent before, by the source's own id or by ours.
fn stored<L: Lookup + ?Sized>(
    work: &mut Work<'_, L>,
    patient: PatientKey,
    kind: ResourceType,
    own: &str,
) -> Result<Resolved, L::Error> {
    work.looked_up = true;
    if let Ok(ours) = own.parse::<ResourceId>()
        && work.lookup.exists(ours, kind)?
    {
        let theirs = work.lookup.source_of(ours.patient)?.is_some_and(|source| source != work.source);
        if theirs && !is_directory(kind) {
            return Ok(Resolved::Broken("other-source", "it refers to a resource of another source"));
        }
        return Ok(Resolved::To(address(kind, ours)));
    }
    let mut candidates = Vec::with_capacity(2);
    if kind == ResourceType::Patient {
        candidates.push(ResourceId::of_patient(work.region.patient(work.source, own)));
    } else {
        if !is_directory(kind) && patient != work.directory {
            candidates.push(work.region.resource(patient, kind, own));
        }
        candidates.push(work.region.resource(work.directory, kind, own));
    }
    for id in candidates {
        if work.lookup.exists(id, kind)? {
            return Ok(Resolved::To(address(kind, id)));
        }
    }
    work.missed = true;
    Ok(Resolved::Broken(
        "unresolved-reference",
        "this source has sent no such resource: send it before, or in the same transaction",
    ))
}

fn conditional<L: Lookup + ?Sized>(
    work: &mut Work<'_, L>,
    patient: PatientKey,
    kind: ResourceType,
    query: &str,
) -> Result<Resolved, L::Error> {
    let pairs = parse_pairs(query);
    let [(name, identifier)] = pairs.as_slice() else {
        return Ok(Resolved::Broken("unresolved-reference", "a conditional reference names one identifier"));
    };
    if name != "identifier" {
        return Ok(Resolved::Broken("unresolved-reference", "a conditional reference goes by identifier=system|value"));
    }
    let (system, value) = match identifier.split_once('|') {
        Some((system, value)) => (Some(system), value),
        None => (None, identifier.as_str()),
    };
    if let Some(system) = system
        && let Some(id) = in_bundle(work, kind, system, value)
    {
        return Ok(Resolved::To(address(kind, id)));
    }
    Ok(match place::find(work, kind, system, value, patient)?.as_slice() {
        [only] => Resolved::To(address(kind, *only)),
        [] => Resolved::Broken("unresolved-reference", "this source has sent no resource with this identifier"),
        _ => {
            Resolved::Broken("ambiguous-reference", "this source has sent more than one resource with this identifier")
        }
    })
}

/// An entry with this identifier.
fn in_bundle<L: Lookup + ?Sized>(
    work: &Work<'_, L>,
    kind: ResourceType,
    system: &str,
    value: &str,
) -> Option<ResourceId> {
    let fits = |identifier: Node<'_>| {
        let is = |name: &str, wanted: &str| identifier.get(name).is_some_and(|found| found.is_text(wanted));
        is("system", system) && is("value", value)
    };
    let mut entries = work.entries.iter().filter(|entry| entry.kind == kind && entry.refused.is_none());
    let has = |entry: &&Entry<'_>| match &entry.stand_in {
        Some(named) => !system.is_empty() && (named.0.as_str(), named.1.as_str()) == (system, value),
        None => entry.resource.is_some_and(|resource| resource.list("identifier").any(fits)),
    };
    entries.find(has)?.id
}
