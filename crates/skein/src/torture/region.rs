//! The region that is broken: a folder, a configuration, and the process that serves it while it runs.

use crate::failure::{Failure, Outcome, io_words};
use std::{
    io::{BufRead, BufReader, Seek, SeekFrom, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};
use store::{Folder, journal::JournalReader};

/// What the practice's system shows to be let in.
pub const TOKEN: &str = "the practice's token in a region that is tortured";
/// How long a start may take.
const START_SECONDS_MAX: u64 = 120;

struct Running {
    child: Child,
    feed: SocketAddr,
    http: SocketAddr,
}

/// A region that is broken.
pub struct Region {
    folder: PathBuf,
    running: Option<Running>,
}

fn found(what: &str) -> impl FnOnce(std::io::Error) -> Failure + '_ {
    move |error| Failure::found(format!("{what}: {}", io_words(&error)))
}

impl Region {
    /// Configured, not served. The folder must be new or empty.
    pub fn new(folder: PathBuf) -> Outcome<Self> {
        let taken = std::fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some());
        if taken {
            return Err(Failure::asked(format!(
                "{} is not empty: a region is made there and broken; name a new folder",
                folder.display()
            )));
        }
        std::fs::create_dir_all(folder.join("backup")).map_err(found("cannot make the folder"))?;
        let region = Region { folder, running: None };
        let (identity, recipient) = ::backup::new_identity();
        std::fs::write(region.identity(), identity).map_err(found("cannot write the key of the backup"))?;
        std::fs::write(region.config(), configuration(&recipient)).map_err(found("cannot write the configuration"))?;
        Ok(region)
    }

    /// The folder with the configuration and the data.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn config(&self) -> PathBuf {
        self.folder.join("skein.toml")
    }

    fn identity(&self) -> PathBuf {
        self.folder.join("identity")
    }

    /// The backup that was taken all the while is whole, opens, and ends where the journal does: the region was stopped.
    pub fn backed_up(&self) -> Outcome {
        let identities = ::backup::Identities::read(&self.identity())?;
        let found = ::backup::check(&self.folder.join("backup"), Some(&identities), &mut |_, _, _| {})?;
        let head = JournalReader::open(&Folder::visit(&self.data())?)?.head()?;
        if found.journal.entries == head {
            return Ok(());
        }
        Err(Failure::found(format!(
            "the journal ends at {head} and its backup at {}; the region is in {}",
            found.journal.entries,
            self.folder.display()
        )))
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn command(&self, arguments: &[&str]) -> Outcome<Command> {
        // This very program, also when its file is replaced meanwhile.
        let mut command = Command::new("/proc/self/exe");
        command.args(arguments).arg("--config").arg(self.config()).stdin(Stdio::null());
        Ok(command)
    }

    fn log(&self) -> Outcome<std::fs::File> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.folder.join("log"));
        log.map_err(found("cannot write the log"))
    }

    /// Serve it, and wait until it says where.
    pub fn serve(&mut self) -> Outcome {
        let mut child = self
            .command(&["serve"])?
            .stdout(Stdio::piped())
            .stderr(self.log()?)
            .spawn()
            .map_err(found("cannot start skein"))?;
        let Some(stdout) = child.stdout.take() else { return Err(Failure::found("the region has no output")) };
        let (lines, said) = mpsc::channel();
        std::thread::spawn(move || {
            BufReader::new(stdout).lines().map_while(std::result::Result::ok).try_for_each(|line| lines.send(line))
        });
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
        let mut feed = None;
        loop {
            let line = said.recv_timeout(deadline.saturating_duration_since(Instant::now()));
            let Ok(line) = line else {
                let _ = child.kill();
                let _ = child.wait();
                let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                let last = log.lines().last().unwrap_or("nothing").to_owned();
                return Err(Failure::found(format!(
                    "the region did not start again; it said: {last}; it is in {}",
                    self.folder.display()
                )));
            };
            if let Some(rest) = line.strip_prefix("feed adt at ") {
                feed = rest.split(' ').next().and_then(|address| address.parse().ok());
            } else if let Some((_, rest)) = line.split_once("://")
                && let (Ok(http), Some(feed)) = (rest.trim_end_matches('/').parse(), feed)
            {
                self.running = Some(Running { child, feed, http });
                return Ok(());
            }
        }
    }

    /// Where messages and bundles go.
    pub fn addresses(&self) -> Outcome<(SocketAddr, SocketAddr)> {
        let running = self.running.as_ref().ok_or_else(|| Failure::found("the region is not served"))?;
        Ok((running.feed, running.http))
    }

    /// kill -9.
    pub fn kill(&mut self) -> Outcome {
        let Some(mut running) = self.running.take() else { return Ok(()) };
        running.child.kill().map_err(found("cannot kill the region"))?;
        running.child.wait().map_err(found("the region did not die"))?;
        Ok(())
    }

    /// Tell the process something.
    pub fn signal(&self, name: &str) -> Outcome {
        let Some(running) = &self.running else { return Ok(()) };
        let pid = running.child.id().to_string();
        let told = Command::new("kill").args([&format!("-{name}"), &pid]).status().map_err(found("cannot run kill"))?;
        if told.success() { Ok(()) } else { Err(Failure::found(format!("kill -{name} {pid} failed"))) }
    }

    /// Stop it as an upgrade does.
    pub fn stop(&mut self) -> Outcome {
        self.signal("INT")?;
        let Some(mut running) = self.running.take() else { return Ok(()) };
        let status = running.child.wait().map_err(found("the region did not stop"))?;
        if status.success() {
            Ok(())
        } else {
            Err(Failure::found(format!("told to stop, the region ended with {status}")))
        }
    }

    /// Begin something and kill it after a while.
    pub fn kill_after(&self, arguments: &[&str], after: Duration) -> Outcome {
        let mut command = self.command(arguments)?;
        let mut child =
            command.stdout(Stdio::null()).stderr(self.log()?).spawn().map_err(found("cannot start skein"))?;
        std::thread::sleep(after);
        let _ = child.kill();
        child.wait().map_err(found("the process did not die"))?;
        Ok(())
    }

    /// What is derived is what the journal gives, and the audit trail is whole.
    pub fn verify(&self) -> Outcome {
        let output = self.command(&["verify"])?.output().map_err(found("cannot start skein"))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(Failure::found(format!("skein verify found: {said}; the region is in {}", self.folder.display())))
    }

    /// Cut the end off a write-ahead log, as when the power fails before it is on disk. What a checkpoint has copied, or begun
    /// to copy, into the database was synced before and cannot be lost: so far the log stays.
    pub fn cut(&self, database: &str, bytes: u64) -> Outcome {
        let log = self.data().join(format!("{database}-wal"));
        let Ok(about) = std::fs::metadata(&log) else { return Ok(()) };
        let head = std::fs::read(self.data().join(format!("{database}-shm"))).unwrap_or_default();
        let kept = synced(&head, &start_of(&log).map_err(found("cannot read a log"))?);
        let file = std::fs::OpenOptions::new().write(true).open(&log).map_err(found("cannot tear a file"))?;
        file.set_len(about.len().saturating_sub(bytes).max(kept).min(about.len())).map_err(found("cannot tear a file"))
    }

    /// Put bytes behind the end of a file, where a write had only begun.
    pub fn append(&self, name: &str, bytes: &[u8]) -> Outcome {
        let path = self.data().join(name);
        let Ok(mut file) = std::fs::OpenOptions::new().write(true).open(&path) else { return Ok(()) };
        file.seek(SeekFrom::End(0)).map_err(found("cannot tear a file"))?;
        file.write_all(bytes).map_err(found("cannot tear a file"))
    }

    /// Wait until all that is in the journal is processed.
    pub fn caught_up(&self) -> Outcome {
        let (_, http) = self.addresses()?;
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
        loop {
            let (status, body) = super::senders::request(http, "GET", "/health", None, b"")
                .map_err(|error| Failure::found(format!("the region does not say how it is: {error}")))?;
            let health: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
            if status == 200 && health.get("received").is_some() && health.get("received") == health.get("processed") {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(Failure::found(format!("the region does not come to the end of its journal: {health}")));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// The header of a write-ahead log (SQLite file format, 4.1), as far as it is there.
fn start_of(log: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut start = Vec::new();
    std::fs::File::open(log)?.take(LOG_HEADER).read_to_end(&mut start)?;
    Ok(start)
}

const LOG_HEADER: u64 = 32;
const FRAME_HEADER: u64 = 24;

/// How many bytes of a log are on disk for certain, by its shared index (SQLite WAL-mode file format, 2.2: the numbers of
/// frames that were copied into the database, and that were begun to be, in the machine's byte order).
fn synced(index: &[u8], log: &[u8]) -> u64 {
    let four = |bytes: &[u8], at: usize| bytes.get(at..at + 4).and_then(|four| <[u8; 4]>::try_from(four).ok());
    let Some(page) = four(log, 8).map(u32::from_be_bytes) else { return 0 };
    let frames = [96, 128].into_iter().filter_map(|at| four(index, at).map(u32::from_ne_bytes)).max().unwrap_or(0);
    LOG_HEADER + u64::from(frames) * (FRAME_HEADER + u64::from(page))
}

fn configuration(recipient: &str) -> String {
    let token = blake3::hash(TOKEN.as_bytes()).to_hex();
    format!(
        r#"[region]
code = "torture"
name = "A region that is broken on purpose"
data = "data"

[http]
address = "127.0.0.1:0"

[backup]
to = "backup"
recipients = ["{recipient}"]
every = "1s"

[[feed]]
name = "adt"
source = "hospital"
mllp = "127.0.0.1:0"

[[feed]]
name = "gp"
source = "practice"
token_hash = "blake3:{token}"

[[source]]
source = "hospital"
name = "Hospital"
kind = "hospital"
ods = "RXT"

[[source]]
source = "practice"
name = "Practice"
kind = "gp"
ods = "X99999"
"#
    )
}
