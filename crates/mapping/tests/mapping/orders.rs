//! Orders and referrals.

use crate::support::*;
use fhir::ResourceType::*;

fn order(kind: &str, control: &str, status: &str, at: &str) -> String {
    format!(
        "{}PID|1||{JOAN}\nORC|{control}|P9^RXX|F9^LAB||{status}||||{at}|||C3456789^Darwin^Samuel^^^Dr\nTQ1|1||||||202503031000||S\nOBR|1|P9^RXX|F9^LAB|CT^CT head^L|||||||||Fell down the stairs||||||||||||||||||FALL^Fall^L\nNTE|1||Please call with the result\nDG1|1||S06.9^Head injury^I10||202503010900|W",
        msh(kind, at)
    )
}

#[test]
fn an_order_is_asked_for_by_somebody_for_a_reason() {
    for kind in ["ORM^O01", "OML^O21", "OMG^O19"] {
        let mut w = World::new();
        w.send(&order(kind, "NW", "", "202503011000"));
        let request = w.one(ServiceRequest);
        assert_eq!(
            (text(request, "/status"), text(request, "/intent"), text(request, "/priority")),
            ("active", "order", "stat")
        );
        assert_eq!(text(request, "/code/coding/0/display"), "CT head");
        assert_eq!(text(request, "/requester/display"), "Dr Samuel Darwin");
        assert_eq!(text(request, "/reasonCode/0/coding/0/display"), "Fall");
        assert_eq!(text(request, "/authoredOn"), "2025-03-01T10:00:00+00:00");
        assert_eq!(text(request, "/occurrenceDateTime"), "2025-03-03T10:00:00+00:00");
        assert_eq!(request.list("note").len(), 2);
        let diagnosis = w.one(Condition);
        assert_eq!(
            text(diagnosis, "/category/0/coding/0/code"),
            "encounter-diagnosis",
            "the reason for a scan is not on the problem list"
        );
        assert_eq!(text(diagnosis, "/verificationStatus/coding/0/code"), "provisional");
    }
}

#[test]
fn a_cancelled_order_is_revoked_and_a_late_order_does_not_revive_it() {
    let new = order("ORM^O01", "NW", "", "202503011000");
    for (control, status, told) in [("OC", "", "revoked"), ("SC", "CM", "completed"), ("OH", "", "on-hold")] {
        let then = order("ORM^O01", control, status, "202503021000");
        for messages in [[&new, &then], [&then, &new]] {
            let mut w = World::new();
            w.send_all(messages);
            assert_eq!(text(w.one(ServiceRequest), "/status"), told);
        }
    }
}

#[test]
fn a_referral_goes_from_one_to_another() {
    let mut w = World::new();
    w.send(&format!(
        "{}RF1|A^Accepted|S|CAR^Cardiology^L|||R77^EBS|202503011000|||CP^Chest pain^L\nPRD|RP|Townley^Gregory^^^Dr|||||G5612908\nPRD|RT|Darwin^Samuel^^^Dr|||||C3456789\nPID|1||{JOAN}\nAL1|1|DA|PEN^Penicillin^L|SV|Anaphylaxis",
        msh("REF^I12", "202503011000")
    ));
    let referral = w.one(ServiceRequest);
    assert_eq!(text(referral, "/code/coding/0/display"), "Cardiology");
    assert_eq!(text(referral, "/requester/display"), "Dr Gregory Townley");
    assert_eq!(text(referral, "/performer/0/display"), "Dr Samuel Darwin");
    assert_eq!(text(referral, "/reasonCode/0/coding/0/display"), "Chest pain");
    assert_eq!(text(referral, "/priority"), "stat");
    let allergy = w.one(AllergyIntolerance);
    assert_eq!(text(allergy, "/reaction/0/severity"), "severe");
    assert_eq!(text(allergy, "/reaction/0/manifestation/0/text"), "Anaphylaxis");
}
