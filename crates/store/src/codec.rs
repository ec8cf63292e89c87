//! How a resource's JSON becomes a small row and JSON again.
//!
//! What the key already says is left out (`resourceType`, `id`, our part of `meta`); the patient's own key, which nearly
//! every reference repeats, becomes one byte; base64 attachments become their bytes; the rest is zstd with a dictionary
//! trained for the resource type. JSON text never contains bytes below 0x20 (RFC 8259 §7), so those serve as marks.

use crate::StoreError;
use fhir::{Content, ResourceId, ResourceType, key};
use memchr::memmem;
use std::{
    cell::RefCell,
    collections::HashMap,
    sync::{Arc, LazyLock, RwLock},
};
use zstd::{
    bulk::{Compressor, Decompressor},
    dict::{DecoderDictionary, EncoderDictionary},
};

const OWN_KEY: u8 = 0x01;
const BASE64: u8 = 0x02;
const LOCAL_KEY: u8 = 0x03;
const UUID: u8 = 0x04;
const LEVEL: i32 = 3;
/// Shorter base64 is not worth a mark.
const BASE64_LEN_MIN: usize = 64;

struct Dictionary {
    encode: EncoderDictionary<'static>,
    decode: DecoderDictionary<'static>,
}

#[derive(Default)]
struct Known {
    /// By number. Dictionaries are never dropped: there are few, and compressors keep pointers into them.
    by_number: HashMap<u32, &'static Dictionary>,
    /// The one to write with and its number, by resource type.
    current: Vec<Option<(u32, &'static Dictionary)>>,
}

/// Asks the store for all dictionaries: number, kind, bytes.
pub(crate) type Load = dyn Fn() -> Result<Vec<(u32, u8, Vec<u8>)>, StoreError> + Send + Sync;

/// The dictionaries in use, shared by readers and the writer.
#[derive(Clone, Default)]
pub struct Codec {
    known: Arc<RwLock<Known>>,
    /// For those that another process made after we looked.
    load: Option<Arc<Load>>,
}

/// A compressed body and the dictionary it needs (0: none).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// The dictionary's number.
    pub dictionary: u32,
    /// The zstd frame.
    pub bytes: Vec<u8>,
}

/// What to say of a row when writing it as a resource.
pub struct Rendering<'a> {
    /// The type.
    pub kind: ResourceType,
    /// The logical id.
    pub id: ResourceId,
    /// `meta.versionId`.
    pub version: u32,
    /// `meta.lastUpdated`, an instant as text.
    pub last_updated: &'a str,
    /// The source's id, for `meta.source`.
    pub source: &'a str,
    /// The journal position of the message it came from, for `meta.source`.
    pub message: u64,
}

struct Scratch {
    compressor: Compressor<'static>,
    decompressor: Decompressor<'static>,
    encode_with: Option<u32>,
    decode_with: Option<u32>,
    owner: usize,
    buffer: Vec<u8>,
    packed: Vec<u8>,
}

/// Room for compressing that is kept for the next text.
const PACKED_BYTES_KEPT: usize = 2 << 20;

thread_local! {
    static SCRATCH: RefCell<Option<Scratch>> = const { RefCell::new(None) };
}

fn io(error: std::io::Error) -> StoreError {
    StoreError::Corrupt(format!("compressed body: {error}"))
}

impl Codec {
    fn with_scratch<T>(&self, work: impl FnOnce(&mut Scratch) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let owner = Arc::as_ptr(&self.known) as usize;
        SCRATCH.with(|cell| {
            let mut slot = cell.borrow_mut();
            let fresh = match &*slot {
                Some(scratch) => scratch.owner != owner,
                None => true,
            };
            if fresh {
                let mut compressor = Compressor::new(LEVEL).map_err(io)?;
                compressor.include_checksum(false).map_err(io)?;
                compressor.include_dictid(false).map_err(io)?;
                *slot = Some(Scratch {
                    compressor,
                    decompressor: Decompressor::new().map_err(io)?,
                    encode_with: None,
                    decode_with: None,
                    owner,
                    buffer: Vec::new(),
                    packed: Vec::new(),
                });
            }
            match slot.as_mut() {
                Some(scratch) => work(scratch),
                None => Err(StoreError::Corrupt("no compressor".into())),
            }
        })
    }

