//! When sources spoke.

use super::Notices;
use crate::{Failure, pace::Hours};
use std::collections::{BTreeMap, HashMap};

/// When each feed of a source spoke, by the feed's name.
pub type Heard = BTreeMap<String, Hours>;

impl Notices {
    /// How many messages came of each source on each of its feeds, hour by hour, in the last weeks.
    ///
    /// # Errors
    /// The file's.
    pub fn heard(&self) -> Result<HashMap<String, Heard>, Failure> {
        self.readers.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT source, feed, hour, messages FROM heard")?;
            let mut rows = statement.query([])?;
            let mut found: HashMap<String, Heard> = HashMap::new();
            while let Some(row) = rows.next()? {
                let messages: i64 = row.get(3)?;
                let feeds = found.entry(row.get(0)?).or_default();
                feeds.entry(row.get(1)?).or_default().insert(row.get(2)?, messages.cast_unsigned());
            }
            Ok(found)
        })
    }
}
