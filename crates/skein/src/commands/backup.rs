//! `skein backup`: ship now, check, make a key.

use crate::{
    backup as shipping,
    cli::backup::{Backup, BackupCommand},
    failure::{Failure, Outcome, io_words},
    region, say,
};
use ::backup::{Checked, Held, Identities, check, new_identity};
use serde_json::json;
use std::{
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::{Duration, Instant},
};

/// Do what was asked.
pub fn run(asked: &Backup) -> Outcome {
    match &asked.command {
        None => ship(asked),
        Some(BackupCommand::Check { folder, identity, json }) => look(folder, identity.as_deref(), *json),
        Some(BackupCommand::Key { out }) => key(out),
    }
}

/// Says on standard error how far it is, now and then.
pub struct Said {
    began: Instant,
    last: Instant,
}

/// Between two lines of it.
const SAY_EVERY: Duration = Duration::from_secs(2);

impl Said {
    /// Nothing yet.
    pub fn new() -> Self {
        Said { began: Instant::now(), last: Instant::now() }
    }

    /// So far.
    pub fn show(&mut self, what: &str, done: u64, of: u64) {
        if self.last.elapsed() >= SAY_EVERY {
            self.last = Instant::now();
            say::complain(&format!("{what}: {done} of {of} ({} s)", self.began.elapsed().as_secs()));
        }
    }

    /// Since it began.
    pub fn seconds(&self) -> f64 {
        (self.began.elapsed().as_secs_f64() * 1000.0).round() / 1000.0
    }
}

fn ship(asked: &Backup) -> Outcome {
    let config = region::config(&asked.region)?;
    let mut said = Said::new();
    let shipped = shipping::once(&config, asked.derived, &mut |what, done, of| said.show(what, done, of))?;
    if asked.json {
        let line = json!({"journal": shipped.journal, "audit": shipped.audit, "entries": shipped.entries,
            "derived": shipped.derived, "segments": shipped.segments, "merged": shipped.merged, "bytes": shipped.bytes, "seconds": said.seconds()});
        say::line(&line.to_string());
        return Ok(());
    }
    say::line(&format!(
        "{} entries shipped in {} s ({} segments, {} bytes); the backup holds the journal up to {} and the audit trail up to {}",
        shipped.entries,
        said.seconds(),
        shipped.segments,
        shipped.bytes,
        shipped.journal,
        shipped.audit
    ));
    if shipped.derived > 0 {
        say::line(&format!("the newest derived state in it is as of entry {}", shipped.derived));
    }
    Ok(())
}

fn look(folder: &Path, identity: Option<&Path>, as_json: bool) -> Outcome {
    let identities = identity.map(Identities::read).transpose()?;
    let mut said = Said::new();
    let found = check(folder, identities.as_ref(), &mut |what, done, of| said.show(what, done, of))?;
    if as_json {
        let held = |held: &Held| {
            json!({"entries": held.entries, "segments": held.segments, "bytes": held.bytes,
                "newest": held.newest.map(|at| at.to_string())})
        };
        let line = json!({"region": found.region, "series": found.series, "journal": held(&found.journal),
            "audit": held(&found.audit), "drafts": found.drafts, "settings": found.settings,
            "derived": found.derived, "opened": found.opened,
            "seconds": said.seconds()});
        say::line(&line.to_string());
        return Ok(());
    }
    tell(&found);
    Ok(())
}

fn tell(found: &Checked) {
    say::line(&format!("region   {} (series {})", found.region, found.series));
    for (name, held) in [("journal ", &found.journal), ("audit   ", &found.audit)] {
        let newest = held.newest.map(|at| format!(", the newest of {at:.0}")).unwrap_or_default();
        say::line(&format!(
            "{name} {} entries in {} segments, {} bytes{newest}",
            held.entries, held.segments, held.bytes
        ));
    }
    say::line(&format!(
        "beside   {} snapshots of drafts, {} of settings, {} derived states",
        found.drafts, found.settings, found.derived
    ));
    say::line(if found.opened {
        "every segment is there and whole, and holds what was shipped"
    } else {
        "every segment is there and whole; with --identity what they hold is checked as well"
    });
}

fn key(out: &Path) -> Outcome {
    let (identity, recipient) = new_identity();
    let cannot = |error: std::io::Error| Failure::asked(format!("{}: {}", out.display(), io_words(&error)));
    let mut file = std::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(out).map_err(cannot)?;
    let text = format!(
        "# Opens the backups that are encrypted to {recipient}\n# Keep it on no machine of the region. Without it the backups \
         are lost.\n{identity}\n"
    );
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(cannot)?;
    say::complain(&format!("the key is in {}: take it off this machine", out.display()));
    say::line(&recipient);
    Ok(())
}
