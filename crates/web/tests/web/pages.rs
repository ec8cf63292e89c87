//! The viewer's pages, asked as a browser without scripts asks them.

use crate::site::{PASSWORD, region, site, start};
use axum::{
    Router,
    body::Body,
    http::{Method, Request, Response, StatusCode, header},
};
use http_body_util::BodyExt;
use std::sync::LazyLock;
use tower::ServiceExt;

/// A region that all tests here look at; nobody changes it.
static REGION: LazyLock<(tempfile::TempDir, Router, Vec<String>)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let (engine, region) = std::thread::scope(|scope| scope.spawn(|| region(folder.path(), 40)).join().unwrap());
    let now = region.start();
    let numbers =
        region.everyone().filter(|person| person.age(start()) > 60).map(|person| person.nhs.to_string()).collect();
    let router = web::router(site(&engine, move || now), web::fhir::ApiConfig::default());
    (folder, router, numbers)
});

struct Browser {
    cookie: String,
}

struct Page {
    status: StatusCode,
    headers: header::HeaderMap,
    text: String,
}

impl Page {
    fn to(&self) -> &str {
        self.headers.get(header::LOCATION).map_or("", |to| to.to_str().unwrap())
    }

    /// Addresses that the page leads to.
    fn links(&self) -> Vec<String> {
        let found = self.text.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
        found.map(|link| link.replace("&#38;", "&")).collect()
    }

    #[track_caller]
    fn form_token(&self) -> String {
        let token = self.text.split("name=\"form_token\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        token.unwrap_or_else(|| panic!("no form on {} {}", self.status, self.text)).to_owned()
    }
}

impl Browser {
    async fn signed_in(name: &str) -> Browser {
        let mut browser = Browser { cookie: String::new() };
        let token = browser.get("/sign-in").await.form_token();
        let answer =
            browser.post("/sign-in", &format!("form_token={token}&then=&name={name}&password={PASSWORD}")).await;
        assert!(answer.status == StatusCode::SEE_OTHER && !answer.to().starts_with("/sign-in"), "{}", answer.text);
        browser
    }

    async fn get(&mut self, path: &str) -> Page {
        self.ask(Request::builder().method(Method::GET).uri(path), String::new()).await
    }

    async fn post(&mut self, path: &str, form: &str) -> Page {
        let request = Request::builder().method(Method::POST).uri(path);
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.ask(request, form.to_owned()).await
    }

    async fn ask(&mut self, request: axum::http::request::Builder, body: String) -> Page {
        let request = request
            .header(header::HOST, "record.example")
            .header(header::ORIGIN, "http://record.example")
            .header(header::COOKIE, &self.cookie);
        let response: Response<Body> = REGION.1.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let set = parts.headers.get_all(header::SET_COOKIE).iter();
        let set: Vec<_> = set.filter_map(|cookie| cookie.to_str().ok()?.split(';').next()).collect();
        if !set.is_empty() {
            self.cookie = set.join("; ");
        }
        let text = String::from_utf8_lossy(&body.collect().await.unwrap().to_bytes()).into_owned();
        Page { status: parts.status, headers: parts.headers, text }
    }

