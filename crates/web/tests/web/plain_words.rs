//! A person who reads their own record meets plain words on every page they can reach, and staff read what they always read.

mod checker;
mod rich;

use crate::{
    governed::{Governed, take},
    plans::sign,
    visitor::{Page, Visitor},
};
use checker::{lengths, pieces, staff_words};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Pages of one shape (the same address but for ids and what is asked) that are looked at.
const OF_A_SHAPE_MAX: usize = 14;

/// The address with everything that varies left out.
fn shape(address: &str) -> String {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let long = |part: &str| part.len() > 20 || part.starts_with(|c: char| c.is_ascii_digit());
    let path: Vec<&str> = path.split('/').map(|part| if long(part) { "*" } else { part }).collect();
    let asked: Vec<&str> = query.split('&').map(|part| part.split('=').next().unwrap_or_default()).collect();
    format!("{}?{}", path.join("/"), asked.join("&"))
}

/// Every page that can be reached by links from these.
async fn crawl(who: &Visitor<'_>, from: &[String]) -> BTreeMap<String, Page> {
    let mut waiting: VecDeque<String> = from.iter().cloned().collect();
    let mut seen: BTreeSet<String> = waiting.iter().cloned().collect();
    let mut of_shape: BTreeMap<String, usize> = BTreeMap::new();
    let mut pages = BTreeMap::new();
    while let Some(address) = waiting.pop_front() {
        let count = of_shape.entry(shape(&address)).or_default();
        *count += 1;
        if *count > OF_A_SHAPE_MAX {
            continue;
        }
        let page = who.get(&address).await;
        if let Some(to) = &page.location {
            if seen.insert(to.clone()) {
                waiting.push_back(to.clone());
            }
            continue;
        }
        for link in page.links("/") {
            let link = link.split('#').next().unwrap_or_default().replace("&amp;", "&");
            // Files are their source's, stylesheets nobody's.
            let ours =
                !["/assets/", "/favicon"].iter().any(|other| link.starts_with(other)) && !link.contains("/file/");
            if ours && seen.insert(link.clone()) {
                waiting.push_back(link);
            }
        }
        pages.insert(address, page);
    }
    pages
}

/// A region where the person has something of everything, some of it in disagreement, some taken back.
async fn region() -> Governed {
    let region = Governed::new().await;
    for (source, resources) in rich::resources() {
        take(&region.pages.engine, source, &resources).await;
    }
    region.admit().await;
    let gp = region.pages.visitor("gp").await;
    sign(&region, &gp, "urgent-care-plan", &crate::plans::URGENT).await;
    let again: Vec<(&str, &str)> = crate::plans::URGENT.to_vec();
    sign(&region, &gp, "urgent-care-plan", &again).await;
    let ann = region.pages.visitor("ann").await;
    sign(&region, &ann, "about-me", &[("a.most-important", "My new dog"), ("a.words", "own")]).await;
    region
}

