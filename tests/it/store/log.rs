//! Offsets, order, visibility and the identity of the log.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use fanfare::{
    protocol::{Effect, Epoch, EventId, EventType, Offset, Operation, Role, Room, Root, SettlementId},
    store::{NewEvent, Recorded, StoreError, members, structures},
};
use tokio::{task::JoinSet, time::timeout};

use super::{
    Fixture, SOON, campaign_event, cases, commit_one, membership_event, origin, settlement_event,
    settlement_row, structure_event, user,
};

// req: N15
async fn concurrent_committers_get_dense_offsets_in_commit_order(fixture: Fixture) {
    const WRITERS: u64 = 16;
    const EACH: u64 = 15;
    let campaign = fixture.campaign().await;
    let (first, second) = (fixture.settlement(campaign).await, fixture.settlement(campaign).await);
    let (root, start) = (Root::Campaign(campaign), 3);
    let other = fixture.another().await;
    let done = Arc::new(AtomicBool::new(false));
    // Whoever reads in the meantime never sees a hole, and never an offset before the one under it.
    let reader = tokio::spawn({
        let (store, root, done) = (other.clone(), root.clone(), Arc::clone(&done));
        async move {
            let mut seen = Vec::new();
            loop {
                let last_round = done.load(Ordering::SeqCst);
                let after = Offset(start + seen.len() as u64);
                seen.extend(store.events_of_root(&root, after, 50).await.unwrap());
                if last_round && seen.len() as u64 == WRITERS * EACH {
                    return seen;
                }
            }
        }
    });
    let mut writers = JoinSet::new();
    for n in 0..WRITERS {
        let store = if n % 2 == 0 { fixture.store.clone() } else { other.clone() };
        let row = if n % 3 == 0 { first.clone() } else { second.clone() };
        writers.spawn(async move {
            let mut mine = Vec::new();
            for _ in 0..EACH {
                let mut tx = store.begin().await.unwrap();
                tx.record(settlement_event(&row, Operation::Update), &origin("anna")).await.unwrap();
                mine.extend(tx.commit().await.unwrap().events().to_vec());
            }
            mine
        });
    }
    let mut committed = HashMap::new();
    while let Some(mine) = timeout(SOON, writers.join_next()).await.unwrap() {
        let mine = mine.unwrap();
        assert!(mine.windows(2).all(|pair| pair[0].offset() < pair[1].offset()));
        committed.extend(mine.into_iter().map(|event| (event.offset(), event)));
    }
    done.store(true, Ordering::SeqCst);
    let seen = timeout(SOON, reader).await.unwrap().unwrap();
    assert_eq!(committed.len() as u64, WRITERS * EACH);
    for (event, place) in seen.iter().zip(start + 1..) {
        assert_eq!(event.offset(), Offset(place));
        assert_eq!(event.json.get(), committed[&Offset(place)].json.get());
    }
    for row in [&first, &second] {
        let room = Room::Settlement(row.id);
        let own = fixture.store.events_of_room(&room, Offset(1), 1_000).await.unwrap();
        let places: Vec<u64> = own.iter().map(|event| event.offsets.get(&room).unwrap().0).collect();
        assert_eq!(places, (2..=own.len() as u64 + 1).collect::<Vec<_>>());
        assert!(own.windows(2).all(|pair| pair[0].offset() < pair[1].offset()));
    }
    fixture.assert_sound().await;
}

async fn a_dropped_transaction_leaves_nothing(fixture: Fixture) {
    let campaign = fixture.campaign().await;
    let before = fixture.contents().await;
    let mut tx = fixture.store.begin().await.unwrap();
    assert_eq!(tx.remembered(&user("anna"), &"r-1".parse().unwrap()).await.unwrap(), None);
    members::put(&mut tx, campaign, &user("ben"), Role::Player).await.unwrap();
    let new = NewEvent {
        id: "chosen".parse().unwrap(),
        event: membership_event(campaign, "ben", Some(Role::Player)),
        origin: origin("anna"),
    };
    tx.record_all(vec![new]).await.unwrap();
    drop(tx);
    // The next one gets its turn, and the offset that the dropped one had.
    let committed = commit_one(&fixture.store, campaign).await.unwrap();
    assert_eq!(committed.events()[0].offset(), Offset(2));
    let after = fixture.contents().await;
    assert_eq!(after.len(), before.len() + 1, "{after:#?}");
    fixture.assert_sound().await;
}

