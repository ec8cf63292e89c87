//! Weighing what is known: findings, and the items they add up to.

use super::{
    Detector,
    rules::Rules,
    state::{Kinds, Pair, State, UserDay, day_hour},
    team::Teams,
};
use fhir::PersonKey;
use jiff::{Timestamp, civil::Date};
use std::collections::HashMap;

/// An item is raised again when it weighs so much more than it did.
const AGAIN: f64 = 0.75;

/// What was noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// The user's own record.
    OwnRecord,
    /// Somebody of the same household.
    Household,
    /// The same family name in the same street.
    NameAndStreet,
    /// Somebody who works for the same organisation.
    Colleague,
    /// Somebody on the list of the well-known.
    WellKnown,
    /// Somebody who died long ago.
    Deceased,
    /// A reason that nothing bore out.
    Unconfirmed,
    /// Many such reasons, compared with peers.
    ManyClaims,
    /// Very many people in a short time.
    Burst,
    /// An hour at which the user is never at work.
    OddHours,
    /// Many outsiders looked at one person.
    Crowd,
    /// One person again and again.
    Repeated,
}

impl Rule {
    /// Its code, for the audit trail.
    pub fn code(self) -> &'static str {
        match self {
            Rule::OwnRecord => "own-record",
            Rule::Household => "household",
            Rule::NameAndStreet => "name-and-street",
            Rule::Colleague => "colleague",
            Rule::WellKnown => "well-known",
            Rule::Deceased => "deceased",
            Rule::Unconfirmed => "unconfirmed",
            Rule::ManyClaims => "many-claims",
            Rule::Burst => "burst",
            Rule::OddHours => "odd-hours",
            Rule::Crowd => "crowd",
            Rule::Repeated => "repeated",
        }
    }
}

/// One thing noticed, with its weight.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What.
    pub rule: Rule,
    /// How much it weighs.
    pub weight: f64,
    /// Why, for the privacy officer. Nothing in it is about the patient alone.
    pub words: String,
}

/// Something for the privacy officer's desk.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The user's id.
    pub user: String,
    /// The user's name.
    pub name: String,
    /// Whose record; None: it is about a user's day.
    pub person: Option<PersonKey>,
    /// The day, in the United Kingdom.
    pub day: Date,
    /// All findings' weights together.
    pub score: f64,
    /// The heaviest first.
    pub findings: Vec<Finding>,
    /// The audit entries it rests on; fifty at most of each person.
    pub entries: Vec<u64>,
    /// Whether it was raised before, and weighs more now.
    pub again: bool,
}

impl Item {
    /// Its heaviest finding.
    pub fn rule(&self) -> Option<Rule> {
        self.findings.first().map(|finding| finding.rule)
    }
}

/// What can be said of a day by now.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(super) enum Stage {
    Running,
    Over,
    Settled,
    Confirmed,
}

impl Stage {
    fn of(day: i32, today: i32, rules: &Rules) -> Self {
        match today - day {
            age if age > rules.confirm_days => Stage::Confirmed,
            age if age > rules.settle_days => Stage::Settled,
            age if age > 0 => Stage::Over,
            _ => Stage::Running,
        }
    }
}

