//! A region of which client systems are told: a hospital, two practices, what follows the change feed, what sends it, and a
//! receiver that answers as a test wants it to.

use crate::support::{Answer, GP, HOSPITAL, hash, put};
use access::{Gate, GateConfig, User, outgoing::Outgoing, smart::Scopes};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Request, StatusCode},
    routing::any,
};
use intake::{ConsentAct, ConsentDecision, Engine, EngineConfig, EntryKind, NewEntry, Receipt};
use jiff::Timestamp;
use notify::{
    Follower, Notices,
    delivery::{Deliveries, Subscriber, Teller},
};
use record::Records;
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use web::{
    AppState, SiteConfig,
    fhir::{ApiConfig, Reader, Source, Telling},
};

pub const BASE: &str = "https://record.example/fhir";
pub const LIST: &str = "practice:X81001";
const BACKPORT: &str = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/";

/// What a receiver was sent.
#[derive(Clone)]
pub struct Got {
    pub path: String,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Got {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap()
    }

    pub fn kind(&self) -> String {
        parameter(&self.json(), "type")
    }

    pub fn numbers(&self) -> Vec<u64> {
        numbers(&self.json())
    }
}

/// A value of a notification's status.
pub fn parameter(bundle: &Value, name: &str) -> String {
    let all = bundle["entry"][0]["resource"]["parameter"].as_array().cloned().unwrap_or_default();
    let found = all.iter().find(|one| one["name"] == name).cloned().unwrap_or_default();
    ["valueCode", "valueString", "valueCanonical"]
        .iter()
        .find_map(|value| found[value].as_str())
        .or(found["valueCodeableConcept"]["text"].as_str())
        .unwrap_or_default()
        .to_owned()
}

/// The parts of the events of a notification that are called so.
pub fn parts(bundle: &Value, name: &str) -> Vec<Value> {
    let all = bundle["entry"][0]["resource"]["parameter"].as_array().cloned().unwrap_or_default();
    let events = all.into_iter().filter(|one| one["name"] == "notification-event");
    events
        .flat_map(|event| event["part"].as_array().cloned().unwrap_or_default())
        .filter(|part| part["name"] == name)
        .collect()
}

pub fn numbers(bundle: &Value) -> Vec<u64> {
    parts(bundle, "event-number").iter().map(|part| part["valueString"].as_str().unwrap().parse().unwrap()).collect()
}

pub fn codes(bundle: &Value) -> Vec<String> {
    parts(bundle, "event").iter().map(|part| part["valueCode"].as_str().unwrap().to_owned()).collect()
}

#[derive(Default)]
struct Script {
    /// What is answered next; then `otherwise`.
    next: VecDeque<u16>,
    otherwise: u16,
    slow: Option<Duration>,
    got: Vec<Got>,
}

/// An endpoint. Where it redirects, it redirects to itself.
#[derive(Clone)]
pub struct Receiver {
    pub address: String,
    script: Arc<Mutex<Script>>,
}

async fn received(State(receiver): State<Receiver>, request: Request<Body>) -> (StatusCode, HeaderMap) {
    let (parts, body) = request.into_parts();
    let bytes: Bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let (status, slow) = {
        let mut script = receiver.script.lock().unwrap();
        let got = Got { path: parts.uri.path().to_owned(), headers: parts.headers, bytes: bytes.to_vec() };
        script.got.push(got);
        (script.next.pop_front().unwrap_or(script.otherwise), script.slow)
    };
    if let Some(slow) = slow {
        tokio::time::sleep(slow).await;
    }
    let mut headers = HeaderMap::new();
    headers.insert("location", format!("{}/elsewhere", receiver.address).parse().unwrap());
    (StatusCode::from_u16(status).unwrap(), headers)
}

impl Receiver {
    pub async fn start() -> Receiver {
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", socket.local_addr().unwrap());
        let script = Script { otherwise: 200, ..Script::default() };
        let receiver = Receiver { address, script: Arc::new(Mutex::new(script)) };
        let app = Router::new().fallback(any(received)).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(socket, app).await.unwrap() });
        receiver
    }

    /// From now on it answers so.
    pub fn answers(&self, status: u16) {
        self.script.lock().unwrap().otherwise = status;
    }

    /// It takes so long to answer.
    pub fn is_slow(&self, slow: Option<Duration>) {
        self.script.lock().unwrap().slow = slow;
    }

    pub fn got(&self) -> Vec<Got> {
        self.script.lock().unwrap().got.clone()
    }

    /// The notifications of this kind.
    pub fn of(&self, kind: &str) -> Vec<Got> {
        self.got().into_iter().filter(|got| got.kind() == kind).collect()
    }

    /// The event numbers that came, in the order they came.
    pub fn told(&self) -> Vec<u64> {
        self.of("event-notification").iter().flat_map(Got::numbers).collect()
    }
}

