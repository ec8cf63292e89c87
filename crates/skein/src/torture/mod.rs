//! `skein torture`: a region of its own is broken again and again while senders keep it busy, and every message that was
//! acknowledged is looked for: once in the journal, processed or on the error desk. All the while it is backed up, and the
//! backup must open and end where the journal does. The harm is what happens to machines:
//! `kill -9` at any moment, also while starting, rebuilding and verifying; a process that stalls; pages of a file that were
//! not yet written, or half; a clock that jumps. On PostgreSQL two processes serve the region, the harm is done to one of them or to both, and the
//! database loses its connections, or is restarted.

mod region;
mod senders;
mod tally;

use crate::{
    failure::{Failure, Outcome},
    say,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use region::Region;
use senders::Senders;
use serde::Serialize;
use std::{num::NonZeroU32, path::PathBuf, time::Duration};
use tally::Tally;

/// How it is done.
pub struct Plan {
    /// How many times.
    pub rounds: u32,
    /// What the harm and its moments are drawn from.
    pub seed: u64,
    /// Messages a second of all senders together, at most; None: as many as are answered.
    pub rate: Option<NonZeroU32>,
    /// One JSON line at the end, and nothing else on standard output.
    pub json: bool,
    /// Where the region lives; None: a folder of its own that is thrown away.
    pub folder: Option<PathBuf>,
    /// A server on which a database is made for it and thrown away, and what restarts that server, if anything.
    pub server: Option<(String, Option<String>)>,
    /// libfaketime, with which clocks jump; None: they do not.
    pub clock: Option<PathBuf>,
}

/// What is done to a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Harm {
    /// Killed while it is busy.
    Kill,
    /// Killed, and killed again while it starts.
    KillStarting,
    /// Killed; then made again from the journal, and killed at that, twice.
    KillRebuilding,
    /// Stopped in its tracks for a while, then killed.
    Stall,
    /// Killed; of the derived state the last pages never reached the disk.
    TearDerived,
    /// Killed; behind the journal and the audit lies half of something that was not yet committed.
    TearTruth,
    /// Stopped as an upgrade does.
    Stop,
    /// One of two processes is killed; the other goes on.
    KillOne,
    /// One of two processes stops in its tracks for longer than it may, and then goes on.
    Freeze,
    /// The clock jumps, forwards or back, by up to some hours, of each process on its own; then killed. It stays where it is then.
    JumpClock,
    /// The database cuts every connection, again and again.
    CutOff,
    /// The database is restarted as when its machine fails, or, where nothing restarts it, cuts every connection.
    RestartDatabase,
}

impl Harm {
    /// Killing is what happens most.
    fn draw(random: &mut ChaCha8Rng, on_database: bool, clock: bool) -> Harm {
        if clock && random.random_range(0..8) == 0 {
            return Harm::JumpClock;
        }
        if on_database {
            return match random.random_range(0..20) {
                0..=6 => Harm::KillOne,
                7 | 8 => Harm::Kill,
                9 | 10 => Harm::KillStarting,
                11 => Harm::KillRebuilding,
                12 => Harm::Stall,
                13 | 14 => Harm::Freeze,
                15 | 16 => Harm::CutOff,
                17 | 18 => Harm::RestartDatabase,
                _ => Harm::Stop,
            };
        }
        match random.random_range(0..20) {
            0..=6 => Harm::Kill,
            7..=9 => Harm::KillStarting,
            10 | 11 => Harm::KillRebuilding,
            12 | 13 => Harm::Stall,
            14..=16 => Harm::TearDerived,
            17 | 18 => Harm::TearTruth,
            _ => Harm::Stop,
        }
    }
}

/// How it ended.
#[derive(Debug, Default, Serialize)]
struct Result {
    rounds: u32,
    /// Messages that were answered as received, with a fault or without.
    acknowledged: u64,
    /// Of them: once in the journal, and processed.
    stored: u64,
    /// Of them: once in the journal, and on the error desk.
    parked: u64,
    /// Of them: not in the journal.
    lost: u64,
    /// Messages that are in the journal more than once.
    twice: u64,
    seed: u64,
}

/// How far a clock jumps at most, from what it is.
const CLOCK_SECONDS: i64 = 3 * 60 * 60;

/// So long nobody applies at most after whoever did is gone (`intake`, five seconds), and a little longer.
const LEASE: Duration = Duration::from_secs(6);

/// After so many rounds all that is derived is compared with a replay.
const VERIFY_EVERY: u32 = 25;

/// Do it.
pub fn run(plan: &Plan) -> Outcome {
    let own = std::env::temp_dir().join(format!("skein-torture-{}", std::process::id()));
    let folder = plan.folder.clone().unwrap_or(own);
    let mut region = Region::new(folder, plan.server.as_ref(), plan.clock.clone())?;
    let done = rounds(plan, &mut region)?;
    if plan.folder.is_none() {
        region.throw_away()?;
    }
    if plan.json {
        say::line(&serde_json::to_string(&done).map_err(|error| Failure::found(error.to_string()))?);
    } else {
        say::line(&format!(
            "{} rounds: {} messages acknowledged, {} of them processed, {} on the error desk, {} lost; {} twice (seed {})",
            done.rounds, done.acknowledged, done.stored, done.parked, done.lost, done.twice, done.seed
        ));
    }
    if done.lost > 0 || done.twice > 0 {
        return Err(Failure::found(format!("{} messages were lost and {} are there twice", done.lost, done.twice)));
    }
    Ok(())
}

