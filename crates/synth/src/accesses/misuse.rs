//! Misuse, as it is known from hearings and the regulator's cases: curiosity, worry, quarrels, harvest.

use super::{
    DAY, Looked,
    staff::{Post, Worker},
    town::Town,
    work::Shifts,
};
use crate::dice::Dice;

/// A kind of misuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MisuseKind {
    /// One's own record.
    Own,
    /// Somebody one lives with.
    Household,
    /// Family down the street.
    Relative,
    /// Somebody one works with.
    Colleague,
    /// Somebody everybody knows.
    WellKnown,
    /// Somebody dead for long.
    Deceased,
    /// Strangers, over days, for a reason that nothing bears out.
    Strangers,
    /// Very many in a short time.
    Harvest,
    /// At an hour when the user is never at work.
    OffDuty,
    /// Reasons given far more often than others do, and the glass broken.
    Claims,
    /// Many who have nothing to do with a person in the news look at them.
    News,
    /// One person, again and again.
    Stalking,
}

impl MisuseKind {
    /// Every kind.
    pub const ALL: [MisuseKind; 12] = [
        MisuseKind::Own,
        MisuseKind::Household,
        MisuseKind::Relative,
        MisuseKind::Colleague,
        MisuseKind::WellKnown,
        MisuseKind::Deceased,
        MisuseKind::Strangers,
        MisuseKind::Harvest,
        MisuseKind::OffDuty,
        MisuseKind::Claims,
        MisuseKind::News,
        MisuseKind::Stalking,
    ];
}

/// Something that one user did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incident {
    /// What.
    pub kind: MisuseKind,
    /// Who: a place among the staff.
    pub worker: usize,
}

pub(super) struct Seeds<'a> {
    pub town: &'a Town,
    pub staff: &'a [Worker],
    pub shifts: &'a Shifts,
    pub days: i64,
}

/// What is being added.
struct Sowing<'a> {
    accesses: &'a mut Vec<Looked>,
    incidents: Vec<Incident>,
}

impl Sowing<'_> {
    fn begin(&mut self, kind: MisuseKind, worker: usize) {
        self.incidents.push(Incident { kind, worker });
    }
}

