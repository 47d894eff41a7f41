//! Sockets: from a TCP connection to an authenticated client with its commands and its way back.
//!
//! Owns the listener, the handshake, the commands and everything that is said to one connection.
//! Promises that commands of one connection run in order and each is answered; that an answer to a
//! join comes before every event it promises; that a client that does not read is closed and never
//! skipped (I11); that a connection ends within a second of its
//! token, and at once when its user's access is revoked.
//!
//! The transport library handles Engine.IO and Socket.IO; what the hub delivers goes through the
//! connection's [`lane`](Lane) below it. To add a command, add its variant to
//! [`Command`](crate::protocol::Command) and its line in `commands.rs`.

mod admission;
mod commands;
mod connection;
mod drain;
mod frame;
mod handshake;
mod housekeeping;
mod inbox;
mod lane;
mod leases;
mod limits;
mod listener;
mod mailbox;
mod pace;
mod pages;
mod places;
mod query;
mod registry;
mod revocation;
mod way;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use admission::Door;
pub use admission::{Admission, AdmissionLayer, Origins};
use connection::Connection;
pub use drain::DrainOptions;
use handshake::ConnectPayload;
use ipnet::IpNet;
pub use lane::{CloseReason, Lane};
use leases::Leases;
pub use limits::Limits;
pub use listener::{ListenerOptions, Peer, serve};
use pace::Pace;
use registry::Registry;
use socketioxide::{
    ParserConfig, SocketIo, TransportType,
    extract::{SocketRef, TryData},
    handler::ConnectHandler,
    layer::SocketIoLayer,
};

use crate::{
    access::Verifier, bus::RedisLink, clock::Clock, hub::Hub, protocol::ReconnectPolicy, store::Store,
};

/// Times and bounds of the gateway.
#[derive(Debug, Clone)]
pub struct GatewayOptions {
    pub limits: Limits,
    pub origins: Origins,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether HTTP long-polling is offered beside WebSocket.
    pub polling: bool,
    pub ping_interval: Duration,
    pub ping_timeout: Duration,
    /// A client must have sent its CONNECT and been accepted by then, also after it has left the namespace.
    pub connect_timeout: Duration,
    /// The largest message a client may send, in bytes.
    pub max_message: usize,
    pub heads_interval: Duration,
    /// A client that takes no byte for so long, although there are some, is closed.
    pub write_stall: Duration,
    pub reconnect: ReconnectPolicy,
    pub drain: DrainOptions,
}

/// One instance's sockets. Cheap to clone.
#[derive(Clone)]
pub struct Gateway {
    shared: Arc<Shared>,
}

struct Shared {
    hub: Hub,
    verifier: Verifier,
    clock: Clock,
    options: GatewayOptions,
    registry: Arc<Registry>,
    door: Arc<Door>,
}

impl Gateway {
    /// A gateway to `hub`. With `redis` a user's connections are counted over all instances.
    pub fn new(
        hub: Hub,
        verifier: Verifier,
        clock: Clock,
        redis: Option<RedisLink>,
        options: GatewayOptions,
    ) -> Self {
        let door = Door::new(
            options.origins.clone(),
            options.trusted_proxies.clone(),
            options.limits.unauthenticated_per_address,
            Pace::new(options.limits.connects_per_second, options.limits.connects_waiting),
        );
        let registry = Arc::new(Registry::new(redis.map(Leases::new)));
        let shared = Shared { hub, verifier, clock, options, registry, door: Arc::new(door) };
        Self { shared: Arc::new(shared) }
    }

