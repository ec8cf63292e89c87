//! Two patients row by row, for whoever decides whether they are one person: what each source says, and how alike it is.
//! What is called alike here is for reading; the weights are the matcher's.

use crate::{
    banner,
    sections::contacts::local_identifiers,
    text::{self, Name, best_name},
    when::When,
};
use fhir::{Resource, Value};
use identity::fold_name;

/// Texts longer than this are compared whole, without marking letters.
const MARKED_CHARS_MAX: usize = 64;

/// How alike two values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// The same.
    Same,
    /// Nearly: a slip of typing, a part of a name, a former value.
    Similar,
    /// Neither.
    Differs,
    /// The first source alone says something.
    OnlyA,
    /// The second source alone says something.
    OnlyB,
}

impl Likeness {
    /// In words: colour is never the only sign.
    pub fn words(self) -> &'static str {
        match self {
            Likeness::Same => "same",
            Likeness::Similar => "similar",
            Likeness::Differs => "differs",
            Likeness::OnlyA => "only A",
            Likeness::OnlyB => "only B",
        }
    }

    /// The class suffix of its mark.
    pub fn tone(self) -> &'static str {
        match self {
            Likeness::Same => "good",
            Likeness::Similar => "caution",
            Likeness::Differs => "differs",
            Likeness::OnlyA | Likeness::OnlyB => "plain",
        }
    }
}

/// A piece of a value: whether the other has it too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The text.
    pub text: String,
    /// Whether the other value has something else here.
    pub odd: bool,
}

/// One value in pieces.
pub type Shown = Vec<Piece>;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What is compared.
    pub label: &'static str,
    /// What the first source says.
    pub a: Vec<Shown>,
    /// What the second says.
    pub b: Vec<Shown>,
    /// How alike; none where that says nothing.
    pub likeness: Option<Likeness>,
    /// What explains it.
    pub note: Option<&'static str>,
}

/// The rows of two Patient resources. `withheld`: one of them is restricted, so nothing is said of where they are.
pub fn rows(a: Option<&Resource>, b: Option<&Resource>, withheld: bool) -> Vec<Row> {
    let (a, b) = (Sides::of(a), Sides::of(b));
    let mut rows = vec![nhs_number(&a, &b)];
    rows.extend(names(&a, &b));
    rows.push(birth(&a, &b));
    rows.push(plain("Sex", &a.sex, &b.sex, |x, y| if x == y { Likeness::Same } else { Likeness::Differs }));
    if withheld {
        for label in ["Address", "Former addresses", "Telephone", "E-mail", "Practice"] {
            let hidden = || vec![whole(crate::withhold::WITHHELD)];
            rows.push(Row { label, a: hidden(), b: hidden(), likeness: None, note: None });
        }
    } else {
        rows.extend(addresses(&a, &b));
        rows.push(shared("Telephone", &a.phones, &b.phones, digits));
        rows.push(shared("E-mail", &a.emails, &b.emails, text::fold));
        rows.push(shared("Practice", &a.practices, &b.practices, text::fold));
    }
    rows.push(local_numbers(&a, &b));
    let mut died = shared("Died", &a.died, &b.died, text::fold);
    if died.a.is_empty() && died.b.is_empty() {
        died.likeness = None;
    }
    rows.push(died);
    let always = ["NHS number", "Date of birth", "Sex"];
    rows.retain(|row| always.contains(&row.label) || !row.a.is_empty() || !row.b.is_empty());
    rows
}

/// What is compared of one patient.
#[derive(Default)]
struct Sides {
    nhs: Option<banner::NhsNumber>,
    family: Option<String>,
    given: Option<String>,
    title: Option<String>,
    others: Vec<String>,
    other_families: Vec<String>,
    born: Option<String>,
    sex: Option<String>,
    addresses: Vec<(String, String)>,
    former: Vec<(String, String)>,
    phones: Vec<String>,
    emails: Vec<String>,
    practices: Vec<String>,
    /// System and value, and how it is shown.
    numbers: Vec<(String, String)>,
    died: Vec<String>,
}

