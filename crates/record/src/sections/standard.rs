//! The headings of the PRSB Core Information Standard, in its order: where each is to be found here. Most are sections. Those
//! that cut across sections (individual requirements are flags among the alerts; pregnancy is among the results) are put
//! together under their own name from the same entries, which stay where they are: a heading takes nothing away.

use super::{Line, Section, SectionKind, Statement, Tone, each, events, headings::HEADINGS, results, withdrawn};
use crate::{
    item::{ParsedItem, find},
    text::{self, concept, concepts, fold},
};
use fhir::ResourceType;
use jiff::Timestamp;

/// Where a heading's entries are.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// A section of its own, or a part of one: entries of these types of which this is true.
    Section(SectionKind, &'static [ResourceType], fn(&ParsedItem) -> bool),
    /// Entries of these types of which this is true.
    Across(&'static [ResourceType], fn(&ParsedItem) -> bool),
}

/// A heading of the standard.
#[derive(Clone, Copy, Debug)]
pub struct Heading {
    /// Its word in an address.
    pub slug: &'static str,
    /// The standard's name.
    pub title: &'static str,
    /// What its entries are called in a sentence: `No … recorded by`.
    pub what: &'static str,
    /// For a reader of their own record. None: it has no place there, not even an empty one.
    pub plain: Option<&'static str>,
    /// Where its entries are.
    pub place: Place,
}

/// A whole section.
const fn section(slug: &'static str, title: &'static str, plain: &'static str, kind: SectionKind) -> Heading {
    part(slug, title, plain, kind, kind.main_kinds(), |_| true)
}

/// Part of a section.
const fn part(
    slug: &'static str,
    title: &'static str,
    plain: &'static str,
    section: SectionKind,
    kinds: &'static [ResourceType],
    holds: fn(&ParsedItem) -> bool,
) -> Heading {
    Heading { slug, title, what: "entries", plain: Some(plain), place: Place::Section(section, kinds, holds) }
}

const fn across(
    slug: &'static str,
    title: &'static str,
    what: &'static str,
    plain: &'static str,
    kinds: &'static [ResourceType],
    holds: fn(&ParsedItem) -> bool,
) -> Heading {
    Heading { slug, title, what, plain: Some(plain), place: Place::Across(kinds, holds) }
}

/// In the standard's order.
pub const ALL: [Heading; 34] = {
    use ResourceType::*;
    use SectionKind::{Alerts, Allergies, Contacts, Letters, Medicines, Plans, Problems, Procedures, Referrals};
    use SectionKind::{Results, Vaccinations, Visits};
    [
        part("person", "Person demographics", "Your details", Contacts, &[Patient], |_| true),
        part("practice", "GP practice", "Your GP practice", Contacts, &[Patient], |item| {
            !item.resource.list("generalPractitioner").is_empty()
        }),
        part("about-me", "About me", "About me", Plans, &[QuestionnaireResponse, Composition], is_about_me),
        across(
            "requirements",
            "Individual requirements",
            "individual requirements or reasonable adjustments",
            "What you need to make care work for you",
            &[Flag, Condition],
            is_requirement,
        ),
        section("alerts", "Alerts", "Warnings for people who care for you", Alerts),
        section("allergies", "Allergies and adverse reactions", "Things you react to", Allergies),
        section("medicines", "Medications", "Your medicines", Medicines),
        part("devices", "Medical devices", "Devices you have", Procedures, &[Device, DeviceUseStatement], |_| true),
        section("problems", "Problem list", "Your conditions", Problems),
        part("procedures", "Procedures and therapies", "Operations and treatments", Procedures, &[Procedure], |_| true),
        section("results", "Investigation results", "Tests and results", Results),
        across(
            "findings",
            "Examination findings",
            "examination findings or vital signs",
            "Measurements and checks",
            &[Observation],
            is_finding,
        ),
        across(
            "assessments",
            "Assessments",
            "assessments or scores",
            "Assessments",
            &[Observation, QuestionnaireResponse],
            is_assessment,
        ),
        section("vaccinations", "Vaccinations", "Vaccinations", Vaccinations),
        across(
            "family-history",
            "Family history",
            "family history",
            "Health of your family",
            &[FamilyMemberHistory],
            |item| item.kind() == FamilyMemberHistory,
        ),
        across(
            "pregnancy",
            "Pregnancy",
            "entries about pregnancy",
            "Pregnancy",
            &[Observation, Condition, EpisodeOfCare],
            is_pregnancy,
        ),
        across("social", "Social context", "social context", "Your home and daily life", &[Observation], is_social),
        across(
            "services",
            "Services and care",
            "services or care teams",
            "Services you use",
            &[EpisodeOfCare, CareTeam, HealthcareService, ServiceRequest],
            is_service,
        ),
        part(
            "professional-contacts",
            "Professional contacts",
            "People who care for you",
            Contacts,
            &[CareTeam, PractitionerRole, Practitioner],
            |_| true,
        ),
        part(
            "personal-contacts",
            "Personal contacts",
            "Your family and friends",
            Contacts,
            &[RelatedPerson, Patient],
            |item| item.kind() == RelatedPerson || !item.resource.list("contact").is_empty(),
        ),
        part(
            "encounters",
            "Contacts with professionals, admissions and discharges",
            "Visits and stays",
            Visits,
            &[Encounter],
            |_| true,
        ),
        part("appointments", "Future appointments", "Your appointments", Visits, &[Appointment], |item| {
            matches!(item.status(), "proposed" | "pending" | "booked" | "waitlist")
        }),
        section("referrals", "Referrals", "Referrals", Referrals),
        across(
            "legal",
            "Legal information",
            "legal information",
            "Legal decisions",
            &[Consent, Flag, DocumentReference],
            is_legal,
        ),
        Heading {
            slug: "safeguarding",
            title: "Safeguarding",
            what: "safeguarding entries",
            plain: None,
            place: Place::Across(&[Flag, Condition], is_safeguarding),
        },
        across("risks", "Risks", "risks", "Risks", &[RiskAssessment, Flag], is_risk),
        across(
            "formulation",
            "Formulation",
            "formulations",
            "How your team understands things",
            &[ClinicalImpression],
            |item| item.kind() == ClinicalImpression,
        ),
        part("care-plan", "Care and support plan", "Your care plan", Plans, &[CarePlan], |item| {
            !is_contingency(item) && !is_end_of_life(item) && !is_additional(item)
        }),
        part("contingency", "Contingency plan", "What to do if things change", Plans, &[CarePlan], is_contingency),
        part(
            "additional-plans",
            "Additional plans",
            "Other plans",
            Plans,
            &[CarePlan, DocumentReference],
            is_additional,
        ),
        part(
            "end-of-life",
            "End of life",
            "Care at the end of life",
            Plans,
            &[CarePlan, Composition, Consent, Flag, QuestionnaireResponse, DocumentReference],
            is_end_of_life,
        ),
        across("research", "Research", "research studies", "Research you take part in", &[ResearchSubject], |item| {
            item.kind() == ResearchSubject
        }),
        across(
            "actions",
            "Plan and requested actions",
            "requested actions or advice",
            "What has been asked for",
            &[Task, Communication, CommunicationRequest],
            |item| matches!(item.kind(), Task | Communication | CommunicationRequest),
        ),
        section("documents", "Documents", "Letters and documents", Letters),
    ]
};

impl Heading {
    /// The heading with this slug.
    pub fn from_slug(slug: &str) -> Option<&'static Heading> {
        ALL.iter().find(|heading| heading.slug == slug)
    }

    /// The types its entries are of.
    pub fn kinds(&self) -> &'static [ResourceType] {
        match self.place {
            Place::Section(_, kinds, _) | Place::Across(kinds, _) => kinds,
        }
    }

    /// Whether an entry comes under it.
    pub fn holds(&self, item: &ParsedItem) -> bool {
        match self.place {
            Place::Section(_, kinds, holds) | Place::Across(kinds, holds) => {
                kinds.contains(&item.kind()) && holds(item)
            }
        }
    }
}

