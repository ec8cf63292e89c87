//! Derived states of former forms, as they lie in files: made of today's.

/// Until form 11 letters of some languages kept their accents.
const BEFORE_11: &str = "
UPDATE patient SET family = 'nguyễn' WHERE facts LIKE '%Nguyễn%';
UPDATE patient SET given = 'hương' WHERE facts LIKE '%Hương%';
PRAGMA user_version = 10;";

const BEFORE_10: &str = "
DROP INDEX patient_restricted;
DROP TRIGGER restricted_known; DROP TRIGGER restricted_changed; DROP TRIGGER restricted_linked; DROP TABLE restricted;
DROP TRIGGER birthday_known; DROP TRIGGER birthday_changed; DROP TRIGGER birthday_linked; DROP TABLE birthday;";

/// Who was born on a day as form 9 had it.
const FORM_9: &str = "
CREATE TABLE birthday (
  birth INTEGER NOT NULL, family TEXT NOT NULL, patient INTEGER NOT NULL, given TEXT NOT NULL,
  key INTEGER NOT NULL, person INTEGER NOT NULL,
  PRIMARY KEY (birth, family, patient)
) WITHOUT ROWID;
INSERT INTO birthday (birth, family, patient, given, key, person)
  SELECT p.birth, coalesce(p.family, ''), p.patient, coalesce(p.given, ''), a.patient, l.person
  FROM patient p CROSS JOIN arrival a ON a.number = p.patient CROSS JOIN link l ON l.patient = p.patient AND l.seq_to IS NULL
  WHERE p.birth IS NOT NULL AND p.directory = 0 ORDER BY 1, 2, 3;
CREATE TRIGGER birthday_known AFTER INSERT ON patient BEGIN SELECT 1; END;
CREATE TRIGGER birthday_changed AFTER UPDATE ON patient BEGIN SELECT 1; END;
CREATE TRIGGER birthday_linked AFTER INSERT ON link BEGIN SELECT 1; END;
PRAGMA user_version = 9;";

/// And as form 8 had it, in indexes.
const FORM_8: &str = "
CREATE INDEX patient_birth ON patient (birth, family) WHERE birth IS NOT NULL;
DROP INDEX link_person;
CREATE INDEX link_person ON link (person);
PRAGMA user_version = 8;";

/// What turns a derived state of today into one of form 9.
pub fn to_form_9() -> String {
    format!("{BEFORE_11}{BEFORE_10}{FORM_9}")
}

fn to_form_8() -> String {
    format!("{BEFORE_11}{BEFORE_10}{FORM_8}")
}

fn to_form_10() -> String {
    BEFORE_11.to_owned()
}

/// Former forms that are taken over, and what turns one of today into each.
pub const FORMER: [(i64, fn() -> String); 3] = [(8, to_form_8), (9, to_form_9), (10, to_form_10)];
