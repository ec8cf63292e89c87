//! The policies as a table: every job against every kind of entry, relationship and label. What it says is asked of the
//! policies, not written down beside them.

use super::{
    Class, LabelSet, Policies,
    questions::{Access, Door, RELATIONS, Relations, WRITINGS, section},
};
use crate::{User, UserKind};
use fhir::ResourceType as T;
use std::fmt::Write;

/// The types a record mostly consists of, in the order of its sections.
pub const TYPES: [T; 26] = [
    T::Patient,
    T::RelatedPerson,
    T::Condition,
    T::AllergyIntolerance,
    T::Procedure,
    T::Immunization,
    T::FamilyMemberHistory,
    T::ClinicalImpression,
    T::MedicationRequest,
    T::MedicationStatement,
    T::Observation,
    T::DiagnosticReport,
    T::ImagingStudy,
    T::DocumentReference,
    T::Binary,
    T::Composition,
    T::Encounter,
    T::Appointment,
    T::EpisodeOfCare,
    T::CarePlan,
    T::CareTeam,
    T::QuestionnaireResponse,
    T::Consent,
    T::Flag,
    T::ServiceRequest,
    T::Task,
];

/// How somebody comes to a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// By nothing.
    None,
    /// By a relationship that the data show.
    Relationship(&'static str),
    /// By a reason of their own.
    Claimed(&'static str),
    /// Through broken glass.
    Glass,
    /// It is their own.
    Own,
}

impl Way {
    /// All ways there are, in the order of the table.
    pub fn all() -> Vec<Way> {
        let mut ways = vec![Way::None];
        ways.extend(RELATIONS.iter().map(|(_, name)| Way::Relationship(name)));
        ways.extend([Way::Claimed("ongoing-care"), Way::Claimed("vital-interests"), Way::Glass, Way::Own]);
        ways
    }

    /// Its name.
    pub fn name(&self) -> String {
        match self {
            Way::None => "nothing known".into(),
            Way::Relationship(name) => (*name).into(),
            Way::Claimed(reason) => format!("claims {reason}"),
            Way::Glass => "broken glass".into(),
            Way::Own => "own record".into(),
        }
    }

    /// The circumstances it makes.
    pub fn access(&self) -> Access {
        let mut access = Access { purpose: "TREAT".into(), ..Access::default() };
        match self {
            Way::None => {}
            Way::Relationship(name) => access.relationships = Relations::of([*name]),
            Way::Claimed(reason) => access.claimed = (*reason).into(),
            Way::Glass => access.glass = true,
            Way::Own => {
                access.own = true;
                access.purpose = "PATRQT".into();
            }
        }
        access
    }
}

/// A user in a job, with the kind of organisation it is done in.
pub fn user(policies: &Policies, job: &str) -> Option<(User, String)> {
    let (_, job) = policies.jobs().named(job)?;
    let role = job.roles.first()?;
    let kind = match role.as_str() {
        "person" => UserKind::Person,
        "system" => UserKind::System,
        _ => UserKind::Staff,
    };
    let user = User { kind, ..User::staff("matrix", "", (role, &job.title), ("X", "")) };
    Some((user, job.organisations.first().cloned().unwrap_or_else(|| "hospital".to_owned())))
}

/// Whether somebody in a job who comes this way sees entries like this.
pub fn sees(policies: &Policies, job: &str, way: &Way, class: Class) -> bool {
    let Some((user, kind)) = user(policies, job) else { return false };
    let access = way.access();
    policies.record(&user, &kind, Door::Open, &access).allowed
        && policies.item(&user, &kind, class, true, false, &access).allowed
}

/// Whether somebody in a job who comes this way writes something of this name.
pub fn writes(policies: &Policies, job: &str, way: &Way, what: &str) -> bool {
    let Some((user, kind)) = user(policies, job) else { return false };
    let access = way.access();
    policies.record(&user, &kind, Door::Open, &access).allowed && policies.write(&user, &kind, what, &access).allowed
}

/// An entry of a type with one label, or none.
pub fn entry(policies: &Policies, kind: T, label: Option<&str>) -> Class {
    let labels = label.and_then(|name| policies.labels().named(name)).unwrap_or(LabelSet(0));
    Class { labels, ..Class::plain(kind) }
}

/// The whole table, in Markdown.
pub fn markdown(policies: &Policies) -> String {
    let mut text = String::from(
        "# Who sees what\n\nMade from the policies by `skein policy matrix`; a test compares it with them. Not to be edited.\n\n",
    );
    let _ = writeln!(text, "Version of the policies: `{}`.\n", policies.version());
    let mut jobs: Vec<&str> = Vec::new();
    for job in policies.jobs().all() {
        if !jobs.contains(&job.name.as_str()) {
            jobs.push(&job.name);
        }
    }
    let ways = Way::all();
    let _ = writeln!(text, "## Who opens a record\n\nBy what links them with the person.\n");
    heading(&mut text, "job", ways.iter().map(Way::name));
    for job in &jobs {
        let Some((user, kind)) = user(policies, job) else { continue };
        let opens = ways.iter().map(|way| {
            let access = way.access();
            let open = policies.record(&user, &kind, Door::Open, &access).allowed;
            let objected = policies.record(&user, &kind, Door::Open, &Access { objected: true, ..access }).allowed;
            match (open, objected) {
                (true, true) => "yes, and past an objection",
                (true, false) => "yes",
                _ => "–",
            }
            .to_owned()
        });
        row(&mut text, job, opens);
    }
    let _ = writeln!(text, "\n## Who writes what\n\nBy what links them with the person.\n");
    heading(&mut text, "job", WRITINGS.iter().map(|what| (*what).to_owned()));
    for job in &jobs {
        let cells = WRITINGS.iter().map(|what| {
            let by: Vec<String> = ways.iter().filter(|way| writes(policies, job, way, what)).map(Way::name).collect();
            let all_data = RELATIONS.iter().all(|(_, name)| by.iter().any(|way| way == name));
            match by.len() {
                0 => "–".to_owned(),
                count if all_data && count == RELATIONS.len() => "any relationship of the data".to_owned(),
                _ => by.join(", "),
            }
        });
        row(&mut text, job, cells);
    }
    let mut labels: Vec<Option<&str>> = vec![None];
    labels.extend(policies.labels().all().map(|(name, _)| Some(name)));
    for job in &jobs {
        let opens: Vec<&Way> =
            ways.iter().filter(|way| TYPES.iter().any(|kind| sees(policies, job, way, Class::plain(*kind)))).collect();
        if opens.is_empty() {
            continue;
        }
        let _ = writeln!(text, "\n## What a {job} sees\n");
        let _ = writeln!(
            text,
            "`all`: whatever way they came that opens the record; else the ways by which they see it.\n"
        );
        heading(&mut text, "entry", labels.iter().map(|label| label.unwrap_or("plain").to_owned()));
        for kind in TYPES {
            let cells = labels.iter().map(|label| {
                let class = entry(policies, kind, *label);
                let by: Vec<String> =
                    opens.iter().filter(|way| sees(policies, job, way, class)).map(|way| way.name()).collect();
                match by.len() {
                    0 => "–".to_owned(),
                    count if count == opens.len() => "all".to_owned(),
                    _ => by.join(", "),
                }
            });
            row(&mut text, &format!("{kind} ({})", section(kind)), cells);
        }
    }
    text
}

fn heading(text: &mut String, first: &str, names: impl Iterator<Item = String>) {
    let names: Vec<String> = names.collect();
    let _ = writeln!(text, "| {first} | {} |", names.join(" | "));
    let _ = writeln!(text, "|---|{}", "---|".repeat(names.len()));
}

fn row(text: &mut String, first: &str, cells: impl Iterator<Item = String>) {
    let cells: Vec<String> = cells.collect();
    let _ = writeln!(text, "| {first} | {} |", cells.join(" | "));
}
