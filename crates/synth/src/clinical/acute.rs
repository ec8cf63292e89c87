//! Why people come to hospital, what they are given there, and what they may be allergic to or be vaccinated against.

use super::{Term, drugs::Drug, illness::Ill, term};
use crate::sources::Use;

/// A reason for an emergency attendance.
#[derive(Debug)]
pub(crate) struct Acute {
    pub term: Term,
    /// What the patient or the crew says at the door.
    pub complaint: Term,
    /// Youngest and oldest it is seen at.
    pub ages: (i64, i64),
    /// How often among attendances of those ages.
    pub weight: f64,
    /// Having this makes it ten times as likely.
    pub because: Option<Ill>,
    /// Chance of being admitted.
    pub admitted: f64,
    pub ward: Use,
    pub specialty: &'static str,
    /// Mean stay in days.
    pub days: f64,
    /// Typical C reactive protein on arrival.
    pub crp: f64,
    /// How unwell on arrival: 0 well, 1 very.
    pub severity: f64,
    /// Medicines to take home.
    pub home_with: &'static [Drug],
    /// A sentence for the discharge summary.
    pub story: &'static str,
}

const FALL: Term = term("217082002", "Accidental fall", "W19");
const CHEST_PAIN: Term = term("29857009", "Chest pain", "R07.4");
const BREATHLESS: Term = term("267036007", "Dyspnoea", "R06.0");
const ABDOMINAL: Term = term("21522001", "Abdominal pain", "R10.4");
const FEVER: Term = term("386661006", "Fever", "R50.9");
const CONFUSION: Term = term("40917007", "Clouded consciousness", "R41.0");
const COLLAPSE: Term = term("271594007", "Syncope", "R55");

macro_rules! acute {
    ($sct:literal $name:literal $icd:literal, $complaint:expr, $from:literal..$to:literal x $weight:literal, $because:expr,
     $admitted:literal, $ward:ident $specialty:literal $days:literal, crp $crp:literal, $severity:literal, [$($drug:ident),*], $story:literal) => {
        Acute {
            term: term($sct, $name, $icd), complaint: $complaint, ages: ($from, $to), weight: $weight, because: $because,
            admitted: $admitted, ward: Use::$ward, specialty: $specialty, days: $days, crp: $crp, severity: $severity,
            home_with: &[$(Drug::$drug),*], story: $story,
        }
    };
}

