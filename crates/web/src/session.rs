//! Sessions: kept on the server under a hash of their token, ended by signing out, by idle time, after some hours in any
//! case, or by the identity provider. The browser holds one cookie, unreadable to scripts and never sent from another site.

use crate::{error::PageError, secret, state::AppState, throttle::SEARCHES_PER_MINUTE};
use access::{
    User, UserKind,
    sign_in::{LoggedOut, SignedOn},
};
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, Method, header, request::Parts},
};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use fhir::{PatientKey, PersonKey};
use jiff::{SignedDuration, Timestamp};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
};

/// Sessions at once; past it the longest idle ends.
const SESSIONS_MAX: usize = 20_000;
/// Searches remembered in a session, so that reload and back work.
const SEARCHES_MAX: usize = 10;
/// People remembered in a session, so that going back to one takes no search.
const RECENT_MAX: usize = 12;
/// How long a search is remembered.
const SEARCH_LIFE: SignedDuration = SignedDuration::from_mins(30);

/// What was searched for: kept on the server, for it may not stand in an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// What was typed.
    pub words: String,
    /// The patient that whoever is found is to be compared with.
    pub beside: Option<PatientKey>,
}

/// How long sessions last, and how much may be asked in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// A session ends after this long without a request.
    pub idle_max: SignedDuration,
    /// A session ends after this long in any case.
    pub life_max: SignedDuration,
    /// Searches for people that one member of staff may make in a minute, in all their sessions.
    pub searches_per_minute: u32,
}

impl Default for SessionLimits {
    fn default() -> Self {
        SessionLimits {
            idle_max: SignedDuration::from_mins(30),
            life_max: SignedDuration::from_hours(12),
            searches_per_minute: SEARCHES_PER_MINUTE,
        }
    }
}

/// Who begins a session.
pub struct Beginner {
    /// The users they may be: one for each role they hold. The first is who they are, when there is only one; otherwise they
    /// choose.
    pub users: Vec<User>,
    /// The provider that vouches for them; None: a local account.
    pub by: Option<SignedOn>,
}

struct Session {
    /// Whom they chose to be, among `users`.
    user: Option<Arc<User>>,
    users: Arc<[User]>,
    by: Option<Arc<SignedOn>>,
    form_token: String,
    started: Timestamp,
    seen: Timestamp,
    searches: VecDeque<(String, Remembered, Timestamp)>,
    /// Whose records were opened, the last first.
    recent: VecDeque<PersonKey>,
}

impl Session {
    fn over(&self, limits: SessionLimits, now: Timestamp) -> bool {
        now.duration_since(self.seen) > limits.idle_max || now.duration_since(self.started) > limits.life_max
    }
}

/// What a list of a team is narrowed to: kept on the server like a search, for it may name somebody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Narrowed {
    /// Words that a line must hold, each of them, in any order.
    pub words: String,
    /// The ward.
    pub ward: String,
    /// The speciality.
    pub service: String,
}

/// What a session remembers under an id.
#[derive(Clone, Debug)]
pub enum Remembered {
    /// Whom somebody looked for.
    People(Search),
    /// What they narrowed a list to.
    Lines(Narrowed),
    /// What they looked for in a person's letters.
    Letters(PersonKey, String),
    /// The words that they narrowed a person's results to.
    Results(PersonKey, String),
}

impl From<Search> for Remembered {
    fn from(search: Search) -> Self {
        Remembered::People(search)
    }
}

impl From<Narrowed> for Remembered {
    fn from(narrowed: Narrowed) -> Self {
        Remembered::Lines(narrowed)
    }
}

/// The sessions of a site.
#[derive(Default)]
pub struct Sessions {
    limits: SessionLimits,
    of_token: Mutex<HashMap<[u8; 32], Session>>,
}

/// A session that has ended.
pub struct Ended {
    /// Who it was, if they had chosen.
    pub user: Option<Arc<User>>,
    /// The provider that vouched for them.
    pub by: Option<Arc<SignedOn>>,
}

impl From<Session> for Ended {
    fn from(session: Session) -> Self {
        Ended { user: session.user, by: session.by }
    }
}

impl Sessions {
    /// Sessions with these limits.
    pub fn new(limits: SessionLimits) -> Self {
        Sessions { limits, of_token: Mutex::default() }
    }

