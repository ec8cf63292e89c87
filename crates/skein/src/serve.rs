//! A region, running: the engine, its listeners, its pages and API, from the first socket to the last answer.

use crate::{
    backup::{Shipping, Standing},
    config::{
        Config, Reach,
        feed::{Acknowledge, ApplicationAcknowledge, FaultyAnswer, Feed},
        http::{ClientCertificates, Tls},
    },
    duties::{self, Duties},
    edge, exposed,
    failure::{Failure, Outcome},
    listen,
    metrics::{self, Measured, MetricsListener, Requests},
    misuse, notify, outward, pix, policies, region,
    sign_in::{self, SigningIn},
    traces,
};
use ::notify::delivery::Deliveries;
use access::{Account, Accounts, Gate, User, UserKind};
use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    middleware::{from_fn, from_fn_with_state, map_request},
    routing::get,
};
use intake::{
    Engine, Role,
    answer::{Application, Faulty, Rules},
    listener::{
        Clock, Listener, ListenerConfig, Responder,
        tls::{ClientFiles, Renewed, ServerFiles},
    },
    sender::SenderConfig,
};
use record::Records;
use serde_json::{Value, json};
use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// A region that has its sockets and its files, and is about to serve.
pub struct Server {
    engine: Engine,
    config: Config,
    setting: Setting,
    listeners: Vec<Listener>,
    http: TcpListener,
    tls: Option<Renewed>,
    metrics: Option<MetricsListener>,
}

/// What a region is served in: our world, or a demonstration's.
pub struct Setting {
    /// Reads the time.
    pub clock: Clock,
    /// Set in the demonstration.
    pub demo: Option<web::Demo>,
    /// Reads PDF letters.
    pub pdfs: record::letter_text::pdf::Pdfs,
}

impl Setting {
    /// Our world.
    pub fn real() -> Self {
        Setting { clock: Arc::new(edge::now), demo: None, pdfs: edge::pdfs() }
    }
}

/// Where a server can be reached.
pub struct Addresses {
    /// Each MLLP feed, by name.
    pub feeds: Vec<(String, SocketAddr)>,
    /// Pages and API.
    pub http: SocketAddr,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// Where a monitor reads.
    pub metrics: Option<SocketAddr>,
}

impl Server {
    /// Take every address and open the files, so that whatever is wrong shows before anything starts.
    pub async fn open(config: Config, setting: Setting) -> Outcome<Server> {
        let tls = match &config.http.tls {
            Some(files) => Some(listen::tls(server_files(&config, files, ClientCertificates::Optional))?),
            None => None,
        };
        let http = listen::bind(config.http.address, "http.address").await?;
        let mut listeners = Vec::new();
        for feed in &config.feeds {
            if let Some(address) = feed.mllp {
                let listener = Listener::bind(listener_config(&config, feed, address)).await;
                listeners.push(listener.map_err(Failure::asked)?);
            }
        }
        let metrics = match &config.metrics {
            Some(metrics) => Some(MetricsListener::bind(metrics.address).await?),
            None => None,
        };
        outward::check(&config)?;
        for warning in exposed::warnings(&config) {
            tracing::warn!("{warning}");
        }
        if !setting.pdfs.are_read() {
            tracing::warn!(
                "PDF letters are not searched for words, for {} is not installed: install poppler-utils, and start again",
                record::letter_text::pdf::PROGRAM
            );
        }
        let engine = tokio::task::block_in_place(|| region::start_serving(&config))?;
        Ok(Server { engine, config, setting, listeners, http, tls, metrics })
    }

    /// Where it can be reached.
    pub fn addresses(&self) -> Outcome<Addresses> {
        let unknown = |error: std::io::Error| Failure::found(format!("an address cannot be told: {error}"));
        let mut feeds = Vec::new();
        let names = self.config.feeds.iter().filter(|feed| feed.mllp.is_some()).map(|feed| feed.name.clone());
        for (name, listener) in names.zip(&self.listeners) {
            feeds.push((name, listener.local_addr().map_err(unknown)?));
        }
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let metrics = self.metrics.as_ref().map(MetricsListener::address).transpose().map_err(unknown)?;
        Ok(Addresses { feeds, http: self.http.local_addr().map_err(unknown)?, scheme, metrics })
    }

