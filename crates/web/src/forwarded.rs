//! Whose request it is when proxies stand in front. A header says only what its last writer wants it to say: it is read where
//! the connection comes from a proxy that the configuration trusts, and from its end, for there the nearest proxy wrote.

use crate::{peer::Peer, state::AppState};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, header, request::Parts},
    middleware::Next,
    response::Response,
};
use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};

/// More proxies in a row than this are nobody's.
const HOPS_MAX: usize = 32;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The proxies that are believed: addresses (`192.0.2.1`) and networks (`10.0.0.0/8`, `2001:db8::/32`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct Proxies(Vec<Network>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    /// The bits of an address that must be the same.
    bits: u32,
}

impl Network {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = |what: &str| Err(format!("\"{text}\" {what}"));
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let Ok(address) = address.parse::<IpAddr>() else {
            return wrong("is no address or network, as in \"10.0.0.0/8\"");
        };
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits.map(str::parse::<u32>) {
            None => most,
            Some(Ok(bits)) if bits <= most => bits,
            Some(_) => return wrong(&format!("is no network: behind the / stand 0 to {most} bits")),
        };
        let network = Network { address, bits };
        // Somebody who writes 10.0.0.1/8 means one or the other: better asked than guessed.
        if network.number(address) != bits_of(address) {
            return wrong("has bits set behind its length: write the network's own address, or leave the / out");
        }
        Ok(network)
    }

    /// The part of an address that says which network of this length it is in.
    fn number(&self, address: IpAddr) -> u128 {
        let width = if address.is_ipv4() { 32 } else { 128 };
        let rest = width - self.bits.min(width);
        // Shifting by all 128 bits is no shift.
        bits_of(address).checked_shr(rest).and_then(|kept| kept.checked_shl(rest)).unwrap_or(0)
    }

    fn holds(&self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4() && self.number(address) == bits_of(self.address)
    }
}

fn bits_of(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

impl TryFrom<Vec<String>> for Proxies {
    type Error = String;

    fn try_from(texts: Vec<String>) -> Result<Self, String> {
        texts.iter().map(|text| Network::parse(text)).collect::<Result<_, _>>().map(Proxies)
    }
}

impl Proxies {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.holds(address))
    }

    /// The address of whoever sent a request that came over a connection from `peer`.
    ///
    /// A header that cannot be read, and two headers that say different things, leave it at the connection's own address: a
    /// client whose proxy writes one header might write the other itself.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trust(peer) {
            return peer;
        }
        let said = match (said(headers, &X_FORWARDED_FOR), said(headers, &header::FORWARDED)) {
            (None, None) => return peer,
            (Some(text), None) => self.nearest(plain_hops(&text)),
            (None, Some(text)) => forwarded_hops(&text).and_then(|hops| self.nearest(hops.into_iter())),
            (Some(plain), Some(forwarded)) => {
                let plain = self.nearest(plain_hops(&plain));
                let forwarded = forwarded_hops(&forwarded).and_then(|hops| self.nearest(hops.into_iter()));
                plain.filter(|address| forwarded == Some(*address))
            }
        };
        said.unwrap_or(peer)
    }

    /// The last address that is none of our proxies; the first of all, where every one is. None: one on the way cannot be
    /// read, and whoever is before it is anybody's word.
    fn nearest(&self, hops: impl DoubleEndedIterator<Item = Option<IpAddr>>) -> Option<IpAddr> {
        let mut first = None;
        for (index, hop) in hops.rev().enumerate() {
            let hop = hop.filter(|_| index < HOPS_MAX)?;
            if !self.trust(hop) {
                return Some(hop);
            }
            first = Some(hop);
        }
        first
    }
}

/// All lines of a header as one list, for they are one (RFC 9110 §5.3). None: there is none.
fn said(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let lines: Vec<&str> = headers.get_all(name).iter().map(|line| line.to_str().unwrap_or("\u{fffd}")).collect();
    (!lines.is_empty()).then(|| lines.join(","))
}

