//! Word of stays to systems that speak HL7 v2 alone, and the desk that shows how that goes.

use crate::harness::{
    Region, Setup, http,
    region::GP_TOKEN,
    say::{Adt, ago},
};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant},
};

const NHS: &str = "9000000009";
const OTHER_NHS: &str = "9000000017";
const PASSWORD: &str = "a long enough password";

/// A system that listens. `answers`: what it says, in turn; `AA` when they run out, nothing at all for an empty one.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    pub(crate) heard: mpsc::Receiver<String>,
    answers: Arc<Mutex<Vec<&'static str>>>,
}

impl Receiver {
    pub(crate) fn answering(answers: &[&'static str]) -> Receiver {
        Receiver::at(SocketAddr::from(([127, 0, 0, 1], 0)), answers)
    }

    fn at(address: SocketAddr, answers: &[&'static str]) -> Receiver {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let (say, heard) = mpsc::channel();
        let answers = Arc::new(Mutex::new(answers.to_vec()));
        let script = Arc::clone(&answers);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (say, script) = (say.clone(), Arc::clone(&script));
                std::thread::spawn(move || serve(stream, &script, &say));
            }
        });
        Receiver { address, heard, answers }
    }

    fn next(&self) -> Message {
        Message(self.heard.recv_timeout(Duration::from_secs(30)).expect("a message"))
    }

    fn nothing_more(&self) {
        if let Ok(more) = self.heard.recv_timeout(Duration::from_millis(1500)) {
            panic!("nothing more was to come: {more}");
        }
    }
}

fn serve(mut stream: TcpStream, script: &Mutex<Vec<&'static str>>, say: &mpsc::Sender<String>) {
    let mut pending = Vec::new();
    let mut chunk = [0u8; 4096];
    while let Ok(n @ 1..) = stream.read(&mut chunk) {
        pending.extend_from_slice(&chunk[..n]);
        while let Some(end) = pending.windows(2).position(|pair| pair == [0x1c, 0x0d]) {
            let frame: Vec<u8> = pending.drain(..end + 2).collect();
            let text = String::from_utf8(frame[1..end].to_vec()).unwrap();
            let id = text.split('|').nth(9).unwrap().to_owned();
            if say.send(text).is_err() {
                return;
            }
            let code = {
                let mut script = script.lock().unwrap();
                if script.is_empty() { "AA" } else { script.remove(0) }
            };
            if !code.is_empty() {
                let answer = format!("\x0bMSH|^~\\&|P|P|S|S|2025||ACK^A01^ACK|{id}|P|2.5\rMSA|{code}|{id}\r\x1c\r");
                stream.write_all(answer.as_bytes()).unwrap();
            }
        }
    }
}

struct Message(String);

impl Message {
    fn field(&self, segment: &str, number: usize) -> &str {
        let line = self.0.split('\r').find(|line| line.starts_with(segment)).unwrap_or_default();
        line.split('|').nth(if segment == "MSH" { number - 1 } else { number }).unwrap_or_default()
    }

    fn trigger(&self) -> &str {
        self.field("MSH", 9).split('^').nth(1).unwrap_or_default()
    }

    fn id(&self) -> String {
        self.field("MSH", 10).to_owned()
    }
}

fn with_receiver(to: SocketAddr, more: &str) -> Region {
    let hash = access::hash_password(PASSWORD).unwrap();
    Region::start_with(Setup {
        more: format!(
            "[[adt_out]]\nname = \"council\"\nto = \"{to}\"\nid = \"council-cases\"\norganisation_code = \"719\"\n\
             organisation_name = \"Borough Council\"\nreach = \"region\"\nreceiving_application = \"CASES\"\n\
             receiving_facility = \"719\"\n{more}\n\
             [[user]]\nid = \"engineer\"\nname = \"Ed Marsh\"\nrole_code = \"R8015\"\nrole_name = \"Systems support\"\n\
             organisation_code = \"RCB\"\norganisation_name = \"Riverside Hospital\"\npassword_hash = \"{hash}\"\n\
             [[user]]\nid = \"officer\"\nname = \"Olga Reed\"\nrole_code = \"R0001\"\nrole_name = \"Privacy officer\"\n\
             organisation_code = \"X26\"\norganisation_name = \"The programme\"\npassword_hash = \"{hash}\"\n"
        ),
        ..Setup::default()
    })
}

