//! What somebody does for a living here: from a role code and the kind of organisation (`roles.toml`).

use super::files::{BadPolicy, ROLES};
use crate::{User, UserKind};
use serde::Deserialize;

/// A job.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// Its name in policies.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// The role codes that lead to it.
    pub roles: Vec<String>,
    /// The kinds of organisation that lead to it; empty: any.
    #[serde(default)]
    pub organisations: Vec<String>,
    /// Groups it belongs to.
    #[serde(default, rename = "in")]
    pub groups: Vec<String>,
}

/// All jobs, in the order they are tried.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jobs {
    #[serde(rename = "job")]
    jobs: Vec<Job>,
}

impl Jobs {
    pub(crate) fn read(text: &str) -> Result<Self, BadPolicy> {
        let jobs: Jobs = toml::from_str(text).map_err(|error| BadPolicy::new(ROLES, error.to_string()))?;
        let odd = jobs.jobs.iter().find(|job| job.name.is_empty() || job.roles.is_empty());
        match odd {
            Some(job) => Err(BadPolicy::new(ROLES, format!("job \"{}\" needs a name and at least one role", job.name))),
            None => Ok(jobs),
        }
    }

    /// All of them.
    pub fn all(&self) -> &[Job] {
        &self.jobs
    }

    /// The place of a user's job among them. A person and a system are what they are, whatever role they claim. Whoever is to
    /// see records works for an organisation that is known here: an unknown one leads to no such job.
    pub fn of(&self, user: &User, organisation_kind: &str) -> Option<usize> {
        let role = match user.kind {
            UserKind::Staff => match user.role_code.as_str() {
                // Nobody signs in as staff into the places of persons and systems.
                "person" | "system" => return None,
                role => role,
            },
            UserKind::Person => "person",
            UserKind::System => "system",
        };
        self.jobs.iter().position(|job| {
            job.roles.iter().any(|known| known == role)
                && (user.kind != UserKind::Staff || job.groups.is_empty() || !organisation_kind.is_empty())
                && (job.organisations.is_empty() || job.organisations.iter().any(|kind| kind == organisation_kind))
        })
    }

    /// The job of this name.
    pub fn named(&self, name: &str) -> Option<(usize, &Job)> {
        self.jobs.iter().enumerate().find(|(_, job)| job.name == name)
    }
}
