//! Medicines: MedicationStatement, MedicationRequest, MedicationDispense and MedicationAdministration, told apart by
//! whether they are being taken now. An old entry that was never closed must not look current (hazard: old medicine
//! shown as current), nor vanish.

use super::{Line, Section, Statement, Tone, each, gather, mark_differences, problems::joined, withdrawn};
use crate::{
    item::ParsedItem,
    reconcile::{self, Aspect, Entry, Key, Manner, Standing, Together, displays, product},
    text::{Concept, concept, concepts, list, notes, number, quantity, reference, text},
    when::When,
};
use fhir::{Resource, ResourceId, ResourceType, Value};
use jiff::{SignedDuration, Span, Timestamp};
use std::collections::{HashMap, HashSet};

/// The heading of what is taken now.
pub const CURRENT: &str = "Current medicines";
/// The heading of what is open but old.
pub const UNCONFIRMED: &str = "Not confirmed for over a year";

/// An open entry older than this is no longer shown as current.
const STALE_AFTER: SignedDuration = SignedDuration::from_hours(24 * 400);
/// A medicine ended within this time is still of interest.
const RECENT: SignedDuration = SignedDuration::from_hours(24 * 92);

/// How medicines are set side by side.
pub const MANNER: Manner = Manner {
    part: |standing| match standing {
        Standing::Current => (CURRENT, None, false),
        Standing::Doubtful => (UNCONFIRMED, Some(UNCONFIRMED_NOTE), false),
        Standing::Once => (
            "Only given, dispensed or named",
            Some("No source has these on a list: a dose was given, a supply handed over, or a medicine only named."),
            true,
        ),
        Standing::Withdrawn => ("Withdrawn by their source (entered in error)", None, true),
        Standing::Ended | Standing::RuledOut | Standing::NoneKnown => ("No longer current at any source", None, true),
    },
    ended: "Stopped in one source, current in another",
    only: true,
    onset: false,
    stale: true,
};

const UNCONFIRMED_NOTE: &str =
    "The source never closed these entries, and has said nothing of them for more than a year. They may have stopped.";

/// Current, not confirmed, recently ended, ended, given.
pub fn medicines(items: &[ParsedItem], now: Timestamp) -> Section {
    let (mut current, mut stale, mut recent, mut past, mut given, mut named, mut wrong) =
        (vec![], vec![], vec![], vec![], vec![], vec![], vec![]);
    let entries = entries(items, now);
    for (state, entry) in &entries {
        let bin = match state {
            State::Current => &mut current,
            State::Stale => &mut stale,
            State::Recent => &mut recent,
            State::Past => &mut past,
            State::Once => &mut given,
            State::Named => &mut named,
            State::Withdrawn => &mut wrong,
        };
        bin.push(entry.statement.clone());
    }
    let together = reconcile::together(entries.into_iter().map(|(_, entry)| entry).collect(), &MANNER);
    // An old authorisation of what another entry says is taken now belongs to that line, not among the doubtful.
    let taken: HashSet<ResourceId> = current.iter().map(|statement| statement.origin.id).collect();
    let (mut current, stale): (Vec<Line>, Vec<Line>) = gather(current.into_iter().chain(stale).collect())
        .into_iter()
        .partition(|line| line.statements().any(|statement| taken.contains(&statement.origin.id)));
    for line in &mut current {
        line.lead_with(|statement| taken.contains(&statement.origin.id));
    }
    current.sort_by_key(|line| line.title.to_lowercase());
    mark_differences(&mut current, &together);
    let mut section = Section { conflicts: together.conflicts(), ..Section::default() };
    section.push(CURRENT, None, false, current);
    section.push(UNCONFIRMED, Some(UNCONFIRMED_NOTE), false, stale);
    section.push("Ended in the last three months", None, false, gather(recent));
    section.push("Given and dispensed", None, true, each(given));
    section.push("Past medicines", None, true, gather(past));
    section.push("Named without a prescription or statement", None, true, each(named));
    section.withdrawn = gather(wrong);
    section
}