impl Detector {
    /// What is to be put on the desk by now: items that reach [`Rules::raise`] and were not raised before or weigh clearly
    /// more than they did. The heaviest first. Once an hour or once a day is often enough.
    pub fn judge(&mut self, now: Timestamp) -> Vec<Item> {
        let today = day_hour(now).0;
        let mut items = Vec::new();
        let days: Vec<i32> = self.state.open.range(..=today).map(|(day, _)| *day).collect();
        for day in days {
            let stage = Stage::of(day, today, &self.rules);
            let Some(mut users) = self.state.open.remove(&day) else { continue };
            if stage >= Stage::Over {
                learn(&mut self.state, &self.rules, day, &mut users);
            }
            let mut teams = Teams::of_day(day);
            let mut order: Vec<usize> = users.keys().copied().collect();
            order.sort_unstable();
            for user in order {
                let Some(did) = users.get_mut(&user) else { continue };
                // Nothing more is known than the last time.
                if stage > Stage::Running && did.stage == Some(stage) {
                    continue;
                }
                did.stage = Some(stage);
                if stage >= Stage::Settled {
                    self.settle(day, user, did, &mut teams);
                }
                self.user_day(stage, day, user, did, &mut teams, &mut items);
            }
            if stage < Stage::Confirmed {
                self.state.open.insert(day, users);
            }
        }
        let oldest = today - self.rules.habit_days;
        self.raised.retain(|(day, ..), _| *day >= oldest);
        items.sort_by(|one, other| other.score.total_cmp(&one.score).then_with(|| one.user.cmp(&other.user)));
        items
    }

    fn user_day(
        &mut self,
        stage: Stage,
        day: i32,
        user: usize,
        did: &UserDay,
        teams: &mut Teams,
        items: &mut Vec<Item>,
    ) {
        let mut persons: Vec<(&usize, &Pair)> = did.pairs.iter().collect();
        persons.sort_unstable_by_key(|(person, _)| **person);
        if stage == Stage::Confirmed {
            self.confirm(day, user, did.burst.is_some(), &persons);
        }
        let mut most: Vec<Finding> = Vec::new();
        for (person, pair) in &persons {
            let findings = weigh(&self.state, &self.rules, stage, day, (user, did), (**person, pair), teams);
            if score(&findings) >= self.rules.raise {
                let entries = pair.entries.clone();
                self.raise(day, user, Some(**person), findings, entries, items);
            } else if score(&findings) > score(&most) {
                most = findings;
            }
        }
        let (mut findings, entries) = self.of_day(stage, day, user, did, &persons);
        if !findings.is_empty() {
            let half = most.into_iter().map(|finding| Finding { weight: finding.weight / 2.0, ..finding });
            findings.extend(half);
            self.raise(day, user, None, findings, entries, items);
        }
    }

    /// Find out who looked after whom together, once for a day.
    fn settle(&mut self, day: i32, user: usize, did: &mut UserDay, teams: &mut Teams) {
        debug_assert_eq!(teams.day(), day);
        let (mut settled, mut outside, mut kinds) = (0.0, 0.0, Kinds::default());
        for (person, pair) in did.pairs.iter_mut().filter(|(_, pair)| pair.around.is_none()) {
            let around = teams.around(&self.state, &self.rules, user, *person);
            settled += 1.0;
            for place in pair.kinds.places() {
                kinds.get_mut(place).into_iter().for_each(|count| *count += 1.0);
            }
            outside += if around.share < self.rules.team.share { 1.0 } else { 0.0 };
            pair.around = Some(around);
            // Who looked after somebody lately goes on doing so: letters, telephone calls.
            let Some(kept) = self.state.persons.get_mut(*person) else { continue };
            let since = day - self.rules.team_days;
            pair.carer = kept.carers.iter().any(|(of, last)| *of == user && *last >= since);
            if pair.related && around.share >= self.rules.team.share {
                kept.carers.retain(|(of, last)| *of != user && *last >= since);
                kept.carers.push((user, day));
            }
        }
        if let Some(who) = self.state.users.get_mut(user) {
            who.settled += settled;
            who.outside += outside;
            add(&mut who.kinds, &kinds);
            if let Some(peers) = self.state.peers.get_mut(who.job) {
                peers.looked_around += settled;
                peers.outside += outside;
                add(&mut peers.kinds, &kinds);
            }
        }
    }

