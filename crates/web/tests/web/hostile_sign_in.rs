//! What an attacker tries on the way to a provider and back.

use crate::idp::{CLIENT, Idp, NOW, Pair, Trusting, confused, unsigned};
use access::sign_in::SignInKind;
use axum::{
    body::Body,
    http::{Request, header},
};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use web::fhir::ApiConfig;

const SESSION: &str = "__Host-skein";

fn code() -> String {
    static CODES: AtomicUsize = AtomicUsize::new(0);
    format!("code-{}", CODES.fetch_add(1, Ordering::Relaxed))
}

async fn signed_in(site: &Trusting, idp: &Idp) -> String {
    let (flow, state, nonce) = site.begin("", "").await;
    idp.says(idp.pair.sign("k1", Some("JWT"), &idp.claims(&nonce)), idp.user_info());
    let answer = site.back(&flow, &format!("code={}&state={state}", code())).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    format!("{SESSION}={}", answer.cookie(SESSION).expect("a session"))
}

async fn is_in(site: &Trusting, cookie: &str) -> bool {
    site.get("/account", cookie).await.status == 200
}

#[tokio::test]
async fn only_a_token_made_for_us_now_and_for_this_flow_signs_in() {
    let idp = Idp::start().await;
    let site = Trusting::new(Some(&idp), ApiConfig::default());
    assert!(is_in(&site, &signed_in(&site, &idp).await).await);
    let stranger = Pair::new("k1");
    type Make<'a> = Box<dyn Fn(&Idp, Value) -> String + 'a>;
    let with = |name: &'static str, value: Value| -> Make<'_> {
        Box::new(move |idp, mut claims| {
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            } else {
                claims[name] = value.clone();
            }
            idp.pair.sign("k1", Some("JWT"), &claims)
        })
    };
    let tries: Vec<(&str, Make<'_>)> = vec![
        ("another's key under the issuer's name", Box::new(|_, claims| stranger.sign("k1", None, &claims))),
        ("alg none", Box::new(|_, claims| unsigned(&claims))),
        ("the public key as a secret", Box::new(|idp, claims| confused(&idp.pair, "k1", &claims))),
        (
            "a changed claim",
            Box::new(|idp, claims| {
                let token = idp.pair.sign("k1", None, &claims);
                let other = idp.pair.sign("k1", None, &json!({"sub": "somebody"}));
                let (mine, theirs): (Vec<&str>, Vec<&str>) = (token.split('.').collect(), other.split('.').collect());
                format!("{}.{}.{}", mine[0], theirs[1], mine[2])
            }),
        ),
        (
            "no signature",
            Box::new(|idp, claims| {
                let token = idp.pair.sign("k1", None, &claims);
                token.rsplit_once('.').unwrap().0.to_owned() + "."
            }),
        ),
        ("a logout token", Box::new(|idp, claims| idp.pair.sign("k1", Some("logout+jwt"), &claims))),
        ("nonsense", Box::new(|_, _| "x.y.z".into())),
        ("something endless", Box::new(|_, _| "x".repeat(100_000))),
        ("expired", with("exp", json!(NOW - 61))),
        ("no exp", with("exp", Value::Null)),
        ("another's", with("aud", json!("another client"))),
        ("several audiences and no party", with("aud", json!([CLIENT, "another"]))),
        ("another party", with("azp", json!("another"))),
        ("another issuer", with("iss", json!("https://evil.example"))),
        ("issued tomorrow", with("iat", json!(NOW + 86_400))),
        ("issued yesterday", with("iat", json!(NOW - 86_400))),
        ("no iat", with("iat", Value::Null)),
        ("not yet", with("nbf", json!(NOW + 3600))),
        ("another nonce", with("nonce", json!("replayed"))),
        ("no nonce", with("nonce", Value::Null)),
        ("no subject", with("sub", Value::Null)),
        ("a subject with a line break", with("sub", json!("u1\r\nSet-Cookie: x"))),
        ("another's user info", with("sub", json!("u2"))),
        ("a weak sign-in", with("acr", json!("AAL1"))),
        ("no word on how", with("acr", Value::Null)),
    ];
    for (what, make) in tries {
        let (flow, state, nonce) = site.begin("", "").await;
        idp.says(make(&idp, idp.claims(&nonce)), idp.user_info());
        let answer = site.back(&flow, &format!("code={}&state={state}", code())).await;
        assert_eq!(answer.status, 403, "{what}");
        assert_eq!(answer.cookie(SESSION), None, "{what}");
        assert!(!answer.body.contains("Nura"), "{what}");
    }
}

