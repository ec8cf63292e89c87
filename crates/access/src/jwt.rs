//! Signed tokens from elsewhere (RFC 7519, RFC 7515): ID tokens, logout tokens and client assertions, all checked in one
//! place. The algorithm is chosen by us, not by the token: asymmetric ones alone, with a key of the same kind from a set that
//! the issuer publishes. Time is a parameter.

use crate::outgoing::{NotFetched, Outgoing};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, Validation,
    jwk::{AlgorithmParameters, Jwk, PublicKeyUse},
};
use serde_json::{Map, Value};
use std::sync::Arc;
use tokio::sync::Mutex;

/// Clocks may differ by this much (RFC 7519 §4.1.4: "a few minutes" at most).
pub const SKEW: SignedDuration = SignedDuration::from_secs(60);
/// Tokens longer than this are refused unread.
const TOKEN_BYTES_MAX: usize = 16 * 1024;
/// Keys read of one set.
const KEYS_MAX: usize = 50;
/// Keys are fetched anew after this long.
const KEYS_LIFE: SignedDuration = SignedDuration::from_hours(1);
/// A token that names an unknown key makes us look again, but not more often than this.
const LOOK_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(30);
/// After an attempt that failed, nobody waits for another one for this long.
pub(crate) const TRY_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(10);
/// RSA moduli shorter than 2048 bits are refused: that many base64url characters.
const RSA_MODULUS_CHARS_MIN: usize = 341;

/// The algorithms accepted (RFC 7518 §3.1, RFC 8037): never `none`, never a shared secret.
pub const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// Why a token is not believed. No part of the token is repeated.
#[derive(Debug, thiserror::Error)]
pub enum NotBelieved {
    /// It cannot be taken apart, or its algorithm is not one of ours.
    #[error("the token is not one signed with an accepted algorithm")]
    Form,
    /// No key of the issuer made its signature.
    #[error("no key of the issuer made the token's signature")]
    Signature,
    /// The keys could not be had.
    #[error(transparent)]
    Keys(#[from] NotFetched),
    /// A claim is missing or wrong.
    #[error("the token's {0} is missing or wrong")]
    Claim(&'static str),
    /// Its time is over, or not come.
    #[error("the token is not valid now: it has expired, or clocks differ by more than a minute")]
    Time,
}

/// Where an issuer's keys are.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// At this address, as a JWK set (RFC 7517 §5).
    Address(String),
    /// These.
    Fixed(Vec<Jwk>),
}

impl KeySource {
    /// The keys of a JWK set's text.
    ///
    /// # Errors
    /// A sentence, when it is none or holds no key we can use.
    pub fn read(text: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|_| "it is not JSON".to_owned())?;
        let keys = usable(&value);
        if keys.is_empty() {
            return Err(
                "it holds no public key for signatures (RSA of 2048 bits or more, P-256, P-384, Ed25519)".into()
            );
        }
        Ok(KeySource::Fixed(keys))
    }
}

#[derive(Default)]
struct Kept {
    keys: Arc<Vec<Jwk>>,
    fetched: Option<Timestamp>,
    failed: Option<Timestamp>,
}

/// The keys of one issuer, fetched when needed, kept for an hour, and looked at again when a token names one we do not know:
/// issuers change their keys without telling.
pub struct Keys {
    source: KeySource,
    outgoing: Outgoing,
    kept: Mutex<Kept>,
}

impl Keys {
    /// The keys at a source.
    pub fn new(source: KeySource, outgoing: Outgoing) -> Self {
        let keys = match &source {
            KeySource::Fixed(keys) => Arc::new(keys.clone()),
            KeySource::Address(_) => Arc::default(),
        };
        Keys { source, outgoing, kept: Mutex::new(Kept { keys, ..Kept::default() }) }
    }

    /// Keys fetched after `LOOK_AGAIN_AFTER`, or the ones there are. `again`: those we have did not do.
    async fn keys(&self, again: bool, now: Timestamp) -> Result<Arc<Vec<Jwk>>, NotFetched> {
        let KeySource::Address(address) = &self.source else { return Ok(Arc::clone(&self.kept.lock().await.keys)) };
        // One look at a time; whoever waits gets what it found.
        let mut kept = self.kept.lock().await;
        let age = kept.fetched.map(|at| now.duration_since(at));
        let fresh = age.is_some_and(|age| age < if again { LOOK_AGAIN_AFTER } else { KEYS_LIFE });
        let failing = kept.failed.is_some_and(|at| now.duration_since(at) < TRY_AGAIN_AFTER);
        if failing && kept.keys.is_empty() {
            return Err(NotFetched::NoAnswer { what: "the key set", why: "it did not answer a moment ago".into() });
        }
        if !fresh && !failing {
            match self.outgoing.get_json("the key set", address, None).await {
                Ok(set) => *kept = Kept { keys: Arc::new(usable(&set)), fetched: Some(now), failed: None },
                // Known keys stay good while the issuer cannot be reached, and a flood of tokens asks it no oftener.
                Err(error) if !kept.keys.is_empty() && age.is_some_and(|age| age < KEYS_LIFE * 24) => {
                    kept.failed = Some(now);
                    tracing::warn!(%error, "an issuer's keys could not be fetched anew; the former stay for a day");
                }
                Err(error) => {
                    *kept = Kept { failed: Some(now), ..Kept::default() };
                    return Err(error);
                }
            }
        }
        Ok(Arc::clone(&kept.keys))
    }

