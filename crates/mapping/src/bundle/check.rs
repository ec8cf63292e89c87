//! What is looked at in passing: dates that do not exist, NHS numbers that cannot be right.

use crate::change::{Finding, Severity};
use fhir::{DateTime, NhsNumber, datetime::NotADateTime, json::Node, nhs};

/// Whether an element of this name holds a date or time.
fn is_dated(name: &str) -> bool {
    name.ends_with("Date")
        || name.ends_with("DateTime")
        || name.ends_with("Instant")
        || matches!(
            name,
            "date" | "start" | "end" | "issued" | "created" | "authoredOn" | "recorded" | "sent" | "received"
        )
}

/// Whether a text stands where a date stands and names a day or time that does not exist (31 February).
pub(super) fn is_impossible_date(name: &str, text: &str) -> bool {
    let bytes = text.as_bytes();
    let shaped = bytes.len() >= 7 && bytes.get(4) == Some(&b'-') && bytes.first().is_some_and(u8::is_ascii_digit);
    shaped && is_dated(name) && DateTime::parse(text) == Err(NotADateTime::NoSuchTime)
}

/// NHS numbers of a Patient (or RelatedPerson) that are not of the form, or whose check digit is wrong: kept as they are,
/// told, and never used to link.
pub(super) fn nhs_numbers(resource: Node<'_>, root: &str, findings: &mut Vec<Finding>) {
    for (index, identifier) in resource.list("identifier").enumerate() {
        if !identifier.get("system").is_some_and(|system| system.is_text(nhs::SYSTEM)) {
            continue;
        }
        let Some(value) = identifier.get("value").and_then(Node::text) else { continue };
        let (code, text) = match NhsNumber::parse(&value) {
            Ok(_) => continue,
            Err(nhs::NotAnNhsNumber::CheckDigit) => {
                ("nhs-number-check-digit", "the check digit of the NHS number is wrong")
            }
            Err(nhs::NotAnNhsNumber::NotTenDigits) => ("nhs-number-form", "an NHS number has ten digits"),
        };
        findings.push(Finding {
            severity: Severity::Warning,
            code: code.to_owned(),
            place: format!("{root}.identifier[{index}].value"),
            text: format!("{text}: it is kept as sent and not used to link"),
        });
    }
}
