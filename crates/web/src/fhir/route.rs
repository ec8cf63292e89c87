//! Addresses: `/Patient/123/_history/2` and its like become interactions (R4 §3.1.0).

use super::{reply::ApiError, subscriptions::Operation};
use axum::http::{HeaderValue, Method, StatusCode, header};
use fhir::{IssueType, ResourceType};

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interaction {
    /// `GET /metadata`
    Metadata,
    /// `POST /`: a bundle.
    Bundle,
    /// `GET /Type/id`
    Read { kind: ResourceType, id: String },
    /// `GET /Type/id/_history/version`
    VersionRead { kind: ResourceType, id: String, version: String },
    /// `GET /Type/id/_history`
    History { kind: ResourceType, id: String },
    /// `GET /Type`, `POST /Type/_search`, `GET /Patient/id/Type`
    Search { kind: ResourceType, within: Option<String> },
    /// `GET` or `POST /Patient/id/$everything`, `/Person/id/$everything`
    Everything { kind: ResourceType, id: String },
    /// `GET` or `POST /Patient/$ihe-pix`
    CrossReference,
    /// `POST /Patient/$match`
    Match,
    /// `GET` or `POST /Subscription/$status`, `/Subscription/id/$events` and their like
    Subscription { id: Option<String>, operation: Operation },
    /// `POST /Type`
    Create { kind: ResourceType },
    /// `PUT /Type/id`; without an id, `PUT /Type?identifier=…`
    Update { kind: ResourceType, id: Option<String> },
    /// `DELETE /Type/id`; without an id, `DELETE /Type?_id=…&patient=…`
    Delete { kind: ResourceType, id: Option<String> },
}

impl Interaction {
    /// Whether it is about subscriptions.
    pub fn about_subscriptions(&self) -> bool {
        use Interaction as I;
        match self {
            I::Subscription { .. } => true,
            I::Read { kind, .. }
            | I::VersionRead { kind, .. }
            | I::History { kind, .. }
            | I::Search { kind, .. }
            | I::Create { kind }
            | I::Update { kind, .. }
            | I::Delete { kind, .. } => *kind == ResourceType::Subscription,
            _ => false,
        }
    }

    /// The address with its ids left out, for traces.
    pub fn template(&self) -> String {
        use Interaction as I;
        let rest = match self {
            I::Metadata => "/metadata".to_owned(),
            I::Bundle => String::new(),
            I::Read { kind, .. } => format!("/{kind}/{{id}}"),
            I::VersionRead { kind, .. } => format!("/{kind}/{{id}}/_history/{{version}}"),
            I::History { kind, .. } => format!("/{kind}/{{id}}/_history"),
            I::Search { kind, within: None } => format!("/{kind}"),
            I::Search { kind, within: Some(_) } => format!("/Patient/{{id}}/{kind}"),
            I::Everything { kind, .. } => format!("/{kind}/{{id}}/$everything"),
            I::CrossReference => "/Patient/$ihe-pix".to_owned(),
            I::Match => "/Patient/$match".to_owned(),
            I::Subscription { id: None, .. } => "/Subscription/{operation}".to_owned(),
            I::Subscription { id: Some(_), .. } => "/Subscription/{id}/{operation}".to_owned(),
            I::Create { kind } | I::Update { kind, id: None } | I::Delete { kind, id: None } => format!("/{kind}"),
            I::Update { kind, id: Some(_) } | I::Delete { kind, id: Some(_) } => format!("/{kind}/{{id}}"),
        };
        format!("/fhir{rest}")
    }

    /// Whether it changes something.
    pub fn writes(&self) -> bool {
        matches!(
            self,
            Interaction::Bundle | Interaction::Create { .. } | Interaction::Update { .. } | Interaction::Delete { .. }
        )
    }
}

