//! Pieces of UK Core resources that every FHIR source writes alike.

use super::{
    Format, Outgoing,
    belief::{Belief, Traced},
    json::Json,
};
use crate::{
    clinical::{Term, drugs::Product},
    people::{Contact, Kin, Person},
    sources,
    when::{iso_date, iso_instant},
};
use jiff::Timestamp;

pub(crate) const SNOMED: &str = "http://snomed.info/sct";
pub(crate) const LOINC: &str = "http://loinc.org";
pub(crate) const DMD: &str = "https://dmd.nhs.uk";
pub(crate) const UCUM: &str = "http://unitsofmeasure.org";
pub(crate) const ODS: &str = "https://fhir.nhs.uk/Id/ods-organization-code";
const UK: &str = "https://fhir.hl7.org.uk";

/// A transaction bundle being filled.
pub(crate) struct Bundle {
    json: Json,
    source: &'static sources::Source,
}

impl Bundle {
    /// Begin a transaction of this source.
    pub(crate) fn new(source: u8, capacity: usize) -> Self {
        Bundle { json: Json::with_capacity(capacity), source: sources::at(source) }
    }

    /// Collect entries by `fill`, and send the bundle as of `at`.
    pub(crate) fn send(mut self, at: Timestamp, fill: impl FnOnce(&mut Entries<'_>)) -> Outgoing {
        let source = self.source;
        self.json.item(|j| {
            j.text("resourceType", "Bundle");
            j.text("type", "transaction");
            j.text("timestamp", &iso_instant(at));
            j.list("entry", |j| {
                fill(&mut Entries { json: j, source });
            });
        });
        Outgoing { source: source.id, at, format: Format::Fhir, bytes: self.json.into_bytes() }
    }
}

/// The entries of a bundle.
pub(crate) struct Entries<'a> {
    json: &'a mut Json,
    source: &'static sources::Source,
}

impl Entries<'_> {
    /// A resource to put under its id.
    pub(crate) fn put(&mut self, kind: &str, id: &str, fill: impl FnOnce(&mut Json)) {
        let source = self.source.id;
        self.json.item(|j| {
            j.text("fullUrl", &format!("https://{source}.wexmoor.example/fhir/{kind}/{id}"));
            j.object("resource", |j| {
                j.text("resourceType", kind);
                j.text("id", id);
                fill(j);
            });
            j.object("request", |j| {
                j.text("method", "PUT");
                j.text("url", &format!("{kind}/{id}"));
            });
        });
    }
}

/// `meta.profile` of a UK Core profile.
pub(crate) fn profile(j: &mut Json, name: &str) {
    j.object("meta", |j| j.list("profile", |j| j.text_item(&format!("{UK}/StructureDefinition/UKCore-{name}"))));
}

/// The URL of a UK Core extension.
pub(crate) fn extension(name: &str) -> String {
    format!("{UK}/StructureDefinition/Extension-UKCore-{name}")
}

/// The URL of a UK Core code system.
pub(crate) fn code_system(name: &str) -> String {
    format!("{UK}/CodeSystem/UKCore-{name}")
}

/// A member that is a concept with one coding.
pub(crate) fn concept(j: &mut Json, key: &str, system: &str, code: &str, display: &str) {
    j.object(key, |j| coding(j, system, code, display));
}

/// The `coding` and `text` of a concept.
pub(crate) fn coding(j: &mut Json, system: &str, code: &str, display: &str) {
    j.one("coding", |j| {
        j.text("system", system);
        j.text("code", code);
        j.text("display", display);
    });
    j.text("text", display);
}

/// A member that is a SNOMED CT concept.
pub(crate) fn snomed(j: &mut Json, key: &str, term: &Term) {
    concept(j, key, SNOMED, term.sct, term.name);
}

/// A member that is a list of one concept.
pub(crate) fn concepts(j: &mut Json, key: &str, system: &str, code: &str, display: &str) {
    j.one(key, |j| coding(j, system, code, display));
}

/// A member that is a medicine.
pub(crate) fn medicine(j: &mut Json, product: &Product) {
    concept(j, "medicationCodeableConcept", DMD, product.code, product.name);
}

/// A member that is a reference within the source.
pub(crate) fn reference(j: &mut Json, key: &str, to: &str) {
    j.object(key, |j| j.text("reference", to));
}

