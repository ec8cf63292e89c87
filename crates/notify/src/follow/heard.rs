//! When sources spoke: how many messages of each came on each feed, hour by hour.

use super::Follower;
use crate::{Failure, pace};
use jiff::Timestamp;
use rusqlite::params;
use store::FeedRow;

impl Follower {
    /// Count a message, to be written at the end of the batch.
    pub(super) fn hear(&mut self, row: &FeedRow) {
        if !row.decision {
            let spoke = (row.source.clone(), row.feed.clone(), pace::hour_of(row.received));
            *self.heard.entry(spoke).or_default() += 1;
        }
    }

    /// Write what was counted, and forget what is too old to be looked back on.
    pub(super) fn write_heard(&mut self, newest: Timestamp) -> Result<(), Failure> {
        if self.heard.is_empty() {
            return Ok(());
        }
        let mut add = self.connection.prepare_cached(
            "INSERT INTO heard (source, feed, hour, messages) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (source, feed, hour) DO UPDATE SET messages = messages + excluded.messages",
        )?;
        for ((source, feed, hour), messages) in self.heard.drain() {
            add.execute(params![source, feed, hour, messages])?;
        }
        let too_old = pace::hour_of(newest) - (pace::WEEKS + 1) * 168;
        self.connection.prepare_cached("DELETE FROM heard WHERE hour < ?1")?.execute([too_old])?;
        Ok(())
    }
}
