//! Backups while the region runs: a thread of its own ships what came, and how that goes is known to whoever watches. Whatever
//! becomes of the backup's folder, the region goes on.

use crate::{
    config::Config,
    edge,
    failure::{Failure, Outcome},
    region,
};
use ::backup::{BackupError, Recipients, Settings, Shipped, Shipper};
use intake::listener::Clock;
use jiff::Timestamp;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::JoinHandle,
    time::{Duration, Instant},
};
use store::Folder;

/// How long the last shipment may take once the region is told to stop. What is not shipped then is at the next start.
const STOP_SECONDS_MAX: u64 = 30;

/// So long the derived state is shipped before what came meanwhile is.
const DERIVED_PART: Duration = Duration::from_secs(5);
/// After it could not be shipped: much was written for nothing, and what is tried at once would be as well.
const DERIVED_AGAIN: Duration = Duration::from_secs(3600);

/// How often a process that does not ship looks whether it is its turn.
const TURN: Duration = Duration::from_millis(500);

impl From<BackupError> for Failure {
    fn from(error: BackupError) -> Self {
        if error.is_askers() { Failure::asked(error) } else { Failure::found(error) }
    }
}

/// How shipping goes. Clones share it.
#[derive(Clone, Default)]
pub struct Standing(Arc<Mutex<State>>);

/// What is known of it.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// When a shipment succeeded last.
    pub succeeded: Option<Timestamp>,
    /// Up to where journal and audit trail are shipped.
    pub shipped: Shipped,
    /// Bytes written since the start.
    pub bytes: u64,
    /// Shipments that failed since the start.
    pub failures: u64,
    /// Why the last one did.
    pub failing: Option<String>,
    /// Why the derived state could not be shipped.
    pub derived_failing: Option<String>,
}

impl Standing {
    /// As it is now.
    pub fn state(&self) -> State {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What became of a part of the derived state.
    fn note_derived(&self, failed: Option<&BackupError>) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = failed {
            tracing::error!(%error, "the derived state could not be backed up; the truth is, and it is tried again in an hour");
        }
        state.derived_failing = failed.map(ToString::to_string);
    }

    fn note(&self, outcome: Result<Shipped, BackupError>, now: Timestamp) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(shipped) => {
                state.succeeded = Some(now);
                state.bytes += shipped.bytes;
                state.shipped = shipped;
                if state.failing.take().is_some() {
                    tracing::info!(journal = shipped.journal, audit = shipped.audit, "backing up goes on");
                }
            }
            Err(error) => {
                state.failures += 1;
                let why = error.to_string();
                // Once for each change: it is tried again every so often.
                if state.failing.as_ref() != Some(&why) {
                    tracing::error!(error = %why, "the backup failed; the region goes on, and it is tried again");
                }
                state.failing = Some(why);
            }
        }
    }
}

/// A region's shipper, as configured.
pub fn shipper(config: &Config, folder: Folder) -> Outcome<Result<Shipper, BackupError>> {
    let Some(backup) = &config.backup else {
        return Err(Failure::asked(format!(
            "{} has no [backup]: say there where to and to whom it is encrypted",
            config.file.display()
        )));
    };
    let recipients = Recipients::parse(&backup.recipients)?;
    let to = config.beside(&backup.to);
    Ok(Shipper::open(&config.region.code, folder, &to, recipients, settings(config)))
}

/// The files a region is set up by, its secrets of other systems apart: certificates' keys and passwords stay where they are.
fn settings(config: &Config) -> Settings {
    let mut files = vec![("skein.toml".to_owned(), config.file.clone())];
    let mut add = |name: &str, folder: &Path, path: PathBuf| {
        let short = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().into_owned();
        files.push((format!("{name}/{short}"), path));
    };
    for path in &config.source_files {
        add("sources", path.parent().unwrap_or(Path::new("")), path.clone());
    }
    for (name, folder) in [("policies", config.policies()), ("forms", config.forms())] {
        let Some(folder) = folder else { continue };
        let mut found: Vec<PathBuf> = std::fs::read_dir(&folder)
            .map(|entries| entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect())
            .unwrap_or_default();
        found.sort();
        found.into_iter().for_each(|path| add(name, &folder, path));
    }
    Settings(files)
}

