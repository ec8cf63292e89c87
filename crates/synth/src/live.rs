//! The region lives on: people fall ill, come, move, go home; bookings, blood, letters, consultations. One stream for
//! one region, begun at its start, the same every time.

use crate::{
    dice::{Dice, floor, real},
    inpatients::Bedboard,
    life::{
        Life,
        hospital::{self, Requester, Sample, Stay},
        plans::{self, Care, Incident},
        practice,
        timeline::{self, Happening, What},
        today,
    },
    people::Person,
    region::Region,
    sources,
    when::{at, day_of, minute_of, minutes_between, plus_days, plus_minutes},
    wire::{Outgoing, base36, belief::belief, care, desks::Desks, gp},
};
use jiff::{
    Timestamp,
    civil::{Date, Weekday},
};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque},
    sync::Arc,
};

/// How long a step is in which new things begin, in minutes.
const STEP_MINUTES: i64 = 10;
/// Appointments booked in the history are kept in regions of up to this many people; in larger ones only those booked
/// while it lives are.
const BOOKINGS_PEOPLE_MAX: u64 = 100_000;
/// People whose lives are kept at hand.
const RECENT_PEOPLE: usize = 64;

/// Something to come.
#[derive(Debug)]
enum Todo {
    Told(Happening),
    Consultation,
    Vaccination,
    Died,
    NurseVisit,
    MentalContact,
    Ambulance(Incident),
}

#[derive(Debug)]
struct Entry {
    at: Timestamp,
    order: u64,
    person: u64,
    todo: Todo,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// A message rendered, waiting for its moment.
#[derive(Debug)]
struct Ready(Timestamp, u64, Outgoing);

impl PartialEq for Ready {
    fn eq(&self, other: &Self) -> bool {
        (self.0, self.1) == (other.0, other.1)
    }
}
impl Eq for Ready {}
impl PartialOrd for Ready {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Ready {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0, self.1).cmp(&(other.0, other.1))
    }
}

/// What the stream has to know of a person to write about them.
struct Known {
    person: Person,
    life: Life,
    /// Registrations, amendments and duplicates of the history.
    facts: Vec<Happening>,
    care: Care,
}

/// The endless stream of a living region, see [`Region::live`].
pub struct Live<'r> {
    region: &'r Region,
    dice: Dice,
    from: Timestamp,
    /// New things have begun up to here.
    made: Timestamp,
    queue: BinaryHeap<Reverse<Entry>>,
    ready: BinaryHeap<Reverse<Ready>>,
    order: u64,
    sent: u64,
    board: Bedboard,
    /// In hospital or on the way there, until when.
    busy: BTreeMap<u64, Timestamp>,
    died: BTreeMap<u64, Date>,
    registered: BTreeSet<(u64, u8)>,
    merged: BTreeSet<(u64, u8)>,
    recent: VecDeque<(u64, Arc<Known>)>,
}

impl std::fmt::Debug for Live<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("made", &self.made).field("queued", &self.queue.len()).finish_non_exhaustive()
    }
}

impl Region {
    /// Life goes on after the start: every message from `from` on, in time order, for ever. The stream itself always
    /// begins at [`Region::start`]; what lies before `from` is lived through but not told. Ask for `region.start()` after
    /// loading the history, or nobody who was in hospital then will be seen to leave.
    ///
    /// Memory grows with the people in hospital and the appointments to come, not with time.
    pub fn live(&self, from: Timestamp) -> Live<'_> {
        let mut live = Live {
            region: self,
            dice: Dice::new(self.world.seed, &[70]),
            from,
            made: self.start(),
            queue: BinaryHeap::new(),
            ready: BinaryHeap::new(),
            order: 0,
            sent: 0,
            board: self.inpatients().board.clone(),
            busy: BTreeMap::new(),
            died: BTreeMap::new(),
            registered: BTreeSet::new(),
            merged: BTreeSet::new(),
            recent: VecDeque::new(),
        };
        live.take_over();
        live
    }
}

/// How busy an hour is, as a share of the day, on a day of the week.
fn clinic_hours(when: Timestamp) -> f64 {
    const BY_HOUR: [f64; 24] = [
        0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.01, 0.10, 0.14, 0.14, 0.13, 0.09, 0.06, 0.10, 0.10, 0.08, 0.04, 0.01, 0.0,
        0.0, 0.0, 0.0, 0.0,
    ];
    let working = !matches!(day_of(when).weekday(), Weekday::Saturday | Weekday::Sunday);
    let hour = usize::try_from(minute_of(when) / 60).unwrap_or(0);
    if working { BY_HOUR.get(hour).copied().unwrap_or(0.0) * 7.0 / 5.0 } else { 0.0 }
}