/// A member that is a reference with what to show.
pub(crate) fn named(j: &mut Json, key: &str, to: &str, display: &str) {
    j.object(key, |j| {
        j.text("reference", to);
        j.text("display", display);
    });
}

/// A member that is a quantity in UCUM.
pub(crate) fn quantity(j: &mut Json, key: &str, value: &str, unit: &str, code: &str) {
    j.object(key, |j| {
        j.raw("value", value);
        j.text("unit", unit);
        j.text("system", UCUM);
        j.text("code", code);
    });
}

/// `period` of an encounter or plan.
pub(crate) fn period(j: &mut Json, key: &str, from: &str, to: Option<&str>) {
    j.object(key, |j| {
        j.text("start", from);
        if let Some(to) = to {
            j.text("end", to);
        }
    });
}

/// The category of an observation.
pub(crate) fn category(j: &mut Json, code: &str, display: &str) {
    concepts(j, "category", "http://terminology.hl7.org/CodeSystem/observation-category", code, display);
}

/// Everything of a Patient that comes from what the source believes.
pub(crate) fn patient(j: &mut Json, person: &Person, belief: &Belief, source: u8, practice_reference: Option<&str>) {
    let source = sources::at(source);
    j.object("meta", |j| {
        j.list("profile", |j| j.text_item(&format!("{UK}/StructureDefinition/UKCore-Patient")));
        if person.restricted {
            j.one("security", |j| {
                j.text("system", "http://terminology.hl7.org/CodeSystem/v3-Confidentiality");
                j.text("code", "R");
                j.text("display", "restricted");
            });
        }
    });
    j.list("extension", |j| {
        j.item(|j| {
            j.text("url", &extension("EthnicCategory"));
            concept(
                j,
                "valueCodeableConcept",
                &code_system("EthnicCategoryEngland"),
                person.ethnicity,
                ethnic_display(person.ethnicity),
            );
        });
        if let Some(death) = person.death {
            j.item(|j| {
                j.text("url", &extension("DeathNotificationStatus"));
                j.list("extension", |j| {
                    j.item(|j| {
                        j.text("url", "deathNotificationStatus");
                        concept(
                            j,
                            "valueCodeableConcept",
                            &code_system("DeathNotificationStatus"),
                            "2",
                            "Formal - death notice received from Registrar of Deaths",
                        );
                    });
                    j.item(|j| {
                        j.text("url", "systemEffectiveDate");
                        j.text("valueDateTime", &iso_date(death));
                    });
                });
            });
        }
    });
    j.list("identifier", |j| {
        if let Some((digits, traced)) = &belief.nhs {
            j.item(|j| {
                j.one("extension", |j| {
                    j.text("url", ::fhir::nhs::VERIFICATION_STATUS);
                    let (code, display) = match traced {
                        Traced::Verified => ("01", "Number present and verified"),
                        Traced::Untraced => ("02", "Number present but not traced"),
                    };
                    concept(j, "valueCodeableConcept", ::fhir::nhs::VERIFICATION_STATUS_SYSTEM, code, display);
                });
                j.text("use", "official");
                j.text("system", ::fhir::nhs::SYSTEM);
                j.text("value", digits);
            });
        }
        j.item(|j| {
            j.text("use", "usual");
            j.text("system", &format!("https://{}.wexmoor.example/Id/patient", source.id));
            j.text("value", &belief.local);
        });
    });
    j.raw("active", "true");
    j.list("name", |j| {
        j.item(|j| {
            j.text("use", "official");
            j.text("family", &belief.family);
            j.list("given", |j| {
                j.text_item(&belief.given);
                if let Some(middle) = &belief.middle {
                    j.text_item(middle);
                }
            });
            j.list("prefix", |j| j.text_item(belief.title));
        });
        if let Some(known_as) = person.known_as.filter(|k| *k != belief.given) {
            j.item(|j| {
                j.text("use", "nickname");
                j.list("given", |j| j.text_item(known_as));
            });
        }
        if let Some(maiden) = person.maiden.as_deref().filter(|m| *m != belief.family) {
            j.item(|j| {
                j.text("use", "maiden");
                j.text("family", maiden);
                j.list("given", |j| j.text_item(&belief.given));
            });
        }
    });
    let email = person.email.as_deref();
    if belief.phone.is_some() || belief.mobile.is_some() || email.is_some() {
        j.list("telecom", |j| {
            let mut contact = |system: &str, value: Option<&str>, used: &str| {
                if let Some(value) = value {
                    j.item(|j| {
                        j.text("system", system);
                        j.text("value", value);
                        j.text("use", used);
                    });
                }
            };
            contact("phone", belief.phone.as_deref(), "home");
            contact("phone", belief.mobile.as_deref(), "mobile");
            contact("email", email, "home");
        });
    }
    j.text("gender", if person.female() { "female" } else { "male" });
    j.text("birthDate", &iso_date(belief.birth));
    if let Some(death) = person.death {
        j.text("deceasedDateTime", &iso_date(death));
    }
    let address = belief.old_address.as_ref().unwrap_or(&belief.address);
    j.one("address", |j| {
        j.text("use", "home");
        j.list("line", |j| {
            for line in address.lines() {
                j.text_item(line);
            }
        });
        j.text("city", address.town);
        j.text("district", crate::people::places::COUNTY);
        j.text("postalCode", &address.postcode);
    });
    let (code, display) = marital(person.marital);
    concept(j, "maritalStatus", &code_system("PersonMaritalStatusEngland"), code, display);
    if !person.contacts.is_empty() {
        j.list("contact", |j| {
            for contact in &person.contacts {
                j.item(|j| contact_point(j, contact));
            }
        });
    }
    if let Some((code, name)) = person.language {
        j.one("communication", |j| {
            concept(j, "language", "urn:ietf:bcp:47", code, name);
            j.raw("preferred", "true");
        });
    }
    let practice = sources::at(sources::practice(belief.practice));
    j.one("generalPractitioner", |j| {
        if let Some(reference) = practice_reference {
            j.text("reference", reference);
        }
        j.object("identifier", |j| {
            j.text("system", ODS);
            j.text("value", practice.ods);
        });
        j.text("display", practice.name);
    });
}

