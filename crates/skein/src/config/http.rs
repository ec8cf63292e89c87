//! `[http]`: where pages and the FHIR API are served, and by what a connection is known.

use super::Config;
use intake::listener::tls::Senders;
use serde::Deserialize;
use std::{net::SocketAddr, path::PathBuf};

/// `[http]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Where to listen.
    #[serde(default = "default_http")]
    pub address: SocketAddr,
    /// With TLS. Without, put a proxy in front that ends it: session cookies are only safe over TLS.
    pub tls: Option<Tls>,
    /// The address users reach it at, e.g. `https://record.example`: links in FHIR answers begin with it. Without, they
    /// begin with whatever address a request came to.
    pub public_url: Option<String>,
    /// Whether a proxy in front ends TLS, so that cookies are marked `Secure`.
    #[serde(default)]
    pub behind_tls_proxy: bool,
    /// The proxies in front, addresses or networks: whose `X-Forwarded-For` or `Forwarded` says where a request came from.
    #[serde(default)]
    pub trusted_proxies: web::Proxies,
    /// The largest request body accepted, in bytes.
    #[serde(default = "default_body_bytes_max")]
    pub body_bytes_max: usize,
}

impl Default for Http {
    fn default() -> Self {
        Http {
            address: default_http(),
            tls: None,
            public_url: None,
            behind_tls_proxy: false,
            trusted_proxies: web::Proxies::default(),
            body_bytes_max: default_body_bytes_max(),
        }
    }
}

fn default_http() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8080))
}

fn default_body_bytes_max() -> usize {
    64 * 1024 * 1024
}

/// A certificate and its key, PEM files; relative to the configuration file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate chain, leaf first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
    /// Ask whoever connects for a certificate signed by one of these authorities.
    pub client_authorities: Option<PathBuf>,
    /// Of those, only certificates with one of these DNS names (subjectAltName).
    #[serde(default)]
    pub client_names: Vec<String>,
    /// Or with one of these SHA-256 fingerprints.
    #[serde(default)]
    pub client_fingerprints: Vec<String>,
    /// Must whoever connects show one? Only with `client_authorities`. Left out: on a feed yes, for `[http]` no, for browsers
    /// have none.
    pub client_certificates: Option<ClientCertificates>,
}

impl Tls {
    /// The senders named.
    pub fn senders(&self) -> Senders {
        Senders { names: self.client_names.clone(), fingerprints: self.client_fingerprints.clone() }
    }
}

/// Whether those who connect must show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientCertificates {
    /// Nothing is taken without one.
    Required,
    /// One that is shown must be good; none is fine.
    Optional,
}

/// Whether what is said about HTTP hangs together.
pub fn check(config: &Config) -> Result<(), String> {
    if let Some(url) = &config.http.public_url
        && !(url.starts_with("https://") || url.starts_with("http://"))
    {
        return Err("http.public_url must begin with https:// (or http://)".into());
    }
    let Some(tls) = &config.http.tls else { return Ok(()) };
    let say = |what: &str| Err(format!("{}[http.tls]: {what}", config.lines.http_tls()));
    if tls.client_certificates.is_some() && tls.client_authorities.is_none() {
        return say("client_certificates needs client_authorities, who signs them");
    }
    if !tls.senders().is_empty() {
        return say("client_names and client_fingerprints belong to the [[feed]] or [[client]] that comes with them");
    }
    Ok(())
}

/// Whether FHIR feeds and clients can be known by these certificates: somebody must ask for them and say who signs them.
pub fn check_senders(config: &Config, senders: &Senders) -> Result<(), String> {
    senders.check()?;
    let asked = config.http.tls.as_ref().map(|tls| tls.client_authorities.is_some());
    match asked {
        _ if senders.is_empty() => Ok(()),
        Some(true) => Ok(()),
        Some(false) => {
            Err("client_names and client_fingerprints need client_authorities in [http.tls], who signs them".into())
        }
        None => Err(
            "client_names and client_fingerprints need [http.tls] with client_authorities: only where Skein itself \
            ends TLS does it see certificates"
                .into(),
        ),
    }
}