impl Sides {
    fn of(resource: Option<&Resource>) -> Sides {
        let Some(resource) = resource else { return Sides::default() };
        let names = resource.list("name");
        let best = best_name(names);
        let others: Vec<Name> = names.iter().filter_map(Name::of).filter(|name| Some(name) != best.as_ref()).collect();
        let is_old = |value: &&Value| text::text(value, "use") == Some("old");
        let place = |value: &Value| {
            let code = text::text(value, "postalCode").map(identity::postcode_key).unwrap_or_default();
            text::address(value).map(|address| (address, code))
        };
        let telecom = |systems: &[&str]| {
            let of = resource.list("telecom").iter();
            of.filter(|one| text::text(one, "system").is_some_and(|system| systems.contains(&system)))
                .filter_map(|one| text::text(one, "value").map(str::to_owned))
                .collect::<Vec<_>>()
        };
        let dated = resource.str_at("/deceasedDateTime").map(day);
        let dead = resource.get("deceasedBoolean") == Some(&Value::Bool(true));
        Sides {
            nhs: banner::nhs_of(resource),
            family: best.as_ref().map(|name| name.family.clone()).filter(|name| !name.is_empty()),
            given: best.as_ref().map(|name| name.given.join(" ")).filter(|name| !name.is_empty()),
            title: best.and_then(|name| name.title),
            other_families: others.iter().map(|name| fold_name(&name.family)).filter(|name| !name.is_empty()).collect(),
            others: others.iter().map(Name::plain).collect(),
            born: resource.str_at("/birthDate").map(str::to_owned),
            sex: resource.str_at("/gender").filter(|code| *code != "unknown").map(banner::gender),
            addresses: resource.list("address").iter().filter(|one| !is_old(one)).filter_map(place).collect(),
            former: resource.list("address").iter().filter(is_old).filter_map(place).collect(),
            phones: telecom(&["phone", "sms", "fax", "pager"]),
            emails: telecom(&["email"]),
            practices: text::references(resource, "generalPractitioner"),
            numbers: local_identifiers(resource),
            died: dated.or(dead.then(|| "yes, date not known".to_owned())).into_iter().collect(),
        }
    }
}

fn day(date: &str) -> String {
    When::parse(date).map_or_else(|| date.to_owned(), |when| when.day_text())
}

fn nhs_number(a: &Sides, b: &Sides) -> Row {
    let standing = |nhs: &banner::NhsNumber| match (nhs.invalid, nhs.verified) {
        (true, _) => " (not a valid number)",
        (false, true) => " (verified)",
        (false, false) => " (not verified)",
    };
    let (mut left, mut right) = match (&a.nhs, &b.nhs) {
        (Some(a), Some(b)) => marked(&a.text, &b.text),
        (a, b) => (a.as_ref().map_or_else(Vec::new, |nhs| whole(&nhs.text)), {
            b.as_ref().map_or_else(Vec::new, |nhs| whole(&nhs.text))
        }),
    };
    for (shown, nhs) in [(&mut left, &a.nhs), (&mut right, &b.nhs)] {
        shown.extend(nhs.as_ref().map(|nhs| Piece { text: standing(nhs).into(), odd: false }));
    }
    let both_verified = [&a.nhs, &b.nhs].iter().all(|nhs| nhs.as_ref().is_some_and(|nhs| nhs.verified));
    let likeness = both(a.nhs.as_ref(), b.nhs.as_ref(), |a, b| match distance(&a.text, &b.text) {
        0 => Likeness::Same,
        1 if !both_verified => Likeness::Similar,
        _ => Likeness::Differs,
    });
    let note = (likeness == Some(Likeness::Differs) && both_verified).then_some("two verified numbers");
    Row { label: "NHS number", a: filled(left), b: filled(right), likeness, note }
}

