//! The catalogue: what may be subscribed to. One topic for each family of events; which of the family's events, a filter says.

use crate::Topic;
use fhir::{ResourceType, Value};
use serde_json::json;

/// What canonical addresses of topics begin with: the same in every region, so that a client's code is.
const CANONICAL: &str = "https://skein.example/fhir/SubscriptionTopic/";
/// The version of every topic so far.
const VERSION: &str = "1";
/// What ids of the Basic resources that hold them begin with. No id of a resource of ours has a hyphen.
const ID: &str = "subscription-topic-";
/// Elements of a later SubscriptionTopic, in R4 (FHIR "Extensions for converting between versions").
const ELEMENT: &str = "http://hl7.org/fhir/5.0/StructureDefinition/extension-SubscriptionTopic.";

/// A family of events: a topic of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// Came, was admitted, moved, is expected to leave, left.
    Admissions,
    /// Results.
    Results,
    /// Letters and other documents.
    Letters,
    /// Appointments.
    Appointments,
    /// Care plans.
    Plans,
    /// Referrals.
    Referrals,
    /// Died; who is who.
    Person,
}

impl Family {
    /// All of them.
    pub const ALL: [Family; 7] = [
        Family::Admissions,
        Family::Results,
        Family::Letters,
        Family::Appointments,
        Family::Plans,
        Family::Referrals,
        Family::Person,
    ];

