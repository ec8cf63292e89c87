//! A database of its own for each test, in the PostgreSQL that `scripts/lib.sh` starts.

use std::{
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

/// A database; it is dropped with this.
pub struct Database {
    socket: String,
    name: String,
}

impl Database {
    /// A new, empty one.
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let socket = std::env::var("SKEIN_POSTGRES").unwrap_or_else(|_| {
            panic!(
                "these tests need a PostgreSQL: run ./test, or start one with `. scripts/lib.sh; start_postgres` (it sets \
                 SKEIN_POSTGRES) and end it with stop_postgres"
            )
        });
        let name = format!("skein_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let database = Database { socket, name };
        database.ask("postgres", &format!("CREATE DATABASE {} TEMPLATE template0", database.name));
        database
    }

    /// Its address, as a configuration file names it.
    pub fn address(&self) -> String {
        format!("host={} user=postgres dbname={}", self.socket, self.name)
    }

    /// Run SQL in it; gives what it said, a line a row, columns apart by `|`.
    pub fn sql(&self, sql: &str) -> String {
        self.ask(&self.name, sql)
    }

    fn ask(&self, database: &str, sql: &str) -> String {
        let output = Command::new("psql")
            .args([
                "-X",
                "-q",
                "-A",
                "-t",
                "-v",
                "ON_ERROR_STOP=1",
                "-h",
                &self.socket,
                "-U",
                "postgres",
                "-d",
                database,
            ])
            .args(["-c", sql])
            .stdin(Stdio::null())
            .output()
            .expect("psql runs");
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let _ = Command::new("psql")
            .args(["-X", "-q", "-h", &self.socket, "-U", "postgres", "-d", "postgres", "-c", &drop])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}
