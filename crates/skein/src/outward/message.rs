//! An ADT message (HL7 v2.5 §3.3) from an event and what the record says now. Pure: the same in gives the same out, but for
//! the time it is sent.

use ::notify::{Event, Topic, facts};
use fhir::{
    Resource, Value,
    datetime::{DateTime, london},
};
use hl7v2::{Separators, escape};
use jiff::Timestamp;
use record::announce::{Announced, Subject};

/// Who sends to whom, of MSH-3 to MSH-6, and whose numbers are ours.
#[derive(Clone, Debug, Default)]
pub struct Ends {
    /// MSH-3 and MSH-4.
    pub sending: (String, String),
    /// MSH-5 and MSH-6.
    pub receiving: (String, String),
    /// The region's code.
    pub region: String,
}

/// A trigger event and the structure of its message (HL7 table 0354).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// `A01`.
    pub code: &'static str,
    structure: &'static str,
}

/// What message tells an event, or takes it back; None: no ADT message does.
pub fn trigger(topic: Topic, takes_back: bool) -> Option<Trigger> {
    let (code, structure) = match (topic, takes_back) {
        (Topic::Attended, false) => ("A04", "ADT_A01"),
        (Topic::Admitted, false) => ("A01", "ADT_A01"),
        (Topic::Moved, false) => ("A02", "ADT_A02"),
        (Topic::ExpectedDischarge, _) => ("A08", "ADT_A01"),
        (Topic::Discharged, false) => ("A03", "ADT_A03"),
        // A11 takes back a registration (A04) as well as an admission (§3.3.11).
        (Topic::Attended | Topic::Admitted, true) => ("A11", "ADT_A09"),
        (Topic::Moved, true) => ("A12", "ADT_A09"),
        (Topic::Discharged, true) => ("A13", "ADT_A01"),
        _ => return None,
    };
    Some(Trigger { code, structure })
}

/// MSH-10: the same for the same event for ever, so that a receiver knows one that comes twice, and another for every other
/// event, even when events were numbered anew. Says nothing about anybody.
pub fn control_id(region: &str, event: &Event) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in [region, &event.seq.to_string(), &event.story.to_string(), event.topic.code(), &event.key] {
        hasher.update(part.as_bytes());
        hasher.update(&[0]);
    }
    hasher.update(if event.corrects.is_some() { b"-" } else { b"+" });
    // MSH-10 has room for twenty characters up to version 2.5 (§2.14.9.10).
    format!("S{}", hasher.finalize().to_hex().get(..19).unwrap_or_default())
}

/// The message. `organisation`: the ODS code of who says so; not told of people whose whereabouts are withheld.
pub fn adt(
    ends: &Ends,
    event: &Event,
    trigger: Trigger,
    about: &Announced,
    organisation: &str,
    now: Timestamp,
) -> Vec<u8> {
    let s = Separators::default();
    let text = |text: &str| escape::escape(text, &s).into_owned();
    let organisation = if about.subject.restricted { "" } else { organisation };
    let Trigger { code, structure } = trigger;
    let header = segment(
        "MSH",
        &[
            (2, "^~\\&".into()),
            (3, text(&ends.sending.0)),
            (4, text(&ends.sending.1)),
            (5, text(&ends.receiving.0)),
            (6, text(&ends.receiving.1)),
            (7, time(now)),
            (9, format!("ADT^{code}^{structure}")),
            (10, control_id(&ends.region, event)),
            (11, "P".into()),
            (12, "2.5".into()),
            (18, "UNICODE UTF-8".into()),
        ],
    );
    let happened = segment(
        "EVN",
        &[
            (1, code.into()),
            (2, time(event.recorded)),
            (6, event.occurred.map(time).unwrap_or_default()),
            (7, text(organisation)),
        ],
    );
    let mut lines = vec![header, happened, person(&about.subject, event, ends, &s)];
    let empty = Resource::new(event.story.kind);
    let stay = about.resource.as_ref().unwrap_or(&empty);
    lines.push(visit(stay, event, trigger, ends, organisation, &s));
    if event.topic == Topic::ExpectedDischarge {
        // A day that was taken away is deleted, not left as it was (§2.5.3).
        let day = match event.corrects {
            Some(_) => "\"\"".to_owned(),
            None => event.key.replace('-', ""),
        };
        lines.push(segment("PV2", &[(9, day)]));
    }
    lines.iter().flat_map(|line| line.bytes().chain([b'\r'])).collect()
}

/// A segment from its fields by number, in order.
fn segment(name: &str, fields: &[(usize, String)]) -> String {
    let mut line = name.to_owned();
    // MSH-1 is the separator itself.
    let mut at = usize::from(name == "MSH");
    for (number, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        line.extend(std::iter::repeat_n('|', number.saturating_sub(at)));
        at = *number;
        line.push_str(value);
    }
    line
}

