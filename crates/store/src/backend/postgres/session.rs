//! A session with the database: statements prepared once, changes sent ahead, transactions that are certain.

mod transaction;

use super::{
    failure::failure,
    rows::{Cells, Rows, Shape, speaks_of},
    server::Server,
    text::{Held, Kept, type_of},
    wire::Wire,
};
use crate::{
    StoreError,
    backend::{Column, Row, Value},
};
use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, VecDeque},
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio_postgres::{Client, Error, Statement, types::Type};
use tracing::Span;

/// Changes that are on their way at most; past that the oldest is waited for.
const ON_THE_WAY_MAX: usize = 2048;
/// Rows fetched at a time of what may be a whole table.
const FETCH_ROWS: usize = 2000;

/// How long another writer of the same derived state is waited for: it may be gone, and the server not know yet.
const OTHER_WRITER_TIME_MAX: Duration = Duration::from_secs(5);

/// What a session is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To look.
    Read,
    /// To write what must be on disk before it is told; others may write as well, one after the other.
    Append,
    /// To be the one that writes a derived state. It records how far it is, so what a crash takes is made again.
    Derive,
}

/// What was sent and not waited for.
type Sent = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// A question whose answer will be asked for.
struct Expected {
    sql: String,
    values: Vec<Kept>,
    answer: Answer,
}

enum Answer {
    Coming(Pin<Box<dyn Future<Output = Result<Vec<tokio_postgres::Row>, Error>> + Send>>),
    There(Result<Vec<tokio_postgres::Row>, Error>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Transaction {
    None,
    Reading,
    Writing,
}

/// A session with one schema of the database. It connects again by itself between transactions.
pub(crate) struct Session {
    server: Server,
    schema: String,
    purpose: Purpose,
    client: RefCell<Option<Arc<Client>>>,
    /// What the server has prepared for this connection.
    statements: RefCell<HashMap<String, Statement>>,
    /// Statements that insert a row, and how many rows are inserted at once.
    shapes: RefCell<HashMap<String, Option<Arc<Shape>>>>,
    /// Rows of this transaction that are not sent yet.
    gathered: RefCell<Vec<(Arc<Shape>, Rows)>>,
    sent: RefCell<VecDeque<Sent>>,
    /// Of this transaction, in the order of asking.
    expected: RefCell<VecDeque<Expected>>,
    transaction: Cell<Transaction>,
    /// The transaction's span, and the statements in it so far.
    traced: RefCell<Span>,
    statements_run: Cell<u64>,
    /// Whether it is known that it is our turn to write.
    turn: Cell<bool>,
    /// By what the database knows this writer, and its batches apart.
    token: i64,
    batch: Cell<i64>,
    cursors: Cell<u64>,
    /// How often it has connected.
    connections: Cell<u64>,
    /// Carries the connection; after what uses it, so that it ends last.
    wire: RefCell<Wire>,
}

impl Session {
    /// Connect.
    ///
    /// # Errors
    /// [`StoreError::Away`] when the database cannot be reached; [`StoreError::Unusable`] when it refuses, or when another
    /// process writes this derived state.
    pub fn open(server: &Server, schema: &str, purpose: Purpose) -> Result<Self, StoreError> {
        let mut token = [0u8; 8];
        ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut token)
            .map_err(|_| StoreError::Unusable("the system gives no random numbers".into()))?;
        let session = Session {
            server: server.clone(),
            schema: schema.to_owned(),
            purpose,
            client: RefCell::default(),
            statements: RefCell::default(),
            shapes: RefCell::default(),
            gathered: RefCell::default(),
            sent: RefCell::default(),
            expected: RefCell::default(),
            transaction: Cell::new(Transaction::None),
            traced: RefCell::new(Span::none()),
            statements_run: Cell::new(0),
            turn: Cell::new(false),
            token: i64::from_le_bytes(token),
            batch: Cell::new(0),
            cursors: Cell::new(0),
            connections: Cell::new(0),
            wire: RefCell::default(),
        };
        session.client()?;
        Ok(session)
    }

    /// The connection. Outside a transaction one that is lost is made again; within one everything sent so far is lost with
    /// it.
    fn client(&self) -> Result<Arc<Client>, StoreError> {
        let held = self.client.borrow().clone();
        if self.transaction.get() == Transaction::None {
            // One that ended while nobody used it is noticed.
            self.wire.borrow().carry();
        }
        match held {
            Some(client) if !client.is_closed() => Ok(client),
            Some(_) if self.transaction.get() != Transaction::None => {
                Err(StoreError::Away("the connection was lost".into()))
            }
            _ => self.connect(),
        }
    }

    /// Wait until it is there.
    fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.wire.borrow().wait(future)
    }

