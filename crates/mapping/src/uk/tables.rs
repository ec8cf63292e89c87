//! National code tables, from the FHIR UK Core code systems (HL7 UK, Apache-2.0), with the displays they give.

/// A code system with its codes and their displays.
pub(crate) struct Table {
    /// Its URI.
    pub system: &'static str,
    codes: &'static [(&'static str, &'static str)],
}

impl Table {
    /// The display of a code, if it is one of the table's. Case and leading zeros are forgiven where that finds one.
    pub fn find(&self, code: &str) -> Option<(&'static str, &'static str)> {
        let exact = self.codes.iter().find(|(c, _)| *c == code);
        let near = || {
            let bare = code.trim().trim_start_matches('0');
            self.codes.iter().find(|(c, _)| !bare.is_empty() && c.trim_start_matches('0').eq_ignore_ascii_case(bare))
        };
        exact.or_else(near).copied()
    }
}

/// How the patient came to be admitted (PV1-4).
pub(crate) static ADMISSION_METHOD: Table = Table {
    system: "https://fhir.hl7.org.uk/CodeSystem/UKCore-AdmissionMethodEngland",
    codes: &[
        ("11", "Elective Admission: Waiting list"),
        ("12", "Elective Admission: Booked"),
        ("13", "Elective Admission: Planned"),
        (
            "21",
            "Emergency Admission: Emergency Care Department or dental casualty department of the Health Care Provider",
        ),
        (
            "22",
            "Emergency Admission: General Practitioner: after a request for immediate admission has been made direct to a Hospital Provider, i.e. not through a Bed bureau, by a General Practitioner or deputy",
        ),
        ("23", "Emergency Admission: Bed bureau"),
        ("24", "Emergency Admission: Consultant Clinic, of this or another Health Care Provider"),
        ("25", "Emergency Admission: Admission via Mental Health Crisis Resolution Team"),
        (
            "2A",
            "Emergency Admission: Emergency Care Department of another provider where the Patient had not been admitted",
        ),
        ("2B", "Emergency Admission: Transfer of an admitted Patient from another Hospital Provider in an emergency"),
        ("2C", "Emergency Admission: Baby born at home as intended"),
        ("2D", "Emergency Admission: Other emergency admission"),
        (
            "28",
            "Emergency Admission: Other means, examples are: - admitted from the Emergency Care Department of another provider where they had not been admitted - transfer of an admitted Patient from another Hospital Provider in an emergency - baby born at home as intended",
        ),
        ("31", "Maternity Admission: Admitted ante partum"),
        ("32", "Maternity Admission: Admitted post partum"),
        ("82", "Other Admission: The birth of a baby in this Health Care Provider"),
        ("83", "Other Admission: Baby born outside the Health Care Provider except when born at home as intended"),
        (
            "81",
            "Other Admission: Transfer of any admitted Patient from other Hospital Provider other than in an emergency",
        ),
        ("98", "Not applicable"),
        ("99", "Admission Method not known"),
    ],
};

/// Where the patient was admitted from (PV1-14).
pub(crate) static SOURCE_OF_ADMISSION: Table = Table {
    system: "https://fhir.hl7.org.uk/CodeSystem/UKCore-SourceOfAdmissionEngland",
    codes: &[
        (
            "19",
            "Usual place of residence unless listed below, for example, a private dwelling whether owner occupied or owned by Local Authority, housing association or other landlord. This includes wardened accommodation but not residential accommodation where health care is provided. It also includes Patients with no fixed abode.",
        ),
        (
            "29",
            "Temporary place of residence when usually resident elsewhere (e.g. hotels, residential Educational Establishments)",
        ),
        ("39", "Penal establishment, Court, or Police Station / Police Custody Suite"),
        (
            "49",
            "NHS other Hospital Provider - high security psychiatric accommodation in an NHS Hospital Provider (NHS Trust or NHS Foundation Trust)",
        ),
        (
            "51",
            "NHS other Hospital Provider - Ward for general Patients or the younger physically disabled or Emergency Care Department",
        ),
        ("52", "NHS other Hospital Provider - Ward for maternity Patients or Neonates"),
        ("53", "NHS other Hospital Provider - Ward for Patients who are mentally ill or have Learning Disabilities"),
        ("54", "NHS run Care Home"),
        ("65", "Local Authority residential accommodation i.e. where care is provided"),
        ("66", "Local Authority foster care"),
        ("79", "Babies born in or on the way to hospital"),
        ("85", "Non-NHS (other than Local Authority) run Care Home"),
        ("87", "Non NHS run hospital"),
        ("88", "Non-NHS (other than Local Authority) run Hospice"),
        ("98", "Not applicable"),
        ("99", "Source of admission not known"),
    ],
};

