//! Text: how alike two strings are, how they sound, which names are one name.

pub(crate) mod chinese;
mod distance;
pub(crate) mod honour;
mod jaro;
mod nicknames;
mod phonetic;

pub use distance::{digits_slip, osa_distance, within_one};
pub use jaro::{jaro_winkler, jaro_winkler_reaches};
pub use nicknames::{GROUPS_MAX, forms_of, groups_of};
pub use phonetic::sound;
