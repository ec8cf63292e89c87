//! The message an item came in, made readable: the lines it was made from marked, long encoded content shortened. What
//! is shown is otherwise the message as it came.

use crate::ParsedItem;
use fhir::{ResourceType, Value};

/// A message, ready to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// HL7 v2, a row per segment; or any other text, a row per line.
    Rows(Vec<Row>),
    /// The part of a FHIR request that this item is, in JSON, and where it stood.
    Entry {
        /// The JSON, indented.
        text: String,
        /// `Entry 14 of 120 of a bundle.`
        place: String,
    },
}

/// A line of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its text in pieces.
    pub pieces: Vec<Piece>,
    /// Whether the item was made from it.
    pub here: bool,
}

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The text, or a note on what was cut out.
    pub text: String,
    /// Whether content was cut out here.
    pub cut: bool,
    /// Whether this is the place a finding names.
    pub marked: bool,
}

/// Runs of encoded content longer than this are cut out of what is shown.
const RUN_CHARS_MAX: usize = 240;
/// Rows shown at most.
const ROWS_MAX: usize = 2_000;

/// The message of an item.
pub fn message(body: &[u8], item: &ParsedItem) -> Message {
    if body.trim_ascii_start().starts_with(b"{")
        && let Ok(json) = serde_json::from_slice::<Value>(body)
    {
        return entry(json, item);
    }
    let text = decode(body);
    let lines = lines(&text);
    let here = relevant(&lines, item);
    let rows = lines.iter().take(ROWS_MAX).enumerate();
    Message::Rows(rows.map(|(index, line)| Row { pieces: pieces(line), here: here.contains(&index) }).collect())
}

/// Bytes as text: UTF-8, else Windows-1252's printable part read as Latin-1.
pub fn decode(body: &[u8]) -> String {
    match std::str::from_utf8(body) {
        Ok(text) => text.to_owned(),
        Err(_) => body.iter().map(|byte| char::from(*byte)).collect(),
    }
}

/// The lines of a message: CR, LF and CRLF all end one.
pub fn lines(text: &str) -> Vec<&str> {
    text.split(['\r', '\n']).filter(|line| !line.is_empty()).collect()
}

/// A line in pieces: long runs of base64 replaced by a note on their length.
pub fn pieces(line: &str) -> Vec<Piece> {
    let encoded = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let run = rest.find(|c| encoded(c) != encoded(first)).unwrap_or(rest.len());
        let (part, after) = rest.split_at(run);
        if encoded(first) && part.len() > RUN_CHARS_MAX {
            let head = part.get(..24).unwrap_or(part);
            plain.push_str(head);
            pieces.push(Piece { text: std::mem::take(&mut plain), cut: false, marked: false });
            let size = (part.len() / 4 * 3).div_ceil(1024);
            pieces.push(Piece { text: format!("{size} KB of encoded content"), cut: true, marked: false });
        } else {
            plain.push_str(part);
        }
        rest = after;
    }
    if !plain.is_empty() {
        pieces.push(Piece { text: plain, cut: false, marked: false });
    }
    pieces
}

/// The segments that resources of a type are made from (HL7 v2-to-FHIR segment maps).
fn segments(kind: ResourceType) -> &'static [&'static str] {
    use ResourceType::*;
    match kind {
        Patient => &["PID", "PD1", "MRG"],
        RelatedPerson => &["NK1", "IN1"],
        Encounter | EpisodeOfCare => &["PV1", "PV2"],
        Observation => &["OBX"],
        DiagnosticReport | ServiceRequest => &["OBR", "ORC", "RF1"],
        DocumentReference | Binary => &["TXA", "OBX"],
        AllergyIntolerance => &["AL1", "IAM"],
        Condition => &["DG1", "PRB"],
        Procedure => &["PR1"],
        Immunization => &["RXA"],
        MedicationRequest | MedicationStatement => &["RXE", "RXO", "RXR"],
        Appointment => &["SCH", "AIS", "AIG", "AIL", "AIP"],
        Flag => &["ARV", "PD1", "OBX"],
        _ => &[],
    }
}

/// The rows an item was made from: those of its segments that share the most of its values. Of a segment that stands
/// only once, that one.
fn relevant(lines: &[&str], item: &ParsedItem) -> Vec<usize> {
    let names = segments(item.kind());
    let mut values = Vec::new();
    leaves(&Value::Object(item.resource.body().clone()), &mut values);
    let mut here = Vec::new();
    for name in names {
        let of_name: Vec<(usize, usize)> = lines
            .iter()
            .enumerate()
            .filter(|(_, line)| line.starts_with(name) && line.get(3..4) == Some("|"))
            .map(|(index, line)| (index, shared(line, &values)))
            .collect();
        let most = of_name.iter().map(|(_, count)| *count).max().unwrap_or(0);
        here.extend(of_name.iter().filter(|(_, count)| *count == most).map(|(index, _)| *index));
    }
    here
}

/// How many of the values stand in the line as a whole component.
fn shared(line: &str, values: &[String]) -> usize {
    let parts: Vec<&str> = line.split(['|', '^', '~', '&']).collect();
    values.iter().filter(|value| parts.contains(&value.as_str())).count()
}

