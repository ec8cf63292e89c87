//! Sessions: kept on the server under a hash of their token, ended by signing out, by thirty idle minutes, or after
//! twelve hours. The browser holds one cookie, unreadable to scripts and never sent from another site.

use crate::{error::PageError, secret, state::AppState};
use access::User;
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, Method, header, request::Parts},
};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use fhir::PatientKey;
use jiff::{SignedDuration, Timestamp};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
};

/// A session ends after this long without a request.
pub const IDLE_MAX: SignedDuration = SignedDuration::from_mins(30);
/// A session ends after this long in any case.
pub const LIFE_MAX: SignedDuration = SignedDuration::from_hours(12);
/// Sessions at once; past it the longest idle ends.
const SESSIONS_MAX: usize = 20_000;
/// Searches remembered in a session, so that reload and back work.
const SEARCHES_MAX: usize = 10;
/// How long a search is remembered.
const SEARCH_LIFE: SignedDuration = SignedDuration::from_mins(30);

/// What was searched for: kept on the server, for it may not stand in an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// The NHS number as typed.
    pub nhs: String,
    /// The family name as typed.
    pub family: String,
    /// The given name as typed.
    pub given: String,
    /// Day, month, year of birth as typed.
    pub born: [String; 3],
    /// The postcode as typed.
    pub postcode: String,
    /// The patient that whoever is found is to be compared with.
    pub beside: Option<PatientKey>,
}

struct Session {
    user: Arc<User>,
    form_token: String,
    started: Timestamp,
    seen: Timestamp,
    searches: VecDeque<(String, Search, Timestamp)>,
}

impl Session {
    fn over(&self, now: Timestamp) -> bool {
        now.duration_since(self.seen) > IDLE_MAX || now.duration_since(self.started) > LIFE_MAX
    }
}

/// The sessions of a site.
#[derive(Default)]
pub struct Sessions {
    of_token: Mutex<HashMap<[u8; 32], Session>>,
}

impl Sessions {
    /// Begin a session; gives its token.
    pub fn begin(&self, user: User, now: Timestamp) -> Option<String> {
        let (token, form_token) = (secret::new()?, secret::new()?);
        let mut sessions = self.of_token.lock().ok()?;
        if sessions.len() >= SESSIONS_MAX {
            sessions.retain(|_, session| !session.over(now));
        }
        if sessions.len() >= SESSIONS_MAX
            && let Some(idle) = sessions.iter().min_by_key(|(_, session)| session.seen).map(|(key, _)| *key)
        {
            sessions.remove(&idle);
        }
        let session = Session { user: Arc::new(user), form_token, started: now, seen: now, searches: VecDeque::new() };
        sessions.insert(secret::digest(&token), session);
        Some(token)
    }

    /// End a session.
    pub fn end(&self, token: &str) {
        if let Ok(mut sessions) = self.of_token.lock() {
            sessions.remove(&secret::digest(token));
        }
    }

    fn resume(&self, token: &str, now: Timestamp) -> Option<SignedIn> {
        let key = secret::digest(token);
        let mut sessions = self.of_token.lock().ok()?;
        let session = sessions.get_mut(&key)?;
        if session.over(now) {
            sessions.remove(&key);
            return None;
        }
        session.seen = now;
        Some(SignedIn { user: Arc::clone(&session.user), form_token: session.form_token.clone(), key })
    }

    /// Remember a search; gives its id.
    pub fn remember(&self, who: &SignedIn, search: Search, now: Timestamp) -> Option<String> {
        let id: String = secret::new()?.chars().take(20).collect();
        let mut sessions = self.of_token.lock().ok()?;
        let session = sessions.get_mut(&who.key)?;
        session.searches.push_front((id.clone(), search, now));
        session.searches.truncate(SEARCHES_MAX);
        Some(id)
    }

    /// A search of this session by its id, while it is remembered.
    pub fn search(&self, who: &SignedIn, id: &str, now: Timestamp) -> Option<Search> {
        let sessions = self.of_token.lock().ok()?;
        let session = sessions.get(&who.key)?;
        let found =
            session.searches.iter().find(|(known, _, at)| known == id && now.duration_since(*at) < SEARCH_LIFE)?;
        Some(found.1.clone())
    }
}