    /// The address of the record of somebody whom several sources know as one person.
    async fn open(&mut self) -> String {
        let token = self.get("/").await.form_token();
        for number in &REGION.2 {
            let found = self.post("/find", &format!("form_token={token}&words={number}")).await;
            if found.to().starts_with("/record/") {
                return found.to().to_owned();
            }
        }
        panic!("no number leads to one person");
    }
}

#[tokio::test]
async fn a_number_that_one_person_has_leads_to_every_section_of_the_record() {
    let mut nurse = Browser::signed_in("nurse").await;
    let record = nurse.open().await;
    let summary = nurse.get(&record).await;
    let sections: Vec<_> = summary.links().into_iter().filter(|link| link.starts_with(&record)).collect();
    assert!(sections.len() > 15, "{sections:?}");
    for link in &sections {
        let page = nurse.get(link).await;
        assert_eq!(page.status, StatusCode::OK, "{link}");
        assert!(page.text.contains("NHS No.") && page.text.contains("Your access is recorded"), "{link}");
        assert_eq!(page.headers[header::CACHE_CONTROL], "no-store", "{link}");
        assert!(
            page.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap().contains("default-src 'none'"),
            "{link}"
        );
        assert!(
            page.links().iter().all(|to| REGION.2.iter().all(|number| !to.contains(number))),
            "a number in an address on {link}"
        );
    }
}

#[tokio::test]
async fn every_refusal_is_a_page_that_leads_on() {
    let mut nurse = Browser::signed_in("nurse").await;
    for (path, status) in [
        ("/nothing", StatusCode::NOT_FOUND),
        ("/record/0000000000000", StatusCode::NOT_FOUND),
        ("/errors", StatusCode::FORBIDDEN),
        ("/errors/resubmit", StatusCode::METHOD_NOT_ALLOWED),
        ("/sign-out", StatusCode::METHOD_NOT_ALLOWED),
    ] {
        let page = nurse.get(path).await;
        assert_eq!(page.status, status, "{path}");
        assert!(page.text.contains("<h1>") && page.links().contains(&"/".to_owned()), "{path}: {}", page.text);
    }
    // The answer to a form has an address that a browser may open again.
    let again = nurse.get("/find").await;
    assert_eq!((again.status, again.to()), (StatusCode::SEE_OTHER, "/"));
    let mut engineer = Browser::signed_in("engineer").await;
    let record = nurse.open().await;
    let refused = engineer.get(&record).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(!refused.text.contains("Find a person"), "an engineer finds nobody");
}

#[tokio::test]
async fn nobody_reads_without_signing_in() {
    let mut nurse = Browser::signed_in("nurse").await;
    let record = nurse.open().await;
    let mut stranger = Browser { cookie: String::new() };
    for path in ["/", &record, &format!("{record}/letters"), "/errors", "/status"] {
        let page = stranger.get(path).await;
        assert!(page.to().starts_with("/sign-in"), "{path}: {} {}", page.status, page.text);
    }
}

#[tokio::test]
async fn the_api_answers_at_its_base_with_and_without_a_slash() {
    let mut stranger = Browser { cookie: String::new() };
    for path in ["/fhir", "/fhir/", "/fhir/?_format=json"] {
        let answer = stranger.post(path, "").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        assert!(answer.text.contains("OperationOutcome"), "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn every_page_of_the_demonstration_says_so_errors_too() {
    let mut stranger = Browser { cookie: String::new() };
    let mut nurse = Browser::signed_in("nurse").await;
    for page in [
        stranger.get("/sign-in").await,
        stranger.get("/nowhere").await,
        stranger.get("/sign-in/with/nobody").await,
        nurse.get("/").await,
        nurse.get("/account").await,
        nurse.get("/errors").await,
        nurse.get("/record/0000000000001").await,
        nurse.get("/sign-out").await,
    ] {
        assert!(page.text.contains("Demonstration."), "{} {}", page.status, page.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_answered_with_a_page() {
    let mut browser = Browser::signed_in("engineer").await;
    for (address, status, title) in [
        ("/errors/feeds", StatusCode::NOT_FOUND, "Page not found"),
        ("/record/nobody", StatusCode::NOT_FOUND, "Page not found"),
        ("/errors?before=many", StatusCode::BAD_REQUEST, "That did not work"),
    ] {
        let page = browser.get(address).await;
        assert_eq!(page.status, status, "{address}: {}", page.text);
        assert!(
            page.text.contains(&format!("{title}</title>")) || page.text.contains(title),
            "{address}: {}",
            page.text
        );
        assert!(page.text.contains("<html lang=\"en"), "{address}: {}", page.text);
    }
    let sent = browser.post("/errors/1/edit", "nothing that the form sends").await;
    assert!(sent.status.is_client_error(), "{}", sent.status);
    assert!(sent.text.contains("<html lang=\"en"), "{}", sent.text);
}
