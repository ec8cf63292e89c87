//! `skein bench`.

use crate::{
    bench,
    cli::Bench,
    failure::{Failure, Outcome},
};

/// Measure.
pub fn run(asked: &Bench) -> Outcome {
    for name in &asked.names {
        if !bench::ALL.iter().any(|(known, _)| known == name) {
            let known: Vec<&str> = bench::ALL.iter().map(|(name, _)| *name).collect();
            return Err(Failure::asked(format!("there is no benchmark '{name}': there are {}", known.join(", "))));
        }
    }
    Ok(bench::run(&asked.names, asked.json, asked.data_dir.as_deref())?)
}
