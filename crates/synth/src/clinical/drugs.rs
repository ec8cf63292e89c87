//! Medicines as virtual medicinal products: name, usual dose and quantity. The codes have dm+d's shape (a long SNOMED CT
//! id with its Verhoeff check digit) under an extension number that is not the NHS's, so they can be mistaken for no
//! real product.

/// A medicine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Drug {
    Metformin,
    Gliclazide,
    Empagliflozin,
    Sitagliptin,
    InsulinGlargine,
    InsulinAspart,
    Amlodipine,
    Amlodipine10,
    Ramipril,
    Losartan,
    Indapamide,
    Bendroflumethiazide,
    Atorvastatin20,
    Atorvastatin80,
    Simvastatin,
    Aspirin,
    Clopidogrel,
    Bisoprolol,
    Gtn,
    Apixaban,
    Warfarin,
    Digoxin,
    Furosemide,
    Spironolactone,
    Dapagliflozin,
    Salbutamol,
    Beclometasone,
    Tiotropium,
    FluticasoneVilanterol,
    Montelukast,
    Levothyroxine,
    Sertraline,
    Citalopram,
    Mirtazapine,
    Propranolol,
    Amitriptyline,
    Donepezil,
    Memantine,
    CoCareldopa,
    Levetiracetam,
    Lamotrigine,
    Olanzapine,
    Quetiapine,
    Aripiprazole,
    Lithium,
    Alendronic,
    CalciumD,
    Methotrexate,
    FolicAcid,
    Hydroxychloroquine,
    Omeprazole,
    Lansoprazole,
    Allopurinol,
    Colchicine,
    Paracetamol,
    Codeine,
    IbuprofenGel,
    Naproxen,
    Tamsulosin,
    Finasteride,
    Letrozole,
    Tamoxifen,
    Bicalutamide,
    Sumatriptan,
    Emollient,
    Hydrocortisone,
    Calcipotriol,
    FerrousFumarate,
    Mirabegron,
    Latanoprost,
    Methylphenidate,
    Methadone,
    Thiamine,
    Mesalazine,
    Azathioprine,
    Mebeverine,
    Macrogol,
    Desogestrel,
    Microgynon,
    Estradiol,
    Progesterone,
    Cetirizine,
    Epipen,
    Amoxicillin,
    AmoxicillinLiquid,
    Clarithromycin,
    Doxycycline,
    Flucloxacillin,
    Nitrofurantoin,
    Trimethoprim,
    Phenoxymethylpenicillin,
    Prednisolone,
    Chloramphenicol,
    JustInCase,
}

/// One row of the table.
#[derive(Debug)]
pub(crate) struct Product {
    pub drug: Drug,
    pub code: &'static str,
    pub name: &'static str,
    pub dose: &'static str,
    pub quantity: &'static str,
    pub unit: &'static str,
}

const fn drug(
    drug: Drug,
    code: &'static str,
    name: &'static str,
    dose: &'static str,
    quantity: &'static str,
    unit: &'static str,
) -> Product {
    Product { drug, code, name, dose, quantity, unit }
}

impl Drug {
    /// Its row. The table is in the order of the names.
    pub(crate) fn product(self) -> &'static Product {
        TABLE.get(self as usize).filter(|row| row.drug == self).unwrap_or(FIRST)
    }

    /// Contains a penicillin: not for somebody allergic to it.
    pub(crate) fn penicillin(self) -> bool {
        matches!(
            self,
            Drug::Amoxicillin | Drug::AmoxicillinLiquid | Drug::Flucloxacillin | Drug::Phenoxymethylpenicillin
        )
    }
}

const FIRST: &Product = &drug(Drug::Paracetamol, "0", "Paracetamol 500mg tablets", "", "", "");

