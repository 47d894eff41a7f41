//! Engine.IO and Socket.IO packets inside text frames, namespace `/` only.

use serde::Deserialize;
use serde_json::value::RawValue;

/// A packet from the server.
#[derive(Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// Engine.IO is open: the namespace can be joined.
    Open,
    Ping,
    /// The namespace is joined.
    Connected,
    /// The namespace was refused; the reason as JSON.
    Refused(&'a [u8]),
    /// The JSON array of an event: its name, its arguments.
    Event(&'a [u8]),
    /// The JSON array of an acknowledgement.
    Ack {
        id: u32,
        body: &'a [u8],
    },
    /// The server ended the namespace or the transport.
    Closed,
    /// Nothing to do with what is measured.
    Other,
}

/// One room's part of the answer to `subscribe_many`.
#[derive(Debug, Deserialize)]
pub struct Joined<'a> {
    pub success: bool,
    #[serde(default)]
    pub room: Option<&'a str>,
    #[serde(default)]
    pub epoch: Option<&'a str>,
    #[serde(default)]
    pub offset: u64,
    #[serde(default)]
    pub recovered: bool,
    #[serde(default, borrow)]
    pub events: Vec<&'a RawValue>,
    #[serde(default)]
    pub code: Option<&'a str>,
}

/// The answer to `subscribe_many`.
#[derive(Debug, Deserialize)]
pub struct JoinedMany<'a> {
    #[serde(default)]
    pub code: Option<&'a str>,
    #[serde(default, borrow)]
    pub results: Vec<Joined<'a>>,
}

/// Reads one packet from the payload of a text frame.
pub fn read(text: &[u8]) -> Packet<'_> {
    match text {
        [b'0', ..] => Packet::Open,
        [b'1', ..] => Packet::Closed,
        [b'2', ..] => Packet::Ping,
        [b'4', b'0', ..] => Packet::Connected,
        [b'4', b'1', ..] => Packet::Closed,
        [b'4', b'2', body @ ..] => Packet::Event(body),
        [b'4', b'3', rest @ ..] => {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let (id, body) = rest.split_at(digits);
            match std::str::from_utf8(id).ok().and_then(|id| id.parse().ok()) {
                Some(id) => Packet::Ack { id, body },
                None => Packet::Other,
            }
        }
        [b'4', b'4', reason @ ..] => Packet::Refused(reason),
        _ => Packet::Other,
    }
}

/// The answer to `subscribe_many`, from the JSON array of its acknowledgement.
///
/// # Errors
/// When it is not of the contract's shape.
pub fn joined(body: &[u8]) -> Result<JoinedMany<'_>, serde_json::Error> {
    serde_json::from_slice::<(JoinedMany<'_>,)>(body).map(|(answer,)| answer)
}

/// The name of an event, from its JSON array. Names with escapes do not occur.
pub fn event_name(body: &[u8]) -> &[u8] {
    match body {
        [b'[', b'"', rest @ ..] => rest.split(|byte| *byte == b'"').next().unwrap_or_default(),
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_packets() {
        assert_eq!(read(b"0{\"sid\":\"x\"}"), Packet::Open);
        assert_eq!(read(b"2"), Packet::Ping);
        assert_eq!(read(b"40{\"sid\":\"x\"}"), Packet::Connected);
        assert_eq!(read(b"41"), Packet::Closed);
        assert_eq!(
            read(b"44{\"message\":\"token_invalid\"}"),
            Packet::Refused(b"{\"message\":\"token_invalid\"}")
        );
        assert_eq!(read(b"42[\"a\",1]"), Packet::Event(b"[\"a\",1]"));
        assert_eq!(read(b"4317[{}]"), Packet::Ack { id: 17, body: b"[{}]" });
        assert_eq!(read(b"43[{}]"), Packet::Other);
        assert_eq!(read(b""), Packet::Other);
        assert_eq!(event_name(b"[\"entity_updated\",{}]"), b"entity_updated");
        assert_eq!(event_name(b"[1]"), b"");
    }

    #[test]
    fn reads_answers_to_subscriptions() {
        let answer = joined(
            br#"[{"success":true,"results":[
                {"success":true,"room":"campaign:a","epoch":"e","offset":7,"recovered":true,"events":[{"v":1},{"v":2}]},
                {"success":false,"error":"no","code":"not_found","room":"campaign:b"}]}]"#,
        )
        .unwrap();
        assert_eq!(answer.results[0].offset, 7);
        assert_eq!(answer.results[0].events[1].get(), "{\"v\":2}");
        assert_eq!(answer.results[1].code, Some("not_found"));
        assert!(joined(b"[{\"success\":true}").is_err());
    }
}