/// All the words that say what kind of thing an entry is: names and codes of its code, its categories and its type.
fn words_of(item: &ParsedItem) -> String {
    let named = concept(&item.resource, "code").into_iter();
    let more = ["category", "type"].into_iter().flat_map(|element| concepts(&item.resource, element));
    let mut words = String::new();
    for concept in named.chain(more) {
        words.push(' ');
        words.push_str(&fold(&concept.text));
        for code in &concept.codes {
            words.push(' ');
            words.push_str(&code.code.to_lowercase());
        }
    }
    words.push(' ');
    words
}

/// Whether one of these stands in the words: with a space before it, as the beginning of a word; with two, as a word.
fn any(item: &ParsedItem, wanted: &[&str]) -> bool {
    let words = words_of(item);
    wanted.iter().any(|wanted| words.contains(wanted))
}

fn in_category(item: &ParsedItem, wanted: &[&str]) -> bool {
    concepts(&item.resource, "category").iter().any(|category| wanted.iter().any(|code| category.has(code)))
}

/// What the person wrote of themselves: the form's name, or the document's type.
fn is_about_me(item: &ParsedItem) -> bool {
    let form = item.resource.str_at("/questionnaire").unwrap_or_default().to_lowercase();
    let title = fold(item.resource.str_at("/title").unwrap_or_default());
    form.contains("about-me") || form.contains("aboutme") || title.contains("about me") || any(item, &[" about me"])
}

