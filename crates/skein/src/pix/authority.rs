//! Assigning authorities (HD) and FHIR systems: the same domain in two languages. The sources' profiles are the
//! dictionary.

use fhir::nhs;
use mapping::Profile;

/// NHS numbers' object identifier.
const NHS_OID: &str = "2.16.840.1.113883.2.1.4.1";
/// How systems begin that mapping makes up for an authority without another name.
const MADE_UP: &str = "https://skein.example/id/";

/// An assigning authority as HL7 v2 writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authority {
    /// HD-1.
    pub namespace: String,
    /// HD-2.
    pub universal: String,
    /// HD-3.
    pub kind: String,
}

/// The authorities of a region.
pub struct Authorities {
    profiles: Vec<Profile>,
}

impl Authorities {
    /// Those that these profiles name.
    pub fn new(profiles: Vec<Profile>) -> Self {
        Authorities { profiles }
    }

    /// The systems that `source` may mean by an authority, the likeliest first.
    pub fn systems(&self, source: &str, authority: &Authority) -> Vec<String> {
        let (namespace, universal) = (authority.namespace.trim(), authority.universal.trim());
        let mut systems: Vec<String> = Vec::new();
        let mut may = |system: String| {
            if !systems.contains(&system) {
                systems.push(system);
            }
        };
        let compact: String = namespace.chars().filter(char::is_ascii_alphanumeric).collect();
        if matches!(compact.to_ascii_uppercase().as_str(), "NHS" | "NHSNUMBER" | "NHSNO" | "NHSNBR")
            || [NHS_OID, nhs::SYSTEM].contains(&universal)
            || namespace == nhs::SYSTEM
        {
            may(nhs::SYSTEM.to_owned());
        }
        let own = self.profiles.iter().filter(|profile| profile.source == source);
        let others = self.profiles.iter().filter(|profile| profile.source != source);
        let all: Vec<&Profile> = own.chain(others).collect();
        if !namespace.is_empty() {
            for profile in &all {
                if let Some(system) = profile.patient.systems.get(namespace) {
                    may(system.clone());
                }
            }
        }
        match authority.kind.trim() {
            _ if universal.is_empty() => {}
            "ISO" => may(format!("urn:oid:{universal}")),
            _ => may(universal.to_owned()),
        }
        if !namespace.is_empty() {
            // A whole system in the place of a name.
            if namespace.contains(':') {
                may(namespace.to_owned());
            }
            for profile in &all {
                may(profile.identifier_system(namespace));
            }
        }
        systems
    }

    /// The authority that `source` knows a system by.
    pub fn of_system(&self, source: &str, system: &str) -> Authority {
        if system == nhs::SYSTEM {
            return Authority { namespace: "NHS".into(), universal: NHS_OID.into(), kind: "ISO".into() };
        }
        let own = self.profiles.iter().filter(|profile| profile.source == source);
        let others = self.profiles.iter().filter(|profile| profile.source != source);
        let named = own.chain(others).find_map(|profile| {
            let of_table = profile.patient.systems.iter().find(|(_, known)| *known == system).map(|(name, _)| name);
            let of_list =
                profile.patient.local_authorities.iter().find(|name| profile.identifier_system(name) == system);
            of_table.or(of_list).cloned()
        });
        if let Some(oid) = system.strip_prefix("urn:oid:") {
            return Authority { namespace: named.unwrap_or_default(), universal: oid.into(), kind: "ISO".into() };
        }
        let made_up = || {
            let (_, name) = system.strip_prefix(MADE_UP)?.split_once('/')?;
            (name != "local").then(|| name.to_owned())
        };
        match named.or_else(made_up) {
            // What mapping made up means nothing to anybody else: the name alone is what the sender knows.
            Some(namespace) if system.starts_with(MADE_UP) => Authority { namespace, ..Authority::default() },
            named => {
                Authority { namespace: named.unwrap_or_default(), universal: system.to_owned(), kind: "URI".into() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authorities() -> Authorities {
        let profiles = [
            "source = \"rcb\"\nname = \"Riverside\"\n[patient]\nlocal_authorities = [\"RCB\"]\n[patient.systems]\nLAB = \"urn:oid:1.2.3\"\n",
            "source = \"lab\"\nname = \"Laboratory\"\n[patient.systems]\nLIMS = \"https://lab.example/id\"\n",
        ];
        Authorities::new(profiles.iter().map(|text| Profile::from_toml(text).unwrap()).collect())
    }

    fn hd(namespace: &str, universal: &str, kind: &str) -> Authority {
        Authority { namespace: namespace.into(), universal: universal.into(), kind: kind.into() }
    }

    #[test]
    fn an_authority_is_found_by_name_by_object_identifier_and_by_address() {
        let all = authorities();
        for (authority, system) in [
            (hd("NHS", "", ""), nhs::SYSTEM),
            (hd("", NHS_OID, "ISO"), nhs::SYSTEM),
            (hd("LAB", "", ""), "urn:oid:1.2.3"),
            (hd("", "1.2.3", "ISO"), "urn:oid:1.2.3"),
            (hd("LIMS", "", ""), "https://lab.example/id"),
            (hd("", "https://lab.example/id", "URI"), "https://lab.example/id"),
            (hd("RCB", "", ""), "https://skein.example/id/rcb/RCB"),
        ] {
            assert_eq!(all.systems("rcb", &authority).first().map(String::as_str), Some(system), "{authority:?}");
        }
        assert!(all.systems("rcb", &hd("", "", "")).is_empty());
    }

    #[test]
    fn a_system_goes_out_as_its_authority() {
        let all = authorities();
        assert_eq!(all.of_system("rcb", nhs::SYSTEM), hd("NHS", NHS_OID, "ISO"));
        assert_eq!(all.of_system("rcb", "urn:oid:1.2.3"), hd("LAB", "1.2.3", "ISO"));
        assert_eq!(all.of_system("rcb", "urn:oid:9.9"), hd("", "9.9", "ISO"));
        assert_eq!(all.of_system("lab", "https://lab.example/id"), hd("LIMS", "https://lab.example/id", "URI"));
        assert_eq!(all.of_system("lab", "https://skein.example/id/rcb/RCB"), hd("RCB", "", ""));
        assert_eq!(all.of_system("lab", "https://other.example"), hd("", "https://other.example", "URI"));
    }
}
