//! What is prescribed for what, when it starts, and what replaces it.

use super::{Course, Life, Role};
use crate::{
    clinical::{drugs::Drug, illness::Ill},
    dice::Dice,
    people::Person,
    when::{age_on, at_age, days_between, plus_days},
};
use jiff::civil::{Date, date};

/// A line of treatment: what, how many days after the diagnosis, and for what share.
struct Line(Drug, (i64, i64), f64);

fn lines(ill: Ill) -> &'static [Line] {
    match ill {
        Ill::Hypertension => &[
            Line(Drug::Amlodipine, (0, 60), 0.55),
            Line(Drug::Ramipril, (0, 900), 0.50),
            Line(Drug::Indapamide, (600, 3_000), 0.25),
        ],
        Ill::Type2Diabetes => &[
            Line(Drug::Metformin, (0, 120), 0.85),
            Line(Drug::Atorvastatin20, (0, 200), 0.75),
            Line(Drug::Gliclazide, (900, 2_200), 0.30),
            Line(Drug::Sitagliptin, (1_200, 2_800), 0.22),
            Line(Drug::Empagliflozin, (1_500, 3_600), 0.30),
            Line(Drug::InsulinGlargine, (3_000, 5_500), 0.18),
        ],
        Ill::Type1Diabetes => &[Line(Drug::InsulinGlargine, (0, 2), 1.0), Line(Drug::InsulinAspart, (0, 2), 1.0)],
        Ill::Asthma => &[
            Line(Drug::Salbutamol, (0, 2), 0.9),
            Line(Drug::Beclometasone, (0, 400), 0.6),
            Line(Drug::Montelukast, (400, 2_500), 0.12),
        ],
        Ill::Copd => &[
            Line(Drug::Salbutamol, (0, 2), 0.95),
            Line(Drug::Tiotropium, (0, 700), 0.55),
            Line(Drug::FluticasoneVilanterol, (300, 2_200), 0.40),
        ],
        Ill::IschaemicHeart => &[
            Line(Drug::Aspirin, (0, 10), 0.85),
            Line(Drug::Atorvastatin80, (0, 30), 0.80),
            Line(Drug::Bisoprolol, (0, 60), 0.65),
            Line(Drug::Gtn, (0, 10), 0.75),
        ],
        Ill::AtrialFibrillation => &[
            Line(Drug::Bisoprolol, (0, 20), 0.75),
            Line(Drug::Apixaban, (0, 30), 0.85),
            Line(Drug::Digoxin, (200, 1_500), 0.15),
        ],
        Ill::HeartFailure => &[
            Line(Drug::Furosemide, (0, 10), 0.85),
            Line(Drug::Ramipril, (0, 60), 0.65),
            Line(Drug::Bisoprolol, (0, 60), 0.75),
            Line(Drug::Spironolactone, (60, 900), 0.35),
            Line(Drug::Dapagliflozin, (60, 900), 0.35),
        ],
        Ill::Stroke | Ill::Tia => &[Line(Drug::Clopidogrel, (0, 14), 0.8), Line(Drug::Atorvastatin20, (0, 14), 0.8)],
        Ill::Hypercholesterolaemia => &[Line(Drug::Atorvastatin20, (0, 300), 0.72)],
        Ill::Dementia => &[Line(Drug::Donepezil, (30, 300), 0.45), Line(Drug::Memantine, (500, 1_200), 0.2)],
        Ill::Osteoarthritis => &[
            Line(Drug::Paracetamol, (0, 400), 0.5),
            Line(Drug::IbuprofenGel, (0, 900), 0.2),
            Line(Drug::Codeine, (600, 3_000), 0.18),
        ],
        Ill::Osteoporosis => &[Line(Drug::Alendronic, (0, 60), 0.65), Line(Drug::CalciumD, (0, 60), 0.7)],
        Ill::Rheumatoid => &[
            Line(Drug::Methotrexate, (30, 200), 0.7),
            Line(Drug::FolicAcid, (30, 200), 0.7),
            Line(Drug::Hydroxychloroquine, (100, 900), 0.35),
        ],
        Ill::Hypothyroidism => &[Line(Drug::Levothyroxine, (5, 40), 0.97)],
        Ill::Epilepsy => &[Line(Drug::Levetiracetam, (5, 60), 0.5), Line(Drug::Lamotrigine, (30, 600), 0.45)],
        Ill::Parkinson => &[Line(Drug::CoCareldopa, (20, 400), 0.85)],
        Ill::Schizophrenia => &[Line(Drug::Olanzapine, (0, 60), 0.5), Line(Drug::Aripiprazole, (100, 900), 0.4)],
        Ill::Bipolar => &[Line(Drug::Lithium, (30, 400), 0.45), Line(Drug::Quetiapine, (0, 60), 0.55)],
        Ill::Reflux => &[Line(Drug::Omeprazole, (0, 30), 0.55), Line(Drug::Lansoprazole, (0, 900), 0.2)],
        Ill::Gout => &[Line(Drug::Allopurinol, (100, 900), 0.6)],
        Ill::Psoriasis => &[Line(Drug::Calcipotriol, (0, 60), 0.5)],
        Ill::Eczema => &[Line(Drug::Emollient, (0, 20), 0.5)],
        Ill::Migraine => &[Line(Drug::Sumatriptan, (0, 300), 0.45), Line(Drug::Propranolol, (200, 1_500), 0.15)],
        Ill::BreastCancer => &[Line(Drug::Letrozole, (120, 260), 0.6)],
        Ill::ProstateCancer => &[Line(Drug::Bicalutamide, (30, 200), 0.3)],
        Ill::ProstateEnlargement => {
            &[Line(Drug::Tamsulosin, (0, 60), 0.6), Line(Drug::Finasteride, (200, 1_500), 0.25)]
        }
        Ill::IrritableBowel => &[Line(Drug::Mebeverine, (0, 400), 0.3)],
        Ill::BackPain => &[Line(Drug::Amitriptyline, (60, 900), 0.12), Line(Drug::Codeine, (30, 900), 0.15)],
        Ill::Fibromyalgia => &[Line(Drug::Amitriptyline, (0, 300), 0.6)],
        Ill::Crohns => &[Line(Drug::Azathioprine, (60, 600), 0.6)],
        Ill::UlcerativeColitis => &[Line(Drug::Mesalazine, (0, 60), 0.85)],
        Ill::Adhd => &[Line(Drug::Methylphenidate, (30, 400), 0.5)],
        Ill::AlcoholDependence => &[Line(Drug::Thiamine, (0, 200), 0.6)],
        Ill::OpioidDependence => &[Line(Drug::Methadone, (0, 200), 0.6)],
        Ill::Glaucoma => &[Line(Drug::Latanoprost, (0, 60), 0.85)],
        Ill::Incontinence => &[Line(Drug::Mirabegron, (60, 900), 0.25)],
        Ill::Ckd3 => &[Line(Drug::Atorvastatin20, (0, 400), 0.6), Line(Drug::Ramipril, (0, 600), 0.35)],
        Ill::SickleCell => &[Line(Drug::Phenoxymethylpenicillin, (30, 90), 0.9), Line(Drug::FolicAcid, (30, 90), 0.9)],
        _ => &[],
    }
}