// Plan types used nationally (SNOMED CT), and what sources call so.

fn is_contingency(item: &ParsedItem) -> bool {
    any(
        item,
        &[" 325691000000100 ", " 736253002 ", " 887701000000100 ", " contingency", " crisis", " emergency health"],
    )
}

fn is_end_of_life(item: &ParsedItem) -> bool {
    const CODES: [&str; 4] = [" 861421000000109 ", " 736373009 ", " 736366004 ", " 1382601000000107 "];
    const WORDS: [&str; 6] =
        [" end of life", " advance care", " palliative", " respect form", " resuscitation", " dnacpr"];
    let form = item.resource.str_at("/questionnaire").unwrap_or_default().to_lowercase();
    any(item, &CODES) || any(item, &WORDS) || form.contains("respect")
}

fn is_additional(item: &ParsedItem) -> bool {
    !is_contingency(item)
        && !is_end_of_life(item)
        && match item.kind() {
            ResourceType::DocumentReference => any(item, &[" care plan", " treatment escalation plan", " 735324008 "]),
            _ => any(item, &[" 735324008 ", " treatment escalation", " additional plan"]),
        }
}

/// Reasonable adjustments: the NHS flag's category, and what sources call so.
pub(crate) fn is_requirement(item: &ParsedItem) -> bool {
    any(
        item,
        &[" reasonable adjustment", " adjustment", " requirement", " communication need", " interpreter", " nrac"],
    ) && (item.kind() == ResourceType::Flag || any(item, &[" adjustment", " requirement", " communication need"]))
}

/// Codes of what is measured at a bedside: LOINC's of FHIR's vital signs profile, and SNOMED CT's of the same. A hospital's HL7 v2
/// results name no category, so the code is all that tells them from a laboratory's.
const VITAL_SIGNS: [&str; 30] = [
    "85353-1",
    "9279-1",
    "8867-4",
    "2708-6",
    "59408-5",
    "8310-5",
    "8302-2",
    "9843-4",
    "29463-7",
    "39156-5",
    "85354-9",
    "8480-6",
    "8462-4",
    "8478-0",
    "75367002",
    "271649006",
    "271650006",
    "364075005",
    "86290005",
    "386725007",
    "276885007",
    "431314004",
    "103228002",
    "27113001",
    "50373000",
    "60621009",
    "248333004",
    "78564009",
    "1104051000000101",
    "1104441000000107",
];

fn is_finding(item: &ParsedItem) -> bool {
    in_category(item, &["vital-signs", "exam"])
        || concept(&item.resource, "code").is_some_and(|code| VITAL_SIGNS.iter().any(|sign| code.has(sign)))
        || any(item, &[" news2", " news score", " early warning score", " acvpu"])
}

fn is_assessment(item: &ParsedItem) -> bool {
    match item.kind() {
        // About me is a heading of its own.
        ResourceType::QuestionnaireResponse => !is_about_me(item) && !is_end_of_life(item),
        _ => {
            in_category(item, &["survey"])
                || any(item, &[" frailty", " rockwood", " news2", " early warning score", " waterlow", " barthel"])
        }
    }
}