/// Every medicine.
#[rustfmt::skip]
pub(crate) const TABLE: &[Product] = &[
    drug(Drug::Metformin, "41011000999106", "Metformin 500mg tablets", "One tablet twice a day with meals", "56", "tablet"),
    drug(Drug::Gliclazide, "41181000999104", "Gliclazide 80mg tablets", "One tablet in the morning with breakfast", "28", "tablet"),
    drug(Drug::Empagliflozin, "41351000999109", "Empagliflozin 10mg tablets", "One tablet once a day", "28", "tablet"),
    drug(Drug::Sitagliptin, "41521000999105", "Sitagliptin 100mg tablets", "One tablet once a day", "28", "tablet"),
    drug(Drug::InsulinGlargine, "41691000999106", "Insulin glargine 100units/ml solution for injection 3ml pre-filled pen", "Inject 18 units under the skin at bedtime", "5", "pre-filled disposable injection"),
    drug(Drug::InsulinAspart, "41861000999103", "Insulin aspart 100units/ml solution for injection 3ml pre-filled pen", "Inject 4 to 8 units under the skin with meals as directed", "5", "pre-filled disposable injection"),
    drug(Drug::Amlodipine, "42031000999108", "Amlodipine 5mg tablets", "One tablet once a day", "28", "tablet"),
    drug(Drug::Amlodipine10, "42201000999106", "Amlodipine 10mg tablets", "One tablet once a day", "28", "tablet"),
    drug(Drug::Ramipril, "42371000999109", "Ramipril 5mg capsules", "One capsule once a day", "28", "capsule"),
    drug(Drug::Losartan, "42541000999105", "Losartan 50mg tablets", "One tablet once a day", "28", "tablet"),
    drug(Drug::Indapamide, "42711000999100", "Indapamide 2.5mg tablets", "One tablet in the morning", "28", "tablet"),
    drug(Drug::Bendroflumethiazide, "42881000999102", "Bendroflumethiazide 2.5mg tablets", "One tablet in the morning", "28", "tablet"),
    drug(Drug::Atorvastatin20, "43051000999106", "Atorvastatin 20mg tablets", "One tablet at night", "28", "tablet"),
    drug(Drug::Atorvastatin80, "43221000999106", "Atorvastatin 80mg tablets", "One tablet at night", "28", "tablet"),
    drug(Drug::Simvastatin, "43391000999103", "Simvastatin 40mg tablets", "One tablet at night", "28", "tablet"),
    drug(Drug::Aspirin, "43561000999104", "Aspirin 75mg dispersible tablets", "One tablet once a day dissolved in water", "28", "tablet"),
    drug(Drug::Clopidogrel, "43731000999103", "Clopidogrel 75mg tablets", "One tablet once a day", "28", "tablet"),
    drug(Drug::Bisoprolol, "43901000999108", "Bisoprolol 2.5mg tablets", "One tablet in the morning", "28", "tablet"),
    drug(Drug::Gtn, "44071000999100", "Glyceryl trinitrate 400micrograms/dose pump sublingual spray", "One or two sprays under the tongue when needed for chest pain", "1", "spray"),
    drug(Drug::Apixaban, "44241000999103", "Apixaban 5mg tablets", "One tablet twice a day", "56", "tablet"),
    drug(Drug::Warfarin, "44411000999101", "Warfarin 1mg tablets", "As directed by the anticoagulant clinic", "28", "tablet"),
    drug(Drug::Digoxin, "44581000999106", "Digoxin 125microgram tablets", "One tablet in the morning", "28", "tablet"),
    drug(Drug::Furosemide, "44751000999107", "Furosemide 40mg tablets", "One tablet in the morning", "28", "tablet"),
    drug(Drug::Spironolactone, "44921000999102", "Spironolactone 25mg tablets", "One tablet once a day", "28", "tablet"),
    drug(Drug::Dapagliflozin, "45091000999100", "Dapagliflozin 10mg tablets", "One tablet once a day", "28", "tablet"),
    drug(Drug::Salbutamol, "45261000999100", "Salbutamol 100micrograms/dose inhaler CFC free", "One or two puffs when needed, up to four times a day", "1", "inhaler"),
    drug(Drug::Beclometasone, "45431000999107", "Beclometasone 100micrograms/dose inhaler CFC free", "Two puffs twice a day", "1", "inhaler"),
    drug(Drug::Tiotropium, "45601000999103", "Tiotropium bromide 18microgram inhalation powder capsules", "Inhale the contents of one capsule once a day", "30", "capsule"),
    drug(Drug::FluticasoneVilanterol, "45771000999104", "Fluticasone furoate 92micrograms/dose / Vilanterol 22micrograms/dose dry powder inhaler", "One puff once a day", "1", "inhaler"),
    drug(Drug::Montelukast, "45941000999109", "Montelukast 10mg tablets", "One tablet in the evening", "28", "tablet"),
    drug(Drug::Levothyroxine, "46111000999103", "Levothyroxine sodium 75microgram tablets", "One tablet in the morning, half an hour before breakfast", "28", "tablet"),
    drug(Drug::Sertraline, "46281000999102", "Sertraline 50mg tablets", "One tablet once a day", "28", "tablet"),
    drug(Drug::Citalopram, "46451000999105", "Citalopram 20mg tablets", "One tablet once a day", "28", "tablet"),
    drug(Drug::Mirtazapine, "46621000999104", "Mirtazapine 15mg tablets", "One tablet at night", "28", "tablet"),
    drug(Drug::Propranolol, "46791000999108", "Propranolol 40mg tablets", "One tablet up to three times a day when needed", "84", "tablet"),
    drug(Drug::Amitriptyline, "46961000999103", "Amitriptyline 10mg tablets", "One tablet at night", "28", "tablet"),
    drug(Drug::Donepezil, "47131000999106", "Donepezil 10mg tablets", "One tablet at night", "28", "tablet"),
    drug(Drug::Memantine, "47301000999101", "Memantine 10mg tablets", "One tablet twice a day", "56", "tablet"),
    drug(Drug::CoCareldopa, "47471000999104", "Co-careldopa 25mg/100mg tablets", "One tablet three times a day", "84", "tablet"),
    drug(Drug::Levetiracetam, "47641000999108", "Levetiracetam 500mg tablets", "One tablet twice a day", "60", "tablet"),
    drug(Drug::Lamotrigine, "47811000999105", "Lamotrigine 100mg tablets", "One tablet twice a day", "56", "tablet"),
    drug(Drug::Olanzapine, "47981000999105", "Olanzapine 10mg tablets", "One tablet at night", "28", "tablet"),
    drug(Drug::Quetiapine, "48151000999101", "Quetiapine 200mg tablets", "One tablet at night", "60", "tablet"),
    drug(Drug::Aripiprazole, "48321000999106", "Aripiprazole 15mg tablets", "One tablet once a day", "28", "tablet"),
    drug(Drug::Lithium, "48491000999104", "Lithium carbonate 400mg modified-release tablets", "Two tablets at night", "60", "tablet"),
    drug(Drug::Alendronic, "48661000999108", "Alendronic acid 70mg tablets", "One tablet once a week, on the same day, half an hour before breakfast with a full glass of water", "4", "tablet"),
    drug(Drug::CalciumD, "48831000999101", "Calcium carbonate 1.5g / Colecalciferol 10microgram chewable tablets", "One tablet twice a day", "56", "tablet"),
    drug(Drug::Methotrexate, "49001000999109", "Methotrexate 2.5mg tablets", "Six tablets (15mg) ONCE a WEEK on a Monday", "24", "tablet"),
    drug(Drug::FolicAcid, "49171000999103", "Folic acid 5mg tablets", "One tablet once a week, not on the methotrexate day", "4", "tablet"),
    drug(Drug::Hydroxychloroquine, "49341000999108", "Hydroxychloroquine 200mg tablets", "One tablet twice a day", "60", "tablet"),
    drug(Drug::Omeprazole, "49511000999104", "Omeprazole 20mg gastro-resistant capsules", "One capsule once a day before food", "28", "capsule"),
    drug(Drug::Lansoprazole, "49681000999109", "Lansoprazole 30mg gastro-resistant capsules", "One capsule once a day before food", "28", "capsule"),
    drug(Drug::Allopurinol, "49851000999101", "Allopurinol 300mg tablets", "One tablet once a day after food", "28", "tablet"),
    drug(Drug::Colchicine, "50021000999108", "Colchicine 500microgram tablets", "One tablet twice a day for six days", "12", "tablet"),
    drug(Drug::Paracetamol, "50191000999106", "Paracetamol 500mg tablets", "Two tablets up to four times a day when needed", "100", "tablet"),
    drug(Drug::Codeine, "50361000999101", "Codeine 30mg tablets", "One tablet up to four times a day when needed", "56", "tablet"),
    drug(Drug::IbuprofenGel, "50531000999104", "Ibuprofen 5% gel", "Apply thinly three times a day", "100", "gram"),
    drug(Drug::Naproxen, "50701000999101", "Naproxen 500mg tablets", "One tablet twice a day with food", "28", "tablet"),
    drug(Drug::Tamsulosin, "50871000999103", "Tamsulosin 400microgram modified-release capsules", "One capsule in the morning after breakfast", "30", "capsule"),
    drug(Drug::Finasteride, "51041000999107", "Finasteride 5mg tablets", "One tablet once a day", "28", "tablet"),
    drug(Drug::Letrozole, "51211000999102", "Letrozole 2.5mg tablets", "One tablet once a day", "28", "tablet"),
    drug(Drug::Tamoxifen, "51381000999104", "Tamoxifen 20mg tablets", "One tablet once a day", "30", "tablet"),
    drug(Drug::Bicalutamide, "51551000999104", "Bicalutamide 50mg tablets", "One tablet once a day", "28", "tablet"),
    drug(Drug::Sumatriptan, "51721000999104", "Sumatriptan 50mg tablets", "One tablet at the start of a migraine, repeat after two hours if it comes back", "6", "tablet"),
    drug(Drug::Emollient, "51891000999107", "White soft paraffin 13.2% / Liquid paraffin light 10.5% cream", "Apply freely to dry skin several times a day", "500", "gram"),
    drug(Drug::Hydrocortisone, "52061000999102", "Hydrocortisone 1% cream", "Apply thinly twice a day for up to a week", "30", "gram"),
    drug(Drug::Calcipotriol, "52231000999101", "Calcipotriol 50micrograms/g / Betamethasone 0.05% gel", "Apply once a day", "60", "gram"),
    drug(Drug::FerrousFumarate, "52401000999109", "Ferrous fumarate 210mg tablets", "One tablet once a day", "84", "tablet"),
    drug(Drug::Mirabegron, "52571000999100", "Mirabegron 50mg modified-release tablets", "One tablet once a day", "30", "tablet"),
    drug(Drug::Latanoprost, "52741000999103", "Latanoprost 50micrograms/ml eye drops", "One drop in both eyes at night", "2.5", "ml"),
    drug(Drug::Methylphenidate, "52911000999104", "Methylphenidate 18mg modified-release tablets", "One tablet in the morning", "30", "tablet"),
    drug(Drug::Methadone, "53081000999101", "Methadone 1mg/ml oral solution sugar free", "40ml once a day, supervised", "280", "ml"),
    drug(Drug::Thiamine, "53251000999100", "Thiamine 100mg tablets", "One tablet twice a day", "56", "tablet"),
    drug(Drug::Mesalazine, "53421000999107", "Mesalazine 800mg gastro-resistant tablets", "Three tablets once a day", "84", "tablet"),
    drug(Drug::Azathioprine, "53591000999108", "Azathioprine 50mg tablets", "Two tablets once a day", "56", "tablet"),
    drug(Drug::Mebeverine, "53761000999108", "Mebeverine 135mg tablets", "One tablet three times a day, twenty minutes before food", "84", "tablet"),
    drug(Drug::Macrogol, "53931000999103", "Macrogol compound oral powder sachets NPF sugar free", "One sachet dissolved in water once or twice a day", "30", "sachet"),
    drug(Drug::Desogestrel, "54101000999106", "Desogestrel 75microgram tablets", "One tablet once a day without a break", "84", "tablet"),
    drug(Drug::Microgynon, "54271000999107", "Ethinylestradiol 30microgram / Levonorgestrel 150microgram tablets", "One tablet once a day for 21 days, then a break of 7 days", "63", "tablet"),
    drug(Drug::Estradiol, "54441000999104", "Estradiol 50micrograms/24hours transdermal patches", "Apply one patch twice a week", "8", "patch"),
    drug(Drug::Progesterone, "54611000999101", "Progesterone micronised 100mg capsules", "One capsule at night", "30", "capsule"),
    drug(Drug::Cetirizine, "54781000999102", "Cetirizine 10mg tablets", "One tablet once a day", "30", "tablet"),
    drug(Drug::Epipen, "54951000999107", "Adrenaline 300micrograms/0.3ml solution for injection pre-filled disposable devices", "Use in the outer thigh for anaphylaxis, then call 999", "2", "pre-filled disposable injection"),
    drug(Drug::Amoxicillin, "55121000999103", "Amoxicillin 500mg capsules", "One capsule three times a day for five days", "15", "capsule"),
    drug(Drug::AmoxicillinLiquid, "55291000999109", "Amoxicillin 250mg/5ml oral suspension", "5ml three times a day for five days", "100", "ml"),
    drug(Drug::Clarithromycin, "55461000999101", "Clarithromycin 500mg tablets", "One tablet twice a day for five days", "10", "tablet"),
    drug(Drug::Doxycycline, "55631000999107", "Doxycycline 100mg capsules", "Two capsules on the first day, then one a day for four days", "6", "capsule"),
    drug(Drug::Flucloxacillin, "55801000999104", "Flucloxacillin 500mg capsules", "One capsule four times a day for seven days", "28", "capsule"),
    drug(Drug::Nitrofurantoin, "55971000999104", "Nitrofurantoin 100mg modified-release capsules", "One capsule twice a day for three days", "6", "capsule"),
    drug(Drug::Trimethoprim, "56141000999101", "Trimethoprim 200mg tablets", "One tablet twice a day for three days", "6", "tablet"),
    drug(Drug::Phenoxymethylpenicillin, "56311000999102", "Phenoxymethylpenicillin 250mg tablets", "Two tablets four times a day for five days", "40", "tablet"),
    drug(Drug::Prednisolone, "56481000999100", "Prednisolone 5mg tablets", "Six tablets in the morning for five days", "30", "tablet"),
    drug(Drug::Chloramphenicol, "56651000999109", "Chloramphenicol 0.5% eye drops", "One drop every two hours, then four times a day for five days", "10", "ml"),
    drug(Drug::JustInCase, "56821000999102", "Morphine 10mg/1ml solution for injection ampoules", "2.5mg to 5mg under the skin when needed for pain, by the district nurse", "10", "ampoule"),
];

#[cfg(test)]
mod tests {
    use super::TABLE;

    #[test]
    fn every_medicine_is_found_by_its_name() {
        for product in TABLE {
            assert_eq!(product.drug.product().name, product.name);
        }
    }
}
