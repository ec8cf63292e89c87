//! What must be known of a source to read its messages: who it is, whose identifiers it uses, its own codes and its habits.
//! Written as TOML by whoever connects the source; every key but `source` has a default that suits an unknown hospital.
//! `docs/connect-a-source/mapping.md` is the reader's reference; a test checks that it names every key.

use jiff::{SignedDuration, tz::TimeZone};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A source's profile.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The source's id: lower case letters, digits, `-`, `_`, `.`. Part of every key of its resources, so it never changes.
    pub source: String,
    /// The source's name, as shown beside its items.
    #[serde(default)]
    pub name: String,
    /// What kind of organisation it is.
    #[serde(default)]
    pub kind: SourceKind,
    /// The ODS code of the organisation that runs it, for instance `RXX`.
    #[serde(default)]
    pub ods: Option<String>,
    /// The zone of times that carry no offset (design.md §6).
    #[serde(default)]
    pub time_zone: Zone,
    /// How its messages are acknowledged.
    #[serde(default)]
    pub acknowledgement: Acknowledgement,
    /// Whether it sends. An organisation that does not yet, or no longer, is *not connected* on every page that explains what is
    /// missing, and nobody awaits anything from it.
    #[serde(default = "yes")]
    pub connected: bool,
    /// Silence longer than this is not normal for it; nothing: silence is never remarked on.
    #[serde(default)]
    pub quiet_after: Option<Quiet>,
    /// The FHIR types it shares, for instance `["Encounter", "Observation"]`, so that an empty panel can tell "does not
    /// share these" from "has none". Empty: not said.
    #[serde(default)]
    pub shares: Vec<String>,
    /// What comes on its feeds, by their names in the configuration, where each is to be missed for itself: admissions may go on
    /// while results have stopped.
    #[serde(default)]
    pub feeds: BTreeMap<String, FeedRules>,
    /// How its patients are identified.
    #[serde(default)]
    pub patient: PatientRules,
    /// How its visits are identified and placed.
    #[serde(default)]
    pub visit: VisitRules,
    /// How its results are keyed.
    #[serde(default)]
    pub result: ResultRules,
    /// Names it uses for code systems (CWE.3) and the URIs they stand for, beside the well-known ones.
    #[serde(default)]
    pub code_systems: BTreeMap<String, String>,
    /// Local codes by the field they stand in (`"PV1-10"`), then by code as sent.
    #[serde(default)]
    pub codes: BTreeMap<String, BTreeMap<String, LocalCode>>,
    /// Habits that differ from what most senders do.
    #[serde(default)]
    pub quirks: Quirks,
}

/// One of a source's feeds, as readers of a record are told of it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedRules {
    /// What comes on it, as it stands in a sentence: `results`, `letters`. Empty: the feed's name.
    #[serde(default)]
    pub what: String,
    /// Silence longer than this is not normal for it; nothing: its silence is never remarked on.
    #[serde(default)]
    pub quiet_after: Option<Quiet>,
    /// The FHIR types that come on no other feed of the source: of these nothing new is known while it is silent. Empty: not said,
    /// so that anything may be missing.
    #[serde(default)]
    pub shares: Vec<String>,
}

/// What kind of organisation a source belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    /// An acute hospital trust.
    #[default]
    Hospital,
    /// A general practice.
    Gp,
    /// A pathology, genomics or imaging service.
    Laboratory,
    /// A community health trust.
    Community,
    /// A mental health trust.
    MentalHealth,
    /// An ambulance service.
    Ambulance,
    /// A council's social care.
    Council,
    /// Anything else.
    Other,
}

/// How to acknowledge (HL7 v2.5 §2.9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Acknowledgement {
    /// As MSH-15 and MSH-16 ask: both empty is original mode, else enhanced.
    #[default]
    Auto,
    /// AA, AE, AR whatever MSH says.
    Original,
    /// CA, CE, CR whatever MSH says.
    Enhanced,
}

