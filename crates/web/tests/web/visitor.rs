//! A region in a temporary folder, its pages, and people who sign in and send forms as a browser does.

use crate::support::hash;
use access::{Accounts, User};
use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode, header},
};
use fhir::PatientKey;
use intake::{Engine, EngineConfig, EntryKind, NewEntry, Receipt};
use jiff::Timestamp;
use record::Records;
use std::sync::Arc;
use tempfile::TempDir;
use tower::ServiceExt;
use web::{AppState, SiteConfig, fhir::ApiConfig};

pub const PASSWORD: &str = "wexmoor";

/// The accounts: id, name, role.
const USERS: [(&str, &str, &str, &str); 5] = [
    ("ada", "Ada Marsh", "R8012", "Data steward"),
    ("grace", "Grace Obi", "R8012", "Data steward"),
    ("doctor", "Dr Amara Osei", "R8000", "Clinical practitioner"),
    ("engineer", "Ed Marsh", "R8015", "Systems support"),
    ("clerk", "Cleo Hart", "R8010", "Clerical"),
];

/// A region and its pages.
pub struct Pages {
    router: Router,
    pub engine: Engine,
    _folder: TempDir,
}

/// What came back: a page, or where to go.
#[derive(Debug)]
pub struct Page {
    pub status: StatusCode,
    pub body: String,
    pub location: Option<String>,
}

impl Page {
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self
    }

    /// Where a form led.
    #[track_caller]
    pub fn to(&self) -> String {
        self.location.clone().unwrap_or_else(|| panic!("leads nowhere: {} {}", self.status, self.text()))
    }

    /// What is read on it: without tags, spaces as one.
    pub fn text(&self) -> String {
        let main = self.body.split("<main").nth(1).unwrap_or(&self.body);
        let mut text = String::new();
        let mut inside = true;
        for letter in main.chars() {
            match letter {
                '<' => inside = true,
                '>' => {
                    inside = false;
                    text.push(' ');
                }
                _ if !inside => text.push(letter),
                _ => {}
            }
        }
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[track_caller]
    pub fn says(&self, words: &str) -> &Self {
        assert!(self.text().contains(words), "does not say {words:?}: {}", self.text());
        self
    }

    #[track_caller]
    pub fn says_not(&self, words: &str) -> &Self {
        assert!(!self.text().contains(words), "says {words:?}: {}", self.text());
        self
    }

    /// The value of a hidden field.
    pub fn field(&self, name: &str) -> String {
        let after = self.body.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap_or_default();
        after.split('"').next().unwrap_or_default().to_owned()
    }

    /// The addresses that begin like this, in order.
    pub fn links(&self, start: &str) -> Vec<String> {
        let found = self.body.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
        found.filter(|href| href.starts_with(start)).map(|href| href.replace("&#38;", "&")).collect()
    }

    /// The decision that the page offers to take back first.
    pub fn undo(&self) -> Option<String> {
        let after = self.body.split("action=\"/identity/undo/").nth(1)?;
        Some(format!("/identity/undo/{}", after.split('"').next()?))
    }
}

/// Somebody who is signed in.
pub struct Visitor<'a> {
    pages: &'a Pages,
    cookie: String,
}

impl Pages {
    pub fn new() -> Pages {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let profiles = [
            ("rxx", "Riverside Hospital", "hospital"),
            ("ryy", "Hillside Hospital", "hospital"),
            ("gp", "Secret Lane Surgery", "gp"),
        ];
        let profiles =
            profiles.map(|(id, name, kind)| format!("source = \"{id}\"\nname = \"{name}\"\nkind = \"{kind}\"\n"));
        let config = EngineConfig { region: "test".into(), profiles: profiles.to_vec() };
        // Starting waits for the disk, which a thread that runs futures may not.
        let starting = move || Engine::start(&path, &config, Timestamp::now()).unwrap();
        let engine = std::thread::spawn(starting).join().unwrap();
        let journal = engine.clone();
        let users = USERS
            .map(|(id, name, role_code, role_name)| User::staff(id, name, (role_code, role_name), ("XWP", "Wexmoor")));
        let state = AppState::new(SiteConfig {
            pdfs: crate::support::pdfs(),
            matcher: None,
            region_name: "Wexmoor".into(),
            forms: forms::Forms::builtin().unwrap(),
            drafts: record::Drafts::open(engine.folder()).unwrap(),
            notices: None,
            gate: crate::support::gate(&engine),
            records: Records::new(engine.derived().clone(), move || journal.journal_reader()),
            engine: engine.clone(),
            accounts: Accounts::demo(users, PASSWORD).unwrap(),
            clock: Arc::new(Timestamp::now),
            providers: Vec::new(),
            session_limits: web::SessionLimits::default(),
            secure_cookies: false,
            trusted_proxies: web::Proxies::default(),
            named: web::Named::default(),
            demo: None,
        });
        let reader = web::fhir::Reader {
            token_hash: hash("reading"),
            user: crate::support::user("reader", "system"),
            scopes: None,
        };
        let api = ApiConfig {
            base: Some("https://record.example/fhir".into()),
            secure: true,
            readers: vec![reader],
            sources: Vec::new(),
            body_bytes_max: 4 << 20,
            ..ApiConfig::default()
        };
        Pages { router: web::router(state, api), engine, _folder: folder }
    }

