//! Which organisation a source speaks for, and its name: for naming caseloads.

use crate::Failure;
use fhir::{
    ResourceId, ResourceType,
    json::{Document, Node},
};
use mapping::{Profile, bearing::ODS, profile::SourceKind};
use std::{cell::RefCell, collections::HashMap};
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
    /// What Organization resources said they are, of late, and which version said it.
    codes: RefCell<HashMap<ResourceId, (u32, Option<String>)>>,
}

/// Organizations whose code is remembered.
const CODES_MAX: usize = 10_000;

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

    /// The ODS code of an organisation as a bearing names it: a code, or `Organization/<id>`.
    pub fn code_of(&self, snapshot: &Snapshot, named: &str, at: u64) -> Result<Option<String>, Failure> {
        let Some(id) = named.strip_prefix("Organization/") else { return Ok(Some(named.to_ascii_uppercase())) };
        let Ok(id) = id.parse() else { return Ok(None) };
        let Some(row) = snapshot.row(id, ResourceType::Organization, at)? else { return Ok(None) };
        // Every patient of a practice names the same one.
        if let Some((version, code)) = self.codes.borrow().get(&id)
            && *version == row.version
        {
            return Ok(code.clone());
        }
        let mut json = Vec::new();
        snapshot.render(&mut json, &row, "", "")?;
        let code = Document::read(&json).ok().and_then(|document| ods_code(document.root()));
        let mut codes = self.codes.borrow_mut();
        if codes.len() == CODES_MAX {
            codes.clear();
        }
        codes.insert(id, (row.version, code.clone()));
        Ok(code)
    }

    /// An organisation's name; its code when it is not known.
    pub fn name<'a>(&'a self, code: &'a str) -> &'a str {
        self.names.get(code).map_or(code, String::as_str)
    }
}

/// The code by which an Organization says it is known.
fn ods_code(organisation: Node<'_>) -> Option<String> {
    let identifiers: Vec<_> = organisation.list("identifier").collect();
    let of_ods = identifiers.iter().find(|identifier| identifier.get("system").is_some_and(|s| s.is_text(ODS)));
    let value = of_ods.and_then(|identifier| identifier.get("value")).and_then(|value| value.text());
    value.map(|value| value.trim().to_ascii_uppercase()).filter(|value| !value.is_empty())
}
