//! What a laboratory or a nurse would measure on a given day: smooth courses that follow from a person's conditions and
//! medicines, so that trends make sense; the noise of measuring is added by whoever measures.

use super::{Life, Problem, Role, World};
use crate::{
    clinical::{analytes::An, drugs::Drug, illness::Ill},
    dice::Dice,
    people::Person,
    when::{plus_days, years_between},
};
use jiff::civil::Date;

/// A person's constitution: where they stand among people of their age.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    birth: Date,
    female: bool,
    /// Where each quantity lies in the population, in deviations.
    kidney: f64,
    sugar: f64,
    fat: f64,
    blood: f64,
    pressure: f64,
    general: f64,
    pub(crate) height_cm: f64,
    bmi: f64,
    /// Loss of eGFR a year with chronic kidney disease.
    decline: f64,
    ckd: Option<Date>,
    diabetes: Option<Date>,
    type_one: Option<Date>,
    iron: Option<Date>,
    thyroid: Option<Date>,
}

fn onset(problems: &[Problem], ill: Ill) -> Option<Date> {
    problems.iter().find(|p| p.ill == ill).map(|p| p.onset)
}

impl Body {
    pub(crate) fn new(world: &World, person: &Person, problems: &[Problem], role: Option<Role>) -> Body {
        let mut dice = world.dice(2, person.index);
        let female = person.female();
        let diabetes = onset(problems, Ill::Type2Diabetes);
        let diabetic = diabetes.or(onset(problems, Ill::Type1Diabetes)).is_some();
        let mut decline = dice.between(0.6, 2.2) + if diabetic { dice.between(0.3, 1.8) } else { 0.0 };
        if role == Some(Role::KidneysFailing) {
            decline = 3.6;
        }
        let obese = onset(problems, Ill::Obesity).is_some();
        Body {
            birth: person.birth,
            female,
            kidney: dice.normal(0.0, 1.0),
            sugar: dice.normal(0.0, 1.0),
            fat: dice.normal(0.0, 1.0),
            blood: dice.normal(0.0, 1.0),
            pressure: dice.normal(0.0, 1.0),
            general: dice.normal(0.0, 1.0),
            height_cm: dice.normal(if female { 162.0 } else { 175.5 }, if female { 6.5 } else { 7.0 }),
            bmi: if obese { dice.between(31.0, 41.0) } else { dice.normal(25.6, 3.0).clamp(17.5, 29.9) },
            decline,
            ckd: onset(problems, Ill::Ckd3),
            diabetes,
            type_one: onset(problems, Ill::Type1Diabetes),
            iron: onset(problems, Ill::IronDeficiency),
            thyroid: onset(problems, Ill::Hypothyroidism),
        }
    }

    fn age(&self, day: Date) -> f64 {
        years_between(self.birth, day)
    }

    /// Stages of chronic kidney disease as the eGFR falls through them.
    pub(crate) fn stages(&self, _person: &Person, until: Date, problems: &mut Vec<Problem>) {
        let Some(ckd) = self.ckd else { return };
        for (ill, below) in [(Ill::Ckd3b, 45.0), (Ill::Ckd4, 30.0)] {
            let years = (CKD_START - below) / self.decline;
            #[expect(clippy::cast_possible_truncation, reason = "at most some thousand days")]
            let onset = plus_days(ckd, (years * 365.25) as i64 + 20);
            if onset < until && self.egfr(onset) > 8.5 {
                problems.push(Problem { ill, onset });
            }
        }
    }

    /// Estimated glomerular filtration rate, mL/min/1.73 m².
    pub(crate) fn egfr(&self, day: Date) -> f64 {
        let age = self.age(day);
        let healthy = (112.0 - (age - 30.0).max(0.0) * 0.72 + self.kidney * 9.0).clamp(61.0, 128.0);
        match self.ckd {
            None => healthy,
            Some(ckd) => {
                let years = years_between(ckd, day);
                let course = if years >= 0.0 { CKD_START - years * self.decline } else { CKD_START - years * 1.6 };
                course.min(healthy).max(7.0)
            }
        }
    }

