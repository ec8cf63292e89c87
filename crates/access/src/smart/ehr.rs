//! Skein as a SMART app of another system ("EHR launch", SMART App Launch 2.2 §2, with `sso-openid-connect`): the system opens
//! our launch address with its own (`iss`) and a handle (`launch`); we ask its authorization server, which knows who sits there
//! and with whose record open, and read one resource of its FHIR API: that Patient, for its NHS number. The access token is
//! used for that once and forgotten. What comes of it is a [`Launch`] like one by a signed token.

use super::Launch;
use crate::{
    User,
    jwt::{ALGORITHMS, Claims, KeySource, Keys, NotBelieved},
    outgoing::{Outgoing, encode_form},
    random,
    sign_in::{Credential, Failed, challenge, error_code, redeem},
};
use fhir::nhs::{NhsNumber, SYSTEM};
use jiff::{SignedDuration, Timestamp, civil::Date};
use serde_json::Value;
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};
use tokio::sync::Mutex;

/// What a system publishes about its authorization server is fetched anew after this long.
const PUBLISHED_LIFE: SignedDuration = SignedDuration::from_hours(1);
/// After an attempt that failed, nobody waits for another one for this long.
const TRY_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(10);
/// An ID token is used within minutes of being issued.
const ID_TOKEN_AGE_MAX: SignedDuration = SignedDuration::from_mins(10);
/// What is launched waits for its user to sign in this long.
const LAUNCH_LIFE: SignedDuration = SignedDuration::from_mins(5);
/// Bytes of a launch handle and of a user's name there, at most.
const HANDLE_BYTES_MAX: usize = 2_048;
const SUBJECT_BYTES_MAX: usize = 255;

/// A system whose app we are, as an operator describes it.
#[derive(Clone)]
pub struct EhrConfig {
    /// Who it is here: its id, name and organisation.
    pub user: User,
    /// The base of its FHIR API, exactly as it sends it.
    pub iss: String,
    /// Our id at its authorization server.
    pub client_id: String,
    /// Our proof of it.
    pub credential: Credential,
    /// The provider with which its users sign in here; empty: local accounts.
    pub users: String,
    /// The claim of its ID token that is the user's id with that provider or among those accounts.
    pub user_claim: String,
    /// Our address that its authorization server sends browsers back to.
    pub redirect_uri: String,
}

/// Why nothing is opened. No sentence holds anything about a person.
#[derive(Debug, thiserror::Error)]
pub enum NotLaunched {
    /// The system could not be asked, refused, or its answer is not believed.
    #[error(transparent)]
    Failed(#[from] Failed),
    /// The Patient it names has not one valid NHS number that is in use.
    #[error("the patient there has no single valid NHS number")]
    NoNumber,
}

impl From<NotBelieved> for NotLaunched {
    fn from(error: NotBelieved) -> Self {
        NotLaunched::Failed(error.into())
    }
}

/// What is kept while the browser is at the authorization server.
#[derive(Clone)]
pub struct Way {
    /// The system, by its id here.
    pub ehr: String,
    state: String,
    nonce: String,
    verifier: String,
}

struct Published {
    issuer: String,
    authorization: String,
    token: String,
    /// `client_secret_basic`, unless it says that it does not know it.
    basic: bool,
    /// SMART 2 permissions (`patient/Patient.r`) instead of those of SMART 1.
    second: bool,
    keys: Keys,
}

#[derive(Default)]
struct Known {
    published: Option<(Arc<Published>, Timestamp)>,
    failed: Option<Timestamp>,
}

/// A system whose app we are.
pub struct Ehr {
    config: EhrConfig,
    user: Arc<User>,
    outgoing: Outgoing,
    known: Mutex<Known>,
}

impl Ehr {
    /// A system; nothing is fetched yet.
    pub fn new(config: EhrConfig, outgoing: Outgoing) -> Self {
        Ehr { user: Arc::new(config.user.clone()), config, outgoing, known: Mutex::default() }
    }

    /// Its id here.
    pub fn id(&self) -> &str {
        &self.config.user.id
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.config.user.name
    }

    /// Whether this is the base of its FHIR API.
    pub fn is(&self, iss: &str) -> bool {
        iss.trim_end_matches('/') == self.base()
    }

    fn base(&self) -> &str {
        self.config.iss.trim_end_matches('/')
    }

    /// SMART App Launch 2.2 §2.2, `.well-known/smart-configuration`.
    async fn published(&self, now: Timestamp) -> Result<Arc<Published>, Failed> {
        let mut known = self.known.lock().await;
        if let Some((published, at)) = &known.published
            && now.duration_since(*at) < PUBLISHED_LIFE
        {
            return Ok(Arc::clone(published));
        }
        if known.failed.is_some_and(|at| now.duration_since(at) < TRY_AGAIN_AFTER) {
            return Err(Failed::Metadata("it did not answer a moment ago"));
        }
        let address = format!("{}/.well-known/smart-configuration", self.base());
        let fetched = self.outgoing.get_json("the system's SMART configuration", &address, None).await;
        let published = fetched.map_err(Failed::from).and_then(|document| self.read(&document));
        known.failed = published.is_err().then_some(now);
        let published = Arc::new(published?);
        known.published = Some((Arc::clone(&published), now));
        Ok(published)
    }

