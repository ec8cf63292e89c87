//! `notify`: from the wire to an open inbox, events matched against subscriptions, and a practice's window.

use super::{
    Bench,
    http::{self, Client, percentile},
    per_second,
};
use crate::edge;
use ::intake::{
    CaseloadAct, CaseloadDecision, Engine, EngineConfig, EntryKind, NewEntry, caseload_entry,
    listener::{Listener, ListenerConfig},
    sender::{Sender, SenderConfig},
    telling_entry,
};
use ::notify::{Act, Decision, Filter, Follower, Notices, Topic};
use access::{Accounts, Gate, GateConfig};
use anyhow::Context;
use record::Records;
use serde_json::json;
use std::{
    collections::HashMap,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

/// Patients of the practice.
const PATIENTS: usize = 15_000;
/// Teams with an inbox, and inboxes open of each.
const TEAMS: usize = 200;
const OPEN: usize = 5;
/// People whom each team looks after.
const LOOKED_AFTER: usize = 20;
/// Messages a second on the wire, and for how long.
const RATE: usize = 100;
const SECONDS: usize = 20;
/// Subscriptions: one in ten is about a caseload, the others about one person each.
const SUBSCRIPTIONS: usize = 100_000;
/// Inpatients, and letters of late, in the practice's window.
const INPATIENTS: usize = 60;
const LETTERS: usize = 300;
const PAGES: usize = 60;

const PRACTICE: &str = "source = \"gp\"\nname = \"Benchmark Surgery\"\nkind = \"gp\"\nods = \"RXB\"\n";
const HOSPITAL: &str = "source = \"bench\"\nname = \"Benchmark Hospital\"\nkind = \"hospital\"\nods = \"RXH\"\n";

/// Measure.
pub fn run(bench: &Bench) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(bench))
}

struct Place {
    engine: Engine,
    notices: Notices,
    address: SocketAddr,
    stop: CancellationToken,
}

/// A number of the range that no person has.
fn number(n: usize) -> String {
    let mut stem = 940_000_000 + u32::try_from(n).unwrap_or(0) * 2;
    loop {
        if let Some(number) = fhir::NhsNumber::from_stem(stem) {
            return number.as_str().to_owned();
        }
        stem += 1;
    }
}

async fn place(folder: &Path) -> anyhow::Result<Place> {
    let config = EngineConfig { region: "bench".into(), profiles: vec![PRACTICE.into(), HOSPITAL.into()] };
    let path = folder.to_owned();
    let engine = tokio::task::spawn_blocking(move || Engine::start(&path, &config, edge::now())).await??;
    let journal = engine.clone();
    let (follower, notices) =
        Follower::open(engine.folder(), engine.derived().clone(), move || journal.journal_reader())?;
    let stop = CancellationToken::new();
    crate::notify::follow(follower, engine.clone(), Arc::new(edge::now), stop.clone())
        .map_err(|failure| anyhow::anyhow!("{failure:?}"))?;
    let (derived, audit) = (engine.derived().clone(), engine.audit().clone());
    let gate = Gate::new(derived, audit, GateConfig::default(), edge::now())?;
    let journal = engine.clone();
    let accounts = Accounts::demo([http::user()], http::PASSWORD).map_err(|error| anyhow::anyhow!("{error}"))?;
    let state = web::AppState::new(web::SiteConfig {
        pdfs: record::letter_text::pdf::Pdfs::default(),
        matcher: None,
        region_name: "Benchmark".into(),
        forms: forms::Forms::builtin()?,
        drafts: record::Drafts::open(engine.folder())?,
        notices: Some(notices.clone()),
        gate,
        records: Records::new(engine.derived().clone(), move || journal.journal_reader()),
        engine: engine.clone(),
        accounts,
        clock: Arc::new(edge::now),
        providers: Vec::new(),
        session_limits: web::SessionLimits::default(),
        secure_cookies: false,
        trusted_proxies: web::Proxies::default(),
        named: web::Named::default(),
        demo: None,
    });
    let socket = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = socket.local_addr()?;
    tokio::spawn(async move { axum::serve(socket, web::router(state, web::fhir::ApiConfig::default())).await });
    Ok(Place { engine, notices, address, stop })
}

