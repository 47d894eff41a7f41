//! Where a statement that only reads may run.

use std::collections::BTreeSet;

use super::{
    Store, StoreError, Tx,
    database::Kind,
    sql::{Record, Sql},
};

use crate::protocol::CampaignId;

/// Inside a transaction (`&mut tx`), which sees its own changes, or outside (`&store`), which sees what is
/// committed. Implemented here only.
pub trait Reads: Send + sealed::Read {}

impl Reads for &Store {}
impl Reads for &mut Tx {}

pub(super) mod sealed {
    use super::{Record, Sql, StoreError};

    /// The one thing a reader can do: one statement.
    pub trait Read: Sized {
        fn rows<T: Record>(self, sql: Sql) -> impl Future<Output = Result<Vec<T>, StoreError>> + Send;

        fn row<T: Record>(self, sql: Sql) -> impl Future<Output = Result<Option<T>, StoreError>> + Send
        where
            Self: Send,
        {
            async { Ok(self.rows(sql).await?.into_iter().next()) }
        }
    }
}

impl sealed::Read for &Store {
    async fn rows<T: Record>(self, sql: Sql) -> Result<Vec<T>, StoreError> {
        self.read(sql).await
    }
}

impl sealed::Read for &mut Tx {
    async fn rows<T: Record>(self, sql: Sql) -> Result<Vec<T>, StoreError> {
        self.run(Kind::Read, sql).await
    }
}

/// A part of a list that is ordered by id: what follows `after`, at most `limit` rows. To learn whether more
/// follow, ask for one more than needed.
#[derive(Debug, Clone)]
pub struct Slice<Id> {
    pub after: Option<Id>,
    pub limit: u32,
}

impl<Id> Slice<Id> {
    /// The first `limit` rows.
    pub fn first(limit: u32) -> Self {
        Self { after: None, limit }
    }

    /// The first `limit` rows after `id`.
    pub fn after(id: Id, limit: u32) -> Self {
        Self { after: Some(id), limit }
    }
}

impl<Id: ToString> Slice<Id> {
    /// The id to start after as text; every id is greater than the empty text.
    pub(super) fn start(&self) -> String {
        self.after.as_ref().map(ToString::to_string).unwrap_or_default()
    }
}

/// The campaigns of the keys, each once, and their second parts.
pub(super) fn keys<Id: Copy>(keys: &[(CampaignId, Id)]) -> (BTreeSet<CampaignId>, Vec<Id>) {
    keys.iter().copied().unzip()
}