    /// Make a dictionary known, and the one to write `kind` with.
    pub fn learn(&self, number: u32, kind: u8, bytes: &[u8]) -> Result<(), StoreError> {
        let encode = EncoderDictionary::try_copy(bytes, LEVEL).map_err(io)?;
        let decode = DecoderDictionary::try_copy(bytes).map_err(io)?;
        let kept: &'static Dictionary = Box::leak(Box::new(Dictionary { encode, decode }));
        let mut known = self.known.write().map_err(|_| StoreError::Stopped("dictionary lock".into()))?;
        known.by_number.insert(number, kept);
        known.current.resize(usize::from(u8::MAX) + 1, None);
        if let Some(current) = known.current.get_mut(usize::from(kind))
            && current.is_none_or(|(older, _)| older <= number)
        {
            *current = Some((number, kept));
        }
        Ok(())
    }

    /// The same, asking the store for a dictionary that is not known.
    pub(crate) fn loading(self, load: Arc<Load>) -> Self {
        Codec { load: Some(load), ..self }
    }

    /// Make those of the store known that are not yet.
    pub(crate) fn learn_new(&self) -> Result<(), StoreError> {
        let Some(load) = &self.load else { return Ok(()) };
        for (number, kind, bytes) in load()? {
            if self.known(number)?.is_none() {
                self.learn(number, kind, &bytes)?;
            }
        }
        Ok(())
    }

    fn current(&self, kind: u8) -> Option<(u32, &'static Dictionary)> {
        *self.known.read().ok()?.current.get(usize::from(kind))?
    }

    fn known(&self, number: u32) -> Result<Option<&'static Dictionary>, StoreError> {
        let known = self.known.read().map_err(|_| StoreError::Stopped("dictionary lock".into()))?;
        Ok(known.by_number.get(&number).copied())
    }

    fn dictionary(&self, number: u32) -> Result<&'static Dictionary, StoreError> {
        if let Some(known) = self.known(number)? {
            return Ok(known);
        }
        self.learn_new()?;
        self.known(number)?.ok_or_else(|| StoreError::Corrupt(format!("dictionary {number} is missing")))
    }

    /// Compress marked text with the dictionary of this kind.
    pub fn compress(&self, kind: u8, text: &[u8]) -> Result<Body, StoreError> {
        self.with_scratch(|scratch| {
            let dictionary = self.current(kind);
            let number = dictionary.map_or(0, |(number, _)| number);
            if scratch.encode_with != Some(number) {
                match dictionary {
                    Some((_, dictionary)) => {
                        scratch.compressor.set_prepared_dictionary(&dictionary.encode).map_err(io)?
                    }
                    None => scratch.compressor.set_dictionary(LEVEL, &[]).map_err(io)?,
                }
                scratch.encode_with = Some(number);
            }
            // Into room for the worst case first: a body is a fraction of that, and many are held at a time.
            let room = zstd::zstd_safe::compress_bound(text.len());
            scratch.packed.clear();
            scratch.packed.reserve(room);
            scratch.compressor.compress_to_buffer(text, &mut scratch.packed).map_err(io)?;
            let bytes = scratch.packed.as_slice().to_vec();
            if room > PACKED_BYTES_KEPT {
                scratch.packed = Vec::new();
            }
            Ok(Body { dictionary: number, bytes })
        })
    }

    fn decompress_into(&self, scratch: &mut Scratch, number: u32, bytes: &[u8]) -> Result<(), StoreError> {
        let mut buffer = std::mem::take(&mut scratch.buffer);
        let outcome = self.decompress_with(scratch, number, bytes, &mut buffer);
        scratch.buffer = buffer;
        outcome
    }

    fn decompress_with(
        &self,
        scratch: &mut Scratch,
        number: u32,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), StoreError> {
        if scratch.decode_with != Some(number) {
            if number == 0 {
                scratch.decompressor.set_dictionary(&[]).map_err(io)?;
            } else {
                scratch.decompressor.set_prepared_dictionary(&self.dictionary(number)?.decode).map_err(io)?;
            }
            scratch.decode_with = Some(number);
        }
        let size = zstd::zstd_safe::get_frame_content_size(bytes)
            .ok()
            .flatten()
            .and_then(|size| usize::try_from(size).ok())
            .ok_or_else(|| StoreError::Corrupt("compressed body without a size".into()))?;
        out.clear();
        out.reserve(size);
        scratch.decompressor.decompress_to_buffer(bytes, out).map_err(io)?;
        Ok(())
    }

    /// The text that [`Codec::compress`] was given.
    pub fn decompress(&self, dictionary: u32, bytes: &[u8]) -> Result<Vec<u8>, StoreError> {
        let mut text = Vec::new();
        self.decompress_to(dictionary, bytes, &mut text)?;
        Ok(text)
    }

    /// As [`Codec::decompress`], in the place of what `out` holds.
    pub fn decompress_to(&self, dictionary: u32, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), StoreError> {
        self.with_scratch(|scratch| self.decompress_with(scratch, dictionary, bytes, out))
    }

    /// Write a stored row as a FHIR resource, appended to `out`.
    pub fn render(
        &self,
        out: &mut Vec<u8>,
        what: &Rendering<'_>,
        dictionary: u32,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        self.with_scratch(|scratch| {
            self.decompress_into(scratch, dictionary, bytes)?;
            render(out, what, &scratch.buffer)
        })
    }
}

