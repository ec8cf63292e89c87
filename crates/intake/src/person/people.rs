//! The index of people in memory, and the model that weighs: kept up by the applier alone, in journal order, so that a
//! replay decides the same; read by whoever looks for people.

use fhir::{PatientKey, PersonKey};
use identity::{Builder, Index, Matcher, Model, PatientFacts};
use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicBool, Ordering},
};
use store::{StoreError, Writer};

/// Room for so many patients to begin with.
const EXPECTED_LEAST: usize = 1024;

/// The index of people. Readers wait for nobody.
#[derive(Debug)]
pub struct People {
    index: RwLock<Arc<Index>>,
    model: RwLock<Arc<Model>>,
    /// Whether the index was changed since the running batch began.
    changed: AtomicBool,
}

impl People {
    /// Everybody in the store, and the model in force.
    ///
    /// # Errors
    /// The store's; [`StoreError::Unusable`] when the model in force cannot be read by this version.
    pub fn load(writer: &Writer) -> Result<Self, StoreError> {
        let model = match writer.model()? {
            Some(text) => Model::from_json(&text)
                .map_err(|e| StoreError::Unusable(format!("the identity model in force cannot be used: {e}")))?,
            None => Model::builtin(),
        };
        let index = RwLock::new(Arc::new(load(writer)?));
        Ok(People { index, model: RwLock::new(Arc::new(model)), changed: AtomicBool::new(false) })
    }

    /// A batch begins.
    pub(crate) fn begin(&self) {
        self.changed.store(false, Ordering::Relaxed);
    }

    /// What was put in since the batch began did not become true: load everybody anew.
    pub(crate) fn undo(&self, writer: &Writer) -> Result<(), StoreError> {
        if self.changed.swap(false, Ordering::Relaxed) {
            let index = Arc::new(load(writer)?);
            *self.index.write().unwrap_or_else(PoisonError::into_inner) = index;
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
        self.changed.store(true, Ordering::Relaxed);
        self.index().put(patient, person, facts);
    }

    pub(crate) fn link(&self, patient: PatientKey, person: PersonKey) {
        self.changed.store(true, Ordering::Relaxed);
        self.index().link(patient, person);
    }
}

fn load(writer: &Writer) -> Result<Index, StoreError> {
    let mut builder = Builder::new(EXPECTED_LEAST, Vec::new());
    writer.each_patient(|patient, person, _, _, facts| {
        builder.add(patient, person, &facts);
        Ok(())
    })?;
    Ok(builder.build())
}
