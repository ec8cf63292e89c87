//! A request's bytes become entries, each known by what the source calls it.

use super::{BundleKind, Entry, Limits, Method, Request, error};
use crate::change::Finding;
use fhir::{
    NotAResource, ResourceType,
    json::{Document, Node},
    nhs,
    search::parse_pairs,
};
use std::borrow::Cow;

/// What was read.
pub(super) struct Read<'d> {
    pub entries: Vec<Entry<'d>>,
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

/// What an entry of a bundle, or the whole, asks for.
#[derive(Default)]
struct Wish<'d> {
    method: Cow<'d, str>,
    url: Cow<'d, str>,
    if_none_exist: Option<Cow<'d, str>>,
}

impl<'d> From<&'d Request> for Wish<'d> {
    fn from(request: &'d Request) -> Self {
        let Request { method, url, if_none_exist } = request;
        Wish {
            method: method.as_str().into(),
            url: url.as_str().into(),
            if_none_exist: if_none_exist.as_deref().map(Cow::Borrowed),
        }
    }
}

/// Read the body, if the request has one.
pub(super) fn document<'d>(
    request: &Request,
    body: &'d [u8],
    limits: &Limits,
) -> Result<Option<Document<'d>>, Box<Finding>> {
    if body.len() > limits.body_bytes_max {
        let text = format!("the body is larger than {} bytes: send it in parts", limits.body_bytes_max);
        return Err(Box::new(error("too-large", "", text)));
    }
    if request.method == "DELETE" {
        return Ok(None);
    }
    Document::read(body).map(Some).map_err(|e| {
        let what = if std::str::from_utf8(body).is_err() { "a character is not UTF-8," } else { category(&e) };
        let text = format!("the body is not JSON: {what} at line {} column {}", e.line(), e.column());
        Box::new(error("bad-json", "", text))
    })
}

pub(super) fn read<'d>(
    request: &'d Request,
    document: Option<&'d Document<'_>>,
    limits: &Limits,
) -> Result<Read<'d>, Box<Finding>> {
    let wish = Wish::from(request);
    let Some(document) = document else {
        let entry = entry(None, None, None, &wish)?;
        return Ok(Read { entries: vec![entry], bundle: None, title: super::title(request) });
    };
    let body = document.root();
    if !body.is_object() {
        return Err(Box::new(error("not-a-resource", "", "the body is not a JSON object")));
    }
    if request.url.is_empty() && body.get("resourceType").is_some_and(|kind| kind.is_text("Bundle")) {
        return read_bundle(body, limits);
    }
    let entry = entry(None, None, Some(body), &wish)?;
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

fn read_bundle<'d>(bundle: Node<'d>, limits: &Limits) -> Result<Read<'d>, Box<Finding>> {
    let name = bundle.get("type").and_then(Node::text).unwrap_or_default();
    let kind = match &*name {
        "transaction" => BundleKind::Transaction,
        "batch" => BundleKind::Batch,
        "message" | "document" | "collection" | "searchset" => BundleKind::Statement,
        _ => {
            let text = "a source sends bundles of type transaction, batch, message, document, collection or searchset";
            return Err(Box::new(error("bad-request", "Bundle.type", text)));
        }
    };
    let list = bundle.get("entry");
    if list.is_some_and(|list| !list.is_list()) {
        return Err(Box::new(error("bad-request", "Bundle.entry", "entry is not a list")));
    }
    let items = || list.into_iter().flat_map(Node::items);
    let count = items().count();
    if count > limits.entries_max {
        let text = format!("the bundle has more than {} entries: send it in parts", limits.entries_max);
        return Err(Box::new(error("too-large", "Bundle.entry", text)));
    }
    let title = format!("{name} of {count}");
    let mut entries = Vec::with_capacity(count);
    for (index, value) in items().enumerate() {
        match read_entry(index, value, kind) {
            Ok(Some(entry)) => entries.push(entry),
            Ok(None) => {}
            // In a batch an unreadable entry is answered in its place.
            Err(finding) if kind == BundleKind::Batch => entries.push(unreadable(index, *finding)),
            Err(finding) => return Err(finding),
        }
    }
    Ok(Read { entries, bundle: Some(kind), title })
}

