//! What of an opened record its reader sees: each entry is put to the policies by its class, once a class; what is withheld
//! is counted, so that it can be said; what is shown is noted, so that it can be shown again.

use super::{receipt::Pending, situation::Situation};
use crate::{
    Refusal, User, UserKind,
    policy::{Access, Class, LabelSet, Policies},
};
use fhir::{PersonKey, ResourceId, ResourceType};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, RwLock},
};
use store::audit::{Audit, NewAuditEntry};

/// Entries withheld, of one type, from one source, for one reason.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Withheld {
    /// The source they came from.
    pub source: String,
    /// Their type.
    pub kind: String,
    /// Why, in words; empty where no rule says.
    pub because: String,
    /// How many.
    pub count: u32,
}

/// What is written of what was shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// The access it belongs to.
    pub access: String,
    /// How many versions of resources.
    pub items: u32,
    /// Hash over their types, ids and versions, in the order they were read.
    pub versions: String,
    /// The first of them, by type, id and version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub first: Vec<String>,
    /// What was withheld.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<Withheld>,
    /// Hash of what the reader got, where it is a page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// The version of Skein that made it.
    #[serde(default)]
    pub skein: String,
}

/// Versions that are written out one by one; all of them are in the hash.
const FIRST_MAX: usize = 20;

#[derive(Debug, Default)]
struct Noted {
    versions: blake3::Hasher,
    items: u32,
    first: Vec<String>,
    withheld: BTreeMap<(String, ResourceType, String), u32>,
    /// Whether the entry is handed in.
    written: bool,
}

/// Whether an entry is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Look {
    Show,
    Withhold(Arc<str>),
    /// Not shown, and not said.
    Hide,
}

/// What is asked of the policies about an entry.
type Asked = (Class, bool, bool);

/// What of a record its reader sees.
pub struct Sight {
    policies: Arc<Policies>,
    situation: Situation,
    answers: Mutex<HashMap<Asked, Look>>,
    /// Labels that entries take over from what they hang on.
    taken_over: RwLock<HashMap<(ResourceId, ResourceType), LabelSet>>,
    noted: Mutex<Noted>,
    /// Where what was shown is written down; None when it is shown again.
    audit: Option<Audit>,
    access: String,
    person: PersonKey,
    user: Arc<User>,
    at: Timestamp,
}

impl std::fmt::Debug for Sight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sight").field("access", &self.access).finish_non_exhaustive()
    }
}

impl Sight {
    pub(super) fn new(
        policies: Arc<Policies>,
        situation: Situation,
        user: Arc<User>,
        person: PersonKey,
        access: String,
        at: Timestamp,
        audit: Option<Audit>,
    ) -> Self {
        let (answers, noted, taken_over) = Default::default();
        Sight { policies, situation, answers, taken_over, noted, audit, access, person, user, at }
    }

    /// The circumstances of the access.
    pub fn access(&self) -> &Access {
        &self.situation.access
    }

    /// Whether the policies let the reader write something of this name. For menus; the gate asks again.
    pub fn may_write(&self, what: &str) -> bool {
        let Situation { organisation_kind, access, .. } = &self.situation;
        self.policies.write(&self.user, organisation_kind, what, access).allowed
    }

    /// The sources of the reader's own organisation.
    pub fn own_sources(&self) -> &[String] {
        &self.situation.own_sources
    }

    /// Until when the glass stays broken, where it is.
    pub fn glass_until(&self) -> Option<Timestamp> {
        self.situation.glass_until
    }

    /// Whether the reader sees this resource; if not, it is counted as withheld. `source`: where it came from; `named`:
    /// the source as this reader may hear it; `json`: as stored.
    pub fn sees(
        &self,
        id: ResourceId,
        kind: ResourceType,
        version: u32,
        source: &str,
        named: &str,
        json: &[u8],
    ) -> bool {
        match self.look(id, kind, source, json) {
            Look::Show => {
                self.note_shown(id, kind, version);
                true
            }
            Look::Withhold(because) => {
                if let Ok(mut noted) = self.noted.lock() {
                    *noted.withheld.entry((named.to_owned(), kind, because.to_string())).or_default() += 1;
                }
                false
            }
            Look::Hide => false,
        }
    }

    /// Whether the reader would see this resource; nothing is noted.
    pub fn would_see(&self, id: ResourceId, kind: ResourceType, source: &str, json: &[u8]) -> bool {
        self.look(id, kind, source, json) == Look::Show
    }

    /// The labels that an entry carries by itself.
    pub fn labels(&self, kind: ResourceType, json: &[u8]) -> LabelSet {
        self.policies.labels().class(kind, json).labels
    }

