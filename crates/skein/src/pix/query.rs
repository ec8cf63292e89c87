//! PIX queries on a feed (QBP^Q23, answered by RSP^K23; IHE ITI-9): by what other identifiers is this person known? The
//! feed asks as a system with a name of its own, which the audit shows.

use super::{
    authority::{Authorities, Authority},
    identifier_list, pid,
};
use access::{Action, Gate, Refusal, User};
use fhir::Value;
use hl7v2::{
    Location, Message, Rep, Segment,
    ack::{AckError, Answer, Code, Condition, respond},
    escape,
};
use intake::{
    Engine,
    answer::hl7_time,
    listener::{Asked, Responder, Response},
};
use record::{CrossReferenceSource, Records, StoreError};
use std::{sync::Arc, time::Duration};

/// A query waits so long at most for what was acknowledged before it to be processed.
const CATCH_UP_MAX: Duration = Duration::from_secs(2);
/// Domains one query may ask for.
const DOMAINS_MAX: usize = 50;

/// Answers one feed's queries.
#[derive(Clone)]
pub struct Queries {
    /// Who asks, for the gate and the audit.
    pub user: Arc<User>,
    /// The door.
    pub gate: Gate,
    /// The read side.
    pub records: Records,
    /// What processes news.
    pub engine: Engine,
    /// Domains in HL7 v2's words.
    pub authorities: Arc<Authorities>,
}

/// What a query comes to.
enum Found {
    /// These identifiers; none is an answer too.
    Identifiers(Vec<Value>),
    /// It cannot be answered.
    Faults(Vec<AckError>),
    /// It may not be asked here, or not now.
    Refused(Box<AckError>),
}

impl From<Refusal> for Found {
    fn from(shut: Refusal) -> Self {
        match shut {
            Refusal::NoSuchPerson => Found::Identifiers(Vec::new()),
            Refusal::NeedsReason(needed) => Found::Refused(refusal(Condition::Internal, None, needed.sentence)),
            Refusal::NotAllowed(text) | Refusal::NoReason(text) => {
                Found::Refused(refusal(Condition::Internal, None, text))
            }
            Refusal::NotRecorded(error) => Found::from(error),
        }
    }
}

impl From<StoreError> for Found {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a query could not be answered");
        let text = "the index cannot be asked just now: ask again later";
        Found::Refused(refusal(Condition::Internal, None, text))
    }
}

impl Responder for Queries {
    fn respond(&self, asked: Asked) -> Response {
        let queries = self.clone();
        Box::pin(async move {
            // What was acknowledged before on this feed counts; a long queue does not hold the asker up.
            let head = queries.engine.progress().head;
            let _ = tokio::time::timeout(CATCH_UP_MAX, queries.engine.wait_applied(head)).await;
            let parsed = hl7v2::parse(&asked.body);
            let Some(message) = parsed.message else { return Vec::new() };
            let found = queries.find(&message, &asked).await;
            let code = match &found {
                Found::Identifiers(_) => "answered",
                Found::Faults(_) => "faulty",
                Found::Refused(_) => "refused",
            };
            tracing::info!(feed = &*asked.feed, outcome = code, "a PIX query");
            write(&message, &asked, &found, &queries.authorities)
        })
    }
}

impl Queries {
    async fn find(&self, message: &Message, asked: &Asked) -> Found {
        let header = message.header();
        if header.trigger != "Q23" {
            let place = Location::field("MSH", 9);
            let text = "this feed answers QBP^Q23 (get corresponding identifiers) and no other query";
            return Found::Refused(refusal(Condition::EventCode, Some(place), text));
        }
        let Some(qpd) = message.segment("QPD") else {
            let place = Location::segment("QPD");
            return Found::Faults(vec![fault(Condition::SegmentSequence, Some(place), "a query has a QPD segment")]);
        };
        let person = qpd.field(3).first();
        let value = person.comp(1).text().trim().to_owned();
        let authority = authority(person);
        if value.is_empty() || authority == Authority::default() {
            let component = if value.is_empty() { 1 } else { 4 };
            let text = "QPD-3 is one identifier with its assigning authority";
            return Found::Faults(vec![fault(
                Condition::RequiredFieldMissing,
                Some(place(3, 1, Some(component))),
                text,
            )]);
        }
        let wanted: Vec<Authority> = domains(qpd);
        let queries = self.clone();
        let (source, now) = (asked.source.to_string(), asked.received);
        let looked = tokio::task::spawn_blocking(move || queries.look(&source, &value, &authority, &wanted, now)).await;
        match looked {
            Ok(Ok(sealed)) => match sealed {
                Looked::Sealed(sealed) => sealed.release().await.map_or_else(Found::from, Found::Identifiers),
                Looked::Told(found) => found,
            },
            Ok(Err(error)) => error,
            Err(_) => Found::Refused(refusal(Condition::Internal, None, "a fault here, not in the query")),
        }
    }

