//! What a monitor reads: Prometheus metrics on a listener of their own, and whether the process lives and is ready. Numbers
//! and names of sources, feeds and files; nothing about a person, and no path or query of a request.

use crate::{
    backup::{Standing, State as Shipping},
    failure::Outcome,
    listen,
};
use ::notify::{
    Heard, Notices,
    pace::{Hours, Silence, is_awaited, pace, together},
};
use axum::{
    Router,
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
    routing::get,
};
use intake::{Engine, ProblemStatus, Profile, Role, StoreError};
use jiff::Timestamp;
use prometheus_client::{
    encoding::text::encode,
    metrics::{
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::Gauge,
        histogram::Histogram,
    },
    registry::{Registry, Unit},
};
use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    path::Path,
    sync::atomic::AtomicU64,
    time::Instant,
};
use store::Snapshot;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

type Labels = Vec<(&'static str, String)>;
type Number = Gauge<f64, AtomicU64>;

/// Seconds a request may take, for counting: from a small page to an answer that somebody waits for.
const SECONDS: [f64; 11] = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

fn times() -> Histogram {
    Histogram::new(SECONDS)
}

/// What is counted while requests are answered. Clones share it.
#[derive(Clone)]
pub struct Requests {
    answered: Family<Labels, Counter>,
    seconds: Family<Labels, Histogram, fn() -> Histogram>,
}

impl Default for Requests {
    fn default() -> Self {
        Requests { answered: Family::default(), seconds: Family::new_with_constructor(times) }
    }
}

/// Count a request by what it is of and how it ended.
pub async fn counted(State(requests): State<Requests>, request: Request, next: Next) -> Response {
    let begin = Instant::now();
    let area = area(request.uri().path()).to_owned();
    let answer = next.run(request).await;
    let status = format!("{}xx", answer.status().as_u16() / 100);
    requests.answered.get_or_create(&vec![("area", area.clone()), ("status", status)]).inc();
    requests.seconds.get_or_create(&vec![("area", area)]).observe(begin.elapsed().as_secs_f64());
    answer
}

/// What a path is of. The rest of it stays here.
fn area(path: &str) -> &'static str {
    match path.split('/').nth(1).unwrap_or_default() {
        "fhir" => "fhir",
        "record" => "record",
        "assets" => "assets",
        "sign-in" | "oauth" | "launch" => "sign-in",
        "health" | "healthz" | "readyz" => "health",
        _ => "pages",
    }
}

/// What is read when a monitor asks.
#[derive(Clone)]
pub struct Measured {
    /// The engine and its store.
    pub engine: Engine,
    /// Who is told.
    pub notices: Notices,
    /// Requests counted so far.
    pub requests: Requests,
    /// How backing up goes, where it is done.
    pub backup: Option<Standing>,
    /// Names of the feeds in the configuration: what comes on others is not missed.
    pub feeds: Vec<String>,
}

impl Measured {
    fn text(&self) -> Result<String, StoreError> {
        let mut registry = Registry::with_prefix("skein");
        self.flow(&mut registry);
        let snapshot = self.engine.derived().snapshot()?;
        let heard = self.notices.heard().map_err(unusable)?;
        let not_connected = self.sources(&mut registry, &snapshot, &heard)?;
        self.feeds(&mut registry, &snapshot, &heard, &not_connected)?;
        self.desk(&mut registry)?;
        self.telling(&mut registry);
        self.outward(&mut registry);
        let last = self.engine.audit().read(store::audit::AuditReader::last)?;
        registry.register("audit_entries", "Entries in the audit trail", ConstCounter::new(last));
        files(&mut registry, self.engine.folder());
        if let Some(backup) = &self.backup {
            shipping(&mut registry, &backup.state());
        }
        registry.register("http_requests", "Requests answered", self.requests.answered.clone());
        registry.register_with_unit(
            "http_request",
            "How long answers took",
            Unit::Seconds,
            self.requests.seconds.clone(),
        );
        process(&mut registry);
        let mut text = String::new();
        encode(&mut text, &registry).map_err(|error| StoreError::Unusable(error.to_string()))?;
        Ok(text)
    }

