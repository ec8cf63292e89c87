//! Plans and services around a person: district nurses, packages of care, mental health teams, ambulance crews, ReSPECT,
//! emergency plans, and what people write about themselves.

use super::{
    Life, Role, World, age_years,
    hospital::{self, Attendance},
    practice::spread,
};
use crate::{
    clinical::{Term, acute::Acute, drugs::Drug, illness::Ill, term},
    dice::Dice,
    people::Person,
    when::{at, day_of, plus_days, plus_minutes},
};
use jiff::{
    Timestamp,
    civil::{Date, Weekday},
};

/// What district nurses come for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    Wound,
    Insulin,
    Catheter,
    EndOfLife,
    Mobility,
}

impl Need {
    /// As a term.
    pub(crate) fn term(self) -> Term {
        match self {
            Need::Wound => term("46742003", "Skin ulcer", "L97"),
            Need::Insulin => term("44054006", "Type 2 diabetes mellitus", "E11.9"),
            Need::Catheter => term("165232002", "Urinary incontinence", "R32"),
            Need::EndOfLife => term("395103005", "Specialist palliative care", "Z51.5"),
            Need::Mobility => term("161898004", "Falls", "R29.6"),
        }
    }

    /// The plan in a sentence.
    pub(crate) fn plan(self) -> &'static str {
        match self {
            Need::Wound => {
                "Leg ulcer care: clean, dress and compress twice a week; measure every four weeks; refer to tissue viability if larger."
            }
            Need::Insulin => {
                "Give insulin each morning before breakfast; check glucose; call the practice below 4 or above 20 mmol/L."
            }
            Need::Catheter => "Change the long-term catheter every ten weeks; spare kit is in the hall cupboard.",
            Need::EndOfLife => {
                "Keep comfortable at home; just-in-case medicines in the house; ring the team before 999 unless the person asks for it."
            }
            Need::Mobility => "Strength and balance programme, walking frame, review of hazards at home.",
        }
    }

    /// Days between visits.
    pub(crate) fn every(self) -> i64 {
        match self {
            Need::Wound => 4,
            Need::Insulin => 1,
            Need::Catheter => 70,
            Need::EndOfLife => 3,
            Need::Mobility => 12,
        }
    }
}

/// On a district nursing caseload.
#[derive(Clone, Debug)]
pub(crate) struct Nursing {
    pub need: Need,
    pub since: Date,
    pub team: u64,
    /// The visits of the last months.
    pub visits: Vec<Timestamp>,
}

/// A recommendation for emergencies (ReSPECT), with the one it replaced.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Respect {
    pub made: Date,
    pub attempt_cpr: bool,
    pub hospital: bool,
    pub capacity: bool,
    pub former: Option<Date>,
}

/// A package of care at home.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Package {
    pub since: Date,
    pub calls_a_day: i64,
    pub provider: &'static str,
    pub key_safe: Option<i64>,
    pub attorney: bool,
    pub worker: u64,
}

/// With a mental health team.
#[derive(Clone, Debug)]
pub(crate) struct Mental {
    pub because: Ill,
    pub since: Date,
    pub team: &'static str,
    pub coordinator: u64,
    pub crisis_plan: Option<Date>,
    /// Was once detained under section 2.
    pub detained: Option<Date>,
    pub contacts: Vec<Timestamp>,
}

/// An ambulance crew's visit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Incident {
    pub at: Timestamp,
    pub reason: &'static Acute,
    /// The hospital they went to, if to one.
    pub conveyed: Option<u8>,
    pub crew: u64,
}

/// Everything around one person.
#[derive(Clone, Debug, Default)]
pub(crate) struct Care {
    pub nursing: Option<Nursing>,
    pub respect: Option<Respect>,
    pub emergency_plan: Option<Date>,
    pub about_me: Option<Date>,
    pub package: Option<Package>,
    pub mental: Option<Mental>,
    pub incidents: Vec<Incident>,
}

const PROVIDERS: &[&str] = &["Harbour Home Care", "Moorland Support at Home", "Kindly Care Wexmoor", "Alder Homecare"];