/// What each source says of each medicine, side by side.
pub fn together(items: &[ParsedItem], now: Timestamp) -> Together {
    reconcile::together(entries(items, now).into_iter().map(|(_, entry)| entry).collect(), &MANNER)
}

/// Every entry about medicines, with how it stands. Each resource gives exactly one; a Medication gives one where nothing
/// points to it, and is else part of what does.
fn entries(items: &[ParsedItem], now: Timestamp) -> Vec<(State, Entry)> {
    let around = Around::of(items);
    let mut entries = Vec::new();
    // Statements before requests: of two entries of one date, what is taken leads and what was authorised follows.
    let ordered = items.iter().filter(|item| item.kind() != ResourceType::MedicationRequest);
    let mut used: HashSet<ResourceId> = HashSet::new();
    for item in ordered.chain(crate::of(items, ResourceType::MedicationRequest)) {
        let listed = match item.kind() {
            ResourceType::MedicationStatement | ResourceType::MedicationRequest => true,
            ResourceType::MedicationDispense | ResourceType::MedicationAdministration => false,
            _ => continue,
        };
        let named = Named::of(&item.resource, &around);
        used.extend(named.medication.map(|medication| medication.id));
        let state = match () {
            () if withdrawn(item) => State::Withdrawn,
            () if listed => state(item, now),
            () => State::Once,
        };
        let statement = if listed { statement(item, &named, &around) } else { event(item, &named) };
        entries.push((state, entry(item, statement, &named, state)));
    }
    behind(items, &mut entries);
    for item in crate::of(items, ResourceType::Medication).filter(|item| !used.contains(&item.id)) {
        let named = Named { concept: concept(&item.resource, "code"), ..Named::default() };
        let state = if withdrawn(item) { State::Withdrawn } else { State::Named };
        let statement = Statement::new(item, named.concept.clone(), "Medicine not named");
        entries.push((state, entry(item, statement, &named, state)));
    }
    entries
}

/// Mark the requests that a current statement of their source says it is based on, where both say the same: they are what
/// the statement rests on, and as current as it is.
fn behind(items: &[ParsedItem], entries: &mut [(State, Entry)]) {
    let mut bases: HashMap<ResourceId, ResourceId> = HashMap::new();
    for item in crate::of(items, ResourceType::MedicationStatement) {
        let base =
            item.resource.str_at("/basedOn/0/reference").and_then(|named| named.strip_prefix("MedicationRequest/"));
        if let Some(base) = base.and_then(|id| id.parse().ok()) {
            bases.insert(base, item.id);
        }
    }
    if bases.is_empty() {
        return;
    }
    let taken: HashMap<ResourceId, Entry> = entries
        .iter()
        .filter(|(state, entry)| {
            *state == State::Current && entry.statement.origin.kind != ResourceType::MedicationRequest
        })
        .map(|(_, entry)| (entry.statement.origin.id, entry.clone()))
        .collect();
    for (_, entry) in entries.iter_mut().filter(|(state, _)| matches!(state, State::Current | State::Stale)) {
        let Some(rests) = bases.get(&entry.statement.origin.id).and_then(|id| taken.get(id)) else { continue };
        let compared = entry.facets.iter().filter(|facet| facet.aspect != Aspect::Status);
        let agrees = compared.into_iter().all(|facet| {
            rests.facets.iter().filter(|other| other.aspect == facet.aspect).all(|other| other.agrees(facet))
        });
        if rests.source() == entry.source() && agrees {
            entry.behind = true;
            entry.standing = Standing::Current;
            entry.status = "Authorised".into();
        }
    }
}

