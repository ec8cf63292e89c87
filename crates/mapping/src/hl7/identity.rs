//! Who the message is about: the source's own identifier, the NHS number in all its spellings, and the key of the patient.

use crate::{
    change::Severity,
    hl7::{
        context::Context,
        values::{authority_of, coding, extension, fixed},
    },
    json::{Json, Object, object},
    profile::NhsVerified,
    uk::tables,
};
use fhir::{NhsNumber, PatientKey, nhs};
use hl7v2::{Location, Rep, Segment};

/// What a PID (or the like) says of a patient's identity.
pub(crate) struct Identity {
    pub key: PatientKey,
    /// FHIR identifiers, the source's own first.
    pub identifiers: Vec<Json>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    /// PID-3: the list.
    List,
    /// PID-2, PID-19: a place where senders put the NHS number, without a word.
    Aside,
}

struct Found {
    authority: String,
    /// The FHIR system of the authority's universal id, where it has one: `urn:oid:…` of an ISO object identifier.
    universal: Option<String>,
    value: String,
    kind: String,
}

impl<'m> Context<'m> {
    /// The patient a PID speaks of. Nothing when it names none: a finding says so.
    pub fn identify(&self, pid: Segment<'m>) -> Option<Identity> {
        let list = pid.field(3);
        let mut numbers: Vec<Json> = Vec::new();
        let mut valid: Option<NhsNumber> = None;
        let mut known: Vec<NhsNumber> = Vec::new();
        let mut others: Vec<Found> = Vec::new();
        let status = self.trace_status(pid);
        let reps = list.reps().map(|r| (r, Field::List));
        let asides = [2, 19].into_iter().flat_map(|n| pid.field(n).reps()).map(|r| (r, Field::Aside));
        for (rep, field) in reps.chain(asides) {
            let value = rep.comp(1).text();
            let value = value.trim();
            if value.is_empty() {
                continue;
            }
            let (authority, kind) = (authority_of(rep.comp(4)), rep.comp(5).text());
            let said = self.says_nhs(&authority, &kind);
            let parsed = NhsNumber::parse(value);
            let bare = authority.trim().is_empty() && (field == Field::Aside || self.profile.patient.nhs_bare);
            match parsed {
                Ok(number) if (said || bare) && !known.contains(&number) => {
                    known.push(number);
                    numbers.push(self.nhs_identifier(number.as_str(), true, status.filter(|_| valid.is_none())));
                    valid = valid.or(Some(number));
                }
                // The same again, in another spelling.
                Ok(_) if said || bare => {}
                Err(_) if said => {
                    self.find(
                        Severity::Warning,
                        "nhs-number-check-digit",
                        &rep.comp(1).location(),
                        "not a valid NHS number: kept as sent and marked, never used to link",
                    );
                    let plain: String = value.chars().filter(|c| !c.is_whitespace()).collect();
                    numbers.push(self.nhs_identifier(&plain, false, None));
                }
                _ if field == Field::List => others.push(Found {
                    authority: authority.into_owned(),
                    universal: universal_of(rep.comp(4)),
                    value: value.to_owned(),
                    kind: kind.into_owned(),
                }),
                _ => {}
            }
        }
        let local = self.local_of(&others);
        let key = match (local, valid) {
            (Some(at), _) => others.get(at).map(|found| self.local_key(found)),
            (None, Some(number)) => Some(self.nhs_key(number)),
            (None, None) => None,
        };
        let Some(key) = key else {
            let place = if pid.name() == "PID" { Location::field("PID", 3) } else { pid.location() };
            self.find(
                Severity::Error,
                "patient-without-identifier",
                &place,
                "no identifier of the source's own and no valid NHS number: correct the message, or name the authority in the profile (patient.local_authorities)",
            );
            return None;
        };
        let mut identifiers = Vec::with_capacity(others.len() + numbers.len());
        if let Some(found) = local.and_then(|at| others.get(at)) {
            identifiers.push(self.other_identifier(found, true));
        }
        identifiers.append(&mut numbers);
        for (at, found) in others.iter().enumerate() {
            if Some(at) != local {
                identifiers.push(self.other_identifier(found, false));
            }
        }
        Some(Identity { key, identifiers })
    }

    /// The patient that one repetition of MRG-1 (or its like) names.
    pub fn identify_merged(&self, mrg: Segment<'m>) -> Option<Identity> {
        let mut number: Option<NhsNumber> = None;
        let mut others: Vec<Found> = Vec::new();
        for rep in mrg.field(1).reps().chain(mrg.field(4).reps()) {
            let value = rep.comp(1).text();
            let value = value.trim();
            if value.is_empty() {
                continue;
            }
            let (authority, kind) = (authority_of(rep.comp(4)), rep.comp(5).text());
            let said = self.says_nhs(&authority, &kind);
            match NhsNumber::parse(value) {
                Ok(found) if said || authority.trim().is_empty() && self.profile.patient.nhs_bare => {
                    number = number.or(Some(found))
                }
                _ if said => {}
                _ => others.push(Found {
                    authority: authority.into_owned(),
                    universal: universal_of(rep.comp(4)),
                    value: value.to_owned(),
                    kind: kind.into_owned(),
                }),
            }
        }
        let found = self.local_of(&others).and_then(|at| others.get(at));
        match (found, number) {
            (Some(found), _) => {
                Some(Identity { key: self.local_key(found), identifiers: vec![self.other_identifier(found, true)] })
            }
            (None, Some(number)) => Some(Identity {
                key: self.nhs_key(number),
                identifiers: vec![self.nhs_identifier(number.as_str(), true, None)],
            }),
            (None, None) => {
                self.find(
                    Severity::Error,
                    "merge-without-identifier",
                    &mrg.field(1).location(),
                    "MRG names no patient: there is nothing to merge",
                );
                None
            }
        }
    }

