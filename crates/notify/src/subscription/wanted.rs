//! What a Subscription resource asks for (R4 Subscription, profile `backport-subscription` 1.1.0). What cannot be read is said
//! with the element it stands in; what would silently do nothing is refused, for its sender believes to be told.

use super::{
    BACKPORT,
    header::{SECRET, parts},
    topics::Family,
};
use crate::{Topic, decision::Filter};
use fhir::{DateTime, Issue, IssueType, PatientKey, Reference, ResourceType, Value, datetime::london};
use jiff::Timestamp;

/// Values of one filter at most.
const PATIENTS_MAX: usize = 200;
const CASELOADS_MAX: usize = 20;
const ORGANISATIONS_MAX: usize = 50;
/// Filters and headers of a subscription at most, and the characters of one.
const LINES_MAX: usize = 20;
const LINE_CHARS_MAX: usize = 8_000;
const ADDRESS_CHARS_MAX: usize = 2_000;
const SECRET_CHARS_MIN: usize = 16;
/// Seconds a receiver may take unless it says otherwise, and at most.
const TIMEOUT: u32 = 10;
const TIMEOUT_MAX: u32 = 30;
/// Seconds between heartbeats at least.
const HEARTBEAT_MIN: u32 = 10;
/// Events of one notification unless it says otherwise, and at most.
const COUNT: usize = 20;
const COUNT_MAX: usize = 100;

/// How a subscriber is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// A POST to its endpoint.
    RestHook,
    /// A connection that it keeps open.
    Websocket,
}

/// How much a notification says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// That something happened.
    Empty,
    /// What, and the id of the resource that says so.
    IdOnly,
    /// The resource too.
    FullResource,
}

impl Content {
    /// Of its code.
    pub fn of(code: &str) -> Option<Content> {
        Some(match code {
            "empty" => Content::Empty,
            "id-only" => Content::IdOnly,
            "full-resource" => Content::FullResource,
            _ => return None,
        })
    }
}

/// What a subscription asks for.
#[derive(Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The topic.
    pub family: Family,
    /// Which of its events.
    pub filter: Filter,
    /// How.
    pub channel: Channel,
    /// Where to, of a rest-hook.
    pub endpoint: String,
    /// How much.
    pub content: Content,
    /// Headers to send along.
    pub headers: Vec<(String, String)>,
    /// What notifications are signed with, where one is given.
    pub secret: Option<String>,
    /// Seconds between heartbeats, if there are to be any.
    pub heartbeat: Option<u32>,
    /// Seconds the receiver may take.
    pub timeout: u32,
    /// Events of one notification at most.
    pub count: usize,
    /// When it ends by itself.
    pub end: Option<Timestamp>,
    /// Whether it is to be sent nothing.
    pub off: bool,
}

/// Headers hold credentials: none is written into a log by mistake.
impl std::fmt::Debug for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} of {} over {:?}", self.content, self.family.code(), self.channel)
    }
}

