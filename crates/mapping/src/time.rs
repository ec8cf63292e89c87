//! HL7 v2 times (DTM, TS, DT; HL7 v2.5 §2.A.22) to instants and FHIR texts. An invalid date is nothing, never a guess.

use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, DateTime},
    tz::{AmbiguousOffset, Offset, TimeZone},
};

/// How exactly a time was stated. The numbers are written to disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Precision {
    /// `YYYY`
    Year = 0,
    /// `YYYYMM`
    Month = 1,
    /// `YYYYMMDD`
    Day = 2,
    /// With hour and minute.
    Minute = 3,
    /// With seconds.
    Second = 4,
    /// With a fraction of a second.
    Fraction = 5,
}

impl Precision {
    /// The precision with this number.
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        [Self::Year, Self::Month, Self::Day, Self::Minute, Self::Second, Self::Fraction].get(usize::from(code)).copied()
    }
}

/// A moment as a source stated it: the instant it begins, the offset it was meant in, and how exact it is.
/// Ordered by the instant, then by the rest, so that equal moments sort the same way everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct When {
    /// The instant (the start of the day, month or year if no more was said).
    pub at: Timestamp,
    /// Minutes east of Greenwich that the local time was stated in.
    pub offset_minutes: i16,
    /// How exact.
    pub precision: Precision,
}

/// What was noticed while reading a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeNote {
    /// The clocks went back in that hour, so the time happened twice: the earlier is taken.
    HappenedTwice,
    /// The clocks went forward over that time, so it never happened: the time an hour later is taken.
    NeverHappened,
}

/// Why a text is not a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a date or time that exists")]
pub struct NotATime;

impl When {
    /// A moment from an instant, told in `zone`, to the second.
    pub fn from_instant(at: Timestamp, zone: &TimeZone) -> Self {
        let offset_minutes = i16::try_from(zone.to_offset(at).seconds() / 60).unwrap_or(0);
        When { at, offset_minutes, precision: Precision::Second }
    }

    fn local(&self) -> DateTime {
        let offset = Offset::from_seconds(i32::from(self.offset_minutes) * 60).unwrap_or(Offset::UTC);
        offset.to_datetime(self.at)
    }

    /// The calendar day in the source's own time (no shifting across midnight).
    pub fn date(&self) -> Date {
        self.local().date()
    }

    /// As a FHIR `date`: `2010-10-20`, `2010-10` or `2010`.
    pub fn fhir_date(&self) -> String {
        let date = self.date();
        match self.precision {
            Precision::Year => format!("{:04}", date.year()),
            Precision::Month => format!("{:04}-{:02}", date.year(), date.month()),
            _ => format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day()),
        }
    }

    /// As a FHIR `dateTime`: as exact as stated; seconds are there whenever an hour is (FHIR R4 §2.24.0.1).
    pub fn fhir_date_time(&self) -> String {
        match self.precision {
            Precision::Year | Precision::Month | Precision::Day => self.fhir_date(),
            _ => self.fhir_instant(),
        }
    }

    /// As a FHIR `instant`, to the second at least.
    pub fn fhir_instant(&self) -> String {
        use std::fmt::Write;
        let local = self.local();
        let mut text = String::with_capacity(29);
        push_digits(&mut text, i32::from(local.year()), 4);
        for (mark, part) in [
            ('-', local.month()),
            ('-', local.day()),
            ('T', local.hour()),
            (':', local.minute()),
            (':', local.second()),
        ] {
            text.push(mark);
            push_digits(&mut text, i32::from(part), 2);
        }
        if self.precision == Precision::Fraction {
            let fraction = local.subsec_nanosecond() / 100_000;
            let _ = write!(text, ".{fraction:04}");
        }
        match self.offset_minutes {
            0 => text.push_str("+00:00"),
            minutes => {
                text.push(if minutes < 0 { '-' } else { '+' });
                let minutes = i32::from(minutes).abs();
                push_digits(&mut text, minutes / 60, 2);
                text.push(':');
                push_digits(&mut text, minutes % 60, 2);
            }
        }
        text
    }

    /// The moment so many minutes later, exact to the minute at least.
    pub fn plus_minutes(&self, minutes: i64) -> Option<When> {
        let at = self.at.checked_add(SignedDuration::from_mins(minutes)).ok()?;
        Some(When { at, precision: self.precision.max(Precision::Minute), ..*self })
    }
}

