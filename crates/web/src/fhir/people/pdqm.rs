//! What IHE PDQm (ITI-78) asks of a search for people beyond FHIR: identifiers of certain domains alone
//! (`identifier=system|`, 2:3.78.4.1.2.3), the mother's maiden name, and `active`.

use super::Hit;
use crate::fhir::reply::ApiError;
use axum::http::StatusCode;
use fhir::{Issue, IssueType, Resource, Value, outcome::Severity};

/// The FHIR extension with the maiden name of a patient's mother.
const MOTHERS_MAIDEN_NAME: &str = "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName";
/// The search parameter PDQm gives it.
pub const MOTHERS_MAIDEN_NAME_PARAMETER: &str = "mothersMaidenName";

/// How a mother's maiden name is to fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    Begins,
    Contains,
    Exact,
}

/// What is asked beyond what FHIR's own search parameters say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extras {
    /// The rest: FHIR's own.
    pub pairs: Vec<(String, String)>,
    /// Identifiers of these domains alone are wanted. Empty: all.
    pub domains: Vec<String>,
    maiden: Vec<(Fit, Vec<String>)>,
    active: bool,
}

impl Extras {
    /// Take a search apart.
    ///
    /// # Errors
    /// 400 for a modifier that is not known.
    pub fn read(pairs: &[(String, String)]) -> Result<Self, ApiError> {
        let mut extras = Extras::default();
        for (name, value) in pairs {
            let (code, modifier) = name.split_once(':').unwrap_or((name, ""));
            match (code, modifier) {
                (MOTHERS_MAIDEN_NAME_PARAMETER, modifier) => {
                    let fit = match modifier {
                        "" => Fit::Begins,
                        "contains" => Fit::Contains,
                        "exact" => Fit::Exact,
                        _ => {
                            let text = "This modifier is not supported on a string parameter.";
                            return Err(ApiError::bad(IssueType::NotSupported, text).at(name));
                        }
                    };
                    extras.maiden.push((fit, value.split(',').map(str::to_owned).collect()));
                    continue;
                }
                // A patient is taken to be in use unless it says that it is not (R4 §8.1.7).
                ("active", "") if value == "true" => {
                    extras.active = true;
                    continue;
                }
                ("identifier", "") => {
                    let domains: Option<Vec<&str>> = value.split(',').map(|text| text.strip_suffix('|')).collect();
                    extras.domains.extend(domains.unwrap_or_default().into_iter().map(str::to_owned));
                }
                _ => {}
            }
            extras.pairs.push((name.clone(), value.clone()));
        }
        Ok(extras)
    }

    /// Whether nothing is.
    pub fn are_none(&self) -> bool {
        self.domains.is_empty() && self.maiden.is_empty() && !self.active
    }

    /// Leave out who does not fit.
    pub fn narrow(&self, hits: &mut Vec<Hit>) {
        hits.retain(|hit| {
            let in_use = !self.active || hit.resource.get("active") != Some(&Value::Bool(false));
            in_use && self.maiden.iter().all(|(fit, any)| any.iter().any(|name| is_maiden(&hit.resource, *fit, name)))
        });
    }

    /// Leave out identifiers of other domains than those asked for (case 2).
    pub fn trimmed(&self, mut hit: Hit) -> Hit {
        if self.domains.is_empty() {
            return hit;
        }
        let wanted = |identifier: &&Value| {
            let system = identifier.get("system").and_then(Value::as_str).unwrap_or_default();
            self.domains.iter().any(|domain| domain == system)
        };
        let kept: Vec<Value> = hit.resource.list("identifier").iter().filter(wanted).cloned().collect();
        if kept.len() < hit.resource.list("identifier").len() {
            hit.resource.set("identifier", kept);
            hit.json = hit.resource.to_json().into_bytes();
        }
        hit
    }
}

fn is_maiden(patient: &Resource, fit: Fit, name: &str) -> bool {
    let names = patient
        .list("extension")
        .iter()
        .filter(|extension| extension.get("url").and_then(Value::as_str) == Some(MOTHERS_MAIDEN_NAME));
    let folded = identity::fold_name(name);
    names.filter_map(|extension| extension.get("valueString").and_then(Value::as_str)).any(|theirs| match fit {
        Fit::Exact => theirs == name,
        Fit::Begins => !folded.is_empty() && identity::fold_name(theirs).starts_with(&folded),
        Fit::Contains => !folded.is_empty() && identity::fold_name(theirs).contains(&folded),
    })
}

/// A domain that this region does not know (case 4).
pub fn unknown_domain() -> ApiError {
    let issue =
        Issue::error(IssueType::NotFound, "targetSystem not found").severity(Severity::Warning).at("identifier");
    ApiError::issues(StatusCode::NOT_FOUND, vec![issue])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_taken_apart() {
        let pairs = fhir::search::parse_pairs(
            "family=smith&identifier=urn:a%7C,urn:b%7C&identifier=urn:c%7C1&mothersMaidenName:exact=Jones&active=true",
        );
        let extras = Extras::read(&pairs).expect("a search");
        assert_eq!(extras.domains, ["urn:a", "urn:b"]);
        let names: Vec<&str> = extras.pairs.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["family", "identifier", "identifier"]);
        assert_eq!(extras.maiden, [(Fit::Exact, vec!["Jones".to_owned()])]);
        assert!(Extras::read(&[("mothersMaidenName:soundex".into(), "x".into())]).is_err());
        let mixed = Extras::read(&[("identifier".into(), "urn:a|,urn:b|1".into())]).expect("a search");
        assert!(mixed.domains.is_empty(), "an alternative with a value is a search, not a choice of domains");
    }

    #[test]
    fn a_maiden_name_fits_as_asked() {
        let patient = Resource::from_value(serde_json::json!({"resourceType": "Patient",
            "extension": [{"url": MOTHERS_MAIDEN_NAME, "valueString": "O'Neill"}]}))
        .expect("a patient");
        for (fit, name, fits) in [
            (Fit::Begins, "onei", true),
            (Fit::Begins, "neill", false),
            (Fit::Contains, "NEILL", true),
            (Fit::Exact, "O'Neill", true),
            (Fit::Exact, "o'neill", false),
            (Fit::Begins, "", false),
        ] {
            assert_eq!(is_maiden(&patient, fit, name), fits, "{fit:?} {name}");
        }
    }
}
