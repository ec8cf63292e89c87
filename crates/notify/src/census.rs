//! A hospital's own list of its inpatients (its census), compared with who is in that hospital as far as we know: whom a lost
//! or late message left out, and who has long gone home. The list is read and compared; nothing of it is kept on disk.

use crate::{Failure, Notices, Part, StoryKey, spreadsheet};
use access::{Action, Gate, Sealed, User};
use fhir::{NhsNumber, PersonKey, Resource, Value};
use jiff::Timestamp;
use record::{Records, SourceInfo, SourceKind, StoreError, announce::Announced};
use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::task::JoinSet;

/// One line of a census.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Its number in the sheet, from 1, with the heading.
    pub number: usize,
    /// The hospital's own number of the patient.
    pub local: String,
    /// The NHS number.
    pub nhs: String,
    /// The ward.
    pub ward: String,
    /// Since when, as it stands.
    pub admitted: String,
}

/// Somebody who is in the hospital as far as we know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Here {
    /// Whom.
    pub person: PersonKey,
    /// The stay.
    pub story: StoryKey,
    /// The hospital's own numbers.
    pub locals: Vec<String>,
    /// The NHS number.
    pub nhs: Option<String>,
    /// Names of the ward; none: it is not known, or not told.
    pub wards: Vec<String>,
    /// Whether it is an attendance at the emergency department, which a census need not list.
    pub emergency: bool,
}

/// Somebody on both lists whose wards differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// The line of the census.
    pub line: Line,
    /// Whom.
    pub person: PersonKey,
    /// The stay.
    pub story: StoryKey,
}

/// How a census compares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// Lines of the census that name somebody.
    pub lines: usize,
    /// Inpatients as far as we know.
    pub inpatients: usize,
    /// On both lists, in one ward.
    pub agree: usize,
    /// In the census and not here.
    pub not_here: Vec<Line>,
    /// Here and not in the census.
    pub not_there: Vec<(PersonKey, StoryKey)>,
    /// In another ward.
    pub elsewhere: Vec<Elsewhere>,
}

impl Compared {
    /// How many differ.
    pub fn differences(&self) -> usize {
        self.not_here.len() + self.not_there.len() + self.elsewhere.len()
    }
}

/// Read a census: comma-separated values (RFC 4180), or the first sheet of an Excel workbook (ECMA-376).
///
/// # Errors
/// A sentence for whoever sent it.
pub fn read(bytes: &[u8]) -> Result<Vec<Line>, String> {
    let rows = spreadsheet::rows(bytes)?;
    let filled = |row: &&[String]| row.iter().any(|cell| !cell.trim().is_empty());
    let head = rows.iter().enumerate().find(|(_, row)| filled(&row.as_slice()));
    let Some((head_at, head)) = head else { return Err("The sheet is empty.".into()) };
    let folded: Vec<String> = head.iter().map(|cell| cell.to_lowercase().replace(['_', '-'], " ")).collect();
    let column = |wanted: &[&str]| folded.iter().position(|cell| wanted.iter().any(|word| cell.contains(word)));
    let nhs = column(&["nhs"]);
    let local = column(&["hospital n", "mrn", "unit number", "patient n", "patient id", "pas n", "local n"]);
    let ward = column(&["ward", "location"]);
    if nhs.is_none() && local.is_none() {
        return Err("The first line must name the columns: “Hospital number” or “NHS number”, and “Ward”.".into());
    }
    if ward.is_none() {
        return Err("The first line names no column “Ward”.".into());
    }
    let admitted = column(&["admi"]);
    let cell = |row: &[String], at: Option<usize>| {
        at.and_then(|at| row.get(at)).map(|cell| cell.trim().to_owned()).unwrap_or_default()
    };
    let lines: Vec<Line> = rows
        .iter()
        .enumerate()
        .skip(head_at + 1)
        .map(|(index, row)| Line {
            number: index + 1,
            local: cell(row, local),
            nhs: cell(row, nhs),
            ward: cell(row, ward),
            admitted: cell(row, admitted),
        })
        // An empty bed stands in many a census.
        .filter(|line| !line.local.is_empty() || !line.nhs.is_empty())
        .collect();
    if lines.len() > spreadsheet::LINES_MAX {
        return Err(format!("The sheet has more than {} lines: it cannot be one hospital’s.", spreadsheet::LINES_MAX));
    }
    if lines.is_empty() {
        return Err("The sheet names nobody: is it the right one?".into());
    }
    Ok(lines)
}

/// A hospital's own number, however a spreadsheet spoilt it: without leading zeros, spaces and case.
fn local(number: &str) -> String {
    let plain: String = number.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_uppercase();
    plain.trim_start_matches('0').to_owned()
}

fn nhs(number: &str) -> Option<String> {
    NhsNumber::parse(number).ok().map(|number| number.as_str().to_owned())
}

/// A ward's name without what people leave out: `Ward 12`, `W12` and `12` are one.
fn ward(name: &str) -> String {
    let plain: String = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    for before in ["ward", "w"] {
        if let Some(rest) = plain.strip_prefix(before)
            && rest.starts_with(|c: char| c.is_ascii_digit())
        {
            return rest.trim_start_matches('0').to_owned();
        }
    }
    plain
}