#[tokio::test]
async fn an_answer_is_for_the_browser_that_asked_and_works_once() {
    let idp = Idp::start().await;
    let site = Trusting::new(Some(&idp), ApiConfig::default());
    let (mine, state, nonce) = site.begin("", "").await;
    let (theirs, other_state, _) = site.begin("", "").await;
    idp.says(idp.pair.sign("k1", None, &idp.claims(&nonce)), idp.user_info());
    let (good, bad) = (code(), code());
    for (what, flow, query) in [
        ("no cookie", "", format!("code={bad}&state={state}")),
        ("a made-up cookie", "0123", format!("code={bad}&state={state}")),
        ("another browser's cookie", theirs.as_str(), format!("code={bad}&state={state}")),
    ] {
        assert_eq!(site.back(flow, &query).await.status, 403, "{what}");
    }
    let answer = site.back(&mine, &format!("code={good}&state={state}")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(site.back(&mine, &format!("code={good}&state={state}")).await.status, 403, "walked once");
    for query in [
        format!("code={}&state=wrong", code()),
        format!("code={}", code()),
        format!("code={}&state={other_state}", code()),
        "state=".to_owned(),
    ] {
        let (flow, ..) = site.begin("", "").await;
        assert_eq!(site.back(&flow, &query).await.status, 403, "{query}");
    }
    // A code the provider has seen, a mixed-up issuer (RFC 9207), a refusal.
    for more in [
        format!("code={good}"),
        format!("code={}&iss=https%3A%2F%2Fevil.example", code()),
        "error=access_denied".into(),
    ] {
        let (flow, state, nonce) = site.begin("", "").await;
        idp.says(idp.pair.sign("k1", None, &idp.claims(&nonce)), idp.user_info());
        let answer = site.back(&flow, &format!("{more}&state={state}")).await;
        assert_eq!((answer.status, answer.cookie(SESSION)), (403, None), "{more}");
    }
    assert_eq!(site.get("/sign-in/with/nobody", "").await.status, 404);
    assert_eq!(site.get("/sign-in/back/nobody?code=x", "").await.status, 404);
}

#[tokio::test]
async fn signing_in_leads_to_pages_of_this_site_alone() {
    let idp = Idp::start().await;
    let site = Trusting::new(Some(&idp), ApiConfig::default());
    for (then, leads_to) in [
        ("/status", "/status"),
        ("https://evil.example/", "/"),
        ("//evil.example", "/"),
        ("/%5Cevil.example", "/"),
        ("/x%0d%0aSet-Cookie:%20a=b", "/"),
        ("/%22onload=", "/"),
        ("javascript:alert(1)", "/"),
    ] {
        let (flow, state, nonce) = site.begin(&format!("?then={then}"), "").await;
        idp.says(idp.pair.sign("k1", None, &idp.claims(&nonce)), idp.user_info());
        let answer = site.back(&flow, &format!("code={}&state={state}", code())).await;
        assert_eq!((answer.status, answer.moves_to().as_str()), (200, leads_to), "{then}");
        assert!(!answer.body.contains("evil"), "{then}");
    }
}

#[tokio::test]
async fn a_planted_session_is_worth_nothing_and_the_former_one_ends() {
    let idp = Idp::start().await;
    let site = Trusting::new(Some(&idp), ApiConfig::default());
    let former = signed_in(&site, &idp).await;
    let planted = format!("{SESSION}={}", "0".repeat(64));
    assert!(!is_in(&site, &planted).await);
    let (flow, state, nonce) = site.begin("", &former).await;
    idp.says(idp.pair.sign("k1", None, &idp.claims(&nonce)), idp.user_info());
    let query = format!("/sign-in/back/idp?code={}&state={state}", code());
    let answer = site.get(&query, &format!("__Host-skein-flow={flow}; {planted}")).await;
    let token = answer.cookie(SESSION).expect("a session");
    assert!(!planted.ends_with(&token) && !former.ends_with(&token));
    let set: Vec<_> = answer.headers.get_all(header::SET_COOKIE).iter().map(|one| one.to_str().unwrap()).collect();
    let session = set.iter().find(|one| one.starts_with("__Host-skein=")).unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Secure", "Path=/"] {
        assert!(session.contains(part), "{session}");
    }
    assert!(!is_in(&site, &planted).await && !is_in(&site, &former).await);
    assert!(is_in(&site, &format!("{SESSION}={token}")).await);
}

