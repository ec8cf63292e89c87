//! Signing in with an identity provider: OpenID Connect Core 1.0, code flow with PKCE (RFC 7636). [`oidc`] speaks with the
//! provider, [`claims`] reads what it says about somebody, [`roles`] turns that into the users they may be here.

mod claims;
mod events;
mod oidc;
mod roles;

pub use claims::{ClaimNames, Identity};
pub use events::{Event, Events};
pub use oidc::{Begun, Credential, Failed, Flow, LoggedOut, Provider, ProviderConfig};
pub(crate) use oidc::{challenge, error_code, redeem};
pub use roles::{LocalRole, RoleRules, Who};

/// Whom a provider signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInKind {
    /// Staff.
    Staff,
    /// People who look at their own record.
    Person,
}

/// Somebody a provider vouches for.
#[derive(Clone, Debug)]
pub struct SignedOn {
    /// The provider's id in our configuration.
    pub provider: String,
    /// Who they are to the provider (`sub`).
    pub subject: String,
    /// Their session there (`sid`), where it says so.
    pub session: Option<String>,
    /// The ID token, where signing out there takes it.
    pub id_token: Option<String>,
    /// Whom they may be here.
    pub who: Who,
}
