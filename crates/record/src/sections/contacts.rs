//! The person and those around them: what each source holds on who they are, their personal contacts, the professionals
//! and teams involved. For a restricted person no address, telephone, next of kin or practice is in here at all
//! (PDS `meta.security` R; design §6).

use super::withdrawn;
use crate::{
    banner::{self, restricted},
    item::{Origin, ParsedItem, of},
    text::{self, Concept, Name, Telecom, best_name, concept, concepts, list, reference, telecoms},
    when::When,
};
use fhir::{Resource, ResourceType, Value};

/// Someone, personal or professional.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Their name, or their team's.
    pub name: String,
    /// `Daughter`, `District nurse` …
    pub role: Option<String>,
    /// `Next of kin`, `Emergency contact`, `Key worker` …
    pub marks: Vec<String>,
    /// How to reach them.
    pub telecoms: Vec<Telecom>,
    /// Where they live or work.
    pub address: Option<String>,
    /// More, in the source's words.
    pub note: Option<String>,
    /// Who says so.
    pub origin: Origin,
    /// Who else says so: entries of the same person joined into this one.
    pub also: Vec<Origin>,
}

/// What one source holds on who the person is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Label and value, in a fixed order; a value the source does not give is absent.
    pub facts: Vec<(&'static str, String)>,
    /// Ways to reach the person.
    pub telecoms: Vec<Telecom>,
    /// Whether the source has replaced this patient by another (a merge at the source).
    pub replaced: bool,
    /// Who says so.
    pub origin: Origin,
}

/// The page of people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People {
    /// Whether address, telephone, contacts and practice are withheld.
    pub restricted: bool,
    /// Each source's view of the person.
    pub identities: Vec<Identity>,
    /// Family, friends, carers.
    pub personal: Vec<Contact>,
    /// Practice, teams, professionals.
    pub professional: Vec<Contact>,
}

/// The page of people.
pub fn people(items: &[ParsedItem]) -> People {
    let restricted = restricted(items);
    let mut people = People { restricted, ..People::default() };
    for item in of(items, ResourceType::Patient) {
        people.identities.push(identity(item, restricted));
        if !restricted {
            people
                .personal
                .extend(item.resource.list("contact").iter().filter_map(|contact| of_patient(item, contact)));
            people.professional.extend(item.resource.list("generalPractitioner").iter().filter_map(|practice| {
                Some(Contact {
                    name: reference(practice)?,
                    role: Some("Registered GP practice".into()),
                    marks: Vec::new(),
                    telecoms: Vec::new(),
                    address: None,
                    note: None,
                    origin: item.origin(),
                    also: Vec::new(),
                })
            }));
        }
    }
    if restricted {
        return people;
    }
    people.personal.extend(of(items, ResourceType::RelatedPerson).filter(|item| !withdrawn(item)).filter_map(related));
    people.personal = joined(std::mem::take(&mut people.personal));
    people.personal.sort_by_key(|contact| (rank(contact), contact.name.clone()));
    for item in items.iter().filter(|item| !withdrawn(item)) {
        match item.kind() {
            ResourceType::CareTeam if !matches!(item.status(), "inactive") => people.professional.extend(team(item)),
            ResourceType::EpisodeOfCare if matches!(item.status(), "active" | "waitlist" | "onhold") => {
                people.professional.extend(episode(item))
            }
            _ => {}
        }
    }
    people.professional = joined(std::mem::take(&mut people.professional));
    people
}

/// Entries of one person joined into one: the same name without title, and a telephone number in common, or none to
/// compare. Roles, marks, numbers and sources of all are kept.
fn joined(contacts: Vec<Contact>) -> Vec<Contact> {
    let mut people: Vec<Contact> = Vec::new();
    for contact in contacts {
        match people.iter_mut().find(|known| same_person(known, &contact)) {
            Some(known) => join(known, contact),
            None => people.push(contact),
        }
    }
    people
}

fn same_person(a: &Contact, b: &Contact) -> bool {
    let digits =
        |contact: &Contact| -> Vec<String> { contact.telecoms.iter().map(|telecom| digits(&telecom.value)).collect() };
    let (first, second) = (digits(a), digits(b));
    let in_common = first.iter().any(|number| second.contains(number));
    untitled(&a.name) == untitled(&b.name) && (in_common || first.is_empty() || second.is_empty())
}

