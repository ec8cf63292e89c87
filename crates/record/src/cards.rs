//! What somebody who opens a person's file elsewhere should know at a glance: in hospital, back from it, a plan. Judged as the
//! pages judge it, so that a card never says another thing than the record it leads to.

use crate::{
    item::{ParsedItem, of},
    sections::{
        plans::{self, NATIONAL},
        visits::{ended, is_stay, place_of, under_way},
    },
    text,
    when::{When, day_of_week, london},
};
use fhir::ResourceType;
use jiff::{SignedDuration, Timestamp};

/// So long it is news that somebody left hospital.
const NEWS: SignedDuration = SignedDuration::from_hours(24 * 7);
/// Plans told at most.
const PLANS_MAX: usize = 3;
/// How many of the national kinds of plan, the urgent ones first, are for an emergency.
const URGENT: usize = 6;

/// One thing to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// In a few words.
    pub words: String,
    /// Who says so; None where that would tell where the person is.
    pub source: Option<String>,
    /// The page with more.
    pub section: crate::sections::SectionKind,
    /// Whether it should be seen before others.
    pub urgent: bool,
}

/// What there is to know, the newest stay first, then plans.
pub fn cards(items: &[ParsedItem], now: Timestamp) -> Vec<Card> {
    let mut stays: Vec<(Timestamp, Card)> =
        of(items, ResourceType::Encounter).filter_map(|item| stay(item, now)).collect();
    stays.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    let here = stays.iter().any(|(_, card)| card.urgent);
    // Who is in hospital now has not left it.
    let mut all: Vec<Card> =
        stays.into_iter().map(|(_, card)| card).filter(|card| card.urgent == here).take(1).collect();
    let plans = plans::plans(items, now).current;
    all.extend(plans.iter().take(PLANS_MAX).map(|plan| Card {
        words: format!("A care plan exists: {}", plan.title),
        source: Some(plan.origin.source.name.clone()),
        section: crate::sections::SectionKind::Plans,
        urgent: plan.urgency < URGENT.min(NATIONAL.len()),
    }));
    all
}

fn stay(item: &ParsedItem, now: Timestamp) -> Option<(Timestamp, Card)> {
    let resource = &item.resource;
    if !is_stay(resource) {
        return None;
    }
    let emergency = resource.str_at("/class/code") == Some("EMER");
    // Of whom it is withheld where they are, the hospital is not told either.
    let source = (!is_redacted(item)).then(|| item.source.name.clone());
    let made = |words: String, urgent| Card {
        words,
        source: source.clone(),
        section: crate::sections::SectionKind::Visits,
        urgent,
    };
    match item.status() {
        "arrived" | "triaged" | "in-progress" | "onleave"
            if ended(resource).is_none_or(|end| end.until() > now) && under_way(item, now) =>
        {
            let since = text::when(resource, &["/period/start"]);
            let mut words = if emergency { "In A&E".to_owned() } else { "In hospital".to_owned() };
            if let Some(since) = &since {
                words.push_str(&format!(" since {}", day(since, now)));
            }
            if let Some(place) = place_of(resource) {
                words.push_str(&format!(", {place}"));
            }
            Some((since.map_or(item.recorded, |since| since.at), made(words, true)))
        }
        "finished" if !emergency => {
            let end = ended(resource)?;
            let recent = end.at <= now && now.duration_since(end.at) <= NEWS;
            recent.then(|| (end.at, made(format!("Left hospital {}", on_day(&end, now)), false)))
        }
        _ => None,
    }
}

fn is_redacted(item: &ParsedItem) -> bool {
    let labels = item.resource.at("/meta/security").and_then(fhir::Value::as_array);
    labels.into_iter().flatten().any(|label| label.get("code").is_some_and(|code| code == "REDACTED"))
}

/// `today`, `yesterday`, `Tuesday 3 March`.
fn day(when: &When, now: Timestamp) -> String {
    let today = london(now).date();
    if when.date == today {
        return "today".into();
    }
    if today.yesterday().is_ok_and(|yesterday| yesterday == when.date) {
        return "yesterday".into();
    }
    day_of_week(when.date, today)
}

