//! A resource taken apart into the pieces that age by themselves, and put together again in one order.

use crate::change::EventTime;
use crate::fold::{
    clock::{Clock, OLDEST},
    codec::{Reader, Writer},
    paths::{Path, of_member},
    statement::{Op, Scope, Statement},
    visit::VisitState,
};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// Members of a visit that are derived from its events, never folded by themselves.
const DERIVED: &[&str] = &["status", "period", "location"];
const NESTED: &[&str] = &["meta", "hospitalization"];

/// A piece: an element, or the part of a list that one field of the messages fills.
pub(crate) struct Piece {
    path: Path,
    part: u8,
    clock: Clock,
    value: Content,
}

enum Content {
    /// Deleted at the piece's clock.
    Gone,
    One(Value),
    Group(Vec<(String, Value)>),
    /// A list that only grows; each item with its place.
    Set(Vec<(u16, Value)>),
}

/// Everything folded so far about one resource.
#[derive(Default)]
pub(crate) struct Pieces {
    list: Vec<Piece>,
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
    /// Items of a list, 1 for anything else, 0 when gone.
    items: usize,
    places: Option<Vec<u16>>,
}

struct State {
    flags: u8,
    base: Clock,
    entries: Vec<Entry>,
    visit: Option<VisitState>,
}

impl Pieces {
    /// Take a stored resource apart. A state that cannot be read counts as none: its elements are then older than any
    /// news, as those of a resource that came whole.
    pub fn take_apart(body: Map<String, Value>, state: &[u8]) -> Pieces {
        let state = if state.is_empty() { None } else { read_state(state) };
        let state = state.unwrap_or(State { flags: FOREIGN | REAL, base: OLDEST, entries: Vec::new(), visit: None });
        let mut pieces = Pieces {
            list: Vec::with_capacity(body.len() + 4),
            whole: (state.flags & WHOLE != 0).then_some(state.base),
            real: state.flags & REAL != 0,
            has_foreign: state.flags & FOREIGN != 0,
            visit: state.visit,
        };
        for (member, value) in body {
            match (member.as_str(), value) {
                ("resourceType" | "id", _) => {}
                (name, Value::Object(inside)) if NESTED.contains(&name) => {
                    for (inner, value) in inside {
                        let path = Path::of(&format!("{name}.{inner}"));
                        pieces.take(path, None, value, &state.entries, state.base);
                    }
                }
                (name, _) if pieces.visit.is_some() && DERIVED.contains(&name) => {}
                ("class", class) if pieces.visit.is_some() && class == unknown_class() => {}
                (name, value) => {
                    let path = of_member(name);
                    let grouped = (path.name() != name).then(|| name.to_owned());
                    pieces.take(path, grouped, value, &state.entries, state.base);
                }
            }
        }
        for entry in state.entries {
            if entry.items == 0 {
                pieces.list.push(Piece {
                    path: entry.path,
                    part: entry.part,
                    clock: entry.clock,
                    value: Content::Gone,
                });
            }
        }
        pieces
    }

    fn take(&mut self, path: Path, member: Option<String>, value: Value, entries: &[Entry], base: Clock) {
        // Companions and choices gather under one path.
        if let Some(piece) = self.list.iter_mut().find(|p| p.path == path && !matches!(p.value, Content::Gone)) {
            let name = member.unwrap_or_else(|| piece.path.name().to_owned());
            let old = std::mem::replace(&mut piece.value, Content::Gone);
            piece.value = match old {
                Content::One(first) => Content::Group(vec![(piece.path.name().to_owned(), first), (name, value)]),
                Content::Group(mut group) => {
                    group.push((name, value));
                    Content::Group(group)
                }
                other => other,
            };
            return;
        }
        let known: Vec<&Entry> = entries.iter().filter(|e| e.items > 0 && e.path == path).collect();
        let single = |value| match member {
            Some(name) => Content::Group(vec![(name, value)]),
            None => Content::One(value),
        };
        match (known.as_slice(), value) {
            ([], value) => self.list.push(Piece { path, part: 0, clock: base, value: single(value) }),
            ([entry], Value::Array(items)) if entry.places.as_ref().is_some_and(|p| p.len() == items.len()) => {
                let places = entry.places.clone().unwrap_or_default();
                let set = places.into_iter().zip(items).collect();
                self.list.push(Piece { path, part: entry.part, clock: entry.clock, value: Content::Set(set) });
            }
            ([entry], value) => {
                self.list.push(Piece { path, part: entry.part, clock: entry.clock, value: single(value) })
            }
            (parts, Value::Array(items)) => {
                let mut items = items.into_iter();
                let last = parts.len() - 1;
                for (index, entry) in parts.iter().enumerate() {
                    let count = if index == last { usize::MAX } else { entry.items };
                    let list: Vec<Value> = items.by_ref().take(count).collect();
                    let value = Content::One(Value::Array(list));
                    self.list.push(Piece { path: path.clone(), part: entry.part, clock: entry.clock, value });
                }
            }
            (parts, value) => {
                let clock = parts.iter().map(|e| e.clock).max().unwrap_or(base);
                self.list.push(Piece { path, part: 0, clock, value: single(value) });
            }
        }
    }

