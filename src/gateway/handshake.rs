//! From a CONNECT to an authenticated connection.
//!
//! This runs as the namespace's middleware: a refusal there answers CONNECT_ERROR and nothing of the
//! connection stays, while a connect handler that fails would leave the client connected.

use std::{fmt, sync::Arc};

use serde::Deserialize;
use socketioxide::{
    SocketIo,
    adapter::LocalAdapter,
    extract::{SocketRef, TryData},
    handler::DisconnectHandler,
    socket::{DisconnectReason, Socket},
};

use super::{
    Gateway,
    connection::{Connection, Lifetime},
    inbox::Inbox,
    lane::{CLOSE_GRACE, CloseReason},
    limits::CommandLimit,
    listener::Peer,
    places::Place,
    query,
    way::{Packets, Way},
};
use crate::{
    access::{Identity, TokenProblem, Use},
    protocol::{ConnectionId, Notice, PROTOCOL_VERSION, Timestamp, Welcome},
};

/// Ends a connection when its socket has left the namespace.
///
/// A handler of our own kind rather than a function: the transport would spawn a function's future and forget the
/// socket only after it, and a CONNECT that follows the leaving at once would be ignored as a second one.
struct Ending {
    gateway: Gateway,
    connection: Arc<Connection>,
}

impl DisconnectHandler<LocalAdapter, ()> for Ending {
    fn call_with_defer(
        &self,
        socket: Arc<Socket<LocalAdapter>>,
        reason: DisconnectReason,
        forget: fn(Arc<Socket<LocalAdapter>>),
    ) {
        if reason == DisconnectReason::ClientNSDisconnect {
            wait_for_return(&self.gateway, &self.connection.way, &socket);
        }
        self.gateway.ended(&self.connection, name_of(reason));
        forget(socket);
    }
}

/// The client has left the namespace but not the transport, over which it may enter it again. Until then it is a
/// stranger, with a stranger's place and a stranger's time.
fn wait_for_return(gateway: &Gateway, way: &Way, socket: &Socket<LocalAdapter>) {
    let Some(place) = socket.req_parts().extensions.get::<Arc<Place>>() else { return };
    let (way, patience, place) = (way.clone(), gateway.connect_timeout(), place.take());
    tokio::spawn(async move {
        if let Ok(freed) = place
            && tokio::time::timeout(patience, freed.cancelled()).await.is_ok()
        {
            return;
        }
        way.finish(CloseReason::Left);
        // Housekeeping, which sees to other closings, knows connections only.
        tokio::time::sleep(CLOSE_GRACE).await;
        way.kill(CloseReason::Left);
    });
}

/// The CONNECT payload. Other keys are an application's own.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConnectPayload {
    token: Option<String>,
    user_id: Option<String>,
}

