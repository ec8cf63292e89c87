//! People and the households they live in, as they truly are.

use super::{names::Tradition, place::Address};
use jiff::civil::Date;

/// A person, as they truly are today.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub given: String,
    /// Middle names, or nothing.
    pub middle: String,
    pub family: String,
    /// The family name before a marriage or divorce, or nothing.
    pub former: String,
    /// What they are called every day where that is not the forename.
    pub known_as: String,
    pub birth: Date,
    pub age: f64,
    pub female: bool,
    /// Category of the NHS Data Dictionary, A to S.
    pub ethnicity: char,
    pub tradition: Tradition,
    pub mobile: String,
    pub email: String,
    /// The place of their number in [`super::number`]'s order.
    pub number: u64,
    /// Born with this many others.
    pub twins: u8,
    /// Lives in the household as: head, partner, child, elder, or a resident like others.
    pub role: Role,
}

/// What somebody is in their household.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Head,
    Partner,
    Child,
    Elder,
    Resident,
}

/// What kind of household it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Family,
    Shared,
    CareHome,
    Prison,
    Hostel,
    Halls,
}

impl Kind {
    /// Many unrelated people at one address.
    pub(super) fn is_institution(self) -> bool {
        matches!(self, Kind::CareHome | Kind::Prison | Kind::Hostel | Kind::Halls)
    }
}

/// People who live together.
#[derive(Clone, Debug)]
pub(super) struct Household {
    pub kind: Kind,
    /// The running number of its postcode.
    pub postcode: u64,
    pub home: Address,
    /// Nothing where there is none.
    pub landline: String,
    pub practice: String,
    pub people: Vec<Person>,
}

impl Household {
    /// The mother of its children, if she lives here.
    pub(super) fn mother(&self) -> Option<&Person> {
        self.people.iter().find(|p| p.female && matches!(p.role, Role::Head | Role::Partner))
    }
}
