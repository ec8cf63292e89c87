//! The council: packages of care.

use super::{Pen, Plan};
use crate::life::plans::Package;
use crate::wire::Outgoing;
use crate::wire::fhir::{self, Bundle};
use jiff::Timestamp;

impl Pen<'_> {
    /// The council: the package of care and who arranges it.
    pub(crate) fn council(&self, package: &Package, sent: Timestamp) -> Outgoing {
        Bundle::new(self.source, 6_000).send(sent, |entries| {
            self.patient(entries);
            let worker = self.staff(0, package.worker);
            self.team(entries, "Adult social care, locality team", std::slice::from_ref(&worker), package.since);
            let calls: &[&str] = match package.calls_a_day {
                1 => &["Morning call 08:00, 45 minutes, every day: washing, dressing, breakfast, medicines prompt"],
                2 => &[
                    "Morning call 07:45, 45 minutes, every day: washing, dressing, breakfast, medicines prompt",
                    "Evening call 18:30, 30 minutes, every day: supper, getting ready for bed",
                ],
                3 => &[
                    "Morning call 07:30, 45 minutes, every day: washing, dressing, breakfast, medicines prompt",
                    "Lunch call 12:30, 30 minutes, every day: meal, drink, medicines prompt",
                    "Evening call 18:45, 30 minutes, every day: supper, getting ready for bed",
                ],
                _ => &[
                    "Morning call 07:30, 45 minutes, two carers: washing, dressing, hoist transfer, breakfast",
                    "Lunch call 12:30, 30 minutes, two carers: meal, drink, pad change",
                    "Tea call 16:30, 30 minutes, two carers: drink, pad change",
                    "Night call 20:30, 45 minutes, two carers: into bed, skin check",
                ],
            };
            let provider = format!("Provided by {}.", package.provider);
            let mut activities: Vec<(Option<(&str, &str)>, &str)> = calls.iter().map(|c| (None, *c)).collect();
            activities.push((None, provider.as_str()));
            self.plan(
                entries,
                "package",
                &Plan {
                    kind: None,
                    title: "Package of care",
                    summary: "Care at home under the Care Act, reviewed each year.",
                    made: package.since,
                    ends: None,
                    superseded: false,
                    replaces: None,
                    author: &worker,
                    activities: &activities,
                },
            );
            if let Some(code) = package.key_safe {
                let text = format!("Key safe to the left of the front door, code {code}");
                self.flag(entries, "keysafe", ("admin", "Administrative"), &text, package.since);
            }
            if self.person.lives_alone {
                self.flag(entries, "alone", ("safety", "Safety"), "Lives alone", package.since);
            }
            // Known to adult safeguarding: about one in thirty of those with a package.
            if self.person.index % 31 == 7 {
                let text = "Safeguarding adults: enquiry open, ring the duty team before any discharge home";
                self.flag(entries, "safeguarding", ("safety", "Safety"), text, package.since);
            }
            if package.attorney {
                let who = self
                    .person
                    .contacts
                    .first()
                    .map(|c| format!(": {} {}, {}", c.given, c.family, c.phone))
                    .unwrap_or_default();
                self.flag(
                    entries,
                    "lpa",
                    ("admin", "Administrative"),
                    &format!("Lasting power of attorney for health and welfare{who}"),
                    package.since,
                );
            }
            for (n, contact) in self.person.contacts.iter().enumerate().filter(|(_, c)| c.carer) {
                entries.put("RelatedPerson", &self.id(&format!("r{n}")), |j| {
                    fhir::profile(j, "RelatedPerson");
                    j.raw("active", "true");
                    fhir::reference(j, "patient", &self.subject());
                    j.list("relationship", |j| {
                        let (code, display) = fhir::kin(contact.kin);
                        j.item(|j| fhir::coding(j, "http://terminology.hl7.org/CodeSystem/v3-RoleCode", code, display));
                        j.item(|j| {
                            fhir::coding(
                                j,
                                &fhir::code_system("AdditionalPersonRelationshipRole"),
                                "Carer",
                                "Carer of patient",
                            )
                        });
                    });
                    j.one("name", |j| {
                        j.text("family", &contact.family);
                        j.list("given", |j| j.text_item(&contact.given));
                    });
                    j.one("telecom", |j| {
                        j.text("system", "phone");
                        j.text("value", &contact.phone);
                    });
                });
            }
        })
    }
}
