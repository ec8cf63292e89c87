//! What the practice does: consultations, measurements, vaccinations, blood tests sent to the laboratory.

use super::{
    Life, Role, Smoking, World, age_years,
    hospital::{Requester, Sample},
};
use crate::{
    clinical::{
        Term,
        acute::{Schedule, VACCINES, Vaccine},
        analytes::{self, Panel},
        drugs::Drug,
        illness::Ill,
        term,
    },
    dice::{Dice, floor, real, real_i},
    people::Person,
    when::{age_on, at, day_of, days_between, plus_days, plus_minutes},
};
use jiff::{
    Timestamp,
    civil::{Date, Weekday, date},
};

/// How a consultation took place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Surgery,
    Telephone,
    Home,
}

/// A consultation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Consultation {
    pub at: Timestamp,
    pub staff: u64,
    pub mode: Mode,
    pub reason: Term,
}

/// Something measured or asked at the practice.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Measure {
    BloodPressure(i64, i64),
    Weight(f64, f64),
    Height(f64),
    Pulse(i64),
    Smoking(Smoking),
    /// Kept by the practice from before the laboratory's messages began.
    Hba1c(i64),
    Egfr(i64),
}

/// A measurement with its time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub at: Timestamp,
    pub measure: Measure,
}

/// A dose given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dose {
    pub vaccine: &'static Vaccine,
    pub at: Timestamp,
    pub number: u8,
    pub left: bool,
    pub batch: u64,
}

/// Everything the practice did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Practice {
    pub consultations: Vec<Consultation>,
    pub readings: Vec<Reading>,
    pub doses: Vec<Dose>,
    pub samples: Vec<Sample>,
}

const REASONS: &[(Term, i64, i64)] = &[
    (term("54150009", "Upper respiratory infection", "J06.9"), 0, 90),
    (term("49727002", "Cough", "R05"), 0, 110),
    (term("271807003", "Eruption of skin", "R21"), 0, 90),
    (term("279039007", "Low back pain", "M54.5"), 18, 90),
    (term("57676002", "Joint pain", "M25.5"), 30, 110),
    (term("84229001", "Fatigue", "R53"), 14, 110),
    (term("25064002", "Headache", "R51"), 8, 80),
    (term("65363002", "Otitis media", "H66.9"), 0, 10),
    (term("43878008", "Streptococcal sore throat", "J02.0"), 3, 40),
    (term("68566005", "Urinary tract infectious disease", "N39.0"), 16, 110),
    (term("193462001", "Insomnia", "G47.0"), 18, 100),
    (term("404640003", "Dizziness", "R42"), 40, 110),
    (term("14760008", "Constipation", "K59.0"), 1, 110),
    (term("73595000", "Stress", "Z73.3"), 16, 65),
    (term("386661006", "Fever", "R50.9"), 0, 8),
    (term("46742003", "Skin ulcer", "L98.4"), 65, 110),
];

pub(crate) const MEDICATION_REVIEW: Term = term("182836005", "Review of medication", "Z51.8");
const CHRONIC_REVIEW: Term = term("170568007", "Chronic disease follow-up assessment", "Z09");

/// Consultations a year: about five on average in England, more with age and illness.
pub(crate) fn consultation_rate(age: f64, long_term: usize) -> f64 {
    let base = match age {
        ..5.0 => 4.5,
        ..16.0 => 1.8,
        ..40.0 => 2.9,
        ..65.0 => 3.6,
        ..80.0 => 5.2,
        _ => 6.6,
    };
    base + 1.1 * real(long_term.min(9) as u64)
}

/// A slot in surgery hours on a working day.
pub(crate) fn surgery_time(day: Date, dice: &mut Dice) -> Timestamp {
    let later = match day.weekday() {
        Weekday::Saturday => 2,
        Weekday::Sunday => 1,
        _ => 0,
    };
    let minute = if dice.chance(0.6) { 8 * 60 + 30 + dice.range(0, 20) * 10 } else { 14 * 60 + dice.range(0, 21) * 10 };
    at(plus_days(day, later), minute)
}

