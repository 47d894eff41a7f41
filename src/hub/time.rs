//! When things happen in the hub: the clock, the waits and the tasks of tokio, or in the simulation
//! those of a schedule that can be repeated.

#[cfg(not(test))]
pub use tokio::{
    spawn,
    time::{Instant, sleep, sleep_until, timeout},
};

#[cfg(test)]
pub use super::sim::schedule::{Instant, sleep, sleep_until, spawn, timeout};

/// The present instant.
#[cfg(not(test))]
pub fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
pub use super::sim::schedule::now;
