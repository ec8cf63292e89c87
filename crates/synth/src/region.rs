//! A region: from a seed, its people, their past, and the messages all of it is told by.

use crate::{
    life::{self, Life, Role, World, hospital::Stay, practice, timeline},
    people::{self, BLOCK, Person},
    sources::{self, SOURCES, Source, id},
    when::at,
    wire::{
        Outgoing,
        belief::{Belief, belief},
        directory, gp,
        hospital::Desk,
    },
};
use jiff::{Timestamp, civil::Date};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

/// A synthetic region. Cheap to make: people are made when asked for.
#[derive(Debug)]
pub struct Region {
    pub(crate) world: World,
    pub(crate) cast: BTreeMap<u64, Role>,
    /// The block of neighbours made last, for those who ask for one after another.
    last: Mutex<Option<(u64, Arc<Vec<Person>>)>>,
    pub(crate) inpatients: std::sync::OnceLock<BTreeMap<u64, Arc<Stay>>>,
}

/// The seed of the region that documents and pictures speak of.
pub const DEFAULT_SEED: u64 = 2026;

impl Region {
    /// A region of `people` people whose history ends, and whose days begin, at midnight before `start` on the clocks of
    /// England. The same three values always give the same bytes.
    pub fn new(seed: u64, people: u64, start: Date) -> Region {
        let world = World { seed, people: people.max(1), start };
        let mut region =
            Region { world, cast: BTreeMap::new(), last: Mutex::new(None), inpatients: std::sync::OnceLock::new() };
        region.cast = crate::highlights::cast(&region);
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
        if let Ok(last) = self.last.lock()
            && let Some((n, people)) = last.as_ref()
            && *n == number
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
        if let Ok(mut last) = self.last.lock() {
            *last = Some((number, made.clone()));
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
        let now = self.inpatients().get(&person.index).cloned();
        let happenings = timeline::timeline(&self.world, person, &life, &practice, now.as_ref());
        let mut out = Vec::with_capacity(happenings.len() + 4);
        let mut desks = Desks::new(self, person, &life, &happenings, "H");
        for happening in happenings.iter().filter(|h| h.at < self.start()) {
            desks.tell(happening, &mut out);
        }
        let source = sources::practice(person.practice);
        let known = belief(&self.world, person, life.role, source, false);
        let pen = gp::Pen { world: &self.world, person, life: &life, belief: &known, source };
        out.push(pen.record(&practice, at(self.world.start, -60)));
        out.sort_by_key(|o| o.at);
        out
    }
}

/// The desks of the hospitals and the laboratory, each with what it believes of the person.
pub(crate) struct Desks<'a> {
    region: &'a Region,
    person: &'a Person,
    life: &'a Life,
    beliefs: [Belief; 3],
    seconds: [Option<Belief>; 2],
    amended: [Option<Timestamp>; 3],
    counts: [u64; 3],
    stream: &'a str,
}

impl<'a> Desks<'a> {
    pub(crate) fn new(
        region: &'a Region,
        person: &'a Person,
        life: &'a Life,
        happenings: &[timeline::Happening],
        stream: &'a str,
    ) -> Self {
        let world = &region.world;
        let known = |source: u8, second: bool| belief(world, person, life.role, source, second);
        let mut amended = [None; 3];
        let mut seconds = [None, None];
        for happening in happenings {
            let slot = usize::from(happening.source);
            match happening.what {
                timeline::What::Amended => {
                    if let Some(entry) = amended.get_mut(slot) {
                        *entry = Some(entry.map_or(happening.at, |t: Timestamp| t.min(happening.at)));
                    }
                }
                timeline::What::Registered { second: true } => {
                    if let Some(entry) = seconds.get_mut(slot) {
                        *entry = Some(known(happening.source, true));
                    }
                }
                _ => {}
            }
        }
        Desks {
            region,
            person,
            life,
            beliefs: [known(id::ALDERMERE, false), known(id::THORNHAVEN, false), known(id::LABORATORY, false)],
            seconds,
            amended,
            counts: [0; 3],
            stream,
        }
    }

    /// Tell one happening, at the desk it belongs to.
    pub(crate) fn tell(&mut self, happening: &timeline::Happening, out: &mut Vec<Outgoing>) {
        let slot = usize::from(happening.source);
        let (Some(known), Some(count)) = (self.beliefs.get(slot), self.counts.get_mut(slot)) else { return };
        let mut desk = Desk {
            world: &self.region.world,
            person: self.person,
            life: self.life,
            belief: known,
            second: self.seconds.get(slot).and_then(Option::as_ref),
            amended: self.amended.get(slot).copied().flatten(),
            source: happening.source,
            stream: self.stream,
            count: *count,
        };
        desk.tell(happening, out);
        *count = desk.count;
    }
}
