//! A resource taken apart into the pieces that age by themselves, and put together again in one order.

use crate::{
    change::EventTime,
    fold::{
        clock::{Clock, OLDEST},
        codec::{Reader, Writer},
        paths::{Path, of_member, of_nested},
        statement::{Op, Scope, Statement},
        visit::VisitState,
    },
    json::{Json, inside, items, members},
};
use std::borrow::Cow;

/// Members of a visit that are derived from its events, never folded by themselves.
const DERIVED: &[&str] = &["status", "period", "location"];
const NESTED: &[&str] = &["meta", "hospitalization"];
/// The class of a visit whose class nobody named yet: Encounter.class is required.
const UNKNOWN_CLASS: &str = r#"{"system":"http://terminology.hl7.org/CodeSystem/v3-NullFlavor","code":"UNK"}"#;

/// A piece: an element, or the part of a list that one field of the messages fills.
struct Piece<'t> {
    path: Path,
    part: u8,
    clock: Clock,
    value: Content<'t>,
}

/// JSON text, of the stored resource or of the news.
enum Content<'t> {
    /// Deleted at the piece's clock.
    Gone,
    /// A value that is no list.
    One(Cow<'t, str>),
    /// What stands between a list's brackets, or between where two parts of it meet.
    List(Cow<'t, str>),
    /// Several members: a choice of types, an element with its companion. Name and value.
    Group(Vec<(Cow<'t, str>, Cow<'t, str>)>),
    /// A list that only grows; each item with its place.
    Set(Vec<(u16, Cow<'t, str>)>),
}

/// Everything folded so far about one resource.
#[derive(Default)]
pub(crate) struct Pieces<'t> {
    list: Vec<Piece<'t>>,
    /// The clock of the newest whole statement: what it did not mention is gone as of then.
    whole: Option<Clock>,
    /// Real news has come; stubs no longer count.
    real: bool,
    /// Some elements came with a whole resource, of unknown age.
    has_foreign: bool,
    pub visit: Option<VisitState>,
}

const VERSION: u8 = 1;
const WHOLE: u8 = 1;
const REAL: u8 = 2;
const VISIT: u8 = 4;
const FOREIGN: u8 = 8;
const SET: u64 = 1;

/// One line of a state: how old a piece is, where that is not the resource's common clock.
struct Entry {
    path: Path,
    part: u8,
    clock: Clock,
    /// Items of a part of a list, 1 for anything else, 0 when gone.
    items: usize,
    places: Option<Vec<u16>>,
}

struct State {
    flags: u8,
    base: Clock,
    entries: Vec<Entry>,
    visit: Option<VisitState>,
}

impl<'t> Pieces<'t> {
    /// Take a stored resource apart. A state that cannot be read counts as none: its elements are then older than any
    /// news, as those of a resource that came whole. So does a text that is no object: it has no elements.
    pub fn take_apart(body: &'t str, state: &[u8]) -> Pieces<'t> {
        let state = if state.is_empty() { None } else { read_state(state) };
        let state = state.unwrap_or(State { flags: FOREIGN | REAL, base: OLDEST, entries: Vec::new(), visit: None });
        let mut pieces = Pieces {
            list: Vec::with_capacity(24),
            whole: (state.flags & WHOLE != 0).then_some(state.base),
            real: state.flags & REAL != 0,
            has_foreign: state.flags & FOREIGN != 0,
            visit: state.visit,
        };
        for (name, value) in members(body).unwrap_or_default() {
            match name {
                "resourceType" | "id" => {}
                name if NESTED.contains(&name) && value.starts_with('{') => {
                    for (inner, value) in members(value).unwrap_or_default() {
                        pieces.take(of_nested(name, inner), inner, value, &state.entries, state.base);
                    }
                }
                name if pieces.visit.is_some() && DERIVED.contains(&name) => {}
                "class" if pieces.visit.is_some() && value == UNKNOWN_CLASS => {}
                name => pieces.take(of_member(name), name, value, &state.entries, state.base),
            }
        }
        for entry in state.entries {
            if entry.items == 0 {
                let Entry { path, part, clock, .. } = entry;
                pieces.list.push(Piece { path, part, clock, value: Content::Gone });
            }
        }
        pieces
    }

    fn take(&mut self, path: Path, member: &'t str, value: &'t str, entries: &[Entry], base: Clock) {
        // Companions and choices gather under one path.
        if let Some(piece) = self.list.iter_mut().find(|p| p.path == path && !matches!(p.value, Content::Gone)) {
            let mut group = match std::mem::replace(&mut piece.value, Content::Gone) {
                Content::One(first) => vec![(Cow::Owned(path.name().to_owned()), first)],
                Content::List(first) => vec![(Cow::Owned(path.name().to_owned()), Cow::Owned(format!("[{first}]")))],
                Content::Group(group) => group,
                Content::Gone | Content::Set(_) => Vec::new(),
            };
            group.push((Cow::Borrowed(member), Cow::Borrowed(value)));
            piece.value = Content::Group(group);
            return;
        }
        let grouped = path.nested().1 != member;
        let single = || match inside(value) {
            _ if grouped => Content::Group(vec![(Cow::Borrowed(member), Cow::Borrowed(value))]),
            Some(inner) => Content::List(Cow::Borrowed(inner)),
            None => Content::One(Cow::Borrowed(value)),
        };
        let mut known = entries.iter().filter(|e| e.items > 0 && e.path == path);
        let Some(entry) = known.next() else {
            return self.list.push(Piece { path, part: 0, clock: base, value: single() });
        };
        let Some(second) = known.next() else {
            let set = entry.places.as_ref().zip(inside(value)).map(|(places, inner)| {
                let places = places.iter().copied().chain(std::iter::repeat(u16::MAX));
                Content::Set(places.zip(items(inner).map(Cow::Borrowed)).collect())
            });
            let value = set.unwrap_or_else(single);
            return self.list.push(Piece { path, part: entry.part, clock: entry.clock, value });
        };
        let parts = [entry, second].into_iter().chain(known);
        let Some(mut rest) = inside(value).filter(|_| !grouped) else {
            let clock = parts.map(|e| e.clock).max().unwrap_or(base);
            return self.list.push(Piece { path, part: 0, clock, value: single() });
        };
        let count = parts.clone().count();
        for (at, entry) in parts.enumerate() {
            let part = if at + 1 == count { std::mem::take(&mut rest) } else { cut(&mut rest, entry.items) };
            if !part.is_empty() {
                let value = Content::List(Cow::Borrowed(part));
                self.list.push(Piece { path: path.clone(), part: entry.part, clock: entry.clock, value });
            }
        }
    }

    /// Take a statement in.
    pub fn tell(&mut self, statement: &'t Statement, time: EventTime) {
        match statement.scope {
            Scope::Stub if self.real => return,
            Scope::Stub | Scope::Mark => {}
            Scope::Partial | Scope::Whole => {
                if !self.real {
                    self.list.retain(|p| p.clock.tier > 0);
                }
                self.real = true;
            }
        }
        let of_all = statement.clock(time);
        for write in &statement.writes {
            let tier = write.tier.filter(|_| statement.scope != Scope::Stub).unwrap_or(of_all.tier);
            let clock = Clock { tier, ..of_all };
            let path = Path::of(&write.path);
            if write.part != 0 && self.has_foreign && !path.name().ends_with("extension") {
                // A list that came whole, whose parts nobody knows, gives way to the first part that is told.
                self.list.retain(|p| !(p.path == path && p.part == 0 && p.clock == OLDEST));
            }
            let current = self.list.iter_mut().find(|p| p.part == write.part && p.path == path);
            match (&write.op, current) {
                (Op::Add(items), Some(piece)) => {
                    piece.clock = piece.clock.max(clock);
                    piece.value.add(items);
                }
                (op, Some(piece)) => {
                    if piece.clock < clock || piece.clock == clock && piece.value.yields_to(op) {
                        (piece.clock, piece.value) = (clock, Content::from(op));
                    }
                }
                (op, None) => {
                    if matches!(op, Op::Add(_)) || self.whole.is_none_or(|whole| whole <= clock) {
                        self.list.push(Piece { path, part: write.part, clock, value: Content::from(op) });
                    }
                }
            }
        }
        if statement.scope == Scope::Whole && self.whole.is_none_or(|w| w < of_all) {
            self.whole = Some(of_all);
            self.list.retain(|p| p.clock >= of_all || matches!(p.value, Content::Set(_)));
        }
    }

    /// The members of the resource, but for `resourceType` and `id`, as a JSON object; and the state. `derived` are the
    /// members of a visit that its events decide.
    pub fn put_together(mut self, derived: Vec<(&'static str, Json)>) -> (String, Vec<u8>) {
        if !derived.is_empty() {
            self.list.retain(|p| !DERIVED.contains(&p.path.name()));
        }
        self.list.sort_by(|a, b| (a.path.rank(), &a.path, a.part).cmp(&(b.path.rank(), &b.path, b.part)));
        let state = self.write_state();
        let class = Path::of("class");
        let unnamed =
            self.visit.is_some() && !self.list.iter().any(|p| p.path == class && !matches!(p.value, Content::Gone));
        let unknown = unnamed.then_some(("class", Cow::Borrowed(UNKNOWN_CLASS)));
        for (name, value) in derived.iter().map(|(n, v)| (*n, Cow::Owned(v.as_str().to_owned()))).chain(unknown) {
            let path = Path::of(name);
            let at = self.list.partition_point(|p| (p.path.rank(), &p.path) <= (path.rank(), &path));
            self.list.insert(at, Piece { path, part: 0, clock: OLDEST, value: Content::One(value) });
        }
        (self.write_body(), state)
    }

    /// Pieces are in order: those of one path, and those of one nested object, stand together.
    fn write_body(&self) -> String {
        let mut out = String::with_capacity(self.list.iter().map(|p| p.value.size() + 24).sum());
        out.push('{');
        let mut nested = "";
        let mut pieces = self.list.iter().filter(|p| !matches!(p.value, Content::Gone)).peekable();
        while let Some(piece) = pieces.next() {
            let (outer, name) = piece.path.nested();
            if outer != nested {
                if !nested.is_empty() {
                    out.push('}');
                }
                if !outer.is_empty() {
                    push_name(&mut out, outer);
                    out.push('{');
                }
                nested = outer;
            }
            match &piece.value {
                Content::Gone => {}
                Content::One(value) => {
                    push_name(&mut out, name);
                    out.push_str(value);
                }
                Content::Group(members) => {
                    for (name, value) in members {
                        push_name(&mut out, name);
                        out.push_str(value);
                    }
                }
                Content::List(_) | Content::Set(_) => {
                    push_name(&mut out, name);
                    out.push('[');
                    piece.value.push_items(&mut out);
                    while let Some(next) = pieces.next_if(|next| next.path == piece.path) {
                        out.push(',');
                        next.value.push_items(&mut out);
                    }
                    out.push(']');
                }
            }
        }
        if !nested.is_empty() {
            out.push('}');
        }
        out.push('}');
        out
    }

    fn write_state(&self) -> Vec<u8> {
        let base = self.whole.unwrap_or_else(|| common_clock(&self.list));
        let mut clocks: Vec<Clock> = vec![base];
        let mut entries: Vec<(&Piece<'_>, usize, bool)> = Vec::new();
        for (at, piece) in self.list.iter().enumerate() {
            // One of several parts of a list is always written down: the list has to be cut where they meet.
            let near = |at: Option<usize>| at.and_then(|at| self.list.get(at)).is_some_and(|p| p.path == piece.path);
            let alone = !near(at.checked_sub(1)) && !near(Some(at + 1));
            let plain = alone
                && piece.part == 0
                && piece.clock == base
                && matches!(piece.value, Content::One(_) | Content::List(_) | Content::Group(_));
            // What is gone no later than the newest whole statement need not be remembered: it does not mention it either.
            let forgotten = matches!(piece.value, Content::Gone) && self.whole.is_some_and(|w| piece.clock <= w);
            if plain || forgotten {
                continue;
            }
            let clock = clocks.iter().position(|c| *c == piece.clock).unwrap_or_else(|| {
                clocks.push(piece.clock);
                clocks.len() - 1
            });
            entries.push((piece, clock, alone));
        }
        let mut w = Writer::default();
        w.byte(VERSION);
        let foreign = if clocks.contains(&OLDEST) { FOREIGN } else { 0 };
        let whole = if self.whole.is_some() { WHOLE } else { 0 };
        let real = if self.real { REAL } else { 0 };
        let visit = if self.visit.is_some() { VISIT } else { 0 };
        w.byte(foreign | whole | real | visit);
        w.count(clocks.len());
        for clock in &clocks {
            w.byte(u8::from(*clock != OLDEST));
            if *clock != OLDEST {
                w.clock(clock);
            }
        }
        w.count(entries.len());
        for (piece, clock, alone) in entries {
            match &piece.path {
                Path::Known(index) => w.number(u64::from(*index) + 1),
                Path::Other(name) => {
                    w.number(0);
                    w.text(name);
                }
            }
            w.byte(piece.part);
            w.count(clock);
            match &piece.value {
                Content::Gone => w.number(0),
                Content::List(inner) if !alone => w.count(items(inner).count() << 1),
                Content::One(_) | Content::List(_) | Content::Group(_) => w.number(2),
                Content::Set(items) => {
                    w.count(items.len() << 1 | 1);
                    items.iter().for_each(|(place, _)| w.number(u64::from(*place)));
                }
            }
        }
        if let Some(visit) = &self.visit {
            visit.write(&mut w);
        }
        w.finish()
    }
}

/// Take the first `count` items off what stands between a list's brackets.
fn cut<'t>(rest: &mut &'t str, count: usize) -> &'t str {
    let whole = *rest;
    let taken = items(whole).take(count).last();
    // Where the last of them ends, by where it lies in the text.
    let end = taken.map_or(0, |last| last.as_ptr().addr() - whole.as_ptr().addr() + last.len());
    *rest = whole.get(end + 1..).unwrap_or_default();
    whole.get(..end).unwrap_or_default()
}

fn push_name(out: &mut String, name: &str) {
    if !out.ends_with('{') {
        out.push(',');
    }
    out.push('"');
    out.push_str(name);
    out.push_str("\":");
}

/// The clock most pieces have; of several, the newest. It is stored once, and pieces of that age not at all.
fn common_clock(pieces: &[Piece<'_>]) -> Clock {
    let mut counts: Vec<(usize, Clock)> = Vec::new();
    for piece in pieces {
        if piece.part != 0 || matches!(piece.value, Content::Gone | Content::Set(_)) {
            continue;
        }
        match counts.iter_mut().find(|(_, c)| *c == piece.clock) {
            Some((count, _)) => *count += 1,
            None => counts.push((1, piece.clock)),
        }
    }
    counts.into_iter().max().map_or(OLDEST, |(_, clock)| clock)
}

fn read_state(bytes: &[u8]) -> Option<State> {
    let mut r = Reader::new(bytes);
    if r.byte()? != VERSION {
        return None;
    }
    let flags = r.byte()?;
    let mut clocks = Vec::new();
    for _ in 0..r.count()? {
        clocks.push(if r.byte()? == 0 { OLDEST } else { r.clock()? });
    }
    let mut entries = Vec::new();
    for _ in 0..r.count()? {
        let path = match r.number()? {
            0 => Path::Other(r.text()?.to_owned()),
            index => Path::Known(u16::try_from(index - 1).ok()?),
        };
        let part = r.byte()?;
        let clock = *clocks.get(usize::try_from(r.number()?).ok()?)?;
        let packed = r.number()?;
        let items = usize::try_from(packed >> 1).ok()?;
        let places = if packed & SET == SET {
            let mut places = Vec::new();
            for _ in 0..items {
                places.push(u16::try_from(r.number()?).ok()?);
            }
            Some(places)
        } else {
            None
        };
        entries.push(Entry { path, part, clock, items, places });
    }
    let visit = if flags & VISIT != 0 { Some(VisitState::read(&mut r)?) } else { None };
    Some(State { flags, base: *clocks.first()?, entries, visit })
}

impl<'t> Content<'t> {
    fn from(op: &'t Op) -> Content<'t> {
        match op {
            Op::Clear => Content::Gone,
            Op::Set(value) => match inside(value.as_str()) {
                Some("") => Content::Gone,
                Some(inner) => Content::List(Cow::Borrowed(inner)),
                None => Content::One(Cow::Borrowed(value.as_str())),
            },
            Op::Group(members) => {
                Content::Group(members.iter().map(|(n, v)| (Cow::Borrowed(&**n), Cow::Borrowed(v.as_str()))).collect())
            }
            Op::Add(items) => {
                let mut set = Content::Set(Vec::with_capacity(items.len()));
                set.add(items);
                set
            }
        }
    }

    /// Of two statements that are equal in everything else, does the other one count? They are mostly the same statement;
    /// if not, any rule will do that does not depend on which came first.
    fn yields_to(&self, op: &'t Op) -> bool {
        self.text() < Content::from(op).text()
    }

    fn text(&self) -> Cow<'_, str> {
        match self {
            Content::Gone => Cow::Borrowed(""),
            Content::One(value) | Content::List(value) => Cow::Borrowed(value),
            Content::Group(members) => members.iter().flat_map(|(n, v)| [&**n, &**v]).collect(),
            Content::Set(items) => items.iter().map(|(_, v)| &**v).collect(),
        }
    }

    fn size(&self) -> usize {
        match self {
            Content::Gone => 0,
            Content::One(value) | Content::List(value) => value.len(),
            Content::Group(members) => members.iter().map(|(n, v)| n.len() + v.len() + 4).sum(),
            Content::Set(items) => items.iter().map(|(_, v)| v.len() + 1).sum(),
        }
    }

    fn push_items(&self, out: &mut String) {
        match self {
            Content::List(inner) => out.push_str(inner),
            Content::Set(items) => {
                for (at, (_, item)) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    out.push_str(item);
                }
            }
            // Parts of one path are all lists; a value among them is an item.
            Content::One(value) => out.push_str(value),
            Content::Gone | Content::Group(_) => {}
        }
    }

    fn add(&mut self, news: &'t [(u16, Json)]) {
        if !matches!(self, Content::Set(_)) {
            let old = match std::mem::replace(self, Content::Gone) {
                Content::List(Cow::Borrowed(inner)) => items(inner).map(|v| (u16::MAX, Cow::Borrowed(v))).collect(),
                Content::List(Cow::Owned(inner)) => {
                    items(&inner).map(|v| (u16::MAX, Cow::Owned(v.to_owned()))).collect()
                }
                _ => Vec::new(),
            };
            *self = Content::Set(old);
        }
        let Content::Set(set) = self else { return };
        for (place, item) in news {
            match set.iter_mut().find(|(_, known)| *known == item.as_str()) {
                Some((known, _)) => *known = (*known).min(*place),
                None => set.push((*place, Cow::Borrowed(item.as_str()))),
            }
        }
        set.sort();
        set.truncate(ITEMS_MAX);
    }
}

/// The most items a list that only grows may have: a report of more results than this keeps those that come first.
const ITEMS_MAX: usize = 2000;
