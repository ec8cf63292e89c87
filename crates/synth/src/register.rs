//! Practices' registers for loading very many people: everybody's identity, address and practice, and of their past as much as
//! there is room for.

use crate::{
    dice::{floor, real},
    life::practice::{self, Practice},
    people::Person,
    region::Region,
    sources,
    when::at,
    wire::{Outgoing, belief::belief, gp},
};

/// How far the sizes of records lie apart: the standard deviation of their logarithm. With 1, one person in a hundred has ten
/// times as much as the one in the middle.
const SPREAD: f64 = 1.0;

impl Region {
    /// Where somebody is registered: the source, its ODS code, and the number they have there.
    pub fn registered_as(&self, person: &Person) -> (&'static str, &'static str, String) {
        let source = sources::practice(person.practice);
        let at = sources::at(source);
        (at.id, at.ods, belief(&self.world, person, self.role(person.index), source, false).local)
    }

    /// A person as their practice's register has them, in one transaction bundle. About `mean` resources a person are kept of
    /// consultations, measurements and vaccinations, the newest ones, skewed as records are: many have few, few have very many;
    /// problems, medicines and allergies are whole. People with a short past have less. Below 1, `mean` is the share of people
    /// who have a past at all (problems, medicines and allergies); of the others there is only who they are.
    pub fn register(&self, person: &Person, mean: f64) -> Outgoing {
        let life = self.life(person);
        let mut dice = self.world.dice(7, person.index);
        let skew = (dice.normal(0.0, SPREAD) - SPREAD * SPREAD / 2.0).exp();
        let has_past = mean >= 1.0 || dice.chance(mean);
        let room = usize::try_from(floor(mean.max(0.0) * skew)).unwrap_or(0);
        let mut past = if room == 0 { Practice::default() } else { practice::history(&self.world, person, &life) };
        let all = past.consultations.len() + past.readings.len() + past.doses.len();
        let keep = |length: usize| {
            let share = real(room as u64) * real(length as u64) / real(all.max(1) as u64);
            length - length.min(usize::try_from(floor(share + 0.5)).unwrap_or(length))
        };
        let (consultations, readings, doses) =
            (keep(past.consultations.len()), keep(past.readings.len()), keep(past.doses.len()));
        past.consultations.drain(..consultations);
        past.readings.drain(..readings);
        past.doses.drain(..doses);
        let source = sources::practice(person.practice);
        let known = belief(&self.world, person, life.role, source, false);
        let pen = gp::Pen { world: &self.world, person, life: &life, belief: &known, source };
        let sent = at(self.world.start, -60);
        if has_past { pen.record(&past, None, &[], sent) } else { pen.registration(sent) }
    }
}
