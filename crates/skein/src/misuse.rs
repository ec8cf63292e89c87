//! Watching for misuse while the region is served: the audit trail is read as it grows, the detector is told who is who, and
//! what it raises is put on the privacy officer's desk. After a start the last ninety days are read again.

use crate::{
    config::Config,
    failure::{Failure, Outcome},
};
use access::{
    AuditEntry, Gate, MatterKind, Recorded, User,
    misuse::{About, Access, Detector, Home, Item, Key, MISUSE, Rules},
};
use fhir::PersonKey;
use intake::listener::Clock;
use jiff::{SignedDuration, Timestamp, civil::Date};
use std::{
    collections::{HashMap, HashSet},
    path::Path,
    time::{Duration, Instant},
};
use store::{
    Derived, PeopleFilter, StoreError,
    audit::{Audit, AuditReader},
};
use tokio_util::sync::CancellationToken;

/// How far back is read at a start, in hours.
const BACK_HOURS: i64 = 90 * 24;
/// How often new entries are read, and judged.
const LOOK: Duration = Duration::from_secs(10);
const JUDGE: Duration = Duration::from_secs(300);
/// Entries read at a time.
const PIECE: usize = 2_000;
/// People remembered with where they belong; past it they are looked up anew.
const PEOPLE_MAX: usize = 100_000;
/// Items of the desk read to know what is on it.
const DESK_MAX: usize = 100_000;

/// Who works here, and who is well known: files the region keeps.
#[derive(Clone, Debug, Default)]
pub struct Lists {
    /// The NHS number of a user, by user id.
    staff: HashMap<String, u64>,
    /// NHS numbers.
    well_known: HashSet<u64>,
}

/// The rules and lists of a configuration.
///
/// # Errors
/// The file and the line that cannot be used.
pub fn open(config: &Config) -> Outcome<(Rules, Lists)> {
    let own = config.policies().map(|folder| folder.join(MISUSE)).filter(|file| file.is_file());
    let rules = match own {
        Some(file) => {
            let text = std::fs::read_to_string(&file)
                .map_err(|error| Failure::asked(format!("{} cannot be read: {error}", file.display())))?;
            Rules::read(&text)
        }
        None => Rules::builtin(),
    };
    let rules = rules.map_err(|error| Failure::asked(format!("policies: {error}")))?;
    let mut lists = Lists::default();
    if let Some(file) = &config.misuse.staff {
        for (line, fields) in rows(&config.beside(file), &["id", "nhs_number"])? {
            let [id, number] = fields.as_slice() else { continue };
            lists.staff.insert(id.clone(), nhs_number(&config.beside(file), line, number)?);
        }
    }
    if let Some(file) = &config.misuse.well_known {
        for (line, fields) in rows(&config.beside(file), &["nhs_number"])? {
            for number in fields {
                lists.well_known.insert(nhs_number(&config.beside(file), line, &number)?);
            }
        }
    }
    Ok((rules, lists))
}

fn rows(file: &Path, columns: &[&str]) -> Outcome<Vec<(u64, Vec<String>)>> {
    let wrong = |what: String| Failure::asked(format!("{}: {what}", file.display()));
    let mut reader = csv::Reader::from_path(file).map_err(|error| wrong(error.to_string()))?;
    let headers = reader.headers().map_err(|error| wrong(error.to_string()))?.clone();
    let places: Option<Vec<usize>> =
        columns.iter().map(|column| headers.iter().position(|header| header.trim() == *column)).collect();
    let places = places.ok_or_else(|| wrong(format!("the columns {} are wanted", columns.join(", "))))?;
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| wrong(error.to_string()))?;
        let line = record.position().map_or(0, csv::Position::line);
        let fields = places.iter().map(|place| record.get(*place).unwrap_or_default().trim().to_owned()).collect();
        rows.push((line, fields));
    }
    Ok(rows)
}

fn nhs_number(file: &Path, line: u64, text: &str) -> Outcome<u64> {
    let number = fhir::NhsNumber::parse(text);
    // The number itself stands in no message.
    let number = number.map_err(|error| Failure::asked(format!("{} line {line}: {error}", file.display())))?;
    Ok(number.as_str().parse().unwrap_or_default())
}

