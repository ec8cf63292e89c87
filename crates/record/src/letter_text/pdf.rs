//! The text of PDFs, by poppler's `pdftotext`: a program of its own, for what a PDF holds is code's food and must not be
//! chewed in the server. Each file is read in a child process that gets the bytes and nothing else (no environment, no file,
//! no folder but the root), and is ended when it takes too long, too much memory or says too much. Scripts in a PDF are not
//! run: `pdftotext` has nothing that could.
//!
//! What was read is kept in memory alone, by the hash of the file's bytes and up to a bound: on disk it would be a second copy
//! of letters beside the store's, which objections and corrections would have to find. Whoever asks has the file's bytes
//! already, by a permit; the hash gives nothing to anybody else.

use super::Shut;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use std::{
    collections::{BTreeMap, HashMap},
    io::{Read, Write},
    os::unix::process::ExitStatusExt as _,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

/// Pages of one file that are read.
pub const PAGES_MAX: usize = 200;
/// Bytes of text of one file that are kept.
const TEXT_BYTES_MAX: usize = 1 << 20;
/// Bytes of what the program complains of that are looked at.
const COMPLAINT_BYTES_MAX: usize = 4 << 10;
/// One file may take this long.
const FILE_TIME_MAX: Duration = Duration::from_millis(2_500);
/// Seconds of processor time of one file: whatever happens to the server, the child ends.
const FILE_CPU_SECONDS_MAX: u64 = 5;
/// Bytes of memory for one file.
const MEMORY_BYTES_MAX: u64 = 512 << 20;
/// Texts of one page's letters, together.
const ASKED_BYTES_MAX: usize = 32 << 20;
/// Texts that are remembered, together.
const REMEMBERED_BYTES_MAX: usize = 32 << 20;
/// What remembering a text costs beside the text.
const REMEMBERED_BYTES_EACH: usize = 256;
/// Children at once, however many processors there are.
const CHILDREN_MAX: usize = 4;

/// Text out of a PDF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Its words.
    pub words: Arc<str>,
    /// Whether there is more in the file than was read.
    pub cut: bool,
}

/// What came of reading one.
pub type Outcome = Result<Text, Shut>;

/// Reads PDFs, or says that nothing here can.
#[derive(Clone, Default)]
pub struct Pdfs(Option<Arc<Reader>>);

struct Reader {
    program: PathBuf,
    remembered: Mutex<Remembered>,
    /// Children that may still be started.
    free: Mutex<usize>,
    freed: Condvar,
    children: usize,
}

/// The program's name, as poppler installs it.
pub const PROGRAM: &str = "pdftotext";

impl Pdfs {
    /// By the program at this absolute path. None: PDFs are not read.
    pub fn by(program: Option<PathBuf>) -> Self {
        let children = thread::available_parallelism().map_or(1, usize::from).min(CHILDREN_MAX);
        Pdfs(program.map(|program| {
            Arc::new(Reader {
                program,
                remembered: Mutex::default(),
                free: Mutex::new(children),
                freed: Condvar::new(),
                children,
            })
        }))
    }

    /// Whether PDFs are read.
    pub fn are_read(&self) -> bool {
        self.0.is_some()
    }

    /// Read files, in their order, until `until`; what was not come to says so. `bytes` gives a file's content when it is its
    /// turn, so that not all stand in memory.
    pub fn read_each<J: Sync>(
        &self,
        files: &[J],
        bytes: impl Fn(&J) -> Option<Vec<u8>> + Sync,
        until: Instant,
    ) -> Vec<Outcome> {
        let Some(reader) = &self.0 else { return files.iter().map(|_| Err(Shut::NoPdfs)).collect() };
        let (next, left) = (AtomicUsize::new(0), AtomicUsize::new(ASKED_BYTES_MAX));
        let work = || {
            let mut done = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(file) = files.get(index) else { return done };
                let outcome = match bytes(file) {
                    None => Err(Shut::Missing),
                    Some(_) if left.load(Ordering::Relaxed) == 0 => Err(Shut::NotReached),
                    Some(bytes) => reader.outcome(&bytes, until),
                };
                let taken = outcome.as_ref().map_or(0, |text| text.words.len());
                let _ =
                    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(taken)));
                done.push((index, outcome));
            }
        };
        let mut outcomes: Vec<Outcome> = files.iter().map(|_| Err(Shut::NotReached)).collect();
        thread::scope(|scope| {
            let workers = reader.children.min(files.len());
            let working: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            for (index, outcome) in working.into_iter().filter_map(|worker| worker.join().ok()).flatten() {
                if let Some(place) = outcomes.get_mut(index) {
                    *place = outcome;
                }
            }
        });
        outcomes
    }
}