fn stay(event: &'static str, minutes: i64, ward: &'static str) -> Adt {
    Adt::new(event, "1001", ago(minutes)).traced(NHS).visit("V1", ward)
}

#[test]
fn a_stay_is_told_step_by_step_and_taken_back() {
    let receiver = Receiver::answering(&[]);
    let region = with_receiver(receiver.address, "");
    let mut pas = region.sender("rcb-adt");
    pas.send(&stay("A01", 50, "W12").bytes());
    let admitted = receiver.next();
    assert_eq!((admitted.trigger(), admitted.field("MSH", 5), admitted.field("MSH", 6)), ("A01", "CASES", "719"));
    assert!(admitted.field("PID", 3).starts_with(&format!("{NHS}^^^NHS^NH")), "{}", admitted.0);
    assert_eq!(
        (admitted.field("PID", 5), admitted.field("PID", 7), admitted.field("PID", 8)),
        ("BAXTER^JOAN^^^MRS", "19520314", "F")
    );
    assert!(admitted.field("PV1", 3).starts_with("W12^^BED1^RCB"), "{}", admitted.0);
    assert!(!admitted.0.contains("West Avenue"), "no address is told: {}", admitted.0);
    // The same news again is no event.
    pas.send(&stay("A08", 45, "W12").bytes());
    pas.send(&stay("A02", 40, "W7").bytes());
    let moved = receiver.next();
    assert_eq!((moved.trigger(), moved.field("PV1", 3).split('^').next()), ("A02", Some("W7")));
    assert!(moved.field("PV1", 6).starts_with("W12"), "{}", moved.0);
    pas.send(&stay("A03", 30, "W7").bytes());
    assert_eq!(receiver.next().trigger(), "A03");
    pas.send(&stay("A13", 20, "W7").bytes());
    assert_eq!(receiver.next().trigger(), "A13");
    pas.send(&stay("A11", 10, "W7").bytes());
    let back = receiver.next();
    let visit = |message: &Message| message.field("PV1", 19).to_owned();
    assert_eq!(back.trigger(), "A11");
    assert_eq!(visit(&back), visit(&admitted), "one stay has one number");
    receiver.nothing_more();
    let log = region.log();
    assert!(!log.contains("BAXTER") && !log.contains(NHS), "nobody is in the log");
}

#[test]
fn the_day_somebody_is_expected_to_leave_is_told_changed_and_taken_away() {
    let receiver = Receiver::answering(&[]);
    let region = with_receiver(receiver.address, "topics = [\"expected-discharge\"]");
    let mut pas = region.sender("rcb-adt");
    pas.send(&stay("A01", 50, "W12").bytes());
    for (minutes, day, told) in [(40, "20991231", "20991231"), (30, "21000101", "21000101"), (20, "\"\"", "\"\"")] {
        pas.send(&stay("A08", minutes, "W12").and(&format!("PV2|||||||||{day}")).bytes());
        let message = receiver.next();
        assert_eq!((message.trigger(), message.field("PV2", 9)), ("A08", told), "{}", message.0);
    }
    receiver.nothing_more();
}

