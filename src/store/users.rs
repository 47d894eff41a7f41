//! The table `users`: display names. A user needs no row here; identity comes from the token.

use super::{
    Reads, StoreError, Tx,
    sql::{Columns, Record, Sql},
};
use crate::protocol::UserId;

/// A row of `users`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRow {
    pub id: UserId,
    pub name: String,
}

impl Record for UserRow {
    fn read(columns: &Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self { id: columns.parse(0)?, name: columns.text(1)?.to_owned() })
    }
}

/// Those of the users who have a row, in no particular order.
pub async fn by_ids(from: impl Reads, ids: &[UserId]) -> Result<Vec<UserRow>, StoreError> {
    from.rows(Sql::new("SELECT id, name FROM users WHERE id IN ({list})").list(ids).bulk()).await
}

/// Adds the user or changes the name.
pub async fn put(tx: &mut Tx, row: &UserRow) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO users (id, name) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET name = excluded.name";
    tx.execute(Sql::new(sql).bind(&row.id).bind(&*row.name)).await.map(drop)
}