fn is_pregnancy(item: &ParsedItem) -> bool {
    // LOINC: pregnancy status, delivery date estimated, births and pregnancies so far; SNOMED CT: pregnant.
    const CODES: [&str; 6] = [" 82810-3 ", " 11778-8 ", " 11640-0 ", " 11996-6 ", " 77386006 ", " 289908002 "];
    any(item, &CODES) || any(item, &[" pregnan", " gestation", " gravid", " antenatal", " expected date of delivery"])
}

fn is_social(item: &ParsedItem) -> bool {
    in_category(item, &["social-history"])
        || any(
            item,
            &[
                " smoking",
                " tobacco",
                " alcohol consumption",
                " alcohol use",
                " housing",
                " lives ",
                " carer",
                " occupation",
                " employment",
            ],
        )
}

fn is_service(item: &ParsedItem) -> bool {
    match item.kind() {
        // A request for a service that goes on, not for a test or an opinion.
        ResourceType::ServiceRequest => {
            any(item, &[" social", " package of care", " reablement", " home care", " day centre"])
        }
        _ => true,
    }
}

fn is_legal(item: &ParsedItem) -> bool {
    const WORDS: [&str; 14] = [
        " lasting power of attorney",
        " power of attorney",
        " lpa ",
        " mental capacity",
        " mca ",
        " deprivation of liberty",
        " dols ",
        " advance decision",
        " adrt ",
        " mental health act",
        " mha ",
        " section 117",
        " court of protection",
        " deputyship",
    ];
    item.kind() == ResourceType::Consent || any(item, &WORDS)
}

fn is_safeguarding(item: &ParsedItem) -> bool {
    any(item, &[" safeguarding", " child protection", " at risk of abuse", " domestic abuse", " marac"])
}

fn is_risk(item: &ParsedItem) -> bool {
    item.kind() == ResourceType::RiskAssessment
        || in_category(item, &["safety", "behavioral", "contact"])
        || any(item, &[" risk", " violen", " suicid", " self harm", " infection control"])
}

/// What the record holds under a heading, put together under its own name. Of one that is a section, nothing: its page has it.
pub fn lines(heading: &Heading, items: &[ParsedItem], now: Timestamp) -> Section {
    let (mut current, mut past, mut wrong) = (vec![], vec![], vec![]);
    if matches!(heading.place, Place::Across(..)) {
        for item in items.iter().filter(|item| heading.holds(item)) {
            let statement = statement(item, items, now);
            if withdrawn(item) {
                wrong.push(statement);
            } else if is_over(item, now) {
                past.push(statement);
            } else {
                current.push(statement);
            }
        }
    }
    let mut made = Section::default();
    let note = HEADINGS.iter().find(|one| one.title == heading.title).and_then(|one| one.note);
    made.push(heading.title, note, false, each(current));
    made.push("No longer in force", None, true, each(past));
    made.withdrawn = each(wrong);
    made
}

/// How many entries a heading has, those withdrawn by their source and appointments that are over apart.
pub fn count(heading: &Heading, items: &[ParsedItem], now: Timestamp) -> usize {
    let to_come = |item: &ParsedItem| text::when(&item.resource, &["/start"]).is_none_or(|start| start.until() >= now);
    let counts = |item: &&ParsedItem| {
        heading.holds(item) && !withdrawn(item) && (item.kind() != ResourceType::Appointment || to_come(item))
    };
    items.iter().filter(counts).count()
}

/// Whether the source says that it ended: an old decision must not read as one that holds (hazard: old plan acted on).
pub(crate) fn is_over(item: &ParsedItem, now: Timestamp) -> bool {
    let ended = matches!(
        (item.kind(), item.status()),
        (ResourceType::Flag | ResourceType::Consent | ResourceType::CareTeam, "inactive" | "rejected" | "superseded")
            | (ResourceType::EpisodeOfCare, "finished" | "cancelled")
            | (ResourceType::DocumentReference, "superseded")
            | (
                ResourceType::ServiceRequest | ResourceType::Task,
                "completed" | "revoked" | "cancelled" | "rejected" | "failed"
            )
    );
    let clinical = concept(&item.resource, "clinicalStatus");
    let resolved =
        clinical.is_some_and(|status| ["resolved", "inactive", "remission"].iter().any(|code| status.has(code)));
    let end = text::when(&item.resource, &["/period/end", "/provision/period/end"]);
    ended || resolved || end.is_some_and(|end| end.until() <= now)
}

