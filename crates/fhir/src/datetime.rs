//! FHIR `date`, `dateTime`, `instant` and `time` (R4 §2.24.0.1), with the precision they were written in. A date stays
//! the date it is: only when it must be compared with an instant is it laid on the clock of the region's time zone.

use jiff::{
    Timestamp,
    civil::{Date, Time},
    tz::{Offset, TimeZone},
};
use std::sync::LazyLock;

/// Where a date or time that names no offset is, when it must be compared: the United Kingdom's civil time.
pub fn london() -> &'static TimeZone {
    static LONDON: LazyLock<TimeZone> = LazyLock::new(|| TimeZone::get("Europe/London").unwrap_or(TimeZone::UTC));
    &LONDON
}

/// How finely a date or time is stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Precision {
    /// `1945`
    Year,
    /// `1945-07`
    Month,
    /// `1945-07-14`
    Day,
    /// `1945-07-14T10:30` (in searches only)
    Minute,
    /// `1945-07-14T10:30:00`
    Second,
    /// With this many digits of a second (at most 9 count).
    Fraction(u8),
}

/// A `date`, `dateTime` or `instant`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DateTime {
    date: Date,
    time: Time,
    offset: Option<Offset>,
    precision: Precision,
}

/// Why a text is not a date or time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotADateTime {
    /// Not of the form `YYYY[-MM[-DD[Thh:mm[:ss[.fff]][Z|±hh:mm]]]]`.
    #[error("a date is written YYYY, YYYY-MM or YYYY-MM-DD, a time after it as Thh:mm:ss with Z or an offset")]
    Form,
    /// The form is right, but the calendar or the clock has no such day or time (31 February, 25:00).
    #[error("there is no such day or time")]
    NoSuchTime,
}

/// A stretch of time `[from, to)` in microseconds since 1970-01-01T00:00:00Z; `i64::MIN` and `i64::MAX` are open ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Interval {
    /// The first microsecond in it.
    pub from: i64,
    /// The first microsecond after it.
    pub to: i64,
}

impl Interval {
    /// All time.
    pub const ALWAYS: Interval = Interval { from: i64::MIN, to: i64::MAX };

    /// Whether `other` lies wholly in this one.
    pub fn contains(&self, other: &Interval) -> bool {
        self.from <= other.from && other.to <= self.to
    }

    /// Whether the two share a moment.
    pub fn overlaps(&self, other: &Interval) -> bool {
        self.from < other.to && other.from < self.to
    }
}

impl DateTime {
    /// Read a `date`, `dateTime` or `instant`; also, as searches allow, minutes without seconds and times without offset.
    pub fn parse(text: &str) -> Result<Self, NotADateTime> {
        let mut rest = text.as_bytes();
        let year = digits(&mut rest, 4)?;
        let mut precision = Precision::Year;
        let (mut month, mut day) = (1, 1);
        let mut time = Time::midnight();
        let mut offset = None;
        if eat(&mut rest, b'-') {
            month = digits(&mut rest, 2)?;
            precision = Precision::Month;
            if eat(&mut rest, b'-') {
                day = digits(&mut rest, 2)?;
                precision = Precision::Day;
                if eat(&mut rest, b'T') {
                    (time, precision) = clock(&mut rest)?;
                    offset = zone(&mut rest)?;
                }
            }
        }
        if !rest.is_empty() {
            return Err(NotADateTime::Form);
        }
        let small = |n: i32| i8::try_from(n).map_err(|_| NotADateTime::NoSuchTime);
        let year = i16::try_from(year).map_err(|_| NotADateTime::NoSuchTime)?;
        let date = Date::new(year, small(month)?, small(day)?).map_err(|_| NotADateTime::NoSuchTime)?;
        if year == 0 {
            return Err(NotADateTime::NoSuchTime);
        }
        Ok(DateTime { date, time, offset, precision })
    }

    /// Read a `date`: no time of day.
    pub fn parse_date(text: &str) -> Result<Self, NotADateTime> {
        let date = Self::parse(text)?;
        if date.precision <= Precision::Day { Ok(date) } else { Err(NotADateTime::Form) }
    }

    /// Read an `instant`: to the second at least, with an offset.
    pub fn parse_instant(text: &str) -> Result<Timestamp, NotADateTime> {
        let stated = Self::parse(text)?;
        match (stated.precision, stated.offset) {
            (Precision::Second | Precision::Fraction(_), Some(_)) => Ok(stated.first(london())),
            _ => Err(NotADateTime::Form),
        }
    }

    /// How finely it is stated.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The day as written, the first of the month or year where no day is given. No time zone has touched it.
    pub fn date(&self) -> Date {
        self.date
    }

    /// The time of day as written, if one is.
    pub fn time(&self) -> Option<Time> {
        (self.precision > Precision::Day).then_some(self.time)
    }