#[test]
fn what_is_faulty_waits_for_a_person_and_the_queue_goes_on() {
    let receiver = Receiver::answering(&["AE"]);
    let region = with_receiver(receiver.address, "");
    let mut pas = region.sender("rcb-adt");
    pas.send(&stay("A01", 50, "W12").bytes());
    let faulty = receiver.next();
    pas.send(&Adt::new("A01", "1002", ago(40)).traced(OTHER_NHS).named("HALL^ANN").visit("V2", "W7").bytes());
    assert_eq!(receiver.next().field("PID", 5), "HALL^ANN");
    // The desk shows it, and nobody's name.
    let session = sign_in(&region);
    let desk = until(|| {
        let page = get(&region, &session, "/deliveries");
        page.contains("the receiver answered AE").then_some(page)
    });
    for nobody in ["BAXTER", "HALL", NHS, OTHER_NHS] {
        assert!(!desk.contains(nobody));
    }
    assert!(desk.contains("Stays by HL7 v2 to council") && desk.contains("No mail server is configured"));
    let number = desk.split("Number ").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let again = act(&region, &session, &desk, &format!("queue=adt%3Acouncil&do=resend&number={number}"));
    assert_eq!(again.status, 303);
    let repeated = receiver.next();
    assert_eq!((repeated.id(), repeated.trigger()), (faulty.id(), "A01"), "it is the same message");
    until(|| (!get(&region, &session, "/deliveries").contains("Not taken by the receiver")).then_some(()));
    // What is left out needs a reason.
    let bare = act(&region, &session, &desk, &format!("queue=adt%3Acouncil&do=settle&number={number}"));
    assert_eq!(bare.status, 400);
}

#[test]
fn one_that_rejects_is_tried_again_and_a_person_may_skip_what_is_in_the_way() {
    let receiver = Receiver::answering(&["AR", "AR"]);
    let region = with_receiver(receiver.address, "");
    let mut pas = region.sender("rcb-adt");
    pas.send(&stay("A01", 50, "W12").bytes());
    let rejected = receiver.next();
    let session = sign_in(&region);
    let failing = |page: String| page.contains("Failing; tried again").then_some(page);
    let desk = until(|| failing(get(&region, &session, "/deliveries")));
    assert!(desk.contains("Last error: the receiver answered AR."));
    assert_eq!(act(&region, &session, &desk, "queue=adt%3Acouncil&do=retry").status, 303);
    assert_eq!(receiver.next().id(), rejected.id(), "tried again, the same");
    pas.send(&stay("A02", 40, "W7").bytes());
    let desk = until(|| failing(get(&region, &session, "/deliveries")));
    let number = desk.split("name=\"number\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let skip = format!("queue=adt%3Acouncil&do=skip&number={number}&why=");
    assert_eq!(act(&region, &session, &desk, &skip).status, 400, "a reason is needed");
    assert_eq!(act(&region, &session, &desk, &format!("{skip}told+by+telephone")).status, 303);
    assert_eq!(receiver.next().trigger(), "A02", "what stood behind it goes");
    // Somebody without the desk does not get there.
    assert_eq!(http::request(region.http(), "GET", "/deliveries", &[], b"").status, 303);
}

#[test]
fn a_message_whose_answer_was_lost_comes_again_with_the_same_number() {
    let receiver = Receiver::answering(&[""]);
    let mut region = with_receiver(receiver.address, "");
    region.sender("rcb-adt").send(&stay("A01", 50, "W12").bytes());
    let first = receiver.next();
    region.kill();
    region.serve();
    let second = receiver.next();
    assert_eq!((second.id(), second.trigger()), (first.id(), "A01"));
    receiver.nothing_more();
    // And once it is taken, no more, also after another end.
    region.kill();
    region.serve();
    receiver.nothing_more();
    assert!(receiver.answers.lock().unwrap().is_empty());
}

#[test]
fn of_a_restricted_person_no_place_is_told_and_of_an_objector_nothing() {
    let receiver = Receiver::answering(&[]);
    let region = with_receiver(receiver.address, "");
    let restricted = serde_json::json!({"resourceType": "Patient", "id": "p1",
        "meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]},
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": NHS, "extension": [{
            "url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus",
            "valueCodeableConcept": {"coding": [{"code": "01"}]}}]}],
        "name": [{"family": "Baxter", "given": ["Joan"]}], "birthDate": "1952-03-14", "gender": "female"});
    region.fhir(GP_TOKEN, "PUT", "/Patient/p1", restricted.to_string().as_bytes()).expect(201);
    region.until_caught_up();
    region.sender("rcb-adt").send(&stay("A01", 50, "W12").bytes());
    let admitted = receiver.next();
    assert_eq!(admitted.trigger(), "A01");
    assert!(
        !admitted.0.contains("W12") && !admitted.0.contains("RCB") && !admitted.0.contains("BED1"),
        "{}",
        admitted.0
    );
    assert_eq!(admitted.field("PV1", 3), "");
    // Who objects to sharing is not told of at all from then on.
    let officer = sign_in_as(&region, "officer");
    let found = post(&region, &officer, "/find", "/find", &format!("words={NHS}")).expect(303);
    let person = found.header("location").unwrap().to_owned();
    assert!(person.starts_with("/privacy/person/"), "{person}");
    post(&region, &officer, &person, &format!("{person}/objection"), "words=Told+by+letter").expect(303);
    region.until_caught_up();
    let mut pas = region.sender("rcb-adt");
    pas.send(&stay("A02", 40, "W7").bytes());
    pas.send(&stay("A03", 30, "W7").bytes());
    receiver.nothing_more();
}

