//! A request's bytes become entries, each known by what the source calls it.

use super::{BundleKind, Entry, Limits, Method, Request, error};
use crate::change::Finding;
use fhir::{Map, Resource, ResourceType, Value, nhs, search::parse_pairs};

/// What was read.
pub(super) struct Read {
    pub entries: Vec<Entry>,
    pub bundle: Option<BundleKind>,
    pub title: String,
}

/// The request of an entry or of the whole, taken apart.
struct Asked<'r> {
    method: Method,
    /// The method as the caller wrote it, for what is said about it.
    verb: &'r str,
    kind: Option<ResourceType>,
    id: Option<&'r str>,
    condition: Option<&'r str>,
}

pub(super) fn read(request: &Request, body: &[u8], limits: &Limits) -> Result<Read, Box<Finding>> {
    if body.len() > limits.body_bytes_max {
        let text = format!("the body is larger than {} bytes: send it in parts", limits.body_bytes_max);
        return Err(Box::new(error("too-large", "", text)));
    }
    if request.method == "DELETE" {
        let entry = entry(None, None, None, request)?;
        return Ok(Read { entries: vec![entry], bundle: None, title: super::title(request) });
    }
    let value: Value = serde_json::from_slice(body).map_err(|e| {
        let what = if std::str::from_utf8(body).is_err() { "a character is not UTF-8," } else { category(&e) };
        let text = format!("the body is not JSON: {what} at line {} column {}", e.line(), e.column());
        Box::new(error("bad-json", "", text))
    })?;
    let Value::Object(mut bundle) = value else {
        return Err(Box::new(error("not-a-resource", "", "the body is not a JSON object")));
    };
    if request.url.is_empty() && bundle.get("resourceType").and_then(Value::as_str) == Some("Bundle") {
        return read_bundle(&mut bundle, limits);
    }
    let entry = entry(None, None, Some(Value::Object(bundle)), request)?;
    let title = match request.method.as_str() {
        "" => format!("statement of a {}", entry.kind),
        _ => super::title(request),
    };
    if let Some(finding) = entry.refused {
        return Err(Box::new(finding));
    }
    Ok(Read { entries: vec![entry], bundle: None, title })
}

/// What kind of JSON fault, without quoting the text: it may be about a person.
fn category(error: &serde_json::Error) -> &'static str {
    use serde_json::error::Category;
    match error.classify() {
        Category::Eof => "it ends too early",
        Category::Data => "a value is of the wrong form",
        Category::Syntax | Category::Io => "the syntax is wrong, or it is nested too deeply,",
    }
}

fn read_bundle(bundle: &mut Map<String, Value>, limits: &Limits) -> Result<Read, Box<Finding>> {
    let kind = match bundle.get("type").and_then(Value::as_str) {
        Some("transaction") => BundleKind::Transaction,
        Some("batch") => BundleKind::Batch,
        Some("message" | "document" | "collection" | "searchset") => BundleKind::Statement,
        _ => {
            let text = "a source sends bundles of type transaction, batch, message, document, collection or searchset";
            return Err(Box::new(error("bad-request", "Bundle.type", text)));
        }
    };
    let name = bundle.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let list = match bundle.remove("entry") {
        None => Vec::new(),
        Some(Value::Array(list)) => list,
        Some(_) => return Err(Box::new(error("bad-request", "Bundle.entry", "entry is not a list"))),
    };
    if list.len() > limits.entries_max {
        let text = format!("the bundle has more than {} entries: send it in parts", limits.entries_max);
        return Err(Box::new(error("too-large", "Bundle.entry", text)));
    }
    let title = format!("{name} of {}", list.len());
    let mut entries = Vec::with_capacity(list.len());
    for (index, value) in list.into_iter().enumerate() {
        let read = read_entry(index, value, kind);
        match read {
            Ok(Some(entry)) => entries.push(entry),
            Ok(None) => {}
            // In a batch an unreadable entry is answered in its place.
            Err(finding) if kind == BundleKind::Batch => entries.push(unreadable(index, *finding)),
            Err(finding) => return Err(finding),
        }
    }
    Ok(Read { entries, bundle: Some(kind), title })
}

fn unreadable(index: usize, finding: Finding) -> Entry {
    Entry {
        index: Some(index),
        method: Method::Update,
        kind: ResourceType::Basic,
        resource: None,
        full_url: None,
        own: String::new(),
        condition: None,
        id: None,
        if_none_exist: false,
        existing: false,
        stand_in: false,
        refused: Some(finding),
    }
}

