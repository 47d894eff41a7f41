//! A request id makes a repetition harmless: the first answer, and nothing else.

use std::time::Duration;

use fanfare::{
    access::Action,
    protocol::{Code, Problem, Role, Room},
    world::{
        Act, Subject,
        input::{ClockMove, SettlementPatch},
    },
};
use tokio::task::JoinSet;

use crate::support::services::{
    TestWorld, identity, new_campaign, new_settlement, on_both_databases, request_id, user,
};

on_both_databases!(
    a_repeat_gets_the_first_answer,
    every_kind_of_change,
    deletions,
    another_change,
    another_user,
    a_refusal_is_not_remembered,
    a_day,
    a_race,
);

/// req: P02
async fn a_repeat_gets_the_first_answer(t: &TestWorld) {
    let campaign = t.campaign().await;
    let settlement = t.settlement(&campaign, "Hollowford").await;
    let before = t.head(&campaign).await;
    let grant = t.grant("ada", &settlement, Action::Edit).await;
    let rename = |name: &str| SettlementPatch { name: Some(name.into()), ..Default::default() };
    let first = t.world.update_settlement(&grant, rename("A"), Some(1), &request_id("r-1")).await.unwrap();
    t.world.update_settlement(&grant, rename("B"), Some(2), &request_id("r-2")).await.unwrap();
    let again = t.world.update_settlement(&grant, rename("A"), Some(1), &request_id("r-1")).await.unwrap();
    assert_eq!(again, first, "the first answer, though the version has moved on");
    let log = t.log(&campaign, before).await;
    assert_eq!(log.len(), 2);
    assert_eq!(log[0].0["metadata"]["requestId"], "r-1");
}

async fn every_kind_of_change(t: &TestWorld) {
    let create = |id: &'static str| async move {
        t.world.create_campaign(&identity("ada"), new_campaign("Coast"), &request_id(id)).await.unwrap()
    };
    let campaign = create("c").await;
    assert_eq!(create("c").await, campaign);
    let settlement = t.settlement(&campaign, "Hollowford").await;
    let before = t.head(&campaign).await;

    let grant = t.grant("ada", &campaign, Action::AdvanceTime).await;
    let clock = ClockMove::Advance { amount: 1, unit: fanfare::protocol::TimeUnit::Days };
    for _ in 0..2 {
        let moved = t.world.move_clock(&grant, clock, None, &request_id("t")).await.unwrap();
        assert_eq!(moved.version, 2);
    }
    let grant = t.grant("ada", &campaign, Action::Administer).await;
    for _ in 0..2 {
        let member = t.world.set_member(&grant, user("ben"), Role::Gm, &request_id("m")).await.unwrap();
        assert_eq!(member.role, Role::Gm);
    }
    let grant = t.grant("ada", &settlement, Action::Edit).await;
    for _ in 0..2 {
        // Changes nothing, which is an answer to remember, too.
        let same = t.world.update_settlement(&grant, Default::default(), None, &request_id("n")).await;
        assert_eq!(same.unwrap(), settlement);
    }
    assert_eq!(t.head(&campaign).await, before + 2);
}

/// After a deletion there is nothing left to ask a permission for.
async fn deletions(t: &TestWorld) {
    let campaign = t.campaign().await;
    let settlement = t.settlement(&campaign, "Hollowford").await;
    let room = Room::Settlement(settlement.id);
    let grant = t.grant("ada", &settlement, Action::Delete).await;
    t.world.delete_settlement(&grant, None, &request_id("d")).await.unwrap();
    let gone = t.require("ada", &settlement, Action::Delete).await.unwrap_err();

    let subject = Subject::of(Act::DeleteSettlement, room);
    let repeat = |user: &'static str, id: &'static str| {
        let (subject, gone) = (subject.clone(), gone.clone());
        async move { t.world.repeated(&identity(user), &subject, &request_id(id), gone).await }
    };
    assert_eq!(repeat("ada", "d").await, Ok(settlement.id));
    assert_eq!(repeat("ada", "other").await, Err::<fanfare::protocol::SettlementId, _>(gone.clone()));
    assert_eq!(repeat("ben", "d").await, Err::<fanfare::protocol::SettlementId, _>(gone.clone()));
}

async fn another_change(t: &TestWorld) {
    let campaign = t.campaign().await;
    let grant = t.grant("ada", &campaign, Action::Create).await;
    let found = |name: &str| new_settlement(campaign.id, name);
    t.world.create_settlement(&grant, found("A"), &request_id("r")).await.unwrap();
    let before = t.head(&campaign).await;
    let admin = t.grant("ada", &campaign, Action::Administer).await;
    let reused = t.world.set_member(&admin, user("ben"), Role::Gm, &request_id("r")).await.unwrap_err();
    assert_eq!((reused.code, reused.details[0].field.as_str()), (Code::BadRequest, "requestId"));
    assert_eq!(t.head(&campaign).await, before);
}

/// Request ids are the user's own.
async fn another_user(t: &TestWorld) {
    let campaign = t.campaign().await;
    t.member(&campaign, "ben", Role::Gm).await;
    let before = t.head(&campaign).await;
    for user in ["ada", "ben"] {
        let grant = t.grant(user, &campaign, Action::Create).await;
        t.world.create_settlement(&grant, new_settlement(campaign.id, user), &request_id("r")).await.unwrap();
    }
    assert_eq!(t.head(&campaign).await, before + 2);
}

async fn a_refusal_is_not_remembered(t: &TestWorld) {
    let campaign = t.campaign().await;
    let settlement = t.settlement(&campaign, "Hollowford").await;
    let grant = t.grant("ada", &settlement, Action::Edit).await;
    let patch = || SettlementPatch { level: Some(3), ..Default::default() };
    let refused = t.world.update_settlement(&grant, patch(), Some(9), &request_id("r")).await;
    assert_eq!(refused, Err(Problem::conflict(9, 1)));
    let done = t.world.update_settlement(&grant, patch(), Some(1), &request_id("r")).await.unwrap();
    assert_eq!(done.level, 3);
}

/// After 24 hours an id is new again.
async fn a_day(t: &TestWorld) {
    let campaign = t.campaign().await;
    let grant = t.grant("ada", &campaign, Action::Create).await;
    let found = || {
        t.world.create_settlement(
            &grant,
            new_settlement(campaign.id, "A"),
            Box::leak(Box::new(request_id("r"))),
        )
    };
    let first = found().await.unwrap();
    t.hand.advance(Duration::from_secs(23 * 3600));
    assert_eq!(found().await.unwrap(), first);
    t.hand.advance(Duration::from_secs(3601));
    assert_ne!(found().await.unwrap().id, first.id);
}

/// The same request eight times at once happens once.
async fn a_race(t: &TestWorld) {
    let campaign = t.campaign().await;
    let before = t.head(&campaign).await;
    for round in 0..5 {
        let mut all = JoinSet::new();
        for _ in 0..8 {
            let grant = t.grant("ada", &campaign, Action::Create).await;
            let (world, input) = (t.world.clone(), new_settlement(campaign.id, "A"));
            let request = request_id(&format!("race-{round}"));
            all.spawn(async move { world.create_settlement(&grant, input, &request).await.unwrap() });
        }
        let answers = all.join_all().await;
        assert!(answers.iter().all(|answer| *answer == answers[0]), "one answer for all");
        assert_eq!(t.head(&campaign).await, before + round + 1);
    }
}
