//! A file's people: read once, packed at once, the ids kept beside.

use super::{
    columns::{Columns, Field, Said, folded},
    dates::Order,
    households::Households,
    rows::{self, Plain, Values},
    table::{self, Table},
    unread::Unread,
};
use crate::say;
use fhir::{PatientKey, PersonKey};
use identity::{Builder, Index, Packed, PatientFacts, Question};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    path::{Path, PathBuf},
};

/// Rows read at a time for each thread.
const PIECE: usize = 8192;
/// Rows from which the nature of a plain column is judged.
const JUDGED: usize = 20_000;
/// Attributes compared at most.
const ATTRIBUTES_MAX: usize = 7;

/// An open file with its columns understood.
pub struct Opened {
    path: PathBuf,
    table: Table,
    /// Its columns.
    pub columns: Columns,
    first: Vec<Values>,
}

impl Opened {
    /// Open a file and read its first rows.
    ///
    /// # Errors
    /// One line that says what is wrong with it.
    pub fn open(path: &Path, said: &Said) -> Result<Opened, String> {
        let mut table = table::open(path)?;
        let mut columns = Columns::recognise(table.names.clone(), said, &path.display().to_string())?;
        let first = table.next(JUDGED)?;
        if first.is_empty() {
            return Err(format!("{} has a header and no rows", path.display()));
        }
        if let Some((place, _)) = columns.place(Field::Birth) {
            columns.order = Order::of(first.iter().filter_map(|row| row.get(place)).map(String::as_str));
        }
        if let Some((place, name)) = columns.place(Field::LocalNumber) {
            let (seen, all) = differing(&first, place);
            // A hospital's number, not one of its patients': it takes part as any other column does.
            if !each_its_own(seen, all) && !columns.is_said(&folded(name)) {
                columns.no_local_number();
            }
        }
        let mut unread = Unread::default();
        for (row, values) in first.iter().enumerate() {
            unread.add(&columns, row, values, &rows::facts(&columns, &[], &Plain::default(), values));
        }
        unread.check(&columns, path)?;
        Ok(Opened { path: path.to_owned(), table, columns, first })
    }

    /// How the plain columns named take part: nearly all values different, an identifier; else an attribute. What people of one
    /// household share takes no part, unless the caller said that it does.
    pub fn judge(&self, wanted: &BTreeSet<String>) -> Plain {
        let mut how = Plain::default();
        let mut households = None;
        for (place, name) in self.columns.plain_places() {
            if !wanted.contains(&name) {
                continue;
            }
            let households = households.get_or_insert_with(|| Households::of(&self.columns, &self.first));
            if !self.columns.is_said(&name) && households.share(place, &self.first) {
                how.of_households.push(name);
                continue;
            }
            let (seen, all) = differing(&self.first, place);
            if each_its_own(seen, all) && seen > 20 {
                how.identifiers.push(name);
            } else if seen > 1 && how.attributes.len() < ATTRIBUTES_MAX {
                how.attributes.push(name);
            }
        }
        how.attributes.sort();
        how
    }

    /// How its plain columns take part where there is no other file; says how all are understood.
    pub fn alone(&self) -> Plain {
        let wanted = self.columns.plain();
        let mut how = self.judge(&wanted);
        how.local_sources = self.columns.place(Field::LocalSource).is_some();
        self.tell(&wanted, &how);
        how
    }