fn digits(number: &str) -> String {
    number.chars().filter(char::is_ascii_digit).collect()
}

/// A name for comparing: folded, without a leading title.
fn untitled(name: &str) -> String {
    let folded = text::fold(name);
    let title = ["mr ", "mrs ", "ms ", "miss ", "dr ", "mx ", "prof ", "sir ", "rev "]
        .iter()
        .find(|title| folded.starts_with(**title));
    title.and_then(|title| folded.strip_prefix(title)).map(str::to_owned).unwrap_or(folded)
}

fn join(known: &mut Contact, other: Contact) {
    if let Some(role) = other.role {
        known.role = Some(match known.role.take() {
            Some(said) => both_roles(&said, &role),
            None => role,
        });
    }
    for mark in other.marks {
        if !known.marks.contains(&mark) {
            known.marks.push(mark);
        }
    }
    for telecom in other.telecoms {
        match known.telecoms.iter_mut().find(|one| digits(&one.value) == digits(&telecom.value)) {
            Some(one) if one.label == "Telephone" => one.label = telecom.label,
            Some(_) => {}
            None => known.telecoms.push(telecom),
        }
    }
    known.address = known.address.take().or(other.address);
    known.note = match (known.note.take(), other.note) {
        (Some(note), Some(more)) if !note.contains(&more) => Some(format!("{note}; {more}")),
        (note, more) => note.or(more),
    };
    if other.origin.source != known.origin.source
        && known.also.iter().all(|origin| origin.source != other.origin.source)
    {
        known.also.push(other.origin);
    }
    known.also.extend(other.also);
}

/// What two sources call somebody, each word once: `natural son` says what `child` says, and more.
fn both_roles(said: &str, other: &str) -> String {
    let mut words: Vec<&str> = said.split(", ").collect();
    for word in other.split(", ") {
        if words.iter().any(|known| text::fold(known).contains(&text::fold(word)) || says_less(word, known)) {
            continue;
        }
        match words.iter_mut().find(|known| says_less(known, word)) {
            Some(known) => *known = word,
            None => words.push(word),
        }
    }
    words.join(", ")
}

/// Whether one kin word is the general one of the other.
fn says_less(general: &str, exact: &str) -> bool {
    let exact = text::fold(exact);
    match text::fold(general).as_str() {
        "child" => ["son", "daughter"].iter().any(|word| exact.contains(word)),
        "parent" => ["mother", "father"].iter().any(|word| exact.contains(word)),
        "sibling" => ["brother", "sister"].iter().any(|word| exact.contains(word)),
        "spouse" => ["husband", "wife"].iter().any(|word| exact.contains(word)),
        "other" | "unknown" | "family member" => !exact.is_empty(),
        _ => false,
    }
}

/// Next of kin and emergency contacts first, and among them whom to ring first (UK Core ContactRank).
fn rank(contact: &Contact) -> (u8, u64) {
    let kind = match () {
        () if contact.marks.iter().any(|mark| mark == "Next of kin") => 0,
        () if contact.marks.is_empty() => 2,
        () => 1,
    };
    let order = contact.marks.iter().filter_map(|mark| mark.strip_prefix(RANKED)?.parse().ok()).min();
    (kind, order.unwrap_or(u64::MAX))
}

/// What the mark of a contact's rank begins with.
const RANKED: &str = "Contact ";

