//! Opening a record, and what stands around each of its pages: banner, menu, freshness of the sources.

mod asked;

use crate::{
    error::PageError,
    sources,
    state::{AppState, Site, base},
};
use access::{Action, Permit, Sealed, User};
use axum::response::Html;
use fhir::{PersonKey, ResourceType};
use jiff::Timestamp;
use record::{
    Filter, Item, ParsedItem, Records, StoreError, Stretch, Unread, WithVersions,
    banner::{Banner, banner},
    explain::{Explanation, Withheld, explain},
    freshness::{Freshness, SourceState, Verdict, freshness_told},
    sections::{SectionKind, allergies::Area},
    summary::contributing,
    voice::Voice,
    when,
};
use std::{collections::BTreeMap, sync::Arc};

/// The types the banner is made of.
pub const BANNER_KINDS: [ResourceType; 3] =
    [ResourceType::Patient, ResourceType::AllergyIntolerance, ResourceType::List];

/// An opened record.
pub struct Opened {
    /// Its items, as far as the page needs them.
    pub items: Vec<ParsedItem>,
    /// How each source of the region stands.
    pub states: Vec<SourceState>,
    /// What this reader may not see, of what the page reads.
    pub withheld: Vec<Withheld>,
    /// What stands around the page.
    pub frame: Frame,
    /// What it was opened by.
    pub permit: Permit,
}

impl Opened {
    /// Why a section has nothing from some sources.
    pub fn missing(&self, section: SectionKind) -> Explanation {
        explain(section, &self.states, &contributing(section, &self.items), &self.withheld, self.frame.now)
    }
}

/// What stands around a page of a record.
pub struct Frame {
    /// The page's name.
    pub title: String,
    /// Whose record.
    pub person: PersonKey,
    /// The patient banner.
    pub banner: Banner,
    /// The banner's allergy area, ready to show.
    pub allergy: AllergyBox,
    /// The menu.
    pub menu: Vec<MenuEntry>,
    /// The freshness strip.
    pub strip: Strip,
    /// The `seq` the record is read at.
    pub seq: String,
    /// The time it is read at.
    pub at_text: String,
    /// How many of its patients have a message waiting on the error desk.
    pub waiting: usize,
    /// What this reader may not see, a line each.
    pub withheld: Vec<String>,
    /// Until when the glass stays broken, and for how many minutes still.
    pub glass: Option<(String, i64)>,
    /// Whether the reader opened it for a reason of their own.
    pub claimed: bool,
    /// Whether it is the reader's own record.
    pub own: bool,
    /// In whose words the page speaks.
    pub voice: Voice,
    /// Of a record shown as it stood: when that was.
    pub then: Option<String>,
    /// Of a very long record: what is not on the page.
    pub long: Option<Long>,
    base: String,
    now: Timestamp,
}

/// An entry of the menu.
pub struct MenuEntry {
    /// Where it leads.
    pub href: String,
    /// Its words.
    pub title: &'static str,
    /// Whether it is the page shown.
    pub here: bool,
}

/// The freshness strip.
pub struct Strip {
    /// Class suffix.
    pub class: &'static str,
    /// In one line.
    pub headline: String,
    /// Sources a reader must know about.
    pub attention: Vec<Freshness>,
    /// All of them.
    pub all: Vec<Freshness>,
}

/// The banner's allergy area.
pub struct AllergyBox {
    /// Class suffix.
    pub class: &'static str,
    /// The first words.
    pub lead: String,
    /// Known allergies, and whether each is rated high risk.
    pub names: Vec<(String, bool)>,
    /// What follows.
    pub rest: String,
    /// Whether sources contradict each other.
    pub conflict: bool,
}

/// Allergies named in the banner; the page has them all.
const BANNER_ALLERGIES_MAX: usize = 4;

/// Which page of a record is opened.
#[derive(Clone)]
pub struct Page {
    /// Its heading, in words of ours.
    pub title: String,
    /// The section it belongs to, for the menu.
    pub section: Option<SectionKind>,
    /// Its name in the audit trail.
    pub audit: String,
}

impl Page {
    /// The page of a section.
    pub fn of(section: SectionKind) -> Self {
        Page { title: section.title().to_owned(), section: Some(section), audit: section.slug().to_owned() }
    }