/// Patient identification.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PatientRules {
    /// Assigning authorities (CX.4) of the source's own patient identifier, best first. The first is the canonical one: an
    /// identifier under any of them is keyed under it. Empty: the first identifier that is no NHS number decides, those of
    /// the types below before others.
    pub local_authorities: Vec<String>,
    /// Identifier types (CX.5) that mark the source's own patient identifier where no authority is named above.
    pub local_types: Vec<String>,
    /// Other spellings of the NHS number's authority than the common ones.
    pub nhs_authorities: Vec<String>,
    /// Ten digits with a right check digit in PID-3 are an NHS number even without authority or type.
    pub nhs_bare: bool,
    /// Which statements of an NHS number count as verified.
    pub nhs_verified: NhsVerified,
    /// FHIR systems of assigning authorities, instead of `https://skein.example/id/<source>/<authority>`.
    pub systems: BTreeMap<String, String>,
    /// Values of PD1-12 (protection indicator) that make a person's whereabouts restricted.
    pub restricted: Vec<String>,
    /// Further field (path) that carries such a value, for instance `ZPD-4`.
    pub restricted_field: Option<String>,
    /// Which field carries the ethnic category.
    pub ethnicity: EthnicityField,
    /// Which code table PID-16 uses.
    pub marital_status: MaritalTable,
}

impl Default for PatientRules {
    fn default() -> Self {
        PatientRules {
            local_authorities: Vec::new(),
            local_types: ["MR", "PI", "PT", "PN", "HN", "LR", "U"].map(String::from).to_vec(),
            nhs_authorities: Vec::new(),
            nhs_bare: false,
            nhs_verified: NhsVerified::Traced,
            systems: BTreeMap::new(),
            restricted: ["Y", "R", "S", "V"].map(String::from).to_vec(),
            restricted_field: None,
            ethnicity: EthnicityField::Pid22,
            marital_status: MaritalTable::Nhs,
        }
    }
}

/// Which statements of an NHS number count as verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NhsVerified {
    /// Only those with PID-32 `NSTS01` (or `01`).
    #[default]
    Traced,
    /// Every valid one: the source traces all its patients and does not say so.
    Always,
    /// None, whatever PID-32 says.
    Never,
}

/// The field that carries the ethnic category.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum EthnicityField {
    /// PID-22, as in the NHS.
    #[default]
    #[serde(rename = "PID-22")]
    Pid22,
    /// PID-10.
    #[serde(rename = "PID-10")]
    Pid10,
}

/// The code table of PID-16: `P` is "separated" in the NHS and "domestic partner" in HL7.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MaritalTable {
    /// NHS Data Dictionary: S M D W P N.
    #[default]
    Nhs,
    /// HL7 table 0002.
    Hl7,
}

/// Visits.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VisitRules {
    /// Where the visit's identifier stands: the first of these fields that has a value.
    pub number: Vec<String>,
    /// What the components of PV1-3 are.
    pub location: LocationParts,
    /// Messages other than ADT (results, letters) also tell of the visit they name in PV1-19. Left out: so for hospitals,
    /// community and mental health trusts.
    pub from_other_messages: Option<bool>,
    /// Field that carries the national code of what followed an outpatient attendance, for instance `ZU1-9`.
    pub outcome_field: Option<String>,
    /// Field that carries the national code of the mental health legal status, for instance `ZMH-2`.
    pub legal_status_field: Option<String>,
}

impl Default for VisitRules {
    fn default() -> Self {
        VisitRules {
            number: ["PV1-19", "PV1-50", "PV1-5"].map(String::from).to_vec(),
            location: LocationParts::PointWardBedSite,
            from_other_messages: None,
            outcome_field: None,
            legal_status_field: None,
        }
    }
}

/// What the first three components of PV1-3 are; the fourth is the site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LocationParts {
    /// Point of care (hospital or wing), ward, bed, site: the NHS's ITK habit.
    #[default]
    PointWardBedSite,
    /// Ward, bay or room, bed, site: HL7's own wording.
    WardBayBedSite,
}

/// Results.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ResultRules {
    /// Which order number a report is known by.
    pub key: ResultKey,
    /// AL1-4, IAM-4 (allergy severity) tell how bad a reaction was, or how bad the next may be.
    pub allergy_severity: AllergySeverity,
}

impl Default for ResultRules {
    fn default() -> Self {
        ResultRules { key: ResultKey::Filler, allergy_severity: AllergySeverity::Reaction }
    }
}