    fn read(&self, document: &Value) -> Result<Published, Failed> {
        let text = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
        let list = |name: &str| -> Vec<&str> {
            let items = document.get(name).and_then(Value::as_array);
            items.into_iter().flatten().filter_map(Value::as_str).collect()
        };
        let (Some(issuer), Some(jwks)) = (text("issuer"), text("jwks_uri")) else {
            return Err(Failed::Metadata("no issuer or jwks_uri: its users cannot be told (sso-openid-connect)"));
        };
        let authorization = text("authorization_endpoint").ok_or(Failed::Metadata("no authorization_endpoint"))?;
        self.outgoing.check("the system's authorization endpoint", &authorization)?;
        if authorization.contains('#') {
            return Err(Failed::Metadata("its authorization_endpoint has a fragment"));
        }
        if !list("code_challenge_methods_supported").contains(&"S256") {
            return Err(Failed::Metadata("it does not know PKCE with S256"));
        }
        let methods = list("token_endpoint_auth_methods_supported");
        Ok(Published {
            issuer,
            authorization,
            token: text("token_endpoint").ok_or(Failed::Metadata("no token_endpoint"))?,
            basic: methods.is_empty() || methods.contains(&"client_secret_basic"),
            second: list("capabilities").contains(&"permission-v2"),
            keys: Keys::new(KeySource::Address(jwks), self.outgoing.clone()),
        })
    }