/// The text to compress: what a resource says, marks in place.
pub fn pack(content: &Content, id: ResourceId) -> Vec<u8> {
    mark(content.json().as_bytes(), id)
}

/// What a packed text says.
///
/// # Errors
/// [`StoreError::Corrupt`] when the text was not made by [`pack`].
pub fn unpack(text: &[u8], id: ResourceId, kind: ResourceType) -> Result<Content, StoreError> {
    let mut json = Vec::with_capacity(text.len() * 2);
    unmark(&mut json, id, text)?;
    let json = String::from_utf8(json).map_err(|_| StoreError::Corrupt("a stored body is no text".into()))?;
    Ok(Content::new(kind, json))
}

fn varint(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push(u8::try_from(number & 0x7f).unwrap_or(0) | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).unwrap_or(0));
}

fn read_varint(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut number = 0usize;
    for (index, byte) in bytes.iter().enumerate().take(9) {
        number |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((number, index + 1));
        }
    }
    None
}

fn mark(json: &[u8], id: ResourceId) -> Vec<u8> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    static DATA: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(b"\"data\":\""));
    let own = key::encode(id.patient.0);
    let keys = memmem::Finder::new(&own);
    let data = &*DATA;
    let mut next_key = keys.find(json);
    let mut next_data = data.find(json);
    if next_key.is_none() && next_data.is_none() {
        return mark_uuids(json);
    }
    let mut out = Vec::with_capacity(json.len());
    let mut at = 0usize;
    loop {
        let rest = |from: usize| json.get(from..).unwrap_or_default();
        match (next_key, next_data) {
            (key_at, Some(data_at)) if key_at.is_none_or(|k| data_at < k) => {
                let start = data_at + 8;
                let text = rest(start);
                let end = memchr::memchr(b'"', text).unwrap_or(0);
                let encoded = text.get(..end).unwrap_or_default();
                let decoded = if end >= BASE64_LEN_MIN { STANDARD.decode(encoded).ok() } else { None };
                out.extend_from_slice(json.get(at..start).unwrap_or_default());
                at = start;
                if let Some(raw) = decoded.filter(|raw| STANDARD.encode(raw).as_bytes() == encoded) {
                    out.push(BASE64);
                    varint(&mut out, raw.len());
                    out.extend_from_slice(&raw);
                    at = start + end;
                }
                next_data = data.find(rest(at)).map(|found| found + at);
                if key_at.is_some_and(|k| k < at) {
                    next_key = keys.find(rest(at)).map(|found| found + at);
                }
            }
            (Some(key_at), _) => {
                out.extend_from_slice(json.get(at..key_at).unwrap_or_default());
                out.push(OWN_KEY);
                at = key_at + own.len();
                // A reference to another resource of the same patient: `-` and thirteen characters more.
                if let Some(local) = rest(at).get(..14)
                    && local.first() == Some(&b'-')
                    && let Some(number) = local
                        .get(1..)
                        .and_then(|text| std::str::from_utf8(text).ok())
                        .and_then(|text| key::decode(text).ok())
                {
                    out.pop();
                    out.push(LOCAL_KEY);
                    out.extend_from_slice(&number.to_le_bytes());
                    at += 14;
                }
                next_key = keys.find(rest(at)).map(|found| found + at);
            }
            _ => {
                out.extend_from_slice(rest(at));
                return mark_uuids(&out);
            }
        }
    }
}

/// Replace the lower-case UUIDs of the text by their sixteen bytes. Skips what is marked already.
fn mark_uuids(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0usize;
    let mut scan = 0usize;
    // Bytes before this belong to a mark: they may look like digits and are not.
    let mut floor = 0usize;
    while let Some(found) = memchr::memchr3(b'-', BASE64, LOCAL_KEY, text.get(scan..).unwrap_or_default()) {
        let spot = scan + found;
        match text.get(spot) {
            Some(&LOCAL_KEY) => {
                scan = spot + 9;
                floor = scan;
            }
            Some(&BASE64) => {
                let (len, width) = read_varint(text.get(spot + 1..).unwrap_or_default()).unwrap_or((0, 0));
                scan = spot + 1 + width + len;
                floor = scan;
            }
            _ => {
                scan = spot + 1;
                let Some(start) = spot.checked_sub(8).filter(|start| *start >= at.max(floor)) else { continue };
                let Some(raw) = text.get(start..start + 36).and_then(parse_uuid) else { continue };
                out.extend_from_slice(text.get(at..start).unwrap_or_default());
                out.push(UUID);
                out.extend_from_slice(&raw);
                at = start + 36;
                scan = at;
            }
        }
    }
    out.extend_from_slice(text.get(at..).unwrap_or_default());
    out
}

