//! What comes first on the first screen, by profession. The order differs; what is in the record and what the reader may see of
//! it do not.

use Card::*;

/// A part of the first screen, below what must be read first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Card {
    /// What plans in force say, heading by heading.
    Plans,
    /// What the person says of themselves.
    AboutMe,
    /// Allergies.
    Allergies,
    /// Current medicines.
    Medicines,
    /// Current problems.
    Problems,
    /// Abnormal results.
    Results,
    /// Appointments to come.
    Coming,
    /// The newest letters.
    Letters,
    /// Next of kin and whom to call.
    Kin,
    /// Professionals and teams involved.
    Involved,
    /// The newest checks and scores: vital signs, NEWS2, frailty.
    Checks,
    /// How the person lives, and the services they have.
    Social,
    /// Legal information, safeguarding and risks.
    Legal,
}

/// For whom the first screen is put in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum View {
    /// A general practitioner before a visit.
    Gp,
    /// Clerking and caring on a ward.
    #[default]
    Ward,
    /// A nurse in the community.
    Community,
    /// Mental health.
    MentalHealth,
    /// An ambulance crew, an emergency department: minutes, and a phone.
    Emergency,
    /// A pharmacist reconciling medicines.
    Pharmacist,
    /// A social worker planning a package of care.
    SocialCare,
    /// The person reading their own record.
    Person,
}

impl View {
    /// All, in the order of the menu.
    pub const ALL: [View; 8] = [
        View::Gp,
        View::Ward,
        View::Community,
        View::MentalHealth,
        View::Emergency,
        View::Pharmacist,
        View::SocialCare,
        View::Person,
    ];

    /// The word in an address.
    pub const fn slug(self) -> &'static str {
        match self {
            View::Gp => "gp",
            View::Ward => "ward",
            View::Community => "community",
            View::MentalHealth => "mental-health",
            View::Emergency => "emergency",
            View::Pharmacist => "pharmacist",
            View::SocialCare => "social-care",
            View::Person => "person",
        }
    }

    /// What it is called.
    pub const fn title(self) -> &'static str {
        match self {
            View::Gp => "General practice",
            View::Ward => "Ward",
            View::Community => "Community nursing",
            View::MentalHealth => "Mental health",
            View::Emergency => "Emergency",
            View::Pharmacist => "Pharmacy",
            View::SocialCare => "Social care",
            View::Person => "The person",
        }
    }

    /// Whether it is for minutes: then the lack of a plan is said as well.
    pub const fn is_emergency(self) -> bool {
        matches!(self, View::Emergency)
    }

    /// The view with this word.
    pub fn from_slug(slug: &str) -> Option<View> {
        View::ALL.into_iter().find(|view| view.slug() == slug)
    }

    /// The view of a job, as the policies name jobs (`roles.toml`); a job that is not known here sees a ward's.
    pub fn of_job(job: &str) -> View {
        match job {
            "gp" => View::Gp,
            "community-nurse" | "care-home-manager" => View::Community,
            "mental-health-worker" => View::MentalHealth,
            "paramedic" => View::Emergency,
            "pharmacist" => View::Pharmacist,
            "social-worker" => View::SocialCare,
            "person" => View::Person,
            _ => View::Ward,
        }
    }

    /// Whether this profession must be told when there is nothing for a card that others see only when it has something.
    pub const fn expects(self, card: Card) -> bool {
        match card {
            Checks => matches!(self, View::Ward | View::Emergency | View::Community),
            Social => matches!(self, View::SocialCare | View::Community),
            Legal => matches!(self, View::SocialCare | View::MentalHealth),
            _ => false,
        }
    }

    /// The cards, column by column; on a narrow screen one column after the other. Every view has every card.
    pub const fn columns(self) -> [&'static [Card]; 3] {
        match self {
            View::Gp => [
                &[Problems, Plans, AboutMe, Kin],
                &[Medicines, Allergies, Results, Checks],
                &[Letters, Coming, Involved, Legal, Social],
            ],
            View::Ward => [
                &[Allergies, Medicines, AboutMe],
                &[Problems, Checks, Results, Plans],
                &[Kin, Involved, Legal, Social, Letters, Coming],
            ],
            View::Community => [
                &[Plans, AboutMe, Kin, Involved],
                &[Problems, Medicines, Allergies, Checks],
                &[Coming, Social, Legal, Letters, Results],
            ],
            View::MentalHealth => [
                &[Plans, AboutMe, Legal, Involved, Kin],
                &[Medicines, Problems, Allergies],
                &[Coming, Social, Letters, Checks, Results],
            ],
            View::Emergency => [
                &[Plans, Problems],
                &[Medicines, Allergies, Checks],
                &[Kin, AboutMe, Legal, Involved, Social, Results, Letters, Coming],
            ],
            View::Pharmacist => [
                &[Medicines, Allergies],
                &[Results, Checks, Problems, Letters],
                &[Involved, Coming, Plans, AboutMe, Kin, Social, Legal],
            ],
            View::SocialCare => [
                &[Kin, Involved, AboutMe, Social],
                &[Legal, Plans, Coming],
                &[Problems, Allergies, Medicines, Checks, Letters, Results],
            ],
            View::Person => [
                &[Coming, Letters, AboutMe],
                &[Medicines, Allergies, Problems],
                &[Results, Checks, Plans, Involved, Kin, Social, Legal],
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_view_has_every_card_once() {
        for view in View::ALL {
            let cards: Vec<Card> = view.columns().into_iter().flatten().copied().collect();
            let once: HashSet<Card> = cards.iter().copied().collect();
            assert_eq!((cards.len(), once.len()), (13, 13), "{}", view.slug());
            assert_eq!(View::from_slug(view.slug()), Some(view));
        }
    }
}
