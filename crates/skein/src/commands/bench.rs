//! `skein bench`.

use crate::{
    bench,
    cli::Bench,
    failure::{Failure, Outcome},
};
use store::Server;

/// Measure.
pub fn run(asked: &Bench) -> Outcome {
    let mut names = Vec::new();
    for name in &asked.names {
        // Size and memory are figures of loading.
        let name = if matches!(name.as_str(), "disk" | "memory") { "load" } else { name };
        let all = || bench::ALL.iter().chain(bench::APART).map(|(name, _)| *name);
        if !all().any(|known| known == name) {
            let known: Vec<&str> = all().collect();
            return Err(Failure::asked(format!(
                "there is no benchmark '{name}': there are {}, and disk and memory, which load measures",
                known.join(", ")
            )));
        }
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    if asked.keep && names != ["region"] {
        return Err(Failure::asked("--keep keeps what `skein bench region` loads: name region, and nothing else"));
    }
    let index = bench::PersonIndex { people: asked.people, from_store: asked.load };
    let server = match &asked.store {
        None => None,
        Some(address) => {
            let files_only = ["drain", "identity", "gate", "notify", "backup"];
            if names.is_empty() || names.iter().any(|name| files_only.contains(&name.as_str())) {
                return Err(Failure::asked(
                    "--store measures intake, load, open, page, region and soak: name which of them",
                ));
            }
            Some(Server::parse(address, None, None)?)
        }
    };
    Ok(bench::run(
        &names,
        asked.json,
        index,
        bench::Asked {
            resources: asked.resources,
            minutes: asked.minutes,
            later: asked.later,
            keep: asked.keep,
            lists: !asked.without_lists,
        },
        server.as_ref(),
        asked.data_dir.as_deref(),
    )?)
}