/// How the stay ended (PV1-36 in ITK messages).
pub(crate) static DISCHARGE_METHOD: Table = Table {
    system: "https://fhir.hl7.org.uk/CodeSystem/UKCore-DischargeMethodEngland",
    codes: &[
        ("1", "Patient discharged on clinical advice or with clinical consent"),
        ("3", "Patient discharged by mental health review tribunal, Home Secretary or Court"),
        ("4", "Patient died"),
        ("5", "Stillbirth"),
        ("6", "Patient discharged him/herself"),
        ("7", "Patient discharged by a relative or advocate"),
        (
            "8",
            "Not applicable (Hospital Provider Spell not finished at episode end (i.e. not discharged) or current episode unfinished)",
        ),
        ("9", "Method of discharge not known"),
    ],
};

/// Where the patient went (PV1-37 in ITK messages).
pub(crate) static DISCHARGE_DESTINATION: Table = Table {
    system: "https://fhir.hl7.org.uk/CodeSystem/UKCore-DischargeDestinationEngland",
    codes: &[
        (
            "19",
            "Usual place of residence unless listed below, for example, a private dwelling whether owner occupied or owned by Local Authority, housing association or other landlord. This includes wardened accommodation but not residential accommodation where health care is provided. It also includes patients with no fixed abode.",
        ),
        (
            "29",
            "Temporary place of residence when usually resident elsewhere (includes hotel, residential Educational Establishment)",
        ),
        (
            "30",
            "Repatriation from high security psychiatric accommodation in an NHS Hospital Provider (NHS Trust or NHS Foundation Trust)",
        ),
        ("37", "Court"),
        ("38", "Penal establishment or police station"),
        ("48", "High Security Psychiatric Hospital, Scotland"),
        ("49", "NHS other Hospital Provider - high security psychiatric accommodation"),
        ("50", "NHS other Hospital Provider - medium secure unit"),
        ("51", "NHS other Hospital Provider - Ward for general patients or the younger physically disabled"),
        ("52", "NHS other Hospital Provider - Ward for maternity patients or Neonates"),
        ("53", "NHS other Hospital Provider - Ward for patients who are mentally ill or have Learning Disabilities"),
        ("54", "NHS run Care Home"),
        ("65", "Local Authority residential accommodation i.e. where care is provided"),
        ("66", "Local Authority foster care"),
        ("79", "Not applicable - Patient died or stillbirth"),
        ("84", "Non-NHS run hospital - medium secure unit"),
        ("85", "Non-NHS (other than Local Authority) run Care Home"),
        ("87", "Non-NHS run hospital"),
        ("88", "Non-NHS (other than Local Authority) run Hospice"),
        (
            "98",
            "Not applicable - Hospital Provider Spell not finished at episode end (i.e. not discharged) or current episode unfinished",
        ),
        ("99", "Not known"),
    ],
};

/// Ethnic category as stated by the person (PID-22).
pub(crate) static ETHNIC_CATEGORY: Table = Table {
    system: "https://fhir.hl7.org.uk/CodeSystem/UKCore-EthnicCategoryEngland",
    codes: &[
        ("A", "White - British"),
        ("B", "White - Irish"),
        ("C", "White - Any other White background"),
        ("D", "Mixed - White and Black Caribbean"),
        ("E", "Mixed - White and Black African"),
        ("F", "Mixed - White and Asian"),
        ("G", "Mixed - Any other mixed background"),
        ("H", "Asian or Asian British - Indian"),
        ("J", "Asian or Asian British - Pakistani"),
        ("K", "Asian or Asian British - Bangladeshi"),
        ("L", "Asian or Asian British - Any other Asian background"),
        ("M", "Black or Black British - Caribbean"),
        ("N", "Black or Black British - African"),
        ("P", "Black or Black British - Any other Black background"),
        ("R", "Other Ethnic Groups - Chinese"),
        ("S", "Other Ethnic Groups - Any other ethnic group"),
        ("Z", "Not stated"),
        ("99", "Not known"),
    ],
};

