//! One connection's progress in one room: what came in order, twice, late or never.

use std::ops::Range;

/// How far one connection has got in one room.
#[derive(Debug, Default, Clone)]
pub struct Track {
    /// The offset that must come next; none before the room is joined.
    next: Option<u64>,
    /// Offsets that were jumped over and have not come since, ascending.
    holes: Vec<Range<u64>>,
    /// Jumped over when `holes` was full.
    written_off: u64,
    /// A digest of the offsets in the order in which they came.
    order: u64,
}

/// What one delivery was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    InOrder,
    /// It jumped over some that are now missing.
    Jumped,
    /// One that was missing: it came after a later one.
    Late,
    Duplicate,
    /// The room was not joined yet.
    Early,
}

/// More separate holes than this are only counted: a broken server must not fill the client's memory.
const MAX_HOLES: usize = 1024;

impl Track {
    /// The room is joined: everything up to `offset` is known.
    pub fn join(&mut self, offset: u64) {
        *self = Self { next: Some(offset + 1), ..Self::default() };
    }

    /// The offset of the last event known, as a position to come back with.
    pub fn position(&self) -> Option<u64> {
        self.next.map(|next| next - 1)
    }

    /// What has come since the room was joined, and in which order, as one number: two connections that joined at the
    /// same offset have the same if and only if the same came to both in the same order, collisions of 64 bits aside.
    pub fn order(&self) -> u64 {
        self.order
    }

    /// Takes note of a delivery.
    pub fn see(&mut self, offset: u64) -> Seen {
        // An odd constant without a pattern (2⁶⁴ divided by the golden ratio) spreads every bit.
        self.order = (self.order.rotate_left(5) ^ offset).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let Some(next) = self.next else { return Seen::Early };
        if offset == next {
            self.next = Some(next + 1);
            return Seen::InOrder;
        }
        if offset > next {
            self.next = Some(offset + 1);
            if self.holes.len() < MAX_HOLES {
                self.holes.push(next..offset);
            } else {
                self.written_off += offset - next;
            }
            return Seen::Jumped;
        }
        match self.holes.iter().position(|hole| hole.contains(&offset)) {
            Some(at) => {
                self.fill(at, offset);
                Seen::Late
            }
            None => Seen::Duplicate,
        }
    }

    /// How many events up to the room's last one, `head`, never came.
    pub fn missing(&self, head: u64) -> u64 {
        let jumped: u64 = self.holes.iter().map(|hole| hole.end - hole.start).sum();
        let tail = self.next.map_or(0, |next| (head + 1).saturating_sub(next));
        jumped + self.written_off + tail
    }

    fn fill(&mut self, at: usize, offset: u64) {
        let hole = self.holes[at].clone();
        let around = [hole.start..offset, offset + 1..hole.end];
        self.holes.splice(at..=at, around.into_iter().filter(|part| !part.is_empty()));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn joined() -> Track {
        let mut track = Track::default();
        track.join(10);
        track
    }

    #[test]
    fn order_loss_repetition_and_lateness_are_told_apart() {
        let mut track = joined();
        assert_eq!(track.see(11), Seen::InOrder);
        assert_eq!(track.see(11), Seen::Duplicate);
        assert_eq!(track.see(10), Seen::Duplicate);
        assert_eq!(track.see(15), Seen::Jumped);
        assert_eq!(track.missing(15), 3);
        assert_eq!(track.see(13), Seen::Late);
        assert_eq!(track.see(13), Seen::Duplicate);
        assert_eq!(track.missing(15), 2);
        assert_eq!(track.missing(17), 4);
    }

    #[test]
    fn another_order_is_another_number() {
        let order = |offsets: &[u64]| {
            let mut track = joined();
            for offset in offsets {
                track.see(*offset);
            }
            track.order()
        };
        assert_eq!(order(&[11, 12, 13]), order(&[11, 12, 13]));
        for other in [&[11, 13, 12][..], &[12, 11, 13], &[11, 13], &[11, 12], &[11, 12, 13, 13]] {
            assert_ne!(order(&[11, 12, 13]), order(other), "{other:?}");
        }
    }

    #[test]
    fn nothing_may_come_before_the_answer_to_the_join() {
        assert_eq!(Track::default().see(1), Seen::Early);
    }

    #[test]
    fn holes_are_bounded_but_counted() {
        let mut track = joined();
        for step in 1..=2000u64 {
            track.see(10 + 2 * step);
        }
        assert_eq!(track.holes.len(), MAX_HOLES);
        assert_eq!(track.missing(10 + 4000), 2000);
    }

    proptest! {
        /// Against a set: whatever happens to the stream, missing and repeated events are counted exactly.
        #[test]
        fn agrees_with_a_set(offsets in prop::collection::vec(11u64..60, 0..200)) {
            let mut track = joined();
            let (mut seen, mut duplicates, mut late) = (std::collections::BTreeSet::new(), 0, 0);
            let (mut expected_duplicates, mut expected_late) = (0, 0);
            for offset in offsets {
                expected_late += u32::from(seen.last().is_some_and(|last| offset < *last) && !seen.contains(&offset));
                expected_duplicates += u32::from(!seen.insert(offset));
                match track.see(offset) {
                    Seen::Duplicate => duplicates += 1,
                    Seen::Late => late += 1,
                    Seen::InOrder | Seen::Jumped => {}
                    Seen::Early => prop_assert!(false),
                }
            }
            prop_assert_eq!((duplicates, late), (expected_duplicates, expected_late));
            prop_assert_eq!(track.missing(60), 50 - seen.len() as u64);
        }
    }
}
