//! Carrying out what data stewards decided.

use super::{
    decision::{Act, LinkDecision},
    review::said_of,
    settle::{Mover, merged_into, own_person},
};
use fhir::{PatientKey, PersonKey};
use jiff::Timestamp;
use serde_json::json;
use store::{Opinion, Pair, Review, ReviewKind, ReviewStatus, Said, StoreError, Writer};

/// Carry out a decision made at `seq`. `former`: the decision it takes back, if it takes one back. Gives the patients whose
/// person changed.
pub fn carry_out(
    mover: &mut Mover<'_>,
    decision: &LinkDecision,
    former: Option<&LinkDecision>,
    seq: u64,
    at: Timestamp,
) -> Result<Vec<PatientKey>, StoreError> {
    let mut moved = Vec::new();
    if is_late(mover.writer, decision)? {
        return Ok(moved);
    }
    match &decision.act {
        Act::Same { a, b } => {
            let Some(pair) = known_pair(mover.writer, *a, *b)? else { return Ok(moved) };
            if same(mover.writer, pair, decision, seq, at)? {
                mover.writer.put_assertion(pair, Said::Same, seq)?;
                unite(mover, pair, seq, &mut moved)?;
            }
        }
        Act::Different { a, b } => {
            let Some(pair) = known_pair(mover.writer, *a, *b)? else { return Ok(moved) };
            opinion(mover.writer, pair, decision, Said::Different, ReviewStatus::Settled, seq, at)?;
            mover.writer.put_assertion(pair, Said::Different, seq)?;
            part(mover, pair, seq, &mut moved)?;
        }
        Act::Unsure { a, b } => {
            let Some(pair) = known_pair(mover.writer, *a, *b)? else { return Ok(moved) };
            opinion(mover.writer, pair, decision, Said::Unsure, ReviewStatus::Unsure, seq, at)?;
        }
        Act::Separate { patients } => separate(mover, patients, decision, seq, at, &mut moved)?,
        Act::Report { patient } => report(mover.writer, *patient, decision, seq, at)?,
        Act::Withdraw { of } => withdraw(mover, *of, former, seq, &mut moved)?,
    }
    Ok(moved)
}

/// Whether more was said of the two, or the person has changed, since the steward looked.
fn is_late(writer: &Writer, decision: &LinkDecision) -> Result<bool, StoreError> {
    let Some(seen) = decision.seen else { return Ok(false) };
    if let Some(pair) = decision.act.pair() {
        return Ok(writer.review(pair)?.map_or(0, |review| review.turns()) != seen);
    }
    let Act::Separate { patients } = &decision.act else { return Ok(false) };
    let Some((person, _)) = patients.first().map(|first| writer.link(*first)).transpose()?.flatten() else {
        return Ok(true);
    };
    let members = writer.patients_of(person)?;
    let mut late = !patients.iter().all(|patient| members.contains(patient));
    for member in members {
        late |= writer.link(member)?.is_some_and(|(_, since)| since > seen);
    }
    Ok(late)
}

/// Put a patient that somebody says does not belong to its person before the stewards, beside the one linked longest.
fn report(
    writer: &mut Writer,
    patient: PatientKey,
    decision: &LinkDecision,
    seq: u64,
    at: Timestamp,
) -> Result<(), StoreError> {
    let Some((person, _)) = writer.link(patient)? else { return Ok(()) };
    let tied = tied(writer, patient, patient)?;
    let mut others: Vec<(u64, PatientKey)> = Vec::new();
    for other in writer.patients_of(person)? {
        if other != patient {
            others.extend(writer.link(other)?.map(|(_, since)| (since, other)));
        }
    }
    // Rather beside one that is not tied to it by its source's merges.
    others.sort_by_key(|(since, other)| (tied.contains(other), *since, *other));
    let Some(pair) = others.first().and_then(|(_, other)| Pair::new(patient, *other)) else { return Ok(()) };
    let known = writer.review(pair)?;
    let waited = known.as_ref().filter(|review| review.status.waits()).map(|review| review.seq);
    let kind = known.as_ref().map(|review| review.kind).filter(|kind| kind.needs_two()).unwrap_or(ReviewKind::Suspect);
    let score = known.as_ref().map_or(0, |review| review.score);
    let opinions = known.map(|review| review.opinions).unwrap_or_default();
    let status = ReviewStatus::Open;
    let review = Review { pair, subject: patient, kind, status, seq: waited.unwrap_or(seq), score, opinions };
    writer.put_review(&review)?;
    opinion(writer, pair, decision, Said::Reported, status, seq, at)
}

