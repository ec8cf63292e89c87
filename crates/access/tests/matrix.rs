//! The policies that come with Skein, cell by cell: every job, way to the record, type of entry and label, against what is
//! expected of them. The expectations are written by hand, by group, and say nothing about how the policies are written.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use access::policy::{
    Access, Class, Desk, Door, Policies, WRITINGS,
    matrix::{TYPES, Way, entry, markdown, sees, user, writes},
};
use fhir::ResourceType as T;

const LABELS: [&str; 9] = [
    "sexual-health",
    "assisted-conception",
    "gender",
    "termination",
    "abuse",
    "substance-use",
    "mental-health",
    "restricted",
    "safeguarding",
];

/// What a job may do, as a governance lead would say it.
struct Expected {
    job: &'static str,
    /// Ways by which the record opens.
    opens: &'static [&'static str],
    /// Types seen of what is not sensitive; empty: all.
    sees: &'static [T],
    /// Ways by which sensitive entries (the first six labels and `restricted`) are seen.
    sensitive: &'static [&'static str],
    /// Ways by which what the law protects (assisted conception, gender) is seen.
    by_law: &'static [&'static str],
    /// Ways by which mental health notes are seen.
    mental: &'static [&'static str],
}

const DATA: [&str; 7] = ["registered", "admitted", "attended", "appointment", "referred", "caseload", "plan"];
const CARE: &[&str] = &[
    "registered",
    "admitted",
    "attended",
    "appointment",
    "referred",
    "caseload",
    "plan",
    "claims ongoing-care",
    "claims vital-interests",
];
const CLINICIAN: &[&str] = &[
    "registered",
    "admitted",
    "attended",
    "appointment",
    "referred",
    "caseload",
    "plan",
    "claims ongoing-care",
    "claims vital-interests",
    "broken glass",
];
const CLOSE: &[&str] = &["registered", "admitted", "caseload", "plan", "broken glass"];
const GLASS: &[&str] = &["broken glass"];
const NOBODY: &[&str] = &[];

const fn clinician(job: &'static str) -> Expected {
    Expected { job, opens: CLINICIAN, sees: &[], sensitive: CLOSE, by_law: GLASS, mental: CLINICIAN }
}

const fn nothing(job: &'static str) -> Expected {
    Expected { job, opens: NOBODY, sees: &[], sensitive: NOBODY, by_law: NOBODY, mental: NOBODY }
}

const SOCIAL: &[T] = &[
    T::Patient,
    T::RelatedPerson,
    T::Condition,
    T::AllergyIntolerance,
    T::Encounter,
    T::Appointment,
    T::EpisodeOfCare,
    T::CarePlan,
    T::CareTeam,
    T::QuestionnaireResponse,
    T::Consent,
    T::Flag,
    T::ServiceRequest,
    T::Task,
];
const HOME: &[T] = &[
    T::Patient,
    T::RelatedPerson,
    T::Condition,
    T::AllergyIntolerance,
    T::MedicationRequest,
    T::MedicationStatement,
    T::Encounter,
    T::Appointment,
    T::EpisodeOfCare,
    T::CarePlan,
    T::CareTeam,
    T::QuestionnaireResponse,
    T::Consent,
    T::Flag,
];
const PHARMACY: &[T] = &[
    T::Patient,
    T::RelatedPerson,
    T::Condition,
    T::AllergyIntolerance,
    T::Procedure,
    T::Immunization,
    T::FamilyMemberHistory,
    T::ClinicalImpression,
    T::MedicationRequest,
    T::MedicationStatement,
    T::Observation,
    T::DiagnosticReport,
    T::ImagingStudy,
    T::Encounter,
    T::Appointment,
    T::EpisodeOfCare,
    T::CarePlan,
    T::CareTeam,
    T::QuestionnaireResponse,
    T::Consent,
    T::Flag,
];
const FRONT: &[T] = &[T::Patient, T::RelatedPerson, T::Appointment];
const SECRETARY: &[T] = &[
    T::Patient,
    T::RelatedPerson,
    T::DocumentReference,
    T::Binary,
    T::Composition,
    T::Encounter,
    T::Appointment,
    T::EpisodeOfCare,
];
const FRONT_OPENS: &[&str] = &["registered", "admitted", "attended", "appointment", "caseload"];

