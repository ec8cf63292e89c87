//! Who is who, as data stewards and those around them meet it.

use crate::visitor::{Pages, beside};

const NHS: &str = "9990000018";
const OTHER: &str = "9990000026";

#[tokio::test]
async fn a_steward_lands_on_the_queue_and_starts_with_the_first() {
    let pages = Pages::new();
    let (a, b) = pages.shared_number(NHS, ["1001", "2001"]).await;
    let (ada, first) = pages.sign_in("ada").await;
    assert_eq!(first, "/identity");
    assert_eq!(ada.get("/").await.to(), "/identity", "the home page too");
    let queue = ada.get("/identity").await.expect(200);
    queue.says("Waiting 1").says("SMITH, ANN (MRS)").says("KHAN, BILAL").says("02-Jan-1950").says("06-May-1988");
    queue.says("Riverside Hospital").says("NHS number in doubt").says("Two stewards").says("odds 1 to");
    let start = queue.links("/identity/start").remove(0);
    let pair = ada.get(&start).await.to();
    assert!(pair.contains(&a.to_string()) && pair.contains(&b.to_string()), "{pair}");
    assert!(!pair.contains(NHS), "no address holds a number");
    let page = ada.get(&pair).await.expect(200);
    page.says("Are these the same person?").says("999 000 0018 (verified)").says("Two stewards must agree");
    page.says("Date of birth").says("differs").says("same");
}

#[tokio::test]
async fn deciding_leads_to_the_next_and_undo_brings_it_back() {
    let pages = Pages::new();
    pages.shared_number(NHS, ["1001", "2001"]).await;
    pages.another_shared_number(OTHER).await;
    let ada = pages.visitor("ada").await;
    let first = ada.get("/identity/start?list=waiting").await.to();
    let next = ada.decide(&first, "different", "other people").await.expect(303).to();
    assert!(next.starts_with("/identity/pair/") && !next.starts_with(first.split('?').next().unwrap()), "{next}");
    let page = ada.get(&next).await.expect(200);
    page.says("are not the same person. Undo");
    let undo = page.undo().unwrap();
    let last = ada.decide(&next, "different", "so here").await.expect(303).to();
    assert!(last.starts_with("/identity?list=waiting"), "the queue is empty: {last}");
    ada.get(&last).await.says("Nothing waits.");
    let back = ada.fill(&page, &undo, &[]).await.expect(303).to();
    assert!(back.starts_with(first.split('?').next().unwrap()), "back at the pair that was undone: {back}");
    ada.get(&back).await.says("Taken back").says("taken back");
    ada.get("/identity").await.says("Waiting 1");
    // Undone twice is said, and does nothing.
    ada.fill(&page, &undo, &[]).await.expect(400).says("no longer holds");
}

#[tokio::test]
async fn two_who_are_one_are_shown_as_one_and_apart_again() {
    let pages = Pages::new();
    let a = pages.patient("rxx", "1001", None, "SMITH^ANN", "19500102").await;
    let b = pages.patient("ryy", "2001", None, "SMYTHE^ANNE", "19500201").await;
    let ada = pages.visitor("ada").await;
    let pair = beside(a, b);
    let stranger = pages.patient("ryy", "7", None, "LINDQVIST^ULRIKA", "19620909").await;
    ada.get(&beside(a, stranger))
        .await
        .expect(200)
        .says("Nobody has been asked")
        .says("never weighed against each other");
    let page = ada.get(&pair).await.expect(200);
    page.says("May be one person").says("day and month swapped").says("similar");
    page.says("Before comparing").says("a familiar form of the same name").says("Together odds");
    let done = ada.decide(&pair, "same", "").await.expect(303).to();
    let page = ada.get(&done).await;
    page.says("are the same person. Undo").says("They are one person now.");
    let person = page.links("/identity/person/").remove(0);
    let lineage = ada.get(&person).await.expect(200);
    lineage
        .says("2 patients")
        .says("became this person")
        .says("decided by a data steward")
        .says("Ada Marsh, Data steward");
    ada.fill(&page, &page.undo().unwrap(), &[]).await.expect(303);
    ada.get(&person).await.says("1 patient");
    ada.get(&pair).await.says("They are two people now.");
}

