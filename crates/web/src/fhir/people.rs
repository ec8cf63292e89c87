//! Finding people: Patient and Person resources by identifier, name, birth date and postcode.
//!
//! These are answered from the short list of indexes over all people. A search that none of them serves is refused with a
//! reason, not answered by reading everybody. What the indexes find is checked against the whole search again, so that
//! every parameter and modifier means what it should.

mod pdqm;

pub use pdqm::MOTHERS_MAIDEN_NAME_PARAMETER;

use super::{
    Api, Call, blocking,
    limits::later,
    links,
    page::{PAGE, People},
    reply::{ApiError, Reply},
    search::{COUNT_MAX, COUNT_USUAL, own_address, query},
};
use access::{Action, FindPermit, User};
use axum::http::{StatusCode, header};
use fhir::{
    IssueType, Map, NhsNumber, PatientKey, PersonKey, Reference, Resource, ResourceType, Value,
    bundle::{BundleType, BundleWriter, SearchMode},
    datetime::Precision,
    nhs,
    search::{Neighbours, Query, Summary, Total},
};
use pdqm::Extras;
use record::{Candidates, Filter, Item, PeopleFilter, Selector, identifier_hash};
use serde_json::json;
use std::{sync::Arc, time::Instant};

/// Patients that one look-up may find; past it the search is too wide to be answered whole.
const CANDIDATES_MAX: usize = 1000;
/// Look-ups one search may need: alternatives of several parameters multiply.
const LOOKUPS_MAX: usize = 20;
/// A name to look up has so many letters at least.
const NAME_LETTERS_MIN: usize = 2;

/// The people with an identifier, given as `system|value` or `value`.
pub async fn by_identifier(api: &Api, user: &Arc<User>, identifier: &str) -> Result<Vec<PersonKey>, ApiError> {
    let filter = PeopleFilter { limit: 10, ..identified(identifier) };
    let (api, user) = (api.clone(), Arc::clone(user));
    let sealed = blocking(move || {
        let permit = ask(&api, &user, vec!["identifier".to_owned()])?;
        Ok(api.records.find_people(&permit, &filter)?)
    });
    let hits = sealed.await?.release().await?;
    Ok(hits.into_iter().map(|hit| hit.person).collect())
}

/// Whether this user may look for people once more.
///
/// # Errors
/// 429, when they have done so more often in a minute than is usual.
pub(super) fn not_too_often(api: &Api, user: &User) -> Result<(), ApiError> {
    api.searches.count(user, Instant::now()).map_err(|wait| {
        let text = "this user has looked for more people in a minute than is usual: wait, and search again";
        later(text, wait.as_secs_f64())
    })
}

/// Leave to look for people, which is counted and recorded.
pub(super) fn ask(api: &Api, user: &User, criteria: Vec<String>) -> Result<FindPermit, ApiError> {
    not_too_often(api, user)?;
    Ok(api.gate.find(user, &Action::FindPeople { criteria }, api.now())?)
}

/// `GET /Patient?…`, `GET /Person?…`
pub async fn search(api: Api, user: Arc<User>, call: Call, kind: ResourceType) -> Result<Reply, ApiError> {
    if let Some((_, link)) = call.pairs.iter().find(|(name, _)| name == PAGE) {
        let (name, people, offset) = api.pages.find(link, &user.id, api.now())?;
        return next_page(api, user, call, kind, people, offset, &name).await;
    }
    let extras = Extras::read(&call.pairs)?;
    let asked = query(&api, &call, kind, &extras.pairs)?;
    if asked.needs_neighbours() || !asked.reverse_includes.is_empty() || !asked.includes.is_empty() {
        let text = "a search for people does not follow references: open the record of the one you mean";
        return Err(ApiError::bad(IssueType::NotSupported, text));
    }
    let selectors = selectors(&call.pairs, &call.base)?;
    let criteria: Vec<String> = call.pairs.iter().map(|(name, _)| name.clone()).collect();
    let told = extras.are_none() && decided(&extras.pairs);
    let sealed = blocking(move || {
        let permit = ask(&api, &user, criteria)?;
        for domain in &extras.domains {
            if !api.records.knows_domain(domain)? {
                return Err(pdqm::unknown_domain());
            }
        }
        let sealed = api.records.candidates(&permit, &selectors, kind == ResourceType::Person, told)?;
        let page = |candidates| first_page(&api, &user, &call, &asked, &extras, candidates);
        if told {
            return Ok(sealed.map(|candidates| page(candidates).map(|(body, _)| body)));
        }
        let fitting = |candidates| match page(candidates) {
            Ok((body, people)) => (Ok(body), people),
            Err(error) => (Err(error), Vec::new()),
        };
        Ok(permit.telling(sealed, fitting)?)
    });
    let body = sealed.await?.release().await??;
    Ok(Reply::json(StatusCode::OK, body))
}

