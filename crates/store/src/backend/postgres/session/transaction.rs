//! Transactions that are certain in the end: what was committed is known, also where the connection was lost meanwhile.

use super::{Session, Transaction};
use crate::{
    StoreError,
    backend::{Connection, postgres::failure::failure, values},
};
use std::time::{Duration, Instant};

/// How long work is tried again while the database cannot be reached.
const PATIENCE: Duration = Duration::from_secs(15);
/// Between two tries.
pub(super) const PAUSE: Duration = Duration::from_millis(100);

/// Waits for our turn to write, until the end of the transaction.
const TURN: &str = "SELECT 1 FROM pg_advisory_xact_lock(1936418153, hashtext(?1))";

impl Session {
    pub fn begin(&self) -> Result<(), StoreError> {
        let client = self.client()?;
        self.trace();
        self.send_plain(&client, "BEGIN".into())?;
        self.transaction.set(Transaction::Writing);
        Ok(())
    }

    pub fn begin_reading(&self) -> Result<(), StoreError> {
        let client = self.client()?;
        self.trace();
        self.send_plain(&client, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY".into())?;
        self.transaction.set(Transaction::Reading);
        Ok(())
    }

    pub fn commit(&self) -> Result<(), StoreError> {
        self.hand_over(|_| true)?;
        let client = self.client()?;
        self.send_plain(&client, "COMMIT".into())?;
        // A commit says that all is well even where something before it failed and nothing was kept: each is asked.
        self.arrive()?;
        self.transaction.set(Transaction::None);
        self.traced("committed");
        Ok(())
    }

    pub fn roll_back(&self) -> Result<(), StoreError> {
        let former = self.transaction.replace(Transaction::None);
        if former == Transaction::None {
            return Ok(());
        }
        // One that only read ends so too.
        self.traced(if former == Transaction::Reading { "read" } else { "rolled-back" });
        // What was sent is of no account any more, its failures neither.
        self.gathered.borrow_mut().clear();
        self.expected.borrow_mut().clear();
        self.sent.borrow_mut().clear();
        let client = self.client.borrow().clone();
        let Some(client) = client.filter(|client| !client.is_closed()) else { return Ok(()) };
        let outcome = self.send_plain(&client, "ROLLBACK".into());
        // At once: nobody may use this connection for a while, and what is seen in a transaction is kept for it.
        self.wire.borrow().carry();
        outcome
    }

    /// Work within a transaction that is certain in the end: see [`Connection::transact`].
    pub fn transact<T>(
        &self,
        connection: &Connection,
        mut work: impl FnMut(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let begin = Instant::now();
        let mut unsure: Option<T> = None;
        loop {
            let outcome = match unsure.take() {
                None => self.attempt(connection, &mut work),
                Some(done) => match self.happened() {
                    Ok(true) => return Ok(done),
                    Ok(false) => self.attempt(connection, &mut work),
                    Err(error) => Err((error, Some(done))),
                },
            };
            let (error, done) = match outcome {
                Ok(done) => return Ok(done),
                Err(failed) => failed,
            };
            // The failure is what counts; a transaction that cannot even be rolled back ends with its connection.
            let _ = self.roll_back();
            if !matches!(error, StoreError::Away(_)) || begin.elapsed() > PATIENCE {
                return Err(error);
            }
            unsure = done;
            std::thread::sleep(PAUSE);
        }
    }

    /// Once. A failure says whether the commit was on its way already, and with it what the work gave.
    fn attempt<T>(
        &self,
        connection: &Connection,
        work: &mut impl FnMut(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, (StoreError, Option<T>)> {
        let before = |error| (error, None);
        self.begin().map_err(before)?;
        self.send_statement(TURN, values![self.schema]).map_err(before)?;
        self.turn.set(false);
        let done = work(connection).map_err(before)?;
        self.batch.set(self.batch.get() + 1);
        let sql = "INSERT INTO writer (token, batch) VALUES (?1, ?2)
                   ON CONFLICT (token) DO UPDATE SET batch = excluded.batch";
        self.write(sql, values![self.token, self.batch.get()]).map_err(before)?;
        // It is certain that it is our turn before the commit is sent: whoever has it later knows that no other commit is on
        // its way.
        if !self.turn.get() {
            self.hand_over(|_| true).and_then(|()| self.arrive()).map_err(before)?;
        }
        match self.commit() {
            Ok(()) => Ok(done),
            Err(error) => Err((error, Some(done))),
        }
    }

    /// Wait for our turn to write, until the end of the transaction.
    fn take_turn(&self) -> Result<(), StoreError> {
        self.query(TURN, values![self.schema]).map(|_| ())
    }

    /// Whether the last batch was committed, after its connection was lost.
    fn happened(&self) -> Result<bool, StoreError> {
        self.begin()?;
        // The lost connection's transaction holds the turn until it has ended, one way or the other.
        self.take_turn()?;
        let rows = self.query("SELECT batch FROM writer WHERE token = ?1", values![self.token])?;
        let batch = rows.first().map(|row| row.try_get::<_, i64>(0)).transpose().map_err(|error| failure(&error))?;
        self.roll_back()?;
        Ok(batch == Some(self.batch.get()))
    }
}