    fn flow(&self, registry: &mut Registry) {
        let progress = self.engine.progress();
        let head = progress.head.max(progress.applied);
        let position = |registry: &mut Registry, name: &str, help: &str, at: u64| {
            registry.register(name, help, ConstCounter::new(at));
        };
        position(registry, "journal_entries", "Entries in the journal: messages received and decisions made", head);
        position(registry, "processed_entries", "Entries of the journal that are processed", progress.applied);
        number(registry, "waiting_entries", "Entries that wait to be processed", as_number(head - progress.applied));
        let stopped = f64::from(u8::from(self.engine.fault().is_some()));
        let applies = f64::from(u8::from(*self.engine.role().borrow() == Role::Applies));
        number(
            registry,
            "applies",
            "1 of the one process that processes the journal, 0 of those that follow it",
            applies,
        );
        let held = f64::from(u8::from(self.engine.journal().held().is_some()));
        number(registry, "messages_refused", "1 while messages are refused because the disk is nearly full", held);
        number(registry, "processing_stopped", "1 when processing has stopped; the log says why", stopped);
    }

    /// Gives the sources that are not connected, as their profiles say: of these nothing is awaited.
    fn sources(
        &self,
        registry: &mut Registry,
        snapshot: &Snapshot,
        spoke: &HashMap<String, Heard>,
    ) -> Result<HashSet<String>, StoreError> {
        let messages = Family::<Labels, Counter>::default();
        let mut not_connected = HashSet::new();
        let silent = Family::<Labels, Number>::default();
        let none = Heard::new();
        let (heard, quiet) = (Family::<Labels, Number>::default(), Family::<Labels, Number>::default());
        let feed_quiet = Family::<Labels, Number>::default();
        for source in snapshot.sources()? {
            let labels = vec![("source", source.name.clone())];
            messages.get_or_create(&labels).inc_by(source.messages);
            if let Some(at) = source.last_received {
                heard.get_or_create(&labels).set(as_seconds(at.as_millisecond()));
            }
            let profile = source.profile.as_deref().and_then(|text| Profile::from_toml(text).ok());
            if profile.as_ref().is_some_and(|profile| !profile.connected) {
                silent.get_or_create(&labels).set(0.0);
                not_connected.insert(source.name);
                continue;
            }
            let hours = together(spoke.get(&source.name).unwrap_or(&none).values());
            silent.get_or_create(&labels).set(unusual(&hours, source.last_received));
            let Some(profile) = profile else { continue };
            if let Some(after) = profile.quiet_after {
                quiet.get_or_create(&labels).set(after.0.as_secs_f64());
            }
            for (name, rules) in profile.feeds {
                if let Some(after) = rules.quiet_after {
                    let labels = vec![("source", source.name.clone()), ("feed", name)];
                    feed_quiet.get_or_create(&labels).set(after.0.as_secs_f64());
                }
            }
        }
        registry.register("source_messages", "Messages processed of each source", messages);
        let heard_of = "When each source last sent anything, in seconds since 1970";
        registry.register("source_last_message_timestamp_seconds", heard_of, heard);
        let silent_of = "1 while a source is silent for longer than chance explains at such hours of the week";
        registry.register("source_silent", silent_of, silent);
        let quiet_of = "Silence that is no longer usual for a source, where its profile says (quiet_after)";
        registry.register("source_quiet_after_seconds", quiet_of, quiet);
        let quiet_of = "Silence that is no longer usual for a feed, where its source’s profile says (feeds, quiet_after): readers are told";
        registry.register("feed_quiet_after_seconds", quiet_of, feed_quiet);
        Ok(not_connected)
    }

    /// The same of each feed: of a source that goes on, one may be silent.
    fn feeds(
        &self,
        registry: &mut Registry,
        snapshot: &Snapshot,
        spoke: &HashMap<String, Heard>,
        not_connected: &HashSet<String>,
    ) -> Result<(), StoreError> {
        let messages = Family::<Labels, Counter>::default();
        let (heard, silent) = (Family::<Labels, Number>::default(), Family::<Labels, Number>::default());
        let none = Hours::new();
        for feed in snapshot.feeds()? {
            let hours = spoke.get(&feed.source).and_then(|feeds| feeds.get(&feed.name)).unwrap_or(&none);
            let named = is_awaited(&feed.name, &self.feeds, self.engine.is_one_of_several());
            let awaited = named && !not_connected.contains(&feed.source);
            let labels = vec![("source", feed.source), ("feed", feed.name)];
            messages.get_or_create(&labels).inc_by(feed.messages);
            if let Some(at) = feed.last_received {
                heard.get_or_create(&labels).set(as_seconds(at.as_millisecond()));
            }
            silent.get_or_create(&labels).set(if awaited { unusual(hours, feed.last_received) } else { 0.0 });
        }
        registry.register("feed_messages", "Messages processed of each feed of a source", messages);
        let heard_of = "When anything last came on each feed, in seconds since 1970";
        registry.register("feed_last_message_timestamp_seconds", heard_of, heard);
        let silent_of = "1 while a feed is silent for longer than chance explains at such hours of the week, whatever comes on \
                         others of its source";
        registry.register("feed_silent", silent_of, silent);
        Ok(())
    }