fn identity(item: &ParsedItem, restricted: bool) -> Identity {
    let resource = &item.resource;
    let mut facts: Vec<(&'static str, String)> = Vec::new();
    let mut add = |label: &'static str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            facts.push((label, value));
        }
    };
    let names = resource.list("name");
    add("Name", best_name(names).map(|name| name.plain()));
    add("Preferred name", banner::preferred(names));
    let former: Vec<String> = names
        .iter()
        .filter(|name| matches!(text::text(name, "use"), Some("old" | "maiden")))
        .filter_map(Name::of)
        .map(|name| name.plain())
        .collect();
    add("Former names", Some(former.join("; ")));
    add(
        "Born",
        resource.str_at("/birthDate").map(|born| When::parse(born).map_or_else(|| born.to_owned(), |when| when.text)),
    );
    add("Gender", resource.str_at("/gender").map(banner::gender));
    add("NHS number", banner::nhs_of(resource).map(|nhs| nhs.long()));
    let local: Vec<String> = local_identifiers(resource).into_iter().map(|(_, shown)| shown).collect();
    add("Local identifiers", Some(local.join("; ")));
    add(
        "Died",
        resource
            .str_at("/deceasedDateTime")
            .map(|died| When::parse(died).map_or_else(|| died.to_owned(), |when| when.text)),
    );
    add("Ethnic category", extension_concept(resource, "EthnicCategory"));
    add(
        "Language",
        resource
            .list("communication")
            .iter()
            .filter_map(|c| c.get("language").and_then(Concept::of))
            .map(|c| c.text)
            .next(),
    );
    add("Interpreter", interpreter(resource));
    add("Marital status", concept(resource, "maritalStatus").map(|status| status.text));
    add("Religion", extension_concept(resource, "patient-religion"));
    if !restricted {
        let addresses = resource.list("address").iter().filter(|address| text::text(address, "use") != Some("old"));
        add("Address", Some(addresses.filter_map(text::address).collect::<Vec<_>>().join("; ")));
        let former = resource.list("address").iter().filter(|address| text::text(address, "use") == Some("old"));
        add("Former addresses", Some(former.filter_map(text::address).collect::<Vec<_>>().join("; ")));
        add("GP practice", Some(text::references(resource, "generalPractitioner").join(", ")));
    }
    let replaced = resource.get("active") == Some(&Value::Bool(false))
        || resource.list("link").iter().any(|link| text::text(link, "type") == Some("replaced-by"));
    Identity {
        facts,
        telecoms: if restricted { Vec::new() } else { telecoms(resource.list("telecom")) },
        replaced,
        origin: item.origin(),
    }
}

/// The identifiers but the NHS number: system with value, and as people read them.
pub(crate) fn local_identifiers(resource: &Resource) -> Vec<(String, String)> {
    let others = resource
        .list("identifier")
        .iter()
        .filter(|identifier| text::text(identifier, "system") != Some(fhir::nhs::SYSTEM));
    others
        .filter_map(|identifier| {
            let value = text::text(identifier, "value")?;
            let by = identifier
                .get("type")
                .and_then(Concept::of)
                .map(|kind| kind.text)
                .or_else(|| identifier.get("assigner").and_then(reference));
            let system = text::text(identifier, "system").unwrap_or_default();
            Some((format!("{system}|{value}"), by.map_or_else(|| value.to_owned(), |by| format!("{value} ({by})"))))
        })
        .collect()
}

fn extension_concept(resource: &Resource, url: &str) -> Option<String> {
    let found = resource.list("extension").iter().find(|e| text::text(e, "url").is_some_and(|u| u.contains(url)))?;
    found.get("valueCodeableConcept").and_then(Concept::of).map(|concept| concept.text)
}

fn interpreter(resource: &Resource) -> Option<String> {
    let extensions = resource
        .list("extension")
        .iter()
        .chain(resource.list("communication").iter().flat_map(|c| list(c, "extension")));
    for extension in extensions.filter(|e| {
        text::text(e, "url").is_some_and(|url| url.contains("NHSCommunication") || url.contains("interpreterRequired"))
    }) {
        let inner = list(extension, "extension")
            .iter()
            .find(|e| text::text(e, "url") == Some("interpreterRequired"))
            .unwrap_or(extension);
        if let Some(needed) = inner.get("valueBoolean").and_then(Value::as_bool) {
            return Some(if needed { "Needed".into() } else { "Not needed".into() });
        }
    }
    None
}

fn of_patient(item: &ParsedItem, contact: &Value) -> Option<Contact> {
    let organisation = contact.get("organization").and_then(reference);
    let name = contact.get("name").and_then(Name::of).map(|name| name.plain()).or(organisation)?;
    let roles: Vec<Concept> = list(contact, "relationship").iter().filter_map(Concept::of).collect();
    Some(Contact {
        name,
        role: relationship(&roles),
        marks: contact_marks(&roles, list(contact, "extension")),
        telecoms: telecoms(list(contact, "telecom")),
        address: contact.get("address").and_then(text::address),
        note: None,
        origin: item.origin(),
        also: Vec::new(),
    })
}

