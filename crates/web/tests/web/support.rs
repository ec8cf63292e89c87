//! A region in a temporary folder, and callers of its FHIR API.

use access::{Gate, User};
use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
};
use intake::{Engine, EngineConfig, listener::tls::Senders};
use jiff::Timestamp;
use record::Records;
use serde_json::{Value, json};
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};
use tempfile::TempDir;
use tower::ServiceExt;
use web::{
    Peer,
    fhir::{Api, ApiConfig, Reader, Source},
};

pub const READER: &str = "reading";
pub const ADMINISTRATOR: &str = "administering";
pub const GP: &str = "practice";
pub const HOSPITAL: &str = "hospital";
pub const BASE: &str = "https://record.example/fhir";

/// Reads PDFs by the `pdftotext` that `./test` installs.
pub fn pdfs() -> record::letter_text::pdf::Pdfs {
    let program = std::path::PathBuf::from("/usr/bin/pdftotext");
    assert!(program.is_file(), "the tests need pdftotext: apt-get install poppler-utils");
    record::letter_text::pdf::Pdfs::by(Some(program))
}

/// A region and its API.
pub struct Site {
    router: Router,
    engine: Engine,
    clock: Arc<AtomicI64>,
    _folder: TempDir,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: axum::http::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{e}: {} {}", self.status, String::from_utf8_lossy(&self.body)))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.body));
        self
    }

    /// The first issue of an OperationOutcome: its code and place.
    #[track_caller]
    pub fn issue(&self) -> (String, String) {
        let outcome = self.json();
        assert_eq!(outcome["resourceType"], "OperationOutcome", "{outcome}");
        let issue = &outcome["issue"][0];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        assert!(!text(&issue["diagnostics"]).is_empty());
        (text(&issue["code"]), text(&issue["expression"][0]))
    }

    /// `Type/id` of the resources in a bundle, outcomes apart.
    pub fn names(&self) -> Vec<String> {
        let bundle = self.json();
        let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
        let found = entries.iter().filter(|entry| entry["search"]["mode"] != "outcome");
        found
            .map(|e| {
                format!("{}/{}", e["resource"]["resourceType"].as_str().unwrap(), e["resource"]["id"].as_str().unwrap())
            })
            .collect()
    }

    /// The link of a bundle, without the base.
    pub fn link(&self, relation: &str) -> Option<String> {
        let bundle = self.json();
        let links = bundle["link"].as_array().cloned().unwrap_or_default();
        let link = links.iter().find(|link| link["relation"] == relation)?;
        Some(link["url"].as_str().unwrap().strip_prefix(BASE).unwrap().to_owned())
    }
}

pub fn user(id: &str, role_code: &str) -> User {
    if role_code == "system" {
        return User { reach_region: true, ..User::system(id, "A system", ("X26", "The programme")) };
    }
    User::staff(id, "A system", (role_code, "System"), ("X26", "The programme"))
}

pub fn source(token: &str, id: &str, senders: Senders) -> Source {
    Source { token_hash: Some(hash(token)), senders, source: id.into(), feed: format!("{id}-fhir") }
}

pub fn hash(token: &str) -> String {
    format!("blake3:{}", blake3::hash(token.as_bytes()).to_hex())
}

/// The gate of a test's region: the built-in policies, and a rule by which whoever cares for people looks after all of them.
pub fn gate(engine: &Engine) -> Gate {
    let rule = "@id(\"tests-look-after-all\") permit (principal in Skein::Job::\"care\", action == Skein::Action::\"open\", resource);";
    let policies = access::policy::PolicyFiles::builtin().with("90-tests.cedar", rule);
    let organisation =
        |code: &str| access::Organisation { code: code.into(), name: code.into(), kind: "hospital".into() };
    let organisations =
        ["XWP", "XWC", "XWA", "XWB", "X26", "RXX", "RYY", "RAA", "RBB", "X900"].map(organisation).to_vec();
    let config = access::GateConfig { policies: Some(policies), organisations };
    Gate::new(engine.derived().clone(), engine.audit().clone(), config, Timestamp::UNIX_EPOCH).unwrap()
}

