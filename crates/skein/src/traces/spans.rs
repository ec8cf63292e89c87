//! From `tracing`'s spans to OpenTelemetry's.
//!
//! All of one message is one trace, whichever process does it and however often one is started again: its trace's id is made of
//! the region and the message's journal position. A span with a field `position` and none around it belongs there; the one
//! named `message` is the root. Whether a trace is kept follows from its id alone, so that all of it is or none.
//!
//! What leaves is on a list here, by name, and typed: numbers, truth values and short texts. A field that is not on the list, and
//! anything written by `Debug` or `Display`, stays.

use opentelemetry::{
    InstrumentationScope, KeyValue, Value,
    trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState},
};
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, IdGenerator, RandomIdGenerator, SpanData, SpanEvents, SpanLinks, SpanProcessor,
};
use std::{borrow::Cow, sync::Arc, time::SystemTime};
use tracing::{
    Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer, Registry,
    layer::Context,
    registry::{LookupSpan, SpanRef},
};

/// The target of spans that are traced. No log line is of it.
pub const TARGET: &str = "skein::span";

/// What may leave. None of it is, or leads to, a person: names of feeds, sources, clients and subscriptions are the operator's;
/// a position is a number of the journal, a route is written in the code.
const ATTRIBUTES: [&str; 22] = [
    "db.system.name",
    "http.request.method",
    "http.response.status_code",
    "http.route",
    "skein.action",
    "skein.attempt",
    "skein.bytes",
    "skein.client",
    "skein.decision",
    "skein.entries",
    "skein.feed",
    "skein.number",
    "skein.outcome",
    "skein.position",
    "skein.position.first",
    "skein.position.last",
    "skein.source",
    "skein.statements",
    "skein.status",
    "skein.store",
    "skein.subscription",
    "skein.told",
];
/// A text longer than this is cut. Bytes.
const TEXT_BYTES_MAX: usize = 128;

/// Makes OpenTelemetry's spans of `tracing`'s.
pub struct Spans {
    sender: Arc<BatchSpanProcessor>,
    region: String,
    /// A trace is kept if the lower 63 bits of its id, as a number, are below this; None: all are.
    below: Option<u64>,
    ids: RandomIdGenerator,
    scope: InstrumentationScope,
}

/// A span that has begun.
struct Begun {
    trace: TraceId,
    id: SpanId,
    /// [`SpanId::INVALID`]: none.
    parent: SpanId,
    /// Whether the parent is a caller's.
    remote: bool,
    /// Whether nothing is around it here, so that it may turn out to be of another trace.
    outermost: bool,
    sampled: bool,
    name: &'static str,
    start: SystemTime,
    attributes: Vec<KeyValue>,
    failed: bool,
}

#[expect(clippy::disallowed_methods, reason = "when it happened; nothing that is stored follows from it")]
fn now() -> SystemTime {
    SystemTime::now()
}

impl Spans {
    /// `ratio`: which part is kept, 0 to 1.
    pub fn new(sender: Arc<BatchSpanProcessor>, region: &str, ratio: f64) -> Self {
        let scope = InstrumentationScope::builder("skein").with_version(env!("CARGO_PKG_VERSION")).build();
        Spans { sender, region: region.to_owned(), below: below(ratio), ids: RandomIdGenerator::default(), scope }
    }

    fn keeps(&self, trace: TraceId) -> bool {
        let [.., a, b, c, d, e, f, g, h] = trace.to_bytes();
        self.below.is_none_or(|below| u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 1 < below)
    }

    fn begin(&self, name: &'static str, around: Option<&Begun>) -> Begun {
        let id = self.ids.new_span_id();
        let (trace, parent, sampled) = match around {
            Some(around) => (around.trace, around.id, around.sampled),
            None => {
                let trace = self.ids.new_trace_id();
                (trace, SpanId::INVALID, self.keeps(trace))
            }
        };
        let outermost = around.is_none();
        let attributes = Vec::new();
        Begun { trace, id, parent, remote: false, outermost, sampled, name, start: now(), attributes, failed: false }
    }

