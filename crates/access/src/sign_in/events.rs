//! Signing in and out, written to the audit trail before the answer leaves: successes, refusals, switched roles, ends.

use crate::{Refusal, User, Via};
use jiff::Timestamp;
use serde::Serialize;
use store::{
    StoreError,
    audit::{Audit, NewAuditEntry},
};

/// What happened. No names typed in, no numbers: what is not in a user of ours is not written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// Somebody signed in.
    SignIn,
    /// Somebody who is signed in took up another of their roles.
    SwitchRole,
    /// Somebody signed out.
    SignOut,
    /// Somebody ended all their sessions, or the provider did.
    SignOutEverywhere,
    /// A provider vouched for somebody who may not come in: no role, no record, not sure enough.
    SignInRefused,
    /// A client system was given an access token.
    TokenGranted,
}

#[derive(Serialize)]
struct Entry<'a> {
    action: Event,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
    user: &'a User,
    /// Where the request came from.
    via: &'a Via,
    /// How: a provider's id, or `password`.
    by: &'a str,
}

/// The audit trail, as far as signing in writes to it.
#[derive(Clone)]
pub struct Events {
    audit: Audit,
}

impl Events {
    /// Write to this trail.
    pub fn new(audit: Audit) -> Self {
        Events { audit }
    }

    /// Write an entry; done when it is on disk. `via`: where the request came from. `by`: the provider's id, or `password`.
    ///
    /// # Errors
    /// [`Refusal::NotRecorded`]: without an entry nobody comes in.
    pub async fn record(
        &self,
        event: Event,
        why: Option<&str>,
        user: &User,
        via: &Via,
        by: &str,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let outcome = if event == Event::SignInRefused { "refused" } else { "permitted" };
        let entry = Entry { action: event, outcome, why, user, via, by };
        let body = serde_json::to_string(&entry).map_err(|e| StoreError::Corrupt(format!("audit entry: {e}")))?;
        let written = self.audit.append(NewAuditEntry {
            at: now,
            person: user.person,
            user: user.id.clone(),
            body,
            ..NewAuditEntry::default()
        })?;
        written.await.map_err(|_| StoreError::Stopped("the audit is closed".into()))??;
        Ok(())
    }
}