/// Wait until something holds.
pub async fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(30), "never came: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub struct Region {
    pub router: Router,
    pub engine: Engine,
    pub notices: Notices,
    pub teller: Teller,
    pub stop: CancellationToken,
    gate: Gate,
    records: Records,
    outgoing: Outgoing,
    clock: Arc<AtomicI64>,
    sending: Mutex<Option<tokio::task::JoinHandle<()>>>,
    over: Arc<AtomicBool>,
    _folder: TempDir,
}

/// The systems: token and id are one. `scoped` may subscribe and read stays, `wordless` may subscribe alone.
fn systems() -> Vec<(&'static str, User, Option<Scopes>)> {
    let scopes = |text: &str| Some(Scopes::parse(text).unwrap());
    let system = |id: &str, code: &str| User::system(id, "A system", (code, code));
    vec![
        ("surgery", system("surgery", "X81001"), None),
        ("other", system("other", "X81002"), None),
        ("programme", User { reach_region: true, ..system("programme", "X26") }, None),
        ("scoped", system("scoped", "X81001"), scopes("system/Subscription.cruds system/Encounter.r")),
        ("wordless", system("wordless", "X81001"), scopes("system/Subscription.cruds")),
        ("reading", system("reading", "X81001"), scopes("system/*.rs")),
        ("person-at-work", User::staff("person-at-work", "Dr X", ("R8000", "Doctor"), ("X81001", "X81001")), None),
    ]
}

type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

fn teller(gate: &Gate, records: &Records, known: (Notices, Engine), clock: &Clock) -> Teller {
    let subscribers =
        systems().into_iter().map(|(id, user, scopes)| (id.to_owned(), Subscriber { user: Arc::new(user), scopes }));
    Teller::new(gate.clone(), records.clone(), known, subscribers.collect(), Some(BASE.into()), Arc::clone(clock))
}

