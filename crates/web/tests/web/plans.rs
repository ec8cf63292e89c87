//! Plans and what people say of themselves, written here: drafted, signed, superseded, withdrawn; by whom, and by whom not.

use crate::{
    governed::{Governed, take},
    visitor::{Page, Visitor},
};
use fhir::{Resource, ResourceType};
use serde_json::json;

/// Answers that an urgent care plan needs.
pub const URGENT: [(&str, &str); 9] = [
    ("a.summary", "COPD, walks with a frame"),
    ("a.events", "Breathless: sit up, two puffs, then call"),
    ("a.place", "home"),
    ("a.call-first", "Daughter Joan 01130001122"),
    ("a.involved", "person"),
    ("a.agreed", "true"),
    ("a.review.day", "3"),
    ("a.review.month", "4"),
    ("a.review.year", "2099"),
];

/// Send a form of a page with its hidden fields, and these answers.
pub async fn send(who: &Visitor<'_>, page: &Page, path: &str, act: &str, answers: &[(&str, &str)]) -> Page {
    let hidden = ["form_token", "person", "draft", "revision", "base"];
    let hidden: Vec<(&str, String)> = hidden.into_iter().map(|name| (name, page.field(name))).collect();
    let mut all: Vec<(&str, &str)> = hidden.iter().map(|(name, value)| (*name, value.as_str())).collect();
    all.push(("act", act));
    all.extend(answers);
    who.post(path, &all).await
}

fn but<'a>(answers: &[(&'a str, &'a str)], changed: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let kept = answers.iter().filter(|(name, _)| !changed.iter().any(|(other, _)| other == name));
    kept.chain(changed).copied().collect()
}

/// From a blank form to a signed plan.
pub async fn sign(region: &Governed, who: &Visitor<'_>, form: &str, answers: &[(&str, &str)]) {
    let path = region.record(&format!("/write/{form}"));
    let page = who.get(&path).await.expect(200);
    let review = send(who, &page, &path, "review", answers).await.expect(303).to();
    let page = who.get(&review).await.expect(200);
    let done = send(who, &page, &format!("{path}/review"), "sign", &[]).await.expect(303);
    assert_eq!(done.to(), region.record("/plans"));
}

fn resources(region: &Governed, kind: ResourceType) -> Vec<Resource> {
    let engine = &region.pages.engine;
    let snapshot = engine.derived().snapshot().unwrap();
    let mut found = Vec::new();
    for patient in snapshot.patients_of(region.person, snapshot.seq()).unwrap() {
        snapshot
            .each_row(patient, &[kind], snapshot.seq(), |row| {
                let mut json = Vec::new();
                snapshot.render(&mut json, &row, "", "").unwrap();
                found.push(Resource::from_slice(&json).unwrap());
                Ok::<_, store::StoreError>(())
            })
            .unwrap();
    }
    found
}

