//! Following the change feed: one thread that takes each journal entry in order, works out what happened, who is on which
//! caseload, who is told, and writes it to `notify.db`. What it writes depends on the journal alone, so that after a crash,
//! or from nothing, it comes to the same with the same numbers.

mod decide;
mod events;
mod heard;
mod items;
mod lists;
mod people;
mod requests;
mod teams;
mod timely;

pub use decide::uploaded_key as uploaded_list;
pub use lists::practice_key as practice_list;

use crate::{
    Failure, file,
    organisations::Organisations,
    read::{Following, Notices},
};
use fhir::{PatientKey, PersonKey, ResourceId, ResourceType, json::Document};
use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;
use std::{
    collections::{BTreeSet, HashMap},
    path::Path,
    sync::Arc,
    time::Instant,
};
use store::{Derived, FeedRow, Snapshot, StoreError, journal::JournalReader};
use teams::TeamRules;
use tokio::sync::{broadcast, watch};

/// How much is taken in one go: what is written becomes visible at its end.
struct Go {
    /// How far behind one has to be, in entries.
    behind: u64,
    entries_max: usize,
    milliseconds_max: u128,
}

/// By how far it is behind, the furthest first. When somebody waits for one entry, little at a time. Else nobody waits but for the
/// last of very many; and where a region is taken in for the first time, everybody's rows lie wherever their keys put them, so that
/// each go writes most pages there are, and the fewer goes the better.
const GOES: [Go; 3] = [
    Go { behind: 500_000, entries_max: 100_000, milliseconds_max: 5_000 },
    Go { behind: 500, entries_max: 10_000, milliseconds_max: 500 },
    Go { behind: 0, entries_max: 500, milliseconds_max: 20 },
];
/// News older than this when it reaches us is history, of which nobody need be told.
const NEWS_DAYS: i64 = 7;
/// For so long what is over stays in windows.
const SHOWN_DAYS: i64 = 60;
/// Word of what was told, kept for those who are slow to hear it.
const TOLD_MAX: usize = 4096;

/// Something a team was told just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// The team, by number.
    pub team: i64,
    /// The notice, by number.
    pub notice: i64,
}

/// What follows the change feed. There is one.
pub struct Follower {
    connection: Connection,
    derived: Derived,
    journal: Box<dyn Fn() -> Result<JournalReader, StoreError> + Send>,
    reader: Option<JournalReader>,
    organisations: Organisations,
    teams: HashMap<i64, TeamRules>,
    reached: watch::Sender<u64>,
    following: watch::Sender<Following>,
    told: broadcast::Sender<Told>,
    /// Of the batch in hand, to be said when it is written.
    waiting: Vec<Told>,
    moved: broadcast::Sender<i64>,
    /// Messages by source, feed and hour, of the batch in hand.
    heard: HashMap<(Arc<str>, Arc<str>, i64), u32>,
    /// Caseloads in whose windows something moved, of the batch in hand.
    changed: BTreeSet<i64>,
    requested: broadcast::Sender<Arc<str>>,
    /// Organisations whose requests changed, of the batch in hand.
    asked: BTreeSet<String>,
    /// Whether a subscription may have something new.
    stirred: watch::Sender<u64>,
    subscriptions: events::Subscriptions,
    /// Whether much of the file is kept in memory: while very much is taken in.
    keeps_much: bool,
    /// When the newest entry that was taken had been received.
    known: Timestamp,
}

/// A resource before and after an entry, as needed.
struct Change {
    kind: ResourceType,
    id: ResourceId,
    /// The text as it was; None: it was not there, or deleted.
    before: Option<Vec<u8>>,
    /// The text as it is; None: it is deleted.
    after: Option<Vec<u8>>,
    /// Whose it was and is: of a visit that was moved, whom it was moved to.
    owner_before: PatientKey,
    owner: PatientKey,
}

