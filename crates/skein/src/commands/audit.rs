//! `skein audit`: verify, list, show, replay.

use crate::{
    cli::proof::{Audit, AuditCommand},
    config::Config,
    edge,
    failure::{Failure, Outcome},
    region::{self, Visit},
    say,
};
use access::{Action, PrivacyPermit, Recorded, Refusal, User};
use fhir::{PatientKey, PersonKey};
use std::{path::Path, time::Instant};
use store::audit::{AuditEntry, AuditReader, Heads};

/// Do what was asked.
pub fn run(asked: &Audit) -> Outcome {
    let config = region::config(&asked.region)?;
    match &asked.command {
        AuditCommand::Verify { heads, key } => verify(&config, heads.as_deref(), key.as_deref()),
        AuditCommand::List { last, person, user, json } => {
            let desk = Desk::open(&config, "list")?;
            let entries = desk.entries(*last, person.as_deref(), user.as_deref())?;
            for entry in entries.iter().rev() {
                say::line(&if *json { json_line(entry) } else { line(entry) });
            }
            Ok(())
        }
        AuditCommand::Show { number } => {
            let entry = Desk::open(&config, &format!("show {number}"))?.entry(*number)?;
            say::line(&json_line(&entry));
            Ok(())
        }
        AuditCommand::Replay { number, out } => replay(config, *number, out.as_deref()),
    }
}

fn verify(config: &Config, heads: Option<&Path>, key: Option<&str>) -> Outcome {
    let folder = region::visit(config)?;
    let heads = match (heads, key) {
        (None, None) => Heads::read(&folder)?,
        (file, key) => {
            let kept = config.data().join("audit.key.pub");
            let beside = std::fs::read_to_string(&kept);
            let key = key.map(str::to_owned).map_or_else(|| beside, Ok);
            let key = key.map_err(|error| Failure::asked(format!("{}: {error}", kept.display())))?;
            Heads::read_with(file.unwrap_or(&folder.audit_heads()), &key)?
        }
    };
    let begin = Instant::now();
    let entries = AuditReader::open(&folder)?.verify(&heads.heads)?;
    let seconds = begin.elapsed().as_secs_f64();
    say::line(&format!(
        "{entries} entries, chain unbroken, {} signed heads as they were ({seconds:.2} s)",
        heads.heads.len()
    ));
    Ok(())
}

fn line(entry: &AuditEntry) -> String {
    let recorded = Recorded::read(&entry.body).unwrap_or_default();
    let person = entry.person.map(|person| person.to_string()).unwrap_or_default();
    let what = [&recorded.action, &recorded.page, &recorded.what].map(String::as_str).join(" ");
    format!("{:>8}  {}  {:<10} {:<20} {:<14} {}", entry.n, entry.at, recorded.outcome, entry.user, person, what.trim())
}

fn json_line(entry: &AuditEntry) -> String {
    let body: serde_json::Value = serde_json::from_str(&entry.body).unwrap_or_default();
    let person = entry.person.map(|person| person.to_string());
    serde_json::json!({"n": entry.n, "at": entry.at.to_string(), "person": person, "user": entry.user, "entry": body})
        .to_string()
}

/// A privacy officer at the terminal: nothing is shown before the visit is recorded.
struct Desk {
    visit: Visit,
    permit: PrivacyPermit,
    runtime: tokio::runtime::Runtime,
}

fn refused(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::NoReason(sentence) | Refusal::NotAllowed(sentence) => Failure::found(sentence),
        other => Failure::found(other.to_string()),
    }
}

impl Desk {
    fn open(config: &Config, what: &str) -> Outcome<Desk> {
        let visit = Visit::to(config)?;
        let operator = region::operator();
        let user = User { role_code: "R0001".into(), role_name: "Privacy officer".into(), ..operator };
        let permit = visit.gate.privacy(&user, None, &Action::Privacy { what: what.to_owned() }, edge::now());
        Ok(Desk { permit: permit.map_err(refused)?, visit, runtime: region::runtime()? })
    }

    fn entries(&self, last: usize, person: Option<&str>, user: Option<&str>) -> Outcome<Vec<AuditEntry>> {
        let gate = &self.visit.gate;
        let sealed = match (person, user) {
            (Some(key), _) => {
                let wrong = |_| Failure::asked("--person takes an opaque key, as in an address");
                let key: PatientKey = key.parse().map_err(wrong)?;
                let snapshot = self.visit.derived.snapshot()?;
                let person = snapshot.person_of(key, snapshot.seq())?.unwrap_or(PersonKey(key.0));
                gate.entries_about(&self.permit, person, last)?
            }
            (None, Some(user)) => gate.entries_by(&self.permit, user, jiff::Timestamp::MIN, last)?,
            (None, None) => gate.newest(&self.permit, last)?,
        };
        self.runtime.block_on(sealed.release()).map_err(refused)
    }

    fn entry(&self, number: u64) -> Outcome<AuditEntry> {
        let sealed = self.visit.gate.entry(&self.permit, number)?;
        let found = self.runtime.block_on(sealed.release()).map_err(refused)?;
        found.map(|(entry, ..)| entry).ok_or_else(|| Failure::asked(format!("there is no entry {number}")))
    }
}

fn replay(config: Config, number: u64, out: Option<&Path>) -> Outcome {
    let desk = Desk::open(&config, &format!("replay {number}"))?;
    let entry = desk.entry(number)?;
    let records = desk.visit.records();
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::found(error.to_string()))?;
    let begin = Instant::now();
    let made = runtime.block_on(web::replay::again(
        &web::replay::Ground {
            region_name: config.region.name.clone(),
            gate: desk.visit.gate.clone(),
            records,
            forms: crate::policies::forms(&config)?,
        },
        &desk.permit,
        &entry,
    ));
    let made = made.map_err(|error| Failure::found(error.sentence()))?;
    let took = begin.elapsed();
    say::line(&format!("entry {number}: {} ({}), {}", made.user.name, made.user.role_name, made.at));
    match &made.shown {
        Some(shown) => say::line(&format!(
            "shown: {} versions of resources, {} withheld",
            shown.items,
            shown.withheld.iter().map(|held| held.count).sum::<u32>()
        )),
        None => say::line("what was shown was not written down"),
    }
    let Some(html) = made.html else {
        return match (made.same, made.read) {
            (Some(true), Some(read)) => {
                say::line(&format!(
                    "the {} versions of resources read again are the same as were sent ({} ms)",
                    read.items,
                    took.as_millis()
                ));
                Ok(())
            }
            _ => Err(Failure::found("this access asked for a part of the record: its entry names what was shown")),
        };
    };
    if let Some(file) = out {
        std::fs::write(file, &html).map_err(|error| Failure::asked(format!("{}: {error}", file.display())))?;
        say::line(&format!("written to {}", file.display()));
    }
    match made.same {
        Some(true) => {
            say::line(&format!("the page made again is the same as what was sent ({} ms)", took.as_millis()));
            Ok(())
        }
        Some(false) => Err(Failure::found("the page made again is not the same as what was sent")),
        None => Err(Failure::found("nothing was written down to compare the page with")),
    }
}
