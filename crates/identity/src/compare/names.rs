//! Given, further and family names.

use super::{Context, MISSING, Pattern, at, level};
use crate::{
    packed::Record,
    terms::{Term, core_of},
    text::{chinese, forms_of, jaro_winkler_reaches, within_one},
};
use level::{family, forename, middle};

/// Stronger agreement first: of several names the best counts.
const FORENAME_RANK: [u8; 8] = [0, 1, 2, 5, 6, 3, 4, 7];
/// Shorter forms of a name are a slip away from too many others.
const FORM_LEAST: usize = 4;
/// What is mistyped is rarer than what was meant by more than this.
const MORE_USUAL: u32 = 100;
const FAMILY_RANK: [u8; 6] = [0, 1, 2, 3, 4, 5];

fn better(rank: &[u8], new: u8, old: u8) -> bool {
    let of = |level: u8| rank.get(level as usize).copied().unwrap_or(u8::MAX);
    old == MISSING || of(new) < of(old)
}

pub(super) fn compare(a: &Record<'_>, b: &Record<'_>, context: &Context<'_>, pattern: &mut Pattern) {
    let get = |id: &u32| context.lexicon.get(*id);
    let (mut first, mut first_share) = (MISSING, 0.0);
    for x in a.givens {
        for y in b.givens {
            let level = if x == y { forename::SAME } else { given(get(x), get(y)) };
            if better(&FORENAME_RANK, level, first) {
                first_share = if level == forename::SAME { context.term(*x) } else { 0.0 };
                first = level;
            }
        }
    }
    let mut by_middle = false;
    if first != MISSING
        && first > forename::SLIP
        && let Some((level, share)) = joined(a, b, context).or_else(|| joined(b, a, context))
    {
        // What was the further name here is part of the first there: one event, reckoned once.
        by_middle = true;
        (first, first_share) = (level, share);
    }
    if first == forename::SAME && generation_name_alone(a, b, context) {
        (first, first_share, by_middle) = (forename::DIFFERENT, 0.0, true);
    }
    if !by_middle && matches!(first, forename::DIFFERENT | forename::NEAR) {
        let across = |x: &Record<'_>, y: &Record<'_>| {
            let one = |a: &u32, b: &u32| {
                a == b || matches!(given(get(a), get(b)), forename::SAME | forename::VARIANT | forename::SLIP)
            };
            y.middles.iter().find(|middle| x.givens.iter().any(|given| one(given, middle))).copied()
        };
        let shared = across(a, b).into_iter().chain(across(b, a)).map(|id| context.term(id)).reduce(f32::max);
        if let Some(share) = shared {
            by_middle = true;
            (first, first_share) = (forename::MIDDLE, share);
        }
    }
    let (mut last, mut last_share) = (MISSING, 0.0);
    for (m, x) in a.families.iter().enumerate() {
        for (n, y) in b.families.iter().enumerate() {
            let level = match x == y {
                true if m == 0 && n == 0 => family::SAME,
                true => family::FORMER,
                false => surname(get(x), get(y)),
            };
            if better(&FAMILY_RANK, level, last) {
                last_share = if level <= family::FORMER { context.term(*x) } else { 0.0 };
                last = level;
            }
        }
    }
    let unlike = |level: u8, near: u8, different: u8| level == near || level == different;
    if unlike(first, forename::NEAR, forename::DIFFERENT)
        && unlike(last, family::NEAR, family::DIFFERENT)
        && let Some(share) = swapped(a, b, context)
    {
        // One event, reckoned once: with the forename.
        (first, first_share, last, last_share) = (forename::SWAPPED, share, MISSING, 0.0);
    }
    // One name typed into both fields is one name.
    if last == family::SAME && single(a, context) && single(b, context) {
        (last, last_share) = (MISSING, 0.0);
    }
    pattern.set(at::FORENAME, first, first_share);
    pattern.set(at::FAMILY, last, last_share);

    if by_middle || a.middles.is_empty() || b.middles.is_empty() {
        return;
    }
    // An initial that is the other's forename's is no further name that speaks against it (Cindy Y and Yee Fung).
    if first == forename::DIFFERENT && super::namesakes::initial_across(a, b, context) {
        return;
    }
    let (mut further, mut further_share) = (MISSING, 0.0);
    for x in a.middles {
        for y in b.middles {
            let level = match given(get(x), get(y)) {
                _ if x == y => middle::SAME,
                forename::SAME | forename::VARIANT | forename::SLIP => middle::SAME,
                forename::INITIAL => middle::INITIAL,
                _ => middle::DIFFERENT,
            };
            if further == MISSING || level < further {
                further_share =
                    if x == y && get(x).is_some_and(|term| term.text.len() > 1) { context.term(*x) } else { 0.0 };
                further = level;
            }
        }
    }
    pattern.set(at::MIDDLE, further, further_share);
}

