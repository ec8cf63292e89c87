//! Skein as a SMART app that another system launches: there, back, and one record opened by one user; or nothing.

use crate::idp::{Answer, Idp, NOW, Pair, Trusting, outgoing};
use access::{
    User,
    sign_in::Credential,
    smart::{Clients, Ehr, EhrConfig},
};
use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    routing::{get, post},
};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};
use web::fhir::ApiConfig;

const NHS: &str = "9434765919";

/// What the system says next, and what it was asked.
struct Script {
    issuer: String,
    keys: Vec<Value>,
    id_token: String,
    patient: Value,
    resource: Value,
    capabilities: Value,
    challenges: Value,
    forms: Vec<HashMap<String, String>>,
    secrets: Vec<String>,
    reads: Vec<(String, String)>,
}

type Shared = Arc<Mutex<Script>>;

/// A small record system with a FHIR API and an authorization server.
struct Fake {
    iss: String,
    pair: Pair,
    script: Shared,
}

async fn smart_configuration(State(script): State<Shared>) -> Json<Value> {
    let script = script.lock().unwrap();
    let issuer = &script.issuer;
    Json(json!({"issuer": issuer, "jwks_uri": format!("{issuer}/jwks"),
        "authorization_endpoint": format!("{issuer}/authorize?tenant=1"), "token_endpoint": format!("{issuer}/token"),
        "code_challenge_methods_supported": script.challenges, "capabilities": script.capabilities}))
}