/// Write a number with at least `width` digits, without the cost of the formatter (times are written often).
fn push_digits(text: &mut String, number: i32, width: u32) {
    let mut place = 10_i32.pow(width.saturating_sub(1));
    while place > 0 {
        let digit = u8::try_from(number / place % 10).unwrap_or(0);
        text.push(char::from(b'0' + digit));
        place /= 10;
    }
}

/// Read an HL7 v2 time. `zone` is meant where no offset is given.
///
/// Beside `YYYY[MM[DD[HH[MM[SS[.S[S[S[S]]]]]]]]][±ZZZZ]`, the ISO form with dashes and colons is read, as some senders
/// use it. `24` as the hour, month 13 or 31 February are no times.
pub fn parse(text: &str, zone: &TimeZone) -> Result<(When, Option<TimeNote>), NotATime> {
    let text = text.trim();
    let compact: String;
    let text = if is_dashed(text) {
        compact = undash(text)?;
        compact.as_str()
    } else {
        text
    };
    let (digits, offset) = split_offset(text)?;
    let (digits, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (digits, None),
    };
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(NotATime);
    }
    let part = |from: usize, to: usize| digits.get(from..to).and_then(|p| p.parse::<i16>().ok()).ok_or(NotATime);
    let small = |from: usize| part(from, from + 2).and_then(|n| i8::try_from(n).map_err(|_| NotATime));
    let year = part(0, 4)?;
    let (mut month, mut day, mut hour, mut minute, mut second, mut nanos) = (1, 1, 0, 0, 0, 0);
    let precision = match digits.len() {
        4 => Precision::Year,
        6 => Precision::Month,
        8 => Precision::Day,
        10 | 12 => Precision::Minute,
        14 if fraction.is_some_and(|f| f.bytes().any(|b| b != b'0')) => Precision::Fraction,
        14 => Precision::Second,
        _ => return Err(NotATime),
    };
    if fraction.is_some() && digits.len() != 14 {
        return Err(NotATime);
    }
    if precision >= Precision::Month {
        month = small(4)?;
    }
    if precision >= Precision::Day {
        day = small(6)?;
    }
    if precision >= Precision::Minute {
        hour = small(8)?;
        if digits.len() >= 12 {
            minute = small(10)?;
        }
    }
    if precision >= Precision::Second {
        second = small(12)?;
        nanos = fraction.map_or(Ok(0), fraction_nanos)?;
    }
    let civil = DateTime::new(year, month, day, hour, minute, second, nanos).map_err(|_| NotATime)?;
    let (at, offset, note) = match offset {
        Some(offset) if precision >= Precision::Minute => {
            (offset.to_timestamp(civil).map_err(|_| NotATime)?, offset, None)
        }
        _ => {
            let ambiguous = zone.to_ambiguous_timestamp(civil);
            let note = match ambiguous.offset() {
                AmbiguousOffset::Unambiguous { .. } => None,
                AmbiguousOffset::Fold { .. } => Some(TimeNote::HappenedTwice),
                AmbiguousOffset::Gap { .. } => Some(TimeNote::NeverHappened),
            };
            let at = ambiguous.compatible().map_err(|_| NotATime)?;
            (at, zone.to_offset(at), note.filter(|_| precision >= Precision::Minute))
        }
    };
    let offset_minutes = i16::try_from(offset.seconds() / 60).map_err(|_| NotATime)?;
    Ok((When { at, offset_minutes, precision }, note))
}

fn fraction_nanos(fraction: &str) -> Result<i32, NotATime> {
    if fraction.is_empty() || fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return Err(NotATime);
    }
    let digits: i32 = fraction.parse().map_err(|_| NotATime)?;
    let places = u32::try_from(9 - fraction.len()).map_err(|_| NotATime)?;
    // HL7 v2 states four places at most; more would make equal times differ.
    Ok(digits * 10_i32.pow(places) / 100_000 * 100_000)
}

