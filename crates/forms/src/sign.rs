//! From answers to resources: what is signed, what it stands in the place of, and what is taken back.

use crate::{
    check::{Answered, Value},
    form::Form,
    response,
};
use fhir::{PatientKey, Resource, ResourceId, ResourceType, Value as Json, datetime};
use jiff::Timestamp;
use serde_json::json;

/// The extension (date) that says when a plan is looked at again; R4 has no element for it.
pub const REVIEW: &str = "urn:skein:plan:review-date";
/// The extension that says by what, by whom and when something signed here was superseded.
pub const SUPERSEDED: &str = "urn:skein:superseded";
/// The extension that says by whom, when and why something signed here was taken back.
pub const WITHDRAWN: &str = "urn:skein:withdrawn";
/// The extension that names what something stands in the place of, where its type has no element for it.
pub const REPLACES: &str = "urn:skein:replaces";
/// The extension that says that these are the person's own words, whoever wrote them down.
pub const OWN_WORDS: &str = "urn:skein:own-words";

/// Who signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// Name, role and organisation.
    pub words: String,
    /// Whether it is the person whose record it is.
    pub is_person: bool,
}

/// What is signed over: current before, and no more after.
#[derive(Clone, Debug, PartialEq)]
pub struct Former {
    /// Its id.
    pub id: ResourceId,
    /// The version its successor's author saw.
    pub version: u32,
    /// Whether it was written here, so that it can be marked as what it is; what a source says, the source says itself.
    pub written: bool,
    /// What it says.
    pub resource: Resource,
}

impl Former {
    /// `CarePlan/<id>`.
    pub fn reference(&self) -> String {
        format!("{}/{}", self.resource.kind(), self.id)
    }
}

/// Something to be signed.
pub struct Signing<'a> {
    /// The form.
    pub form: &'a Form,
    /// What was answered.
    pub answered: &'a [Answered],
    /// The patient it is attached to.
    pub patient: PatientKey,
    /// The id of the answers.
    pub response: ResourceId,
    /// The id of the plan, of a form that makes one.
    pub plan: ResourceId,
    /// Who signs.
    pub author: &'a Author,
    /// When.
    pub at: Timestamp,
    /// What it supersedes.
    pub over: &'a [Former],
}

