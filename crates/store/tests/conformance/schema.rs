//! The tables of PostgreSQL and the statements said to them keep the rules by which they may be spread over machines.

use crate::{audit, comparing, derived, home::Home, journal, people};
use std::collections::BTreeMap;
use store::{Folder, StoreError};

/// Stands for the Citus extension: notes what is asked of it.
const CITUS: &str = "CREATE TABLE public.spread (name TEXT, by TEXT);
    CREATE FUNCTION public.create_distributed_table(name TEXT, by TEXT) RETURNS void LANGUAGE sql AS
      'INSERT INTO public.spread VALUES (name, by)';
    CREATE FUNCTION public.create_reference_table(name TEXT) RETURNS void LANGUAGE sql AS
      'INSERT INTO public.spread VALUES (name, NULL)';";

/// Questions that are about no one patient (journal position, audit entry): each asks all machines, and needs an index. What
/// is not here names the column its table is spread by.
const ACROSS: &[&str] = &[
    // Who is this? By NHS number, name, postcode, identifier; everybody, when the index in memory is made.
    "SELECT p.patient, l.person FROM patient p JOIN link l",
    "SELECT p.patient, l.person, p.facts FROM patient p",
    "SELECT p.patient, l.person, l.seq_from, s.name, p.facts FROM patient p",
    "SELECT l.patient, l.person, l.seq_from, l.reason FROM link l",
    "SELECT patient, kind, local FROM identifier WHERE hash = $1",
    // Which patients are this person? A person has few, and they lie where the patients do.
    "FROM link WHERE person = $1",
    "FROM merged WHERE survivor = $1",
    // The other side of a pair, or of a move.
    "UNION ALL SELECT a, b",
    "FROM move WHERE (patient = $1 OR target = $1)",
    "OR EXISTS (SELECT $2 FROM move WHERE target = $1)",
    "FROM assertion WHERE seq_from = $1",
    // Queues, counts, and what is read in order of time.
    "FROM review WHERE status = $1",
    "SELECT kind, status, count(*) FROM review",
    "FROM lane",
    "FROM problem p JOIN source s",
    "FROM problem WHERE lane = $1",
    "FROM applied WHERE seq > $1",
    "FROM applied WHERE seq >= $1",
    "FROM applied WHERE feed =",
    "count(",
    "MAX(pos)",
    "max(pos)",
    "FROM entry WHERE ident = $1",
    "FROM entry WHERE pos >= $1",
    "FROM entry WHERE n > $1",
    "FROM entry ORDER BY n",
    "MAX(n)",
    "FROM entry WHERE person = $1",
    "FROM entry WHERE \"user\" = $1",
    "FROM matter WHERE",
    "FROM matter m",
    // Comparing walks whole tables.
    ") > ($1",
    "LIMIT 1000",
];

