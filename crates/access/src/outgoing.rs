//! HTTP requests that Skein itself makes: to identity providers, for clients' keys, and to whoever asked to be told. Addresses
//! come from configuration, from what providers publish and from subscriptions, so none of them is trusted: TLS only, nothing
//! inside our own network unless an operator named the host, no redirects, a limit on time and size.

use reqwest::{
    StatusCode,
    dns::{Addrs, Name, Resolve, Resolving},
    header, redirect,
};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, OnceLock},
    time::Duration,
};

/// A connection that takes longer is given up.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// A whole exchange that takes longer is given up.
const EXCHANGE_TIME_MAX: Duration = Duration::from_secs(10);
/// No document we ask for is larger.
const ANSWER_BYTES_MAX: usize = 512 * 1024;

/// Says where in a trace a span is, as `traceparent` does (W3C Trace Context §3.2).
type Place = fn(&tracing::Span) -> Option<String>;
static PLACE: OnceLock<Place> = OnceLock::new();

/// From now on whoever is told something hears of which trace that is a part, where it is part of one.
pub fn continue_traces(place: Place) {
    // A second start in one process (tests) keeps the first.
    let _ = PLACE.set(place);
}

/// Why nothing was fetched. Never holds an address's query, a body or a secret.
#[derive(Debug, thiserror::Error)]
pub enum NotFetched {
    /// The address may not be asked.
    #[error("the address of {what} may not be asked: {why}")]
    Forbidden {
        /// What it is the address of.
        what: &'static str,
        /// Why not.
        why: String,
    },
    /// No answer.
    #[error("{what} did not answer: {why}")]
    NoAnswer {
        /// What was asked for.
        what: &'static str,
        /// Why.
        why: String,
    },
    /// An answer of no use.
    #[error("{what} answered with {why}")]
    Unusable {
        /// What was asked for.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
}

/// Makes Skein's own requests. Clones share connections.
#[derive(Clone)]
pub struct Outgoing {
    client: reqwest::Client,
    internal: Arc<BTreeSet<String>>,
}

struct Guarded {
    internal: Arc<BTreeSet<String>>,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let internal = Arc::clone(&self.internal);
        Box::pin(async move {
            let host = name.as_str().to_ascii_lowercase();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            // One internal address among public ones is a trick: what was checked is what is connected to, or nothing is.
            if !internal.contains(&host) && found.iter().any(|address| !is_public(address.ip())) {
                return Err("its name leads to an address inside a network; list it in outgoing.internal_hosts if that is meant".into());
            }
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}

impl Outgoing {
    /// `internal_hosts`: names (or addresses) that may lead inside our own network; of these, `localhost` and loopback
    /// addresses may be asked without TLS. `authorities`: PEM certificates trusted besides the system's.
    ///
    /// # Errors
    /// A sentence, when the certificates or the system's trust store cannot be used.
    pub fn new(internal_hosts: impl IntoIterator<Item = String>, authorities: Option<&[u8]>) -> Result<Self, String> {
        // One provider for the whole process; a second call changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let internal: BTreeSet<String> = internal_hosts.into_iter().map(|host| host.to_ascii_lowercase()).collect();
        let internal = Arc::new(internal);
        let mut builder = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(CONNECT_TIME_MAX)
            .timeout(EXCHANGE_TIME_MAX)
            .pool_max_idle_per_host(2)
            .dns_resolver(Guarded { internal: Arc::clone(&internal) })
            .user_agent("skein");
        if let Some(pem) = authorities {
            let more = reqwest::Certificate::from_pem_bundle(pem).map_err(|error| error.to_string())?;
            builder = builder.tls_certs_merge(more);
        }
        let client = builder.build().map_err(|error| error.to_string())?;
        Ok(Outgoing { client, internal })
    }

    /// Whether an address may be asked at all, as far as its text tells; names are checked again when they are resolved.
    ///
    /// # Errors
    /// [`NotFetched::Forbidden`].
    pub fn check(&self, what: &'static str, address: &str) -> Result<reqwest::Url, NotFetched> {
        let forbidden = |why: &str| NotFetched::Forbidden { what, why: why.to_owned() };
        let url = reqwest::Url::parse(address).map_err(|_| forbidden("it is not a web address"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(forbidden("it holds a user name or password"));
        }
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_ascii_lowercase();
        let listed = self.internal.contains(&host);
        let literal: Option<IpAddr> = host.parse().ok();
        match url.scheme() {
            "https" => {}
            "http" if listed && (host == "localhost" || literal.is_some_and(|ip| ip.is_loopback())) => {}
            _ => return Err(forbidden("it must begin with https://")),
        }
        if host.is_empty() || (!listed && literal.is_some_and(|ip| !is_public(ip))) {
            return Err(forbidden(
                "it lies inside a network; list its host in outgoing.internal_hosts if that is meant",
            ));
        }
        Ok(url)
    }

    /// Fetch a JSON document.
    ///
    /// # Errors
    /// [`NotFetched`].
    pub async fn get_json(&self, what: &'static str, address: &str, bearer: Option<&str>) -> Result<Value, NotFetched> {
        let mut request = self.client.get(self.check(what, address)?).header(header::ACCEPT, "application/json");
        if let Some(token) = bearer {
            request = request.bearer_auth(token);
        }
        let (status, value) = exchange(what, request).await?;
        if status != StatusCode::OK {
            return Err(NotFetched::Unusable { what, why: format!("status {}", status.as_u16()) });
        }
        value.ok_or(NotFetched::Unusable { what, why: "something that is not JSON".into() })
    }

    /// Send a form; gives the status and the JSON of the answer.
    ///
    /// # Errors
    /// [`NotFetched`].
    pub async fn post_form(
        &self,
        what: &'static str,
        address: &str,
        form: &[(&str, &str)],
        basic: Option<(&str, &str)>,
    ) -> Result<(u16, Value), NotFetched> {
        let mut request = self
            .client
            .post(self.check(what, address)?)
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(encode_form(form));
        if let Some((name, password)) = basic {
            // RFC 6749 §2.3.1: both are form-encoded before they are joined.
            request = request.basic_auth(encode(name), Some(encode(password)));
        }
        let (status, value) = exchange(what, request).await?;
        value
            .map(|value| (status.as_u16(), value))
            .ok_or(NotFetched::Unusable { what, why: format!("status {} and no JSON", status.as_u16()) })
    }

    /// Send a body to whoever asked to be told; gives the status alone: what the receiver says beside it is not read.
    ///
    /// # Errors
    /// [`NotFetched`]; a redirect is one, for it would lead where nobody has checked.
    pub async fn post(
        &self,
        what: &'static str,
        address: &str,
        headers: &[(String, String)],
        body: Vec<u8>,
        patience: Duration,
    ) -> Result<u16, NotFetched> {
        let mut request = self.client.post(self.check(what, address)?).timeout(patience).body(body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(place) = PLACE.get().and_then(|place| place(&tracing::Span::current())) {
            request = request.header("traceparent", place);
        }
        let sent = request.send().await;
        let response = sent.map_err(|error| NotFetched::NoAnswer { what, why: causes(&error.without_url()) })?;
        let status = response.status();
        if status.is_redirection() {
            return Err(NotFetched::Unusable { what, why: "a redirect, which is not followed".into() });
        }
        Ok(status.as_u16())
    }
}

async fn exchange(
    what: &'static str,
    request: reqwest::RequestBuilder,
) -> Result<(StatusCode, Option<Value>), NotFetched> {
    let no_answer = |error: reqwest::Error| NotFetched::NoAnswer { what, why: causes(&error.without_url()) };
    let mut response = request.send().await.map_err(no_answer)?;
    let status = response.status();
    if status.is_redirection() {
        return Err(NotFetched::Unusable { what, why: "a redirect, which is not followed".into() });
    }
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(no_answer)? {
        if body.len() + part.len() > ANSWER_BYTES_MAX {
            return Err(NotFetched::Unusable { what, why: format!("more than {ANSWER_BYTES_MAX} bytes") });
        }
        body.extend_from_slice(&part);
    }
    Ok((status, serde_json::from_slice(&body).ok()))
}

/// An error and what lies beneath it, in one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut below = error.source();
    while let Some(cause) = below {
        words.push_str(": ");
        words.push_str(&cause.to_string());
        below = cause.source();
    }
    words
}

/// Percent-encode one value of a form or query.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => encoded.push(char::from(byte)),
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

/// Names and values as a form or query string.
pub fn encode_form(form: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = form.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    pairs.join("&")
}

/// Whether an address is one of the public internet's.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_public_v4(v4),
            None => is_public_v6(v6),
        },
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !(ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_broadcast()
        || ip.is_documentation()
        || ip.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19)))
}

