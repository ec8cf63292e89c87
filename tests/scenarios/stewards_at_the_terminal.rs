//! What a data steward does at the terminal, beside a running region and where none runs.

use crate::harness::{Region, say::Adt};
use serde_json::Value;

/// The keys of two patients of one hospital.
fn two(region: &Region, one: &Adt, other: &Adt) -> (String, String) {
    let mut pas = region.sender("rcb-adt");
    for message in [one, other] {
        assert_eq!(pas.send(&message.bytes()).code(), "AA");
    }
    region.until_caught_up();
    let key = |local: &str| {
        region.read(&format!("/Patient?identifier={local}"))["entry"][0]["resource"]["id"].as_str().unwrap().to_owned()
    };
    (key(one.local), key(other.local))
}

fn person(region: &Region, patient: &str) -> String {
    region.read(&format!("/Person?link=Patient/{patient}"))["entry"][0]["resource"]["id"].as_str().unwrap().to_owned()
}

#[test]
fn two_are_linked_split_and_undone_at_the_terminal() {
    let mut region = Region::start();
    let one = Adt::new("A28", "1001", "20250301120000").named("SMITH^ANN").born("19500102");
    let other = Adt::new("A28", "1002", "20250301120000").named("SMYTHE^ANNE").born("19500201");
    let (a, b) = two(&region, &one, &other);
    let before = (person(&region, &a), person(&region, &b));
    assert_ne!(before.0, before.1);
    let (done, told, said) = region.skein(&["identity", "link", &a, &b, "--by", "P. Nair", "--why", "seen both cards"]);
    assert!(done, "{told}{said}");
    let decision = told.split_whitespace().next().unwrap().to_owned();
    assert_eq!(person(&region, &a), person(&region, &b), "the running region carries it out");
    let (_, shown, _) = region.skein(&["identity", "show", &b]);
    assert!(
        shown.contains("P. Nair") && shown.contains("seen both cards") && shown.contains("SMYTHE, ANNE"),
        "{shown}"
    );
    let (_, shown, _) = region.skein(&["identity", "explain", &a, &b]);
    assert!(shown.contains("Date of birth") && shown.contains("similar"), "{shown}");
    let (_, shown, _) = region.skein(&["identity", "explain", &a, &b, "--json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["person_a"], shown["person_b"]);
    // One clear line, exit code 2.
    for wrong in [
        vec!["identity", "link", &a, &b, "--why", "again"],
        vec!["identity", "link", &a, &a, "--why", "itself"],
        vec!["identity", "link", &a, "nonsense", "--why", "x"],
        vec!["identity", "link", &a, &b, "--why", "  "],
        vec!["identity", "show", "0000000000000"],
        vec!["identity", "undo", "999999"],
        vec!["identity", "undo", "1"],
        vec!["identity", "split", &before.0, "--patients", &format!("{a},{a}"), "--why", "x"],
        vec!["identity", "split", &before.0, "--patients", &format!("{a},{b}"), "--why", "x"],
        vec!["identity", "queue", "--kind", "everything"],
        vec!["identity", "export", "--out", "/nowhere/at/all"],
    ] {
        let (done, told, said) = region.skein(&wrong);
        assert!(!done && told.is_empty() && said.lines().count() == 1, "{wrong:?}: {told}{said}");
    }
    let (done, told, said) = region.skein(&["identity", "undo", &decision]);
    assert!(done, "{told}{said}");
    assert_eq!((person(&region, &a), person(&region, &b)), before);
    // Where nothing runs, the command does it itself.
    region.stop();
    let (done, told, said) = region.skein(&["identity", "link", &a, &b, "--why", "once more"]);
    assert!(done, "{told}{said}");
    let (done, told, said) = region.skein(&["identity", "unlink", &b, "--why", "not after all"]);
    assert!(done, "{told}{said}");
    let (done, _, said) = region.skein(&["identity", "unlink", &b, "--why", "alone"]);
    assert!(!done && said.contains("only patient"), "{said}");
    let (verified, told, said) = region.skein(&["verify"]);
    assert!(verified, "{told}{said}");
}

#[test]
fn the_queue_counts_and_export_tell_what_there_is() {
    let region = Region::start();
    let one = Adt::new("A28", "1001", "20250301120000").named("SMITH^ANN").born("19500102").traced("9990000018");
    let other = Adt::new("A28", "1002", "20250301120000").named("KHAN^BILAL").born("19880506").traced("9990000018");
    let (a, b) = two(&region, &one, &other);
    let (_, queue, _) = region.skein(&["identity", "queue"]);
    assert!(queue.contains("nhs-number") && queue.contains("KHAN, BILAL") && queue.contains(&a), "{queue}");
    let (_, queue, _) = region.skein(&["identity", "queue", "--kind", "nhs-number", "--json"]);
    let row: Value = serde_json::from_str(queue.lines().next().unwrap()).unwrap();
    assert_eq!((row["kind"].as_str(), row["needs_two"].as_bool()), (Some("nhs-number"), Some(true)));
    let (_, queue, _) = region.skein(&["identity", "queue", "--kind", "merge", "--json"]);
    assert!(queue.is_empty(), "{queue}");
    // One account at a terminal is one steward, whatever it calls itself.
    let (done, told, _) = region.skein(&["identity", "link", &a, &b, "--by", "Ada", "--why", "one"]);
    assert!(done && told.contains("another steward must agree"), "{told}");
    let (done, _, said) = region.skein(&["identity", "link", &a, &b, "--by", "Grace", "--why", "two"]);
    assert!(!done && said.contains("another steward must agree"), "{said}");
    let (_, stats, _) = region.skein(&["identity", "stats", "--json"]);
    let stats: Value = serde_json::from_str(&stats).unwrap();
    assert_eq!((stats["patients"].as_u64(), stats["persons"].as_u64()), (Some(2), Some(2)), "{stats}");
    assert_eq!(stats["waiting"][0]["status"], "second-opinion", "{stats}");
    assert_eq!(stats["decisions"][0]["act"], "same", "{stats}");
    assert!(!stats.to_string().contains("SMITH"));
    let (out, pairs) = (region.folder().join("persons.ndjson"), region.folder().join("pairs.csv"));
    let (done, _, said) =
        region.skein(&["identity", "export", "--out", out.to_str().unwrap(), "--pairs", pairs.to_str().unwrap()]);
    assert!(done, "{said}");
    let written = std::fs::read_to_string(&out).unwrap();
    assert_eq!(written.lines().count(), 2);
    let person: Value = serde_json::from_str(written.lines().next().unwrap()).unwrap();
    assert_eq!(
        (person["resourceType"].as_str(), person["link"][0]["assurance"].as_str()),
        (Some("Person"), Some("level4"))
    );
    assert_eq!(std::fs::read_to_string(&pairs).unwrap(), "id_a,id_b,person\n");
}
