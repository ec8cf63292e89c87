//! What teams are told and where the people of their caseloads are: inboxes, windows, boards, caseloads and rules.

pub mod act;
pub mod board;
pub mod inbox;
pub mod line;
pub mod lists;
pub mod live;
pub mod narrow;
pub mod rules;
pub mod stay;
pub mod window;

use super::{Chrome, Here, html};
use crate::{error::PageError, session::SignedIn, state::AppState};
use access::{Action, DeskPermit};
use askama::Template;
use axum::{extract::State, response::Html};
use notify::{Caseload, Notices, Team};
use std::sync::Arc;

impl From<notify::Failure> for PageError {
    fn from(failure: notify::Failure) -> Self {
        PageError::Fault(failure.to_string())
    }
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PageError> + Send + 'static,
) -> Result<T, PageError> {
    crate::blocking::spawn(work).await.map_err(|error| PageError::Fault(error.to_string()))?
}

/// Ask the gate for the worklists, and wait until that is on disk.
pub(super) async fn permit(state: &AppState, who: &SignedIn, what: String) -> Result<DeskPermit, PageError> {
    let (site, user) = (state.clone(), Arc::clone(&who.user));
    let permit = blocking(move || Ok(site.gate.worklist(&user, &Action::Worklist { what }, site.now())?)).await?;
    permit.recorded().await?;
    Ok(permit)
}

/// A team of the reader's own organisation; of others, nothing is known here.
pub(super) fn own_team(notices: &Notices, who: &SignedIn, id: i64) -> Result<Team, PageError> {
    let team = notices.team_numbered(id)?;
    team.filter(|team| is_own(who, &team.organisation)).ok_or(PageError::NotFound)
}

/// A caseload of the reader's own organisation.
pub(super) fn own_list(notices: &Notices, who: &SignedIn, id: i64) -> Result<Caseload, PageError> {
    let list = notices.caseload_numbered(id)?;
    list.filter(|list| is_own(who, &list.organisation)).ok_or(PageError::NotFound)
}

fn is_own(who: &SignedIn, organisation: &str) -> bool {
    !organisation.is_empty() && organisation.eq_ignore_ascii_case(&who.user.org_code)
}

struct TeamLine {
    team: Team,
    waiting: u64,
    passed_on: u64,
}

#[derive(Template)]
#[template(path = "teams.html")]
struct TeamsPage {
    chrome: Chrome,
    organisation: String,
    teams: Vec<TeamLine>,
    lists: Vec<Caseload>,
    hospital: bool,
    behind: Option<String>,
}

/// `GET /teams`: the teams and caseloads of the reader's organisation.
pub async fn show(State(state): State<AppState>, who: SignedIn) -> Result<Html<String>, PageError> {
    permit(&state, &who, "teams".into()).await?;
    let (site, reader) = (state.clone(), who.clone());
    let (teams, lists, hospital) = blocking(move || {
        let notices = site.notices()?;
        let now = site.now();
        let mut teams = Vec::new();
        for team in notices.teams_of(&reader.user.org_code)? {
            let (waiting, passed_on) = notices.waiting(team.id, now)?;
            teams.push(TeamLine { team, waiting, passed_on });
        }
        let known = site.gate.organisations()?;
        let hospital = known
            .iter()
            .any(|known| known.kind == "hospital" && known.code.eq_ignore_ascii_case(&reader.user.org_code));
        Ok((teams, notices.caseloads_of(&reader.user.org_code)?, hospital))
    })
    .await?;
    let organisation = who.user.org_name.clone();
    let behind = behind(&state)?;
    html(&TeamsPage { chrome: Chrome::new(&state, &who, Here::Teams), organisation, teams, lists, hospital, behind })
}

/// So many messages may be on their way before a page says so: more than come within a second.
const BEHIND_MIN: u64 = 200;

/// Whether what is shown lags behind what was received, in words: messages that come faster than they are followed. What is held
/// up is said above the page.
pub(super) fn behind(state: &AppState) -> Result<Option<String>, PageError> {
    if super::standing::is_held_up(state) {
        return Ok(None);
    }
    let Ok(engine) = state.engine() else { return Ok(None) };
    let head = engine.progress().head;
    let lag = head.saturating_sub(state.notices()?.reached());
    Ok((lag >= BEHIND_MIN).then(|| {
        format!(
            "{} messages were received that are not shown here yet. Load the page again in a minute.",
            super::thousands(lag)
        )
    }))
}