/// Every source has numbers of its own: that they differ says nothing, and one number under two systems is two.
fn local_numbers(a: &Sides, b: &Sides) -> Row {
    let shown = |side: &Sides| side.numbers.iter().map(|(_, text)| whole(text)).collect::<Vec<_>>();
    let common = a.numbers.iter().any(|(x, _)| b.numbers.iter().any(|(y, _)| x == y));
    let likeness = common.then_some(Likeness::Same);
    Row { label: "Local numbers", a: shown(a), b: shown(b), likeness, note: None }
}

fn names(a: &Sides, b: &Sides) -> Vec<Row> {
    let fold = |name: &Option<String>| name.as_deref().map(fold_name).unwrap_or_default();
    let (families, givens) = ((fold(&a.family), fold(&b.family)), (fold(&a.given), fold(&b.given)));
    let swapped = !families.0.is_empty() && families.0 == givens.1 && families.1 == givens.0 && families.0 != givens.0;
    let mut family = plain("Family name", &a.family, &b.family, name_alike);
    if family.likeness == Some(Likeness::Differs)
        && (a.other_families.contains(&families.1)
            || b.other_families.contains(&families.0)
            || a.other_families.iter().any(|name| b.other_families.contains(name)))
    {
        family.likeness = Some(Likeness::Similar);
        family.note = Some("a former name");
    }
    let mut given = plain("Given names", &a.given, &b.given, given_alike);
    if swapped {
        for row in [&mut family, &mut given] {
            row.likeness = Some(Likeness::Similar);
            row.note = Some("family and given name swapped");
        }
    }
    let mut title = plain("Title", &a.title, &b.title, name_alike);
    title.likeness = title.likeness.filter(|likeness| *likeness == Likeness::Same);
    let mut others = shared("Other and former names", &a.others, &b.others, fold_name);
    others.likeness = others.likeness.filter(|likeness| *likeness == Likeness::Same);
    vec![family, given, title, others]
}

fn birth(a: &Sides, b: &Sides) -> Row {
    let likeness = both(a.born.as_deref(), b.born.as_deref(), |a, b| {
        let parts = |text: &str| text.split('-').map(str::to_owned).collect::<Vec<_>>();
        let (left, right) = (parts(a), parts(b));
        let swapped = match (left.as_slice(), right.as_slice()) {
            ([y1, m1, d1], [y2, m2, d2]) => y1 == y2 && m1 == d2 && d1 == m2,
            _ => false,
        };
        match () {
            () if a == b => Likeness::Same,
            () if swapped || distance(a, b) <= 1 || a.starts_with(b) || b.starts_with(a) => Likeness::Similar,
            () => Likeness::Differs,
        }
    });
    let (left, right) = (a.born.as_deref().map(day), b.born.as_deref().map(day));
    let (left, right) = match (&left, &right) {
        (Some(left), Some(right)) => dates_marked(left, right),
        _ => pair_marked(&left, &right),
    };
    let swapped = likeness == Some(Likeness::Similar) && {
        let (a, b) = (a.born.as_deref().unwrap_or_default(), b.born.as_deref().unwrap_or_default());
        distance(a, b) > 1 && a.len() == b.len()
    };
    Row { label: "Date of birth", a: left, b: right, likeness, note: swapped.then_some("day and month swapped") }
}

/// Two dates as shown, the parts marked that are not the same.
fn dates_marked(a: &str, b: &str) -> (Vec<Shown>, Vec<Shown>) {
    let (left, right): (Vec<&str>, Vec<&str>) = (a.split('-').collect(), b.split('-').collect());
    if left.len() != right.len() {
        return (vec![whole(a)], vec![whole(b)]);
    }
    let side = |mine: &[&str], theirs: &[&str]| {
        let mut shown: Shown = Vec::new();
        for (index, (part, other)) in mine.iter().zip(theirs).enumerate() {
            if index > 0 {
                shown.push(Piece { text: "-".into(), odd: false });
            }
            shown.push(Piece { text: (*part).to_owned(), odd: part != other });
        }
        vec![shown]
    };
    (side(&left, &right), side(&right, &left))
}