async fn a_failed_statement_prevents_the_commit(fixture: Fixture) {
    let campaign = fixture.campaign().await;
    let settlement = fixture.settlement(campaign).await;
    let before = fixture.contents().await;
    let mut tx = fixture.store.begin().await.unwrap();
    members::put(&mut tx, campaign, &user("ben"), Role::Player).await.unwrap();
    // There is no such predecessor: somebody forgot to lock, or to read the newest version.
    let mut stale = settlement.clone();
    stale.version = 9;
    let refused = fanfare::store::settlements::update(&mut tx, &stale).await.unwrap_err();
    assert!(matches!(refused, StoreError::Conflict(_)), "{refused}");
    tx.commit().await.unwrap_err();
    assert_eq!(fixture.contents().await, before);

    let mut tx = fixture.store.begin().await.unwrap();
    members::put(&mut tx, campaign, &user("ben"), Role::Player).await.unwrap();
    let twice = fanfare::store::settlements::insert(&mut tx, &settlement).await.unwrap_err();
    assert!(matches!(twice, StoreError::Conflict(_)), "{twice}");
    tx.commit().await.unwrap_err();
    assert_eq!(fixture.contents().await, before);
}

async fn an_id_is_recorded_once(fixture: Fixture) {
    let campaign = fixture.campaign().await;
    let id: EventId = "rules-engine/1".parse().unwrap();
    let event = campaign_event(campaign, Operation::Update, 2);
    let mut tx = fixture.store.begin().await.unwrap();
    let first = tx.record_with_id(id.clone(), event.clone(), origin("rules")).await.unwrap();
    assert_eq!(tx.commit().await.unwrap().events().len(), 1);
    let Recorded::New { offsets } = first else { panic!("{first:?}") };
    assert_eq!(offsets.get(&Room::Campaign(campaign)), Some(Offset(2)));

    let mut tx = fixture.store.begin().await.unwrap();
    let other =
        NewEvent { id: "rules-engine/2".parse().unwrap(), event: event.clone(), origin: origin("rules") };
    let again = NewEvent { id: id.clone(), ..other.clone() };
    let recorded = tx.record_all(vec![again, other.clone(), other]).await.unwrap();
    assert_eq!(tx.commit().await.unwrap().events().len(), 1);
    assert_eq!(recorded[0], Recorded::Duplicate { offsets });
    let (Recorded::New { offsets: new }, Recorded::Duplicate { offsets: same }) =
        (&recorded[1], &recorded[2])
    else {
        panic!("{recorded:?}")
    };
    assert_eq!(new, same);
    assert_eq!(new.get(&Room::Campaign(campaign)), Some(Offset(3)));

    // At the same time from many sides: one effect.
    let mut publishers = JoinSet::new();
    for _ in 0..8 {
        let (store, event) = (fixture.store.clone(), event.clone());
        publishers.spawn(async move {
            let mut tx = store.begin().await.unwrap();
            let recorded = tx.record_with_id("raced".parse().unwrap(), event, origin("rules")).await.unwrap();
            tx.commit().await.unwrap();
            recorded
        });
    }
    let raced = publishers.join_all().await;
    assert_eq!(
        raced.iter().filter(|recorded| matches!(recorded, Recorded::New { .. })).count(),
        1,
        "{raced:?}"
    );
    let page = fixture.store.events_of_root(&Root::Campaign(campaign), Offset(0), 100).await.unwrap();
    assert_eq!(page.len(), 4);
    fixture.assert_sound().await;
}

