//! What is kept of accesses: who looked at whom on which day, and what is usual for a user and a job. All of it can be had
//! again from the audit.

use super::{About, Access, judge::Stage, rules::Rules, team::Around};
use crate::policy::{RELATIONS, Relations};
use fhir::{PersonKey, datetime::london};
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

/// Hours of a working day, then of a day of the weekend.
pub(super) const HOURS: usize = 48;
/// Entries that an item names at most.
const ENTRIES_MAX: usize = 50;

/// A day and an hour of it in the United Kingdom.
pub(super) fn day_hour(at: Timestamp) -> (i32, usize) {
    let local = at.to_zoned(london().clone());
    let date = local.date();
    let day = jiff::civil::date(1970, 1, 1).until(date).map_or(0, |span| span.get_days());
    let hour = usize::try_from(local.hour()).unwrap_or(0);
    let weekend = matches!(date.weekday(), jiff::civil::Weekday::Saturday | jiff::civil::Weekday::Sunday);
    (day, if weekend { hour + 24 } else { hour })
}

/// What is usual: looks by hour, and the most people in an hour and in a day.
#[derive(Clone, Debug)]
pub(super) struct Habit {
    pub hours: [f64; HOURS],
    pub looks: f64,
    /// The most people in an hour and in a day, by day: the newest last.
    most: VecDeque<(i32, u32, u32)>,
}

impl Default for Habit {
    fn default() -> Self {
        Habit { hours: [0.0; HOURS], looks: 0.0, most: VecDeque::new() }
    }
}

impl Habit {
    pub(super) fn learn(&mut self, day: i32, hours: &[u32; HOURS], most: Option<(u32, u32)>, keep: i32) {
        for (known, new) in self.hours.iter_mut().zip(hours) {
            *known += f64::from(*new);
            self.looks += f64::from(*new);
        }
        let Some((hour, all)) = most else { return };
        match self.most.back_mut() {
            Some(last) if last.0 == day => {
                last.1 = last.1.max(hour);
                last.2 = last.2.max(all);
            }
            _ => self.most.push_back((day, hour, all)),
        }
        while self.most.front().is_some_and(|(of, ..)| *of < day - keep) {
            self.most.pop_front();
        }
    }

    /// The most people in an hour, and in a day, of all days kept.
    pub(super) fn most(&self) -> (u32, u32) {
        self.most.iter().fold((0, 0), |most, (_, hour, day)| (most.0.max(*hour), most.1.max(*day)))
    }

    pub(super) fn days(&self) -> usize {
        self.most.len()
    }

    /// The share of looks in an hour, with half of each neighbour and a quarter of theirs: shifts run over.
    pub(super) fn near(&self, hour: usize) -> f64 {
        let (base, hour) = if hour < 24 { (0, hour) } else { (24, hour - 24) };
        let at = |hour: usize| self.hours.get(base + hour % 24).copied().unwrap_or(0.0);
        at(hour) + 0.5 * (at(hour + 1) + at(hour + 23)) + 0.25 * (at(hour + 2) + at(hour + 22))
    }
}

/// Upon which kinds of relationship work rests: looks at persons by day, by the kind's place.
pub(super) type Kinds = [f64; RELATIONS.len()];

/// A user.
#[derive(Debug, Default)]
pub(super) struct User {
    pub id: String,
    pub name: String,
    pub job: usize,
    pub organisation: usize,
    pub habit: Habit,
    /// `(day, person)`, once a day each.
    pub looks: VecDeque<(i32, usize)>,
    /// Reasons that were found unconfirmed: day, person, entry.
    pub unconfirmed: VecDeque<(i32, usize, u64)>,
    pub many_raised: Option<i32>,
    /// Looks at persons by day that are settled, and those outside the team among them.
    pub settled: f64,
    pub outside: f64,
    pub kinds: Kinds,
}

/// A job, or a role without one: peers.
#[derive(Debug, Default)]
pub(super) struct Peers {
    pub name: String,
    pub habit: Habit,
    /// Looks at persons by day that are settled, and unconfirmed ones among them.
    pub settled: f64,
    pub unconfirmed: f64,
    /// The same of looks whose surroundings are known, and those outside a team among them.
    pub looked_around: f64,
    pub outside: f64,
    pub kinds: Kinds,
}

/// What links an organisation with a person.
#[derive(Clone, Copy, Debug)]
pub(super) struct Related {
    pub organisation: usize,
    /// When that was last known.
    pub last: i32,
    /// Of which kinds it was then.
    pub kinds: Relations,
}

