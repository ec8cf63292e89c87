//! A small synthetic region behind the real router: what the viewer's tests open pages of.

use access::{Accounts, User};
use intake::{Engine, EngineConfig, EntryKind, NewEntry};
use jiff::{Timestamp, civil::Date};
use record::Records;
use std::{path::Path, sync::Arc};
use web::{AppState, Demo, DemoAccount, Loading, SiteConfig};

/// The password of every account here.
pub const PASSWORD: &str = "wexmoor";

/// The day the region lives in.
pub fn start() -> Date {
    Date::new(2026, 7, 14).expect("a date")
}

pub fn user(id: &str, name: &str, role_code: &str, role_name: &str) -> User {
    User::staff(id, name, (role_code, role_name), ("XWC", "Wexmoor Community Health"))
}

pub fn users() -> Vec<User> {
    vec![
        user("nurse", "Nura Hale", "R8001", "District nurse"),
        user("engineer", "Ed Marsh", "R8015", "Integration engineer"),
    ]
}

/// Start a region of so many people in a folder and load their history. Everything is processed when it returns.
pub fn region(folder: &Path, people: u64) -> (Engine, synth::Region) {
    let region = synth::Region::new(synth::DEFAULT_SEED, people, start());
    let profiles = synth::profiles().into_iter().map(|(_, toml)| toml).collect();
    let config = EngineConfig { region: "test".into(), profiles };
    let engine = Engine::start(folder, &config, region.start()).expect("an engine");
    let mut all: Vec<synth::Outgoing> = region.opening();
    for person in region.everyone() {
        all.extend(region.history(&person));
    }
    all.sort_by_key(|message| message.at);
    let mut last = None;
    for message in all {
        last = Some(
            engine.journal().enqueue(entry(message.source, message.format, message.bytes, message.at)).expect("room"),
        );
    }
    if let Some(last) = last {
        last.blocking_recv().expect("an answer").expect("stored");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(engine.wait_applied(engine.progress().head)).expect("processed");
    (engine, region)
}

pub fn entry(source: &str, format: synth::Format, body: Vec<u8>, received: Timestamp) -> NewEntry {
    NewEntry {
        kind: match format {
            synth::Format::Hl7v2 => EntryKind::Hl7v2,
            synth::Format::Fhir => EntryKind::Fhir,
        },
        source: source.into(),
        feed: source.into(),
        received,
        ident: None,
        about: None,
        body,
        ack: None,
    }
}

/// The site over a region.
pub fn site(engine: &Engine, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> AppState {
    let journal = engine.clone();
    let (_, loading) = tokio::sync::watch::channel(Loading { done: 1, total: 1, finished: true });
    AppState::new(SiteConfig {
        pdfs: crate::support::pdfs(),
        matcher: None,
        region_name: "Wexmoor".into(),
        forms: forms::Forms::builtin().unwrap(),
        drafts: record::Drafts::open(engine.folder()).unwrap(),
        notices: None,
        gate: crate::support::gate(engine),
        records: Records::new(engine.derived().clone(), move || journal.journal_reader()),
        engine: engine.clone(),
        accounts: Accounts::demo(users(), PASSWORD).expect("accounts"),
        clock: Arc::new(clock),
        providers: Vec::new(),
        session_limits: web::SessionLimits::default(),
        secure_cookies: false,
        trusted_proxies: web::Proxies::default(),
        named: web::Named::default(),
        demo: Some(Demo {
            accounts: users()
                .into_iter()
                .map(|user| DemoAccount {
                    purpose: format!("See what a {} sees.", user.role_name.to_lowercase()),
                    user,
                })
                .collect(),
            password: PASSWORD.into(),
            loading,
        }),
    })
}
