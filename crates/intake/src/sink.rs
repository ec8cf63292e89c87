//! Where listeners hand their messages: the engine's journal.

use crate::{
    Applied, Engine,
    listener::{Delivery, NotStored, Sink, Stored, Ticket},
};
use store::journal::{EntryKind, NewEntry, Receipt};
use tracing::field::Empty;

impl Sink for Engine {
    async fn submit(&self, delivery: Delivery) -> Result<Ticket, NotStored> {
        let entry = NewEntry {
            kind: EntryKind::Hl7v2,
            source: delivery.source.to_string(),
            feed: delivery.feed.to_string(),
            received: delivery.received,
            ident: Some(delivery.ident),
            about: None,
            body: delivery.body,
            ack: delivery.answer,
        };
        let span = tracing::info_span!(
            target: "skein::span",
            parent: None,
            "journal",
            position = Empty,
            repeats = Empty,
            failed = Empty,
        );
        let promise = self.journal().hand_in(entry).await.map_err(|error| NotStored(error.to_string()))?;
        Ok(Box::pin(async move {
            match promise.await {
                Ok(Ok(Receipt::Stored { pos, .. })) => {
                    span.record("position", pos);
                    Ok(Stored::New { pos })
                }
                Ok(Ok(Receipt::Repeat { pos, ack, .. })) => {
                    span.record("repeats", pos);
                    Ok(Stored::Repeat { pos, answer: ack })
                }
                Ok(Err(error)) => {
                    span.record("failed", true);
                    Err(NotStored(error.to_string()))
                }
                Err(_) => Err(NotStored("the journal is closed".into())),
            }
        }))
    }

    async fn processed(&self, pos: u64) -> Option<Applied> {
        self.wait_applied(pos).await.ok()
    }
}
