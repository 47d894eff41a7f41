//! The client's side of Socket.IO over WebSocket, as little of it as measuring needs.
//!
//! Owns the frame reader and writer ([`frame`]), the packets inside the frames ([`packet`]) and the
//! look into an event ([`sighting`]). Promises to read a well-behaved server exactly and to name what
//! it does not understand; it is not a client library. A general WebSocket client would cost more per
//! delivery than the server that is being measured, so frames are read in place and events are scanned,
//! not parsed.

pub mod frame;
pub mod packet;
pub mod sighting;
