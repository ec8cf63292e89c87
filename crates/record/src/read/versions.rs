//! A record, and of some of its resources what they said before.

use super::{Filter, Item, Records, Unread};
use access::{Permit, Sealed};
use fhir::{ResourceId, ResourceType};
use store::StoreError;

/// A record's items, and earlier versions of some of them.
#[derive(Clone, Debug, Default)]
pub struct WithVersions {
    /// The items as they are.
    pub items: Vec<Item>,
    /// What some of them said before, of each the newest first.
    pub versions: Vec<Item>,
    /// What of a very long record was not read.
    pub unread: Unread,
}

impl Records {
    /// As [`Records::read`], and with it the earlier versions of those resources that `of` names of what was read.
    ///
    /// # Errors
    /// As [`Records::read`].
    pub fn read_with_versions(
        &self,
        permit: &Permit,
        filter: &Filter,
        of: impl FnOnce(&[Item]) -> Vec<(ResourceId, ResourceType)>,
    ) -> Result<Sealed<WithVersions>, StoreError> {
        let (items, unread) = self.read_open(permit, filter)?;
        let mut versions = Vec::new();
        for (id, kind) in of(&items) {
            versions.extend(self.history_open(permit, id, kind)?.into_iter().skip(1).filter(|item| !item.deleted));
        }
        Ok(permit.seal(WithVersions { items, versions, unread }))
    }
}
