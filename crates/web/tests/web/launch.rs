//! Launch in context: another system opens a person's record here, for its user and nobody else, once.

use crate::{
    idp::{NOW, Pair, Trusting, outgoing},
    smart::{client, fixed},
};
use access::smart::{ClientConfig, Clients, LaunchUsers};
use axum::{
    body::Body,
    http::{Request, header},
};
use serde_json::{Value, json};
use std::sync::Arc;
use web::fhir::ApiConfig;

const NHS: &str = "9434765919";

fn launching(pair: &Pair, launch: Option<LaunchUsers>) -> ClientConfig {
    ClientConfig { launch, ..client("emis", fixed(pair)) }
}

async fn site(pair: &Pair, launch: Option<LaunchUsers>) -> Trusting {
    let clients = vec![launching(pair, launch)];
    let clients = Clients::new(clients, "https://record.example/oauth/token".into(), Some(&outgoing()));
    let site = Trusting::new(None, ApiConfig { clients: Some(Arc::new(clients)), ..ApiConfig::default() });
    let patient = json!({"resourceType": "Patient", "id": "p1", "active": true, "gender": "female", "birthDate": "1950-01-02",
        "name": [{"family": "Smith", "given": ["Ann"]}],
        "identifier": [{"system": fhir::nhs::SYSTEM, "value": NHS, "extension": [{"url": fhir::nhs::VERIFICATION_STATUS,
            "valueCodeableConcept": {"coding": [{"system": fhir::nhs::VERIFICATION_STATUS_SYSTEM, "code": "01"}]}}]}]});
    crate::governed::take(&site.engine, "gp", &[patient]).await;
    site
}

fn claims(jti: &str) -> Value {
    json!({"iss": "emis", "sub": "u1", "aud": "https://record.example/launch", "iat": NOW, "exp": NOW + 120, "jti": jti,
        "nhs_number": NHS, "birthdate": "1950-01-02", "name": "Dr Huw Prosser", "role_code": "R8000"})
}

