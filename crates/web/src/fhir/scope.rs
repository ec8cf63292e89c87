//! What a token's scopes let a request do: each needs the scopes of what it would give out, or learn from (SMART App Launch
//! 2.2, "Scopes for requesting FHIR Resources").

use super::{
    page::{Cursor, PAGE},
    reply::ApiError,
    route::Interaction,
};
use access::smart::{Permission, Scopes};
use axum::http::{HeaderValue, StatusCode, header};
use fhir::{IssueType, ResourceType};

type Need = (Option<ResourceType>, Permission);

/// Whether the scopes reach as far as the request; the error names the first that is missing.
pub fn check(scopes: &Scopes, interaction: &Interaction, pairs: &[(String, String)]) -> Result<(), ApiError> {
    // A link to the next page brings its own parameters, which then count instead; anybody can write one.
    let link = pairs.iter().find(|(name, _)| name == PAGE).and_then(|(_, link)| Cursor::decode(link).ok());
    let pairs = link.as_ref().map_or(pairs, |cursor| &cursor.pairs);
    for (kind, permission) in needs(interaction, pairs) {
        if !scopes.allow(kind, permission) {
            return Err(missing(kind, permission));
        }
    }
    Ok(())
}

fn needs(interaction: &Interaction, pairs: &[(String, String)]) -> Vec<Need> {
    match interaction {
        Interaction::Read { kind, .. } | Interaction::VersionRead { kind, .. } | Interaction::History { kind, .. } => {
            vec![(Some(*kind), Permission::Read)]
        }
        Interaction::Search { kind, .. } => {
            let mut needs = vec![(Some(*kind), Permission::Search)];
            needs.extend(pairs.iter().flat_map(|(name, value)| of_parameter(name, value)));
            needs
        }
        // All it gives out: the types named, or every type.
        Interaction::Everything { .. } => {
            let named = pairs.iter().filter(|(name, _)| name == "_type").flat_map(|(_, value)| value.split(','));
            let kinds: Vec<Option<ResourceType>> = named.map(|name| name.trim().parse().ok()).collect();
            let kinds = if kinds.is_empty() { vec![None] } else { kinds };
            kinds.into_iter().map(|kind| (kind, Permission::Read)).collect()
        }
        Interaction::Match => {
            vec![(Some(ResourceType::Patient), Permission::Search), (Some(ResourceType::Patient), Permission::Read)]
        }
        Interaction::CrossReference => vec![(Some(ResourceType::Patient), Permission::Search)],
        Interaction::Subscription { .. } => vec![(Some(ResourceType::Subscription), Permission::Read)],
        // Of readers only for their own subscriptions.
        Interaction::Create { kind } => vec![(Some(*kind), Permission::Create)],
        Interaction::Update { kind, .. } => vec![(Some(*kind), Permission::Update)],
        Interaction::Delete { kind, .. } => vec![(Some(*kind), Permission::Delete)],
        // Answered without a token, or not for readers.
        Interaction::Metadata | Interaction::Bundle => Vec::new(),
    }
}

/// What a parameter of a search brings along, or looks at, beyond the type searched.
fn of_parameter(name: &str, value: &str) -> Vec<Need> {
    let (plain, modifier) = name.split_once(':').unwrap_or((name, ""));
    match plain {
        // `_include=Observation:subject:Patient`; without a target, any type may come.
        "_include" => value
            .split(',')
            .map(|one| {
                let target = one.split(':').nth(2).and_then(|target| target.parse().ok());
                (target, Permission::Read)
            })
            .collect(),
        // `_revinclude=Provenance:target`
        "_revinclude" => value
            .split(',')
            .map(|one| (one.split(':').next().and_then(|kind| kind.parse().ok()), Permission::Search))
            .collect(),
        // `_has:Observation:patient:code`, chains of them too
        "_has" => {
            let kinds: Vec<Need> = modifier
                .split(':')
                .filter_map(|part| part.parse().ok())
                .map(|kind| (Some(kind), Permission::Search))
                .collect();
            if kinds.is_empty() { vec![(None, Permission::Search)] } else { kinds }
        }
        // `subject:Patient.name`, `subject.name`
        _ if name.contains('.') => {
            let links: Vec<&str> = name.split('.').collect();
            let followed = links.len().saturating_sub(1);
            let target = |link: &&str| link.split_once(':').and_then(|(_, kind)| kind.parse().ok());
            links.iter().take(followed).map(|link| (target(link), Permission::Search)).collect()
        }
        _ => Vec::new(),
    }
}

