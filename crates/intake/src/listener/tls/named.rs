//! Which senders' certificates a feed takes, beyond being signed by the right authority: an authority may sign for many
//! organisations, and each feed belongs to one.

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme,
    client::{danger::HandshakeSignatureValid, verify_server_name},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::{
        ParsedCertificate,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};
use sha2::{Digest, Sha256};
use std::{fmt::Write as _, sync::Arc};

/// The senders a listener takes: a certificate must fit one of these. None of either: any that the authorities signed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Senders {
    /// DNS names in the certificate's subjectAltName (RFC 6125 §6.4).
    pub names: Vec<String>,
    /// SHA-256 of the certificate (DER), hexadecimal, as `openssl x509 -fingerprint -sha256` prints it; colons are left out.
    pub fingerprints: Vec<String>,
}

impl Senders {
    /// Whether any will do.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.fingerprints.is_empty()
    }

    /// What is wrong with them, in a sentence.
    ///
    /// # Errors
    /// The sentence.
    pub fn check(&self) -> Result<(), String> {
        for name in &self.names {
            if ServerName::try_from(name.as_str()).is_err() {
                return Err(format!("client_names: \"{name}\" is no DNS name"));
            }
        }
        for text in &self.fingerprints {
            let hex = plain(text);
            if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(format!(
                    "client_fingerprints: \"{text}\" is no SHA-256 fingerprint; openssl x509 -fingerprint -sha256 prints it"
                ));
            }
        }
        Ok(())
    }

    /// Whether a certificate (DER, the leaf) is one of theirs. Who signed it is not looked at: that is the handshake's.
    pub fn fit(&self, certificate: &[u8]) -> bool {
        let certificate = &CertificateDer::from(certificate);
        let digest = Sha256::digest(certificate.as_ref());
        let mut hex = String::with_capacity(64);
        for byte in digest {
            let _ = write!(hex, "{byte:02x}");
        }
        if self.fingerprints.iter().any(|known| plain(known) == hex) {
            return true;
        }
        let Ok(parsed) = ParsedCertificate::try_from(certificate) else { return false };
        let named = |name: &String| {
            ServerName::try_from(name.as_str()).is_ok_and(|name| verify_server_name(&parsed, &name).is_ok())
        };
        self.names.iter().any(named)
    }
}

fn plain(fingerprint: &str) -> String {
    fingerprint.chars().filter(|c| *c != ':').collect::<String>().to_ascii_lowercase()
}

/// Asks the authorities first, then whether it is one of the senders.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) inner: Arc<dyn ClientCertVerifier>,
    pub(super) senders: Senders,
}

impl ClientCertVerifier for Named {
    fn offer_client_auth(&self) -> bool {
        self.inner.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.inner.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.inner.verify_client_cert(end_entity, intermediates, now)?;
        if self.senders.fit(end_entity) {
            Ok(verified)
        } else {
            Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
