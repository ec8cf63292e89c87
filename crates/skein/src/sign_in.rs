//! From the configuration to what signs people and systems in.

use crate::{
    config::{
        Config, Reach,
        sign_in::{Client, Ehr, KeyAlgorithm, Kind, RoleClaims, SignIn},
    },
    failure::{Failure, Outcome, io_words},
};
use access::{
    User,
    jwt::KeySource,
    outgoing::Outgoing,
    sign_in::{ClaimNames, Credential, LocalRole, Provider, ProviderConfig, RoleRules, SignInKind},
    smart::{self, ClientConfig, Clients, EhrConfig, LaunchUsers, Scopes},
};
use intake::listener::tls::Senders;
use jiff::SignedDuration;
use jsonwebtoken::{Algorithm, EncodingKey};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

/// What signs people and systems in.
#[derive(Default)]
pub struct SigningIn {
    /// Identity providers.
    pub providers: Vec<Provider>,
    /// Systems that get short tokens.
    pub clients: Option<Arc<Clients>>,
    /// What each system may ask for.
    pub limits: HashMap<String, web::fhir::Limits>,
    /// What each system must show on its connection.
    pub certificates: HashMap<String, Senders>,
    /// How long sessions last.
    pub sessions: web::SessionLimits,
    /// Sends to the endpoints of subscriptions; None: nothing can be sent from here.
    pub receivers: Option<Outgoing>,
}

/// Read keys and secrets, and put it all together; nothing is fetched.
pub fn open(config: &Config) -> Outcome<SigningIn> {
    let keyed: Vec<(usize, &Client)> =
        config.clients.iter().enumerate().filter(|(_, client)| client.token_hash.is_none()).collect();
    let needed = !config.sign_ins.is_empty() || !keyed.is_empty() || !config.ehrs.is_empty();
    let receivers = match outgoing(config, &config.outgoing.subscription_hosts) {
        Err(failure) if config.outgoing.authorities.is_some() => return Err(failure),
        // A region without any trust store starts all the same; a subscription that names an endpoint is refused then.
        receivers => receivers.ok(),
    };
    let outgoing = if needed { Some(outgoing(config, &config.outgoing.internal_hosts)?) } else { None };
    let mut providers = Vec::new();
    for (index, sign_in) in config.sign_ins.iter().enumerate() {
        let place = format!("{}sign_in \"{}\"", config.lines.sign_in(index), sign_in.id);
        if let Some(outgoing) = &outgoing {
            outgoing.check("the issuer", &sign_in.issuer).map_err(|error| asked(config, &place, &error.to_string()))?;
            providers.push(Provider::new(provider(config, sign_in, &place)?, outgoing.clone()));
        }
    }
    let mut clients = Vec::new();
    for (index, client) in keyed {
        let place = format!("{}client \"{}\"", config.lines.client(index), client.id);
        let scopes =
            Scopes::parse(&client.scopes.join(" ")).map_err(|error| asked(config, &place, &error.to_string()))?;
        clients.push(ClientConfig {
            user: user(client),
            keys: keys(config, client, outgoing.as_ref(), &place)?,
            scopes,
            token_life: SignedDuration::from_mins(client.token_minutes.into()),
            launch: launch(config, client, &place)?,
        });
    }
    let mut ehrs = Vec::new();
    for (index, ehr) in config.ehrs.iter().enumerate() {
        let place = format!("{}ehr \"{}\"", config.lines.ehr(index), ehr.id);
        if let Some(outgoing) = &outgoing {
            outgoing.check("the iss", &ehr.iss).map_err(|error| asked(config, &place, &error.to_string()))?;
            ehrs.push(smart::Ehr::new(ehr_config(config, ehr, &place)?, outgoing.clone()));
        }
    }
    let clients = (!clients.is_empty() || !ehrs.is_empty()).then(|| {
        let clients = Clients::new(clients, format!("{}/oauth/token", public(config)), outgoing.as_ref());
        Arc::new(clients.with_ehrs(ehrs))
    });
    let limits = config.clients.iter().map(|client| {
        let limits =
            web::fhir::Limits { requests_per_second: client.requests_per_second, concurrent: client.concurrent };
        (client.id.clone(), limits)
    });
    let sessions = web::SessionLimits {
        idle_max: SignedDuration::from_mins(config.sessions.idle_minutes.into()),
        life_max: SignedDuration::from_hours(config.sessions.life_hours.into()),
        searches_per_minute: config.sessions.searches_per_minute,
    };
    let certificates = config.clients.iter().map(|client| (client.id.clone(), client.senders()));
    let certificates = certificates.collect();
    Ok(SigningIn { providers, clients, limits: limits.collect(), certificates, sessions, receivers })
}

