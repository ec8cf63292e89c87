//! PIX update notifications (ADT^A31; IHE ITI-10): a receiver hears when a person's set of identifiers becomes another.
//!
//! Follows the change feed from where this receiver left it. Where that is, stands in a file in the data folder and moves
//! on once the receiver has taken everything up to there: it hears everything, in order, and after a crash or a lost
//! answer perhaps something twice (with the same MSH-10). A receiver that is down is tried again after pauses that grow.

use super::{authority::Authorities, identifier_list, pid};
use access::{Action, Gate, User};
use fhir::{PersonKey, Value};
use hl7v2::{Separators, ack::Code, escape};
use intake::{
    Engine,
    answer::hl7_time,
    listener::Clock,
    sender::{SendError, Sender, SenderConfig},
};
use jiff::Timestamp;
use record::{Records, StoreError};
use serde_json::json;
use std::{
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// Entries of the change feed looked at together.
const BATCH: usize = 200;
/// Pauses before a receiver is tried again.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// How often a notification is sent that the receiver calls faulty (AE) before it is left out.
const FAULTY_MAX: u32 = 3;

/// One receiver and what it needs.
pub struct Update {
    /// Its name: in the log, the status and the cursor's file.
    pub name: String,
    /// MSH-5 and MSH-6.
    pub receiver: (String, String),
    /// MSH-4.
    pub region: String,
    /// How to reach it.
    pub sender: SenderConfig,
    /// Identifiers of these systems alone; empty: all.
    pub domains: Vec<String>,
    /// Whose names for assigning authorities are used.
    pub source: String,
    /// Who reads, for the gate and the audit.
    pub user: User,
    /// Where its cursor is kept.
    pub cursor: PathBuf,
    /// The door.
    pub gate: Gate,
    /// The read side.
    pub records: Records,
    /// Whose changes are followed.
    pub engine: Engine,
    /// Domains in HL7 v2's words.
    pub authorities: Arc<Authorities>,
    /// Reads the time.
    pub clock: Clock,
}

/// How it goes with a receiver. No person in it: for the monitor.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    state: Arc<Mutex<State>>,
}

#[derive(Clone, Debug, Default)]
struct State {
    name: String,
    reached: u64,
    sent: u64,
    left_out: u64,
    failing: Option<(Timestamp, String)>,
}

impl Standing {
    /// As the status address tells it.
    pub fn told(&self) -> serde_json::Value {
        let state = self.state.lock().map(|state| state.clone()).unwrap_or_default();
        json!({"name": state.name, "reached": state.reached, "sent": state.sent, "left_out": state.left_out,
            "failing_since": state.failing.as_ref().map(|(since, _)| since.to_string()),
            "why": state.failing.map(|(_, why)| why)})
    }

    /// As the deliveries desk shows it.
    pub fn line(&self) -> web::Update {
        let state = self.state.lock().map(|state| state.clone()).unwrap_or_default();
        let (since, error) = state.failing.map_or((None, None), |(since, why)| (Some(since), Some(why)));
        web::Update { name: state.name, sent: state.sent, left_out: state.left_out, since, error }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        if let Ok(mut state) = self.state.lock() {
            change(&mut state);
        }
    }
}

/// A notification on its way.
struct Notice {
    seq: u64,
    message: Vec<u8>,
}

/// Why following stopped.
enum Stopped {
    Asked,
    Failed(String),
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Stopped::Failed(error.to_string())
    }
}

