//! A day's honest work, day after day: who is ill, who is looked after by whom, and which records that opens.

use super::{
    DAY, Looked,
    staff::{Post, WARDS, Worker, care_home},
    town::Town,
};
use crate::dice::{Dice, floor, real_i};
use std::collections::HashMap;

/// On duty: who, from, to.
pub(super) type Shifts = Vec<(usize, i64, i64)>;

type Fits = fn(Post) -> bool;

struct Work<'a> {
    dice: &'a mut Dice,
    town: &'a mut Town,
    staff: &'a [Worker],
    accesses: Vec<Looked>,
    /// On duty today.
    today: Shifts,
    /// Who is on which ward.
    wards: Vec<Vec<usize>>,
    /// Who is on which worker's or team's list.
    lists: Vec<(Post, Vec<usize>)>,
    /// Clinics held, whose letters are still to be typed: `(clinic, day due, resident)`.
    letters: Vec<(usize, i64, usize)>,
    /// Who comes to the emergency department today and will be admitted.
    arriving: Vec<(usize, i64)>,
}

fn index(n: u64) -> usize {
    usize::try_from(n).unwrap_or(0)
}

pub(super) fn work(dice: &mut Dice, town: &mut Town, staff: &[Worker], days: i64) -> (Vec<Looked>, Shifts) {
    let mut work = Work {
        dice,
        town,
        staff,
        accesses: Vec::new(),
        today: Vec::new(),
        wards: vec![Vec::new(); WARDS],
        lists: Vec::new(),
        letters: Vec::new(),
        arriving: Vec::new(),
    };
    work.begin(days);
    let mut shifts = Vec::new();
    for day in 0..days {
        work.today = (staff.iter().enumerate())
            .filter_map(|(n, worker)| worker.shift(work.dice, day).map(|(from, to)| (n, from, to)))
            .collect();
        work.day(day, days);
        shifts.append(&mut work.today.clone());
    }
    (work.accesses, shifts)
}

