//! The signature by which a receiver knows that a notification is ours and new.

use jiff::Timestamp;
use ring::hmac;

/// The header it is sent in.
pub const SIGNATURE: &str = "x-skein-signature";

/// `t=<seconds since 1970>,v1=<HMAC-SHA-256 of "t.body" in hexadecimal>` (RFC 2104). The time is signed too, so that a
/// notification that was overheard cannot be sent again later as if it were new.
pub fn signature(secret: &str, at: Timestamp, body: &[u8]) -> String {
    let at = at.as_second();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let mut signing = hmac::Context::with_key(&key);
    signing.update(format!("{at}.").as_bytes());
    signing.update(body);
    let hex: String = signing.sign().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={at},v1={hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_openssl_makes_of_time_and_body() {
        let at = Timestamp::from_second(1_700_000_000).expect("a time");
        // printf '1700000000.{}' | openssl dgst -sha256 -hmac secret
        let made = signature("secret", at, b"{}");
        let again = signature("secret", at, b"{}");
        assert_eq!(made, again);
        assert!(made.starts_with("t=1700000000,v1=") && made.len() == "t=1700000000,v1=".len() + 64);
        assert_ne!(made, signature("another", at, b"{}"));
        assert_ne!(made, signature("secret", at, b"{ }"));
        assert!(made.ends_with("b8569b78799ff9e3cbff0fc2d63a33a2b57f3282abd07c37ae5e8e7d79a5f163"), "{made}");
    }
}
