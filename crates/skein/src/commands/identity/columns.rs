//! What the columns of a file mean: by their usual names, by the words of which their names are made, or as the caller says.

use super::{
    dates::Order,
    known::{SAYABLE, USUAL},
    wording::{by_words, is_organisation, words},
};
use std::collections::BTreeSet;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// The record's own name in the file.
    Id,
    /// A whole name.
    Name,
    /// First given name, or all of them.
    Given,
    /// What the person is called.
    KnownAs,
    /// Further given names.
    Middle,
    /// Family name.
    Family,
    /// A family name of before.
    FormerFamily,
    /// Date of birth.
    Birth,
    /// Year of birth, where the date has a column for each of its parts.
    BirthYear,
    /// Month of birth, likewise.
    BirthMonth,
    /// Day of birth, likewise.
    BirthDay,
    /// Sex or gender.
    Sex,
    /// NHS number.
    Nhs,
    /// How far the NHS number was traced.
    NhsStatus,
    /// The number that a hospital or another organisation knows the person by.
    LocalNumber,
    /// Whose number that is.
    LocalSource,
    /// House number.
    Number,
    /// A line of the address, or all of it.
    Address,
    /// A further line of the address: a place where there is a house number of its own, else a line.
    FurtherLine,
    /// Village, suburb, town.
    Place,
    /// County or state.
    Region,
    /// Postcode.
    Postcode,
    /// Telephone number.
    Phone,
    /// Email address.
    Email,
    /// General practice.
    Practice,
    /// Date of death.
    Death,
    /// For reports on fairness alone, never for matching.
    Ethnicity,
    /// Takes part as it stands.
    Plain,
    /// Takes no part.
    Ignored,
}

impl Field {
    /// What `--columns` calls it.
    pub fn word(self) -> &'static str {
        SAYABLE.iter().find(|(_, known)| *known == self).map_or("", |(name, _)| name)
    }

    /// Whether a person has one of it.
    fn is_one(self) -> bool {
        !matches!(
            self,
            Field::KnownAs
                | Field::Middle
                | Field::FormerFamily
                | Field::Address
                | Field::FurtherLine
                | Field::Place
                | Field::Phone
                | Field::Email
                | Field::Plain
                | Field::Ignored
        )
    }
}

/// A name as it is compared with others: letters and digits in lower case.
pub fn folded(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// What `--columns` says: pairs of field and column.
#[derive(Clone, Debug, Default)]
pub struct Said {
    fields: Vec<(Field, String)>,
    /// A column may be missing from this file, being in another.
    kindly: bool,
}

impl Said {
    /// Read `given_name=First,family_name=Last,ignore=Notes`.
    ///
    /// # Errors
    /// When a part has no `=`, or names a field there is not.
    pub fn parse(text: Option<&str>) -> Result<Said, String> {
        let mut said = Vec::new();
        for part in text.unwrap_or_default().split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let Some((field, column)) = part.split_once('=') else {
                return Err(format!("--columns: '{part}' is not of the form field=column"));
            };
            let known = SAYABLE.iter().find(|(name, _)| folded(name) == folded(field));
            let known = known.or_else(|| USUAL.iter().find(|(name, _)| *name == folded(field)));
            let Some((_, field)) = known else {
                let names: Vec<&str> = SAYABLE.iter().map(|(name, _)| *name).collect();
                return Err(format!("--columns: there is no field '{field}'; there are {}", names.join(", ")));
            };
            said.push((*field, column.trim().to_owned()));
        }
        Ok(Said { fields: said, kindly: false })
    }

    /// For one of several files: a column that it lacks may be another's.
    pub fn kindly(mut self) -> Said {
        self.kindly = true;
        self
    }

    /// Whether every column said is in one of the files.
    ///
    /// # Errors
    /// One line that names the column that none has.
    pub fn check(&self, files: &[&Columns]) -> Result<(), String> {
        for (_, column) in &self.fields {
            let has = |columns: &&&Columns| columns.names.iter().any(|name| folded(name) == folded(column));
            if !files.iter().any(|columns| has(&columns)) {
                let mut names: Vec<&str> = Vec::new();
                for name in files.iter().flat_map(|columns| &columns.names) {
                    if !names.contains(&name.as_str()) {
                        names.push(name);
                    }
                }
                return Err(format!("no file has a column '{column}' (--columns): there are {}", names.join(", ")));
            }
        }
        Ok(())
    }
}

