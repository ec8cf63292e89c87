//! What the laboratories measure: the region's own laboratory and Thornhaven's in-house one use different codes and, for
//! some analytes, different units, as laboratories do.

/// An analyte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum An {
    Sodium,
    Potassium,
    Urea,
    Creatinine,
    Egfr,
    Haemoglobin,
    WhiteCells,
    Neutrophils,
    Platelets,
    Mcv,
    Alt,
    Alp,
    Bilirubin,
    Albumin,
    Cholesterol,
    Hdl,
    Ldl,
    Triglyceride,
    Hba1c,
    Tsh,
    FreeT4,
    Crp,
    Calcium,
    Phosphate,
    Glucose,
    Ferritin,
    B12,
    Folate,
    VitaminD,
    Inr,
    Acr,
    Psa,
    Bnp,
    Troponin,
    Urate,
}

/// How one laboratory reports an analyte.
#[derive(Debug)]
pub(crate) struct Assay {
    pub code: &'static str,
    pub name: &'static str,
    /// As in OBX-6, escapes included.
    pub unit: &'static str,
    /// Its unit is the usual one multiplied by this, plus `offset`.
    pub factor: f64,
    pub offset: f64,
    pub decimals: usize,
}

/// One row of the table: the usual unit is that of the region's laboratory.
#[derive(Debug)]
pub(crate) struct Analyte {
    pub an: An,
    pub loinc: &'static str,
    /// Reference limits in the usual unit, women and men; `None` where there is no such limit.
    pub women: (Option<f64>, Option<f64>),
    pub men: (Option<f64>, Option<f64>),
    /// Thornhaven's LOINC equivalent where the unit makes it another observation.
    pub loinc_thornhaven: &'static str,
    pub region: Assay,
    pub thornhaven: Assay,
}

const fn assay(
    code: &'static str,
    name: &'static str,
    unit: &'static str,
    factor: f64,
    offset: f64,
    decimals: usize,
) -> Assay {
    Assay { code, name, unit, factor, offset, decimals }
}

const fn same(
    an: An,
    loinc: &'static str,
    low: Option<f64>,
    high: Option<f64>,
    region: Assay,
    thornhaven: Assay,
) -> Analyte {
    Analyte { an, loinc, women: (low, high), men: (low, high), loinc_thornhaven: loinc, region, thornhaven }
}

impl An {
    /// Its row. The table is in the order of the names.
    pub(crate) fn row(self) -> &'static Analyte {
        TABLE.get(self as usize).filter(|row| row.an == self).unwrap_or(FIRST)
    }
}

impl Analyte {
    /// Reference limits in the usual unit.
    pub(crate) fn limits(&self, female: bool) -> (Option<f64>, Option<f64>) {
        if female { self.women } else { self.men }
    }

    /// How laboratory 0 (the region's) or 1 (Thornhaven's) reports it.
    pub(crate) fn assay(&self, laboratory: u8) -> &Assay {
        if laboratory == 0 { &self.region } else { &self.thornhaven }
    }
}

impl Assay {
    /// A value of the usual unit in this laboratory's.
    pub(crate) fn convert(&self, usual: f64) -> f64 {
        usual * self.factor + self.offset
    }
}

/// The order and report names of a set of analytes.
#[derive(Debug)]
pub(crate) struct Panel {
    pub region: (&'static str, &'static str),
    pub thornhaven: (&'static str, &'static str),
    pub specimen: (&'static str, &'static str),
    pub analytes: &'static [An],
}

const BLOOD: (&str, &str) = ("BLOO", "Blood");
const SERUM: (&str, &str) = ("SER", "Serum");
const URINE: (&str, &str) = ("UR", "Urine");

macro_rules! panels {
    ($($name:ident: $rc:literal $rn:literal, $tc:literal $tn:literal, $specimen:ident, [$($an:ident),*];)*) => {
        $(pub(crate) const $name: &Panel = &Panel {
            region: ($rc, $rn), thornhaven: ($tc, $tn), specimen: $specimen, analytes: &[$(An::$an),*],
        };)*
        /// Every panel.
        pub(crate) const PANELS: &[&Panel] = &[$($name),*];
    };
}