fn known_pair(writer: &Writer, a: PatientKey, b: PatientKey) -> Result<Option<Pair>, StoreError> {
    let known = writer.link(a)?.is_some() && writer.link(b)?.is_some();
    Ok(Pair::new(a, b).filter(|_| known))
}

/// Note that a steward said "same". Whether it holds now: of a risky pair only when another steward said so too.
fn same(writer: &mut Writer, pair: Pair, decision: &LinkDecision, seq: u64, at: Timestamp) -> Result<bool, StoreError> {
    let review = writer.review(pair)?;
    let risky = review.as_ref().is_some_and(|review| review.kind.needs_two()) || numbers_differ(writer, pair)?;
    let agreed = review.as_ref().is_some_and(|review| {
        review.opinions.iter().any(|said| said.said == Said::Same && said.withdrawn.is_none() && said.by != decision.by)
    });
    let holds = !risky || agreed;
    let status = if holds { ReviewStatus::Settled } else { ReviewStatus::Second };
    if risky && review.is_none() {
        let kind = ReviewKind::NhsNumber;
        writer.put_review(&Review { pair, subject: pair.a, kind, status, seq, score: 0, opinions: Vec::new() })?;
    }
    opinion(writer, pair, decision, Said::Same, status, seq, at)?;
    Ok(holds)
}

/// Whether both have a verified NHS number and they are not the same.
pub fn numbers_differ(writer: &Writer, pair: Pair) -> Result<bool, StoreError> {
    let number = |patient| -> Result<Option<u64>, StoreError> {
        let facts = writer.patient(patient)?.and_then(|row| row.facts).unwrap_or_default();
        Ok(facts.nhs_number.filter(|_| facts.verified))
    };
    Ok(matches!((number(pair.a)?, number(pair.b)?), (Some(a), Some(b)) if a != b))
}

fn opinion(
    writer: &mut Writer,
    pair: Pair,
    decision: &LinkDecision,
    said: Said,
    status: ReviewStatus,
    seq: u64,
    at: Timestamp,
) -> Result<(), StoreError> {
    let known = writer.review(pair)?;
    let mut review = known.unwrap_or(Review {
        pair,
        subject: pair.a,
        kind: ReviewKind::Likely,
        status,
        seq,
        score: 0,
        opinions: Vec::new(),
    });
    review.status = status;
    review.opinions.push(Opinion {
        seq,
        at,
        by: decision.by.clone(),
        name: decision.name.clone(),
        said,
        note: decision.why.clone(),
        withdrawn: None,
    });
    writer.put_review(&review)
}

fn reason(seq: u64, with: PatientKey) -> String {
    json!({"rule": "decided", "seq": seq, "with": with.to_string()}).to_string()
}

/// Two persons become one: the one known longer stays, the other's patients move to it.
fn unite(mover: &mut Mover<'_>, pair: Pair, seq: u64, moved: &mut Vec<PatientKey>) -> Result<(), StoreError> {
    let (Some((left, _)), Some((right, _))) = (mover.writer.link(pair.a)?, mover.writer.link(pair.b)?) else {
        return Ok(());
    };
    if left == right {
        return Ok(());
    }
    let (stays, goes) =
        if since(mover.writer, left)? <= since(mover.writer, right)? { (left, right) } else { (right, left) };
    let (anchor, mate) = if mover.writer.link(pair.a)?.is_some_and(|(person, _)| person == stays) {
        (pair.a, pair.b)
    } else {
        (pair.b, pair.a)
    };
    let staying = mover.writer.patients_of(stays)?;
    for patient in mover.writer.patients_of(goes)? {
        let barred = patient != mate && {
            let apart = apart_from(mover.writer, patient)?;
            staying.iter().any(|other| apart.contains(other))
        };
        if !barred {
            mover.put(patient, stays, &reason(seq, anchor), seq, moved)?;
        }
    }
    Ok(())
}