/// The texts and numbers of a resource that a message could hold literally.
fn leaves(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text.len() >= 2 && !text.contains("://") && !text.starts_with("urn:") => {
            found.push(text.clone());
        }
        Value::Number(number) => found.push(number.to_string()),
        Value::Array(list) => list.iter().for_each(|inner| leaves(inner, found)),
        Value::Object(map) => {
            for (name, inner) in map {
                if !matches!(name.as_str(), "resourceType" | "id" | "meta" | "reference" | "status") {
                    leaves(inner, found);
                }
            }
        }
        _ => {}
    }
}

/// The entry of a FHIR request that an item is: of its type, sharing most of its values.
fn entry(json: Value, item: &ParsedItem) -> Message {
    let indented = |value: &Value| serde_json::to_string_pretty(&shortened(value)).unwrap_or_default();
    let Some(entries) = json.get("entry").and_then(Value::as_array) else {
        return Message::Entry { text: indented(&json), place: "It is the whole of the request.".into() };
    };
    let mut wanted = Vec::new();
    leaves(&Value::Object(item.resource.body().clone()), &mut wanted);
    wanted.sort();
    wanted.dedup();
    let kind = item.kind().as_str();
    let best = entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| entry.pointer("/resource/resourceType").and_then(Value::as_str) == Some(kind))
        .map(|(index, entry)| {
            let mut values = Vec::new();
            if let Some(resource) = entry.get("resource") {
                leaves(resource, &mut values);
            }
            let own = entry.pointer("/resource/id").and_then(Value::as_str);
            let same_id = own.is_some_and(|own| {
                item.resource.list("identifier").iter().any(|i| i.get("value").and_then(Value::as_str) == Some(own))
            });
            let common = values.iter().filter(|value| wanted.binary_search(value).is_ok()).count();
            // Values the entry has and the item has not count against it: one reading among many alike.
            ((same_id, common * 2, usize::MAX - values.len()), index, entry)
        })
        .max_by_key(|(score, index, _)| (*score, usize::MAX - *index));
    match best {
        Some((_, index, entry)) => Message::Entry {
            text: indented(entry),
            place: format!("Entry {} of {} of a bundle.", index + 1, entries.len()),
        },
        None => Message::Entry { text: indented(&json), place: format!("A bundle of {} entries.", entries.len()) },
    }
}

/// A copy with long encoded content cut out.
fn shortened(value: &Value) -> Value {
    match value {
        Value::String(text) if text.len() > RUN_CHARS_MAX && !text.contains(' ') => {
            Value::String(format!("… {} KB of encoded content", (text.len() / 4 * 3).div_ceil(1024)))
        }
        Value::Array(list) => Value::Array(list.iter().map(shortened).collect()),
        Value::Object(map) => Value::Object(map.iter().map(|(name, inner)| (name.clone(), shortened(inner))).collect()),
        other => other.clone(),
    }
}

/// A resource as indented JSON with long encoded content cut out.
pub fn indented(resource: &fhir::Resource) -> String {
    serde_json::to_string_pretty(&shortened(&Value::Object(resource.body().clone()))).unwrap_or_default()
}

/// What changed between two versions of a resource: the names of its top-level elements, in plain words.
pub fn changed(older: &fhir::Resource, newer: &fhir::Resource) -> Vec<String> {
    let skip = |name: &str| matches!(name, "meta" | "id" | "resourceType" | "text");
    let mut names: Vec<String> = Vec::new();
    for (name, value) in newer.body() {
        if !skip(name) && older.get(name) != Some(value) {
            names.push(plain(name));
        }
    }
    for (name, _) in older.body().iter().filter(|(name, _)| !skip(name) && newer.get(name).is_none()) {
        names.push(format!("{} removed", plain(name)));
    }
    names
}

/// `effectiveDateTime` as `effective date time`.
fn plain(name: &str) -> String {
    crate::sections::events::spaced(name).to_lowercase()
}

/// The rule of a link's reason (JSON), stable.
pub fn rule_of(reason: &str) -> String {
    let reason: Value = serde_json::from_str(reason).unwrap_or_default();
    reason.get("rule").and_then(Value::as_str).unwrap_or("unknown").to_owned()
}

/// How sure a link is, as FHIR's identity assurance level: 4 where the patient founded the person or its verified NHS
/// number agrees with name and birth date; 3 where a steward or its own source said so, or the evidence leaves one doubt in
/// ten thousand; 2 otherwise.
pub fn assurance(reason: &str) -> &'static str {
    let reason: Value = serde_json::from_str(reason).unwrap_or_default();
    let agrees = |name: &str| reason.get(name).and_then(Value::as_bool);
    let probability = reason.get("probability").and_then(Value::as_f64).unwrap_or(0.0);
    match reason.get("rule").and_then(Value::as_str) {
        Some("own") => "level4",
        Some("verified-nhs-number") => match (agrees("birth_agrees"), agrees("name_agrees")) {
            (Some(true), Some(true)) => "level4",
            (None, None) if probability > 0.9999 => "level4",
            _ => "level3",
        },
        Some("decided" | "decision" | "merged-at-source") => "level3",
        Some("weighed") if probability > 0.9999 => "level3",
        _ => "level2",
    }
}

