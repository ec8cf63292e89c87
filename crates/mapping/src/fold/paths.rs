//! The elements folding knows, in the order they are written out. A path's position is written to disk, so the list only
//! ever grows at its end; unknown paths are spelled out.

/// `meta.x` and `hospitalization.x` are members of those objects; `x[x]` is a choice of types with its companions.
const PATHS: &[&str] = &[
    "meta.profile",
    "meta.security",
    "meta.tag",
    "implicitRules",
    "language",
    "text",
    "contained",
    "extension",
    "modifierExtension",
    "masterIdentifier",
    "identifier",
    "basedOn",
    "partOf",
    "replaces",
    "groupIdentifier",
    "requisition",
    "active",
    "accessionIdentifier",
    "clinicalStatus",
    "verificationStatus",
    "status",
    "docStatus",
    "statusReason",
    "cancelationReason",
    "intent",
    "class",
    "type",
    "category",
    "priority",
    "doNotPerform",
    "criticality",
    "severity",
    "serviceCategory",
    "serviceType",
    "specialty",
    "appointmentType",
    "reasonCode",
    "vaccineCode",
    "medication[x]",
    "code",
    "orderDetail",
    "quantity[x]",
    "bodySite",
    "subject",
    "patient",
    "encounter",
    "context",
    "episodeOfCare",
    "name",
    "telecom",
    "relationship",
    "gender",
    "birthDate",
    "deceased[x]",
    "address",
    "maritalStatus",
    "multipleBirth[x]",
    "contact",
    "communication",
    "generalPractitioner",
    "managingOrganization",
    "link",
    "onset[x]",
    "abatement[x]",
    "effective[x]",
    "occurrence[x]",
    "performed[x]",
    "date",
    "issued",
    "recordedDate",
    "recorded",
    "authoredOn",
    "created",
    "start",
    "end",
    "minutesDuration",
    "requestedPeriod",
    "period",
    "length",
    "primarySource",
    "author",
    "authenticator",
    "custodian",
    "recorder",
    "asserter",
    "requester",
    "requestor",
    "performerType",
    "performer",
    "location",
    "resultsInterpreter",
    "participant",
    "appointment",
    "serviceProvider",
    "value[x]",
    "dataAbsentReason",
    "interpretation",
    "note",
    "method",
    "specimen",
    "referenceRange",
    "hasMember",
    "component",
    "result",
    "conclusion",
    "media",
    "presentedForm",
    "receivedTime",
    "parent",
    "request",
    "collection",
    "container",
    "condition",
    "diagnosis",
    "hospitalization.extension",
    "hospitalization.preAdmissionIdentifier",
    "hospitalization.admitSource",
    "hospitalization.reAdmission",
    "hospitalization.dietPreference",
    "hospitalization.specialCourtesy",
    "hospitalization.specialArrangement",
    "hospitalization.destination",
    "hospitalization.dischargeDisposition",
    "manufacturer",
    "lotNumber",
    "expirationDate",
    "site",
    "route",
    "doseQuantity",
    "dosageInstruction",
    "dispenseRequest",
    "substitution",
    "quantity",
    "daysSupply",
    "whenPrepared",
    "whenHandedOver",
    "authorizingPrescription",
    "isSubpotent",
    "education",
    "reaction",
    "lastOccurrence",
    "outcome",
    "usedReference",
    "reasonReference",
    "supportingInfo",
    "supportingInformation",
    "description",
    "comment",
    "patientInstruction",
    "relatesTo",
    "securityLabel",
    "content",
    "contentType",
    "securityContext",
    "data",
    "slot",
    "participantInstruction",
];

/// Elements that come in one of several types, with the `[x]` path that stands for all of them.
const CHOICES: &[(&str, &str)] = &[
    ("medication", "medication[x]"),
    ("quantity", "quantity[x]"),
    ("deceased", "deceased[x]"),
    ("multipleBirth", "multipleBirth[x]"),
    ("onset", "onset[x]"),
    ("abatement", "abatement[x]"),
    ("effective", "effective[x]"),
    ("occurrence", "occurrence[x]"),
    ("performed", "performed[x]"),
    ("value", "value[x]"),
];

/// A path, by its place in the list or spelled out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Path {
    /// In the list.
    Known(u16),
    /// Anything else, after all those of the list.
    Other(String),
}

impl Path {
    /// The path of this name.
    pub fn of(name: &str) -> Path {
        match known(name) {
            Some(index) => Path::Known(index),
            None => Path::Other(name.to_owned()),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Path::Known(index) => PATHS.get(usize::from(*index)).copied().unwrap_or(""),
            Path::Other(name) => name,
        }
    }
}

/// Looked up often: a table by first two bytes and length would be faster still, a sorted search is fast enough.
fn known(name: &str) -> Option<u16> {
    use std::sync::OnceLock;
    static SORTED: OnceLock<Vec<(&'static str, u16)>> = OnceLock::new();
    let sorted = SORTED.get_or_init(|| {
        let mut list: Vec<(&'static str, u16)> = PATHS.iter().zip(0u16..).map(|(name, index)| (*name, index)).collect();
        list.sort_unstable();
        list
    });
    let at = sorted.binary_search_by_key(&name, |(name, _)| *name).ok()?;
    sorted.get(at).map(|(_, index)| *index)
}

/// The path that governs a top-level member: itself, its choice, or that of the element it accompanies (`_birthDate`).
pub(crate) fn of_member(member: &str) -> Path {
    let plain = member.strip_prefix('_').unwrap_or(member);
    for (stem, path) in CHOICES {
        if let Some(rest) = plain.strip_prefix(stem)
            && rest.starts_with(|c: char| c.is_ascii_uppercase())
        {
            return Path::of(path);
        }
    }
    Path::of(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_is_there_once_and_found() {
        for (index, name) in PATHS.iter().enumerate() {
            assert_eq!(Path::of(name), Path::Known(u16::try_from(index).unwrap()));
            assert_eq!(Path::of(name).name(), *name);
        }
    }

    #[test]
    fn choices_and_companions_share_a_path() {
        assert_eq!(of_member("valueQuantity").name(), "value[x]");
        assert_eq!(of_member("_birthDate").name(), "birthDate");
        assert_eq!(of_member("deceasedBoolean"), of_member("deceasedDateTime"));
        assert_eq!(of_member("values").name(), "values");
        assert_eq!(of_member("quantity").name(), "quantity");
    }
}