/// Marital status (PID-16).
pub(crate) static MARITAL_STATUS: Table = Table {
    system: "https://fhir.hl7.org.uk/CodeSystem/UKCore-PersonMaritalStatusEngland",
    codes: &[
        ("S", "Single"),
        ("M", "Married/Civil Partner"),
        ("D", "Divorced/Person whose Civil Partnership has been dissolved"),
        ("W", "Widowed/Surviving Civil Partner"),
        ("P", "Separated"),
        ("N", "Not disclosed"),
        ("8", "Not applicable"),
        ("9", "Not known"),
    ],
};

/// How far an NHS number was traced (PID-32).
pub(crate) static NHS_NUMBER_STATUS: Table = Table {
    system: "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland",
    codes: &[
        ("01", "Number present and verified"),
        ("02", "Number present but not traced"),
        ("03", "Trace required"),
        ("04", "Trace attempted - No match or multiple match found"),
        ("05", "Trace needs to be resolved - (NHS number or patient detail conflict)"),
        ("06", "Trace in progress"),
        ("07", "Number not present and trace not required"),
        ("08", "Trace postponed (baby under six weeks old)"),
    ],
};

/// Who told of a death.
pub(crate) static DEATH_NOTIFICATION: Table = Table {
    system: "https://fhir.hl7.org.uk/CodeSystem/UKCore-DeathNotificationStatus",
    codes: &[
        ("1", "Informal - death notice received via an update from a local NHS Organisation such as GP or Trust"),
        ("2", "Formal - death notice received from Registrar of Deaths"),
        ("U", "Removed"),
    ],
};

/// Mental Health Act status (ZMH or a profile's field).
pub(crate) static LEGAL_STATUS: Table = Table {
    system: "https://fhir.hl7.org.uk/CodeSystem/UKCore-LegalStatusClassificationEngland",
    codes: &[
        ("01", "Informal"),
        ("02", "Formally detained under Mental Health Act Section 2"),
        ("03", "Formally detained under Mental Health Act Section 3"),
        ("04", "Formally detained under Mental Health Act Section 4"),
        ("05", "Formally detained under Mental Health Act Section 5(2)"),
        ("06", "Formally detained under Mental Health Act Section 5(4)"),
        ("07", "Formally detained under Mental Health Act Section 35"),
        ("08", "Formally detained under Mental Health Act Section 36"),
        ("09", "Formally detained under Mental Health Act Section 37 with section 41 restrictions"),
        ("10", "Formally detained under Mental Health Act Section 37"),
        ("12", "Formally detained under Mental Health Act Section 38"),
        ("13", "Formally detained under Mental Health Act Section 44"),
        ("14", "Formally detained under Mental Health Act Section 46"),
        ("15", "Formally detained under Mental Health Act Section 47 with section 49 restrictions"),
        ("16", "Formally detained under Mental Health Act Section 47"),
        ("17", "Formally detained under Mental Health Act Section 48 with section 49 restrictions"),
        ("18", "Formally detained under Mental Health Act Section 48"),
        ("19", "Formally detained under Mental Health Act Section 135"),
        ("20", "Formally detained under Mental Health Act Section 136"),
        (
            "31",
            "Formally detained under Criminal Procedure(Insanity) Act 1964 as amended by the Criminal Procedures (Insanity and Unfitness to Plead) Act 1991",
        ),
        ("32", "Formally detained under other acts"),
        ("35", "Subject to guardianship under Mental Health Act Section 7"),
        ("36", "Subject to guardianship under Mental Health Act Section 37"),
        ("37", "Formally detained under Mental Health Act Section 45A (Limited direction in force)"),
        ("38", "Formally detained under Mental Health Act Section 45A (Limitation direction ended)"),
        ("98", "Not Applicable"),
        ("99", "Not Known"),
    ],
};

