//! `skein identity show` and `explain`.

use super::{Desk, face, pair, plain};
use crate::{
    cli::identity::region::{ExplainPair, Show},
    failure::{Failure, Outcome},
    say,
};
use intake::LinkDecision;
use record::{
    compare::{self, Shown},
    origin::why_linked,
    stewards::{Lineage, SideBySide},
    waterfall,
};
use serde_json::json;
use std::collections::BTreeMap;

/// Links shown of a person's past.
const HISTORY_MAX: usize = 50;

/// Show a person.
pub fn show(asked: &Show) -> Outcome {
    let desk = Desk::open(&asked.region, None)?;
    let lineage = desk.lineage(&asked.key)?;
    say::line(&format!("person {}", lineage.person));
    if lineage.patients.is_empty() {
        say::line("  nobody is this person now");
    }
    for side in &lineage.patients {
        say::line(&format!("  patient {}  {}  {}", side.patient, plain(&side.source), face(side)));
        say::line(&format!("    since {}: {}", side.since, plain(&why_linked(&side.reason))));
    }
    let decisions = decisions(&lineage);
    let mut told: Vec<u64> = lineage.assertions.iter().map(|said| said.seq).collect();
    told.dedup();
    for seq in told {
        let holds = lineage.assertions.iter().any(|said| said.seq == seq && said.seq_to.is_none());
        let Some((decision, at)) = decisions.get(&seq) else { continue };
        let word = if holds { "holds" } else { "no longer holds" };
        let (name, why) = (plain(&decision.name), plain(&decision.why));
        say::line(&format!("decision {seq}  {}  {at}  {name}  {word}  {why}", decision.act.as_str()));
    }
    for review in lineage.reviews.iter().filter(|review| review.status.waits()) {
        say::line(&format!(
            "waits  {}  {}  {} {}",
            review.kind.as_str(),
            review.status.as_str(),
            review.pair.a,
            review.pair.b
        ));
    }
    for (link, at) in lineage.links.iter().take(HISTORY_MAX) {
        let by = decisions.get(&link.seq_from).map(|(decision, _)| format!("  {}", plain(&decision.name)));
        let why = plain(&why_linked(&link.reason));
        let until = link.seq_to.map_or_else(|| "now".to_owned(), |to| to.to_string());
        say::line(&format!(
            "link {}  {} is {} until {until}  {at}  {why}{}",
            link.seq_from,
            link.patient,
            link.person,
            by.unwrap_or_default()
        ));
    }
    Ok(())
}

fn decisions(lineage: &Lineage) -> BTreeMap<u64, (LinkDecision, jiff::Timestamp)> {
    let read = |decided: &record::stewards::Decided| {
        Some((decided.seq, (serde_json::from_str(&decided.about).ok()?, decided.at)))
    };
    lineage.decisions.iter().filter_map(read).collect()
}

/// Two patients side by side.
pub fn explain(asked: &ExplainPair) -> Outcome {
    let pair = pair(&asked.a, &asked.b)?;
    let desk = Desk::open(&asked.region, None)?;
    let permit = desk.permit(format!("compare {} {}", pair.a, pair.b))?;
    let beside = desk.release(desk.records.side_by_side(&permit, pair))?;
    let beside =
        beside.ok_or_else(|| Failure::asked(format!("{} and {}: one of them is no patient", pair.a, pair.b)))?;
    let (left, right) = (resource(&beside.left), resource(&beside.right));
    let rows = compare::rows(left.as_ref(), right.as_ref(), beside.withheld());
    if asked.json {
        say::line(&as_json(&beside, &rows).to_string());
        return Ok(());
    }
    say::line(&format!("A  {}  person {}  {}", beside.left.patient, beside.left.person, plain(&beside.left.source)));
    say::line(&format!("B  {}  person {}  {}", beside.right.patient, beside.right.person, plain(&beside.right.source)));
    for row in &rows {
        let alike = row.likeness.map_or("", compare::Likeness::words);
        say::line(&format!("{:<24} {:<8} {} | {}", row.label, alike, text(&row.a), text(&row.b)));
    }
    match beside.waterfall() {
        None => {
            say::line("No weights: a rule alone put these two here, or they were never weighed against each other.")
        }
        Some(fall) => {
            let mut sum = 0.0;
            for step in &fall.steps {
                sum += step.bits;
                say::line(&format!("{:<24} {:>8.2} {:>8.2}  {}", step.label, step.bits, sum, step.words));
            }
            let ruling = fall.ruling.as_ref().map(|ruling| format!(" {ruling}")).unwrap_or_default();
            let (odds, percent) = (waterfall::odds(fall.total_bits), waterfall::percent(fall.probability));
            say::line(&format!("Odds {odds}, probability {percent}.{ruling} Model: {}.", plain(&fall.model)));
        }
    }
    Ok(())
}

fn resource(side: &record::stewards::Side) -> Option<fhir::Resource> {
    side.item.as_ref().and_then(|item| item.resource().ok())
}

fn text(values: &[Shown]) -> String {
    let value = |shown: &Shown| shown.iter().map(|piece| piece.text.as_str()).collect::<String>();
    if values.is_empty() { "not given".into() } else { plain(&values.iter().map(value).collect::<Vec<_>>().join("; ")) }
}

fn as_json(beside: &SideBySide, rows: &[compare::Row]) -> serde_json::Value {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            json!({"what": row.label, "a": text(&row.a), "b": text(&row.b),
                "alike": row.likeness.map(compare::Likeness::words), "note": row.note})
        })
        .collect();
    let evidence = beside.waterfall().map(|fall| {
        let steps: Vec<_> = fall
            .steps
            .iter()
            .map(|step| {
                let bits = (!step.withheld).then_some(step.bits);
                json!({"what": step.label, "how": step.words, "bits": bits})
            })
            .collect();
        json!({"steps": steps, "bits": fall.total_bits, "probability": fall.probability, "model": fall.model,
            "ruling": fall.ruling})
    });
    let review = beside
        .review
        .as_ref()
        .map(|review| json!({"kind": review.kind.as_str(), "status": review.status.as_str(), "score": review.score}));
    json!({"a": beside.left.patient.to_string(), "b": beside.right.patient.to_string(),
        "person_a": beside.left.person.to_string(), "person_b": beside.right.person.to_string(),
        "rows": rows, "evidence": evidence, "review": review})
}