/// What watches.
pub struct Watch {
    pub gate: Gate,
    pub derived: Derived,
    pub audit: Audit,
    pub clock: Clock,
    pub rules: Rules,
    pub lists: Lists,
}

struct Watching {
    watch: Watch,
    detector: Detector,
    users: HashMap<String, User>,
    people: HashMap<PersonKey, (Home, Option<Timestamp>, bool)>,
    homes: HashMap<String, (Option<PersonKey>, Home)>,
    raised: HashSet<(String, Option<PersonKey>, Date)>,
    reached: u64,
    day: Option<Date>,
}

impl Watch {
    /// Watch until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let runtime = tokio::runtime::Handle::current();
        let work = move || {
            let detector = Detector::new(self.rules.clone());
            let mut watching = Watching {
                watch: self,
                detector,
                users: HashMap::new(),
                people: HashMap::new(),
                homes: HashMap::new(),
                raised: HashSet::new(),
                reached: 0,
                day: None,
            };
            if let Err(error) = watching.begin() {
                tracing::error!(%error, "misuse is not watched for: the audit trail cannot be read");
                return;
            }
            // What the trail holds at the start is judged when it has been read.
            let mut judged: Option<Instant> = None;
            while !stop.is_cancelled() {
                let now = (watching.watch.clock)();
                let due = judged.is_none_or(|at| at.elapsed() >= JUDGE);
                let outcome = watching.read(&runtime).and_then(|()| match due {
                    true => watching.judge(now, &runtime),
                    false => Ok(()),
                });
                if let Err(error) = outcome {
                    tracing::error!(%error, "looking for misuse failed; it is tried again");
                }
                if due {
                    judged = Some(Instant::now());
                }
                let until = Instant::now() + LOOK;
                while Instant::now() < until && !stop.is_cancelled() {
                    std::thread::sleep(Duration::from_millis(200));
                }
            }
        };
        let _ = tokio::task::spawn_blocking(work).await;
    }
}