async fn send(site: &Trusting, token: &str, json: bool) -> crate::idp::Answer {
    let accept = if json { "application/json" } else { "text/html" };
    let request = Request::post("/launch")
        .header(header::ORIGIN, "https://emis.example")
        .header(header::ACCEPT, accept)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(format!("token={token}")))
        .unwrap();
    site.send(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_click_opens_the_record_for_the_user_the_system_vouches_for_and_once() {
    let pair = Pair::new("k1");
    let site = site(&pair, Some(LaunchUsers::Vouched)).await;
    let sent = send(&site, &pair.sign("k1", None, &claims("1")), false).await;
    assert_eq!(sent.status, 200, "{}", sent.body);
    let way = sent.moves_to();
    assert!(way.starts_with("/launch/") && !way.contains(NHS), "{way}");
    let opened = site.get(&way, "").await;
    assert_eq!(opened.status, 303, "{}", opened.body);
    let record = opened.location();
    assert!(record.starts_with("/record/"), "{record}");
    let session = format!("__Host-skein={}", opened.cookie("__Host-skein").expect("a session"));
    // Who it is comes from the signed token; what they see is the gate's to say.
    let page = site.get("/account", &session).await;
    assert!(page.body.contains("Dr Huw Prosser") && page.body.contains("Riverside"), "{}", page.body);
    assert_eq!(site.get(&way, &session).await.status, 410, "a way is walked once");
    let again = send(&site, &pair.sign("k1", None, &claims("1")), false).await;
    assert_eq!(again.status, 401, "a token is used once: {}", again.body);
    // The same user launches again in the same session; another user's launch is refused and ends nothing.
    let way = send(&site, &pair.sign("k1", None, &claims("2")), false).await.moves_to();
    assert_eq!(site.get(&way, &session).await.location(), record);
    let mut other = claims("3");
    other["sub"] = "u2".into();
    let way = send(&site, &pair.sign("k1", None, &other), false).await.moves_to();
    let refused = site.get(&way, &session).await;
    assert_eq!(refused.status, 403, "{}", refused.body);
    assert!(refused.body.contains("another user"), "{}", refused.body);
    assert_eq!(site.get(&way, "").await.status, 410, "what was refused is over");
    assert_eq!(site.get("/account", &session).await.status, 200);
    assert!(site.audited().iter().any(|entry| entry.contains("launch-of-another-user")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_launch_by_parameters_is_of_the_system_it_names() {
    let pair = Pair::new("k1");
    let site = site(&pair, Some(LaunchUsers::Vouched)).await;
    let sent = send(&site, &pair.sign("k1", None, &claims("1")), true).await.json();
    let handle = sent["launch"].as_str().unwrap();
    assert_eq!(sent["path"], format!("/launch?iss=emis&launch={handle}"));
    let landing = site.get(&format!("/launch?iss=emis&launch={handle}"), "").await;
    assert_eq!(site.get(&landing.moves_to(), "").await.status, 303);
    let sent = send(&site, &pair.sign("k1", None, &claims("2")), true).await.json();
    let handle = sent["launch"].as_str().unwrap();
    assert_eq!(site.get(&format!("/launch?iss=systmone&launch={handle}"), "").await.status, 403);
    assert_eq!(site.get(&format!("/launch?iss=emis&launch={handle}"), "").await.status, 410);
    assert_eq!(site.get("/launch", "").await.status, 410);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_must_sign_in_does_so_first_and_the_launch_waits() {
    let pair = Pair::new("k1");
    let site = site(&pair, Some(LaunchUsers::Of("cis2".into()))).await;
    let way = send(&site, &pair.sign("k1", None, &claims("1")), false).await.moves_to();
    let to = site.get(&way, "").await.location();
    assert_eq!(to, format!("/sign-in?then={way}"));
    assert_eq!(site.get(&way, "").await.location(), to, "it still waits");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_launch_that_is_not_whole_and_true_opens_nothing() {
    let pair = Pair::new("k1");
    let site = site(&pair, Some(LaunchUsers::Vouched)).await;
    let change = |jti: &str, name: &str, value: Value| {
        let mut claims = claims(jti);
        claims[name] = value;
        claims
    };
    for (claims, status, says) in [
        (change("a", "aud", json!("https://record.example/oauth/token")), 401, "aud"),
        (change("b", "exp", json!(NOW - 120)), 401, "expired"),
        (change("c", "exp", json!(NOW + 3600)), 401, "five minutes"),
        (change("d", "jti", json!("")), 401, "jti"),
        (change("e", "sub", json!(" ")), 400, "sub"),
        (change("f", "nhs_number", json!("9434765918")), 400, "nhs_number"),
        (change("g", "birthdate", json!("2 Jan")), 400, "birthdate"),
        (change("h", "role_code", Value::Null), 400, "role_code"),
        (change("i", "iss", json!("nobody")), 401, "no client"),
    ] {
        let answer = send(&site, &pair.sign("k1", None, &claims), true).await;
        assert_eq!(answer.status, status, "{says}: {}", answer.body);
        assert!(answer.body.contains(says) && !answer.body.contains("94347659"), "{says}: {}", answer.body);
    }
    let forged = Pair::new("k1");
    assert_eq!(send(&site, &forged.sign("k1", None, &claims("x")), true).await.status, 401);
    assert_eq!(send(&site, "nonsense", false).await.status, 401);
    // Another date of birth than is known here: perhaps another person.
    let differs = change("j", "birthdate", json!("1951-01-02"));
    let way = send(&site, &pair.sign("k1", None, &differs), false).await.moves_to();
    let nobody = site.get(&way, "").await;
    assert_eq!(nobody.status, 404, "{}", nobody.body);
    assert!(!nobody.body.contains(NHS));
    // A client that may not launch does not.
    let plain = self::site(&pair, None).await;
    assert_eq!(send(&plain, &pair.sign("k1", None, &claims("1")), true).await.status, 404);
}
