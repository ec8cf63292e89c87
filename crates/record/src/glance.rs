//! One line about a person, for lists of many: who it is, and what one of their resources says: a stay, an appointment, a
//! letter, a result. Read under a permit like everything else.

use crate::{
    Item, Records,
    banner::{gender, is_restricted, nhs_of},
    item::{ParsedItem, SourceInfo},
    read::Filter,
    sections::visits,
    text::{self, Concept, best_name, concept, concepts, list, reference, text as member, words},
    when::{self, When},
};
use access::{Permit, Sealed};
use fhir::{Resource, ResourceId, ResourceType, Value};
use jiff::Timestamp;
use std::sync::Arc;
use store::StoreError;

/// Who somebody is, in a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Who {
    /// `FAMILY, Given (Title)`.
    pub name: String,
    /// `14-Jul-1945`, or `Not Known`.
    pub born: String,
    /// `81y`.
    pub age: Option<String>,
    /// `Female`.
    pub gender: String,
    /// `129 728 7652`.
    pub nhs: Option<String>,
    /// `Died 3-Mar-2026`, or `Died`.
    pub died: Option<String>,
    /// Whether whereabouts are withheld.
    pub restricted: bool,
    /// The place where the person lives, as short as it can be said: `Mill Lane, LS1 4AP`. Never of the restricted.
    pub lives: Option<String>,
}

/// What one resource says, in a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct What {
    /// `Admission`, `Cardiology follow-up`, `Discharge summary`.
    pub title: String,
    /// Where: ward and bed.
    pub place: Option<String>,
    /// The ward alone, as the source calls it, of a stay.
    pub ward: Option<String>,
    /// The organisation.
    pub organisation: String,
    /// `since`, `on`, `filed`: what `at` means is told by the list.
    pub at: Option<String>,
    /// How long: `3 days`.
    pub lasting: Option<String>,
    /// Until when, of what is over.
    pub ended: Option<String>,
    /// Speciality.
    pub service: Option<String>,
    /// The consultant in charge, or who wrote it.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// The day somebody is expected to leave.
    pub expected: Option<String>,
    /// Where to.
    pub leaving_to: Option<String>,
    /// The status in words, when it is not what the list says anyway.
    pub status: Option<String>,
    /// What a reader must see first: `Critical`, `Corrected`.
    pub marks: Vec<&'static str>,
}

/// A line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Glance {
    /// Who it is.
    pub who: Who,
    /// What it is about; None: it is withheld from this reader, or it is about the person alone.
    pub what: Option<What>,
    /// Why it is withheld, in the policies' words.
    pub withheld: Option<String>,
}

impl Records {
    /// Read a line about a person, and about one of their resources if one is named. `source` tells who a source is.
    ///
    /// # Errors
    /// The store's.
    pub fn glance(
        &self,
        permit: &Permit,
        about: Option<(ResourceId, ResourceType)>,
        source: impl Fn(&str) -> Arc<SourceInfo>,
        now: Timestamp,
    ) -> Result<Sealed<Glance>, StoreError> {
        let patients = self.read(permit, &Filter { kinds: vec![ResourceType::Patient], ..Filter::default() })?;
        let who = patients.map(|items| who_of(&items, &source, now));
        let Some((id, kind)) = about.filter(|(_, kind)| *kind != ResourceType::Patient) else {
            let sealed = who.map(|who| who.map(|who| Glance { who, ..Glance::default() }));
            return Ok(flat(sealed));
        };
        let before = permit.sight().withheld();
        let resource = self.resource(permit, id, kind)?;
        let withheld = permit.sight().withheld();
        let because = withheld.iter().find(|held| !before.contains(held)).map(|held| held.because.clone());
        let both = who.and(resource, |who, item| -> Result<Glance, StoreError> {
            let item = item.filter(|item| !item.deleted);
            let mut what = item.map(|item| what_of(&item, &source, now)).transpose()?;
            let who = who?;
            // Which hospital, and whose patient there, tells where somebody is as much as the ward does.
            if let Some(what) = what.as_mut().filter(|_| who.restricted && tells_where(kind)) {
                *what = What {
                    place: None,
                    ward: None,
                    organisation: String::new(),
                    by: None,
                    leaving_to: None,
                    ..std::mem::take(what)
                };
            }
            Ok(Glance { who, what, withheld: because })
        });
        match both {
            Some(sealed) => Ok(flat(sealed)),
            None => Err(StoreError::Stopped("two permits for one line".into())),
        }
    }
}

/// Whether a resource of this type says where somebody is or will be.
fn tells_where(kind: ResourceType) -> bool {
    matches!(kind, ResourceType::Encounter | ResourceType::Appointment)
}

