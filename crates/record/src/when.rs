//! Dates and times as the NHS shows them (`14-Jul-1945 10:42`, Europe/London), with the precision the source gave and
//! no more. A date without a time never passes through a time zone, so a date of birth cannot shift (invariant 9).

use jiff::{
    Timestamp, Zoned,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use std::sync::LazyLock;

static LONDON: LazyLock<TimeZone> = LazyLock::new(|| TimeZone::get("Europe/London").unwrap_or(TimeZone::UTC));
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// How exactly a time is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precision {
    /// Only the year.
    Year,
    /// Year and month.
    Month,
    /// A day.
    Day,
    /// A time of day.
    Time,
}

/// A FHIR `date`, `dateTime` or `instant`, read once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct When {
    /// Its first moment, to sort and compare by.
    pub at: Timestamp,
    /// The day it names (its first day, when only month or year are known), in London.
    pub date: Date,
    /// How exactly it is known.
    pub precision: Precision,
    /// As people read it: `14-Jul-1945 10:42`, `14-Jul-1945`, `Jul-1945` or `1945`.
    pub text: String,
}

impl When {
    /// Read a FHIR date or time. None when it is not one: the caller shows the source's own text.
    pub fn parse(text: &str) -> Option<When> {
        let text = text.trim();
        match text.len() {
            4 => {
                let year: i16 = text.parse().ok()?;
                Self::day(Date::new(year, 1, 1).ok()?, Precision::Year)
            }
            7 => {
                let (year, month) = text.split_once('-')?;
                Self::day(Date::new(year.parse().ok()?, month.parse().ok()?, 1).ok()?, Precision::Month)
            }
            10 => Self::day(text.parse().ok()?, Precision::Day),
            _ => match text.parse::<Timestamp>() {
                Ok(at) => Some(Self::moment(at)),
                Err(_) => {
                    let local: DateTime = text.parse().ok()?;
                    Some(Self::moment(local.to_zoned(LONDON.clone()).ok()?.timestamp()))
                }
            },
        }
    }

    /// A moment we know ourselves.
    pub fn moment(at: Timestamp) -> When {
        let zoned = london(at);
        When { at, date: zoned.date(), precision: Precision::Time, text: date_time(at) }
    }

    fn day(date: Date, precision: Precision) -> Option<When> {
        let at = date.to_zoned(LONDON.clone()).ok()?.timestamp();
        let text = match precision {
            Precision::Year => format!("{:04}", date.year()),
            Precision::Month => format!("{}-{:04}", month(date), date.year()),
            Precision::Day | Precision::Time => day_text(date),
        };
        Some(When { at, date, precision, text })
    }

    /// Without the time of day.
    pub fn day_text(&self) -> String {
        match self.precision {
            Precision::Time => day_text(self.date),
            _ => self.text.clone(),
        }
    }

    /// The last moment it may mean: the end of its year, month or day.
    pub fn until(&self) -> Timestamp {
        let next = match self.precision {
            Precision::Time => return self.at,
            Precision::Day => self.date.tomorrow(),
            Precision::Month => self.date.last_of_month().tomorrow(),
            Precision::Year => self.date.last_of_year().tomorrow(),
        };
        next.ok().and_then(|day| day.to_zoned(LONDON.clone()).ok()).map_or(self.at, |zoned| zoned.timestamp())
    }

    /// The machine-readable form for a `time` element.
    pub fn machine(&self) -> String {
        match self.precision {
            Precision::Year => format!("{:04}", self.date.year()),
            Precision::Month => format!("{:04}-{:02}", self.date.year(), self.date.month()),
            Precision::Day => self.date.to_string(),
            Precision::Time => self.at.to_string(),
        }
    }
}

/// A moment in London.
pub fn london(at: Timestamp) -> Zoned {
    at.to_zoned(LONDON.clone())
}

/// The moment that London's clocks and calendars called so; of an hour that happens twice the first. None: there is none.
pub fn from_london(civil: DateTime) -> Option<Timestamp> {
    civil.to_zoned(LONDON.clone()).ok().map(|zoned| zoned.timestamp())
}

/// `Tuesday 3 March`; with the year where it is another one than today's.
pub fn day_of_week(date: Date, today: Date) -> String {
    let form = if date.year() == today.year() { "%A %-d %B" } else { "%A %-d %B %Y" };
    date.strftime(form).to_string()
}

/// `14-Jul-1945`.
pub fn day_text(date: Date) -> String {
    format!("{:02}-{}-{:04}", date.day(), month(date), date.year())
}

/// `14-Jul-1945 10:42`, London time.
pub fn date_time(at: Timestamp) -> String {
    let zoned = london(at);
    format!("{} {:02}:{:02}", day_text(zoned.date()), zoned.hour(), zoned.minute())
}

/// `10:42` when today, else `14-Jul-1945 10:42`.
pub fn time_or_date(at: Timestamp, now: Timestamp) -> String {
    let (zoned, today) = (london(at), london(now));
    if zoned.date() == today.date() { format!("{:02}:{:02}", zoned.hour(), zoned.minute()) } else { date_time(at) }
}

