//! Systems that get short-lived access tokens by a signed assertion: SMART Backend Services (SMART App Launch 2.2,
//! "Backend Services" and "Client Authentication: Asymmetric"; RFC 7521, RFC 7523).

mod ehr;
mod launch;
mod scopes;

pub use ehr::{Ehr, EhrConfig, NotLaunched, Way};
pub use launch::{Launch, LaunchUsers};
pub use scopes::{Permission, Scope, Scopes, UnknownScope};

use crate::{
    User,
    jwt::{Claims, KeySource, Keys, NotBelieved},
    outgoing::Outgoing,
    random,
};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::Algorithm;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

/// The only way to authenticate here (RFC 7523 §2.2).
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// An assertion ends at most this long after it is shown.
const ASSERTION_LIFE_MAX: SignedDuration = SignedDuration::from_mins(5);
/// Access tokens last this long unless configured otherwise.
pub const TOKEN_LIFE: SignedDuration = SignedDuration::from_mins(5);
/// Access tokens at once; past it the oldest ends.
const TOKENS_MAX: usize = 50_000;
/// Access tokens of one client at once: one that asks for more loses its own oldest, nobody else's.
const TOKENS_PER_CLIENT_MAX: usize = 1_000;
/// Assertions remembered, so that none works twice. Past it, none is taken until some are over.
const ASSERTIONS_MAX: usize = 200_000;

/// The algorithms a client may sign with: SMART requires RS384 and ES384; the rest of their kind are no weaker.
pub const ASSERTION_ALGORITHMS: [Algorithm; 8] = [
    Algorithm::RS384,
    Algorithm::ES384,
    Algorithm::RS256,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
];

/// A client system.
pub struct ClientConfig {
    /// Who it is; `user.id` is its `client_id`.
    pub user: User,
    /// Its public keys.
    pub keys: KeySource,
    /// What it may be given.
    pub scopes: Scopes,
    /// How long its tokens last.
    pub token_life: SignedDuration,
    /// Whose users it may send here with a person; None: nobody's.
    pub launch: Option<LaunchUsers>,
}

struct Client {
    user: Arc<User>,
    keys: Keys,
    scopes: Scopes,
    token_life: SignedDuration,
    launch: Option<LaunchUsers>,
}

/// A token request (RFC 6749 §4.4.2 with RFC 7523 §2.2).
#[derive(Clone, Debug, Default)]
pub struct TokenRequest<'a> {
    /// `client_credentials`.
    pub grant_type: &'a str,
    /// [`ASSERTION_TYPE`].
    pub assertion_type: &'a str,
    /// The assertion.
    pub assertion: &'a str,
    /// What is asked for.
    pub scope: &'a str,
}

/// An access token, given out once.
pub struct Grant {
    /// The token; only its hash is kept.
    pub token: String,
    /// What it allows.
    pub scopes: Scopes,
    /// How long it lasts.
    pub life: SignedDuration,
    /// Whom it was given to.
    pub user: Arc<User>,
}

/// Why no token was given: RFC 6749 §5.2. The sentences are for developers of clients; none repeats what was sent.
#[derive(Debug, thiserror::Error)]
pub enum NotGranted {
    /// Something is missing or written wrongly.
    #[error("{0}")]
    InvalidRequest(String),
    /// Another grant type.
    #[error("grant_type must be client_credentials")]
    UnsupportedGrantType,
    /// The assertion is not believed.
    #[error("{0}")]
    InvalidClient(String),
    /// Nothing of what was asked for is this client's.
    #[error("{0}")]
    InvalidScope(String),
    /// Our fault, or too much at once.
    #[error("{0}")]
    Unavailable(&'static str),
}

impl NotGranted {
    /// The code (RFC 6749 §5.2).
    pub fn code(&self) -> &'static str {
        match self {
            NotGranted::InvalidRequest(_) => "invalid_request",
            NotGranted::UnsupportedGrantType => "unsupported_grant_type",
            NotGranted::InvalidClient(_) => "invalid_client",
            NotGranted::InvalidScope(_) => "invalid_scope",
            NotGranted::Unavailable(_) => "temporarily_unavailable",
        }
    }
}

struct Granted {
    user: Arc<User>,
    scopes: Scopes,
    ends: Timestamp,
}