#[tokio::test]
async fn the_second_steward_is_another_and_says_why() {
    let pages = Pages::new();
    let a = pages.patient("rxx", "1001", Some(NHS), "SMITH^ANN", "19500102").await;
    let b = pages.patient("rxx", "1002", Some(OTHER), "SMITH^ANN", "19500102").await;
    pages.hear("A40", "rxx", "1001", None, "SMITH^ANN||19500102|2", "MRG|1002^^^RXX^PI\r").await;
    let (ada, grace) = (pages.visitor("ada").await, pages.visitor("grace").await);
    let pair = beside(a, b);
    ada.get(&pair).await.says("Merge in doubt").says("two verified numbers").says("You are the first");
    ada.decide(&pair, "same", "  ").await.expect(400).says("Say why");
    let done = ada.decide(&pair, "same", "one birth certificate").await.expect(303).to();
    ada.get(&done).await.says("Another steward must agree").says("They are two people now.");
    ada.decide(&pair, "same", "once more").await.expect(400).says("You have said so already");
    ada.get("/identity?list=second").await.says("Second opinion 1").says("Ada Marsh, Data steward: Same person");
    assert_eq!(ada.get("/identity/start?list=second").await.to(), "/identity?list=second", "nothing for her to do");
    let theirs = grace.get("/identity/start?list=second").await.to();
    grace.get(&theirs).await.says("do you agree?").says("one birth certificate");
    let done = grace.decide(&theirs, "same", "seen it too").await.expect(303).to();
    grace.get(&done).await.says("are the same person. Undo");
    grace.get(&pair).await.says("They are one person now.").says("Grace Obi");
    grace.get("/identity?list=settled").await.says("Same person, Grace Obi, Data steward");
}

#[tokio::test]
async fn nobody_decides_over_a_decision_unseen() {
    let pages = Pages::new();
    let (a, b) = pages.shared_number(NHS, ["1001", "2001"]).await;
    let (ada, grace) = (pages.visitor("ada").await, pages.visitor("grace").await);
    let pair = beside(a, b);
    let stale = grace.get(&pair).await.expect(200);
    ada.decide(&pair, "different", "two people").await.expect(303);
    let refused = grace.fill(&stale, &pair, &[("said", "same"), ("note", "looks alike")]).await.expect(409);
    refused.says("Nothing was changed by you").says("Ada Marsh, Data steward").says("Not the same");
    assert!(refused.body.contains("looks alike"), "what was typed is kept");
    // Even when both are sent in the same moment: the journal's order decides, the later one does nothing.
    let (x, y) = pages.another_shared_number(OTHER).await;
    let pair = beside(x, y);
    let (one, two) = (ada.get(&pair).await, grace.get(&pair).await);
    let (left, right) = ([("said", "different"), ("note", "x")], [("said", "unsure"), ("note", "y")]);
    let (first, second) = tokio::join!(ada.fill(&one, &pair, &left), grace.fill(&two, &pair, &right));
    let mut codes = [first.status.as_u16(), second.status.as_u16()];
    codes.sort_unstable();
    assert_eq!(codes, [303, 409]);
}

#[tokio::test]
async fn a_person_is_split_and_put_together_again() {
    let pages = Pages::new();
    let a = pages.patient("rxx", "1001", Some(NHS), "SMITH^ANN", "19500102").await;
    let b = pages.patient("ryy", "2001", Some(NHS), "SMITH^ANN", "19500102").await;
    let ada = pages.visitor("ada").await;
    let person = ada.get(&format!("/identity/patient/{a}")).await.to();
    let page = ada.get(&person).await.expect(200);
    page.says("2 patients").says("Split").says("the same verified NHS number");
    let split = format!("{person}/split");
    let (a, b) = (a.to_string(), b.to_string());
    ada.fill(&page, &split, &[("note", "x")]).await.expect(400).says("Tick the patients");
    ada.fill(&page, &split, &[("patient", &b)]).await.expect(400).says("Say why");
    ada.fill(&page, &split, &[("patient", &a), ("patient", &b), ("note", "x")]).await.expect(400).says("at least one");
    let stranger = pages.patient("rxx", "7", None, "JONES^JO", "19700101").await.to_string();
    ada.fill(&page, &split, &[("patient", &stranger), ("note", "x")]).await.expect(400).says("of this person");
    let done = ada.fill(&page, &split, &[("patient", &b), ("note", "another Ann")]).await.expect(303).to();
    let after = ada.get(&done).await;
    after
        .says("1 patient")
        .says("a person of their own. Undo")
        .says("another Ann")
        .says("left, and became another person");
    ada.fill(&page, &split, &[("patient", &b), ("note", "again")]).await.expect(409).says("has changed");
    let back = ada.fill(&after, &after.undo().unwrap(), &[]).await.expect(303).to();
    let again = ada.get(&back).await.to();
    ada.get(&again).await.says("2 patients").says("a decision was taken back").says("no longer holds");
}