    /// Serve until told to stop; then finish what is in hand, answer it, and close the files.
    pub async fn run(self, stop: CancellationToken) -> Outcome {
        let clock = self.setting.clock.clone();
        let gate = gate(&self.config, &self.engine, clock())?;
        let people = People::new(&self.config, &self.engine, gate.clone());
        let updates = people.updates(&self.config, &self.engine, &clock)?;
        let standings = updates.iter().map(|(_, standing)| standing.clone()).collect();
        let queries: Vec<_> = self.config.feeds.iter().filter(|feed| feed.mllp.is_some()).collect();
        let answering: Vec<_> = queries.iter().map(|feed| people.queries(feed, &self.engine)).collect();
        let (follower, notices) = notify::open(&self.engine)?;
        let telling = notify::follow(follower, self.engine.clone(), clock.clone(), stop.clone())?;
        let signing_in = sign_in::open(&self.config)?;
        let records = people.records.clone();
        let known = (notices.clone(), self.engine.clone());
        let teller = notify::teller(&self.config, gate.clone(), records, known, clock.clone());
        let region = outward::Region {
            gate: gate.clone(),
            records: people.records.clone(),
            engine: self.engine.clone(),
            notices: notices.clone(),
            clock: clock.clone(),
            stop: stop.clone(),
        };
        let outward = outward::Outward::open(&self.config, &region)?;
        let mut feeds = JoinSet::new();
        let cursors = updates.iter().map(|(update, _)| update.cursor.clone()).collect();
        let duties = Duties::new(&self.engine, &notices, cursors, &mut feeds, &stop);
        if let Some(outgoing) = signing_in.receivers.clone() {
            feeds.spawn(duties.clone().once(Deliveries::new(teller.clone(), outgoing).run(stop.clone())));
        }
        let subscribing = web::fhir::Telling { teller, outgoing: signing_in.receivers.clone(), stop: stop.clone() };
        let told = notices.clone();
        let whom = Whom { notices, telling: subscribing, censuses: outward.censuses.clone() };
        let backup = self.config.backup.is_some().then(Standing::default);
        let probed = metrics::probes(self.engine.clone(), backup.clone());
        let app =
            app(&self.config, &self.engine, gate.clone(), whom, signing_in, self.setting, standings)?.merge(probed);
        let shipping = match &backup {
            Some(standing) => {
                let (folder, role) = (region::visit(&self.config)?, self.engine.role());
                let turn = move || *role.borrow() == Role::Applies;
                Shipping::start(&self.config, folder, standing.clone(), clock.clone(), turn)?
            }
            None => None,
        };
        feeds.spawn(duties.clone().once(outward.run()));
        let watched = gate.clone();
        if let Some(folder) = self.config.policies() {
            feeds.spawn(policies::follow(folder, gate, clock.clone(), stop.clone()));
        }
        let (rules, lists) = misuse::open(&self.config)?;
        let (derived, audit) = (self.engine.derived().clone(), self.engine.audit().clone());
        let watch = misuse::Watch { gate: watched, derived, audit, clock: clock.clone(), rules, lists };
        feeds.spawn(duties.clone().once(watch.run(stop.clone())));
        if self.config.region.store.is_none() {
            feeds.spawn(crate::room::follow(self.engine.clone(), self.config.region.keep_free_mb, stop.clone()));
        }
        for (update, standing) in updates {
            feeds.spawn(duties.clone().once(update.follow(standing, stop.clone())));
        }
        for (listener, responder) in self.listeners.into_iter().zip(answering) {
            let listener = match responder {
                Some(responder) => listener.answering(responder),
                None => listener,
            };
            feeds.spawn(listener.run(self.engine.clone(), clock.clone(), stop.clone()));
        }
        let (deposed, ending) = (self.engine.clone(), stop.clone());
        feeds.spawn(async move {
            tokio::select! {
                () = duties::deposed(&deposed) => ending.cancel(),
                () = ending.cancelled() => {}
            }
        });
        let requests = Requests::default();
        if let Some(listener) = self.metrics {
            let measured = Measured {
                engine: self.engine.clone(),
                notices: told,
                requests: requests.clone(),
                backup,
                feeds: self.config.feeds.iter().map(|feed| feed.name.clone()).collect(),
            };
            feeds.spawn(listener.run(measured, stop.clone()));
        }
        let app = app.layer(from_fn_with_state(requests, metrics::counted));
        let app = if self.config.traces.is_some() { app.layer(from_fn(traces::request)) } else { app };
        let app = app.layer(map_request(listen::with_peer)).into_make_service_with_connect_info::<listen::Connection>();
        let served = match self.tls {
            None => {
                let serve = axum::serve(self.http, app).with_graceful_shutdown(stop.clone().cancelled_owned());
                within_reason(serve, &stop).await
            }
            Some(tls) => {
                let listener = listen::TlsListener::new(self.http, tls).map_err(Failure::found)?;
                let serve = axum::serve(listener, app).with_graceful_shutdown(stop.clone().cancelled_owned());
                within_reason(serve, &stop).await
            }
        };
        stop.cancel();
        while feeds.join_next().await.is_some() {}
        let engine = self.engine;
        let deposed = *engine.role().borrow() == Role::Deposed;
        let _ = tokio::task::spawn_blocking(move || {
            let _ = telling.join();
            engine.stop();
            // All is on disk and signed by now: what is shipped last is all there is.
            if let Some(shipping) = shipping {
                shipping.finish();
            }
        })
        .await;
        if deposed {
            return Err(Failure::found(
                "another process has taken over what this one processed, for it was silent for too long: start it again, and \
                 it follows the other",
            ));
        }
        served
    }
}

