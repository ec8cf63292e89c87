//! The binary: commands, configuration, wiring, benchmarks. Everything that reads the clock, the environment, the
//! terminal or a signal is here; the other crates take values.

mod backup;
mod bench;
mod cli;
mod commands;
mod config;
mod demo;
mod duties;
mod edge;
mod exposed;
mod failure;
mod listen;
mod logging;
mod metrics;
mod misuse;
mod notify;
mod outward;
mod pix;
mod policies;
mod region;
mod room;
mod say;
mod serve;
mod served;
mod sign_in;
mod torture;
mod traces;

/// Records are trees of small allocations made on one thread and freed on another: the system's allocator spends a third
/// of the processor on them (`skein bench drain`), this one a tenth.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = match cli::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return failure::of_arguments(&error),
    };
    match commands::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
