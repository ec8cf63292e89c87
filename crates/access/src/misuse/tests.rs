//! Each rule, beside the honest work that looks like it.

use super::{About, Access, Detector, Home, Item, Key, Rule, Rules};
use crate::policy::Relations;
use fhir::PersonKey;
use jiff::{SignedDuration, Timestamp};

/// A small hospital, whose wards work for a month; then something happens.
struct Hospital {
    detector: Detector,
    n: u64,
}

const DAYS: i64 = 30;

fn at(day: i64, hour: i64, minute: i64) -> Timestamp {
    let start: Timestamp = "2026-01-05T00:00:00Z".parse().unwrap();
    start + SignedDuration::from_hours(24 * day + hour) + SignedDuration::from_mins(minute)
}

fn look(user: &str, person: u64, when: Timestamp) -> Access {
    Access {
        n: 0,
        at: when,
        user: user.into(),
        name: format!("Nurse {user}"),
        role: "R8001".into(),
        job: "ward-nurse".into(),
        organisation: "RH1".into(),
        person: PersonKey(person),
        relations: Relations::of(["admitted"]),
        claimed: String::new(),
        glass: false,
        purpose: "TREAT".into(),
        action: "open-page".into(),
        page: "summary".into(),
    }
}

fn claim(user: &str, person: u64, when: Timestamp) -> Access {
    Access { relations: Relations::default(), claimed: "ongoing-care".into(), ..look(user, person, when) }
}

impl Hospital {
    /// Two wards of six nurses and ten patients each, seen daily from nine to five. Ward `w` has the persons `100 * w + …`.
    fn new() -> Self {
        let mut hospital = Hospital { detector: Detector::new(Rules::builtin().unwrap()), n: 0 };
        for day in 0..DAYS {
            hospital.work(day);
            assert_eq!(hospital.detector.judge(at(day + 1, 1, 0)), [], "honest work on day {day}");
        }
        hospital
    }

    fn work(&mut self, day: i64) {
        for hour in 9..17 {
            for (ward, nurse) in (1..3).flat_map(|ward| (0..6).map(move |nurse| (ward, nurse))) {
                let patient = u64::try_from((hour * 3 + nurse * 5 + day) % 10).unwrap();
                self.see(
                    look(&format!("w{ward}n{nurse}"), ward * 100 + patient, at(day, hour, nurse)),
                    &About::default(),
                );
            }
        }
    }

    fn see(&mut self, mut access: Access, about: &About) {
        self.n += 1;
        access.n = self.n;
        self.detector.see(&access, about);
    }

    /// Ten days on, with work as usual.
    fn later(&mut self) -> Vec<Item> {
        let mut items = self.detector.judge(at(DAYS, 23, 0));
        for day in DAYS + 1..DAYS + 11 {
            self.work(day);
            items.extend(self.detector.judge(at(day + 1, 1, 0)));
        }
        items
    }

    fn after(access: Access, about: &About) -> Vec<Item> {
        let mut hospital = Hospital::new();
        hospital.see(access, about);
        hospital.later()
    }
}

fn rules(items: &[Item]) -> Vec<Rule> {
    items.iter().filter_map(Item::rule).collect()
}

fn home(family: &str, street: &str, household: &str) -> Home {
    Home { family: Key::of(&[family]), street: Key::of(&[street]), household: Key::of(&[household]) }
}

#[test]
fn own_record_is_noticed_at_once() {
    let mut hospital = Hospital::new();
    let about = About { user_person: Some(PersonKey(101)), ..About::default() };
    hospital.see(look("w1n0", 101, at(DAYS, 10, 0)), &about);
    let items = hospital.detector.judge(at(DAYS, 10, 1));
    assert_eq!(rules(&items), [Rule::OwnRecord]);
    assert_eq!((items[0].person, items[0].entries.len()), (Some(PersonKey(101)), 1));
    assert_eq!(items[0].day.to_string(), "2026-02-04");
    // It is said once.
    assert_eq!(hospital.detector.judge(at(DAYS, 10, 2)), []);
}

#[test]
fn same_household_is_noticed_and_neighbours_are_not() {
    let me = home("Hale", "AB1 2CD High Street", "AB1 2CD 4 High Street");
    let spouse = About {
        user_home: me,
        home: home("Other", "AB1 2CD High Street", "AB12CD, 4 high street"),
        ..About::default()
    };
    assert_eq!(rules(&Hospital::after(look("w1n0", 101, at(DAYS, 10, 0)), &spouse)), [Rule::Household]);
    let neighbour = About {
        user_home: me,
        home: home("Other", "AB1 2CD High Street", "AB1 2CD 5 High Street"),
        ..About::default()
    };
    assert_eq!(Hospital::after(look("w1n0", 101, at(DAYS, 10, 0)), &neighbour), []);
}

