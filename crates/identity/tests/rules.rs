//! One test per rule: what links, what is held for review, what is new.

mod common;

use common::{at, index_of, nhs, person, phone};
use fhir::{PatientKey, PersonKey};
use identity::{Answer, Matcher, Model, Outcome, PatientFacts, Ruling, Scratch};

const CROWD: u64 = 3000;
const NUMBER: u64 = 9_990_000_018;
const OTHER: u64 = 9_990_000_026;
const FAR: u64 = 9_994_571_318;

fn ask(known: &[PatientFacts], asked: &PatientFacts) -> Answer {
    let (index, model) = (index_of(CROWD, known), Model::builtin());
    Matcher::new(&index, &model).decide(asked, None, None, &mut Scratch::default())
}

fn linked(known: &[PatientFacts], asked: &PatientFacts) -> bool {
    ask(known, asked).outcome == Outcome::Link(PersonKey(1_000_000))
}

fn ann() -> PatientFacts {
    phone(at(person("Ann", "Okonkwo", "1950-03-12", "female"), "12 Mill Lane", "OL9 6AA"), "0161 496 0123")
}

#[test]
fn the_same_facts_are_the_same_person() {
    assert!(linked(&[ann()], &ann()));
}

#[test]
fn somebody_else_is_new() {
    let answer = ask(&[ann()], &person("Bartholomew", "Featherstone", "1971-11-30", "male"));
    assert_eq!(answer.outcome, Outcome::New);
}

/// Somebody of a usual name, born on a day that stands where none was known, in a district where many are called so. Whoever shares
/// that and nothing more could be any of them; what is somebody's own is found all the same, and a decision has an end.
#[test]
fn somebody_like_six_hundred_others_is_found_by_what_is_their_own() {
    let mohammed = |home: u64| {
        at(
            person("Mohammed", "Khan", "1980-01-01", "male"),
            &format!("{home} Mill Lane"),
            &format!("OL9 {}AA", home % 10),
        )
    };
    let mut known: Vec<PatientFacts> = (1..=600).map(mohammed).collect();
    known.push(nhs(mohammed(700), NUMBER, true));
    known.push(phone(mohammed(701), "07700 900123"));
    let numbered = nhs(person("Mohammed", "Khan", "1980-01-01", "male"), NUMBER, true);
    let reached = phone(mohammed(701), "07700 900123");
    for (asked, place) in [(numbered, 600), (reached, 601)] {
        let answer = ask(&known, &asked);
        assert_eq!(answer.candidates[0].patient, PatientKey(1_000_000 + place));
        assert_eq!(answer.outcome, Outcome::Link(PersonKey(1_000_000 + place)));
    }
    let anybody = ask(&known, &at(person("Mohammed", "Khan", "1980-01-01", "male"), "", "OL9 3ZZ"));
    assert_eq!(anybody.outcome, Outcome::New);
    assert!(anybody.compared < 200, "{} were compared", anybody.compared);
}

#[test]
fn a_verified_number_with_birth_date_or_name_links() {
    let known = nhs(ann(), NUMBER, true);
    let married = nhs(person("Ann", "Brown", "1950-03-12", "female"), NUMBER, true);
    let mistyped = nhs(person("Ann", "Okonkwo", "1971-09-30", "female"), NUMBER, true);
    for asked in [married, mistyped] {
        let answer = ask(std::slice::from_ref(&known), &asked);
        assert_eq!(answer.outcome, Outcome::Link(PersonKey(1_000_000)));
        assert_eq!(answer.candidates[0].ruling, Some(Ruling::VerifiedNumber));
    }
}

