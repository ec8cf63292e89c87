//! Who sends: the organisations of Wexmoor, their codes and dialects, wards and staff. All invented; the codes have the
//! shape of ODS codes and begin with X so that they name nobody.

use crate::{
    dice::Dice,
    people::{Sex, names, names::Naming},
};

/// What an organisation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An acute hospital.
    Hospital,
    /// A general practice.
    Practice,
    /// A pathology laboratory.
    Laboratory,
    /// A community trust.
    Community,
    /// A mental health trust.
    MentalHealth,
    /// An ambulance service.
    Ambulance,
    /// A council's adult social care.
    Council,
}

impl Kind {
    /// As profiles spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Hospital => "hospital",
            Kind::Practice => "gp",
            Kind::Laboratory => "laboratory",
            Kind::Community => "community",
            Kind::MentalHealth => "mental-health",
            Kind::Ambulance => "ambulance",
            Kind::Council => "council",
        }
    }
}

/// What a source's messages are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wire {
    /// HL7 v2 messages, for MLLP.
    Hl7v2,
    /// FHIR R4 transaction bundles.
    Fhir,
}

/// A system that sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// Short and stable: names folders, feeds and credentials.
    pub id: &'static str,
    /// What people call the organisation.
    pub name: &'static str,
    /// Its (invented) ODS code.
    pub ods: &'static str,
    /// What it is.
    pub kind: Kind,
    /// What it sends.
    pub wire: Wire,
    /// Town of its main site.
    pub town: &'static str,
}

/// Positions in [`SOURCES`].
pub(crate) mod id {
    pub(crate) const ALDERMERE: u8 = 0;
    pub(crate) const THORNHAVEN: u8 = 1;
    pub(crate) const LABORATORY: u8 = 2;
    pub(crate) const FIRST_PRACTICE: u8 = 3;
    pub(crate) const COMMUNITY: u8 = 11;
    pub(crate) const MENTAL_HEALTH: u8 = 12;
    pub(crate) const AMBULANCE: u8 = 13;
    pub(crate) const COUNCIL: u8 = 14;
}

const fn source(
    id: &'static str,
    name: &'static str,
    ods: &'static str,
    kind: Kind,
    wire: Wire,
    town: &'static str,
) -> Source {
    Source { id, name, ods, kind, wire, town }
}

/// Every source of the region.
pub const SOURCES: &[Source] = &[
    source("aldermere-hospital", "Aldermere General Hospital", "XWA", Kind::Hospital, Wire::Hl7v2, "Aldermere"),
    source("thornhaven-hospital", "Thornhaven Royal Infirmary", "XWB", Kind::Hospital, Wire::Hl7v2, "Thornhaven"),
    source("wexmoor-laboratory", "Wexmoor Pathology", "XWL", Kind::Laboratory, Wire::Hl7v2, "Aldermere"),
    source("gp-church-lane", "Church Lane Surgery", "X81001", Kind::Practice, Wire::Fhir, "Aldermere"),
    source("gp-guildhall", "Guildhall Medical Centre", "X81002", Kind::Practice, Wire::Fhir, "Aldermere"),
    source("gp-kingsmarsh", "Kingsmarsh Health Centre", "X81003", Kind::Practice, Wire::Fhir, "Kingsmarsh"),
    source("gp-hollin-cross", "Hollin Cross Practice", "X81004", Kind::Practice, Wire::Fhir, "Hollin Cross"),
    source("gp-harbour", "Harbour Street Surgery", "X81005", Kind::Practice, Wire::Fhir, "Thornhaven"),
    source("gp-trafalgar", "Trafalgar House Surgery", "X81006", Kind::Practice, Wire::Fhir, "Thornhaven"),
    source("gp-brackenford", "Brackenford Medical Practice", "X81007", Kind::Practice, Wire::Fhir, "Brackenford"),
    source("gp-st-osyns", "St Osyn's Bay Surgery", "X81008", Kind::Practice, Wire::Fhir, "St Osyn's Bay"),
    source("wexmoor-community", "Wexmoor Community Health", "XWC", Kind::Community, Wire::Fhir, "Kingsmarsh"),
    source(
        "wexmoor-mental-health",
        "Wexmoor Mental Health Partnership",
        "XWM",
        Kind::MentalHealth,
        Wire::Fhir,
        "Aldermere",
    ),
    source("wexmoor-ambulance", "Wexmoor Ambulance Service", "XWS", Kind::Ambulance, Wire::Fhir, "Brackenford"),
    source("wexmoor-council", "Wexmoor Council Adult Social Care", "X900", Kind::Council, Wire::Fhir, "Aldermere"),
];

