//! Requests that come twice, also at the same time: one effect, one answer (I1).

use std::time::Duration;

use fanfare::{
    protocol::{Operation, Root},
    store::{Retention, Store, StoreError, campaigns},
};
use tokio::{task::JoinSet, time::timeout};

use super::{Fixture, SOON, campaign_event, cases, origin, user};

/// Renames the campaign under a request id, as a service does; answers the version that the first one made.
async fn rename(store: Store, campaign: fanfare::protocol::CampaignId, request: &str) -> (bool, String) {
    let (anna, request) = (user("anna"), request.parse().unwrap());
    let mut tx = store.begin().await.unwrap();
    if let Some(first) = tx.remembered(&anna, &request).await.unwrap() {
        return (false, first);
    }
    tx.lock(&[Root::Campaign(campaign)]).await.unwrap();
    let mut row = campaigns::get(&mut tx, campaign).await.unwrap().unwrap();
    row.version += 1;
    campaigns::update(&mut tx, &row).await.unwrap();
    tx.record(campaign_event(campaign, Operation::Update, row.version), &origin("anna")).await.unwrap();
    let result = format!("{{\"version\":{}}}", row.version);
    tx.remember(&anna, &request, result.clone()).await.unwrap();
    tx.commit().await.unwrap();
    (true, result)
}

// req: N05
async fn a_raced_request_has_one_effect(fixture: Fixture) {
    let campaign = fixture.campaign().await;
    let other = fixture.another().await;
    for round in 0..5 {
        let mut racers = JoinSet::new();
        for n in 0..8 {
            let store = if n % 2 == 0 { fixture.store.clone() } else { other.clone() };
            racers.spawn(async move { rename(store, campaign, &format!("r-{round}")).await });
        }
        let answers = timeout(SOON, racers.join_all()).await.unwrap();
        assert_eq!(answers.iter().filter(|(first, _)| *first).count(), 1, "{answers:?}");
        assert!(
            answers.iter().all(|(_, answer)| *answer == format!("{{\"version\":{}}}", round + 2)),
            "{answers:?}"
        );
    }
    let row = campaigns::get(&fixture.store, campaign).await.unwrap().unwrap();
    assert_eq!(row.version, 6);
    fixture.assert_sound().await;
}

async fn a_request_that_failed_may_come_again(fixture: Fixture) {
    let campaign = fixture.campaign().await;
    let (anna, request) = (user("anna"), "r".parse().unwrap());
    let mut tx = fixture.store.begin().await.unwrap();
    assert_eq!(tx.remembered(&anna, &request).await.unwrap(), None);
    tx.record(campaign_event(campaign, Operation::Update, 2), &origin("anna")).await.unwrap();
    // A claim without an answer would make every repeat fail: it is not committed.
    tx.commit().await.unwrap_err();
    let mut tx = fixture.store.begin().await.unwrap();
    assert_eq!(tx.remembered(&anna, &request).await.unwrap(), None);
    drop(tx);
    assert!(rename(fixture.store.clone(), campaign, "r").await.0);
    assert!(!rename(fixture.store.clone(), campaign, "r").await.0);
    fixture.assert_sound().await;
}

async fn ids_are_per_user_and_last_a_day(fixture: Fixture) {
    let campaign = fixture.campaign().await;
    assert!(rename(fixture.store.clone(), campaign, "r").await.0);
    let mut tx = fixture.store.begin().await.unwrap();
    assert_eq!(tx.remembered(&user("ben"), &"r".parse().unwrap()).await.unwrap(), None);
    drop(tx);
    fixture.hand.advance(Duration::from_secs(24 * 3600 - 1));
    assert!(!rename(fixture.store.clone(), campaign, "r").await.0);
    fixture.hand.advance(Duration::from_secs(1));
    let (again, answer) = rename(fixture.store.clone(), campaign, "r").await;
    assert_eq!((again, answer.as_str()), (true, "{\"version\":3}"));
    assert!(!rename(fixture.store.clone(), campaign, "r").await.0);
}

/// Trimming finds the old result, and waits for a transaction that claims its id anew.
async fn a_request_that_is_claimed_anew_is_not_trimmed(fixture: Fixture) {
    let campaign = fixture.campaign().await;
    assert!(rename(fixture.store.clone(), campaign, "r").await.0);
    fixture.hand.advance(Duration::from_secs(25 * 3600));
    let (anna, request) = (user("anna"), "r".parse().unwrap());
    let mut tx = fixture.store.begin().await.unwrap();
    assert_eq!(tx.remembered(&anna, &request).await.unwrap(), None);
    let (store, now) = (fixture.store.clone(), fixture.clock.now().into());
    let trimming = tokio::spawn(async move { store.delete_expired(Retention::default(), now).await });
    fixture.until_somebody_waits().await;
    tx.remember(&anna, &request, "2".into()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(trimming.await.unwrap().unwrap().requests, 0);
    let mut tx = fixture.store.begin().await.unwrap();
    assert_eq!(tx.remembered(&anna, &request).await.unwrap().as_deref(), Some("2"));
}

async fn after_a_repeat_the_transaction_is_over(fixture: Fixture) {
    let campaign = fixture.campaign().await;
    rename(fixture.store.clone(), campaign, "r").await;
    let before = fixture.contents().await;
    let mut tx = fixture.store.begin().await.unwrap();
    assert!(tx.remembered(&user("anna"), &"r".parse().unwrap()).await.unwrap().is_some());
    tx.record(campaign_event(campaign, Operation::Update, 9), &origin("anna")).await.unwrap();
    assert!(matches!(tx.commit().await, Err(StoreError::Database(_))));
    assert_eq!(fixture.contents().await, before);

    let mut tx = fixture.store.begin().await.unwrap();
    assert!(tx.remember(&user("anna"), &"never-claimed".parse().unwrap(), "1".into()).await.is_err());
}

cases! {
    a_raced_request_has_one_effect,
    a_request_that_failed_may_come_again,
    ids_are_per_user_and_last_a_day,
    a_request_that_is_claimed_anew_is_not_trimmed,
    after_a_repeat_the_transaction_is_over,
}