impl Region {
    pub async fn new() -> Region {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let profile = |id: &str, kind: &str, ods: &str| {
            format!("source = \"{id}\"\nname = \"{id} of the region\"\nkind = \"{kind}\"\nods = \"{ods}\"\n")
        };
        let profiles =
            vec![profile("hospital", "hospital", "RXX"), profile("gp", "gp", "X81001"), profile("gp2", "gp", "X81002")];
        let start: Timestamp = "2026-03-10T09:00:00Z".parse().unwrap();
        let config = EngineConfig { region: "test".into(), profiles };
        // Starting waits for the disk, which a thread that runs futures may not.
        let engine = std::thread::spawn(move || Engine::start(&path, &config, start).unwrap()).join().unwrap();
        let journal = engine.clone();
        let (mut follower, notices) =
            Follower::open(folder.path(), engine.derived().clone(), move || journal.journal_reader()).unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&over);
        std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                if !follower.step().unwrap() {
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
        });
        let seconds = Arc::new(AtomicI64::new(start.as_second()));
        let ticking = Arc::clone(&seconds);
        let clock: Clock = Arc::new(move || Timestamp::from_second(ticking.load(Ordering::Relaxed)).unwrap());
        let (derived, audit) = (engine.derived().clone(), engine.audit().clone());
        let gate = Gate::new(derived, audit, GateConfig::default(), start).unwrap();
        let journal = engine.clone();
        let records = Records::new(engine.derived().clone(), move || journal.journal_reader());
        let known = (notices.clone(), engine.clone());
        let teller = teller(&gate, &records, known, &clock);
        let outgoing = Outgoing::new(["127.0.0.1".to_owned()], None).unwrap();
        let stop = CancellationToken::new();
        let readers = systems().into_iter().map(|(id, user, scopes)| Reader { token_hash: hash(id), user, scopes });
        let source = |token: &str, source: &str| Source {
            token_hash: Some(hash(token)),
            source: source.into(),
            feed: "fhir".into(),
            senders: Default::default(),
        };
        let api = ApiConfig {
            base: Some(BASE.into()),
            readers: readers.collect(),
            sources: vec![source(GP, "gp"), source(HOSPITAL, "hospital")],
            telling: Some(Telling { teller: teller.clone(), outgoing: Some(outgoing.clone()), stop: stop.clone() }),
            ..ApiConfig::default()
        };
        let state = AppState::new(SiteConfig {
            pdfs: crate::support::pdfs(),
            matcher: None,
            trusted_proxies: web::Proxies::default(),
            region_name: "Wexmoor".into(),
            forms: forms::Forms::builtin().unwrap(),
            drafts: record::Drafts::open(engine.folder()).unwrap(),
            notices: Some(notices.clone()),
            gate: gate.clone(),
            records: records.clone(),
            engine: engine.clone(),
            accounts: access::Accounts::new([]).unwrap(),
            providers: Vec::new(),
            session_limits: web::SessionLimits::default(),
            clock,
            secure_cookies: false,
            named: web::Named::default(),
            demo: None,
        });
        let router = web::router(state, api);
        let region = Region {
            router,
            engine,
            notices,
            teller,
            stop,
            gate,
            records,
            outgoing,
            clock: seconds,
            sending: Mutex::default(),
            over,
            _folder: folder,
        };
        region.deliver();
        // Mrs Baker is on the list of the surgery.
        region.fhir("gp", &[patient("p1", "9990000042", false)]).await;
        region
    }

    /// Begin to send.
    pub fn deliver(&self) {
        let deliveries = Deliveries::new(self.teller.clone(), self.outgoing.clone());
        *self.sending.lock().unwrap() = Some(tokio::spawn(deliveries.run(self.stop.clone())));
    }

    /// What follows the change feed, made again from the journal by whoever steps it, and what sends from it.
    pub fn again(&self, folder: &std::path::Path) -> Follower {
        let journal = self.engine.clone();
        let (follower, notices) =
            Follower::open(folder, self.engine.derived().clone(), move || journal.journal_reader()).unwrap();
        let ticking = Arc::clone(&self.clock);
        let clock: Clock = Arc::new(move || Timestamp::from_second(ticking.load(Ordering::Relaxed)).unwrap());
        let teller = teller(&self.gate, &self.records, (notices, self.engine.clone()), &clock);
        let deliveries = Deliveries::new(teller, self.outgoing.clone());
        tokio::spawn(deliveries.run(self.stop.clone()));
        follower
    }

    /// As if the process were killed: whatever is in hand is not finished.
    pub async fn kill_sending(&self) {
        let sending = self.sending.lock().unwrap().take().unwrap();
        sending.abort();
        let _ = sending.await;
    }

    pub fn later(&self, seconds: i64) {
        self.clock.fetch_add(seconds, Ordering::Relaxed);
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.clock.load(Ordering::Relaxed)).unwrap()
    }

    async fn settled(&self, pos: u64) {
        self.engine.wait_applied(pos).await.unwrap();
        assert!(self.notices.wait(pos).await);
    }

    pub async fn hl7(&self, body: &str) {
        let entry = NewEntry {
            kind: EntryKind::Hl7v2,
            source: "hospital".into(),
            feed: "test".into(),
            received: self.now(),
            ident: None,
            about: None,
            body: body.as_bytes().to_vec(),
            ack: None,
        };
        let pos = match self.engine.submit(entry).await.unwrap() {
            Receipt::Stored { pos, .. } | Receipt::Repeat { pos, .. } => pos,
        };
        self.settled(pos).await;
    }

    pub async fn fhir(&self, source: &str, resources: &[Value]) {
        let entries: Vec<Value> = resources.iter().map(put).collect();
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries});
        let request = intake::bundle::Request::default();
        let body = bundle.to_string().into_bytes();
        let taken = self.engine.take_fhir(source, "test", &request, body, self.now()).await.unwrap();
        assert!(!taken.refused, "{:?}", taken.mapped.set.findings);
        self.settled(taken.pos.unwrap()).await;
    }

    /// The person objects to sharing.
    pub async fn object(&self) {
        let act = ConsentAct::Object { organisation: String::new(), category: String::new(), from: None, until: None };
        let patients = ["p1"].map(|own| self.engine.region().patient("gp", own).to_string()).to_vec();
        let decision = ConsentDecision {
            act,
            patients,
            by: "officer".into(),
            name: "Officer".into(),
            why: "Told by letter".into(),
        };
        let pos = self.engine.decide_consent(&decision, self.now()).await.unwrap();
        self.settled(pos).await;
    }

    pub async fn send(&self, token: &str, method: &str, path: &str, body: &Value) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(format!("/fhir{path}"))
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/fhir+json");
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub async fn get(&self, token: &str, path: &str) -> Answer {
        self.send(token, "GET", path, &Value::Null).await
    }

    /// Subscribe; gives the id.
    pub async fn subscribe(&self, token: &str, subscription: &Value) -> String {
        let made = self.send(token, "POST", "/Subscription", subscription).await.expect(201);
        made.json()["id"].as_str().unwrap().to_owned()
    }

    /// How a subscription stands.
    pub fn standing(&self, id: &str) -> (String, Option<String>) {
        let known = self.notices.subscription(id).unwrap().unwrap();
        (known.status, known.error)
    }

    pub async fn until_status(&self, id: &str, status: &str) {
        until(&format!("{id} is {status}: {:?}", self.standing(id)), || self.standing(id).0 == status).await;
    }

    /// What the audit holds, oldest first.
    pub fn audited(&self) -> Vec<String> {
        let audit = store::audit::AuditReader::open(&store::Folder::visit(self.engine.folder()).unwrap()).unwrap();
        (1..).map_while(|n| audit.entry(n).unwrap()).map(|entry| entry.body).collect()
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        self.stop.cancel();
        self.over.store(true, Ordering::Relaxed);
    }
}