/// Every course of medicine of a life, in order of start.
pub(crate) fn courses(person: &Person, life: &Life, dice: &mut Dice) -> Vec<Course> {
    let mut list: Vec<Course> = Vec::new();
    for problem in &life.problems {
        for Line(drug, (from, to), share) in lines(problem.ill) {
            let start = plus_days(problem.onset, dice.range(*from, *to));
            let scripted = matches!(life.role, Some(Role::KidneysFailing | Role::Fallen)) && *share >= 0.5;
            let given = dice.chance(*share) || scripted;
            if given && start < life.until {
                begin(&mut list, life, *drug, start, problem.ill, dice);
            }
        }
        if matches!(problem.ill, Ill::Depression | Ill::Anxiety) {
            episodes(&mut list, problem.ill, problem.onset, life.until, dice);
        }
        if problem.ill == Ill::IronDeficiency {
            spell(&mut list, Drug::FerrousFumarate, problem.onset, 120, Some(problem.ill), life.until);
        }
    }
    switches(&mut list, life, dice);
    reproductive(&mut list, person, life, dice);
    infections(&mut list, person, life, dice);
    list.retain(|c| c.from > person.birth && c.from < life.until);
    list.sort_by_key(|c| (c.from, c.drug));
    list
}

fn begin(list: &mut Vec<Course>, life: &Life, drug: Drug, from: Date, ill: Ill, dice: &mut Dice) {
    let running = |d: Drug| list.iter().any(|c| c.drug == d && c.to.is_none());
    let egfr = life.body.egfr(from);
    let unfit = match drug {
        Drug::Metformin | Drug::Alendronic => egfr < 30.0,
        Drug::Empagliflozin | Drug::Dapagliflozin => {
            egfr < 25.0 || running(Drug::Empagliflozin) || running(Drug::Dapagliflozin)
        }
        Drug::Atorvastatin20 => running(Drug::Atorvastatin80),
        Drug::Sitagliptin => running(Drug::InsulinGlargine),
        Drug::Aspirin => running(Drug::Apixaban),
        Drug::Lansoprazole => running(Drug::Omeprazole),
        d => life.allergic_to(d),
    };
    if unfit || running(drug) {
        return;
    }
    if drug == Drug::Atorvastatin80 {
        stop(list, Drug::Atorvastatin20, from);
    }
    // Dapagliflozin and apixaban did not exist for these uses for ever: older starts were later medicines' forerunners.
    let (drug, from) = match drug {
        Drug::Empagliflozin | Drug::Dapagliflozin if from < date(2016, 1, 1) => {
            (drug, plus_days(date(2016, 1, 1), dice.range(0, 1_200)))
        }
        Drug::Apixaban if from < date(2014, 1, 1) => {
            let switched = plus_days(date(2016, 1, 1), dice.range(0, 900));
            list.push(Course { drug: Drug::Warfarin, from, to: Some(switched), repeat: true, reason: Some(ill) });
            (drug, switched)
        }
        other => (other, from),
    };
    if from >= life.until {
        return;
    }
    // Some stop: side effects, or no longer needed.
    let ends = dice.chance(0.16).then(|| plus_days(from, dice.range(28, 1_500))).filter(|to| *to < life.until);
    let ends = if life.role.is_some() { None } else { ends };
    list.push(Course { drug, from, to: ends, repeat: true, reason: Some(ill) });
}