/// What surrounds this person, given the attendances their ambulances led to.
pub(crate) fn care(world: &World, person: &Person, life: &Life, attendances: &[std::sync::Arc<Attendance>]) -> Care {
    let mut dice = world.dice(5, person.index);
    let until = life.until;
    let age = age_years(person, until);
    let scripted = life.role == Some(Role::Fallen);
    let frail = life.frailty;
    let mut care = Care::default();
    let dying = life.has(Ill::LungCancer, until) && age > 60.0;

    let need = if scripted {
        Some(Need::Wound)
    } else if dying && dice.chance(0.5) {
        Some(Need::EndOfLife)
    } else if life.takes(Drug::InsulinGlargine, until) && age > 78.0 && dice.chance(0.5) {
        Some(Need::Insulin)
    } else if frail > 0.24 && dice.chance(0.26) {
        Some(*dice.pick(&[Need::Wound, Need::Mobility, Need::Catheter]))
    } else if age > 72.0 && dice.chance(0.03) {
        Some(Need::Wound)
    } else {
        None
    };
    care.nursing = need.map(|need| nursing(need, person, until, &mut dice));
    let wants_respect = frail > 0.36
        || dying
        || life.has(Ill::Dementia, until) && age > 80.0
        || life.has(Ill::HeartFailure, until) && age > 84.0;
    if scripted || wants_respect && dice.chance(0.4) {
        let made = plus_days(until, -dice.range(20, 500));
        care.respect = Some(Respect {
            made,
            attempt_cpr: !scripted && dice.chance(0.25),
            hospital: scripted || dice.chance(0.6),
            capacity: !life.has(Ill::Dementia, until) || dice.chance(0.3),
            former: (scripted || dice.chance(0.3)).then(|| plus_days(made, -dice.range(200, 800))),
        });
        care.emergency_plan = Some(plus_days(made, dice.range(0, 10)));
    } else if age > 75.0 && frail > 0.2 && dice.chance(0.12) {
        care.emergency_plan = Some(plus_days(until, -dice.range(20, 700)));
    }
    let writes = if life.has(Ill::LearningDisability, until) {
        0.5
    } else if life.has(Ill::Dementia, until) {
        0.3
    } else if age > 75.0 {
        0.09
    } else {
        0.004
    };
    if scripted || life.role == Some(Role::Crisis) || dice.chance(writes) {
        care.about_me = Some(plus_days(until, -dice.range(10, 600)));
    }
    let supported = if life.has(Ill::LearningDisability, until) {
        0.3
    } else if life.has(Ill::Dementia, until) {
        0.4
    } else if frail > 0.24 {
        0.22
    } else if age > 80.0 {
        0.06
    } else {
        0.0
    };
    if scripted || !person.address.care_home && dice.chance(supported) {
        care.package = Some(Package {
            since: plus_days(until, -dice.range(30, 1_200)),
            calls_a_day: if scripted { 3 } else { dice.range(1, 4) },
            provider: dice.pick::<&str>(PROVIDERS),
            key_safe: (scripted || dice.chance(0.6)).then(|| dice.range(1_000, 9_999)),
            attorney: life.has(Ill::Dementia, until) && dice.chance(0.6) || scripted,
            worker: dice.below(10),
        });
    }
    care.mental = mental(life, age, until, &mut dice);
    care.incidents = incidents(world, person, life, attendances, &mut dice);
    care
}

fn nursing(need: Need, person: &Person, until: Date, dice: &mut Dice) -> Nursing {
    let since = plus_days(until, -dice.range(20, 420)).max(plus_days(person.birth, 30));
    let mut visits = Vec::new();
    let mut day = since.max(plus_days(until, -120));
    while day < until {
        visits.push(at(day, 8 * 60 + 30 + dice.range(0, 420)));
        day = plus_days(day, need.every());
    }
    // A daily visit is seen often enough by its last month.
    let keep = visits.len().min(36);
    visits.drain(..visits.len() - keep);
    Nursing { need, since, team: u64::from(person.address.place) % 6, visits }
}

