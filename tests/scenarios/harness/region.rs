//! A region of its own for each story: a temporary folder, a configuration, the real binary.

use super::{database::Database, http, mllp};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// The access token of the FHIR feed of the practice.
pub const GP_TOKEN: &str = "the practice's own token";
/// The access token of the FHIR feed of the council.
pub const COUNCIL_TOKEN: &str = "the council's own token";
/// The access token of the system that reads.
pub const READER_TOKEN: &str = "the reader's own token";

/// How to set a region up.
#[derive(Default)]
pub struct Setup {
    /// More lines for the configuration file.
    pub more: String,
    /// Put the data folder on a disk of this size that only this region sees.
    pub disk: Option<Disk>,
    /// Journal, audit trail and derived state in PostgreSQL rather than in files.
    pub postgres: bool,
    /// Megabytes of its disk that are kept free.
    pub keep_free_mb: u64,
}

/// A disk of the region's own.
#[derive(Clone, Copy)]
pub enum Disk {
    /// So many bytes.
    Small(u64),
    /// Nothing can be written.
    ReadOnly,
    /// So many bytes, and it is not the data that lies there but the backup, in the folder `backup`.
    Backup(u64),
}

/// A region: its folder, and the process that serves it while it runs.
pub struct Region {
    folder: TempDir,
    disk: Option<Disk>,
    running: Option<Running>,
    database: Option<Database>,
}

struct Running {
    child: Child,
    feeds: BTreeMap<String, SocketAddr>,
    http: SocketAddr,
    metrics: Option<SocketAddr>,
}

/// How a process that should have served ended instead.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// What it said on standard error.
    pub said: String,
}

impl Region {
    /// A region with a hospital, a laboratory, a practice and a council, served.
    pub fn start() -> Region {
        Region::start_with(Setup::default())
    }

    /// As told.
    pub fn start_with(setup: Setup) -> Region {
        let mut region = Region::prepared(setup);
        region.serve();
        region
    }

    /// Configured, not yet served.
    pub fn prepared(setup: Setup) -> Region {
        let folder = tempfile::Builder::new().prefix("skein-story-").tempdir().unwrap();
        let database = setup.postgres.then(Database::new);
        let store = database.as_ref().map(|database| format!("store = \"{}\"", database.address()));
        let store = format!("keep_free_mb = {}\n{}", setup.keep_free_mb, store.unwrap_or_default());
        let configuration = configuration(&store, &setup.more);
        std::fs::write(folder.path().join("skein.toml"), configuration).unwrap();
        let region = Region { folder, disk: setup.disk, running: None, database };
        if region.database.is_some() {
            let (made, told, said) = region.skein(&["init"]);
            assert!(made && told.contains("the tables are up to date"), "{told}{said}");
        }
        region
    }

    /// Another process of the same region, with the same database and a data folder of its own; not yet served.
    pub fn beside(&self) -> Region {
        let folder = tempfile::Builder::new().prefix("skein-story-").tempdir().unwrap();
        std::fs::copy(self.config(), folder.path().join("skein.toml")).unwrap();
        Region { folder, disk: None, running: None, database: None }
    }

    /// The number of the process that serves it.
    pub fn process(&self) -> u32 {
        self.running.as_ref().unwrap().child.id()
    }

    /// Wait until it ends by itself; gives the exit status.
    pub fn ended(&mut self) -> ExitStatus {
        let mut running = self.running.take().unwrap();
        running.child.wait().unwrap()
    }

    /// Its database in PostgreSQL.
    pub fn database(&self) -> &Database {
        self.database.as_ref().unwrap()
    }

    /// Whether it has one.
    pub fn on_postgres(&self) -> bool {
        self.database.is_some()
    }

    /// Change something of one of its stores (`journal`, `audit`, `derived`) behind its back.
    pub fn tamper(&self, store: &str, sql: &str) {
        match &self.database {
            Some(database) => drop(database.sql(&format!("SET search_path = skein_{store}; {sql}"))),
            None => {
                let file = self.folder().join(format!("data/{store}.db"));
                assert!(rusqlite::Connection::open(file).unwrap().execute(sql, []).unwrap() > 0);
            }
        }
    }

    /// Throw the derived state away, while nobody serves it.
    pub fn lose_derived(&self) {
        match &self.database {
            Some(database) => drop(database.sql("DROP SCHEMA skein_derived CASCADE")),
            None => {
                for name in ["derived.db", "derived.db-wal", "derived.db-shm"] {
                    let _ = std::fs::remove_file(self.folder().join("data").join(name));
                }
            }
        }
    }