/// Somebody with a traced number.
pub fn patient(own: &str, nhs: &str, restricted: bool) -> Value {
    let mut patient = json!({"resourceType": "Patient", "id": own, "active": true, "gender": "female", "birthDate": "1930-07-14",
        "name": [{"family": "Baker", "given": ["Margaret"]}], "address": [{"line": ["1 SECRET LANE"]}],
        "identifier": [{"system": fhir::nhs::SYSTEM, "value": nhs, "extension": [{"url": fhir::nhs::VERIFICATION_STATUS,
            "valueCodeableConcept": {"coding": [{"system": fhir::nhs::VERIFICATION_STATUS_SYSTEM, "code": "01"}]}}]}]});
    if restricted {
        let system = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
        patient["meta"] = json!({"security": [{"system": system, "code": "R"}]});
    }
    patient
}

/// A message about one stay of Mrs Baker: `A01` in, `A02` moved, `A03` out.
pub fn stay(trigger: &str, number: u32, recorded: &str, ward: &str) -> String {
    stay_of(trigger, number, recorded, ward, "9990000042^^^NHS^NH||BAKER^MARGARET||19300714")
}

/// The same of somebody else: number, name, birth date.
pub fn stay_of(trigger: &str, number: u32, recorded: &str, ward: &str, who: &str) -> String {
    let ended = if trigger == "A03" { recorded } else { "" };
    let mut visit = vec![String::new(); 46];
    visit[0] = "PV1".into();
    visit[1] = "1".into();
    visit[2] = "I".into();
    visit[3] = format!("{ward}^^1");
    visit[19] = "V1001^^^RXX^VN".into();
    visit[44] = if trigger == "A01" { recorded.to_owned() } else { String::new() };
    visit[45] = ended.into();
    let pid = format!("PID|1||1001^^^RXX^PI~{who}|F{}NSTS01", "|".repeat(24));
    format!(
        "MSH|^~\\&|PAS|RXX|SKEIN|REG|{recorded}||ADT^{trigger}|{number}|P|2.4\rEVN|{trigger}|{recorded}||||{recorded}\r{pid}\r{}\r",
        visit.join("|"),
    )
}

pub fn extension(name: &str, kind: &str, value: impl Into<Value>) -> Value {
    json!({"url": format!("{BACKPORT}{name}"), kind: value.into()})
}

/// A Subscription to stays.
pub fn subscription(endpoint: &str, content: &str, filters: &[&str]) -> Value {
    let filters: Vec<Value> =
        filters.iter().map(|filter| extension("backport-filter-criteria", "valueString", *filter)).collect();
    json!({"resourceType": "Subscription", "status": "requested", "reason": "Our patients in hospital",
        "criteria": "https://skein.example/fhir/SubscriptionTopic/admissions", "_criteria": {"extension": filters},
        "channel": {"type": "rest-hook", "endpoint": endpoint, "payload": "application/fhir+json",
            "_payload": {"extension": [extension("backport-payload-content", "valueCode", content)]}}})
}
