//! What is thrown at, and what must hold of it whatever comes: no panic, and the promises each part makes. Used by the fuzzer
//! (`fuzz_targets/`) and by a test of the suite, which runs every input that ever found something.

use fhir::{DateTime, ResourceType, search};
use record::sections::documents::{File, Place};
use std::convert::Infallible;

/// A target: its name, and what it does with bytes.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const ALL: [Target; 10] = [
    ("hl7_message", hl7_message),
    ("mllp_frames", mllp_frames),
    ("hl7_mapping", hl7_mapping),
    ("fhir_bundle", fhir_bundle),
    ("search_query", search_query),
    ("dates_and_references", dates_and_references),
    ("policy_inputs", policy_inputs),
    ("letters", letters),
    ("typed_search", typed_search),
    ("session_cookies", session_cookies),
];

/// A message gives back its bytes, and each of its parts can be asked for; answering it cannot fail.
pub fn hl7_message(data: &[u8]) {
    let parsed = hl7v2::parse(data);
    assert!(parsed.notes.len() <= 65, "{} notes", parsed.notes.len());
    let answer = hl7v2::ack::Answer {
        code: hl7v2::ack::Code::AA,
        control_id: "1",
        now: "20260301120000",
        text: "",
        errors: &[],
    };
    let answered = hl7v2::ack::build(parsed.message.as_ref(), &answer);
    assert!(hl7v2::parse(&answered).message.is_some(), "an answer that is no message");
    let Some(message) = parsed.message else { return };
    assert_eq!(message.raw(), data, "the bytes changed");
    for segment in message.segments() {
        for field in segment.fields() {
            let _ = (field.text(), field.whole(), field.state(), field.location());
            for rep in field.reps() {
                for comp in rep.comps() {
                    let _ = comp.text();
                }
            }
        }
    }
}

/// However a stream is cut into pieces, the same frames come of it; and what is framed comes back.
pub fn mllp_frames(data: &[u8]) {
    let events = |pieces: usize| {
        let mut decoder = hl7v2::mllp::Decoder::new(4_096);
        let mut frames = Vec::new();
        for piece in data.chunks(pieces.max(1)) {
            decoder.feed(piece);
            loop {
                match decoder.next_event() {
                    hl7v2::mllp::Event::NeedMore => break,
                    hl7v2::mllp::Event::Frame(frame) => frames.push(frame),
                    _ => {}
                }
            }
        }
        frames
    };
    let whole = events(data.len());
    for pieces in [1, 2, 7, 64] {
        assert_eq!(events(pieces), whole, "cut into pieces of {pieces}");
    }
    if !data.iter().any(|byte| matches!(byte, 0x0b | 0x1c)) && !data.is_empty() && data.len() < 4_000 {
        let mut decoder = hl7v2::mllp::Decoder::new(4_096);
        decoder.feed(&hl7v2::mllp::encode(data));
        assert_eq!(decoder.next_event(), hl7v2::mllp::Event::Frame(data.to_vec()), "what was framed");
    }
}

const PROFILE: &str = "source = \"rxx\"\nname = \"Hospital\"\nkind = \"hospital\"\nods = \"RXX\"\n";

fn received() -> jiff::Timestamp {
    jiff::Timestamp::from_second(1_780_000_000).unwrap_or_default()
}

/// Mapping is a pure function: twice the same; and every resource it gives can be read.
pub fn hl7_mapping(data: &[u8]) {
    let Some(message) = hl7v2::parse(data).message else { return };
    let Ok(profile) = mapping::Profile::from_toml(PROFILE) else { return };
    let region = fhir::Region::new("fuzz");
    let mapped = mapping::map_hl7v2(&region, &profile, &message, received());
    let again = mapping::map_hl7v2(&region, &profile, &message, received());
    assert_eq!(format!("{mapped:?}"), format!("{again:?}"), "another time otherwise");
}

struct Nothing;

impl mapping::bundle::Lookup for Nothing {
    type Error = Infallible;

    fn exists(&self, _: fhir::ResourceId, _: ResourceType) -> Result<bool, Infallible> {
        Ok(false)
    }

    fn source_of(&self, _: fhir::PatientKey) -> Result<Option<String>, Infallible> {
        Ok(None)
    }

    fn written_here(&self, _: fhir::ResourceId, _: ResourceType) -> Result<bool, Infallible> {
        Ok(false)
    }

    fn by_identifier(&self, _: ResourceType, _: Option<&str>, _: &str) -> Result<Vec<fhir::ResourceId>, Infallible> {
        Ok(Vec::new())
    }
}

/// A request gives changes or findings, twice the same.
pub fn fhir_bundle(data: &[u8]) {
    let region = fhir::Region::new("fuzz");
    let limits = mapping::bundle::Limits::default();
    let request = mapping::bundle::Request::default();
    let map = || {
        let Ok(mapped) = mapping::bundle::map_fhir(&region, "gp", &request, data, received(), &limits, &Nothing);
        format!("{:?}", mapped.set)
    };
    assert_eq!(map(), map(), "another time otherwise");
}

