//! What a provider says about somebody, by the names it uses for it.

use serde_json::{Map, Value};

/// The names of claims that providers give differing names. A dot leads into an object: `realm_access.roles`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimNames {
    /// The name to show.
    pub name: String,
    /// Roles: a text, or a list of texts.
    pub role: String,
    /// The ODS code of the organisation: a text or a list.
    pub organisation_code: String,
    /// Its name: a text or a list as long.
    pub organisation_name: String,
    /// The NHS number of a person.
    pub nhs_number: String,
    /// The date of birth of a person.
    pub birth_date: String,
    /// How sure the provider is of who it is: a number, or a text with one digit (`P9`).
    pub assurance: String,
}

impl Default for ClaimNames {
    /// OpenID Connect's own names, and NHS login's and CIS2's where it has none.
    fn default() -> Self {
        ClaimNames {
            name: "name".into(),
            role: "roles".into(),
            organisation_code: "organisation_code".into(),
            organisation_name: "organisation_name".into(),
            nhs_number: "nhs_number".into(),
            birth_date: "birthdate".into(),
            assurance: "idassurancelevel".into(),
        }
    }
}

/// Longest text taken over from a claim: names and codes are short, and nothing long belongs on a page or in the audit.
const TEXT_CHARS_MAX: usize = 120;

/// What the ID token and the UserInfo answer say together. Where both speak, the ID token is right: it is signed.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    claims: Map<String, Value>,
}

impl Identity {
    /// Put the two together.
    pub fn new(id_token: &Map<String, Value>, user_info: Map<String, Value>) -> Self {
        let mut claims = user_info;
        for (name, value) in id_token {
            claims.insert(name.clone(), value.clone());
        }
        Identity { claims }
    }

    /// A claim by its name, or by its path.
    pub fn get(&self, name: &str) -> Option<&Value> {
        if let Some(value) = self.claims.get(name) {
            return Some(value);
        }
        let mut parts = name.split('.');
        let first = self.claims.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.get(part))
    }

    /// A claim as one text: trimmed, without control characters, of reasonable length.
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name).and_then(text_of)
    }

    /// A claim as a list of texts.
    pub fn texts(&self, name: &str) -> Vec<String> {
        match self.get(name) {
            Some(Value::Array(all)) => all.iter().filter_map(text_of).take(100).collect(),
            Some(one) => text_of(one).into_iter().collect(),
            None => Vec::new(),
        }
    }

    /// A level: a number, or a text that holds one (`3`, `P9`, `AAL2`).
    pub fn level(&self, name: &str) -> Option<u8> {
        let value = self.get(name)?;
        let text = match value {
            Value::Number(number) => number.to_string(),
            Value::String(text) => text.clone(),
            _ => return None,
        };
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        digits.parse().ok()
    }

    /// A name to show: the claim of that name, or given and family name, or what stands there to be called by.
    pub fn shown_name(&self, claim: &str) -> String {
        let joined = || {
            let parts = [self.text("given_name"), self.text("family_name")];
            let joined = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
            (!joined.is_empty()).then_some(joined)
        };
        let name = self.text(claim).or_else(joined).or_else(|| self.text("preferred_username"));
        name.unwrap_or_else(|| "Name not given".into())
    }
}

/// A text fit to be shown and recorded.
pub(super) fn text_of(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let plain: String = text.chars().filter(|letter| !letter.is_control()).take(TEXT_CHARS_MAX).collect();
    let plain = plain.trim();
    (!plain.is_empty()).then(|| plain.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn identity(id_token: Value, user_info: Value) -> Identity {
        let object = |value: Value| value.as_object().cloned().unwrap_or_default();
        Identity::new(&object(id_token), object(user_info))
    }

    #[test]
    fn the_signed_claim_is_right_and_paths_lead_inside() {
        let who = identity(
            json!({"name": "Signed"}),
            json!({"name": "Unsigned", "realm_access": {"roles": ["a", "b", 3, null]}, "a.b": "flat"}),
        );
        assert_eq!(who.text("name").as_deref(), Some("Signed"));
        assert_eq!(who.texts("realm_access.roles"), ["a", "b", "3"]);
        assert_eq!(who.text("a.b").as_deref(), Some("flat"));
        assert_eq!(who.text("realm_access"), None);
    }

    #[test]
    fn what_is_shown_holds_no_control_characters_and_is_short() {
        let who = identity(json!({"name": "  Ann\r\nSet-Cookie: x\u{0} ", "long": "x".repeat(5000)}), json!({}));
        assert_eq!(who.text("name").as_deref(), Some("AnnSet-Cookie: x"));
        assert_eq!(who.text("long").map(|text| text.len()), Some(TEXT_CHARS_MAX));
    }

    #[test]
    fn levels_are_read_from_numbers_and_texts() {
        let who = identity(json!({"a": 3, "b": "P9", "c": "3", "d": "high", "e": "P5"}), json!({}));
        let levels: Vec<_> = ["a", "b", "c", "d", "e", "f"].iter().map(|name| who.level(name)).collect();
        assert_eq!(levels, [Some(3), Some(9), Some(3), None, Some(5), None]);
    }
}