    /// How old what teams are told is.
    fn telling(&self, registry: &mut Registry) {
        let now = crate::edge::now();
        let held = self
            .notices
            .held_up(now)
            .ok()
            .flatten()
            .map_or(0.0, |held| now.duration_since(held.since()).as_secs_f64().max(0.0));
        let held_of =
            "For how long nothing new has reached inboxes, caseloads, windows and boards; 0 while all is well";
        number(registry, "telling_held_up_seconds", held_of, held);
    }

    fn desk(&self, registry: &mut Registry) -> Result<(), StoreError> {
        let problems = Family::<Labels, Number>::default();
        for (source, feed, status, count) in self.engine.problem_counts()? {
            if status != ProblemStatus::Resolved {
                let labels = vec![("source", source), ("feed", feed), ("status", status.as_str().to_owned())];
                problems.get_or_create(&labels).set(as_number(count));
            }
        }
        registry.register("desk_messages", "Messages on the error desk", problems);
        Ok(())
    }

    fn outward(&self, registry: &mut Registry) {
        let parked = self.notices.parked_queues().unwrap_or_default();
        number(
            registry,
            "deliveries_parked",
            "Queues of what goes out that have stopped",
            as_number(parked.len() as u64),
        );
        let failing = self.notices.failing_queues(crate::edge::now()).unwrap_or_default();
        let failing_of = "Receivers that have taken nothing for more than five minutes and are tried again";
        number(registry, "deliveries_failing", failing_of, as_number(failing));
        let subscriptions = Family::<Labels, Number>::default();
        for one in self.notices.subscriptions().unwrap_or_default() {
            subscriptions.get_or_create(&vec![("status", one.status)]).inc();
        }
        registry.register("subscriptions", "Systems that asked to be told, by how that stands", subscriptions);
    }
}

/// 1 when a silence is unusual.
fn unusual(hours: &Hours, last: Option<Timestamp>) -> f64 {
    let silence = pace(hours, last, crate::edge::now()).silence;
    f64::from(u8::from(matches!(silence, Silence::Unusual { .. })))
}

fn unusable(error: ::notify::Failure) -> StoreError {
    StoreError::Unusable(error.to_string())
}

