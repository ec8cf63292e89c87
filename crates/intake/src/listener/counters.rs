//! What a feed has done so far: for metrics, the freshness strip and the error desk. Numbers only, no person.

use jiff::Timestamp;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

macro_rules! counters {
    ($($(#[$doc:meta])+ $name:ident,)+) => {
        /// A feed's counters, shared between its connections and whoever reads them.
        #[derive(Debug, Default)]
        pub struct Counters {
            $(pub(super) $name: AtomicU64,)+
            /// Microseconds since 1970; 0 means never.
            last_message: AtomicI64,
        }

        /// A feed's counters at one moment.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Snapshot {
            $($(#[$doc])+ pub $name: u64,)+
            /// When the last whole message came. `None`: not since the start.
            pub last_message: Option<Timestamp>,
        }

        impl Counters {
            /// The numbers now.
            #[must_use]
            pub fn snapshot(&self) -> Snapshot {
                let last = self.last_message.load(Relaxed);
                Snapshot {
                    $($name: self.$name.load(Relaxed),)+
                    last_message: (last != 0).then(|| Timestamp::from_microsecond(last).ok()).flatten(),
                }
            }
        }
    };
}

counters! {
    /// Whole messages that came, repeats included.
    messages,
    /// Bytes that came.
    bytes,
    /// Messages answered with AA or CA.
    accepted,
    /// Messages answered with AE, AR, CE or CR.
    refused,
    /// Messages that asked for no answer.
    unanswered,
    /// Application acknowledgements given after processing.
    processed_told,
    /// Messages that had come before and got the stored answer.
    repeats,
    /// Messages that could not be stored at the time.
    not_stored,
    /// Frames cut off in the middle.
    torn,
    /// Frames larger than permitted.
    too_large,
    /// Bytes outside of frames.
    noise_bytes,
    /// Connections open now.
    connections_now,
    /// Connections opened since the start.
    connections,
    /// Times the limit on connections was reached, so that the next one had to wait.
    connections_full,
    /// Connections closed because nothing came for too long, or a message took too long to come.
    timed_out,
    /// Connections closed because the sender did not take its answers.
    stuck,
    /// TLS handshakes that failed.
    tls_failed,
    /// Errors of the listening socket.
    accept_failed,
}

impl Counters {
    pub(super) fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Relaxed);
    }

    pub(super) fn one(counter: &AtomicU64) {
        Self::add(counter, 1);
    }

    pub(super) fn message_at(&self, now: Timestamp) {
        self.last_message.fetch_max(now.as_microsecond(), Relaxed);
    }
}

/// Counts a connection for as long as it lives.
pub(super) struct Open<'a>(&'a Counters);

impl<'a> Open<'a> {
    pub(super) fn new(counters: &'a Counters) -> Self {
        Counters::one(&counters.connections);
        Counters::one(&counters.connections_now);
        Self(counters)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.connections_now.fetch_sub(1, Relaxed);
    }
}
