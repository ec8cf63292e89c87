//! What a practice knows beside illness: frailty scores, relatives' illnesses, home and daily life, pregnancy.

use super::fhir::{self, Entries, LOINC};
use super::json::Json;
use crate::{
    clinical::illness::Ill,
    life::{Life, World},
    people::{Person, Sex},
    when::{iso_date, plus_days},
};
use jiff::civil::Date;

/// Everything of it that is known of this person.
pub(crate) fn write(
    entries: &mut Entries<'_>,
    world: &World,
    person: &Person,
    life: &Life,
    subject: &str,
    local: &str,
) {
    let mut dice = world.dice(6, person.index);
    let day = life.until;
    let ago = |days: i64| plus_days(day, -days);
    if person.age(day) >= 65 {
        let asked = ago(dice.range(20, 320));
        observation(entries, &format!("{local}-efi"), subject, "survey", "Electronic frailty index", asked, |j| {
            fhir::quantity(j, "valueQuantity", &format!("{:.2}", life.frailty), "{index}", "1");
        });
        if life.frailty > 0.2 && dice.chance(0.7) {
            let scale = match life.frailty {
                ..0.24 => "4",
                ..0.30 => "5",
                ..0.42 => "6",
                _ => "7",
            };
            let asked = ago(dice.range(5, 200));
            let name = "Rockwood Clinical Frailty Scale";
            observation(entries, &format!("{local}-cfs"), subject, "survey", name, asked, |j| {
                fhir::quantity(j, "valueQuantity", scale, "of 9", "1");
            });
        }
    }
    if person.age(day) >= 18 {
        let asked = ago(dice.range(60, 900));
        if dice.chance(0.55) {
            let units = if life.has(Ill::AlcoholDependence, day) { dice.range(40, 90) } else { dice.range(0, 18) };
            observation(entries, &format!("{local}-alcohol"), subject, "social-history", "Alcohol use", asked, |j| {
                fhir::quantity(j, "valueQuantity", &units.to_string(), "units a week", "/wk");
            });
        }
        if person.lives_alone && dice.chance(0.8) {
            told(entries, &format!("{local}-home"), subject, "Housing", asked, "Lives alone");
        } else if person.age(day) > 75 && dice.chance(0.3) {
            told(entries, &format!("{local}-home"), subject, "Housing", asked, "Lives with family, ground floor");
        }
        if person.age(day) < 66 && dice.chance(0.3) {
            let work =
                *dice.pick(&["Teacher", "Driver", "Retail assistant", "Care worker", "Electrician", "Office work"]);
            told(entries, &format!("{local}-work"), subject, "Occupation", asked, work);
        }
        relatives(entries, &mut dice, person, subject, local, asked);
    }
    let fertile = person.sex == Sex::Female && (18..43).contains(&person.age(day)) && person.alive(day);
    if fertile && dice.chance(0.035) {
        let found = ago(dice.range(10, 120));
        entries.put("Observation", &format!("{local}-pregnant"), |j| {
            fhir::profile(j, "Observation");
            j.text("status", "final");
            fhir::concept(j, "code", LOINC, "82810-3", "Pregnancy status");
            fhir::reference(j, "subject", subject);
            j.text("effectiveDateTime", &iso_date(found));
            fhir::concept(j, "valueCodeableConcept", fhir::SNOMED, "77386006", "Pregnant");
        });
        let due = plus_days(found, 210 + dice.range(0, 20));
        entries.put("Observation", &format!("{local}-due"), |j| {
            fhir::profile(j, "Observation");
            j.text("status", "final");
            fhir::concept(j, "code", LOINC, "11778-8", "Expected date of delivery");
            fhir::reference(j, "subject", subject);
            j.text("effectiveDateTime", &iso_date(found));
            j.text("valueDateTime", &iso_date(due));
        });
    }
}

/// A parent's or a sibling's illness, for about one adult in five.
fn relatives(
    entries: &mut Entries<'_>,
    dice: &mut crate::dice::Dice,
    person: &Person,
    subject: &str,
    local: &str,
    asked: Date,
) {
    if !dice.chance(0.2) {
        return;
    }
    let (code, kin) = *dice.pick(&[("MTH", "Mother"), ("FTH", "Father"), ("SIB", "Sibling")]);
    let (sct, ill) = *dice.pick(&[
        ("414545008", "Ischaemic heart disease"),
        ("44054006", "Type 2 diabetes mellitus"),
        ("363406005", "Malignant tumour of colon"),
        ("254837009", "Malignant tumour of breast"),
        ("230690007", "Stroke"),
    ]);
    let onset = dice.range(38, 74);
    entries.put("FamilyMemberHistory", &format!("{local}-kin{}", person.index % 7), |j| {
        fhir::profile(j, "FamilyMemberHistory");
        j.text("status", "completed");
        fhir::reference(j, "patient", subject);
        j.text("date", &iso_date(asked));
        fhir::concept(j, "relationship", "http://terminology.hl7.org/CodeSystem/v3-RoleCode", code, kin);
        j.one("condition", |j| {
            fhir::concept(j, "code", fhir::SNOMED, sct, ill);
            fhir::quantity(j, "onsetAge", &onset.to_string(), "years", "a");
        });
    });
}

fn told(entries: &mut Entries<'_>, id: &str, subject: &str, what: &str, when: Date, answer: &str) {
    observation(entries, id, subject, "social-history", what, when, |j| j.text("valueString", answer));
}

fn observation(
    entries: &mut Entries<'_>,
    id: &str,
    subject: &str,
    category: &str,
    what: &str,
    when: Date,
    value: impl FnOnce(&mut Json),
) {
    entries.put("Observation", id, |j| {
        fhir::profile(j, "Observation");
        j.text("status", "final");
        fhir::category(j, category, if category == "survey" { "Survey" } else { "Social History" });
        j.object("code", |j| j.text("text", what));
        fhir::reference(j, "subject", subject);
        j.text("effectiveDateTime", &iso_date(when));
        value(j);
    });
}
