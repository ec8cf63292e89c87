//! Who lies in hospital when the region starts to live, each in a bed of their own.

use crate::{
    clinical::acute::EMERGENCIES,
    dice::{Dice, real, round},
    life::{
        Role,
        hospital::{self, Beds, Stay},
    },
    region::Region,
    sources::Ward,
    when::{at, plus_days},
};
use jiff::Timestamp;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Who is in hospital at the start.
#[derive(Debug)]
pub(crate) struct Wards {
    pub(crate) stays: BTreeMap<u64, Arc<Stay>>,
    pub(crate) board: Bedboard,
}

/// Hospital, ward, bay and bed.
type Bed = (u8, &'static str, u8, u8);

/// Beds with when they are taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bedboard {
    taken: BTreeMap<Bed, Vec<(Timestamp, Timestamp)>>,
    /// Bookings that ended before this are forgotten.
    pub(crate) now: Option<Timestamp>,
    /// How many times larger than the plan the wards are, for large regions.
    pub(crate) scale: u8,
}

impl Beds for Bedboard {
    fn take(&mut self, hospital: u8, ward: &'static Ward, from: Timestamp, to: Timestamp, dice: &mut Dice) -> (u8, u8) {
        let bays = ward.bays.saturating_mul(self.scale.max(1));
        let first = dice.below(u64::from(bays));
        for step in 0..u64::from(bays) {
            let bay = u8::try_from(1 + (first + step) % u64::from(bays)).unwrap_or(1);
            for bed in 1..=ward.beds {
                let held = self.taken.entry((hospital, ward.code, bay, bed)).or_default();
                if let Some(now) = self.now {
                    held.retain(|(_, until)| *until > now);
                }
                if held.iter().all(|(f, t)| to <= *f || *t <= from) {
                    held.push((from, to));
                    return (bay, bed);
                }
            }
        }
        // The ward is full: a trolley in the corridor, which every hospital has.
        let trolley = u8::try_from(90 + dice.below(9)).unwrap_or(90);
        (bays.saturating_add(1), trolley)
    }
}

impl Region {
    /// People in hospital at the start, with their stays and the beds they keep from others.
    pub(crate) fn inpatients(&self) -> &Wards {
        self.inpatients.get_or_init(|| self.fill_wards())
    }

    /// How many times larger than its plan each ward has to be for this many people.
    pub(crate) fn ward_scale(&self) -> u8 {
        u8::try_from(self.world.people / 260_000 + 1).unwrap_or(40).min(40)
    }

    /// About 1.6 beds per 1,000 people are full in England on a day; a small region gets at least a dozen, so that wards
    /// have somebody on them.
    fn fill_wards(&self) -> Wards {
        let world = &self.world;
        let wanted = u64::try_from(round(real(world.people) * 0.0016)).unwrap_or(0).max(14).min(world.people / 20);
        let mut dice = Dice::new(world.seed, &[50]);
        let mut board = Bedboard { scale: self.ward_scale(), ..Bedboard::default() };
        let mut stays = BTreeMap::new();
        let mut tried: BTreeSet<u64> = BTreeSet::new();
        if let Some((index, _)) = self.cast.iter().find(|(_, role)| **role == Role::InHospital) {
            self.lay(*index, &mut board, &mut dice, &mut stays);
            tried.insert(*index);
        }
        let mut throws = 0;
        while (stays.len() as u64) < wanted && throws < wanted * 60 {
            throws += 1;
            let index = dice.below(world.people);
            // The role players have stories of their own.
            if self.cast.contains_key(&index) || !tried.insert(index) {
                continue;
            }
            let Some(person) = self.person(index).filter(|p| p.death.is_none()) else { continue };
            let weight = match person.age(world.start) {
                ..=15 => 0.06,
                16..=49 => 0.08,
                50..=64 => 0.25,
                65..=79 => 0.6,
                _ => 1.0,
            };
            if dice.chance(weight) {
                self.lay(index, &mut board, &mut dice, &mut stays);
            }
        }
        Wards { stays, board }
    }

    /// Put one person to bed: a stay that began in the last days and goes on.
    fn lay(&self, index: u64, board: &mut Bedboard, dice: &mut Dice, stays: &mut BTreeMap<u64, Arc<Stay>>) {
        let world = &self.world;
        let Some(person) = self.person(index) else { return };
        let life = self.life(&person);
        let scripted = life.role == Some(Role::InHospital);
        let start = self.start();
        for attempt in 0..40 {
            let back = if scripted { 3 } else { 1 + round(dice.exponential(4.0)).clamp(0, 20) };
            let arrived = at(plus_days(world.start, -back), hospital::arrival_minute(dice));
            let mut kept = hospital::AnyBed;
            let copd = EMERGENCIES.iter().find(|e| e.term.sct == "195951007").filter(|_| scripted);
            let reason = copd.unwrap_or_else(|| hospital::emergency(&person, &life, world.start, dice));
            let (_, stay) = hospital::attend_for(world, &person, &life, arrived, reason, &mut kept, dice);
            let Some(stay) = stay else { continue };
            let good = stay.admitted < start && stay.discharged > crate::when::plus_minutes(start, 120);
            if good && (!scripted || !stay.died || attempt > 30) {
                // Now that it fits, beds of its own.
                let mut stay = Stay::clone(&stay);
                let ends: Vec<Timestamp> =
                    stay.places.iter().skip(1).map(|p| p.from).chain([stay.discharged]).collect();
                for (place, to) in stay.places.iter_mut().zip(ends) {
                    (place.bay, place.bed) = board.take(stay.hospital, place.ward, place.from, to, dice);
                }
                stays.insert(index, Arc::new(stay));
                return;
            }
        }
    }
}
