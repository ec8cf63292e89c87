//! Outpatient clinics: who is referred where, and what becomes of the appointments.

use super::{
    Life, Role, World, child,
    hospital::{Requester, Sample, hospital_for, laboratory_of},
};
use crate::{
    clinical::{
        Term,
        analytes::{self, Panel},
        illness::Ill,
        term,
    },
    dice::{Dice, real},
    people::Person,
    sources::{self, Staff},
    when::{at, day_of, plus_days, plus_minutes},
};
use jiff::{Timestamp, civil::Date};
use std::sync::Arc;

/// How an outpatient appointment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Attended,
    Missed,
    Cancelled,
    /// Moved to this time, and attended then.
    Moved(Timestamp),
}

/// An outpatient appointment.
#[derive(Clone, Debug)]
pub(crate) struct Clinic {
    pub hospital: u8,
    pub specialty: &'static str,
    pub booked: Timestamp,
    pub at: Timestamp,
    pub outcome: Outcome,
    pub first: bool,
    pub reason: Term,
    pub consultant: Staff,
}

impl Clinic {
    /// When the patient is (or was to be) seen.
    pub(crate) fn seen(&self) -> Timestamp {
        match self.outcome {
            Outcome::Moved(to) => to,
            _ => self.at,
        }
    }
}

/// First outpatient appointments a year, by age: with follow-ups about 1.6 appointments on average.
pub(crate) fn referral_rate(age: f64, long_term: usize) -> f64 {
    let base = match age {
        ..16.0 => 0.24,
        ..40.0 => 0.36,
        ..65.0 => 0.52,
        _ => 0.80,
    };
    base * (0.75 + 0.16 * real(long_term.min(8) as u64))
}

/// The clinic a condition leads to.
fn clinic_for(ill: Ill) -> Option<(&'static str, f64)> {
    Some(match ill {
        Ill::Type1Diabetes => ("302", 1.6),
        Ill::Ckd4 => ("361", 3.0),
        Ill::HeartFailure => ("320", 1.2),
        Ill::AtrialFibrillation => ("320", 0.2),
        Ill::IschaemicHeart => ("320", 0.3),
        Ill::Rheumatoid => ("410", 1.6),
        Ill::Epilepsy | Ill::Parkinson | Ill::MultipleSclerosis => ("400", 1.2),
        Ill::BreastCancer | Ill::BowelCancer | Ill::LungCancer => ("370", 2.0),
        Ill::ProstateCancer => ("101", 1.5),
        Ill::Crohns | Ill::UlcerativeColitis => ("301", 1.2),
        Ill::Copd => ("340", 0.35),
        Ill::Glaucoma | Ill::MacularDegeneration => ("130", 1.8),
        Ill::Retinopathy => ("130", 0.8),
        Ill::SickleCell => ("303", 2.5),
        Ill::Dementia => ("430", 0.3),
        Ill::Psoriasis => ("330", 0.2),
        Ill::HearingLoss => ("120", 0.2),
        Ill::Osteoarthritis => ("110", 0.2),
        Ill::Fibromyalgia => ("410", 0.2),
        _ => return None,
    })
}

const REFERRALS: &[(&str, Term)] = &[
    ("110", term("57676002", "Joint pain", "M25.5")),
    ("330", term("95324001", "Skin lesion", "L98.9")),
    ("301", term("162031009", "Indigestion", "K30")),
    ("320", term("80313002", "Palpitations", "R00.2")),
    ("120", term("15188001", "Hearing loss", "H91.9")),
    ("130", term("246636008", "Hazy vision", "H53.8")),
    ("101", term("249274008", "Urinary symptoms", "R39.8")),
    ("502", term("386692008", "Menorrhagia", "N92.0")),
    ("400", term("25064002", "Headache", "R51")),
    ("340", term("49727002", "Cough", "R05")),
    ("302", term("237495005", "Thyroid nodule", "E04.1")),
    ("410", term("57676002", "Joint pain", "M25.5")),
];

