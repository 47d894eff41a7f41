//! One connection's way out: the queue between everything that speaks to the client and its TCP socket.
//!
//! The lane sits below HTTP and WebSocket, at the bottom of the listener. What the transport library
//! writes and what the hub delivers meet here in one queue, so their order is the order of the calls
//! and nothing is copied per subscriber: a broadcast is one encoded frame whose bytes all queues
//! share. Writing never blocks the transport's tasks. A client that does not read is noticed here:
//! its queue has a bound in bytes and a time without progress, and beyond either it is closed.
//!
//! Until the transport has written `welcome`, what the hub sends waits, because it must not overtake
//! the namespace's CONNECT. While a command that joins rooms runs, deliveries wait as well
//! ([`Lane::hold`]): the acknowledgement comes before every event that it promises.

mod stream;

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::Waker,
    time::Duration,
};

use bytes::Bytes;
use tokio::{net::TcpStream, time::Instant};

pub(super) use self::stream::LaneStream;
use super::{frame, places::Place};

/// How many queued frames go into one system call.
const FRAMES_A_WRITE: usize = 64;
/// How long a client has to answer a close frame before its socket is shut down.
pub(super) const CLOSE_GRACE: Duration = Duration::from_secs(2);
/// What the transport writes right before the lane may speak.
const WELCOME: &[u8] = b"[\"welcome\",";

/// Why the server ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    TokenExpired,
    /// More queued than the bound: the client reads slower than its rooms speak.
    QueueFull,
    /// Something queued and no byte taken for too long: the client does not read.
    WriteStalled,
    Draining,
    Revoked,
    /// The client left the namespace and did not come back in time.
    Left,
}

impl CloseReason {
    /// The label in `ws_disconnect_total`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TokenExpired => "token_expired",
            Self::QueueFull => "queue_full",
            Self::WriteStalled => "write_stalled",
            Self::Draining => "draining",
            Self::Revoked => "revoked",
            Self::Left => "left",
        }
    }
}

/// The queue and the socket below it. Shared by the transport's stream, the hub and housekeeping.
#[derive(Debug)]
pub struct Lane {
    tcp: TcpStream,
    /// Bytes that may wait before the connection is closed.
    max_queued: usize,
    state: Mutex<State>,
    dead: AtomicBool,
    reason: OnceLock<CloseReason>,
    /// What becomes free with the socket.
    place: Mutex<Weak<Place>>,
}

#[derive(Debug, Default)]
struct State {
    mode: Mode,
    queue: VecDeque<Bytes>,
    queued_bytes: usize,
    /// Frames that wait for `welcome` or for the answer to a command.
    held: VecDeque<Bytes>,
    held_bytes: usize,
    holds: u32,
    /// Since when the socket has not taken a byte although something is queued.
    stalled_since: Option<Instant>,
    close_sent_at: Option<Instant>,
    /// The task that reads from the socket; it also waits for the socket to become writable again.
    reader: Option<Waker>,
    /// The task that waits for the queue to drain before it shuts the socket down.
    closer: Option<Waker>,
}

/// Who writes to the socket.
#[derive(Debug, Default, PartialEq, Eq, Clone, Copy)]
enum Mode {
    /// The transport alone: HTTP, the upgrade, Engine.IO's handshake.
    #[default]
    PassThrough,
    /// Queued, and the hub waits for `welcome`.
    Opening,
    Open,
}

impl Lane {
    /// A lane over an accepted socket that holds at most `max_queued` bytes for a client that is slow.
    pub(super) fn new(tcp: TcpStream, max_queued: usize) -> Self {
        Self {
            tcp,
            max_queued,
            state: Mutex::default(),
            dead: AtomicBool::new(false),
            reason: OnceLock::new(),
            place: Mutex::default(),
        }
    }

    /// Frees the place when the socket has gone, whoever still remembers the handshake then.
    pub(super) fn keep(&self, place: &Arc<Place>) {
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(place);
    }

    /// From now on everything written goes through the queue. Called once the WebSocket stands.
    pub(super) fn engage(&self) {
        let mut state = self.lock();
        if state.mode == Mode::PassThrough {
            state.mode = Mode::Opening;
        }
    }

    /// Queues a frame behind everything sent so far, without writing yet: a burst is written by one
    /// [`Lane::flush`]. False when the connection is or was just closed.
    pub(super) fn push(&self, frame: Bytes) -> bool {
        if self.is_dead() {
            return false;
        }
        let mut state = self.lock();
        if state.close_sent_at.is_some() {
            return false;
        }
        if state.holds > 0 || state.mode != Mode::Open {
            state.held_bytes += frame.len();
            state.held.push_back(frame);
        } else {
            state.enqueue(frame);
        }
        // Looked at after the push, so that one large message always goes through an empty queue.
        let excess = state.queued_bytes + state.held_bytes > self.max_queued
            && state.queue.len() + state.held.len() > 1;
        drop(state);
        if excess {
            self.kill(CloseReason::QueueFull);
        }
        !excess
    }

    /// Makes deliveries wait until as many releasing calls of [`Lane::answer`] as there were of this.
    pub(super) fn hold(&self) {
        self.lock().holds += 1;
    }

