//! What the error desk, on its page and at the terminal, may show of a message as it came. Whoever reads there repairs feeds
//! and looks after nobody, so whereabouts of restricted people do not leave through it either.

use crate::{Records, StoreError, origin};
use fhir::PatientKey;
use mapping::{Profile, restricts};

impl Records {
    /// Whether a message is about somebody whose whereabouts are restricted: as the record knows of the patient whose lane it
    /// is in, or as the message itself says, by the rules of its source.
    pub fn message_restricted(
        &self,
        source: &str,
        patient: Option<PatientKey>,
        body: &[u8],
    ) -> Result<bool, StoreError> {
        if let Some(patient) = patient
            && self.whereabouts_restricted(patient)?
        {
            return Ok(true);
        }
        let row = self.sources()?.into_iter().find(|row| row.name == source);
        let profile = row.and_then(|row| Profile::from_toml(&row.profile?).ok());
        Ok(restricts(body, &profile.unwrap_or_else(|| Profile::unknown(source))))
    }
}

/// The lines of a message without what they say: which segments there are.
pub fn masked(body: &[u8]) -> Vec<String> {
    let text = origin::decode(body);
    if text.trim_start().starts_with('{') {
        return vec!["{ … }".to_owned()];
    }
    let name = |line: &str| line.chars().take(3).filter(char::is_ascii_alphanumeric).collect::<String>();
    origin::lines(&text).into_iter().map(|line| format!("{}|…", name(line))).collect()
}