fn time(at: Timestamp) -> String {
    at.to_zoned(london().clone()).strftime("%Y%m%d%H%M%S%z").to_string()
}

/// As much of a FHIR date or time as was said.
fn said(text: &str) -> String {
    if text.len() <= 10 {
        return text.replace('-', "");
    }
    DateTime::parse(text).map(|at| time(at.first(london()))).unwrap_or_default()
}

/// Identifiers, name, date of birth and sex; nothing that says where somebody lives or how to reach them.
fn person(subject: &Subject, event: &Event, ends: &Ends, s: &Separators) -> String {
    let text = |text: &str| escape::escape(text, s).into_owned();
    let own = format!("{}^^^SKEIN-{}^PI", event.story.id.patient, text(&ends.region.to_uppercase()));
    let ids = match &subject.nhs {
        Some((number, _)) => format!("{number}^^^NHS^NH~{own}"),
        None => own,
    };
    let name = subject.name.as_ref().map(|name| {
        let mut given = name.given.iter();
        let first = given.next().cloned().unwrap_or_default();
        let further = given.cloned().collect::<Vec<_>>().join(" ");
        let title = name.title.clone().unwrap_or_default();
        let parts = [name.family.as_str(), &first, &further, "", &title].map(text);
        parts.join("^").trim_end_matches('^').to_owned()
    });
    let sex = match subject.gender.as_deref() {
        Some("male") => "M",
        Some("female") => "F",
        Some("other") => "O",
        _ => "U",
    };
    let traced = match &subject.nhs {
        Some((_, true)) => "NSTS01",
        Some((_, false)) => "NSTS02",
        None => "",
    };
    segment(
        "PID",
        &[
            (1, "1".into()),
            (3, ids),
            (5, name.unwrap_or_default()),
            (7, subject.born.as_deref().map(said).unwrap_or_default()),
            (8, sex.into()),
            (32, traced.into()),
        ],
    )
}

/// A ward and perhaps a bed (PL), and what tells the ward from others.
struct Place {
    ward: String,
    written: String,
}

fn places(stay: &Resource, organisation: &str, s: &Separators) -> Vec<(Place, bool)> {
    let text = |value: &Value, member: &str| value.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut places = Vec::new();
    for place in stay.list("location") {
        let Some(location) = place.get("location").filter(|_| text(place, "status") != "planned") else { continue };
        let own = location.pointer("/identifier/value").and_then(Value::as_str).unwrap_or_default();
        let is_bed = place.pointer("/physicalType/coding/0/code").and_then(Value::as_str) == Some("bd");
        let (ward, bed) = match own.rsplit_once('|') {
            Some((ward, bed)) if is_bed => (ward, bed),
            _ => (own, ""),
        };
        let display = text(location, "display");
        let ward = match (ward, text(location, "reference")) {
            ("", named) if !named.is_empty() => named,
            ("", _) => display.clone(),
            (ward, _) => ward.to_owned(),
        };
        let point = ward.rsplit('|').next().unwrap_or(&ward);
        let parts = [point, "", bed, organisation, "", "", "", "", &display].map(|part| escape::escape(part, s));
        let written = parts.join("^").trim_end_matches('^').to_owned();
        places.push((Place { ward, written }, text(place, "status") == "active"));
    }
    places
}

/// The place an event is about, and the one before.
fn place(stay: &Resource, event: &Event, organisation: &str, s: &Separators) -> (String, String) {
    let places = places(stay, organisation, s);
    // Beds of one ward are one place: what is told is a move between wards.
    let mut wards: Vec<&Place> = Vec::new();
    for (place, _) in &places {
        match wards.last_mut() {
            Some(last) if last.ward == place.ward => *last = place,
            _ => wards.push(place),
        }
    }
    let now = places.iter().rposition(|(_, active)| *active).or(places.len().checked_sub(1));
    let now = now.and_then(|at| places.get(at)).map(|(place, _)| place.written.clone()).unwrap_or_default();
    match (event.topic, event.corrects) {
        // Where the stay began is told with the admission, though the news of a move came before this is sent.
        (Topic::Admitted, None) => {
            (wards.first().map(|place| place.written.clone()).unwrap_or_default(), String::new())
        }
        (Topic::Moved, None) => {
            let (ward, nth) = event.key.rsplit_once('#').unwrap_or((&event.key, "0"));
            let nth: usize = nth.parse().unwrap_or(0);
            let at = wards.iter().enumerate().filter(|(_, place)| place.ward == ward).map(|(at, _)| at).nth(nth);
            let of = |at: Option<usize>| at.and_then(|at| wards.get(at)).map(|place| place.written.clone());
            (of(at).unwrap_or(now), of(at.and_then(|at| at.checked_sub(1))).unwrap_or_default())
        }
        _ => (now, String::new()),
    }
}