panels! {
    RENAL: "UE" "Urea and electrolytes", "RENAL" "Renal Profile", SERUM, [Sodium, Potassium, Urea, Creatinine, Egfr];
    BLOOD_COUNT: "FBC" "Full blood count", "CBC" "Blood Count", BLOOD, [Haemoglobin, WhiteCells, Neutrophils, Platelets, Mcv];
    LIVER: "LFT" "Liver function tests", "LIVER" "Liver Profile", SERUM, [Alt, Alp, Bilirubin, Albumin];
    LIPIDS: "LIP" "Lipid profile", "LIPID" "Lipids", SERUM, [Cholesterol, Hdl, Ldl, Triglyceride];
    DIABETES: "A1C" "Haemoglobin A1c", "GHB" "Glycated Haemoglobin", BLOOD, [Hba1c];
    THYROID: "TFT" "Thyroid function tests", "THY" "Thyroid Profile", SERUM, [Tsh, FreeT4];
    INFLAMMATION: "CRP" "C reactive protein", "CRP" "C-Reactive Protein", SERUM, [Crp];
    BONE: "BONE" "Bone profile", "BON" "Bone Profile", SERUM, [Calcium, Phosphate, Albumin, Alp];
    GLUCOSE: "GLU" "Plasma glucose", "GLUC" "Glucose", BLOOD, [Glucose];
    HAEMATINICS: "HAEM" "Haematinics", "FEB12" "Ferritin B12 Folate", SERUM, [Ferritin, B12, Folate];
    VITAMIN_D: "VITD" "25-hydroxyvitamin D", "25OHD" "Vitamin D", SERUM, [VitaminD];
    ANTICOAGULATION: "INR" "International normalised ratio", "PTINR" "INR", BLOOD, [Inr];
    URINE_ALBUMIN: "ACR" "Urine albumin:creatinine ratio", "UACR" "Albumin Creatinine Ratio", URINE, [Acr];
    PROSTATE: "PSA" "Prostate specific antigen", "PSA" "PSA", SERUM, [Psa];
    NATRIURETIC: "BNP" "NT-proBNP", "PBNP" "NT proBNP", SERUM, [Bnp];
    TROPONIN: "TROP" "High sensitivity troponin T", "HSTNT" "Troponin T hs", SERUM, [Troponin];
    URATE: "URAT" "Serum urate", "UA" "Uric Acid", SERUM, [Urate];
}

const FIRST: &Analyte = &same(
    An::Sodium,
    "2951-2",
    Some(133.0),
    Some(146.0),
    assay("NA", "Sodium", "mmol/L", 1.0, 0.0, 0),
    assay("SOD", "Sodium", "mmol/L", 1.0, 0.0, 0),
);

