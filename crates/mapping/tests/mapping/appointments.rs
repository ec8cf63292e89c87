//! Appointments: booked, moved, changed, cancelled, missed.

use crate::support::*;
use fhir::ResourceType::*;

fn siu(trigger: &str, at: &str, start: &str, more: &str) -> String {
    format!(
        "{}SCH|P7^RXX|A7^RXX||||R1^Patient request|CHECK^Check-up^L|Normal|30|min|^^30^{start}|||||C3456789^Darwin^Samuel^^^Dr\nPID|1||{JOAN}\nRGS|1\nAIS|1||110^Orthopaedics^L|{start}|||30|min\nAIL|1||RXX^CLINIC3^^RXX01||||{start}\nAIP|1||C3456789^Darwin^Samuel^^^Dr{more}",
        msh(&format!("SIU^{trigger}"), at)
    )
}

#[test]
fn a_booking_has_its_time_place_and_people() {
    let mut w = World::new();
    w.send(&siu("S12", "202503011000", "202504101430", ""));
    let booked = w.one(Appointment);
    assert_eq!(text(booked, "/status"), "booked");
    assert_eq!(text(booked, "/start"), "2025-04-10T14:30:00+01:00");
    assert_eq!(text(booked, "/end"), "2025-04-10T15:00:00+01:00");
    assert_eq!(json(booked, "/minutesDuration"), "30");
    assert_eq!(text(booked, "/serviceType/0/coding/0/display"), "Orthopaedics");
    assert_eq!(text(booked, "/reasonCode/0/coding/0/display"), "Check-up");
    let who: Vec<String> = booked.list("participant").iter().map(|p| p["actor"].to_string()).collect();
    assert!(who[0].contains("Patient/") && who[1].contains("Darwin") && who[2].contains("CLINIC3"), "{who:?}");
    assert!(booked.get("cancelationReason").is_none());
}

#[test]
fn each_trigger_has_its_status_and_late_news_does_not_undo() {
    for (trigger, status) in [
        ("S13", "booked"),
        ("S14", "booked"),
        ("S15", "cancelled"),
        ("S16", "cancelled"),
        ("S17", "entered-in-error"),
        ("S26", "noshow"),
    ] {
        let first = siu("S12", "202503011000", "202504101430", "");
        let then = siu(trigger, "202503021000", "202504111430", "");
        for order in [[&first, &then], [&then, &first]] {
            let mut w = World::new();
            w.send_all(order);
            let appointment = w.one(Appointment);
            assert_eq!(text(appointment, "/status"), status, "{trigger}");
            assert_eq!(text(appointment, "/start"), "2025-04-11T14:30:00+01:00");
            if status != "booked" {
                assert_eq!(text(appointment, "/cancelationReason/coding/0/display"), "Patient request");
            }
        }
    }
}

#[test]
fn of_one_minute_the_cancellation_counts() {
    let booked = siu("S12", "202503011000", "202504101430", "");
    let cancelled = siu("S15", "202503011000", "202504101430", "");
    for order in [[&booked, &cancelled], [&cancelled, &booked]] {
        let mut w = World::new();
        w.send_all(order);
        assert_eq!(text(w.one(Appointment), "/status"), "cancelled");
    }
}

#[test]
fn an_appointment_without_number_goes_to_the_error_desk() {
    let set = World::new().map(&siu("S12", "202503011000", "202504101430", "").replace("P7^RXX|A7^RXX", "|"));
    assert_eq!(set.findings[0].code, "appointment-without-number");
}
