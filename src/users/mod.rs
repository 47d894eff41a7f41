//! What operators do about users, whatever rooms they are in.
//!
//! Owns revocation: a fact in the log of the instances and a row in the table, written together. Promises
//! that from the moment the answer is given no instance takes an old token of the user's for longer than
//! the log takes to reach it, and that nothing takes a revocation back but a newer token.
//!
//! To add an act: a function on [`Users`] that requires its scope, records its event in the transaction that
//! writes, and publishes what it committed; and an effect that whoever follows the log applies.

use crate::{
    access::{Identity, Scope},
    bus::Publisher,
    clock::Clock,
    protocol::{AccessRevoked, Event, Metadata, Problem, Root, Timestamp, UserId},
    store::{
        Store,
        revocations::{self, RevocationRow},
    },
};

/// The longest reason, in characters.
const MAX_REASON: usize = 500;
/// How far ahead an instant may be, in milliseconds: a mistake ends by itself after a day.
const FARTHEST: i64 = 24 * 3_600_000;

/// The services about users. Cheap to clone.
#[derive(Clone)]
pub struct Users {
    store: Store,
    publisher: Publisher,
    clock: Clock,
}

/// Whose access ends, and which tokens it concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRevocation {
    pub user_id: UserId,
    /// Tokens that were issued at or before it are refused; now when absent, at most a day ahead. An
    /// instant ahead is for issuers whose clocks are.
    pub not_before: Option<Timestamp>,
    /// For the operators' records, at most 500 characters.
    pub reason: Option<String>,
}

/// What is in force for a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    pub user_id: UserId,
    /// Tokens that were issued at or before it are refused.
    pub not_before: Timestamp,
}

impl Users {
    /// The services over this store; what they commit goes to `publisher`.
    pub fn new(store: Store, publisher: Publisher, clock: Clock) -> Self {
        Self { store, publisher, clock }
    }

    /// Ends the access of a user until there is a newer token: connections close on every instance, and
    /// the tokens are refused everywhere. An earlier instant than the one in force changes nothing.
    ///
    /// # Errors
    /// `forbidden` without the scope `admin`, `bad_request`, `unavailable`.
    pub async fn revoke(
        &self,
        by: &Identity,
        revocation: NewRevocation,
        origin: Metadata,
    ) -> Result<Revoked, Problem> {
        by.require_scope(Scope::Admin)?;
        let now = Timestamp::from(self.clock.now());
        let NewRevocation { user_id, not_before, reason } = revocation;
        let not_before = not_before.unwrap_or(now);
        if not_before.millis() > now.millis() + FARTHEST {
            return Err(Problem::invalid_field("notBefore", "is more than a day ahead"));
        }
        if reason.as_ref().is_some_and(|reason| reason.chars().count() > MAX_REASON) {
            return Err(Problem::invalid_field("reason", format!("has more than {MAX_REASON} characters")));
        }
        let mut tx = self.store.begin().await?;
        tx.lock(&[Root::Instances]).await?;
        let row = RevocationRow { user_id: user_id.clone(), not_before, reason, created_at: now };
        if !revocations::put(&mut tx, &row).await? {
            let known = revocations::of_user(&mut tx, &user_id).await?.ok_or_else(Problem::internal)?;
            tx.settle().await?;
            return Ok(Revoked { user_id, not_before: known.not_before });
        }
        let fact = AccessRevoked { user_id: user_id.clone(), not_before, reason: row.reason };
        tx.record(Event::AccessRevoked(fact), &origin).await?;
        self.publisher.commit(tx).await?;
        tracing::info!(user = %user_id, by = %by.user_id(), %not_before, "A user's access was revoked.");
        Ok(Revoked { user_id, not_before })
    }
}