/// Headers that are ours or the connection's to set.
const RESERVED: &[&str] = &[
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

#[derive(Default)]
struct Reading {
    issues: Vec<Issue>,
}

impl Reading {
    fn wrong(&mut self, code: IssueType, place: &str, text: impl Into<String>) {
        self.issues.push(Issue::error(code, text).at(place));
    }
}

/// Read a Subscription. `base`: our own address, with which references to patients may begin; None: it was read before, so
/// that any address there is is ours.
///
/// # Errors
/// What is wrong with it, each with its place.
pub fn read(resource: &Value, base: Option<&str>) -> Result<Wanted, Vec<Issue>> {
    let mut reading = Reading::default();
    let text = |pointer: &str| resource.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    if text("/resourceType") != "Subscription" {
        return Err(vec![Issue::error(IssueType::Structure, "a Subscription is wanted").at("Subscription")]);
    }
    let off = match text("/status") {
        "" | "requested" | "active" | "error" => false,
        "off" => true,
        _ => {
            reading.wrong(
                IssueType::CodeInvalid,
                "Subscription.status",
                "status is requested, or off to be sent nothing",
            );
            false
        }
    };
    let family = Family::of_canonical(text("/criteria"));
    if family.is_none() {
        let known: Vec<String> = Family::ALL.iter().map(|family| family.canonical()).collect();
        let words = format!("criteria is the canonical address of a topic, one of: {}", known.join(", "));
        reading.wrong(IssueType::NotSupported, "Subscription.criteria", words);
    }
    let family = family.unwrap_or(Family::Admissions);
    let filter = filter(&mut reading, resource, family, base);
    let end = match text("/end") {
        "" => None,
        end => match DateTime::parse(end) {
            Ok(end) => Some(end.first(london())),
            Err(_) => {
                reading.wrong(IssueType::Value, "Subscription.end", "end is an instant: YYYY-MM-DDThh:mm:ssZ");
                None
            }
        },
    };
    let channel = match text("/channel/type") {
        "rest-hook" => Channel::RestHook,
        "websocket" => Channel::Websocket,
        _ => {
            let place = "Subscription.channel.type";
            reading.wrong(IssueType::NotSupported, place, "the channel is rest-hook or websocket");
            Channel::Websocket
        }
    };
    let endpoint = text("/channel/endpoint").to_owned();
    let place = "Subscription.channel.endpoint";
    match text("/channel/type") {
        "rest-hook" if endpoint.is_empty() => {
            reading.wrong(IssueType::Required, place, "a rest-hook has an endpoint, which begins with https://");
        }
        "rest-hook" if endpoint.chars().count() > ADDRESS_CHARS_MAX => {
            reading.wrong(IssueType::TooLong, place, format!("an endpoint has {ADDRESS_CHARS_MAX} characters at most"));
        }
        "websocket" if !endpoint.is_empty() => {
            reading.wrong(IssueType::Invalid, place, "a websocket has no endpoint: the subscriber connects to us");
        }
        _ => {}
    }
    if text("/channel/payload") != "application/fhir+json" {
        let place = "Subscription.channel.payload";
        reading.wrong(IssueType::NotSupported, place, "payload is application/fhir+json");
    }
    let content = content(&mut reading, resource);
    let (headers, secret) = headers(&mut reading, resource);
    let (heartbeat, timeout, count) = settings(&mut reading, resource);
    if !reading.issues.is_empty() {
        return Err(reading.issues);
    }
    let wanted =
        Wanted { family, filter, channel, endpoint, content, headers, secret, heartbeat, timeout, count, end, off };
    Ok(wanted)
}

fn extensions<'v>(resource: &'v Value, pointer: &str) -> impl Iterator<Item = (usize, &'v str, &'v Value)> + use<'v> {
    let all = resource.pointer(pointer).and_then(Value::as_array);
    all.into_iter().flatten().enumerate().map(|(index, extension)| {
        let url = extension.get("url").and_then(Value::as_str).unwrap_or_default();
        (index, url.strip_prefix(BACKPORT).unwrap_or_default(), extension)
    })
}

fn content(reading: &mut Reading, resource: &Value) -> Content {
    let place = "Subscription.channel.payload.extension('…/backport-payload-content')";
    let mut found = extensions(resource, "/channel/_payload/extension")
        .filter(|(_, name, _)| *name == "backport-payload-content")
        .map(|(_, _, extension)| extension.get("valueCode").and_then(Value::as_str).unwrap_or_default());
    match (found.next().map(Content::of), found.next()) {
        (Some(Some(content)), None) => content,
        (None, _) => {
            reading.wrong(
                IssueType::Required,
                place,
                "say how much notifications hold: empty, id-only or full-resource",
            );
            Content::Empty
        }
        _ => {
            reading.wrong(IssueType::CodeInvalid, place, "the content is one of empty, id-only and full-resource");
            Content::Empty
        }
    }
}

fn headers(reading: &mut Reading, resource: &Value) -> (Vec<(String, String)>, Option<String>) {
    let (mut headers, mut secret) = (Vec::new(), None);
    let lines = resource.pointer("/channel/header").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if lines.len() > LINES_MAX {
        let place = "Subscription.channel.header";
        reading.wrong(IssueType::TooCostly, place, format!("there are {LINES_MAX} headers at most"));
    }
    for (index, line) in lines.iter().take(LINES_MAX).enumerate() {
        let place = format!("Subscription.channel.header[{index}]");
        let line = line.as_str().unwrap_or_default();
        let Some((name, value)) = parts(line).filter(|(name, value)| is_name(name) && is_value(value)) else {
            reading.wrong(IssueType::Value, &place, "a header is Name: value, in plain characters");
            continue;
        };
        let lower = name.to_ascii_lowercase();
        if lower == SECRET.to_ascii_lowercase() {
            if value.chars().count() < SECRET_CHARS_MIN {
                let words =
                    format!("the secret has {SECRET_CHARS_MIN} characters at least; leave it out to be given one");
                reading.wrong(IssueType::Security, &place, words);
            }
            secret = Some(value.to_owned());
        } else if RESERVED.contains(&lower.as_str()) || lower.starts_with("x-skein-") {
            reading.wrong(IssueType::NotSupported, &place, "this header is not for a subscription to set");
        } else {
            headers.push((lower, value.to_owned()));
        }
    }
    (headers, secret)
}

