//! From hints back to the log's order. Pure: no clock, no database, no tasks.
//!
//! Whatever carries events between the commit and here may lose, repeat or reorder them. The
//! sequencer lets through exactly offset after offset: what it has let through is ignored, what
//! comes early waits, and what is missing is a [`Gap`] that its owner fills from the log.

use std::collections::BTreeMap;

use crate::protocol::Offset;

/// How many early events wait at most. More are forgotten: they will be read from the log.
const WAITING_LIMIT: usize = 4096;

#[cfg(test)]
thread_local! {
    /// A defect for the simulation to find: what is missing is passed over.
    pub static SKIPS_GAPS: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// The order of one root's events.
#[derive(Debug)]
pub struct Sequencer<T> {
    passed: Offset,
    /// The highest offset that is known to be in the log.
    known_head: Offset,
    waiting: BTreeMap<Offset, T>,
}

/// Offsets that are in the log and not here: everything after `after`, up to and including `upto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    pub after: Offset,
    pub upto: Offset,
}

impl<T> Sequencer<T> {
    /// Starts behind `head`: the next event to pass is the one after it.
    pub fn new(head: Offset) -> Self {
        Self { passed: head, known_head: head, waiting: BTreeMap::new() }
    }

    /// The offset of the last event that passed.
    pub fn passed(&self) -> Offset {
        self.passed
    }

    /// Takes an event in whatever order it arrives.
    pub fn offer(&mut self, offset: Offset, event: T) {
        if offset <= self.passed {
            return;
        }
        self.observe_head(offset);
        if self.waiting.len() >= WAITING_LIMIT && offset != self.passed.next() {
            return;
        }
        self.waiting.entry(offset).or_insert(event);
    }

    /// Takes an event read from the log, which is right where a hint could be wrong.
    pub fn fill(&mut self, offset: Offset, event: T) {
        if offset > self.passed {
            self.observe_head(offset);
            self.waiting.insert(offset, event);
        }
    }

    /// The log is known to reach `head`.
    pub fn observe_head(&mut self, head: Offset) {
        self.known_head = self.known_head.max(head);
    }

    /// The next event in order, if it is here.
    pub fn pass(&mut self) -> Option<T> {
        let next = self.passed.next();
        #[cfg(test)]
        let next = match self.waiting.keys().next() {
            Some(first) if SKIPS_GAPS.get() => *first,
            _ => next,
        };
        let event = self.waiting.remove(&next)?;
        self.passed = next;
        Some(event)
    }

    /// As [`Sequencer::pass`], but nothing behind `limit`.
    pub fn pass_upto(&mut self, limit: Offset) -> Option<T> {
        if self.passed < limit { self.pass() } else { None }
    }

    /// What has to be read from the log before anything else can pass.
    pub fn gap(&self) -> Option<Gap> {
        if self.passed >= self.known_head || self.waiting.contains_key(&self.passed.next()) {
            return None;
        }
        let upto = match self.waiting.first_key_value() {
            Some((first, _)) => Offset(first.0 - 1),
            None => self.known_head,
        };
        Some(Gap { after: self.passed, upto })
    }

    /// The log ends at `head`, whatever was claimed: what would stand behind it is forgotten.
    pub fn forget_beyond(&mut self, head: Offset) {
        let head = head.max(self.passed);
        self.known_head = head;
        self.waiting.split_off(&head.next());
    }

    /// Gives up on what the log no longer holds, or starts in another log: continues behind `head`.
    pub fn jump(&mut self, head: Offset) {
        self.passed = head;
        self.known_head = head;
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_early_event_waits_for_the_missing_one() {
        let mut order = Sequencer::new(Offset(4));
        order.offer(Offset(6), "six");
        assert_eq!(order.pass(), None);
        assert_eq!(order.gap(), Some(Gap { after: Offset(4), upto: Offset(5) }));
        order.fill(Offset(5), "five");
        assert_eq!((order.pass(), order.pass(), order.pass()), (Some("five"), Some("six"), None));
        assert_eq!(order.gap(), None);
    }

    #[test]
    fn a_head_alone_reveals_a_lost_last_event() {
        let mut order = Sequencer::<()>::new(Offset(4));
        order.observe_head(Offset(7));
        assert_eq!(order.gap(), Some(Gap { after: Offset(4), upto: Offset(7) }));
    }

    #[test]
    fn the_log_wins_over_a_hint() {
        let mut order = Sequencer::new(Offset(0));
        order.offer(Offset(2), "forged");
        order.fill(Offset(1), "one");
        order.fill(Offset(2), "two");
        assert_eq!((order.pass(), order.pass()), (Some("one"), Some("two")));
    }

    #[test]
    fn a_claim_beyond_the_log_is_forgotten_and_what_is_real_stays() {
        let mut order = Sequencer::new(Offset(4));
        order.offer(Offset(6), "six");
        order.offer(Offset(1_000_000), "forged");
        order.forget_beyond(Offset(6));
        assert_eq!(order.gap(), Some(Gap { after: Offset(4), upto: Offset(5) }));
        order.fill(Offset(5), "five");
        assert_eq!((order.pass(), order.pass(), order.pass()), (Some("five"), Some("six"), None));
        order.forget_beyond(Offset(2));
        assert_eq!((order.passed(), order.gap()), (Offset(6), None));
    }

    #[test]
    fn memory_is_bounded_however_much_arrives_early() {
        let mut order = Sequencer::new(Offset(0));
        for offset in 2..20_000 {
            order.offer(Offset(offset), offset);
        }
        assert!(order.waiting.len() <= WAITING_LIMIT);
        assert_eq!(order.gap(), Some(Gap { after: Offset(0), upto: Offset(1) }));
    }

    proptest! {
        /// Whatever is lost, repeated or reordered: with gaps filled from the log, exactly the log
        /// passes, once and in order (I2 to I5 for one subscriber).
        #[test]
        fn any_hints_with_gaps_filled_give_the_log(
            start in 0_u64..5,
            len in 1_u64..80,
            hints in proptest::collection::vec(0_u64..90, 0..200),
        ) {
            let head = start + len;
            let mut order = Sequencer::new(Offset(start));
            let mut passed = Vec::new();
            let drain = |order: &mut Sequencer<u64>, passed: &mut Vec<u64>| {
                while let Some(event) = order.pass() {
                    passed.push(event);
                }
            };
            for hint in hints {
                let hint = hint.min(head);
                order.offer(Offset(hint), hint);
                drain(&mut order, &mut passed);
                prop_assert_eq!(order.passed().0, start + passed.len() as u64);
            }
            order.observe_head(Offset(head));
            while let Some(gap) = order.gap() {
                prop_assert!(gap.after < gap.upto && gap.upto.0 <= head);
                // A log answers in pages.
                for offset in (gap.after.0 + 1..=gap.upto.0).take(7) {
                    order.fill(Offset(offset), offset);
                }
                drain(&mut order, &mut passed);
            }
            prop_assert_eq!(passed, (start + 1..=head).collect::<Vec<_>>());
        }
    }
}
