//! Pages: a link to the next one goes on where this one ended, in the state of the record this one was of.
//!
//! Within one person's record the link itself says all there is to know: the person's key, the `seq`, how far we are, and
//! the parameters. A search for people has names and numbers in its parameters, which may not stand in an address; so its
//! result is kept here for a while, for the user who asked, and the link holds a name for it.

use super::reply::ApiError;
use axum::http::StatusCode;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use fhir::{IssueType, PatientKey};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::{BuildHasher, Hasher},
    sync::{LazyLock, Mutex},
};

/// The name of the parameter that continues a search.
pub const PAGE: &str = "_page";
/// How long the result of a search for people is kept.
const KEPT_FOR: SignedDuration = SignedDuration::from_mins(30);
/// How many results are kept at once; the oldest go first.
const KEPT_MAX: usize = 1000;

/// Where a search or `$everything` within one record goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The person's key.
    #[serde(rename = "p")]
    pub person: String,
    /// The state of the record.
    #[serde(rename = "s")]
    pub seq: u64,
    /// How many were given already.
    #[serde(rename = "o")]
    pub offset: usize,
    /// The parameters.
    #[serde(rename = "q")]
    pub pairs: Vec<(String, String)>,
}

impl Cursor {
    /// As it stands in a link, sealed: nobody writes one by hand to read a state of the record that was hidden since.
    pub fn encode(&self) -> String {
        let mut bytes = serde_json::to_vec(self).unwrap_or_default();
        let sign = SEAL.sign(&bytes);
        bytes.extend(sign);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// As it is read from one.
    pub fn decode(text: &str) -> Result<Self, ApiError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok();
        let read = bytes.and_then(|bytes| {
            let (said, sign) = bytes.split_last_chunk::<SEAL_BYTES>().map(|(said, sign)| (said, *sign))?;
            // Hashes are compared in a time that tells nothing.
            (blake3::Hash::from_bytes(SEAL.sign(said)) == blake3::Hash::from_bytes(sign))
                .then(|| serde_json::from_slice(said).ok())?
        });
        read.ok_or_else(|| {
            let text =
                "this is no link of ours, or from before a restart: follow Bundle.link as it is, or search again";
            ApiError::bad(IssueType::Value, text).at(PAGE)
        })
    }
}

/// Bytes of a seal.
const SEAL_BYTES: usize = 32;

/// What links are sealed with: another one after each start.
static SEAL: LazyLock<Seal> = LazyLock::new(Seal::new);

struct Seal {
    key: [u8; 32],
}

impl Seal {
    fn new() -> Self {
        let mut key = [0; 32];
        // Without random numbers nothing else here starts either; a key of zeros seals nothing that is not checked by the
        // gate as well.
        if getrandom::fill(&mut key).is_err() {
            tracing::error!("the system gives no random numbers: links of the FHIR API are not sealed");
        }
        Seal { key }
    }

    fn sign(&self, said: &[u8]) -> [u8; SEAL_BYTES] {
        *blake3::keyed_hash(&self.key, said).as_bytes()
    }
}

/// A search for people, found and kept.
#[derive(Clone, Debug)]
pub struct People {
    /// Who asked.
    pub user: String,
    /// The parameters.
    pub pairs: Vec<(String, String)>,
    /// The patients found, in order.
    pub patients: Vec<PatientKey>,
    /// The state they are read at.
    pub seq: u64,
}

/// Results kept.
#[derive(Default)]
pub struct Kept {
    of_name: Mutex<HashMap<String, (Timestamp, People)>>,
    names: RandomState,
    count: std::sync::atomic::AtomicU64,
}

impl Kept {
    /// Keep a result; gives its name. The name guards nothing: it works for the user who asked alone.
    pub fn keep(&self, people: People, now: Timestamp) -> Option<String> {
        let mut hasher = self.names.build_hasher();
        hasher.write_u64(self.count.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        let name = String::from_utf8_lossy(&fhir::key::encode(hasher.finish())).into_owned();
        let mut kept = self.of_name.lock().ok()?;
        if kept.len() >= KEPT_MAX {
            kept.retain(|_, (at, _)| now.duration_since(*at) < KEPT_FOR);
        }
        if kept.len() >= KEPT_MAX
            && let Some(oldest) = kept.iter().min_by_key(|(_, (at, _))| *at).map(|(name, _)| name.clone())
        {
            kept.remove(&oldest);
        }
        kept.insert(name.clone(), (now, people));
        Some(name)
    }

    /// A result of this user by its name and how far it was given: `name.offset`.
    pub fn find(&self, link: &str, user: &str, now: Timestamp) -> Result<(String, People, usize), ApiError> {
        let gone = || {
            let text = "this page is no longer kept: search again";
            ApiError::new(StatusCode::GONE, IssueType::NotFound, text).at(PAGE)
        };
        let (name, offset) = link.split_once('.').ok_or_else(gone)?;
        let offset = offset.parse().map_err(|_| gone())?;
        let kept = self.of_name.lock().map_err(|_| gone())?;
        let (at, people) = kept.get(name).ok_or_else(gone)?;
        if people.user != user || now.duration_since(*at) >= KEPT_FOR {
            return Err(gone());
        }
        Ok((name.to_owned(), people.clone(), offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_nothing_else_does() {
        let cursor = Cursor { person: "p".into(), seq: 7, offset: 100, pairs: vec![("code".into(), "a|b".into())] };
        assert_eq!(Cursor::decode(&cursor.encode()).expect("a cursor"), cursor);
        // Written by hand: the state of before, under the seal of another.
        let mut forged = URL_SAFE_NO_PAD.decode(cursor.encode()).expect("bytes");
        let seven = forged.iter().position(|byte| *byte == b'7').expect("the state");
        forged[seven] = b'6';
        let forged = URL_SAFE_NO_PAD.encode(forged);
        for text in ["", "x", "e30", "%00", forged.as_str()] {
            assert_eq!(Cursor::decode(text).expect_err("no cursor").status, 400);
        }
    }

    #[test]
    fn a_kept_result_is_for_its_user_and_for_a_while() {
        let kept = Kept::default();
        let now: Timestamp = "2024-07-01T12:00:00Z".parse().expect("a time");
        let people = People { user: "a".into(), pairs: Vec::new(), patients: Vec::new(), seq: 1 };
        let name = kept.keep(people, now).expect("a name");
        let link = format!("{name}.50");
        assert_eq!(kept.find(&link, "a", now).expect("kept").2, 50);
        assert_eq!(kept.find(&link, "b", now).expect_err("another's").status, 410);
        assert_eq!(kept.find(&link, "a", now + KEPT_FOR).expect_err("over").status, 410);
        assert_eq!(kept.find("x.1", "a", now).expect_err("unknown").status, 410);
    }
}
