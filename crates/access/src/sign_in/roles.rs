//! From what a provider says to the users somebody may be here: one for each role, since a role is held in one organisation.

use super::{
    SignInKind,
    claims::{ClaimNames, Identity, text_of},
};
use crate::{User, UserKind};
use jiff::civil::Date;
use serde_json::Value;
use std::{collections::BTreeMap, fmt};

/// A role of ours that a provider's word stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalRole {
    /// The national role code.
    pub code: String,
    /// In words.
    pub name: String,
}

/// How roles are read.
#[derive(Clone, Debug)]
pub enum RoleRules {
    /// NHS CIS2: `nhsid_nrbac_roles`, `nhsid_user_orgs`, `selected_roleid` (NHS CIS2 Authentication, "Scopes and claims").
    Cis2,
    /// A claim with the provider's own words, each of which stands for a role of ours. Words that are not in the map are
    /// nothing here.
    Map {
        /// Word → role.
        roles: BTreeMap<String, LocalRole>,
        /// Code and name of the organisation everybody here works for; None: the claims say.
        organisation: Option<(String, String)>,
    },
}

/// Whom somebody may be.
#[derive(Clone)]
pub enum Who {
    /// Staff: one user for each role they hold. Empty: the provider knows no role of theirs that counts here.
    Staff(Vec<User>),
    /// A person, to be found by a verified NHS number.
    Person {
        /// Who, for the audit: not yet tied to a record.
        user: Box<User>,
        /// The NHS number that the provider has verified.
        nhs_number: Option<u64>,
        /// The date of birth it knows.
        born: Option<Date>,
    },
}

/// A person's number is never printed.
impl fmt::Debug for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Who::Staff(roles) => write!(f, "Staff with {} roles", roles.len()),
            Who::Person { nhs_number, .. } => write!(f, "Person, number known: {}", nhs_number.is_some()),
        }
    }
}

/// Roles shown to choose from.
const ROLES_MAX: usize = 100;

/// The users somebody may be.
pub fn who(
    kind: SignInKind,
    provider: &str,
    names: &ClaimNames,
    rules: &RoleRules,
    subject: &str,
    said: &Identity,
) -> Who {
    let user = User {
        id: format!("{provider}:{subject}"),
        name: said.shown_name(&names.name),
        assurance: said.level(&names.assurance),
        ..User::default()
    };
    if kind == SignInKind::Person {
        let digits: String =
            said.text(&names.nhs_number).unwrap_or_default().chars().filter(|c| !c.is_whitespace()).collect();
        let number = fhir::nhs::NhsNumber::parse(&digits).ok().and_then(|number| number.as_str().parse().ok());
        let user =
            User { kind: UserKind::Person, role_code: "person".into(), role_name: "Person, own record".into(), ..user };
        let born = said.text(&names.birth_date).and_then(|text| text.parse().ok());
        return Who::Person { user: Box::new(user), nhs_number: number, born };
    }
    let mut roles = match rules {
        RoleRules::Cis2 => cis2(&user, said),
        RoleRules::Map { roles, organisation } => mapped(&user, names, roles, organisation.as_ref(), said),
    };
    roles.truncate(ROLES_MAX);
    Who::Staff(roles)
}

/// CIS2's roles. The job role is the last part of `S8000:G8000:R8000`; one role is selected there, or all are offered here.
fn cis2(user: &User, said: &Identity) -> Vec<User> {
    let list = |name: &str| said.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let organisations: BTreeMap<String, String> = list("nhsid_user_orgs")
        .iter()
        .filter_map(|org| Some((text_of(org.get("org_code")?)?, text_of(org.get("org_name")?)?)))
        .collect();
    let selected = said.text("selected_roleid");
    let roles = list("nhsid_nrbac_roles");
    let mut users = Vec::new();
    for role in &roles {
        let text = |name: &str| role.get(name).and_then(text_of);
        let Some(code) = text("role_code").and_then(|code| job_role(&code)) else { continue };
        let Some(org_code) = text("org_code") else { continue };
        if selected.is_some() && selected != text("person_roleid") {
            continue;
        }
        // `"Clinical":"Clinical Provision":"Nurse Access Role"`: the last part is the role's name.
        let role_name = text("role_name").map(|name| {
            let last = name.rsplit(':').next().unwrap_or_default();
            last.trim_matches(['"', ' ']).to_owned()
        });
        let org_name = text("org_name").or_else(|| organisations.get(&org_code).cloned());
        let activity_codes = role.get("activity_codes").and_then(Value::as_array);
        users.push(User {
            role_name: role_name.filter(|name| !name.is_empty()).unwrap_or_else(|| code.clone()),
            role_code: code,
            org_name: org_name.unwrap_or_else(|| org_code.clone()),
            org_code,
            activity_codes: activity_codes.map(|codes| codes.iter().filter_map(text_of).collect()).unwrap_or_default(),
            ..user.clone()
        });
    }
    users
}

/// `R8000` of `S8000:G8000:R8000`.
fn job_role(code: &str) -> Option<String> {
    let last = code.rsplit(':').next()?.trim();
    let plain = last.len() == 5 && last.starts_with('R') && last.chars().skip(1).all(|c| c.is_ascii_digit());
    plain.then(|| last.to_owned())
}