impl Signing<'_> {
    /// The resources: answers, plan, and what they supersede with its mark, as far as it was written here.
    pub fn resources(&self) -> Vec<Resource> {
        let main = match self.form.plan {
            Some(_) => format!("CarePlan/{}", self.plan),
            None => format!("QuestionnaireResponse/{}", self.response),
        };
        let mut all = vec![self.answers()];
        all.extend(self.care_plan());
        let former = self.over.iter().filter(|former| former.written);
        all.extend(former.map(|former| superseded(&former.resource, &former.id, &main, self.author, self.at)));
        all
    }

    /// Versioned: should its source say something new of it later, that was not seen when it was superseded.
    fn replaced(&self, plans: bool) -> Vec<Json> {
        let fits = |former: &&Former| (former.resource.kind() == ResourceType::CarePlan) == plans;
        let versioned =
            |former: &Former| json!({"reference": format!("{}/_history/{}", former.reference(), former.version)});
        self.over.iter().filter(fits).map(versioned).collect()
    }

    fn author(&self) -> Json {
        match self.author.is_person {
            true => json!({"reference": format!("Patient/{}", self.patient), "display": self.author.words}),
            false => json!({"type": "PractitionerRole", "display": self.author.words}),
        }
    }

    fn review(&self) -> Option<Json> {
        let review = self.form.review.as_deref()?;
        let found = self.answered.iter().find(|answered| answered.link == review)?;
        match found.values.first() {
            Some(Value::Date(date)) => Some(json!({"url": REVIEW, "valueDate": date.to_string()})),
            _ => None,
        }
    }

    pub(crate) fn answers(&self) -> Resource {
        let form = self.form;
        let mut made = Resource::new(ResourceType::QuestionnaireResponse);
        let mut extensions: Vec<Json> = Vec::new();
        if form.own_words {
            extensions.push(json!({"url": OWN_WORDS, "valueBoolean": true}));
        }
        if form.plan.is_none() {
            extensions.extend(self.review());
            let replaced = self.replaced(false).into_iter();
            extensions.extend(replaced.map(|former| json!({"url": REPLACES, "valueReference": former})));
        }
        if !extensions.is_empty() {
            made.set("extension", extensions);
        }
        made.set("questionnaire", form.canonical());
        made.set(
            "_questionnaire",
            json!({"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/display",
            "valueString": form.title}]}),
        );
        made.set("status", "completed");
        made.set("subject", json!({"reference": format!("Patient/{}", self.patient)}));
        made.set("authored", datetime::instant(self.at));
        made.set("author", self.author());
        if form.own_words {
            made.set("source", json!({"reference": format!("Patient/{}", self.patient)}));
        }
        made.set("item", response::items(form, self.answered));
        made.set_id(&self.response);
        made
    }

    fn care_plan(&self) -> Option<Resource> {
        let kind = self.form.plan.as_ref()?;
        let mut made = Resource::new(ResourceType::CarePlan);
        let mut extensions: Vec<Json> = self.review().into_iter().collect();
        let replaced = self.replaced(false).into_iter();
        extensions.extend(replaced.map(|former| json!({"url": REPLACES, "valueReference": former})));
        if !extensions.is_empty() {
            made.set("extension", extensions);
        }
        made.set("instantiatesCanonical", json!([self.form.canonical()]));
        let replaces = self.replaced(true);
        if !replaces.is_empty() {
            made.set("replaces", replaces);
        }
        made.set("status", "active");
        made.set("intent", "plan");
        let coding = json!({"system": kind.system, "code": kind.code, "display": kind.display});
        made.set("category", json!([{"coding": [coding], "text": kind.display}]));
        made.set("title", self.form.title.as_str());
        made.set("subject", json!({"reference": format!("Patient/{}", self.patient)}));
        let at = datetime::instant(self.at);
        made.set("period", json!({"start": at}));
        made.set("created", at);
        made.set("author", self.author());
        made.set("supportingInfo", json!([{"reference": format!("QuestionnaireResponse/{}", self.response)}]));
        made.set_id(&self.plan);
        Some(made)
    }
}

/// Put an extension in place of a former one of the same name.
fn mark(resource: &mut Resource, url: &str, parts: &Json) {
    let mut extensions: Vec<Json> = resource.list("extension").to_vec();
    extensions.retain(|one| one.get("url").and_then(Json::as_str) != Some(url));
    extensions.push(json!({"url": url, "extension": parts}));
    resource.set("extension", extensions);
}

/// Something signed here, as it reads once another stands in its place: a plan is no longer active, and both name what does.
pub fn superseded(former: &Resource, id: &ResourceId, by: &str, author: &Author, at: Timestamp) -> Resource {
    let mut made = former.clone();
    made.set_id(id);
    let at = datetime::instant(at);
    let parts = json!([{"url": "by", "valueReference": {"reference": by, "display": author.words}},
        {"url": "at", "valueDateTime": at}]);
    mark(&mut made, SUPERSEDED, &parts);
    if made.kind() == ResourceType::CarePlan {
        // "The plan has been terminated … though it may have been replaced by a new plan" (R4 request-status).
        made.set("status", "revoked");
        end(&mut made, &at);
    }
    made
}

/// Something signed here, as it reads once its signature is taken back.
pub fn withdrawn(former: &Resource, id: &ResourceId, author: &Author, why: &str, at: Timestamp) -> Resource {
    let mut made = former.clone();
    made.set_id(id);
    let at = datetime::instant(at);
    let parts = json!([{"url": "by", "valueString": author.words}, {"url": "at", "valueDateTime": at},
        {"url": "why", "valueString": why}]);
    mark(&mut made, WITHDRAWN, &parts);
    match made.kind() {
        ResourceType::CarePlan => {
            made.set("status", "revoked");
            end(&mut made, &at);
        }
        _ => {
            made.set("status", "stopped");
        }
    }
    made
}

fn end(plan: &mut Resource, at: &str) {
    let mut period = plan.get("period").cloned().unwrap_or_else(|| json!({}));
    if let Some(period) = period.as_object_mut() {
        period.insert("end".into(), at.into());
    }
    plan.set("period", period);
}
