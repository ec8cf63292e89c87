//! What a trace collector is sent: what happened to a request and to a message, step by step, and nothing about a person.

use crate::harness::{
    Region, Setup, http,
    region::{GP_TOKEN, READER_TOKEN},
    say::{Adt, SECRETS, ago},
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value as AnyValue},
    trace::v1::Span,
};
use prost::Message;
use serde_json::json;
use std::{
    collections::BTreeSet,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// Head, in small letters, and body of a request.
type Sent = (String, Vec<u8>);

/// A collector that speaks OTLP over HTTP, and beside it the endpoint of a subscription: both keep what comes.
struct Collector {
    address: SocketAddr,
    got: Arc<Mutex<Vec<Sent>>>,
    /// It takes connections and says nothing.
    silent: Arc<AtomicBool>,
}

fn take(mut stream: TcpStream) -> std::io::Result<(TcpStream, String, Vec<u8>)> {
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut bytes = Vec::new();
    let mut chunk = [0u8; 16 * 1024];
    loop {
        let read = stream.read(&mut chunk)?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&chunk[..read]);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let length: usize = head.split("content-length: ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
        if bytes.len() >= end + 4 + length {
            return Ok((stream, head, bytes[end + 4..end + 4 + length].to_vec()));
        }
    }
}

impl Collector {
    fn start() -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (got, silent) = (Arc::<Mutex<Vec<_>>>::default(), Arc::new(AtomicBool::new(false)));
        let (kept, quiet) = (Arc::clone(&got), Arc::clone(&silent));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (kept, quiet) = (Arc::clone(&kept), Arc::clone(&quiet));
                std::thread::spawn(move || {
                    let Ok((mut stream, head, body)) = take(stream) else { return };
                    kept.lock().unwrap().push((head, body));
                    if quiet.load(Ordering::Relaxed) {
                        std::thread::sleep(Duration::from_secs(60));
                    }
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                });
            }
        });
        Collector { address, got, silent }
    }

    fn configuration(&self) -> String {
        format!(
            "[traces]\nendpoint = \"http://{}\"\nratio = 1.0\n[outgoing]\nsubscription_hosts = [\"127.0.0.1\"]\n",
            self.address
        )
    }

    fn of(&self, path: &str) -> Vec<Sent> {
        let all = self.got.lock().unwrap();
        all.iter().filter(|(head, _)| head.starts_with(&format!("post {path} "))).cloned().collect()
    }

    fn requests(&self) -> Vec<ExportTraceServiceRequest> {
        let sent = self.of("/v1/traces");
        sent.iter().map(|(_, body)| ExportTraceServiceRequest::decode(body.as_slice()).unwrap()).collect()
    }

    fn spans(&self) -> Vec<Span> {
        let scopes = self.requests().into_iter().flat_map(|request| request.resource_spans).flat_map(|r| r.scope_spans);
        scopes.flat_map(|scope| scope.spans).collect()
    }

    /// Waits until the spans are as wanted.
    fn until(&self, what: &str, wanted: impl Fn(&[Span]) -> bool) -> Vec<Span> {
        let begun = Instant::now();
        loop {
            let spans = self.spans();
            if wanted(&spans) {
                return spans;
            }
            let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
            assert!(begun.elapsed() < Duration::from_secs(40), "{what} never came; there is {names:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn text(attributes: &[KeyValue], key: &str) -> String {
    let value =
        attributes.iter().find(|one| one.key == key).and_then(|one| one.value.clone()).and_then(|any| any.value);
    match value {
        Some(AnyValue::StringValue(text)) => text,
        Some(AnyValue::IntValue(number)) => number.to_string(),
        Some(other) => format!("{other:?}"),
        None => String::new(),
    }
}

fn named<'s>(spans: &'s [Span], name: &str) -> Vec<&'s Span> {
    spans.iter().filter(|span| span.name == name).collect()
}

fn children<'s>(spans: &'s [Span], of: &Span) -> Vec<&'s Span> {
    spans.iter().filter(|span| span.parent_span_id == of.span_id && span.trace_id == of.trace_id).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn subscribe(region: &Region, receiver: SocketAddr) {
    let url = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-payload-content";
    let subscription = json!({"resourceType": "Subscription", "status": "requested", "reason": "Everybody's stays",
        "criteria": "https://skein.example/fhir/SubscriptionTopic/admissions",
        "channel": {"type": "rest-hook", "endpoint": format!("http://{receiver}/hook"),
            "payload": "application/fhir+json", "_payload": {"extension": [{"url": url, "valueCode": "id-only"}]}}});
    region.fhir(READER_TOKEN, "POST", "/Subscription", subscription.to_string().as_bytes()).expect(201);
}

