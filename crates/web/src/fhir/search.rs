//! Searching one type: within one person's record, in a source's directory, or (Patient, Person) for people.
//!
//! A search within a record names its patient: `patient=`, `subject=`, an `_id`, or `patient.identifier=`. Whichever of a
//! person's patients it names, the record searched is the person's whole, so that nobody takes one source's silence for
//! "none". All is evaluated in memory over that record's resources.

use super::{
    Api, Call, blocking, everything, links,
    page::{Cursor, PAGE},
    people,
    reply::{ApiError, Reply},
};
use access::{Action, User};
use axum::http::StatusCode;
use fhir::{
    Issue, IssueType, PatientKey, PersonKey, Reference, Resource, ResourceId, ResourceType,
    bundle::{BundleType, BundleWriter, SearchMode},
    outcome::Severity,
    search::{Neighbours, Query, Settings, Summary, encode_component, parameter},
};
use record::{Filter, Item, identifier_hash};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// Resources on a page when `_count` is not given.
pub const COUNT_USUAL: usize = 100;
/// Resources on a page at most.
pub const COUNT_MAX: usize = 1000;
/// Resources that `_include` and `_revinclude` bring at most.
const INCLUDED_MAX: usize = 1000;
/// Rounds of `:iterate`.
const ROUNDS_MAX: usize = 4;

/// Parameters that name the patient a resource is about.
const SCOPES: &[&str] = &["patient", "subject", "actor", "individual", "beneficiary"];

/// Whom a search is about.
#[derive(Debug, Default, PartialEq, Eq)]
struct Scope {
    /// Ids of patients, or of resources (which carry their patient).
    ids: Vec<ResourceId>,
    /// Identifiers of patients: `system|value`.
    identifiers: Vec<String>,
    /// Whether resources are named by their own id, which may be a directory's.
    by_id: bool,
    /// Ids that are none of ours.
    strangers: bool,
}

/// `GET /Patient/id/Type`: the same as naming the patient in the parameter that ties the type to patients.
pub fn within(call: &mut Call, kind: ResourceType, patient: &str) -> Result<(), ApiError> {
    let tie = SCOPES
        .iter()
        .find(|code| parameter(kind, code).is_some_and(|parameter| parameter.may_point_at(ResourceType::Patient)));
    match tie {
        Some(code) => {
            call.pairs.push(((*code).to_owned(), format!("Patient/{patient}")));
            Ok(())
        }
        None => {
            let text = format!("{kind} is not in the patient compartment");
            Err(ApiError::new(StatusCode::NOT_FOUND, IssueType::NotSupported, text))
        }
    }
}

/// `GET /Type?…`
pub async fn search(api: Api, user: Arc<User>, call: Call, kind: ResourceType) -> Result<Reply, ApiError> {
    if kind == ResourceType::Person && links::follows(&call.pairs) {
        return links::changes(api, user, call).await;
    }
    if kind == ResourceType::Patient || kind == ResourceType::Person && !names_patient_only(&call.pairs) {
        return people::search(api, user, call, kind).await;
    }
    let link = call.pairs.iter().find(|(name, _)| name == PAGE).map(|(_, link)| Cursor::decode(link)).transpose()?;
    if let Some(cursor) = link {
        let person = cursor.person.parse().map_err(|_| ApiError::not_found("this link leads to no record here"))?;
        return in_record(api, user, call, kind, person, Some(cursor)).await;
    }
    let scope = scope(kind, &call.pairs, &call.base)?;
    if scope == Scope::default() {
        return directory(api, call, kind).await;
    }
    let mut people: Vec<PersonKey> = Vec::new();
    for identifier in &scope.identifiers {
        for person in people::by_identifier(&api, &user, identifier).await? {
            if !people.contains(&person) {
                people.push(person);
            }
        }
    }
    let records = api.records.clone();
    let ids = scope.ids.clone();
    let (mut of_ids, homeless) = blocking(move || {
        let (mut people, mut homeless) = (Vec::new(), Vec::new());
        for id in ids {
            match records.person_of(id)? {
                Some(person) => people.push(person),
                None => homeless.push(id),
            }
        }
        Ok((people, homeless))
    })
    .await?;
    of_ids.dedup();
    for person in of_ids {
        if !people.contains(&person) {
            people.push(person);
        }
    }
    match people.as_slice() {
        [] if scope.by_id && !homeless.is_empty() => directory(api, call, kind).await,
        [] => nobody(&call, kind),
        [person] => in_record(api, user, call, kind, *person, None).await,
        _ => Err(ApiError::bad(
            IssueType::TooCostly,
            "a search is about one person: these patients are several people; search for each",
        )),
    }
}