/// A referral's appointments from a booking on: the first visit and its follow-ups.
pub(crate) fn refer(
    world: &World,
    person: &Person,
    life: &Life,
    booked: Timestamp,
    dice: &mut Dice,
) -> Vec<Arc<Clinic>> {
    let day = day_of(booked);
    let known: Vec<(Ill, &'static str, f64)> = life
        .problems
        .iter()
        .filter(|p| p.onset <= day)
        .filter_map(|p| clinic_for(p.ill).map(|(s, w)| (p.ill, s, w)))
        .collect();
    let because =
        (!known.is_empty() && dice.chance(0.6)).then(|| known.get(dice.weighted(known.iter().map(|k| k.2)))).flatten();
    let (specialty, reason) = match because {
        Some((ill, specialty, _)) => (*specialty, ill.row().term),
        None => {
            let (specialty, reason) = dice.pick(REFERRALS);
            if *specialty == "502" && (!person.female() || person.age(day) < 16) {
                ("330", term("95324001", "Skin lesion", "L98.9"))
            } else {
                (*specialty, *reason)
            }
        }
    };
    let specialty = if child(person, day) && specialty != "120" { "420" } else { specialty };
    let mut hospital = hospital_for(person, dice);
    if life.role == Some(Role::KidneysFailing) {
        hospital = 1;
    }
    let consultant = sources::consultant(world.seed, hospital, specialty, dice);
    let mut list = Vec::new();
    let mut booked = booked;
    let wait = dice.range(14, 130);
    let mut when = clinic_time(plus_days(day, wait), dice);
    let visits = 1 + i64::from(dice.chance(0.72)) + i64::from(dice.chance(0.5)) + i64::from(dice.chance(0.3));
    for visit in 0..visits {
        let outcome = match dice.unit() {
            ..0.07 => Outcome::Missed,
            ..0.12 => Outcome::Cancelled,
            ..0.18 => Outcome::Moved(clinic_time(plus_days(day_of(when), dice.range(7, 40)), dice)),
            _ => Outcome::Attended,
        };
        let clinic = Clinic {
            hospital,
            specialty,
            booked,
            at: when,
            outcome,
            first: visit == 0,
            reason,
            consultant: consultant.clone(),
        };
        booked = plus_minutes(clinic.seen(), dice.range(20, 60));
        when = clinic_time(plus_days(day_of(clinic.seen()), dice.range(40, 200)), dice);
        list.push(Arc::new(clinic));
    }
    list
}

/// A slot in a weekday clinic.
fn clinic_time(day: Date, dice: &mut Dice) -> Timestamp {
    let weekend = match day.weekday() {
        jiff::civil::Weekday::Saturday => 2,
        jiff::civil::Weekday::Sunday => 1,
        _ => 0,
    };
    let slot = if dice.chance(0.55) { 9 * 60 + dice.range(0, 11) * 15 } else { 13 * 60 + 30 + dice.range(0, 12) * 15 };
    at(plus_days(day, weekend), slot)
}

/// Blood asked for by a clinic, a few days before it.
pub(crate) fn clinic_sample(clinic: &Arc<Clinic>, life: &Life, dice: &mut Dice) -> Option<Sample> {
    let panels: Vec<&'static Panel> = match clinic.specialty {
        "361" => vec![analytes::RENAL, analytes::BLOOD_COUNT, analytes::BONE, analytes::URINE_ALBUMIN],
        "302" => vec![analytes::DIABETES, analytes::RENAL, analytes::LIPIDS],
        "410" => vec![analytes::BLOOD_COUNT, analytes::INFLAMMATION, analytes::LIVER, analytes::RENAL],
        "370" | "303" => vec![analytes::BLOOD_COUNT, analytes::LIVER, analytes::RENAL],
        "101" => vec![analytes::PROSTATE, analytes::RENAL],
        "320" => vec![analytes::RENAL, analytes::NATRIURETIC],
        "301" => vec![analytes::BLOOD_COUNT, analytes::INFLAMMATION, analytes::HAEMATINICS],
        _ => return None,
    };
    let scripted = life.role == Some(Role::KidneysFailing);
    if clinic.outcome == Outcome::Missed || !scripted && !dice.chance(0.7) {
        return None;
    }
    let taken = at(plus_days(day_of(clinic.seen()), -dice.range(1, 6)), 8 * 60 + 30 + dice.range(0, 180));
    if taken <= clinic.booked {
        return None;
    }
    Some(Sample {
        laboratory: laboratory_of(clinic.hospital),
        taken,
        reported: plus_minutes(taken, dice.range(200, 500)),
        requester: Requester::Clinic(clinic.clone()),
        panels,
        illness: 0.0,
        crp: 0.0,
        corrected: dice.chance(0.004),
    })
}
