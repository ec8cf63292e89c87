//! `skein serve`: a region as its configuration says.

use crate::{
    cli::Serve,
    config::Config,
    edge, exposed,
    failure::{Failure, Outcome},
    logging, say,
    serve::{self, Server, Setting},
    traces,
};

/// Run it.
pub fn run(asked: &Serve) -> Outcome {
    let config = Config::read(&asked.config)?;
    if asked.check {
        serve::check(&config)?;
        for warning in exposed::warnings(&config) {
            say::complain(&format!("warning: {warning}"));
        }
        say::line(&format!(
            "{}: {} sources, {} feeds, {} users, {} clients",
            asked.config.display(),
            config.sources.len(),
            config.feeds.len(),
            config.users.len(),
            config.clients.len()
        ));
        return Ok(());
    }
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::found(error.to_string()))?;
    let (spans, traces) = traces::start(&config, runtime.handle())?.unzip();
    logging::start(
        asked.log.log.unwrap_or(config.log.form),
        asked.log.log_level.as_deref().unwrap_or(&config.log.level),
        spans,
    );
    let served = runtime.block_on(async {
        let stop = edge::until_told_to_stop().map_err(|error| Failure::found(error.to_string()))?;
        let fhir: Vec<String> =
            config.feeds.iter().filter(|feed| feed.mllp.is_none()).map(|feed| feed.name.clone()).collect();
        let opening = tokio::spawn(Server::open(config, Setting::real()));
        let Some(opened) = stop.run_until_cancelled(opening).await else {
            tracing::info!("told to stop while the region was being opened: nothing was taken in yet");
            return Ok(false);
        };
        let server = opened.map_err(|error| Failure::found(error.to_string()))??;
        let addresses = server.addresses()?;
        for (name, address) in &addresses.feeds {
            say::line(&format!("feed {name} at {address} (HL7 v2 over MLLP)"));
        }
        for name in fhir {
            say::line(&format!("feed {name} at /fhir (FHIR over HTTP)"));
        }
        if let Some(address) = addresses.metrics {
            say::line(&format!("metrics at {address}/metrics"));
        }
        say::line(&format!("pages and FHIR API at {}://{}/", addresses.scheme, addresses.http));
        server.run(stop).await.map(|()| true)
    });
    if let Some(traces) = traces {
        traces.finish();
    }
    if matches!(served, Ok(false)) {
        // The thread that opens it, or loads everybody from it, is not waited for: on disk it can be cut off anywhere.
        runtime.shutdown_background();
    }
    served.map(|_| ())
}
