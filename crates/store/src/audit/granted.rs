//! Who gave a reason for whom, kept in memory: most decisions are about pairs without one, and asking the file each time costs
//! as much as the rest of a decision, for every entry written makes its readers read their pages again.

use super::{AuditReader, MatterKind, NewAuditEntry};
use crate::{
    StoreError,
    backend::{Connection, values},
};
use fhir::PersonKey;
use jiff::SignedDuration;
use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
    sync::{
        RwLock,
        atomic::{AtomicI64, Ordering},
    },
};

/// Reasons that ended longer than this before the newest entry are not looked for any more, whatever the clock does.
const MARGIN: SignedDuration = SignedDuration::from_hours(24);

/// Pairs of users and persons of whom a reason may still hold. A pair that is not here has none; of one that is, the file tells.
pub(super) struct Granted {
    hasher: RandomState,
    pairs: RwLock<HashSet<(u64, PersonKey)>>,
    /// The entry up to which those of other processes were heard of.
    heard: AtomicI64,
}

impl Granted {
    /// As the file has them.
    pub(super) fn load(connection: &Connection) -> Result<Self, StoreError> {
        let hasher = RandomState::new();
        let newest: Option<(i64, i64)> =
            connection
                .one("SELECT at, n FROM entry ORDER BY n DESC LIMIT 1", &[], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (newest, heard) = newest.unwrap_or_default();
        let oldest = newest.saturating_sub(i64::try_from(MARGIN.as_micros()).unwrap_or(i64::MAX));
        let mut pairs = HashSet::new();
        connection.each(
            "SELECT \"user\", person FROM matter WHERE kind IN (?1, ?2) AND person IS NOT NULL AND until > ?3",
            values![MatterKind::Claim as u8, MatterKind::Glass as u8, oldest],
            |row| {
                let user = hasher.hash_one(row.column(0)?.text().unwrap_or_default());
                pairs.insert((user, PersonKey(row.get::<i64>(1)?.cast_unsigned())));
                Ok::<_, StoreError>(())
            },
        )?;
        Ok(Granted { hasher, pairs: RwLock::new(pairs), heard: AtomicI64::new(heard) })
    }

    /// Hear of what other processes wrote since.
    fn hear(&self, connection: &Connection) -> Result<(), StoreError> {
        let heard = self.heard.load(Ordering::Acquire);
        let mut newest = heard;
        connection.each(
            "SELECT \"user\", person, n FROM matter WHERE kind IN (?1, ?2) AND person IS NOT NULL AND n > ?3 ORDER BY n",
            values![MatterKind::Claim as u8, MatterKind::Glass as u8, heard],
            |row| {
                let user = self.hasher.hash_one(row.column(0)?.text().unwrap_or_default());
                let pair = (user, PersonKey(row.get::<i64>(1)?.cast_unsigned()));
                newest = row.get(2)?;
                self.pairs.write().unwrap_or_else(std::sync::PoisonError::into_inner).insert(pair);
                Ok::<_, StoreError>(())
            },
        )?;
        self.heard.fetch_max(newest, Ordering::AcqRel);
        Ok(())
    }

    /// Note what an entry opens, before it is on its way to disk.
    pub(super) fn note(&self, entry: &NewAuditEntry) {
        let (Some(opens), Some(person)) = (&entry.opens, entry.person) else { return };
        if matches!(opens.kind, MatterKind::Claim | MatterKind::Glass) {
            let pair = (self.hasher.hash_one(entry.user.as_str()), person);
            self.pairs.write().unwrap_or_else(std::sync::PoisonError::into_inner).insert(pair);
        }
    }

    /// Whether a reason may hold.
    pub(super) fn may_hold(&self, user: &str, person: PersonKey) -> bool {
        let pair = (self.hasher.hash_one(user), person);
        self.pairs.read().unwrap_or_else(std::sync::PoisonError::into_inner).contains(&pair)
    }
}

impl super::Audit {
    /// Hear of the reasons that were given to other processes on the same database.
    ///
    /// # Errors
    /// The store's.
    pub fn hear_grants(&self) -> Result<(), StoreError> {
        self.read(|audit: &AuditReader| self.granted.hear(&audit.connection))
    }

    /// Reasons a user gave for a person that still hold at `now`: claims and broken glass.
    ///
    /// # Errors
    /// The store's.
    pub fn grants(
        &self,
        user: &str,
        person: PersonKey,
        now: jiff::Timestamp,
    ) -> Result<Vec<super::Matter>, StoreError> {
        if !self.granted.may_hold(user, person) {
            return Ok(Vec::new());
        }
        self.read(|audit: &AuditReader| audit.grants(user, person, now))
    }
}
