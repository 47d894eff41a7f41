//! Events that were written to the log beforehand and are released at a steady rate: what then limits is the way
//! from the log to the sockets, not the disk.
//!
//! A log is held back by taking the heads of its rooms back. To release events is to move the heads on, all
//! rooms in one update; the server's comparison of heads finds the gap and fills it from the log, as it does when
//! an instance was deaf.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, TryRecvError},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::time::{MissedTickBehavior, interval};

use super::{Fed, Load};
use crate::{
    bench::{error::BenchError, time::monotonic_micros},
    clock::Clock,
    protocol::Root,
    store::{Store, StoreOptions},
};

/// A log that is held back.
#[derive(Debug, Clone)]
pub struct HeldBack {
    /// The database.
    pub url: String,
    pub roots: Vec<Root>,
    /// The head of each root while everything is held back.
    pub heads: Vec<u64>,
    /// How many events each root has behind its head.
    pub events: u64,
}

/// When which events were released.
#[derive(Debug)]
pub struct Releases {
    heads: Vec<u64>,
    per_step: u64,
    times: Vec<AtomicU64>,
}

/// A load that is being released on a thread of its own.
#[derive(Debug)]
pub struct LogFeed {
    done: mpsc::Receiver<Fed>,
}

/// The time between two releases.
const STEP: Duration = Duration::from_millis(100);

impl Releases {
    /// For a load of that rate, out of that log.
    pub fn new(log: &HeldBack, load: &Load) -> Self {
        let per_step = ((load.rate * STEP.as_secs_f64()).round() as u64).max(1);
        let steps = (load.events() / per_step).max(1);
        Self { heads: log.heads.clone(), per_step, times: (0..steps).map(|_| AtomicU64::new(0)).collect() }
    }

    /// Events that each room gets.
    pub fn events(&self) -> u64 {
        self.per_step * self.times.len() as u64
    }

    /// When the event at this offset of the room with this number was released; `None` before.
    pub fn released_at(&self, room: usize, offset: u64) -> Option<u64> {
        let behind = offset.checked_sub(self.heads.get(room)? + 1)?;
        let time = self.times.get((behind / self.per_step) as usize)?.load(Ordering::Relaxed);
        (time > 0).then_some(time)
    }
}

impl LogFeed {
    /// Starts to release.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(log: HeldBack, releases: Arc<Releases>) -> Result<Self, BenchError> {
        let (tell, done) = mpsc::channel();
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let fed = match runtime {
                Ok(runtime) => runtime.block_on(release(&log, &releases)),
                Err(error) => Fed::failed(error.to_string()),
            };
            // Nobody listens any more when the scenario was given up.
            let _ = tell.send(fed);
        };
        thread::Builder::new()
            .name("bench-release".into())
            .spawn(work)
            .map_err(BenchError::machine("start the releasing thread"))?;
        Ok(Self { done })
    }

    /// What was released, once the load is over.
    pub fn fed(&self) -> Option<Fed> {
        match self.done.try_recv() {
            Ok(fed) => Some(fed),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Fed::failed("the releasing thread panicked")),
        }
    }
}

async fn release(log: &HeldBack, releases: &Releases) -> Fed {
    let store = match Store::open(StoreOptions::new(&log.url), Clock::system()).await {
        Ok(store) => store,
        Err(error) => return Fed::failed(format!("opening the log: {error}")),
    };
    let start = Instant::now();
    let mut ticks = interval(STEP);
    // A step that is late makes the following ones early, so that the rate is kept.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for time in &releases.times {
        ticks.tick().await;
        time.store(monotonic_micros(), Ordering::Relaxed);
        if let Err(error) = store.shift_heads(&log.roots, releases.per_step.cast_signed()).await {
            return Fed::failed(format!("releasing events: {error}"));
        }
    }
    // The last release lasts for its step.
    ticks.tick().await;
    Fed {
        events: releases.events() * log.roots.len() as u64,
        seconds: start.elapsed().as_secs_f64(),
        heads: log.heads.iter().map(|head| head + releases.events()).collect(),
        ..Fed::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_was_sent_when_its_step_was_released() {
        let log = HeldBack { url: String::new(), roots: vec![], heads: vec![10, 20], events: 1000 };
        let load =
            Load { rooms: vec![], rate: 50.0, size: 0, duration: Duration::from_secs(1), per_commit: 1 };
        let releases = Releases::new(&log, &load);
        assert_eq!(releases.events(), 50);
        assert_eq!(releases.released_at(0, 11), None, "not released yet");
        releases.times[0].store(7, Ordering::Relaxed);
        releases.times[1].store(8, Ordering::Relaxed);
        assert_eq!(releases.released_at(0, 11), Some(7));
        assert_eq!(releases.released_at(0, 15), Some(7));
        assert_eq!(releases.released_at(0, 16), Some(8));
        assert_eq!(releases.released_at(1, 26), Some(8));
        assert_eq!(releases.released_at(1, 20), None, "it was there before");
    }
}
