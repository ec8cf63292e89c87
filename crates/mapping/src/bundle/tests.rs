//! FHIR in, against a store that lives in memory.

use super::*;
use fhir::{Resource, Value};
use serde_json::json;
use std::{collections::BTreeMap, path::PathBuf};

#[derive(Default)]
struct Memory {
    resources: BTreeMap<(ResourceId, ResourceType), Resource>,
    sources: BTreeMap<PatientKey, String>,
    written: std::collections::BTreeSet<(ResourceId, ResourceType)>,
}

impl Lookup for Memory {
    type Error = std::convert::Infallible;
    fn written_here(&self, id: ResourceId, kind: ResourceType) -> Result<bool, Self::Error> {
        Ok(self.written.contains(&(id, kind)))
    }
    fn exists(&self, id: ResourceId, kind: ResourceType) -> Result<bool, Self::Error> {
        Ok(self.resources.contains_key(&(id, kind)))
    }
    fn source_of(&self, patient: PatientKey) -> Result<Option<String>, Self::Error> {
        Ok(self.sources.get(&patient).cloned())
    }
    fn by_identifier(
        &self,
        kind: ResourceType,
        system: Option<&str>,
        value: &str,
    ) -> Result<Vec<ResourceId>, Self::Error> {
        assert!(is_found_by_identifier(kind), "{kind} is not indexed");
        let fits = |identifier: &Value| {
            identifier["value"] == value && system.is_none_or(|system| identifier["system"] == system)
        };
        let found = self.resources.iter().filter(|((_, k), r)| *k == kind && r.list("identifier").iter().any(fits));
        Ok(found.map(|((id, _), _)| *id).collect())
    }
}

impl Memory {
    fn apply(&mut self, source: &str, mapped: &MappedFhir) {
        assert!(mapped.set.findings.iter().all(|f| f.severity < Severity::Error), "{:?}", mapped.set.findings);
        for change in &mapped.set.changes {
            match change {
                Change::Put { id, content, if_none_exist } => {
                    self.sources.insert(id.patient, source.to_owned());
                    let slot = self.resources.entry((*id, content.kind()));
                    if *if_none_exist {
                        slot.or_insert_with(|| content.resource(*id));
                    } else {
                        slot.insert_entry(content.resource(*id));
                    }
                }
                Change::Delete { id, kind } => {
                    self.resources.remove(&(*id, *kind));
                }
                _ => {}
            }
        }
    }

    fn all_references_lead_somewhere(&self) {
        for resource in self.resources.values() {
            fhir::reference::each(resource, &mut |text, place| {
                let Some((kind, id)) = text.split_once('/') else {
                    return assert!(text.starts_with('#'), "{text} at {place}");
                };
                let key = (id.parse().unwrap_or_else(|_| panic!("{text} at {place}")), kind.parse().unwrap());
                assert!(self.resources.contains_key(&key), "{text} at {place}");
            });
        }
    }
}

fn region() -> Region {
    Region::new("test")
}

fn now() -> Timestamp {
    "2024-07-01T12:00:00Z".parse().unwrap()
}

fn send(source: &str, method: &str, url: &str, body: &Value, memory: &Memory) -> MappedFhir {
    let request = Request { method: method.into(), url: url.into(), if_none_exist: None };
    map_fhir(&region(), source, &request, body.to_string().as_bytes(), now(), &Limits::default(), memory).unwrap()
}

fn bundle(kind: &str, entries: Value) -> Value {
    json!({"resourceType": "Bundle", "type": kind, "entry": entries})
}

fn put(kind: &str, id: &str, rest: Value) -> Value {
    let mut resource = json!({"resourceType": kind, "id": id});
    resource.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    json!({"fullUrl": format!("https://gp.example/fhir/{kind}/{id}"), "resource": resource, "request": {"method": "PUT", "url": format!("{kind}/{id}")}})
}

#[track_caller]
fn refusal(mapped: &MappedFhir) -> (String, String) {
    assert!(mapped.set.changes.is_empty(), "nothing half-written");
    let finding = mapped.set.findings.iter().find(|f| f.severity == Severity::Error).expect("a refusal");
    (finding.code.clone(), finding.place.clone())
}

