//! What begins in a step of time, and to whom.

use super::{Known, Live, STEP_MINUTES, Todo};
use super::{clinic_hours, desk_day, emergency_hours};
use crate::{
    dice::real,
    life::{
        clinic,
        hospital::{self, Requester, Sample, Stay},
        plans::{self, Incident},
        practice,
        timeline::{self, Happening, What},
    },
    when::{at, day_of, minute_of, plus_days, plus_minutes},
};
use jiff::{Timestamp, civil::Date};
use std::sync::Arc;

impl Live<'_> {
    /// Let a step of time begin what begins in it.
    pub(super) fn step(&mut self) {
        let region = self.region;
        let step = self.made;
        self.board.now = Some(step);
        let people = real(region.people());
        // Rates of the whole region a day; the choice of who follows age and illness.
        let emergencies = self.count(people * 0.43 / 365.0, emergency_hours(step));
        for _ in 0..emergencies {
            self.emergency(step);
        }
        for _ in 0..self.count(people * 0.045 / 365.0, emergency_hours(step)) {
            self.seen_at_home(step);
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

    /// An ambulance crew comes and leaves the person at home.
    fn seen_at_home(&mut self, step: Timestamp) {
        let rate = |known: &Known, day: Date| match known.person.age(day) {
            ..=64 => 0.02,
            65..=79 => 0.07,
            _ => 0.22,
        };
        let Some((index, known)) = self.choose(0.22, rate) else { return };
        let when = self.moment(step);
        let reason = hospital::emergency(&known.person, &known.life, day_of(step), &mut self.dice);
        let crew = self.dice.below(16);
        if reason.severity < 0.35 {
            self.push(
                index,
                plus_minutes(when, 30),
                Todo::Ambulance(Incident { at: when, reason, conveyed: None, crew }),
            );
        }
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
            clinic::referral_rate(crate::life::age_years(&known.person, day), known.life.long_term)
        };
        let Some((index, known)) = self.choose(1.7, rate) else { return };
        let booked = self.moment(step);
        let region = self.region;
        let mut list = Vec::new();
        let mut hospital = None;
        for clinic in clinic::refer(&region.world, &known.person, &known.life, booked, &mut self.dice) {
            hospital = Some(clinic.hospital);
            if let Some(sample) = clinic::clinic_sample(&clinic, &known.life, &mut self.dice) {
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
}