/// The addresses of `X-Forwarded-For`, the nearest last.
fn plain_hops(text: &str) -> impl DoubleEndedIterator<Item = Option<IpAddr>> {
    text.split(',').map(str::trim).filter(|hop| !hop.is_empty()).map(address)
}

/// The `for` of each element of `Forwarded` (RFC 7239 §4), the nearest last. None: its quotes do not close.
fn forwarded_hops(text: &str) -> Option<Vec<Option<IpAddr>>> {
    let hop = |element: &str| {
        let pairs = cut(element, b';')?;
        let named = pairs.iter().filter_map(|pair| pair.trim().split_once('='));
        let mut named = named.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
        let (node, again) = (named.next(), named.next());
        let (_, node) = node.filter(|_| again.is_none())?;
        let node = node.trim();
        address(node.strip_prefix('"').and_then(|node| node.strip_suffix('"')).unwrap_or(node))
    };
    let elements = cut(text, b',')?;
    Some(elements.into_iter().filter(|element| !element.trim().is_empty()).map(hop).collect())
}

/// Cut a text at a character, but not inside quotes. None: quotes that do not close, or a quoted backslash, which no address
/// needs.
fn cut(text: &str, at: u8) -> Option<Vec<&str>> {
    let (mut parts, mut start, mut quoted) = (Vec::new(), 0, false);
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'\\' => return None,
            byte if byte == at && !quoted => {
                parts.push(text.get(start..index)?);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(start..)?);
    (!quoted).then_some(parts)
}

/// An address, with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = match bracketed {
        Some(inside) => IpAddr::V6(inside.parse().ok()?),
        None => text.parse::<IpAddr>().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|both| both.ip()))?,
    };
    Some(address.to_canonical())
}

/// The address a request came from, as far as is known: empty where nobody listens, as in tests.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientAddress(pub String);

impl ClientAddress {
    /// Of this request.
    pub(crate) fn of(parts: &Parts) -> Self {
        parts.extensions.get::<ClientAddress>().cloned().unwrap_or_default()
    }
}

