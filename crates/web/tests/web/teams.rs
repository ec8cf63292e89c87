//! What teams are told, and where the people of their caseloads are: by pages, as nurses and practices use them.

use crate::{
    governed::{Governed, NHS, take},
    visitor::Visitor,
};
use fhir::PersonKey;
use http_body_util::BodyExt;
use intake::{ConsentAct, ConsentDecision, EntryKind, NewEntry, Receipt};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::time::Duration;

/// A region whose stays are of today.
struct Ward {
    region: Governed,
    sent: std::cell::Cell<u32>,
    begun: Timestamp,
}

struct Told<'a> {
    trigger: &'a str,
    ward: &'a str,
    prior: &'a str,
    expected: &'a str,
    ended: bool,
}

const HERE: Told<'static> = Told { trigger: "A01", ward: "W12", prior: "", expected: "", ended: false };

impl Ward {
    async fn new() -> Ward {
        let begun = Timestamp::now() - SignedDuration::from_mins(30);
        Ward { region: Governed::new().await, sent: std::cell::Cell::new(0), begun }
    }

    /// The hospital tells of the person's stay. Each message was written a minute after the former.
    async fn tell(&self, told: Told<'_>) {
        self.tell_of(NHS, "1001", "SMITH^ANN||19500102|F", told).await;
    }

    async fn tell_of(&self, nhs: &str, local: &str, who: &str, told: Told<'_>) {
        let Told { trigger, ward, prior, expected, ended } = told;
        let n = self.sent.replace(self.sent.get() + 1);
        let at = self.begun + SignedDuration::from_mins(n.into());
        let at = at.to_zoned(fhir::datetime::london().clone()).strftime("%Y%m%d%H%M%S").to_string();
        let mut visit = vec![String::new(); 46];
        visit[0] = "PV1|1|I".into();
        visit[1] = format!("{ward}^^1");
        visit[4] = if prior.is_empty() { String::new() } else { format!("{prior}^^1") };
        visit[5] = "C123^PATEL^R^^^DR".into();
        visit[17] = format!("V{local}^^^RXX^VN");
        visit[43] = if ended { at.clone() } else { String::new() };
        let mut person: Vec<&str> = who.split('|').collect();
        person.resize(28, "");
        let body = format!(
            "MSH|^~\\&|PAS|rxx|SKEIN|R|{at}||ADT^{trigger}|T{n}|P|2.4\rEVN|{trigger}|{at}||||{at}\r\
             PID|1||{local}^^^RXX^PI~{nhs}^^^NHS^NH||{}NSTS01\r{}\rPV2|||FALL^Fall at home||||||{expected}\r",
            person.iter().take(27).map(|field| format!("{field}|")).collect::<String>(),
            visit.join("|"),
        );
        self.put(EntryKind::Hl7v2, "rxx", None, body.into_bytes()).await;
    }

    async fn put(&self, kind: EntryKind, source: &str, about: Option<String>, body: Vec<u8>) {
        let engine = &self.region.pages.engine;
        let entry = NewEntry {
            kind,
            source: source.into(),
            feed: "test".into(),
            received: Timestamp::now(),
            ident: None,
            about,
            body,
            ack: None,
        };
        let (Receipt::Stored { pos, .. } | Receipt::Repeat { pos, .. }) = engine.submit(entry).await.unwrap();
        assert_eq!(engine.wait_applied(pos).await.unwrap(), intake::Applied::Done);
        // What follows the change feed is there a moment later.
        tokio::time::sleep(Duration::from_millis(150)).await;
    }

    /// The nurses' list, from a spreadsheet: gives the address of its board.
    async fn list(&self, nurse: &Visitor<'_>) -> String {
        let form = nurse.get("/caseloads/new").await.expect(200);
        let sheet = format!("NHS number,Surname,Date of birth\n{NHS},Smith,02/01/1950\n");
        let fields = [("form_token", form.field("form_token")), ("name", "Falls team".into())];
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let report = nurse.upload("/caseloads/upload", &fields, "sheet", sheet.as_bytes()).await.expect(200);
        report.says("1 put on the list");
        report.links("/caseloads/").remove(0)
    }

