//! `GET /metadata`: what this server does, made from the same tables that do it.

use super::{people::MOTHERS_MAIDEN_NAME_PARAMETER, reply::Reply};
use axum::http::StatusCode;
use fhir::{
    ResourceType, Value,
    search::{Kind, Parameter, common_parameters, parameters},
};
use intake::bundle::is_directory;
use jiff::Timestamp;
use notify::subscription::{Family, PROFILE};
use serde_json::json;
use std::{collections::HashMap, sync::Mutex};

/// Statements made so far, one for each base address we are reached at: a caller can make up only so many.
const STATEMENTS_MAX: usize = 16;

/// Operations of the index of people: name, definition, and a word about them.
const OF_PEOPLE: &[(&str, &str, &str)] = &[
    (
        "ihe-pix",
        "https://profiles.ihe.net/ITI/PIXm/OperationDefinition/IHE.PIXm.pix",
        "GET or POST Patient/$ihe-pix: by what other identifiers the person with this one is known (ITI-83).",
    ),
    (
        "match",
        "http://hl7.org/fhir/OperationDefinition/Patient-match",
        "POST Patient/$match: who is meant, with score and match-grade (ITI-119).",
    ),
];
/// IHE's statements of the actors this server plays, in JSON.
const INSTANTIATES: &[&str] = &[
    "https://profiles.ihe.net/ITI/PIXm/CapabilityStatement/IHE.PIXm.Manager",
    "https://profiles.ihe.net/ITI/PDQm/CapabilityStatement/IHE.PDQm.PatientDemographicsSupplierMatch",
];

/// The capability statement.
pub struct Statement {
    started: Timestamp,
    /// Where clients get tokens, if any do.
    token_url: Option<String>,
    /// Whether systems may subscribe.
    telling: bool,
    of_base: Mutex<HashMap<String, axum::body::Bytes>>,
}

/// Types that nobody reads or writes on their own here.
fn is_served(kind: ResourceType) -> bool {
    use ResourceType as T;
    !matches!(
        kind,
        T::Bundle | T::CapabilityStatement | T::OperationOutcome | T::Parameters | T::Subscription | T::AuditEvent
    )
}

impl Statement {
    pub fn new(started: Timestamp, token_url: Option<String>, telling: bool) -> Self {
        Statement { started, token_url, telling, of_base: Mutex::new(HashMap::new()) }
    }

    /// As seen at this base address.
    pub fn reply(&self, base: &str) -> Reply {
        let known = self.of_base.lock().ok().and_then(|made| made.get(base).cloned());
        let body = known.unwrap_or_else(|| {
            let mut made = statement(base, self.started, self.token_url.as_deref());
            if self.telling {
                add_subscriptions(&mut made, base);
            }
            let body: axum::body::Bytes = made.to_string().into();
            if let Ok(mut made) = self.of_base.lock() {
                if made.len() >= STATEMENTS_MAX {
                    made.clear();
                }
                made.insert(base.to_owned(), body.clone());
            }
            body
        });
        Reply::json(StatusCode::OK, body)
    }
}

/// How to get in (R4 `CapabilityStatement.rest.security`; SMART App Launch 2.2, "Conformance").
fn security(token_url: Option<&str>) -> Value {
    let Some(token_url) = token_url else {
        return json!({
            "cors": false,
            "description": "Authorization: Bearer <token>, over TLS. Every reading is written to the audit trail."
        });
    };
    json!({
        "extension": [{
            "url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
            "extension": [{"url": "token", "valueUri": token_url}]
        }],
        "cors": false,
        "service": [{
            "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
                "code": "SMART-on-FHIR",
                "display": "SMART-on-FHIR"
            }],
            "text": "SMART Backend Services"
        }],
        "description": "Authorization: Bearer <token>, over TLS; tokens as /.well-known/smart-configuration says. Every \
            reading is written to the audit trail."
    })
}

