//! `[[feed]]`: the connections that sources send over.

use super::{
    Config, check_token_hash,
    http::{ClientCertificates, Tls, check_senders},
};
use intake::listener::tls::Senders;
use serde::Deserialize;
use std::{collections::BTreeMap, net::SocketAddr};

/// `[[feed]]`: one connection from a source. HL7 v2 has `mllp`; FHIR has `token_hash`, names of certificates, or both.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feed {
    /// The name used by the error desk, the log and the freshness of sources.
    pub name: String,
    /// The source that speaks on it.
    pub source: String,
    /// HL7 v2 over MLLP: where to listen.
    pub mllp: Option<SocketAddr>,
    /// MLLP over TLS.
    pub tls: Option<Tls>,
    /// FHIR over HTTP: the hash of the source's access token, made by `skein hash token`.
    pub token_hash: Option<String>,
    /// FHIR: taken over connections alone that show a certificate with one of these DNS names (subjectAltName). MLLP has
    /// its own in `tls`.
    #[serde(default)]
    pub client_names: Vec<String>,
    /// Or with one of these SHA-256 fingerprints.
    #[serde(default)]
    pub client_fingerprints: Vec<String>,
    /// How to acknowledge: `auto` (as MSH-15/16 ask), `original` or `enhanced`. Default: as the source's profile says.
    pub acknowledge: Option<Acknowledge>,
    /// When the application acknowledgement that MSH-16 asks for is given: `processed`, or `stored`.
    #[serde(default)]
    pub application_acknowledge: ApplicationAcknowledge,
    /// What to answer to a message of which a part cannot be read: `error` (AE, CE) or `accept` (AA, CA).
    #[serde(default)]
    pub faulty: FaultyAnswer,
    /// Connections at once; the next one waits.
    #[serde(default = "default_connections_max")]
    pub connections_max: usize,
    /// The largest message, in bytes; a larger one is refused with an answer.
    #[serde(default = "default_message_bytes_max")]
    pub message_bytes_max: usize,
    /// Seconds without a byte after which a connection is closed.
    #[serde(default = "default_idle_seconds_max")]
    pub idle_seconds_max: u64,
    /// Queries (QBP^Q23) on this MLLP feed are answered, asked by this system. Without, they are refused.
    pub queries: Option<Asker>,
}

/// `[feed.queries]`: as whom queries on a feed are asked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asker {
    /// Its id, as the audit trail shows it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The ODS code of the organisation that answers for it.
    pub organisation_code: String,
    /// That organisation's name.
    pub organisation_name: String,
}

fn default_connections_max() -> usize {
    64
}

fn default_message_bytes_max() -> usize {
    64 * 1024 * 1024
}

fn default_idle_seconds_max() -> u64 {
    900
}

/// How a feed is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Acknowledge {
    /// As each message asks in MSH-15 and MSH-16.
    Auto,
    /// AA, AE, AR.
    Original,
    /// CA, CE, CR.
    Enhanced,
}

/// When a feed gives application acknowledgements of enhanced mode.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApplicationAcknowledge {
    /// When the message has been processed, after the accept acknowledgement.
    #[default]
    Processed,
    /// When the message is on disk, and only where no accept acknowledgement is given.
    Stored,
}

/// What a feed answers to a message of which a part cannot be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FaultyAnswer {
    /// AE, CE.
    #[default]
    Error,
    /// AA, CA.
    Accept,
}

impl Feed {
    /// The certificates a FHIR feed is taken with.
    pub fn senders(&self) -> Senders {
        Senders { names: self.client_names.clone(), fingerprints: self.client_fingerprints.clone() }
    }
}

/// Whether what is said about feeds hangs together. `sources`: those there are. `hashes`: tokens already given out, and to whom.
pub fn check<'a>(
    config: &'a Config,
    sources: &BTreeMap<&str, ()>,
    hashes: &mut BTreeMap<&'a str, String>,
) -> Result<(), String> {
    let mut taken = Taken { names: BTreeMap::new(), addresses: BTreeMap::new(), certificates: BTreeMap::new(), hashes };
    taken.addresses.insert(config.http.address, "http.address");
    for (index, feed) in config.feeds.iter().enumerate() {
        check_one(config, feed, sources, &mut taken).map_err(|what| format!("{}{what}", config.lines.feed(index)))?;
    }
    Ok(())
}