fn addresses(a: &Sides, b: &Sides) -> Vec<Row> {
    let line = |(address, _): &(String, String)| whole(address);
    let same = |x: &(String, String), y: &(String, String)| text::fold(&x.0) == text::fold(&y.0);
    let near = |x: &(String, String), y: &(String, String)| !x.1.is_empty() && x.1 == y.1;
    let any = |left: &[(String, String)], right: &[(String, String)], test: &dyn Fn(&_, &_) -> bool| {
        left.iter().any(|x| right.iter().any(|y| test(x, y)))
    };
    let mut note = None;
    let likeness = both(a.addresses.first(), b.addresses.first(), |_, _| match () {
        () if any(&a.addresses, &b.addresses, &same) => Likeness::Same,
        () if any(&a.addresses, &b.former, &same) || any(&a.former, &b.addresses, &same) => {
            note = Some("one’s former address");
            Likeness::Similar
        }
        () if any(&a.addresses, &b.addresses, &near) => {
            note = Some("the same postcode");
            Likeness::Similar
        }
        () => Likeness::Differs,
    });
    let former = any(&a.former, &b.former, &same).then_some(Likeness::Same);
    let shown = |list: &[(String, String)]| list.iter().map(line).collect::<Vec<_>>();
    vec![
        Row { label: "Address", a: shown(&a.addresses), b: shown(&b.addresses), likeness, note },
        Row { label: "Former addresses", a: shown(&a.former), b: shown(&b.former), likeness: former, note: None },
    ]
}

/// A row of one value each, odd letters marked.
fn plain(
    label: &'static str,
    a: &Option<String>,
    b: &Option<String>,
    alike: impl FnOnce(&str, &str) -> Likeness,
) -> Row {
    let likeness = both(a.as_deref(), b.as_deref(), alike);
    let (a, b) = pair_marked(a, b);
    Row { label, a, b, likeness, note: None }
}

/// A row of lists: the same when they share a value.
fn shared(label: &'static str, a: &[String], b: &[String], fold: impl Fn(&str) -> String) -> Row {
    let likeness = both(a.first(), b.first(), |_, _| {
        let common = a.iter().any(|x| b.iter().any(|y| fold(x) == fold(y)));
        if common { Likeness::Same } else { Likeness::Differs }
    });
    let shown = |list: &[String]| list.iter().map(|text| whole(text)).collect::<Vec<_>>();
    Row { label, a: shown(a), b: shown(b), likeness, note: None }
}

fn both<T>(a: Option<T>, b: Option<T>, alike: impl FnOnce(T, T) -> Likeness) -> Option<Likeness> {
    match (a, b) {
        (Some(a), Some(b)) => Some(alike(a, b)),
        (Some(_), None) => Some(Likeness::OnlyA),
        (None, Some(_)) => Some(Likeness::OnlyB),
        (None, None) => None,
    }
}

fn filled(shown: Shown) -> Vec<Shown> {
    if shown.is_empty() { Vec::new() } else { vec![shown] }
}

fn whole(text: &str) -> Shown {
    vec![Piece { text: text.to_owned(), odd: false }]
}

fn digits(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let national = digits.strip_prefix("0044").or_else(|| digits.strip_prefix("44"));
    national.map_or_else(|| digits.clone(), |rest| format!("0{}", rest.trim_start_matches('0')))
}

fn strings_alike(a: &str, b: &str) -> Likeness {
    let (a, b) = (fold_name(a), fold_name(b));
    let length = a.chars().count().max(b.chars().count());
    match () {
        () if a == b => Likeness::Same,
        () if distance(&a, &b) <= (length / 3).max(1) => Likeness::Similar,
        () => Likeness::Differs,
    }
}