/// A person.
#[derive(Debug)]
pub(super) struct Person {
    pub key: PersonKey,
    /// `(day, user)`, once a day each.
    pub looks: VecDeque<(i32, usize)>,
    /// Which organisations are known to be related.
    pub related: Vec<Related>,
    /// Users who were found to be of the team, and when last.
    pub carers: Vec<(usize, i32)>,
}

/// What a user did with one person on one day.
#[derive(Clone, Debug, Default)]
pub(super) struct Pair {
    pub entries: Vec<u64>,
    pub looks: u32,
    pub related: bool,
    pub kinds: Relations,
    pub claimed: String,
    pub glass: bool,
    pub own: bool,
    pub household: bool,
    pub name_and_street: bool,
    pub colleague: bool,
    pub well_known: bool,
    pub dead_days: Option<i64>,
    pub hours: u64,
    /// What others of the organisation have to do with the person, once that is settled.
    pub around: Option<Around>,
    /// Whether the user was of the team lately.
    pub carer: bool,
}

/// What a user did on one day.
#[derive(Debug)]
pub(super) struct UserDay {
    pub pairs: HashMap<usize, Pair>,
    pub hours: [u32; HOURS],
    pub hour_most: u32,
    now: (usize, HashSet<usize>),
    /// The hour in which most people were looked at.
    pub hour_busiest: usize,
    /// Whether the day is over and learnt.
    pub learnt: bool,
    /// What it was last judged as.
    pub stage: Option<Stage>,
    /// Hours found odd, as bits.
    pub odd: u64,
    /// Whether the hour, or the day, was found to hold too many people: and what is usual.
    pub burst: Option<(bool, u32, u32)>,
}

