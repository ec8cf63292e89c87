//! A provider that says whatever a test tells it to, and a site that trusts it.

use access::{
    Accounts,
    outgoing::Outgoing,
    sign_in::{ClaimNames, Credential, Provider, ProviderConfig, RoleRules, SignInKind},
};
use axum::{
    Json, Router,
    body::Body,
    extract::State,
    http::{HeaderMap, Request, StatusCode, header},
    response::Redirect,
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use intake::{Engine, EngineConfig};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use record::Records;
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
};
use tempfile::TempDir;
use tower::ServiceExt;
use web::{AppState, SiteConfig, fhir::ApiConfig};

pub const CLIENT: &str = "skein";
pub const NOW: i64 = 1_783_000_000;

/// A key pair: to sign with, and as others see it.
pub struct Pair {
    pub key: EncodingKey,
    pub public: Value,
    pub public_pem: String,
}

impl Pair {
    pub fn new(kid: &str) -> Pair {
        let pair = rcgen::KeyPair::generate().unwrap();
        let raw = pair.public_key_raw();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&raw[1..33]), URL_SAFE_NO_PAD.encode(&raw[33..65]));
        Pair {
            key: EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes()).unwrap(),
            public: json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": kid, "x": x, "y": y}),
            public_pem: pair.public_key_pem(),
        }
    }

    pub fn sign(&self, kid: &str, typ: Option<&str>, claims: &Value) -> String {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(kid.into());
        header.typ = typ.map(str::to_owned);
        jsonwebtoken::encode(&header, claims, &self.key).unwrap()
    }
}

/// A token that says it needs no signature.
pub fn unsigned(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.", part(&json!({"alg": "none", "typ": "JWT"})), part(claims))
}

/// A token whose "secret" is the public key: believed by whoever lets the token choose the algorithm.
pub fn confused(pair: &Pair, kid: &str, claims: &Value) -> String {
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some(kid.into());
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(pair.public_pem.as_bytes())).unwrap()
}

/// What the provider says next.
#[derive(Default)]
struct Script {
    id_token: String,
    user_info: Value,
    keys: Vec<Value>,
    key_fetches: usize,
    codes: Vec<String>,
}

pub struct Idp {
    pub issuer: String,
    pub pair: Pair,
    script: Arc<Mutex<Script>>,
}

type Shared = (String, Arc<Mutex<Script>>);

impl Idp {
    pub async fn start() -> Idp {
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", socket.local_addr().unwrap());
        let pair = Pair::new("k1");
        let script = Arc::new(Mutex::new(Script { keys: vec![pair.public.clone()], ..Script::default() }));
        let metadata = |State((issuer, _)): State<Shared>| async move {
            Json(json!({"issuer": issuer, "authorization_endpoint": format!("{issuer}/auth"),
                "token_endpoint": format!("{issuer}/token"), "userinfo_endpoint": format!("{issuer}/me"),
                "jwks_uri": format!("{issuer}/jwks"), "end_session_endpoint": format!("{issuer}/end"),
                // A provider may offer what we refuse.
                "id_token_signing_alg_values_supported": ["ES256", "HS256", "none"]}))
        };
        let jwks = |State((_, script)): State<Shared>| async move {
            let mut script = script.lock().unwrap();
            script.key_fetches += 1;
            Json(json!({"keys": script.keys}))
        };
        let token = |State((_, script)): State<Shared>, body: String| async move {
            let mut script = script.lock().unwrap();
            let fields: HashMap<String, String> = fhir::search::parse_pairs(&body).into_iter().collect();
            let code = fields["code"].clone();
            assert!(fields["code_verifier"].len() >= 43);
            if script.codes.contains(&code) {
                return (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"})));
            }
            script.codes.push(code);
            (StatusCode::OK, Json(json!({"access_token": "a", "token_type": "Bearer", "id_token": script.id_token})))
        };
        let me = |State((_, script)): State<Shared>| async move { Json(script.lock().unwrap().user_info.clone()) };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/jwks", get(jwks))
            .route("/token", post(token))
            .route("/me", get(me))
            .route("/elsewhere", get(|| async { Redirect::temporary("/jwks") }))
            .route("/endless", get(|| async { "[".to_owned() + &" ".repeat(2 << 20) }))
            .with_state((issuer.clone(), Arc::clone(&script)));
        tokio::spawn(async move { axum::serve(socket, router).await });
        Idp { issuer, pair, script }
    }

    /// The claims of a good ID token for somebody with one role.
    pub fn claims(&self, nonce: &str) -> Value {
        json!({"iss": self.issuer, "sub": "u1", "aud": CLIENT, "iat": NOW, "exp": NOW + 300, "nonce": nonce,
            "sid": "s1", "acr": "AAL2"})
    }

    pub fn user_info(&self) -> Value {
        json!({"sub": "u1", "name": "Nura Hale", "nhsid_nrbac_roles": [
            {"person_roleid": "1", "org_code": "XWC", "role_code": "S8000:G8000:R8001", "role_name": "Nurse"}]})
    }

    pub fn says(&self, id_token: String, user_info: Value) {
        let mut script = self.script.lock().unwrap();
        script.id_token = id_token;
        script.user_info = user_info;
    }

    pub fn publishes(&self, keys: Vec<Value>) {
        self.script.lock().unwrap().keys = keys;
    }

    pub fn key_fetches(&self) -> usize {
        self.script.lock().unwrap().key_fetches
    }
}

pub fn outgoing() -> Outgoing {
    Outgoing::new(["127.0.0.1".to_owned()], None).unwrap()
}

/// A site that trusts a provider.
pub struct Trusting {
    pub router: Router,
    pub clock: Arc<AtomicI64>,
    pub engine: Engine,
    _folder: TempDir,
}

/// What came back.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn location(&self) -> String {
        self.headers.get(header::LOCATION).map(|to| to.to_str().unwrap().to_owned()).unwrap_or_default()
    }

    /// A cookie that is set, with a value.
    pub fn cookie(&self, name: &str) -> Option<String> {
        let set = self.headers.get_all(header::SET_COOKIE).iter().map(|one| one.to_str().unwrap());
        let found = set.filter_map(|one| one.split(';').next()?.split_once('='));
        found
            .filter(|(known, value)| *known == name && !value.is_empty())
            .map(|(_, value)| value.to_owned())
            .next_back()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.body))
    }

    /// Where the landing moves on to.
    pub fn moves_to(&self) -> String {
        let after = self.body.split("content=\"0; url=").nth(1).unwrap_or_default();
        after.split('"').next().unwrap_or_default().to_owned()
    }
}