fn stop(list: &mut [Course], drug: Drug, day: Date) {
    for course in list.iter_mut().filter(|c| c.drug == drug && c.to.is_none() && c.from < day) {
        course.to = Some(day);
    }
}

fn spell(list: &mut Vec<Course>, drug: Drug, from: Date, days: i64, reason: Option<Ill>, until: Date) {
    let to = plus_days(from, days);
    list.push(Course { drug, from, to: (to < until).then_some(to), repeat: days > 27, reason });
}

/// Depression and anxiety come in episodes, each with its treatment.
fn episodes(list: &mut Vec<Course>, ill: Ill, onset: Date, until: Date, dice: &mut Dice) {
    let mut from = plus_days(onset, dice.range(0, 40));
    while from < until {
        if dice.chance(0.7) {
            let drug = *dice.pick(&[Drug::Sertraline, Drug::Sertraline, Drug::Citalopram, Drug::Mirtazapine]);
            if !list.iter().any(|c| c.drug == drug && c.to.is_none()) {
                spell(list, drug, from, dice.range(180, 1_400), Some(ill), until);
            }
        }
        from = plus_days(from, dice.range(1_200, 5_500));
    }
}

/// Changes that come with time: the dose of amlodipine, ramipril to losartan for a cough, no metformin below an eGFR of
/// 30, no thiazide with a low sodium.
fn switches(list: &mut Vec<Course>, life: &Life, dice: &mut Dice) {
    let until = life.until;
    let mut more = Vec::new();
    for course in list.iter_mut().filter(|c| c.to.is_none()) {
        match course.drug {
            Drug::Amlodipine if dice.chance(0.35) => {
                let day = plus_days(course.from, dice.range(120, 2_000));
                if day < until {
                    course.to = Some(day);
                    more.push(Course { drug: Drug::Amlodipine10, from: day, ..*course });
                }
            }
            Drug::Ramipril if dice.chance(0.14) => {
                let day = plus_days(course.from, dice.range(20, 300));
                if day < until {
                    course.to = Some(day);
                    more.push(Course { drug: Drug::Losartan, from: day, ..*course });
                }
            }
            Drug::Metformin | Drug::Alendronic => {
                if let Some(day) = life.since(Ill::Ckd4, until) {
                    course.to = Some(plus_days(day, 14)).filter(|d| *d > course.from);
                }
            }
            Drug::Indapamide if course.from < date(2012, 1, 1) => course.drug = Drug::Bendroflumethiazide,
            _ => {}
        }
    }
    for mut course in more {
        course.to = None;
        list.push(course);
    }
}

/// Contraception and the menopause.
fn reproductive(list: &mut Vec<Course>, person: &Person, life: &Life, dice: &mut Dice) {
    if !person.female() {
        return;
    }
    if dice.chance(0.38) {
        let from = at_age(person.birth, dice.between(16.0, 30.0));
        let drug =
            if life.has(Ill::Migraine, life.until) || dice.chance(0.5) { Drug::Desogestrel } else { Drug::Microgynon };
        if from < life.until {
            spell(list, drug, from, dice.range(300, 4_500), None, life.until);
        }
    }
    if dice.chance(0.14) && !life.has(Ill::BreastCancer, life.until) {
        let from = at_age(person.birth, dice.between(48.0, 55.0));
        if from < life.until && from > date(2005, 1, 1) {
            let days = dice.range(400, 3_600);
            spell(list, Drug::Estradiol, from, days, None, life.until);
            spell(list, Drug::Progesterone, from, days, None, life.until);
        }
    }
}

/// Short courses for infections over the last years, never a penicillin for the allergic.
fn infections(list: &mut Vec<Course>, person: &Person, life: &Life, dice: &mut Dice) {
    let from = plus_days(life.until, -8 * 365).max(person.birth);
    let years = days_between(from, life.until).max(0) / 365;
    for year in 0..years {
        let day = plus_days(from, year * 365 + dice.range(0, 364));
        let age = age_on(person.birth, day);
        let rate = if !(6..=70).contains(&age) { 0.5 } else { 0.25 };
        if !dice.chance(rate) || day >= life.until {
            continue;
        }
        let drug = super::today::short_course(person, life, age, dice);
        list.push(Course { drug, from: day, to: Some(plus_days(day, 7)), repeat: false, reason: None });
    }
}