fn patient(n: usize) -> serde_json::Value {
    json!({"resourceType": "Patient", "id": format!("p{n}"), "active": true, "gender": "female",
        "birthDate": format!("19{:02}-{:02}-{:02}", 20 + n % 70, 1 + n % 12, 1 + n % 28),
        "name": [{"family": format!("Bench{n}"), "given": ["Ann"]}],
        "address": [{"line": [format!("{} Mill Lane", n % 200)], "postalCode": "LS1 4AP"}],
        "identifier": [{"system": fhir::nhs::SYSTEM, "value": number(n), "extension": [{"url": fhir::nhs::VERIFICATION_STATUS,
            "valueCodeableConcept": {"coding": [{"system": fhir::nhs::VERIFICATION_STATUS_SYSTEM, "code": "01"}]}}]}]})
}

/// The practice's patients, the teams' lists, and what stands in the practice's window.
async fn fill(place: &Place) -> anyhow::Result<()> {
    let put = |resource: &serde_json::Value| {
        let kind = resource.get("resourceType").and_then(serde_json::Value::as_str).unwrap_or_default();
        let id = resource.get("id").and_then(serde_json::Value::as_str).unwrap_or_default();
        json!({"fullUrl": format!("https://gp.example/{kind}/{id}"), "resource": resource,
            "request": {"method": "PUT", "url": format!("{kind}/{id}")}})
    };
    let now = edge::now();
    let today = now.to_string();
    let all: Vec<usize> = (0..PATIENTS).collect();
    for some in all.chunks(1000) {
        let mut entries = Vec::new();
        for n in some {
            entries.push(put(&patient(*n)));
            if *n < LETTERS {
                let letter = json!({"resourceType": "DocumentReference", "id": format!("l{n}"), "status": "current",
                    "subject": {"reference": format!("Patient/p{n}")}, "date": today, "type": {"text": "Discharge summary"},
                    "content": [{"attachment": {"contentType": "text/plain", "data": "TGV0dGVy"}}]});
                entries.push(put(&letter));
            }
        }
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries}).to_string();
        let request = intake::bundle::Request::default();
        let taken = place.engine.take_fhir("gp", "gp", &request, bundle.into_bytes(), now).await?;
        anyhow::ensure!(!taken.refused, "a bundle was refused");
    }
    for n in 0..INPATIENTS {
        submit(place, stay(PATIENTS - 1 - n, "A01", 0)).await?;
    }
    for team in 0..TEAMS {
        let patients = (0..LOOKED_AFTER)
            .map(|n| fhir::Region::new("bench").patient("gp", &format!("p{}", team * LOOKED_AFTER + n)).to_string());
        let decision = CaseloadDecision {
            act: CaseloadAct::Add,
            organisation: "RXB".into(),
            list: format!("Team {team}"),
            by: "bench".into(),
            name: String::new(),
            patients: patients.collect(),
        };
        place.engine.submit(caseload_entry(&decision, now)).await?;
    }
    settle(place).await
}

