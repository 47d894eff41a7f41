//! WebSocket frames (RFC 6455 §5): what a server sends is read in place, what a client sends is written masked.

use std::ops::Range;

/// A whole frame found at the start of a buffer.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: Kind,
    /// Where in the buffer the payload is. The next frame starts at its end.
    pub payload: Range<usize>,
}

/// The frames that a Socket.IO server sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

/// Bytes that this reader does not take for a server's frame. The connection is of no use afterwards.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("the server masked a frame")]
    Masked,
    #[error("the server split a message into fragments, which this client does not join")]
    Fragment,
    #[error("the frame has the reserved bits or the unknown opcode {0:#04x}")]
    Unknown(u8),
    #[error("the frame is of {0} bytes, more than the {MAX_PAYLOAD} that this client reads")]
    TooLong(u64),
}

/// The longest payload read, in bytes: three hundred recovered events fit many times over.
pub const MAX_PAYLOAD: usize = 4 << 20;

/// Finds the frame at the start of `bytes`; `None` when more bytes are needed.
///
/// # Errors
/// On a frame that no Socket.IO server sends to this client.
pub fn read(bytes: &[u8]) -> Result<Option<Frame>, FrameError> {
    let &[first, second, ref rest @ ..] = bytes else { return Ok(None) };
    if second & 0x80 != 0 {
        return Err(FrameError::Masked);
    }
    let kind = match first {
        0x81 => Kind::Text,
        0x82 => Kind::Binary,
        0x88 => Kind::Close,
        0x89 => Kind::Ping,
        0x8a => Kind::Pong,
        0x00..=0x02 | 0x80 => return Err(FrameError::Fragment),
        other => return Err(FrameError::Unknown(other)),
    };
    let (start, length) = match second {
        126 => match rest {
            &[a, b, ..] => (4, u64::from(u16::from_be_bytes([a, b]))),
            _ => return Ok(None),
        },
        127 => match rest {
            &[a, b, c, d, e, f, g, h, ..] => (10, u64::from_be_bytes([a, b, c, d, e, f, g, h])),
            _ => return Ok(None),
        },
        short => (2, u64::from(short)),
    };
    if length > MAX_PAYLOAD as u64 {
        return Err(FrameError::TooLong(length));
    }
    let end = start + length as usize;
    Ok((bytes.len() >= end).then_some(Frame { kind, payload: start..end }))
}

/// Appends a client's text frame.
pub fn write_text(out: &mut Vec<u8>, payload: &[u8]) {
    write(out, 0x81, payload);
}

/// Appends the answer to a WebSocket ping.
pub fn write_pong(out: &mut Vec<u8>, payload: &[u8]) {
    write(out, 0x8a, payload);
}

/// The mask is zero: it exists to confuse proxies in browsers' way, and zero leaves nothing to compute.
fn write(out: &mut Vec<u8>, first: u8, payload: &[u8]) {
    out.push(first);
    match payload.len() {
        length @ 0..126 => out.push(0x80 | length as u8),
        length @ 126..0x1_0000 => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A frame as a server writes it: unmasked.
    fn served(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![first];
        match payload.len() {
            length @ 0..126 => bytes.push(length as u8),
            length @ 126..0x1_0000 => {
                bytes.push(126);
                bytes.extend_from_slice(&(length as u16).to_be_bytes());
            }
            length => {
                bytes.push(127);
                bytes.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        bytes.extend_from_slice(payload);
        bytes
    }

    proptest! {
        /// Whatever way the stream is cut, the frames come out whole and in order.
        #[test]
        fn reads_frames_over_any_cut(sizes in prop::collection::vec(prop_oneof![0usize..300, 65_000usize..66_000], 1..6), cut in 1usize..5000) {
            let payloads: Vec<Vec<u8>> = sizes.iter().enumerate().map(|(i, size)| vec![i as u8; *size]).collect();
            let stream: Vec<u8> = payloads.iter().flat_map(|payload| served(0x81, payload)).collect();
            let (mut held, mut seen) = (Vec::new(), Vec::new());
            for piece in stream.chunks(cut) {
                held.extend_from_slice(piece);
                while let Some(frame) = read(&held).unwrap() {
                    seen.push(held[frame.payload.clone()].to_vec());
                    held.drain(..frame.payload.end);
                }
            }
            prop_assert!(held.is_empty());
            prop_assert_eq!(seen, payloads);
        }

        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(Some(frame)) = read(&bytes) {
                prop_assert!(frame.payload.end <= bytes.len());
            }
        }
    }

    #[test]
    fn names_what_it_does_not_read() {
        assert_eq!(read(&[0x81, 0x85, 0, 0, 0, 0]), Err(FrameError::Masked));
        assert_eq!(read(&[0x01, 0x00]), Err(FrameError::Fragment));
        assert_eq!(read(&[0x80, 0x00]), Err(FrameError::Fragment));
        assert_eq!(read(&[0xc1, 0x00]), Err(FrameError::Unknown(0xc1)));
        let huge = [&[0x81, 127][..], &(1u64 << 40).to_be_bytes()].concat();
        assert_eq!(read(&huge), Err(FrameError::TooLong(1 << 40)));
    }

    #[test]
    fn writes_frames_masked() {
        for length in [0, 125, 126, 65_535, 65_536] {
            let mut out = Vec::new();
            write_text(&mut out, &vec![b'x'; length]);
            assert_eq!(out[1] & 0x80, 0x80);
            out[1] &= 0x7f;
            let frame = read(&[&out[..], &[0; 8]].concat()).unwrap().unwrap();
            // The mask's four zero bytes stand before the payload.
            assert_eq!(frame.payload.len(), length);
            assert_eq!(out.len(), frame.payload.end + 4);
        }
    }
}
