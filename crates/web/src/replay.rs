//! Showing again what a user saw: the page is made anew by the same handlers, over a gate that opens as it did then, at the
//! time it was then, and compared by its hash with what was sent.

use crate::{
    error::PageError,
    pages,
    session::{Beginner, cookie_name},
    state::AppState,
};
use access::{Action, AuditEntry, Gate, PrivacyPermit, Replayed, Shown};
use axum::{
    body::Body,
    http::{Request, StatusCode, header},
    response::Html,
};
use fhir::PersonKey;
use jiff::Timestamp;
use pages::Comparable;
use record::{Filter, Records};
use std::sync::Arc;
use tower::ServiceExt;

pub use crate::state::Ground;

/// What was seen, made again.
pub struct Again {
    /// The page; None where the access was not of a page.
    pub html: Option<String>,
    /// Whether it is the same as what was sent; None where nothing was written down to compare with.
    pub same: Option<bool>,
    /// What was written down of what was shown.
    pub shown: Option<Shown>,
    /// Who saw it.
    pub user: Arc<access::User>,
    /// When.
    pub at: Timestamp,
    /// The page's address.
    pub page: String,
    /// Of a reading through the API: what is read again now.
    pub read: Option<Shown>,
}

/// A page larger than this is not shown again.
const PAGE_BYTES_MAX: usize = 64 << 20;

/// Show an entry's page again.
///
/// # Errors
/// [`PageError::Bad`] with a sentence why it cannot be.
pub async fn again(ground: &Ground, permit: &PrivacyPermit, entry: &AuditEntry) -> Result<Again, PageError> {
    let gate = ground.gate.clone();
    let (permit, entry) = (permit.clone(), entry.clone());
    let replayed = crate::blocking::spawn(move || gate.replay(&permit, &entry));
    let replayed = replayed.await.map_err(|error| PageError::Fault(error.to_string()))??;
    let Replayed { gate, user, at, page, shown, seq, person, what } = replayed;
    let mut made = Again { html: None, same: None, shown, user: Arc::clone(&user), at, page, read: None };
    if made.page.is_empty() {
        if what.starts_with("everything") {
            read_again(&mut made, gate, ground.records.as_at(seq), person).await?;
        }
        return Ok(made);
    }
    let ground = Ground {
        gate,
        records: ground.records.as_at(seq),
        region_name: ground.region_name.clone(),
        forms: ground.forms.clone(),
    };
    let then = AppState::looking_back(ground, at);
    let session = then.sessions.begin(Beginner { users: vec![(*user).clone()], by: None }, then.steady_now());
    let session = session.ok_or_else(|| PageError::Fault("the system gives no random numbers".into()))?;
    let request = Request::get(&made.page)
        .header(header::COOKIE, format!("{}={session}", cookie_name(&then)))
        .body(Body::empty())
        .map_err(|error| PageError::Fault(error.to_string()))?;
    let response = pages::router(then).oneshot(request).await;
    let response = response.map_err(|error| PageError::Fault(error.to_string()))?;
    if response.status() != StatusCode::OK {
        let sentence = format!("The page cannot be made again: it now answers {}.", response.status().as_u16());
        return Err(PageError::Bad(sentence));
    }
    let body = axum::body::to_bytes(response.into_body(), PAGE_BYTES_MAX).await;
    let body = body.map_err(|error| PageError::Fault(error.to_string()))?;
    let html = Html(String::from_utf8_lossy(&body).into_owned());
    let sent = made.shown.as_ref().and_then(|shown| shown.content.clone());
    made.same =
        sent.map(|sent| html.hash().is_some_and(|hash| blake3::Hash::from_bytes(hash).to_hex().as_str() == sent));
    made.html = Some(html.0);
    Ok(made)
}

/// Read a whole record again, as a system read it, and compare which versions that gives. A reading that was narrowed
/// (`_type`, `_since`) gives fewer than this, and cannot be told from one that went wrong: then nothing is claimed.
async fn read_again(made: &mut Again, gate: Gate, records: Records, person: PersonKey) -> Result<(), PageError> {
    let (user, at) = (Arc::clone(&made.user), made.at);
    let work = move || {
        let permit = gate.open(&user, person, &Action::ReadResources { what: String::new() }, at)?;
        drop(records.read(&permit, &Filter::default())?);
        Ok::<_, PageError>(permit.sight().so_far(None))
    };
    let read = crate::blocking::spawn(work).await.map_err(|error| PageError::Fault(error.to_string()))??;
    let same = made.shown.as_ref().zip(read.as_ref()).is_some_and(|(then, now)| then.versions == now.versions);
    made.same = same.then_some(true);
    made.read = read;
    Ok(())
}