/// The client systems of a region and their tokens, which live in memory alone: a restart ends them, and clients ask anew.
pub struct Clients {
    of_id: HashMap<String, Client>,
    /// Systems whose app we are.
    ehrs: Vec<Ehr>,
    /// Our token endpoint, which assertions must be for.
    token_url: String,
    tokens: Mutex<HashMap<[u8; 32], Granted>>,
    assertions: Mutex<HashMap<[u8; 32], Timestamp>>,
}

impl std::fmt::Debug for Clients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} clients", self.of_id.len())
    }
}

impl Clients {
    /// These clients. `token_url`: the address of the token endpoint as clients know it.
    pub fn new(clients: Vec<ClientConfig>, token_url: String, outgoing: Option<&Outgoing>) -> Self {
        let of_id = clients.into_iter().filter_map(|client| {
            let keys = Keys::new(client.keys, outgoing?.clone());
            let user = Arc::new(client.user);
            Some((
                user.id.clone(),
                Client { keys, scopes: client.scopes, token_life: client.token_life, launch: client.launch, user },
            ))
        });
        Clients {
            of_id: of_id.collect(),
            ehrs: Vec::new(),
            token_url,
            tokens: Mutex::default(),
            assertions: Mutex::default(),
        }
    }

    /// With systems whose app we are.
    pub fn with_ehrs(self, ehrs: Vec<Ehr>) -> Self {
        Clients { ehrs, ..self }
    }

    /// Whether there is a system whose app we are.
    pub fn has_ehrs(&self) -> bool {
        !self.ehrs.is_empty()
    }

    /// The system whose app we are, by the base of its FHIR API.
    pub fn ehr_at(&self, iss: &str) -> Option<&Ehr> {
        self.ehrs.iter().find(|ehr| ehr.is(iss))
    }

    /// The same, by its id here.
    pub fn ehr(&self, id: &str) -> Option<&Ehr> {
        self.ehrs.iter().find(|ehr| ehr.id() == id)
    }

    /// Whether there is any.
    pub fn is_empty(&self) -> bool {
        self.of_id.is_empty()
    }

    /// The address of the token endpoint.
    pub fn token_url(&self) -> &str {
        &self.token_url
    }

    /// Everything any client may be given, for the published configuration.
    pub fn scopes(&self) -> Vec<String> {
        let mut all: Vec<String> = self.of_id.values().flat_map(|client| client.scopes.texts()).collect();
        all.sort();
        all.dedup();
        all
    }

    /// Give a token for an assertion. `certified`: whether the connection shows what a client of this id must show.
    ///
    /// # Errors
    /// [`NotGranted`].
    pub async fn grant(
        &self,
        request: &TokenRequest<'_>,
        certified: &(dyn Fn(&str) -> bool + Send + Sync),
        now: Timestamp,
    ) -> Result<Grant, NotGranted> {
        if request.grant_type != "client_credentials" {
            return Err(NotGranted::UnsupportedGrantType);
        }
        if request.assertion_type != ASSERTION_TYPE {
            let text = format!("client_assertion_type must be {ASSERTION_TYPE}");
            return Err(NotGranted::InvalidRequest(text));
        }
        let asked = Scopes::parse(request.scope).map_err(|error| NotGranted::InvalidScope(error.to_string()))?;
        if asked.is_empty() {
            return Err(NotGranted::InvalidScope("scope must name what is asked for, e.g. system/Patient.rs".into()));
        }
        let client = self.authenticated(request.assertion, now).await?;
        if !certified(&client.user.id) {
            let text =
                "this client gets tokens only over a connection that shows its own client certificate (RFC 8705)";
            return Err(NotGranted::InvalidClient(text.into()));
        }
        let scopes = asked.within(&client.scopes);
        if scopes.is_empty() {
            return Err(NotGranted::InvalidScope("nothing of what is asked for is configured for this client".into()));
        }
        let token = random::text().ok_or(NotGranted::Unavailable("the system gives no random numbers"))?;
        let ends = now.saturating_add(client.token_life).unwrap_or(now);
        let granted = Granted { user: Arc::clone(&client.user), scopes: scopes.clone(), ends };
        let mut tokens = self.tokens.lock().map_err(|_| NotGranted::Unavailable("tokens cannot be given now"))?;
        if tokens.len() >= TOKENS_MAX {
            tokens.retain(|_, granted| granted.ends > now);
        }
        if tokens.len() >= TOKENS_PER_CLIENT_MAX {
            let theirs = tokens.iter().filter(|(_, granted)| granted.user.id == client.user.id);
            let (count, oldest) =
                theirs.fold((0, None), |(count, oldest): (usize, Option<([u8; 32], Timestamp)>), (key, one)| {
                    let older = oldest.is_none_or(|(_, ends)| one.ends < ends);
                    (count + 1, if older { Some((*key, one.ends)) } else { oldest })
                });
            if let (TOKENS_PER_CLIENT_MAX.., Some((oldest, _))) = (count, oldest) {
                tokens.remove(&oldest);
            }
        }
        if tokens.len() >= TOKENS_MAX
            && let Some(oldest) = tokens.iter().min_by_key(|(_, granted)| granted.ends).map(|(key, _)| *key)
        {
            tokens.remove(&oldest);
        }
        tokens.insert(random::digest(&token), granted);
        Ok(Grant { token, scopes, life: client.token_life, user: Arc::clone(&client.user) })
    }

