//! `[[sign_in]]`, `[sessions]`, `[outgoing]` and the keys of `[[client]]`: who gets in, and whom Skein itself asks.

use super::Config;
use access::smart::Scopes;
use intake::listener::tls::Senders;
use serde::Deserialize;
use std::{collections::BTreeMap, path::PathBuf};

/// `[sessions]`: how long somebody stays signed in, and how much they may ask.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sessions {
    /// Minutes without a request after which a session ends.
    #[serde(default = "default_idle_minutes")]
    pub idle_minutes: u32,
    /// Hours after which it ends in any case.
    #[serde(default = "default_life_hours")]
    pub life_hours: u32,
    /// Searches for people that one member of staff may make in a minute.
    #[serde(default = "default_searches_per_minute")]
    pub searches_per_minute: u32,
}

impl Default for Sessions {
    fn default() -> Self {
        Sessions {
            idle_minutes: default_idle_minutes(),
            life_hours: default_life_hours(),
            searches_per_minute: default_searches_per_minute(),
        }
    }
}

fn default_idle_minutes() -> u32 {
    30
}

fn default_life_hours() -> u32 {
    12
}

fn default_searches_per_minute() -> u32 {
    60
}

/// `[outgoing]`: what Skein itself may ask over HTTP.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outgoing {
    /// Hosts that may be asked although their addresses lie inside a network.
    #[serde(default)]
    pub internal_hosts: Vec<String>,
    /// Hosts that endpoints of subscriptions may lead to although their addresses lie inside a network. A list of its own, for
    /// these addresses are chosen by client systems.
    #[serde(default)]
    pub subscription_hosts: Vec<String>,
    /// More authorities to trust, a PEM file.
    pub authorities: Option<PathBuf>,
}

/// Whom a provider signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Staff.
    Staff,
    /// People, to their own record.
    Person,
}

/// A signature algorithm of a private key of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[allow(missing_docs)]
pub enum KeyAlgorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
}

/// `[[sign_in]]`: an OpenID Connect provider.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// Part of addresses and of users' ids: small letters, digits, hyphens.
    pub id: String,
    /// The words on its button.
    pub label: String,
    /// Whom it signs in.
    pub kind: Kind,
    /// Its issuer, exactly as it writes it.
    pub issuer: String,
    /// Our id there.
    pub client_id: String,
    /// A file with the secret.
    pub client_secret_file: Option<PathBuf>,
    /// A private key (PEM) instead of a secret, for `private_key_jwt`.
    pub private_key: Option<PathBuf>,
    /// What the key signs with.
    pub key_algorithm: Option<KeyAlgorithm>,
    /// Its `kid` at the provider.
    pub key_id: Option<String>,
    /// A public client: neither secret nor key.
    #[serde(default)]
    pub public_client: bool,
    /// Scopes besides `openid`.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Authentication contexts, one of which is required.
    #[serde(default)]
    pub acr_values: Vec<String>,
    /// The least `authentication_assurance_level`.
    pub authentication_min: Option<u8>,
    /// The least identity assurance.
    pub assurance_min: Option<u8>,
    /// How roles are said: `cis2`, or left out for `roles` below.
    pub role_claims: Option<RoleClaims>,
    /// The provider's words for roles, and what they stand for here.
    #[serde(default)]
    pub roles: BTreeMap<String, Role>,
    /// The organisation everybody here works for.
    pub organisation: Option<Organisation>,
    /// Whether signing out there takes the ID token in the address. Staff alone.
    #[serde(default)]
    pub id_token_hint: bool,
    /// Names of claims, where the provider has others.
    #[serde(default)]
    pub claims: Claims,
}

/// A known way of saying roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RoleClaims {
    /// NHS CIS2.
    Cis2,
}

/// A role.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// The national role code.
    pub code: String,
    /// In words.
    pub name: String,
}

/// An organisation.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organisation {
    /// Its ODS code.
    pub code: String,
    /// Its name.
    pub name: String,
}

