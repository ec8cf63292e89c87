//! Writing in a record: the one way from a page through the gate into the journal. Who calls has a [`WritePermit`]; when
//! [`put`] returns, what was written is on disk and visible to everybody, or nothing of it is.

use crate::{error::PageError, session::SignedIn, state::AppState};
use access::{User, UserKind, WritePermit};
use fhir::{PatientKey, PersonKey, Resource, ResourceId, ResourceType};
use intake::{Applied, CHANGED, Expected, Writing};
use std::{sync::Arc, time::Duration};

/// So long a page waits for what it wrote to be visible.
const PATIENCE: Duration = Duration::from_secs(30);

/// What became of something that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrote {
    /// It is there, as of this change.
    At(u64),
    /// Somebody changed what it was written over: nothing of it is done.
    Changed,
}

/// Ask the gate for leave to write. `act`: `sign`, `draft`, `discard`, `withdraw`; `what`: as the policies name it. The entry
/// of the audit trail is on disk when this returns.
///
/// # Errors
/// As the gate refuses.
pub async fn ask(
    state: &AppState,
    who: &SignedIn,
    person: PersonKey,
    act: &'static str,
    what: &str,
) -> Result<WritePermit, PageError> {
    let (site, user, what) = (state.clone(), Arc::clone(&who.user), what.to_owned());
    let work = move || site.gate.write(&user, person, (act, &what), site.now());
    let permit = crate::blocking::spawn(work).await.map_err(|error| PageError::Fault(error.to_string()))??;
    permit.recorded().await?;
    Ok(permit)
}

/// The patient that something new is attached to: one of the author's organisation, or the one linked longest.
///
/// # Errors
/// When the person has no patients any more.
pub fn home(state: &AppState, permit: &WritePermit) -> Result<PatientKey, PageError> {
    let mut patients = Vec::new();
    for patient in permit.permit().patients() {
        patients.push((*patient, state.records.source_of(*patient)?.unwrap_or_default()));
    }
    intake::home(&patients, permit.permit().sight().own_sources()).ok_or(PageError::NotFound)
}

/// An id for a new resource of a patient.
///
/// # Errors
/// When the system gives no random numbers.
pub fn new_id(state: &AppState, patient: PatientKey, kind: ResourceType) -> Result<ResourceId, PageError> {
    let name = crate::secret::new().ok_or_else(|| PageError::Fault("no random numbers".into()))?;
    Ok(intake::local(state.engine()?.region(), patient, kind, &name))
}

/// The id of a resource that is made of something with a name of its own: made twice, it is the same, and refused.
///
/// # Errors
/// While there is no engine.
pub fn id_of(state: &AppState, patient: PatientKey, kind: ResourceType, name: &str) -> Result<ResourceId, PageError> {
    Ok(intake::local(state.engine()?.region(), patient, kind, name))
}

/// Who writes, in words that stay with what is written.
pub fn author(user: &User) -> String {
    let parts = [user.name.as_str(), user.role_name.as_str(), user.org_name.as_str()];
    let parts: Vec<&str> = match user.kind {
        UserKind::Person => vec![user.name.as_str(), "the person themselves"],
        _ => parts.into_iter().filter(|part| !part.is_empty()).collect(),
    };
    parts.join(", ")
}

/// Put resources into the journal, all or nothing, and wait until they are visible. `expects`: what they are written over, as
/// their author saw it; each of them that is changed must be among them.
///
/// # Errors
/// When nothing can be stored; or processing has stopped, and what was written shows once it goes on.
pub async fn put(
    state: &AppState,
    permit: &WritePermit,
    expects: Vec<Expected>,
    resources: &[Resource],
) -> Result<Wrote, PageError> {
    let user = permit.user();
    let writing = Writing { by: user.id.clone(), name: author(user), what: permit.what().to_owned(), expects };
    let engine = state.engine()?.clone();
    let (now, resources) = (state.now(), resources.to_vec());
    // On its way it is no longer called off, whether or not somebody still waits for the answer.
    let writes = tokio::spawn(async move { engine.write(&writing, &resources, now).await });
    let Ok(written) = tokio::time::timeout(PATIENCE, writes).await else {
        let sentence = "What you signed is stored. Much else is being processed just now, so it shows in the record only in a \
                        few minutes. Do not sign it again.";
        return Err(PageError::NotNow(sentence.into()));
    };
    let (pos, applied) = written.map_err(|error| PageError::Fault(error.to_string()))??;
    match applied {
        Applied::Done => Ok(Wrote::At(pos)),
        Applied::Refused(findings) | Applied::Waits(findings) => {
            if findings.iter().any(|finding| finding.code == CHANGED) {
                return Ok(Wrote::Changed);
            }
            // What we made ourselves is refused by ourselves: the texts name no person.
            let why: Vec<String> = findings.into_iter().map(|finding| finding.text).collect();
            Err(PageError::Fault(format!("what was written was refused: {}", why.join("; "))))
        }
    }
}