/// Whether whoever the indexes find is who the search means, and is shown: it asks for nothing that they do not decide, and once
/// for each. By a postcode a restricted person is found and not shown.
fn decided(pairs: &[(String, String)]) -> bool {
    const INDEXED: &[&str] = &["identifier", "family", "given", "birthdate"];
    const OF_THE_ANSWER: &[&str] = &["_count", "_sort", "_format", "_pretty", "_elements", "_total"];
    let mut seen: Vec<&str> = Vec::new();
    pairs.iter().all(|(name, value)| {
        let once = !seen.contains(&name.as_str());
        seen.push(name);
        OF_THE_ANSWER.contains(&name.as_str())
            || once && INDEXED.contains(&name.as_str()) && !choices(name, value).is_empty()
    })
}

/// One answer of a search for people.
struct Hit {
    /// `Patient/…` or `Person/…`.
    name: String,
    json: Vec<u8>,
    resource: Resource,
    /// What it is kept by for the next page.
    key: PatientKey,
    person: PersonKey,
}

/// The first page, and the people who fit.
fn first_page(
    api: &Api,
    user: &User,
    call: &Call,
    query: &Query,
    extras: &Extras,
    candidates: Candidates,
) -> Result<(Vec<u8>, Vec<PersonKey>), ApiError> {
    if candidates.cut {
        let text = format!("more than {CANDIDATES_MAX} patients fit: say more of the one you mean");
        return Err(ApiError::bad(IssueType::TooCostly, text));
    }
    let seq = candidates.seq;
    // Of most searches a few elements decide.
    let whole = !extras.are_none() || query.summary != Summary::Whole;
    let deciding = if whole { None } else { query.elements() };
    let mut hits = hits(query.kind(), candidates, deciding.as_deref())?;
    hits.retain(|hit| query.matches(&hit.resource, &Neighbours::default()));
    extras.narrow(&mut hits);
    if !query.sort.is_empty() {
        let mut keyed: Vec<_> = hits.into_iter().map(|hit| (query.sort_values(&hit.resource), hit)).collect();
        keyed.sort_by(|a, b| query.compare(&a.0, &b.0));
        hits = keyed.into_iter().map(|(_, hit)| hit).collect();
    }
    let count = page_size(query);
    let next = if hits.len() > count && query.summary != Summary::Count {
        let people = People {
            user: user.id.clone(),
            pairs: call.pairs.clone(),
            patients: hits.iter().map(|hit| hit.key).collect(),
            seq,
        };
        api.pages.keep(people, api.now()).map(|name| link(&call.base, query.kind(), &name, count))
    } else {
        None
    };
    let own = own_address(&call.base, query.kind(), &call.pairs);
    let total = hits.len();
    let mut people: Vec<PersonKey> = hits.iter().map(|hit| hit.person).collect();
    people.sort_unstable();
    people.dedup();
    let hits = hits.into_iter().take(count).map(|hit| extras.trimmed(hit));
    Ok((write(api, call, query, hits, total, &own, next.as_deref()), people))
}

async fn next_page(
    api: Api,
    user: Arc<User>,
    call: Call,
    kind: ResourceType,
    people: People,
    offset: usize,
    name: &str,
) -> Result<Reply, ApiError> {
    let extras = Extras::read(&people.pairs)?;
    let asked = query(&api, &call, kind, &extras.pairs)?;
    let name = name.to_owned();
    let sealed = blocking(move || {
        let permit = ask(&api, &user, people.pairs.iter().map(|(name, _)| name.clone()).collect())?;
        let count = page_size(&asked);
        let total = people.patients.len();
        let keys: Vec<PatientKey> = people.patients.into_iter().skip(offset).take(count).collect();
        let sealed = match kind {
            // A Person is made of what its patients say now.
            ResourceType::Person => {
                let persons = keys.iter().map(|key| Selector::Person(PersonKey(key.0))).collect::<Vec<_>>();
                api.records.candidates(&permit, &persons, true, true)?
            }
            _ => api.records.found_patients(&permit, &keys, people.seq)?.map(|items| Candidates {
                people: items.into_iter().map(|item| (PersonKey(0), vec![item])).collect(),
                seq: people.seq,
                cut: false,
            }),
        };
        Ok(sealed.map(move |candidates| {
            let hits = hits(kind, candidates, None)?.into_iter().map(|hit| extras.trimmed(hit));
            let own = link(&call.base, kind, &name, offset);
            let reached = offset + keys.len();
            let next = (reached < total).then(|| link(&call.base, kind, &name, reached));
            Ok::<_, ApiError>(write(&api, &call, &asked, hits, total, &own, next.as_deref()))
        }))
    });
    let body = sealed.await?.release().await??;
    Ok(Reply::json(StatusCode::OK, body))
}

