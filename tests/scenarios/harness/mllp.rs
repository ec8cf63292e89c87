//! A plain, blocking MLLP sender, on purpose not the one of the crates under test.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// One connection to a feed.
pub struct Sender {
    stream: TcpStream,
    pending: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// The other side closed the connection, or it died.
    Closed,
    /// Nothing came in time.
    Silence,
}

impl Sender {
    /// Connect.
    pub fn to(address: SocketAddr) -> Sender {
        Sender::try_to(address).unwrap_or_else(|error| panic!("cannot connect to {address}: {error}"))
    }

    /// Connect, perhaps.
    pub fn try_to(address: SocketAddr) -> std::io::Result<Sender> {
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        stream.set_nodelay(true)?;
        Ok(Sender { stream, pending: Vec::new() })
    }

    /// Send bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Send a message in its frame, without waiting.
    pub fn put(&mut self, message: &[u8]) -> std::io::Result<()> {
        let mut frame = Vec::with_capacity(message.len() + 3);
        frame.push(0x0b);
        frame.extend_from_slice(message);
        frame.extend_from_slice(&[0x1c, 0x0d]);
        self.stream.write_all(&frame)
    }

    /// Wait for the next answer.
    pub fn answer(&mut self) -> Result<Answer, NoAnswer> {
        loop {
            if let Some(end) = self.pending.windows(2).position(|pair| pair == [0x1c, 0x0d]) {
                let frame: Vec<u8> = self.pending.drain(..end + 2).collect();
                assert_eq!(frame.first(), Some(&0x0b), "an answer begins with 0x0B");
                return Ok(Answer(String::from_utf8_lossy(&frame[1..end]).into_owned()));
            }
            let mut chunk = [0u8; 16 * 1024];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(NoAnswer::Closed),
                Ok(n) => self.pending.extend_from_slice(&chunk[..n]),
                Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                    return Err(NoAnswer::Silence);
                }
                Err(_) => return Err(NoAnswer::Closed),
            }
        }
    }

    /// Send a message and wait for its answer.
    pub fn send(&mut self, message: &[u8]) -> Answer {
        self.try_send(message).unwrap_or_else(|error| panic!("no answer: {error:?}"))
    }

    /// Send a message and wait for its answer, perhaps.
    pub fn try_send(&mut self, message: &[u8]) -> Result<Answer, NoAnswer> {
        self.put(message).map_err(|_| NoAnswer::Closed)?;
        self.answer()
    }
}

/// An acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer(pub String);

impl Answer {
    /// MSA-1.
    pub fn code(&self) -> &str {
        self.field("MSA", 1)
    }

    /// MSA-2.
    pub fn control_id(&self) -> &str {
        self.field("MSA", 2)
    }

    /// A field of the first segment of this name (not of MSH).
    pub fn field(&self, segment: &str, number: usize) -> &str {
        self.0
            .split('\r')
            .find(|line| line.starts_with(segment))
            .and_then(|line| line.split('|').nth(number))
            .unwrap_or("")
    }
}
