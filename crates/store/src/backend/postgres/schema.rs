//! The tables, migrations, and how they are spread where the Citus extension is there.
//!
//! Every unique key of a table that grows with people holds the patient's key (of one that grows with time: the journal's
//! position, or the audit entry's number), by which the table may be distributed; no statement changes it.

use super::{Purpose, Server, Session};
use crate::StoreError;

/// What was done to the truth's tables, in order; a step is never changed, only followed by another. The derived state has
/// no steps: it is made anew.
const MIGRATIONS: &[(i64, &str, &str)] = &[(1, "journal", JOURNAL), (2, "audit", AUDIT), (3, "processes", PROCESSES)];

const PROCESSES: &str = r#"
-- Which process applies the journal: one row. Who it is, how often that has changed, until when it is believed to be there.
CREATE TABLE skein.lease (
  name TEXT COLLATE "C" PRIMARY KEY, holder BIGINT NOT NULL, who TEXT NOT NULL, epoch BIGINT NOT NULL,
  until TIMESTAMPTZ NOT NULL,
  fault TEXT, fault_since BIGINT       -- why it processes nothing at present, and since when
);
-- What it leaves for whoever takes its place, in JSON: how far queues of what is sent out have got.
CREATE TABLE skein.handover (name TEXT COLLATE "C" PRIMARY KEY, body TEXT NOT NULL);
-- What somebody began to write and has not signed: seen by every process.
CREATE TABLE skein.draft (
  id TEXT COLLATE "C" PRIMARY KEY, patient BIGINT NOT NULL, form TEXT NOT NULL,
  author TEXT NOT NULL, organisation TEXT NOT NULL,
  revision BIGINT NOT NULL, saved BIGINT NOT NULL, body TEXT NOT NULL
);
CREATE INDEX draft_patient ON skein.draft (patient);
"#;

const JOURNAL: &str = r#"
CREATE SCHEMA skein_journal;
SET LOCAL search_path = skein_journal;
CREATE TABLE name (id BIGINT PRIMARY KEY, text TEXT COLLATE "C" NOT NULL UNIQUE);
CREATE TABLE dictionary (id BIGINT PRIMARY KEY, bytes BYTEA NOT NULL);
-- One row a message or decision, in the order they came. Never updated, never deleted.
CREATE TABLE entry (
  pos BIGINT PRIMARY KEY,
  received BIGINT NOT NULL,            -- microseconds since 1970, UTC
  ident BIGINT,                        -- hash of what makes a repeat: sender and control id
  source INTEGER NOT NULL,
  feed INTEGER NOT NULL,
  dictionary INTEGER NOT NULL,
  kind SMALLINT NOT NULL,
  digest BYTEA,                        -- of the bytes, where ident is set
  about TEXT,                          -- of a FHIR request or a decision, JSON
  ack BYTEA,                           -- the answer that was given, to be given again
  body BYTEA NOT NULL
);
ALTER TABLE entry ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX entry_ident ON entry (ident) WHERE ident IS NOT NULL;
CREATE INDEX entry_decision ON entry (kind, source, pos) WHERE kind > 2;
-- The last batch each writer committed: what it asks after a lost connection.
CREATE TABLE writer (token BIGINT PRIMARY KEY, batch BIGINT NOT NULL);
"#;

const AUDIT: &str = r#"
CREATE SCHEMA skein_audit;
SET LOCAL search_path = skein_audit;
CREATE TABLE entry (
  n BIGINT PRIMARY KEY,
  at BIGINT NOT NULL,                  -- microseconds since 1970, UTC
  person BIGINT,
  "user" TEXT COLLATE "C" NOT NULL,
  body TEXT NOT NULL,
  hash BYTEA NOT NULL                  -- of the former hash and this row
);
CREATE INDEX entry_person ON entry (person, n) WHERE person IS NOT NULL;
CREATE INDEX entry_user ON entry ("user", at);
-- Entries that open something, and what became of it. Made of the entries, which are chained; this is their index.
CREATE TABLE matter (
  n BIGINT PRIMARY KEY,                -- the entry that opened it
  kind SMALLINT NOT NULL,
  person BIGINT, "user" TEXT COLLATE "C" NOT NULL, at BIGINT NOT NULL,
  until BIGINT,
  about TEXT COLLATE "C" NOT NULL,
  of BIGINT,
  settled BIGINT,
  outcome TEXT COLLATE "C"
);
CREATE INDEX matter_user ON matter ("user", person, kind);
CREATE INDEX matter_person ON matter (person, kind) WHERE person IS NOT NULL;
CREATE INDEX matter_open ON matter (kind, settled, at);
CREATE INDEX matter_of ON matter (of) WHERE of IS NOT NULL;
-- Policies that were in force, by their version: what an entry names can be read.
CREATE TABLE policy (version TEXT COLLATE "C" PRIMARY KEY, at BIGINT NOT NULL, files TEXT NOT NULL);
CREATE TABLE writer (token BIGINT PRIMARY KEY, batch BIGINT NOT NULL);
"#;

