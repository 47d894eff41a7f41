//! What a scenario drives: Fanfare or a peer, with the same questions for both.

use std::{net::SocketAddr, rc::Rc, time::Duration};

use rustix::process::{Resource, getrlimit};

use super::{
    cluster::Cluster,
    fanfare::{CLIENTS_PER_USER, Fanfare},
    peer::Peer,
    usage::{self, Usage},
    world,
};
use crate::bench::{
    error::BenchError,
    feed::{Errand, Fed, Load, http::HttpFeed, log::LogFeed},
    swarm::{Member, Swarm},
};

/// A server under test.
pub enum Target {
    Fanfare(Fanfare),
    Peer(Peer),
    /// Two of them: what is published goes to one, the clients are at the other, which is the one that is measured.
    Cluster(Box<Cluster>),
}

/// A load on its way.
pub enum Feed {
    Http(HttpFeed),
    /// The database is fed.
    Log(LogFeed),
    /// The peer feeds itself.
    Peer(Load),
}

/// Which rooms there are and who is in which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Campaigns.
    pub campaigns: usize,
    /// Clients in each.
    pub clients: usize,
    /// Whether a client is also in the campaign's settlement and structure.
    pub three_rooms: bool,
}

/// Unauthenticated connections at a time, unless a scenario wants more: what one address may have by default.
pub const ENTERING: usize = 16;

/// Open files that are no clients: here, and in the server, which has the same limit.
const SPARE_FILES: u64 = 100;

impl Target {
    /// What it is called in the report.
    pub fn name(&self) -> &str {
        match self {
            Self::Fanfare(_) => "fanfare",
            Self::Peer(peer) => &peer.name,
            Self::Cluster(cluster) => cluster.serving.name(),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        match self {
            Self::Fanfare(server) => server.address,
            Self::Peer(peer) => peer.address,
            Self::Cluster(cluster) => cluster.serving.address(),
        }
    }

    /// What the server has used so far, when it runs on this machine.
    pub fn usage(&self) -> Option<Usage> {
        match self {
            Self::Fanfare(server) => server.usage(),
            Self::Peer(peer) => usage::of(peer.child.pid()),
            Self::Cluster(cluster) => cluster.serving.usage(),
        }
    }

    /// What takes part beside the server, with what it has used so far, by the name of the figure that tells it.
    pub fn beside(&self) -> Vec<(&'static str, Usage)> {
        match self {
            Self::Fanfare(_) | Self::Peer(_) => Vec::new(),
            Self::Cluster(cluster) => cluster.beside(),
        }
    }

    /// What a reader must know of how it was set up.
    pub const fn remark(&self) -> Option<&'static str> {
        match self {
            Self::Fanfare(_) | Self::Peer(_) => None,
            Self::Cluster(_) => Some(
                "Published at one server, the clients at the other: that one is 'server' here. Pinned, it has a processor of its \
                 own; everything else shares the clients'",
            ),
        }
    }

    /// Makes the rooms and the clients of a layout. The clients are not connected yet.
    ///
    /// # Errors
    /// When the server refuses its part or the system has no event queue left.
    pub fn swarm(&self, layout: Layout, max_entering: usize) -> Result<Swarm, BenchError> {
        let rooms_each = if layout.three_rooms { 3 } else { 1 };
        self.swarm_in(self.rooms(layout, rooms_each)?, rooms_each, layout, max_entering)
    }