    async fn inbox(&self, who: &Visitor<'_>) -> String {
        who.get("/teams").await.expect(200).links("/teams/").remove(0)
    }
}

/// Read an open inbox until it says this, five seconds at most.
async fn hears(body: &mut axum::body::Body, words: &str) -> String {
    let mut heard = String::new();
    let reading = async {
        while let Some(frame) = body.frame().await {
            if let Some(data) = frame.unwrap().data_ref() {
                heard.push_str(&String::from_utf8_lossy(data));
            }
            if heard.contains(words) {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(5), reading).await;
    assert!(heard.contains(words), "{words:?} is not in {heard}");
    heard
}

#[tokio::test(flavor = "multi_thread")]
async fn rotherham() {
    let ward = Ward::new().await;
    let (nurse, second) = (ward.region.pages.visitor("nurse").await, ward.region.pages.visitor("second-nurse").await);
    ward.list(&nurse).await;
    let inbox = ward.inbox(&nurse).await;
    let mut open = nurse.stream(&format!("{inbox}/live")).await;
    let began = std::time::Instant::now();
    ward.tell(HERE).await;
    let heard = hears(&mut open, "event: notice").await;
    assert!(began.elapsed() < Duration::from_secs(2), "told within a second or so");
    assert!(heard.contains("SMITH, Ann") && heard.contains("Admitted to hospital") && heard.contains("W12"), "{heard}");
    // Acknowledged by one, seen by all.
    let page = second.get(&inbox).await.expect(200);
    page.says("SMITH, Ann").says("Admitted to hospital").says("DR R PATEL").says("Fall at home");
    let done = acknowledge(&second, &inbox, &page).await;
    second.get(&done).await.expect(200).says("Everybody in the team sees it").says("Nothing waits");
    hears(&mut open, "event: gone").await;
    nurse.get(&format!("{inbox}?view=done")).await.expect(200).says("Acknowledged by second-nurse by name");
    // Moved, the day set: told again, in the same notice.
    ward.tell(Told { trigger: "A02", ward: "W7", prior: "W12", ..HERE }).await;
    hears(&mut open, "Moved to another ward").await;
    let in_two_days = (Timestamp::now() + SignedDuration::from_hours(48)).strftime("%Y%m%d").to_string();
    ward.tell(Told { trigger: "A08", ward: "W7", expected: &in_two_days, ..HERE }).await;
    ward.tell(Told { trigger: "A03", ward: "W7", ended: true, ..HERE }).await;
    let page = nurse.get(&inbox).await.expect(200);
    for words in ["Left hospital", "Expected to leave on", "Moved to another ward", "Admitted to hospital"] {
        page.says(words);
        assert_eq!(page.text().matches(words).count(), 1, "{words}: {}", page.text());
    }
    assert_eq!(page.body.matches("class=\"notice ").count() + page.body.matches("class=\"notice\"").count(), 1);
    let done = acknowledge(&nurse, &inbox, &page).await;
    nurse.get(&done).await.expect(200).says("Nothing waits");
}

async fn acknowledge(who: &Visitor<'_>, inbox: &str, page: &crate::visitor::Page) -> String {
    let fields = [
        ("form_token", page.field("form_token")),
        ("story", page.field("story")),
        ("up_to", page.field("up_to")),
        ("do", "acknowledge".into()),
    ];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    who.post(&format!("{inbox}/act"), &fields).await.expect(303).to()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_is_narrowed_down_and_no_name_stands_in_an_address() {
    let ward = Ward::new().await;
    let gp = ward.region.pages.visitor("gp").await;
    let window = gp.get("/teams").await.expect(200).links("/caseloads/").remove(0);
    ward.tell(HERE).await;
    let inside = format!("{window}?part=in-hospital");
    let page = gp.get(&inside).await.expect(200);
    let narrow =
        async |words: &str, ward: &str| gp.fill(&page, &inside, &[("words", words), ("ward", ward)]).await.to();
    let found = narrow("Smïth patel", "").await;
    assert!(found.contains("&filter=") && !found.to_lowercase().contains("sm"), "{found}");
    let page = gp.get(&found).await.expect(200);
    page.says("SMITH, Ann").says("W12, bed 1").says("Show all");
    page.links("/caseloads/").iter().filter(|link| link.contains("part=")).for_each(|link| {
        assert!(link.contains("filter="), "{link} forgets what the list is narrowed to");
    });
    let file = gp.get(&found.replace('?', "/file?")).await.expect(200);
    assert!(file.body.contains("SMITH"), "{}", file.body);
    gp.get(&narrow("", "W12").await).await.expect(200).says("SMITH, Ann");
    let none = narrow("Okafor", "").await;
    gp.get(&none).await.expect(200).says("No line fits").says_not("SMITH");
    let file = gp.get(&none.replace('?', "/file?")).await.expect(200);
    assert!(!file.body.contains("SMITH"), "{}", file.body);
    // Another's filter, and one that is forgotten, narrow nothing and say so.
    let other = ward.region.pages.visitor("gp").await;
    other.get(&none).await.expect(200).says("no longer remembered").says("SMITH, Ann");
    other.get(&none.replace('?', "/file?")).await.expect(400).says("no longer remembered");
    assert_eq!(
        gp.fill(&page, &inside, &[("words", "Okafor"), ("all", "yes")]).await.to(),
        inside,
        "showing all forgets the filter"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn leeds() {
    let ward = Ward::new().await;
    let gp = ward.region.pages.visitor("gp").await;
    let window = gp.get("/teams").await.expect(200).links("/caseloads/").remove(0);
    gp.get(&window).await.expect(200).says("Nobody on this list");
    gp.get(&format!("{window}?part=letters")).await.expect(200).says("for the first time");
    ward.tell(HERE).await;
    let there = gp.get(&window).await.expect(200);
    there.says("SMITH, Ann").says("W12, bed 1").says("DR R PATEL").says("In hospital now (1)");
    ward.tell(Told { trigger: "A02", ward: "W7", prior: "W12", ..HERE }).await;
    gp.get(&window).await.expect(200).says("W7, bed 1").says_not("W12");
    ward.tell(Told { trigger: "A12", ward: "W12", prior: "W7", ..HERE }).await;
    gp.get(&window).await.expect(200).says("W12, bed 1").says_not("W7");
    ward.tell(Told { trigger: "A03", ended: true, ..HERE }).await;
    gp.get(&window).await.expect(200).says("Nobody on this list");
    gp.get(&format!("{window}?part=left")).await.expect(200).says("SMITH, Ann");
    ward.tell(Told { trigger: "A13", ..HERE }).await;
    gp.get(&window).await.expect(200).says("SMITH, Ann");
    ward.tell(Told { trigger: "A11", ..HERE }).await;
    gp.get(&window).await.expect(200).says("Nobody on this list");
    // A letter and a result of the night.
    let today = Timestamp::now().to_string();
    let of = json!({"reference": "Patient/h1"});
    let patient = json!({"resourceType": "Patient", "id": "h1", "birthDate": "1950-01-02", "gender": "female",
        "name": [{"family": "Smith", "given": ["Ann"]}], "identifier": [{"system": fhir::nhs::SYSTEM, "value": NHS,
            "extension": [{"url": fhir::nhs::VERIFICATION_STATUS, "valueCodeableConcept": {"coding": [
                {"system": fhir::nhs::VERIFICATION_STATUS_SYSTEM, "code": "01"}]}}]}]});
    let letter = json!({"resourceType": "DocumentReference", "id": "l1", "status": "current", "subject": of, "date": today,
        "type": {"text": "Discharge summary"},
        "content": [{"attachment": {"contentType": "text/plain", "data": "TGV0dGVy"}}]});
    let result = json!({"resourceType": "DiagnosticReport", "id": "r1", "status": "final", "subject": of, "issued": today,
        "code": {"text": "Full blood count"}});
    take(&ward.region.pages.engine, "ryy", &[patient, letter, result]).await;
    tokio::time::sleep(Duration::from_millis(150)).await;
    let page = gp.get(&format!("{window}?part=letters")).await.expect(200);
    page.says("Discharge summary").says("Full blood count");
    let file = gp.get(&format!("{window}/file?part=letters")).await.expect(200);
    assert!(file.body.starts_with("Name,Born,") && file.body.contains("Discharge summary"), "{}", file.body);
    // A receptionist sees who is in hospital, and no letter.
    let desk = ward.region.pages.visitor("receptionist").await;
    let page = desk.get(&format!("{window}?part=letters")).await.expect(200);
    page.says("SMITH, Ann").says_not("Discharge summary").says("Withheld from you");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_objection_empties_inbox_window_and_board_at_once() {
    let ward = Ward::new().await;
    let nurse = ward.region.pages.visitor("nurse").await;
    let board = ward.list(&nurse).await;
    let inbox = ward.inbox(&nurse).await;
    ward.tell(HERE).await;
    let window = board.split("/board").next().unwrap().to_owned();
    let file = format!("{window}/file");
    for page in [&inbox, &board, &window] {
        nurse.get(page).await.expect(200).says("SMITH, Ann");
    }
    let mut open = nurse.stream(&format!("{inbox}/live")).await;
    let engine = &ward.region.pages.engine;
    let snapshot = engine.derived().snapshot().unwrap();
    let patients = snapshot.patients_of(ward.region.person, snapshot.seq()).unwrap();
    drop(snapshot);
    let object = ConsentAct::Object { organisation: String::new(), category: String::new(), from: None, until: None };
    let decision = ConsentDecision {
        act: object,
        patients: patients.iter().map(ToString::to_string).collect(),
        by: "officer".into(),
        name: String::new(),
        why: String::new(),
    };
    engine.wait_applied(engine.decide_consent(&decision, Timestamp::now()).await.unwrap()).await.unwrap();
    for page in [&inbox, &board, &window] {
        nurse.get(page).await.expect(200).says_not("SMITH").says("object to sharing");
    }
    assert!(!nurse.get(&file).await.expect(200).body.contains("SMITH"));
    // What happens now is told to nobody: an open page hears only that there is nothing for it.
    ward.tell(Told { trigger: "A02", ward: "W7", prior: "W12", ..HERE }).await;
    let heard = hears(&mut open, "event: gone").await;
    assert!(!heard.contains("SMITH") && !heard.contains("W7"), "{heard}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_tells_where_a_restricted_person_is() {
    let ward = Ward::new().await;
    let nurse = ward.region.pages.visitor("nurse").await;
    let board = ward.list(&nurse).await;
    let inbox = ward.inbox(&nurse).await;
    ward.region.pages.restrict("gp2", "r1", NHS).await;
    let mut open = nurse.stream(&format!("{inbox}/live")).await;
    ward.tell(Told { ward: "SECRETWARD", ..HERE }).await;
    let heard = hears(&mut open, "event: notice").await;
    let window = board.split("/board").next().unwrap().to_owned();
    let stay = nurse.get(&inbox).await.expect(200).links("/record/").into_iter().find(|link| link.contains("/stay/"));
    let mut seen = vec![heard];
    for page in [inbox, board, format!("{window}/file"), window, stay.expect("the stay's page")] {
        let page = nurse.get(&page).await.expect(200);
        assert!(page.body.contains("SMITH"), "{}", page.body);
        // A record says of each source how fresh it is, wherever the person is now: what counts is what stands below.
        seen.push(page.body.rsplit("<h1>").next().unwrap_or_default().to_owned());
    }
    for secret in ["SECRETWARD", "SECRET LANE", "LS1 4AP", "01130001122", "rxx of the region"] {
        for body in &seen {
            let around =
                body.find(secret).map(|at| body[at.saturating_sub(200)..].chars().take(300).collect::<String>());
            assert_eq!(around, None, "{secret}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_can_be_shown_again_as_it_was() {
    let ward = Ward::new().await;
    let nurse = ward.region.pages.visitor("nurse").await;
    ward.list(&nurse).await;
    let inbox = ward.inbox(&nurse).await;
    ward.tell(HERE).await;
    nurse.get(&inbox).await.expect(200).says("W12");
    ward.tell(Told { trigger: "A02", ward: "W7", prior: "W12", ..HERE }).await;
    let officer = ward.region.pages.visitor("officer").await;
    let about = officer.get(&format!("/privacy/person/{}", ward.region.person)).await.expect(200);
    let mut shown = None;
    for entry in about.links("/privacy/entry/") {
        let page = officer.get(&format!("{entry}/shown")).await;
        if page.body.contains("W12") && page.body.contains("As it stood in a list") {
            shown = Some(page);
        }
    }
    let shown = shown.expect("the line of the inbox");
    assert!(shown.body.contains("It is the same as what was sent, letter for letter"), "{}", shown.body);
    shown.says_not("W7");
    // The person sees that the team was told.
    let person = ward.region.pages.visitor("ann").await;
    let looked = person.get(&ward.region.record("/who-looked")).await.expect(200);
    looked.says("you are on their list").says("XWC");
}

#[tokio::test(flavor = "multi_thread")]
async fn teams_are_their_own_organisations_alone() {
    let ward = Ward::new().await;
    let nurse = ward.region.pages.visitor("nurse").await;
    let board = ward.list(&nurse).await;
    let inbox = ward.inbox(&nurse).await;
    let window = board.split("/board").next().unwrap().to_owned();
    let other = ward.region.pages.visitor("doctor").await;
    for page in [
        &inbox,
        &board,
        &window,
        &format!("{inbox}/rules"),
        &format!("{inbox}/live"),
        &format!("{window}/file"),
        &format!("{window}/live"),
    ] {
        other.get(page).await.expect(404);
    }
    let mine = other.get("/teams").await.expect(200);
    assert!(mine.links("/caseloads/").iter().all(|link| link == "/caseloads/new"), "{}", mine.body);
    let token = mine.field("form_token");
    let fields = [("form_token", token.as_str()), ("do", "acknowledge"), ("story", "Encounter.x")];
    other.post(&format!("{inbox}/act"), &fields).await.expect(404);
    nurse.post(&format!("{inbox}/act"), &[("form_token", "forged"), ("do", "acknowledge")]).await.expect(403);
    for never in ["engineer", "officer", "analyst"] {
        ward.region.pages.visitor(never).await.get("/teams").await.expect(403);
    }
    // Whoever may not put people on a list is told why.
    let desk = ward.region.pages.visitor("receptionist").await;
    let form = desk.get("/caseloads/new").await.expect(200);
    let token = form.field("form_token");
    let fields = [("form_token", token.as_str()), ("name", "Mine")];
    let sheet = format!("NHS number\n{NHS}\n");
    desk.upload("/caseloads/upload", &fields, "sheet", sheet.as_bytes())
        .await
        .expect(403)
        .says("ask somebody who looks after");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spreadsheet_says_line_by_line_what_was_not_added_and_the_privacy_officer_sees_the_list() {
    let ward = Ward::new().await;
    let nurse = ward.region.pages.visitor("nurse").await;
    nurse.get(&ward.region.record("")).await.expect(303);
    let form = nurse.get("/caseloads/new").await.expect(200);
    let sheet =
        format!("NHS number,Surname,DOB\n{NHS},Smith,1950-01-02\n9434765870,Smith,1950-01-02\n999,X,\n9990000042,Y,\n");
    let token = form.field("form_token");
    let fields = [("form_token", token.as_str()), ("name", "Falls team")];
    let report = nurse.upload("/caseloads/upload", &fields, "sheet", sheet.as_bytes()).await.expect(200);
    report
        .says("1 put on the list")
        .says("3 not added")
        .says("another name or date of birth")
        .says("nobody in this region");
    report.says("no valid NHS number");
    nurse.get(&ward.region.record("")).await.expect(200);
    let officer = ward.region.pages.visitor("officer").await;
    let desk = officer.get("/privacy?kind=claims").await.expect(200);
    desk.says("caseload list:XWC:falls-team").says("nurse by name").says("1 people");
    // Taken off again, the record is open for the days that the policies give.
    let board = report.links("/caseloads/").remove(0);
    let page = nurse.get(&board).await.expect(200);
    let list = board.split("/board").next().unwrap();
    let person = ward.region.person.to_string();
    let token = page.field("form_token");
    let fields = [("form_token", token.as_str()), ("do", "remove"), ("person", person.as_str())];
    nurse.post(&format!("{list}/people"), &fields).await.expect(303);
    nurse.get(&board).await.expect(200).says("Nobody is on this list");
    let fields = [("form_token", token.as_str()), ("do", "add"), ("nhs", "123")];
    nurse.post(&format!("{list}/people"), &fields).await.expect(400).says("no valid NHS number");
    for wrong in [("name", ""), ("name", "Falls team")] {
        nurse.upload("/caseloads/upload", &[("form_token", token.as_str()), wrong], "sheet", b"").await.expect(400);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ward_and_community_speak_about_the_way_home() {
    let ward = Ward::new().await;
    let nurse = ward.region.pages.visitor("nurse").await;
    ward.list(&nurse).await;
    let inbox = ward.inbox(&nurse).await;
    ward.tell(HERE).await;
    let stay = nurse.get(&inbox).await.expect(200).links("/record/").into_iter().find(|link| link.contains("/stay/"));
    let stay = stay.expect("the stay's page");
    let page = nurse.get(&stay).await.expect(200);
    page.says("Nothing said yet").says("Not said by the hospital");
    let token = page.field("form_token");
    let fields = [("form_token", token.as_str()), ("package", "Restart four calls a day from Friday <b>")];
    nurse.post(&stay, &fields).await.expect(303);
    let doctor = ward.region.pages.visitor("doctor").await;
    let page = doctor.get(&stay).await.expect(200);
    page.says("Restart four calls a day from Friday &#60;b&#62;").says("nurse by name, XWC");
    let token = page.field("form_token");
    doctor.post(&stay, &[("form_token", token.as_str())]).await.expect(400).says("Write something");
    // Of another's stay, nothing.
    let other: PersonKey = {
        let engine = &ward.region.pages.engine;
        let snapshot = engine.derived().snapshot().unwrap();
        snapshot.person_of(engine.region().patient("gp2", "p2"), snapshot.seq()).unwrap().unwrap()
    };
    let theirs = stay.replace(&ward.region.person.to_string(), &other.to_string());
    let page = ward.region.pages.visitor("stranger").await.get(&theirs).await;
    assert!(page.status == 303 || page.status == 404, "{}", page.status);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_teams_rules_hold_from_the_next_event_on() {
    let ward = Ward::new().await;
    let nurse = ward.region.pages.visitor("nurse").await;
    ward.list(&nurse).await;
    let inbox = ward.inbox(&nurse).await;
    let page = nurse.get(&format!("{inbox}/rules")).await.expect(200);
    let token = page.field("form_token");
    let base = [("form_token", token.as_str()), ("name", "Falls"), ("list", "list:XWC:falls-team")];
    let mut fields = base.to_vec();
    fields.extend([("hours", "4"), ("discharged", "inbox")]);
    nurse.post(&format!("{inbox}/rules"), &fields).await.expect(303);
    ward.tell(HERE).await;
    nurse.get(&inbox).await.expect(200).says("Nothing waits");
    ward.tell(Told { trigger: "A03", ended: true, ..HERE }).await;
    nurse.get(&inbox).await.expect(200).says("Left hospital").says_not("Admitted");
    for (field, value, words) in [
        ("hours", "soon", "Write after how many hours"),
        ("hours", "1000", "within a week"),
        ("mail", "nobody", "not an e-mail address"),
        ("quiet_from", "22:00", "need both"),
    ] {
        let mut fields = base.to_vec();
        if field != "hours" {
            fields.push(("hours", "4"));
        }
        fields.push((field, value));
        nurse.post(&format!("{inbox}/rules"), &fields).await.expect(400).says(words);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_fails_is_on_the_desk_of_deliveries() {
    let ward = Ward::new().await;
    let act = notify::Act::Subscribe {
        id: "s1".into(),
        client: "ward-app".into(),
        resource: "{}".into(),
        filter: notify::Filter::default(),
        status: "error".into(),
        error: Some("it did not answer for 7 days".into()),
    };
    let decision = notify::Decision { act, by: "ward-app".into(), name: String::new(), organisation: "XWA".into() };
    ward.put(EntryKind::Telling, "skein", Some(decision.about()), Vec::new()).await;
    let desk = ward.region.pages.visitor("engineer").await.get("/deliveries").await.expect(200);
    desk.says("Subscription s1").says("ward-app; error").says("it did not answer for 7 days");
    ward.region.pages.visitor("nurse").await.get("/deliveries").await.expect(403);
}
