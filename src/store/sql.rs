//! One statement with its arguments, and the columns of one row, for both databases.

use std::{borrow::Cow, fmt::Display, str::FromStr, sync::Arc};

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use serde_json::value::RawValue;
use sqlx::{Row as _, postgres::PgRow};

use super::StoreError;
use crate::protocol::{Offset, Timestamp};

/// A statement. Its text is the same for SQLite and PostgreSQL, with `$1`, `$2` … for the arguments;
/// `{list}` and `{rows}` stand for parts whose length varies.
#[derive(Debug, Clone)]
pub struct Sql {
    text: Cow<'static, str>,
    args: Vec<Arg>,
    bulk: bool,
}

/// An argument. The columns of every table are one of these three types.
#[derive(Debug, Clone)]
pub enum Arg {
    Int(Option<i64>),
    Real(f64),
    Text(Option<String>),
    /// An envelope, which is shared with whoever receives it.
    Json(Arc<RawValue>),
}

/// The columns of a row, by position.
pub enum Columns<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r PgRow),
}

/// What a row is read as.
pub trait Record: Send + Sized + 'static {
    /// Reads one row.
    fn read(columns: &Columns<'_>) -> Result<Self, StoreError>;
}

impl Sql {
    /// A statement of a fixed shape.
    pub fn new(text: &'static str) -> Self {
        Self { text: Cow::Borrowed(text), args: Vec::with_capacity(8), bulk: false }
    }

    /// Adds the argument for the next `$n`.
    pub fn bind(mut self, arg: impl Into<Arg>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Puts the items in place of the next `{list}`, for `IN ({list})`. The list is filled up to a power
    /// of two by repeating an item, so that the statement cache sees few different texts.
    pub fn list<A: Into<Arg>>(mut self, items: impl IntoIterator<Item = A>) -> Self {
        let first = self.args.len() + 1;
        self.args.extend(items.into_iter().map(Into::into));
        let length = self.args.len() + 1 - first;
        let Some(last) = self.args.last().filter(|_| length > 0).cloned() else {
            return self.replace("{list}", "NULL");
        };
        self.args.resize(first - 1 + length.next_power_of_two(), last);
        let names: Vec<String> = (first..=self.args.len()).map(|n| format!("${n}")).collect();
        self.replace("{list}", &names.join(","))
    }

    /// Puts the rows in place of `{rows}`, for `VALUES {rows}`.
    pub fn rows<const N: usize>(mut self, rows: impl IntoIterator<Item = [Arg; N]>) -> Self {
        let mut text = String::new();
        for row in rows {
            text.push_str(if text.is_empty() { "(" } else { ",(" });
            for (column, arg) in row.into_iter().enumerate() {
                self.args.push(arg);
                text.push_str(if column == 0 { "$" } else { ",$" });
                text.push_str(&self.args.len().to_string());
            }
            text.push(')');
        }
        self.replace("{rows}", &text)
    }

    /// The statement may read or return many rows: on SQLite it then runs on a thread of its own instead
    /// of on the one that polls it.
    pub fn bulk(mut self) -> Self {
        self.bulk = true;
        self
    }

    fn replace(mut self, place: &str, with: &str) -> Self {
        debug_assert!(self.text.contains(place), "the statement has no {place}: {}", self.text);
        self.text = Cow::Owned(self.text.replacen(place, with, 1));
        self
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn args(&self) -> &[Arg] {
        &self.args
    }

    pub(super) fn is_bulk(&self) -> bool {
        self.bulk
    }

    pub(super) fn into_parts(self) -> (Cow<'static, str>, Vec<Arg>) {
        (self.text, self.args)
    }
}

/// Cuts rows into pieces of 1, 2, 3 or a power of two up to 64, for statements with `{rows}`: few different
/// texts, and no statement that keeps a thread for long.
pub fn pieces<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let length = match rows.len() {
            0 => return None,
            few @ 1..=3 => few,
            64.. => 64,
            some => 1 << some.ilog2(),
        };
        let (piece, rest) = rows.split_at(length);
        rows = rest;
        Some(piece)
    })
}

impl Columns<'_> {
    /// A text.
    pub fn text(&self, column: usize) -> Result<&str, StoreError> {
        self.optional_text(column)?.ok_or_else(|| unreadable(column, "is NULL"))
    }

    /// A text or NULL.
    pub fn optional_text(&self, column: usize) -> Result<Option<&str>, StoreError> {
        match self {
            Self::Sqlite(row) => match row.get_ref(column)? {
                ValueRef::Null => Ok(None),
                value => value.as_str().map(Some).map_err(|error| unreadable(column, error)),
            },
            Self::Postgres(row) => Ok(row.try_get(column)?),
        }
    }

    /// A number.
    pub fn int(&self, column: usize) -> Result<i64, StoreError> {
        self.optional_int(column)?.ok_or_else(|| unreadable(column, "is NULL"))
    }

    /// A number or NULL.
    pub fn optional_int(&self, column: usize) -> Result<Option<i64>, StoreError> {
        match self {
            Self::Sqlite(row) => Ok(row.get(column)?),
            Self::Postgres(row) => Ok(row.try_get(column)?),
        }
    }

    /// A floating-point number.
    pub fn real(&self, column: usize) -> Result<f64, StoreError> {
        match self {
            Self::Sqlite(row) => Ok(row.get(column)?),
            Self::Postgres(row) => Ok(row.try_get(column)?),
        }
    }

    /// A number that is never negative and fits.
    pub fn unsigned<N: TryFrom<i64>>(&self, column: usize) -> Result<N, StoreError> {
        N::try_from(self.int(column)?).map_err(|_| unreadable(column, "is out of range"))
    }

    /// A place in a room's log.
    pub fn offset(&self, column: usize) -> Result<Offset, StoreError> {
        self.unsigned(column).map(Offset)
    }

    /// 0 or 1.
    pub fn flag(&self, column: usize) -> Result<bool, StoreError> {
        Ok(self.int(column)? != 0)
    }

    /// Milliseconds since 1970.
    pub fn instant(&self, column: usize) -> Result<Timestamp, StoreError> {
        Timestamp::from_millis(self.int(column)?).map_err(|error| unreadable(column, error))
    }

    /// A text that is valid as a `T`.
    pub fn parse<T: FromStr<Err: Display>>(&self, column: usize) -> Result<T, StoreError> {
        self.text(column)?.parse().map_err(|error| unreadable(column, error))
    }

    /// A JSON text.
    pub fn json<T: serde::de::DeserializeOwned>(&self, column: usize) -> Result<T, StoreError> {
        serde_json::from_str(self.text(column)?).map_err(|error| unreadable(column, error))
    }
}

