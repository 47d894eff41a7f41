//! How much of the log is kept: by age and by count, whichever holds more.

use std::{collections::HashMap, time::Duration};

use fanfare::{
    protocol::{Event, Offset, Operation, Room, Root, Timestamp},
    store::{Deleted, NewEvent, Retention, Store, settlements::SettlementRow, structures::StructureRow},
};
use proptest::prelude::*;

use super::{Fixture, campaign_event, cases, commit_one, origin, settlement_event, structure_event, user};

const HOUR: Duration = Duration::from_secs(3600);

fn now(fixture: &Fixture) -> Timestamp {
    fixture.clock.now().into()
}

async fn record(store: &Store, event: Event) {
    let mut tx = store.begin().await.unwrap();
    tx.record(event, &origin("anna")).await.unwrap();
    tx.commit().await.unwrap();
}

async fn the_larger_of_age_and_count_is_kept(fixture: Fixture) {
    let campaign = fixture.campaign().await;
    let settlement = fixture.settlement(campaign).await;
    let (root, room) = (Root::Campaign(campaign), Room::Settlement(settlement.id));
    for n in 0..28 {
        let quiet = campaign_event(campaign, Operation::Update, 2);
        record(&fixture.store, if n < 4 { settlement_event(&settlement, Operation::Update) } else { quiet })
            .await;
    }
    let keep = Retention { age: HOUR, count: 10 };
    // Nothing is old.
    assert_eq!(fixture.store.delete_expired(keep, now(&fixture)).await.unwrap(), Deleted::default());
    // Everything is old, but the last ten of each room stay; the settlement has but five.
    fixture.hand.advance(2 * HOUR);
    let deleted = fixture.store.delete_expired(keep, now(&fixture)).await.unwrap();
    assert_eq!(deleted, Deleted { events: 15, ..Deleted::default() });
    fixture.assert_sound().await;
    let page = fixture.store.page_of_room(&root.room(), Offset(20), 100).await.unwrap().unwrap();
    assert_eq!((page.state.floor, page.state.head, page.events.len()), (Offset(20), Offset(30), 10));
    // What was cut off is told apart from what never was: the state says so, and no events come.
    let page = fixture.store.page_of_room(&root.room(), Offset(19), 100).await.unwrap().unwrap();
    assert_eq!((page.state.floor, page.events.len()), (Offset(20), 0));
    assert_eq!(fixture.store.events_of_room(&room, Offset(0), 100).await.unwrap().len(), 5);
    // What is young stays, however much it is.
    for _ in 0..30 {
        commit_one(&fixture.store, campaign).await.unwrap();
    }
    let deleted = fixture.store.delete_expired(keep, now(&fixture)).await.unwrap();
    assert_eq!(deleted.events, 10);
    let page = fixture.store.page_of_room(&root.room(), Offset(30), 100).await.unwrap().unwrap();
    assert_eq!((page.state.floor, page.events.len()), (Offset(30), 30));
    assert_eq!(fixture.store.events_of_room(&room, Offset(0), 100).await.unwrap().len(), 5);
    fixture.assert_sound().await;
}

async fn large_logs_go_in_batches_while_others_write(fixture: Fixture) {
    let campaign = fixture.campaign().await;
    for batch in 0..3 {
        let new = |n| NewEvent {
            id: format!("{batch}-{n}").parse().unwrap(),
            event: campaign_event(campaign, Operation::Update, 2),
            origin: origin("rules"),
        };
        let mut tx = fixture.store.begin().await.unwrap();
        tx.record_all((0..500).map(new).collect()).await.unwrap();
        tx.commit().await.unwrap();
    }
    fixture.hand.advance(2 * HOUR);
    let (store, moment) = (fixture.another().await, now(&fixture));
    let keeper =
        tokio::spawn(async move { store.delete_expired(Retention { age: HOUR, count: 3 }, moment).await });
    for _ in 0..20 {
        commit_one(&fixture.store, campaign).await.unwrap();
    }
    let deleted = keeper.await.unwrap().unwrap();
    assert!((1_498..=1_501).contains(&deleted.events), "{deleted:?}");
    fixture.assert_sound().await;
}

async fn closed_rooms_are_forgotten_once_they_are_old(fixture: Fixture) {
    let campaign = fixture.campaign().await;
    let settlement = fixture.settlement(campaign).await;
    let structure = fixture.structure(&settlement).await;
    let keep = Retention { age: HOUR, count: 100 };
    remove(&fixture.store, &structure).await;
    let room = Room::Structure(structure.id);
    assert_eq!(fixture.store.delete_expired(keep, now(&fixture)).await.unwrap().rooms, 0);
    fixture.hand.advance(2 * HOUR);
    assert_eq!(fixture.store.delete_expired(keep, now(&fixture)).await.unwrap().rooms, 1);
    assert!(fixture.store.page_of_room(&room, Offset(0), 10).await.unwrap().is_none());
    // Its events stay in the campaign's log, which holds the last hundred.
    assert_eq!(
        fixture.store.events_of_root(&Root::Campaign(campaign), Offset(0), 10).await.unwrap().len(),
        4
    );
    fixture.assert_sound().await;

    let mut tx = fixture.store.begin().await.unwrap();
    fanfare::store::campaigns::delete(&mut tx, campaign).await.unwrap();
    tx.record(campaign_event(campaign, Operation::Delete, 2), &origin("anna")).await.unwrap();
    tx.commit().await.unwrap();
    fixture.hand.advance(2 * HOUR);
    fixture.store.delete_expired(keep, now(&fixture)).await.unwrap();
    fixture.assert_sound().await;
    assert_eq!(fixture.contents().await, [""; 0]);
}

