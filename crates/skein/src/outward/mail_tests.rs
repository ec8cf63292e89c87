//! Mails, to a small server of the test's own that speaks SMTP (RFC 5321).

use super::*;
use ::notify::{Follower, Notices};
use intake::{Engine, EngineConfig};
use jiff::{SignedDuration, Timestamp};
use rusqlite::params;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// What the server was sent: the envelope and the message as it stood on the wire.
#[derive(Clone, Debug)]
struct Received {
    to: Vec<String>,
    text: String,
}

/// A mail server. `answers`: what it says to RCPT, in turn; 250 when it runs out.
#[derive(Clone, Default)]
struct SmtpServer {
    received: Arc<Mutex<Vec<Received>>>,
    answers: Arc<Mutex<Vec<&'static str>>>,
}

impl SmtpServer {
    fn listen(&self, address: SocketAddr) -> SocketAddr {
        self.listen_with(address, Wire::Plain, None)
    }

    fn listen_with(&self, address: SocketAddr, wire: Wire, tls: Option<Arc<ServerConfig>>) -> SocketAddr {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let server = self.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (server, tls) = (server.clone(), tls.clone());
                std::thread::spawn(move || server.serve(stream, wire, tls));
            }
        });
        address
    }

    fn serve(&self, mut stream: TcpStream, wire: Wire, tls: Option<Arc<ServerConfig>>) -> Option<()> {
        let greeting = b"220 mail.example ESMTP\r\n";
        let under_tls = |stream| Some(StreamOwned::new(ServerConnection::new(tls.clone()?).ok()?, stream));
        if wire == Wire::Tls {
            let mut stream = under_tls(stream)?;
            stream.write_all(greeting).ok()?;
            return self.talk(&mut stream, false).map(drop);
        }
        stream.write_all(greeting).ok()?;
        if self.talk(&mut stream, wire == Wire::StartTls)? {
            self.talk(&mut under_tls(stream)?, false)?;
        }
        Some(())
    }

    /// Gives whether the other side goes on under TLS.
    fn talk(&self, stream: &mut (impl Read + Write), offers: bool) -> Option<bool> {
        let mut mail = Received { to: vec![], text: String::new() };
        loop {
            let line = line(stream)?;
            let word = line.split([' ', ':']).next().unwrap().to_uppercase();
            let answer = match word.as_str() {
                "EHLO" if offers => "250-mail.example\r\n250 STARTTLS",
                "STARTTLS" if offers => {
                    stream.write_all(b"220 go on\r\n").ok()?;
                    return Some(true);
                }
                "RCPT" => {
                    mail.to.push(line.clone());
                    let mut answers = self.answers.lock().unwrap();
                    if answers.is_empty() { "250 ok" } else { answers.remove(0) }
                }
                "DATA" => {
                    stream.write_all(b"354 go on\r\n").ok()?;
                    while let Some(line) = self::line(stream).filter(|line| line != ".") {
                        mail.text.push_str(&line);
                        mail.text.push_str("\r\n");
                    }
                    let done = std::mem::replace(&mut mail, Received { to: vec![], text: String::new() });
                    self.received.lock().unwrap().push(done);
                    "250 taken"
                }
                "QUIT" => "221 bye",
                _ => "250 ok",
            };
            stream.write_all(format!("{answer}\r\n").as_bytes()).ok()?;
        }
    }

    fn mails(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

/// How the server is spoken to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wire {
    Plain,
    StartTls,
    Tls,
}

/// The next line, without its end.
fn line(stream: &mut impl Read) -> Option<String> {
    let mut line = Vec::new();
    let mut byte = [0];
    while !line.ends_with(b"\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        line.push(byte[0]);
    }
    line.truncate(line.len() - 2);
    String::from_utf8(line).ok()
}

/// A region with one team, and what sends its mails.
struct Place {
    home: tempfile::TempDir,
    notices: Notices,
    now: Arc<Mutex<Timestamp>>,
    /// How the configuration says that the server is reached.
    reached: Mutex<String>,
    _engine: Engine,
    _follower: Follower,
}

const NOW: &str = "2026-03-10T09:00:00Z";

impl Place {
    fn new() -> Place {
        let home = tempfile::tempdir().unwrap();
        let now: Timestamp = NOW.parse().unwrap();
        let config = EngineConfig { region: "test".into(), profiles: vec![] };
        let engine = Engine::start(home.path(), &config, now).unwrap();
        let journal = engine.clone();
        let (follower, notices) =
            Follower::open(home.path(), engine.derived().clone(), move || journal.journal_reader()).unwrap();
        let reached = Mutex::new("server = \"127.0.0.1\"\ntls = \"none\"\n".to_owned());
        Place { home, notices, now: Arc::new(Mutex::new(now)), reached, _engine: engine, _follower: follower }
    }