/// Why somebody comes to the practice on a day.
pub(crate) fn complaint(person: &Person, life: &Life, day: Date, dice: &mut Dice) -> Term {
    if life.long_term > 0 && dice.chance(0.4) {
        let known: Vec<Ill> = life.problems.iter().filter(|p| p.onset <= day).map(|p| p.ill).collect();
        if !known.is_empty() {
            return match dice.below(6) {
                0 => MEDICATION_REVIEW,
                1 => CHRONIC_REVIEW,
                _ => dice.pick(&known).row().term,
            };
        }
    }
    let age = age_on(person.birth, day);
    for _ in 0..8 {
        let (reason, from, to) = *dice.pick(REASONS);
        if (from..=to).contains(&age) {
            return reason;
        }
    }
    CHRONIC_REVIEW
}

/// One consultation on about this day.
pub(crate) fn consult(person: &Person, life: &Life, day: Date, dice: &mut Dice) -> Consultation {
    let when = surgery_time(day, dice);
    let age = age_on(person.birth, day);
    let mode = match dice.unit() {
        ..0.05 if age > 80 => Mode::Home,
        ..0.30 => Mode::Telephone,
        _ => Mode::Surgery,
    };
    Consultation { at: when, staff: dice.below(9), mode, reason: complaint(person, life, day, dice) }
}

/// The blood tests a person's conditions call for once a year.
fn monitoring(life: &Life, day: Date) -> Vec<&'static Panel> {
    let mut panels: Vec<&'static Panel> = Vec::new();
    let mut add = |wanted: &[&'static Panel]| {
        for panel in wanted {
            if !panels.iter().any(|p| std::ptr::eq(*p, *panel)) {
                panels.push(panel);
            }
        }
    };
    let has = |ill| life.has(ill, day);
    if has(Ill::Type2Diabetes) || has(Ill::Type1Diabetes) {
        add(&[analytes::DIABETES, analytes::RENAL, analytes::LIPIDS, analytes::URINE_ALBUMIN]);
    }
    if has(Ill::Hypertension) || has(Ill::Ckd3) || has(Ill::HeartFailure) || has(Ill::AtrialFibrillation) {
        add(&[analytes::RENAL]);
    }
    if has(Ill::Ckd3) {
        add(&[analytes::BLOOD_COUNT, analytes::URINE_ALBUMIN]);
    }
    if has(Ill::IschaemicHeart) || has(Ill::Hypercholesterolaemia) || has(Ill::Stroke) {
        add(&[analytes::LIPIDS, analytes::LIVER]);
    }
    if has(Ill::Hypothyroidism) {
        add(&[analytes::THYROID]);
    }
    if has(Ill::Rheumatoid) || has(Ill::Crohns) || has(Ill::UlcerativeColitis) {
        add(&[analytes::BLOOD_COUNT, analytes::LIVER, analytes::RENAL, analytes::INFLAMMATION]);
    }
    if has(Ill::Bipolar) {
        add(&[analytes::RENAL, analytes::THYROID]);
    }
    if has(Ill::IronDeficiency) {
        add(&[analytes::BLOOD_COUNT, analytes::HAEMATINICS]);
    }
    if has(Ill::Osteoporosis) {
        add(&[analytes::BONE, analytes::VITAMIN_D]);
    }
    if has(Ill::ProstateCancer) || has(Ill::ProstateEnlargement) {
        add(&[analytes::PROSTATE]);
    }
    if has(Ill::Gout) {
        add(&[analytes::URATE]);
    }
    if life.takes(Drug::Warfarin, day) {
        add(&[analytes::ANTICOAGULATION]);
    }
    panels
}

/// A practice's blood test on about this day, if there is a reason for one.
pub(crate) fn sample(person: &Person, life: &Life, day: Date, dice: &mut Dice) -> Option<Sample> {
    let mut panels = monitoring(life, day);
    let mut crp = 0.0;
    if panels.is_empty() || dice.chance(0.12) {
        let age = age_years(person, day);
        if age < 16.0 && !dice.chance(0.1) {
            return None;
        }
        panels = vec![analytes::BLOOD_COUNT, analytes::RENAL];
        match dice.below(4) {
            0 => panels.push(analytes::THYROID),
            1 => panels.extend([analytes::HAEMATINICS, analytes::VITAMIN_D]),
            2 => {
                crp = dice.between(2.0, 30.0);
                panels.extend([analytes::INFLAMMATION, analytes::LIVER]);
            }
            _ if age >= 40.0 => panels.extend([analytes::LIPIDS, analytes::DIABETES]),
            _ => panels.push(analytes::LIVER),
        }
    }
    let taken = surgery_time(day, dice);
    Some(Sample {
        laboratory: 0,
        taken,
        reported: at(day_of(taken), 16 * 60 + dice.range(0, 300)),
        requester: Requester::Practice,
        panels,
        illness: 0.0,
        crp,
        corrected: dice.chance(0.004),
    })
}

