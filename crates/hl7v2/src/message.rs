//! A message: one buffer of text and where its segments and fields begin.

use crate::charset::Charset;
use crate::field::{Field, Place, Slice};
use crate::{Header, Location, Separators};
use std::fmt;
use std::ops::Range;

/// Where one segment lies in the text, and which of [`Message::fields`] are its field starts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// Index of its first field start.
    pub(crate) first: u32,
    /// How many field starts it has.
    pub(crate) count: u32,
}

/// A message that could be read.
pub struct Message {
    /// Decoded text; offsets count its bytes.
    pub(crate) text: String,
    /// The bytes as received, where they differ from the text.
    pub(crate) raw: Option<Vec<u8>>,
    pub(crate) charset: Charset,
    pub(crate) separators: Separators,
    pub(crate) lines: Vec<Line>,
    /// Starts of fields, segment after segment.
    pub(crate) fields: Vec<u32>,
}

/// How many empty fields [`Message::with`] puts in before the one it adds.
const FIELDS_ADDED_MAX: usize = 100;

/// Widens an offset. On every machine this runs on, `usize` holds a `u32`.
fn wide(offset: u32) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

impl Message {
    /// The bytes exactly as they were received.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        self.raw.as_deref().unwrap_or(self.text.as_bytes())
    }

    /// The whole message as text (what came before MSH and after the last segment included).
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How the bytes were read.
    #[must_use]
    pub fn charset(&self) -> Charset {
        self.charset
    }

    /// The separators in force.
    #[must_use]
    pub fn separators(&self) -> &Separators {
        &self.separators
    }

    /// What MSH says.
    #[must_use]
    pub fn header(&self) -> Header<'_> {
        Header::of(self)
    }

    /// The segments, in order. MSH is the first.
    #[must_use]
    pub fn segments(&self) -> Segments<'_> {
        Segments { message: self, range: 0..self.lines.len() }
    }

    /// The first segment of that name.
    #[must_use]
    pub fn segment(&self, name: &str) -> Option<Segment<'_>> {
        self.segments().find(|s| s.name() == name)
    }

    /// Every segment of that name, in order.
    pub fn all<'m, 'n: 'm>(&'m self, name: &'n str) -> impl Iterator<Item = Segment<'m>> + use<'m, 'n> {
        self.segments().filter(move |s| s.name() == name)
    }

    /// The segment at that position (MSH is 0).
    #[must_use]
    pub fn segment_at(&self, index: usize) -> Option<Segment<'_>> {
        (index < self.lines.len()).then_some(Segment { message: self, index })
    }

    /// The text at a path for humans and profiles: `PID-3`, `PID-3[2].4.1`, `OBX[2]-5`. Parts left out mean the
    /// first. `None`: nothing there, `""`, or not a path.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<String> {
        self.at(&path.parse().ok()?)
    }

    /// The text at a place, as [`Message::get`].
    #[must_use]
    pub fn at(&self, location: &Location) -> Option<String> {
        let segment = self.nth(&location.segment, location.segment_repetition)?;
        let field = segment.field(location.field?);
        let comp = field.rep(location.repetition.unwrap_or(1)).comp(location.component.unwrap_or(1));
        let text = comp.sub(location.subcomponent.unwrap_or(1));
        (!text.is_empty()).then(|| text.into_owned())
    }

    /// The bytes of [`Message::raw`] that an element takes up: for the error desk to mark the place. An element that is
    /// absent within an existing segment gives the empty range where it would be.
    #[must_use]
    pub fn span(&self, location: &Location) -> Option<Range<usize>> {
        let segment = self.nth(&location.segment, location.segment_repetition)?;
        let range = match (location.field, location.repetition, location.component, location.subcomponent) {
            (None, ..) => segment.range(),
            (Some(f), None, None, _) => segment.field(f).0.range(),
            (Some(f), r, None, _) => segment.field(f).rep(r.unwrap_or(1)).0.range(),
            (Some(f), r, Some(c), None) => segment.field(f).rep(r.unwrap_or(1)).comp(c).0.range(),
            (Some(f), r, Some(c), Some(s)) => segment.field(f).rep(r.unwrap_or(1)).comp(c).sub_range(s),
        };
        self.raw_range(range)
    }

    /// The message's bytes with one element replaced by `text`, escaped and in the message's own character set. A field
    /// past the end of its segment is added. `None`: no such segment, no field named, or a component that is not there.
    #[must_use]
    pub fn with(&self, location: &Location, text: &str) -> Option<Vec<u8>> {
        let segment = self.nth(&location.segment, location.segment_repetition)?;
        let field = location.field?;
        let missing = field.saturating_sub(segment.len());
        if missing > FIELDS_ADDED_MAX || (missing > 0 && location.component.is_some()) {
            return None;
        }
        let span = self.span(location)?;
        let separators = char::from(self.separators.field).to_string().repeat(missing);
        let text = format!("{separators}{}", crate::escape::escape(text, &self.separators));
        let raw = self.raw();
        let bytes = self.charset.encode(text);
        Some([raw.get(..span.start)?, &bytes, raw.get(span.end..)?].concat())
    }

    /// The element at a place in the text: the field, or, after a segment's end, the segment.
    pub(crate) fn locate(&self, offset: usize) -> Option<Location> {
        let after = self.lines.partition_point(|line| wide(line.start) <= offset);
        let segment = self.segment_at(after.checked_sub(1)?)?;
        let line = segment.line();
        let location = segment.location();
        if offset >= wide(line.end) {
            return Some(location);
        }
        let first = wide(line.first);
        let starts = self.fields.get(first..first + wide(line.count)).unwrap_or_default();
        let field = starts.partition_point(|start| wide(*start) <= offset) + usize::from(segment.is_header());
        Some(Location { field: (field > 0).then_some(field), ..location })
    }

    fn nth(&self, name: &str, repetition: usize) -> Option<Segment<'_>> {
        self.segments().filter(|s| s.name() == name).nth(repetition.checked_sub(1)?)
    }

    pub(crate) fn raw_range(&self, range: Range<usize>) -> Option<Range<usize>> {
        let start = self.charset.raw_len(self.text.get(..range.start)?)?;
        if self.charset.verbatim {
            return Some(start..start + range.len());
        }
        let end = self.charset.raw_len(self.text.get(..range.end)?)?;
        Some(start..end)
    }

    pub(crate) fn slice(&self, start: usize, end: usize) -> &str {
        self.text.get(start..end).unwrap_or("")
    }

    pub(crate) fn location(&self, place: Place) -> Location {
        let part = |n: usize| (n > 0).then_some(n);
        Location {
            field: part(place.field),
            repetition: part(place.repetition),
            component: part(place.component),
            subcomponent: part(place.subcomponent),
            ..self.segment_location(place.segment)
        }
    }

    fn segment_location(&self, index: usize) -> Location {
        let name = self.segment_at(index).map_or("", |s| s.name());
        let before = self.segments().take(index + 1).filter(|s| s.name() == name).count();
        Location { segment_repetition: before.max(1), ..Location::segment(name) }
    }
}

