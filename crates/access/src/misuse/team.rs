//! Who looks after somebody together: those who lately looked at several of the same other people.

use super::{rules::Rules, state::State};
use std::collections::HashMap;

/// What others of the user's organisation have to do with a person.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Around {
    /// How many of the organisation's other users looked.
    pub others: usize,
    /// The share of their looks that is by users who share people with this one: lately, or within a day, whichever is more.
    pub share: f64,
    /// The same, lately.
    pub lately: f64,
    /// How many others looked within a day.
    pub near: usize,
    /// How many of them share a good part of their people with this one.
    pub close: usize,
    /// Whether hardly anybody had looked in the week before: those who bring somebody in are no team with those who then
    /// look after them.
    pub first: bool,
}

impl Around {
    /// Whether the user counts among the outsiders that make a crowd. Within a day, a crowd itself is many of the others.
    pub(super) fn outside(self, rules: &Rules) -> bool {
        !self.first && self.lately < rules.team.share && self.share < rules.team.share_in_crowd
    }

    /// Whether the user, once there is a crowd, may be part of it.
    pub(super) fn may_be_crowd(self, rules: &Rules) -> bool {
        !self.first && self.share < rules.team.share_in_crowd
    }
}

/// Who looked at one person within days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Crowd {
    /// How many users.
    pub all: usize,
    /// How many of them are outside the team.
    pub outside: usize,
    /// Of how many teams those are. Illness leads whole teams to a person, one after the other; the news lead single ones
    /// from all over the house.
    pub teams: usize,
}

impl Crowd {
    /// Whether they are a crowd.
    pub(super) fn is_one(self, rules: &Rules) -> bool {
        let rule = &rules.crowd;
        self.outside >= rule.users && self.teams >= rule.teams && part(self.outside, self.all.max(1)) >= rule.share
    }
}

/// Two outsiders who share this part of their people are of one team.
const MATES: f64 = 0.15;

/// Fewer looks before are few.
const FEW: u32 = 5;

/// Found out for one day; what is found is kept until the next.
#[derive(Debug, Default)]
pub(super) struct Teams {
    day: i32,
    people: HashMap<usize, Vec<usize>>,
    shared: HashMap<(usize, usize), usize>,
}

impl Teams {
    pub(super) fn of_day(day: i32) -> Self {
        Teams { day, ..Teams::default() }
    }

    pub(super) fn day(&self) -> i32 {
        self.day
    }

    fn people(&mut self, state: &State, rules: &Rules, user: usize) -> Vec<usize> {
        let (from, to) = (self.day - rules.team_days, self.day + rules.settle_days);
        let people = self.people.entry(user).or_insert_with(|| {
            let looks = state.users.get(user).into_iter().flat_map(|user| user.looks.iter());
            let mut people: Vec<usize> =
                looks.filter(|(day, _)| (from..=to).contains(day)).map(|(_, person)| *person).collect();
            people.sort_unstable();
            people.dedup();
            people
        });
        std::mem::take(people)
    }

    fn count(&self, user: usize) -> usize {
        self.people.get(&user).map_or(0, Vec::len)
    }

