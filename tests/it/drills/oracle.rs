//! Compares what every viewer went through with the log in the database.

use std::collections::{BTreeMap, HashMap, HashSet};

use fanfare::store::LoggedEvent;
use serde_json::Value;

use super::{
    cluster::Cluster,
    viewer::{Record, Step, Viewer},
};

/// The log, by room, as the database holds it now, and what was lost of earlier epochs.
pub struct Oracle {
    logs: HashMap<String, BTreeMap<u64, Logged>>,
    /// For each user, the offsets of the campaign between which it was no member: after a removal, up to a grant.
    away: HashMap<String, Vec<(u64, u64)>>,
    epoch: String,
    requests: BTreeMap<String, usize>,
}

#[derive(Debug)]
struct Logged {
    id: String,
    epoch: String,
}

impl Oracle {
    /// Reads the whole log.
    pub async fn read(cluster: &Cluster) -> Self {
        let (mut logs, mut requests) = (HashMap::new(), BTreeMap::new());
        let mut away: HashMap<String, Vec<(u64, u64)>> = HashMap::new();
        for room in cluster.rooms() {
            let mut log = BTreeMap::new();
            for event in cluster.log(&room).await {
                let envelope: Value = serde_json::from_str(event.json.get()).expect("an envelope");
                let epoch = envelope["epoch"].as_str().expect("an epoch").to_owned();
                let offset = event.offsets.get(&room).expect("an event of the room");
                log.insert(offset.0, Logged { id: event.id.to_string(), epoch });
                if room.as_root().is_some() {
                    note_request(&envelope, &mut requests);
                    note_membership(&event, &envelope, &mut away);
                }
            }
            logs.insert(room.to_string(), log);
        }
        let epoch = cluster.store.epoch().to_string();
        Self { logs, away, epoch, requests }
    }

    /// What of the viewers' stories cannot be: nothing, if every promise was kept.
    pub fn judge(&self, viewers: &[Viewer]) -> Vec<String> {
        let mut findings = Vec::new();
        for viewer in viewers {
            let record = viewer.record();
            for (room, seat) in &record.seats {
                let mut find = |what: String| {
                    findings.push(format!("viewer {} in {room}: {what}", viewer.manner.number))
                };
                if seat.early > 0 {
                    find(format!("I4: {} events came before their turn", seat.early));
                }
                if seat.behind_heads > 0 {
                    find(format!("I4: {} times the head was ahead of what had come", seat.behind_heads));
                }
                self.follow(room, &viewer.manner.user, &seat.steps, &mut find);
            }
        }
        findings
    }

    fn follow(&self, room: &str, user: &str, steps: &[Step], find: &mut impl FnMut(String)) {
        let log = &self.logs[room];
        let nowhere = Vec::new();
        let away = self.away.get(user).unwrap_or(&nowhere);
        // Where the viewer stands, and up to where it was told that it has everything.
        let (mut at, mut promised): (Option<(String, u64)>, u64) = (None, 0);
        let mut seen = HashSet::new();
        for step in steps {
            match step {
                Step::Entered { epoch, offset, recovered: true } => {
                    if at.as_ref().is_none_or(|(before, _)| before != epoch) {
                        find(format!("I7: recovered from {at:?} to {offset} of {epoch}"));
                    }
                    promised = *offset;
                }
                Step::Entered { epoch, offset, recovered: false } => {
                    at = Some((epoch.clone(), *offset));
                    promised = *offset;
                }
                Step::Event { epoch, offset, root_offset, id } => {
                    match &at {
                        Some((before, last)) if before == epoch && *offset == last + 1 => {}
                        other => find(format!("I4: event {offset} of {epoch} after {other:?}")),
                    }
                    if !seen.insert(id.clone()) {
                        find(format!("I4: event {id} twice"));
                    }
                    let logged = log.get(offset);
                    // What was restored away was true when it was sent.
                    if *epoch == self.epoch
                        && logged.is_none_or(|logged| logged.id != *id || logged.epoch != *epoch)
                    {
                        find(format!("I3: event {offset} {id} of {epoch}, the log holds {logged:?}"));
                    }
                    if *epoch == self.epoch
                        && let Some((removed, granted)) = away
                            .iter()
                            .find(|(removed, granted)| root_offset > removed && root_offset <= granted)
                    {
                        find(format!("I8: event {root_offset} while out from {removed} to {granted}"));
                    }
                    at = Some((epoch.clone(), *offset));
                }
                Step::Stale(_) | Step::Removed(_) => {
                    if at.as_ref().is_some_and(|(_, last)| *last < promised) {
                        find(format!("I7: told to have {promised}, had {at:?}"));
                    }
                    (at, promised) = (None, 0);
                }
                Step::Refused(code) => {
                    if code == "not_found" {
                        (at, promised) = (None, 0);
                    }
                }
            }
        }
        if at.as_ref().is_some_and(|(_, last)| *last < promised) {
            find(format!("I7: told to have {promised}, has {at:?}"));
        }
    }

    /// Which of the acknowledged requests have not exactly one event (I1, I12).
    pub fn judge_requests(&self, acknowledged: &[String]) -> Vec<String> {
        let count = |request: &String| self.requests.get(request).copied().unwrap_or(0);
        let wrong = acknowledged.iter().filter(|request| count(request) != 1);
        let mut findings: Vec<String> =
            wrong.map(|request| format!("I1: {} events for the request {request}", count(request))).collect();
        let repeated = self.requests.iter().filter(|(_, count)| **count > 1);
        findings.extend(repeated.map(|(request, count)| format!("I1: {count} events for {request}")));
        findings
    }
}

/// The settlements as the viewer shows them that differ from the database.
pub fn wrong_state(record: &Record, truth: &HashMap<String, (u64, String)>) -> Vec<String> {
    let shown = record.state.iter();
    let wrong = shown.filter(|(id, shown)| truth.get(*id).is_some_and(|truth| truth != *shown));
    wrong.map(|(id, shown)| format!("{id} is shown as {shown:?}, it is {:?}", truth[id])).collect()
}

fn note_request(envelope: &Value, requests: &mut BTreeMap<String, usize>) {
    if let Some(request) = envelope["metadata"]["requestId"].as_str() {
        *requests.entry(request.to_owned()).or_default() += 1;
    }
}

fn note_membership(event: &LoggedEvent, envelope: &Value, away: &mut HashMap<String, Vec<(u64, u64)>>) {
    if envelope["type"] != "membership_changed" {
        return;
    }
    let user = envelope["payload"]["userId"].as_str().expect("a user").to_owned();
    let offset = event.offset().0;
    let times = away.entry(user).or_default();
    match (envelope["payload"]["role"].is_null(), times.last_mut()) {
        (true, _) => times.push((offset, u64::MAX)),
        (false, Some(last)) if last.1 == u64::MAX => last.1 = offset,
        (false, _) => {}
    }
}
