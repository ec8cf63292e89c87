//! A quarter of accesses to a region's shared record, with misuse among them, and the truth: for judging whoever looks for
//! misuse. Everything follows from the seed.
//!
//! Begin with [`AccessLog`]. People are modelled, and their work: rotas, wards, clinics, surgeries, home visits, emergencies.
//! Nothing here knows how any detector works. What it models and leaves out is told in `docs/govern-it/misuse.md`.

mod misuse;
mod staff;
mod town;
mod work;

pub use misuse::{Incident, MisuseKind};
pub use staff::{Post, Worker};
pub use town::Resident;

use crate::dice::Dice;
use town::Town;

/// Minutes in a day.
pub(crate) const DAY: i64 = 24 * 60;

/// One access to a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked {
    /// When: minutes since the first day's midnight. The first day is a Monday.
    pub minute: i64,
    /// Who: a place among [`AccessLog::staff`].
    pub worker: usize,
    /// Whose: a place among [`AccessLog::residents`].
    pub resident: usize,
    /// What the data say links the worker's organisation with the person, by the names of the policies.
    pub relations: Vec<&'static str>,
    /// The code of the reason given; empty: none was needed.
    pub claimed: &'static str,
    /// Whether the glass was broken.
    pub glass: bool,
    /// The page.
    pub page: &'static str,
    /// The incident it belongs to, a place among [`AccessLog::incidents`]; None: honest work.
    pub incident: Option<usize>,
}

/// Accesses and the truth about them.
#[derive(Clone, Debug)]
pub struct AccessLog {
    /// Who works here.
    pub staff: Vec<Worker>,
    /// Who lives here.
    pub residents: Vec<Resident>,
    /// Residents whom everybody knows, and the privacy officer has listed.
    pub well_known: Vec<usize>,
    /// What happened, in order.
    pub accesses: Vec<Looked>,
    /// Misuse that was put in.
    pub incidents: Vec<Incident>,
    town: Town,
}

impl AccessLog {
    /// So many days from a seed. A quarter is 91.
    pub fn new(seed: u64, days: i64) -> Self {
        let mut dice = Dice::new(seed, &[40]);
        let mut town = Town::new(&mut Dice::new(seed, &[41]), days);
        let staff = staff::staff(&mut Dice::new(seed, &[42]), &mut town, days);
        let (mut accesses, shifts) = work::work(&mut dice, &mut town, &staff, days);
        let seeds = misuse::Seeds { town: &town, staff: &staff, shifts: &shifts, days };
        let incidents = seeds.sow(&mut Dice::new(seed, &[43]), &mut accesses);
        accesses.sort_by_key(|looked| (looked.minute, looked.worker, looked.resident));
        let (well_known, residents) = (town.well_known.clone(), town.residents.clone());
        AccessLog { staff, well_known, residents, accesses, incidents, town }
    }

    /// What the data say at a minute that links an organisation with a resident.
    pub fn relations(&self, organisation: &str, resident: usize, minute: i64) -> Vec<&'static str> {
        self.town.relations(organisation, resident, minute)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_log() {
        let log = AccessLog::new(5, 21);
        assert_eq!(log.accesses, AccessLog::new(5, 21).accesses);
        assert_ne!(log.accesses.len(), AccessLog::new(6, 21).accesses.len());
    }

    #[test]
    fn misuse_is_rare_and_of_every_kind() {
        let log = AccessLog::new(5, 91);
        let bad = log.accesses.iter().filter(|looked| looked.incident.is_some()).count();
        assert!(bad * 100 < log.accesses.len(), "{bad} of {}", log.accesses.len());
        for kind in MisuseKind::ALL {
            assert!(log.incidents.iter().any(|incident| incident.kind == kind), "{kind:?}");
        }
        assert!(log.accesses.len() > 100_000 && log.staff.len() > 300, "{}", log.accesses.len());
    }
}
