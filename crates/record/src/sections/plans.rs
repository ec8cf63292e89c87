//! Care and support plans, About me, legal decisions: what someone must find first at three in the morning. A plan that
//! is ended, replaced or withdrawn never looks current (hazard: old plan acted on).

use super::{
    Mark, Tone,
    documents::{self, Letter},
    replaced::{self, Replaced, Replacements},
    withdrawn,
};
use crate::{
    item::{Origin, ParsedItem, find, of},
    text::{self, Concept, concept, concepts, list, narrative, notes, reference, references, words},
    when::When,
};
use fhir::{Resource, ResourceType, Value};
use jiff::Timestamp;
use std::cmp::Reverse;

/// SNOMED CT codes of the plans used nationally, with what they are called on screen; the urgent ones first.
pub const NATIONAL: [(&str, &str); 10] = [
    ("1382601000000107", "ReSPECT form"),
    ("735324008", "Treatment escalation plan"),
    ("887701000000100", "Emergency healthcare plan"),
    ("736253002", "Mental health crisis plan"),
    ("861421000000109", "End of life coordination summary"),
    ("736373009", "End of life care plan"),
    ("736366004", "Advance care plan"),
    ("325691000000100", "Contingency plan"),
    ("2181441000000107", "Personalised care and support plan"),
    ("1363501000000100", "NEWS2 chart"),
];

/// Whether a plan may be acted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// In force now.
    Current,
    /// Not yet in force: draft or to come.
    Draft,
    /// Its end has passed, or its status says it is over.
    Over,
    /// Another plan stands in its place.
    Superseded,
    /// Its source withdrew it.
    Withdrawn,
}

/// A part of a plan: a heading and what stands under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// `Goals`, `Actions`, or a heading of the plan's own.
    pub heading: String,
    /// Its lines.
    pub lines: Vec<String>,
}

/// One plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Its name.
    pub title: String,
    /// What says across the whole of it that it is not current: by what it was superseded, who took it back.
    pub stamp: Option<String>,
    /// The codes of its type.
    pub codes: Vec<String>,
    /// The canonical address of the form it was written with.
    pub form: Option<String>,
    /// The resources it is made of: of a plan written here, its answers too.
    pub made_of: Vec<(ResourceType, fhir::ResourceId, u32)>,
    /// Whether it is one of the national kinds that matter in an emergency; lower is more urgent.
    pub urgency: usize,
    /// Whether it may be acted on.
    pub standing: Standing,
    /// Words beside the title.
    pub marks: Vec<Mark>,
    /// `from 01-Jan-2026`.
    pub period: Option<String>,
    /// When it was written or last stated.
    pub when: Option<When>,
    /// When it is to be looked at again, and whether that day has passed.
    pub review: Option<(String, bool)>,
    /// Who wrote it.
    pub author: Option<String>,
    /// One paragraph on what it is.
    pub description: Option<String>,
    /// Its content.
    pub parts: Vec<Part>,
    /// Whether it is in the person's own words.
    pub own_words: bool,
    /// Where it came from.
    pub origin: Origin,
}

/// The plans page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plans {
    /// In force, the urgent ones first.
    pub current: Vec<Plan>,
    /// What the person says of themselves.
    pub about_me: Vec<Plan>,
    /// Legal: advance decisions, powers of attorney, consents.
    pub legal: Vec<Plan>,
    /// Plans that arrived as documents and are in force.
    pub documents: Vec<Letter>,
    /// Not in force any more or not yet.
    pub others: Vec<Plan>,
}

impl Plans {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.current.is_empty()
            && self.about_me.is_empty()
            && self.legal.is_empty()
            && self.documents.is_empty()
            && self.others.is_empty()
    }
}