fn shared(path: &str) -> PathBuf {
    let root = std::env::var_os("SKEIN_SHARED_DATA")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")), PathBuf::from);
    let path = root.join(path);
    assert!(
        path.exists(),
        "{} is missing: put the shared data beside the repository or set SKEIN_SHARED_DATA",
        path.display()
    );
    path
}

fn gunzip(path: &std::path::Path) -> Vec<u8> {
    let out = std::process::Command::new("gzip").arg("-dc").arg(path).output().expect("gzip");
    assert!(out.status.success());
    out.stdout
}

/// The bundles of the shared Synthea folder, hospitals and practitioners first.
fn synthea() -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(shared("fhir/synthea")).unwrap().map(|f| f.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "gz"));
    files.sort();
    files.into_iter().map(|path| (path.display().to_string(), gunzip(&path))).collect()
}

fn load(source: &str, body: &[u8], memory: &Memory) -> MappedFhir {
    map_fhir(&region(), source, &Request::default(), body, now(), &Limits::default(), memory).unwrap()
}

/// A resource as it was sent and as it is to be stored, but for id and references.
fn without_links(resource: &Value) -> Value {
    match resource {
        Value::Object(map) => map
            .iter()
            .filter(|(name, value)| !(value.is_string() && matches!(name.as_str(), "reference" | "id")))
            .map(|(name, value)| (name.clone(), without_links(value)))
            .collect::<fhir::Map<_, _>>()
            .into(),
        Value::Array(list) => list.iter().map(without_links).collect(),
        other => other.clone(),
    }
}

#[test]
fn synthea_histories_are_taken_whole_and_unchanged() {
    let mut memory = Memory::default();
    let mut sent = 0;
    for (name, body) in synthea().into_iter().take(8) {
        let mapped = load("synthea", &body, &memory);
        let original: Value = serde_json::from_slice(&body).unwrap();
        let entries = original["entry"].as_array().unwrap();
        assert_eq!(mapped.answers.len(), entries.len(), "{name}");
        for (entry, answer) in entries.iter().zip(&mapped.answers) {
            assert_eq!(answer.refused, None, "{name}");
            let (kind, id) = answer.target.unwrap();
            assert_eq!(entry["resource"]["resourceType"], kind.as_str());
            let stored = mapped.set.changes.iter().find_map(|change| match change {
                Change::Put { id: found, content, .. } if *found == id && content.kind() == kind => {
                    Some(content.resource(id))
                }
                _ => None,
            });
            let stored = stored.unwrap_or_else(|| panic!("{name}: {kind} is stored"));
            assert_eq!(without_links(&stored.into_value()), without_links(&entry["resource"]), "{name}");
        }
        if entries.iter().any(|entry| entry["resource"]["resourceType"] == "Patient") {
            assert_eq!(
                mapped.set.lanes.len(),
                1,
                "{name}: one patient, and everything of the bundle is that patient's"
            );
            assert!(mapped.answers.iter().all(|a| a.target.unwrap().1.patient == mapped.set.lanes[0]), "{name}");
        } else {
            assert!(mapped.set.lanes.is_empty(), "{name}: a directory has no lane");
        }
        sent += entries.len();
        memory.apply("synthea", &mapped);
        let again = load("synthea", &body, &memory);
        assert_eq!(
            again.answers.iter().map(|a| a.target).collect::<Vec<_>>(),
            mapped.answers.iter().map(|a| a.target).collect::<Vec<_>>()
        );
    }
    assert_eq!(memory.resources.len(), sent, "twice is once");
    memory.all_references_lead_somewhere();
}

#[test]
fn a_history_without_its_practitioners_is_refused_with_the_place() {
    let (_, body) = synthea().swap_remove(4);
    let mapped = load("synthea", &body, &Memory::default());
    let (code, place) = refusal(&mapped);
    assert_eq!(code, "unresolved-reference");
    assert!(place.starts_with("Bundle.entry[") && place.ends_with("].individual.reference"), "{place}");
    assert!(mapped.looked_up && mapped.missed);
}

