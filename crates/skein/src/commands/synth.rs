//! `skein synth`: a synthetic region as files, one folder per source.

use crate::{
    cli::Synth,
    edge,
    failure::{Failure, Outcome, io_words},
    say,
};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::tz::TimeZone;
use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};
use synth::{Format, Outgoing, Region};

/// Run it.
pub fn run(asked: &Synth) -> Outcome {
    let out = asked.out.as_path();
    if out.exists() && std::fs::read_dir(out).map_err(|error| cannot(out, &error))?.next().is_some() {
        return Err(Failure::asked(format!("{} is not empty: name a new folder with --out", out.display())));
    }
    let until = asked.until.unwrap_or_else(today);
    let region = Region::new(asked.seed, u64::from(asked.people), until);
    let mut files = Files::new(out);
    for source in region.sources() {
        let folder = out.join(source.id);
        std::fs::create_dir_all(&folder).map_err(|error| cannot(&folder, &error))?;
        let profile = folder.join("profile.toml");
        std::fs::write(&profile, source.profile_toml()).map_err(|error| cannot(&profile, &error))?;
    }
    for message in region.opening() {
        files.put(&message)?;
    }
    let bar = ProgressBar::new(region.people());
    if let Ok(style) = ProgressStyle::with_template("{pos}/{len} people {wide_bar} ({eta})") {
        bar.set_style(style);
    }
    for person in region.everyone() {
        for message in region.history(&person) {
            files.put(&message)?;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    let messages = files.close()?;
    let mut highlights = String::new();
    for highlight in region.highlights() {
        highlights.push_str(&format!(
            "{}\n  {}, born {}, NHS number {}\n  {}\n\n",
            highlight.title,
            highlight.name,
            highlight.born(),
            highlight.nhs_number,
            highlight.what_to_look_at
        ));
    }
    let file = out.join("highlights.txt");
    std::fs::write(&file, highlights).map_err(|error| cannot(&file, &error))?;
    say::line(&format!("{} people, {messages} messages, until {until}, in {}", region.people(), out.display()));
    Ok(())
}

/// Today on the clocks of England.
pub fn today() -> jiff::civil::Date {
    let zone = TimeZone::get("Europe/London").unwrap_or(TimeZone::UTC);
    edge::now().to_zoned(zone).date()
}

fn cannot(path: &Path, error: &std::io::Error) -> Failure {
    Failure::asked(format!("cannot write {}: {}", path.display(), io_words(error)))
}

/// One file per source, open while it is written.
struct Files<'a> {
    out: &'a Path,
    open: BTreeMap<&'static str, BufWriter<File>>,
    messages: u64,
}

impl<'a> Files<'a> {
    fn new(out: &'a Path) -> Self {
        Files { out, open: BTreeMap::new(), messages: 0 }
    }

    fn put(&mut self, message: &Outgoing) -> Outcome {
        let name = match message.format {
            Format::Hl7v2 => "messages.hl7",
            Format::Fhir => "bundles.ndjson",
        };
        let path = self.out.join(message.source).join(name);
        let file = match self.open.entry(message.source) {
            std::collections::btree_map::Entry::Occupied(open) => open.into_mut(),
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(BufWriter::new(File::create(&path).map_err(|error| cannot(&path, &error))?))
            }
        };
        let written = file.write_all(&message.bytes).and_then(|()| match message.format {
            Format::Hl7v2 => Ok(()),
            Format::Fhir => file.write_all(b"\n"),
        });
        written.map_err(|error| cannot(&path, &error))?;
        self.messages += 1;
        Ok(())
    }

    fn close(self) -> Outcome<u64> {
        for (source, mut file) in self.open {
            file.flush().map_err(|error| cannot(&self.out.join(source), &error))?;
        }
        Ok(self.messages)
    }
}
