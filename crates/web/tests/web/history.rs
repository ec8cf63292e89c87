//! The record over time: its timeline, the record as it stood, words inside letters.

use crate::{
    governed::{Governed, NHS, take},
    visitor::{Page, Visitor},
};
use base64::Engine as _;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

/// Addresses name moments to the second.
async fn a_second_passes() -> String {
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let then = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    then
}

fn condition(id: &str, text: &str) -> Value {
    json!({"resourceType": "Condition", "id": id, "subject": {"reference": "Patient/p1"}, "recordedDate": "2026-01-05",
        "clinicalStatus": {"coding": [{"code": "active"}]}, "code": {"text": text}})
}

fn letter(id: &str, title: &str, media_type: &str, content: &[u8]) -> Value {
    let data = base64::engine::general_purpose::STANDARD.encode(content);
    json!({"resourceType": "DocumentReference", "id": id, "status": "current", "subject": {"reference": "Patient/p1"},
        "date": "2026-02-09T10:00:00Z", "type": {"text": title},
        "content": [{"attachment": {"contentType": media_type, "data": data}}]})
}

/// The paramedic opens the record to save a life.
async fn opened_by_paramedic(region: &Governed) -> Visitor<'_> {
    let paramedic = region.pages.visitor("paramedic").await;
    let why = paramedic.get(&region.record("/why")).await;
    let vital = [("reason", "vital-interests"), ("words", "Fallen, confused, alone")];
    paramedic.fill(&why, &region.record("/why"), &vital).await.expect(303);
    paramedic
}

/// The link of a page that begins so.
#[track_caller]
fn link(page: &Page, start: &str) -> String {
    let path = start.split('?').next().unwrap();
    let found = page.links(path).into_iter().find(|link| link.starts_with(start));
    found.unwrap_or_else(|| panic!("no link {start}: {:?}", page.links(path)))
}

