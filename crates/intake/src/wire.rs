//! From bytes to changes: where intake meets the mappings.

use crate::mapped::Find;
use fhir::Region;
use jiff::Timestamp;
use mapping::{ChangeSet, Profile};
use store::StoreError;

/// Map an HL7 v2 message. Gives the changes and the message's type in a line.
pub fn map_hl7v2(region: &Region, profile: &Profile, body: &[u8], received: Timestamp) -> (ChangeSet, String) {
    let parsed = hl7v2::parse(body);
    match &parsed.message {
        Some(message) => (mapping::map_hl7v2(region, profile, message, received), message.header().kind()),
        None => {
            let why = parsed.notes.first().map_or_else(String::new, |note| format!(": {note}"));
            (crate::mapped::failure("unreadable", &format!("this is not an HL7 v2 message{why}")), "unreadable".into())
        }
    }
}

/// Map a FHIR request. Gives the changes, the request in a line, and whether something was looked up.
pub fn map_fhir(
    _region: &Region,
    _profile: &Profile,
    _about: &str,
    _body: &[u8],
    _received: Timestamp,
    _find: &dyn Find,
) -> Result<(ChangeSet, String, bool), StoreError> {
    Ok((crate::mapped::failure("unsupported", "FHIR requests are not taken yet"), "FHIR".into(), false))
}