#[tokio::test]
async fn forms_from_elsewhere_do_nothing() {
    let idp = Idp::start().await;
    let site = Trusting::new(Some(&idp), ApiConfig::default());
    let cookie = signed_in(&site, &idp).await;
    for path in ["/account/sign-out-everywhere", "/account/role"] {
        let answer = site.post(path, &cookie, "form_token=guessed&role=0".into()).await;
        assert_eq!(answer.status, 403, "{path}");
    }
    let page = site.get("/account", &cookie).await;
    let token = page.body.split("name=\"form_token\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let request = Request::post("/account/sign-out-everywhere")
        .header(header::COOKIE, &cookie)
        .header("sec-fetch-site", "cross-site")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(format!("form_token={token}")))
        .unwrap();
    assert_eq!(site.send(request).await.status, 403);
    assert!(is_in(&site, &cookie).await);
    let other = signed_in(&site, &idp).await;
    assert_eq!(site.post("/account/sign-out-everywhere", &cookie, format!("form_token={token}")).await.status, 303);
    assert!(!is_in(&site, &cookie).await && !is_in(&site, &other).await);
}

#[tokio::test]
async fn only_the_providers_word_ends_a_session_and_only_once() {
    let idp = Idp::start().await;
    let site = Trusting::new(Some(&idp), ApiConfig::default());
    let event = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    let good = |jti: &str| json!({"iss": idp.issuer, "sub": "u1", "sid": "s1", "aud": CLIENT, "iat": NOW, "exp": NOW + 120, "jti": jti, "events": event});
    let changed = |name: &str, value: Value| {
        let mut claims = good("changed");
        claims[name] = value;
        idp.pair.sign("k1", Some("logout+jwt"), &claims)
    };
    let cookie = signed_in(&site, &idp).await;
    for (what, token) in [
        ("another's key", Pair::new("k1").sign("k1", None, &good("1"))),
        ("alg none", unsigned(&good("2"))),
        ("the public key as a secret", confused(&idp.pair, "k1", &good("3"))),
        ("another's", changed("aud", json!("another"))),
        ("an ID token", idp.pair.sign("k1", None, &idp.claims("n"))),
        ("a nonce", changed("nonce", json!("n"))),
        ("no event", changed("events", json!({}))),
        ("expired", changed("exp", json!(NOW - 100))),
        ("no id", changed("jti", Value::Null)),
        ("too long", "x".repeat(60_000)),
        ("nothing", String::new()),
    ] {
        let answer = site.post("/sign-in/left/idp", "", format!("logout_token={token}")).await;
        assert_eq!(answer.status, 400, "{what}");
    }
    assert_eq!(site.post("/sign-in/left/idp", "", "x=y".into()).await.status, 400);
    assert!(is_in(&site, &cookie).await, "and it goes on");
    let token = idp.pair.sign("k1", Some("logout+jwt"), &good("once"));
    assert_eq!(site.post("/sign-in/left/idp", "", format!("logout_token={token}")).await.status, 200);
    assert!(!is_in(&site, &cookie).await);
    let cookie = signed_in(&site, &idp).await;
    assert_eq!(site.post("/sign-in/left/idp", "", format!("logout_token={token}")).await.status, 400, "replayed");
    assert!(is_in(&site, &cookie).await);
}