/// Whether a search for Person resources asks for those a source sent about one patient.
fn names_patient_only(pairs: &[(String, String)]) -> bool {
    pairs.iter().any(|(name, value)| name == "_id" && value.parse::<ResourceId>().is_ok_and(|id| id.local != 0))
}

/// Whom the parameters name.
fn scope(kind: ResourceType, pairs: &[(String, String)], base: &str) -> Result<Scope, ApiError> {
    let mut scope = Scope::default();
    for (name, value) in pairs {
        if name == "_id" {
            scope.by_id = true;
            for id in value.split(',') {
                match id.parse::<ResourceId>() {
                    Ok(id) => scope.ids.push(id),
                    Err(_) => scope.strangers = true,
                }
            }
            continue;
        }
        let stem = name.split([':', '.']).next().unwrap_or_default();
        let ties = SCOPES.contains(&stem)
            && parameter(kind, stem).is_some_and(|parameter| parameter.may_point_at(ResourceType::Patient));
        if !ties {
            continue;
        }
        let rest = name.get(stem.len()..).unwrap_or_default();
        match rest {
            "" | ":Patient" => {
                for text in value.split(',') {
                    let ours = text.strip_prefix(base).and_then(|text| text.strip_prefix('/')).unwrap_or(text);
                    let id = match Reference::parse(ours) {
                        Reference::Relative { kind: ResourceType::Patient, id, .. } => id,
                        Reference::Other(id) => id,
                        _ => continue,
                    };
                    match id.parse::<PatientKey>() {
                        Ok(patient) => scope.ids.push(ResourceId::of_patient(patient)),
                        Err(_) => scope.strangers = true,
                    }
                }
            }
            ".identifier" | ":Patient.identifier" => scope.identifiers.extend(value.split(',').map(str::to_owned)),
            _ => {}
        }
    }
    Ok(scope)
}

/// The same parameters with the person's every patient where one of them was named.
fn widen(kind: ResourceType, pairs: &[(String, String)], patients: &[PatientKey]) -> Vec<(String, String)> {
    let all: Vec<String> = patients.iter().map(|patient| format!("Patient/{patient}")).collect();
    let all = all.join(",");
    let widened = pairs.iter().map(|(name, value)| {
        let stem = name.split([':', '.']).next().unwrap_or_default();
        let rest = name.get(stem.len()..).unwrap_or_default();
        let ties = SCOPES.contains(&stem)
            && parameter(kind, stem).is_some_and(|parameter| parameter.may_point_at(ResourceType::Patient));
        match rest {
            ":Patient" | ".identifier" | ":Patient.identifier" if ties => (stem.to_owned(), all.clone()),
            "" if ties && !value.split(',').any(|text| text.contains('/') && !text.contains("Patient/")) => {
                (name.clone(), all.clone())
            }
            _ => (name.clone(), value.clone()),
        }
    });
    widened.collect()
}

fn settings<'a>(api: &Api, call: &'a Call) -> Settings<'a> {
    Settings { now: api.now(), base: Some(&call.base), handling: call.asked.handling }
}

/// Read a query, or say what of it cannot be used.
pub fn query(api: &Api, call: &Call, kind: ResourceType, pairs: &[(String, String)]) -> Result<Query, ApiError> {
    Query::parse(kind, pairs, &settings(api, call)).map_err(|issues| ApiError::issues(StatusCode::BAD_REQUEST, issues))
}

async fn in_record(
    api: Api,
    user: Arc<User>,
    call: Call,
    kind: ResourceType,
    person: PersonKey,
    cursor: Option<Cursor>,
) -> Result<Reply, ApiError> {
    let pairs = cursor.as_ref().map_or_else(|| call.pairs.clone(), |cursor| cursor.pairs.clone());
    // Refuse what cannot be used before a record is opened for it.
    query(&api, &call, kind, &pairs_of_first(kind, &pairs))?;
    let sealed = blocking(move || {
        let names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
        let action = Action::ReadResources { what: format!("search {kind} by {}", names.join(", ")) };
        let permit = match &cursor {
            Some(cursor) => api.gate.open_at(&user, person, &action, cursor.seq, api.now())?,
            None => api.gate.open(&user, person, &action, api.now())?,
        };
        let waiting = !api.records.waiting(&permit)?.is_empty();
        let query = query(&api, &call, kind, &widen(kind, &pairs, permit.patients()))?;
        let everything = query.needs_neighbours() || !query.includes.is_empty() || !query.reverse_includes.is_empty();
        let filter = Filter { kinds: if everything { Vec::new() } else { vec![kind] }, ..Filter::default() };
        let sealed = api.records.read(&permit, &filter)?;
        let cursor = Cursor {
            person: person.to_string(),
            seq: permit.seq(),
            offset: cursor.map_or(0, |cursor| cursor.offset),
            pairs,
        };
        Ok(sealed.map(move |items| find(&api, &call, &query, items, &cursor, waiting)))
    });
    let body = sealed.await?.release().await??;
    Ok(Reply::json(StatusCode::OK, body))
}

