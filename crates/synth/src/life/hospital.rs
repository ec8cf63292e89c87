//! What happens to a person in hospital: attendances, stays with their moves, clinics, samples. Used both to tell the
//! past and to let the region live on.

use super::{Life, World, age_years, child, clinic::Clinic};
use crate::{
    clinical::{
        Term,
        acute::{Acute, EMERGENCIES, PLANNED, Planned},
        analytes::{self, Panel},
        term,
    },
    dice::{Dice, real, round},
    people::{Person, places},
    sources::{self, Staff, Use, Ward},
    when::{at, day_of, days_between, plus_days, plus_minutes},
};
use jiff::{Timestamp, civil::Date};
use std::sync::Arc;

/// Why somebody is in hospital.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reason {
    Emergency(&'static Acute),
    Planned(&'static Planned),
    Birth,
}

/// Childbirth, as a diagnosis.
pub(crate) const DELIVERY: Term = term("48782003", "Delivery normal", "O80");

impl Reason {
    pub(crate) fn term(self) -> Term {
        match self {
            Reason::Emergency(acute) => acute.term,
            Reason::Planned(planned) => planned.reason,
            Reason::Birth => DELIVERY,
        }
    }

    pub(crate) fn specialty(self) -> &'static str {
        match self {
            Reason::Emergency(acute) => acute.specialty,
            Reason::Planned(planned) => planned.specialty,
            Reason::Birth => "501",
        }
    }
}

/// A bed for a while.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placement {
    pub from: Timestamp,
    pub ward: &'static Ward,
    pub bay: u8,
    pub bed: u8,
}

/// An attendance at the emergency department.
#[derive(Clone, Debug)]
pub(crate) struct Attendance {
    pub hospital: u8,
    pub arrived: Timestamp,
    pub left: Timestamp,
    pub reason: &'static Acute,
    pub admitted: bool,
    pub ambulance: bool,
}

/// A stay in hospital.
#[derive(Clone, Debug)]
pub(crate) struct Stay {
    pub hospital: u8,
    pub admitted: Timestamp,
    pub discharged: Timestamp,
    pub reason: Reason,
    pub places: Vec<Placement>,
    pub died: bool,
    pub to_care_home: bool,
    pub consultant: Staff,
    /// The attendance it began with.
    pub attendance: Option<Arc<Attendance>>,
    /// The desk takes the discharge back once and does it again later.
    pub hesitates: bool,
}

/// Who asked for a test.
#[derive(Clone, Debug)]
pub(crate) enum Requester {
    Practice,
    Emergency(Arc<Attendance>),
    Ward(Arc<Stay>),
    Clinic(Arc<Clinic>),
}

/// Blood or urine taken.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// 0 the region's laboratory, 1 Thornhaven's.
    pub laboratory: u8,
    pub taken: Timestamp,
    pub reported: Timestamp,
    pub requester: Requester,
    pub panels: Vec<&'static Panel>,
    /// How ill the person is, 0 to 1.
    pub illness: f64,
    pub crp: f64,
    /// The laboratory sends it again later, corrected.
    pub corrected: bool,
}

