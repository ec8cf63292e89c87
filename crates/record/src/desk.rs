//! What the error desk, on its page and at the terminal, may show of a message as it came. Whoever reads there repairs feeds
//! and looks after nobody, so whereabouts of restricted people do not leave through it either.

use crate::{Records, StoreError, origin};
use fhir::{NhsNumber, PatientKey};
use mapping::{Profile, restricts};

impl Records {
    /// Whether a message is about somebody whose whereabouts are restricted: as the record knows of the patient whose lane it
    /// is in, or of whoever else is named in it by NHS number, or as the message itself says, by the rules of its source.
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
        if self.any_restricted(&nhs_numbers(body))? {
            return Ok(true);
        }
        let row = self.sources()?.into_iter().find(|row| row.name == source);
        let profile = row.and_then(|row| Profile::from_toml(&row.profile?).ok());
        Ok(restricts(body, &profile.unwrap_or_else(|| Profile::unknown(source))))
    }
}

/// Numbers looked up of one message; a longer list of people is no message that somebody repairs by hand.
const NUMBERS_MAX: usize = 1_000;

/// Whatever in a message may be an NHS number, wherever it stands: the message is on the desk because something in it stands
/// where it should not.
fn nhs_numbers(body: &[u8]) -> Vec<u64> {
    let text = origin::decode(body);
    let runs = text.split(|c: char| !c.is_ascii_digit() && c != ' ');
    let mut numbers: Vec<u64> =
        runs.filter_map(|run| NhsNumber::parse(run.trim()).ok()?.as_str().parse().ok()).take(NUMBERS_MAX).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_wherever_they_stand() {
        let body = b"MSH|^~\\&|A|B|||20250301120000\rPID|||9434765919^^^NHS~943 476 5870^^^X||SMITH\rZZZ|9434765918|19520314\r";
        assert_eq!(nhs_numbers(body), [9_434_765_870, 9_434_765_919]);
        assert_eq!(nhs_numbers(br#"{"value": "9434765919"}"#), [9_434_765_919]);
    }

    #[test]
    fn what_is_masked_says_which_segments_there_are_and_no_more() {
        assert_eq!(masked(b"MSH|^~\\&|A\rPID|1||SMITH\r"), ["MSH|\u{2026}", "PID|\u{2026}"]);
        assert_eq!(masked(br#"{"resourceType": "Patient"}"#), ["{ \u{2026} }"]);
    }
}