/// Look for words in the letters: what is found.
async fn found(visitor: &Visitor<'_>, letters: &str, words: &str) -> Page {
    let form = visitor.get(letters).await.expect(200);
    let to = visitor.fill(&form, &format!("{letters}/find"), &[("words", words)]).await.expect(303).to();
    assert!(to.starts_with(&format!("{letters}/found/")), "{to}");
    visitor.get(&to).await.expect(200)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_record_of_then_says_what_was_known_then_and_every_link_stays_there() {
    let region = Governed::new().await;
    region.admit().await;
    let then = a_second_passes().await;
    take(&region.pages.engine, "gp", &[condition("c1", "Never had it"), condition("c50", "Gout found later")]).await;
    let doctor = region.pages.visitor("doctor").await;
    doctor.get(&region.record("/problems")).await.expect(200).says("Gout found later").says_not("Asthma");
    let base = region.record(&format!("/at/{then}"));
    let problems = doctor.get(&format!("{base}/problems")).await.expect(200);
    problems.says("Asthma").says_not("Gout found later").says_not("Never had it");
    problems.says("This is not the record of today").says("not what was true then").says("Record as it stood on");
    assert!(problems.body.contains("not as it is now"), "the banner says it");
    // Every page of then, whatever leads there.
    let mut ways = vec![base.clone()];
    let mut walked: Vec<String> = Vec::new();
    while let Some(way) = ways.pop() {
        let page = doctor.get(&way).await.expect(200);
        walked.push(way.clone());
        if way.contains("/file/") {
            continue;
        }
        assert!(page.body.contains("not as it is now") && !page.body.contains("Gout found later"), "{way}");
        for link in page.links(&region.record("")) {
            let link = link.split('#').next().unwrap_or_default().to_owned();
            let of_now = [region.record(""), region.record("/as-at"), region.record("/why"), region.record("/report")];
            assert!(link.starts_with(&base) || of_now.contains(&link), "{way} leads to now: {link}");
            if link.starts_with(&base) && !walked.contains(&link) && !ways.contains(&link) {
                ways.push(link);
            }
        }
    }
    for part in ["/timeline", "/letters/", "/item/", "/sources", "/other", "/results", "/visits"] {
        assert!(walked.iter().any(|way| way.contains(part)), "{part}: {walked:?}");
    }
    // The audit says as of when, and the page can be shown again.
    let officer = region.pages.visitor("officer").await;
    let entries = officer.get(&format!("/privacy/person/{}", region.person)).await.expect(200);
    entries.says("open-page problems as it stood at");
    let mut again = 0;
    for entry in entries.links("/privacy/entry/") {
        let page = officer.get(&entry).await.expect(200);
        if page.text().contains("as it stood at") && page.body.contains(&format!("{entry}/shown")) {
            let shown = officer.get(&format!("{entry}/shown")).await.expect(200);
            assert!(!shown.body.contains("It is not the same"), "{entry}: {}", page.text());
            again += usize::from(shown.body.contains("It is the same as what was sent"));
        }
    }
    assert!(again > 10, "{again} pages of then were shown again");
    region.pages.visitor("ann").await.get(&region.record("/who-looked")).await.says("as it was on");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_withheld_today_is_withheld_in_the_record_of_then() {
    let region = Governed::new().await;
    let mut visit = json!({"resourceType": "Encounter", "id": "e1", "status": "finished",
        "subject": {"reference": "Patient/p1"},
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "period": {"start": "2026-02-08T10:00:00Z", "end": "2026-02-08T11:00:00Z"}});
    let mut blue = letter("d2", "Letter of the blue clinic", "text/plain", b"Swab taken");
    blue["context"] = json!({"encounter": [{"reference": "Encounter/e1"}]});
    take(&region.pages.engine, "gp", &[visit.clone(), blue, condition("c60", "Something private")]).await;
    let then = a_second_passes().await;
    let base = region.record(&format!("/at/{then}"));
    let paramedic = opened_by_paramedic(&region).await;
    paramedic.get(&format!("{base}/letters")).await.expect(200).says("Letter of the blue clinic");
    paramedic.get(&format!("{base}/problems")).await.expect(200).says("Something private");
    found(&paramedic, &format!("{base}/letters"), "swab").await.says("1 of 2 letters").says("Swab taken");
    // Later the clinic is found to be a sensitive one, and the problem is sealed by its source.
    let setting = "https://fhir.hl7.org.uk/CodeSystem/UKCore-PracticeSettingCode";
    visit["serviceType"] = json!({"coding": [{"system": setting, "code": "360"}], "text": "Blue clinic"});
    let mut sealed = condition("c60", "Something private");
    sealed["meta"] =
        json!({"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "V"}]});
    take(&region.pages.engine, "gp", &[visit, sealed]).await;
    let letters = paramedic.get(&format!("{base}/letters")).await.expect(200);
    letters.says_not("Letter of the blue clinic").says("Withheld from you on this page");
    paramedic.get(&format!("{base}/problems")).await.expect(200).says_not("Something private").says("Asthma");
    paramedic.get(&format!("{base}/timeline")).await.expect(200).says_not("Something private").says_not("blue clinic");
    found(&paramedic, &format!("{base}/letters"), "swab").await.says("No letter").says_not("Swab taken");
    let id = region.id("gp", "p1", "DocumentReference", "d2");
    let problem = region.id("gp", "p1", "Condition", "c60");
    for page in [
        format!("{base}/letters/{id}"),
        format!("{base}/file/DocumentReference/{id}/0"),
        format!("{base}/item/DocumentReference/{id}"),
        format!("{base}/item/Condition/{problem}"),
    ] {
        paramedic.get(&page).await.expect(404);
    }
    // The practice that wrote them sees them, then and now.
    region
        .pages
        .visitor("gp")
        .await
        .get(&format!("{base}/letters"))
        .await
        .expect(200)
        .says("Letter of the blue clinic");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_objection_of_today_shuts_the_record_of_then() {
    let region = Governed::new().await;
    region.admit().await;
    let base = region.record(&format!("/at/{}", a_second_passes().await));
    let doctor = region.pages.visitor("doctor").await;
    doctor.get(&base).await.expect(200);
    let officer = region.pages.visitor("officer").await;
    let person = format!("/privacy/person/{}", region.person);
    let form = officer.get(&person).await.expect(200);
    officer.fill(&form, &format!("{person}/objection"), &[("words", "Told by letter")]).await.expect(303);
    for page in ["", "/letters", "/timeline"] {
        assert_ne!(doctor.get(&format!("{base}{page}")).await.status, 200, "{page}");
    }
    assert_ne!(region.pages.visitor("stranger").await.get(&base).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_found_to_be_somebody_elses_is_not_in_the_record_of_then() {
    let region = Governed::new().await;
    let (smith, jones) = ("SMITH^ANN||19500102|2", "JONES^ANN||19500102|2");
    let visit = "PV1|1|I|W3^B1^1^XWA||||||||||||||||V1|||||||||||||||||||||||||20260301100000\r";
    region.pages.hear("A28", "rxx", "1002", Some("9434765870"), jones, "").await;
    region.pages.hear("A01", "rxx", "1001", Some(NHS), smith, visit).await;
    let base = region.record(&format!("/at/{}", a_second_passes().await));
    let gp = region.pages.visitor("gp").await;
    gp.get(&format!("{base}/visits")).await.expect(200).says("Admission");
    // It was the other Ann who was admitted.
    let moved = "MRG|1001^^^RXX^PI||||V1\r";
    region.pages.hear("A45", "rxx", "1002", Some("9434765870"), jones, moved).await;
    gp.get(&region.record("/visits")).await.expect(200).says_not("Admission");
    gp.get(&format!("{base}/visits")).await.expect(200).says_not("Admission").says("left out");
    gp.get(&format!("{base}/timeline")).await.expect(200).says_not("Admission");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moment_that_cannot_be_shown_is_answered_in_words() {
    let region = Governed::new().await;
    region.admit().await;
    let doctor = region.pages.visitor("doctor").await;
    let page = region.record("/as-at");
    doctor.get(&page).await.expect(200).says("Which day?").says("The first was heard of this person on");
    for (asked, says) in [
        ("day=31&month=2&year=2026", "There is no such day"),
        ("day=1&month=1&year=2999", "This day is in the future"),
        ("day=3&month=3&year=2020&time=10:42", "Nothing was known here of this person on 03-Mar-2020 10:42: the first"),
        ("day=1", "in numbers"),
        ("day=%3Cscript%3E&month=1&year=2020", "in numbers"),
        ("day=1&month=1&year=2020&time=%E2%80%AEx", "hours and minutes"),
    ] {
        let answer = doctor.get(&format!("{page}?{asked}")).await.expect(200);
        answer.says(says);
        assert!(!answer.body.contains("<script>"), "{asked}");
    }
    // By its address alone: before anything was known to the form, and the future to a sentence.
    let early = doctor.get(&region.record("/at/20200303T104200Z/letters")).await.expect(303).to();
    assert_eq!(early, format!("{page}?day=3&month=3&year=2020&time=10:42"));
    doctor.get(&early).await.expect(200).says("Nothing was known here");
    doctor.get(&region.record("/at/29990101T000000Z")).await.expect(400).says("is in the future");
    for bad in ["/at/now", "/at/20260231T000000Z", "/at/20260101T000000Z/why", "/at/20260101T000000Z/as-at"] {
        doctor.get(&region.record(bad)).await.expect(404);
    }
    let then = Timestamp::now().strftime("day=%d&month=%m&year=%Y&time=00:00").to_string();
    doctor.get(&format!("{page}?{then}")).await.expect(200).says("There is a problem");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_timeline_holds_every_entry_once_and_narrows_by_links() {
    let region = Governed::new().await;
    region.admit().await;
    let mut undated = condition("c70", "Eczema without a date");
    undated.as_object_mut().unwrap().remove("recordedDate");
    let mut old = condition("c71", "Measles <script>alert(1)</script>");
    old["onsetDateTime"] = "1957".into();
    let mut wrong = condition("c72", "Entered by mistake");
    wrong["verificationStatus"] = json!({"coding": [{"code": "entered-in-error"}]});
    take(&region.pages.engine, "gp", &[undated, old, wrong]).await;
    let gp = region.pages.visitor("gp").await;
    let page = region.record("/timeline");
    let all = gp.get(&page).await.expect(200);
    all.says("Asthma").says("Clinic letter of January").says("Admission").says("Routine appointment");
    all.says("Eczema without a date").says("Without a date").says_not("Entered by mistake").says("withdrew");
    assert!(!all.body.contains("<script>alert") && all.body.contains("Measles"), "escaped");
    assert_eq!(all.body.matches(">Asthma</a>").count(), 1);
    let (asthma, measles) = (all.text().find("Asthma").unwrap(), all.text().rfind("Measles").unwrap());
    assert!(asthma < measles && measles < all.text().find("Their sources gave no date").unwrap(), "in order");
    // Zoom by links: the year, the month, the day.
    let year = gp.get(&link(&all, &format!("{page}?from=2026&to=2026"))).await.expect(200);
    year.says("Timeline: 2026")
        .says("Asthma")
        .says_not("Measles")
        .says_not("Their sources gave no date")
        .says("Jan-2026");
    year.says("2 without a date");
    let month = gp.get(&link(&year, &format!("{page}?from=2026-01&to=2026-01"))).await.expect(200);
    month.says("Timeline: Jan-2026").says("Asthma").says_not("Admission").says("07-Jan-2026");
    let day = gp.get(&link(&month, &format!("{page}?from=2026-01-07&to=2026-01-07"))).await.expect(200);
    day.says("Clinic letter of January").says_not("Asthma");
    assert!(day.links(&page).contains(&format!("{page}?from=2026-01&to=2026-01")), "and back");
    // A date known by its year alone is in the year.
    gp.get(&format!("{page}?from=1957&to=1957")).await.expect(200).says("Measles").says("gave no exacter date");
    // Kinds and sources.
    let letters = gp.get(&format!("{page}?kind=letters&kind=visits&source=gp")).await.expect(200);
    letters.says("Clinic letter of January").says("Routine appointment").says_not("Asthma").says_not("Admission");
    letters.says("of what you chose");
    let zoomed = link(&letters, &format!("{page}?from=2026&to=2026"));
    assert!(zoomed.ends_with("kind=letters&kind=visits&source=gp"), "{zoomed}");
    let none = gp.get(&format!("{page}?kind=%3Cscript%3E&source=%E2%80%AEnobody&start=999999")).await.expect(200);
    none.says("Nothing of what you chose");
    assert!(!none.body.contains("<script>"));
    gp.get(&format!("{page}?from=2020&to=2019")).await.expect(400).says("the earlier first");
    gp.get(&format!("{page}?from=%3Cb%3E")).await.expect(400);
    // What is withheld from a reader is not on theirs.
    let nurse = region.pages.visitor("doctor").await;
    nurse.get(&page).await.expect(200).says("Asthma").says_not("Sealed finding");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_timeline_is_shown_in_pages_and_none_is_lost() {
    let region = Governed::new().await;
    let many: Vec<Value> = (0..230)
        .map(|n| {
            let mut one = condition(&format!("m{n}"), &format!("Matter {n:03}."));
            one["recordedDate"] = format!("{}-01-05", 1990 + n % 30).into();
            if n % 10 == 0 {
                one.as_object_mut().unwrap().remove("recordedDate");
            }
            one
        })
        .collect();
    take(&region.pages.engine, "gp", &many).await;
    let gp = region.pages.visitor("gp").await;
    let mut next = Some(region.record("/timeline?kind=problems"));
    let (mut seen, mut pages) = (String::new(), 0);
    while let Some(way) = next {
        let page = gp.get(&way).await.expect(200);
        seen.push_str(&page.text());
        pages += 1;
        let later = page.body.split("Earlier entries").next().unwrap_or_default();
        let older = later.rsplit("href=\"").next().and_then(|rest| rest.split('"').next());
        next = older.filter(|_| page.body.contains("Earlier entries")).map(|href| href.replace("&#38;", "&"));
    }
    assert_eq!(pages, 3);
    for n in 0..230 {
        assert_eq!(seen.matches(&format!("Matter {n:03}.")).count(), 1, "{n}");
    }
    let first = gp.get(&region.record("/timeline?kind=problems")).await;
    let undated = first.links(&region.record("/timeline")).into_iter().find(|link| link.ends_with("#undated")).unwrap();
    gp.get(undated.split('#').next().unwrap()).await.expect(200).says("Without a date 23");
}

/// A PDF of one page that says this.
fn synth_pdf(words: &str) -> Vec<u8> {
    let page = format!("BT /F1 12 Tf 50 700 Td ({words}) Tj ET");
    format!(
        "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj \
         3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>endobj \
         4 0 obj<</Length {}>>stream\n{page}\nendstream endobj 5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj\n\
         trailer<</Size 6/Root 1 0 R>>\n%%EOF\n",
        page.len()
    )
    .into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn words_are_found_inside_letters_and_what_was_not_looked_into_is_said() {
    let region = Governed::new().await;
    region.admit().await;
    let long = format!("{} needle {}", "x".repeat(10_000), "hay ".repeat(10_000));
    let hostile =
        "<p>Her <b>war</b>farin</p><script>alert('warfarin dose')</script>\u{202e}<img src=x onerror=alert(1)>";
    let plain = "Dear colleague,\r\nstart WARFARIN <script>alert(1)</script> \u{202e}today\u{2066}";
    let file = json!({"resourceType": "Binary", "id": "b1", "contentType": "text/plain",
        "data": base64::engine::general_purpose::STANDARD.encode("Warfarin stopped in the clinic")});
    let mut elsewhere = letter("d15", "Letter in a file", "text/plain", b"");
    elsewhere["content"] = json!([{"attachment": {"contentType": "text/plain", "url": "Binary/b1"}}]);
    let mut sealed = letter("d16", "Sealed letter", "text/plain", b"warfarin of the sealed letter");
    sealed["content"][0]["attachment"]["data"] =
        json!(base64::engine::general_purpose::STANDARD.encode(synth_pdf("warfarin of the sealed letter")));
    sealed["meta"] =
        json!({"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "V"}]});
    let broken = b"%PDF-1.7 1 0 obj << /JS (app.alert(1)) >> warfarin";
    let pdf = synth_pdf("Dear colleague, the warfarin of the PDF clinic");
    take(
        &region.pages.engine,
        "gp",
        &[
            letter("d10", "Anticoagulation", "text/html", hostile.as_bytes()),
            letter("d11", "Discharge <i>summary</i>", "text/plain", plain.as_bytes()),
            letter("d12", "Scanned letter", "application/pdf", broken),
            letter("d17", "Letter as PDF", "text/plain", &pdf),
            letter("d13", "Very long letter", "text/plain", long.as_bytes()),
            letter("d14", "Letter in RTF", "text/plain", b"{\\rtf1 warfarin}"),
            file,
            elsewhere,
            sealed,
        ],
    )
    .await;
    let doctor = region.pages.visitor("doctor").await;
    let letters = region.record("/letters");
    let page = found(&doctor, &letters, "  warfarin ").await;
    page.says("5 of 8 letters have all of these words").says("the warfarin of the PDF clinic");
    page.says("Her warfarin").says("start WARFARIN").says("Warfarin stopped").says_not("of the sealed letter");
    assert!(page.body.contains("<mark>WARFARIN</mark>") && page.body.contains("<mark>warfarin</mark>"));
    // Nothing of a letter runs, or turns the page around.
    assert!(!page.body.contains("<script>alert") && !page.body.contains("<img") && !page.body.contains('\u{202e}'));
    assert!(!page.body.contains("<i>summary") && !page.body.contains("warfarin dose"));
    // What could not be looked into is named, with why.
    page.says("Not everything could be looked into");
    page.says("1 letter: its file is broken and cannot be opened").says("Scanned letter").says("Letter in RTF");
    let one = found(&doctor, &letters, "needle").await;
    one.says("1 of 8 letters has all of these words").says("Very long letter");
    assert!(one.body.len() < 60_000, "a snippet, not the letter");
    found(&doctor, &letters, "warfarin needle").await.says("No letter that could be looked into has all");
    // A title is searched though its file cannot be.
    found(&doctor, &letters, "scanned").await.says("1 of 8");
    for nothing in ["", "  ", "<>!", "\u{202e}"] {
        found(&doctor, &letters, nothing).await.says("Type at least one word");
    }
    let typed = "<script>alert(2)</script>".repeat(400);
    let page = found(&doctor, &letters, &typed).await;
    assert!(!page.body.contains("<script>alert"));
    // The words stand in no address, and are this session's and this person's alone.
    let form = doctor.get(&letters).await;
    let to = doctor.fill(&form, &format!("{letters}/find"), &[("words", "warfarin")]).await.to();
    assert!(!to.contains("warfarin"));
    let other = region.pages.visitor("gp").await;
    other.get(&to).await.expect(200).says("no longer remembered").says_not("Her warfarin");
    assert_ne!(doctor.post(&format!("{letters}/find"), &[("words", "x")]).await.status, 303, "no form of ours");
    doctor.get(&format!("{letters}/found/made-up")).await.expect(200).says("no longer remembered");
    let snapshot = region.pages.engine.derived().snapshot().unwrap();
    let jones = snapshot.person_of(region.pages.engine.region().patient("gp2", "p2"), snapshot.seq()).unwrap().unwrap();
    drop(snapshot);
    let elsewhere = to.replace(&region.person.to_string(), &jones.to_string());
    assert_ne!(elsewhere, to);
    assert_ne!(doctor.get(&elsewhere).await.status, 200, "nor does it open another record");
    region.pages.visitor("stranger").await.get(&to).await.says_not("Her warfarin");
    // The audit knows that letters were searched, and not for what.
    let officer = region.pages.visitor("officer").await;
    let entries = officer.get(&format!("/privacy/person/{}", region.person)).await.expect(200);
    entries.says("words in letters").says_not("needle");
}