/// How long requests in hand may take once told to stop. Past that, connections are cut: browsers keep idle ones open.
const STOP_SECONDS_MAX: u64 = 5;

async fn within_reason<S>(serve: S, stop: &CancellationToken) -> Outcome
where
    S: std::future::IntoFuture<Output = std::io::Result<()>>,
{
    let late = async {
        stop.cancelled().await;
        tokio::time::sleep(Duration::from_secs(STOP_SECONDS_MAX)).await;
    };
    tokio::select! {
        served = serve.into_future() => served.map_err(|error| Failure::found(format!("serving HTTP: {error}"))),
        () = late => Ok(()),
    }
}

/// Check what a configuration names without starting anything: certificates, keys, accounts.
pub fn check(config: &Config) -> Outcome {
    if let Some(tls) = &config.http.tls {
        listen::tls(server_files(config, tls, ClientCertificates::Optional))?;
    }
    for feed in &config.feeds {
        if let Some(tls) = &feed.tls {
            intake::listener::tls::server(&server_files(config, tls, ClientCertificates::Required))
                .map_err(|error| Failure::asked(format!("feed {}: {error}", feed.name)))?;
        }
    }
    policies::check(config)?;
    policies::forms(config)?;
    misuse::open(config)?;
    traces::check(config)?;
    outward::check(config)?;
    sign_in::open(config)?;
    accounts(config).map(|_| ())
}

/// `usual`: whether clients must show certificates, where the configuration says nothing.
fn server_files(config: &Config, tls: &Tls, usual: ClientCertificates) -> ServerFiles {
    let beside = |path: &Path| config.beside(path);
    ServerFiles {
        certificate: beside(&tls.certificate),
        key: beside(&tls.key),
        client_authorities: tls.client_authorities.as_deref().map(beside),
        client_optional: tls.client_certificates.unwrap_or(usual) == ClientCertificates::Optional,
        senders: tls.senders(),
    }
}