impl Trusting {
    pub fn new(idp: Option<&Idp>, api: ApiConfig) -> Trusting {
        Self::for_kind(SignInKind::Staff, idp, api)
    }

    /// With a provider for staff, or for people.
    pub fn for_kind(kind: SignInKind, idp: Option<&Idp>, api: ApiConfig) -> Trusting {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let config = EngineConfig { region: "test".into(), profiles: Vec::new() };
        let starting = move || Engine::start(&path, &config, Timestamp::from_second(NOW).unwrap()).unwrap();
        let engine = std::thread::spawn(starting).join().unwrap();
        let journal = engine.clone();
        let clock = Arc::new(AtomicI64::new(NOW));
        let ticking = Arc::clone(&clock);
        let provider = |idp: &Idp| {
            Provider::new(
                ProviderConfig {
                    id: "idp".into(),
                    label: "The provider".into(),
                    kind,
                    issuer: idp.issuer.clone(),
                    client_id: CLIENT.into(),
                    credential: Credential::Secret("secret".into()),
                    scopes: vec!["profile".into()],
                    redirect_uri: "https://record.example/sign-in/back/idp".into(),
                    signed_out_uri: "https://record.example/sign-in".into(),
                    acr_values: vec!["AAL2".into(), "AAL3".into()],
                    authentication_min: None,
                    assurance_min: None,
                    claims: ClaimNames::default(),
                    roles: RoleRules::Cis2,
                    id_token_hint: false,
                },
                outgoing(),
            )
        };
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
            accounts: Accounts::new([]).unwrap(),
            providers: idp.into_iter().map(provider).collect(),
            session_limits: web::SessionLimits::default(),
            clock: Arc::new(move || Timestamp::from_second(ticking.load(Ordering::Relaxed)).unwrap()),
            secure_cookies: true,
            // Whoever has such an address may say for whom it asks.
            trusted_proxies: vec!["10.0.0.0/8".to_owned()].try_into().unwrap(),
            named: web::Named::default(),
            demo: None,
        });
        Trusting { router: web::router(state, api), clock, engine, _folder: folder }
    }

    /// What the audit holds, oldest first.
    pub fn audited(&self) -> Vec<String> {
        let audit = store::audit::AuditReader::open(&store::Folder::visit(self.engine.folder()).unwrap()).unwrap();
        (1..).map_while(|n| audit.entry(n).unwrap()).map(|entry| entry.body).collect()
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let body = String::from_utf8_lossy(&body).into_owned();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    pub async fn get(&self, path: &str, cookie: &str) -> Answer {
        self.send(Request::get(path).header(header::COOKIE, cookie).body(Body::empty()).unwrap()).await
    }

    pub async fn post(&self, path: &str, cookie: &str, body: String) -> Answer {
        let request = Request::post(path)
            .header(header::COOKIE, cookie)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .unwrap();
        self.send(request).await
    }

    /// Begin at the provider: the flow's cookie, state and nonce.
    pub async fn begin(&self, query: &str, cookie: &str) -> (String, String, String) {
        let begun = self.get(&format!("/sign-in/with/idp{query}"), cookie).await;
        assert_eq!(begun.status, 303, "{}", begun.body);
        let address = begun.location();
        let query: HashMap<String, String> =
            fhir::search::parse_pairs(address.split('?').nth(1).unwrap()).into_iter().collect();
        assert_eq!(query["redirect_uri"], "https://record.example/sign-in/back/idp");
        assert_eq!(query["code_challenge_method"], "S256");
        let flow = begun.cookie("__Host-skein-flow").expect("a cookie for the way");
        (flow, query["state"].clone(), query["nonce"].clone())
    }

    /// Come back.
    pub async fn back(&self, flow: &str, query: &str) -> Answer {
        self.get(&format!("/sign-in/back/idp?{query}"), &format!("__Host-skein-flow={flow}")).await
    }
}