async fn a_large_batch_is_one_transaction(fixture: Fixture) {
    let campaign = fixture.campaign().await;
    let settlement = fixture.settlement(campaign).await;
    let batch: Vec<NewEvent> = (0..500)
        .map(|n| NewEvent {
            id: format!("batch-{n}").parse().unwrap(),
            event: if n % 2 == 0 {
                settlement_event(&settlement, Operation::Update)
            } else {
                campaign_event(campaign, Operation::Update, 2)
            },
            origin: origin("rules"),
        })
        .collect();
    let mut tx = fixture.store.begin().await.unwrap();
    let recorded = tx.record_all(batch).await.unwrap();
    assert_eq!(tx.commit().await.unwrap().events().len(), 500);
    for (recorded, place) in recorded.iter().zip(3..) {
        let Recorded::New { offsets } = recorded else { panic!("{recorded:?}") };
        assert_eq!(offsets.get(&Room::Campaign(campaign)), Some(Offset(place)));
    }
    let room = Room::Settlement(settlement.id);
    assert_eq!(fixture.store.events_of_room(&room, Offset(1), 300).await.unwrap().len(), 250);
    fixture.assert_sound().await;
}

async fn a_membership_change_stands_in_two_logs(fixture: Fixture) {
    let campaign = fixture.campaign().await;
    let mut tx = fixture.store.begin().await.unwrap();
    let event = membership_event(campaign, "ben", None);
    let id = tx.record(event, &origin("anna")).await.unwrap();
    let committed = tx.commit().await.unwrap();
    let [own, echo] = committed.events() else { panic!("{committed:?}") };
    assert_eq!((&own.id, &own.root, own.offset()), (&id, &Root::Campaign(campaign), Offset(2)));
    assert_eq!((&echo.root, echo.offset()), (&Root::User(user("ben")), Offset(1)));
    assert_ne!(own.id, echo.id);
    for event in committed.events() {
        let read = fixture.store.events_of_root(&event.root, Offset(event.offset().0 - 1), 10).await.unwrap();
        assert_eq!(read[0].json.get(), event.json.get());
        // In the user's own log it is news, and takes nobody out of that.
        let removed = (event.root == own.root).then(|| Effect::MemberRemoved(user("ben")));
        assert_eq!(read[0].effect, removed);
        assert_eq!(read[0].event_type, EventType::MembershipChanged);
    }
    fixture.assert_sound().await;
}

async fn a_room_belongs_to_one_root_and_ends_with_its_entity(fixture: Fixture) {
    let (mine, other) = (fixture.campaign().await, fixture.campaign().await);
    let settlement = fixture.settlement(mine).await;
    let structure = fixture.structure(&settlement).await;
    // Another campaign cannot speak in the room.
    let stolen = settlement_row(other, settlement.id);
    let before = fixture.contents().await;
    let mut tx = fixture.store.begin().await.unwrap();
    tx.record(settlement_event(&stolen, Operation::Update), &origin("eve")).await.unwrap();
    let refused = tx.commit().await.unwrap_err();
    assert!(
        matches!(refused, StoreError::RoomRefused(Room::Settlement(id)) if id == settlement.id),
        "{refused}"
    );
    assert_eq!(fixture.contents().await, before);

    // With the entity's deletion its room is closed; the deletion itself is the last event.
    let mut tx = fixture.store.begin().await.unwrap();
    structures::delete(&mut tx, mine, structure.id).await.unwrap();
    tx.record(structure_event(&structure, Operation::Delete), &origin("anna")).await.unwrap();
    tx.commit().await.unwrap();
    let room = Room::Structure(structure.id);
    let root = Root::Campaign(mine);
    let snapshot = fixture.store.snapshot(&root, std::slice::from_ref(&room), &[]).await.unwrap();
    assert_eq!((snapshot.rooms[&room].head, snapshot.rooms[&room].closed), (Offset(2), true));
    let mut tx = fixture.store.begin().await.unwrap();
    assert_eq!(
        tx.resolve(&[room.clone(), Room::Settlement(settlement.id)]).await.unwrap(),
        [None, Some(root.clone())]
    );
    tx.record(structure_event(&structure, Operation::Update), &origin("anna")).await.unwrap();
    assert!(matches!(tx.commit().await, Err(StoreError::RoomRefused(refused)) if refused == room));

    // With the campaign's deletion every room of the family is.
    let mut tx = fixture.store.begin().await.unwrap();
    fanfare::store::campaigns::delete(&mut tx, mine).await.unwrap();
    tx.record(campaign_event(mine, Operation::Delete, 2), &origin("anna")).await.unwrap();
    tx.commit().await.unwrap();
    let rooms = [Room::Campaign(mine), Room::Settlement(settlement.id)];
    let snapshot = fixture.store.snapshot(&root, &rooms, &[]).await.unwrap();
    assert!(rooms.iter().all(|room| snapshot.rooms[room].closed && !snapshot.is_open(room)));
    assert!(matches!(commit_one(&fixture.store, mine).await, Err(StoreError::RoomRefused(_))));
    commit_one(&fixture.store, other).await.unwrap();
    fixture.assert_sound().await;
}