/// Find out once for each request whose it is: sign-in, token requests and the audit go by what is found here.
pub(crate) async fn learn(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().map(|peer| peer.address.ip());
    if let Some(peer) = peer {
        let client = state.trusted_proxies.client(peer, request.headers());
        request.extensions_mut().insert(ClientAddress(client.to_string()));
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn proxies(texts: &[&str]) -> Proxies {
        Proxies::try_from(texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()).expect("proxies")
    }

    /// Whose request is it, behind 10.0.0.0/8 and 2001:db8:1::/48?
    fn client(peer: &str, lines: &[(&'static str, &'static str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        proxies(&["10.0.0.0/8", "2001:db8:1::/48"]).client(peer.parse().expect("an address"), &headers).to_string()
    }

    #[test]
    fn a_header_from_whoever_is_no_proxy_of_ours_is_not_read() {
        for header in ["x-forwarded-for", "forwarded"] {
            let forged = if header == "forwarded" { "for=198.51.100.7" } else { "198.51.100.7" };
            assert_eq!(client("203.0.113.9", &[(header, forged)]), "203.0.113.9");
            assert_eq!(client("11.0.0.1", &[(header, forged)]), "11.0.0.1", "just outside the network");
            assert_eq!(client("10.0.0.1", &[(header, forged)]), "198.51.100.7");
        }
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
        let nobody = Proxies::default().client("10.0.0.1".parse().unwrap(), &HeaderMap::new());
        assert_eq!(nobody.to_string(), "10.0.0.1");
    }

    #[test]
    fn of_a_chain_the_last_that_is_no_proxy_counts_and_what_the_client_wrote_before_does_not() {
        let forged = "192.0.2.66, 198.51.100.7, 10.2.0.1,10.3.0.1";
        assert_eq!(client("10.0.0.1", &[("x-forwarded-for", forged)]), "198.51.100.7");
        assert_eq!(client("10.0.0.1", &[("x-forwarded-for", "nonsense, 198.51.100.7")]), "198.51.100.7");
        assert_eq!(client("10.0.0.1", &[("x-forwarded-for", "10.9.9.9, 10.2.0.1")]), "10.9.9.9", "all are ours");
        assert_eq!(
            client(
                "10.0.0.1",
                &[("forwarded", "for=192.0.2.66, for=198.51.100.7;proto=https;by=10.2.0.1, For=10.2.0.1")]
            ),
            "198.51.100.7"
        );
    }

    #[test]
    fn several_lines_are_one_list_and_two_headers_must_agree() {
        let lines = [("x-forwarded-for", "192.0.2.66"), ("x-forwarded-for", "198.51.100.7, 10.2.0.1")];
        assert_eq!(client("10.0.0.1", &lines), "198.51.100.7");
        let agree = [("x-forwarded-for", "198.51.100.7"), ("forwarded", "for=\"198.51.100.7:4711\"")];
        assert_eq!(client("10.0.0.1", &agree), "198.51.100.7");
        let differ = [("x-forwarded-for", "198.51.100.7"), ("forwarded", "for=192.0.2.66")];
        assert_eq!(client("10.0.0.1", &differ), "10.0.0.1");
    }

    #[test]
    fn version_six_is_read_with_brackets_ports_and_mapped_addresses() {
        for (said, means) in [
            ("2001:db8::7", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("[2001:db8::7]:4711", "2001:db8::7"),
            ("2001:db8::7, 2001:db8:1:2::1", "2001:db8::7"),
            ("::ffff:198.51.100.7", "198.51.100.7"),
            ("198.51.100.7:80", "198.51.100.7"),
        ] {
            assert_eq!(client("2001:db8:1::1", &[("x-forwarded-for", said)]), means, "{said}");
        }
        assert_eq!(client("::ffff:10.0.0.1", &[("x-forwarded-for", "198.51.100.7")]), "198.51.100.7");
        assert_eq!(client("::ffff:10.0.0.1", &[]), "10.0.0.1");
        let quoted = [("forwarded", "proto=https;for=\"[2001:db8::7]:4711\"")];
        assert_eq!(client("10.0.0.1", &quoted), "2001:db8::7");
    }

    #[test]
    fn what_cannot_be_read_is_the_connections_own_address() {
        for said in
            ["", "unknown", "198.51.100", "198.51.100.7 10.0.0.2", "[198.51.100.7]", "fe80::1%eth0", "10.0.0.2, x"]
        {
            assert_eq!(client("10.0.0.1", &[("x-forwarded-for", said)]), "10.0.0.1", "{said:?}");
        }
        for said in [
            "198.51.100.7",
            "for=unknown",
            "for=_hidden",
            "for=\"198.51.100.7",
            "for=192.0.2.66;for=198.51.100.7",
            "by=198.51.100.7",
            // A quote that the client opened would swallow what the proxy wrote.
            "for=\", for=198.51.100.7",
            "for=\"\\198.51.100.7\"",
        ] {
            assert_eq!(client("10.0.0.1", &[("forwarded", said)]), "10.0.0.1", "{said:?}");
        }
        let endless: String = "10.0.0.2,".repeat(HOPS_MAX + 5);
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", HeaderValue::from_str(&format!("198.51.100.7,{endless}")).expect("a value"));
        let found = proxies(&["10.0.0.0/8"]).client("10.0.0.1".parse().expect("an address"), &headers);
        assert_eq!(found.to_string(), "10.0.0.1", "too many proxies in a row");
    }

    #[test]
    fn networks_that_are_none_are_named() {
        for (text, says) in [
            ("proxy.example", "no address or network"),
            ("10.0.0.0/33", "0 to 32 bits"),
            ("10.0.0.0/", "0 to 32 bits"),
            ("10.0.0.1/8", "bits set behind its length"),
            ("2001:db8::1/32", "bits set"),
        ] {
            let said = Proxies::try_from(vec![text.to_owned()]).expect_err(text);
            assert!(said.contains(says) && said.contains(text), "{said}");
        }
        let all = proxies(&["0.0.0.0/0", "::/0", "192.0.2.1"]);
        assert!(all.trust("203.0.113.1".parse().expect("one")) && all.trust("2001:db8::1".parse().expect("one")));
    }
}