#[test]
fn the_gate_decides_whom_a_receiver_hears_of_and_its_filter_narrows_that() {
    let receiver = Receiver::answering(&[]);
    // The practice's system hears of its own patients alone, and of discharges alone.
    let region = {
        let more = "[[adt_out]]\nname = \"gp\"\nto = \"{to}\"\nid = \"gp-system\"\norganisation_code = \"Y06601\"\n\
                    organisation_name = \"Kingsway Practice\"\ntopics = [\"discharged\"]\n";
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        with_receiver(nobody, &more.replace("{to}", &receiver.address.to_string()))
    };
    let patient = serde_json::json!({"resourceType": "Patient", "id": "p1", "active": true,
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": NHS, "extension": [{
            "url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus",
            "valueCodeableConcept": {"coding": [{"code": "01"}]}}]}],
        "generalPractitioner": [{"type": "Organization", "identifier":
            {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "Y06601"}}],
        "name": [{"family": "Baxter", "given": ["Joan"], "prefix": ["Mrs"]}], "birthDate": "1952-03-14", "gender": "female"});
    region.fhir(GP_TOKEN, "PUT", "/Patient/p1", patient.to_string().as_bytes()).expect(201);
    let mut pas = region.sender("rcb-adt");
    for (local, nhs, name, visit) in [("1002", OTHER_NHS, "HALL^ANN", "V2"), ("1001", NHS, "BAXTER^JOAN^^^MRS", "V1")] {
        let of = |event, minutes| Adt::new(event, local, ago(minutes)).traced(nhs).named(name).visit(visit, "W12");
        pas.send(&of("A01", 50).bytes());
        pas.send(&of("A03", 40).bytes());
    }
    let told = receiver.next();
    assert_eq!(told.trigger(), "A03");
    assert!(told.field("PID", 3).starts_with(NHS), "not the stranger's: {}", told.0);
    receiver.nothing_more();
}