/// How many practices there are.
pub(crate) const PRACTICES: u8 = 8;

/// The source at a position.
pub(crate) fn at(position: u8) -> &'static Source {
    static ANY: Source =
        source("aldermere-hospital", "Aldermere General Hospital", "XWA", Kind::Hospital, Wire::Hl7v2, "Aldermere");
    SOURCES.get(usize::from(position)).unwrap_or(&ANY)
}

/// The position of practice `number` (0 to 7) in [`SOURCES`].
pub(crate) fn practice(number: u8) -> u8 {
    id::FIRST_PRACTICE + number % PRACTICES
}

/// What a ward is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    AcuteMedical,
    Medical,
    Elderly,
    Surgical,
    Orthopaedic,
    Cardiac,
    Respiratory,
    Stroke,
    Children,
    Maternity,
    Critical,
    DaySurgery,
}

/// A ward: bays of beds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ward {
    pub code: &'static str,
    pub name: &'static str,
    pub purpose: Use,
    /// Main specialty code of the NHS Data Dictionary.
    pub specialty: &'static str,
    pub bays: u8,
    pub beds: u8,
}

const fn ward(
    code: &'static str,
    name: &'static str,
    purpose: Use,
    specialty: &'static str,
    bays: u8,
    beds: u8,
) -> Ward {
    Ward { code, name, purpose, specialty, bays, beds }
}

const ALDERMERE_WARDS: &[Ward] = &[
    ward("AMU", "Acute Medical Unit", Use::AcuteMedical, "326", 6, 6),
    ward("HOLLIN", "Hollin Ward", Use::Medical, "300", 5, 6),
    ward("BRACKEN", "Bracken Ward", Use::Elderly, "430", 5, 6),
    ward("CURLEW", "Curlew Ward", Use::Elderly, "430", 4, 6),
    ward("HEATHER", "Heather Ward", Use::Respiratory, "340", 4, 6),
    ward("CCU", "Coronary Care Unit", Use::Cardiac, "320", 3, 4),
    ward("KESTREL", "Kestrel Ward", Use::Surgical, "100", 5, 6),
    ward("PLOVER", "Plover Ward", Use::Orthopaedic, "110", 5, 6),
    ward("STROKE", "Stroke Unit", Use::Stroke, "300", 3, 6),
    ward("LARK", "Lark Children's Ward", Use::Children, "420", 4, 4),
    ward("MATY", "Maternity Ward", Use::Maternity, "501", 4, 6),
    ward("ICU", "Intensive Care Unit", Use::Critical, "192", 2, 6),
    ward("DSU", "Day Surgery Unit", Use::DaySurgery, "100", 4, 6),
];

const THORNHAVEN_WARDS: &[Ward] = &[
    ward("1A", "Ward 1A Medical Assessment", Use::AcuteMedical, "326", 5, 6),
    ward("2A", "Ward 2A General Medicine", Use::Medical, "300", 5, 6),
    ward("2B", "Ward 2B Care of the Elderly", Use::Elderly, "430", 5, 6),
    ward("3A", "Ward 3A Respiratory", Use::Respiratory, "340", 4, 6),
    ward("3B", "Ward 3B Cardiology", Use::Cardiac, "320", 4, 5),
    ward("4A", "Ward 4A Surgery", Use::Surgical, "100", 5, 6),
    ward("4B", "Ward 4B Orthopaedics", Use::Orthopaedic, "110", 4, 6),
    ward("5A", "Ward 5A Stroke", Use::Stroke, "300", 3, 6),
    ward("5B", "Ward 5B Children", Use::Children, "420", 3, 4),
    ward("6A", "Ward 6A Maternity", Use::Maternity, "501", 4, 5),
    ward("HDU", "High Dependency Unit", Use::Critical, "192", 2, 5),
    ward("DCU", "Day Case Unit", Use::DaySurgery, "100", 4, 5),
];

/// The wards of hospital 0 or 1.
pub(crate) fn wards(hospital: u8) -> &'static [Ward] {
    if hospital == 0 { ALDERMERE_WARDS } else { THORNHAVEN_WARDS }
}

/// The ward for a purpose (each hospital has at least one).
pub(crate) fn ward_for(hospital: u8, purpose: Use, dice: &mut Dice) -> &'static Ward {
    let all = wards(hospital);
    let fitting: Vec<&Ward> = all.iter().filter(|w| w.purpose == purpose).collect();
    if fitting.is_empty() { dice.pick(all) } else { dice.pick::<&'static Ward>(&fitting) }
}

/// The ODS-like site code of hospital 0 or 1.
pub(crate) fn site(hospital: u8) -> &'static str {
    if hospital == 0 { "XWA01" } else { "XWB02" }
}