/// What other feeds have taken before.
struct Taken<'a, 'h> {
    names: BTreeMap<&'a str, ()>,
    addresses: BTreeMap<SocketAddr, &'a str>,
    /// Of feeds known by their certificate alone: each name and fingerprint, and whose it is.
    certificates: BTreeMap<String, &'a str>,
    hashes: &'h mut BTreeMap<&'a str, String>,
}

fn check_one<'a>(
    config: &Config,
    feed: &'a Feed,
    sources: &BTreeMap<&str, ()>,
    taken: &mut Taken<'a, '_>,
) -> Result<(), String> {
    let name = feed.name.as_str();
    let say = |what: &str| Err(format!("feed \"{name}\": {what}"));
    if taken.names.insert(name, ()).is_some() {
        return Err(format!("two feeds have the name \"{name}\""));
    }
    if !sources.contains_key(feed.source.as_str()) {
        return Err(format!("feed \"{name}\" names source \"{}\", which no [[source]] describes", feed.source));
    }
    if config.sources.iter().any(|source| source.source == feed.source && !source.connected) {
        return say(&format!(
            "source \"{}\" is said not to be connected (connected = false in its profile)",
            feed.source
        ));
    }
    let senders = feed.senders();
    match (feed.mllp, &feed.token_hash) {
        (Some(address), None) => {
            let other = taken.addresses.insert(address, name).filter(|_| address.port() != 0);
            if let Some(other) = other {
                return Err(format!("feed \"{name}\" listens on {address}, and so does {other}"));
            }
            if !senders.is_empty() {
                return say("of an HL7 v2 feed, client_names and client_fingerprints stand in its [feed.tls]");
            }
        }
        (None, Some(hash)) => {
            let place = format!("feed \"{name}\": token_hash");
            check_token_hash(hash, &place)?;
            if let Some(other) = taken.hashes.insert(hash, place.clone()) {
                return Err(format!("{place} is the same as {other}: each sender has its own token"));
            }
        }
        (None, None) if !senders.is_empty() => {
            for one in feed.client_names.iter().chain(&feed.client_fingerprints) {
                let plain = one.replace(':', "").to_lowercase();
                if let Some(other) = taken.certificates.insert(plain, name) {
                    return Err(format!(
                        "feed \"{name}\" and feed \"{other}\" are known by the certificate \"{one}\" alone: give them tokens"
                    ));
                }
            }
        }
        _ => {
            return Err(format!(
                "feed \"{name}\" needs either mllp (HL7 v2), or token_hash or client_names or client_fingerprints (FHIR)"
            ));
        }
    }
    check_senders(config, &senders).or_else(|what| say(&what))?;
    let strange = [(feed.tls.is_some(), "tls"), (feed.acknowledge.is_some(), "acknowledge")];
    if let (None, Some((_, key))) = (feed.mllp, strange.iter().find(|(set, _)| *set)) {
        return say(&format!("{key} is for HL7 v2 feeds (mllp); FHIR comes over [http]"));
    }
    if let Some(tls) = &feed.tls {
        check_tls(tls).or_else(|what| say(&what))?;
    }
    if feed.queries.is_some() && feed.mllp.is_none() {
        return say("queries are answered on MLLP feeds; over FHIR ask as a [[client]]");
    }
    if feed.connections_max == 0 || feed.message_bytes_max == 0 || feed.idle_seconds_max == 0 {
        return say("a limit of 0 lets nothing in");
    }
    Ok(())
}

fn check_tls(tls: &Tls) -> Result<(), String> {
    let optional = tls.client_certificates == Some(ClientCertificates::Optional);
    if optional && tls.client_authorities.is_none() {
        return Err("client_certificates needs client_authorities, who signs them".into());
    }
    let senders = tls.senders();
    senders.check()?;
    if !senders.is_empty() && tls.client_authorities.is_none() {
        return Err("client_names and client_fingerprints need client_authorities, who signs them".into());
    }
    if !senders.is_empty() && optional {
        return Err(
            "client_names and client_fingerprints need client_certificates = \"required\": whoever shows none \
            would be let in"
                .into(),
        );
    }
    Ok(())
}
