//! Whether a message says that its patient's whereabouts are restricted: asked before anybody is shown the message itself,
//! which may be on the error desk because it could not be read. So rather yes than no.

use crate::Profile;
use hl7v2::Message;
use serde_json::Value;

/// Whether a message, HL7 v2 or FHIR, speaks of a restriction, by its source's rules.
pub fn restricts(body: &[u8], profile: &Profile) -> bool {
    if body.trim_ascii_start().starts_with(b"{") {
        return labelled(body);
    }
    match hl7v2::parse(body).message {
        Some(message) => says_so(&message, profile),
        // Not even a message: every line that would be a PD1 is looked at.
        None => String::from_utf8_lossy(body).split(['\r', '\n']).any(|line| {
            let field = line.strip_prefix("PD1|").and_then(|rest| rest.split('|').nth(11));
            field.is_some_and(|said| profile.patient.restricted.iter().any(|code| code == said.trim()))
        }),
    }
}

/// PD1-12 (protection indicator), the field that the profile names beside it, and ARV (HL7 v2.9 §3.4.17).
fn says_so(message: &Message, profile: &Profile) -> bool {
    let rules = &profile.patient;
    let protected = |said: &str| rules.restricted.iter().any(|code| code == said.trim());
    let further = rules.restricted_field.as_deref().and_then(|path| {
        let (segment, field) = path.split_once('-')?;
        Some((segment, field.split('.').next()?.parse::<usize>().ok()?))
    });
    message.segments().any(|segment| match segment.name() {
        "PD1" if protected(&segment.field(12).text()) => true,
        "ARV" => {
            matches!(&*segment.field(2).text(), "A" | "U")
                && segment.field(3).reps().any(|what| matches!(&*what.text(), "ALL" | "DEM" | "LOC"))
        }
        name => {
            further.is_some_and(|(segment_of, field)| name == segment_of && protected(&segment.field(field).text()))
        }
    })
}

/// The labels that make whereabouts restricted (v3 Confidentiality), as `identity` and `record` obey them.
const RESTRICTED: [&str; 3] = ["R", "V", "REDACTED"];

/// A label in the `meta.security` of any resource.
fn labelled(body: &[u8]) -> bool {
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => any_label(&value),
        // Not even JSON: wherever labels are spoken of and one of these words stands.
        Err(_) => {
            let text = String::from_utf8_lossy(body);
            text.contains("\"security\"") && RESTRICTED.iter().any(|code| text.contains(&format!("\"{code}\"")))
        }
    }
}

fn any_label(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(any_label),
        Value::Object(members) => {
            let labels = value.pointer("/meta/security").and_then(Value::as_array);
            let code = |label: &Value| {
                label.get("code").and_then(Value::as_str).is_some_and(|code| RESTRICTED.contains(&code))
            };
            labels.is_some_and(|labels| labels.iter().any(code)) || members.values().any(any_label)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(segment: &str, profile: &str) -> bool {
        let body = format!("MSH|^~\\&|PAS|RCB|R|R|20250301||ADT^A31|1|P|2.4\rPID|1||1001^^^RCB\r{segment}\r");
        restricts(body.as_bytes(), &Profile::from_toml(&format!("source = \"rcb\"\n{profile}")).expect("a profile"))
    }

    #[test]
    fn a_message_restricts_by_its_sources_own_words() {
        for code in ["Y", "R", "S", "V"] {
            assert!(of(&format!("PD1||||||||||||{code}"), ""), "{code}");
        }
        assert!(!of("PD1||||||||||||N", "") && !of("PD1|", ""));
        let own = "[patient]\nrestricted = [\"SENS\"]\nrestricted_field = \"ZPD-3\"\n";
        assert!(of("ZPD|1||SENS", own) && of("PD1||||||||||||SENS", own));
        assert!(!of("ZPD|1||NO", own) && !of("PD1||||||||||||Y", own));
        assert!(of("ARV|1|A|DEM", "") && !of("ARV|1|D|DEM", "") && !of("ARV|1|A|OTHER", ""));
        assert!(restricts(b"PD1||||||||||||Y", &Profile::unknown("rcb")), "not even a message");
    }

    #[test]
    fn a_bundle_restricts_by_a_label_on_any_of_its_resources() {
        let bundle = |code: &str| {
            format!(
                r#"{{"entry": [{{"resource": {{"meta": {{"security": [{{"code" : "{code}"}}]}}}}}},
                   {{"resource": {{"interpretation": [{{"coding": [{{"code": "R"}}]}}]}}}}]}}"#
            )
        };
        let profile = Profile::unknown("gp");
        assert!(restricts(bundle("R").as_bytes(), &profile) && restricts(bundle("V").as_bytes(), &profile));
        assert!(!restricts(bundle("N").as_bytes(), &profile), "a resistant germ is no restriction");
        let broken = bundle("V").replace("]}}", "");
        assert!(restricts(broken.as_bytes(), &profile), "what cannot be read is not shown");
    }
}