/// The error of a scope that is missing.
pub fn missing(kind: Option<ResourceType>, permission: Permission) -> ApiError {
    let letter = match permission {
        Permission::Read => "r",
        Permission::Search => "s",
        Permission::Create => "c",
        Permission::Update => "u",
        Permission::Delete => "d",
    };
    let scope = format!("system/{}.{letter}", kind.map_or("*", |kind| kind.as_str()));
    let challenge = format!("Bearer realm=\"fhir\", error=\"insufficient_scope\", scope=\"{scope}\"");
    let challenge = HeaderValue::from_str(&challenge).unwrap_or(HeaderValue::from_static("Bearer"));
    let text = format!("this access token lacks the scope {scope}");
    ApiError::new(StatusCode::FORBIDDEN, IssueType::Forbidden, text).with(header::WWW_AUTHENTICATE, challenge)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lacks(scopes: &str, interaction: &Interaction, pairs: &[(&str, &str)]) -> Option<String> {
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let scopes = Scopes::parse(scopes).expect("scopes");
        let error = check(&scopes, interaction, &pairs).err()?;
        assert_eq!(error.status, StatusCode::FORBIDDEN);
        let text = error.outcome.to_json().to_string().replace('\\', "");
        let scope = text.split("lacks the scope ").nth(1)?;
        Some(scope.split('"').next()?.to_owned())
    }

    fn link(pairs: &[(&str, &str)]) -> String {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Cursor { person: String::new(), seq: 1, offset: 0, pairs }.encode()
    }

    #[test]
    fn each_request_needs_the_scopes_of_what_it_gives_out() {
        use ResourceType as T;
        let id = || "p1".to_owned();
        let search = Interaction::Search { kind: T::Observation, within: None };
        let everything = Interaction::Everything { kind: T::Patient, id: id() };
        let all = "system/Observation.rs system/Patient.r";
        for (scopes, interaction, pairs, expected) in [
            (
                "system/Observation.s",
                &Interaction::Read { kind: T::Observation, id: id() },
                vec![],
                Some("Observation.r"),
            ),
            ("system/Observation.r", &search, vec![], Some("Observation.s")),
            (all, &search, vec![("_include", "Observation:subject:Patient")], None),
            (all, &search, vec![("_include", "Observation:subject")], Some("*.r")),
            (all, &search, vec![("_include:iterate", "Observation:performer:Practitioner")], Some("Practitioner.r")),
            (all, &search, vec![("_revinclude", "Provenance:target")], Some("Provenance.s")),
            (all, &search, vec![("subject:Patient.name", "x")], Some("Patient.s")),
            (all, &search, vec![("subject.name", "x")], Some("*.s")),
            (all, &search, vec![("_has:Condition:patient:code", "x")], Some("Condition.s")),
            (all, &everything, vec![], Some("*.r")),
            (all, &everything, vec![("_type", "Patient,Observation")], None),
            (all, &everything, vec![("_type", "Patient,Condition")], Some("Condition.r")),
            (all, &Interaction::Match, vec![], Some("Patient.s")),
            (all, &Interaction::CrossReference, vec![], Some("Patient.s")),
            ("system/*.rs", &everything, vec![], None),
            (all, &everything, vec![("_type", "Patient"), ("_page", &link(&[]))], Some("*.r")),
            (all, &everything, vec![("_page", &link(&[("_type", "Patient")]))], None),
            (all, &search, vec![("_page", &link(&[("_revinclude", "Provenance:target")]))], Some("Provenance.s")),
        ] {
            let expected = expected.map(|scope| format!("system/{scope}"));
            assert_eq!(lacks(scopes, interaction, &pairs), expected, "{scopes} {interaction:?} {pairs:?}");
        }
    }
}
