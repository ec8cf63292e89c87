//! A region whose database is reached over a network: encrypted, signed in with a password, and with nobody else's server.

use crate::harness::{Region, Setup, say::Adt, servers::Encrypted};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// An authority's certificate, and one that it signed for `localhost` with its key.
fn certificates() -> (String, String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    (authority, server.pem(), key.serialize_pem())
}

/// A region configured for a server, by this host name.
fn configured(server: &Encrypted, host: &str, password: &str, authority: &str) -> Region {
    let region = Region::prepared(Setup::default());
    std::fs::write(region.folder().join("authority.pem"), authority).unwrap();
    std::fs::write(region.folder().join("password"), format!("{password}\n")).unwrap();
    let text = std::fs::read_to_string(region.config()).unwrap();
    let store = format!(
        "data = \"data\"\nstore = \"postgres://skein@{host}:{}/skein\"\nstore_password_file = \"password\"\n\
         store_authorities = \"authority.pem\"",
        server.port()
    );
    std::fs::write(region.config(), text.replace("data = \"data\"", &store)).unwrap();
    region
}

#[test]
fn a_database_on_the_network_is_spoken_to_encrypted_and_only_if_it_is_the_right_one() {
    let (authority, certificate, key) = certificates();
    let server = Encrypted::start(&certificate, &key);

    // Nothing is said to a server that cannot prove who it is, and the sentence says why.
    let (others, _, _) = certificates();
    for (host, password, authority, why) in [
        ("localhost", "wrong", &authority, "password"),
        ("localhost", Encrypted::PASSWORD, &others, "certificate"),
        ("127.0.0.1", Encrypted::PASSWORD, &authority, "certificate"),
    ] {
        let region = configured(&server, host, password, authority);
        let (made, told, said) = region.skein(&["init"]);
        assert!(!made && said.contains(why), "{host}, {why}: {told}{said}");
        assert!(!said.contains(Encrypted::PASSWORD) && said.trim().lines().count() == 1, "{said}");
        assert_eq!(server.connections(), (0, 0));
    }

    let mut region = configured(&server, "localhost", Encrypted::PASSWORD, &authority);
    let (made, told, said) = region.skein(&["init"]);
    assert!(made && told.contains("the tables are up to date"), "{told}{said}");
    region.serve();
    let admitted = Adt::new("A01", "1001", "20250301120000").traced("9434765919").visit("V1", "OBS1");
    assert_eq!(region.sender("rcb-adt").send(&admitted.bytes()).code(), "AA");
    region.until_caught_up();
    assert!(!region.patient_by_nhs_number("9434765919").is_empty());
    let (all, encrypted) = server.connections();
    assert!(all >= 3 && encrypted == all, "{encrypted} of {all} connections are encrypted");
    assert!(region.stop().success());
    let (same, told, said) = region.skein(&["verify"]);
    assert!(same, "{told}{said}");
}