impl Follower {
    /// Open (or make) the file in a data folder. `journal` opens the journal for reading decisions.
    ///
    /// # Errors
    /// [`Failure`] when the file cannot be used.
    pub fn open(
        folder: &Path,
        derived: Derived,
        journal: impl Fn() -> Result<JournalReader, StoreError> + Send + 'static,
    ) -> Result<(Self, Notices), Failure> {
        let path = folder.join("notify.db");
        let mut connection = file::open(&path)?;
        if file::reached(&connection)? > derived.snapshot()?.seq() {
            // The derived state is being made again from the journal, or a former one was put back: what follows from
            // it is made again too.
            drop(connection);
            for suffix in ["", "-wal", "-shm"] {
                let _ = std::fs::remove_file(folder.join(format!("notify.db{suffix}")));
            }
            connection = file::open(&path)?;
        }
        let reached = watch::Sender::new(file::reached(&connection)?);
        let following = watch::Sender::new(Following::default());
        let told = broadcast::Sender::new(TOLD_MAX);
        let moved = broadcast::Sender::new(TOLD_MAX);
        let stirred = watch::Sender::new(0);
        let requested = broadcast::Sender::new(TOLD_MAX);
        let said = (told.clone(), moved.clone(), requested.clone());
        let notices = Notices::new(
            &path,
            derived.clone(),
            (reached.subscribe(), following.subscribe()),
            said,
            stirred.subscribe(),
        );
        let teams = teams::load(&connection)?;
        let subscriptions = events::Subscriptions::load(&connection)?;
        let follower = Follower {
            connection,
            derived,
            journal: Box::new(journal),
            reader: None,
            organisations: Organisations::default(),
            teams,
            reached,
            following,
            told,
            waiting: Vec::new(),
            heard: HashMap::new(),
            moved,
            changed: BTreeSet::new(),
            requested,
            asked: BTreeSet::new(),
            stirred,
            subscriptions,
            keeps_much: false,
            known: Timestamp::MIN,
        };
        Ok((follower, notices))
    }

    /// How far it is.
    pub fn reached(&self) -> u64 {
        *self.reached.borrow()
    }

    /// Take what the change feed has grown by, up to a limit. Gives whether there is more.
    ///
    /// # Errors
    /// [`Failure`]: nothing of this go is written then; the next go tries again.
    pub fn step(&mut self) -> Result<bool, Failure> {
        let stepped = self.follow();
        self.following.send_modify(|following| following.failing = stepped.is_err());
        stepped
    }

    fn follow(&mut self) -> Result<bool, Failure> {
        let snapshot = self.derived.snapshot()?;
        let from = self.reached();
        let behind = snapshot.seq().saturating_sub(from);
        let [far, .., usual] = &GOES;
        let &Go { entries_max, milliseconds_max, .. } = GOES.iter().find(|go| behind > go.behind).unwrap_or(usual);
        self.keep(behind > far.behind)?;
        let rows = snapshot.feed_after(from, entries_max)?;
        if rows.is_empty() {
            return Ok(false);
        }
        let full = rows.len() == entries_max;
        self.organisations.refresh(&snapshot)?;
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let began = Instant::now();
        let mut last = from;
        let mut cut = false;
        let mut newest = Timestamp::MIN;
        let result = rows.iter().try_for_each(|row| {
            if !cut {
                let span = tracing::info_span!(target: "skein::span", parent: None, "follow", position = row.seq);
                span.in_scope(|| self.take(&snapshot, row))?;
                self.hear(row);
                last = row.seq;
                newest = row.received;
                cut = began.elapsed().as_millis() > milliseconds_max;
            }
            Ok(())
        });
        let result = result.and_then(|()| self.write_heard(newest));
        let result = result.and_then(|()| file::set_reached(&self.connection, last));
        if let Err(failure) = result.and_then(|()| Ok(self.connection.execute_batch("COMMIT")?)) {
            self.waiting.clear();
            self.heard.clear();
            self.changed.clear();
            self.asked.clear();
            if !self.connection.is_autocommit() {
                self.connection.execute_batch("ROLLBACK")?;
            }
            self.teams = teams::load(&self.connection)?;
            self.subscriptions = events::Subscriptions::load(&self.connection)?;
            return Err(failure);
        }
        self.reached.send_replace(last);
        self.known = newest;
        self.say();
        Ok(cut || full)
    }

    /// Keep much of the file in memory, or little of it again.
    fn keep(&mut self, much: bool) -> Result<(), Failure> {
        if much != self.keeps_much {
            self.keeps_much = much;
            file::keep(&self.connection, much)?;
        }
        Ok(())
    }