/// Take an address apart. `path` begins after the API's base.
pub fn parse(method: &Method, path: &str) -> Result<Interaction, ApiError> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let get = matches!(*method, Method::GET | Method::HEAD);
    let (post, put, delete) = (*method == Method::POST, *method == Method::PUT, *method == Method::DELETE);
    match parts.as_slice() {
        [] if post => Ok(Interaction::Bundle),
        [] => Err(not_allowed("POST", "send a bundle here with POST; read /metadata to see what there is")),
        ["metadata"] if get => Ok(Interaction::Metadata),
        ["metadata"] => Err(not_allowed("GET, HEAD", "the capability statement is read with GET")),
        [name, ..] if name.starts_with(['_', '$']) => {
            let text = "searches, histories and operations over all types are not supported: name a type";
            Err(ApiError::new(StatusCode::NOT_FOUND, IssueType::NotSupported, text))
        }
        [name, rest @ ..] => {
            let kind = name.parse().map_err(|_| {
                ApiError::new(
                    StatusCode::NOT_FOUND,
                    IssueType::NotSupported,
                    "the address names no FHIR R4 resource type",
                )
            })?;
            match rest {
                [] if get => Ok(Interaction::Search { kind, within: None }),
                [] if post => Ok(Interaction::Create { kind }),
                [] if put => Ok(Interaction::Update { kind, id: None }),
                [] if delete => Ok(Interaction::Delete { kind, id: None }),
                [] => Err(not_allowed("GET, HEAD, POST, PUT, DELETE", "this method is not supported on a type")),
                ["_search"] if post || get => Ok(Interaction::Search { kind, within: None }),
                ["_search"] => Err(not_allowed("GET, HEAD, POST", "a search is sent with GET or POST")),
                ["_history"] => {
                    Err(unsupported("the history of a whole type is not kept; ask for that of one resource"))
                }
                ["$ihe-pix"] if kind == ResourceType::Patient && (get || post) => Ok(Interaction::CrossReference),
                ["$ihe-pix"] if kind == ResourceType::Patient => {
                    Err(not_allowed("GET, HEAD, POST", "$ihe-pix is asked with GET or POST"))
                }
                ["$match"] if kind == ResourceType::Patient && post => Ok(Interaction::Match),
                ["$match"] if kind == ResourceType::Patient => {
                    Err(not_allowed("POST", "$match is asked with POST: a Patient, alone or in Parameters"))
                }
                [name]
                    if kind == ResourceType::Subscription
                        && let Some(operation) = Operation::of(name, false) =>
                {
                    if get || post {
                        return Ok(Interaction::Subscription { id: None, operation });
                    }
                    Err(not_allowed("GET, HEAD, POST", "this operation is asked with GET or POST"))
                }
                [id, name]
                    if kind == ResourceType::Subscription
                        && let Some(operation) = Operation::of(name, true) =>
                {
                    if get || post {
                        return Ok(Interaction::Subscription { id: Some(id_of(id)?), operation });
                    }
                    Err(not_allowed("GET, HEAD, POST", "this operation is asked with GET or POST"))
                }
                [operation] if operation.starts_with('$') => Err(unsupported("this operation is not supported")),
                [id] => {
                    let id = id_of(id)?;
                    match () {
                        () if get => Ok(Interaction::Read { kind, id }),
                        () if put => Ok(Interaction::Update { kind, id: Some(id) }),
                        () if delete => Ok(Interaction::Delete { kind, id: Some(id) }),
                        () => Err(not_allowed(
                            "GET, HEAD, PUT, DELETE",
                            "a resource is read with GET, written whole with PUT, deleted with DELETE; PATCH is not supported",
                        )),
                    }
                }
                [id, "_history"] if get => Ok(Interaction::History { kind, id: id_of(id)? }),
                [id, "_history", version] if get => {
                    Ok(Interaction::VersionRead { kind, id: id_of(id)?, version: (*version).to_owned() })
                }
                [_, "_history", ..] => Err(not_allowed("GET, HEAD", "a history is read with GET")),
                [id, "$everything"]
                    if matches!(kind, ResourceType::Patient | ResourceType::Person) && (get || post) =>
                {
                    Ok(Interaction::Everything { kind, id: id_of(id)? })
                }
                [_, "$everything"] if matches!(kind, ResourceType::Patient | ResourceType::Person) => {
                    Err(not_allowed("GET, HEAD, POST", "$everything is asked with GET or POST"))
                }
                [id, other, tail @ ..] if kind == ResourceType::Patient && !other.starts_with(['$', '_']) => {
                    let inner = other.parse().map_err(|_| unsupported("the address names no FHIR R4 resource type"))?;
                    match tail {
                        [] if get => Ok(Interaction::Search { kind: inner, within: Some(id_of(id)?) }),
                        ["_search"] if post => Ok(Interaction::Search { kind: inner, within: Some(id_of(id)?) }),
                        [] | ["_search"] => Err(not_allowed("GET, HEAD", "a compartment is searched with GET")),
                        _ => Err(ApiError::not_found("there is nothing at this address")),
                    }
                }
                [_, operation] if operation.starts_with('$') => Err(unsupported("this operation is not supported")),
                _ => Err(ApiError::not_found("there is nothing at this address")),
            }
        }
    }
}

