//! `skein copy`: a region from files to PostgreSQL, and back.

use super::backup::Said;
use crate::{
    cli::backup::Copy,
    config::Config,
    failure::{Failure, Outcome},
    region, say,
};
use ::backup::Copied;
use serde_json::json;
use std::ops::ControlFlow;
use store::{
    Alone, Comparison, Folder, Frozen,
    audit::{AuditReader, Heads},
};

/// How long each part took, in seconds.
struct Took {
    truth: f64,
    derived: f64,
    compared: f64,
}

/// Do it.
pub fn run(asked: &Copy) -> Outcome {
    let from = region::config(&asked.region)?;
    let to = Config::read(&asked.to)?;
    let code = &from.region.code;
    if *code != to.region.code {
        return Err(Failure::asked(format!(
            "{} is of region \"{code}\", and {} of \"{}\": every id is made of region.code, so it must be the same",
            from.file.display(),
            to.file.display(),
            to.region.code
        )));
    }
    let source = hold_source(&from)?;
    elsewhere(&from, &to)?;
    let target = Folder::hold_with(&to.data(), region::server(&to)?)?;
    // Neither is served by a process of another machine.
    let _source_alone = Alone::with(&source)?;
    let target_alone = Alone::with(&target)?;

    let mut said = Said::new();
    let mut progress = |what: &'static str, done, of| said.show(what, done, of);
    let copied = ::backup::copy(&source, &target, &place(&from)?, &mut progress)?;
    let truth = said.seconds();
    // Which sees to that itself.
    drop(target_alone);
    intake::rebuild(&target, code, &mut |done, of| {
        said.show("derived state", done, of);
        ControlFlow::Continue(())
    })?;
    let derived = said.seconds() - truth;
    ::backup::compare(&source, &target, &mut |what, done, of| said.show(what, done, of))?;
    AuditReader::open(&target)?.verify(&Heads::read(&target)?.heads)?;
    let compared = compare_derived(&source, &target, &copied)?;
    if let Some(found) = compared.as_ref().filter(|found| found.differences > 0) {
        return Err(Failure::found(format!(
            "{} of {} rows of the source's derived state are not what its journal gives, the first {}: run skein rebuild on the \
             source, then this again",
            found.differences,
            found.rows,
            found.examples.first().map_or("unknown", String::as_str)
        )));
    }
    ::backup::finish(&target)?;
    let took = Took { truth, derived, compared: said.seconds() - truth - derived };
    tell(asked, code, &copied, compared.map(|found| found.rows), &took);
    Ok(())
}

/// The region to copy, which is there and which nobody serves from now on.
fn hold_source(config: &Config) -> Outcome<Folder> {
    region::visit(config)?;
    // Holding one would make it.
    if !config.data().is_dir() {
        return Err(Failure::asked(format!("there is no data folder {}", config.data().display())));
    }
    region::hold(config)
}

/// That the target is another place than the source.
fn elsewhere(from: &Config, to: &Config) -> Outcome {
    let real = |config: &Config| std::fs::canonicalize(config.data()).ok();
    if real(from).is_some() && real(from) == real(to) {
        return Err(Failure::asked(format!(
            "both configurations name the data folder {}: name a new one to copy to",
            from.data().display()
        )));
    }
    if let (Some(from), Some(to)) = (region::server(from)?, region::server(to)?)
        && from.to_string() == to.to_string()
    {
        return Err(Failure::asked(format!("both configurations name {from}: name a new database to copy to")));
    }
    Ok(())
}

/// What tells this region from others, for a copy that is gone on with.
fn place(config: &Config) -> Outcome<String> {
    let data = std::fs::canonicalize(config.data()).unwrap_or_else(|_| config.data());
    let server = region::server(config)?.map(|server| format!(", {server}")).unwrap_or_default();
    Ok(format!("{}{server}", data.display()))
}

/// The derived state that was made again beside the one that the source has, where that has come to the journal's end.
fn compare_derived(source: &Folder, target: &Folder, copied: &Copied) -> Outcome<Option<Comparison>> {
    if !source.derived().is_current()? {
        return Ok(None);
    }
    let ours = Frozen::hold(&source.derived())?;
    if ours.seq() != copied.journal {
        return Ok(None);
    }
    Ok(Some(store::compare(&ours, &Frozen::hold(&target.derived())?)?))
}

fn tell(asked: &Copy, region: &str, copied: &Copied, derived: Option<u64>, took: &Took) {
    let seconds = |of: f64| (of * 1000.0).round() / 1000.0;
    if asked.json {
        let line = json!({"region": region, "journal": copied.journal,
            "newest": copied.newest.map(|at| at.to_string()), "audit": copied.audit, "drafts": copied.drafts,
            "entries": copied.entries, "resumed": copied.resumed, "derived_rows_compared": derived,
            "truth_seconds": seconds(took.truth), "derived_seconds": seconds(took.derived),
            "compared_seconds": seconds(took.compared),
            "seconds": seconds(took.truth + took.derived + took.compared)});
        say::line(&line.to_string());
        return;
    }
    if copied.resumed {
        say::line("an earlier copy that was broken off was gone on with");
    }
    let newest = copied.newest.map(|at| format!(", the newest of {at:.0}")).unwrap_or_default();
    say::line(&format!("journal  {} entries{newest}, each the same as in the source", copied.journal));
    say::line(&format!("audit    {} entries, each the same, chain unbroken", copied.audit));
    say::line(&format!("drafts   {}", copied.drafts));
    say::line(&match derived {
        Some(rows) => format!("derived  made again, {rows} rows, the same as in the source"),
        None => {
            "derived  made again; the source has none of this version that has come to the journal's end, to compare \
                 it with"
                .to_owned()
        }
    });
    say::line(&format!(
        "took     {} s for the truth, {} s for the derived state, {} s to compare",
        seconds(took.truth),
        seconds(took.derived),
        seconds(took.compared)
    ));
    say::line("the source is as it was: serve one of the two from now on, never both");
}