/// Blood tests at the practice a year.
pub(crate) fn sample_rate(life: &Life, age: f64, day: Date) -> f64 {
    let watched = !monitoring(life, day).is_empty();
    let often = life.has(Ill::Ckd4, day) || life.takes(Drug::Methotrexate, day) || life.takes(Drug::Lithium, day);
    let often = often || matches!(life.role, Some(Role::KidneysFailing));
    match (often, watched) {
        (true, _) => 3.6,
        (false, true) => 1.7,
        _ if age > 40.0 => 0.45,
        _ => 0.22,
    }
}

/// What the practice did over a life, up to `life.until`.
pub(crate) fn history(world: &World, person: &Person, life: &Life) -> Practice {
    let mut dice = world.dice(3, person.index);
    let mut done = Practice::default();
    let recent = world.records_from().max(person.birth);
    let age = age_years(person, life.until);

    let rate = consultation_rate(age, life.long_term);
    spread(recent, life.until, rate, &mut dice, |day, dice| {
        let consultation = consult(person, life, day, dice);
        if consultation.at < at(life.until, 0) {
            done.consultations.push(consultation);
        }
    });
    let rate = sample_rate(life, age, life.until);
    spread(recent, life.until, rate, &mut dice, |day, dice| {
        if let Some(sample) = sample(person, life, day, dice).filter(|s| s.reported < at(life.until, 0)) {
            done.samples.push(sample);
        }
    });
    readings(world, person, life, &mut dice, &mut done.readings);
    doses(person, life, &mut dice, &mut done.doses);
    done.consultations.sort_by_key(|c| c.at);
    done.samples.sort_by_key(|s| s.taken);
    done.readings.sort_by_key(|r| r.at);
    done.doses.sort_by_key(|d| d.at);
    // Ids are made of the minute: one consultation and one sample at a time, one measurement of a kind.
    done.consultations.dedup_by_key(|c| c.at);
    done.samples.dedup_by_key(|s| s.taken);
    done.readings.dedup_by_key(|r| r.at);
    let mut given = std::collections::BTreeSet::new();
    done.doses.retain(|d| given.insert((d.at, d.vaccine.target.0)));
    done
}

/// The vaccination somebody of this age might come for on an ordinary day, and in autumn.
pub(crate) fn dose_of_the_day(age: i64, autumn: bool, when: Timestamp, left: bool, batch: u64) -> Option<Dose> {
    let vaccine = VACCINES.iter().find(|v| match v.when {
        Schedule::Days(_) => age <= 1,
        Schedule::Once(years, _) => (years..years + 2).contains(&age),
        Schedule::Autumn(from) => autumn && age >= from,
        Schedule::Covid => autumn && age >= 75,
    })?;
    Some(Dose { vaccine, at: when, number: 1, left, batch })
}

/// Call `each` for days spread between two, `rate` of them a year on average, with the irregularity of life.
pub(crate) fn spread(from: Date, to: Date, rate: f64, dice: &mut Dice, mut each: impl FnMut(Date, &mut Dice)) {
    if rate <= 0.0 {
        return;
    }
    let mut day = real_i(days_between(from, to).max(0)) - dice.exponential(365.25 / rate);
    while day > 1.0 {
        each(plus_days(from, floor(day)), dice);
        day -= dice.exponential(365.25 / rate);
    }
}

