//! How much misuse is found, and how much honest work is suspected: judged on quarters of synthetic accesses.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

use access::{
    misuse::{About, Access, Detector, Home, Item, Key, Rules},
    policy::Relations,
};
use fhir::PersonKey;
use jiff::{SignedDuration, Timestamp};
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    time::Instant,
};
use synth::{AccessLog, Looked, MisuseKind};

const QUARTER: i64 = 91;
/// Rules and thresholds were made while looking at seeds 1 to 20; these of them are judged at each run, to save time.
const TUNED_ON: [u64; 5] = [2, 6, 13, 18, 20];
/// At these nobody had looked before what is here was finished.
const JUDGED_ON: [u64; 10] = [101, 102, 103, 104, 105, 106, 107, 108, 109, 110];
/// Each seed must reach this, and all together. A quarter has some 145 incidents, so another seed may well fall below it by
/// chance: docs/govern-it/misuse.md tells how far they lie apart.
const LEAST_OF_ONE: f64 = 0.9;

fn start() -> Timestamp {
    "2026-01-05T00:00:00Z".parse().unwrap()
}

fn at(minute: i64) -> Timestamp {
    start() + SignedDuration::from_mins(minute)
}

fn person(n: usize) -> PersonKey {
    PersonKey(n as u64 + 1)
}

/// Keys and entries count from 1.
fn place(n: u64) -> usize {
    usize::try_from(n).unwrap() - 1
}

fn home(log: &AccessLog, n: usize) -> Home {
    let who = &log.residents[n];
    Home {
        family: Key::of(&["family", &who.family.to_string()]),
        street: Key::of(&["street", &who.street.to_string()]),
        household: Key::of(&["household", &who.household.to_string()]),
    }
}

/// What the gate would have written, and what a look-up would have known.
fn told(log: &AccessLog, n: usize, looked: &Looked) -> (Access, About) {
    let worker = &log.staff[looked.worker];
    let access = Access {
        n: n as u64 + 1,
        at: at(looked.minute),
        user: worker.id.clone(),
        name: format!("Worker {}", worker.id),
        role: worker.role.into(),
        job: worker.job.into(),
        organisation: worker.org.into(),
        person: person(looked.resident),
        relations: Relations::of(looked.relations.iter().copied()),
        claimed: looked.claimed.into(),
        glass: looked.glass,
        purpose: "TREAT".into(),
        action: "open-page".into(),
        page: looked.page.into(),
    };
    let lives_as = worker.lives_as.filter(|_| worker.known);
    let resident = &log.residents[looked.resident];
    // An organisation that has not said who its staff are is not known to be somebody's employer either.
    let works_as = resident.works_as.map(|n| &log.staff[n]).filter(|worker| worker.known);
    let about = About {
        user_person: lives_as.map(person),
        user_home: lives_as.map(|n| home(log, n)).unwrap_or_default(),
        home: home(log, looked.resident),
        died: resident.died.map(at),
        works_for: works_as.map(|worker| worker.org.into()),
        well_known: log.well_known.contains(&looked.resident),
    };
    (access, about)
}

#[derive(Default)]
struct Figures {
    accesses: usize,
    incidents: BTreeMap<MisuseKind, (usize, usize)>,
    /// By the heaviest rule: right and wrong items.
    items: BTreeMap<String, (usize, usize)>,
    per_second: f64,
}

impl Figures {
    fn recall(&self) -> f64 {
        let (found, all) = self.incidents.values().fold((0, 0), |sum, (found, all)| (sum.0 + found, sum.1 + all));
        found as f64 / all as f64
    }

    fn right_wrong(&self) -> (usize, usize) {
        self.items.values().fold((0, 0), |sum, (right, wrong)| (sum.0 + right, sum.1 + wrong))
    }

    fn precision(&self) -> f64 {
        let (right, wrong) = self.right_wrong();
        right as f64 / (right + wrong) as f64
    }

    fn add(&mut self, other: &Figures) {
        self.accesses += other.accesses;
        for (kind, (found, all)) in &other.incidents {
            let sum = self.incidents.entry(*kind).or_default();
            *sum = (sum.0 + found, sum.1 + all);
        }
        for (rule, (right, wrong)) in &other.items {
            let sum = self.items.entry(rule.clone()).or_default();
            *sum = (sum.0 + right, sum.1 + wrong);
        }
    }

    fn print(&self, what: &str) {
        let (right, wrong) = self.right_wrong();
        println!(
            "{what}: {} accesses, precision {:.3} ({right} right, {wrong} wrong; {:.3} false per 1,000), recall {:.3}{}",
            self.accesses,
            self.precision(),
            1000.0 * wrong as f64 / self.accesses as f64,
            self.recall(),
            if self.per_second > 0.0 { format!(", {:.0} accesses/s", self.per_second) } else { String::new() },
        );
        for (kind, (found, all)) in &self.incidents {
            println!("    {kind:?}: {found} of {all}");
        }
        for (rule, (right, wrong)) in &self.items {
            println!("    by {rule}: {right} right, {wrong} wrong");
        }
    }
}

