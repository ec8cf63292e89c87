//! What templates ask of the frame: addresses and words that depend on whose record it is and what time it is.

use super::Frame;
use crate::chart::{self, Spark};
use fhir::{ResourceId, ResourceType};
use jiff::Timestamp;
use record::{
    Origin, SourceInfo, SourceKind,
    explain::Explanation,
    sections::{
        Fact, Line, Mark, SectionKind, Statement, Tone,
        documents::Letter,
        events::spaced,
        medicines,
        plans::{NATIONAL, Plan, Standing},
        results::{Course, Reading, Report},
    },
    timeline::Happening,
    voice::Meaning,
    when,
};

impl Frame {
    /// How long ago.
    pub fn ago(&self, at: &Timestamp) -> String {
        let ago = when::ago(*at, self.now);
        match (&self.then, ago.strip_suffix(" ago")) {
            (Some(_), Some(span)) => format!("{span} before then"),
            (Some(_), None) => "just before then".into(),
            (None, _) => ago,
        }
    }

    /// Where this record begins.
    pub fn home(&self) -> &str {
        &self.base
    }

    /// The address of a page that there is of the record as it is now alone.
    pub fn today(&self, slug: &str) -> String {
        format!("/record/{}/{slug}", self.person)
    }

    /// A moment, in London.
    pub fn moment(&self, at: &Timestamp) -> String {
        when::date_time(*at)
    }

    /// How fresh a source is, in a few words.
    pub fn heard(&self, source: &SourceInfo) -> String {
        let one = self.strip.all.iter().find(|one| one.source.id == source.id);
        one.map_or_else(
            || if self.own { "has sent nothing" } else { "not heard of" }.to_owned(),
            |one| match &one.heard {
                Some(heard) if !one.verdict.needs_attention() && self.own => format!("last sent something {heard}"),
                Some(heard) if !one.verdict.needs_attention() => format!("last heard {heard}"),
                _ => one.short.clone(),
            },
        )
    }

    /// The address of a section's page.
    pub fn section(&self, slug: &str) -> String {
        format!("{}/{slug}", self.base)
    }

    /// The address of the page that says where an item came from.
    pub fn item(&self, origin: &Origin) -> String {
        format!("{}/item/{}/{}", self.base, origin.kind, origin.id)
    }

    /// The address of a document.
    pub fn letter(&self, letter: &Letter) -> String {
        match letter.origin.kind {
            ResourceType::DiagnosticReport => format!("{}/results/report/{}", self.base, letter.origin.id),
            _ => format!("{}/letters/{}", self.base, letter.origin.id),
        }
    }

    /// The address of what happened: the page that shows it best.
    pub fn happening(&self, one: &Happening) -> String {
        let Origin { id, kind, .. } = &one.origin;
        match (kind, one.section) {
            (ResourceType::DiagnosticReport, _) => format!("{}/results/report/{id}", self.base),
            (ResourceType::DocumentReference, _) => format!("{}/letters/{id}", self.base),
            (ResourceType::Observation, SectionKind::Results) => self.trend(id),
            _ => self.item(&one.origin),
        }
    }

    /// The address of a report.
    pub fn report(&self, report: &Report) -> String {
        format!("{}/results/report/{}", self.base, report.origin.id)
    }

    /// The address of a test's course.
    pub fn trend(&self, observation: &ResourceId) -> String {
        format!("{}/results/trend/{observation}", self.base)
    }