    /// The folder with `skein.toml` and `data`.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("skein.toml")
    }

    /// Serve it; fails when it does not come up.
    pub fn serve(&mut self) {
        if let Err(ended) = self.try_serve() {
            panic!("the region did not start: {ended:?}");
        }
    }

    /// Serve it, or say how it ended.
    pub fn try_serve(&mut self) -> Result<(), Ended> {
        assert!(self.running.is_none(), "it is being served already");
        let mut command = self.command();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stderr = child.stderr.take().unwrap();
        let log = self.folder.path().join("log");
        let log_thread = std::thread::spawn(move || keep(stderr, &log));
        let (lines, said) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| lines.send(line)));
        let (mut feeds, mut metrics) = (BTreeMap::new(), None);
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            match said.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                // `feed NAME at ADDRESS (…)`, and last `pages and FHIR API at http(s)://ADDRESS/`.
                Ok(line) => {
                    if let Some(rest) = line.strip_prefix("feed ") {
                        let words: Vec<&str> = rest.split(' ').collect();
                        if let Ok(address) = words[2].parse() {
                            feeds.insert(words[0].to_owned(), address);
                        }
                    } else if let Some(rest) = line.strip_prefix("metrics at ") {
                        metrics = rest.trim_end_matches("/metrics").parse().ok();
                    } else if let Some((_, rest)) = line.split_once("://") {
                        let http = rest.trim_end_matches('/').parse().unwrap();
                        self.running = Some(Running { child, feeds, http, metrics });
                        return Ok(());
                    }
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    let status = child.wait().unwrap();
                    return Err(Ended { status, said: log_thread.join().unwrap() });
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    let _ = child.kill();
                    panic!("the region did not say where it serves within 60 s");
                }
            }
        }
    }

    fn command(&self) -> Command {
        let skein = env!("CARGO_BIN_EXE_skein");
        let config = self.config();
        let Some(disk) = self.disk else {
            let mut command = Command::new(skein);
            command.arg("serve").arg("--config").arg(config);
            return command;
        };
        let data = self.folder.path().join(if let Disk::Backup(_) = disk { "backup" } else { "data" });
        std::fs::create_dir_all(&data).unwrap();
        let options = match disk {
            Disk::Small(bytes) | Disk::Backup(bytes) => format!("size={bytes}"),
            Disk::ReadOnly => "ro".to_owned(),
        };
        // A mount of its own name space goes when the process goes.
        let script = format!(
            "mount -t tmpfs -o {options} tmpfs '{}' || exit 99; exec '{skein}' serve --config '{}'",
            data.display(),
            config.display()
        );
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c", &script]);
        command
    }

    /// Where the region's data lies, seen from here while it is served, also on a disk of its own.
    pub fn data_from_outside(&self) -> PathBuf {
        self.seen("data")
    }

    /// Where its backup lies, seen from here while it is served.
    pub fn backup_from_outside(&self) -> PathBuf {
        self.seen("backup")
    }

    fn seen(&self, name: &str) -> PathBuf {
        let data = self.folder.path().join(name);
        match self.disk {
            None => data,
            Some(_) => {
                let pid = self.running.as_ref().unwrap().child.id();
                PathBuf::from(format!("/proc/{pid}/root{}", data.display()))
            }
        }
    }

    /// What the program said on standard error so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Stop as Ctrl-C does; gives the exit status.
    pub fn stop(&mut self) -> ExitStatus {
        let mut running = self.running.take().unwrap();
        let pid = running.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        running.child.wait().unwrap()
    }

    /// kill -9.
    pub fn kill(&mut self) {
        let mut running = self.running.take().unwrap();
        running.child.kill().unwrap();
        running.child.wait().unwrap();
    }

    /// Run another command on this region, for instance `verify`; gives success, standard output, standard error.
    pub fn skein(&self, arguments: &[&str]) -> (bool, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_skein"))
            .args(arguments)
            .arg("--config")
            .arg(self.config())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.success(), text(output.stdout), text(output.stderr))
    }

    /// Where a feed listens.
    pub fn feed(&self, name: &str) -> SocketAddr {
        let running = self.running.as_ref().unwrap();
        *running.feeds.get(name).unwrap_or_else(|| panic!("no feed {name} among {:?}", running.feeds))
    }

    /// A connection to a feed.
    pub fn sender(&self, feed: &str) -> mllp::Sender {
        mllp::Sender::to(self.feed(feed))
    }

    /// Where pages and the FHIR API are.
    pub fn http(&self) -> SocketAddr {
        self.running.as_ref().unwrap().http
    }

    /// Where a monitor reads, if anywhere.
    pub fn metrics(&self) -> Option<SocketAddr> {
        self.running.as_ref().unwrap().metrics
    }

    /// A FHIR request with a token. `path` begins after `/fhir`.
    pub fn fhir(&self, token: &str, method: &str, path: &str, body: &[u8]) -> http::Response {
        let bearer = format!("Bearer {token}");
        let mut headers = vec![("Authorization", bearer.as_str()), ("Accept", "application/fhir+json")];
        if !body.is_empty() {
            headers.push(("Content-Type", "application/fhir+json"));
        }
        http::request(self.http(), method, &format!("/fhir{path}"), &headers, body)
    }

    /// Read through the FHIR API as the reading system; gives the JSON of a 200.
    pub fn read(&self, path: &str) -> Value {
        self.until_caught_up();
        self.fhir(READER_TOKEN, "GET", path, b"").expect(200).json()
    }

    /// All resources of a search or an operation, page after page.
    pub fn read_all(&self, path: &str) -> Vec<Value> {
        let mut found = Vec::new();
        let mut bundle = self.read(path);
        loop {
            found.extend(bundle["entry"].as_array().into_iter().flatten().map(|entry| entry["resource"].clone()));
            let links = bundle["link"].as_array().cloned().unwrap_or_default();
            let Some(next) = links.iter().find(|link| link["relation"] == "next") else { return found };
            let next = next["url"].as_str().unwrap();
            let path = next.split_once("/fhir").unwrap().1.to_owned();
            bundle = self.fhir(READER_TOKEN, "GET", &path, b"").expect(200).json();
        }
    }

    /// The one patient in use with this NHS number: its id. Those merged into it are left out.
    pub fn patient_by_nhs_number(&self, number: &str) -> String {
        let found = self.read(&format!("/Patient?identifier=https://fhir.nhs.uk/Id/nhs-number%7C{number}"));
        let patients = found["entry"].as_array().into_iter().flatten().map(|entry| &entry["resource"]);
        let patients: Vec<&Value> = patients.filter(|patient| patient["active"] != false).collect();
        assert_eq!(patients.len(), 1, "one patient has this number: {patients:#?}");
        patients[0]["id"].as_str().unwrap().to_owned()
    }

    /// Wait until everything received has been processed.
    pub fn until_caught_up(&self) {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            let health = http::request(self.http(), "GET", "/health", &[], b"").expect(200).json();
            if health["processed"] == health["received"] {
                return;
            }
            assert!(Instant::now() < deadline, "still not caught up after 120 s: {health}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        if let Some(mut running) = self.running.take() {
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
        if std::thread::panicking() {
            let log = self.log();
            let tail = log.lines().rev().take(30).collect::<Vec<_>>();
            for line in tail.iter().rev() {
                println!("log: {line}");
            }
        }
    }
}

