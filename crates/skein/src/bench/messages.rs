//! Messages for load: ADT and ORU of a made-up hospital, each patient with a story, none of them anybody's.

use std::fmt::Write;

/// Message number `n`. One in three is a report of ten results, the others move people about. Twenty messages a person.
pub fn message(n: usize) -> Vec<u8> {
    let person = n / 20 + n % 4 * 100_000;
    let step = n / 4 % 5;
    let minute = n % 60;
    let hour = n / 60 % 24;
    let day = 1 + n / 1440 % 28;
    let at = format!("202603{day:02}{hour:02}{minute:02}00");
    let pid = format!(
        "PID|1||{person:07}^^^RXB^PI~{nhs}^^^NHS^NH||FAMILY{f}^GIVEN{g}^MIDDLE^^MRS||19{y:02}0{m}1{d}|2|||{h} HIGH STREET^AREA^TOWN^COUNTY^ZZ99 3VZ^^H||01632960{t:03}^PRN^PH||EN|M|C22||||||A||||||||N||02",
        nhs = nhs(person),
        f = person % 977,
        g = person % 311,
        y = 20 + person % 79,
        m = 1 + person % 9,
        d = person % 9,
        h = 1 + person % 120,
        t = person % 1000,
    );
    let mut text = String::with_capacity(1600);
    if n.is_multiple_of(3) {
        let _ = write!(
            text,
            "MSH|^~\\&|LAB|RXB|SKEIN|REGION|{at}||ORU^R01|B{n}|P|2.4|||AL|NE\r{pid}\rPV1|1|I|WARD{w}^BAY1^BED{b}^RXB||||C1234567^HOUSE^GREGORY\rORC|RE|P{n}|F{n}||CM\rOBR|1|P{n}|F{n}|UE^Urea and electrolytes^LOCAL|||{at}||||||||C1234567^HOUSE^GREGORY||||||{at}||CH|F\r",
            w = person % 12,
            b = person % 30,
        );
        for (index, (code, name, unit, range)) in RESULTS.iter().enumerate() {
            let _ = write!(
                text,
                "OBX|{}|NM|{code}^{name}^LOCAL||{}.{}|{unit}|{range}|N|||F|||{at}\r",
                index + 1,
                (n * 7 + index * 13) % 140,
                n % 10
            );
        }
    } else {
        let (code, extra) = match step {
            0 => ("A01", ""),
            1 => ("A02", ""),
            2 | 3 => ("A08", ""),
            _ => ("A03", "19|1"),
        };
        let _ = write!(
            text,
            "MSH|^~\\&|PAS|RXB|SKEIN|REGION|{at}||ADT^{code}|B{n}|P|2.4|||AL|NE\rEVN|{code}|{at}||||{at}\r{pid}\rPD1|||PRACTICE^^Y12345|G1234567^GP^ALICE\rNK1|1|NEXT^OF KIN|SPOUSE|1 HIGH STREET^^TOWN^^ZZ99 3VZ|01632960123\rPV1|1|I|WARD{w}^BAY{bay}^BED{b}^RXB|21|||C1234567^HOUSE^GREGORY^^^DR|||300||||19|||||V{person:07}^^^RXB|||||||||||||||||{extra}||||||||202603010800\rPV2|||^Fall at home\rAL1|1|DA|7980^Penicillin|MO|Rash\rDG1|1||I10^Essential hypertension^ICD10||{at}|A\r",
            w = (person + step) % 12,
            bay = step,
            b = person % 30,
        );
    }
    text.into_bytes()
}

/// A number with a right check digit from the range kept for tests.
fn nhs(person: usize) -> String {
    (0..).map(|offset| 999_000_000 + (person * 7 + offset) % 999_999).find_map(check_digit).unwrap_or_default()
}

fn check_digit(stem: usize) -> Option<String> {
    let text = format!("{stem:09}");
    let sum: usize = text.bytes().zip((2..=10).rev()).map(|(digit, weight)| usize::from(digit - b'0') * weight).sum();
    match 11 - sum % 11 {
        10 => None,
        11 => Some(format!("{text}0")),
        digit => Some(format!("{text}{digit}")),
    }
}

const RESULTS: &[(&str, &str, &str, &str)] = &[
    ("NA", "Sodium", "mmol/L", "133-146"),
    ("K", "Potassium", "mmol/L", "3.5-5.3"),
    ("UREA", "Urea", "mmol/L", "2.5-7.8"),
    ("CREA", "Creatinine", "umol/L", "45-84"),
    ("EGFR", "Estimated GFR", "mL/min/1.73m2", ">90"),
    ("CRP", "C-reactive protein", "mg/L", "<5"),
    ("ALB", "Albumin", "g/L", "35-50"),
    ("ALT", "Alanine aminotransferase", "U/L", "<35"),
    ("BILI", "Bilirubin", "umol/L", "<21"),
    ("CA", "Adjusted calcium", "mmol/L", "2.2-2.6"),
];