/// A file's columns by their places.
#[derive(Clone, Debug)]
pub struct Columns {
    /// The file's own names.
    pub names: Vec<String>,
    /// What each holds.
    pub fields: Vec<Field>,
    /// In which order its dates are written, where they are numbers.
    pub order: Order,
    /// Folded names of those of which the caller said it.
    said: BTreeSet<String>,
}

impl Columns {
    /// Recognise the columns of a header.
    ///
    /// # Errors
    /// One line that says what is missing and what was recognised.
    pub fn recognise(names: Vec<String>, said: &Said, file: &str) -> Result<Columns, String> {
        let mut fields: Vec<Field> = names
            .iter()
            .map(|name| {
                let own = folded(name);
                let chosen = said.fields.iter().find(|(_, column)| folded(column) == own).map(|(field, _)| *field);
                // A second column of telephones is one more telephone.
                let stem = own.trim_end_matches(|c: char| c.is_ascii_digit());
                let usual = |wanted: &str| USUAL.iter().find(|(name, _)| *name == wanted).map(|(_, field)| *field);
                let many = |field: &Field| matches!(field, Field::Phone | Field::Email | Field::Place | Field::Middle);
                chosen.or_else(|| usual(&own)).or_else(|| usual(stem).filter(many)).unwrap_or(Field::Plain)
            })
            .collect();
        for (at, name) in names.iter().enumerate() {
            if fields.get(at) != Some(&Field::Plain) || said.fields.iter().any(|(_, own)| folded(own) == folded(name)) {
                continue;
            }
            // A second column of what there is one of says it in another way (the sound of a surname, the name of a practice
            // beside its code), and is no other evidence.
            let found = by_words(&words(name));
            let found =
                found.map(|field| if field.is_one() && fields.contains(&field) { Field::Ignored } else { field });
            if let (Some(found), Some(field)) = (found, fields.get_mut(at)) {
                *field = found;
            }
        }
        for (_, column) in said.fields.iter().filter(|_| !said.kindly) {
            if !names.iter().any(|name| folded(name) == folded(column)) {
                return Err(format!("{file} has no column '{column}' (--columns): it has {}", names.join(", ")));
            }
        }
        if !fields.contains(&Field::Id)
            && let Some(first) = fields.iter().position(|field| *field != Field::Ignored).filter(|at| *at == 0)
            && let Some(field) = fields.get_mut(first)
        {
            if !matches!(field, Field::Plain | Field::LocalNumber) {
                return Err(format!(
                    "{file} has no column of ids (rec_id, id, record_id, or --columns id=…): it has {}",
                    names.join(", ")
                ));
            }
            *field = Field::Id;
        }
        birth_in_parts(&mut fields);
        if fields.contains(&Field::LocalNumber) && !fields.contains(&Field::LocalSource) {
            let free = |at: &usize, name: &str| {
                matches!(fields.get(*at), Some(Field::Plain | Field::Ignored))
                    && is_organisation(&words(name))
                    && !said.fields.iter().any(|(_, own)| folded(own) == folded(name))
            };
            let found: Vec<usize> =
                names.iter().enumerate().filter(|(at, name)| free(at, name)).map(|(at, _)| at).collect();
            // Of several it is not known whose number it is.
            if let [one] = found.as_slice()
                && let Some(field) = fields.get_mut(*one)
            {
                *field = Field::LocalSource;
            }
        }
        let said = said.fields.iter().map(|(_, column)| folded(column)).collect();
        let columns = Columns { names, fields, order: Order::default(), said };
        columns.check(file)?;
        Ok(columns)
    }

