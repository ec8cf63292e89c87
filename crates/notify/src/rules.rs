//! What a team is told, how, and what becomes of what nobody acknowledges.

use crate::topic::Topic;
use jiff::{SignedDuration, Timestamp, civil::Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a team is told of one kind of event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// Not at all.
    #[default]
    No,
    /// In the inbox, to be acknowledged.
    Inbox,
    /// In the inbox above all others, and passed on when nobody acknowledges it, in quiet hours too.
    Urgent,
    /// In the inbox, acknowledged already, and in the day's digest.
    Digest,
}

/// A team's rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// How each kind of event is told; those not named are not.
    pub tell: BTreeMap<Topic, How>,
    /// After so many minutes what nobody acknowledged is passed on; 0: never.
    pub escalate_minutes: u32,
    /// The national role code of those it is passed on to (in the team's own organisation), for instance `R8000`.
    pub escalate_role: String,
    /// Where a mail without a name in it goes when something is passed on, and the day's digest.
    pub mail: Vec<String>,
    /// From when to when on the clock in London nothing is passed on but what is urgent, `22:00` and `07:00`.
    pub quiet: Option<(String, String)>,
    /// When the day's digest is sent, `08:00`; none: it is not.
    pub digest: Option<String>,
}

impl Default for Rules {
    fn default() -> Self {
        Rules::for_team()
    }
}

/// Four hours (domain §1).
const ESCALATE_MINUTES: u32 = 240;

impl Rules {
    fn telling(tell: &[(Topic, How)]) -> Self {
        Rules {
            tell: tell.iter().copied().collect(),
            escalate_minutes: ESCALATE_MINUTES,
            escalate_role: String::new(),
            mail: Vec::new(),
            quiet: None,
            digest: None,
        }
    }

    /// What a community team is told unless it says otherwise.
    pub fn for_team() -> Self {
        Rules::telling(&[
            (Topic::Attended, How::Urgent),
            (Topic::Admitted, How::Urgent),
            (Topic::Moved, How::Inbox),
            (Topic::ExpectedDischarge, How::Inbox),
            (Topic::Discharged, How::Urgent),
            (Topic::PlanChanged, How::Inbox),
            (Topic::Died, How::Urgent),
            (Topic::Split, How::Inbox),
        ])
    }

    /// What a practice is told unless it says otherwise: its window into the hospital shows the rest.
    pub fn for_practice() -> Self {
        Rules::telling(&[
            (Topic::Admitted, How::Inbox),
            (Topic::Discharged, How::Inbox),
            (Topic::ResultCritical, How::Urgent),
            (Topic::PlanChanged, How::Inbox),
            (Topic::Died, How::Urgent),
            (Topic::Split, How::Inbox),
        ])
    }

    /// What whoever works on an organisation's requests is told unless they say otherwise: of those that are asked, and of
    /// those that ask.
    pub fn for_requests() -> Self {
        Rules::telling(&[
            (Topic::ReferralMade, How::Inbox),
            (Topic::ReferralAccepted, How::Inbox),
            (Topic::ReferralClosed, How::Inbox),
            (Topic::RequestAnswered, How::Inbox),
            (Topic::RequestQuestioned, How::Inbox),
            (Topic::RequestReplied, How::Inbox),
            (Topic::RequestDeclined, How::Urgent),
        ])
    }

    /// How one kind of event is told.
    pub fn how(&self, topic: Topic) -> How {
        self.tell.get(&topic).copied().unwrap_or_default()
    }

    /// When something told at `at` is passed on.
    pub fn due(&self, at: Timestamp, urgent: bool) -> Option<Timestamp> {
        if self.escalate_minutes == 0 {
            return None;
        }
        let due = at.checked_add(SignedDuration::from_mins(self.escalate_minutes.into())).ok()?;
        Some(if urgent { due } else { self.after_quiet(due) })
    }

    /// The same time, or the end of the quiet hours it lies in.
    fn after_quiet(&self, at: Timestamp) -> Timestamp {
        let Some((from, to)) = self.quiet.as_ref().and_then(|(from, to)| clock(from).zip(clock(to))) else { return at };
        let here = at.to_zoned(fhir::datetime::london().clone());
        let now = here.time();
        let quiet = if from <= to { from <= now && now < to } else { now >= from || now < to };
        if !quiet {
            return at;
        }
        let day = if now < to { here.date() } else { here.date().tomorrow().unwrap_or(here.date()) };
        day.to_datetime(to).to_zoned(fhir::datetime::london().clone()).map_or(at, |end| end.timestamp())
    }

    /// What is wrong with the rules, in a sentence for whoever wrote them; None: nothing.
    pub fn problem(&self) -> Option<String> {
        let times = self.quiet.iter().flat_map(|(from, to)| [from, to]).chain(&self.digest);
        for time in times {
            if clock(time).is_none() {
                return Some(format!("“{time}” is not a time of day; write it as 22:00."));
            }
        }
        for address in &self.mail {
            let parts = address.split_once('@');
            let plain = parts.is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
            if !plain || address.chars().any(|c| c.is_whitespace() || c.is_control() || ",;<>\"".contains(c)) {
                return Some(format!("“{address}” is not an e-mail address."));
            }
        }
        if self.escalate_minutes > 7 * 24 * 60 {
            return Some("What nobody acknowledges is passed on within a week at the latest.".into());
        }
        None
    }
}

/// A time of day, `22:00`.
pub(crate) fn clock(text: &str) -> Option<Time> {
    let (hours, minutes) = text.trim().split_once(':')?;
    Time::new(hours.parse().ok()?, minutes.parse().ok()?, 0, 0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn what_nobody_acknowledges_is_passed_on_after_four_hours_and_not_in_quiet_hours_unless_urgent() {
        let mut rules = Rules::for_team();
        assert_eq!(rules.due(at("2026-01-10T09:00:00Z"), false), Some(at("2026-01-10T13:00:00Z")));
        rules.quiet = Some(("22:00".into(), "07:00".into()));
        assert_eq!(rules.due(at("2026-01-10T20:00:00Z"), false), Some(at("2026-01-11T07:00:00Z")));
        assert_eq!(rules.due(at("2026-01-10T23:00:00Z"), false), Some(at("2026-01-11T07:00:00Z")));
        assert_eq!(rules.due(at("2026-01-10T20:00:00Z"), true), Some(at("2026-01-11T00:00:00Z")));
        // The clocks go forward that night: seven in the morning is seven on the wall.
        assert_eq!(rules.due(at("2026-03-28T21:00:00Z"), false), Some(at("2026-03-29T06:00:00Z")));
        rules.escalate_minutes = 0;
        assert_eq!(rules.due(at("2026-01-10T09:00:00Z"), true), None);
    }

    #[test]
    fn rules_that_cannot_be_are_named() {
        let with = |change: &dyn Fn(&mut Rules)| {
            let mut rules = Rules::for_team();
            change(&mut rules);
            rules.problem()
        };
        assert_eq!(with(&|_| {}), None);
        assert!(with(&|rules| rules.digest = Some("25:00".into())).is_some());
        assert!(with(&|rules| rules.quiet = Some(("late".into(), "07:00".into()))).is_some());
        assert!(with(&|rules| rules.mail = vec!["a@b.example\r\nBcc: c@d.example".into()]).is_some());
        assert!(with(&|rules| rules.mail = vec!["team@trust.example".into()]).is_none());
    }
}