/// The version of the derived tables. They can be rebuilt, so another number means: rebuild.
const DERIVED_VERSION: i64 = 8;

/// The tables of a derived state, within its schema. What each means stands in the SQLite schema.
const DERIVED: &str = r#"
CREATE TABLE meta (key TEXT COLLATE "C" PRIMARY KEY, value TEXT);
CREATE TABLE dictionary (id BIGINT PRIMARY KEY, kind SMALLINT NOT NULL, bytes BYTEA NOT NULL);
CREATE TABLE source (id BIGINT PRIMARY KEY, name TEXT COLLATE "C" NOT NULL UNIQUE, profile TEXT, profile_seq BIGINT,
  messages BIGINT NOT NULL DEFAULT 0, last_received BIGINT, last_happened BIGINT);
CREATE TABLE feed (id BIGINT PRIMARY KEY, source BIGINT NOT NULL, messages BIGINT NOT NULL DEFAULT 0,
  last_received BIGINT, last_happened BIGINT, name TEXT COLLATE "C" NOT NULL, UNIQUE (source, name));
CREATE TABLE resource (
  patient BIGINT NOT NULL, local BIGINT NOT NULL, seq BIGINT NOT NULL, message BIGINT,
  version INTEGER NOT NULL, dictionary INTEGER NOT NULL, kind SMALLINT NOT NULL, flags SMALLINT NOT NULL,
  body BYTEA NOT NULL, state BYTEA,
  PRIMARY KEY (patient, kind, local)
);
-- Bodies are compressed. Those of less than a page lie with their row: a record is read whole.
ALTER TABLE resource ALTER COLUMN body SET STORAGE EXTERNAL, SET (toast_tuple_target = 8160);
CREATE TABLE history (
  patient BIGINT NOT NULL, local BIGINT NOT NULL, seq BIGINT NOT NULL, seq_to BIGINT NOT NULL, message BIGINT,
  version INTEGER NOT NULL, dictionary INTEGER NOT NULL, kind SMALLINT NOT NULL, flags SMALLINT NOT NULL,
  body BYTEA NOT NULL,
  PRIMARY KEY (patient, kind, local, version)
);
ALTER TABLE history ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE TABLE patient (
  patient BIGINT PRIMARY KEY,
  source BIGINT NOT NULL,
  nhs BIGINT, birth BIGINT,
  directory SMALLINT NOT NULL DEFAULT 0, verified SMALLINT NOT NULL DEFAULT 0,
  family TEXT COLLATE "C", given TEXT COLLATE "C", postcode TEXT COLLATE "C", facts TEXT
);
CREATE INDEX patient_nhs ON patient (nhs) WHERE nhs IS NOT NULL;
CREATE INDEX patient_birth ON patient (birth, family) WHERE birth IS NOT NULL;
CREATE INDEX patient_family ON patient (family, postcode) WHERE family IS NOT NULL;
CREATE INDEX patient_postcode ON patient (postcode) WHERE postcode IS NOT NULL;
CREATE TABLE link (
  patient BIGINT NOT NULL, seq_from BIGINT NOT NULL, seq_to BIGINT, person BIGINT NOT NULL, reason TEXT NOT NULL,
  PRIMARY KEY (patient, seq_from)
);
CREATE INDEX link_person ON link (person);
CREATE TABLE merged (
  loser BIGINT NOT NULL, seq_from BIGINT NOT NULL, seq_to BIGINT, survivor BIGINT, happened BIGINT NOT NULL,
  linked SMALLINT NOT NULL DEFAULT 0,
  PRIMARY KEY (loser, seq_from)
);
CREATE INDEX merged_survivor ON merged (survivor) WHERE seq_to IS NULL;
CREATE TABLE assertion (
  a BIGINT NOT NULL, b BIGINT NOT NULL, seq_from BIGINT NOT NULL, seq_to BIGINT, said SMALLINT NOT NULL,
  PRIMARY KEY (a, b, seq_from)
);
CREATE INDEX assertion_b ON assertion (b);
CREATE INDEX assertion_seq ON assertion (seq_from);
CREATE TABLE review (
  a BIGINT NOT NULL, b BIGINT NOT NULL, subject BIGINT NOT NULL, seq BIGINT NOT NULL, score BIGINT NOT NULL,
  kind SMALLINT NOT NULL, status SMALLINT NOT NULL, opinions TEXT,
  PRIMARY KEY (a, b)
);
CREATE INDEX review_b ON review (b);
CREATE INDEX review_queue ON review (status, score DESC, a, b);
CREATE TABLE weighed (patient BIGINT NOT NULL, seq BIGINT NOT NULL, body BYTEA NOT NULL, PRIMARY KEY (patient, seq));
CREATE TABLE bearing (
  patient BIGINT NOT NULL, local BIGINT NOT NULL, since BIGINT, until BIGINT,
  kind SMALLINT NOT NULL, nth INTEGER NOT NULL, bears SMALLINT NOT NULL,
  organisation TEXT COLLATE "C" NOT NULL, category TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (patient, kind, local, nth)
);
CREATE TABLE move (
  patient BIGINT NOT NULL, local BIGINT NOT NULL, seq_from BIGINT NOT NULL, seq_to BIGINT,
  target BIGINT NOT NULL, happened BIGINT NOT NULL,
  PRIMARY KEY (patient, local, seq_from)
);
CREATE INDEX move_target ON move (target);
CREATE TABLE identifier (
  hash BIGINT NOT NULL, patient BIGINT NOT NULL, local BIGINT NOT NULL, kind SMALLINT NOT NULL,
  PRIMARY KEY (hash, patient, kind, local)
);
CREATE TABLE domain (system TEXT COLLATE "C" PRIMARY KEY);
CREATE TABLE applied (
  seq BIGINT PRIMARY KEY, received BIGINT NOT NULL, source BIGINT NOT NULL, feed BIGINT,
  decision SMALLINT NOT NULL DEFAULT 0, patients BYTEA, touched BYTEA
);
CREATE INDEX applied_feed ON applied (feed, seq);
CREATE TABLE problem (
  pos BIGINT PRIMARY KEY, source BIGINT NOT NULL, received BIGINT NOT NULL, lane BIGINT, resolved_by BIGINT,
  status SMALLINT NOT NULL, feed TEXT COLLATE "C" NOT NULL, findings TEXT NOT NULL, title TEXT NOT NULL
);
CREATE INDEX problem_status ON problem (status, pos);
CREATE INDEX problem_lane ON problem (lane, pos) WHERE lane IS NOT NULL;
CREATE TABLE lane (patient BIGINT PRIMARY KEY, pos BIGINT NOT NULL);
"#;

