//! What an audit entry says, written and read.

use super::{Action, Refusal, situation::Situation};
use crate::{User, policy::Ruling};
use fhir::{PatientKey, PersonKey};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::StoreError;

/// How an access ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The gate opened.
    Permitted,
    /// The gate stayed shut.
    Refused,
    /// There is no such person.
    NotFound,
}

/// Where a request came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Via {
    /// The client's address, as far as the server knows.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// The id of the request in logs and traces (W3C Trace Context where the client sent one).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub trace: String,
    /// The page of a record that was asked for: path and query, which hold opaque ids alone.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub page: String,
}

/// A record that was opened as it stood at a former moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AsAt {
    /// The moment.
    pub then: Timestamp,
    /// The newest `seq` when it was opened: what was known by then decided what was shown.
    pub known: u64,
}

#[derive(Serialize)]
pub(super) struct Writing<'a> {
    #[serde(flatten)]
    pub action: &'a Action,
    pub outcome: Outcome,
    pub user: &'a User,
    pub via: &'a Via,
    pub policy: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub rules: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub situation: Option<&'a Situation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_at: Option<AsAt>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub patients: Vec<String>,
    /// The id by which what was shown names this access.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub access: &'a str,
    /// What an entry about another is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<u64>,
    /// In the words of whoever wrote it.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub words: &'a str,
}

/// An access, read back.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Recorded {
    /// What was done.
    pub action: String,
    /// How it ended: `permitted`, `refused`, `not-found`.
    pub outcome: String,
    /// Who.
    pub user: User,
    /// Where from.
    pub via: Via,
    /// The version of the policies.
    pub policy: String,
    /// The rules that decided.
    pub rules: Vec<String>,
    /// Why it was refused.
    pub because: Option<String>,
    /// The circumstances.
    pub situation: Option<Situation>,
    /// The `seq` the record was read at.
    pub seq: Option<u64>,
    /// The moment the record was read as of, where it was not read as it is.
    pub as_at: Option<AsAt>,
    /// The patients the person was.
    pub patients: Vec<String>,
    /// The id of the access.
    pub access: String,
    /// The page, by its name in the audit trail.
    pub page: String,
    /// What was asked of the API.
    pub what: String,
    /// By what people were looked for.
    pub criteria: Vec<String>,
    /// The entry this is about.
    pub of: Option<u64>,
    /// The reason's code.
    pub reason: String,
    /// In the words of whoever wrote it.
    pub words: String,
    /// How a matter ended.
    pub ended: String,
}

impl Recorded {
    /// Of an entry's text. An entry of a former form gives what it holds.
    pub fn read(body: &str) -> Option<Self> {
        serde_json::from_str(body).ok()
    }

    /// The page, by its name in the audit trail, and as of when it was shown where that was not the time of the access.
    pub fn page_words(&self) -> String {
        match self.as_at {
            Some(as_at) => format!("{} as it stood at {}", self.page, as_at.then).trim_start().to_owned(),
            None => self.page.clone(),
        }
    }
}

pub(super) fn json(entry: &impl Serialize) -> Result<String, Refusal> {
    let written = serde_json::to_string(entry);
    Ok(written.map_err(|error| StoreError::Corrupt(format!("audit entry: {error}")))?)
}

/// Whom and what an access is about.
#[derive(Clone, Copy, Default)]
pub(super) struct About<'a> {
    pub person: Option<PersonKey>,
    pub seq: Option<u64>,
    pub as_at: Option<AsAt>,
    pub patients: &'a [PatientKey],
    pub situation: Option<&'a Situation>,
    pub ruling: Option<&'a Ruling>,
    pub access: &'a str,
    pub of: Option<u64>,
    pub words: &'a str,
}
