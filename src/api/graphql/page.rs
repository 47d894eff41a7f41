//! Relay connections: a page of a list, and the cursor that continues it.
//!
//! A cursor is the id of the last entity of the page (of the last user, for members). Lists are in
//! the order of ids, which for everything but members is the order of creation, so a page never
//! shifts when something is added.

use async_graphql::{
    ObjectType, OutputType,
    connection::{Connection, Edge, EmptyFields},
};

use crate::{
    protocol::Problem,
    world::page::{DEFAULT_PAGE, MAX_PAGE, Page, Slice},
};

/// A list that is read page by page.
pub type PageOf<Node> = Connection<String, Node, EmptyFields, EmptyFields>;

/// The page that `first` and `after` ask for.
///
/// # Errors
/// `bad_request` naming the argument.
pub(super) fn page(first: Option<i32>, after: Option<String>) -> Result<Page, Problem> {
    let first = match first {
        None => DEFAULT_PAGE,
        Some(first) => u32::try_from(first)
            .ok()
            .filter(|first| (1..=MAX_PAGE).contains(first))
            .ok_or_else(|| Problem::invalid_field("first", format!("must be from 1 to {MAX_PAGE}")))?,
    };
    match after {
        Some(after) if after.len() > 128 => {
            Err(Problem::invalid_field("after", "is not a cursor of this list"))
        }
        after => Ok(Page { first, after }),
    }
}

/// More than any document may cost, and so little that what a document can hold of it fits into a `usize`:
/// the library adds costs up without a look at an overflow.
const IMMENSE: usize = u32::MAX as usize;

/// What a page costs: every node as much as its selection, and one for the read.
pub(super) fn cost(first: Option<i32>, child: usize) -> usize {
    let nodes = first.and_then(|n| usize::try_from(n).ok()).unwrap_or(DEFAULT_PAGE as usize);
    nodes.saturating_mul(child).saturating_add(1).min(IMMENSE)
}

/// The page as a connection. `wrap` makes the GraphQL object, `cursor` names it.
pub(super) fn connection<T, Node: OutputType + ObjectType>(
    page: &Page,
    slice: Slice<T>,
    cursor: impl Fn(&T) -> String,
    wrap: impl Fn(T) -> Node,
) -> PageOf<Node> {
    let mut connection = Connection::new(page.after.is_some(), slice.more);
    connection.edges.extend(slice.items.into_iter().map(|item| {
        let cursor = cursor(&item);
        Edge::new(cursor, wrap(item))
    }));
    connection
}