impl fmt::Debug for Message {
    /// Sizes only: a message is about a person, and debug output ends in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("bytes", &self.raw().len())
            .field("segments", &self.lines.len())
            .field("charset", &self.charset.name())
            .finish_non_exhaustive()
    }
}

/// The segments of a message, in order.
#[derive(Clone, Debug)]
pub struct Segments<'m> {
    message: &'m Message,
    range: Range<usize>,
}

impl<'m> Iterator for Segments<'m> {
    type Item = Segment<'m>;

    fn next(&mut self) -> Option<Segment<'m>> {
        let index = self.range.next()?;
        Some(Segment { message: self.message, index })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.range.size_hint()
    }
}

impl DoubleEndedIterator for Segments<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let index = self.range.next_back()?;
        Some(Segment { message: self.message, index })
    }
}

impl ExactSizeIterator for Segments<'_> {}

/// A segment: `PID`.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'m> {
    message: &'m Message,
    index: usize,
}

impl<'m> Segment<'m> {
    fn line(&self) -> Line {
        self.message.lines.get(self.index).copied().unwrap_or(Line { start: 0, end: 0, first: 0, count: 0 })
    }

    /// Its name: `PID`.
    #[must_use]
    pub fn name(&self) -> &'m str {
        let start = wide(self.line().start);
        self.message.slice(start, start + 3)
    }

    /// Its position in the message, from 0 (MSH).
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// The message it is in.
    #[must_use]
    pub fn message(&self) -> &'m Message {
        self.message
    }

    /// How many fields it has (the number of the last one).
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a segment has a name, so it is never empty")]
    pub fn len(&self) -> usize {
        let count = wide(self.line().count);
        if self.is_header() { count + 1 } else { count }
    }

    /// A field, from 1; an absent one past the end. `MSH-1` is the field separator, `MSH-2` the encoding characters.
    #[must_use]
    pub fn field(&self, n: usize) -> Field<'m> {
        let line = self.line();
        let end = wide(line.end);
        let place = Place { segment: self.index, field: n, repetition: 0, component: 0, subcomponent: 0 };
        let slice = |start, end, literal| Field(Slice { message: self.message, start, end, literal, place });
        let header = self.is_header();
        if header && n == 1 {
            let after_name = (wide(line.start) + 3).min(end);
            return slice(after_name, (after_name + 1).min(end), true);
        }
        let Some(nth) = n.checked_sub(if header { 2 } else { 1 }) else { return slice(end, end, false) };
        if nth >= wide(line.count) {
            return slice(end, end, false);
        }
        let starts = &self.message.fields;
        let at = wide(line.first) + nth;
        let start = starts.get(at).map_or(end, |s| wide(*s));
        let stop = if nth + 1 < wide(line.count) { starts.get(at + 1).map_or(end, |s| wide(*s) - 1) } else { end };
        slice(start, stop, header && n == 2)
    }

    /// Every field, from the first.
    pub fn fields(&self) -> impl Iterator<Item = Field<'m>> + use<'m> {
        let segment = *self;
        (1..=self.len()).map(move |n| segment.field(n))
    }

    /// As it stands in the message, without its end.
    #[must_use]
    pub fn raw(&self) -> &'m str {
        let range = self.range();
        self.message.slice(range.start, range.end)
    }

    /// Where it is.
    #[must_use]
    pub fn location(&self) -> Location {
        self.message.segment_location(self.index)
    }

    fn range(&self) -> Range<usize> {
        let line = self.line();
        wide(line.start)..wide(line.end)
    }

    fn is_header(&self) -> bool {
        matches!(self.name(), "MSH" | "FHS" | "BHS")
    }
}
