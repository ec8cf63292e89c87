//! Lasting conditions, with how common each is by age and sex. Figures per 1,000 people follow the shape of published
//! English primary-care registers (Quality and Outcomes Framework, Health Survey for England): approximate.

use super::{Term, term};

/// A lasting condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Ill {
    Hypertension,
    Type2Diabetes,
    Type1Diabetes,
    Asthma,
    Copd,
    Ckd3,
    AtrialFibrillation,
    HeartFailure,
    IschaemicHeart,
    Stroke,
    Tia,
    Dementia,
    Depression,
    Anxiety,
    Osteoarthritis,
    Osteoporosis,
    Rheumatoid,
    Hypothyroidism,
    Epilepsy,
    Parkinson,
    MultipleSclerosis,
    Schizophrenia,
    Bipolar,
    Hypercholesterolaemia,
    Reflux,
    Gout,
    Psoriasis,
    Eczema,
    Migraine,
    BreastCancer,
    ProstateCancer,
    BowelCancer,
    LungCancer,
    Obesity,
    HearingLoss,
    Cataract,
    Glaucoma,
    MacularDegeneration,
    ProstateEnlargement,
    Diverticular,
    IrritableBowel,
    IronDeficiency,
    BackPain,
    Fibromyalgia,
    Crohns,
    UlcerativeColitis,
    LearningDisability,
    Autism,
    Adhd,
    AlcoholDependence,
    OpioidDependence,
    SickleCell,
    Falls,
    Incontinence,
    HipFractureHistory,
    MyocardialInfarction,
    Retinopathy,
    Ckd3b,
    Ckd4,
    FrailtyMild,
    FrailtyModerate,
    FrailtySevere,
}

/// How much a condition weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// Counts as a long-term condition when multimorbidity is counted.
    LongTerm,
    /// Recorded as a problem, not counted.
    Minor,
    /// A stage of another condition, given by the course of that one.
    Stage,
}

/// One row of the table.
#[derive(Debug)]
pub(crate) struct Illness {
    pub ill: Ill,
    pub term: Term,
    /// How many in 1,000 women have it at the ages of [`KNOTS`].
    women: [f64; 7],
    men: [f64; 7],
    pub weight: Weight,
}

/// The ages the columns stand for.
const KNOTS: [f64; 7] = [8.0, 26.0, 42.0, 57.0, 70.0, 80.0, 90.0];

const fn illness(
    ill: Ill,
    sct: &'static str,
    name: &'static str,
    icd: &'static str,
    women: [f64; 7],
    men: [f64; 7],
    weight: Weight,
) -> Illness {
    Illness { ill, term: term(sct, name, icd), women, men, weight }
}

impl Ill {
    /// Its row.
    pub(crate) fn row(self) -> &'static Illness {
        TABLE.iter().find(|row| row.ill == self).unwrap_or(FIRST)
    }
}

impl Illness {
    /// The age at which somebody whose standing among 1,000 is `rank` (0 falls ill first) gets it; nothing when never
    /// before `age`.
    pub(crate) fn onset_age(&self, female: bool, rank: f64, age: f64) -> Option<f64> {
        let rates = if female { &self.women } else { &self.men };
        let (mut age_before, mut rate_before) = (0.5, 0.0);
        for (knot, rate) in KNOTS.iter().zip(rates) {
            let rate = rate.max(rate_before);
            if rank < rate {
                let share = (rank - rate_before).max(0.0) / (rate - rate_before);
                let onset = age_before + (knot - age_before) * share;
                return (onset < age).then_some(onset);
            }
            (age_before, rate_before) = (*knot, rate);
        }
        // Past the last knot the rate keeps climbing by a fiftieth a year.
        let onset = age_before + (rank / rate_before.max(0.001) - 1.0) * 50.0;
        (onset < age && rate_before > 0.0).then_some(onset)
    }
}

const FIRST: &Illness =
    &illness(Ill::Hypertension, "38341003", "Hypertensive disorder", "I10", [0.0; 7], [0.0; 7], Weight::LongTerm);