/// What followed an outpatient attendance.
pub(crate) static OUTCOME_OF_ATTENDANCE: Table = Table {
    system: "https://fhir.hl7.org.uk/CodeSystem/UKCore-OutcomeOfAttendanceEngland",
    codes: &[
        ("1", "Discharged from consultant's care (last attendance)"),
        ("2", "Another appointment given"),
        ("3", "Appointment to be made at a later date"),
    ],
};

/// Main specialty or treatment function (PV1-10).
pub(crate) static SPECIALTY: Table = Table {
    system: "https://fhir.hl7.org.uk/CodeSystem/UKCore-PracticeSettingCode",
    codes: &[
        ("100", "General Surgery"),
        ("101", "Urology"),
        ("107", "Vascular Surgery"),
        ("110", "Trauma and Orthopaedics"),
        ("120", "Ear Nose and Throat"),
        ("130", "Ophthalmology"),
        ("140", "Oral Surgery"),
        ("141", "Restorative Dentistry"),
        ("142", "Paediatric Dentistry"),
        ("143", "Orthodontics"),
        ("145", "Oral and Maxillofacial Surgery"),
        ("146", "Endodontics"),
        ("147", "Periodontics"),
        ("148", "Prosthodontics"),
        ("149", "Surgical Dentistry"),
        ("150", "Neurosurgery"),
        ("160", "Plastic Surgery"),
        ("170", "Cardiothoracic Surgery"),
        ("171", "Paediatric Surgery"),
        ("180", "Emergency Medicine"),
        ("190", "Anaesthetics"),
        ("192", "Intensive Care Medicine"),
        ("200", "Aviation and Space Medicine"),
        ("300", "General Internal Medicine"),
        ("301", "Gastroenterology"),
        ("302", "Endocrinology and Diabetes"),
        ("303", "Clinical Haematology"),
        ("304", "Clinical Physiology"),
        ("305", "Clinical Pharmacology"),
        ("310", "Audio Vestibular Medicine"),
        ("311", "Clinical Genetics"),
        ("313", "Clinical Immunology"),
        ("314", "Rehabilitation Medicine"),
        ("315", "Palliative Medicine"),
        ("317", "Allergy"),
        ("320", "Cardiology"),
        ("321", "Paediatric Cardiology"),
        ("325", "Sport and Exercise Medicine"),
        ("326", "Acute Internal Medicine"),
        ("330", "Dermatology"),
        ("340", "Respiratory Medicine"),
        ("350", "Infectious Diseases"),
        ("352", "Tropical Medicine"),
        ("360", "Genitourinary Medicine"),
        ("361", "Renal Medicine"),
        ("370", "Medical Oncology"),
        ("371", "Nuclear Medicine"),
        ("400", "Neurology"),
        ("401", "Clinical Neurophysiology"),
        ("410", "Rheumatology"),
        ("420", "Paediatrics"),
        ("421", "Paediatric Neurology"),
        ("430", "Geriatric Medicine"),
        ("450", "Dental Medicine"),
        ("451", "Special Care Dentistry"),
        ("460", "Medical Ophthalmology"),
        ("500", "Obstetrics and Gynaecology"),
        ("501", "Obstetrics"),
        ("502", "Gynaecology"),
        ("504", "Community Sexual and Reproductive Health"),
        ("560", "Midwifery"),
        ("600", "General Medical Practice"),
        ("601", "General Dental Practice"),
        ("700", "Learning Disability"),
        ("710", "Adult Mental Illness"),
        ("711", "Child and Adolescent Psychiatry"),
        ("712", "Forensic Psychiatry"),
        ("713", "Medical Psychotherapy"),
        ("715", "Old Age Psychiatry"),
        ("800", "Clinical Oncology"),
        ("810", "Radiology"),
        ("820", "General Pathology"),
        ("821", "Blood Transfusion"),
        ("822", "Chemical Pathology"),
        ("823", "Haematology"),
        ("824", "Histopathology"),
        ("830", "Immunopathology"),
        ("831", "Medical Microbiology and Virology"),
        ("833", "Medical Microbiology"),
        ("834", "Medical Virology"),
        ("900", "Community Medicine"),
        ("901", "Occupational Medicine"),
        ("902", "Community Health Services Dental"),
        ("903", "Public Health Medicine"),
        ("904", "Public Health Dental"),
        ("950", "Nursing"),
        ("960", "Allied Health Professional"),
    ],
};