/// Which order number a report is known by, with the test code OBR-4.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResultKey {
    /// The filler's (OBR-3, else ORC-3), else the placer's.
    #[default]
    Filler,
    /// The placer's (OBR-2, else ORC-2), else the filler's.
    Placer,
    /// The filler's alone, without the test code: for laboratories that change OBR-4 between versions.
    FillerOnly,
}

/// What an allergy's severity speaks of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AllergySeverity {
    /// The reaction that was seen.
    #[default]
    Reaction,
    /// The risk of the next.
    Criticality,
}

/// Habits of a sender.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quirks {
    /// PV1-3 of an A08 is a move (the source sends no A02). Otherwise an A08's place counts only while no move is known.
    pub a08_moves: bool,
    /// Segments not to be read at all, for instance `["IN1", "NK1"]`.
    pub ignore_segments: Vec<String>,
}

/// What a local code stands for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalCode {
    /// The code system's URI; without one the code only gets a display.
    pub system: Option<String>,
    /// The code there; as sent if left out.
    pub code: Option<String>,
    /// What people read.
    pub display: Option<String>,
}

/// A time zone by its name.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct Zone(pub TimeZone);

impl Default for Zone {
    fn default() -> Self {
        Zone(TimeZone::get("Europe/London").unwrap_or(TimeZone::UTC))
    }
}

impl TryFrom<String> for Zone {
    type Error = String;
    fn try_from(name: String) -> Result<Self, String> {
        TimeZone::get(&name)
            .map(Zone)
            .map_err(|_| format!("`{name}` is no time zone; write for instance \"Europe/London\""))
    }
}

/// A stretch of time such as `15m`, `2h` or `1d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Quiet(pub SignedDuration);

impl TryFrom<String> for Quiet {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no stretch of time; write for instance \"15m\", \"2h\" or \"1d\"");
        let days = text.strip_suffix('d').and_then(|d| d.trim().parse::<i64>().ok());
        let quiet = match days {
            Some(days) => SignedDuration::from_hours(days.checked_mul(24).ok_or_else(wrong)?),
            None => text.parse().map_err(|_| wrong())?,
        };
        if quiet.is_positive() { Ok(Quiet(quiet)) } else { Err(wrong()) }
    }
}

/// A profile that cannot be used: what is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadProfile(pub String);

impl Profile {
    /// A profile for a source of which nothing but its id is known: an English hospital of ordinary habits.
    pub fn unknown(source: &str) -> Profile {
        Profile {
            source: source.to_owned(),
            name: source.to_owned(),
            kind: SourceKind::default(),
            ods: None,
            time_zone: Zone::default(),
            acknowledgement: Acknowledgement::default(),
            connected: true,
            quiet_after: None,
            shares: Vec::new(),
            feeds: BTreeMap::new(),
            patient: PatientRules::default(),
            visit: VisitRules::default(),
            result: ResultRules::default(),
            code_systems: BTreeMap::new(),
            codes: BTreeMap::new(),
            quirks: Quirks::default(),
        }
    }

    /// Read a profile. The error names the line, the key and what was expected.
    pub fn from_toml(text: &str) -> Result<Profile, BadProfile> {
        let mut profile: Profile = toml::from_str(text).map_err(|e| BadProfile(e.to_string()))?;
        profile.check()?;
        if profile.name.is_empty() {
            profile.name.clone_from(&profile.source);
        }
        Ok(profile)
    }

