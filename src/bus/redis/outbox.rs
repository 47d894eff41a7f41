//! What this instance has to say to the others, on its way to Redis.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::sync::mpsc;

use super::{Core, channels::Channel, message, seal::Kind};
use crate::store::LoggedEvent;

/// Parcels that may wait. More are dropped: the log has the events.
const WAITING: usize = 8192;
/// Bytes that may wait.
const WAITING_BYTES: usize = 16 << 20;
/// Parcels that go out in one write.
const BATCH: usize = 256;
/// Writes whose answers may be outstanding, so that a far server's distance does not bound the rate.
const IN_FLIGHT: usize = 16;

/// One message to be.
pub(super) enum Parcel {
    Event { channel: Channel, event: Arc<LoggedEvent> },
    Small { channel: Channel, kind: Kind, body: Vec<u8> },
}

/// The bounded way to the publishing task.
pub(super) struct Outbox {
    sender: mpsc::Sender<Parcel>,
    bytes: AtomicUsize,
}

impl Outbox {
    pub fn new() -> (Self, mpsc::Receiver<Parcel>) {
        let (sender, parcels) = mpsc::channel(WAITING);
        (Self { sender, bytes: AtomicUsize::new(0) }, parcels)
    }

    /// Puts a parcel on its way, or drops and counts it.
    pub fn put(&self, parcel: Parcel) {
        let bytes = parcel.bytes();
        if self.bytes.fetch_add(bytes, Ordering::Relaxed) > WAITING_BYTES
            || self.sender.try_send(parcel).is_err()
        {
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
            failed(1);
        }
    }

    fn took(&self, parcels: &[Parcel]) {
        self.bytes.fetch_sub(parcels.iter().map(Parcel::bytes).sum(), Ordering::Relaxed);
    }
}

impl Parcel {
    fn bytes(&self) -> usize {
        match self {
            Self::Event { event, .. } => event.json.get().len().min(message::LARGEST_WHOLE),
            Self::Small { body, .. } => body.len(),
        }
    }

    fn pack(self, core: &Core) -> (Channel, Vec<u8>) {
        match self {
            Self::Event { channel, event } => {
                let message = message::write(&core.seal, &channel, &event);
                (channel, message)
            }
            Self::Small { channel, kind, body } => {
                let message = core.seal.close(kind, &channel, &body);
                (channel, message)
            }
        }
    }
}

pub(super) fn failed(count: usize) {
    metrics::counter!("bus_publish_fail_total").increment(count as u64);
}

/// Carries parcels to Redis for as long as there is an instance. Several writes are under way at once; the
/// connection takes them in the order in which they began.
pub(super) async fn run(core: &Core, mut parcels: mpsc::Receiver<Parcel>) {
    let mut under_way = FuturesUnordered::new();
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        tokio::select! {
            biased;
            Some(()) = under_way.next() => {}
            count = parcels.recv_many(&mut batch, BATCH), if under_way.len() < IN_FLIGHT => {
                if count == 0 {
                    return;
                }
                core.outbox.took(&batch);
                under_way.push(carry(core, std::mem::take(&mut batch)));
            }
        }
    }
}

async fn carry(core: &Core, parcels: Vec<Parcel>) {
    let count = parcels.len();
    // Without a connection there is nothing to wait for: what is late is healed from the log.
    let Some(mut connection) = core.commands() else { return failed(count) };
    let messages: Vec<_> = parcels.into_iter().map(|parcel| parcel.pack(core)).collect();
    let published = tokio::time::timeout(core.options.timeout, connection.publish(&messages)).await;
    let lost = published.unwrap_or(count);
    failed(lost);
    metrics::counter!("bus_publish_total").increment((count - lost) as u64);
}