    fn check(&self, file: &str) -> Result<(), String> {
        let has = |wanted: &[Field]| wanted.iter().any(|field| self.fields.contains(field));
        let mut missing = Vec::new();
        if !has(&[Field::Given, Field::Family, Field::Name]) {
            missing.push("names (given_name, family_name)");
        }
        let second = [
            Field::Birth,
            Field::BirthYear,
            Field::Postcode,
            Field::Address,
            Field::Nhs,
            Field::LocalNumber,
            Field::Phone,
            Field::Email,
            Field::Plain,
        ];
        if !has(&second) {
            missing.push("anything beside names (birth_date, postcode, address, nhs_number, phone, email)");
        }
        if missing.is_empty() {
            return Ok(());
        }
        Err(format!(
            "{file} lacks columns for {}; recognised: {}; name them with --columns given_name=…,family_name=…,birth_date=…",
            missing.join(" and "),
            self.recognised()
        ))
    }

    /// What was recognised, in words.
    pub fn recognised(&self) -> String {
        let known: Vec<String> =
            self.names.iter().zip(&self.fields).map(|(name, field)| format!("{name} as {}", field.word())).collect();
        if known.is_empty() { "nothing".into() } else { known.join(", ") }
    }

    /// The place and the name of the column that holds this.
    pub fn place(&self, field: Field) -> Option<(usize, &str)> {
        let at = self.fields.iter().position(|own| *own == field)?;
        Some((at, self.names.get(at)?))
    }

    /// What was taken for local numbers is none.
    pub fn no_local_number(&mut self) {
        let local = |field: &&mut Field| matches!(field, Field::LocalNumber | Field::LocalSource);
        self.fields.iter_mut().filter(local).for_each(|field| *field = Field::Plain);
    }

    /// Its columns' names, as they are compared with another file's.
    pub fn folded(&self) -> impl Iterator<Item = String> {
        self.names.iter().map(|name| folded(name))
    }

    /// Whether the caller said what a column of this folded name holds.
    pub fn is_said(&self, folded: &str) -> bool {
        self.said.contains(folded)
    }

    /// Names of the columns that take part as they stand.
    pub fn plain(&self) -> BTreeSet<String> {
        let plain = self.names.iter().zip(&self.fields).filter(|(_, field)| **field == Field::Plain);
        plain.map(|(name, _)| folded(name)).collect()
    }

    /// Places of the plain columns, with their folded names.
    pub fn plain_places(&self) -> Vec<(usize, String)> {
        let plain = self.names.iter().zip(&self.fields).enumerate().filter(|(_, (_, field))| **field == Field::Plain);
        plain.map(|(at, (name, _))| (at, folded(name))).collect()
    }
}

