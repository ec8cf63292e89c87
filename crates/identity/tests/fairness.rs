//! What keeps linkage from being worse for some: names that few of a community share, telephones that are one's own, names
//! of two languages.

mod common;

use common::{at, crowd_member, index_of, nhs, person, phone};
use fhir::{PatientKey, PersonKey};
use identity::{Answer, Builder, Matcher, Model, Outcome, PatientFacts, Ruling, Scratch, compare::BothNames};

const CROWD: u64 = 3000;
const KNOWN: Outcome = Outcome::Link(PersonKey(1_000_000));

fn ask(known: &PatientFacts, asked: &PatientFacts) -> Answer {
    let (index, model) = (index_of(CROWD, std::slice::from_ref(known)), Model::builtin());
    Matcher::new(&index, &model).decide(asked, None, None, &mut Scratch::default())
}

fn probability(known: &PatientFacts, asked: &PatientFacts) -> f64 {
    ask(known, asked).candidates.first().map_or(0.0, |best| best.probability)
}

fn away(facts: PatientFacts) -> PatientFacts {
    at(facts, "7 Station Road", "OL4 2ZZ")
}

fn home(facts: PatientFacts) -> PatientFacts {
    at(facts, "12 Mill Lane", "OL9 6AA")
}

/// The young move: that the address differs says less against one person of twenty-five than of eighty.
#[test]
fn another_address_says_less_of_the_young() {
    let model = Model::builtin();
    let bits = |year: &str| {
        let born = || person("Jagtar", "Dosanjh", &format!("{year}-03-12"), "male");
        let index = index_of(CROWD, &[home(born())]);
        let matcher = Matcher::new(&index, &model);
        let asked = index.question(&away(born()));
        let answer = matcher.decide_question(&asked, None, None, &mut Scratch::default());
        let explanation = matcher.explain(&asked, &answer.candidates[0]);
        let line = explanation.lines.iter().find(|line| line.comparison == "what-changed").unwrap();
        assert_eq!(line.level, "address");
        line.weight
    };
    let (child, young, middle, old) = (bits("2018"), bits("1996"), bits("1972"), bits("1938"));
    assert!(old + 0.6 < middle && middle + 0.8 < young && child + 0.6 < young, "{child} {young} {middle} {old}");
}

#[test]
fn another_mobile_speaks_against_one_person_and_a_fixed_line_does_not() {
    let jagtar = || person("Jagtar", "Dosanjh", "1980-03-12", "male");
    let known = phone(home(jagtar()), "07700 900123");
    let silent = probability(&known, &away(jagtar()));
    let mobile = probability(&known, &phone(away(jagtar()), "07911 123456"));
    let line = probability(&known, &phone(away(jagtar()), "0161 496 0123"));
    assert!(mobile < silent, "{mobile} {silent}");
    assert!((line - silent).abs() < 1e-9, "{line} {silent}");
    let moved = probability(&known, &phone(away(jagtar()), "+44 7700 900123"));
    assert!(moved > silent && moved > 0.99, "{moved} {silent}");
}

#[test]
fn an_english_name_beside_a_chinese_one_is_one_person_where_the_mobile_is_their_own() {
    let known = phone(home(person("Ka Ho", "Lam", "1980-05-15", "male")), "07700 900123");
    let matthew = phone(home(person("Matthew", "Lam", "1980-05-15", "male")), "07700 900123");
    assert_eq!(ask(&known, &matthew).outcome, KNOWN);
    // Of children the mobile is a parent's: they may be twins.
    let child = |facts: &PatientFacts| PatientFacts { birth: "2023-05-15".parse().ok(), ..facts.clone() };
    assert!(!matches!(ask(&child(&known), &child(&matthew)).outcome, Outcome::Link(_)));
    // Two Chinese names are two people's, or somebody has to look.
    let wing = home(person("Wing Fai", "Lam", "1980-05-15", "male"));
    assert!(!matches!(ask(&known, &wing).outcome, Outcome::Link(_)));
}

#[test]
fn names_of_two_languages_weigh_more_than_two_of_one() {
    let known = home(person("Ka Ho", "Lam", "1980-05-15", "male"));
    let weight = |answer: &Answer| answer.candidates[0].weighed.probability();
    let english = ask(&known, &home(person("Matthew", "Lam", "1980-05-15", "male")));
    let chinese = ask(&known, &home(person("Wing Fai", "Lam", "1980-05-15", "male")));
    assert!(weight(&english) > weight(&chinese), "{} {}", weight(&english), weight(&chinese));
    let reason = |answer: &Answer| answer.candidates[0].pattern.both_names;
    assert_eq!((reason(&english), reason(&chinese)), (Some(BothNames::Adopted), None));
    let smith = home(person("Ka Ho", "Smith", "1980-05-15", "male"));
    let other = ask(&smith, &home(person("Matthew", "Smith", "1980-05-15", "male")));
    assert_eq!(reason(&other), None, "no Chinese family name");
}