/// Tables that grow, and the column each is spread by.
const SPREAD: &[(&str, &str, &str)] = &[
    ("skein_journal", "entry", "pos"),
    ("skein_audit", "entry", "n"),
    ("skein_audit", "matter", "n"),
    (DERIVED_SCHEMA, "resource", "patient"),
    (DERIVED_SCHEMA, "history", "patient"),
    (DERIVED_SCHEMA, "patient", "patient"),
    (DERIVED_SCHEMA, "link", "patient"),
    (DERIVED_SCHEMA, "merged", "loser"),
    (DERIVED_SCHEMA, "assertion", "a"),
    (DERIVED_SCHEMA, "review", "a"),
    (DERIVED_SCHEMA, "weighed", "patient"),
    (DERIVED_SCHEMA, "bearing", "patient"),
    (DERIVED_SCHEMA, "move", "patient"),
    (DERIVED_SCHEMA, "identifier", "patient"),
    (DERIVED_SCHEMA, "lane", "patient"),
    (DERIVED_SCHEMA, "applied", "seq"),
    (DERIVED_SCHEMA, "problem", "pos"),
];

/// Small tables, whole on every machine.
const EVERYWHERE: &[(&str, &str)] = &[
    ("skein_journal", "name"),
    ("skein_journal", "dictionary"),
    ("skein_journal", "writer"),
    ("skein_audit", "policy"),
    ("skein_audit", "writer"),
    (DERIVED_SCHEMA, "meta"),
    (DERIVED_SCHEMA, "dictionary"),
    (DERIVED_SCHEMA, "source"),
    (DERIVED_SCHEMA, "feed"),
    (DERIVED_SCHEMA, "domain"),
];

