//! What is being put into a database and is not whole yet: every process of the region sees it, wherever its data folder is.

use crate::{
    Server, StoreError,
    backend::{
        postgres::{Purpose, Session},
        values,
    },
    lease::handed_over,
};

/// The row of `skein.handover` that says so.
const NAME: &str = "unfinished";

impl Server {
    /// What was begun to be put into this database, as whoever began it called it.
    ///
    /// # Errors
    /// [`StoreError::Away`]; [`StoreError::Unusable`].
    pub fn begun(&self) -> Result<Option<String>, StoreError> {
        handed_over(&Session::open(self, "skein", Purpose::Read)?, NAME)
    }

    /// Call it that, before anything is put there.
    ///
    /// # Errors
    /// As there.
    pub fn begin(&self, what: &str) -> Result<(), StoreError> {
        let sql = "INSERT INTO skein.handover (name, body) VALUES (?1, ?2)
                   ON CONFLICT (name) DO UPDATE SET body = excluded.body";
        Session::open(self, "skein", Purpose::Append)?.execute(sql, values![NAME, what]).map(|_| ())
    }

    /// It is whole.
    ///
    /// # Errors
    /// As there.
    pub fn finish(&self) -> Result<(), StoreError> {
        let sql = "DELETE FROM skein.handover WHERE name = ?1";
        Session::open(self, "skein", Purpose::Append)?.execute(sql, values![NAME]).map(|_| ())
    }
}