#[test]
fn a_name_of_honour_alone_weighs_less_against_the_name_that_is_used() {
    let known = phone(home(person("Hamza", "Mahmood", "1980-05-15", "male")), "07700 900123");
    let asked = |given: &str| ask(&known, &phone(home(person(given, "Mahmood", "1980-05-15", "male")), "07700 900123"));
    let weight = |answer: &Answer| answer.candidates[0].weighed.probability();
    let (honour, another) = (asked("Mohammed"), asked("Tariq"));
    assert_eq!(honour.candidates[0].pattern.both_names, Some(BothNames::Honour));
    assert!(weight(&honour) > weight(&another), "{} {}", weight(&honour), weight(&another));
    // With a further name of his own he would be called by that one, which is not Hamza.
    assert_eq!(asked("Mohammed Bilal").candidates[0].pattern.both_names, None);
    // Two boys of one day and home may be twins, of whom one has the name of honour alone.
    let child = |facts: &PatientFacts| PatientFacts { birth: "2023-05-15".parse().ok(), ..facts.clone() };
    let boy = child(&phone(home(person("Mohammed", "Mahmood", "2023-05-15", "male")), "07700 900123"));
    assert!(!matches!(ask(&child(&known), &boy).outcome, Outcome::Link(_)));
}

#[test]
fn an_initial_of_a_further_name_that_is_the_others_forename_weighs_less_against_it() {
    let known = home(person("George", "Ravensley", "1980-05-15", "male"));
    let asked = |given: &str| ask(&known, &home(person(given, "Ravensley", "1980-05-15", "male")));
    let weight = |answer: &Answer| answer.candidates[0].weighed.probability();
    let (his, another) = (asked("Kevin G"), asked("Kevin D"));
    assert_eq!(his.candidates[0].pattern.both_names, Some(BothNames::Initial));
    assert!(weight(&his) > weight(&another), "{} {}", weight(&his), weight(&another));
}

/// Of a community of 30 forenames and 40 family names whose people are of all ages.
#[test]
fn namesakes_of_one_birthday_are_expected_about_as_often_as_they_are_met() {
    const PEOPLE: usize = 12_000;
    let mut state = 1_u64;
    let mut pick = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    let first = ["Bal", "Gur", "Har", "Jas", "Man"];
    let second = ["preet", "jeet", "vinder", "deep", "want", "bir"];
    let family = ["Sand", "Dhill", "Gr", "Bas", "Chah"];
    let ending = ["hu", "on", "ewal", "ra", "al", "oti", "ani", "uwal"];
    let people: Vec<PatientFacts> = (0..PEOPLE)
        .map(|_| {
            let given = format!("{}{}", first[pick(5)], second[pick(6)]);
            let name = format!("{}{}", family[pick(5)], ending[pick(8)]);
            let born = format!("{}-{:02}-{:02}", 1940 + pick(80), 1 + pick(12), 1 + pick(28));
            person(&given, &name, &born, "male")
        })
        .collect();
    let mut builder = Builder::new(PEOPLE, Vec::new());
    for (key, facts) in (0..).zip(&people) {
        builder.add(PatientKey(key), PersonKey(key), facts);
    }
    let (index, model) = (builder.build(), Model::builtin());
    let (matcher, mut scratch) = (Matcher::new(&index, &model), Scratch::default());
    let mut expected = 0.0;
    for facts in people.iter().step_by(40) {
        let answer = matcher.decide(facts, None, None, &mut scratch);
        expected += f64::from(answer.candidates[0].pattern.doubles) * 40.0;
    }
    // So many others have both names, and one of so many days.
    let met = PEOPLE as f64 * (PEOPLE as f64 / (30.0 * 40.0)) / (80.0 * 365.25);
    // In an index so small one's own birthday makes the day twice as usual.
    assert!((met..met * 6.0).contains(&expected), "{expected} expected, {met} met");
}

