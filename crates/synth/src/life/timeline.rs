//! The past of one person at the hospitals and laboratories, as happenings in time order.

use super::{
    Life, Role, World, age_years,
    clinic::{self, Clinic, Outcome},
    hospital::{self, AnyBed, Attendance, Sample, Stay},
    practice::{self, Practice},
};
use crate::{
    clinical::acute::EMERGENCIES,
    dice::{Dice, round},
    letters::{self, Letter},
    people::Person,
    sources,
    when::{at, day_of, plus_days, plus_minutes},
};
use jiff::Timestamp;
use std::{collections::BTreeSet, sync::Arc};

/// Something a hospital or laboratory system tells of.
#[derive(Clone, Debug)]
pub(crate) enum What {
    /// The person is registered (`second`: a careless second time).
    Registered {
        second: bool,
    },
    /// Details were amended: a new address, a new telephone, or the news of a death.
    Amended,
    /// The second registration is merged into the first.
    Merged,
    Arrived(Arc<Attendance>, bool),
    Left(Arc<Attendance>, bool),
    Admitted(Arc<Stay>),
    Moved(Arc<Stay>, usize),
    Discharged(Arc<Stay>),
    /// The discharge was a mistake and is taken back.
    DischargeUndone(Arc<Stay>),
    /// Somebody only being seen is typed in as admitted, and taken out again.
    AdmittedByMistake(Arc<Attendance>),
    AdmissionCancelled(Arc<Attendance>),
    Observed(Arc<Stay>),
    /// A picture is asked for, and read.
    Imaged(Arc<Attendance>),
    ImagingReported(Arc<Attendance>),
    /// Medicines to take home.
    Dispensed(Arc<Stay>),
    VaccinatedOnWard(Arc<Stay>),
    /// A referral reaches the booking office.
    Referred(Arc<Clinic>),
    /// A letter is sent.
    Wrote(Arc<Letter>),
    Booked(Arc<Clinic>),
    Rebooked(Arc<Clinic>),
    CancelledClinic(Arc<Clinic>),
    MissedClinic(Arc<Clinic>),
    Seen(Arc<Clinic>),
    /// Results of a sample; `true` when sent again, corrected.
    Resulted(Arc<Sample>, bool),
}

/// One happening.
#[derive(Clone, Debug)]
pub(crate) struct Happening {
    pub at: Timestamp,
    /// The source that tells of it.
    pub source: u8,
    pub what: What,
}

fn tell(list: &mut Vec<Happening>, at: Timestamp, source: u8, what: What) {
    list.push(Happening { at, source, what });
}

fn write(letter: Letter, dice: &mut Dice, list: &mut Vec<Happening>) {
    if let Some(when) = letters::sent(&letter, dice) {
        tell(list, when, letter.hospital(), What::Wrote(Arc::new(letter)));
    }
}

/// What an attendance is told by.
pub(crate) fn of_attendance(attendance: &Arc<Attendance>, second: bool, dice: &mut Dice, list: &mut Vec<Happening>) {
    tell(list, attendance.arrived, attendance.hospital, What::Arrived(attendance.clone(), second));
    if !attendance.admitted {
        tell(list, attendance.left, attendance.hospital, What::Left(attendance.clone(), second));
        if second {
            return;
        }
        write(Letter::Emergency(attendance.clone()), dice, list);
        if attendance.reason.admitted > 0.1 && dice.chance(0.02) {
            tell(
                list,
                plus_minutes(attendance.arrived, 22),
                attendance.hospital,
                What::AdmittedByMistake(attendance.clone()),
            );
            tell(
                list,
                plus_minutes(attendance.arrived, 41),
                attendance.hospital,
                What::AdmissionCancelled(attendance.clone()),
            );
        }
    }
    if dice.chance(0.2 + attendance.reason.admitted * 0.5) {
        let asked = plus_minutes(attendance.arrived, dice.range(12, 30));
        tell(list, asked, attendance.hospital, What::Imaged(attendance.clone()));
        tell(
            list,
            plus_minutes(asked, dice.range(25, 200)),
            attendance.hospital,
            What::ImagingReported(attendance.clone()),
        );
    }
}

