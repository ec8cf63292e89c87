//! What somebody wants to do, named for the audit.

use crate::policy::Desk;
use serde::Serialize;

/// What somebody wants to do. Named for the audit (IHE BALP: PatientRead, PatientQuery …).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum Action {
    /// Look for people; the criteria's names, never their values.
    FindPeople {
        /// For instance `["family", "birthdate"]`.
        criteria: Vec<String>,
    },
    /// Open a page of a record.
    OpenPage {
        /// The page's name.
        page: String,
    },
    /// Read resources through the API.
    ReadResources {
        /// The interaction (`read`, `vread`, `history`, `search`, `everything`) and types or ids.
        what: String,
    },
    /// Ask by what other identifiers a person is known (IHE PIX, PIXm).
    CrossReference {
        /// The transaction (`ITI-83`, `ITI-9`, `ITI-10`) and, where it asks for some only, the number of domains.
        what: String,
    },
    /// Look at the message an item came from.
    OpenOrigin {
        /// Its journal position.
        message: u64,
    },
    /// Look at or mend messages on the error desk.
    ErrorDesk {
        /// `list`, `show`, `edit`, `resubmit` or `discard`, with the journal position.
        what: String,
    },
    /// Look at or decide who is who: the work of data stewards.
    Identity {
        /// `queue`, `compare`, `history`, `decide same`, `decide different` …, with the opaque keys of patients or persons.
        what: String,
    },
    /// Say why, for lack of a known relationship.
    Claim {
        /// The reason's code.
        reason: String,
    },
    /// Break the glass.
    BreakGlass {
        /// The reason's code.
        reason: String,
    },
    /// Look at who looked, or answer for it.
    Privacy {
        /// `desk`, `entries`, `entry`, `replay`, `settle` …
        what: String,
    },
    /// See who looked at one's own record.
    WhoLooked,
    /// Ask about an entry of one's own record.
    AskAbout,
    /// Ask that something of one's own record be shared no more, or again.
    AskObjection {
        /// Which, as whoever grants it reads it.
        what: String,
    },
    /// Lay an objection on a record, or end one.
    Consent {
        /// `object` or `withdraw`.
        what: String,
    },
    /// See or work on what a team is told, or where the people of a caseload are.
    Worklist {
        /// `inbox`, `window`, `board`, `acknowledge` … and the key of the team or the caseload.
        what: String,
    },
    /// Write in a record here, rather than in a source's system.
    Write {
        /// `sign`, `draft`, `discard`, `withdraw`, and what, as the policies name it.
        what: String,
    },
    /// Put people on a caseload, or take them off it.
    Caseload {
        /// `add` or `remove`, and the caseload's key.
        what: String,
    },
    /// Send word of an event to a system or over another channel.
    Notify {
        /// The channel, and the subscription or team.
        what: String,
    },
    /// Sign in.
    SignIn {
        /// `local`, or the provider's id.
        by: String,
    },
    /// Sign out.
    SignOut,
    /// Look at who may use the region, or end somebody's sessions.
    Administer {
        /// `show`, or `sign-out` and a user's id.
        what: String,
    },
    /// Bring other policies into force.
    ChangePolicies {
        /// The version before.
        from: String,
        /// The version from then on.
        to: String,
    },
    /// Something that was noticed by itself, without anybody asking.
    Suspect {
        /// The rule that noticed.
        rule: String,
    },
    /// A matter is settled.
    Settle {
        /// How it ended.
        ended: String,
    },
}

impl Action {
    /// Its name in the audit, without what it is done to.
    pub fn class(&self) -> &'static str {
        match self {
            Action::FindPeople { .. } => "find-people",
            Action::OpenPage { .. } => "open-page",
            Action::ReadResources { .. } => "read-resources",
            Action::CrossReference { .. } => "cross-reference",
            Action::OpenOrigin { .. } => "open-origin",
            Action::ErrorDesk { .. } => "error-desk",
            Action::Identity { .. } => "identity",
            Action::Claim { .. } => "claim",
            Action::BreakGlass { .. } => "break-glass",
            Action::Privacy { .. } => "privacy",
            Action::WhoLooked => "who-looked",
            Action::AskAbout => "ask-about",
            Action::AskObjection { .. } => "ask-objection",
            Action::Consent { .. } => "consent",
            Action::Worklist { .. } => "worklist",
            Action::Write { .. } => "write",
            Action::Caseload { .. } => "caseload",
            Action::Notify { .. } => "notify",
            Action::SignIn { .. } => "sign-in",
            Action::SignOut => "sign-out",
            Action::Administer { .. } => "administer",
            Action::ChangePolicies { .. } => "change-policies",
            Action::Suspect { .. } => "suspect",
            Action::Settle { .. } => "settle",
        }
    }

    /// The desk it belongs to, of what is asked of a person without opening the record.
    pub(super) fn desk(&self) -> Option<Desk> {
        match self {
            Action::CrossReference { .. } => Some(Desk::CrossReference),
            _ => None,
        }
    }
}