/// Who is Ahmad Soran Hiwa here stands under his father's name there. As much it says against two people as the name is rare behind
/// that forename, and of brothers, or of a father and his son, it says nothing.
#[test]
fn a_further_name_that_stands_as_the_family_name_is_one_persons() {
    let mut whole = home(person("Ahmad", "Soran", "1988-05-18", "male"));
    whole.middles = vec!["Hiwa".into()];
    let asked = |given: &str, family: &str, birth: &str| ask(&whole, &away(person(given, family, birth, "male")));
    let weight = |answer: &Answer| answer.candidates.first().map_or(f64::MIN, |best| best.weighed.factor.log2());
    let (fathers, another) = (asked("Ahmad", "Hiwa", "1988-05-18"), asked("Ahmad", "Karwan", "1988-05-18"));
    assert!(weight(&fathers) > weight(&another) + 4.0, "{} {}", weight(&fathers), weight(&another));
    assert!(fathers.candidates[0].pattern.further_family > 0.0);
    // Where every other of that forename is called so it says nothing, for or against.
    let mut narinder = home(person("Narinder", "Johal", "1987-05-03", "female"));
    narinder.middles = vec!["Kaur".into()];
    let others = (1..9).map(|number| person("Narinder", "Kaur", &format!("19{number}0-02-07"), "female"));
    let index = index_of(CROWD, &std::iter::once(narinder).chain(others).collect::<Vec<_>>());
    let model = Model::builtin();
    let factor = |family: &str| {
        let asked = away(person("Narinder", family, "1987-05-03", "female"));
        let answer = Matcher::new(&index, &model).decide(&asked, None, None, &mut Scratch::default());
        answer.candidates.iter().find(|found| found.patient.0 == 1_000_000).unwrap().weighed.factor.log2()
    };
    assert!((factor("Kaur") - factor("Karwan")).abs() < 0.05, "{} {}", factor("Kaur"), factor("Karwan"));
    for (given, birth) in [("Dilshad", "1988-05-18"), ("Ahmad", "2015-02-11")] {
        let answer = ask(&whole, &home(person(given, "Hiwa", birth, "male")));
        assert!(answer.candidates.iter().all(|found| found.pattern.further_family == 0.0), "{given} {birth}");
        assert!(!matches!(answer.outcome, Outcome::Link(_)), "{given} {birth}");
    }
}

/// Which of two is asked about makes no difference: not where a digit of the decade is mistyped, nor where each has the other's family
/// name behind the forename.
#[test]
fn decades_and_further_names_weigh_the_same_both_ways() {
    let named = |family: &str, further: &str, birth: &str| {
        let mut one = person("Harbhajan", family, birth, "male");
        one.middles = vec![further.into()];
        one
    };
    let others = (0..12).map(|number| named("Sandhar", "Singh", &format!("198{}-0{}-25", number % 5, number % 9 + 1)));
    let index = index_of(CROWD, &others.collect::<Vec<_>>());
    let model = Model::builtin();
    let matcher = Matcher::new(&index, &model);
    let pairs = [
        (named("Sandhar", "Singh", "1986-03-12"), named("Sandhar", "Singh", "1956-03-12")),
        (named("Sandhar", "Walker", "1986-03-12"), named("Walker", "Sandhar", "1986-03-12")),
    ];
    for (one, other) in &pairs {
        let (there, back) = (matcher.compare_facts(one, other).0.pattern, matcher.compare_facts(other, one).0.pattern);
        assert_eq!(there, back);
        assert!(there.company > 1.0 || there.further_family > 0.0, "{there:?}");
    }
}

/// Cindy Y. Yim is Yee Fung Yim: that Y is no Fung says nothing.
#[test]
fn an_initial_of_the_others_forename_is_no_other_further_name() {
    let mut known = phone(home(person("Yee", "Yim", "1958-12-13", "female")), "07700 900123");
    known.middles = vec!["Fung".into()];
    let asked = |further: &str| {
        let mut cindy = phone(home(person("Cindy", "Yim", "1958-12-13", "female")), "07700 900123");
        cindy.middles = vec![further.into()];
        ask(&known, &cindy)
    };
    let (hers, another) = (asked("Y"), asked("Mary"));
    assert_eq!(hers.outcome, KNOWN);
    let weight = |answer: &Answer| answer.candidates[0].weighed.factor.log2();
    assert!(weight(&hers) > weight(&another) + 2.0, "{} {}", weight(&hers), weight(&another));
}

