//! The forms that come with Skein: files in `forms/`.

use crate::{
    form::Form,
    read::{self, BadForm},
};

/// Their files.
pub(crate) const FILES: [(&str, &str); 9] = [
    ("about-me.json", include_str!("../../../forms/about-me.json")),
    ("advance-care-plan.json", include_str!("../../../forms/advance-care-plan.json")),
    ("care-and-support-plan.json", include_str!("../../../forms/care-and-support-plan.json")),
    ("contingency-plan.json", include_str!("../../../forms/contingency-plan.json")),
    ("crisis-plan.json", include_str!("../../../forms/crisis-plan.json")),
    ("referral.json", include_str!("../../../forms/referral.json")),
    ("respect.json", include_str!("../../../forms/respect.json")),
    ("urgent-test.json", include_str!("../../../forms/urgent-test.json")),
    ("urgent-care-plan.json", include_str!("../../../forms/urgent-care-plan.json")),
];

/// Them, read. All of them can be: a test says so.
pub fn builtin() -> Vec<Form> {
    read().unwrap_or_default()
}

pub(crate) fn read() -> Result<Vec<Form>, BadForm> {
    FILES.into_iter().map(|(file, text)| read::form(file, text)).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_form_that_comes_with_skein_can_be_used() {
        let forms = super::read().expect("forms");
        assert_eq!(forms.len(), super::FILES.len());
        for form in &forms {
            assert!((form.review.is_some() || form.request.is_some()) && !form.description.is_empty(), "{}", form.name);
        }
    }
}