    /// Let it begin.
    fn nudge<T>(&self, future: Pin<&mut (impl Future<Output = T> + ?Sized)>) -> Option<T> {
        self.wire.borrow().nudge(future)
    }

    fn connect(&self) -> Result<Arc<Client>, StoreError> {
        self.sent.borrow_mut().clear();
        self.expected.borrow_mut().clear();
        self.statements.borrow_mut().clear();
        let durable = if self.purpose == Purpose::Append { "on" } else { "off" };
        // A writer whose process or network is gone must not keep the others waiting. Statements are planned once and for
        // any value, by their indexes: a plan made for an empty table would else stay when it has grown.
        let first = format!(
            "SET search_path = {}; SET synchronous_commit = {durable}; SET idle_in_transaction_session_timeout = {};
             SET client_min_messages = warning; SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off;
             SET random_page_cost = 1.1; SET jit = off",
            self.schema,
            if self.purpose == Purpose::Read { "0" } else { "'60s'" },
        );
        let (client, wire) = self.server.connect(&first)?;
        let client = Arc::new(client);
        self.wire.replace(wire);
        if self.purpose == Purpose::Derive {
            self.be_the_only_one(&client)?;
        }
        *self.client.borrow_mut() = Some(client.clone());
        self.connections.set(self.connections.get() + 1);
        Ok(client)
    }

    /// A derived state has one writer; the lock goes with the connection.
    fn be_the_only_one(&self, client: &Client) -> Result<(), StoreError> {
        let begin = Instant::now();
        loop {
            let taken =
                self.wait(client.query_one("SELECT pg_try_advisory_lock(1936418153, hashtext($1))", &[&self.schema]));
            match taken.and_then(|row| row.try_get::<_, bool>(0)) {
                Ok(true) => return Ok(()),
                // The server may not have noticed yet that a former connection of ours is gone.
                Ok(false) if begin.elapsed() < OTHER_WRITER_TIME_MAX => std::thread::sleep(transaction::PAUSE),
                Ok(false) => {
                    return Err(StoreError::Unusable(format!(
                        "{} is in use by another skein process: stop it first",
                        self.server
                    )));
                }
                Err(error) => return Err(failure(&error)),
            }
        }
    }

    /// Trace the transaction that begins: whose tables, and at its end how many statements; never what they say.
    fn trace(&self) {
        self.statements_run.set(0);
        *self.traced.borrow_mut() = tracing::info_span!(
            target: "skein::span",
            "transaction",
            db.system.name = "postgresql",
            skein.store = self.schema.as_str(),
            skein.statements = tracing::field::Empty,
            skein.outcome = tracing::field::Empty,
        );
    }

    fn traced(&self, outcome: &str) {
        let span = self.traced.replace(Span::none());
        span.record("skein.statements", self.statements_run.get()).record("skein.outcome", outcome);
    }

