//! The forms of a region: those that come with Skein, and its own, which stand in the place of those of the same name.

use crate::{
    builtin,
    form::Form,
    read::{self, BadForm},
};
use std::{path::Path, sync::Arc};

/// A file larger than this is no form.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Forms at most.
const FILES_MAX: usize = 200;

/// The forms there are, by title.
#[derive(Clone, Debug, Default)]
pub struct Forms {
    forms: Arc<Vec<Form>>,
}

impl Forms {
    /// Those that come with Skein.
    ///
    /// # Errors
    /// Never, or a test fails: they are read there.
    pub fn builtin() -> Result<Self, BadForm> {
        Self::new(Vec::new())
    }

    /// Those that come with Skein, and these, which stand in the place of those of the same name.
    ///
    /// # Errors
    /// [`BadForm`] when two of these have the same name or address.
    pub fn new(own: Vec<Form>) -> Result<Self, BadForm> {
        let mut forms = builtin::read()?;
        for (index, form) in own.iter().enumerate() {
            let before = own.iter().take(index);
            if let Some(other) = before.into_iter().find(|one| one.name == form.name || one.url == form.url) {
                let problem = format!("has the name or address of \"{}\" too: a form has its own", other.title);
                return Err(BadForm { file: form.name.clone(), problem });
            }
        }
        forms.retain(|form| !own.iter().any(|one| one.name == form.name || one.url == form.url));
        forms.extend(own);
        forms.sort_by(|a, b| a.title.cmp(&b.title));
        Ok(Forms { forms: Arc::new(forms) })
    }

    /// All, by title.
    pub fn all(&self) -> &[Form] {
        &self.forms
    }

    /// The form of this name.
    pub fn named(&self, name: &str) -> Option<&Form> {
        self.forms.iter().find(|form| form.name == name)
    }

    /// The form of this canonical address, without its version.
    pub fn of_url(&self, url: &str) -> Option<&Form> {
        self.forms.iter().find(|form| form.url == url)
    }
}

/// The forms of a folder (`*.json`), with those that come with Skein.
///
/// # Errors
/// [`BadForm`] naming the file and what is wrong in it.
pub fn from_folder(folder: &Path) -> Result<Forms, BadForm> {
    let shown = folder.display().to_string();
    let unread = |file: &str, error: &std::io::Error| BadForm {
        file: file.to_owned(),
        problem: format!("cannot be read: {error}"),
    };
    let mut own = Vec::new();
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| unread(&shown, &error))? {
        let path = entry.map_err(|error| unread(&shown, &error))?.path();
        if path.extension().is_some_and(|ending| ending == "json") {
            paths.push(path);
        }
    }
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let bytes = path.metadata().map_err(|error| unread(&name, &error))?.len();
        if bytes > FILE_BYTES_MAX || own.len() >= FILES_MAX {
            let problem = "is too large, or one file too many (1 MiB each, 200 files)".to_owned();
            return Err(BadForm { file: name, problem });
        }
        let text = std::fs::read_to_string(&path).map_err(|error| unread(&name, &error))?;
        own.push(read::form(&name, &text)?);
    }
    if own.is_empty() {
        return Err(BadForm { file: shown, problem: "holds no forms: files that end in .json are wanted".into() });
    }
    Forms::new(own)
}
