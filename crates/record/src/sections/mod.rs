//! The sections of a record (PRSB Core Information Standard, in their FHIR R4 UK Core homes), each a pure function from
//! items to what is shown. What several sources say of one thing stands on one line with every statement kept; nothing
//! is dropped in joining (hazard: allergy lost in de-duplication).

pub mod allergies;
pub mod contacts;
pub mod cumulative;
pub mod documents;
pub mod events;
mod headings;
pub mod medicines;
pub mod plans;
pub mod problems;
mod replaced;
pub mod requests;
pub mod results;
pub mod standard;
pub mod visits;

use crate::{
    item::{Origin, ParsedItem},
    reconcile::{Key, Together, by_statement},
    text::{Code, Concept, without_tag},
    when::When,
};
use fhir::ResourceType;
use std::collections::HashMap;

/// A part of the record with a page of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SectionKind {
    /// The first screen.
    Summary,
    /// Problems and diagnoses.
    Problems,
    /// Medicines.
    Medicines,
    /// Allergies and adverse reactions.
    Allergies,
    /// Investigation results and measurements.
    Results,
    /// Letters and other documents.
    Letters,
    /// Encounters and appointments.
    Visits,
    /// Care and support plans, About me, legal.
    Plans,
    /// The person, their people and their professionals.
    Contacts,
    /// Vaccinations.
    Vaccinations,
    /// Procedures and devices.
    Procedures,
    /// Alerts and reasonable adjustments.
    Alerts,
    /// Referrals and requests.
    Referrals,
    /// Resources no other section shows.
    Other,
}

impl SectionKind {
    /// All of them, in the order of the menu.
    pub const ALL: [SectionKind; 14] = [
        SectionKind::Summary,
        SectionKind::Problems,
        SectionKind::Medicines,
        SectionKind::Allergies,
        SectionKind::Results,
        SectionKind::Letters,
        SectionKind::Visits,
        SectionKind::Plans,
        SectionKind::Contacts,
        SectionKind::Alerts,
        SectionKind::Procedures,
        SectionKind::Vaccinations,
        SectionKind::Referrals,
        SectionKind::Other,
    ];

    /// The word in a page's address.
    pub fn slug(self) -> &'static str {
        match self {
            SectionKind::Summary => "summary",
            SectionKind::Problems => "problems",
            SectionKind::Medicines => "medicines",
            SectionKind::Allergies => "allergies",
            SectionKind::Results => "results",
            SectionKind::Letters => "letters",
            SectionKind::Visits => "visits",
            SectionKind::Plans => "plans",
            SectionKind::Contacts => "contacts",
            SectionKind::Vaccinations => "vaccinations",
            SectionKind::Procedures => "procedures",
            SectionKind::Alerts => "alerts",
            SectionKind::Referrals => "referrals",
            SectionKind::Other => "other",
        }
    }

    /// The heading.
    pub fn title(self) -> &'static str {
        match self {
            SectionKind::Summary => "Summary",
            SectionKind::Problems => "Problems",
            SectionKind::Medicines => "Medicines",
            SectionKind::Allergies => "Allergies",
            SectionKind::Results => "Results",
            SectionKind::Letters => "Letters",
            SectionKind::Visits => "Visits and appointments",
            SectionKind::Plans => "Care plans",
            SectionKind::Contacts => "Person and contacts",
            SectionKind::Vaccinations => "Vaccinations",
            SectionKind::Procedures => "Procedures and devices",
            SectionKind::Alerts => "Alerts",
            SectionKind::Referrals => "Referrals",
            SectionKind::Other => "Everything else",
        }
    }

    /// The section with this slug.
    pub fn from_slug(slug: &str) -> Option<SectionKind> {
        SectionKind::ALL.into_iter().find(|section| section.slug() == slug)
    }

    /// The resource types it is made of; empty for the summary (all) and for everything else.
    pub const fn kinds(self) -> &'static [ResourceType] {
        use ResourceType::*;
        match self {
            SectionKind::Summary | SectionKind::Other => &[],
            SectionKind::Problems => &[Condition],
            SectionKind::Medicines => {
                &[MedicationStatement, MedicationRequest, MedicationDispense, MedicationAdministration, Medication]
            }
            SectionKind::Allergies => &[AllergyIntolerance, List],
            SectionKind::Results => &[DiagnosticReport, Observation],
            SectionKind::Letters => &[DocumentReference, DiagnosticReport],
            SectionKind::Visits => &[Encounter, Appointment],
            SectionKind::Plans => {
                &[CarePlan, Goal, QuestionnaireResponse, Composition, Consent, DocumentReference, Condition]
            }
            SectionKind::Contacts => {
                &[Patient, RelatedPerson, CareTeam, EpisodeOfCare, PractitionerRole, Practitioner, Organization]
            }
            SectionKind::Vaccinations => &[Immunization],
            SectionKind::Procedures => &[Procedure, Device, DeviceUseStatement],
            SectionKind::Alerts => &[Flag, RiskAssessment],
            SectionKind::Referrals => &[ServiceRequest, Task],
        }
    }

    /// The types whose absence makes the section empty: what a source must share for the section to have anything of it.
    pub const fn main_kinds(self) -> &'static [ResourceType] {
        use ResourceType::*;
        match self {
            SectionKind::Medicines => {
                &[MedicationStatement, MedicationRequest, MedicationDispense, MedicationAdministration]
            }
            SectionKind::Allergies => &[AllergyIntolerance],
            SectionKind::Results => &[DiagnosticReport, Observation],
            SectionKind::Letters => &[DocumentReference],
            SectionKind::Plans => &[CarePlan, QuestionnaireResponse, Composition, Consent],
            SectionKind::Contacts => &[RelatedPerson, CareTeam],
            SectionKind::Procedures => &[Procedure, Device],
            SectionKind::Alerts => &[Flag],
            SectionKind::Referrals => &[ServiceRequest, Task],
            other => other.kinds(),
        }
    }
}

