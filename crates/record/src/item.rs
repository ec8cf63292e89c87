//! What the views are made of: one resource of one source, parsed, with its origin.

use crate::Item;
use fhir::{Resource, ResourceId, ResourceType};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use store::StoreError;

/// What kind of organisation or system a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    /// An acute hospital.
    Hospital,
    /// A general practice.
    Gp,
    /// A laboratory.
    Laboratory,
    /// A community trust: district nurses, therapists.
    Community,
    /// A mental health trust.
    MentalHealth,
    /// An ambulance service.
    Ambulance,
    /// A council: adult social care, housing.
    Council,
    /// Anything else.
    #[serde(other)]
    Other,
}

impl SourceKind {
    /// The word a clinician would use.
    pub fn label(self) -> &'static str {
        match self {
            SourceKind::Hospital => "Hospital",
            SourceKind::Gp => "GP practice",
            SourceKind::Laboratory => "Laboratory",
            SourceKind::Community => "Community health",
            SourceKind::MentalHealth => "Mental health",
            SourceKind::Ambulance => "Ambulance",
            SourceKind::Council => "Council",
            SourceKind::Other => "Other",
        }
    }

    /// Its place among columns: the practice keeps the list that is carried on, hospitals change it.
    pub fn rank(self) -> u8 {
        match self {
            SourceKind::Gp => 0,
            SourceKind::Hospital => 1,
            SourceKind::Community => 2,
            SourceKind::MentalHealth => 3,
            SourceKind::Ambulance => 4,
            SourceKind::Council => 5,
            SourceKind::Laboratory => 6,
            SourceKind::Other => 7,
        }
    }
}

/// The id that stands for a source of what was written here.
pub const WRITTEN_HERE: &str = "skein";

/// A source, as people see it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SourceInfo {
    /// Its id in the configuration, for instance `riverside-pas`.
    pub id: String,
    /// Its name as people know it, for instance `Riverside General Hospital`.
    pub name: String,
    /// What kind of organisation it is.
    pub kind: SourceKind,
}

/// One resource of a record, parsed, with where it came from: what every view is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedItem {
    /// Its id.
    pub id: ResourceId,
    /// Which version this is, from 1.
    pub version: u32,
    /// When the message that made this version reached us.
    pub recorded: Timestamp,
    /// The `seq` of that.
    pub seq: u64,
    /// The journal position of that message.
    pub message: u64,
    /// Who says so.
    pub source: Arc<SourceInfo>,
    /// What is said.
    pub resource: Resource,
}

impl ParsedItem {
    /// Parse an item; `source` tells who its source is.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when what is stored is not a resource.
    pub fn of(item: &Item, source: impl FnOnce(&str) -> Arc<SourceInfo>) -> Result<Self, StoreError> {
        Ok(ParsedItem {
            id: item.id,
            version: item.version,
            recorded: item.recorded,
            seq: item.seq,
            message: item.message,
            source: source(&item.source),
            resource: item.resource()?,
        })
    }

    /// The resource's type.
    pub fn kind(&self) -> ResourceType {
        self.resource.kind()
    }

    /// The status element, empty when there is none.
    pub fn status(&self) -> &str {
        self.resource.str_at("/status").unwrap_or_default()
    }

    /// Where this came from, in the form every row carries.
    pub fn origin(&self) -> Origin {
        Origin {
            id: self.id,
            kind: self.kind(),
            version: self.version,
            recorded: self.recorded,
            source: Arc::clone(&self.source),
        }
    }
}

/// The origin of a fact on screen (invariant 3): enough to show its source and age and to link to its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The resource.
    pub id: ResourceId,
    /// Its type.
    pub kind: ResourceType,
    /// The version shown.
    pub version: u32,
    /// When it reached us.
    pub recorded: Timestamp,
    /// Who says so.
    pub source: Arc<SourceInfo>,
}

/// The items of one type, in the order given.
pub fn of(items: &[ParsedItem], kind: ResourceType) -> impl Iterator<Item = &ParsedItem> {
    items.iter().filter(move |item| item.kind() == kind)
}

/// Find the item a literal reference (`Observation/<id>`) names.
pub fn find<'a>(items: &'a [ParsedItem], reference: &str) -> Option<&'a ParsedItem> {
    let (kind, id) = reference.split_once('/')?;
    let kind: ResourceType = kind.parse().ok()?;
    let id: ResourceId = id.split('/').next()?.parse().ok()?;
    items.iter().find(|item| item.id == id && item.kind() == kind)
}