fn listener_config(config: &Config, feed: &Feed, address: SocketAddr) -> ListenerConfig {
    use hl7v2::ack::Mode;
    use mapping::profile::Acknowledgement;
    let of_source = config
        .sources
        .iter()
        .find(|source| source.source == feed.source)
        .map_or(Acknowledgement::Auto, |source| source.acknowledgement);
    let mode = match (feed.acknowledge, of_source) {
        (Some(Acknowledge::Auto), _) | (None, Acknowledgement::Auto) => Mode::Auto,
        (Some(Acknowledge::Original), _) | (None, Acknowledgement::Original) => Mode::Original,
        (Some(Acknowledge::Enhanced), _) | (None, Acknowledgement::Enhanced) => Mode::Enhanced,
    };
    ListenerConfig {
        tls: feed.tls.as_ref().map(|tls| server_files(config, tls, ClientCertificates::Required)),
        rules: Rules {
            mode,
            faulty: match feed.faulty {
                FaultyAnswer::Error => Faulty::Error,
                FaultyAnswer::Accept => Faulty::Accept,
            },
            application: match feed.application_acknowledge {
                ApplicationAcknowledge::Processed => Application::Processed,
                ApplicationAcknowledge::Stored => Application::Stored,
            },
        },
        connections_max: feed.connections_max,
        frame_bytes_max: feed.message_bytes_max,
        idle_max: Duration::from_secs(feed.idle_seconds_max),
        ..ListenerConfig::new(&feed.name, &feed.source, address)
    }
}

fn accounts(config: &Config) -> Outcome<Accounts> {
    let mut accounts = Vec::new();
    for user in &config.users {
        let mut known = User::staff(
            &user.id,
            &user.name,
            (&user.role_code, &user.role_name),
            (&user.organisation_code, &user.organisation_name),
        );
        let wrong = |what: &str| Failure::asked(format!("{}: user \"{}\" {what}", config.file.display(), user.id));
        let own_record = match &user.nhs_number {
            Some(number) => {
                known =
                    User { kind: UserKind::Person, role_code: "person".into(), role_name: "Person".into(), ..known };
                let number = fhir::NhsNumber::parse(number).map_err(|_| wrong("has an NHS number that is none"))?;
                Some(number.as_str().parse().unwrap_or_default())
            }
            None if user.role_code.is_empty() || user.organisation_code.is_empty() => {
                return Err(wrong("needs role_code and organisation_code, or, of a person, nhs_number"));
            }
            None => None,
        };
        accounts.push(Account { user: known, password_hash: user.password_hash.clone(), own_record });
    }
    Accounts::new(accounts).map_err(|error| Failure::asked(format!("{}: {error}", config.file.display())))
}

/// The gate, with the region's own policies where it has any.
fn gate(config: &Config, engine: &Engine, now: jiff::Timestamp) -> Outcome<Gate> {
    let (derived, audit) = (engine.derived().clone(), engine.audit().clone());
    Gate::new(derived, audit, policies::gate_config(config)?, now).map_err(|error| Failure::asked(error.to_string()))
}

/// Whom the configuration names, for the administrator's desk. No secret, and no NHS number, is in it.
fn named(config: &Config, updates: &[pix::Standing]) -> web::Named {
    let organisation = |code: &str, name: &str| format!("{code} {name}").trim().to_owned();
    let users = config.users.iter().map(|user| web::Listed {
        id: user.id.clone(),
        name: user.name.clone(),
        organisation: organisation(&user.organisation_code, &user.organisation_name),
        may: match user.nhs_number {
            Some(_) => "person (own record)".into(),
            None => format!("{} {}", user.role_code, user.role_name),
        },
    });
    let clients = config.clients.iter().map(|client| {
        let reach = match client.reach {
            Reach::Organisation => "its organisation’s patients",
            Reach::Region => "everybody",
        };
        let scopes = if client.scopes.is_empty() { "all scopes".to_owned() } else { client.scopes.join(" ") };
        let token = match (&client.token_hash, client.senders().is_empty()) {
            (Some(_), true) => "lasting token",
            (Some(_), false) => "lasting token and certificate",
            (None, true) => "short tokens",
            (None, false) => "short tokens and certificate",
        };
        let activities = client.activities.join(" ");
        web::Listed {
            id: client.id.clone(),
            name: client.name.clone(),
            organisation: organisation(&client.organisation_code, &client.organisation_name),
            may: [reach, &scopes, token, &activities]
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join("; "),
        }
    });
    let feeds = config.feeds.iter().map(|feed| {
        let over = match (&feed.mllp, &feed.tls) {
            (Some(address), Some(_)) => format!("HL7 v2 at {address}, TLS"),
            (Some(address), None) => format!("HL7 v2 at {address}, plain"),
            (None, _) => match (&feed.token_hash, feed.senders().is_empty()) {
                (Some(_), true) => "FHIR, by token".to_owned(),
                (Some(_), false) => "FHIR, by token and certificate".to_owned(),
                (None, _) => "FHIR, by certificate".to_owned(),
            },
        };
        web::Listed { id: feed.name.clone(), name: feed.source.clone(), may: over, ..web::Listed::default() }
    });
    let channels = outward::channels(config, updates);
    web::Named { users: users.collect(), clients: clients.collect(), feeds: feeds.collect(), channels, census: None }
}

