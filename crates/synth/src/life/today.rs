//! What a day brings at a practice, for the living region.

use super::{
    Course, Life,
    practice::{Consultation, Measure, Mode, Reading},
};
use crate::{
    clinical::drugs::Drug,
    dice::{Dice, round},
    people::Person,
    when::{age_on, day_of, plus_days, plus_minutes},
};

/// What came of a consultation: measurements, and perhaps a short course of something.
pub(crate) fn outcome(
    person: &Person,
    life: &Life,
    consultation: &Consultation,
    dice: &mut Dice,
) -> (Vec<Reading>, Vec<Course>) {
    let day = day_of(consultation.at);
    let age = age_on(person.birth, day);
    let mut readings = Vec::new();
    if consultation.mode != Mode::Telephone && age > 30 && dice.chance(0.5) {
        let (systolic, diastolic) = life.body.blood_pressure(day, life);
        let s = round(systolic + dice.normal(0.0, 8.0)).clamp(82, 224);
        let d = round(diastolic + dice.normal(0.0, 6.0)).clamp(42, 128).min(s - 18);
        readings.push(Reading { at: plus_minutes(consultation.at, 4), measure: Measure::BloodPressure(s, d) });
    }
    if consultation.mode != Mode::Telephone && dice.chance(0.2) {
        let kg = life.body.weight_kg(day, life) * (1.0 + dice.normal(0.0, 0.02));
        let metres = life.body.height_at(day) / 100.0;
        readings.push(Reading {
            at: plus_minutes(consultation.at, 5),
            measure: Measure::Weight(kg, kg / (metres * metres)),
        });
    }
    let mut courses = Vec::new();
    if dice.chance(0.25) {
        let drug = short_course(person, life, age, dice);
        courses.push(Course { drug, from: day, to: Some(plus_days(day, 7)), repeat: false, reason: None });
    }
    (readings, courses)
}

/// Something for an infection or a pain, never a penicillin for the allergic.
pub(crate) fn short_course(person: &Person, life: &Life, age: i64, dice: &mut Dice) -> Drug {
    let drug = match dice.below(10) {
        0..6 if age < 12 => Drug::AmoxicillinLiquid,
        6..9 if age < 12 => Drug::Chloramphenicol,
        0..3 => Drug::Amoxicillin,
        3 => Drug::Doxycycline,
        4 => Drug::Flucloxacillin,
        5 if person.female() => Drug::Nitrofurantoin,
        5 => Drug::Trimethoprim,
        6 => Drug::Chloramphenicol,
        7 => Drug::Phenoxymethylpenicillin,
        8 => Drug::Prednisolone,
        _ => Drug::Hydrocortisone,
    };
    if drug.penicillin() && life.penicillin_allergic() { Drug::Clarithromycin } else { drug }
}