/// A son's number typed for his father of the same name: the father, whom everything else is of, is there as well.
#[test]
fn a_verified_number_does_not_link_past_whoever_fits_better() {
    let named = |birth: &str| {
        phone(at(person("Muhammad", "Saleem", birth, "male"), "73 Meadow Drive", "OL9 6AA"), "07700 900123")
    };
    let (father, son) = (nhs(named("1988-05-05"), OTHER, true), nhs(named("2022-07-06"), NUMBER, true));
    let asked = nhs(named("1988-05-05"), NUMBER, true);
    let answer = ask(&[father.clone(), son.clone()], &asked);
    let best = &answer.candidates[0];
    assert_eq!((answer.outcome, best.ruling, best.patient.0), (Outcome::Review, Some(Ruling::NoLead), 1_000_001));
    // In a file likewise; and where the son alone is known, the name and the number are two that agree.
    let index = index_of(600, &[father, son.clone()]);
    let (model, question) = (Model::builtin(), index.question(&asked));
    let pairs = identity::link_all(&Matcher::new(&index, &model), &[question], &|_| asked.clone(), 1, &|_| ());
    assert!(pairs.iter().any(|pair| pair.probability > 0.4) && pairs.iter().all(|pair| !pair.link), "{pairs:?}");
    assert_eq!(ask(&[son], &asked).candidates[0].ruling, Some(Ruling::VerifiedNumber));
}

/// Whoever is in a file twice is linked to both: they are no rivals.
#[test]
fn two_of_a_file_who_are_one_person_do_not_compete() {
    let index = index_of(600, &[ann(), ann()]);
    let (model, question) = (Model::builtin(), index.question(&ann()));
    let pairs = identity::link_all(&Matcher::new(&index, &model), &[question], &|_| ann(), 1, &|_| ());
    let linked: Vec<u32> = pairs.iter().filter(|pair| pair.link).map(|pair| pair.a).collect();
    assert_eq!(linked, [600, 601], "{pairs:?}");
}

/// A number that a source has not traced is weighed, like anything else, and alone never links.
#[test]
fn an_unverified_number_links_by_no_rule() {
    let known = nhs(ann(), NUMBER, true);
    let mistyped = person("Ann", "Okonkwo", "1971-09-30", "female");
    for (verified, ruling) in [(true, Some(Ruling::VerifiedNumber)), (false, None)] {
        let answer = ask(std::slice::from_ref(&known), &nhs(mistyped.clone(), NUMBER, verified));
        assert_eq!(answer.candidates[0].ruling, ruling);
    }
    let answer = ask(&[known], &nhs(person("Bilal", "Khan", "1988-05-06", "male"), NUMBER, false));
    assert_eq!((answer.outcome, answer.candidates[0].ruling), (Outcome::Review, Some(Ruling::NumberAlone)));
}

#[test]
fn a_number_alone_never_links() {
    let known = nhs(ann(), NUMBER, true);
    let answer = ask(&[known], &nhs(person("Bilal", "Khan", "1988-05-06", "male"), NUMBER, true));
    assert_eq!(answer.outcome, Outcome::Review);
    assert_eq!(answer.candidates[0].ruling, Some(Ruling::NumberAlone));
}

#[test]
fn two_verified_numbers_never_link() {
    let answer = ask(&[nhs(ann(), NUMBER, true)], &nhs(ann(), OTHER, true));
    assert_eq!(answer.outcome, Outcome::Review);
    assert_eq!(answer.candidates[0].ruling, Some(Ruling::TwoNumbers));
}

#[test]
fn twins_never_link() {
    let twin =
        phone(at(person("Beatrice", "Okonkwo", "1950-03-12", "female"), "12 Mill Lane", "OL9 6AA"), "0161 496 0123");
    let mut child = ann();
    child.birth = "2024-03-12".parse().ok();
    let mut other = twin.clone();
    other.birth = child.birth;
    let answer = ask(&[child], &other);
    assert!(!matches!(answer.outcome, Outcome::Link(_)), "{:?}", answer.outcome);
    assert!(!matches!(ask(&[ann()], &twin).outcome, Outcome::Link(_)));
}

/// Brothers and sisters share a further name where it is their father's (Idil Egal Mukhtar, Hodan Egal Mukhtar), so that it says
/// little of which of them is meant.
#[test]
fn twins_who_share_a_further_name_never_link() {
    let child = |given: &str, further: &str| {
        let mut child = person(given, "Mukhtar", "2017-08-28", "female");
        child.middles = vec![further.into()];
        phone(at(child, "13 South Way", "LE4 1QD"), "07803 076251")
    };
    let twin = ask(&[child("Hodan", "Egal")], &child("Idil", "Egal"));
    assert_eq!((twin.outcome, twin.candidates[0].ruling), (Outcome::Review, Some(Ruling::Twins)));
    let initial = ask(&[child("Hodan", "Egal")], &child("Idil", "E"));
    assert_eq!((initial.outcome, initial.candidates[0].ruling), (Outcome::Review, Some(Ruling::Twins)));
    assert!(linked(&[child("Hodan", "Egal")], &child("Hodan", "Egal")));
}