    /// How many people both looked at.
    fn shared(&mut self, state: &State, rules: &Rules, one: usize, other: usize) -> usize {
        let key = (one.min(other), one.max(other));
        if let Some(known) = self.shared.get(&key) {
            return *known;
        }
        let (mine, theirs) = (self.people(state, rules, one), self.people(state, rules, other));
        let (mut a, mut b, mut both) = (mine.iter().peekable(), theirs.iter().peekable(), 0);
        while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
            match x.cmp(y) {
                std::cmp::Ordering::Less => drop(a.next()),
                std::cmp::Ordering::Greater => drop(b.next()),
                std::cmp::Ordering::Equal => {
                    both += 1;
                    a.next();
                    b.next();
                }
            }
        }
        self.people.insert(one, mine);
        self.people.insert(other, theirs);
        self.shared.insert(key, both);
        both
    }

    /// What the user has to do with those who looked at a person about this day.
    pub(super) fn around(&mut self, state: &State, rules: &Rules, user: usize, person: usize) -> Around {
        let (from, to) = (self.day - rules.team_days, self.day + rules.settle_days);
        let organisation = state.users.get(user).map(|user| user.organisation);
        let (mut all, mut ours, mut all_near, mut ours_near) = (0u32, 0u32, 0u32, 0u32);
        let mut close: Vec<usize> = Vec::new();
        let (mut before, mut mine) = (0u32, None);
        let (mut others, mut near_others): (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());
        for (day, other) in state.persons.get(person).into_iter().flat_map(|person| person.looks.iter()) {
            let same = state.users.get(*other).map(|other| other.organisation) == organisation;
            if *other == user && *day == self.day {
                mine = Some(before);
            }
            if *other == user || !same || !(from..=to).contains(day) {
                continue;
            }
            let near = u32::from((day - self.day).abs() <= 1);
            before += u32::from(*day >= self.day - 7);
            all += 1;
            all_near += near;
            // Of the people shared, this one is none.
            let shared = self.shared(state, rules, user, *other);
            if shared > rules.team.shared_people {
                ours += 1;
                ours_near += near;
                let fewer = self.count(user).min(self.count(*other)).max(1);
                if !close.contains(other) && part(shared, fewer) >= rules.team.close {
                    close.push(*other);
                }
            }
            if !others.contains(other) {
                others.push(*other);
            }
            if near > 0 && !near_others.contains(other) {
                near_others.push(*other);
            }
        }
        let share = |ours: u32, all: u32| if all == 0 { 0.0 } else { f64::from(ours) / f64::from(all) };
        Around {
            others: others.len(),
            share: share(ours, all).max(share(ours_near, all_near)),
            lately: share(ours, all),
            near: near_others.len(),
            close: close.len(),
            first: mine.is_some_and(|before| before < FEW),
        }
    }

    /// How many users of the organisation looked at a person within `crowd.days`, how many of them are outside the team, and
    /// how many teams those are of.
    pub(super) fn crowd(&mut self, state: &State, rules: &Rules, organisation: usize, person: usize) -> Crowd {
        let (from, to) = (self.day - rules.crowd.days, self.day + rules.crowd.days.min(rules.settle_days));
        let mut users: Vec<usize> = Vec::new();
        for (day, user) in state.persons.get(person).into_iter().flat_map(|person| person.looks.iter()) {
            let same = state.users.get(*user).is_some_and(|user| user.organisation == organisation);
            if same && (from..=to).contains(day) && !users.contains(user) {
                users.push(*user);
            }
        }
        if users.len() < rules.crowd.users {
            return Crowd { all: users.len(), ..Crowd::default() };
        }
        let related = state.persons.get(person).map(|person| person.related.as_slice()).unwrap_or_default();
        let kinds = related.iter().find(|of| of.organisation == organisation).map(|of| of.kinds).unwrap_or_default();
        let outside = |user: &&usize| {
            let around = self.around(state, rules, **user, person);
            around.outside(rules) && !(around.close > 0 && state.own_strand(**user, kinds, rules))
        };
        let outsiders: Vec<usize> = users.iter().filter(outside).copied().collect();
        let teams = if outsiders.len() < rules.crowd.users { 0 } else { self.groups(state, rules, &outsiders) };
        Crowd { all: users.len(), outside: outsiders.len(), teams }
    }

    /// Into how many groups users fall: who shares people with another is of one group with them.
    fn groups(&mut self, state: &State, rules: &Rules, users: &[usize]) -> usize {
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for user in users {
            let mut joined = vec![*user];
            groups.retain_mut(|group| {
                let near = group.iter().any(|other| self.are_mates(state, rules, *user, *other));
                if near {
                    joined.append(group);
                }
                !near
            });
            groups.push(joined);
        }
        groups.len()
    }

    fn are_mates(&mut self, state: &State, rules: &Rules, one: usize, other: usize) -> bool {
        let shared = self.shared(state, rules, one, other);
        let fewer = self.count(one).min(self.count(other)).max(1);
        shared > rules.team.shared_people && part(shared, fewer) >= MATES
    }
}

fn part(some: usize, all: usize) -> f64 {
    let count = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    count(some) / count(all)
}
