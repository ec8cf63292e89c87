//! What is sent: a Bundle of type history whose first entry is the status, a Parameters resource (Backport 1.1.0,
//! `backport-subscription-notification-r4` and `backport-subscription-status-r4`).

use super::{BACKPORT, topics::Family, wanted::Content};
use crate::Topic;
use fhir::{ResourceId, ResourceType, Value, datetime::instant};
use jiff::Timestamp;
use serde_json::json;

/// What a notification is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// To see whether the receiver takes it.
    Handshake,
    /// To show that nothing is amiss.
    Heartbeat,
    /// To tell.
    Event,
    /// An answer to `$status`.
    QueryStatus,
    /// An answer to `$events`.
    QueryEvent,
}

impl Kind {
    fn code(self) -> &'static str {
        match self {
            Kind::Handshake => "handshake",
            Kind::Heartbeat => "heartbeat",
            Kind::Event => "event-notification",
            Kind::QueryStatus => "query-status",
            Kind::QueryEvent => "query-event",
        }
    }
}

/// What an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Focus {
    /// The resource's id.
    pub id: ResourceId,
    /// Its type.
    pub kind: ResourceType,
    /// Whether its source has deleted it.
    pub deleted: bool,
    /// The resource, where it is sent.
    pub resource: Option<Value>,
}

/// An event that is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its number in the subscription.
    pub number: u64,
    /// When it became known.
    pub at: Timestamp,
    /// What happened.
    pub topic: Topic,
    /// Whether it takes back what was told.
    pub takes_back: bool,
    /// What it is about.
    pub focus: Focus,
}

/// How a subscription stands.
#[derive(Clone, Copy, Debug)]
pub struct State<'a> {
    /// Our own address; None: references are relative.
    pub base: Option<&'a str>,
    /// The subscription's id.
    pub id: &'a str,
    /// Its topic.
    pub family: Family,
    /// `requested`, `active`, `error`, `off`.
    pub status: &'a str,
    /// What is wrong.
    pub error: Option<&'a str>,
    /// The newest number there is for its subscriber.
    pub newest: u64,
    /// How much may be said.
    pub content: Content,
}

impl State<'_> {
    fn address(&self, what: &str) -> String {
        match self.base {
            Some(base) => format!("{base}/{what}"),
            None => what.to_owned(),
        }
    }
}

/// The status of a subscription, with the events a notification tells.
pub fn status_resource(state: &State<'_>, kind: Kind, told: &[Told]) -> Value {
    let mut parameters = vec![json!({
        "name": "subscription",
        "valueReference": {"reference": state.address(&format!("Subscription/{}", state.id))}
    })];
    // The topic of an empty notification is what the subscriber knows anyway and whoever listens need not.
    if state.content != Content::Empty {
        parameters.push(json!({"name": "topic", "valueCanonical": state.family.canonical()}));
    }
    parameters.push(json!({"name": "status", "valueCode": state.status}));
    parameters.push(json!({"name": "type", "valueCode": kind.code()}));
    parameters.push(json!({"name": "events-since-subscription-start", "valueString": state.newest.to_string()}));
    for event in told {
        let mut parts = vec![
            json!({"name": "event-number", "valueString": event.number.to_string()}),
            json!({"name": "timestamp", "valueInstant": instant(event.at)}),
        ];
        if state.content != Content::Empty {
            let name = format!("{}/{}", event.focus.kind, event.focus.id);
            parts.push(json!({"name": "focus", "valueReference": {"reference": state.address(&name)}}));
            // R4 has no place for what happened: the slices of this part are open.
            parts.push(json!({"name": "event", "valueCode": event.topic.code()}));
            if event.takes_back {
                parts.push(json!({"name": "takes-back", "valueBoolean": true}));
            }
        }
        parameters.push(json!({"name": "notification-event", "part": parts}));
    }
    if let Some(error) = state.error {
        parameters.push(json!({"name": "error", "valueCodeableConcept": {"text": error}}));
    }
    json!({
        "resourceType": "Parameters",
        "meta": {"profile": [format!("{BACKPORT}backport-subscription-status-r4")]},
        "parameter": parameters
    })
}

