//! `skein restore`: a region out of its backup.

use super::backup::Said;
use crate::{
    cli::backup::Restore,
    config::Config,
    failure::{Failure, Outcome},
    region, say,
};
use ::backup::{Identities, Restored, Until, Wanted};
use serde_json::json;
use std::ops::ControlFlow;
use store::{
    Alone, Folder,
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
    // Nor is it served by a process of another machine, which would show what is half there.
    let alone = Alone::with(&folder)?;
    let mut said = Said::new();
    let wanted = Wanted { until, cut_audit: asked.cut_audit, derived: !asked.anew };
    let restored =
        ::backup::restore(&asked.from, &identities, &folder, wanted, &mut |what, done, of| said.show(what, done, of))?;
    let truth = said.seconds();
    // What comes now sees to that itself.
    drop(alone);
    let mut progress = |done, of| {
        said.show("entries applied", done, of);
        ControlFlow::Continue(())
    };
    match restored.derived {
        Some(_) => intake::catch_up(&folder, &restored.region, &mut progress)?,
        None => {
            // Nothing that was begun before is of this journal.
            folder.derived_beside("rebuild").remove()?;
            intake::rebuild(&folder, &restored.region, &mut progress)?
        }
    };
    // What was put back is what was signed while it grew.
    AuditReader::open(&folder)?.verify(&Heads::read(&folder)?.heads)?;
    ::backup::finish(&folder)?;
    tell(asked, &restored, truth, said.seconds());
    Ok(())
}

fn tell(asked: &Restore, restored: &Restored, truth: f64, whole: f64) {
    if asked.json {
        let line = json!({"region": restored.region, "journal": restored.journal, "left_out": restored.left_out,
            "newest": restored.newest.map(|at| at.to_string()), "audit": restored.audit,
            "audit_after": restored.audit_after, "drafts": restored.drafts, "resumed": restored.resumed,
            "derived": restored.derived, "derived_left": restored.derived_left, "truth_seconds": truth, "seconds": whole});
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
    for left in &restored.derived_left {
        say::line(&format!("         left where it is: {left}"));
    }
    let derived = match restored.derived {
        Some(at) => format!("put back as of entry {at}, {} applied since", restored.journal.saturating_sub(at)),
        None => "made again".to_owned(),
    };
    say::line(&format!("derived  {derived}; {truth} s for what was put back, {whole} s in all"));
    say::line("now run skein verify; what was configured then is in restored-settings in the data folder");
}
