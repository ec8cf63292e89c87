//! What every handler works with.

use crate::{
    error::PageError,
    flows::{EhrWays, Flows, Launches},
    forwarded::Proxies,
    pages::Named,
    session::{SessionLimits, Sessions},
    sources::Profiles,
    throttle::{Searches, Throttle},
};
use access::{
    Accounts, Action, Gate, Permit, User,
    sign_in::{Events, Provider},
};
use fhir::PersonKey;
use forms::Forms;
use intake::Engine;
use jiff::Timestamp;
use notify::Notices;
use record::{
    Drafts, Records,
    letter_text::pdf::Pdfs,
    matching::{Matcher, Rules},
};
use std::{ops::Deref, sync::Arc, time::Instant};
use tokio::sync::watch;

/// What a site is made of.
pub struct SiteConfig {
    /// The region's name, shown on pages.
    pub region_name: String,
    /// The gate.
    pub gate: Gate,
    /// The read side.
    pub records: Records,
    /// Intake, for the error desk and progress.
    pub engine: Engine,
    /// Caseloads, notices, windows and boards.
    pub notices: Option<Notices>,
    /// The forms that people fill in.
    pub forms: Forms,
    /// Where drafts are kept.
    pub drafts: Drafts,
    /// Finds who is meant, for the search and `$match`; None: rules over the store's indexes.
    pub matcher: Option<Arc<dyn Matcher>>,
    /// Reads PDF letters, for words inside them.
    pub pdfs: Pdfs,
    /// Who may sign in with a password.
    pub accounts: Accounts,
    /// Identity providers, in the order of their buttons.
    pub providers: Vec<Provider>,
    /// How long sessions last.
    pub session_limits: SessionLimits,
    /// Reads the clock.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Whether cookies are marked `Secure`: yes wherever browsers reach us over TLS.
    pub secure_cookies: bool,
    /// The proxies in front, whose word about a client's address counts.
    pub trusted_proxies: Proxies,
    /// Whom the configuration names, for the administrator's desk.
    pub named: Named,
    /// Set in the demonstration: every page says so.
    pub demo: Option<Demo>,
}

/// What the demonstration adds.
pub struct Demo {
    /// The accounts to offer on the sign-in page.
    pub accounts: Vec<DemoAccount>,
    /// Their password.
    pub password: String,
    /// How far the region's history is loaded.
    pub loading: watch::Receiver<Loading>,
}

/// An account of the demonstration.
#[derive(Clone, Debug)]
pub struct DemoAccount {
    /// Who.
    pub user: User,
    /// What one can do with it, in a sentence.
    pub purpose: String,
}

/// How far loading is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loading {
    /// Units loaded.
    pub done: u64,
    /// Units there are; 0 while not known.
    pub total: u64,
    /// Whether it is over.
    pub finished: bool,
}

/// The site, shared by all handlers; and, where pages show records as they stood, as of when.
#[derive(Clone)]
pub struct AppState(Arc<Site>, Option<Then>);

/// A former moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Then {
    /// The moment.
    pub at: Timestamp,
    /// The `seq` that the region had reached.
    pub seq: u64,
}

/// See [`SiteConfig`].
pub struct Site {
    /// The region's name.
    pub region_name: String,
    /// The gate.
    pub gate: Gate,
    /// The read side.
    pub records: Records,
    pub(crate) engine: Option<Engine>,
    pub(crate) notices: Option<Notices>,
    /// The forms that people fill in.
    pub forms: Forms,
    drafts: Option<Drafts>,
    /// Reads PDF letters.
    pub pdfs: Pdfs,
    /// Held by whoever signs, from looking what is in force until it is signed over.
    pub(crate) signing: tokio::sync::Mutex<()>,
    pub(crate) named: Named,
    /// Who may sign in with a password.
    pub accounts: Accounts,
    /// Identity providers.
    pub providers: Vec<Arc<Provider>>,
    /// Whether cookies are marked `Secure`.
    pub secure_cookies: bool,
    pub(crate) trusted_proxies: Proxies,
    /// The demonstration's additions.
    pub demo: Option<Demo>,
    pub(crate) sessions: Sessions,
    pub(crate) flows: Flows,
    pub(crate) launches: Launches,
    pub(crate) ehr_ways: EhrWays,
    pub(crate) events: Events,
    pub(crate) throttle: Throttle,
    pub(crate) searches: Arc<Searches>,
    pub(crate) matcher: Arc<dyn Matcher>,
    pub(crate) profiles: Profiles,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// When this was made, on the clock and as a steady instant.
    made: (Timestamp, Instant),
}