impl Seeds<'_> {
    pub(super) fn sow(&self, dice: &mut Dice, accesses: &mut Vec<Looked>) -> Vec<Incident> {
        let mut to = Sowing { accesses, incidents: Vec::new() };
        for _ in 0..12 {
            self.people_close(dice, &mut to);
        }
        for _ in 0..8 {
            self.strangers(dice, &mut to);
        }
        for _ in 0..3 {
            self.news(dice, &mut to);
        }
        to.incidents
    }

    /// Somebody on duty, some weeks after the first: who and when.
    fn culprit(&self, dice: &mut Dice, is: impl Fn(&Worker) -> bool) -> (usize, i64) {
        let mut found = (0, DAY);
        for _ in 0..20_000 {
            let (worker, from, to) = *dice.pick(self.shifts);
            found = (worker, dice.range(from + 20, to - 20));
            let fits = self.staff.get(worker).is_some_and(&is);
            if fits && from > 10 * DAY && to < (self.days - 9) * DAY {
                break;
            }
        }
        found
    }

    fn look(&self, dice: &mut Dice, to: &mut Sowing<'_>, worker: usize, resident: usize, minute: i64) {
        let Some(who) = self.staff.get(worker) else { return };
        let relations = self.town.relations(who.org, resident, minute);
        let claimed = match relations.is_empty() {
            true if who.job == "paramedic" => "vital-interests",
            true => *dice.pick(&["ongoing-care", "ongoing-care", "consent"]),
            false => "",
        };
        let incident = to.incidents.len().checked_sub(1);
        let mut at = minute;
        for nth in 0..=dice.below(4) {
            let page = if nth == 0 { "summary" } else { *dice.pick(&["results", "letters", "visits", "person"]) };
            let relations = relations.clone();
            to.accesses.push(Looked { minute: at, worker, resident, relations, claimed, glass: false, page, incident });
            at += dice.range(1, 2);
        }
    }

    fn people_close(&self, dice: &mut Dice, to: &mut Sowing<'_>) {
        let home = |worker: usize| {
            let lives_as = self.staff.get(worker).and_then(|who| who.lives_as)?;
            Some((lives_as, self.town.residents.get(lives_as)?))
        };
        let lives_here = |who: &Worker| who.lives_as.is_some();
        let (worker, at) = self.culprit(dice, lives_here);
        if let Some((own, _)) = home(worker) {
            to.begin(MisuseKind::Own, worker);
            self.look(dice, to, worker, own, at);
        }
        let near = |worker: usize, is: &dyn Fn(usize) -> bool| -> Option<usize> {
            self.town
                .residents
                .iter()
                .enumerate()
                .find(|(n, who)| who.died.is_none() && home(worker).is_some_and(|(own, _)| own != *n) && is(*n))
                .map(|(n, _)| n)
        };
        let kin = |worker: usize, same_home: bool| {
            let (_, me) = home(worker)?;
            let is = |n: usize| {
                self.town.residents.get(n).is_some_and(|who| match same_home {
                    true => who.household == me.household,
                    false => who.household != me.household && who.street == me.street && who.family == me.family,
                })
            };
            near(worker, &is)
        };
        for (same_home, kind) in [(true, MisuseKind::Household), (false, MisuseKind::Relative)] {
            let has = |who: &Worker| {
                who.lives_as.is_some() && {
                    let n = self.staff.iter().position(|other| other.id == who.id).unwrap_or(0);
                    kin(n, same_home).is_some()
                }
            };
            // Few have family down the street: the search must be short.
            let (worker, at) = self.culprit(dice, has);
            if let Some(person) = kin(worker, same_home) {
                to.begin(kind, worker);
                self.look(dice, to, worker, person, at);
            }
        }
        // A colleague: most know of somebody in their own building.
        let (worker, at) = self.culprit(dice, |who| who.org == "RH1" || small_place(who));
        let org = self.staff.get(worker).map_or("", |who| who.org);
        let others: Vec<usize> = (self.staff.iter().enumerate())
            .filter(|(n, who)| *n != worker && who.org == org)
            .filter_map(|(_, who)| who.lives_as)
            .collect();
        if !others.is_empty() {
            let person = *dice.pick(&others);
            to.begin(MisuseKind::Colleague, worker);
            self.look(dice, to, worker, person, at);
        }
        let (worker, at) = self.culprit(dice, |who| who.job != "paramedic");
        to.begin(MisuseKind::WellKnown, worker);
        let famous = *dice.pick(&self.town.well_known);
        self.look(dice, to, worker, famous, at);
        let (worker, at) = self.culprit(dice, |who| !matches!(who.job, "medical-secretary" | "paramedic"));
        let dead: Vec<usize> = (self.town.residents.iter().enumerate())
            .filter(|(_, who)| who.died.is_some_and(|died| died < at - 50 * DAY))
            .map(|(n, _)| n)
            .collect();
        if !dead.is_empty() {
            to.begin(MisuseKind::Deceased, worker);
            let person = *dice.pick(&dead);
            self.look(dice, to, worker, person, at);
        }
    }

    fn stranger(&self, dice: &mut Dice, org: &str, at: i64) -> usize {
        let mut one = 0;
        for _ in 0..200 {
            one = self.town.living(dice, at, |who| who.age > 16);
            if self.town.relations(org, one, at).is_empty() && self.town.relations(org, one, at + 14 * DAY).is_empty() {
                break;
            }
        }
        one
    }

    /// A later minute of the same user on duty.
    fn later(&self, dice: &mut Dice, worker: usize, after: i64, within: i64) -> Option<i64> {
        let duty: Vec<(i64, i64)> = (self.shifts.iter())
            .filter(|(n, from, _)| *n == worker && *from > after && *from < after + within * DAY)
            .map(|(_, from, to)| (*from, *to))
            .collect();
        let (from, to) = if duty.is_empty() { return None } else { *dice.pick(&duty) };
        Some(dice.range(from + 20, to - 20))
    }

    fn strangers(&self, dice: &mut Dice, to: &mut Sowing<'_>) {
        // Who mostly has relationships, so that a claim is out of the ordinary.
        let usual = |who: &Worker| !matches!(who.post, Post::Paramedic | Post::Pharmacist(_));
        let org = |worker: usize| self.staff.get(worker).map_or("", |who| who.org);
        // Neighbours, dates, quarrels: one or two at a time, over ten days.
        let (worker, at) = self.culprit(dice, usual);
        to.begin(MisuseKind::Strangers, worker);
        for nth in 0..dice.range(4, 8) {
            let when = if nth == 0 { Some(at) } else { self.later(dice, worker, at, 9) };
            let person = self.stranger(dice, org(worker), at);
            if let Some(when) = when {
                self.look(dice, to, worker, person, when);
            }
        }
        // Addresses for somebody who pays.
        let (worker, at) = self.culprit(dice, |who| !matches!(who.post, Post::Pharmacist(_)));
        to.begin(MisuseKind::Harvest, worker);
        let own_list = dice.chance(0.3);
        for nth in 0..dice.range(60, 140) {
            let person = match own_list {
                true => self.town.living(dice, at, |_| true),
                false => self.stranger(dice, org(worker), at),
            };
            self.look(dice, to, worker, person, at + nth / 2);
        }
        // At home, on a day off or in the middle of the night.
        let (worker, at) = self
            .culprit(dice, |who| usual(who) && !who.evenings && matches!(who.rota, super::staff::Rota::Weekdays(..)));
        to.begin(MisuseKind::OffDuty, worker);
        let hour = *dice.pick(&[23, 0, 1, 2, 3, 4, 5]);
        let when = at.div_euclid(DAY) * DAY + hour * 60 + dice.range(0, 50);
        for nth in 0..dice.range(2, 5) {
            let person = self.stranger(dice, org(worker), at);
            self.look(dice, to, worker, person, when + nth * 7);
        }
        // A habit of claims, and of broken glass.
        let (worker, at) = self.culprit(dice, usual);
        to.begin(MisuseKind::Claims, worker);
        for _ in 0..dice.range(9, 18) {
            let Some(when) = self.later(dice, worker, at - 14 * DAY, 28) else { continue };
            let person = self.stranger(dice, org(worker), when);
            let first = to.accesses.len();
            self.look(dice, to, worker, person, when);
            if dice.chance(0.3) {
                for looked in to.accesses.iter_mut().skip(first) {
                    looked.glass = true;
                    looked.claimed = "vital-interests";
                }
            }
        }
        // A former partner.
        let (worker, at) = self.culprit(dice, usual);
        to.begin(MisuseKind::Stalking, worker);
        let person = self.stranger(dice, org(worker), at);
        self.look(dice, to, worker, person, at);
        for _ in 0..dice.range(3, 7) {
            if let Some(when) = self.later(dice, worker, at, 21) {
                self.look(dice, to, worker, person, when);
            }
        }
    }

    /// Somebody on a ward is in the news for a day or two; the list of the well-known does not have them.
    fn news(&self, dice: &mut Dice, to: &mut Sowing<'_>) {
        let stays: Vec<(usize, usize, i64, i64)> = (self.town.stays.iter())
            .filter(|(who, _, from, last)| {
                *from > 14 && *last < self.days - 9 && last - from >= 3 && !self.town.well_known.contains(who)
            })
            .copied()
            .collect();
        if stays.is_empty() {
            return;
        }
        let (person, ward, from, _) = *dice.pick(&stays);
        let mut seen = Vec::new();
        for _ in 0..dice.range(8, 14) {
            let elsewhere: Vec<(usize, i64, i64)> = (self.shifts.iter())
                .filter(|(n, begins, _)| (from + 1) * DAY <= *begins && *begins < (from + 3) * DAY && !seen.contains(n))
                .filter(|(n, ..)| {
                    self.staff.get(*n).is_some_and(|who| match who.post {
                        Post::WardNurse(of) | Post::WardDoctor(of) | Post::Student(of) => {
                            of != ward && (of + 1) % 8 != ward
                        }
                        Post::ClinicDesk(_) | Post::ClinicDoctor(_) | Post::Secretary(_) | Post::EmergencyDesk => true,
                        _ => false,
                    })
                })
                .copied()
                .collect();
            if elsewhere.is_empty() {
                break;
            }
            let (worker, begins, ends) = *dice.pick(&elsewhere);
            seen.push(worker);
            to.begin(MisuseKind::News, worker);
            let at = dice.range(begins + 20, ends - 20);
            self.look(dice, to, worker, person, at);
        }
    }
}

/// Smaller organisations count as well.
fn small_place(who: &Worker) -> bool {
    matches!(who.post, Post::Gp(_) | Post::GpDesk(_) | Post::CommunityNurse(_) | Post::MentalHealth | Post::Paramedic)
}