/// The hospital's "Twin 1" is one of the two whom the practice knows by name: which, nothing says. Nor does a name that is only like.
#[test]
fn one_of_several_born_that_day_is_not_told_by_a_name_that_is_missing_or_only_like() {
    let child = |given: &str| {
        let child = person(given, "Okonkwo", "2024-03-12", "female");
        phone(at(child, "12 Mill Lane", "OL9 6AA"), "0161 496 0123")
    };
    let unnamed = |given: &str| PatientFacts { newborn: true, ..child(given) };
    let several = |given: &str| PatientFacts { multiple_birth: true, ..child(given) };
    let held = |known: PatientFacts, asked: &PatientFacts| {
        let answer = ask(&[known], asked);
        (answer.outcome, answer.candidates[0].ruling) == (Outcome::Review, Some(Ruling::Twins))
    };
    assert!(linked(&[child("Ngozi")], &unnamed("Baby Girl")), "of an only child the day and the home tell");
    assert!(held(child("Ngozi"), &unnamed("Twin 1")));
    assert!(held(several("Ngozi"), &unnamed("Baby Girl")));
    assert!(held(several("Hassana"), &child("Hassina")));
    assert!(held(several("Ngozi"), &child("N")));
    assert!(linked(&[several("Ngozi")], &child("Ngozi")), "her name is her own");
    let numbered = |facts: PatientFacts| nhs(facts, NUMBER, true);
    assert!(linked(&[numbered(several("Ngozi"))], &numbered(unnamed("Twin 1"))), "so is her number");
}

/// However rare a name seems: in a community of few names the next of that name is somebody else.
#[test]
fn names_alone_never_link() {
    let mut known =
        phone(at(person("Kwok", "Yip", "1969-02-14", "male"), "5 Gladstone Road", "LS5 4AD"), "07700 900123");
    known.middles = vec!["Wai".into()];
    let elsewhere = |birth: &str| {
        let mut other = at(person("Kwok", "Yip", "1969-02-14", "male"), "51 Marine Place", "LS14 6WP");
        (other.middles, other.birth) = (vec!["Wai".into()], birth.parse().ok());
        other.emails = vec!["kwok.yip@example.org".into()];
        other
    };
    known.emails = elsewhere("").emails;
    known.practice = Some("B86003".into());
    let held = |asked: &PatientFacts| {
        let answer = ask(std::slice::from_ref(&known), asked);
        (answer.outcome, answer.candidates[0].ruling) == (Outcome::Review, Some(Ruling::NamesAlone))
    };
    assert!(held(&elsewhere("1976-09-26")), "an address that the name makes says what the name says");
    let nearby =
        PatientFacts { practice: known.practice.clone(), ..at(elsewhere("1976-09-26"), "51 Marine Place", "LS5 4PW") };
    assert!(held(&nearby), "his uncle lives round the corner and has his practice");
    let unborn = PatientFacts { emails: Vec::new(), ..elsewhere("") };
    assert!(held(&unborn), "nothing else is told");
    let linked = |asked: &PatientFacts| linked(std::slice::from_ref(&known), asked);
    assert!(linked(&elsewhere("1969-02-14")), "his birthday");
    // Where days were not recorded, two first days of January are no birthday, and their years no more than an age.
    let refugee = |birth: &str| person("Esmatullah", "Rezai", birth, "male");
    let known = at(refugee("1997-01-01"), "76 Livingstone Road", "OL9 6AA");
    let held = ask(std::slice::from_ref(&known), &at(refugee("1998-01-01"), "150 Raleigh Road", "LS14 6WP"));
    assert!(!matches!(held.outcome, Outcome::Link(_)), "{held:?}");
    assert_eq!(held.candidates[0].ruling, Some(Ruling::NamesAlone));
    assert!(linked(&phone(unborn.clone(), "07700 900123")), "his telephone");
    assert!(linked(&at(unborn, "5 Gladstone Road", "LS5 4AD")), "his home");
}