/// Year, month and day make a date where all three are there, and none has it whole; else they say nothing.
fn birth_in_parts(fields: &mut [Field]) {
    const PARTS: [Field; 3] = [Field::BirthYear, Field::BirthMonth, Field::BirthDay];
    if fields.contains(&Field::Birth) || !PARTS.iter().all(|part| fields.contains(part)) {
        fields.iter_mut().filter(|field| PARTS.contains(field)).for_each(|field| *field = Field::Ignored);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn usual_names_are_recognised_however_they_are_written() {
        let header =
            names(&["Rec ID", "FIRST_NAME", "Last-Name", "DoB", "post code", "mobile2", "shoe_size", "ethnicity"]);
        let columns = Columns::recognise(header, &Said::default(), "people.csv").unwrap();
        assert_eq!(
            columns.fields,
            [
                Field::Id,
                Field::Given,
                Field::Family,
                Field::Birth,
                Field::Postcode,
                Field::Phone,
                Field::Plain,
                Field::Ethnicity
            ]
        );
    }

    /// As suppliers write them. One that is not recognised would take part as it stands, and a house's would speak for everybody
    /// in it.
    #[test]
    fn names_that_are_not_usual_are_recognised_by_their_words() {
        for (name, field) in [
            ("gp_code", Field::Practice),
            ("Registered GP Practice", Field::Practice),
            ("GPPracticeCode", Field::Practice),
            ("practice_postcode", Field::Ignored),
            ("Mobile Tel No", Field::Phone),
            ("Telephone (Home)", Field::Phone),
            ("homePhone", Field::Phone),
            ("contact_number_mobile", Field::Phone),
            ("E-mail", Field::Email),
            ("Patient Email Address", Field::Email),
            ("patient_dob", Field::Birth),
            ("Birthday", Field::Birth),
            ("Date Of Birth (dd/mm/yyyy)", Field::Birth),
            ("country_of_birth", Field::Plain),
            ("birth_weight", Field::Plain),
            ("NHS No.", Field::Nhs),
            ("patient_nhs_number", Field::Nhs),
            ("nhs_number_trace_status_code", Field::NhsStatus),
            ("mother_nhs_number", Field::Ignored),
            ("Next Of Kin Phone", Field::Ignored),
            ("patient_surname", Field::Family),
            ("Surname at birth", Field::FormerFamily),
            ("previous_last_name", Field::FormerFamily),
            ("Legal First Name", Field::Given),
            ("preferred_first_name", Field::KnownAs),
            ("Forename 2", Field::Middle),
            ("Gender Code", Field::Sex),
            ("sexual_orientation", Field::Ignored),
            ("usual_address_postcode", Field::Postcode),
            ("usual_address_line_1", Field::Address),
            ("usual_address_line_3", Field::FurtherLine),
            ("home_town", Field::Place),
            ("previous_address", Field::Ignored),
            ("uprn", Field::Ignored),
            ("ethnic_category_code", Field::Ethnicity),
            ("main_language", Field::Ignored),
            ("gp_practice_date_joined", Field::Ignored),
            ("nhs_trust_id", Field::Plain),
            ("dob_estimated_flag", Field::Ignored),
            ("sex_at_birth", Field::Sex),
            ("registration_date", Field::Ignored),
            ("LastUpdated", Field::Ignored),
            ("name_suffix", Field::Ignored),
            ("hospital_number", Field::LocalNumber),
            ("LocalHospitalNo", Field::LocalNumber),
            ("PAS_NO", Field::LocalNumber),
            ("mrn", Field::LocalNumber),
            ("local_patient_identifier", Field::LocalNumber),
            ("local_authority_number", Field::Plain),
            ("unit_number", Field::Plain),
            ("hospital_id", Field::Plain),
            ("prev_family_name", Field::FormerFamily),
            ("blood_group", Field::Plain),
            ("FAMILY_NM", Field::Family),
            ("GIVEN_NM", Field::Given),
            ("OTHER_GIVEN_NM", Field::Middle),
            ("PREF_NM", Field::KnownAs),
            ("PREV_FAM_NM", Field::FormerFamily),
            ("BRTH_DT", Field::Birth),
            ("PT_PCODE", Field::Postcode),
            ("NHSNO_VERIF", Field::NhsStatus),
            ("GP_PRACT_CD", Field::Practice),
            ("PREF_MOB", Field::Phone),
            ("preferred_contact_method", Field::Plain),
        ] {
            let header = names(&["id", "colour", name]);
            let found = Columns::recognise(
                [header, names(&["postal_region", "father_name"])].concat(),
                &Said::parse(Some("name=colour")).unwrap(),
                "people.csv",
            );
            assert_eq!(found.unwrap_or_else(|error| panic!("{name}: {error}")).fields.get(2), Some(&field), "{name}");
        }
    }

    /// A number of a hospital's own is somebody's beside whose it is alone, where the file says whose.
    #[test]
    fn a_local_number_is_known_and_whose_it_is() {
        let fields = |header: &[&str], said: &str| {
            let columns = Columns::recognise(names(header), &Said::parse(Some(said)).unwrap(), "people.csv").unwrap();
            columns.fields.get(2..).unwrap_or_default().to_vec()
        };
        let both = [Field::LocalSource, Field::LocalNumber];
        assert_eq!(fields(&["id", "name", "PAS_TRUST", "PAS_NO"], ""), both);
        assert_eq!(fields(&["id", "name", "SourceOrg", "LocalHospitalNo"], ""), both);
        assert_eq!(fields(&["id", "name", "PAS_TRUST", "PAS_NO"], "plain=PAS_TRUST"), [Field::Plain, both[1]]);
        assert_eq!(
            fields(&["id", "name", "trust", "site", "mrn"], ""),
            [Field::Plain, Field::Plain, Field::LocalNumber],
            "of two it is not known which"
        );
        assert_eq!(fields(&["id", "name", "trust", "dob"], ""), [Field::Plain, Field::Birth], "no number, nobody's");
        let first = Columns::recognise(names(&["hospital_number", "name", "dob"]), &Said::default(), "people.csv");
        assert_eq!(first.unwrap().fields.first(), Some(&Field::Id), "the only name that a row has");
    }

    /// Three columns make a date of birth, unless one has it whole, or one of them is missing.
    #[test]
    fn a_date_of_birth_in_parts_is_one_date() {
        let fields = |header: &[&str]| {
            let columns = Columns::recognise(names(header), &Said::default(), "people.csv").unwrap();
            columns.fields.get(2..).unwrap_or_default().to_vec()
        };
        let parts = [Field::BirthYear, Field::BirthMonth, Field::BirthDay];
        assert_eq!(fields(&["id", "name", "birth_year", "birth_month", "birth_day"]), parts);
        assert_eq!(fields(&["id", "name", "Year of Birth", "MonthOfBirth", "dob_day"]), parts);
        let whole = [Field::Birth, Field::Ignored, Field::Ignored, Field::Ignored];
        assert_eq!(fields(&["id", "name", "dob", "dob_year", "dob_month", "dob_day"]), whole);
        let lacking = [Field::Postcode, Field::Ignored, Field::Ignored];
        assert_eq!(fields(&["id", "name", "postcode", "yob", "birth_month"]), lacking);
        assert_eq!(fields(&["id", "name", "dob_day_month_year"]), [Field::Birth]);
    }

    /// A second column of what there is one of is the same evidence again.
    #[test]
    fn what_a_column_says_again_takes_no_part() {
        let header =
            names(&["id", "surname", "forename", "surname_soundex", "gp_code", "gp_name", "dob", "mobile", "tel_2"]);
        let columns = Columns::recognise(header, &Said::default(), "people.csv").unwrap();
        assert_eq!(columns.fields.get(3), Some(&Field::Ignored));
        assert_eq!(columns.fields.get(4..6), Some(&[Field::Practice, Field::Ignored][..]));
        assert_eq!(columns.fields.get(7..), Some(&[Field::Phone, Field::Phone][..]));
        let said = Said::parse(Some("plain=surname_soundex")).unwrap();
        let header = names(&["id", "surname", "dob", "surname_soundex"]);
        let columns = Columns::recognise(header, &said, "people.csv").unwrap();
        assert_eq!(columns.fields.get(3), Some(&Field::Plain), "whoever says it has it");
    }

    #[test]
    fn a_missing_column_is_named_in_one_line() {
        let error = Columns::recognise(names(&["id", "dob"]), &Said::default(), "people.csv").unwrap_err();
        assert!(
            error.contains("given_name") && error.contains("dob as birth_date") && !error.contains('\n'),
            "{error}"
        );
        let error = Columns::recognise(names(&["id", "forename"]), &Said::default(), "people.csv").unwrap_err();
        assert!(error.contains("birth_date"), "{error}");
    }

    #[test]
    fn the_caller_has_the_last_word() {
        let said = Said::parse(Some("given_name=A,family_name=B,birth_date=C,ignore=D")).unwrap();
        let columns = Columns::recognise(names(&["key", "a", "b", "c", "d"]), &said, "people.csv").unwrap();
        assert_eq!(columns.fields, [Field::Id, Field::Given, Field::Family, Field::Birth, Field::Ignored]);
        assert!(Said::parse(Some("nonsense=A")).unwrap_err().contains("given_name"));
        assert!(Columns::recognise(names(&["key", "a"]), &said, "people.csv").unwrap_err().contains("'B'"));
    }
}
