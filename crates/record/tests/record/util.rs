//! Items for tests: written by hand, or read from the Synthea bundles in the shared data.

use fhir::{Region, Resource, ResourceId, Value};
use flate2::read::GzDecoder;
use jiff::Timestamp;
use record::{
    ParsedItem, SourceInfo, SourceKind,
    freshness::{Connection, SourceState},
};
use std::{collections::HashMap, fs::File, path::PathBuf, sync::Arc};

pub fn at(text: &str) -> Timestamp {
    text.parse().expect("a timestamp")
}

/// The day the hand-written tests live in.
pub fn now() -> Timestamp {
    at("2026-07-14T12:00:00Z")
}

pub fn practice() -> Arc<SourceInfo> {
    Arc::new(SourceInfo { id: "mill-lane".into(), name: "Mill Lane Surgery".into(), kind: SourceKind::Gp })
}

pub fn hospital() -> Arc<SourceInfo> {
    Arc::new(SourceInfo { id: "riverside".into(), name: "Riverside General".into(), kind: SourceKind::Hospital })
}

/// An item of a source, from JSON. Its id is made from the resource's own `id`; references to `Type/<own id>` within
/// the same source are rewritten.
pub fn item(source: &Arc<SourceInfo>, json: Value) -> ParsedItem {
    let region = Region::new("test");
    let patient = region.patient(&source.id, "1");
    let text = json.to_string();
    let mut resource = Resource::from_slice(text.as_bytes()).expect("a resource");
    let own = resource.id().unwrap_or("x").to_owned();
    let id = region.resource(patient, resource.kind(), &own);
    resource.set_id(&id);
    ParsedItem {
        id,
        version: 1,
        recorded: at("2026-07-01T08:00:00Z"),
        seq: 1,
        message: 1,
        source: Arc::clone(source),
        resource,
    }
}

pub fn id_of(source: &Arc<SourceInfo>, kind: fhir::ResourceType, own: &str) -> ResourceId {
    let region = Region::new("test");
    region.resource(region.patient(&source.id, "1"), kind, own)
}

pub fn state(source: &Arc<SourceInfo>) -> SourceState {
    SourceState {
        source: Arc::clone(source),
        shares: None,
        connection: Connection::Connected,
        last_heard: Some(now()),
        usual_silence: None,
        feeds: Vec::new(),
        knows_person: true,
        last_about_person: None,
    }
}

pub fn shared_data() -> PathBuf {
    let path = std::env::var_os("SKEIN_SHARED_DATA")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")), PathBuf::from);
    assert!(
        path.is_dir(),
        "the shared test data is missing: put it beside the repository as ../shared/data, or name its folder in SKEIN_SHARED_DATA"
    );
    path
}

/// Every resource of one Synthea patient bundle, ids and references as Skein would assign them.
pub fn synthea(name: &str) -> Vec<ParsedItem> {
    let file = File::open(shared_data().join("fhir/synthea").join(name)).expect("the Synthea bundle");
    let bundle: Value = serde_json::from_reader(GzDecoder::new(file)).expect("a bundle");
    let region = Region::new("test");
    let patient = region.patient("synthea", name);
    let entries = bundle["entry"].as_array().expect("entries");
    let mut names: HashMap<String, String> = HashMap::new();
    let mut ids = Vec::new();
    for entry in entries {
        let resource = Resource::from_value(entry["resource"].clone()).expect("a resource");
        let id = region.resource(patient, resource.kind(), resource.id().expect("an id"));
        names.insert(entry["fullUrl"].as_str().expect("a fullUrl").to_owned(), format!("{}/{id}", resource.kind()));
        ids.push(id);
    }
    let source = Arc::new(SourceInfo { id: "synthea".into(), name: "Synthea".into(), kind: SourceKind::Hospital });
    let items = entries.iter().zip(ids).map(|(entry, id)| {
        let mut value = entry["resource"].clone();
        rewrite(&mut value, &names);
        let mut resource = Resource::from_value(value).expect("a resource");
        resource.set_id(&id);
        ParsedItem {
            id,
            version: 1,
            recorded: at("2026-07-01T08:00:00Z"),
            seq: 1,
            message: 1,
            source: Arc::clone(&source),
            resource,
        }
    });
    items.collect()
}

fn rewrite(value: &mut Value, names: &HashMap<String, String>) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(reference)) = map.get_mut("reference")
                && let Some(new) = names.get(reference)
            {
                *reference = new.clone();
            }
            map.values_mut().for_each(|inner| rewrite(inner, names));
        }
        Value::Array(list) => list.iter_mut().for_each(|inner| rewrite(inner, names)),
        _ => {}
    }
}
