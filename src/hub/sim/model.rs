//! The database, as a model: what was committed, and what was true at every moment in between.
//!
//! It keeps the promises that the store's own tests show of the real one: a change and its event are
//! one step, offsets are dense and in commit order, and a read sees one moment. Unlike a database it
//! remembers every moment, which is what the oracle compares with.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex},
};

use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{
    hub::lock,
    protocol::{
        CampaignId, EntityKind, EntityUpdated, Envelope, Epoch, Event, MembershipChanged, Metadata, Offset,
        Offsets, Operation, Role, Room, Root, SettlementId, SettlementUpdated, Timestamp, UserId,
    },
    store::{LoggedEvent, Page, RoomState, Snapshot},
};

/// What a writer may do to a campaign.
pub enum Change {
    Campaign,
    Settlement(SettlementId),
    DeleteSettlement(SettlementId),
    Remove(UserId),
    Grant(UserId),
}

/// What was true of a campaign between one event and the next.
#[derive(Clone)]
pub struct Moment {
    pub members: BTreeSet<UserId>,
    pub heads: BTreeMap<Room, u64>,
    pub closed: BTreeSet<Room>,
}

/// A campaign's log in one epoch.
#[derive(Clone)]
pub struct Campaign {
    pub id: CampaignId,
    pub settlements: Vec<SettlementId>,
    /// The event with the root's offset n stands at n - 1.
    pub events: Vec<Arc<LoggedEvent>>,
    /// The moment after the root's offset n stands at n.
    pub moments: Vec<Moment>,
    /// The events up to this offset of the root are no longer held.
    pub trimmed: usize,
}

pub struct Model(Mutex<State>);

struct State {
    epochs: u64,
    campaigns: Vec<Campaign>,
    past: BTreeMap<Epoch, Vec<Campaign>>,
}

impl State {
    fn epoch(&self) -> Epoch {
        epoch(self.epochs)
    }
}

fn epoch(number: u64) -> Epoch {
    format!("epoch-{number}").parse().expect("an epoch")
}

impl Model {
    /// Campaigns with two settlements each, and all the users in each of them.
    pub fn new(campaigns: usize, users: &[UserId]) -> Self {
        let campaign = |number: usize| {
            let id = |part: usize| Uuid::from_u128((number * 16 + part + 1) as u128);
            let (campaign, settlements) =
                (CampaignId::from_uuid(id(0)), [1, 2].map(|part| SettlementId::from_uuid(id(part))));
            let mut heads: BTreeMap<Room, u64> =
                settlements.iter().map(|id| (Room::Settlement(*id), 0)).collect();
            heads.insert(Room::Campaign(campaign), 0);
            let members = users.iter().cloned().collect();
            let moments = vec![Moment { members, heads, closed: BTreeSet::new() }];
            Campaign { id: campaign, settlements: settlements.to_vec(), events: vec![], moments, trimmed: 0 }
        };
        let campaigns = (0..campaigns).map(campaign).collect();
        Self(Mutex::new(State { epochs: 1, campaigns, past: BTreeMap::new() }))
    }

    pub fn epoch(&self) -> Epoch {
        lock(&self.0).epoch()
    }

    /// Looks at a campaign's log in the epoch, if there was such a log.
    pub fn look<T>(&self, epoch: &Epoch, root: &Root, at: impl FnOnce(&Campaign) -> T) -> Option<T> {
        let state = lock(&self.0);
        let campaigns = if *epoch == state.epoch() { Some(&state.campaigns) } else { state.past.get(epoch) };
        campaigns?.iter().find(|campaign| campaign.root() == *root).map(at)
    }

    /// As [`Model::look`], in the present epoch.
    pub fn look_now<T>(&self, number: usize, at: impl FnOnce(&Campaign) -> T) -> T {
        at(&lock(&self.0).campaigns[number])
    }

    /// Commits a change; `None` when it would change nothing that exists.
    pub fn commit(&self, number: usize, change: Change, at: Timestamp) -> Option<Arc<LoggedEvent>> {
        let mut state = lock(&self.0);
        let epoch = state.epoch();
        state.campaigns[number].commit(change, &epoch, at)
    }

    /// Forgets the events of a campaign up to that offset of the root.
    pub fn trim(&self, number: usize, upto: usize) {
        let campaign = &mut lock(&self.0).campaigns[number];
        campaign.trimmed = upto.min(campaign.events.len());
    }

    /// The database comes back from a dump that is older by up to so many events in each campaign.
    pub fn restore(&self, mut lost: impl FnMut() -> usize) {
        let mut state = lock(&self.0);
        let (epoch, campaigns) = (state.epoch(), state.campaigns.clone());
        state.past.insert(epoch, campaigns);
        state.epochs += 1;
        for campaign in &mut state.campaigns {
            let kept = campaign.events.len().saturating_sub(lost());
            campaign.events.truncate(kept);
            campaign.moments.truncate(kept + 1);
            // A new epoch begins without events.
            campaign.trimmed = kept;
        }
    }

    pub fn roots_of(&self, rooms: &[Room]) -> Vec<Option<Root>> {
        let state = lock(&self.0);
        let root = |room: &Room| {
            let holds = |campaign: &&Campaign| campaign.now().heads.contains_key(room);
            room.as_root().or_else(|| state.campaigns.iter().find(holds).map(Campaign::root))
        };
        rooms.iter().map(root).collect()
    }

