//! The sources as an integration engineer needs them: how much comes, beside what usually comes at such an hour, how old the news
//! is when it comes, what waits on the error desk, and whose silence is unusual. Says nothing about any person.

use super::{Chrome, Here, html, thousands};
use crate::{error::PageError, session::SignedIn, sources, state::AppState};
use access::Action;
use askama::Template;
use axum::{extract::State, response::Html};
use intake::ProblemStatus;
use jiff::Timestamp;
use notify::pace::{Hours, Pace, Silence, pace};
use record::when;
use std::collections::HashMap;

struct Row {
    id: String,
    name: String,
    kind: &'static str,
    last: String,
    /// How old the newest news was when it came.
    age: String,
    hour: String,
    day: String,
    waiting: u64,
    /// Word for the dot.
    slug: &'static str,
    state: String,
    rank: u8,
}

#[derive(Template)]
#[template(path = "feeds.html")]
struct FeedsPage {
    chrome: Chrome,
    rows: Vec<Row>,
    silent: usize,
    behind: u64,
    oldest: Option<String>,
    at: String,
}

/// `GET /feeds`.
pub async fn show(State(state): State<AppState>, who: SignedIn) -> Result<Html<String>, PageError> {
    let (site, signed) = (state.clone(), who.clone());
    let now = state.now();
    let work = move || -> Result<_, PageError> {
        let permit = site.gate.desk(&signed.user, &Action::ErrorDesk { what: "feeds".into() }, now)?;
        let raw = site.records.sources()?;
        let states = sources::states(&site, &[])?;
        let heard = match &site.notices {
            Some(notices) => notices.heard().map_err(|error| PageError::Fault(error.to_string()))?,
            None => HashMap::new(),
        };
        let mut waiting: HashMap<String, u64> = HashMap::new();
        for (source, _, status, count) in site.engine()?.problem_counts()? {
            if matches!(status, ProblemStatus::Parked | ProblemStatus::Failed | ProblemStatus::Held) {
                *waiting.entry(source).or_default() += count;
            }
        }
        let none = Hours::new();
        let mut rows: Vec<Row> = states
            .iter()
            .map(|one| {
                let id = one.source.id.clone();
                let raw = raw.iter().find(|row| row.name == id);
                let pace = pace(heard.get(&id).unwrap_or(&none), one.last_heard, now);
                let happened = raw.and_then(|row| row.last_happened);
                Row {
                    name: one.source.name.clone(),
                    kind: one.source.kind.label(),
                    last: one.last_heard.map_or_else(|| "never".into(), |last| when::time_or_date(last, now)),
                    age: age(one.last_heard, happened),
                    hour: format!(
                        "{}; {} in this one",
                        beside(pace.last_hour, pace.usual_hour),
                        thousands(pace.this_hour)
                    ),
                    day: beside(pace.last_day, pace.usual_day),
                    waiting: waiting.get(&id).copied().unwrap_or(0),
                    slug: slug(&pace),
                    state: words(&pace, one.last_heard, now),
                    rank: u8::from(!matches!(pace.silence, Silence::Unusual { .. })),
                    id,
                }
            })
            .collect();
        rows.sort_by(|a, b| a.rank.cmp(&b.rank).then_with(|| a.name.cmp(&b.name)));
        Ok(permit.seal(rows))
    };
    let sealed = crate::blocking::spawn(work).await.map_err(|error| PageError::Fault(error.to_string()))??;
    let rows = sealed.release().await?;
    let engine = state.engine()?;
    let progress = engine.progress();
    let page = FeedsPage {
        chrome: Chrome::new(&state, &who, Here::Desk),
        silent: rows.iter().filter(|row| row.rank == 0).count(),
        rows,
        behind: progress.head.saturating_sub(progress.applied),
        oldest: engine.fault_since().map(|since| when::time_or_date(since, now)),
        at: when::date_time(now),
    };
    html(&page)
}

/// `12, usually 240`.
fn beside(came: u64, usual: Option<f64>) -> String {
    match usual {
        None => thousands(came),
        Some(usual) if usual < 1.0 => format!("{}, usually none or one", thousands(came)),
        Some(usual) => format!("{}, usually {usual:.0}", thousands(came)),
    }
}

/// How old the newest news of a source was when it came.
fn age(received: Option<Timestamp>, happened: Option<Timestamp>) -> String {
    let (Some(received), Some(happened)) = (received, happened) else { return "not known".into() };
    match received.as_second() - happened.as_second() {
        ..0 => "dated after it came".into(),
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

fn slug(pace: &Pace) -> &'static str {
    match pace.silence {
        Silence::Unusual { .. } => "down",
        Silence::Usual => "normal",
        Silence::Learning => "loading",
    }
}

fn words(pace: &Pace, last: Option<Timestamp>, now: Timestamp) -> String {
    match (pace.silence, last) {
        (_, None) => "Has never spoken.".into(),
        (Silence::Learning, _) => "Being learnt: needs two weeks.".into(),
        (Silence::Usual, _) => "As usual for the hour.".into(),
        (Silence::Unusual { expected }, Some(last)) => {
            let since = when::time_or_date(last, now);
            let some = if expected < 1.5 { "a message".into() } else { format!("about {expected:.0} messages") };
            format!("Silent since {since}: in such hours {some} usually came. Look at its interface.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_is_said_beside_what_usually_comes() {
        assert_eq!(beside(12, Some(240.4)), "12, usually 240");
        assert_eq!(beside(0, Some(0.2)), "0, usually none or one");
        assert_eq!(beside(1_200, None), "1,200");
    }

    #[test]
    fn the_age_of_news_is_said_in_its_own_measure() {
        let at = |second| Timestamp::from_second(second).ok();
        for (happened, words) in [
            (1_000_000 - 4, "4 s"),
            (1_000_000 - 600, "10 min"),
            (1_000_000 - 90_000, "25 h"),
            (1_000_060, "dated after it came"),
        ] {
            assert_eq!(age(at(1_000_000), at(happened)), words);
        }
        assert_eq!(age(None, None), "not known");
    }
}
