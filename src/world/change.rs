//! The shape that every change has: one transaction from the request id to the commit.
//!
//! 1. The request id is claimed; a repeat ends here with the first answer.
//! 2. The root is locked, so that what is read next stays true until the commit.
//! 3. The permission is confirmed: a removal that committed first wins. (`Access::confirm` does both.)
//! 4. The service reads, records its events and writes its state through [`Change`].
//! 5. The answer is remembered, the transaction commits, the events are published.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::{Request, Subject, World};
use crate::{
    access::{Action, Grant, Identity},
    bus::Publisher,
    protocol::{Code, Event, Metadata, Problem, RequestId, Root, UserId},
    store::Tx,
};

/// A change in the making. Dropping it undoes everything.
pub(super) struct Change {
    pub tx: Tx,
    user: UserId,
    origin: Metadata,
    request_id: Option<RequestId>,
    subject: Subject,
    publisher: Publisher,
}

/// How a change starts.
#[expect(clippy::large_enum_variant, reason = "it lives for one match")]
pub(super) enum Start<T> {
    /// For the first time.
    Fresh(Change),
    /// The request is a repeat, and this was the first answer.
    Repeat(T),
}

/// What is remembered under a request id.
#[derive(Serialize, Deserialize)]
struct Remembered {
    subject: String,
    answer: Box<RawValue>,
}

impl World {
    /// Starts a change that `grant` permits: steps 1 to 3.
    pub(super) async fn start<T: DeserializeOwned>(
        &self,
        grant: &Grant,
        action: Action,
        subject: Subject,
        request: &Request,
    ) -> Result<Start<T>, Problem> {
        grant.must_be_for(action)?;
        // A membership change is also recorded in the member's own log.
        let echo = subject.user.clone().map(Root::User);
        let mut change = match self.start_unbound(grant.user(), subject, request).await? {
            Start::Fresh(change) => change,
            repeat @ Start::Repeat(_) => return Ok(repeat),
        };
        if let Some(echo) = echo {
            change.tx.lock(&[grant.root().clone(), echo]).await?;
        }
        self.access.confirm(grant, &mut change.tx).await?;
        Ok(Start::Fresh(change))
    }

    /// Starts a change that needs no permission: step 1 alone.
    pub(super) async fn start_unbound<T: DeserializeOwned>(
        &self,
        user: &UserId,
        subject: Subject,
        request: &Request,
    ) -> Result<Start<T>, Problem> {
        let mut tx = self.store.begin().await?;
        if let Some(id) = &request.request_id
            && let Some(first) = tx.remembered(user, id).await?
        {
            return first_answer(&first, &subject).map(Start::Repeat);
        }
        Ok(Start::Fresh(Change {
            tx,
            user: user.clone(),
            origin: request.origin(user),
            request_id: request.request_id.clone(),
            subject,
            publisher: self.publisher.clone(),
        }))
    }

    /// The first answer to a deletion whose repeat finds nothing to ask a permission for any more.
    ///
    /// # Errors
    /// `refused`, when it was not a repeat.
    pub async fn repeated<T: DeserializeOwned>(
        &self,
        identity: &Identity,
        subject: &Subject,
        request: &Request,
        refused: Problem,
    ) -> Result<T, Problem> {
        let (Some(id), Code::NotFound) = (&request.request_id, refused.code) else { return Err(refused) };
        let mut tx = self.store.begin().await?;
        match tx.remembered(identity.user_id(), id).await? {
            Some(first) => first_answer(&first, subject),
            None => Err(refused),
        }
    }
}

impl Change {
    /// Adds an event; events reach clients in the order in which they were recorded.
    pub async fn record(&mut self, event: Event) -> Result<(), Problem> {
        self.tx.record(event, &self.origin).await?;
        Ok(())
    }

    /// Remembers the answer, commits, publishes: step 5.
    pub async fn finish<T: Serialize>(mut self, answer: T) -> Result<T, Problem> {
        if let Some(id) = &self.request_id {
            let remembered = serde_json::value::to_raw_value(&answer)
                .and_then(|answer| {
                    serde_json::to_string(&Remembered { subject: self.subject.to_string(), answer })
                })
                .map_err(|error| {
                    tracing::error!(%error, subject = %self.subject, "An answer cannot be written as JSON.");
                    Problem::internal()
                })?;
            self.tx.remember(&self.user, id, remembered).await?;
        }
        self.publisher.commit(self.tx).await?;
        Ok(answer)
    }

    /// Ends a change that turned out to change nothing: no event, no new version.
    pub async fn finish_unchanged<T: Serialize>(self, answer: T) -> Result<T, Problem> {
        match self.request_id {
            Some(_) => self.finish(answer).await,
            None => {
                self.tx.settle().await?;
                Ok(answer)
            }
        }
    }
}

fn first_answer<T: DeserializeOwned>(remembered: &str, subject: &Subject) -> Result<T, Problem> {
    let corrupt = |error: serde_json::Error| {
        tracing::error!(%error, %subject, "A remembered answer cannot be read.");
        Problem::internal()
    };
    let first: Remembered = serde_json::from_str(remembered).map_err(corrupt)?;
    if first.subject != subject.to_string() {
        return Err(Problem::invalid_field("requestId", "was already used for another change"));
    }
    serde_json::from_str(first.answer.get()).map_err(corrupt)
}

/// Refuses a change that was made for another version than the entity has.
pub(super) fn expect_version(expected: Option<u64>, actual: u64) -> Result<(), Problem> {
    match expected {
        Some(expected) if expected != actual => Err(Problem::conflict(expected, actual)),
        Some(_) | None => Ok(()),
    }
}