    pub fn snapshot(&self, root: &Root, rooms: &[Room], users: &[UserId]) -> Snapshot {
        let state = lock(&self.0);
        let mut snapshot = Snapshot { epoch: state.epoch(), rooms: HashMap::new(), roles: HashMap::new() };
        for campaign in &state.campaigns {
            for room in rooms {
                if let Some(room_state) = campaign.room_state(room) {
                    snapshot.rooms.insert(room.clone(), room_state);
                }
            }
            if campaign.root() == *root {
                let members = users.iter().filter(|user| campaign.now().members.contains(user));
                snapshot.roles = members.map(|user| (user.clone(), Role::Viewer)).collect();
            }
        }
        snapshot
    }

    pub fn heads(&self, roots: &[Root]) -> (Epoch, HashMap<Root, Offset>) {
        let state = lock(&self.0);
        let found = state.campaigns.iter().filter(|campaign| roots.contains(&campaign.root()));
        (state.epoch(), found.map(|campaign| (campaign.root(), Offset(campaign.head() as u64))).collect())
    }

    pub fn page_of_room(&self, room: &Room, after: Offset, limit: u32) -> Option<Page> {
        let state = lock(&self.0);
        let campaign = state.campaigns.iter().find(|campaign| campaign.now().heads.contains_key(room))?;
        let room_state = campaign.room_state(room)?;
        let mut events = Vec::new();
        if after >= room_state.floor {
            events.extend(campaign.events_after(room, after).take(limit as usize).cloned());
        }
        Some(Page { epoch: state.epoch(), state: room_state, events })
    }
}

impl Campaign {
    pub fn root(&self) -> Root {
        Root::Campaign(self.id)
    }

    /// The offset of the root's last event.
    pub fn head(&self) -> usize {
        self.events.len()
    }

    pub fn now(&self) -> &Moment {
        &self.moments[self.head()]
    }

    /// The room's envelopes after the offset, as a client should have been sent them.
    pub fn envelopes(&self, room: &Room, after: Offset, upto: Offset) -> Vec<Arc<RawValue>> {
        let upto = |event: &&Arc<LoggedEvent>| event.offsets.get(room).is_some_and(|offset| offset <= upto);
        self.events_after(room, after).take_while(upto).map(|event| event.json.clone()).collect()
    }

    fn events_after(&self, room: &Room, after: Offset) -> impl Iterator<Item = &Arc<LoggedEvent>> {
        self.events.iter().filter(move |event| event.offsets.get(room).is_some_and(|offset| offset > after))
    }

    fn floor(&self, room: &Room) -> Offset {
        Offset(self.moments[self.trimmed].heads.get(room).copied().unwrap_or(0))
    }

    fn room_state(&self, room: &Room) -> Option<RoomState> {
        let head = Offset(*self.now().heads.get(room)?);
        let closed = self.now().closed.contains(room);
        Some(RoomState { root: self.root(), head, floor: self.floor(room), closed })
    }

    fn commit(&mut self, change: Change, epoch: &Epoch, at: Timestamp) -> Option<Arc<LoggedEvent>> {
        let mut next = self.now().clone();
        let is_open = |id: &SettlementId| !next.closed.contains(&Room::Settlement(*id));
        let event = match change {
            Change::Campaign => Event::EntityUpdated(EntityUpdated {
                entity_type: EntityKind::Campaign,
                entity_id: self.id.to_string(),
                campaign_id: self.id,
                operation: Operation::Update,
                version: self.head() as u64 + 1,
                changed_fields: vec![],
                entity_data: None,
            }),
            Change::Settlement(id) if is_open(&id) => self.settlement(id, Operation::Update),
            Change::DeleteSettlement(id) if is_open(&id) => {
                next.closed.insert(Room::Settlement(id));
                self.settlement(id, Operation::Delete)
            }
            Change::Remove(user) if next.members.remove(&user) => self.membership(user, None),
            Change::Grant(user) if next.members.insert(user.clone()) => {
                self.membership(user, Some(Role::Viewer))
            }
            Change::Settlement(_) | Change::DeleteSettlement(_) | Change::Remove(_) | Change::Grant(_) => {
                return None;
            }
        };
        let mut place = |room: Room| {
            let head = next.heads.get_mut(&room).expect("a room of the campaign");
            *head += 1;
            (room, Offset(*head))
        };
        let offsets = Offsets(event.rooms().into_iter().map(&mut place).collect());
        let envelope = Envelope {
            v: 1,
            id: format!("{epoch}.{}.{}", self.id, self.head() + 1).parse().expect("an id"),
            timestamp: at,
            epoch: epoch.clone(),
            offsets,
            metadata: Metadata {
                user_id: "writer".parse().expect("a user"),
                source: "api".into(),
                correlation_id: "simulated".into(),
                request_id: None,
            },
            event,
        };
        let event = Arc::new(LoggedEvent::from_envelope(&envelope).expect("an event"));
        self.events.push(event.clone());
        self.moments.push(next);
        Some(event)
    }

    fn settlement(&self, settlement_id: SettlementId, operation: Operation) -> Event {
        Event::SettlementUpdated(SettlementUpdated {
            settlement_id,
            campaign_id: self.id,
            operation,
            version: self.head() as u64 + 1,
            changed_fields: vec![],
            settlement_data: None,
        })
    }

    fn membership(&self, user_id: UserId, role: Option<Role>) -> Event {
        Event::MembershipChanged(MembershipChanged { campaign_id: self.id, user_id, role })
    }
}