/// `Wing Yan` and `Wing Kei`: of a Chinese forename of two syllables brothers and sisters share the first, so that alone it is no name.
fn generation_name_alone(a: &Record<'_>, b: &Record<'_>, context: &Context<'_>) -> bool {
    let get = |ids: &[u32]| ids.first().and_then(|id| context.lexicon.get(*id));
    let (Some(x), Some(y)) = (get(a.middles), get(b.middles)) else { return false };
    let family = |record: &Record<'_>| get(record.families).is_some_and(|name| chinese::is_family(&name.text));
    let syllables = [Some(x), Some(y), get(a.givens)];
    (family(a) || family(b))
        && a.givens.len() == 1
        && b.givens.len() == 1
        && syllables.iter().all(|name| name.is_some_and(|name| name.text.len() > 1 && chinese::is_given(&name.text)))
        && given(Some(x), Some(y)) == forename::DIFFERENT
}

/// `Wing Yan` here and `Wingyan` there, which is one name, or `Kool Deep` and `Kuldeep`, a slip away from it: the level, and the
/// share of people who have it.
fn joined(apart: &Record<'_>, whole: &Record<'_>, context: &Context<'_>) -> Option<(u8, f32)> {
    let text = |ids: &[u32]| ids.first().and_then(|id| context.lexicon.get(*id)).map(|term| &*term.text);
    let (first, further) = (text(apart.givens)?, text(apart.middles)?);
    let (id, whole) = (*whole.givens.first()?, text(whole.givens)?);
    if further.len() < 2 || whole.len() <= first.len().max(further.len()) {
        return None;
    }
    let rest = whole.strip_prefix(first).map(|rest| rest.strip_prefix('-').unwrap_or(rest));
    if rest == Some(further) {
        return Some((forename::SAME, context.term(id)));
    }
    (first.len() > 1 && whole.len() > FORM_LEAST && within_one(&format!("{first}{further}"), whole))
        .then_some((forename::SLIP, 0.0))
}

fn single(record: &Record<'_>, context: &Context<'_>) -> bool {
    let text = |ids: &[u32]| ids.first().and_then(|id| context.lexicon.get(*id)).map(|term| &*term.text);
    text(record.givens).is_some() && text(record.givens) == text(record.families)
}

fn variants(a: Option<&Term>, b: Option<&Term>) -> bool {
    let (Some(a), Some(b)) = (a, b) else { return false };
    a.text.len() > 1 && b.text.len() > 1 && a.groups.iter().any(|group| *group != 0 && b.groups.contains(group))
}

/// Two given names that are not the same.
fn given(a: Option<&Term>, b: Option<&Term>) -> u8 {
    let (Some(x), Some(y)) = (a, b) else { return forename::DIFFERENT };
    if x.text == y.text {
        return forename::SAME;
    }
    let (short, long) = if x.text.len() <= y.text.len() { (&*x.text, &*y.text) } else { (&*y.text, &*x.text) };
    if short.chars().count() == 1 {
        return if long.starts_with(short) { forename::INITIAL } else { forename::DIFFERENT };
    }
    if variants(a, b)
        || shares_a_part(short, long)
        || long.strip_prefix(short).is_some_and(is_respectful)
        || is_latter_half(short) && long.ends_with(short)
    {
        return forename::VARIANT;
    }
    if short.len() >= 4 && within_one(short, long) {
        return forename::SLIP;
    }
    if short.len() >= 3 && (long.starts_with(short) || x.sound == y.sound || within_one(short, long))
        || jaro_winkler_reaches(short, long, 0.83)
        || mistyped_form(x, y)
        || mistyped_form(y, x)
    {
        return forename::NEAR;
    }
    forename::DIFFERENT
}

/// What Gujarati and other Indian names have behind them out of respect: sister, brother, prince (Usha, Ushaben).
fn is_respectful(suffix: &str) -> bool {
    matches!(suffix, "ben" | "bhai" | "behn" | "bahen" | "kumar" | "kumari")
}