/// Names have their years: of those born in the decade when both were usual more are called so than of all.
#[test]
fn names_keep_closer_company_among_those_born_in_their_decade() {
    let company = |years: [u16; 8], asked: &str| {
        let mut builder = Builder::new(10_000, Vec::new());
        for number in 0..CROWD {
            builder.add(PatientKey(number), PersonKey(number), &crowd_member(number));
        }
        for (key, year) in (CROWD..).zip(years) {
            let namesake = person("Harbhajan", "Sandhar", &format!("{year}-0{}-25", key % 9 + 1), "male");
            builder.add(PatientKey(key), PersonKey(key), &namesake);
        }
        let known = home(person("Harbhajan", "Sandhar", "1986-03-12", "male"));
        builder.add(PatientKey(1_000_000), PersonKey(1_000_000), &known);
        let (index, model) = (builder.build(), Model::builtin());
        let asked = home(person("Harbhajan", "Sandhar", asked, "male"));
        let answer = Matcher::new(&index, &model).decide(&asked, None, None, &mut Scratch::default());
        let found = answer.candidates.iter().find(|found| found.patient == PatientKey(1_000_000)).unwrap();
        found.pattern.company
    };
    let together = [1981, 1982, 1983, 1984, 1985, 1987, 1988, 1989];
    let apart = [1935, 1942, 1951, 1956, 1963, 1977, 1991, 2009];
    for asked in ["1986-03-12", "1986-03-13", "1986-10-01"] {
        let (one, other) = (company(together, asked), company(apart, asked));
        assert!(one > other * 3.0, "{asked}: {one} {other}");
    }
    // Where the dates of birth are unlike they tell of no decade.
    assert!((company(together, "1953-10-01") - company(apart, "1953-10-01")).abs() < 1e-3);
}

#[test]
fn more_namesakes_are_expected_where_a_community_has_few_names() {
    let mut builder = Builder::new(10_000, Vec::new());
    let mut key = 0;
    let mut add = |facts: &PatientFacts| {
        builder.add(PatientKey(key), PersonKey(key), facts);
        key += 1;
    };
    for number in 0..3000 {
        add(&crowd_member(number));
    }
    // Two family names of 120 bearers: one whose bearers have a dozen forenames and share them with eleven other names, one
    // whose bearers each have their own. Nobody of either is called Gurdev.
    for number in 0..120_usize {
        let day = format!("19{:02}-{:02}-11", 40 + number % 50, 1 + number % 12);
        add(&person(&format!("Jag{}", ["tar", "dev", "jit", "raj"][number % 4]), "Sandhu", &day, "male"));
        add(&person(&format!("Own{}", number * 7919), "Featherby", &day, "male"));
        add(&person("Gurdev", &format!("Gill{}", number % 6), &day, "male"));
        add(&person("Ebenezer", &format!("Alone{}", number * 104_729), &day, "male"));
    }
    let known = [("Gurdev", "Sandhu"), ("Ebenezer", "Featherby")];
    for (given, family) in known {
        add(&home(person(given, family, "1965-04-12", "male")));
    }
    let (index, model) = (builder.build(), Model::builtin());
    let matcher = Matcher::new(&index, &model);
    let ask = |(given, family): (&str, &str)| {
        let asked = away(person(given, family, "1965-04-12", "male"));
        let answer = matcher.decide(&asked, None, None, &mut Scratch::default());
        let best = answer.candidates.into_iter().next().unwrap();
        (best.pattern.doubles, best.weighed.probability())
    };
    let [(close, close_odds), (wide, wide_odds)] = known.map(ask);
    assert!(close > wide * 5.0, "{close} {wide}");
    assert!(close_odds < wide_odds, "{close_odds} {wide_odds}");
}

#[test]
fn birthday_and_practice_find_who_moved_and_was_mistyped() {
    let mut known = home(person("Mason", "Swinworth", "1991-08-05", "male"));
    known.practice = Some("Z00133".into());
    let mut asked = away(person("M", "Qvinwofth", "1991-08-05", "male"));
    asked.practice = known.practice.clone();
    let answer = ask(&known, &asked);
    assert!(answer.candidates.iter().any(|found| found.person == PersonKey(1_000_000)), "{answer:?}");
}

#[test]
fn a_number_does_not_stand_alone_beside_one_forename_and_nearly_one_family_name() {
    let known = nhs(home(person("Jesse", "May", "1995-11-13", "male")), 9_990_000_018, false);
    let asked = nhs(home(person("Jesse", "Mai", "1995-01-01", "male")), 9_990_000_018, false);
    let answer = ask(&known, &asked);
    assert_ne!(answer.candidates[0].ruling, Some(Ruling::NumberAlone));
    assert_eq!(answer.outcome, KNOWN);
    let other = nhs(home(person("Leah", "May", "1965-02-01", "female")), 9_990_000_018, false);
    assert_eq!(ask(&known, &other).candidates[0].ruling, Some(Ruling::NumberAlone));
}

#[test]
fn the_first_day_that_computers_know_is_nobodys_birthday_before_all() {
    let known = home(person("Thomas", "Ravensley", "1996-12-06", "male"));
    let unknown = probability(&known, &home(person("Thomas", "Ravensley", "1970-01-01", "male")));
    let other = probability(&known, &home(person("Thomas", "Ravensley", "1970-01-02", "male")));
    assert!(unknown > other, "{unknown} {other}");
}
