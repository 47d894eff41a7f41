//! Values out of a request's query.

/// The decoded value of `key`, the first if there are several.
pub(super) fn value(query: &str, key: &str) -> Option<String> {
    form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == key)
        .map(|(_, value)| value.into_owned())
}