fn unreadable<'d>(index: usize, finding: Finding) -> Entry<'d> {
    let entry = Entry::new(Some(index), Method::Update, ResourceType::Basic, "".into());
    Entry { refused: Some(finding), ..entry }
}

fn read_entry(index: usize, entry: Node<'_>, kind: BundleKind) -> Result<Option<Entry<'_>>, Box<Finding>> {
    let place = || format!("Bundle.entry[{index}]");
    if !entry.is_object() {
        return Err(Box::new(error("bad-request", place(), "an entry is a JSON object")));
    }
    let (mut resource, mut full_url, mut asked) = (None, None, None);
    for (name, value) in entry.members() {
        match name {
            "resource" => resource = Some(value),
            "fullUrl" => full_url = value.text(),
            "request" => asked = Some(value).filter(|asked| asked.is_object()),
            _ => {}
        }
    }
    let wish = match (kind, asked) {
        (BundleKind::Statement, _) => {
            let kind = resource.and_then(|resource| resource.get("resourceType"));
            if kind.is_some_and(|kind| kind.is_text("OperationOutcome")) {
                return Ok(None);
            }
            Wish::default()
        }
        (_, Some(asked)) => {
            let text = |name: &str| asked.get(name).and_then(Node::text);
            Wish {
                method: text("method").unwrap_or_default(),
                url: text("url").unwrap_or_default(),
                if_none_exist: text("ifNoneExist"),
            }
        }
        (_, None) => {
            let text = "each entry of a transaction or batch says what to do in request.method and request.url";
            return Err(Box::new(error("bad-request", format!("{}.request", place()), text)));
        }
    };
    if kind != BundleKind::Statement && (wish.method.is_empty() || wish.url.is_empty()) {
        let text = "request.method and request.url are required in a transaction or batch";
        return Err(Box::new(error("bad-request", format!("{}.request", place()), text)));
    }
    self::entry(Some(index), full_url, resource, &wish).map(Some)
}

/// Where an entry's resource stands in the body, as an expression.
pub(super) fn root_of(index: Option<usize>, kind: &str) -> String {
    match index {
        Some(index) => format!("Bundle.entry[{index}].resource"),
        None => kind.to_owned(),
    }
}

/// The type of a resource, if it is one.
fn kind_of(resource: Node<'_>) -> Result<ResourceType, NotAResource> {
    if !resource.is_object() {
        return Err(NotAResource::NotAnObject);
    }
    let name = resource.get("resourceType").and_then(Node::text).ok_or(NotAResource::NoType)?;
    name.parse().map_err(|_| NotAResource::UnknownType)
}

fn entry<'d>(
    index: Option<usize>,
    full_url: Option<Cow<'d, str>>,
    resource: Option<Node<'d>>,
    wish: &Wish<'d>,
) -> Result<Entry<'d>, Box<Finding>> {
    let at = |rest: &str| match index {
        Some(index) => format!("Bundle.entry[{index}]{rest}"),
        None => rest.trim_start_matches('.').to_owned(),
    };
    let asked = asked(wish).map_err(|(code, text)| Box::new(error(code, at(".request"), text)))?;
    if asked.method == Method::Delete {
        return delete(index, &asked, &at);
    }
    let Some(resource) = resource else {
        return Err(Box::new(error("missing-resource", at(".resource"), format!("{} needs a resource", asked.verb))));
    };
    let kind = kind_of(resource).map_err(|why| {
        let code = match why {
            NotAResource::UnknownType => "unknown-resource-type",
            _ => "not-a-resource",
        };
        let root = root_of(index, "");
        Box::new(error(code, format!("{root}.resourceType").trim_start_matches('.'), why.to_string()))
    })?;
    if asked.kind.is_some_and(|asked| asked != kind) {
        let text = "request.url names another type than the resource is of";
        return Err(Box::new(error("bad-request", at(".request.url"), text)));
    }
    let root = || root_of(index, kind.as_str());
    let stated = resource.get("id").and_then(Node::text);
    if let (Some(asked), Some(stated)) = (asked.id, &stated)
        && asked != stated
    {
        return Err(Box::new(error("bad-request", format!("{}.id", root()), "the id is not the one in the request")));
    }
    if stated.as_ref().is_some_and(|id| !is_id(id)) {
        let text = "an id is 1 to 64 letters, digits, dashes and dots";
        return Err(Box::new(error("bad-request", format!("{}.id", root()), text)));
    }
    let condition = asked.condition.or(wish.if_none_exist.as_deref()).map(condition);
    let condition = condition.transpose().map_err(|text| {
        let member = if asked.condition.is_some() { ".request.url" } else { ".request.ifNoneExist" };
        Box::new(error("not-supported", at(member), text))
    })?;
    let id = stated.or_else(|| asked.id.map(|id| Cow::Owned(id.to_owned())));
    let own = id.or_else(|| own_id(kind, resource, full_url.as_ref(), condition.as_deref()));
    let Some(own) = own else {
        let text = if kind == ResourceType::Patient {
            "a Patient needs an id or an identifier, or it could never be found again"
        } else {
            "the resource has no id, and the request names none"
        };
        let code = if kind == ResourceType::Patient { "no-patient-identifier" } else { "bad-request" };
        return Err(Box::new(error(code, format!("{}.identifier", root()), text)));
    };
    let if_none_exist = wish.if_none_exist.is_some() && asked.method == Method::Create;
    let entry = Entry::new(index, asked.method, kind, own);
    Ok(Entry { resource: Some(resource), full_url, condition, if_none_exist, ..entry })
}

