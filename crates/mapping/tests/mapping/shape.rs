//! Is a resource well formed R4? Not a validator: what would break a reader. Required elements, codes of required bindings,
//! dates, references, nothing empty, one type of a choice.

use fhir::{Resource, ResourceId, Value};

/// Required elements (R4 cardinality 1..) of the types HL7 v2 maps to; `a|b` means one of them; `x[x]` a choice.
const REQUIRED: &[(&str, &[&str])] = &[
    ("AllergyIntolerance", &["patient", "code"]),
    ("Appointment", &["status", "participant"]),
    ("Binary", &["contentType"]),
    ("Condition", &["subject"]),
    ("DiagnosticReport", &["status", "code"]),
    ("DocumentReference", &["status", "content"]),
    ("Encounter", &["status", "class"]),
    ("Immunization", &["status", "vaccineCode", "patient", "occurrence"]),
    ("MedicationDispense", &["status", "medication"]),
    ("MedicationRequest", &["status", "intent", "medication", "subject", "substitution"]),
    ("Observation", &["status", "code"]),
    ("Procedure", &["status", "subject"]),
    ("RelatedPerson", &["patient"]),
    ("ServiceRequest", &["status", "intent", "subject"]),
    ("Specimen", &["subject"]),
];

/// Required bindings.
const CODES: &[(&str, &str, &[&str])] = &[
    (
        "Appointment",
        "status",
        &[
            "proposed",
            "pending",
            "booked",
            "arrived",
            "fulfilled",
            "cancelled",
            "noshow",
            "entered-in-error",
            "checked-in",
            "waitlist",
        ],
    ),
    (
        "DiagnosticReport",
        "status",
        &[
            "registered",
            "partial",
            "preliminary",
            "final",
            "amended",
            "corrected",
            "appended",
            "cancelled",
            "entered-in-error",
            "unknown",
        ],
    ),
    ("DocumentReference", "status", &["current", "superseded", "entered-in-error"]),
    ("DocumentReference", "docStatus", &["preliminary", "final", "amended", "entered-in-error"]),
    (
        "Encounter",
        "status",
        &[
            "planned",
            "arrived",
            "triaged",
            "in-progress",
            "onleave",
            "finished",
            "cancelled",
            "entered-in-error",
            "unknown",
        ],
    ),
    ("Immunization", "status", &["completed", "entered-in-error", "not-done"]),
    (
        "MedicationRequest",
        "status",
        &["active", "on-hold", "cancelled", "completed", "entered-in-error", "stopped", "draft", "unknown"],
    ),
    (
        "MedicationRequest",
        "intent",
        &["proposal", "plan", "order", "original-order", "reflex-order", "filler-order", "instance-order", "option"],
    ),
    (
        "Observation",
        "status",
        &["registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown"],
    ),
    ("Patient", "gender", &["male", "female", "other", "unknown"]),
    (
        "Procedure",
        "status",
        &["preparation", "in-progress", "not-done", "on-hold", "stopped", "completed", "entered-in-error", "unknown"],
    ),
    ("RelatedPerson", "gender", &["male", "female", "other", "unknown"]),
    (
        "ServiceRequest",
        "status",
        &["draft", "active", "on-hold", "revoked", "completed", "entered-in-error", "unknown"],
    ),
    ("ServiceRequest", "priority", &["routine", "urgent", "asap", "stat"]),
    ("Specimen", "status", &["available", "unavailable", "unsatisfactory", "entered-in-error"]),
];

pub fn check(resource: &Resource) {
    let kind = resource.kind().as_str();
    let fail = |what: String| panic!("{kind}: {what}: {}", resource.to_json());
    let names: Vec<&str> = resource.body().keys().map(String::as_str).collect();
    for (of, elements) in REQUIRED {
        for element in elements.iter().filter(|_| *of == kind) {
            let typed = |n: &&str| {
                n.strip_prefix(element).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()))
            };
            if !names.contains(element) && !names.iter().any(typed) {
                fail(format!("no {element}"));
            }
        }
    }
    for (of, element, codes) in CODES {
        if *of == kind
            && let Some(code) = resource.get(element)
            && !codes.contains(&code.as_str().unwrap_or(""))
        {
            fail(format!("{element} is {code}"));
        }
    }
    for stem in ["value", "effective", "onset", "performed", "occurrence", "deceased", "multipleBirth", "medication"] {
        let of_stem = names
            .iter()
            .filter(|n| n.strip_prefix(stem).is_some_and(|r| r.starts_with(|c: char| c.is_ascii_uppercase())))
            .count();
        if of_stem > 1 {
            fail(format!("{of_stem} of {stem}[x]"));
        }
    }
    walk("", &Value::Object(resource.body().clone()), &fail);
}

fn walk(path: &str, value: &Value, fail: &dyn Fn(String)) {
    match value {
        Value::Null => fail(format!("{path} is null")),
        Value::Array(list) if list.is_empty() => fail(format!("{path} is an empty list")),
        Value::Array(list) => list.iter().for_each(|v| walk(path, v, fail)),
        Value::Object(map) if map.is_empty() => fail(format!("{path} is an empty object")),
        Value::Object(map) => {
            for (name, value) in map {
                if name == "reference" {
                    let text = value.as_str().unwrap_or_default();
                    let (kind, id) = text.split_once('/').unwrap_or_default();
                    if kind.parse::<fhir::ResourceType>().is_err() || id.parse::<ResourceId>().is_err() {
                        fail(format!("{path} refers to {text}"));
                    }
                }
                if name.ends_with("DateTime")
                    || matches!(name.as_str(), "birthDate" | "authoredOn" | "recordedDate" | "receivedTime")
                    || path.ends_with("eriod")
                {
                    date(value.as_str().unwrap_or_default(), fail);
                }
                if matches!(name.as_str(), "issued" | "start" | "end" | "date") && !path.ends_with("eriod") {
                    let text = value.as_str().unwrap_or_default();
                    if text.parse::<jiff::Timestamp>().is_err() {
                        fail(format!("{path}/{name} is no instant: {text}"));
                    }
                }
                walk(&format!("{path}/{name}"), value, fail);
            }
        }
        Value::String(text) if text.trim().is_empty() => fail(format!("{path} is empty")),
        Value::String(text) if path.ends_with("/code") && (text.trim() != text || text.contains("  ")) => {
            fail(format!("{path} is no code: {text:?}"))
        }
        _ => {}
    }
}

/// R4 dateTime: a date, or a whole instant with seconds and offset.
fn date(text: &str, fail: &dyn Fn(String)) {
    let plain = matches!(text.len(), 4 | 7 | 10) && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    if !plain && text.parse::<jiff::Timestamp>().is_err() {
        fail(format!("no date: {text}"));
    }
}
