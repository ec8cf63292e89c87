//! Traces: what happened to one request or one message, step by step, as OpenTelemetry spans for a collector.
//!
//! The other rooms know `tracing` alone. They open spans whose target is [`spans::TARGET`]; [`spans::Spans`] makes
//! OpenTelemetry's of them, and lets out only attributes that it has by name. Without `[traces]` such a span is refused where it
//! stands, which costs a load and a comparison.
//!
//! A collector that is away holds nothing up: spans wait in a queue of fixed length on a thread of their own, and what does not
//! fit is dropped.

mod spans;

pub use spans::{Spans, TARGET, traceparent};

use crate::{
    config::{Config, traces::Traces as Table},
    failure::{Failure, Outcome, io_words},
};
use access::outgoing::Outgoing;
use axum::{
    extract::{MatchedPath, Request},
    http::{Method, StatusCode},
    middleware::Next,
    response::Response,
};
use bytes::Bytes;
use opentelemetry::KeyValue;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, RetryPolicy, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{BatchConfigBuilder, BatchSpanProcessor, SpanProcessor},
};
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::runtime::Handle;
use tracing::{Instrument, field::Empty};

/// Spans that wait to be sent at most. One is about half a kilobyte.
const WAITING_MAX: usize = 8192;
/// Spans sent in one request at most.
const TOGETHER_MAX: usize = 512;
/// How long spans wait for company.
const SEND_EVERY: Duration = Duration::from_secs(1);
/// How long a collector may take to answer. Past that what was sent is dropped.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the end of the process waits for the last of them.
const LAST_TIME_MAX: Duration = Duration::from_secs(2);
/// A `traceparent` is 55 characters; one of a later version may be longer.
const TRACEPARENT_BYTES_MAX: usize = 256;

/// What sends spans, until the process ends.
pub struct Traces {
    sender: Arc<BatchSpanProcessor>,
}

impl Traces {
    /// Send what is left. Nothing is traced any more.
    pub fn finish(self) {
        // A collector that is away was spoken of already.
        let _ = self.sender.shutdown_with_timeout(LAST_TIME_MAX);
    }
}

/// Whether what is configured can be used. Nothing is sent.
///
/// # Errors
/// A sentence that names the key.
pub fn check(config: &Config) -> Outcome {
    config.traces.as_ref().map_or(Ok(()), |table| destination(config, table).map(|_| ()))
}

/// Begin to trace, where the configuration asks for it: what makes spans, for the log's subscriber, and what sends them.
/// `runtime` sends.
///
/// # Errors
/// As [`check`].
pub fn start(config: &Config, runtime: &Handle) -> Outcome<Option<(Spans, Traces)>> {
    let Some(table) = &config.traces else { return Ok(None) };
    let (address, outgoing) = destination(config, table)?;
    let collector = Collector { outgoing, runtime: runtime.clone(), away: AtomicBool::new(false) };
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(collector)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(address)
        .with_timeout(PATIENCE)
        // What was not taken is dropped: by the time of another try the queue would be full.
        .with_retry_policy(RetryPolicy::disabled())
        .build()
        .map_err(|error| wrong(config, "endpoint", &error.to_string()))?;
    let waiting = BatchConfigBuilder::default()
        .with_max_queue_size(WAITING_MAX)
        .with_max_export_batch_size(TOGETHER_MAX)
        .with_scheduled_delay(SEND_EVERY)
        .build();
    let mut sender = BatchSpanProcessor::builder(exporter).with_batch_config(waiting).build();
    sender.set_resource(&resource(config, table));
    let sender = Arc::new(sender);
    access::outgoing::continue_traces(traceparent);
    Ok(Some((Spans::new(Arc::clone(&sender), &config.region.code, table.ratio), Traces { sender })))
}

fn wrong(config: &Config, key: &str, why: &str) -> Failure {
    Failure::asked(format!("{}: traces.{key}: {why}", config.file.display()))
}

/// Where spans are sent, and with what.
fn destination(config: &Config, table: &Table) -> Outcome<(String, Outgoing)> {
    let authorities = table.authorities.as_deref().map(|file| {
        let file = config.beside(file);
        std::fs::read(&file).map_err(|error| {
            wrong(config, "authorities", &format!("cannot read {}: {}", file.display(), io_words(&error)))
        })
    });
    let authorities = authorities.transpose()?;
    let base = table.endpoint.trim_end_matches('/');
    let address = if base.ends_with("/v1/traces") { base.to_owned() } else { format!("{base}/v1/traces") };
    // The operator named it, so it may lie within the network.
    let outgoing = Outgoing::new(host(&address), authorities.as_deref())
        .map_err(|why| wrong(config, if authorities.is_some() { "authorities" } else { "endpoint" }, &why))?;
    match outgoing.check("the trace collector", &address) {
        Ok(url) if url.query().is_none() && url.fragment().is_none() => Ok((address, outgoing)),
        Ok(_) => Err(wrong(config, "endpoint", "it ends with its path: nothing stands behind a ? or #")),
        Err(_) => Err(wrong(
            config,
            "endpoint",
            "it is https://host:port, or http:// of a collector on this machine, as in \"http://127.0.0.1:4318\"",
        )),
    }
}

