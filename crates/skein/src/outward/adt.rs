//! Word of stays to a system that speaks HL7 v2 alone: one ADT message for each event its filter means, in order, built from
//! what the record says when it is sent, and read through the gate as the receiving system. What the gate does not open to it
//! is not sent, and stands nowhere.

use super::{
    message::{self, Ends},
    queue::{Outbox, Stopped, Tried},
};
use crate::config::outward::ADT_TOPICS;
use ::notify::{Event, Failure, Filter, Notices, Standing, Topic};
use access::{Action, Gate, Refusal, User};
use hl7v2::ack::Code;
use intake::{
    Engine,
    sender::{Answered, SendError, Sender, SenderConfig},
};
use record::{Records, SourceInfo};
use std::{collections::HashMap, sync::Arc};

/// Events looked at together.
const BATCH: usize = 200;
/// Messages that were refused and are sent again in one go.
const AGAIN_MAX: usize = 100;

const UNREADABLE: &str = "what is stored of it cannot be read";

/// A receiver and what it needs.
pub struct Adt {
    /// How to reach it.
    pub sender: SenderConfig,
    /// Which events it is told.
    pub filter: Filter,
    /// What stands in MSH.
    pub ends: Ends,
    /// Who reads, for the gate and the audit.
    pub user: Arc<User>,
    /// The door.
    pub gate: Gate,
    /// The read side.
    pub records: Records,
    /// Which source a patient is of.
    pub engine: Engine,
    /// Who each source is, and its organisation's ODS code.
    pub sources: HashMap<String, (Arc<SourceInfo>, String)>,
    /// Its queue.
    pub outbox: Outbox,
}

/// What is to be done about an event.
enum Due {
    /// Nothing: it is none of the receiver's.
    Nothing,
    /// It is not told, and so is not its taking back.
    Untold,
    /// To be sent.
    Message(Vec<u8>),
    /// What is stored cannot be read: a person looks at it, and the others go on.
    Unreadable,
}

impl Adt {
    /// Send until told to stop. Trouble is logged and tried again; this never ends by itself.
    pub async fn follow(self) {
        let adt = Arc::new(self);
        loop {
            match adt.run().await {
                Ok(()) => {}
                Err(stopped) => {
                    if !adt.outbox.after(stopped).await {
                        return;
                    }
                }
            }
        }
    }

    async fn run(self: &Arc<Self>) -> Result<(), Stopped> {
        let sender = Sender::start(self.sender.clone()).map_err(|error| Failure::Stopped(error.to_string()))?;
        let (name, now) = (self.outbox.name.clone(), self.outbox.now());
        let begun = self.outbox.with(move |notices| notices.begin_queue(&name, now)).await?;
        let mut followed = self.outbox.notices.followed();
        let mut stirred = self.outbox.notices.queues_stirred();
        loop {
            let queue = self.outbox.due().await?;
            self.send_again(&sender).await?;
            let events = self.outbox.with(move |notices| notices.events_after(queue.sent, BATCH)).await?;
            let mut passed = None;
            let (mut old, mut failed) = (0_u64, false);
            for event in &events {
                if self.outbox.stop.is_cancelled() {
                    return Err(Stopped::Asked);
                }
                let due = if event.recorded < begun {
                    old += u64::from(self.means(event));
                    Due::Nothing
                } else {
                    self.prepare(event.clone()).await?
                };
                match due {
                    Due::Nothing => {}
                    Due::Untold => self.untold(event.n).await?,
                    Due::Unreadable => {
                        let tried = Tried::Refused(UNREADABLE.into());
                        self.outbox.settle(event.n, tried).await?;
                    }
                    Due::Message(message) => {
                        let tried = self.exchange(&sender, &message).await?;
                        if !self.outbox.settle(event.n, tried).await? {
                            (passed, failed) = (None, true);
                            break;
                        }
                    }
                }
                passed = Some(event.n);
            }
            // Those that concern nobody there are passed in one step.
            if let Some(passed) = passed {
                self.outbox.advance(passed).await?;
            }
            if old > 0 {
                tracing::warn!(queue = %self.outbox.name, events = old, before = %begun, "events from before this queue began are not sent");
            }
            if events.is_empty() {
                tokio::select! {
                    rested = self.outbox.rest(&mut stirred) => rested?,
                    changed = followed.changed() => changed.map_err(|_| Stopped::Asked)?,
                }
            } else if failed {
                self.outbox.rest(&mut stirred).await?;
            }
        }
    }

    /// What a person said is to be sent again goes before what is new.
    async fn send_again(self: &Arc<Self>, sender: &Sender) -> Result<(), Stopped> {
        let name = self.outbox.name.clone();
        let refused = self.outbox.with(move |notices| notices.refused_in_queue(&name, AGAIN_MAX)).await?;
        for one in refused.into_iter().filter(|one| one.again) {
            let before = one.number.saturating_sub(1);
            let event = self.outbox.with(move |notices| notices.events_after(before, 1)).await?;
            let event = event.into_iter().find(|event| event.n == one.number);
            let due = match event {
                Some(event) => self.prepare(event).await?,
                None => Due::Nothing,
            };
            let tried = match due {
                Due::Message(message) => self.exchange(sender, &message).await?,
                // It was taken back, or is not the receiver's any more.
                Due::Nothing | Due::Untold => Tried::Taken,
                Due::Unreadable => Tried::Refused(UNREADABLE.into()),
            };
            let (name, now) = (self.outbox.name.clone(), self.outbox.now());
            match tried {
                Tried::Taken => {
                    self.outbox.with(move |notices| notices.settle_in_queue(&name, one.number)).await?;
                }
                Tried::Refused(error) | Tried::Failed(error) => {
                    tracing::warn!(queue = %self.outbox.name, number = one.number, %error, "sent again and not taken");
                    self.outbox.with(move |notices| notices.refuse_in_queue(&name, one.number, &error, now)).await?;
                }
            }
        }
        Ok(())
    }

