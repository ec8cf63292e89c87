//! What another organisation is asked for: a ServiceRequest and the Task by which it is answered, in the shape of the NHS
//! Booking and Referral Standard; and what either side does with it. Every step is a new version of the Task.

use crate::{
    check::{Answered, Value, words},
    form::{Choices, Form},
    sign::{Author, Signing},
};
use fhir::{PatientKey, Resource, ResourceId, ResourceType, Value as Json, datetime};
use jiff::Timestamp;
use serde_json::json;

/// The system of a request's identifier, and of the codes of what was said about it. `record` and `notify` know it too.
pub const REQUEST: &str = "urn:skein:request";
/// The extension of a note (code) that says what kind of word it is: `question`, `reply`, `answer`, `declined` …
const SAID: &str = "urn:skein:request:said";
/// The system of ODS codes (UK Core).
const ODS: &str = "https://fhir.nhs.uk/Id/ods-organization-code";

/// A file that goes along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    /// The id of its DocumentReference.
    pub id: ResourceId,
    /// What its bytes are.
    pub media_type: &'static str,
    /// What it is called.
    pub title: String,
    /// Its bytes in base64.
    pub data: String,
    /// How many bytes it has.
    pub bytes: usize,
}

/// Something to be asked.
pub struct Asking<'a> {
    /// The form.
    pub form: &'a Form,
    /// What was answered.
    pub answered: &'a [Answered],
    /// The patient it is attached to.
    pub patient: PatientKey,
    /// The ids of the answers, the request and the task.
    pub ids: [ResourceId; 3],
    /// Who asks.
    pub author: &'a Author,
    /// The ODS code of the organisation that asks.
    pub from: &'a str,
    /// When.
    pub at: Timestamp,
    /// A file that goes along.
    pub attached: Option<&'a Attached>,
}

fn organisation(code: &str, words: &str) -> Json {
    json!({"type": "Organization", "identifier": {"system": ODS, "value": code}, "display": words})
}

impl Asking<'_> {
    fn values(&self, link: &str) -> &[Value] {
        self.answered.iter().find(|one| one.link == link).map_or(&[], |one| one.values.as_slice())
    }

    fn text(&self, link: &str) -> String {
        self.values(link).iter().map(words).collect::<Vec<_>>().join(", ")
    }

    /// The code and the words of the first choice.
    fn choice(&self, link: &str) -> (String, String) {
        match self.values(link).first() {
            Some(Value::Choice(choice)) => (choice.code.clone(), choice.display.clone()),
            _ => Default::default(),
        }
    }

    fn subject(&self) -> Json {
        json!({"reference": format!("Patient/{}", self.patient)})
    }

    /// The resources: the answers, the request, the task, and the file.
    pub fn resources(&self) -> Vec<Resource> {
        let [response, request, task] = self.ids;
        // What goes along is named by the request, without its title: that is as sensitive as it is itself.
        let of_record = |one: &&Answered| self.form.item(&one.link).is_some_and(|item| item.choices == Choices::Record);
        let answered: Vec<Answered> = self.answered.iter().filter(|one| !of_record(one)).cloned().collect();
        let signing = Signing {
            form: self.form,
            answered: &answered,
            patient: self.patient,
            response,
            plan: response,
            author: self.author,
            at: self.at,
            over: &[],
        };
        let mut all = vec![signing.answers(), self.service_request(&request, &response), self.task(&task, &request)];
        all.extend(self.attached.map(|file| self.document(file)));
        all
    }

    fn identifier(&self) -> Json {
        json!([{"system": REQUEST, "value": self.ids[1].to_string()}])
    }

    fn service_request(&self, id: &ResourceId, response: &ResourceId) -> Resource {
        let (to, to_name) = self.choice("to");
        let mut made = Resource::new(ResourceType::ServiceRequest);
        made.set("identifier", self.identifier());
        made.set("status", "active");
        made.set("intent", "order");
        if let Some(kind) = &self.form.request {
            let coding = json!({"system": kind.system, "code": kind.code, "display": kind.display});
            made.set("category", json!([{"coding": [coding], "text": self.form.title}]));
        }
        made.set("priority", self.choice("priority").0);
        made.set("code", json!({"text": self.text("what")}));
        made.set("subject", self.subject());
        made.set("authoredOn", datetime::instant(self.at));
        made.set("requester", organisation(self.from, &self.author.words));
        made.set("performer", json!([organisation(&to, &to_name)]));
        made.set("reasonCode", json!([{"text": self.text("why")}]));
        let mut along = vec![json!({"reference": format!("QuestionnaireResponse/{response}")})];
        for value in self.values("with") {
            if let Value::Choice(choice) = value {
                along.push(json!({"reference": choice.code}));
            }
        }
        if let Some(file) = self.attached {
            along.push(json!({"reference": format!("DocumentReference/{}", file.id)}));
        }
        made.set("supportingInfo", along);
        made.set("note", json!([{"text": format!("Call back: {}", self.text("call-back"))}]));
        made.set_id(id);
        made
    }

    fn task(&self, id: &ResourceId, request: &ResourceId) -> Resource {
        let (to, to_name) = self.choice("to");
        let at = datetime::instant(self.at);
        let mut made = Resource::new(ResourceType::Task);
        made.set("identifier", self.identifier());
        made.set("status", "requested");
        made.set("businessStatus", json!({"text": "Sent, not yet accepted"}));
        made.set("intent", "order");
        made.set("priority", self.choice("priority").0);
        let code = json!([{"system": REQUEST, "code": self.form.writes, "display": self.form.title}]);
        made.set("code", json!({"coding": code, "text": self.form.title}));
        made.set("description", self.text("what"));
        made.set("focus", json!({"reference": format!("ServiceRequest/{request}")}));
        made.set("for", self.subject());
        made.set("authoredOn", at.as_str());
        made.set("lastModified", at);
        made.set("requester", organisation(self.from, &self.author.words));
        made.set("owner", organisation(&to, &to_name));
        made.set("reasonCode", json!({"text": self.text("why")}));
        made.set_id(id);
        made
    }

    fn document(&self, file: &Attached) -> Resource {
        let mut made = Resource::new(ResourceType::DocumentReference);
        made.set("status", "current");
        made.set("type", json!({"text": "Sent along with a request"}));
        made.set("subject", self.subject());
        made.set("date", datetime::instant(self.at));
        made.set("author", json!([{"type": "PractitionerRole", "display": self.author.words}]));
        made.set("description", file.title.as_str());
        made.set(
            "content",
            json!([{"attachment": {"contentType": file.media_type, "title": file.title, "size": file.bytes,
            "data": file.data}}]),
        );
        made.set_id(&file.id);
        made
    }
}