    /// Begin a session; gives its token.
    pub fn begin(&self, who: Beginner, now: Timestamp) -> Option<String> {
        let user = match who.users.as_slice() {
            [only] => Some(Arc::new(only.clone())),
            _ => None,
        };
        let session = Session {
            user,
            users: who.users.into(),
            by: who.by.map(Arc::new),
            form_token: secret::new()?,
            started: now,
            seen: now,
            searches: VecDeque::new(),
            recent: VecDeque::new(),
        };
        let token = secret::new()?;
        let mut sessions = self.of_token.lock().ok()?;
        if sessions.len() >= SESSIONS_MAX {
            sessions.retain(|_, session| !session.over(self.limits, now));
        }
        if sessions.len() >= SESSIONS_MAX
            && let Some(idle) = sessions.iter().min_by_key(|(_, session)| session.seen).map(|(key, _)| *key)
        {
            sessions.remove(&idle);
        }
        sessions.insert(secret::digest(&token), session);
        Some(token)
    }

    /// End a session.
    pub fn end(&self, token: &str) -> Option<Ended> {
        self.end_key(&secret::digest(token))
    }

    /// End the session whose token has this digest.
    pub fn end_key(&self, key: &[u8; 32]) -> Option<Ended> {
        self.of_token.lock().ok()?.remove(key).map(Ended::from)
    }

    /// End all sessions of a user, in whatever role; gives how many there were.
    pub fn end_user(&self, id: &str) -> usize {
        self.end_where(|session| session.users.iter().any(|user| user.id == id)).len()
    }

    /// End the sessions that a provider says are over: of a session there, or of a user there (Back-Channel Logout 1.0
    /// §2.7).
    pub fn end_at_provider(&self, provider: &str, out: &LoggedOut) -> Vec<Ended> {
        let same = |said: &Option<String>, known: Option<&str>| said.is_none() || said.as_deref() == known;
        self.end_where(|session| {
            session.by.as_ref().is_some_and(|by| {
                by.provider == provider
                    && same(&out.subject, Some(&by.subject))
                    && same(&out.session, by.session.as_deref())
            })
        })
    }

    fn end_where(&self, which: impl Fn(&Session) -> bool) -> Vec<Ended> {
        let Ok(mut sessions) = self.of_token.lock() else { return Vec::new() };
        sessions.extract_if(|_, session| which(session)).map(|(_, session)| session.into()).collect()
    }

    /// How many sessions a user has now.
    pub fn count(&self, id: &str, now: Timestamp) -> usize {
        let Ok(sessions) = self.of_token.lock() else { return 0 };
        let theirs = |session: &&Session| session.users.iter().any(|user| user.id == id);
        sessions.values().filter(theirs).filter(|session| !session.over(self.limits, now)).count()
    }

    /// Whether a session goes on, without counting this as somebody being there.
    pub fn lives(&self, who: &SignedIn, now: Timestamp) -> bool {
        let Ok(sessions) = self.of_token.lock() else { return false };
        let session = sessions.get(&who.key).filter(|session| !session.over(self.limits, now));
        session.is_some_and(|session| session.user.as_ref().is_some_and(|user| user.id == who.user.id))
    }

    fn with<T>(
        &self,
        token: &str,
        now: Timestamp,
        work: impl FnOnce(&mut Session, [u8; 32]) -> Option<T>,
    ) -> Option<T> {
        let key = secret::digest(token);
        let mut sessions = self.of_token.lock().ok()?;
        let session = sessions.get_mut(&key)?;
        if session.over(self.limits, now) {
            sessions.remove(&key);
            return None;
        }
        session.seen = now;
        work(session, key)
    }

    pub(crate) fn resume(&self, token: &str, now: Timestamp) -> Option<SignedIn> {
        self.with(token, now, |session, key| {
            Some(SignedIn {
                user: Arc::clone(session.user.as_ref()?),
                form_token: session.form_token.clone(),
                roles: session.users.len(),
                provider: session.by.as_ref().map(|by| by.provider.clone()),
                key,
            })
        })
    }

    /// The session of somebody who may choose a role: at once after signing in, or later.
    pub fn choosing(&self, token: &str, now: Timestamp) -> Option<Choosing> {
        self.with(token, now, |session, _| {
            Some(Choosing {
                users: Arc::clone(&session.users),
                now: session.user.clone(),
                form_token: session.form_token.clone(),
                provider: session.by.as_ref().map(|by| by.provider.clone()),
            })
        })
    }