/// What pages and API tell others by.
struct Whom {
    notices: ::notify::Notices,
    telling: web::fhir::Telling,
    censuses: ::notify::census::Censuses,
}

/// Everything that HTTP serves.
fn app(
    config: &Config,
    engine: &Engine,
    gate: Gate,
    Whom { notices, telling, censuses }: Whom,
    signing_in: SigningIn,
    setting: Setting,
    updates: Vec<pix::Standing>,
) -> Outcome<Router> {
    let journal = engine.clone();
    let told = notices.clone();
    let records = Records::new(engine.derived().clone(), move || journal.journal_reader());
    let matcher = index_of_people(engine, records.clone());
    let SigningIn { providers, clients, limits, certificates, sessions, .. } = signing_in;
    let site = web::AppState::new(web::SiteConfig {
        pdfs: setting.pdfs,
        region_name: config.region.name.clone(),
        gate,
        records,
        engine: engine.clone(),
        notices: Some(notices.clone()),
        forms: crate::policies::forms(config)?,
        drafts: record::Drafts::of_region(&engine.visitor())
            .map_err(|error| Failure::found(format!("drafts: {error}")))?,
        matcher: Some(Arc::new(matcher)),
        accounts: accounts(config)?,
        providers,
        session_limits: sessions,
        clock: setting.clock,
        secure_cookies: config.http.tls.is_some() || config.http.behind_tls_proxy,
        trusted_proxies: config.http.trusted_proxies.clone(),
        named: web::Named { census: Some(censuses), ..named(config, &updates) },
        demo: setting.demo,
    });
    let telling = Some(telling);
    Ok(web::router(site, web::fhir::ApiConfig { clients, limits, certificates, telling, ..api(config) })
        .merge(Router::new().route("/health", get(health)).with_state((engine.clone(), told, updates))))
}

/// What speaks of people over HL7 v2, with what it shares.
struct People {
    gate: Gate,
    records: Records,
    authorities: Arc<pix::Authorities>,
}

impl People {
    fn new(config: &Config, engine: &Engine, gate: Gate) -> Self {
        let journal = engine.clone();
        People {
            gate,
            records: Records::new(engine.derived().clone(), move || journal.journal_reader()),
            authorities: Arc::new(pix::Authorities::new(config.sources.clone())),
        }
    }

    /// What answers a feed's queries, where it may ask any.
    fn queries(&self, feed: &Feed, engine: &Engine) -> Option<Arc<dyn Responder>> {
        let asker = feed.queries.as_ref()?;
        let organisation = (asker.organisation_code.as_str(), asker.organisation_name.as_str());
        Some(Arc::new(pix::Queries {
            user: Arc::new(User::system(&asker.id, &asker.name, organisation)),
            gate: self.gate.clone(),
            records: self.records.clone(),
            engine: engine.clone(),
            authorities: Arc::clone(&self.authorities),
        }))
    }

