//! The three HL7 v2 desks of the region, ready to write about one person.

use super::{
    Outgoing,
    belief::{Belief, belief},
    hospital::Desk,
};
use crate::{
    life::{
        Life, World,
        timeline::{Happening, What},
    },
    people::Person,
    sources::id,
};
use jiff::Timestamp;

/// The desks of the hospitals and the laboratory, each with what it believes of the person.
pub(crate) struct Desks<'a> {
    world: &'a World,
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
        world: &'a World,
        person: &'a Person,
        life: &'a Life,
        happenings: &[Happening],
        stream: &'a str,
    ) -> Self {
        let known = |source: u8, second: bool| belief(world, person, life.role, source, second);
        let mut amended = [None; 3];
        let mut seconds = [None, None];
        for happening in happenings {
            let slot = usize::from(happening.source);
            match happening.what {
                What::Amended => {
                    if let Some(entry) = amended.get_mut(slot) {
                        *entry = Some(entry.map_or(happening.at, |t: Timestamp| t.min(happening.at)));
                    }
                }
                What::Registered { second: true } => {
                    if let Some(entry) = seconds.get_mut(slot) {
                        *entry = Some(known(happening.source, true));
                    }
                }
                _ => {}
            }
        }
        Desks {
            world,
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
    pub(crate) fn tell(&mut self, happening: &Happening, out: &mut Vec<Outgoing>) {
        let slot = usize::from(happening.source);
        let (Some(known), Some(count)) = (self.beliefs.get(slot), self.counts.get_mut(slot)) else { return };
        let mut desk = Desk {
            world: self.world,
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
