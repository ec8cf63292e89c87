//! Which questions are asked, by what was answered before them.

use crate::{
    check,
    form::{Answers, Condition, Form, Item, Operator},
};
use std::{cmp::Ordering, collections::HashSet};

/// The `linkId`s of all items that are asked or shown. An answer to a question that is not asked counts as none.
pub fn enabled(form: &Form, answers: &Answers) -> HashSet<String> {
    let mut asked = HashSet::new();
    walk(form, &form.items, answers, &mut asked);
    asked
}

fn walk(form: &Form, items: &[Item], answers: &Answers, asked: &mut HashSet<String>) {
    for item in items {
        let holds = |condition: &Condition| holds(form, condition, answers, asked);
        let shown = match item.when_all {
            true => item.when.iter().all(holds),
            false => item.when.iter().any(holds),
        };
        if shown {
            asked.insert(item.link.clone());
            walk(form, &item.items, answers, asked);
        }
    }
}

fn holds(form: &Form, condition: &Condition, answers: &Answers, asked: &HashSet<String>) -> bool {
    let question = form.item(&condition.question).filter(|item| asked.contains(&item.link));
    let given = question.map(|item| check::typed(item, answers)).unwrap_or_default();
    let wanted = condition.answer.as_str();
    let is = |orders: &[Ordering]| given.iter().any(|one| compare(one, wanted).is_some_and(|o| orders.contains(&o)));
    match condition.operator {
        Operator::Exists => given.is_empty() != (wanted == "true"),
        Operator::Equal => given.iter().any(|one| one == wanted || compare(one, wanted) == Some(Ordering::Equal)),
        Operator::NotEqual => !given.is_empty() && !given.iter().any(|one| one == wanted),
        Operator::More => is(&[Ordering::Greater]),
        Operator::Less => is(&[Ordering::Less]),
        Operator::AtLeast => is(&[Ordering::Greater, Ordering::Equal]),
        Operator::AtMost => is(&[Ordering::Less, Ordering::Equal]),
    }
}

/// Days as days, numbers as numbers; None: they cannot be compared.
fn compare(one: &str, other: &str) -> Option<Ordering> {
    let day = |text: &str| text.parse::<jiff::civil::Date>().ok();
    if let (Some(one), Some(other)) = (day(one), day(other)) {
        return Some(one.cmp(&other));
    }
    one.parse::<f64>().ok()?.partial_cmp(&other.parse::<f64>().ok()?)
}
