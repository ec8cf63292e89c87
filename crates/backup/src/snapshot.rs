//! What is in neither stream: drafts, and the region's settings. A snapshot is made when it differs from the one before.

use crate::{
    BackupError,
    folder::Segment,
    key::Key,
    segment::{Frame, encode},
};
use std::collections::BTreeSet;
use store::truth::Field;

/// So many of the newest are kept, and of those before the last of each day.
const KEPT: usize = 60;
/// So many days.
const DAYS: usize = 31;

/// The hash of a snapshot's content, keyed.
pub(crate) struct Content(blake3::Hasher);

impl Content {
    pub fn new(key: &Key) -> Self {
        Content(blake3::Hasher::new_keyed(&key.0))
    }

    pub fn take(&mut self, frame: &Frame) -> Result<(), BackupError> {
        let mut bytes = Vec::new();
        match frame {
            Frame::Row(row) => row.fields.iter().try_for_each(|field| encode(&mut bytes, field))?,
            Frame::Blob { name, bytes: content } => {
                encode(&mut bytes, &Field::Text(name.clone()))?;
                encode(&mut bytes, &Field::Bytes(content.clone()))?;
            }
        }
        self.0.update(&bytes);
        Ok(())
    }

    pub fn hash(&self) -> [u8; 32] {
        *self.0.finalize().as_bytes()
    }
}

/// Which of these, oldest first, nobody needs any more.
pub(crate) fn outdated(segments: &[Segment]) -> Vec<&Segment> {
    let older = segments.len().saturating_sub(KEPT);
    let mut days = BTreeSet::new();
    let day = |segment: &Segment| segment.about.made.to_zoned(jiff::tz::TimeZone::UTC).date();
    let mut outdated = Vec::new();
    for segment in segments.iter().take(older).rev() {
        // The newest of its day, of the last days that have any.
        if days.len() >= DAYS || !days.insert(day(segment)) {
            outdated.push(segment);
        }
    }
    outdated
}