async fn remove(store: &Store, row: &StructureRow) {
    let mut tx = store.begin().await.unwrap();
    fanfare::store::structures::delete(&mut tx, row.campaign_id, row.id).await.unwrap();
    tx.record(structure_event(row, Operation::Delete), &origin("anna")).await.unwrap();
    tx.commit().await.unwrap();
}

async fn answers_are_forgotten_after_a_day(fixture: Fixture) {
    for n in 0..3 {
        let (anna, request) = (user("anna"), format!("r-{n}").parse().unwrap());
        let mut tx = fixture.store.begin().await.unwrap();
        assert_eq!(tx.remembered(&anna, &request).await.unwrap(), None);
        tx.remember(&anna, &request, "1".into()).await.unwrap();
        tx.commit().await.unwrap();
        fixture.hand.advance(12 * HOUR);
    }
    let deleted = fixture.store.delete_expired(Retention::default(), now(&fixture)).await.unwrap();
    assert_eq!(deleted, Deleted { requests: 2, ..Deleted::default() });
}

/// One step of a history.
#[derive(Debug, Clone)]
enum Step {
    Campaign,
    Settlement(usize),
    Wait(u64),
    Delete { age: u64, count: u32 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Campaign),
        4 => (0..3_usize).prop_map(Step::Settlement),
        2 => (1..90_u64).prop_map(Step::Wait),
        1 => (1..120_u64, 0..6_u32).prop_map(|(age, count)| Step::Delete { age, count }),
    ]
}

/// A room as it should be: when each of its events came, and how many are cut off.
#[derive(Default)]
struct Model {
    events: Vec<Timestamp>,
    floor: usize,
}

impl Model {
    fn delete(&mut self, cutoff: Timestamp, count: usize) {
        let last = self.events.len().saturating_sub(count);
        while self.floor < last && self.events[self.floor] < cutoff {
            self.floor += 1;
        }
    }
}

async fn follow(steps: Vec<Step>) {
    let fixture = Fixture::sqlite().await;
    let campaign = fixture.campaign().await;
    let mut rows: Vec<SettlementRow> = Vec::new();
    let mut rooms: HashMap<Room, Model> = HashMap::new();
    rooms.entry(Room::Campaign(campaign)).or_default().events.push(now(&fixture));
    for _ in 0..3 {
        let row = fixture.settlement(campaign).await;
        for room in [Room::Campaign(campaign), Room::Settlement(row.id)] {
            rooms.entry(room).or_default().events.push(now(&fixture));
        }
        rows.push(row);
    }
    for step in steps {
        let event = match step {
            Step::Campaign => campaign_event(campaign, Operation::Update, 2),
            Step::Settlement(n) => settlement_event(&rows[n], Operation::Update),
            Step::Wait(seconds) => {
                fixture.hand.advance(Duration::from_secs(seconds));
                continue;
            }
            Step::Delete { age, count } => {
                let keep = Retention { age: Duration::from_secs(age), count };
                fixture.store.delete_expired(keep, now(&fixture)).await.unwrap();
                let cutoff = now(&fixture).plus_millis(-(age as i64) * 1_000).unwrap();
                rooms.values_mut().for_each(|room| room.delete(cutoff, count as usize));
                continue;
            }
        };
        for room in event.rooms() {
            rooms.get_mut(&room).unwrap().events.push(now(&fixture));
        }
        record(&fixture.store, event).await;
    }
    for (room, model) in &rooms {
        let floor = Offset(model.floor as u64);
        let page = fixture.store.page_of_room(room, floor, 1_000).await.unwrap().unwrap();
        assert_eq!((page.state.floor, page.state.head), (floor, Offset(model.events.len() as u64)), "{room}");
        let times: Vec<Timestamp> = page.events.iter().map(|event| event.timestamp).collect();
        assert_eq!(times, model.events[model.floor..], "{room}");
    }
    fixture.assert_sound().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_history_ends_as_the_model_says(steps in proptest::collection::vec(step(), 1..50)) {
        tokio::runtime::Runtime::new().unwrap().block_on(follow(steps));
    }
}

cases! {
    the_larger_of_age_and_count_is_kept,
    large_logs_go_in_batches_while_others_write,
    closed_rooms_are_forgotten_once_they_are_old,
    answers_are_forgotten_after_a_day,
}
