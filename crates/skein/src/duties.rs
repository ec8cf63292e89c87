//! What is done once in a region, by the one of its processes that applies: sending, watching for misuse, backing up. Another that
//! takes its place goes on where it was.

use ::notify::Notices;
use intake::{Engine, Role};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::PathBuf, time::Duration};
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// So often it is left how far sending has got: what was sent after it is sent again by the next process.
const LEAVE: Duration = Duration::from_millis(500);

/// Begins duties once they are this process's.
#[derive(Clone)]
pub struct Duties {
    ready: watch::Receiver<bool>,
    stop: CancellationToken,
}

/// How far what is sent has got.
#[derive(Default, PartialEq, Eq, Serialize, Deserialize)]
struct Sending {
    /// Queues in notify.db, in its own words.
    queues: String,
    /// Receivers of PIX updates: the file of each and what is in it.
    cursors: BTreeMap<String, String>,
}

impl Duties {
    /// `cursors`: files that say how far other queues are.
    pub fn new(
        engine: &Engine,
        notices: &Notices,
        cursors: Vec<PathBuf>,
        tasks: &mut JoinSet<()>,
        stop: &CancellationToken,
    ) -> Self {
        if !engine.is_one_of_several() {
            return Duties { ready: watch::channel(true).1, stop: stop.clone() };
        }
        let (sender, ready) = watch::channel(false);
        let succession =
            Succession { engine: engine.clone(), notices: notices.clone(), cursors, stop: stop.clone(), ready: sender };
        tasks.spawn(succession.run());
        Duties { ready, stop: stop.clone() }
    }

    /// Do this once it is this process's turn.
    pub async fn once(self, work: impl Future<Output = ()>) {
        let Duties { mut ready, stop } = self;
        tokio::select! {
            () = stop.cancelled() => return,
            turn = ready.wait_for(|ready| *ready) => if turn.is_err() { return },
        }
        work.await;
    }
}

/// Takes over how far sending has got, and leaves it.
struct Succession {
    engine: Engine,
    notices: Notices,
    cursors: Vec<PathBuf>,
    stop: CancellationToken,
    ready: watch::Sender<bool>,
}

impl Succession {
    async fn run(self) {
        tokio::select! {
            () = self.stop.cancelled() => return,
            () = self.engine.until_applying() => {}
        }
        let this = std::sync::Arc::new(self);
        let mut begun = false;
        let mut left = Sending::default();
        let mut stopping = false;
        loop {
            let (work, former) = (this.clone(), (!begun).then(|| this.engine.left()).flatten());
            let done = tokio::task::spawn_blocking(move || {
                if let Some(former) = former {
                    work.inherit(&former)?;
                }
                work.look()
            });
            match done.await.unwrap_or_else(|_| Err("a fault in skein".into())) {
                Ok(now) => {
                    if !begun {
                        begun = true;
                        this.ready.send_replace(true);
                    }
                    if now != left {
                        this.engine.leave(serde_json::to_string(&now).unwrap_or_default());
                        left = now;
                    }
                }
                Err(error) if begun => tracing::warn!(%error, "how far sending has got cannot be told; tried again"),
                Err(error) => tracing::error!(%error, "sending cannot begin where it was; tried again"),
            }
            if stopping {
                return;
            }
            tokio::select! {
                () = this.stop.cancelled() => {
                    // Once more when what sends was told to stop as well.
                    stopping = true;
                    tokio::time::sleep(LEAVE).await;
                }
                () = tokio::time::sleep(LEAVE) => {}
            }
        }
    }

    fn inherit(&self, former: &str) -> Result<(), String> {
        let former: Sending = serde_json::from_str(former).map_err(|error| error.to_string())?;
        self.notices.go_on_sending(&former.queues).map_err(|error| error.to_string())?;
        for cursor in &self.cursors {
            let name = cursor.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if let Some(text) = former.cursors.get(&name) {
                std::fs::write(cursor, text).map_err(|error| format!("{}: {error}", cursor.display()))?;
            }
        }
        Ok(())
    }

    fn look(&self) -> Result<Sending, String> {
        let queues = self.notices.sending().map_err(|error| error.to_string())?;
        let mut cursors = BTreeMap::new();
        for cursor in &self.cursors {
            match std::fs::read_to_string(cursor) {
                Ok(text) => {
                    cursors.insert(cursor.file_name().unwrap_or_default().to_string_lossy().into_owned(), text);
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(format!("{}: {error}", cursor.display())),
            }
        }
        Ok(Sending { queues, cursors })
    }
}

/// Ends when another process has taken this one's place.
pub async fn deposed(engine: &Engine) {
    let mut role = engine.role();
    if role.wait_for(|role| *role == Role::Deposed).await.is_err() {
        std::future::pending::<()>().await;
    }
}
