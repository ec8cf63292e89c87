//! What an integration engineer does with a bad message.

use crate::harness::{Region, say::Adt};
use serde_json::Value;

crate::harness::on_both!(
    a_bad_message_parks_its_patient_and_nobody_else,
    a_corrected_message_heals_its_patients_lane,
    a_discarded_message_no_longer_holds_anybody_up,
);

fn name_of(region: &Region, local: &str) -> Value {
    let found = region.read(&format!("/Patient?identifier={local}"));
    found["entry"][0]["resource"]["name"][0]["family"].clone()
}

/// A merge that names nobody to merge cannot be processed: it is about 1001.
fn bad() -> Adt {
    Adt::new("A40", "1001", "20250302120000").and("MRG|")
}

/// The feed goes on, other patients go on, only that patient's later messages wait; and the desk says so.
fn a_bad_message_parks_its_patient_and_nobody_else(region: Region) {
    let mut pas = region.sender("rcb-adt");
    pas.send(&Adt::new("A28", "1001", "20250301120000").named("BEFORE^JOAN").bytes());
    assert_eq!(pas.send(&bad().bytes()).code(), "AA", "it is stored");
    pas.send(&Adt::new("A31", "1001", "20250303120000").named("AFTER^JOAN").bytes());
    pas.send(&Adt::new("A28", "2002", "20250303120000").named("OTHER^ANN").bytes());
    assert_eq!(name_of(&region, "2002"), "OTHER");
    assert_eq!(name_of(&region, "1001"), "BEFORE", "what came later waits its turn");
    let (_, desk, _) = region.skein(&["errors", "list"]);
    let line = desk.lines().find(|line| line.contains("ADT^A40")).unwrap_or_else(|| panic!("{desk}"));
    assert!(line.contains("parked") && line.contains("MRG-1"), "{line}");
    assert!(line.split_whitespace().any(|word| word == "1"), "one waits behind it: {line}");
    assert!(desk.contains("rcb-adt: 1 held") && desk.contains("rcb-adt: 1 parked"), "{desk}");
}

/// Corrected and resubmitted beside the running region, it lets what waited through; the original stays.
fn a_corrected_message_heals_its_patients_lane(region: Region) {
    let mut pas = region.sender("rcb-adt");
    pas.send(&Adt::new("A28", "1001", "20250301120000").named("BEFORE^JOAN").bytes());
    pas.send(&bad().bytes());
    pas.send(&Adt::new("A31", "1001", "20250303120000").named("AFTER^JOAN").bytes());
    region.until_caught_up();
    let (_, desk, _) = region.skein(&["errors", "list"]);
    let number =
        desk.lines().find(|line| line.contains("ADT^A40")).unwrap().split_whitespace().next().unwrap().to_owned();
    let (shown, message, _) = region.skein(&["errors", "show", &number]);
    assert!(shown && message.contains("MRG|"), "{message}");

    let corrected = region.folder().join("corrected.hl7");
    let text = String::from_utf8(bad().bytes()).unwrap().replace("MRG|", "MRG|1003^^^RCB^MR").replace('\r', "\n");
    std::fs::write(&corrected, text).unwrap();
    let (healed, told, said) = region.skein(&["errors", "edit", &number, "--with", corrected.to_str().unwrap()]);
    assert!(healed && told.contains("settled"), "{told}{said}");
    assert_eq!(name_of(&region, "1001"), "AFTER");
    let (_, desk, _) = region.skein(&["errors", "list"]);
    assert!(desk.contains("The desk is empty"), "{desk}");
    let (_, message, _) = region.skein(&["errors", "show", &number]);
    assert!(
        message.lines().any(|line| line.trim() == "MRG|" || line.starts_with("MRG|")),
        "the original stays: {message}"
    );
}

/// Settled without processing: what waited behind it goes on. And with nobody serving, the command does the work itself.
fn a_discarded_message_no_longer_holds_anybody_up(mut region: Region) {
    let mut pas = region.sender("rcb-adt");
    pas.send(&bad().bytes());
    pas.send(&Adt::new("A31", "1001", "20250303120000").named("AFTER^JOAN").bytes());
    region.until_caught_up();
    assert!(region.stop().success());
    let (_, desk, _) = region.skein(&["errors", "list"]);
    let number =
        desk.lines().find(|line| line.contains("ADT^A40")).unwrap().split_whitespace().next().unwrap().to_owned();
    let (again, told, _) = region.skein(&["errors", "resubmit", &number]);
    assert!(!again, "as it is, it still cannot be processed: {told}");
    let (settled, told, said) = region.skein(&["errors", "discard", &number, "--why", "a test message"]);
    assert!(settled && told.contains("settled"), "{told}{said}");
    region.serve();
    assert_eq!(name_of(&region, "1001"), "AFTER");
}

/// A message about somebody whose whereabouts are restricted is shown without what it says, unless whoever sits at the
/// terminal insists; and that is in the trail, under the name of the account.
#[test]
fn a_restricted_persons_message_is_masked_at_the_terminal_and_revealing_it_is_recorded() {
    let region = Region::start();
    let mut pas = region.sender("rcb-adt");
    // Known to the record as restricted; and one that says so itself, of somebody nobody knows.
    let known = Adt::new("A28", "1001", "20250301120000").traced("9434765919").and("PD1||||||||||||Y");
    pas.send(&known.bytes());
    pas.send(&Adt::new("A40", "1001", "20250302120000").and("MRG|").bytes());
    pas.send(&Adt::new("A40", "2002", "20250302120000").and("PD1||||||||||||Y").and("MRG|").bytes());
    pas.send(&Adt::new("A40", "3003", "20250302120000").and("MRG|").bytes());
    // And one in another's lane, that speaks of the restricted person by NHS number.
    pas.send(&Adt::new("A40", "4004", "20250302120000").and("MRG|").and("ZZZ|943 476 5919").bytes());
    region.until_caught_up();
    let (_, desk, _) = region.skein(&["errors", "list"]);
    let numbers: Vec<&str> = desk
        .lines()
        .filter(|line| line.contains("ADT^A40"))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(numbers.len(), 4, "{desk}");
    for number in [numbers[0], numbers[1], numbers[3]] {
        let (shown, message, said) = region.skein(&["errors", "show", number]);
        assert!(shown && message.contains("PID|…") && message.contains("--reveal shows it whole"), "{message}{said}");
        assert!(!message.contains("West Avenue") && !message.contains("BAXTER"), "{message}");
    }
    let (opened, _, said) = region.skein(&["errors", "edit", numbers[0]]);
    assert!(!opened && said.contains("--reveal opens it whole"), "{said}");
    let (_, open, _) = region.skein(&["errors", "show", numbers[2]]);
    assert!(open.contains("West Avenue") && !open.contains("--reveal"), "others are shown: {open}");

    let trail = || region.skein(&["audit", "list"]).1;
    assert!(!trail().contains("reveal"), "{}", trail());
    let (shown, message, _) = region.skein(&["errors", "show", numbers[0], "--reveal"]);
    assert!(shown && message.contains("West Avenue"), "{message}");
    let trail = trail();
    let line = trail.lines().find(|line| line.contains(&format!("reveal {}", numbers[0]))).expect("an entry");
    assert!(line.contains("os:"), "{line}");
}
