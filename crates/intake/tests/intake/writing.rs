//! What is written here goes through the journal like everything else, over what its author saw, and no source touches it.

use fhir::{PatientKey, Resource, ResourceId, ResourceType};
use intake::{Applied, CHANGED, Engine, EngineConfig, Expected, Writing, bundle::Request};
use jiff::Timestamp;
use serde_json::{Value, json};

fn start(folder: &std::path::Path) -> Engine {
    let path = folder.to_owned();
    let config = EngineConfig { region: "test".into(), profiles: Vec::new() };
    std::thread::spawn(move || Engine::start(&path, &config, Timestamp::now()).unwrap()).join().unwrap()
}

async fn send(engine: &Engine, source: &str, resources: &[Value]) -> intake::TakenFhir {
    let entry = |resource: &Value| {
        let url = format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
        json!({"resource": resource, "request": {"method": "PUT", "url": url}})
    };
    let entries: Vec<Value> = resources.iter().map(entry).collect();
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries}).to_string();
    engine.take_fhir(source, "fhir", &Request::default(), bundle.into_bytes(), Timestamp::now()).await.unwrap()
}

fn plan(id: ResourceId, title: &str) -> Resource {
    Resource::from_value(json!({"resourceType": "CarePlan", "id": id.to_string(), "status": "active", "intent": "plan",
        "title": title, "subject": {"reference": format!("Patient/{}", id.patient)}}))
    .unwrap()
}

fn writing(over: &[(ResourceId, u32)]) -> Writing {
    let expects = over.iter().map(|(id, version)| Expected { reference: format!("CarePlan/{id}"), version: *version });
    Writing { by: "gp".into(), name: "Dr Gale".into(), what: "urgent-care".into(), expects: expects.collect() }
}

async fn write(engine: &Engine, over: &[(ResourceId, u32)], resources: &[Resource]) -> Applied {
    engine.write(&writing(over), resources, Timestamp::now()).await.unwrap().1
}

fn refused(applied: Applied) -> String {
    match applied {
        Applied::Refused(findings) => findings[0].code.clone(),
        other => panic!("not refused: {other:?}"),
    }
}

fn title(engine: &Engine, id: ResourceId) -> Option<(u32, bool, String)> {
    let snapshot = engine.derived().snapshot().unwrap();
    let row = snapshot.row(id, ResourceType::CarePlan, snapshot.seq()).unwrap()?;
    let mut json = Vec::new();
    snapshot.render(&mut json, &row, "", "").unwrap();
    let title = Resource::from_slice(&json).unwrap().str_at("/title").unwrap_or_default().to_owned();
    Some((row.version, row.written, title))
}

async fn known(engine: &Engine) -> PatientKey {
    let patient = json!({"resourceType": "Patient", "id": "p1", "name": [{"family": "Smith"}]});
    let theirs = json!({"resourceType": "CarePlan", "id": "own", "status": "active", "intent": "plan",
        "title": "Theirs", "subject": {"reference": "Patient/p1"}});
    assert!(!send(engine, "gp", &[patient, theirs]).await.refused);
    engine.region().patient("gp", "p1")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_here_is_replayed_as_it_was_and_refused_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let engine = start(folder.path());
    let patient = known(&engine).await;
    let id = |name: &str| intake::local(engine.region(), patient, ResourceType::CarePlan, name);
    let (first, second) = (id("1"), id("2"));
    assert_eq!(write(&engine, &[], &[plan(first, "First")]).await, Applied::Done);
    assert_eq!(title(&engine, first), Some((1, true, "First".into())));
    // Two editors who saw the same: the one who comes second changes nothing, not even what is new of it.
    let over = [(first, 1)];
    assert_eq!(write(&engine, &over, &[plan(first, "First, replaced"), plan(second, "Second")]).await, Applied::Done);
    let third = id("3");
    assert_eq!(refused(write(&engine, &over, &[plan(first, "Again"), plan(third, "Third")]).await), CHANGED);
    assert_eq!(title(&engine, third), None);
    assert_eq!(title(&engine, first), Some((2, true, "First, replaced".into())));
    // Over what nobody says they saw; over what a source says; about nobody.
    assert_eq!(refused(write(&engine, &[], &[plan(second, "Blind")]).await), CHANGED);
    let theirs = engine.region().resource(patient, ResourceType::CarePlan, "own");
    assert_eq!(refused(write(&engine, &[(theirs, 1)], &[plan(theirs, "Ours")]).await), "other-source");
    assert_eq!(title(&engine, theirs), Some((1, false, "Theirs".into())));
    let nobody = intake::local(engine.region(), PatientKey(5), ResourceType::CarePlan, "1");
    assert_eq!(refused(write(&engine, &[], &[plan(nobody, "Nobody's")]).await), "unknown-patient");
    assert_eq!(title(&engine, second), Some((1, true, "Second".into())));
    engine.stop();
    drop(engine);
    let verdict = intake::verify(&store::Folder::visit(folder.path()).unwrap(), "test", &mut |_, _| {}).unwrap();
    assert_eq!(verdict.comparison.differences, 0, "{verdict:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_source_changes_or_deletes_what_was_written_here_and_it_opens_the_record_to_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let engine = start(folder.path());
    let patient = known(&engine).await;
    let id = intake::local(engine.region(), patient, ResourceType::CarePlan, "1");
    assert_eq!(write(&engine, &[], &[plan(id, "Signed here")]).await, Applied::Done);
    let theirs = json!({"resourceType": "CarePlan", "id": id.to_string(), "status": "revoked", "intent": "plan",
        "title": "Changed", "subject": {"reference": "Patient/p1"}});
    let taken = send(&engine, "gp", &[theirs]).await;
    assert!(taken.refused && taken.mapped.set.findings[0].code == "other-source");
    let delete = Request { method: "DELETE".into(), url: format!("CarePlan/{id}"), if_none_exist: None };
    let taken = engine.take_fhir("gp", "fhir", &delete, Vec::new(), Timestamp::now()).await.unwrap();
    assert!(taken.refused && taken.mapped.set.findings[0].code == "other-source");
    assert_eq!(title(&engine, id), Some((1, true, "Signed here".into())));
    let snapshot = engine.derived().snapshot().unwrap();
    let bearing = snapshot.bearings(patient, Timestamp::MIN).unwrap();
    assert!(bearing.iter().all(|said| said.resource != id), "{bearing:?}");
    assert!(bearing.iter().any(|said| said.kind == ResourceType::CarePlan), "the source's own plan does");
}
