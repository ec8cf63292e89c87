//! `skein init`: the tables of a region's database.

use crate::{
    cli::Init,
    failure::{Failure, Outcome},
    region, say,
};
use store::Server;

/// Make them, or bring them up to date.
pub fn run(asked: &Init) -> Outcome {
    let server = match &asked.store {
        Some(address) => Some(Server::parse(address, None, None)?),
        None => region::server(&region::config(&asked.region)?)?,
    };
    let server = server.ok_or_else(|| {
        Failure::asked(
            "the region's configuration names no store: its data are files, which make themselves at `skein serve`",
        )
    })?;
    let migrated = server.init()?;
    say::line(&match migrated.steps {
        0 => format!("{server}: the tables are up to date"),
        1 => format!("{server}: one step taken, the tables are up to date"),
        steps => format!("{server}: {steps} steps taken, the tables are up to date"),
    });
    if migrated.spread {
        say::line("Citus is there: tables that grow with people are spread by patient");
    }
    Ok(())
}