#[tokio::test]
async fn only_stewards_decide_and_they_open_no_record() {
    let pages = Pages::new();
    let (a, b) = pages.shared_number(NHS, ["1001", "2001"]).await;
    let pair = beside(a, b);
    for name in ["doctor", "engineer", "clerk"] {
        let visitor = pages.visitor(name).await;
        for path in ["/identity", &pair, &format!("/identity/patient/{a}"), "/identity/start?list=waiting"] {
            let page = visitor.get(path).await.expect(403);
            page.says("the work of data stewards").says_not("SMITH");
        }
        let home = visitor.get("/status").await;
        assert!(home.links("/identity").is_empty(), "no dead link in the menu of a {name}");
        let form = [("form_token", home.field("form_token")), ("seen", "0".into()), ("said", "same".into())];
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        visitor.post(&pair, &form).await.expect(403).says_not("SMITH");
        visitor.post("/identity/undo/1", &form).await.expect(403);
    }
    let ada = pages.visitor("ada").await;
    let person = ada.get(&format!("/identity/patient/{a}")).await.to().replace("/identity/person", "/record");
    ada.get(&person).await.expect(403).says("does not open people").says_not("SMITH");
}

#[tokio::test]
async fn whoever_is_found_leads_a_steward_to_who_they_are() {
    let pages = Pages::new();
    let a = pages.patient("rxx", "1001", Some(NHS), "SMITH^ANN", "19500102").await;
    let b = pages.patient("ryy", "2001", None, "SMITH^ANN", "19500102").await;
    let ada = pages.visitor("ada").await;
    let find = ada.get("/find").await.expect(200);
    let found = ada.fill(&find, "/find", &[("words", "999 000 0018")]).await.expect(303).to();
    assert!(found.starts_with("/identity/person/"), "{found}");
    // To link somebody: find them, then side by side.
    let find = ada.get(&ada.get(&found).await.links("/find?beside=").remove(0)).await.expect(200);
    find.says("side by side before anything is decided");
    let anchor = find.field("beside");
    assert_eq!(anchor, a.to_string());
    let fields = [("beside", anchor.as_str()), ("words", "smith 2 1 1950")];
    let list = ada.fill(&find, "/find", &fields).await.expect(303).to();
    let list = ada.get(&list).await.expect(200);
    assert!(list.links("/identity/pair/").contains(&beside(a, b)), "{:?}", list.links("/"));
    assert!(list.links("/record/").is_empty());
    ada.get("/find?beside=%3Cscript%3E").await.expect(200).says_not("script");
}

#[tokio::test]
async fn a_doctor_reports_a_record_and_a_steward_reads_why() {
    let pages = Pages::new();
    let a = pages.patient("rxx", "1001", Some(NHS), "SMITH^ANN", "19500102").await;
    let b = pages.patient("ryy", "2001", Some(NHS), "SMITH^ANN", "19500102").await;
    let (ada, doctor) = (pages.visitor("ada").await, pages.visitor("doctor").await);
    let person = ada.get(&format!("/identity/patient/{a}")).await.to().replace("/identity/person", "/record");
    let sources = doctor.get(&format!("{person}/sources")).await.expect(200);
    let form = sources.links(&format!("{person}/report")).remove(0);
    let page = doctor.get(&form).await.expect(200);
    page.says("Riverside Hospital").says("Hillside Hospital");
    doctor.fill(&page, &form, &[("note", "x")]).await.expect(400).says("Choose the source");
    doctor.fill(&page, &form, &[("patient", &b.to_string()), ("note", "")]).await.expect(400).says("Say why");
    let told = [("patient", b.to_string()), ("note", "this Ann is left-handed".to_owned())];
    let told: Vec<(&str, &str)> = told.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let thanks = doctor.fill(&page, &form, &told).await.expect(303).to();
    doctor.get(&thanks).await.expect(200).says("A data steward will look at it");
    ada.get("/identity").await.says("Waiting 1").says("Link in doubt").says("Dr Amara Osei");
    let pair = ada.get("/identity/start?list=waiting").await.to();
    ada.get(&pair).await.says("this Ann is left-handed").says("Reported").says("They are one person now.");
    // News of either does not make the report go away.
    pages.hear("A31", "ryy", "2001", Some(NHS), "SMITH^ANN^M||19500102|2", "").await;
    ada.get("/identity").await.says("Waiting 1");
    ada.decide(&pair, "different", "two cards seen").await.expect(303);
    ada.get(&beside(a, b)).await.says("They are two people now.");
    // A stranger's patient cannot be reported into the record.
    let other = pages.patient("rxx", "9", None, "JONES^JO", "19700101").await.to_string();
    doctor.fill(&page, &form, &[("patient", &other), ("note", "x")]).await.expect(400);
}