/// One message is one trace from the socket to the endpoint of a subscription, found by feed, source and journal position; who
/// is told hears of it.
#[test]
fn a_message_is_followed_from_its_feed_to_whoever_is_told() {
    let collector = Collector::start();
    let mut region = Region::start_with(Setup { more: collector.configuration(), ..Setup::default() });
    subscribe(&region, collector.address);
    let stay = Adt::new("A01", "1001", ago(30)).traced("9434765919").visit("V1", "OBS1").bytes();
    let mut pas = region.sender("rcb-adt");
    assert_eq!(pas.send(&stay).code(), "AA");
    let delivered =
        |spans: &[Span]| spans.iter().any(|s| s.name == "deliver" && text(&s.attributes, "skein.told") == "1");
    collector.until("a delivery", delivered);
    pas.send(&stay);
    let spans = collector.until("the repeat", |spans| named(spans, "message").len() == 2);
    let found = |outcome: &str| {
        *named(&spans, "message").iter().find(|span| text(&span.attributes, "skein.outcome") == outcome).unwrap()
    };
    let (message, repeat) = (found("stored"), found("repeat"));
    assert_eq!(text(&message.attributes, "skein.feed"), "rcb-adt");
    assert_eq!(text(&message.attributes, "skein.source"), "rcb");
    assert!(message.parent_span_id.is_empty(), "the root");
    assert_eq!((&repeat.trace_id, &repeat.parent_span_id), (&message.trace_id, &message.span_id));
    let position = text(&message.attributes, "skein.position");
    assert!(position.parse::<u64>().unwrap() > 0);
    let steps = children(&spans, message);
    for step in ["journal", "map", "apply", "follow", "deliver"] {
        let one = steps.iter().find(|span| span.name == step).unwrap_or_else(|| panic!("no {step} among {steps:#?}"));
        assert_eq!(text(&one.attributes, "skein.position"), position, "{step}");
        assert!(one.end_time_unix_nano >= one.start_time_unix_nano);
    }
    let writes = named(&spans, "journal.write");
    let position: u64 = position.parse().unwrap();
    let holds = |span: &&&Span| {
        let at = |key: &str| text(&span.attributes, key).parse::<u64>().unwrap_or(0);
        (at("skein.position.first")..=at("skein.position.last")).contains(&position)
    };
    assert_eq!(writes.iter().filter(holds).count(), 1, "one batch made it durable: {writes:#?}");
    // The endpoint was told which span it is called from.
    let deliver = steps.iter().find(|span| span.name == "deliver").unwrap();
    let place = format!("traceparent: 00-{}-{}-01", hex(&deliver.trace_id), hex(&deliver.span_id));
    let told = collector.of("/hook");
    assert!(told.iter().any(|(head, _)| head.contains(&place)), "{place} among {told:?}");
    // Of a FHIR request, its own trace names the position of what came of it.
    let patient = br#"{"resourceType":"Patient","identifier":[{"system":"https://gp.example/id","value":"77"}]}"#;
    region.fhir(GP_TOKEN, "POST", "/Patient", patient).expect(201);
    let spans = collector.until("the FHIR request", |spans| !named(spans, "POST /fhir/Patient").is_empty());
    let request = named(&spans, "POST /fhir/Patient")[0];
    let position = text(&request.attributes, "skein.position");
    assert!(spans.iter().any(|span| span.name == "apply" && text(&span.attributes, "skein.position") == position));
    assert!(region.stop().success());
}