/// A search is read or refused with issues; what was read can be asked of a resource; names and values survive encoding.
pub fn search_query(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let pairs = search::parse_pairs(text);
    let written: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", search::encode_component(name), search::encode_component(value)))
        .collect();
    assert_eq!(search::parse_pairs(&written.join("&")), pairs, "another query than was encoded");
    let settings = search::Settings { now: received(), base: None, handling: search::Handling::Lenient };
    let about = serde_json::json!({"resourceType": "Observation", "id": "a", "status": "final", "code": {"text": "x"},
        "subject": {"reference": "Patient/p"}, "effectiveDateTime": "2026-03-01", "valueQuantity": {"value": 4.2, "unit": "mmol/L"}});
    let Ok(resource) = fhir::Resource::from_value(about) else { return };
    for kind in [ResourceType::Observation, ResourceType::Patient, ResourceType::Encounter] {
        match search::Query::parse(kind, &pairs, &settings) {
            Ok(query) => {
                let neighbours = search::Neighbours::new([&resource]);
                let _ = query.matches(&resource, &neighbours);
                let values = query.sort_values(&resource);
                assert_eq!(query.compare(&values, &values), std::cmp::Ordering::Equal);
            }
            Err(issues) => assert!(!issues.is_empty(), "refused without a reason"),
        }
    }
}

/// A date that is read begins before it ends; a reference and an NHS number are read or refused.
pub fn dates_and_references(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(when) = DateTime::parse(text) {
        let interval = when.interval(fhir::datetime::london());
        assert!(interval.contains(&interval) && interval.overlaps(&interval), "{text}");
    }
    let _ = (fhir::datetime::parse_time(text), DateTime::parse_date(text), DateTime::parse_instant(text));
    let _ = fhir::reference::Reference::parse(text).target();
    if let Ok(number) = fhir::NhsNumber::parse(text) {
        assert_eq!(fhir::NhsNumber::parse(number.as_str()).ok(), Some(number), "{text}");
    }
}

/// Who asks, and what an entry says, are somebody else's words: the policies rule on any of them.
pub fn policy_inputs(data: &[u8]) {
    use std::sync::OnceLock;
    static POLICIES: OnceLock<Option<access::policy::Policies>> = OnceLock::new();
    let Some(policies) = POLICIES.get_or_init(|| access::policy::Policies::builtin().ok()) else { return };
    let text = String::from_utf8_lossy(data);
    let mut parts = text.splitn(4, '\n');
    let mut part = || parts.next().unwrap_or_default();
    let (role, organisation, kind, rest) = (part(), part(), part(), part());
    let user = access::User::staff("fuzz", "Fuzz", (role, role), (organisation, organisation));
    let ruling = policies.desk(&user, kind, access::policy::Desk::Privacy);
    // Nobody becomes a privacy officer by a strange name.
    assert!(!ruling.allowed || role.contains(':') || role.starts_with('R'), "{role:?} may");
    for kind in [ResourceType::Observation, ResourceType::Condition, ResourceType::DocumentReference] {
        let first = policies.labels().class(kind, rest.as_bytes());
        assert_eq!(format!("{first:?}"), format!("{:?}", policies.labels().class(kind, rest.as_bytes())));
    }
}

/// A letter's words are found, whatever its sender calls it, or it is said why not.
pub fn letters(data: &[u8]) {
    for kind in ["", "text/plain", "text/html", "application/rtf", "application/octet-stream"] {
        let file = File { index: 0, media_type: kind.into(), title: None, place: Place::Inline, bytes: None };
        if let Err(shut) = record::letter_text::text_of(&file, Some(data)) {
            assert!(!shut.words().is_empty(), "shut without a reason");
        }
    }
}

/// Whatever is typed into the one field of the search.
pub fn typed_search(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let typed = identity::Typed::read(text, jiff::civil::date(2026, 6, 1));
    let _ = (typed.enough(), typed.asked());
}

/// Whatever a browser sends as its cookies, nobody is signed in by it but whoever holds a session's token; and who holds one is,
/// whatever stands beside it.
pub fn session_cookies(data: &[u8]) {
    use axum::http::{HeaderMap, HeaderValue, header::COOKIE};
    use std::sync::OnceLock;
    static BEGUN: OnceLock<Option<(web::Sessions, String)>> = OnceLock::new();
    let begun = BEGUN.get_or_init(|| {
        let sessions = web::Sessions::default();
        let user = access::User::staff("fuzz", "Fuzz", ("R8000", "Doctor"), ("RXX", "Hospital"));
        let token = sessions.begin(web::Beginner { users: vec![user], by: None }, received())?;
        Some((sessions, token))
    });
    let Some((sessions, token)) = begun else { return };
    let signed_in = |cookies: &[u8], secure: bool| {
        let Ok(value) = HeaderValue::from_bytes(cookies) else { return false };
        web::user_of(sessions, &HeaderMap::from_iter([(COOKIE, value)]), secure, received()).is_some()
    };
    let text = String::from_utf8_lossy(data);
    // A header of other letters is none, and what is written in per cent may be our cookie's name as well.
    let harmless = data.iter().all(|byte| matches!(byte, b' '..=b'~') && *byte != b'%');
    for (secure, name) in [(true, "__Host-skein"), (false, "skein")] {
        assert!(
            !signed_in(data, secure) || text.contains(token.as_str()),
            "signed in by cookies that somebody made up"
        );
        let beside = [format!("{name}={token}; ").as_bytes(), data].concat();
        if harmless && !text.contains("skein") {
            assert!(signed_in(&beside, secure), "no longer signed in, with other cookies beside");
            assert!(!signed_in(&beside, !secure), "signed in by the cookie of another kind of line");
        }
    }
}
