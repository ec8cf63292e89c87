//! How many others there should be of two names, and of two names and a birthday: what strangers share by chance.

use super::{BothNames, Context, Pattern, at, level};
use crate::{
    packed::Record,
    terms::Term,
    text::{chinese, honour},
};
use level::{birth, family, forename};

/// How much is known of two names before anybody is counted: so many patients who have them as if they kept no company.
const ASSUMED: f32 = 3.0;
/// Of two names that one patient has, so many others are to be expected though none is there.
const UNSEEN: f32 = 0.02;
/// However many names there are, of the bearers of a family name at least so many have the same forename, and of those of a
/// forename the same family name.
const FORENAMES_LEAST: f32 = 1.0 / 400.0;
const FAMILIES_LEAST: f32 = 1.0 / 5000.0;
/// Company is never reckoned closer: a sketch's counts are not exact.
const COMPANY_MOST: f32 = 3000.0;

/// However rare a name is, so many have it behind a forename by chance.
const FURTHER_LEAST: f32 = 0.002;

pub(super) fn compare(a: &Record<'_>, b: &Record<'_>, context: &Context<'_>, pattern: &mut Pattern) {
    let (first, last) = (pattern.level(at::FORENAME), pattern.level(at::FAMILY));
    if first == forename::DIFFERENT && last < family::DIFFERENT && pattern.level(at::BIRTH) <= birth::PART {
        pattern.both_names = both_names(a, b, context);
    }
    // Not a generation apart: in some families a son stands under his father's name as his father does under his own.
    let unlike = matches!(last, family::NEAR | family::DIFFERENT);
    if first <= forename::SLIP && unlike && pattern.level(at::BIRTH) <= birth::PART {
        let behind = [further_family(a, b, context), further_family(b, a, context)];
        pattern.further_family = behind.into_iter().flatten().fold(0.0, f32::max);
    }
    if first >= forename::DIFFERENT || last >= family::DIFFERENT {
        return;
    }
    if let (forename::SAME, family::SAME, Some((given, name))) = (first, last, names(a, context)) {
        let people = context.people.max(1.0);
        let apart = number(given) / people * number(name) / people * people;
        // Without the one that is compared.
        let have = (context.together.written(given, name) - 1.0).max(0.0);
        pattern.company = ((have + ASSUMED) / (apart + ASSUMED)).clamp(1.0, COMPANY_MOST);
        // Names have their years: of those born about then more may have both.
        if matches!(pattern.level(at::BIRTH), birth::SAME..=birth::PART | birth::YEAR) {
            // A digit that differs may be the decade's.
            for day in [a.birth(), b.birth()] {
                let share = context.births.of_decade(day) / people;
                let have = (context.together.of_decade(given, name, day) - 1.0).max(0.0);
                let company = (have + ASSUMED * share) / ((apart + ASSUMED) * share).max(f32::MIN_POSITIVE);
                pattern.company = pattern.company.max(company).min(COMPANY_MOST);
            }
        }
    }
    if pattern.level(at::BIRTH) > birth::PART {
        return;
    }
    pattern.doubles = doubles(a, context).max(doubles(b, context));
}

fn both_names(a: &Record<'_>, b: &Record<'_>, context: &Context<'_>) -> Option<BothNames> {
    if adopted(a, b, context) {
        return Some(BothNames::Adopted);
    }
    let (x, y) = (names(a, context)?.0, names(b, context)?.0);
    // With a further name beside it, that one is what would be used: and the other's forename is not it.
    let alone = |record: &Record<'_>| record.givens.len() == 1 && record.middles.is_empty();
    let honour = |record: &Record<'_>, name: &Term| alone(record) && honour::is_of_honour(&name.text);
    let named = |name: &Term| name.text.chars().count() > 1 && !honour::is_of_honour(&name.text);
    if honour(a, x) && named(y) || honour(b, y) && named(x) {
        return Some(BothNames::Honour);
    }
    initial_across(a, b, context).then_some(BothNames::Initial)
}

/// Whether a further name of one is, or begins with, the initial of the other's forename, or the other way round.
pub(super) fn initial_across(a: &Record<'_>, b: &Record<'_>, context: &Context<'_>) -> bool {
    let (Some((x, _)), Some((y, _))) = (names(a, context), names(b, context)) else { return false };
    let initial = |record: &Record<'_>, other: &Term| {
        let further = |id: &u32| {
            context
                .lexicon
                .get(*id)
                .is_some_and(|name| is_initial_of(&name.text, &other.text) || is_initial_of(&other.text, &name.text))
        };
        record.middles.iter().any(further)
    };
    initial(a, y) || initial(b, x)
}

/// Whether the family name of one stands behind the other's forename (Harpreet Kaur, who is Harpreet Kaur Sandhu): how many of those of
/// that forename should have it there by chance.
fn further_family(whole: &Record<'_>, short: &Record<'_>, context: &Context<'_>) -> Option<f32> {
    let (given, name) = names(short, context)?;
    let behind = |id: &u32| context.lexicon.get(*id).is_some_and(|further| further.text == name.text);
    if name.text.chars().count() < 2 || !whole.middles.iter().any(behind) {
        return None;
    }
    let beside = (context.together.written(given, name) / number(given)).min(1.0);
    Some(beside.max(number(name) / context.people.max(1.0)) + FURTHER_LEAST)
}

fn is_initial_of(initial: &str, name: &str) -> bool {
    initial.chars().count() == 1 && name.len() > initial.len() && name.starts_with(initial)
}

/// Whether one forename is Chinese and the other of another language, beside a Chinese family name. Chinese is what can be
/// read so, and is had by at least as many bearers of the family name as by others: Kai Lee is as likely to be neither.
fn adopted(a: &Record<'_>, b: &Record<'_>, context: &Context<'_>) -> bool {
    let (Some((x, name)), Some((y, other))) = (names(a, context), names(b, context)) else { return false };
    let chinese = |given: &Term, name: &Term| {
        let people = context.people.max(1.0);
        let apart = number(given) / people * number(name);
        chinese::is_given(&given.text) && context.together.written(given, name) >= apart
    };
    let western = |given: &Term| given.text.chars().count() > 1 && !chinese::is_given(&given.text);
    (chinese::is_family(&name.text) || chinese::is_family(&other.text))
        && (chinese(x, name) && western(y) || chinese(y, other) && western(x))
}

/// How many others of the index should have a record's names and birthday by chance.
pub(crate) fn doubles(record: &Record<'_>, context: &Context<'_>) -> f32 {
    let Some((given, name)) = names(record, context).filter(|_| record.birth() != 0) else { return 0.0 };
    // Without the one that is compared.
    let of_decade = (context.together.of_decade(given, name, record.birth()) - 1.0).max(0.0);
    let alike = |name: &Term, least: f32| name.beside().map_or(0.0, |beside| beside.alike(least));
    // Of all ages: of the decade as many as of other people.
    let expected = (alike(given, FAMILIES_LEAST) * alike(name, FORENAMES_LEAST)).sqrt()
        * context.births.of_decade(record.birth())
        / context.people.max(1.0);
    // Those that were counted, and as many as there should be of such names where none was yet.
    (of_decade + expected + UNSEEN) * context.births.share_of_decade(record.birth())
}

fn names<'t>(record: &Record<'_>, context: &Context<'t>) -> Option<(&'t Term, &'t Term)> {
    let first = |ids: &[u32]| ids.first().and_then(|id| context.lexicon.get(*id));
    Some((first(record.givens)?, first(record.families)?))
}

fn number(term: &Term) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "a frequency to four digits is more than enough")]
    let count = term.count().max(1) as f32;
    count
}
