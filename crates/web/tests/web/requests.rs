//! Tests asked for and referrals made here: written, sent, worked on by whoever is asked, and told to both sides; by whom, and
//! by whom not.

use crate::{
    governed::Governed,
    visitor::{Page, Visitor},
};
use axum::body::Body;
use fhir::{Resource, ResourceType};
use http_body_util::BodyExt as _;
use std::time::Duration;

/// Answers that an urgent test needs.
const TEST: [(&str, &str); 5] = [
    ("a.what", "CT head"),
    ("a.why", "Fell on <b>warfarin</b>, now drowsy: a bleed?"),
    ("a.priority", "stat"),
    ("a.to", "XWB"),
    ("a.call-back", "Dr Gale, bleep 12"),
];

async fn send(who: &Visitor<'_>, page: &Page, path: &str, act: &str, answers: &[(&str, &str)]) -> Page {
    let hidden = ["form_token", "person", "draft", "revision", "base"];
    let hidden: Vec<(&str, String)> = hidden.into_iter().map(|name| (name, page.field(name))).collect();
    let mut all: Vec<(&str, &str)> = hidden.iter().map(|(name, value)| (*name, value.as_str())).collect();
    all.push(("act", act));
    all.extend(answers);
    who.post(path, &all).await
}

/// From a blank form to the page that is read before it is sent.
async fn to_review(region: &Governed, who: &Visitor<'_>, form: &str, answers: &[(&str, &str)]) -> Page {
    let path = region.record(&format!("/write/{form}"));
    let page = who.get(&path).await.expect(200);
    let review = send(who, &page, &path, "review", answers).await.expect(303).to();
    who.get(&review).await.expect(200)
}

/// Press "Send", with a file.
async fn press_send(region: &Governed, who: &Visitor<'_>, form: &str, review: &Page, file: (&str, &[u8])) -> Page {
    let hidden = ["form_token", "person", "draft", "revision"].map(|name| (name, review.field(name)));
    let fields: Vec<(&str, &str)> = hidden.iter().map(|(name, value)| (*name, value.as_str())).collect();
    who.upload_called(&region.record(&format!("/write/{form}/send")), &fields, "file", file).await
}

/// Ask for the test; gives the page of the request.
async fn ask(region: &Governed, who: &Visitor<'_>) -> String {
    let review = to_review(region, who, "urgent-test", &TEST).await;
    let page = press_send(region, who, "urgent-test", &review, ("", b"")).await.expect(303).to();
    page.split('?').next().unwrap().to_owned()
}

/// What a button of a request's page sends.
async fn press(who: &Visitor<'_>, page: &Page, act: &str, words: &str) -> Page {
    let hidden = ["form_token", "person", "task", "focus", "writes"].map(|name| (name, page.field(name)));
    let mut fields: Vec<(&str, &str)> = hidden.iter().map(|(name, value)| (*name, value.as_str())).collect();
    fields.extend([("act", act), ("words", words)]);
    let (id, person) = (page.field("task"), page.field("person"));
    who.post(&format!("/record/{person}/request/{}", id.split('@').next().unwrap()), &fields).await
}

fn resources(region: &Governed, kind: ResourceType) -> Vec<Resource> {
    let snapshot = region.pages.engine.derived().snapshot().unwrap();
    let mut found = Vec::new();
    for patient in snapshot.patients_of(region.person, snapshot.seq()).unwrap() {
        let read = snapshot.each_row(patient, &[kind], snapshot.seq(), |row| {
            let mut json = Vec::new();
            snapshot.render(&mut json, &row, "", "").unwrap();
            found.push(Resource::from_slice(&json).unwrap());
            Ok::<_, store::StoreError>(())
        });
        read.unwrap();
    }
    found
}