fn contact_point(j: &mut Json, contact: &Contact) {
    let (code, display) = kin(contact.kin);
    j.list("relationship", |j| {
        j.item(|j| coding(j, "http://terminology.hl7.org/CodeSystem/v3-RoleCode", code, display));
        j.item(|j| coding(j, "http://terminology.hl7.org/CodeSystem/v2-0131", "N", "Next-of-Kin"));
    });
    j.object("name", |j| {
        j.text("family", &contact.family);
        j.list("given", |j| j.text_item(&contact.given));
        j.list("prefix", |j| j.text_item(contact.title));
    });
    j.one("telecom", |j| {
        j.text("system", "phone");
        j.text("value", &contact.phone);
    });
}

/// HL7 v3 role codes of relatives.
pub(crate) fn kin(kin: Kin) -> (&'static str, &'static str) {
    match kin {
        Kin::Partner => ("SPS", "spouse"),
        Kin::Mother => ("MTH", "mother"),
        Kin::Father => ("FTH", "father"),
        Kin::Daughter => ("DAU", "natural daughter"),
        Kin::Son => ("SON", "natural son"),
        Kin::Sister => ("SIS", "sister"),
        Kin::Brother => ("BRO", "brother"),
        Kin::Friend => ("FRND", "unrelated friend"),
    }
}

fn marital(code: char) -> (&'static str, &'static str) {
    match code {
        'M' => ("M", "Married/Civil Partner"),
        'W' => ("W", "Widowed/Surviving Civil Partner"),
        'D' => ("D", "Divorced/Person whose Civil Partnership has been dissolved"),
        _ => ("S", "Single"),
    }
}

/// Displays of the ethnic categories (NHS Data Dictionary).
pub(crate) fn ethnic_display(code: &str) -> &'static str {
    match code {
        "A" => "White - British",
        "B" => "White - Irish",
        "C" => "White - Any other White background",
        "D" => "Mixed - White and Black Caribbean",
        "E" => "Mixed - White and Black African",
        "F" => "Mixed - White and Asian",
        "G" => "Mixed - Any other mixed background",
        "H" => "Asian or Asian British - Indian",
        "J" => "Asian or Asian British - Pakistani",
        "K" => "Asian or Asian British - Bangladeshi",
        "L" => "Asian or Asian British - Any other Asian background",
        "M" => "Black or Black British - Caribbean",
        "N" => "Black or Black British - African",
        "P" => "Black or Black British - Any other Black background",
        "R" => "Other Ethnic Groups - Chinese",
        "S" => "Other Ethnic Groups - Any other ethnic group",
        "Z" => "Not stated",
        _ => "Not known",
    }
}
