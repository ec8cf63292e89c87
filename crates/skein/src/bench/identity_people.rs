//! People for the benchmark of the person index, by their numbers: the same in every run, and none of them kept.

use identity::{AddressFacts, PatientFacts};
use jiff::civil::Date;

/// A number made of another: the same in every run.
fn mix(seed: u64) -> u64 {
    let value = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// A rank below `count` as names have it: the first is the most usual, the k-th about 1/k as usual.
fn skewed(random: u64, count: f64) -> u64 {
    #[expect(clippy::cast_precision_loss, reason = "53 of 64 bits are random enough")]
    let share = (random >> 11) as f64 / (1_u64 << 53) as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below count")]
    let rank = (count.powf(share) - 1.0) as u64;
    rank
}

const SYLLABLES: [&str; 48] = [
    "ka", "lo", "mi", "ren", "sta", "tho", "bar", "wil", "son", "er", "gre", "ham", "jo", "ne", "dav", "is", "ma",
    "ti", "fa", "hus", "sa", "in", "pat", "el", "sin", "gh", "ric", "har", "ton", "ley", "ber", "an", "cla", "rk",
    "wo", "od", "mur", "phy", "ev", "ro", "ch", "es", "ter", "nor", "wick", "ald", "en", "by",
];

/// A pronounceable name of a rank; names of low rank are short.
fn name(rank: u64, kind: u64) -> String {
    let mut text = String::new();
    let mut rest = mix(rank * 4 + kind);
    for _ in 0..2 + rank.min(400) / 200 + rest % 2 {
        rest = mix(rest);
        text.push_str(usize::try_from(rest % 48).ok().and_then(|at| SYLLABLES.get(at)).copied().unwrap_or("a"));
    }
    text
}

/// The person of a number: households of one to five share family name, address and often a telephone.
pub fn person(number: u64) -> PatientFacts {
    let household = number / 3 + mix(number / 3) % 2;
    let (home, own) = (mix(household ^ 0xabcd), mix(number ^ 0x1234_5678));
    let random = |n: u64| mix(own ^ n << 40);
    let house = |n: u64| mix(home ^ n << 40);
    // Grown-ups and children: two humps of ages, ten thousand days of births in common names.
    let year = i16::try_from(1926 + random(1) % 100).unwrap_or(1970);
    let month = i8::try_from(random(2) % 12 + 1).unwrap_or(1);
    let day = i8::try_from(random(3) % 28 + 1).unwrap_or(1);
    let (month, day) = if random(4) % 200 == 0 { (1, 1) } else { (month, day) };
    let stem = u32::try_from(400_000_000 + mix(number) % 390_000_000).unwrap_or(0);
    let nhs = fhir::NhsNumber::from_stem(stem).and_then(|number| number.as_str().parse().ok());
    let postcode = house(1) % 430_000;
    let area = usize::try_from(postcode / 3000 % 48).unwrap_or(0);
    let letter = |n: u64| char::from(b'A' + u8::try_from(n % 20).unwrap_or(0));
    let code = format!(
        "{}{} {}{}{}",
        SYLLABLES.get(area).copied().unwrap_or("m").get(..1).unwrap_or("m").to_uppercase(),
        postcode / 3000,
        postcode / 300 % 10,
        letter(postcode / 20),
        letter(postcode)
    );
    let mut facts = PatientFacts {
        nhs_number: nhs.filter(|_| random(5) % 10 < 9),
        verified: random(6) % 10 < 8,
        families: vec![name(skewed(if random(7) % 5 == 0 { random(8) } else { house(2) }, 300_000.0), 1)],
        givens: vec![name(skewed(random(9), 60_000.0), 2)],
        birth: Date::new(year, month, day).ok(),
        gender: Some(if random(10).is_multiple_of(2) { "female" } else { "male" }.to_owned()),
        addresses: vec![AddressFacts {
            lines: vec![format!("{} {} Road", house(3) % 120 + 1, name(skewed(mix(postcode), 80_000.0), 3))],
            places: vec![name(postcode / 3000 + 1000, 0)],
            region: None,
            postcode: Some(code),
        }],
        practice: Some(format!("P{:05}", postcode / 200)),
        ..PatientFacts::default()
    };
    if random(11) % 10 < 4 {
        facts.middles.push(name(skewed(random(12), 20_000.0), 2));
    }
    if random(13) % 10 < 7 {
        let phone = if random(14) % 10 < 3 { house(4) } else { random(15) };
        facts.phones.push(format!("07{:09}", phone % 1_000_000_000));
    }
    if random(16) % 10 < 2 {
        facts.emails.push(format!("{}{}@mail.example", name(random(17) % 1000, 1), random(18) % 1_000_000));
    }
    facts
}

/// A question: mostly somebody known, with what changes between two records; now and then a stranger.
pub fn asked(number: u64, people: u64) -> (PatientFacts, Option<u64>) {
    let random = |n: u64| mix(number ^ 0x7777_0000 ^ n << 44);
    if random(0) % 10 == 0 {
        return (person(people + number), None);
    }
    let who = random(1) % people;
    let mut facts = person(who);
    if random(2) % 100 < 35 {
        facts.nhs_number = None;
        facts.verified = false;
    }
    if random(3) % 100 < 12 {
        facts.addresses = person(people + number).addresses;
        facts.phones.clear();
    }
    if random(4) % 100 < 8
        && let Some(family) = facts.families.first_mut()
        && let Some(last) = family.pop()
    {
        family.insert(family.len() / 2, last);
    }
    if random(5) % 100 < 4
        && let Some(birth) = facts.birth
    {
        facts.birth = Date::new(birth.year(), birth.month(), birth.day() % 28 + 1).ok();
    }
    if random(6) % 100 < 10 {
        facts.phones.clear();
    }
    if random(7) % 100 < 5 {
        facts.birth = None;
    }
    (facts, Some(who))
}
