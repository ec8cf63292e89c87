//! The circumstances of an access, found out: what links the user's organisation with the person, what the person objects
//! to, which reasons the user gave.

use super::{organisations::Organisations, sight::Objected};
use crate::{
    User, UserKind,
    policy::{Access, Class, Policies},
};
use fhir::{PatientKey, PersonKey, ResourceType};
use jiff::Timestamp;
use mapping::bearing::{self, Bears};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use store::{
    SaidBearing, Snapshot, StoreError,
    audit::{Matter, MatterKind},
    identifier_hash,
};

/// What a relationship rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The relationship.
    pub relationship: String,
    /// The resource that says it, `Encounter/<id>`.
    pub resource: String,
}

/// All that a decision rests on, apart from the policies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Situation {
    /// What the user's organisation is.
    pub organisation_kind: String,
    /// The circumstances.
    pub access: Access,
    /// What relationships rest on, one each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// The audit entries in which the user gave a reason or broke the glass.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<u64>,
    /// Until when the glass stays broken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub glass_until: Option<Timestamp>,
    /// The sources of the user's own organisation.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub own_sources: Vec<String>,
    /// What the person objects to, by patient; under an empty key, of all.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) objections: BTreeMap<String, Objected>,
}

impl Situation {
    /// Whether the person objects to sharing an entry of this class of a patient.
    pub(super) fn objected(&self, patient: PatientKey, class: Class) -> bool {
        !self.objections.is_empty()
            && ["", &patient.to_string()]
                .into_iter()
                .any(|key| self.objections.get(key).is_some_and(|objected| objected.covers(class)))
    }
}

/// What a situation is found out from.
pub(super) struct Asking<'a> {
    pub snapshot: &'a Snapshot,
    pub organisations: &'a Organisations,
    pub policies: &'a Policies,
    pub user: &'a User,
    pub person: PersonKey,
    pub patients: &'a [PatientKey],
    /// Reasons that hold.
    pub grants: Vec<Matter>,
    pub now: Timestamp,
}

pub(super) fn find_out(asking: &Asking<'_>) -> Result<Situation, StoreError> {
    let Asking { snapshot, organisations, policies, user, now, .. } = asking;
    let own = user.org_code.to_ascii_uppercase();
    let mut situation = Situation {
        organisation_kind: organisations.kind(&own).to_owned(),
        own_sources: organisations.sources_of(&own),
        ..Situation::default()
    };
    let access = &mut situation.access;
    access.purpose = if user.kind == UserKind::Person { "PATRQT" } else { "TREAT" }.to_owned();
    access.own = user.kind == UserKind::Person && user.person == Some(asking.person);
    for grant in &asking.grants {
        situation.grants.push(grant.n);
        match grant.kind {
            MatterKind::Claim => access.claimed.clone_from(&grant.about),
            MatterKind::Glass => {
                access.glass = true;
                situation.glass_until = situation.glass_until.max(grant.until);
            }
            MatterKind::Misuse | MatterKind::Question | MatterKind::Objection => {}
        }
    }
    let oldest = now.checked_sub(policies.settings().grace_max()).unwrap_or(Timestamp::MIN);
    let mut aliases: Option<Vec<String>> = None;
    for patient in asking.patients {
        let mut source: Option<String> = None;
        for said in snapshot.bearings(*patient, oldest)? {
            let Some(bears) = Bears::from_code(said.row.bears) else { continue };
            if matches!(bears, Bears::Objects | Bears::ObjectsRegionally) {
                if aliases.is_none() && said.row.organisation.starts_with("Organization/") {
                    aliases = Some(names_of(snapshot, &own)?);
                }
                object(&mut situation, policies, bears, &said, &own, aliases.as_deref().unwrap_or_default(), *now);
                continue;
            }
            let named = said.row.organisation.as_str();
            let ours = if named.is_empty() {
                if source.is_none() {
                    source = Some(snapshot.source_of(*patient)?.unwrap_or_default());
                }
                let source = source.as_deref().unwrap_or_default();
                situation.own_sources.iter().any(|own| own == source)
                    // Of a Patient that names no practice: only a practice says so of its own list.
                    && (bears != Bears::Registered || organisations.is_practice(source))
            } else if named.starts_with("Organization/") {
                if aliases.is_none() {
                    aliases = Some(names_of(snapshot, &own)?);
                }
                aliases.as_deref().unwrap_or_default().iter().any(|alias| alias == named)
            } else {
                !own.is_empty() && named == own
            };
            if ours && in_time(policies, bears, &said, *now) {
                note(&mut situation, bears, &said);
            }
        }
    }
    Ok(situation)
}