/// What a stay is told by.
pub(crate) fn of_stay(stay: &Arc<Stay>, dice: &mut Dice, list: &mut Vec<Happening>) {
    let source = stay.hospital;
    tell(list, stay.admitted, source, What::Admitted(stay.clone()));
    for (index, place) in stay.places.iter().enumerate().skip(1) {
        tell(list, place.from, source, What::Moved(stay.clone(), index));
    }
    if stay.hesitates {
        // Discharged in the system, taken back ten minutes later, and discharged again at the right time.
        let early = plus_minutes(stay.discharged, -95);
        if stay.places.iter().all(|p| p.from < early) {
            tell(list, early, source, What::Discharged(stay.clone()));
            tell(list, plus_minutes(early, 12), source, What::DischargeUndone(stay.clone()));
        }
    }
    tell(list, stay.discharged, source, What::Discharged(stay.clone()));
    if !stay.died {
        tell(list, plus_minutes(stay.discharged, -50), source, What::Dispensed(stay.clone()));
    }
    let autumn = (10..=12).contains(&day_of(stay.admitted).month());
    if autumn
        && stay.attendance.is_some()
        && crate::when::minutes_between(stay.admitted, stay.discharged) > 6 * 1_440
        && dice.chance(0.4)
    {
        tell(
            list,
            at(plus_days(day_of(stay.admitted), 4), 14 * 60 + dice.range(0, 90)),
            source,
            What::VaccinatedOnWard(stay.clone()),
        );
    }
    write(Letter::Discharge(stay.clone()), dice, list);
    for when in hospital::rounds(stay) {
        tell(list, when, source, What::Observed(stay.clone()));
    }
}

/// What a clinic appointment is told by.
pub(crate) fn of_clinic(clinic: &Arc<Clinic>, dice: &mut Dice, list: &mut Vec<Happening>) {
    let source = clinic.hospital;
    tell(list, clinic.booked, source, What::Booked(clinic.clone()));
    if clinic.first {
        tell(list, plus_minutes(clinic.booked, -3), source, What::Referred(clinic.clone()));
    }
    write(Letter::Clinic(clinic.clone()), dice, list);
    match clinic.outcome {
        Outcome::Attended => tell(list, clinic.at, source, What::Seen(clinic.clone())),
        Outcome::Missed => tell(list, plus_minutes(clinic.at, 45), source, What::MissedClinic(clinic.clone())),
        Outcome::Cancelled => {
            tell(list, before(clinic), source, What::CancelledClinic(clinic.clone()));
        }
        Outcome::Moved(to) => {
            tell(list, before(clinic), source, What::Rebooked(clinic.clone()));
            tell(list, to, source, What::Seen(clinic.clone()));
        }
    }
}

/// A desk hour between the booking and the appointment, when it is changed.
fn before(clinic: &Clinic) -> Timestamp {
    let days = crate::when::days_between(day_of(clinic.booked), day_of(clinic.at));
    let when = at(plus_days(day_of(clinic.at), -(days / 3).clamp(1, 9)), 11 * 60);
    when.max(plus_minutes(clinic.booked, 30))
}

/// What a sample is told by.
pub(crate) fn of_sample(sample: Sample, list: &mut Vec<Happening>) {
    let source = if sample.laboratory == 0 { sources::id::LABORATORY } else { sources::id::THORNHAVEN };
    let corrected = sample.corrected;
    let reported = sample.reported;
    let sample = Arc::new(sample);
    tell(list, reported, source, What::Resulted(sample.clone(), false));
    if corrected {
        tell(list, plus_minutes(reported, 190), source, What::Resulted(sample, true));
    }
}