/// Compare. Who stands twice in the census is there when one of the lines agrees.
pub fn compare(lines: &[Line], here: &[Here]) -> Compared {
    let mut by_local: BTreeMap<String, usize> = BTreeMap::new();
    let mut by_nhs: BTreeMap<String, usize> = BTreeMap::new();
    // A stay before an attendance: who was admitted out of the emergency department is an inpatient.
    let mut order: Vec<usize> = (0..here.len()).collect();
    order.sort_by_key(|at| here.get(*at).is_some_and(|one| one.emergency));
    for at in order {
        let Some(one) = here.get(at) else { continue };
        for number in one.locals.iter().map(|number| local(number)).filter(|number| !number.is_empty()) {
            by_local.entry(number).or_insert(at);
        }
        if let Some(number) = &one.nhs {
            by_nhs.entry(number.clone()).or_insert(at);
        }
    }
    let mut found: BTreeMap<usize, Vec<&Line>> = BTreeMap::new();
    let mut compared = Compared {
        lines: lines.len(),
        inpatients: here.iter().filter(|one| !one.emergency).count(),
        ..Compared::default()
    };
    for line in lines {
        let own = by_local.get(&local(&line.local));
        let at = own.or_else(|| nhs(&line.nhs).and_then(|number| by_nhs.get(&number)));
        match at {
            Some(at) => found.entry(*at).or_default().push(line),
            None => compared.not_here.push(line.clone()),
        }
    }
    let people: HashSet<PersonKey> = found.keys().filter_map(|at| here.get(*at)).map(|one| one.person).collect();
    for (at, one) in here.iter().enumerate() {
        match found.get(&at) {
            Some(lines) => {
                let wards: Vec<String> = one.wards.iter().map(|name| ward(name)).collect();
                let agrees =
                    |line: &&&Line| line.ward.is_empty() || wards.is_empty() || wards.contains(&ward(&line.ward));
                match lines.iter().find(agrees).or(lines.first()) {
                    Some(line) if !agrees(&line) => compared.elsewhere.push(Elsewhere {
                        line: (*line).clone(),
                        person: one.person,
                        story: one.story,
                    }),
                    _ => compared.agree += 1,
                }
            }
            None if one.emergency || people.contains(&one.person) => {}
            None => compared.not_there.push((one.person, one.story)),
        }
    }
    compared
}

/// A hospital whose census is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hospital {
    /// Its source.
    pub source: String,
    /// Its ODS code.
    pub organisation: String,
    /// Its name.
    pub name: String,
}

/// The newest comparison of a hospital.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newest {
    /// When it was made.
    pub at: Timestamp,
    /// What was compared: `sent by hand`, or the name of a file.
    pub of: String,
    /// How it came out.
    pub compared: Compared,
}

/// Compares, and keeps the newest comparison of each hospital in memory. Clones share it.
#[derive(Clone)]
pub struct Censuses {
    gate: Gate,
    records: Records,
    notices: Notices,
    newest: Arc<Mutex<BTreeMap<String, Newest>>>,
}

impl std::fmt::Debug for Censuses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Censuses").finish_non_exhaustive()
    }
}

impl Censuses {
    /// Nothing compared yet.
    pub fn new(gate: Gate, records: Records, notices: Notices) -> Self {
        Censuses { gate, records, notices, newest: Arc::default() }
    }