    /// Check what types cannot say. Profiles built in code should be checked too.
    pub fn check(&self) -> Result<(), BadProfile> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
        if self.source.is_empty() || !self.source.chars().all(plain) {
            return Err(BadProfile(format!(
                "source = \"{}\": write lower case letters, digits, \"-\", \"_\" or \".\", for instance \"rxx-pas\"",
                self.source
            )));
        }
        let of_feeds = self.feeds.iter().map(|(name, feed)| (format!("feeds.{name}.shares"), &feed.shares));
        for (key, shares) in std::iter::once(("shares".to_owned(), &self.shares)).chain(of_feeds) {
            if let Some(kind) = shares.iter().find(|kind| kind.parse::<fhir::ResourceType>().is_err()) {
                return Err(BadProfile(format!(
                    "{key}: \"{kind}\" is no FHIR R4 type; write for instance \"Observation\""
                )));
            }
        }
        if let Some((name, _)) = self.feeds.iter().find(|(_, feed)| feed.what.chars().any(char::is_control)) {
            return Err(BadProfile(format!("feeds.{name}.what: write words on one line, for instance \"results\"")));
        }
        let paths =
            self.codes.keys().map(|f| ("codes", f)).chain(self.visit.number.iter().map(|f| ("visit.number", f)));
        let single = [
            ("patient.restricted_field", &self.patient.restricted_field),
            ("visit.outcome_field", &self.visit.outcome_field),
            ("visit.legal_status_field", &self.visit.legal_status_field),
        ];
        let single = single.into_iter().filter_map(|(key, field)| Some((key, field.as_ref()?)));
        for (key, field) in paths.chain(single) {
            if !is_field(field) {
                return Err(BadProfile(format!("{key}: \"{field}\" is no field; write for instance \"PV1-19\"")));
            }
        }
        Ok(())
    }

    /// Whether messages other than ADT tell of visits.
    pub(crate) fn visits_from_other_messages(&self) -> bool {
        self.visit
            .from_other_messages
            .unwrap_or(matches!(self.kind, SourceKind::Hospital | SourceKind::Community | SourceKind::MentalHealth))
    }

    /// The FHIR system of an identifier under this assigning authority.
    pub fn identifier_system(&self, authority: &str) -> String {
        if let Some(system) = self.patient.systems.get(authority) {
            return system.clone();
        }
        let mut system = format!("https://skein.example/id/{}/", self.source);
        push_plain(&mut system, if authority.is_empty() { "local" } else { authority });
        system
    }

    /// The FHIR system of codes the source made up under this name.
    pub(crate) fn local_code_system(&self, name: &str) -> String {
        let mut system = format!("https://skein.example/codes/{}/", self.source);
        push_plain(&mut system, if name.is_empty() { "local" } else { name });
        system
    }

    pub(crate) fn local_code(&self, field: &str, code: &str) -> Option<&LocalCode> {
        if self.codes.is_empty() {
            return None;
        }
        self.codes.get(field)?.get(code)
    }
}

fn yes() -> bool {
    true
}

/// `PV1-19`, `ZPD-4.2`: three letters or digits, a dash, a number.
fn is_field(text: &str) -> bool {
    let Some((segment, field)) = text.split_once('-') else { return false };
    segment.len() == 3
        && segment.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
        && field.split('.').all(|n| n.parse::<u16>().is_ok_and(|n| n > 0))
}

/// A text as part of a URI: what could mean something there becomes a dash.
fn push_plain(uri: &mut String, text: &str) {
    for c in text.chars() {
        uri.push(if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_profile_is_an_ordinary_hospital() {
        assert_eq!(Profile::from_toml("source = \"rxx\"").unwrap(), Profile::unknown("rxx"));
    }

    #[test]
    fn a_mistake_is_named_with_its_line() {
        for (text, says) in [
            ("source = \"rxx\"\nkind = \"hospitol\"", "line 2"),
            ("source = \"rxx\"\n\n[quirks]\na08 = true", "line 4"),
            ("source = \"rxx\"\ntime_zone = \"London\"", "Europe/London"),
            ("source = \"rxx\"\nquiet_after = \"soon\"", "15m"),
            ("source = \"rxx\"\nshares = [\"Allergies\"]", "no FHIR R4 type"),
            (
                "source = \"rxx\"\n[feeds.lims]\nshares = [\"Results\"]",
                "feeds.lims.shares: \"Results\" is no FHIR R4 type",
            ),
            ("source = \"rxx\"\n[feeds.lims]\nquiet = \"2h\"", "line 3"),
            ("source = \"rxx\"\n[feeds.lims]\nwhat = \"a\\nb\"", "feeds.lims.what"),
            ("name = \"x\"", "source"),
            ("source = \"RXX PAS\"", "lower case"),
            ("source = \"rxx\"\n[codes.PV]\nx = { display = \"y\" }", "no field"),
        ] {
            let error = Profile::from_toml(text).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn stretches_of_time_are_read() {
        for (text, minutes) in [("15m", 15), ("2h", 120), ("1d", 1440), ("1h 30m", 90)] {
            assert_eq!(Quiet::try_from(text.to_owned()).unwrap().0, SignedDuration::from_mins(minutes));
        }
    }
}