    fn say(&mut self) {
        for list in std::mem::take(&mut self.changed) {
            let _ = self.moved.send(list);
        }
        for organisation in std::mem::take(&mut self.asked) {
            let _ = self.requested.send(organisation.into());
        }
        for told in self.waiting.drain(..) {
            // Nobody may be listening.
            let _ = self.told.send(told);
        }
        if std::mem::take(&mut self.subscriptions.stirred) {
            self.stirred.send_modify(|count| *count += 1);
        }
    }

    fn take(&mut self, snapshot: &Snapshot, row: &FeedRow) -> Result<(), Failure> {
        self.relink(snapshot, row)?;
        if row.decision {
            self.decide(snapshot, row)?;
        }
        // Who is on a list before what they are told of.
        let (on_lists, rest): (Vec<_>, Vec<_>) =
            row.touched.iter().copied().partition(|(kind, _)| lists::says_who(*kind));
        for (kind, id) in on_lists.into_iter().chain(rest) {
            let change = self.change(snapshot, row.seq, kind, id)?;
            self.resource(snapshot, row, &change)?;
        }
        Ok(())
    }

    fn resource(&mut self, snapshot: &Snapshot, row: &FeedRow, change: &Change) -> Result<(), Failure> {
        let after = change.after.as_deref().map(Document::read).transpose().unwrap_or_default();
        let root = after.as_ref().map(Document::root);
        if lists::says_who(change.kind) {
            self.membership(snapshot, row, change, root)?;
        }
        let person = snapshot.person_of(change.owner, row.seq)?;
        let Some(person) = person else { return Ok(()) };
        if change.owner != change.owner_before {
            let former = snapshot.person_of(change.owner_before, row.seq)?;
            if let Some(former) = former.filter(|former| *former != person) {
                self.rehome_story(row, change.id, change.kind, former, person)?;
            }
        }
        if change.kind == ResourceType::Task {
            self.request(row, change, root, person)?;
        }
        if items::is_item(change.kind) {
            self.item(row, change, root, person)?;
        }
        self.happened(snapshot, row, change, root, person)
    }

    fn change(&self, snapshot: &Snapshot, seq: u64, kind: ResourceType, id: ResourceId) -> Result<Change, Failure> {
        let mut change = Change { kind, id, before: None, after: None, owner_before: id.patient, owner: id.patient };
        let Some(row) = snapshot.row(id, kind, seq)? else { return Ok(change) };
        // A visit that was moved changes nothing but whose it is.
        let changed_now = row.seq == seq;
        let text = |row: &store::Row| -> Result<Option<Vec<u8>>, Failure> {
            if row.deleted {
                return Ok(None);
            }
            let mut json = Vec::with_capacity(row.body.len() * 8);
            snapshot.render(&mut json, row, "", "")?;
            Ok(Some(json))
        };
        change.after = text(&row)?;
        if changed_now && row.version > 1 {
            if let Some(former) = snapshot.row(id, kind, seq.saturating_sub(1))? {
                change.before = text(&former)?;
            }
        } else if !changed_now {
            change.before.clone_from(&change.after);
        }
        if kind == ResourceType::Encounter {
            let moved = |at: u64| -> Result<PatientKey, Failure> {
                let moves = snapshot.moves(id.patient, at)?;
                Ok(moves.iter().find(|m| m.visit == id).map_or(id.patient, |m| m.target))
            };
            change.owner = moved(seq)?;
            change.owner_before = if changed_now { change.owner } else { moved(seq.saturating_sub(1))? };
        }
        Ok(change)
    }

    fn decision_entry(&mut self, seq: u64) -> Result<Option<store::journal::Entry>, Failure> {
        if self.reader.is_none() {
            self.reader = Some((self.journal)()?);
        }
        let Some(reader) = self.reader.as_mut() else { return Ok(None) };
        Ok(reader.entry(seq)?)
    }

    /// The caseloads a person is on.
    fn lists_of(&self, person: PersonKey) -> Result<Vec<i64>, Failure> {
        let mut statement = self.connection.prepare_cached("SELECT DISTINCT list FROM member WHERE person = ?1")?;
        let lists = statement.query_map([person.0.cast_signed()], |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(lists)
    }
}

/// So long before a time.
fn before(time: Timestamp, days: i64) -> i64 {
    time.checked_sub(SignedDuration::from_hours(24 * days)).unwrap_or(Timestamp::MIN).as_microsecond()
}

fn key(id: ResourceId, kind: ResourceType) -> (i64, u8, i64) {
    (id.patient.0.cast_signed(), kind.code(), id.local.cast_signed())
}