/// The parameters as they can be checked before the person is known: identifiers of the patient are not the type's own.
fn pairs_of_first(kind: ResourceType, pairs: &[(String, String)]) -> Vec<(String, String)> {
    widen(kind, pairs, &[PatientKey(0)])
}

/// Find what fits among a record's items and write the page.
fn find(
    api: &Api,
    call: &Call,
    query: &Query,
    items: Vec<Item>,
    cursor: &Cursor,
    waiting: bool,
) -> Result<Vec<u8>, ApiError> {
    let kind = query.kind();
    let whole = query.needs_neighbours()
        || !query.includes.is_empty()
        || !query.reverse_includes.is_empty()
        || !matches!(query.summary, Summary::Whole | Summary::Count);
    let deciding = if whole { None } else { query.elements() };
    let parsed: Vec<(Item, Resource)> = items
        .into_iter()
        .map(|item| item.resource_of(deciding.as_deref()).map(|resource| (item, resource)))
        .collect::<Result<_, _>>()?;
    let neighbours = if query.needs_neighbours() {
        Neighbours::new(parsed.iter().map(|(_, resource)| resource))
    } else {
        Neighbours::default()
    };
    let mut found: Vec<(&Item, &Resource)> = parsed
        .iter()
        .filter(|(item, resource)| item.kind == kind && query.matches(resource, &neighbours))
        .map(|(item, resource)| (item, resource))
        .collect();
    if !query.sort.is_empty() {
        let mut keyed: Vec<_> = found.into_iter().map(|pair| (query.sort_values(pair.1), pair)).collect();
        keyed.sort_by(|a, b| query.compare(&a.0, &b.0));
        found = keyed.into_iter().map(|(_, pair)| pair).collect();
    }
    let total = found.len();
    let count = query.count.unwrap_or(COUNT_USUAL).min(COUNT_MAX);
    let page: Vec<(&Item, &Resource)> = if query.summary == Summary::Count {
        Vec::new()
    } else {
        found.into_iter().skip(cursor.offset).take(count).collect()
    };
    let mut included = Included::default();
    if !query.includes.is_empty() || !query.reverse_includes.is_empty() {
        included.gather(api, query, &page, &parsed)?;
    }
    let outcomes = notes(query, waiting, included.cut);
    let more = query.summary != Summary::Count && cursor.offset + page.len() < total;
    let next = more.then(|| Cursor { offset: cursor.offset + page.len(), ..cursor.clone() });
    let next = next.map(|next| format!("{}/{kind}?{PAGE}={}", call.base, next.encode()));
    let own = own_address(&call.base, kind, &cursor.pairs);
    let mut writer = Writer::begin(call, query, total, &own, next.as_deref(), api.now());
    for (item, resource) in page {
        writer.put(item, resource, SearchMode::Match);
    }
    for (item, resource) in included.within {
        writer.put(item, resource, SearchMode::Include);
    }
    for (item, resource) in &included.directory {
        writer.put(item, resource, SearchMode::Include);
    }
    for outcome in outcomes {
        writer.bundle.outcome(&outcome.into());
    }
    Ok(writer.bundle.finish())
}

/// What to tell beside the result.
fn notes(query: &Query, waiting: bool, cut: bool) -> Vec<Issue> {
    let mut notes = query.ignored.clone();
    if waiting {
        notes.extend(everything::incomplete().issues);
    }
    if cut {
        let text = format!("more than {INCLUDED_MAX} resources were to be included; the rest was left out");
        notes.push(Issue::error(IssueType::TooCostly, text).severity(Severity::Warning));
    }
    notes
}