fn split_offset(text: &str) -> Result<(&str, Option<Offset>), NotATime> {
    if let Some(digits) = text.strip_suffix('Z') {
        return Ok((digits, Some(Offset::UTC)));
    }
    let Some(at) = text.find(['+', '-']) else { return Ok((text, None)) };
    let (digits, offset) = text.split_at(at);
    let (sign, hhmm) = offset.split_at(1);
    if hhmm.len() != 4 || !hhmm.bytes().all(|b| b.is_ascii_digit()) {
        return Err(NotATime);
    }
    let number: i32 = hhmm.parse().map_err(|_| NotATime)?;
    let (hours, minutes) = (number / 100, number % 100);
    if hours > 14 || minutes > 59 {
        return Err(NotATime);
    }
    let seconds = (hours * 60 + minutes) * 60;
    let offset = Offset::from_seconds(if sign == "-" { -seconds } else { seconds }).map_err(|_| NotATime)?;
    Ok((digits, Some(offset)))
}

fn is_dashed(text: &str) -> bool {
    text.as_bytes().get(4) == Some(&b'-')
        && text.len() >= 7
        && text.get(5..).is_some_and(|rest| rest.contains(['-', 'T', ' ']) || rest.len() == 2)
}

/// `2010-10-20T16:16:00+01:00` to `20101020161600+0100`.
fn undash(text: &str) -> Result<String, NotATime> {
    let (date, time) = match text.find(['T', ' ']) {
        Some(at) => (text.get(..at).ok_or(NotATime)?, text.get(at + 1..).ok_or(NotATime)?),
        None => (text, ""),
    };
    Ok(date.chars().filter(|c| *c != '-').chain(time.chars().filter(|c| *c != ':')).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn london() -> TimeZone {
        TimeZone::get("Europe/London").unwrap()
    }

    fn read(text: &str) -> (String, Option<TimeNote>) {
        let (when, note) = parse(text, &london()).unwrap();
        (when.fhir_date_time(), note)
    }

    #[test]
    fn a_time_is_as_exact_as_it_was_stated() {
        for (text, fhir) in [
            ("2010", "2010"),
            ("201010", "2010-10"),
            ("20101020", "2010-10-20"),
            ("2010102016", "2010-10-20T16:00:00+01:00"),
            ("201010201716", "2010-10-20T17:16:00+01:00"),
            ("20101220171605", "2010-12-20T17:16:05+00:00"),
            ("20101220171605.25", "2010-12-20T17:16:05.2500+00:00"),
            ("20101220171605.0000", "2010-12-20T17:16:05+00:00"),
            ("20190514102527+0200", "2019-05-14T10:25:27+02:00"),
            ("198908181126-0430", "1989-08-18T11:26:00-04:30"),
            ("20190514102527Z", "2019-05-14T10:25:27+00:00"),
            ("2019-05-14T10:25:27+02:00", "2019-05-14T10:25:27+02:00"),
            ("2019-05-14 10:25", "2019-05-14T10:25:00+01:00"),
            ("2019-05", "2019-05"),
        ] {
            assert_eq!(read(text), (fhir.to_owned(), None), "{text}");
        }
    }

    #[test]
    fn dates_that_do_not_exist_are_not_guessed() {
        for text in [
            "20240231",
            "20241301",
            "20240230120000",
            "202402301",
            "2024022924",
            "20240229242500",
            "abc",
            "",
            "99999",
            "20240229+9900",
            "2024-02-31",
            "2023022912000000",
        ] {
            assert_eq!(parse(text, &london()), Err(NotATime), "{text}");
        }
        assert!(parse("20240229", &london()).is_ok());
    }

    #[test]
    fn the_hour_that_happens_twice_is_the_earlier_and_noted() {
        assert_eq!(read("202410270130"), ("2024-10-27T01:30:00+01:00".to_owned(), Some(TimeNote::HappenedTwice)));
        assert_eq!(read("202403310130"), ("2024-03-31T02:30:00+01:00".to_owned(), Some(TimeNote::NeverHappened)));
        assert_eq!(read("202410270130+0000"), ("2024-10-27T01:30:00+00:00".to_owned(), None));
    }

    #[test]
    fn a_date_of_birth_never_shifts() {
        for text in ["19650701", "196507010030", "19450615", "19700101", "18990101"] {
            let (when, _) = parse(text, &london()).unwrap();
            assert_eq!(when.fhir_date().replace('-', ""), text.get(..8).unwrap());
        }
    }
}