    /// The newest comparison of a hospital.
    pub fn newest(&self, source: &str) -> Option<Newest> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner).get(source).cloned()
    }

    /// Compare a census with who is in the hospital now. Each of them is read through the gate, as the hospital's own system.
    ///
    /// # Errors
    /// [`Failure`]: nothing is kept then.
    pub async fn compare(
        &self,
        hospital: &Hospital,
        lines: Vec<Line>,
        of: &str,
        now: Timestamp,
    ) -> Result<Newest, Failure> {
        let (censuses, asked) = (self.clone(), hospital.clone());
        let sealed = tokio::task::spawn_blocking(move || censuses.inpatients(&asked, now)).await;
        let sealed = sealed.map_err(|_| Failure::Stopped("a fault in skein".into()))??;
        // All at once, so that one fsync does for all.
        let mut reading = JoinSet::new();
        for one in sealed {
            reading.spawn(one.release());
        }
        let mut here = Vec::new();
        while let Some(read) = reading.join_next().await {
            let read = read.map_err(|_| Failure::Stopped("a fault in skein".into()))?;
            here.push(read.map_err(|refusal| Failure::Stopped(refusal.to_string()))??);
        }
        here.sort_by_key(|one| (one.story.id.patient, one.story.id.local));
        let result = Newest { at: now, of: of.to_owned(), compared: compare(&lines, &here) };
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        newest.insert(hospital.source.clone(), result.clone());
        Ok(result)
    }

    fn inpatients(
        &self,
        hospital: &Hospital,
        now: Timestamp,
    ) -> Result<Vec<Sealed<Result<Here, StoreError>>>, Failure> {
        let organisation = (hospital.organisation.as_str(), hospital.name.as_str());
        let user =
            User::system(format!("census-{}", hospital.source), "Comparison with the hospital’s list", organisation);
        let user = Arc::new(user);
        let action = Action::Notify { what: format!("census {}", hospital.source) };
        let info = |id: &str| Arc::new(SourceInfo { id: id.to_owned(), name: String::new(), kind: SourceKind::Other });
        let mut sealed = Vec::new();
        for listed in self.notices.in_hospital()? {
            let (id, kind) = (listed.story.id, listed.story.kind);
            if self.records.source_of(id.patient)?.as_deref() != Some(hospital.source.as_str()) {
                continue;
            }
            let permit = self.gate.glimpse(&user, listed.person, &action, now);
            let permit = permit.map_err(|refusal| Failure::Stopped(refusal.to_string()))?;
            let Some(permit) = permit else { continue };
            let about = self.records.announce(&permit, (id, kind), info)?;
            let (person, story, emergency) = (listed.person, listed.story, listed.part == Part::InEmergency);
            sealed.push(about.map(move |about| {
                let Announced { subject, locals, resource } = about?;
                let nhs = subject.nhs.map(|(number, _)| number);
                let wards = resource.as_ref().map(wards).unwrap_or_default();
                Ok(Here { person, story, locals, nhs, wards, emergency })
            }));
        }
        Ok(sealed)
    }
}

/// Names of the ward somebody is in: the source's own for it, in whole and in part, and as it is shown.
fn wards(stay: &Resource) -> Vec<String> {
    let places: Vec<&Value> = stay.list("location").iter().collect();
    let is_now = |place: &&&Value| place.get("status").and_then(Value::as_str) == Some("active");
    let Some(place) = places.iter().rev().find(is_now).or(places.last()) else { return Vec::new() };
    let text = |pointer: &str| place.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (own, shown) = (text("/location/identifier/value"), text("/location/display"));
    let mut names: Vec<String> = own.split('|').map(str::to_owned).collect();
    names.push(own.to_owned());
    names.push(shown.to_owned());
    names.extend(shown.split([',', '(']).next().map(str::to_owned));
    names.retain(|name| !ward(name).is_empty());
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use fhir::{PatientKey, ResourceId, ResourceType};

    fn here(key: u64, local: &str, nhs: Option<&str>, ward: &str) -> Here {
        let id = ResourceId { patient: PatientKey(key), local: key };
        Here {
            person: PersonKey(key),
            story: StoryKey { id, kind: ResourceType::Encounter },
            locals: vec![local.into()],
            nhs: nhs.map(str::to_owned),
            wards: if ward.is_empty() { vec![] } else { vec![ward.into()] },
            emergency: false,
        }
    }

    fn lines(text: &str) -> Vec<Line> {
        read(text.as_bytes()).expect("a census")
    }

    #[test]
    fn who_is_missing_on_either_side_and_who_lies_elsewhere_is_found() {
        let census = lines(
            "Hospital No,NHS Number,Ward,Admitted\n0001001,,Ward 12,01/03/2026\n,999 000 0042,W7,\n1003,,W12,\n1009,,W3,\n,,W4,\n",
        );
        let known = [
            here(1, "1001", None, "W12"),
            here(2, "1002", Some("9990000042"), "W07"),
            here(3, "1003", None, "W5"),
            here(4, "1004", None, "W5"),
        ];
        let compared = compare(&census, &known);
        assert_eq!((compared.lines, compared.inpatients, compared.agree, compared.differences()), (4, 4, 2, 3));
        assert_eq!(compared.not_here.iter().map(|line| line.number).collect::<Vec<_>>(), [5]);
        assert_eq!(compared.not_there.iter().map(|(person, _)| person.0).collect::<Vec<_>>(), [4]);
        assert_eq!(compared.elsewhere.iter().map(|one| one.person.0).collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn a_ward_that_is_not_told_and_an_attendance_make_no_difference() {
        let census = lines("MRN;Ward\n1001;W12\n1001;W9\n");
        let restricted = here(1, "1001", None, "");
        let attending = Here { emergency: true, ..here(2, "1002", None, "A&E") };
        // Attending and admitted at once: the stay is compared.
        let both = Here { emergency: true, ..here(1, "1001", None, "A&E") };
        let compared = compare(&census, &[both, restricted, attending]);
        assert_eq!((compared.agree, compared.differences(), compared.inpatients), (1, 0, 1));
    }

    #[test]
    fn a_sheet_that_is_no_census_is_named_so() {
        for (text, says) in [
            ("Ward,Bed\nW1,2\n", "Hospital number"),
            ("NHS number\n9990000042\n", "Ward"),
            ("NHS number,Ward\n,W1\n", "names nobody"),
            ("", "empty"),
        ] {
            assert!(read(text.as_bytes()).is_err_and(|why| why.contains(says)), "{text}");
        }
    }
}