/// The plans page.
pub fn plans(items: &[ParsedItem], now: Timestamp) -> Plans {
    let replaced = replaced::replacements(items);
    let mut all = Plans::default();
    let mut answers: Vec<fhir::ResourceId> = Vec::new();
    for item in of(items, ResourceType::CarePlan) {
        let plan = care_plan(item, items, &replaced, now);
        let of_plan = plan.made_of.iter().filter(|(kind, ..)| *kind == ResourceType::QuestionnaireResponse);
        answers.extend(of_plan.map(|(_, id, _)| *id));
        if plan.standing == Standing::Current { all.current.push(plan) } else { all.others.push(plan) }
    }
    for item in items
        .iter()
        .filter(|item| matches!(item.kind(), ResourceType::Composition | ResourceType::QuestionnaireResponse))
        // What a plan was answered with is shown as the plan, with its standing.
        .filter(|item| item.kind() == ResourceType::Composition || !answers.contains(&item.id))
    {
        let plan = written(item, items, &replaced, now);
        match plan.standing {
            Standing::Current if plan.own_words => all.about_me.push(plan),
            Standing::Current => all.current.push(plan),
            _ => all.others.push(plan),
        }
    }
    for item in of(items, ResourceType::Consent) {
        let plan = consent(item, now);
        if plan.standing == Standing::Current { all.legal.push(plan) } else { all.others.push(plan) }
    }
    let national: Vec<&str> = NATIONAL.iter().map(|(code, _)| *code).collect();
    all.documents = documents::letters(items)
        .into_iter()
        .filter(|letter| !letter.superseded && documents::is_one_of(letter, &national))
        .collect();
    supersede_older(&mut all.current, &mut all.others);
    all.current.sort_by_key(|plan| (plan.urgency, Reverse(newest(plan))));
    mark_older(&mut all.current);
    mark_older_words(&mut all.about_me);
    all.about_me.sort_by_key(|plan| Reverse(newest(plan)));
    all.legal.sort_by_key(|plan| Reverse(newest(plan)));
    all.others.sort_by_key(|plan| Reverse(newest(plan)));
    all
}

fn newest(plan: &Plan) -> Timestamp {
    plan.when.as_ref().map_or(plan.origin.recorded, |when| when.at)
}

/// Two plans of one national kind from one source cannot both be in force: the older is marked, and moved away.
fn supersede_older(current: &mut Vec<Plan>, others: &mut Vec<Plan>) {
    current.sort_by_key(|plan| Reverse(newest(plan)));
    let mut seen: Vec<(usize, String)> = Vec::new();
    let mut kept = Vec::new();
    for mut plan in current.drain(..) {
        let key = (plan.urgency, plan.origin.source.id.clone());
        if plan.urgency < NATIONAL.len() && seen.contains(&key) {
            plan.standing = Standing::Superseded;
            plan.marks.push(Mark::new("A newer one exists", Tone::Danger));
            others.push(plan);
        } else {
            seen.push(key);
            kept.push(plan);
        }
    }
    *current = kept;
}

/// Plans of one national kind from several sources: which of them holds cannot be told here, so the older say that there is a
/// newer one. They are in order, newest first.
fn mark_older(current: &mut [Plan]) {
    let mut newest: Vec<(usize, String)> = Vec::new();
    for plan in current.iter_mut().filter(|plan| plan.urgency < NATIONAL.len()) {
        match newest.iter().find(|(urgency, _)| *urgency == plan.urgency) {
            Some((_, newer)) => plan.marks.push(Mark::new(newer.clone(), Tone::Danger)),
            None => newest.push((plan.urgency, newer(plan))),
        }
    }
}

/// The same of what the person says of themselves.
fn mark_older_words(about_me: &mut [Plan]) {
    about_me.sort_by_key(|plan| Reverse(newest(plan)));
    if let Some((first, older)) = about_me.split_first_mut() {
        let newer = newer(first);
        older.iter_mut().for_each(|plan| plan.marks.push(Mark::new(newer.clone(), Tone::Caution)));
    }
}

fn newer(plan: &Plan) -> String {
    let when = plan.when.as_ref().map(|when| format!(" of {}", when.day_text())).unwrap_or_default();
    format!("A newer one exists{when}, from {}", plan.origin.source.name)
}

fn national(codes: &[Concept]) -> Option<(usize, &'static str)> {
    NATIONAL
        .iter()
        .enumerate()
        .find(|(_, (code, _))| codes.iter().any(|concept| concept.has(code)))
        .map(|(rank, (_, name))| (rank, *name))
}

fn blank(item: &ParsedItem, title: String) -> Plan {
    Plan {
        title,
        stamp: None,
        codes: Vec::new(),
        form: None,
        made_of: vec![(item.kind(), item.id, item.version)],
        urgency: NATIONAL.len(),
        standing: Standing::Current,
        marks: Vec::new(),
        period: None,
        when: None,
        review: None,
        author: None,
        description: None,
        parts: Vec::new(),
        own_words: false,
        origin: item.origin(),
    }
}

/// Whether another stands in its place, or its signature was taken back.
fn stamp(plan: &mut Plan, item: &ParsedItem, all: &Replacements) -> bool {
    if let Some(words) = replaced::taken_back(item) {
        (plan.stamp, plan.standing) = (Some(words), Standing::Withdrawn);
        return true;
    }
    match replaced::replaced(item, all) {
        Replaced::No => false,
        Replaced::ChangedSince => {
            plan.marks
                .push(Mark::new("Its source changed it after it was replaced: find out which holds", Tone::Danger));
            false
        }
        Replaced::By(words) => {
            (plan.stamp, plan.standing) = (Some(words), Standing::Superseded);
            true
        }
    }
}

