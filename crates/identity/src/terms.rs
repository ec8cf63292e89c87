//! The dictionary: every distinct name, postcode, street and place once, with how often it occurs. Append-only. Reading
//! waits for nobody: terms are published by a release store of a slot; one writer at a time adds.

use crate::beside::Beside;
use crate::text::{GROUPS_MAX, groups_of, sound};
use smol_str::SmolStr;
use std::sync::{
    Mutex, OnceLock, PoisonError,
    atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering},
};

/// No term.
pub const NONE: u32 = u32::MAX;
/// Terms of a question that the dictionary does not know have numbers from here on.
pub const LOCAL: u32 = 0xF000_0000;
/// Texts are cut at so many bytes: longer ones carry no more evidence, only work.
const TEXT_MAX: usize = 48;
const CHUNK: usize = 4096;
const CHUNKS: usize = 16_384;
/// Slots of the first table, at least.
const SLOTS_LEAST: usize = 1024;
const GROWTH: usize = 4;
/// From the smallest first table on, so many hold more terms than there are chunks for.
const TABLES: usize = 10;

/// What a term is a term of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A given name, first or further.
    Given,
    /// A family name; its parts parted by `-`.
    Family,
    /// A postcode without spaces.
    Postcode,
    /// A street, its kind (road, avenue) included.
    Street,
    /// A village, suburb or town.
    Place,
    /// A county or state.
    Region,
    /// A general practice's code.
    Practice,
    /// Who gives an identifier.
    System,
    /// The value of an attribute, by the attribute's place.
    Attribute(u8),
}

impl Kind {
    fn code(self) -> u8 {
        match self {
            Kind::Given => 0,
            Kind::Family => 1,
            Kind::Postcode => 2,
            Kind::Street => 3,
            Kind::Place => 4,
            Kind::Region => 5,
            Kind::Practice => 6,
            Kind::System => 7,
            Kind::Attribute(place) => 8_u8.saturating_add(place),
        }
    }
}

/// A text, and what comparing needs to know of it.
#[derive(Debug)]
pub struct Term {
    /// The folded text; nearly every one lies in the term itself, so that reading it waits for memory once, not twice.
    pub text: SmolStr,
    /// For blocking: the nickname group of a given name or the sound of any name; the text itself of all else.
    pub key: u32,
    /// The sound of a name.
    pub sound: u32,
    /// Nickname groups, 0 where there are fewer.
    pub groups: [u16; GROUPS_MAX],
    kind: u8,
    hash: u32,
    count: AtomicU32,
    /// Of a name: which names stand beside it.
    beside: Option<Box<Beside>>,
}

impl Term {
    /// Make one.
    pub fn new(kind: Kind, text: &str) -> Term {
        let text = cut(text);
        let hash = hash_of(kind.code(), text);
        let (mut groups, mut heard, mut key) = ([0; GROUPS_MAX], 0, hash);
        match kind {
            Kind::Given => {
                groups = groups_of(text);
                heard = word_hash(&sound(text));
                key = match groups.first() {
                    Some(&group) if group != 0 => mix32(u32::from(group) ^ 0x5151_0000),
                    _ => heard,
                };
            }
            Kind::Family => {
                heard = word_hash(&sound(core_of(text)));
                key = heard;
            }
            Kind::Street => {
                key = word_hash(&sound(text.split('-').find(|word| word.len() > 1).unwrap_or(text)));
            }
            _ => {}
        }
        let beside = matches!(kind, Kind::Given | Kind::Family).then(Box::default);
        Term { text: text.into(), key, sound: heard, groups, kind: kind.code(), hash, count: AtomicU32::new(0), beside }
    }

    /// Whether two terms are terms of the same kind.
    pub(crate) fn same_kind(&self, other: &Term) -> bool {
        self.kind == other.kind
    }

    /// A hash of the text and its kind: the same in every index.
    pub(crate) fn own_hash(&self) -> u64 {
        u64::from(self.hash)
    }

