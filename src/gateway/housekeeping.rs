//! What is due by the clock, for all connections in one task: tokens that end, heads, clients that
//! do not read. A timer per connection would cost memory on every idle one.

use std::time::Duration;

use rand::Rng;
use tokio::time::Instant;

use super::{Gateway, connection::Connection, lane::CloseReason, way::Way};
use crate::{
    hub::Outlet,
    protocol::{Notice, Timestamp, TokenExpiring},
};

/// How often all connections are looked at: the grain of everything below.
const ROUND: Duration = Duration::from_millis(250);
/// How long before the token's end the client is told.
const EXPIRY_NOTICE: i64 = 30_000;

/// How long the transport has to report that a socket is gone, in milliseconds.
const FORGOTTEN_AFTER: i64 = 5_000;

/// What is due on one connection.
enum Due {
    Heads,
    ExpiryNotice,
    Expired,
    /// The socket has gone, but nobody was told.
    Gone,
}

/// Looks at every connection until the gateway's process ends.
pub(super) async fn run(gateway: Gateway) {
    let started = Instant::now();
    let mut rounds = tokio::time::interval(ROUND);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        let now = Instant::now();
        let clock = now.duration_since(started).as_millis() as i64;
        let wall = Timestamp::from(gateway.clock().now()).millis();
        let due = gateway.registry().pick(|connection| look_at(&gateway, connection, now, clock, wall));
        for (connection, due) in due {
            match due {
                Due::Heads => {
                    if let Some(heads) = connection.heads(gateway.hub().epoch()) {
                        connection.notify(&heads);
                    }
                }
                Due::ExpiryNotice => {
                    if let Ok(expires_at) = Timestamp::from_millis(connection.expires_at()) {
                        connection.notify(&Notice::TokenExpiring(TokenExpiring { expires_at }));
                    }
                }
                Due::Expired => {
                    if let (Way::Packets(_), Ok(expires_at)) =
                        (&connection.way, Timestamp::from_millis(connection.expires_at()))
                    {
                        // Anything at all: it ends the poll that waits, so that the next one is refused.
                        connection.notify(&Notice::TokenExpiring(TokenExpiring { expires_at }));
                    }
                    tracing::info!(connection = %connection.id, user = %connection.user, "A token has expired.");
                    connection.way.finish(CloseReason::TokenExpired);
                }
                Due::Gone => {
                    if let Way::Packets(packets) = &connection.way {
                        // It was asked to go, and has a socket on which it may still be talking.
                        packets.kill(CloseReason::QueueFull);
                    }
                    gateway.ended(&connection, "lost");
                }
            }
        }
    }
}

/// Runs under the registry's lock.
fn look_at(gateway: &Gateway, connection: &Connection, now: Instant, clock: i64, wall: i64) -> Option<Due> {
    use std::sync::atomic::Ordering::Relaxed;
    if let Way::Lane(lane) = &connection.way {
        lane.check(now, gateway.write_stall());
    }
    if connection.way.is_dead() {
        // The transport notices by itself, and at once. If it did not, nothing may stay behind.
        let since = match connection.dead_since.compare_exchange(0, clock.max(1), Relaxed, Relaxed) {
            Ok(_) => clock,
            Err(since) => since,
        };
        return (clock - since > FORGOTTEN_AFTER).then_some(Due::Gone);
    }
    let left = connection.expires_at() - wall;
    if left <= 0 && connection.way.close_reason().is_none() {
        return Some(Due::Expired);
    }
    if left <= EXPIRY_NOTICE && connection.tell_expiry_once() {
        return Some(Due::ExpiryNotice);
    }
    let interval = gateway.heads_interval().as_millis() as i64;
    let due = connection.heads_due.load(Relaxed);
    if due <= clock {
        // The first time spreads the connections over the interval.
        let next = if due == 0 { rand::rng().random_range(1..=interval.max(1)) } else { interval };
        connection.heads_due.store(clock + next, Relaxed);
        return (due != 0).then_some(Due::Heads);
    }
    None
}