/// How strongly a mark speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tone {
    /// Plain information.
    Plain,
    /// Good to know.
    Good,
    /// Read this before acting.
    Caution,
    /// Act on this.
    Danger,
}

impl Tone {
    /// Its word, for styling.
    pub fn slug(self) -> &'static str {
        match self {
            Tone::Plain => "plain",
            Tone::Good => "good",
            Tone::Caution => "caution",
            Tone::Danger => "danger",
        }
    }
}

/// A short word set beside a title: `High risk`, `Suspected`, `Dose differs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The word.
    pub text: String,
    /// How strongly it speaks.
    pub tone: Tone,
}

impl Mark {
    /// A mark.
    pub fn new(text: impl Into<String>, tone: Tone) -> Mark {
        Mark { text: text.into(), tone }
    }
}

/// A labelled detail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// `Dose`, `Reaction`, `Ward` …
    pub label: &'static str,
    /// What is said.
    pub text: String,
}

/// What one source says of one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The thing, in this source's words.
    pub title: String,
    /// Its codes.
    pub codes: Vec<Code>,
    /// Details.
    pub facts: Vec<Fact>,
    /// Marks.
    pub marks: Vec<Mark>,
    /// What the date means: `Since`, `Prescribed` …
    pub dated: &'static str,
    /// The date it happened or began, if the source says.
    pub when: Option<When>,
    /// Who recorded or did it.
    pub by: Option<String>,
    /// Where it came from.
    pub origin: Origin,
}

impl Statement {
    /// A statement of this concept, or of what stands in when the source gave none.
    pub fn new(item: &ParsedItem, concept: Option<Concept>, otherwise: &str) -> Statement {
        let concept = concept.unwrap_or_else(|| Concept { text: otherwise.to_owned(), codes: Vec::new() });
        Statement {
            title: without_tag(&concept.text).to_owned(),
            codes: concept.codes,
            facts: Vec::new(),
            marks: Vec::new(),
            dated: "",
            when: None,
            by: None,
            origin: item.origin(),
        }
    }

    /// Add a detail if there is one.
    pub fn fact(&mut self, label: &'static str, text: Option<String>) -> &mut Self {
        if let Some(text) = text.filter(|text| !text.trim().is_empty()) {
            self.facts.push(Fact { label, text });
        }
        self
    }

    /// Add a mark.
    pub fn mark(&mut self, text: impl Into<String>, tone: Tone) -> &mut Self {
        self.marks.push(Mark::new(text, tone));
        self
    }

    /// Set the date.
    pub fn dated(&mut self, label: &'static str, when: Option<When>) -> &mut Self {
        self.dated = label;
        self.when = when;
        self
    }

    /// Newest first: by the date it happened, else by when it reached us.
    pub fn sort_key(&self) -> std::cmp::Reverse<jiff::Timestamp> {
        std::cmp::Reverse(self.when.as_ref().map_or(self.origin.recorded, |when| when.at))
    }
}

/// One thing, with what each source says of it, newest statement first. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The thing, in the words of the newest statement.
    pub title: String,
    /// The marks of all statements, strongest first, each once.
    pub marks: Vec<Mark>,
    /// The newest statement.
    pub first: Statement,
    /// The other statements, newest first.
    pub others: Vec<Statement>,
}

impl Line {
    /// All statements, newest first.
    pub fn statements(&self) -> impl Iterator<Item = &Statement> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// Whether any statement carries a mark to act on.
    pub fn danger(&self) -> bool {
        self.marks.iter().any(|mark| mark.tone == Tone::Danger)
    }

