//! Drafts of what is written in a record, under the record's permit: seen by their author, and by those of the author's
//! organisation who may open the record, and by nobody else. They are part of no record.

use access::{Permit, Sealed, UserKind, WritePermit};
use fhir::PatientKey;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use store::{DraftRow, StoreError};

/// What somebody began to write.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftBody {
    /// What was typed, by field.
    pub answers: BTreeMap<String, Vec<String>>,
    /// What was current when it began, `CarePlan/<id>@<version>`, in order: what it is to stand in the place of.
    pub base: Vec<String>,
    /// Who began it: name, role and organisation.
    pub begun_by: String,
    /// Who saved it last.
    pub saved_by: String,
}

/// A draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Its name, random.
    pub id: String,
    /// Whom it is about.
    pub patient: PatientKey,
    /// The form's name.
    pub form: String,
    /// How often it was saved.
    pub revision: u32,
    /// When it was saved last.
    pub saved: Timestamp,
    /// What it says.
    pub body: DraftBody,
}

/// The drafts of a region.
#[derive(Clone)]
pub struct Drafts {
    kept: store::Drafts,
}

/// Drafts of one form about one person that are kept at most by one organisation: more are forgotten work.
pub const DRAFTS_MAX: usize = 20;

fn sees(permit: &Permit, row: &DraftRow) -> bool {
    let user = permit.user();
    let of_person = permit.patients().contains(&row.patient);
    let own = row.author == user.id && row.organisation == user.org_code;
    let colleagues = user.kind == UserKind::Staff && !row.organisation.is_empty() && row.organisation == user.org_code;
    of_person && (own || colleagues)
}

fn draft(row: DraftRow) -> Draft {
    let DraftRow { id, patient, form, revision, saved, body, .. } = row;
    Draft { id, patient, form, revision, saved, body: serde_json::from_str(&body).unwrap_or_default() }
}

impl Drafts {
    /// The drafts kept in a data folder.
    ///
    /// # Errors
    /// The store's.
    pub fn open(folder: &std::path::Path) -> Result<Self, StoreError> {
        Ok(Drafts { kept: store::Drafts::open(folder)? })
    }

    /// The drafts of a region, wherever its database is.
    ///
    /// # Errors
    /// The store's.
    pub fn of_region(folder: &store::Folder) -> Result<Self, StoreError> {
        Ok(Drafts { kept: store::Drafts::of_region(folder)? })
    }

    /// The drafts about the person that this reader sees, newest first.
    ///
    /// # Errors
    /// The store's.
    pub fn of(&self, permit: &Permit) -> Result<Sealed<Vec<Draft>>, StoreError> {
        let mut drafts = Vec::new();
        for patient in permit.patients() {
            drafts.extend(self.kept.of(*patient)?.into_iter().filter(|row| sees(permit, row)).map(draft));
        }
        drafts.sort_by_key(|draft| std::cmp::Reverse(draft.saved));
        Ok(permit.seal(drafts))
    }

    /// One draft, for whoever writes on in it. Its entry in the audit trail is on disk: a [`WritePermit`] is waited for.
    ///
    /// # Errors
    /// The store's.
    pub fn kept(&self, permit: &WritePermit, id: &str) -> Result<Option<Draft>, StoreError> {
        Ok(self.kept.get(id)?.filter(|row| sees(permit.permit(), row)).map(draft))
    }

    /// How many drafts of a form about the person this user sees.
    ///
    /// # Errors
    /// The store's.
    pub fn count(&self, permit: &WritePermit, form: &str) -> Result<usize, StoreError> {
        let mut count = 0;
        for patient in permit.permit().patients() {
            let rows = self.kept.of(*patient)?;
            count += rows.iter().filter(|row| row.form == form && sees(permit.permit(), row)).count();
        }
        Ok(count)
    }

    /// Keep a draft: `revision` one more than the one it was made from. False: somebody saved or threw it away meanwhile, and
    /// nothing is kept.
    ///
    /// # Errors
    /// The store's.
    pub fn put(&self, permit: &WritePermit, draft: &Draft) -> Result<bool, StoreError> {
        let (permit, user) = (permit.permit(), permit.user());
        let row = DraftRow {
            id: draft.id.clone(),
            patient: draft.patient,
            form: draft.form.clone(),
            author: user.id.clone(),
            organisation: user.org_code.clone(),
            revision: draft.revision,
            saved: draft.saved,
            body: serde_json::to_string(&draft.body).map_err(|error| StoreError::Corrupt(error.to_string()))?,
        };
        let known = self.kept.get(&draft.id)?;
        let seen = known.as_ref().is_none_or(|known| sees(permit, known));
        Ok(seen && permit.patients().contains(&draft.patient) && self.kept.put(&row)?)
    }

    /// Throw a draft away, if this user sees it.
    ///
    /// # Errors
    /// The store's.
    pub fn remove(&self, permit: &WritePermit, id: &str) -> Result<(), StoreError> {
        match self.kept.get(id)? {
            Some(row) if sees(permit.permit(), &row) => self.kept.remove(id),
            _ => Ok(()),
        }
    }
}
