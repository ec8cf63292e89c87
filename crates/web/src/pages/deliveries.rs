//! The deliveries desk: what goes out to others, how far each queue is, and what stands in the way. Numbers, times and error
//! codes; what a message says is nowhere here, nor about whom it is.

use super::{Chrome, Here, html, teams::blocking, thousands};
use crate::{
    error::PageError,
    session::SignedIn,
    state::{AppState, Site},
};
use access::{Action, DeskPermit};
use askama::Template;
use axum::{
    Form,
    extract::{Query, State},
    response::{Html, IntoResponse, Redirect, Response},
};
use jiff::Timestamp;
use notify::{Queue, Topic};
use record::when;
use serde::Deserialize;
use std::sync::Arc;

/// Messages shown that a receiver would not take.
const REFUSED_MAX: usize = 50;
/// Reasons are so long at most.
const WHY_MAX: usize = 200;
/// The queue of mails.
const MAIL: &str = "mail";

/// Over what channels word goes out, as the configuration has them.
#[derive(Clone, Default)]
pub struct Channels {
    /// The mail server, `host:port`; none: no mail goes out.
    pub mail: Option<String>,
    /// Systems that are told by ADT messages.
    pub adt: Vec<Receiver>,
    /// Systems that hear of changed identifiers, and how that goes.
    pub pix: Option<Arc<dyn Fn() -> Vec<Update> + Send + Sync>>,
}

impl std::fmt::Debug for Channels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Channels").field("mail", &self.mail).field("adt", &self.adt).finish_non_exhaustive()
    }
}

/// A system that is told by ADT messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receiver {
    /// Its queue.
    pub queue: String,
    /// Its name.
    pub name: String,
    /// Host and port.
    pub to: String,
    /// Who answers for it.
    pub organisation: String,
    /// What it is told.
    pub topics: Vec<Topic>,
}

/// How it goes with a system that hears of changed identifiers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Update {
    /// Its name.
    pub name: String,
    /// Sent since the start.
    pub sent: u64,
    /// Left out since the start.
    pub left_out: u64,
    /// Since when it fails.
    pub since: Option<Timestamp>,
    /// Why.
    pub error: Option<String>,
}

/// One queue on the page.
struct Row {
    queue: String,
    title: String,
    about: String,
    sent: u64,
    waiting: String,
    waits: bool,
    since: Option<String>,
    next: Option<String>,
    error: Option<String>,
    parked: bool,
    /// The one in the way, that can be left out; none: nothing is.
    in_the_way: Option<u64>,
    /// Whether the buttons are for it.
    decided_here: bool,
    refused: Vec<RefusedRow>,
}

struct RefusedRow {
    number: u64,
    at: String,
    error: String,
    again: bool,
}

impl Row {
    fn state(&self) -> &'static str {
        match self {
            Row { parked: true, .. } => "Parked: nothing is tried until you say so",
            Row { since: Some(_), .. } => "Failing; tried again",
            Row { waits: true, .. } => "On its way",
            _ => "Nothing waits",
        }
    }
}

#[derive(Template)]
#[template(path = "deliveries.html")]
struct DeliveriesPage {
    chrome: Chrome,
    said: Option<&'static str>,
    rows: Vec<Row>,
    mail: Option<String>,
    updates: Vec<Update>,
    now: Timestamp,
}

impl DeliveriesPage {
    fn since(&self, update: &Update) -> Option<String> {
        update.since.map(|since| when::time_or_date(since, self.now))
    }
}

async fn permit(state: &AppState, who: &SignedIn, what: String) -> Result<DeskPermit, PageError> {
    let (site, user) = (state.clone(), Arc::clone(&who.user));
    let permit = blocking(move || Ok(site.gate.desk(&user, &Action::ErrorDesk { what }, site.now())?)).await?;
    permit.recorded().await?;
    Ok(permit)
}

/// What a form led to.
#[derive(Deserialize)]
pub struct Said {
    #[serde(default)]
    done: String,
}