/// A request is one span by its route, with what the gate decided, the wait for the audit, and reading within it; and part of its
/// caller's trace where it has one.
#[test]
fn a_request_goes_on_with_its_callers_trace_and_says_what_it_did_at_the_gate() {
    let collector = Collector::start();
    let region = Region::start_with(Setup { more: collector.configuration(), ..Setup::default() });
    region.sender("rcb-adt").send(&Adt::new("A01", "1001", ago(30)).traced("9434765919").visit("V1", "OBS1").bytes());
    let person = region.patient_by_nhs_number("9434765919");
    let bearer = format!("Bearer {READER_TOKEN}");
    let caller = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let headers = [("Authorization", bearer.as_str()), ("Traceparent", caller)];
    http::request(region.http(), "GET", &format!("/fhir/Patient/{person}/$everything"), &headers, b"").expect(200);
    let unsampled = [("Authorization", bearer.as_str()), ("Traceparent", &caller.replace("-01", "-00"))];
    http::request(region.http(), "GET", &format!("/fhir/Patient/{person}/_history"), &unsampled, b"").expect(200);
    http::request(region.http(), "GET", "/sign-in", &[], b"").expect(200);
    let route = "GET /fhir/Patient/{id}/$everything";
    let both = |spans: &[Span]| !named(spans, route).is_empty() && !named(spans, "GET /sign-in").is_empty();
    let spans = collector.until("the requests", both);
    let request = named(&spans, route)[0];
    assert_eq!(hex(&request.trace_id), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(hex(&request.parent_span_id), "00f067aa0ba902b7");
    assert_eq!(text(&request.attributes, "http.route"), "/fhir/Patient/{id}/$everything");
    assert_eq!(text(&request.attributes, "http.response.status_code"), "200");
    let within = children(&spans, request);
    let gate = within.iter().find(|span| span.name == "gate").expect("what the gate decided");
    assert_eq!(text(&gate.attributes, "skein.action"), "read-resources");
    assert_eq!(text(&gate.attributes, "skein.decision"), "permitted");
    for step in ["read", "audit"] {
        assert!(within.iter().any(|span| span.name == step), "{step} among {within:#?}");
    }
    let page = named(&spans, "GET /sign-in")[0];
    assert!(children(&spans, page).iter().any(|span| span.name == "render"), "{spans:#?}");
    assert!(named(&spans, "GET /fhir/Patient/{id}/_history").is_empty(), "its caller does not trace it");
    let resource = collector.requests().remove(0).resource_spans.remove(0).resource.unwrap();
    assert_eq!(text(&resource.attributes, "service.name"), "skein");
    assert!(text(&resource.attributes, "service.instance.id").ends_with(&format!(":{}", region.process())));
}

/// At the most talkative level, with good and bad messages, searches, refusals and deliveries: no name, no number, no key, no
/// query, in no attribute, name or anything else that is sent.
#[test]
fn nothing_about_a_person_is_traced() {
    nobody_is_traced(false);
}

/// Nor with the record in a database, whose transactions are traced by their length.
#[test]
fn nothing_about_a_person_is_traced_on_postgresql() {
    let spans = nobody_is_traced(true);
    let transactions = named(&spans, "transaction");
    // The most statements that one of them had.
    let of = |store: &str, outcome: &str| {
        let is = |span: &&&Span| {
            text(&span.attributes, "skein.store") == store && text(&span.attributes, "skein.outcome") == outcome
        };
        let statements = |span: &&Span| text(&span.attributes, "skein.statements").parse::<u64>().unwrap();
        transactions.iter().filter(is).map(statements).max().unwrap_or(0)
    };
    assert!(of("skein_journal", "committed") > 1, "the journal's are counted");
    assert!(of("skein_derived", "committed") > 1);
    assert!(of("skein_derived", "read") > 0);
}

fn nobody_is_traced(postgres: bool) -> Vec<Span> {
    let collector = Collector::start();
    let more = format!("{}[log]\nlevel = \"trace\"\n", collector.configuration());
    let mut region = Region::start_with(Setup { more, postgres, ..Setup::default() });
    subscribe(&region, collector.address);
    let mut pas = region.sender("rcb-adt");
    let named_so =
        Adt::new("A01", "LOCAL77", ago(30)).traced("9434765919").named("ZWICKYNAME^QUILLA").telephone("01904 777777");
    pas.send(&named_so.clone().visit("VISIT99", "OBS1").bytes());
    pas.send(&named_so.clone().born("19520231").bytes());
    pas.send(b"MSH|^~\\&|PAS|RCB|||20250301||ADT^A01|X1|P|2.4\rZWICKYNAME is no segment\r");
    let _ = pas.raw(b"ZWICKYNAME without a frame");
    let person = region.patient_by_nhs_number("9434765919");
    region.read(&format!("/Patient/{person}/$everything"));
    for path in [
        "/Patient?family=ZWICKYNAME&birthdate=1952-03-14".to_owned(),
        "/Patient?zwickyname=1".to_owned(),
        "/Patient/zwickyname".to_owned(),
        "/Zwickyname".to_owned(),
        format!("/Encounter?patient={person}"),
    ] {
        region.fhir(READER_TOKEN, "GET", &path, b"");
    }
    let whole = region.read(&format!("/Patient/{person}/$everything"));
    let entries = whole["entry"].as_array().unwrap();
    let keys: BTreeSet<String> =
        entries.iter().filter_map(|entry| Some(entry["resource"]["id"].as_str()?.to_lowercase())).collect();
    assert!(keys.len() > 1, "{whole}");
    region.fhir(GP_TOKEN, "POST", "", b"{\"resourceType\":\"Patient\",\"name\":\"ZWICKYNAME\"}");
    for path in [
        "/record/zwickyname",
        "/record/zwickyname/results?family=zwickyname",
        "/zwickyname",
        "/assets/zwicky/zwickyname",
    ] {
        http::request(region.http(), "GET", path, &[("User-Agent", "zwickyname"), ("Traceparent", "zwickyname")], b"");
        http::request(
            region.http(),
            "ZWICKYNAME",
            path,
            &[("Tracestate", "zwickyname=1"), ("Baggage", "name=zwickyname")],
            b"",
        );
    }
    collector.until("a delivery", |spans| spans.iter().any(|span| span.name == "deliver"));
    assert!(region.stop().success(), "what is left is sent at the end");
    let spans = collector.spans();
    assert!(spans.len() > 40, "it does trace: {}", spans.len());
    let refused = spans.iter().any(|span| text(&span.attributes, "http.request.method") == "_OTHER");
    assert!(refused, "a method of its own making came through");
    let sent: Vec<String> = collector
        .of("/v1/traces")
        .iter()
        .map(|(head, body)| format!("{head}\n{}", String::from_utf8_lossy(body).to_lowercase()))
        .collect();
    let mut secrets: Vec<&str> = SECRETS.to_vec();
    secrets.push("visit99");
    secrets.extend(keys.iter().map(String::as_str));
    for secret in secrets {
        for text in &sent {
            let at = text.find(secret).map(|at| text.chars().skip(at.saturating_sub(60)).take(160).collect::<String>());
            assert!(at.is_none(), "{secret} was sent to the collector: {at:?}");
        }
    }
    spans
}

/// A collector that is not there, or takes and never answers: nothing waits for it, it is said once, and said when it is back.
#[test]
fn a_collector_that_is_away_holds_nothing_up_and_is_spoken_of_once() {
    let collector = Collector::start();
    collector.silent.store(true, Ordering::Relaxed);
    let mut region = Region::start_with(Setup { more: collector.configuration(), ..Setup::default() });
    let away = "the trace collector does not take spans";
    let begun = Instant::now();
    let mut sent = 0;
    while region.log().matches(away).count() == 0 || sent < 40 {
        let adt = Adt::new("A08", "1001", ago(30)).and(&format!("ZZZ|{sent}"));
        let asked = Instant::now();
        assert_eq!(region.sender("rcb-adt").send(&adt.bytes()).code(), "AA");
        assert!(asked.elapsed() < Duration::from_secs(4), "an answer waited for the collector: {:?}", asked.elapsed());
        sent += 1;
        assert!(begun.elapsed() < Duration::from_secs(40), "never said: {}", region.log());
        std::thread::sleep(Duration::from_millis(100));
    }
    collector.silent.store(false, Ordering::Relaxed);
    while !region.log().contains("the trace collector takes spans again") {
        region.sender("rcb-adt").send(&Adt::new("A08", "1001", ago(20)).bytes());
        assert!(begun.elapsed() < Duration::from_secs(60), "never said: {}", region.log());
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(region.log().matches(away).count(), 1, "{}", region.log());
    let told_to_stop = Instant::now();
    assert!(region.stop().success());
    assert!(told_to_stop.elapsed() < Duration::from_secs(15));
}

/// What is wrong with `[traces]` is said before anything starts, by its key.
#[test]
fn what_is_wrong_with_the_traces_table_is_named() {
    for (table, says) in [
        (
            "endpoint = \"http://collector.example:4318\"",
            "traces.endpoint: it is https://host:port, or http:// of a collector on this machine",
        ),
        ("endpoint = \"sesame\"", "traces.endpoint"),
        ("endpoint = \"https://user:sesame@collector.example\"", "traces.endpoint"),
        ("endpoint = \"http://127.0.0.1:4318?a=b\"", "traces.endpoint"),
        ("endpoint = \"https://collector.example\"\nauthorities = \"none.pem\"", "traces.authorities: cannot read"),
        ("endpoint = \"http://127.0.0.1:4318\"\nratio = 2.0", "traces.ratio is 0 to 1"),
        ("endpoint = \"http://127.0.0.1:4318\"\nsample = 1", "(sample)"),
    ] {
        let region = Region::prepared(Setup { more: format!("[traces]\n{table}\n"), ..Setup::default() });
        let (good, told, said) = region.skein(&["serve", "--check"]);
        assert!(!good && said.contains(says), "{table}: {told}{said}");
        assert!(!said.contains("sesame"), "{said}");
    }
    let more =
        "[traces]\nendpoint = \"https://tempo.internal:4318/v1/traces\"\nservice = \"record\"\ninstance = \"a\"\n";
    let region = Region::prepared(Setup { more: more.into(), ..Setup::default() });
    let (good, told, said) = region.skein(&["serve", "--check"]);
    assert!(good, "{told}{said}");
}