/// Not even of a like name, where each has a number of their own.
#[test]
fn two_numbers_in_one_household_are_two_people_of_like_names() {
    let born = |given: &str, year: &str, number: u64| {
        let mut child = ann();
        (child.givens, child.birth) = (vec![given.into()], format!("{year}-03-12").parse().ok());
        nhs(child, number, false)
    };
    let known = born("Charles", "2014", NUMBER);
    let twin = ask(std::slice::from_ref(&known), &born("Charlie", "2014", FAR));
    assert!(!matches!(twin.outcome, Outcome::Link(_)), "{:?}", twin.outcome);
    assert_eq!(twin.candidates[0].ruling, Some(Ruling::Twins));
    // Whatever the region has learnt of parents and children of one name.
    let (index, mut model) = (index_of(CROWD, std::slice::from_ref(&known)), Model::builtin());
    model.prior.namesake = 1e-6;
    for birth in ["1984-10-02", "1984-03-12"] {
        let father = PatientFacts { birth: birth.parse().ok(), ..born("Charles", "1984", FAR) };
        let answer = Matcher::new(&index, &model).decide(&father, None, None, &mut Scratch::default());
        assert!(!matches!(answer.outcome, Outcome::Link(_)), "{birth}: {:?}", answer.outcome);
        assert_eq!(answer.candidates[0].ruling, Some(Ruling::ParentAndChild), "{birth}");
    }
    assert!(linked(std::slice::from_ref(&known), &born("Charlie", "2014", NUMBER)));
    assert!(linked(&[known], &born("Charlie", "2014", OTHER)), "a slip of the keyboard");
}

/// What is one name for one clerk is a name and a further one for another.
#[test]
fn a_forename_written_apart_is_one_forename() {
    let wing = |given: &str| at(person(given, "Cheung", "1990-06-02", "female"), "12 Mill Lane", "OL9 6AA");
    for (known, asked) in [("Wing Yan", "Wingyan"), ("Wingyan", "Wing Yan"), ("Wing Yan", "Wing-Yan")] {
        let answer = ask(&[wing(known)], &wing(asked));
        assert_eq!(answer.outcome, Outcome::Link(PersonKey(1_000_000)), "{known}, {asked}");
        assert!(answer.candidates[0].probability > 0.999, "{known}, {asked}: {}", answer.candidates[0].probability);
    }
    let twin = ask(&[wing("Wing Yan")], &wing("Wing Kei"));
    assert!(!matches!(twin.outcome, Outcome::Link(_)), "brothers and sisters share a syllable: {:?}", twin.outcome);
    let english = |given: &str| at(person(given, "Lee", "1990-06-02", "female"), "12 Mill Lane", "OL9 6AA");
    assert!(linked(&[english("Ann Mary")], &english("Ann Margaret")), "a second name matters less");
}

