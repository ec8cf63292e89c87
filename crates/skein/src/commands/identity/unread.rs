//! Values that are none of what their column holds: whoever has the file is told how many, and where the first is.

use super::{
    columns::{Columns, Field},
    rows::{Values, is_nothing},
};
use crate::say;
use identity::PatientFacts;
use std::path::Path;

/// One column's values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    filled: usize,
    unread: usize,
    /// The row of the first of them, counted from one.
    first: usize,
}

impl Tally {
    fn add(&mut self, row: usize, read: bool) {
        self.filled += 1;
        if !read {
            self.unread += 1;
            if self.unread == 1 {
                self.first = row + 1;
            }
        }
    }

    fn merge(&mut self, other: &Tally) {
        self.first = if self.unread == 0 { other.first } else { self.first };
        self.filled += other.filled;
        self.unread += other.unread;
    }
}

/// Dates of birth and NHS numbers that could not be read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unread {
    births: Tally,
    numbers: Tally,
}

impl Unread {
    /// Count a row, in the order of the file.
    pub fn add(&mut self, columns: &Columns, row: usize, values: &Values, facts: &PatientFacts) {
        let filled = |field: Field| {
            let value = columns.place(field).and_then(|(place, _)| values.get(place));
            value.is_some_and(|value| !is_nothing(value.trim()))
        };
        if filled(Field::Birth) || filled(Field::BirthYear) {
            self.births.add(row, facts.birth.is_some());
        }
        if filled(Field::Nhs) {
            self.numbers.add(row, facts.nhs_number.is_some());
        }
    }

    /// Add the rows that come after these.
    pub fn merge(&mut self, later: &Unread) {
        self.births.merge(&later.births);
        self.numbers.merge(&later.numbers);
    }

    /// Refuse a file none of whose dates of birth is one: it would be linked without them.
    ///
    /// # Errors
    /// One line that names the column and what is wanted.
    pub fn check(&self, columns: &Columns, file: &Path) -> Result<(), String> {
        let Tally { filled, unread, .. } = self.births;
        if filled == 0 || unread < filled {
            return Ok(());
        }
        let name = births_of(columns);
        Err(format!(
            "{}: none of the {filled} values of {name} is a date of birth (as 1965-04-12, 12/04/1965 or 12-Apr-1965): name its \
             column with --columns birth_date=…, or leave this one out with --columns ignore={name}",
            file.display()
        ))
    }

    /// Say on standard error what could not be read, without the values: they are a person's.
    pub fn tell(&self, columns: &Columns, file: &Path) {
        for line in self.lines(columns) {
            say::complain(&format!("skein: {}: {line}", file.display()));
        }
    }

    fn lines(&self, columns: &Columns) -> Vec<String> {
        let line = |tally: &Tally, name: &str, what: &str| {
            let Tally { filled, unread, first } = tally;
            (*unread > 0)
                .then(|| format!("{name}: {unread} of {filled} values are {what}; the first is in row {first}"))
        };
        let number = columns.place(Field::Nhs).map_or("", |(_, name)| name);
        let births = line(&self.births, births_of(columns), "no dates of birth, and take no part");
        let numbers = line(
            &self.numbers,
            number,
            "no NHS numbers by their check digit, and count as mistyped where they have ten digits",
        );
        births.into_iter().chain(numbers).collect()
    }
}

fn births_of(columns: &Columns) -> &str {
    columns.place(Field::Birth).or_else(|| columns.place(Field::BirthYear)).map_or("", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::{
        super::{columns::Said, rows},
        *,
    };

    fn counted(rows: &[[&str; 4]]) -> (Columns, Unread) {
        let names = ["id", "surname", "dob", "nhs_number"].map(str::to_owned).to_vec();
        let columns = Columns::recognise(names, &Said::default(), "people.csv").unwrap();
        let mut halves = [Unread::default(), Unread::default()];
        for (row, values) in rows.iter().enumerate() {
            let values = values.map(str::to_owned).to_vec();
            let facts = rows::facts(&columns, &[], &rows::Plain::default(), &values);
            halves[usize::from(row > rows.len() / 2)].add(&columns, row, &values, &facts);
        }
        let [mut all, later] = halves;
        all.merge(&later);
        (columns, all)
    }

    #[test]
    fn what_cannot_be_read_is_counted_and_its_row_named_without_the_value() {
        let (columns, unread) = counted(&[
            ["1", "Hall", "1965-04-12", "9990000018"],
            ["2", "Hall", "", "NULL"],
            ["3", "Hall", "12/13/1965", "9990000019"],
            ["4", "Hall", "sometime", "9990000018"],
            ["5", "Hall", "later", "12"],
        ]);
        assert!(unread.check(&columns, Path::new("people.csv")).is_ok());
        let lines = unread.lines(&columns);
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("dob: 2 of 4 values") && lines[0].ends_with("row 4"), "{lines:?}");
        assert!(lines[1].starts_with("nhs_number: 2 of 4 values") && lines[1].ends_with("row 3"), "{lines:?}");
        assert!(!lines.concat().contains("sometime") && !lines.concat().contains("9990000019"));
        let (columns, unread) = counted(&[["1", "Hall", "1965-04-12", "9990000018"]]);
        assert!(unread.lines(&columns).is_empty());
    }

    #[test]
    fn a_column_without_one_date_is_refused_in_one_line() {
        let (columns, unread) = counted(&[["1", "Hall", "23845", ""], ["2", "Hall", "23846", ""]]);
        let error = unread.check(&columns, Path::new("people.csv")).unwrap_err();
        assert!(error.contains("people.csv: none of the 2 values of dob") && !error.contains('\n'), "{error}");
        assert!(error.contains("ignore=dob") && !error.contains("23845"), "{error}");
        let (columns, unread) = counted(&[["1", "Hall", "", ""]]);
        assert!(unread.check(&columns, Path::new("people.csv")).is_ok(), "none is told, and none is wrong");
    }
}
