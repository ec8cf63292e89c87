//! The profile each source is connected with: TOML as `mapping::Profile` reads it.

use crate::{
    clinical::analytes::{PANELS, TABLE},
    sources::{self, Kind, Source, Wire},
};
use std::fmt::Write;

impl Source {
    /// The mapping profile of this source, ready to be used.
    pub fn profile_toml(&self) -> String {
        let mut out = String::with_capacity(2_048);
        head(&mut out, self);
        match (self.kind, self.ods) {
            (Kind::Hospital, "XWA") => vendor_one(&mut out),
            (Kind::Hospital, _) => vendor_two(&mut out),
            (Kind::Laboratory, _) => laboratory(&mut out),
            _ => {}
        }
        out
    }
}

fn head(out: &mut String, source: &Source) {
    let _ = writeln!(
        out,
        "source = \"{}\"\nname = \"{}\"\nkind = \"{}\"\nods = \"{}\"",
        source.id,
        source.name,
        source.kind.as_str(),
        source.ods
    );
    let quiet = match source.kind {
        Kind::Hospital => "2h",
        Kind::Laboratory => "4h",
        Kind::Ambulance => "12h",
        _ => "2d",
    };
    let _ = writeln!(out, "quiet_after = \"{quiet}\"");
    let shares: &[&str] = match source.kind {
        Kind::Hospital => &[
            "Patient",
            "Encounter",
            "AllergyIntolerance",
            "Condition",
            "Observation",
            "DiagnosticReport",
            "DocumentReference",
            "Appointment",
            "Procedure",
            "ServiceRequest",
            "MedicationRequest",
            "Immunization",
            "RelatedPerson",
        ],
        Kind::Laboratory => &["Patient", "DiagnosticReport", "Observation", "Specimen", "ServiceRequest"],
        Kind::Practice => &[
            "Patient",
            "Encounter",
            "AllergyIntolerance",
            "Condition",
            "MedicationRequest",
            "MedicationStatement",
            "Observation",
            "Immunization",
            "Appointment",
            "RelatedPerson",
            "Flag",
            "QuestionnaireResponse",
            "ServiceRequest",
            "FamilyMemberHistory",
        ],
        Kind::Community => &[
            "Patient",
            "EpisodeOfCare",
            "CareTeam",
            "Encounter",
            "CarePlan",
            "Observation",
            "Consent",
            "DocumentReference",
            "Flag",
            "QuestionnaireResponse",
            "Appointment",
        ],
        Kind::MentalHealth => {
            &["Patient", "EpisodeOfCare", "CareTeam", "Encounter", "CarePlan", "Flag", "Condition", "Appointment"]
        }
        Kind::Ambulance => &["Patient", "Encounter", "Observation", "Condition"],
        Kind::Council => &["Patient", "CarePlan", "CareTeam", "RelatedPerson", "Flag", "Consent", "ServiceRequest"],
    };
    let list: Vec<String> = shares.iter().map(|kind| format!("\"{kind}\"")).collect();
    let _ = writeln!(out, "shares = [{}]", list.join(", "));
    if source.wire == Wire::Fhir {
        return;
    }
    let _ = writeln!(out, "time_zone = \"Europe/London\"\nacknowledgement = \"auto\"");
}

fn code(out: &mut String, local: &str, system: &str, code: &str, display: &str) {
    let _ = writeln!(out, "\"{local}\" = {{ system = \"{system}\", code = \"{code}\", display = \"{display}\" }}");
}

/// A local code for one of a national table.
fn national(out: &mut String, local: &str, code: &str) {
    let _ = writeln!(out, "\"{local}\" = {{ code = \"{code}\" }}");
}

const LOINC: &str = "http://loinc.org";