/// The roles that a map makes of a provider's words, in each organisation it names.
fn mapped(
    user: &User,
    names: &ClaimNames,
    map: &BTreeMap<String, LocalRole>,
    everybody: Option<&(String, String)>,
    said: &Identity,
) -> Vec<User> {
    let organisations: Vec<(String, String)> = match everybody {
        Some(one) => vec![one.clone()],
        None => {
            let shown = said.texts(&names.organisation_name);
            let codes = said.texts(&names.organisation_code).into_iter().enumerate();
            codes.map(|(index, code)| (code.clone(), shown.get(index).cloned().unwrap_or(code))).collect()
        }
    };
    let mut roles: Vec<&LocalRole> = Vec::new();
    for word in said.texts(&names.role) {
        if let Some(role) = map.get(&word)
            && !roles.contains(&role)
        {
            roles.push(role);
        }
    }
    let each = roles.into_iter().flat_map(|role| organisations.iter().map(move |organisation| (role, organisation)));
    each.map(|(role, (code, name))| User {
        role_code: role.code.clone(),
        role_name: role.name.clone(),
        org_code: code.clone(),
        org_name: name.clone(),
        ..user.clone()
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn identity(value: Value) -> Identity {
        Identity::new(value.as_object().expect("an object"), serde_json::Map::new())
    }

    fn staff(rules: &RoleRules, said: Value) -> Vec<User> {
        match who(SignInKind::Staff, "cis2", &ClaimNames::default(), rules, "910000000001", &identity(said)) {
            Who::Staff(roles) => roles,
            other => panic!("{other:?}"),
        }
    }

    fn cis2_claims() -> Value {
        json!({
            "name": "HALE Nura (Ms)", "idassurancelevel": "3",
            "nhsid_nrbac_roles": [
                {"person_orgid": "1", "person_roleid": "555", "org_code": "RHM", "role_code": "S8000:G8000:R8001",
                 "role_name": "\"Clinical\":\"Clinical Provision\":\"Nurse Access Role\"", "activity_codes": ["B0380", "B0401"]},
                {"person_orgid": "2", "person_roleid": "556", "org_code": "XWC", "org_name": "Wexmoor Community",
                 "role_code": "S8000:G8000:R8000", "role_name": "Clinical Practitioner"},
                {"person_roleid": "557", "org_code": "XWC", "role_code": "nonsense"},
                {"person_roleid": "558", "role_code": "S8000:G8000:R8000"}],
            "nhsid_user_orgs": [{"org_code": "RHM", "org_name": "Riverside Hospital"}]
        })
    }

    #[test]
    fn every_cis2_role_is_a_user_in_its_organisation() {
        let roles = staff(&RoleRules::Cis2, cis2_claims());
        let shown: Vec<_> =
            roles.iter().map(|user| [&*user.role_code, &*user.role_name, &*user.org_code, &*user.org_name]).collect();
        assert_eq!(
            shown,
            [
                ["R8001", "Nurse Access Role", "RHM", "Riverside Hospital"],
                ["R8000", "Clinical Practitioner", "XWC", "Wexmoor Community"],
            ]
        );
        assert_eq!(roles[0].activity_codes, ["B0380", "B0401"]);
        assert_eq!(roles[0].assurance, Some(3));
        assert_eq!(roles[0].id, "cis2:910000000001");
    }

    #[test]
    fn a_role_selected_at_the_provider_is_the_only_one() {
        let mut claims = cis2_claims();
        claims["selected_roleid"] = json!("556");
        assert_eq!(staff(&RoleRules::Cis2, claims.clone()).len(), 1);
        claims["selected_roleid"] = json!("999");
        assert!(staff(&RoleRules::Cis2, claims).is_empty(), "and an unknown one is none");
        assert!(staff(&RoleRules::Cis2, json!({"name": "A"})).is_empty());
    }

    #[test]
    fn words_of_another_provider_stand_for_roles_and_unknown_ones_for_nothing() {
        let role = |code: &str, name: &str| LocalRole { code: code.into(), name: name.into() };
        let roles = BTreeMap::from([
            ("social-worker".to_owned(), role("R8011", "Social worker")),
            ("Social Care".to_owned(), role("R8011", "Social worker")),
        ]);
        let rules = RoleRules::Map { roles: roles.clone(), organisation: None };
        let said = json!({"roles": ["social-worker", "Social Care", "admin", "R8000"],
            "organisation_code": ["A1", "A2"], "organisation_name": ["Council", "Home"]});
        let users = staff(&rules, said.clone());
        let shown: Vec<_> = users.iter().map(|user| (&*user.role_code, &*user.org_code, &*user.org_name)).collect();
        assert_eq!(shown, [("R8011", "A1", "Council"), ("R8011", "A2", "Home")]);
        let rules = RoleRules::Map { roles, organisation: Some(("A9".into(), "Everybody's".into())) };
        assert_eq!(staff(&rules, said)[0].org_code, "A9");
    }

    #[test]
    fn a_persons_number_must_be_one_and_is_not_printed() {
        let person = |number: &str| {
            let said =
                identity(json!({"nhs_number": number, "birthdate": "1945-07-14", "identity_proofing_level": "P9"}));
            let names = ClaimNames { assurance: "identity_proofing_level".into(), ..ClaimNames::default() };
            who(SignInKind::Person, "nhs-login", &names, &RoleRules::Cis2, "s", &said)
        };
        let Who::Person { user, nhs_number, born } = person("9434765919") else { panic!("a person") };
        assert_eq!((nhs_number, user.assurance, user.kind), (Some(9_434_765_919), Some(9), UserKind::Person));
        assert_eq!(born, Some(jiff::civil::date(1945, 7, 14)));
        assert!(!format!("{:?}", person("9434765919")).contains("9434765919"));
        assert!(matches!(person("9434765918"), Who::Person { nhs_number: None, .. }));
    }
}
