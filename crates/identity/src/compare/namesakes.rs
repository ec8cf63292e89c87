//! How many others there should be of two names, and of two names and a birthday: what strangers share by chance.

use super::{Context, Pattern, at, level};
use crate::{packed::Record, terms::Term};
use level::{birth, family, forename};

/// How much is known of two names before anybody is counted: so many patients who have them as if they kept no company.
const ASSUMED: f32 = 3.0;
/// Of two names that one patient has, so many others are to be expected though none is there.
const UNSEEN: f32 = 0.5;
/// Company is never reckoned closer: a sketch's counts are not exact.
const COMPANY_MOST: f32 = 3000.0;

pub(super) fn compare(a: &Record<'_>, b: &Record<'_>, context: &Context<'_>, pattern: &mut Pattern) {
    let (first, last) = (pattern.level(at::FORENAME), pattern.level(at::FAMILY));
    if first >= forename::DIFFERENT || last >= family::DIFFERENT {
        return;
    }
    if let (forename::SAME, family::SAME, Some((given, name))) = (first, last, names(a, context)) {
        let people = context.people.max(1.0);
        let apart = number(given) / people * number(name) / people * people;
        // Without the one that is compared.
        let have = (context.together.written(given, name) - 1.0).max(0.0);
        pattern.company = ((have + ASSUMED) / (apart + ASSUMED)).clamp(1.0, COMPANY_MOST);
    }
    if pattern.level(at::BIRTH) > birth::PART {
        return;
    }
    pattern.doubles = doubles(a, context).max(doubles(b, context));
}

/// How many others of the index should have a record's names and birthday by chance.
pub(crate) fn doubles(record: &Record<'_>, context: &Context<'_>) -> f32 {
    let Some((given, name)) = names(record, context).filter(|_| record.birth() != 0) else { return 0.0 };
    // Without the one that is compared.
    let of_decade = (context.together.of_decade(given, name, record.birth()) - 1.0).max(0.0);
    (of_decade + UNSEEN) * context.births.share_of_decade(record.birth())
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