    async fn untold(&self, event: u64) -> Result<(), Stopped> {
        let name = self.outbox.name.clone();
        self.outbox.with(move |notices| notices.pass_over(&name, event)).await
    }

    /// Whether the filter's kinds of events mean it.
    fn means(&self, event: &Event) -> bool {
        let topics: &[Topic] = if self.filter.topics.is_empty() { &ADT_TOPICS } else { &self.filter.topics };
        topics.contains(&event.topic) && ADT_TOPICS.contains(&event.topic)
    }

    async fn prepare(self: &Arc<Self>, event: Event) -> Result<Due, Stopped> {
        if !self.means(&event) {
            return Ok(Due::Nothing);
        }
        let adt = Arc::clone(self);
        self.outbox.with(move |notices| adt.read(notices, &event)).await
    }

    fn read(&self, notices: &Notices, event: &Event) -> Result<Due, Failure> {
        match event.standing {
            // Taken back before it was sent: nobody need be told of either.
            Standing::TakenBack => return Ok(Due::Untold),
            // Another of its kind follows.
            Standing::Replaced => return Ok(Due::Nothing),
            Standing::Holds | Standing::TakesBack => {}
        }
        if let Some(corrects) = event.corrects
            && (notices.was_passed_over(&self.outbox.name, corrects)? || is_part_of_a_cancelled_visit(notices, event)?)
        {
            return Ok(Due::Nothing);
        }
        let source = self.engine.derived().snapshot()?.source_of(event.story.id.patient)?.unwrap_or_default();
        let organisation = self.sources.get(&source).map_or("", |(_, ods)| ods.as_str());
        if !is_among(&self.filter.organisations, organisation) {
            return Ok(Due::Nothing);
        }
        if !self.filter.lists.is_empty() {
            let on = notices.caseloads_with(event.person)?;
            if !self.filter.lists.iter().any(|list| on.contains(list)) {
                return Ok(Due::Untold);
            }
        }
        let action = Action::Notify { what: format!("ADT to {}", self.outbox.name) };
        let now = self.outbox.now();
        let permit = self.gate.glimpse(&self.user, event.person, &action, now).map_err(refused)?;
        let Some(permit) = permit else { return Ok(Due::Untold) };
        let about = self.records.announce(&permit, (event.story.id, event.story.kind), |id| self.info(id))?;
        let about = tokio::runtime::Handle::current().block_on(about.release()).map_err(refused)?;
        let Ok(about) = about else { return Ok(Due::Unreadable) };
        let Some(trigger) = message::trigger(event.topic, event.corrects.is_some()) else { return Ok(Due::Nothing) };
        // The person, or a policy, keeps the stay from this receiver.
        if about.resource.is_none() {
            return Ok(Due::Untold);
        }
        Ok(Due::Message(message::adt(&self.ends, event, trigger, &about, organisation, now)))
    }

    fn info(&self, id: &str) -> Arc<SourceInfo> {
        let known = self.sources.get(id).map(|(info, _)| Arc::clone(info));
        known.unwrap_or_else(|| {
            Arc::new(SourceInfo { id: id.to_owned(), name: String::new(), kind: record::SourceKind::Other })
        })
    }

    async fn exchange(&self, sender: &Sender, message: &[u8]) -> Result<Tried, Stopped> {
        let sent = tokio::select! {
            () = self.outbox.stop.cancelled() => return Err(Stopped::Asked),
            sent = sender.send(message) => sent,
        };
        match sent {
            Ok(answered) => Ok(judged(&answered)),
            Err(SendError::Stopped) => Err(Failure::Stopped("the sender stopped".into()).into()),
            Err(error) => Ok(Tried::Failed(error.to_string())),
        }
    }
}

/// A receiver that calls this message faulty (AE, CE) would do so again: a person decides. One that rejects (AR, CR) says that
/// it takes none now, or not from us, so that the next would fare no better (HL7 v2 §2.9.2.2): it is tried again.
fn judged(answered: &Answered) -> Tried {
    if answered.is_accepted() {
        return Tried::Taken;
    }
    let later = answered.application.as_ref().map(|later| later.code);
    let code = later.or(answered.code);
    let words = format!("the receiver answered {}", code.map_or("", Code::as_str));
    match code {
        Some(Code::AE | Code::CE) => Tried::Refused(words),
        _ => Tried::Failed(words),
    }
}

/// Who takes back a whole visit by A11 takes its moves and its end back with it: a receiver could do nothing with an A12 about
/// a visit that it has cancelled.
fn is_part_of_a_cancelled_visit(notices: &Notices, event: &Event) -> Result<bool, Failure> {
    let whole = |topic| matches!(topic, Topic::Admitted | Topic::Attended);
    if whole(event.topic) {
        return Ok(false);
    }
    let story = notices.story(event.story)?;
    Ok(story.iter().any(|other| other.seq == event.seq && other.corrects.is_some() && whole(other.topic)))
}

fn is_among(codes: &[String], code: &str) -> bool {
    codes.is_empty() || codes.iter().any(|wanted| wanted.eq_ignore_ascii_case(code))
}

fn refused(refusal: Refusal) -> Failure {
    Failure::Stopped(refusal.to_string())
}
