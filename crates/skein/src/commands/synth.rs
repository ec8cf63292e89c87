//! `skein synth`: a synthetic region as files, one folder per source.

use crate::{
    cli::{Synth, SynthOther},
    edge,
    failure::{Failure, Outcome, io_words},
    say,
};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use jiff::tz::TimeZone;
use synth::{Region, WriteError};

/// Run it.
pub fn run(asked: &Synth) -> Outcome {
    if let Some(SynthOther::Identity(other)) = &asked.other {
        return super::synth_identity::run(other);
    }
    let out = asked.out.as_deref().ok_or_else(|| Failure::asked("where to? --out names the folder"))?;
    let until = asked.until.unwrap_or_else(today);
    let region = Region::new(asked.seed, u64::from(asked.people), until);
    let bar = ProgressBar::new(region.people());
    if let Ok(style) = ProgressStyle::with_template("{pos}/{len} people {wide_bar} ({eta})") {
        bar.set_style(style);
    }
    let written = region.write(out, &mut |people| bar.set_position(people));
    bar.finish_and_clear();
    let written = written.map_err(|error| {
        Failure::asked(match error {
            WriteError::NotEmpty(folder) => format!("{} is not empty: name a new folder with --out", folder.display()),
            WriteError::Io { path, source } => format!("cannot write {}: {}", path.display(), io_words(&source)),
        })
    })?;
    say::line(&format!(
        "{} people until {until}: {} HL7 v2 messages, {} FHIR bundles, {} in {}",
        written.people,
        written.messages,
        written.bundles,
        HumanBytes(written.bytes),
        out.display()
    ));
    Ok(())
}

/// Today on the clocks of England.
pub fn today() -> jiff::civil::Date {
    let zone = TimeZone::get("Europe/London").unwrap_or(TimeZone::UTC);
    edge::now().to_zoned(zone).date()
}
