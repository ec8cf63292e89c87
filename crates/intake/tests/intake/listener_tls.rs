//! Feeds over TLS.

use crate::support::feed::{Feed, adt, config};
use hl7v2::ack::Code;
use intake::listener::tls::{ClientFiles, Senders, ServerFiles, client, server};
use intake::listener::{Listener, ListenerConfig};
use intake::sender::{SendError, Sender, SenderConfig};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

/// Certificates in files: an authority, a listener and a sender signed by it, and a stranger.
struct Papers {
    folder: TempDir,
}

impl Papers {
    fn new() -> Self {
        let papers = Self { folder: TempDir::new().unwrap() };
        for authority in ["ca", "stranger-ca"] {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(Vec::new()).unwrap();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let certificate = params.self_signed(&key).unwrap();
            papers.write(authority, &certificate.pem(), &key.serialize_pem());
            let issuer = Issuer::new(params, key);
            for (name, purpose) in
                [("server", ExtendedKeyUsagePurpose::ServerAuth), ("client", ExtendedKeyUsagePurpose::ClientAuth)]
            {
                let key = KeyPair::generate().unwrap();
                let names = ["localhost".to_owned(), format!("{name}.{authority}.example")];
                let mut params = CertificateParams::new(names.to_vec()).unwrap();
                params.extended_key_usages = vec![purpose];
                let certificate = params.signed_by(&key, &issuer).unwrap();
                let name = if authority == "ca" { name.to_owned() } else { format!("stranger-{name}") };
                papers.write(&name, &certificate.pem(), &key.serialize_pem());
            }
        }
        papers
    }

    fn write(&self, name: &str, certificate: &str, key: &str) {
        fs::write(self.pem(name), certificate).unwrap();
        fs::write(self.key(name), key).unwrap();
    }

    fn pem(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.pem"))
    }

    fn key(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.key"))
    }

    fn server(&self, client_authorities: Option<&str>, client_optional: bool) -> ServerFiles {
        ServerFiles {
            certificate: self.pem("server"),
            key: self.key("server"),
            client_authorities: client_authorities.map(|name| self.pem(name)),
            client_optional,
            senders: Senders::default(),
        }
    }

    async fn feed(&self, files: ServerFiles) -> Feed {
        Feed::start(ListenerConfig { tls: Some(files), ..config() }).await
    }

    /// Sends one message as this client, trusting this authority.
    async fn ask(&self, feed: &Feed, authority: &str, identity: Option<&str>) -> Result<Code, SendError> {
        let identity = identity.map(|name| (self.pem(name), self.key(name)));
        let sender = Sender::start(SenderConfig {
            tls: Some(ClientFiles { authorities: self.pem(authority), identity }),
            retries: 0,
            answer_time_max: Duration::from_secs(10),
            ..SenderConfig::new(format!("localhost:{}", feed.address.port()))
        })?;
        Ok(sender.send(adt(1).as_bytes()).await?.code.unwrap())
    }
}

#[tokio::test]
async fn a_feed_over_tls_answers_as_a_plain_one() {
    let papers = Papers::new();
    let feed = papers.feed(papers.server(None, false)).await;
    assert_eq!(papers.ask(&feed, "ca", None).await, Ok(Code::AA));
    assert!(matches!(papers.ask(&feed, "stranger-ca", None).await, Err(SendError::Tls(_))), "an unknown listener");
    // Somebody who speaks plainly to it.
    let mut plain = feed.client().await;
    plain.send(adt(2)).await;
    let mut bytes = Vec::new();
    use tokio::io::AsyncReadExt;
    drop(plain.stream.read_to_end(&mut bytes).await);
    assert!(!bytes.contains(&0x0B), "no answer in the clear");
    assert_eq!(feed.until(|c| c.tls_failed == 2).await.messages, 1);
    feed.stopped().await;
}

#[tokio::test]
async fn a_feed_takes_the_senders_it_names_and_no_other_that_the_authority_signed() {
    let papers = Papers::new();
    let der = rustls::pki_types::pem::PemObject::from_pem_file(papers.pem("client")).unwrap();
    let der: rustls::pki_types::CertificateDer<'_> = der;
    let print = sha2::Digest::finalize(sha2::Digest::chain_update(<sha2::Sha256 as sha2::Digest>::new(), &der));
    let print = print.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":");
    for (names, fingerprints, taken) in [
        (vec!["client.ca.example".to_owned()], vec![], true),
        (vec!["client.stranger-ca.example".to_owned()], vec![], false),
        (vec!["another.example".to_owned()], vec![], false),
        (vec![], vec![print.clone()], true),
        (vec!["another.example".to_owned()], vec![print.clone()], true),
        (vec![], vec!["00".repeat(32)], false),
    ] {
        let senders = Senders { names, fingerprints };
        senders.check().unwrap();
        let feed = papers.feed(ServerFiles { senders: senders.clone(), ..papers.server(Some("ca"), false) }).await;
        let answer = papers.ask(&feed, "ca", Some("client")).await;
        assert_eq!(answer.is_ok(), taken, "{senders:?} {answer:?}");
        assert!(papers.ask(&feed, "ca", Some("stranger-client")).await.is_err(), "named or not");
        feed.stopped().await;
    }
    assert!(Senders { names: vec!["not a name".into()], ..Senders::default() }.check().is_err());
    assert!(Senders { fingerprints: vec!["12:34".into()], ..Senders::default() }.check().is_err());
}