impl Site {
    pub fn new() -> Site {
        Site::with_profiles(&["gp", "hospital"].map(|id| format!("source = \"{id}\"\nname = \"{id}\"\n")))
    }

    /// With sources of these profiles.
    pub fn with_profiles<T: ToString>(profiles: &[T]) -> Site {
        Site::as_told(profiles, |_| {})
    }

    /// With sources of these profiles, and an API that is set up otherwise.
    pub fn as_told<T: ToString>(profiles: &[T], otherwise: impl FnOnce(&mut ApiConfig)) -> Site {
        let profiles: Vec<String> = profiles.iter().map(ToString::to_string).collect();
        let folder = tempfile::tempdir().unwrap();
        let start: Timestamp = "2024-07-01T12:00:00Z".parse().unwrap();
        let clock = Arc::new(AtomicI64::new(start.as_second()));
        let path = folder.path().to_owned();
        // Starting waits for the disk, which a thread that runs futures may not.
        let starting = move || Engine::start(&path, &EngineConfig { region: "test".into(), profiles }, start).unwrap();
        let engine = std::thread::spawn(starting).join().unwrap();
        let journal = engine.clone();
        let records = Records::new(engine.derived().clone(), move || journal.journal_reader());
        let gate = gate(&engine);
        let mut config = ApiConfig {
            base: Some(BASE.into()),
            secure: true,
            readers: vec![
                Reader { token_hash: hash(READER), user: user("reader", "system"), scopes: None },
                Reader { token_hash: hash(ADMINISTRATOR), user: user("admin", "R8015"), scopes: None },
            ],
            sources: vec![source(GP, "gp", Senders::default()), source(HOSPITAL, "hospital", Senders::default())],
            body_bytes_max: 4 << 20,
            ..ApiConfig::default()
        };
        otherwise(&mut config);
        let ticking = Arc::clone(&clock);
        let now = Arc::new(move || Timestamp::from_second(ticking.load(Ordering::Relaxed)).unwrap());
        let api = Api::new(gate, records, engine.clone(), now, config);
        Site { router: web::fhir::router(api), engine, clock, _folder: folder }
    }

    /// Let time pass.
    pub fn later(&self, seconds: i64) {
        self.clock.fetch_add(seconds, Ordering::Relaxed);
    }

    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        self.send_from(None, method, path, headers, body).await
    }

    /// Over a connection with somebody at its other end.
    pub async fn send_from(
        &self,
        peer: Option<Peer>,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(peer) = peer {
            request = request.extension(peer);
        }
        let response = self.router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Read as the reading system.
    pub async fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[]).await
    }

    pub async fn get_with(&self, path: &str, more: &[(&str, &str)]) -> Answer {
        let bearer = format!("Bearer {READER}");
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend(more);
        self.send("GET", path, &headers, Body::empty()).await
    }

    /// Write as a source.
    pub async fn write(&self, token: &str, method: &str, path: &str, body: &Value) -> Answer {
        self.write_with(token, method, path, body, &[]).await
    }

    pub async fn write_with(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: &Value,
        more: &[(&str, &str)],
    ) -> Answer {
        let bearer = format!("Bearer {token}");
        let mut headers = vec![("authorization", bearer.as_str()), ("content-type", "application/fhir+json")];
        headers.extend(more);
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        self.send(method, path, &headers, body).await
    }

    /// A patient of a source with a verified NHS number, and some resources about it; gives the patient's id.
    pub async fn patient(&self, token: &str, own: &str, nhs: &str, more: &[Value]) -> String {
        let patient = json!({"resourceType": "Patient", "id": own, "gender": "female", "birthDate": "1950-02-03",
            "name": [{"family": "O'Brien", "given": ["Zoë"]}], "address": [{"postalCode": "M1 1AE", "city": "Manchester"}],
            "identifier": [verified(nhs), {"system": "https://own.example/id", "value": own}]});
        let mut entries = vec![put(&patient)];
        entries.extend(more.iter().map(put));
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries});
        let answer = self.write(token, "POST", "/", &bundle).await.expect(200).json();
        let location = answer["entry"][0]["response"]["location"].as_str().unwrap();
        location.split('/').nth(1).unwrap().to_owned()
    }

    /// What the audit holds, oldest first.
    pub fn audited(&self) -> Vec<String> {
        let audit = store::audit::AuditReader::open(&store::Folder::visit(self.engine.folder()).unwrap()).unwrap();
        (1..).map_while(|n| audit.entry(n).unwrap()).map(|entry| entry.body).collect()
    }

    /// The entries since the last `before`: what was done, and about whom.
    pub fn audited_since(&self, before: u64) -> Vec<(String, Option<fhir::PersonKey>)> {
        let audit = store::audit::AuditReader::open(&store::Folder::visit(self.engine.folder()).unwrap()).unwrap();
        let entries = audit.after(before, 1000).unwrap().into_iter();
        let action = |body: &str| serde_json::from_str::<Value>(body).unwrap()["action"].as_str().unwrap().to_owned();
        entries.map(|entry| (action(&entry.body), entry.person)).collect()
    }

    /// The person that a patient is now, by the patient's id.
    pub fn person(&self, patient: &str) -> fhir::PersonKey {
        self.engine.derived().person_of(patient.parse().unwrap()).unwrap().unwrap()
    }

    pub fn stop(self) {
        self.engine.stop();
    }
}