    /// RFC 7523 §3: the client that made an assertion.
    async fn authenticated(&self, assertion: &str, now: Timestamp) -> Result<&Client, NotGranted> {
        let (client, claims) = self.believed(assertion, &self.token_url, now).await?;
        if claims.text("sub") != Some(&client.user.id) {
            return Err(NotGranted::InvalidClient("the assertion's sub must be the client's id, as iss is".into()));
        }
        Ok(client)
    }

    /// The client that signed a token for this audience, and what it says: short-lived, and never shown before.
    async fn believed(&self, assertion: &str, audience: &str, now: Timestamp) -> Result<(&Client, Claims), NotGranted> {
        let refused = |text: &str| NotGranted::InvalidClient(text.to_owned());
        // The claims say whose keys to look at; nothing else is believed of them before the signature is.
        let named = unbelieved_issuer(assertion).ok_or_else(|| refused("the assertion is not a JWT that names iss"))?;
        let client = self.of_id.get(&named).ok_or_else(|| refused("no client here has this id (iss)"))?;
        let claims = client.keys.claims(assertion, &ASSERTION_ALGORITHMS, now).await.map_err(|error| match error {
            NotBelieved::Keys(cause) => {
                tracing::warn!(client = client.user.id, %cause, "a client's keys could not be had");
                refused("the key set of this client could not be fetched")
            }
            other => NotGranted::InvalidClient(other.to_string()),
        })?;
        claims
            .check(&client.user.id, &[audience], ASSERTION_LIFE_MAX, now)
            .map_err(|error| NotGranted::InvalidClient(error.to_string()))?;
        let ends = claims.time("exp").ok_or_else(|| refused("the assertion's exp is missing"))?;
        if ends.duration_since(now) > ASSERTION_LIFE_MAX + crate::jwt::SKEW {
            return Err(refused("the assertion's exp must be at most five minutes from now"));
        }
        let id =
            claims.text("jti").filter(|id| !id.is_empty()).ok_or_else(|| refused("the assertion's jti is missing"))?;
        let key = random::digest(&format!("{}\n{id}", client.user.id));
        let mut seen =
            self.assertions.lock().map_err(|_| NotGranted::Unavailable("assertions cannot be checked now"))?;
        if seen.len() >= ASSERTIONS_MAX {
            seen.retain(|_, until| *until > now);
        }
        if seen.len() >= ASSERTIONS_MAX {
            return Err(NotGranted::Unavailable("too many assertions at once: try again in a minute"));
        }
        // Remembered as long as it could be shown again.
        let until = ends.saturating_add(crate::jwt::SKEW * 2).unwrap_or(ends);
        if seen.insert(key, until).is_some() {
            return Err(refused("this assertion has been used: make each with a new jti"));
        }
        Ok((client, claims))
    }

    /// Whose token this is and what it allows, while it lasts.
    pub fn caller(&self, token: &str, now: Timestamp) -> Option<(Arc<User>, Scopes)> {
        let key = random::digest(token);
        let mut tokens = self.tokens.lock().ok()?;
        let granted = tokens.get(&key)?;
        if granted.ends <= now {
            tokens.remove(&key);
            return None;
        }
        Some((Arc::clone(&granted.user), granted.scopes.clone()))
    }
}

/// `iss` of a token whose signature has not been looked at: good for nothing but choosing whose keys to try.
fn unbelieved_issuer(token: &str) -> Option<String> {
    if token.len() > 16 * 1024 {
        return None;
    }
    let claims: serde_json::Map<String, serde_json::Value> =
        jsonwebtoken::dangerous::insecure_decode_claims(token).ok()?;
    claims.get("iss")?.as_str().map(str::to_owned)
}
