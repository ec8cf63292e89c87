//! The index of people in memory, and the model that weighs: kept up by the applier alone, in journal order, so that a
//! replay decides the same; read by whoever looks for people.

use super::load::load;
use fhir::{PatientKey, PersonKey, Region, ResourceType};
use identity::{Index, Matcher, Model, PatientFacts};
use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};
use store::{Snapshot, StoreError, Writer};

/// Whoever was added is taken in when they are so many…
const ADDED_LEAST: usize = 4096;
/// …and more than one in so many of all.
const ADDED_ONE_IN: usize = 16;

/// Threads that make one while nobody decides: each makes every key, and files its part of them.
const THREADS_MOST: usize = 2;

/// Entries of the change feed taken over at a time.
const FOLLOWED_AT_ONCE: usize = 512;

/// The index of people. Readers wait for nobody.
///
/// Patients that are added, or whose facts change, lie beside the index's base, and what they replace stays there marked
/// dead. When there are many of them a thread has the index take them in. Once there are more than the base was made of, a thread
/// makes an index of the same people with everybody in its base; between two batches the applier tells it what has happened since and
/// puts it in the place of the other. Where nobody looks for people, for all is made anew, the applier does either itself, makes
/// another index in the room of the one before it, and goes on then. Answers do not depend on when that is.
#[derive(Debug)]
pub struct People {
    index: RwLock<Arc<Index>>,
    model: RwLock<Arc<Model>>,
    /// Whether the index was changed since the running batch began.
    changed: AtomicBool,
    /// The index that is being made, or taking in whoever was added.
    making: Mutex<Option<Making>>,
    /// Whether only the applier asks.
    alone: AtomicBool,
    added_least: usize,
}

#[derive(Debug)]
struct Making {
    /// The index, if another is made.
    index: JoinHandle<Option<Index>>,
    /// Who was put or linked since that was begun; of no interest where none is.
    since: Option<HashSet<PatientKey>>,
}

impl People {
    /// Everybody in the store, and the model in force.
    ///
    /// # Errors
    /// The store's; [`StoreError::Unusable`] when the model in force cannot be read by this version.
    pub fn load(writer: &Writer) -> Result<Self, StoreError> {
        Ok(Self::of(load(writer)?, in_force(writer.model()?.as_deref())?))
    }

    /// The same as of a view, for a process that follows another one's writing.
    ///
    /// # Errors
    /// As [`People::load`].
    pub(crate) fn load_view(view: &Snapshot) -> Result<Self, StoreError> {
        Ok(Self::of(load(view)?, in_force(view.model()?.as_deref())?))
    }

    fn of(index: Index, model: Model) -> Self {
        People {
            index: RwLock::new(Arc::new(index)),
            model: RwLock::new(Arc::new(model)),
            changed: AtomicBool::new(false),
            making: Mutex::new(None),
            alone: AtomicBool::new(false),
            added_least: ADDED_LEAST,
        }
    }

    /// Take over what another process wrote after `from`, as `view` has it: the people its change feed names, and the model.
    pub(crate) fn follow(&self, view: &Snapshot, from: u64, region: &Region) -> Result<(), StoreError> {
        let mut from = from;
        let mut decided = false;
        while from < view.seq() {
            self.begin();
            let rows = view.feed_after(from, FOLLOWED_AT_ONCE)?;
            let Some(last) = rows.last() else { break };
            from = last.seq;
            decided |= rows.iter().any(|row| row.decision);
            let renewed: HashSet<PatientKey> = rows
                .iter()
                .flat_map(|row| &row.touched)
                .filter(|(kind, _)| *kind == ResourceType::Patient)
                .map(|(_, id)| id.patient)
                .collect();
            let touched: HashSet<PatientKey> = rows.iter().flat_map(|row| row.patients.iter().copied()).collect();
            for patient in touched {
                let person = view.person_of(patient, view.seq())?.unwrap_or_else(|| region.person(patient));
                let row = match renewed.contains(&patient) {
                    true => view.patient(patient)?.filter(|row| !row.directory),
                    false => None,
                };
                match row.and_then(|row| row.facts) {
                    Some(facts) => self.put(patient, person, &facts),
                    None => self.link(patient, person),
                }
            }
        }
        if decided {
            self.use_model(in_force(view.model()?.as_deref())?);
        }
        Ok(())
    }