impl Default for UserDay {
    fn default() -> Self {
        UserDay {
            pairs: HashMap::new(),
            hours: [0; HOURS],
            hour_most: 0,
            now: (0, HashSet::new()),
            hour_busiest: 0,
            learnt: false,
            stage: None,
            odd: 0,
            burst: None,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub users: Vec<User>,
    user_ids: HashMap<String, usize>,
    pub peers: Vec<Peers>,
    peer_names: HashMap<String, usize>,
    organisations: HashMap<String, usize>,
    pub organisation_codes: Vec<String>,
    pub persons: Vec<Person>,
    person_keys: HashMap<PersonKey, usize>,
    /// Days that are not settled.
    pub open: BTreeMap<i32, HashMap<usize, UserDay>>,
}

fn place<K: std::hash::Hash + Eq + Clone>(known: &mut HashMap<K, usize>, key: &K) -> (usize, bool) {
    if let Some(place) = known.get(key) {
        return (*place, false);
    }
    let place = known.len();
    known.insert(key.clone(), place);
    (place, true)
}

impl State {
    pub(super) fn see(&mut self, access: &Access, about: &About, rules: &Rules) {
        let (day, hour) = day_hour(access.at);
        let user = self.user(access);
        let organisation = self.users.get(user).map_or(0, |user| user.organisation);
        let person = self.person(access.person);
        let oldest = day - rules.habit_days;
        if let Some(kept) = self.users.get_mut(user) {
            if !kept.looks.iter().rev().take_while(|(of, _)| *of == day).any(|(_, of)| *of == person) {
                kept.looks.push_back((day, person));
            }
            while kept.looks.front().is_some_and(|(of, _)| *of < oldest) {
                kept.looks.pop_front();
            }
        }
        let related = !access.relations.is_empty();
        if related {
            self.related(organisation, person, day, access.relations);
        }
        if let Some(kept) = self.persons.get_mut(person) {
            if !kept.looks.iter().rev().take_while(|(of, _)| *of == day).any(|(_, of)| *of == user) {
                kept.looks.push_back((day, user));
            }
            while kept.looks.front().is_some_and(|(of, _)| *of < oldest) {
                kept.looks.pop_front();
            }
        }
        let open = self.open.entry(day).or_default().entry(user).or_default();
        if let Some(count) = open.hours.get_mut(hour) {
            *count += 1;
        }
        if open.now.0 != hour {
            open.now = (hour, HashSet::new());
        }
        open.now.1.insert(person);
        let people = u32::try_from(open.now.1.len()).unwrap_or(u32::MAX);
        if people > open.hour_most {
            (open.hour_most, open.hour_busiest) = (people, hour);
        }
        let first = !open.pairs.contains_key(&person);
        let pair = open.pairs.entry(person).or_default();
        pair.looks = pair.looks.saturating_add(1);
        pair.hours |= 1 << hour;
        pair.related |= related;
        pair.kinds = pair.kinds.and(access.relations);
        pair.glass |= access.glass;
        if pair.entries.len() < ENTRIES_MAX {
            pair.entries.push(access.n);
        }
        if !access.claimed.is_empty() {
            pair.claimed.clone_from(&access.claimed);
        }
        if first {
            let same = |one: Option<super::Key>, other: Option<super::Key>| one.is_some() && one == other;
            let (mine, theirs) = (&about.user_home, &about.home);
            pair.own = about.user_person == Some(access.person);
            pair.household = same(mine.household, theirs.household);
            pair.name_and_street = same(mine.street, theirs.street) && same(mine.family, theirs.family);
            pair.colleague = about.works_for.as_ref() == Some(&access.organisation);
            pair.well_known = about.well_known;
            let since = |died: Timestamp| access.at.duration_since(died).as_hours() / 24;
            pair.dead_days = about.died.filter(|died| *died <= access.at).map(since);
        }
    }

    fn user(&mut self, access: &Access) -> usize {
        let id = &access.user;
        // One who acts in two roles, or for two organisations, has two kinds of work.
        let job = if access.job.is_empty() { &access.role } else { &access.job };
        let as_what = format!("{id}\n{job}\n{}", access.organisation);
        if let Some(place) = self.user_ids.get(&as_what) {
            return *place;
        }
        let (peers, new) = place(&mut self.peer_names, job);
        if new {
            self.peers.push(Peers { name: job.clone(), ..Peers::default() });
        }
        let organisation = self.organisation(&access.organisation);
        let (user, _) = place(&mut self.user_ids, &as_what);
        let name = access.name.clone();
        self.users.push(User { id: id.clone(), name, job: peers, organisation, ..User::default() });
        user
    }

    fn person(&mut self, key: PersonKey) -> usize {
        let (person, new) = place(&mut self.person_keys, &key);
        if new {
            self.persons.push(Person { key, looks: VecDeque::new(), related: Vec::new(), carers: Vec::new() });
        }
        person
    }

    pub(super) fn organisation(&mut self, code: &str) -> usize {
        let (organisation, new) = place(&mut self.organisations, &code.to_owned());
        if new {
            self.organisation_codes.push(code.to_owned());
        }
        organisation
    }

    /// The share of a user's looks that are usually outside any team: of those who work on their own.
    pub(super) fn usually_outside(&self, user: usize) -> f64 {
        let Some(who) = self.users.get(user) else { return 0.0 };
        // Of somebody new, what is usual for the job.
        let peers = self.peers.get(who.job);
        let usual = peers.map_or(0.1, |peers| (peers.outside + 1.0) / (peers.looked_around + 10.0));
        (who.outside + 10.0 * usual) / (who.settled + 10.0)
    }

    /// Whether a relationship of one of these kinds is what the user's work rests on: a ward nurse's patients are admitted, a
    /// clinic's have appointments. Of somebody new, what the job's work rests on.
    pub(super) fn usual_work(&self, user: usize, kinds: Relations, rules: &Rules) -> bool {
        let Some(who) = self.users.get(user) else { return false };
        let peers = self.peers.get(who.job);
        let share = |place: usize| {
            let of = |kinds: &Kinds| kinds.get(place).copied().unwrap_or(0.0);
            let usual = peers.map_or(0.0, |peers| of(&peers.kinds) / peers.looked_around.max(1.0));
            (of(&who.kinds) + 10.0 * usual) / (who.settled + 10.0)
        };
        kinds.places().any(|place| share(place) >= rules.team.usual_kind)
    }

    /// Whether it says nothing that the user is outside the team: it happens to them now and then, and what links the
    /// organisation with this person is of the kind that their work rests on.
    pub(super) fn own_strand(&self, user: usize, kinds: Relations, rules: &Rules) -> bool {
        self.usually_outside(user) >= rules.team.at_times && self.usual_work(user, kinds, rules)
    }

    /// The share of a job's looks that nothing bears out.
    pub(super) fn usually_unconfirmed(&self, user: usize) -> f64 {
        let peers = self.users.get(user).and_then(|who| self.peers.get(who.job));
        peers.filter(|peers| peers.settled > 0.0).map_or(0.0, |peers| peers.unconfirmed / peers.settled)
    }

    pub(super) fn known_person(&self, key: PersonKey) -> Option<usize> {
        self.person_keys.get(&key).copied()
    }

    /// `kinds`: none are known when it was found out otherwise than by an access.
    pub(super) fn related(&mut self, organisation: usize, person: usize, day: i32, kinds: Relations) {
        let Some(person) = self.persons.get_mut(person) else { return };
        match person.related.iter_mut().find(|of| of.organisation == organisation) {
            Some(of) => {
                of.kinds = if day > of.last && !kinds.is_empty() { kinds } else { of.kinds.and(kinds) };
                of.last = of.last.max(day);
            }
            None => person.related.push(Related { organisation, last: day, kinds }),
        }
    }
}
