//! A copy of the tests' PostgreSQL that follows it, some seconds behind.

use std::{path::PathBuf, process::Command};
use tempfile::TempDir;

/// The copy; it is stopped with this.
pub struct Standby {
    home: TempDir,
    programs: PathBuf,
}

impl Standby {
    /// A copy of all there is now.
    pub fn start() -> Standby {
        let from = std::env::var("SKEIN_POSTGRES").expect("the tests' PostgreSQL runs");
        let programs =
            PathBuf::from(std::env::var("PGPROGRAMS").expect("scripts/lib.sh says where PostgreSQL's programs are"));
        let home = tempfile::Builder::new().prefix("skein-standby-").tempdir().unwrap();
        let standby = Standby { home, programs };
        let path = standby.home.path().display().to_string();
        if rustix::process::getuid().is_root() {
            standby.run("chown", &["postgres", &path], false);
        }
        let data = format!("{path}/data");
        let copy = standby.programs.join("pg_basebackup");
        standby.run(
            &copy.display().to_string(),
            &["-h", &from, "-U", "postgres", "-D", &data, "-R", "-X", "stream", "-c", "fast", "--no-sync"],
            true,
        );
        let options = format!("-c unix_socket_directories='{path}' -c hot_standby_feedback=on -c shared_buffers=32MB");
        let log = format!("{path}/log");
        standby.control(&["--log", &log, "-o", &options, "start"]);
        standby
    }

    /// The address of a database in it.
    pub fn address(&self, database: &str) -> String {
        format!("host={} user=postgres dbname={database}", self.home.path().display())
    }

    /// Hold what comes in back for so long before it is shown.
    pub fn be_behind(&self, by: &str) {
        let output = Command::new("psql")
            .args(["-X", "-q", "-h", &self.home.path().display().to_string(), "-U", "postgres", "-d", "postgres"])
            .args([
                "-c",
                &format!("ALTER SYSTEM SET recovery_min_apply_delay = '{by}'"),
                "-c",
                "SELECT pg_reload_conf()",
            ])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn control(&self, arguments: &[&str]) {
        let data = format!("{}/data", self.home.path().display());
        let mut all = vec!["--pgdata", &data, "--wait", "--silent"];
        all.extend(arguments);
        self.run(&self.programs.join("pg_ctl").display().to_string(), &all, true);
    }

    fn run(&self, program: &str, arguments: &[&str], as_postgres: bool) {
        let mut command = if as_postgres && rustix::process::getuid().is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--", program]);
            command
        } else {
            Command::new(program)
        };
        // Its descriptors are not held by whoever runs the tests.
        let status =
            command.args(arguments).stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null()).status();
        assert!(status.unwrap().success(), "{program} {arguments:?}");
    }
}

impl Drop for Standby {
    fn drop(&mut self) {
        // Whatever becomes of it, the folder goes.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.control(&["--mode=immediate", "stop"])));
    }
}