#[test]
fn a_team_that_wants_mails_reads_that_no_mail_server_is_configured() {
    let hash = access::hash_password(PASSWORD).unwrap();
    let region = Region::start_with(Setup {
        more: format!(
            "[[user]]\nid = \"engineer\"\nname = \"Dr Patel\"\nrole_code = \"R8000\"\nrole_name = \"Clinical practitioner\"\n\
             organisation_code = \"Y06601\"\norganisation_name = \"Kingsway Practice\"\npassword_hash = \"{hash}\"\n"
        ),
        ..Setup::default()
    });
    let patient = serde_json::json!({"resourceType": "Patient", "id": "p1", "active": true, "name": [{"family": "Baxter"}],
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": NHS}],
        "generalPractitioner": [{"type": "Organization", "identifier":
            {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "Y06601"}}]});
    region.fhir(GP_TOKEN, "PUT", "/Patient/p1", patient.to_string().as_bytes()).expect(201);
    let session = sign_in(&region);
    let rules = until(|| {
        let page = get(&region, &session, "/teams");
        let team = page.split("href=\"/teams/").nth(1)?.split('"').next()?.to_owned();
        Some(format!("/teams/{team}/rules"))
    });
    let page = get(&region, &session, &rules);
    assert!(!page.contains("No mail server is configured"), "whoever wants none need not know");
    let body = format!("form_token={}&name=Kingsway&hours=4&mail=kingsway%40nhs.example", token_of(&page));
    let headers = [("Cookie", session.0.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
    http::request(region.http(), "POST", &rules, &headers, body.as_bytes()).expect(303);
    assert!(get(&region, &session, &rules).contains("No mail server is configured here"));
    // What goes out is none of a doctor's business.
    http::request(region.http(), "GET", "/deliveries", &[("Cookie", session.0.as_str())], b"").expect(403);
}

#[test]
fn a_queue_tried_in_vain_for_seven_days_is_parked_and_the_monitor_and_the_desk_say_so() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut region = with_receiver(nobody, "");
    region.sender("rcb-adt").send(&stay("A01", 50, "W12").bytes());
    let notify = region.folder().join("data/notify.db");
    let queue = |sql: &str| {
        let file = rusqlite::Connection::open(&notify).unwrap();
        file.busy_timeout(Duration::from_secs(5)).unwrap();
        file.execute(sql, []).unwrap()
    };
    let health = |region: &Region| http::request(region.http(), "GET", "/health", &[], b"").expect(200).json();
    // It began to fail a week and an hour ago; the next try is the last.
    until(|| (queue("UPDATE queue SET since = since - 608400000000 WHERE attempts > 0") > 0).then_some(()));
    assert!(health(&region)["deliveries_parked"].is_null());
    queue("UPDATE queue SET next = NULL");
    until(|| (health(&region)["deliveries_parked"][0] == "adt:council").then_some(()));
    // Nobody tries any more, though the receiver is there and skein starts again.
    region.stop();
    let receiver = Receiver::at(nobody, &[]);
    region.serve();
    receiver.nothing_more();
    let session = sign_in(&region);
    let desk = get(&region, &session, "/deliveries");
    assert!(desk.contains("Parked: nothing is tried until you say so"), "{desk}");
    act(&region, &session, &desk, "queue=adt%3Acouncil&do=retry").expect(303);
    assert_eq!(receiver.next().trigger(), "A01");
    until(|| health(&region)["deliveries_parked"].is_null().then_some(()));
}

#[test]
fn a_mail_leaves_the_running_region_and_names_nobody() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (say, heard) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let _ = take_mail(stream, &say);
        }
    });
    let mut region = Region::prepared(Setup {
        more: format!(
            "[mail]\nserver = \"127.0.0.1\"\nport = {port}\nfrom = \"Skein <skein@record.example>\"\ntls = \"none\"\n"
        ),
        ..Setup::default()
    });
    let text = std::fs::read_to_string(region.config()).unwrap();
    let with = "address = \"127.0.0.1:0\"\npublic_url = \"https://record.example\"\n";
    std::fs::write(region.config(), text.replacen("address = \"127.0.0.1:0\"\n", with, 1)).unwrap();
    region.serve();
    region.until_caught_up();
    // As the team's rules and the passing of four hours leave it.
    let file = rusqlite::Connection::open(region.folder().join("data/notify.db")).unwrap();
    file.busy_timeout(Duration::from_secs(5)).unwrap();
    let rules = r#"{"mail": ["north@trust.example"]}"#;
    let team =
        "INSERT INTO team (id, key, organisation, name, rules) VALUES (7, 'team:X:n', 'X', 'District nurses', ?1)";
    file.execute(team, [rules]).unwrap();
    let mail = "INSERT INTO mail (team, at, why, count) VALUES (7, unixepoch() * 1000000, 'passed-on', 3)";
    file.execute(mail, []).unwrap();
    let mail: String = heard.recv_timeout(Duration::from_secs(30)).expect("a mail");
    assert!(mail.contains("Subject: 3 notices wait for District nurses\r\n"), "{mail}");
    assert!(mail.contains("https://record.example/teams/7"), "{mail}");
    // It is noted as sent after the server took it: a stop in between sends it twice, as is said of mails.
    let deadline = Instant::now() + Duration::from_secs(30);
    let noted = "SELECT count(*) FROM queue WHERE name = 'mail' AND sent >= (SELECT max(id) FROM mail)";
    while file.query_row(noted, [], |row| row.get::<_, i64>(0)).unwrap() == 0 {
        assert!(Instant::now() < deadline, "the mail is noted as sent");
        std::thread::sleep(Duration::from_millis(20));
    }
    region.stop();
    region.serve();
    assert!(heard.recv_timeout(Duration::from_secs(3)).is_err(), "it went once");
}

