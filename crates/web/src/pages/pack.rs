//! The printed pack: what an ambulance crew, a ward or a carer takes along on two sheets. The same facts as on the screen, made by
//! the same functions, with where they come from and what may be missing.

use super::{
    Chrome, Here,
    frame::{self, Frame, Page},
    html,
    summary::{kinds, lacking},
};
use crate::{error::PageError, session::SignedIn, state::AppState};
use askama::Template;
use axum::{
    extract::{Path, State},
    response::Html,
};
use record::{
    explain::Explanation,
    sections::{Line, Section, SectionKind, allergies, medicines, problems},
    summary::{Summary, summary},
};

/// Lines of one list on paper; the rest is counted.
const LINES_MAX: usize = 26;

#[derive(Template)]
#[template(path = "pack.html")]
struct PackPage {
    chrome: Chrome,
    frame: Frame,
    summary: Summary,
    allergies: Section,
    allergies_missing: Explanation,
    medicines: Vec<Line>,
    problems: Vec<Line>,
    printed_by: String,
}

impl PackPage {
    fn missing(&self, what: &Explanation) -> Option<String> {
        lacking(what, self.frame.voice)
    }

    fn on_paper<'a>(&self, lines: &'a [Line]) -> (&'a [Line], usize) {
        let shown = lines.get(..LINES_MAX).unwrap_or(lines);
        (shown, lines.len() - shown.len())
    }

    fn fact<'a>(&self, line: &'a Line, label: &str) -> &'a str {
        line.first.facts.iter().find(|fact| fact.label == label).map_or("", |fact| fact.text.as_str())
    }
}

/// `GET /record/{person}/pack`.
pub async fn show(
    State(state): State<AppState>,
    who: SignedIn,
    Path(person): Path<String>,
) -> Result<Html<String>, PageError> {
    let person = frame::person(&person)?;
    let chrome = Chrome::new(&state, &who, Here::Elsewhere);
    let organisation = if who.user.org_name.is_empty() { &who.user.org_code } else { &who.user.org_name };
    let printed_by = [who.user.name.as_str(), organisation];
    let printed_by = printed_by.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
    let page = Page::within(SectionKind::Summary, "Printed pack", "pack");
    frame::open(&state, &who.user, person, page, kinds(), move |opened| {
        let now = opened.frame.now();
        html(&PackPage {
            chrome,
            summary: summary(&opened.items, &opened.states, &opened.withheld, now),
            allergies_missing: opened.missing(SectionKind::Allergies),
            allergies: allergies::allergies(&opened.items),
            medicines: medicines::medicines(&opened.items, now).group(medicines::CURRENT).to_vec(),
            problems: problems::problems(&opened.items).group(problems::CURRENT).to_vec(),
            printed_by,
            frame: opened.frame,
        })
    })
    .await
}