/// `GET /deliveries`.
pub async fn show(
    State(state): State<AppState>,
    who: SignedIn,
    Query(said): Query<Said>,
) -> Result<Html<String>, PageError> {
    permit(&state, &who, "deliveries".into()).await?;
    let site = state.clone();
    let rows = blocking(move || rows(&site)).await?;
    let channels = &state.named.channels;
    html(&DeliveriesPage {
        chrome: Chrome::new(&state, &who, Here::Desk),
        said: match said.done.as_str() {
            "retry" => Some("It is tried now. Load the page again to see how that went."),
            "skip" => Some("It is left out, and the queue goes on behind it."),
            "resend" => Some("It is sent again before anything new."),
            "settle" => Some("It is settled and will not be sent."),
            _ => None,
        },
        rows,
        mail: channels.mail.clone(),
        updates: channels.pix.as_ref().map(|pix| pix()).unwrap_or_default(),
        now: state.now(),
    })
}

fn mail_title() -> String {
    "Mail to teams".into()
}

fn adt_title(receiver: &Receiver) -> String {
    format!("Stays by HL7 v2 to {}", receiver.name)
}

/// Which receivers have been told nothing for longer than some minutes, and since when: a line each.
pub(super) fn failing(site: &Site) -> Result<Vec<String>, notify::Failure> {
    let Some(notices) = &site.notices else { return Ok(Vec::new()) };
    let now = site.now();
    let long = |since: &Timestamp| now.duration_since(*since) >= Queue::FAILING;
    let channels = &site.named.channels;
    let mail = channels.mail.iter().map(|_| (MAIL.to_owned(), mail_title()));
    let adt = channels.adt.iter().map(|receiver| (receiver.queue.clone(), adt_title(receiver)));
    let mut failing = Vec::new();
    let tried = |title: &str, queue: &Queue| {
        let since = when::time_or_date(queue.since.filter(long)?, now);
        let goes_on = if queue.parked { "it is tried no more until somebody says so" } else { "it is tried again" };
        Some(format!("{title}: nothing was taken since {since}; {goes_on}."))
    };
    for (queue, title) in mail.chain(adt) {
        failing.extend(tried(&title, &notices.queue(&queue)?));
    }
    for one in notices.subscriptions()? {
        let title = format!("Subscription {} of {}", one.id, one.client);
        match one.status.as_str() {
            "active" => failing.extend(tried(&title, &notices.queue(&one.id)?)),
            "error" => failing.push(format!("{title}: it failed, and is told nothing until it is sent again.")),
            _ => {}
        }
    }
    let updates = channels.pix.as_ref().map(|pix| pix()).unwrap_or_default();
    failing.extend(updates.iter().filter_map(|update| {
        let since = when::time_or_date(update.since.filter(long)?, now);
        Some(format!("Changed identifiers to {}: nothing was taken since {since}; it is tried again.", update.name))
    }));
    Ok(failing)
}

fn rows(site: &Site) -> Result<Vec<Row>, PageError> {
    let notices = site.notices()?;
    let now = site.now();
    let channels = &site.named.channels;
    let mut rows = Vec::new();
    if let Some(server) = &channels.mail {
        let queue = notices.queue(MAIL)?;
        let waiting = notices.mails_waiting(queue.sent)?;
        rows.push(row(
            site,
            MAIL,
            &mail_title(),
            format!("through {server}"),
            &queue,
            (waiting, "mail", "mails"),
            now,
        )?);
    }
    for receiver in &channels.adt {
        let queue = notices.queue(&receiver.queue)?;
        let waiting = notices.events_waiting(queue.sent, &receiver.topics)?;
        let title = adt_title(receiver);
        let about = format!("{}; {}", receiver.to, receiver.organisation);
        rows.push(row(site, &receiver.queue, &title, about, &queue, (waiting, "event", "events"), now)?);
    }
    for subscription in notices.subscriptions()? {
        let queue = notices.queue(&subscription.id)?;
        let waiting = subscription.numbered.saturating_sub(queue.sent);
        let title = format!("Subscription {}", subscription.id);
        let about = format!("{}; {}", subscription.client, subscription.status);
        let mut row = row(site, &subscription.id, &title, about, &queue, (waiting, "event", "events"), now)?;
        // Its client decides what becomes of it, over the API.
        row.decided_here = false;
        row.error = row.error.or(subscription.error);
        rows.push(row);
    }
    Ok(rows)
}

