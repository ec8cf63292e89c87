//! The channel `websocket`: a subscriber opens a connection, says who it is by a token that it was given over the API, and is
//! sent the same bundles as an endpoint would be (Backport 1.1.0, "Channels: Websockets").
//!
//! The standard has no word by which a subscriber says that it took a notification. After each we send a ping that names it:
//! the pong says that the other side has read so far, and only then is the queue moved on.

use super::{
    super::{Api, blocking, reply::ApiError},
    Telling,
    operations::read,
};
use access::User;
use axum::{
    extract::{
        State,
        ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use fhir::IssueType;
use jiff::{SignedDuration, Timestamp};
use notify::{
    Queue, Subscription,
    subscription::{Kind, Wanted},
};
use serde::Deserialize;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a token binds: a connection that is to last longer is bound again.
const BOUND: SignedDuration = SignedDuration::from_hours(1);
/// Tokens of one system at once: one that asks for more loses its own oldest, nobody else's.
const TOKENS_PER_CLIENT_MAX: usize = 100;
/// Connections at once, and those of one system.
const CONNECTIONS_MAX: usize = 1_000;
const CONNECTIONS_PER_CLIENT_MAX: usize = 20;
/// Subscriptions of one connection.
const ATTACHED_MAX: usize = 100;
/// A subscriber says little.
const MESSAGE_BYTES_MAX: usize = 16 * 1024;
/// A connection says who it is within this time, and a notification is taken within it.
const PATIENCE: Duration = Duration::from_secs(15);
/// So often queues are looked at, though nothing stirs.
const TICK: Duration = Duration::from_secs(1);
/// So often a quiet connection is asked whether it is still there; and when it is given up.
const PING: Duration = Duration::from_secs(30);
const SILENCE_MAX: Duration = Duration::from_secs(90);
/// Close codes (RFC 6455 §7.4.1, IANA): going away, policy, try again later.
const GOING_AWAY: u16 = 1001;
const POLICY: u16 = 1008;
const TRY_AGAIN: u16 = 1013;

struct Bound {
    client: String,
    ids: Vec<String>,
    until: Timestamp,
}

/// Tokens to bind connections with, and places for connections. In memory alone: a restart ends both.
pub struct Sockets {
    tokens: Mutex<HashMap<[u8; 32], Bound>>,
    places: Arc<Semaphore>,
    /// Places of each system that was ever here.
    of_clients: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Default for Sockets {
    fn default() -> Self {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        Sockets { tokens: Mutex::default(), places, of_clients: Mutex::default() }
    }
}

impl Sockets {
    /// A token for these subscriptions, and until when it binds.
    pub fn token(&self, user: &User, ids: &[String], now: Timestamp) -> Result<(String, Timestamp), ApiError> {
        let token = super::random()?;
        let until = now.saturating_add(BOUND).unwrap_or(now);
        let mut tokens = self.tokens.lock().map_err(|_| ApiError::fault("tokens cannot be given".into()))?;
        tokens.retain(|_, bound| bound.until > now);
        let theirs = |(_, bound): &(&[u8; 32], &Bound)| bound.client == user.id;
        if tokens.iter().filter(theirs).count() >= TOKENS_PER_CLIENT_MAX
            && let Some(oldest) = tokens.iter().filter(theirs).min_by_key(|(_, bound)| bound.until).map(|(key, _)| *key)
        {
            tokens.remove(&oldest);
        }
        let ids = ids.iter().take(ATTACHED_MAX).cloned().collect();
        tokens.insert(digest(&token), Bound { client: user.id.clone(), ids, until });
        Ok((token, until))
    }

    /// A place among the connections of a system.
    fn place(&self, client: &str) -> Option<OwnedSemaphorePermit> {
        let mut of_clients = self.of_clients.lock().ok()?;
        let places =
            of_clients.entry(client.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(CONNECTIONS_PER_CLIENT_MAX)));
        Arc::clone(places).try_acquire_owned().ok()
    }

    fn bound(&self, token: &str, now: Timestamp) -> Option<(String, Vec<String>, Timestamp)> {
        let tokens = self.tokens.lock().ok()?;
        let bound = tokens.get(&digest(token)).filter(|bound| bound.until > now)?;
        Some((bound.client.clone(), bound.ids.clone(), bound.until))
    }
}

/// What is kept of a token, so that a look into memory yields none.
fn digest(token: &str) -> [u8; 32] {
    *blake3::hash(token.as_bytes()).as_bytes()
}

/// `GET /$subscriptions-ws`
pub async fn upgrade(State(api): State<Api>, upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>) -> Response {
    let refused = |status, text: &str| ApiError::new(status, IssueType::NotSupported, text);
    let Some(telling) = api.telling.clone() else {
        return refused(StatusCode::NOT_FOUND, "nobody is told anything here").into_response();
    };
    let Ok(upgrade) = upgrade else {
        let text = "this address is for websockets: Subscription/$get-ws-binding-token says how";
        return refused(StatusCode::BAD_REQUEST, text).into_response();
    };
    let Ok(place) = Arc::clone(&api.sockets.places).try_acquire_owned() else {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "too many connections are open: try again later")
            .with(header::RETRY_AFTER, HeaderValue::from_static("60"))
            .into_response();
    };
    let (heard, asked) = (Instant::now(), Instant::now());
    let connection = Connection { api, telling, attached: HashMap::new(), places: HashMap::new(), heard, asked };
    upgrade
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX)
        .on_upgrade(move |socket| connection.serve(socket, place))
}