/// A statement with what it is compared in.
fn entry(item: &ParsedItem, statement: Statement, named: &Named<'_>, state: State) -> Entry {
    let resource = &item.resource;
    let standing = match state {
        State::Current => Standing::Current,
        State::Stale => Standing::Doubtful,
        State::Recent | State::Past => Standing::Ended,
        State::Once | State::Named => Standing::Once,
        State::Withdrawn => Standing::Withdrawn,
    };
    let parts = product(&statement.title);
    let mut entry = Entry::new(statement, standing, status(item, state), false);
    named.keys(&parts.name, &mut entry.keys);
    entry.name.clone_from(&parts.name);
    if standing == Standing::Current {
        let held = matches!(item.status(), "on-hold" | "intended" | "draft");
        entry.facet(Aspect::Status, Some(if held { entry.status.clone() } else { "Current".to_owned() }));
    }
    entry.facet_as(Aspect::Strength, parts.strength, parts.amount);
    entry.facet_as(Aspect::Form, parts.form, parts.shape);
    let listed = matches!(item.kind(), ResourceType::MedicationStatement | ResourceType::MedicationRequest);
    if listed {
        let request = item.kind() == ResourceType::MedicationRequest;
        let doses = resource.list(if request { "dosageInstruction" } else { "dosage" });
        let said = dosage(doses);
        let same: Vec<String> =
            measured(doses).into_iter().chain(said.as_deref().map(crate::text::comparable)).collect();
        entry.facet_as(Aspect::Dose, said, same);
        let routes: Vec<String> =
            doses.iter().filter_map(|dose| dose.get("route").and_then(Concept::of)).map(|route| route.text).collect();
        entry.facet(Aspect::Route, Some(routes.join(", ")));
        entry.start = crate::text::when(
            resource,
            &["/effectivePeriod/start", "/effectiveDateTime", "/dispenseRequest/validityPeriod/start", "/authoredOn"],
        );
        entry.end = end(resource);
        entry.said = last_word(item);
        let acute = concept(resource, "courseOfTherapyType").is_some_and(|course| course.has("acute"));
        entry.course = acute || !request || bounds(doses, None).is_some();
        // An order that was carried out, or whose time to be supplied is over, does not say that the medicine stopped.
        entry.stops = !request || matches!(item.status(), "stopped" | "cancelled") || acute;
    }
    entry
}

/// How an entry stands, in words.
fn status(item: &ParsedItem, state: State) -> &'static str {
    match (state, item.kind(), item.status()) {
        (State::Withdrawn, ..) => "Withdrawn: entered in error",
        (State::Named, ..) => "Only named",
        (State::Once, _, "not-done" | "declined") => "Not given",
        (State::Once, ResourceType::MedicationDispense, _) => "Dispensed",
        (State::Once, ..) => "Given",
        (_, _, "stopped") => "Stopped",
        (_, _, "cancelled") => "Cancelled",
        (_, _, "not-taken") => "Not taken",
        (State::Stale, ..) => "Not confirmed for over a year",
        (State::Recent | State::Past, _, "completed") => "Completed",
        (State::Recent | State::Past, ResourceType::MedicationRequest, "active") => "Past its end date",
        (State::Recent | State::Past, ..) => "Ended",
        (State::Current, _, "on-hold") => "On hold",
        (State::Current, _, "intended" | "draft") => "Planned",
        (State::Current, _, "unknown") => "Status unknown to the source",
        (State::Current, _, "") => "Status not given",
        (State::Current, ..) => "Current",
    }
}

/// What entries point to.
struct Around<'a> {
    found: HashMap<(ResourceType, ResourceId), &'a ParsedItem>,
}

impl<'a> Around<'a> {
    fn of(items: &'a [ParsedItem]) -> Self {
        let pointed = items
            .iter()
            .filter(|item| matches!(item.kind(), ResourceType::Medication | ResourceType::MedicationRequest));
        Around { found: pointed.map(|item| ((item.kind(), item.id), item)).collect() }
    }

    fn find(&self, reference: &str) -> Option<&'a ParsedItem> {
        let (kind, id) = reference.split_once('/')?;
        let id = id.split('/').next()?;
        self.found.get(&(kind.parse().ok()?, id.parse().ok()?)).copied()
    }
}

/// What a medicine is called, and by what it is known.
#[derive(Default)]
struct Named<'a> {
    /// Its words and codes.
    concept: Option<Concept>,
    /// The CodeableConcept they come from.
    value: Option<&'a Value>,
    /// What is in it, where the source says.
    ingredients: &'a [Value],
    /// The Medication of this record that it is named by.
    medication: Option<&'a ParsedItem>,
}