/// The past of a person, what they are doing in hospital at this moment included, in time order. Happenings after the
/// start of the region are those already decided: appointments to come, the rest of a stay.
pub(crate) fn timeline(
    world: &World,
    person: &Person,
    life: &Life,
    practice: &Practice,
    now: Option<&Arc<Stay>>,
) -> Vec<Happening> {
    let mut dice = world.dice(4, person.index);
    let mut list = Vec::with_capacity(64);
    let from = world.records_from().max(plus_days(person.birth, 1));
    let until = life.until;
    let age = age_years(person, until);
    let mut busy: Vec<(Timestamp, Timestamp)> = Vec::new();
    if let Some(stay) = now {
        busy.push((stay.attendance.as_ref().map_or(stay.admitted, |a| a.arrived), stay.discharged));
        tell_stay(stay, &mut dice, &mut list);
    }
    for birthday in person.confinements.iter().filter(|d| **d > from && **d < until) {
        let stay = hospital::confine(world, person, *birthday, &mut AnyBed, &mut dice);
        keep(&mut busy, stay.admitted, stay.discharged, || of_stay(&stay, &mut dice, &mut list));
    }
    if matches!(life.role, Some(Role::AllergyConflict | Role::Married)) {
        scripted_stay(world, person, life, &mut busy, &mut dice, &mut list);
    }
    let rate = hospital::attendance_rate(age, life.long_term);
    practice::spread(from, until, rate, &mut dice, |day, dice| {
        let arrived = at(day, hospital::arrival_minute(dice));
        let (attendance, stay) = hospital::attend(world, person, life, arrived, &mut AnyBed, dice);
        let end = stay.as_ref().map_or(attendance.left, |s| s.discharged);
        if end > at(until, -60) {
            return;
        }
        keep(&mut busy, arrived, end, || told(&attendance, stay.as_ref(), dice, &mut list));
    });
    let rate = hospital::planned_rate(age) * (0.6 + 0.15 * crate::dice::real(life.long_term.min(6) as u64));
    practice::spread(from, until, rate, &mut dice, |day, dice| {
        if let Some(stay) =
            hospital::operate(world, person, life, day, &mut AnyBed, dice).filter(|s| s.discharged < at(until, 0))
        {
            keep(&mut busy, stay.admitted, stay.discharged, || of_stay(&stay, dice, &mut list));
        }
    });
    let mut rate = clinic::referral_rate(age, life.long_term);
    if life.role == Some(Role::KidneysFailing) {
        rate = 1.3;
    }
    let mut slots = BTreeSet::new();
    practice::spread(from, until, rate, &mut dice, |day, dice| {
        let booked = practice::surgery_time(day, dice);
        for clinic in clinic::refer(world, person, life, booked, dice) {
            // What is booked after the start of the region belongs to its life, not its past; the dead book nothing.
            if clinic.booked >= at(until, 0) && person.death.is_some() {
                break;
            }
            // Nobody is in two clinics at once, and an appointment's number is its minute.
            if !slots.insert(clinic.at) || clinic.seen() != clinic.at && !slots.insert(clinic.seen()) {
                continue;
            }
            if person.death.is_some() && clinic.seen() >= at(until, 0) {
                // Nobody keeps an appointment after dying; the desk cancels it (told with the death, below).
                break;
            }
            if let Some(sample) = clinic::clinic_sample(&clinic, life, dice) {
                of_sample(sample, &mut list);
            }
            of_clinic(&clinic, dice, &mut list);
        }
    });
    for sample in &practice.samples {
        of_sample(sample.clone(), &mut list);
    }
    duplicate(world, person, life, &mut dice, &mut list);
    registrations(person, life, &mut dice, &mut list);
    list.sort_by_key(|h| h.at);
    list
}

/// A stay that a story needs: an abdominal pain seven months ago.
fn scripted_stay(
    world: &World,
    person: &Person,
    life: &Life,
    busy: &mut Vec<(Timestamp, Timestamp)>,
    dice: &mut Dice,
    list: &mut Vec<Happening>,
) {
    let Some(pain) = EMERGENCIES.iter().find(|e| e.term.sct == "21522001") else { return };
    let arrived = at(plus_days(world.start, -212), 15 * 60 + 20);
    for _ in 0..60 {
        let (attendance, stay) = hospital::attend_for(world, person, life, arrived, pain, &mut AnyBed, dice);
        if let Some(stay) = stay {
            keep(busy, arrived, stay.discharged, || told(&attendance, Some(&stay), dice, list));
            return;
        }
    }
}

