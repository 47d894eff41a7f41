//! What watchers are told, whoever comes and goes wherever.

use std::sync::Mutex;

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{
    hub::outlet::{Broadcast, RoomHead},
    protocol::{CampaignId, Root, UnsubscribeCode},
};

/// A watcher that applies what it is told.
struct Watcher {
    id: ConnectionId,
    user: UserId,
    told: Mutex<Vec<Presence>>,
}

impl Watcher {
    fn new() -> Arc<Self> {
        let id = ConnectionId::from_uuid(Uuid::from_u128(1));
        Arc::new(Self { id, user: user("watcher"), told: Mutex::default() })
    }

    fn told(&self) -> Vec<(Vec<UserId>, Vec<UserId>)> {
        let told = std::mem::take(&mut *self.told.lock().unwrap());
        told.into_iter()
            .map(|p| (p.joined.or(p.members).unwrap_or_default(), p.left.unwrap_or_default()))
            .collect()
    }
}

impl Outlet for Watcher {
    fn connection(&self) -> ConnectionId {
        self.id
    }
    fn user(&self) -> &UserId {
        &self.user
    }
    fn deliver(&self, _: &Broadcast) {}
    fn flush(&self) {}
    fn notify(&self, notice: &Notice) {
        if let Notice::Presence(presence) = notice {
            self.told.lock().unwrap().push(presence.clone());
        }
    }
    fn joined(&self, _: &Root, _: &Room, _: &Arc<RoomHead>) {}
    fn withdrawn(&self, _: &Room) {}
    fn removed(&self, _: &Room, _: UnsubscribeCode) {}
}

fn user(name: &str) -> UserId {
    name.parse().unwrap()
}

fn users(names: &[&str]) -> Vec<UserId> {
    names.iter().map(|name| user(name)).collect()
}

fn room() -> Room {
    Room::Campaign(CampaignId::from_uuid(Uuid::nil()))
}

fn news(instance: &str, joined: &[&str], left: &[&str]) -> News {
    News { room: room(), instance: instance.into(), joined: users(joined), left: users(left) }
}

// req: B21 B22
#[test]
fn a_user_on_two_instances_is_one_user() {
    let mut attendance = Attendance::new(10, true);
    let watcher = Watcher::new();
    attendance.arrived(&room(), &user("ada"));
    let elsewhere = Elsewhere::from([("b".into(), BTreeSet::from_iter(users(&["ada", "ben"])))]);
    attendance.watch(&room(), watcher.clone(), Some(elsewhere));
    assert_eq!(watcher.told(), [(users(&["ada", "ben"]), vec![])]);
    attendance.departed(&room(), &user("ada"));
    attendance.tell();
    assert_eq!(watcher.told(), [], "still on the other instance");
    attendance.changed_elsewhere(news("c", &["ben"], &[]));
    attendance.changed_elsewhere(news("b", &["cleo"], &["ada", "ben"]));
    attendance.tell();
    assert_eq!(watcher.told(), [(users(&["cleo"]), users(&["ada"]))]);
    attendance.learned_elsewhere(&room(), Elsewhere::new());
    attendance.tell();
    assert_eq!(watcher.told(), [(vec![], users(&["ben", "cleo"]))]);
}

#[test]
fn other_instances_are_told_what_remains_of_a_tick() {
    let mut attendance = Attendance::new(10, true);
    assert!(!attendance.has_news());
    for name in ["ada", "ada", "ben"] {
        attendance.arrived(&room(), &user(name));
    }
    attendance.departed(&room(), &user("ben"));
    attendance.departed(&room(), &user("ada"));
    assert!(attendance.has_news());
    assert_eq!(attendance.take_unshared(), [(room(), users(&["ada"]), vec![])]);
    assert!(!attendance.has_news());
    attendance.departed(&room(), &user("ada"));
    assert_eq!(attendance.take_unshared(), [(room(), vec![], users(&["ada"]))]);
    attendance.arrived(&Room::Instances, &user("instance"));
    assert!(!attendance.has_news());
    assert_eq!(attendance.here().count(), 0);
    let mut alone = Attendance::new(10, false);
    alone.arrived(&room(), &user("ada"));
    assert!(!alone.has_news() && alone.take_unshared().is_empty());
}

#[derive(Debug, Clone)]
enum Step {
    Arrive(u8),
    Depart(u8),
    News(u8, Vec<u8>, Vec<u8>),
    Learn(Vec<(u8, u8)>),
    Tell,
}

fn step() -> impl Strategy<Value = Step> {
    let some = || proptest::collection::vec(0_u8..4, 0..3);
    prop_oneof![
        3 => (0_u8..4).prop_map(Step::Arrive),
        3 => (0_u8..4).prop_map(Step::Depart),
        3 => (0_u8..3, some(), some()).prop_map(|(i, joined, left)| Step::News(i, joined, left)),
        1 => proptest::collection::vec((0_u8..3, 0_u8..4), 0..6).prop_map(Step::Learn),
        3 => Just(Step::Tell),
    ]
}

proptest! {
    /// Whatever happens in whatever order, a watcher who applies what it is told knows who is there, and is
    /// never told that somebody came who was there, or left who was not.
    #[test]
    fn a_watcher_knows_who_is_there(steps in proptest::collection::vec(step(), 0..60)) {
        let name = |number: u8| user(&format!("user-{number}"));
        let mut attendance = Attendance::new(100, true);
        let watcher = Watcher::new();
        attendance.watch(&room(), watcher.clone(), None);
        watcher.told();
        let mut here: HashMap<u8, u32> = HashMap::new();
        let mut elsewhere: BTreeSet<(u8, u8)> = BTreeSet::new();
        let mut known: BTreeSet<UserId> = BTreeSet::new();
        for step in steps.into_iter().chain([Step::Tell]) {
            match step {
                Step::Arrive(number) => {
                    *here.entry(number).or_insert(0) += 1;
                    attendance.arrived(&room(), &name(number));
                }
                Step::Depart(number) => {
                    let count = here.entry(number).or_insert(0);
                    *count = count.saturating_sub(1);
                    attendance.departed(&room(), &name(number));
                }
                Step::News(instance, joined, left) => {
                    elsewhere.extend(joined.iter().map(|number| (instance, *number)));
                    for number in &left {
                        elsewhere.remove(&(instance, *number));
                    }
                    attendance.changed_elsewhere(News {
                        room: room(),
                        instance: instance.to_string(),
                        joined: joined.into_iter().map(name).collect(),
                        left: left.into_iter().map(name).collect(),
                    });
                }
                Step::Learn(members) => {
                    elsewhere = members.into_iter().collect();
                    let mut learned = Elsewhere::new();
                    for (instance, number) in &elsewhere {
                        learned.entry(instance.to_string()).or_default().insert(name(*number));
                    }
                    attendance.learned_elsewhere(&room(), learned);
                }
                Step::Tell => {
                    attendance.tell();
                    for (joined, left) in watcher.told() {
                        for user in joined {
                            prop_assert!(known.insert(user));
                        }
                        for user in left {
                            prop_assert!(known.remove(&user));
                        }
                    }
                    let present = here.iter().filter(|(_, count)| **count > 0).map(|(number, _)| *number);
                    let everybody = present.chain(elsewhere.iter().map(|(_, number)| *number));
                    prop_assert_eq!(&known, &everybody.map(name).collect::<BTreeSet<_>>());
                }
            }
        }
    }
}
