//! What organisations are asked for here, tests and referrals: the worklist of whoever is asked, what was asked by whom, one
//! request with all that was said, and what either side does with it. How one is written is in `super::forms`.

mod act;
mod list;
mod show;

pub use act::act;
pub use list::{follow, show as list};
pub use show::show;

use super::{
    frame::{self, Opened, Page},
    section::kinds,
};
use crate::state::AppState;
use access::User;
use fhir::{ResourceId, ResourceType};
use forms::Side;
use record::{
    ParsedItem,
    sections::{
        SectionKind,
        requests::{Request, is_ours},
    },
};

/// What a page about a request reads: the request, what was answered in its form, and what goes along.
fn wanted() -> Vec<ResourceType> {
    let mut all = kinds(SectionKind::Referrals);
    all.extend([ResourceType::QuestionnaireResponse, ResourceType::DocumentReference, ResourceType::DiagnosticReport]);
    all
}

fn page(id: ResourceId) -> Page {
    let section = SectionKind::Referrals;
    Page::within(section, "Request", format!("request {id}"))
}

/// The task of the request that an id means: its own, or that of the ServiceRequest.
fn task(items: &[ParsedItem], kind: ResourceType, id: ResourceId) -> Option<&ParsedItem> {
    let focus = format!("ServiceRequest/{id}");
    items.iter().filter(|item| item.kind() == ResourceType::Task && is_ours(item)).find(|item| match kind {
        ResourceType::Task => item.id == id,
        _ => item.resource.str_at("/focus/reference") == Some(focus.as_str()),
    })
}

/// On which sides of a request a user's organisation stands: on both, where it asks itself.
fn sides(user: &User, request: &Request) -> Vec<Side> {
    let ours = |code: &str| !code.is_empty() && code.eq_ignore_ascii_case(&user.org_code);
    let mut sides = Vec::new();
    if ours(&request.to.code) {
        sides.push(Side::IsAsked);
    }
    if ours(&request.from.code) {
        sides.push(Side::Asks);
    }
    sides
}

/// On which of them the policies let the reader write. The gate asks again when something is written.
fn may(state: &AppState, opened: &Opened, user: &User, request: &Request) -> Vec<Side> {
    // Nothing is written into a record as it stood.
    if opened.frame.then.is_some() {
        return Vec::new();
    }
    let sight = opened.permit.sight();
    let known = state.forms.all().iter().any(|form| form.request.is_some() && form.writes == request.writes);
    let mut sides = sides(user, request);
    sides.retain(|side| match side {
        Side::IsAsked => sight.may_write(act::ANSWER),
        Side::Asks => known && sight.may_write(&request.writes),
    });
    sides
}