/// Emergencies.
#[rustfmt::skip]
pub(crate) const EMERGENCIES: &[Acute] = &[
    acute!("233604007" "Pneumonia" "J18.9", BREATHLESS, 16..110 x 5.0, None, 0.85, Respiratory "340" 6.0, crp 160.0, 0.6, [Doxycycline], "Chest X-ray showed consolidation at the right base. Treated with intravenous then oral antibiotics and oxygen, with good response."),
    acute!("68566005" "Urinary tract infectious disease" "N39.0", CONFUSION, 70..110 x 5.0, None, 0.75, Elderly "430" 6.0, crp 90.0, 0.4, [Nitrofurantoin], "Urine dipstick positive for nitrites and leucocytes. Improved with antibiotics and fluids; confusion resolved."),
    acute!("5913000" "Fracture of neck of femur" "S72.0", FALL, 65..110 x 2.0, Some(Ill::Osteoporosis), 1.0, Orthopaedic "110" 13.0, crp 60.0, 0.4, [Paracetamol, Codeine, CalciumD], "Fell at home. Hemiarthroplasty the next day without complication. Mobilising with a frame and one person on discharge."),
    acute!("125605004" "Fracture of bone" "T14.2", FALL, 3..110 x 7.0, None, 0.10, Orthopaedic "110" 2.5, crp 8.0, 0.1, [Paracetamol], "Undisplaced fracture, treated in plaster. Fracture clinic follow-up arranged."),
    acute!("195951007" "Acute exacerbation of chronic obstructive airways disease" "J44.1", BREATHLESS, 45..110 x 0.6, Some(Ill::Copd), 0.75, Respiratory "340" 4.5, crp 45.0, 0.6, [Prednisolone, Doxycycline], "Treated with nebulisers, steroids and antibiotics; controlled oxygen to 88-92%. Back to usual breathing on discharge."),
    acute!("84114007" "Heart failure" "I50.9", BREATHLESS, 55..110 x 0.7, Some(Ill::HeartFailure), 0.9, Cardiac "320" 8.0, crp 20.0, 0.5, [Furosemide], "Fluid overloaded on arrival with bilateral ankle oedema. Diuresed with intravenous furosemide; weight down 6 kg."),
    acute!("22298006" "Myocardial infarction" "I21.9", CHEST_PAIN, 40..110 x 1.0, Some(Ill::IschaemicHeart), 1.0, Cardiac "320" 4.0, crp 15.0, 0.6, [Aspirin, Clopidogrel, Atorvastatin80, Bisoprolol], "Troponin rose; angiography with a stent to the left anterior descending artery. Cardiac rehabilitation arranged."),
    acute!("29857009" "Chest pain" "R07.4", CHEST_PAIN, 18..110 x 9.0, None, 0.30, AcuteMedical "326" 1.0, crp 4.0, 0.1, [], "ECG without acute change and two troponins normal. Felt to be musculoskeletal."),
    acute!("230690007" "Cerebrovascular accident" "I63.9", term("26544005", "Muscle weakness", "M62.8"), 45..110 x 1.2, Some(Ill::AtrialFibrillation), 1.0, Stroke "300" 12.0, crp 10.0, 0.5, [Clopidogrel, Atorvastatin80], "Sudden weakness of the left arm and face. CT showed no bleed. Seen by the stroke therapists daily; speech back to normal."),
    acute!("49436004" "Atrial fibrillation" "I48.9", term("80313002", "Palpitations", "R00.2"), 45..110 x 1.2, Some(Ill::AtrialFibrillation), 0.5, Cardiac "320" 2.0, crp 5.0, 0.3, [Bisoprolol, Apixaban], "Heart rate 140 on arrival, settled with beta blocker. Anticoagulation discussed and started."),
    acute!("91302008" "Sepsis" "A41.9", FEVER, 30..110 x 1.6, None, 1.0, AcuteMedical "326" 8.0, crp 220.0, 0.9, [], "Septic on arrival, source thought to be urinary. Intravenous antibiotics within the hour; blood cultures grew Escherichia coli."),
    acute!("128045006" "Cellulitis" "L03.9", term("271807003", "Eruption of skin", "R21"), 20..110 x 2.0, None, 0.4, Medical "300" 4.0, crp 85.0, 0.2, [Flucloxacillin], "Red, hot left lower leg. Marked, elevated, improving on antibiotics."),
    acute!("14669001" "Acute kidney injury" "N17.9", CONFUSION, 55..110 x 0.9, Some(Ill::Ckd3), 0.95, Medical "300" 7.0, crp 40.0, 0.4, [], "Creatinine doubled from baseline in the setting of vomiting and an ACE inhibitor, which was stopped and may be restarted when stable."),
    acute!("85189001" "Acute appendicitis" "K35.8", ABDOMINAL, 6..55 x 1.2, None, 1.0, Surgical "100" 3.0, crp 95.0, 0.4, [Paracetamol], "Laparoscopic appendicectomy on the day of admission. Wounds clean and dry."),
    acute!("65275009" "Acute cholecystitis" "K81.0", ABDOMINAL, 28..90 x 1.2, None, 0.9, Surgical "100" 4.0, crp 130.0, 0.4, [], "Ultrasound showed gallstones with a thickened gallbladder. Settled with antibiotics; listed for cholecystectomy."),
    acute!("21522001" "Abdominal pain" "R10.4", ABDOMINAL, 8..90 x 7.0, None, 0.25, Surgical "100" 1.5, crp 12.0, 0.2, [], "Bloods and imaging reassuring; pain settled with simple analgesia."),
    acute!("95570007" "Kidney stone" "N20.0", ABDOMINAL, 25..75 x 1.3, None, 0.4, Surgical "101" 1.5, crp 10.0, 0.3, [Naproxen], "CT showed a 4 mm stone in the left ureter. Likely to pass; urology clinic arranged."),
    acute!("195967001" "Asthma" "J45.9", BREATHLESS, 4..70 x 0.5, Some(Ill::Asthma), 0.35, Respiratory "340" 2.0, crp 10.0, 0.5, [Prednisolone, Salbutamol], "Nebulisers and steroids; peak flow 80% of best before leaving. Inhaler technique checked."),
    acute!("4120002" "Bronchiolitis" "J21.9", BREATHLESS, 0..1 x 10.0, None, 0.35, Children "420" 2.0, crp 12.0, 0.4, [], "Needed nasal oxygen for a night and help with feeds, then improved."),
    acute!("54150009" "Upper respiratory infection" "J06.9", FEVER, 0..12 x 12.0, None, 0.08, Children "420" 1.0, crp 10.0, 0.1, [], "Looked well; viral illness. Advice given to return if worse."),
    acute!("25374005" "Gastroenteritis" "A09", term("422400008", "Vomiting", "R11"), 0..80 x 3.0, None, 0.2, Medical "300" 1.5, crp 25.0, 0.2, [], "Given fluids; eating and drinking before leaving."),
    acute!("62106007" "Concussion with no loss of consciousness" "S06.0", term("82271004", "Injury of head", "S09.9"), 1..110 x 6.0, None, 0.08, AcuteMedical "326" 1.0, crp 2.0, 0.05, [], "Head injury advice given; CT normal where done."),
    acute!("312608009" "Laceration" "T14.1", term("312608009", "Laceration", "T14.1"), 2..90 x 8.0, None, 0.02, Surgical "100" 1.0, crp 2.0, 0.0, [], "Wound cleaned and closed. Tetanus cover checked."),
    acute!("44465007" "Sprain of ankle" "S93.4", term("282001000", "Injury of ankle", "S99.9"), 8..80 x 8.0, None, 0.0, Orthopaedic "110" 1.0, crp 2.0, 0.0, [], "No fracture on X-ray. Rest, ice and exercises."),
    acute!("271594007" "Syncope" "R55", COLLAPSE, 50..110 x 3.0, None, 0.45, AcuteMedical "326" 2.0, crp 5.0, 0.2, [], "Blood pressure fell by 25 mmHg on standing. Tablets reviewed."),
    acute!("161898004" "Falls" "R29.6", FALL, 72..110 x 7.0, Some(Ill::Falls), 0.40, Elderly "430" 6.0, crp 12.0, 0.2, [], "No fracture. Seen by the falls team: frame provided, tablets reviewed, package of care discussed."),
    acute!("91175000" "Seizure" "R56.8", COLLAPSE, 2..80 x 0.4, Some(Ill::Epilepsy), 0.4, AcuteMedical "326" 1.5, crp 8.0, 0.4, [Levetiracetam], "Witnessed seizure of two minutes. Back to normal within an hour; neurology clinic informed."),
    acute!("420422005" "Diabetic ketoacidosis" "E10.1", term("422400008", "Vomiting", "R11"), 5..70 x 0.15, Some(Ill::Type1Diabetes), 1.0, AcuteMedical "326" 3.0, crp 25.0, 0.7, [], "Treated by the ketoacidosis protocol; ketones cleared in 14 hours. Seen by the diabetes nurse."),
    acute!("302866003" "Hypoglycaemia" "E16.2", COLLAPSE, 10..110 x 0.3, Some(Ill::Type2Diabetes), 0.3, AcuteMedical "326" 1.0, crp 4.0, 0.3, [], "Glucose 2.4 when the crew arrived. Doses reviewed."),
    acute!("82313006" "Suicide attempt" "T14.91", term("82313006", "Suicide attempt", "T14.91"), 14..70 x 1.4, Some(Ill::Depression), 0.55, AcuteMedical "326" 1.0, crp 3.0, 0.3, [], "Medically fit after observation. Seen by the liaison mental health team; crisis plan agreed."),
    acute!("74474003" "Gastrointestinal haemorrhage" "K92.2", term("8765009", "Haematemesis", "K92.0"), 35..110 x 0.9, None, 0.95, Medical "301" 4.0, crp 10.0, 0.5, [Omeprazole], "Endoscopy showed a duodenal ulcer, treated. Anti-inflammatory stopped."),
    acute!("59282003" "Pulmonary embolism" "I26.9", BREATHLESS, 25..110 x 0.8, None, 0.7, Respiratory "340" 3.0, crp 30.0, 0.4, [Apixaban], "CT confirmed clots in both lungs. Anticoagulated for at least three months."),
    acute!("417357006" "Sickle cell-haemoglobin SS disease" "D57.0", term("22253000", "Pain", "R52.9"), 5..60 x 0.02, Some(Ill::SickleCell), 0.8, Medical "303" 4.0, crp 25.0, 0.4, [], "Painful crisis treated with morphine and fluids. Haematology reviewed."),
];