    /// Load everybody anew, as `view` has them.
    pub(crate) fn reload(&self, view: &Snapshot) -> Result<(), StoreError> {
        *self.making.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let (index, model) = (Arc::new(load(view)?), in_force(view.model()?.as_deref())?);
        *self.index.write().unwrap_or_else(PoisonError::into_inner) = index;
        self.use_model(model);
        Ok(())
    }

    /// For tests: make the index anew when so few were added.
    #[cfg(test)]
    pub(crate) fn renewing_after(mut self, added: usize) -> Self {
        self.added_least = added;
        self
    }

    /// A batch begins.
    pub(crate) fn begin(&self) {
        self.changed.store(false, Ordering::Relaxed);
        self.renew();
    }

    /// Put the index that was made in the place of the one in use, or begin to make one if it is time.
    fn renew(&self) {
        let mut making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(done) = making.take_if(|making| making.index.is_finished()) {
            // If making it failed the one in use serves on.
            let Ok(Some(made)) = done.index.join() else { return };
            let old = self.index();
            for patient in done.since.into_iter().flatten() {
                made.catch_up(&old, patient);
            }
            *self.index.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(made);
            // Giving back gigabytes takes a while: nobody waits for it.
            drop(std::thread::Builder::new().name("people-old".into()).spawn(move || drop(old)));
        } else if making.is_none() {
            let index = self.index();
            if index.waiting() < self.added_least.max(index.len() / ADDED_ONE_IN) {
                return;
            }
            let outgrown = index.outgrown();
            if self.alone.load(Ordering::Relaxed) {
                if !outgrown {
                    return index.take_in();
                }
                drop(index);
                return self.renew_in_place();
            }
            let make = move || match outgrown {
                true => Some(index.compacted(1)),
                false => {
                    index.take_in();
                    None
                }
            };
            *making = std::thread::Builder::new()
                .name("people-new".into())
                .spawn(make)
                .ok()
                .map(|index| Making { index, since: outgrown.then(HashSet::new) });
        }
    }

    /// Nobody but the applier asks: the memory for a second index is spared.
    pub(crate) fn alone(&self) {
        self.alone.store(true, Ordering::Relaxed);
    }

    fn renew_in_place(&self) {
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        let nobody = Arc::new(Index::new(0, Vec::new()));
        *index = match Arc::try_unwrap(std::mem::replace(&mut *index, nobody)) {
            Ok(own) => {
                let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(THREADS_MOST);
                Arc::new(own.into_compacted(threads))
            }
            // Somebody looks at it all the same: at the next batch.
            Err(shared) => shared,
        };
    }

    fn note(&self, patient: PatientKey) {
        self.changed.store(true, Ordering::Relaxed);
        if let Some(since) =
            self.making.lock().unwrap_or_else(PoisonError::into_inner).as_mut().and_then(|making| making.since.as_mut())
        {
            since.insert(patient);
        }
    }

    /// More than that did not become true: the next undoing loads everybody.
    pub(crate) fn doubt(&self) {
        self.changed.store(true, Ordering::Relaxed);
    }

    /// What was put in since the batch began did not become true: load everybody anew.
    pub(crate) fn undo(&self, writer: &Writer) -> Result<(), StoreError> {
        if self.changed.load(Ordering::Relaxed) {
            // What is being made knows of it too.
            *self.making.lock().unwrap_or_else(PoisonError::into_inner) = None;
            let index = Arc::new(load(writer)?);
            *self.index.write().unwrap_or_else(PoisonError::into_inner) = index;
            self.changed.store(false, Ordering::Relaxed);
        }
        Ok(())
    }

    pub(crate) fn use_model(&self, model: Model) {
        *self.model.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(model);
    }

