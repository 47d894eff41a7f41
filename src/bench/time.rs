//! The clock that is the same in every process of this machine.

use rustix::time::{ClockId, clock_gettime};

/// Microseconds of the monotonic clock. A peer's stamps are of the same clock, so that a delivery can be timed
/// although another process sent it.
pub fn monotonic_micros() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000 + now.tv_nsec as u64 / 1_000
}
