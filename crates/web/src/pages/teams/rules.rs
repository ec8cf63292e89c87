//! A team's rules: what it is told, how, and what becomes of what nobody acknowledges.

use super::{act::put, blocking, own_team, permit};
use crate::{
    error::PageError,
    pages::{Chrome, Here, html},
    session::SignedIn,
    state::AppState,
};
use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::Form;
use notify::{Act, Caseload, How, Rules, Team, Topic};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Names of teams are so long at most.
const NAME_MAX: usize = 80;

const CHOICES: [(How, &str, &str); 4] = [
    (How::No, "no", "Not told"),
    (How::Inbox, "inbox", "Inbox"),
    (How::Urgent, "urgent", "Inbox, urgent"),
    (How::Digest, "digest", "Only in the day’s digest"),
];

struct Choice {
    code: &'static str,
    words: &'static str,
    chosen: bool,
}

struct TopicRow {
    code: &'static str,
    words: &'static str,
    choices: Vec<Choice>,
}

#[derive(Template)]
#[template(path = "rules.html")]
struct RulesPage {
    chrome: Chrome,
    team: Team,
    topics: Vec<TopicRow>,
    lists: Vec<(Caseload, bool)>,
    hours: String,
    quiet_from: String,
    quiet_to: String,
    digest: String,
    mail: String,
    /// The team wants mails, and none can be sent.
    no_mail_server: bool,
    problem: Option<String>,
}

fn page(
    state: &AppState,
    who: &SignedIn,
    team: Team,
    lists: Vec<Caseload>,
    problem: Option<String>,
) -> Result<axum::response::Html<String>, PageError> {
    let rules = &team.rules;
    let topics = Topic::ALL.into_iter().map(|topic| TopicRow {
        code: topic.code(),
        words: topic.words(),
        choices: CHOICES
            .into_iter()
            .map(|(how, code, words)| Choice { code, words, chosen: rules.how(topic) == how })
            .collect(),
    });
    let (quiet_from, quiet_to) = rules.quiet.clone().unwrap_or_default();
    let hours = f64::from(rules.escalate_minutes) / 60.0;
    let lists = lists.into_iter().map(|list| {
        let looked_after = team.lists.contains(&list.key);
        (list, looked_after)
    });
    html(&RulesPage {
        chrome: Chrome::new(state, who, Here::Teams),
        topics: topics.collect(),
        lists: lists.collect(),
        hours: format!("{hours}"),
        quiet_from,
        quiet_to,
        digest: rules.digest.clone().unwrap_or_default(),
        mail: rules.mail.join("\n"),
        no_mail_server: !rules.mail.is_empty() && state.named.channels.mail.is_none(),
        team,
        problem,
    })
}

async fn of(state: &AppState, who: &SignedIn, id: i64) -> Result<(Team, Vec<Caseload>), PageError> {
    let (site, reader) = (state.clone(), who.clone());
    blocking(move || {
        let notices = site.notices()?;
        Ok((own_team(notices, &reader, id)?, notices.caseloads_of(&reader.user.org_code)?))
    })
    .await
}

/// `GET /teams/{id}/rules`.
pub async fn show(State(state): State<AppState>, who: SignedIn, Path(id): Path<i64>) -> Result<Response, PageError> {
    let (team, lists) = of(&state, &who, id).await?;
    permit(&state, &who, format!("rules {}", team.key)).await?;
    Ok(page(&state, &who, team, lists, None)?.into_response())
}

/// The form as sent: a member for each topic, by its code.
#[derive(Deserialize)]
pub struct RulesForm {
    form_token: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    list: Vec<String>,
    #[serde(default)]
    hours: String,
    #[serde(default)]
    role: String,
    #[serde(default)]
    mail: String,
    #[serde(default)]
    quiet_from: String,
    #[serde(default)]
    quiet_to: String,
    #[serde(default)]
    digest: String,
    #[serde(flatten)]
    tell: BTreeMap<String, String>,
}

fn read(form: &RulesForm) -> Result<Rules, String> {
    let mut tell = BTreeMap::new();
    for (code, how) in &form.tell {
        let Some(topic) = Topic::of(code) else { continue };
        let how = CHOICES.iter().find(|(_, code, _)| code == how).map(|(how, ..)| *how);
        tell.insert(topic, how.ok_or_else(|| format!("“{how:?}” is no way of telling."))?);
    }
    tell.retain(|_, how| *how != How::No);
    let hours: f64 =
        form.hours.trim().parse().map_err(|_| "Write after how many hours, like 4; 0 for never.".to_owned())?;
    if !(0.0..=168.0).contains(&hours) {
        return Err("What nobody acknowledges is passed on within a week at the latest; 0 for never.".into());
    }
    let time = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let quiet = match (time(&form.quiet_from), time(&form.quiet_to)) {
        (Some(from), Some(to)) => Some((from, to)),
        (None, None) => None,
        _ => return Err("Quiet hours need both: from when and to when.".into()),
    };
    let role: String = form.role.trim().to_uppercase();
    if !role.is_empty() && !role.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Err("A role is its national code, like R8000.".into());
    }
    let rules = Rules {
        tell,
        escalate_minutes: minutes(hours),
        escalate_role: role,
        mail: form.mail.split_whitespace().map(str::to_owned).collect(),
        quiet,
        digest: time(&form.digest),
    };
    match rules.problem() {
        Some(problem) => Err(problem),
        None => Ok(rules),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and a week")]
fn minutes(hours: f64) -> u32 {
    (hours * 60.0).round() as u32
}

/// `POST /teams/{id}/rules`.
pub async fn change(
    State(state): State<AppState>,
    who: SignedIn,
    Path(id): Path<i64>,
    Form(form): Form<RulesForm>,
) -> Result<Response, PageError> {
    who.check(&form.form_token)?;
    let (mut team, lists) = of(&state, &who, id).await?;
    permit(&state, &who, format!("change rules {}", team.key)).await?;
    let title = form.name.trim().to_owned();
    let rules = match read(&form) {
        Ok(_) if title.is_empty() || title.chars().count() > NAME_MAX => {
            Err(format!("Give the team a name of {NAME_MAX} characters at most."))
        }
        read => read,
    };
    let rules = match rules {
        Ok(rules) => rules,
        Err(problem) => {
            team.name = title;
            let page = page(&state, &who, team, lists, Some(problem))?;
            return Ok((StatusCode::BAD_REQUEST, page).into_response());
        }
    };
    let own: Vec<String> =
        lists.iter().filter(|list| form.list.contains(&list.key)).map(|list| list.key.clone()).collect();
    put(&state, &who, Act::Team { team: team.key.clone(), title, lists: own, rules }).await?;
    Ok(Redirect::to(&format!("/teams/{id}?done=rules")).into_response())
}
