//! A small world for the tests: a source, its messages, and the resources that come of them.

use fhir::{Content, PatientKey, Region, Resource, ResourceId, ResourceType, Value};
use jiff::Timestamp;
use mapping::{Change, ChangeSet, Profile, Severity, fold_text, map_hl7v2};
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

    pub fn send_all<const N: usize>(&mut self, messages: [&String; N]) {
        for message in messages {
            self.send(message);
        }
    }

    pub fn apply(&mut self, set: &ChangeSet) {
        for change in &set.changes {
            match change {
                Change::Fold { id, facts } => {
                    let current = self.rows.get(id);
                    let content = current.map(|(resource, _)| Content::of(resource));
                    let known = content.as_ref().map(Content::json).zip(current.map(|(_, state)| state.as_slice()));
                    let kind = content.as_ref().map(Content::kind).or(facts.what.kind()).unwrap();
                    let folded = fold_text(known, facts);
                    let mut resource = Content::new(kind, folded.json).resource(*id);
                    // Tests give ids of their own, or none.
                    resource.set("id", current.and_then(|(r, _)| r.id()).map_or(Value::Null, Value::from));
                    self.rows.insert(*id, (resource, folded.state));
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

/// A whole element as JSON text.
pub fn json(resource: &Resource, pointer: &str) -> String {
    resource.at(pointer).map_or_else(|| panic!("nothing at {pointer} of {}", resource.to_json()), ToString::to_string)
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

/// The names of a shared folder's files that end so, sorted.
pub fn shared_files(folder: &str, end: &str) -> Vec<String> {
    let root = std::env::var_os("SKEIN_SHARED_DATA").map(PathBuf::from);
    let root = root.unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")));
    let list = std::fs::read_dir(root.join(folder)).unwrap_or_else(|e| {
        panic!("{folder}: {e}. The tests read real input: set SKEIN_SHARED_DATA to the folder that holds it")
    });
    let names = list.map(|f| f.unwrap().file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|n| n.ends_with(end)).map(|n| format!("{folder}/{n}")).collect();
    names.sort();
    assert!(!names.is_empty(), "{folder} has no {end}");
    names
}

/// Message texts, short. Times as `20250301120000`.
pub fn msh(kind: &str, at: &str) -> String {
    format!("MSH|^~\\&|PAS|RXX|SKEIN|SKEIN|{at}||{kind}|{kind}-{at}|P|2.4\n")
}

/// An ADT message: trigger, when, PID (from field 3 on), and the rest.
pub fn adt(trigger: &str, at: &str, pid: &str, rest: &str) -> String {
    format!("{}EVN||{at}\nPID|1||{pid}\n{rest}", msh(&format!("ADT^{trigger}"), at))
}

/// JOAN BAXTER, local number 1001 of RXX.
pub const JOAN: &str = "1001^^^RXX^MR~9434765919^^^NHS^NH||BAXTER^JOAN^^^MRS||19520314|2";

/// A PV1 of visit V1: class, place, and the rest by (field, value).
pub fn pv1(class: &str, place: &str, more: &[(usize, &str)]) -> String {
    let mut fields = vec![String::new(); 53];
    fields[0] = "PV1".into();
    fields[1] = "1".into();
    fields[2] = class.into();
    fields[3] = place.into();
    fields[19] = "V1^^^RXX".into();
    for (n, value) in more {
        fields[*n] = (*value).into();
    }
    fields.join("|").trim_end_matches('|').to_owned()
}