    /// The offset as written, if one is.
    pub fn offset(&self) -> Option<Offset> {
        self.offset
    }

    /// The first moment it can mean; `zone` speaks for a text without offset.
    pub fn first(&self, zone: &TimeZone) -> Timestamp {
        at(self.date, self.time, self.offset, zone)
    }

    /// The stretch of time it can mean: the whole day for a date, the whole second for a second.
    pub fn interval(&self, zone: &TimeZone) -> Interval {
        let from = self.first(zone).as_microsecond();
        // Past the last day of the calendar nothing begins: the day, and its month and year, go on for ever. Many a system means
        // "no end" by it.
        let up_to = |next: Result<Date, jiff::Error>| {
            next.map_or(i64::MAX, |next| at(next, self.time, None, zone).as_microsecond())
        };
        let to = match self.precision {
            Precision::Year => up_to(self.date.checked_add(jiff::Span::new().years(1))),
            Precision::Month => up_to(self.date.checked_add(jiff::Span::new().months(1))),
            Precision::Day => up_to(self.date.tomorrow()),
            Precision::Minute => from.saturating_add(60_000_000),
            Precision::Second => from.saturating_add(1_000_000),
            Precision::Fraction(count) => from.saturating_add(10i64.pow(6u32.saturating_sub(u32::from(count)))),
        };
        Interval { from, to }
    }
}

/// The stretch of time a FHIR `Period` covers; a missing end is open, an unreadable one makes the whole unknown.
pub fn period(period: &serde_json::Value, zone: &TimeZone) -> Option<Interval> {
    let bound = |name: &str| match period.get(name) {
        None => Some(None),
        Some(text) => DateTime::parse(text.as_str()?).ok().map(|stated| Some(stated.interval(zone))),
    };
    let (start, end) = (bound("start")?, bound("end")?);
    if start.is_none() && end.is_none() {
        return None;
    }
    Some(Interval { from: start.map_or(i64::MIN, |s| s.from), to: end.map_or(i64::MAX, |e| e.to) })
}

/// Read a FHIR `time` (`hh:mm:ss`, perhaps with a fraction).
pub fn parse_time(text: &str) -> Result<Time, NotADateTime> {
    let mut rest = text.as_bytes();
    let (time, precision) = clock(&mut rest)?;
    if rest.is_empty() && precision != Precision::Minute { Ok(time) } else { Err(NotADateTime::Form) }
}

/// A FHIR `instant` for this moment, to the millisecond, in UTC.
pub fn instant(moment: Timestamp) -> String {
    format!("{moment:.3}")
}

fn at(date: Date, time: Time, offset: Option<Offset>, zone: &TimeZone) -> Timestamp {
    let civil = date.to_datetime(time);
    let known = match offset {
        Some(offset) => offset.to_timestamp(civil),
        None => zone.to_ambiguous_timestamp(civil).compatible(),
    };
    known.unwrap_or(if date.year() > 1970 { Timestamp::MAX } else { Timestamp::MIN })
}

fn eat(rest: &mut &[u8], byte: u8) -> bool {
    match rest.split_first() {
        Some((first, tail)) if *first == byte => {
            *rest = tail;
            true
        }
        _ => false,
    }
}

fn digits(rest: &mut &[u8], count: usize) -> Result<i32, NotADateTime> {
    let (number, tail) = rest.split_at_checked(count).ok_or(NotADateTime::Form)?;
    *rest = tail;
    number.iter().try_fold(0i32, |sum, byte| match byte {
        b'0'..=b'9' => Ok(sum * 10 + i32::from(byte - b'0')),
        _ => Err(NotADateTime::Form),
    })
}

fn clock(rest: &mut &[u8]) -> Result<(Time, Precision), NotADateTime> {
    let hour = digits(rest, 2)?;
    if !eat(rest, b':') {
        return Err(NotADateTime::Form);
    }
    let minute = digits(rest, 2)?;
    let (mut second, mut nanosecond, mut precision) = (0, 0, Precision::Minute);
    if eat(rest, b':') {
        second = digits(rest, 2)?;
        precision = Precision::Second;
        if eat(rest, b'.') {
            let mut count = 0u8;
            while let Some((byte @ b'0'..=b'9', tail)) = rest.split_first() {
                if count < 9 {
                    nanosecond = nanosecond * 10 + i32::from(byte - b'0');
                    count += 1;
                }
                *rest = tail;
            }
            if count == 0 {
                return Err(NotADateTime::Form);
            }
            nanosecond *= 10i32.pow(u32::from(9 - count));
            precision = Precision::Fraction(count);
        }
    }
    // FHIR allows second 60, which jiff and most clocks do not: it is read as 59.
    let small = |n: i32| i8::try_from(n).map_err(|_| NotADateTime::NoSuchTime);
    let time = Time::new(small(hour)?, small(minute)?, small(if second == 60 { 59 } else { second })?, nanosecond);
    Ok((time.map_err(|_| NotADateTime::NoSuchTime)?, precision))
}