/// Somebody who works at a source.
#[derive(Clone, Debug)]
pub(crate) struct Staff {
    /// Code as the source writes it: consultants `C` + 7 digits, general practitioners `G` + 7 digits, others `N`.
    pub code: String,
    pub title: &'static str,
    pub given: &'static str,
    pub family: &'static str,
    /// What they do, for instance "General practitioner".
    pub role: &'static str,
    /// Stable id within the source.
    pub id: String,
}

impl Staff {
    /// `Dr Ada Smith`.
    pub(crate) fn name(&self) -> String {
        format!("{} {} {}", self.title, self.given, self.family)
    }
}

/// Member `number` of the staff of `source` in the group `group` (a specialty code, or 0). Always the same.
pub(crate) fn staff(seed: u64, source: u8, group: u64, number: u64) -> Staff {
    let mut dice = Dice::new(seed, &[6, u64::from(source), group, number]);
    let kind = at(source).kind;
    let naming = *dice.pick(&[
        Naming::British,
        Naming::British,
        Naming::British,
        Naming::British,
        Naming::SouthAsianHinduSikh,
        Naming::SouthAsianMuslim,
        Naming::African,
        Naming::Irish,
        Naming::European,
        Naming::Chinese,
    ]);
    let female_share = match kind {
        Kind::Community | Kind::Council => 0.85,
        _ => 0.52,
    };
    let sex = if dice.chance(female_share) { Sex::Female } else { Sex::Male };
    let female = sex == Sex::Female;
    let born = i16::try_from(dice.range(1962, 1994)).unwrap_or(1975);
    let (letter, role, doctor) = match kind {
        Kind::Hospital | Kind::Laboratory => ('C', "Consultant", true),
        Kind::Practice if number < 6 => ('G', "General practitioner", true),
        Kind::Practice if number < 8 => ('N', "Practice nurse", false),
        Kind::Practice => ('N', "Clinical pharmacist", false),
        Kind::Community if group == 1 => ('N', "Community physiotherapist", false),
        Kind::Community => ('N', "District nurse", false),
        Kind::MentalHealth if number < 4 => ('C', "Consultant psychiatrist", true),
        Kind::MentalHealth => ('N', "Community psychiatric nurse", false),
        Kind::Ambulance => ('N', "Paramedic", false),
        Kind::Council => ('N', "Social worker", false),
    };
    let surgeon = matches!(group, 100..=170 | 502);
    let title = match (doctor, surgeon && kind == Kind::Hospital, female) {
        (true, true, false) | (false, _, false) => "Mr",
        (true, true, true) => "Miss",
        (true, false, _) => "Dr",
        (false, _, true) => *dice.pick(&["Mrs", "Ms", "Miss"]),
    };
    // The digits say where they work, and that the code is made up: no register begins with 99.
    let code = format!("{letter}99{source:02}{:03}", (group * 7 + number) % 1_000);
    Staff {
        code,
        title,
        given: names::given(naming, female, born, &mut dice),
        family: names::family(naming, &mut dice),
        role,
        id: format!("staff-{group}-{number}"),
    }
}

/// Operators who type at the hospital's desks, for EVN-5.
pub(crate) fn clerk(seed: u64, source: u8, dice: &mut Dice) -> Staff {
    staff(seed, source, 9_000, dice.below(12))
}

/// A consultant of a specialty at a hospital.
pub(crate) fn consultant(seed: u64, hospital: u8, specialty: &str, dice: &mut Dice) -> Staff {
    staff(seed, hospital, specialty.parse().unwrap_or(300), dice.below(3))
}

/// What a specialty code is called.
pub(crate) fn specialty_name(code: &str) -> &'static str {
    match code {
        "100" => "General Surgery",
        "101" => "Urology",
        "110" => "Trauma and Orthopaedics",
        "120" => "Ear Nose and Throat",
        "130" => "Ophthalmology",
        "180" => "Emergency Medicine",
        "192" => "Intensive Care Medicine",
        "301" => "Gastroenterology",
        "302" => "Endocrinology and Diabetes",
        "303" => "Clinical Haematology",
        "315" => "Palliative Medicine",
        "320" => "Cardiology",
        "326" => "Acute Internal Medicine",
        "330" => "Dermatology",
        "340" => "Respiratory Medicine",
        "361" => "Renal Medicine",
        "370" => "Medical Oncology",
        "400" => "Neurology",
        "410" => "Rheumatology",
        "420" => "Paediatrics",
        "430" => "Geriatric Medicine",
        "501" => "Obstetrics",
        "502" => "Gynaecology",
        "822" => "Chemical Pathology",
        _ => "General Internal Medicine",
    }
}
