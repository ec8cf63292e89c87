//! A statement being written: an element at a time, three-state fields kept apart (absent says nothing, `""` deletes).

use crate::{
    change::{Change, EventTime, Facts},
    fold::{
        statement::{Op, Scope, Statement, What, Write},
        visit::VisitNews,
    },
    json::Json,
};
use fhir::{ResourceId, ResourceType};
use hl7v2::{Field, State};
use std::borrow::Cow;

pub(crate) struct Draft {
    statement: Statement,
}

impl Draft {
    pub fn new(kind: ResourceType, scope: Scope) -> Self {
        Draft { statement: Statement::new(kind, scope) }
    }

    /// With the UK Core profile it conforms to.
    pub fn ukcore(kind: ResourceType, scope: Scope, profile: &'static str) -> Self {
        let mut draft = Self::new(kind, scope);
        draft.set("meta.profile", Json::list(&[Json::from(profile)]));
        draft
    }

    pub fn tier(&mut self, tier: u8, rank: u8) -> &mut Self {
        (self.statement.tier, self.statement.rank) = (tier, rank);
        self
    }

    /// Within one message the last word about an element counts.
    fn write(&mut self, path: &'static str, part: u8, op: Op) -> &mut Self {
        self.write_at(path, part, None, op)
    }

    fn write_at(&mut self, path: &'static str, part: u8, tier: Option<u8>, op: Op) -> &mut Self {
        let write = Write { path: Cow::Borrowed(path), part, tier, op };
        match self.statement.writes.iter_mut().find(|w| w.part == part && w.path == path) {
            Some(known) => *known = write,
            None => self.statement.writes.push(write),
        }
        self
    }

    pub fn set(&mut self, path: &'static str, value: impl Into<Json>) -> &mut Self {
        self.write(path, 0, Op::Set(value.into()))
    }

    /// As [`Draft::set`], at a tier of its own.
    pub fn set_at(&mut self, path: &'static str, tier: u8, value: impl Into<Json>) -> &mut Self {
        self.write_at(path, 0, Some(tier), Op::Set(value.into()))
    }

    /// A list that several fields fill: the part of field `part`.
    pub fn part(&mut self, path: &'static str, part: u8, list: Vec<Json>) -> &mut Self {
        self.write(path, part, Op::Set(list.into()))
    }

    pub fn clear(&mut self, path: &'static str, part: u8) -> &mut Self {
        self.write(path, part, Op::Clear)
    }

    /// One of several types: `value[x]` as `valueQuantity`.
    pub fn choice(&mut self, path: &'static str, member: &'static str, value: impl Into<Json>) -> &mut Self {
        self.write(path, 0, Op::Group(vec![(Cow::Borrowed(member), value.into())]))
    }

    pub fn group(&mut self, path: &'static str, members: Vec<(&'static str, Json)>) -> &mut Self {
        self.write(path, 0, Op::Group(members.into_iter().map(|(n, v)| (Cow::Borrowed(n), v)).collect()))
    }

    /// A list that only grows.
    pub fn add(&mut self, path: &'static str, items: Vec<(u16, Json)>) -> &mut Self {
        if items.is_empty() { self } else { self.write(path, 0, Op::Add(items)) }
    }

    pub fn maybe(&mut self, path: &'static str, value: Option<Json>) -> &mut Self {
        match value {
            Some(value) => self.set(path, value),
            None => self,
        }
    }

    pub fn list(&mut self, path: &'static str, list: Vec<Json>) -> &mut Self {
        if list.is_empty() { self } else { self.set(path, list) }
    }

    /// An element that a field decides: absent says nothing, `""` deletes, a value that cannot be used says nothing.
    pub fn field<'m>(
        &mut self,
        path: &'static str,
        field: Field<'m>,
        read: impl FnOnce(Field<'m>) -> Option<Json>,
    ) -> &mut Self {
        match field.state() {
            State::Absent => self,
            State::Null => self.clear(path, 0),
            State::Value => self.maybe(path, read(field)),
        }
    }

    /// As [`Draft::field`] for a list that several fields fill; the repetitions are a whole snapshot of that field.
    pub fn field_part<'m>(
        &mut self,
        path: &'static str,
        part: u8,
        field: Field<'m>,
        read: impl FnOnce(Field<'m>) -> Vec<Json>,
    ) -> &mut Self {
        match field.state() {
            State::Absent => self,
            State::Null => self.clear(path, part),
            State::Value => {
                let list = read(field);
                if list.is_empty() { self } else { self.part(path, part, list) }
            }
        }
    }

    /// The change that folds this statement into the resource `id`.
    pub fn done(mut self, id: ResourceId, time: EventTime) -> Change {
        self.statement.seal();
        Change::Fold { id, facts: Facts { time, what: What { statement: self.statement, visit: None } } }
    }

    /// As [`Draft::done`], for a visit.
    pub fn visit(mut self, id: ResourceId, time: EventTime, news: VisitNews) -> Change {
        self.statement.seal();
        Change::Fold {
            id,
            facts: Facts { time, what: What { statement: self.statement, visit: Some(Box::new(news)) } },
        }
    }
}
