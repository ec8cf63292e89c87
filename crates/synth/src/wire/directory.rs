//! The resources of no patient that a FHIR source's other resources refer to: its organisation and its staff.

use super::{
    Outgoing,
    fhir::{self, Bundle, ODS},
};
use crate::{
    life::World,
    sources::{self, Kind, Wire},
    when::at,
};

/// Groups and numbers of the staff a FHIR source publishes.
fn roster(kind: Kind) -> &'static [(u64, u64)] {
    match kind {
        Kind::Practice => &[(0, 9)],
        Kind::Community => &[(0, 12), (1, 6)],
        Kind::MentalHealth => &[(0, 12)],
        Kind::Ambulance => &[(0, 16)],
        Kind::Council => &[(0, 10)],
        Kind::Hospital | Kind::Laboratory => &[],
    }
}

/// A bundle with the source's organisation and staff; nothing for sources that speak HL7 v2.
pub(crate) fn bundle(world: &World, source: u8) -> Option<Outgoing> {
    let who = sources::at(source);
    if who.wire != Wire::Fhir {
        return None;
    }
    Some(Bundle::new(source, 16_384).send(at(world.start, -120), |entries| {
        entries.put("Organization", who.ods, |j| {
            fhir::profile(j, "Organization");
            j.one("identifier", |j| {
                j.text("system", ODS);
                j.text("value", who.ods);
            });
            j.raw("active", "true");
            j.text("name", who.name);
            j.one("address", |j| {
                j.text("city", who.town);
                j.text("district", crate::people::places::COUNTY);
            });
        });
        for (group, count) in roster(who.kind) {
            for number in 0..*count {
                let staff = sources::staff(world.seed, source, *group, number);
                entries.put("Practitioner", &staff.id, |j| {
                    fhir::profile(j, "Practitioner");
                    j.one("identifier", |j| {
                        j.text("system", &format!("https://{}.wexmoor.example/Id/staff", who.id));
                        j.text("value", &staff.code);
                    });
                    j.raw("active", "true");
                    j.one("name", |j| {
                        j.text("family", staff.family);
                        j.list("given", |j| j.text_item(staff.given));
                        j.list("prefix", |j| j.text_item(staff.title));
                    });
                });
                entries.put("PractitionerRole", &format!("role-{group}-{number}"), |j| {
                    fhir::profile(j, "PractitionerRole");
                    j.raw("active", "true");
                    fhir::named(j, "practitioner", &format!("Practitioner/{}", staff.id), &staff.name());
                    fhir::named(j, "organization", &format!("Organization/{}", who.ods), who.name);
                    j.one("code", |j| j.text("text", staff.role));
                });
            }
        }
    }))
}
