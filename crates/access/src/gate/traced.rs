//! What a trace says of a decision.

use super::{Action, Refusal};

/// The span of a decision: of what class of action, and how it ended; never whose record, nor who asked.
pub(super) fn asked(action: &Action) -> tracing::Span {
    tracing::info_span!(
        target: "skein::span",
        "gate",
        skein.action = action.class(),
        skein.decision = tracing::field::Empty,
        failed = tracing::field::Empty,
    )
}

/// How it ended.
pub(super) fn told<T>(span: &tracing::Span, decided: &Result<T, Refusal>) {
    let decision = match decided {
        Ok(_) => "permitted",
        Err(Refusal::NotAllowed(_) | Refusal::NoReason(_)) => "refused",
        Err(Refusal::NeedsReason(_)) => "needs-reason",
        Err(Refusal::NoSuchPerson) => "not-found",
        Err(Refusal::NotRecorded(_)) => "not-recorded",
    };
    span.record("skein.decision", decision);
    if matches!(decided, Err(Refusal::NotRecorded(_))) {
        span.record("failed", true);
    }
}
