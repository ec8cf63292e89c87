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

/// The last of `meta`'s members in the list.
const META_LAST: u16 = 2;
/// The last of `hospitalization`'s members in the list.
const HOSPITALIZATION_LAST: u16 = 122;

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

    /// Where it stands among the members that are written: members of one object together, the rest in the list's order.
    pub fn rank(&self) -> u16 {
        match self {
            Path::Known(index) => *index,
            Path::Other(name) if name.starts_with("meta.") => META_LAST,
            Path::Other(name) if name.starts_with("hospitalization.") => HOSPITALIZATION_LAST,
            Path::Other(_) => u16::MAX,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Path::Known(index) => PATHS.get(usize::from(*index)).copied().unwrap_or(""),
            Path::Other(name) => name,
        }
    }

    /// The object it is a member of (`meta`, `hospitalization`, or none), and its name there.
    pub fn nested(&self) -> (&'static str, &str) {
        let name = self.name();
        if let Some(inner) = name.strip_prefix("meta.") {
            return ("meta", inner);
        }
        match name.strip_prefix("hospitalization.") {
            Some(inner) => ("hospitalization", inner),
            None => ("", name),
        }
    }
}

/// Slots of the table of names, a power of two several times as many as there are.
const SLOTS: usize = 1024;

/// Where a name is looked for first: by its first and last eight bytes and its length. Names are looked up more often
/// than anything else is done in folding.
fn slot(name: &str) -> usize {
    let bytes = name.as_bytes();
    let word = |part: Option<&[u8]>| part.and_then(|p| p.try_into().ok()).map_or(0, u64::from_le_bytes);
    let (first, last) = if bytes.len() >= 8 {
        (word(bytes.get(..8)), word(bytes.get(bytes.len() - 8..)))
    } else {
        (bytes.iter().fold(0, |n, b| n << 8 | u64::from(*b)), 0)
    };
    let mixed = (first ^ last.rotate_left(23) ^ bytes.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    usize::try_from(mixed >> 54).unwrap_or(0) % SLOTS
}

fn known(name: &str) -> Option<u16> {
    use std::sync::OnceLock;
    static TABLE: OnceLock<Vec<u16>> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        // 0 is an empty slot; a name goes into the first free one from where it is looked for.
        let mut table = vec![0; SLOTS];
        for (name, number) in PATHS.iter().zip(1u16..) {
            let mut at = slot(name);
            while table.get(at).is_some_and(|taken| *taken != 0) {
                at = (at + 1) % SLOTS;
            }
            if let Some(free) = table.get_mut(at) {
                *free = number;
            }
        }
        table
    });
    let mut at = slot(name);
    loop {
        let number = table.get(at)?.checked_sub(1)?;
        if PATHS.get(usize::from(number)).is_some_and(|path| *path == name) {
            return Some(number);
        }
        at = (at + 1) % SLOTS;
    }
}

/// The path that governs a top-level member: itself, its choice, or that of the element it accompanies (`_birthDate`).
pub(crate) fn of_member(member: &str) -> Path {
    let plain = member.strip_prefix('_').unwrap_or(member);
    if let Some(index) = known(plain) {
        return Path::Known(index);
    }
    for (stem, path) in CHOICES {
        if let Some(rest) = plain.strip_prefix(stem)
            && rest.starts_with(|c: char| c.is_ascii_uppercase())
        {
            return Path::of(path);
        }
    }
    Path::Other(plain.to_owned())
}

/// The path of a member of `meta` or `hospitalization`.
pub(crate) fn of_nested(outer: &str, inner: &str) -> Path {
    match (outer, inner) {
        ("meta", "profile") => Path::Known(0),
        ("meta", "security") => Path::Known(1),
        _ => Path::of(&format!("{outer}.{inner}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_is_there_once_and_found() {
        assert_eq!(of_nested("meta", "profile"), Path::of("meta.profile"));
        assert_eq!(of_nested("meta", "security"), Path::of("meta.security"));
        assert_eq!(Path::of("meta.tag"), Path::Known(META_LAST));
        assert_eq!(Path::of("hospitalization.dischargeDisposition"), Path::Known(HOSPITALIZATION_LAST));
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