/// A notification. The same one made again has the same identity, so that a receiver may know it.
pub fn notification(state: &State<'_>, kind: Kind, told: &[Told], now: Timestamp) -> Value {
    let status = status_resource(state, kind, told);
    let numbers: Vec<String> = told.iter().map(|event| event.number.to_string()).collect();
    let identity = format!("{}\n{}\n{}\n{}", state.id, kind.code(), state.newest, numbers.join(","));
    let path = format!("Subscription/{}/$status", state.id);
    let mut entries = vec![json!({
        "fullUrl": format!("urn:uuid:{}", uuid(&identity)),
        "resource": status,
        "request": {"method": "GET", "url": state.address(&path)},
        "response": {"status": "200"}
    })];
    if state.content == Content::FullResource {
        let mut sent: Vec<(ResourceType, ResourceId)> = Vec::new();
        for focus in told.iter().map(|event| &event.focus) {
            // Several events of one bundle may be about one resource, which is as it is now in all of them.
            if sent.contains(&(focus.kind, focus.id)) {
                continue;
            }
            sent.push((focus.kind, focus.id));
            let name = format!("{}/{}", focus.kind, focus.id);
            let address = state.address(&name);
            entries.push(match &focus.resource {
                // Who it is alone is told, not what is known of them.
                None if !focus.deleted => continue,
                Some(resource) if !focus.deleted => json!({
                    "fullUrl": address, "resource": resource,
                    "request": {"method": "PUT", "url": name}, "response": {"status": "200"}
                }),
                _ => json!({
                    "fullUrl": address, "request": {"method": "DELETE", "url": name}, "response": {"status": "204"}
                }),
            });
        }
    }
    json!({
        "resourceType": "Bundle",
        "meta": {"profile": [format!("{BACKPORT}backport-subscription-notification-r4")]},
        "type": "history",
        "timestamp": instant(now),
        "entry": entries
    })
}

/// A name-based UUID (RFC 9562 §5.8: version 8, bits of our own).
fn uuid(text: &str) -> String {
    let hex = blake3::hash(text.as_bytes()).to_hex();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-8{}-a{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use fhir::PatientKey;

    fn told(resource: Option<Value>) -> Told {
        let id = ResourceId { patient: PatientKey(7), local: 9 };
        let deleted = resource.is_none();
        Told {
            number: 3,
            at: "2026-03-10T09:00:00Z".parse().expect("a time"),
            topic: Topic::Discharged,
            takes_back: true,
            focus: Focus { id, kind: ResourceType::Encounter, deleted, resource },
        }
    }

    fn state(content: Content) -> State<'static> {
        State {
            base: Some("https://record.example/fhir"),
            id: "s1",
            family: Family::Admissions,
            status: "active",
            error: None,
            newest: 3,
            content,
        }
    }

    #[test]
    fn a_notification_says_as_much_as_was_asked_for_and_no_more() {
        let now = "2026-03-10T09:00:01Z".parse().expect("a time");
        let all = [told(Some(json!({"resourceType": "Encounter", "status": "finished"})))];
        let empty = notification(&state(Content::Empty), Kind::Event, &all, now);
        let text = empty.to_string();
        assert!(!text.contains("Encounter") && !text.contains("admissions") && !text.contains("discharged"), "{text}");
        assert_eq!(empty["entry"].as_array().map(Vec::len), Some(1));
        assert_eq!(empty["type"], "history");
        let ids = notification(&state(Content::IdOnly), Kind::Event, &all, now);
        let text = ids.to_string();
        assert!(text.contains("https://record.example/fhir/Encounter/") && !text.contains("finished"), "{text}");
        assert!(text.contains("discharged") && text.contains("takes-back"), "{text}");
        let full = notification(&state(Content::FullResource), Kind::Event, &all, now);
        assert_eq!(full["entry"][1]["resource"]["status"], "finished");
        let gone = notification(&state(Content::FullResource), Kind::Event, &[told(None)], now);
        assert_eq!(gone["entry"][1]["request"]["method"], "DELETE");
        assert!(full["entry"].as_array().is_some_and(|all| all.iter().all(|entry| entry["request"].is_object())));
        let again = notification(&state(Content::FullResource), Kind::Event, &all, now);
        assert_eq!(full, again, "made again it is the same");
    }

    #[test]
    fn the_status_comes_first_and_is_a_parameters_resource() {
        let bundle = notification(&state(Content::IdOnly), Kind::Handshake, &[], Timestamp::UNIX_EPOCH);
        let first = &bundle["entry"][0]["resource"];
        assert_eq!(first["resourceType"], "Parameters");
        let names: Vec<&str> =
            first["parameter"].as_array().expect("parameters").iter().filter_map(|p| p["name"].as_str()).collect();
        assert_eq!(names, ["subscription", "topic", "status", "type", "events-since-subscription-start"]);
        assert!(
            bundle["entry"][0]["request"]["url"].as_str().is_some_and(|url| url.ends_with("Subscription/s1/$status"))
        );
    }
}
