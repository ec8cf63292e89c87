//! What a system that knows nothing of FHIR is told of a stay: who somebody is, in parts, and the stay as it reads now. Read
//! under a permit like everything else; whereabouts of the restricted are taken away before it comes here.

use crate::{
    Records,
    banner::{is_restricted, nhs_of, standing},
    item::{ParsedItem, SourceInfo},
    read::Filter,
    text::{Name, best_name, text},
};
use access::{Permit, Sealed};
use fhir::{NhsNumber, Resource, ResourceId, ResourceType, Value};
use std::sync::Arc;
use store::StoreError;

/// Who somebody is, in parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// The NHS number, ten digits, and whether a tracing service verified it. One that is none is not told.
    pub nhs: Option<(String, bool)>,
    /// The name.
    pub name: Option<Name>,
    /// The date of birth as FHIR writes it.
    pub born: Option<String>,
    /// FHIR's administrative gender.
    pub gender: Option<String>,
    /// Whether whereabouts are withheld.
    pub restricted: bool,
}

/// Who, and what one resource says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Announced {
    /// Who it is about.
    pub subject: Subject,
    /// What the source of the resource calls them: its own numbers, NHS numbers not among them.
    pub locals: Vec<String>,
    /// The resource as it reads now, or said last before it was deleted. None: it is withheld from this reader.
    pub resource: Option<Resource>,
}

impl Records {
    /// Read what a message about one resource says. `source` tells who a source is.
    ///
    /// # Errors
    /// The store's; [`StoreError::Corrupt`] when what is stored is not a resource.
    pub fn announce(
        &self,
        permit: &Permit,
        (id, kind): (ResourceId, ResourceType),
        source: impl Fn(&str) -> Arc<SourceInfo>,
    ) -> Result<Sealed<Result<Announced, StoreError>>, StoreError> {
        let patients = self.read(permit, &Filter { kinds: vec![ResourceType::Patient], ..Filter::default() })?;
        let resource = self.resource(permit, id, kind)?;
        let both = patients.and(resource, |patients, item| {
            let mut patients: Vec<ParsedItem> =
                patients.iter().map(|item| ParsedItem::of(item, &source)).collect::<Result<_, _>>()?;
            patients.sort_by_key(standing);
            let resource = item.map(|item| item.resource()).transpose()?;
            let own = patients.iter().filter(|item| item.id.patient == id.patient);
            let locals = own.flat_map(|item| locals(&item.resource)).collect();
            Ok(Announced { subject: subject(&patients), locals, resource })
        });
        both.ok_or_else(|| StoreError::Stopped("two permits for one message".into()))
    }
}

fn locals(patient: &Resource) -> Vec<String> {
    let own = patient.list("identifier").iter().filter(|one| text(one, "system") != Some(fhir::nhs::SYSTEM));
    own.filter_map(|one| text(one, "value")).map(str::to_owned).collect()
}

/// Of the patients, the likeliest first.
fn subject(patients: &[ParsedItem]) -> Subject {
    let first = |read: &dyn Fn(&Resource) -> Option<String>| patients.iter().find_map(|item| read(&item.resource));
    let mut numbers: Vec<(String, bool)> = patients
        .iter()
        .filter_map(|item| nhs_of(&item.resource))
        .filter(|number| !number.invalid)
        .filter_map(|number| Some((NhsNumber::parse(&number.text).ok()?.as_str().to_owned(), number.verified)))
        .collect();
    numbers.sort_by_key(|(_, verified)| !verified);
    Subject {
        nhs: numbers.into_iter().next(),
        name: patients.iter().find_map(|item| best_name(item.resource.list("name"))),
        born: first(&|resource| resource.get("birthDate").and_then(Value::as_str).map(str::to_owned)),
        gender: first(&|resource| resource.str_at("/gender").filter(|code| *code != "unknown").map(str::to_owned)),
        restricted: patients.iter().any(|item| is_restricted(&item.resource)),
    }
}
