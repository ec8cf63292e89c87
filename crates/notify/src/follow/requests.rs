//! Requests that were made here: which await which organisation, and who is told of them though the person is on no list of
//! theirs: whoever is asked, and whoever asks.

use super::{Change, Follower, events::Happened, key};
use crate::{
    Failure,
    facts::{is_ours, text, time},
    rules::Rules,
    topic::Topic,
};
use fhir::{PersonKey, ResourceType, json::Node};
use rusqlite::params;
use store::FeedRow;

fn code(resource: Node<'_>, pointer: &str) -> String {
    text(resource, pointer).trim().to_ascii_uppercase()
}

/// The organisation that an event about a request is news for.
pub(super) fn concerned(kind: ResourceType, topic: Topic, resource: Option<Node<'_>>) -> Option<String> {
    let resource = resource.filter(|resource| is_ours(*resource))?;
    let pointer = match (kind, topic) {
        (ResourceType::ServiceRequest, Topic::ReferralMade) => "/performer/0/identifier/value",
        (
            ResourceType::Task,
            Topic::ReferralAccepted | Topic::RequestAnswered | Topic::RequestQuestioned | Topic::RequestDeclined,
        ) => "/requester/identifier/value",
        (ResourceType::Task, Topic::RequestReplied | Topic::ReferralClosed) => "/owner/identifier/value",
        _ => return None,
    };
    Some(code(resource, pointer)).filter(|code| !code.is_empty())
}

impl Follower {
    /// Keep where a request stands.
    pub(super) fn request(
        &mut self,
        row: &FeedRow,
        change: &Change,
        after: Option<Node<'_>>,
        person: PersonKey,
    ) -> Result<(), Failure> {
        let (patient, kind, local) = key(change.id, change.kind);
        let Some(task) = after.filter(|task| is_ours(*task)) else {
            self.connection
                .prepare_cached("DELETE FROM request WHERE patient = ?1 AND kind = ?2 AND local = ?3")?
                .execute(params![patient, kind, local])?;
            return Ok(());
        };
        let status = text(task, "/status");
        let open = matches!(status.as_ref(), "requested" | "received" | "accepted" | "in-progress" | "on-hold");
        let urgency = match text(task, "/priority").as_ref() {
            "stat" => 2,
            "urgent" | "asap" => 1,
            _ => 0,
        };
        let pointer = if open { "/authoredOn" } else { "/lastModified" };
        let at = time(task, pointer).unwrap_or_else(|| row.received.as_microsecond());
        self.connection
            .prepare_cached(
                "INSERT OR REPLACE INTO request
                 (patient, kind, local, person, owner, asker, urgency, open, at, seq, status)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute(params![
                patient,
                kind,
                local,
                person.0.cast_signed(),
                code(task, "/owner/identifier/value"),
                code(task, "/requester/identifier/value"),
                urgency,
                open,
                at,
                row.seq.cast_signed(),
                status
            ])?;
        for side in ["/owner/identifier/value", "/requester/identifier/value"] {
            self.asked.insert(code(task, side));
        }
        Ok(())
    }

    /// Tell the organisation that a request is news for: in the inbox of those who work on its requests.
    pub(super) fn tell_concerned(&mut self, event: i64, happened: &Happened, row: &FeedRow) -> Result<(), Failure> {
        let Some(organisation) = &happened.concerned else { return Ok(()) };
        let key = format!("requests:{organisation}");
        let team = self.team(&key, organisation, "Requests", Rules::for_requests())?;
        self.notify(team, event, happened, row.received)
    }
}