    /// A page below a section's.
    pub fn within(section: SectionKind, title: impl Into<String>, audit: impl Into<String>) -> Self {
        Page { title: title.into(), section: Some(section), audit: audit.into() }
    }
}

/// The key in an address. Anything else is no page.
pub fn person(text: &str) -> Result<PersonKey, PageError> {
    text.parse().map_err(|_| PageError::NotFound)
}

/// Open a record for a page: ask the gate, read what the page needs, build it, and hand it out when the audit entry is
/// on disk. `kinds` empty: everything.
pub async fn open<T, F>(
    state: &AppState,
    user: &Arc<User>,
    person: PersonKey,
    page: Page,
    kinds: Vec<ResourceType>,
    build: F,
) -> Result<T, PageError>
where
    T: Comparable + Send + 'static,
    F: FnOnce(Opened) -> Result<T, PageError> + Send + 'static,
{
    let stretch = Some(stretch(user));
    let read = move |records: &Records, permit: &Permit| {
        records.read_with_versions(permit, &Filter { kinds, stretch, ..Filter::default() }, |_| Vec::new())
    };
    open_reading(state, user, person, page, read, |opened, _| build(opened)).await
}

/// As [`open`], for a page that says itself what it reads: the record's items, and beside them earlier versions.
pub async fn open_reading<T, R, F>(
    state: &AppState,
    user: &Arc<User>,
    person: PersonKey,
    page: Page,
    read: R,
    build: F,
) -> Result<T, PageError>
where
    T: Comparable + Send + 'static,
    R: FnOnce(&Records, &Permit) -> Result<Sealed<WithVersions>, StoreError> + Send + 'static,
    F: FnOnce(Opened, Vec<Item>) -> Result<T, PageError> + Send + 'static,
{
    let (site, user) = (state.clone(), Arc::clone(user));
    let work = move || {
        let now = site.page_time();
        let permit = site.open_record(&user, person, &Action::OpenPage { page: page.audit.clone() })?;
        let sealed = read(&site.records, &permit)?;
        let states = states(&site, &permit)?;
        let waiting = site.records.waiting(&permit)?.len();
        Ok::<_, PageError>(sealed.map(|read| {
            let mut opened = opened(&read.items, states, page, &permit, waiting, now)?;
            opened.frame.long = Long::of(&user.via.page, read.unread);
            build(opened, read.versions)
        }))
    };
    let sealed = crate::blocking::spawn(work).await.map_err(|error| PageError::Fault(error.to_string()))??;
    sealed.release_as(|page| page.as_ref().ok().and_then(Comparable::hash)).await?
}

/// Which part of a very long record the page that was asked for is about: `before=`, in seconds since 1970, and the entry
/// that its path names.
pub fn stretch(user: &User) -> Stretch {
    let (path, query) = user.via.page.split_once('?').unwrap_or((&user.via.page, ""));
    let before = query.split('&').find_map(|part| part.strip_prefix("before="));
    Stretch {
        before: before.and_then(|seconds| Timestamp::from_second(seconds.parse().ok()?).ok()),
        with: path.rsplit('/').find_map(|part| part.parse().ok()),
    }
}

/// What is said of a very long record, that a page shows a part of.
pub struct Long {
    /// How many earlier entries there are, and before when; with the address that shows them.
    pub earlier: Option<(String, String, String)>,
    /// How many later ones, and the address without them left out.
    pub later: Option<(String, String)>,
}

impl Long {
    fn of(page: &str, unread: Unread) -> Option<Self> {
        if unread.is_nothing() {
            return None;
        }
        let (path, query) = page.split_once('?').unwrap_or((page, ""));
        let rest = query.split('&').filter(|part| !part.is_empty() && !part.starts_with("before="));
        let rest: Vec<&str> = rest.collect();
        let with = |more: Option<String>| {
            let parts: Vec<&str> = rest.iter().copied().chain(more.as_deref()).collect();
            if parts.is_empty() { path.to_owned() } else { format!("{path}?{}", parts.join("&")) }
        };
        // Just after it, so that it is among what is shown then.
        let earlier = unread.newest.map(|newest| {
            let before = format!("before={}", newest.as_second().saturating_add(1));
            (super::thousands(unread.earlier as u64), when::date_time(newest), with(Some(before)))
        });
        let later = (unread.later > 0).then(|| (super::thousands(unread.later as u64), with(None)));
        Some(Long { earlier, later })
    }
}

