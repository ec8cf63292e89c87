//! Intake on a network whose faults are thrown from a seed: real listener, real sender, real engine, simulated wires and time
//! (turmoil). Hospitals send, a region takes in; meanwhile links are cut, in both directions or in one, what is on the way is
//! held and comes late, hosts crash and come back, one sender stops in the middle of a message and one never takes its answers.
//!
//! What crosses the network follows from the seed: latencies, faults, their times, when a message counts as durable. Engine and
//! journal have threads of their own, which no simulation drives. So the sink lets no simulated time pass while they work: it
//! waits for them where it stands, and a message is stored within one step of the simulation. What is left to chance is which
//! branch of a `select!` is looked at first when two are ready within the same step, for tokio has its own dice there: a seed
//! throws the same faults at the same times, and all but always the same story. The region's crash drops every connection and
//! task where they are, but its engine finishes what the journal has; what a torn disk leaves is the torture's matter
//! (`skein torture`).
//!
//! One seed again, with what was thrown: `SKEIN_SEED=17 cargo test --workspace --test intake network_faults -- --nocapture`.

use hl7v2::{ack::Code, mllp};
use intake::{
    Applied, Engine, EngineConfig, EntryKind, NewEntry, ProblemStatus, Receipt,
    listener::{Accept, Delivery, Listener, ListenerConfig, NotStored, Sink, Stored, Ticket},
    sender::{Dial, Sender, SenderConfig},
};
use jiff::Timestamp;
use std::{
    collections::{BTreeMap, HashSet},
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use turmoil::Sim;

/// Seeds that are always run.
const SEEDS: u64 = 24;
/// Hospitals, and what each says of each of its patients.
const HOSPITALS: usize = 4;
const PATIENTS: usize = 3;
const MESSAGES: usize = 6;
/// How long faults are thrown, and by when all must be answered once they have stopped. Simulated time.
const FAULTS_FOR: Duration = Duration::from_secs(20);
const ANSWERED_BY: Duration = Duration::from_secs(240);
const TICK: Duration = Duration::from_millis(5);
const PORT: u16 = 2575;
const REGION: &str = "region";

/// Dice: SplitMix64, so that a seed means the same for ever.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn milliseconds(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from))
    }
}

struct Wires(turmoil::net::TcpListener);

impl Accept for Wires {
    type Stream = turmoil::net::TcpStream;

    async fn accept(&self) -> io::Result<(Self::Stream, SocketAddr)> {
        self.0.accept().await
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

struct Wire;

impl Dial for Wire {
    type Stream = turmoil::net::TcpStream;

    async fn dial(&self, to: &str) -> io::Result<Self::Stream> {
        turmoil::net::TcpStream::connect(to).await
    }
}

/// When a message is said to be durable.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Says {
    /// Once it is.
    Truth,
    /// At once: what a region must never do.
    Lie,
}

/// The engine, as a sink for which no simulated time passes but what the dice say. What is handed in waits with others for the
/// next write; a crash before that takes it.
struct Stores {
    engine: Engine,
    waiting: mpsc::UnboundedSender<(NewEntry, oneshot::Sender<Result<Stored, NotStored>>)>,
    says: Says,
}

impl Stores {
    fn start(engine: Engine, mut dice: Dice, says: Says) -> Self {
        let (waiting, mut inbox) = mpsc::unbounded_channel::<(NewEntry, oneshot::Sender<Result<Stored, NotStored>>)>();
        let writes = engine.clone();
        tokio::spawn(async move {
            while let Some(first) = inbox.recv().await {
                sleep(dice.milliseconds(5, 150)).await;
                let mut batch = vec![first];
                while let Ok(next) = inbox.try_recv() {
                    batch.push(next);
                }
                for (entry, reply) in batch {
                    let _ = reply.send(store(&writes, entry));
                }
            }
        });
        Stores { engine, waiting, says }
    }
}

/// Puts an entry in the journal, and waits where it stands until it is there.
fn store(engine: &Engine, entry: NewEntry) -> Result<Stored, NotStored> {
    let mut promise = engine.journal().enqueue(entry).map_err(|error| NotStored(error.to_string()))?;
    loop {
        match promise.try_recv() {
            Ok(Ok(Receipt::Stored { pos, .. })) => return Ok(Stored::New { pos }),
            Ok(Ok(Receipt::Repeat { pos, ack, .. })) => return Ok(Stored::Repeat { pos, answer: ack }),
            Ok(Err(error)) => return Err(NotStored(error.to_string())),
            Err(oneshot::error::TryRecvError::Empty) => std::thread::sleep(Duration::from_micros(50)),
            Err(error) => return Err(NotStored(error.to_string())),
        }
    }
}

impl Sink for Stores {
    async fn submit(&self, delivery: Delivery) -> Result<Ticket, NotStored> {
        let entry = NewEntry {
            kind: EntryKind::Hl7v2,
            source: delivery.source.to_string(),
            feed: delivery.feed.to_string(),
            received: delivery.received,
            ident: Some(delivery.ident),
            about: None,
            body: delivery.body,
            ack: delivery.answer,
        };
        let (reply, stored) = oneshot::channel();
        let gone = || NotStored("the journal is closed".into());
        self.waiting.send((entry, reply)).map_err(|_| gone())?;
        if self.says == Says::Lie {
            return Ok(Box::pin(async { Ok(Stored::New { pos: 1 }) }));
        }
        Ok(Box::pin(async move { stored.await.unwrap_or_else(|_| Err(gone())) }))
    }

