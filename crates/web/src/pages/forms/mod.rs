//! Writing plans and what people say of themselves: forms filled in, kept as drafts, signed. One set of pages for every form
//! there is; what a form asks and makes is data (`forms`), and what is signed goes one way (`super::write`).

mod attached;
mod edit;
mod list;
mod send;
mod sign;
mod view;
mod withdraw;

pub use edit::{save, show as edit};
pub use list::show as list;
pub use send::send;
pub use sign::{act as sign, show as review};
pub use withdraw::withdraw;

use super::{
    frame::{self, Frame, Opened, Page},
    section::kinds,
};
use crate::{error::PageError, session::SignedIn, state::AppState};
use access::{Action, Permit};
use fhir::{PersonKey, ResourceType};
use forms::{Answers, Choice, Form, Former};
use intake::Expected;
use record::{
    Draft, Filter, ParsedItem, WRITTEN_HERE,
    sections::{
        SectionKind,
        documents::{self, Letter},
        plans::{self, Plan, Plans},
        requests,
    },
};
use std::{collections::HashMap, sync::Arc};

/// The system of ODS codes (UK Core).
const ODS: &str = "https://fhir.nhs.uk/Id/ods-organization-code";
/// A form's fields stand in the request under their name with this before it, apart from the page's own.
const FIELD: &str = "a.";

/// A record opened to write in it.
struct Desk {
    frame: Frame,
    items: Vec<ParsedItem>,
    plans: Plans,
    drafts: Vec<Draft>,
    permit: Permit,
}

/// Read what is needed to write with a form, under a permit that is at hand.
async fn gather(state: &AppState, permit: Permit, title: &str, form: Option<&Form>) -> Result<Desk, PageError> {
    let asks = form.is_some_and(|form| form.request.is_some());
    let section = if asks { SectionKind::Referrals } else { SectionKind::Plans };
    let (site, page) = (state.clone(), Page::within(section, title, "write"));
    let drafts = state.drafts()?.clone();
    let mut wanted = kinds(SectionKind::Plans);
    if asks {
        wanted.extend(SectionKind::Letters.kinds());
    }
    let work = move || {
        let now = site.now();
        let states = frame::states(&site, &permit)?;
        let waiting = site.records.waiting(&permit)?.len();
        let sealed = site.records.read(&permit, &Filter { kinds: wanted, ..Filter::default() })?;
        let opened = sealed.map(|items| frame::opened(&items, states, page, &permit, waiting, now));
        let drafts = drafts.of(&permit)?;
        Ok::<_, PageError>((opened, drafts, permit, now))
    };
    let work = crate::blocking::spawn(work).await.map_err(|error| PageError::Fault(error.to_string()))?;
    let (opened, drafts, permit, now) = work?;
    let (opened, drafts) = (opened.release().await??, drafts.release().await?);
    let Opened { items, frame, .. } = opened;
    let plans = plans::plans(&items, now);
    Ok(Desk { frame, items, plans, drafts, permit })
}

/// Open a record to look at forms and drafts.
async fn open(
    state: &AppState,
    who: &SignedIn,
    person: PersonKey,
    title: &str,
    form: Option<&Form>,
) -> Result<Desk, PageError> {
    let (site, user) = (state.clone(), Arc::clone(&who.user));
    let action = Action::OpenPage { page: "write".into() };
    let work = move || site.gate.open(&user, person, &action, site.now());
    let permit = crate::blocking::spawn(work).await.map_err(|error| PageError::Fault(error.to_string()))??;
    gather(state, permit, title, form).await
}

/// Letters and results that are offered to go along with a request.
const ALONG_MAX: usize = 40;

/// A form with the answers to choose from that are not in it: the region's organisations, and what the record holds.
fn filled(state: &AppState, desk: &Desk, form: &Form) -> Result<Form, PageError> {
    if form.request.is_none() {
        return Ok(form.clone());
    }
    let known = state.gate.organisations().map_err(|error| PageError::Fault(error.to_string()))?;
    let mut organisations: Vec<Choice> = known
        .into_iter()
        .map(|known| Choice {
            system: ODS.into(),
            display: if known.name.is_empty() { known.code.clone() } else { known.name },
            code: known.code,
            plain: false,
        })
        .collect();
    organisations.sort_by(|a, b| a.display.cmp(&b.display));
    let along = requests::may_go_along(&desk.items, ALONG_MAX);
    let along: Vec<Choice> =
        along.into_iter().map(|(code, display)| Choice { code, display, ..Choice::default() }).collect();
    Ok(form.filled(&organisations, &along))
}

/// The form of this name, for somebody whom the policies let write it. The gate asks again when something is written.
fn form_for(state: &AppState, desk: &Desk, name: &str) -> Result<Form, PageError> {
    let form = state.forms.named(name).ok_or(PageError::NotFound)?;
    if !desk.permit.sight().may_write(&form.writes) {
        let sentence = "Your role does not write this here, or nothing that your organisation’s systems sent says that it \
                        looks after this person.";
        return Err(PageError::Forbidden(sentence.into()));
    }
    filled(state, desk, form)
}