    /// The last part of its canonical address.
    pub fn code(self) -> &'static str {
        match self {
            Family::Admissions => "admissions",
            Family::Results => "results",
            Family::Letters => "letters",
            Family::Appointments => "appointments",
            Family::Plans => "plans",
            Family::Referrals => "referrals",
            Family::Person => "person",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Family::Admissions => "Hospital stays and emergency attendances",
            Family::Results => "Results",
            Family::Letters => "Letters and other documents",
            Family::Appointments => "Appointments",
            Family::Plans => "Care plans",
            Family::Referrals => "Referrals",
            Family::Person => "Deaths, and who is who",
        }
    }

    /// Its events.
    pub fn topics(self) -> &'static [Topic] {
        match self {
            Family::Admissions => {
                &[Topic::Attended, Topic::Admitted, Topic::Moved, Topic::ExpectedDischarge, Topic::Discharged]
            }
            Family::Results => &[Topic::ResultFinal, Topic::ResultCorrected, Topic::ResultCritical],
            Family::Letters => &[Topic::LetterFiled, Topic::LetterReplaced],
            Family::Appointments => &[
                Topic::AppointmentBooked,
                Topic::AppointmentChanged,
                Topic::AppointmentCancelled,
                Topic::AppointmentMissed,
            ],
            Family::Plans => &[Topic::PlanChanged],
            Family::Referrals => &[
                Topic::ReferralMade,
                Topic::ReferralAccepted,
                Topic::ReferralClosed,
                Topic::RequestAnswered,
                Topic::RequestQuestioned,
                Topic::RequestReplied,
                Topic::RequestDeclined,
            ],
            Family::Person => &[Topic::Died, Topic::Linked, Topic::Split],
        }
    }

    /// The types its events are about.
    pub fn kinds(self) -> &'static [ResourceType] {
        match self {
            Family::Admissions => &[ResourceType::Encounter],
            Family::Results => &[ResourceType::DiagnosticReport],
            Family::Letters => &[ResourceType::DocumentReference],
            Family::Appointments => &[ResourceType::Appointment],
            Family::Plans => &[ResourceType::CarePlan],
            Family::Referrals => &[ResourceType::ServiceRequest, ResourceType::Task],
            Family::Person => &[ResourceType::Patient],
        }
    }

    /// Its canonical address: what `Subscription.criteria` holds.
    pub fn canonical(self) -> String {
        format!("{CANONICAL}{}", self.code())
    }

    /// Of a canonical address, with its version or without.
    pub fn of_canonical(address: &str) -> Option<Family> {
        let (address, version) = address.split_once('|').unwrap_or((address, VERSION));
        let code = address.strip_prefix(CANONICAL).filter(|_| version == VERSION)?;
        Family::ALL.into_iter().find(|family| family.code() == code)
    }

    /// The id of the resource that describes it.
    pub fn id(self) -> String {
        format!("{ID}{}", self.code())
    }

    /// Of the id of the resource that describes it.
    pub fn of_id(id: &str) -> Option<Family> {
        let code = id.strip_prefix(ID)?;
        Family::ALL.into_iter().find(|family| family.code() == code)
    }

    /// The resource that describes it: R4 has no SubscriptionTopic, so a Basic stands for it (Backport 1.1.0, "Subscription
    /// Topics in R4").
    pub fn resource(self) -> Value {
        let element = |name: &str| format!("{ELEMENT}{name}");
        let events: Vec<String> =
            self.topics().iter().map(|topic| format!("`{}` {}", topic.code(), topic.words())).collect();
        let mut extensions = vec![
            json!({"url": element("url"), "valueUri": self.canonical()}),
            json!({"url": element("version"), "valueString": VERSION}),
            json!({"url": element("title"), "valueString": self.title()}),
            json!({"url": element("description"), "valueMarkdown": format!("Events: {}.", events.join("; "))}),
        ];
        for kind in self.kinds() {
            extensions.push(json!({"url": element("resourceTrigger"), "extension": [
                {"url": "description", "valueMarkdown": format!("A {kind} says that one of the events happened, or takes it back.")},
                {"url": "resource", "valueUri": format!("http://hl7.org/fhir/StructureDefinition/{kind}")},
                {"url": "supportedInteraction", "valueCode": "create"},
                {"url": "supportedInteraction", "valueCode": "update"},
                {"url": "supportedInteraction", "valueCode": "delete"}
            ]}));
        }
        let codes: Vec<&str> = self.topics().iter().map(|topic| topic.code()).collect();
        for (name, words) in [
            ("patient", "The person that one of these patients is: `Patient/id`, several with commas.".to_owned()),
            ("caseload", "People on one of these caseloads of the client's organisation, by key.".to_owned()),
            ("organization", "Said by a source of one of these organisations, by ODS code.".to_owned()),
            ("event", format!("One of these events: {}.", codes.join(", "))),
        ] {
            extensions.push(json!({"url": element("canFilterBy"), "extension": [
                {"url": "description", "valueMarkdown": words},
                {"url": "filterParameter", "valueString": name}
            ]}));
        }
        for kind in self.kinds() {
            extensions.push(json!({"url": element("notificationShape"), "extension": [
                {"url": "resource", "valueUri": kind.as_str()}
            ]}));
        }
        json!({
            "resourceType": "Basic",
            "id": self.id(),
            "extension": extensions,
            "modifierExtension": [{"url": element("status"), "valueCode": "active"}],
            "code": {"coding": [{"system": "http://hl7.org/fhir/fhir-types", "code": "SubscriptionTopic"}]}
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_belongs_to_one_topic_of_the_catalogue() {
        for topic in Topic::ALL {
            let families = Family::ALL.iter().filter(|family| family.topics().contains(&topic)).count();
            assert_eq!(families, 1, "{topic:?}");
        }
        for family in Family::ALL {
            assert_eq!(Family::of_canonical(&family.canonical()), Some(family));
            assert_eq!(Family::of_canonical(&format!("{}|1", family.canonical())), Some(family));
            assert_eq!(Family::of_canonical(&format!("{}|2", family.canonical())), None);
            assert_eq!(Family::of_id(&family.id()), Some(family));
            let text = family.resource().to_string();
            assert!(text.contains(&family.canonical()), "{text}");
            assert!(family.topics().iter().all(|topic| text.contains(topic.code())), "{text}");
        }
        assert_eq!(Family::of_canonical("https://elsewhere.example/SubscriptionTopic/admissions"), None);
    }
}