fn statement(base: &str, started: Timestamp, token_url: Option<&str>) -> Value {
    let resources: Vec<Value> =
        ResourceType::ALL.iter().copied().filter(|kind| is_served(*kind)).map(resource).collect();
    json!({
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": fhir::datetime::instant(started),
        "publisher": "Skein",
        "kind": "instance",
        "instantiates": INSTANTIATES,
        "software": {"name": "Skein", "version": env!("CARGO_PKG_VERSION")},
        "implementation": {"description": "A region's shared health and care record", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [{
            "mode": "server",
            "documentation": "Records are read by systems, and written by sources, each with an access token of its own. \
                A search names the patient; whichever of a person's patients it names, the whole person's record is searched. \
                Unknown search parameters are refused unless Prefer: handling=lenient is sent.",
            "security": security(token_url),
            "resource": resources,
            "interaction": [{"code": "transaction"}, {"code": "batch"}]
        }]
    })
}

/// What systems may subscribe to (Subscriptions R5 Backport 1.1.0, "Conformance: R4 server").
fn add_subscriptions(statement: &mut Value, base: &str) {
    let Some(rest) = statement.pointer_mut("/rest/0").and_then(Value::as_object_mut) else { return };
    let topics: Vec<Value> = Family::ALL
        .iter()
        .map(|family| {
            let url = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/capabilitystatement-subscriptiontopic-canonical";
            json!({"url": url, "valueCanonical": family.canonical()})
        })
        .collect();
    let interactions: Vec<Value> =
        ["read", "search-type", "create", "update", "delete"].iter().map(|code| json!({"code": code})).collect();
    let operations: Vec<Value> = ["status", "events", "get-ws-binding-token"]
        .iter()
        .map(|name| {
            let definition = format!(
                "http://hl7.org/fhir/uv/subscriptions-backport/OperationDefinition/backport-subscription-{name}"
            );
            json!({"name": name, "definition": definition})
        })
        .collect();
    let parameters: Vec<Value> =
        [("_id", "token"), ("criteria", "string"), ("status", "token"), ("type", "token"), ("url", "uri")]
            .iter()
            .map(|(name, kind)| json!({"name": name, "type": kind}))
            .collect();
    let subscription = json!({
        "extension": topics,
        "type": "Subscription",
        "profile": "http://hl7.org/fhir/StructureDefinition/Subscription",
        "supportedProfile": [PROFILE],
        "documentation": "A client system's own subscriptions. Topics are read and searched as Basic resources: \
            Basic?code=SubscriptionTopic.",
        "interaction": interactions,
        "versioning": "no-version",
        "updateCreate": false,
        "searchParam": parameters,
        "operation": operations
    });
    let websocket = json!([{
        "url": "http://hl7.org/fhir/StructureDefinition/capabilitystatement-websocket",
        "valueUri": format!("{}/$subscriptions-ws", base.replacen("http", "ws", 1))
    }]);
    if let Some(resources) = rest.get_mut("resource").and_then(Value::as_array_mut) {
        resources.push(subscription);
    }
    rest.insert("extension".into(), websocket);
}

fn resource(kind: ResourceType) -> Value {
    let all = || parameters(kind).iter().chain(common_parameters()).filter(|parameter| parameter.kind != Kind::Special);
    let people = matches!(kind, ResourceType::Patient | ResourceType::Person);
    let interactions: Vec<Value> = ["read", "vread", "history-instance", "search-type", "create", "update", "delete"]
        .iter()
        .map(|code| json!({"code": code}))
        .collect();
    let mut found: Vec<Value> = all().map(|parameter| search_parameter(kind, parameter)).collect();
    if kind == ResourceType::Patient {
        found.push(json!({
            "name": MOTHERS_MAIDEN_NAME_PARAMETER,
            "type": "string",
            "documentation": "Narrows what other parameters find; :exact and :contains are understood."
        }));
    }
    let mut resource = json!({
        "type": kind.as_str(),
        "profile": format!("http://hl7.org/fhir/StructureDefinition/{kind}"),
        "interaction": interactions,
        "versioning": "versioned-update",
        "readHistory": true,
        "updateCreate": true,
        "conditionalCreate": true,
        "conditionalRead": "not-match",
        "conditionalUpdate": true,
        "conditionalDelete": "single",
        "referencePolicy": ["literal", "logical", "local", "enforced"],
        "searchParam": found
    });
    let documentation = if people {
        "Found by identifier, family, given, name, birthdate (to the day), address-postalcode (whole) or _id; the other \
         parameters narrow what these find."
    } else if is_directory(kind) {
        "Found by identifier or _id; the other parameters narrow what these find."
    } else {
        "Searched within one person's record: name the patient, or _id."
    };
    if let Some(members) = resource.as_object_mut() {
        members.insert("documentation".into(), documentation.into());
        if !people && !is_directory(kind) {
            let names: Vec<String> = all()
                .filter(|parameter| parameter.kind == Kind::Reference)
                .map(|parameter| format!("{kind}:{}", parameter.code))
                .collect();
            members.insert("searchInclude".into(), std::iter::once("*".to_owned()).chain(names).collect());
            members.insert("searchRevInclude".into(), json!(["Provenance:target"]));
        }
        if people {
            let definition = "http://hl7.org/fhir/OperationDefinition/Patient-everything";
            let mut operations = vec![json!({"name": "everything", "definition": definition})];
            if kind == ResourceType::Patient {
                operations.extend(OF_PEOPLE.iter().map(|(name, definition, documentation)| {
                    json!({"name": name, "definition": definition, "documentation": documentation})
                }));
            }
            members.insert("operation".into(), operations.into());
        }
    }
    resource
}

fn search_parameter(kind: ResourceType, parameter: &Parameter) -> Value {
    let base = if parameter.code.starts_with('_') { "Resource" } else { kind.as_str() };
    let code = parameter.code.trim_start_matches('_');
    json!({
        "name": parameter.code,
        "definition": format!("http://hl7.org/fhir/SearchParameter/{base}-{code}"),
        "type": parameter.kind.as_str()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statement_lists_what_is_done() {
        let statement =
            statement("http://x/fhir", "2024-07-01T12:00:00Z".parse().expect("a time"), Some("https://x/oauth/token"));
        assert_eq!(statement["rest"][0]["security"]["service"][0]["coding"][0]["code"], "SMART-on-FHIR");
        let resources = statement.pointer("/rest/0/resource").and_then(Value::as_array).expect("resources");
        let observation =
            resources.iter().find(|r| r.get("type").is_some_and(|t| t == "Observation")).expect("Observation");
        let names: Vec<&str> = observation["searchParam"]
            .as_array()
            .expect("parameters")
            .iter()
            .filter_map(|parameter| parameter["name"].as_str())
            .collect();
        for name in ["code", "code-value-quantity", "date", "patient", "_lastUpdated"] {
            assert!(names.contains(&name), "{name}");
        }
        assert!(resources.len() > 130);
        let mut telling = statement.clone();
        add_subscriptions(&mut telling, "http://x/fhir");
        let resources = telling.pointer("/rest/0/resource").and_then(Value::as_array).expect("resources");
        let subscription = resources.last().expect("Subscription");
        assert_eq!(subscription["extension"].as_array().map(Vec::len), Some(Family::ALL.len()));
        assert_eq!(telling["rest"][0]["extension"][0]["valueUri"], "ws://x/fhir/$subscriptions-ws");
        let patient = resources.iter().find(|r| r.get("type").is_some_and(|t| t == "Patient")).expect("Patient");
        let operations: Vec<&str> =
            patient["operation"].as_array().expect("operations").iter().filter_map(|o| o["name"].as_str()).collect();
        assert_eq!(operations, ["everything", "ihe-pix", "match"]);
    }
}