/// The host within an address.
fn host(address: &str) -> Option<String> {
    let behind = address.split_once("://")?.1;
    let authority = behind.split(['/', '?', '#']).next()?;
    let host = match authority.strip_prefix('[') {
        Some(six) => six.split(']').next()?,
        None => authority.split(':').next()?,
    };
    (!host.is_empty()).then(|| host.to_owned())
}

/// What all spans of this process have in common.
fn resource(config: &Config, table: &Table) -> Resource {
    let machine = rustix::system::uname();
    let process = format!("{}:{}", machine.nodename().to_string_lossy(), std::process::id());
    Resource::builder_empty()
        .with_service_name(table.service.clone())
        .with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", table.instance.clone().unwrap_or(process)),
            KeyValue::new("skein.region", config.region.code.clone()),
        ])
        .build()
}

/// Sends spans by the same guard as everything that Skein asks of others, and says once when they are not taken.
struct Collector {
    outgoing: Outgoing,
    runtime: Handle,
    away: AtomicBool,
}

impl std::fmt::Debug for Collector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a trace collector")
    }
}

impl Collector {
    fn note(&self, outcome: Result<(), String>) {
        match outcome {
            Ok(()) if self.away.swap(false, Ordering::Relaxed) => {
                tracing::info!("the trace collector takes spans again")
            }
            Err(why) if !self.away.swap(true, Ordering::Relaxed) => {
                tracing::warn!(why, "the trace collector does not take spans: they are dropped until it does");
            }
            _ => {}
        }
    }
}

type Answer<'a> = Pin<Box<dyn Future<Output = Result<axum::http::Response<Bytes>, HttpError>> + Send + 'a>>;

impl HttpClient for Collector {
    fn send_bytes<'life0, 'async_trait>(&'life0 self, request: axum::http::Request<Bytes>) -> Answer<'async_trait>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let headers: Vec<(String, String)> = parts
                .headers
                .iter()
                .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
                .collect();
            let (outgoing, address) = (self.outgoing.clone(), parts.uri.to_string());
            // Whoever calls is a thread without a runtime.
            let sent = self.runtime.spawn(async move {
                outgoing.post("the trace collector", &address, &headers, body.to_vec(), PATIENCE).await
            });
            let answer = match sent.await {
                Ok(Ok(status)) => Ok(status),
                Ok(Err(error)) => Err(error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            self.note(match &answer {
                Ok(200..=299) => Ok(()),
                Ok(status) => Err(format!("it answered with status {status}")),
                Err(why) => Err(why.clone()),
            });
            let mut response = axum::http::Response::new(Bytes::new());
            *response.status_mut() = StatusCode::from_u16(answer?)?;
            Ok(response)
        })
    }
}

/// Trace a request: by what it is of, never by its address. What the caller's own trace says is gone on with.
pub async fn request(request: Request, next: Next) -> Response {
    let span = tracing::info_span!(
        target: TARGET,
        parent: None,
        "request",
        http.request.method = method(request.method()),
        http.route = Empty,
        http.response.status_code = Empty,
        skein.position = Empty,
        traceparent = Empty,
    );
    let caller = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
    if let Some(caller) = caller.filter(|caller| caller.len() <= TRACEPARENT_BYTES_MAX) {
        span.record("traceparent", caller);
    }
    if let Some(matched) = request.extensions().get::<MatchedPath>() {
        span.record("http.route", route(matched.as_str()));
    }
    let answer = next.run(request).instrument(span.clone()).await;
    span.record("http.response.status_code", u64::from(answer.status().as_u16()));
    answer
}

/// The route as it is written in the code; what axum adds for routers within routers is its own.
fn route(matched: &str) -> &str {
    matched.split("/{*__private").next().unwrap_or_default()
}

/// A method by its name; one that nobody knows could be anything.
fn method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "_OTHER",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_found_within_an_address() {
        for (address, expected) in [
            ("http://127.0.0.1:4318/v1/traces", Some("127.0.0.1")),
            ("https://tempo.internal", Some("tempo.internal")),
            ("https://[::1]:4318/", Some("::1")),
            ("tempo.internal:4318", None),
            ("https:///v1/traces", None),
        ] {
            assert_eq!(host(address).as_deref(), expected, "{address}");
        }
    }

    #[test]
    fn a_method_or_route_of_a_callers_own_making_is_not_told() {
        assert_eq!(method(&Method::from_bytes(b"ZWICKYNAME").unwrap()), "_OTHER");
        assert_eq!(method(&Method::POST), "POST");
        assert_eq!(route("/record/{person}/results"), "/record/{person}/results");
        assert_eq!(route("/fhir/{*__private__axum_nest_tail_param}"), "/fhir");
    }
}