    /// An entry hangs on something that carries these labels: from now on it is taken to carry them too.
    pub fn take_over(&self, id: ResourceId, kind: ResourceType, labels: LabelSet) {
        if let Ok(mut taken_over) = self.taken_over.write() {
            let known = taken_over.entry((id, kind)).or_default();
            *known = known.and(labels);
        }
    }

    fn look(&self, id: ResourceId, kind: ResourceType, source: &str, json: &[u8]) -> Look {
        let mut class = self.policies.labels().class(kind, json);
        let Ok(taken_over) = self.taken_over.read() else { return Look::Hide };
        if let Some(labels) = taken_over.get(&(id, kind)) {
            class.labels = class.labels.and(*labels);
        }
        drop(taken_over);
        let patient = id.patient;
        let elsewhere = !self.situation.own_sources.iter().any(|own| own == source);
        let asked = (class, elsewhere, elsewhere && self.situation.objected(patient, class));
        let Ok(mut answers) = self.answers.lock() else { return Look::Hide };
        answers.entry(asked).or_insert_with(|| self.ask(asked)).clone()
    }

    fn ask(&self, (class, elsewhere, objected): Asked) -> Look {
        let Situation { organisation_kind, access, .. } = &self.situation;
        let ruling = self.policies.item(&self.user, organisation_kind, class, elsewhere, objected, access);
        let silent = self.user.kind == UserKind::Person
            && (class.not_for_person || class.third_party || self.policies.labels().silent(class.labels));
        match ruling.because {
            _ if ruling.allowed => Look::Show,
            _ if silent => Look::Hide,
            Some(because) => Look::Withhold(because),
            None => Look::Withhold("not for your role".into()),
        }
    }

    fn note_shown(&self, id: ResourceId, kind: ResourceType, version: u32) {
        let Ok(mut noted) = self.noted.lock() else { return };
        let mut bytes = [0u8; 21];
        for (place, byte) in bytes.iter_mut().zip(
            id.patient
                .0
                .to_le_bytes()
                .into_iter()
                .chain(id.local.to_le_bytes())
                .chain([kind.code()])
                .chain(version.to_le_bytes()),
        ) {
            *place = byte;
        }
        noted.versions.update(&bytes);
        noted.items += 1;
        if noted.first.len() < FIRST_MAX {
            noted.first.push(format!("{kind}/{id}/_history/{version}"));
        }
    }

    /// What was withheld so far.
    pub fn withheld(&self) -> Vec<Withheld> {
        let Ok(noted) = self.noted.lock() else { return Vec::new() };
        let withheld = noted.withheld.iter();
        withheld
            .map(|((source, kind, because), count)| Withheld {
                source: source.clone(),
                kind: kind.to_string(),
                because: because.clone(),
                count: *count,
            })
            .collect()
    }

    /// What was shown so far, as it is written down.
    pub fn so_far(&self, content: Option<[u8; 32]>) -> Option<Shown> {
        let withheld = self.withheld();
        let noted = self.noted.lock().ok()?;
        if noted.items == 0 && withheld.is_empty() && content.is_none() {
            return None;
        }
        Some(Shown {
            access: self.access.clone(),
            items: noted.items,
            versions: noted.versions.finalize().to_hex().to_string(),
            first: noted.first.clone(),
            withheld,
            content: content.map(|hash| blake3::Hash::from_bytes(hash).to_hex().to_string()),
            skein: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }

    /// Write down what was shown. None: there is nothing to write.
    pub(super) fn shown(&self, content: Option<[u8; 32]>) -> Result<Option<Pending>, Refusal> {
        let Some(audit) = &self.audit else { return Ok(None) };
        let Some(shown) = self.so_far(content) else { return Ok(None) };
        {
            let Ok(mut noted) = self.noted.lock() else { return Ok(None) };
            if std::mem::replace(&mut noted.written, true) {
                return Ok(None);
            }
        }
        #[derive(Serialize)]
        struct Entry<'a> {
            action: &'a str,
            #[serde(flatten)]
            shown: Shown,
        }
        let entry = Entry { action: "shown", shown };
        let body = super::entry::json(&entry)?;
        let (person, user) = (Some(self.person), self.user.id.clone());
        Ok(Some(audit.append(NewAuditEntry { at: self.at, person, user, body, ..NewAuditEntry::default() })?))
    }
}

/// What the person objects to sharing, of one patient.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Objected {
    /// Everything its source says.
    pub all: bool,
    /// What carries one of these labels.
    pub labels: u32,
    /// Resources of these types.
    pub kinds: Vec<String>,
}

impl Objected {
    pub(super) fn covers(&self, class: Class) -> bool {
        self.all
            || LabelSet(self.labels).meets(class.labels)
            || self.kinds.iter().any(|kind| *kind == class.kind.to_string())
    }
}
