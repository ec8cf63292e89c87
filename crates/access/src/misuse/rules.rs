//! Thresholds and weights (`policies/misuse.toml`).

use crate::policy::BadPolicy;
use serde::Deserialize;

/// The file.
pub const MISUSE: &str = "misuse.toml";

/// All thresholds and weights. What each means is told in the file itself.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "policies/misuse.toml tells what each is, for those who change it")]
pub struct Rules {
    pub raise: f64,
    pub settle_days: i32,
    pub confirm_days: i32,
    pub habit_days: i32,
    pub team_days: i32,
    pub close: Close,
    pub colleague: Weighed,
    pub well_known: Weighed,
    pub deceased: Deceased,
    pub team: Team,
    pub claims: Claims,
    pub burst: Burst,
    pub odd_hours: OddHours,
    pub crowd: Crowd,
    pub repeated: Repeated,
}

macro_rules! part {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $kind:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(missing_docs, reason = "policies/misuse.toml tells what each is, for those who change it")]
        pub struct $name { $(pub $field: $kind),* }
    };
}

part!(
    /// People close to the user.
    Close { own_record: f64, same_household: f64, name_and_street: f64, name_and_street_in_team: f64 }
);
part!(
    /// A weight, and what is taken off for those in the team.
    Weighed { weight: f64, in_team: f64 }
);
part!(
    /// The dead.
    Deceased { after_days: i64, weight: f64, jobs: Vec<String>, reasons: Vec<String> }
);
part!(
    /// Who looks after somebody together.
    Team { share: f64, share_in_crowd: f64, shared_people: usize, close: f64, on_their_own: f64, at_times: f64, usual_kind: f64, few: usize }
);
part!(
    /// Reasons that nothing bears out.
    Claims {
        unconfirmed: f64,
        nobody_else: f64,
        window_days: i32,
        many_least: usize,
        many_unlikely: f64,
        many_times: f64,
        known_looks: f64,
        many: f64,
        usual_share: f64,
    }
);
part!(
    /// Very many people in a short time.
    Burst { least_hour: u32, least_day: u32, times: f64, weight: f64 }
);
part!(
    /// Hours at which a user is never at work.
    OddHours { least_known: f64, prior: f64, share: f64, people_most: usize, weight: f64, unrelated: f64 }
);
part!(
    /// Many outsiders at one person.
    Crowd { users: usize, teams: usize, days: i32, share: f64, weight: f64 }
);
part!(
    /// One person again and again.
    Repeated { days: usize, window_days: i32, weight: f64 }
);

impl Rules {
    /// Those that come with Skein.
    ///
    /// # Errors
    /// [`BadPolicy`]; the built-in file is tested to be good.
    pub fn builtin() -> Result<Self, BadPolicy> {
        Rules::read(include_str!("../../../../policies/misuse.toml"))
    }

    /// Of a file's text.
    ///
    /// # Errors
    /// [`BadPolicy`] says what is missing, unknown or out of its range.
    pub fn read(text: &str) -> Result<Self, BadPolicy> {
        let rules: Rules = toml::from_str(text).map_err(|error| BadPolicy::new(MISUSE, error.to_string()))?;
        let bad = |what: &str, range: &str| Err(BadPolicy::new(MISUSE, format!("{what} must be {range}")));
        let positive = [
            ("raise", rules.raise),
            ("burst.times", rules.burst.times),
            ("odd_hours.prior", rules.odd_hours.prior),
            ("claims.many_unlikely", rules.claims.many_unlikely),
            ("claims.many_times", rules.claims.many_times),
        ];
        for (what, value) in positive {
            if !(value > 0.0 && value.is_finite()) {
                return bad(what, "above 0");
            }
        }
        let weights = [
            ("close.own_record", rules.close.own_record),
            ("close.same_household", rules.close.same_household),
            ("close.name_and_street", rules.close.name_and_street),
            ("close.name_and_street_in_team", rules.close.name_and_street_in_team),
            ("colleague.weight", rules.colleague.weight),
            ("colleague.in_team", rules.colleague.in_team),
            ("well_known.weight", rules.well_known.weight),
            ("well_known.in_team", rules.well_known.in_team),
            ("deceased.weight", rules.deceased.weight),
            ("claims.unconfirmed", rules.claims.unconfirmed),
            ("claims.nobody_else", rules.claims.nobody_else),
            ("claims.many", rules.claims.many),
            ("burst.weight", rules.burst.weight),
            ("odd_hours.weight", rules.odd_hours.weight),
            ("odd_hours.unrelated", rules.odd_hours.unrelated),
            ("crowd.weight", rules.crowd.weight),
            ("repeated.weight", rules.repeated.weight),
        ];
        for (what, value) in weights {
            if !(0.0..=10.0).contains(&value) {
                return bad(what, "a weight from 0 to 10");
            }
        }
        let shares = [
            ("team.share", rules.team.share),
            ("team.share_in_crowd", rules.team.share_in_crowd),
            ("team.close", rules.team.close),
            ("team.on_their_own", rules.team.on_their_own),
            ("team.at_times", rules.team.at_times),
            ("team.usual_kind", rules.team.usual_kind),
            ("claims.usual_share", rules.claims.usual_share),
            ("odd_hours.share", rules.odd_hours.share),
            ("crowd.share", rules.crowd.share),
        ];
        for (what, value) in shares {
            if !(0.0..=1.0).contains(&value) {
                return bad(what, "a share from 0 to 1");
            }
        }
        let days = [
            ("settle_days", rules.settle_days),
            ("confirm_days", rules.confirm_days),
            ("habit_days", rules.habit_days),
            ("team_days", rules.team_days),
            ("claims.window_days", rules.claims.window_days),
            ("crowd.days", rules.crowd.days),
            ("repeated.window_days", rules.repeated.window_days),
        ];
        for (what, value) in days {
            if !(1..=366).contains(&value) {
                return bad(what, "from 1 to 366 days");
            }
        }
        if rules.confirm_days < rules.settle_days {
            return bad("confirm_days", "no less than settle_days");
        }
        if [rules.team_days, rules.claims.window_days, rules.repeated.window_days]
            .iter()
            .any(|of| *of > rules.habit_days)
        {
            return bad("habit_days", "no less than team_days, claims.window_days and repeated.window_days");
        }
        Ok(rules)
    }
}