/// What clerks make of a forename, and what two people's forenames are not: the level reached among people of the usual names.
#[test]
fn each_way_of_writing_a_forename_has_its_level() {
    use identity::compare::{at::FORENAME, level::forename::*};
    // So many Bradleys that what hardly anybody is called may be a slip of the short form, and as many of another name.
    let mut known: Vec<PatientFacts> = (0..150).map(|_| person("Bradley", "Smith", "1970-02-03", "male")).collect();
    known.extend((0..150).map(|_| person("Bram", "Smith", "1970-02-03", "male")));
    known.extend([person("Brud", "Smith", "1970-02-03", "male"), person("Mohammed", "Malik", "1970-02-03", "male")]);
    let (index, model) = (index_of(CROWD, &known), Model::builtin());
    let matcher = Matcher::new(&index, &model);
    let whole = |(given, family): (&str, &str)| person(given, family, "1980-05-15", "male");
    for (a, b, level) in [
        (("Usha", "Patel"), ("Ushaben", "Patel"), VARIANT),
        (("Reu", "Patel"), ("Reuban", "Patel"), NEAR),
        (("Bradley", "Smith"), ("Bard", "Smith"), NEAR),
        (("Bradley", "Smith"), ("Brud", "Smith"), NEAR),
        // A name of its own, though a slip away from Brad.
        (("Bradley", "Smith"), ("Bram", "Smith"), DIFFERENT),
        (("Reggei Dean", "Haimburn"), ("Dean Reggie", "Haimburn"), MIDDLE),
        (("Dean", "Haimburn"), ("Reggie Daen", "Haimburn"), MIDDLE),
        (("Dean", "Haimburn"), ("Reggie Paul", "Haimburn"), DIFFERENT),
        (("Weigang", "Zhou"), ("Z", "Weigang"), DIFFERENT),
        (("Zhou", "Weigang"), ("Weigang", "Z"), SWAPPED),
        (("Zhou", "Weigang"), ("Weigang", "K"), DIFFERENT),
        (("J", "S"), ("S", "J"), DIFFERENT),
        (("Skelbourne", "Art"), ("Arthur", "Skelbourne"), SWAPPED),
        // One name in two words, also when it is mistyped; half of it is another name.
        (("Kul Deep", "Singh"), ("Kuldeep", "Singh"), SAME),
        (("Kool Deep", "Singh"), ("Kooldeap", "Singh"), SLIP),
        (("Kul Jit", "Singh"), ("Kuldeep", "Singh"), NEAR),
        // What somebody is called whose name ends so.
        (("Preet", "Kaur"), ("Harpreet", "Kaur"), VARIANT),
        (("Arpreet", "Kaur"), ("Harjit", "Kaur"), DIFFERENT),
    ] {
        let level_of = |a, b| matcher.compare_facts(&whole(a), &whole(b)).0.pattern.level(FORENAME);
        assert_eq!(level_of(a, b), level, "{a:?} {b:?}");
        assert_eq!(level_of(b, a), level, "{b:?} {a:?}");
    }
}

#[test]
fn the_twin_that_is_known_is_found_among_two() {
    let mut ann = ann();
    ann.birth = "2024-03-12".parse().ok();
    let mut bea = ann.clone();
    bea.givens = vec!["Beatrice".into()];
    assert!(linked(&[ann.clone(), bea], &ann));
}

#[test]
fn parent_and_child_of_one_name_never_link() {
    let mut son = ann();
    son.birth = "1978-10-02".parse().ok();
    let answer = ask(&[ann()], &son);
    assert!(!matches!(answer.outcome, Outcome::Link(_)), "{:?}", answer.outcome);
}

#[test]
fn a_household_alone_never_links() {
    let spouse =
        phone(at(person("Emeka", "Okonkwo", "1948-01-20", "male"), "12 Mill Lane", "OL9 6AA"), "0161 496 0123");
    assert_eq!(ask(&[ann()], &spouse).outcome, Outcome::New);
}

#[test]
fn neighbours_are_not_one_person() {
    let neighbour = at(person("Ann", "Brown", "1952-07-01", "female"), "14 Mill Lane", "OL9 6AA");
    assert_eq!(ask(&[ann()], &neighbour).outcome, Outcome::New);
}

#[test]
fn without_a_lead_somebody_chooses() {
    let answer = ask(&[ann(), ann()], &ann());
    assert_eq!(answer.outcome, Outcome::Review);
    assert!(answer.candidates[0].probability < 0.6);
}

#[test]
fn two_patients_of_one_person_do_not_compete() {
    let index = index_of(CROWD, &[ann(), ann()]);
    assert!(index.link(PatientKey(1_000_001), PersonKey(1_000_000)));
    let model = Model::builtin();
    let answer = Matcher::new(&index, &model).decide(&ann(), None, None, &mut Scratch::default());
    assert_eq!(answer.outcome, Outcome::Link(PersonKey(1_000_000)));
}

#[test]
fn a_patient_is_not_compared_with_itself() {
    let index = index_of(CROWD, &[ann()]);
    let model = Model::builtin();
    let answer =
        Matcher::new(&index, &model).decide(&ann(), Some(PatientKey(1_000_000)), None, &mut Scratch::default());
    assert_eq!(answer.outcome, Outcome::New);
}