/// How long a step waits for a table that is in use. Nothing is changed when it is not free by then.
const LOCK_TIME_MAX: &str = "3s";

/// The schema of the derived state in use.
pub(crate) const DERIVED_SCHEMA: &str = "skein_derived";

/// What making or upgrading the tables came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// Steps that were taken now.
    pub steps: usize,
    /// Whether the tables are spread over several machines: the Citus extension is there.
    pub spread: bool,
}

impl Server {
    /// Make the tables of a region, or bring them up to date. Two that do it at once do it once.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when the database refuses, or is not one in UTF-8; [`StoreError::Away`].
    pub fn init(&self) -> Result<Migrated, StoreError> {
        migrate(self)
    }

    /// That the tables are as this version wants them.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] with what to do.
    pub fn check(&self) -> Result<(), StoreError> {
        up_to_date(self)
    }
}

/// Whether a table is there.
pub(in crate::backend) fn exists(session: &Session, schema: &str, table: &str) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = ?1 AND c.relname = ?2";
    Ok(!session.query(sql, crate::backend::values![schema, table])?.is_empty())
}

/// The step the tables are at.
fn reached(session: &Session) -> Result<i64, StoreError> {
    if !exists(session, "skein", "migration")? {
        return Ok(0);
    }
    let rows = session.query("SELECT COALESCE(MAX(number), 0) FROM skein.migration", &[])?;
    Ok(rows.first().and_then(|row| row.try_get(0).ok()).unwrap_or(0))
}

/// See [`Server::check`].
fn up_to_date(server: &Server) -> Result<(), StoreError> {
    let session = Session::open(server, "skein", Purpose::Read)?;
    let wanted = last_step();
    let reached = reached(&session)?;
    match reached {
        0 => Err(StoreError::Unusable(format!("{server} holds no region yet: make its tables with `skein init`"))),
        _ if reached < wanted => Err(StoreError::Unusable(format!(
            "{server} was made by an earlier version of skein: bring its tables up to date with `skein init`"
        ))),
        _ if reached > wanted => Err(later(server, reached)),
        _ => Ok(()),
    }
}

/// The last step that this version knows.
fn last_step() -> i64 {
    MIGRATIONS.last().map_or(0, |(number, ..)| *number)
}

fn later(server: &Server, reached: i64) -> StoreError {
    StoreError::Unusable(format!(
        "{server} was made by a later version of skein (step {reached}, this one knows {}): use that version",
        last_step()
    ))
}

/// See [`Server::init`].
fn migrate(server: &Server) -> Result<Migrated, StoreError> {
    let session = Session::open(server, "skein", Purpose::Append)?;
    let encoding = session.query("SELECT pg_catalog.current_setting('server_encoding')", &[])?;
    let encoding: Option<String> = encoding.first().and_then(|row| row.try_get(0).ok());
    if encoding.as_deref() != Some("UTF8") {
        return Err(StoreError::Unusable(format!(
            "{server} is in {}: Skein needs a database in UTF8 (CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0)",
            encoding.unwrap_or_default()
        )));
    }
    session.begin()?;
    session.query("SELECT 1 FROM pg_advisory_xact_lock(1936418153, 0)", &[])?;
    // A step that had to wait for a table that is long in use would keep everybody else waiting behind it.
    session.define(&format!("SET LOCAL lock_timeout = '{LOCK_TIME_MAX}'"))?;
    let reached = reached(&session)?;
    if reached > last_step() {
        return Err(later(server, reached));
    }
    if reached == 0 {
        session.define(
            "CREATE SCHEMA IF NOT EXISTS skein;
             CREATE TABLE IF NOT EXISTS skein.migration
               (number BIGINT PRIMARY KEY, name TEXT NOT NULL, at TIMESTAMPTZ NOT NULL DEFAULT now())",
        )?;
    }
    let steps: Vec<_> = MIGRATIONS.iter().filter(|(number, ..)| *number > reached).collect();
    for (number, name, sql) in &steps {
        session.define(sql)?;
        session.define(&format!("INSERT INTO skein.migration (number, name) VALUES ({number}, '{name}')"))?;
    }
    let functions = citus(&session)?;
    if reached == 0
        && let Some(functions) = &functions
    {
        for schema in ["skein_journal", "skein_audit"] {
            spread(&session, functions, schema, schema)?;
        }
    }
    session.commit()?;
    make_derived(server, DERIVED_SCHEMA)?;
    Ok(Migrated { steps: steps.len(), spread: functions.is_some() })
}

