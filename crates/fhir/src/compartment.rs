//! Whose a resource is: the patient compartment (R4 CompartmentDefinition/patient), with Task, Contract, Device and
//! GuidanceResponse added, which name a patient but were left out of it.

use crate::{
    ResourceType,
    json::Node,
    search::{Parameter, parameter},
};
use std::{collections::HashMap, sync::LazyLock};

static TABLE: LazyLock<HashMap<ResourceType, Vec<&'static Parameter>>> = LazyLock::new(|| {
    let mut table = HashMap::new();
    for line in include_str!("tables/compartment.tsv").lines().filter(|line| !line.starts_with('#')) {
        let Some((kind, codes)) = line.split_once('\t') else { continue };
        let Ok(kind) = kind.parse::<ResourceType>() else { continue };
        table.insert(kind, codes.split(' ').filter_map(|code| parameter(kind, code)).collect());
    }
    table
});

/// Whether resources of this type are about a patient, so that one without a patient is odd.
pub fn is_clinical(kind: ResourceType) -> bool {
    TABLE.contains_key(&kind)
}

/// Visit the references by which a resource may belong to a patient, the most telling first, until `visit` says it has
/// seen enough. A reference may turn out to point at something else (a practitioner who performed it).
pub fn candidates<'d>(kind: ResourceType, resource: Node<'d>, visit: &mut dyn FnMut(Node<'d>) -> bool) -> bool {
    let paths = TABLE.get(&kind).into_iter().flatten().flat_map(|parameter| &parameter.paths);
    let mut objects = |value: Node<'d>| value.is_object() && visit(value);
    paths.into_iter().any(|path| path.visit_node(resource, &mut objects))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Document;

    #[test]
    fn the_subject_comes_before_the_author() {
        let json = br#"{"resourceType":"DocumentReference","author":[{"reference":"Patient/2"}],"subject":{"reference":"Patient/1"}}"#;
        let document = Document::read(json).unwrap();
        let mut seen = Vec::new();
        candidates(ResourceType::DocumentReference, document.root(), &mut |reference| {
            seen.push(reference.get("reference").unwrap().text().unwrap());
            false
        });
        assert_eq!(seen, ["Patient/1", "Patient/1", "Patient/2"]);
    }

    #[test]
    fn directory_types_are_not_clinical() {
        for kind in
            [ResourceType::Practitioner, ResourceType::Organization, ResourceType::Location, ResourceType::Binary]
        {
            assert!(!is_clinical(kind), "{kind}");
        }
        for kind in [ResourceType::Observation, ResourceType::Task, ResourceType::Appointment, ResourceType::Provenance]
        {
            assert!(is_clinical(kind), "{kind}");
        }
    }
}
