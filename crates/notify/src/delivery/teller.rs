//! What a subscription is told now: each event that is due is put to the gate at the moment it is told, and read under the
//! permit. What its system may not see is left out, with its number.

use crate::{
    Act, Decision, Failure, Subscription, Topic,
    read::{Due, Notices, Queue},
    subscription::{Content, Focus, Kind, State, Told, Wanted, notification},
};
use access::{
    Action, Gate, Sealed, User,
    smart::{Permission, Scopes},
};
use fhir::{PatientKey, PersonKey, ResourceId, ResourceType, Value};
use intake::Engine;
use jiff::{SignedDuration, Timestamp};
use record::Records;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Events looked through for the newest one that may be told at most.
const LOOKED_BACK_MAX: u64 = 200;
/// Events looked at in one go.
const LOOKED_MAX: usize = 200;
/// How far a queue has got is put in the journal too, after so many events or so long: should `notify.db` be made again, no
/// more than these come again.
const UNJOURNALLED_MAX: u64 = 100;
const UNJOURNALLED_TIME_MAX: SignedDuration = SignedDuration::from_hours(1);

/// A client system, as far as telling it needs to know.
#[derive(Clone)]
pub struct Subscriber {
    /// Who it is, for the gate.
    pub user: Arc<User>,
    /// What it may read; None: whatever the gate lets it.
    pub scopes: Option<Scopes>,
}

/// Finds out what subscriptions are told. Clones share it.
#[derive(Clone)]
pub struct Teller {
    inner: Arc<Inner>,
}

struct Inner {
    gate: Gate,
    records: Records,
    notices: Notices,
    engine: Engine,
    subscribers: HashMap<String, Subscriber>,
    base: Option<String>,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// How long the journal was when this began.
    began: u64,
    /// What the journal knows of each queue, and since when.
    journalled: Mutex<HashMap<String, (u64, Timestamp)>>,
}

impl std::fmt::Debug for Teller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "for {} systems", self.inner.subscribers.len())
    }
}

/// What is told in one go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The events that may be told, in order.
    pub told: Vec<Told>,
    /// The newest number that was looked at, told or not.
    pub up_to: u64,
    /// The journal position that the newest of them follows from.
    pub position: Option<u64>,
}

/// An event read for telling, under seal; None: it is withheld.
type Read = Sealed<Option<Told>>;

impl Teller {
    /// `subscribers`: the client systems, by id. `base`: the API's own address as receivers know it.
    pub fn new(
        gate: Gate,
        records: Records,
        (notices, engine): (Notices, Engine),
        subscribers: HashMap<String, Subscriber>,
        base: Option<String>,
        clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    ) -> Self {
        let (progress, journalled) = (engine.progress(), Mutex::default());
        let began = progress.head.max(progress.applied);
        let inner = Inner { gate, records, notices, engine, subscribers, base, clock, began, journalled };
        Teller { inner: Arc::new(inner) }
    }

    /// Whether all that the journal held when this began was followed. Before, while `notify.db` is made again, it is not known
    /// what receivers took long ago, and all of it would be sent again.
    pub fn is_caught_up(&self) -> bool {
        self.inner.notices.reached() >= self.inner.began
    }

    /// Put in the journal what was decided about telling. Gives its position.
    ///
    /// # Errors
    /// The journal's.
    pub async fn decide(&self, act: Act) -> Result<u64, Failure> {
        let decision = Decision { act, by: "skein".into(), name: "Skein".into(), organisation: String::new() };
        Ok(self.inner.engine.decide_telling(decision.about(), self.now()).await?)
    }

    /// Note how far a queue has got. On disk when this returns.
    ///
    /// # Errors
    /// The file's, and the journal's.
    pub async fn note(&self, id: &str, queue: Queue) -> Result<(), Failure> {
        let (teller, name, sent) = (self.clone(), id.to_owned(), queue.sent);
        blocking(move || teller.notices().put_queue(&name, &queue)).await?;
        let now = self.now();
        let due = {
            let mut journalled = self.inner.journalled.lock().unwrap_or_else(PoisonError::into_inner);
            let (known, at) = *journalled.entry(id.to_owned()).or_insert((sent, now));
            let due = sent >= known.saturating_add(UNJOURNALLED_MAX)
                || sent > known && now.duration_since(at) >= UNJOURNALLED_TIME_MAX;
            if due {
                journalled.insert(id.to_owned(), (sent, now));
            }
            due
        };
        if due {
            self.decide(Act::SubscriptionSent { id: id.to_owned(), sent }).await?;
        }
        Ok(())
    }

