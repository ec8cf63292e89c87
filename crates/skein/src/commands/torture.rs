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
    torture::run(&Plan {
        rounds: asked.rounds,
        seed: asked.seed,
        json: asked.json,
        folder: asked.data_dir.clone(),
        server: asked.store.clone().map(|address| (address, asked.restart.clone())),
    })
}