/// Whose users a client may send here.
fn launch(config: &Config, client: &Client, place: &str) -> Outcome<Option<LaunchUsers>> {
    let known = |id: &str| id.is_empty() || config.sign_ins.iter().any(|sign_in| sign_in.id == id);
    match client.launch.as_deref() {
        None => Ok(None),
        Some("vouched") => Ok(Some(LaunchUsers::Vouched)),
        Some("accounts") => Ok(Some(LaunchUsers::Of(String::new()))),
        Some(id) if known(id) => Ok(Some(LaunchUsers::Of(id.to_owned()))),
        Some(_) => {
            let what = "launch must be \"vouched\" (its word says who sits there), \"accounts\" (local accounts sign in), or the id of a [[sign_in]]";
            Err(asked(config, place, what))
        }
    }
}

/// Who a client system is.
pub fn user(client: &Client) -> User {
    User {
        reach_region: client.reach == Reach::Region,
        activity_codes: client.activities.clone(),
        ..User::system(&client.id, &client.name, (&client.organisation_code, &client.organisation_name))
    }
}

fn asked(config: &Config, place: &str, what: &str) -> Failure {
    Failure::asked(format!("{}: {place}: {what}", config.file.display()))
}

fn public(config: &Config) -> &str {
    config.http.public_url.as_deref().unwrap_or_default().trim_end_matches('/')
}

fn outgoing(config: &Config, internal_hosts: &[String]) -> Outcome<Outgoing> {
    let place = "[outgoing] authorities";
    let pem = config.outgoing.authorities.as_ref().map(|file| read(config, file, place)).transpose()?;
    Outgoing::new(internal_hosts.to_vec(), pem.as_deref()).map_err(|error| asked(config, "[outgoing]", &error))
}

fn read(config: &Config, file: &Path, place: &str) -> Outcome<Vec<u8>> {
    let path = config.beside(file);
    std::fs::read(&path)
        .map_err(|error| asked(config, place, &format!("cannot read {}: {}", path.display(), io_words(&error))))
}

fn provider(config: &Config, sign_in: &SignIn, place: &str) -> Outcome<ProviderConfig> {
    let public = public(config);
    let key = (&sign_in.private_key, sign_in.key_algorithm, &sign_in.key_id);
    let credential = credential(config, &sign_in.client_secret_file, key, place)?;
    let names = &sign_in.claims;
    let usual = ClaimNames::default();
    let or = |given: &Option<String>, usual: String| given.clone().unwrap_or(usual);
    let assurance = match sign_in.kind {
        Kind::Staff => usual.assurance,
        Kind::Person => "identity_proofing_level".into(),
    };
    let roles = match sign_in.role_claims {
        Some(RoleClaims::Cis2) => RoleRules::Cis2,
        None => RoleRules::Map {
            roles: sign_in
                .roles
                .iter()
                .map(|(word, role)| (word.clone(), LocalRole { code: role.code.clone(), name: role.name.clone() }))
                .collect(),
            organisation: sign_in.organisation.as_ref().map(|one| (one.code.clone(), one.name.clone())),
        },
    };
    Ok(ProviderConfig {
        id: sign_in.id.clone(),
        label: sign_in.label.clone(),
        kind: match sign_in.kind {
            Kind::Staff => SignInKind::Staff,
            Kind::Person => SignInKind::Person,
        },
        issuer: sign_in.issuer.clone(),
        client_id: sign_in.client_id.clone(),
        credential,
        scopes: sign_in.scopes.clone(),
        redirect_uri: format!("{public}/sign-in/back/{}", sign_in.id),
        signed_out_uri: format!("{public}/sign-in"),
        acr_values: sign_in.acr_values.clone(),
        authentication_min: sign_in.authentication_min,
        assurance_min: sign_in.assurance_min,
        claims: ClaimNames {
            name: or(&names.name, usual.name),
            role: or(&names.role, usual.role),
            organisation_code: or(&names.organisation_code, usual.organisation_code),
            organisation_name: or(&names.organisation_name, usual.organisation_name),
            nhs_number: or(&names.nhs_number, usual.nhs_number),
            birth_date: or(&names.birth_date, usual.birth_date),
            assurance: or(&names.assurance, assurance),
        },
        roles,
        id_token_hint: sign_in.id_token_hint,
    })
}