    /// Take up a role: the session goes on under a new token, and ends no later than it would have. What was searched for
    /// in the other role is forgotten.
    pub fn choose(&self, token: &str, index: usize, now: Timestamp) -> Option<String> {
        let (new, form_token) = (secret::new()?, secret::new()?);
        let key = secret::digest(token);
        let mut sessions = self.of_token.lock().ok()?;
        let session = sessions.get(&key).filter(|session| !session.over(self.limits, now))?;
        let user = Arc::new(session.users.get(index)?.clone());
        let session = sessions.remove(&key)?;
        let session = Session {
            user: Some(user),
            form_token,
            seen: now,
            searches: VecDeque::new(),
            recent: VecDeque::new(),
            ..session
        };
        sessions.insert(secret::digest(&new), session);
        Some(new)
    }

    /// Remember a search, or what a list is narrowed to; gives its id.
    pub fn remember(&self, who: &SignedIn, what: impl Into<Remembered>, now: Timestamp) -> Option<String> {
        let id: String = secret::new()?.chars().take(20).collect();
        let mut sessions = self.of_token.lock().ok()?;
        let session = sessions.get_mut(&who.key)?;
        session.searches.push_front((id.clone(), what.into(), now));
        session.searches.truncate(SEARCHES_MAX);
        Some(id)
    }

    /// A search of this session by its id, while it is remembered.
    pub fn search(&self, who: &SignedIn, id: &str, now: Timestamp) -> Option<Search> {
        match self.remembered(who, id, now)? {
            Remembered::People(search) => Some(search),
            _ => None,
        }
    }

    /// What a list is narrowed to, by its id, while it is remembered.
    pub fn narrowed(&self, who: &SignedIn, id: &str, now: Timestamp) -> Option<Narrowed> {
        match self.remembered(who, id, now)? {
            Remembered::Lines(narrowed) => Some(narrowed),
            _ => None,
        }
    }

    /// What was looked for in the letters of this person, by its id, while it is remembered.
    pub fn letter_words(&self, who: &SignedIn, person: PersonKey, id: &str, now: Timestamp) -> Option<String> {
        match self.remembered(who, id, now)? {
            Remembered::Letters(of, words) => Some(words).filter(|_| of == person),
            _ => None,
        }
    }

    /// The words that this person's results are narrowed to, by their id, while they are remembered.
    pub fn result_words(&self, who: &SignedIn, person: PersonKey, id: &str, now: Timestamp) -> Option<String> {
        match self.remembered(who, id, now)? {
            Remembered::Results(of, words) => Some(words).filter(|_| of == person),
            _ => None,
        }
    }

    /// A record was opened: the user may want to come back to it.
    pub fn opened(&self, who: &SignedIn, person: PersonKey) {
        let Ok(mut sessions) = self.of_token.lock() else { return };
        let Some(session) = sessions.get_mut(&who.key) else { return };
        session.recent.retain(|known| *known != person);
        session.recent.push_front(person);
        session.recent.truncate(RECENT_MAX);
    }

    /// Whose records this session opened, the last first.
    pub fn recent(&self, who: &SignedIn) -> Vec<PersonKey> {
        let sessions = self.of_token.lock();
        sessions
            .ok()
            .and_then(|all| all.get(&who.key).map(|one| one.recent.iter().copied().collect()))
            .unwrap_or_default()
    }

    fn remembered(&self, who: &SignedIn, id: &str, now: Timestamp) -> Option<Remembered> {
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
    /// How many roles there are to change between.
    pub roles: usize,
    /// The provider that vouches for them; None: a local account.
    pub provider: Option<String>,
    key: [u8; 32],
}

/// Somebody who may choose among their roles.
pub struct Choosing {
    /// The users they may be.
    pub users: Arc<[User]>,
    /// Who they are now, if they have chosen.
    pub now: Option<Arc<User>>,
    /// The token every form of this session carries.
    pub form_token: String,
    /// The provider that vouches for them.
    pub provider: Option<String>,
}

impl SignedIn {
    /// With where the request came from, for the audit.
    fn by(self, via: access::Via) -> Self {
        SignedIn { user: Arc::new(User { via, ..(*self.user).clone() }), ..self }
    }

