//! What there is to have, take, measure and be given: tables of clinical terms. SNOMED CT ids are well-known public
//! concepts; medicine codes have the shape of dm+d ids but are invented (see `docs/synthetic-region.md`).

pub(crate) mod acute;
pub(crate) mod analytes;
pub(crate) mod drugs;
pub(crate) mod illness;

/// A clinical term in the two systems hospitals and practices use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Term {
    /// SNOMED CT concept id.
    pub sct: &'static str,
    /// Preferred term.
    pub name: &'static str,
    /// ICD-10 code.
    pub icd: &'static str,
}

pub(crate) const fn term(sct: &'static str, name: &'static str, icd: &'static str) -> Term {
    Term { sct, name, icd }
}
