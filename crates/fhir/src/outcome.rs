//! OperationOutcome: what went wrong, in FHIR's words (R4 §2.29).

use crate::{Resource, ResourceType};
use serde_json::{Map, Value, json};

/// How bad an issue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Told for information.
    Information,
    /// Done, but the caller should look at it.
    Warning,
    /// Not done.
    Error,
    /// Not done, and nothing else can be.
    Fatal,
}

impl Severity {
    /// The code FHIR uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Information => "information",
            Severity::Warning => "warning",
            Severity::Error => "error",
            Severity::Fatal => "fatal",
        }
    }
}

macro_rules! issue_types {
    ($($(#[doc = $doc:literal])* $name:ident = $code:literal,)*) => {
        /// What kind of issue (value set issue-type).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum IssueType { $($(#[doc = $doc])* $name,)* }
        impl IssueType {
            /// The code FHIR uses.
            pub const fn as_str(self) -> &'static str { match self { $(IssueType::$name => $code,)* } }
        }
    };
}

issue_types! {
    /// The content is not valid.
    Invalid = "invalid",
    /// The content is not well formed.
    Structure = "structure",
    /// Something required is missing.
    Required = "required",
    /// A value is not allowed.
    Value = "value",
    /// Access is refused.
    Security = "security",
    /// The caller is not known.
    Login = "login",
    /// The caller may not do this.
    Forbidden = "forbidden",
    /// Some information was left out because the caller may not have it.
    Suppressed = "suppressed",
    /// The request could not be processed.
    Processing = "processing",
    /// This server does not do that.
    NotSupported = "not-supported",
    /// It is here already.
    Duplicate = "duplicate",
    /// More than one thing fits.
    MultipleMatches = "multiple-matches",
    /// There is no such thing.
    NotFound = "not-found",
    /// There was, but it was deleted.
    Deleted = "deleted",
    /// Too large.
    TooLong = "too-long",
    /// A code is not known.
    CodeInvalid = "code-invalid",
    /// It would cost too much to answer.
    TooCostly = "too-costly",
    /// A rule of the business says no.
    BusinessRule = "business-rule",
    /// Someone else changed it.
    Conflict = "conflict",
    /// Try again later.
    Transient = "transient",
    /// An unexpected failure here.
    Exception = "exception",
    /// It took too long.
    Timeout = "timeout",
    /// Part of the answer is missing.
    Incomplete = "incomplete",
    /// Too many requests.
    Throttled = "throttled",
    /// Told for information.
    Informational = "informational",
}

/// One issue. It never quotes a value, for the value may be about a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// How bad.
    pub severity: Severity,
    /// What kind.
    pub code: IssueType,
    /// What is wrong and what to do about it, in one or two sentences.
    pub diagnostics: String,
    /// Where: a FHIRPath expression, or for a search the parameter's name.
    pub expression: Option<String>,
}

/// What went wrong (or, rarely, that all went well).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperationOutcome {
    /// At least one on the way out.
    pub issues: Vec<Issue>,
}

impl Issue {
    /// An error without a place.
    pub fn error(code: IssueType, diagnostics: impl Into<String>) -> Self {
        Issue { severity: Severity::Error, code, diagnostics: diagnostics.into(), expression: None }
    }

    /// The same, about this place.
    pub fn at(mut self, expression: impl Into<String>) -> Self {
        self.expression = Some(expression.into());
        self
    }

    /// The same, this bad.
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    fn to_value(&self) -> Value {
        let mut issue = Map::new();
        issue.insert("severity".into(), self.severity.as_str().into());
        issue.insert("code".into(), self.code.as_str().into());
        issue.insert("diagnostics".into(), self.diagnostics.as_str().into());
        if let Some(expression) = &self.expression {
            issue.insert("expression".into(), json!([expression]));
        }
        Value::Object(issue)
    }
}

impl From<Issue> for OperationOutcome {
    fn from(issue: Issue) -> Self {
        OperationOutcome { issues: vec![issue] }
    }
}

impl From<Vec<Issue>> for OperationOutcome {
    fn from(issues: Vec<Issue>) -> Self {
        OperationOutcome { issues }
    }
}

impl OperationOutcome {
    /// One error.
    pub fn error(code: IssueType, diagnostics: impl Into<String>) -> Self {
        Issue::error(code, diagnostics).into()
    }

    /// As a resource.
    pub fn into_resource(self) -> Resource {
        let mut outcome = Resource::new(ResourceType::OperationOutcome);
        let issues: Vec<Value> = if self.issues.is_empty() {
            let fine = Issue::error(IssueType::Informational, "All OK").severity(Severity::Information);
            vec![fine.to_value()]
        } else {
            self.issues.iter().map(Issue::to_value).collect()
        };
        outcome.set("issue", issues);
        outcome
    }

    /// As JSON text.
    pub fn to_json(&self) -> String {
        self.clone().into_resource().to_json()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_always_has_an_issue() {
        assert!(OperationOutcome::default().to_json().contains("\"severity\":\"information\""));
        let outcome: OperationOutcome = Issue::error(IssueType::NotSupported, "No such parameter.").at("colour").into();
        assert_eq!(
            outcome.to_json(),
            r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"not-supported","diagnostics":"No such parameter.","expression":["colour"]}]}"#
        );
    }
}
