//! Two patients side by side, the evidence, and the three answers.

use super::{
    Face, List, Way, blocking,
    decide::{self, Done, Told},
    face, pair_of, permit, resource, words,
};
use crate::{
    error::PageError,
    pages::{Chrome, Here, html},
    session::SignedIn,
    sources,
    state::AppState,
};
use askama::Template;
use axum::{
    extract::{Path, Query, State},
    response::Html,
};
use record::{
    Pair, ReviewStatus, Said,
    compare::{self, Row},
    freshness::SourceState,
    stewards::{Side, SideBySide},
    waterfall::{self, Waterfall},
    when,
};
use std::sync::Arc;

/// Types named of what a patient holds.
const HELD_MAX: usize = 6;

/// Two patients as they were read for a page.
pub struct Looked {
    pub beside: SideBySide,
    states: Vec<SourceState>,
}

/// Read two patients.
pub async fn look(state: &AppState, who: &SignedIn, pair: Pair, what: &str) -> Result<Looked, PageError> {
    let (site, user, what) = (state.clone(), Arc::clone(&who.user), format!("{what} {} {}", pair.a, pair.b));
    let sealed = blocking(move || {
        let permit = permit(&site, &user, None, what)?;
        Ok((site.records.side_by_side(&permit, pair)?, sources::states(&site, &[])?))
    });
    let (beside, states) = sealed.await?;
    Ok(Looked { beside: beside.release().await?.ok_or(PageError::NotFound)?, states })
}

/// What surrounds the rows of one side.
struct Column {
    face: Face,
    person: String,
    heard: String,
    held: String,
    company: usize,
    since: String,
    merged: bool,
}

/// A bar of the waterfall, in hundredths of its width.
struct Bar {
    label: String,
    words: String,
    weight: String,
    x: String,
    width: String,
    class: &'static str,
}

struct Evidence {
    bars: Vec<Bar>,
    /// Where the line "even odds" is.
    zero: String,
    total: String,
    odds: String,
    percent: String,
    model: String,
    ruling: Option<String>,
}

/// One of the three answers.
struct Answer {
    value: &'static str,
    key: &'static str,
    words: &'static str,
    will: String,
    off: bool,
}

#[derive(Template)]
#[template(path = "identity_pair.html")]
struct PairPage {
    chrome: Chrome,
    done: Option<Done>,
    problem: Option<String>,
    list: Option<List>,
    skip: Option<String>,
    kind: Option<&'static str>,
    why: Option<&'static str>,
    state: String,
    odds: Option<String>,
    withheld: bool,
    linked: bool,
    needs_two: bool,
    a: Column,
    b: Column,
    rows: Vec<Row>,
    evidence: Option<Evidence>,
    answers: Vec<Answer>,
    told: Vec<Told>,
    address: String,
    seen: u64,
    note: String,
}

/// `GET /identity/pair/{a}/{b}`.
pub async fn show(
    State(state): State<AppState>,
    who: SignedIn,
    Path((a, b)): Path<(String, String)>,
    Query(way): Query<Way>,
) -> Result<Html<String>, PageError> {
    let pair = pair_of(&a, &b)?;
    let list = List::of(&way.list, &way.kind)?;
    let looked = look(&state, &who, pair, "compare").await?;
    let done = decide::done(&state, &who, &way, list).await?;
    page(&state, &who, looked, list, done, None, String::new())
}

/// The page of two patients.
pub fn page(
    state: &AppState,
    who: &SignedIn,
    looked: Looked,
    list: Option<List>,
    done: Option<Done>,
    problem: Option<String>,
    note: String,
) -> Result<Html<String>, PageError> {
    let Looked { beside, states } = looked;
    let now = state.now();
    let (left, right) = (resource(&beside.left), resource(&beside.right));
    let review = beside.review.as_ref();
    let mine = beside.said_by(&who.user.id).map(|opinion| opinion.said);
    html(&PairPage {
        chrome: Chrome::new(state, who, Here::Identity),
        kind: review.map(|review| words::kind(review.kind)),
        why: review.map(|review| words::why(review.kind, beside.linked())),
        state: state_words(&beside, &who.user.id),
        odds: review.and_then(words::evidence),
        withheld: beside.withheld(),
        linked: beside.linked(),
        needs_two: beside.needs_two,
        a: column(&beside.left, &states, now),
        b: column(&beside.right, &states, now),
        rows: compare::rows(left.as_ref(), right.as_ref(), beside.withheld()),
        evidence: beside.waterfall().map(|waterfall| evidence(&waterfall)),
        answers: answers(&beside, mine),
        told: decide::told(review),
        address: decide::address(beside.pair),
        seen: beside.turns(),
        skip: list.and_then(|list| {
            let score = review?.score;
            let pair = beside.pair;
            Some(format!("/identity/skip/{}/{}?{}&score={score}", pair.a, pair.b, list.query()))
        }),
        done,
        problem,
        list,
        note,
    })
}

fn column(side: &Side, states: &[SourceState], now: jiff::Timestamp) -> Column {
    let mut counts = side.counts.clone();
    // That there is a Patient says nothing: it is what is compared.
    counts.retain(|(kind, _)| *kind != fhir::ResourceType::Patient);
    counts.sort_by_key(|(kind, count)| (std::cmp::Reverse(*count), kind.as_str()));
    let total: u64 = counts.iter().map(|(_, count)| count).sum();
    let named: Vec<String> =
        counts.iter().take(HELD_MAX).map(|(kind, count)| format!("{count} {}", held(kind.as_str(), *count))).collect();
    let rest = counts.len().saturating_sub(HELD_MAX);
    Column {
        face: face(side, states),
        person: side.person.to_string(),
        heard: side.item.as_ref().map_or_else(|| "only spoken of".into(), |item| when::ago(item.recorded, now)),
        held: match total {
            0 => "nothing yet".into(),
            _ if rest > 0 => format!("{}, and {rest} more types", named.join(", ")),
            _ => named.join(", "),
        },
        company: side.company.len(),
        since: when::date_time(side.since),
        merged: side.survivor.is_some(),
    }
}