impl<'a> Named<'a> {
    /// The medicine's name: inline, contained, or the Medication resource it points to in this record.
    fn of(resource: &'a Resource, around: &Around<'a>) -> Named<'a> {
        let pointer = resource.get("medicationReference");
        let named = pointer.and_then(|pointer| pointer.get("reference")).and_then(Value::as_str);
        let medication = named.and_then(|named| around.find(named));
        if let Some(inline) = resource.get("medicationCodeableConcept")
            && let Some(concept) = Concept::of(inline)
        {
            return Named { concept: Some(concept), value: Some(inline), ingredients: &[], medication };
        }
        let contained = named.and_then(|named| named.strip_prefix('#')).and_then(|wanted| {
            let found = resource.list("contained").iter().find(|inner| text(inner, "id") == Some(wanted))?;
            Some((found.get("code"), list(found, "ingredient")))
        });
        let outside = || medication.map(|found| (found.resource.get("code"), found.resource.list("ingredient")));
        let (value, ingredients) = contained.or_else(outside).unwrap_or((None, &[]));
        let display = || pointer.and_then(reference).map(|text| Concept { text, codes: Vec::new() });
        Named { concept: value.and_then(Concept::of).or_else(display), value, ingredients, medication }
    }

    /// What it is known by: its codes, what its names say before strength and form, and its ingredient when it has only one
    /// (a combination is not its parts).
    fn keys(&self, name: &str, keys: &mut Vec<Key>) {
        if self.concept.is_none() {
            return;
        }
        keys.extend(Key::of_words(name));
        keys.extend(self.value.into_iter().flat_map(displays).filter_map(|shown| Key::of_words(&product(&shown).name)));
        if let [one] = self.ingredients
            && let Some(item) = one.get("itemCodeableConcept")
            && let Some(concept) = Concept::of(item)
        {
            keys.extend(concept.codes.iter().filter_map(Key::of_code));
            keys.extend(Key::of_words(&product(&concept.text).name));
        }
        keys.sort();
        keys.dedup();
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Current,
    Stale,
    Recent,
    Past,
    Once,
    Named,
    Withdrawn,
}

fn state(item: &ParsedItem, now: Timestamp) -> State {
    let resource = &item.resource;
    let ended = end(resource);
    let open = matches!(item.status(), "active" | "on-hold" | "intended" | "unknown" | "draft" | "");
    if let Some(end) = &ended
        && end.until() <= now
    {
        return if end.until() > now - RECENT { State::Recent } else { State::Past };
    }
    if !open {
        let last = ended.or_else(|| last_word(item)).map_or(item.recorded, |last| last.at);
        return if last > now - RECENT { State::Recent } else { State::Past };
    }
    if ended.is_some() {
        return State::Current;
    }
    match last_word(item) {
        Some(last) if last.at < now - STALE_AFTER => State::Stale,
        None if item.recorded < now - STALE_AFTER => State::Stale,
        _ => State::Current,
    }
}

/// When it is to end, or ended.
fn end(resource: &Resource) -> Option<When> {
    let request = resource.kind() == ResourceType::MedicationRequest;
    let doses = resource.list(if request { "dosageInstruction" } else { "dosage" });
    let begun = crate::text::when(resource, &["/effectivePeriod/start", "/effectiveDateTime", "/authoredOn"]);
    crate::text::when(resource, &["/effectivePeriod/end"])
        .or_else(|| bounds(doses, begun.as_ref()))
        .or_else(|| crate::text::when(resource, &["/dispenseRequest/validityPeriod/end"]))
}

/// When the last of its doses is to be taken, where each has an end: by a date, or by so many days or weeks.
fn bounds(doses: &[Value], begun: Option<&When>) -> Option<When> {
    let mut last: Option<When> = None;
    for dose in doses {
        let repeat = dose.get("timing")?.get("repeat")?;
        let by_date = repeat.get("boundsPeriod").and_then(|period| text(period, "end")).and_then(When::parse);
        let by_length = || {
            let length = repeat.get("boundsDuration")?;
            let count = length.get("value")?.as_i64()?;
            let days = match text(length, "code").or_else(|| text(length, "unit"))? {
                "d" | "day" | "days" => count,
                "wk" | "week" | "weeks" => count.checked_mul(7)?,
                _ => return None,
            };
            // Seven days from Monday end on Sunday.
            let end = begun?.date.checked_add(Span::new().try_days(days.checked_sub(1)?).ok()?).ok()?;
            When::parse(&end.to_string())
        };
        let end = by_date.or_else(by_length)?;
        if last.as_ref().is_none_or(|known| end.at > known.at) {
            last = Some(end);
        }
    }
    last
}

