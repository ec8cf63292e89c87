//! Which organisations there are: from the sources' profiles, and what the configuration adds.

use mapping::{Profile, profile::SourceKind};
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};
use store::{Snapshot, StoreError};

/// An organisation that sends nothing, or of which the profile does not say all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organisation {
    /// ODS code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// What it is, as policies name it: `gp`, `hospital`, `care-home`, `pharmacy` …
    pub kind: String,
}

/// The organisations, as of one state of the sources' profiles.
#[derive(Debug, Default)]
pub(super) struct Organisations {
    kinds: HashMap<String, String>,
    names: HashMap<String, String>,
    /// ODS code of a source, and whether it is a practice.
    sources: HashMap<String, (String, bool)>,
    mark: i64,
}

impl Organisations {
    /// What an organisation is; empty when nobody knows.
    pub(super) fn kind(&self, code: &str) -> &str {
        self.kinds.get(code).map_or("", String::as_str)
    }

    /// All of them, by code.
    pub(super) fn all(&self) -> Vec<Organisation> {
        let one = |(code, kind): (&String, &String)| Organisation {
            code: code.clone(),
            name: self.names.get(code).cloned().unwrap_or_default(),
            kind: kind.clone(),
        };
        let mut all: Vec<Organisation> = self.kinds.iter().map(one).collect();
        all.sort_by(|a, b| a.code.cmp(&b.code));
        all
    }

    pub(super) fn sources_of(&self, code: &str) -> Vec<String> {
        if code.is_empty() {
            return Vec::new();
        }
        let own = self.sources.iter().filter(|(_, (ods, _))| ods == code);
        let mut own: Vec<String> = own.map(|(source, _)| source.clone()).collect();
        own.sort();
        own
    }

    pub(super) fn is_practice(&self, source: &str) -> bool {
        self.sources.get(source).is_some_and(|(_, practice)| *practice)
    }
}

fn kind_name(kind: SourceKind) -> &'static str {
    match kind {
        SourceKind::Hospital => "hospital",
        SourceKind::Gp => "gp",
        SourceKind::Laboratory => "laboratory",
        SourceKind::Community => "community",
        SourceKind::MentalHealth => "mental-health",
        SourceKind::Ambulance => "ambulance",
        SourceKind::Council => "council",
        SourceKind::Other => "other",
    }
}

/// Keeps [`Organisations`] up with the profiles.
#[derive(Debug, Default)]
pub(super) struct Directory {
    configured: Vec<Organisation>,
    /// The newest, and a `seq` at which it is known to hold: nothing has changed where nothing has come.
    current: RwLock<(u64, Arc<Organisations>)>,
}

impl Directory {
    pub(super) fn new(configured: Vec<Organisation>) -> Self {
        Directory { configured, current: RwLock::new((u64::MAX, Arc::default())) }
    }

    /// As the profiles stand in this snapshot.
    pub(super) fn current(&self, snapshot: &Snapshot) -> Result<Arc<Organisations>, StoreError> {
        let (holds_at, current) = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        if holds_at == snapshot.seq() {
            return Ok(current);
        }
        let mark = snapshot.profiles_mark()?;
        if current.mark == mark {
            let mut newest = self.current.write().unwrap_or_else(PoisonError::into_inner);
            if Arc::ptr_eq(&newest.1, &current) {
                newest.0 = snapshot.seq();
            }
            return Ok(current);
        }
        let mut made = Organisations { mark, ..Organisations::default() };
        for source in snapshot.sources()? {
            let profile = source.profile.as_deref().and_then(|text| Profile::from_toml(text).ok());
            let Some(profile) = profile else { continue };
            let code = profile.ods.as_deref().unwrap_or_default().to_ascii_uppercase();
            // A laboratory's system may run under the code of its hospital: the hospital says what it is.
            let kind = kind_name(profile.kind).to_owned();
            if !code.is_empty() && (!made.kinds.contains_key(&code) || kind == "hospital" || kind == "gp") {
                made.kinds.insert(code.clone(), kind);
                made.names.insert(code.clone(), profile.name.clone());
            }
            made.sources.insert(source.name, (code, profile.kind == SourceKind::Gp));
        }
        for organisation in &self.configured {
            let code = organisation.code.to_ascii_uppercase();
            made.names.insert(code.clone(), organisation.name.clone());
            made.kinds.insert(code, organisation.kind.clone());
        }
        let made = Arc::new(made);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = (snapshot.seq(), Arc::clone(&made));
        Ok(made)
    }
}