    fn raise(
        &mut self,
        day: i32,
        user: usize,
        person: Option<usize>,
        mut findings: Vec<Finding>,
        entries: Vec<u64>,
        items: &mut Vec<Item>,
    ) {
        let score = score(&findings);
        let before = self.raised.get(&(day, user, person)).copied();
        if score < self.rules.raise || before.is_some_and(|before| score < before + AGAIN) {
            return;
        }
        self.raised.insert((day, user, person), score);
        findings.sort_by(|one, other| other.weight.total_cmp(&one.weight));
        let Some(who) = self.state.users.get(user) else { return };
        let date = jiff::civil::date(1970, 1, 1);
        items.push(Item {
            user: who.id.clone(),
            name: who.name.clone(),
            person: person.and_then(|person| self.state.persons.get(person)).map(|person| person.key),
            day: date.checked_add(jiff::Span::new().days(day)).unwrap_or(date),
            score,
            findings,
            entries,
            again: before.is_some(),
        });
    }

    /// Take note of reasons that nothing bore out.
    fn confirm(&mut self, day: i32, user: usize, burst: bool, persons: &[(&usize, &Pair)]) {
        let Some(who) = self.state.users.get_mut(user) else { return };
        let mut unconfirmed = 0.0;
        let from = day - self.rules.claims.window_days;
        for (person, pair) in persons {
            let late = self.state.persons.get(**person).is_some_and(|kept| borne_out(kept, who.organisation, day));
            if !pair.related && !late {
                // Somebody looked at again and again counts once.
                let known = who.unconfirmed.iter().any(|(of, whom, _)| *of > from && *whom == **person);
                unconfirmed += if known { 0.0 } else { 1.0 };
                who.unconfirmed.push_back((day, **person, pair.entries.first().copied().unwrap_or(0)));
            }
        }
        while who.unconfirmed.front().is_some_and(|(of, ..)| *of < day - self.rules.habit_days) {
            who.unconfirmed.pop_front();
        }
        if !burst && let Some(peers) = self.state.peers.get_mut(who.job) {
            peers.unconfirmed += unconfirmed;
            peers.settled += f64::from(u32::try_from(persons.len()).unwrap_or(u32::MAX));
        }
    }

    /// What is about the day as a whole.
    fn of_day(
        &mut self,
        stage: Stage,
        day: i32,
        user: usize,
        did: &UserDay,
        persons: &[(&usize, &Pair)],
    ) -> (Vec<Finding>, Vec<u64>) {
        let rules = &self.rules;
        let (mut findings, mut entries) = (Vec::new(), Vec::new());
        let mut add = |rule, weight, words| findings.push(Finding { rule, weight, words });
        if let Some((in_hour, seen, usual)) = did.burst {
            let within = if in_hour { "one hour" } else { "one day" };
            let words = format!("{seen} people's records in {within}; the most that is usual here is {usual}.");
            add(Rule::Burst, rules.burst.weight, words);
            for (_, pair) in persons {
                if !in_hour || pair.hours & (1 << did.hour_busiest) != 0 {
                    entries.extend(&pair.entries);
                }
            }
        }
        if did.odd != 0 && stage >= Stage::Settled {
            let odd: Vec<&&Pair> =
                persons.iter().map(|(_, pair)| pair).filter(|pair| pair.hours & did.odd != 0).collect();
            let organisation = self.state.users.get(user).map_or(0, |who| who.organisation);
            let strangers = persons.iter().filter(|(_, pair)| pair.hours & did.odd != 0).all(|(person, pair)| {
                let kept = self.state.persons.get(**person);
                !pair.related && !kept.is_some_and(|kept| borne_out(kept, organisation, day))
            });
            let words = format!("{} people's records at an hour when this user is never at work.", odd.len());
            add(Rule::OddHours, rules.odd_hours.weight, words);
            if strangers && self.state.usually_unconfirmed(user) < rules.claims.usual_share {
                let words = "Nothing in the data links the organisation with any of those looked at then.".to_owned();
                add(Rule::OddHours, rules.odd_hours.unrelated, words);
            }
            entries.extend(odd.iter().flat_map(|pair| &pair.entries));
        }
        if stage == Stage::Confirmed
            && let Some((words, of)) = many(&self.state, rules, day, user)
        {
            add(Rule::ManyClaims, rules.claims.many, words);
            entries.extend(of);
            if let Some(who) = self.state.users.get_mut(user) {
                who.many_raised = Some(day);
            }
        }
        (findings, entries)
    }
}

