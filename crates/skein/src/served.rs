//! A child process that serves a region: what `skein torture` breaks, and `skein bench processes` measures. Its configuration has a
//! feed `adt` that takes HL7 v2.

use crate::failure::{Failure, Outcome, io_words};
use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

/// How long a start may take, in seconds.
pub const START_SECONDS_MAX: u64 = 120;

struct Running {
    child: Child,
    feed: SocketAddr,
    http: SocketAddr,
}

/// A process of a region: its folder, with a configuration and data of its own.
pub struct Process {
    folder: PathBuf,
    running: Option<Running>,
    clock: Option<PathBuf>,
}

/// What was found wrong, with what the system says.
pub fn found(what: &str) -> impl FnOnce(std::io::Error) -> Failure + '_ {
    move |error| Failure::found(format!("{what}: {}", io_words(&error)))
}

impl Process {
    /// Of this folder. `clock`: libfaketime, where its clock may jump.
    pub fn new(folder: PathBuf, clock: Option<PathBuf>) -> Self {
        Process { folder, running: None, clock }
    }

    /// Write its configuration.
    pub fn configure(&self, text: &str) -> Outcome {
        std::fs::create_dir_all(&self.folder).map_err(found("cannot make the folder"))?;
        std::fs::write(self.config(), text).map_err(found("cannot write the configuration"))
    }

    /// Where it takes messages in, and where it shows; nothing where it is not running.
    pub fn address(&self) -> Option<(SocketAddr, SocketAddr)> {
        self.running.as_ref().map(|running| (running.feed, running.http))
    }

    /// Its number in the system, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.running.as_ref().map(|running| running.child.id())
    }

    fn config(&self) -> PathBuf {
        self.folder.join("skein.toml")
    }

    /// A command of this program about it.
    pub fn command(&self, arguments: &[&str]) -> Command {
        // This very program, also when its file is replaced meanwhile.
        let mut command = Command::new("/proc/self/exe");
        command.args(arguments).arg("--config").arg(self.config()).stdin(Stdio::null());
        if let Some(library) = &self.clock {
            // The time of day jumps; the time that passes does not, as on a real machine.
            command
                .env("LD_PRELOAD", library)
                .env("FAKETIME_TIMESTAMP_FILE", self.clock_file())
                .env("FAKETIME_CACHE_DURATION", "1")
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        }
        command
    }

    fn clock_file(&self) -> PathBuf {
        self.folder.join("clock")
    }

    /// Set its clock so many seconds off.
    pub fn set_clock(&self, seconds: i64) -> Outcome {
        if self.clock.is_none() {
            return Ok(());
        }
        let new = self.folder.join("clock.new");
        std::fs::write(&new, format!("{seconds:+}s\n"))
            .and_then(|()| std::fs::rename(&new, self.clock_file()))
            .map_err(found("cannot set the clock"))
    }

    /// What it says goes here.
    pub fn log(&self) -> Outcome<std::fs::File> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.folder.join("log"));
        log.map_err(found("cannot write the log"))
    }

    /// Serve it where it is not, and wait until it says where.
    pub fn serve(&mut self) -> Outcome {
        if let Some(running) = &mut self.running
            && running.child.try_wait().map_err(found("cannot look after a process"))?.is_none()
        {
            return Ok(());
        }
        self.running = None;
        let mut child = self
            .command(&["serve"])
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

    /// kill -9.
    pub fn kill(&mut self) -> Outcome {
        let Some(mut running) = self.running.take() else { return Ok(()) };
        running.child.kill().map_err(found("cannot kill the region"))?;
        running.child.wait().map_err(found("the region did not die"))?;
        Ok(())
    }

    /// Tell it something.
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
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}