    /// Haemoglobin A1c, mmol/mol.
    pub(crate) fn hba1c(&self, day: Date, life: &Life) -> f64 {
        if self.type_one.is_some_and(|d| d <= day) {
            return 64.0 + self.sugar * 8.0;
        }
        let healthy = 36.0 + self.sugar * 2.2 + (self.bmi - 25.0).max(0.0) * 0.25;
        let Some(onset) = self.diabetes else { return healthy };
        let years = years_between(onset, day);
        if years < 0.0 {
            // The years before the diagnosis climb to it.
            return (50.0 + years * 1.5).max(healthy);
        }
        let untreated = 66.0 + self.sugar * 6.0 + years * 1.1;
        let mut value = untreated;
        for drug in [Drug::Metformin, Drug::Gliclazide, Drug::Empagliflozin, Drug::Sitagliptin, Drug::InsulinGlargine] {
            if let Some(course) =
                life.courses.iter().find(|c| c.drug == drug && c.from <= day && c.to.is_none_or(|to| to > day))
            {
                // A medicine takes about four months to show its whole effect.
                let share = (years_between(course.from, day) / 0.33).clamp(0.1, 1.0);
                value -= share * if drug == Drug::Metformin { 13.0 } else { 8.0 };
            }
        }
        value.clamp(42.0, 125.0)
    }

    /// Systolic and diastolic blood pressure.
    pub(crate) fn blood_pressure(&self, day: Date, life: &Life) -> (f64, f64) {
        let age = self.age(day);
        let mut systolic = 112.0 + (age - 20.0).clamp(0.0, 70.0) * 0.38 + self.pressure * 9.0;
        if let Some(onset) = life.since(Ill::Hypertension, day) {
            let treated = years_between(onset, day).clamp(0.0, 0.6) / 0.6;
            systolic = systolic.max(128.0) + 26.0 - 22.0 * treated;
        }
        let diastolic = (systolic * 0.58 + 4.0 - (age - 65.0).max(0.0) * 0.35).clamp(48.0, 110.0);
        (systolic.clamp(88.0, 205.0), diastolic)
    }

    /// Weight in kilograms (adults; children follow a plain growth line).
    pub(crate) fn weight_kg(&self, day: Date, life: &Life) -> f64 {
        let age = self.age(day);
        if age < 18.0 {
            let height = self.height_at(day);
            let bmi = if age < 2.0 { 16.5 } else { 15.6 + (age - 5.0).max(0.0) * 0.38 };
            return (bmi * height * height / 10_000.0 * (1.0 + self.general * 0.07)).max(3.2);
        }
        let frail = (age - 78.0).max(0.0) * 0.09;
        let failing = if life.has(Ill::HeartFailure, day) { 1.5 } else { 0.0 };
        ((self.bmi - frail + failing) * self.height_cm * self.height_cm / 10_000.0).max(36.0)
    }

    /// Height in centimetres.
    pub(crate) fn height_at(&self, day: Date) -> f64 {
        let age = self.age(day);
        match age {
            ..2.0 => 50.0 + age * 18.0,
            ..17.0 => (86.0 + (age - 2.0) * 5.9).min(self.height_cm),
            _ => self.height_cm - (age - 60.0).max(0.0) * 0.10,
        }
    }

