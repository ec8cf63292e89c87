//! Client systems that get short tokens for signed assertions (SMART Backend Services), and what attackers make of it.

use crate::idp::{Answer, Idp, NOW, Pair, Trusting, confused, outgoing, unsigned};
use access::{
    User,
    jwt::KeySource,
    smart::{ASSERTION_TYPE, ClientConfig, Clients, Scopes},
};
use axum::{
    body::Body,
    http::{Request, header},
};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
};
use web::fhir::{ApiConfig, Limits};

const TOKEN_URL: &str = "https://record.example/oauth/token";

pub fn client(id: &str, keys: KeySource) -> ClientConfig {
    ClientConfig {
        user: User::system(id, "An app", ("RHM", "Riverside")),
        keys,
        scopes: Scopes::parse("system/Patient.rs system/Observation.r").unwrap(),
        token_life: SignedDuration::from_mins(5),
        launch: None,
    }
}

/// A site with these clients, whose API may be set up otherwise.
pub fn site(clients: Vec<ClientConfig>, otherwise: impl FnOnce(&mut ApiConfig)) -> Trusting {
    let clients = Clients::new(clients, TOKEN_URL.into(), Some(&outgoing()));
    let limits = HashMap::from([("slow".to_owned(), Limits { requests_per_second: 1, concurrent: 2 })]);
    let mut api = ApiConfig { clients: Some(Arc::new(clients)), limits, ..ApiConfig::default() };
    otherwise(&mut api);
    Trusting::new(None, api)
}

pub fn fixed(pair: &Pair) -> KeySource {
    KeySource::read(&json!({"keys": [pair.public]}).to_string()).unwrap()
}

pub fn claims(id: &str, jti: &str) -> Value {
    json!({"iss": id, "sub": id, "aud": TOKEN_URL, "iat": NOW, "exp": NOW + 240, "jti": jti})
}

/// The form of a token request.
pub fn form(assertion: &str, scope: &str) -> String {
    format!(
        "grant_type=client_credentials&client_assertion_type={}&client_assertion={assertion}&scope={}",
        ASSERTION_TYPE.replace(':', "%3A"),
        scope.replace(' ', "+").replace('/', "%2F")
    )
}

async fn ask(site: &Trusting, assertion: &str, scope: &str) -> Answer {
    site.post("/oauth/token", "", form(assertion, scope)).await
}

async fn ask_owned(site: &Trusting, assertion: String) -> Answer {
    ask(site, &assertion, "system/Patient.rs").await
}