/// At two in the morning, after asking the data about reasons that nothing has borne out.
fn judge(log: &AccessLog, detector: &mut Detector, day: i64, items: &mut Vec<Item>) {
    let minute = day * 24 * 60 + 120;
    for (organisation, key) in detector.unconfirmed(at(minute)) {
        if !log.relations(&organisation, place(key.0), minute).is_empty() {
            detector.related(&organisation, key, at(minute));
        }
    }
    items.extend(detector.judge(at(minute)));
}

fn feed(log: &AccessLog) -> (Vec<Item>, f64) {
    let told: Vec<(Access, About)> = log.accesses.iter().enumerate().map(|(n, looked)| told(log, n, looked)).collect();
    let mut detector = Detector::new(Rules::builtin().unwrap());
    let mut items = Vec::new();
    let begun = Instant::now();
    let mut day = 0;
    for ((access, about), looked) in told.iter().zip(&log.accesses) {
        while looked.minute > (day + 1) * 24 * 60 + 120 {
            day += 1;
            judge(log, &mut detector, day, &mut items);
        }
        detector.see(access, about);
    }
    for later in 1..12 {
        judge(log, &mut detector, day + later, &mut items);
    }
    (items, told.len() as f64 / begun.elapsed().as_secs_f64())
}

fn figures(seed: u64) -> Figures {
    let log = AccessLog::new(seed, QUARTER);
    let (items, per_second) = feed(&log);
    println!("seed {seed}: {} users, {} residents", log.staff.len(), log.residents.len());
    let mut figures = Figures { accesses: log.accesses.len(), per_second, ..Figures::default() };
    let mut found: BTreeSet<usize> = BTreeSet::new();
    let mut seen: HashSet<(String, Option<PersonKey>, String)> = HashSet::new();
    for item in &items {
        let entries: Vec<&Looked> = item.entries.iter().map(|n| &log.accesses[place(*n)]).collect();
        let bad: BTreeSet<usize> = entries.iter().filter_map(|looked| looked.incident).collect();
        let bad_entries = entries.iter().filter(|looked| looked.incident.is_some()).count();
        // An item is right when at least a third of what it shows is misuse.
        let right = bad_entries * 3 >= entries.len();
        if right {
            found.extend(bad);
        }
        if !seen.insert((item.user.clone(), item.person, item.day.to_string())) {
            continue;
        }
        let sum = figures.items.entry(item.rule().unwrap().code().to_owned()).or_default();
        *sum = if right { (sum.0 + 1, sum.1) } else { (sum.0, sum.1 + 1) };
        if !right && std::env::var("MISUSE_WRONG").is_ok() {
            let worker = log.staff.iter().find(|worker| worker.id == item.user).unwrap();
            println!("  wrong: {:?} {} {:?} bad {bad_entries}/{}", worker.post, item.day, item.findings, entries.len());
        }
    }
    for (n, incident) in log.incidents.iter().enumerate() {
        let sum = figures.incidents.entry(incident.kind).or_default();
        *sum = (sum.0 + usize::from(found.contains(&n)), sum.1 + 1);
        if !found.contains(&n) && std::env::var("MISUSE_WRONG").is_ok() {
            println!(
                "  missed: {:?} by {:?} of {:?}, known {}",
                incident.kind,
                log.staff[incident.worker].post,
                log.staff[incident.worker].org,
                log.staff[incident.worker].known
            );
        }
    }
    figures
}

/// What thresholds were tuned on must be found at least as well as what they are judged on.
#[test]
fn misuse_is_found_where_thresholds_were_tuned() {
    let mut all = Figures::default();
    for seed in TUNED_ON {
        let figures = figures(seed);
        figures.print(&format!("tuned on, seed {seed}"));
        all.add(&figures);
    }
    all.print("tuned on, all");
    assert!(all.precision() >= 0.9 && all.recall() >= 0.9, "{} and {}", all.precision(), all.recall());
}

/// `MISUSE_SEEDS=201-210 cargo test -p access --test misuse -- --ignored --nocapture`: any seeds, to look at.
#[test]
#[ignore = "measures the seeds named in MISUSE_SEEDS"]
fn figures_of_the_seeds_named() {
    let seeds = std::env::var("MISUSE_SEEDS").expect("MISUSE_SEEDS names them: 201-210");
    let (from, to) = seeds.split_once('-').unwrap_or((&seeds, &seeds));
    let mut all = Figures::default();
    for seed in from.parse().unwrap()..=to.parse::<u64>().unwrap() {
        let figures = figures(seed);
        figures.print(&format!("seed {seed}"));
        all.add(&figures);
    }
    all.print("all");
}

#[test]
fn misuse_is_found_and_honest_work_is_left_alone() {
    let mut all = Figures::default();
    let mut short = Vec::new();
    for seed in JUDGED_ON {
        let figures = figures(seed);
        figures.print(&format!("judged on, seed {seed}"));
        if figures.precision() < LEAST_OF_ONE || figures.recall() < LEAST_OF_ONE {
            short.push((seed, figures.precision(), figures.recall()));
        }
        all.add(&figures);
    }
    all.print("judged on, all");
    assert!(all.precision() >= 0.9 && all.recall() >= 0.9, "{} and {}", all.precision(), all.recall());
    assert!(short.is_empty(), "seeds with a precision or recall below {LEAST_OF_ONE}: {short:?}");
}
