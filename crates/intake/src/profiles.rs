//! The profiles in force: those of the journal, in its order, so that a replay maps every message as it was mapped then.

use mapping::Profile;
use std::{collections::HashMap, sync::Arc};

/// Profiles by source, as of one journal position. Cheap to clone.
#[derive(Clone, Default)]
pub struct Profiles {
    by_source: Arc<HashMap<String, Arc<Profile>>>,
}

impl Profiles {
    /// The profile of a source; a plain hospital's where none was given.
    pub fn of(&self, source: &str) -> Arc<Profile> {
        match self.by_source.get(source) {
            Some(profile) => profile.clone(),
            None => Arc::new(Profile::unknown(source)),
        }
    }

    /// From here on, this is the source's profile. A text that is no profile is left out: it was checked before it was
    /// journalled.
    pub fn set(&mut self, source: &str, toml: &str) {
        match Profile::from_toml(toml) {
            Ok(profile) => {
                Arc::make_mut(&mut self.by_source).insert(source.to_owned(), Arc::new(profile));
            }
            Err(error) => tracing::error!(source, %error, "a journalled profile cannot be read: the plain one is used"),
        }
    }
}