/// Every condition.
#[rustfmt::skip]
pub(crate) const TABLE: &[Illness] = &[
    illness(Ill::Hypertension, "38341003", "Hypertensive disorder", "I10", [0.0, 4.0, 40.0, 200.0, 420.0, 540.0, 600.0], [0.0, 6.0, 60.0, 240.0, 430.0, 520.0, 560.0], Weight::LongTerm),
    illness(Ill::Type2Diabetes, "44054006", "Type 2 diabetes mellitus", "E11.9", [0.0, 4.0, 22.0, 75.0, 130.0, 150.0, 130.0], [0.0, 5.0, 33.0, 110.0, 180.0, 190.0, 160.0], Weight::LongTerm),
    illness(Ill::Type1Diabetes, "46635009", "Type 1 diabetes mellitus", "E10.9", [2.0, 4.0, 5.0, 5.0, 6.0, 6.0, 6.0], [2.0, 5.0, 6.0, 6.0, 6.0, 6.0, 6.0], Weight::LongTerm),
    illness(Ill::Asthma, "195967001", "Asthma", "J45.9", [45.0, 80.0, 95.0, 110.0, 118.0, 120.0, 120.0], [60.0, 80.0, 85.0, 92.0, 98.0, 100.0, 100.0], Weight::LongTerm),
    illness(Ill::Copd, "13645005", "Chronic obstructive pulmonary disease", "J44.9", [0.0, 0.0, 4.0, 32.0, 70.0, 90.0, 90.0], [0.0, 0.0, 4.0, 36.0, 80.0, 110.0, 115.0], Weight::LongTerm),
    illness(Ill::Ckd3, "700378005", "Chronic kidney disease stage 3A", "N18.3", [0.0, 0.0, 4.0, 20.0, 80.0, 180.0, 300.0], [0.0, 0.0, 4.0, 20.0, 75.0, 170.0, 290.0], Weight::LongTerm),
    illness(Ill::AtrialFibrillation, "49436004", "Atrial fibrillation", "I48.9", [0.0, 0.0, 1.0, 8.0, 40.0, 110.0, 190.0], [0.0, 0.0, 3.0, 18.0, 70.0, 150.0, 230.0], Weight::LongTerm),
    illness(Ill::HeartFailure, "84114007", "Heart failure", "I50.9", [0.0, 0.0, 1.0, 5.0, 17.0, 45.0, 110.0], [0.0, 0.0, 2.0, 9.0, 32.0, 70.0, 130.0], Weight::LongTerm),
    illness(Ill::IschaemicHeart, "414545008", "Ischaemic heart disease", "I25.9", [0.0, 0.0, 2.0, 18.0, 65.0, 130.0, 170.0], [0.0, 0.0, 6.0, 55.0, 150.0, 230.0, 270.0], Weight::LongTerm),
    illness(Ill::Stroke, "230690007", "Cerebrovascular accident", "I63.9", [0.0, 0.0, 2.0, 10.0, 30.0, 65.0, 110.0], [0.0, 0.0, 2.0, 14.0, 42.0, 80.0, 120.0], Weight::LongTerm),
    illness(Ill::Tia, "266257000", "Transient ischaemic attack", "G45.9", [0.0, 0.0, 1.0, 6.0, 18.0, 42.0, 70.0], [0.0, 0.0, 1.0, 7.0, 22.0, 46.0, 70.0], Weight::LongTerm),
    illness(Ill::Dementia, "52448006", "Dementia", "F03", [0.0, 0.0, 0.0, 1.0, 13.0, 65.0, 210.0], [0.0, 0.0, 0.0, 1.0, 14.0, 60.0, 170.0], Weight::LongTerm),
    illness(Ill::Depression, "35489007", "Depressive disorder", "F32.9", [10.0, 110.0, 165.0, 190.0, 195.0, 200.0, 205.0], [5.0, 60.0, 95.0, 115.0, 120.0, 122.0, 125.0], Weight::LongTerm),
    illness(Ill::Anxiety, "197480006", "Anxiety disorder", "F41.9", [12.0, 95.0, 125.0, 135.0, 138.0, 140.0, 140.0], [8.0, 55.0, 75.0, 82.0, 85.0, 86.0, 86.0], Weight::LongTerm),
    illness(Ill::Osteoarthritis, "396275006", "Osteoarthritis", "M19.9", [0.0, 1.0, 15.0, 110.0, 260.0, 370.0, 430.0], [0.0, 1.0, 12.0, 75.0, 170.0, 250.0, 300.0], Weight::LongTerm),
    illness(Ill::Osteoporosis, "64859006", "Osteoporosis", "M81.9", [0.0, 0.0, 2.0, 20.0, 85.0, 170.0, 240.0], [0.0, 0.0, 1.0, 4.0, 14.0, 30.0, 55.0], Weight::LongTerm),
    illness(Ill::Rheumatoid, "69896004", "Rheumatoid arthritis", "M06.9", [0.0, 1.0, 5.0, 11.0, 17.0, 20.0, 20.0], [0.0, 0.0, 2.0, 5.0, 8.0, 10.0, 10.0], Weight::LongTerm),
    illness(Ill::Hypothyroidism, "40930008", "Hypothyroidism", "E03.9", [1.0, 14.0, 38.0, 70.0, 100.0, 115.0, 125.0], [0.0, 3.0, 8.0, 17.0, 28.0, 34.0, 38.0], Weight::LongTerm),
    illness(Ill::Epilepsy, "84757009", "Epilepsy", "G40.9", [4.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0], [4.0, 8.0, 9.0, 11.0, 13.0, 14.0, 15.0], Weight::LongTerm),
    illness(Ill::Parkinson, "49049000", "Parkinson's disease", "G20", [0.0, 0.0, 0.0, 1.0, 5.0, 13.0, 20.0], [0.0, 0.0, 0.0, 1.0, 8.0, 20.0, 28.0], Weight::LongTerm),
    illness(Ill::MultipleSclerosis, "24700007", "Multiple sclerosis", "G35", [0.0, 1.0, 3.0, 4.0, 5.0, 5.0, 5.0], [0.0, 0.0, 1.0, 2.0, 2.0, 2.0, 2.0], Weight::LongTerm),
    illness(Ill::Schizophrenia, "58214004", "Schizophrenia", "F20.9", [0.0, 2.0, 5.0, 7.0, 7.0, 7.0, 7.0], [0.0, 5.0, 9.0, 10.0, 10.0, 10.0, 10.0], Weight::LongTerm),
    illness(Ill::Bipolar, "13746004", "Bipolar disorder", "F31.9", [0.0, 3.0, 7.0, 8.0, 9.0, 9.0, 9.0], [0.0, 2.0, 5.0, 6.0, 6.0, 6.0, 6.0], Weight::LongTerm),
    illness(Ill::Hypercholesterolaemia, "13644009", "Hypercholesterolaemia", "E78.0", [0.0, 3.0, 20.0, 90.0, 190.0, 240.0, 240.0], [0.0, 5.0, 35.0, 120.0, 200.0, 230.0, 220.0], Weight::LongTerm),
    illness(Ill::Reflux, "235595009", "Gastro-oesophageal reflux disease", "K21.9", [3.0, 20.0, 45.0, 90.0, 130.0, 155.0, 165.0], [4.0, 18.0, 45.0, 85.0, 115.0, 130.0, 135.0], Weight::LongTerm),
    illness(Ill::Gout, "90560007", "Gout", "M10.9", [0.0, 0.0, 1.0, 5.0, 16.0, 30.0, 38.0], [0.0, 2.0, 14.0, 38.0, 68.0, 85.0, 90.0], Weight::LongTerm),
    illness(Ill::Psoriasis, "9014002", "Psoriasis", "L40.9", [5.0, 18.0, 26.0, 32.0, 34.0, 35.0, 35.0], [4.0, 16.0, 26.0, 34.0, 38.0, 39.0, 39.0], Weight::LongTerm),
    illness(Ill::Eczema, "24079001", "Atopic dermatitis", "L20.9", [110.0, 125.0, 130.0, 132.0, 135.0, 138.0, 140.0], [105.0, 112.0, 115.0, 116.0, 118.0, 122.0, 125.0], Weight::Minor),
    illness(Ill::Migraine, "37796009", "Migraine", "G43.9", [8.0, 60.0, 105.0, 120.0, 124.0, 125.0, 125.0], [6.0, 24.0, 38.0, 42.0, 44.0, 44.0, 44.0], Weight::Minor),
    illness(Ill::BreastCancer, "254837009", "Malignant neoplasm of breast", "C50.9", [0.0, 0.0, 3.0, 18.0, 42.0, 58.0, 66.0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], Weight::LongTerm),
    illness(Ill::ProstateCancer, "399068003", "Malignant tumour of prostate", "C61", [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 7.0, 48.0, 95.0, 120.0], Weight::LongTerm),
    illness(Ill::BowelCancer, "363406005", "Malignant tumour of colon", "C18.9", [0.0, 0.0, 0.0, 3.0, 11.0, 21.0, 29.0], [0.0, 0.0, 0.0, 4.0, 15.0, 30.0, 39.0], Weight::LongTerm),
    illness(Ill::LungCancer, "363358000", "Malignant tumour of lung", "C34.9", [0.0, 0.0, 0.0, 1.0, 5.0, 7.0, 6.0], [0.0, 0.0, 0.0, 1.0, 5.0, 9.0, 9.0], Weight::LongTerm),
    illness(Ill::Obesity, "414916001", "Obesity", "E66.9", [20.0, 90.0, 170.0, 230.0, 240.0, 200.0, 120.0], [20.0, 70.0, 150.0, 220.0, 230.0, 180.0, 100.0], Weight::Minor),
    illness(Ill::HearingLoss, "15188001", "Hearing loss", "H91.9", [6.0, 8.0, 14.0, 40.0, 110.0, 220.0, 380.0], [7.0, 9.0, 18.0, 60.0, 150.0, 270.0, 430.0], Weight::Minor),
    illness(Ill::Cataract, "193570009", "Cataract", "H26.9", [0.0, 1.0, 3.0, 18.0, 100.0, 260.0, 410.0], [0.0, 1.0, 3.0, 16.0, 85.0, 220.0, 370.0], Weight::Minor),
    illness(Ill::Glaucoma, "23986001", "Glaucoma", "H40.9", [0.0, 0.0, 2.0, 12.0, 38.0, 66.0, 92.0], [0.0, 0.0, 3.0, 14.0, 42.0, 70.0, 96.0], Weight::Minor),
    illness(Ill::MacularDegeneration, "267718000", "Age-related macular degeneration", "H35.3", [0.0, 0.0, 0.0, 3.0, 18.0, 60.0, 150.0], [0.0, 0.0, 0.0, 2.0, 15.0, 48.0, 120.0], Weight::LongTerm),
    illness(Ill::ProstateEnlargement, "266569009", "Benign prostatic hyperplasia", "N40", [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 2.0, 40.0, 130.0, 210.0, 260.0], Weight::Minor),
    illness(Ill::Diverticular, "307496006", "Diverticulosis", "K57.9", [0.0, 0.0, 4.0, 30.0, 80.0, 120.0, 140.0], [0.0, 0.0, 5.0, 28.0, 66.0, 95.0, 110.0], Weight::Minor),
    illness(Ill::IrritableBowel, "10743008", "Irritable bowel syndrome", "K58.9", [3.0, 45.0, 75.0, 88.0, 92.0, 94.0, 94.0], [2.0, 18.0, 30.0, 35.0, 37.0, 38.0, 38.0], Weight::Minor),
    illness(Ill::IronDeficiency, "87522002", "Iron deficiency anaemia", "D50.9", [4.0, 25.0, 55.0, 75.0, 90.0, 120.0, 160.0], [4.0, 4.0, 8.0, 18.0, 40.0, 80.0, 120.0], Weight::Minor),
    illness(Ill::BackPain, "279039007", "Low back pain", "M54.5", [2.0, 50.0, 120.0, 170.0, 200.0, 215.0, 220.0], [2.0, 45.0, 115.0, 160.0, 180.0, 190.0, 190.0], Weight::Minor),
    illness(Ill::Fibromyalgia, "203082005", "Fibromyalgia", "M79.7", [0.0, 4.0, 14.0, 22.0, 24.0, 24.0, 24.0], [0.0, 0.0, 2.0, 3.0, 3.0, 3.0, 3.0], Weight::LongTerm),
    illness(Ill::Crohns, "34000006", "Crohn's disease", "K50.9", [1.0, 4.0, 6.0, 6.0, 6.0, 6.0, 6.0], [1.0, 4.0, 5.0, 5.0, 5.0, 5.0, 5.0], Weight::LongTerm),
    illness(Ill::UlcerativeColitis, "64766004", "Ulcerative colitis", "K51.9", [0.0, 2.0, 5.0, 6.0, 7.0, 7.0, 7.0], [0.0, 2.0, 5.0, 6.0, 8.0, 8.0, 8.0], Weight::LongTerm),
    illness(Ill::LearningDisability, "110359009", "Intellectual disability", "F79", [4.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0], [6.0, 7.0, 7.0, 7.0, 7.0, 7.0, 7.0], Weight::LongTerm),
    illness(Ill::Autism, "408856003", "Autistic disorder", "F84.0", [9.0, 14.0, 14.0, 14.0, 14.0, 14.0, 14.0], [28.0, 34.0, 34.0, 34.0, 34.0, 34.0, 34.0], Weight::Minor),
    illness(Ill::Adhd, "406506008", "Attention deficit hyperactivity disorder", "F90.0", [12.0, 18.0, 20.0, 20.0, 20.0, 20.0, 20.0], [36.0, 42.0, 42.0, 42.0, 42.0, 42.0, 42.0], Weight::Minor),
    illness(Ill::AlcoholDependence, "66590003", "Alcohol dependence", "F10.2", [0.0, 3.0, 8.0, 12.0, 13.0, 13.0, 13.0], [0.0, 7.0, 20.0, 28.0, 30.0, 30.0, 30.0], Weight::LongTerm),
    illness(Ill::OpioidDependence, "75544000", "Opioid dependence", "F11.2", [0.0, 2.0, 4.0, 5.0, 5.0, 5.0, 5.0], [0.0, 4.0, 11.0, 13.0, 13.0, 13.0, 13.0], Weight::LongTerm),
    illness(Ill::SickleCell, "417357006", "Sickle cell-haemoglobin SS disease", "D57.1", [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], Weight::LongTerm),
    illness(Ill::Falls, "161898004", "Falls", "R29.6", [0.0, 0.0, 1.0, 6.0, 35.0, 120.0, 290.0], [0.0, 0.0, 1.0, 5.0, 25.0, 85.0, 220.0], Weight::Minor),
    illness(Ill::Incontinence, "165232002", "Urinary incontinence", "R32", [0.0, 3.0, 18.0, 45.0, 80.0, 130.0, 220.0], [0.0, 0.0, 2.0, 8.0, 26.0, 60.0, 120.0], Weight::Minor),
    illness(Ill::HipFractureHistory, "5913000", "Fracture of neck of femur", "S72.0", [0.0, 0.0, 0.0, 1.0, 8.0, 30.0, 95.0], [0.0, 0.0, 0.0, 1.0, 4.0, 15.0, 50.0], Weight::Minor),
    illness(Ill::MyocardialInfarction, "22298006", "Myocardial infarction", "I21.9", [0.0, 0.0, 1.0, 5.0, 18.0, 36.0, 52.0], [0.0, 0.0, 2.0, 22.0, 58.0, 82.0, 95.0], Weight::LongTerm),
    illness(Ill::Retinopathy, "4855003", "Diabetic retinopathy", "H36.0", [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], Weight::LongTerm),
    illness(Ill::Ckd3b, "700379002", "Chronic kidney disease stage 3B", "N18.3", [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], Weight::Stage),
    illness(Ill::Ckd4, "431857002", "Chronic kidney disease stage 4", "N18.4", [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], Weight::Stage),
    illness(Ill::FrailtyMild, "925791000000100", "Mild frailty", "R54", [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], Weight::Stage),
    illness(Ill::FrailtyModerate, "925831000000107", "Moderate frailty", "R54", [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], Weight::Stage),
    illness(Ill::FrailtySevere, "925861000000102", "Severe frailty", "R54", [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], Weight::Stage),
];
