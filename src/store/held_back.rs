//! Taking heads back and moving them on, for a benchmark that feeds an instance from a log written beforehand.

use super::{Store, StoreError, sql::Sql};
use crate::protocol::Root;

impl Store {
    /// Moves the heads of these roots by so many events, in one transaction. The log's rows stay. It breaks what the
    /// log promises until the heads are moved back: never for a database that is used.
    ///
    /// # Errors
    /// `Unavailable` when the database cannot be written.
    pub async fn shift_heads(&self, roots: &[Root], by: i64) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        tx.lock(roots).await?;
        let sql = Sql::new("UPDATE rooms SET head_offset = head_offset + $1 WHERE room IN ({list})");
        tx.execute(sql.bind(by).list(roots)).await?;
        tx.commit().await.map(drop)
    }
}