/// The address a search can be sent to again.
pub fn own_address(base: &str, kind: ResourceType, pairs: &[(String, String)]) -> String {
    let parameters: Vec<String> = pairs
        .iter()
        .filter(|(name, _)| name != PAGE)
        .map(|(name, value)| format!("{}={}", encode_component(name), encode_component(value)))
        .collect();
    match parameters.as_slice() {
        [] => format!("{base}/{kind}"),
        _ => format!("{base}/{kind}?{}", parameters.join("&")),
    }
}

/// Writes a page of results.
pub struct Writer<'a> {
    /// The bundle so far.
    pub bundle: BundleWriter,
    base: &'a str,
    summary: &'a Summary,
}

impl<'a> Writer<'a> {
    /// Begin a page.
    pub fn begin(
        call: &'a Call,
        query: &'a Query,
        total: usize,
        own: &str,
        next: Option<&str>,
        now: jiff::Timestamp,
    ) -> Self {
        let mut bundle = BundleWriter::new(BundleType::Searchset, 64 << 10);
        bundle.last_updated(&fhir::datetime::instant(now));
        if query.total != fhir::search::Total::None || query.summary == Summary::Count {
            bundle.total(total);
        }
        let mut links = vec![("self", own)];
        links.extend(next.map(|next| ("next", next)));
        bundle.links(&links);
        Writer { bundle, base: &call.base, summary: &query.summary }
    }

    /// Add a resource.
    pub fn put(&mut self, item: &Item, resource: &Resource, mode: SearchMode) {
        let name = format!("{}/{}", item.kind, item.id);
        if matches!(self.summary, Summary::Whole | Summary::Count) {
            self.bundle.found(self.base, &name, &item.json, mode);
        } else {
            let mut less = resource.clone();
            self.summary.apply(&mut less);
            self.bundle.found(self.base, &name, less.to_json().as_bytes(), mode);
        }
    }
}

/// What `_include` and `_revinclude` bring along.
#[derive(Default)]
struct Included<'r> {
    within: Vec<(&'r Item, &'r Resource)>,
    directory: Vec<(Item, Resource)>,
    cut: bool,
}

impl<'r> Included<'r> {
    fn gather(
        &mut self,
        api: &Api,
        query: &Query,
        page: &[(&'r Item, &'r Resource)],
        record: &'r [(Item, Resource)],
    ) -> Result<(), ApiError> {
        let by_id: HashMap<(ResourceType, ResourceId), &'r (Item, Resource)> =
            record.iter().map(|pair| ((pair.0.kind, pair.0.id), pair)).collect();
        let mut seen: HashSet<(ResourceType, ResourceId)> = page.iter().map(|(item, _)| (item.kind, item.id)).collect();
        let mut front: Vec<&'r Resource> = page.iter().map(|(_, resource)| *resource).collect();
        for round in 0..ROUNDS_MAX {
            let mut wanted: Vec<(ResourceType, ResourceId)> = Vec::new();
            for include in query.includes.iter().filter(|include| round == 0 || include.iterate) {
                for resource in &front {
                    include.each_target(resource, &mut |kind, id| {
                        if let Ok(id) = id.parse() {
                            wanted.push((kind, id));
                        }
                    });
                }
            }
            let targets: HashSet<(ResourceType, String)> =
                front.iter().filter_map(|resource| Some((resource.kind(), resource.id()?.to_owned()))).collect();
            for include in query.reverse_includes.iter().filter(|include| round == 0 || include.iterate) {
                for (item, resource) in record.iter().filter(|(item, _)| item.kind == include.source) {
                    include.each_target(resource, &mut |kind, id| {
                        if targets.contains(&(kind, id.to_owned())) {
                            wanted.push((item.kind, item.id));
                        }
                    });
                }
            }
            front.clear();
            for key in wanted {
                if !seen.insert(key) {
                    continue;
                }
                if self.within.len() + self.directory.len() >= INCLUDED_MAX {
                    self.cut = true;
                    return Ok(());
                }
                if let Some((item, resource)) = by_id.get(&key) {
                    self.within.push((item, resource));
                    front.push(resource);
                } else if let Some(item) = api.records.directory_resource(key.1, key.0)?.filter(|item| !item.deleted) {
                    let resource = item.resource()?;
                    self.directory.push((item, resource));
                }
            }
            if front.is_empty() {
                break;
            }
        }
        Ok(())
    }
}

/// Nobody here is whom the search names: not an error, but not silence either.
fn nobody(call: &Call, kind: ResourceType) -> Result<Reply, ApiError> {
    let mut bundle = BundleWriter::new(BundleType::Searchset, 512);
    let own = own_address(&call.base, kind, &call.pairs);
    bundle.total(0).links(&[("self", &own)]);
    let text =
        "the patient this search names is not known here: this is not the same as a patient with no such resources";
    bundle.outcome(&Issue::error(IssueType::NotFound, text).severity(Severity::Warning).into());
    Ok(Reply::json(StatusCode::OK, bundle.finish()))
}

