//! Who sees what, why, and that it is on record: driven over pages and the API under the policies that come with Skein.

use crate::governed::{Governed, NHS, take};
use serde_json::json;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn who_looks_after_the_person_opens_the_record_and_nobody_else() {
    let region = Governed::new().await;
    region.admit().await;
    for (who, words) in [("gp", "Asthma"), ("doctor", "Asthma")] {
        region.pages.visitor(who).await.get(&region.record("/problems")).await.expect(200).says(words);
    }
    for stranger in ["stranger", "nurse", "paramedic", "social-worker"] {
        let page = region.pages.visitor(stranger).await.get(&region.record("/problems")).await.expect(303);
        assert_eq!(page.to(), region.record("/why"), "{stranger}");
    }
    for (never, words) in
        [("engineer", "looks after systems"), ("officer", "reviews who looked"), ("analyst", "never a person")]
    {
        region.pages.visitor(never).await.get(&region.record("")).await.expect(403).says(words);
    }
    let (status, outcome) =
        region.pages.api_as("ward", &format!("/Patient?identifier={}|{NHS}", fhir::nhs::SYSTEM)).await;
    assert_eq!(status, 200, "{outcome}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relationship_ends_with_its_stay_and_begins_with_an_admission() {
    let region = Governed::new().await;
    let doctor = region.pages.visitor("doctor").await;
    doctor.get(&region.record("")).await.expect(303);
    region.admit().await;
    doctor.get(&region.record("")).await.expect(200);
    let pid = "SMITH^ANN||19500102|2";
    let visit = "PV1|1|I|W3^B1^1^XWA||||||||||||||||V1\r";
    region.pages.hear("A11", "rxx", "1001", Some(NHS), pid, visit).await;
    doctor.get(&region.record("")).await.expect(303);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reason_opens_the_record_is_asked_for_in_words_and_is_on_the_desk() {
    let region = Governed::new().await;
    let stranger = region.pages.visitor("stranger").await;
    let why = stranger.get(&region.record("/why")).await.expect(200);
    why.says("SMITH, Ann").says("I am looking after this person").says("Break the glass");
    let give = |fields: Vec<(&'static str, &'static str)>| {
        let (stranger, why, region) = (&stranger, &why, &region);
        async move { stranger.fill(why, &region.record("/why"), &fields).await }
    };
    give(vec![("reason", "curiosity")]).await.expect(400).says("Choose a reason");
    give(vec![("reason", "vital-interests"), ("words", "short")]).await.expect(400).says("Write in a few words");
    assert!(stranger.get(&region.record("")).await.status == 303, "nothing is open yet");
    give(vec![("reason", "ongoing-care")]).await.expect(303);
    stranger.get(&region.record("/problems")).await.expect(200).says("Asthma").says("a reason of your own");
    let officer = region.pages.visitor("officer").await;
    let desk = officer.get("/privacy?kind=claims").await.expect(200);
    desk.says("stranger by name").says("ongoing-care").says("Open now");
    let entry = desk.links("/privacy/entry/").remove(0);
    let page = officer.get(&entry).await.expect(200);
    officer.fill(&page, &entry, &[("ended", "revoked"), ("words", "Not on shift")]).await.expect(303);
    stranger.get(&region.record("")).await.expect(303);
    officer.get("/privacy?kind=claims").await.expect(200).says("Nothing waits");
    officer.get("/privacy?kind=claims&settled=yes").await.expect(200).says("revoked");
}

#[tokio::test(flavor = "multi_thread")]
async fn glass_breaks_and_is_seen() {
    let region = Governed::new().await;
    region.admit().await;
    let doctor = region.pages.visitor("doctor").await;
    doctor.get(&region.record("/results")).await.expect(200).says_not("Sealed finding").says("sealed by its authors");
    let why = doctor.get(&region.record("/why")).await.expect(200);
    let reason = [("glass", "yes"), ("reason", "vital-interests"), ("words", "Unconscious, cause unknown")];
    doctor.fill(&why, &region.record("/why"), &reason[..2]).await.expect(400);
    doctor.fill(&why, &region.record("/why"), &reason).await.expect(303);
    let page = doctor.get(&region.record("/results")).await.expect(200);
    page.says("Sealed finding").says("The glass is broken until").says("minutes");
    let officer = region.pages.visitor("officer").await;
    officer
        .get("/privacy")
        .await
        .expect(200)
        .says("Unconscious, cause unknown")
        .says("doctor by name")
        .says("Open now");
    let ann = region.pages.visitor("ann").await;
    ann.get(&region.record("/who-looked")).await.expect(200).says("Opened as an emergency");
    // One person, and not too often.
    for _ in 0..4 {
        doctor.fill(&why, &region.record("/why"), &reason).await.expect(303);
    }
    doctor.fill(&why, &region.record("/why"), &reason).await.expect(403).says("5 times in 24 hours");
    region.pages.visitor("receptionist").await.get(&region.record("/why")).await.expect(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn objection_reaches_everything_in_time() {
    let region = Governed::new().await;
    region.admit().await;
    let doctor = region.pages.visitor("doctor").await;
    let officer = region.pages.visitor("officer").await;
    let person = format!("/privacy/person/{}", region.person);
    let everything = format!("/Patient/{}/$everything", region.pages.engine.region().patient("rxx", "RXX|1001"));
    let pages = ["", "/problems", "/letters", "/results", "/visits", "/contacts", "/sources"];
    for page in pages {
        doctor.get(&region.record(page)).await.expect(200);
    }
    assert_eq!(region.pages.api(&everything).await.0, 200);
    let form = officer.get(&person).await.expect(200);
    form.says("02-Jan-1950");
    assert!(form.text().to_lowercase().contains("smith, ann"), "whose record it is: {}", form.text());
    officer.fill(&form, &format!("{person}/objection"), &[("words", "")]).await.expect(400).says("who told you");
    let begun = Instant::now();
    officer.fill(&form, &format!("{person}/objection"), &[("words", "Told by letter")]).await.expect(303);
    for page in pages {
        let answer = doctor.get(&region.record(page)).await.expect(303);
        assert_eq!(answer.to(), region.record("/why"), "{page}");
    }
    let (status, outcome) = region.pages.api(&everything).await;
    assert!(status == 403 && outcome.to_string().contains("objection"), "{outcome}");
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    doctor.get(&region.record("/why")).await.expect(200).says("An objection to sharing is recorded");
    // The person sees her own; vital interests override, and are seen.
    region.pages.visitor("ann").await.get(&region.record("/problems")).await.expect(200).says("Asthma");
    let why = doctor.get(&region.record("/why")).await;
    doctor.fill(&why, &region.record("/why"), &[("reason", "ongoing-care")]).await.expect(303);
    doctor.get(&region.record("")).await.expect(303);
    let vital = [("reason", "vital-interests"), ("words", "Unconscious in the street")];
    doctor.fill(&why, &region.record("/why"), &vital).await.expect(303);
    doctor.get(&region.record("")).await.expect(200);
    // And it ends when the person says so.
    let form = officer.get(&person).await.expect(200).says("In force").field("withdraw");
    let page = officer.get(&person).await;
    let end = [("withdraw", form.as_str()), ("words", "Told at the desk")];
    officer.fill(&page, &format!("{person}/objection"), &end).await.expect(303);
    region.pages.visitor("gp").await.get(&region.record("/problems")).await.expect(200).says("Asthma");
    assert_eq!(region.pages.api(&everything).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_objection_of_a_source_or_a_category_withholds_that_and_says_so() {
    let region = Governed::new().await;
    region.admit().await;
    let consent = json!({"resourceType": "Consent", "id": "k1", "status": "active", "patient": {"reference": "Patient/p1"},
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [{"text": "Sharing"}], "provision": {"type": "deny", "class": [{"code": "DocumentReference"}],
            // The last day of the calendar: without end.
            "period": {"start": "2026-01-01", "end": "9999-12-31"}}});
    let doctor = region.pages.visitor("doctor").await;
    doctor.get(&region.record("/letters")).await.expect(200).says("Clinic letter of January");
    take(&region.pages.engine, "gp", &[consent]).await;
    let page = doctor.get(&region.record("/letters")).await.expect(200);
    page.says_not("Clinic letter of January").says("the person objects to sharing it");
    doctor.get(&region.record("/problems")).await.expect(200).says("Asthma");
    // Whoever told it to the practice still sees it there.
    region.pages.visitor("gp").await.get(&region.record("/letters")).await.expect(200).says("Clinic letter of January");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sensitive_is_for_those_who_look_after_the_person_and_is_said_to_be_withheld() {
    let region = Governed::new().await;
    region.admit().await;
    region
        .pages
        .visitor("gp")
        .await
        .get(&region.record("/problems"))
        .await
        .expect(200)
        .says("Infection of long standing");
    region.pages.visitor("doctor").await.get(&region.record("/problems")).await.expect(200).says("Infection of long");
    let paramedic = region.pages.visitor("paramedic").await;
    let why = paramedic.get(&region.record("/why")).await;
    let vital = [("reason", "vital-interests"), ("words", "Fallen, confused, alone")];
    paramedic.fill(&why, &region.record("/why"), &vital).await.expect(303);
    for page in ["", "/problems"] {
        let page = paramedic.get(&region.record(page)).await.expect(200);
        page.says("Asthma").says_not("Infection of long").says("Withheld from you on this page").says("sensitive");
    }
    // Not by its own address, nor the message it came in.
    let id = region.id("gp", "p1", "Condition", "c2");
    paramedic.get(&region.record(&format!("/item/Condition/{id}"))).await.expect(404);
    let asthma = region.id("gp", "p1", "Condition", "c1");
    let origin = paramedic.get(&region.record(&format!("/item/Condition/{asthma}"))).await.expect(200);
    origin.says_not("Infection of long").says_not("86406008");
    assert!(!origin.body.contains("Infection of long"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receptionist_never_sees_a_letter() {
    let region = Governed::new().await;
    let receptionist = region.pages.visitor("receptionist").await;
    receptionist.get(&region.record("/visits")).await.expect(200).says("Routine appointment");
    let letter = region.id("gp", "p1", "DocumentReference", "d1");
    for page in
        ["", "/letters", "/problems", "/results", "/plans", "/contacts", "/other", "/alerts", "/allergies", "/sources"]
    {
        let page = receptionist.get(&region.record(page)).await.expect(200);
        for clinical in ["Clinic letter", "Asthma", "Infection of", "Penicillin", "Sealed finding", "Letter text"] {
            assert!(!page.body.contains(clinical), "{clinical}: {}", page.text());
        }
    }
    receptionist.get(&region.record("/letters")).await.says("not for your role");
    for page in [
        format!("/letters/{letter}"),
        format!("/file/DocumentReference/{letter}/0"),
        format!("/item/DocumentReference/{letter}"),
    ] {
        receptionist.get(&region.record(&page)).await.expect(404);
    }
    region.pages.visitor("gp").await.get(&region.record(&format!("/letters/{letter}"))).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn replay_equals_what_was_shown() {
    let region = Governed::new().await;
    region.admit().await;
    let doctor = region.pages.visitor("doctor").await;
    let seen = doctor.get(&region.record("/problems")).await.expect(200);
    seen.says("Asthma");
    // Then everything changes: news, an objection, a broken glass.
    let mut gone = json!({"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"},
        "clinicalStatus": {"coding": [{"code": "resolved"}]}, "code": {"text": "Never had it"}});
    gone["recordedDate"] = "2026-02-01".into();
    take(&region.pages.engine, "gp", &[gone]).await;
    doctor.get(&region.record("/problems")).await.expect(200).says("Never had it");
    let officer = region.pages.visitor("officer").await;
    let person = format!("/privacy/person/{}", region.person);
    let form = officer.get(&person).await.expect(200);
    officer.fill(&form, &format!("{person}/objection"), &[("words", "Told by letter")]).await.expect(303);
    let entries = officer.get(&person).await.expect(200).links("/privacy/entry/");
    let mut shown = 0;
    for entry in &entries {
        let page = officer.get(entry).await.expect(200);
        if !page.body.contains(&format!("{entry}/shown")) {
            continue;
        }
        let again = officer.get(&format!("{entry}/shown")).await.expect(200);
        assert!(again.body.contains("It is the same as what was sent"), "{entry}: {}", again.body);
        shown += 1;
        if shown == 2 {
            again.says("Asthma").says_not("Never had it");
        }
    }
    assert_eq!(shown, 2, "both pages can be shown again: {entries:?}");
    // What a system read is read again, and compared by its versions.
    let patient = region.pages.engine.region().patient("gp", "p1");
    let audit = region.pages.engine.audit();
    let before = audit.read(|audit| audit.last()).unwrap();
    let form = officer.get(&person).await.expect(200);
    let end = [("withdraw", form.field("withdraw")), ("words", "Told at the desk".to_owned())];
    let end: Vec<(&str, &str)> = end.iter().map(|(name, value)| (*name, value.as_str())).collect();
    officer.fill(&form, &format!("{person}/objection"), &end).await.expect(303);
    assert_eq!(region.pages.api(&format!("/Patient/{patient}/$everything")).await.0, 200);
    let entries_of_api = audit.read(|audit| audit.after(before, 50)).unwrap();
    let read = entries_of_api.iter().find(|entry| entry.body.contains("\"read-resources\"")).expect("the reading");
    take(&region.pages.engine, "gp", &[json!({"resourceType": "Condition", "id": "c77", "subject": {"reference": "Patient/p1"}, "code": {"text": "News"}})]).await;
    officer.get(&format!("/privacy/entry/{}/shown", read.n)).await.expect(400).says("the same as were sent");
    // It writes what the officer did, and nothing as if the doctor had looked once more.
    let after = officer.get(&person).await.expect(200);
    assert_eq!(after.body.matches("open-page problems").count(), 2, "{}", after.text());
    region.pages.visitor("doctor").await.get(&format!("{}/shown", entries[0])).await.expect(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sees_their_own_record_and_who_looked_and_is_answered() {
    let region = Governed::new().await;
    region.admit().await;
    region.pages.visitor("doctor").await.get(&region.record("/problems")).await.expect(200);
    let (ann, first) = region.pages.sign_in("ann").await;
    assert_eq!(first, "/me");
    assert_eq!(ann.get("/me").await.expect(303).to(), region.record(""));
    ann.get(&region.record("/problems")).await.expect(200).says("Asthma").says("Infection of long");
    // What is not for her eyes is not shown, and not said to be withheld.
    let results = ann.get(&region.record("/results")).await.expect(200);
    results.says_not("Note for colleagues");
    assert!(!results.body.contains("NOPAT"));
    let looked = ann.get(&region.record("/who-looked")).await.expect(200);
    looked.says("doctor , XWA").says("you were in hospital there").says("looked at: Your conditions");
    let n = looked.body.split("id=\"e").skip(1).filter_map(|rest| rest.split_once('"'));
    let n = n.filter(|(_, rest)| rest.contains("doctor")).map(|(n, _)| n.to_owned()).next().expect("an entry");
    let asked = [("n", n.as_str()), ("words", "Why did a doctor look?")];
    ann.fill(&looked, &region.record("/who-looked"), &asked).await.expect(303);
    let officer = region.pages.visitor("officer").await;
    let desk = officer.get("/privacy?kind=questions").await.expect(200);
    let question = desk.says("Why did a doctor look?").links("/privacy/entry/").remove(0);
    let page = officer.get(&question).await.expect(200);
    let answer = [("ended", "answered"), ("words", "You were on the ward then.")];
    officer.fill(&page, &question, &answer).await.expect(303);
    ann.get(&region.record("/who-looked")).await.says("You were on the ward then.");
    // Nobody else's record, and nobody's desk.
    let other = region.pages.engine.region().patient("gp2", "p2");
    let snapshot = region.pages.engine.derived().snapshot().unwrap();
    let other = snapshot.person_of(other, snapshot.seq()).unwrap().unwrap();
    drop(snapshot);
    ann.get(&format!("/record/{other}")).await.expect(403).says("your own record");
    ann.get(&format!("/record/{other}/who-looked")).await.expect(403);
    for desk in ["/privacy", "/errors", "/identity", "/find"] {
        assert!(ann.get(desk).await.status != 200, "{desk}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_of_other_peoples_resources_open_nothing() {
    let region = Governed::new().await;
    region.admit().await;
    let doctor = region.pages.visitor("doctor").await;
    doctor.get(&region.record("")).await.expect(200);
    let theirs = region.id("gp2", "p2", "Condition", "c9");
    for page in [
        format!("/item/Condition/{theirs}"),
        format!("/letters/{theirs}"),
        format!("/results/report/{theirs}"),
        format!("/results/trend/{theirs}"),
        format!("/file/DocumentReference/{theirs}/0"),
        format!("/file/DiagnosticReport/{theirs}/0"),
        "/item/Condition/..%2F..%2Fprivacy".to_owned(),
        "/item/Condition/x%0d%0aSet-Cookie:%20a=b".to_owned(),
    ] {
        let page = doctor.get(&region.record(&page)).await;
        assert!(page.status == 404 && !page.body.contains("Gout of the other"), "{}", page.text());
    }
    let patient = region.pages.engine.region().patient("gp2", "p2");
    for path in [
        format!("/Condition/{theirs}"),
        format!("/Condition/{theirs}/_history/1"),
        format!("/Condition?patient={patient}"),
        format!("/Patient/{patient}/$everything"),
    ] {
        let (status, outcome) = region.pages.api_as("ward", &path).await;
        assert!(status == 403 && !outcome.to_string().contains("Gout"), "{path}: {status} {outcome}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trail_is_read_as_audit_events_by_those_who_watch_over_it() {
    let region = Governed::new().await;
    region.admit().await;
    let doctor = region.pages.visitor("doctor").await;
    doctor.get(&region.record("/problems")).await.expect(200);
    region.pages.visitor("engineer").await.get(&region.record("")).await.expect(403);
    let patient = region.pages.engine.region().patient("rxx", "RXX|1001");
    assert_eq!(region.pages.api_as("reading", "/AuditEvent").await.0, 403, "reading records is no right to the trail");
    let (status, bundle) = region.pages.api_as("watching", &format!("/AuditEvent?patient={patient}&outcome=0")).await;
    assert_eq!(status, 200, "{bundle}");
    let events: Vec<&serde_json::Value> = bundle["entry"].as_array().unwrap().iter().map(|e| &e["resource"]).collect();
    let read = events.iter().find(|event| event["entity"].to_string().contains("problems")).expect("the page");
    assert!(read["meta"]["profile"][0].as_str().unwrap().ends_with("IHE.BasicAudit.PatientRead"), "{read}");
    assert_eq!((read["action"].as_str(), read["outcome"].as_str()), (Some("R"), Some("0")));
    assert_eq!(read["agent"][2]["who"]["display"], "doctor by name");
    assert_eq!(read["agent"][0]["type"]["coding"][0]["code"], "110152", "of a reading, the client is the destination");
    assert!(read["entity"].to_string().contains("admitted Encounter/"), "{read}");
    assert!(read["agent"].to_string().contains("urn:skein:policy:"), "{read}");
    let (_, refused) = region.pages.api_as("watching", "/AuditEvent?agent=engineer&outcome=4").await;
    assert_eq!(refused["entry"].as_array().unwrap().len(), 1, "{refused}");
    // Page by page, nothing missed and nothing twice; and the watcher is in it too.
    let (mut path, mut seen) = ("/AuditEvent?_count=2".to_owned(), Vec::new());
    loop {
        let (_, page) = region.pages.api_as("watching", &path).await;
        for entry in page["entry"].as_array().into_iter().flatten() {
            seen.push(entry["resource"]["id"].as_str().unwrap().parse::<u64>().unwrap());
        }
        let next = page["link"].as_array().unwrap().iter().find(|link| link["relation"] == "next");
        let Some(next) = next else { break };
        path = next["url"].as_str().unwrap().split("/fhir").nth(1).unwrap().to_owned();
        if seen.len() > 200 {
            break;
        }
    }
    // Each page asked for is an entry of its own: the trail grows by one while two are read.
    assert!(seen.windows(2).all(|pair| pair[1] == pair[0] + 1) && seen[0] == 1, "{seen:?}");
    let (status, one) = region.pages.api_as("watching", "/AuditEvent/1").await;
    assert_eq!((status.as_u16(), one["resourceType"].as_str()), (200, Some("AuditEvent")), "{one}");
    for (path, code) in [("/AuditEvent/0", 404), ("/AuditEvent?patient=9434765919x", 400), ("/AuditEvent?site=x", 400)]
    {
        assert_eq!(region.pages.api_as("watching", path).await.0, code, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_output_reveals_where_a_restricted_person_lives() {
    let number = fhir::NhsNumber::from_stem(943_476_600).or_else(|| fhir::NhsNumber::from_stem(943_476_601));
    let number = number.unwrap().as_str().to_owned();
    let region = Governed::new().await;
    region.pages.restrict("gp2", "r1", &number).await;
    let engine = &region.pages.engine;
    let patient = engine.region().patient("gp2", "r1");
    let snapshot = engine.derived().snapshot().unwrap();
    let person = snapshot.person_of(patient, snapshot.seq()).unwrap().unwrap();
    drop(snapshot);
    let secrets = ["SECRET LANE", "Secret Lane", "secret lane", "LS1 4AP", "LS14AP", "01130001122", "0113 000 1122"];
    let mut walked = 0;
    let mut look = |what: &str, body: &str| {
        walked += 1;
        for secret in secrets {
            assert!(!body.contains(secret), "{secret} in {what}: {body}");
        }
    };
    let doctor = region.pages.visitor("doctor").await;
    let why = doctor.get(&format!("/record/{person}/why")).await.expect(200);
    look("why", &why.body);
    doctor.fill(&why, &format!("/record/{person}/why"), &[("reason", "ongoing-care")]).await.expect(303);
    let item = format!("/item/Patient/{patient}");
    let sections = [
        "",
        "/sources",
        "/report",
        "/results",
        "/results/reports",
        "/letters",
        "/plans",
        "/contacts",
        "/problems",
        "/medicines",
        "/allergies",
        "/visits",
        "/vaccinations",
        "/procedures",
        "/alerts",
        "/referrals",
        "/other",
        "/who-looked",
        &item,
    ];
    for section in sections {
        let page = doctor.get(&format!("/record/{person}{section}")).await;
        assert!(page.status == 200 || page.status == 403, "{section}: {}", page.status);
        look(section, &page.body);
    }
    let why = doctor.get(&format!("/record/{person}/why")).await.expect(200);
    let glass = [("glass", "yes"), ("reason", "vital-interests"), ("words", "Unconscious, nobody to ask")];
    doctor.fill(&why, &format!("/record/{person}/why"), &glass).await.expect(303);
    for section in sections {
        look("through broken glass", &doctor.get(&format!("/record/{person}{section}")).await.body);
    }
    let find = doctor.get("/").await.expect(200);
    let asked = [("words", "Smith 2 1 1950")];
    let found = doctor.fill(&find, "/find", &asked).await;
    if let Some(to) = &found.location {
        look("found", &doctor.get(to).await.body);
    }
    let officer = region.pages.visitor("officer").await;
    let about = officer.get(&format!("/privacy/person/{person}")).await.expect(200);
    look("privacy person", &about.body);
    for kind in ["glass", "claims", "misuse", "questions"] {
        look("privacy desk", &officer.get(&format!("/privacy?kind={kind}")).await.body);
    }
    for entry in about.links("/privacy/entry/") {
        look("privacy entry", &officer.get(&entry).await.body);
        look("shown again", &officer.get(&format!("{entry}/shown")).await.body);
    }
    for path in [
        format!("/Patient/{patient}"),
        format!("/Patient/{patient}/_history"),
        format!("/Patient/{patient}/$everything"),
        format!("/Person/{person}"),
        format!("/Patient?identifier={}|{number}", fhir::nhs::SYSTEM),
        format!("/Patient/$ihe-pix?sourceIdentifier={}|{number}", fhir::nhs::SYSTEM),
        "/Patient?family=Smith&birthdate=1950-01-02".to_owned(),
    ] {
        look(&path, &region.pages.api(&path).await.1.to_string());
    }
    look("AuditEvent", &region.pages.api_as("watching", "/AuditEvent?_count=1000").await.1.to_string());
    let audit = store::audit::AuditReader::open(&store::Folder::visit(engine.folder()).unwrap()).unwrap();
    for entry in audit.after(0, 10_000).unwrap() {
        look("the audit trail", &entry.body);
    }
    // A message that is stopped on the error desk is no way round it, known person or not.
    let pid = "SMITH^ANN||19520231|2||||^^^^LS1 4AP^^H^7 SECRET LANE";
    region.pages.hear("A31", "rxx", "9901", None, pid, "PD1||||||||||||Y\r").await;
    let engineer = region.pages.visitor("engineer").await;
    let desk = engineer.get("/errors").await.expect(200);
    look("the error desk", &desk.body);
    for message in desk.links("/errors/") {
        let page = engineer.get(&message).await;
        look("a message of the error desk", &page.body);
    }
    assert!(walked > 100, "{walked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_labelled_later_is_not_open_in_its_former_versions_and_a_file_is_as_sensitive_as_its_letter() {
    let region = Governed::new().await;
    let file =
        json!({"resourceType": "Binary", "id": "b1", "contentType": "text/plain", "data": "U2VjcmV0IGxldHRlcg=="});
    let letter = |label: bool| {
        let mut letter = json!({"resourceType": "DocumentReference", "id": "d2", "status": "current",
            "subject": {"reference": "Patient/p1"}, "date": "2026-01-08T10:00:00Z", "type": {"text": "Letter of the clinic"},
            "content": [{"attachment": {"contentType": "text/plain", "url": "Binary/b1"}}]});
        if label {
            letter["meta"] = json!({"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "V"}]});
        }
        letter
    };
    let engine = &region.pages.engine;
    take(engine, "gp", &[file, letter(false)]).await;
    region.admit().await;
    let doctor = region.pages.visitor("doctor").await;
    let id = region.id("gp", "p1", "DocumentReference", "d2");
    doctor.get(&region.record(&format!("/letters/{id}"))).await.expect(200);
    let patient = engine.region().patient("rxx", "RXX|1001");
    let everything = format!("/Patient/{patient}/$everything");
    assert!(region.pages.api_as("ward", &everything).await.1.to_string().contains("U2VjcmV0IGxldHRlcg"));
    let (_, first) = region.pages.api_as("ward", &format!("{everything}?_count=2")).await;
    let next = first["link"].as_array().unwrap().iter().find(|link| link["relation"] == "next").unwrap();
    let next = next["url"].as_str().unwrap().split("/fhir").nth(1).unwrap().to_owned();
    take(engine, "gp", &[letter(true)]).await;
    for page in [
        format!("/letters/{id}"),
        format!("/item/DocumentReference/{id}"),
        format!("/item/DocumentReference/{id}?version=1"),
        format!("/file/DocumentReference/{id}/0"),
    ] {
        doctor.get(&region.record(&page)).await.expect(404);
    }
    for path in [
        format!("/DocumentReference/{id}"),
        format!("/DocumentReference/{id}/_history"),
        format!("/DocumentReference/{id}/_history/1"),
        everything.clone(),
        format!("/Binary/{}", region.id("gp", "p1", "Binary", "b1")),
    ] {
        let (_, answer) = region.pages.api_as("ward", &path).await;
        assert!(
            !answer.to_string().contains("U2VjcmV0IGxldHRlcg") && !answer.to_string().contains("Letter of the clinic"),
            "{path}: {answer}"
        );
    }
    // A link of ours goes on; one that was written by hand does not.
    assert_eq!(region.pages.api_as("ward", &next).await.0, 200);
    let (path, page) = next.split_once("_page=").unwrap();
    let mut forged = page.to_owned();
    let last = forged.pop().unwrap();
    forged.push(if last == 'A' { 'B' } else { 'A' });
    assert_eq!(region.pages.api_as("ward", &format!("{path}_page={forged}")).await.0, 400);
    region.pages.visitor("gp").await.get(&region.record(&format!("/letters/{id}"))).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_a_search_found_is_in_that_persons_own_trail() {
    let region = Governed::new().await;
    let stranger = region.pages.visitor("stranger").await;
    let find = stranger.get("/").await.expect(200);
    stranger.fill(&find, "/find", &[("words", NHS)]).await.expect(303);
    stranger.get(&stranger.fill(&find, "/find", &[("words", NHS)]).await.to()).await;
    let ann = region.pages.visitor("ann").await;
    ann.get(&region.record("/who-looked")).await.expect(200).says("stranger , XWB").says("found you in a search");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_administrator_sees_who_may_and_ends_sessions_and_nobody_else_does() {
    let region = Governed::new().await;
    region.admit().await;
    let doctor = region.pages.visitor("doctor").await;
    doctor.get(&region.record("")).await.expect(200);
    for other in ["doctor", "officer", "receptionist", "ann"] {
        region.pages.visitor(other).await.get("/admin").await.expect(403);
    }
    let engineer = region.pages.visitor("engineer").await;
    let page = engineer.get("/admin").await.expect(200);
    page.says("Policies in force").says("X81001").says("gp of the region").says("ambulance");
    engineer.fill(&page, "/admin/sign-out", &[("user", "nobody")]).await.expect(303);
    let to = engineer.fill(&page, "/admin/sign-out", &[("user", "doctor")]).await.expect(303).to();
    assert!(!to.ends_with("=0"), "{to}");
    engineer.get(&to).await.expect(200).says("ended");
    assert!(doctor.get(&region.record("")).await.expect(303).to().starts_with("/sign-in"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_settles_a_matter_about_themselves() {
    let region = Governed::new().await;
    region.admit().await;
    let engine = &region.pages.engine;
    let now = jiff::Timestamp::now();
    let (derived, audit) = (engine.derived().clone(), engine.audit().clone());
    let gate = access::Gate::new(derived, audit, access::GateConfig::default(), now).unwrap();
    let doctor = access::User::staff("both", "Both", ("R8000", "Doctor"), ("XWA", "XWA"));
    let officer = |id: &str| access::User::staff(id, id, ("R0001", "Privacy officer"), ("XWP", "XWP"));
    let words = "Unconscious, nobody to ask";
    let n = gate.give_reason(&doctor, region.person, true, "vital-interests", words, now).await.unwrap();
    let own = gate.settle(&officer("both"), n, "justified", "It was needed", now).await;
    assert!(matches!(own, Err(access::Refusal::NotAllowed(_))), "{own:?}");
    gate.settle(&officer("another"), n, "justified", "It was needed", now).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_failed_is_in_the_trail_without_what_was_typed() {
    let region = Governed::new().await;
    let before = region.pages.engine.audit().read(|audit| audit.last()).unwrap();
    for name in ["doctor", "my-secret-password-in-the-wrong-field"] {
        region.pages.try_sign_in(name, "wrong").await.expect(401);
    }
    let entries = region.pages.engine.audit().read(|audit| audit.after(before, 100)).unwrap();
    let refused: Vec<&str> =
        entries.iter().filter(|e| e.body.contains("wrong-password")).map(|e| e.user.as_str()).collect();
    assert_eq!(refused, ["doctor", "unknown"]);
    assert!(entries.iter().all(|entry| !entry.body.contains("my-secret")), "{entries:?}");
}