    async fn processed(&self, pos: u64) -> Option<Applied> {
        while self.engine.progress().applied < pos {
            std::thread::sleep(Duration::from_micros(50));
        }
        self.engine.outcome(pos).ok()
    }
}

/// What stays of a host when it crashes, and what all can see.
#[derive(Default)]
struct World {
    engine: Mutex<Option<Engine>>,
    starts: AtomicU64,
    /// Of each hospital: how many of its messages are answered for good, and with what.
    answered: Mutex<BTreeMap<usize, Vec<Code>>>,
}

fn start(folder: &Path) -> Engine {
    let config = EngineConfig { region: "test".into(), profiles: Vec::new() };
    Engine::start(folder, &config, "2026-01-01T00:00:00Z".parse().unwrap()).unwrap()
}

fn name(hospital: usize) -> String {
    format!("hospital-{hospital}")
}

/// One of a hospital's messages. The second patient's third cannot be processed: it parks that patient's lane.
fn message(hospital: usize, number: usize) -> (String, Vec<u8>) {
    let (patient, version) = (number % PATIENTS, number / PATIENTS);
    let spoils = patient == 1 && version == 2;
    let event = if spoils { "A40" } else { "A31" };
    let minute = format!("202601011{:01}{:02}", number / 60, number % 60);
    let mrg = if spoils { "MRG|\r" } else { "" };
    let text = format!(
        "MSH|^~\\&|PAS|H{hospital}|SKEIN|REG|{minute}||ADT^{event}|{hospital}-{number}|P|2.4\rEVN|{event}|{minute}\r\
         PID|1||{hospital}00{patient}^^^H{hospital}^MR||VERSION{version}^ANN||19520314|F\r{mrg}"
    );
    (format!("H{hospital}-{patient}"), text.into_bytes())
}

async fn region(world: Arc<World>, folder: PathBuf, seed: u64, says: Says) -> turmoil::Result {
    let engine = start(&folder);
    *world.engine.lock().unwrap() = Some(engine.clone());
    let begun = world.starts.fetch_add(1, SeqCst);
    let socket = turmoil::net::TcpListener::bind((IpAddr::from(Ipv4Addr::UNSPECIFIED), PORT)).await?;
    let mut config = ListenerConfig::new("adt", "hospitals", SocketAddr::from(([0, 0, 0, 0], PORT)));
    config.idle_max = Duration::from_secs(20);
    config.frame_time_max = Duration::from_secs(10);
    config.answer_time_max = Duration::from_secs(5);
    config.in_flight_max = 8;
    let listener = Listener::over(Wires(socket), config)?;
    let start: Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
    // Another second with every start, for control ids are made of it.
    let clock = Arc::new(move || start + turmoil::since_epoch().unwrap_or_default() + Duration::from_secs(begun));
    let sink = Stores::start(engine, Dice(seed ^ begun), says);
    listener.run(sink, clock, CancellationToken::new()).await;
    Ok(())
}

/// Sends what is not answered yet, from the first on: after a crash too, for what it has sent it remembers no more than that.
async fn hospital(world: Arc<World>, hospital: usize, window: usize) -> turmoil::Result {
    let config = SenderConfig {
        window,
        connect_time_max: Duration::from_secs(2),
        answer_time_max: Duration::from_secs(2),
        retries: u32::MAX,
        pause_min: Duration::from_millis(50),
        pause_max: Duration::from_secs(1),
        ..SenderConfig::new(format!("{REGION}:{PORT}"))
    };
    let sender = Sender::start_over(Wire, config)?;
    let done = world.answered.lock().unwrap().get(&hospital).map_or(0, Vec::len);
    let mut waiting = std::collections::VecDeque::new();
    for number in done..PATIENTS * MESSAGES {
        waiting.push_back(sender.queue(&message(hospital, number).1).await?);
        while waiting.len() >= window || number + 1 == PATIENTS * MESSAGES {
            let Some(next) = waiting.pop_front() else { break };
            let answered = next.await??;
            world.answered.lock().unwrap().entry(hospital).or_default().push(answered.code.unwrap());
        }
        sleep(Duration::from_millis(800)).await;
    }
    std::future::pending().await
}

/// Stops in the middle of a message, for ever; when it is cut off, it does so again.
async fn stalled() -> turmoil::Result {
    loop {
        let connected = timeout(Duration::from_secs(2), turmoil::net::TcpStream::connect((REGION, PORT))).await;
        if let Ok(Ok(mut stream)) = connected {
            let half = message(90, 0).1;
            let _ = stream.write_all(&[&[0x0b], &half[..half.len() / 2]].concat()).await;
            let _ = timeout(Duration::from_secs(60), stream.read(&mut [0; 64])).await;
        }
        sleep(Duration::from_millis(300)).await;
    }
}

/// Sends the same message over and over, and takes no answer.
async fn deaf() -> turmoil::Result {
    loop {
        let connected = timeout(Duration::from_secs(2), turmoil::net::TcpStream::connect((REGION, PORT))).await;
        if let Ok(Ok(mut stream)) = connected {
            let frame = mllp::encode(&message(91, 0).1);
            for _ in 0..90 {
                if !matches!(timeout(Duration::from_secs(3), stream.write_all(&frame)).await, Ok(Ok(()))) {
                    break;
                }
            }
        }
        sleep(Duration::from_secs(20)).await;
    }
}

/// A fault that is in force, and what ends it.
enum Fault {
    Cut(String),
    Deaf(String, bool),
    Held(String),
    Slow(String),
    Region,
    Hospital(String),
}

impl Fault {
    fn throw(kind: u64, one: String, dice: &mut Dice, sim: &mut Sim<'_>, world: &World) -> Fault {
        match kind {
            0..=2 => {
                sim.partition(REGION, one.as_str());
                Fault::Cut(one)
            }
            3..=5 => {
                let answers = dice.below(2) == 0;
                if answers {
                    sim.partition_oneway(REGION, one.as_str());
                } else {
                    sim.partition_oneway(one.as_str(), REGION);
                }
                Fault::Deaf(one, answers)
            }
            6 | 7 => {
                sim.hold(REGION, one.as_str());
                Fault::Held(one)
            }
            8 => {
                sim.set_link_latency(REGION, one.as_str(), dice.milliseconds(1500, 4000));
                Fault::Slow(one)
            }
            9 | 10 => {
                sim.crash(one.as_str());
                Fault::Hospital(one)
            }
            _ => {
                sim.crash(REGION);
                if let Some(engine) = world.engine.lock().unwrap().take() {
                    engine.stop();
                }
                Fault::Region
            }
        }
    }