/// Why a CONNECT was refused: the code is the message of CONNECT_ERROR.
#[derive(Debug)]
pub(super) struct Refusal(&'static str);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Checks the token, takes one of the user's connections and prepares the socket. Everything that
/// the client may send right after its CONNECT has its handler when this is done.
pub(super) async fn authenticate(
    gateway: &Gateway,
    io: SocketIo,
    socket: &SocketRef,
    payload: TryData<ConnectPayload>,
) -> Result<(), Refusal> {
    let identity = match identify(gateway, socket, payload).await {
        Ok(identity) => identity,
        Err(refusal) => {
            metrics::counter!("ws_connect_total", "outcome" => refusal.0).increment(1);
            tracing::info!(reason = refusal.0, "A connection was refused.");
            return Err(refusal);
        }
    };
    let user = identity.user_id().clone();
    let seat = gateway.registry().take_seat(&user, gateway.limits().connections_per_user).await;
    let seat = seat.map_err(|problem| {
        metrics::counter!("ws_connect_total", "outcome" => problem.code.name()).increment(1);
        Refusal(problem.code.name())
    })?;
    let id = ConnectionId::from_uuid(gateway.clock().uuid());
    let way = way_of(gateway, io, socket);
    let limit = CommandLimit::new(gateway.limits());
    let connection = Arc::new(Connection::new(id, user, way, limit, Lifetime::of(&identity), seat));
    socket.on_fallback(Inbox::new(gateway.clone(), connection.clone()));
    socket.on_disconnect(Ending { gateway: gateway.clone(), connection: connection.clone() });
    socket.extensions.insert(connection);
    if let Some(place) = socket.req_parts().extensions.get::<Arc<Place>>() {
        place.free();
    }
    Ok(())
}

/// Greets an authenticated connection. The client has its CONNECT by now, or it comes first.
pub(super) fn welcome(gateway: &Gateway, socket: &SocketRef) {
    let Some(connection) = socket.extensions.get::<Arc<Connection>>() else { return };
    let expires_at = Timestamp::from_millis(connection.expires_at());
    let welcome = Notice::Welcome(Welcome {
        protocol: PROTOCOL_VERSION,
        connection_id: connection.id,
        user_id: connection.user.clone(),
        epoch: gateway.hub().epoch(),
        server_time: gateway.clock().now().into(),
        token_expires_at: expires_at.unwrap_or_else(|_| gateway.clock().now().into()),
        reconnect: gateway.reconnect_policy(),
    });
    gateway.began(&connection);
    // Through the transport, not the lane: it must not overtake the CONNECT, which goes the same way.
    // A failure means that the client has gone, which the disconnect handler is told.
    socket.emit(welcome.name(), &welcome).ok();
}

/// The label in `ws_disconnect_total`.
const fn name_of(reason: DisconnectReason) -> &'static str {
    match reason {
        DisconnectReason::TransportClose => "transport_close",
        DisconnectReason::TransportError => "transport_error",
        DisconnectReason::MultipleHttpPollingError => "polling_error",
        DisconnectReason::PacketParsingError => "bad_packet",
        DisconnectReason::HeartbeatTimeout => "heartbeat_timeout",
        DisconnectReason::ClientNSDisconnect => "client",
        DisconnectReason::ServerNSDisconnect => "server",
        DisconnectReason::ClosingServer => "closing",
    }
}

async fn identify(
    gateway: &Gateway,
    socket: &SocketRef,
    TryData(payload): TryData<ConnectPayload>,
) -> Result<Identity, Refusal> {
    let payload = payload.map_err(|_| Refusal(TokenProblem::Invalid.code().name()))?;
    let parts = socket.req_parts();
    let bearer = parts.headers.get(http::header::AUTHORIZATION).and_then(|value| {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
    });
    let ticket = parts.uri.query().and_then(|query| query::value(query, "token"));
    let presented = match (payload.token, bearer, ticket) {
        (Some(token), _, _) | (None, Some(token), _) => Some((token, Use::Handshake)),
        (None, None, Some(ticket)) => Some((ticket, Use::Ticket)),
        (None, None, None) => None,
    };
    let (token, usage) = presented.ok_or(Refusal(TokenProblem::Missing.code().name()))?;
    let identity =
        gateway.verifier().verify(&token, usage).await.map_err(|problem| Refusal(problem.code().name()))?;
    match payload.user_id {
        Some(claimed) if claimed != identity.user_id().as_str() => Err(Refusal("forbidden")),
        Some(_) | None => Ok(identity),
    }
}

/// A session that began as a WebSocket has its TCP connection to itself. One that began by polling
/// does not, even when it was upgraded later: its first request came on another connection, which may carry other
/// people's requests now. So what counts is what the transport read in the query, which upgraded the one and not the other.
fn way_of(gateway: &Gateway, io: SocketIo, socket: &SocketRef) -> Way {
    let parts = socket.req_parts();
    let began_as = parts.uri.query().and_then(|query| query::literal(query, "transport"));
    match parts.extensions.get::<Peer>() {
        Some(peer) if began_as == Some("websocket") => {
            peer.lane.engage();
            Way::Lane(peer.lane.clone())
        }
        Some(_) | None => Way::Packets(Packets::new(io, socket.id, gateway.door())),
    }
}