/// A seal around what may have failed: failing says nothing about anybody.
fn flat(sealed: Sealed<Result<Glance, StoreError>>) -> Sealed<Glance> {
    sealed.map(|glance| {
        glance.unwrap_or_else(|error| {
            tracing::error!(%error, "a stored resource cannot be read");
            Glance { withheld: Some("it cannot be read: tell whoever runs the system".into()), ..Glance::default() }
        })
    })
}

fn who_of(items: &[Item], source: &impl Fn(&str) -> Arc<SourceInfo>, now: Timestamp) -> Result<Who, StoreError> {
    let mut patients: Vec<ParsedItem> =
        items.iter().map(|item| ParsedItem::of(item, source)).collect::<Result<_, _>>()?;
    patients.sort_by_key(crate::banner::standing);
    let first = |read: &dyn Fn(&Resource) -> Option<String>| patients.iter().find_map(|item| read(&item.resource));
    let restricted = patients.iter().any(|item| is_restricted(&item.resource));
    let born = patients.iter().find_map(|item| item.resource.str_at("/birthDate").and_then(When::parse));
    let died = patients.iter().find_map(|item| {
        let on = item.resource.str_at("/deceasedDateTime").and_then(When::parse);
        let dead = item.resource.get("deceasedBoolean") == Some(&Value::Bool(true));
        on.map(|on| format!("Died {}", on.day_text())).or_else(|| dead.then(|| "Died".to_owned()))
    });
    let mut numbers: Vec<_> = patients.iter().filter_map(|item| nhs_of(&item.resource)).collect();
    numbers.sort_by_key(|nhs| (!nhs.verified, nhs.invalid));
    Ok(Who {
        name: patients
            .iter()
            .find_map(|item| best_name(item.resource.list("name")))
            .map_or_else(|| "NAME NOT KNOWN".into(), |name| name.banner()),
        age: match (&died, &born) {
            (None, Some(born)) => when::age(born, when::today(now)),
            _ => None,
        },
        born: born.map_or_else(|| "Not Known".into(), |born| born.text),
        gender: first(&|resource| resource.str_at("/gender").filter(|code| *code != "unknown").map(gender))
            .unwrap_or_else(|| "Not Known".into()),
        nhs: numbers.first().map(|nhs| nhs.long()),
        died,
        restricted,
        lives: patients.iter().filter(|_| !restricted).find_map(|item| lives(&item.resource)),
    })
}

