//! The files' rows: comma-separated, quoted where needed, one line each.

use super::{
    cases::Case,
    faults::Fault,
    person::Person,
    record::{Record, Source},
};
use std::{io, io::Write, ops::Range};

/// The first line of `index.csv` and `incoming.csv`.
pub(super) const HEADER: &str = "id,nhs_number,given_name,middle_name,family_name,former_family_name,birth_date,sex,ethnicity,\
address,postcode,phone,email,practice\n";

/// Append a row to a text.
pub(super) fn put(text: &mut Vec<u8>, letter: char, id: u64, record: &Record) {
    text.extend_from_slice(format!("{letter}{id}").as_bytes());
    values(text, record);
    text.push(b'\n');
}

fn values(text: &mut Vec<u8>, record: &Record) {
    for value in record.values() {
        text.push(b',');
        if value.contains([',', '"', '\n']) {
            text.push(b'"');
            for byte in value.bytes() {
                if byte == b'"' {
                    text.push(b'"');
                }
                text.push(byte);
            }
            text.push(b'"');
        } else {
            text.extend_from_slice(value.as_bytes());
        }
    }
}

/// Incoming records until all are there.
#[derive(Default)]
pub(super) struct Rows {
    text: Vec<u8>,
    rows: Vec<Row>,
}

struct Row {
    /// Rows are written in the order of this.
    key: u64,
    /// The index's row of the same person.
    index: Option<u64>,
    record: Range<usize>,
    case: Range<usize>,
}

/// One of the files made of incoming records.
pub(super) type File = fn(&mut dyn Write, u64, Option<u64>, &[u8], &[u8]) -> io::Result<()>;

/// `incoming.csv`.
pub(super) const INCOMING: (&str, File) = (HEADER, |out, id, _, record, _| {
    write!(out, "B{id}")?;
    out.write_all(record)?;
    out.write_all(b"\n")
});
/// `truth.csv`.
pub(super) const TRUTH: (&str, File) = ("id_index,id_incoming\n", |out, id, index, _, _| match index {
    Some(index) => writeln!(out, "A{index},B{id}"),
    None => Ok(()),
});
/// `cases.csv`.
pub(super) const CASES: (&str, File) =
    ("id_incoming,case,source,age,ethnicity,corruptions,index_corruptions\n", |out, id, _, _, case| {
        write!(out, "B{id},")?;
        out.write_all(case)?;
        out.write_all(b"\n")
    });

impl Rows {
    /// Keep a row.
    #[expect(clippy::too_many_arguments, reason = "a row and all that is told of it")]
    pub(super) fn add(
        &mut self,
        key: u64,
        index: Option<u64>,
        case: Case,
        source: &Source,
        person: &Person,
        record: &Record,
        faults: &[Fault],
        index_faults: &[Fault],
    ) {
        let from = self.text.len();
        values(&mut self.text, record);
        let middle = self.text.len();
        let list = |faults: &[Fault]| faults.iter().map(|fault| fault.name()).collect::<Vec<_>>().join(" ");
        let age = crate::dice::floor(person.age);
        let case = format!(
            "{},{},{age},{},{},{}",
            case.name(),
            source.name,
            person.ethnicity,
            list(faults),
            list(index_faults)
        );
        self.text.extend_from_slice(case.as_bytes());
        self.rows.push(Row { key, index, record: from..middle, case: middle..self.text.len() });
    }

    /// Write one of the files, rows in random order; how many bytes it has.
    pub(super) fn write(&self, (first, row): (&str, File), out: &mut dyn Write) -> io::Result<u64> {
        let mut order: Vec<&Row> = self.rows.iter().collect();
        order.sort_unstable_by_key(|row| (row.key, row.record.start));
        let mut counted = Counted { out, bytes: 0 };
        counted.write_all(first.as_bytes())?;
        for (held, id) in order.into_iter().zip(1..) {
            let text = |range: &Range<usize>| self.text.get(range.clone()).unwrap_or_default();
            row(&mut counted, id, held.index, text(&held.record), text(&held.case))?;
        }
        Ok(counted.bytes)
    }
}

/// A writer that knows how much went through it.
struct Counted<'w> {
    out: &'w mut dyn Write,
    bytes: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linkage::record::COLUMNS;

    #[test]
    fn the_first_line_names_the_columns_and_values_are_quoted_where_needed() {
        assert_eq!(HEADER, format!("id,{}\n", COLUMNS.join(",")));
        let record = Record { family: "O\"Neil, Jr".into(), ..Record::default() };
        let mut text = Vec::new();
        put(&mut text, 'A', 7, &record);
        assert_eq!(String::from_utf8(text).unwrap(), "A7,,,,\"O\"\"Neil, Jr\",,,,,,,,,\n");
    }
}
