//! The index of people, spoken in HL7 v2: PIX queries answered (IHE ITI-9), and word of changes sent out (ITI-10).

mod authority;
mod query;
mod update;

pub use authority::Authorities;
pub use query::Queries;
pub use update::{Standing, Update};

use fhir::Value;
use hl7v2::{Separators, escape};

/// A person's identifiers as PID-3 has them, in these separators.
fn identifier_list(identifiers: &[Value], source: &str, authorities: &Authorities, s: &Separators) -> String {
    let list: Vec<String> = identifiers.iter().map(|one| identifier(one, source, authorities, s)).collect();
    list.join(&char::from(s.repetition).to_string())
}

fn identifier(identifier: &Value, source: &str, authorities: &Authorities, s: &Separators) -> String {
    let text = |name: &str| identifier.get(name).and_then(Value::as_str).unwrap_or_default();
    let authority = authorities.of_system(source, text("system"));
    let component = char::from(s.component);
    let parts = [&authority.namespace, &authority.universal, &authority.kind].map(|part| escape::escape(part, s));
    let authority = parts.join(&char::from(s.subcomponent).to_string());
    let kind = identifier
        .pointer("/type/coding/0/code")
        .and_then(Value::as_str)
        .unwrap_or(if text("system") == fhir::nhs::SYSTEM { "NH" } else { "PI" });
    let value = escape::escape(text("value"), s);
    let authority = authority.trim_end_matches(char::from(s.subcomponent));
    format!("{value}{component}{component}{component}{authority}{component}{}", escape::escape(kind, s))
}

/// PID with identifiers and nothing else of the person: PID-5 has an empty name and a second one that only says that it
/// is a pseudonym, so that nobody takes one domain's name for another's (ITI TF-2 3.9.4.2.2.5).
fn pid(list: &str, s: &Separators) -> String {
    let (f, c, r) = (char::from(s.field), char::from(s.component), char::from(s.repetition));
    let name = format!("{r}{}S", c.to_string().repeat(6));
    format!("PID{f}{f}{f}{list}{f}{f}{name}")
}
