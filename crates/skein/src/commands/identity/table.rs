//! Reading CSV and Parquet files row by row.

use super::rows::Values;
use parquet::{
    file::reader::{FileReader, SerializedFileReader},
    record::{Field, reader::RowIter},
};
use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
};

/// The longest value kept, in bytes: longer ones are nobody's name.
const VALUE_MAX: usize = 2000;

enum Rows {
    Csv(Box<csv::Reader<Box<dyn Read>>>),
    Parquet(RowIter<'static>),
}

/// An open file.
pub struct Table {
    /// The names of its columns.
    pub names: Vec<String>,
    /// Rows that had more or fewer values than there are columns.
    pub ragged: usize,
    rows: Rows,
}

/// Open a file: Parquet by its first bytes, everything else is CSV with commas, semicolons, tabs or bars.
///
/// # Errors
/// One line that says why it cannot be read.
pub fn open(path: &Path) -> Result<Table, String> {
    let shown = path.display();
    let trouble = |error: &std::io::Error| format!("cannot read {shown}: {}", crate::failure::io_words(error));
    let file = File::open(path).map_err(|error| trouble(&error))?;
    if file.metadata().is_ok_and(|about| about.is_dir()) {
        return Err(format!("cannot read {shown}: it is a folder"));
    }
    let mut reader = BufReader::with_capacity(1 << 18, file);
    let start = reader.fill_buf().map_err(|error| trouble(&error))?;
    if start.starts_with(b"PAR1") {
        let file = File::open(path).map_err(|error| trouble(&error))?;
        let reader =
            SerializedFileReader::new(file).map_err(|error| format!("{shown} is not a whole Parquet file: {error}"))?;
        let names = reader
            .metadata()
            .file_metadata()
            .schema()
            .get_fields()
            .iter()
            .map(|field| field.name().to_owned())
            .collect();
        return Ok(Table { names, ragged: 0, rows: Rows::Parquet(RowIter::from_file_into(Box::new(reader))) });
    }
    if start.is_empty() {
        return Err(format!("{shown} is empty"));
    }
    if start.starts_with(b"\xef\xbb\xbf") {
        reader.consume(3);
    }
    let start = reader.buffer();
    let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let most = |wanted: u8| line.iter().filter(|byte| **byte == wanted).count();
    let delimiter =
        [b',', b';', b'\t', b'|'].into_iter().max_by_key(|byte| (most(*byte), *byte == b',')).unwrap_or(b',');
    let boxed: Box<dyn Read> = Box::new(reader);
    let mut csv = csv::ReaderBuilder::new().flexible(true).delimiter(delimiter).trim(csv::Trim::All).from_reader(boxed);
    let header = csv.byte_headers().map_err(|error| format!("cannot read {shown}: {error}"))?;
    let names: Vec<String> = header.iter().map(text).collect();
    if names.iter().all(String::is_empty) {
        return Err(format!("{shown} has no header line"));
    }
    Ok(Table { names, ragged: 0, rows: Rows::Csv(Box::new(csv)) })
}

impl Table {
    /// The next so many rows, fewer at the end.
    ///
    /// # Errors
    /// When the file breaks off or is damaged.
    pub fn next(&mut self, most: usize) -> Result<Vec<Values>, String> {
        let mut rows = Vec::with_capacity(most.min(1 << 16));
        match &mut self.rows {
            Rows::Csv(reader) => {
                let mut record = csv::ByteRecord::new();
                while rows.len() < most {
                    match reader.read_byte_record(&mut record) {
                        Ok(true) => {
                            if record.len() != self.names.len() {
                                self.ragged += 1;
                            }
                            if record.iter().any(|value| !value.is_empty()) {
                                rows.push(record.iter().take(self.names.len()).map(text).collect());
                            }
                        }
                        Ok(false) => break,
                        Err(error) => return Err(format!("the file cannot be read on: {error}")),
                    }
                }
            }
            Rows::Parquet(reader) => {
                while rows.len() < most {
                    match reader.next() {
                        Some(Ok(row)) => rows.push(row.get_column_iter().map(|(_, field)| value(field)).collect()),
                        Some(Err(error)) => return Err(format!("the file cannot be read on: {error}")),
                        None => break,
                    }
                }
            }
        }
        Ok(rows)
    }
}

/// UTF-8, or what Windows wrote before there was UTF-8.
fn text(bytes: &[u8]) -> String {
    let bytes = bytes.get(..VALUE_MAX).unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(error) if error.error_len().is_none() => String::from_utf8_lossy(bytes).into_owned(),
        Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
    }
}

fn value(field: &Field) -> String {
    match field {
        Field::Null => String::new(),
        Field::Str(text) => text.clone(),
        Field::Bytes(bytes) => text(bytes.data()),
        // Date and TimestampMillis and their like print as ISO dates.
        Field::Double(number) if number.fract() == 0.0 && number.abs() < 1e15 => format!("{number:.0}"),
        Field::Float(number) if number.fract() == 0.0 => format!("{number:.0}"),
        other => other.to_string(),
    }
}