async fn pages_hold_what_follows_and_nothing_else(fixture: Fixture) {
    let campaign = fixture.campaign().await;
    let (root, room) = (Root::Campaign(campaign), Room::Campaign(campaign));
    for _ in 0..9 {
        commit_one(&fixture.store, campaign).await.unwrap();
    }
    let places = async |after, limit| -> Vec<u64> {
        let events = fixture.store.events_of_root(&root, Offset(after), limit).await.unwrap();
        events.iter().map(|event| event.offset().0).collect()
    };
    assert_eq!(places(0, 4).await, [1, 2, 3, 4]);
    assert_eq!(places(8, 4).await, [9, 10]);
    assert_eq!(places(10, 4).await, [0; 0]);
    assert_eq!(places(9_007_199_254_740_991, 4).await, [0; 0]);
    assert_eq!(places(3, 0).await, [0; 0]);
    let page = fixture.store.page_of_room(&room, Offset(7), 300).await.unwrap().unwrap();
    assert_eq!((page.state.head, page.state.floor, page.events.len()), (Offset(10), Offset(0), 3));
    assert_eq!(page.epoch, fixture.store.epoch());
    let nowhere = Room::Settlement(SettlementId::from_uuid(fixture.clock.uuid()));
    assert!(fixture.store.page_of_room(&nowhere, Offset(0), 10).await.unwrap().is_none());
    // A log with a hole is never answered as if it had none (I7).
    fixture.script("DELETE FROM events WHERE root_offset = 5").await;
    assert!(matches!(fixture.store.events_of_root(&root, Offset(3), 10).await, Err(StoreError::Corrupt(_))));
}

async fn rooms_are_resolved_and_heads_are_read_together(fixture: Fixture) {
    let campaign = fixture.campaign().await;
    let settlement = fixture.settlement(campaign).await;
    let root = Root::Campaign(campaign);
    let nowhere = Room::Settlement(SettlementId::from_uuid(fixture.clock.uuid()));
    let rooms =
        [Room::Settlement(settlement.id), nowhere.clone(), Room::User(user("ben")), Room::Campaign(campaign)];
    let expected = [Some(root.clone()), None, Some(Root::User(user("ben"))), Some(root.clone())];
    assert_eq!(fixture.store.resolve(&rooms).await.unwrap(), expected);
    assert_eq!(fixture.store.resolve(&rooms).await.unwrap(), expected);

    let unknown: Vec<Root> = (0..9_000).map(|n| Root::User(user(&format!("user-{n}")))).collect();
    let asked: Vec<Root> = unknown.iter().cloned().chain([root.clone()]).collect();
    let (epoch, heads) = fixture.store.heads(&asked).await.unwrap();
    assert_eq!((epoch, heads), (fixture.store.epoch(), HashMap::from([(root.clone(), Offset(2))])));
    assert_eq!(fixture.store.heads(&[]).await.unwrap().1, HashMap::new());

    let users: Vec<_> = (0..300).map(|n| user(&format!("user-{n}"))).chain([user("anna")]).collect();
    let snapshot = fixture.store.snapshot(&root, &rooms, &users).await.unwrap();
    assert_eq!(snapshot.roles, HashMap::from([(user("anna"), Role::Owner)]));
    assert_eq!(snapshot.head(&rooms[0]), Offset(1));
    assert_eq!(snapshot.rooms.len(), 3);
    assert!(snapshot.is_open(&rooms[2]) && !snapshot.is_open(&nowhere));
    let own =
        fixture.store.snapshot(&Root::User(user("ben")), &[Room::User(user("ben"))], &[user("ben")]).await;
    assert_eq!(own.unwrap().head(&Room::User(user("ben"))), Offset(0));
}

