//! Very long records: somebody whose monitor sends a value a minute has a hundred thousand of them. A page reads the newest of
//! each kind and says that there are earlier ones; what is few and must never be missed (allergies, problems, medicines,
//! plans, alerts) is read whole, and of each test its newest values, however long ago.

use super::Item;
use crate::when::When;
use fhir::{ResourceId, ResourceType};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::{
    borrow::Cow,
    cmp::Reverse,
    collections::{HashMap, HashSet, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
};

/// Up to so many entries a source's part of a record is read whole, whatever is asked.
const LONG: usize = 10_000;
/// Values of one test that are read of a longer one.
const VALUES_MAX: usize = 100;
/// Entries of another kind.
const ENTRIES_MAX: usize = 1_000;
/// A report refers to panels, and they to values.
const STEPS: usize = 3;

/// What may be many, and is read from its newest on.
const MANY: [ResourceType; 17] = [
    ResourceType::Observation,
    ResourceType::DiagnosticReport,
    ResourceType::Encounter,
    ResourceType::Procedure,
    ResourceType::DocumentReference,
    ResourceType::Communication,
    ResourceType::MedicationAdministration,
    ResourceType::MedicationDispense,
    ResourceType::ImagingStudy,
    ResourceType::Specimen,
    ResourceType::Media,
    ResourceType::Provenance,
    ResourceType::Claim,
    ResourceType::ClaimResponse,
    ResourceType::ExplanationOfBenefit,
    ResourceType::ServiceRequest,
    ResourceType::Binary,
];

/// Which entries of a very long record are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stretch {
    /// Only what happened before this, of what may be many. None: up to the newest.
    pub before: Option<Timestamp>,
    /// This one in any case, and what it refers to: the page is about it.
    pub with: Option<ResourceId>,
}

/// What of a very long record was not read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unread {
    /// Earlier entries.
    pub earlier: usize,
    /// Later ones, where only what was before a time is wanted.
    pub later: usize,
    /// When the newest of the earlier ones happened: what is asked for next ends after it.
    pub newest: Option<Timestamp>,
}

impl Unread {
    /// Whether everything was read.
    pub fn is_nothing(&self) -> bool {
        self.earlier == 0 && self.later == 0
    }

    fn and(&mut self, other: Unread) {
        self.earlier += other.earlier;
        self.later += other.later;
        self.newest = self.newest.max(other.newest);
    }
}

/// The members that say when something was and what it is of; the rest is skipped, not read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head<'a> {
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    effective_date_time: Option<Cow<'a, str>>,
    #[serde(borrow)]
    effective_instant: Option<Cow<'a, str>>,
    #[serde(borrow)]
    effective_period: Option<Period<'a>>,
    #[serde(borrow)]
    performed_date_time: Option<Cow<'a, str>>,
    #[serde(borrow)]
    performed_period: Option<Period<'a>>,
    #[serde(borrow)]
    period: Option<Period<'a>>,
    #[serde(borrow)]
    billable_period: Option<Period<'a>>,
    #[serde(borrow)]
    date: Option<Cow<'a, str>>,
    #[serde(borrow)]
    started: Option<Cow<'a, str>>,
    #[serde(borrow)]
    sent: Option<Cow<'a, str>>,
    #[serde(borrow)]
    when_handed_over: Option<Cow<'a, str>>,
    #[serde(borrow)]
    authored_on: Option<Cow<'a, str>>,
    #[serde(borrow)]
    issued: Option<Cow<'a, str>>,
    #[serde(borrow)]
    created: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Period<'a> {
    #[serde(borrow)]
    start: Option<Cow<'a, str>>,
}

impl Head<'_> {
    /// When it happened. The order is that of the sections: what happened first, when it was written last.
    fn at(&self) -> Option<Timestamp> {
        let start =
            |period: &Option<Period<'_>>| period.as_ref().and_then(|period| period.start.as_deref().map(str::to_owned));
        let one = |text: &Option<Cow<'_, str>>| text.as_deref().map(str::to_owned);
        [
            one(&self.effective_date_time),
            start(&self.effective_period),
            one(&self.effective_instant),
            one(&self.performed_date_time),
            start(&self.performed_period),
            start(&self.period),
            start(&self.billable_period),
            one(&self.date),
            one(&self.started),
            one(&self.sent),
            one(&self.when_handed_over),
            one(&self.authored_on),
            one(&self.issued),
            one(&self.created),
        ]
        .into_iter()
        .flatten()
        .find_map(|text| When::parse(&text).map(|when| when.at))
    }
}

/// Which entries are of one kind with this one, and when it happened; what cannot be read is of no kind and was when it came.
fn place(item: &Item) -> (u64, Timestamp) {
    let head: Option<Head<'_>> = serde_json::from_slice(&item.json).ok();
    let mut hasher = DefaultHasher::new();
    item.kind.code().hash(&mut hasher);
    if item.kind == ResourceType::Observation {
        // As it is written: a test that is written in two ways is read twice as far, never less.
        head.as_ref().and_then(|head| head.code).map(RawValue::get).hash(&mut hasher);
    }
    (hasher.finish(), head.and_then(|head| head.at()).unwrap_or(item.recorded))
}

/// An entry with what it refers to.
fn referred(items: &[Item], one: ResourceId) -> HashSet<ResourceId> {
    let mut found = HashSet::from([one]);
    let mut ahead = found.clone();
    for _ in 0..STEPS {
        let mut next = HashSet::new();
        for item in items.iter().filter(|item| ahead.contains(&item.id)) {
            let Ok(resource) = item.resource() else { continue };
            let named =
                ["result", "hasMember", "imagingStudy", "specimen"].into_iter().flat_map(|list| resource.list(list));
            let ids = named.filter_map(|reference| {
                reference.get("reference")?.as_str()?.split_once('/')?.1.parse::<ResourceId>().ok()
            });
            next.extend(ids.filter(|id| !found.contains(id)));
        }
        found.extend(&next);
        ahead = next;
    }
    found
}