/// What a letter stands for in a lower-case UUID; [`NO_HEX`] for all others.
const HEX_DIGITS: [u8; 256] = {
    let mut digits = [NO_HEX; 256];
    let mut digit = 0;
    while digit < 16 {
        let letter = if digit < 10 { b'0' + digit } else { b'a' + digit - 10 };
        if let Some(slot) = digits.split_at_mut(letter as usize).1.first_mut() {
            *slot = digit;
        }
        digit += 1;
    }
    digits
};
const NO_HEX: u8 = u8::MAX;

fn parse_uuid(text: &[u8]) -> Option<[u8; 16]> {
    // Dates have dashes too, but not in these places.
    if [8, 13, 18, 23].iter().any(|dash| text.get(*dash) != Some(&b'-')) {
        return None;
    }
    let digit = |at: usize| HEX_DIGITS.get(usize::from(*text.get(at)?)).copied();
    let mut raw = [0u8; 16];
    let pairs = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
    for (slot, at) in raw.iter_mut().zip(pairs) {
        let (high, low) = (digit(at)?, digit(at + 1)?);
        if (high | low) > 15 {
            return None;
        }
        *slot = high << 4 | low;
    }
    Some(raw)
}

fn push_uuid(out: &mut Vec<u8>, raw: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for (index, byte) in raw.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        out.push(HEX.get(usize::from(byte >> 4)).copied().unwrap_or(b'0'));
        out.push(HEX.get(usize::from(byte & 15)).copied().unwrap_or(b'0'));
    }
}

fn render(out: &mut Vec<u8>, what: &Rendering<'_>, marked: &[u8]) -> Result<(), StoreError> {
    use std::io::Write;
    let broken = || StoreError::Corrupt("a stored body has a broken mark".into());
    // Writing to a Vec cannot fail.
    let _ = write!(
        out,
        "{{\"resourceType\":\"{}\",\"id\":\"{}\",\"meta\":{{\"versionId\":\"{}\",\"lastUpdated\":\"{}\",\"source\":\"urn:skein:source:{}#{}\"",
        what.kind, what.id, what.version, what.last_updated, what.source, what.message
    );
    let rest = match marked.strip_prefix(b"{\"meta\":{") {
        Some(rest) => {
            out.push(b',');
            rest
        }
        None => {
            out.push(b'}');
            let rest = marked.strip_prefix(b"{").ok_or_else(broken)?;
            if rest != b"}" {
                out.push(b',');
            }
            rest
        }
    };
    unmark(out, what.id, rest)
}

/// Where the next mark is. Marks are few: 32 bytes are looked at together.
fn next_mark(marked: &[u8]) -> Option<usize> {
    let is_mark = |byte: &u8| *byte <= UUID;
    let mut at = 0;
    for chunk in marked.chunks(32) {
        if chunk.iter().fold(false, |any, byte| any | is_mark(byte)) {
            return chunk.iter().position(is_mark).map(|spot| at + spot);
        }
        at += chunk.len();
    }
    None
}

/// Append marked text as JSON again.
fn unmark(out: &mut Vec<u8>, id: ResourceId, marked: &[u8]) -> Result<(), StoreError> {
    let broken = || StoreError::Corrupt("a stored body has a broken mark".into());
    let own = key::encode(id.patient.0);
    let mut rest = marked;
    while let Some(spot) = next_mark(rest) {
        let (before, after) = rest.split_at_checked(spot).ok_or_else(broken)?;
        out.extend_from_slice(before);
        let (mark, after) = after.split_first().ok_or_else(broken)?;
        rest = match *mark {
            OWN_KEY => {
                out.extend_from_slice(&own);
                after
            }
            LOCAL_KEY => {
                let (raw, after) = after.split_first_chunk::<8>().ok_or_else(broken)?;
                out.extend_from_slice(&own);
                out.push(b'-');
                out.extend_from_slice(&key::encode(u64::from_le_bytes(*raw)));
                after
            }
            UUID => {
                let (raw, after) = after.split_at_checked(16).ok_or_else(broken)?;
                push_uuid(out, raw);
                after
            }
            BASE64 => {
                use base64::{Engine, engine::general_purpose::STANDARD};
                let (len, width) = read_varint(after).ok_or_else(broken)?;
                let raw = after.get(width..width + len).ok_or_else(broken)?;
                let start = out.len();
                out.resize(start + raw.len().div_ceil(3) * 4, 0);
                STANDARD
                    .encode_slice(raw, out.get_mut(start..).unwrap_or_default())
                    .map_err(|_| StoreError::Corrupt("a stored attachment does not fit".into()))?;
                after.get(width + len..).ok_or_else(broken)?
            }
            _ => return Err(broken()),
        };
    }
    out.extend_from_slice(rest);
    Ok(())
}