    /// The layers that add Socket.IO to a router: the transport, and the decision in front of it,
    /// which has to be the outer one.
    pub fn layers(&self) -> (SocketIoLayer, AdmissionLayer) {
        let options = &self.shared.options;
        let transports = |builder: socketioxide::SocketIoBuilder| {
            if options.polling {
                builder.transports([TransportType::Websocket, TransportType::Polling])
            } else {
                builder.transports([TransportType::Websocket])
            }
        };
        let builder = SocketIo::builder()
            .req_path(admission::PATH)
            .ping_interval(options.ping_interval)
            .ping_timeout(options.ping_timeout)
            .connect_timeout(options.connect_timeout)
            .max_payload(options.max_message as u64)
            .ws_max_message_size(options.max_message)
            .ws_max_frame_size(options.max_message)
            .with_parser(ParserConfig::common().max_incoming_binaries(0).max_incoming_binary_buf_size(0));
        let (layer, io) = transports(builder).build_layer();
        let (checking, greeting) = (self.clone(), self.clone());
        let connected = async move |socket: SocketRef| handshake::welcome(&greeting, &socket);
        let authenticated = async move |io: SocketIo, socket: SocketRef, payload: TryData<ConnectPayload>| {
            handshake::authenticate(&checking, io, &socket, payload).await
        };
        io.ns("/", connected.with(authenticated));
        (layer, AdmissionLayer { gateway: self.clone() })
    }

    /// Does what is due by the clock, and ends what is revoked, until the process ends. Run once.
    /// What is revoked is read from the database in `store`.
    pub async fn keep_house(self, store: Store) {
        let revocations = revocation::follow(self.clone(), store);
        tokio::join!(housekeeping::run(self.clone()), revocations, leases::keep(self));
    }

    /// Whether the gateway has begun to go away.
    pub fn is_draining(&self) -> bool {
        self.shared.door.draining.load(Ordering::Relaxed)
    }

    /// Refuses new connections, tells the present ones when to come back elsewhere, and closes them
    /// at a pace. Returns when all are gone, or at the latest after the limit.
    pub async fn drain(&self) {
        self.shared.door.draining.store(true, Ordering::Relaxed);
        drain::run(self, &self.shared.options.drain).await;
        if let Some(leases) = self.leases() {
            leases.erase_ended().await.ok();
        }
    }

    /// How many connections there are.
    pub fn connection_count(&self) -> usize {
        self.shared.registry.count()
    }

    fn began(&self, connection: &Arc<Connection>) {
        metrics::counter!("ws_connect_total", "outcome" => "accepted").increment(1);
        tracing::info!(connection = %connection.id, user = %connection.user, "Connected.");
        self.shared.registry.add(connection.clone());
        self.end_if_revoked(connection);
    }

    /// The connection is over: it leaves everything. What the server closed is counted under the
    /// server's reason, which the transport does not know.
    fn ended(&self, connection: &Connection, reason: &'static str) {
        if !connection.end() {
            return;
        }
        let reason = connection.way.close_reason().map_or(reason, CloseReason::name);
        if reason == "heartbeat_timeout" {
            metrics::counter!("ws_heartbeat_failures_total").increment(1);
        }
        metrics::counter!("ws_disconnect_total", "reason" => reason).increment(1);
        tracing::info!(connection = %connection.id, user = %connection.user, reason, "Disconnected.");
        self.shared.registry.remove(connection.id);
        self.leave_rooms(connection);
    }

    fn leave_rooms(&self, connection: &Connection) {
        for root in connection.roots() {
            self.shared.hub.leave_all(connection.id, &root);
        }
    }

    fn hub(&self) -> &Hub {
        &self.shared.hub
    }

    fn verifier(&self) -> &Verifier {
        &self.shared.verifier
    }

    fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    fn limits(&self) -> &Limits {
        &self.shared.options.limits
    }

    fn registry(&self) -> &Arc<Registry> {
        &self.shared.registry
    }

    fn leases(&self) -> Option<&Leases> {
        self.shared.registry.leases()
    }

    fn door(&self) -> Arc<Door> {
        self.shared.door.clone()
    }

    fn reconnect_policy(&self) -> ReconnectPolicy {
        self.shared.options.reconnect
    }

    fn write_stall(&self) -> Duration {
        self.shared.options.write_stall
    }

    fn connect_timeout(&self) -> Duration {
        self.shared.options.connect_timeout
    }

    fn heads_interval(&self) -> Duration {
        self.shared.options.heads_interval
    }
}