/// Aldermere: national codes, ward, bay and bed apart, results of its own only for the observation chart.
fn vendor_one(out: &mut String) {
    out.push_str("\n[patient]\nlocal_authorities = [\"XWA\"]\nnhs_verified = \"traced\"\n");
    out.push_str("\n[visit]\nnumber = [\"PV1-19\"]\nlocation = \"ward-bay-bed-site\"\n");
    out.push_str("\n[codes.\"OBX-3\"]\n");
    for (local, loinc, display) in [
        ("RR", "9279-1", "Respiratory rate"),
        ("SPO2", "2708-6", "Oxygen saturation"),
        ("SBP", "8480-6", "Systolic blood pressure"),
        ("DBP", "8462-4", "Diastolic blood pressure"),
        ("HR", "8867-4", "Heart rate"),
        ("TEMP", "8310-5", "Body temperature"),
    ] {
        code(out, local, LOINC, loinc, display);
    }
    code(
        out,
        "NEWS2",
        "http://snomed.info/sct",
        "1104051000000101",
        "Royal College of Physicians NEWS2 (National Early Warning Score 2) total score",
    );
    code(
        out,
        "ACVPU",
        "http://snomed.info/sct",
        "1104441000000107",
        "ACVPU (Alert Confusion Voice Pain Unresponsive) scale score",
    );
    out.push_str("\n[codes.\"OBR-4\"]\n");
    code(out, "NEWS2", "http://snomed.info/sct", "1363501000000100", "NEWS2 chart");
}

/// Thornhaven: its own words for the national codes, its own laboratory's codes, `BAY2-6` for a bed.
fn vendor_two(out: &mut String) {
    out.push_str("\n[patient]\nlocal_authorities = [\"XWB\"]\nlocal_types = [\"MR\"]\nnhs_authorities = [\"NHS\"]\nnhs_verified = \"traced\"\n");
    out.push_str("\n[visit]\nnumber = [\"PV1-19\"]\nlocation = \"point-ward-bed-site\"\n");
    out.push_str("\n[codes.\"PV1-4\"]\n");
    national(out, "EMER-ED", "21");
    national(out, "ELEC-W", "11");
    national(out, "MAT", "31");
    out.push_str("\n[codes.\"PV1-14\"]\n");
    national(out, "HOME", "19");
    national(out, "CARE", "85");
    out.push_str("\n[codes.\"PV1-36\"]\n");
    national(out, "HOME", "1");
    national(out, "SELF", "6");
    national(out, "DIED", "4");
    out.push_str("\n[codes.\"PV1-37\"]\n");
    national(out, "USUAL", "19");
    national(out, "CARE", "85");
    national(out, "DIED", "79");
    out.push_str("\n[codes.\"AL1-3\"]\n");
    code(out, "NKA", "http://snomed.info/sct", "716186003", "No known allergy");
    out.push_str("\n[codes.\"OBX-3\"]\n");
    for row in TABLE {
        code(out, row.thornhaven.code, LOINC, row.loinc_thornhaven, row.thornhaven.name);
    }
    code(
        out,
        "EWS",
        "http://snomed.info/sct",
        "1104051000000101",
        "Royal College of Physicians NEWS2 (National Early Warning Score 2) total score",
    );
    out.push_str("\n[codes.\"OBR-4\"]\n");
    for panel in PANELS {
        let _ = writeln!(out, "\"{}\" = {{ display = \"{}\" }}", panel.thornhaven.0, panel.thornhaven.1);
    }
    let _ = writeln!(
        out,
        "\"OBSCHART\" = {{ system = \"http://snomed.info/sct\", code = \"1363501000000100\", display = \"NEWS2 chart\" }}"
    );
}

fn laboratory(out: &mut String) {
    out.push_str("\n[patient]\nlocal_authorities = [\"XWL\"]\nnhs_verified = \"traced\"\n");
    out.push_str("\n[visit]\nfrom_other_messages = false\n");
    out.push_str("\n[result]\nkey = \"filler\"\n");
    out.push_str("\n[codes.\"OBX-3\"]\n");
    for row in TABLE {
        code(out, row.region.code, LOINC, row.loinc, row.region.name);
    }
    out.push_str("\n[codes.\"OBR-4\"]\n");
    for panel in PANELS {
        let _ = writeln!(out, "\"{}\" = {{ display = \"{}\" }}", panel.region.0, panel.region.1);
    }
    out.push_str("\n[codes.\"SPM-4\"]\n");
    code(out, "BLOO", "http://snomed.info/sct", "119297000", "Blood specimen");
    code(out, "SER", "http://snomed.info/sct", "119364003", "Serum specimen");
    code(out, "UR", "http://snomed.info/sct", "122575003", "Urine specimen");
}

/// All profiles, by source id.
pub fn profiles() -> Vec<(&'static str, String)> {
    sources::SOURCES.iter().map(|s| (s.id, s.profile_toml())).collect()
}
