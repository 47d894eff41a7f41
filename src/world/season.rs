//! The seasons of world time.

use jiff::tz::Offset;

use crate::protocol::Timestamp;

/// A quarter of the world's year, by calendar month in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Season {
    /// March to May.
    Spring,
    /// June to August.
    Summer,
    /// September to November.
    Autumn,
    /// December to February.
    Winter,
}

impl Season {
    /// The season at this world time.
    pub fn of(world_time: Timestamp) -> Self {
        // A `Timestamp` is always within jiff's range; the epoch only stands in for the impossible.
        let instant = jiff::Timestamp::from_millisecond(world_time.millis()).unwrap_or_default();
        match Offset::UTC.to_datetime(instant).month() {
            3..=5 => Self::Spring,
            6..=8 => Self::Summer,
            9..=11 => Self::Autumn,
            _ => Self::Winter,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seasons_turn_at_the_first_millisecond_of_their_month() {
        let season = |text: &str| Season::of(text.parse().unwrap());
        assert_eq!(season("1372-02-28T23:59:59.999Z"), Season::Winter);
        assert_eq!(season("1372-03-01T00:00:00.000Z"), Season::Spring);
        assert_eq!(season("1372-06-01T00:00:00.000Z"), Season::Summer);
        assert_eq!(season("1372-08-31T23:59:59.999Z"), Season::Summer);
        assert_eq!(season("1372-09-01T00:00:00.000Z"), Season::Autumn);
        assert_eq!(season("1372-12-01T00:00:00.000Z"), Season::Winter);
        assert_eq!(season("1969-07-20T20:17:40.000Z"), Season::Summer, "before 1970 the count is negative");
    }
}