fn on_day(when: &When, now: Timestamp) -> String {
    match day(when, now) {
        day if day.contains(' ') => format!("on {day}"),
        day => day,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::{SourceInfo, SourceKind};
    use fhir::{PatientKey, Resource, ResourceId};
    use serde_json::{Value, json};
    use std::sync::Arc;

    fn items(resources: Vec<Value>) -> Vec<ParsedItem> {
        let source = Arc::new(SourceInfo { id: "rxx".into(), name: "Northmoor".into(), kind: SourceKind::Hospital });
        let parse = |(local, value): (usize, Value)| ParsedItem {
            id: ResourceId { patient: PatientKey(1), local: local as u64 + 1 },
            version: 1,
            recorded: "2026-03-03T10:00:00Z".parse().expect("a time"),
            seq: 1,
            message: 1,
            source: Arc::clone(&source),
            resource: Resource::from_value(value).expect("a resource"),
        };
        resources.into_iter().enumerate().map(parse).collect()
    }

    fn visit(class: &str, status: &str, period: Value) -> Value {
        json!({"resourceType": "Encounter", "status": status, "class": {"code": class}, "period": period,
            "location": [{"status": "active", "location": {"display": "Ward 12"}}]})
    }

    fn words(resources: Vec<Value>) -> Vec<String> {
        let now = "2026-03-05T09:00:00Z".parse().expect("a time");
        cards(&items(resources), now).into_iter().map(|one| one.words).collect()
    }

    #[test]
    fn a_stay_is_told_by_its_day_and_ward_and_what_is_over_by_its_end() {
        let here = visit("IMP", "in-progress", json!({"start": "2026-03-03T08:30:00Z"}));
        assert_eq!(words(vec![here.clone()]), ["In hospital since Tuesday 3 March, Ward 12"]);
        let left = visit("IMP", "finished", json!({"start": "2026-03-01T08:30:00Z", "end": "2026-03-04T11:00:00Z"}));
        assert_eq!(words(vec![left.clone()]), ["Left hospital yesterday"]);
        assert_eq!(
            words(vec![left, here]),
            ["In hospital since Tuesday 3 March, Ward 12"],
            "who is there has not left"
        );
        let emergency = visit("EMER", "in-progress", json!({"start": "2026-03-05T08:30:00Z"}));
        assert_eq!(words(vec![emergency]), ["In A&E since today, Ward 12"]);
        let old = visit("IMP", "finished", json!({"start": "2026-01-01T08:30:00Z", "end": "2026-01-04T11:00:00Z"}));
        assert!(words(vec![old, visit("AMB", "in-progress", json!({"start": "2026-03-05"}))]).is_empty());
        assert!(words(vec![visit("IMP", "cancelled", json!({"start": "2026-03-05"}))]).is_empty());
    }

    #[test]
    fn of_whom_it_is_withheld_where_they_are_neither_ward_nor_hospital_is_told() {
        let mut here = visit("IMP", "in-progress", json!({"start": "2026-03-03T08:30:00Z"}));
        here["location"] = json!([]);
        here["meta"] = json!({"security": [{"code": "REDACTED"}]});
        let now = "2026-03-05T09:00:00Z".parse().expect("a time");
        let told = cards(&items(vec![here]), now);
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].words.as_str(), &told[0].source), ("In hospital since Tuesday 3 March", &None));
    }

    #[test]
    fn a_plan_in_force_is_told_by_its_name_and_one_that_is_over_is_not() {
        let plan = |status: &str| {
            json!({"resourceType": "CarePlan", "status": status, "intent": "plan", "title": "ReSPECT form",
                "category": [{"coding": [{"system": "http://snomed.info/sct", "code": "1382601000000107"}]}]})
        };
        assert_eq!(words(vec![plan("active")]), ["A care plan exists: ReSPECT form"]);
        assert!(words(vec![plan("revoked")]).is_empty());
    }
}