    /// The true value of an analyte on a day, in its usual unit. `illness` is 0 when well, 1 when very ill; `crp` the
    /// C reactive protein of that illness.
    pub(crate) fn value(&self, an: An, day: Date, life: &Life, illness: f64, crp: f64) -> f64 {
        let egfr = self.egfr(day) * (1.0 - 0.25 * illness);
        match an {
            An::Sodium => {
                let thiazide = life.takes(Drug::Indapamide, day) || life.takes(Drug::Bendroflumethiazide, day);
                140.0 + self.general * 1.3 - illness * 4.0 - if thiazide { 3.0 } else { 0.0 }
            }
            An::Potassium => {
                let sparing = life.takes(Drug::Ramipril, day) || life.takes(Drug::Spironolactone, day);
                4.2 + self.general * 0.18 + if sparing { 0.25 } else { 0.0 } + ((45.0 - egfr) * 0.018).max(0.0)
            }
            An::Urea => (560.0 / (egfr + 22.0) * 1.05 + illness * 2.5).clamp(1.8, 45.0),
            An::Creatinine => self.creatinine(egfr, self.age(day)),
            An::Egfr => egfr,
            An::Haemoglobin => self.haemoglobin(day, life, egfr) - illness * 8.0,
            An::WhiteCells => 6.9 + self.blood * 1.2 + crp * 0.035,
            An::Neutrophils => 4.0 + self.blood * 0.9 + crp * 0.033,
            An::Platelets => 262.0 + self.general * 45.0 + crp * 0.3,
            An::Mcv => {
                90.0 + self.blood * 3.0 - self.iron_lack(day) * 14.0
                    + if life.has(Ill::AlcoholDependence, day) { 8.0 } else { 0.0 }
            }
            An::Alt => {
                (22.0 + self.general * 6.0 + (self.bmi - 27.0).max(0.0) * 1.8).max(8.0)
                    + if life.has(Ill::AlcoholDependence, day) { 35.0 } else { 0.0 }
            }
            An::Alp => 76.0 + self.general * 16.0 + illness * 20.0,
            An::Bilirubin => (9.0 + self.blood * 3.0).max(3.0) + illness * 3.0,
            An::Albumin => 42.0 + self.general * 2.0 - illness * 9.0 - (self.age(day) - 75.0).max(0.0) * 0.15,
            An::Cholesterol => self.cholesterol(day, life),
            An::Hdl => {
                (if self.female { 1.65 } else { 1.35 } - self.fat * 0.15 - (self.bmi - 25.0).max(0.0) * 0.02).max(0.7)
            }
            An::Ldl => (self.cholesterol(day, life) * 0.68 - 0.55).max(0.8),
            An::Triglyceride => (1.3 + self.fat * 0.35 + (self.bmi - 25.0).max(0.0) * 0.06).max(0.5),
            An::Hba1c => self.hba1c(day, life),
            An::Tsh => self.tsh(day),
            An::FreeT4 => {
                if self.tsh(day) > 6.0 {
                    10.2
                } else {
                    16.0 + self.general * 1.5
                }
            }
            An::Crp => crp.max(2.0 + self.general.abs() * 1.5),
            An::Calcium => 2.36 + self.general * 0.05,
            An::Phosphate => 1.08 + self.blood * 0.12 + ((35.0 - egfr) * 0.015).max(0.0),
            An::Glucose => self.hba1c(day, life) * 0.146 + 0.2 + illness * 1.5,
            An::Ferritin => {
                (if self.female { 62.0 } else { 140.0 } + self.blood * 22.0) * (1.0 - 0.92 * self.iron_lack(day)) + crp
            }
            An::B12 => 390.0 + self.general * 80.0 - if life.takes(Drug::Metformin, day) { 60.0 } else { 0.0 },
            An::Folate => (8.5 + self.blood * 2.2).max(2.5),
            An::VitaminD => {
                (52.0 + self.general * 15.0 + if life.takes(Drug::CalciumD, day) { 22.0 } else { 0.0 }).max(11.0)
            }
            An::Inr => {
                if life.takes(Drug::Warfarin, day) {
                    2.5 + self.general * 0.3
                } else {
                    1.0
                }
            }
            An::Acr => {
                let base = if self.diabetes.or(self.type_one).is_some_and(|d| d <= day) { 2.6 } else { 1.1 };
                base + ((60.0 - self.egfr(day)) * 0.7).max(0.0)
            }
            An::Psa => {
                let cancer = life.has(Ill::ProstateCancer, day);
                (self.age(day) * 0.03 + self.general * 0.3 + if cancer { 5.0 } else { 0.0 }).max(0.2)
            }
            An::Bnp => {
                let failing = life.has(Ill::HeartFailure, day);
                (60.0 + (self.age(day) - 50.0).max(0.0) * 5.0) * if failing { 9.0 } else { 1.0 }
            }
            An::Troponin => 4.0 + (self.age(day) - 50.0).max(0.0) * 0.15,
            An::Urate => {
                (if self.female { 280.0 } else { 350.0 }) + if life.has(Ill::Gout, day) { 90.0 } else { 0.0 }
                    - if life.takes(Drug::Allopurinol, day) { 120.0 } else { 0.0 }
            }
        }
    }