fn number(registry: &mut Registry, name: &str, help: &str, value: f64) {
    let gauge = Number::default();
    gauge.set(value);
    registry.register(name, help, gauge);
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn as_number(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of this millennium are far below 2^52")]
fn as_seconds(milliseconds: i64) -> f64 {
    milliseconds as f64 / 1000.0
}

/// The region's files, and the room beside them.
fn files(registry: &mut Registry, folder: &Path) {
    let sizes = Family::<Labels, Number>::default();
    for name in ["journal.db", "audit.db", "audit-persons.db", "derived.db", "notify.db", "drafts.db"] {
        let of =
            |suffix: &str| std::fs::metadata(folder.join(format!("{name}{suffix}"))).map_or(0, |about| about.len());
        sizes.get_or_create(&vec![("file", name.to_owned())]).set(as_number(of("") + of("-wal")));
    }
    registry.register_with_unit("file", "Size of the region’s files, with what waits beside them", Unit::Bytes, sizes);
    if let Ok(disk) = rustix::fs::statvfs(folder) {
        number(
            registry,
            "disk_free_bytes",
            "Room left on the disk of the data folder",
            as_number(disk.f_bavail * disk.f_frsize),
        );
        number(
            registry,
            "disk_size_bytes",
            "Size of the disk of the data folder",
            as_number(disk.f_blocks * disk.f_frsize),
        );
    }
}

/// How backing up goes.
fn shipping(registry: &mut Registry, state: &Shipping) {
    let last = state.succeeded.map_or(0.0, |at| as_seconds(at.as_millisecond()));
    let last_of =
        "When what there was had last been shipped to the backup, in seconds since 1970; 0 when never since the start";
    number(registry, "backup_last_success_timestamp_seconds", last_of, last);
    let failing = f64::from(u8::from(state.failing.is_some()));
    number(registry, "backup_failing", "1 when the last shipment failed; the log says why", failing);
    let (journal, audit) = (as_number(state.shipped.journal), as_number(state.shipped.audit));
    number(registry, "backup_journal_position", "The newest entry of the journal that is in the backup", journal);
    number(registry, "backup_audit_position", "The newest entry of the audit trail that is in the backup", audit);
    let derived = as_number(state.shipped.derived);
    number(
        registry,
        "backup_derived_position",
        "The entry that the newest derived state in the backup is as of",
        derived,
    );
    let failing = f64::from(u8::from(state.derived_failing.is_some()));
    number(
        registry,
        "backup_derived_failing",
        "1 when the derived state could not be shipped; the log says why",
        failing,
    );
    registry.register("backup_bytes", "Bytes written to the backup since the start", ConstCounter::new(state.bytes));
    registry.register("backup_failures", "Shipments that failed since the start", ConstCounter::new(state.failures));
}

/// What the kernel says of this process.
fn process(registry: &mut Registry) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix("kB")?.trim().parse().ok());
    if let Some(kib) = kib.map(|kib: u64| as_number(kib * 1024)) {
        number(registry, "process_resident_memory_bytes", "Memory in use", kib);
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        number(registry, "process_open_fds", "Files and connections that are open", as_number(open.count() as u64));
    }
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // proc(5): utime and stime are the 14th and 15th field; the second may hold spaces, within brackets.
    let mut fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().skip(11);
    let ticks = |text: Option<&str>| text.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    let used = ticks(fields.next()) + ticks(fields.next());
    let each = rustix::param::clock_ticks_per_second();
    let seconds = ConstCounter::new(as_number(used) / as_number(each));
    registry.register_with_unit("process_cpu", "Processor time used", Unit::Seconds, seconds);
}

/// Whether the process lives, and whether it may be sent requests.
/// A backup that fails is told, and changes nothing: the region serves all the same.
pub fn probes(engine: Engine, backup: Option<Standing>) -> Router {
    let ready = |State((engine, backup)): State<(Engine, Option<Standing>)>| async move {
        let failing = backup.is_some_and(|backup| backup.state().failing.is_some());
        match engine.fault() {
            // Records are read all the same.
            None if engine.journal().held().is_some() => {
                (StatusCode::OK, "ready to be read; messages are refused, the disk is nearly full\n")
            }
            None if failing => (StatusCode::OK, "ready; the backup fails, see the log\n"),
            None => (StatusCode::OK, "ready\n"),
            Some(_) => (StatusCode::SERVICE_UNAVAILABLE, "processing has stopped; see the log\n"),
        }
    };
    Router::new()
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .with_state((engine, backup))
}

/// A listener for monitors alone.
pub struct MetricsListener(TcpListener);

impl MetricsListener {
    /// Take its address.
    ///
    /// # Errors
    /// When another program has it.
    pub async fn bind(address: SocketAddr) -> Outcome<Self> {
        Ok(MetricsListener(listen::bind(address, "metrics.address").await?))
    }

    /// Where it listens.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Answer until told to stop.
    pub async fn run(self, measured: Measured, stop: CancellationToken) {
        let app = Router::new().route("/metrics", get(answer)).with_state(measured);
        if let Err(error) = axum::serve(self.0, app).with_graceful_shutdown(stop.cancelled_owned()).await {
            tracing::error!(%error, "metrics are no longer answered");
        }
    }
}

/// `GET /metrics`.
async fn answer(State(measured): State<Measured>) -> Response {
    let text = tokio::task::spawn_blocking(move || measured.text()).await;
    match text {
        Ok(Ok(text)) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Ok(Err(error)) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_counted_of_a_path_is_its_first_part_alone() {
        assert_eq!(super::area("/record/01JABCDEF/results"), "record");
        assert_eq!(super::area("/fhir/Patient"), "fhir");
        assert_eq!(super::area("/9990000000"), "pages");
        assert_eq!(super::area(""), "pages");
    }
}