impl Work<'_> {
    fn begin(&mut self, days: i64) {
        for ward in 0..WARDS {
            for _ in 0..20 {
                let day = -self.dice.range(0, 5);
                self.admit(ward, day);
            }
        }
        let long = days * DAY;
        for team in 0..3 {
            let list = (0..130).map(|_| self.town.ill(self.dice, long)).collect();
            self.keep(Post::CommunityNurse(team), list, "RC1", long);
            let list = (0..36).map(|_| self.town.living(self.dice, long, |who| who.age > 78)).collect();
            self.keep(Post::CareHome(team), list, care_home(team), long);
        }
        let list = (0..260).map(|_| self.town.living(self.dice, long, |who| who.age > 17)).collect();
        self.keep(Post::MentalHealth, list, "RM1", long);
        let list = (0..300).map(|_| self.town.ill(self.dice, long)).collect();
        self.keep(Post::SocialWorker, list, "LA1", long);
        for pharmacy in 0..4 {
            let list = (0..700).map(|_| self.town.ill(self.dice, long)).collect();
            self.lists.push((Post::Pharmacist(pharmacy), list));
        }
        // Famous people fall ill as well, and are properly looked after.
        for famous in self.town.well_known.clone().into_iter().take(5) {
            let (ward, day) = (index(self.dice.below(WARDS as u64)), self.dice.range(5, days - 8));
            self.town.stays.push((famous, ward, day, day + 5));
        }
    }

    fn keep(&mut self, post: Post, list: Vec<usize>, org: &'static str, until: i64) {
        for &resident in &list {
            self.town.tie(resident, org, "caseload", -100 * DAY, until);
        }
        self.lists.push((post, list));
    }

    /// Somebody who falls ill and is not in hospital already.
    fn outside_ill(&mut self, minute: i64) -> usize {
        loop {
            let resident = self.town.ill(self.dice, minute);
            if !self.wards.iter().any(|ward| ward.contains(&resident)) {
                return resident;
            }
        }
    }

    fn admit(&mut self, ward: usize, day: i64) -> usize {
        let resident = self.outside_ill(day.max(0) * DAY);
        // Most come by way of the emergency department.
        if day >= 0 && self.dice.chance(0.7) {
            let minute = day * DAY + self.dice.range(5 * 60, 10 * 60);
            self.arriving.push((resident, minute));
        }
        let stay = floor(self.dice.exponential(6.0)).min(40) + 1;
        self.town.stays.push((resident, ward, day, day + stay));
        // The message of an admission comes soon after, now and then late.
        let late = if self.dice.chance(0.04) { 180 } else { self.dice.range(0, 20) };
        let from = day * DAY + 11 * 60 + late;
        self.town.tie(resident, "RH1", "admitted", from, (day + stay + 30) * DAY);
        resident
    }

    /// Somebody on duty at a minute, in one of these posts.
    fn on_duty(&mut self, minute: i64, is: impl Fn(Post) -> bool) -> Option<usize> {
        let fits = |n: usize| self.staff.get(n).is_some_and(|worker| is(worker.post));
        let here: Vec<usize> = (self.today.iter())
            .filter(|(n, from, to)| *from <= minute && minute < *to && fits(*n))
            .map(|(n, ..)| *n)
            .collect();
        if here.is_empty() { None } else { Some(*self.dice.pick(&here)) }
    }

    /// Open a record, as work asks for.
    fn open(&mut self, worker: usize, resident: usize, minute: i64, because: &'static str) {
        let Some(who) = self.staff.get(worker) else { return };
        // Who knows the person at home leaves it to somebody else, nearly always.
        if self.town.close(who.lives_as, resident) && !self.dice.chance(0.02) {
            return;
        }
        let relations = self.town.relations(who.org, resident, minute);
        let claimed = if relations.is_empty() { because } else { "" };
        let glass = claimed == "vital-interests" && self.dice.chance(0.08);
        let pages = self.dice.weighted([0.45, 0.3, 0.15, 0.1].into_iter());
        let desk = who.job == "receptionist";
        let mut at = minute;
        for nth in 0..=pages {
            let page = match nth {
                _ if desk => "person",
                0 => "summary",
                _ => *self.dice.pick(&["results", "letters", "medicines", "visits", "plans"]),
            };
            let relations = relations.clone();
            self.accesses.push(Looked {
                minute: at,
                worker,
                resident,
                relations,
                claimed,
                glass,
                page,
                incident: None,
            });
            at += self.dice.range(1, 3);
        }
    }

    fn some_time(&mut self, (from, to): (i64, i64)) -> i64 {
        self.dice.range(from + 10, to - 15)
    }

    fn day(&mut self, day: i64, days: i64) {
        self.hospital(day);
        self.emergencies(day);
        self.clinics(day);
        for (worker, from, to) in self.today.clone() {
            if let Some(post) = self.staff.get(worker).map(|who| who.post) {
                self.shift(worker, post, day, (from, to));
            }
        }
        self.deaths(day, days);
    }

    fn hospital(&mut self, day: i64) {
        for ward in 0..WARDS {
            let staying = |stays: &[(usize, usize, i64, i64)]| {
                let here = stays.iter().filter(|(_, of, from, to)| *of == ward && *from <= day && day <= *to);
                here.map(|(resident, ..)| *resident).collect::<Vec<_>>()
            };
            let famous: Vec<usize> = staying(&self.town.stays);
            let mut here: Vec<usize> = famous.into_iter().filter(|who| self.town.alive(*who, day * DAY)).collect();
            // Known ones come with their relationship too.
            for &resident in &here {
                if self.town.relations("RH1", resident, day * DAY + 12 * 60).is_empty() {
                    self.town.tie(resident, "RH1", "admitted", day * DAY, (day + 36) * DAY);
                }
            }
            while here.len() < 20 {
                here.push(self.admit(ward, day));
            }
            here.truncate(24);
            if let Some(list) = self.wards.get_mut(ward) {
                *list = here;
            }
        }
    }

    fn emergencies(&mut self, day: i64) {
        let busy = matches!(day % 31, 5 | 19);
        let arrivals = if busy { 120 } else { self.dice.range(62, 85) };
        let mut hourly: HashMap<(usize, i64), u32> = HashMap::new();
        let mut admitted = std::mem::take(&mut self.arriving);
        for _ in 0..arrivals {
            let hour = self.dice.weighted(
                [2, 1, 1, 1, 1, 1, 2, 3, 5, 6, 7, 7, 7, 6, 6, 6, 6, 6, 6, 6, 5, 5, 4, 3].map(f64::from).into_iter(),
            );
            let night = busy && self.dice.chance(0.6);
            let minute = match night {
                true => day * DAY + self.dice.range(20 * 60, 24 * 60 - 1),
                false => day * DAY + i64::try_from(hour).unwrap_or(0) * 60 + self.dice.range(0, 59),
            };
            let (resident, minute) = admitted.pop().unwrap_or_else(|| (self.outside_ill(minute), minute));
            let late = if self.dice.chance(0.05) { self.dice.range(60, 200) } else { self.dice.range(0, 12) };
            self.town.tie(resident, "RH1", "attended", minute + late, minute + 31 * DAY);
            // Most come by themselves; a third were brought by an ambulance (whose own work is below).
            let team: [(i64, Fits); 4] = [
                (2, |post| post == Post::EmergencyDesk),
                (15, |post| post == Post::EmergencyNurse),
                (50, |post| post == Post::EmergencyDoctor),
                (120, |post| matches!(post, Post::EmergencyDoctor | Post::EmergencyNurse)),
            ];
            // On a busy night they wait.
            let wait = if night { self.dice.range(0, 180) } else { 0 };
            for (after, is) in team.map(|(after, is)| (if after > 10 { after + wait } else { after }, is)) {
                if let Some(worker) = self.on_duty(minute + after, is) {
                    // Nobody sees more than so many in an hour; the others see the rest, or nobody does.
                    let seen = hourly.entry((worker, (minute + after) / 60)).or_insert(0);
                    *seen += 1;
                    if *seen > 14 {
                        continue;
                    }
                    self.open(worker, resident, minute + after, "ongoing-care");
                }
            }
            // Whoever is on call for the day.
            let on_call = |post: Post| post == Post::WardDoctor(index((day % 8).unsigned_abs()));
            if self.dice.chance(0.25)
                && let Some(worker) = self.on_duty(minute + 150, on_call)
            {
                self.open(worker, resident, minute + 150, "ongoing-care");
            }
        }
    }

    fn clinics(&mut self, day: i64) {
        for (worker, from, _) in self.today.clone() {
            let Some(Post::ClinicDoctor(clinic)) = self.staff.get(worker).map(|who| who.post) else { continue };
            if (day + i64::try_from(worker).unwrap_or(0)) % 5 > 2 {
                continue;
            }
            let expected = self.dice.range(11, 17);
            for nth in 0..expected {
                let at = from + 60 + nth * 25;
                let resident = self.outside_ill(at);
                self.town.tie(resident, "RH1", "appointment", at - 30 * DAY, at + 30 * DAY);
                if let Some(desk) = self.on_duty(at - 8, |post| post == Post::ClinicDesk(clinic)) {
                    self.open(desk, resident, at - 8, "ongoing-care");
                }
                self.open(worker, resident, at, "ongoing-care");
                self.letters.push((clinic, day + self.dice.range(2, 6), resident));
            }
        }
        let due: Vec<(usize, i64, usize)> = self.letters.iter().filter(|(_, at, _)| *at <= day).copied().collect();
        // A secretary types some thirty letters a day; after a holiday the rest waits, or is typed elsewhere.
        self.letters.retain(|letter| letter.1 > day - 15);
        let mut typed = [0; super::staff::CLINICS];
        for (clinic, at, resident) in due {
            let Some(count) = typed.get_mut(clinic).filter(|count| **count < 30) else { continue };
            *count += 1;
            let minute = day * DAY + self.dice.range(9 * 60, 16 * 60);
            if let Some(worker) = self.on_duty(minute, |post| post == Post::Secretary(clinic)) {
                self.letters.retain(|letter| *letter != (clinic, at, resident));
                self.open(worker, resident, minute, "ongoing-care");
            }
        }
    }

    fn shift(&mut self, worker: usize, post: Post, day: i64, duty: (i64, i64)) {
        let week = day / 7;
        match post {
            Post::WardNurse(ward) | Post::Student(ward) => self.ward(worker, ward, duty, 7, self.staff.len()),
            Post::BankNurse => self.ward(worker, (worker + index(week.unsigned_abs())) % WARDS, duty, 7, 0),
            Post::WardDoctor(ward) => {
                // The round: everybody, in an hour or two; on Mondays and nights the neighbouring ward as well.
                let wards = if day % 7 == 0 { vec![ward, (ward + 1) % WARDS] } else { vec![ward] };
                let mut at = duty.0 + 45;
                for ward in wards {
                    for resident in self.wards.get(ward).cloned().unwrap_or_default() {
                        self.open(worker, resident, at, "ongoing-care");
                        at += self.dice.range(2, 6);
                    }
                }
                self.ward(worker, ward, duty, 6, 0);
                self.advice(worker, duty, 0.03);
            }
            Post::Roaming | Post::HospitalPharmacist => {
                let most = if post == Post::Roaming { 16 } else { 26 };
                for _ in 0..self.dice.range(9, most) {
                    let ward = index(self.dice.below(WARDS as u64));
                    let here = self.wards.get(ward).cloned().unwrap_or_default();
                    let (resident, at) = (*self.dice.pick(&here), self.some_time(duty));
                    self.open(worker, resident, at, "ongoing-care");
                }
                self.advice(worker, duty, 0.02);
            }
            Post::ClinicDoctor(clinic) => {
                self.advice(worker, duty, 0.06);
                // Letters about patients just seen.
                let seen = self.letters.iter().filter(|letter| letter.0 == clinic).map(|letter| letter.2);
                let seen: Vec<usize> = seen.collect();
                if !seen.is_empty() {
                    self.evening(worker, day, 6, |_, dice, _| *dice.pick(&seen));
                }
            }
            Post::Gp(practice) => {
                self.surgery(worker, practice, duty, (22, 34));
                self.evening(worker, day, 12, move |town, dice, at| {
                    town.living(dice, at, |who| who.practice == practice)
                });
            }
            Post::PracticeNurse(practice) => self.surgery(worker, practice, duty, (14, 24)),
            Post::GpDesk(practice) => {
                self.surgery(worker, practice, duty, (45, 80));
                // Somebody who has just moved here, or is on a visit.
                self.advice(worker, duty, 0.05);
            }
            Post::GpSecretary(practice) => self.surgery(worker, practice, duty, (10, 20)),
            Post::CommunityNurse(_) | Post::MentalHealth | Post::SocialWorker => self.visits(worker, post, day, duty),
            Post::CareHome(_) => self.visits(worker, post, day, duty),
            Post::Paramedic => {
                for _ in 0..self.dice.range(4, 8) {
                    let at = self.some_time(duty);
                    let resident = self.town.ill(self.dice, at);
                    self.open(worker, resident, at, "vital-interests");
                    // The other one of the crew.
                    if self.dice.chance(0.4)
                        && let Some(other) =
                            self.on_duty(at + 6, |post| post == Post::Paramedic).filter(|n| *n != worker)
                    {
                        self.open(other, resident, at + 6, "vital-interests");
                    }
                }
            }
            Post::Pharmacist(_) => {
                let list = self.list(post);
                for _ in 0..self.dice.range(14, 28) {
                    let at = self.some_time(duty);
                    let resident =
                        if self.dice.chance(0.75) { *self.dice.pick(&list) } else { self.town.ill(self.dice, at) };
                    if self.town.alive(resident, at) {
                        self.open(worker, resident, at, "consent");
                    }
                }
            }
            Post::EmergencyNurse
            | Post::EmergencyDoctor
            | Post::EmergencyDesk
            | Post::ClinicDesk(_)
            | Post::Secretary(_) => {}
        }
    }

    fn list(&self, post: Post) -> Vec<usize> {
        self.lists.iter().find(|(of, _)| *of == post).map(|(_, list)| list.clone()).unwrap_or_default()
    }

    /// A nurse's own patients, in and out all shift; some read the whole handover first.
    fn ward(&mut self, worker: usize, ward: usize, duty: (i64, i64), own: usize, reads_all: usize) {
        let here = self.wards.get(ward).cloned().unwrap_or_default();
        if worker.is_multiple_of(3) && reads_all > 0 {
            let mut at = duty.0 + 5;
            for &resident in &here {
                self.open(worker, resident, at, "ongoing-care");
                at += self.dice.range(1, 2);
            }
        }
        let first = index(self.dice.below(here.len() as u64));
        for resident in here.iter().cycle().skip(first).take(own) {
            for _ in 0..=self.dice.below(2) {
                let at = self.some_time(duty);
                self.open(worker, *resident, at, "ongoing-care");
            }
        }
    }

    fn surgery(&mut self, worker: usize, practice: usize, duty: (i64, i64), (least, most): (i64, i64)) {
        let hours = real_i(duty.1 - duty.0) / 570.0;
        let many = floor(real_i(self.dice.range(least, most)) * hours.max(0.6));
        for _ in 0..many {
            let at = self.some_time(duty);
            let resident = self.town.living(self.dice, at, |who| who.practice == practice);
            self.open(worker, resident, at, "consent");
        }
    }

    /// Those who finish at home in the evening do so twice a week.
    fn evening(&mut self, worker: usize, day: i64, many: i64, who: impl Fn(&Town, &mut Dice, i64) -> usize) {
        if self.staff.get(worker).is_some_and(|who| who.evenings) && self.dice.chance(0.45) {
            for _ in 0..self.dice.range(3, many) {
                let at = day * DAY + self.dice.range(20 * 60, 22 * 60 + 30);
                let resident = who(self.town, self.dice, at);
                self.open(worker, resident, at, "ongoing-care");
            }
        }
    }

    /// A colleague or a patient on the telephone: nothing in the data ever says so.
    fn advice(&mut self, worker: usize, duty: (i64, i64), chance: f64) {
        if self.dice.chance(chance) {
            let at = self.some_time(duty);
            let resident = self.town.ill(self.dice, at);
            self.open(worker, resident, at, "ongoing-care");
        }
    }

    fn visits(&mut self, worker: usize, post: Post, day: i64, duty: (i64, i64)) {
        let list = self.list(post);
        let (own, least, most) = match post {
            Post::CommunityNurse(_) => (26, 8, 12),
            Post::CareHome(_) => (36, 6, 14),
            _ => (18, 4, 8),
        };
        // Everybody has patients of their own, and covers for others.
        let mine: Vec<usize> = list.iter().cycle().skip(worker * 13 % list.len().max(1)).take(own).copied().collect();
        for _ in 0..self.dice.range(least, most) {
            let at = self.some_time(duty);
            let resident = if self.dice.chance(0.85) { *self.dice.pick(&mine) } else { *self.dice.pick(&list) };
            self.open(worker, resident, at, "ongoing-care");
        }
        // Somebody new: the work begins before the message of it comes; one in ten times nothing comes of it.
        let new = if post == Post::SocialWorker { 0.35 } else { 0.2 };
        if !matches!(post, Post::CareHome(_)) && self.dice.chance(new) {
            let at = self.some_time(duty);
            let resident = self.town.ill(self.dice, at);
            let org = self.staff.get(worker).map_or("", |who| who.org);
            let because = if post == Post::SocialWorker { "safeguarding" } else { "ongoing-care" };
            self.open(worker, resident, at, because);
            if self.dice.chance(0.9) {
                let from = at + self.dice.range(60, 3 * DAY);
                self.town.tie(resident, org, "caseload", from, from + 60 * DAY);
                for nth in 1..4 {
                    let later = (day + 2 * nth) * DAY + 10 * 60 + self.dice.range(0, 300);
                    if nth > 1 && later > from && self.dice.chance(0.8) {
                        self.open(worker, resident, later, because);
                    }
                }
            }
        }
    }

    /// The certificate, the coroner, the last letters, families who ask for the record.
    fn deaths(&mut self, day: i64, days: i64) {
        let died: Vec<(usize, i64)> = (self.town.residents.iter().enumerate())
            .filter_map(|(n, who)| who.died.map(|at| (n, day - at.div_euclid(DAY))))
            .filter(|(_, since)| *since >= 0)
            .collect();
        for (resident, since) in died {
            let practice = self.town.residents.get(resident).map_or(0, |who| who.practice);
            let minute = day * DAY + self.dice.range(9 * 60, 16 * 60);
            if since <= 12
                && self.dice.chance(0.12)
                && let Some(gp) = self.on_duty(minute, |post| post == Post::Gp(practice))
            {
                self.open(gp, resident, minute, "ongoing-care");
            }
            if since > 30 && self.dice.chance(3.0 / real_i(days * 900)) {
                let coroner = self.dice.chance(0.4);
                let asked = match coroner {
                    true => self.on_duty(minute, |post| {
                        matches!(post, Post::ClinicDoctor(_) | Post::WardDoctor(_) | Post::Secretary(_))
                    }),
                    false => self.on_duty(minute, |post| post == Post::GpSecretary(practice)),
                };
                if let Some(worker) = asked {
                    self.open(worker, resident, minute, if coroner { "court-order" } else { "consent" });
                }
            }
        }
    }
}