    /// Say how its columns are understood: one that is taken for another decides about people.
    pub fn tell(&self, wanted: &BTreeSet<String>, how: &Plain) {
        let (mut parts, mut unused) = (Vec::new(), Vec::new());
        for (name, (field, own)) in self.columns.names.iter().zip(self.columns.fields.iter().zip(self.columns.folded()))
        {
            match field {
                Field::Ignored => unused.push(name.clone()),
                Field::Plain if how.of_households.contains(&own) => {
                    unused.push(format!("{name} (people of one household share it)"));
                }
                Field::Plain if !wanted.contains(&own) => unused.push(format!("{name} (the other file has none)")),
                Field::Plain if how.identifiers.contains(&own) => parts.push(format!("{name} as an identifier")),
                Field::Plain if how.attributes.contains(&own) => parts.push(format!("{name} as it stands")),
                Field::Plain => unused.push(name.clone()),
                Field::LocalSource if !how.local_sources => unused.push(format!("{name} (the other file has none)")),
                Field::Birth if self.columns.order == Order::MonthFirst => {
                    parts.push(format!("{name} as {}, the month before the day", field.word()));
                }
                _ => parts.push(format!("{name} as {}", field.word())),
            }
        }
        let unused = if unused.is_empty() { String::new() } else { format!("; takes no part: {}", unused.join(", ")) };
        say::complain(&format!("skein: {}: {}{unused}", self.path.display(), parts.join(", ")));
    }

    fn next(&mut self, most: usize) -> Result<Vec<Values>, String> {
        if !self.first.is_empty() {
            return Ok(std::mem::take(&mut self.first));
        }
        self.table.next(most).map_err(|error| format!("{}: {error}", self.path.display()))
    }

    fn id_place(&self) -> usize {
        self.columns.fields.iter().position(|field| *field == Field::Id).unwrap_or(0)
    }

    /// Rows whose number of values was not that of the columns.
    pub fn ragged(&self) -> usize {
        self.table.ragged
    }
}

/// How many different values a column has, and how many.
fn differing(rows: &[Values], place: usize) -> (usize, usize) {
    let values = rows.iter().filter_map(|row| row.get(place)).filter(|value| !value.is_empty());
    let (mut seen, mut all) = (HashSet::new(), 0);
    for value in values {
        seen.insert(value.as_str());
        all += 1;
    }
    (seen.len(), all)
}

/// A file of duplicates has each person's own value a few times; a county or a ward has each many times.
fn each_its_own(seen: usize, all: usize) -> bool {
    seen * 8 >= all
}

/// Ids of a file's rows, in order.
#[derive(Debug, Default)]
pub struct Ids(Vec<String>);

impl Ids {
    #[cfg(test)]
    pub(super) fn of(ids: &[&str]) -> Ids {
        Ids(ids.iter().map(|id| (*id).to_owned()).collect())
    }