/// An entry as its heading shows it.
pub(crate) fn statement(item: &ParsedItem, items: &[ParsedItem], now: Timestamp) -> Statement {
    match item.kind() {
        ResourceType::Observation => observation(item, items),
        ResourceType::Flag | ResourceType::RiskAssessment => {
            let alone = events::alerts(std::slice::from_ref(item), now);
            let lines = alone.groups.into_iter().flat_map(|group| group.lines).chain(alone.withdrawn);
            lines.map(|line: Line| line.first).next().unwrap_or_else(|| events::otherwise(item))
        }
        kind => match HEADINGS.iter().find(|heading| heading.kind == kind) {
            Some(heading) => (heading.read)(item),
            None => {
                let mut said = events::otherwise(item);
                said.fact("Note", Some(text::notes(&item.resource).join(" ")));
                said.fact("Payload", payload(item));
                said
            }
        },
    }
}

fn payload(item: &ParsedItem) -> Option<String> {
    let texts = item.resource.list("payload").iter().filter_map(|part| text::text(part, "contentString"));
    Some(texts.collect::<Vec<_>>().join(" "))
}

/// A measurement, a score or a circumstance, with its parts as the source gave them. No score is worked out here.
fn observation(item: &ParsedItem, items: &[ParsedItem]) -> Statement {
    let reading = results::reading(item);
    let mut said = Statement::new(item, concept(&item.resource, "code"), "Not named");
    let value = format!("{} {}", reading.value, crate::unit::shown(&reading.unit));
    let parts: Vec<String> = item
        .resource
        .list("hasMember")
        .iter()
        .filter_map(|part| find(items, text::text(part, "reference")?))
        .map(|part| {
            let part = results::reading(part);
            format!("{} {} {}", part.title, part.value, crate::unit::shown(&part.unit)).trim_end().to_owned()
        })
        .collect();
    let alone = results::has_own_value(&item.resource);
    if !alone && any(item, &[" news", " early warning"]) {
        said.fact("Score", Some("Not given by the source".to_owned()));
    }
    // What there is in its parts, or why there is none.
    if alone || parts.is_empty() {
        said.fact("Value", Some(value.trim().to_owned()));
    }
    said.fact("Parts", Some(parts.join("; ")));
    said.fact("Range", reading.range);
    if let ([index], true) = (reading.numbers.as_slice(), any(item, &[" frailty index", " efi "])) {
        said.fact("Band", frailty(*index).map(str::to_owned));
    }
    said.fact("Note", Some(reading.comments.join(" ")));
    said.marks.extend(reading.flag);
    said.marks.extend(reading.marks);
    said.dated("Measured", reading.when);
    said.by = reading.by;
    if matches!(item.status(), "cancelled") {
        said.mark("Cancelled", Tone::Caution);
    }
    said
}

/// What the electronic frailty index's published bands call a number (deficits of 36; Clegg and others 2016). The number is the
/// source's; where it gave none there is no band.
fn frailty(index: f64) -> Option<&'static str> {
    Some(match index {
        index if !(0.0..=1.0).contains(&index) => return None,
        index if index <= 0.12 => "fit (up to 0.12)",
        index if index <= 0.24 => "mild frailty (over 0.12, up to 0.24)",
        index if index <= 0.36 => "moderate frailty (over 0.24, up to 0.36)",
        _ => "severe frailty (over 0.36)",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_heading_has_an_address_of_its_own() {
        let mut slugs: Vec<&str> = ALL.iter().map(|heading| heading.slug).collect();
        slugs.sort_unstable();
        let count = slugs.len();
        slugs.dedup();
        assert_eq!(slugs.len(), count);
        assert!(ALL.iter().all(|heading| Heading::from_slug(heading.slug).is_some()));
    }

    #[test]
    fn frailty_bands_are_the_published_ones_and_no_number_has_none() {
        for (index, band) in
            [(0.0, "fit"), (0.12, "fit"), (0.13, "mild"), (0.24, "mild"), (0.36, "moderate"), (0.4, "severe")]
        {
            assert!(frailty(index).is_some_and(|said| said.starts_with(band)), "{index}");
        }
        assert_eq!((frailty(12.0), frailty(-0.1)), (None, None), "a count of deficits is no index");
    }
}