async fn settle(place: &Place) -> anyhow::Result<()> {
    let head = place.engine.progress().head;
    place.engine.wait_applied(head).await?;
    while place.notices.reached() < head {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// A message about the stay of a practice's patient.
fn stay(n: usize, trigger: &str, turn: usize) -> Vec<u8> {
    let at = edge::now().to_zoned(fhir::datetime::london().clone()).strftime("%Y%m%d%H%M%S").to_string();
    format!(
        "MSH|^~\\&|PAS|RXH|SKEIN|REG|{at}||ADT^{trigger}|{trigger}-{n}-{turn}|P|2.4\rEVN|{trigger}|{at}||||{at}\r\
         PID|1||H{n}^^^RXH^PI~{}^^^NHS^NH||BENCH{n}^ANN||19{:02}{:02}{:02}|F|||||||||||||||||||||||NSTS01\r\
         PV1|1|I|W{}^^{}||||C123^SMITH^A||||||||||||V{n}-{turn}^^^RXH^VN\r",
        number(n),
        20 + n % 70,
        1 + n % 12,
        1 + n % 28,
        n % 30,
        n % 6,
    )
    .into_bytes()
}

async fn submit(place: &Place, body: Vec<u8>) -> anyhow::Result<()> {
    let entry = NewEntry {
        kind: EntryKind::Hl7v2,
        source: "bench".into(),
        feed: "bench".into(),
        received: edge::now(),
        ident: None,
        about: None,
        body,
        ack: None,
    };
    place.engine.submit(entry).await?;
    Ok(())
}

/// When each patient's message went out, and how long each open inbox took to show it.
type Clocks = Arc<Mutex<(HashMap<usize, Instant>, Vec<Duration>)>>;

/// An open inbox: reads what it is told until told to stop.
async fn watch(address: SocketAddr, path: String, cookie: String, clocks: Clocks) -> anyhow::Result<()> {
    let mut stream = tokio::net::TcpStream::connect(address).await?;
    let request = format!("GET {path}/live HTTP/1.1\r\nHost: {address}\r\nCookie: {cookie}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut buffer = vec![0; 64 << 10];
    let mut rest = String::new();
    loop {
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        let arrived = Instant::now();
        rest.push_str(&String::from_utf8_lossy(buffer.get(..read).unwrap_or_default()));
        while let Some(end) = rest.find("\n\n") {
            let event: String = rest.drain(..end + 2).collect();
            if !event.contains("event: notice") {
                continue;
            }
            let name = event.split("BENCH").nth(1).unwrap_or_default();
            let digits: String = name.chars().take_while(char::is_ascii_digit).collect();
            if let Ok(n) = digits.parse()
                && let Ok(mut clocks) = clocks.lock()
                && let Some(sent) = clocks.0.get(&n).copied()
            {
                clocks.1.push(arrived - sent);
            }
        }
    }
}

async fn measure(bench: &Bench) -> anyhow::Result<()> {
    let place = place(&bench.folder.join("region")).await?;
    fill(&place).await?;
    let mut client = Client::connect(place.address).await?;
    client.sign_in().await?;
    window(bench, &place, &mut client).await?;
    inboxes(bench, &place, &mut client).await?;
    matched(bench, &place).await?;
    place.stop.cancel();
    let engine = place.engine;
    tokio::task::spawn_blocking(move || engine.stop()).await?;
    Ok(())
}

async fn window(bench: &Bench, place: &Place, client: &mut Client) -> anyhow::Result<()> {
    let list = place.notices.caseload("practice:RXB")?.context("the practice has no list")?;
    anyhow::ensure!(usize::try_from(list.people)? == PATIENTS, "{} people on the practice's list", list.people);
    let mut times = Vec::new();
    let pages = ["?part=in-hospital", "?part=letters", "?part=left", "/board?show=away", "/board?show=all"];
    for page in pages.iter().cycle().take(PAGES * pages.len()) {
        let begin = Instant::now();
        let body = client.page(&format!("/caseloads/{}{page}", list.id)).await?;
        times.push(begin.elapsed());
        let body = String::from_utf8_lossy(&body);
        anyhow::ensure!(page.contains("left") || body.matches("glance__who").count() >= 50, "{page} shows too little");
    }
    bench.report.figure(
        "notify",
        "window_ms_p95",
        percentile(&mut times, 95),
        "ms, windows and boards of 15,000 patients",
    );
    Ok(())
}

async fn inboxes(bench: &Bench, place: &Place, client: &mut Client) -> anyhow::Result<()> {
    let cookie = client.cookie.clone().context("nobody is signed in")?;
    let teams = place.notices.teams_of("RXB")?;
    let clocks = Clocks::default();
    let mut open = Vec::new();
    for team in teams.iter().filter(|team| team.key.starts_with("list:")) {
        for _ in 0..OPEN {
            let path = format!("/teams/{}", team.id);
            open.push(tokio::spawn(watch(place.address, path, cookie.clone(), Arc::clone(&clocks))));
        }
    }
    anyhow::ensure!(open.len() == TEAMS * OPEN, "{} inboxes", open.len());
    tokio::time::sleep(Duration::from_secs(3)).await;
    let listener = Listener::bind(ListenerConfig::new("bench", "bench", ([127, 0, 0, 1], 0).into())).await?;
    let to = listener.local_addr()?.to_string();
    let stop = CancellationToken::new();
    let listening = tokio::spawn(listener.run(place.engine.clone(), Arc::new(edge::now), stop.clone()));
    let sender = Arc::new(Sender::start(SenderConfig::new(to))?);
    // A record's page, before and while all are told.
    let region = fhir::Region::new("bench");
    let person = region.person(region.patient("gp", &format!("p{}", PATIENTS / 2)));
    let mut alone = Vec::new();
    for _ in 0..100 {
        alone.push(page(client, person).await?);
    }
    let mut beside = Vec::new();
    let begin = Instant::now();
    let mut sending = Vec::new();
    let messages = (RATE * SECONDS).min(TEAMS * LOOKED_AFTER);
    for turn in 0..messages {
        let at = begin + Duration::from_secs(1) * u32::try_from(turn)? / u32::try_from(RATE)?;
        tokio::time::sleep_until(at.into()).await;
        if turn % 10 == 9 {
            beside.push(page(client, person).await?);
        }
        // One team after the other.
        let n = (turn % TEAMS) * LOOKED_AFTER + turn / TEAMS;
        let body = stay(n, "A01", 1);
        let (sender, clocks) = (Arc::clone(&sender), Arc::clone(&clocks));
        sending.push(tokio::spawn(async move {
            if let Ok(mut clocks) = clocks.lock() {
                clocks.0.insert(n, Instant::now());
            }
            sender.send(&body).await.map(|_| ())
        }));
    }
    for sent in sending {
        sent.await??;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    for task in open {
        task.abort();
    }
    stop.cancel();
    listening.await?;
    let mut times = clocks.lock().map(|clocks| clocks.1.clone()).unwrap_or_default();
    let expected = messages * OPEN;
    anyhow::ensure!(times.len() == expected, "{} of {expected} notices reached their inboxes", times.len());
    let report = &bench.report;
    report.figure("notify", "page_ms_p95_alone", percentile(&mut alone, 95), "ms, a record's page, nobody told");
    report.figure("notify", "page_ms_p95_beside", percentile(&mut beside, 95), "ms, 30,000 notices a minute shown");
    bench.report.figure(
        "notify",
        "wire_to_inbox_ms_p50",
        percentile(&mut times, 50),
        "ms, 100 messages/s, 1,000 inboxes",
    );
    bench.report.figure("notify", "wire_to_inbox_ms_p99", percentile(&mut times, 99), "ms");
    Ok(())
}

async fn page(client: &mut Client, person: fhir::PersonKey) -> anyhow::Result<Duration> {
    let begin = Instant::now();
    client.page(&format!("/record/{person}")).await?;
    Ok(begin.elapsed())
}

/// Events a second that a follower takes in when so many subscriptions wait for them.
async fn matched(bench: &Bench, place: &Place) -> anyhow::Result<()> {
    let region = fhir::Region::new("bench");
    let now = edge::now();
    let mut promises = Vec::new();
    for n in 0..SUBSCRIPTIONS {
        let filter = match n % 10 {
            0 => Filter {
                lists: vec![::notify::uploaded_list("RXB", &format!("Team {}", (n / 10) % TEAMS))],
                topics: vec![if n % 20 == 0 { Topic::LetterFiled } else { Topic::Died }],
                ..Filter::default()
            },
            _ => Filter {
                patients: vec![region.patient("gp", &format!("p{}", n % PATIENTS)).to_string()],
                topics: vec![Topic::Admitted, Topic::Discharged],
                ..Filter::default()
            },
        };
        let act = Act::Subscribe {
            id: format!("s{n}"),
            client: "bench".into(),
            resource: "{}".into(),
            filter,
            status: "active".into(),
            error: None,
        };
        let decision = Decision { act, by: "bench".into(), name: String::new(), organisation: "RXB".into() };
        promises.push(place.engine.journal().enqueue(telling_entry(decision.about(), now))?);
        if promises.len() >= 2000 {
            for promise in promises.drain(..) {
                promise.await??;
            }
        }
    }
    settle(place).await?;
    // The follower stops; what comes meanwhile is taken in one go and timed.
    place.stop.cancel();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let from = place.notices.newest()?;
    let mut last = Vec::new();
    for n in 5_000..5_000 + 8_000 {
        let entry = NewEntry {
            kind: EntryKind::Hl7v2,
            source: "bench".into(),
            feed: "bench".into(),
            received: now,
            ident: None,
            about: None,
            body: stay(n, "A01", 2),
            ack: None,
        };
        last.push(place.engine.journal().enqueue(entry)?);
        if last.len() >= 2000 {
            for promise in last.drain(..) {
                promise.await??;
            }
        }
    }
    place.engine.wait_applied(place.engine.progress().head).await?;
    let journal = place.engine.clone();
    let (folder, derived) = (place.engine.folder().to_owned(), place.engine.derived().clone());
    let timed = tokio::task::spawn_blocking(move || -> anyhow::Result<(u64, Duration)> {
        let (mut follower, notices) = Follower::open(&folder, derived, move || journal.journal_reader())?;
        let begin = Instant::now();
        while follower.step()? {}
        let took = begin.elapsed();
        Ok((notices.newest()?, took))
    });
    let (newest, took) = timed.await??;
    let events = usize::try_from(newest - from)?;
    anyhow::ensure!(events >= 8_000, "only {events} events");
    let rate = per_second(events, took);
    bench.report.figure("notify", "events_matched_per_s", rate, "events/s, 100,000 subscriptions");
    let due: usize = place.notices.subscriptions()?.iter().map(|s| usize::try_from(s.numbered).unwrap_or(0)).sum();
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    let each = due as f64 / events as f64;
    bench.report.figure("notify", "subscriptions_per_event", each, "subscriptions");
    Ok(())
}