    /// Pages that somebody else put together.
    pub fn over(router: Router, engine: Engine, folder: TempDir) -> Pages {
        Pages { router, engine, _folder: folder }
    }

    pub async fn put(&self, entry: NewEntry) {
        let (Receipt::Stored { pos, .. } | Receipt::Repeat { pos, .. }) = self.engine.submit(entry).await.unwrap();
        self.engine.wait_applied(pos).await.unwrap();
    }

    /// A message of a source about a patient: `pid` from PID-5 on.
    pub async fn hear(
        &self,
        event: &str,
        source: &str,
        local: &str,
        nhs: Option<&str>,
        pid: &str,
        more: &str,
    ) -> PatientKey {
        let number = nhs.map_or_else(String::new, |nhs| format!("~{nhs}^^^NHS^NH"));
        let mut fields: Vec<&str> = pid.split('|').collect();
        fields.resize(28, "");
        let traced = if nhs.is_some() { "NSTS01" } else { "" };
        let body = format!(
            "MSH|^~\\&|PAS|{source}|SKEIN|R|20260301100000||ADT^{event}|{event}{local}{}|P|2.4\rEVN|{event}|20260301100000\r\
             PID|1||{local}^^^RXX^PI{number}||{}{traced}\r{more}",
            self.engine.progress().head,
            fields.iter().take(27).map(|field| format!("{field}|")).collect::<String>(),
        );
        let (kind, source_name) = (EntryKind::Hl7v2, source.to_owned());
        let (feed, received) = ("test".to_owned(), Timestamp::now());
        self.put(NewEntry {
            kind,
            source: source_name,
            feed,
            received,
            ident: None,
            about: None,
            body: body.into_bytes(),
            ack: None,
        })
        .await;
        self.engine.region().patient(source, &format!("RXX|{local}"))
    }

    /// A patient of a source: name and birth date.
    pub async fn patient(&self, source: &str, local: &str, nhs: Option<&str>, name: &str, born: &str) -> PatientKey {
        self.hear("A28", source, local, nhs, &format!("{name}||{born}|2"), "").await
    }

    /// The practice, whose name is told by nothing, says that the person with this number is restricted.
    pub async fn restrict(&self, source: &str, local: &str, nhs: &str) {
        let verified = serde_json::json!({"system": fhir::nhs::SYSTEM, "value": nhs, "extension": [{
            "url": fhir::nhs::VERIFICATION_STATUS, "valueCodeableConcept": {"coding": [
            {"system": fhir::nhs::VERIFICATION_STATUS_SYSTEM, "code": "01"}]}}]});
        let patient = serde_json::json!({"resourceType": "Patient", "id": local, "birthDate": "1950-01-02",
            "meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]},
            "name": [{"family": "Smith", "given": ["Ann"]}], "identifier": [verified],
            "address": [{"line": ["1 SECRET LANE"], "postalCode": "LS1 4AP"}],
            "telecom": [{"system": "phone", "value": "01130001122"}]});
        let entry = serde_json::json!({"resourceType": "Bundle", "type": "transaction", "entry": [crate::support::put(&patient)]});
        let request = intake::bundle::Request::default();
        let taken = self
            .engine
            .take_fhir(source, "gp-fhir", &request, entry.to_string().into_bytes(), Timestamp::now())
            .await
            .unwrap();
        assert!(!taken.refused);
    }

    /// One number that two people have: a pair that takes two stewards.
    pub async fn shared_number(&self, nhs: &str, locals: [&str; 2]) -> (PatientKey, PatientKey) {
        let a = self.patient("rxx", locals[0], Some(nhs), "SMITH^ANN^MARY^^MRS", "19500102").await;
        let b = self.patient("ryy", locals[1], Some(nhs), "KHAN^BILAL", "19880506").await;
        (a, b)
    }

    /// Another such pair, of people who are like nobody else here.
    pub async fn another_shared_number(&self, nhs: &str) -> (PatientKey, PatientKey) {
        let a = self.patient("rxx", "5001", Some(nhs), "OYELARAN^TUNDE", "19710303").await;
        let b = self.patient("ryy", "5002", Some(nhs), "LINDQVIST^ULRIKA", "19620909").await;
        (a, b)
    }