#[test]
fn family_down_the_street_is_noticed_and_a_namesake_is_not() {
    let me = home("Hale", "High Street", "4 High Street");
    let family = About { user_home: me, home: home("HALE", "High Street", "9 High Street"), ..About::default() };
    assert_eq!(rules(&Hospital::after(look("w1n0", 201, at(DAYS, 10, 0)), &family)), [Rule::NameAndStreet]);
    // On the user's own ward too: whoever looks after family leaves it to a colleague, as with the same household.
    assert_eq!(rules(&Hospital::after(look("w1n0", 101, at(DAYS, 10, 0)), &family)), [Rule::NameAndStreet]);
    let namesake = About { user_home: me, home: home("Hale", "Low Road", "9 Low Road"), ..About::default() };
    assert_eq!(Hospital::after(look("w1n0", 201, at(DAYS, 10, 0)), &namesake), []);
}

#[test]
fn a_colleague_is_noticed_unless_on_the_users_own_ward() {
    let about = About { works_for: Some("RH1".into()), ..About::default() };
    assert_eq!(rules(&Hospital::after(look("w1n0", 201, at(DAYS, 10, 0)), &about)), [Rule::Colleague]);
    assert_eq!(Hospital::after(look("w1n0", 101, at(DAYS, 10, 0)), &about), []);
    let elsewhere = About { works_for: Some("RC1".into()), ..About::default() };
    assert_eq!(Hospital::after(look("w1n0", 201, at(DAYS, 10, 0)), &elsewhere), []);
}

/// A clinic: a doctor who sees people by appointment, and half of whose letters another one's secretary types.
fn clinic(hospital: &mut Hospital, from: i64, to: i64) {
    for day in from..to {
        for patient in 0..12 {
            let who = 1000 + u64::try_from(day * 12 + patient).unwrap();
            for (user, hour) in [("doctor", 10), ("secretary", 15)] {
                if user == "doctor" || patient % 2 == 0 {
                    let appointment = Access {
                        relations: Relations::of(["appointment"]),
                        role: "R8000".into(),
                        job: "clinic".into(),
                        ..look(user, who, at(day, hour, patient))
                    };
                    hospital.see(appointment, &About::default());
                }
            }
        }
    }
}

#[test]
fn a_colleague_with_an_appointment_is_the_clinics_patient_and_no_ward_nurses() {
    let about = About { works_for: Some("RH1".into()), ..About::default() };
    for (user, job, noticed) in [("doctor", "clinic", false), ("w1n0", "ward-nurse", true)] {
        let mut hospital = Hospital::new();
        clinic(&mut hospital, 0, DAYS);
        hospital.detector.judge(at(DAYS, 1, 0));
        let appointment =
            Access { relations: Relations::of(["appointment"]), job: job.into(), ..look(user, 5000, at(DAYS, 10, 30)) };
        hospital.see(appointment, &about);
        assert_eq!(rules(&hospital.later()).contains(&Rule::Colleague), noticed, "{user}");
    }
}

#[test]
fn a_crew_that_treats_a_colleague_is_not_noticed_and_who_looked_alone_is() {
    let about = About { works_for: Some("RA1".into()), ..About::default() };
    let crew = |user: &str, person: u64, when: Timestamp| Access {
        organisation: "RA1".into(),
        job: "paramedic".into(),
        ..claim(user, person, when)
    };
    for (together, noticed) in [(true, false), (false, true)] {
        let mut hospital = Hospital::new();
        // Nothing ever bears out whom an ambulance goes to.
        for day in 0..DAYS {
            for nth in 0..12 {
                let person = 3000 + u64::try_from(day * 12 + nth).unwrap();
                hospital.see(crew(&format!("crew{}", nth % 6), person, at(day, 9 + nth % 8, 30)), &About::default());
            }
        }
        hospital.detector.judge(at(DAYS, 1, 0));
        hospital.see(crew("crew1", 7000, at(DAYS, 10, 30)), &about);
        if together {
            hospital.see(crew("crew2", 7000, at(DAYS, 10, 36)), &about);
        }
        assert_eq!(rules(&hospital.later()).contains(&Rule::Colleague), noticed, "together: {together}");
    }
}