// I9: the membership and the heads of a snapshot belong to one instant.
async fn a_snapshot_is_one_instant(fixture: Fixture) {
    let campaign = fixture.campaign().await;
    let (root, room) = (Root::Campaign(campaign), Room::Campaign(campaign));
    let other = fixture.another().await;
    let done = Arc::new(AtomicBool::new(false));
    let mut readers = JoinSet::new();
    for store in [fixture.store.clone(), other] {
        let (root, room, done) = (root.clone(), room.clone(), Arc::clone(&done));
        readers.spawn(async move {
            let mut heads = HashSet::new();
            while !done.load(Ordering::SeqCst) {
                let snapshot =
                    store.snapshot(&root, std::slice::from_ref(&room), &[user("ben")]).await.unwrap();
                // Even heads: ben was just let in. Odd ones: he is out.
                let head = snapshot.head(&room);
                assert_eq!(snapshot.role(&user("ben")).is_some(), head.0 % 2 == 0, "at {head}");
                heads.insert(head);
            }
            heads.len()
        });
    }
    for n in 0..150 {
        let mut tx = fixture.store.begin().await.unwrap();
        tx.lock(std::slice::from_ref(&root)).await.unwrap();
        let role = if n % 2 == 0 {
            members::put(&mut tx, campaign, &user("ben"), Role::Player).await.unwrap();
            Some(Role::Player)
        } else {
            assert!(members::delete(&mut tx, campaign, &user("ben")).await.unwrap());
            None
        };
        tx.record(membership_event(campaign, "ben", role), &origin("anna")).await.unwrap();
        tx.commit().await.unwrap();
    }
    done.store(true, Ordering::SeqCst);
    for heads in readers.join_all().await {
        assert!(heads > 1, "the reader saw one state only");
    }
}

// Two transactions that decide on what they read are one after the other once they have locked the root.
async fn a_locked_root_stays_as_it_was_read(fixture: Fixture) {
    let campaign = fixture.campaign().await;
    let mut writers = JoinSet::new();
    for store in
        [fixture.store.clone(), fixture.another().await, fixture.store.clone(), fixture.store.clone()]
    {
        writers.spawn(async move {
            for _ in 0..10 {
                let mut tx = store.begin().await.unwrap();
                tx.lock(&[Root::Campaign(campaign)]).await.unwrap();
                let mut row = fanfare::store::campaigns::get(&mut tx, campaign).await.unwrap().unwrap();
                row.version += 1;
                fanfare::store::campaigns::update(&mut tx, &row).await.unwrap();
                tx.record(campaign_event(campaign, Operation::Update, row.version), &origin("anna"))
                    .await
                    .unwrap();
                tx.commit().await.unwrap();
            }
        });
    }
    timeout(SOON, writers.join_all()).await.unwrap();
    let row = fanfare::store::campaigns::get(&fixture.store, campaign).await.unwrap().unwrap();
    assert_eq!(row.version, 41);
}

async fn transactions_over_several_roots_do_not_deadlock(fixture: Fixture) {
    let campaigns = [fixture.campaign().await, fixture.campaign().await];
    let mut writers = JoinSet::new();
    for n in 0..8 {
        let store = fixture.store.clone();
        writers.spawn(async move {
            for round in 0..5 {
                let order = if n % 2 == 0 { campaigns } else { [campaigns[1], campaigns[0]] };
                let new = |(place, campaign)| NewEvent {
                    id: format!("{n}-{round}-{place}").parse().unwrap(),
                    event: membership_event(campaign, &format!("user-{}", (n + place as u64) % 3), None),
                    origin: origin("rules"),
                };
                let mut tx = store.begin().await.unwrap();
                tx.record_all(order.into_iter().enumerate().map(new).collect()).await.unwrap();
                tx.commit().await.unwrap();
            }
        });
    }
    timeout(SOON, writers.join_all()).await.unwrap();
    fixture.assert_sound().await;
}