/// The thread that ships.
pub struct Shipping {
    stop: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

impl Shipping {
    /// Begin, where the configuration says so. `turn`: whether it is this process's turn to ship, where several serve a region.
    pub fn start(
        config: &Config,
        folder: Folder,
        standing: Standing,
        clock: Clock,
        turn: impl Fn() -> bool + Send + 'static,
    ) -> Outcome<Option<Self>> {
        let Some(backup) = &config.backup else { return Ok(None) };
        let (every, derived_every) = (backup.every(), backup.derived());
        let (to, region) = (config.beside(&backup.to), config.region.code.clone());
        let texts = backup.recipients.clone();
        let settings = settings(config);
        Recipients::parse(&texts)?;
        let (stop, told) = mpsc::channel();
        let work = move || {
            let open = || Shipper::open(&region, folder.visitor(), &to, Recipients::parse(&texts)?, settings.clone());
            let mut shipper: Option<Shipper> = None;
            let mut derived_again = Instant::now();
            loop {
                if !turn() {
                    match told.recv_timeout(TURN) {
                        Err(mpsc::RecvTimeoutError::Timeout) => continue,
                        _ => return,
                    }
                }
                let mut outcome = round(&mut shipper, open, clock());
                let mut wait = every;
                match (&mut outcome, &mut shipper, derived_every) {
                    // Opened anew next time: the folder may be another mount by then.
                    (Err(_), ..) => shipper = None,
                    (Ok(shipped), Some(shipper), Some(derived_every)) if derived_again <= Instant::now() => {
                        match shipper.derived(derived_every, (clock(), DERIVED_PART), shipped, &mut |_, _, _| {}) {
                            Ok(more) => {
                                standing.note_derived(None);
                                // What came meanwhile first, and then the next part.
                                wait = if more { Duration::ZERO } else { every };
                            }
                            // Somebody does it by hand.
                            Err(BackupError::Locked(_)) => {}
                            Err(error) => {
                                standing.note_derived(Some(&error));
                                derived_again = Instant::now() + DERIVED_AGAIN;
                            }
                        }
                    }
                    _ => {}
                }
                standing.note(outcome, clock());
                match told.recv_timeout(wait) {
                    Err(mpsc::RecvTimeoutError::Timeout) => {}
                    _ => {
                        standing.note(round(&mut shipper, open, clock()), clock());
                        return;
                    }
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("backup".into())
            .spawn(work)
            .map_err(|error| Failure::found(format!("cannot start the backup's thread: {error}")))?;
        Ok(Some(Shipping { stop, thread }))
    }

    /// Ship once more, and end. A folder that does not answer is not waited for.
    pub fn finish(self) {
        let _ = self.stop.send(());
        let begin = Instant::now();
        while !self.thread.is_finished() {
            if begin.elapsed() > Duration::from_secs(STOP_SECONDS_MAX) {
                tracing::error!("the last shipment of the backup did not end within {STOP_SECONDS_MAX} s");
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.thread.join();
    }
}

fn round(
    shipper: &mut Option<Shipper>,
    open: impl FnOnce() -> Result<Shipper, BackupError>,
    now: Timestamp,
) -> Result<Shipped, BackupError> {
    let shipper = match shipper {
        Some(shipper) => shipper,
        None => shipper.insert(open()?),
    };
    shipper.ship(now, &mut |_, _, _| {})
}

/// Ship once, now. `derived`: the derived state too, however old the one in the backup is.
pub fn once(config: &Config, derived: bool, progress: ::backup::Progress<'_>) -> Outcome<Shipped> {
    if derived && region::server(config)?.is_some() {
        return Err(Failure::asked(
            "--derived is for a region in files: a database's own backups have its derived state",
        ));
    }
    let mut shipper = shipper(config, region::visit(config)?)??;
    let mut shipped = shipper.ship(edge::now(), progress)?;
    let every = match derived {
        true => Some(Duration::ZERO),
        false => config.backup.as_ref().and_then(|backup| backup.derived()),
    };
    let Some(every) = every else { return Ok(shipped) };
    shipper.derived(every, (edge::now(), Duration::MAX), &mut shipped, progress)?;
    // It may be as of an entry that came since, and is of no use before that is shipped.
    let since = shipper.ship(edge::now(), progress)?;
    Ok(Shipped {
        entries: shipped.entries + since.entries,
        bytes: shipped.bytes + since.bytes,
        segments: shipped.segments + since.segments,
        merged: shipped.merged + since.merged,
        ..since
    })
}