    fn says_nhs(&self, authority: &str, kind: &str) -> bool {
        let common = |text: &str| {
            let compact: String =
                text.chars().filter(|c| c.is_ascii_alphanumeric()).map(|c| c.to_ascii_uppercase()).collect();
            matches!(compact.as_str(), "NHS" | "NHSNUMBER" | "NHSNBR" | "NHSNO" | "NHSNMBR" | "21684011138832141")
                || text == nhs::SYSTEM
        };
        common(authority)
            || kind.trim().eq_ignore_ascii_case("NH")
            || kind.trim().eq_ignore_ascii_case("NHS")
            || self.profile.patient.nhs_authorities.iter().any(|a| a == authority.trim())
    }

    /// Which of the identifiers is the source's own.
    fn local_of(&self, others: &[Found]) -> Option<usize> {
        let rules = &self.profile.patient;
        if !rules.local_authorities.is_empty() {
            let of =
                |authority: &String| others.iter().position(|f| f.authority.trim().eq_ignore_ascii_case(authority));
            return rules.local_authorities.iter().find_map(of);
        }
        // Numbers of other registers (driving licence, passport, social security …) are nobody's patient number.
        let foreign = |f: &Found| {
            matches!(f.kind.as_str(), "SS" | "DL" | "PPN" | "SB" | "TAX" | "MC" | "AN" | "VN" | "PRN" | "EI" | "BC")
        };
        let marked =
            others.iter().position(|f| rules.local_types.iter().any(|t| t.eq_ignore_ascii_case(f.kind.trim())));
        marked.or_else(|| others.iter().position(|f| !foreign(f)))
    }

    fn local_key(&self, found: &Found) -> PatientKey {
        let named = &self.profile.patient.local_authorities;
        let authority = match named.first() {
            Some(first) if named.iter().any(|a| a.eq_ignore_ascii_case(found.authority.trim())) => first.as_str(),
            _ => found.authority.trim(),
        };
        self.region.patient(&self.profile.source, &format!("{authority}|{}", found.value))
    }

    fn nhs_key(&self, number: NhsNumber) -> PatientKey {
        self.region.patient(&self.profile.source, &format!("NHS|{}", number.as_str()))
    }

    fn other_identifier(&self, found: &Found, own: bool) -> Json {
        let kind = if found.kind.trim().is_empty() && own { "MR" } else { found.kind.trim() };
        let display = match kind {
            "MR" => "Medical record number",
            "PI" => "Patient internal identifier",
            _ => "",
        };
        let kind = (!kind.is_empty()).then(|| fixed("http://terminology.hl7.org/CodeSystem/v2-0203", kind, display));
        Object::new().put("type", kind).text("system", &self.system_of(found)).text("value", &found.value).value()
    }

    /// As the profile says; else by the authority's universal id, which is the same for everybody; else made up from the
    /// source and the name it uses.
    fn system_of(&self, found: &Found) -> String {
        let authority = found.authority.trim();
        match &found.universal {
            Some(universal) if !self.profile.patient.systems.contains_key(authority) => universal.clone(),
            _ => self.profile.identifier_system(authority),
        }
    }

    fn nhs_identifier(&self, number: &str, valid: bool, status: Option<&'static str>) -> Json {
        let mut extensions = Vec::new();
        let status = match (valid, self.profile.patient.nhs_verified, status) {
            (false, ..) => None,
            (_, NhsVerified::Always, _) => Some("01"),
            (_, NhsVerified::Never, Some("01")) => Some("02"),
            (_, _, status) => status,
        };
        if let Some((code, display)) = status.and_then(|s| tables::NHS_NUMBER_STATUS.find(s)) {
            let concept = object! { "coding": [coding(nhs::VERIFICATION_STATUS_SYSTEM, code, display)] };
            extensions.push(extension(nhs::VERIFICATION_STATUS, "valueCodeableConcept", concept));
        }
        if !valid {
            extensions.push(extension(nhs::INVALID_CHECK_DIGIT, "valueBoolean", Json::from(true)));
        }
        Object::new().list("extension", extensions).text("system", nhs::SYSTEM).text("value", number).value()
    }

    /// PID-32: `NSTS01` to `NSTS08`, or the two digits alone.
    fn trace_status(&self, pid: Segment<'m>) -> Option<&'static str> {
        let of = |rep: Rep<'m>| {
            let text = rep.comp(1).text();
            let digits = text.trim().strip_prefix("NSTS").unwrap_or(text.trim()).to_owned();
            tables::NHS_NUMBER_STATUS.find(&digits).map(|(code, _)| code).filter(|c| digits.len() == c.len())
        };
        pid.field(32).reps().find_map(of)
    }
}

/// The FHIR system of a universal id (HD-2, HD-3): object identifiers and addresses stand for themselves everywhere.
fn universal_of(authority: hl7v2::Comp<'_>) -> Option<String> {
    let (id, kind) = (authority.sub(2), authority.sub(3));
    let id = id.trim();
    match kind.trim() {
        "ISO" if !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit() || b == b'.') => Some(format!("urn:oid:{id}")),
        "URI" | "URL" if id.contains(':') => Some(id.to_owned()),
        _ => None,
    }
}