impl Watching {
    /// What is on the desk already, and where the last ninety days begin.
    fn begin(&mut self) -> Result<(), StoreError> {
        let since = (self.watch.clock)().checked_sub(SignedDuration::from_hours(BACK_HOURS)).unwrap_or(Timestamp::MIN);
        for settled in [false, true] {
            for matter in self.watch.audit.read(|audit| audit.matters(MatterKind::Misuse, settled, DESK_MAX))? {
                let day = matter.about.split(' ').nth(1).and_then(|day| day.parse().ok());
                self.raised.extend(day.map(|day| (matter.user.clone(), matter.person, day)));
            }
        }
        // Entries are in the order of time: halve until the first of those days is found.
        let (mut low, mut high) = (0, self.watch.audit.read(AuditReader::last)?);
        while low < high {
            let middle = low + (high - low) / 2;
            let entry = self.watch.audit.read(|audit| audit.entry(middle + 1))?;
            match entry.is_some_and(|entry| entry.at < since) {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        self.reached = low;
        Ok(())
    }

    /// Read what the trail has grown by. Days that are over are judged as they pass.
    fn read(&mut self, runtime: &tokio::runtime::Handle) -> Result<(), StoreError> {
        loop {
            let entries = self.watch.audit.read(|audit| audit.after(self.reached, PIECE))?;
            let Some(last) = entries.last().map(|last| last.n) else { return Ok(()) };
            for entry in &entries {
                let day = entry.at.to_zoned(fhir::datetime::london().clone()).date();
                if self.day.is_some_and(|former| former < day) {
                    self.judge(entry.at, runtime)?;
                }
                self.day = Some(day);
                self.see(entry)?;
            }
            self.reached = last;
        }
    }

    fn see(&mut self, entry: &AuditEntry) -> Result<(), StoreError> {
        let Some(recorded) = Recorded::read(&entry.body) else { return Ok(()) };
        let kind = recorded.situation.as_ref().map_or("", |situation| situation.organisation_kind.as_str());
        let policies = self.watch.gate.policies();
        let job = policies.jobs().of(&recorded.user, kind).and_then(|place| policies.jobs().all().get(place));
        let job = job.map_or("", |job| job.name.as_str());
        let Some(access) = Access::of(entry, &recorded, job) else { return Ok(()) };
        let (home, died, well_known) = self.person(access.person)?;
        let (user_person, user_home) = self.user(&access.user)?;
        let works_for = self.works_for(access.person);
        self.detector.see(&access, &About { user_person, user_home, home, died, works_for, well_known });
        self.users.insert(access.user, recorded.user);
        Ok(())
    }

    /// Where a person belongs, when the person died, and whether well known.
    fn person(&mut self, person: PersonKey) -> Result<(Home, Option<Timestamp>, bool), StoreError> {
        if let Some(known) = self.people.get(&person) {
            return Ok(*known);
        }
        let snapshot = self.watch.derived.snapshot()?;
        let (mut home, mut died, mut well_known) = (Home::default(), None, false);
        for patient in snapshot.patients_of(person, snapshot.seq())? {
            let Some(facts) = snapshot.patient(patient)?.and_then(|row| row.facts) else { continue };
            well_known |= facts.nhs_number.is_some_and(|number| self.watch.lists.well_known.contains(&number));
            died =
                died.or_else(|| facts.death?.to_zoned(fhir::datetime::london().clone()).ok().map(|at| at.timestamp()));
            home.family = home.family.or_else(|| Key::of(&[facts.families.first()?]));
            if let Some((line, postcode)) =
                facts.addresses.first().and_then(|a| a.lines.first().zip(a.postcode.as_ref()))
            {
                let street: String = line.chars().filter(|c| !c.is_ascii_digit()).collect();
                home.street = home.street.or_else(|| Key::of(&[postcode, &street]));
                home.household = home.household.or_else(|| Key::of(&[postcode, line]));
            }
        }
        if self.people.len() >= PEOPLE_MAX {
            self.people.clear();
        }
        self.people.insert(person, (home, died, well_known));
        Ok((home, died, well_known))
    }

    /// Who a user is when not at work, where the region keeps a list.
    fn user(&mut self, user: &str) -> Result<(Option<PersonKey>, Home), StoreError> {
        if let Some(known) = self.homes.get(user) {
            return Ok(*known);
        }
        let mut found = (None, Home::default());
        if let Some(number) = self.watch.lists.staff.get(user) {
            let filter = PeopleFilter { nhs_number: Some(*number), limit: 10, ..PeopleFilter::default() };
            let hit = self.watch.derived.snapshot()?.find_patients(&filter)?.into_iter().next();
            if let Some(hit) = hit {
                found = (Some(hit.person), self.person(hit.person)?.0);
            }
        }
        self.homes.insert(user.to_owned(), found);
        Ok(found)
    }

    /// For whom a person works, if they are a user whom the list names.
    fn works_for(&self, person: PersonKey) -> Option<String> {
        let (user, _) = self.homes.iter().find(|(_, (known, _))| *known == Some(person))?;
        self.users.get(user).map(|user| user.org_code.clone())
    }

    fn judge(&mut self, now: Timestamp, runtime: &tokio::runtime::Handle) -> Result<(), StoreError> {
        for (organisation, person) in self.detector.unconfirmed(now) {
            let asker = User::staff("", "", ("R8000", ""), (&organisation, ""));
            let linked = self.watch.gate.rehearse(&asker, person, now);
            if linked.is_ok_and(|(situation, _)| !situation.access.relationships.is_empty()) {
                self.detector.related(&organisation, person, now);
            }
        }
        for item in self.detector.judge(now) {
            if !self.raised.insert((item.user.clone(), item.person, item.day)) {
                continue;
            }
            self.raise(&item, now, runtime)?;
        }
        Ok(())
    }

    fn raise(&self, item: &Item, now: Timestamp, runtime: &tokio::runtime::Handle) -> Result<(), StoreError> {
        let Some(user) = self.users.get(&item.user) else { return Ok(()) };
        let rule = item.rule().map_or("several", |rule| rule.code());
        let words: Vec<&str> = item.findings.iter().map(|finding| finding.words.as_str()).collect();
        let words = format!("{} (weight {:.1}; entries {:?})", words.join("; "), item.score, item.entries);
        let of = item.entries.first().copied().unwrap_or_default();
        let rule = format!("{rule} {}", item.day);
        let raised = self.watch.gate.suspect(user, item.person, of, &rule, &words, now);
        runtime.block_on(raised).map(|_| ()).map_err(|refusal| StoreError::Stopped(refusal.to_string()))
    }
}
