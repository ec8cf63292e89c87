//! A region under the policies that come with Skein: people of several professions, a person, and what is known of them.

use crate::{
    support::{hash, put, user},
    visitor::{PASSWORD, Pages},
};
use access::{Accounts, Gate, GateConfig, Organisation, User, policy::PolicyFiles};
use fhir::PersonKey;
use intake::{Engine, EngineConfig};
use jiff::Timestamp;
use record::Records;
use serde_json::{Value, json};
use std::sync::Arc;
use web::{AppState, SiteConfig, fhir::ApiConfig};

pub const NHS: &str = "9434765919";

/// Staff: id, role, organisation.
const STAFF: [(&str, &str, &str); 12] = [
    ("doctor", "R8000", "XWA"),
    ("stranger", "R8000", "XWB"),
    ("gp", "R8000", "X81001"),
    ("receptionist", "R8009", "X81001"),
    ("nurse", "R8001", "XWC"),
    ("second-nurse", "R8001", "XWC"),
    ("ward-clerk", "R8010", "XWA"),
    ("paramedic", "R8003", "XWS"),
    ("social-worker", "R8003", "X900"),
    ("engineer", "R8015", "XWP"),
    ("officer", "R0001", "XWP"),
    ("analyst", "analyst", "XWP"),
];

pub struct Governed {
    pub pages: Pages,
    pub person: PersonKey,
    pub notices: notify::Notices,
}

fn profile(id: &str, kind: &str, ods: &str) -> String {
    format!("source = \"{id}\"\nname = \"{id} of the region\"\nkind = \"{kind}\"\nods = \"{ods}\"\n")
}

fn coded(kind: &str, id: &str, code: &str, text: &str) -> Value {
    json!({"resourceType": kind, "id": id, "subject": {"reference": "Patient/p1"},
        "clinicalStatus": {"coding": [{"code": "active"}]}, "recordedDate": "2026-01-05",
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": code, "display": text}], "text": text}})
}

fn labelled(mut resource: Value, system: &str, code: &str) -> Value {
    resource["meta"] =
        json!({"security": [{"system": format!("http://terminology.hl7.org/CodeSystem/{system}"), "code": code}]});
    resource
}

fn patient(id: &str, nhs: &str, family: &str) -> Value {
    json!({"resourceType": "Patient", "id": id, "active": true, "gender": "female", "birthDate": "1950-01-02",
        "name": [{"family": family, "given": ["Ann"]}],
        "identifier": [{"system": fhir::nhs::SYSTEM, "value": nhs, "extension": [{"url": fhir::nhs::VERIFICATION_STATUS,
            "valueCodeableConcept": {"coding": [{"system": fhir::nhs::VERIFICATION_STATUS_SYSTEM, "code": "01"}]}}]}]})
}

/// What the practice holds of the person: plain, sensitive, sealed, and what is not for her eyes.
fn practice() -> Vec<Value> {
    let observation = |id: &str, text: &str| {
        json!({"resourceType": "Observation", "id": id, "status": "final", "subject": {"reference": "Patient/p1"},
            "effectiveDateTime": "2026-01-06", "code": {"text": text}, "valueString": format!("{text} value")})
    };
    vec![
        patient("p1", NHS, "Smith"),
        coded("Condition", "c1", "195967001", "Asthma"),
        coded("Condition", "c2", "86406008", "Infection of long standing"),
        labelled(observation("o1", "Note for colleagues"), "v3-ActCode", "NOPAT"),
        labelled(observation("o2", "Sealed finding"), "v3-Confidentiality", "V"),
        json!({"resourceType": "DocumentReference", "id": "d1", "status": "current", "subject": {"reference": "Patient/p1"},
            "date": "2026-01-07T10:00:00Z", "type": {"text": "Clinic letter of January"},
            "content": [{"attachment": {"contentType": "text/plain", "data": "TGV0dGVyIHRleHQ="}}]}),
        json!({"resourceType": "Appointment", "id": "a1", "status": "booked", "description": "Routine appointment",
            "start": "2027-01-08T10:00:00Z", "participant": [{"actor": {"reference": "Patient/p1"}, "status": "accepted"}]}),
        json!({"resourceType": "AllergyIntolerance", "id": "al1", "patient": {"reference": "Patient/p1"},
            "code": {"text": "Penicillin"}}),
    ]
}

pub async fn take(engine: &Engine, source: &str, resources: &[Value]) {
    let entries: Vec<Value> = resources.iter().map(put).collect();
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries}).to_string();
    let request = intake::bundle::Request::default();
    let taken = engine.take_fhir(source, "fhir", &request, bundle.into_bytes(), Timestamp::now()).await.unwrap();
    assert!(!taken.refused, "{source}: {taken:?}");
}

impl Governed {
    pub async fn new() -> Governed {
        Self::under(None).await
    }

