//! One connection's socket: dialing, the bytes of an unfinished frame, the bytes not yet taken by the kernel.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use mio::net::TcpStream;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// How far a connection has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// TCP is connecting; the upgrade request is waiting in the output.
    Dialing,
    /// The answer to the upgrade is awaited.
    Upgrading,
    /// Engine.IO's `open` is awaited.
    Opening,
    /// The answer to CONNECT is awaited.
    Entering,
    /// The answer to the subscription is awaited.
    Subscribing,
    Live,
}

/// One connection.
#[derive(Debug)]
pub struct Link {
    pub socket: TcpStream,
    pub phase: Phase,
    rest: Vec<u8>,
    out: Vec<u8>,
}

/// Loopback has some 28,000 ports for each source address; a further address is taken for each so many.
const LINKS_PER_ADDRESS: usize = 20_000;

impl Link {
    /// Starts to connect and prepares the upgrade request. `number` chooses the source address on loopback.
    ///
    /// # Errors
    /// When the system has no socket or no port left.
    pub fn dial(server: SocketAddr, number: usize) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(server), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        let address = number / LINKS_PER_ADDRESS;
        if address > 0 && server.ip().is_loopback() && server.is_ipv4() {
            let source = Ipv4Addr::new(127, 0, (address >> 8) as u8, address as u8 + 1);
            socket.bind(&SocketAddr::new(IpAddr::V4(source), 0).into())?;
        }
        match socket.connect(&server.into()) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {}
            Err(error) => return Err(error),
        }
        let request = format!(
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {server}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ZmFuZmFyZSBiZW5jaCAhIQ==\r\n\r\n"
        );
        let socket = TcpStream::from_std(socket.into());
        Ok(Self { socket, phase: Phase::Dialing, rest: Vec::new(), out: request.into_bytes() })
    }

    /// Puts the unfinished bytes at the front of `buffer` and reads behind them. Answers how many of the
    /// buffer's bytes are filled and whether the socket may have more.
    ///
    /// # Errors
    /// `WouldBlock` when there is nothing to read, `UnexpectedEof` at the end of the stream.
    pub fn fill(&mut self, buffer: &mut [u8]) -> io::Result<(usize, bool)> {
        let kept = self.rest.len();
        buffer[..kept].copy_from_slice(&self.rest);
        let room = buffer.len() - kept;
        let read = self.socket.read(&mut buffer[kept..])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.rest.clear();
        Ok((kept + read, read == room))
    }

    /// Keeps the bytes of a frame that is not whole yet.
    pub fn keep(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
    }

    /// Sends what `write` appends, now or when the socket takes it.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn send(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        write(&mut self.out);
        self.flush()
    }

    /// Sends what waits.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn flush(&mut self) -> io::Result<()> {
        while !self.out.is_empty() {
            match self.socket.write(&self.out) {
                Ok(written) => drop(self.out.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        // Ten thousand idle connections must not keep buffers they used once.
        self.out = Vec::new();
        Ok(())
    }

    /// Makes closing send a reset, as a network that went away would; it also leaves no port waiting.
    pub fn cut(self) {
        // If it cannot be set, the socket closes in the ordinary way, which the server must bear as well.
        let _ = SockRef::from(&self.socket).set_linger(Some(Duration::ZERO));
    }
}