/// Of IPv6 only global unicast, 2000::/3, and of that nothing that embeds or documents other addresses.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, ..] = ip.segments();
    let special = a == 0x2002 || (a == 0x2001 && (b < 0x200 || b == 0xdb8)) || (a == 0x3fff && b < 0x1000);
    a & 0xe000 == 0x2000 && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outgoing(internal: &[&str]) -> Outgoing {
        Outgoing::new(internal.iter().map(ToString::to_string), None).expect("a client")
    }

    #[test]
    fn addresses_inside_networks_are_told_from_public_ones() {
        for inside in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "198.18.0.1",
            "192.0.0.8",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "2001:db8::1",
            "2001:0:1::",
            "ff02::1",
            "::127.0.0.1",
        ] {
            assert!(!is_public(inside.parse().expect("an address")), "{inside}");
        }
        for public in ["1.1.1.1", "81.2.69.142", "172.32.0.1", "2606:4700::1111", "2a00:1450:4009::200e"] {
            assert!(is_public(public.parse().expect("an address")), "{public}");
        }
    }

    #[test]
    fn only_https_outside_and_only_what_was_named_inside() {
        let nothing = outgoing(&[]);
        for forbidden in [
            "http://idp.example/",
            "https://127.0.0.1/",
            "https://[::1]/keys",
            "https://169.254.169.254/latest/meta-data",
            "https://0x7f000001/",
            "https://2130706433/",
            "https://127.1/",
            "https://[::ffff:10.0.0.1]/",
            "file:///etc/passwd",
            "gopher://idp.example/",
            "https://user:secret@idp.example/",
            "https://",
            "not an address",
            "http://localhost/",
        ] {
            assert!(nothing.check("keys", forbidden).is_err(), "{forbidden}");
        }
        assert!(nothing.check("keys", "https://idp.example/keys").is_ok());
        let named = outgoing(&["localhost", "idp.internal", "10.0.0.7"]);
        assert!(named.check("keys", "http://localhost:9000/keys").is_ok());
        assert!(named.check("keys", "https://10.0.0.7/keys").is_ok());
        assert!(named.check("keys", "http://10.0.0.7/keys").is_err(), "no TLS beyond this machine");
        assert!(named.check("keys", "http://idp.internal/keys").is_err());
        assert!(named.check("keys", "https://10.0.0.8/keys").is_err());
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_not_asked() {
        let refused = outgoing(&[]).get_json("the keys", "https://localhost:9/keys", None).await;
        let words = refused.expect_err("refused").to_string();
        assert!(words.contains("inside a network"), "{words}");
    }
}