fn mark_standing(plan: &mut Plan) {
    if let Some((day, true)) = &plan.review
        && plan.standing == Standing::Current
    {
        plan.marks.push(Mark::new(format!("Review was due {day}"), Tone::Caution));
    }
    let mark = match plan.standing {
        Standing::Current => return,
        Standing::Draft => Mark::new("Not in force yet", Tone::Caution),
        Standing::Over => Mark::new("Not current", Tone::Danger),
        Standing::Superseded => Mark::new("Replaced: not current", Tone::Danger),
        Standing::Withdrawn if plan.stamp.is_some() => Mark::new("Signature withdrawn: not current", Tone::Danger),
        Standing::Withdrawn => Mark::new("Withdrawn: entered in error", Tone::Danger),
    };
    plan.marks.insert(0, mark);
}

fn care_plan(item: &ParsedItem, items: &[ParsedItem], replaced: &Replacements, now: Timestamp) -> Plan {
    let resource = &item.resource;
    let categories: Vec<Concept> = concepts(resource, "category");
    let national = national(&categories);
    let shown = categories
        .iter()
        .rev()
        .find(|category| !category.has("assess-plan"))
        .map(|category| text::without_tag(&category.text).to_owned());
    let stated = resource.str_at("/title").map(str::to_owned);
    let mut plan = blank(
        item,
        stated.or(national.map(|(_, name)| name.to_owned())).or(shown).unwrap_or_else(|| "Care plan".into()),
    );
    plan.urgency = national.map_or(NATIONAL.len(), |(rank, _)| rank);
    let end = text::when(resource, &["/period/end"]);
    let start = text::when(resource, &["/period/start"]);
    plan.review = review(resource, now);
    plan.codes = codes(&categories);
    plan.standing = if withdrawn(item) {
        Standing::Withdrawn
    } else if stamp(&mut plan, item, replaced) {
        plan.standing
    } else if matches!(item.status(), "completed" | "revoked") || end.is_some_and(|end| end.until() <= now) {
        Standing::Over
    } else if item.status() == "draft" || start.as_ref().is_some_and(|start| start.at > now) {
        Standing::Draft
    } else {
        Standing::Current
    };
    mark_standing(&mut plan);
    if item.status() == "on-hold" {
        plan.marks.push(Mark::new("On hold", Tone::Caution));
    }
    plan.period = resource.get("period").and_then(text::period);
    plan.when = text::when(resource, &["/created"]).or(start);
    plan.author =
        resource.get("author").and_then(reference).or_else(|| references(resource, "contributor").into_iter().next());
    plan.description = resource.str_at("/description").map(str::to_owned);
    let addresses: Vec<String> = resource
        .list("addresses")
        .iter()
        .filter_map(|pointer| {
            reference(pointer).or_else(|| {
                concept(&find(items, text::text(pointer, "reference")?)?.resource, "code").map(|code| code.text)
            })
        })
        .collect();
    part(&mut plan, "For", addresses);
    let goals = resource.list("goal").iter().filter_map(|pointer| goal(resource, items, pointer)).collect();
    part(&mut plan, "Goals", goals);
    part(&mut plan, "Actions", resource.list("activity").iter().filter_map(activity).collect());
    part(&mut plan, "Notes", notes(resource));
    answered(&mut plan, item, items);
    if plan.parts.is_empty() && plan.description.is_none() {
        plan.description = narrative(resource);
    }
    plan
}

fn codes(concepts: &[Concept]) -> Vec<String> {
    concepts.iter().flat_map(|concept| concept.codes.iter().map(|code| code.code.clone())).collect()
}

/// What a plan that was written with a form was answered with.
fn answered(plan: &mut Plan, item: &ParsedItem, items: &[ParsedItem]) {
    let said = item.resource.list("supportingInfo").iter().filter_map(|pointer| text::text(pointer, "reference"));
    for answers in said.filter_map(|named| find(items, named)) {
        if answers.kind() == ResourceType::QuestionnaireResponse && answers.id.patient == item.id.patient {
            plan.made_of.push((answers.kind(), answers.id, answers.version));
            plan.form = forms::canonical(&answers.resource).map(str::to_owned);
            questions(plan, answers.resource.list("item"), 0);
        }
    }
}