/// A planned operation or test.
#[derive(Debug)]
pub(crate) struct Planned {
    pub procedure: Term,
    /// OPCS-4 code.
    pub opcs: &'static str,
    pub reason: Term,
    pub because: Option<Ill>,
    pub ages: (i64, i64),
    pub weight: f64,
    pub specialty: &'static str,
    pub ward: Use,
    /// Nights; 0 is a day case.
    pub nights: f64,
}

macro_rules! planned {
    ($sct:literal $name:literal $opcs:literal, $rsct:literal $rname:literal $ricd:literal, $because:expr, $from:literal..$to:literal x $weight:literal, $specialty:literal $ward:ident $nights:literal) => {
        Planned {
            procedure: term($sct, $name, ""),
            opcs: $opcs,
            reason: term($rsct, $rname, $ricd),
            because: $because,
            ages: ($from, $to),
            weight: $weight,
            specialty: $specialty,
            ward: Use::$ward,
            nights: $nights,
        }
    };
}

/// Planned admissions.
#[rustfmt::skip]
pub(crate) const PLANNED: &[Planned] = &[
    planned!("54885007" "Extraction of cataract" "C75.1", "193570009" "Cataract" "H26.9", Some(Ill::Cataract), 50..100 x 2.0, "130" DaySurgery 0.0),
    planned!("73761001" "Colonoscopy" "H22.9", "88111009" "Altered bowel function" "R19.4", None, 30..85 x 5.0, "301" DaySurgery 0.0),
    planned!("386718000" "Endoscopy of stomach" "G45.9", "235595009" "Gastro-oesophageal reflux disease" "K21.9", Some(Ill::Reflux), 30..85 x 2.0, "301" DaySurgery 0.0),
    planned!("52734007" "Total replacement of hip" "W37.1", "396275006" "Osteoarthritis" "M16.9", Some(Ill::Osteoarthritis), 55..90 x 0.4, "110" Orthopaedic 3.0),
    planned!("179344006" "Total knee replacement" "W40.1", "396275006" "Osteoarthritis" "M17.9", Some(Ill::Osteoarthritis), 55..88 x 0.4, "110" Orthopaedic 3.0),
    planned!("44558001" "Repair of inguinal hernia" "T20.2", "396232000" "Inguinal hernia" "K40.9", None, 25..85 x 1.0, "100" DaySurgery 0.0),
    planned!("45595009" "Laparoscopic cholecystectomy" "J18.3", "266474003" "Calculus in biliary tract" "K80.2", None, 28..80 x 1.0, "100" Surgical 1.0),
    planned!("24139008" "Cystoscopy" "M45.9", "34436003" "Blood in urine" "R31", None, 45..90 x 1.5, "101" DaySurgery 0.0),
    planned!("367336001" "Chemotherapy" "X72.3", "254837009" "Malignant neoplasm of breast" "C50.9", Some(Ill::BreastCancer), 30..85 x 0.8, "370" DaySurgery 0.0),
    planned!("367336001" "Chemotherapy" "X72.3", "363406005" "Malignant tumour of colon" "C18.9", Some(Ill::BowelCancer), 40..85 x 0.8, "370" DaySurgery 0.0),
    planned!("33367005" "Coronary angiography" "K63.1", "414545008" "Ischaemic heart disease" "I25.9", Some(Ill::IschaemicHeart), 40..85 x 0.6, "320" DaySurgery 0.0),
    planned!("173422009" "Tonsillectomy" "F34.1", "90176007" "Tonsillitis" "J35.0", None, 4..30 x 1.2, "120" DaySurgery 0.0),
    planned!("55162003" "Tooth extraction" "F10.4", "80967001" "Dental caries" "K02.9", None, 4..14 x 1.5, "100" DaySurgery 0.0),
];