    /// What is known for telling.
    pub fn notices(&self) -> &Notices {
        &self.inner.notices
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        (self.inner.clock)()
    }

    /// Our own address.
    pub fn base(&self) -> Option<&str> {
        self.inner.base.as_deref()
    }

    /// Whether a system is configured.
    pub fn knows(&self, client: &str) -> bool {
        self.inner.subscribers.contains_key(client)
    }

    /// What a subscription is told of the events after a number, up to another. As many as it wants at once, and at least
    /// one if there is one: what may not be told is looked past.
    ///
    /// # Errors
    /// The file's, the store's, and the gate's when an access cannot be written down: nothing is told then.
    pub async fn batch(
        &self,
        subscription: &Subscription,
        wanted: &Wanted,
        content: Content,
        (after, until): (u64, u64),
    ) -> Result<Batch, Failure> {
        let (teller, subscription, wanted) = (self.clone(), subscription.clone(), wanted.clone());
        let (sealed, up_to, position) =
            blocking(move || teller.inner.look(&subscription, &wanted, content, after, until)).await?;
        let mut told: Vec<Told> = Vec::with_capacity(sealed.len());
        for event in sealed {
            // Read as another person's too, perhaps: told once.
            let event = event.release().await.map_err(refused)?;
            let known = told.last().map(|last| last.number);
            told.extend(event.filter(|event| known != Some(event.number)));
        }
        Ok(Batch { told, up_to, position })
    }

    /// The newest number that its system may know of: what may not be told to it is not counted for it either, where
    /// nothing came after. Nothing is shown, and nothing written down.
    ///
    /// # Errors
    /// The file's and the store's.
    pub async fn newest(&self, subscription: &Subscription, sent: u64) -> Result<u64, Failure> {
        let (teller, subscription) = (self.clone(), subscription.clone());
        blocking(move || teller.inner.newest(&subscription, sent)).await
    }

    /// A notification.
    pub fn notification(
        &self,
        subscription: &Subscription,
        wanted: &Wanted,
        (kind, content): (Kind, Content),
        newest: u64,
        told: &[Told],
    ) -> Value {
        notification(&self.state(subscription, wanted, content, newest), kind, told, self.now())
    }

    /// How a subscription stands.
    pub fn state<'a>(
        &'a self,
        subscription: &'a Subscription,
        wanted: &Wanted,
        content: Content,
        newest: u64,
    ) -> State<'a> {
        State {
            base: self.base(),
            id: &subscription.id,
            family: wanted.family,
            status: &subscription.status,
            error: subscription.error.as_deref(),
            newest,
            content,
        }
    }
}

impl Inner {
    fn look(
        &self,
        subscription: &Subscription,
        wanted: &Wanted,
        content: Content,
        after: u64,
        until: u64,
    ) -> Result<(Vec<Read>, u64, Option<u64>), Failure> {
        let Some(subscriber) = self.subscribers.get(&subscription.client) else {
            return Ok((Vec::new(), after, None));
        };
        let mut found = Vec::new();
        let mut events = 0;
        let mut up_to = after;
        let mut position = None;
        for due in self.notices.due(&subscription.id, after, LOOKED_MAX)? {
            if due.number > until || events >= wanted.count {
                break;
            }
            up_to = due.number;
            let before = found.len();
            found.extend(self.event(subscription, subscriber, content, &due)?);
            if found.len() > before {
                events += 1;
                position = Some(due.event.seq);
            }
        }
        Ok((found, up_to, position))
    }