    /// Check a form's token.
    pub fn check(&self, form_token: &str) -> Result<(), PageError> {
        if secret::same(&self.form_token, form_token) { Ok(()) } else { Err(PageError::StaleForm) }
    }
}

/// The name of the session cookie. `__Host-` binds it to this host and to TLS.
pub fn cookie_name(state: &AppState) -> &'static str {
    name_of(state.secure_cookies)
}

fn name_of(secure: bool) -> &'static str {
    if secure { "__Host-skein" } else { "skein" }
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
    token_in(headers, state.secure_cookies)
}

fn token_in(headers: &HeaderMap, secure: bool) -> Option<String> {
    CookieJar::from_headers(headers).get(name_of(secure)).map(|cookie| cookie.value().to_owned())
}

/// Who is signed in by a request's cookies (`secure`: over TLS), whatever else these hold; counts as somebody being there.
pub fn user_of(sessions: &Sessions, headers: &HeaderMap, secure: bool, now: Timestamp) -> Option<Arc<User>> {
    session_of(sessions, headers, secure, now).map(|who| who.user)
}

fn session_of(sessions: &Sessions, headers: &HeaderMap, secure: bool, now: Timestamp) -> Option<SignedIn> {
    token_in(headers, secure).and_then(|token| sessions.resume(&token, now))
}

/// Browsers say where a request comes from; a form sent from another site is refused whatever it carries.
pub fn from_elsewhere(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    matches!(site, Some("cross-site" | "same-site"))
}

