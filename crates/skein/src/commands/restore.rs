//! `skein restore`: a region out of its backup.

use super::backup::Said;
use crate::{
    cli::backup::Restore,
    config::Config,
    failure::{Failure, Outcome},
    region, say,
};
use ::backup::{Identities, Restored, Until};
use serde_json::json;
use std::ops::ControlFlow;
use store::{
    Folder,
    audit::{AuditReader, Heads},
};

/// Do it.
pub fn run(asked: &Restore) -> Outcome {
    let identities = Identities::read(&asked.identity)?;
    let until = match (asked.until, asked.until_position) {
        (Some(at), _) => Until::Time(at),
        (None, Some(position)) => Until::Position(position),
        (None, None) => Until::End,
    };
    let folder = match (&asked.config, &asked.to) {
        (Some(file), _) => {
            let config = Config::read(file)?;
            Folder::hold_with(&config.data(), region::server(&config)?)?
        }
        (None, Some(to)) => Folder::hold(to)?,
        (None, None) => return Err(Failure::asked("where to? --to names a data folder, --config a region's file")),
    };
    let mut said = Said::new();
    let restored =
        ::backup::restore(&asked.from, &identities, &folder, (until, asked.cut_audit), &mut |what, done, of| {
            said.show(what, done, of)
        })?;
    let truth = said.seconds();
    // Nothing that was begun before is of this journal.
    folder.derived_beside("rebuild").remove()?;
    intake::rebuild(&folder, &restored.region, &mut |done, of| {
        said.show("derived state", done, of);
        ControlFlow::Continue(())
    })?;
    // What was put back is what was signed while it grew.
    AuditReader::open(&folder)?.verify(&Heads::read(&folder)?.heads)?;
    ::backup::finish(folder.path())?;
    tell(asked, &restored, truth, said.seconds());
    Ok(())
}

fn tell(asked: &Restore, restored: &Restored, truth: f64, whole: f64) {
    if asked.json {
        let line = json!({"region": restored.region, "journal": restored.journal, "left_out": restored.left_out,
            "newest": restored.newest.map(|at| at.to_string()), "audit": restored.audit,
            "audit_after": restored.audit_after, "drafts": restored.drafts, "resumed": restored.resumed,
            "truth_seconds": truth, "seconds": whole});
        say::line(&line.to_string());
        return;
    }
    if restored.resumed {
        say::line("an earlier restore that was broken off was gone on with");
    }
    let newest = restored.newest.map(|at| format!(", the newest of {at:.0}")).unwrap_or_default();
    say::line(&format!("journal  {} entries{newest}", restored.journal));
    if restored.left_out > 0 {
        say::line(&format!("         {} later entries are in the backup and were left out", restored.left_out));
    }
    say::line(&format!("audit    {} entries, chain unbroken", restored.audit));
    if restored.audit_after > 0 {
        say::line(&format!(
            "         {} of them are of after the moment: the trail comes back whole, for it is evidence",
            restored.audit_after
        ));
    }
    say::line(&format!("drafts   {}", restored.drafts));
    say::line(&format!("derived  made again; {truth} s for the truth, {whole} s in all"));
    say::line("now run skein verify; what was configured then is in restored-settings in the data folder");
}
