//! One provider: its published metadata, the way there and back, what it says, and its word that somebody has left.
//!
//! OpenID Connect Core 1.0 §3.1 (code flow) with PKCE S256 (RFC 7636), Discovery 1.0, issuer in the answer (RFC 9207),
//! `private_key_jwt` (Core §9), RP-Initiated Logout 1.0, Back-Channel Logout 1.0.

use super::{ClaimNames, Identity, RoleRules, SignInKind, SignedOn, roles};
use crate::{
    jwt::{ALGORITHMS, Claims, KeySource, Keys, NotBelieved, TRY_AGAIN_AFTER},
    outgoing::{NotFetched, Outgoing, encode_form},
    random,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::{collections::HashMap, sync::Arc};
use tokio::sync::Mutex;

/// Metadata is fetched anew after this long.
const METADATA_LIFE: SignedDuration = SignedDuration::from_hours(1);
/// An ID token is used within minutes of being issued.
const ID_TOKEN_AGE_MAX: SignedDuration = SignedDuration::from_mins(10);
/// A logout token likewise: providers send it again when we did not answer.
const LOGOUT_TOKEN_AGE_MAX: SignedDuration = SignedDuration::from_mins(10);
/// A client assertion of ours is good for this long.
const ASSERTION_LIFE: SignedDuration = SignedDuration::from_mins(2);
/// Logout tokens remembered, so that none works twice.
const LOGOUTS_MAX: usize = 10_000;
/// The event a logout token holds (Back-Channel Logout 1.0 §2.4).
const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// How we prove to the provider who we are.
#[derive(Clone)]
pub enum Credential {
    /// A secret both know.
    Secret(String),
    /// A key whose public half the provider has (`private_key_jwt`).
    Key {
        /// The private key.
        key: EncodingKey,
        /// What it signs with.
        algorithm: Algorithm,
        /// Its `kid`, if the provider wants one.
        id: Option<String>,
    },
    /// None: a public client, for which PKCE alone stands.
    None,
}

/// A provider, as an operator describes it.
#[derive(Clone)]
pub struct ProviderConfig {
    /// Our id for it: part of addresses and of users' ids.
    pub id: String,
    /// The words on its button.
    pub label: String,
    /// Whom it signs in.
    pub kind: SignInKind,
    /// Its issuer identifier, exactly.
    pub issuer: String,
    /// Our id there.
    pub client_id: String,
    /// Our proof of it.
    pub credential: Credential,
    /// What is asked for; `openid` is added.
    pub scopes: Vec<String>,
    /// Our address that the provider sends browsers back to, exactly as registered there.
    pub redirect_uri: String,
    /// Our address after signing out there.
    pub signed_out_uri: String,
    /// Authentication contexts, one of which the ID token must name in `acr`. Empty: any.
    pub acr_values: Vec<String>,
    /// The least level of `authentication_assurance_level`. None: any.
    pub authentication_min: Option<u8>,
    /// The least identity assurance. None: any.
    pub assurance_min: Option<u8>,
    /// The names of its claims.
    pub claims: ClaimNames,
    /// How it says roles.
    pub roles: RoleRules,
    /// Whether signing out there takes the ID token in the address. Never for people, whose token may hold an NHS number.
    pub id_token_hint: bool,
}

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The provider could not be asked, or what it publishes is of no use.
    #[error(transparent)]
    Provider(#[from] NotFetched),
    /// What it publishes contradicts the configuration.
    #[error("the provider's metadata is of no use: {0}")]
    Metadata(&'static str),
    /// The answer does not belong to the way that was begun.
    #[error("the answer is not to what was asked: {0}")]
    NotOurs(&'static str),
    /// The provider refused: `access_denied` and the like (RFC 6749 §4.1.2.1).
    #[error("the provider refused: {0}")]
    Refused(String),
    /// A token is not believed.
    #[error(transparent)]
    Token(#[from] NotBelieved),
    /// The provider is not sure enough of who it is, or how they signed in.
    #[error("the provider's assurance is lower than this region asks for")]
    NotSure,
    /// No random numbers.
    #[error("the system gives no random numbers")]
    NoRandom,
}

/// A way to the provider and back, kept on the server until it is walked to the end, once.
#[derive(Clone)]
pub struct Flow {
    /// The provider's id.
    pub provider: String,
    state: String,
    nonce: String,
    verifier: String,
}

/// Where to send the browser, and what to keep meanwhile.
pub struct Begun {
    /// The provider's address, with everything it needs.
    pub address: String,
    /// What to keep.
    pub flow: Flow,
}

/// Who has left, by a provider's word.
#[derive(Debug, PartialEq, Eq)]
pub struct LoggedOut {
    /// The user there; None: of whomever the session is.
    pub subject: Option<String>,
    /// The session there; None: all of the user's.
    pub session: Option<String>,
}

#[derive(Clone)]
struct Metadata {
    authorization: String,
    token: String,
    user_info: Option<String>,
    end_session: Option<String>,
    jwks: String,
    /// Whether answers name their issuer (RFC 9207).
    names_issuer: bool,
    /// Whether the secret may go into the `Authorization` header (the default).
    basic: bool,
    algorithms: Vec<Algorithm>,
}

struct Known {
    metadata: Arc<Metadata>,
    keys: Arc<Keys>,
    fetched: Timestamp,
}

/// A provider.
pub struct Provider {
    config: ProviderConfig,
    outgoing: Outgoing,
    known: Mutex<Option<Known>>,
    /// When its metadata could not be fetched last.
    failed: std::sync::Mutex<Option<Timestamp>>,
    logouts: std::sync::Mutex<HashMap<[u8; 32], Timestamp>>,
}

impl Provider {
    /// A provider; nothing is fetched before somebody signs in.
    pub fn new(config: ProviderConfig, outgoing: Outgoing) -> Self {
        Provider {
            config,
            outgoing,
            known: Mutex::new(None),
            failed: std::sync::Mutex::default(),
            logouts: std::sync::Mutex::default(),
        }
    }

    /// How it is configured.
    pub fn config(&self) -> &ProviderConfig {
        &self.config
    }

    async fn known(&self, now: Timestamp) -> Result<(Arc<Metadata>, Arc<Keys>), Failed> {
        let mut known = self.known.lock().await;
        if let Some(known) = known.as_ref()
            && now.duration_since(known.fetched) < METADATA_LIFE
        {
            return Ok((Arc::clone(&known.metadata), Arc::clone(&known.keys)));
        }
        let address = format!("{}/.well-known/openid-configuration", self.config.issuer.trim_end_matches('/'));
        let what = "the provider's metadata";
        let failing = self.failed.lock().is_ok_and(|at| at.is_some_and(|at| now.duration_since(at) < TRY_AGAIN_AFTER));
        let fetched = if failing {
            Err(NotFetched::NoAnswer { what, why: "it did not answer a moment ago".into() })
        } else {
            self.outgoing.get_json(what, &address, None).await
        };
        if let (Ok(mut failed), false) = (self.failed.lock(), failing) {
            *failed = fetched.is_err().then_some(now);
        }
        let metadata = match (fetched, known.as_ref()) {
            (Ok(document), _) => Arc::new(self.metadata(&document)?),
            // While it does not answer, what it said before holds: the next step asks it anyway.
            (Err(error), Some(known)) => {
                tracing::warn!(provider = self.config.id, %error, "a provider's metadata could not be fetched anew");
                return Ok((Arc::clone(&known.metadata), Arc::clone(&known.keys)));
            }
            (Err(error), None) => return Err(error.into()),
        };
        let keys = match known.as_ref().filter(|known| known.metadata.jwks == metadata.jwks) {
            Some(known) => Arc::clone(&known.keys),
            None => Arc::new(Keys::new(KeySource::Address(metadata.jwks.clone()), self.outgoing.clone())),
        };
        *known = Some(Known { metadata: Arc::clone(&metadata), keys: Arc::clone(&keys), fetched: now });
        Ok((metadata, keys))
    }

    /// Discovery 1.0 §3 and §4.3.
    fn metadata(&self, document: &Value) -> Result<Metadata, Failed> {
        let text = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
        let list = |name: &str| -> Option<Vec<&str>> {
            Some(document.get(name)?.as_array()?.iter().filter_map(Value::as_str).collect())
        };
        if text("issuer").as_deref() != Some(&self.config.issuer) {
            return Err(Failed::Metadata("its issuer is not the one configured"));
        }
        let authorization = text("authorization_endpoint").ok_or(Failed::Metadata("no authorization_endpoint"))?;
        self.outgoing.check("the provider's authorization endpoint", &authorization)?;
        if authorization.contains('#') {
            return Err(Failed::Metadata("its authorization_endpoint has a fragment"));
        }
        let methods = list("code_challenge_methods_supported");
        if methods.is_some_and(|methods| !methods.contains(&"S256")) {
            return Err(Failed::Metadata("it does not know PKCE with S256"));
        }
        let signing = list("id_token_signing_alg_values_supported").unwrap_or_else(|| vec!["RS256"]);
        let algorithms: Vec<Algorithm> =
            ALGORITHMS.into_iter().filter(|one| signing.contains(&format!("{one:?}").as_str())).collect();
        if algorithms.is_empty() {
            return Err(Failed::Metadata("it signs with no algorithm we accept"));
        }
        let end_session = text("end_session_endpoint");
        if let Some(address) = &end_session {
            self.outgoing.check("the provider's end session endpoint", address)?;
        }
        Ok(Metadata {
            authorization,
            token: text("token_endpoint").ok_or(Failed::Metadata("no token_endpoint"))?,
            user_info: text("userinfo_endpoint"),
            end_session,
            jwks: text("jwks_uri").ok_or(Failed::Metadata("no jwks_uri"))?,
            names_issuer: document.get("authorization_response_iss_parameter_supported") == Some(&Value::Bool(true)),
            basic: list("token_endpoint_auth_methods_supported")
                .is_none_or(|methods| methods.contains(&"client_secret_basic")),
            algorithms,
        })
    }

    /// Begin: where to send the browser (Core §3.1.2.1).
    ///
    /// # Errors
    /// [`Failed`].
    pub async fn begin(&self, now: Timestamp) -> Result<Begun, Failed> {
        let (metadata, _) = self.known(now).await?;
        let random = || random::text().ok_or(Failed::NoRandom);
        let flow = Flow { provider: self.config.id.clone(), state: random()?, nonce: random()?, verifier: random()? };
        let challenge = challenge(&flow.verifier);
        let mut scopes = vec!["openid"];
        scopes.extend(self.config.scopes.iter().map(String::as_str).filter(|scope| *scope != "openid"));
        let (scope, acr) = (scopes.join(" "), self.config.acr_values.join(" "));
        let mut query = vec![
            ("response_type", "code"),
            ("client_id", &self.config.client_id),
            ("redirect_uri", &self.config.redirect_uri),
            ("scope", &scope),
            ("state", &flow.state),
            ("nonce", &flow.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        if !acr.is_empty() {
            query.push(("acr_values", &acr));
        }
        let separator = if metadata.authorization.contains('?') { '&' } else { '?' };
        let address = format!("{}{separator}{}", metadata.authorization, encode_form(&query));
        Ok(Begun { address, flow })
    }

    /// Finish: from what the browser brought back to who it is. `answer`: the query's names and values. The flow is spent.
    ///
    /// # Errors
    /// [`Failed`].
    pub async fn finish(
        &self,
        flow: Flow,
        answer: &HashMap<String, String>,
        now: Timestamp,
    ) -> Result<SignedOn, Failed> {
        let given = |name: &str| answer.get(name).map(String::as_str);
        if flow.provider != self.config.id || !random::same(given("state").unwrap_or_default(), &flow.state) {
            return Err(Failed::NotOurs("state"));
        }
        let (metadata, keys) = self.known(now).await?;
        match given("iss") {
            Some(issuer) if issuer != self.config.issuer => return Err(Failed::NotOurs("iss")),
            None if metadata.names_issuer => return Err(Failed::NotOurs("iss")),
            _ => {}
        }
        if let Some(error) = given("error") {
            return Err(Failed::Refused(error_code(error)));
        }
        let code = given("code").filter(|code| !code.is_empty()).ok_or(Failed::NotOurs("code"))?;
        let form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", self.config.redirect_uri.as_str()),
            ("code_verifier", flow.verifier.as_str()),
        ];
        let us = (self.config.client_id.as_str(), &self.config.credential);
        let tokens = redeem(&self.outgoing, us, (&metadata.token, metadata.basic), form, now).await?;
        let token = |name: &str| tokens.get(name).and_then(Value::as_str);
        let id_token = token("id_token").ok_or(NotBelieved::Claim("id_token"))?;
        let claims = keys.claims(id_token, &metadata.algorithms, now).await?;
        let subject = self.judged(&claims, &flow.nonce, now)?;
        let user_info = match (&metadata.user_info, token("access_token")) {
            (Some(address), Some(access)) => {
                let said = self.outgoing.get_json("the provider's user info", address, Some(access)).await?;
                // Core §5.3.2: an answer about somebody else is thrown away.
                if said.get("sub").and_then(Value::as_str) != Some(&subject) {
                    return Err(NotBelieved::Claim("sub").into());
                }
                said.as_object().cloned().unwrap_or_default()
            }
            _ => Map::new(),
        };
        let session = claims.text("sid").map(str::to_owned);
        let said = Identity::new(&claims.claims, user_info);
        let enough = |least: Option<u8>, name: &str| least.is_none_or(|least| said.level(name) >= Some(least));
        if !enough(self.config.assurance_min, &self.config.claims.assurance)
            || !enough(self.config.authentication_min, "authentication_assurance_level")
        {
            return Err(Failed::NotSure);
        }
        let who =
            roles::who(self.config.kind, &self.config.id, &self.config.claims, &self.config.roles, &subject, &said);
        let hint = self.config.id_token_hint && self.config.kind == SignInKind::Staff;
        let id_token = hint.then(|| id_token.to_owned());
        Ok(SignedOn { provider: self.config.id.clone(), subject, session, id_token, who })
    }

    /// Core §3.1.3.7: whether an ID token is for us, now, and for this flow. Gives its subject.
    fn judged(&self, claims: &Claims, nonce: &str, now: Timestamp) -> Result<String, Failed> {
        let client = self.config.client_id.as_str();
        // Another kind of token from the same issuer, a logout token above all, is no ID token.
        if !matches!(claims.typ.to_ascii_lowercase().as_str(), "" | "jwt") || claims.claims.contains_key("events") {
            return Err(NotBelieved::Claim("typ").into());
        }
        claims.check(&self.config.issuer, &[client], ID_TOKEN_AGE_MAX, now)?;
        if claims.time("iat").is_none() {
            return Err(NotBelieved::Claim("iat").into());
        }
        let party = claims.text("azp");
        if party.is_some_and(|party| party != client) || (party.is_none() && claims.audience().len() > 1) {
            return Err(NotBelieved::Claim("azp").into());
        }
        if !random::same(claims.text("nonce").unwrap_or_default(), nonce) {
            return Err(NotBelieved::Claim("nonce").into());
        }
        let acr = claims.text("acr").unwrap_or_default();
        if !self.config.acr_values.is_empty() && !self.config.acr_values.iter().any(|asked| asked == acr) {
            return Err(Failed::NotSure);
        }
        subject(claims).ok_or_else(|| NotBelieved::Claim("sub").into())
    }

    /// The address that ends the session at the provider (RP-Initiated Logout 1.0 §2); None when it offers none or cannot be
    /// asked. A link, since a provider's own session cookie does not come with a form from another site. Nothing about the
    /// user stands in it, unless the provider insists on the ID token.
    pub async fn end_session(&self, on: &SignedOn, now: Timestamp) -> Option<String> {
        let (metadata, _) = self.known(now).await.ok()?;
        let address = metadata.end_session.as_deref()?;
        let mut query = vec![
            ("client_id", self.config.client_id.as_str()),
            ("post_logout_redirect_uri", &self.config.signed_out_uri),
        ];
        if let Some(token) = &on.id_token {
            query.push(("id_token_hint", token));
        }
        let separator = if address.contains('?') { '&' } else { '?' };
        Some(format!("{address}{separator}{}", encode_form(&query)))
    }

    /// Who has left, by a logout token (Back-Channel Logout 1.0 §2.6). No token works twice.
    ///
    /// # Errors
    /// [`Failed`].
    pub async fn logged_out(&self, token: &str, now: Timestamp) -> Result<LoggedOut, Failed> {
        let (metadata, keys) = self.known(now).await?;
        let claims = keys.claims(token, &metadata.algorithms, now).await?;
        if !matches!(claims.typ.to_ascii_lowercase().as_str(), "" | "jwt" | "logout+jwt") {
            return Err(NotBelieved::Claim("typ").into());
        }
        claims.check(&self.config.issuer, &[&self.config.client_id], LOGOUT_TOKEN_AGE_MAX, now)?;
        if claims.time("iat").is_none() {
            return Err(NotBelieved::Claim("iat").into());
        }
        // An ID token has a nonce and no event; so neither passes for the other.
        let events = claims.claims.get("events").and_then(|events| events.get(LOGOUT_EVENT));
        if !events.is_some_and(Value::is_object) {
            return Err(NotBelieved::Claim("events").into());
        }
        if claims.claims.contains_key("nonce") {
            return Err(NotBelieved::Claim("nonce").into());
        }
        let out = LoggedOut { subject: subject(&claims), session: claims.text("sid").map(str::to_owned) };
        if out.subject.is_none() && out.session.is_none() {
            return Err(NotBelieved::Claim("sub").into());
        }
        let id = claims.text("jti").filter(|id| !id.is_empty()).ok_or(NotBelieved::Claim("jti"))?;
        let mut logouts = self.logouts.lock().map_err(|_| Failed::NotOurs("jti"))?;
        if logouts.len() >= LOGOUTS_MAX {
            logouts.retain(|_, at| now.duration_since(*at) < LOGOUT_TOKEN_AGE_MAX * 2);
        }
        if logouts.len() >= LOGOUTS_MAX || logouts.insert(random::digest(id), now).is_some() {
            return Err(Failed::NotOurs("jti"));
        }
        Ok(out)
    }
}

/// What is shown of a verifier when a way begins (RFC 7636 §4.2, S256).
pub(crate) fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

/// A token request (Core §3.1.3.1), with our proof of who we are: our id there, and the credential. `endpoint`: its address, and
/// whether it takes `client_secret_basic`.
pub(crate) async fn redeem(
    outgoing: &Outgoing,
    (client, credential): (&str, &Credential),
    (endpoint, takes_basic): (&str, bool),
    mut form: Vec<(&str, &str)>,
    now: Timestamp,
) -> Result<Value, Failed> {
    let mut basic = None;
    let assertion;
    match credential {
        Credential::Secret(secret) if takes_basic => basic = Some((client, secret.as_str())),
        Credential::Secret(secret) => form.extend([("client_id", client), ("client_secret", secret)]),
        Credential::Key { key, algorithm, id } => {
            let mut header = Header::new(*algorithm);
            header.kid.clone_from(id);
            let id = random::text().ok_or(Failed::NoRandom)?;
            let claims = json!({"iss": client, "sub": client, "aud": endpoint, "jti": id,
                "iat": now.as_second(), "exp": now.saturating_add(ASSERTION_LIFE).map_or(0, Timestamp::as_second)});
            assertion = jsonwebtoken::encode(&header, &claims, key)
                .map_err(|_| Failed::Metadata("the private key of this provider does not sign"))?;
            form.extend([
                ("client_id", client),
                ("client_assertion_type", crate::smart::ASSERTION_TYPE),
                ("client_assertion", &assertion),
            ]);
        }
        Credential::None => form.push(("client_id", client)),
    }
    let (status, answer) = outgoing.post_form("the provider's token endpoint", endpoint, &form, basic).await?;
    if status != 200 {
        let error = answer.get("error").and_then(Value::as_str).unwrap_or("an error without a name");
        return Err(Failed::Refused(error_code(error)));
    }
    Ok(answer)
}

/// A subject as OpenID Connect allows it: at most 255 printable ASCII characters (Core §2).
fn subject(claims: &Claims) -> Option<String> {
    let subject = claims.text("sub")?;
    let fits =
        (1..=255).contains(&subject.len()) && subject.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    fits.then(|| subject.to_owned())
}

/// An error code of OAuth (RFC 6749 §5.2: printable ASCII), fit for the log.
pub(crate) fn error_code(given: &str) -> String {
    given.chars().filter(|c| c.is_ascii_lowercase() || *c == '_').take(40).collect()
}
