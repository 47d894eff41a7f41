//! What is answered while a commit is on its way: nothing too early, nothing in vain. On SQLite, where changes share commits.

use std::{sync::Arc, time::Duration};

use fanfare::{
    access::{Access, Action, Scope},
    bus::{Bus, Hint, MemoryBus, Publisher},
    protocol::{Metadata, Root, Timestamp},
    store::{Tx, campaigns, revocations},
    users::NewRevocation,
    world::{World, input::CampaignPatch},
};
use tokio::{
    sync::mpsc,
    task::{JoinHandle, yield_now},
};

use crate::support::{
    database::Database,
    services::{TestWorld, identity, request, user},
};

/// Changes that got their turns after each other and wait for one commit, until `last` is dropped.
struct Waiting<T> {
    changes: Vec<JoinHandle<T>>,
    last: Tx,
}

/// Queues the changes and one more turn behind a first one, and lets them have theirs.
async fn waiting<T: Send + 'static>(
    t: &TestWorld,
    changes: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Waiting<T> {
    let first = t.store.begin().await.unwrap();
    let mut queued = Vec::new();
    for change in changes {
        queued.push(tokio::spawn(change));
        // On a runtime with one thread it now runs up to its turn.
        yield_now().await;
    }
    let store = t.store.clone();
    let last = tokio::spawn(async move { store.begin().await.unwrap() });
    yield_now().await;
    drop(first);
    Waiting { changes: queued, last: last.await.unwrap() }
}

/// Checks two changes of which the second finds that nothing is to be done. Each answers whether others can
/// read what it was answered, which on SQLite means that it is on the disk.
async fn both_are_durable(t: &TestWorld, changes: [impl Future<Output = bool> + Send + 'static; 2]) {
    let Waiting { changes, last } = waiting(t, changes).await;
    // Who does not wait for the commit answers now.
    for _ in 0..100 {
        yield_now().await;
    }
    drop(last);
    for change in changes {
        assert!(change.await.unwrap());
    }
}

/// req: I12
#[tokio::test]
async fn a_change_that_is_there_already_is_answered_when_it_is_durable() {
    let t = &TestWorld::over(Database::sqlite()).await;
    let campaign = t.campaign().await;
    let grant = t.grant("ada", &campaign, Action::Edit).await;
    let rename = || {
        let (world, store, grant) = (t.world.clone(), t.store.clone(), grant.clone());
        let patch = CampaignPatch { name: Some("Haven".into()), ..Default::default() };
        async move {
            let answer = world.update_campaign(&grant, patch, None, &request()).await.unwrap();
            let stored = campaigns::get(&store, answer.id).await.unwrap().unwrap();
            (answer.version, stored.version) == (2, 2)
        }
    };
    both_are_durable(t, [rename(), rename()]).await;
}

/// req: I12
#[tokio::test]
async fn a_revocation_that_is_there_already_is_answered_when_it_is_durable() {
    let t = &TestWorld::over(Database::sqlite()).await;
    let revoke = || {
        let (users, store, now) = (t.users(), t.store.clone(), Timestamp::from(t.clock().now()));
        async move {
            let root = identity("root").with_scopes(Scope::Admin.into());
            let origin = Metadata {
                user_id: user("root"),
                source: "test".into(),
                correlation_id: "test".into(),
                request_id: None,
            };
            let wish = NewRevocation { user_id: user("mallory"), not_before: None, reason: None };
            let answer = users.revoke(&root, wish, origin).await.unwrap();
            let stored = revocations::of_user(&store, &user("mallory")).await.unwrap();
            answer.not_before == now && stored.is_some_and(|row| row.not_before == now)
        }
    };
    both_are_durable(t, [revoke(), revoke()]).await;
}

#[tokio::test]
async fn what_is_committed_is_published_though_its_author_has_gone() {
    let t = &TestWorld::over(Database::sqlite()).await;
    let campaign = t.campaign().await;
    let grant = t.grant("ada", &campaign, Action::Edit).await;
    let bus = Arc::new(MemoryBus::default());
    let (sink, mut hints) = mpsc::channel(8);
    bus.follow(&Root::Campaign(campaign.id), sink).await.unwrap();
    let publisher = Publisher::new(bus.clone());
    let world = World::new(t.store.clone(), Access::new(t.store.clone()), publisher, t.clock().clone());
    let change = async move {
        let patch = CampaignPatch { name: Some("Haven".into()), ..Default::default() };
        world.update_campaign(&grant, patch, None, &request()).await.map(drop)
    };
    let Waiting { changes, last } = waiting(t, [change]).await;
    for change in changes {
        change.abort();
        assert!(change.await.unwrap_err().is_cancelled(), "it waits for its commit");
    }
    drop(last);
    let hint = tokio::time::timeout(Duration::from_secs(30), hints.recv()).await.expect("a hint");
    let Some(Hint::Event(delivery)) = hint else { panic!("no event: {hint:?}") };
    assert_eq!(delivery.event.offset().0 as usize, t.head(&campaign).await);
}