impl Update {
    /// Follow until told to stop. Trouble is logged and tried again; this never ends by itself.
    pub async fn follow(self, standing: Standing, stop: CancellationToken) {
        let update = Arc::new(self);
        standing.change(|state| state.name.clone_from(&update.name));
        let mut pause = PAUSE_MIN;
        loop {
            match update.run(&standing, &stop).await {
                Err(Stopped::Asked) => return,
                Ok(()) => pause = PAUSE_MIN,
                Err(Stopped::Failed(error)) => {
                    tracing::error!(receiver = %update.name, %error, "PIX updates cannot go on; trying again");
                    update.trouble(&standing, error);
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn run(self: &Arc<Self>, standing: &Standing, stop: &CancellationToken) -> Result<(), Stopped> {
        let sender = Sender::start(self.sender.clone()).map_err(|error| Stopped::Failed(error.to_string()))?;
        let mut applied = self.engine.applied();
        let mut reached = match read_cursor(&self.cursor) {
            Some(reached) => reached,
            // A new receiver hears what changes from now on.
            None => {
                let now = *applied.borrow_and_update();
                self.keep(now)?;
                now
            }
        };
        loop {
            standing.change(|state| state.reached = reached);
            let newest = *applied.borrow_and_update();
            if newest <= reached {
                tokio::select! {
                    () = stop.cancelled() => return Err(Stopped::Asked),
                    changed = applied.changed() => changed.map_err(|_| Stopped::Asked)?,
                }
                continue;
            }
            let update = Arc::clone(self);
            let (last, notices) = tokio::task::spawn_blocking(move || update.after(reached))
                .await
                .map_err(|_| Stopped::Failed("a fault in skein".into()))??;
            if last <= reached {
                return Ok(());
            }
            for notice in notices {
                self.deliver(&sender, &notice, standing, stop).await?;
                // All before it are out.
                self.keep(notice.seq.saturating_sub(1))?;
            }
            self.keep(last)?;
            reached = last;
        }
    }

    /// The notifications due for the next entries of the change feed, and the last of these.
    fn after(&self, seq: u64) -> Result<(u64, Vec<Notice>), Stopped> {
        let mut last = seq;
        let mut notices = Vec::new();
        for (seq, patients) in self.records.changes_after(seq, BATCH)? {
            last = seq;
            for (index, person) in self.records.renumbered(&patients, seq)?.into_iter().enumerate() {
                let identifiers = self.identifiers(person, seq)?;
                if !identifiers.is_empty() {
                    notices.push(Notice { seq, message: self.message(&identifiers, seq, index) });
                }
            }
        }
        Ok((last, notices))
    }

    fn identifiers(&self, person: PersonKey, seq: u64) -> Result<Vec<Value>, Stopped> {
        let action = Action::CrossReference { what: format!("ITI-10 to {}", self.name) };
        let now = (self.clock)();
        let permit = match self.gate.open_at(&self.user, person, &action, seq, now) {
            Ok(permit) => permit,
            Err(access::Refusal::NoSuchPerson) => return Ok(Vec::new()),
            Err(error) => return Err(Stopped::Failed(error.to_string())),
        };
        let found = self.records.cross_references(&permit, None, &self.domains)?;
        let found = tokio::runtime::Handle::current().block_on(found.release());
        found.map(|found| found.identifiers).map_err(|error| Stopped::Failed(error.to_string()))
    }

    /// The same for the same change, so that a receiver knows a repeat.
    fn message(&self, identifiers: &[Value], seq: u64, index: usize) -> Vec<u8> {
        let s = Separators::default();
        let text = |text: &str| escape::escape(text, &s).into_owned();
        let now = hl7_time((self.clock)());
        let (application, facility) = &self.receiver;
        let list = identifier_list(identifiers, &self.source, &self.authorities, &s);
        let lines = [
            format!(
                "MSH|^~\\&|SKEIN|{}|{}|{}|{now}||ADT^A31^ADT_A05|P{seq}.{index}|P|2.5||||||UNICODE UTF-8",
                text(&self.region),
                text(application),
                text(facility)
            ),
            format!("EVN||{now}"),
            pid(&list, &s),
            "PV1||N".to_owned(),
        ];
        lines.iter().flat_map(|line| line.bytes().chain([b'\r'])).collect()
    }

    /// Send until it is taken. One that the receiver calls faulty again and again is left out, so that those behind it
    /// are heard.
    async fn deliver(
        &self,
        sender: &Sender,
        notice: &Notice,
        standing: &Standing,
        stop: &CancellationToken,
    ) -> Result<(), Stopped> {
        let (mut pause, mut faulty) = (PAUSE_MIN, 0);
        loop {
            let sent = tokio::select! {
                () = stop.cancelled() => return Err(Stopped::Asked),
                sent = sender.send(&notice.message) => sent,
            };
            let why = match sent {
                Ok(answered) if answered.is_accepted() => {
                    let recovered = standing.state.lock().is_ok_and(|state| state.failing.is_some());
                    if recovered {
                        tracing::info!(receiver = %self.name, "PIX updates go out again");
                    }
                    standing.change(|state| {
                        state.sent += 1;
                        state.failing = None;
                    });
                    return Ok(());
                }
                Ok(answered) => {
                    if matches!(answered.code, Some(Code::AE | Code::CE)) {
                        faulty += 1;
                    }
                    let code = answered.code.map_or("", Code::as_str);
                    format!("the receiver answered {code}")
                }
                Err(SendError::Stopped) => return Err(Stopped::Failed("the sender stopped".into())),
                Err(error) => error.to_string(),
            };
            if faulty >= FAULTY_MAX {
                tracing::error!(receiver = %self.name, seq = notice.seq, "a PIX update is left out: the receiver calls it faulty");
                standing.change(|state| {
                    state.left_out += 1;
                    state.failing = None;
                });
                return Ok(());
            }
            tracing::warn!(receiver = %self.name, seq = notice.seq, %why, pause_s = pause.as_secs(), "a PIX update was not taken; trying again");
            self.trouble(standing, why);
            tokio::select! {
                () = stop.cancelled() => return Err(Stopped::Asked),
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    fn trouble(&self, standing: &Standing, why: String) {
        let now = (self.clock)();
        standing.change(|state| {
            let since = state.failing.as_ref().map_or(now, |(since, _)| *since);
            state.failing = Some((since, why));
        });
    }

    fn keep(&self, reached: u64) -> Result<(), Stopped> {
        write_cursor(&self.cursor, reached).map_err(|error| {
            Stopped::Failed(format!("the cursor {} cannot be written: {error}", self.cursor.display()))
        })
    }
}

fn read_cursor(file: &Path) -> Option<u64> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// Written beside and renamed, so that a crash leaves the old one or the new one.
fn write_cursor(file: &Path, reached: u64) -> std::io::Result<()> {
    let beside = file.with_extension("new");
    let mut new = std::fs::File::create(&beside)?;
    writeln!(new, "{reached}")?;
    new.sync_all()?;
    std::fs::rename(&beside, file)
}