fn lives(patient: &Resource) -> Option<String> {
    let address = patient.list("address").iter().find(|address| member(address, "use") != Some("old"))?;
    let parts = [list(address, "line").first().and_then(Value::as_str), member(address, "postalCode")];
    let parts: Vec<&str> = parts.into_iter().flatten().filter(|part| !part.trim().is_empty()).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn what_of(item: &Item, source: &impl Fn(&str) -> Arc<SourceInfo>, now: Timestamp) -> Result<What, StoreError> {
    let item = ParsedItem::of(item, source)?;
    let mut what = match item.kind() {
        ResourceType::Encounter => stay(&item, now),
        ResourceType::Appointment => booking(&item),
        ResourceType::DiagnosticReport => report(&item),
        ResourceType::DocumentReference => letter(&item),
        ResourceType::Task | ResourceType::ServiceRequest => asked(&item),
        kind => What { title: concept_of(&item.resource).unwrap_or_else(|| words(kind.as_str())), ..What::default() },
    };
    if what.organisation.is_empty() {
        what.organisation = item.source.name.clone();
    }
    Ok(what)
}

fn concept_of(resource: &Resource) -> Option<String> {
    let title = resource.str_at("/title").map(str::to_owned);
    title.or_else(|| concept(resource, "code").map(|code| code.text))
}

fn stay(item: &ParsedItem, now: Timestamp) -> What {
    let resource = &item.resource;
    let start = text::when(resource, &["/period/start"]);
    let end = text::when(resource, &["/period/end"]);
    let (place, _) = visits::places(resource);
    let consultant = visits::participants(resource).into_iter().find(|(label, _)| *label == "Consultant");
    let open = matches!(item.status(), "arrived" | "triaged" | "in-progress" | "onleave");
    let reasons: Vec<String> = concepts(resource, "reasonCode").into_iter().map(|reason| reason.text).collect();
    let until = end.as_ref().map_or(now, |end| end.at);
    What {
        title: visits::class(item).unwrap_or("Visit").to_owned(),
        ward: place.as_deref().and_then(ward_of),
        place,
        organisation: resource.get("serviceProvider").and_then(reference).unwrap_or_default(),
        lasting: start.as_ref().and_then(|start| visits::days_in(start, until)),
        at: start.map(|start| start.text),
        ended: end.map(|end| end.text),
        service: concept(resource, "serviceType").map(|service| service.text),
        by: consultant.map(|(_, names)| names.join(", ")),
        reason: (!reasons.is_empty()).then(|| reasons.join("; ")),
        expected: visits::expected_discharge(resource).filter(|_| open),
        leaving_to: resource
            .at("/hospitalization/dischargeDisposition")
            .and_then(Concept::of)
            .map(|to| text::without_tag(&to.text).to_owned()),
        status: match item.status() {
            "onleave" => Some("On leave".into()),
            "planned" => Some("Planned".into()),
            "cancelled" => Some("Cancelled".into()),
            _ => None,
        },
        marks: Vec::new(),
    }
}

/// A place without its bay and bed, which come last.
fn ward_of(place: &str) -> Option<String> {
    let smaller = |part: &&str| {
        let part = part.to_lowercase();
        part.starts_with("bed") || part.starts_with("bay")
    };
    let parts: Vec<&str> = place.split(", ").take_while(|part| !smaller(part)).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn booking(item: &ParsedItem) -> What {
    let resource = &item.resource;
    let service = concepts(resource, "serviceType").into_iter().next().map(|service| service.text);
    let kind = concept(resource, "appointmentType").map(|kind| kind.text);
    let named = resource.str_at("/description").map(str::to_owned);
    let specialty = concepts(resource, "specialty").into_iter().next().map(|specialty| specialty.text);
    let actors = resource.list("participant").iter().filter_map(|participant| {
        let actor = participant.get("actor")?;
        let kind = member(actor, "type").or_else(|| member(actor, "reference").and_then(|r| r.split('/').next()))?;
        Some((kind.to_owned(), reference(actor)?))
    });
    let actors: Vec<(String, String)> = actors.collect();
    let of = |wanted: &str| actors.iter().find(|(kind, _)| kind == wanted).map(|(_, name)| name.clone());
    What {
        title: named.or_else(|| service.clone()).or(kind).unwrap_or_else(|| "Appointment".into()),
        place: of("Location").or_else(|| of("HealthcareService")),
        by: of("Practitioner").or_else(|| of("PractitionerRole")),
        at: text::when(resource, &["/start"]).map(|start| start.text),
        service: specialty.or(service),
        status: match item.status() {
            "booked" | "pending" => None,
            "noshow" => Some("Did not attend".into()),
            status => Some(words(status)),
        },
        reason: resource.str_at("/cancelationReason/text").map(str::to_owned),
        ..What::default()
    }
}

fn report(item: &ParsedItem) -> What {
    let resource = &item.resource;
    let mut marks = Vec::new();
    match item.status() {
        "corrected" | "amended" | "appended" => marks.push("Corrected"),
        "preliminary" | "partial" => marks.push("Not final"),
        _ => {}
    }
    What {
        title: concept(resource, "code").map_or_else(|| "Result".into(), |code| code.text),
        at: text::when(resource, &["/issued", "/effectiveDateTime", "/effectivePeriod/start"]).map(|at| at.text),
        by: text::references(resource, "performer").into_iter().next(),
        service: concepts(resource, "category").into_iter().next().map(|category| category.text),
        reason: resource.str_at("/conclusion").map(str::to_owned),
        marks,
        ..What::default()
    }
}

fn asked(item: &ParsedItem) -> What {
    let resource = &item.resource;
    let kind = concept(resource, "code").map(|code| code.text);
    let what = resource.str_at("/description").map(str::to_owned);
    let title = match (kind, what) {
        (Some(kind), Some(what)) => format!("{kind}: {what}"),
        (kind, what) => kind.or(what).unwrap_or_else(|| "Request".into()),
    };
    let reasons = concepts(resource, "reasonCode").into_iter().next().map(|reason| reason.text);
    let to = text::references(resource, "performer").into_iter().next();
    What {
        title,
        at: text::when(resource, &["/authoredOn"]).map(|at| at.text),
        by: resource.get("requester").and_then(reference),
        leaving_to: to.or_else(|| resource.get("owner").and_then(reference)),
        reason: reasons.or_else(|| resource.str_at("/reasonCode/text").map(str::to_owned)),
        status: Some(crate::sections::requests::stands(resource)).filter(|stands| !stands.is_empty()),
        marks: crate::sections::requests::urgency(resource).into_iter().collect(),
        ..What::default()
    }
}

fn letter(item: &ParsedItem) -> What {
    let resource = &item.resource;
    let mut marks = Vec::new();
    if resource.list("relatesTo").iter().any(|relation| member(relation, "code") == Some("replaces")) {
        marks.push("Replaces an earlier one");
    }
    let kind = concept(resource, "type").map(|kind| kind.text);
    What {
        title: resource.str_at("/description").map(str::to_owned).or(kind).unwrap_or_else(|| "Letter".into()),
        at: text::when(resource, &["/date", "/context/period/start"]).map(|at| at.text),
        by: text::references(resource, "author").into_iter().next(),
        service: resource.at("/context/practiceSetting").and_then(Concept::of).map(|setting| setting.text),
        marks,
        ..What::default()
    }
}