/// Why a patient is this person, from a link's reason (JSON), in words.
pub fn why_linked(reason: &str) -> String {
    let reason: Value = serde_json::from_str(reason).unwrap_or_default();
    let told = |name: &str| reason.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let agrees = |name: &str| reason.get(name).and_then(Value::as_bool) == Some(true);
    let by = told("by").map(|by| format!(" by {by}")).unwrap_or_default();
    let why = told("why").map(|why| format!(": {why}")).unwrap_or_default();
    match told("rule") {
        Some("verified-nhs-number") if reason.get("name_agrees").is_none() => {
            "the same verified NHS number, and name or date of birth agrees".into()
        }
        Some("weighed") => match reason.get("probability").and_then(Value::as_f64) {
            Some(probability) => {
                format!("the evidence as a whole: probability {}", crate::waterfall::percent(probability))
            }
            None => "the evidence as a whole".into(),
        },
        Some("verified-nhs-number") => match (agrees("birth_agrees"), agrees("name_agrees")) {
            (true, true) => "the same verified NHS number, name and date of birth".into(),
            (true, false) => "the same verified NHS number and date of birth (the name differs)".into(),
            _ => "the same verified NHS number and name (the date of birth differs)".into(),
        },
        Some("own") => "the first patient of this person".into(),
        Some(rule) if rule.contains("merge") => "its source merged it into a patient of this person".into(),
        Some("decided" | "decision") if by.is_empty() && why.is_empty() => "decided by a data steward".into(),
        Some("decided" | "decision") => format!("decided{by}{why}"),
        Some(other) => format!("{}{by}{why}", crate::text::words(other).to_lowercase()),
        None => format!("decided{by}{why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SourceInfo, SourceKind};
    use fhir::{Region, Resource};
    use std::sync::Arc;

    fn item(json: Value) -> ParsedItem {
        let region = Region::new("test");
        let resource = Resource::from_slice(json.to_string().as_bytes()).expect("a resource");
        ParsedItem {
            id: region.resource(region.patient("rxx", "1"), resource.kind(), "1"),
            version: 1,
            recorded: "2026-07-01T08:00:00Z".parse().expect("a time"),
            seq: 1,
            message: 1,
            source: Arc::new(SourceInfo { id: "rxx".into(), name: "Riverside".into(), kind: SourceKind::Hospital }),
            resource,
        }
    }

    const RESULT: &str = "MSH|^~\\&|LAB|RXX\rPID|1||123\rOBR|1||F1|UE^Urea\rOBX|1|NM|K^Potassium||4.1|mmol/L\rOBX|2|NM|NA^Sodium||139|mmol/L\r";

    #[test]
    fn the_line_a_result_came_from_is_marked_and_no_other() {
        let sodium = item(serde_json::json!({
            "resourceType": "Observation", "status": "final", "code": {"coding": [{"code": "NA", "display": "Sodium"}]},
            "valueQuantity": {"value": 139, "unit": "mmol/L"}
        }));
        let Message::Rows(rows) = message(RESULT.as_bytes(), &sodium) else { panic!("rows") };
        let marked: Vec<usize> = rows.iter().enumerate().filter(|(_, row)| row.here).map(|(index, _)| index).collect();
        assert_eq!(marked, [4]);
    }

    #[test]
    fn encoded_content_is_cut_and_its_size_told() {
        let line = format!("OBX|1|ED|PDF||^application^pdf^Base64^{}", "QUJD".repeat(1024));
        let pieces = pieces(&line);
        assert_eq!(pieces.iter().find(|piece| piece.cut).expect("a cut").text, "3 KB of encoded content");
        assert!(pieces.iter().map(|piece| piece.text.len()).sum::<usize>() < 120);
    }

    #[test]
    fn the_entry_of_a_bundle_is_found_among_others_alike() {
        let allergy = |words: &str| serde_json::json!({"resource": {"resourceType": "AllergyIntolerance", "code": {"text": words}}});
        let bundle = serde_json::json!({"resourceType": "Bundle", "entry": [allergy("Latex"), allergy("Penicillin")]});
        let wanted = item(serde_json::json!({"resourceType": "AllergyIntolerance", "code": {"text": "Penicillin"}}));
        let Message::Entry { text, place } = message(bundle.to_string().as_bytes(), &wanted) else {
            panic!("an entry")
        };
        assert!(text.contains("Penicillin"));
        assert_eq!(place, "Entry 2 of 2 of a bundle.");
    }

    #[test]
    fn what_changed_between_versions_is_named() {
        let old =
            item(serde_json::json!({"resourceType": "Observation", "status": "preliminary", "issued": "2026-01-01"}))
                .resource;
        let new =
            item(serde_json::json!({"resourceType": "Observation", "status": "final", "valueString": "x"})).resource;
        assert_eq!(changed(&old, &new), ["status", "value string", "issued removed"]);
    }
}
