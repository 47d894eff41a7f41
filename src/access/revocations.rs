//! Which users' tokens are revoked, in memory: what every request and every connection is checked against.
//!
//! The table in the database is the truth. An instance reads it at its start and whenever it cannot be
//! sure, and in between follows the log of the instances, in which every revocation is an event. So a
//! request costs no query, and a revocation is here as soon as its event is.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use crate::{
    protocol::{Timestamp, UserId},
    store::{Slice, Store, StoreError, revocations},
};

/// How many rows are read at once.
const PAGE: u32 = 5_000;

/// The revoked users of this instance. Clones share them. About 100 bytes for each.
#[derive(Clone, Default)]
pub struct Revocations(Arc<RwLock<HashMap<UserId, Timestamp>>>);

impl Revocations {
    /// Whether a token of the user's is refused: it was issued at or before the user's revocation, or does
    /// not say when. Tokens count whole seconds, so one that is issued in the second of the revocation is
    /// refused as well.
    pub fn refuse(&self, user: &UserId, issued_at: Option<Timestamp>) -> bool {
        let revoked = self.0.read().unwrap_or_else(PoisonError::into_inner);
        revoked.get(user).is_some_and(|not_before| issued_at.is_none_or(|issued| issued <= *not_before))
    }

    /// Refuses the user's tokens that were issued at or before the instant. An earlier instant than the
    /// known one changes nothing, so revocations may be noted in any order and more than once.
    pub fn note(&self, user: &UserId, not_before: Timestamp) {
        self.note_all([(user.clone(), not_before)]);
    }

    /// As [`Revocations::note`], for many.
    pub fn note_all(&self, revocations: impl IntoIterator<Item = (UserId, Timestamp)>) {
        let mut revoked = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (user, not_before) in revocations {
            let known = revoked.entry(user).or_insert(not_before);
            *known = not_before.max(*known);
        }
    }

    /// Notes what the table says. What is known and not in the table stays: a database that was restored
    /// from a backup gives nobody access back while the instance runs.
    ///
    /// # Errors
    /// When the table cannot be read; what was read until then is noted.
    pub async fn load(&self, store: &Store) -> Result<(), StoreError> {
        let mut slice = Slice::first(PAGE);
        loop {
            let rows = revocations::all(store, slice).await?;
            let last = rows.last().filter(|_| rows.len() == PAGE as usize).map(|row| row.user_id.clone());
            self.note_all(rows.into_iter().map(|row| (row.user_id, row.not_before)));
            match last {
                Some(last) => slice = Slice::after(last, PAGE),
                None => return Ok(()),
            }
        }
    }

    /// How many users have been revoked.
    pub fn len(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether nobody has been revoked.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000).unwrap()
    }

    #[test]
    fn tokens_up_to_the_instant_are_refused_and_newer_ones_are_not() {
        let revocations = Revocations::default();
        let (ada, ben): (UserId, UserId) = ("ada".parse().unwrap(), "ben".parse().unwrap());
        assert!(!revocations.refuse(&ada, None), "nobody is revoked");
        revocations.note(&ada, at(100));
        assert!(revocations.refuse(&ada, Some(at(99))));
        assert!(revocations.refuse(&ada, Some(at(100))));
        assert!(!revocations.refuse(&ada, Some(at(101))));
        assert!(revocations.refuse(&ada, None), "it could be an old one");
        assert!(!revocations.refuse(&ben, Some(at(1))));
    }

    #[test]
    fn an_earlier_instant_gives_nothing_back() {
        let revocations = Revocations::default();
        let ada: UserId = "ada".parse().unwrap();
        revocations.note_all([(ada.clone(), at(100)), (ada.clone(), at(50))]);
        assert!(revocations.refuse(&ada, Some(at(99))));
        assert_eq!(revocations.len(), 1);
    }
}