fn page_size(query: &Query) -> usize {
    query.count.unwrap_or(COUNT_USUAL).min(COUNT_MAX)
}

fn link(base: &str, kind: ResourceType, name: &str, offset: usize) -> String {
    format!("{base}/{kind}?{PAGE}={name}.{offset}")
}

/// The resources of the kind that was searched for. `deciding`: the elements of a Patient that are looked at; None: all.
fn hits(kind: ResourceType, candidates: Candidates, deciding: Option<&[&str]>) -> Result<Vec<Hit>, ApiError> {
    let mut hits = Vec::new();
    for (person, items) in candidates.people {
        if kind == ResourceType::Person {
            let resource = person_resource(person, &items)?;
            let json = resource.to_json().into_bytes();
            hits.push(Hit { name: format!("Person/{person}"), json, resource, key: PatientKey(person.0), person });
            continue;
        }
        for item in items {
            let resource = item.resource_of(deciding)?;
            let name = format!("Patient/{}", item.id);
            hits.push(Hit { name, json: item.json, resource, key: item.id.patient, person });
        }
    }
    Ok(hits)
}

fn write(
    api: &Api,
    call: &Call,
    query: &Query,
    hits: impl Iterator<Item = Hit>,
    total: usize,
    own: &str,
    next: Option<&str>,
) -> Vec<u8> {
    let mut bundle = BundleWriter::new(BundleType::Searchset, 16 << 10);
    bundle.last_updated(&fhir::datetime::instant(api.now()));
    if query.total != Total::None || query.summary == Summary::Count {
        bundle.total(total);
    }
    let mut links = vec![("self", own)];
    links.extend(next.map(|next| ("next", next)));
    bundle.links(&links);
    if query.summary != Summary::Count {
        for mut hit in hits {
            if query.summary != Summary::Whole {
                query.summary.apply(&mut hit.resource);
                hit.json = hit.resource.to_json().into_bytes();
            }
            bundle.found(&call.base, &hit.name, &hit.json, SearchMode::Match);
        }
    }
    for note in &query.ignored {
        bundle.outcome(&note.clone().into());
    }
    bundle.finish()
}

/// `GET /Person/id`: the person our index of people says these patients are.
pub async fn person(api: Api, user: Arc<User>, person: PersonKey) -> Result<Reply, ApiError> {
    let sealed = blocking(move || {
        let action = Action::ReadResources { what: format!("read Person/{person}") };
        let permit = api.gate.open(&user, person, &action, api.now())?;
        let filter = Filter { kinds: vec![ResourceType::Patient], ..Filter::default() };
        let links = api.records.links(&permit)?;
        Ok((api.records.read(&permit, &filter)?.map(move |items| person_resource(person, &items)), links))
    });
    let (resource, rows) = sealed.await?;
    let mut resource = resource.release().await??;
    links::assure(&mut resource, &rows.release().await?);
    let version = resource.str_at("/meta/versionId").unwrap_or("1").to_owned();
    Ok(Reply::json(StatusCode::OK, resource.to_json()).with(header::ETAG, format!("W/\"{version}\"")))
}

