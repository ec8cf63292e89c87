//! What is the UK's own: national code tables, identifier systems, UK Core's profiles and extensions.

pub(crate) mod tables;

/// ODS codes of organisations.
pub(crate) const ODS: &str = "https://fhir.nhs.uk/Id/ods-organization-code";

/// A UK Core profile or extension by its name.
macro_rules! ukcore {
    ($name:literal) => {
        concat!("https://fhir.hl7.org.uk/StructureDefinition/", $name)
    };
}
pub(crate) use ukcore;

/// Does this look like an ODS code: three to six capital letters and digits, at least one of them a digit or the first a
/// letter (`RXX`, `RXX01`, `Y06601`, `W95023`, `7A4BV`)?
pub(crate) fn is_ods(text: &str) -> bool {
    (3..=6).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        && text.bytes().any(|b| b.is_ascii_uppercase())
}

/// The trust of a site: `RXX01` is a site of `RXX` (ODS: a trust's sites begin with its own code).
pub(crate) fn trust_of_site(code: &str) -> &str {
    if code.len() == 5 && code.starts_with(['R', 'T']) { code.get(..3).unwrap_or(code) } else { code }
}

/// The identifier system of a health professional's code: by its shape where that is telling, for senders write `GMC`
/// beside GP and consultant codes alike, else by the authority named.
pub(crate) fn professional_system(code: &str, authority: &str) -> Option<&'static str> {
    let digits = |from: usize, count: usize| {
        code.len() == from + count && code.get(from..).is_some_and(|d| d.bytes().all(|b| b.is_ascii_digit()))
    };
    match code.as_bytes().first() {
        Some(b'C') if digits(1, 7) => return Some("https://fhir.hl7.org.uk/Id/consultant-code"),
        Some(b'G') if digits(1, 7) => return Some("https://fhir.hl7.org.uk/Id/gmp-number"),
        _ => {}
    }
    Some(match authority.to_ascii_uppercase().as_str() {
        "GMC" => "https://fhir.hl7.org.uk/Id/gmc-number",
        "GMP" => "https://fhir.hl7.org.uk/Id/gmp-number",
        "NMC" => "https://fhir.hl7.org.uk/Id/nmc-number",
        "GPHC" => "https://fhir.hl7.org.uk/Id/gphc-number",
        "HCPC" => "https://fhir.hl7.org.uk/Id/hcpc-number",
        "GDC" => "https://fhir.hl7.org.uk/Id/gdc-number",
        "SDS" | "SDSID" | "SDS-USER-ID" => "https://fhir.nhs.uk/Id/sds-user-id",
        _ => return None,
    })
}
