//! The pages. A handler takes what was asked, opens what it needs through the gate, and fills a template.

mod admin;
pub(crate) mod as_at;
mod census;
mod deliveries;
mod desk;
mod feeds;
mod find;
mod forms;
mod found_letters;
mod frame;
mod headings;
mod identity;
mod item;
pub(crate) mod launch;
mod letters;
mod objections;
mod pack;
mod person;
mod plans;
mod privacy;
mod requests;
mod results;
mod section;
mod sign_in;
mod sources;
mod standing;
mod status;
mod summary;
mod teams;
mod timeline;
mod why;
mod write;

pub use admin::{Listed, Named};
pub use deliveries::{Channels, Receiver, Update};
pub use frame::Comparable;

use crate::{
    assets,
    error::PageError,
    session::SignedIn,
    state::{AppState, Site},
};
use access::{User, UserKind, policy::Desk};
use askama::Template;
use axum::{
    Router,
    extract::DefaultBodyLimit,
    response::{Html, Redirect},
    routing::{any, get, post},
};
use std::sync::Arc;

/// Forms are small.
const FORM_BYTES_MAX: usize = 64 * 1024;
/// What people write about a person may be long.
const WRITING_BYTES_MAX: usize = 2 * 1024 * 1024;
/// What is sent along may have 5 MB; what is larger is read, so that the page can say so.
const SENDING_BYTES_MAX: usize = 32 * 1024 * 1024;
/// But an edited message may hold a letter.
const EDIT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The pages that show what a record says: of the record as it is, and as it stood.
fn readable() -> Router<AppState> {
    Router::new()
        .route("/", get(summary::show))
        .route("/sources", get(sources::show))
        .route("/results", get(results::latest))
        .route("/results/filter", post(results::filter))
        .route("/results/table", get(results::table))
        .route("/results/reports", get(results::reports))
        .route("/results/report/{id}", get(results::report))
        .route("/results/trend/{id}", get(results::trend))
        .route("/letters", get(letters::list))
        .route("/letters/find", post(found_letters::find))
        .route("/letters/found/{search}", get(found_letters::found))
        .route("/letters/{id}", get(letters::show))
        .route("/file/{kind}/{id}/{index}", get(letters::file))
        .route("/plans", get(plans::plans))
        .route("/request/{kind}/{id}", get(requests::show))
        .route("/contacts", get(plans::people))
        .route("/item/{kind}/{id}", get(item::show))
        .route("/timeline", get(timeline::show))
        .route("/headings", get(headings::all))
        .route("/headings/{heading}", get(headings::one))
        .route("/{section}", get(section::show))
}