#[tokio::test]
async fn a_providers_new_key_is_looked_up_and_not_for_every_stranger() {
    let idp = Idp::start().await;
    let site = Trusting::new(Some(&idp), ApiConfig::default());
    signed_in(&site, &idp).await;
    let fetches = idp.key_fetches();
    let new = Pair::new("k2");
    idp.publishes(vec![new.public.clone()]);
    site.clock.fetch_add(40, Ordering::Relaxed);
    let (flow, state, nonce) = site.begin("", "").await;
    idp.says(new.sign("k2", None, &idp.claims(&nonce)), idp.user_info());
    assert_eq!(site.back(&flow, &format!("code={}&state={state}", code())).await.status, 200);
    assert_eq!(idp.key_fetches(), fetches + 1);
    for _ in 0..5 {
        let token = Pair::new("k3").sign("k3", None, &json!({"iss": idp.issuer}));
        assert_eq!(site.post("/sign-in/left/idp", "", format!("logout_token={token}")).await.status, 400);
    }
    assert_eq!(idp.key_fetches(), fetches + 1, "strangers make us ask no oftener");
}

#[tokio::test]
async fn headers_too_large_are_refused_by_the_listener() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let site = Trusting::new(None, ApiConfig::default());
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let router = site.router.clone();
    tokio::spawn(async move { axum::serve(socket, router).await });
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET /sign-in HTTP/1.1\r\nhost: x\r\ncookie: {}\r\n\r\n", "a".repeat(1 << 20));
    let _ = stream.write_all(request.as_bytes()).await;
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said).await;
    let said = String::from_utf8_lossy(&said);
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 431"), "{said}");
}

#[tokio::test]
async fn signing_in_and_out_is_on_record_and_a_number_never() {
    let idp = Idp::start().await;
    let site = Trusting::new(Some(&idp), ApiConfig::default());
    let cookie = signed_in(&site, &idp).await;
    assert_eq!(site.post("/sign-out", &cookie, "form_token=x".into()).await.status, 200);
    assert!(!is_in(&site, &cookie).await);
    let (flow, state, nonce) = site.begin("", "").await;
    idp.says(idp.pair.sign("k1", None, &idp.claims(&nonce)), json!({"sub": "u1", "name": "Nura Hale"}));
    let answer = site.back(&flow, &format!("code={}&state={state}", code())).await;
    assert_eq!((answer.status, answer.cookie(SESSION)), (403, None), "no role");
    let audited: Vec<Value> = site.audited().iter().map(|body| serde_json::from_str(body).unwrap()).collect();
    let shown: Vec<_> = audited.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(shown, ["sign-in", "sign-out", "sign-in-refused"]);
    assert!(audited.iter().all(|entry| entry["user"]["id"] == "idp:u1" && entry["by"] == "idp"));

    let site = Trusting::for_kind(SignInKind::Person, Some(&idp), ApiConfig::default());
    let (flow, state, nonce) = site.begin("", "").await;
    let said = json!({"sub": "u1", "name": "Iris", "nhs_number": "9434765919", "birthdate": "1961-03-04"});
    idp.says(idp.pair.sign("k1", None, &idp.claims(&nonce)), said);
    let answer = site.back(&flow, &format!("code={}&state={state}", code())).await;
    assert_eq!((answer.status, answer.cookie(SESSION)), (404, None), "no record");
    let audited = site.audited();
    assert!(audited.iter().any(|body| body.contains("\"why\":\"no-record\"")), "{audited:?}");
    for text in audited.iter().chain([&answer.body]) {
        assert!(!text.contains("9434765919") && !text.contains("943 476 5919"), "{text}");
    }
}
