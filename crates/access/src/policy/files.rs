//! Where policies come from: the built-in files, or a folder of the region's own, whole.

use std::{collections::BTreeMap, fmt, path::Path};

/// The schema's file.
pub const SCHEMA: &str = "skein.cedarschema";
/// The other files that are not policies.
pub const ROLES: &str = "roles.toml";
/// Labels.
pub const LABELS: &str = "labels.toml";
/// Times, limits and reasons.
pub const SETTINGS: &str = "settings.toml";

/// A file of policies larger than this is not read.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// A folder of policies holds so many files at most.
const FILES_MAX: usize = 200;

/// Policies that cannot be used: which file, where in it, what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct BadPolicy {
    /// The file.
    pub file: String,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for BadPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.problem)
    }
}

impl BadPolicy {
    pub(crate) fn new(file: &str, problem: impl Into<String>) -> Self {
        BadPolicy { file: file.to_owned(), problem: problem.into() }
    }
}

/// Policy files by name, with their text.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct PolicyFiles {
    files: BTreeMap<String, String>,
}

impl PolicyFiles {
    /// The ones that come with Skein.
    pub fn builtin() -> Self {
        let files = [
            (SCHEMA, include_str!("../../../../policies/skein.cedarschema")),
            ("10-records.cedar", include_str!("../../../../policies/10-records.cedar")),
            ("20-entries.cedar", include_str!("../../../../policies/20-entries.cedar")),
            ("25-writing.cedar", include_str!("../../../../policies/25-writing.cedar")),
            ("30-desks.cedar", include_str!("../../../../policies/30-desks.cedar")),
            (ROLES, include_str!("../../../../policies/roles.toml")),
            (LABELS, include_str!("../../../../policies/labels.toml")),
            (SETTINGS, include_str!("../../../../policies/settings.toml")),
        ];
        PolicyFiles { files: files.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect() }
    }

    /// The files of a folder. What it lacks of the schema, roles, labels and settings is as built in; its policies
    /// (`*.cedar`) stand alone.
    ///
    /// # Errors
    /// [`BadPolicy`] when the folder cannot be read or holds no policy.
    pub fn from_folder(folder: &Path) -> Result<Self, BadPolicy> {
        let shown = folder.display().to_string();
        let unread = |error: std::io::Error| BadPolicy::new(&shown, format!("cannot be read: {error}"));
        let mut files: BTreeMap<String, String> = BTreeMap::new();
        for entry in std::fs::read_dir(folder).map_err(unread)? {
            let path = entry.map_err(unread)?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()).map(str::to_owned) else { continue };
            if !name.ends_with(".cedar") && ![SCHEMA, ROLES, LABELS, SETTINGS].contains(&name.as_str()) {
                continue;
            }
            let bad = |error: std::io::Error| BadPolicy::new(&name, format!("cannot be read: {error}"));
            if path.metadata().map_err(bad)?.len() > FILE_BYTES_MAX || files.len() >= FILES_MAX {
                return Err(BadPolicy::new(&name, "is too large, or one file too many (1 MiB each, 200 files)"));
            }
            files.insert(name.clone(), std::fs::read_to_string(&path).map_err(bad)?);
        }
        if !files.keys().any(|name| name.ends_with(".cedar")) {
            return Err(BadPolicy::new(&shown, "holds no policies: files that end in .cedar are wanted"));
        }
        let builtin = Self::builtin().files;
        for name in [SCHEMA, ROLES, LABELS, SETTINGS] {
            if let (false, Some(text)) = (files.contains_key(name), builtin.get(name)) {
                files.insert(name.to_owned(), text.clone());
            }
        }
        Ok(PolicyFiles { files })
    }

    /// These files with one more, or another in its place.
    #[must_use]
    pub fn with(mut self, name: &str, text: &str) -> Self {
        self.files.insert(name.to_owned(), text.to_owned());
        self
    }

    /// A file's text, empty when there is none.
    pub fn text(&self, name: &str) -> &str {
        self.files.get(name).map_or("", String::as_str)
    }

    /// Every file, by name.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// The policy files, by name.
    pub fn policies(&self) -> impl Iterator<Item = (&str, &str)> {
        let files = self.files.iter().filter(|(name, _)| name.ends_with(".cedar"));
        files.map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// What tells these files from any others: sixteen hexadecimal digits.
    pub fn version(&self) -> String {
        store::audit::policy_version(&self.files)
    }
}
