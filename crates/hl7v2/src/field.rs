//! Fields, repetitions, components: views of a message's text, made when asked for.

use crate::message::Message;
use crate::{Location, escape};
use std::borrow::Cow;
use std::ops::Range;

/// What a sender says with a field (HL7 v2 §2.5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Nothing was sent (also: only separators or blanks): what is known stays.
    Absent,
    /// `""`: what is known is to be deleted.
    Null,
    /// There is a value.
    Value,
}

/// Where an element stands: indices into the message, for locations and error messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) segment: usize,
    pub(crate) field: usize,
    pub(crate) repetition: usize,
    pub(crate) component: usize,
    pub(crate) subcomponent: usize,
}

/// A part of a message's text, by its first and one past its last byte.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slice<'m> {
    pub(crate) message: &'m Message,
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// MSH-1 and MSH-2: separators that are values.
    pub(crate) literal: bool,
    pub(crate) place: Place,
}

impl<'m> Slice<'m> {
    fn raw(&self) -> &'m str {
        self.message.slice(self.start, self.end)
    }

    fn state(&self) -> State {
        let raw = self.raw();
        if raw == "\"\"" {
            return State::Null;
        }
        let s = self.message.separators();
        let empty =
            |b: u8| !self.literal && (b == b' ' || b == s.component || b == s.repetition || b == s.subcomponent);
        if raw.bytes().all(empty) { State::Absent } else { State::Value }
    }

    /// The text of what is between separators: trailing blanks mean nothing (HL7 v2 §2.A.75), escapes are replaced,
    /// and `""` is no text.
    fn text(&self) -> Cow<'m, str> {
        let raw = self.raw();
        if self.literal {
            return Cow::Borrowed(raw);
        }
        let trimmed = raw.trim_end_matches(' ');
        if trimmed == "\"\"" {
            return Cow::Borrowed("");
        }
        escape::unescape(trimmed, self.message.separators(), self.message.charset())
    }

    /// The `n`-th part (from 1) when divided by `separator`; empty at the end if there are fewer.
    fn part(&self, separator: u8, n: usize) -> (usize, usize) {
        if self.literal {
            return if n == 1 { (self.start, self.end) } else { (self.end, self.end) };
        }
        let bytes = self.raw().as_bytes();
        let mut start = 0;
        let mut number = 1;
        for at in memchr::memchr_iter(separator, bytes) {
            if number == n {
                return (self.start + start, self.start + at);
            }
            number += 1;
            start = at + 1;
        }
        if number == n { (self.start + start, self.end) } else { (self.end, self.end) }
    }

    fn count(&self, separator: u8) -> usize {
        if self.start == self.end {
            0
        } else if self.literal {
            1
        } else {
            memchr::memchr_iter(separator, self.raw().as_bytes()).count() + 1
        }
    }

    fn narrow(&self, (start, end): (usize, usize), place: Place) -> Self {
        Self { start, end, place, ..*self }
    }

    pub(crate) fn range(&self) -> Range<usize> {
        self.start..self.end
    }
}

/// A field: `PID-3`.
#[derive(Clone, Copy, Debug)]
pub struct Field<'m>(pub(crate) Slice<'m>);

/// One repetition of a field: `PID-3[2]`.
#[derive(Clone, Copy, Debug)]
pub struct Rep<'m>(pub(crate) Slice<'m>);

/// A component: `PID-3[2].4`.
#[derive(Clone, Copy, Debug)]
pub struct Comp<'m>(pub(crate) Slice<'m>);

impl<'m> Field<'m> {
    /// Absent, `""`, or a value.
    #[must_use]
    pub fn state(&self) -> State {
        self.0.state()
    }

    /// Is there a value (neither absent nor `""`)?
    #[must_use]
    pub fn is_present(&self) -> bool {
        self.state() == State::Value
    }

    /// The repetitions, in order; none when the field is absent or `""`. Empty ones between others are kept, so that
    /// positions stay true.
    pub fn reps(&self) -> impl Iterator<Item = Rep<'m>> + use<'m> {
        let count = if self.is_present() { self.0.count(self.0.message.separators().repetition) } else { 0 };
        let field = *self;
        (1..=count).map(move |n| field.rep(n))
    }