/// On which side of a request somebody stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The organisation that asks.
    Asks,
    /// The organisation that is asked.
    IsAsked,
}

/// What is done with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Taken on.
    Accept,
    /// Not taken on, with a reason.
    Decline,
    /// Whoever is asked asks for more.
    Question,
    /// An answer, after which it goes on.
    Answer,
    /// An answer, after which it is closed.
    Complete,
    /// Whoever asks says more.
    Reply,
    /// Taken back, with a reason.
    Withdraw,
}

impl Act {
    /// All of them.
    pub const ALL: [Act; 7] =
        [Act::Accept, Act::Question, Act::Answer, Act::Complete, Act::Decline, Act::Reply, Act::Withdraw];

    /// Its name in a page's form and in the audit.
    pub fn code(self) -> &'static str {
        match self {
            Act::Accept => "accept",
            Act::Decline => "decline",
            Act::Question => "question",
            Act::Answer => "answer",
            Act::Complete => "complete",
            Act::Reply => "reply",
            Act::Withdraw => "withdraw",
        }
    }

    /// Of its name.
    pub fn of(code: &str) -> Option<Act> {
        Act::ALL.into_iter().find(|act| act.code() == code)
    }

    /// Who does it.
    pub fn side(self) -> Side {
        match self {
            Act::Reply | Act::Withdraw => Side::Asks,
            _ => Side::IsAsked,
        }
    }

    /// Whether it is nothing without words.
    pub fn needs_words(self) -> bool {
        self != Act::Accept
    }

    /// Whether it ends the request, so that the ServiceRequest changes as well.
    pub fn ends(self) -> bool {
        matches!(self, Act::Decline | Act::Complete | Act::Withdraw)
    }

    /// The kind of word that it leaves.
    fn said(self) -> &'static str {
        match self {
            Act::Accept => "accepted",
            Act::Decline => "declined",
            Act::Question => "question",
            Act::Answer | Act::Complete => "answer",
            Act::Reply => "reply",
            Act::Withdraw => "withdrawn",
        }
    }

    /// Whether it can be done with a task of this status.
    pub fn can(self, status: &str) -> bool {
        match self {
            Act::Accept => matches!(status, "requested" | "received"),
            _ => matches!(status, "requested" | "received" | "accepted" | "in-progress"),
        }
    }

    /// The task's next status, and in words where it stands.
    fn next(self, status: &str) -> (&str, &'static str) {
        match self {
            Act::Accept => ("accepted", "Accepted"),
            Act::Decline => ("rejected", "Declined"),
            Act::Complete => ("completed", "Answered and completed"),
            Act::Withdraw => ("cancelled", "Withdrawn by who asked"),
            // Whoever asks back has seen it; what was accepted stays so.
            Act::Question if status == "requested" => ("received", "More is asked of who sent it"),
            Act::Question => (status, "More is asked of who sent it"),
            Act::Reply => (status, "Who sent it has replied"),
            // Whoever answers has taken it on.
            Act::Answer => ("in-progress", "Answered, not yet completed"),
        }
    }
}