    /// The id of a row.
    pub fn get(&self, row: u32) -> &str {
        self.0.get(row as usize).map_or("", String::as_str)
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Rows by id.
    pub fn places(&self) -> HashMap<&str, u32> {
        self.0.iter().zip(0..).map(|(id, row)| (id.as_str(), row)).collect()
    }

    fn take(&mut self, rows: &[Values], place: usize) {
        self.0.extend(rows.iter().map(|row| row.get(place).cloned().unwrap_or_default()));
    }

    fn check(&self, file: &Path) -> Result<(), String> {
        let mut seen: HashMap<&str, usize> = HashMap::with_capacity(self.0.len());
        for (number, id) in self.0.iter().enumerate() {
            if id.is_empty() {
                return Err(format!("{}: row {} has no id", file.display(), number + 1));
            }
            if let Some(before) = seen.insert(id, number) {
                return Err(format!(
                    "{}: rows {} and {} have the same id; name a column of different ids with --columns id=…",
                    file.display(),
                    before + 1,
                    number + 1
                ));
            }
        }
        Ok(())
    }
}

/// Read a file into an index.
///
/// # Errors
/// One line that says what is wrong with the file.
pub fn index(
    mut file: Opened,
    how: &Plain,
    threads: usize,
    progress: &dyn Fn(usize),
) -> Result<(Index, Ids, usize), String> {
    let plain = file.columns.plain_places();
    let place = file.id_place();
    let mut ids = Ids::default();
    let mut builder = Builder::new(2_000_000, how.attributes.clone());
    let mut unread = Unread::default();
    loop {
        let mut piles: Vec<Vec<Values>> = Vec::new();
        while piles.len() < threads {
            let rows = file.next(PIECE)?;
            if rows.is_empty() {
                break;
            }
            piles.push(rows);
        }
        if piles.is_empty() {
            break;
        }
        let mut start = ids.len();
        let starts: Vec<usize> = piles
            .iter()
            .map(|rows| {
                ids.take(rows, place);
                std::mem::replace(&mut start, ids.len())
            })
            .collect();
        let pack = |rows: &[Values], start: usize| {
            let (mut pile, mut unread) = (Packed::default(), Unread::default());
            for (row, values) in (start..).zip(rows) {
                let facts = rows::facts(&file.columns, &plain, how, values);
                unread.add(&file.columns, row, values, &facts);
                builder.pack(&mut pile, PatientKey(row as u64), PersonKey(row as u64), &facts);
            }
            (pile, unread)
        };
        let packed: Vec<(Packed, Unread)> = std::thread::scope(|scope| {
            let pack = &pack;
            let running: Vec<_> =
                piles.iter().zip(starts).map(|(rows, start)| scope.spawn(move || pack(rows, start))).collect();
            running.into_iter().map(|thread| thread.join().unwrap_or_default()).collect()
        });
        for (pile, unread_here) in packed {
            builder.append(pile);
            unread.merge(&unread_here);
        }
        progress(ids.len());
    }
    ids.check(&file.path)?;
    unread.tell(&file.columns, &file.path);
    let ragged = file.ragged();
    Ok((builder.build_with(threads), ids, ragged))
}

/// What was read of people who are asked about.
pub struct Asked {
    /// Their ids.
    pub ids: Ids,
    /// Their facts.
    pub facts: Vec<PatientFacts>,
    /// Rows whose number of values was not that of the columns.
    pub ragged: usize,
    /// Their ethnicity as the file has it, for reports on fairness; empty where it has none.
    pub ethnicities: Vec<String>,
}

/// Read a file of people to ask about.
///
/// # Errors
/// One line that says what is wrong with the file.
pub fn asked(mut file: Opened, how: &Plain, threads: usize, progress: &dyn Fn(usize)) -> Result<Asked, String> {
    let plain = file.columns.plain_places();
    let place = file.id_place();
    let ethnicity = file.columns.fields.iter().position(|field| *field == Field::Ethnicity);
    let mut asked = Asked { ids: Ids::default(), facts: Vec::new(), ragged: 0, ethnicities: Vec::new() };
    let mut unread = Unread::default();
    loop {
        let rows = file.next(PIECE * threads)?;
        if rows.is_empty() {
            break;
        }
        let start = asked.ids.len();
        asked.ids.take(&rows, place);
        let columns = &file.columns;
        let read = |rows: &[Values]| -> Vec<PatientFacts> {
            rows.iter().map(|values| rows::facts(columns, &plain, how, values)).collect()
        };
        let facts = on_threads(&rows, threads, &read);
        for (row, (values, facts)) in (start..).zip(rows.iter().zip(&facts)) {
            unread.add(columns, row, values, facts);
        }
        asked.facts.extend(facts);
        if let Some(ethnicity) = ethnicity {
            asked.ethnicities.extend(rows.iter().map(|values| values.get(ethnicity).cloned().unwrap_or_default()));
        }
        progress(asked.ids.len());
    }
    asked.ids.check(&file.path)?;
    unread.tell(&file.columns, &file.path);
    asked.ragged = file.ragged();
    Ok(asked)
}

/// Pack everybody asked about, in order.
pub fn questions(index: &Index, facts: &[PatientFacts], threads: usize) -> Vec<Question> {
    on_threads(facts, threads, &|facts: &[PatientFacts]| facts.iter().map(|facts| index.question(facts)).collect())
}

/// Do a list in pieces, one for each thread; results in order.
fn on_threads<T: Sync, U: Send>(list: &[T], threads: usize, work: &(dyn Fn(&[T]) -> Vec<U> + Sync)) -> Vec<U> {
    let each = list.len().div_ceil(threads.max(1)).max(1);
    std::thread::scope(|scope| {
        let running: Vec<_> = list.chunks(each).map(|piece| scope.spawn(move || work(piece))).collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    })
}