/// Family names: also alike when one is a part of the other, as of double-barrelled names.
fn name_alike(a: &str, b: &str) -> Likeness {
    let parts =
        |name: &str| name.split([' ', '-']).map(fold_name).filter(|part| part.chars().count() > 2).collect::<Vec<_>>();
    match strings_alike(a, b) {
        Likeness::Differs if parts(a).iter().any(|part| parts(b).contains(part)) => Likeness::Similar,
        alike => alike,
    }
}

/// Given names: also alike when one is the other's initial, or the first names agree and the rest does not.
fn given_alike(a: &str, b: &str) -> Likeness {
    let first = |names: &str| names.split(' ').next().map(fold_name).unwrap_or_default();
    let (x, y) = (first(a), first(b));
    let initial = |short: &str, long: &str| short.chars().count() == 1 && long.starts_with(short);
    match name_alike(a, b) {
        Likeness::Differs if x == y || initial(&x, &y) || initial(&y, &x) => Likeness::Similar,
        Likeness::Differs if strings_alike(&x, &y) == Likeness::Similar => Likeness::Similar,
        alike => alike,
    }
}

/// How many letters must be typed differently, two neighbours swapped counting as one.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX / 2);
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut best = (at(&last, j) + usize::from(x != y)).min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    at(&last, b.len())
}

fn pair_marked(a: &Option<String>, b: &Option<String>) -> (Vec<Shown>, Vec<Shown>) {
    let (left, right) = match (a, b) {
        (Some(a), Some(b)) => marked(a, b),
        (a, b) => (a.as_deref().map(whole).unwrap_or_default(), b.as_deref().map(whole).unwrap_or_default()),
    };
    (filled(left), filled(right))
}

/// Two texts with the letters marked that the other does not have at their place (the longest common subsequence stays
/// unmarked). Where little is common, nothing is marked: stripes do not help.
fn marked(a: &str, b: &str) -> (Shown, Shown) {
    let (left, right): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a == b || left.len() > MARKED_CHARS_MAX || right.len() > MARKED_CHARS_MAX {
        return (whole(a), whole(b));
    }
    let same = |x: char, y: char| x.to_lowercase().eq(y.to_lowercase());
    let width = right.len() + 1;
    let mut common = vec![0_usize; (left.len() + 1) * width];
    let read = |table: &[usize], i: usize, j: usize| table.get(i * width + j).copied().unwrap_or(0);
    for (i, x) in left.iter().enumerate().rev() {
        for (j, y) in right.iter().enumerate().rev() {
            let longest = if same(*x, *y) {
                read(&common, i + 1, j + 1) + 1
            } else {
                read(&common, i + 1, j).max(read(&common, i, j + 1))
            };
            if let Some(cell) = common.get_mut(i * width + j) {
                *cell = longest;
            }
        }
    }
    if read(&common, 0, 0) * 2 < left.len().max(right.len()) {
        return (whole(a), whole(b));
    }
    let (mut shown_a, mut shown_b) = (Vec::new(), Vec::new());
    let (mut i, mut j) = (0, 0);
    loop {
        match (left.get(i), right.get(j)) {
            (Some(x), Some(y)) if same(*x, *y) => {
                push(&mut shown_a, *x, false);
                push(&mut shown_b, *y, false);
                (i, j) = (i + 1, j + 1);
            }
            (Some(x), y) if y.is_none() || read(&common, i + 1, j) >= read(&common, i, j + 1) => {
                push(&mut shown_a, *x, true);
                i += 1;
            }
            (_, Some(y)) => {
                push(&mut shown_b, *y, true);
                j += 1;
            }
            _ => break,
        }
    }
    (shown_a, shown_b)
}