    /// Which names stand beside this one; nothing where it is no name.
    pub(crate) fn beside(&self) -> Option<&Beside> {
        self.beside.as_deref()
    }

    /// How many patients of the index have it.
    pub fn count(&self) -> u32 {
        self.count.load(Ordering::Relaxed)
    }
}

/// A family name without what comes and goes before it: `mcdonald` and `macdonald`, `obrien` and `brien`, `el-masry` and
/// `masry`, `de-souza` and `souza`.
pub fn core_of(family: &str) -> &str {
    const WORDS: [&str; 22] = [
        "mac-", "mc-", "o-", "de-la-", "de-", "da-", "dos-", "do-", "di-", "del-", "della-", "van-der-", "van-den-",
        "van-", "von-", "al-", "el-", "bin-", "ibn-", "st-", "ter-", "le-",
    ];
    for prefix in WORDS {
        if let Some(rest) = family.strip_prefix(prefix)
            && rest.len() >= 3
        {
            return rest;
        }
    }
    for prefix in ["mac", "mc"] {
        if let Some(rest) = family.strip_prefix(prefix)
            && rest.len() >= 4
        {
            return rest;
        }
    }
    family
}

fn cut(text: &str) -> &str {
    let mut end = TEXT_MAX.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// A good mixture of 64 bits (the finaliser of splitmix64).
pub fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// The lower half of a 64-bit value.
#[expect(clippy::cast_possible_truncation, reason = "the lower half is what is asked for")]
pub fn low(value: u64) -> u32 {
    value as u32
}

fn mix32(value: u32) -> u32 {
    low(mix(u64::from(value).wrapping_add(0x9e37_79b9_7f4a_7c15)))
}

/// The hash of a text; the same in every process and version.
pub fn hash_text(seed: u64, text: &str) -> u64 {
    let mut hash = seed ^ 0x9e37_79b9_7f4a_7c15;
    for chunk in text.as_bytes().chunks(8) {
        let mut word = 0_u64;
        for byte in chunk {
            word = word << 8 | u64::from(*byte);
        }
        hash = mix(hash.rotate_left(23) ^ word.wrapping_add(0x9e37_79b9_7f4a_7c15));
    }
    hash
}

fn word_hash(text: &str) -> u32 {
    low(hash_text(7, text)) | 1
}

fn hash_of(kind: u8, text: &str) -> u32 {
    low(hash_text(u64::from(kind) + 1, text))
}

type Chunk = Box<[OnceLock<Term>]>;

/// Where terms are found by their hash: each slot holds a term's hash and number, or nothing; what does not find its slot
/// free lies in the next free one. Telling terms apart by the slot alone saves looking at terms that are not meant.
type Slots = Box<[AtomicU64]>;

const EMPTY: u64 = u64::MAX;

fn slots(count: usize) -> Slots {
    (0..count.next_power_of_two()).map(|_| AtomicU64::new(EMPTY)).collect()
}

/// Put a term into the first free slot from its own on. There is one: tables are never more than half full.
fn place(slots: &[AtomicU64], hash: u32, id: u32) {
    let entry = u64::from(hash) << 32 | u64::from(id);
    for step in 0..slots.len() {
        let Some(slot) = slots.get((hash as usize + step) & (slots.len() - 1)) else { return };
        if slot.load(Ordering::Relaxed) == EMPTY {
            slot.store(entry, Ordering::Release);
            return;
        }
    }
}

/// The dictionary.
#[derive(Debug)]
pub struct Terms {
    chunks: Box<[OnceLock<Chunk>]>,
    /// Tables, each [`GROWTH`] times as large as the one before. Terms are found in the one of the number `table`; former
    /// ones are kept, for somebody may still be looking into them.
    tables: [OnceLock<Slots>; TABLES],
    table: AtomicUsize,
    used: Mutex<u32>,
    text_bytes: AtomicU32,
}

impl Terms {
    /// A dictionary with room for about so many terms; it grows when there are more.
    pub fn new(expected: usize) -> Terms {
        let tables: [OnceLock<Slots>; TABLES] = std::array::from_fn(|_| OnceLock::new());
        if let Some(first) = tables.first() {
            first.get_or_init(|| slots(expected.clamp(SLOTS_LEAST, 1 << 22) * 2));
        }
        Terms {
            chunks: (0..CHUNKS).map(|_| OnceLock::new()).collect(),
            tables,
            table: AtomicUsize::new(0),
            used: Mutex::new(0),
            text_bytes: AtomicU32::new(0),
        }
    }

    /// How many there are; their numbers are those below.
    pub(crate) fn len(&self) -> u32 {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The term of a number.
    pub fn get(&self, id: u32) -> Option<&Term> {
        let id = id as usize;
        self.chunks.get(id / CHUNK)?.get()?.get(id % CHUNK)?.get()
    }

    /// Have the processor fetch a term.
    pub(crate) fn touch(&self, id: u32) -> u32 {
        self.get(id).map_or(0, |term| term.hash)
    }

    fn slots(&self) -> &[AtomicU64] {
        self.tables.get(self.table.load(Ordering::Acquire)).and_then(OnceLock::get).map_or(&[], |slots| slots)
    }

    /// When the table is half full the next one takes its place. Whoever looks for a term meanwhile finds it in the old one.
    fn grow(&self, used: u32) {
        let old = self.slots();
        if (used as usize) < old.len() / 2 {
            return;
        }
        let number = self.table.load(Ordering::Acquire) + 1;
        let Some(next) = self.tables.get(number) else { return };
        let made = slots(old.len() * GROWTH);
        for entry in old.iter().map(|slot| slot.load(Ordering::Relaxed)).filter(|entry| *entry != EMPTY) {
            place(&made, low(entry >> 32), low(entry));
        }
        if next.set(made).is_ok() {
            self.table.store(number, Ordering::Release);
        }
    }

    /// The number of a text, if it is known.
    pub fn find(&self, kind: Kind, text: &str) -> Option<u32> {
        let text = cut(text);
        self.find_hashed(kind.code(), hash_of(kind.code(), text), text)
    }

    fn find_hashed(&self, kind: u8, hash: u32, text: &str) -> Option<u32> {
        let slots = self.slots();
        for step in 0..slots.len() {
            let entry = slots.get((hash as usize + step) & (slots.len() - 1))?.load(Ordering::Acquire);
            if entry == EMPTY {
                return None;
            }
            if low(entry >> 32) == hash
                && let Some(term) = self.get(low(entry))
                && term.kind == kind
                && term.text == text
            {
                return Some(low(entry));
            }
        }
        None
    }

    /// The number of a text, made known if need be; counts one more occurrence. Nothing when the dictionary is full.
    pub fn add(&self, kind: Kind, text: &str) -> u32 {
        let id = self.find(kind, text).unwrap_or_else(|| self.insert(kind, text));
        self.count(id, true);
        id
    }

    fn insert(&self, kind: Kind, text: &str) -> u32 {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        // Somebody may have been faster.
        if let Some(id) = self.find(kind, text) {
            return id;
        }
        let id = *used;
        let term = Term::new(kind, text);
        let hash = term.hash;
        let Some(chunk) = self.chunks.get(id as usize / CHUNK) else { return NONE };
        let chunk = chunk.get_or_init(|| (0..CHUNK).map(|_| OnceLock::new()).collect());
        let heap = if term.text.is_heap_allocated() { term.text.len() + 32 } else { 0 };
        let beside = if term.beside.is_some() { size_of::<Beside>() + 16 } else { 0 };
        self.text_bytes.fetch_add(u32::try_from(heap + beside).unwrap_or(0), Ordering::Relaxed);
        if chunk.get(id as usize % CHUNK).is_none_or(|slot| slot.set(term).is_err()) {
            return NONE;
        }
        self.grow(id);
        place(self.slots(), hash, id);
        *used = id + 1;
        id
    }

    /// One occurrence more or fewer.
    pub fn count(&self, id: u32, more: bool) {
        let Some(term) = self.get(id) else { return };
        if more {
            term.count.fetch_add(1, Ordering::Relaxed);
        } else {
            // The count is a statistic: a lost race costs nothing.
            let _ = term.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| count.checked_sub(1));
        }
    }

    /// Memory, in bytes.
    pub fn bytes(&self) -> usize {
        let chunks = self.chunks.iter().filter(|chunk| chunk.get().is_some()).count();
        self.chunks.len() * size_of::<OnceLock<Chunk>>()
            + chunks * CHUNK * size_of::<OnceLock<Term>>()
            + self.tables.iter().filter_map(OnceLock::get).map(|slots| slots.len() * 8).sum::<usize>()
            + self.text_bytes.load(Ordering::Relaxed) as usize
    }
}

/// The dictionary together with the terms of one question that it does not know.
#[derive(Clone, Copy)]
pub struct Lexicon<'t> {
    /// The dictionary.
    pub terms: &'t Terms,
    /// The question's own.
    pub local: &'t [Term],
}

