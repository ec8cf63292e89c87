//! `skein verify` and `skein rebuild`: the journal against what was made of it.

use crate::{
    cli::{Rebuild, Verify},
    failure::{Failure, Outcome},
    region, say,
};
use indicatif::{ProgressBar, ProgressStyle};

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
    let bar = Bar::new("rebuilding");
    let entries = intake::rebuild(&folder, &config.region.code, &mut |reached, last| bar.show(reached, last));
    bar.done();
    say::line(&format!("rebuilt from {} journal entries", entries?));
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
