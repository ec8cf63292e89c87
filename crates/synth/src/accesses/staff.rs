//! Who works in the town, where, as what, and when they are on duty.

use super::{DAY, town::Town};
use crate::dice::Dice;

/// Wards of the hospital.
pub(super) const WARDS: usize = 8;
/// Outpatient clinics.
pub(super) const CLINICS: usize = 8;

/// What somebody does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Post {
    /// A nurse of a ward.
    WardNurse(usize),
    /// A doctor of a ward.
    WardDoctor(usize),
    /// Somebody who works on all wards: physiotherapist, dietitian, doctor on call, bed manager.
    Roaming,
    /// A hospital pharmacist.
    HospitalPharmacist,
    /// A nurse in the emergency department.
    EmergencyNurse,
    /// A doctor there.
    EmergencyDoctor,
    /// Its reception.
    EmergencyDesk,
    /// A doctor of an outpatient clinic.
    ClinicDoctor(usize),
    /// Its reception.
    ClinicDesk(usize),
    /// Its secretary.
    Secretary(usize),
    /// A student on a ward.
    Student(usize),
    /// A bank nurse, every week on another ward.
    BankNurse,
    /// A general practitioner.
    Gp(usize),
    /// A practice nurse.
    PracticeNurse(usize),
    /// A practice's reception.
    GpDesk(usize),
    /// A practice's secretary.
    GpSecretary(usize),
    /// A community nurse of a team.
    CommunityNurse(usize),
    /// A mental health worker.
    MentalHealth,
    /// A paramedic.
    Paramedic,
    /// A social worker.
    SocialWorker,
    /// A care home's manager.
    CareHome(usize),
    /// A community pharmacist.
    Pharmacist(usize),
}

/// When somebody is on duty.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Rota {
    /// Weekdays from, to (minutes of the day).
    Weekdays(i64, i64),
    /// Twelve-hour shifts, this share of them nights.
    Twelve(f64),
    /// Four on, four off: two days, two nights.
    FourOn(i64),
    /// Early, late or night.
    Three,
}

/// Somebody who works here.
#[derive(Clone, Debug, PartialEq)]
pub struct Worker {
    /// User id.
    pub id: String,
    /// National role code.
    pub role: &'static str,
    /// The job, as in `policies/roles.toml`.
    pub job: &'static str,
    /// The organisation's code.
    pub org: &'static str,
    /// What they do.
    pub post: Post,
    /// Who they are when not at work, if they live here: a place among the residents.
    pub lives_as: Option<usize>,
    /// Whether the organisation has told the region who they are when not at work.
    pub known: bool,
    pub(super) rota: Rota,
    /// First and last day of work: a new starter, a locum.
    pub(super) from: i64,
    pub(super) until: i64,
    pub(super) leave: i64,
    /// Minutes they come early or late by habit.
    pub(super) habit: i64,
    /// Catches up at home in the evening.
    pub(super) evenings: bool,
}

const GP_ORGS: [&str; 5] = ["GP0", "GP1", "GP2", "GP3", "GP4"];
const HOMES: [&str; 3] = ["CH0", "CH1", "CH2"];
const PHARMACIES: [&str; 4] = ["PH0", "PH1", "PH2", "PH3"];

pub(super) fn care_home(n: usize) -> &'static str {
    HOMES.get(n).copied().unwrap_or("CH0")
}