#[tokio::test]
async fn where_the_restricted_are_is_not_told_here_either() {
    let pages = Pages::new();
    let home = "SMITH^ANN||19500102|2|||1 SECRET LANE^^LEEDS^^LS1 4AP||01130001122";
    let a = pages.hear("A28", "rxx", "1001", Some(NHS), home, "").await;
    let b =
        pages.hear("A28", "ryy", "2001", Some(NHS), "KHAN^BILAL||19880506|1|||1 SECRET LANE^^LEEDS^^LS1 4AP", "").await;
    let ada = pages.visitor("ada").await;
    ada.get(&beside(a, b)).await.expect(200).says("SECRET LANE").says("Address");
    pages.restrict("gp", "g1", NHS).await;
    let page = ada.get(&beside(a, b)).await.expect(200);
    page.says("Restricted.")
        .says("withheld")
        .says_not("SECRET")
        .says_not("LS1")
        .says_not("0113")
        .says_not("Secret Lane Surgery");
    let person = ada.get(&format!("/identity/patient/{a}")).await.to();
    ada.get(&person).await.says("Restricted.").says("name withheld").says_not("SECRET").says_not("Secret Lane Surgery");
}

#[tokio::test]
async fn bad_input_is_refused_in_words() {
    let pages = Pages::new();
    let (a, b) = pages.shared_number(NHS, ["1001", "2001"]).await;
    let ada = pages.visitor("ada").await;
    let pair = beside(a, b);
    for path in [
        "/identity/pair/nonsense/else".to_owned(),
        format!("/identity/pair/{a}/0000000000000000"),
        format!("/identity/pair/{a}/%3Cb%3E"),
        "/identity/person/nonsense".to_owned(),
        "/identity/person/0000000000000000".to_owned(),
        "/identity/patient/0000000000000000".to_owned(),
        "/identity?list=everything".to_owned(),
        "/identity?kind=%27".to_owned(),
        "/identity?after=1.2".to_owned(),
        "/identity/start".to_owned(),
        "/identity/undo/1".to_owned(),
    ] {
        let page = ada.get(&path).await;
        assert!(matches!(page.status.as_u16(), 404 | 405), "{path}: {}", page.status);
    }
    ada.get(&beside(a, a)).await.expect(400).says("cannot be compared with itself");
    let page = ada.get(&pair).await;
    let token = page.field("form_token");
    ada.post(&pair, &[("seen", "0"), ("said", "same"), ("note", "x")]).await.expect(422);
    ada.post(&pair, &[("form_token", "forged"), ("seen", "0"), ("said", "same"), ("note", "x")])
        .await
        .expect(403)
        .says("too old");
    ada.post(&pair, &[("form_token", &token), ("seen", "0"), ("said", "marry")]).await.expect(400).says("Choose one");
    ada.post(&pair, &[("form_token", &token), ("seen", "-1"), ("said", "same")]).await.expect(422);
    let long = "ä".repeat(10_000);
    let refused = ada.fill(&page, &pair, &[("said", "same"), ("note", &long)]).await.expect(400);
    refused.says("10,000 characters; 2,000 is the most");
    let elsewhere = beside(a, fhir::PatientKey(7));
    ada.fill(&page, &elsewhere, &[("said", "same"), ("note", "x")]).await.expect(404);
    ada.fill(&page, "/identity/undo/1", &[]).await.expect(404);
    ada.fill(&page, "/identity/undo/99999", &[]).await.expect(404);
    ada.get(&format!("{pair}?done=1&undone=x")).await.expect(400);
    ada.get(&format!("{pair}?done=1")).await.expect(200).says_not("Undo");
    ada.get("/identity").await.says("Waiting 1");
}

