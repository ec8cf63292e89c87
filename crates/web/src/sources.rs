//! How each source stands, for the freshness strip and for explaining what is missing: its profile in force and when it
//! last spoke, on each of its feeds that is to be missed for itself, from the store; whether its history is still loading, from
//! the demonstration.

use crate::state::Site;
use fhir::ResourceType;
use intake::{FeedRules, Profile, SourceKind as Kind};
use record::{
    Feed, Records, SourceInfo, SourceKind, SourceRow, StoreError,
    freshness::{Connection, FeedState, SourceState},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

/// A source's profile, as far as pages need it.
#[derive(Debug)]
pub struct Known {
    /// Who it is.
    pub info: Arc<SourceInfo>,
    connected: bool,
    usual_silence: Option<jiff::SignedDuration>,
    shares: Option<Vec<ResourceType>>,
    /// Its feeds that are to be missed for themselves; nothing is heard of any yet.
    feeds: Vec<FeedState>,
}

/// Profiles read once per text: they change rarely.
#[derive(Default)]
pub struct Profiles {
    read: Mutex<HashMap<String, ReadProfile>>,
}

/// A profile's text and what was read from it.
type ReadProfile = (Option<String>, Arc<Known>);

impl Profiles {
    fn of(&self, row: &SourceRow) -> Arc<Known> {
        let Ok(mut read) = self.read.lock() else { return Arc::new(known(&row.name, row.profile.as_deref())) };
        if let Some((text, known)) = read.get(&row.name)
            && *text == row.profile
        {
            return Arc::clone(known);
        }
        let fresh = Arc::new(known(&row.name, row.profile.as_deref()));
        read.insert(row.name.clone(), (row.profile.clone(), Arc::clone(&fresh)));
        fresh
    }
}

fn known(id: &str, profile: Option<&str>) -> Known {
    let profile = profile.and_then(|text| Profile::from_toml(text).ok()).unwrap_or_else(|| Profile::unknown(id));
    let read = |kinds: &[String]| kinds.iter().filter_map(|kind| kind.parse().ok()).collect();
    let kinds: Vec<ResourceType> = read(&profile.shares);
    let missed = |(name, rules): (&String, &FeedRules)| {
        let what = if rules.what.is_empty() { name } else { &rules.what };
        let (name, what, shares) = (name.clone(), what.clone(), read(&rules.shares));
        Some(FeedState { name, what, shares, last_heard: None, usual_silence: rules.quiet_after?.0 })
    };
    Known {
        feeds: profile.feeds.iter().filter_map(missed).collect(),
        info: Arc::new(SourceInfo { id: id.to_owned(), name: profile.name, kind: kind(profile.kind) }),
        connected: profile.connected,
        usual_silence: profile.quiet_after.map(|quiet| quiet.0),
        shares: (!kinds.is_empty()).then_some(kinds),
    }
}

fn kind(kind: Kind) -> SourceKind {
    match kind {
        Kind::Hospital => SourceKind::Hospital,
        Kind::Gp => SourceKind::Gp,
        Kind::Laboratory => SourceKind::Laboratory,
        Kind::Community => SourceKind::Community,
        Kind::MentalHealth => SourceKind::MentalHealth,
        Kind::Ambulance => SourceKind::Ambulance,
        Kind::Council => SourceKind::Council,
        Kind::Other => SourceKind::Other,
    }
}

/// Every source of the region as it stands now. `knows`: ids of the sources that hold a patient of the open record.
pub fn states(site: &Site, knows: &[String]) -> Result<Vec<SourceState>, StoreError> {
    states_of(site, &site.records, knows)
}

/// The same by another read side: one that shows how they stood at a former moment.
pub fn states_of(site: &Site, records: &Records, knows: &[String]) -> Result<Vec<SourceState>, StoreError> {
    let loading = site.loading().is_some();
    let mut states = Vec::new();
    // Most regions have none that is to be missed for itself: read when the first is met.
    let mut heard: Option<Vec<Feed>> = None;
    for row in records.sources()? {
        // A source without a profile and without a message is a name the store has seen only in passing.
        if row.profile.is_none() && row.messages == 0 {
            continue;
        }
        let known = site.profiles.of(&row);
        if heard.is_none() && !known.feeds.is_empty() {
            heard = Some(records.feeds()?);
        }
        let feeds = known.feeds.iter().map(|feed| {
            let on = heard.iter().flatten().find(|on| on.source == row.name && on.name == feed.name);
            FeedState { last_heard: on.and_then(|on| on.last_received), ..feed.clone() }
        });
        states.push(SourceState {
            source: Arc::clone(&known.info),
            shares: known.shares.clone(),
            connection: match (known.connected, loading) {
                (false, _) => Connection::NotConnected,
                (true, true) => Connection::Loading,
                (true, false) => Connection::Connected,
            },
            last_heard: row.last_received,
            usual_silence: known.usual_silence,
            feeds: feeds.collect(),
            knows_person: knows.contains(&row.name),
            last_about_person: None,
        });
    }
    if knows.iter().any(|id| id == record::withhold::WITHHELD) {
        // A restricted person: one practice without a name stands for all, so that none is told by being left out.
        let of_practice = |state: &SourceState| state.source.kind == SourceKind::Gp;
        let connected = |state: &&SourceState| of_practice(state) && state.connection != Connection::NotConnected;
        let model = states.iter().find(connected).or_else(|| states.iter().find(|state| of_practice(state))).cloned();
        states.retain(|state| !of_practice(state));
        states.extend(model.map(|state| SourceState {
            source: withheld(),
            knows_person: true,
            last_heard: None,
            usual_silence: None,
            feeds: Vec::new(),
            ..state
        }));
    }
    Ok(states)
}

/// A practice whose name may not be told.
fn withheld() -> Arc<SourceInfo> {
    let (id, name) = (record::withhold::WITHHELD.to_owned(), "GP practice (name withheld)".to_owned());
    Arc::new(SourceInfo { id, name, kind: SourceKind::Gp })
}

/// Who a source is, from the states at hand.
pub fn info(states: &[SourceState], id: &str) -> Arc<SourceInfo> {
    if id == record::withhold::WITHHELD {
        return withheld();
    }
    if id == record::WRITTEN_HERE {
        let (id, name) = (id.to_owned(), "Written in Skein".to_owned());
        return Arc::new(SourceInfo { id, name, kind: SourceKind::Other });
    }
    let found = states.iter().find(|state| state.source.id == id).map(|state| Arc::clone(&state.source));
    found.unwrap_or_else(|| Arc::new(SourceInfo { id: id.to_owned(), name: id.to_owned(), kind: SourceKind::Other }))
}