fn is_name(name: &str) -> bool {
    (1..=100).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn is_value(value: &str) -> bool {
    (1..=LINE_CHARS_MAX).contains(&value.len()) && value.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

fn settings(reading: &mut Reading, resource: &Value) -> (Option<u32>, u32, usize) {
    let (mut heartbeat, mut timeout, mut count) = (None, TIMEOUT, COUNT);
    for (_, name, extension) in extensions(resource, "/channel/extension") {
        let place = format!("Subscription.channel.extension('…/{name}')");
        let number = |element: &str| {
            let number = extension.get(element).and_then(Value::as_u64);
            number.and_then(|number| u32::try_from(number).ok())
        };
        match name {
            "backport-heartbeat-period" => match number("valueUnsignedInt") {
                Some(0) => heartbeat = None,
                Some(seconds) if seconds >= HEARTBEAT_MIN => heartbeat = Some(seconds),
                _ => {
                    let words = format!("the heartbeat is a number of seconds, {HEARTBEAT_MIN} at least");
                    reading.wrong(IssueType::Value, &place, words);
                }
            },
            "backport-timeout" => match number("valueUnsignedInt") {
                Some(seconds @ 1..) => timeout = seconds.min(TIMEOUT_MAX),
                _ => reading.wrong(IssueType::Value, &place, "the timeout is a number of seconds, 1 at least"),
            },
            "backport-max-count" => match number("valuePositiveInt") {
                Some(most @ 1..) => count = usize::try_from(most).unwrap_or(COUNT_MAX).min(COUNT_MAX),
                _ => reading.wrong(IssueType::Value, &place, "the greatest number of events is 1 at least"),
            },
            _ => {}
        }
    }
    (heartbeat, timeout, count)
}

fn filter(reading: &mut Reading, resource: &Value, family: Family, base: Option<&str>) -> Filter {
    let mut filter = Filter::default();
    let mut lines = 0;
    for (index, name, extension) in extensions(resource, "/_criteria/extension") {
        let place = format!("Subscription.criteria.extension[{index}]");
        if name != "backport-filter-criteria" {
            reading.wrong(IssueType::NotSupported, &place, "only backport-filter-criteria is known here");
            continue;
        }
        lines += 1;
        let line = extension.get("valueString").and_then(Value::as_str).unwrap_or_default();
        if lines > LINES_MAX || line.len() > LINE_CHARS_MAX {
            let words = format!("there are {LINES_MAX} filters at most, of {LINE_CHARS_MAX} characters");
            reading.wrong(IssueType::TooCostly, &place, words);
            return filter;
        }
        // `Encounter?patient=Patient/1`, or the parameters alone.
        let (kind, query) = line.split_once('?').unwrap_or(("", line));
        if !kind.is_empty() && !kind.parse::<ResourceType>().is_ok_and(|kind| family.kinds().contains(&kind)) {
            reading.wrong(IssueType::NotSupported, &place, "this topic is not about resources of that type");
            continue;
        }
        let pairs = fhir::search::parse_pairs(query);
        if pairs.is_empty() {
            reading.wrong(IssueType::Value, &place, "a filter is name=value");
        }
        for (name, value) in pairs {
            one_filter(reading, &place, &mut filter, family, base, &name, &value);
        }
    }
    if !filter.lists.is_empty() && !filter.patients.is_empty() {
        let words = "filter by patient or by caseload, not by both: subscribe twice";
        reading.wrong(IssueType::NotSupported, "Subscription.criteria.extension", words);
    }
    if filter.topics.is_empty() {
        filter.topics = family.topics().to_vec();
    }
    filter
}

fn one_filter(
    reading: &mut Reading,
    place: &str,
    filter: &mut Filter,
    family: Family,
    base: Option<&str>,
    name: &str,
    value: &str,
) {
    let values: Vec<&str> = value.split(',').map(str::trim).filter(|value| !value.is_empty()).collect();
    if values.is_empty() {
        reading.wrong(IssueType::Value, place, "a filter is name=value; several values have commas between");
        return;
    }
    let (most, given_before) = match name {
        "patient" | "subject" => (PATIENTS_MAX, !filter.patients.is_empty()),
        "caseload" => (CASELOADS_MAX, !filter.lists.is_empty()),
        "organization" => (ORGANISATIONS_MAX, !filter.organisations.is_empty()),
        "event" => (Topic::ALL.len(), !filter.topics.is_empty()),
        _ => {
            let words = "filters are patient, caseload, organization and event, without modifiers";
            reading.wrong(IssueType::NotSupported, place, words);
            return;
        }
    };
    if given_before {
        reading.wrong(IssueType::Invalid, place, "a filter is given once: alternatives have commas between");
        return;
    }
    if values.len() > most {
        reading.wrong(IssueType::TooCostly, place, format!("this filter takes {most} values at most"));
        return;
    }
    match name {
        "patient" | "subject" => {
            for value in values {
                match patient(value, base) {
                    Some(key) => filter.patients.push(key.to_string()),
                    None => return reading.wrong(IssueType::Value, place, "a patient is Patient/id, by an id of ours"),
                }
            }
        }
        "caseload" => filter.lists = values.iter().map(|key| (*key).to_owned()).collect(),
        "organization" => {
            for value in values {
                let code = value.rsplit('|').next().unwrap_or(value).to_ascii_uppercase();
                if !(1..=20).contains(&code.len()) || !code.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                    return reading.wrong(IssueType::Value, place, "an organization is an ODS code");
                }
                filter.organisations.push(code);
            }
        }
        _ => {
            for value in values {
                match Topic::of(value).filter(|topic| family.topics().contains(topic)) {
                    Some(topic) => filter.topics.push(topic),
                    None => {
                        let known: Vec<&str> = family.topics().iter().map(|topic| topic.code()).collect();
                        let words = format!("the events of this topic are {}", known.join(", "));
                        return reading.wrong(IssueType::CodeInvalid, place, words);
                    }
                }
            }
        }
    }
}

fn patient(text: &str, base: Option<&str>) -> Option<PatientKey> {
    match Reference::parse(text) {
        Reference::Relative { kind: ResourceType::Patient, id, version: None } => id.parse().ok(),
        Reference::Absolute { base: server, kind: ResourceType::Patient, id, version: None } => {
            if base.is_none_or(|base| base == server) { id.parse().ok() } else { None }
        }
        Reference::Other(id) => id.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn subscription(filters: &[&str]) -> Value {
        let filters: Vec<Value> = filters
            .iter()
            .map(|text| json!({"url": format!("{BACKPORT}backport-filter-criteria"), "valueString": text}))
            .collect();
        json!({"resourceType": "Subscription", "status": "requested", "reason": "Our patients",
            "criteria": Family::Admissions.canonical(), "_criteria": {"extension": filters},
            "channel": {"type": "rest-hook", "endpoint": "https://app.example/hook", "payload": "application/fhir+json",
                "_payload": {"extension": [{"url": format!("{BACKPORT}backport-payload-content"), "valueCode": "id-only"}]}}})
    }

    fn place(resource: &Value) -> String {
        let issues = read(resource, Some("https://record.example/fhir")).expect_err("refused");
        assert_eq!(issues.len(), 1, "{issues:?}");
        assert!(issues.iter().all(|issue| !issue.diagnostics.is_empty()));
        issues.into_iter().next().and_then(|issue| issue.expression).unwrap_or_default()
    }

    fn with(pointer: &str, value: Value) -> Value {
        let mut resource = subscription(&[]);
        let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
        resource.pointer_mut(parent).expect("a parent")[name] = value;
        resource
    }

    #[test]
    fn what_is_asked_for_is_read() {
        let asked = read(
            &subscription(&["Encounter?caseload=practice:X81001&event=admitted,discharged", "organization=rxx"]),
            None,
        );
        let asked = asked.expect("read");
        assert_eq!(asked.filter.lists, ["practice:X81001"]);
        assert_eq!(asked.filter.topics, [Topic::Admitted, Topic::Discharged]);
        assert_eq!(asked.filter.organisations, ["RXX"]);
        assert_eq!(
            (asked.channel, asked.content, asked.timeout, asked.count),
            (Channel::RestHook, Content::IdOnly, 10, 20)
        );
        let all = read(&subscription(&[]), None).expect("read");
        assert_eq!(all.filter.topics, Family::Admissions.topics());
        let ours = "https://record.example/fhir/Patient/0000000000001,Patient/0000000000002,0000000000003";
        let three = read(&subscription(&[&format!("patient={ours}")]), Some("https://record.example/fhir"));
        assert_eq!(three.expect("read").filter.patients.len(), 3);
        let mut settings = subscription(&[]);
        settings["channel"]["extension"] = json!([
            {"url": format!("{BACKPORT}backport-heartbeat-period"), "valueUnsignedInt": 60},
            {"url": format!("{BACKPORT}backport-timeout"), "valueUnsignedInt": 600},
            {"url": format!("{BACKPORT}backport-max-count"), "valuePositiveInt": 5}]);
        settings["channel"]["header"] = json!(["Authorization: Bearer abc", "X-Skein-Secret: 0123456789abcdef"]);
        let asked = read(&settings, None).expect("read");
        assert_eq!((asked.heartbeat, asked.timeout, asked.count), (Some(60), TIMEOUT_MAX, 5));
        assert_eq!(asked.headers, [("authorization".to_owned(), "Bearer abc".to_owned())]);
        assert_eq!(asked.secret.as_deref(), Some("0123456789abcdef"));
        assert!(!format!("{asked:?}").contains("abc"), "no credential in a log");
    }

    #[test]
    fn what_cannot_be_read_is_named_by_its_place() {
        let place_of = |filter: &str| place(&subscription(&[filter]));
        let first = "Subscription.criteria.extension[0]";
        for filter in [
            "",
            "patient=",
            "patient=Patient/../../etc",
            "patient=https://elsewhere.example/fhir/Patient/0000000000001",
            "patient:missing=true",
            "name=Smith",
            "Observation?patient=0000000000001",
            "event=result-final",
            "event=admitted&event=moved",
            "organization=%27%20OR%201",
        ] {
            assert_eq!(place_of(filter), first, "{filter}");
        }
        let both = subscription(&["patient=0000000000001", "caseload=practice:X81001"]);
        assert_eq!(place(&both), "Subscription.criteria.extension");
        for (pointer, value, expected) in [
            ("/criteria", json!("Observation?code=1"), "Subscription.criteria"),
            ("/status", json!("on"), "Subscription.status"),
            ("/end", json!("tomorrow"), "Subscription.end"),
            ("/channel/type", json!("email"), "Subscription.channel.type"),
            ("/channel/endpoint", json!(""), "Subscription.channel.endpoint"),
            ("/channel/payload", json!("application/fhir+xml"), "Subscription.channel.payload"),
            ("/channel/header", json!(["Host: internal"]), "Subscription.channel.header[0]"),
            ("/channel/header", json!(["Content-Length: 0"]), "Subscription.channel.header[0]"),
            ("/channel/header", json!(["A: b\r\nHost: internal"]), "Subscription.channel.header[0]"),
            ("/channel/header", json!(["X-Skein-Signature: mine"]), "Subscription.channel.header[0]"),
            ("/channel/header", json!(["X-Skein-Secret: short"]), "Subscription.channel.header[0]"),
            ("/channel/_payload", json!({}), "Subscription.channel.payload.extension('…/backport-payload-content')"),
        ] {
            assert_eq!(place(&with(pointer, value.clone())), expected, "{pointer} {value}");
        }
    }

    #[test]
    fn a_huge_filter_is_refused_before_it_is_looked_at() {
        let many = vec!["0000000000001"; PATIENTS_MAX + 1].join(",");
        assert_eq!(place(&subscription(&[&format!("patient={many}")])), "Subscription.criteria.extension[0]");
        let long = format!("caseload={}", "x".repeat(LINE_CHARS_MAX));
        assert_eq!(place(&subscription(&[&long])), "Subscription.criteria.extension[0]");
        let lines = vec!["event=admitted"; 500];
        assert!(read(&subscription(&lines), None).expect_err("refused").len() <= LINES_MAX + 1);
    }
}
