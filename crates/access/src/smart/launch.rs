//! Launch in context: another system opens a person's record here for the user who sits before it. The system signs a token of
//! its own that names the user and the person; it is good for one launch and for minutes. After the forms of SMART App Launch
//! 2.2 ("EHR launch": `iss`, `launch`) and of OpenID third-party launches, with the NHS number in the signed token and never
//! in an address.

use super::{Clients, NotGranted};
use crate::User;
use fhir::nhs::NhsNumber;
use jiff::{Timestamp, civil::Date};
use std::sync::Arc;

/// Whose word counts for who sits before the launching system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LaunchUsers {
    /// The system's: its users are signed in here by its word, in a role of its own organisation.
    Vouched,
    /// A provider's: users sign in with it as ever, and must be the one whom the token names. Empty: local accounts.
    Of(String),
}

/// A launch that is believed.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The system that launches.
    pub client: Arc<User>,
    /// Who must be signed in: their id here.
    pub user: String,
    /// The user, where the system vouches for them.
    pub vouched: Option<User>,
    /// Of whom the record is.
    pub nhs_number: u64,
    /// When the person was born, where the system says so: it must not contradict what is known here.
    pub born: Option<Date>,
    /// The token's end.
    pub ends: Timestamp,
}

impl Clients {
    /// The address launches are sent to, and tokens for them must be for.
    pub fn launch_url(&self) -> String {
        format!("{}/launch", self.token_url.strip_suffix("/oauth/token").unwrap_or(&self.token_url))
    }

    /// Whether any client may launch.
    pub fn launches(&self) -> bool {
        self.of_id.values().any(|client| client.launch.is_some())
    }

    /// What a launch token says, once. `certified`: as for [`Clients::grant`].
    ///
    /// Claims: `iss` the client's id; `aud` [`Clients::launch_url`]; `sub` the user; `nhs_number`; `birthdate` (optional);
    /// `exp`, `jti`; and of a system that vouches `name`, `role_code`, `role_name`.
    ///
    /// # Errors
    /// [`NotGranted`]; its sentence is for the developers of the system that launches.
    pub async fn launched(
        &self,
        token: &str,
        certified: &(dyn Fn(&str) -> bool + Send + Sync),
        now: Timestamp,
    ) -> Result<Launch, NotGranted> {
        let (client, claims) = self.believed(token, &self.launch_url(), now).await?;
        let wrong = |text: &str| NotGranted::InvalidRequest(text.to_owned());
        let Some(users) = &client.launch else {
            return Err(NotGranted::InvalidClient(
                "this client may not launch: its configuration names no launch".into(),
            ));
        };
        if !certified(&client.user.id) {
            return Err(NotGranted::InvalidClient("this client needs a connection with its own certificate".into()));
        }
        let subject = claims.text("sub").map(str::trim).filter(|subject| !subject.is_empty());
        let subject = subject.ok_or_else(|| wrong("the token's sub must be the user's id"))?;
        let number = claims.text("nhs_number").and_then(|text| NhsNumber::parse(text).ok());
        let number = number.and_then(|number| number.as_str().parse().ok());
        let nhs_number = number.ok_or_else(|| wrong("the token's nhs_number must be a valid NHS number"))?;
        let born = match claims.text("birthdate") {
            Some(text) => Some(text.parse().map_err(|_| wrong("the token's birthdate must be a date, YYYY-MM-DD"))?),
            None => None,
        };
        let (user, vouched) = match users {
            LaunchUsers::Of(provider) if provider.is_empty() => (subject.to_owned(), None),
            LaunchUsers::Of(provider) => (format!("{provider}:{subject}"), None),
            LaunchUsers::Vouched => {
                let id = format!("{}:{subject}", client.user.id);
                let said = |name: &str| claims.text(name).map(str::trim).filter(|text| !text.is_empty());
                let (Some(name), Some(role)) = (said("name"), said("role_code")) else {
                    return Err(wrong("the token of a system that vouches for its users needs name and role_code"));
                };
                // The role is a staff role in the system's own organisation, whatever else the token claims.
                let role_name = said("role_name").unwrap_or(role);
                let organisation = (client.user.org_code.as_str(), client.user.org_name.as_str());
                let user = User {
                    client: Some(client.user.id.clone()),
                    ..User::staff(id.clone(), name, (role, role_name), organisation)
                };
                (id, Some(user))
            }
        };
        let ends = claims.time("exp").unwrap_or(now);
        Ok(Launch { client: Arc::clone(&client.user), user, vouched, nhs_number, born, ends })
    }
}