fn mental(life: &Life, age: f64, until: Date, dice: &mut Dice) -> Option<Mental> {
    let mut because = None;
    for (ill, share) in [
        (Ill::Schizophrenia, 0.75),
        (Ill::Bipolar, 0.55),
        (Ill::Dementia, 0.18),
        (Ill::Depression, 0.035),
        (Ill::Anxiety, 0.02),
        (Ill::OpioidDependence, 0.5),
    ] {
        let throw = dice.chance(share);
        if because.is_none()
            && (throw || life.role == Some(Role::Crisis) && ill == Ill::Bipolar)
            && life.has(ill, until)
        {
            because = Some(ill);
        }
    }
    let because = because?;
    let onset = life.since(because, until)?;
    let since = plus_days(until, -dice.range(40, 2_000)).max(onset);
    let severe = matches!(because, Ill::Schizophrenia | Ill::Bipolar);
    let mut contacts = Vec::new();
    spread(since.max(plus_days(until, -730)), until, if severe { 14.0 } else { 5.0 }, dice, |day, dice| {
        contacts.push(weekday(day, 9 * 60 + dice.range(0, 16) * 30));
    });
    contacts.retain(|c| *c < at(until, 0));
    contacts.sort_unstable();
    contacts.dedup();
    Some(Mental {
        because,
        since,
        team: match because {
            Ill::Dementia => "Older Adults' Mental Health Team",
            Ill::OpioidDependence => "Wexmoor Recovery Service",
            _ if age < 18.0 => "Child and Adolescent Mental Health Service",
            _ => "Community Mental Health Team",
        },
        coordinator: 4 + dice.below(8),
        crisis_plan: (severe || dice.chance(0.3)).then(|| plus_days(until, -dice.range(15, 400))),
        detained: (severe && dice.chance(0.35)).then(|| plus_days(until, -dice.range(500, 2_400))),
        contacts,
    })
}

/// That minute of the day, on the next working day.
pub(crate) fn weekday(day: Date, minute: i64) -> Timestamp {
    let later = match day.weekday() {
        Weekday::Saturday => 2,
        Weekday::Sunday => 1,
        _ => 0,
    };
    at(plus_days(day, later), minute)
}

fn incidents(
    world: &World,
    person: &Person,
    life: &Life,
    attendances: &[std::sync::Arc<Attendance>],
    dice: &mut Dice,
) -> Vec<Incident> {
    let mut list: Vec<Incident> = attendances.iter().filter(|a| a.ambulance).map(|a| of_attendance(a)).collect();
    let until = life.until;
    let age = age_years(person, until);
    // Those who were seen and left at home.
    let rate = if age > 80.0 {
        0.22
    } else if age > 65.0 {
        0.07
    } else {
        0.02
    };
    spread(world.records_from().max(plus_days(person.birth, 1)), until, rate, dice, |day, dice| {
        let when = at(day, hospital::arrival_minute(dice));
        let reason = hospital::emergency(person, life, day, dice);
        if reason.severity < 0.35 && when < at(until, -60) {
            list.push(Incident { at: when, reason, conveyed: None, crew: dice.below(16) });
        }
    });
    if life.role == Some(Role::Fallen)
        && let Some(fall) = crate::clinical::acute::EMERGENCIES.iter().find(|e| e.term.sct == "161898004")
    {
        list.push(Incident { at: at(plus_days(world.start, -2), 21 * 60 + 40), reason: fall, conveyed: None, crew: 3 });
    }
    list.sort_by_key(|i| i.at);
    list.dedup_by_key(|i| i.at);
    list
}

/// The crew that brought somebody to the emergency department.
pub(crate) fn of_attendance(attendance: &Attendance) -> Incident {
    let seed = u64::try_from(attendance.arrived.as_second()).unwrap_or(0);
    Incident {
        at: plus_minutes(attendance.arrived, -52),
        reason: attendance.reason,
        conveyed: Some(attendance.hospital),
        crew: (seed / 60 + u64::try_from(day_of(attendance.arrived).day()).unwrap_or(0)) % 16,
    }
}