    /// With more in the profile of the hospital rxx.
    pub async fn with_profile(more: &str) -> Governed {
        Self::made(None, web::Named::default(), more).await
    }

    /// With feeds in its configuration: names, and their sources.
    pub async fn fed(feeds: &[(&str, &str)]) -> Governed {
        let listed = |(name, source): &(&str, &str)| web::Listed {
            id: (*name).into(),
            name: (*source).into(),
            ..web::Listed::default()
        };
        Self::made(None, web::Named { feeds: feeds.iter().map(listed).collect(), ..web::Named::default() }, "").await
    }

    /// Under other policies than those that come with Skein.
    pub async fn under(policies: Option<PolicyFiles>) -> Governed {
        Self::made(policies, web::Named::default(), "").await
    }

    async fn made(policies: Option<PolicyFiles>, named: web::Named, of_rxx: &str) -> Governed {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let profiles = vec![
            profile("rxx", "hospital", "XWA") + of_rxx,
            profile("ryy", "hospital", "XWB"),
            profile("gp", "gp", "X81001"),
            profile("gp2", "gp", "X81002"),
            profile("council", "council", "X900"),
            profile("community", "community", "XWC"),
        ];
        let config = EngineConfig { region: "test".into(), profiles };
        let starting = move || Engine::start(&path, &config, Timestamp::now()).unwrap();
        let engine = std::thread::spawn(starting).join().unwrap();
        take(&engine, "gp", &practice()).await;
        let other = [patient("p2", "9434765870", "Jones"), {
            let mut theirs = coded("Condition", "c9", "195967001", "Gout of the other");
            theirs["subject"]["reference"] = "Patient/p2".into();
            theirs
        }];
        take(&engine, "gp2", &other).await;
        let key = |source: &str, id: &str| engine.region().patient(source, id);
        let snapshot = engine.derived().snapshot().unwrap();
        let person = snapshot.person_of(key("gp", "p1"), snapshot.seq()).unwrap().expect("a person");
        drop(snapshot);
        let mut users: Vec<User> = STAFF
            .iter()
            .map(|(id, role, organisation)| {
                User::staff(*id, format!("{id} by name"), (role, id), (organisation, organisation))
            })
            .collect();
        users.push(User::person("ann", "Ann Smith", person));
        let organisations = [("XWS", "ambulance"), ("XWP", "programme")];
        let organisations =
            organisations.map(|(code, kind)| Organisation { code: code.into(), name: code.into(), kind: kind.into() });
        let config = GateConfig { policies, organisations: organisations.to_vec() };
        let (derived, audit) = (engine.derived().clone(), engine.audit().clone());
        let gate = Gate::new(derived, audit, config, Timestamp::now()).unwrap();
        let journal = engine.clone();
        let notices = crate::support::telling(&engine);
        let state = AppState::new(SiteConfig {
            pdfs: crate::support::pdfs(),
            matcher: Some(crate::support::matcher(&engine)),
            region_name: "Wexmoor".into(),
            forms: forms::Forms::builtin().unwrap(),
            drafts: record::Drafts::open(engine.folder()).unwrap(),
            notices: Some(notices.clone()),
            gate,
            records: Records::new(engine.derived().clone(), move || journal.journal_reader()),
            engine: engine.clone(),
            accounts: Accounts::demo(users, PASSWORD).unwrap(),
            providers: Vec::new(),
            session_limits: web::SessionLimits::default(),
            clock: Arc::new(Timestamp::now),
            secure_cookies: false,
            trusted_proxies: web::Proxies::default(),
            named,
            demo: None,
        });
        let reader = |token: &str, user: User| web::fhir::Reader { token_hash: hash(token), user, scopes: None };
        let ward = User::system("ward-app", "Ward app", ("XWA", "XWA"));
        let api = ApiConfig {
            base: Some("https://record.example/fhir".into()),
            readers: vec![
                reader("reading", user("reader", "system")),
                reader("ward", ward),
                reader("watching", User { activity_codes: vec!["audit".into()], ..user("watcher", "system") }),
            ],
            ..ApiConfig::default()
        };
        Governed { pages: Pages::over(web::router(state, api), engine, folder), person, notices }
    }

    /// The person comes to the hospital.
    pub async fn admit(&self) {
        let pid = "SMITH^ANN||19500102|2";
        let visit = "PV1|1|I|W3^B1^1^XWA||||||||||||||||V1|||||||||||||||||||||||||20260301100000\r";
        self.pages.hear("A01", "rxx", "1001", Some(NHS), pid, visit).await;
    }

    pub fn record(&self, page: &str) -> String {
        format!("/record/{}{page}", self.person)
    }

    /// The opaque id of a resource of a source, as pages name it.
    pub fn id(&self, source: &str, patient: &str, kind: &str, own: &str) -> String {
        let region = self.pages.engine.region();
        let kind: fhir::ResourceType = kind.parse().unwrap();
        region.resource(region.patient(source, patient), kind, own).to_string()
    }
}
