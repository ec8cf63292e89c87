//! The administrator's desk: who may use this region and how far (users, client systems, feeds, organisations, providers, the
//! policies in force), and ending somebody's sessions. It tells of nobody's record.

use super::{Channels, Chrome, Here, html};
use crate::{error::PageError, session::SignedIn, state::AppState};
use access::{Action, User};
use askama::Template;
use axum::{
    Form,
    extract::State,
    response::{Html, IntoResponse, Redirect, Response},
};
use serde::Deserialize;

/// One line of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its organisation: ODS code and name.
    pub organisation: String,
    /// What it may, in words.
    pub may: String,
}

/// Who the configuration names.
#[derive(Clone, Debug, Default)]
pub struct Named {
    /// Local accounts.
    pub users: Vec<Listed>,
    /// Client systems.
    pub clients: Vec<Listed>,
    /// Feeds of sources.
    pub feeds: Vec<Listed>,
    /// Over what channels word goes out.
    pub channels: Channels,
    /// Compares hospitals' own lists of inpatients.
    pub census: Option<notify::census::Censuses>,
}

struct Group {
    title: &'static str,
    none: &'static str,
    rows: Vec<Listed>,
    sessions: bool,
}

#[derive(Template)]
#[template(path = "admin.html")]
struct AdminPage {
    chrome: Chrome,
    version: String,
    rules: usize,
    groups: Vec<Group>,
    ended: Option<String>,
}

/// What a form led to.
#[derive(Deserialize)]
pub struct Ended {
    ended: Option<u32>,
}

/// `GET /admin`.
pub async fn show(
    State(state): State<AppState>,
    who: SignedIn,
    axum::extract::Query(said): axum::extract::Query<Ended>,
) -> Result<Html<String>, PageError> {
    let site = state.clone();
    let user = std::sync::Arc::clone(&who.user);
    let work = move || {
        let action = Action::Administer { what: "show".into() };
        let permit = site.gate.administer(&user, &action, site.now())?;
        let organisations = site.gate.organisations()?;
        let policies = site.gate.policies();
        let job = |listed: &Listed, role: &str| {
            let (code, _) = listed.organisation.split_once(' ').unwrap_or((&listed.organisation, ""));
            let kind = organisations.iter().find(|one| one.code == code).map_or("", |one| one.kind.as_str());
            let user = User::staff(&listed.id, &listed.name, (role, role), (code, ""));
            let job = policies.jobs().of(&user, kind).and_then(|place| policies.jobs().all().get(place));
            job.map(|job| job.title.clone())
        };
        let mut users = site.named.users.clone();
        for listed in users.iter_mut().filter(|listed| !listed.organisation.is_empty()) {
            // What the policies make of the role, which the configuration does not say.
            let role = listed.may.split(' ').next().unwrap_or_default().to_owned();
            let made = job(listed, &role).unwrap_or_else(|| "no rights: unknown role or organisation".into());
            listed.may = format!("{}: {made}", listed.may);
        }
        let providers = site.providers.iter().map(|provider| {
            let config = provider.config();
            Listed {
                id: config.id.clone(),
                name: config.label.clone(),
                may: config.issuer.clone(),
                ..Listed::default()
            }
        });
        let known = organisations.iter().map(|one| Listed {
            id: one.code.clone(),
            name: one.name.clone(),
            may: if one.kind.is_empty() { "kind not known".into() } else { one.kind.clone() },
            ..Listed::default()
        });
        let group = |title, none, rows, sessions| Group { title, none, rows, sessions };
        let groups = vec![
            group("Local accounts", "Nobody: everybody signs in with a provider.", users, true),
            group("Identity providers", "None: local accounts alone.", providers.collect(), false),
            group("Client systems", "None.", site.named.clients.clone(), false),
            group("Feeds", "None.", site.named.feeds.clone(), false),
            group("Organisations", "None.", known.collect(), false),
        ];
        Ok::<_, PageError>(permit.seal((policies.version().to_string(), policies.rules().len(), groups)))
    };
    let sealed = crate::blocking::spawn(work).await.map_err(|error| PageError::Fault(error.to_string()))??;
    let (version, rules, groups) = sealed.release().await?;
    let ended = said.ended.map(|count| match count {
        0 => "That user has no session here.".to_owned(),
        1 => "One session was ended.".to_owned(),
        count => format!("{count} sessions were ended."),
    });
    html(&AdminPage { chrome: Chrome::new(&state, &who, Here::Admin), version, rules, groups, ended })
}

/// Whose sessions to end.
#[derive(Deserialize)]
pub struct Leaver {
    form_token: String,
    user: String,
}

/// `POST /admin/sign-out`: end all sessions of a user, of a provider's too.
pub async fn sign_out(
    State(state): State<AppState>,
    who: SignedIn,
    Form(leaver): Form<Leaver>,
) -> Result<Response, PageError> {
    who.check(&leaver.form_token)?;
    let (site, user) = (state.clone(), std::sync::Arc::clone(&who.user));
    // Only what stands for a known session or account is written down: anything else was typed by mistake.
    let count = state.sessions.count(leaver.user.trim(), state.steady_now());
    let known = count > 0 || state.accounts.user(leaver.user.trim()).is_some();
    let what = if known { format!("sign-out {}", leaver.user.trim()) } else { "sign-out of nobody".to_owned() };
    let ask = move || site.gate.administer(&user, &Action::Administer { what }, site.now());
    let permit = crate::blocking::spawn(ask).await.map_err(|error| PageError::Fault(error.to_string()))??;
    permit.recorded().await?;
    let ended = state.sessions.end_user(leaver.user.trim());
    Ok(Redirect::to(&format!("/admin?ended={ended}")).into_response())
}