fn keep(mut from: impl Read, log: &Path) -> String {
    let mut file = std::fs::File::options().create(true).append(true).open(log).unwrap();
    let mut all = Vec::new();
    let mut chunk = [0u8; 4096];
    while let Ok(n) = from.read(&mut chunk) {
        if n == 0 {
            break;
        }
        all.extend_from_slice(&chunk[..n]);
        let _ = std::io::Write::write_all(&mut file, &chunk[..n]);
    }
    String::from_utf8_lossy(&all).into_owned()
}

fn hash(token: &str) -> String {
    format!("blake3:{}", blake3::hash(token.as_bytes()).to_hex())
}

fn configuration(store: &str, more: &str) -> String {
    format!(
        r#"
[region]
code = "story"
name = "A story's region"
data = "data"
{store}

[http]
address = "127.0.0.1:0"

[[feed]]
name = "rcb-adt"
source = "rcb"
mllp = "127.0.0.1:0"

[[feed]]
name = "anything"
source = "rcb"
mllp = "127.0.0.1:0"
acknowledge = "original"

[[feed]]
name = "lab-oru"
source = "lab"
mllp = "127.0.0.1:0"

[[feed]]
name = "gp"
source = "gp"
token_hash = "{gp}"

[[feed]]
name = "council"
source = "council"
token_hash = "{council}"

[[client]]
id = "reader"
name = "A system that reads"
organisation_code = "X26"
organisation_name = "The region's programme"
token_hash = "{reader}"
reach = "region"

{sources}
{more}
"#,
        gp = hash(GP_TOKEN),
        council = hash(COUNCIL_TOKEN),
        reader = hash(READER_TOKEN),
        sources = SOURCES,
    )
}

const SOURCES: &str = r#"
[[source]]
source = "rcb"
name = "Riverside Hospital"
kind = "hospital"
ods = "RCB"

[[source]]
source = "lab"
name = "Regional laboratory"
kind = "laboratory"
ods = "R0A"

[[source]]
source = "gp"
name = "Kingsway Practice"
kind = "gp"
ods = "Y06601"

[[source]]
source = "council"
name = "Borough Council"
kind = "council"
ods = "719"
"#;