    /// It is of the message at this position.
    fn belongs(&self, begun: &mut Begun, position: u64, again: bool) {
        begun.put("skein.position", Value::I64(position.cast_signed()));
        if !begun.outermost || begun.remote {
            return;
        }
        let (trace, root) = message(&self.region, position);
        begun.trace = trace;
        begun.sampled = self.keeps(trace);
        if begun.name == "message" && !again {
            begun.id = root;
        } else {
            begun.parent = root;
        }
    }

    /// It is part of a caller's trace.
    fn goes_on(begun: &mut Begun, caller: &str) {
        if let Some((trace, parent, sampled)) = read_traceparent(caller).filter(|_| begun.outermost) {
            begun.trace = trace;
            begun.parent = parent;
            begun.sampled = sampled;
            begun.remote = true;
        }
    }

    fn end(&self, begun: Begun) {
        if !begun.sampled {
            return;
        }
        let Begun { trace, id, parent, remote, name, start, attributes, failed, .. } = begun;
        let text = |key: &str| attributes.iter().find(|one| one.key.as_str() == key).map(|one| one.value.as_str());
        let shown = match (text("http.request.method"), text("http.route")) {
            (Some(method), Some(route)) => Cow::Owned(format!("{method} {route}")),
            (Some(method), None) => Cow::Owned(method.into_owned()),
            _ => Cow::Borrowed(name),
        };
        let broken = attributes.iter().any(|one| {
            one.key.as_str() == "http.response.status_code" && matches!(one.value, Value::I64(code) if code >= 500)
        });
        let status = if failed || broken { Status::error("") } else { Status::Unset };
        self.sender.on_end(SpanData {
            span_context: SpanContext::new(trace, id, TraceFlags::SAMPLED, false, TraceState::NONE),
            parent_span_id: parent,
            parent_span_is_remote: remote,
            span_kind: match name {
                "request" => SpanKind::Server,
                "deliver" | "transaction" => SpanKind::Client,
                "message" => SpanKind::Consumer,
                _ => SpanKind::Internal,
            },
            name: shown,
            start_time: start,
            end_time: now(),
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status,
            instrumentation_scope: self.scope.clone(),
        });
    }
}

/// Below what a trace's number must be, for that part of all to be kept.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a ratio of 0 to 1 of 2^63; some traces in 2^53 more or less"
)]
fn below(ratio: f64) -> Option<u64> {
    (ratio < 1.0).then(|| (ratio.max(0.0) * (1u64 << 63) as f64) as u64)
}

/// The trace of a message, and its root.
fn message(region: &str, position: u64) -> (TraceId, SpanId) {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"skein message trace\0").update(region.as_bytes()).update(&[0]).update(&position.to_le_bytes());
    let mut made = hasher.finalize_xof();
    let (mut trace, mut root) = ([0; 16], [0; 8]);
    made.fill(&mut trace);
    made.fill(&mut root);
    (TraceId::from_bytes(trace), SpanId::from_bytes(root))
}

/// W3C Trace Context §3.2: `00-TRACE-PARENT-FLAGS`; of a later version what is known of it.
fn read_traceparent(text: &str) -> Option<(TraceId, SpanId, bool)> {
    let mut parts = text.trim().split('-');
    let mut next = |length: usize| {
        let part = parts.next()?;
        let hex = part.len() == length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        hex.then_some(part)
    };
    let (version, trace, parent, flags) = (next(2)?, next(32)?, next(16)?, next(2)?);
    if version == "ff" || version == "00" && parts.next().is_some() {
        return None;
    }
    let (trace, parent) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(parent).ok()?);
    let sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
    (trace != TraceId::INVALID && parent != SpanId::INVALID).then_some((trace, parent, sampled))
}