/// A person who looks at their own record has no business on any other page: a second fence around what the gate guards.
fn within_reach(user: &User, path: &str) -> bool {
    if user.kind != UserKind::Person {
        return true;
    }
    let own = user.person.map(|person| format!("/record/{person}"));
    let in_own =
        own.is_some_and(|own| path.strip_prefix(&own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
    in_own || path == "/" || path == "/me" || path == "/account" || path.starts_with("/account/")
}

/// Whether whoever sends these cookies is signed in as a person with a record of their own.
pub fn of_a_person(state: &AppState, cookies: HeaderValue) -> bool {
    let headers = HeaderMap::from_iter([(header::COOKIE, cookies)]);
    let session = session_of(&state.sessions, &headers, state.secure_cookies, state.steady_now());
    session.is_some_and(|who| who.user.kind == UserKind::Person)
}

impl FromRequestParts<AppState> for SignedIn {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, PageError> {
        let reading = matches!(parts.method, Method::GET | Method::HEAD);
        if !reading && from_elsewhere(&parts.headers) {
            return Err(PageError::StaleForm);
        }
        let session = session_of(&state.sessions, &parts.headers, state.secure_cookies, state.steady_now());
        let session = session.map(|signed_in| signed_in.by(crate::via::of(parts)));
        if let Some(who) = &session
            && !within_reach(&who.user, crate::via::path(parts))
        {
            return Err(PageError::Forbidden("You can look at your own record here, and at nothing else.".into()));
        }
        session.ok_or_else(|| {
            let page = parts.headers.get(header::ACCEPT).is_none_or(|accept| accept.as_bytes() != b"application/json");
            PageError::SignIn((reading && page).then(|| crate::via::path(parts).to_owned()).filter(|path| path != "/"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user() -> User {
        User::staff("nurse", "Nura Hale", ("R8001", "Nurse"), ("XWC", "Wexmoor Community Health"))
    }

    fn begin(sessions: &Sessions, now: Timestamp) -> String {
        sessions.begin(Beginner { users: vec![user()], by: None }, now).expect("a session")
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn a_session_ends_when_idle_and_in_any_case_after_twelve_hours() {
        let sessions = Sessions::default();
        let start = at("2026-07-14T08:00:00Z");
        let token = begin(&sessions, start);
        assert!(sessions.resume(&token, start + SignedDuration::from_mins(29)).is_some());
        assert!(sessions.resume(&token, start + SignedDuration::from_mins(58)).is_some(), "use keeps it alive");
        assert!(sessions.resume(&token, start + SignedDuration::from_mins(89)).is_none(), "idle too long");
        let token = begin(&sessions, start);
        let mut now = start;
        while now.duration_since(start) <= SessionLimits::default().life_max {
            assert!(sessions.resume(&token, now).is_some());
            now += SignedDuration::from_mins(20);
        }
        assert!(sessions.resume(&token, now).is_none(), "twelve hours are enough");
    }

    #[test]
    fn signing_out_ends_the_session_and_a_made_up_token_opens_nothing() {
        let sessions = Sessions::default();
        let now = at("2026-07-14T08:00:00Z");
        let token = begin(&sessions, now);
        sessions.end(&token);
        assert!(sessions.resume(&token, now).is_none());
        assert!(sessions.resume("made-up", now).is_none());
    }

    #[test]
    fn a_search_belongs_to_its_session_and_is_forgotten() {
        let sessions = Sessions::default();
        let now = at("2026-07-14T08:00:00Z");
        let one = sessions.resume(&begin(&sessions, now), now).expect("a session");
        let other = sessions.resume(&begin(&sessions, now), now).expect("a session");
        let search = Search { words: "Okafor".into(), ..Search::default() };
        let id = sessions.remember(&one, search.clone(), now).expect("an id");
        assert_eq!(sessions.search(&one, &id, now), Some(search));
        assert_eq!(sessions.search(&other, &id, now), None);
        assert_eq!(sessions.search(&one, &id, now + SEARCH_LIFE), None);
    }

    fn vouched(provider: &str, subject: &str, session: Option<&str>, roles: usize) -> Beginner {
        let id = format!("{provider}:{subject}");
        let by = SignedOn {
            provider: provider.into(),
            subject: subject.into(),
            session: session.map(str::to_owned),
            id_token: None,
            who: access::sign_in::Who::Staff(Vec::new()),
        };
        let users = (0..roles).map(|n| User { id: id.clone(), role_code: format!("R800{n}"), ..user() }).collect();
        Beginner { users, by: Some(by) }
    }

    #[test]
    fn a_role_is_chosen_first_and_each_choice_takes_a_new_token() {
        let sessions = Sessions::default();
        let start = at("2026-07-14T08:00:00Z");
        let token = sessions.begin(vouched("cis2", "1", None, 2), start).expect("a session");
        assert!(sessions.resume(&token, start).is_none(), "nobody yet");
        assert!(sessions.choose(&token, 2, start).is_none(), "there is no third");
        let chosen = sessions.choose(&token, 1, start).expect("a token");
        assert!(sessions.resume(&token, start).is_none() && sessions.choosing(&token, start).is_none());
        assert_eq!(sessions.resume(&chosen, start).expect("somebody").user.role_code, "R8001");
        let mut now = start;
        let mut token = chosen;
        while now.duration_since(start) <= SessionLimits::default().life_max {
            token = sessions.choose(&token, 0, now).expect("a token");
            now += SignedDuration::from_mins(20);
        }
        assert!(sessions.choose(&token, 0, now).is_none(), "changing roles makes no session longer");
    }

    #[test]
    fn a_provider_ends_a_session_or_all_of_a_user() {
        let now = at("2026-07-14T08:00:00Z");
        let left = |subject: Option<&str>, session: Option<&str>| {
            let sessions = Sessions::default();
            for (provider, subject, session) in
                [("a", "1", Some("x")), ("a", "1", Some("y")), ("a", "2", Some("z")), ("b", "1", Some("x"))]
            {
                sessions.begin(vouched(provider, subject, session, 1), now).expect("a session");
            }
            begin(&sessions, now);
            let out = LoggedOut { subject: subject.map(str::to_owned), session: session.map(str::to_owned) };
            let ended = sessions.end_at_provider("a", &out).len();
            assert_eq!(sessions.of_token.lock().expect("sessions").len(), 5 - ended);
            ended
        };
        assert_eq!(left(Some("1"), None), 2);
        assert_eq!(left(None, Some("x")), 1);
        assert_eq!(left(Some("1"), Some("z")), 0);
        assert_eq!(left(Some("3"), None), 0);
    }

    #[test]
    fn a_person_reaches_their_own_record_alone() {
        let person = User::person("p:1", "Iris", fhir::PersonKey(7));
        let own = format!("/record/{}", fhir::PersonKey(7));
        for path in ["/", "/account", &own, &format!("{own}/letters")] {
            assert!(within_reach(&person, path), "{path}");
        }
        let other = format!("/record/{}", fhir::PersonKey(8));
        for path in ["/find", "/errors", "/identity", "/status", &other, &format!("{own}x"), "/record/", "/accounts"] {
            assert!(!within_reach(&person, path), "{path}");
        }
        assert!(within_reach(&user(), &other));
    }
}