#[test]
fn national_examples_are_taken_or_refused_with_a_reason() {
    let mut folders = vec![shared("uk-national/pds"), shared("uk-national/bars")];
    let (mut taken, mut refused) = (0, Vec::new());
    while let Some(folder) = folders.pop() {
        for file in std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()) {
            if file.is_dir() {
                folders.push(file);
                continue;
            }
            if file.extension().is_none_or(|e| e != "json") {
                continue;
            }
            let body = std::fs::read(&file).unwrap();
            let mapped = load("national", &body, &Memory::default());
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            let error = mapped.set.findings.iter().find(|f| f.severity == Severity::Error);
            match error {
                None => taken += 1,
                Some(finding) => {
                    assert!(mapped.set.changes.is_empty(), "{name}");
                    refused.push(format!("{name}: {} {} {}", finding.code, finding.place, finding.text));
                }
            }
        }
    }
    refused.sort();
    assert!(taken > 30, "{taken} taken; refused: {refused:#?}");
    for line in &refused {
        println!("{line}");
    }
}

#[test]
fn a_restricted_patient_of_pds_is_kept_with_its_label() {
    let body = std::fs::read(shared("uk-national/pds/sandbox/mocks/Sensitive_Patient.json")).unwrap();
    let mapped = load("pds", &body, &Memory::default());
    let Some(Change::Put { id: stored, content, .. }) = mapped.set.changes.first() else { panic!("stored") };
    let resource = content.resource(*stored);
    assert_eq!(resource.str_at("/meta/security/0/code"), Some("R"));
}

#[test]
fn ids_follow_from_the_sources_own() {
    let mut memory = Memory::default();
    let patient = region().patient("gp", "p1");
    let mapped = send("gp", "PUT", "Patient/p1", &json!({"resourceType": "Patient", "id": "p1"}), &memory);
    assert_eq!(mapped.answers[0].target, Some((ResourceType::Patient, ResourceId::of_patient(patient))));
    assert_eq!(mapped.title, "PUT Patient");
    memory.apply("gp", &mapped);
    let condition = json!({"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"}});
    let mapped = send("gp", "PUT", "Condition/c1", &condition, &memory);
    let id = region().resource(patient, ResourceType::Condition, "c1");
    assert_eq!(mapped.answers[0].target, Some((ResourceType::Condition, id)));
    assert_eq!(mapped.set.lanes, [patient]);
    let Some(Change::Put { id: stored, content, .. }) = mapped.set.changes.first() else { panic!("stored") };
    let resource = content.resource(*stored);
    assert_eq!(resource.str_at("/subject/reference"), Some(format!("Patient/{patient}").as_str()));
    assert_eq!(resource.id(), Some(id.to_string().as_str()));
    memory.apply("gp", &mapped);
    // By our id, as the Location header gave it, it is the same resource.
    let mut by_ours = condition.clone();
    by_ours["id"] = id.to_string().into();
    by_ours["subject"]["reference"] = format!("Patient/{patient}").into();
    let mapped = send("gp", "PUT", &format!("Condition/{id}"), &by_ours, &memory);
    assert_eq!(mapped.answers[0].target, Some((ResourceType::Condition, id)));
    // Another source's Condition/c1 is another resource.
    let other = send("hospital", "PUT", "Patient/p1", &json!({"resourceType": "Patient", "id": "p1"}), &memory);
    assert_ne!(other.answers[0].target.unwrap().1.patient, patient);
}

#[test]
fn another_sources_patient_cannot_be_written_or_referred_to() {
    let mut memory = Memory::default();
    let mapped = send("hospital", "PUT", "Patient/h1", &json!({"resourceType": "Patient", "id": "h1"}), &memory);
    memory.apply("hospital", &mapped);
    let theirs = region().patient("hospital", "h1");
    let body = json!({"resourceType": "Patient", "id": theirs.to_string()});
    let mapped = send("gp", "PUT", &format!("Patient/{theirs}"), &body, &memory);
    assert_eq!(refusal(&mapped), ("other-source".into(), "Patient.id".into()));
    let condition =
        json!({"resourceType": "Condition", "id": "c", "subject": {"reference": format!("Patient/{theirs}")}});
    let mapped = send("gp", "PUT", "Condition/c", &condition, &memory);
    assert_eq!(refusal(&mapped), ("other-source".into(), "Condition.subject.reference".into()));
    let mapped = send("gp", "DELETE", &format!("Patient/{theirs}"), &Value::Null, &memory);
    assert_eq!(refusal(&mapped).0, "other-source");
}

