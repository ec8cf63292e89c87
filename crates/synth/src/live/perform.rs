//! What is due is done: told by a desk, or written by a team.

use super::Entry;
use super::{Live, Todo};
use crate::{
    letters::Letter,
    life::{
        hospital::Requester,
        plans, practice,
        timeline::{Happening, What},
        today,
    },
    sources,
    when::{at, day_of, minutes_between, plus_days, plus_minutes},
    wire::{Outgoing, base36, belief::belief, care, desks::Desks, gp},
};
use jiff::{Timestamp, civil::Date};

impl Live<'_> {
    /// Do what is due.
    pub(super) fn perform(&mut self, entry: Entry) {
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
                    What::Wrote(letter) if matches!(*letter, Letter::Clinic(_)) && (gone || in_hospital) => {
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
        let next =
            plans::weekday(plus_days(day_of(when), self.dice.range(14, 60)), 9 * 60 + self.dice.range(0, 16) * 30);
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
}
