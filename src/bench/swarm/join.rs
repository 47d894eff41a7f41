//! Asking for rooms, with positions where there are any, and holding the answer to its word.

use std::collections::HashMap;

use super::{Swarm, Track};
use crate::bench::wire::{packet, sighting::Scanner};

impl Swarm {
    pub(super) fn subscription(&self, at: usize) -> String {
        let rooms = self.members[at].rooms.iter().map(|(room, track)| {
            let name = &self.rooms[*room as usize];
            match (track.position(), &self.epoch) {
                (Some(offset), Some(epoch)) => {
                    format!(
                        "{{\"room\":\"{name}\",\"position\":{{\"epoch\":\"{epoch}\",\"offset\":{offset}}}}}"
                    )
                }
                (None, _) | (_, None) => format!("{{\"room\":\"{name}\"}}"),
            }
        });
        format!("420[\"subscribe_many\",{{\"rooms\":[{}]}}]", rooms.collect::<Vec<_>>().join(","))
    }

    pub(super) fn on_joined(&mut self, at: usize, body: &[u8]) -> Result<(), String> {
        let answer = packet::joined(body).map_err(|e| format!("the answer to subscribe_many: {e}"))?;
        let rooms = &self.rooms;
        let tracks: HashMap<&str, &mut Track> = self.members[at]
            .rooms
            .iter_mut()
            .map(|(room, track)| (rooms[*room as usize].as_str(), track))
            .collect();
        let mut expected = tracks;
        let joins = &mut self.tally.joins;
        for joined in answer.results {
            if !joined.success {
                return Err(format!("subscribing was refused: {}", joined.code.unwrap_or("no code")));
            }
            let Some(track) = joined.room.and_then(|room| expected.remove(room)) else {
                return Err("the answer to subscribe_many names a room that was not asked for".into());
            };
            if let Some(epoch) = joined.epoch
                && self.epoch.is_none()
            {
                self.epoch = Some(epoch.to_owned());
            }
            joins.events += joined.events.len() as u64;
            if joined.recovered {
                joins.recovered += 1;
                joins.dishonest += u64::from(!leads_to(&self.scanner, track, &joined));
            } else if track.position().is_some() {
                joins.refused += 1;
            }
            track.join(joined.offset);
        }
        if !expected.is_empty() {
            return Err(format!(
                "subscribing was refused: {}",
                answer.code.unwrap_or("rooms are missing in the answer")
            ));
        }
        Ok(())
    }
}

/// Whether the recovered events are exactly those between the position and the answer's offset.
pub(super) fn leads_to(scanner: &Scanner, track: &Track, joined: &packet::Joined<'_>) -> bool {
    let (Some(position), Some(room)) = (track.position(), joined.room) else { return false };
    let offsets = joined.events.iter().map(|event| {
        let sighting = scanner.look(event.get().as_bytes());
        sighting
            .and_then(|s| s.offsets().find(|(name, _)| *name == room.as_bytes()))
            .map(|(_, offset)| offset)
    });
    offsets.eq((position + 1..=joined.offset).map(Some))
}