/// Something one may be allergic to.
#[derive(Debug)]
pub(crate) struct Allergen {
    pub term: Term,
    pub reaction: Option<(&'static str, &'static str)>,
    /// HL7 v2 allergen type: `DA` drug, `FA` food, `EA` environment.
    pub kind: &'static str,
    /// FHIR category.
    pub category: &'static str,
    pub per_thousand: f64,
    pub severe: f64,
}

const RASH: Option<(&str, &str)> = Some(("271807003", "Eruption of skin"));
const WEALS: Option<(&str, &str)> = Some(("126485001", "Urticaria"));
const ANAPHYLAXIS: Option<(&str, &str)> = Some(("39579001", "Anaphylaxis"));
const NAUSEA: Option<(&str, &str)> = Some(("422587007", "Nausea"));
const SWELLING: Option<(&str, &str)> = Some(("41291007", "Angioedema"));

#[expect(clippy::too_many_arguments, reason = "one row of the table")]
const fn allergen(
    sct: &'static str,
    name: &'static str,
    icd: &'static str,
    reaction: Option<(&'static str, &'static str)>,
    kind: &'static str,
    category: &'static str,
    per_thousand: f64,
    severe: f64,
) -> Allergen {
    Allergen { term: term(sct, name, icd), reaction, kind, category, per_thousand, severe }
}