fn readings(world: &World, person: &Person, life: &Life, dice: &mut Dice, list: &mut Vec<Reading>) {
    let from = plus_days(world.start, -12 * 365).max(person.birth);
    let age = age_years(person, life.until);
    let hypertensive = life.has(Ill::Hypertension, life.until);
    let rate = if hypertensive {
        2.6
    } else if age > 40.0 {
        0.8
    } else if age > 16.0 {
        0.4
    } else {
        0.0
    };
    spread(from, life.until, rate, dice, |day, dice| {
        let (systolic, diastolic) = life.body.blood_pressure(day, life);
        let when = surgery_time(day, dice);
        let s = crate::dice::round(systolic + dice.normal(0.0, 8.0)).clamp(82, 224);
        let d = crate::dice::round(diastolic + dice.normal(0.0, 6.0)).clamp(42, 128).min(s - 18);
        list.push(Reading { at: when, measure: Measure::BloodPressure(s, d) });
        if dice.chance(0.3) {
            list.push(Reading {
                at: plus_minutes(when, 1),
                measure: Measure::Pulse(crate::dice::round(dice.normal(74.0, 9.0))),
            });
        }
    });
    let rate = if age < 5.0 {
        2.0
    } else if life.long_term > 0 {
        0.9
    } else {
        0.3
    };
    spread(from, life.until, rate, dice, |day, dice| {
        let kg = life.body.weight_kg(day, life) * (1.0 + dice.normal(0.0, 0.02));
        let metres = life.body.height_at(day) / 100.0;
        list.push(Reading { at: surgery_time(day, dice), measure: Measure::Weight(kg, kg / (metres * metres)) });
    });
    if age > 16.0 {
        spread(from, life.until, 0.5, dice, |day, dice| {
            if age_on(person.birth, day) >= 16 {
                list.push(Reading { at: surgery_time(day, dice), measure: Measure::Smoking(life.smoker) });
            }
        });
        list.push(Reading {
            at: surgery_time(plus_days(life.until, -900), dice),
            measure: Measure::Height(life.body.height_cm),
        });
    }
    // Before the laboratory's messages begin, the practice has its own copies of the two results that matter most.
    let earlier = world.records_from();
    if life.has(Ill::Type2Diabetes, earlier) || life.has(Ill::Ckd3, earlier) {
        spread(from, earlier, 1.5, dice, |day, dice| {
            let when = surgery_time(day, dice);
            if life.has(Ill::Type2Diabetes, day) {
                let value = life.body.hba1c(day, life) * (1.0 + dice.normal(0.0, 0.04));
                list.push(Reading { at: when, measure: Measure::Hba1c(crate::dice::round(value)) });
            }
            let value = life.body.egfr(day) * (1.0 + dice.normal(0.0, 0.04));
            list.push(Reading { at: when, measure: Measure::Egfr(crate::dice::round(value)) });
        });
    }
    let end = at(life.until, 0);
    list.retain(|r| r.at < end && day_of(r.at) > person.birth);
}

fn doses(person: &Person, life: &Life, dice: &mut Dice, list: &mut Vec<Dose>) {
    let willing = dice.unit();
    for vaccine in VACCINES {
        let keen = willing < vaccine.uptake + 0.05;
        let mut give = |day: Date, number: u8, dice: &mut Dice| {
            if day > person.birth && day < plus_days(life.until, -4) {
                list.push(Dose {
                    vaccine,
                    at: surgery_time(day, dice),
                    number,
                    left: dice.chance(0.7),
                    batch: dice.below(90_000) + 10_000,
                });
            }
        };
        match vaccine.when {
            Schedule::Days(days) => {
                // Older adults' childhood doses are on paper, not in the computer.
                if keen && person.birth > date(1988, 1, 1) {
                    for (number, days) in (1..).zip(days) {
                        give(plus_days(person.birth, days + dice.range(0, 20)), number, dice);
                    }
                }
            }
            Schedule::Autumn(age) => {
                let mut year = (life.until.year() - 8).max(person.birth.year());
                while year <= life.until.year() {
                    let day = plus_days(date(year, 9, 20), dice.range(0, 70));
                    let eligible = age_on(person.birth, day) >= age
                        || (2..=15).contains(&age_on(person.birth, day))
                        || life.long_term > 1;
                    if eligible && keen && dice.chance(0.85) {
                        give(day, 1, dice);
                    }
                    year += 1;
                }
            }
            Schedule::Once(age, since) => {
                let day = plus_days(person.birth, age * 365 + dice.range(20, 500));
                if keen && day.year() >= since {
                    give(day, 1, dice);
                }
            }
            Schedule::Covid => {
                if keen && age_on(person.birth, date(2021, 6, 1)) >= 16 {
                    let first =
                        plus_days(date(2021, 1, 5), (80 - age_on(person.birth, date(2021, 1, 5))).clamp(0, 70) * 3);
                    give(first, 1, dice);
                    give(plus_days(first, 77 + dice.range(-7, 7)), 2, dice);
                    give(plus_days(first, 280 + dice.range(0, 30)), 3, dice);
                    if age_on(person.birth, date(2024, 10, 1)) >= 75 {
                        give(plus_days(date(2024, 10, 1), dice.range(0, 50)), 4, dice);
                    }
                }
            }
        }
    }
}
