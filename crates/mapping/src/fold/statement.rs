//! What a message says about a resource, element by element.

use crate::fold::{
    clock::{Clock, TIER_NEWS},
    visit::VisitNews,
};
use crate::{change::EventTime, json::Json};
use fhir::ResourceType;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// What a message says about one resource. Opaque outside of `mapping`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct What {
    pub(crate) statement: Statement,
    pub(crate) visit: Option<Box<VisitNews>>,
}

impl What {
    /// The type of resource it is about.
    pub fn kind(&self) -> Option<ResourceType> {
        ResourceType::from_code(self.statement.kind)
    }
}

/// How much of the resource a statement speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Scope {
    /// What it does not mention is unchanged (demographics, visits, appointments).
    Partial,
    /// What it does not mention is not so (a result: each version is complete).
    Whole,
    /// Only what little is known of a thing not heard of yet; the first real news replaces it.
    Stub,
    /// A mark on a thing (inactive, replaced by) that says nothing of its content: neither ends a stub nor is one.
    Mark,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Statement {
    /// [`ResourceType::code`].
    pub kind: u8,
    pub scope: Scope,
    pub tier: u8,
    pub rank: u8,
    pub tie: u32,
    pub writes: Vec<Write>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Write {
    /// See [`crate::fold::paths`].
    pub path: Cow<'static, str>,
    /// Which part of a list that several fields of a message fill (the field's number); 0 for the whole element.
    pub part: u8,
    /// Another tier than the statement's.
    pub tier: Option<u8>,
    pub op: Op,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Op {
    /// This is its value.
    Set(Json),
    /// These members together are its value (a choice of types, or an element with its companion).
    Group(Vec<(Cow<'static, str>, Json)>),
    /// It has no value any more (`""`).
    Clear,
    /// These items belong to it, in this order, beside those that came before: nothing is ever taken away.
    Add(Vec<(u16, Json)>),
}

impl Statement {
    pub fn new(kind: ResourceType, scope: Scope) -> Self {
        Statement { kind: kind.code(), scope, tier: TIER_NEWS, rank: 0, tie: 0, writes: Vec::with_capacity(16) }
    }

    /// Call when all writes are in: the content's hash decides between statements of the very same time.
    pub fn seal(&mut self) {
        let mut hash = Hash::new();
        for write in &self.writes {
            hash.text(&write.path);
            hash.byte(write.part);
            match &write.op {
                Op::Set(value) => hash.text(value.as_str()),
                Op::Group(members) => {
                    for (name, value) in members {
                        hash.text(name);
                        hash.text(value.as_str());
                    }
                }
                Op::Clear => hash.byte(1),
                Op::Add(_) => hash.byte(2),
            }
        }
        self.tie = hash.finish();
    }

    /// How old it is.
    pub fn clock(&self, time: EventTime) -> Clock {
        let tier = if self.scope == Scope::Stub { 0 } else { self.tier };
        Clock { tier, time, rank: self.rank, tie: self.tie }
    }
}

/// A fast hash of the content (not for keys: only to tell apart what claims the very same time).
struct Hash(u64);

impl Hash {
    fn new() -> Self {
        Hash(0xcbf2_9ce4_8422_2325)
    }

    fn byte(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }

    /// Eight bytes at a time: contents may be documents of megabytes.
    fn text(&mut self, text: &str) {
        let chunks = text.as_bytes().chunks_exact(8);
        let rest = chunks.remainder();
        for chunk in chunks {
            let word = chunk.try_into().map_or(0, u64::from_le_bytes);
            self.0 = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        }
        for byte in rest {
            self.byte(*byte);
        }
        self.byte(0xff);
    }

    fn finish(self) -> u32 {
        let [a, b, c, d, e, f, g, h] = self.0.to_le_bytes();
        u32::from_le_bytes([a, b, c, d]) ^ u32::from_le_bytes([e, f, g, h])
    }
}