/// How the sources stand, seen from a record.
pub fn states(site: &Site, permit: &Permit) -> Result<Vec<SourceState>, StoreError> {
    let knows: Vec<String> = site.records.patient_sources(permit)?.into_iter().map(|(_, source)| source).collect();
    match permit.since() {
        Some(_) => sources::states_of(site, &site.records.as_at(permit.seq()), &knows),
        None => sources::states(site, &knows),
    }
}

/// Parse items and make the frame.
pub fn opened(
    items: &[Item],
    states: Vec<SourceState>,
    page: Page,
    permit: &Permit,
    waiting: usize,
    now: Timestamp,
) -> Result<Opened, PageError> {
    let parsed: Result<Vec<ParsedItem>, StoreError> =
        items.iter().map(|item| ParsedItem::of(item, |id| sources::info(&states, id))).collect();
    let items = parsed?;
    let withheld = withheld(permit);
    let own = permit.sight().access().own;
    // Here, and nowhere else, it is chosen in whose words a page of a record speaks.
    let voice = Voice::of(own);
    let since = permit.since();
    let base = base(permit.person(), since.map(|since| since.then));
    let missing =
        explain(SectionKind::Allergies, &states, &contributing(SectionKind::Allergies, &items), &withheld, now);
    let banner = banner(&items, &missing, now);
    let frame = Frame {
        title: voice.says(&page.title).to_owned(),
        person: permit.person(),
        allergy: allergy_box(&banner.allergies, voice),
        banner,
        menu: menu(&base, permit.person(), &page, voice),
        then: since.map(|since| when::date_time(since.then)),
        long: None,
        base,
        strip: strip(&states, voice, now),
        seq: super::thousands(permit.seq()),
        at_text: when::date_time(now),
        waiting,
        withheld: withheld_lines(permit, &states, voice),
        glass: glass(permit, since.map_or(now, |since| since.asked)),
        claimed: !permit.sight().access().claimed.is_empty() && !permit.sight().access().glass,
        own,
        voice,
        now,
    };
    Ok(Opened { items, states, withheld, frame, permit: permit.clone() })
}

/// What is withheld, as the reasons for something missing know it.
pub fn withheld(permit: &Permit) -> Vec<Withheld> {
    let held = permit.sight().withheld().into_iter();
    held.map(|held| Withheld {
        source: Some(held.source),
        kinds: held.kind.parse().into_iter().collect(),
        why: Some(held.because).filter(|why| !why.is_empty()),
    })
    .collect()
}

/// The same in lines: `3 entries of Aldermere General Hospital: sensitive …`.
fn withheld_lines(permit: &Permit, states: &[SourceState], voice: Voice) -> Vec<String> {
    let mut lines: BTreeMap<(String, String), u32> = BTreeMap::new();
    for held in permit.sight().withheld() {
        let source = sources::info(states, &held.source).name.clone();
        *lines.entry((source, held.because)).or_default() += held.count;
    }
    let line = |((source, because), count): ((String, String), u32)| {
        let entries = if count == 1 { "entry" } else { "entries" };
        let (of, because) = (if voice.is_person() { "from" } else { "of" }, voice.says(&because));
        format!("{count} {entries} {of} {source}: {because}")
    };
    lines.into_iter().map(line).collect()
}

fn glass(permit: &Permit, now: Timestamp) -> Option<(String, i64)> {
    let until = permit.sight().glass_until()?;
    let seconds = until.duration_since(now).as_secs().max(0);
    Some((when::time_or_date(until, now), (seconds + 59) / 60))
}

/// What of an answer can be compared when it is made again.
pub trait Comparable {
    /// Its hash.
    fn hash(&self) -> Option<[u8; 32]>;
}

impl Comparable for Html<String> {
    /// Of the page between its head and its foot: what is the record's. The reader's own menu, form tokens and addresses of
    /// stylesheets are not.
    fn hash(&self) -> Option<[u8; 32]> {
        let html = &self.0;
        // A line of a list begins where it is marked, and what is the record's of a page may end before the page does.
        let begins = ["<!--line-->", "<section class=\"banner", "<main"];
        let start = begins.into_iter().find_map(|mark| html.find(mark))?;
        let end = html.find("<!--/line-->").or_else(|| html.find("</main>"))?;
        let shown = html.get(start..end)?;
        let mut hasher = blake3::Hasher::new();
        let token = "name=\"form_token\" value=\"";
        for (index, part) in shown.split(token).enumerate() {
            let own = if index == 0 { Some(part) } else { part.split_once('"').map(|(_, rest)| rest) };
            hasher.update(own.unwrap_or_default().as_bytes());
        }
        Some(*hasher.finalize().as_bytes())
    }
}

