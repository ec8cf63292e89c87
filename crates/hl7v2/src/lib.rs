//! HL7 v2: bytes in, messages out; frames and acknowledgements. No I/O, no clock, no panics.
//!
//! The core cannot fail: [`parse`] gives back what could be read *and* [`Note`]s about the rest, so that a sender
//! always gets an answer and the error desk can always point at a place.
//!
//! - [`parse()`] and [`Message`]: one buffer, spans over it, text decoded and unescaped when asked for
//! - [`Location`]: `PID-3[2].4.1`, in words, as an ERL, and as bytes of the message
//! - [`mllp`]: frames on a wire; [`batch`]: messages in a file
//! - [`ack`]: the answer, in the sender's own version, separators and character set
//! - [`charset`], [`escape`]: what the bytes mean

pub mod ack;
pub mod batch;
pub mod charset;
pub mod escape;
mod field;
mod header;
mod location;
mod message;
pub mod mllp;
mod note;
mod parse;
mod separators;

pub use field::{Comp, Field, Rep, State};
pub use header::Header;
pub use location::{Location, LocationError};
pub use message::{Message, Segment, Segments};
pub use note::{Note, NoteCode, Severity};
pub use parse::{Parsed, parse, parse_owned};
pub use separators::Separators;
