//! Two sets of answers side by side, question by question.

use crate::{
    check::{check, words},
    form::{Answers, Form, Item},
};

/// A question that two people answered differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Differs {
    /// The question's `linkId`.
    pub link: String,
    /// What is asked.
    pub text: String,
    /// What one says, as people read it; empty: nothing.
    pub ours: Vec<String>,
    /// What the other says.
    pub theirs: Vec<String>,
}

/// The questions answered differently, in the order of the form.
pub fn differences(form: &Form, ours: &Answers, theirs: &Answers) -> Vec<Differs> {
    let questions = form.flat().into_iter().map(|(_, item)| item).filter(|item| item.is_question());
    let (our, their) = (check(form, ours), check(form, theirs));
    let said = |checked: &crate::Checked, item: &Item, typed: &Answers| -> Vec<String> {
        match checked.answered.iter().find(|answered| answered.link == item.link) {
            Some(answered) => answered.values.iter().map(words).collect(),
            // What cannot be read is shown as it was typed.
            None => {
                let typed = item.fields().into_iter().filter_map(|field| typed.get(&field).cloned()).flatten();
                typed.filter(|value| !value.trim().is_empty()).collect()
            }
        }
    };
    let differs = questions.filter_map(|item| {
        let (ours, theirs) = (said(&our, item, ours), said(&their, item, theirs));
        (ours != theirs).then(|| Differs { link: item.link.clone(), text: item.text.clone(), ours, theirs })
    });
    differs.collect()
}
