//! What is asked of the policies: values that say all a decision rests on, so that equal questions have equal answers.

use fhir::ResourceType;
use mapping::bearing::Bears;
use serde::{Deserialize, Serialize};

/// A set of relationships.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "Vec<String>", from = "Vec<String>")]
pub struct Relations(u8);

/// Every relationship with its name in policies.
pub const RELATIONS: [(Bears, &str); 7] = [
    (Bears::Registered, "registered"),
    (Bears::Admitted, "admitted"),
    (Bears::Attended, "attended"),
    (Bears::Appointment, "appointment"),
    (Bears::Referred, "referred"),
    (Bears::Caseload, "caseload"),
    (Bears::Plan, "plan"),
];

impl Relations {
    /// Add one; objections are none.
    pub fn add(&mut self, bears: Bears) {
        if let Some(place) = RELATIONS.iter().position(|(known, _)| *known == bears) {
            self.0 |= 1 << place;
        }
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Their names.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let has = move |place: usize| self.0 & (1 << place) != 0;
        RELATIONS.iter().enumerate().filter(move |(place, _)| has(*place)).map(|(_, (_, name))| *name)
    }

    /// Their places in [`RELATIONS`].
    pub fn places(self) -> impl Iterator<Item = usize> {
        (0..RELATIONS.len()).filter(move |place| self.0 & (1 << place) != 0)
    }

    /// These and those.
    #[must_use]
    pub fn and(self, others: Relations) -> Self {
        Relations(self.0 | others.0)
    }

    /// Of names; unknown ones are left out.
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut relations = Relations::default();
        for name in names {
            if let Some((bears, _)) = RELATIONS.iter().find(|(_, known)| *known == name) {
                relations.add(*bears);
            }
        }
        relations
    }
}

impl From<Relations> for Vec<String> {
    fn from(relations: Relations) -> Self {
        relations.names().map(str::to_owned).collect()
    }
}

impl From<Vec<String>> for Relations {
    fn from(names: Vec<String>) -> Self {
        Relations::of(names.iter().map(String::as_str))
    }
}

/// The circumstances of an access to a record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Access {
    /// Why (HL7 v3 PurposeOfUse): `TREAT`, `PATRQT` …
    pub purpose: String,
    /// What links the user's organisation with the person.
    pub relationships: Relations,
    /// The code of the reason the user gave; empty: none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub claimed: String,
    /// Whether the user broke the glass.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub glass: bool,
    /// Whether the person objects to all sharing with this user.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub objected: bool,
    /// Whether it is the user's own record.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub own: bool,
}

/// What is asked of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Door {
    /// Open it.
    Open,
    /// Give a reason for opening it.
    Claim,
    /// Break the glass.
    BreakGlass,
}

/// What people write here that the built-in policies speak of. A region's own forms may bring others.
pub const WRITINGS: [&str; 10] = [
    "about-me",
    "urgent-care",
    "respect",
    "crisis",
    "contingency",
    "advance-care",
    "care-and-support",
    "referral",
    "urgent-test",
    "answer",
];

impl Door {
    /// The action's name in policies.
    pub fn name(self) -> &'static str {
        match self {
            Door::Open => "open",
            Door::Claim => "claim",
            Door::BreakGlass => "breakGlass",
        }
    }
}

/// Work that is not on one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Desk {
    /// Looking for people.
    Find,
    /// The error desk.
    Errors,
    /// Who is who.
    WhoIsWho,
    /// Who looked.
    Privacy,
    /// Users, organisations, clients.
    Administer,
    /// By what identifiers people are known.
    CrossReference,
    /// The audit trail, for systems that watch over it.
    AuditTrail,
    /// What teams are told, and where the people of caseloads are.
    Worklist,
    /// Who is on the caseloads that are kept here.
    Caseloads,
}

impl Desk {
    /// The action's name in policies.
    pub fn name(self) -> &'static str {
        match self {
            Desk::Find => "find",
            Desk::Errors => "errorDesk",
            Desk::WhoIsWho => "whoIsWho",
            Desk::Privacy => "privacyDesk",
            Desk::Administer => "administer",
            Desk::CrossReference => "crossReference",
            Desk::AuditTrail => "auditTrail",
            Desk::Worklist => "worklist",
            Desk::Caseloads => "keepCaseloads",
        }
    }
}

/// Where entries of a type stand in a record, as policies name it.
pub fn section(kind: ResourceType) -> &'static str {
    use ResourceType as T;
    match kind {
        T::Patient | T::Person | T::RelatedPerson => "person",
        T::MedicationRequest
        | T::MedicationStatement
        | T::MedicationDispense
        | T::MedicationAdministration
        | T::Medication
        | T::Device
        | T::DeviceUseStatement => "medicines",
        T::DiagnosticReport
        | T::Observation
        | T::Specimen
        | T::ImagingStudy
        | T::Media
        | T::MolecularSequence
        | T::BodyStructure => "results",
        T::DocumentReference | T::DocumentManifest | T::Binary | T::Composition | T::Communication => "letters",
        T::Encounter | T::Appointment | T::AppointmentResponse | T::EpisodeOfCare => "visits",
        T::CarePlan | T::Goal | T::CareTeam | T::Consent | T::QuestionnaireResponse | T::NutritionOrder => "plans",
        T::Practitioner | T::PractitionerRole | T::Organization | T::Location | T::HealthcareService => "contacts",
        T::Flag | T::RiskAssessment | T::DetectedIssue => "alerts",
        T::ServiceRequest | T::Task | T::RequestGroup | T::CommunicationRequest => "admin",
        T::Coverage
        | T::Claim
        | T::Account
        | T::ChargeItem
        | T::ExplanationOfBenefit
        | T::Provenance
        | T::AuditEvent => "admin",
        _ => "clinical",
    }
}