fn place(post: Post) -> (&'static str, &'static str, &'static str) {
    let of = |list: &[&'static str], n: usize| list.get(n).copied().unwrap_or("RH1");
    match post {
        Post::WardNurse(_) | Post::BankNurse | Post::EmergencyNurse => ("R8001", "ward-nurse", "RH1"),
        Post::WardDoctor(_) | Post::EmergencyDoctor | Post::ClinicDoctor(_) => ("R8000", "hospital-doctor", "RH1"),
        Post::Roaming => ("R8003", "health-professional", "RH1"),
        Post::HospitalPharmacist => ("pharmacist", "pharmacist", "RH1"),
        Post::EmergencyDesk | Post::ClinicDesk(_) => ("R8009", "receptionist", "RH1"),
        Post::Secretary(_) => ("R8006", "medical-secretary", "RH1"),
        Post::Student(_) => ("R8004", "student", "RH1"),
        Post::Gp(n) => ("R8000", "gp", of(&GP_ORGS, n)),
        Post::PracticeNurse(n) => ("R8001", "community-nurse", of(&GP_ORGS, n)),
        Post::GpDesk(n) => ("R8009", "receptionist", of(&GP_ORGS, n)),
        Post::GpSecretary(n) => ("R8006", "medical-secretary", of(&GP_ORGS, n)),
        Post::CommunityNurse(_) => ("R8001", "community-nurse", "RC1"),
        Post::MentalHealth => ("R8003", "mental-health-worker", "RM1"),
        Post::Paramedic => ("R8003", "paramedic", "RA1"),
        Post::SocialWorker => ("social-worker", "social-worker", "LA1"),
        Post::CareHome(n) => ("care-home-manager", "care-home-manager", care_home(n)),
        Post::Pharmacist(n) => ("pharmacist", "pharmacist", of(&PHARMACIES, n)),
    }
}

fn rota(dice: &mut Dice, post: Post) -> Rota {
    let hour = |h: i64| h * 60;
    match post {
        Post::WardNurse(_) | Post::BankNurse => Rota::Twelve(*dice.pick(&[0.0, 0.0, 0.3, 0.35, 0.4, 0.4, 0.5, 1.0])),
        Post::EmergencyNurse | Post::EmergencyDoctor | Post::EmergencyDesk => Rota::Three,
        Post::Roaming if dice.chance(0.4) => Rota::Twelve(0.4),
        Post::Paramedic => Rota::FourOn(dice.range(0, 7)),
        Post::WardDoctor(_) if dice.chance(0.4) => Rota::Twelve(0.25),
        Post::GpDesk(_) => match dice.chance(0.5) {
            true => Rota::Weekdays(hour(8), hour(13)),
            false => Rota::Weekdays(hour(13), hour(18) + 30),
        },
        Post::CareHome(_) => Rota::Weekdays(hour(8), hour(18)),
        Post::Pharmacist(_) => Rota::Weekdays(hour(9), hour(19)),
        Post::CommunityNurse(_) if dice.chance(0.15) => Rota::Twelve(0.2),
        _ => Rota::Weekdays(hour(8), hour(17) + 30),
    }
}

/// Everybody, and who of the residents they are.
pub(super) fn staff(dice: &mut Dice, town: &mut Town, days: i64) -> Vec<Worker> {
    let mut posts = Vec::new();
    let mut add = |n: usize, post: Post| posts.extend(std::iter::repeat_n(post, n));
    for ward in 0..WARDS {
        add(13, Post::WardNurse(ward));
        add(4, Post::WardDoctor(ward));
        add(1, Post::Student(ward));
    }
    for clinic in 0..CLINICS {
        add(2, Post::ClinicDoctor(clinic));
        add(1, Post::ClinicDesk(clinic));
        add(1, Post::Secretary(clinic));
    }
    add(22, Post::Roaming);
    add(5, Post::HospitalPharmacist);
    add(20, Post::EmergencyNurse);
    add(13, Post::EmergencyDoctor);
    add(8, Post::EmergencyDesk);
    add(10, Post::BankNurse);
    for practice in 0..super::town::PRACTICES {
        add(6, Post::Gp(practice));
        add(3, Post::PracticeNurse(practice));
        add(5, Post::GpDesk(practice));
        add(1, Post::GpSecretary(practice));
    }
    for team in 0..3 {
        add(10, Post::CommunityNurse(team));
        add(1, Post::CareHome(team));
    }
    add(16, Post::MentalHealth);
    add(30, Post::Paramedic);
    add(16, Post::SocialWorker);
    for pharmacy in 0..4 {
        add(2, Post::Pharmacist(pharmacy));
    }
    let mut staff: Vec<Worker> = Vec::new();
    for (nth, post) in posts.into_iter().enumerate() {
        let (role, job, org) = place(post);
        let lives_here = dice.chance(0.8);
        let lives_as = lives_here
            .then(|| town.living(dice, days * DAY, |who| (20..66).contains(&who.age) && who.works_as.is_none()));
        if let Some(resident) = lives_as.and_then(|who| town.residents.get_mut(who)) {
            resident.works_as = Some(nth);
        }
        // New starters, and locums of a fortnight.
        let locum = matches!(post, Post::EmergencyDoctor | Post::BankNurse | Post::WardDoctor(_)) && dice.chance(0.15);
        let begins = if locum { dice.range(7, days - 15) } else { dice.range(20, days) };
        let new = locum || dice.chance(0.05);
        staff.push(Worker {
            id: format!("u{nth:03}"),
            role,
            job,
            org,
            post,
            lives_as,
            known: dice.chance(0.94),
            rota: rota(dice, post),
            from: if new { begins } else { 0 },
            until: if locum { begins + 14 } else { days },
            leave: dice.range(0, days),
            habit: dice.range(-20, 20),
            evenings: matches!(post, Post::Gp(_) | Post::ClinicDoctor(_)) && dice.chance(0.3),
        });
    }
    staff
}

impl Worker {
    /// From when to when somebody works on a day, if at all: minutes since the first day.
    pub(super) fn shift(&self, dice: &mut Dice, day: i64) -> Option<(i64, i64)> {
        if day < self.from || day >= self.until || (self.leave..self.leave + 10).contains(&day) {
            return None;
        }
        let weekday = day % 7;
        let at = |from: i64, to: i64| Some((day * DAY + from + self.habit, day * DAY + to + self.habit));
        match self.rota {
            Rota::Weekdays(from, to) if weekday < 5 => at(from, to).filter(|_| dice.chance(0.93)),
            Rota::Weekdays(..) => None,
            Rota::Twelve(nights) => {
                if !dice.chance(3.3 / 7.0) {
                    return None;
                }
                // Nights come in blocks: weeks of nights and weeks of days.
                let week = Dice::new(
                    u64::try_from(self.leave * 100 + self.habit + 50).unwrap_or(0),
                    &[(day / 7).unsigned_abs()],
                );
                if week.clone().chance(nights) { at(20 * 60, 32 * 60) } else { at(8 * 60, 20 * 60) }
            }
            Rota::FourOn(offset) => match (day + offset) % 8 {
                0 | 1 => at(7 * 60, 19 * 60),
                2 | 3 => at(19 * 60, 31 * 60),
                _ => None,
            },
            Rota::Three => match dice.weighted([0.24, 0.24, 0.17, 0.35].into_iter()) {
                0 => at(7 * 60 + 30, 15 * 60 + 30),
                1 => at(13 * 60, 22 * 60),
                2 => at(21 * 60 + 30, 32 * 60),
                _ => None,
            },
        }
    }
}