fn visit(stay: &Resource, event: &Event, trigger: Trigger, ends: &Ends, organisation: &str, s: &Separators) -> String {
    let text = |text: &str| escape::escape(text, s).into_owned();
    let class = match stay.str_at("/class/code").unwrap_or_default() {
        "EMER" => "E",
        "AMB" => "O",
        code if facts::is_inpatient(code) => "I",
        _ if event.topic == Topic::Attended => "E",
        _ => "I",
    };
    let (place, before) = place(stay, event, organisation, s);
    let attending = stay
        .list("participant")
        .iter()
        .find(|participant| participant.pointer("/type/0/coding/0/code").and_then(Value::as_str) == Some("ATND"));
    let attending = attending.and_then(|participant| participant.get("individual")).map(|who| {
        let of = |pointer: &str| who.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        format!("{}^{}", text(of("/identifier/value")), text(of("/display"))).trim_end_matches('^').to_owned()
    });
    let at = |pointer: &str| stay.str_at(pointer).map(said).unwrap_or_default();
    let ended = if trigger.code == "A03" { at("/period/end") } else { String::new() };
    segment(
        "PV1",
        &[
            (1, "1".into()),
            (2, class.into()),
            (3, place),
            (6, before),
            (7, attending.unwrap_or_default()),
            (19, format!("{}^^^SKEIN-{}^VN", event.story.id, text(&ends.region.to_uppercase()))),
            (44, at("/period/start")),
            (45, ended),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::notify::{Standing, StoryKey};
    use fhir::{PatientKey, PersonKey, ResourceId, ResourceType};
    use record::text::Name;
    use serde_json::json;

    fn event(topic: Topic, key: &str, corrects: Option<u64>) -> Event {
        let id = ResourceId { patient: PatientKey(7), local: 9 };
        let at: Timestamp = "2026-07-01T09:30:00Z".parse().unwrap();
        Event {
            n: 5,
            seq: 41,
            person: PersonKey(3),
            story: StoryKey { id, kind: ResourceType::Encounter },
            topic,
            key: key.into(),
            occurred: Some(at),
            recorded: at,
            corrects,
            standing: if corrects.is_some() { Standing::TakesBack } else { Standing::Holds },
        }
    }

    fn place(value: &str, kind: &str, status: &str) -> Value {
        json!({"location": {"identifier": {"value": value}, "display": value.replace('|', " ")}, "status": status,
            "physicalType": {"coding": [{"code": kind}]}})
    }

    fn about(restricted: bool) -> Announced {
        let places = [
            place("W12|B4", "bd", "completed"),
            place("W12|B5", "bd", "completed"),
            place("W7", "wa", "completed"),
            place("W12|B1", "bd", "active"),
        ];
        let mut stay = json!({"resourceType": "Encounter", "class": {"code": "IMP"}, "status": "in-progress",
            "participant": [{"type": [{"coding": [{"code": "ATND"}]}], "individual": {"identifier": {"value": "C345"}, "display": "Dr Samuel Darwin"}}],
            "period": {"start": "2026-07-01T10:00:00+01:00"}});
        if !restricted {
            stay["location"] = json!(places);
        }
        let name =
            Name { family: "O'Neill|X".into(), given: vec!["Ann".into(), "Mary".into()], title: Some("Mrs".into()) };
        let subject = Subject {
            nhs: Some(("9990000042".into(), true)),
            name: Some(name),
            born: Some("1930-07-14".into()),
            gender: Some("female".into()),
            restricted,
        };
        Announced {
            subject,
            locals: vec![],
            resource: Some(Resource::from_slice(stay.to_string().as_bytes()).unwrap()),
        }
    }

    fn message(event: &Event, about: &Announced) -> String {
        let ends = Ends {
            sending: ("SKEIN".into(), "WESSEX".into()),
            receiving: ("CARE".into(), "719".into()),
            region: "wessex".into(),
        };
        let trigger = trigger(event.topic, event.corrects.is_some()).unwrap();
        let now = "2026-07-01T10:00:00Z".parse().unwrap();
        String::from_utf8(adt(&ends, event, trigger, about, "RXX", now)).unwrap()
    }

    fn field(message: &str, segment: &str, number: usize) -> String {
        let line = message.split('\r').find(|line| line.starts_with(segment)).unwrap_or_default();
        let at = if segment == "MSH" { number - 1 } else { number };
        line.split('|').nth(at).unwrap_or_default().to_owned()
    }

    #[test]
    fn an_admission_says_who_where_and_since_when() {
        let said = message(&event(Topic::Admitted, "", None), &about(false));
        assert_eq!(field(&said, "MSH", 9), "ADT^A01^ADT_A01");
        assert_eq!(
            (field(&said, "MSH", 3), field(&said, "MSH", 6), field(&said, "MSH", 12)),
            ("SKEIN".into(), "719".into(), "2.5".into())
        );
        assert_eq!(field(&said, "EVN", 6), "20260701103000+0100");
        assert_eq!(field(&said, "PID", 3), "9990000042^^^NHS^NH~0000000000007^^^SKEIN-WESSEX^PI");
        assert_eq!(field(&said, "PID", 5), "O'Neill\\F\\X^Ann^Mary^^Mrs", "what separates is escaped");
        assert_eq!((field(&said, "PID", 7), field(&said, "PID", 8)), ("19300714".into(), "F".into()));
        assert_eq!((field(&said, "PID", 11), field(&said, "PID", 13)), (String::new(), String::new()));
        assert_eq!(field(&said, "PID", 32), "NSTS01");
        assert_eq!(field(&said, "PV1", 2), "I");
        // Where it began, in the last bed of the first ward.
        assert_eq!(field(&said, "PV1", 3), "W12^^B5^RXX^^^^^W12 B5");
        assert_eq!(field(&said, "PV1", 7), "C345^Dr Samuel Darwin");
        assert_eq!(field(&said, "PV1", 44), "20260701100000+0100");
        assert_eq!(hl7v2::parse(said.as_bytes()).message.unwrap().header().control_id, field(&said, "MSH", 10));
        assert!(field(&said, "MSH", 10).len() <= 20);
    }

    #[test]
    fn each_move_says_its_own_ward_and_the_one_before() {
        let there = message(&event(Topic::Moved, "W7#0", None), &about(false));
        assert_eq!(
            (field(&there, "MSH", 9), field(&there, "PV1", 3)),
            ("ADT^A02^ADT_A02".into(), "W7^^^RXX^^^^^W7".into())
        );
        assert_eq!(field(&there, "PV1", 6), "W12^^B5^RXX^^^^^W12 B5");
        let back = message(&event(Topic::Moved, "W12#1", None), &about(false));
        assert_eq!(field(&back, "PV1", 3), "W12^^B1^RXX^^^^^W12 B1");
        assert_eq!(field(&back, "PV1", 6), "W7^^^RXX^^^^^W7");
    }

    #[test]
    fn of_the_restricted_no_place_and_no_organisation_is_told() {
        for topic in [Topic::Attended, Topic::Admitted, Topic::Moved, Topic::Discharged] {
            let said = message(&event(topic, "W7#0", None), &about(true));
            assert!(!said.contains("W7") && !said.contains("W12") && !said.contains("RXX"), "{said}");
            assert_eq!(field(&said, "PID", 3).get(..10), Some("9990000042"));
        }
    }

    #[test]
    fn taking_back_has_messages_of_its_own() {
        for (topic, code) in
            [(Topic::Attended, "A11"), (Topic::Admitted, "A11"), (Topic::Moved, "A12"), (Topic::Discharged, "A13")]
        {
            let said = message(&event(topic, "W7#0", Some(3)), &about(false));
            assert!(field(&said, "MSH", 9).starts_with(&format!("ADT^{code}^")), "{said}");
        }
        let set = message(&event(Topic::ExpectedDischarge, "2026-07-09", None), &about(false));
        assert_eq!((field(&set, "MSH", 9), field(&set, "PV2", 9)), ("ADT^A08^ADT_A01".into(), "20260709".into()));
        let gone = message(&event(Topic::ExpectedDischarge, "2026-07-09", Some(3)), &about(false));
        assert_eq!(field(&gone, "PV2", 9), "\"\"");
    }

    #[test]
    fn an_event_has_one_number_for_ever_and_no_other_has_it() {
        let admitted = event(Topic::Admitted, "", None);
        let again = Event { n: 99, recorded: Timestamp::UNIX_EPOCH, ..admitted.clone() };
        assert_eq!(control_id("r", &admitted), control_id("r", &again), "numbered anew, it is the same event");
        let others = [
            Event { seq: 42, ..admitted.clone() },
            Event { topic: Topic::Discharged, ..admitted.clone() },
            Event { corrects: Some(5), ..admitted.clone() },
            Event { key: "x".into(), ..admitted.clone() },
        ];
        assert!(others.iter().all(|other| control_id("r", other) != control_id("r", &admitted)));
    }
}
