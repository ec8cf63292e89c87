//! What a configuration leaves open to whoever is on the network. Nothing here is refused: a region may have a tunnel or a
//! proxy that we know nothing of. But nobody should find out from somebody else.

use crate::config::Config;

/// A sentence for each listener, and each receiver, that others can listen in on: what is open, and what to set.
pub fn warnings(config: &Config) -> Vec<String> {
    let mut open = Vec::new();
    for feed in &config.feeds {
        let Some(address) = feed.mllp.filter(|address| feed.tls.is_none() && !address.ip().is_loopback()) else {
            continue;
        };
        open.push(format!(
            "feed \"{}\" listens on {address} without TLS: whoever reaches the port can send as source \"{}\", and whoever is \
             on the way can read its messages. Set [feed.tls] with client_authorities, or listen on a loopback address",
            feed.name, feed.source
        ));
        if feed.queries.is_some() {
            open.push(format!(
                "feed \"{}\" answers queries on {address} without TLS: whoever reaches the port is told by which identifiers \
                 people are known. Take [feed.queries] out, or set [feed.tls] with client_authorities and client_names",
                feed.name
            ));
        }
    }
    let http = &config.http;
    if http.tls.is_none() && !http.behind_tls_proxy && !http.address.ip().is_loopback() {
        open.push(format!(
            "pages and FHIR API are served on {} without TLS: whoever is on the way can read records, passwords, session \
             cookies and access tokens. Set [http.tls]; or put a proxy in front that ends TLS, set behind_tls_proxy = true and \
             let nobody else reach the port",
            http.address
        ));
    }
    for receiver in &config.pix_updates {
        if receiver.authorities.is_none() && !is_here(&receiver.to) {
            open.push(format!(
                "pix_update \"{}\" sends identifiers of people to {} without TLS: whoever is on the way can read them. Set \
                 authorities",
                receiver.name, receiver.to
            ));
        }
    }
    for receiver in &config.adt_out {
        if receiver.authorities.is_none() && !is_here(&receiver.to) {
            open.push(format!(
                "adt_out \"{}\" sends names and whereabouts of people to {} without TLS: whoever is on the way can read them. \
                 Set authorities",
                receiver.name, receiver.to
            ));
        }
    }
    open
}

/// Whether `host:port` is on this machine.
pub fn is_here(to: &str) -> bool {
    let host = to.rsplit_once(':').map_or(to, |(host, _)| host).trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rest: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.toml");
        let region = "[region]\ncode = \"r\"\nname = \"R\"\ndata = \"d\"\n[[source]]\nsource = \"a\"\n";
        std::fs::write(&file, format!("{region}{rest}")).unwrap();
        warnings(&Config::read(&file).unwrap())
    }

    fn feed(address: &str, more: &str) -> String {
        format!("[[feed]]\nname = \"f\"\nsource = \"a\"\nmllp = \"{address}\"\n{more}")
    }

    const TLS: &str = "[feed.tls]\ncertificate = \"c\"\nkey = \"k\"\n";
    const QUERIES: &str =
        "[feed.queries]\nid = \"q\"\nname = \"Q\"\norganisation_code = \"O\"\norganisation_name = \"O\"\n";

    #[test]
    fn each_plain_listener_others_can_reach_is_named_with_what_to_set() {
        for (rest, says) in [
            (feed("0.0.0.0:2575", ""), vec!["feed \"f\" listens on 0.0.0.0:2575 without TLS"]),
            (feed("[::]:2575", ""), vec!["feed \"f\" listens on [::]:2575 without TLS"]),
            (feed("10.0.0.5:2575", QUERIES), vec!["can send as source \"a\"", "answers queries on 10.0.0.5:2575"]),
            (feed("127.0.0.1:2575", QUERIES), vec![]),
            (feed("[::1]:2575", ""), vec![]),
            (feed("0.0.0.0:2575", TLS), vec![]),
            (feed("0.0.0.0:2575", &format!("{QUERIES}{TLS}")), vec![]),
            ("[http]\naddress = \"0.0.0.0:80\"".into(), vec!["served on 0.0.0.0:80 without TLS"]),
            ("[http]\naddress = \"127.0.0.1:80\"".into(), vec![]),
            ("[http]\naddress = \"0.0.0.0:80\"\nbehind_tls_proxy = true".into(), vec![]),
            ("[http]\naddress = \"0.0.0.0:80\"\n[http.tls]\ncertificate = \"c\"\nkey = \"k\"".into(), vec![]),
        ] {
            let said = of(&rest);
            assert_eq!(said.len(), says.len(), "{rest}: {said:?}");
            for (said, says) in said.iter().zip(says) {
                assert!(said.contains(says) && said.contains("et [") && !said.contains('\n'), "{said}");
            }
        }
    }

    #[test]
    fn a_receiver_of_identifiers_without_tls_is_named() {
        let to = |to: &str, more: &str| {
            format!(
                "[[pix_update]]\nname = \"p\"\nto = \"{to}\"\norganisation_code = \"O\"\norganisation_name = \"O\"\n{more}"
            )
        };
        assert!(of(&to("portal.example:2580", "")).concat().contains("to portal.example:2580 without TLS"));
        for safe in [to("127.0.0.1:2580", ""), to("[::1]:2580", ""), to("portal.example:2580", "authorities = \"ca\"")]
        {
            assert_eq!(of(&safe), Vec::<String>::new());
        }
        let adt = to("cases.example:2580", "id = \"i\"\n").replace("pix_update", "adt_out");
        assert!(of(&adt).concat().contains("names and whereabouts of people to cases.example:2580 without TLS"));
        assert_eq!(of(&format!("{adt}authorities = \"ca\"\n")), Vec::<String>::new());
    }
}
