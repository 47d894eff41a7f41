//! Requests that may be repeated: the table `requests`.
//!
//! The claim comes first in its transaction and the result last, in one row: a competitor with the same id
//! waits at the row (on SQLite, for the turn) and then finds the result.

use super::{
    StoreError, Tx,
    database::Kind,
    sql::{Columns, Record, Sql},
};
use crate::protocol::{RequestId, Timestamp, UserId};

/// For how long a result is remembered: 24 hours.
pub const REMEMBERED_MS: i64 = 24 * 3_600 * 1_000;

/// A request that the transaction answers.
pub struct Claim {
    user: UserId,
    request: RequestId,
    result: Option<String>,
}

struct Remembered(Option<String>);

impl Record for Remembered {
    fn read(columns: &Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self(columns.optional_text(0)?.map(str::to_owned)))
    }
}

impl Tx {
    /// Claims the request id for this transaction. `Some(result)` when an earlier request of the user
    /// under this id was committed in the last 24 hours: nothing may be changed, its result is the answer.
    /// Of two transactions with one id at the same time the second waits here for the first.
    ///
    /// To be called first in a transaction, once. After `Some`, the transaction is over.
    pub async fn remembered(
        &mut self,
        user: &UserId,
        request: &RequestId,
    ) -> Result<Option<String>, StoreError> {
        let now = self.store().now();
        let expired = now.plus_millis(-REMEMBERED_MS).unwrap_or(now);
        let sql = Sql::new(
            "INSERT INTO requests (user_id, request_id, created_at, result) VALUES ($1, $2, $3, NULL)
             ON CONFLICT (user_id, request_id) DO UPDATE SET
                 result = CASE WHEN requests.created_at <= $4 THEN NULL ELSE requests.result END,
                 created_at = CASE WHEN requests.created_at <= $4 THEN excluded.created_at ELSE requests.created_at END
             RETURNING result",
        );
        let found = self.run(Kind::Write, sql.bind(user).bind(request).bind(now).bind(expired)).await?;
        if let Some(Remembered(Some(result))) = found.into_iter().next() {
            // The result may be that of a transaction whose commit is still on its way to the disk.
            self.take_turn()?.settle().await?;
            return Ok(Some(result));
        }
        self.claim = Some(Box::new(Claim { user: user.clone(), request: request.clone(), result: None }));
        Ok(None)
    }

    /// Keeps the answer (JSON text) of the request claimed with [`Tx::remembered`] for 24 hours. A transaction
    /// that claimed a request is not committed without it.
    ///
    /// # Errors
    /// When this request was not claimed.
    pub async fn remember(
        &mut self,
        user: &UserId,
        request: &RequestId,
        result: String,
    ) -> Result<(), StoreError> {
        match &mut self.claim {
            Some(claim) if claim.user == *user && claim.request == *request => {
                claim.result = Some(result);
                Ok(())
            }
            _ => Err(StoreError::Database(format!("request {request} was not claimed"))),
        }
    }

    /// Writes the claimed request's result.
    pub(super) async fn write_claim(&mut self) -> Result<(), StoreError> {
        let Some(claim) = self.claim.take() else { return Ok(()) };
        let Claim { user, request, result } = *claim;
        let result = result.ok_or_else(|| {
            StoreError::Database(format!("request {request} has no result to be remembered"))
        })?;
        let sql = Sql::new("UPDATE requests SET result = $1 WHERE user_id = $2 AND request_id = $3");
        self.execute(sql.bind(result).bind(user).bind(request)).await.map(drop)
    }
}

/// Deletes up to `limit` results that are remembered no longer.
///
/// The age is asked twice: when PostgreSQL has waited for somebody who claims such a request anew, it looks at
/// the new row once more, but not at the rows that the inner query has chosen.
pub async fn delete_expired(tx: &mut Tx, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
    let expired = now.plus_millis(-REMEMBERED_MS).unwrap_or(now);
    let sql = Sql::new(
        "DELETE FROM requests WHERE created_at <= $1 AND (user_id, request_id) IN
             (SELECT user_id, request_id FROM requests WHERE created_at <= $1 ORDER BY created_at LIMIT $2)",
    );
    tx.execute(sql.bind(expired).bind(limit)).await
}
