//! A region in use: pages, whole records, searches and messages, each at its moment whether the one before is answered or not.

use super::{
    http::{Client, everything},
    region::entry,
};
use anyhow::Context;
use fhir::PatientKey;
use hyper::{Method, StatusCode};
use intake::{Engine, EntryKind, NewEntry};
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use synth::{Person, Region};

/// People whose records are opened: of the practice of whoever opens them.
const LOOKED_AT: usize = 2_000;
/// A prime step from one person to the next, so that they lie apart on the disk.
const APART: u64 = 7_368_787;
/// Browsers' connections.
const CLIENTS: usize = 24;

/// The practice whose patients are looked at.
pub const PRACTICE: &str = "X81001";
pub const PRACTICE_NAME: &str = "Church Lane Surgery";
const HOSPITAL: &str = "aldermere-hospital";

/// How often a second.
#[derive(Clone, Copy)]
pub struct Rates {
    pub pages: usize,
    pub messages: usize,
    pub whole: usize,
    pub searches: usize,
    pub lists: usize,
}

/// How long each took, from its moment; messages until they were on disk.
#[derive(Default)]
pub struct Took {
    pub pages: Vec<Duration>,
    pub messages: Vec<Duration>,
    pub whole: Vec<Duration>,
    pub searches: Vec<Duration>,
    pub lists: Vec<Duration>,
    pub time: Duration,
}

/// Somebody who is looked at.
pub struct Known {
    pub person: Person,
    pub patient: PatientKey,
    pub page: String,
}

/// Patients of the practice, from all over the region.
pub fn known(region: &Region) -> anyhow::Result<Vec<Known>> {
    let keys = fhir::Region::new("bench");
    let mut found = Vec::new();
    let mut index = 0;
    for _ in 0..region.people() {
        index = (index + APART) % region.people();
        let Some(person) = region.person(index) else { continue };
        let (source, ods, local) = region.registered_as(&person);
        if ods != PRACTICE || person.restricted {
            continue;
        }
        let patient = keys.patient(source, &local);
        found.push(Known { page: format!("/record/{}", keys.person(patient)), person, patient });
        if found.len() >= LOOKED_AT {
            break;
        }
    }
    anyhow::ensure!(!found.is_empty(), "nobody is a patient of {PRACTICE_NAME}: more people");
    Ok(found)
}

/// Look for somebody by family name and birth date, as a client system does (PDQm).
pub async fn search(client: &mut Client, person: &Person) -> anyhow::Result<()> {
    let family: String = person.family.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let path = format!("/fhir/Patient?family={family}&birthdate={}", person.birth);
    let (status, _) = client.ask(Method::GET, &path, true, None).await?;
    anyhow::ensure!(status == StatusCode::OK, "a search answered {status}");
    Ok(())
}

/// What a client does at a moment.
#[derive(Clone, Copy)]
enum Act {
    Page,
    Whole,
    Search,
    List,
}

/// Use it for so long; `send` gives the hospital's messages by their numbers.
pub async fn mix(
    engine: &Engine,
    address: SocketAddr,
    (known, pages): (&Arc<Vec<Known>>, &Arc<Vec<String>>),
    rates: Rates,
    time: Duration,
    send: impl Fn(usize) -> anyhow::Result<NewEntry> + Send + 'static,
) -> anyhow::Result<Took> {
    let (jobs, inbox) = tokio::sync::mpsc::unbounded_channel::<(Instant, Act, usize)>();
    let inbox = Arc::new(tokio::sync::Mutex::new(inbox));
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let (inbox, known, pages) = (inbox.clone(), known.clone(), pages.clone());
        let mut client = Client::connect(address).await?;
        client.sign_in().await?;
        clients.push(tokio::spawn(async move {
            let mut times: Vec<(Act, Duration)> = Vec::new();
            loop {
                let Some((due, act, which)) = inbox.lock().await.recv().await else { return anyhow::Ok(times) };
                let one = known.get(which % known.len()).context("nobody")?;
                match act {
                    Act::Page => drop(client.ask(Method::GET, &one.page, false, None).await?),
                    Act::Whole => drop(everything(&mut client, one.patient).await?),
                    Act::Search => search(&mut client, &one.person).await?,
                    Act::List => {
                        drop(client.page(pages.get(which % pages.len()).context("no list")?).await?);
                    }
                }
                times.push((act, due.elapsed()));
            }
        }));
    }
    let begin = Instant::now();
    let messages = tokio::spawn(sending(engine.clone(), begin, (rates.messages, time), send));
    let mut plan: Vec<(Duration, Act)> = Vec::new();
    for (act, rate) in
        [(Act::Page, rates.pages), (Act::Whole, rates.whole), (Act::Search, rates.searches), (Act::List, rates.lists)]
    {
        if rate > 0 {
            plan.extend((0..).map(|n| every(rate) * n).take_while(|at| *at < time).map(|at| (at, act)));
        }
    }
    plan.sort_by_key(|(at, _)| *at);
    for (which, (at, act)) in plan.into_iter().enumerate() {
        let due = begin + at;
        tokio::time::sleep_until(due.into()).await;
        jobs.send((due, act, which * 31))?;
    }
    drop(jobs);
    let mut took = Took::default();
    for client in clients {
        for (act, time) in client.await?? {
            match act {
                Act::Page => took.pages.push(time),
                Act::Whole => took.whole.push(time),
                Act::Search => took.searches.push(time),
                Act::List => took.lists.push(time),
            }
        }
    }
    took.time = begin.elapsed();
    took.messages = messages.await??;
    Ok(took)
}