#[test]
fn a_transaction_with_one_bad_entry_writes_nothing() {
    let good = put("Patient", "p", json!({}));
    for (entry, code, place) in [
        (
            put(
                "Condition",
                "c",
                json!({"subject": {"reference": "Patient/p"}, "encounter": {"reference": "Encounter/none"}}),
            ),
            "unresolved-reference",
            "Bundle.entry[1].resource.encounter.reference",
        ),
        (
            put("Condition", "c", json!({"subject": {"reference": "urn:uuid:none"}})),
            "unresolved-reference",
            "Bundle.entry[1].resource.subject.reference",
        ),
        (
            put("Condition", "c", json!({"subject": {"reference": "somebody"}})),
            "unresolved-reference",
            "Bundle.entry[1].resource.subject.reference",
        ),
        (put("Patient", "p", json!({})), "duplicate-entry", "Bundle.entry[1].fullUrl"),
        (put("Colour", "c", json!({})), "unknown-resource-type", "Bundle.entry[1].request"),
        (
            json!({"resource": {"resourceType": "Colour"}, "request": {"method": "POST", "url": "Condition"}}),
            "unknown-resource-type",
            "Bundle.entry[1].resource.resourceType",
        ),
        (json!({"request": {"method": "PUT", "url": "Condition/c"}}), "missing-resource", "Bundle.entry[1].resource"),
        (json!({"resource": {"resourceType": "Condition"}}), "bad-request", "Bundle.entry[1].request"),
        (
            json!({"resource": {"resourceType": "Condition"}, "request": {"method": "PATCH", "url": "Condition/c"}}),
            "not-supported",
            "Bundle.entry[1].request",
        ),
        (json!({"request": {"method": "GET", "url": "Condition"}}), "not-supported", "Bundle.entry[1].request"),
        (
            json!({"resource": {"resourceType": "Condition", "id": "x"}, "request": {"method": "PUT", "url": "Condition/c"}}),
            "bad-request",
            "Bundle.entry[1].resource.id",
        ),
        (
            json!({"resource": {"resourceType": "Condition"}, "request": {"method": "POST", "url": "Observation"}}),
            "bad-request",
            "Bundle.entry[1].request.url",
        ),
        (
            json!({"resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}}),
            "no-patient-identifier",
            "Bundle.entry[1].resource.identifier",
        ),
        (
            put("Observation", "o", json!({"subject": {"reference": "Patient/p"}, "effectiveDateTime": "2024-02-31"})),
            "impossible-date",
            "Bundle.entry[1].resource.effectiveDateTime",
        ),
        (json!("entry"), "bad-request", "Bundle.entry[1]"),
    ] {
        let mapped = send("gp", "", "", &bundle("transaction", json!([good, entry])), &Memory::default());
        assert_eq!(refusal(&mapped), (code.to_owned(), place.to_owned()), "{entry}");
        let (issue, status) = issue(mapped.set.findings.iter().find(|f| f.severity == Severity::Error).unwrap());
        assert!((400..500).contains(&status));
        assert_eq!(issue.expression.as_deref(), Some(place));
    }
}

#[test]
fn a_batchs_entries_stand_alone() {
    let mapped = send(
        "gp",
        "",
        "",
        &bundle(
            "batch",
            json!([
                put("Patient", "p", json!({})),
                put("Condition", "bad", json!({"subject": {"reference": "Patient/none"}})),
                put("Condition", "good", json!({"subject": {"reference": "Patient/p"}})),
                put("Observation", "leans", json!({"subject": {"reference": "Patient/p"}, "focus": [{"reference": "https://gp.example/fhir/Condition/bad"}]})),
                {"request": {"method": "GET", "url": "Patient/p"}},
            ]),
        ),
        &Memory::default(),
    );
    let refused: Vec<bool> = mapped.answers.iter().map(|answer| answer.refused.is_some()).collect();
    assert_eq!(refused, [false, true, false, true, true]);
    assert_eq!(mapped.set.changes.len(), 2);
    assert!(mapped.set.findings.iter().all(|finding| finding.severity == Severity::Warning));
}

#[test]
fn what_cannot_be_read_is_refused_with_the_place() {
    let try_body = |body: &[u8]| load("gp", body, &Memory::default());
    let mapped = try_body(b"{\"resourceType\": \"Patient\",\n  \"id\": }");
    assert_eq!(refusal(&mapped).0, "bad-json");
    assert!(mapped.set.findings[0].text.contains("line 2 column 9"), "{}", mapped.set.findings[0].text);
    for (body, code) in [
        (b"".as_slice(), "bad-json"),
        (b"[]", "not-a-resource"),
        (b"{}", "not-a-resource"),
        (b"{\"resourceType\":\"Bundle\"}", "bad-request"),
        (b"{\"resourceType\":\"Bundle\",\"type\":\"history\"}", "bad-request"),
        (b"{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":7}", "bad-request"),
        (b"\xff\xfe", "bad-json"),
    ] {
        assert_eq!(refusal(&try_body(body)).0, code);
    }
    let limits = Limits { body_bytes_max: 10, entries_max: 1 };
    let mapped = map_fhir(&region(), "gp", &Request::default(), &[b' '; 11], now(), &limits, &Nothing).unwrap();
    assert_eq!(refusal(&mapped).0, "too-large");
    let limits = Limits { body_bytes_max: 1000, entries_max: 1 };
    let body = bundle("batch", json!([{}, {}])).to_string();
    let mapped = map_fhir(&region(), "gp", &Request::default(), body.as_bytes(), now(), &limits, &Nothing).unwrap();
    assert_eq!(refusal(&mapped).0, "too-large");
}

#[test]
fn conditional_requests_find_what_is_there() {
    let mut memory = Memory::default();
    let practitioner = |id: &str| {
        json!({"fullUrl": format!("urn:uuid:{id}"), "resource": {"resourceType": "Practitioner", "identifier": [{"system": "urn:gmc", "value": "7"}]},
            "request": {"method": "POST", "url": "Practitioner", "ifNoneExist": "identifier=urn:gmc|7"}})
    };
    let first = send("gp", "", "", &bundle("transaction", json!([practitioner("a")])), &memory);
    assert!(!first.answers[0].existing);
    memory.apply("gp", &first);
    let refers = put(
        "Encounter",
        "e",
        json!({"subject": {"reference": "https://gp.example/fhir/Patient/p"}, "participant": [{"individual": {"reference": "urn:uuid:b"}}],
        "serviceProvider": {"reference": "Practitioner?identifier=urn:gmc%7C7"}}),
    );
    let second = send(
        "gp",
        "",
        "",
        &bundle("transaction", json!([practitioner("b"), put("Patient", "p", json!({})), refers])),
        &memory,
    );
    assert!(second.answers[0].existing);
    assert_eq!(second.answers[0].target, first.answers[0].target);
    memory.apply("gp", &second);
    memory.all_references_lead_somewhere();
    assert_eq!(memory.resources.keys().filter(|(_, kind)| *kind == ResourceType::Practitioner).count(), 1);
    // A conditional update changes the one that is there.
    let update = send(
        "gp",
        "PUT",
        "Practitioner?identifier=urn:gmc|7",
        &json!({"resourceType": "Practitioner", "active": true}),
        &memory,
    );
    assert_eq!(update.answers[0].target, first.answers[0].target);
    assert!(!update.answers[0].existing);
    // Conditions on anything else are refused, not guessed.
    let other = send("gp", "PUT", "Practitioner?name=Smith", &json!({"resourceType": "Practitioner"}), &memory);
    assert_eq!(refusal(&other).0, "not-supported");
    // Two that fit: nobody chooses for the source.
    let twin =
        json!({"resourceType": "Practitioner", "id": "twin", "identifier": [{"system": "urn:gmc", "value": "7"}]});
    let twin = send("gp", "PUT", "Practitioner/twin", &twin, &memory);
    memory.apply("gp", &twin);
    let update =
        send("gp", "PUT", "Practitioner?identifier=urn:gmc|7", &json!({"resourceType": "Practitioner"}), &memory);
    assert_eq!(refusal(&update).0, "ambiguous-reference");
}

#[test]
fn a_patient_known_by_identifier_alone_gets_a_stand_in() {
    let mut memory = Memory::default();
    let subject = json!({"subject": {"identifier": {"system": fhir::nhs::SYSTEM, "value": "900 000 0009"}}});
    let mapped = send("ambulance", "", "", &bundle("transaction", json!([put("Observation", "o", subject)])), &memory);
    assert_eq!(mapped.answers.len(), 1);
    assert_eq!(mapped.set.changes.len(), 2);
    memory.apply("ambulance", &mapped);
    let key = region().patient("ambulance", "https://fhir.nhs.uk/Id/nhs-number|9000000009");
    assert_eq!(mapped.set.lanes, [key]);
    // When the Patient comes without an id of its own, it is the same one.
    let patient = json!({"resourceType": "Patient", "identifier": [{"system": fhir::nhs::SYSTEM, "value": "9000000009"}], "gender": "female"});
    let mapped = send("ambulance", "POST", "Patient", &patient, &memory);
    assert_eq!(mapped.answers[0].target.unwrap().1, ResourceId::of_patient(key));
}

#[test]
fn a_binary_belongs_to_whoever_refers_to_it_and_never_to_nobody() {
    let letter = |id: &str, patient: &str| {
        [
            put("Patient", patient, json!({})),
            put(
                "DocumentReference",
                id,
                json!({"subject": {"reference": format!("Patient/{patient}")},
                "content": [{"attachment": {"url": format!("Binary/pdf-{id}")}}]}),
            ),
            put("Binary", &format!("pdf-{id}"), json!({"contentType": "application/pdf", "data": "JVBERi0="})),
        ]
    };
    let two: Vec<Value> = letter("a", "p").into_iter().chain(letter("b", "q")).collect();
    let mapped = send("gp", "", "", &bundle("transaction", two.into()), &Memory::default());
    for (index, patient) in [(2, "p"), (5, "q")] {
        let (_, id) = mapped.answers[index].target.unwrap();
        assert_eq!(id.patient, region().patient("gp", patient));
        let link = mapped.set.changes.iter().any(|change| {
            matches!(change, Change::Put { id: letter, content, .. }
            if content.resource(*letter).str_at("/content/0/attachment/url") == Some(&format!("Binary/{id}")))
        });
        assert!(link, "the letter points at the stored Binary");
    }
    let lone = json!({"resourceType": "Binary", "id": "b", "contentType": "application/pdf"});
    assert_eq!(refusal(&send("gp", "PUT", "Binary/b", &lone, &Memory::default())).0, "no-patient");
}

#[test]
fn a_wrong_check_digit_is_told_and_kept() {
    let patient = json!({"resourceType": "Patient", "id": "p", "identifier": [{"system": fhir::nhs::SYSTEM, "value": "9000000008"}]});
    let mapped = send("gp", "PUT", "Patient/p", &patient, &Memory::default());
    assert_eq!(mapped.set.changes.len(), 1);
    let finding = &mapped.set.findings[0];
    assert_eq!(
        (finding.code.as_str(), finding.place.as_str()),
        ("nhs-number-check-digit", "Patient.identifier[0].value")
    );
    assert!(!finding.text.contains("9000000008"), "findings hold no personal data");
}

#[test]
fn deletes_find_their_resource() {
    let mut memory = Memory::default();
    let mapped = send(
        "gp",
        "",
        "",
        &bundle(
            "transaction",
            json!([
                put("Patient", "p", json!({})),
                put("Condition", "c", json!({"subject": {"reference": "Patient/p"}}))
            ]),
        ),
        &memory,
    );
    memory.apply("gp", &mapped);
    let (_, id) = mapped.answers[1].target.unwrap();
    for url in [
        format!("Condition/{id}"),
        "Condition?_id=c&patient=p".to_owned(),
        "Condition?_id=c&patient=Patient/p".to_owned(),
    ] {
        let mapped = send("gp", "DELETE", &url, &Value::Null, &memory);
        assert!(
            matches!(mapped.set.changes.as_slice(), [Change::Delete { id: found, kind: ResourceType::Condition }] if *found == id),
            "{url}"
        );
        assert_eq!(mapped.set.lanes, [id.patient]);
    }
    assert_eq!(refusal(&send("gp", "DELETE", "Condition/c", &Value::Null, &memory)).0, "not-found");
    assert_eq!(refusal(&send("gp", "DELETE", "Condition", &Value::Null, &memory)).0, "bad-request");
    let patient = send("gp", "DELETE", "Patient/p", &Value::Null, &memory);
    assert!(matches!(patient.set.changes.as_slice(), [Change::Delete { .. }]));
}

#[test]
fn a_source_that_merged_two_of_its_patients_says_so() {
    let mapped = send(
        "gp",
        "",
        "",
        &bundle(
            "transaction",
            json!([
                put(
                    "Patient",
                    "old",
                    json!({"active": false, "link": [{"type": "replaced-by", "other": {"reference": "Patient/new"}}]})
                ),
                put("Patient", "new", json!({})),
            ]),
        ),
        &Memory::default(),
    );
    let (old, new) = (region().patient("gp", "old"), region().patient("gp", "new"));
    assert!(
        mapped
            .set
            .changes
            .iter()
            .any(|change| matches!(change, Change::Merge { survivor, loser, .. } if *survivor == new && *loser == old))
    );
}

#[test]
fn contained_resources_and_unknown_elements_survive() {
    let mut memory = Memory::default();
    let rest = json!({"subject": {"reference": "Patient/p"}, "medicationReference": {"reference": "#m"},
        "contained": [{"resourceType": "Medication", "id": "m", "manufacturer": {"reference": "#o"}}],
        "madeUp": {"deep": [1.50, {"x": null}]}, "extension": [{"url": "https://x.example/e", "valueDecimal": 0.10}]});
    let text =
        bundle("transaction", json!([put("Patient", "p", json!({})), put("MedicationRequest", "r", rest)])).to_string();
    let mapped = load("gp", text.as_bytes(), &memory);
    let stored = mapped.set.changes.iter().find_map(|change| match change {
        Change::Put { content, .. } if content.kind() == ResourceType::MedicationRequest => Some(content.json()),
        _ => None,
    });
    let stored = stored.unwrap();
    for kept in [
        r##"{"reference":"#m"}"##,
        r##"{"reference":"#o"}"##,
        r#""madeUp":{"deep":[1.5,{"x":null}]}"#,
        r#""valueDecimal":0.1"#,
    ] {
        assert!(stored.contains(kept), "{kept} in {stored}");
    }
    memory.apply("gp", &mapped);
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    fn mutated() -> impl Strategy<Value = Vec<u8>> {
        let base = bundle("transaction", json!([
            put("Patient", "p", json!({"identifier": [{"system": fhir::nhs::SYSTEM, "value": "9000000009"}], "link": [{"type": "replaces", "other": {"reference": "Patient/q"}}]})),
            put("Condition", "c", json!({"subject": {"reference": "Patient/p"}, "recordedDate": "2024-01-01"})),
            {"request": {"method": "DELETE", "url": "Condition/d"}},
            {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Binary", "data": "AA=="}, "request": {"method": "POST", "url": "Binary"}},
        ])).to_string().into_bytes();
        let length = base.len();
        let edits = prop::collection::vec(
            (0..length, prop_oneof![any::<u8>(), Just(b'"'), Just(b'/'), Just(b'{'), Just(b'?'), Just(b'#')]),
            0..6,
        );
        (edits, 0..length, any::<bool>()).prop_map(move |(edits, cut, whole)| {
            let mut bytes = base.clone();
            for (at, byte) in edits {
                bytes[at] = byte;
            }
            if !whole {
                bytes.truncate(cut);
            }
            bytes
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_body_panics_and_every_refusal_has_a_reason(body in mutated(), method in "(|POST|PUT|DELETE|GET|x)", url in "(|Patient|Patient/[a-z?=|]{0,5}|Condition\\?[a-z=|]{0,9}|.{0,8})") {
            let request = Request { method, url, if_none_exist: None };
            let mapped = map_fhir(&region(), "gp", &request, &body, now(), &Limits::default(), &Nothing).unwrap();
            let refused = mapped.set.findings.iter().any(|finding| finding.severity == Severity::Error);
            prop_assert!(!refused || mapped.set.changes.is_empty());
            for finding in &mapped.set.findings {
                let (_, status) = issue(finding);
                prop_assert!((400..500).contains(&status));
            }
        }
    }
}
