//! What a request's connection says about who sends it: a client certificate, and an address that proxies pass on.

use crate::{
    idp::{Answer, Pair, Trusting},
    smart::{claims, client, fixed, form, site},
    support::{Site, hash, source, user},
    visitor::Pages,
};
use axum::{
    body::Body,
    http::{Request, header},
};
use intake::listener::tls::Senders;
use serde_json::json;
use std::{collections::HashMap, sync::Arc};
use web::{
    Peer, Searches,
    fhir::{ApiConfig, Reader, Source},
};

/// A certificate with these names, as a handshake leaves it.
fn certificate(names: &[&str]) -> Arc<[u8]> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    made.cert.der().to_vec().into()
}

fn peer(address: &str, certificate: Option<&Arc<[u8]>>) -> Peer {
    Peer { address: format!("{address}:40000").parse().unwrap(), certificate: certificate.cloned() }
}

fn named(name: &str) -> Senders {
    Senders { names: vec![name.into()], fingerprints: Vec::new() }
}

#[tokio::test]
async fn a_fhir_feed_bound_to_a_certificate_takes_nothing_over_another_connection() {
    let sources = ["gp", "hospital", "lab"];
    let profiles = sources.map(|id| format!("source = \"{id}\"\nname = \"{id}\"\n"));
    let site = Site::as_told(&profiles, |api| {
        api.sources = vec![
            source("both", "gp", named("gp.example")),
            Source { token_hash: None, ..source("", "hospital", named("pas.hospital.example")) },
            Source { token_hash: None, ..source("", "lab", named("lab.example")) },
        ];
    });
    let (gp, hospital) = (certificate(&["gp.example"]), certificate(&["pas.hospital.example"]));
    let patient = json!({"resourceType": "Patient", "id": "p", "name": [{"family": "Hale"}]}).to_string();
    let send = async |token: Option<&str>, shown: Option<&Arc<[u8]>>| {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let mut headers = vec![("content-type", "application/fhir+json")];
        headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
        site.send_from(Some(peer("192.0.2.1", shown)), "PUT", "/Patient/p", &headers, patient.clone()).await
    };
    let without = send(Some("both"), None).await.expect(401);
    assert_eq!(without.issue().0, "login");
    assert!(String::from_utf8_lossy(&without.body).contains("this connection shows none"));
    assert!(without.header("www-authenticate").contains("invalid_token"));
    let other = send(Some("both"), Some(&hospital)).await.expect(403);
    assert_eq!(other.issue().0, "forbidden");
    assert!(String::from_utf8_lossy(&other.body).contains("shows another one"));
    send(None, Some(&gp)).await.expect(401);
    send(Some("made up"), Some(&gp)).await.expect(401);
    send(Some("both"), Some(&gp)).await.expect(201);
    // By certificate alone: whoever shows none of ours, or two of ours, is nobody.
    send(None, Some(&hospital)).await.expect(201);
    send(None, Some(&certificate(&["stranger.example"]))).await.expect(401);
    send(None, None).await.expect(401);
    let two = certificate(&["lab.example", "pas.hospital.example"]);
    assert!(String::from_utf8_lossy(&send(None, Some(&two)).await.expect(403).body).contains("fits two feeds"));
    // A feed writes and reads nothing, however it says who it is.
    site.send_from(Some(peer("192.0.2.1", Some(&hospital))), "GET", "/Patient/p", &[], Body::empty()).await.expect(403);
    site.stop();
}