fn emergency_hours(when: Timestamp) -> f64 {
    const BY_HOUR: [f64; 24] = [
        2.2, 1.8, 1.5, 1.3, 1.2, 1.4, 1.8, 2.8, 4.2, 5.6, 6.3, 6.4, 6.1, 5.9, 5.8, 5.7, 5.6, 5.7, 5.8, 5.5, 5.0, 4.3,
        3.5, 2.8,
    ];
    let monday = if day_of(when).weekday() == Weekday::Monday { 1.08 } else { 0.99 };
    let hour = usize::try_from(minute_of(when) / 60).unwrap_or(0);
    BY_HOUR.get(hour).copied().unwrap_or(4.0) / 98.2 * monday
}

impl Live<'_> {
    /// What the history left undone: stays that go on, appointments to come, letters still to be written.
    fn take_over(&mut self) {
        let region = self.region;
        let start = region.start();
        let everyone = region.people() <= BOOKINGS_PEOPLE_MAX;
        let people: Box<dyn Iterator<Item = u64>> =
            if everyone { Box::new(0..region.people()) } else { Box::new(region.inpatients().stays.keys().copied()) };
        for index in people {
            let Some(known) = self.known(index) else { continue };
            if let Some(stay) = region.inpatients().stays.get(&index) {
                self.busy.insert(index, stay.discharged);
                if stay.died {
                    self.died.insert(index, day_of(stay.discharged));
                }
            }
            for happening in known.facts.iter().filter(|h| h.at >= start) {
                self.push(index, happening.at, Todo::Told(happening.clone()));
            }
            if known.person.death.is_some() {
                continue;
            }
            if let Some(nursing) = &known.care.nursing {
                let first = at(plus_days(region.world.start, self.dice.range(0, nursing.need.every() - 1)), 8 * 60 + 30 + self.dice.range(0, 420));
                self.push(index, first, Todo::NurseVisit);
            }
            if known.care.mental.is_some() {
                let first = plans::weekday(plus_days(region.world.start, self.dice.range(0, 40)), 9 * 60 + self.dice.range(0, 16) * 30);
                self.push(index, first, Todo::MentalContact);
            }
        }
    }

    fn push(&mut self, person: u64, at: Timestamp, todo: Todo) {
        self.order += 1;
        self.queue.push(Reverse(Entry { at, order: self.order, person, todo }));
    }

    fn known(&mut self, index: u64) -> Option<Arc<Known>> {
        if let Some((_, known)) = self.recent.iter().find(|(i, _)| *i == index) {
            return Some(known.clone());
        }
        let region = self.region;
        let person = region.person(index)?;
        let life = region.life(&person);
        let practice = practice::history(&region.world, &person, &life);
        let now = region.inpatients().stays.get(&index);
        let start = region.start();
        let mut facts = timeline::timeline(&region.world, &person, &life, &practice, now);
        let care = plans::care(&region.world, &person, &life, &crate::region::attendances(&facts));
        // Of the past only what registers need to know is kept.
        facts.retain(|h| h.at >= start || matches!(h.what, What::Registered { .. } | What::Amended | What::Merged));
        let known = Arc::new(Known { person, life, facts, care });
        self.recent.push_front((index, known.clone()));
        self.recent.truncate(RECENT_PEOPLE);
        Some(known)
    }

    /// How many of something happen in this step, given so many a day.
    fn count(&mut self, a_day: f64, share_of_day_an_hour: f64) -> i64 {
        let mean = a_day * share_of_day_an_hour * crate::dice::real_i(STEP_MINUTES) / 60.0;
        floor(mean) + i64::from(self.dice.chance(mean - mean.floor()))
    }

    fn somebody(&mut self) -> u64 {
        self.dice.below(self.region.people())
    }

    /// Let a step of time begin what begins in it.
    fn step(&mut self) {
        let region = self.region;
        let step = self.made;
        self.board.now = Some(step);
        let people = real(region.people());
        // Rates of the whole region a day; the choice of who follows age and illness.
        let emergencies = self.count(people * 0.43 / 365.0, emergency_hours(step));
        for _ in 0..emergencies {
            self.emergency(step);
        }
        let desk = clinic_hours(step);
        for _ in 0..self.count(people * 0.53 / 365.0, desk) {
            self.referral(step);
        }
        for _ in 0..self.count(people * 5.0 / 365.0, desk) {
            let (index, at) = (self.somebody(), self.moment(step));
            self.push(index, at, Todo::Consultation);
        }
        for _ in 0..self.count(people * 0.25 / 365.0, desk) {
            let (index, at) = (self.somebody(), self.moment(step));
            self.push(index, at, Todo::Vaccination);
        }
        for _ in 0..self.count(people * 0.75 / 365.0, desk) {
            self.practice_sample(step);
        }
        for _ in 0..self.count(people * 0.04 / 365.0, desk) {
            self.amendment(step);
        }
        for _ in 0..self.count(people * 0.08 / 365.0, 1.0 / 24.0) {
            let (index, at) = (self.somebody(), self.moment(step));
            self.push(index, at, Todo::Died);
        }
        // Operating lists are made at half past six.
        if minute_of(step) / STEP_MINUTES == 39 && desk_day(step) {
            let list = self.count(people * 0.13 / 365.0 * 7.0 / 5.0, 6.0);
            for _ in 0..list {
                self.operation(step);
            }
        }
        self.made = plus_minutes(step, STEP_MINUTES);
        let made = self.made;
        self.busy.retain(|_, until| *until > made);
    }

    fn moment(&mut self, step: Timestamp) -> Timestamp {
        crate::when::plus_seconds(step, self.dice.range(0, STEP_MINUTES * 60 - 1))
    }

    /// Somebody who is alive and at home, chosen in proportion to a rate of at most `most`.
    fn choose(&mut self, most: f64, rate: impl Fn(&Known, Date) -> f64) -> Option<(u64, Arc<Known>)> {
        let day = day_of(self.made);
        for _ in 0..40 {
            let index = self.somebody();
            if self.busy.contains_key(&index) || self.died.contains_key(&index) {
                continue;
            }
            let known = self.known(index)?;
            if known.person.death.is_some() {
                continue;
            }
            if self.dice.chance(rate(&known, day) / most) {
                return Some((index, known));
            }
        }
        None
    }

    fn emergency(&mut self, step: Timestamp) {
        let rate = |known: &Known, day: Date| {
            hospital::attendance_rate(crate::life::age_years(&known.person, day), known.life.long_term)
        };
        let Some((index, known)) = self.choose(1.3, rate) else { return };
        let arrived = self.moment(step);
        let region = self.region;
        let (attendance, stay) =
            hospital::attend(&region.world, &known.person, &known.life, arrived, &mut self.board, &mut self.dice);
        let mut list = Vec::new();
        timeline::told(&attendance, stay.as_ref(), &mut self.dice, &mut list);
        let until = stay.as_ref().map_or(attendance.left, |s| s.discharged);
        self.begin(index, &known, attendance.hospital, arrived, until, stay.as_deref());
        if attendance.ambulance {
            let incident = plans::of_attendance(&attendance);
            self.push(index, arrived, Todo::Ambulance(incident));
        }
        let twice = stay.is_none() && self.dice.chance(0.02);
        if twice
            && !self.merged.contains(&(index, attendance.hospital))
            && !known.facts.iter().any(|h| matches!(h.what, What::Registered { second: true }))
        {
            self.register_twice(index, &attendance);
            return;
        }
        self.tell_all(index, list);
    }

    /// The desk does not find the person and registers them anew; a week later the two are merged.
    fn register_twice(&mut self, index: u64, attendance: &Arc<hospital::Attendance>) {
        let hospital = attendance.hospital;
        self.merged.insert((index, hospital));
        let mut list = vec![Happening {
            at: plus_minutes(attendance.arrived, -2),
            source: hospital,
            what: What::Registered { second: true },
        }];
        timeline::of_attendance(attendance, true, &mut self.dice, &mut list);
        list.retain(|h| !matches!(h.what, What::Imaged(_) | What::ImagingReported(_)));
        let when = at(plus_days(day_of(attendance.left), self.dice.range(1, 9)), 10 * 60 + self.dice.range(0, 300));
        list.push(Happening { at: when, source: hospital, what: What::Merged });
        self.tell_all(index, list);
    }

    fn operation(&mut self, step: Timestamp) {
        let rate = |known: &Known, day: Date| hospital::planned_rate(crate::life::age_years(&known.person, day));
        let Some((index, known)) = self.choose(0.31, rate) else { return };
        let region = self.region;
        let Some(stay) =
            hospital::operate(&region.world, &known.person, &known.life, day_of(step), &mut self.board, &mut self.dice)
        else {
            return;
        };
        let mut list = Vec::new();
        timeline::of_stay(&stay, &mut self.dice, &mut list);
        self.begin(index, &known, stay.hospital, stay.admitted, stay.discharged, Some(&stay));
        self.tell_all(index, list);
    }

    fn referral(&mut self, step: Timestamp) {
        let rate = |known: &Known, day: Date| {
            hospital::referral_rate(crate::life::age_years(&known.person, day), known.life.long_term)
        };
        let Some((index, known)) = self.choose(1.7, rate) else { return };
        let booked = self.moment(step);
        let region = self.region;
        let mut list = Vec::new();
        let mut hospital = None;
        for clinic in hospital::refer(&region.world, &known.person, &known.life, booked, &mut self.dice) {
            hospital = Some(clinic.hospital);
            if let Some(sample) = hospital::clinic_sample(&clinic, &known.life, &mut self.dice) {
                timeline::of_sample(sample, &mut list);
            }
            timeline::of_clinic(&clinic, &mut self.dice, &mut list);
        }
        if let Some(hospital) = hospital {
            self.register(index, &known, hospital, plus_minutes(booked, -4));
        }
        self.tell_all(index, list);
    }

    fn practice_sample(&mut self, step: Timestamp) {
        let rate = |known: &Known, day: Date| {
            practice::sample_rate(&known.life, crate::life::age_years(&known.person, day), day)
        };
        let Some((index, known)) = self.choose(3.6, rate) else { return };
        let taken = self.moment(step);
        let day = day_of(step);
        let Some(sample) = practice::sample(&known.person, &known.life, day, &mut self.dice) else { return };
        let reported = at(day, 16 * 60 + self.dice.range(0, 300)).max(plus_minutes(taken, 90));
        let sample = Sample { taken, reported, requester: Requester::Practice, ..sample };
        let mut list = Vec::new();
        timeline::of_sample(sample, &mut list);
        self.tell_all(index, list);
    }

    fn amendment(&mut self, step: Timestamp) {
        let index = self.somebody();
        let Some(known) = self.known(index) else { return };
        let registered =
            known.facts.iter().find(|h| matches!(h.what, What::Registered { second: false })).map(|h| h.source);
        if let Some(source) = registered.filter(|_| !self.died.contains_key(&index)) {
            let at = self.moment(step);
            self.push(index, at, Todo::Told(Happening { at, source, what: What::Amended }));
        }
    }

    /// Somebody comes to hospital: they are registered there, and nowhere else until they leave.
    fn begin(
        &mut self,
        index: u64,
        known: &Known,
        hospital: u8,
        from: Timestamp,
        until: Timestamp,
        stay: Option<&Stay>,
    ) {
        self.register(index, known, hospital, plus_minutes(from, -3));
        self.busy.insert(index, until);
        if let Some(stay) = stay.filter(|s| s.died) {
            self.died.insert(index, day_of(stay.discharged));
        }
    }

    fn register(&mut self, index: u64, known: &Known, hospital: u8, when: Timestamp) {
        let before =
            known.facts.iter().any(|h| h.source == hospital && matches!(h.what, What::Registered { second: false }));
        if before || !self.registered.insert((index, hospital)) {
            return;
        }
        self.push(
            index,
            when,
            Todo::Told(Happening { at: when, source: hospital, what: What::Registered { second: false } }),
        );
    }

    fn tell_all(&mut self, index: u64, list: Vec<Happening>) {
        for happening in list {
            self.push(index, happening.at, Todo::Told(happening));
        }
    }

    /// Do what is due.
    fn perform(&mut self, entry: Entry) {
        // Messages are numbered by what they tell of, so that the numbers do not depend on where a listener begins.
        let Entry { at: when, order, person: index, todo } = entry;
        let dead = self.died.get(&index).copied();
        let gone = dead.is_some_and(|day| day < day_of(when));
        match todo {
            Todo::Told(mut happening) => {
                let in_hospital = self.busy.get(&index).is_some_and(|until| *until > when);
                happening.what = match happening.what {
                    What::Seen(clinic) if gone || in_hospital => What::CancelledClinic(clinic),
                    What::Booked(_) | What::Rebooked(_) | What::MissedClinic(_) | What::Referred(_) if gone => return,
                    What::Wrote(letter)
                        if matches!(*letter, crate::letters::Letter::Clinic(_)) && (gone || in_hospital) =>
                    {
                        return;
                    }
                    What::Resulted(sample, _)
                        if gone && matches!(sample.requester, Requester::Clinic(_) | Requester::Practice) =>
                    {
                        return;
                    }
                    other => other,
                };
                self.render(index, when, order, dead, |desks, out| desks.tell(&happening, out));
                if let What::Registered { second: true } = happening.what {
                    self.merged.insert((index, happening.source));
                }
            }
            Todo::Consultation => self.consultation(index, when, gone),
            Todo::Vaccination => self.vaccination(index, when, gone),
            Todo::Died => self.death(index, when),
            Todo::NurseVisit => self.nurse(index, when, gone),
            Todo::MentalContact => self.mental(index, when, gone),
            Todo::Ambulance(incident) => {
                let sent = plus_minutes(incident.at, 70);
                self.team_writes(index, sources::id::AMBULANCE, sent, |pen| pen.ambulance(&[incident], sent));
            }
        }
    }

    fn death(&mut self, index: u64, when: Timestamp) {
        let Some(known) = self.known(index) else { return };
        let age = known.person.age(day_of(when));
        let rate = match age {
            ..=59 => 0.03,
            60..=74 => 0.2,
            75..=84 => 0.6,
            _ => 1.0,
        };
        let scripted = known.life.role.is_some();
        if known.person.death.is_some()
            || scripted
            || self.busy.contains_key(&index)
            || self.died.contains_key(&index)
            || !self.dice.chance(rate)
        {
            return;
        }
        self.died.insert(index, day_of(when));
        for source in [sources::id::ALDERMERE, sources::id::THORNHAVEN] {
            let known_there = self.registered.contains(&(index, source))
                || known
                    .facts
                    .iter()
                    .any(|h| h.source == source && matches!(h.what, What::Registered { second: false }));
            if known_there {
                let at = at(plus_days(day_of(when), self.dice.range(1, 4)), 9 * 60 + self.dice.range(0, 400));
                self.push(index, at, Todo::Told(Happening { at, source, what: What::Amended }));
            }
        }
    }

    fn consultation(&mut self, index: u64, when: Timestamp, gone: bool) {
        let Some(known) = self.known(index) else { return };
        let rate =
            practice::consultation_rate(crate::life::age_years(&known.person, day_of(when)), known.life.long_term);
        let absent = gone || known.person.death.is_some() || self.busy.contains_key(&index);
        // One throw in any case, so that who else is ill changes nothing here.
        if !self.dice.chance(rate / 10.0 + 0.35) || absent {
            return;
        }
        let mut consultation = practice::consult(&known.person, &known.life, day_of(when), &mut self.dice);
        consultation.at = when;
        let (readings, courses) = today::outcome(&known.person, &known.life, &consultation, &mut self.dice);
        let sent = plus_minutes(when, 12);
        self.practice_writes(index, when, sent, |pen| pen.visit(&consultation, &readings, &courses, sent));
    }

    fn vaccination(&mut self, index: u64, when: Timestamp, gone: bool) {
        let Some(known) = self.known(index) else { return };
        let autumn = (9..=12).contains(&day_of(when).month());
        let age = known.person.age(day_of(when));
        let absent = gone || known.person.death.is_some() || self.busy.contains_key(&index);
        let throw = (self.dice.chance(0.8), self.dice.chance(0.7), self.dice.below(90_000) + 10_000);
        let Some(dose) = practice::dose_of_the_day(age, autumn, when, throw.1, throw.2).filter(|_| throw.0 && !absent)
        else {
            return;
        };
        let sent = plus_minutes(when, 9);
        self.practice_writes(index, when, sent, |pen| pen.vaccination(&dose, sent));
    }

    /// A district nurse comes, and will come again, unless the person is in hospital or has died.
    fn nurse(&mut self, index: u64, when: Timestamp, gone: bool) {
        let Some(known) = self.known(index) else { return };
        let Some(nursing) = known.care.nursing.as_ref().filter(|_| !gone) else { return };
        let next = at(plus_days(day_of(when), nursing.need.every()), 8 * 60 + 30 + self.dice.range(0, 420));
        self.push(index, next, Todo::NurseVisit);
        if self.busy.get(&index).is_none_or(|until| *until < when) {
            let sent = plus_minutes(when, 40);
            let nursing = nursing.clone();
            self.team_writes(index, sources::id::COMMUNITY, sent, |pen| pen.nurse_today(&nursing, when, sent));
        }
    }

    fn mental(&mut self, index: u64, when: Timestamp, gone: bool) {
        let Some(known) = self.known(index) else { return };
        let Some(mental) = known.care.mental.as_ref().filter(|_| !gone) else { return };
        let next = plans::weekday(plus_days(day_of(when), self.dice.range(14, 60)), 9 * 60 + self.dice.range(0, 16) * 30);
        self.push(index, next, Todo::MentalContact);
        if self.busy.get(&index).is_none_or(|until| *until < when) {
            let sent = plus_minutes(when, 55);
            let mental = mental.clone();
            self.team_writes(index, sources::id::MENTAL_HEALTH, sent, |pen| pen.contact_today(&mental, when, sent));
        }
    }

    fn team_writes(&mut self, index: u64, source: u8, sent: Timestamp, write: impl FnOnce(&care::Pen<'_>) -> Outgoing) {
        if sent < self.from {
            return;
        }
        let Some(known) = self.known(index) else { return };
        let region = self.region;
        let belief = belief(&region.world, &known.person, known.life.role, source, false);
        let pen = care::Pen { world: &region.world, person: &known.person, life: &known.life, belief: &belief, source };
        let message = write(&pen);
        self.emit(message);
    }

    fn practice_writes(
        &mut self,
        index: u64,
        when: Timestamp,
        sent: Timestamp,
        write: impl FnOnce(&gp::Pen<'_>) -> Outgoing,
    ) {
        if sent < self.from {
            return;
        }
        let Some(known) = self.known(index) else { return };
        let region = self.region;
        let source = sources::practice(known.person.practice);
        let belief = belief(&region.world, &known.person, known.life.role, source, false);
        let pen = gp::Pen { world: &region.world, person: &known.person, life: &known.life, belief: &belief, source };
        let message = write(&pen);
        debug_assert!(minutes_between(when, message.at) >= 0);
        self.emit(message);
    }

    fn render(
        &mut self,
        index: u64,
        when: Timestamp,
        order: u64,
        dead: Option<Date>,
        tell: impl FnOnce(&mut Desks<'_>, &mut Vec<Outgoing>),
    ) {
        // A message is sent at most an hour and a half after what it tells of.
        if plus_minutes(when, 100) < self.from {
            return;
        }
        let Some(known) = self.known(index) else { return };
        let region = self.region;
        let mut person = known.person.clone();
        person.death = person.death.or(dead);
        let mut facts = known.facts.clone();
        for source in [sources::id::ALDERMERE, sources::id::THORNHAVEN] {
            if self.merged.contains(&(index, source)) {
                facts.push(Happening { at: when, source, what: What::Registered { second: true } });
            }
        }
        let stream = format!("L{}.", base36(order));
        let mut out = Vec::new();
        tell(&mut Desks::new(&region.world, &person, &known.life, &facts, &stream), &mut out);
        for message in out {
            self.emit(message);
        }
    }

    fn emit(&mut self, message: Outgoing) {
        if message.at >= self.from {
            self.sent += 1;
            self.ready.push(Reverse(Ready(message.at, self.sent, message)));
        }
    }
}

/// Is this a day on which operating lists run?
fn desk_day(when: Timestamp) -> bool {
    !matches!(day_of(when).weekday(), Weekday::Saturday | Weekday::Sunday)
}

impl Iterator for Live<'_> {
    type Item = Outgoing;

    fn next(&mut self) -> Option<Outgoing> {
        loop {
            let due = self.queue.peek().map(|Reverse(entry)| entry.at).filter(|at| *at < self.made);
            // Nothing still to be done can send anything earlier than itself.
            let horizon = due.unwrap_or(self.made);
            if self.ready.peek().is_some_and(|Reverse(ready)| ready.0 <= horizon) {
                return self.ready.pop().map(|Reverse(ready)| ready.2);
            }
            match due {
                Some(_) => {
                    if let Some(Reverse(entry)) = self.queue.pop() {
                        self.perform(entry);
                    }
                }
                None => self.step(),
            }
        }
    }
}
