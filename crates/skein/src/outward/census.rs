//! The lists of inpatients that hospitals leave in folders: the newest of each is compared when it comes, and once a day.
//! How it came out is on the page; the log has the numbers alone.

use crate::config::Config;
use ::notify::census::{self, Censuses, Hospital};
use intake::listener::Clock;
use jiff::{SignedDuration, Timestamp};
use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};
use tokio_util::sync::CancellationToken;

/// So often folders are looked at.
const TICK: Duration = Duration::from_secs(60);
/// A list is compared again after so long, should no newer one come: who is in hospital changes here.
const AGAIN_HOURS: i64 = 24;
/// A list weighs so much at most.
const BYTES_MAX: u64 = 8 * 1024 * 1024;

/// One hospital's folder.
struct Folder {
    hospital: Hospital,
    folder: PathBuf,
    /// The file compared last, and when.
    done: Option<(PathBuf, SystemTime, Timestamp)>,
}

/// All folders that are configured.
pub struct Folders {
    folders: Vec<Folder>,
    censuses: Censuses,
    clock: Clock,
    stop: CancellationToken,
}

impl Folders {
    /// As configured; None: there are none.
    pub fn open(config: &Config, censuses: Censuses, clock: Clock, stop: CancellationToken) -> Option<Folders> {
        let folders: Vec<Folder> = config
            .censuses
            .iter()
            .filter_map(|census| {
                let profile = config.sources.iter().find(|profile| profile.source == census.source)?;
                let organisation = profile.ods.as_deref().unwrap_or_default().trim().to_ascii_uppercase();
                let hospital = Hospital { source: census.source.clone(), organisation, name: profile.name.clone() };
                Some(Folder { hospital, folder: config.beside(&census.folder), done: None })
            })
            .collect();
        (!folders.is_empty()).then_some(Folders { folders, censuses, clock, stop })
    }

    /// Look at the folders until told to stop.
    pub async fn follow(mut self) {
        loop {
            for folder in &mut self.folders {
                folder.look(&self.censuses, (self.clock)()).await;
            }
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(TICK) => {}
            }
        }
    }
}

impl Folder {
    async fn look(&mut self, censuses: &Censuses, now: Timestamp) {
        let source = self.hospital.source.as_str();
        let (file, changed) = match newest(&self.folder) {
            Ok(Some(found)) => found,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(source, error = %error.kind(), "the folder with the hospital's lists cannot be read");
                return;
            }
        };
        let again = |at: Timestamp| now.duration_since(at) >= SignedDuration::from_hours(AGAIN_HOURS);
        if self.done.as_ref().is_some_and(|(done, then, at)| *done == file && *then == changed && !again(*at)) {
            return;
        }
        let read = match tokio::fs::read(&file).await {
            Ok(bytes) => census::read(&bytes),
            Err(error) => Err(format!("The file cannot be read: {}.", error.kind())),
        };
        self.done = Some((file, changed, now));
        let lines = match read {
            Ok(lines) => lines,
            Err(why) => {
                tracing::warn!(source, why, "the newest list of inpatients cannot be compared");
                return;
            }
        };
        let written = Timestamp::try_from(changed).map(record::when::date_time).unwrap_or_default();
        match censuses.compare(&self.hospital, lines, &format!("the file of {written}"), now).await {
            Ok(result) => {
                let compared = &result.compared;
                let (not_here, not_there) = (compared.not_here.len(), compared.not_there.len());
                let (census, inpatients, elsewhere) = (compared.lines, compared.inpatients, compared.elsewhere.len());
                if compared.differences() > 0 {
                    tracing::warn!(
                        source,
                        census,
                        inpatients,
                        not_here,
                        not_there,
                        elsewhere,
                        "the hospital's list of inpatients differs; see the page /census"
                    );
                } else {
                    tracing::info!(source, census, inpatients, "the hospital's list of inpatients agrees");
                }
            }
            Err(failure) => {
                // Tried again with the next look.
                self.done = None;
                tracing::error!(source, %failure, "the hospital's list of inpatients could not be compared");
            }
        }
    }
}

/// The newest sheet of a folder.
fn newest(folder: &Path) -> std::io::Result<Option<(PathBuf, SystemTime)>> {
    let mut newest: Option<(PathBuf, SystemTime)> = None;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let known = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
        if !matches!(known.as_deref(), Some("csv" | "xlsx")) {
            continue;
        }
        let about = std::fs::metadata(&path)?;
        let changed = about.modified()?;
        if about.is_file() && about.len() <= BYTES_MAX && newest.as_ref().is_none_or(|(_, then)| changed > *then) {
            newest = Some((path, changed));
        }
    }
    Ok(newest)
}