    fn is_of(&self, other: &str) -> bool {
        match self {
            Fault::Cut(one) | Fault::Deaf(one, _) | Fault::Held(one) | Fault::Slow(one) | Fault::Hospital(one) => {
                one == other
            }
            Fault::Region => other == REGION,
        }
    }

    fn end(self, sim: &mut Sim<'_>) {
        match self {
            Fault::Cut(one) => sim.repair(REGION, one.as_str()),
            Fault::Deaf(one, true) => sim.repair_oneway(REGION, one.as_str()),
            Fault::Deaf(one, false) => sim.repair_oneway(one.as_str(), REGION),
            Fault::Held(one) => sim.release(REGION, one.as_str()),
            Fault::Slow(one) => sim.set_link_latency(REGION, one.as_str(), Duration::from_millis(3)),
            Fault::Region => sim.bounce(REGION),
            Fault::Hospital(one) => sim.bounce(one.as_str()),
        }
    }
}

/// An engine that is stopped whatever becomes of the test.
struct Stops(Engine);

impl Drop for Stops {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// What a run came to.
#[derive(Debug, Default)]
struct Story {
    faults: usize,
    starts: u64,
}

fn run(seed: u64, faulty: bool, says: Says) -> Story {
    let folder = tempfile::tempdir().unwrap();
    let world = Arc::<World>::default();
    let mut dice = Dice(seed);
    let mut sim = turmoil::Builder::new()
        .rng_seed(seed)
        .tick_duration(TICK)
        .simulation_duration(Duration::from_secs(3600))
        .epoch(std::time::UNIX_EPOCH)
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(dice.milliseconds(5, 120))
        .enable_random_order()
        .build();
    let (shared, home) = (Arc::clone(&world), folder.path().to_owned());
    sim.host(REGION, move || region(Arc::clone(&shared), home.clone(), seed, says));
    for number in 0..HOSPITALS {
        let shared = Arc::clone(&world);
        let window = [1, 1, 4, 16][usize::try_from(dice.below(4)).unwrap()];
        sim.host(name(number), move || hospital(Arc::clone(&shared), number, window));
    }
    sim.host("stalled", stalled);
    sim.host("deaf", deaf);
    let all = HOSPITALS * PATIENTS * MESSAGES;
    let answered = |world: &World| world.answered.lock().unwrap().values().map(Vec::len).sum::<usize>();
    let mut story = Story::default();
    let mut next = dice.milliseconds(100, 1500);
    let mut in_force: Vec<(Duration, Fault)> = Vec::new();
    let mut over = None;
    while answered(&world) < all {
        sim.step().unwrap_or_else(|error| panic!("a host failed: {error}"));
        let now = sim.elapsed();
        let ended = if now < FAULTS_FOR {
            in_force.iter().position(|(until, _)| *until <= now)
        } else {
            in_force.len().checked_sub(1)
        };
        if let Some(at) = ended {
            in_force.remove(at).1.end(&mut sim);
        } else if faulty && now >= next && now < FAULTS_FOR {
            next = now + dice.milliseconds(200, 2500);
            let (at, kind) = (usize::try_from(dice.below(HOSPITALS as u64)).unwrap(), dice.below(12));
            let place = if kind == 11 { REGION.to_owned() } else { name(at) };
            // One fault at a time in one place; several at once in several.
            if !in_force.iter().any(|(_, fault)| fault.is_of(&place)) {
                let fault = Fault::throw(kind, place, &mut dice, &mut sim, &world);
                in_force.push((now + dice.milliseconds(300, 6000), fault));
                story.faults += 1;
            }
        }
        if now >= FAULTS_FOR {
            let begun = *over.get_or_insert(now);
            assert!(
                now - begun < ANSWERED_BY,
                "{} of {all} are answered {ANSWERED_BY:?} after the last fault",
                answered(&world)
            );
        }
        if !faulty {
            assert!(
                now < Duration::from_secs(30),
                "a stalled peer keeps others waiting: {} of {all}",
                answered(&world)
            );
        }
    }
    drop(sim);
    story.starts = world.starts.load(SeqCst);
    let engine = Stops(world.engine.lock().unwrap().take().unwrap_or_else(|| start(folder.path())));
    holds(&world, &engine.0);
    story
}

/// Everything that is promised.
fn holds(world: &World, engine: &Engine) {
    let mut reader = engine.journal_reader().unwrap();
    let head = reader.head().unwrap();
    let mut stored: Vec<(u64, Vec<u8>)> = Vec::new();
    while let Some(last) = stored.last().map(|(pos, _)| *pos).or(Some(0)).filter(|last| *last < head) {
        let entries = reader.read(last + 1, 1000, usize::MAX).unwrap();
        stored.extend(entries.into_iter().map(|entry| (entry.pos, entry.body)));
    }
    let bodies: Vec<&[u8]> = stored.iter().map(|(_, body)| body.as_slice()).collect();
    let mut seen = HashSet::new();
    assert!(bodies.iter().all(|body| seen.insert(*body)), "nothing is stored twice");
    let mut lanes: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for hospital in 0..HOSPITALS {
        for number in 0..PATIENTS * MESSAGES {
            let (patient, body) = message(hospital, number);
            let at = bodies.iter().position(|stored| *stored == body);
            let at = at.unwrap_or_else(|| panic!("{hospital}-{number} was acknowledged and is not stored"));
            lanes.entry(patient).or_default().push(at);
        }
    }
    for (patient, places) in &lanes {
        assert!(places.is_sorted(), "{patient} is stored in another order than was sent: {places:?}");
    }
    for (hospital, codes) in world.answered.lock().unwrap().iter() {
        assert!(codes.iter().all(|code| *code == Code::AA), "hospital {hospital}: {codes:?}");
    }
    while engine.progress().applied < head {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(engine.fault(), None);
    // The bad message of each hospital stands on the desk, what came after it of the same patient waits behind it, in order,
    // and nothing of anybody else does.
    let of = |status| {
        let problems = engine.problems(&[status], None, None, 1000).unwrap();
        let mut positions: Vec<u64> = problems.into_iter().map(|problem| problem.pos).collect();
        positions.sort_unstable();
        positions
    };
    let (mut parked, mut held) = (Vec::new(), Vec::new());
    for hospital in 0..HOSPITALS {
        let places = &lanes[&format!("H{hospital}-1")];
        parked.push(stored[places[2]].0);
        held.extend(places[3..].iter().map(|place| stored[*place].0));
    }
    parked.sort_unstable();
    held.sort_unstable();
    assert_eq!(of(ProblemStatus::Parked), parked);
    assert_eq!(of(ProblemStatus::Held), held);
    assert_eq!(of(ProblemStatus::Failed), [0; 0]);
}

/// Whatever the network does: acknowledged is stored, once, in each patient's order; a bad message stops its own patient alone;
/// and all is answered once the faults are over.
#[test]
fn whatever_the_network_does_what_is_acknowledged_is_stored_once_and_in_order() {
    let seeds = match std::env::var("SKEIN_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => vec![seed],
        None => (1..=SEEDS).collect::<Vec<u64>>(),
    };
    let (mut faults, mut starts) = (0, 0);
    for seed in &seeds {
        let story = std::panic::catch_unwind(|| run(*seed, true, Says::Truth)).unwrap_or_else(|_| {
            panic!("seed {seed}; again: SKEIN_SEED={seed} cargo test --workspace --test intake network_faults")
        });
        println!("seed {seed}: {story:?}");
        faults += story.faults;
        starts += story.starts;
    }
    // The dice do throw: else nothing was shown.
    assert!(
        faults > 8 * seeds.len() && (seeds.len() == 1 || starts > seeds.len() as u64),
        "{faults} faults, {starts} starts"
    );
}

/// One that stops in the middle of a message, and one that never takes its answers, keep nobody waiting.
#[test]
fn a_stalled_peer_and_a_deaf_one_keep_nobody_waiting() {
    run(7, false, Says::Truth);
}

/// The simulation finds what it is there to find: a region that says too early that a message is safe loses one in some crash.
#[test]
fn a_region_that_acknowledges_before_it_has_stored_is_found_out() {
    let found = (1..=SEEDS).any(|seed| std::panic::catch_unwind(|| run(seed, true, Says::Lie)).is_err());
    assert!(found, "nothing was lost in {SEEDS} seeds");
}