    /// Begin: where to send the browser, and what to keep (§2.3).
    ///
    /// # Errors
    /// [`NotLaunched`].
    pub async fn begin(&self, launch: &str, now: Timestamp) -> Result<(String, Way), NotLaunched> {
        if launch.is_empty() || launch.len() > HANDLE_BYTES_MAX {
            return Err(Failed::NotOurs("launch").into());
        }
        let published = self.published(now).await?;
        let random = || random::text().ok_or(Failed::NoRandom);
        let way = Way { ehr: self.id().to_owned(), state: random()?, nonce: random()?, verifier: random()? };
        let challenge = challenge(&way.verifier);
        let permission = if published.second { "patient/Patient.r" } else { "patient/Patient.read" };
        let scope = format!("launch openid fhirUser {permission}");
        let query = [
            ("response_type", "code"),
            ("client_id", &self.config.client_id),
            ("redirect_uri", &self.config.redirect_uri),
            ("launch", launch),
            ("scope", &scope),
            ("state", &way.state),
            ("aud", &self.config.iss),
            ("nonce", &way.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let separator = if published.authorization.contains('?') { '&' } else { '?' };
        Ok((format!("{}{separator}{}", published.authorization, encode_form(&query)), way))
    }

    /// Finish: from what the browser brought back to whose record is to be opened by whom. The way is spent.
    ///
    /// # Errors
    /// [`NotLaunched`].
    pub async fn finish(
        &self,
        way: Way,
        answer: &HashMap<String, String>,
        now: Timestamp,
    ) -> Result<Launch, NotLaunched> {
        let given = |name: &str| answer.get(name).map(String::as_str);
        if way.ehr != self.id() || !random::same(given("state").unwrap_or_default(), &way.state) {
            return Err(Failed::NotOurs("state").into());
        }
        let published = self.published(now).await?;
        if given("iss").is_some_and(|issuer| issuer != published.issuer) {
            return Err(Failed::NotOurs("iss").into());
        }
        if let Some(error) = given("error") {
            return Err(Failed::Refused(error_code(error)).into());
        }
        let code = given("code").filter(|code| !code.is_empty()).ok_or(Failed::NotOurs("code"))?;
        let form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", self.config.redirect_uri.as_str()),
            ("code_verifier", way.verifier.as_str()),
        ];
        let us = (self.config.client_id.as_str(), &self.config.credential);
        let tokens = redeem(&self.outgoing, us, (&published.token, published.basic), form, now).await?;
        let said = |name: &'static str| tokens.get(name).and_then(Value::as_str).ok_or(NotBelieved::Claim(name));
        let claims = published.keys.claims(said("id_token")?, &ALGORITHMS, now).await?;
        let user = self.user_of(&claims, &published.issuer, &way.nonce, now)?;
        let patient = said("patient")?;
        if !is_id(patient) {
            return Err(NotBelieved::Claim("patient").into());
        }
        let address = format!("{}/Patient/{patient}", self.base());
        let read = self.outgoing.get_json("the system's Patient", &address, Some(said("access_token")?)).await;
        let (nhs_number, born) = number_of(&read.map_err(Failed::from)?, patient)?;
        Ok(Launch {
            client: Arc::clone(&self.user),
            user,
            vouched: None,
            nhs_number,
            born,
            ends: now.saturating_add(LAUNCH_LIFE).unwrap_or(now),
        })
    }

    /// Who sits there, by an ID token that is for us, now, and for this way (OpenID Connect Core §3.1.3.7): their id here.
    fn user_of(&self, claims: &Claims, issuer: &str, nonce: &str, now: Timestamp) -> Result<String, NotBelieved> {
        let client = self.config.client_id.as_str();
        if !matches!(claims.typ.to_ascii_lowercase().as_str(), "" | "jwt") || claims.claims.contains_key("events") {
            return Err(NotBelieved::Claim("typ"));
        }
        claims.check(issuer, &[client], ID_TOKEN_AGE_MAX, now)?;
        if claims.time("iat").is_none() {
            return Err(NotBelieved::Claim("iat"));
        }
        let party = claims.text("azp");
        if party.is_some_and(|party| party != client) || (party.is_none() && claims.audience().len() > 1) {
            return Err(NotBelieved::Claim("azp"));
        }
        if !random::same(claims.text("nonce").unwrap_or_default(), nonce) {
            return Err(NotBelieved::Claim("nonce"));
        }
        let subject = claims.text(&self.config.user_claim).unwrap_or_default();
        let printable = subject.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        if subject.trim().is_empty() || subject.len() > SUBJECT_BYTES_MAX || !printable {
            return Err(NotBelieved::Claim("sub"));
        }
        Ok(match self.config.users.as_str() {
            "" => subject.to_owned(),
            provider => format!("{provider}:{subject}"),
        })
    }
}

/// An id as FHIR has it (R4 §2.24.0.1): nothing else comes into an address.
fn is_id(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    (1..=64).contains(&text.len()) && text.bytes().all(fits) && !text.bytes().all(|byte| byte == b'.')
}

/// The one NHS number in use of the Patient that was asked for, and the date of birth where it is a whole one.
fn number_of(patient: &Value, id: &str) -> Result<(u64, Option<Date>), NotLaunched> {
    let text = |name: &str| patient.get(name).and_then(Value::as_str);
    if text("resourceType") != Some("Patient") || text("id") != Some(id) {
        return Err(Failed::NotOurs("patient").into());
    }
    if patient.get("active").and_then(Value::as_bool) == Some(false) {
        return Err(NotLaunched::NoNumber);
    }
    let identifiers = patient.get("identifier").and_then(Value::as_array).into_iter().flatten();
    let numbers: BTreeSet<u64> = identifiers
        .filter(|one| one.get("system").and_then(Value::as_str) == Some(SYSTEM))
        .filter(|one| one.get("use").and_then(Value::as_str) != Some("old"))
        .filter_map(|one| NhsNumber::parse(one.get("value")?.as_str()?).ok()?.as_str().parse().ok())
        .collect();
    match (numbers.first(), numbers.len()) {
        (Some(number), 1) => Ok((*number, text("birthDate").and_then(|date| date.parse().ok()))),
        _ => Err(NotLaunched::NoNumber),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_the_patient_that_was_asked_for_with_one_number_in_use_counts() {
        let number = |value: &str, how: &str| json!({"system": SYSTEM, "value": value, "use": how});
        let patient = |identifiers: Value| json!({"resourceType": "Patient", "id": "p-1", "birthDate": "1950-01-02", "identifier": identifiers});
        let one = patient(json!([number("943 476 5919", "official"), {"system": "urn:mrn", "value": "9990000018"}]));
        let born: Date = "1950-01-02".parse().expect("a date");
        assert_eq!(number_of(&one, "p-1").expect("a number"), (9_434_765_919, Some(born)));
        assert!(matches!(number_of(&one, "p-2"), Err(NotLaunched::Failed(Failed::NotOurs("patient")))));
        let mut old = one.clone();
        old["active"] = json!(false);
        let mut bundle = one.clone();
        bundle["resourceType"] = json!("Bundle");
        assert!(number_of(&old, "p-1").is_err() && number_of(&bundle, "p-1").is_err());
        for identifiers in [
            json!([]),
            json!("9434765919"),
            json!([number("9434765918", "official")]),
            json!([number("9434765919", "old")]),
            json!([number("9434765919", "official"), number("9990548609", "official")]),
        ] {
            assert!(
                matches!(number_of(&patient(identifiers.clone()), "p-1"), Err(NotLaunched::NoNumber)),
                "{identifiers}"
            );
        }
        let twice = patient(json!([number("9434765919", "official"), number("943 476 5919", "usual")]));
        assert!(number_of(&twice, "p-1").is_ok(), "the same number twice is one");
        let mut month = one;
        month["birthDate"] = json!("1950-01");
        assert_eq!(number_of(&month, "p-1").expect("a number").1, None);
    }

    #[test]
    fn nothing_but_an_id_comes_into_an_address() {
        for id in ["p-1", "A.b", &"x".repeat(64)] {
            assert!(is_id(id), "{id}");
        }
        for id in ["", "..", "a/b", "a?b", "a b", "%2e", "é", &"x".repeat(65)] {
            assert!(!is_id(id), "{id}");
        }
    }
}