pub fn verified(nhs: &str) -> Value {
    json!({"system": fhir::nhs::SYSTEM, "value": nhs, "extension": [{"url": fhir::nhs::VERIFICATION_STATUS,
        "valueCodeableConcept": {"coding": [{"system": fhir::nhs::VERIFICATION_STATUS_SYSTEM, "code": "01"}]}}]})
}

/// A transaction entry that stores a resource under its own id.
pub fn put(resource: &Value) -> Value {
    let name = format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
    json!({"fullUrl": format!("https://source.example/fhir/{name}"), "resource": resource, "request": {"method": "PUT", "url": name}})
}

/// A result.
pub fn result(own: &str, patient: &str, code: &str, value: f64, date: &str) -> Value {
    json!({"resourceType": "Observation", "id": own, "status": "final", "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": {"reference": format!("Patient/{patient}")}, "effectiveDateTime": date, "valueQuantity": {"value": value, "unit": "mmol/L"}})
}

/// What follows the change feed of a region, on a thread of its own, until the region is gone.
pub fn telling(engine: &Engine) -> notify::Notices {
    let journal = engine.clone();
    let opened = notify::Follower::open(engine.folder(), engine.derived().clone(), move || journal.journal_reader());
    let (mut follower, notices) = opened.unwrap();
    let mut applied = engine.applied();
    let folder = engine.folder().to_owned();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        loop {
            match follower.step() {
                Ok(true) => {}
                // A region whose folder is gone is over. Else it is tried again, as when skein runs.
                Err(_) if !folder.is_dir() => return,
                Err(_) => std::thread::sleep(std::time::Duration::from_millis(50)),
                Ok(false) => {
                    let pause = std::time::Duration::from_millis(200);
                    let waited = runtime.block_on(async { tokio::time::timeout(pause, applied.changed()).await });
                    if matches!(waited, Ok(Err(_))) {
                        return;
                    }
                }
            }
        }
    });
    notices
}

/// Who is meant, by the index that links patients as they come.
pub fn matcher(engine: &Engine) -> std::sync::Arc<dyn record::matching::Matcher> {
    let people = std::sync::Arc::clone(engine.people());
    let records = record::Records::new(engine.derived().clone(), {
        let engine = engine.clone();
        move || engine.journal_reader()
    });
    let ask =
        move |facts: &identity::PatientFacts| people.ask(|matcher| record::matching::Weighed::all(matcher, facts));
    std::sync::Arc::new(record::matching::People::new(records, ask))
}