fn every(rate: usize) -> Duration {
    Duration::from_micros(1_000_000 / (rate as u64).max(1))
}

/// Send messages; how long each took to be on disk, from its moment.
async fn sending(
    engine: Engine,
    begin: Instant,
    (rate, time): (usize, Duration),
    send: impl Fn(usize) -> anyhow::Result<NewEntry>,
) -> anyhow::Result<Vec<Duration>> {
    let mut waiting = tokio::task::JoinSet::new();
    for n in 0.. {
        let due = begin + every(rate) * n;
        if due >= begin + time {
            break;
        }
        tokio::time::sleep_until(due.into()).await;
        let message = send(n as usize)?;
        let engine = engine.clone();
        waiting.spawn(async move {
            engine.submit(message).await?;
            anyhow::Ok(due.elapsed())
        });
    }
    let mut times = Vec::new();
    while let Some(done) = waiting.join_next().await {
        times.push(done??);
    }
    Ok(times)
}

/// One of a hospital's messages, about one of these people.
pub fn sent(known: &[Known], n: usize) -> anyhow::Result<NewEntry> {
    let one = known.get(n * 17 % known.len()).context("nobody")?;
    Ok(entry(EntryKind::Hl7v2, HOSPITAL, message(&one.person, n, &Stay { number: n, over: false })))
}

/// People of all practices whom a hospital knows.
const PATIENTS: u64 = 15_000;

/// One of a hospital's messages, about those it knows in turn: they come, and go the next time.
pub fn sent_in_turn(region: &Region, n: usize) -> anyhow::Result<NewEntry> {
    let (round, which) = (n as u64 / PATIENTS, n as u64 % PATIENTS);
    let person = region.person(which * APART % region.people()).context("nobody")?;
    let stay = Stay { number: usize::try_from(round / 2 * PATIENTS + which)?, over: round % 2 == 1 };
    Ok(entry(EntryKind::Hl7v2, HOSPITAL, message(&person, n, &stay)))
}

/// A stay in hospital that a message tells of.
struct Stay {
    number: usize,
    over: bool,
}

/// One of a hospital's messages about somebody: an admission or a discharge, or one in three a report of three results.
fn message(person: &Person, n: usize, stay: &Stay) -> Vec<u8> {
    let hour = if stay.over { "10" } else { "09" };
    let at = format!("20260601{hour}{:02}{:02}", n / 60 % 60, n % 60);
    // PV1-45 is when it ended.
    let (event, end) = if stay.over { ("A03", format!("{}{at}", "|".repeat(26))) } else { ("A01", String::new()) };
    let visit = stay.number;
    let sex = if person.sex == synth::Sex::Female { "F" } else { "M" };
    let pid = format!(
        "PID|1||B{:09}^^^XWA^PI~{}^^^NHS^NH||{}^{}||{}|{sex}|||||||||||||||||||||||NSTS01",
        person.index,
        person.nhs.as_str(),
        person.family.to_uppercase(),
        person.given.to_uppercase(),
        person.birth.strftime("%Y%m%d"),
    );
    let text = if n.is_multiple_of(3) {
        format!(
            "MSH|^~\\&|LAB|XWA|SKEIN|REG|{at}||ORU^R01|R{n}|P|2.4\r{pid}\rOBR|1|P{n}|F{n}|UE^Urea and electrolytes^LOCAL|||{at}||||||||||||||{at}||CH|F\r\
             OBX|1|NM|NA^Sodium^LOCAL||{}|mmol/L|133-146|N|||F\rOBX|2|NM|K^Potassium^LOCAL||4.{}|mmol/L|3.5-5.3|N|||F\rOBX|3|NM|CREA^Creatinine^LOCAL||{}|umol/L|45-84|N|||F\r",
            130 + n % 20,
            n % 10,
            50 + n % 90
        )
    } else {
        format!(
            "MSH|^~\\&|PAS|XWA|SKEIN|REG|{at}||ADT^{event}|A{n}|P|2.4\rEVN|{event}|{at}||||{at}\r{pid}\rPV1|1|I|W{}^^{}||||C123^SMITH^A||||||||||||V{visit}^^^XWA^VN{end}\r",
            n % 30,
            n % 6
        )
    };
    text.into_bytes()
}