/// The last time its source said that it is so: assertion, last issue, authorship.
fn last_word(item: &ParsedItem) -> Option<When> {
    let resource = &item.resource;
    let issued =
        resource.list("extension").iter().find(|e| text(e, "url").is_some_and(|url| url.contains("LastIssueDate")));
    let issued = issued.and_then(|e| text(e, "valueDateTime").or_else(|| text(e, "valueDate"))).and_then(When::parse);
    let asserted =
        crate::text::when(resource, &["/dateAsserted", "/authoredOn", "/effectiveDateTime", "/effectivePeriod/start"]);
    issued.into_iter().chain(asserted).max_by_key(|when| when.at)
}

fn statement(item: &ParsedItem, named: &Named<'_>, around: &Around<'_>) -> Statement {
    let resource = &item.resource;
    let mut statement = Statement::new(item, named.concept.clone(), "Medicine not named");
    let request = item.kind() == ResourceType::MedicationRequest;
    let doses = resource.list(if request { "dosageInstruction" } else { "dosage" });
    statement.fact("Dose", dosage(doses));
    let ordered = resource.str_at("/basedOn/0/reference").and_then(|named| around.find(named));
    let reason = joined(concepts(resource, "reasonCode"));
    statement.fact("For", reason.or_else(|| joined(concepts(&ordered?.resource, "reasonCode"))));
    statement.fact("Amount", resource.at("/dispenseRequest/quantity").and_then(quantity));
    statement.fact("Ends", end(resource).map(|end| end.day_text()));
    statement.fact(
        "Reason for status",
        resource.get("statusReason").and_then(|reason| match reason {
            Value::Array(reasons) => joined(reasons.iter().filter_map(Concept::of).collect()),
            one => Concept::of(one).map(|concept| concept.text),
        }),
    );
    statement.fact("Note", Some(notes(resource).join(" ")));
    match item.status() {
        "on-hold" => statement.mark("On hold", Tone::Caution),
        "intended" | "draft" => statement.mark("Planned", Tone::Plain),
        "stopped" => statement.mark("Stopped", Tone::Plain),
        "cancelled" => statement.mark("Cancelled", Tone::Plain),
        "not-taken" => statement.mark("Not taken", Tone::Caution),
        _ => &mut statement,
    };
    if request && resource.str_at("/intent") == Some("proposal") {
        statement.mark("Proposed", Tone::Plain);
    }
    if request {
        let authorised = resource.str_at("/intent") == Some("plan");
        let label = if authorised { "Authorised" } else { "Prescribed" };
        statement.dated(label, crate::text::when(resource, &["/authoredOn"]));
        statement.by = resource.get("requester").and_then(reference);
    } else {
        let since = crate::text::when(resource, &["/effectivePeriod/start", "/effectiveDateTime"]);
        let asserted = crate::text::when(resource, &["/dateAsserted"]);
        statement.dated(if since.is_some() { "Since" } else { "Stated" }, since.or(asserted));
        let prescriber = ordered.and_then(|request| request.resource.get("requester").and_then(reference));
        statement.by = resource.get("informationSource").and_then(reference).or(prescriber);
    }
    statement
}

fn event(item: &ParsedItem, named: &Named<'_>) -> Statement {
    let resource = &item.resource;
    let mut statement = Statement::new(item, named.concept.clone(), "Medicine not named");
    if item.kind() == ResourceType::MedicationDispense {
        statement.fact("Dose", dosage(resource.list("dosageInstruction")));
        statement.fact("Amount", resource.get("quantity").and_then(quantity));
        statement.dated("Dispensed", crate::text::when(resource, &["/whenHandedOver", "/whenPrepared"]));
    } else {
        let dose = resource.at("/dosage/dose").and_then(quantity);
        statement.fact("Dose", resource.str_at("/dosage/text").map(str::to_owned).or(dose));
        statement.fact("Route", resource.at("/dosage/route").and_then(Concept::of).map(|route| route.text));
        statement.dated("Given", crate::text::when(resource, &["/effectiveDateTime", "/effectivePeriod/start"]));
        if item.status() == "not-done" {
            statement.mark("Not given", Tone::Caution);
        }
    }
    statement
}

