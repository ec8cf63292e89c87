//! Which organisation a source speaks for, and its name: for naming caseloads.

use crate::Failure;
use fhir::{ResourceType, json::Document};
use mapping::{Profile, bearing::ODS, profile::SourceKind};
use std::collections::HashMap;
use store::Snapshot;

/// One source's organisation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Speaks {
    pub ods: String,
    pub practice: bool,
}

/// The sources' organisations, as of one state of their profiles.
#[derive(Default)]
pub(crate) struct Organisations {
    mark: Option<i64>,
    sources: HashMap<String, Speaks>,
    names: HashMap<String, String>,
    practices: std::collections::HashSet<String>,
}

impl Organisations {
    /// Bring it up to a snapshot.
    pub fn refresh(&mut self, snapshot: &Snapshot) -> Result<(), Failure> {
        let mark = snapshot.profiles_mark()?;
        if self.mark == Some(mark) {
            return Ok(());
        }
        self.mark = Some(mark);
        for source in snapshot.sources()? {
            let profile = source.profile.as_deref().and_then(|text| Profile::from_toml(text).ok());
            let Some(profile) = profile else { continue };
            let ods = profile.ods.as_deref().unwrap_or_default().trim().to_ascii_uppercase();
            let practice = profile.kind == SourceKind::Gp;
            let name = if profile.name.is_empty() { ods.clone() } else { profile.name.clone() };
            if !ods.is_empty() {
                self.names.entry(ods.clone()).or_insert_with(|| name.clone());
                if practice {
                    self.practices.insert(ods.clone());
                }
            }
            self.sources.insert(source.name, Speaks { ods, practice });
        }
        Ok(())
    }

    /// The organisation a source speaks for.
    pub fn of_source(&self, source: &str) -> Option<&Speaks> {
        self.sources.get(source)
    }

    /// An organisation's name; its code when it is not known.
    pub fn name<'a>(&'a self, code: &'a str) -> &'a str {
        self.names.get(code).map_or(code, String::as_str)
    }
}

/// The ODS code of an organisation as a bearing names it: a code, or `Organization/<id>`.
pub(crate) fn code_of(snapshot: &Snapshot, named: &str, at: u64) -> Result<Option<String>, Failure> {
    let Some(id) = named.strip_prefix("Organization/") else { return Ok(Some(named.to_ascii_uppercase())) };
    let Ok(id) = id.parse() else { return Ok(None) };
    let Some(row) = snapshot.row(id, ResourceType::Organization, at)? else { return Ok(None) };
    let mut json = Vec::new();
    snapshot.render(&mut json, &row, "", "")?;
    let Ok(document) = Document::read(&json) else { return Ok(None) };
    let identifiers: Vec<_> = document.root().list("identifier").collect();
    let of_ods = identifiers.iter().find(|identifier| identifier.get("system").is_some_and(|s| s.is_text(ODS)));
    let value = of_ods.and_then(|identifier| identifier.get("value")).and_then(|value| value.text());
    Ok(value.map(|value| value.trim().to_ascii_uppercase()).filter(|value| !value.is_empty()))
}