fn zone(rest: &mut &[u8]) -> Result<Option<Offset>, NotADateTime> {
    if eat(rest, b'Z') {
        return Ok(Some(Offset::UTC));
    }
    let sign = if eat(rest, b'+') {
        1
    } else if eat(rest, b'-') {
        -1
    } else {
        return Ok(None);
    };
    let hours = digits(rest, 2)?;
    if !eat(rest, b':') {
        return Err(NotADateTime::Form);
    }
    let minutes = digits(rest, 2)?;
    if minutes > 59 || hours > 14 {
        return Err(NotADateTime::NoSuchTime);
    }
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).map(Some).map_err(|_| NotADateTime::NoSuchTime)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(text: &str) -> (String, String) {
        let found = DateTime::parse(text).unwrap().interval(london());
        let show = |at| Timestamp::from_microsecond(at).unwrap().to_string();
        (show(found.from), show(found.to))
    }

    #[test]
    fn precision_gives_the_bounds() {
        for (text, from, to) in [
            ("2024", "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"),
            ("2024-02", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"),
            ("2024-02-29", "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z"),
            ("2024-06-01", "2024-05-31T23:00:00Z", "2024-06-01T23:00:00Z"),
            ("2024-06-01T10:30Z", "2024-06-01T10:30:00Z", "2024-06-01T10:31:00Z"),
            ("2024-06-01T10:30:15+01:00", "2024-06-01T09:30:15Z", "2024-06-01T09:30:16Z"),
            ("2024-06-01T10:30:15.25", "2024-06-01T09:30:15.25Z", "2024-06-01T09:30:15.26Z"),
            ("2024-06-01T10:30:60Z", "2024-06-01T10:30:59Z", "2024-06-01T10:31:00Z"),
        ] {
            assert_eq!(interval(text), (from.into(), to.into()), "{text}");
        }
    }

    #[test]
    fn the_day_the_clocks_go_back_has_25_hours() {
        let day = DateTime::parse("2024-10-27").unwrap().interval(london());
        assert_eq!(day.to - day.from, 25 * 3_600_000_000);
    }

    #[test]
    fn a_date_never_shifts() {
        let born = DateTime::parse("1968-11-01").unwrap();
        assert_eq!(born.date().to_string(), "1968-11-01");
        assert_eq!(born.time(), None);
    }

    #[test]
    fn there_is_no_31_february() {
        for text in [
            "2024-02-31",
            "2023-02-29",
            "2024-13-01",
            "2024-00-10",
            "2024-01-01T24:00:00Z",
            "0000",
            "2024-01-01T00:00:00+15:00",
        ] {
            assert_eq!(DateTime::parse(text), Err(NotADateTime::NoSuchTime), "{text}");
        }
        for text in [
            "",
            "24",
            "2024-1-1",
            "2024-01-01T10",
            "2024-01-01 10:00",
            "2024-01-01T10:00:00.Z",
            "2024-01-01Z",
            "2024-01-01T1:00",
        ] {
            assert_eq!(DateTime::parse(text), Err(NotADateTime::Form), "{text}");
        }
    }

    #[test]
    fn the_ends_of_the_calendar_do_not_panic() {
        for text in [
            "0001",
            "9999",
            "9999-12",
            "9999-12-31",
            "9999-12-31T23:59:59.999999999-14:00",
            "0001-01-01T00:00:00+14:00",
        ] {
            let found = DateTime::parse(text).unwrap().interval(london());
            assert!(found.from < found.to && found.overlaps(&found), "{text}");
        }
        let of = |text: &str| DateTime::parse(text).unwrap().interval(london());
        let no_end = of("9999-12-31");
        for whole in ["9999", "9999-12"] {
            assert!(of(whole).contains(&no_end) && of(whole).contains(&of("9999-12-30")), "{whole}");
        }
        assert!(!no_end.overlaps(&of("9999-12-30")) && !no_end.overlaps(&of("2026-11-27")));
    }

    #[test]
    fn an_instant_needs_second_and_offset() {
        assert!(DateTime::parse_instant("2024-06-01T10:30:15Z").is_ok());
        assert!(DateTime::parse_instant("2024-06-01T10:30:15").is_err());
        assert!(DateTime::parse_instant("2024-06-01").is_err());
        assert!(DateTime::parse_date("2024-06-01T10:30:15Z").is_err());
        assert_eq!(instant("2024-06-01T10:30:15Z".parse().unwrap()), "2024-06-01T10:30:15.000Z");
        assert!(parse_time("10:30:00.5").is_ok());
        assert!(parse_time("10:30").is_err());
    }
}