/// Pages that no link leads to: answers to forms, refusals and errors.
async fn answers(region: &Governed, ann: &Visitor<'_>) -> Vec<String> {
    let at = |page: &str| region.record(page);
    let looked = ann.get(&at("/who-looked")).await.expect(200);
    ann.fill(&looked, &at("/who-looked"), &[("n", &looked.field("n")), ("words", "Why was this?")]).await.expect(303);
    let form = ann.get(&at("/objections")).await.expect(200);
    let wish = [("category", ""), ("organisation", "XWA"), ("words", "My sister works there")];
    ann.fill(&form, &at("/objections"), &wish).await.expect(303);
    let results = ann.get(&at("/results")).await.expect(200);
    let chosen =
        [("tab", "results"), ("test", "sodium"), ("abnormal", "yes"), ("since", ""), ("until", ""), ("source", "")];
    let chosen = ann.fill(&results, &at("/results/filter"), &chosen).await.expect(303).to();
    let letters = ann.get(&at("/letters")).await.expect(200);
    let found = ann.fill(&letters, &at("/letters/find"), &[("words", "letter")]).await.expect(303).to();
    let path = at("/write/advance-care-plan");
    let blank = ann.get(&path).await.expect(200);
    let draft = crate::plans::send(ann, &blank, &path, "save", &[]).await.expect(303).to();
    let about = at("/write/about-me");
    let begun = ann.get(&about).await.expect(200);
    let review =
        crate::plans::send(ann, &begun, &about, "review", &[("a.most-important", "My dog"), ("a.words", "own")]).await;
    let review = review.expect(303).to();
    let then = at("/as-at?day=31&month=2&year=2024&time=");
    vec![chosen, found, draft, review, then, at("/nothing"), "/nothing".into(), "/find".into(), at("/headings/nothing")]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_that_a_person_reaches_speaks_in_staffs_words() {
    let region = region().await;
    for (_, resources) in rich::resources() {
        let theirs = rich::said(&Value::Array(resources));
        let wrong: Vec<&String> = theirs.iter().filter(|text| !staff_words(text).is_empty()).collect();
        assert!(wrong.is_empty(), "what sources say here must not look like words of ours: {wrong:?}");
    }
    let ann = region.pages.visitor("ann").await;
    let mut from = vec!["/me".to_owned(), "/account".into(), "/sign-in".into(), region.record("")];
    from.extend(answers(&region, &ann).await);
    let pages = crawl(&ann, &from).await;
    let shapes: BTreeSet<String> = pages.keys().map(|address| shape(address)).collect();
    assert!(pages.len() > 120 && shapes.len() > 35, "{} pages of {} shapes: {shapes:#?}", pages.len(), shapes.len());
    // A plan that staff wrote keeps the headings of the form they wrote it on.
    let plan =
        rich::said(&serde_json::from_str(include_str!("../../../../forms/urgent-care-plan.json")).expect("a form"));
    let mut wrong: BTreeMap<(String, &str), String> = BTreeMap::new();
    for (address, page) in &pages {
        assert!(page.status.as_u16() < 500, "{address}: {}", page.text());
        for piece in pieces(&page.body).into_iter().filter(|piece| !plan.contains(&piece.text)) {
            for word in staff_words(&piece.text) {
                wrong.entry((piece.text.clone(), word)).or_insert_with(|| shape(address));
            }
        }
    }
    let wrong: Vec<String> = wrong.iter().map(|((text, word), at)| format!("{word}: “{text}” at {at}")).collect();
    assert!(wrong.is_empty(), "{} of staff's words:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn sentences_for_the_person_are_short() {
    let region = region().await;
    let ann = region.pages.visitor("ann").await;
    let mut from = vec!["/account".to_owned(), region.record("")];
    from.extend(answers(&region, &ann).await);
    let pages = crawl(&ann, &from).await;
    let theirs: Vec<String> =
        rich::resources().iter().flat_map(|(_, all)| rich::said(&Value::Array(all.clone()))).collect();
    let ours = |text: &str| !theirs.iter().any(|said| said.len() > 3 && text.contains(said.as_str()));
    let mut sentences: BTreeMap<String, usize> = BTreeMap::new();
    for page in pages.values() {
        for piece in pieces(&page.body).into_iter().filter(|piece| piece.prose && ours(&piece.text)) {
            // The questions of a form that it quotes are as long as they are.
            if piece.text.starts_with("Answer this if") {
                continue;
            }
            if piece.text.ends_with('.') {
                sentences.insert(piece.text.clone(), lengths(&piece.text).into_iter().max().unwrap_or_default());
            }
        }
    }
    let all: Vec<usize> = sentences.keys().flat_map(|text| lengths(text)).collect();
    assert!(all.len() > 100, "too few to judge by: {}", all.len());
    let average = all.iter().sum::<usize>() as f64 / all.len() as f64;
    assert!(average <= 15.0, "{average} words a sentence");
    let long: Vec<&String> = sentences.iter().filter(|(_, words)| **words > 30).map(|(text, _)| text).collect();
    assert!(long.is_empty(), "too long: {long:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_read_what_they_always_read() {
    let region = region().await;
    let gp = region.pages.visitor("gp").await;
    for (page, words) in [
        ("", "Current problems"),
        ("", "Sources differ"),
        ("/problems", "Problems"),
        ("/problems", "Source by source"),
        ("/medicines", "Sources that add no medicines here"),
        ("/medicines?view=side-by-side", "Entries stand together when they carry the same code"),
        ("/results", "High"),
        ("/letters", "Replaced, cancelled or withdrawn"),
        ("/alerts", "Alerts and adjustments now"),
        ("/timeline", "Choose kinds, sources and years"),
        ("/sources", "Sources of this record"),
        ("/sources", "Patient at"),
        ("/headings", "PRSB Core Information Standard"),
        ("/plans", "Not current: ended, replaced, drafts or withdrawn"),
        ("/as-at", "audit trail"),
        ("/pack", "Printed pack"),
        ("/nothing", "There is nothing at this address. If you followed a link in a record, it may have been merged"),
    ] {
        let read = gp.get(&region.record(page)).await;
        read.says(words);
        let theirs = ["Your conditions", "Inside the range", "If you need help", "999", "Go to your record"];
        assert!(theirs.iter().all(|plain| !read.text().contains(plain)), "{page}: {}", read.text());
        assert!(page == "/nothing" || read.body.contains("Your access is recorded."), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_told_whom_to_ask_and_what_a_range_and_a_national_term_mean() {
    let region = region().await;
    let ann = region.pages.visitor("ann").await;
    let first = ann.get(&region.record("")).await.expect(200);
    assert!(first.body.contains("call 999") && first.body.contains("111"), "{}", first.text());
    assert!(first.body.contains("Only that service can put it right"), "whom to ask about a wrong entry");
    let results = ann.get(&region.record("/results")).await.expect(200);
    // These came from the practice: no laboratory gave their range.
    results.says("High: above the range given with it").says("Inside the range given with it");
    results.says("ask whoever arranged the test, or your GP practice");
    ann.get(&region.record("/plans")).await.expect(200).says("It is about CPR only, and all other care goes on.");
    ann.get(&region.record("/headings/findings")).await.expect(200).says("NEWS2 is a score made from simple checks");
    // What a source said stays as it said it.
    ann.get(&region.record("/problems")).await.expect(200).says("Asthma").says("Conditions you have now");
    let refused = ann.get("/find").await.expect(403);
    assert!(refused.body.contains("Only your own record") && refused.body.contains("Go to your record"));
}
