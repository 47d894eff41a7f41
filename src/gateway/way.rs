//! The two ways to a client: the lane under its WebSocket, or, for HTTP polling, the transport's own packets.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use serde_json::value::RawValue;
use socketioxide::{SocketIo, extract::AckSender, socket::Sid};

use super::{
    admission::Door,
    frame,
    lane::{CloseReason, Lane},
};

/// How messages reach one client.
#[derive(Clone)]
pub(super) enum Way {
    Lane(Arc<Lane>),
    Packets(Packets),
}

/// Where the answer to a command goes.
pub(super) enum Reply {
    /// The client did not ask for one.
    None,
    Lane(i64),
    Packets(AckSender),
}

/// The way through the transport's buffer of packets. Polling sessions have many TCP connections, so
/// there is no lane to speak through; a session whose buffer is full is given up.
#[derive(Clone)]
pub(super) struct Packets {
    io: SocketIo,
    sid: Sid,
    door: Arc<Door>,
    state: Arc<Mutex<PacketState>>,
}

#[derive(Default)]
struct PacketState {
    holds: u32,
    held: VecDeque<(String, Arc<RawValue>)>,
    given_up: Option<CloseReason>,
}

impl Way {
    /// Queues an event whose frame is made by `encode` when it is needed. False when the client is gone.
    pub(super) fn event(&self, name: &str, json: &Arc<RawValue>, encode: impl FnOnce() -> Bytes) -> bool {
        match self {
            Self::Lane(lane) => lane.push(encode()),
            Self::Packets(packets) => packets.event(name, json),
        }
    }

    /// Queues and writes an event for this client alone.
    pub(super) fn notice(&self, name: &str, json: Box<RawValue>) {
        match self {
            Self::Lane(lane) => {
                lane.push(frame::event(name, json.get()));
                lane.flush();
            }
            Self::Packets(packets) => {
                packets.event(name, &Arc::from(json));
            }
        }
    }

    pub(super) fn flush(&self) {
        match self {
            Self::Lane(lane) => lane.flush(),
            Self::Packets(_) => {}
        }
    }

    /// Makes events wait until [`Way::answer`] has sent the answer that must come before them.
    pub(super) fn hold(&self) {
        match self {
            Self::Lane(lane) => lane.hold(),
            Self::Packets(packets) => packets.lock().holds += 1,
        }
    }

    /// Sends the answer to a command, then what was held for it when `held`.
    pub(super) fn answer(&self, reply: Reply, json: &RawValue, held: bool) {
        match (self, reply) {
            (Self::Lane(lane), Reply::Lane(number)) => {
                lane.answer(Some(frame::ack(number, json.get())), held)
            }
            (Self::Lane(lane), Reply::None | Reply::Packets(_)) => lane.answer(None, held),
            (Self::Packets(packets), reply) => {
                if let Reply::Packets(sender) = reply {
                    packets.answer(sender, json);
                }
                if held {
                    packets.release();
                }
            }
        }
    }

    /// Ends the connection so that the client comes back by itself: after what is queued.
    pub(super) fn finish(&self, reason: CloseReason) {
        match self {
            Self::Lane(lane) => lane.finish(reason),
            Self::Packets(packets) => packets.give_up(&mut packets.lock(), reason),
        }
    }

    /// Ends what did not end by itself.
    pub(super) fn kill(&self, reason: CloseReason) {
        match self {
            Self::Lane(lane) => lane.kill(reason),
            Self::Packets(packets) => packets.kill(reason),
        }
    }

    /// Whether nothing can reach the client any more.
    pub(super) fn is_dead(&self) -> bool {
        match self {
            Self::Lane(lane) => lane.is_dead(),
            Self::Packets(packets) => packets.lock().given_up.is_some(),
        }
    }

    /// Why the server ended the connection, if it did.
    pub(super) fn close_reason(&self) -> Option<CloseReason> {
        match self {
            Self::Lane(lane) => lane.reason(),
            Self::Packets(packets) => packets.lock().given_up,
        }
    }
}

impl Packets {
    pub(super) fn new(io: SocketIo, sid: Sid, door: Arc<Door>) -> Self {
        Self { io, sid, door, state: Arc::default() }
    }

    fn event(&self, name: &str, json: &Arc<RawValue>) -> bool {
        let mut state = self.lock();
        if state.holds > 0 {
            state.held.push_back((name.to_owned(), json.clone()));
            return true;
        }
        self.emit(&mut state, name, json)
    }

    fn release(&self) {
        let mut state = self.lock();
        state.holds = state.holds.saturating_sub(1);
        while state.holds == 0 {
            let Some((name, json)) = state.held.pop_front() else { break };
            self.emit(&mut state, &name, &json);
        }
    }

    fn answer(&self, sender: AckSender, json: &RawValue) {
        let mut state = self.lock();
        // A failure means a full buffer or an ended session; neither gets further.
        if state.given_up.is_none() && sender.send(json).is_err() {
            self.give_up(&mut state, CloseReason::QueueFull);
        }
    }

    fn emit(&self, state: &mut PacketState, name: &str, json: &RawValue) -> bool {
        let sent = state.given_up.is_none()
            && self.io.get_socket(self.sid).is_some_and(|socket| socket.emit(name, json).is_ok());
        if !sent {
            self.give_up(state, CloseReason::QueueFull);
        }
        sent
    }

    /// After one lost packet nothing may follow: the client would see a hole it cannot know of. Its
    /// next poll is refused and the socket it was upgraded to is closed, which it takes for the loss of
    /// the transport.
    fn give_up(&self, state: &mut PacketState, reason: CloseReason) {
        if state.given_up.is_some() {
            return;
        }
        state.given_up = Some(reason);
        let session = self.sid.to_string();
        self.door.refuse_session(&session);
        for lane in self.door.upgraded(&session) {
            match reason {
                CloseReason::QueueFull | CloseReason::WriteStalled => lane.kill(reason),
                CloseReason::TokenExpired
                | CloseReason::Draining
                | CloseReason::Revoked
                | CloseReason::Left => lane.finish(reason),
            }
        }
    }

    pub(super) fn kill(&self, reason: CloseReason) {
        self.give_up(&mut self.lock(), reason);
        self.door.upgraded(&self.sid.to_string()).iter().for_each(|lane| lane.kill(reason));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, PacketState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
