//! What the stories need: a region of their own in a temporary folder, served by the real binary, and senders and
//! readers that speak to it over real sockets.

pub mod clients;
#[path = "../../support/postgres.rs"]
pub mod database;
#[path = "../../support/former.rs"]
pub mod former;
pub mod http;
pub mod mllp;
pub mod region;
pub mod say;
pub mod servers;
pub mod shared;

pub use region::{Disk, Region, Setup};

/// Stories that are told on both engines: each of a region that is being served.
macro_rules! on_both {
    ($($(#[$about:meta])* $story:ident),* $(,)?) => {
        mod sqlite {
            $($(#[$about])* #[test] fn $story() { super::$story($crate::harness::Region::start()) })*
        }
        mod postgres {
            $($(#[$about])* #[test] fn $story() {
                let setup = $crate::harness::Setup { postgres: true, ..Default::default() };
                super::$story($crate::harness::Region::start_with(setup))
            })*
        }
    };
}
pub(crate) use on_both;