/// The task and, where it ends, the request as they read once something is done. None: it cannot be done as the task stands.
pub fn acted(
    (task, task_id): (&Resource, &ResourceId),
    request: Option<(&Resource, &ResourceId)>,
    act: Act,
    words: &str,
    author: &Author,
    at: Timestamp,
) -> Option<Vec<Resource>> {
    let status = task.str_at("/status").unwrap_or_default();
    if !act.can(status) || act.needs_words() && words.is_empty() {
        return None;
    }
    let (next, stands) = act.next(status);
    let time = datetime::instant(at);
    let mut made = task.clone();
    made.set("status", next);
    made.set("businessStatus", json!({"text": stands}));
    made.set("lastModified", time.as_str());
    if matches!(act, Act::Decline | Act::Withdraw) {
        made.set("statusReason", json!({"text": words}));
    }
    let mut notes: Vec<Json> = task.list("note").to_vec();
    let said = if words.is_empty() { "Accepted" } else { words };
    notes.push(json!({"extension": [{"url": SAID, "valueCode": act.said()}], "authorString": author.words,
        "time": time, "text": said}));
    made.set("note", notes);
    if matches!(act, Act::Answer | Act::Complete) {
        let mut output: Vec<Json> = task.list("output").to_vec();
        output.push(json!({"type": {"text": "Answer"}, "valueString": words}));
        made.set("output", output);
    }
    made.set_id(task_id);
    let mut all = vec![made];
    if act.ends() {
        let (request, id) = request?;
        let mut made = request.clone();
        made.set("status", if act == Act::Complete { "completed" } else { "revoked" });
        made.set_id(id);
        all.push(made);
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Answers, Choice, builtin, check};

    fn asked() -> Vec<Resource> {
        let choice =
            |code: &str, display: &str| Choice { code: code.into(), display: display.into(), ..Choice::default() };
        let form = builtin().into_iter().find(|form| form.name == "urgent-test").expect("a form");
        let form = form.filled(&[choice("XWA", "Wexmoor Infirmary")], &[choice("DocumentReference/d-1", "Letter")]);
        let answers: Answers = [
            ("what", "CT head"),
            ("why", "Fell, on <b>warfarin</b>"),
            ("priority", "stat"),
            ("to", "XWA"),
            ("call-back", "Dr Gale 0113"),
            ("with", "DocumentReference/d-1"),
        ]
        .into_iter()
        .map(|(link, said)| (link.to_owned(), vec![said.to_owned()]))
        .collect();
        let checked = check(&form, &answers);
        assert_eq!(checked.problems, []);
        let id = |local| ResourceId { patient: PatientKey(7), local };
        let author = Author { words: "Dr Gale, GP, Mill Lane".into(), is_person: false };
        Asking {
            form: &form,
            answered: &checked.answered,
            patient: PatientKey(7),
            ids: [id(1), id(2), id(3)],
            author: &author,
            from: "X81001",
            at: Timestamp::UNIX_EPOCH,
            attached: None,
        }
        .resources()
    }

    fn step(all: &[Resource], act: Act, words: &str) -> Option<Vec<Resource>> {
        let id = |local| ResourceId { patient: PatientKey(7), local };
        let author = Author { words: "Dr Hale".into(), is_person: false };
        acted((&all[2], &id(3)), Some((&all[1], &id(2))), act, words, &author, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_request_says_who_asks_whom_for_what_and_how_urgently() {
        let all = asked();
        let (request, task) = (&all[1], &all[2]);
        assert_eq!(request.str_at("/performer/0/identifier/value"), Some("XWA"));
        assert_eq!(request.str_at("/requester/identifier/value"), Some("X81001"));
        assert_eq!((request.str_at("/priority"), request.str_at("/intent")), (Some("stat"), Some("order")));
        assert_eq!(request.str_at("/supportingInfo/1/reference"), Some("DocumentReference/d-1"));
        let told: String = all.iter().map(|one| fhir::Value::Object(one.body().clone()).to_string()).collect();
        assert!(!told.contains("Letter"), "the name of what may be withheld");
        assert_eq!(request.str_at("/note/0/text"), Some("Call back: Dr Gale 0113"));
        assert_eq!((task.str_at("/status"), task.str_at("/owner/identifier/value")), (Some("requested"), Some("XWA")));
        assert_eq!(task.str_at("/focus/reference").map(|focus| focus.starts_with("ServiceRequest/")), Some(true));
    }

    #[test]
    fn what_is_closed_is_answered_no_more_and_nothing_that_was_said_is_lost() {
        let all = asked();
        assert_eq!(step(&all, Act::Decline, ""), None, "no reason");
        let asks = step(&all, Act::Question, "Since when?").expect("done");
        assert_eq!(asks.len(), 1);
        let all = [all[0].clone(), all[1].clone(), asks[0].clone()];
        let done = step(&all, Act::Complete, "No bleed").expect("done");
        assert_eq!(done[0].list("note").len(), 2);
        assert_eq!(done[0].str_at("/output/0/valueString"), Some("No bleed"));
        assert_eq!((done[0].str_at("/status"), done[1].str_at("/status")), (Some("completed"), Some("completed")));
        let all = [all[0].clone(), done[1].clone(), done[0].clone()];
        assert!(Act::ALL.into_iter().all(|act| step(&all, act, "again").is_none()));
    }
}