#[test]
fn a_well_known_person_is_noticed_unless_looked_after() {
    let about = About { well_known: true, ..About::default() };
    assert_eq!(rules(&Hospital::after(look("w1n0", 201, at(DAYS, 10, 0)), &about)), [Rule::WellKnown]);
    assert_eq!(Hospital::after(look("w1n0", 101, at(DAYS, 10, 0)), &about), []);
}

#[test]
fn the_long_dead_are_noticed_and_certificates_are_not() {
    let died = |days: i64| About { died: Some(at(DAYS - days, 0, 0)), ..About::default() };
    assert_eq!(rules(&Hospital::after(claim("w1n0", 900, at(DAYS, 10, 0)), &died(90))), [Rule::Deceased]);
    assert_eq!(Hospital::after(claim("w1n0", 900, at(DAYS, 10, 0)), &died(5)), []);
    let court = Access { claimed: "court-order".into(), ..claim("w1n0", 900, at(DAYS, 10, 0)) };
    assert_eq!(Hospital::after(court, &died(90)), []);
    let secretary = Access { job: "medical-secretary".into(), ..claim("sec", 900, at(DAYS, 10, 0)) };
    assert_eq!(Hospital::after(secretary, &died(90)), []);
}

#[test]
fn many_reasons_that_nothing_bears_out_are_noticed_and_one_is_not() {
    let mut hospital = Hospital::new();
    for person in 0..5 {
        hospital.see(claim("w1n0", 900 + person, at(DAYS, 10, 20)), &About::default());
    }
    let items = hospital.later();
    assert_eq!(rules(&items), [Rule::ManyClaims]);
    assert_eq!(items[0].entries.len(), 5);
    assert_eq!(Hospital::after(claim("w1n0", 900, at(DAYS, 10, 20)), &About::default()), []);
    // The same, when the data bear it out within days.
    let mut hospital = Hospital::new();
    for person in 0..5 {
        hospital.see(claim("w1n0", 900 + person, at(DAYS, 10, 20)), &About::default());
        hospital.detector.related("RH1", PersonKey(900 + person), at(DAYS + 2, 0, 0));
    }
    assert_eq!(hospital.later(), []);
}

#[test]
fn reasons_to_look_up_are_told_before_they_count() {
    let mut hospital = Hospital::new();
    hospital.see(claim("w1n0", 900, at(DAYS, 10, 20)), &About::default());
    assert_eq!(hospital.detector.unconfirmed(at(DAYS + 1, 0, 0)), []);
    assert_eq!(hospital.detector.unconfirmed(at(DAYS + 7, 0, 0)), [("RH1".to_owned(), PersonKey(900))]);
}

#[test]
fn a_burst_is_noticed_and_a_ward_round_is_not() {
    for (people, noticed) in [(20, false), (70, true)] {
        let mut hospital = Hospital::new();
        for person in 0..people {
            let minute = i64::try_from(person).unwrap() / 2;
            hospital.see(look("w1n0", 300 + person, at(DAYS, 18, minute)), &About::default());
        }
        let items = hospital.later();
        assert_eq!(rules(&items).contains(&Rule::Burst), noticed, "{items:?}");
        assert!(items.len() <= 1, "{items:?}");
    }
}

#[test]
fn an_odd_hour_is_noticed_with_strangers_and_not_with_ones_own_patients() {
    let mut hospital = Hospital::new();
    for person in 0..2 {
        hospital.see(claim("w1n0", 900 + person, at(DAYS, 3, 20)), &About::default());
    }
    assert_eq!(rules(&hospital.later()), [Rule::OddHours]);
    let mut hospital = Hospital::new();
    for person in 0..2 {
        hospital.see(look("w1n0", 101 + person, at(DAYS, 3, 20)), &About::default());
    }
    assert_eq!(hospital.later(), []);
}

#[test]
fn a_crowd_is_noticed_and_the_ward_itself_is_no_crowd() {
    let mut hospital = Hospital::new();
    for nurse in 0..6 {
        // Everybody on ward 2 sees the person; so does the whole of ward 1, at once.
        hospital.see(look(&format!("w2n{nurse}"), 203, at(DAYS, 9, nurse)), &About::default());
        hospital.see(look(&format!("w2n{nurse}"), 203, at(DAYS - 1, 9, nurse)), &About::default());
    }
    for nurse in 0..6 {
        let outside = Access { job: "ward-nurse".into(), ..look(&format!("x{nurse}"), 203, at(DAYS, 12, nurse)) };
        hospital.see(outside, &About::default());
    }
    let items = hospital.later();
    assert_eq!(rules(&items), [Rule::Crowd; 6], "{items:?}");
    assert!(items.iter().all(|item| item.user.starts_with('x')));
}