/// Since when a person has been linked to anybody: the longest-standing stays.
fn since(writer: &Writer, person: PersonKey) -> Result<(u64, PersonKey), StoreError> {
    let mut first = u64::MAX;
    for patient in writer.patients_of(person)? {
        if let Some((_, since)) = writer.link(patient)? {
            first = first.min(since);
        }
    }
    Ok((first, person))
}

/// The patients that stewards said this one is not.
pub(super) fn apart_from(writer: &Writer, patient: PatientKey) -> Result<Vec<PatientKey>, StoreError> {
    let said = writer.assertions(patient)?;
    Ok(said.iter().filter(|a| a.said == Said::Different).map(|a| a.pair.other(patient)).collect())
}

/// The patients that stewards said this one is.
pub(super) fn same_as(writer: &Writer, patient: PatientKey) -> Result<Vec<PatientKey>, StoreError> {
    let said = writer.assertions(patient)?;
    Ok(said.iter().filter(|a| a.said == Said::Same).map(|a| a.pair.other(patient)).collect())
}

/// Two patients of one person are two people: one leaves, and with it what belongs to it rather than to the other.
fn part(mover: &mut Mover<'_>, pair: Pair, seq: u64, moved: &mut Vec<PatientKey>) -> Result<(), StoreError> {
    let (Some((left, since_a)), Some((right, since_b))) = (mover.writer.link(pair.a)?, mover.writer.link(pair.b)?)
    else {
        return Ok(());
    };
    if left != right {
        return Ok(());
    }
    // The later comer leaves; of two that came at once, the one with the larger key.
    let (leaver, stayer) = if (since_a, pair.a) > (since_b, pair.b) { (pair.a, pair.b) } else { (pair.b, pair.a) };
    let mut group = tied(mover.writer, leaver, stayer)?;
    for other in mover.writer.patients_of(left)? {
        if other != stayer && !group.contains(&other) && mover.belongs_with(other, leaver, stayer)? {
            group.push(other);
        }
    }
    leave(mover, &group, stayer, seq, moved)
}

/// A patient with those that cannot be parted from it: merged by their source, or said to be the same.
fn tied(writer: &Writer, patient: PatientKey, not: PatientKey) -> Result<Vec<PatientKey>, StoreError> {
    let mut group = vec![patient];
    let mut at = 0;
    while let Some(next) = group.get(at).copied() {
        at += 1;
        let mut more = merged_into(writer, next)?;
        more.extend(same_as(writer, next)?);
        for other in more {
            if other != not && !group.contains(&other) {
                group.push(other);
            }
        }
    }
    Ok(group)
}

/// A group of patients becomes a person of its own.
fn leave(
    mover: &mut Mover<'_>,
    group: &[PatientKey],
    from: PatientKey,
    seq: u64,
    moved: &mut Vec<PatientKey>,
) -> Result<(), StoreError> {
    let Some(first) = group.first().copied() else { return Ok(()) };
    let person = own_person(mover.writer, mover.region, first, group)?;
    for patient in group {
        mover.put(*patient, person, &reason(seq, from), seq, moved)?;
    }
    Ok(())
}