#[test]
fn what_grows_with_people_is_spread_by_patient_and_every_statement_keeps_to_it() {
    let mut home = Home::empty_postgres();
    let database = home.database.take().unwrap();
    database.sql(CITUS);
    database.sql("CREATE EXTENSION pg_stat_statements SCHEMA public; SELECT public.pg_stat_statements_reset();");
    home.database = Some(database);
    let migrated = home.server().unwrap().init().unwrap();
    assert!(migrated.spread && migrated.steps > 0);
    assert_eq!(home.server().unwrap().init().unwrap().steps, 0, "once");
    for story in [journal::STORIES, audit::STORIES, derived::STORIES, people::STORIES, comparing::STORIES].concat() {
        story(&home);
    }
    let database = home.database.as_ref().unwrap();

    let spread: BTreeMap<String, Option<String>> = database
        .sql("SELECT DISTINCT name, by FROM public.spread WHERE name !~ 'skein_derived_'")
        .lines()
        .filter_map(|line| line.split_once('|'))
        .map(|(name, by)| (name.to_owned(), (!by.is_empty()).then(|| by.to_owned())))
        .collect();
    let tables = database.sql(
        "SELECT table_schema || '.' || table_name FROM information_schema.tables
         WHERE table_schema IN ('skein_journal', 'skein_audit', 'skein_derived')",
    );
    for table in tables.lines() {
        assert!(spread.contains_key(table), "{table} is neither spread nor everywhere");
    }
    let growing: BTreeMap<&str, (&str, &str)> = spread
        .iter()
        .filter_map(|(name, by)| Some((name.split_once('.')?, by.as_deref()?)))
        .map(|((schema, table), by)| (table, (schema, by)))
        .collect();
    assert!(growing.len() > 12);

    // Every unique key holds the column.
    for (table, by) in spread.iter().filter_map(|(table, by)| Some((table, by.as_deref()?))) {
        let keys = database.sql(&format!(
            "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = '{table}'::regclass AND indisunique"
        ));
        assert!(!keys.is_empty(), "{table} has no key");
        for key in keys.lines() {
            let columns = key.split_once('(').unwrap().1.trim_end_matches(')');
            assert!(columns.split(", ").any(|column| column == by), "{table} is spread by {by}: {key}");
        }
    }

    let said = database.sql(
        "SELECT DISTINCT regexp_replace(query, '\\s+', ' ', 'g') FROM public.pg_stat_statements s
         JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = current_database()
         AND query ~ '^(SELECT|INSERT|UPDATE|DELETE|DECLARE)' AND query !~ 'pg_|public\\.|information_schema|skein\\.|replace\\('",
    );
    let mut checked = 0;
    let mut strays = Vec::new();
    for sql in said.lines() {
        let words: Vec<&str> = sql.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
        // The two tables called `entry` are told apart by their columns.
        let by = |table: &str| match table {
            "entry" if words.contains(&"n") || words.contains(&"hash") => Some("n"),
            "entry" => Some("pos"),
            table => growing.get(table).map(|(_, by)| *by),
        };
        let after =
            |word: &str| words.iter().position(|found| *found == word).and_then(|at| words.get(at + 1).copied());
        if let Some(table) = sql.starts_with("INSERT").then(|| after("INTO")).flatten()
            && let Some(by) = by(table)
        {
            let columns = sql.split_once('(').unwrap().1.split_once(')').unwrap().0;
            assert!(columns.split(", ").any(|column| column == by), "{sql}");
            if let Some((_, conflict)) = sql.split_once("ON CONFLICT (") {
                let (key, sets) = conflict.split_once(')').unwrap();
                assert!(key.split(", ").any(|column| column == by), "{sql}");
                assert!(!sets.contains(&format!(" {by} = ")), "changes where a row lies: {sql}");
            }
            checked += 1;
        } else if let Some(table) = ["UPDATE", "DELETE"]
            .iter()
            .find(|verb| sql.starts_with(**verb))
            .and_then(|verb| after(if *verb == "DELETE" { "FROM" } else { verb }))
            && let Some(by) = by(table)
        {
            let (sets, condition) = sql.split_once("WHERE").unwrap();
            assert!(!sets.contains(&format!(" {by} = ")), "changes where a row lies: {sql}");
            assert!(condition.contains(&format!("{by} = $")), "asks every machine: {sql}");
            checked += 1;
        } else if sql.starts_with("SELECT") || sql.starts_with("DECLARE") {
            let tables: Vec<&str> = words
                .windows(2)
                .filter(|pair| matches!(pair[0], "FROM" | "JOIN"))
                .map(|pair| pair[1])
                .filter(|table| by(table).is_some())
                .collect();
            if tables.is_empty() || ACROSS.iter().any(|known| sql.contains(known)) {
                continue;
            }
            for table in tables {
                let by = by(table).unwrap();
                if !sql.contains(&format!("{by} = $")) {
                    strays.push(sql);
                }
            }
            checked += 1;
        }
    }
    assert!(strays.is_empty(), "they ask every machine and are not known to:\n{}", strays.join("\n"));
    assert!(checked > 40, "{checked} statements checked of {}", said.lines().count());
}

#[test]
fn a_database_without_a_region_says_what_to_do() {
    let home = Home::empty_postgres();
    let folder = tempfile::tempdir().unwrap();
    let said = Folder::hold_with(folder.path(), home.server()).unwrap_err().to_string();
    assert!(said.contains("skein init"), "{said}");
    home.server().unwrap().init().unwrap();
    home.database.as_ref().unwrap().sql("INSERT INTO skein.migration (number, name) VALUES (1000, 'later')");
    let said = Folder::hold_with(folder.path(), home.server()).unwrap_err();
    assert!(matches!(said, StoreError::Unusable(_)) && said.to_string().contains("later version"), "{said}");
}

#[test]
fn two_that_make_the_tables_at_once_make_them_once() {
    let home = Home::empty_postgres();
    let steps: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| home.server().unwrap().init().unwrap().steps)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let migrations = home.database.as_ref().unwrap().sql("SELECT count(*) FROM skein.migration");
    assert_eq!(migrations, steps.to_string());
}