/// A type of resource in the words of the record's pages.
fn held(kind: &str, count: u64) -> String {
    let (one, many) = match kind {
        "AllergyIntolerance" => ("allergy", "allergies"),
        "Appointment" => ("appointment", "appointments"),
        "CarePlan" => ("plan", "plans"),
        "Condition" => ("problem", "problems"),
        "DiagnosticReport" => ("report", "reports"),
        "DocumentReference" => ("letter", "letters"),
        "Encounter" => ("visit", "visits"),
        "Immunization" => ("vaccination", "vaccinations"),
        "MedicationRequest" | "MedicationStatement" => ("medicine", "medicines"),
        "Observation" => ("result", "results"),
        "Procedure" => ("procedure", "procedures"),
        "RelatedPerson" => ("contact", "contacts"),
        other => return record::text::words(other).to_lowercase(),
    };
    if count == 1 { one.into() } else { many.into() }
}

fn state_words(beside: &SideBySide, user: &str) -> String {
    let linked = if beside.linked() { "They are one person now." } else { "They are two people now." };
    let Some(review) = &beside.review else {
        return format!("{linked} Nobody has been asked about them.");
    };
    let last = review.last();
    let by = |what: &str| last.map(|said| format!("{what} by {}, {}.", said.name, when::date_time(said.at)));
    let more = match review.status {
        ReviewStatus::Open => last.filter(|said| said.said == Said::Reported).and_then(|_| by("Reported")),
        ReviewStatus::Second => {
            let first = review.opinions.iter().rfind(|o| o.said == Said::Same && o.withdrawn.is_none());
            first.map(|first| match first.by == user {
                true => "You said that they are the same person: another steward must agree.".into(),
                false => format!("{} said that they are the same person: do you agree?", first.name),
            })
        }
        ReviewStatus::Unsure => by("It could not be told"),
        ReviewStatus::Settled => by("Decided"),
        ReviewStatus::Withdrawn => Some("What raised the question has gone.".into()),
    };
    more.map_or_else(|| linked.to_owned(), |more| format!("{linked} {more}"))
}

fn answers(beside: &SideBySide, mine: Option<Said>) -> Vec<Answer> {
    let linked = beside.linked();
    let others = |side: &Side| side.company.len();
    let agreed = beside.review.as_ref().is_some_and(|review| {
        review.opinions.iter().any(|o| o.said == Said::Same && o.withdrawn.is_none()) && mine != Some(Said::Same)
    });
    let waits = beside.needs_two && mine == Some(Said::Same);
    let same = match (beside.needs_two, linked) {
        _ if waits => "You have said so. Another steward must agree.".to_owned(),
        (true, _) if !agreed => {
            "Two stewards must agree. You are the first: nothing changes until another agrees.".to_owned()
        }
        (_, true) => "They stay one record. Can be taken back.".to_owned(),
        (_, false) => match others(&beside.left) + others(&beside.right) {
            0 => "Both records will be shown as one. Can be taken back.".to_owned(),
            more => format!(
                "Both records will be shown as one, with the {more} other {} linked to them. Can be taken back.",
                if more == 1 { "patient" } else { "patients" }
            ),
        },
    };
    let different = match linked {
        true => "They become two records again, and stay apart whatever evidence comes. Can be taken back.",
        false => "They stay two records, whatever evidence comes. Can be taken back.",
    };
    let unsure = "Nothing changes. The pair moves to “Cannot tell”.";
    vec![
        Answer { value: "same", key: "s", words: "Same person", will: same, off: waits },
        Answer { value: "different", key: "n", words: "Not the same", will: different.into(), off: false },
        Answer { value: "unsure", key: "c", words: "Cannot tell", will: unsure.into(), off: false },
    ]
}

/// Bars from where the sum stood to where it stands, each step one row.
fn evidence(waterfall: &Waterfall) -> Evidence {
    let mut sum = 0.0_f64;
    let mut spans: Vec<(f64, f64)> = Vec::new();
    for step in &waterfall.steps {
        spans.push((sum, sum + step.bits));
        sum += step.bits;
    }
    let all = || spans.iter().flat_map(|(from, to)| [*from, *to]).chain([0.0, waterfall.total_bits]);
    let (low, high) = (all().fold(0.0, f64::min), all().fold(0.0, f64::max));
    let width = (high - low).max(1.0);
    let place = |bits: f64| (bits - low) / width * 100.0;
    let bars = waterfall.steps.iter().zip(&spans).map(|(step, (from, to))| Bar {
        label: step.label.clone(),
        words: step.words.clone(),
        weight: if step.withheld { "–".into() } else { signed(step.bits) },
        x: format!("{:.1}", place(from.min(*to))),
        width: format!("{:.1}", (place(from.max(*to)) - place(from.min(*to))).max(0.6)),
        class: match () {
            () if step.withheld => "none",
            () if step.bits >= 0.0 => "for",
            () => "against",
        },
    });
    Evidence {
        bars: bars.collect(),
        zero: format!("{:.1}", place(0.0)),
        total: signed(waterfall.total_bits),
        odds: waterfall::odds(waterfall.total_bits),
        percent: waterfall::percent(waterfall.probability),
        model: waterfall.model.clone(),
        ruling: waterfall.ruling.clone(),
    }
}

fn signed(bits: f64) -> String {
    if bits < 0.0 { format!("−{:.1}", -bits) } else { format!("+{bits:.1}") }
}
