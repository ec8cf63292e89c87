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
                    "--store measures intake, load, open, page, region, soak and processes: name which of them",
                ));
            }
            if names.iter().any(|name| name == "processes") && address.contains("://") {
                return Err(Failure::asked(
                    "--store: for processes give the server as key=value pairs, as in 'host=/run/postgresql user=skein'",
                ));
            }
            Some((Server::parse(address, None, None)?, address.as_str()))
        }
    };
    if server.is_none() && names.iter().any(|name| name == "processes") {
        return Err(Failure::asked("processes measures several on one database: name its server with --store"));
    }
    Ok(bench::run(
        &names,
        asked.json,
        index,
        bench::Asked {
            resources: asked.resources,
            minutes: asked.minutes,
            later: asked.later,
            keep: asked.keep,
            only_make: asked.only_make,
            lists: !asked.without_lists,
            share: asked.share,
        },
        server.as_ref().map(|(server, address)| (server, *address)),
        asked.data_dir.as_deref(),
    )?)
}
