//! Whether messages really come through: a connection that claims to be alive may have lost its
//! subscriptions, and a server that accepts messages may deliver none.

use std::time::Duration;

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval, sleep_until, timeout},
};

use super::{
    Core,
    channels::{Channel, Listener},
    dial::Connection,
    seal::Kind,
    target::{RedisTarget, Topology},
};
use crate::bus::BusHealth;

/// How often a probe goes out. Together with [`DOUBT`] and a head check it bounds the delay of an event that
/// is lost without any sign below a second.
const EVERY: Duration = Duration::from_millis(500);
/// A probe that is under way for longer raises a doubt: the log is asked until it comes.
const DOUBT: Duration = Duration::from_millis(200);
/// So many probes without an answer, and the connection is given up.
const MISSES: u64 = 3;
/// In a cluster a probe goes through so many channels, spread evenly over the slots and so over the nodes.
const SHARDS: u16 = 16;
/// How many slots a cluster has.
const SLOTS: u16 = 16_384;

/// Which probes have come back, channel by channel.
pub(super) struct Answers(watch::Sender<Vec<u64>>);

impl Answers {
    pub fn new(target: &RedisTarget) -> Self {
        let channels = match target.topology {
            Topology::Standalone | Topology::Sentinel { .. } => 1,
            Topology::Cluster => usize::from(SHARDS),
        };
        Self(watch::Sender::new(vec![0; channels]))
    }

    /// A probe's own message has come back.
    pub fn take(&self, channel: usize, body: &[u8]) {
        let Ok(number) = body.try_into().map(u64::from_be_bytes) else { return };
        self.0.send_if_modified(|answers| {
            let Some(last) = answers.get_mut(channel) else { return false };
            let is_news = number > *last;
            *last = number.max(*last);
            is_news
        });
    }

    fn channels(&self) -> usize {
        self.0.borrow().len()
    }

    /// The last probe that has come back over all channels.
    fn last(answers: &[u64]) -> u64 {
        answers.iter().copied().min().unwrap_or(0)
    }
}

/// The channels of this instance's probe. They are wanted like any other.
pub(super) fn want_channels(core: &Core) -> Vec<Channel> {
    let base = core.name(format_args!("probe:{}", core.options.instance));
    let count = core.answers.channels();
    let names: Vec<Channel> = match count {
        1 => vec![base.into()],
        _ => spread(&base).into_iter().map(Channel::from).collect(),
    };
    drop(core.channels.want(core.peers_channel(), Listener::Peers));
    for (number, name) in names.iter().enumerate() {
        drop(core.channels.want(name.clone(), Listener::Probe(number)));
    }
    names
}

/// Sends probes over the connection and says how the bus is, until too many stay away. `sent` is the number of the
/// last one; the caller keeps it, so that however this ends no number comes twice: an old one is no answer.
pub(super) async fn run(core: &Core, commands: Connection, channels: &[Channel], sent: &mut u64) {
    let (mut answered, mut sent_at) = (*sent, Instant::now());
    let mut answers = core.answers.0.subscribe();
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut publishing = FuturesUnordered::new();
    loop {
        let is_sound = *core.health.borrow() == BusHealth::Sound;
        let late_at = (is_sound && answered < *sent).then_some(sent_at + DOUBT);
        let silent_at = core.peers.silent_at(Instant::now()).filter(|_| is_sound);
        let doubt_at = [late_at, silent_at].into_iter().flatten().min();
        tokio::select! {
            _ = answers.changed() => {
                let last = answered.max(Answers::last(&answers.borrow_and_update()));
                if std::mem::replace(&mut answered, last) < last {
                    let took = sent_at.elapsed() + EVERY * u32::try_from(*sent - answered).unwrap_or(0);
                    metrics::histogram!("bus_probe_seconds").record(took);
                    // What arrives late is better looked for in the log.
                    core.set_health(if took > DOUBT { BusHealth::Doubtful } else { health(core) });
                }
            }
            _ = ticks.tick() => {
                metrics::counter!("bus_probe_misses_total").increment(u64::from(answered < *sent));
                if *sent - answered >= MISSES {
                    return;
                }
                (*sent, sent_at) = (*sent + 1, Instant::now());
                publishing.push(send(core, commands.clone(), channels, *sent));
            }
            Some(()) = publishing.next() => {}
            () = sleep_until(doubt_at.unwrap_or(sent_at)), if doubt_at.is_some() => {
                core.set_health(BusHealth::Doubtful);
            }
        }
    }
}

/// How the bus is when a probe has come back in time.
fn health(core: &Core) -> BusHealth {
    let a_peer_is_silent = core.peers.silent_at(Instant::now()).is_some_and(|at| at <= Instant::now());
    if a_peer_is_silent { BusHealth::Doubtful } else { core.standing.health() }
}

async fn send(core: &Core, mut commands: Connection, channels: &[Channel], number: u64) {
    let seal =
        |channel: &Channel| (channel.clone(), core.seal.close(Kind::Probe, channel, &number.to_be_bytes()));
    let messages: Vec<_> = channels.iter().map(seal).chain([core.sign(Kind::Alive)]).collect();
    // Whether it could be published is told by whether it comes back.
    timeout(core.options.timeout, commands.publish(&messages)).await.ok();
}

/// Names that begin with `base` whose slots are spread evenly over a cluster's.
fn spread(base: &str) -> Vec<String> {
    let width = SLOTS / SHARDS;
    let mut found: Vec<Option<String>> = vec![None; usize::from(SHARDS)];
    let mut names = (0_u32..).map(|number| format!("{base}:{number}"));
    while found.iter().any(Option::is_none) {
        let Some(name) = names.next() else { break };
        let place = usize::from(slot(name.as_bytes()) / width);
        found[place].get_or_insert(name);
    }
    found.into_iter().flatten().collect()
}

/// A cluster's slot for a name without a `{tag}`: CRC-16/XMODEM modulo the number of slots, as Redis' cluster
/// specification says.
fn slot(name: &[u8]) -> u16 {
    let crc = name.iter().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    });
    crc % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clusters_probe_goes_through_every_part_of_it() {
        // From the cluster specification.
        assert_eq!(slot(b"123456789"), 0x31C3);
        let names = spread("fanfare:probe:0193");
        let parts: Vec<u16> = names.iter().map(|name| slot(name.as_bytes()) / (SLOTS / SHARDS)).collect();
        assert_eq!(parts, (0..SHARDS).collect::<Vec<_>>());
    }

    #[test]
    fn a_probe_has_come_back_when_it_has_over_all_channels() {
        let target = |text: &str| text.parse::<RedisTarget>().unwrap();
        let answers = Answers::new(&target("redis+cluster://a"));
        let last = || Answers::last(&answers.0.borrow());
        (1..16).for_each(|channel| answers.take(channel, &7_u64.to_be_bytes()));
        assert_eq!(last(), 0);
        answers.take(0, &6_u64.to_be_bytes());
        answers.take(0, &5_u64.to_be_bytes());
        answers.take(0, b"noise");
        answers.take(99, &9_u64.to_be_bytes());
        assert_eq!(last(), 6);
        assert_eq!(Answers::new(&target("redis://a")).channels(), 1);
    }
}
