//! Many Socket.IO connections on one thread.
//!
//! Owns the event loop, what every connection knows of its rooms, and the [`Tally`]. Promises that the
//! cost of a delivery here is a small part of its cost on the server: one `read` per readable socket,
//! frames in place, no allocation for an event; and that a lost, repeated, late or misdirected event is
//! counted as such ([`Track`]).
//!
//! To measure something new, count it in [`Tally`] where [`Swarm`] handles the packet; to make the
//! clients do something new, add a [`link::Phase`] or a method that drives the loop with [`Swarm::drive`].

mod join;
mod link;
mod receive;
mod tally;
mod track;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io,
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use mio::{Events, Interest, Poll, Token};
use smallvec::SmallVec;

pub use tally::{Tally, histogram};
use track::Track;

use self::link::{Link, Phase};
use super::{
    feed::log::Releases,
    time::monotonic_micros,
    wire::{frame, sighting::Scanner},
};

/// One client: who it is and where it belongs. It outlives its connections.
#[derive(Debug)]
pub struct Member {
    token: Option<Rc<str>>,
    /// Its server, when that is another one than the swarm's.
    server: Option<SocketAddr>,
    contact: Contact,
    /// The rooms by their index in the swarm's list, with how far the client has got.
    rooms: SmallVec<[(u32, Track); 1]>,
}

/// When a client was last reached, in microseconds of the monotonic clock; zero for never.
#[derive(Debug, Clone, Copy, Default)]
pub struct Contact {
    /// The last delivery of an event.
    pub delivery: u64,
    /// Its connection ended although the swarm did not end it.
    pub end: u64,
}

/// Many clients of one server, driven by one thread.
pub struct Swarm {
    poll: Poll,
    events: Events,
    buffer: Box<[u8]>,
    server: SocketAddr,
    rooms: Vec<String>,
    members: Vec<Member>,
    links: Vec<Option<Link>>,
    /// Clients that wait to be connected, soonest first.
    waiting: VecDeque<(Instant, usize)>,
    /// Connections that the server has not authenticated yet.
    entering: usize,
    /// Connections that exist, in whatever phase.
    open: u64,
    max_entering: usize,
    epoch: Option<String>,
    scanner: Scanner,
    since_commit: Option<CommitClock>,
    releases: Option<Arc<Releases>>,
    tally: Tally,
}

/// How the clock of envelopes relates to the monotonic one.
#[derive(Debug, Clone, Copy)]
pub struct CommitClock {
    /// Microseconds of the Unix epoch when the monotonic clock was at zero.
    pub unix_minus_monotonic_micros: i64,
}

/// Larger than the longest frame, so that an unfinished one always fits in front of a read.
const BUFFER: usize = frame::MAX_PAYLOAD + (1 << 20);
/// How long the loop sleeps at most before it looks at its condition again.
const NAP: Duration = Duration::from_millis(10);
/// How many different causes of an ending are told apart.
const MAX_CAUSES: usize = 32;

impl Member {
    /// A client with a token, for a server that asks for one, and the indices of its rooms.
    pub fn new(token: Option<Rc<str>>, rooms: impl IntoIterator<Item = u32>) -> Self {
        let rooms = rooms.into_iter().map(|room| (room, Track::default())).collect();
        Self { token, server: None, contact: Contact::default(), rooms }
    }

    /// The same client of another server than the swarm's.
    pub fn of(mut self, server: SocketAddr) -> Self {
        self.server = Some(server);
        self
    }
}