fn related(item: &ParsedItem) -> Option<Contact> {
    let resource = &item.resource;
    if resource.get("active") == Some(&Value::Bool(false)) {
        return None;
    }
    let roles = concepts(resource, "relationship");
    Some(Contact {
        name: best_name(resource.list("name")).map(|name| name.plain()).unwrap_or_else(|| "Name not given".into()),
        role: relationship(&roles),
        marks: contact_marks(&roles, resource.list("extension")),
        telecoms: telecoms(resource.list("telecom")),
        address: resource.list("address").iter().find_map(text::address),
        note: None,
        origin: item.origin(),
        also: Vec::new(),
    })
}

/// HL7 table 0131 and v3 RoleCode: the kin relationship in words; the roles below are marks instead.
fn relationship(roles: &[Concept]) -> Option<String> {
    let kin: Vec<String> = roles.iter().filter(|role| mark_of(role).is_none()).map(|role| role.text.clone()).collect();
    if kin.is_empty() { None } else { Some(kin.join(", ")) }
}

fn mark_of(role: &Concept) -> Option<&'static str> {
    if role.has("N") || role.has("NOK") || role.folded() == "next of kin" {
        Some("Next of kin")
    } else if role.has("C") || role.has("ECON") || role.folded() == "emergency contact" {
        Some("Emergency contact")
    } else if role.has("CAREGIVER") || role.folded() == "carer" {
        Some("Carer")
    } else {
        None
    }
}

fn contact_marks(roles: &[Concept], extensions: &[Value]) -> Vec<String> {
    let mut marks: Vec<String> = roles.iter().filter_map(mark_of).map(str::to_owned).collect();
    if let Some(rank) = extensions.iter().find(|e| text::text(e, "url").is_some_and(|url| url.contains("ContactRank")))
    {
        marks.extend(rank.get("valuePositiveInt").and_then(text::number).map(|rank| format!("{RANKED}{rank}")));
    }
    marks.dedup();
    marks
}

fn team(item: &ParsedItem) -> Vec<Contact> {
    let resource = &item.resource;
    let name = resource.str_at("/name").map(str::to_owned);
    let mut found = Vec::new();
    for participant in resource.list("participant") {
        let Some(member) = participant.get("member") else { continue };
        let is_patient = text::text(member, "type") == Some("Patient")
            || text::text(member, "reference").is_some_and(|r| r.starts_with("Patient/"));
        let Some(who) = reference(member).filter(|_| !is_patient) else { continue };
        let role = list(participant, "role")
            .iter()
            .filter_map(Concept::of)
            .map(|role| text::without_tag(&role.text).to_owned())
            .next();
        let inner: Vec<Value> = contained_telecoms(resource, member);
        found.push(Contact {
            name: who,
            role,
            marks: Vec::new(),
            telecoms: telecoms(&inner),
            address: None,
            note: name.clone(),
            origin: item.origin(),
            also: Vec::new(),
        });
    }
    let own = telecoms(resource.list("telecom"));
    if found.is_empty() || !own.is_empty() {
        let organisation = text::references(resource, "managingOrganization").into_iter().next();
        if let Some(name) = name.or_else(|| organisation.clone()) {
            let role = Some("Care team".to_owned());
            found.insert(
                0,
                Contact {
                    name,
                    role,
                    marks: Vec::new(),
                    telecoms: own,
                    address: None,
                    note: organisation,
                    origin: item.origin(),
                    also: Vec::new(),
                },
            );
        }
    }
    found
}

fn contained_telecoms(resource: &Resource, member: &Value) -> Vec<Value> {
    let wanted = text::text(member, "reference").and_then(|reference| reference.strip_prefix('#'));
    let inner = resource.list("contained").iter().find(|inner| wanted.is_some() && text::text(inner, "id") == wanted);
    inner.map(|inner| list(inner, "telecom").to_vec()).unwrap_or_default()
}

fn episode(item: &ParsedItem) -> Vec<Contact> {
    let resource = &item.resource;
    let kind = concepts(resource, "type").into_iter().next().map(|kind| kind.text);
    let organisation = resource.get("managingOrganization").and_then(reference);
    let manager = resource.get("careManager").and_then(reference);
    let since = resource.get("period").and_then(text::period);
    let Some(name) = manager.or_else(|| organisation.clone()) else { return Vec::new() };
    vec![Contact {
        name,
        role: kind,
        marks: Vec::new(),
        telecoms: Vec::new(),
        address: None,
        note: [organisation, since].into_iter().flatten().reduce(|a, b| format!("{a}, {b}")),
        origin: item.origin(),
        also: Vec::new(),
    }]
}
