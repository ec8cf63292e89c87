//! What the stories need: a region of their own in a temporary folder, served by the real binary, and senders and
//! readers that speak to it over real sockets.

pub mod clients;
pub mod http;
pub mod mllp;
pub mod region;
pub mod say;
pub mod shared;

pub use region::{Disk, Region, Setup};