/// A review date: R4 has no element for it; UK plans carry it in an extension whose address ends in it.
fn review(resource: &Resource, now: Timestamp) -> Option<(String, bool)> {
    let found = resource
        .list("extension")
        .iter()
        .find(|e| text::text(e, "url").is_some_and(|url| url.to_lowercase().contains("review")))?;
    let when =
        ["valueDate", "valueDateTime"].iter().find_map(|member| text::text(found, member)).and_then(When::parse)?;
    let passed = when.until() <= now;
    Some((when.day_text(), passed))
}

fn part(plan: &mut Plan, heading: &str, lines: Vec<String>) {
    if !lines.is_empty() {
        plan.parts.push(Part { heading: heading.to_owned(), lines });
    }
}

fn goal(plan: &Resource, items: &[ParsedItem], pointer: &Value) -> Option<String> {
    let named = text::text(pointer, "reference");
    let inner = named
        .and_then(|named| named.strip_prefix('#'))
        .and_then(|wanted| plan.list("contained").iter().find(|inner| text::text(inner, "id") == Some(wanted)));
    let of_value = |goal: &Value| goal.get("description").and_then(Concept::of).map(|description| description.text);
    inner
        .and_then(of_value)
        .or_else(|| {
            find(items, named?)
                .and_then(|goal| concept(&goal.resource, "description"))
                .map(|description| description.text)
        })
        .or_else(|| reference(pointer))
}

fn activity(activity: &Value) -> Option<String> {
    let Some(detail) = activity.get("detail") else {
        return activity.get("reference").and_then(reference);
    };
    let what = detail.get("code").and_then(Concept::of).map(|code| text::without_tag(&code.text).to_owned());
    let more = text::text(detail, "description").map(str::to_owned);
    let when = text::text(detail, "scheduledString")
        .map(str::to_owned)
        .or_else(|| detail.get("scheduledPeriod").and_then(text::period));
    let who = list(detail, "performer").iter().filter_map(reference).collect::<Vec<_>>().join(", ");
    let status = text::text(detail, "status")
        .filter(|status| !matches!(*status, "in-progress" | "scheduled" | "unknown" | "not-started"))
        .map(words);
    let mut shown = match (what, more) {
        (Some(what), Some(more)) if what != more => format!("{what}: {more}"),
        (one, other) => one.or(other)?,
    };
    for extra in [when, Some(who).filter(|who| !who.is_empty())].into_iter().flatten() {
        shown.push_str(&format!(", {extra}"));
    }
    if let Some(status) = status {
        shown.push_str(&format!(" ({})", status.to_lowercase()));
    }
    Some(shown)
}

/// A Composition or QuestionnaireResponse: headed sections, or questions and answers.
fn written(item: &ParsedItem, items: &[ParsedItem], replaced: &Replacements, now: Timestamp) -> Plan {
    let resource = &item.resource;
    let kinds: Vec<Concept> = concepts(resource, "type").into_iter().chain(concepts(resource, "category")).collect();
    let national = national(&kinds);
    let named =
        resource.str_at("/title").map(str::to_owned).or_else(|| questionnaire_name(resource.get("_questionnaire")?));
    let title = named
        .or(national.map(|(_, name)| name.to_owned()))
        .or_else(|| kinds.first().map(|kind| text::without_tag(&kind.text).to_owned()));
    let mut plan = blank(item, title.unwrap_or_else(|| "Written statement".into()));
    plan.urgency = national.map_or(NATIONAL.len(), |(rank, _)| rank);
    let authors: Vec<&Value> = match resource.get("author") {
        Some(Value::Array(authors)) => authors.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    };
    let is_person = |author: &Value| {
        text::text(author, "type") == Some("Patient")
            || text::text(author, "reference").is_some_and(|named| named.starts_with("Patient/"))
    };
    let by_person = authors.iter().chain(&resource.get("source")).any(|author| is_person(author));
    let ours = resource.list("extension").iter().any(|one| text::text(one, "url") == Some(forms::OWN_WORDS));
    plan.own_words = by_person || ours || text::fold(&plan.title).contains("about me");
    plan.codes = codes(&kinds);
    plan.form = forms::canonical(resource).map(str::to_owned);
    plan.author = match authors.iter().find(|author| !is_person(author)).and_then(|author| reference(author)) {
        // Somebody at work wrote down what the person said.
        Some(other) if by_person => Some(format!("{other}, who wrote down the person’s words")),
        Some(other) => Some(other),
        None if by_person => Some("The person themselves".into()),
        None => None,
    };
    plan.review = review(resource, now);
    plan.when = text::when(resource, &["/date", "/authored"]);
    plan.standing = if withdrawn(item) {
        Standing::Withdrawn
    } else if stamp(&mut plan, item, replaced) {
        plan.standing
    } else if matches!(item.status(), "in-progress" | "preliminary") {
        Standing::Draft
    } else if item.status() == "stopped" {
        Standing::Over
    } else {
        Standing::Current
    };
    mark_standing(&mut plan);
    sections(&mut plan, resource.list("section"), items, 0);
    questions(&mut plan, resource.list("item"), 0);
    if plan.parts.is_empty() {
        plan.description = narrative(resource);
    }
    plan
}