/// What a lock guards is whole at every moment: a panic elsewhere does not spoil it.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Reader {
    fn outcome(&self, bytes: &[u8], until: Instant) -> Outcome {
        let hash = *blake3::hash(bytes).as_bytes();
        if let Some(known) = locked(&self.remembered).known(&hash) {
            return known;
        }
        let Some(_turn) = self.turn(until) else { return Err(Shut::NotReached) };
        let outcome = self.read(bytes, until);
        // What had no time is read another time.
        if !matches!(outcome, Err(Shut::NotReached | Shut::NoPdfs)) {
            locked(&self.remembered).keep(hash, outcome.clone());
        }
        outcome
    }

    /// Leave to start a child; None: there was none in time.
    fn turn(&self, until: Instant) -> Option<Turn<'_>> {
        let mut free = locked(&self.free);
        while *free == 0 {
            let left = until.checked_duration_since(Instant::now())?;
            free = self.freed.wait_timeout(free, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        Instant::now().lt(&until).then(|| {
            *free -= 1;
            Turn(self)
        })
    }

    fn read(&self, bytes: &[u8], until: Instant) -> Outcome {
        let mut command = Command::new(&self.program);
        command.args(["-enc", "UTF-8", "-l", &PAGES_MAX.to_string(), "-", "-"]).env_clear().current_dir("/");
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let Ok(child) = piped else {
            tracing::error!("{PROGRAM} could not be started: PDF letters are not searched");
            return Err(Shut::NoPdfs);
        };
        let mut child = Ended(child);
        // It has no file to read before we hand it one, so the limits come early enough.
        if !limited(&child.0) {
            tracing::error!("no limits could be set on {PROGRAM}: PDF letters are not searched");
            return Err(Shut::NoPdfs);
        }
        let (input, output, complaints) = (child.0.stdin.take(), child.0.stdout.take(), child.0.stderr.take());
        let (said, hear) = mpsc::channel();
        let end = until.min(Instant::now() + FILE_TIME_MAX);
        let (heard, status, complaint) = thread::scope(|scope| {
            scope.spawn(move || input.map(|mut input| input.write_all(bytes)));
            scope.spawn(move || {
                let mut text = Vec::new();
                // One more than is kept shows that there is more.
                let read = output.map(|output| output.take(TEXT_BYTES_MAX as u64 + 1).read_to_end(&mut text));
                let _ = said.send(read.is_some_and(|read| read.is_ok()).then_some(text));
            });
            let complaining = scope.spawn(move || complaints.map(complained).unwrap_or_default());
            let heard = hear.recv_timeout(end.saturating_duration_since(Instant::now())).ok().flatten();
            let whole = heard.as_ref().is_some_and(|text| text.len() <= TEXT_BYTES_MAX);
            let status = if whole { child.wait(end) } else { None };
            child.kill();
            (heard, status, complaining.join().unwrap_or_default())
        });
        match heard {
            None if end == until => Err(Shut::NotReached),
            None => Err(Shut::TooMuch),
            Some(text) if text.len() > TEXT_BYTES_MAX => taken(text, true),
            Some(text) => judged(text, status, &complaint, bytes),
        }
    }
}

/// What a child's end means.
fn judged(text: Vec<u8>, status: Option<ExitStatus>, complaint: &str, bytes: &[u8]) -> Outcome {
    let Some(status) = status else { return Err(Shut::TooMuch) };
    let locked = complaint.contains("password") || memchr::memmem::find(bytes, b"/Encrypt").is_some();
    match status.code() {
        Some(0) => {
            let pages = text.iter().filter(|byte| **byte == b'\x0c').count();
            taken(text, pages >= PAGES_MAX)
        }
        // Ended by a signal: out of processor time, or out of memory.
        None if status.signal().is_some() => Err(Shut::TooMuch),
        // "Error related to PDF permissions" (pdftotext(1), exit codes).
        Some(3) => Err(Shut::Forbidden),
        Some(1) if locked => Err(Shut::Locked),
        _ => Err(Shut::Broken),
    }
}