    /// The clients of a layout in rooms that exist: so many a client, campaign by campaign.
    ///
    /// # Errors
    /// When a token cannot be signed or the system has no event queue left.
    pub fn swarm_in(
        &self,
        rooms: Vec<String>,
        rooms_each: usize,
        layout: Layout,
        max_entering: usize,
    ) -> Result<Swarm, BenchError> {
        let clients = layout.campaigns * layout.clients;
        let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        if clients as u64 + SPARE_FILES > files {
            return Err(BenchError::Usage(format!(
                "{clients} clients need as many open files, and this process may have {files}; raise the hard limit (ulimit -Hn) \
                 for this shell"
            )));
        }
        let mut members = Vec::with_capacity(clients);
        for client in 0..clients {
            let first = (client / layout.clients * rooms_each) as u32;
            members.push(Member::new(self.token(client)?, first..first + rooms_each as u32));
        }
        Swarm::new(self.address(), rooms, members, max_entering)
            .map_err(BenchError::machine("make an event queue"))
    }

    /// The filling that makes an event of the load as long as it should be. To be asked before the swarm connects:
    /// Fanfare finds it by publishing an event without.
    ///
    /// # Errors
    /// When the server refuses the event.
    pub fn pad(&self, load: &Load) -> Result<usize, BenchError> {
        let server = match self {
            Self::Fanfare(server) => server,
            Self::Peer(_) => return Ok(0),
            Self::Cluster(cluster) => return cluster.publishing.pad(load),
        };
        let Some(room) = load.rooms.first() else { return Ok(0) };
        let second = Duration::from_secs(1);
        let probe = Load { rooms: vec![room.clone()], rate: 1.0, duration: second, ..load.clone() };
        let offset = server.publish_now(&probe)?.first().copied().unwrap_or(0);
        Ok(load.size.saturating_sub(server.event_size(room, offset)?))
    }

    /// Starts a load; `pad` is what [`Target::pad`] answered.
    ///
    /// # Errors
    /// When the server is gone.
    pub fn feed(&mut self, load: &Load, pad: usize) -> Result<Feed, BenchError> {
        match self {
            Self::Fanfare(server) => {
                HttpFeed::start(server.publishing()?, load.clone(), Errand::Publish { pad }).map(Feed::Http)
            }
            Self::Peer(peer) => {
                peer.start_load(load)?;
                Ok(Feed::Peer(load.clone()))
            }
            Self::Cluster(cluster) => cluster.publishing.feed(load, pad),
        }
    }

    /// What a load became, once it is over.
    pub fn fed(&mut self, feed: &Feed) -> Option<Fed> {
        match (self, feed) {
            (_, Feed::Http(feed)) => feed.fed(),
            (_, Feed::Log(feed)) => feed.fed(),
            (Self::Cluster(cluster), feed @ Feed::Peer(_)) => cluster.publishing.fed(feed),
            (Self::Peer(peer), Feed::Peer(load)) => peer.fed(load),
            (Self::Fanfare(_), Feed::Peer(_)) => Some(Fed::failed("the load was another server's")),
        }
    }

    fn token(&self, client: usize) -> Result<Option<Rc<str>>, BenchError> {
        match self {
            Self::Fanfare(server) => server.token(client).map(Some),
            Self::Peer(_) => Ok(None),
            Self::Cluster(cluster) => cluster.serving.token(client),
        }
    }

    fn rooms(&self, layout: Layout, rooms_each: usize) -> Result<Vec<String>, BenchError> {
        let mut rooms = Vec::with_capacity(layout.campaigns * rooms_each);
        for campaign in 0..layout.campaigns {
            let first = campaign * layout.clients;
            match self {
                Self::Fanfare(server) => {
                    let users = first / CLIENTS_PER_USER..=(first + layout.clients - 1) / CLIENTS_PER_USER;
                    let made = world::create(server, users)?;
                    rooms.extend(made.rooms().into_iter().take(rooms_each));
                }
                Self::Peer(_) => {
                    let kinds = ["campaign", "settlement", "structure"].into_iter().take(rooms_each);
                    rooms.extend(kinds.map(|kind| format!("{kind}:00000000-0000-7000-8000-{campaign:012}")));
                }
                Self::Cluster(cluster) => return cluster.publishing.rooms(layout, rooms_each),
            }
        }
        Ok(rooms)
    }
}
