//! Amounts of world time.

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// An amount of world time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema, Validate)]
pub struct TimeSpan {
    /// How many of the unit; at least 1.
    #[garde(range(min = 1))]
    pub value: u32,
    #[garde(skip)]
    pub unit: TimeUnit,
}

/// A unit of world time: fixed lengths, a day is 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum TimeUnit {
    Minutes,
    Hours,
    Days,
    Weeks,
}

impl TimeUnit {
    /// The unit's length in milliseconds of world time.
    pub const fn millis(self) -> i64 {
        match self {
            Self::Minutes => 60_000,
            Self::Hours => 3_600_000,
            Self::Days => 86_400_000,
            Self::Weeks => 604_800_000,
        }
    }
}
