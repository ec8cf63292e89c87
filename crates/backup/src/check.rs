//! Checking a backup: that every segment is there and whole, and, with an identity, that its content is what was shipped.

use crate::{
    BackupError, BackupFolder, Identities, Progress,
    chain::Chain,
    folder::Segment,
    key::Key,
    segment::{self, Frame, Kind},
    snapshot::Content,
};
use jiff::Timestamp;
use std::path::Path;

/// What there is of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Entries, from the first on.
    pub entries: u64,
    /// In how many segments.
    pub segments: u64,
    /// When the newest came.
    pub newest: Option<Timestamp>,
    /// Bytes of its files.
    pub bytes: u64,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The region's code.
    pub region: String,
    /// What tells this backup from others.
    pub series: String,
    /// The journal.
    pub journal: Held,
    /// The audit trail.
    pub audit: Held,
    /// Snapshots of drafts.
    pub drafts: u64,
    /// Snapshots of settings.
    pub settings: u64,
    /// Derived states.
    pub derived: u64,
    /// Whether content was looked at, not files alone.
    pub opened: bool,
}

/// Check a backup. Without identities: that files are whole, that none is missing, and that they follow each other.
///
/// # Errors
/// The first thing that is wrong.
pub fn check(path: &Path, identities: Option<&Identities>, progress: Progress<'_>) -> Result<Checked, BackupError> {
    let folder = BackupFolder::open(path)?;
    let (journal, audit) = streams(&folder)?;
    let first = journal.first().ok_or_else(|| BackupError::Nothing(path.to_owned()))?;
    let (region, series) = (first.about.region.clone(), first.about.series.clone());
    for (kind, segments) in [(Kind::Journal, &journal), (Kind::Audit, &audit)] {
        walk(kind, segments, identities, progress, |_, _| Ok(()))?;
    }
    let mut snapshots = [0; 3];
    for (kind, count) in [Kind::Drafts, Kind::Settings, Kind::Derived].into_iter().zip(&mut snapshots) {
        for segment in folder.segments(kind)?.0 {
            of_the_same(&segment, first)?;
            snapshot(&segment, identities, |_| Ok(()))?;
            *count += 1;
        }
    }
    let [drafts, settings, derived] = snapshots;
    Ok(Checked {
        region,
        series,
        journal: held(&journal),
        audit: held(&audit),
        drafts,
        settings,
        derived,
        opened: identities.is_some(),
    })
}

/// The segments of both streams, of one series, as many as the backup says there are.
pub(crate) fn streams(folder: &BackupFolder) -> Result<(Vec<Segment>, Vec<Segment>), BackupError> {
    let (journal, _) = folder.chain(Kind::Journal, None)?;
    let first = journal.first().ok_or_else(|| BackupError::Nothing(folder.path().to_owned()))?;
    let (audit, _) = folder.chain(Kind::Audit, Some(&first.about))?;
    let last = |segments: &[Segment]| segments.last().map_or(0, |last| last.about.to);
    folder.whole(last(&journal), last(&audit))?;
    Ok((journal, audit))
}

/// That a snapshot belongs to the streams.
pub(crate) fn of_the_same(segment: &Segment, first: &Segment) -> Result<(), BackupError> {
    let about = &segment.about;
    if (&about.region, &about.series) == (&first.about.region, &first.about.series) {
        return Ok(());
    }
    Err(BackupError::Foreign { path: segment.path.clone(), region: about.region.clone(), series: about.series.clone() })
}

fn held(segments: &[Segment]) -> Held {
    Held {
        entries: segments.iter().map(|segment| segment.about.entries()).sum(),
        segments: segments.len() as u64,
        newest: segments
            .iter()
            .map(|segment| segment.about.latest)
            .max()
            .and_then(|at| Timestamp::from_microsecond(at).ok()),
        bytes: segments.iter().map(|segment| segment.bytes).sum(),
    }
}

/// Go through segments that follow each other: their bytes and, with identities, every entry. `each` gets what they hold, and
/// the key they are of.
pub(crate) fn walk(
    kind: Kind,
    segments: &[Segment],
    identities: Option<&Identities>,
    progress: Progress<'_>,
    mut each: impl FnMut(Frame, &Key) -> Result<(), BackupError>,
) -> Result<(), BackupError> {
    let last = segments.last().map_or(0, |segment| segment.about.to);
    let mut chain: Option<Chain> = None;
    for Segment { path, .. } in segments {
        let (about, end) = segment::check_bytes(path)?;
        let wrong = |why: &str| BackupError::damaged(path, why);
        if let Some(identities) = identities {
            let mut next = about.from;
            segment::frames(path, (&about, end), identities, |frame, key| {
                let chain = chain.get_or_insert_with(|| Chain::new(*key));
                if let Frame::Row(row) = &frame {
                    if let Some(at) = row.position() {
                        if at != next {
                            return Err(wrong("its entries are not one after the other"));
                        }
                        next += 1;
                    }
                    chain.take(row, path)?;
                }
                each(frame, key)
            })?;
            if next != about.to + 1 || chain.as_ref().map(Chain::at) != Some(about.after) {
                return Err(wrong("its entries are not those it says it holds"));
            }
        }
        progress(kind.as_str(), about.to, last);
    }
    Ok(())
}

/// The content of a snapshot, as it was made.
pub(crate) fn snapshot(
    segment: &Segment,
    identities: Option<&Identities>,
    mut each: impl FnMut(Frame) -> Result<(), BackupError>,
) -> Result<(), BackupError> {
    let (about, end) = segment::check_bytes(&segment.path)?;
    let Some(identities) = identities else { return Ok(()) };
    let mut content: Option<Content> = None;
    let key = segment::frames(&segment.path, (&about, end), identities, |frame, key| {
        content.get_or_insert_with(|| Content::new(key)).take(&frame)?;
        each(frame)
    })?;
    let hash = content.unwrap_or_else(|| Content::new(&key)).hash();
    if hash == about.after {
        return Ok(());
    }
    Err(BackupError::damaged(&segment.path, "its content is not what it says it holds"))
}
