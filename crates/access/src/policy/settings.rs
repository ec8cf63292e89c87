//! Times, limits and reasons (`settings.toml`).

use super::files::{BadPolicy, SETTINGS};
use jiff::SignedDuration;
use mapping::bearing::Bears;
use serde::Deserialize;

/// A reason that a user may give for opening somebody's record.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// Its code, in policies and the audit trail.
    pub code: String,
    /// As users read it.
    pub title: String,
    /// Whether more must be written.
    #[serde(default)]
    pub words: bool,
    /// How often a user may give it in 24 hours; left out: as often as any.
    #[serde(default)]
    pub per_day: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Relationships {
    admitted_days: u16,
    attended_days: u16,
    appointment_days: u16,
    referred_days: u16,
    caseload_days: u16,
    plan_days: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Glass {
    minutes: u16,
    per_day: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    hours: u16,
    per_day: u32,
}

/// What becomes of an objection that a person states on their own page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectionByPerson {
    /// The privacy officer is asked, and grants or declines it.
    #[default]
    Asked,
    /// It holds at once.
    AtOnce,
}

/// Times, limits and reasons.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(default)]
    objection_by_person: ObjectionByPerson,
    relationships: Relationships,
    glass: Glass,
    claims: Claims,
    #[serde(rename = "reason")]
    reasons: Vec<Reason>,
}

impl Settings {
    pub(crate) fn read(text: &str) -> Result<Self, BadPolicy> {
        let settings: Settings = toml::from_str(text).map_err(|error| BadPolicy::new(SETTINGS, error.to_string()))?;
        if settings.glass.minutes == 0 || settings.claims.hours == 0 {
            return Err(BadPolicy::new(SETTINGS, "glass.minutes and claims.hours are at least 1"));
        }
        Ok(settings)
    }

    /// For how long after its end a relationship still counts.
    pub fn grace(&self, bears: Bears) -> SignedDuration {
        let days = match bears {
            Bears::Admitted => self.relationships.admitted_days,
            Bears::Attended => self.relationships.attended_days,
            Bears::Appointment => self.relationships.appointment_days,
            Bears::Referred => self.relationships.referred_days,
            Bears::Caseload => self.relationships.caseload_days,
            Bears::Plan => self.relationships.plan_days,
            Bears::Registered | Bears::Objects | Bears::ObjectsRegionally => 0,
        };
        SignedDuration::from_hours(24 * i64::from(days))
    }

    /// The longest of them: nothing that ended before counts.
    pub fn grace_max(&self) -> SignedDuration {
        let all = [Bears::Admitted, Bears::Attended, Bears::Appointment, Bears::Referred, Bears::Caseload, Bears::Plan];
        all.into_iter().map(|bears| self.grace(bears)).max().unwrap_or_default()
    }

    /// How long a broken glass stays broken.
    pub fn glass_for(&self) -> SignedDuration {
        SignedDuration::from_mins(i64::from(self.glass.minutes))
    }

    /// How often a user may break the glass in 24 hours.
    pub fn glass_per_day(&self) -> u32 {
        self.glass.per_day
    }

    /// How long a reason once given holds.
    pub fn claim_for(&self) -> SignedDuration {
        SignedDuration::from_hours(i64::from(self.claims.hours))
    }

    /// How often a user may give a reason in 24 hours.
    pub fn claims_per_day(&self) -> u32 {
        self.claims.per_day
    }

    /// What becomes of an objection that a person states on their own page.
    pub fn objection_by_person(&self) -> ObjectionByPerson {
        self.objection_by_person
    }

    /// The reasons to choose from.
    pub fn reasons(&self) -> &[Reason] {
        &self.reasons
    }

    /// The reason of a code.
    pub fn reason(&self, code: &str) -> Option<&Reason> {
        self.reasons.iter().find(|reason| reason.code == code)
    }
}