    fn event(
        &self,
        subscription: &Subscription,
        subscriber: &Subscriber,
        content: Content,
        due: &Due,
    ) -> Result<Vec<Read>, Failure> {
        let story = due.event.story;
        let may_read = |scopes: &Scopes| scopes.allow(Some(story.kind), Permission::Read);
        if !subscriber.scopes.as_ref().is_none_or(may_read) {
            return Ok(Vec::new());
        }
        let action = Action::Notify { what: format!("subscription {}", subscription.id) };
        let now = (self.clock)();
        let (number, at, topic) = (due.number, due.event.recorded, due.event.topic);
        let takes_back = due.event.corrects.is_some();
        if topic == Topic::Split {
            // The patient is somebody else's now. Who was told of it as this person's hears that it is not, and of whom alone.
            let person = due.event.person;
            let permit = self.gate.glimpse(&subscriber.user, person, &action, now).map_err(refused)?;
            let id = ResourceId::of_patient(PatientKey(person.0));
            let focus = Focus { id, kind: ResourceType::Person, deleted: false, resource: None };
            let told = Told { number, at, topic, takes_back, focus };
            return Ok(permit.map(|permit| permit.seal(Some(told))).into_iter().collect());
        }
        let mut found = Vec::new();
        for person in self.whose(subscription, due)? {
            let Some(permit) = self.gate.glimpse(&subscriber.user, person, &action, now).map_err(refused)? else {
                continue;
            };
            // Read whatever is sent of it: what is withheld from this system is not told by its id either.
            let sealed = self.records.resource(&permit, story.id, story.kind)?;
            found.push(sealed.map(move |item| {
                let item = item?;
                let full = content == Content::FullResource && !item.deleted;
                let resource = full.then(|| serde_json::from_slice(&item.json).ok()).flatten();
                let focus = Focus { id: story.id, kind: story.kind, deleted: item.deleted, resource };
                Some(Told { number, at, topic, takes_back, focus })
            }));
        }
        Ok(found)
    }

    /// Whom an event may be about: the person it was about when it happened, and whom the patient has turned out to be since,
    /// where the subscription is about that person too. Of whom it is not, nothing is read.
    fn whose(&self, subscription: &Subscription, due: &Due) -> Result<Vec<PersonKey>, Failure> {
        let mut people = vec![due.event.person];
        let now = self.records.person_of(due.event.story.id)?;
        if let Some(person) = now.filter(|now| *now != due.event.person)
            && self.is_about(subscription, person)?
        {
            people.push(person);
        }
        Ok(people)
    }

    fn is_about(&self, subscription: &Subscription, person: PersonKey) -> Result<bool, Failure> {
        let filter = &subscription.filter;
        if filter.patients.is_empty() && filter.lists.is_empty() {
            return Ok(true);
        }
        for patient in filter.patients.iter().filter_map(|key| key.parse::<PatientKey>().ok()) {
            if self.records.person_of(ResourceId::of_patient(patient))? == Some(person) {
                return Ok(true);
            }
        }
        for key in &filter.lists {
            if let Some(list) = self.notices.caseload(key)?
                && self.notices.is_on(list.id, person)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn newest(&self, subscription: &Subscription, sent: u64) -> Result<u64, Failure> {
        let Some(subscriber) = self.subscribers.get(&subscription.client) else { return Ok(0) };
        let from = sent.saturating_sub(LOOKED_BACK_MAX);
        let due = self.notices.due(&subscription.id, from, LOOKED_MAX)?;
        for due in due.iter().rev().filter(|due| due.number <= sent) {
            let may_read = |scopes: &Scopes| scopes.allow(Some(due.event.story.kind), Permission::Read);
            if !subscriber.scopes.as_ref().is_none_or(may_read) {
                continue;
            }
            for person in self.whose(subscription, due)? {
                let Ok((_, rulings)) = self.gate.rehearse(&subscriber.user, person, (self.clock)()) else { continue };
                if rulings.first().is_some_and(|(_, opens)| opens.allowed) {
                    return Ok(due.number);
                }
            }
        }
        Ok(from)
    }
}

/// A refusal is about the audit, and says nothing of anybody.
fn refused(refusal: access::Refusal) -> Failure {
    Failure::Stopped(refusal.to_string())
}

/// Do what touches the disk away from the threads that serve connections.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(Failure::Stopped("a worker panicked".into())))
}