/// Position of penicillin in [`ALLERGENS`].
pub(crate) const PENICILLIN: usize = 0;

/// Allergies, penicillin first.
#[rustfmt::skip]
pub(crate) const ALLERGENS: &[Allergen] = &[
    allergen("91936005", "Allergy to penicillin", "Z88.0", RASH, "DA", "medication", 62.0, 0.15),
    allergen("91939003", "Allergy to sulfonamide", "Z88.2", RASH, "DA", "medication", 9.0, 0.1),
    allergen("293586001", "Allergy to aspirin", "Z88.6", SWELLING, "DA", "medication", 8.0, 0.3),
    allergen("1003755004", "Allergy to latex", "Z91.0", WEALS, "EA", "environment", 9.0, 0.15),
    allergen("91935009", "Allergy to peanut", "Z91.0", ANAPHYLAXIS, "FA", "food", 11.0, 0.7),
    allergen("300913006", "Allergy to shellfish", "Z91.0", SWELLING, "FA", "food", 8.0, 0.4),
    allergen("91930004", "Allergy to egg", "Z91.0", WEALS, "FA", "food", 6.0, 0.1),
    allergen("418689008", "Allergy to grass pollen", "J30.1", None, "EA", "environment", 40.0, 0.0),
    allergen("232350006", "House dust mite allergy", "J30.8", None, "EA", "environment", 22.0, 0.0),
    allergen("424213003", "Allergy to bee venom", "Z91.0", ANAPHYLAXIS, "EA", "environment", 4.0, 0.6),
    allergen("293637006", "Allergy to contrast media", "Z88.8", WEALS, "DA", "medication", 3.0, 0.2),
    allergen("294505008", "Allergy to amoxicillin", "Z88.0", RASH, "DA", "medication", 14.0, 0.1),
    allergen("293610009", "Allergy to codeine", "Z88.5", NAUSEA, "DA", "medication", 13.0, 0.0),
];

