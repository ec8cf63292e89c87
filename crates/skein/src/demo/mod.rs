//! The demonstration: a synthetic region that sends its history and then its life to a Skein on this machine, over the
//! wires its sources would really use.

mod clock;
mod folder;
mod senders;

pub use clock::Clock;
pub use folder::{APP, Home, Memory, PASSWORD, accounts};
pub use senders::{Senders, Targets};

use jiff::{SignedDuration, Timestamp};
use senders::Ticket;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};
use synth::{Person, Region};
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;
use web::Loading;

/// The region's day begins at midnight; at the first start it is shown from this hour on, when wards and clinics are busy.
const FIRST_HOUR: i64 = 9;
/// How often what must be known at the next start is written down.
const REMEMBER: Duration = Duration::from_secs(2);

/// The demonstration, sending.
pub struct Play {
    /// The region.
    pub region: Arc<Region>,
    /// Where it is kept.
    pub home: Home,
    /// What was known at the start.
    pub memory: Memory,
    /// Its sources.
    pub senders: Senders,
    /// Its clock.
    pub clock: Clock,
    /// Told to the pages.
    pub loading: watch::Sender<Loading>,
    /// Whether the region lives on after its history, or stands still.
    pub lives: bool,
}

/// How far the history is, when people finish in another order than they began.
struct Front {
    done: u64,
    ahead: BTreeSet<u64>,
}

impl Play {
    /// Send the history, then live, until told to stop. `history_done` is called once.
    pub async fn run(mut self, stop: CancellationToken, history_done: impl FnOnce(&Senders)) {
        let front = Arc::new(Mutex::new(Front { done: self.memory.loaded, ahead: BTreeSet::new() }));
        let lived = watch::Sender::new(self.memory.lived_until);
        let scribe = {
            let (home, memory) = (Home::at(self.home.path()), self.memory.clone());
            let (front, lived, clock, stop) = (front.clone(), lived.subscribe(), self.clock.clone(), stop.clone());
            tokio::spawn(async move { remember(&home, memory, &front, &lived, &clock, &stop).await })
        };
        if self.history(&front, &stop).await {
            history_done(&self.senders);
            if self.lives {
                self.live(lived, &stop).await;
            }
        }
        stop.cancelled().await;
        let _ = scribe.await;
    }

    /// Everybody's past. Those whose stories are pointed at come first, at every start, for they are quickly recognised.
    async fn history(&mut self, front: &Arc<Mutex<Front>>, stop: &CancellationToken) -> bool {
        let people = self.region.people();
        self.loading.send_replace(Loading { done: self.memory.loaded, total: people, finished: false });
        if self.memory.loaded < people {
            if !self.opening(stop).await {
                return false;
            }
            let (finished, all) = oneshot::channel();
            let whole = Ticket::new({
                let finished = Mutex::new(Some(finished));
                move || {
                    if let Some(finished) = finished.lock().ok().and_then(|mut slot| slot.take()) {
                        let _ = finished.send(());
                    }
                }
            });
            let (region, senders, front) = (self.region.clone(), self.senders.clone(), front.clone());
            let (loading, from) = (self.loading.clone(), self.memory.loaded);
            let told = tokio::task::spawn_blocking(move || {
                for highlight in region.highlights() {
                    if let Some(person) = region.person(highlight.person)
                        && !tell(&region, &senders, &person, &whole)
                    {
                        return false;
                    }
                }
                for index in from..people {
                    let Some(person) = region.person(index) else { continue };
                    let (front, loading, whole) = (front.clone(), loading.clone(), whole.clone());
                    let ticket = Ticket::new(move || {
                        let _part_of = &whole;
                        step(&front, &loading, index);
                    });
                    if !tell(&region, &senders, &person, &ticket) {
                        return false;
                    }
                }
                true
            });
            let told = tokio::select! { () = stop.cancelled() => false, told = told => told.unwrap_or(false) };
            let arrived = tokio::select! { () = stop.cancelled() => false, arrived = all => arrived.is_ok() };
            if !told || !arrived {
                return false;
            }
        }
        self.loading.send_replace(Loading { done: people, total: people, finished: true });
        true
    }

    /// What must be there before anything about a person: each source's organisation and staff.
    async fn opening(&self, stop: &CancellationToken) -> bool {
        let (finished, all) = oneshot::channel();
        let finished = Mutex::new(Some(finished));
        let ticket = Ticket::new(move || {
            if let Some(finished) = finished.lock().ok().and_then(|mut slot| slot.take()) {
                let _ = finished.send(());
            }
        });
        for message in self.region.opening() {
            if !self.senders.send(message, &ticket).await {
                return false;
            }
        }
        drop(ticket);
        tokio::select! { () = stop.cancelled() => false, arrived = all => arrived.is_ok() }
    }

    /// The region's life: each message at its time on the region's clock; what lies behind that, at once.
    async fn live(&self, lived: watch::Sender<Option<Timestamp>>, stop: &CancellationToken) {
        let first = self.memory.lived_until.is_none();
        let begin = self.region.start();
        let resume = if first { begin + SignedDuration::from_hours(FIRST_HOUR) } else { self.memory.now };
        self.clock.start(resume);
        let (messages, mut inbox) = tokio::sync::mpsc::channel(16);
        let region = self.region.clone();
        let from = self.memory.lived_until.unwrap_or(begin);
        std::thread::spawn(move || {
            for message in region.live(from) {
                if messages.blocking_send(message).is_err() {
                    return;
                }
            }
        });
        loop {
            let message = tokio::select! { () = stop.cancelled() => return, message = inbox.recv() => message };
            let Some(message) = message else { return };
            if let Some(wait) = self.clock.until(message.at) {
                tokio::select! { () = stop.cancelled() => return, () = tokio::time::sleep(wait) => {} }
            } else {
                return;
            }
            let at = message.at;
            let lived = lived.clone();
            let ticket = Ticket::new(move || {
                lived.send_if_modified(|until| {
                    let later = until.is_none_or(|until| until < at);
                    if later {
                        *until = Some(at);
                    }
                    later
                });
            });
            if !self.senders.send(message, &ticket).await {
                return;
            }
        }
    }
}

fn tell(region: &Region, senders: &Senders, person: &Person, ticket: &Arc<Ticket>) -> bool {
    region.history(person).into_iter().all(|message| senders.send_blocking(message, ticket))
}

/// One more person's history is delivered.
fn step(front: &Mutex<Front>, loading: &watch::Sender<Loading>, index: u64) {
    let Ok(mut front) = front.lock() else { return };
    front.ahead.insert(index);
    while front.ahead.first() == Some(&front.done) {
        front.ahead.pop_first();
        front.done += 1;
    }
    let done = front.done + u64::try_from(front.ahead.len()).unwrap_or(0);
    drop(front);
    loading.send_modify(|loading| loading.done = done);
}

async fn remember(
    home: &Home,
    mut memory: Memory,
    front: &Mutex<Front>,
    lived: &watch::Receiver<Option<Timestamp>>,
    clock: &Clock,
    stop: &CancellationToken,
) {
    loop {
        let last = tokio::select! { () = stop.cancelled() => true, () = tokio::time::sleep(REMEMBER) => false };
        let mut now = memory.clone();
        now.loaded = front.lock().map_or(memory.loaded, |front| front.done);
        now.lived_until = *lived.borrow();
        now.now = clock.now();
        if now != memory {
            memory = now;
            if home.remember(&memory).is_err() {
                tracing::error!(
                    "how far the demonstration is could not be written down; the next start repeats a little"
                );
            }
        }
        if last {
            return;
        }
    }
}