fn id_of(text: &str) -> Result<String, ApiError> {
    let fits = (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
    if fits {
        Ok(text.to_owned())
    } else {
        Err(ApiError::bad(IssueType::Value, "the id in the address has not the form of an id"))
    }
}

fn unsupported(text: &str) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, IssueType::NotSupported, text)
}

fn not_allowed(allowed: &'static str, text: &str) -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, IssueType::NotSupported, text)
        .with(header::ALLOW, HeaderValue::from_static(allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(method: Method, path: &str) -> u16 {
        parse(&method, path).map_or_else(|error| error.status.as_u16(), |_| 200)
    }

    #[test]
    fn addresses_become_interactions() {
        let kind = ResourceType::Patient;
        let id = || "p1".to_owned();
        for (method, path, expected) in [
            (Method::GET, "/metadata", Interaction::Metadata),
            (Method::POST, "/", Interaction::Bundle),
            (Method::POST, "", Interaction::Bundle),
            (Method::GET, "/Patient/p1", Interaction::Read { kind, id: id() }),
            (Method::GET, "/Patient", Interaction::Search { kind, within: None }),
            (Method::POST, "/Patient/_search", Interaction::Search { kind, within: None }),
            (Method::GET, "/Patient/p1/_history", Interaction::History { kind, id: id() }),
            (Method::GET, "/Patient/p1/_history/2", Interaction::VersionRead { kind, id: id(), version: "2".into() }),
            (Method::GET, "/Patient/p1/$everything", Interaction::Everything { kind, id: id() }),
            (
                Method::GET,
                "/Patient/p1/Condition",
                Interaction::Search { kind: ResourceType::Condition, within: Some(id()) },
            ),
            (Method::PUT, "/Patient/p1", Interaction::Update { kind, id: Some(id()) }),
            (Method::PUT, "/Patient", Interaction::Update { kind, id: None }),
            (Method::DELETE, "/Patient/p1", Interaction::Delete { kind, id: Some(id()) }),
            (Method::POST, "/Patient", Interaction::Create { kind }),
        ] {
            assert_eq!(parse(&method, path).expect("an interaction"), expected, "{method} {path}");
        }
    }

    #[test]
    fn what_is_not_there_says_so() {
        for (method, path, expected) in [
            (Method::GET, "/", 405),
            (Method::PATCH, "/Patient/p1", 405),
            (Method::PUT, "/metadata", 405),
            (Method::GET, "/Sonnet", 404),
            (Method::GET, "/Sonnet/1", 404),
            (Method::GET, "/_history", 404),
            (Method::GET, "/Patient/_history", 404),
            (Method::GET, "/Condition/c1/$everything", 404),
            (Method::GET, "/Patient/p1/$merge", 404),
            (Method::GET, "/Patient/p 1", 400),
            (Method::GET, "/Condition/c1/Patient", 404),
        ] {
            assert_eq!(status(method, path), expected, "{path}");
        }
    }
}
