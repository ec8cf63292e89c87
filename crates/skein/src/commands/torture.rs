//! `skein torture`.

use crate::{
    cli::Torture,
    failure::{Failure, Outcome},
    torture::{self, Plan},
};

/// Break a region of its own again and again.
pub fn run(asked: &Torture) -> Outcome {
    if asked.rounds == 0 {
        return Err(Failure::asked("--rounds 0 breaks nothing: give a number from 1 on"));
    }
    if let Some(library) = asked.clock.as_ref().filter(|library| !library.is_file()) {
        return Err(Failure::asked(format!(
            "there is no library at {} (Debian has it in the package libfaketime)",
            library.display()
        )));
    }
    torture::run(&Plan {
        rounds: asked.rounds,
        seed: asked.seed,
        rate: asked.rate,
        json: asked.json,
        folder: asked.data_dir.clone(),
        server: asked.store.clone().map(|address| (address, asked.restart.clone())),
        clock: asked.clock.clone(),
    })
}
