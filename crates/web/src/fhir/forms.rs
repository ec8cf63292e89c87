//! The forms of the region, as Questionnaires: about nobody, and named by what is answered with them.

use super::{
    Api, Call,
    reply::{ApiError, Reply},
    search::own_address,
};
use ::forms::Form;
use axum::http::StatusCode;
use fhir::{
    ResourceType,
    bundle::{BundleType, BundleWriter, SearchMode},
};

/// `GET /Questionnaire/<name>`; None: it is none of the region's own, but a source may have sent one.
pub fn read(api: &Api, id: &str) -> Option<Reply> {
    let form = api.forms.named(id)?;
    Some(Reply::json(StatusCode::OK, resource(form)))
}

/// As it was read, under its name.
fn resource(form: &Form) -> String {
    let mut json = form.json.clone();
    if let Some(body) = json.as_object_mut() {
        body.insert("id".into(), form.name.as_str().into());
    }
    json.to_string()
}

/// `GET /Questionnaire`, all or by `url`; None: something else is asked for, which the directories of sources answer.
pub fn search(api: &Api, call: &Call) -> Option<Result<Reply, ApiError>> {
    let conditions: Vec<&(String, String)> =
        call.pairs.iter().filter(|(name, _)| !matches!(name.as_str(), "_format" | "_pretty")).collect();
    let found: Vec<&Form> = match conditions.as_slice() {
        [] => api.forms.all().iter().collect(),
        [(name, url)] if name == "url" => {
            let url = url.split('|').next().unwrap_or_default();
            vec![api.forms.of_url(url)?]
        }
        _ => return None,
    };
    let mut bundle = BundleWriter::new(BundleType::Searchset, found.len() * 8192);
    let own = own_address(&call.base, ResourceType::Questionnaire, &call.pairs);
    bundle.total(found.len()).links(&[("self", &own)]);
    for form in found {
        let name = format!("Questionnaire/{}", form.name);
        bundle.found(&call.base, &name, resource(form).as_bytes(), SearchMode::Match);
    }
    Some(Ok(Reply::json(StatusCode::OK, bundle.finish())))
}
