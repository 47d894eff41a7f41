//! Socket.IO packets as WebSocket text frames, encoded once however many connections they go to.
//!
//! The format is fixed by the Engine.IO 4 and Socket.IO 5 protocols: an Engine.IO `message` (`4`)
//! holds a Socket.IO `EVENT` (`2`) or `ACK` (`3`), the namespace unless it is `/`, the
//! acknowledgement's number, and a JSON array. A server's WebSocket frames are not masked, so the
//! same bytes are right for every connection.

use bytes::{BufMut, Bytes, BytesMut};

/// A WebSocket close frame with the status 1001, "going away": clients take it for the loss of the
/// transport and come back by themselves, which they do not after a Socket.IO DISCONNECT.
pub(super) const CLOSE: &[u8] = &[0x88, 0x02, 0x03, 0xe9];

/// An event with one argument, `json`.
pub(super) fn event(name: &str, json: &str) -> Bytes {
    text(&["42[\"", name, "\",", json, "]"])
}

/// The acknowledgement numbered `ack`, with one argument.
pub(super) fn ack(ack: i64, json: &str) -> Bytes {
    text(&["43", &ack.to_string(), "[", json, "]"])
}

/// One final text frame of these parts.
fn text(parts: &[&str]) -> Bytes {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    let mut frame = BytesMut::with_capacity(len + 10);
    frame.put_u8(0x81);
    match len {
        0..=125 => frame.put_u8(len as u8),
        126..=0xffff => {
            frame.put_u8(126);
            frame.put_u16(len as u16);
        }
        _ => {
            frame.put_u8(127);
            frame.put_u64(len as u64);
        }
    }
    for part in parts {
        frame.put_slice(part.as_bytes());
    }
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use tokio_tungstenite::tungstenite::{
        Message,
        protocol::{Role, WebSocket},
    };

    use super::*;

    fn read_back(frame: &[u8]) -> Message {
        let stream = std::io::Cursor::new(frame.to_vec());
        WebSocket::from_raw_socket(stream, Role::Client, None).read().expect("a frame that a client accepts")
    }

    #[test]
    fn a_websocket_client_reads_frames_of_every_length_class() {
        for len in [0, 1, 90, 125 - 8, 126 - 8, 127, 65_535 - 8, 65_536 - 8, 70_000] {
            let json = format!("\"{}\"", "x".repeat(len));
            let expected = format!("42[\"a\",{json}]");
            assert_eq!(read_back(&event("a", &json)), Message::text(expected), "{len}");
        }
    }

    #[test]
    fn an_ack_carries_its_number() {
        assert_eq!(read_back(&ack(17, "{\"success\":true}")), Message::text("4317[{\"success\":true}]"));
    }

    #[test]
    fn the_close_frame_says_going_away() {
        let Message::Close(Some(close)) = read_back(CLOSE) else { panic!("not a close frame") };
        assert_eq!(u16::from(close.code), 1001);
    }
}
