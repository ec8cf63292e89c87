//! A region: from a seed, its people, their past, and the messages all of it is told by.

use crate::{
    inpatients::Wards,
    life::{self, Life, Role, World, clinic::Clinic, hospital::Attendance, plans, practice, timeline},
    people::{self, BLOCK, Person},
    sources::{self, SOURCES, Source, id},
    when::at,
    wire::{Outgoing, belief::belief, care, desks::Desks, directory, gp},
};
use jiff::{Timestamp, civil::Date};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};

/// A synthetic region. Cheap to make: people are made when asked for.
#[derive(Debug)]
pub struct Region {
    pub(crate) world: World,
    pub(crate) cast: BTreeMap<u64, Role>,
    /// The blocks of neighbours asked for last, latest first.
    recent: Mutex<VecDeque<(u64, Arc<Vec<Person>>)>>,
    pub(crate) inpatients: std::sync::OnceLock<Wards>,
}

/// How many blocks of neighbours are kept for the next who asks.
const RECENT_BLOCKS: usize = 48;

/// The seed of the region that documents and pictures speak of.
pub const DEFAULT_SEED: u64 = 1;

impl Region {
    /// A region of `people` people whose history ends, and whose days begin, at midnight before `start` on the clocks of
    /// England. The same three values always give the same bytes.
    pub fn new(seed: u64, people: u64, start: Date) -> Region {
        let world = World { seed, people: people.max(1), start };
        let mut region = Region {
            world,
            cast: BTreeMap::new(),
            recent: Mutex::new(VecDeque::new()),
            inpatients: std::sync::OnceLock::new(),
        };
        region.cast = crate::highlights::cast(&region);
        // The blocks looked through for the parts were made without them.
        if let Ok(mut recent) = region.recent.lock() {
            recent.clear();
        }
        region
    }

    /// How many people there are.
    pub fn people(&self) -> u64 {
        self.world.people
    }

    /// The instant at which history ends and [`Region::live`] begins.
    pub fn start(&self) -> Timestamp {
        at(self.world.start, 0)
    }

    /// Everyone who sends.
    pub fn sources(&self) -> &'static [Source] {
        SOURCES
    }

    /// The neighbours of a block, those past the end of the region left out.
    pub(crate) fn block(&self, number: u64) -> Arc<Vec<Person>> {
        if let Ok(recent) = self.recent.lock()
            && let Some((_, people)) = recent.iter().find(|(n, _)| *n == number)
        {
            return people.clone();
        }
        let world = &self.world;
        let mut made = people::block(world.seed, world.start, world.people, number);
        made.retain(|p| p.index < world.people);
        for person in &mut made {
            if let Some(role) = self.cast.get(&person.index) {
                crate::highlights::dress(world, person, *role);
            }
        }
        let made = Arc::new(made);
        if let Ok(mut recent) = self.recent.lock() {
            recent.push_front((number, made.clone()));
            recent.truncate(RECENT_BLOCKS);
        }
        made
    }

    /// Person `index`, from 0; nothing past the end.
    pub fn person(&self, index: u64) -> Option<Person> {
        if index >= self.world.people {
            return None;
        }
        self.block(index / BLOCK).get(usize::try_from(index % BLOCK).ok()?).cloned()
    }

    /// Everyone, block by block.
    pub fn everyone(&self) -> impl Iterator<Item = Person> + '_ {
        (0..self.world.people.div_ceil(BLOCK)).flat_map(|number| self.block(number).as_ref().clone())
    }

    pub(crate) fn role(&self, index: u64) -> Option<Role> {
        self.cast.get(&index).copied()
    }

    pub(crate) fn life(&self, person: &Person) -> Life {
        life::life(&self.world, person, self.role(person.index))
    }

    /// What must be sent before anything about a person: each FHIR source's organisation and staff.
    pub fn opening(&self) -> Vec<Outgoing> {
        (0..SOURCES.len())
            .filter_map(|s| u8::try_from(s).ok())
            .filter_map(|s| directory::bundle(&self.world, s))
            .collect()
    }

    /// A person's past as every source tells it, in time order: up to the start of the region.
    pub fn history(&self, person: &Person) -> Vec<Outgoing> {
        let life = self.life(person);
        let practice = practice::history(&self.world, person, &life);
        let now = self.inpatients().stays.get(&person.index).cloned();
        let happenings = timeline::timeline(&self.world, person, &life, &practice, now.as_ref());
        let mut out = Vec::with_capacity(happenings.len() + 4);
        let mut desks = Desks::new(&self.world, person, &life, &happenings, "H");
        for happening in happenings.iter().filter(|h| h.at < self.start()) {
            desks.tell(happening, &mut out);
        }
        let referrals: Vec<Arc<Clinic>> = happenings
            .iter()
            .filter_map(|h| match &h.what {
                timeline::What::Referred(clinic) if h.at < self.start() => Some(clinic.clone()),
                _ => None,
            })
            .collect();
        let care = plans::care(&self.world, person, &life, &attendances(&happenings));
        let source = sources::practice(person.practice);
        let known = belief(&self.world, person, life.role, source, false);
        let pen = gp::Pen { world: &self.world, person, life: &life, belief: &known, source };
        out.push(pen.record(&practice, care.about_me, &referrals, at(self.world.start, -60)));
        self.care_bundles(person, &life, &care, &mut out);
        out.sort_by_key(|o| o.at);
        out
    }

    /// What the sources around a person know: nothing from those who do not know them.
    fn care_bundles(&self, person: &Person, life: &Life, care: &plans::Care, out: &mut Vec<Outgoing>) {
        let mut send = |source: u8, minute: i64, write: &dyn Fn(&care::Pen<'_>, Timestamp) -> Outgoing| {
            let known = belief(&self.world, person, life.role, source, false);
            let pen = care::Pen { world: &self.world, person, life, belief: &known, source };
            out.push(write(&pen, at(self.world.start, minute)));
        };
        if care.nursing.is_some() || care.respect.is_some() || care.emergency_plan.is_some() {
            send(id::COMMUNITY, -55, &|pen, sent| pen.community(care, sent));
        }
        if let Some(mental) = &care.mental {
            send(id::MENTAL_HEALTH, -50, &|pen, sent| pen.mental(mental, sent));
        }
        if let Some(package) = &care.package {
            send(id::COUNCIL, -45, &|pen, sent| pen.council(package, sent));
        }
        let past: Vec<plans::Incident> = care.incidents.iter().filter(|i| i.at < self.start()).copied().collect();
        if !past.is_empty() {
            send(id::AMBULANCE, -40, &|pen, sent| pen.ambulance(&past, sent));
        }
    }
}

/// The attendances among happenings, the careless second registrations' left out.
pub(crate) fn attendances(happenings: &[timeline::Happening]) -> Vec<Arc<Attendance>> {
    happenings
        .iter()
        .filter_map(|h| match &h.what {
            timeline::What::Arrived(attendance, false) => Some(attendance.clone()),
            _ => None,
        })
        .collect()
}