/// Second halves of Punjabi names by which their bearers are called (Harpreet, Gurpreet: Preet).
fn is_latter_half(name: &str) -> bool {
    matches!(name, "preet" | "deep" | "jeet" | "jit" | "inder")
}

/// Whether what hardly anybody is called is a slip of the keyboard away from another form of a usual name (`bead` of `brad`, which
/// stands for Bradley).
fn mistyped_form(name: &Term, rare: &Term) -> bool {
    let text = &*rare.text;
    let slip = |form: &str| {
        form.len() >= FORM_LEAST && form.as_bytes().first() == text.as_bytes().first() && within_one(form, text)
    };
    text.len() >= FORM_LEAST
        && name.count() > rare.count().saturating_mul(MORE_USUAL)
        && name.groups.iter().filter(|group| **group != 0).any(|group| forms_of(*group).any(slip))
}

/// Two family names that are not the same.
fn surname(a: Option<&Term>, b: Option<&Term>) -> u8 {
    let (Some(x), Some(y)) = (a, b) else { return family::DIFFERENT };
    let (x, y, sounds) = (&*x.text, &*y.text, x.sound == y.sound);
    // What comes and goes does so at the beginning: names that end differently need no further look.
    let ends_alike = x.as_bytes().last() == y.as_bytes().last();
    if ends_alike && x.len().min(y.len()) >= 3 && core_of(x) == core_of(y) || shares_a_part(x, y) {
        return family::PART;
    }
    let short = x.len().min(y.len());
    let one = short >= 3 && within_one(x, y);
    if short >= 4 && one {
        return family::SLIP;
    }
    // Who is not nearly alike is not alike either: most are neither, and are asked once.
    let near = jaro_winkler_reaches(x, y, 0.86);
    if near && short > 4 && jaro_winkler_reaches(x, y, 0.93) {
        return family::SLIP;
    }
    if near || short >= 3 && (sounds || one || x.starts_with(y) || y.starts_with(x)) {
        return family::NEAR;
    }
    family::DIFFERENT
}

/// One slip of the keyboard in a name long enough, or nearly the same.
pub(super) fn alike(a: &str, b: &str, letters: usize, likeness: f64) -> bool {
    let short = a.len().min(b.len());
    short >= letters && within_one(a, b) || short > letters && jaro_winkler_reaches(a, b, likeness)
}

/// `smith-jones` and `jones`; written together (`smithjones`) as well.
fn shares_a_part(a: &str, b: &str) -> bool {
    if !a.contains('-') && !b.contains('-') {
        return false;
    }
    let shared = a.split('-').any(|part| part.len() >= 3 && b.split('-').any(|other| other == part));
    shared || a.split('-').eq(b.split('-')) || a.bytes().filter(|c| *c != b'-').eq(b.bytes().filter(|c| *c != b'-'))
}

/// A given name typed where the family name belongs: alone, or with further given names; of a family name of several words,
/// the first is in the given name's place; of the family name's field no more than the initial.
fn stands_for(given: &str, family: &str) -> bool {
    given == family
        || family.len() == 1 && given.starts_with(family)
        || family.len() >= 3 && given.starts_with(family)
        || alike(given, family, 4, 0.93)
        || family.contains('-') && family.split('-').any(|part| part == given)
}

/// Given and family name stand in each other's place: the share of people who have both names so.
fn swapped(a: &Record<'_>, b: &Record<'_>, context: &Context<'_>) -> Option<f32> {
    let crossed = |given: &[u32], family: &[u32]| {
        given.iter().find_map(|given| {
            let name = context.lexicon.get(*given)?;
            let other = family.iter().find(|family| {
                context.lexicon.get(**family).is_some_and(|family| stands_for(&name.text, &family.text))
            });
            Some((*given, *other?))
        })
    };
    let (a_given, b_family) = crossed(a.givens, b.families)?;
    let (b_given, a_family) = crossed(b.givens, a.families)?;
    let initial = |id: u32| context.lexicon.get(id).is_some_and(|term| term.text.len() == 1);
    if initial(a_family) && initial(b_family) {
        return None;
    }
    let both = |given: u32, family: u32| context.term(given) * context.term(family);
    Some(both(a_given, a_family).max(both(b_given, b_family)))
}