/// Train a dictionary from sample texts. `None` when the samples do not make one.
pub fn train(samples: &[Vec<u8>], size: usize) -> Option<Vec<u8>> {
    zstd::dict::from_samples(samples, size).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use fhir::{PatientKey, Resource};
    use proptest::prelude::*;

    fn round_trip(codec: &Codec, resource: &Resource, id: ResourceId) -> serde_json::Value {
        let body = codec.compress(id_kind(resource), &pack(&Content::of(resource), id)).unwrap();
        let mut out = Vec::new();
        let what = Rendering {
            kind: resource.kind(),
            id,
            version: 1,
            last_updated: "2026-01-01T00:00:00Z",
            source: "rxa",
            message: 7,
        };
        codec.render(&mut out, &what, body.dictionary, &body.bytes).unwrap();
        serde_json::from_slice(&out).unwrap()
    }

    fn id_kind(resource: &Resource) -> u8 {
        resource.kind().code()
    }

    #[test]
    fn a_resource_comes_back_as_it_was_stored() {
        let id = ResourceId { patient: PatientKey(0x0123_4567_89ab_cdef), local: 42 };
        let long = base64_of(&[1, 2, 3, 0, 255].repeat(40));
        let json = format!(
            r#"{{"resourceType":"DocumentReference","meta":{{"profile":["p"],"versionId":"9"}},
            "subject":{{"reference":"Patient/{p}"}},"context":{{"encounter":[{{"reference":"Encounter/{p}-{e}"}},{{"reference":"Encounter/{p}-uuuuuuuuuuuuu"}}]}},
            "identifier":[{{"value":"5e1f2a88-0c6b-4a5e-9d3f-000102030405"}}],"x":1.50,"note":"a-b--c 0123456789 -",
            "content":[{{"attachment":{{"data":"{long}"}}}},{{"attachment":{{"data":"short"}}}},{{"attachment":{{"data":"{long}!"}}}}]}}"#,
            p = id.patient,
            e = String::from_utf8(key::encode(77).to_vec()).unwrap()
        );
        let resource = Resource::from_slice(json.as_bytes()).unwrap();
        let back = round_trip(&Codec::default(), &resource, id);
        let mut expected = resource.clone().into_value();
        expected["id"] = id.to_string().into();
        expected["meta"] = serde_json::json!({"profile":["p"],"versionId":"1","lastUpdated":"2026-01-01T00:00:00Z","source":"urn:skein:source:rxa#7"});
        assert_eq!(back, expected);
        assert!(back.to_string().contains("1.50"));
    }

    #[test]
    fn an_empty_resource_is_valid_json_again() {
        let id = ResourceId::of_patient(PatientKey(1));
        let back = round_trip(&Codec::default(), &Resource::new(ResourceType::Patient), id);
        assert_eq!(back["meta"]["versionId"], "1");
    }

    fn base64_of(bytes: &[u8]) -> String {
        use base64::{Engine, engine::general_purpose::STANDARD};
        STANDARD.encode(bytes)
    }

    proptest! {
        #[test]
        fn any_text_survives(text in "[ -~\\PC]{0,80}", uuid in "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", raw in proptest::collection::vec(any::<u8>(), 0..200)) {
            let id = ResourceId { patient: PatientKey(99), local: 3 };
            let mut resource = Resource::new(ResourceType::Observation);
            resource.set("a", format!("{text}{uuid}{}-{}{uuid}", id.patient, id));
            resource.set("b", serde_json::json!({"data": base64_of(&raw), "c": [uuid, text]}));
            let back = round_trip(&Codec::default(), &resource, id);
            prop_assert_eq!(back.get("a"), resource.get("a"));
            prop_assert_eq!(back.get("b"), resource.get("b"));
        }
    }
}