/// What a response calls its form: by the extension `display`, or as others write it.
fn questionnaire_name(named: &Value) -> Option<String> {
    let extended = list(named, "extension").iter();
    let shown = extended.filter(|one| text::text(one, "url").is_some_and(|url| url.ends_with("/display")));
    let shown = shown.filter_map(|one| text::text(one, "valueString")).next();
    shown.or(text::text(named, "display")).map(str::to_owned)
}

/// Sections and questions nest no deeper than this on screen.
const NESTING_MAX: usize = 4;

fn sections(plan: &mut Plan, all: &[Value], items: &[ParsedItem], depth: usize) {
    for section in all {
        let mut inner = Resource::new(ResourceType::Basic);
        inner.set("text", section.get("text").cloned().unwrap_or(Value::Null));
        let mut lines: Vec<String> = narrative(&inner).into_iter().collect();
        lines.extend(list(section, "entry").iter().filter_map(|entry| {
            let item = find(items, text::text(entry, "reference")?)?;
            concept(&item.resource, "code").map(|code| code.text)
        }));
        part(plan, text::text(section, "title").unwrap_or("Section"), lines);
        if depth < NESTING_MAX {
            sections(plan, list(section, "section"), items, depth + 1);
        }
    }
}

fn questions(plan: &mut Plan, all: &[Value], depth: usize) {
    for question in all {
        let heading = text::text(question, "text").or_else(|| text::text(question, "linkId")).unwrap_or("Question");
        part(plan, heading, list(question, "answer").iter().filter_map(answer).collect());
        if depth < NESTING_MAX {
            questions(plan, list(question, "item"), depth + 1);
        }
    }
}

fn answer(answer: &Value) -> Option<String> {
    let (name, value) = answer.as_object()?.iter().find(|(name, _)| name.starts_with("value"))?;
    match name.as_str() {
        "valueBoolean" => value.as_bool().map(|yes| if yes { "Yes".into() } else { "No".into() }),
        "valueCoding" => Concept::of_coding(value).map(|concept| concept.text),
        "valueQuantity" => text::quantity(value),
        "valueDate" | "valueDateTime" => {
            value.as_str().map(|raw| When::parse(raw).map_or_else(|| raw.to_owned(), |when| when.text))
        }
        "valueReference" => reference(value),
        "valueInteger" | "valueDecimal" => text::number(value),
        _ => value.as_str().map(str::to_owned),
    }
}

fn consent(item: &ParsedItem, now: Timestamp) -> Plan {
    let resource = &item.resource;
    let category = concepts(resource, "category")
        .into_iter()
        .map(|category| text::without_tag(&category.text).to_owned())
        .collect::<Vec<_>>();
    let mut plan = blank(item, if category.is_empty() { "Recorded decision".into() } else { category.join(", ") });
    let end = text::when(resource, &["/provision/period/end"]);
    plan.standing = if withdrawn(item) {
        Standing::Withdrawn
    } else if matches!(item.status(), "inactive" | "rejected") || end.is_some_and(|end| end.until() <= now) {
        Standing::Over
    } else if matches!(item.status(), "draft" | "proposed") {
        Standing::Draft
    } else {
        Standing::Current
    };
    mark_standing(&mut plan);
    plan.when = text::when(resource, &["/dateTime"]);
    plan.author = references(resource, "performer")
        .into_iter()
        .next()
        .or_else(|| references(resource, "organization").into_iter().next());
    let provision = resource.get("provision");
    let codes = provision
        .map(|provision| list(provision, "code").iter().filter_map(Concept::of).map(|code| code.text).collect())
        .unwrap_or_default();
    let kind = provision.and_then(|provision| text::text(provision, "type"));
    part(
        &mut plan,
        match kind {
            Some("deny") => "Refuses",
            _ => "Covers",
        },
        codes,
    );
    plan.period = provision.and_then(|provision| provision.get("period")).and_then(text::period);
    plan.description = narrative(resource);
    plan
}