    fn prepare(
        &self,
        client: &Arc<Client>,
        sql: &str,
        types: impl FnOnce() -> Vec<Type>,
    ) -> Result<Statement, StoreError> {
        self.statements_run.set(self.statements_run.get() + 1);
        if let Some(statement) = self.statements.borrow().get(sql) {
            return Ok(statement.clone());
        }
        // Answers come in the order of asking.
        self.arrive()?;
        self.collect_expected()?;
        let numbered = sql.replace('?', "$");
        let statement = self.wait(client.prepare_typed(&numbered, &types())).map_err(|error| failure(&error))?;
        self.statements.borrow_mut().insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// The failure of a statement. What was sent before it may be why.
    fn failed(&self, error: &Error) -> StoreError {
        match self.arrive() {
            Err(earlier) => earlier,
            Ok(()) => failure(error),
        }
    }

    /// Wait until everything sent is done.
    fn arrive(&self) -> Result<(), StoreError> {
        let mut first = Ok(());
        loop {
            let Some(next) = self.sent.borrow_mut().pop_front() else {
                self.turn.set(first.is_ok());
                return first;
            };
            let done = self.wait(next).map_err(|error| failure(&error));
            if first.is_ok() {
                first = done;
            }
        }
    }

    /// Send, and do not wait. The order of sending is the order of doing.
    fn send(&self, future: impl Future<Output = Result<(), Error>> + Send + 'static) -> Result<(), StoreError> {
        let mut future: Sent = Box::pin(future);
        if let Some(done) = self.nudge(future.as_mut()) {
            done.map_err(|error| self.failed(&error))?;
            return Ok(());
        }
        self.sent.borrow_mut().push_back(future);
        if self.sent.borrow().len() > ON_THE_WAY_MAX
            && let Some(oldest) = { self.sent.borrow_mut().pop_front() }
        {
            self.wait(oldest).map_err(|error| failure(&error))?;
        }
        Ok(())
    }

    fn send_plain(&self, client: &Arc<Client>, sql: String) -> Result<(), StoreError> {
        let client = client.clone();
        self.send(async move { client.batch_execute(&sql).await })
    }

    fn send_statement(&self, sql: &str, values: &[Value<'_>]) -> Result<(), StoreError> {
        let client = self.client()?;
        let statement = self.prepare(&client, sql, || values.iter().map(type_of).collect())?;
        let kept: Vec<Kept> = values.iter().map(Kept::of).collect();
        self.send(async move { client.execute_raw(&statement, kept).await.map(|_| ()) })
    }

    /// See [`Connection::write`]: rows that are inserted are gathered by table, and sent before anything that speaks of it.
    pub fn write(&self, sql: &str, values: &[Value<'_>]) -> Result<(), StoreError> {
        if self.transaction.get() != Transaction::Writing {
            return self.execute(sql, values).map(|_| ());
        }
        match self.shape(sql, values.len()) {
            Some(shape) => self.gather(&shape, values),
            None => {
                self.hand_over_for(sql)?;
                self.send_statement(sql, values)
            }
        }
    }

    fn shape(&self, sql: &str, count: usize) -> Option<Arc<Shape>> {
        if let Some(known) = self.shapes.borrow().get(sql) {
            return known.clone();
        }
        let shape = Shape::of(sql, count).map(Arc::new);
        self.shapes.borrow_mut().insert(sql.to_owned(), shape.clone());
        shape
    }

    fn gather(&self, shape: &Arc<Shape>, values: &[Value<'_>]) -> Result<(), StoreError> {
        // What another statement put into the table was put there before.
        self.hand_over(|other| other.table == shape.table && !std::ptr::eq(other, Arc::as_ptr(shape)))?;
        let is_this = |of: &Shape| std::ptr::eq(of, Arc::as_ptr(shape));
        loop {
            let (added, full) = {
                let mut gathered = self.gathered.borrow_mut();
                if !gathered.iter().any(|(of, _)| is_this(of)) {
                    gathered.push((Arc::clone(shape), Rows::new(values)));
                }
                let rows = gathered.iter_mut().find(|(of, _)| is_this(of));
                rows.map_or((true, false), |(_, rows)| (rows.push(shape, values), rows.is_full()))
            };
            if full || !added {
                self.hand_over(is_this)?;
            }
            // One that could not come beside a row it changes is the first of the next.
            if added {
                return Ok(());
            }
        }
    }

    /// Send gathered rows of what a statement speaks of.
    fn hand_over_for(&self, sql: &str) -> Result<(), StoreError> {
        self.hand_over(|shape| speaks_of(sql, &shape.table))
    }

    fn hand_over(&self, which: impl Fn(&Shape) -> bool) -> Result<(), StoreError> {
        if self.gathered.borrow().is_empty() {
            return Ok(());
        }
        let ready: Vec<_> = self.gathered.borrow_mut().extract_if(.., |(shape, _)| which(shape)).collect();
        for (shape, rows) in ready {
            let one = rows.is_one();
            let cells: Vec<Cells> = rows.into_cells();
            let client = self.client()?;
            let types = || cells.iter().map(Cells::types).map(|(of, array)| if one { of } else { array }).collect();
            let statement = self.prepare(&client, if one { &shape.one } else { &shape.many }, types)?;
            self.send(async move { client.execute_raw(&statement, cells).await.map(|_| ()) })?;
            if !one {
                // Work enough for the server to begin.
                self.wire.borrow().carry();
            }
        }
        Ok(())
    }

    pub fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<u64, StoreError> {
        self.hand_over_for(sql)?;
        self.collect_expected()?;
        let client = self.client()?;
        let statement = self.prepare(&client, sql, || values.iter().map(type_of).collect())?;
        let kept: Vec<Kept> = values.iter().map(Kept::of).collect();
        let mut done = Box::pin(client.execute_raw(&statement, kept));
        let early = self.nudge(done.as_mut());
        self.arrive()?;
        early.unwrap_or_else(|| self.wait(done)).map_err(|error| failure(&error))
    }

    /// By what the database knows this session, whatever its connection is.
    pub fn token(&self) -> i64 {
        self.token
    }

    /// How often it has connected: another number says that the database may have gone back to an earlier state.
    pub fn connections(&self) -> u64 {
        self.connections.get()
    }

    /// The rows of a statement, all of them. A reader whose connection broke asks once more.
    pub fn query(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<tokio_postgres::Row>, StoreError> {
        match self.query_once(sql, values) {
            Err(StoreError::Away(_))
                if self.transaction.get() == Transaction::None && self.purpose == Purpose::Read =>
            {
                self.query_once(sql, values)
            }
            found => found,
        }
    }

    fn query_once(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<tokio_postgres::Row>, StoreError> {
        if let Some(rows) = self.take_expected(sql, values)? {
            return Ok(rows);
        }
        self.hand_over_for(sql)?;
        let client = self.client()?;
        let statement = self.prepare(&client, sql, || values.iter().map(type_of).collect())?;
        let kept: Vec<Kept> = values.iter().map(Kept::of).collect();
        let kept: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> = kept.iter().map(|value| value as _).collect();
        let mut found = Box::pin(client.query(&statement, &kept));
        // On its way while what was sent before is waited for.
        let early = self.nudge(found.as_mut());
        self.arrive()?;
        early.unwrap_or_else(|| self.wait(found)).map_err(|error| failure(&error))
    }

    /// See [`Connection::expect`]: it is asked at once, where the server knows the statement already.
    pub fn expect(&self, sql: &str, values: &[Value<'_>]) -> Result<(), StoreError> {
        let statement = self.statements.borrow().get(sql).cloned();
        // Outside a transaction an answer of now is not one of then.
        let Some(statement) = statement.filter(|_| self.transaction.get() != Transaction::None) else {
            return Ok(());
        };
        let kept: Vec<Kept> = values.iter().map(Kept::of).collect();
        if self.expected.borrow().iter().any(|one| one.sql == sql && one.values == kept) {
            return Ok(());
        }
        let client = self.client()?;
        let asked: Vec<Kept> = values.iter().map(Kept::of).collect();
        let mut coming = Box::pin(async move {
            let asked: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> = asked.iter().map(|value| value as _).collect();
            client.query(&statement, &asked).await
        });
        let answer = match self.nudge(coming.as_mut()) {
            Some(found) => Answer::There(found),
            None => Answer::Coming(coming),
        };
        self.expected.borrow_mut().push_back(Expected { sql: sql.to_owned(), values: kept, answer });
        Ok(())
    }

    /// The answer to a question that was expected. To any other: what is on its way comes before it.
    fn take_expected(&self, sql: &str, values: &[Value<'_>]) -> Result<Option<Vec<tokio_postgres::Row>>, StoreError> {
        if self.expected.borrow().is_empty() {
            return Ok(None);
        }
        self.arrive()?;
        let mut expected = self.expected.borrow_mut();
        let values: Vec<Kept> = values.iter().map(Kept::of).collect();
        let found = expected.iter().position(|one| one.sql == sql && one.values == values);
        for one in expected.iter_mut().take(found.map_or(usize::MAX, |at| at + 1)) {
            if let Answer::Coming(coming) = &mut one.answer {
                one.answer = Answer::There(self.wait(coming));
            }
        }
        match found.and_then(|at| expected.remove(at)).map(|one| one.answer) {
            Some(Answer::There(rows)) => rows.map(Some).map_err(|error| failure(&error)),
            _ => Ok(None),
        }
    }

    /// Answers that are on their way come before any that is asked for now.
    fn collect_expected(&self) -> Result<(), StoreError> {
        self.take_expected("", &[]).map(|_| ())
    }

    /// A statement for each of these numbers, its `?1`: all are on their way before the first is waited for.
    pub fn each_of(
        &self,
        sql: &str,
        numbers: &[i64],
        mut each: impl FnMut(&Row<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.hand_over_for(sql)?;
        let client = self.client()?;
        if numbers.is_empty() {
            return Ok(());
        }
        let statement = self.prepare(&client, sql, || vec![Type::INT8])?;
        let asked: Vec<_> = numbers
            .iter()
            .map(|number| {
                let (client, statement, kept) = (client.clone(), statement.clone(), Kept::Integer(Some(*number)));
                let mut found = Box::pin(async move { client.query(&statement, &[&kept]).await });
                let early = self.nudge(found.as_mut());
                (early, found)
            })
            .collect();
        // What was asked before is answered before.
        self.arrive()?;
        self.collect_expected()?;
        for (early, found) in asked {
            let rows = early.unwrap_or_else(|| self.wait(found)).map_err(|error| failure(&error))?;
            rows.iter().try_for_each(|row| each(&Row::Postgres(row)))?;
        }
        Ok(())
    }

    /// Hand every row to `each`. Of a statement without values, which may be about a whole table, a part is fetched at a time.
    pub fn each<E: From<StoreError>>(
        &self,
        sql: &str,
        values: &[Value<'_>],
        mut each: impl FnMut(&Row<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if !values.is_empty() {
            return self.query(sql, values)?.iter().try_for_each(|row| each(&Row::Postgres(row)));
        }
        let alone = self.transaction.get() == Transaction::None;
        if alone {
            self.begin_reading()?;
        }
        let outcome = self.fetch(sql, &mut each);
        if alone {
            // A failure to end it is the connection's, and the next use of it tells.
            let _ = self.roll_back();
        }
        outcome
    }

    fn fetch<E: From<StoreError>>(&self, sql: &str, each: &mut impl FnMut(&Row<'_>) -> Result<(), E>) -> Result<(), E> {
        self.hand_over_for(sql)?;
        self.collect_expected()?;
        let client = self.client()?;
        self.cursors.set(self.cursors.get() + 1);
        let cursor = format!("c{}", self.cursors.get());
        self.send_plain(&client, format!("DECLARE {cursor} NO SCROLL CURSOR FOR {sql}"))?;
        self.arrive()?;
        let fetch = self.wait(client.prepare(&format!("FETCH {FETCH_ROWS} FROM {cursor}")));
        let fetch = fetch.map_err(|error| failure(&error))?;
        loop {
            let rows = self.wait(client.query(&fetch, &[])).map_err(|error| failure(&error))?;
            rows.iter().try_for_each(|row| each(&Row::Postgres(row)))?;
            if rows.len() < FETCH_ROWS {
                return Ok(self.send_plain(&client, format!("CLOSE {cursor}"))?);
            }
        }
    }

    /// Run statements that make or change tables, all or nothing.
    pub fn define(&self, sql: &str) -> Result<(), StoreError> {
        self.hand_over(|_| true)?;
        let client = self.client()?;
        self.arrive()?;
        self.wait(client.batch_execute(sql)).map_err(|error| failure(&error))
    }
}

pub(in crate::backend) fn column(row: &tokio_postgres::Row, at: usize) -> Result<Column<'_>, StoreError> {
    row.try_get::<_, Held<'_>>(at)
        .map(|held| held.0)
        .map_err(|_| StoreError::Corrupt(format!("column {at} of a row holds another type than was written")))
}