#[test]
fn one_mistake_at_a_time_still_links() {
    let change = |with: fn(&mut PatientFacts)| {
        let mut facts = ann();
        with(&mut facts);
        facts
    };
    let cases: [(&str, PatientFacts); 12] = [
        ("nickname", change(|f| f.givens = vec!["Annie".into()])),
        ("slip in the forename", change(|f| f.givens = vec!["Amn".into()])),
        ("slip in the family name", change(|f| f.families = vec!["Okonkow".into()])),
        ("former name", change(|f| f.families = vec!["Brown".into(), "Okonkwo".into()])),
        ("double-barrelled", change(|f| f.families = vec!["Okonkwo-Brown".into()])),
        ("names swapped", change(|f| std::mem::swap(&mut f.givens, &mut f.families))),
        ("day and month swapped", change(|f| f.birth = "1950-12-03".parse().ok())),
        ("digits swapped", change(|f| f.birth = "1950-03-21".parse().ok())),
        ("no birth date", change(|f| f.birth = None)),
        ("moved", change(|f| f.addresses[0].postcode = Some("M1 1AE".into()))),
        ("no address", change(|f| f.addresses.clear())),
        ("accents and case", change(|f| f.families = vec!["ÓKONKWO".into()])),
    ];
    for (what, asked) in cases {
        assert!(linked(&[ann()], &asked), "{what}");
    }
}

#[test]
fn sources_have_their_own_bands() {
    let mut model = Model::builtin();
    model.sources.insert("careful".into(), identity::Thresholds { link: 1.0, review: 0.5, lead: 10.0 });
    let index = index_of(CROWD, &[ann()]);
    let matcher = Matcher::new(&index, &model);
    let mut scratch = Scratch::default();
    assert!(matches!(matcher.decide(&ann(), None, None, &mut scratch).outcome, Outcome::Link(_)));
    assert_eq!(matcher.decide(&ann(), None, Some("careful"), &mut scratch).outcome, Outcome::Review);
}

#[test]
fn names_of_nobody_are_no_evidence() {
    let unknown = |family: &str| {
        let mut facts = person("Unknown", family, "1900-01-01", "male");
        facts.unknown = true;
        facts
    };
    assert_eq!(ask(&[unknown("Unknown")], &unknown("Unknown")).outcome, Outcome::New);
}

#[test]
fn a_newborn_is_not_its_mother_and_not_its_twin() {
    let mother = nhs(ann(), NUMBER, true);
    let mut baby =
        phone(at(person("Baby Girl", "Okonkwo", "2025-05-05", "female"), "12 Mill Lane", "OL9 6AA"), "0161 496 0123");
    baby.newborn = true;
    assert!(!matches!(ask(std::slice::from_ref(&mother), &baby).outcome, Outcome::Link(_)));
    // Born on her birthday, which looks like a year mistyped.
    baby.birth = "2025-03-12".parse().ok();
    let asked = ask(std::slice::from_ref(&mother), &baby);
    assert_eq!((asked.outcome, asked.candidates[0].ruling), (Outcome::Review, Some(Ruling::Newborn)));
    // With her number, which is the one at hand.
    for birth in ["2025-03-12", "2025-05-05"] {
        baby.birth = birth.parse().ok();
        let answer = ask(std::slice::from_ref(&mother), &nhs(baby.clone(), NUMBER, true));
        assert_eq!((answer.outcome, answer.candidates[0].ruling), (Outcome::Review, Some(Ruling::NumberAlone)));
    }
    // Nor is it she where nobody wrote down when it was born: the stand-in may have her forename.
    let named = PatientFacts { birth: None, givens: vec!["Ann".into()], ..baby.clone() };
    let asked = ask(std::slice::from_ref(&mother), &named);
    assert_eq!((asked.outcome, asked.candidates[0].ruling), (Outcome::Review, Some(Ruling::Newborn)));
    // Of a night in which the year ended one ward writes the old year, another the new one: that is one baby.
    let old = PatientFacts { birth: "2024-12-31".parse().ok(), ..nhs(baby.clone(), OTHER, true) };
    let new =
        PatientFacts { birth: "2025-01-01".parse().ok(), givens: vec!["Adaeze".into()], newborn: false, ..old.clone() };
    assert!(linked(&[old], &new));
}