/// A dose that is wholly in numbers (so much, so often), in the form it is compared in: two sources that word it differently
/// but measure the same do not differ. None where any of it is only in words.
fn measured(doses: &[Value]) -> Option<String> {
    let mut parts = Vec::new();
    for dose in doses {
        let much = list(dose, "doseAndRate").first()?.get("doseQuantity").and_then(quantity)?;
        let repeat = dose.get("timing")?.get("repeat")?;
        let often = format!(
            "{} per {} {}",
            repeat.get("frequency").and_then(number)?,
            repeat.get("period").and_then(number)?,
            text(repeat, "periodUnit")?
        );
        let needed = dose.get("asNeededBoolean").and_then(Value::as_bool) == Some(true)
            || dose.get("asNeededCodeableConcept").is_some();
        parts.push(format!("{}; {often}{}", crate::text::comparable(&much), if needed { "; as needed" } else { "" }));
    }
    if parts.is_empty() { None } else { Some(parts.join(" then ")) }
}

/// Dosage in the source's words; when there are none, from its parts.
fn dosage(doses: &[Value]) -> Option<String> {
    let lines: Vec<String> = doses.iter().filter_map(one_dose).collect();
    if lines.is_empty() { None } else { Some(lines.join("; then ")) }
}

fn one_dose(dose: &Value) -> Option<String> {
    let extra = list(dose, "additionalInstruction").iter().filter_map(Concept::of).map(|concept| concept.text);
    let mut parts: Vec<String> = Vec::new();
    match text(dose, "text") {
        Some(words) => parts.push(words.to_owned()),
        None => {
            let rate = list(dose, "doseAndRate").first();
            parts.extend(rate.and_then(|rate| rate.get("doseQuantity")).and_then(quantity));
            parts.extend(dose.get("route").and_then(Concept::of).map(|route| route.text));
            parts.extend(dose.get("timing").and_then(timing));
            if let Some(needed) = dose.get("asNeededCodeableConcept").and_then(Concept::of) {
                parts.push(format!("as needed for {}", needed.text));
            } else if dose.get("asNeededBoolean").and_then(Value::as_bool) == Some(true) {
                parts.push("as needed".into());
            }
        }
    }
    parts.extend(extra);
    parts.extend(text(dose, "patientInstruction").map(str::to_owned));
    parts.dedup();
    if parts.is_empty() { None } else { Some(parts.join(", ")) }
}

fn timing(timing: &Value) -> Option<String> {
    if let Some(code) = timing.get("code").and_then(Concept::of) {
        return Some(code.text);
    }
    let repeat = timing.get("repeat")?;
    let times = repeat.get("frequency").and_then(number)?;
    let period = repeat.get("period").and_then(number).unwrap_or_else(|| "1".into());
    let unit = match text(repeat, "periodUnit") {
        Some("s") => "second",
        Some("min") => "minute",
        Some("h") => "hour",
        Some("d") => "day",
        Some("wk") => "week",
        Some("mo") => "month",
        Some("a") => "year",
        _ => return None,
    };
    let times = match times.as_str() {
        "1" => "once".to_owned(),
        "2" => "twice".to_owned(),
        n => format!("{n} times"),
    };
    let is_one = period.parse::<f64>().is_ok_and(|period| (period - 1.0).abs() < f64::EPSILON);
    Some(if is_one { format!("{times} a {unit}") } else { format!("{times} every {period} {unit}s") })
}

/// What a current medicine's line says in one breath on the summary.
pub fn short(line: &Line) -> String {
    line.first.facts.iter().find(|fact| fact.label == "Dose").map(|fact| fact.text.clone()).unwrap_or_default()
}