fn add(known: &mut Kinds, new: &Kinds) {
    known.iter_mut().zip(new).for_each(|(known, new)| *known += new);
}

fn score(findings: &[Finding]) -> f64 {
    findings.iter().map(|finding| finding.weight).sum()
}

fn borne_out(person: &super::state::Person, organisation: usize, day: i32) -> bool {
    person.related.iter().any(|of| of.organisation == organisation && of.last >= day - 30)
}

/// Of a day that is over: judge its hours by what was usual before, then learn from it.
fn learn(state: &mut State, rules: &Rules, day: i32, users: &mut HashMap<usize, UserDay>) {
    let mut order: Vec<usize> = users.iter().filter(|(_, did)| !did.learnt).map(|(user, _)| *user).collect();
    order.sort_unstable();
    for user in &order {
        let (Some(did), Some(who)) = (users.get_mut(user), state.users.get(*user)) else { continue };
        let Some(peers) = state.peers.get(who.job) else { continue };
        did.burst = burst(rules, who, peers, did);
        did.odd = odd(rules, who, peers, did);
    }
    for user in order {
        let (Some(did), Some(who)) = (users.get_mut(&user), state.users.get_mut(user)) else { continue };
        did.learnt = true;
        if did.burst.is_some() || did.odd != 0 {
            // What was out of the ordinary must not become ordinary by itself; hours are learnt slowly.
            let tenth = did.hours.map(|looks| looks / 10);
            who.habit.learn(day, &tenth, None, rules.habit_days);
            continue;
        }
        let all = u32::try_from(did.pairs.len()).unwrap_or(u32::MAX);
        who.habit.learn(day, &did.hours, Some((did.hour_most, all)), rules.habit_days);
        if let Some(peers) = state.peers.get_mut(who.job) {
            peers.habit.learn(day, &did.hours, Some((did.hour_most, all)), rules.habit_days);
        }
    }
}

fn burst(
    rules: &Rules,
    who: &super::state::User,
    peers: &super::state::Peers,
    did: &UserDay,
) -> Option<(bool, u32, u32)> {
    // Nothing is usual yet.
    if peers.habit.days() < 8 {
        return None;
    }
    let (own, job) = (who.habit.most(), peers.habit.most());
    // Somebody new may do what the job does; somebody known, what they did, or most of that.
    let part = if who.habit.days() < 15 { 1.0 } else { 0.85 };
    let usual = |own: u32, job: u32| f64::from(own).max(part * f64::from(job));
    let all = u32::try_from(did.pairs.len()).unwrap_or(u32::MAX);
    let too_many = |seen: u32, least: u32, usual: f64| seen >= least && f64::from(seen) > rules.burst.times * usual;
    if too_many(did.hour_most, rules.burst.least_hour, usual(own.0, job.0)) {
        return Some((true, did.hour_most, own.0.max(job.0)));
    }
    too_many(all, rules.burst.least_day, usual(own.1, job.1)).then_some((false, all, own.1.max(job.1)))
}

fn odd(rules: &Rules, who: &super::state::User, peers: &super::state::Peers, did: &UserDay) -> u64 {
    let rule = &rules.odd_hours;
    if who.habit.looks < rule.least_known {
        return 0;
    }
    let mut bits = 0u64;
    for (hour, looks) in did.hours.iter().enumerate() {
        let prior = if peers.habit.looks > 0.0 { peers.habit.near(hour) / peers.habit.looks } else { 0.0 };
        let share = (who.habit.near(hour) + rule.prior * prior) / (who.habit.looks + rule.prior);
        if *looks > 0 && share < rule.share {
            bits |= 1 << hour;
        }
    }
    let people = did.pairs.values().filter(|pair| pair.hours & bits != 0).count();
    if people > rule.people_most { 0 } else { bits }
}

