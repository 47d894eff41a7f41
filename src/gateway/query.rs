//! Values out of a request's query.

/// The decoded value of `key`, the first if there are several.
pub(super) fn value(query: &str, key: &str) -> Option<String> {
    form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == key)
        .map(|(_, value)| value.into_owned())
}

/// The value of `key` as the transport reads it: to the letter, without decoding, the first if there are several.
pub(super) fn literal<'q>(query: &'q str, key: &str) -> Option<&'q str> {
    query.split('&').find_map(|part| part.strip_prefix(key)?.strip_prefix('='))
}

/// Whether whoever decodes the query reads the same value of `key` as the transport, which also ends it at a second `=`.
pub(super) fn is_unambiguous(query: &str, key: &str) -> bool {
    let decoded = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == key);
    let decoded: Vec<_> = decoded.map(|(_, value)| value).collect();
    match (decoded.as_slice(), literal(query, key)) {
        ([], None) => true,
        ([decoded], Some(literal)) => decoded == literal && !literal.contains('='),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_unambiguous_when_it_is_there_once_and_as_it_is_meant() {
        for (query, read) in
            [("", None), ("EIO=4&xsid=1&t=sid", None), ("sid=a-_1", Some("a-_1")), ("sid=", Some(""))]
        {
            assert_eq!(literal(query, "sid"), read, "{query}");
            assert!(is_unambiguous(query, "sid"), "{query}");
        }
        for query in [
            "%73id=a",
            "sid",
            "sid=a&sid=a",
            "sid=a&%73id=b",
            "%73id=a&sid=b",
            "sid=%61",
            "sid=a+b",
            "sid=a=b",
        ] {
            assert!(!is_unambiguous(query, "sid"), "{query}");
        }
    }
}
