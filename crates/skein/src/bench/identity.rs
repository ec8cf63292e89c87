//! `identity`: decisions of the person index, against so many people (`--people`).

use super::{Bench, per_second};
use fhir::{PatientKey, PersonKey};
use identity::{AddressFacts, Builder, Index, Matcher, Model, Packed, PatientFacts, Scratch};
use jiff::civil::Date;
use std::time::{Duration, Instant};

/// Decisions timed one by one.
const TIMED: usize = 20_000;
/// How long two threads decide as fast as they can.
const RUSH: Duration = Duration::from_secs(10);
/// People packed at a time for each thread.
const PIECE: u64 = 16_384;

/// Measure.
pub fn run(bench: &Bench) -> anyhow::Result<()> {
    let people = bench.people.max(1) as u64;
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(2);
    let begin = Instant::now();
    let index = load(people, threads);
    bench.report.figure("identity", "load_s", begin.elapsed().as_secs_f64(), "s");
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    let bytes = index.bytes() as f64 / people as f64;
    bench.report.figure("identity", "bytes_per_person", bytes, "bytes");
    let model = Model::builtin();
    let matcher = Matcher::new(&index, &model);

    let mut scratch = Scratch::default();
    let mut times = Vec::with_capacity(TIMED);
    let (mut linked, mut compared) = (0_usize, 0_usize);
    let cpu = cpu_ns();
    for number in 0..TIMED as u64 + 500 {
        let (facts, _) = asked(number, people);
        let start = Instant::now();
        let answer = matcher.decide(&facts, None, None, &mut scratch);
        let took = start.elapsed();
        // The first ones find nothing in the processor's caches that later ones do.
        if number >= 500 {
            times.push(took);
        }
        linked += usize::from(matches!(answer.outcome, identity::Outcome::Link(_)));
        compared += answer.compared;
    }
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 1000).map_or(0.0, |time| time.as_secs_f64() * 1e6);
    bench.report.figure("identity", "decision_us_p50", at(500), "us");
    bench.report.figure("identity", "decision_us_p99", at(990), "us");
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    let each = |count: usize| count as f64 / (TIMED + 500) as f64;
    // On a machine that does other things meanwhile this is the figure to compare.
    if let (Some(before), Some(after)) = (cpu, cpu_ns()) {
        #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
        let each = (after - before) as f64 / 1000.0 / (TIMED + 500) as f64;
        bench.report.figure("identity", "decision_us_cpu_mean", each, "us");
    }
    bench.report.figure("identity", "compared_mean", each(compared), "patients");
    bench.report.figure("identity", "linked_share", each(linked), "");

    let rush = |thread: u64| {
        let mut scratch = Scratch::default();
        let (mut count, begin) = (0_usize, Instant::now());
        let mut number = 1_000_000 + thread * 50_000_000;
        while begin.elapsed() < RUSH {
            for _ in 0..64 {
                matcher.decide(&asked(number, people).0, None, None, &mut scratch);
                number += 1;
                count += 1;
            }
        }
        (count, begin.elapsed())
    };
    let done: Vec<(usize, Duration)> = std::thread::scope(|scope| {
        let rush = &rush;
        let running: Vec<_> = (0..2).map(|thread| scope.spawn(move || rush(thread))).collect();
        running.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    let rate: f64 = done.iter().map(|(count, took)| per_second(*count, *took)).sum();
    bench.report.figure("identity", "decisions_per_s", rate, "decisions/s");
    Ok(())
}

/// Time that this thread has been on a processor, in nanoseconds.
pub fn cpu_ns() -> Option<u64> {
    std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok()
}

fn load(people: u64, threads: usize) -> Index {
    let mut builder = Builder::new(usize::try_from(people).unwrap_or(usize::MAX), Vec::new());
    let mut next = 0;
    while next < people {
        let starts: Vec<u64> = (0..threads as u64).map(|n| next + n * PIECE).filter(|start| *start < people).collect();
        let piles: Vec<Packed> = std::thread::scope(|scope| {
            let builder = &builder;
            let running: Vec<_> = starts
                .iter()
                .map(|start| {
                    scope.spawn(move || {
                        let mut pile = Packed::default();
                        for number in *start..(*start + PIECE).min(people) {
                            builder.pack(&mut pile, PatientKey(number), PersonKey(number), &person(number));
                        }
                        pile
                    })
                })
                .collect();
            running.into_iter().filter_map(|thread| thread.join().ok()).collect()
        });
        for pile in piles {
            builder.append(pile);
        }
        next += starts.len() as u64 * PIECE;
    }
    builder.build_with(threads)
}

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
fn person(number: u64) -> PatientFacts {
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
fn asked(number: u64, people: u64) -> (PatientFacts, Option<u64>) {
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
