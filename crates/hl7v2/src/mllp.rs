//! MLLP frames (HL7 Transport Specification: MLLP, release 1): `<VT>` message `<FS><CR>`.
//!
//! [`Decoder`] is fed bytes as they come and gives frames as they are complete. It holds at most one frame of the
//! permitted size; a larger one is skipped as it streams by, and only its first bytes are kept, so that it can
//! be answered.

use std::mem;

/// Start of a frame, VT.
pub const START: u8 = 0x0B;
/// End of a frame, FS; a CR follows.
pub const END: u8 = 0x1C;
/// How much of a frame that is too large is kept, to read its header: bytes.
pub const HEAD_BYTES: usize = 4096;
/// Above this, the buffer's memory is given back once a frame is done: bytes.
const KEPT_BYTES: usize = 64 * 1024;

/// A message as a frame.
#[must_use]
pub fn encode(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 3);
    encode_into(message, &mut out);
    out
}

/// Appends a message as a frame.
pub fn encode_into(message: &[u8], out: &mut Vec<u8>) {
    out.push(START);
    out.extend_from_slice(message);
    out.extend_from_slice(&[END, b'\r']);
}

/// What the bytes fed so far give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Nothing complete yet.
    NeedMore,
    /// A whole frame's content.
    Frame(Vec<u8>),
    /// A frame larger than permitted went by.
    TooLarge {
        /// Its first bytes, at most [`HEAD_BYTES`].
        head: Vec<u8>,
        /// Its whole length in bytes.
        bytes: u64,
    },
    /// A new message began before the last one ended, as after a sender's restart. What came of it is dropped.
    Torn {
        /// How many bytes of it came.
        bytes: u64,
    },
    /// Bytes outside of any frame.
    Noise {
        /// How many.
        bytes: u64,
        /// They read like a message sent without its frame.
        like_message: bool,
    },
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Between frames.
    Clean,
    /// In the middle of a frame.
    Torn {
        /// How many bytes of it came.
        bytes: u64,
    },
}

/// Finds frames in a stream.
///
/// Tolerated: line ends, blanks and NULs between frames; a doubled VT; LF or the next VT in place of the CR after FS; an
/// FS or VT within a message that ends or starts nothing.
#[derive(Debug)]
pub struct Decoder {
    frame_bytes_max: usize,
    buffer: Vec<u8>,
    /// First byte not yet given away.
    start: usize,
    /// Bytes from here on have not been looked at.
    scanned: usize,
    inside: bool,
    /// Bytes of the present frame that were let go because it is too large.
    skipped: u64,
    head: Vec<u8>,
}

impl Decoder {
    /// Frames of up to `frame_bytes_max` bytes of content are given, larger ones reported.
    #[must_use]
    pub fn new(frame_bytes_max: usize) -> Self {
        Self { frame_bytes_max, buffer: Vec::new(), start: 0, scanned: 0, inside: false, skipped: 0, head: Vec::new() }
    }