fn expected() -> Vec<Expected> {
    vec![
        clinician("gp"),
        clinician("hospital-doctor"),
        clinician("ward-nurse"),
        clinician("community-nurse"),
        clinician("mental-health-worker"),
        clinician("paramedic"),
        clinician("health-professional"),
        Expected {
            job: "receptionist",
            opens: FRONT_OPENS,
            sees: FRONT,
            sensitive: NOBODY,
            by_law: NOBODY,
            mental: NOBODY,
        },
        Expected {
            job: "medical-secretary",
            opens: FRONT_OPENS,
            sees: SECRETARY,
            sensitive: NOBODY,
            by_law: NOBODY,
            mental: NOBODY,
        },
        Expected { job: "pharmacist", opens: CARE, sees: PHARMACY, sensitive: NOBODY, by_law: NOBODY, mental: NOBODY },
        Expected { job: "social-worker", opens: CARE, sees: SOCIAL, sensitive: NOBODY, by_law: NOBODY, mental: CARE },
        Expected {
            job: "care-home-manager",
            opens: CARE,
            sees: HOME,
            sensitive: NOBODY,
            by_law: NOBODY,
            mental: NOBODY,
        },
        Expected {
            job: "student",
            opens: &["registered", "admitted", "caseload"],
            sees: &[],
            sensitive: NOBODY,
            by_law: NOBODY,
            mental: NOBODY,
        },
        nothing("data-steward"),
        nothing("privacy-officer"),
        nothing("analyst"),
        nothing("systems-support"),
        Expected {
            job: "person",
            opens: &["own record"],
            sees: &[],
            sensitive: &["own record"],
            by_law: &["own record"],
            mental: &["own record"],
        },
        Expected { job: "app", opens: &DATA, sees: &[], sensitive: NOBODY, by_law: NOBODY, mental: NOBODY },
    ]
}

