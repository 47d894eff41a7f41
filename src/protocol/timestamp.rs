//! Instants on the wire: RFC 3339, UTC, milliseconds.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use ts_rs::TS;

/// An instant in milliseconds since 1970-01-01T00:00:00Z, between the years −9999 and 9999.
/// Real time and world time alike.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, TS, JsonSchema)]
#[ts(as = "String")]
#[schemars(with = "String")]
pub struct Timestamp(jiff::Timestamp);

/// A text or number that is not an instant between the years −9999 and 9999.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 instant between the years -9999 and 9999, for example 2026-11-20T10:15:30.123Z")]
pub struct InvalidTimestamp;

impl Timestamp {
    /// The instant that many milliseconds after 1970.
    ///
    /// # Errors
    /// Outside the years −9999 to 9999.
    pub fn from_millis(millis: i64) -> Result<Self, InvalidTimestamp> {
        jiff::Timestamp::from_millisecond(millis).map(Self).map_err(|_| InvalidTimestamp)
    }

    /// Milliseconds since 1970.
    pub fn millis(self) -> i64 {
        self.0.as_millisecond()
    }

    /// The instant `millis` later; `None` past the year 9999.
    pub fn plus_millis(self, millis: i64) -> Option<Self> {
        Self::from_millis(self.millis().checked_add(millis)?).ok()
    }
}

impl From<jiff::Timestamp> for Timestamp {
    /// Cuts to whole milliseconds, so that what is written reads back equal.
    fn from(instant: jiff::Timestamp) -> Self {
        Self::from_millis(instant.as_millisecond()).unwrap_or(Self(jiff::Timestamp::UNIX_EPOCH))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;
    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        text.parse::<jiff::Timestamp>().map(Self::from).map_err(|_| InvalidTimestamp)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
