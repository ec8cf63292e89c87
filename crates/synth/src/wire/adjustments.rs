//! Reasonable adjustments and other flags a practice keeps.

use super::fhir::{self, Entries, SNOMED};
use crate::{
    clinical::illness::Ill,
    life::Life,
    people::Person,
    when::{iso_date, plus_days},
};

/// Flags for what staff must know before they meet the person.
pub(crate) fn flags(entries: &mut Entries<'_>, person: &Person, life: &Life, subject: &str, local: &str) {
    let mut needs: Vec<(&str, &str, &str)> = Vec::new();
    let day = life.until;
    if person.language.is_some() {
        needs.push(("interpreter", "315594003", "Interpreter needed"));
    }
    if life.has(Ill::HearingLoss, day) && person.age(day) > 70 {
        needs.push(("hearing", "15188001", "Hearing loss: face the person, speak clearly, check hearing aids"));
    }
    if life.has(Ill::MacularDegeneration, day) {
        needs.push(("print", "397540003", "Visual impairment: letters in large print"));
    }
    if life.has(Ill::LearningDisability, day) {
        needs.push(("easyread", "110359009", "Learning disability: easy read letters, longer appointment"));
    }
    if life.has(Ill::Autism, day) {
        needs.push(("quiet", "408856003", "Autism: quiet waiting place, first appointment of the day"));
    }
    if life.has(Ill::Dementia, day) {
        needs.push(("carer", "52448006", "Dementia: include the carer in all discussions"));
    }
    for (key, code, text) in needs {
        entries.put("Flag", &format!("{local}-f{key}"), |j| {
            fhir::profile(j, "Flag");
            j.text("status", "active");
            j.list("category", |j| {
                j.item(|j| {
                    let system = "http://terminology.hl7.org/CodeSystem/flag-category";
                    fhir::coding(j, system, "clinical", "Clinical");
                });
                j.item(|j| j.text("text", "Reasonable adjustment"));
            });
            j.object("code", |j| {
                j.one("coding", |j| {
                    j.text("system", SNOMED);
                    j.text("code", code);
                });
                j.text("text", text);
            });
            fhir::reference(j, "subject", subject);
            fhir::period(j, "period", &iso_date(plus_days(day, -400)), None);
        });
    }
}