impl Desk {
    /// The plans in force that a form's next version stands in the place of, newest first.
    fn current(&self, form: &Form) -> Vec<&Plan> {
        let of_kind = |plan: &&Plan| match &form.plan {
            Some(kind) => plan.codes.contains(&kind.code),
            None => plan.form.as_deref().is_some_and(|url| is_form(form, url)),
        };
        let all = match form.plan {
            Some(_) => &self.plans.current,
            None => &self.plans.about_me,
        };
        // What the person signed of a plan is still a plan.
        let also = if form.plan.is_some() { self.plans.about_me.as_slice() } else { &[] };
        all.iter().chain(also).filter(of_kind).collect()
    }

    /// Plans of the form's type that came as documents: signing changes nothing of them.
    fn documents(&self, form: &Form) -> Vec<&Letter> {
        let Some(kind) = &form.plan else { return Vec::new() };
        let codes = [kind.code.as_str()];
        self.plans.documents.iter().filter(|letter| documents::is_one_of(letter, &codes)).collect()
    }

    fn item(&self, kind: ResourceType, id: fhir::ResourceId) -> Option<&ParsedItem> {
        self.items.iter().find(|item| item.kind() == kind && item.id == id)
    }

    /// The same as resources, with the answers they are made of.
    fn formers(&self, form: &Form) -> Vec<Former> {
        let parts = self.current(form).into_iter().flat_map(|plan| plan.made_of.iter());
        let formers = parts.filter_map(|(kind, id, version)| {
            let item = self.item(*kind, *id)?;
            let written = item.source.id == WRITTEN_HERE;
            // The answers of a source's plan go with the plan.
            Some(Former { id: *id, version: *version, written, resource: item.resource.clone() })
        });
        formers.collect()
    }

    /// What is current, as a draft remembers what it began from.
    fn base(&self, form: &Form) -> Vec<String> {
        let main = |plan: &&Plan| plan.made_of.first().map(|(kind, id, version)| format!("{kind}/{id}@{version}"));
        let mut base: Vec<String> = self.current(form).iter().filter_map(main).collect();
        base.sort();
        base
    }

    /// What the newest of them answers, to begin the next version from.
    fn answers(&self, form: &Form) -> Answers {
        let parts = self.current(form).into_iter().flat_map(|plan| plan.made_of.iter());
        let answers = parts.filter(|(kind, ..)| *kind == ResourceType::QuestionnaireResponse);
        let found = answers.filter_map(|(kind, id, _)| self.item(*kind, *id)).next();
        found.map(|item| forms::answers_of(form, &item.resource)).unwrap_or_default()
    }

    fn draft(&self, id: &str, form: &Form) -> Option<&Draft> {
        self.drafts.iter().find(|draft| draft.id == id && draft.form == form.name)
    }
}

/// Whether a canonical address means this form: it does, or another system calls its own by the same name.
fn is_form(form: &Form, url: &str) -> bool {
    url == form.url || url.rsplit(['/', ':']).next() == Some(form.name.as_str())
}

fn expects(formers: &[Former]) -> Vec<Expected> {
    formers.iter().map(|former| Expected { reference: former.reference(), version: former.version }).collect()
}

/// What a page sent: its own fields, and those of the form.
struct Sent {
    own: HashMap<String, String>,
    answers: Answers,
}

impl Sent {
    fn read(pairs: Vec<(String, String)>, form: &Form) -> Self {
        let fields = form.fields();
        let mut sent = Sent { own: HashMap::new(), answers: Answers::new() };
        for (name, value) in pairs {
            match name.strip_prefix(FIELD) {
                Some(field) if fields.iter().any(|known| known == field) => {
                    sent.answers.entry(field.to_owned()).or_default().push(value);
                }
                Some(_) => {}
                None => {
                    sent.own.insert(name, value);
                }
            }
        }
        sent
    }

    fn own(&self, name: &str) -> &str {
        self.own.get(name).map_or("", String::as_str)
    }

    /// That the form is of this session, and was opened for this person: with two people open in two tabs, neither is written
    /// in the other's record.
    fn check(&self, who: &SignedIn, person: PersonKey) -> Result<(), PageError> {
        who.check(self.own("form_token"))?;
        if self.own("person") != person.to_string() {
            let sentence = "This form was opened for another person than the record it was sent to. Nothing was written. Go \
                            back and look whose name stands at the top of the page.";
            return Err(PageError::Bad(sentence.into()));
        }
        Ok(())
    }
}

fn address(person: PersonKey, form: &Form, rest: &str, draft: &str) -> String {
    format!("/record/{person}/write/{}{rest}?draft={draft}", form.name)
}
