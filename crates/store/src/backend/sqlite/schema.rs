//! The tables of the three files.

/// The version of the journal's tables.
pub(super) const JOURNAL_VERSION: i64 = 1;
/// The version of the audit's tables.
pub(super) const AUDIT_VERSION: i64 = 2;
/// The version of the derived tables. They can be rebuilt, so another number means: rebuild.
pub const DERIVED_VERSION: i64 = 11;

pub(super) const JOURNAL: &str = "
CREATE TABLE IF NOT EXISTS name (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS dictionary (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
-- One row a message or decision, in the order they came. Never updated, never deleted.
CREATE TABLE IF NOT EXISTS entry (
  pos INTEGER PRIMARY KEY,
  kind INTEGER NOT NULL,
  source INTEGER NOT NULL REFERENCES name,
  feed INTEGER NOT NULL REFERENCES name,
  received INTEGER NOT NULL,           -- microseconds since 1970, UTC
  ident INTEGER,                       -- hash of what makes a repeat: sender and control id
  digest BLOB,                         -- of the bytes, where ident is set
  about TEXT,                          -- of a FHIR request or a decision, JSON
  ack BLOB,                            -- the answer that was given, to be given again
  dictionary INTEGER NOT NULL,
  body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS entry_ident ON entry (ident) WHERE ident IS NOT NULL;
CREATE INDEX IF NOT EXISTS entry_decision ON entry (kind, source) WHERE kind > 2;
";

pub(super) const AUDIT: &str = "
CREATE TABLE IF NOT EXISTS entry (
  n INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,                 -- microseconds since 1970, UTC
  person INTEGER,
  user TEXT NOT NULL,
  body TEXT NOT NULL,
  hash BLOB NOT NULL                   -- of the former hash and this row
);
-- Whom they are about is indexed in a file beside this one (audit/persons.rs); a trail that was made with an index of persons here
-- keeps it.
CREATE INDEX IF NOT EXISTS entry_user ON entry (user, at);
-- Entries that open something: a reason that holds for a time, a question, a suspicion; and what became of it. Made of the
-- entries, which are chained; this is their index.
CREATE TABLE IF NOT EXISTS matter (
  n INTEGER PRIMARY KEY,               -- the entry that opened it
  kind INTEGER NOT NULL,
  person INTEGER, user TEXT NOT NULL, at INTEGER NOT NULL,
  until INTEGER,                       -- a reason holds up to then
  about TEXT NOT NULL,                 -- the reason's code; what a suspicion rests on
  of INTEGER,                          -- the entry it is about
  settled INTEGER,                     -- the entry that settled it
  outcome TEXT
);
CREATE INDEX IF NOT EXISTS matter_user ON matter (user, person, kind);
CREATE INDEX IF NOT EXISTS matter_open ON matter (kind, settled, at);
CREATE INDEX IF NOT EXISTS matter_of ON matter (of) WHERE of IS NOT NULL;
-- Policies that were in force, by their version: what an entry names can be read.
CREATE TABLE IF NOT EXISTS policy (version TEXT PRIMARY KEY, at INTEGER NOT NULL, files TEXT NOT NULL) WITHOUT ROWID;
";

pub(super) const DERIVED: &str = "
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dictionary (id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, bytes BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS source (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, profile TEXT, profile_seq INTEGER,
  messages INTEGER NOT NULL DEFAULT 0, last_received INTEGER, last_happened INTEGER);
-- On what feeds each source speaks: one may fall silent while another goes on.
CREATE TABLE IF NOT EXISTS feed (id INTEGER PRIMARY KEY, source INTEGER NOT NULL, name TEXT NOT NULL,
  messages INTEGER NOT NULL DEFAULT 0, last_received INTEGER, last_happened INTEGER, UNIQUE (source, name));
-- Patients in the order in which they came. Tables of which each patient has rows go by the number (`patient` there): see
-- numbers.rs. In all others a patient is its key.
CREATE TABLE IF NOT EXISTS arrival (number INTEGER PRIMARY KEY, patient INTEGER NOT NULL UNIQUE);
-- What each resource says now. Clustered by patient (number), then type.
CREATE TABLE IF NOT EXISTS resource (
  patient INTEGER NOT NULL, kind INTEGER NOT NULL, local INTEGER NOT NULL,
  version INTEGER NOT NULL,
  seq INTEGER NOT NULL,                -- since when it says so
  message INTEGER,                     -- the journal position it came from, where that is not seq
  flags INTEGER NOT NULL,              -- 1: deleted, 2: written here
  dictionary INTEGER NOT NULL,
  body BLOB NOT NULL,
  state BLOB,                          -- what folding needs, see the mapping crate
  PRIMARY KEY (patient, kind, local)
) WITHOUT ROWID;
-- What it said before. By number.
CREATE TABLE IF NOT EXISTS history (
  patient INTEGER NOT NULL, kind INTEGER NOT NULL, local INTEGER NOT NULL,
  version INTEGER NOT NULL,
  seq INTEGER NOT NULL, seq_to INTEGER NOT NULL,
  message INTEGER, flags INTEGER NOT NULL, dictionary INTEGER NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY (patient, kind, local, version)
) WITHOUT ROWID;
-- What is known of a patient (by number) for finding and linking. `source` is where all its resources come from.
CREATE TABLE IF NOT EXISTS patient (
  patient INTEGER PRIMARY KEY,
  source INTEGER NOT NULL,
  directory INTEGER NOT NULL DEFAULT 0,
  nhs INTEGER, verified INTEGER NOT NULL DEFAULT 0,
  family TEXT, given TEXT, birth INTEGER, postcode TEXT, facts TEXT
);
-- Which person (by key) a patient (by number) is, when, and why. seq_to NULL: now.
CREATE TABLE IF NOT EXISTS link (
  patient INTEGER NOT NULL, seq_from INTEGER NOT NULL, seq_to INTEGER,
  person INTEGER NOT NULL, reason TEXT NOT NULL,
  PRIMARY KEY (patient, seq_from)
) WITHOUT ROWID;
-- With `seq_to`, so that whom a person is made of is said by the index alone.
CREATE INDEX IF NOT EXISTS link_person ON link (person, seq_to);
-- Merges by the source: they outrank what the matcher would say.
CREATE TABLE IF NOT EXISTS merged (
  loser INTEGER NOT NULL, seq_from INTEGER NOT NULL, seq_to INTEGER,
  survivor INTEGER,                    -- NULL: the merge was undone
  happened INTEGER NOT NULL,           -- older news than this is ignored
  linked INTEGER NOT NULL DEFAULT 0,   -- 1: the source says only that both are one person, and keeps both
  PRIMARY KEY (loser, seq_from)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS merged_survivor ON merged (survivor) WHERE seq_to IS NULL;
-- What stewards said of two patients, a < b. seq_to NULL: in force. A statement is never changed, only followed by another.
CREATE TABLE IF NOT EXISTS assertion (
  a INTEGER NOT NULL, b INTEGER NOT NULL, seq_from INTEGER NOT NULL, seq_to INTEGER,
  said INTEGER NOT NULL,               -- 1 the same person, 2 not the same, 3 cannot be told
  PRIMARY KEY (a, b, seq_from)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS assertion_b ON assertion (b);
CREATE INDEX IF NOT EXISTS assertion_seq ON assertion (seq_from);
-- Pairs of patients that a steward should look at, a < b.
CREATE TABLE IF NOT EXISTS review (
  a INTEGER NOT NULL, b INTEGER NOT NULL,
  subject INTEGER NOT NULL,            -- whose news raised it
  kind INTEGER NOT NULL, status INTEGER NOT NULL,
  seq INTEGER NOT NULL,                -- since when it waits
  score INTEGER NOT NULL,              -- log2 of the odds of one person, in hundredths
  opinions TEXT,                       -- what stewards said, JSON list
  PRIMARY KEY (a, b)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS review_b ON review (b);
CREATE INDEX IF NOT EXISTS review_queue ON review (status, score DESC, a, b);
-- How the matcher weighed a patient (by number) against others: kept where there was anything to weigh. JSON, zstd.
CREATE TABLE IF NOT EXISTS weighed (patient INTEGER NOT NULL, seq INTEGER NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY (patient, seq)) WITHOUT ROWID;
-- What bears on who may see the record, by the resource that says it (a decision of the region: by its journal position,
-- under Consent): who looks after the person, what the person objects to. By number. See mapping::bearing.
CREATE TABLE IF NOT EXISTS bearing (
  patient INTEGER NOT NULL, kind INTEGER NOT NULL, local INTEGER NOT NULL, nth INTEGER NOT NULL,
  bears INTEGER NOT NULL, organisation TEXT NOT NULL, category TEXT NOT NULL,
  since INTEGER, until INTEGER,        -- microseconds since 1970, UTC
  PRIMARY KEY (patient, kind, local, nth)
) WITHOUT ROWID;
-- Visits that belong to another patient of the same source than the one they were recorded under.
CREATE TABLE IF NOT EXISTS move (
  patient INTEGER NOT NULL, local INTEGER NOT NULL, seq_from INTEGER NOT NULL, seq_to INTEGER,
  target INTEGER NOT NULL, happened INTEGER NOT NULL,
  PRIMARY KEY (patient, local, seq_from)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS move_target ON move (target);
-- Business identifiers of patients (by number) and directory resources, by hash of type, system and value.
CREATE TABLE IF NOT EXISTS identifier (
  hash INTEGER NOT NULL, patient INTEGER NOT NULL, kind INTEGER NOT NULL, local INTEGER NOT NULL,
  PRIMARY KEY (hash, patient, kind, local)
) WITHOUT ROWID;
-- The systems that patients' identifiers are of, NHS numbers apart: the identifier domains this region knows.
CREATE TABLE IF NOT EXISTS domain (system TEXT PRIMARY KEY) WITHOUT ROWID;
-- The change feed: one row a journal entry, with the patients it touched, and the resources it changed of which somebody
-- may have to hear.
CREATE TABLE IF NOT EXISTS applied (
  seq INTEGER PRIMARY KEY, received INTEGER NOT NULL, source INTEGER NOT NULL,
  feed INTEGER,                        -- what a message came on; NULL: a decision
  patients BLOB,                       -- keys, 8 bytes each, little-endian
  decision INTEGER NOT NULL DEFAULT 0, -- 1: decided here, not sent by a source
  touched BLOB                         -- type (1 byte), patient and local (8 bytes each, little-endian), each once
);
-- The error desk: messages that could not be processed, those waiting behind them, and those processed with a remark.
CREATE TABLE IF NOT EXISTS problem (
  pos INTEGER PRIMARY KEY, source INTEGER NOT NULL, feed TEXT NOT NULL, received INTEGER NOT NULL,
  status INTEGER NOT NULL, lane INTEGER, findings TEXT NOT NULL, title TEXT NOT NULL, resolved_by INTEGER
);
CREATE INDEX IF NOT EXISTS problem_status ON problem (status, pos);
CREATE INDEX IF NOT EXISTS problem_lane ON problem (lane, pos) WHERE lane IS NOT NULL;
-- Lanes that wait for somebody: the patient, and the message in the way.
CREATE TABLE IF NOT EXISTS lane (patient INTEGER PRIMARY KEY, pos INTEGER NOT NULL) WITHOUT ROWID;
";

/// What only people who look for somebody need, or for when a feed was last heard by a former moment: made last where everything
/// is written anew, for it is made of all rows at once then, in order.
pub(super) const DERIVED_FINDS: &str = "
CREATE INDEX IF NOT EXISTS patient_nhs ON patient (nhs) WHERE nhs IS NOT NULL;
CREATE INDEX IF NOT EXISTS patient_family ON patient (family, postcode) WHERE family IS NOT NULL;
CREATE INDEX IF NOT EXISTS patient_postcode ON patient (postcode) WHERE postcode IS NOT NULL;
CREATE INDEX IF NOT EXISTS applied_feed ON applied (feed, seq);
-- Whose whereabouts must not be told: it is asked of everybody who is shown, and they are few.
CREATE INDEX IF NOT EXISTS patient_restricted ON patient (patient) WHERE facts ->> 'restricted';
-- And which persons they are now: a search asks it of everybody whom it finds. Made of `patient` and `link` by the triggers, as
-- `birthday` is.
CREATE TABLE IF NOT EXISTS restricted (patient INTEGER PRIMARY KEY, person INTEGER);
INSERT INTO restricted (patient, person)
  SELECT p.patient, l.person FROM patient p INDEXED BY patient_restricted
  LEFT JOIN link l ON l.patient = p.patient AND l.seq_to IS NULL WHERE p.facts ->> 'restricted';
CREATE INDEX IF NOT EXISTS restricted_person ON restricted (person);
CREATE TRIGGER IF NOT EXISTS restricted_known AFTER INSERT ON patient WHEN NEW.facts ->> 'restricted' BEGIN
  INSERT OR REPLACE INTO restricted (patient, person)
    VALUES (NEW.patient, (SELECT person FROM link WHERE patient = NEW.patient AND seq_to IS NULL));
END;
CREATE TRIGGER IF NOT EXISTS restricted_changed AFTER UPDATE OF facts ON patient
  WHEN (OLD.facts ->> 'restricted') IS NOT (NEW.facts ->> 'restricted') BEGIN
  DELETE FROM restricted WHERE patient = NEW.patient;
  INSERT INTO restricted (patient, person)
    SELECT NEW.patient, (SELECT person FROM link WHERE patient = NEW.patient AND seq_to IS NULL) WHERE NEW.facts ->> 'restricted';
END;
CREATE TRIGGER IF NOT EXISTS restricted_linked AFTER INSERT ON link WHEN NEW.seq_to IS NULL BEGIN
  UPDATE restricted SET person = NEW.person WHERE patient = NEW.patient;
END;
-- Who was born on a day, with all that a search by birth date and names asks for. Of so many people several have a name and a
-- birthday in common, and what is known of each, whom each is and under which key lie in three places, wherever the order of
-- arrival put them: here they lie side by side. Made of `patient`, `link` and `arrival` by the triggers, by nobody else. (A patient that
-- was ever linked is linked: a link ends where the next one begins, which takes its place here.)
CREATE TABLE IF NOT EXISTS birthday (
  birth INTEGER NOT NULL, family TEXT NOT NULL, patient INTEGER NOT NULL, given TEXT NOT NULL,
  key INTEGER NOT NULL, person INTEGER NOT NULL, source INTEGER NOT NULL,
  PRIMARY KEY (birth, family, patient)
) WITHOUT ROWID;
INSERT INTO birthday (birth, family, patient, given, key, person, source)
  SELECT p.birth, coalesce(p.family, ''), p.patient, coalesce(p.given, ''), a.patient, l.person, p.source
  FROM patient p CROSS JOIN arrival a ON a.number = p.patient CROSS JOIN link l ON l.patient = p.patient AND l.seq_to IS NULL
  WHERE p.birth IS NOT NULL AND p.directory = 0 ORDER BY 1, 2, 3;
CREATE TRIGGER IF NOT EXISTS birthday_known AFTER INSERT ON patient
  WHEN NEW.birth IS NOT NULL AND NEW.directory = 0 BEGIN
  INSERT OR REPLACE INTO birthday (birth, family, patient, given, key, person, source)
    SELECT NEW.birth, coalesce(NEW.family, ''), NEW.patient, coalesce(NEW.given, ''), a.patient, l.person, NEW.source
    FROM link l JOIN arrival a ON a.number = l.patient WHERE l.patient = NEW.patient AND l.seq_to IS NULL;
END;
CREATE TRIGGER IF NOT EXISTS birthday_changed AFTER UPDATE OF source, directory, family, given, birth ON patient
  WHEN (OLD.source, OLD.directory, OLD.family, OLD.given, OLD.birth) IS NOT (NEW.source, NEW.directory, NEW.family, NEW.given, NEW.birth) BEGIN
  DELETE FROM birthday WHERE birth = OLD.birth AND family = coalesce(OLD.family, '') AND patient = OLD.patient;
  INSERT OR REPLACE INTO birthday (birth, family, patient, given, key, person, source)
    SELECT NEW.birth, coalesce(NEW.family, ''), NEW.patient, coalesce(NEW.given, ''), a.patient, l.person, NEW.source
    FROM link l JOIN arrival a ON a.number = l.patient WHERE l.patient = NEW.patient AND l.seq_to IS NULL
    AND NEW.birth IS NOT NULL AND NEW.directory = 0;
END;
CREATE TRIGGER IF NOT EXISTS birthday_linked AFTER INSERT ON link WHEN NEW.seq_to IS NULL BEGIN
  INSERT OR REPLACE INTO birthday (birth, family, patient, given, key, person, source)
    SELECT p.birth, coalesce(p.family, ''), p.patient, coalesce(p.given, ''), a.patient, NEW.person, p.source
    FROM patient p JOIN arrival a ON a.number = p.patient
    WHERE p.patient = NEW.patient AND p.birth IS NOT NULL AND p.directory = 0;
END;
";