async fn token_from(site: &Trusting, peer: Peer, forwarded: &str, assertion: &str) -> Answer {
    let body = form(assertion, "system/Patient.rs");
    let request = Request::post("/oauth/token")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header("x-forwarded-for", forwarded)
        .extension(peer);
    site.send(request.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn a_client_bound_to_a_certificate_gets_and_uses_tokens_over_its_own_connection_alone() {
    let pair = Pair::new("c1");
    let site = site(vec![client("app", fixed(&pair)), client("free", fixed(&pair))], |api| {
        api.certificates = HashMap::from([("app".to_owned(), named("app.example"))]);
        api.readers = vec![Reader { token_hash: hash("lasting"), user: user("app", "system"), scopes: None }];
    });
    let (own, other) = (certificate(&["app.example"]), certificate(&["other.example"]));
    let configuration = site.get("/.well-known/smart-configuration", "").await.json();
    assert_eq!(configuration["tls_client_certificate_bound_access_tokens"], true);
    for (number, shown) in [None, Some(&other)].into_iter().enumerate() {
        let assertion = pair.sign("c1", None, &claims("app", &number.to_string()));
        let answer = token_from(&site, peer("192.0.2.1", shown), "", &assertion).await;
        assert_eq!((answer.status, answer.json()["error"].as_str()), (401, Some("invalid_client")), "{}", answer.body);
        assert!(answer.body.contains("its own client certificate"), "{}", answer.body);
    }
    let assertion = pair.sign("c1", None, &claims("app", "right"));
    let grant = token_from(&site, peer("192.0.2.1", Some(&own)), "", &assertion).await;
    assert_eq!(grant.status, 200, "{}", grant.body);
    let token = grant.json()["access_token"].as_str().unwrap().to_owned();
    for token in [token.as_str(), "lasting"] {
        for (shown, status) in [(None, 401), (Some(&other), 403), (Some(&own), 404)] {
            let request = Request::get("/fhir/Patient/0000000000001")
                .header(header::AUTHORIZATION, format!("Bearer {token}"))
                .extension(peer("192.0.2.1", shown));
            assert_eq!(site.send(request.body(Body::empty()).unwrap()).await.status, status);
        }
    }
    let free = pair.sign("c1", None, &claims("free", "1"));
    assert_eq!(token_from(&site, peer("192.0.2.1", None), "", &free).await.status, 200, "others need none");
}

#[tokio::test]
async fn assertions_that_are_not_believed_shut_the_address_they_came_from_and_no_other() {
    let pair = Pair::new("c1");
    let site = site(vec![client("app", fixed(&pair))], |_| {});
    let proxy = || peer("10.1.2.3", None);
    for _ in 0..60 {
        assert_eq!(token_from(&site, proxy(), "192.0.2.66, 198.51.100.7", "made up").await.status, 401);
    }
    let shut = token_from(&site, proxy(), "192.0.2.67, 198.51.100.7", "made up").await;
    assert_eq!(shut.status, 429, "what the client wrote itself makes it nobody else");
    assert!(shut.headers[header::RETRY_AFTER].to_str().unwrap().parse::<u32>().unwrap() > 60);
    let right = pair.sign("c1", None, &claims("app", "1"));
    assert_eq!(token_from(&site, proxy(), "198.51.100.8", &right).await.status, 200, "others behind the proxy go on");
    let entry = site.audited().into_iter().find(|entry| entry.contains("token-granted")).expect("an entry");
    assert!(entry.contains("\"address\":\"198.51.100.8\""), "{entry}");
    // From elsewhere the header is not read, whatever it says.
    for number in 0..60 {
        let forged = format!("198.51.100.{number}");
        assert_eq!(token_from(&site, peer("203.0.113.9", None), &forged, "made up").await.status, 401);
    }
    assert_eq!(token_from(&site, peer("203.0.113.9", None), "198.51.100.99", "made up").await.status, 429);
}

#[tokio::test]
async fn the_audit_and_wrong_passwords_go_by_the_address_that_a_trusted_proxy_passes_on() {
    let pair = Pair::new("c1");
    let site = site(vec![client("app", fixed(&pair))], |_| {});
    let from = |request: axum::http::request::Builder, address: &str, forwarded: &str| {
        request.header("x-forwarded-for", forwarded).extension(peer(address, None))
    };
    let wrong = async |name: &str, address: &str, forwarded: &str| {
        let form = site.get("/sign-in", "").await;
        let cookie = form.cookie("__Host-skein-form").expect("a cookie");
        let request = from(Request::post("/sign-in"), address, forwarded)
            .header(header::COOKIE, format!("__Host-skein-form={cookie}"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let body = format!("form_token={cookie}&name={name}&password=wrong");
        site.send(request.body(Body::from(body)).unwrap()).await.status
    };
    for number in 0..60 {
        assert_eq!(wrong(&format!("user{number}"), "10.0.0.1", "198.51.100.7").await, 401);
    }
    assert_eq!(wrong("another", "10.0.0.1", "198.51.100.7").await, 429);
    assert_eq!(wrong("another", "10.0.0.1", "2001:db8::7, 10.0.0.2").await, 401, "not everybody behind the proxy");
    assert_eq!(wrong("another", "203.0.113.9", "198.51.100.7").await, 401, "nobody shuts another's address");
    let refused: Vec<String> = site.audited().into_iter().filter(|entry| entry.contains("sign-in-refused")).collect();
    for address in ["198.51.100.7", "2001:db8::7", "203.0.113.9"] {
        assert!(refused.iter().any(|entry| entry.contains(&format!("\"address\":\"{address}\""))), "{address}");
    }
    let assertion = pair.sign("c1", None, &claims("app", "1"));
    let token = token_from(&site, peer("10.0.0.1", None), "198.51.100.9", &assertion).await.json();
    let token = token["access_token"].as_str().unwrap();
    let search = "/fhir/Patient?identifier=https%3A%2F%2Ffhir.nhs.uk%2FId%2Fnhs-number%7C9434765919";
    let request = from(Request::get(search), "10.0.0.1", "198.51.100.10");
    let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    assert_eq!(site.send(request.body(Body::empty()).unwrap()).await.status, 200);
    let found = site.audited().into_iter().find(|entry| entry.contains("find-people")).expect("an entry");
    assert!(found.contains("\"address\":\"198.51.100.10\""), "{found}");
}

#[tokio::test]
async fn a_member_of_staff_who_searches_too_often_waits_and_others_do_not() {
    let site = Site::as_told(&["source = \"gp\"\nname = \"gp\"\n"], |api: &mut ApiConfig| {
        api.searches = Arc::new(Searches::new(3));
        let reader = |id: &str, role: &str| Reader { token_hash: hash(id), user: user(id, role), scopes: None };
        api.readers = vec![reader("doctor", "R8000"), reader("nurse", "R8001"), reader("system", "system")];
    });
    let search = async |token: &str, path: &str| {
        let bearer = format!("Bearer {token}");
        site.send("GET", path, &[("authorization", &bearer)], Body::empty()).await
    };
    for path in ["/Patient?family=Hale&birthdate=1950-02-03", "/Person?name=Hale", "/Patient?identifier=x%7C1"] {
        search("doctor", path).await.expect(200);
    }
    let refused = search("doctor", "/Patient?family=Okafor").await.expect(429);
    assert_eq!(refused.issue().0, "throttled");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    let matched = json!({"resourceType": "Parameters", "parameter": [{"name": "resource", "resource":
        {"resourceType": "Patient", "name": [{"family": "Hale"}], "birthDate": "1950-02-03"}}]});
    site.write("doctor", "POST", "/Patient/$match", &matched).await.expect(429);
    search("nurse", "/Patient?family=Okafor").await.expect(200);
    for _ in 0..10 {
        search("system", "/Patient?family=Okafor").await.expect(200);
    }
    site.stop();
}

#[tokio::test]
async fn whoever_searches_pages_too_often_is_told_to_wait_in_words() {
    let site = Pages::new();
    let (doctor, nurse) = (site.visitor("doctor").await, site.visitor("ada").await);
    let start = doctor.get("/").await;
    let look = async |visitor: &crate::visitor::Visitor<'_>, page: &crate::visitor::Page| {
        visitor.fill(page, "/find", &[("words", "943 476 5919")]).await
    };
    for _ in 0..60 {
        assert_eq!(look(&doctor, &start).await.status, 303);
    }
    let refused = look(&doctor, &start).await.expect(429);
    refused.says("You have looked for more people in a minute than is usual. Wait");
    let page = nurse.get("/find").await;
    assert_eq!(look(&nurse, &page).await.status, 303);
}