fn read_entry(index: usize, value: Value, kind: BundleKind) -> Result<Option<Entry>, Box<Finding>> {
    let place = format!("Bundle.entry[{index}]");
    let Value::Object(mut entry_body) = value else {
        return Err(Box::new(error("bad-request", place, "an entry is a JSON object")));
    };
    let resource = entry_body.remove("resource");
    let full_url = match entry_body.remove("fullUrl") {
        Some(Value::String(url)) => Some(url),
        _ => None,
    };
    let asked = entry_body.get("request").and_then(Value::as_object);
    let request = match (kind, asked) {
        (BundleKind::Statement, _) => {
            if resource
                .as_ref()
                .is_some_and(|r| r.get("resourceType").and_then(Value::as_str) == Some("OperationOutcome"))
            {
                return Ok(None);
            }
            Request::default()
        }
        (_, Some(asked)) => {
            let text = |name: &str| asked.get(name).and_then(Value::as_str).map(str::to_owned);
            Request {
                method: text("method").unwrap_or_default(),
                url: text("url").unwrap_or_default(),
                if_none_exist: text("ifNoneExist"),
            }
        }
        (_, None) => {
            let text = "each entry of a transaction or batch says what to do in request.method and request.url";
            return Err(Box::new(error("bad-request", format!("{place}.request"), text)));
        }
    };
    if kind != BundleKind::Statement && (request.method.is_empty() || request.url.is_empty()) {
        let text = "request.method and request.url are required in a transaction or batch";
        return Err(Box::new(error("bad-request", format!("{place}.request"), text)));
    }
    entry(Some(index), full_url, resource, &request).map(Some)
}

/// Where an entry's resource stands in the body, as an expression.
pub(super) fn root_of(index: Option<usize>, kind: &str) -> String {
    match index {
        Some(index) => format!("Bundle.entry[{index}].resource"),
        None => kind.to_owned(),
    }
}

fn entry(
    index: Option<usize>,
    full_url: Option<String>,
    resource: Option<Value>,
    request: &Request,
) -> Result<Entry, Box<Finding>> {
    let place = index.map_or_else(String::new, |index| format!("Bundle.entry[{index}]"));
    let at =
        |rest: &str| if place.is_empty() { rest.trim_start_matches('.').to_owned() } else { format!("{place}{rest}") };
    let asked = asked(request).map_err(|(code, text)| Box::new(error(code, at(".request"), text)))?;
    if asked.method == Method::Delete {
        return delete(index, &asked, &at);
    }
    let Some(resource) = resource else {
        return Err(Box::new(error("missing-resource", at(".resource"), format!("{} needs a resource", asked.verb))));
    };
    let root = root_of(index, "");
    let resource = Resource::from_value(resource).map_err(|why| {
        let code = match why {
            fhir::NotAResource::UnknownType => "unknown-resource-type",
            _ => "not-a-resource",
        };
        Box::new(error(code, format!("{root}.resourceType").trim_start_matches('.'), why.to_string()))
    })?;
    let kind = resource.kind();
    if asked.kind.is_some_and(|asked| asked != kind) {
        let text = "request.url names another type than the resource is of";
        return Err(Box::new(error("bad-request", at(".request.url"), text)));
    }
    let root = root_of(index, kind.as_str());
    let stated = resource.id();
    if let (Some(asked), Some(stated)) = (asked.id, stated)
        && asked != stated
    {
        return Err(Box::new(error("bad-request", format!("{root}.id"), "the id is not the one in the request")));
    }
    if stated.is_some_and(|id| !is_id(id)) {
        let text = "an id is 1 to 64 letters, digits, dashes and dots";
        return Err(Box::new(error("bad-request", format!("{root}.id"), text)));
    }
    let condition = asked.condition.or(request.if_none_exist.as_deref()).map(condition);
    let condition = condition.transpose().map_err(|text| {
        let member = if asked.condition.is_some() { ".request.url" } else { ".request.ifNoneExist" };
        Box::new(error("not-supported", at(member), text))
    })?;
    let own = own_id(&resource, asked.id.or(stated), full_url.as_deref(), condition.as_deref());
    let Some(own) = own else {
        let text = if kind == ResourceType::Patient {
            "a Patient needs an id or an identifier, or it could never be found again"
        } else {
            "the resource has no id, and the request names none"
        };
        let code = if kind == ResourceType::Patient { "no-patient-identifier" } else { "bad-request" };
        return Err(Box::new(error(code, format!("{root}.identifier"), text)));
    };
    Ok(Entry {
        index,
        method: asked.method,
        kind,
        resource: Some(resource),
        full_url,
        own,
        condition,
        id: None,
        if_none_exist: request.if_none_exist.is_some() && asked.method == Method::Create,
        existing: false,
        stand_in: false,
        refused: None,
    })
}

/// Servers in the field accept underscores in ids too; what matters is that it can stand in an address.
fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
}

/// What the source calls a resource. For a Patient without id, its identifier before a `fullUrl` that may be made up for
/// this bundle alone.
fn own_id(resource: &Resource, id: Option<&str>, full_url: Option<&str>, condition: Option<&str>) -> Option<String> {
    if let Some(id) = id {
        return Some(id.to_owned());
    }
    if let Some(condition) = condition {
        return Some(format!("?{condition}"));
    }
    if resource.kind() == ResourceType::Patient
        && let Some(identifier) = patient_identifier(resource)
    {
        return Some(identifier);
    }
    if let Some(url) = full_url {
        let own = url.strip_prefix("urn:uuid:").or_else(|| url.strip_prefix("urn:oid:"));
        return Some(own.or_else(|| url.rsplit('/').next()).unwrap_or(url).to_owned());
    }
    // A lone POST of something without any name: the content itself is the name, so that a repeat is a repeat.
    (resource.kind() != ResourceType::Patient).then(|| format!("content {}", digest(resource)))
}