impl Swarm {
    /// A swarm without connections. At most `max_entering` of them are unauthenticated at a time.
    ///
    /// # Errors
    /// When the system has no event queue left.
    pub fn new(
        server: SocketAddr,
        rooms: Vec<String>,
        members: Vec<Member>,
        max_entering: usize,
    ) -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(4096),
            buffer: vec![0; BUFFER].into(),
            server,
            rooms,
            links: members.iter().map(|_| None).collect(),
            members,
            waiting: VecDeque::new(),
            entering: 0,
            open: 0,
            max_entering,
            epoch: None,
            scanner: Scanner::default(),
            since_commit: None,
            releases: None,
            tally: Tally::default(),
        })
    }

    /// Also times deliveries from the timestamp of their envelopes.
    pub fn time_since_commit(&mut self, clock: CommitClock) {
        self.since_commit = Some(clock);
    }

    /// Times deliveries from the release of their events instead of from the stamps inside.
    pub fn time_since_release(&mut self, releases: Arc<Releases>) {
        self.releases = Some(releases);
    }

    /// How many clients there are, connected or not.
    pub fn size(&self) -> usize {
        self.members.len()
    }

    /// The names of all rooms.
    pub fn rooms(&self) -> &[String] {
        &self.rooms
    }

    /// The counts so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Takes the counts and starts new ones. Connections that are live stay counted as such.
    pub fn take_tally(&mut self) -> Tally {
        let live = self.tally.joins.live;
        let taken = std::mem::take(&mut self.tally);
        self.tally.joins.live = live;
        taken
    }

    /// Connects everybody who is not connected, spread evenly over `spread`, and waits until all are in their
    /// rooms. Whoever is told to try again later does. Answers whether all were live before `timeout`.
    ///
    /// # Errors
    /// When the event queue fails.
    pub fn connect(&mut self, spread: Duration, timeout: Duration) -> io::Result<bool> {
        let start = Instant::now();
        let absent: Vec<usize> = (0..self.links.len()).filter(|at| self.links[*at].is_none()).collect();
        let count = absent.len().max(1) as u32;
        self.waiting =
            absent.into_iter().zip(0..).map(|(at, nth)| (start + spread * nth / count, at)).collect();
        // Whoever is refused for good is not tried again: then fewer are live than there are clients.
        self.drive(start + timeout, |swarm| {
            swarm.waiting.is_empty() && swarm.tally.joins.live == swarm.open
        })?;
        Ok(self.tally.joins.live == self.members.len() as u64)
    }

    /// Cuts every connection at once, as a network that goes away does. Positions are kept.
    pub fn cut(&mut self) {
        for link in self.links.iter_mut().filter_map(Option::take) {
            link.cut();
        }
        self.waiting.clear();
        self.entering = 0;
        self.open = 0;
        self.tally.joins.live = 0;
    }

    /// Handles whatever comes until `done` says so or the deadline is there. Answers whether it was `done`.
    ///
    /// # Errors
    /// When the event queue fails.
    pub fn drive(&mut self, deadline: Instant, mut done: impl FnMut(&Self) -> bool) -> io::Result<bool> {
        while !done(self) {
            if Instant::now() >= deadline {
                return Ok(false);
            }
            self.turn()?;
        }
        Ok(true)
    }

    /// How many of the rooms' events never reached a client that was in the room; `heads` holds the offset of
    /// each room's last event.
    pub fn missing(&self, heads: &[u64]) -> u64 {
        let tracks = self.members.iter().flat_map(|member| &member.rooms);
        tracks.map(|(room, track)| track.missing(heads.get(*room as usize).copied().unwrap_or(0))).sum()
    }

    /// When the client with this number was last reached.
    pub fn contact(&self, client: usize) -> Contact {
        self.members[client].contact
    }

    /// In how many different orders the clients of a room saw what came since they joined; the most of any room. One
    /// means that all of them saw the same, as long as they joined at the same offset and stayed.
    pub fn orders(&self) -> usize {
        let mut seen: BTreeMap<u32, BTreeSet<u64>> = BTreeMap::new();
        for (room, track) in self.members.iter().flat_map(|member| &member.rooms) {
            seen.entry(*room).or_default().insert(track.order());
        }
        seen.values().map(BTreeSet::len).max().unwrap_or(0)
    }

    /// The offset up to which every client has got in each room; the highest of them.
    pub fn positions(&self) -> Vec<u64> {
        let mut positions = vec![0; self.rooms.len()];
        for (room, track) in self.members.iter().flat_map(|member| &member.rooms) {
            let highest = &mut positions[*room as usize];
            *highest = (*highest).max(track.position().unwrap_or(0));
        }
        positions
    }

    fn turn(&mut self) -> io::Result<()> {
        self.dial_waiting();
        let busy = self.waiting.front().is_some_and(|_| self.entering < self.max_entering);
        let nap = if busy { Duration::from_millis(1) } else { NAP };
        let mut events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        match self.poll.poll(&mut events, Some(nap)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        for event in &events {
            let Token(at) = event.token();
            if event.is_writable() {
                self.on_writable(at);
            }
            if event.is_readable() {
                self.on_readable(at, &mut buffer, event.is_read_closed());
            }
        }
        self.buffer = buffer;
        self.events = events;
        Ok(())
    }

    fn dial_waiting(&mut self) {
        let now = Instant::now();
        while self.entering < self.max_entering {
            let Some((_, at)) = self.waiting.front().copied().filter(|(due, _)| *due <= now) else { return };
            self.waiting.pop_front();
            match Link::dial(self.members[at].server.unwrap_or(self.server), at) {
                Ok(mut link) => {
                    let both = Interest::READABLE | Interest::WRITABLE;
                    if let Err(error) = self.poll.registry().register(&mut link.socket, Token(at), both) {
                        self.count_ending(error.to_string());
                        continue;
                    }
                    self.links[at] = Some(link);
                    self.entering += 1;
                    self.open += 1;
                }
                Err(error) => self.count_ending(format!("dialing: {error}")),
            }
        }
    }

    fn on_writable(&mut self, at: usize) {
        let Some(link) = &mut self.links[at] else { return };
        if link.phase == Phase::Dialing {
            match link.socket.take_error() {
                Ok(None) if link.socket.peer_addr().is_ok() => link.phase = Phase::Upgrading,
                Ok(None) => return,
                Ok(Some(error)) | Err(error) => return self.end(at, &format!("connecting: {error}")),
            }
        }
        if let Err(error) = link.flush() {
            self.end(at, &error.to_string());
        }
    }

    /// A read that fills less than it could has emptied the socket, and the next event will say when there is
    /// more; unless the stream has ended, which only a further read tells.
    fn on_readable(&mut self, at: usize, buffer: &mut [u8], closing: bool) {
        loop {
            let Some(link) = &mut self.links[at] else { return };
            match link.fill(buffer) {
                Ok((filled, more)) => {
                    self.tally.reads += 1;
                    self.on_bytes(at, &buffer[..filled]);
                    if !more && !closing {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return self.end(at, "closed by the server");
                }
                Err(error) => return self.end(at, &error.to_string()),
            }
        }
    }

    /// The connection is over although the swarm did not want it to be.
    fn end(&mut self, at: usize, cause: &str) {
        self.drop_link(at);
        self.members[at].contact.end = monotonic_micros();
        self.count_ending(cause.to_owned());
    }

    fn drop_link(&mut self, at: usize) {
        let Some(link) = self.links[at].take() else { return };
        self.open -= 1;
        match link.phase {
            Phase::Dialing | Phase::Upgrading | Phase::Opening | Phase::Entering => self.entering -= 1,
            Phase::Subscribing => {}
            Phase::Live => self.tally.joins.live -= 1,
        }
    }

    fn count_ending(&mut self, cause: String) {
        let known = self.tally.ended.len() < MAX_CAUSES || self.tally.ended.contains_key(&cause);
        *self.tally.ended.entry(if known { cause } else { "other causes".into() }).or_default() += 1;
    }
}

#[cfg(test)]
mod tests;
