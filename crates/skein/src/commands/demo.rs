//! `skein demo`: a region to look at.

use super::synth::today;
use crate::{
    cli::Demo,
    demo::{self, Clock, Home, Play, Senders, Targets},
    edge,
    failure::{Failure, Outcome},
    logging, say,
    serve::{Addresses, Server, Setting},
};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Instant,
};
use synth::Region;
use tokio::sync::watch;
use web::Loading;

/// Run it.
pub fn run(asked: &Demo) -> Outcome {
    let home = Home::at(&asked.data_dir);
    if asked.fresh {
        home.clear()?;
    }
    let remembered = home.remembered()?;
    let memory = match remembered {
        Some(memory) => memory,
        None => {
            let start = today();
            home.settle(&Region::new(asked.seed, u64::from(asked.people), start), asked.seed, asked.people, start)?
        }
    };
    if memory.people != asked.people && asked.people != crate::cli::DEMO_PEOPLE {
        say::complain(&format!(
            "The region in {} has {} people and keeps them; --fresh begins anew.",
            asked.data_dir.display(),
            memory.people
        ));
    }
    let config = home.read(asked.port)?;
    logging::start(
        asked.log.log.unwrap_or(config.log.form),
        asked.log.log_level.as_deref().unwrap_or(&config.log.level),
        None,
    );
    let region = Arc::new(Region::new(memory.seed, u64::from(memory.people), memory.start));
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::found(error.to_string()))?;
    let served = runtime.block_on(async {
        let stop = edge::until_told_to_stop().map_err(|error| Failure::found(error.to_string()))?;
        let clock = Clock::standing(memory.now, asked.speed);
        let (loading, told) = watch::channel(Loading::default());
        let setting = Setting {
            pdfs: crate::edge::pdfs(),
            clock: Arc::new({
                let clock = clock.clone();
                move || clock.now()
            }),
            demo: Some(web::Demo { accounts: demo::accounts(), password: demo::PASSWORD.into(), loading: told }),
        };
        let opening = tokio::spawn(Server::open(config, setting));
        let Some(opened) = stop.run_until_cancelled(opening).await else { return Ok(false) };
        let server = opened.map_err(|error| Failure::found(error.to_string()))??;
        let addresses = server.addresses()?;
        let targets = Targets {
            mllp: addresses.feeds.iter().cloned().collect(),
            http: addresses.http,
            tokens: memory.tokens.clone(),
        };
        welcome(asked, &region, &memory, &addresses);
        let senders = Senders::start(region.sources(), &targets, &stop)?;
        let play = Play { region, home, memory, senders, clock, loading, lives: asked.speed > 0.0 };
        let (speed, began) = (asked.speed, Instant::now());
        let playing = tokio::spawn(play.run(stop.clone(), move |senders| loaded(senders, speed, began)));
        let served = server.run(stop.clone()).await;
        stop.cancel();
        let _ = playing.await;
        served.map(|()| true)
    });
    if matches!(served, Ok(false)) {
        // As `skein serve`: what opens the region is not waited for.
        runtime.shutdown_background();
    }
    served.map(|_| ())
}

fn welcome(asked: &Demo, region: &Region, memory: &demo::Memory, addresses: &Addresses) {
    let url = format!("http://{}/", addresses.http);
    say::line(&format!(
        "Wexmoor: a region of {} invented people and {} sources\n\n  {url}\n\nSign in with the password \"{}\" as",
        memory.people,
        region.sources().len(),
        demo::PASSWORD
    ));
    for account in demo::accounts() {
        say::line(&format!("  {:<14} {}", account.user.id, account.purpose));
    }
    say::line("\nThree things to try");
    for (number, highlight) in region.highlights().iter().take(3).enumerate() {
        say::line(&format!(
            "  {}. {}: find NHS number {} ({}, born {})\n     {}",
            number + 1,
            highlight.title,
            spaced(&highlight.nhs_number),
            highlight.name,
            highlight.born(),
            highlight.what_to_look_at
        ));
    }
    let token = memory.tokens.get(demo::APP).map_or("", String::as_str);
    say::line(&format!("\nFor apps: curl -H 'Authorization: Bearer {token}' {url}fhir/metadata"));
    for (name, address) in &addresses.feeds {
        say::line(&format!("feed {name} at {address} (HL7 v2 over MLLP)"));
    }
    if memory.loaded < u64::from(memory.people) {
        say::line("\nThe history is being sent in the background; the page Status says how far it is.");
    }
    say::line(&format!(
        "Ctrl-C stops it; everything stays in {}, and the next start goes on. --fresh begins anew.",
        asked.data_dir.display()
    ));
}

/// `999 123 4567`.
fn spaced(number: &str) -> String {
    match (number.get(..3), number.get(3..6), number.get(6..)) {
        (Some(first), Some(second), Some(rest)) => format!("{first} {second} {rest}"),
        _ => number.to_owned(),
    }
}

fn loaded(senders: &Senders, speed: f64, began: Instant) {
    let accepted = senders.counts.accepted.load(Ordering::Relaxed);
    let refused = senders.counts.refused.load(Ordering::Relaxed);
    let refusals = if refused > 0 { format!(", {refused} refused") } else { String::new() };
    let life = if speed > 0.0 {
        format!("The region lives: {speed} seconds of its life in each of ours.")
    } else {
        "The region stands still (--speed 0).".into()
    };
    let seconds = began.elapsed().as_secs_f64();
    if accepted + refused > 0 {
        say::line(&format!("\nThe history is there: {accepted} messages in {seconds:.0} s{refusals}. {life}"));
    } else {
        say::line(&format!("\n{life}"));
    }
}
