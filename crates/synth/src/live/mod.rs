//! The region lives on: people fall ill, come, move, go home; bookings, blood, letters, consultations. One stream for
//! one region, begun at its start, the same every time.

mod begin;
mod perform;

use crate::{
    dice::{Dice, floor},
    inpatients::Bedboard,
    life::{
        Life,
        plans::{self, Care, Incident},
        practice,
        timeline::{self, Happening, What},
    },
    people::Person,
    region::Region,
    when::{at, day_of, minute_of, plus_days},
    wire::Outgoing,
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
                let first = at(
                    plus_days(region.world.start, self.dice.range(0, nursing.need.every() - 1)),
                    8 * 60 + 30 + self.dice.range(0, 420),
                );
                self.push(index, first, Todo::NurseVisit);
            }
            if known.care.mental.is_some() {
                let first = plans::weekday(
                    plus_days(region.world.start, self.dice.range(0, 40)),
                    9 * 60 + self.dice.range(0, 16) * 30,
                );
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

    fn tell_all(&mut self, index: u64, list: Vec<Happening>) {
        for happening in list {
            self.push(index, happening.at, Todo::Told(happening));
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