/// `[sign_in.claims]`: the provider's names for what we need.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// The name to show.
    pub name: Option<String>,
    /// Roles.
    pub role: Option<String>,
    /// Organisation codes.
    pub organisation_code: Option<String>,
    /// Organisation names.
    pub organisation_name: Option<String>,
    /// The NHS number.
    pub nhs_number: Option<String>,
    /// The date of birth.
    pub birth_date: Option<String>,
    /// How sure the provider is of who it is.
    pub assurance: Option<String>,
}

/// `[[client]]`: a system that reads.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// Its id, as the audit trail shows it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The ODS code of the organisation that answers for it.
    pub organisation_code: String,
    /// That organisation's name.
    pub organisation_name: String,
    /// The hash of a lasting access token, made by `skein hash token`.
    pub token_hash: Option<String>,
    /// Where its public keys are, for short tokens (SMART Backend Services).
    pub jwks_uri: Option<String>,
    /// Its public keys: a file, or the JWK set itself.
    pub jwks: Option<String>,
    /// It gets and uses tokens over connections alone that show a certificate with one of these DNS names (RFC 8705).
    #[serde(default)]
    pub client_names: Vec<String>,
    /// Or with one of these SHA-256 fingerprints.
    #[serde(default)]
    pub client_fingerprints: Vec<String>,
    /// Whose records it may ask for.
    #[serde(default)]
    pub reach: super::Reach,
    /// What it may do beside reading records: `audit`, to read the audit trail.
    #[serde(default)]
    pub activities: Vec<String>,
    /// What it may ask for. Left out, for a lasting token: whatever its role may.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Whether it may open a person's record here for its user, and whose word says who that is: `vouched`, `accounts`, or
    /// the id of a `[[sign_in]]`.
    pub launch: Option<String>,
    /// How long its short tokens last.
    #[serde(default = "default_token_minutes")]
    pub token_minutes: u32,
    /// Requests a second it may make, with five seconds' worth in hand.
    #[serde(default = "default_requests_per_second")]
    pub requests_per_second: u32,
    /// Requests at once.
    #[serde(default = "default_concurrent")]
    pub concurrent: usize,
}

impl Client {
    /// The certificates it is known by.
    pub fn senders(&self) -> Senders {
        Senders { names: self.client_names.clone(), fingerprints: self.client_fingerprints.clone() }
    }
}

fn default_token_minutes() -> u32 {
    5
}

fn default_requests_per_second() -> u32 {
    200
}

fn default_concurrent() -> usize {
    64
}

/// `[[ehr]]`: a system that opens records here, for which we are a SMART app (SMART App Launch 2.2, EHR launch).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ehr {
    /// Part of an address, and of the audit trail: small letters, digits, hyphens.
    pub id: String,
    /// Its name, as its users know it.
    pub name: String,
    /// The ODS code of the organisation that runs it.
    pub organisation_code: String,
    /// That organisation's name.
    pub organisation_name: String,
    /// The base of its FHIR API, exactly as it sends it (`iss`).
    pub iss: String,
    /// Our id at its authorization server.
    pub client_id: String,
    /// A file with the secret.
    pub client_secret_file: Option<PathBuf>,
    /// A private key (PEM) instead of a secret, for `private_key_jwt`.
    pub private_key: Option<PathBuf>,
    /// What the key signs with.
    pub key_algorithm: Option<KeyAlgorithm>,
    /// Its `kid` there.
    pub key_id: Option<String>,
    /// A public client: neither secret nor key.
    #[serde(default)]
    pub public_client: bool,
    /// How its users sign in here: `accounts`, or the id of a `[[sign_in]]`.
    pub users: String,
    /// The claim of its ID token that is the user's id there.
    #[serde(default = "default_user_claim")]
    pub user_claim: String,
}

fn default_user_claim() -> String {
    "sub".into()
}