    /// Look the person up and read the identifiers, under seal.
    fn look(
        &self,
        source: &str,
        value: &str,
        authority: &Authority,
        wanted: &[Authority],
        now: jiff::Timestamp,
    ) -> Result<Looked, Found> {
        let what = format!("ITI-9, domains asked for: {}", wanted.len());
        let action = Action::CrossReference { what };
        let permit = self.gate.find(&self.user, &action, now)?;
        let unknown = |place: Location, text: &str| {
            Looked::Told(Found::Faults(vec![fault(Condition::UnknownKey, Some(place), text)]))
        };
        let Some(system) = self.known(source, authority)? else {
            return Ok(unknown(place(3, 1, Some(4)), "the assigning authority is not known here"));
        };
        let (mut domains, mut faults) = (Vec::new(), Vec::new());
        for (index, wanted) in wanted.iter().enumerate() {
            match self.known(source, wanted)? {
                Some(system) => domains.push(system),
                None => {
                    let text = "this assigning authority is not known here";
                    faults.push(fault(Condition::UnknownKey, Some(place(4, index + 1, None)), text));
                }
            }
        }
        if !faults.is_empty() {
            return Ok(Looked::Told(Found::Faults(faults)));
        }
        let about = CrossReferenceSource::Identifier { system, value: value.to_owned() };
        let people = self.records.people_meant(&permit, &about)?;
        // Whom it means is needed to open that person's own door, which writes an entry of its own.
        let people = tokio::runtime::Handle::current().block_on(people.release())?;
        match people.as_slice() {
            [] => Ok(unknown(place(3, 1, Some(1)), "this identifier is not known here")),
            [person] => {
                let permit = self.gate.open(&self.user, *person, &action, now)?;
                let found = self.records.cross_references(&permit, Some(&about), &domains)?;
                Ok(Looked::Sealed(found.map(|found| found.identifiers)))
            }
            _ => {
                let text = "this identifier was given to several people: who is meant must be found out at its sources";
                Ok(Looked::Told(Found::Faults(vec![fault(Condition::DuplicateKey, Some(place(3, 1, Some(1))), text)])))
            }
        }
    }

    /// The domain that is meant, if this region has any of it.
    fn known(&self, source: &str, authority: &Authority) -> Result<Option<String>, StoreError> {
        for system in self.authorities.systems(source, authority) {
            if self.records.knows_domain(&system)? {
                return Ok(Some(system));
            }
        }
        Ok(None)
    }
}

enum Looked {
    Sealed(access::Sealed<Vec<Value>>),
    Told(Found),
}

fn authority(rep: Rep<'_>) -> Authority {
    let hd = rep.comp(4);
    Authority {
        namespace: hd.sub(1).trim().to_owned(),
        universal: hd.sub(2).trim().to_owned(),
        kind: hd.sub(3).trim().to_owned(),
    }
}

/// QPD-4: the domains whose identifiers are wanted; none: all.
fn domains(qpd: Segment<'_>) -> Vec<Authority> {
    let wanted = qpd.field(4).reps().map(authority).take(DOMAINS_MAX);
    wanted.filter(|authority| *authority != Authority::default()).collect()
}

fn fault(condition: Condition, location: Option<Location>, text: impl Into<String>) -> AckError {
    AckError { condition, location, text: text.into() }
}

fn refusal(condition: Condition, location: Option<Location>, text: impl Into<String>) -> Box<AckError> {
    Box::new(fault(condition, location, text))
}

/// A place in QPD, as ERR-2 has it (ITI TF-2 3.9.4.2.2.6).
fn place(field: usize, repetition: usize, component: Option<usize>) -> Location {
    Location { repetition: Some(repetition), component, ..Location::field("QPD", field) }
}

fn write(message: &Message, asked: &Asked, found: &Found, authorities: &Authorities) -> Vec<u8> {
    let s = message.separators();
    let field = char::from(s.field);
    let (code, status, faults, list): (Code, &str, &[AckError], String) = match found {
        Found::Identifiers(identifiers) if identifiers.is_empty() => (Code::AA, "NF", &[], String::new()),
        Found::Identifiers(identifiers) => {
            (Code::AA, "OK", &[], identifier_list(identifiers, &asked.source, authorities, s))
        }
        Found::Faults(faults) => (Code::AE, "AE", faults, String::new()),
        Found::Refused(fault) => (Code::AR, "AR", std::slice::from_ref(fault.as_ref()), String::new()),
    };
    let qpd = message.segment("QPD");
    let tag = qpd.map(|qpd| qpd.field(2).text().into_owned()).unwrap_or_default();
    let mut segments = vec![format!("QAK{field}{}{field}{status}", escape::escape(&tag, s))];
    segments.extend(qpd.map(|qpd| qpd.raw().to_owned()));
    if !list.is_empty() {
        segments.push(pid(&list, s));
    }
    let text = faults.first().map_or("", |fault| fault.text.as_str());
    let now = hl7_time(asked.received);
    let answer = Answer { code, control_id: &asked.control_id, now: &now, text, errors: faults };
    respond(message, &answer, ["RSP", "K23", "RSP_K23"], &segments)
}
