//! What a connection does with the bytes it received: upgrade, frames, packets, events.

use std::time::{Duration, Instant};

use super::{Swarm, link::Phase};
use crate::bench::{
    time::monotonic_micros,
    wire::{
        frame::{self, Kind},
        packet::{self, Packet},
    },
};

impl Swarm {
    pub(super) fn on_bytes(&mut self, at: usize, mut bytes: &[u8]) {
        let now = monotonic_micros();
        let phase = self.links[at].as_ref().map(|link| link.phase);
        if phase == Some(Phase::Upgrading) {
            match self.on_upgrade(at, bytes) {
                Some(end) => bytes = &bytes[end..],
                None => return,
            }
        }
        loop {
            match frame::read(bytes) {
                Ok(Some(found)) => {
                    let payload = &bytes[found.payload.clone()];
                    self.tally.bytes += payload.len() as u64;
                    if let Err(cause) = self.on_frame(at, found.kind, payload, now) {
                        return self.end(at, &cause);
                    }
                    bytes = &bytes[found.payload.end..];
                }
                Ok(None) => break,
                Err(error) => return self.end(at, &error.to_string()),
            }
        }
        if let Some(link) = &mut self.links[at] {
            link.keep(bytes);
        }
    }

    /// Answers where the frames begin, or `None` when the connection does not go on (yet).
    fn on_upgrade(&mut self, at: usize, bytes: &[u8]) -> Option<usize> {
        let link = self.links[at].as_mut()?;
        let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else {
            link.keep(bytes);
            return None;
        };
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        let status = head.split(' ').nth(1).unwrap_or_default();
        match status {
            "101" => {
                link.phase = Phase::Opening;
                return Some(end + 4);
            }
            "429" | "503" => {
                let after = head.lines().find_map(|line| line.strip_prefix("retry-after:"));
                let seconds = after.and_then(|text| text.trim().parse().ok()).unwrap_or(1u64);
                self.tally.joins.deferred += 1;
                self.drop_link(at);
                let due = Instant::now() + Duration::from_secs(seconds.min(60));
                let place = self.waiting.partition_point(|(other, _)| *other <= due);
                self.waiting.insert(place, (due, at));
            }
            _ => self.end(at, &format!("the upgrade was answered with status {status}")),
        }
        None
    }

    fn on_frame(&mut self, at: usize, kind: Kind, payload: &[u8], now: u64) -> Result<(), String> {
        let Some(link) = &mut self.links[at] else { return Ok(()) };
        match kind {
            Kind::Text => self.on_packet(at, payload, now),
            Kind::Ping => link.send(|out| frame::write_pong(out, payload)).map_err(|e| e.to_string()),
            Kind::Pong => Ok(()),
            Kind::Binary => Err("a binary message".into()),
            Kind::Close => {
                let code = payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
                Err(format!("closed by the server with code {code}"))
            }
        }
    }

    fn on_packet(&mut self, at: usize, text: &[u8], now: u64) -> Result<(), String> {
        match packet::read(text) {
            Packet::Event(body) => {
                self.on_event(at, body, now);
                Ok(())
            }
            Packet::Ping => self.send(at, b"3"),
            Packet::Open => {
                self.set_phase(at, Phase::Entering);
                let entry = match &self.members[at].token {
                    Some(token) => format!("40{{\"token\":\"{token}\"}}"),
                    None => "40".into(),
                };
                self.send(at, entry.as_bytes())
            }
            Packet::Connected => {
                self.entering -= 1;
                if self.members[at].rooms.is_empty() {
                    self.tally.joins.live += 1;
                    self.set_phase(at, Phase::Live);
                    return Ok(());
                }
                self.set_phase(at, Phase::Subscribing);
                let subscription = self.subscription(at);
                self.send(at, subscription.as_bytes())
            }
            Packet::Ack { id: 0, body } => {
                self.on_joined(at, body)?;
                self.tally.joins.live += 1;
                self.set_phase(at, Phase::Live);
                Ok(())
            }
            Packet::Refused(reason) => Err(format!("refused: {}", String::from_utf8_lossy(reason))),
            Packet::Closed => Err("ended by the server".into()),
            Packet::Ack { .. } | Packet::Other => Ok(()),
        }
    }

    fn on_event(&mut self, at: usize, body: &[u8], now: u64) {
        let Some(sighting) = self.scanner.look(body) else {
            match packet::event_name(body) {
                b"room_state_invalidated" | b"unsubscribed" => self.tally.invalidated += 1,
                _ => self.tally.notices += 1,
            }
            return;
        };
        self.tally.deliveries += 1;
        self.tally.last_delivery = now;
        if let Some(clock) = self.since_commit
            && let Some(committed) =
                self.scanner.timestamp(body).and_then(|text| text.parse::<jiff::Timestamp>().ok())
        {
            let received = now as i64 + clock.unix_minus_monotonic_micros;
            self.tally.since_commit.saturating_record((received - committed.as_microsecond()).max(0) as u64);
        }
        let member = &mut self.members[at];
        member.contact.delivery = now;
        let (mut known, mut sent_at) = (false, sighting.sent_at);
        for (name, offset) in sighting.offsets() {
            let track =
                member.rooms.iter_mut().find(|(room, _)| self.rooms[*room as usize].as_bytes() == name);
            if let Some((room, track)) = track {
                known = true;
                if let Some(releases) = &self.releases {
                    sent_at = releases.released_at(*room as usize, offset);
                }
                self.tally.count(track.see(offset));
            }
        }
        self.tally.foreign += u64::from(!known);
        if let Some(sent_at) = sent_at {
            self.tally.latency.saturating_record(now.saturating_sub(sent_at));
        }
    }

    fn send(&mut self, at: usize, text: &[u8]) -> Result<(), String> {
        match &mut self.links[at] {
            Some(link) => link.send(|out| frame::write_text(out, text)).map_err(|e| e.to_string()),
            None => Ok(()),
        }
    }

    fn set_phase(&mut self, at: usize, phase: Phase) {
        if let Some(link) = &mut self.links[at] {
            link.phase = phase;
        }
    }
}