/// A Person made of the patients it links. Names, identifiers and the like are all of theirs; nothing is decided here.
fn person_resource(person: PersonKey, items: &[Item]) -> Result<Resource, ApiError> {
    let mut resource = Resource::new(ResourceType::Person);
    resource.set("id", person.to_string());
    let newest = items.iter().max_by_key(|item| item.seq);
    if let Some(newest) = newest {
        let meta =
            json!({"versionId": newest.seq.to_string(), "lastUpdated": fhir::datetime::instant(newest.recorded)});
        resource.set("meta", meta);
    }
    let mut lists: Map<String, Value> = Map::new();
    for item in items {
        let patient = item.resource()?;
        for element in ["identifier", "name", "telecom", "address"] {
            for value in patient.list(element) {
                if let Value::Array(list) = lists.entry(element).or_insert_with(|| json!([]))
                    && !list.contains(value)
                {
                    list.push(value.clone());
                }
            }
        }
        for element in ["gender", "birthDate"] {
            if resource.get(element).is_none()
                && let Some(value) = patient.get(element)
            {
                resource.set(element, value.clone());
            }
        }
    }
    for (element, list) in lists {
        resource.set(&element, list);
    }
    resource.set("active", true);
    let links: Vec<Value> =
        items.iter().map(|item| json!({"target": {"reference": format!("Patient/{}", item.id)}})).collect();
    resource.set("link", links);
    Ok(resource)
}

/// How a search can be looked up: one selector for each combination of alternatives.
fn selectors(pairs: &[(String, String)], base: &str) -> Result<Vec<Selector>, ApiError> {
    let too_wide = || {
        let text = "no index serves this search: give an identifier, a family or given name, a birth date (to the day), a \
                    whole postcode or an _id";
        ApiError::bad(IssueType::TooCostly, text)
    };
    for (name, value) in pairs {
        let texts = || value.split(',');
        match name.as_str() {
            "_id" => {
                // Ids of persons and of patients look alike: both are tried.
                let keys = texts().filter_map(|id| id.parse::<PatientKey>().ok());
                return Ok(keys.flat_map(|key| [Selector::Patient(key), Selector::Person(PersonKey(key.0))]).collect());
            }
            "link" | "link:Patient" | "patient" | "patient:Patient" => {
                let keys = texts().filter_map(|text| {
                    let ours = text.strip_prefix(base).and_then(|text| text.strip_prefix('/')).unwrap_or(text);
                    match Reference::parse(ours) {
                        Reference::Relative { kind: ResourceType::Patient, id, .. } => id.parse().ok(),
                        Reference::Other(id) => id.parse().ok(),
                        _ => None,
                    }
                });
                return Ok(keys.map(Selector::Patient).collect());
            }
            _ => {}
        }
    }
    let mut filters = vec![PeopleFilter { limit: CANDIDATES_MAX, ..PeopleFilter::default() }];
    for (name, value) in pairs {
        let choices = choices(name, value);
        if choices.is_empty() {
            continue;
        }
        filters = filters
            .iter()
            .flat_map(|filter| choices.iter().map(|choice| narrowed(filter, choice)))
            .collect::<Vec<PeopleFilter>>();
        if filters.len() > LOOKUPS_MAX {
            return Err(ApiError::bad(
                IssueType::TooCostly,
                "there are too many alternatives: search for fewer at once",
            ));
        }
    }
    if filters.iter().any(|filter| !is_selective(filter)) {
        return Err(too_wide());
    }
    Ok(filters.into_iter().map(Selector::Indexed).collect())
}

fn is_selective(filter: &PeopleFilter) -> bool {
    filter.nhs_number.is_some()
        || filter.identifier.is_some()
        || filter.birth.is_some()
        || filter.family.is_some()
        || filter.given.is_some()
        || filter.postcode.is_some()
}

/// What the indexes can do with a parameter: a filter for each alternative, none when they cannot use it.
fn choices(name: &str, value: &str) -> Vec<PeopleFilter> {
    let none = PeopleFilter::default;
    let each = |make: &dyn Fn(&str) -> Option<PeopleFilter>| -> Vec<PeopleFilter> {
        let made: Vec<Option<PeopleFilter>> = value.split(',').map(make).collect();
        // One alternative the indexes cannot find would be missing: then they cannot serve the parameter.
        made.into_iter().collect::<Option<Vec<_>>>().unwrap_or_default()
    };
    let folded = |text: &str| {
        let folded = identity::fold_name(text);
        (folded.chars().count() >= NAME_LETTERS_MIN).then_some(folded)
    };
    match name {
        "identifier" => each(&|text| Some(identified(text)).filter(|_| !text.ends_with('|'))),
        "family" | "family:exact" => each(&|text| Some(PeopleFilter { family: Some(folded(text)?), ..none() })),
        "given" | "given:exact" => each(&|text| Some(PeopleFilter { given: Some(folded(text)?), ..none() })),
        "name" | "name:exact" => {
            let family = each(&|text| Some(PeopleFilter { family: Some(folded(text)?), ..none() }));
            let given = each(&|text| Some(PeopleFilter { given: Some(folded(text)?), ..none() }));
            family.into_iter().chain(given).collect()
        }
        "birthdate" => each(&|text| {
            let stated = fhir::DateTime::parse_date(text.strip_prefix("eq").unwrap_or(text)).ok()?;
            (stated.precision() == Precision::Day).then(|| PeopleFilter { birth: Some(stated.date()), ..none() })
        }),
        "address-postalcode" | "address-postalcode:exact" => {
            each(&|text| Some(PeopleFilter { postcode: Some(whole_postcode(text)?), ..none() }))
        }
        _ => Vec::new(),
    }
}

