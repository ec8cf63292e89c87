//! The catalogue of topics, as Basic resources: R4 has no SubscriptionTopic (Backport 1.1.0, "Subscription Topics in R4").

use super::super::{
    Call,
    reply::{ApiError, Reply},
    search::own_address,
};
use axum::http::StatusCode;
use fhir::{
    ResourceType,
    bundle::{BundleType, BundleWriter, SearchMode},
};
use notify::subscription::Family;

/// What a Basic that stands for a topic is coded with, with and without its system.
const CODES: [&str; 2] = ["SubscriptionTopic", "http://hl7.org/fhir/fhir-types|SubscriptionTopic"];

/// Whether a Basic stands for a topic, by its id.
pub fn is_topic(id: &str) -> bool {
    Family::of_id(id).is_some()
}

/// `GET /Basic/subscription-topic-…`
pub fn read(id: &str) -> Result<Reply, ApiError> {
    match Family::of_id(id) {
        Some(family) => Ok(Reply::json(StatusCode::OK, family.resource().to_string())),
        None => Err(ApiError::not_found("there is no such topic")),
    }
}

/// `GET /Basic?code=SubscriptionTopic`; None: another Basic is looked for.
pub fn search(call: &Call) -> Option<Result<Reply, ApiError>> {
    let code = call.pairs.iter().find(|(name, _)| name == "code").map(|(_, code)| code.as_str())?;
    if !CODES.contains(&code) {
        return None;
    }
    let mut bundle = BundleWriter::new(BundleType::Searchset, Family::ALL.len() * 2048);
    bundle.total(Family::ALL.len()).links(&[("self", &own_address(&call.base, ResourceType::Basic, &call.pairs))]);
    for family in Family::ALL {
        let name = format!("Basic/{}", family.id());
        bundle.found(&call.base, &name, family.resource().to_string().as_bytes(), SearchMode::Match);
    }
    Some(Ok(Reply::json(StatusCode::OK, bundle.finish())))
}
