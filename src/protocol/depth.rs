//! A bound on nesting that is checked before a text is parsed.

/// Whether the JSON text nests deeper than `limit`. Looks at brackets only, so that a hostile text
/// costs no more than its length; what is not JSON is the parser's to refuse.
pub fn is_deeper(json: &[u8], limit: usize) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in json {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (true, b'"') => in_string = false,
            (false, b'"') => in_string = true,
            (false, b'[' | b'{') if depth == limit => return true,
            (false, b'[' | b'{') => depth += 1,
            (false, b']' | b'}') => depth = depth.saturating_sub(1),
            (true | false, _) => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_strings_do_not_count() {
        let text = br#"{"a":[1,{"b":"[[[[\"[[\\"}],"c":[]}"#;
        assert!(!is_deeper(text, 3));
        assert!(is_deeper(text, 2));
        assert!(is_deeper("[".repeat(60_000).as_bytes(), 32));
        assert!(!is_deeper(b"]]]][", 1));
        assert!(!is_deeper(b"", 0));
    }
}