    /// Creatinine that gives this eGFR by the CKD-EPI 2009 equation, in µmol/L.
    fn creatinine(&self, egfr: f64, age: f64) -> f64 {
        let (kappa, alpha, sex) = if self.female { (61.9, -0.329_f64, 144.0) } else { (79.6, -0.411_f64, 141.0) };
        let ratio = egfr / (sex * 0.993_f64.powf(age.max(18.0)));
        let adult = if ratio < 1.0 { kappa * ratio.powf(1.0 / -1.209) } else { kappa * ratio.powf(1.0 / alpha) };
        // Children are smaller and so is their creatinine.
        adult * (age / 17.0).clamp(0.35, 1.0)
    }

    fn haemoglobin(&self, day: Date, life: &Life, egfr: f64) -> f64 {
        let base = if self.female { 133.0 } else { 149.0 } + self.blood * 7.0 - (self.age(day) - 70.0).max(0.0) * 0.5;
        let child = if self.age(day) < 12.0 { 12.0 } else { 0.0 };
        let sickle = if life.has(Ill::SickleCell, day) { 45.0 } else { 0.0 };
        (base - child - sickle - self.iron_lack(day) * 34.0 - ((40.0 - egfr) * 0.9).max(0.0)).max(62.0)
    }

    /// 1 at the diagnosis of iron deficiency, gone a year after.
    fn iron_lack(&self, day: Date) -> f64 {
        self.iron.map_or(0.0, |onset| {
            let years = years_between(onset, day);
            if years < -0.6 {
                0.0
            } else if years < 0.1 {
                1.0 - (0.1 - years).max(0.0) * 0.9
            } else {
                (1.0 - years).clamp(0.0, 1.0)
            }
        })
    }

    fn cholesterol(&self, day: Date, life: &Life) -> f64 {
        let raised = if life.has(Ill::Hypercholesterolaemia, day) { 1.1 } else { 0.0 };
        let base = 5.1 + self.fat * 0.75 + raised;
        let lowered = if life.takes(Drug::Atorvastatin80, day) {
            0.55
        } else if life.takes(Drug::Atorvastatin20, day) || life.takes(Drug::Simvastatin, day) {
            0.66
        } else {
            1.0
        };
        (base * lowered).max(2.4)
    }

    fn tsh(&self, day: Date) -> f64 {
        let healthy = (1.9 + self.general * 0.6).max(0.4);
        self.thyroid.map_or(healthy, |onset| {
            let years = years_between(onset, day);
            if years < -1.0 {
                healthy
            } else if years < 0.2 {
                9.5
            } else {
                healthy + 0.6
            }
        })
    }
}

/// The eGFR at which chronic kidney disease is written down.
const CKD_START: f64 = 57.0;

/// How much a measurement strays from the truth, as a share of it.
pub(crate) fn noise(an: An) -> f64 {
    match an {
        An::Sodium => 0.009,
        An::Calcium => 0.015,
        An::Potassium | An::Hba1c | An::Mcv | An::Albumin => 0.03,
        An::Haemoglobin | An::Egfr | An::Creatinine | An::Inr => 0.035,
        An::Crp | An::Troponin | An::Bnp | An::Acr => 0.18,
        _ => 0.08,
    }
}

/// What the laboratory reads: the truth with its noise.
pub(crate) fn measured(an: An, truth: f64, dice: &mut Dice) -> f64 {
    (truth * (1.0 + dice.normal(0.0, noise(an)))).max(0.01)
}