fn unreadable(column: usize, why: impl Display) -> StoreError {
    StoreError::Corrupt(format!("column {}: {why}", column + 1))
}

impl Record for i64 {
    fn read(columns: &Columns<'_>) -> Result<Self, StoreError> {
        columns.int(0)
    }
}

impl Record for String {
    fn read(columns: &Columns<'_>) -> Result<Self, StoreError> {
        columns.text(0).map(str::to_owned)
    }
}

impl From<i64> for Arg {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}

impl From<bool> for Arg {
    fn from(value: bool) -> Self {
        Self::Int(Some(i64::from(value)))
    }
}

impl From<u32> for Arg {
    fn from(value: u32) -> Self {
        Self::Int(Some(i64::from(value)))
    }
}

impl From<u64> for Arg {
    /// Numbers on the wire are at most 2⁵³ − 1; what is larger is a mistake that the database would not survive.
    fn from(value: u64) -> Self {
        Self::Int(Some(i64::try_from(value).unwrap_or(i64::MAX)))
    }
}

impl From<Offset> for Arg {
    fn from(offset: Offset) -> Self {
        offset.0.into()
    }
}

impl From<Timestamp> for Arg {
    fn from(instant: Timestamp) -> Self {
        Self::Int(Some(instant.millis()))
    }
}

impl From<Option<Timestamp>> for Arg {
    fn from(instant: Option<Timestamp>) -> Self {
        Self::Int(instant.map(Timestamp::millis))
    }
}

impl From<f64> for Arg {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl From<String> for Arg {
    fn from(value: String) -> Self {
        Self::Text(Some(value))
    }
}

impl From<&str> for Arg {
    fn from(value: &str) -> Self {
        Self::Text(Some(value.to_owned()))
    }
}

impl From<Option<&str>> for Arg {
    fn from(value: Option<&str>) -> Self {
        Self::Text(value.map(str::to_owned))
    }
}

macro_rules! text_args {
    ($($name:ident),*) => {$(
        impl From<crate::protocol::$name> for Arg {
            fn from(value: crate::protocol::$name) -> Self {
                Self::Text(Some(value.to_string()))
            }
        }
        impl From<&crate::protocol::$name> for Arg {
            fn from(value: &crate::protocol::$name) -> Self {
                Self::Text(Some(value.to_string()))
            }
        }
    )*};
}

text_args!(CampaignId, SettlementId, StructureId, UserId, RequestId, EventId, Epoch, Room, Root);

impl ToSql for Arg {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Int(Some(value)) => ValueRef::Integer(*value),
            Self::Real(value) => ValueRef::Real(*value),
            Self::Text(Some(text)) => ValueRef::Text(text.as_bytes()),
            Self::Json(json) => ValueRef::Text(json.get().as_bytes()),
            Self::Int(None) | Self::Text(None) => ValueRef::Null,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_padded_to_powers_of_two_and_numbered_after_the_arguments_before_them() {
        let sql = Sql::new("SELECT 1 WHERE a = $1 AND b IN ({list}) AND c IN ({list})");
        let sql = sql.bind(7_i64).list(["x", "y", "z"]).list(Vec::<i64>::new());
        assert_eq!(sql.text(), "SELECT 1 WHERE a = $1 AND b IN ($2,$3,$4,$5) AND c IN (NULL)");
        assert!(matches!(sql.args().last(), Some(Arg::Text(Some(text))) if text == "z"));
    }

    #[test]
    fn rows_become_values() {
        let sql = Sql::new("INSERT INTO t VALUES {rows}")
            .rows([[1_i64.into(), "a".into()], [2_i64.into(), "b".into()]]);
        assert_eq!(sql.text(), "INSERT INTO t VALUES ($1,$2),($3,$4)");
        assert_eq!(sql.args().len(), 4);
    }

    #[test]
    fn pieces_have_few_lengths_and_lose_nothing() {
        for length in 0..400 {
            let rows: Vec<usize> = (0..length).collect();
            let cut: Vec<&[usize]> = pieces(&rows).collect();
            assert_eq!(cut.concat(), rows);
            assert!(cut.iter().all(|piece| [1, 2, 3, 4, 8, 16, 32, 64].contains(&piece.len())));
        }
    }
}
