//! Who asks: a signed-in member of staff, a person looking at their own record, or a system with a credential of its own.

use fhir::PersonKey;
use serde::{Deserialize, Serialize};

/// What a user is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UserKind {
    /// Somebody at work: the kind of every user before there were others.
    #[default]
    Staff,
    /// Somebody whose own record is here.
    Person,
    /// A system.
    System,
}

/// A user, as far as the gate needs to know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Stable id, unique in the region.
    pub id: String,
    /// Name as shown to others.
    pub name: String,
    /// National role code (`R8000` clinical practitioner, `R8001` nurse …), `system` or `person`.
    pub role_code: String,
    /// The role in words.
    pub role_name: String,
    /// ODS code of the organisation the user acts for.
    pub org_code: String,
    /// Its name.
    pub org_name: String,
    /// What the user is.
    #[serde(default)]
    pub kind: UserKind,
    /// How sure the provider is of who it is: the identity assurance level (GPG 45; CIS2 `idassurancelevel`, or the digit
    /// of NHS login's `identity_proofing_level`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assurance: Option<u8>,
    /// National activity codes (`B0380` …) of the role, where the provider gives them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub activity_codes: Vec<String>,
    /// The person whose own record a [`UserKind::Person`] may see, found once, at sign-in.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "as_text")]
    pub person: Option<PersonKey>,
    /// Where the request came from that is being answered. Written into the audit entry by itself.
    #[serde(skip)]
    pub via: crate::gate::Via,
    /// Of a system: whether the region let it loose on everybody, rather than on its own organisation's patients.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reach_region: bool,
    /// The client system that asks, or asks on the user's behalf.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
}

const SIGN_IN: &str = "skein-sign-in";

impl User {
    /// A member of staff, in one role for one organisation.
    pub fn staff(
        id: impl Into<String>,
        name: impl Into<String>,
        (role_code, role_name): (&str, &str),
        (org_code, org_name): (&str, &str),
    ) -> Self {
        User {
            id: id.into(),
            name: name.into(),
            role_code: role_code.to_owned(),
            role_name: role_name.to_owned(),
            org_code: org_code.to_owned(),
            org_name: org_name.to_owned(),
            ..User::default()
        }
    }

    /// A system that an organisation answers for.
    pub fn system(id: impl Into<String>, name: impl Into<String>, organisation: (&str, &str)) -> Self {
        let id = id.into();
        User {
            kind: UserKind::System,
            client: Some(id.clone()),
            ..User::staff(id, name, ("system", "Client system"), organisation)
        }
    }

    /// What looks for a person's own record when they sign in.
    pub fn sign_in() -> Self {
        User::system(SIGN_IN, "Signing people in", ("", ""))
    }

    /// Whether it is that. A system that an organisation answers for is another, whatever it is called.
    pub fn is_sign_in(&self) -> bool {
        self.kind == UserKind::System && self.id == SIGN_IN && self.org_code.is_empty()
    }

    /// A person who looks at their own record.
    pub fn person(id: impl Into<String>, name: impl Into<String>, person: PersonKey) -> Self {
        User {
            kind: UserKind::Person,
            person: Some(person),
            ..User::staff(id, name, ("person", "Person, own record"), ("", ""))
        }
    }
}

/// A key as its thirteen characters.
mod as_text {
    use fhir::PersonKey;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(key: &Option<PersonKey>, to: S) -> Result<S::Ok, S::Error> {
        match key {
            Some(key) => to.collect_str(key),
            None => to.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<PersonKey>, D::Error> {
        let text: Option<String> = Option::deserialize(from)?;
        text.map(|text| text.parse().map_err(D::Error::custom)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_in_an_old_audit_entry_still_reads() {
        let old = r#"{"id":"nurse","name":"Nura Hale","role_code":"R8001","role_name":"Nurse","org_code":"XWC","org_name":"Wexmoor"}"#;
        let user: User = serde_json::from_str(old).expect("a user");
        assert_eq!(user, User::staff("nurse", "Nura Hale", ("R8001", "Nurse"), ("XWC", "Wexmoor")));
        assert_eq!(user.kind, UserKind::Staff);
    }

    #[test]
    fn a_user_is_written_and_read_the_same() {
        let users = [
            User::staff("nurse", "Nura Hale", ("R8001", "Nurse"), ("XWC", "Wexmoor")),
            User {
                assurance: Some(3),
                activity_codes: vec!["B0380".into()],
                ..User::system("app", "App", ("R0A", "Lab"))
            },
            User::person("nhs-login:1", "Iris Pemberton", PersonKey(7)),
        ];
        for user in users {
            let text = serde_json::to_string(&user).expect("JSON");
            assert_eq!(serde_json::from_str::<User>(&text).expect("a user"), user, "{text}");
        }
    }
}
