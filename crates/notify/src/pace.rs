//! How often a source usually speaks, as a whole and on each of its feeds, learnt from when it spoke, and whether its silence
//! now is unusual. Counted by hour of the week on the clocks of England: a clinic's system is quiet at night and on Sundays,
//! and nobody has to say so.

use jiff::{Timestamp, tz::TimeZone};
use std::collections::BTreeMap;

/// Weeks that are looked back on.
pub const WEEKS: i64 = 8;
/// Hours of a week.
const SLOTS: usize = 168;
/// Of an hour of the week, so many must have been seen before anything is said of it.
const SEEN_MIN: u32 = 2;
/// A silence that would come by chance in one of this many times is said to be unusual.
const UNUSUAL: f64 = 10_000.0;
/// Messages come in bursts: a rate is taken for no more evidence than a twentieth of it, come evenly.
const BURST: f64 = 20.0;

/// Messages of a source, or of one of its feeds, by hour since 1970.
pub type Hours = BTreeMap<i64, u64>;

/// When a source spoke, on whichever of its feeds.
pub fn together<'a>(feeds: impl IntoIterator<Item = &'a Hours>) -> Hours {
    let mut all = Hours::new();
    for (hour, messages) in feeds.into_iter().flatten() {
        *all.entry(*hour).or_default() += messages;
    }
    all
}

/// Whether anything is awaited on a feed: one that the configuration does not name (any more) is not missed. Where several
/// processes serve a region, each knows its own feeds alone, so each feed that spoke is awaited.
pub fn is_awaited(feed: &str, configured: &[String], one_of_several: bool) -> bool {
    one_of_several || configured.iter().any(|name| name == feed)
}

/// How it stands with a source's silence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Silence {
    /// Too little is known to tell: under two weeks.
    Learning,
    /// No more than usual.
    Usual,
    /// It has been silent for longer than chance explains.
    Unusual {
        /// Messages that usually come in such hours.
        expected: f64,
    },
}

/// How a source speaks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Messages in the hour that runs.
    pub this_hour: u64,
    /// In the hour before it.
    pub last_hour: u64,
    /// In the 24 hours before the one that runs.
    pub last_day: u64,
    /// What comes in the hour before this one in other weeks; None: not known.
    pub usual_hour: Option<f64>,
    /// What comes in such 24 hours in other weeks.
    pub usual_day: Option<f64>,
    /// Whether it is silent for too long.
    pub silence: Silence,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    /// How often this hour of the week was seen since the source was first heard.
    seen: u32,
    /// How often anything came in it.
    spoke: u32,
    messages: u64,
}

impl Slot {
    fn mean(&self) -> Option<f64> {
        (self.seen >= SEEN_MIN).then(|| count(self.messages) / f64::from(self.seen))
    }