/// Search a source's directory: organisations, practitioners, places. By `_id` or `identifier`, and whatever else then.
async fn directory(api: Api, call: Call, kind: ResourceType) -> Result<Reply, ApiError> {
    let query = query(&api, &call, kind, &call.pairs)?;
    blocking(move || {
        let mut items: Vec<Item> = Vec::new();
        let mut indexed = false;
        for (name, value) in &call.pairs {
            if name == "_id" {
                indexed = true;
                for id in value.split(',').filter_map(|id| id.parse().ok()) {
                    items.extend(api.records.directory_resource(id, kind)?.filter(|item| !item.deleted));
                }
            } else if name == "identifier" {
                indexed = true;
                for identifier in value.split(',') {
                    let (system, value) = match identifier.split_once('|') {
                        Some((system, value)) => (Some(system).filter(|system| !system.is_empty()), value),
                        None => (None, identifier),
                    };
                    items.extend(api.records.directory_by_identifier(kind, identifier_hash(kind, system, value))?);
                }
            }
        }
        if !indexed {
            let text = if fhir::compartment::is_clinical(kind) {
                format!("name the patient: {kind} is searched within one person's record (patient=…, or _id=…)")
            } else {
                format!("{kind} is found by identifier or _id")
            };
            return Err(ApiError::bad(IssueType::TooCostly, text));
        }
        let mut seen = HashSet::new();
        items.retain(|item| seen.insert(item.id));
        let mut found = Vec::new();
        for item in items {
            let resource = item.resource()?;
            if query.matches(&resource, &Neighbours::default()) {
                found.push((item, resource));
            }
        }
        let own = own_address(&call.base, kind, &call.pairs);
        let mut writer = Writer::begin(&call, &query, found.len(), &own, None, api.now());
        if query.summary != Summary::Count {
            for (item, resource) in found.iter().take(COUNT_MAX) {
                writer.put(item, resource, SearchMode::Match);
            }
        }
        for note in notes(&query, false, false) {
            writer.bundle.outcome(&note.into());
        }
        Ok(Reply::json(StatusCode::OK, writer.bundle.finish()))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(query: &str) -> Vec<(String, String)> {
        fhir::search::parse_pairs(query)
    }

    #[test]
    fn the_patient_is_recognised_however_it_is_named() {
        let key = PatientKey(77);
        let base = "https://x.example/fhir";
        for query in [
            format!("patient={key}"),
            format!("patient=Patient/{key}"),
            format!("subject:Patient={key}"),
            format!("subject={base}/Patient/{key}"),
            format!("code=1&patient={key}&date=2024"),
        ] {
            let found = scope(ResourceType::Observation, &pairs(&query), base).expect("a scope");
            assert_eq!(found.ids, [ResourceId::of_patient(key)], "{query}");
        }
        let found = scope(ResourceType::Appointment, &pairs(&format!("actor=Patient/{key}")), base).expect("a scope");
        assert_eq!(found.ids, [ResourceId::of_patient(key)]);
        let found = scope(ResourceType::Observation, &pairs("patient.identifier=a|b"), base).expect("a scope");
        assert_eq!(found.identifiers, ["a|b"]);
        let found = scope(ResourceType::Observation, &pairs("performer=Patient/x&code=1"), base).expect("a scope");
        assert_eq!(found, Scope::default());
    }

    #[test]
    fn all_patients_of_the_person_are_searched() {
        let widened = widen(
            ResourceType::Observation,
            &pairs("patient=a&subject:Patient=b&patient.identifier=c&subject=Group/d&code=1"),
            &[PatientKey(1), PatientKey(2)],
        );
        let both = format!("Patient/{},Patient/{}", PatientKey(1), PatientKey(2));
        let names: Vec<(&str, &str)> = widened.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(
            names,
            [("patient", both.as_str()), ("subject", &both), ("patient", &both), ("subject", "Group/d"), ("code", "1")]
        );
    }

    #[test]
    fn the_own_address_reads_back() {
        let address = own_address("http://x/fhir", ResourceType::Observation, &pairs("code=a%7Cb&x=%26%20c&_page=1"));
        assert_eq!(address, "http://x/fhir/Observation?code=a|b&x=%26%20c");
    }
}
