//! PostgreSQL servers of a test's own, beside the one that all tests share: a copy that follows it, some seconds behind; and one
//! on the network that speaks TLS alone.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// A server's folder and programs; it is stopped with this.
struct Server {
    home: TempDir,
    programs: PathBuf,
}

impl Server {
    fn new(prefix: &str) -> Server {
        let programs =
            PathBuf::from(std::env::var("PGPROGRAMS").expect("scripts/lib.sh says where PostgreSQL's programs are"));
        let home = tempfile::Builder::new().prefix(prefix).tempdir().unwrap();
        let server = Server { home, programs };
        server.hand_over(server.home.path());
        server
    }

    fn path(&self) -> String {
        self.home.path().display().to_string()
    }

    fn data(&self) -> String {
        format!("{}/data", self.path())
    }

    fn program(&self, name: &str) -> String {
        self.programs.join(name).display().to_string()
    }

    /// It is the server's, which is not run by root.
    fn hand_over(&self, path: &Path) {
        if rustix::process::getuid().is_root() {
            self.run("chown", &["postgres", &path.display().to_string()], false);
        }
    }

    fn start(&self, options: &str) {
        let log = format!("{}/log", self.path());
        self.control(&["--log", &log, "-o", options, "start"]);
    }

    /// Something said to it over its socket.
    fn say(&self, port: u16, statements: &[&str]) -> String {
        let mut psql = Command::new("psql");
        psql.args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-h",
            &self.path(),
            "-p",
            &port.to_string(),
            "-U",
            "postgres",
            "-d",
            "postgres",
        ]);
        for statement in statements {
            psql.args(["-c", statement]);
        }
        let output = psql.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn control(&self, arguments: &[&str]) {
        let data = self.data();
        let mut all = vec!["--pgdata", &data, "--wait", "--silent"];
        all.extend(arguments);
        self.run(&self.program("pg_ctl"), &all, true);
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

impl Drop for Server {
    fn drop(&mut self) {
        // Whatever becomes of it, the folder goes.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.control(&["--mode=immediate", "stop"])));
    }
}

/// A copy of the server that all tests share.
pub struct Standby(Server);

impl Standby {
    /// A copy of all there is now.
    pub fn start() -> Standby {
        let from = std::env::var("SKEIN_POSTGRES").expect("the tests' PostgreSQL runs");
        let server = Server::new("skein-standby-");
        server.run(
            &server.program("pg_basebackup"),
            &["-h", &from, "-U", "postgres", "-D", &server.data(), "-R", "-X", "stream", "-c", "fast", "--no-sync"],
            true,
        );
        let path = server.path();
        server.start(&format!("-c unix_socket_directories='{path}' -c hot_standby_feedback=on -c shared_buffers=32MB"));
        Standby(server)
    }

    /// The address of a database in it.
    pub fn address(&self, database: &str) -> String {
        format!("host={} user=postgres dbname={database}", self.0.path())
    }

    /// Hold what comes in back for so long before it is shown.
    pub fn be_behind(&self, by: &str) {
        let behind = format!("ALTER SYSTEM SET recovery_min_apply_delay = '{by}'");
        self.0.say(5432, &[&behind, "SELECT pg_reload_conf()"]);
    }
}

/// A server that is reached over the network, by TLS and a password alone. It has an empty database `skein`, of a user of that name.
pub struct Encrypted {
    server: Server,
    port: u16,
}

impl Encrypted {
    /// The password of the user `skein`.
    pub const PASSWORD: &str = "not one that anybody guesses";

    /// With a certificate and its key (PEM).
    pub fn start(certificate: &str, key: &str) -> Encrypted {
        let server = Server::new("skein-encrypted-");
        let data = server.data();
        server.run(
            &server.program("initdb"),
            &[
                "--pgdata",
                &data,
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
            ],
            true,
        );
        for (name, text) in [
            ("server.crt", certificate),
            ("server.key", key),
            ("pg_hba.conf", "local all postgres trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n"),
        ] {
            let path = Path::new(&data).join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
            server.hand_over(&path);
        }
        // Free a moment ago; another program that takes it first fails this test, and nothing else.
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let path = server.path();
        server.start(&format!(
            "-c unix_socket_directories='{path}' -c listen_addresses=127.0.0.1 -c port={port} -c ssl=on -c fsync=off \
             -c shared_buffers=32MB"
        ));
        let user = format!("CREATE ROLE skein LOGIN PASSWORD '{}'", Self::PASSWORD);
        server.say(port, &[&user, "CREATE DATABASE skein OWNER skein TEMPLATE template0"]);
        Encrypted { server, port }
    }

    /// Its port, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many connections there are of the user `skein`, and how many of them are encrypted.
    pub fn connections(&self) -> (u32, u32) {
        let said = self.server.say(
            self.port,
            &["SELECT count(*), count(*) FILTER (WHERE s.ssl) FROM pg_stat_activity a JOIN pg_stat_ssl s USING (pid)
               WHERE a.usename = 'skein'"],
        );
        let (all, encrypted) = said.split_once('|').unwrap();
        (all.parse().unwrap(), encrypted.parse().unwrap())
    }
}
