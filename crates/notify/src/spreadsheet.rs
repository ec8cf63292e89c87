//! A caseload from a spreadsheet: reading it, and judging whom each line means. A NHS number alone puts nobody on a list when
//! the name or the date of birth on the line says that it is another's.

use calamine::{Data, Reader, Xlsx};
use fhir::NhsNumber;
use jiff::civil::Date;
use std::io::Cursor;

/// Lines read at most.
pub const LINES_MAX: usize = 20_000;

/// One line that names somebody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Its number in the sheet, from 1, with the heading.
    pub number: usize,
    /// What stands under the NHS number, as it stands.
    pub nhs: String,
    /// What stands under the family name, or the whole name.
    pub name: String,
    /// What stands under the date of birth.
    pub born: String,
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Put on the list.
    Added,
    /// On it already.
    There,
    /// The number is none.
    NoNumber,
    /// Nobody here has the number.
    NotFound,
    /// Somebody has it, and is called otherwise or was born on another day.
    Differs,
    /// Several people have it: a data steward must say who is who first.
    Several,
}

impl Verdict {
    /// As people read it.
    pub fn words(self) -> &'static str {
        match self {
            Verdict::Added => "Put on the list",
            Verdict::There => "On the list already",
            Verdict::NoNumber => "Not added: no valid NHS number on this line",
            Verdict::NotFound => "Not added: nobody in this region’s record has this NHS number",
            Verdict::Differs => "Not added: the number belongs to somebody with another name or date of birth",
            Verdict::Several => "Not added: several people here have this number. Data stewards decide who is who",
        }
    }

    /// Whether somebody must look at the line.
    pub fn is_trouble(self) -> bool {
        !matches!(self, Verdict::Added | Verdict::There)
    }
}

/// What a source says of somebody who has the number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Family names.
    pub families: Vec<String>,
    /// Date of birth.
    pub born: Option<Date>,
}

/// Read a sheet: comma-separated values (RFC 4180), or the first sheet of an Excel workbook (ECMA-376).
///
/// # Errors
/// A sentence for whoever sent it.
pub fn read(bytes: &[u8]) -> Result<Vec<Line>, String> {
    let rows = rows(bytes)?;
    let Some((head_at, head)) = rows.iter().enumerate().find(|(_, row)| row.iter().any(|cell| !cell.trim().is_empty()))
    else {
        return Err("The sheet is empty.".into());
    };
    let folded: Vec<String> = head.iter().map(|cell| cell.to_lowercase().replace(['_', '-'], " ")).collect();
    let column = |wanted: &[&str]| folded.iter().position(|cell| wanted.iter().any(|word| cell.contains(word)));
    let nhs = column(&["nhs"]);
    let name = column(&["family", "surname", "last name"]).or_else(|| column(&["name"]));
    let born = column(&["birth", "dob", "born"]);
    // A column of bare numbers needs no heading.
    let (nhs, skip) = match nhs {
        Some(nhs) => (nhs, head_at + 1),
        None if head.iter().any(|cell| NhsNumber::parse(cell).is_ok()) => {
            (head.iter().position(|cell| NhsNumber::parse(cell).is_ok()).unwrap_or(0), head_at)
        }
        None => return Err("The first line must name the columns; one of them is called “NHS number”.".into()),
    };
    let (name, born) = if skip == head_at { (None, None) } else { (name, born) };
    let cell = |row: &[String], at: Option<usize>| {
        at.and_then(|at| row.get(at)).map(|cell| cell.trim().to_owned()).unwrap_or_default()
    };
    let lines: Vec<Line> = rows
        .iter()
        .enumerate()
        .skip(skip)
        .filter(|(_, row)| row.iter().any(|cell| !cell.trim().is_empty()))
        .map(|(index, row)| Line {
            number: index + 1,
            nhs: cell(row, Some(nhs)),
            name: cell(row, name),
            born: cell(row, born),
        })
        .collect();
    if lines.len() > LINES_MAX {
        return Err(format!("The sheet has more than {LINES_MAX} lines: send it in parts."));
    }
    Ok(lines)
}

/// The cells of a sheet, line by line, whichever of the two it is.
pub(crate) fn rows(bytes: &[u8]) -> Result<Vec<Vec<String>>, String> {
    if bytes.starts_with(b"PK\x03\x04") { workbook(bytes) } else { values(bytes) }
}

fn values(bytes: &[u8]) -> Result<Vec<Vec<String>>, String> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.trim_start_matches('\u{feff}').to_owned(),
        // What Excel saves as "CSV" without more words.
        Err(_) => encoding_rs::WINDOWS_1252.decode(bytes).0.into_owned(),
    };
    let first = text.lines().next().unwrap_or_default();
    let delimiter = if first.matches(';').count() > first.matches(',').count() {
        b';'
    } else if first.contains('\t') {
        b'\t'
    } else {
        b','
    };
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_bytes());
    let mut rows = Vec::new();
    // So many bytes hold so many ends of lines.
    let mut counted = (0, 0);
    for record in reader.records() {
        let record = record.map_err(|error| format!("The sheet cannot be read: {error}."))?;
        if rows.len() > LINES_MAX + 10 {
            break;
        }
        // The reader passes over blank lines; their numbers count all the same. Where it says that a record begins, the blank
        // lines before it begin.
        let begins = record.position().map_or(0, |at| usize::try_from(at.byte()).unwrap_or(usize::MAX));
        let blank = text.as_bytes().get(begins..).unwrap_or_default();
        let begins = begins + blank.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let passed = text.as_bytes().get(counted.0..begins).unwrap_or_default();
        counted = (begins.max(counted.0), counted.1 + passed.iter().filter(|byte| **byte == b'\n').count());
        let line = counted.1 + 1;
        while rows.len() + 1 < line && rows.len() <= LINES_MAX {
            rows.push(Vec::new());
        }
        rows.push(record.iter().map(str::to_owned).collect());
    }
    Ok(rows)
}

