//! A process that follows another's writing knows the same people as one that loads them: played with files, whose change feed
//! is the same.

use super::People;
use crate::{Act, Engine, EngineConfig, EntryKind, LinkDecision, NewEntry, Receipt};
use fhir::{PatientKey, PersonKey, Region};
use identity::Scratch;
use jiff::Timestamp;
use std::collections::BTreeMap;
use store::{Derived, Folder, Pair, Snapshot};

const NUMBERS: [&str; 3] = ["9000000009", "9000000017", "9000000025"];

fn adt(event: &str, local: u64, n: u64, more: &str) -> String {
    let nhs = match n % 4 {
        0 => String::new(),
        which => format!("~{}^^^NHS^NH", NUMBERS[usize::try_from(which).unwrap() - 1]),
    };
    let given = ["ANN", "ANNE", "JOAN", "ROBERT"][usize::try_from(n % 4).unwrap()];
    let family = ["SMITH", "SMYTH", "JONES"][usize::try_from(n % 3).unwrap()];
    format!(
        "MSH|^~\\&|PAS|RXX|SKEIN|REG|2026010112{:02}{:02}||ADT^{event}|M{n}|P|2.4\rEVN|{event}|2026010112{:02}{:02}\r\
         PID|1||{local}^^^RXX^PI{nhs}||{family}^{given}||194507{:02}|F|||1 HIGH STREET^^OLDHAM^^OL1 1AA{}\r{more}PV1|1|N\r",
        n / 60,
        n % 60,
        n / 60,
        n % 60,
        10 + n % 3,
        if nhs.is_empty() { String::new() } else { "|".repeat(21) + "NSTS01" },
    )
}

/// Every patient that an index knows, and whom it would be taken for.
fn known(people: &People, view: &Snapshot) -> BTreeMap<PatientKey, (PersonKey, String)> {
    let index = people.index();
    let mut scratch = Scratch::default();
    let who: BTreeMap<PatientKey, PersonKey> = (0..index.rows()).filter_map(|row| index.who(row)).collect();
    assert_eq!(who.len(), index.len());
    who.into_iter()
        .map(|(patient, person)| {
            let facts = view.patient(patient).unwrap().unwrap().facts.unwrap();
            let answer = people.ask(|matcher| matcher.decide(&facts, Some(patient), None, &mut scratch));
            let mut candidates: Vec<String> = answer
                .candidates
                .iter()
                .map(|one| format!("{} {} {:x}", one.patient, one.person, one.probability.to_bits()))
                .collect();
            candidates.sort();
            (patient, (person, format!("{:?} {candidates:?}", answer.outcome)))
        })
        .collect()
}

#[test]
fn whoever_follows_knows_the_same_people_as_whoever_loads_them() {
    let home = tempfile::tempdir().unwrap();
    let config = EngineConfig { region: "test".into(), profiles: Vec::new() };
    let now: Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
    let engine = Engine::start(home.path(), &config, now).unwrap();
    let region = Region::new("test");
    let folder = Folder::visit(home.path()).unwrap();
    let derived = Derived::open_for_reading(&folder.derived()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let hear = |body: String| {
        let entry = NewEntry {
            kind: EntryKind::Hl7v2,
            source: "rxx".into(),
            feed: "test".into(),
            received: now,
            ident: None,
            about: None,
            body: body.into_bytes(),
            ack: None,
        };
        let (Receipt::Stored { pos, .. } | Receipt::Repeat { pos, .. }) =
            engine.journal().append_blocking(entry).unwrap();
        pos
    };
    let followed = People::load_view(&derived.snapshot().unwrap()).unwrap();
    let mut reached = 0;
    let mut moved = 0;
    let mut parked = None;
    for n in 0..120u64 {
        let local = 1 + n * 7 % 23;
        let other = 1 + (n * 7 + 5) % 23;
        let pos = match n % 10 {
            3 => hear(adt("A40", local, n, &format!("MRG|{other}^^^RXX^PI\r"))),
            // What cannot be processed parks its patient's lane, and later ones wait behind it.
            5 if parked.is_none() => {
                let pos = hear(adt("A40", local, n, "MRG|\r"));
                parked = Some(pos);
                pos
            }
            7 => hear(adt("A37", local, n, &format!("PID|2||{other}^^^RXX^PI\r"))),
            _ => hear(adt(if n % 2 == 0 { "A28" } else { "A08" }, local, n, "")),
        };
        if n % 12 == 11 {
            let (a, b) =
                (region.patient("rxx", &format!("RXX|{local}")), region.patient("rxx", &format!("RXX|{other}")));
            if let Some(pair) = Pair::new(a, b) {
                let act = if n % 24 == 11 {
                    Act::Same { a: pair.a, b: pair.b }
                } else {
                    Act::Different { a: pair.a, b: pair.b }
                };
                let decision = LinkDecision { act, by: "s".into(), name: "S".into(), why: "a test".into(), seen: None };
                runtime.block_on(async {
                    let pos = engine.decide_link(&decision, now).await.unwrap();
                    engine.wait_applied(pos).await.unwrap();
                });
            }
        }
        if n % 30 == 29
            && let Some(of) = parked.take()
        {
            runtime.block_on(async {
                engine.wait_applied(pos).await.unwrap();
                let pos = engine.discard(of, "s", "a test", now).await.unwrap().unwrap();
                engine.wait_applied(pos).await.unwrap();
            });
        }
        if n % 9 == 8 {
            runtime.block_on(async { engine.wait_applied(pos).await.unwrap() });
            let view = derived.snapshot().unwrap();
            followed.follow(&view, reached, &region).unwrap();
            reached = view.seq();
            let (follows, loads) = (known(&followed, &view), known(&People::load_view(&view).unwrap(), &view));
            assert_eq!(follows, loads, "at {reached}");
            moved += follows.iter().filter(|(patient, (person, _))| region.person(**patient) != *person).count();
        }
    }
    assert!(moved > 10, "links moved, or nothing was tested: {moved}");
    engine.stop();
}