#[tokio::test]
async fn what_sources_and_stewards_write_is_text_and_nothing_else() {
    let pages = Pages::new();
    let a = pages.patient("rxx", "1001", Some(NHS), "<B>SMITH</B>^<IMG SRC=X>", "19500102").await;
    let b = pages.patient("ryy", "2001", Some(NHS), "KHAN^BILAL", "19880506").await;
    let ada = pages.visitor("ada").await;
    let pair = beside(a, b);
    ada.decide(&pair, "unsure", "<script>alert(1)</script>").await.expect(303);
    for path in ["/identity", "/identity?list=unsure", &pair] {
        let page = ada.get(path).await.expect(200);
        assert!(
            !page.body.contains("<script>a") && !page.body.contains("<B>") && !page.body.contains("<IMG"),
            "{path}"
        );
    }
    ada.get("/identity?list=unsure").await.says("Cannot tell 1");
}

#[tokio::test]
async fn link_changes_are_told_to_systems_once_each_and_in_order() {
    let pages = Pages::new();
    let a = pages.patient("rxx", "1001", None, "SMITH^ANN", "19500102").await;
    let b = pages.patient("ryy", "2001", None, "SMYTHE^ANNE", "19500201").await;
    let start = "/Person?_lastUpdated=gt2020-01-01T00:00:00Z&_sort=_lastUpdated";
    let told = |bundle: &serde_json::Value| -> Vec<(String, usize)> {
        let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
        let read = |one: &serde_json::Value| {
            let links = one["resource"]["link"].as_array().map_or(0, Vec::len);
            (one["resource"]["id"].as_str().unwrap().to_owned(), links)
        };
        entries.iter().map(read).collect()
    };
    let (_, all) = pages.api(start).await;
    assert_eq!(told(&all).len(), 2, "{all}");
    assert!(!all.to_string().contains("SMITH"), "links alone");
    let last = all["entry"][1]["resource"]["meta"]["lastUpdated"].as_str().unwrap().to_owned();
    pages.patient("rxx", "1001", None, "SMITH^ANN^M", "19500102").await;
    let ada = pages.visitor("ada").await;
    ada.decide(&beside(a, b), "same", "").await.expect(303);
    let since = format!("/Person?_lastUpdated=gt{}&_sort=_lastUpdated", last.replace('+', "%2B"));
    let (_, changes) = pages.api(&since).await;
    let changed: Vec<_> = told(&changes).into_iter().map(|(_, links)| links).collect();
    assert!(changed.ends_with(&[2, 0]) || changed.ends_with(&[0, 2]), "one joined, one left empty: {changes}");
    // Read whole: how sure each link is; and what the links were.
    let person = told(&changes).into_iter().find(|(_, links)| *links == 2).unwrap().0;
    let (_, read) = pages.api(&format!("/Person/{person}")).await;
    let levels: Vec<&str> = read["link"].as_array().unwrap().iter().map(|l| l["assurance"].as_str().unwrap()).collect();
    assert_eq!(levels, ["level4", "level3"], "{read}");
    let (_, history) = pages.api(&format!("/Person/{person}/_history")).await;
    assert_eq!(told(&history).into_iter().map(|(_, links)| links).collect::<Vec<_>>(), [2, 1]);
    // Page by page gives the same.
    let mut path = format!("{start}&_count=1");
    let mut paged = Vec::new();
    for _ in 0..20 {
        let (_, page) = pages.api(&path).await;
        paged.extend(told(&page));
        let links = page["link"].as_array().unwrap();
        match links.iter().find(|link| link["relation"] == "next") {
            Some(next) => path = next["url"].as_str().unwrap().split("/fhir").nth(1).unwrap().to_owned(),
            None => break,
        }
    }
    let (_, whole) = pages.api(start).await;
    assert_eq!(paged, told(&whole));
    for wrong in ["lt2020-01-01", "gtyesterday", "2020-01-01", "gt"] {
        let (status, _) = pages.api(&format!("/Person?_lastUpdated={wrong}&_sort=_lastUpdated")).await;
        assert_eq!(status.as_u16(), 400, "{wrong}");
    }
    let (status, _) = pages.api(&format!("{start}&_page=after-x")).await;
    assert_eq!(status.as_u16(), 400);
}