/// Hands out beds.
pub(crate) trait Beds {
    /// A bed of this ward that is free from one instant to another.
    fn take(&mut self, hospital: u8, ward: &'static Ward, from: Timestamp, to: Timestamp, dice: &mut Dice) -> (u8, u8);
}

/// Beds of the past: any will do, for nobody looks who else lay there.
pub(crate) struct AnyBed;

impl Beds for AnyBed {
    fn take(&mut self, _: u8, ward: &'static Ward, _: Timestamp, _: Timestamp, dice: &mut Dice) -> (u8, u8) {
        let one_of = |n: u8, dice: &mut Dice| u8::try_from(1 + dice.below(u64::from(n))).unwrap_or(1);
        (one_of(ward.bays, dice), one_of(ward.beds, dice))
    }
}

/// Attendances at emergency departments a year, by age and how ill one is: about 0.43 on average in England.
pub(crate) fn attendance_rate(age: f64, long_term: usize) -> f64 {
    let base = match age {
        ..5.0 => 0.62,
        ..16.0 => 0.33,
        ..30.0 => 0.42,
        ..65.0 => 0.31,
        ..80.0 => 0.33,
        _ => 0.62,
    };
    base * (0.72 + 0.17 * real(long_term.min(8) as u64))
}

/// Planned admissions a year, by age: about 0.15 on average.
pub(crate) fn planned_rate(age: f64) -> f64 {
    match age {
        ..16.0 => 0.03,
        ..40.0 => 0.07,
        ..65.0 => 0.15,
        ..80.0 => 0.30,
        _ => 0.22,
    }
}

/// The hospital a person goes to: mostly the nearer.
pub(crate) fn hospital_for(person: &Person, dice: &mut Dice) -> u8 {
    let near = places::place_at(person.address.place).hospital;
    if dice.chance(0.92) { near } else { 1 - near }
}

/// A minute of the day at which people come to emergency departments: quiet at night, busy from ten to ten.
pub(crate) fn arrival_minute(dice: &mut Dice) -> i64 {
    const BY_HOUR: [f64; 24] = [
        2.2, 1.8, 1.5, 1.3, 1.2, 1.4, 1.8, 2.8, 4.2, 5.6, 6.3, 6.4, 6.1, 5.9, 5.8, 5.7, 5.6, 5.7, 5.8, 5.5, 5.0, 4.3,
        3.5, 2.8,
    ];
    let hour = i64::try_from(dice.weighted(BY_HOUR.iter().copied())).unwrap_or(12);
    hour * 60 + dice.range(0, 59)
}

/// What brings this person through the door.
pub(crate) fn emergency(person: &Person, life: &Life, day: Date, dice: &mut Dice) -> &'static Acute {
    let age = person.age(day);
    let weights = EMERGENCIES.iter().map(|acute| {
        if age < acute.ages.0 || age > acute.ages.1 {
            return 0.0;
        }
        match acute.because {
            Some(ill) if life.has(ill, day) => acute.weight * 10.0,
            _ => acute.weight,
        }
    });
    let index = dice.weighted(weights);
    EMERGENCIES.get(index).unwrap_or_else(|| dice.pick(EMERGENCIES))
}

/// An attendance that begins now, and the stay it may lead to.
pub(crate) fn attend(
    world: &World,
    person: &Person,
    life: &Life,
    arrived: Timestamp,
    beds: &mut dyn Beds,
    dice: &mut Dice,
) -> (Arc<Attendance>, Option<Arc<Stay>>) {
    let day = day_of(arrived);
    let reason = emergency(person, life, day, dice);
    attend_for(world, person, life, arrived, reason, beds, dice)
}

/// As [`attend`], for a given reason.
pub(crate) fn attend_for(
    world: &World,
    person: &Person,
    life: &Life,
    arrived: Timestamp,
    reason: &'static Acute,
    beds: &mut dyn Beds,
    dice: &mut Dice,
) -> (Arc<Attendance>, Option<Arc<Stay>>) {
    let hospital = hospital_for(person, dice);
    let age = age_years(person, day_of(arrived));
    let frail = if age > 75.0 { 0.12 } else { 0.0 };
    let admitted = dice.chance((reason.admitted + if reason.admitted > 0.05 { frail } else { 0.0 }).min(1.0));
    let minutes = if admitted { dice.range(150, 480) } else { dice.range(55, 260) };
    let ambulance = dice.chance(0.08 + reason.severity * 0.7 + if age > 75.0 { 0.35 } else { 0.0 });
    let attendance =
        Arc::new(Attendance { hospital, arrived, left: plus_minutes(arrived, minutes), reason, admitted, ambulance });
    let stay = admitted.then(|| admit(world, person, life, &attendance, beds, dice));
    (attendance, stay)
}