/// Many unconfirmed reasons, compared with peers: words and entries.
fn many(state: &State, rules: &Rules, day: i32, user: usize) -> Option<(String, Vec<u64>)> {
    let who = state.users.get(user)?;
    let peers = state.peers.get(who.job)?;
    let rule = &rules.claims;
    let from = day - rule.window_days;
    let mut of: Vec<(i32, usize, u64)> = who.unconfirmed.iter().filter(|(of, ..)| *of > from).copied().collect();
    // Nothing new today; or said a fortnight ago.
    if of.last().is_none_or(|(last, ..)| *last < day) || who.many_raised.is_some_and(|last| last > day - 14) {
        return None;
    }
    let count = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    let looks = who.looks.iter().filter(|(of, _)| (from + 1..=day).contains(of)).count();
    of.sort_unstable_by_key(|(_, person, _)| *person);
    of.dedup_by_key(|(_, person, _)| *person);
    let all = of.len();
    if all < rule.many_least || peers.settled < rule.known_looks {
        return None;
    }
    let others = (peers.settled - count(looks)).max(1.0);
    let rate = ((peers.unconfirmed - count(all)).max(0.0) + 0.5) / others.max(200.0);
    let expected = rate * count(looks);
    if unlikely(of.len(), expected) < rule.many_unlikely || count(of.len()) < rule.many_times * expected {
        return None;
    }
    let words = format!(
        "{} people in {} days for reasons that nothing bore out; {expected:.1} would be usual for as much work of a {}.",
        of.len(),
        rule.window_days,
        peers.name
    );
    Some((words, of.into_iter().map(|(.., entry)| entry).collect()))
}

/// How unlikely so many or more are where so many are expected (Poisson), as the negative power of ten.
fn unlikely(seen: usize, expected: f64) -> f64 {
    let (mut term, mut below) = ((-expected).exp(), 0.0);
    for n in 0..seen {
        below += term;
        term *= expected / f64::from(u32::try_from(n + 1).unwrap_or(u32::MAX));
    }
    // The first term of the tail keeps it from rounding to nothing.
    -(1.0 - below).max(term).max(1e-300).log10()
}

