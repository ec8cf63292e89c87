//! The region that is broken: a folder, a configuration, and the process that serves it while it runs.

use crate::{
    failure::{Failure, Outcome},
    served::{Process, START_SECONDS_MAX, found},
};
use std::{
    io::{Seek, SeekFrom, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use store::{Folder, Server, journal::JournalReader};

/// What the practice's system shows to be let in.
pub const TOKEN: &str = "the practice's token in a region that is tortured";

/// The database that is made for it.
const DATABASE: &str = "skein_bench_torture";

/// A database of its own.
struct Database {
    /// Where it was made, and is thrown away.
    home: Server,
    server: Server,
    address: String,
    restart: Option<String>,
}

/// A region that is broken.
pub struct Region {
    folder: PathBuf,
    database: Option<Database>,
    processes: Vec<Process>,
}

impl Region {
    /// Configured, not served. The folder must be new or empty. `on`: the address of a server of PostgreSQL, for a database that
    /// two processes share, and what restarts it. `clock`: libfaketime, for clocks that jump.
    pub fn new(folder: PathBuf, on: Option<&(String, Option<String>)>, clock: Option<PathBuf>) -> Outcome<Self> {
        let taken = std::fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some());
        if taken {
            return Err(Failure::asked(format!(
                "{} is not empty: a region is made there and broken; name a new folder",
                folder.display()
            )));
        }
        let database = on.map(|(address, restart)| database(address, restart.clone())).transpose()?;
        std::fs::create_dir_all(folder.join("backup")).map_err(found("cannot make the folder"))?;
        let mut processes = vec![Process::new(folder.clone(), clock.clone())];
        if database.is_some() {
            processes.push(Process::new(folder.join("second"), clock));
        }
        let region = Region { folder, database, processes };
        let (identity, recipient) = ::backup::new_identity();
        std::fs::write(region.identity(), identity).map_err(found("cannot write the key of the backup"))?;
        let store = region.database.as_ref().map(|database| database.address.as_str());
        let backup = region.folder.join("backup");
        for process in &region.processes {
            process.configure(&configuration(&recipient, &backup, store))?;
            process.set_clock(0)?;
        }
        Ok(region)
    }

    /// Whether two processes serve it on one database.
    pub fn is_on_database(&self) -> bool {
        self.database.is_some()
    }

    /// The folder with the configuration and the data.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn identity(&self) -> PathBuf {
        self.folder.join("identity")
    }

    /// The region, to look.
    pub fn visit(&self) -> Outcome<Folder> {
        let server = self.database.as_ref().map(|database| database.server.clone());
        Ok(Folder::visit_with(&self.data(), server)?)
    }

    /// The backup that was taken all the while is whole, opens, and ends where the journal does: the region was stopped. Of two
    /// processes each has one, and the one of whoever applied last does.
    pub fn backed_up(&self) -> Outcome {
        let identities = ::backup::Identities::read(&self.identity())?;
        let backup = self.folder.join("backup");
        let mut folders = vec![backup.clone()];
        let within = std::fs::read_dir(&backup).map_err(found("cannot read the backup"))?;
        folders.extend(
            within
                .flatten()
                .filter(|one| one.file_name().as_encoded_bytes().starts_with(b"process-"))
                .map(|one| one.path()),
        );
        let mut ends = 0;
        for folder in folders {
            ends = ends.max(::backup::check(&folder, Some(&identities), &mut |_, _, _| {})?.journal.entries);
        }
        let head = JournalReader::open(&self.visit()?)?.head()?;
        if ends == head {
            return Ok(());
        }
        Err(Failure::found(format!(
            "the journal ends at {head} and its backup at {ends}; the region is in {}",
            self.folder.display()
        )))
    }

    /// The data folder of the first process.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn first(&self) -> Outcome<&Process> {
        self.processes.first().ok_or_else(|| Failure::found("the region has no process"))
    }

    /// Serve it, every process that is not running.
    pub fn serve(&mut self) -> Outcome {
        self.processes.iter_mut().try_for_each(Process::serve)
    }

    /// Where messages and bundles go, of each process.
    pub fn addresses(&self) -> Outcome<Vec<(SocketAddr, SocketAddr)>> {
        let to: Vec<_> = self.processes.iter().filter_map(Process::address).collect();
        if to.is_empty() { Err(Failure::found("the region is not served")) } else { Ok(to) }
    }

    /// kill -9, every process.
    pub fn kill(&mut self) -> Outcome {
        self.processes.iter_mut().try_for_each(Process::kill)
    }

    /// kill -9, one of them.
    pub fn kill_one(&mut self, which: usize) -> Outcome {
        self.processes.get_mut(which).map_or(Ok(()), Process::kill)
    }

    /// Tell every process something.
    pub fn signal(&self, name: &str) -> Outcome {
        self.processes.iter().try_for_each(|process| process.signal(name))
    }

    /// Tell one of them something.
    pub fn signal_one(&self, which: usize, name: &str) -> Outcome {
        self.processes.get(which).map_or(Ok(()), |process| process.signal(name))
    }

    /// Set the clock of one of them so many seconds off, if there is that one.
    pub fn jump_clock(&self, which: usize, seconds: i64) -> Outcome {
        self.processes.get(which).map_or(Ok(()), |process| process.set_clock(seconds))
    }

    /// Stop it as an upgrade does, one process after the other.
    pub fn stop(&mut self) -> Outcome {
        self.processes.iter_mut().try_for_each(Process::stop)
    }

    /// Begin something and kill it after a while.
    pub fn kill_after(&self, arguments: &[&str], after: Duration) -> Outcome {
        let process = self.first()?;
        let mut command = process.command(arguments);
        let mut child =
            command.stdout(Stdio::null()).stderr(process.log()?).spawn().map_err(found("cannot start skein"))?;
        std::thread::sleep(after);
        let _ = child.kill();
        child.wait().map_err(found("the process did not die"))?;
        Ok(())
    }

    /// What is derived is what the journal gives, and the audit trail is whole.
    pub fn verify(&self) -> Outcome {
        let output = self.first()?.command(&["verify"]).output().map_err(found("cannot start skein"))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(Failure::found(format!("skein verify found: {said}; the region is in {}", self.folder.display())))
    }

    /// The database cuts every connection.
    pub fn cut_off(&self) -> Outcome {
        match &self.database {
            Some(database) => Ok(database.server.cut_off()?),
            None => Ok(()),
        }
    }

    /// The database is restarted; where nothing is known that does it, it cuts every connection.
    pub fn restart_database(&self) -> Outcome {
        let Some(restart) = self.database.as_ref().and_then(|database| database.restart.as_ref()) else {
            return self.cut_off();
        };
        let mut command = Command::new("sh");
        command.args(["-c", restart]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let done = command.status().map_err(found("cannot run what restarts the database"))?;
        if done.success() {
            Ok(())
        } else {
            Err(Failure::found(format!("what restarts the database ended with {done}")))
        }
    }

    /// Throw away what was made for it.
    pub fn throw_away(mut self) -> Outcome {
        self.kill()?;
        if let Some(database) = &self.database {
            database.home.throw_away(DATABASE)?;
        }
        let _ = std::fs::remove_dir_all(&self.folder);
        Ok(())
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

    /// Wait until all that is in the journal is processed. A process that another took the place of ends when it finds out, and is
    /// started again.
    pub fn caught_up(&mut self) -> Outcome {
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
        loop {
            self.serve()?;
            let (_, http) = *self.addresses()?.first().ok_or_else(|| Failure::found("the region is not served"))?;
            let said = match super::senders::request(http, "GET", "/health", None, b"") {
                Ok((status, body)) => {
                    let health: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
                    let processed =
                        health.get("received").is_some() && health.get("received") == health.get("processed");
                    if status == 200 && processed {
                        return Ok(());
                    }
                    health.to_string()
                }
                Err(error) => error.to_string(),
            };
            if Instant::now() > deadline {
                return Err(Failure::found(format!("the region does not come to the end of its journal: {said}")));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
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

/// A new, empty database with the tables of a region.
fn database(address: &str, restart: Option<String>) -> Outcome<Database> {
    if address.contains("://") {
        return Err(Failure::asked(
            "--store: give the server as key=value pairs, as in 'host=/run/postgresql user=skein'",
        ));
    }
    let at = |name: &str| Server::parse(&format!("{address} dbname={name}"), None, None);
    let home = at("postgres")?;
    let server = home.scratch(DATABASE)?;
    server.init()?;
    Ok(Database { home, server, address: format!("{address} dbname={DATABASE}"), restart })
}

fn configuration(recipient: &str, backup: &Path, store: Option<&str>) -> String {
    let backup = backup.display();
    let store = store.map_or_else(String::new, |address| format!("store = \"{address}\""));
    let token = blake3::hash(TOKEN.as_bytes()).to_hex();
    format!(
        r#"[region]
code = "torture"
name = "A region that is broken on purpose"
data = "data"
{store}

[http]
address = "127.0.0.1:0"

[backup]
to = "{backup}"
recipients = ["{recipient}"]
every = "1s"
derived = "20s"

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