fn menu(base: &str, person: PersonKey, page: &Page, voice: Voice) -> Vec<MenuEntry> {
    let entry = |section: SectionKind| MenuEntry {
        href: match section {
            SectionKind::Summary => base.to_owned(),
            other => format!("{base}/{}", other.slug()),
        },
        title: voice.says(section.title()),
        here: page.section == Some(section),
    };
    let more = [
        ("headings", base.to_owned(), "All headings"),
        ("timeline", base.to_owned(), "Timeline"),
        ("as-at", format!("/record/{person}"), "As it stood on a day"),
    ];
    let more = more.map(|(slug, base, title)| MenuEntry {
        href: format!("{base}/{slug}"),
        title: voice.says(title),
        here: page.section.is_none() && page.audit.split(' ').next() == Some(slug),
    });
    SectionKind::ALL.into_iter().map(entry).chain(more).collect()
}

fn strip(states: &[SourceState], voice: Voice, now: Timestamp) -> Strip {
    let all: Vec<Freshness> = freshness_told(states, voice, now).into_iter().filter(|one| one.knows_person).collect();
    let attention: Vec<Freshness> = all.iter().filter(|one| one.verdict.needs_attention()).cloned().collect();
    let loading = !all.is_empty() && all.iter().all(|one| one.verdict == Verdict::Loading);
    let class = if attention.is_empty() { "" } else { " strip--attention" };
    let total = all.len();
    let sources = if total == 1 { "source" } else { "sources" };
    let headline = if voice.is_person() {
        let services = if total == 1 { "service" } else { "services" };
        match (loading, attention.len()) {
            (true, _) => "Your record is still being put together: entries may be missing".into(),
            (_, 0) => format!("Up to date from {total} {services}"),
            (_, late) => format!("Up to date from {} of {total} {services}", total - late),
        }
    } else if loading {
        "The region’s history is still being loaded: entries may be missing".into()
    } else if attention.is_empty() {
        match total {
            1 => "The 1 source of this record is as fresh as usual".to_owned(),
            _ => format!("All {total} {sources} of this record are as fresh as usual"),
        }
    } else {
        format!("{} of {total} {sources} as fresh as usual", total - attention.len())
    };
    Strip { class, headline, attention: if loading { Vec::new() } else { attention }, all }
}

fn allergy_box(area: &Area, voice: Voice) -> AllergyBox {
    let blank = AllergyBox { class: "", lead: String::new(), names: Vec::new(), rest: String::new(), conflict: false };
    match area {
        Area::Known { names, conflict } => {
            let more = names.len().saturating_sub(BANNER_ALLERGIES_MAX);
            AllergyBox {
                class: "known",
                lead: "Allergies:".into(),
                names: names.iter().take(BANNER_ALLERGIES_MAX).cloned().collect(),
                rest: if more > 0 { format!(" and {more} more") } else { String::new() },
                conflict: *conflict,
            }
        }
        Area::NoneKnown(stated) => {
            let first = stated.iter().find(|stated| stated.any_kind).or(stated.first());
            let says = if voice.is_person() { "said" } else { "stated" };
            let rest = first.map(|first| {
                let when = first.when.as_ref().map(|when| format!(" on {}", when.day_text())).unwrap_or_default();
                format!(", {says} by {}{when}", first.origin.source.name)
            });
            AllergyBox {
                class: "none",
                lead: first.map(|first| first.text.clone()).unwrap_or_default(),
                rest: rest.unwrap_or_default(),
                ..blank
            }
        }
        Area::NotRecorded => {
            let lead = match voice {
                Voice::Staff => "Allergies not recorded",
                Voice::Person => "Your record does not say whether you have allergies",
            };
            AllergyBox { class: "unrecorded", lead: lead.into(), ..blank }
        }
        Area::Unavailable(why) => {
            let lead = match voice {
                Voice::Staff => "Allergies unavailable:",
                Voice::Person => "Your allergies cannot be shown:",
            };
            AllergyBox { class: "unavailable", lead: lead.into(), rest: format!(" {}", voice.says(why)), ..blank }
        }
    }
}
