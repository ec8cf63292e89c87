//! `skein identity` on a region: works on the files, so beside a running region as well. What is decided here goes into the
//! journal, and whoever runs the region carries it out.

mod decide;
mod export;
mod queue;
mod show;
mod stats;

use crate::{
    cli::identity::region::RegionCommand,
    config::Config,
    edge,
    failure::{Failure, Outcome},
    region::{self, Visit},
};
use access::{Action, Sealed, StewardPermit, User};
use fhir::{PatientKey, PersonKey};
use record::{Pair, Records, StoreError, stewards::Lineage};

/// Do what was asked.
pub fn run(asked: &RegionCommand) -> Outcome {
    match asked {
        RegionCommand::Show(asked) => show::show(asked),
        RegionCommand::Explain(asked) => show::explain(asked),
        RegionCommand::Link(asked) => decide::link(asked),
        RegionCommand::Unlink(asked) => decide::unlink(asked),
        RegionCommand::Split(asked) => decide::split(asked),
        RegionCommand::Undo(asked) => decide::undo(asked),
        RegionCommand::Queue(asked) => queue::run(asked),
        RegionCommand::Stats(asked) => stats::run(asked),
        RegionCommand::Export(asked) => export::run(asked),
    }
}

/// A steward at the terminal: nothing is shown before the visit is recorded.
struct Desk {
    config: Config,
    visit: Visit,
    records: Records,
    user: User,
    runtime: tokio::runtime::Runtime,
}

impl Desk {
    fn open(asked: &crate::cli::RegionArgs, by: Option<&str>) -> Outcome<Desk> {
        let config = region::config(asked)?;
        let visit = Visit::to(&config)?;
        let records = visit.records();
        Ok(Desk { records, user: region::steward(by), runtime: region::runtime()?, config, visit })
    }

    fn permit(&self, what: String) -> Outcome<StewardPermit> {
        let permit = self.visit.gate.steward(&self.user, None, &Action::Identity { what }, edge::now());
        permit.map_err(|refusal| Failure::found(refusal.to_string()))
    }

    fn release<T>(&self, sealed: Result<Sealed<T>, StoreError>) -> Outcome<T> {
        self.runtime.block_on(sealed?.release()).map_err(|refusal| Failure::found(refusal.to_string()))
    }

    /// The person of a key that is a person's or a patient's.
    fn lineage(&self, key: &str) -> Outcome<Lineage> {
        let unknown = || Failure::asked(format!("there is no patient and no person {}", plain(key)));
        let number: PatientKey = key.parse().map_err(|_| unknown())?;
        let permit = self.permit(format!("history {number}"))?;
        if let Some(lineage) = self.release(self.records.lineage(&permit, PersonKey(number.0)))? {
            return Ok(lineage);
        }
        let person = self.release(self.records.steward_person_of(&permit, number))?.ok_or_else(unknown)?;
        self.release(self.records.lineage(&permit, person))?.ok_or_else(unknown)
    }
}

/// The key of a patient.
fn patient(key: &str) -> Outcome<PatientKey> {
    key.parse().map_err(|_| Failure::asked(format!("{} is not the key of a patient", plain(key))))
}

fn pair(a: &str, b: &str) -> Outcome<Pair> {
    Pair::new(patient(a)?, patient(b)?).ok_or_else(|| Failure::asked(format!("{} is one patient: name two", plain(a))))
}

/// Without control characters, which a terminal would obey.
fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

/// Who a patient is said to be, in a line.
fn face(side: &record::stewards::Side) -> String {
    let resource = side.item.as_ref().and_then(|item| item.resource().ok());
    let Some(resource) = resource else { return "only spoken of".into() };
    let name = record::text::best_name(resource.list("name")).map_or_else(|| "no name".into(), |name| name.banner());
    let born = resource.str_at("/birthDate").unwrap_or("birth not known");
    let nhs = record::banner::nhs_of(&resource).map_or_else(|| "no NHS number".into(), |nhs| nhs.long());
    plain(&format!("{name}, {born}, {nhs}"))
}
