//! Names of honour: the Prophet's name and titles of descent that come first in many Muslim names. Where the name that is used
//! comes after it, a system that asks for one forename has either.

/// Folded forenames, in the order of the alphabet. `abdul` is half of a name (Abdul Rahman), of which clerks keep either.
const NAMES: &[&str] = &[
    "abdool", "abdul", "mahammad", "mahomed", "md", "mhd", "mohamad", "mohamed", "mohammad", "mohammed", "mohammod",
    "mohd", "mosammat", "most", "mst", "muhamad", "muhammad", "muhammed", "muhammod", "muhd", "musammat", "saiyed",
    "sayed", "sayeda", "sayyed", "sayyid", "shaik", "shaikh", "sheik", "sheikh", "syed", "syeda",
];

/// Whether a folded forename is one of honour, after which the used one may come.
pub fn is_of_honour(name: &str) -> bool {
    NAMES.binary_search(&name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_honour_are_found() {
        assert!(NAMES.is_sorted(), "a list in order");
        for name in ["mohammed", "md", "syed", "syeda"] {
            assert!(is_of_honour(name), "{name}");
        }
        assert!(!is_of_honour("hamza") && !is_of_honour("mo") && !is_of_honour(""));
    }
}