    async fn send(&self, request: Request<Body>) -> (Page, Vec<String>) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let location = parts.headers.get(header::LOCATION).map(|to| to.to_str().unwrap().to_owned());
        let set = parts.headers.get_all(header::SET_COOKIE).iter();
        let cookies = set.map(|one| one.to_str().unwrap().split(';').next().unwrap_or_default().to_owned()).collect();
        (Page { status: parts.status, body: String::from_utf8_lossy(&body).into_owned(), location }, cookies)
    }

    /// Try to sign in with a password.
    pub async fn try_sign_in(&self, name: &str, password: &str) -> Page {
        let (form, cookies) = self.send(Request::get("/sign-in").body(Body::empty()).unwrap()).await;
        let fields = [("form_token", form.field("form_token")), ("name", name.into()), ("password", password.into())];
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let request = Request::post("/sign-in")
            .header(header::COOKIE, cookies.join("; "))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(encoded(&fields)))
            .unwrap();
        self.send(request).await.0
    }

    /// Sign in; gives the visitor and where they are led.
    pub async fn sign_in(&self, name: &str) -> (Visitor<'_>, String) {
        let (form, cookies) = self.send(Request::get("/sign-in").body(Body::empty()).unwrap()).await;
        let body =
            encoded(&[("form_token", &form.field("form_token")), ("name", name), ("password", PASSWORD), ("then", "")]);
        let request = Request::post("/sign-in")
            .header(header::COOKIE, cookies.join("; "))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .unwrap();
        let (page, cookies) = self.send(request).await;
        let target = page.to();
        (Visitor { pages: self, cookie: cookies.join("; ") }, target)
    }

    pub async fn visitor(&self, name: &str) -> Visitor<'_> {
        self.sign_in(name).await.0
    }

    /// Ask the FHIR API as a reading system.
    pub async fn api(&self, path: &str) -> (StatusCode, serde_json::Value) {
        self.api_as("reading", path).await
    }

    /// Ask the FHIR API with a token.
    pub async fn api_as(&self, token: &str, path: &str) -> (StatusCode, serde_json::Value) {
        let request = Request::get(format!("/fhir{path}")).header(header::AUTHORIZATION, format!("Bearer {token}"));
        let (page, _) = self.send(request.body(Body::empty()).unwrap()).await;
        (page.status, serde_json::from_str(&page.body).unwrap())
    }
}

impl Visitor<'_> {
    /// Open a page that does not end: its body, to be read piece by piece.
    pub async fn stream(&self, path: &str) -> Body {
        let request = Request::get(path).header(header::COOKIE, &self.cookie).body(Body::empty()).unwrap();
        let response = self.pages.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        response.into_body()
    }

    /// Send a form with a file in it.
    pub async fn upload(&self, path: &str, fields: &[(&str, &str)], name: &str, file: &[u8]) -> Page {
        self.upload_called(path, fields, name, ("list.csv", file)).await
    }

    /// The same with a file of this name.
    pub async fn upload_called(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        name: &str,
        (called, file): (&str, &[u8]),
    ) -> Page {
        let mut body = Vec::new();
        for (field, value) in fields {
            let part = format!("--parts\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n");
            body.extend(part.into_bytes());
        }
        let head = format!(
            "--parts\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{called}\"\r\n\
             Content-Type: text/csv\r\n\r\n"
        );
        body.extend(head.into_bytes());
        body.extend(file);
        body.extend(b"\r\n--parts--\r\n");
        let request = Request::post(path)
            .header(header::COOKIE, &self.cookie)
            .header(header::CONTENT_TYPE, "multipart/form-data; boundary=parts")
            .body(Body::from(body))
            .unwrap();
        self.pages.send(request).await.0
    }

    pub async fn get(&self, path: &str) -> Page {
        let request = Request::get(path).header(header::COOKIE, &self.cookie).body(Body::empty()).unwrap();
        self.pages.send(request).await.0
    }

    /// Send a form exactly so.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let request = Request::post(path)
            .header(header::COOKIE, &self.cookie)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(encoded(fields)))
            .unwrap();
        self.pages.send(request).await.0
    }

    /// Send a form of a page, with its hidden fields.
    pub async fn fill(&self, page: &Page, path: &str, fields: &[(&str, &str)]) -> Page {
        let hidden: Vec<(&str, String)> =
            ["form_token", "seen", "list", "kind"].into_iter().map(|name| (name, page.field(name))).collect();
        let mut all: Vec<(&str, &str)> = hidden.iter().map(|(name, value)| (*name, value.as_str())).collect();
        all.extend(fields);
        self.post(path, &all).await
    }

    /// Open a pair and decide.
    pub async fn decide(&self, pair: &str, said: &str, note: &str) -> Page {
        let page = self.get(pair).await.expect(200);
        let path = pair.split('?').next().unwrap_or_default();
        self.fill(&page, path, &[("said", said), ("note", note)]).await
    }
}

fn encoded(fields: &[(&str, &str)]) -> String {
    let escape = |text: &str| {
        text.bytes()
            .map(|byte| match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
                other => format!("%{other:02X}"),
            })
            .collect::<String>()
    };
    fields.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect::<Vec<_>>().join("&")
}

/// The address of two side by side.
pub fn beside(a: PatientKey, b: PatientKey) -> String {
    format!("/identity/pair/{a}/{b}")
}