fn admit(
    world: &World,
    person: &Person,
    life: &Life,
    attendance: &Arc<Attendance>,
    beds: &mut dyn Beds,
    dice: &mut Dice,
) -> Arc<Stay> {
    let reason = attendance.reason;
    let hospital = attendance.hospital;
    let day = day_of(attendance.left);
    let age = age_years(person, day);
    let mean = reason.days * if age > 75.0 { 1.35 } else { 1.0 } * (0.8 + life.frailty);
    let days = round(dice.exponential(mean - 0.6).min(mean * 4.0) + 0.6).clamp(1, 45);
    let discharged = at(plus_days(day, days), 10 * 60 + dice.range(0, 480));
    let died = age > 60.0 && dice.chance(0.025 + 0.06 * reason.severity * (age - 60.0) / 25.0);
    // The dead of the history are fixed people; a death in hospital is told for them by the history itself.
    let died = died && life.until == world.start && person.death.is_none() && discharged > at(world.start, 0);
    let first = if child(person, day) {
        Use::Children
    } else if reason.severity > 0.85 && dice.chance(0.35) {
        Use::Critical
    } else if matches!(reason.ward, Use::Stroke | Use::Cardiac | Use::Orthopaedic | Use::Surgical) && dice.chance(0.75)
    {
        reason.ward
    } else {
        Use::AcuteMedical
    };
    let mut uses = vec![(attendance.left, first)];
    let target = if child(person, day) {
        Use::Children
    } else if reason.ward == Use::Medical && age > 80.0 {
        Use::Elderly
    } else {
        reason.ward
    };
    if target != first {
        let after = at(plus_days(day, dice.range(0, 1)), 0).max(attendance.left);
        let moved = plus_minutes(after, dice.range(300, 1_100)).max(plus_minutes(attendance.left, 120));
        if moved < plus_minutes(discharged, -180) {
            uses.push((moved, target));
        }
    }
    if days > 6 && dice.chance(0.35) && target != Use::Children {
        // Long stays are moved once more, often within the ward.
        let moved = at(plus_days(day, dice.range(3, days - 2)), 11 * 60 + dice.range(0, 400));
        if uses.iter().all(|(when, _)| *when < moved) && moved < plus_minutes(discharged, -180) {
            uses.push((moved, if age > 78.0 { Use::Elderly } else { target }));
        }
    }
    let places = place(hospital, &uses, discharged, beds, dice);
    Arc::new(Stay {
        hospital,
        admitted: attendance.left,
        discharged,
        reason: Reason::Emergency(reason),
        places,
        died,
        to_care_home: !died && (person.address.care_home || age > 82.0 && dice.chance(0.07)),
        consultant: sources::consultant(world.seed, hospital, reason.specialty, dice),
        attendance: Some(attendance.clone()),
        hesitates: !died && dice.chance(0.012),
    })
}

fn place(
    hospital: u8,
    uses: &[(Timestamp, Use)],
    end: Timestamp,
    beds: &mut dyn Beds,
    dice: &mut Dice,
) -> Vec<Placement> {
    let mut places: Vec<Placement> = Vec::with_capacity(uses.len());
    for (index, (from, purpose)) in uses.iter().enumerate() {
        let to = uses.get(index + 1).map_or(end, |next| next.0);
        let ward = sources::ward_for(hospital, *purpose, dice);
        let (bay, bed) = beds.take(hospital, ward, *from, to, dice);
        places.push(Placement { from: *from, ward, bay, bed });
    }
    places
}

/// A planned operation on this day, where one suits the person.
pub(crate) fn operate(
    world: &World,
    person: &Person,
    life: &Life,
    day: Date,
    beds: &mut dyn Beds,
    dice: &mut Dice,
) -> Option<Arc<Stay>> {
    let age = person.age(day);
    let weights = PLANNED.iter().map(|p| {
        if age < p.ages.0 || age > p.ages.1 {
            return 0.0;
        }
        match p.because {
            Some(ill) if life.has(ill, day) => p.weight * 6.0,
            Some(_) => 0.0,
            None => p.weight,
        }
    });
    let index = dice.weighted(weights.clone());
    let planned = PLANNED.get(index).filter(|_| weights.sum::<f64>() > 0.0)?;
    let hospital = hospital_for(person, dice);
    let admitted = at(day, 7 * 60 + 30 + dice.range(0, 240));
    let nights = if planned.nights > 0.0 {
        round(dice.exponential(planned.nights * 0.6) + planned.nights * 0.5).clamp(1, 14)
    } else {
        0
    };
    let discharged = if nights == 0 {
        plus_minutes(admitted, dice.range(240, 500))
    } else {
        at(plus_days(day, nights), 10 * 60 + dice.range(0, 420))
    };
    let ward = if child(person, day) { Use::Children } else { planned.ward };
    let places = place(hospital, &[(admitted, ward)], discharged, beds, dice);
    Some(Arc::new(Stay {
        hospital,
        admitted,
        discharged,
        reason: Reason::Planned(planned),
        places,
        died: false,
        to_care_home: false,
        consultant: sources::consultant(world.seed, hospital, planned.specialty, dice),
        attendance: None,
        hesitates: false,
    }))
}

/// The stay for a child's birth on this day.
pub(crate) fn confine(
    world: &World,
    person: &Person,
    birthday: Date,
    beds: &mut dyn Beds,
    dice: &mut Dice,
) -> Arc<Stay> {
    let hospital = hospital_for(person, dice);
    let admitted = at(birthday, dice.range(0, 900));
    let discharged = at(plus_days(birthday, dice.range(1, 3)), 11 * 60 + dice.range(0, 360));
    let places = place(hospital, &[(admitted, Use::Maternity)], discharged, beds, dice);
    Arc::new(Stay {
        hospital,
        admitted,
        discharged,
        reason: Reason::Birth,
        places,
        died: false,
        to_care_home: false,
        consultant: sources::consultant(world.seed, hospital, "501", dice),
        attendance: None,
        hesitates: false,
    })
}

