//! What a swarm of connections counted and timed.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::track::Seen;

/// Counts and times over all connections of a swarm.
#[derive(Debug)]
pub struct Tally {
    /// Events of rooms that reached a connection, each event once a connection.
    pub deliveries: u64,
    /// The payload bytes of all frames received.
    pub bytes: u64,
    /// How many reads of a socket it took.
    pub reads: u64,
    /// Deliveries whose offset was already there.
    pub duplicates: u64,
    /// Deliveries that came after a later one of their room.
    pub late: u64,
    /// Times that a delivery jumped over others.
    pub jumps: u64,
    /// Deliveries before the answer to the subscription.
    pub early: u64,
    /// Deliveries for a room that the connection is not in.
    pub foreign: u64,
    /// `room_state_invalidated` and `unsubscribed`: the server gave up continuity, and said so.
    pub invalidated: u64,
    /// Events outside every log: `welcome`, `heads` and the like.
    pub notices: u64,
    /// Microseconds of the monotonic clock at the last delivery.
    pub last_delivery: u64,
    /// From the stamp in the payload to the read that brought it, in microseconds.
    pub latency: Histogram<u64>,
    /// From the envelope's timestamp (whole milliseconds) to the read, in microseconds. Empty unless asked for.
    pub since_commit: Histogram<u64>,
    pub joins: Joins,
    /// Connections that ended although the swarm did not end them, by cause.
    pub ended: BTreeMap<String, u64>,
}

/// How connecting and subscribing went.
#[derive(Debug, Default, Clone)]
pub struct Joins {
    /// Connections that are connected, authenticated and in all their rooms.
    pub live: u64,
    /// Attempts that were told to try again (HTTP 429 or 503).
    pub deferred: u64,
    /// Rooms answered with `recovered: true`.
    pub recovered: u64,
    /// Rooms answered with `recovered: false` although a position was given.
    pub refused: u64,
    /// Events inside the answers.
    pub events: u64,
    /// Answers with `recovered: true` whose events do not lead from the position to the offset. Must be zero.
    pub dishonest: u64,
}

/// The longest time told apart, in microseconds.
const MAX_LATENCY: u64 = 120_000_000;

impl Default for Tally {
    fn default() -> Self {
        Self {
            deliveries: 0,
            bytes: 0,
            reads: 0,
            duplicates: 0,
            late: 0,
            jumps: 0,
            early: 0,
            foreign: 0,
            invalidated: 0,
            notices: 0,
            last_delivery: 0,
            latency: histogram(),
            since_commit: histogram(),
            joins: Joins::default(),
            ended: BTreeMap::new(),
        }
    }
}

impl Tally {
    /// Counts what a track said of a delivery.
    pub fn count(&mut self, seen: Seen) {
        match seen {
            Seen::InOrder => {}
            Seen::Jumped => self.jumps += 1,
            Seen::Late => self.late += 1,
            Seen::Duplicate => self.duplicates += 1,
            Seen::Early => self.early += 1,
        }
    }

    /// Deliveries that break the promise of one order without repetition.
    pub fn order_violations(&self) -> u64 {
        self.duplicates + self.late + self.early + self.foreign
    }
}

/// An empty histogram of microseconds, exact to a thousandth.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, MAX_LATENCY, 3).expect("the bounds are constants that it accepts")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_every_violation() {
        let mut tally = Tally::default();
        for seen in [Seen::InOrder, Seen::Jumped, Seen::Late, Seen::Duplicate, Seen::Early] {
            tally.count(seen);
        }
        assert_eq!(tally.jumps, 1);
        assert_eq!(tally.order_violations(), 3);
    }

    #[test]
    fn percentiles_are_within_a_thousandth() {
        let mut tally = Tally::default();
        for micros in 1..=100_000 {
            tally.latency.saturating_record(micros);
        }
        for (quantile, exact) in [(0.5, 50_000.0), (0.99, 99_000.0), (0.999, 99_900.0)] {
            let told = tally.latency.value_at_quantile(quantile) as f64;
            assert!((told / exact - 1.0).abs() < 0.002, "{quantile}: {told}");
        }
    }
}