    fn file(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.home.path().join("notify.db")).unwrap()
    }

    fn team(&self, name: &str, mail: &[&str]) {
        let rules = serde_json::json!({"mail": mail}).to_string();
        let sql = "INSERT OR REPLACE INTO team (id, key, organisation, name, rules) VALUES (7, 'team:RXC:north', 'RXC', ?1, ?2)";
        self.file().execute(sql, params![name, rules]).unwrap();
    }

    fn mail(&self, at: &str, why: &str, count: i64) {
        let at: Timestamp = at.parse().unwrap();
        let sql = "INSERT INTO mail (team, at, why, count) VALUES (7, ?1, ?2, ?3)";
        self.file().execute(sql, params![at.as_microsecond(), why, count]).unwrap();
    }

    fn later(&self, seconds: i64) {
        let mut now = self.now.lock().unwrap();
        *now = now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
    }

    fn mails(&self, server: SocketAddr, stop: &CancellationToken) -> Mails {
        let file = self.home.path().join("c.toml");
        let reached = self.reached.lock().unwrap().clone();
        let text = format!(
            "[region]\ncode = \"wessex\"\nname = \"Wessex Care Records\"\ndata = \"d\"\n[http]\npublic_url = \"https://record.example/\"\n\
             [mail]\nport = {}\nfrom = \"Skein <skein@record.example>\"\n{reached}",
            server.port()
        );
        std::fs::write(&file, text).unwrap();
        let config = Config::read(&file).unwrap();
        let now = Arc::clone(&self.now);
        let outbox = Outbox {
            name: QUEUE.into(),
            notices: self.notices.clone(),
            clock: Arc::new(move || *now.lock().unwrap()),
            stop: stop.clone(),
        };
        Mails::new(&config, config.mail.as_ref().unwrap(), outbox).unwrap()
    }

    /// Send until something holds.
    fn until(&self, server: SocketAddr, holds: impl Fn(&Place) -> bool) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let stop = CancellationToken::new();
            let task = tokio::spawn(self.mails(server, &stop).follow());
            let begun = Instant::now();
            while !holds(self) {
                assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", self.notices.queue(QUEUE));
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            stop.cancel();
            task.await.unwrap();
        });
    }
}

fn anywhere() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn header<'a>(mail: &'a Received, name: &str) -> &'a str {
    mail.text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or("")
}

#[test]
fn a_mail_says_that_something_waits_and_where_and_nothing_about_anybody() {
    let place = Place::new();
    place.team("District nurses, north", &["north@trust.example"]);
    place.mail("2026-03-10T08:30:00Z", "passed-on", 3);
    place.mail("2026-03-10T08:40:00Z", "digest", 1);
    let server = SmtpServer::default();
    place.until(server.listen(anywhere()), |place| place.notices.queue(QUEUE).unwrap().sent == 2);
    let mails = server.mails();
    assert_eq!(mails.len(), 2);
    assert_eq!(header(&mails[0], "Subject"), "3 notices wait for District nurses, north");
    assert_eq!(header(&mails[0], "Auto-Submitted"), "auto-generated");
    assert_eq!(mails[0].to, ["RCPT TO:<north@trust.example>"]);
    assert!(mails[0].text.contains("https://record.example/teams/7"), "{}", mails[0].text);
    assert_eq!(header(&mails[1], "Subject"), "1 notice in the last day for District nurses, north");
    assert_ne!(header(&mails[0], "Message-ID"), header(&mails[1], "Message-ID"));
}

#[test]
fn a_teams_name_that_holds_a_number_is_left_out_and_none_breaks_a_header() {
    let place = Place::new();
    place.team("Mrs 999 000-0042", &["north@trust.example"]);
    place.mail("2026-03-10T08:30:00Z", "passed-on", 2);
    let server = SmtpServer::default();
    let address = server.listen(anywhere());
    place.until(address, |place| place.notices.queue(QUEUE).unwrap().sent == 1);
    place.team("North\r\nBcc: everybody@evil.example\r\n\r\nHello\r\n.\r\nMAIL", &["north@trust.example"]);
    place.mail("2026-03-10T08:31:00Z", "passed-on", 2);
    place.until(address, |place| place.notices.queue(QUEUE).unwrap().sent == 2);
    let mails = server.mails();
    assert_eq!(header(&mails[0], "Subject"), "2 notices wait for a team of yours");
    assert!(!mails[0].text.contains("0042"), "{}", mails[0].text);
    let head = mails[1].text.split("\r\n\r\n").next().unwrap();
    assert!(head.lines().all(|line| !line.to_lowercase().starts_with("bcc")), "{head}");
    assert_eq!(mails[1].to, ["RCPT TO:<north@trust.example>"]);
    // An address that is none goes nowhere, and holds up nobody.
    place.team("North", &["a@b.example>\r\nRCPT TO:<c@d.example", "north@trust.example"]);
    place.mail("2026-03-10T08:32:00Z", "passed-on", 2);
    place.until(address, |place| place.notices.queue(QUEUE).unwrap().sent == 3);
    assert_eq!(server.mails()[2].to, ["RCPT TO:<north@trust.example>"]);
    assert_eq!(place.notices.refused_in_queue(QUEUE, 9).unwrap().len(), 1);
}

