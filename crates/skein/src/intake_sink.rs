//! Where the listeners' messages go: the engine.

use intake::{
    Engine, EntryKind, NewEntry, Receipt,
    listener::{Delivery, NotStored, Sink, Stored, Ticket},
};

/// The engine, as listeners see it.
#[derive(Clone)]
pub struct EngineSink(pub Engine);

impl Sink for EngineSink {
    async fn submit(&self, delivery: Delivery) -> Result<Ticket, NotStored> {
        let engine = self.0.clone();
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
        // The journal keeps the order in which entries are handed to it; only the wait for the disk is the ticket's.
        let promise = engine.journal().enqueue(entry).map_err(|error| NotStored(error.to_string()))?;
        Ok(Box::pin(async move {
            match promise.await {
                Ok(Ok(Receipt::Stored { .. })) => Ok(Stored::New),
                Ok(Ok(Receipt::Repeat { ack, .. })) => Ok(Stored::Repeat { answer: ack }),
                Ok(Err(error)) => Err(NotStored(error.to_string())),
                Err(_) => Err(NotStored("the region is stopping".into())),
            }
        }))
    }
}
