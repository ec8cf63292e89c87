//! Dates as files write them.

use jiff::civil::Date;

/// Which comes first where day and month are both numbers, and the year is last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// 12/04/1965 is in April.
    #[default]
    DayFirst,
    /// 12/04/1965 is in December.
    MonthFirst,
}

impl Order {
    /// The order that a column's values have: most of those that can be read in one way alone say it, for some are mistyped.
    pub fn of<'a>(values: impl Iterator<Item = &'a str>) -> Order {
        let (mut days, mut months) = (0_usize, 0_usize);
        for value in values {
            if let Some(Written { first, second, swappable: true, .. }) = written(value) {
                days += usize::from((13..=31).contains(&first) && second <= 12);
                months += usize::from((13..=31).contains(&second) && first <= 12);
            }
        }
        if months > days { Order::MonthFirst } else { Order::DayFirst }
    }
}

/// Three numbers of a date.
struct Written {
    year: i16,
    first: i16,
    second: i16,
    /// Whether the file's order says which of the two is the day; else the second is.
    swappable: bool,
}

/// A date: 19650412, 1965-04-12, 12/04/1965, 12.4.1965, 12-Apr-1965. Day and month are in the order given, unless that cannot be.
pub fn date(text: &str, order: Order) -> Option<Date> {
    let Written { year, first, second, swappable } = written(text)?;
    let (month, day) = match (swappable, order) {
        (true, Order::DayFirst) => (second, first),
        (true, Order::MonthFirst) | (false, _) => (first, second),
    };
    made(year, month, day)
}

/// A date of a column for the year, one for the month and one for the day.
pub fn of_parts(year: &str, month: &str, day: &str) -> Option<Date> {
    let whole = |text: &str| text.strip_suffix(".0").unwrap_or(text).to_owned();
    let (year, month, day) = (whole(year), whole(month), whole(day));
    made(year_of(&year)?, month_of(&month)?, day.parse().ok()?)
}

fn written(text: &str) -> Option<Written> {
    let text = text
        .split(['T', 't'])
        .next()
        .filter(|date| date.len() >= 6 && !date.contains(char::is_alphabetic))
        .unwrap_or(text);
    let parts: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()).collect();
    let number = |part: &str| part.parse::<i16>().ok();
    match parts.as_slice() {
        [digits] if digits.len() == 8 && digits.is_ascii() => {
            let part = |from: usize, to: usize| number(digits.get(from..to)?);
            let year = part(0, 4)?;
            if (1850..=2100).contains(&year) {
                Some(Written { year, first: part(4, 6)?, second: part(6, 8)?, swappable: false })
            } else {
                Some(Written { year: part(4, 8)?, first: part(0, 2)?, second: part(2, 4)?, swappable: true })
            }
        }
        [year, month, day, ..] if year.len() == 4 => {
            Some(Written { year: number(year)?, first: month_of(month)?, second: number(day)?, swappable: false })
        }
        [first, second, year, rest @ ..] if year.len() == 4 || year.len() == 2 && rest.is_empty() => {
            let year = year_of(year)?;
            match (number(first), number(second)) {
                (Some(first), Some(second)) => Some(Written { year, first, second, swappable: true }),
                // A month that is a name says which it is.
                (Some(day), None) => Some(Written { year, first: month_of(second)?, second: day, swappable: false }),
                (None, Some(day)) => Some(Written { year, first: month_of(first)?, second: day, swappable: false }),
                (None, None) => None,
            }
        }
        _ => None,
    }
}

fn made(year: i16, month: i16, day: i16) -> Option<Date> {
    let (month, day) = if month > 12 && day <= 12 { (day, month) } else { (month, day) };
    let made = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok();
    // The 31st of a month of thirty days: the day is wrong, the rest is not.
    made.or_else(|| Date::new(year, i8::try_from(month).ok()?, 28).ok().filter(|_| (29..=31).contains(&day)))
        .filter(|date| (1850..=2100).contains(&date.year()))
}

fn year_of(text: &str) -> Option<i16> {
    let year = text.parse().ok()?;
    Some(match text.len() {
        2 if year > 30 => 1900 + year,
        2 => 2000 + year,
        _ => year,
    })
}

fn month_of(text: &str) -> Option<i16> {
    const NAMES: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let short: String = text.chars().take(3).flat_map(char::to_lowercase).collect();
    NAMES.iter().position(|name| *name == short).and_then(|at| i16::try_from(at + 1).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_as_files_write_them() {
        let born = jiff::civil::date(1965, 4, 12);
        for text in [
            "19650412",
            "1965-04-12",
            "1965-04-12T00:00:00Z",
            "1965-04-12 00:00:00",
            "12/04/1965",
            "12/04/1965 00:00",
            "12.4.1965",
            "12-Apr-1965",
            "12 April 1965",
            "Apr 12, 1965",
            "1965/4/12",
            "12/04/65",
            "12-APR-65",
            "12041965",
        ] {
            assert_eq!(date(text, Order::DayFirst), Some(born), "{text}");
        }
        assert_eq!(date("04/13/1965", Order::DayFirst), Some(jiff::civil::date(1965, 4, 13)));
        for text in ["", "unknown", "99999999", "1965", "0/0/0000", "tomorrow", "12", "Q1 2 1965"] {
            assert_eq!(date(text, Order::DayFirst), None, "{text}");
        }
        assert_eq!(of_parts("1965", "4", "12"), Some(born));
        assert_eq!(of_parts("65", "April", "12.0"), Some(born));
        assert_eq!(of_parts("1965", "4", ""), None, "a day is not made up");
    }

    /// One date alone does not say which number is the day; a column does.
    #[test]
    fn a_column_says_whether_the_month_is_first() {
        let born = jiff::civil::date(1965, 4, 12);
        let american = ["04/12/1965", "04/13/1965", "12/25/70", "31/01/1980", "01/31/1980", ""];
        let order = Order::of(american.into_iter());
        assert_eq!(order, Order::MonthFirst, "most say so, and one is mistyped");
        assert_eq!(date("04/12/1965", order), Some(born));
        assert_eq!(date("04121965", order), Some(born));
        assert_eq!(date("31/01/1980", order), Some(jiff::civil::date(1980, 1, 31)), "what cannot be is the other way");
        for text in ["1965-04-12", "19650412", "12-Apr-1965"] {
            assert_eq!(date(text, order), Some(born), "{text} says it itself");
        }
        assert_eq!(Order::of(["13/04/1965", "04/13/1965", "02/03/1990"].into_iter()), Order::DayFirst);
        assert_eq!(Order::of(["1965-04-13", "02/03/1990"].into_iter()), Order::DayFirst);
    }
}
