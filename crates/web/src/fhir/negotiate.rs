//! What the caller sends and wants back: media types, preferences, conditions.

use super::{reply::ApiError, route::Interaction};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use fhir::{IssueType, ResourceType, search::Handling};

/// What a body may be: a form.
pub const FORM: &[&str] = &["application/x-www-form-urlencoded"];
/// What a body may be: FHIR JSON.
pub const JSON: &[&str] = &["application/fhir+json", "application/json", "application/json+fhir", "text/json"];

/// What the caller wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Unknown search parameters: refused, or left out.
    pub handling: Handling,
    /// After a write: nothing, the outcome, or the resource.
    pub wanted: Wanted,
    /// Of a Binary: its bytes, as this type or any (`*/*`).
    pub raw: Option<Vec<String>>,
}

/// `Prefer: return=…`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// Nothing but headers.
    #[default]
    Minimal,
    /// An OperationOutcome.
    Outcome,
}

impl Asked {
    /// Read it off a request.
    ///
    /// # Errors
    /// 406 when nothing acceptable can be given.
    pub fn read(headers: &HeaderMap, pairs: &[(String, String)], interaction: &Interaction) -> Result<Self, ApiError> {
        let mut asked = Asked::default();
        for preference in headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok()) {
            for part in preference.split([',', ';']) {
                match part.trim().to_ascii_lowercase().as_str() {
                    "handling=lenient" => asked.handling = Handling::Lenient,
                    "return=operationoutcome" => asked.wanted = Wanted::Outcome,
                    _ => {}
                }
            }
        }
        let binary = matches!(
            interaction,
            Interaction::Read { kind: ResourceType::Binary, .. }
                | Interaction::VersionRead { kind: ResourceType::Binary, .. }
        );
        if let Some((_, format)) = pairs.iter().find(|(name, _)| name == "_format") {
            let format = format.split(';').next().unwrap_or_default().trim();
            return if is_json(format) || format == "json" || format == "*/*" {
                Ok(asked)
            } else {
                Err(not_acceptable())
            };
        }
        let accepted: Vec<String> = headers
            .get_all(header::ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter(|range| !range.replace(' ', "").contains(";q=0;") && !range.replace(' ', "").ends_with(";q=0"))
            .map(|range| range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
            .filter(|range| !range.is_empty())
            .collect();
        let json = !headers.contains_key(header::ACCEPT)
            || accepted.iter().any(|range| is_json(range) || range == "*/*" || (range == "application/*" && !binary));
        match (json, binary) {
            (true, _) => Ok(asked),
            (false, true) => {
                asked.raw = Some(accepted);
                Ok(asked)
            }
            (false, false) => Err(not_acceptable()),
        }
    }

    /// Whether a Binary of this type may be given as bytes.
    pub fn takes(&self, content_type: &str) -> bool {
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let family = essence.split('/').next().unwrap_or_default();
        self.raw.as_ref().is_some_and(|ranges| {
            ranges.iter().any(|range| *range == essence || range.strip_suffix("/*") == Some(family))
        })
    }
}

fn is_json(range: &str) -> bool {
    JSON.contains(&range)
}

/// 406.
pub fn not_acceptable() -> ApiError {
    let text = "this server speaks JSON only: Accept: application/fhir+json";
    ApiError::new(StatusCode::NOT_ACCEPTABLE, IssueType::NotSupported, text)
}

/// Check the type of a body.
///
/// # Errors
/// 415 when it is not one of `kinds`, or is compressed.
pub fn body_type(headers: &HeaderMap, kinds: &[&str]) -> Result<(), ApiError> {
    let refused = |text: String| ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, IssueType::NotSupported, text);
    let sent = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = sent.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if !kinds.contains(&essence.as_str()) {
        let wanted = kinds.first().copied().unwrap_or_default();
        return Err(refused(format!("send the body as {wanted} (Content-Type)")));
    }
    match headers.get(header::CONTENT_ENCODING).map(|value| value.as_bytes()) {
        None | Some(b"identity") => Ok(()),
        Some(_) => Err(refused("send the body uncompressed".into())),
    }
}

/// The versions a condition header names: `W/"3"` is 3. `*` is no version.
pub fn versions(headers: &HeaderMap, name: HeaderName) -> Option<Vec<String>> {
    let value = headers.get(name)?.to_str().ok()?;
    let tag = |tag: &str| tag.trim().trim_start_matches("W/").trim_matches('"').to_owned();
    Some(value.split(',').map(tag).collect())
}

/// The entity tag of a version.
pub fn etag(version: u32) -> String {
    format!("W/\"{version}\"")
}

/// A moment as HTTP writes it (RFC 9110 §5.6.7).
pub fn http_date(at: jiff::Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn read(accept: Option<&'static str>, format: Option<&str>, kind: ResourceType) -> Result<Asked, ApiError> {
        let mut headers = HeaderMap::new();
        if let Some(accept) = accept {
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        }
        let pairs: Vec<(String, String)> = format.map(|f| ("_format".to_owned(), f.to_owned())).into_iter().collect();
        Asked::read(&headers, &pairs, &Interaction::Read { kind, id: "x".into() })
    }

    #[test]
    fn json_is_given_and_xml_refused() {
        let kind = ResourceType::Patient;
        for accept in [
            None,
            Some("*/*"),
            Some("application/fhir+json; fhirVersion=4.0"),
            Some("text/html, application/json;q=0.5"),
        ] {
            assert!(read(accept, None, kind).is_ok(), "{accept:?}");
        }
        for accept in ["application/fhir+xml", "text/html", "application/fhir+json;q=0"] {
            assert_eq!(read(Some(accept), None, kind).expect_err("406").status, 406, "{accept}");
        }
        assert!(read(Some("application/fhir+xml"), Some("json"), kind).is_ok());
        assert_eq!(read(None, Some("xml"), kind).expect_err("406").status, 406);
    }

    #[test]
    fn a_binary_can_be_had_as_its_bytes() {
        let asked = read(Some("application/pdf"), None, ResourceType::Binary).expect("raw");
        assert!(asked.takes("application/pdf; charset=x") && !asked.takes("text/plain"));
        assert!(read(Some("image/*"), None, ResourceType::Binary).expect("raw").takes("image/png"));
        assert_eq!(read(None, None, ResourceType::Binary).expect("json").raw, None);
    }

    #[test]
    fn preferences_and_tags_are_read() {
        let mut headers = HeaderMap::new();
        headers.insert("prefer", HeaderValue::from_static("return=OperationOutcome; handling=lenient"));
        headers.insert(header::IF_MATCH, HeaderValue::from_static("W/\"3\""));
        let asked = Asked::read(&headers, &[], &Interaction::Bundle).expect("asked");
        assert_eq!((asked.handling, asked.wanted), (Handling::Lenient, Wanted::Outcome));
        assert_eq!(versions(&headers, header::IF_MATCH), Some(vec!["3".to_owned()]));
        assert_eq!(http_date("2024-07-01T09:05:00.5Z".parse().expect("a time")), "Mon, 01 Jul 2024 09:05:00 GMT");
    }
}
