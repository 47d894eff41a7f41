//! What measuring needs to know of an event: its offsets and when it was sent. Found by scanning, not by parsing.

use memchr::memmem::Finder;

/// Finds the parts of an envelope. Made once; building the searchers costs more than a search.
pub struct Scanner {
    offsets: Finder<'static>,
    stamp: Finder<'static>,
    timestamp: Finder<'static>,
}

/// An event that was delivered.
#[derive(Debug, PartialEq, Eq)]
pub struct Sighting<'a> {
    /// The inside of the envelope's `offsets` object, from the first key on.
    offsets: &'a [u8],
    /// Microseconds of this machine's monotonic clock when it was sent, when the payload says so.
    pub sent_at: Option<u64>,
}

/// The digits of a stamp: fixed, so that events have one length.
const STAMP_DIGITS: usize = 16;

/// The value that a publisher puts under the key `bench` so that the receiver knows when it was sent.
pub fn stamp(monotonic_micros: u64) -> String {
    format!("{monotonic_micros:0width$}", width = STAMP_DIGITS)
}

impl Default for Scanner {
    fn default() -> Self {
        Self {
            offsets: Finder::new(b"\"offsets\":{\""),
            stamp: Finder::new(b"\"bench\":\""),
            timestamp: Finder::new(b"\"timestamp\":\""),
        }
    }
}

impl Scanner {
    /// Looks at the text of an event; `None` when it carries no offsets and so belongs to no log.
    pub fn look<'a>(&self, event: &'a [u8]) -> Option<Sighting<'a>> {
        let at = self.offsets.find(event)?;
        let sent_at = self.stamp.find(event).and_then(|at| {
            let digits = event.get(at + self.stamp.needle().len()..)?.get(..STAMP_DIGITS)?;
            number(digits).filter(|(_, rest)| rest.is_empty()).map(|(value, _)| value)
        });
        Some(Sighting { offsets: &event[at + self.offsets.needle().len() - 1..], sent_at })
    }

    /// The envelope's `timestamp` as text, for the scenarios that measure from the commit.
    pub fn timestamp<'a>(&self, event: &'a [u8]) -> Option<&'a str> {
        let start = self.timestamp.find(event)? + self.timestamp.needle().len();
        let text = event[start..].split(|byte| *byte == b'"').next()?;
        std::str::from_utf8(text).ok()
    }
}

impl<'a> Sighting<'a> {
    /// The rooms' names with the event's offset in each.
    pub fn offsets(&self) -> impl Iterator<Item = (&'a [u8], u64)> + use<'a> {
        let mut rest = self.offsets;
        std::iter::from_fn(move || {
            let name_and_more = rest.strip_prefix(b"\"")?;
            let end = memchr::memchr(b'"', name_and_more)?;
            let (offset, more) = number(name_and_more.get(end + 2..)?)?;
            rest = more.strip_prefix(b",").unwrap_or_default();
            Some((&name_and_more[..end], offset))
        })
    }
}

/// The decimal number at the start, and what follows it.
fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(digits);
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    Some((digits.iter().fold(0, |value, digit| value * 10 + u64::from(digit - b'0')), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &[u8] = br#"["structure_updated",{"v":1,"id":"e","type":"structure_updated","payload":{"structureData":{"bench":"0000000000001234"}},"timestamp":"2026-11-20T10:15:30.123Z","epoch":"x","offsets":{"campaign:a":44,"settlement:b":7,"structure:c":1},"metadata":{"userId":"u"}}]"#;

    #[test]
    fn finds_offsets_and_stamp() {
        let scanner = Scanner::default();
        let sighting = scanner.look(EVENT).unwrap();
        let offsets: Vec<_> = sighting.offsets().collect();
        assert_eq!(offsets, [(&b"campaign:a"[..], 44), (b"settlement:b", 7), (b"structure:c", 1)]);
        assert_eq!(sighting.sent_at, Some(1234));
        assert_eq!(scanner.timestamp(EVENT), Some("2026-11-20T10:15:30.123Z"));
        assert_eq!(stamp(1234), "0000000000001234");
    }

    #[test]
    fn a_notice_is_no_sighting() {
        assert_eq!(Scanner::default().look(br#"["heads",{"epoch":"x","rooms":{"campaign:a":44}}]"#), None);
    }

    #[test]
    fn cut_text_yields_nothing_false() {
        let scanner = Scanner::default();
        for end in 0..EVENT.len() {
            if let Some(sighting) = scanner.look(&EVENT[..end]) {
                for (room, offset) in sighting.offsets() {
                    assert!(room.len() >= 10 && offset <= 44);
                }
            }
        }
    }
}
