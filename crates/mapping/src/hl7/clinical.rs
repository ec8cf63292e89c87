use crate::{
    change::Change,
    hl7::{context::Context, identity::Identity},
};
use fhir::ResourceId;
impl<'m> Context<'m> {
    pub fn clinical(&self, _identity: &Identity, _encounter: Option<ResourceId>, _changes: &mut Vec<Change>) {}
}
