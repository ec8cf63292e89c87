//! What a team does with its notices. Each act is written down and put in the journal; everybody of the team sees it.

use super::{blocking, own_team, permit};
use crate::{error::PageError, session::SignedIn, state::AppState};
use axum::{
    extract::{Path, State},
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::Form;
use jiff::{SignedDuration, Timestamp, ToSpan, civil::time};
use notify::{Act, Decision, StoryKey};
use serde::Deserialize;

/// Notes and names are so long at most.
const WORDS_MAX: usize = 1000;
const NAME_MAX: usize = 100;

/// The form as sent.
#[derive(Deserialize)]
pub struct ActForm {
    form_token: String,
    #[serde(rename = "do")]
    act: String,
    #[serde(default)]
    story: Vec<String>,
    #[serde(default)]
    up_to: u64,
    #[serde(default)]
    words: String,
    #[serde(default)]
    until: String,
    #[serde(default)]
    view: String,
}

/// What is said once it is done.
pub(super) fn done_words(done: &str) -> Option<&'static str> {
    Some(match done {
        "acknowledge" => "Acknowledged. Everybody in the team sees it.",
        "assign" => "Taken on. Everybody in the team sees it.",
        "release" => "Nobody has taken it on now.",
        "note" => "The note is there for the whole team.",
        "snooze" => "Put off. It comes back at the time you chose.",
        "rules" => "The rules are changed. They hold from now on.",
        _ => return None,
    })
}

/// `POST /teams/{id}/act`.
pub async fn act(
    State(state): State<AppState>,
    who: SignedIn,
    Path(id): Path<i64>,
    Form(form): Form<ActForm>,
) -> Result<Response, PageError> {
    who.check(&form.form_token)?;
    let (site, reader) = (state.clone(), who.clone());
    let team = blocking(move || own_team(site.notices()?, &reader, id)).await?;
    let stories: Vec<StoryKey> = form
        .story
        .iter()
        .map(|story| story.parse().map_err(|_| PageError::Bad("The notice is not known.".into())))
        .collect::<Result<_, _>>()?;
    let Some(story) = stories.first().copied() else {
        return Err(PageError::Bad("Choose at least one notice.".into()));
    };
    let key = team.key.clone();
    let words = form.words.trim().to_owned();
    if words.chars().count() > WORDS_MAX {
        return Err(PageError::Bad(format!("The note is too long: write {WORDS_MAX} characters at most.")));
    }
    let act = match form.act.as_str() {
        "acknowledge" => Act::Acknowledge { team: key, stories, up_to: form.up_to },
        "assign" => {
            let to = if words.is_empty() { who.user.name.clone() } else { words };
            if to.chars().count() > NAME_MAX {
                return Err(PageError::Bad("Write the name of one colleague.".into()));
            }
            Act::Assign { team: key, story, to }
        }
        "release" => Act::Assign { team: key, story, to: String::new() },
        "note" if words.is_empty() => return Err(PageError::Bad("Write the note first.".into())),
        "note" => Act::Note { team: key, story, words },
        "snooze" => {
            let until = until(&form.until, state.now())
                .ok_or_else(|| PageError::Bad("Choose until when to put it off.".into()))?;
            Act::Snooze { team: key, story, until }
        }
        _ => return Err(PageError::Bad("That cannot be done with a notice.".into())),
    };
    permit(&state, &who, format!("{} {}", form.act, team.key)).await?;
    put(&state, &who, act).await?;
    let (_, view) = super::inbox::view_of(&form.view);
    Ok(Redirect::to(&format!("/teams/{id}?view={view}&done={}", form.act)).into_response())
}

/// Put a decision in the journal, and wait until it is to be seen.
pub(super) async fn put(state: &AppState, who: &SignedIn, act: Act) -> Result<(), PageError> {
    let decision = Decision {
        act,
        by: who.user.id.clone(),
        name: who.user.name.clone(),
        organisation: who.user.org_code.to_ascii_uppercase(),
    };
    let pos = state.engine()?.decide_telling(decision.about(), state.now()).await?;
    if state.notices()?.wait(pos).await {
        return Ok(());
    }
    Err(PageError::NotNow(
        "It is stored and will be carried out, but cannot be seen yet. Load the page again in a minute.".into(),
    ))
}

/// One of the choices, from now.
fn until(choice: &str, now: Timestamp) -> Option<Timestamp> {
    let hours = |hours| now.checked_add(SignedDuration::from_hours(hours)).ok();
    match choice {
        "1h" => hours(1),
        "4h" => hours(4),
        "tomorrow" => {
            let here = now.to_zoned(fhir::datetime::london().clone());
            let morning = here.date().checked_add(1.day()).ok()?.to_datetime(time(8, 0, 0, 0));
            Some(morning.to_zoned(fhir::datetime::london().clone()).ok()?.timestamp())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tomorrow_is_eight_in_the_morning_by_the_clock_in_london() {
        let now: Timestamp = "2026-03-28T21:00:00Z".parse().expect("a time");
        assert_eq!(until("tomorrow", now), "2026-03-29T07:00:00Z".parse().ok());
        assert_eq!(until("1h", now), "2026-03-28T22:00:00Z".parse().ok());
        assert_eq!(until("whenever", now), None);
    }
}
