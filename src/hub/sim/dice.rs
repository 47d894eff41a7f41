//! Chance that can be repeated: everything random in a schedule comes from its seed.

use std::{ops::Range, sync::Mutex, time::Duration};

use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::hub::lock;

/// The random choices of one schedule.
pub struct Dice(Mutex<StdRng>);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }

    /// Whether something happens that does with this probability.
    pub fn chance(&self, probability: f64) -> bool {
        lock(&self.0).random_bool(probability)
    }

    /// A number of the range.
    pub fn number(&self, range: Range<usize>) -> usize {
        lock(&self.0).random_range(range)
    }

    /// A time of the range, in milliseconds.
    pub fn millis(&self, range: Range<u64>) -> Duration {
        Duration::from_millis(lock(&self.0).random_range(range))
    }

    /// One of them; there must be one.
    pub fn pick<'a, T>(&self, choices: &'a [T]) -> &'a T {
        &choices[self.number(0..choices.len())]
    }

    /// The seed of another source of chance.
    pub fn seed(&self) -> u64 {
        lock(&self.0).random()
    }
}