fn plans(region: &Governed, status: &str) -> Vec<Resource> {
    let all = resources(region, ResourceType::CarePlan);
    all.into_iter().filter(|plan| plan.str_at("/status") == Some(status)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_drafted_checked_signed_and_superseded_and_only_one_looks_current() {
    let region = Governed::new().await;
    region.admit().await;
    let (gp, doctor) = (region.pages.visitor("gp").await, region.pages.visitor("doctor").await);
    gp.get(&region.record("/plans")).await.expect(200).says("Write or change a plan");
    let list = gp.get(&region.record("/write")).await.expect(200);
    list.says("Urgent care plan").says("ReSPECT form").says("About me").says_not("Drafts to go on with");
    let path = region.record("/write/urgent-care-plan");
    let blank = gp.get(&path).await.expect(200);
    blank.says("Nothing is kept yet").says("Answer this if “Are medicines for an emergency kept at home?” is “Yes”");
    // A draft keeps whatever was typed, and is nobody's plan.
    let draft =
        send(&gp, &blank, &path, "save", &[("a.summary", "COPD"), ("a.review.day", "45")]).await.expect(303).to();
    let kept = gp.get(&draft).await.expect(200);
    kept.says("Saved as a draft").says("Draft. It is not a plan until it is signed. Saved");
    assert!(kept.body.contains("COPD</textarea>") && kept.body.contains("value=\"45\""));
    assert!(resources(&region, ResourceType::CarePlan).is_empty());
    doctor.get(&region.record("/plans")).await.expect(200).says_not("COPD");
    doctor.get(&region.record("/write")).await.expect(200).says_not("Drafts to go on with");
    gp.get(&region.record("/write")).await.expect(200).says("Drafts to go on with").says("gp by name");
    // Another's draft opens to nobody else, whoever knows its address.
    doctor.get(&draft).await.expect(400).says("no such draft");
    // What does not fit is named by its field, and nothing is lost.
    let answers = but(&URGENT, &[("a.review.day", "45"), ("a.place", "treatable"), ("a.call-first", " ")]);
    let wrong = send(&gp, &kept, &path, "review", &answers).await.expect(400);
    wrong.says("There is a problem").says("must be a real date").says("For what the person should go to hospital");
    for field in ["#f-review.day", "#f-call-first", "#f-place-why"] {
        assert!(wrong.body.contains(&format!("href=\"{field}\"")), "{field}");
    }
    assert!(
        wrong.body.contains("Breathless: sit up, two puffs, then call</textarea>")
            && wrong.body.contains("value=\"45\"")
    );
    let review =
        send(&gp, &wrong, &path, "review", &but(&URGENT, &[("a.place-why", "left over")])).await.expect(303).to();
    let page = gp.get(&review).await.expect(200);
    page.says("check, then sign").says("Breathless").says("03-Apr-2099").says("Not part of it").says_not("left over");
    page.says("Signed as gp by name, gp, X81001").says("SMITH, Ann");
    send(&gp, &page, &format!("{path}/review"), "sign", &[]).await.expect(303);
    let active = plans(&region, "active");
    assert_eq!(active.len(), 1);
    assert_eq!(active[0].str_at("/category/0/coding/0/code"), Some("887701000000100"));
    let shown = doctor.get(&region.record("/plans")).await.expect(200);
    shown
        .says("Urgent care plan")
        .says("by gp by name, gp, X81001")
        .says("review 03-Apr-2099")
        .says("Written in Skein");
    shown.says("Daughter Joan 01130001122").says_not("left over").says_not("Superseded");
    doctor.get(&region.record("")).await.expect(200).says("Urgent care plan");
    gp.get(&region.record("/write"))
        .await
        .expect(200)
        .says_not("Drafts to go on with")
        .says("In force: Urgent care plan");
    // The origin leads to what was signed; the one who signed is in the trail with what was written.
    let id = active[0].id().unwrap().to_owned();
    doctor.get(&region.record(&format!("/item/CarePlan/{id}"))).await.expect(200).says("Written in Skein");
    let trail: Vec<String> =
        region.pages.engine.audit().read(|audit| audit.after(0, 1000)).unwrap().into_iter().map(|e| e.body).collect();
    let wrote = |what: &str| trail.iter().filter(|body| body.contains(what)).count();
    assert_eq!(wrote("\"what\":\"sign urgent-care\""), 1);
    assert_eq!(wrote("\"what\":\"draft urgent-care\""), 3);
    region
        .pages
        .visitor("ann")
        .await
        .get(&region.record("/who-looked"))
        .await
        .says("signed something they wrote in your record (urgent care)");
    // The next version begins from this one, by another organisation, and stands in its place.
    let next = doctor.get(&path).await.expect(200);
    next.says("In force: Urgent care plan").says("Once signed, this stands in its place");
    assert!(next.body.contains("Daughter Joan 01130001122") && next.body.contains("value=\"2099\""));
    sign(&region, &doctor, "urgent-care-plan", &but(&URGENT, &[("a.summary", "COPD, now bedbound")])).await;
    assert_eq!((plans(&region, "active").len(), plans(&region, "revoked").len()), (1, 1));
    for page in ["/plans", ""] {
        let page = gp.get(&region.record(page)).await.expect(200);
        let (now, before) = page
            .text()
            .split_once("Not current: ended, replaced")
            .map_or((page.text(), String::new()), |(a, b)| (a.to_owned(), b.to_owned()));
        assert!(now.contains("Urgent care plan") && !now.contains("walks with a frame"), "{now}");
        if !before.is_empty() {
            assert!(before.contains("Superseded on") && before.contains("by doctor by name, doctor, XWA"), "{before}");
            assert!(page.body.contains("data-stamp=\"SUPERSEDED\""));
        }
    }
    // Through the API as well.
    let (_, bundle) = region.pages.api_as("ward", &format!("/CarePlan?patient={}", patient(&region))).await;
    let statuses: Vec<&str> =
        bundle["entry"].as_array().unwrap().iter().filter_map(|e| e["resource"]["status"].as_str()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == "active").count(), 1, "{statuses:?}");
}

fn patient(region: &Governed) -> String {
    region.pages.engine.region().patient("gp", "p1").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_editors_meet_and_neither_overwrites_the_other() {
    let region = Governed::new().await;
    region.admit().await;
    let (gp, doctor) = (region.pages.visitor("gp").await, region.pages.visitor("doctor").await);
    let path = region.record("/write/urgent-care-plan");
    let review = format!("{path}/review");
    let (a, b) = (gp.get(&path).await.expect(200), doctor.get(&path).await.expect(200));
    let theirs = but(&URGENT, &[("a.call-first", "Son Peter 01140001122")]);
    let a = gp.get(&send(&gp, &a, &path, "review", &URGENT).await.expect(303).to()).await.expect(200);
    let b = doctor.get(&send(&doctor, &b, &path, "review", &theirs).await.expect(303).to()).await.expect(200);
    // Both look; both sign at once: one of them is told.
    let (one, other) = tokio::join!(send(&gp, &a, &review, "sign", &[]), send(&doctor, &b, &review, "sign", &[]));
    let (lost, loser, page) = match (one.status.as_u16(), other.status.as_u16()) {
        (303, 409) => ("Son Peter", &doctor, other),
        (409, 303) => ("Daughter Joan", &gp, one),
        other => panic!("{other:?}"),
    };
    assert_eq!(plans(&region, "active").len(), 1);
    page.says("Nothing was signed").says("One answer differs").says("Son Peter").says("Daughter Joan").says(lost);
    page.says_not("Breathless");
    // Signing again by hand changes nothing; taking over leads back to the draft, and that is signed over the other.
    send(loser, &page, &review, "sign", &[]).await.expect(409);
    let draft = send(loser, &page, &review, "take", &[("take.call-first", "theirs")]).await.expect(303).to();
    let draft = loser.get(&draft).await.expect(200);
    draft.says("stands over the version that was signed meanwhile");
    assert!(!draft.body.contains(lost));
    let answers = but(&URGENT, &[("a.summary", "Agreed by both")]);
    let page = loser.get(&send(loser, &draft, &path, "review", &answers).await.expect(303).to()).await.expect(200);
    page.says("Signing supersedes what is in force");
    send(loser, &page, &review, "sign", &[]).await.expect(303);
    assert_eq!((plans(&region, "active").len(), plans(&region, "revoked").len()), (1, 1));
    gp.get(&region.record("/plans")).await.says("Agreed by both");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_in_two_tabs_and_a_form_for_another_person_lose_nothing_and_write_nothing_wrong() {
    let region = Governed::new().await;
    let gp = region.pages.visitor("gp").await;
    let path = region.record("/write/contingency-plan");
    let blank = gp.get(&path).await.expect(200);
    let draft = send(&gp, &blank, &path, "save", &[("a.support", "First")]).await.expect(303).to();
    let (one, two) = (gp.get(&draft).await, gp.get(&draft).await);
    send(&gp, &one, &path, "save", &[("a.support", "From tab one")]).await.expect(303);
    let apart = send(&gp, &two, &path, "save", &[("a.support", "From tab two")]).await.expect(303).to();
    assert!(apart.contains("did=apart"));
    let apart = gp.get(&apart).await.expect(200);
    apart.says("kept here as a draft of its own").says("There is another draft of this");
    assert!(apart.body.contains("From tab two") && gp.get(&draft).await.body.contains("From tab one"));
    // A form that was opened for somebody else is refused, and so is one of another session.
    let mut other = one;
    other.body = other.body.replace(&region.person.to_string(), "0000000000000");
    send(&gp, &other, &path, "save", &[("a.support", "Wrong")]).await.expect(400).says("opened for another person");
    send(&gp, &other, &format!("{path}/review"), "sign", &[]).await.expect(400).says("opened for another person");
    let nurse = region.pages.visitor("nurse").await;
    send(&nurse, &apart, &path, "save", &[("a.support", "Forged")]).await.expect(403);
    // Discarded, it is gone; what hangs on it says so.
    send(&gp, &apart, &path, "discard", &[]).await.expect(303);
    let after = gp.get(&region.record("/write")).await.expect(200);
    assert_eq!(after.text().matches("Contingency plan Draft").count(), 1);
    assert!(resources(&region, ResourceType::CarePlan).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_write_is_refused_at_every_step() {
    let region = Governed::new().await;
    region.admit().await;
    let path = region.record("/write/respect");
    let receptionist = region.pages.visitor("receptionist").await;
    receptionist.get(&region.record("/plans")).await.expect(200).says_not("Write or change a plan");
    receptionist.get(&region.record("/write")).await.expect(403);
    receptionist.get(&path).await.expect(403);
    let token = receptionist.get(&region.record("")).await.field("form_token");
    let person = region.person.to_string();
    let forged = [("form_token", token.as_str()), ("person", person.as_str()), ("act", "save"), ("a.summary", "x")];
    receptionist.post(&path, &forged).await.expect(403).says("does not write plans");
    receptionist.post(&format!("{path}/review"), &forged).await.expect(403);
    let plan = [
        ("form_token", token.as_str()),
        ("person", person.as_str()),
        ("form", "respect"),
        ("plan", "CarePlan/x@1"),
        ("why", "x"),
    ];
    receptionist.post(&region.record("/plans/withdraw"), &plan).await.expect(403);
    // A reason of one's own opens the record, and lets nobody write.
    let nurse = region.pages.visitor("nurse").await;
    let why = nurse.get(&nurse.get(&region.record("")).await.expect(303).to()).await.expect(200);
    let reason = [("reason", "ongoing-care"), ("words", "Called to the house"), ("act", "claim")];
    nurse.fill(&why, &region.record("/why"), &reason).await;
    let page = nurse.get(&region.record("/plans")).await;
    if page.status == 200 {
        page.says_not("Write or change a plan");
        nurse.get(&path).await.expect(403);
    }
    // The person writes of themselves and of what they wish for, not what clinicians recommend.
    let ann = region.pages.visitor("ann").await;
    ann.get(&region.record("/write")).await.expect(200).says("About me").says("Advance care plan").says_not("ReSPECT");
    ann.get(&path).await.expect(403);
    ann.get(&region.record("/write/no-such-form")).await.expect(404);
    assert!(resources(&region, ResourceType::CarePlan).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_person_says_what_matters_in_their_own_words_over_what_a_source_had() {
    let region = Governed::new().await;
    let old = json!({"resourceType": "QuestionnaireResponse", "id": "q1", "status": "completed", "authored": "2024-01-01",
        "questionnaire": "https://other.example/Questionnaire/about-me", "subject": {"reference": "Patient/p1"},
        "author": {"reference": "Patient/p1"}, "source": {"reference": "Patient/p1"},
        "item": [{"linkId": "most-important", "text": "What is most important to me", "answer": [{"valueString": "My old dog"}]}]});
    let measure = json!({"resourceType": "QuestionnaireResponse", "id": "q2", "status": "completed", "authored": "2025-01-01",
        "questionnaire": "https://other.example/Questionnaire/hip-score", "subject": {"reference": "Patient/p1"},
        "author": {"reference": "Patient/p1"}, "item": [{"linkId": "1", "text": "Pain when walking", "answer": [{"valueString": "Mild"}]}]});
    take(&region.pages.engine, "gp", &[old, measure]).await;
    let ann = region.pages.visitor("ann").await;
    let path = region.record("/write/about-me");
    let page = ann.get(&path).await.expect(200);
    page.says("In use now:");
    assert!(page.body.contains("My old dog</textarea>"), "it begins from what the practice has");
    sign(&region, &ann, "about-me", &[("a.most-important", "My new dog"), ("a.words", "own")]).await;
    let gp = region.pages.visitor("gp").await;
    let page = gp.get(&region.record("/plans")).await.expect(200);
    let text = page.text();
    let (now, before) = text.split_once("Not current: ended, replaced").unwrap();
    assert!(
        now.contains("in the person’s own words")
            && now.contains("My new dog")
            && now.contains("The person themselves")
    );
    assert!(now.contains("Pain when walking"), "another questionnaire stays as it is");
    assert!(before.contains("Superseded on") && before.contains("My old dog"));
    // The source changes its own later: nobody has seen that, and it is said.
    let newer = json!({"resourceType": "QuestionnaireResponse", "id": "q1", "status": "completed", "authored": "2024-01-01",
        "questionnaire": "https://other.example/Questionnaire/about-me", "subject": {"reference": "Patient/p1"},
        "author": {"reference": "Patient/p1"}, "source": {"reference": "Patient/p1"},
        "item": [{"linkId": "most-important", "text": "What is most important to me", "answer": [{"valueString": "My third dog"}]}]});
    take(&region.pages.engine, "gp", &[newer]).await;
    gp.get(&region.record("/plans")).await.says("Its source changed it after it was replaced");
    // Somebody at work writes down what the person says: it is theirs, and says who wrote it.
    sign(
        &region,
        &gp,
        "about-me",
        &[("a.most-important", "Told to my doctor"), ("a.words", "helped"), ("a.supported-by", "Dr Gale")],
    )
    .await;
    gp.get(&region.record("/plans")).await.says("gp by name, gp, X81001, who wrote down the person’s words");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_is_withdrawn_with_its_reason_and_not_over_what_changed_meanwhile() {
    let region = Governed::new().await;
    let gp = region.pages.visitor("gp").await;
    sign(&region, &gp, "urgent-care-plan", &URGENT).await;
    let page = gp.get(&region.record("/plans")).await.expect(200);
    let (plan, form) = (page.field("plan"), page.field("form"));
    let token = page.field("form_token");
    let person = region.person.to_string();
    let post = async |plan: &str, why: &str| {
        let fields =
            [("form_token", token.as_str()), ("person", &person), ("plan", plan), ("form", &form), ("why", why)];
        gp.post(&region.record("/plans/withdraw"), &fields).await
    };
    post(&plan, "  ").await.expect(400).says("Write why");
    sign(&region, &gp, "urgent-care-plan", &but(&URGENT, &[("a.summary", "Second")])).await;
    post(&plan, "Too late").await.expect(400).says("not the one you saw");
    let plan = gp.get(&region.record("/plans")).await.field("plan");
    post(&plan, "Signed in <b>error</b>").await.expect(303);
    let page = gp.get(&region.record("/plans")).await.expect(200);
    page.says("Signature withdrawn on").says("by gp by name, gp, X81001: Signed in");
    assert!(page.body.contains("data-stamp=\"WITHDRAWN\"") && !page.body.contains("<b>error</b>"));
    assert!(plans(&region, "active").is_empty(), "nothing comes back into force by itself");
    gp.get(&region.record("")).await.expect(200).says_not("Urgent care plan");
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_and_long_answers_are_kept_as_they_are_and_shown_as_text() {
    let region = Governed::new().await;
    let gp = region.pages.visitor("gp").await;
    let long = "ö".repeat(10_000);
    let hostile = "</textarea><script>alert(1)</script>\u{202e}\"'&amp;\r\nsecond line";
    let answers = but(&URGENT, &[("a.summary", hostile), ("a.events", long.as_str()), ("a.unknown", "x")]);
    sign(&region, &gp, "urgent-care-plan", &answers).await;
    let page = gp.get(&region.record("/plans")).await.expect(200);
    assert!(!page.body.contains("<script>alert") && page.body.contains(&long));
    let said = resources(&region, ResourceType::QuestionnaireResponse);
    let texts = said.iter().map(Resource::to_json).collect::<String>();
    assert!(texts.contains("</textarea><script>alert(1)</script>\u{202e}") && texts.contains("second line"));
    assert!(!texts.contains("\\r"));
    let path = region.record("/write/urgent-care-plan");
    let page = gp.get(&path).await.expect(200);
    assert!(!page.body.contains("<script>alert"));
    let longer = "x".repeat(20_001);
    let wrong = send(&gp, &page, &path, "review", &but(&URGENT, &[("a.summary", longer.as_str())])).await.expect(400);
    wrong.says("has 1 characters too many");
    assert!(wrong.body.contains(&longer), "and nothing of it is lost");
    // What is no choice of the form, and what is far too much.
    send(&gp, &page, &path, "review", &but(&URGENT, &[("a.place", "moon")]))
        .await
        .expect(400)
        .says("Choose one of the answers");
    let huge = "x".repeat(3 << 20);
    assert_eq!(send(&gp, &page, &path, "save", &[("a.summary", huge.as_str())]).await.status, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn drafts_and_what_was_signed_outlive_a_rebuild_of_everything_else() {
    let region = Governed::new().await;
    let gp = region.pages.visitor("gp").await;
    sign(&region, &gp, "urgent-care-plan", &URGENT).await;
    let path = region.record("/write/respect");
    let page = gp.get(&path).await.expect(200);
    send(&gp, &page, &path, "save", &[("a.summary", "Begun")]).await.expect(303);
    let folder = region.pages.engine.folder().to_owned();
    let verdict = intake::verify(&store::Folder::visit(&folder).unwrap(), "test", &mut |_, _| {}).unwrap();
    assert_eq!(verdict.comparison.differences, 0, "{verdict:?}");
    let again = store::Drafts::open(&folder).unwrap();
    assert_eq!(again.of(region.pages.engine.region().patient("gp", "p1")).unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_are_read_as_questionnaires_by_the_address_that_answers_name() {
    let region = Governed::new().await;
    let gp = region.pages.visitor("gp").await;
    sign(&region, &gp, "urgent-care-plan", &URGENT).await;
    let (status, response) =
        region.pages.api_as("reading", &format!("/QuestionnaireResponse?patient={}", patient(&region))).await;
    assert_eq!(status, 200);
    let named = response["entry"][0]["resource"]["questionnaire"].as_str().unwrap();
    assert_eq!(named, "urn:skein:form:urgent-care-plan|1");
    let (_, found) = region.pages.api_as("reading", &format!("/Questionnaire?url={}", named.replace('|', "%7C"))).await;
    assert_eq!(
        (found["total"].as_u64(), found["entry"][0]["resource"]["name"].as_str()),
        (Some(1), Some("urgent-care-plan"))
    );
    let (_, all) = region.pages.api_as("reading", "/Questionnaire").await;
    assert_eq!(all["total"].as_u64(), Some(9));
    let (status, one) = region.pages.api_as("reading", "/Questionnaire/respect").await;
    assert_eq!((status.as_u16(), one["resourceType"].as_str()), (200, Some("Questionnaire")));
    assert_eq!(region.pages.api_as("reading", "/Questionnaire/none").await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_look_after_the_person_are_told_of_a_signed_plan_once_and_of_no_draft() {
    let region = Governed::new().await;
    let (nurse, gp) = (region.pages.visitor("nurse").await, region.pages.visitor("gp").await);
    let form = nurse.get("/caseloads/new").await.expect(200);
    let token = form.field("form_token");
    let sheet = format!("NHS number,Surname,Date of birth\n{},Smith,02/01/1950\n", crate::governed::NHS);
    let fields = [("form_token", token.as_str()), ("name", "Falls team")];
    nurse.upload("/caseloads/upload", &fields, "sheet", sheet.as_bytes()).await.expect(200).says("1 put on the list");
    let told = async || {
        tokio::time::sleep(std::time::Duration::from_millis(600)).await;
        let inbox = nurse.get("/teams").await.expect(200).links("/teams/").remove(0);
        nurse.get(&inbox).await.expect(200).text().matches("Care plan changed").count()
    };
    let path = region.record("/write/urgent-care-plan");
    let page = gp.get(&path).await.expect(200);
    send(&gp, &page, &path, "save", &URGENT).await.expect(303);
    assert_eq!(told().await, 0, "a draft is nobody's news");
    sign(&region, &gp, "urgent-care-plan", &URGENT).await;
    assert_eq!(told().await, 1);
    // The next version is one event, and takes nothing back.
    sign(&region, &gp, "urgent-care-plan", &but(&URGENT, &[("a.summary", "Second")])).await;
    assert_eq!(told().await, 2);
    let ann = region.pages.visitor("ann").await;
    sign(&region, &ann, "about-me", &[("a.most-important", "My dog"), ("a.words", "own")]).await;
    assert_eq!(told().await, 3);
    let inbox = nurse.get("/teams").await.expect(200).links("/teams/").remove(0);
    nurse.get(&inbox).await.says_not("Care plan withdrawn");
}
