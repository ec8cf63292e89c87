//! Sending to the endpoints of subscriptions. Each subscription is one queue, in order: what is due to it after the number
//! its receiver took last. That number is on disk before the next is sent, and only after the receiver said that it took
//! what came before: whoever kills us between any two steps loses nothing, and at most the same numbers come again.
//!
//! A receiver that does not answer is tried again after a second, two, four … an hour; after seven days its subscription
//! fails, visibly. One that is slow keeps nobody waiting: each has its own turn, and a system only so many at once.

mod teller;

pub use teller::{Batch, Subscriber, Teller};

use crate::{
    Act, Failure, Subscription,
    read::Queue,
    subscription::{self, Channel, Kind, SIGNATURE, Wanted},
};
use access::outgoing::{NotFetched, Outgoing};
use fhir::Value;
use jiff::{SignedDuration, Timestamp};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use teller::blocking;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, field::Empty};

/// Exchanges at once, and those with one system.
const EXCHANGES_MAX: usize = 200;
const EXCHANGES_PER_CLIENT_MAX: usize = 6;
/// Notifications to one subscription before others have their turn.
const TURN_MAX: usize = 50;
/// The longest pause between two attempts, and for how long a receiver is tried in vain.
const PAUSE_SECONDS_MAX: i64 = 3600;
const IN_VAIN_DAYS_MAX: i64 = 7;
/// So often queues are looked at, though nothing stirs.
const TICK: Duration = Duration::from_secs(1);
/// How long exchanges in hand may take once told to stop.
const STOP_TIME_MAX: Duration = Duration::from_secs(3);

/// Takes a notification to an endpoint: [`Outgoing`], or in tests a network whose faults are thrown.
pub trait Post: Clone + Send + Sync + 'static {
    /// Posts a body; gives the status of the answer.
    fn post(
        &self,
        address: &str,
        headers: &[(String, String)],
        body: Vec<u8>,
        patience: Duration,
    ) -> impl Future<Output = Result<u16, NotFetched>> + Send;
}

impl Post for Outgoing {
    async fn post(
        &self,
        address: &str,
        headers: &[(String, String)],
        body: Vec<u8>,
        patience: Duration,
    ) -> Result<u16, NotFetched> {
        Outgoing::post(self, "the endpoint", address, headers, body, patience).await
    }
}

/// Sends what is due to the endpoints of subscriptions. Clones share it.
#[derive(Clone)]
pub struct Deliveries<P = Outgoing> {
    teller: Teller,
    outgoing: P,
    /// When each was last sent anything: for heartbeats.
    spoke: Arc<Mutex<HashMap<String, Timestamp>>>,
}

/// What to do with a subscription next.
enum Step {
    /// There is more.
    Again,
    /// Nothing for now.
    Rest,
}

/// How an exchange ended.
enum Outcome {
    Taken,
    Gone,
    Failed(String),
}

/// The pause before another attempt, after so many in vain.
fn pause(attempts: u32) -> SignedDuration {
    let doubled = 1i64.checked_shl(attempts.saturating_sub(1).min(20)).unwrap_or(PAUSE_SECONDS_MAX);
    SignedDuration::from_secs(doubled.min(PAUSE_SECONDS_MAX))
}

impl<P: Post> Deliveries<P> {
    /// `teller` says what is told, `outgoing` keeps us from being led inside a network.
    pub fn new(teller: Teller, outgoing: P) -> Self {
        Deliveries { teller, outgoing, spoke: Arc::default() }
    }