pub async fn read(site: &Trusting, token: &str, path: &str) -> Answer {
    let request = Request::get(format!("/fhir{path}")).header(header::AUTHORIZATION, format!("Bearer {token}"));
    site.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_signed_assertion_gets_a_short_token_that_reaches_as_far_as_its_scopes() {
    let pair = Pair::new("c1");
    let site = site(vec![client("app", fixed(&pair))], |_| {});
    let configuration = site.get("/fhir/.well-known/smart-configuration", "").await.json();
    assert_eq!(configuration["token_endpoint"], TOKEN_URL);
    assert_eq!(site.get("/.well-known/smart-configuration", "").await.json(), configuration);
    let answer = ask(&site, &pair.sign("c1", None, &claims("app", "1")), "system/*.read").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    let grant = answer.json();
    assert_eq!(
        (&grant["expires_in"], &grant["scope"]),
        (&json!(300), &json!("system/Patient.rs system/Observation.r"))
    );
    let token = grant["access_token"].as_str().unwrap().to_owned();
    let id = "0000000000001";
    for (path, status) in [
        (format!("/Patient/{id}"), 404),
        ("/Patient?identifier=https%3A%2F%2Ffhir.nhs.uk%2FId%2Fnhs-number%7C9434765919".into(), 200),
        (format!("/Condition?patient={id}"), 403),
        (format!("/Observation?patient={id}"), 403),
        (format!("/Patient/{id}/$everything"), 403),
        (format!("/Patient/{id}/$everything?_type=Patient,Observation"), 404),
        (format!("/Patient/{id}/$everything?_type=Patient,Condition"), 403),
    ] {
        let answer = read(&site, &token, &path).await;
        assert_eq!(answer.status, status, "{path} {}", answer.body);
        if status == 403 {
            assert!(answer.body.contains("lacks the scope system/"), "{}", answer.body);
            assert!(answer.headers[header::WWW_AUTHENTICATE].to_str().unwrap().contains("insufficient_scope"));
        }
    }
    let parameters =
        json!({"resourceType": "Parameters", "parameter": [{"name": "_type", "valueString": "Condition"}]});
    let wider = Request::post(format!("/fhir/Patient/{id}/$everything?_type=Patient"))
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/fhir+json")
        .body(Body::from(parameters.to_string()))
        .unwrap();
    assert_eq!(site.send(wider).await.status, 403, "a body widens nothing");
    site.clock.fetch_add(301, Ordering::Relaxed);
    assert_eq!(read(&site, &token, &format!("/Patient/{id}")).await.status, 401, "its time is over");
}

#[tokio::test]
async fn nobody_else_gets_a_token() {
    let pair = Pair::new("c1");
    let site = site(vec![client("app", fixed(&pair)), client("other", fixed(&Pair::new("c1")))], |_| {});
    let changed = |name: &str, value: Value| {
        let mut claims = claims("app", "changed");
        claims[name] = value;
        pair.sign("c1", None, &claims)
    };
    for (what, assertion) in [
        ("another's key", Pair::new("c1").sign("c1", None, &claims("app", "1"))),
        ("as another client", pair.sign("c1", None, &claims("other", "2"))),
        ("as nobody", pair.sign("c1", None, &claims("nobody", "3"))),
        ("alg none", unsigned(&claims("app", "4"))),
        ("the public key as a secret", confused(&pair, "c1", &claims("app", "5"))),
        ("for another server", changed("aud", json!("https://evil.example/token"))),
        ("for the API", changed("aud", json!("https://record.example/fhir"))),
        ("expired", changed("exp", json!(NOW - 61))),
        ("for an hour", changed("exp", json!(NOW + 3600))),
        ("no end", changed("exp", Value::Null)),
        ("no jti", changed("jti", Value::Null)),
        ("another subject", changed("sub", json!("other"))),
        ("nothing", String::new()),
        ("endless", "x".repeat(50_000)),
    ] {
        let answer = ask(&site, &assertion, "system/Patient.rs").await;
        assert_eq!(answer.status, 401, "{what} {}", answer.body);
        assert_eq!(answer.json()["error"], "invalid_client", "{what}");
    }
    let once = pair.sign("c1", None, &claims("app", "once"));
    assert_eq!(ask(&site, &once, "system/Patient.rs").await.status, 200);
    assert_eq!(ask(&site, &once, "system/Patient.rs").await.status, 401, "replayed");
    for scope in ["system/Condition.rs", "user/Patient.rs", "", "system/Patient.rs?x=y"] {
        let assertion = pair.sign("c1", None, &claims("app", &format!("scope {scope}")));
        let answer = ask(&site, &assertion, scope).await;
        assert_eq!((answer.status, answer.json()["error"].as_str()), (400, Some("invalid_scope")), "{scope}");
    }
    assert_eq!(site.post("/oauth/token", "", "grant_type=password".into()).await.status, 400);
    assert_eq!(site.post("/oauth/token", "", "a=b&grant_type=x&grant_type=y".into()).await.status, 400);
    assert_eq!(read(&site, "made-up", "/Patient/0000000000001").await.status, 401);
}

#[tokio::test]
async fn a_key_address_leads_nowhere_inside_and_redirects_are_not_followed() {
    let idp = Idp::start().await;
    let address = |path: &str| KeySource::Address(path.to_owned());
    let site = site(
        vec![
            client("good", address(&format!("{}/jwks", idp.issuer))),
            client("redirected", address(&format!("{}/elsewhere", idp.issuer))),
            client("endless", address(&format!("{}/endless", idp.issuer))),
            client("metadata", address("http://169.254.169.254/latest/meta-data")),
            client("private", address("https://10.0.0.1/jwks")),
            client("named", address("https://localhost/jwks")),
            client("file", address("file:///etc/passwd")),
        ],
        |_| {},
    );
    let before = idp.key_fetches();
    // A socket that takes connections and never answers: asked once, and nobody else waits for it.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mute =
        self::site(vec![client("mute", address(&format!("http://{}/jwks", silent.local_addr().unwrap())))], |_| {});
    let begun = std::time::Instant::now();
    let tries = (0..5).map(|n| ask_owned(&mute, idp.pair.sign("k1", None, &claims("mute", &n.to_string()))));
    for answer in futures_util::future::join_all(tries).await {
        assert_eq!(answer.status, 401);
    }
    assert!(begun.elapsed().as_secs() < 15, "{:?}", begun.elapsed());
    for id in ["redirected", "endless", "metadata", "private", "named", "file"] {
        let answer = ask(&site, &idp.pair.sign("k1", None, &claims(id, id)), "system/Patient.rs").await;
        assert_eq!(answer.status, 401, "{id}");
        assert!(!answer.body.contains("10.0.0.1") && !answer.body.contains("root:"), "{}", answer.body);
    }
    assert_eq!(idp.key_fetches(), before, "no redirect was followed");
    assert_eq!(ask(&site, &idp.pair.sign("k1", None, &claims("good", "g")), "system/Patient.rs").await.status, 200);
}

#[tokio::test]
async fn a_client_that_asks_too_fast_waits_and_others_do_not() {
    let (slow, quick) = (Pair::new("s"), Pair::new("q"));
    let site = site(vec![client("slow", fixed(&slow)), client("quick", fixed(&quick))], |_| {});
    let mut tokens = Vec::new();
    for (pair, id, kid) in [(&slow, "slow", "s"), (&quick, "quick", "q")] {
        let grant = ask(&site, &pair.sign(kid, None, &claims(id, "1")), "system/Patient.rs").await.json();
        tokens.push(grant["access_token"].as_str().unwrap().to_owned());
    }
    let mut refused = None;
    for _ in 0..20 {
        let answer = read(&site, &tokens[0], "/Patient/0000000000001").await;
        if answer.status == 429 {
            refused = Some(answer);
        }
        assert_eq!(read(&site, &tokens[1], "/Patient/0000000000001").await.status, 404);
    }
    let refused = refused.expect("too fast");
    assert!(refused.headers[header::RETRY_AFTER].to_str().unwrap().parse::<u32>().unwrap() >= 1);
    assert_eq!(refused.json()["issue"][0]["code"], "throttled");
}
