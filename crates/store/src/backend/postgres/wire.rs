//! The socket to the server. Whoever waits for an answer carries the bytes meanwhile, on its own thread, whatever thread that
//! is: no other has to be woken for each answer, which on a busy machine costs more than most of the answers.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    io::{self, ErrorKind, Read, Write},
    net::TcpStream,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::{Duration, Instant},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::Error;

/// What was begun and not yet carried may be this much; past that it is handed to the socket, so that the server begins too.
const UNCARRIED_MAX: u32 = 16;

enum Kind {
    Unix(UnixStream),
    Tcp(TcpStream),
}

/// A socket that never keeps its caller.
pub(super) struct Socket {
    kind: Kind,
    /// There is something to write that it does not take yet.
    full: AtomicBool,
}

impl Socket {
    pub fn unix(stream: UnixStream) -> io::Result<Arc<Self>> {
        stream.set_nonblocking(true)?;
        Ok(Arc::new(Socket { kind: Kind::Unix(stream), full: AtomicBool::new(false) }))
    }

    pub fn tcp(stream: TcpStream) -> io::Result<Arc<Self>> {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Arc::new(Socket { kind: Kind::Tcp(stream), full: AtomicBool::new(false) }))
    }

    /// The same, to be read and written.
    pub fn stream(self: &Arc<Self>) -> Stream {
        Stream(Arc::clone(self))
    }

    fn read(&self, into: &mut [u8]) -> io::Result<usize> {
        match &self.kind {
            Kind::Unix(stream) => (&mut &*stream).read(into),
            Kind::Tcp(stream) => (&mut &*stream).read(into),
        }
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match &self.kind {
            Kind::Unix(stream) => (&mut &*stream).write(bytes),
            Kind::Tcp(stream) => (&mut &*stream).write(bytes),
        }
    }

    /// Wait until there is something to read, or room for what is to be written.
    fn wait(&self, longest: Option<Duration>) {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let room = if self.full.load(Ordering::Relaxed) { PollFlags::OUT } else { PollFlags::empty() };
        let mut asked = [PollFd::new(self, PollFlags::IN | room)];
        let longest = longest.and_then(|time| Timespec::try_from(time).ok());
        // A failure, or a signal that came between, shows at the next reading.
        let _ = poll(&mut asked, longest.as_ref());
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.kind {
            Kind::Unix(stream) => stream.as_fd(),
            Kind::Tcp(stream) => stream.as_fd(),
        }
    }
}

/// A socket as the protocol wants it.
pub(super) struct Stream(Arc<Socket>);

/// What is not there yet is waited for by [`Wire::wait`].
fn when_there<T>(mut attempt: impl FnMut() -> io::Result<T>) -> Poll<io::Result<T>> {
    loop {
        return match attempt() {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
            done => Poll::Ready(done),
        };
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let room = into.initialize_unfilled();
        when_there(|| self.0.read(room)).map_ok(|read| into.advance(read))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = when_there(|| self.0.write(bytes));
        self.0.full.store(written.is_pending(), Ordering::Relaxed);
        written
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The server closes when it has read that this is the end.
        Poll::Ready(Ok(()))
    }
}

/// Whether there is anything to go on with.
#[derive(Default)]
struct Signal(AtomicBool);

impl Signal {
    fn take(&self) -> bool {
        self.0.swap(false, Ordering::AcqRel)
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// Wait on a socket for something that is not carried by a [`Wire`] yet; None when it takes longer.
pub(super) fn wait_at<T>(socket: &Socket, longest: Duration, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let signal = Arc::new(Signal::default());
    let waker = Waker::from(Arc::clone(&signal));
    let begin = Instant::now();
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(value);
        }
        let left = longest.checked_sub(begin.elapsed())?;
        if !signal.take() {
            socket.wait(Some(left));
        }
    }
}

/// What reads and writes the protocol; it ends when the connection does.
type Running = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// A connection, carried by whoever waits for it.
pub(super) struct Wire {
    socket: Option<Arc<Socket>>,
    running: RefCell<Option<Running>>,
    signal: Arc<Signal>,
    waker: Waker,
    uncarried: Cell<u32>,
}

impl Wire {
    /// Of this connection, over this socket.
    pub fn new(socket: Arc<Socket>, running: impl Future<Output = Result<(), Error>> + Send + 'static) -> Self {
        let running: Running = Box::pin(running);
        let mut wire = Wire::default();
        wire.socket = Some(socket);
        wire.running.replace(Some(running));
        wire
    }

    /// Wait until it is there.
    pub fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let mut context = Context::from_waker(&self.waker);
        loop {
            self.signal.take();
            if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
                return value;
            }
            self.carry();
            // Where the connection has ended, nothing is left to wait for: whoever asks is told so.
            if !self.signal.take()
                && self.is_up()
                && let Some(socket) = &self.socket
            {
                socket.wait(None);
            }
        }
    }

    /// Let it begin, and do not wait for it. Gives what came of it, where it is done at once. What was begun is carried with
    /// whatever is waited for next, or when enough has come together.
    pub fn nudge<T>(&self, future: Pin<&mut (impl Future<Output = T> + ?Sized)>) -> Option<T> {
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => {
                self.uncarried.set(self.uncarried.get() + 1);
                if self.uncarried.get() >= UNCARRIED_MAX {
                    self.carry();
                }
                None
            }
        }
    }

    /// Write and read what can be without waiting.
    pub fn carry(&self) {
        self.uncarried.set(0);
        let mut running = self.running.borrow_mut();
        let Some(connection) = running.as_mut() else { return };
        if connection.as_mut().poll(&mut Context::from_waker(&self.waker)).is_ready() {
            // Its end is told to whoever waits for an answer.
            *running = None;
        }
    }

    fn is_up(&self) -> bool {
        self.running.borrow().is_some()
    }
}

impl Default for Wire {
    /// Of none.
    fn default() -> Self {
        let signal = Arc::new(Signal::default());
        let waker = Waker::from(Arc::clone(&signal));
        Wire { socket: None, running: RefCell::default(), signal, waker, uncarried: Cell::new(0) }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // Nobody asks any more: the server is told that this is the end.
        self.carry();
    }
}