/// Every page.
pub fn router(state: AppState) -> Router {
    let record = readable()
        .route("/as-at", get(as_at::show))
        .route("/write/{form}/review", get(forms::review).post(forms::sign))
        .route("/write/{form}", get(forms::edit).post(forms::save).layer(DefaultBodyLimit::max(WRITING_BYTES_MAX)))
        .route("/write/{form}/send", post(forms::send).layer(DefaultBodyLimit::max(SENDING_BYTES_MAX)))
        .route("/request/{id}", post(requests::act).layer(DefaultBodyLimit::max(WRITING_BYTES_MAX)))
        .route("/write", get(forms::list))
        .route("/plans/withdraw", post(forms::withdraw))
        .route("/pack", get(pack::show))
        .route("/at/{moment}", any(as_at::pages))
        .route("/at/{moment}/{*page}", any(as_at::pages))
        .route("/who-looked", get(person::who_looked).post(person::ask))
        .route("/objections", get(objections::show).post(objections::ask))
        .route("/why", get(why::show).post(why::give))
        .route("/report", get(identity::report::show).post(identity::report::report))
        .route("/line", get(teams::line::person))
        .route("/line/{story}", get(teams::line::show))
        .route("/stay/{story}", get(teams::stay::show).post(teams::stay::say));
    Router::new()
        .route("/", get(find::start))
        .route("/sign-in", get(sign_in::form).post(sign_in::sign_in))
        .route("/sign-in/with/{provider}", get(sign_in::provider::begin))
        .route("/sign-in/back/{provider}", get(sign_in::provider::back))
        .route("/sign-in/left/{provider}", post(sign_in::provider::left))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/account", get(sign_in::account::show))
        .route("/account/role", get(sign_in::account::roles).post(sign_in::account::choose))
        .route("/account/sign-out-everywhere", post(sign_in::account::everywhere))
        .route("/find", get(find::form).post(find::find))
        .route("/find/{id}", get(find::found))
        .route("/recent", get(find::recent))
        .route("/errors", get(desk::list))
        .route("/errors/resubmit", post(desk::resubmit_many))
        .route("/errors/{pos}", get(desk::show))
        .route("/errors/{pos}/resubmit", post(desk::resubmit))
        .route("/errors/{pos}/edit", post(desk::edit).layer(DefaultBodyLimit::max(EDIT_BYTES_MAX)))
        .route("/errors/{pos}/discard", post(desk::discard))
        .route("/census", get(census::show).post(census::compare).layer(DefaultBodyLimit::max(census::SHEET_BYTES_MAX)))
        .route("/deliveries", get(deliveries::show))
        .route("/deliveries/act", post(deliveries::act))
        .route("/identity", get(identity::queue::show))
        .route("/identity/start", get(identity::queue::start))
        .route("/identity/skip/{a}/{b}", get(identity::queue::skip))
        .route("/identity/pair/{a}/{b}", get(identity::pair::show).post(identity::decide::decide))
        .route("/identity/undo/{seq}", post(identity::decide::undo))
        .route("/identity/patient/{patient}", get(identity::decide::person_of))
        .route("/identity/person/{person}", get(identity::person::show))
        .route("/identity/person/{person}/split", post(identity::person::split))
        .route("/me", get(person::me))
        .route("/admin", get(admin::show))
        .route("/admin/sign-out", post(admin::sign_out))
        .route("/privacy", get(privacy::desk))
        .route("/privacy/entry/{n}", get(privacy::entry).post(privacy::settle))
        .route("/privacy/entry/{n}/shown", get(privacy::shown))
        .route("/privacy/person/{person}", get(privacy::person))
        .route("/privacy/person/{person}/objection", post(privacy::object))
        .route("/requests", get(requests::list))
        .route("/requests/live", get(requests::follow))
        .route("/teams", get(teams::show))
        .route("/teams/{id}", get(teams::inbox::show))
        .route("/teams/{id}/live", get(teams::live::live))
        .route("/teams/{id}/act", post(teams::act::act))
        .route("/teams/{id}/rules", get(teams::rules::show).post(teams::rules::change))
        .route("/caseloads/new", get(teams::lists::form))
        .route("/caseloads/rule", post(teams::lists::by_rule))
        .route(
            "/caseloads/upload",
            post(teams::lists::upload).layer(DefaultBodyLimit::max(teams::lists::SHEET_BYTES_MAX)),
        )
        .route("/caseloads/{id}", get(teams::window::show).post(teams::window::narrow))
        .route("/caseloads/{id}/live", get(teams::live::list))
        .route("/caseloads/{id}/file", get(teams::window::file))
        .route("/caseloads/{id}/board", get(teams::board::show))
        .route("/caseloads/{id}/people", post(teams::lists::people))
        .route("/feeds", get(feeds::show))
        .route("/status", get(status::show))
        .route("/status/progress", get(status::progress))
        .route("/assets/{hash}/{name}", get(assets::serve))
        .route("/favicon.ico", get(|| async { Redirect::permanent(assets::address("icon.svg")) }))
        .nest("/record/{person}", record)
        .fallback(|| async { PageError::NotFound })
        .method_not_allowed_fallback(|| async { PageError::NotThisWay })
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(axum::middleware::map_response(crate::error::as_page))
        .with_state(state)
}

/// What stands around every page.
pub struct Chrome {
    /// The region's name.
    pub region: String,
    /// Whether this is the demonstration.
    pub demo: bool,
    /// Who is signed in.
    pub who: Option<Arc<User>>,
    /// The token of this session's forms.
    pub form_token: String,
    /// How many roles there are to change between.
    roles: usize,
    here: Here,
    desks: Desks,
    /// Notices that were passed on to the reader.
    passed_on: u64,
    /// Since when, and why, what is shown may be old.
    behind: Vec<String>,
    /// Who is told nothing at present, and since when.
    undelivered: Vec<String>,
}

/// Which desks the reader may work at. The gate decides when one is opened; this only saves dead links.
#[derive(Clone, Copy, Debug, Default)]
struct Desks {
    errors: bool,
    identity: bool,
    privacy: bool,
    admin: bool,
    find: bool,
    own: bool,
    teams: bool,
}

impl Desks {
    fn of(site: &Site, user: &User) -> Self {
        let may = |desk| site.gate.may(user, desk);
        Desks {
            errors: may(Desk::Errors),
            identity: may(Desk::WhoIsWho),
            privacy: may(Desk::Privacy),
            admin: may(Desk::Administer),
            find: may(Desk::Find),
            own: user.kind == UserKind::Person,
            teams: site.notices.is_some() && may(Desk::Worklist),
        }
    }
}

/// Which of the site's own pages this is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Here {
    /// Finding a person.
    Find,
    /// The error desk.
    Desk,
    /// Who is who.
    Identity,
    /// Who looked.
    Privacy,
    /// Who may use the region.
    Admin,
    /// Teams, their inboxes and caseloads.
    Teams,
    /// What organisations ask of each other.
    Requests,
    /// Another page of what teams are told.
    Told,
    /// The status page.
    Status,
    /// A record, or none of these.
    Elsewhere,
}

