//! `skein bench`.

use crate::{
    bench,
    cli::Bench,
    failure::{Failure, Outcome},
};

/// Measure.
pub fn run(asked: &Bench) -> Outcome {
    let mut names = Vec::new();
    for name in &asked.names {
        // Size and memory are figures of loading.
        let name = if matches!(name.as_str(), "disk" | "memory") { "load" } else { name };
        if !bench::ALL.iter().any(|(known, _)| *known == name) {
            let known: Vec<&str> = bench::ALL.iter().map(|(name, _)| *name).collect();
            return Err(Failure::asked(format!(
                "there is no benchmark '{name}': there are {}, and disk and memory, which load measures",
                known.join(", ")
            )));
        }
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    let index = bench::PersonIndex { people: asked.people, from_store: asked.load };
    Ok(bench::run(&names, asked.json, index, asked.data_dir.as_deref())?)
}
