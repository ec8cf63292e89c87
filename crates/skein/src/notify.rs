//! Runs what follows the change feed for telling others, and what sends it.

use crate::{
    config::Config,
    failure::{Failure, Outcome},
    sign_in,
};
use ::notify::{
    Follower, Notices,
    delivery::{Subscriber, Teller},
};
use access::{Gate, smart::Scopes};
use intake::{Engine, listener::Clock};
use record::Records;
use serde_json::{Value, json};
use std::{
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// So often what is due is looked for.
const TICK: Duration = Duration::from_secs(5);
/// After a failure the next try comes so much later.
const AFTER_FAILURE: Duration = Duration::from_secs(2);

/// Open what is known for telling.
pub fn open(engine: &Engine) -> Outcome<(Follower, Notices)> {
    let journal = engine.clone();
    Follower::open(engine.folder(), engine.derived().clone(), move || journal.journal_reader())
        .map_err(|failure| Failure::found(failure.to_string()))
}

/// What finds out what subscriptions are told: for the client systems that are configured, as far as their scopes reach.
pub fn teller(config: &Config, gate: Gate, records: Records, known: (Notices, Engine), clock: Clock) -> Teller {
    let subscribers = config.clients.iter().map(|client| {
        let scopes = Scopes::parse(&client.scopes.join(" ")).unwrap_or_default();
        let scopes = (!client.scopes.is_empty()).then_some(scopes);
        (client.id.clone(), Subscriber { user: Arc::new(sign_in::user(client)), scopes })
    });
    let base = config.http.public_url.as_ref().map(|url| format!("{}/fhir", url.trim_end_matches('/')));
    Teller::new(gate, records, known, subscribers.collect(), base, clock)
}

/// How subscriptions stand, for a monitor: how many work, are tried in vain, have failed; None where there are none.
pub fn standing(notices: &Notices) -> Option<Value> {
    let all = notices.subscriptions().ok().filter(|all| !all.is_empty())?;
    let of = |status: &str| all.iter().filter(|one| one.status == status).count();
    let in_vain =
        all.iter().filter(|one| one.status == "active" && notices.queue(&one.id).is_ok_and(|queue| queue.attempts > 0));
    Some(json!({"active": of("active"), "tried_in_vain": in_vain.count(), "failed": of("error")}))
}

/// Follow the change feed on a thread of its own until told to stop.
pub fn follow(
    mut follower: Follower,
    engine: Engine,
    clock: Clock,
    stop: CancellationToken,
) -> Outcome<JoinHandle<()>> {
    let runtime = tokio::runtime::Handle::current();
    let work = move || {
        let mut applied = engine.applied();
        let mut ticked: Option<Instant> = None;
        while !stop.is_cancelled() {
            let mut pause = TICK;
            let is_time = ticked.is_none_or(|at| at.elapsed() >= TICK);
            match follower.step() {
                Ok(true) => {
                    if is_time {
                        ticked = Some(Instant::now());
                        if let Err(failure) = follower.tick_behind() {
                            tracing::error!(%failure, "what is due could not be told; tried again");
                        }
                    }
                    continue;
                }
                Ok(false) => {}
                Err(failure) => {
                    tracing::error!(%failure, reached = follower.reached(), "telling others is held up; tried again");
                    pause = AFTER_FAILURE;
                }
            }
            if is_time {
                ticked = Some(Instant::now());
                if let Err(failure) = follower.tick(clock()) {
                    tracing::error!(%failure, "what is due could not be told; tried again");
                }
            }
            runtime.block_on(async {
                tokio::select! {
                    _ = applied.changed() => {}
                    () = tokio::time::sleep(pause) => {}
                    () = stop.cancelled() => {}
                }
            });
        }
    };
    std::thread::Builder::new()
        .name("telling".into())
        .spawn(work)
        .map_err(|error| Failure::found(format!("cannot start a thread: {error}")))
}