/// Every analyte, in the order of the names.
#[rustfmt::skip]
pub(crate) const TABLE: &[Analyte] = &[
    same(An::Sodium, "2951-2", Some(133.0), Some(146.0), assay("NA", "Sodium", "mmol/L", 1.0, 0.0, 0), assay("SOD", "Sodium", "mmol/L", 1.0, 0.0, 0)),
    same(An::Potassium, "2823-3", Some(3.5), Some(5.3), assay("K", "Potassium", "mmol/L", 1.0, 0.0, 1), assay("POT", "Potassium", "mmol/L", 1.0, 0.0, 1)),
    same(An::Urea, "22664-7", Some(2.5), Some(7.8), assay("UREA", "Urea", "mmol/L", 1.0, 0.0, 1), assay("URE", "Urea", "mmol/L", 1.0, 0.0, 1)),
    Analyte { an: An::Creatinine, loinc: "14682-9", women: (Some(45.0), Some(84.0)), men: (Some(59.0), Some(104.0)), loinc_thornhaven: "14682-9",
        region: assay("CREA", "Creatinine", "umol/L", 1.0, 0.0, 0), thornhaven: assay("CRE", "Creatinine", "umol/L", 1.0, 0.0, 0) },
    same(An::Egfr, "62238-1", Some(60.0), None, assay("EGFR", "eGFR (CKD-EPI)", "mL/min/1.73m2", 1.0, 0.0, 0), assay("GFRE", "Estimated GFR", "mL/min", 1.0, 0.0, 0)),
    Analyte { an: An::Haemoglobin, loinc: "718-7", women: (Some(115.0), Some(165.0)), men: (Some(130.0), Some(180.0)), loinc_thornhaven: "718-7",
        region: assay("HB", "Haemoglobin", "g/L", 1.0, 0.0, 0), thornhaven: assay("HGB", "Haemoglobin", "g/dL", 0.1, 0.0, 1) },
    same(An::WhiteCells, "6690-2", Some(4.0), Some(11.0), assay("WBC", "White cell count", "10*9/L", 1.0, 0.0, 1), assay("WCC", "White Cells", "x10\\S\\9/L", 1.0, 0.0, 1)),
    same(An::Neutrophils, "751-8", Some(1.7), Some(7.5), assay("NEUT", "Neutrophils", "10*9/L", 1.0, 0.0, 1), assay("NEU", "Neutrophils", "x10\\S\\9/L", 1.0, 0.0, 1)),
    same(An::Platelets, "777-3", Some(150.0), Some(450.0), assay("PLT", "Platelets", "10*9/L", 1.0, 0.0, 0), assay("PLAT", "Platelets", "x10\\S\\9/L", 1.0, 0.0, 0)),
    same(An::Mcv, "787-2", Some(80.0), Some(100.0), assay("MCV", "Mean cell volume", "fL", 1.0, 0.0, 1), assay("MCV", "Mean Cell Volume", "fL", 1.0, 0.0, 0)),
    Analyte { an: An::Alt, loinc: "1742-6", women: (None, Some(33.0)), men: (None, Some(41.0)), loinc_thornhaven: "1742-6",
        region: assay("ALT", "Alanine aminotransferase", "U/L", 1.0, 0.0, 0), thornhaven: assay("GPT", "ALT", "iu/L", 1.0, 0.0, 0) },
    same(An::Alp, "6768-6", Some(30.0), Some(130.0), assay("ALP", "Alkaline phosphatase", "U/L", 1.0, 0.0, 0), assay("AP", "Alk Phos", "iu/L", 1.0, 0.0, 0)),
    same(An::Bilirubin, "14631-6", None, Some(21.0), assay("BILI", "Total bilirubin", "umol/L", 1.0, 0.0, 0), assay("BIL", "Bilirubin", "umol/L", 1.0, 0.0, 0)),
    same(An::Albumin, "1751-7", Some(35.0), Some(50.0), assay("ALB", "Albumin", "g/L", 1.0, 0.0, 0), assay("ALBU", "Albumin", "g/L", 1.0, 0.0, 0)),
    same(An::Cholesterol, "14647-2", None, Some(5.0), assay("CHOL", "Total cholesterol", "mmol/L", 1.0, 0.0, 1), assay("TC", "Cholesterol", "mmol/L", 1.0, 0.0, 2)),
    Analyte { an: An::Hdl, loinc: "14646-4", women: (Some(1.2), None), men: (Some(1.0), None), loinc_thornhaven: "14646-4",
        region: assay("HDL", "HDL cholesterol", "mmol/L", 1.0, 0.0, 1), thornhaven: assay("HDLC", "HDL-Chol", "mmol/L", 1.0, 0.0, 2) },
    same(An::Ldl, "39469-2", None, Some(3.0), assay("LDL", "LDL cholesterol (calculated)", "mmol/L", 1.0, 0.0, 1), assay("LDLC", "LDL-Chol", "mmol/L", 1.0, 0.0, 2)),
    same(An::Triglyceride, "14927-8", None, Some(1.7), assay("TRIG", "Triglycerides", "mmol/L", 1.0, 0.0, 1), assay("TG", "Triglyceride", "mmol/L", 1.0, 0.0, 2)),
    Analyte { an: An::Hba1c, loinc: "59261-8", women: (None, Some(41.0)), men: (None, Some(41.0)), loinc_thornhaven: "4548-4",
        region: assay("HBA1C", "HbA1c (IFCC)", "mmol/mol", 1.0, 0.0, 0), thornhaven: assay("A1CD", "HbA1c (DCCT)", "%", 0.0915, 2.15, 1) },
    same(An::Tsh, "3016-3", Some(0.27), Some(4.2), assay("TSH", "Thyroid stimulating hormone", "mU/L", 1.0, 0.0, 2), assay("TSH3", "TSH", "mIU/L", 1.0, 0.0, 2)),
    same(An::FreeT4, "14920-3", Some(12.0), Some(22.0), assay("FT4", "Free T4", "pmol/L", 1.0, 0.0, 1), assay("T4F", "Free Thyroxine", "pmol/L", 1.0, 0.0, 1)),
    same(An::Crp, "1988-5", None, Some(5.0), assay("CRP", "C reactive protein", "mg/L", 1.0, 0.0, 0), assay("CRPX", "C-Reactive Protein", "mg/L", 1.0, 0.0, 0)),
    same(An::Calcium, "29265-6", Some(2.2), Some(2.6), assay("ACA", "Adjusted calcium", "mmol/L", 1.0, 0.0, 2), assay("CCA", "Corrected Calcium", "mmol/L", 1.0, 0.0, 2)),
    same(An::Phosphate, "14879-1", Some(0.8), Some(1.5), assay("PO4", "Phosphate", "mmol/L", 1.0, 0.0, 2), assay("PHOS", "Phosphate", "mmol/L", 1.0, 0.0, 2)),
    same(An::Glucose, "14749-6", Some(3.5), Some(7.8), assay("GLU", "Glucose", "mmol/L", 1.0, 0.0, 1), assay("GLC", "Glucose", "mmol/L", 1.0, 0.0, 1)),
    Analyte { an: An::Ferritin, loinc: "2276-4", women: (Some(13.0), Some(150.0)), men: (Some(30.0), Some(400.0)), loinc_thornhaven: "2276-4",
        region: assay("FERR", "Ferritin", "ug/L", 1.0, 0.0, 0), thornhaven: assay("FER", "Ferritin", "ng/mL", 1.0, 0.0, 0) },
    same(An::B12, "2132-9", Some(197.0), Some(771.0), assay("B12", "Vitamin B12", "ng/L", 1.0, 0.0, 0), assay("VB12", "Vit B12", "pg/mL", 1.0, 0.0, 0)),
    same(An::Folate, "2284-8", Some(3.9), Some(26.8), assay("FOL", "Serum folate", "ug/L", 1.0, 0.0, 1), assay("FOLA", "Folate", "ng/mL", 1.0, 0.0, 1)),
    same(An::VitaminD, "14635-7", Some(50.0), None, assay("VITD", "25-hydroxyvitamin D", "nmol/L", 1.0, 0.0, 0), assay("25D", "Vitamin D total", "nmol/L", 1.0, 0.0, 0)),
    same(An::Inr, "6301-6", None, None, assay("INR", "International normalised ratio", "ratio", 1.0, 0.0, 1), assay("INRX", "INR", "ratio", 1.0, 0.0, 1)),
    same(An::Acr, "14958-3", None, Some(3.0), assay("ACR", "Albumin:creatinine ratio", "mg/mmol", 1.0, 0.0, 1), assay("UALC", "Albumin/Creat Ratio", "mg/mmol", 1.0, 0.0, 1)),
    same(An::Psa, "2857-1", None, Some(4.0), assay("PSA", "Prostate specific antigen", "ug/L", 1.0, 0.0, 1), assay("PSAT", "PSA Total", "ng/mL", 1.0, 0.0, 2)),
    same(An::Bnp, "33762-6", None, Some(400.0), assay("NTBNP", "NT-proBNP", "ng/L", 1.0, 0.0, 0), assay("PBNP", "NT proBNP", "pg/mL", 1.0, 0.0, 0)),
    same(An::Troponin, "67151-1", None, Some(14.0), assay("TNT", "Troponin T (high sensitivity)", "ng/L", 1.0, 0.0, 0), assay("HSTN", "hs Troponin T", "ng/L", 1.0, 0.0, 0)),
    Analyte { an: An::Urate, loinc: "14933-6", women: (Some(140.0), Some(360.0)), men: (Some(200.0), Some(430.0)), loinc_thornhaven: "14933-6",
        region: assay("URAT", "Urate", "umol/L", 1.0, 0.0, 0), thornhaven: assay("URIC", "Uric Acid", "umol/L", 1.0, 0.0, 0) },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_analyte_is_found_by_its_name() {
        for row in TABLE {
            assert_eq!(row.an.row().loinc, row.loinc);
        }
    }

    #[test]
    fn the_two_haemoglobin_a1c_units_agree() {
        let row = An::Hba1c.row();
        assert!((row.thornhaven.convert(48.0) - 6.5).abs() < 0.06);
        assert!((row.thornhaven.convert(75.0) - 9.0).abs() < 0.06);
    }
}
