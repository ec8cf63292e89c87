//! A segment: one file. Its content, rows and blobs in frames, is compressed and encrypted; behind it stands in the open what
//! it holds, and a hash of all that came before, so that a file can be checked without opening it:
//!
//! ```text
//! SKEINBK1 │ age( zstd( inside, frame, frame, …, end ) ) │ about (JSON) │ its length (4) │ BLAKE3 of all before (32) │ SKEINEND
//! ```

mod read;
mod write;

use crate::{BackupError, key::Key};
use serde::{Deserialize, Serialize};
use store::truth::{Field, Stream};

pub(crate) use read::{Frame, about, check_bytes, frames};
pub(crate) use write::{NewSegment, sync_folder};

/// The version of the format.
const FORMAT: u32 = 1;
const BEGIN: &[u8; 8] = b"SKEINBK1";
const END: &[u8; 8] = b"SKEINEND";
/// The length and the hash and the mark of the end.
const TAIL: u64 = 4 + 32 + 8;
/// What stands in the open is never larger.
const ABOUT_BYTES_MAX: u32 = 1 << 20;
/// A field is never larger.
const FIELD_BYTES_MAX: u32 = 1 << 30;

/// Marks of frames that are no rows.
const INSIDE: u8 = 0xfe;
const BLOB: u8 = 0xfd;
const DONE: u8 = 0xff;

/// What a segment holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    Journal,
    Audit,
    /// All drafts at one moment.
    Drafts,
    /// The region's configuration and keys at one moment.
    Settings,
    /// The derived state as of one entry of the journal, in pages of SQLite.
    Derived,
}

impl Kind {
    /// As its folder is named.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Journal => "journal",
            Kind::Audit => "audit",
            Kind::Drafts => "drafts",
            Kind::Settings => "settings",
            Kind::Derived => "derived",
        }
    }

    /// How a file is named after the numbers it holds.
    pub fn file_name(self, from: u64, to: u64) -> String {
        match self {
            Kind::Journal | Kind::Audit => format!("{from:012}-{to:012}.seg"),
            Kind::Drafts | Kind::Settings | Kind::Derived => format!("{from:012}.seg"),
        }
    }
}

impl From<Stream> for Kind {
    fn from(stream: Stream) -> Self {
        match stream {
            Stream::Journal => Kind::Journal,
            Stream::Audit => Kind::Audit,
        }
    }
}

/// How far the things beside the entries are shipped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Marks {
    /// The highest number of a name.
    pub names: i64,
    /// The highest number of a dictionary.
    pub dictionaries: i64,
    /// Bytes of the file of signed heads.
    pub heads: u64,
}

/// What a segment says of itself in the open: numbers, times and hashes, nothing about a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct About {
    pub format: u32,
    pub region: String,
    pub series: String,
    pub kind: Kind,
    /// The first entry; of a snapshot its number.
    pub from: u64,
    /// The last entry.
    pub to: u64,
    /// The chain before the first entry.
    #[serde(with = "hex")]
    pub before: [u8; 32],
    /// The chain after the last entry; of a snapshot the hash of its content.
    #[serde(with = "hex")]
    pub after: [u8; 32],
    /// The least time an entry came at, in microseconds since 1970.
    pub earliest: i64,
    /// The greatest.
    pub latest: i64,
    /// How often it was made of smaller ones.
    pub level: u32,
    /// When it was made.
    pub made: jiff::Timestamp,
    pub marks_before: Marks,
    pub marks_after: Marks,
    /// The versions of policies it holds.
    pub policies: Vec<String>,
    /// How large its content is.
    pub plain: u64,
    /// Of a derived state its version: another is of no use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub derived: Option<i64>,
}

impl About {
    /// Of a new segment.
    pub fn new(region: &str, key: &Key, kind: Kind, from: u64, made: jiff::Timestamp) -> Self {
        About {
            format: FORMAT,
            region: region.to_owned(),
            series: key.series(),
            kind,
            from,
            to: from.saturating_sub(1),
            before: crate::chain::GENESIS,
            after: crate::chain::GENESIS,
            earliest: i64::MAX,
            latest: i64::MIN,
            level: 0,
            made,
            marks_before: Marks::default(),
            marks_after: Marks::default(),
            policies: Vec::new(),
            plain: 0,
            derived: None,
        }
    }

    /// How many entries it holds.
    pub fn entries(&self) -> u64 {
        (self.to + 1).saturating_sub(self.from)
    }

    /// What it holds, in words.
    pub fn words(&self) -> String {
        match self.kind {
            Kind::Journal | Kind::Audit => format!("{} entries {} to {}", self.kind.as_str(), self.from, self.to),
            Kind::Drafts | Kind::Settings => format!("snapshot {} of {}", self.from, self.kind.as_str()),
            Kind::Derived => format!("the derived state as of entry {}", self.from),
        }
    }
}

/// The first frame within: what the open part is held against, and the key.
#[derive(Serialize, Deserialize)]
struct Inside {
    format: u32,
    region: String,
    kind: Kind,
    from: u64,
    #[serde(with = "hex")]
    before: [u8; 32],
    #[serde(with = "hex")]
    key: [u8; 32],
}

mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(bytes: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(blake3::Hash::from_bytes(*bytes).to_hex().as_str())
    }

    pub fn deserialize<'d, D: Deserializer<'d>>(deserializer: D) -> Result<[u8; 32], D::Error> {
        let text = String::deserialize(deserializer)?;
        blake3::Hash::from_hex(text).map(|hash| *hash.as_bytes()).map_err(D::Error::custom)
    }
}

/// A field as bytes: in frames, and in the chain.
pub(crate) fn encode(out: &mut Vec<u8>, field: &Field) -> Result<(), BackupError> {
    let mut sized = |mark: u8, bytes: &[u8]| {
        let len = u32::try_from(bytes.len()).ok().filter(|len| *len <= FIELD_BYTES_MAX);
        let len = len.ok_or_else(|| BackupError::Refused("an entry is too large for a backup: 1 GiB".into()))?;
        out.push(mark);
        out.extend_from_slice(&len.to_le_bytes());
        out.extend_from_slice(bytes);
        Ok::<(), BackupError>(())
    };
    match field {
        Field::Missing => out.push(0),
        Field::Integer(number) => {
            out.push(1);
            out.extend_from_slice(&number.to_le_bytes());
        }
        Field::Text(text) => sized(2, text.as_bytes())?,
        Field::Bytes(bytes) => sized(3, bytes)?,
    }
    Ok(())
}