async fn a_new_epoch_keeps_the_heads_and_drops_the_events(fixture: Fixture) {
    let campaign = fixture.campaign().await;
    let settlement = fixture.settlement(campaign).await;
    let (root, old) = (Root::Campaign(campaign), fixture.store.epoch());
    // Writers on another instance go on in the meantime.
    let other = fixture.another().await;
    assert_eq!(other.epoch(), old);
    let done = Arc::new(AtomicBool::new(false));
    let mut writers = JoinSet::new();
    for _ in 0..4 {
        let (store, row, done) = (other.clone(), settlement.clone(), Arc::clone(&done));
        writers.spawn(async move {
            while !done.load(Ordering::SeqCst) {
                let mut tx = store.begin().await.unwrap();
                tx.record(settlement_event(&row, Operation::Update), &origin("anna")).await.unwrap();
                tx.commit().await.unwrap();
            }
        });
    }
    let mut epochs: HashSet<Epoch> = HashSet::from([old]);
    for _ in 0..5 {
        assert!(epochs.insert(fixture.store.renew_epoch().await.unwrap()));
    }
    done.store(true, Ordering::SeqCst);
    timeout(SOON, writers.join_all()).await.unwrap();
    // No envelope of an earlier epoch is left, and none came after.
    fixture.assert_sound().await;

    let (_, heads) = fixture.store.heads(std::slice::from_ref(&root)).await.unwrap();
    let last = fixture.store.renew_epoch().await.unwrap();
    assert_eq!(
        fixture.store.heads(std::slice::from_ref(&root)).await.unwrap(),
        (last.clone(), heads.clone())
    );
    assert_eq!(fixture.store.events_of_root(&root, Offset(0), 10).await.unwrap().len(), 0);
    let committed = commit_one(&other, campaign).await.unwrap();
    assert_eq!(committed.events()[0].offset(), heads[&root].next());
    assert!(committed.events()[0].json.get().contains(last.as_str()));
    assert_eq!(other.epoch(), last);
    assert_eq!(fixture.store.events_of_root(&root, heads[&root], 10).await.unwrap().len(), 1);
    fixture.assert_sound().await;
}

async fn migrating_again_and_at_once_changes_nothing(fixture: Fixture) {
    let campaign = fixture.campaign().await;
    let before = fixture.contents().await;
    let epoch = fixture.store.epoch();
    let mut processes = JoinSet::new();
    for _ in 0..4 {
        let store = fixture.another().await;
        processes.spawn(async move { store.migrate().await.unwrap() });
    }
    processes.join_all().await;
    assert_eq!(fixture.contents().await, before);
    assert_eq!(fixture.store.refresh_epoch().await.unwrap(), epoch);
    fixture.store.check_ready().await.unwrap();
    commit_one(&fixture.store, campaign).await.unwrap();

    fixture.script("INSERT INTO migrations (number, text, applied_at) VALUES (99, 'x', 0)").await;
    assert!(matches!(fixture.store.migrate().await, Err(StoreError::Unusable(_))));
    assert!(matches!(fixture.store.check_ready().await, Err(StoreError::Unusable(_))));
}

cases! {
    concurrent_committers_get_dense_offsets_in_commit_order,
    a_dropped_transaction_leaves_nothing,
    a_failed_statement_prevents_the_commit,
    an_id_is_recorded_once,
    a_large_batch_is_one_transaction,
    a_membership_change_stands_in_two_logs,
    a_room_belongs_to_one_root_and_ends_with_its_entity,
    pages_hold_what_follows_and_nothing_else,
    rooms_are_resolved_and_heads_are_read_together,
    a_snapshot_is_one_instant,
    a_locked_root_stays_as_it_was_read,
    transactions_over_several_roots_do_not_deadlock,
    a_new_epoch_keeps_the_heads_and_drops_the_events,
    migrating_again_and_at_once_changes_nothing,
}