/// Proof that somebody is signed in. As an extractor it sends everybody else to the sign-in page.
#[derive(Clone)]
pub struct SignedIn {
    /// Who.
    pub user: Arc<User>,
    /// The token every form of this session carries.
    pub form_token: String,
    key: [u8; 32],
}

impl SignedIn {
    /// Check a form's token.
    pub fn check(&self, form_token: &str) -> Result<(), PageError> {
        if secret::same(&self.form_token, form_token) { Ok(()) } else { Err(PageError::StaleForm) }
    }
}

/// The name of the session cookie. `__Host-` binds it to this host and to TLS.
pub fn cookie_name(state: &AppState) -> &'static str {
    if state.secure_cookies { "__Host-skein" } else { "skein" }
}

/// A cookie of ours.
pub fn cookie(state: &AppState, name: &'static str, value: String) -> Cookie<'static> {
    Cookie::build((name, value))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(state.secure_cookies)
        .build()
}

/// The session token of a request.
pub fn token(state: &AppState, headers: &HeaderMap) -> Option<String> {
    CookieJar::from_headers(headers).get(cookie_name(state)).map(|cookie| cookie.value().to_owned())
}

/// Browsers say where a request comes from; a form sent from another site is refused whatever it carries.
pub fn from_elsewhere(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    matches!(site, Some("cross-site" | "same-site"))
}

impl FromRequestParts<AppState> for SignedIn {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, PageError> {
        let reading = matches!(parts.method, Method::GET | Method::HEAD);
        if !reading && from_elsewhere(&parts.headers) {
            return Err(PageError::StaleForm);
        }
        let session = token(state, &parts.headers).and_then(|token| state.sessions.resume(&token, state.steady_now()));
        session.ok_or_else(|| {
            let page = parts.headers.get(header::ACCEPT).is_none_or(|accept| accept.as_bytes() != b"application/json");
            PageError::SignIn((reading && page).then(|| parts.uri.path().to_owned()).filter(|path| path != "/"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user() -> User {
        User::staff("nurse", "Nura Hale", ("R8001", "Nurse"), ("XWC", "Wexmoor Community Health"))
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn a_session_ends_when_idle_and_in_any_case_after_twelve_hours() {
        let sessions = Sessions::default();
        let start = at("2026-07-14T08:00:00Z");
        let token = sessions.begin(user(), start).expect("a session");
        assert!(sessions.resume(&token, start + SignedDuration::from_mins(29)).is_some());
        assert!(sessions.resume(&token, start + SignedDuration::from_mins(58)).is_some(), "use keeps it alive");
        assert!(sessions.resume(&token, start + SignedDuration::from_mins(89)).is_none(), "idle too long");
        let token = sessions.begin(user(), start).expect("a session");
        let mut now = start;
        while now.duration_since(start) <= LIFE_MAX {
            assert!(sessions.resume(&token, now).is_some());
            now += SignedDuration::from_mins(20);
        }
        assert!(sessions.resume(&token, now).is_none(), "twelve hours are enough");
    }

    #[test]
    fn signing_out_ends_the_session_and_a_made_up_token_opens_nothing() {
        let sessions = Sessions::default();
        let now = at("2026-07-14T08:00:00Z");
        let token = sessions.begin(user(), now).expect("a session");
        sessions.end(&token);
        assert!(sessions.resume(&token, now).is_none());
        assert!(sessions.resume("made-up", now).is_none());
    }

    #[test]
    fn a_search_belongs_to_its_session_and_is_forgotten() {
        let sessions = Sessions::default();
        let now = at("2026-07-14T08:00:00Z");
        let one = sessions.begin(user(), now).and_then(|token| sessions.resume(&token, now)).expect("a session");
        let other = sessions.begin(user(), now).and_then(|token| sessions.resume(&token, now)).expect("a session");
        let search = Search { family: "Okafor".into(), ..Search::default() };
        let id = sessions.remember(&one, search.clone(), now).expect("an id");
        assert_eq!(sessions.search(&one, &id, now), Some(search));
        assert_eq!(sessions.search(&other, &id, now), None);
        assert_eq!(sessions.search(&one, &id, now + SEARCH_LIFE), None);
    }
}
