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
    let (bytes, cut) = bytes.get(..VALUE_MAX).map_or((bytes, false), |start| (start, true));
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        // The cut went through a character.
        Err(error) if cut && error.error_len().is_none() => String::from_utf8_lossy(bytes).into_owned(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::{
        data_type::{ByteArray, ByteArrayType, Int32Type},
        file::{properties::WriterProperties, writer::SerializedFileWriter},
        schema::parser::parse_message_type,
    };
    use std::{path::PathBuf, sync::Arc};

    fn file(name: &str, bytes: &[u8]) -> PathBuf {
        let path = std::env::temp_dir().join(format!("skein-table-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn read(name: &str, bytes: &[u8]) -> (Vec<String>, Vec<Values>, usize) {
        let path = file(name, bytes);
        let mut table = open(&path).unwrap();
        let rows = table.next(100).unwrap();
        std::fs::remove_file(path).unwrap();
        (table.names.clone(), rows, table.ragged)
    }

    #[test]
    fn csv_as_it_comes() {
        let (names, rows, ragged) = read("a", b"\xef\xbb\xbfid; name \n1; Zo\xeb\n2;Zo\xc3\xab;more\n\n3\n");
        assert_eq!(names, ["id", "name"]);
        assert_eq!(rows, [vec!["1", "Zoë"], vec!["2", "Zoë"], vec!["3"]]);
        assert_eq!(ragged, 2);
    }

    #[test]
    fn what_is_no_table_is_said_in_one_line() {
        for (name, bytes, word) in [("b", &b""[..], "empty"), ("c", b"PAR1 broken", "Parquet")] {
            let path = file(name, bytes);
            let error = open(&path).err().unwrap();
            assert!(error.contains(word) && !error.contains('\n'), "{error}");
            std::fs::remove_file(path).unwrap();
        }
        assert!(open(Path::new("/nowhere/at/all.csv")).err().unwrap().contains("no such file"));
    }

    #[test]
    fn parquet_files_are_read() {
        let schema = "message people { required binary id (UTF8); optional int32 born (DATE); }";
        let mut bytes = Vec::new();
        let schema = Arc::new(parse_message_type(schema).unwrap());
        let mut writer =
            SerializedFileWriter::new(&mut bytes, schema, Arc::new(WriterProperties::builder().build())).unwrap();
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let ids = [ByteArray::from("a"), ByteArray::from("b")];
        column.typed::<ByteArrayType>().write_batch(&ids, None, None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<Int32Type>().write_batch(&[365], Some(&[1, 0]), None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
        writer.close().unwrap();
        let (names, rows, _) = read("d", &bytes);
        assert_eq!(names, ["id", "born"]);
        assert_eq!(rows, [vec!["a", "1971-01-01"], vec!["b", ""]]);
    }
}