#[test]
fn every_cell_of_the_matrix_is_as_expected() {
    let policies = Policies::builtin().unwrap();
    let (mut cells, mut wrong) = (0, Vec::new());
    for expected in expected() {
        for way in Way::all() {
            let name = way.name();
            let by = |ways: &[&str]| ways.contains(&name.as_str());
            for kind in TYPES {
                let plain = by(expected.opens) && (expected.sees.is_empty() || expected.sees.contains(&kind));
                let mut check = |label: Option<&str>, want: bool| {
                    cells += 1;
                    if sees(&policies, expected.job, &way, entry(&policies, kind, label)) != want {
                        wrong.push(format!("{} / {name} / {kind} / {label:?}: expected {want}", expected.job));
                    }
                };
                check(None, plain);
                for label in LABELS {
                    let ways = match label {
                        "assisted-conception" | "gender" => expected.by_law,
                        "mental-health" => expected.mental,
                        // As mental health notes: whoever acts on it. The person does not read it.
                        "safeguarding" if expected.job == "person" => NOBODY,
                        "safeguarding" => expected.mental,
                        _ => expected.sensitive,
                    };
                    check(Some(label), plain && by(ways));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {cells} cells:\n{}", wrong.len(), wrong.join("\n"));
    assert!(cells > 50_000, "{cells}");
    let covered: Vec<&str> = expected().iter().map(|expected| expected.job).collect();
    for job in policies.jobs().all() {
        assert!(covered.contains(&job.name.as_str()), "no expectations for {}", job.name);
    }
    assert_eq!(policies.labels().all().map(|(name, _)| name).collect::<Vec<_>>().len(), LABELS.len());
}

/// What a job writes here, where its organisation looks after the person by the data.
fn written(job: &str) -> &'static [&'static str] {
    match job {
        "gp"
        | "hospital-doctor"
        | "ward-nurse"
        | "community-nurse"
        | "mental-health-worker"
        | "paramedic"
        | "health-professional" => &[
            "about-me",
            "urgent-care",
            "respect",
            "crisis",
            "contingency",
            "advance-care",
            "care-and-support",
            "referral",
            "urgent-test",
        ],
        "social-worker" => &["about-me", "contingency", "care-and-support"],
        "care-home-manager" => &["about-me"],
        _ => &[],
    }
}

/// Who answers what their organisation is asked for.
const ANSWER: [&str; 10] = [
    "gp",
    "hospital-doctor",
    "ward-nurse",
    "community-nurse",
    "mental-health-worker",
    "paramedic",
    "health-professional",
    "social-worker",
    "care-home-manager",
    "pharmacist",
];

#[test]
fn who_writes_what_is_as_expected_and_a_reason_of_ones_own_writes_nothing() {
    let policies = Policies::builtin().unwrap();
    let mut wrong = Vec::new();
    for expected in expected() {
        for way in Way::all() {
            for what in WRITINGS.into_iter().chain(["a-form-nobody-knows", ""]) {
                let want = match &way {
                    Way::Relationship(_) if what == "answer" => {
                        way.name().contains("referred") && ANSWER.contains(&expected.job)
                    }
                    Way::Relationship(_) => written(expected.job).contains(&what),
                    Way::Own => expected.job == "person" && ["about-me", "advance-care"].contains(&what),
                    Way::None | Way::Claimed(_) | Way::Glass => false,
                };
                if writes(&policies, expected.job, &way, what) != want {
                    wrong.push(format!("{} / {} / {what}: expected {want}", expected.job, way.name()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let (gp, kind) = user(&policies, "gp").unwrap();
    let claimed = policies.write(&gp, &kind, "respect", &Way::Claimed("ongoing-care").access());
    assert!(claimed.because.unwrap().contains("takes a relationship that the data show"));
}

#[test]
fn an_objection_shuts_every_way_but_the_vital_ones_and_the_persons_own() {
    let policies = Policies::builtin().unwrap();
    for expected in expected() {
        let (user, kind) = user(&policies, expected.job).unwrap();
        for way in Way::all() {
            let name = way.name();
            let access = Access { objected: true, ..way.access() };
            let opens = policies.record(&user, &kind, Door::Open, &access).allowed;
            let vital = ["claims vital-interests", "broken glass", "own record"].contains(&name.as_str());
            assert_eq!(opens, vital && expected.opens.contains(&name.as_str()), "{} / {name}", expected.job);
        }
    }
}

#[test]
fn what_is_sealed_is_for_its_authors_and_the_broken_glass() {
    let policies = Policies::builtin().unwrap();
    let sealed = Class { sealed: true, ..Class::plain(T::Observation) };
    for job in ["gp", "hospital-doctor", "ward-nurse", "person", "app"] {
        let (user, kind) = user(&policies, job).unwrap();
        for way in Way::all() {
            let access = way.access();
            let own = policies.item(&user, &kind, sealed, false, false, &access).allowed;
            let elsewhere = policies.item(&user, &kind, sealed, true, false, &access).allowed;
            let plain = policies.item(&user, &kind, Class::plain(T::Observation), true, false, &access).allowed;
            assert_eq!(own, plain, "{job} / {}", way.name());
            assert_eq!(elsewhere, plain && way == Way::Glass, "{job} / {}", way.name());
        }
    }
}

#[test]
fn what_is_not_for_the_persons_eyes_is_hidden_from_the_person_alone() {
    let policies = Policies::builtin().unwrap();
    for class in [
        Class { not_for_person: true, ..Class::plain(T::Observation) },
        Class { third_party: true, ..Class::plain(T::Observation) },
    ] {
        assert!(!sees(&policies, "person", &Way::Own, class));
        assert!(sees(&policies, "gp", &Way::Relationship("registered"), class));
    }
}

#[test]
fn each_desk_is_for_its_own_people() {
    let policies = Policies::builtin().unwrap();
    let desks = [
        Desk::Find,
        Desk::Errors,
        Desk::WhoIsWho,
        Desk::Privacy,
        Desk::Administer,
        Desk::CrossReference,
        Desk::Worklist,
        Desk::Caseloads,
    ];
    for expected in expected() {
        let (user, kind) = user(&policies, expected.job).unwrap();
        let may: Vec<&str> =
            desks.iter().filter(|desk| policies.desk(&user, &kind, **desk).allowed).map(|desk| desk.name()).collect();
        let want: &[&str] = match expected.job {
            "systems-support" => &["errorDesk", "administer"],
            "data-steward" => &["find", "whoIsWho"],
            "privacy-officer" => &["find", "privacyDesk"],
            "analyst" | "person" => &[],
            "receptionist" | "medical-secretary" | "student" => &["find", "worklist"],
            "app" => &["find", "crossReference"],
            _ => &["find", "crossReference", "worklist", "keepCaseloads"],
        };
        assert_eq!(may, want, "{}", expected.job);
    }
}

#[test]
fn an_organisation_nobody_knows_gives_no_rights_to_records() {
    let policies = Policies::builtin().unwrap();
    for role in ["R8000", "R8001", "R8003", "R8004", "R8006", "R8008", "R8009", "pharmacist"] {
        let user = access::User::staff("x", "X", (role, role), ("UNKNOWN", "Unknown"));
        for way in Way::all() {
            let ruling = policies.record(&user, "", Door::Open, &way.access());
            assert!(!ruling.allowed, "{role} / {}", way.name());
        }
        for desk in
            [Desk::Find, Desk::Errors, Desk::Administer, Desk::WhoIsWho, Desk::Privacy, Desk::Worklist, Desk::Caseloads]
        {
            assert!(!policies.desk(&user, "", desk).allowed, "{role} / {}", desk.name());
        }
    }
}

#[test]
fn a_role_nobody_knows_may_do_nothing_and_nobody_claims_to_be_a_person_or_system() {
    let policies = Policies::builtin().unwrap();
    for role in ["R9999", "", "person", "system"] {
        let user = access::User::staff("x", "X", (role, role), ("X", "X"));
        let ruling = policies.record(&user, "hospital", Door::Open, &Way::Glass.access());
        assert!(!ruling.allowed && ruling.because.is_some(), "{role}");
        let own = policies.record(&user, "", Door::Open, &Way::Own.access());
        assert!(!own.allowed, "{role}");
    }
}

#[test]
fn the_table_in_the_documentation_is_what_the_policies_say() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/govern-it/matrix.md");
    let written = std::fs::read_to_string(file).unwrap_or_default();
    let made = markdown(&Policies::builtin().unwrap());
    assert_eq!(written, made, "write it anew: skein policy matrix --out docs/govern-it/matrix.md");
}