    /// The statements of a line after the first: those that add something (another source, other details), and those
    /// that only repeat.
    pub fn split<'a>(&self, line: &'a Line) -> (Vec<&'a Statement>, Vec<&'a Statement>) {
        let mut shown: Vec<&Statement> = vec![&line.first];
        let (mut other, mut repeats) = (Vec::new(), Vec::new());
        for statement in &line.others {
            if shown.iter().any(|known| known.origin.source == statement.origin.source) {
                repeats.push(statement);
            } else {
                shown.push(statement);
                other.push(statement);
            }
        }
        (other, repeats)
    }

    /// An explanation source by source, in words, when there is more than one source to speak of, or since when one is silent.
    pub fn told(&self, explanation: &Explanation) -> Vec<(String, String)> {
        let said_all = explanation.is_of_nothing() && explanation.silent(self.voice).is_empty();
        if explanation.per_source.len() < 2 && said_all {
            return Vec::new();
        }
        let told = explanation.per_source.iter();
        told.map(|(source, reason)| (source.name.clone(), reason.told(self.voice, self.now))).collect()
    }

    /// An explanation in one sentence.
    pub fn headline(&self, explanation: &Explanation) -> String {
        explanation.told(self.voice)
    }

    /// Words of ours, as this page says them. Never a source's.
    pub fn says<'a>(&self, words: &'a str) -> &'a str {
        self.voice.says(words)
    }

    /// A sentence of ours that holds a source's words.
    pub fn composed(&self, sentence: &str) -> String {
        self.voice.composed(sentence).into_owned()
    }

    /// The title of an entry: a source's words, but for what is called by its kind because its source did not name it.
    pub fn named(&self, origin: &Origin, title: &str) -> String {
        if title == spaced(origin.kind.as_str()) {
            return self.says(title).to_owned();
        }
        match origin.kind {
            ResourceType::Encounter => self.voice.led(title).into_owned(),
            _ => title.to_owned(),
        }
    }

    /// What stands after a label: ours where it is one of our kinds and statuses, else a source's.
    pub fn fact(&self, fact: &Fact) -> String {
        match fact.label {
            "Kind" | "Status" | "Score" | "Where it stands" | "Part in it" => self.says(&fact.text).to_owned(),
            _ => fact.text.clone(),
        }
    }

    /// What stands across an entry that no longer counts.
    pub fn stamp(&self, stamp: &str) -> String {
        self.voice.led(stamp).into_owned()
    }

    /// What the national terms on a line mean, for a person who reads it.
    pub fn meanings(&self, words: &str) -> Vec<Meaning> {
        self.voice.meanings([words])
    }

    /// What the national terms in a plan mean, for a person who reads it.
    pub fn plan_meanings(&self, plan: &Plan) -> Vec<Meaning> {
        let inside = plan.parts.iter().flat_map(|part| std::iter::once(&part.heading).chain(&part.lines));
        self.voice.meanings(std::iter::once(&plan.title).chain(inside).map(String::as_str))
    }

    /// What is said of a value by its flag. Not every range is a laboratory's: a blood pressure has one too.
    pub fn flag(&self, flag: &Mark, origin: &Origin) -> String {
        self.ranged(self.says(&flag.text), origin)
    }

    /// What is said of a value that lies inside its range.
    pub fn flag_inside(&self, origin: &Origin) -> String {
        self.ranged("Inside the range the laboratory gave", origin)
    }

    fn ranged(&self, words: &str, origin: &Origin) -> String {
        match origin.source.kind {
            SourceKind::Laboratory => words.to_owned(),
            _ if !self.own => words.to_owned(),
            _ => words
                .replace("the range the laboratory gave", "the range given with it")
                .replace("the laboratory’s range", "the range given with it")
                .replace("by the laboratory", "by whoever measured it"),
        }
    }

    /// Whether a person is told that a value lies inside its range: staff see that nothing is marked.
    pub fn inside(&self, reading: &Reading) -> bool {
        self.own && reading.is_inside()
    }

    /// The dose on a medicine's line.
    pub fn dose(&self, line: &Line) -> String {
        medicines::short(line)
    }

    /// Whether a reading is flagged as dangerous.
    pub fn danger(&self, reading: &Reading) -> bool {
        reading.flag.as_ref().is_some_and(|flag| flag.tone == Tone::Danger)
    }

    /// Whether a reading is flagged at all.
    pub fn flagged(&self, reading: &Reading) -> bool {
        reading.flag.as_ref().is_some_and(|flag| flag.tone >= Tone::Caution)
    }

    /// A reading's unit as people write it.
    pub fn unit(&self, reading: &Reading) -> String {
        record::unit::shown(&reading.unit)
    }

    /// The small trend line.
    pub fn spark(&self, course: &Course) -> Option<Spark> {
        chart::spark(course)
    }

    /// The class suffix of a plan.
    pub fn plan_class(&self, plan: &Plan) -> &'static str {
        if plan.standing != Standing::Current {
            " plan--not-current"
        } else if plan.own_words {
            " plan--own"
        } else if plan.urgency < NATIONAL.len() {
            " plan--urgent"
        } else {
            ""
        }
    }

    /// What stands across a plan that is not current.
    pub fn watermark(&self, plan: &Plan) -> &'static str {
        match plan.standing {
            Standing::Superseded => "SUPERSEDED",
            Standing::Withdrawn => "WITHDRAWN",
            _ => "NOT CURRENT",
        }
    }

    /// Of a plan in force that was signed here, what its withdrawal names: plan and version, form, and an id for the page.
    pub fn withdraw(&self, plan: &Plan, forms: &[(String, String)]) -> Option<(String, String, ResourceId)> {
        let signed = plan.standing == Standing::Current && plan.origin.source.id == record::WRITTEN_HERE;
        let form = plan.form.as_deref().filter(|_| signed)?;
        let (_, name) = forms.iter().find(|(url, _)| url == form)?;
        let (kind, id, version) = plan.made_of.first()?;
        Some((format!("{kind}/{id}@{version}"), name.clone(), *id))
    }

    /// The time the page is made.
    pub fn now(&self) -> Timestamp {
        self.now
    }
}