    /// The index as it is now. Patients may be added to it while it is used.
    pub fn index(&self) -> Arc<Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The model in force.
    pub fn model(&self) -> Arc<Model> {
        self.model.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ask the index: `with` gets a matcher.
    pub fn ask<T>(&self, with: impl FnOnce(&Matcher<'_>) -> T) -> T {
        let (index, model) = (self.index(), self.model());
        with(&Matcher::for_region(&index, &model))
    }

    pub(crate) fn put(&self, patient: PatientKey, person: PersonKey, facts: &PatientFacts) {
        self.note(patient);
        self.index().put(patient, person, facts);
    }

    pub(crate) fn link(&self, patient: PatientKey, person: PersonKey) {
        self.note(patient);
        self.index().link(patient, person);
    }
}

fn in_force(model: Option<&str>) -> Result<Model, StoreError> {
    match model {
        Some(text) => Model::from_json(text)
            .map_err(|e| StoreError::Unusable(format!("the identity model in force cannot be used: {e}"))),
        None => Ok(Model::builtin()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use identity::{Answer, Builder, Scratch};

    fn people(added_least: usize) -> People {
        People::of(Builder::new(16, Vec::new()).build(), Model::builtin()).renewing_after(added_least)
    }

    /// Somebody out of a small crowd, so that many are alike; some patients say something new of themselves later.
    fn said(step: u64) -> (PatientKey, PatientFacts) {
        let patient = if step.is_multiple_of(5) { step / 2 } else { step };
        let given = ["Ann", "Annie", "Bob", "Robert", "Mohammed", "Zoe"];
        let family = ["Smith", "Smyth", "Jones", "Okonkwo"];
        let pick =
            |list: &[&str], n: u64| list.get(usize::try_from(n).unwrap_or(0) % list.len()).map(|s| (*s).to_owned());
        let facts = PatientFacts {
            givens: pick(&given, step * 7 / 3).into_iter().collect(),
            families: pick(&family, step * 5 / 2).into_iter().collect(),
            birth: format!("19{}-0{}-1{}", 50 + step % 7, 1 + step % 3, step % 4).parse().ok(),
            gender: Some(if step.is_multiple_of(2) { "female" } else { "male" }.into()),
            postcode: Some(format!("OL{} 1AA", 1 + step % 6)),
            ..PatientFacts::default()
        };
        (PatientKey(patient), facts)
    }

    fn shown(answer: &Answer) -> String {
        let each =
            answer.candidates.iter().map(|known| format!("{} {} {}", known.patient, known.person, known.probability));
        format!("{:?} of {} {}", answer.outcome, answer.compared, each.collect::<Vec<_>>().join(", "))
    }

    /// What every step was decided, links made on the way.
    fn live(people: &People, steps: u64, wait: bool) -> Vec<String> {
        let mut scratch = Scratch::default();
        let mut decided = Vec::new();
        for step in 0..steps {
            if wait {
                while people.making.lock().unwrap().as_ref().is_some_and(|making| !making.index.is_finished()) {
                    std::thread::yield_now();
                }
            }
            people.begin();
            let (patient, facts) = said(step);
            people.put(patient, PersonKey(patient.0), &facts);
            let answer = people.ask(|matcher| matcher.decide(&facts, Some(patient), None, &mut scratch));
            if step.is_multiple_of(3)
                && let Some(best) = answer.candidates.first()
            {
                people.link(patient, best.person);
            }
            decided.push(shown(&answer));
        }
        decided
    }

    #[test]
    fn decisions_do_not_depend_on_when_the_index_is_made_anew() {
        let never = live(&people(usize::MAX), 900, false);
        let (at_leisure, at_once, alone) = (people(50), people(50), people(50));
        alone.alone();
        assert_eq!(live(&alone, 900, false), never);
        assert_eq!(live(&at_leisure, 900, false), never);
        assert_eq!(live(&at_once, 900, true), never);
        for index in [alone.index(), at_once.index()] {
            assert!(index.waiting() < 200, "what was added is posted: {}", index.waiting());
            assert!(index.added() > index.waiting(), "and was taken in: {}", index.added());
            assert!(!index.outgrown(), "into an index that was made anew before: {}", index.added());
        }
    }
}