fn taken(mut text: Vec<u8>, cut: bool) -> Outcome {
    text.truncate(TEXT_BYTES_MAX);
    let words = String::from_utf8_lossy(&text);
    match words.contains(char::is_alphanumeric) {
        true => Ok(Text { words: words.into(), cut }),
        false => Err(Shut::NoWords),
    }
}

/// The beginning of what it complains of. The rest is read as well, for a full pipe would stop it.
fn complained(mut from: impl Read) -> String {
    let (mut kept, mut buffer) = (Vec::new(), [0; 1024]);
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let room = COMPLAINT_BYTES_MAX.saturating_sub(kept.len()).min(count);
        kept.extend(buffer.get(..room).unwrap_or_default());
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// Limit what a child may take.
fn limited(child: &Child) -> bool {
    let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else { return false };
    [
        (Resource::As, MEMORY_BYTES_MAX),
        (Resource::Cpu, FILE_CPU_SECONDS_MAX),
        (Resource::Fsize, 0),
        (Resource::Nproc, 0),
        // One byte is no core, neither in a file nor to whoever takes them (core(5)): it would hold the letter.
        (Resource::Core, 1),
    ]
    .into_iter()
    .all(|(resource, most)| prlimit(Some(pid), resource, Rlimit { current: Some(most), maximum: Some(most) }).is_ok())
}

/// A child that does not outlive us.
struct Ended(Child);

impl Ended {
    /// How it ended, where it did in time.
    fn wait(&mut self, end: Instant) -> Option<ExitStatus> {
        loop {
            if let Ok(Some(status)) = self.0.try_wait() {
                return Some(status);
            }
            if Instant::now() >= end {
                return None;
            }
            thread::sleep(Duration::from_micros(500));
        }
    }

    fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.kill();
    }
}

struct Turn<'a>(&'a Reader);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *locked(&self.0.free) += 1;
        self.0.freed.notify_one();
    }
}

/// What was read, the longest unused forgotten first.
#[derive(Default)]
struct Remembered {
    outcomes: HashMap<[u8; 32], (Outcome, u64)>,
    used: BTreeMap<u64, [u8; 32]>,
    clock: u64,
    bytes: usize,
}

fn cost(outcome: &Outcome) -> usize {
    outcome.as_ref().map_or(0, |text| text.words.len()) + REMEMBERED_BYTES_EACH
}

impl Remembered {
    fn known(&mut self, hash: &[u8; 32]) -> Option<Outcome> {
        let (outcome, used) = self.outcomes.get_mut(hash)?;
        self.used.remove(used);
        self.clock += 1;
        *used = self.clock;
        self.used.insert(self.clock, *hash);
        Some(outcome.clone())
    }

    fn keep(&mut self, hash: [u8; 32], outcome: Outcome) {
        self.clock += 1;
        self.bytes += cost(&outcome);
        if let Some((before, used)) = self.outcomes.insert(hash, (outcome, self.clock)) {
            self.bytes -= cost(&before);
            self.used.remove(&used);
        }
        self.used.insert(self.clock, hash);
        while self.bytes > REMEMBERED_BYTES_MAX {
            let Some((_, oldest)) = self.used.pop_first() else { return };
            if let Some((outcome, _)) = self.outcomes.remove(&oldest) {
                self.bytes -= cost(&outcome);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded_and_the_longest_unused_goes_first() {
        let mut remembered = Remembered::default();
        let text = |size: usize| Ok(Text { words: "x".repeat(size).into(), cut: false });
        let hash = |n: u8| [n; 32];
        let most = REMEMBERED_BYTES_MAX / TEXT_BYTES_MAX;
        for n in 0..u8::try_from(most).expect("few") {
            remembered.keep(hash(n), text(TEXT_BYTES_MAX));
            assert!(remembered.known(&hash(0)).is_some(), "used again and again");
        }
        assert!(remembered.bytes <= REMEMBERED_BYTES_MAX);
        assert!(remembered.known(&hash(1)).is_none(), "the longest unused is forgotten");
        assert!(remembered.known(&hash(2)).is_some() && remembered.known(&hash(0)).is_some());
        for _ in 0..100 {
            remembered.keep(hash(200), text(10));
        }
        assert_eq!(remembered.outcomes.len(), remembered.used.len());
        let costs: usize = remembered.outcomes.values().map(|(outcome, _)| cost(outcome)).sum();
        assert_eq!(remembered.bytes, costs);
    }
}