/// Where in its trace a span is, for whoever is called from within it.
pub fn traceparent(span: &tracing::Span) -> Option<String> {
    span.with_subscriber(|(id, subscriber)| {
        let span = subscriber.downcast_ref::<Registry>()?.span(id)?;
        let extensions = span.extensions();
        let begun = extensions.get::<Begun>()?;
        Some(format!("00-{}-{}-{:02x}", begun.trace, begun.id, u8::from(begun.sampled)))
    })
    .flatten()
}

impl Begun {
    fn put(&mut self, key: &'static str, value: Value) {
        match self.attributes.iter_mut().find(|one| one.key.as_str() == key) {
            Some(there) => there.value = value,
            None => self.attributes.push(KeyValue::new(key, value)),
        }
    }
}

/// Takes over the fields of a span.
struct Fields<'s> {
    spans: &'s Spans,
    begun: &'s mut Begun,
}

impl Fields<'_> {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        if let Some(key) = ATTRIBUTES.iter().find(|key| **key == field.name()) {
            self.begun.put(key, value.into());
        }
    }
}

impl Visit for Fields<'_> {
    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "position" => self.spans.belongs(self.begun, value, false),
            "repeats" => self.spans.belongs(self.begun, value, true),
            _ => self.put(field, i64::try_from(value).unwrap_or(i64::MAX)),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        match field.name() {
            "failed" => self.begun.failed |= value,
            _ => self.put(field, value),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "traceparent" {
            return Spans::goes_on(self.begun, value);
        }
        let end = (0..=TEXT_BYTES_MAX.min(value.len())).rev().find(|at| value.is_char_boundary(*at)).unwrap_or(0);
        self.put(field, value.get(..end).unwrap_or_default().to_owned());
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {
        // Could be anything.
    }
}

impl<S> Layer<S> for Spans
where
    S: Subscriber + for<'l> LookupSpan<'l>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let around: Option<SpanRef<'_, S>> = if attributes.is_root() {
            None
        } else if attributes.is_contextual() {
            context.lookup_current()
        } else {
            attributes.parent().and_then(|parent| context.span(parent))
        };
        let mut begun = match &around {
            Some(around) => self.begin(span.name(), around.extensions().get::<Begun>()),
            None => self.begin(span.name(), None),
        };
        attributes.record(&mut Fields { spans: self, begun: &mut begun });
        span.extensions_mut().insert(begun);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(begun) = span.extensions_mut().get_mut::<Begun>() {
            values.record(&mut Fields { spans: self, begun });
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let begun = context.span(&id).and_then(|span| span.extensions_mut().remove::<Begun>());
        if let Some(begun) = begun {
            self.end(begun);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_place_is_read_as_the_standard_writes_it_and_nothing_else_is() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let (trace, parent, sampled) = read_traceparent(good).unwrap();
        assert_eq!(trace.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!((parent.to_string().as_str(), sampled), ("00f067aa0ba902b7", true));
        assert!(!read_traceparent(&good.replace("-01", "-00")).unwrap().2);
        assert!(read_traceparent("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03-more").unwrap().2);
        for wrong in [
            "",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-zwickyname",
        ] {
            assert!(read_traceparent(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_messages_trace_is_the_same_everywhere_and_no_other_messages() {
        assert_eq!(message("r", 5071), message("r", 5071));
        assert_ne!(message("r", 5071).0, message("r", 5072).0);
        assert_ne!(message("r", 5071).0, message("s", 5071).0);
    }

    #[test]
    fn so_many_traces_are_kept_as_the_ratio_says() {
        let kept = |ratio: f64| {
            let low = |trace: TraceId| u64::from_be_bytes(trace.to_bytes()[8..].try_into().unwrap()) >> 1;
            let all = (0..10_000).map(|position| low(message("r", position).0));
            all.filter(|number| below(ratio).is_none_or(|below| *number < below)).count()
        };
        assert_eq!((kept(0.0), kept(1.0)), (0, 10_000));
        let tenth = kept(0.1);
        assert!((800..1200).contains(&tenth), "{tenth}");
    }
}
