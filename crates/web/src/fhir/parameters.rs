//! What an operation is called with: a query, a form, or a Parameters resource.

use super::{
    Api, Call, negotiate,
    reply::ApiError,
    write::{read_body, read_limited},
};
use axum::{
    body::Body,
    http::{Method, header},
};
use fhir::{IssueType, Resource, ResourceType, Value};

/// Parameters of a call at most: nobody means more.
const PARAMETERS_MAX: usize = 100;

/// One parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// Its name.
    pub name: String,
    /// Where it stands, for what is said about it: the name in a query, an expression in a body.
    pub place: String,
    /// What it says.
    pub value: Said,
}

/// What a parameter says.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// A text, or any simple value of a query.
    Text(String),
    /// A whole number.
    Number(i64),
    /// True or false.
    Flag(bool),
    /// An Identifier.
    Identifier {
        /// Its system.
        system: String,
        /// Its value.
        value: String,
    },
    /// A resource, not looked at yet.
    Resource(Value),
    /// Nothing, or a value of another type.
    Other,
}

/// What a call was given, wherever it stood.
pub async fn read(api: &Api, call: &mut Call, body: Body) -> Result<Vec<Given>, ApiError> {
    let mut given = Vec::new();
    if call.method == Method::POST {
        match call.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()) {
            None => {
                if !read_limited(api, call, body).await?.bytes.is_empty() {
                    let text = "say what the body is: Content-Type: application/fhir+json with a Parameters resource";
                    return Err(ApiError::bad(IssueType::Invalid, text));
                }
            }
            Some(kind) if kind.starts_with("application/x-www-form-urlencoded") => {
                let form = read_body(api, call, body, negotiate::FORM).await?;
                call.pairs.extend(fhir::search::parse_pairs(&String::from_utf8_lossy(&form.bytes)));
                // A form may ask for a format too.
                negotiate::Asked::read(&call.headers, &call.pairs, &call.interaction)?;
            }
            Some(_) => given = of_body(&read_body(api, call, body, negotiate::JSON).await?.bytes)?,
        }
    }
    let pairs = call.pairs.iter().filter(|(name, _)| !matches!(name.as_str(), "_format" | "_pretty"));
    given.extend(pairs.map(|(name, value)| Given {
        name: name.clone(),
        place: name.clone(),
        value: Said::Text(value.clone()),
    }));
    if given.len() > PARAMETERS_MAX {
        let text = format!("an operation takes {PARAMETERS_MAX} parameters at most");
        return Err(ApiError::bad(IssueType::TooCostly, text));
    }
    Ok(given)
}

/// The parameters of a body. A resource of another type is the one parameter `resource` (R4 §3.2.0.4).
pub fn of_body(body: &[u8]) -> Result<Vec<Given>, ApiError> {
    let structure = |text: &str| ApiError::bad(IssueType::Structure, text);
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        // The text of the error may quote the body.
        let text = format!("the body is not JSON: line {} column {}", error.line(), error.column());
        ApiError::bad(IssueType::Structure, text)
    })?;
    let resource = Resource::from_value(value).map_err(|_| structure("the body is not a FHIR R4 resource"))?;
    if resource.kind() != ResourceType::Parameters {
        return Ok(vec![Given {
            name: "resource".into(),
            place: resource.kind().to_string(),
            value: Said::Resource(resource.into_value()),
        }]);
    }
    let mut given = Vec::new();
    for (index, parameter) in resource.list("parameter").iter().enumerate() {
        let place = format!("Parameters.parameter[{index}]");
        let Some(name) = parameter.get("name").and_then(Value::as_str) else {
            return Err(structure("a parameter has a name").at(&place));
        };
        given.push(Given { name: name.to_owned(), place, value: said(parameter) });
    }
    Ok(given)
}

fn said(parameter: &Value) -> Said {
    if let Some(resource) = parameter.get("resource") {
        return Said::Resource(resource.clone());
    }
    if let Some(identifier) = parameter.get("valueIdentifier") {
        let text = |name: &str| identifier.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        return Said::Identifier { system: text("system"), value: text("value") };
    }
    for name in ["valueString", "valueUri", "valueUrl", "valueCanonical", "valueOid", "valueCode"] {
        if let Some(text) = parameter.get(name).and_then(Value::as_str) {
            return Said::Text(text.to_owned());
        }
    }
    for name in ["valueInteger", "valuePositiveInt", "valueUnsignedInt"] {
        if let Some(number) = parameter.get(name).and_then(Value::as_i64) {
            return Said::Number(number);
        }
    }
    match parameter.get("valueBoolean").and_then(Value::as_bool) {
        Some(flag) => Said::Flag(flag),
        None => Said::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_parameters_or_the_one_resource() {
        let body = br#"{"resourceType":"Parameters","parameter":[{"name":"a","valueUri":"urn:x"},{"name":"b","valueBoolean":true},
            {"name":"c","valueIdentifier":{"system":"s","value":"v"}},{"name":"d"}]}"#;
        let said: Vec<Said> = of_body(body).expect("parameters").into_iter().map(|given| given.value).collect();
        let identifier = Said::Identifier { system: "s".into(), value: "v".into() };
        assert_eq!(said, [Said::Text("urn:x".into()), Said::Flag(true), identifier, Said::Other]);
        let alone = of_body(br#"{"resourceType":"Patient"}"#).expect("a resource");
        assert!(matches!(alone.as_slice(), [Given { name, value: Said::Resource(_), .. }] if name == "resource"));
        for bad in ["", "{", "[]", r#"{"resourceType":"Parameters","parameter":[{"valueString":"x"}]}"#] {
            assert_eq!(of_body(bad.as_bytes()).expect_err(bad).status, 400);
        }
    }
}
