//! When sources spoke.

use super::Notices;
use crate::{Failure, pace::Hours};
use std::collections::HashMap;

impl Notices {
    /// How many messages came of each source, hour by hour, in the last weeks.
    ///
    /// # Errors
    /// The file's.
    pub fn heard(&self) -> Result<HashMap<String, Hours>, Failure> {
        self.readers.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT source, hour, messages FROM heard")?;
            let mut rows = statement.query([])?;
            let mut found: HashMap<String, Hours> = HashMap::new();
            while let Some(row) = rows.next()? {
                let messages: i64 = row.get(2)?;
                found.entry(row.get(0)?).or_default().insert(row.get(1)?, messages.cast_unsigned());
            }
            Ok(found)
        })
    }
}