fn row(
    site: &Site,
    name: &str,
    title: &str,
    about: String,
    queue: &Queue,
    (waiting, one, many): (u64, &str, &str),
    now: Timestamp,
) -> Result<Row, PageError> {
    let refused = site.notices()?.refused_in_queue(name, REFUSED_MAX)?;
    let failing = queue.since.is_some();
    Ok(Row {
        queue: name.to_owned(),
        title: title.to_owned(),
        about,
        sent: queue.sent,
        waiting: format!("{} {}", thousands(waiting), if waiting == 1 { one } else { many }),
        waits: waiting > 0,
        since: queue.since.map(|since| when::time_or_date(since, now)),
        next: queue.next.filter(|next| *next > now && !queue.parked).map(|next| when::time_or_date(next, now)),
        error: queue.error.clone(),
        parked: queue.parked,
        in_the_way: (failing && waiting > 0).then(|| queue.sent.saturating_add(1)),
        decided_here: true,
        refused: refused
            .into_iter()
            .map(|refused| RefusedRow {
                number: refused.number,
                at: when::time_or_date(refused.at, now),
                error: refused.error,
                again: refused.again,
            })
            .collect(),
    })
}

/// The form as sent.
#[derive(Deserialize)]
pub struct ActForm {
    form_token: String,
    queue: String,
    #[serde(rename = "do")]
    act: String,
    #[serde(default)]
    number: u64,
    #[serde(default)]
    why: String,
}

/// `POST /deliveries/act`: try again, leave one out, send one again, settle one.
pub async fn act(
    State(state): State<AppState>,
    who: SignedIn,
    Form(form): Form<ActForm>,
) -> Result<Response, PageError> {
    who.check(&form.form_token)?;
    let channels = &state.named.channels;
    let known = channels.adt.iter().any(|receiver| receiver.queue == form.queue)
        || (form.queue == MAIL && channels.mail.is_some());
    if !known {
        return Err(PageError::NotFound);
    }
    let why: String = form.why.trim().chars().filter(|c| !c.is_control()).take(WHY_MAX).collect();
    let needs_reason = matches!(form.act.as_str(), "skip" | "settle");
    if needs_reason && why.is_empty() {
        return Err(PageError::Bad("Say why nobody needs it: what is left out is not told to its receiver.".into()));
    }
    if !needs_reason && !matches!(form.act.as_str(), "retry" | "resend") {
        return Err(PageError::Bad("That cannot be done with a queue.".into()));
    }
    let number = if form.act == "retry" { String::new() } else { format!(" {}", form.number) };
    let because = if why.is_empty() { String::new() } else { format!(": {why}") };
    permit(&state, &who, format!("deliveries {} {}{number}{because}", form.act, form.queue)).await?;
    let (site, act) = (state.clone(), form.act.clone());
    let done = blocking(move || {
        let notices = site.notices()?;
        Ok(match act.as_str() {
            "retry" => notices.retry_queue(&form.queue).map(|()| true)?,
            "skip" => notices.skip_in_queue(&form.queue, form.number)?,
            "resend" => notices.resend_in_queue(&form.queue, form.number)?,
            _ => notices.settle_in_queue(&form.queue, form.number)?,
        })
    })
    .await?;
    if !done {
        return Err(PageError::Bad("It is not there any more: it was taken, or somebody decided before you.".into()));
    }
    Ok(Redirect::to(&format!("/deliveries?done={}", form.act)).into_response())
}
