//! The table `revocations`: whose tokens no longer count. A row stays for good, because a token may live for
//! as long as its issuer likes.

use super::{
    Reads, Slice, StoreError, Tx,
    sql::{Columns, Record, Sql},
};
use crate::protocol::{Timestamp, UserId};

/// A row of `revocations`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationRow {
    pub user_id: UserId,
    /// Tokens that were issued at or before it are refused.
    pub not_before: Timestamp,
    pub reason: Option<String>,
    /// When the row was written last.
    pub created_at: Timestamp,
}

impl Record for RevocationRow {
    fn read(columns: &Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            user_id: columns.parse(0)?,
            not_before: columns.instant(1)?,
            reason: columns.optional_text(2)?.map(str::to_owned),
            created_at: columns.instant(3)?,
        })
    }
}

/// The user's row, if there is one.
pub async fn of_user(from: impl Reads, user: &UserId) -> Result<Option<RevocationRow>, StoreError> {
    let sql = "SELECT user_id, not_before, reason, created_at FROM revocations WHERE user_id = $1";
    from.row(Sql::new(sql).bind(user)).await
}

/// A part of the table, by user id.
pub async fn all(from: impl Reads, slice: Slice<UserId>) -> Result<Vec<RevocationRow>, StoreError> {
    let sql = "SELECT user_id, not_before, reason, created_at FROM revocations
               WHERE user_id > $1 ORDER BY user_id LIMIT $2";
    from.rows(Sql::new(sql).bind(slice.start()).bind(slice.limit).bulk()).await
}

/// Writes the user's row, over one with an earlier instant. False when the instant in force is as late already.
///
/// Of two at the same time the second waits here for the first, also when the instances have no log yet that could be locked.
pub async fn put(tx: &mut Tx, row: &RevocationRow) -> Result<bool, StoreError> {
    let sql = "INSERT INTO revocations (user_id, not_before, reason, created_at) VALUES ($1, $2, $3, $4)
               ON CONFLICT (user_id) DO UPDATE SET not_before = excluded.not_before,
                   reason = excluded.reason, created_at = excluded.created_at
               WHERE revocations.not_before < excluded.not_before";
    let sql = Sql::new(sql).bind(&row.user_id).bind(row.not_before).bind(row.reason.as_deref());
    Ok(tx.execute(sql.bind(row.created_at)).await? > 0)
}