#[tokio::test]
async fn a_feed_that_asks_for_a_certificate_takes_nothing_without_one() {
    let papers = Papers::new();
    let feed = papers.feed(papers.server(Some("ca"), false)).await;
    assert_eq!(papers.ask(&feed, "ca", Some("client")).await, Ok(Code::AA));
    for identity in [None, Some("stranger-client")] {
        assert!(papers.ask(&feed, "ca", identity).await.is_err(), "{identity:?}");
    }
    assert_eq!(feed.until(|c| c.tls_failed == 2).await.messages, 1);

    let feed = papers.feed(papers.server(Some("ca"), true)).await;
    assert_eq!(papers.ask(&feed, "ca", None).await, Ok(Code::AA), "optional: none is fine");
    assert!(papers.ask(&feed, "ca", Some("stranger-client")).await.is_err(), "but a wrong one is not");
}

#[tokio::test]
async fn a_handshake_that_never_comes_does_not_keep_others_out() {
    let papers = Papers::new();
    let feed = papers.feed(papers.server(None, false)).await;
    let _silent = feed.client().await;
    assert_eq!(papers.ask(&feed, "ca", None).await, Ok(Code::AA));
}

#[tokio::test]
async fn a_renewed_certificate_is_used_without_a_restart_and_a_bad_one_changes_nothing() {
    let papers = Papers::new();
    let feed = papers.feed(papers.server(None, false)).await;
    let later = || async {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(6)).await;
        tokio::time::resume();
    };
    assert_eq!(papers.ask(&feed, "ca", None).await, Ok(Code::AA));

    fs::write(papers.pem("server"), "half a file").unwrap();
    later().await;
    assert_eq!(papers.ask(&feed, "ca", None).await, Ok(Code::AA), "the former one stays");

    fs::copy(papers.pem("stranger-server"), papers.pem("server")).unwrap();
    fs::copy(papers.key("stranger-server"), papers.key("server")).unwrap();
    later().await;
    assert_eq!(papers.ask(&feed, "stranger-ca", None).await, Ok(Code::AA), "the new one counts");
    assert!(matches!(papers.ask(&feed, "ca", None).await, Err(SendError::Tls(_))), "and the former does not");
}

#[tokio::test]
async fn a_wrong_file_is_named_with_what_is_wrong() {
    let papers = Papers::new();
    let good = papers.server(Some("ca"), false);
    fs::write(papers.pem("empty"), "").unwrap();
    fs::write(papers.pem("damaged"), "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n").unwrap();
    let said = |files: ServerFiles| server(&files).unwrap_err().to_string();
    let cases = [
        (said(ServerFiles { certificate: papers.pem("none"), ..good.clone() }), vec!["cannot read", "none.pem"]),
        (said(ServerFiles { certificate: papers.pem("empty"), ..good.clone() }), vec!["empty.pem", "no certificate"]),
        (said(ServerFiles { certificate: papers.pem("damaged"), ..good.clone() }), vec!["damaged.pem is damaged"]),
        (said(ServerFiles { key: papers.pem("server"), ..good.clone() }), vec!["server.pem", "no private key"]),
        (said(ServerFiles { key: papers.key("client"), ..good.clone() }), vec!["client.key", "does not belong"]),
        (said(ServerFiles { client_authorities: Some(papers.pem("empty")), ..good.clone() }), vec!["empty.pem"]),
    ];
    for (text, parts) in cases {
        for part in parts {
            assert!(text.contains(part), "{text}");
        }
    }
    let files =
        ClientFiles { authorities: papers.pem("ca"), identity: Some((papers.pem("client"), papers.key("server"))) };
    assert!(client(&files).unwrap_err().to_string().contains("does not belong"));
    let broken = ListenerConfig { tls: Some(ServerFiles { key: papers.key("none"), ..good }), ..config() };
    let error = Listener::bind(broken).await.unwrap_err().to_string();
    assert!(error.starts_with("feed pas: cannot read"), "{error}");
}
