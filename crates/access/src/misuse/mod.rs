//! What looks like misuse of the shared record, among accesses that the gate let through: values in, values out.
//!
//! Feed a [`Detector`] with every access in order ([`Detector::see`]), ask it now and then what to put on the privacy
//! officer's desk ([`Detector::judge`]). It keeps what it needs of the last [`Rules::habit_days`] in memory; after a restart
//! it is fed the audit of those days again, judged day by day; an item whose user, person and day are on the desk already is
//! then passed over. What is noticed and how it is weighed is told in `docs/govern-it/misuse.md`.

mod access;
mod judge;
mod rules;
mod state;
mod team;
#[cfg(test)]
mod tests;

pub use access::{About, Access, Home, Key};
pub use judge::{Finding, Item, Rule};
pub use rules::{Burst, Claims, Close, Crowd, Deceased, MISUSE, OddHours, Repeated, Rules, Team, Weighed};

use crate::policy::Relations;
use fhir::PersonKey;
use jiff::Timestamp;
use state::State;

/// Notices misuse in a stream of accesses.
#[derive(Debug)]
pub struct Detector {
    rules: Rules,
    state: State,
    raised: std::collections::HashMap<(i32, usize, Option<usize>), f64>,
}

impl Detector {
    /// One that knows nothing yet.
    pub fn new(rules: Rules) -> Self {
        Detector { rules, state: State::default(), raised: std::collections::HashMap::new() }
    }

    /// An access, and what is known of the two people in it. Accesses come in the order of time.
    pub fn see(&mut self, access: &Access, about: &About) {
        self.state.see(access, about, &self.rules);
    }

    /// The data say that an organisation looks after a person, found out otherwise than by an access: it bears out reasons
    /// given up to `confirm_days` before.
    pub fn related(&mut self, organisation: &str, person: PersonKey, at: Timestamp) {
        let organisation = self.state.organisation(organisation);
        if let Some(person) = self.state.known_person(person) {
            self.state.related(organisation, person, state::day_hour(at).0, Relations::default());
        }
    }

    /// Reasons given that nothing bears out yet and that would count as unconfirmed at the next [`Detector::judge`] after
    /// `now`: of which organisations and persons to look up whether the data link them by now, and say so by
    /// [`Detector::related`].
    pub fn unconfirmed(&self, now: Timestamp) -> Vec<(String, PersonKey)> {
        let last = state::day_hour(now).0 - self.rules.confirm_days;
        let mut found = Vec::new();
        for (user, did) in self.state.open.range(..=last).flat_map(|(_, users)| users) {
            let organisation =
                self.state.users.get(*user).and_then(|who| self.state.organisation_codes.get(who.organisation));
            for person in did.pairs.iter().filter(|(_, pair)| !pair.related).map(|(person, _)| person) {
                if let (Some(organisation), Some(person)) = (organisation, self.state.persons.get(*person)) {
                    found.push((organisation.clone(), person.key));
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// How many users and persons it knows.
    pub fn knows(&self) -> (usize, usize) {
        (self.state.users.len(), self.state.persons.len())
    }
}