fn separate(
    mover: &mut Mover<'_>,
    patients: &[PatientKey],
    decision: &LinkDecision,
    seq: u64,
    at: Timestamp,
    moved: &mut Vec<PatientKey>,
) -> Result<(), StoreError> {
    let Some(first) = patients.first().copied() else { return Ok(()) };
    let Some((person, _)) = mover.writer.link(first)? else { return Ok(()) };
    let members = mover.writer.patients_of(person)?;
    let mut group: Vec<PatientKey> = Vec::new();
    for patient in patients.iter().filter(|patient| members.contains(patient)) {
        // Those that were merged into one who leaves have no say of their own.
        for tied in std::iter::once(*patient).chain(merged_into(mover.writer, *patient)?) {
            if members.contains(&tied) && !group.contains(&tied) {
                group.push(tied);
            }
        }
    }
    let staying: Vec<PatientKey> = members.iter().filter(|member| !group.contains(member)).copied().collect();
    let Some(stayer) = staying.first().copied() else { return Ok(()) };
    for leaver in &group {
        for other in &staying {
            let Some(pair) = Pair::new(*leaver, *other) else { continue };
            if said_of(mover.writer, pair)? == Some(Said::Different) {
                continue;
            }
            mover.writer.put_assertion(pair, Said::Different, seq)?;
            if mover.writer.review(pair)?.is_some() {
                opinion(mover.writer, pair, decision, Said::Different, ReviewStatus::Settled, seq, at)?;
            }
        }
    }
    leave(mover, &group, stayer, seq, moved)
}

/// Take a decision back: what it said no longer holds, and who was moved by it is who they were before.
fn withdraw(
    mover: &mut Mover<'_>,
    of: u64,
    former: Option<&LinkDecision>,
    seq: u64,
    moved: &mut Vec<PatientKey>,
) -> Result<(), StoreError> {
    let mut pairs = mover.writer.withdraw_assertions(of, seq)?;
    let mut concerned: Vec<PatientKey> = pairs.iter().flat_map(|pair| [pair.a, pair.b]).collect();
    for patient in mover.writer.linked_at(of)? {
        if let Some((person, reason)) = mover.writer.link_until(patient, of)? {
            mover.put(patient, person, &reason, seq, moved)?;
        } else if !concerned.contains(&patient) {
            concerned.push(patient);
        }
    }
    // An opinion that moved nobody yet (the first of two) is taken back as well.
    if let Some(pair) = former.and_then(|former| former.act.pair()).filter(|pair| !pairs.contains(pair)) {
        pairs.push(pair);
    }
    if let Some(Act::Report { patient }) = former.map(|former| &former.act) {
        let reported = |review: &Review| review.opinions.iter().any(|opinion| opinion.seq == of);
        pairs.extend(mover.writer.reviews_of(*patient)?.into_iter().filter(reported).map(|review| review.pair));
    }
    for pair in &pairs {
        reopen(mover.writer, *pair, of, seq)?;
    }
    // Who was not moved, or has moved on since, is settled by what holds now.
    concerned.sort_unstable();
    concerned.dedup();
    for patient in concerned {
        if !moved.contains(&patient) {
            mover.settle_again(patient, seq, moved)?;
        }
    }
    Ok(())
}

fn reopen(writer: &mut Writer, pair: Pair, of: u64, seq: u64) -> Result<(), StoreError> {
    let Some(mut review) = writer.review(pair)? else { return Ok(()) };
    for opinion in review.opinions.iter_mut().filter(|opinion| opinion.seq == of && opinion.withdrawn.is_none()) {
        opinion.withdrawn = Some(seq);
    }
    review.status = match review.last().map(|opinion| opinion.said) {
        // What only a report had raised goes with it.
        None if review.opinions.iter().any(|opinion| opinion.said == Said::Reported) => ReviewStatus::Withdrawn,
        None | Some(Said::Reported) => ReviewStatus::Open,
        Some(Said::Unsure) => ReviewStatus::Unsure,
        Some(Said::Different) => ReviewStatus::Settled,
        Some(Said::Same) if said_of(writer, pair)? != Some(Said::Same) => ReviewStatus::Second,
        Some(Said::Same) => ReviewStatus::Settled,
    };
    if review.status.waits() {
        review.seq = seq;
    }
    writer.put_review(&review)
}
