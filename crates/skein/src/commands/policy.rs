//! `skein policy`: check, try, rehearse, matrix, export.

use crate::{
    cli::proof::{Policy, PolicyCommand, Try},
    edge,
    failure::{Failure, Outcome},
    policies, region, say,
};
use access::{
    Action, Recorded, User, UserKind,
    policy::{Door, Policies, PolicyFiles},
};
use fhir::{PatientKey, PersonKey};
use jiff::SignedDuration;
use std::{collections::BTreeMap, path::Path};

/// Changes shown one by one; all are counted.
const CHANGES_SHOWN: usize = 50;
/// Entries read at a time.
const PIECE: usize = 5_000;

/// Do what was asked.
pub fn run(asked: &Policy) -> Outcome {
    match &asked.command {
        PolicyCommand::Check { folder } => {
            let policies = read(asked, folder.as_deref())?;
            say::line(&format!("{} rules, version {}: good", policies.rules().len(), policies.version()));
            Ok(())
        }
        PolicyCommand::Try(question) => attempt(asked, question),
        PolicyCommand::Rehearse { folder, days } => rehearse(asked, folder, *days),
        PolicyCommand::Matrix { folder, out } => {
            let table = access::policy::matrix::markdown(&read(asked, folder.as_deref())?);
            match out {
                Some(file) => std::fs::write(file, table)
                    .map_err(|error| Failure::asked(format!("{} cannot be written: {error}", file.display()))),
                None => {
                    say::text(&table);
                    Ok(())
                }
            }
        }
        PolicyCommand::Export { folder } => export(folder),
    }
}

fn bad(error: &access::policy::BadPolicy) -> Failure {
    Failure::asked(format!("policies: {error}"))
}

/// The policies of a folder; without one, of the region, if there is one here; else those built in.
fn read(asked: &Policy, folder: Option<&Path>) -> Outcome<Policies> {
    let files = match folder {
        Some(folder) => PolicyFiles::from_folder(folder).map_err(|error| bad(&error))?,
        None => match region::config(&asked.region) {
            Ok(config) => policies::gate_config(&config)?.policies.unwrap_or_else(PolicyFiles::builtin),
            Err(_) if asked.region.config.is_none() => PolicyFiles::builtin(),
            Err(failure) => return Err(failure),
        },
    };
    Policies::new(files).map_err(|error| bad(&error))
}

fn attempt(asked: &Policy, question: &Try) -> Outcome {
    let config = region::config(&asked.region)?;
    let user = match config.users.iter().find(|user| user.id == question.user) {
        Some(known) => User::staff(
            &known.id,
            &known.name,
            (&known.role_code, &known.role_name),
            (&known.organisation_code, &known.organisation_name),
        ),
        None => {
            let (role, organisation) = question.user.split_once('@').ok_or_else(|| {
                Failure::asked("--as takes a role and an organisation, as in R8000@XWA, or the id of a [[user]]")
            })?;
            let kind = if role == "system" { UserKind::System } else { UserKind::Staff };
            User {
                kind,
                ..User::staff(format!("try:{}", question.user), "", (role, role), (organisation, organisation))
            }
        }
    };
    let visit = region::Visit::to(&config)?;
    let key = |text: &str| text.parse::<PatientKey>();
    let key = key(&question.person).map_err(|_| Failure::asked("--person takes an opaque key, as in an address"))?;
    let snapshot = visit.derived.snapshot()?;
    let person = snapshot.person_of(key, snapshot.seq())?.unwrap_or(PersonKey(key.0));
    drop(snapshot);
    // Asking tells who looks after whom, so that it was asked is on record.
    let noted = Action::Privacy { what: format!("try {}", question.user) };
    let operator = region::operator();
    let note = visit.gate.note(&operator, &noted, access::Outcome::Permitted, edge::now());
    region::runtime()?.block_on(note).map_err(|refusal| Failure::found(refusal.to_string()))?;
    let (situation, rulings) =
        visit.gate.rehearse(&user, person, edge::now()).map_err(|refusal| Failure::found(refusal.to_string()))?;
    let kind = if situation.organisation_kind.is_empty() { "unknown" } else { &situation.organisation_kind };
    say::line(&format!("organisation   {} ({kind})", user.org_code));
    let policies = visit.gate.policies();
    let job = policies.jobs().of(&user, &situation.organisation_kind);
    let job = job.and_then(|place| policies.jobs().all().get(place)).map_or("none", |job| job.name.as_str());
    say::line(&format!("job            {job}"));
    match situation.evidence.is_empty() {
        true => say::line("relationship   none known"),
        false => situation
            .evidence
            .iter()
            .for_each(|one| say::line(&format!("relationship   {} ({})", one.relationship, one.resource))),
    }
    if situation.access.objected {
        say::line("objection      in force");
    }
    for (door, ruling) in rulings {
        let answer = if ruling.allowed { "yes" } else { "no" };
        let rules = if ruling.rules.is_empty() { "no rule permits it".to_owned() } else { ruling.rules.join(", ") };
        let because = ruling.because.as_deref().map(|because| format!(": {because}")).unwrap_or_default();
        say::line(&format!("{:<14} {answer} ({rules}){because}", door.name()));
    }
    Ok(())
}