impl AppState {
    /// A site.
    pub fn new(config: SiteConfig) -> Self {
        let made = ((config.clock)(), Instant::now());
        let events = Events::new(config.engine.audit().clone());
        AppState(
            Arc::new(Site {
                region_name: config.region_name,
                gate: config.gate,
                matcher: config.matcher.unwrap_or_else(|| Arc::new(Rules::new(config.records.clone()))),
                records: config.records,
                engine: Some(config.engine),
                notices: config.notices,
                forms: config.forms,
                drafts: Some(config.drafts),
                pdfs: config.pdfs,
                signing: tokio::sync::Mutex::default(),
                named: config.named,
                accounts: config.accounts,
                providers: config.providers.into_iter().map(Arc::new).collect(),
                secure_cookies: config.secure_cookies,
                trusted_proxies: config.trusted_proxies,
                demo: config.demo,
                searches: Arc::new(Searches::new(config.session_limits.searches_per_minute)),
                sessions: Sessions::new(config.session_limits),
                flows: Flows::default(),
                launches: Launches::default(),
                ehr_ways: EhrWays::default(),
                events,
                throttle: Throttle::default(),
                profiles: Profiles::default(),
                clock: config.clock,
                made,
            }),
            None,
        )
    }
}

/// What pages are made from when something is shown again.
#[derive(Clone)]
pub struct Ground {
    /// The region's name.
    pub region_name: String,
    /// The gate.
    pub gate: Gate,
    /// The read side.
    pub records: Records,
    /// The forms there are.
    pub forms: Forms,
}

impl AppState {
    /// A site that only shows again what was, at one time: nothing comes in, nobody signs in.
    pub(crate) fn looking_back(ground: Ground, at: Timestamp) -> Self {
        AppState(
            Arc::new(Site {
                region_name: ground.region_name,
                events: ground.gate.events(),
                gate: ground.gate,
                matcher: Arc::new(Rules::new(ground.records.clone())),
                records: ground.records,
                engine: None,
                notices: None,
                forms: ground.forms,
                drafts: None,
                pdfs: Pdfs::default(),
                signing: tokio::sync::Mutex::default(),
                named: Named::default(),
                accounts: Accounts::none(),
                providers: Vec::new(),
                secure_cookies: false,
                trusted_proxies: Proxies::default(),
                demo: None,
                sessions: Sessions::new(SessionLimits::default()),
                flows: Flows::default(),
                launches: Launches::default(),
                ehr_ways: EhrWays::default(),
                throttle: Throttle::default(),
                searches: Arc::default(),
                profiles: Profiles::default(),
                clock: Arc::new(move || at),
                made: (at, Instant::now()),
            }),
            None,
        )
    }

    /// The same site, whose pages show records as they stood.
    pub(crate) fn as_at(&self, then: Then) -> Self {
        AppState(Arc::clone(&self.0), Some(then))
    }

    /// Ask the gate for a record: as it is, or on pages that show it as it stood, as it stood.
    ///
    /// # Errors
    /// The gate's; [`PageError::NothingThen`] where nothing was known of the person then.
    pub(crate) fn open_record(&self, user: &User, person: PersonKey, action: &Action) -> Result<Permit, PageError> {
        let Some(then) = self.1 else { return Ok(self.gate.open(user, person, action, self.now())?) };
        let permit = self.gate.open_as_at(user, person, action, (then.seq, then.at), self.now())?;
        if permit.patients().is_empty() {
            return Err(PageError::NothingThen(person, then.at));
        }
        Ok(permit)
    }

    /// The time for which a page of a record is made.
    pub(crate) fn page_time(&self) -> Timestamp {
        self.1.map_or_else(|| self.now(), |then| then.at)
    }

    /// Where the pages of a record begin.
    pub(crate) fn base(&self, person: PersonKey) -> String {
        base(person, self.1.map(|then| then.at))
    }
}

/// Where the pages of a record begin: of the record as it is, or as it stood.
pub(crate) fn base(person: PersonKey, then: Option<Timestamp>) -> String {
    match then {
        Some(then) => format!("/record/{person}/at/{}", then.strftime("%Y%m%dT%H%M%SZ")),
        None => format!("/record/{person}"),
    }
}

impl Site {
    /// Intake.
    ///
    /// # Errors
    /// When this site only shows again what was.
    pub fn engine(&self) -> Result<&Engine, PageError> {
        self.engine
            .as_ref()
            .ok_or_else(|| PageError::NotNow("Nothing is processed while something is shown again.".into()))
    }

    /// Caseloads, notices, windows and boards.
    ///
    /// # Errors
    /// When this site only shows again what was.
    pub fn notices(&self) -> Result<&Notices, PageError> {
        self.notices
            .as_ref()
            .ok_or_else(|| PageError::NotNow("Nobody is told anything while something is shown again.".into()))
    }

    /// Drafts of what is written.
    ///
    /// # Errors
    /// When this site only shows again what was.
    pub fn drafts(&self) -> Result<&Drafts, PageError> {
        self.drafts
            .as_ref()
            .ok_or_else(|| PageError::NotNow("Drafts are part of no record, and not shown again with it.".into()))
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// The time by which sessions and sign-in attempts are counted: steady, though the clock may be set, or run faster in
    /// the demonstration.
    pub fn steady_now(&self) -> Timestamp {
        let (at, instant) = self.made;
        at.checked_add(instant.elapsed()).unwrap_or(at)
    }

    /// How far loading the demonstration's history is; None when there is nothing to load or it is over.
    pub fn loading(&self) -> Option<Loading> {
        let loading = self.demo.as_ref()?.loading.borrow().clone();
        (!loading.finished).then_some(loading)
    }
}

impl Deref for AppState {
    type Target = Site;
    fn deref(&self) -> &Site {
        &self.0
    }
}