/// Keep of a source's entries what is wanted; of those of a usual record, all.
pub(super) fn shorten(items: &mut Vec<Item>, stretch: Stretch, unread: &mut Unread) {
    if items.len() <= LONG {
        return;
    }
    let mut kinds: HashMap<u64, Vec<(Timestamp, usize)>> = HashMap::new();
    let mut keep = vec![true; items.len()];
    let mut not = Unread::default();
    let asked = stretch.with.map_or_else(HashSet::new, |with| referred(items, with));
    for (index, item) in items.iter().enumerate() {
        if !MANY.contains(&item.kind) || asked.contains(&item.id) {
            continue;
        }
        let (kind, at) = place(item);
        if stretch.before.is_some_and(|before| at >= before) {
            not.later += 1;
            if let Some(keep) = keep.get_mut(index) {
                *keep = false;
            }
        } else {
            kinds.entry(kind).or_default().push((at, index));
        }
    }
    for mut of_kind in kinds.into_values() {
        let first = of_kind.first().and_then(|(_, index)| items.get(*index));
        let most =
            first.map_or(0, |item| if item.kind == ResourceType::Observation { VALUES_MAX } else { ENTRIES_MAX });
        of_kind.sort_unstable_by_key(|(at, index)| Reverse((*at, *index)));
        for (at, index) in of_kind.into_iter().skip(most) {
            not.earlier += 1;
            not.newest = not.newest.max(Some(at));
            if let Some(keep) = keep.get_mut(index) {
                *keep = false;
            }
        }
    }
    let mut kept = keep.into_iter();
    items.retain(|_| kept.next().unwrap_or(true));
    unread.and(not);
}

#[cfg(test)]
mod tests {
    use super::*;
    use fhir::{PatientKey, ResourceId};

    fn item(local: u64, kind: ResourceType, json: &str) -> Item {
        Item {
            id: ResourceId { patient: PatientKey(1), local },
            kind,
            version: 1,
            recorded: Timestamp::UNIX_EPOCH,
            seq: local,
            message: local,
            source: "s".into(),
            deleted: false,
            json: json.as_bytes().to_vec(),
        }
    }

    /// Values of one test, one a minute; a weight of years before; and an allergy.
    fn long_record(values: u64) -> Vec<Item> {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        let value = |n: u64| {
            let at = start + jiff::SignedDuration::from_mins(n.cast_signed());
            let json = format!(r#"{{"code":{{"text":"Pulse"}},"effectiveDateTime":"{at}","valueInteger":{n}}}"#);
            item(n, ResourceType::Observation, &json)
        };
        let mut items: Vec<Item> = (0..values).map(value).collect();
        let weight = r#"{"code":{"text":"Weight"},"effectiveDateTime":"2009-05-01"}"#;
        items.insert(7, item(900_001, ResourceType::Observation, weight));
        items.push(item(900_002, ResourceType::AllergyIntolerance, r#"{"recordedDate":"1990-01-01"}"#));
        items
    }

    #[test]
    fn a_usual_record_is_read_whole() {
        let mut items = long_record(9_000);
        let mut unread = Unread::default();
        shorten(&mut items, Stretch::default(), &mut unread);
        assert_eq!((items.len(), unread.is_nothing()), (9_002, true));
    }

    #[test]
    fn of_a_very_long_record_the_newest_of_each_test_are_read_and_what_is_few_is_never_missing() {
        let mut items = long_record(20_000);
        let mut unread = Unread::default();
        shorten(&mut items, Stretch::default(), &mut unread);
        assert_eq!(items.len(), VALUES_MAX + 2);
        assert!(items.iter().any(|item| item.id.local == 900_001), "the one weight, however old");
        assert!(items.iter().any(|item| item.kind == ResourceType::AllergyIntolerance));
        assert!(items.iter().any(|item| item.id.local == 19_999), "the newest value");
        assert_eq!(unread.earlier, 20_000 - VALUES_MAX);
    }

    #[test]
    fn what_a_page_is_about_is_read_with_what_it_refers_to() {
        let mut all = long_record(20_000);
        let value = all.get(3).map(|item| item.id).expect("a value");
        let json = format!(
            r#"{{"resourceType":"DiagnosticReport","issued":"2020-01-01T00:00:00Z","result":[{{"reference":"Observation/{value}"}}]}}"#
        );
        all.push(item(900_003, ResourceType::DiagnosticReport, &json));
        let with = all.last().map(|item| item.id);
        shorten(&mut all, Stretch { with, ..Stretch::default() }, &mut Unread::default());
        let ids: Vec<u64> = all.iter().map(|item| item.id.local).collect();
        assert!(ids.contains(&3) && ids.contains(&19_999), "{ids:?}");
        assert_eq!(ids.len(), VALUES_MAX + 4);
    }

    #[test]
    fn stretch_by_stretch_every_entry_is_read_once_at_least() {
        let all = long_record(10_500);
        let mut seen = std::collections::BTreeSet::new();
        let mut stretch = Stretch::default();
        for _ in 0..200 {
            let (mut items, mut unread) = (all.clone(), Unread::default());
            shorten(&mut items, stretch, &mut unread);
            seen.extend(items.iter().map(|item| item.id));
            let Some(newest) = unread.newest else { break };
            // The next ends just after the newest that was not read.
            stretch.before = Some(newest + jiff::SignedDuration::from_secs(1));
        }
        assert_eq!(seen.len(), all.len());
    }
}
