//! Queries on a feed: who asks wants an answer, not an acknowledgement. They are no news, so they never reach the journal.
//! What the answer is, is not intake's to know: whoever wires the region together hands in a [`Responder`].

use jiff::Timestamp;
use std::{future::Future, pin::Pin, sync::Arc};

/// A query that came on a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The source that speaks on the feed.
    pub source: Arc<str>,
    /// The feed's name.
    pub feed: Arc<str>,
    /// When it came.
    pub received: Timestamp,
    /// The message, byte for byte, without its frame. It can be read.
    pub body: Vec<u8>,
    /// MSH-10 for the response: new each time.
    pub control_id: String,
}

/// Resolves to the response, without its frame.
pub type Response = Pin<Box<dyn Future<Output = Vec<u8>> + Send>>;

/// Answers queries.
pub trait Responder: Send + Sync + 'static {
    /// Answer one. Whatever is asked is answered: what cannot be, with an error the asker's people understand.
    fn respond(&self, asked: Asked) -> Response;
}