    /// Take a statement in. True if anything might have changed.
    pub fn tell(&mut self, statement: &Statement, time: EventTime) {
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
        for write in &statement.writes {
            let clock = statement.clock(Some(write), time);
            let path = Path::of(&write.path);
            if write.part != 0 && self.has_foreign && !path.name().ends_with("extension") {
                // A list that came whole, whose parts nobody knows, gives way to the first part that is told.
                self.list.retain(|p| !(p.path == path && p.part == 0 && p.clock == OLDEST));
            }
            let at = self.list.iter().position(|p| p.part == write.part && p.path == path);
            let current = at.and_then(|at| self.list.get_mut(at));
            if let (Op::Add(items), current) = (&write.op, current) {
                match current {
                    Some(piece) => {
                        piece.clock = piece.clock.max(clock);
                        piece.value.add(items);
                    }
                    None => {
                        let mut value = Content::Set(Vec::with_capacity(items.len()));
                        value.add(items);
                        self.list.push(Piece { path, part: write.part, clock, value });
                    }
                }
                continue;
            }
            let current = at.and_then(|at| self.list.get_mut(at));
            let known = current.as_ref().map(|p| p.clock).or(self.whole);
            let newer = match known {
                None => true,
                Some(known) if known == clock => {
                    current.as_ref().is_none_or(|p| p.value.text() < Content::from(&write.op).text())
                }
                Some(known) => known < clock,
            };
            if newer {
                let value = Content::from(&write.op);
                match current {
                    Some(piece) => (piece.clock, piece.value) = (clock, value),
                    None => self.list.push(Piece { path, part: write.part, clock, value }),
                }
            }
        }
        if statement.scope == Scope::Whole {
            let clock = statement.clock(None, time);
            if self.whole.is_none_or(|w| w < clock) {
                self.whole = Some(clock);
                self.list.retain(|p| p.clock >= clock || matches!(p.value, Content::Set(_)));
            }
        }
    }