/// A page, once what follows the change feed has come so far that it says this.
async fn once(who: &Visitor<'_>, path: &str, words: &str) -> Page {
    for _ in 0..100 {
        let page = who.get(path).await.expect(200);
        if page.text().contains(words) {
            return page;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{path} does not say {words}: {}", who.get(path).await.text());
}

async fn inbox(who: &Visitor<'_>, words: &str) -> Page {
    let teams = once(who, "/teams", "Requests").await;
    let mut last = String::new();
    for link in teams.links("/teams/") {
        for _ in 0..20 {
            let page = who.get(&link).await.expect(200);
            if page.text().contains(words) {
                return page;
            }
            last = page.text();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    panic!("no inbox says {words}: {last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_is_asked_for_worked_on_and_answered_and_both_sides_are_told() {
    let region = Governed::new().await;
    let (gp, specialist) = (region.pages.visitor("gp").await, region.pages.visitor("stranger").await);
    // Nothing links the hospital with the person yet.
    specialist.get(&region.record("")).await.expect(303);
    specialist.get("/requests").await.expect(200).says("Asked of us (0)").says("None.");
    gp.get(&region.record("/referrals")).await.expect(200).says("Ask for a test, or refer");
    gp.get(&region.record("/write")).await.expect(200).says("Ask for an urgent test").says("Refer to a specialist");
    // What is missing is named by its field, and nothing is lost.
    let path = region.record("/write/urgent-test");
    let blank = gp.get(&path).await.expect(200);
    blank.says("sent to nobody until you send it").says("Clinic letter of January").says("ryy of the region");
    let letter = format!("DocumentReference/{}", region.id("gp", "p1", "DocumentReference", "d1"));
    let unknown = [("a.what", "CT head"), ("a.to", "ZZZ"), ("a.with", letter.as_str())];
    let wrong = send(&gp, &blank, &path, "review", &unknown).await.expect(400);
    for field in ["#f-why", "#f-priority", "#f-to", "#f-call-back"] {
        assert!(wrong.body.contains(&format!("href=\"{field}\"")), "{field}: {}", wrong.text());
    }
    assert!(wrong.body.contains("value=\"CT head\"") && wrong.body.contains(&format!("value=\"{letter}\" checked")));
    let mut answers = TEST.to_vec();
    answers.push(("a.with", &letter));
    let review = send(&gp, &wrong, &path, "review", &answers).await.expect(303).to();
    let review = gp.get(&review).await.expect(200);
    review.says("An emergency: call the service as well").says("Clinic letter of January").says("to ryy of the region");
    assert!(resources(&region, ResourceType::Task).is_empty(), "nothing is sent before it is sent");
    let sent = press_send(&region, &gp, "urgent-test", &review, ("../\u{202e}notes.txt", b"Seen <script>")).await;
    let request = gp.get(&sent.expect(303).to()).await.expect(200);
    request.says("Sent. Whoever is asked").says("Sent, not yet accepted").says("Dr Gale, bleep 12").says("notes.txt");
    request.says("Emergency").says("now drowsy: a bleed?");
    assert!(!request.body.contains("<b>warfarin</b>"));
    // Pressed again, it is not sent again.
    press_send(&region, &gp, "urgent-test", &review, ("", b"")).await.expect(400).says("it was sent or discarded");
    assert_eq!(resources(&region, ResourceType::ServiceRequest).len(), 1);
    let files: Vec<Resource> = resources(&region, ResourceType::DocumentReference)
        .into_iter()
        .filter(|file| file.str_at("/type/text") == Some("Sent along with a request"))
        .collect();
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].str_at("/content/0/attachment/contentType"), Some("text/plain"));
    // The name of what may be withheld does not go along with its reference.
    let asked = &resources(&region, ResourceType::ServiceRequest)[0];
    assert!(!fhir::Value::Object(asked.body().clone()).to_string().contains("Clinic letter"));
    // Whoever is asked finds it, may open the record, and is told urgently.
    let list = once(&specialist, "/requests", "CT head").await;
    list.says("SMITH, Ann").says("Emergency").says("Asked of us (1)");
    let told = inbox(&specialist, "CT head").await;
    told.says("Referred");
    assert!(told.body.contains("notice--urgent"));
    let address = list.links(&region.record("/request/")).remove(0);
    let page = specialist.get(&address).await.expect(200);
    page.says("Answer this request").says("Clinic letter of January").says_not("Say more, or take it back");
    // What is nothing without words is refused, and says so at its field.
    press(&specialist, &page, "decline", " ").await.expect(400).says("Write why you decline");
    press(&specialist, &page, "accept", "").await.expect(303);
    let page = specialist.get(&address).await.expect(200);
    page.says("Accepted");
    assert!(!page.body.contains("value=\"accept\""), "it is accepted once");
    press(&specialist, &page, "question", "INR today?").await.expect(303);
    inbox(&gp, "More is asked about a request").await;
    let mine = once(&gp, "/requests?sent", "CT head").await;
    mine.says("More is asked of who sent it");
    let page = gp.get(&address).await.expect(200);
    page.says("INR today?").says("Say more, or take it back").says_not("Answer this request");
    press(&gp, &page, "reply", "INR 4.1").await.expect(303);
    inbox(&specialist, "More was said about a request").await;
    let page = specialist.get(&address).await.expect(200);
    page.says("INR 4.1");
    press(&specialist, &page, "complete", "Subdural; coming to us now").await.expect(303);
    inbox(&gp, "Request answered").await;
    gp.get(&region.record("/referrals"))
        .await
        .expect(200)
        .says("Subdural; coming to us now")
        .says("Answered and completed");
    once(&gp, "/requests?sent&closed", "CT head").await;
    once(&specialist, "/requests?closed", "CT head").await;
    specialist.get("/requests").await.says_not("CT head");
    // Closed, it is answered no more.
    press(&specialist, &page, "answer", "Another").await.expect(409).says("Nothing of yours was done");
    let task = &resources(&region, ResourceType::Task)[0];
    assert_eq!((task.str_at("/status"), task.list("output").len()), (Some("completed"), 1));
    let trail: Vec<String> =
        region.pages.engine.audit().read(|audit| audit.after(0, 1000)).unwrap().into_iter().map(|e| e.body).collect();
    for wrote in ["send urgent-test", "accept answer", "question answer", "reply urgent-test", "complete answer"] {
        assert!(trail.iter().any(|body| body.contains(&format!("\"what\":\"{wrote}\""))), "{wrote}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_list_of_requests_hears_that_something_changed() {
    let region = Governed::new().await;
    let (gp, specialist) = (region.pages.visitor("gp").await, region.pages.visitor("stranger").await);
    let nurse = region.pages.visitor("nurse").await;
    let list = specialist.get("/requests").await.expect(200);
    assert!(list.body.contains("data-live-list=\"/requests/live\""));
    let (mut asked, mut asks, mut other) = (
        specialist.stream("/requests/live").await,
        gp.stream("/requests/live").await,
        nurse.stream("/requests/live").await,
    );
    let address = ask(&region, &gp).await;
    heard(&mut asked, "event: changed").await;
    heard(&mut asks, "event: changed").await;
    let page = specialist.get(&address).await.expect(200);
    press(&specialist, &page, "accept", "").await.expect(303);
    heard(&mut asks, "event: changed").await;
    let silent = tokio::time::timeout(Duration::from_millis(300), other.frame()).await;
    assert!(silent.is_err(), "those it does not concern hear nothing: {silent:?}");
}

/// Wait until a stream says so.
async fn heard(stream: &mut Body, words: &str) {
    let mut said = String::new();
    let listening = async {
        while !said.contains(words) {
            let frame = stream.frame().await.expect("the stream goes on").expect("a frame");
            said.push_str(&String::from_utf8_lossy(frame.data_ref().map_or(&[][..], |data| data)));
        }
    };
    tokio::time::timeout(Duration::from_secs(20), listening).await.expect("it is said");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_one_request_and_the_second_is_told_and_loses_no_word() {
    let region = Governed::new().await;
    let (gp, one) = (region.pages.visitor("gp").await, region.pages.visitor("stranger").await);
    let address = ask(&region, &gp).await;
    let other = region.pages.visitor("stranger").await;
    let (a, b) = (one.get(&address).await.expect(200), other.get(&address).await.expect(200));
    let (a, b) = tokio::join!(press(&one, &a, "complete", "No bleed seen"), press(&other, &b, "accept", ""));
    let told = match (a.status.as_u16(), b.status.as_u16()) {
        (303, 409) => b,
        (409, 303) => a,
        other => panic!("{other:?}"),
    };
    told.says("Nothing of yours was done");
    let task = &resources(&region, ResourceType::Task)[0];
    assert_eq!(task.list("note").len(), 1, "one of them was written");
    // Over a page from before, nothing is written, and the words stay for whoever typed them.
    let address = ask(&region, &gp).await;
    let old = one.get(&address).await.expect(200);
    press(&one, &old, "accept", "").await.expect(303);
    let late = press(&other, &with_token(&old, &other).await, "decline", "Scanner is down").await.expect(409);
    late.says("Nothing of yours was done").says("Accepted");
    assert!(late.body.contains("Scanner is down</textarea>"));
    // Two who ask back over one page: the same.
    let page = one.get(&address).await.expect(200);
    press(&one, &page, "question", "First").await.expect(303);
    press(&one, &page, "question", "Second").await.expect(409);
    let said = resources(&region, ResourceType::Task);
    let said: Vec<usize> = said.iter().map(|task| task.list("note").len()).collect();
    assert!(said.contains(&2) && said.contains(&1), "{said:?}");
}

/// A page as another session has it.
async fn with_token(page: &Page, other: &Visitor<'_>) -> Page {
    let (mine, theirs) = (page.field("form_token"), other.get("/requests").await.field("form_token"));
    Page { status: page.status, body: page.body.replace(&mine, &theirs), location: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_ask_or_answer_is_refused() {
    let region = Governed::new().await;
    region.admit().await;
    let person = region.person.to_string();
    for name in ["receptionist", "ann"] {
        let who = region.pages.visitor(name).await;
        who.get(&region.record("/referrals")).await.expect(200).says_not("Ask for a test");
        who.get(&region.record("/write/referral")).await.expect(403);
        let token = who.get(&region.record("")).await.field("form_token");
        let fields = [("form_token", token.as_str()), ("person", person.as_str()), ("draft", "x"), ("revision", "1")];
        who.upload(&region.record("/write/referral/send"), &fields, "file", b"").await.expect(403);
    }
    // A reason of one's own lets nobody ask.
    let paramedic = region.pages.visitor("paramedic").await;
    let why = paramedic.get(&paramedic.get(&region.record("")).await.expect(303).to()).await.expect(200);
    let reason = [("reason", "ongoing-care"), ("words", "Called to the house"), ("act", "claim")];
    paramedic.fill(&why, &region.record("/why"), &reason).await;
    assert_ne!(paramedic.get(&region.record("/write/referral")).await.status, 200);
    // Those of an organisation that looks after the person and is not asked read it, and do not answer.
    let gp = region.pages.visitor("gp").await;
    let address = ask(&region, &gp).await;
    let (doctor, specialist) = (region.pages.visitor("doctor").await, region.pages.visitor("stranger").await);
    let page = doctor.get(&address).await.expect(200);
    page.says("CT head").says_not("Answer this request").says_not("Say more");
    let theirs = specialist.get(&address).await.expect(200);
    let forged = with_token(&theirs, &doctor).await;
    press(&doctor, &forged, "complete", "All well").await.expect(403);
    press(&doctor, &forged, "withdraw", "Not needed").await.expect(403).says("not of your organisation");
    press(&specialist, &theirs, "reply", "As if I had asked").await.expect(403);
    // A page of another person is refused, and so is one of another session.
    let mut other = specialist.get(&address).await.expect(200);
    other.body =
        other.body.replace(&format!("name=\"person\" value=\"{person}\""), "name=\"person\" value=\"0000000000000\"");
    let fields = ["form_token", "person", "task", "focus", "writes"].map(|name| (name, other.field(name)));
    let mut fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    fields.extend([("act", "accept"), ("words", "")]);
    let id = address.rsplit('/').next().unwrap();
    specialist
        .post(&region.record(&format!("/request/{id}")), &fields)
        .await
        .expect(400)
        .says("opened for another person");
    assert_eq!(resources(&region, ResourceType::Task)[0].str_at("/status"), Some("requested"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_declined_shuts_the_record_again_and_says_why_to_who_asked() {
    let region = Governed::new().await;
    let (gp, specialist) = (region.pages.visitor("gp").await, region.pages.visitor("stranger").await);
    let address = ask(&region, &gp).await;
    let page = specialist.get(&address).await.expect(200);
    let to = press(&specialist, &page, "decline", "No scanner at night: ring XWA").await.expect(303).to();
    specialist.get(&to).await.expect(200).says("Declined. Who asked is told").says_not("CT head");
    specialist.get(&region.record("")).await.expect(303);
    assert!(inbox(&gp, "Request declined").await.body.contains("notice--urgent"));
    gp.get(&address).await.expect(200).says("No scanner at night: ring XWA").says("Declined");
    // What was asked is withdrawn by those who asked, with a reason.
    let address = ask(&region, &gp).await;
    let page = gp.get(&address).await.expect(200);
    press(&gp, &page, "withdraw", "").await.expect(400).says("Write why you withdraw it");
    press(&gp, &page, "withdraw", "Went by ambulance").await.expect(303);
    specialist.get(&region.record("")).await.expect(303);
    specialist.get("/requests").await.expect(200).says_not("CT head");
    // What can still be said is said, and of nobody anything.
    let closed = once(&specialist, "/requests?closed", "withdrawn by who asked").await;
    closed
        .says("gp of the region, withdrawn")
        .says("declined by your organisation")
        .says("Closed, and the record with them");
    closed.says_not("CT head").says_not("SMITH");
    let told = inbox(&specialist, "that is closed").await;
    told.says("Whom it was about cannot be shown to you any more").says_not("SMITH").says_not("CT head");
    assert!(told.body.contains("Acknowledge<span class=\"nhsuk-u-visually-hidden\"> a closed request"));
    let requests = resources(&region, ResourceType::ServiceRequest);
    assert!(requests.iter().all(|request| request.str_at("/status") == Some("revoked")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_taken_for_what_its_bytes_are_and_a_refused_one_loses_no_word() {
    let region = Governed::new().await;
    let gp = region.pages.visitor("gp").await;
    let mut answers = TEST.to_vec();
    answers[0] = ("a.what", "Advice on anticoagulation");
    let review = to_review(&region, &gp, "referral", &answers).await;
    let large = vec![b'a'; 5 * 1024 * 1024 + 1];
    for (name, file, says) in [
        ("scan.pdf", &b"MZ\x90\x00program"[..], "no PDF, PNG, JPEG or plain text"),
        ("letter.docx", b"PK\x03\x04", "no PDF, PNG, JPEG or plain text"),
        ("large.txt", &large, "larger than 5 MB"),
        ("empty.pdf", b"", "The file is empty"),
    ] {
        let page = press_send(&region, &gp, "referral", &review, (name, file)).await.expect(400);
        page.says(says).says("Nothing was sent").says("Advice on anticoagulation");
    }
    assert!(resources(&region, ResourceType::Task).is_empty());
    // A form for another person in another tab is refused.
    let mut other = gp.get(&region.record("/write")).await;
    other.body = review.body.replace(&region.person.to_string(), "0000000000000");
    press_send(&region, &gp, "referral", &other, ("", b"")).await.expect(400).says("opened for another person");
    press_send(&region, &gp, "referral", &review, ("scan.txt", b"%PDF-1.7 as it is")).await.expect(303);
    let files = resources(&region, ResourceType::DocumentReference);
    let types: Vec<&str> = files.iter().filter_map(|file| file.str_at("/content/0/attachment/contentType")).collect();
    assert!(types.contains(&"application/pdf"), "{types:?}");
}
