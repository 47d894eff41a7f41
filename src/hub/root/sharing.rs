//! Presence of a root's rooms: telling watchers and other instances who came and who went.

use super::{PRESENCE_TICK, RootTask};
use crate::hub::{presence::Cluster, time};

impl RootTask {
    /// Does what is due: differences are told once a tick, who is here is written again from time to time,
    /// and other instances are listened to for as long as somebody watches.
    pub(super) fn tell_presence(&mut self) {
        let now = time::now();
        let state = &mut self.state;
        let attendance = &mut state.family.attendance;
        match state.presence_due {
            Some(due) if due <= now => {
                state.presence_due = None;
                attendance.tell();
                let unshared = attendance.take_unshared();
                if let Some(cluster) = &self.presence {
                    for (room, joined, left) in unshared {
                        cluster.changed(&self.root, room, joined, left);
                    }
                }
            }
            None if attendance.has_news() => state.presence_due = Some(now + PRESENCE_TICK),
            Some(_) | None => {}
        }
        let Some(cluster) = &self.presence else { return };
        match (attendance.is_anybody_here(), state.refresh_due) {
            (false, _) => state.refresh_due = None,
            (true, None) => state.refresh_due = Some(now + Cluster::refresh_after()),
            (true, Some(due)) if due <= now => {
                for (room, users) in attendance.here() {
                    cluster.still_here(room.clone(), users);
                }
                state.refresh_due = Some(now + Cluster::refresh_after());
            }
            (true, Some(_)) => {}
        }
        match (attendance.is_watched(), &state.elsewhere) {
            (true, None) => {
                let task = self.own.upgrade();
                state.elsewhere = task.map(|task| cluster.watch(&self.root, task));
            }
            (false, Some(_)) => state.elsewhere = None,
            (true, Some(_)) | (false, None) => {}
        }
    }

    /// Writes and tells who is here as if everybody had come just now: Redis may have forgotten, and other
    /// instances may not have heard. For who knows it already it is no news.
    pub(super) fn share_presence_anew(&self) {
        let Some(cluster) = &self.presence else { return };
        for (room, users) in self.state.family.attendance.here() {
            cluster.changed(&self.root, room.clone(), users, Vec::new());
        }
    }

    /// Has the rooms that somebody watches read; what is found comes as a request.
    pub(super) fn read_presence(&self) {
        if let (Some(cluster), Some(task)) = (&self.presence, self.own.upgrade()) {
            cluster.read_for(self.state.family.attendance.watched_rooms(), task);
        }
    }
}