    /// The resource and its state. `derived` are the members of a visit that its events decide.
    pub fn put_together(
        mut self,
        kind: &str,
        id: Option<&Value>,
        derived: Vec<(&'static str, Value)>,
    ) -> (Map<String, Value>, Vec<u8>) {
        if !derived.is_empty() {
            self.list.retain(|p| !DERIVED.contains(&p.path.name()));
        }
        self.list.sort_by(|a, b| (&a.path, a.part).cmp(&(&b.path, b.part)));
        let state = self.write_state();
        // Encounter.class is required; a visit whose class nobody named yet has an unknown one.
        let unnamed = self.visit.is_some()
            && !self.list.iter().any(|p| p.path.name() == "class" && !matches!(p.value, Content::Gone));
        let unknown = unnamed.then(|| ("class", unknown_class()));
        for (name, value) in derived.into_iter().chain(unknown) {
            let at = self.list.partition_point(|p| p.path <= Path::of(name));
            self.list.insert(at, Piece { path: Path::of(name), part: 0, clock: OLDEST, value: Content::One(value) });
        }
        let mut body = Map::with_capacity(self.list.len() + 2);
        body.insert("resourceType".to_owned(), Value::from(kind));
        if let Some(id) = id {
            body.insert("id".to_owned(), id.clone());
        }
        for piece in self.list {
            let Piece { path, value, .. } = piece;
            match value {
                Content::Gone => {}
                Content::One(value) => place(&mut body, path.name(), value),
                Content::Group(members) => members.into_iter().for_each(|(name, value)| place(&mut body, &name, value)),
                Content::Set(items) => {
                    place(&mut body, path.name(), Value::Array(items.into_iter().map(|(_, value)| value).collect()));
                }
            }
        }
        (body, state)
    }

    fn write_state(&self) -> Vec<u8> {
        let base = self.whole.unwrap_or_else(|| common_clock(&self.list));
        let mut clocks: Vec<Clock> = vec![base];
        let mut entries: Vec<(&Piece, usize)> = Vec::new();
        for (at, piece) in self.list.iter().enumerate() {
            // One of several parts of a list is always written down: the list has to be cut where they meet.
            let near = |at: Option<usize>| at.and_then(|at| self.list.get(at)).is_some_and(|p| p.path == piece.path);
            let alone = !near(at.checked_sub(1)) && !near(Some(at + 1));
            let plain = alone
                && piece.part == 0
                && piece.clock == base
                && matches!(piece.value, Content::One(_) | Content::Group(_));
            // What is gone no later than the newest whole statement need not be remembered: it does not mention it either.
            let forgotten = matches!(piece.value, Content::Gone) && self.whole.is_some_and(|w| piece.clock <= w);
            if plain || forgotten {
                continue;
            }
            let clock = clocks.iter().position(|c| *c == piece.clock).unwrap_or_else(|| {
                clocks.push(piece.clock);
                clocks.len() - 1
            });
            entries.push((piece, clock));
        }
        let mut w = Writer::default();
        w.byte(VERSION);
        let foreign = if clocks.contains(&OLDEST) { FOREIGN } else { 0 };
        let whole = if self.whole.is_some() { WHOLE } else { 0 };
        let real = if self.real { REAL } else { 0 };
        let visit = if self.visit.is_some() { VISIT } else { 0 };
        w.byte(foreign | whole | real | visit);
        w.count(clocks.len());
        clocks.iter().for_each(|c| {
            if *c != OLDEST {
                w.byte(1);
                w.clock(c)
            } else {
                w.byte(0)
            }
        });
        w.count(entries.len());
        for (piece, clock) in entries {
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
                Content::One(Value::Array(items)) => w.count(items.len() << 1),
                Content::One(_) | Content::Group(_) => w.number(2),
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

/// The clock most pieces have; of several, the newest. It is stored once, and pieces of that age not at all.
fn common_clock(pieces: &[Piece]) -> Clock {
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

fn unknown_class() -> Value {
    json!({ "system": "http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "code": "UNK" })
}

/// Put a member in its place; lists that several parts fill are joined.
fn place(body: &mut Map<String, Value>, name: &str, value: Value) {
    if let Some((outer, inner)) = name.split_once('.')
        && NESTED.contains(&outer)
    {
        if let Some(Value::Object(inside)) = body.get_mut(outer) {
            inside.insert(inner.to_owned(), value);
        } else {
            let mut inside = Map::new();
            inside.insert(inner.to_owned(), value);
            body.insert(outer.to_owned(), Value::Object(inside));
        }
        return;
    }
    match (body.get_mut(name), value) {
        (Some(Value::Array(list)), Value::Array(mut more)) => list.append(&mut more),
        (_, value) => {
            body.insert(name.to_owned(), value);
        }
    }
}

impl Content {
    fn from(op: &Op) -> Content {
        match op {
            Op::Clear => Content::Gone,
            Op::Set(Value::Array(list)) if list.is_empty() => Content::Gone,
            Op::Set(value) => Content::One(value.clone()),
            Op::Group(members) => {
                Content::Group(members.iter().map(|(n, v)| (Cow::into_owned(n.clone()), v.clone())).collect())
            }
            Op::Add(items) => {
                let mut set = Content::Set(Vec::with_capacity(items.len()));
                set.add(items);
                set
            }
        }
    }

    /// Only for two statements that are equal in everything else.
    fn text(&self) -> String {
        match self {
            Content::Gone => String::new(),
            Content::One(value) => value.to_string(),
            Content::Group(members) => members.iter().map(|(n, v)| format!("{n}{v}")).collect(),
            Content::Set(items) => items.iter().map(|(_, v)| v.to_string()).collect(),
        }
    }

    fn add(&mut self, items: &[(u16, Value)]) {
        if !matches!(self, Content::Set(_)) {
            let old = match std::mem::replace(self, Content::Gone) {
                Content::One(Value::Array(list)) => list.into_iter().map(|v| (u16::MAX, v)).collect(),
                _ => Vec::new(),
            };
            *self = Content::Set(old);
        }
        let Content::Set(set) = self else { return };
        for (place, item) in items {
            match set.iter_mut().find(|(_, known)| known == item) {
                Some((known, _)) => *known = (*known).min(*place),
                None => set.push((*place, item.clone())),
            }
        }
        set.sort_by(|(a, av), (b, bv)| a.cmp(b).then_with(|| reference(av).cmp(reference(bv))));
        set.truncate(ITEMS_MAX);
    }
}

/// The most items a list that only grows may have: a report of more results than this keeps those that come first.
const ITEMS_MAX: usize = 2000;

fn reference(value: &Value) -> &str {
    value.get("reference").and_then(Value::as_str).unwrap_or_default()
}