    /// Sends the answer to a command, ahead of everything held. One that `releases` takes back a
    /// [`Lane::hold`]: what was held follows it.
    pub(super) fn answer(&self, frame: Option<Bytes>, releases: bool) {
        let mut state = self.lock();
        if state.close_sent_at.is_some() {
            return;
        }
        match (frame, state.mode) {
            (Some(frame), Mode::Open) => state.enqueue(frame),
            (Some(frame), Mode::PassThrough | Mode::Opening) => {
                state.held_bytes += frame.len();
                state.held.push_front(frame);
            }
            (None, _) => {}
        }
        state.holds = state.holds.saturating_sub(u32::from(releases));
        if state.holds == 0 && state.mode == Mode::Open {
            state.unhold();
        }
        if state.stalled_since.is_none() {
            self.write_queue(&mut state);
        }
        let excess = state.queued_bytes + state.held_bytes > self.max_queued && state.queue.len() > 1;
        drop(state);
        if excess {
            self.kill(CloseReason::QueueFull);
        }
    }

    /// Writes what is queued, as far as the socket takes it; the rest follows by itself.
    pub(super) fn flush(&self) {
        let mut state = self.lock();
        if state.stalled_since.is_none() && !state.queue.is_empty() {
            self.write_queue(&mut state);
        }
    }

    /// Ends the connection after what is queued: a close frame, then the socket.
    pub(super) fn finish(&self, reason: CloseReason) {
        self.reason.get_or_init(|| reason);
        let mut state = self.lock();
        if state.close_sent_at.is_none() {
            state.enqueue(Bytes::from_static(frame::CLOSE));
            state.close_sent_at = Some(Instant::now());
            self.write_queue(&mut state);
        }
    }

    /// Ends the connection now. The transport's reader sees the end of the stream and cleans up.
    pub(super) fn kill(&self, reason: CloseReason) {
        if self.reason.set(reason).is_ok()
            && matches!(reason, CloseReason::QueueFull | CloseReason::WriteStalled)
        {
            metrics::counter!("ws_slow_closes_total", "reason" => reason.name()).increment(1);
        }
        self.shut_down();
    }

    /// Closes a lane whose client does not read, or did not answer a close frame.
    pub(super) fn check(&self, now: Instant, stall_limit: Duration) {
        let (stalled, unanswered) = {
            let state = self.lock();
            let beyond = |since: Option<Instant>, limit| {
                since.is_some_and(|at| now.saturating_duration_since(at) > limit)
            };
            (beyond(state.stalled_since, stall_limit), beyond(state.close_sent_at, CLOSE_GRACE))
        };
        if self.is_dead() {
            return;
        }
        if stalled {
            self.kill(CloseReason::WriteStalled);
        } else if unanswered {
            self.shut_down();
        }
    }

    /// Why the server closed the connection, if it did.
    pub(super) fn reason(&self) -> Option<CloseReason> {
        self.reason.get().copied()
    }

    /// Whether the socket has ended, by either side.
    pub(super) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Acquire)
    }

    fn shut_down(&self) {
        if self.dead.swap(true, Ordering::AcqRel) {
            return;
        }
        let socket = socket2::SockRef::from(&self.tcp);
        // Without lingering the kernel drops what the client never read as soon as the descriptor closes.
        socket.set_linger(Some(Duration::ZERO)).ok();
        socket.shutdown(std::net::Shutdown::Both).ok();
        let wakers = {
            let mut state = self.lock();
            state.queue = VecDeque::new();
            state.held = VecDeque::new();
            (state.queued_bytes, state.held_bytes) = (0, 0);
            [state.reader.take(), state.closer.take()]
        };
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    fn write_queue(&self, state: &mut State) {
        while !state.queue.is_empty() {
            let mut slices = [IoSlice::new(&[]); FRAMES_A_WRITE];
            let count = state.queue.len().min(FRAMES_A_WRITE);
            for (slice, frame) in slices.iter_mut().zip(&state.queue) {
                *slice = IoSlice::new(frame);
            }
            match self.tcp.try_write_vectored(&slices[..count]) {
                Ok(written) if written > 0 => state.advance(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    state.stalled_since.get_or_insert_with(Instant::now);
                    // The reading task polls the socket; have it wait for writability too.
                    if let Some(reader) = state.reader.take() {
                        reader.wake();
                    }
                    return;
                }
                Ok(_) | Err(_) => {
                    // The peer is gone. The reader learns it from the socket as well.
                    self.dead.store(true, Ordering::Release);
                    state.queue.clear();
                    state.queued_bytes = 0;
                    if let Some(reader) = state.reader.take() {
                        reader.wake();
                    }
                }
            }
        }
        state.stalled_since = None;
        if state.queue.capacity() > FRAMES_A_WRITE {
            state.queue = VecDeque::new();
        }
        if let Some(closer) = state.closer.take() {
            closer.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn enqueue(&mut self, frame: Bytes) {
        self.queued_bytes += frame.len();
        self.queue.push_back(frame);
    }

    fn unhold(&mut self) {
        self.queued_bytes += std::mem::take(&mut self.held_bytes);
        if self.queue.is_empty() {
            std::mem::swap(&mut self.queue, &mut self.held);
        } else {
            self.queue.append(&mut self.held);
        }
        self.held = VecDeque::new();
    }

    fn advance(&mut self, mut written: usize) {
        self.queued_bytes -= written;
        self.stalled_since = None;
        while written > 0 {
            let Some(front) = self.queue.front_mut() else { return };
            if written < front.len() {
                bytes::Buf::advance(front, written);
                return;
            }
            written -= front.len();
            self.queue.pop_front();
        }
    }
}

#[cfg(test)]
mod tests;