/// Take one mail (RFC 5321), and say what it was.
fn take_mail(stream: TcpStream, say: &mpsc::Sender<String>) -> std::io::Result<()> {
    use std::io::{BufRead, BufReader};
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let mut out = stream;
    out.write_all(b"220 mail.example\r\n")?;
    while let Some(line) = lines.next().transpose()? {
        if line != "DATA" {
            out.write_all(b"250 ok\r\n")?;
            continue;
        }
        out.write_all(b"354 go on\r\n")?;
        let mut mail = String::new();
        while let Some(line) = lines.next().transpose()?.filter(|line| line != ".") {
            mail.push_str(&line);
            mail.push_str("\r\n");
        }
        let _ = say.send(mail);
        out.write_all(b"250 taken\r\n")?;
    }
    Ok(())
}

struct Session(String);

fn sign_in(region: &Region) -> Session {
    sign_in_as(region, "engineer")
}

fn sign_in_as(region: &Region, name: &str) -> Session {
    let form = http::request(region.http(), "GET", "/sign-in", &[], b"");
    let cookie = form.header("set-cookie").and_then(|cookie| cookie.split(';').next()).unwrap_or_default().to_owned();
    let token = token_of(&form.text());
    let body = format!("form_token={token}&then=&name={name}&password={}", PASSWORD.replace(' ', "+"));
    let headers = [("Cookie", cookie.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
    let answer = http::request(region.http(), "POST", "/sign-in", &headers, body.as_bytes());
    let cookies = answer.headers.iter().filter(|(name, _)| name == "set-cookie");
    let cookies: Vec<&str> = cookies.filter_map(|(_, value)| value.split(';').next()).collect();
    Session(cookies.join("; "))
}

fn token_of(page: &str) -> String {
    page.split("name=\"form_token\" value=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .unwrap_or_default()
        .to_owned()
}

fn get(region: &Region, session: &Session, path: &str) -> String {
    http::request(region.http(), "GET", path, &[("Cookie", session.0.as_str())], b"").expect(200).text()
}

fn act(region: &Region, session: &Session, page: &str, what: &str) -> http::Response {
    let body = format!("form_token={}&{what}", token_of(page));
    let headers = [("Cookie", session.0.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
    http::request(region.http(), "POST", "/deliveries/act", &headers, body.as_bytes())
}

/// Send a form of a page.
fn post(region: &Region, session: &Session, page: &str, to: &str, what: &str) -> http::Response {
    let body = format!("form_token={}&{what}", token_of(&get(region, session, page)));
    let headers = [("Cookie", session.0.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
    http::request(region.http(), "POST", to, &headers, body.as_bytes())
}

fn until<T>(holds: impl Fn() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(value) = holds() {
            return value;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "it never came to that");
        std::thread::sleep(Duration::from_millis(50));
    }
}