/// The line a table begins at: what an error points to.
#[derive(Debug, Default)]
pub struct Lines {
    ehr: Vec<usize>,
    feed: Vec<usize>,
    http_tls: Vec<usize>,
    sign_in: Vec<usize>,
    client: Vec<usize>,
}

impl Lines {
    /// Of this text.
    pub fn of(text: &str) -> Self {
        let lines = |header: &str| {
            let numbered = text.lines().enumerate();
            let headed = |line: &str| line.split('#').next().is_some_and(|line| line.trim() == header);
            numbered.filter(|(_, line)| headed(line)).map(|(index, _)| index + 1).collect()
        };
        Lines {
            ehr: lines("[[ehr]]"),
            feed: lines("[[feed]]"),
            http_tls: lines("[http.tls]"),
            sign_in: lines("[[sign_in]]"),
            client: lines("[[client]]"),
        }
    }

    /// Of the nth `[[ehr]]`.
    pub fn ehr(&self, index: usize) -> String {
        words(&self.ehr, index)
    }

    /// Of the nth `[[feed]]`.
    pub fn feed(&self, index: usize) -> String {
        words(&self.feed, index)
    }

    /// Of `[http.tls]`.
    pub fn http_tls(&self) -> String {
        words(&self.http_tls, 0)
    }

    /// Of the nth `[[sign_in]]`, as words before a sentence.
    pub fn sign_in(&self, index: usize) -> String {
        words(&self.sign_in, index)
    }

    /// Of the nth `[[client]]`.
    pub fn client(&self, index: usize) -> String {
        words(&self.client, index)
    }
}