/// Servers in the field accept underscores in ids too; what matters is that it can stand in an address.
fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
}

/// What the source calls a resource without an id. For a Patient, its identifier before a `fullUrl` that may be made up for
/// this bundle alone.
fn own_id<'d>(
    kind: ResourceType,
    resource: Node<'d>,
    full_url: Option<&Cow<'d, str>>,
    condition: Option<&str>,
) -> Option<Cow<'d, str>> {
    if let Some(condition) = condition {
        return Some(format!("?{condition}").into());
    }
    if kind == ResourceType::Patient
        && let Some(identifier) = patient_identifier(resource)
    {
        return Some(identifier.into());
    }
    if let Some(url) = full_url {
        let own = url.strip_prefix("urn:uuid:").or_else(|| url.strip_prefix("urn:oid:"));
        return Some(own.or_else(|| url.rsplit('/').next()).unwrap_or(url).to_owned().into());
    }
    // A lone POST of something without any name: the content itself is the name, so that a repeat is a repeat.
    (kind != ResourceType::Patient).then(|| format!("content {}", digest(resource)).into())
}

/// `system|value` of the identifier that names a Patient at its source: its own before the NHS number.
fn patient_identifier(patient: Node<'_>) -> Option<String> {
    let pairs = patient.list("identifier").filter_map(|identifier| {
        let value = identifier.get("value").and_then(Node::text).filter(|value| !value.trim().is_empty())?;
        Some((identifier.get("system").and_then(Node::text).unwrap_or_default(), value))
    });
    let best = pairs.min_by_key(|(system, _)| system == nhs::SYSTEM)?;
    Some(super::place::name_of_identifier(&best.0, &best.1))
}

/// A short digest of a resource's text.
fn digest(resource: Node<'_>) -> String {
    let mut text = String::new();
    resource.write(&mut text);
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

fn delete<'d>(index: Option<usize>, asked: &Asked<'_>, at: &dyn Fn(&str) -> String) -> Result<Entry<'d>, Box<Finding>> {
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
    let entry = Entry::new(index, Method::Delete, kind, own.into());
    Ok(Entry { condition: patient, ..entry })
}

fn asked<'w>(request: &'w Wish<'_>) -> Result<Asked<'w>, (&'static str, String)> {
    let method = match &*request.method {
        "POST" => Method::Create,
        "PUT" | "" => Method::Update,
        "DELETE" => Method::Delete,
        "GET" | "HEAD" => return Err(("not-supported", "a source writes here; read with a request of its own".into())),
        "PATCH" => return Err(("not-supported", "PATCH is not supported: send the whole resource with PUT".into())),
        _ => return Err(("bad-request", "the method is not one of POST, PUT and DELETE".into())),
    };
    let verb = if request.method.is_empty() { "a statement" } else { &*request.method };
    let mut asked = Asked { method, verb, kind: None, id: None, condition: None };
    if request.url.is_empty() {
        return Ok(asked);
    }
    let (path, query) = match request.url.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (&*request.url, None),
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