    /// Send until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut stirred = self.teller.notices().stirred();
        let mut running: JoinSet<()> = JoinSet::new();
        let mut busy: HashMap<tokio::task::Id, (String, String)> = HashMap::new();
        while !stop.is_cancelled() {
            stirred.mark_unchanged();
            let looking = self.clone();
            match blocking(move || looking.ready()).await {
                Ok(ready) => {
                    for (id, client) in ready {
                        let at_once = busy.values().filter(|(_, other)| *other == client).count();
                        let in_hand = busy.values().any(|(other, _)| *other == id);
                        if in_hand || busy.len() >= EXCHANGES_MAX || at_once >= EXCHANGES_PER_CLIENT_MAX {
                            continue;
                        }
                        let serving = self.clone();
                        let serve = {
                            let id = id.clone();
                            async move { serving.serve(&id).await }
                        };
                        busy.insert(running.spawn(serve).id(), (id, client));
                    }
                }
                Err(failure) => tracing::error!(%failure, "subscriptions cannot be told just now; tried again"),
            }
            tokio::select! {
                Some(ended) = running.join_next_with_id() => {
                    let id = match &ended {
                        Ok((id, ())) => *id,
                        Err(error) => error.id(),
                    };
                    busy.remove(&id);
                }
                _ = stirred.changed() => {}
                () = tokio::time::sleep(TICK) => {}
                () = stop.cancelled() => {}
            }
        }
        // What is cut off here was not noted as taken, and comes again with the same numbers.
        let _ = tokio::time::timeout(STOP_TIME_MAX, async { while running.join_next().await.is_some() {} }).await;
    }

    /// The subscriptions with something to do now, and whose they are.
    fn ready(&self) -> Result<Vec<(String, String)>, Failure> {
        let now = self.teller.now();
        let mut ready = Vec::new();
        if !self.teller.is_caught_up() {
            return Ok(ready);
        }
        for one in self.teller.notices().subscriptions()? {
            if !matches!(one.status.as_str(), "requested" | "active") {
                continue;
            }
            let Some(wanted) = self.wanted(&one) else {
                ready.push((one.id, one.client));
                continue;
            };
            let over = wanted.end.is_some_and(|end| end <= now) || !self.teller.knows(&one.client);
            let queue = self.teller.notices().queue(&one.id)?;
            let waits = queue.next.is_some_and(|next| next > now);
            // One that was sent again is tried at once, whatever its receiver did before.
            let sends = wanted.channel == Channel::RestHook
                && (one.status == "requested"
                    || !waits && (one.numbered > queue.sent || self.beats(&one, &wanted, &queue, now)));
            if over || sends {
                ready.push((one.id, one.client));
            }
        }
        Ok(ready)
    }

    fn wanted(&self, subscription: &Subscription) -> Option<Wanted> {
        let resource: Value = serde_json::from_str(&subscription.resource).ok()?;
        subscription::read(&resource, None).ok()
    }

    /// Whether a sign of life is due. A receiver that failed is asked for one before it is believed to be well again.
    fn beats(&self, subscription: &Subscription, wanted: &Wanted, queue: &Queue, now: Timestamp) -> bool {
        if queue.attempts > 0 {
            return true;
        }
        let Some(seconds) = wanted.heartbeat else { return false };
        let mut spoke = self.spoke.lock().unwrap_or_else(PoisonError::into_inner);
        let last = *spoke.entry(subscription.id.clone()).or_insert(now);
        now.duration_since(last) >= SignedDuration::from_secs(seconds.into())
    }

    /// Send what is due to one subscription, until there is nothing more or others should have their turn.
    async fn serve(&self, id: &str) {
        for _ in 0..TURN_MAX {
            match self.step(id).await {
                Ok(Step::Again) => {}
                Ok(Step::Rest) => return,
                Err(failure) => {
                    // Our own fault, not the receiver's: it is not counted against it.
                    tracing::error!(%failure, subscription = id, "a subscription cannot be told just now; tried again");
                    tokio::time::sleep(TICK).await;
                    return;
                }
            }
        }
    }

    async fn step(&self, id: &str) -> Result<Step, Failure> {
        let (looking, name) = (self.clone(), id.to_owned());
        let known = blocking(move || {
            let notices = looking.teller.notices();
            Ok(notices.subscription(&name)?.map(|one| (one, notices.queue(&name))))
        });
        let Some((subscription, queue)) = known.await? else { return Ok(Step::Rest) };
        let queue = queue?;
        if !matches!(subscription.status.as_str(), "requested" | "active") {
            return Ok(Step::Rest);
        }
        let now = self.teller.now();
        let Some(mut wanted) = self.wanted(&subscription) else {
            return self.settle(&subscription, "error", Some("it cannot be read by this version of skein")).await;
        };
        if !self.teller.knows(&subscription.client) {
            return self.settle(&subscription, "error", Some("its system is not configured here any more")).await;
        }
        if wanted.end.is_some_and(|end| end <= now) {
            return self.settle(&subscription, "off", Some("its end has come")).await;
        }
        if wanted.channel != Channel::RestHook {
            return Ok(Step::Rest);
        }
        if subscription.status == "requested" {
            return self.shake_hands(&subscription, &wanted, queue).await;
        }
        if queue.next.is_some_and(|next| next > now) {
            return Ok(Step::Rest);
        }
        if queue.attempts > 0 {
            // Each attempt is in people's trails, taken or not: of one that may fail again, one event's worth.
            wanted.count = 1;
        }
        let content = wanted.content;
        let range = (queue.sent, u64::MAX);
        let batch = self.teller.batch(&subscription, &wanted, content, range).await?;
        let kind = match batch.told.last() {
            Some(_) => Kind::Event,
            None if batch.up_to > queue.sent => {
                // None of it may be told to this system: gone past, without a word.
                self.note(&subscription, Queue { sent: batch.up_to, ..queue }).await?;
                return Ok(Step::Again);
            }
            None if queue.attempts > 0 && wanted.heartbeat.is_none() => {
                // What was tried in vain is not to be told any more, and nothing else is wanted of the receiver.
                self.note(&subscription, Queue { sent: queue.sent, ..Queue::default() }).await?;
                return Ok(Step::Rest);
            }
            None if self.beats(&subscription, &wanted, &queue, now) => Kind::Heartbeat,
            None => return Ok(Step::Rest),
        };
        let newest = match batch.told.last() {
            Some(last) => last.number,
            None => self.teller.newest(&subscription, queue.sent).await?,
        };
        let body = self.teller.notification(&subscription, &wanted, (kind, content), newest, &batch.told);
        let span = tracing::info_span!(
            target: "skein::span",
            parent: None,
            "deliver",
            skein.subscription = subscription.id.as_str(),
            skein.client = subscription.client.as_str(),
            skein.number = newest,
            skein.told = batch.told.len(),
            skein.attempt = u64::from(queue.attempts) + 1,
            skein.outcome = Empty,
            position = Empty,
            failed = Empty,
        );
        if let Some(position) = batch.position {
            span.record("position", position);
        }
        let sent = self.send(&subscription, &wanted, &body).instrument(span.clone()).await;
        match &sent {
            Outcome::Taken => span.record("skein.outcome", "taken"),
            Outcome::Gone => span.record("skein.outcome", "gone"),
            Outcome::Failed(_) => span.record("skein.outcome", "not-taken").record("failed", true),
        };
        drop(span);
        match sent {
            Outcome::Taken => {
                self.note(&subscription, Queue { sent: batch.up_to, ..Queue::default() }).await?;
                Ok(Step::Again)
            }
            Outcome::Gone => self.settle(&subscription, "off", Some("its endpoint says that it is gone (410)")).await,
            Outcome::Failed(why) => self.failed(&subscription, queue, why).await,
        }
    }

    /// The first word to a receiver (Backport 1.1.0, "Channels: REST-Hook"): it must be taken, or nothing else is sent.
    async fn shake_hands(&self, subscription: &Subscription, wanted: &Wanted, queue: Queue) -> Result<Step, Failure> {
        let newest = self.teller.newest(subscription, queue.sent).await?;
        let body = self.teller.notification(subscription, wanted, (Kind::Handshake, wanted.content), newest, &[]);
        match self.send(subscription, wanted, &body).await {
            Outcome::Taken => {
                self.note(subscription, Queue { sent: queue.sent, ..Queue::default() }).await?;
                self.settle(subscription, "active", None).await?;
                Ok(Step::Again)
            }
            Outcome::Gone => self.settle(subscription, "off", Some("its endpoint says that it is gone (410)")).await,
            Outcome::Failed(why) => {
                let why = format!("the handshake was not taken: {why}. Send the subscription again to try again");
                self.settle(subscription, "error", Some(&why)).await
            }
        }
    }

    async fn failed(&self, subscription: &Subscription, queue: Queue, why: String) -> Result<Step, Failure> {
        let now = self.teller.now();
        let attempts = queue.attempts.saturating_add(1);
        let since = queue.since.unwrap_or(now);
        let in_vain = now.duration_since(since) >= SignedDuration::from_hours(24 * IN_VAIN_DAYS_MAX);
        tracing::warn!(
            subscription = subscription.id,
            client = subscription.client,
            attempts,
            why,
            "a receiver did not take a notification"
        );
        let noted = Queue {
            sent: queue.sent,
            attempts,
            since: Some(since),
            next: now.checked_add(pause(attempts)).ok(),
            error: Some(why.clone()),
            parked: in_vain,
        };
        self.note(subscription, noted).await?;
        if in_vain {
            let why = format!(
                "its endpoint took nothing for {IN_VAIN_DAYS_MAX} days: {why}. Send the subscription again to go on"
            );
            return self.settle(subscription, "error", Some(&why)).await;
        }
        Ok(Step::Rest)
    }

    async fn note(&self, subscription: &Subscription, queue: Queue) -> Result<(), Failure> {
        self.teller.note(&subscription.id, queue).await
    }

    /// Put in the journal how a subscription stands from now on.
    async fn settle(&self, subscription: &Subscription, status: &str, error: Option<&str>) -> Result<Step, Failure> {
        let act = Act::SubscriptionState {
            id: subscription.id.clone(),
            of: subscription.mark(),
            status: status.to_owned(),
            error: error.map(str::to_owned),
        };
        let pos = self.teller.decide(act).await?;
        if status != "active" {
            tracing::warn!(
                subscription = subscription.id,
                client = subscription.client,
                status,
                error,
                "a subscription is told no more"
            );
        }
        self.teller.notices().wait(pos).await;
        Ok(Step::Rest)
    }

    async fn send(&self, subscription: &Subscription, wanted: &Wanted, body: &Value) -> Outcome {
        let now = self.teller.now();
        let body = body.to_string().into_bytes();
        let mut headers = wanted.headers.clone();
        headers.push(("content-type".into(), "application/fhir+json".into()));
        headers.push(("x-skein-subscription".into(), subscription.id.clone()));
        if let Some(secret) = &wanted.secret {
            headers.push((SIGNATURE.into(), subscription::signature(secret, now, &body)));
        }
        self.spoke.lock().unwrap_or_else(PoisonError::into_inner).insert(subscription.id.clone(), now);
        let patience = Duration::from_secs(wanted.timeout.into());
        match self.outgoing.post(&wanted.endpoint, &headers, body, patience).await {
            Ok(200..=299) => Outcome::Taken,
            Ok(410) => Outcome::Gone,
            Ok(status) => Outcome::Failed(format!("the endpoint answered with status {status}")),
            // What lies beneath is not told: it would say what there is at addresses that are not the subscriber's.
            Err(NotFetched::NoAnswer { why, .. }) if why.contains("inside a network") => {
                Outcome::Failed("the name of the endpoint leads inside a network".into())
            }
            Err(NotFetched::NoAnswer { .. }) => Outcome::Failed("the endpoint did not answer".into()),
            Err(other) => Outcome::Failed(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_from_a_second_to_an_hour() {
        let seconds: Vec<i64> = [1, 2, 3, 4, 12, 13, 14, 1_000_000].map(|attempts| pause(attempts).as_secs()).to_vec();
        assert_eq!(seconds, [1, 2, 4, 8, 2048, 3600, 3600, 3600]);
    }
}