impl Chrome {
    /// Around a page of somebody signed in.
    pub fn new(site: &Site, who: &SignedIn, here: Here) -> Self {
        let desks = Desks::of(site, &who.user);
        Chrome {
            region: site.region_name.clone(),
            demo: site.demo.is_some(),
            who: Some(Arc::clone(&who.user)),
            form_token: who.form_token.clone(),
            roles: who.roles,
            here,
            passed_on: if desks.teams { passed_on(site, &who.user) } else { 0 },
            behind: standing::not_up_to_date(site, desks.own, here),
            undelivered: if desks.errors { standing::undelivered(site, here) } else { Vec::new() },
            desks,
        }
    }

    /// Around a page nobody needs to be signed in for.
    pub fn outside(site: &Site) -> Self {
        Chrome {
            region: site.region_name.clone(),
            demo: site.demo.is_some(),
            who: None,
            form_token: String::new(),
            roles: 0,
            here: Here::Elsewhere,
            desks: Desks::default(),
            passed_on: 0,
            behind: Vec::new(),
            undelivered: Vec::new(),
        }
    }

    /// The links of the bar: address, words, whether it is this page.
    pub fn links(&self) -> Vec<(&'static str, String, bool)> {
        let mut links: Vec<(&'static str, String, bool)> = Vec::new();
        if self.desks.errors {
            links.push(("/errors", "Error desk".into(), self.here == Here::Desk));
        }
        if self.desks.admin {
            links.push(("/admin", "Who may".into(), self.here == Here::Admin));
        }
        if self.desks.identity {
            links.push(("/identity", "Who is who".into(), self.here == Here::Identity));
        }
        if self.desks.privacy {
            links.push(("/privacy", "Who looked".into(), self.here == Here::Privacy));
        }
        if self.desks.own {
            links.push(("/me", "My record".into(), self.here == Here::Find));
        }
        if self.desks.find {
            links.push((self.find(), "Find a person".into(), self.here == Here::Find));
        }
        if self.desks.teams {
            let words = match self.passed_on {
                0 => "Teams".to_owned(),
                passed_on => format!("Teams ({passed_on} passed on)"),
            };
            links.push(("/teams", words, self.here == Here::Teams));
            links.push(("/requests", "Requests".into(), self.here == Here::Requests));
        }
        // How feeds and the journal stand says nothing to the public: their record's own pages tell how fresh it is.
        if !self.desks.own {
            links.push(("/status", "Status".into(), self.here == Here::Status));
        }
        links
    }

    /// Whether there is another role to change to.
    pub fn can_change_role(&self) -> bool {
        self.roles > 1
    }

    /// The address of a person for this reader.
    pub fn person(&self, key: &str) -> String {
        match self.desks {
            Desks { identity: true, .. } => format!("/identity/person/{key}"),
            Desks { privacy: true, .. } => format!("/privacy/person/{key}"),
            _ => format!("/record/{key}"),
        }
    }

    /// The address of the search.
    pub fn find(&self) -> &'static str {
        if self.desks.identity || self.desks.privacy { "/find" } else { "/" }
    }

    /// The address of an asset.
    pub fn asset(&self, name: &str) -> &'static str {
        assets::address(name)
    }
}

/// How many notices were passed on to somebody of this role, in their organisation's teams.
fn passed_on(site: &Site, user: &User) -> u64 {
    let count = || -> Result<u64, notify::Failure> {
        let Some(notices) = &site.notices else { return Ok(0) };
        let mut count = 0;
        for team in notices.teams_of(&user.org_code)? {
            let role = &team.rules.escalate_role;
            if role.is_empty() || user.role_code.ends_with(role.as_str()) {
                count += notices.waiting(team.id, site.now())?.1;
            }
        }
        Ok(count)
    };
    count().unwrap_or_else(|failure| {
        tracing::error!(%failure, "what was passed on cannot be counted");
        0
    })
}

/// A user's first page.
pub fn first_page(site: &Site, user: &User) -> String {
    let desks = Desks::of(site, user);
    match desks {
        Desks { own: true, .. } => "/me".into(),
        Desks { errors: true, .. } => "/errors".into(),
        Desks { identity: true, .. } => "/identity".into(),
        Desks { privacy: true, .. } => "/privacy".into(),
        _ => "/".into(),
    }
}

/// A filled template as an answer.
pub fn html(page: &impl Template) -> Result<Html<String>, PageError> {
    let _span = tracing::info_span!(target: "skein::span", "render").entered();
    Ok(Html(page.render()?))
}

/// A whole number with its thousands apart: `12,345`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    #[test]
    fn thousands_are_grouped() {
        assert_eq!(super::thousands(7), "7");
        assert_eq!(super::thousands(1_234_567), "1,234,567");
        assert_eq!(super::thousands(123_456), "123,456");
    }
}
