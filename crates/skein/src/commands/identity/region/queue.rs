//! `skein identity queue`.

use super::{Desk, face};
use crate::{
    cli::identity::region::{Kind, List, Queue},
    edge,
    failure::Outcome,
    say,
};
use record::{Review, ReviewKind, ReviewStatus, waterfall, when};
use serde_json::json;

/// Print the queue.
pub fn run(asked: &Queue) -> Outcome {
    let desk = Desk::open(&asked.region, None)?;
    let permit = desk.permit("queue".into())?;
    let status = match asked.list {
        List::Waiting => ReviewStatus::Open,
        List::Second => ReviewStatus::Second,
        List::Unsure => ReviewStatus::Unsure,
        List::Settled => ReviewStatus::Settled,
    };
    let kind = asked.kind.map(|kind| match kind {
        Kind::Likely => ReviewKind::Likely,
        Kind::Ambiguous => ReviewKind::Ambiguous,
        Kind::Suspect => ReviewKind::Suspect,
        Kind::NhsNumber => ReviewKind::NhsNumber,
        Kind::Merge => ReviewKind::Merge,
    });
    let rows = desk.release(desk.records.queue(&permit, status, kind, None, usize::from(asked.limit)))?;
    let now = edge::now();
    for row in &rows {
        let Some(review) = &row.review else { continue };
        if asked.json {
            let opinions: Vec<_> = review
                .opinions
                .iter()
                .map(|said| json!({"seq": said.seq, "by": said.name, "said": said.said, "taken_back": said.withdrawn}))
                .collect();
            say::line(
                &json!({"a": row.pair.a.to_string(), "b": row.pair.b.to_string(), "kind": review.kind.as_str(),
                    "status": review.status.as_str(), "score_bits": bits(review), "needs_two": row.needs_two,
                    "since": row.since.map(|at| at.to_string()), "opinions": opinions})
                .to_string(),
            );
            continue;
        }
        let evidence = if review.score == 0 { "by rule".to_owned() } else { waterfall::odds(bits(review)) };
        let waits = row.since.map(|since| when::ago(since, now)).unwrap_or_default();
        say::line(&format!("{} {}  {}  {evidence}  {waits}", row.pair.a, row.pair.b, review.kind.as_str()));
        say::line(&format!("    {}", face(&row.left)));
        say::line(&format!("    {}", face(&row.right)));
    }
    if !asked.json {
        let counts = desk.release(desk.records.queue_counts(&permit))?;
        if counts.is_empty() {
            say::line("Nothing waits.");
        }
        for (kind, status, count) in counts {
            say::line(&format!("{}: {count} {}", kind.as_str(), status.as_str()));
        }
    }
    Ok(())
}

fn bits(review: &Review) -> f64 {
    f64::from(i32::try_from(review.score).unwrap_or(i32::MAX)) / 100.0
}