/// What would have gone otherwise under other policies: every access as it was recorded, put to them again.
fn rehearse(asked: &Policy, folder: &Path, days: u16) -> Outcome {
    let config = region::config(&asked.region)?;
    let other = Policies::new(PolicyFiles::from_folder(folder).map_err(|error| bad(&error))?).map_err(|e| bad(&e))?;
    let data = region::visit(&config)?;
    let audit = store::audit::AuditReader::open(&data)?;
    let since = edge::now().checked_sub(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or_default();
    let (mut after, mut seen, mut shown) = (0, 0_u64, 0);
    let mut changed: BTreeMap<(String, String, String), u64> = BTreeMap::new();
    loop {
        let piece = audit.after(after, PIECE)?;
        let Some(last) = piece.last() else { break };
        after = last.n;
        for entry in piece.iter().filter(|entry| entry.at >= since) {
            let Some(recorded) = Recorded::read(&entry.body) else { continue };
            let (Some(situation), Some(_)) = (&recorded.situation, entry.person) else { continue };
            let is_look = ["open-page", "read-resources", "open-origin"].contains(&recorded.action.as_str());
            if !is_look || recorded.outcome == "not-found" {
                continue;
            }
            seen += 1;
            let ruling = other.record(&recorded.user, &situation.organisation_kind, Door::Open, &situation.access);
            let was = recorded.outcome == "permitted";
            if was == ruling.allowed {
                continue;
            }
            let rules = if ruling.rules.is_empty() { "no rule permits it".to_owned() } else { ruling.rules.join(", ") };
            let would = if ruling.allowed { "would open" } else { "would be refused" };
            *changed.entry((recorded.user.role_name.clone(), would.to_owned(), rules.clone())).or_default() += 1;
            shown += 1;
            if shown <= CHANGES_SHOWN {
                say::line(&format!(
                    "entry {:<8} {} of {} {would} ({rules})",
                    entry.n, recorded.user.role_name, recorded.user.org_code
                ));
            }
        }
    }
    if shown > CHANGES_SHOWN {
        say::line(&format!("… and {} more", shown - CHANGES_SHOWN));
    }
    for ((role, would, rules), count) in &changed {
        say::line(&format!("{count:>8} × {role} {would} ({rules})"));
    }
    say::line(&format!("{shown} of {seen} accesses of the last {days} days would go otherwise"));
    Ok(())
}

fn export(folder: &Path) -> Outcome {
    let cannot = |error: std::io::Error| Failure::asked(format!("{} cannot be written: {error}", folder.display()));
    if folder.exists() && std::fs::read_dir(folder).map_err(cannot)?.next().is_some() {
        return Err(Failure::asked(format!("{} is not empty: name a new folder", folder.display())));
    }
    std::fs::create_dir_all(folder).map_err(cannot)?;
    let files = PolicyFiles::builtin();
    for (name, text) in files.all() {
        std::fs::write(folder.join(name), text).map_err(cannot)?;
    }
    say::line(&format!(
        "written. Change them, `skein policy check {}`, then name the folder in [region] policies",
        folder.display()
    ));
    Ok(())
}