/// `system|value` of the identifier that names a Patient at its source: its own before the NHS number.
fn patient_identifier(patient: &Resource) -> Option<String> {
    let pairs = patient.list("identifier").iter().filter_map(|identifier| {
        let value = identifier.get("value").and_then(Value::as_str).filter(|value| !value.trim().is_empty())?;
        Some((identifier.get("system").and_then(Value::as_str).unwrap_or_default(), value))
    });
    let best = pairs.min_by_key(|(system, _)| *system == nhs::SYSTEM)?;
    Some(super::place::name_of_identifier(best.0, best.1))
}

/// A short digest of a resource's text.
fn digest(resource: &Resource) -> String {
    let text = resource.to_json();
    let key = fhir::Region::new("content").patient("", &text);
    key.to_string()
}

/// `system|value` of a condition `identifier=system|value`, the only kind there is here.
fn condition(query: &str) -> Result<String, &'static str> {
    let pairs = parse_pairs(query.strip_prefix('?').unwrap_or(query));
    match pairs.as_slice() {
        [(name, value)] if name == "identifier" && value.contains('|') && !value.ends_with('|') => Ok(value.clone()),
        _ => Err("a condition here is identifier=system|value, and nothing else"),
    }
}

fn delete(index: Option<usize>, asked: &Asked<'_>, at: &dyn Fn(&str) -> String) -> Result<Entry, Box<Finding>> {
    let unusable = |text: &str| Box::new(error("bad-request", at(".request.url"), text));
    let kind = asked.kind.ok_or_else(|| unusable("a DELETE names a resource, as in Condition/abc"))?;
    let mut patient = None;
    let own = match (asked.id, asked.condition) {
        (Some(id), None) => id.to_owned(),
        (None, Some(query)) => {
            let mut id = None;
            for (name, value) in parse_pairs(query) {
                match name.as_str() {
                    "_id" => id = Some(value),
                    "patient" | "subject" => {
                        patient = Some(value.strip_prefix("Patient/").unwrap_or(&value).to_owned());
                    }
                    _ => return Err(unusable("a conditional DELETE names _id and patient, and nothing else")),
                }
            }
            id.ok_or_else(|| unusable("a conditional DELETE names _id and patient"))?
        }
        _ => return Err(unusable("a DELETE names a resource, as in Condition/abc")),
    };
    Ok(Entry {
        index,
        method: Method::Delete,
        kind,
        resource: None,
        full_url: None,
        own,
        condition: patient,
        id: None,
        if_none_exist: false,
        existing: false,
        stand_in: false,
        refused: None,
    })
}

fn asked(request: &Request) -> Result<Asked<'_>, (&'static str, String)> {
    let method = match request.method.as_str() {
        "POST" => Method::Create,
        "PUT" | "" => Method::Update,
        "DELETE" => Method::Delete,
        "GET" | "HEAD" => return Err(("not-supported", "a source writes here; read with a request of its own".into())),
        "PATCH" => return Err(("not-supported", "PATCH is not supported: send the whole resource with PUT".into())),
        _ => return Err(("bad-request", "the method is not one of POST, PUT and DELETE".into())),
    };
    let verb = if request.method.is_empty() { "a statement" } else { request.method.as_str() };
    let mut asked = Asked { method, verb, kind: None, id: None, condition: None };
    if request.url.is_empty() {
        return Ok(asked);
    }
    let (path, query) = match request.url.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (request.url.as_str(), None),
    };
    let (kind, id) = match path.trim_matches('/').split_once('/') {
        Some((kind, id)) => (kind, Some(id)),
        None => (path.trim_matches('/'), None),
    };
    asked.kind = Some(
        kind.parse().map_err(|_| ("unknown-resource-type", "request.url names no FHIR R4 resource type".to_owned()))?,
    );
    if id.is_some_and(|id| id.starts_with('$')) {
        return Err(("not-supported", "operations cannot be called in a bundle".into()));
    }
    if id.is_some_and(|id| !is_id(id)) {
        return Err(("bad-request", "the id in request.url has not the form of an id".into()));
    }
    asked.id = id;
    asked.condition = query;
    match (method, id, query) {
        (Method::Create, None, None) | (Method::Update, Some(_), None) | (Method::Update, None, Some(_)) => Ok(asked),
        (Method::Delete, ..) => Ok(asked),
        (Method::Create, ..) => Err(("bad-request", "a POST names a type, as in Condition".into())),
        (Method::Update, ..) => Err(("bad-request", "a PUT names a resource, as in Condition/abc".into())),
    }
}