/// Make the tables of a derived state, where they are missing.
pub(in crate::backend) fn make_derived(server: &Server, schema: &str) -> Result<(), StoreError> {
    let session = Session::open(server, schema, Purpose::Append)?;
    session.begin()?;
    session.query("SELECT 1 FROM pg_advisory_xact_lock(1936418153, 0)", &[])?;
    if !exists(&session, schema, "meta")? {
        session.define(&format!(
            "CREATE SCHEMA IF NOT EXISTS {schema}; SET LOCAL search_path = {schema}; {DERIVED}
             INSERT INTO meta (key, value) VALUES ('format', '{DERIVED_VERSION}')"
        ))?;
        if let Some(functions) = citus(&session)? {
            spread(&session, &functions, DERIVED_SCHEMA, schema)?;
        }
    }
    session.commit()
}

/// Note which program makes a derived state anew.
pub(in crate::backend) fn begin_anew(server: &Server, schema: &str, by: &str) -> Result<(), StoreError> {
    let session = Session::open(server, schema, Purpose::Append)?;
    let sql = "INSERT INTO meta (key, value) VALUES ('anew', ?1) ON CONFLICT (key) DO UPDATE SET value = ?1";
    session.query(sql, crate::backend::values![by]).map(drop)
}

/// Whether this program began to make a derived state there, which is not whole yet.
pub(in crate::backend) fn begun_anew(server: &Server, schema: &str, by: &str) -> Result<bool, StoreError> {
    let session = Session::open(server, schema, Purpose::Append)?;
    if !exists(&session, schema, "meta")? {
        return Ok(false);
    }
    let sql = "SELECT 1 FROM meta WHERE key = 'anew' AND value = ?1";
    Ok(!session.query(sql, crate::backend::values![by])?.is_empty())
}

/// It is whole.
pub(in crate::backend) fn finish_anew(session: &Session) -> Result<(), StoreError> {
    session.query("DELETE FROM meta WHERE key = 'anew'", &[]).map(drop)
}

/// Where the functions of the Citus extension are, if they are.
fn citus(session: &Session) -> Result<Option<String>, StoreError> {
    let sql = "SELECT n.nspname FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
               WHERE p.proname = 'create_distributed_table' LIMIT 1";
    Ok(session.query(sql, &[])?.first().and_then(|row| row.try_get(0).ok()))
}

/// Spread the tables of a schema, which are those of `of`.
fn spread(session: &Session, functions: &str, of: &str, schema: &str) -> Result<(), StoreError> {
    for (_, table) in EVERYWHERE.iter().filter(|(home, _)| *home == of) {
        session.define(&format!("SELECT {functions}.create_reference_table('{schema}.{table}')"))?;
    }
    for (_, table, column) in SPREAD.iter().filter(|(home, ..)| *home == of) {
        session.define(&format!("SELECT {functions}.create_distributed_table('{schema}.{table}', '{column}')"))?;
    }
    Ok(())
}

/// That the derived state is of this version.
///
/// # Errors
/// [`StoreError::Unusable`] when it is not: it is made again.
pub(in crate::backend) fn derived_versions_agree(session: &Session) -> Result<(), StoreError> {
    let rows = session.query("SELECT value FROM meta WHERE key = 'format'", &[])?;
    let found: Option<String> = rows.first().and_then(|row| row.try_get(0).ok());
    if found.as_deref() == Some(DERIVED_VERSION.to_string().as_str()) {
        return Ok(());
    }
    Err(StoreError::Unusable(format!(
        "the derived state was written by another version of skein (format {}, this one knows {DERIVED_VERSION}); make it \
         again from the journal with `skein rebuild`",
        found.unwrap_or_default()
    )))
}