    /// The `n`-th repetition, from 1; an absent one if there are fewer.
    #[must_use]
    pub fn rep(&self, n: usize) -> Rep<'m> {
        let part = self.0.part(self.0.message.separators().repetition, n);
        Rep(self.0.narrow(part, Place { repetition: n, ..self.0.place }))
    }

    /// The first repetition; an absent one if there is none.
    #[must_use]
    pub fn first(&self) -> Rep<'m> {
        self.rep(1)
    }

    /// The first repetition's first component's first subcomponent, as text. Empty when absent or `""`.
    #[must_use]
    pub fn text(&self) -> Cow<'m, str> {
        self.first().text()
    }

    /// Shorthand for a component of the first repetition.
    #[must_use]
    pub fn comp(&self, n: usize) -> Comp<'m> {
        self.first().comp(n)
    }

    /// The whole field as one text, escapes replaced: for types without parts (ST, TX, FT), whose senders
    /// often forget to escape `&`, `^` and `~`.
    #[must_use]
    pub fn whole(&self) -> Cow<'m, str> {
        self.0.text()
    }

    /// As it stands in the message, escapes and separators included.
    #[must_use]
    pub fn raw(&self) -> &'m str {
        self.0.raw()
    }

    /// Where it is.
    #[must_use]
    pub fn location(&self) -> Location {
        self.0.message.location(self.0.place)
    }
}

impl<'m> Rep<'m> {
    /// Absent, `""`, or a value.
    #[must_use]
    pub fn state(&self) -> State {
        self.0.state()
    }

    /// Is there a value (neither absent nor `""`)?
    #[must_use]
    pub fn is_present(&self) -> bool {
        self.state() == State::Value
    }

    /// The `n`-th component, from 1; an absent one if there are fewer.
    #[must_use]
    pub fn comp(&self, n: usize) -> Comp<'m> {
        let part = self.0.part(self.0.message.separators().component, n);
        Comp(self.0.narrow(part, Place { component: n, ..self.0.place }))
    }

    /// The components, in order.
    pub fn comps(&self) -> impl Iterator<Item = Comp<'m>> + use<'m> {
        let rep = *self;
        (1..=self.0.count(self.0.message.separators().component)).map(move |n| rep.comp(n))
    }

    /// The first component's first subcomponent, as text.
    #[must_use]
    pub fn text(&self) -> Cow<'m, str> {
        self.comp(1).text()
    }

    /// The whole repetition as one text, escapes replaced (see [`Field::whole`]).
    #[must_use]
    pub fn whole(&self) -> Cow<'m, str> {
        self.0.text()
    }

    /// As it stands in the message.
    #[must_use]
    pub fn raw(&self) -> &'m str {
        self.0.raw()
    }

    /// Where it is.
    #[must_use]
    pub fn location(&self) -> Location {
        self.0.message.location(self.0.place)
    }
}

impl<'m> Comp<'m> {
    /// Absent, `""`, or a value.
    #[must_use]
    pub fn state(&self) -> State {
        self.0.state()
    }

    /// Is there a value (neither absent nor `""`)?
    #[must_use]
    pub fn is_present(&self) -> bool {
        self.state() == State::Value
    }

    /// The `n`-th subcomponent, from 1, as text; empty if there are fewer.
    #[must_use]
    pub fn sub(&self, n: usize) -> Cow<'m, str> {
        let part = self.0.part(self.0.message.separators().subcomponent, n);
        self.0.narrow(part, Place { subcomponent: n, ..self.0.place }).text()
    }

    /// The subcomponents as texts, in order.
    pub fn subs(&self) -> impl Iterator<Item = Cow<'m, str>> + use<'m> {
        let comp = *self;
        (1..=self.0.count(self.0.message.separators().subcomponent)).map(move |n| comp.sub(n))
    }

    /// The first subcomponent, as text.
    #[must_use]
    pub fn text(&self) -> Cow<'m, str> {
        self.sub(1)
    }

    /// The whole component as one text, escapes replaced (see [`Field::whole`]).
    #[must_use]
    pub fn whole(&self) -> Cow<'m, str> {
        self.0.text()
    }

    /// As it stands in the message.
    #[must_use]
    pub fn raw(&self) -> &'m str {
        self.0.raw()
    }

    /// Where it is.
    #[must_use]
    pub fn location(&self) -> Location {
        self.0.message.location(self.0.place)
    }

    pub(crate) fn sub_range(&self, n: usize) -> Range<usize> {
        let (start, end) = self.0.part(self.0.message.separators().subcomponent, n);
        start..end
    }
}