fn push(shown: &mut Shown, letter: char, odd: bool) {
    match shown.last_mut() {
        Some(piece) if piece.odd == odd => piece.text.push(letter),
        _ => shown.push(Piece { text: letter.to_string(), odd }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn patient(family: &str, given: &[&str], born: &str, more: Value) -> Resource {
        let mut value = json!({"resourceType": "Patient", "id": "x", "birthDate": born,
            "name": [{"family": family, "given": given}]});
        if let (Value::Object(all), Value::Object(more)) = (&mut value, more) {
            all.extend(more);
        }
        Resource::from_slice(value.to_string().as_bytes()).expect("a patient")
    }

    fn likeness(rows: &[Row], label: &str) -> Option<Likeness> {
        rows.iter().find(|row| row.label == label).expect("the row").likeness
    }

    #[test]
    fn each_way_of_differing_has_its_word() {
        let a = patient("Smith-Jones", &["Ann", "Mary"], "1950-02-01", json!({"gender": "female"}));
        let b = patient("Jones", &["A"], "1950-01-02", json!({}));
        let rows = rows(Some(&a), Some(&b), false);
        assert_eq!(likeness(&rows, "Family name"), Some(Likeness::Similar), "a part of a double-barrelled name");
        assert_eq!(likeness(&rows, "Given names"), Some(Likeness::Similar), "an initial");
        assert_eq!(likeness(&rows, "Date of birth"), Some(Likeness::Similar), "day and month swapped");
        assert_eq!(likeness(&rows, "Sex"), Some(Likeness::OnlyA));
        let c = patient("Khan", &["Bilal"], "1988-05-06", json!({"gender": "male"}));
        let rows = super::rows(Some(&a), Some(&c), false);
        for label in ["Family name", "Given names", "Date of birth", "Sex"] {
            assert_eq!(likeness(&rows, label), Some(Likeness::Differs), "{label}");
        }
    }

    #[test]
    fn a_former_name_and_swapped_names_are_seen() {
        let married = patient("Jones", &["Ann"], "1950-02-01", json!({}));
        let told = json!({"name": [{"family": "Smith", "given": ["Ann"], "use": "official"},
            {"family": "Jones", "given": ["Ann"], "use": "maiden"}]});
        let maiden = patient("", &[], "1950-02-01", told);
        assert_eq!(likeness(&rows(Some(&married), Some(&maiden), false), "Family name"), Some(Likeness::Similar));
        let swapped = patient("Ann", &["Jones"], "1950-02-01", json!({}));
        let rows = rows(Some(&married), Some(&swapped), false);
        assert_eq!(rows.iter().filter_map(|row| row.note).next(), Some("family and given name swapped"));
    }

    #[test]
    fn letters_that_differ_are_marked() {
        let (a, b) = marked("Smythe", "Smith");
        let text = |shown: &Shown| shown.iter().map(|piece| piece.text.as_str()).collect::<String>();
        assert_eq!((text(&a).as_str(), text(&b).as_str()), ("Smythe", "Smith"), "nothing is lost");
        let odd = |shown: &Shown| shown.iter().filter(|p| p.odd).map(|p| p.text.clone()).collect::<Vec<_>>();
        assert_eq!((odd(&a), odd(&b)), (vec!["y".to_owned(), "e".into()], vec!["i".to_owned()]));
        assert!(marked("Okafor", "Lindqvist").0.iter().all(|piece| !piece.odd), "no stripes where little is common");
    }

    #[test]
    fn nothing_is_said_of_where_the_restricted_are() {
        let home = json!({"address": [{"line": ["1 Secret Lane"], "postalCode": "AB1 2CD"}],
            "telecom": [{"system": "phone", "value": "01234 567890"}]});
        let a = patient("Smith", &["Ann"], "1950-02-01", home.clone());
        let b = patient("Smith", &["Ann"], "1950-02-01", home);
        let rows = rows(Some(&a), Some(&b), true);
        let said = format!("{rows:?}");
        assert!(!said.contains("Secret") && !said.contains("567890") && !said.contains("AB1"), "{said}");
        assert_eq!(likeness(&rows, "Address"), None, "not even whether they agree");
    }

    #[test]
    fn one_letter_swapped_is_one_slip() {
        assert_eq!((distance("smiht", "smith"), distance("ann", "anne"), distance("", "abc")), (1, 1, 3));
    }
}