/// A postcode that is whole, as the index has it: the index knows no part of one.
fn whole_postcode(text: &str) -> Option<String> {
    let key = identity::postcode_key(text);
    let inward: Vec<char> = key.chars().rev().take(3).collect();
    let whole = (5..=7).contains(&key.len())
        && matches!(inward.as_slice(), [b, a, digit] if digit.is_ascii_digit() && a.is_ascii_alphabetic() && b.is_ascii_alphabetic());
    whole.then_some(key)
}

fn identified(identifier: &str) -> PeopleFilter {
    let mut filter = PeopleFilter::default();
    let (system, value) = match identifier.split_once('|') {
        Some((system, value)) => (Some(system).filter(|system| !system.is_empty()), value),
        None => (None, identifier),
    };
    match NhsNumber::parse(value).ok().filter(|_| system == Some(nhs::SYSTEM)) {
        Some(number) => filter.nhs_number = number.as_str().parse().ok(),
        None => filter.identifier = Some(identifier_hash(ResourceType::Patient, system, value)),
    }
    filter
}

/// Both conditions in one filter. Where both speak of the same thing the first is kept, and the rest is left to the check
/// of what was found.
fn narrowed(filter: &PeopleFilter, by: &PeopleFilter) -> PeopleFilter {
    PeopleFilter {
        nhs_number: filter.nhs_number.or(by.nhs_number),
        identifier: filter.identifier.or(by.identifier),
        family: filter.family.clone().or_else(|| by.family.clone()),
        given: filter.given.clone().or_else(|| by.given.clone()),
        birth: filter.birth.or(by.birth),
        postcode: filter.postcode.clone().or_else(|| by.postcode.clone()),
        limit: filter.limit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters(query: &str) -> Result<Vec<PeopleFilter>, ApiError> {
        let selectors = selectors(&fhir::search::parse_pairs(query), "http://x/fhir")?;
        Ok(selectors
            .into_iter()
            .filter_map(|s| match s {
                Selector::Indexed(filter) => Some(filter),
                _ => None,
            })
            .collect())
    }

    #[test]
    fn indexes_serve_what_they_can() {
        let found = filters("identifier=https://fhir.nhs.uk/Id/nhs-number|9000000009").expect("served");
        assert_eq!(found.first().and_then(|f| f.nhs_number), Some(9_000_000_009));
        let found = filters("family=O'Brien&birthdate=1950-02-03&gender=male").expect("served");
        assert_eq!(found.len(), 1);
        assert_eq!(found.first().map(|f| (f.family.as_deref(), f.birth.is_some())), Some((Some("obrien"), true)));
        assert_eq!(filters("name=smith").expect("served").len(), 2, "a name may be the family's or the given one");
        assert_eq!(filters("family=smith,jones&birthdate=1950-01-01,1951-01-01").expect("served").len(), 4);
        assert!(filters("address-postalcode=m1 1ae").is_ok());
    }

    #[test]
    fn what_no_index_serves_is_refused() {
        for query in [
            "",
            "gender=male",
            "birthdate=ge1950-01-01",
            "birthdate=1950",
            "family=s",
            "family:contains=smith",
            "address-postalcode=M1",
            "identifier=urn:x|",
            "family=smith,j",
        ] {
            assert_eq!(filters(query).expect_err(query).status, 400, "{query}");
        }
    }

    #[test]
    fn a_half_served_search_is_narrowed_by_what_is() {
        let found = filters("family=smith&birthdate=1950").expect("served");
        assert_eq!(found.first().map(|f| (f.family.is_some(), f.birth.is_none())), Some((true, true)));
    }
}
