//! `skein identity link`, `unlink`, `split` and `undo`.

use super::{Desk, pair, patient, plain};
use crate::{
    cli::{
        RegionArgs,
        identity::region::{Link, Said, Split, Undo, Unlink},
    },
    edge,
    failure::{Failure, Outcome},
    region, say,
};
use fhir::PatientKey;
use intake::{Act, LinkDecision};
use record::{
    ReviewStatus,
    stewards::{Lineage, SideBySide},
};

/// Say that two are one.
pub fn link(asked: &Link) -> Outcome {
    let pair = pair(&asked.a, &asked.b)?;
    let why = reason(&asked.said)?;
    let desk = Desk::open(&asked.region, asked.said.by.as_deref())?;
    let beside = look(&desk, pair, "decide same")?;
    if beside.linked() {
        return Err(Failure::asked(format!(
            "{} and {} are one person already: {}",
            pair.a, pair.b, beside.left.person
        )));
    }
    if beside.needs_two && beside.said_by(&desk.user.id).is_some_and(|said| said.said == record::Said::Same) {
        return Err(Failure::asked(
            "this account has said so already: another steward must agree, for the evidence speaks against it",
        ));
    }
    let seq = desk.decide(Act::Same { a: pair.a, b: pair.b }, why, Some(beside.turns()))?;
    let after = look(&desk, pair, "compare")?;
    let review = after.review.as_ref();
    if !review.is_some_and(|review| review.opinions.iter().any(|opinion| opinion.seq == seq)) {
        return Err(Failure::found("somebody else decided about these two in the same moment: nothing was changed"));
    }
    if review.is_some_and(|review| review.status == ReviewStatus::Second) {
        say::line(&format!("{seq}  noted: another steward must agree, for the evidence speaks against it"));
    } else {
        say::line(&format!("{seq}  {} and {} are person {}", pair.a, pair.b, after.left.person));
    }
    Ok(())
}

/// Say that one is somebody else.
pub fn unlink(asked: &Unlink) -> Outcome {
    let leaver = patient(&asked.patient)?;
    separate(&asked.region, &asked.said, &asked.patient, &[leaver])
}

/// Say that some are somebody else.
pub fn split(asked: &Split) -> Outcome {
    let mut leavers = asked.patients.iter().map(|key| patient(key)).collect::<Outcome<Vec<_>>>()?;
    let count = leavers.len();
    leavers.sort_unstable();
    leavers.dedup();
    if leavers.len() < count {
        return Err(Failure::asked("a patient is named twice in --patients"));
    }
    separate(&asked.region, &asked.said, &asked.person, &leavers)
}

fn separate(region: &RegionArgs, said: &Said, whose: &str, leavers: &[PatientKey]) -> Outcome {
    let why = reason(said)?;
    let desk = Desk::open(region, said.by.as_deref())?;
    let lineage = desk.lineage(whose)?;
    let members: Vec<PatientKey> = lineage.patients.iter().map(|side| side.patient).collect();
    if let Some(stranger) = leavers.iter().find(|leaver| !members.contains(leaver)) {
        return Err(Failure::asked(format!("{stranger} is not a patient of person {}", lineage.person)));
    }
    if leavers.len() == members.len() {
        return Err(Failure::asked(match leavers {
            [only] => format!("{only} is the only patient of its person: there is nobody to part it from"),
            _ => "leave at least one patient: there is nobody to part all of them from".into(),
        }));
    }
    let seq = desk.decide(Act::Separate { patients: leavers.to_vec() }, why, Some(newest(&lineage)))?;
    let Some(first) = leavers.first() else { return Ok(()) };
    let after = desk.lineage(&first.to_string())?;
    if !after.assertions.iter().any(|said| said.seq == seq) {
        return Err(Failure::found("this person changed in the same moment: nothing was changed by you"));
    }
    let now = after.patients.iter().find(|side| side.patient == *first).map(|side| side.person);
    say::line(&format!("{seq}  now person {}", now.unwrap_or(after.person)));
    Ok(())
}

/// The newest link of a person: what a split is decided upon.
fn newest(lineage: &Lineage) -> u64 {
    let links = lineage.links.iter().map(|(link, _)| link);
    links
        .filter(|link| link.person == lineage.person && link.seq_to.is_none())
        .map(|link| link.seq_from)
        .max()
        .unwrap_or(0)
}

/// Take a decision back.
pub fn undo(asked: &Undo) -> Outcome {
    let desk = Desk::open(&asked.region, asked.by.as_deref())?;
    let permit = desk.permit(format!("decide withdraw {}", asked.seq))?;
    let decided = desk.release(desk.records.decided(&permit, asked.seq))?;
    let former: Option<LinkDecision> = decided.and_then(|decided| serde_json::from_str(&decided.about).ok());
    let nothing =
        || Failure::asked(format!("{} is no decision about who is who; `skein identity show` lists them", asked.seq));
    let former = former.ok_or_else(nothing)?;
    if !desk.release(desk.records.in_force(&permit, asked.seq, &former.act.patients()))? {
        return Err(Failure::asked(format!(
            "decision {} no longer holds: it was taken back, or a later one took its place",
            asked.seq
        )));
    }
    let seq = desk.decide(Act::Withdraw { of: asked.seq }, asked.why.clone(), None)?;
    say::line(&format!("{seq}  decision {} ({}) is taken back", asked.seq, former.act.as_str()));
    Ok(())
}

fn reason(said: &Said) -> Outcome<String> {
    let why = said.why.trim();
    if why.is_empty() { Err(Failure::asked("say why: --why TEXT")) } else { Ok(plain(why)) }
}

fn look(desk: &Desk, pair: record::Pair, what: &str) -> Outcome<SideBySide> {
    let permit = desk.permit(format!("{what} {} {}", pair.a, pair.b))?;
    let beside = desk.release(desk.records.side_by_side(&permit, pair))?;
    beside.ok_or_else(|| Failure::asked(format!("{} and {}: one of them is no patient", pair.a, pair.b)))
}

impl Desk {
    /// Put a decision in the journal, and wait until it is carried out. Gives its number.
    fn decide(&self, act: Act, why: String, seen: Option<u64>) -> Outcome<u64> {
        let decision = LinkDecision { act, by: self.user.id.clone(), name: self.user.name.clone(), why, seen };
        region::decide(&self.config, &self.visit, vec![intake::link_decision(&decision, edge::now())])
    }
}