/// Tell of something that takes a while, unless the person was elsewhere then.
fn keep(busy: &mut Vec<(Timestamp, Timestamp)>, from: Timestamp, to: Timestamp, tell: impl FnOnce()) {
    let margin = 24 * 60;
    if busy.iter().any(|(f, t)| from < plus_minutes(*t, margin) && *f < plus_minutes(to, margin)) {
        return;
    }
    busy.push((from, to));
    tell();
}

/// An attendance with its samples, and the stay after it.
pub(crate) fn told(attendance: &Arc<Attendance>, stay: Option<&Arc<Stay>>, dice: &mut Dice, list: &mut Vec<Happening>) {
    of_attendance(attendance, false, dice, list);
    if let Some(sample) = hospital::door_sample(attendance, dice) {
        of_sample(sample, list);
    }
    if let Some(stay) = stay {
        of_stay(stay, dice, list);
        for sample in hospital::ward_samples(stay, dice) {
            of_sample(sample, list);
        }
    }
}

fn tell_stay(stay: &Arc<Stay>, dice: &mut Dice, list: &mut Vec<Happening>) {
    if let Some(attendance) = &stay.attendance {
        told(&attendance.clone(), Some(stay), dice, list);
    } else {
        of_stay(stay, dice, list);
    }
}

/// Now and then the desk registers somebody a second time, and a data quality clerk merges the two weeks later.
fn duplicate(world: &World, person: &Person, life: &Life, dice: &mut Dice, list: &mut Vec<Happening>) {
    let scripted = life.role == Some(Role::Duplicate);
    if !(scripted || dice.chance(0.006)) || person.death.is_some() {
        return;
    }
    let hospital = crate::people::places::place_at(person.address.place).hospital;
    let arrived = at(plus_days(world.start, -dice.range(60, 500)), hospital::arrival_minute(dice));
    let Some(minor) = EMERGENCIES.iter().find(|e| e.term.sct == "312608009") else { return };
    let attendance = Arc::new(Attendance {
        hospital,
        arrived,
        left: plus_minutes(arrived, dice.range(60, 200)),
        reason: minor,
        admitted: false,
        ambulance: false,
    });
    tell(list, plus_minutes(arrived, -2), hospital, What::Registered { second: true });
    of_attendance(&attendance, true, dice, list);
    let merged = at(plus_days(day_of(arrived), dice.range(5, 40)), 10 * 60 + dice.range(0, 300));
    // The first registration must be there to merge into.
    if !list.iter().any(|h| {
        h.source == hospital
            && matches!(h.what, What::Booked(_) | What::Admitted(_) | What::Arrived(_, false))
            && h.at < merged
    }) {
        tell(list, plus_minutes(arrived, -60 * 24 * 30), hospital, What::Amended);
    }
    tell(list, merged, hospital, What::Merged);
}

/// Each hospital and the laboratory register a person before anything else; later they hear of moves and deaths.
fn registrations(person: &Person, life: &Life, dice: &mut Dice, list: &mut Vec<Happening>) {
    for source in [sources::id::ALDERMERE, sources::id::THORNHAVEN] {
        let first = list.iter().filter(|h| h.source == source && !second(&h.what)).map(|h| h.at).min();
        let Some(first) = first else { continue };
        tell(list, plus_minutes(first, -3), source, What::Registered { second: false });
        if dice.chance(0.12) {
            let days = crate::when::days_between(day_of(first), life.until);
            if days > 40 {
                let when = at(
                    plus_days(day_of(first), round(dice.between(20.0, crate::dice::real_i(days - 10)))),
                    9 * 60 + dice.range(0, 450),
                );
                tell(list, when, source, What::Amended);
            }
        }
        if let Some(death) = person.death {
            tell(list, at(plus_days(death, dice.range(1, 2)), 9 * 60 + dice.range(0, 450)), source, What::Amended);
        }
    }
}

/// Does this speak of the careless second registration?
fn second(what: &What) -> bool {
    matches!(what, What::Registered { second: true } | What::Arrived(_, true) | What::Left(_, true))
}
