//! A small world for the tests: a source, its messages, and the resources that come of them.

use fhir::{PatientKey, Region, Resource, ResourceId, ResourceType, Value};
use jiff::Timestamp;
use mapping::{Change, ChangeSet, Profile, Severity, fold, map_hl7v2};
use std::{collections::BTreeMap, path::PathBuf};

/// A source's patients and resources, folded as the store would.
#[derive(Clone)]
pub struct World {
    pub region: Region,
    pub profile: Profile,
    pub received: Timestamp,
    pub rows: BTreeMap<ResourceId, (Resource, Vec<u8>)>,
    pub links: Vec<String>,
    pub sets: Vec<ChangeSet>,
}

impl World {
    pub fn new() -> World {
        World::with(Profile::unknown("rxx"))
    }

    pub fn with(profile: Profile) -> World {
        World {
            region: Region::new("test"),
            profile,
            received: "2026-01-01T12:00:00Z".parse().unwrap(),
            rows: BTreeMap::new(),
            links: Vec::new(),
            sets: Vec::new(),
        }
    }

    pub fn toml(toml: &str) -> World {
        World::with(Profile::from_toml(toml).unwrap())
    }

    pub fn map(&self, message: &str) -> ChangeSet {
        let text = message.trim().replace("\r\n", "\r").replace('\n', "\r");
        let parsed = hl7v2::parse(text.as_bytes());
        map_hl7v2(&self.region, &self.profile, &parsed.message.expect("a message"), self.received)
    }

    /// Receive a message and apply what it asks.
    pub fn send(&mut self, message: &str) -> &ChangeSet {
        let set = self.map(message);
        self.apply(&set);
        self.sets.push(set);
        self.sets.last().unwrap()
    }

    pub fn apply(&mut self, set: &ChangeSet) {
        for change in &set.changes {
            match change {
                Change::Fold { id, facts } => {
                    let current = self.rows.get(id);
                    let folded = fold(*id, current.map(|(r, s)| (r, s.as_slice())), facts);
                    self.rows.insert(*id, (folded.resource, folded.state));
                }
                Change::Merge { survivor, loser, .. } => self.links.push(format!("{loser} is {survivor}")),
                Change::Unmerge { survivor, loser, .. } => self.links.push(format!("{loser} is not {survivor}")),
                Change::MoveVisit { encounter, to, .. } => self.links.push(format!("{encounter} to {to}")),
                other => panic!("unexpected {other:?}"),
            }
        }
    }

    pub fn key(&self, local: &str) -> PatientKey {
        self.region.patient(&self.profile.source, local)
    }

    pub fn patient(&self, local: &str) -> &Resource {
        &self.rows.get(&ResourceId::of_patient(self.key(local))).unwrap_or_else(|| panic!("no patient {local}")).0
    }

    pub fn all(&self, kind: ResourceType) -> Vec<&Resource> {
        self.rows.values().map(|(r, _)| r).filter(|r| r.kind() == kind).collect()
    }

    pub fn one(&self, kind: ResourceType) -> &Resource {
        let all = self.all(kind);
        assert_eq!(all.len(), 1, "one {kind} expected: {:#?}", all.iter().map(|r| r.to_json()).collect::<Vec<_>>());
        all[0]
    }

    /// Every resource as JSON, to compare worlds.
    pub fn snapshot(&self) -> BTreeMap<String, String> {
        self.rows.iter().map(|(id, (r, _))| (id.to_string(), r.to_json())).collect()
    }
}

pub fn codes(set: &ChangeSet) -> Vec<(Severity, String)> {
    set.findings.iter().map(|f| (f.severity, f.code.clone())).collect()
}

pub fn text<'r>(resource: &'r Resource, pointer: &str) -> &'r str {
    resource.str_at(pointer).unwrap_or_else(|| panic!("nothing at {pointer} of {}", resource.to_json()))
}

/// The first item of a list whose JSON text contains `what`.
pub fn item<'r>(resource: &'r Resource, list: &str, what: &str) -> &'r Value {
    resource
        .list(list)
        .iter()
        .find(|i| i.to_string().contains(what))
        .unwrap_or_else(|| panic!("no {what} in {list} of {}", resource.to_json()))
}

/// A file of the shared test input.
pub fn shared(path: &str) -> String {
    let root = std::env::var_os("SKEIN_SHARED_DATA").map(PathBuf::from);
    let root = root.unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")));
    let path = root.join(path);
    let bytes = std::fs::read(&path).unwrap_or_else(|e| {
        panic!("{}: {e}. The tests read real input: set SKEIN_SHARED_DATA to the folder that holds it", path.display())
    });
    String::from_utf8_lossy(&bytes).into_owned()
}