fn note(situation: &mut Situation, bears: Bears, said: &SaidBearing) {
    let before = situation.access.relationships;
    situation.access.relationships.add(bears);
    if situation.access.relationships != before {
        let mut only = crate::policy::Relations::default();
        only.add(bears);
        situation.evidence.push(Evidence {
            relationship: only.names().next().unwrap_or_default().to_owned(),
            resource: format!("{}/{}", said.kind, said.resource),
        });
    }
}

/// Whether a relationship counts at `now`: some time after its end still, and before its beginning where it is known ahead.
fn in_time(policies: &Policies, bears: Bears, said: &SaidBearing, now: Timestamp) -> bool {
    let grace = policies.settings().grace(bears);
    let reaches = |end: i64| {
        let end = Timestamp::from_microsecond(end).unwrap_or(Timestamp::MAX);
        end.checked_add(grace).map_or(true, |end| now <= end)
    };
    let begun = said.row.since.is_none_or(|since| since <= now.as_microsecond());
    let (since, until) = (said.row.since, said.row.until);
    match bears {
        // Nobody says when a referral ends.
        Bears::Referred => begun && since.is_none_or(reaches),
        // Whoever expects the person prepares for it.
        Bears::Appointment => until.is_none_or(reaches),
        _ => begun && until.is_none_or(reaches),
    }
}

fn object(
    situation: &mut Situation,
    policies: &Policies,
    bears: Bears,
    said: &SaidBearing,
    own: &str,
    aliases: &[String],
    now: Timestamp,
) {
    let now = now.as_microsecond();
    if said.row.since.is_some_and(|since| since > now) || said.row.until.is_some_and(|until| until <= now) {
        return;
    }
    let named = said.row.organisation.as_str();
    if !named.is_empty() && named != own && !aliases.iter().any(|alias| alias == named) {
        return;
    }
    let regional = bears == Bears::ObjectsRegionally;
    if regional && said.row.category.is_empty() {
        situation.access.objected = true;
        return;
    }
    // What is told to one source is about what that source shares.
    let key = if regional { String::new() } else { said.patient.to_string() };
    let objected = situation.objections.entry(key).or_default();
    let category = said.row.category.as_str();
    if category.is_empty() {
        objected.all = true;
    } else if let Ok(kind) = category.parse::<ResourceType>() {
        objected.kinds.push(kind.to_string());
    } else {
        let labels = policies.labels().category(category);
        // A category that nobody here knows covers all: rather too much is withheld than what the person meant is shown.
        if labels.is_empty() {
            objected.all = true;
        }
        objected.labels |= labels.0;
    }
}

/// The Organization resources that stand for an ODS code, as references.
fn names_of(snapshot: &Snapshot, code: &str) -> Result<Vec<String>, StoreError> {
    if code.is_empty() {
        return Ok(Vec::new());
    }
    let hash = identifier_hash(ResourceType::Organization, Some(bearing::ODS), code);
    let found = snapshot.find_identifier(hash)?;
    let organisations = found.into_iter().filter(|(_, kind)| *kind == ResourceType::Organization);
    Ok(organisations.map(|(id, _)| format!("Organization/{id}")).collect())
}