fn month(date: Date) -> &'static str {
    usize::try_from(date.month() - 1).ok().and_then(|index| MONTHS.get(index)).copied().unwrap_or("")
}

/// How long ago, in the largest sensible unit: `just now`, `4 minutes ago`, `3 days ago`, `2 years ago`.
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second().saturating_sub(at.as_second());
    if seconds < 0 {
        return format!("in {}", span(-seconds));
    }
    if seconds < 60 { "just now".into() } else { format!("{} ago", span(seconds)) }
}

/// A length of time in words, largest unit only.
pub fn span(seconds: i64) -> String {
    let (count, unit) = match seconds {
        ..60 => (seconds.max(0), "second"),
        60..3_600 => (seconds / 60, "minute"),
        3_600..172_800 => (seconds / 3_600, "hour"),
        172_800..5_184_000 => (seconds / 86_400, "day"),
        5_184_000..63_072_000 => (seconds / 2_629_746, "month"),
        _ => (seconds / 31_556_952, "year"),
    };
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

/// The age on a day, as the NHS banner writes it (Common User Interface, patient banner, age): weeks and months for the
/// very young, `4y 3m` under 18, then whole years. None before birth.
pub fn age(born: &When, on: Date) -> Option<String> {
    let birth = born.date;
    if on < birth {
        return None;
    }
    let mut months =
        (i32::from(on.year()) - i32::from(birth.year())) * 12 + i32::from(on.month()) - i32::from(birth.month());
    if on.day() < birth.day() {
        months -= 1;
    }
    let years = months / 12;
    if born.precision < Precision::Day {
        return Some(format!("about {}y", i32::from(on.year()) - i32::from(birth.year())));
    }
    let days = i64::from(birth.until(on).ok()?.get_days());
    Some(if years >= 18 {
        format!("{years}y")
    } else if years >= 2 {
        match months % 12 {
            0 => format!("{years}y"),
            rest => format!("{years}y {rest}m"),
        }
    } else if months >= 12 {
        format!("{months}m")
    } else if days >= 28 {
        format!("{}w", days / 7)
    } else {
        format!("{days}d")
    })
}

/// Today's date in London.
pub fn today(now: Timestamp) -> Date {
    london(now).date()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a timestamp")
    }

    #[test]
    fn times_are_shown_in_london_with_the_precision_the_source_gave() {
        for (fhir, shown) in [
            ("1945", "1945"),
            ("1945-07", "Jul-1945"),
            ("1945-07-14", "14-Jul-1945"),
            ("2026-07-01T09:30:00Z", "01-Jul-2026 10:30"),
            ("2026-01-01T09:30:00+00:00", "01-Jan-2026 09:30"),
            ("2026-07-01T23:30:00Z", "02-Jul-2026 00:30"),
            ("2026-07-01T10:30:00", "01-Jul-2026 10:30"),
        ] {
            assert_eq!(When::parse(fhir).expect(fhir).text, shown, "{fhir}");
        }
        for bad in ["", "2026-02-31", "31/12/2026", "2026-13", "yesterday"] {
            assert_eq!(When::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_date_of_birth_never_shifts() {
        for text in ["1945-03-25", "1968-10-27", "1971-02-18", "2026-03-29", "2025-10-26"] {
            let when = When::parse(text).expect(text);
            assert_eq!(when.date.to_string(), text);
            assert_eq!(when.machine(), text);
        }
    }

    #[test]
    fn ages_follow_the_banner_rules() {
        let on = "2026-07-13".parse().expect("a date");
        for (born, shown) in [
            ("1945-07-14", Some("80y")),
            ("1945-07-13", Some("81y")),
            ("2020-04-01", Some("6y 3m")),
            ("2008-07-13", Some("18y")),
            ("2024-12-20", Some("18m")),
            ("2026-05-01", Some("10w")),
            ("2026-07-01", Some("12d")),
            ("1945", Some("about 81y")),
            ("2027-01-01", None),
        ] {
            assert_eq!(age(&When::parse(born).expect(born), on).as_deref(), shown, "{born}");
        }
    }

    #[test]
    fn how_long_ago_reads_as_people_say_it() {
        let now = at("2026-07-14T12:00:00Z");
        for (then, shown) in [
            ("2026-07-14T11:59:30Z", "just now"),
            ("2026-07-14T11:56:00Z", "4 minutes ago"),
            ("2026-07-14T10:30:00Z", "1 hour ago"),
            ("2026-07-11T12:00:00Z", "3 days ago"),
            ("2024-07-01T12:00:00Z", "2 years ago"),
            ("2026-07-14T12:05:00Z", "in 5 minutes"),
        ] {
            assert_eq!(ago(at(then), now), shown);
        }
    }

    #[test]
    fn a_day_lasts_until_midnight_in_london() {
        assert_eq!(When::parse("2026-07-01").expect("a day").until(), at("2026-07-01T23:00:00Z"));
        assert_eq!(When::parse("2025").expect("a year").until(), at("2026-01-01T00:00:00Z"));
    }
}
