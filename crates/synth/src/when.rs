//! Days and minutes: civil dates for lives, instants for events, and how each dialect writes them.

use crate::dice::{real_i, round};
use jiff::{
    Timestamp, ToSpan,
    civil::Date,
    tz::{Offset, TimeZone},
};
use std::{fmt::Write, sync::OnceLock};

/// Days from `from` to `to`; negative when `to` is earlier.
pub(crate) fn days_between(from: Date, to: Date) -> i64 {
    i64::from(from.until(to).map(|span| span.get_days()).unwrap_or(0))
}

/// The date `days` later (earlier when negative), kept within the calendar.
pub(crate) fn plus_days(date: Date, days: i64) -> Date {
    date.checked_add(days.days()).unwrap_or(date)
}

/// Whole years of age on a day.
pub(crate) fn age_on(birth: Date, day: Date) -> i64 {
    let years = i64::from(day.year()) - i64::from(birth.year());
    if (day.month(), day.day()) < (birth.month(), birth.day()) { years - 1 } else { years }
}

/// Age in years with its fraction.
pub(crate) fn years_between(from: Date, to: Date) -> f64 {
    real_i(days_between(from, to)) / 365.25
}

/// The day on which someone born on `birth` reaches `age` years.
pub(crate) fn at_age(birth: Date, age: f64) -> Date {
    plus_days(birth, round(age * 365.25))
}

fn london() -> &'static TimeZone {
    static LONDON: OnceLock<TimeZone> = OnceLock::new();
    LONDON.get_or_init(|| TimeZone::get("Europe/London").unwrap_or(TimeZone::UTC))
}

/// The instant of a minute of a day on the clocks of England. Minutes past 1,439 run into the next day.
pub(crate) fn at(date: Date, minute: i64) -> Timestamp {
    let midnight = date.at(0, 0, 0, 0);
    let local = midnight.checked_add(minute.minutes()).unwrap_or(midnight);
    london().to_ambiguous_timestamp(local).compatible().unwrap_or(Timestamp::UNIX_EPOCH)
}

/// `minutes` later.
pub(crate) fn plus_minutes(at: Timestamp, minutes: i64) -> Timestamp {
    at.checked_add(minutes.minutes()).unwrap_or(at)
}

/// `seconds` later.
pub(crate) fn plus_seconds(at: Timestamp, seconds: i64) -> Timestamp {
    at.checked_add(seconds.seconds()).unwrap_or(at)
}

/// Minutes from one instant to another.
pub(crate) fn minutes_between(from: Timestamp, to: Timestamp) -> i64 {
    (to.as_second() - from.as_second()) / 60
}

/// The day on the clocks of England.
pub(crate) fn day_of(at: Timestamp) -> Date {
    london().to_datetime(at).date()
}

/// The minute of the day on the clocks of England.
pub(crate) fn minute_of(at: Timestamp) -> i64 {
    let time = london().to_datetime(at).time();
    i64::from(time.hour()) * 60 + i64::from(time.minute())
}

fn pad(out: &mut String, value: i64, width: usize) {
    let _ = write!(out, "{value:0width$}");
}

/// `20260131` as HL7 v2 writes a date.
pub(crate) fn hl7_date(date: Date) -> String {
    let mut out = String::with_capacity(8);
    pad(&mut out, date.year().into(), 4);
    pad(&mut out, date.month().into(), 2);
    pad(&mut out, date.day().into(), 2);
    out
}

/// `20260131142500` on the clocks of England.
pub(crate) fn hl7_second(at: Timestamp) -> String {
    let mut out = hl7_minute(at);
    pad(&mut out, london().to_datetime(at).second().into(), 2);
    out
}

/// `202601311425` on the clocks of England.
pub(crate) fn hl7_minute(at: Timestamp) -> String {
    let local = london().to_datetime(at);
    let mut out = String::with_capacity(14);
    pad(&mut out, local.year().into(), 4);
    pad(&mut out, local.month().into(), 2);
    pad(&mut out, local.day().into(), 2);
    pad(&mut out, local.hour().into(), 2);
    pad(&mut out, local.minute().into(), 2);
    out
}

/// `2026-01-31` as FHIR writes a date.
pub(crate) fn iso_date(date: Date) -> String {
    let mut out = String::with_capacity(10);
    pad(&mut out, date.year().into(), 4);
    out.push('-');
    pad(&mut out, date.month().into(), 2);
    out.push('-');
    pad(&mut out, date.day().into(), 2);
    out
}

/// `2026-07-31T14:25:00+01:00` as FHIR writes an instant, with England's offset.
pub(crate) fn iso_instant(at: Timestamp) -> String {
    let offset = london().to_offset(at);
    let local = offset.to_datetime(at);
    let mut out = iso_date(local.date());
    out.push('T');
    pad(&mut out, local.hour().into(), 2);
    out.push(':');
    pad(&mut out, local.minute().into(), 2);
    out.push(':');
    pad(&mut out, local.second().into(), 2);
    out.push_str(if offset == Offset::UTC { "+00:00" } else { "+01:00" });
    out
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// `31 January 2026` as a letter writes a date.
pub(crate) fn long_date(date: Date) -> String {
    let month = usize::try_from(date.month()).ok().and_then(|m| MONTHS.get(m.wrapping_sub(1))).unwrap_or(&"");
    format!("{} {} {}", date.day(), month, date.year())
}

/// `14-Jul-1945`, as the NHS writes a date of birth.
pub(crate) fn nhs_date(date: Date) -> String {
    let month = usize::try_from(date.month()).ok().and_then(|m| MONTHS.get(m.wrapping_sub(1))).unwrap_or(&"");
    format!("{:02}-{}-{}", date.day(), month.get(..3).unwrap_or(""), date.year())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn summer_and_winter_are_told_apart() {
        let winter = at(date(2026, 1, 31), 14 * 60 + 25);
        let summer = at(date(2026, 7, 31), 14 * 60 + 25);
        assert_eq!(iso_instant(winter), "2026-01-31T14:25:00+00:00");
        assert_eq!(iso_instant(summer), "2026-07-31T14:25:00+01:00");
        assert_eq!(hl7_second(summer), "20260731142500");
        assert_eq!(hl7_minute(winter), "202601311425");
        assert_eq!(minute_of(summer), 14 * 60 + 25);
        assert_eq!(day_of(at(date(2026, 7, 31), 1_500)), date(2026, 8, 1));
    }

    #[test]
    fn dates_of_birth_read_as_the_nhs_writes_them() {
        assert_eq!(nhs_date(date(1945, 7, 14)), "14-Jul-1945");
        assert_eq!(long_date(date(1945, 7, 4)), "4 July 1945");
        assert_eq!(age_on(date(1945, 7, 14), date(2026, 7, 13)), 80);
        assert_eq!(days_between(date(2026, 1, 1), date(2025, 12, 31)), -1);
    }
}
