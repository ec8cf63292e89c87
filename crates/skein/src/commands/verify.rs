//! `skein verify` and `skein rebuild`: the journal against what was made of it.

use crate::{
    cli::{Rebuild, Verify},
    edge,
    failure::{Failure, Outcome},
    region, say,
};
use indicatif::{ProgressBar, ProgressStyle};
use intake::Replayed;
use std::ops::ControlFlow;
use tokio::runtime::Builder;

/// Compare.
pub fn verify(asked: &Verify) -> Outcome {
    let config = region::config(&asked.region)?;
    let folder = region::visit(&config)?;
    let bar = Bar::new("replaying");
    let verdict = intake::verify(&folder, &config.region.code, &mut |reached, last| bar.show(reached, last));
    bar.done();
    let verdict = verdict?;
    say::line(&format!("journal  {} entries replayed", verdict.entries));
    say::line(&format!("audit    {} entries, chain unbroken", verdict.audit_entries));
    let compared = &verdict.comparison;
    if compared.differences == 0 {
        say::line(&format!("derived  {} rows, the same as the journal gives", compared.rows));
        return Ok(());
    }
    for example in &compared.examples {
        say::line(&format!("differs  {example}"));
    }
    Err(Failure::found(format!(
        "{} of {} rows are not what the journal gives; `skein rebuild` makes the derived state again",
        compared.differences, compared.rows
    )))
}

/// Make anew.
pub fn rebuild(asked: &Rebuild) -> Outcome {
    let config = region::config(&asked.region)?;
    let folder = region::hold(&config)?;
    let told = |error: std::io::Error| Failure::found(error.to_string());
    // Which hears signals while this thread works.
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(told)?;
    let stop = runtime.block_on(async { edge::until_told_to_stop() }).map_err(told)?;
    let bar = Bar::new("rebuilding");
    let mut of = 0;
    let replayed = intake::rebuild(&folder, &config.region.code, &mut |reached, last| {
        bar.show(reached, last);
        of = last;
        if stop.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    bar.done();
    let Replayed { from, reached, whole } = replayed?;
    if !whole {
        return Err(Failure::found(format!(
            "stopped at entry {reached} of {of}; the derived state in use is as it was, `skein rebuild` goes on from there"
        )));
    }
    let went_on = if from > 0 { format!(", going on after {from}") } else { String::new() };
    say::line(&format!("rebuilt from {reached} journal entries{went_on}"));
    Ok(())
}

/// A progress bar on the terminal; nothing where there is none.
struct Bar(ProgressBar);

impl Bar {
    fn new(doing: &'static str) -> Self {
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} ({eta})") {
            bar.set_style(style);
        }
        bar.set_message(doing);
        Bar(bar)
    }

    fn show(&self, reached: u64, last: u64) {
        self.0.set_length(last);
        self.0.set_position(reached);
    }

    fn done(&self) {
        self.0.finish_and_clear();
    }
}