impl<'t> Lexicon<'t> {
    /// The term of a number.
    pub fn get(&self, id: u32) -> Option<&'t Term> {
        if id >= LOCAL { self.local.get((id - LOCAL) as usize) } else { self.terms.get(id) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_number_and_is_counted() {
        let terms = Terms::new(10);
        let a = terms.add(Kind::Given, "ann");
        assert_eq!(terms.add(Kind::Given, "ann"), a);
        assert_ne!(terms.add(Kind::Family, "ann"), a);
        assert_eq!(terms.get(a).unwrap().count(), 2);
        // Many times what it has room for at first.
        for n in 0..10_000 {
            terms.add(Kind::Street, &format!("street {n}"));
        }
        for n in 0..10_000 {
            assert_eq!(terms.find(Kind::Street, &format!("street {n}")), Some(n + 2), "street {n}");
        }
        assert_eq!(terms.find(Kind::Street, "street 9999"), Some(10_001));
        assert_eq!(terms.find(Kind::Street, "nowhere"), None);
    }

    #[test]
    fn whoever_looks_while_the_dictionary_grows_finds_what_was_there() {
        let terms = Terms::new(1);
        let known: Vec<String> = (0..500).map(|n| format!("known {n}")).collect();
        let ids: Vec<u32> = known.iter().map(|text| terms.add(Kind::Family, text)).collect();
        std::thread::scope(|scope| {
            let adding: Vec<_> = ["here", "there"]
                .map(|place| {
                    let terms = &terms;
                    scope.spawn(move || {
                        for n in 0..30_000 {
                            terms.add(Kind::Place, &format!("{place} {n}"));
                            terms.add(Kind::Place, &format!("both {n}"));
                        }
                    })
                })
                .into();
            while !adding.iter().all(std::thread::ScopedJoinHandle::is_finished) {
                for (text, id) in known.iter().zip(&ids) {
                    assert_eq!(terms.find(Kind::Family, text), Some(*id));
                }
            }
        });
        for n in 0..30_000 {
            let both = terms.find(Kind::Place, &format!("both {n}")).and_then(|id| terms.get(id));
            assert_eq!(both.unwrap().count(), 2, "both {n} is one term");
            assert!(terms.find(Kind::Place, &format!("here {n}")).is_some());
        }
    }

    #[test]
    fn prefixes_come_and_go() {
        for (a, b) in
            [("mcdonald", "macdonald"), ("mc-donald", "mcdonald"), ("al-masri", "el-masri"), ("de-souza", "souza")]
        {
            assert_eq!(core_of(a), core_of(b));
        }
        assert_eq!(core_of("mack"), "mack");
    }
}