/// The concept for "no known allergy".
pub(crate) const NO_KNOWN_ALLERGY: Term = term("716186003", "No known allergy", "");

/// A vaccine in the national schedule.
#[derive(Debug)]
pub(crate) struct Vaccine {
    pub code: &'static str,
    pub name: &'static str,
    pub target: (&'static str, &'static str),
    pub when: Schedule,
    pub uptake: f64,
}

/// When a vaccine is given.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Schedule {
    /// At these ages, in days.
    Days(&'static [i64]),
    /// Each autumn from this age (or younger with a long-term condition).
    Autumn(i64),
    /// Once, at about this age in years, from this calendar year on.
    Once(i64, i16),
    /// The COVID-19 campaigns from 2021 for those over 16; boosters from 75.
    Covid,
}

/// Vaccines.
#[rustfmt::skip]
pub(crate) const VACCINES: &[Vaccine] = &[
    Vaccine { code: "871729003", name: "Vaccine product containing only Corynebacterium diphtheriae antigen", target: ("397430003", "Diphtheria"), when: Schedule::Days(&[58, 86, 114, 1230]), uptake: 0.93 },
    Vaccine { code: "871876004", name: "Vaccine product containing only acellular Bordetella pertussis antigen", target: ("27836007", "Pertussis"), when: Schedule::Days(&[58, 86, 114]), uptake: 0.92 },
    Vaccine { code: "871740006", name: "Vaccine product containing only inactivated whole Human poliovirus antigen", target: ("398102009", "Acute poliomyelitis"), when: Schedule::Days(&[58, 86, 114, 1230]), uptake: 0.92 },
    Vaccine { code: "871831003", name: "Vaccine product containing only Measles, Mumps and Rubella virus antigens", target: ("14189004", "Measles"), when: Schedule::Days(&[375, 1230]), uptake: 0.88 },
    Vaccine { code: "836500008", name: "Vaccine product containing only Haemophilus influenzae type b and Neisseria meningitidis serogroup C antigens", target: ("23511006", "Meningococcal infectious disease"), when: Schedule::Days(&[375]), uptake: 0.89 },
    Vaccine { code: "836379006", name: "Vaccine product containing only Human papillomavirus antigen", target: ("240532009", "Human papilloma virus infection"), when: Schedule::Once(13, 2009), uptake: 0.72 },
    Vaccine { code: "871761004", name: "Vaccine product containing only Rotavirus antigen", target: ("18624000", "Disease caused by Rotavirus"), when: Schedule::Days(&[58, 86]), uptake: 0.88 },
    Vaccine { code: "1181000221105", name: "Vaccine product containing only Influenza virus antigen", target: ("6142004", "Influenza"), when: Schedule::Autumn(65), uptake: 0.78 },
    Vaccine { code: "836398006", name: "Vaccine product containing only Streptococcus pneumoniae antigen", target: ("16814004", "Pneumococcal infectious disease"), when: Schedule::Once(66, 2003), uptake: 0.70 },
    Vaccine { code: "871898007", name: "Vaccine product containing only Human alphaherpesvirus 3 antigen", target: ("4740000", "Herpes zoster"), when: Schedule::Once(70, 2013), uptake: 0.55 },
    Vaccine { code: "1119349007", name: "Vaccine product containing only Severe acute respiratory syndrome coronavirus 2 messenger ribonucleic acid", target: ("840539006", "Disease caused by severe acute respiratory syndrome coronavirus 2"), when: Schedule::Covid, uptake: 0.85 },
];