fn workbook(bytes: &[u8]) -> Result<Vec<Vec<String>>, String> {
    let unreadable = "The workbook cannot be read. Save it as .xlsx without a password, or as CSV, and send it again.";
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|_| unreadable.to_owned())?;
    let sheet = book.worksheet_range_at(0).ok_or_else(|| unreadable.to_owned())?.map_err(|_| unreadable.to_owned())?;
    let text = |cell: &Data| match cell {
        // A number of ten digits is one, not 9.99e9.
        Data::Float(number) if number.fract() == 0.0 => format!("{number:.0}"),
        Data::DateTime(at) => serial(at.as_f64()).map_or_else(String::new, |date| date.to_string()),
        other => other.to_string(),
    };
    let start = sheet.start().map_or(0, |(row, _)| usize::try_from(row).unwrap_or(0));
    let mut rows: Vec<Vec<String>> = vec![Vec::new(); start.min(LINES_MAX)];
    rows.extend(sheet.rows().take(LINES_MAX + 10).map(|row| row.iter().map(text).collect()));
    Ok(rows)
}

/// A day as Excel counts them: since 30 December 1899.
fn serial(days: f64) -> Option<Date> {
    let days: i64 = format!("{:.0}", days.floor()).parse().ok()?;
    jiff::civil::date(1899, 12, 30).checked_add(jiff::Span::new().try_days(days).ok()?).ok()
}

/// Whether somebody with this number may be meant by a line: what the line says besides must agree with one source.
pub fn agrees(line: &Line, known: &[Known]) -> bool {
    let fold =
        |name: &str| -> String { name.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect() };
    let name = fold(&line.name);
    let named = name.is_empty()
        || known.iter().flat_map(|known| &known.families).any(|family| {
            let family = fold(family);
            !family.is_empty() && name.contains(&family)
        });
    let born = line.born.is_empty()
        || match date(&line.born) {
            // A date that cannot be read says nothing either way; the name then must be there.
            None => !name.is_empty(),
            Some(born) => known.iter().any(|known| known.born == Some(born)),
        };
    named && born
}

/// A date as people write it in sheets: `1945-07-14`, `14/07/1945`, `14.7.1945`, `14-Jul-1945`.
fn date(text: &str) -> Option<Date> {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let text = text.split('T').next().unwrap_or(text).split(' ').next().unwrap_or(text);
    let parts: Vec<&str> = text.split(['-', '/', '.']).collect();
    let [first, month, last] = parts.as_slice() else { return None };
    let named = MONTHS.iter().position(|name| month.to_lowercase().starts_with(name));
    let month: i8 = match named {
        Some(index) => i8::try_from(index + 1).ok()?,
        None => month.parse().ok()?,
    };
    let (year, day) = if first.len() == 4 { (first, last) } else { (last, first) };
    if year.len() != 4 {
        return None;
    }
    Date::new(year.parse().ok()?, month, day.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sheets_of_all_habits_are_read() {
        let line = |number, nhs: &str, name: &str, born: &str| Line {
            number,
            nhs: nhs.into(),
            name: name.into(),
            born: born.into(),
        };
        let plain = "NHS Number,Surname,DOB\r\n999 000 0042,Baker,14/07/1930\r\n\r\n9990000093,,\r\n";
        let read = |text: &str| super::read(text.as_bytes());
        assert_eq!(
            read(plain),
            Ok(vec![line(2, "999 000 0042", "Baker", "14/07/1930"), line(4, "9990000093", "", "")])
        );
        let semicolons = "\u{feff}Name;NHS No;Date of birth\n\"BAKER, Margaret\";9990000042;1930-07-14\n";
        assert_eq!(read(semicolons), Ok(vec![line(2, "9990000042", "BAKER, Margaret", "1930-07-14")]));
        assert_eq!(read("9990000042\n9990000093\n").map(|lines| lines.len()), Ok(2));
        assert!(read("Surname,DOB\nBaker,1930-07-14\n").is_err_and(|why| why.contains("NHS number")));
        assert!(read("\n \n").is_err_and(|why| why.contains("empty")));
        assert!(super::read(b"PK\x03\x04not a workbook").is_err_and(|why| why.contains("xlsx")));
        assert_eq!(super::read(b"NHS number,Surname\n9990000042,Br\xf6nte\n").unwrap()[0].name, "Brönte");
    }

    #[test]
    fn excel_counts_days_since_1899() {
        assert_eq!(serial(11_153.0), Some(jiff::civil::date(1930, 7, 14)));
        assert_eq!(serial(f64::INFINITY), None);
    }

    #[test]
    fn a_number_alone_is_enough_and_a_number_with_anothers_name_is_not() {
        let known = [Known { families: vec!["Baker".into()], born: Some(jiff::civil::date(1930, 7, 14)) }];
        let line = |name: &str, born: &str| Line { name: name.into(), born: born.into(), ..Line::default() };
        assert!(agrees(&line("", ""), &known));
        assert!(agrees(&line("BAKER, Margaret", "14-Jul-1930"), &known));
        assert!(agrees(&line("", "14/07/1930"), &known));
        assert!(!agrees(&line("Hall", ""), &known));
        assert!(!agrees(&line("Baker", "1930-07-15"), &known));
        assert!(!agrees(&line("", "last summer"), &known));
    }
}
