//! The sources and their feeds as an integration engineer needs them: how much comes, beside what usually comes at such an hour, how
//! old the news is when it comes, what waits on the error desk, and whose silence is unusual. A source that speaks on one feed may
//! be silent on another, so each is judged for itself. Says nothing about any person.

use super::{Chrome, Here, html, thousands};
use crate::{
    error::PageError,
    session::SignedIn,
    sources,
    state::{AppState, Site},
};
use access::Action;
use askama::Template;
use axum::{extract::State, response::Html};
use intake::ProblemStatus;
use jiff::Timestamp;
use notify::{
    Heard,
    pace::{Hours, Pace, Silence, is_awaited, pace, together},
};
use record::{
    Feed,
    freshness::{Connection, SourceState},
    when,
};
use std::collections::{BTreeSet, HashMap};

/// How it stands with a source, or with one of its feeds.
struct Line {
    last: String,
    /// How old the newest news was when it came.
    age: String,
    hour: String,
    day: String,
    waiting: u64,
    /// Word for the dot.
    slug: &'static str,
    state: String,
    silent: bool,
}

struct Row {
    id: String,
    name: String,
    kind: &'static str,
    /// Its feed, where it has one only.
    only: Option<String>,
    line: Line,
    /// Its feeds by name, where it has several.
    feeds: Vec<(String, Line)>,
}

impl Row {
    /// Whether somebody must look: as a whole, or on a feed.
    fn is_silent(&self) -> bool {
        self.line.silent || self.silent_feeds() > 0
    }

    fn silent_feeds(&self) -> usize {
        self.feeds.iter().filter(|(_, line)| line.silent).count()
    }
}

#[derive(Template)]
#[template(path = "feeds.html")]
struct FeedsPage {
    chrome: Chrome,
    rows: Vec<Row>,
    /// Sources that are silent as a whole.
    silent: usize,
    /// Feeds that are silent while their source speaks on others.
    silent_feeds: usize,
    behind: u64,
    oldest: Option<String>,
    /// Up to when messages are counted, where counting is held up.
    counted: Option<String>,
    at: String,
}

/// What is known of all sources, to say how each stands.
struct Known {
    feeds: Vec<Feed>,
    heard: HashMap<String, Heard>,
    /// Messages on the error desk, by source and feed.
    waiting: HashMap<(String, String), u64>,
    /// Names of the feeds in the configuration, and their sources.
    configured: Vec<(String, String)>,
    names: Vec<String>,
    one_of_several: bool,
    now: Timestamp,
}

/// `GET /feeds`.
pub async fn show(State(state): State<AppState>, who: SignedIn) -> Result<Html<String>, PageError> {
    let (site, signed) = (state.clone(), who.clone());
    let now = state.now();
    let work = move || -> Result<_, PageError> {
        let permit = site.gate.desk(&signed.user, &Action::ErrorDesk { what: "feeds".into() }, now)?;
        let raw = site.records.sources()?;
        let known = known(&site, now)?;
        let mut rows: Vec<Row> = sources::states(&site, &[])?
            .iter()
            .map(|one| {
                let happened = raw.iter().find(|row| row.name == one.source.id).and_then(|row| row.last_happened);
                row(one, happened, &known)
            })
            .collect();
        rows.sort_by(|a, b| b.is_silent().cmp(&a.is_silent()).then_with(|| a.name.cmp(&b.name)));
        Ok(permit.seal(rows))
    };
    let sealed = crate::blocking::spawn(work).await.map_err(|error| PageError::Fault(error.to_string()))??;
    let rows = sealed.release().await?;
    let engine = state.engine()?;
    let progress = engine.progress();
    let page = FeedsPage {
        chrome: Chrome::new(&state, &who, Here::Desk),
        silent: rows.iter().filter(|row| row.line.silent).count(),
        silent_feeds: rows.iter().filter(|row| !row.line.silent).map(Row::silent_feeds).sum(),
        rows,
        behind: progress.head.saturating_sub(progress.applied),
        oldest: engine.fault_since().map(|since| when::time_or_date(since, now)),
        counted: super::standing::counted_until(&state),
        at: when::date_time(now),
    };
    html(&page)
}