/// Two babies of one name are born on one day in a large region.
#[test]
fn a_family_name_and_a_birthday_alone_link_no_newborn() {
    let baby = |given: &str, home: &str, postcode: &str| {
        let baby = at(person(given, "Featherstonehaugh", "2025-05-05", "female"), home, postcode);
        PatientFacts { newborn: true, ..baby }
    };
    let here = baby("Baby Girl", "12 Mill Lane", "OL9 6AA");
    let there = ask(std::slice::from_ref(&here), &baby("B/O Ann", "3 Marine Place", "LS14 6WP"));
    assert_eq!((there.outcome, there.candidates[0].ruling), (Outcome::Review, Some(Ruling::NamesAlone)));
    assert!(linked(std::slice::from_ref(&here), &baby("B/O Ann", "12 Mill Lane", "OL9 6AA")));
}

/// He has his father's name in the middle, and his father's telephone.
#[test]
fn a_son_with_his_fathers_name_in_the_middle_is_not_his_father() {
    let father =
        phone(at(person("Graham", "Caldwell", "1960-10-28", "male"), "97 Grove Gardens", "LS10 3JU"), "07700 900123");
    let mut son = phone(person("Archibald", "Caldwell", "2000-02-25", "male"), "07700 900123");
    son.middles = vec!["Graham".into()];
    let answer = ask(&[father], &son);
    assert!(!matches!(answer.outcome, Outcome::Link(_)), "{:?}", answer.outcome);
    assert_eq!(answer.candidates[0].ruling, Some(Ruling::ParentAndChild));
}

/// A daughter has all her mother's names, her home and the telephone that the practice has of both.
#[test]
fn a_daughter_with_all_her_mothers_names_is_not_her_mother() {
    let named = |birth: &str| {
        let mut one =
            phone(at(person("Sarah", "Phillips", birth, "female"), "1 Stanley Road", "OL9 6AA"), "07700 900123");
        one.middles = vec!["Louise".into()];
        one
    };
    let asked = ask(&[named("1969-07-16")], &named("1997-06-09"));
    assert_eq!((asked.outcome, asked.candidates[0].ruling), (Outcome::Review, Some(Ruling::ParentAndChild)));
    let mut slip = named("1997-06-09");
    (slip.givens, slip.families) = (vec!["Sarha".into()], vec!["Philips".into()]);
    let asked = ask(&[named("1969-07-16")], &slip);
    assert_eq!((asked.outcome, asked.candidates[0].ruling), (Outcome::Review, Some(Ruling::ParentAndChild)));
    // A decade mistyped is no generation.
    assert!(linked(&[named("1969-07-16")], &named("1979-07-16")));
}

/// A child's number is a parent's. (Of two who are grown up a mobile says much, and may outweigh that they are called differently:
/// `docs/identity.md` says so.)
#[test]
fn children_of_one_mobile_are_twins() {
    let one = |given: &str| {
        phone(at(person(given, "Telford", "2014-07-21", "male"), "7 Rutland Street", "OL9 6AA"), "07700 900123")
    };
    let asked = ask(&[one("Dominic")], &one("Michael"));
    assert_eq!((asked.outcome, asked.candidates[0].ruling), (Outcome::Review, Some(Ruling::Twins)));
}

#[test]
fn a_superseded_number_still_leads_to_the_person() {
    let mut known = nhs(ann(), OTHER, true);
    known.nhs_numbers_old = vec![NUMBER];
    let mut asked = nhs(person("Ann", "Okonkwo", "1950-03-12", "female"), NUMBER, false);
    asked.addresses.clear();
    assert!(linked(&[known], &asked));
}

#[test]
fn odd_facts_harm_nobody() {
    let mut long = ann();
    long.givens = vec!["x".repeat(200)];
    long.families = vec!["y".repeat(200)];
    let odd = [
        PatientFacts::default(),
        person("", "", "1900-01-01", ""),
        person("A", "B", "1950-03-12", "female"),
        person("\u{0}\u{7}", "\u{1b}[31m", "1950-03-12", "female"),
        person("小龍", "李", "1950-03-12", "male"),
        person("Владимир", "Иванов", "1950-03-12", "male"),
        person("---", "''", "1950-03-12", "male"),
        long.clone(),
    ];
    for facts in &odd {
        let answer = ask(&odd, facts);
        assert!(answer.candidates.iter().all(|candidate| (0.0..=1.0).contains(&candidate.probability)));
    }
    assert_eq!(ask(&[ann()], &odd[0]).outcome, Outcome::New);
    assert!(linked(&[long.clone()], &long), "long names are names");
}