#[test]
fn while_the_server_is_down_it_waits_and_then_the_mail_arrives_once() {
    let place = Place::new();
    place.team("North", &["one@trust.example", "two@trust.example"]);
    place.mail("2026-03-10T08:30:00Z", "passed-on", 2);
    // An address where nobody listens.
    let address = TcpListener::bind(anywhere()).unwrap().local_addr().unwrap();
    place.until(address, |place| place.notices.queue(QUEUE).unwrap().attempts == 1);
    let queue = place.notices.queue(QUEUE).unwrap();
    assert_eq!((queue.sent, queue.parked), (0, false));
    assert!(queue.error.as_deref().unwrap().contains("no connection"), "{:?}", queue.error);
    // Up again: the first is taken, the second not yet; then both are, each once.
    let server = SmtpServer::default();
    *server.answers.lock().unwrap() = vec!["250 ok", "451 later"];
    server.listen(address);
    place.later(11);
    place.until(address, |place| {
        let queue = place.notices.queue(QUEUE).unwrap();
        if queue.attempts == 2 {
            place.later(30);
        }
        queue.sent == 1
    });
    let to: Vec<String> = server.mails().iter().flat_map(|mail| mail.to.clone()).collect();
    assert_eq!(to, ["RCPT TO:<one@trust.example>", "RCPT TO:<two@trust.example>"]);
    assert_eq!(place.notices.queue(QUEUE).unwrap().error, None);
}

#[test]
fn an_address_the_server_does_not_know_is_put_before_a_person_and_the_next_mail_goes() {
    let place = Place::new();
    place.team("North", &["gone@trust.example"]);
    place.mail("2026-03-10T08:30:00Z", "passed-on", 2);
    place.mail("2026-03-10T08:31:00Z", "passed-on", 3);
    let server = SmtpServer::default();
    *server.answers.lock().unwrap() = vec!["550 5.1.1 <gone@trust.example> unknown"];
    place.until(server.listen(anywhere()), |place| place.notices.queue(QUEUE).unwrap().sent == 2);
    assert_eq!(server.mails().len(), 1);
    let refused = place.notices.refused_in_queue(QUEUE, 9).unwrap();
    assert_eq!((refused.len(), refused[0].number), (1, 1));
    assert_eq!(refused[0].error, "the mail server answered 550");
}

#[test]
fn what_was_due_long_before_the_queue_began_is_not_sent() {
    let place = Place::new();
    place.team("North", &["north@trust.example"]);
    place.mail("2026-03-09T08:00:00Z", "digest", 5);
    place.mail("2026-03-09T10:00:00Z", "passed-on", 2);
    let server = SmtpServer::default();
    place.until(server.listen(anywhere()), |place| place.notices.queue(QUEUE).unwrap().sent == 2);
    assert_eq!(server.mails().len(), 1);
    assert!(header(&server.mails()[0], "Subject").starts_with("2 notices"));
}

#[test]
fn under_tls_the_servers_certificate_must_be_its_own_and_without_starttls_nothing_is_sent() {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let private = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let tls = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .unwrap();
    let tls = Some(Arc::new(tls));
    let place = Place::new();
    std::fs::write(place.home.path().join("ca.pem"), certificate.pem()).unwrap();
    place.team("North", &["north@trust.example"]);
    let reach = |server: &str, tls: &str, more: &str| {
        *place.reached.lock().unwrap() = format!("server = \"{server}\"\ntls = \"{tls}\"\n{more}");
    };
    let ours = "authorities = \"ca.pem\"\n";
    for (index, (wire, named)) in [(Wire::Tls, "required"), (Wire::StartTls, "starttls")].into_iter().enumerate() {
        let server = SmtpServer::default();
        let address = server.listen_with(anywhere(), wire, tls.clone());
        place.mail(&format!("2026-03-10T08:3{index}:00Z"), "passed-on", 2);
        // Nobody that we trust signed it; it is for another name.
        for (name, more) in [("localhost", ""), ("127.0.0.1", ours)] {
            reach(name, named, more);
            place.notices.retry_queue(QUEUE).unwrap();
            place.until(address, |place| place.notices.queue(QUEUE).unwrap().attempts == 1);
            assert!(server.mails().is_empty());
        }
        reach("localhost", named, ours);
        place.notices.retry_queue(QUEUE).unwrap();
        place.until(address, |place| place.notices.queue(QUEUE).unwrap().sent == index as u64 + 1);
        assert_eq!(server.mails().len(), 1);
    }
    // A server that offers no STARTTLS, or somebody between us who took the offer out.
    let server = SmtpServer::default();
    let address = server.listen(anywhere());
    place.mail("2026-03-10T08:40:00Z", "passed-on", 2);
    place.until(address, |place| place.notices.queue(QUEUE).unwrap().attempts == 1);
    assert!(server.mails().is_empty());
}