    /// How much evidence an hour of silence in it is: minus the logarithm of how likely it is.
    fn weight(&self) -> f64 {
        let Some(mean) = self.mean() else { return 0.0 };
        let speaks = (f64::from(self.spoke) + 0.5) / (f64::from(self.seen) + 1.0);
        (-(1.0 - speaks).ln()).max(mean / BURST)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn count(messages: u64) -> f64 {
    messages as f64
}

fn hour(at: Timestamp) -> i64 {
    at.as_second().div_euclid(3600)
}

/// The hour since 1970 that a time is in.
pub fn hour_of(at: Timestamp) -> i64 {
    hour(at)
}

/// Which hour of the week it is, from Monday at midnight.
fn slot(hour: i64, zone: &TimeZone) -> usize {
    let at = Timestamp::from_second(hour * 3600).unwrap_or_default().to_zoned(zone.clone());
    let day = usize::try_from(at.weekday().to_monday_zero_offset()).unwrap_or(0);
    day * 24 + usize::try_from(at.hour()).unwrap_or(0)
}

/// What is known of a source that spoke in these hours, and last at `last`.
pub fn pace(hours: &Hours, last: Option<Timestamp>, now: Timestamp) -> Pace {
    let zone = TimeZone::get("Europe/London").unwrap_or(TimeZone::UTC);
    let this = hour(now);
    let in_hours = |from: i64, to: i64| hours.range(from..to).map(|(_, messages)| messages).sum::<u64>();
    let mut slots = [Slot::default(); SLOTS];
    let first = hours.keys().next().copied().unwrap_or(this).max(this - WEEKS * 168);
    // A silence that is judged must not be among what it is judged by.
    let until = last.map_or(this, |last| (hour(last) + 1).min(this));
    for at in first..until {
        let Some(one) = slots.get_mut(slot(at, &zone)) else { continue };
        let messages = hours.get(&at).copied().unwrap_or(0);
        one.seen += 1;
        one.spoke += u32::from(messages > 0);
        one.messages += messages;
    }
    let of = |at: i64| slots.get(slot(at, &zone)).copied().unwrap_or_default();
    let usual_day: Option<Vec<f64>> = (this - 24..this).map(|at| of(at).mean()).collect();
    let mut silence = Silence::Usual;
    if !slots.iter().any(|slot| slot.seen >= SEEN_MIN) {
        silence = Silence::Learning;
    } else if let Some(last) = last {
        let (mut weight, mut expected) = (0.0, 0.0);
        // A month of silence needs no more evidence.
        let begin = hour(last).max(this - 31 * 24);
        for at in begin..=this {
            let from = last.as_second().max(at * 3600);
            let to = now.as_second().min((at + 1) * 3600);
            let part = f64::from(i32::try_from((to - from).max(0)).unwrap_or(0)) / 3600.0;
            weight += of(at).weight() * part;
            expected += of(at).mean().unwrap_or(0.0) * part;
        }
        if weight > UNUSUAL.ln() {
            silence = Silence::Unusual { expected };
        }
    }
    Pace {
        this_hour: in_hours(this, this + 1),
        last_hour: in_hours(this - 1, this),
        last_day: in_hours(this - 24, this),
        usual_hour: of(this - 1).mean(),
        usual_day: usual_day.map(|day| day.iter().sum()),
        silence,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Monday, 5 January 2026, midnight, when England keeps UTC.
    const MONDAY: i64 = 1_767_571_200 / 3600;

    fn at(hour: i64, minutes: i64) -> Timestamp {
        Timestamp::from_second(hour * 3600 + minutes * 60).expect("a time")
    }

    /// Some weeks of a clinic that sends in office hours on weekdays.
    fn clinic(weeks: i64, each_hour: u64) -> Hours {
        let office = |hour: &i64| (hour / 24) % 7 < 5 && (9..17).contains(&(hour % 24));
        (0..weeks * 168).filter(office).map(|hour| (MONDAY + hour, each_hour)).collect()
    }

    #[test]
    fn a_night_and_a_weekend_are_no_silence_and_a_monday_morning_is() {
        let hours = clinic(8, 6);
        let friday = at(MONDAY + 7 * 168 + 4 * 24 + 16, 50);
        let monday = MONDAY + 8 * 168;
        for (hour, minutes) in [(-40, 0), (3, 0), (9, 30)] {
            let found = pace(&hours, Some(friday), at(monday + hour, minutes));
            assert_eq!(found.silence, Silence::Usual, "{hour}:{minutes}");
        }
        let found = pace(&hours, Some(friday), at(monday + 13, 30));
        let Silence::Unusual { expected } = found.silence else { panic!("{found:?}") };
        assert!((26.0..30.0).contains(&expected), "{expected}");
    }

    #[test]
    fn a_busy_feed_is_missed_within_the_hour_and_a_rare_one_after_days() {
        let busy: Hours = (0..6 * 168).map(|hour| (MONDAY + hour, 900)).collect();
        let last = at(MONDAY + 6 * 168, 0);
        assert_eq!(pace(&busy, Some(last), at(MONDAY + 6 * 168, 5)).silence, Silence::Usual);
        assert!(matches!(pace(&busy, Some(last), at(MONDAY + 6 * 168, 20)).silence, Silence::Unusual { .. }));
        // One message a day, at another hour each day.
        let rare: Hours = (0..56).map(|day| (MONDAY + day * 24 + day * 7 % 24, 1)).collect();
        let last = at(MONDAY + 55 * 24 + 1, 0);
        assert_eq!(pace(&rare, Some(last), at(MONDAY + 57 * 24, 0)).silence, Silence::Usual);
        assert!(matches!(pace(&rare, Some(last), at(MONDAY + 70 * 24, 0)).silence, Silence::Unusual { .. }));
    }

    #[test]
    fn nothing_is_said_before_two_weeks_were_heard() {
        let found = pace(&clinic(1, 6), Some(at(MONDAY + 4 * 24 + 16, 0)), at(MONDAY + 9 * 24, 0));
        assert_eq!((found.silence, found.usual_day), (Silence::Learning, None));
        assert_eq!(pace(&Hours::new(), None, at(MONDAY, 0)).silence, Silence::Learning);
    }

    #[test]
    fn a_feed_that_is_silent_is_missed_while_its_source_as_a_whole_is_not() {
        let (adt, oru): (Hours, Hours) = (clinic(8, 6), (0..8 * 168).map(|hour| (MONDAY + hour, 3)).collect());
        let now = MONDAY + 8 * 168 + 13;
        let friday = at(MONDAY + 7 * 168 + 4 * 24 + 16, 50);
        assert!(matches!(pace(&adt, Some(friday), at(now, 30)).silence, Silence::Unusual { .. }));
        let all = together([&adt, &oru]);
        assert_eq!(all.values().sum::<u64>(), adt.values().chain(oru.values()).sum::<u64>());
        assert_eq!(pace(&all, Some(at(now, 20)), at(now, 30)).silence, Silence::Usual);
    }

    #[test]
    fn a_feed_that_is_configured_no_more_is_not_missed_unless_others_may_have_it() {
        let configured = ["adt".to_owned()];
        assert!(is_awaited("adt", &configured, false));
        assert!(!is_awaited("old-adt", &configured, false));
        assert!(is_awaited("old-adt", &configured, true));
    }

    #[test]
    fn what_came_is_counted_beside_what_usually_comes() {
        let mut hours = clinic(4, 6);
        hours.insert(MONDAY + 4 * 168 + 9, 2);
        let found = pace(&hours, Some(at(MONDAY + 4 * 168 + 9, 40)), at(MONDAY + 4 * 168 + 10, 20));
        assert_eq!((found.this_hour, found.last_hour, found.last_day), (0, 2, 2));
        assert!(found.usual_hour.is_some_and(|usual| (4.9..6.1).contains(&usual)), "{found:?}");
    }

    #[test]
    fn the_clocks_of_england_are_meant() {
        // The hours of a summer's Monday at nine, by their clocks, are eight o'clock of UTC.
        let zone = TimeZone::get("Europe/London").expect("England");
        let monday = "2026-07-06T08:00:00Z".parse::<Timestamp>().expect("a time");
        assert_eq!(slot(hour(monday), &zone), 9);
    }
}