/// The laboratory a hospital uses.
pub(crate) fn laboratory_of(hospital: u8) -> u8 {
    hospital
}

/// Blood taken at the door.
pub(crate) fn door_sample(attendance: &Arc<Attendance>, dice: &mut Dice) -> Option<Sample> {
    let reason = attendance.reason;
    if !attendance.admitted && !dice.chance(0.35) || reason.weight >= 8.0 && reason.severity < 0.05 {
        return None;
    }
    let taken = plus_minutes(attendance.arrived, dice.range(20, 70));
    let mut panels = vec![analytes::RENAL, analytes::BLOOD_COUNT, analytes::INFLAMMATION];
    if dice.chance(0.6) {
        panels.push(analytes::LIVER);
    }
    if reason.complaint.sct == "29857009" || reason.term.sct == "22298006" {
        panels.push(analytes::TROPONIN);
    }
    if reason.term.sct == "84114007" {
        panels.push(analytes::NATRIURETIC);
    }
    Some(Sample {
        laboratory: laboratory_of(attendance.hospital),
        taken,
        reported: plus_minutes(taken, dice.range(45, 120)),
        requester: Requester::Emergency(attendance.clone()),
        panels,
        illness: reason.severity,
        crp: reason.crp * dice.between(0.4, 1.5),
        corrected: dice.chance(0.006),
    })
}

/// Blood taken on the ward: each morning at first, then every other; the illness fades over the stay.
pub(crate) fn ward_samples(stay: &Arc<Stay>, dice: &mut Dice) -> Vec<Sample> {
    let Reason::Emergency(acute) = stay.reason else { return Vec::new() };
    let first = day_of(stay.admitted);
    let nights = days_between(first, day_of(stay.discharged));
    let peak = acute.crp * dice.between(0.7, 1.4);
    let mut list = Vec::new();
    let mut day = 1;
    while day < nights.min(21) {
        let taken = at(plus_days(first, day), 6 * 60 + dice.range(0, 150));
        let share = 1.0 - crate::dice::real_i(day) / crate::dice::real_i(nights.max(1));
        let mut panels = vec![analytes::RENAL, analytes::INFLAMMATION];
        if day % 2 == 1 {
            panels.push(analytes::BLOOD_COUNT);
        }
        if day == 3 {
            panels.push(analytes::LIVER);
            panels.push(analytes::BONE);
        }
        list.push(Sample {
            laboratory: laboratory_of(stay.hospital),
            taken,
            reported: plus_minutes(taken, dice.range(120, 300)),
            requester: Requester::Ward(stay.clone()),
            panels,
            illness: acute.severity * share,
            crp: peak * share * share,
            corrected: dice.chance(0.006),
        });
        day += if day < 3 { 1 } else { 2 };
    }
    list
}

/// When the nurses take a full set of observations during a stay: twice a day, at most two weeks of them.
pub(crate) fn rounds(stay: &Stay) -> Vec<Timestamp> {
    let Reason::Emergency(_) = stay.reason else {
        return vec![plus_minutes(stay.admitted, 45)];
    };
    let first = day_of(stay.admitted);
    let mut list = vec![plus_minutes(stay.admitted, 30)];
    for day in 0..14 {
        for minute in [6 * 60 + 10, 18 * 60 + 20] {
            let when = at(plus_days(first, day), minute);
            if when > plus_minutes(stay.admitted, 180) && when < plus_minutes(stay.discharged, -60) {
                list.push(when);
            }
        }
    }
    list
}

/// How ill somebody still is at a moment of a stay, 0 to 1.
pub(crate) fn illness_at(stay: &Stay, when: Timestamp) -> f64 {
    let Reason::Emergency(acute) = stay.reason else { return 0.05 };
    let whole = crate::when::minutes_between(stay.admitted, stay.discharged).max(1);
    let gone = crate::when::minutes_between(stay.admitted, when).clamp(0, whole);
    let share = crate::dice::real_i(gone) / crate::dice::real_i(whole);
    if stay.died { acute.severity.max(0.5) * (0.8 + share) } else { acute.severity * (1.0 - share) }
}