    /// Takes bytes from the wire.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.start == self.buffer.len() {
            self.buffer.clear();
            if self.buffer.capacity() > KEPT_BYTES {
                self.buffer = Vec::new();
            }
            self.scanned -= self.start;
            self.start = 0;
        } else if self.start > KEPT_BYTES || self.buffer.len() + bytes.len() > self.buffer.capacity() {
            self.buffer.drain(..self.start);
            self.scanned -= self.start;
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// How many bytes are held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.buffer.capacity() + self.head.capacity()
    }

    /// How many bytes of the present frame are in memory.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// Is a frame begun?
    #[must_use]
    pub fn inside(&self) -> bool {
        self.inside
    }

    /// How far the present frame has come, in bytes.
    #[must_use]
    pub fn progress(&self) -> u64 {
        self.skipped + len(self.buffer.len() - self.start)
    }

    /// An FS is the last byte: the frame is whole if no CR is to come. A sender that leaves the CR out waits for its
    /// answer now; after a moment's patience call [`Decoder::finish`].
    #[must_use]
    pub fn may_be_complete(&self) -> bool {
        self.inside && self.scanned + 1 == self.buffer.len() && self.buffer.last() == Some(&END)
    }

    /// Ends the frame at a last FS that no CR follows. `None` if there is no such frame.
    pub fn finish(&mut self) -> Option<Event> {
        if !self.may_be_complete() {
            return None;
        }
        let end = self.scanned;
        Some(self.complete(end, end + 1))
    }

    /// The connection is closed.
    #[must_use]
    pub fn end(&self) -> Ending {
        if self.inside { Ending::Torn { bytes: self.progress() } } else { Ending::Clean }
    }

    /// The next thing the bytes give. Call until [`Event::NeedMore`].
    pub fn next_event(&mut self) -> Event {
        if !self.inside
            && let Some(noise) = self.skip_to_start()
        {
            return noise;
        }
        if self.inside { self.scan() } else { Event::NeedMore }
    }

    /// Moves to the next frame. Gives the noise on the way, if any.
    fn skip_to_start(&mut self) -> Option<Event> {
        let rest = self.buffer.get(self.start..).unwrap_or_default();
        let at = memchr::memchr(START, rest);
        let before = rest.get(..at.unwrap_or(rest.len())).unwrap_or_default();
        let noise = before.iter().position(|b| !crate::parse::is_filler(*b)).and_then(|n| before.get(n..));
        let event =
            noise.map(|noise| Event::Noise { bytes: len(noise.len()), like_message: crate::parse::is_header(noise) });
        self.start += before.len();
        if at.is_some() {
            self.start += 1;
            self.inside = true;
            self.skipped = 0;
        }
        self.scanned = self.start;
        event
    }

    fn scan(&mut self) -> Event {
        loop {
            let Some(at) = memchr::memchr2(END, START, self.buffer.get(self.scanned..).unwrap_or_default()) else {
                self.scanned = self.buffer.len();
                return self.wait();
            };
            let at = self.scanned + at;
            self.scanned = at;
            let after = self.buffer.get(at + 1..).unwrap_or_default();
            if self.buffer.get(at) == Some(&END) {
                match after.first() {
                    None => return self.wait(),
                    Some(b'\r' | b'\n') => return self.complete(at, at + 2),
                    Some(&START) => return self.complete(at, at + 1),
                    Some(_) => {}
                }
            } else if at == self.start && self.skipped == 0 {
                self.start += 1; // A doubled start.
            } else {
                match starts_message(after) {
                    None => return self.wait(),
                    Some(true) => {
                        let bytes = self.skipped + len(at - self.start);
                        self.start = at + 1;
                        self.scanned = self.start;
                        self.skipped = 0;
                        self.head = Vec::new();
                        return Event::Torn { bytes };
                    }
                    Some(false) => {}
                }
            }
            self.scanned = at + 1;
        }
    }

    /// Everything up to `scanned` is looked at and no end found. Lets go of a frame that has become too large.
    fn wait(&mut self) -> Event {
        if self.skipped > 0 || self.scanned - self.start > self.frame_bytes_max {
            self.let_go(self.scanned);
        }
        Event::NeedMore
    }

    fn let_go(&mut self, end: usize) {
        let bytes = self.buffer.get(self.start..end).unwrap_or_default();
        let room = HEAD_BYTES.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(bytes.get(..room).unwrap_or_default());
        self.skipped += len(bytes.len());
        self.start = end;
    }

    /// The frame's content ends at `end`; the next byte to look at is `next`.
    fn complete(&mut self, end: usize, next: usize) -> Event {
        let event = if self.skipped > 0 || end - self.start > self.frame_bytes_max {
            self.let_go(end);
            Event::TooLarge { head: mem::take(&mut self.head), bytes: self.skipped }
        } else {
            Event::Frame(self.buffer.get(self.start..end).unwrap_or_default().to_vec())
        };
        self.skipped = 0;
        self.inside = false;
        self.start = next;
        self.scanned = next;
        event
    }
}

/// Does a message start here? `None`: too few bytes to tell.
fn starts_message(bytes: &[u8]) -> Option<bool> {
    for name in [b"MSH", b"FHS", b"BHS"] {
        let known = bytes.len().min(name.len());
        if bytes.get(..known) == name.get(..known) {
            return if known == name.len() { Some(true) } else { None };
        }
    }
    Some(false)
}

fn len(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
