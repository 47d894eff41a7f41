//! What each command does. One connection's commands run one after another.

use std::sync::Arc;

use super::{
    Gateway,
    connection::{Connection, Lifetime},
    mailbox::Letter,
};
use crate::{
    access::Use,
    hub::Outlet,
    protocol::{Ack, Code, Command, Problem, Room, SubscribeRoom},
};

/// Works through the connection's mailbox until it is empty.
pub(super) async fn attend(gateway: Gateway, connection: Arc<Connection>) {
    while let Some(letter) = connection.mailbox.next() {
        obey(&gateway, &connection, letter).await;
        if connection.has_ended() {
            // It ended during the command, which may have entered rooms since.
            gateway.leave_rooms(&connection);
        }
    }
}

async fn obey(gateway: &Gateway, connection: &Arc<Connection>, letter: Letter) {
    let command = match Command::parse(&letter.name, letter.payload.as_deref()) {
        Ok(command) => command,
        Err(problem) => return connection.answer(letter.reply, &Ack::failed(problem, None)),
    };
    // What it takes of the connection's allowance, and whether it enters rooms.
    let (units, joins) = match &command {
        Command::SubscribeMany(wishes) => (price(gateway, wishes), true),
        Command::Subscribe(_) => (1, true),
        Command::PresenceSubscribe(_) | Command::RefreshToken(_) => (1, false),
        Command::Unsubscribe(_) | Command::PresenceUnsubscribe(_) | Command::Ping => (0, false),
    };
    if units > 0
        && let Err(problem) = connection.limit.take(units)
    {
        return connection.answer(letter.reply, &Ack::failed(problem, None));
    }
    // From the moment a room is entered its events wait for the answer that says so.
    if joins {
        connection.begin_join();
    }
    let ack = match command {
        Command::Subscribe(wish) => subscribe(gateway, connection, vec![wish]).await.pop(),
        Command::SubscribeMany(wishes) => Some(subscribe_many(gateway, connection, wishes).await),
        Command::Unsubscribe(room) => Some(unsubscribe(gateway, connection, room).await),
        Command::RefreshToken(token) => Some(refresh_token(gateway, connection, &token).await),
        Command::PresenceSubscribe(room) => Some(watch(gateway, connection, room).await),
        Command::PresenceUnsubscribe(room) => Some(stop_watching(gateway, connection, room)),
        Command::Ping => Some(Ack::Pong { success: true, server_time: gateway.clock().now().into() }),
    };
    let ack = ack.unwrap_or_else(|| Ack::failed(Problem::internal(), None));
    match joins {
        true => connection.answer_join(letter.reply, &ack),
        false => connection.answer(letter.reply, &ack),
    }
}

/// Every room counts, also one that will be refused: that is found out by reading the database. More than a connection may be
/// in are refused unread.
fn price(gateway: &Gateway, wishes: &[SubscribeRoom]) -> u32 {
    let rooms = if wishes.len() > gateway.limits().rooms_per_connection { 1 } else { wishes.len() };
    u32::try_from(rooms).unwrap_or(u32::MAX).max(1)
}

async fn subscribe_many(gateway: &Gateway, connection: &Arc<Connection>, wishes: Vec<SubscribeRoom>) -> Ack {
    let limit = gateway.limits().rooms_per_connection;
    if wishes.len() > limit {
        let message = format!("at most {limit} rooms at once");
        return Ack::failed(Problem::invalid_field("rooms", message), None);
    }
    Ack::SubscribedMany { success: true, results: subscribe(gateway, connection, wishes).await }
}

/// Enters the rooms; one answer each, in order.
async fn subscribe(gateway: &Gateway, connection: &Arc<Connection>, wishes: Vec<SubscribeRoom>) -> Vec<Ack> {
    let mut places = gateway.limits().rooms_per_connection.saturating_sub(connection.room_count());
    let mut answers: Vec<Option<Ack>> = Vec::with_capacity(wishes.len());
    let mut admitted = Vec::with_capacity(wishes.len());
    for wish in wishes {
        let known = connection.is_in(&wish.room);
        if known || places > 0 {
            places -= usize::from(!known);
            answers.push(None);
            admitted.push(wish);
        } else {
            metrics::counter!("ws_rate_limited_total", "limit" => "rooms_per_connection").increment(1);
            answers.push(Some(Ack::failed(too_many_rooms(gateway), Some(wish.room))));
        }
    }
    let rooms: Vec<Room> = admitted.iter().map(|wish| wish.room.clone()).collect();
    let outlet: Arc<dyn Outlet> = connection.clone();
    let joined = gateway.hub().join(&outlet, admitted).await;
    let mut joined = rooms.into_iter().zip(joined).map(|(room, result)| match result {
        Ok(joined) => {
            tracing::debug!(connection = %connection.id, user = %connection.user, %room, "Subscribed.");
            Ack::Subscribed(joined.subscribed)
        }
        Err(problem) => {
            tracing::debug!(connection = %connection.id, user = %connection.user, %room, code = problem.code.name(), "A subscription was refused.");
            Ack::failed(problem, Some(room))
        }
    });
    answers.into_iter().filter_map(|answer| answer.or_else(|| joined.next())).collect()
}

async fn unsubscribe(gateway: &Gateway, connection: &Connection, room: Room) -> Ack {
    if let Some(root) = connection.forget(&room) {
        gateway.hub().leave(connection.id, &root, room).await;
    }
    Ack::done()
}

async fn refresh_token(gateway: &Gateway, connection: &Connection, token: &str) -> Ack {
    let identity = match gateway.verifier().verify(token, Use::Handshake).await {
        Ok(identity) => identity,
        Err(problem) => return Ack::failed(problem.into(), None),
    };
    if identity.user_id() != &connection.user {
        return Ack::failed(Problem::forbidden("The token belongs to another user."), None);
    }
    if identity.expires_at().millis() < connection.expires_at() {
        let message = "the token expires earlier than the one it should replace";
        return Ack::failed(Problem::invalid_field("token", message), None);
    }
    connection.extend(Lifetime::of(&identity));
    gateway.end_if_revoked(connection);
    for root in connection.roots() {
        if let Err(problem) = gateway.hub().recheck(&connection.user, &root).await {
            return Ack::failed(problem, None);
        }
    }
    Ack::done()
}

async fn watch(gateway: &Gateway, connection: &Arc<Connection>, room: Room) -> Ack {
    if connection.watch_count() >= gateway.limits().rooms_per_connection {
        return Ack::failed(too_many_rooms(gateway), Some(room));
    }
    let outlet: Arc<dyn Outlet> = connection.clone();
    match gateway.hub().watch(&outlet, room.clone()).await {
        Ok(root) => {
            connection.watch(room, root);
            Ack::done()
        }
        Err(problem) => Ack::failed(problem, Some(room)),
    }
}

fn stop_watching(gateway: &Gateway, connection: &Connection, room: Room) -> Ack {
    if let Some(root) = connection.stop_watching(&room) {
        gateway.hub().stop_watching(connection.id, &root, room);
    }
    Ack::done()
}

fn too_many_rooms(gateway: &Gateway) -> Problem {
    let limit = gateway.limits().rooms_per_connection;
    Problem::new(Code::LimitExceeded, format!("A connection may be in {limit} rooms; leave one first."))
}