fn rounds(plan: &Plan, region: &mut Region) -> Outcome<Result> {
    let mut random = ChaCha8Rng::seed_from_u64(plan.seed);
    let mut senders = Senders::new(plan.seed, plan.rate);
    let mut tally = Tally::default();
    region.serve()?;
    for round in 1..=plan.rounds {
        let harm = Harm::draw(&mut random, region.is_on_database(), plan.clock.is_some());
        let busy = Duration::from_millis(random.random_range(20..1_200));
        let working = senders.start(region)?;
        std::thread::sleep(busy);
        harmed(region, harm, &mut random)?;
        senders.take_back(working)?;
        region.serve()?;
        tally.look(region, &senders)?;
        if tally.lost() > 0 || tally.twice() > 0 {
            say::complain(&format!(
                "round {round}, {harm:?} after {} ms: {} lost, {} twice; the region is in {}",
                busy.as_millis(),
                tally.lost(),
                tally.twice(),
                region.folder().display()
            ));
            break;
        }
        if round % VERIFY_EVERY == 0 {
            verified(region)?;
            region.serve()?;
        }
        if !plan.json {
            let acknowledged = senders.acknowledged();
            say::complain(&format!(
                "round {round}: {harm:?} after {} ms; {acknowledged} acknowledged",
                busy.as_millis()
            ));
        }
    }
    verified(region)?;
    let (stored, parked) = tally.whole(region, &senders)?;
    Ok(Result {
        rounds: plan.rounds,
        acknowledged: senders.acknowledged(),
        stored,
        parked,
        lost: tally.lost(),
        twice: tally.twice(),
        seed: plan.seed,
    })
}

/// Stopped in order, what is derived is what the journal gives, and the backup ends where the journal does: whoever applies ships
/// before it ends. Of two processes neither may have applied, where both were stopped before the lease of the one before had run out.
fn verified(region: &mut Region) -> Outcome {
    region.caught_up()?;
    region.stop()?;
    region.verify()?;
    let short = region.backed_up();
    if short.is_ok() || !region.is_on_database() {
        return short;
    }
    region.serve()?;
    std::thread::sleep(LEASE * 2);
    region.caught_up()?;
    region.stop()?;
    region.backed_up()
}

fn harmed(region: &mut Region, harm: Harm, random: &mut ChaCha8Rng) -> Outcome {
    match harm {
        Harm::Kill => region.kill(),
        Harm::Stop => region.stop(),
        Harm::KillStarting => {
            region.kill()?;
            for _ in 0..random.random_range(1..4) {
                region.kill_after(&["serve"], Duration::from_millis(random.random_range(1..250)))?;
            }
            Ok(())
        }
        Harm::KillRebuilding => {
            region.kill()?;
            for _ in 0..2 {
                region.kill_after(&["rebuild"], Duration::from_millis(random.random_range(1..400)))?;
            }
            Ok(())
        }
        Harm::Stall => {
            region.signal("STOP")?;
            std::thread::sleep(Duration::from_millis(random.random_range(50..800)));
            region.signal("CONT")?;
            std::thread::sleep(Duration::from_millis(random.random_range(0..50)));
            region.kill()
        }
        Harm::TearDerived => {
            region.kill()?;
            let cut = random.random_range(1..64 << 10);
            region.cut("derived.db", cut)?;
            region.cut("notify.db", random.random_range(1..16 << 10))
        }
        Harm::KillOne => {
            region.kill_one(random.random_range(0..2))?;
            // Long enough for the other to go on, or not.
            std::thread::sleep(Duration::from_millis(random.random_range(0..5_000)));
            Ok(())
        }
        Harm::Freeze => {
            let which = random.random_range(0..2);
            region.signal_one(which, "STOP")?;
            std::thread::sleep(Duration::from_millis(random.random_range(2_000..6_000)));
            region.signal_one(which, "CONT")?;
            std::thread::sleep(Duration::from_millis(random.random_range(0..1_500)));
            Ok(())
        }
        Harm::JumpClock => {
            for which in 0..2 {
                region.jump_clock(which, random.random_range(-CLOCK_SECONDS..=CLOCK_SECONDS))?;
            }
            // Until they have heard of it, and a while longer.
            std::thread::sleep(Duration::from_millis(random.random_range(1_000..3_000)));
            match random.random_range(0..2) {
                0 => region.kill(),
                _ => Ok(()),
            }
        }
        Harm::CutOff => {
            for _ in 0..random.random_range(1..8) {
                region.cut_off()?;
                std::thread::sleep(Duration::from_millis(random.random_range(0..300)));
            }
            Ok(())
        }
        Harm::RestartDatabase => {
            region.restart_database()?;
            std::thread::sleep(Duration::from_millis(random.random_range(0..2_000)));
            Ok(())
        }
        Harm::TearTruth => {
            region.kill()?;
            for file in ["journal.db-wal", "audit.db-wal"] {
                let mut half = vec![0u8; random.random_range(1..20_000)];
                random.fill(&mut half[..]);
                region.append(file, &half)?;
            }
            Ok(())
        }
    }
}