/// How we prove who we are: by a secret, by a key, or not at all.
fn credential(
    config: &Config,
    secret_file: &Option<PathBuf>,
    (private, algorithm, id): (&Option<PathBuf>, Option<KeyAlgorithm>, &Option<String>),
    place: &str,
) -> Outcome<Credential> {
    Ok(match (secret_file, private, algorithm) {
        (Some(file), _, _) => {
            let secret = String::from_utf8_lossy(&read(config, file, place)?).trim().to_owned();
            if secret.is_empty() {
                return Err(asked(config, place, "the file of client_secret_file is empty"));
            }
            Credential::Secret(secret)
        }
        (_, Some(file), Some(algorithm)) => {
            let (key, algorithm) = private_key(&read(config, file, place)?, algorithm)
                .ok_or_else(|| asked(config, place, "private_key holds no PEM private key that fits key_algorithm"))?;
            Credential::Key { key, algorithm, id: id.clone() }
        }
        _ => Credential::None,
    })
}

/// A system whose app we are.
fn ehr_config(config: &Config, ehr: &Ehr, place: &str) -> Outcome<EhrConfig> {
    let key = (&ehr.private_key, ehr.key_algorithm, &ehr.key_id);
    Ok(EhrConfig {
        user: User::system(&ehr.id, &ehr.name, (&ehr.organisation_code, &ehr.organisation_name)),
        iss: ehr.iss.clone(),
        client_id: ehr.client_id.clone(),
        credential: credential(config, &ehr.client_secret_file, key, place)?,
        users: if ehr.users == "accounts" { String::new() } else { ehr.users.clone() },
        user_claim: ehr.user_claim.clone(),
        redirect_uri: format!("{}/launch/back/{}", public(config), ehr.id),
    })
}

fn private_key(pem: &[u8], algorithm: KeyAlgorithm) -> Option<(EncodingKey, Algorithm)> {
    use KeyAlgorithm as K;
    let algorithm = match algorithm {
        K::RS256 => Algorithm::RS256,
        K::RS384 => Algorithm::RS384,
        K::RS512 => Algorithm::RS512,
        K::PS256 => Algorithm::PS256,
        K::PS384 => Algorithm::PS384,
        K::PS512 => Algorithm::PS512,
        K::ES256 => Algorithm::ES256,
        K::ES384 => Algorithm::ES384,
    };
    let key = match algorithm {
        Algorithm::ES256 | Algorithm::ES384 => EncodingKey::from_ec_pem(pem),
        _ => EncodingKey::from_rsa_pem(pem),
    };
    Some((key.ok()?, algorithm))
}

fn keys(config: &Config, client: &Client, outgoing: Option<&Outgoing>, place: &str) -> Outcome<KeySource> {
    if let Some(address) = &client.jwks_uri {
        if let Some(outgoing) = outgoing {
            outgoing.check("jwks_uri", address).map_err(|error| asked(config, place, &error.to_string()))?;
        }
        return Ok(KeySource::Address(address.clone()));
    }
    let given = client.jwks.as_deref().unwrap_or_default();
    let text = if given.trim_start().starts_with('{') {
        given.to_owned()
    } else {
        String::from_utf8_lossy(&read(config, Path::new(given), place)?).into_owned()
    };
    KeySource::read(&text).map_err(|error| asked(config, place, &format!("jwks: {error}")))
}