    /// The names of its sources, each once, in the order of their newest statements.
    pub fn sources(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for statement in self.statements() {
            let name = statement.origin.source.name.as_str();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Put the newest of the statements that this is true of first, and take its words as the line's.
    pub fn lead_with(&mut self, wanted: impl Fn(&Statement) -> bool) {
        if wanted(&self.first) {
            return;
        }
        if let Some(place) = self.others.iter().position(wanted)
            && let Some(found) = self.others.get_mut(place)
        {
            std::mem::swap(&mut self.first, found);
            self.title.clone_from(&self.first.title);
            self.others.sort_by_key(Statement::sort_key);
        }
    }

    /// Add a mark in its place by strength, once.
    pub fn mark(&mut self, text: impl Into<String>, tone: Tone) {
        let mark = Mark::new(text, tone);
        if !self.marks.contains(&mark) {
            self.marks.push(mark);
            self.marks.sort_by_key(|mark| std::cmp::Reverse(mark.tone));
        }
    }

    fn of(mut statements: Vec<Statement>) -> Option<Line> {
        statements.sort_by_key(Statement::sort_key);
        let mut rest = statements.into_iter();
        let first = rest.next()?;
        let mut line = Line { title: first.title.clone(), marks: Vec::new(), others: rest.collect(), first };
        let marks: Vec<Mark> = line.statements().flat_map(|statement| statement.marks.clone()).collect();
        for mark in marks {
            line.mark(mark.text, mark.tone);
        }
        Some(line)
    }
}

/// Lines under one heading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The heading.
    pub title: String,
    /// A sentence under it, when one is needed to read it rightly.
    pub note: Option<&'static str>,
    /// The lines.
    pub lines: Vec<Line>,
    /// Whether it starts closed: past things.
    pub folded: bool,
}

/// A section made of lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// Its groups that have lines.
    pub groups: Vec<Group>,
    /// What sources contradict each other on, in a sentence each.
    pub conflicts: Vec<String>,
    /// Entries their sources have withdrawn (entered in error).
    pub withdrawn: Vec<Line>,
}

impl Section {
    /// Whether it shows nothing at all.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.withdrawn.is_empty()
    }

    /// Add a group unless it has no lines.
    pub fn push(&mut self, title: impl Into<String>, note: Option<&'static str>, folded: bool, lines: Vec<Line>) {
        if !lines.is_empty() {
            self.groups.push(Group { title: title.into(), note, lines, folded });
        }
    }

    /// The lines of the group with this title.
    pub fn group(&self, title: &str) -> &[Line] {
        self.groups.iter().find(|group| group.title == title).map_or(&[], |group| group.lines.as_slice())
    }
}

/// Bring statements of the same thing together: the same code in the same system, or the same words.
/// Every statement given is in exactly one of the lines returned. Lines come newest first.
pub fn gather(statements: Vec<Statement>) -> Vec<Line> {
    let mut of_key: HashMap<Key, usize> = HashMap::new();
    let mut bins: Vec<Vec<Statement>> = Vec::new();
    for statement in statements {
        let keys: Vec<Key> =
            statement.codes.iter().filter_map(Key::of_code).chain(Key::of_words(&statement.title)).collect();
        let bin = keys.iter().find_map(|key| of_key.get(key).copied()).unwrap_or_else(|| {
            bins.push(Vec::new());
            bins.len() - 1
        });
        for key in keys {
            of_key.entry(key).or_insert(bin);
        }
        if let Some(bin) = bins.get_mut(bin) {
            bin.push(statement);
        }
    }
    let mut lines: Vec<Line> = bins.into_iter().filter_map(Line::of).collect();
    lines.sort_by(|a, b| a.first.sort_key().cmp(&b.first.sort_key()).then_with(|| a.title.cmp(&b.title)));
    lines
}

/// Mark lines with what their sources differ in, as far as it must be read before acting.
pub(crate) fn mark_differences(lines: &mut [Line], together: &Together) {
    let things = by_statement(together);
    for line in lines {
        let ids: Vec<fhir::ResourceId> = line.statements().map(|statement| statement.origin.id).collect();
        for thing in ids.iter().filter_map(|id| things.get(id)) {
            for difference in thing.differences.iter().filter(|difference| difference.grave()) {
                line.mark(difference.words.clone(), Tone::Caution);
            }
        }
    }
}

/// Each statement on a line of its own, newest first: for things that happen rather than are.
pub fn each(statements: Vec<Statement>) -> Vec<Line> {
    let mut lines: Vec<Line> = statements.into_iter().filter_map(|statement| Line::of(vec![statement])).collect();
    lines.sort_by(|a, b| a.first.sort_key().cmp(&b.first.sort_key()).then_with(|| a.title.cmp(&b.title)));
    lines
}

/// Whether its source has withdrawn it (`entered-in-error` in its status or verification status).
pub fn withdrawn(item: &ParsedItem) -> bool {
    item.status() == "entered-in-error"
        || item
            .resource
            .get("verificationStatus")
            .and_then(Concept::of)
            .is_some_and(|status| status.has("entered-in-error"))
}
