//! What people decide about telling, as it stands in the journal: acknowledged, assigned, put off, noted; a team and its
//! rules; what wards and community teams say to each other; subscriptions of systems.

use crate::rules::Rules;
use fhir::{PatientKey, ResourceId, ResourceType, key::NotAnId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a story is about: one stay, one letter, one appointment, or the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StoryKey {
    /// The resource.
    pub id: ResourceId,
    /// Its type.
    pub kind: ResourceType,
}

impl std::fmt::Display for StoryKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.kind, self.id)
    }
}

impl std::str::FromStr for StoryKey {
    type Err = NotAnId;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, id) = text.split_once('.').ok_or(NotAnId)?;
        Ok(StoryKey { id: id.parse()?, kind: kind.parse().map_err(|_| NotAnId)? })
    }
}

impl Serialize for StoryKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StoryKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What was decided.
    #[serde(flatten)]
    pub act: Act,
    /// The id of the user who decided.
    pub by: String,
    /// That user's name, as others of the team read it.
    #[serde(default)]
    pub name: String,
    /// The ODS code of that user's organisation.
    #[serde(default)]
    pub organisation: String,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Act {
    /// Seen and taken care of, for the whole team.
    Acknowledge {
        /// The team's key.
        team: String,
        /// The notices.
        stories: Vec<StoryKey>,
        /// The newest event the user saw: what came after is not acknowledged.
        up_to: u64,
    },
    /// Somebody of the team takes it; nobody, when `to` is empty.
    Assign {
        /// The team's key.
        team: String,
        /// The notice.
        story: StoryKey,
        /// To whom, in words.
        to: String,
    },
    /// A note for the team.
    Note {
        /// The team's key.
        team: String,
        /// The notice.
        story: StoryKey,
        /// The note.
        words: String,
    },
    /// Not before then.
    Snooze {
        /// The team's key.
        team: String,
        /// The notice.
        story: StoryKey,
        /// Until when.
        until: Timestamp,
    },
    /// A team, its caseloads and its rules: made or changed.
    Team {
        /// The team's key, for ever the same.
        team: String,
        /// Its name.
        title: String,
        /// The keys of the caseloads it looks after.
        lists: Vec<String>,
        /// What it is told.
        rules: Rules,
    },
    /// A caseload by rule: made or changed.
    List {
        /// The list's key.
        list: String,
        /// Its name.
        title: String,
        /// Who is on it.
        rule: ListRule,
    },
    /// Something said about a stay by ward or community.
    Plan {
        /// The stay.
        story: StoryKey,
        /// What it is about: `ready`, `waiting`, `call`, `package`, `reply`.
        about: String,
        /// In words.
        words: String,
    },
    /// A system wants to be told. Replaces a former subscription of the same id.
    Subscribe {
        /// The subscription's id.
        id: String,
        /// The client system.
        client: String,
        /// The Subscription resource, JSON.
        resource: String,
        /// What of it decides which events it is sent.
        filter: Filter,
        /// `requested`, `active` or `error`.
        status: String,
        /// Why it does not work, when it does not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// How a subscription stands, found out by telling it: its receiver answers, or does not. About one state of the
    /// subscription: when its system has changed it since, this is about nothing any more.
    SubscriptionState {
        /// The subscription's id.
        id: String,
        /// The mark of the resource this is about.
        of: String,
        /// `active`, `error` or `off`.
        status: String,
        /// Why it does not work, when it does not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// How far a subscription's receiver has got. Written now and then, so that little comes again should everything be made
    /// again from the journal.
    SubscriptionSent {
        /// The subscription's id.
        id: String,
        /// The newest number that it took.
        sent: u64,
    },
    /// A system wants to be told no more.
    Unsubscribe {
        /// The subscription's id.
        id: String,
    },
}

/// Which events a subscription is sent: those of one of its topics that meet each of the others that is not empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// The kinds of events.
    pub topics: Vec<crate::Topic>,
    /// About people on one of these caseloads, by key.
    pub lists: Vec<String>,
    /// Said by a source of one of these organisations, by ODS code.
    pub organisations: Vec<String>,
    /// About the person that one of these patients is, by opaque key.
    pub patients: Vec<String>,
}

/// What puts people on a list by rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListRule {
    /// On the list of one of these practices (ODS codes).
    pub practices: Vec<String>,
    /// This old at least, in years.
    pub age_min: Option<u16>,
    /// With one of these codes in a Condition or a Flag that is current, or in an Observation (SNOMED CT or any other).
    pub codes: Vec<String>,
}

impl Decision {
    /// From the text of a journal entry; None when another version of skein wrote what this one does not know.
    pub fn read(about: &str) -> Option<Decision> {
        serde_json::from_str(about).ok()
    }

    /// As it is put in the journal.
    pub fn about(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl StoryKey {
    /// The patient.
    pub fn patient(&self) -> PatientKey {
        self.id.patient
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_reads_back_as_written() {
        let story = StoryKey { id: ResourceId { patient: PatientKey(7), local: 9 }, kind: ResourceType::Encounter };
        let act = Act::Acknowledge { team: "practice:X81001".into(), stories: vec![story], up_to: 4 };
        let decision = Decision { act, by: "nurse".into(), name: "Nurse".into(), organisation: "XRV".into() };
        assert_eq!(Decision::read(&decision.about()), Some(decision));
        assert_eq!(Decision::read("{\"do\": \"something-new\", \"by\": \"x\"}"), None);
    }
}