/// What is about one person.
fn weigh(
    state: &State,
    rules: &Rules,
    stage: Stage,
    day: i32,
    (user, did): (usize, &UserDay),
    (person, pair): (usize, &Pair),
    teams: &mut Teams,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |rule, weight: f64, words: &str| {
        if weight > 0.0 {
            findings.push(Finding { rule, weight, words: words.to_owned() });
        }
    };
    if pair.own {
        add(Rule::OwnRecord, rules.close.own_record, "The user's own record.");
    } else if pair.household {
        add(Rule::Household, rules.close.same_household, "Somebody who lives at the user's address.");
    }
    let (Some(who), Some(kept)) = (state.users.get(user), state.persons.get(person)) else { return findings };
    if stage < Stage::Settled {
        return findings;
    }
    let around = pair.around.unwrap_or_default();
    let team = around.share >= rules.team.share;
    let strange = !pair.related && !borne_out(kept, who.organisation, day);
    // Until a job is known, nothing is held against it.
    let unknown = state.peers.get(who.job).is_none_or(|peers| peers.settled < rules.claims.known_looks);
    let jobless = unknown || state.usually_unconfirmed(user) >= rules.claims.usual_share;
    // What links the organisation with this person is what the user's work rests on. A relationship of another kind, say an
    // appointment in a clinic to a nurse of a ward, is of somebody else's work.
    let fits = pair.kinds.is_empty() || state.usual_work(user, pair.kinds, rules);
    let alone = state.usually_outside(user) >= rules.team.on_their_own && if strange { jobless } else { fits };
    // Hardly anybody looked whom the user could be one of: then the kind of relationship alone must tell.
    let own_strand = state.own_strand(user, pair.kinds, rules);
    let on_own_list = own_strand && around.near <= rules.team.few;
    // One of several who were the first to see somebody come in.
    let brought_in = around.first && around.near >= 2 && !strange;
    let among = team || around.close >= 2 || brought_in || pair.carer;
    let with = match (among, alone || on_own_list) {
        (true, _) => " The user is one of those who look after this person, as far as can be seen.",
        (_, true) => " The user mostly works alone, and is not known to have no part in this person's care.",
        _ => " Nothing links the user with those who look after this person.",
    };
    let less = |weight: f64, off: f64| if among || alone || on_own_list { weight - off } else { weight };
    if pair.name_and_street && !pair.own && !pair.household {
        let off = if among { rules.close.name_and_street_in_team } else { 0.0 };
        let weight = rules.close.name_and_street - off;
        add(Rule::NameAndStreet, weight, &format!("The same family name in the same street.{with}"));
    }
    if pair.colleague && !pair.own {
        // Of a job that the data link to nobody (an ambulance crew), the other one of the crew is what bears a look out; who
        // was alone with a colleague is asked, for the service's own log can tell at once.
        let nobody = strange && jobless && !unknown && !among && around.near == 0;
        let off = if nobody { 0.0 } else { rules.colleague.in_team };
        let weight = less(rules.colleague.weight, off);
        add(Rule::Colleague, weight, &format!("Somebody who works for the same organisation.{with}"));
    }
    if pair.well_known {
        let weight = less(rules.well_known.weight, rules.well_known.in_team);
        add(Rule::WellKnown, weight, &format!("Somebody on the list of well-known people.{with}"));
    }
    if let Some(days) = pair.dead_days.filter(|days| *days > rules.deceased.after_days) {
        let job = state.peers.get(who.job).is_some_and(|peers| rules.deceased.jobs.contains(&peers.name));
        if !job && !rules.deceased.reasons.contains(&pair.claimed) {
            let words =
                format!("Somebody who had died {days} days before, by a user whose work does not go on after a death.");
            add(Rule::Deceased, rules.deceased.weight, &words);
        }
    }
    // Of another team that looks after the person: somebody whom the user often works with looked as well.
    let other_team = own_strand && around.close > 0;
    let insider = pair.carer || other_team;
    if !insider && around.may_be_crowd(rules) && around.others + 1 >= rules.crowd.users && pair.related {
        let crowd = teams.crowd(state, rules, who.organisation, person);
        if crowd.is_one(rules) {
            let words = format!(
                "One of {} users of {} different teams within {} days who have nothing to do with those who look after this \
                 person.",
                crowd.outside,
                crowd.teams,
                2 * rules.crowd.days
            );
            add(Rule::Crowd, rules.crowd.weight, &words);
        }
    }
    if stage == Stage::Confirmed && strange && !jobless {
        let reason = if pair.glass { "The glass was broken" } else { "A reason was given" };
        let words = format!("{reason}; {} days later nothing had borne it out.", rules.confirm_days);
        add(Rule::Unconfirmed, rules.claims.unconfirmed, &words);
        if around.others == 0 {
            add(Rule::Unconfirmed, rules.claims.nobody_else, "Nobody else of the organisation looked at this person.");
        }
        let from = day - rules.repeated.window_days;
        let mut days: Vec<i32> = (who.unconfirmed.iter())
            .filter(|(of, whom, _)| *of > from && *whom == person)
            .map(|(of, ..)| *of)
            .collect();
        days.dedup();
        if days.len() >= rules.repeated.days && !team {
            let words = format!("The same person on {} days, with nothing that links the two.", days.len());
            add(Rule::Repeated, rules.repeated.weight, &words);
        }
    }
    if !findings.is_empty() && pair.hours & did.odd != 0 {
        let words = "At an hour when this user is never at work.".to_owned();
        findings.push(Finding { rule: Rule::OddHours, weight: rules.odd_hours.weight / 2.0, words });
    }
    findings
}