    /// Who is told of changed identifiers, and how that goes.
    fn updates(&self, config: &Config, engine: &Engine, clock: &Clock) -> Outcome<Vec<(pix::Update, pix::Standing)>> {
        let mut updates = Vec::new();
        for receiver in &config.pix_updates {
            let mut sender = SenderConfig::new(&receiver.to);
            sender.tls = receiver
                .authorities
                .as_deref()
                .map(|file| ClientFiles { authorities: config.beside(file), identity: None });
            if let Some(files) = &sender.tls {
                intake::listener::tls::client(files)
                    .map_err(|error| Failure::asked(format!("pix_update {}: {error}", receiver.name)))?;
            }
            let organisation = (receiver.organisation_code.as_str(), receiver.organisation_name.as_str());
            let update = pix::Update {
                name: receiver.name.clone(),
                receiver: (receiver.receiving_application.clone(), receiver.receiving_facility.clone()),
                region: config.region.code.clone(),
                sender,
                domains: receiver.domains.clone(),
                source: receiver.source.clone().unwrap_or_default(),
                user: User::system(format!("pix-update-{}", receiver.name), &receiver.name, organisation),
                cursor: engine.folder().join(format!("pix-update-{}.cursor", receiver.name)),
                gate: self.gate.clone(),
                records: self.records.clone(),
                engine: engine.clone(),
                authorities: Arc::clone(&self.authorities),
                clock: clock.clone(),
            };
            updates.push((update, pix::Standing::default()));
        }
        Ok(updates)
    }
}

/// Who may use the FHIR API: client systems read, sources write, each with a token of its own.
fn api(config: &Config) -> web::fhir::ApiConfig {
    let readers = config.clients.iter().filter_map(|client| {
        let scopes = access::smart::Scopes::parse(&client.scopes.join(" ")).unwrap_or_default();
        Some(web::fhir::Reader {
            token_hash: client.token_hash.clone()?,
            user: sign_in::user(client),
            scopes: (!client.scopes.is_empty()).then_some(scopes),
        })
    });
    let sources = config.feeds.iter().filter(|feed| feed.mllp.is_none()).map(|feed| web::fhir::Source {
        token_hash: feed.token_hash.clone(),
        senders: feed.senders(),
        source: feed.source.clone(),
        feed: feed.name.clone(),
    });
    web::fhir::ApiConfig {
        base: config.http.public_url.as_ref().map(|url| format!("{}/fhir", url.trim_end_matches('/'))),
        secure: config.http.tls.is_some() || config.http.behind_tls_proxy,
        readers: readers.collect(),
        sources: sources.collect(),
        body_bytes_max: config.http.body_bytes_max,
        ..web::fhir::ApiConfig::default()
    }
}

/// `$match` asks the index that links patients as they come.
fn index_of_people(engine: &Engine, records: Records) -> record::matching::People {
    let people = Arc::clone(engine.people());
    record::matching::People::new(records, move |facts| {
        people.ask(|matcher| record::matching::Weighed::all(matcher, facts))
    })
}

/// Whether the region processes what it receives, and how far it is. No person, no content: for a monitor.
async fn health(
    State((engine, told, updates)): State<(Engine, ::notify::Notices, Vec<pix::Standing>)>,
) -> (StatusCode, Json<Value>) {
    let progress = engine.progress();
    // What another process put in the journal is noticed when it is processed.
    let received = progress.head.max(progress.applied);
    let counted = tokio::task::spawn_blocking(move || {
        let held_up = told.held_up(crate::edge::now()).ok().flatten();
        (notify::standing(&told), told.parked_queues().unwrap_or_default(), held_up)
    });
    let (subscriptions, parked, held_up) = counted.await.unwrap_or_default();
    let numbers = |status: &str| {
        let mut numbers = json!({"status": status, "received": received, "processed": progress.applied});
        if let (Some(members), false) = (numbers.as_object_mut(), updates.is_empty()) {
            members.insert("pix_updates".into(), updates.iter().map(pix::Standing::told).collect());
        }
        if let (Some(members), Some(subscriptions)) = (numbers.as_object_mut(), &subscriptions) {
            members.insert("subscriptions".into(), subscriptions.clone());
        }
        if let (Some(members), false) = (numbers.as_object_mut(), parked.is_empty()) {
            members.insert("deliveries_parked".into(), json!(parked));
        }
        if let (Some(members), Some(held_up)) = (numbers.as_object_mut(), held_up) {
            members.insert("telling_held_up_since".into(), json!(held_up.since().to_string()));
        }
        numbers
    };
    match engine.fault() {
        None => (StatusCode::OK, Json(numbers("ok"))),
        Some(_) => (StatusCode::SERVICE_UNAVAILABLE, Json(numbers("processing has stopped; see the log"))),
    }
}