    /// The claims of a token that one of these keys signed, with one of these algorithms. Its claims are not judged yet.
    ///
    /// # Errors
    /// [`NotBelieved`].
    pub async fn claims(&self, token: &str, accepted: &[Algorithm], now: Timestamp) -> Result<Claims, NotBelieved> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(NotBelieved::Form);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| NotBelieved::Form)?;
        let algorithm = header.alg;
        // Extensions we would have to understand (RFC 7515 §4.1.11), encryption, and keys the token brings along: none.
        let strange = header.crit.is_some() || header.enc.is_some() || header.zip.is_some();
        if strange || !accepted.contains(&algorithm) || !ALGORITHMS.contains(&algorithm) {
            return Err(NotBelieved::Form);
        }
        for again in [false, true] {
            let keys = self.keys(again, now).await?;
            let fitting = keys.iter().filter(|key| fits(key, header.kid.as_deref(), algorithm));
            for key in fitting {
                if let Some(claims) = verified(token, key, algorithm) {
                    return Ok(Claims { claims, typ: header.typ.unwrap_or_default() });
                }
            }
        }
        Err(NotBelieved::Signature)
    }
}

/// The keys of a set that can be used: public, asymmetric, long enough, for signatures.
fn usable(set: &Value) -> Vec<Jwk> {
    let keys = set.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let read = keys.iter().take(KEYS_MAX).filter_map(|key| Jwk::deserialize(key).ok());
    read.filter(|key| match &key.algorithm {
        AlgorithmParameters::RSA(rsa) => rsa.n.len() >= RSA_MODULUS_CHARS_MIN,
        AlgorithmParameters::EllipticCurve(_) | AlgorithmParameters::OctetKeyPair(_) => true,
        _ => false,
    })
    .filter(|key| matches!(key.common.public_key_use, None | Some(PublicKeyUse::Signature)))
    .collect()
}

use serde::Deserialize;

fn family(key: &Jwk) -> Option<AlgorithmFamily> {
    match &key.algorithm {
        AlgorithmParameters::RSA(_) => Some(AlgorithmFamily::Rsa),
        AlgorithmParameters::EllipticCurve(_) => Some(AlgorithmFamily::Ec),
        AlgorithmParameters::OctetKeyPair(_) => Some(AlgorithmFamily::Ed),
        _ => None,
    }
}

fn fits(key: &Jwk, named: Option<&str>, algorithm: Algorithm) -> bool {
    let same_name = match (named, key.common.key_id.as_deref()) {
        (Some(named), Some(known)) => named == known,
        (Some(_), None) | (None, _) => true,
    };
    let same_algorithm = key.common.key_algorithm.is_none_or(|said| format!("{said:?}") == format!("{algorithm:?}"));
    same_name && same_algorithm && family(key) == Some(algorithm.family())
}

fn verified(token: &str, key: &Jwk, algorithm: Algorithm) -> Option<Map<String, Value>> {
    let key = DecodingKey::from_jwk(key).ok().filter(|key| key.family() == algorithm.family())?;
    let mut validation = Validation::new(algorithm);
    // Only the signature: every claim is judged below, against the time we are given.
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    jsonwebtoken::decode::<Map<String, Value>>(token, &key, &validation).ok().map(|data| data.claims)
}

/// What a believed signature stands under.
#[derive(Debug)]
pub struct Claims {
    /// The claims.
    pub claims: Map<String, Value>,
    /// The header's `typ`, as it stands.
    pub typ: String,
}

impl Claims {
    /// A claim that is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name).and_then(Value::as_str)
    }

    /// A claim that is a time in seconds (RFC 7519 §2, NumericDate).
    pub fn time(&self, name: &str) -> Option<Timestamp> {
        let number = self.claims.get(name)?;
        let seconds = number.as_i64().or_else(|| {
            // A fraction is allowed; what is left of the point will do.
            number.to_string().split('.').next().and_then(|whole| whole.parse().ok())
        })?;
        Timestamp::from_second(seconds).ok()
    }

    /// Whom the token is for.
    pub fn audience(&self) -> Vec<&str> {
        match self.claims.get("aud") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// That the token says who issued it and for whom, and is valid now. `age_max`: how long ago it may have been issued.
    ///
    /// # Errors
    /// [`NotBelieved`].
    pub fn check(
        &self,
        issuer: &str,
        audience: &[&str],
        age_max: SignedDuration,
        now: Timestamp,
    ) -> Result<(), NotBelieved> {
        if self.text("iss") != Some(issuer) {
            return Err(NotBelieved::Claim("iss"));
        }
        if !self.audience().iter().any(|named| audience.contains(named)) {
            return Err(NotBelieved::Claim("aud"));
        }
        let expires = self.time("exp").ok_or(NotBelieved::Claim("exp"))?;
        let over = now.duration_since(expires) >= SKEW;
        let early = |name| self.time(name).is_some_and(|from| from.duration_since(now) > SKEW);
        let stale = self.time("iat").is_some_and(|issued| now.duration_since(issued) > age_max + SKEW);
        if over || early("nbf") || early("iat") || stale {
            return Err(NotBelieved::Time);
        }
        Ok(())
    }
}
