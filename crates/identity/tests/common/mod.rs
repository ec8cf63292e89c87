//! People for tests.
#![allow(dead_code, reason = "each test file uses some of it")]

use fhir::{PatientKey, PersonKey};
use identity::{AddressFacts, Builder, Index, PatientFacts};

/// Somebody with a name, a date of birth and a sex.
pub fn person(given: &str, family: &str, birth: &str, sex: &str) -> PatientFacts {
    PatientFacts {
        givens: vec![given.into()],
        families: vec![family.into()],
        birth: birth.parse().ok(),
        gender: Some(sex.into()),
        ..PatientFacts::default()
    }
}

/// The same with an address.
pub fn at(mut facts: PatientFacts, line: &str, postcode: &str) -> PatientFacts {
    facts.addresses.push(AddressFacts {
        lines: vec![line.into()],
        places: vec!["Oldham".into()],
        region: None,
        postcode: Some(postcode.into()),
    });
    facts
}

/// The same with a telephone.
pub fn phone(mut facts: PatientFacts, phone: &str) -> PatientFacts {
    facts.phones.push(phone.into());
    facts
}

/// The same with an NHS number.
pub fn nhs(mut facts: PatientFacts, number: u64, verified: bool) -> PatientFacts {
    facts.nhs_number = Some(number);
    facts.verified = verified;
    facts
}

const GIVENS: [&str; 24] = [
    "Oliver",
    "Amelia",
    "George",
    "Isla",
    "Mohammed",
    "Ayesha",
    "Noah",
    "Ava",
    "Harry",
    "Mia",
    "Leo",
    "Ivy",
    "Arthur",
    "Lily",
    "Jack",
    "Freya",
    "Charlie",
    "Florence",
    "Yusuf",
    "Zainab",
    "Piotr",
    "Agnieszka",
    "Chidi",
    "Ngozi",
];
const FAMILIES: [&str; 24] = [
    "Smith", "Jones", "Taylor", "Brown", "Williams", "Wilson", "Khan", "Patel", "Ali", "Hussain", "Begum", "Walker",
    "White", "Green", "Hall", "Wood", "Kowalski", "Nowak", "Okafor", "Eze", "Murphy", "Kelly", "Singh", "Kaur",
];

fn mix(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// One of many: frequencies need a crowd.
pub fn crowd_member(number: u64) -> PatientFacts {
    let random = |n: u64| mix(number.wrapping_mul(977).wrapping_add(n * 7919 + 1));
    let pick = |list: &[&'static str], n: u64| {
        let place = usize::try_from(random(n)).unwrap_or(0) % list.len();
        list.get(place).copied().unwrap_or("Nobody").to_owned()
    };
    let birth = format!("{}-{:02}-{:02}", 1930 + random(3) % 95, 1 + random(4) % 12, 1 + random(5) % 28);
    let sex = if random(6) % 2 == 0 { "female" } else { "male" };
    let facts = person(&pick(&GIVENS, 1), &format!("{}{}", pick(&FAMILIES, 2), random(9) % 40), &birth, sex);
    let street = format!("{} {} Road", 1 + random(7) % 90, pick(&FAMILIES, 8));
    at(facts, &street, &format!("OL{} {}AB", 1 + random(10) % 16, random(10) % 10))
}

/// An index of a crowd, and after them these people, whose keys are 1,000,000 and on.
pub fn index_of(crowd: u64, people: &[PatientFacts]) -> Index {
    let mut builder = Builder::new(1000, Vec::new());
    for number in 0..crowd {
        builder.add(PatientKey(number), PersonKey(number), &crowd_member(number));
    }
    for (number, facts) in (1_000_000..).zip(people) {
        builder.add(PatientKey(number), PersonKey(number), facts);
    }
    builder.build()
}