async fn token(State(script): State<Shared>, headers: HeaderMap, body: String) -> (StatusCode, Json<Value>) {
    let mut script = script.lock().unwrap();
    let form: HashMap<String, String> = fhir::search::parse_pairs(&body).into_iter().collect();
    let secret = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
    script.secrets.push(secret.unwrap_or_default());
    let used = script.forms.iter().any(|before| before["code"] == form["code"]);
    script.forms.push(form);
    if used {
        return (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"})));
    }
    let answer = json!({"access_token": "once", "token_type": "Bearer", "id_token": script.id_token, "patient": script.patient,
        "scope": "launch openid fhirUser patient/Patient.r", "need_patient_banner": true});
    (StatusCode::OK, Json(answer))
}

async fn patient(State(script): State<Shared>, headers: HeaderMap, Path(id): Path<String>) -> Json<Value> {
    let mut script = script.lock().unwrap();
    let bearer = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
    script.reads.push((id, bearer.unwrap_or_default()));
    Json(script.resource.clone())
}

impl Fake {
    async fn start() -> Fake {
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", socket.local_addr().unwrap());
        let iss = format!("{issuer}/fhir");
        let pair = Pair::new("e1");
        let script = Arc::new(Mutex::new(Script {
            issuer,
            keys: vec![pair.public.clone()],
            id_token: String::new(),
            patient: json!("pat-1"),
            resource: person("pat-1", NHS, "1950-01-02"),
            capabilities: json!(["launch-ehr", "sso-openid-connect", "permission-v2"]),
            challenges: json!(["S256"]),
            forms: Vec::new(),
            secrets: Vec::new(),
            reads: Vec::new(),
        }));
        let jwks = |State(script): State<Shared>| async move { Json(json!({"keys": script.lock().unwrap().keys})) };
        let router = Router::new()
            .route("/fhir/.well-known/smart-configuration", get(smart_configuration))
            .route("/fhir/Patient/{id}", get(patient))
            .route("/token", post(token))
            .route("/jwks", get(jwks))
            .with_state(Arc::clone(&script));
        tokio::spawn(async move { axum::serve(socket, router).await });
        Fake { iss, pair, script }
    }

    fn says(&self, work: impl FnOnce(&mut Script)) {
        work(&mut self.script.lock().unwrap());
    }

    fn claims(&self, nonce: &str) -> Value {
        json!({"iss": self.script.lock().unwrap().issuer, "sub": "dr-1", "aud": "skein-app", "iat": NOW, "exp": NOW + 300,
            "nonce": nonce, "fhirUser": "Practitioner/7"})
    }

    fn ehr(&self, users: &str) -> Ehr {
        let config = EhrConfig {
            user: User::system("epr", "Riverside EPR", ("RHM", "Riverside Hospital")),
            iss: self.iss.clone(),
            client_id: "skein-app".into(),
            credential: Credential::Secret("a secret".into()),
            users: users.into(),
            user_claim: "sub".into(),
            redirect_uri: "https://record.example/launch/back/epr".into(),
        };
        Ehr::new(config, outgoing())
    }
}

fn person(id: &str, number: &str, born: &str) -> Value {
    json!({"resourceType": "Patient", "id": id, "birthDate": born,
        "identifier": [{"system": "urn:mrn", "value": "1"}, {"system": fhir::nhs::SYSTEM, "value": number}]})
}

/// A site whose users sign in with the provider, and that is an app of the system.
async fn site(idp: &Idp, fake: &Fake) -> Trusting {
    let clients = Clients::new(Vec::new(), "https://record.example/oauth/token".into(), Some(&outgoing()));
    let clients = clients.with_ehrs(vec![fake.ehr("idp")]);
    let site = Trusting::new(Some(idp), ApiConfig { clients: Some(Arc::new(clients)), ..ApiConfig::default() });
    let patient = json!({"resourceType": "Patient", "id": "p1", "active": true, "gender": "female", "birthDate": "1950-01-02",
        "name": [{"family": "Smith", "given": ["Ann"]}],
        "identifier": [{"system": fhir::nhs::SYSTEM, "value": NHS, "extension": [{"url": fhir::nhs::VERIFICATION_STATUS,
            "valueCodeableConcept": {"coding": [{"system": fhir::nhs::VERIFICATION_STATUS_SYSTEM, "code": "01"}]}}]}]});
    crate::governed::take(&site.engine, "gp", &[patient]).await;
    site
}

/// The system opens our launch address: the way's cookie, and what its authorization server is asked.
async fn begin(site: &Trusting, fake: &Fake, handle: &str) -> (String, HashMap<String, String>) {
    let begun = site.get(&format!("/launch?iss={}&launch={handle}", fake.iss), "").await;
    assert_eq!(begun.status, 303, "{}", begun.body);
    let address = begun.location();
    let (before, query) = address.split_once('?').unwrap();
    assert!(before.ends_with("/authorize") && query.starts_with("tenant=1&"), "{address}");
    let cookie = begun.cookie("__Host-skein-launch").expect("a cookie for the way");
    (cookie, fhir::search::parse_pairs(query).into_iter().collect())
}

async fn back(site: &Trusting, cookie: &str, query: &str) -> Answer {
    site.get(&format!("/launch/back/epr?{query}"), &format!("__Host-skein-launch={cookie}")).await
}

/// All the way there and back, with an ID token as a test wants it: the page that the browser comes back to.
async fn come_back(site: &Trusting, fake: &Fake, code: &str, change: impl FnOnce(&mut Value)) -> Answer {
    let (cookie, asked) = begin(site, fake, "handle-1").await;
    let mut claims = fake.claims(&asked["nonce"]);
    change(&mut claims);
    let token = fake.pair.sign("e1", None, &claims);
    fake.says(|script| script.id_token = token);
    back(site, &cookie, &format!("code={code}&state={}", asked["state"])).await
}

/// Somebody signs in here: their session.
async fn signed_in(site: &Trusting, idp: &Idp, subject: &str) -> String {
    let (flow, state, nonce) = site.begin("", "").await;
    let (mut claims, mut info) = (idp.claims(&nonce), idp.user_info());
    claims["sub"] = subject.into();
    info["sub"] = subject.into();
    idp.says(idp.pair.sign("k1", None, &claims), info);
    let landed = site.back(&flow, &format!("code={subject}-{state}&state={state}")).await;
    format!("__Host-skein={}", landed.cookie("__Host-skein").expect("a session"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_system_whose_app_we_are_opens_the_record_of_its_patient_for_its_user() {
    let (idp, fake) = (Idp::start().await, Fake::start().await);
    let site = site(&idp, &fake).await;
    let (cookie, asked) = begin(&site, &fake, "handle%2F1").await;
    assert_eq!(asked["launch"], "handle/1");
    assert_eq!((asked["aud"].as_str(), asked["client_id"].as_str()), (fake.iss.as_str(), "skein-app"));
    assert_eq!(asked["scope"], "launch openid fhirUser patient/Patient.r");
    assert_eq!(asked["redirect_uri"], "https://record.example/launch/back/epr");
    assert_eq!((asked["response_type"].as_str(), asked["code_challenge_method"].as_str()), ("code", "S256"));
    let token = fake.pair.sign("e1", None, &fake.claims(&asked["nonce"]));
    fake.says(|script| script.id_token = token);
    let landed = back(&site, &cookie, &format!("code=c1&state={}", asked["state"])).await;
    assert_eq!(landed.status, 200, "{}", landed.body);
    let way = landed.moves_to();
    assert!(way.starts_with("/launch/") && !way.contains("pat-1") && !way.contains(NHS), "{way}");
    assert!(!landed.body.contains(NHS) && landed.cookie("__Host-skein").is_none(), "nobody is signed in by it");
    {
        let script = fake.script.lock().unwrap();
        let form = &script.forms[0];
        assert_eq!((form["grant_type"].as_str(), form["code"].as_str()), ("authorization_code", "c1"));
        assert!(form["code_verifier"].len() >= 43 && form["code_verifier"] != asked["code_challenge"]);
        assert!(script.secrets[0].starts_with("Basic "), "our secret goes in the header");
        assert_eq!(script.reads, [("pat-1".to_owned(), "Bearer once".to_owned())], "one Patient is read, once");
    }
    // Whoever is not signed in does so first, with the provider of its users; the launch waits.
    assert_eq!(site.get(&way, "").await.location(), format!("/sign-in/with/idp?then={way}"));
    let session = signed_in(&site, &idp, "dr-1").await;
    let opened = site.get(&way, &session).await;
    assert_eq!(opened.status, 303, "{}", opened.body);
    assert!(opened.location().starts_with("/record/"), "{}", opened.location());
    assert_eq!(site.get(&way, &session).await.status, 410, "a way is walked once");
    // The answer as well: neither the cookie nor the code works again.
    assert_eq!(back(&site, &cookie, &format!("code=c2&state={}", asked["state"])).await.status, 410);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_user_or_another_patient_opens_nothing() {
    let (idp, fake) = (Idp::start().await, Fake::start().await);
    let site = site(&idp, &fake).await;
    let session = signed_in(&site, &idp, "dr-2").await;
    let way = come_back(&site, &fake, "c1", |_| {}).await.moves_to();
    let refused = site.get(&way, &session).await;
    assert_eq!(refused.status, 403, "{}", refused.body);
    assert!(refused.body.contains("another user"), "{}", refused.body);
    assert_eq!(site.get("/account", &session).await.status, 200, "nobody is signed out by it");
    assert!(site.audited().iter().any(|entry| entry.contains("launch-of-another-user")));
    // The Patient that is read is another than the token was for, is not in use, or has no number.
    let mut over = person("pat-1", NHS, "1950-01-02");
    over["active"] = json!(false);
    for (index, (resource, status)) in [
        (person("pat-2", NHS, "1950-01-02"), 403),
        (json!({"resourceType": "OperationOutcome"}), 403),
        (over, 404),
        (person("pat-1", "9434765918", "1950-01-02"), 404),
    ]
    .into_iter()
    .enumerate()
    {
        fake.says(|script| script.resource = resource.clone());
        let answer = come_back(&site, &fake, &format!("p{index}"), |_| {}).await;
        assert_eq!(answer.status, status, "{resource}: {}", answer.body);
        assert!(answer.body.contains("Riverside EPR") && !answer.body.contains("94347659"), "{}", answer.body);
    }
    // Another date of birth than is known here.
    fake.says(|script| script.resource = person("pat-1", NHS, "1951-01-02"));
    let way = come_back(&site, &fake, "b1", |claims| claims["sub"] = "dr-2".into()).await.moves_to();
    assert_eq!(site.get(&way, &session).await.status, 404);
    // What is no id comes into no address.
    for (index, id) in [json!("../Observation"), json!(""), json!(7), Value::Null, json!("a?b")].into_iter().enumerate()
    {
        fake.says(|script| script.patient = id.clone());
        let reads = fake.script.lock().unwrap().reads.len();
        assert_eq!(come_back(&site, &fake, &format!("i{index}"), |_| {}).await.status, 403, "{id}");
        assert_eq!(fake.script.lock().unwrap().reads.len(), reads, "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_believed_opens_nothing() {
    let (idp, fake) = (Idp::start().await, Fake::start().await);
    let site = site(&idp, &fake).await;
    let wrong: [(&str, Value); 8] = [
        ("aud", json!("another-app")),
        ("iss", json!("https://elsewhere.example")),
        ("nonce", json!("another")),
        ("exp", json!(NOW - 120)),
        ("iat", json!(NOW - 3600)),
        ("azp", json!("another-app")),
        ("sub", json!(" ")),
        ("events", json!({})),
    ];
    for (name, value) in wrong {
        let answer = come_back(&site, &fake, &format!("w-{name}"), |claims| claims[name] = value).await;
        assert_eq!(answer.status, 403, "{name}: {}", answer.body);
        assert!(answer.body.contains("could not be used"), "{name}");
    }
    // A key of somebody else's.
    let (cookie, asked) = begin(&site, &fake, "h").await;
    let forged = Pair::new("e1").sign("e1", None, &fake.claims(&asked["nonce"]));
    fake.says(|script| script.id_token = forged);
    assert_eq!(back(&site, &cookie, &format!("code=f&state={}", asked["state"])).await.status, 403);
    // Without the browser's cookie, with another state, or refused there.
    let (cookie, asked) = begin(&site, &fake, "h").await;
    assert_eq!(site.get(&format!("/launch/back/epr?code=x&state={}", asked["state"]), "").await.status, 410);
    assert_eq!(back(&site, &cookie, "code=x&state=made-up").await.status, 403);
    let (cookie, asked) = begin(&site, &fake, "h").await;
    let refused = back(&site, &cookie, &format!("error=access_denied&state={}", asked["state"])).await;
    assert_eq!(refused.status, 403);
    assert!(fake.script.lock().unwrap().reads.is_empty(), "no Patient is read for any of them");
    // A system that nobody named, or no handle, begins nothing, and nothing is asked of an address from outside.
    assert_eq!(site.get("/launch?iss=http://127.0.0.1:1/fhir&launch=x", "").await.status, 410);
    assert_eq!(site.get(&format!("/launch?iss={}&launch=", fake.iss), "").await.status, 403);
    assert_eq!(site.get("/launch/back/nobody?code=x&state=y", "").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_system_that_publishes_too_little_is_not_launched_from() {
    let (idp, fake) = (Idp::start().await, Fake::start().await);
    fake.says(|script| script.challenges = json!(["plain"]));
    let first = site(&idp, &fake).await;
    let launch = format!("/launch?iss={}&launch=h", fake.iss);
    let answer = first.get(&launch, "").await;
    assert_eq!(answer.status, 502, "{}", answer.body);
    assert!(answer.body.contains("Riverside EPR cannot be reached, or does not answer as it should"));
    // What it published wrongly is not asked for again at once, but again.
    fake.says(|script| {
        script.challenges = json!(["S256"]);
        script.capabilities = json!(["launch-ehr"]);
    });
    assert_eq!(first.get(&launch, "").await.status, 502);
    first.clock.fetch_add(11, std::sync::atomic::Ordering::Relaxed);
    let (_, asked) = begin(&first, &fake, "h").await;
    assert_eq!(asked["scope"], "launch openid fhirUser patient/Patient.read", "permissions of SMART 1");
}