fn known(site: &Site, now: Timestamp) -> Result<Known, PageError> {
    let engine = site.engine()?;
    let heard = match &site.notices {
        Some(notices) => notices.heard()?,
        None => HashMap::new(),
    };
    let mut waiting: HashMap<(String, String), u64> = HashMap::new();
    for (source, feed, status, count) in engine.problem_counts()? {
        if matches!(status, ProblemStatus::Parked | ProblemStatus::Failed | ProblemStatus::Held) {
            *waiting.entry((source, feed)).or_default() += count;
        }
    }
    let configured: Vec<(String, String)> =
        site.named.feeds.iter().map(|feed| (feed.name.clone(), feed.id.clone())).collect();
    Ok(Known {
        feeds: site.records.feeds()?,
        heard,
        waiting,
        names: configured.iter().map(|(_, name)| name.clone()).collect(),
        configured,
        one_of_several: engine.is_one_of_several(),
        now,
    })
}

fn row(one: &SourceState, happened: Option<Timestamp>, known: &Known) -> Row {
    let id = &one.source.id;
    let none = Heard::new();
    let heard = known.heard.get(id).unwrap_or(&none);
    // Those that spoke, those that are configured and have not spoken yet.
    let spoke = known.feeds.iter().filter(|feed| feed.source == *id).map(|feed| feed.name.as_str());
    let configured = known.configured.iter().filter(|(source, _)| source == id).map(|(_, name)| name.as_str());
    // And those that the profile says are missed, where a name is written wrongly: readers are told that nothing comes on them.
    let missed = one.feeds.iter().map(|feed| feed.name.as_str());
    let mut names: BTreeSet<&str> = spoke.chain(configured).chain(missed).collect();
    let only = if names.len() == 1 { names.pop_first().map(str::to_owned) } else { None };
    let feeds: Vec<(String, Line)> =
        names.into_iter().map(|name| (name.to_owned(), feed_line(one, name, heard.get(name), known))).collect();
    let waiting = known.waiting.iter().filter(|((source, _), _)| source == id).map(|(_, count)| count).sum();
    let mut line = line(&together(heard.values()), (one.last_heard, happened), waiting, known.now);
    if one.connection == Connection::NotConnected {
        line.silent = false;
        (line.slug, line.state) =
            ("not-connected", "Not connected, as its profile says: nothing is awaited from it.".into());
    } else if !line.silent && feeds.iter().any(|(_, feed)| feed.silent) {
        line.slug = "quiet";
        line.state = "Speaks, but not on every feed.".into();
    }
    if let Some(only) = &only {
        line.state.push_str(&told(one, only));
    }
    Row {
        name: one.source.name.clone(),
        kind: one.source.kind.label(),
        only: only.filter(|only| only != id),
        line,
        feeds,
        id: id.clone(),
    }
}

fn feed_line(one: &SourceState, name: &str, hours: Option<&Hours>, known: &Known) -> Line {
    let source = one.source.id.as_str();
    let feed = known.feeds.iter().find(|feed| feed.source == source && feed.name == name);
    let life = (feed.and_then(|feed| feed.last_received), feed.and_then(|feed| feed.last_happened));
    let waiting = known.waiting.get(&(source.to_owned(), name.to_owned())).copied().unwrap_or(0);
    let mut line = line(hours.unwrap_or(&Hours::new()), life, waiting, known.now);
    let told = told(one, name);
    let connected = one.connection != Connection::NotConnected;
    if !connected || !is_awaited(name, &known.names, known.one_of_several) {
        line.silent = false;
        (line.slug, line.state) = if told.is_empty() {
            ("not-connected", "Not in the configuration: nothing is awaited on it.".into())
        } else {
            ("quiet", "Not in the configuration, but in the source’s profile.".into())
        };
    }
    line.state.push_str(&told);
    line
}

/// When readers of records are told that nothing comes on a feed, where the source's profile says so.
fn told(one: &SourceState, name: &str) -> String {
    let missed = one.feeds.iter().find(|feed| feed.name == name && one.connection != Connection::NotConnected);
    missed.map_or_else(String::new, |missed| {
        format!(" Readers of records are told after {} without.", when::span(missed.usual_silence.as_secs()))
    })
}

/// How it stands with what spoke in these hours. `life`: when the newest came, and when what it spoke of happened.
fn line(hours: &Hours, life: (Option<Timestamp>, Option<Timestamp>), waiting: u64, now: Timestamp) -> Line {
    let (last, happened) = life;
    let pace = pace(hours, last, now);
    Line {
        last: last.map_or_else(|| "never".into(), |last| when::time_or_date(last, now)),
        age: age(last, happened),
        hour: format!("{}; {} in this one", beside(pace.last_hour, pace.usual_hour), thousands(pace.this_hour)),
        day: beside(pace.last_day, pace.usual_day),
        waiting,
        slug: slug(&pace),
        state: words(&pace, last, now),
        silent: matches!(pace.silence, Silence::Unusual { .. }),
    }
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