fn words(lines: &[usize], index: usize) -> String {
    lines.get(index).map(|line| format!("line {line}: ")).unwrap_or_default()
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 32
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// Whether what is said about signing in hangs together.
pub fn check(config: &Config) -> Result<(), String> {
    let Sessions { idle_minutes, life_hours, searches_per_minute } = config.sessions;
    if !(1..=24 * 60).contains(&idle_minutes) || !(1..=24 * 7).contains(&life_hours) {
        return Err("[sessions]: idle_minutes is 1 to 1440, life_hours 1 to 168".into());
    }
    if !(1..=10_000).contains(&searches_per_minute) {
        return Err("[sessions]: searches_per_minute is 1 to 10000".into());
    }
    let mut known = BTreeMap::new();
    for (index, sign_in) in config.sign_ins.iter().enumerate() {
        let at = config.lines.sign_in(index);
        let id = &sign_in.id;
        let say = |what: String| Err(format!("{at}sign_in \"{id}\": {what}"));
        if !is_name(id) {
            return say("id is 1 to 32 small letters, digits and hyphens".into());
        }
        if known.insert(id.as_str(), ()).is_some() {
            return say("another sign_in has the same id; give this one another".into());
        }
        if config.http.public_url.is_none() {
            return say("the provider must know where to send browsers back to: set http.public_url".into());
        }
        let proofs = [sign_in.client_secret_file.is_some(), sign_in.private_key.is_some(), sign_in.public_client];
        if proofs.iter().filter(|given| **given).count() != 1 {
            return say("give one of client_secret_file, private_key or public_client = true".into());
        }
        if sign_in.private_key.is_some() != sign_in.key_algorithm.is_some() {
            return say("private_key and key_algorithm (e.g. \"RS512\") go together".into());
        }
        let mapped = !sign_in.roles.is_empty();
        match sign_in.kind {
            Kind::Staff if mapped == sign_in.role_claims.is_some() => {
                return say("say how roles are read: either role_claims = \"cis2\", or [sign_in.roles] with the provider’s words for them".into());
            }
            Kind::Person if mapped || sign_in.role_claims.is_some() || sign_in.organisation.is_some() => {
                return say(
                    "people who see their own record have no roles: take roles, role_claims and organisation out"
                        .into(),
                );
            }
            Kind::Person if sign_in.assurance_min.is_none() => {
                return say("set assurance_min, how sure the provider must be of who somebody is (9 for NHS login’s P9): a record is opened on its word".into());
            }
            _ => {}
        }
        if let Some((word, _)) = sign_in.roles.iter().find(|(_, role)| role.code.is_empty() || role.name.is_empty()) {
            return say(format!("the role that \"{word}\" stands for needs a code and a name"));
        }
    }
    // A provider's users are called `<id>:<subject>`: nobody else may be.
    let others = config.users.iter().map(|user| &user.id).chain(config.clients.iter().map(|client| &client.id));
    for other in others {
        if other.split_once(':').is_some_and(|(before, _)| known.contains_key(before)) {
            return Err(format!("\"{other}\": the ids that begin so are those of a sign_in’s users; choose another"));
        }
    }
    for (index, client) in config.clients.iter().enumerate() {
        check_client(config, client)
            .map_err(|what| format!("{}client \"{}\": {what}", config.lines.client(index), client.id))?;
    }
    for (index, ehr) in config.ehrs.iter().enumerate() {
        check_ehr(config, index, ehr)
            .map_err(|what| format!("{}ehr \"{}\": {what}", config.lines.ehr(index), ehr.id))?;
    }
    Ok(())
}

fn check_ehr(config: &Config, index: usize, ehr: &Ehr) -> Result<(), String> {
    if !is_name(&ehr.id) {
        return Err("id is 1 to 32 small letters, digits and hyphens".into());
    }
    let base = |iss: &str| iss.trim_end_matches('/').to_owned();
    if config.clients.iter().any(|client| client.id == ehr.id)
        || config.ehrs.iter().take(index).any(|other| other.id == ehr.id || base(&other.iss) == base(&ehr.iss))
    {
        return Err("a client or another ehr has the same id, or another ehr the same iss".into());
    }
    if config.http.public_url.is_none() {
        return Err("it must know where to send browsers back to: set http.public_url".into());
    }
    let proofs = [ehr.client_secret_file.is_some(), ehr.private_key.is_some(), ehr.public_client];
    if proofs.iter().filter(|given| **given).count() != 1 {
        return Err("give one of client_secret_file, private_key or public_client = true".into());
    }
    if ehr.private_key.is_some() != ehr.key_algorithm.is_some() {
        return Err("private_key and key_algorithm (e.g. \"RS384\") go together".into());
    }
    if ehr.users != "accounts" && !config.sign_ins.iter().any(|sign_in| sign_in.id == ehr.users) {
        return Err("users must be \"accounts\" (local accounts sign in) or the id of a [[sign_in]]".into());
    }
    if ehr.user_claim.is_empty() {
        return Err("user_claim names a claim of its ID token, e.g. \"sub\"".into());
    }
    Ok(())
}

fn check_client(config: &Config, client: &Client) -> Result<(), String> {
    let ways = [client.token_hash.is_some(), client.jwks_uri.is_some(), client.jwks.is_some()];
    if ways.iter().filter(|given| **given).count() != 1 {
        return Err(
            "give one of token_hash (a lasting token), jwks_uri or jwks (its public keys, for short tokens)".into()
        );
    }
    super::http::check_senders(config, &client.senders())?;
    let scopes = Scopes::parse(&client.scopes.join(" ")).map_err(|error| error.to_string())?;
    if client.token_hash.is_none() {
        if scopes.is_empty() {
            return Err("set scopes, what it may be given, e.g. [\"system/Patient.rs\"]".into());
        }
        if config.http.public_url.is_none() {
            return Err("its assertions are for our token address: set http.public_url".into());
        }
        if !(5..=15).contains(&client.token_minutes) {
            return Err("token_minutes is 5 to 15".into());
        }
    }
    if client.requests_per_second == 0 || client.concurrent == 0 {
        return Err("a limit of 0 lets nothing in".into());
    }
    Ok(())
}
