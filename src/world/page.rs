//! Lists are read page by page, in the order of ids.

/// How many entries a page has when nothing else is asked for.
pub const DEFAULT_PAGE: u32 = 20;
/// The most entries a page may have.
pub const MAX_PAGE: u32 = 100;

/// Which part of a list to read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Page {
    /// How many entries at most, 1 to [`MAX_PAGE`].
    pub first: u32,
    /// Only what follows the entry with this id.
    pub after: Option<String>,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Slice<T> {
    pub items: Vec<T>,
    /// Whether the list goes on.
    pub more: bool,
}

impl Default for Page {
    fn default() -> Self {
        Self { first: DEFAULT_PAGE, after: None }
    }
}

impl<T> Slice<T> {
    /// A page of `first` entries from a read that asked for one more, to see whether there is one.
    pub(super) fn cut(mut items: Vec<T>, first: u32) -> Self {
        let first = first as usize;
        let more = items.len() > first;
        items.truncate(first);
        Self { items, more }
    }
}

impl<T> Default for Slice<T> {
    fn default() -> Self {
        Self { items: Vec::new(), more: false }
    }
}
