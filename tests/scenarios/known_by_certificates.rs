//! Sources and systems that are known by the client certificate of their connection to the HTTPS listener; and what a start
//! says of listeners that ask for nothing.

use crate::harness::{
    Region, Setup,
    http::{Response, exchange},
    region::{GP_TOKEN, READER_TOKEN},
};
use intake::listener::tls::{ClientFiles, client};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::{ClientConnection, StreamOwned, pki_types::ServerName};
use std::{net::TcpStream, path::Path, time::Duration};

/// Certificates in the region's folder: an authority, the listener, two clients signed by it, and a client of another's.
fn write_certificates(folder: &Path) {
    for authority in ["ca", "other-ca"] {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        std::fs::write(folder.join(format!("{authority}.pem")), certificate.pem()).unwrap();
        let issuer = Issuer::new(params, key);
        let signed: &[(&str, &str, ExtendedKeyUsagePurpose)] = match authority {
            "ca" => &[
                ("server", "localhost", ExtendedKeyUsagePurpose::ServerAuth),
                ("gp", "gp.example", ExtendedKeyUsagePurpose::ClientAuth),
                ("pharmacy", "pharmacy.example", ExtendedKeyUsagePurpose::ClientAuth),
            ],
            _ => &[("forged", "gp.example", ExtendedKeyUsagePurpose::ClientAuth)],
        };
        for (file, name, purpose) in signed {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(vec![(*name).to_owned()]).unwrap();
            params.extended_key_usages = vec![purpose.clone()];
            let certificate = params.signed_by(&key, &issuer).unwrap();
            std::fs::write(folder.join(format!("{file}.pem")), certificate.pem()).unwrap();
            std::fs::write(folder.join(format!("{file}.key")), key.serialize_pem()).unwrap();
        }
    }
}

/// A request over HTTPS, with a client certificate or without.
fn ask(
    region: &Region,
    shown: Option<&str>,
    token: Option<&str>,
    method: &str,
    path: &str,
    body: &str,
) -> std::io::Result<Response> {
    let file = |name: String| region.folder().join(name);
    let identity = shown.map(|shown| (file(format!("{shown}.pem")), file(format!("{shown}.key"))));
    let config = client(&ClientFiles { authorities: file("ca.pem".into()), identity }).unwrap();
    let tls = ClientConnection::new(config, ServerName::try_from("localhost").unwrap()).unwrap();
    let tcp = TcpStream::connect(region.http()).unwrap();
    tcp.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let bearer = token.map(|token| format!("Bearer {token}"));
    let mut headers = vec![("Accept", "application/fhir+json"), ("Content-Type", "application/fhir+json")];
    headers.extend(bearer.as_deref().map(|bearer| ("Authorization", bearer)));
    exchange(StreamOwned::new(tls, tcp), "localhost", method, path, &headers, body.as_bytes())
}

fn configured(more: &str) -> Region {
    let region = Region::prepared(Setup::default());
    write_certificates(region.folder());
    let text = std::fs::read_to_string(region.config()).unwrap();
    std::fs::write(region.config(), format!("{text}\n{more}")).unwrap();
    region
}

const TLS: &str = "[http.tls]\ncertificate = \"server.pem\"\nkey = \"server.key\"\nclient_authorities = \"ca.pem\"\n";

/// The listener asks for a certificate and takes connections without one; feeds and systems that are bound to theirs do not.
#[test]
fn https_asks_for_a_certificate_and_feeds_and_clients_that_name_one_need_it() {
    let mut region = configured(TLS);
    let text = std::fs::read_to_string(region.config()).unwrap();
    let bound = text
        .replace("source = \"gp\"\ntoken_hash", "source = \"gp\"\nclient_names = [\"gp.example\"]\ntoken_hash")
        .replace("reach = \"region\"", "reach = \"region\"\nclient_names = [\"pharmacy.example\"]");
    std::fs::write(region.config(), bound).unwrap();
    region.serve();
    let patient = r#"{"resourceType": "Patient", "id": "p", "name": [{"family": "Hale"}]}"#;
    let write = |shown| ask(&region, shown, Some(GP_TOKEN), "PUT", "/fhir/Patient/p", patient).unwrap();
    let none = write(None).expect(401);
    assert!(none.json()["issue"][0]["diagnostics"].as_str().unwrap().contains("shows none"), "{}", none.text());
    write(Some("pharmacy")).expect(403);
    write(Some("gp")).expect(201);
    // Whoever's certificate another authority signed does not even get through the handshake.
    assert!(ask(&region, Some("forged"), Some(GP_TOKEN), "PUT", "/fhir/Patient/p", patient).is_err());
    let read = |shown| {
        let path = "/fhir/Patient?family=Hale&birthdate=1950-02-03";
        ask(&region, shown, Some(READER_TOKEN), "GET", path, "").unwrap().status
    };
    assert_eq!((read(None), read(Some("gp")), read(Some("pharmacy"))), (401, 403, 200));
    // A browser has no certificate, and needs none.
    ask(&region, None, None, "GET", "/sign-in", "").unwrap().expect(200);
    let (_, trail, _) = region.skein(&["audit", "list", "--json"]);
    assert!(
        trail.lines().any(|line| line.contains("find-people") && line.contains("\"address\":\"127.0.0.1\"")),
        "{trail}"
    );
}

/// What is left open to the network is said once at the start, a line for each listener.
#[test]
fn a_start_with_plain_listeners_on_the_network_says_what_is_open() {
    let feed = "[[feed]]\nname = \"open\"\nsource = \"rcb\"\nmllp = \"0.0.0.0:0\"\n[feed.queries]\nid = \"q\"\nname = \"Q\"\n\
        organisation_code = \"RCB\"\norganisation_name = \"Riverside\"\n";
    let region = Region::start_with(Setup { more: feed.into(), ..Setup::default() });
    let log = region.log();
    let warned: Vec<&str> = log.lines().filter(|line| line.contains("WARN") && line.contains("without TLS")).collect();
    assert_eq!(warned.len(), 2, "{log}");
    assert!(warned[0].contains("feed \"open\" listens on 0.0.0.0:0") && warned[0].contains("Set [feed.tls]"), "{log}");
    assert!(warned[1].contains("answers queries") && warned[1].contains("[feed.queries]"), "{log}");
}