#[test]
fn a_second_team_that_comes_as_a_whole_is_no_crowd() {
    let mut hospital = Hospital::new();
    // The person lies on ward 2, and ward 1 is asked for advice: outsiders, but all of one team.
    for nurse in 0..6 {
        hospital.see(look(&format!("w2n{nurse}"), 203, at(DAYS - 1, 9, nurse)), &About::default());
        hospital.see(look(&format!("w2n{nurse}"), 203, at(DAYS, 9, nurse)), &About::default());
        hospital.see(look(&format!("w1n{nurse}"), 203, at(DAYS, 12, nurse)), &About::default());
    }
    assert_eq!(hospital.later(), []);
}

#[test]
fn repeated_looks_are_noticed_and_visits_are_not() {
    let mut hospital = Hospital::new();
    for day in 0..4 {
        hospital.see(claim("w1n0", 900, at(DAYS, 10, 20 + day)), &About::default());
        if day < 3 {
            hospital.detector.judge(at(DAYS + day, 23, 0));
            hospital.see(claim("w1n0", 900, at(DAYS + day + 1, 8, 30)), &About::default());
        }
    }
    let repeated = |items: &[Item]| items.iter().flat_map(|item| &item.findings).any(|of| of.rule == Rule::Repeated);
    let items = hospital.later();
    assert!(repeated(&items), "{items:?}");
    let mut hospital = Hospital::new();
    for day in 0..4 {
        hospital.see(look("w1n0", 900, at(DAYS + day, 8, 30)), &About::default());
    }
    assert_eq!(hospital.later(), []);
}

#[test]
fn words_name_nobody() {
    let about =
        About { works_for: Some("RH1".into()), well_known: true, died: Some(at(-90, 0, 0)), ..About::default() };
    let items = Hospital::after(claim("w1n0", 987_654, at(DAYS, 3, 0)), &about);
    assert!(items[0].score > 3.0, "{items:?}");
    for finding in &items[0].findings {
        assert!(!finding.words.is_empty() && !finding.words.contains("987654") && !finding.words.contains("w1n0"));
        assert!(!finding.rule.code().is_empty());
    }
}

#[test]
fn rules_out_of_range_are_refused_with_their_name() {
    let text = include_str!("../../../../policies/misuse.toml");
    assert!(Rules::read(text).is_ok());
    let bad = [
        ("raise = 1.0", "raise = 0.0", "raise must be above 0"),
        ("own_record = 3.0", "own_record = -1", "close.own_record"),
        ("settle_days = 2", "settle_days = 0", "settle_days must be from 1 to 366 days"),
        ("confirm_days = 7", "confirm_days = 1", "confirm_days must be no less than settle_days"),
        ("habit_days = 90", "habit_days = 20", "habit_days must be no less than"),
        ("least_known = 80", "least_knwon = 80", "least_knwon"),
    ];
    for (from, to, says) in bad {
        let error = Rules::read(&text.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.starts_with("misuse.toml: ") && error.contains(says), "{error}");
    }
}

#[test]
fn an_audit_entry_is_an_access_when_staff_were_let_in() {
    let body = r#"{"action":"open-page","page":"summary","outcome":"permitted","user":{"id":"nurse","name":"Nura Hale",
        "role_code":"R8001","role_name":"Nurse","org_code":"RH1","org_name":"Hospital"},"via":{},"policy":"p","situation":
        {"organisation_kind":"hospital","access":{"purpose":"TREAT","relationships":["admitted"],"claimed":"consent"}}}"#;
    let entry = store::audit::AuditEntry {
        n: 7,
        at: at(0, 9, 0),
        person: Some(PersonKey(5)),
        user: "nurse".into(),
        body: body.into(),
    };
    let of = |body: &str| Access::of(&entry, &crate::Recorded::read(body).unwrap(), "ward-nurse");
    let expected =
        Access { n: 7, name: "Nura Hale".into(), claimed: "consent".into(), ..look("nurse", 5, at(0, 9, 0)) };
    assert_eq!(of(body), Some(expected));
    for (from, to) in [("permitted", "refused"), ("open-page", "find-people"), (r#""id":"#, r#""kind":"system","id":"#)]
    {
        assert_eq!(of(&body.replace(from, to)), None, "{to}");
    }
}

#[test]
fn fed_the_same_again_it_says_the_same_again() {
    let about = About { works_for: Some("RH1".into()), ..About::default() };
    let run = || Hospital::after(look("w1n0", 201, at(DAYS, 10, 0)), &about);
    assert_eq!(run(), run());
}