/// A subscription that a connection is told about.
struct Attached {
    client: String,
    until: Timestamp,
    /// The newest number that was taken.
    sent: u64,
    /// What waits to be taken, since when.
    waiting: Option<(u64, Instant)>,
    spoke: Timestamp,
}

struct Connection {
    api: Api,
    telling: Telling,
    attached: HashMap<String, Attached>,
    /// Its place among those of each system whose token bound it.
    places: HashMap<String, OwnedSemaphorePermit>,
    /// When it was last heard from, and last asked whether it is there.
    heard: Instant,
    asked: Instant,
}

/// Why a connection is closed.
struct Over(u16, &'static str);

type Held = Result<(), Over>;

/// `{"type": "bind-with-token", "payload": {"token": "…"}}`
#[derive(Deserialize)]
struct Said {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    payload: Payload,
}

#[derive(Deserialize, Default)]
struct Payload {
    #[serde(default)]
    token: String,
}

/// The token of a message; `bind-with-token <token>` is how older clients say it.
fn token_of(text: &str) -> Option<String> {
    if let Some(rest) = text.strip_prefix("bind-with-token") {
        return Some(rest.trim_start_matches(':').trim().to_owned());
    }
    let said: Said = serde_json::from_str(text).ok()?;
    (said.kind == "bind-with-token").then_some(said.payload.token)
}

impl Connection {
    async fn serve(mut self, mut socket: WebSocket, place: OwnedSemaphorePermit) {
        let over = self.hold(&mut socket).await;
        if let Err(Over(code, reason)) = over {
            let close = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
            let _ = tokio::time::timeout(Duration::from_secs(1), socket.send(close)).await;
        }
        drop(place);
    }

    async fn hold(&mut self, socket: &mut WebSocket) -> Held {
        let began = Instant::now();
        let stop = self.telling.stop.clone();
        let mut stirred = self.telling.teller.notices().stirred();
        loop {
            stirred.mark_unchanged();
            let names: Vec<String> = self.attached.keys().cloned().collect();
            for id in names {
                self.tell(socket, &id).await?;
            }
            if self.attached.is_empty() && began.elapsed() > PATIENCE {
                return Err(Over(POLICY, "bind to a subscription first"));
            }
            if self.heard.elapsed() > SILENCE_MAX {
                return Err(Over(GOING_AWAY, "nothing was heard for too long"));
            }
            if self.asked.elapsed() > PING {
                self.asked = Instant::now();
                put(socket, Message::Ping(bytes::Bytes::from_static(b"there?"))).await?;
            }
            tokio::select! {
                said = socket.recv() => match said {
                    Some(Ok(message)) => self.heard(socket, message).await?,
                    _ => return Ok(()),
                },
                _ = stirred.changed() => {}
                () = tokio::time::sleep(TICK) => {}
                () = stop.cancelled() => return Err(Over(GOING_AWAY, "stopping")),
            }
        }
    }

    async fn heard(&mut self, socket: &mut WebSocket, message: Message) -> Held {
        self.heard = Instant::now();
        match message {
            Message::Text(text) => {
                let Some(token) = token_of(&text) else {
                    return Err(Over(POLICY, "the one message there is binds with a token"));
                };
                self.bind(socket, &token).await
            }
            Message::Pong(payload) => self.taken(&payload).await,
            Message::Binary(_) => Err(Over(POLICY, "messages are text")),
            // Pings are answered beneath us; after a close nothing comes.
            Message::Ping(_) | Message::Close(_) => Ok(()),
        }
    }

    async fn bind(&mut self, socket: &mut WebSocket, token: &str) -> Held {
        let teller = self.telling.teller.clone();
        if !teller.is_caught_up() {
            return Err(Over(TRY_AGAIN, "not yet: what was told before is being looked up"));
        }
        let Some((client, ids, until)) = self.api.sockets.bound(token, teller.now()) else {
            return Err(Over(POLICY, "this token binds nothing, or its time is over"));
        };
        if !self.places.contains_key(&client) {
            let Some(place) = self.api.sockets.place(&client) else {
                return Err(Over(POLICY, "this system has too many connections open"));
            };
            self.places.insert(client.clone(), place);
        }
        for id in ids {
            if self.attached.len() >= ATTACHED_MAX && !self.attached.contains_key(&id) {
                return Err(Over(POLICY, "too many subscriptions for one connection"));
            }
            let Some((subscription, wanted, queue)) = self.look(&id, &client).await? else { continue };
            if let Some(known) = self.attached.get_mut(&id) {
                known.until = until;
                continue;
            }
            let newest = teller.newest(&subscription, queue.sent).await.map_err(held_up)?;
            let hello = teller.notification(&subscription, &wanted, (Kind::Handshake, wanted.content), newest, &[]);
            put(socket, Message::Text(hello.to_string().into())).await?;
            let spoke = teller.now();
            self.attached
                .insert(id, Attached { client: client.clone(), until, sent: queue.sent, waiting: None, spoke });
        }
        if self.attached.is_empty() { Err(Over(POLICY, "there is nothing to bind to")) } else { Ok(()) }
    }

    /// The subscription as it is now; None: it is over, or of no use here.
    async fn look(&self, id: &str, client: &str) -> Result<Option<(Subscription, Wanted, Queue)>, Over> {
        let (notices, name) = (self.telling.teller.notices().clone(), id.to_owned());
        let known = blocking(move || Ok((notices.subscription(&name)?, notices.queue(&name)?))).await;
        let (subscription, queue) = known.map_err(|_| Over(GOING_AWAY, "not just now"))?;
        let usable = subscription.filter(|one| one.client == client && one.status == "active");
        let Some(subscription) = usable.filter(|one| self.telling.teller.knows(&one.client)) else { return Ok(None) };
        let Ok(wanted) = read(&subscription) else { return Ok(None) };
        let ended = wanted.end.is_some_and(|end| end <= self.telling.teller.now());
        Ok((!ended).then_some((subscription, wanted, queue)))
    }

    /// Send what is due, unless what was sent last is not taken yet.
    async fn tell(&mut self, socket: &mut WebSocket, id: &str) -> Held {
        let teller = self.telling.teller.clone();
        let now = teller.now();
        let Some(attached) = self.attached.get(id) else { return Ok(()) };
        if let Some((_, since)) = attached.waiting {
            return if since.elapsed() > PATIENCE {
                Err(Over(GOING_AWAY, "a notification was not taken"))
            } else {
                Ok(())
            };
        }
        let (client, until, sent, spoke) = (attached.client.clone(), attached.until, attached.sent, attached.spoke);
        let Some((subscription, wanted, _)) = self.look(id, &client).await?.filter(|_| until > now) else {
            self.attached.remove(id);
            return if self.attached.is_empty() { Err(Over(POLICY, "bind again")) } else { Ok(()) };
        };
        if subscription.numbered > sent {
            let batch =
                teller.batch(&subscription, &wanted, wanted.content, (sent, u64::MAX)).await.map_err(held_up)?;
            let Some(last) = batch.told.last() else { return self.note(id, batch.up_to).await };
            let told = (Kind::Event, wanted.content);
            let bundle = teller.notification(&subscription, &wanted, told, last.number, &batch.told);
            put(socket, Message::Text(bundle.to_string().into())).await?;
            put(socket, Message::Ping(format!("{id} {}", batch.up_to).into())).await?;
            if let Some(attached) = self.attached.get_mut(id) {
                (attached.waiting, attached.spoke) = (Some((batch.up_to, Instant::now())), now);
            }
            return Ok(());
        }
        let beat = wanted.heartbeat.map(|seconds| SignedDuration::from_secs(seconds.into()));
        if beat.is_some_and(|beat| now.duration_since(spoke) >= beat) {
            let newest = teller.newest(&subscription, sent).await.map_err(held_up)?;
            let bundle = teller.notification(&subscription, &wanted, (Kind::Heartbeat, wanted.content), newest, &[]);
            put(socket, Message::Text(bundle.to_string().into())).await?;
            if let Some(attached) = self.attached.get_mut(id) {
                attached.spoke = now;
            }
        }
        Ok(())
    }

    /// A pong: what it names was read by the other side.
    async fn taken(&mut self, payload: &[u8]) -> Held {
        let text = std::str::from_utf8(payload).unwrap_or_default();
        let Some((id, number)) = text.split_once(' ') else { return Ok(()) };
        let Ok(number) = number.parse::<u64>() else { return Ok(()) };
        let waits = self.attached.get(id).and_then(|attached| attached.waiting);
        match waits {
            Some((waiting, _)) if waiting == number => self.note(id, number).await,
            _ => Ok(()),
        }
    }

    async fn note(&mut self, id: &str, number: u64) -> Held {
        let (notices, name) = (self.telling.teller.notices().clone(), id.to_owned());
        // Another connection may be ahead.
        let ahead =
            blocking(move || Ok(notices.queue(&name)?.sent)).await.map_err(|_| Over(GOING_AWAY, "not just now"))?;
        let noted = self.telling.teller.note(id, Queue { sent: ahead.max(number), ..Queue::default() });
        noted.await.map_err(held_up)?;
        if let Some(attached) = self.attached.get_mut(id) {
            (attached.sent, attached.waiting) = (number, None);
        }
        Ok(())
    }
}

fn held_up(failure: notify::Failure) -> Over {
    tracing::error!(%failure, "a connection cannot be told just now");
    Over(GOING_AWAY, "not just now")
}

/// Send within a time: whoever does not read keeps nobody waiting.
async fn put(socket: &mut WebSocket, message: Message) -> Held {
    match tokio::time::timeout(PATIENCE, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(Over(GOING_AWAY, "a notification was not taken")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_bound_by_the_token_in_either_form() {
        let json = r#"{"type":"bind-with-token","payload":{"token":"abc"}}"#;
        assert_eq!(token_of(json).as_deref(), Some("abc"));
        assert_eq!(token_of("bind-with-token: abc").as_deref(), Some("abc"));
        assert_eq!(token_of("bind-with-token abc").as_deref(), Some("abc"));
        assert_eq!(token_of(r#"{"type":"ping"}"#), None);
        assert_eq!(token_of("hello"), None);
    }

    #[test]
    fn a_token_binds_for_an_hour() {
        let sockets = Sockets::default();
        let now = Timestamp::UNIX_EPOCH;
        let user = User::system("app", "App", ("RHM", "Riverside"));
        let (token, until) = sockets.token(&user, &["s1".into()], now).expect("a token");
        assert!(sockets.bound(&token, now).is_some_and(|(client, ids, _)| client == "app" && ids == ["s1"]));
        assert!(sockets.bound(&token, until).is_none());
        assert!(sockets.bound("another", now).is_none());
        for _ in 0..TOKENS_PER_CLIENT_MAX {
            sockets.token(&User::system("other", "Other", ("RHM", "Riverside")), &["s2".into()], now).expect("a token");
        }
        assert!(sockets.bound(&token, now).is_some(), "another system's tokens end its own alone");
        let places: Vec<_> = (0..CONNECTIONS_PER_CLIENT_MAX).map(|_| sockets.place("app")).collect();
        assert!(
            places.iter().all(Option::is_some) && sockets.place("app").is_none() && sockets.place("other").is_some()
        );
    }
}
