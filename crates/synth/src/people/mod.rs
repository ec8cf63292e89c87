//! Who lives in the region: made in blocks of neighbours, so that any person can be had without making all the others,
//! and households, couples, parents and twins still fit together.

mod block;
pub(crate) mod census;
pub(crate) mod names;
pub(crate) mod places;

pub(crate) use block::{BLOCK, block};
pub(crate) use places::Address;

use crate::when::age_on;
use fhir::NhsNumber;
use jiff::civil::Date;

/// Sex as registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sex {
    /// Female.
    Female,
    /// Male.
    Male,
}

/// How a relative is related, seen from the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kin {
    Partner,
    Mother,
    Father,
    Daughter,
    Son,
    Sister,
    Brother,
    Friend,
}

/// Somebody to ring.
#[derive(Clone, Debug)]
pub(crate) struct Contact {
    pub kin: Kin,
    pub title: &'static str,
    pub given: String,
    pub family: String,
    pub phone: String,
    pub same_address: bool,
    pub carer: bool,
}

/// A person of the region, as they are; what each source believes of them is another matter ([`crate::wire::belief`]).
#[derive(Clone, Debug)]
pub struct Person {
    /// Position in the region, from 0.
    pub index: u64,
    /// Female or male.
    pub sex: Sex,
    /// Day of birth.
    pub birth: Date,
    /// Day of death, for those who have died.
    pub death: Option<Date>,
    /// Family name.
    pub family: String,
    /// First given name.
    pub given: String,
    /// Second given name.
    pub middle: Option<String>,
    /// The NHS number, from the range kept for tests (999) in regions of up to 800,000 people.
    pub nhs: NhsNumber,
    /// Ethnic category of the NHS Data Dictionary: A to S, `Z` (not stated) or `99` (not known).
    pub ethnicity: &'static str,
    /// The address is not to be shown (PDS `R`).
    pub restricted: bool,
    pub(crate) household: u64,
    pub(crate) title: &'static str,
    pub(crate) maiden: Option<String>,
    pub(crate) known_as: Option<&'static str>,
    pub(crate) marital: char,
    pub(crate) language: Option<(&'static str, &'static str)>,
    pub(crate) address: Address,
    pub(crate) home_phone: Option<String>,
    pub(crate) mobile: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) practice: u8,
    pub(crate) contacts: Vec<Contact>,
    pub(crate) lives_alone: bool,
    /// Birthdays of a woman's children who live in the block: her confinements.
    pub(crate) confinements: Vec<Date>,
}

impl Person {
    /// Age in whole years on a day.
    pub fn age(&self, day: Date) -> i64 {
        age_on(self.birth, day)
    }

    /// Is the person alive at the end of this day?
    pub fn alive(&self, day: Date) -> bool {
        self.death.is_none_or(|death| death > day)
    }

    /// Is this somebody's sex recorded as female?
    pub fn female(&self) -> bool {
        self.sex == Sex::Female
    }

    /// `Mrs Ada Smith`, for letters.
    pub(crate) fn full_name(&self) -> String {
        format!("{} {} {}", self.title, self.given, self.family)
    }

    /// `She` or `He`.
    pub(crate) fn they_capital(&self) -> &'static str {
        if self.female() { "She" } else { "He" }
    }

    /// `her` or `his`.
    pub(crate) fn their(&self) -> &'static str {
        if self.female() { "her" } else { "his" }
    }
}
