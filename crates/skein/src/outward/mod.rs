//! What goes out to those who read no FHIR: mails to teams, ADT messages to systems. Each has a queue, which the deliveries
//! desk shows.

mod adt;
mod census;
mod mail;
mod message;
mod queue;

use crate::{
    config::{Config, Reach, outward::AdtOut},
    failure::{Failure, Outcome},
    pix,
};
use ::notify::{Filter, Notices, census::Censuses};
use access::{Gate, User};
use intake::{Engine, listener::Clock, listener::tls::ClientFiles, sender::SenderConfig};
use queue::Outbox;
use record::{Records, SourceInfo, SourceKind};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// What sending needs of the region.
pub struct Region {
    /// The door.
    pub gate: Gate,
    /// The read side.
    pub records: Records,
    /// Which source a patient is of.
    pub engine: Engine,
    /// What happened, and how far each queue is.
    pub notices: Notices,
    /// Reads the time.
    pub clock: Clock,
    /// Told to stop.
    pub stop: CancellationToken,
}

/// Everything that goes out.
pub struct Outward {
    mails: Option<mail::Mails>,
    adt: Vec<adt::Adt>,
    folders: Option<census::Folders>,
    /// Compares hospitals' own lists.
    pub censuses: Censuses,
}

/// Whether the files that sending needs can be used.
pub fn check(config: &Config) -> Outcome {
    if let Some(mail) = &config.mail {
        mail::Server::open(config, mail)?;
    }
    for out in &config.adt_out {
        sender(config, out)?;
    }
    Ok(())
}

/// How to reach a receiver. One try at a time: the queue has patience of its own.
fn sender(config: &Config, out: &AdtOut) -> Outcome<SenderConfig> {
    let tls = out.authorities.as_deref().map(|file| ClientFiles { authorities: config.beside(file), identity: None });
    if let Some(files) = &tls {
        intake::listener::tls::client(files)
            .map_err(|error| Failure::asked(format!("adt_out {}: {error}", out.name)))?;
    }
    Ok(SenderConfig { tls, retries: 0, connect_time_max: Duration::from_secs(10), ..SenderConfig::new(&out.to) })
}

impl Outward {
    /// All that is configured.
    pub fn open(config: &Config, region: &Region) -> Outcome<Outward> {
        let outbox = |name: String| Outbox {
            name,
            notices: region.notices.clone(),
            clock: region.clock.clone(),
            stop: region.stop.clone(),
        };
        let mails = match &config.mail {
            Some(mail) => Some(mail::Mails::new(config, mail, outbox(mail::QUEUE.to_owned()))?),
            None => None,
        };
        let sources: HashMap<_, _> = config
            .sources
            .iter()
            .map(|profile| {
                let kind = match profile.kind {
                    mapping::profile::SourceKind::Gp => SourceKind::Gp,
                    _ => SourceKind::Other,
                };
                let info = SourceInfo { id: profile.source.clone(), name: profile.name.clone(), kind };
                let ods = profile.ods.as_deref().unwrap_or_default().trim().to_ascii_uppercase();
                (profile.source.clone(), (Arc::new(info), ods))
            })
            .collect();
        let mut adt = Vec::new();
        for out in &config.adt_out {
            let organisation = (out.organisation_code.as_str(), out.organisation_name.as_str());
            let user = User::system(&out.id, &out.name, organisation);
            adt.push(adt::Adt {
                sender: sender(config, out)?,
                filter: Filter {
                    topics: out.topics.clone(),
                    lists: out.lists.clone(),
                    organisations: out.organisations.clone(),
                    patients: Vec::new(),
                },
                ends: message::Ends {
                    sending: (
                        out.sending_application.clone(),
                        out.sending_facility.clone().unwrap_or_else(|| config.region.code.clone()),
                    ),
                    receiving: (out.receiving_application.clone(), out.receiving_facility.clone()),
                    region: config.region.code.clone(),
                },
                user: Arc::new(User { reach_region: out.reach == Reach::Region, ..user }),
                gate: region.gate.clone(),
                records: region.records.clone(),
                engine: region.engine.clone(),
                sources: sources.clone(),
                outbox: outbox(out.queue()),
            });
        }
        let censuses = Censuses::new(region.gate.clone(), region.records.clone(), region.notices.clone());
        let folders = census::Folders::open(config, censuses.clone(), region.clock.clone(), region.stop.clone());
        Ok(Outward { mails, adt, folders, censuses })
    }

    /// Send until told to stop.
    pub async fn run(self) {
        let mut tasks = JoinSet::new();
        if let Some(mails) = self.mails {
            tasks.spawn(mails.follow());
        }
        for adt in self.adt {
            tasks.spawn(adt.follow());
        }
        if let Some(folders) = self.folders {
            tasks.spawn(folders.follow());
        }
        while tasks.join_next().await.is_some() {}
    }
}

/// What the deliveries desk is told of the configuration.
pub fn channels(config: &Config, updates: &[pix::Standing]) -> web::Channels {
    let mail = config.mail.as_ref().map(|mail| format!("{}:{}", mail.server, mail.port()));
    let adt = config.adt_out.iter().map(|out| web::Receiver {
        queue: out.queue(),
        name: out.name.clone(),
        to: out.to.clone(),
        organisation: format!("{} {}", out.organisation_code, out.organisation_name).trim().to_owned(),
        topics: if out.topics.is_empty() { crate::config::outward::ADT_TOPICS.to_vec() } else { out.topics.clone() },
    });
    let updates = updates.to_vec();
    let pix: Arc<dyn Fn() -> Vec<web::Update> + Send + Sync> =
        Arc::new(move || updates.iter().map(pix::Standing::line).collect());
    web::Channels { mail, adt: adt.collect(), pix: Some(pix) }
}
