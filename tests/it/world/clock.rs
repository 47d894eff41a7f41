//! World time: forward only, and what is due is finished on the way.

use fanfare::{
    access::Action,
    protocol::{Code, Problem, TimeUnit},
    world::{entity::Campaign, input::ClockMove, rules::StructureKind as K},
};
use serde_json::json;

use crate::support::services::{SPRING, TestWorld, at, on_both_databases, request, what};

on_both_databases!(
    the_clock_advances,
    setting,
    forward_only,
    what_is_due_is_finished,
    at_the_instant,
    the_season,
    completion_and_season,
    nothing_due,
    conflict,
);

async fn advance(t: &TestWorld, campaign: &Campaign, amount: i64, unit: TimeUnit) -> Campaign {
    let grant = t.grant("ada", campaign, Action::AdvanceTime).await;
    t.world.move_clock(&grant, ClockMove::Advance { amount, unit }, None, &request()).await.unwrap()
}

async fn set(t: &TestWorld, campaign: &Campaign, to: &str) -> Result<Campaign, Problem> {
    let grant = t.grant("ada", campaign, Action::AdvanceTime).await;
    t.world.move_clock(&grant, ClockMove::Set(at(to)), None, &request()).await
}

/// req: T08
async fn the_clock_advances(t: &TestWorld) {
    let campaign = t.campaign().await;
    let moved = advance(t, &campaign, 3, TimeUnit::Hours).await;
    assert_eq!((moved.world_time, moved.version), (at("1372-04-10T11:00:00.000Z"), 2));
    let log = t.log(&campaign, 2).await;
    assert_eq!(what(&log), ["world_time_changed 2"]);
    assert_eq!(
        log[0].0["payload"],
        json!({
            "campaignId": campaign.id.to_string(),
            "previousTime": SPRING,
            "newTime": "1372-04-10T11:00:00.000Z",
            "version": 2,
            "elapsed": { "value": 3, "unit": "HOURS" },
        })
    );
    let view = t.grant("ada", &campaign, Action::View).await;
    assert_eq!(t.world.campaign(&view).await.unwrap(), moved);
}

async fn setting(t: &TestWorld) {
    let campaign = t.campaign().await;
    let moved = set(t, &campaign, "1372-04-10T08:00:00.001Z").await.unwrap();
    assert_eq!(moved.version, 2);
    let log = t.log(&campaign, 2).await;
    assert_eq!(what(&log), ["world_time_changed 2"]);
    assert_eq!(log[0].0["payload"]["elapsed"], json!(null));
}

async fn forward_only(t: &TestWorld) {
    let campaign = t.campaign().await;
    let back = set(t, &campaign, "1372-04-10T07:59:59.999Z").await.unwrap_err();
    assert_eq!((back.code, back.details[0].field.as_str()), (Code::BadRequest, "worldTime"));
    assert_eq!(set(t, &campaign, SPRING).await.unwrap(), campaign, "where it is already");
    assert_eq!(t.head(&campaign).await, 2);
}

/// req: T10
async fn what_is_due_is_finished(t: &TestWorld) {
    let campaign = t.campaign().await;
    let (near, far) = (t.settlement(&campaign, "Near").await, t.settlement(&campaign, "Far").await);
    let second = t.structure(&near, K::Wall, Some("1372-04-12T00:00:00.000Z")).await;
    let first = t.structure(&near, K::Market, Some("1372-04-11T00:00:00.000Z")).await;
    let other = t.structure(&far, K::Tower, Some("1372-04-12T00:00:00.000Z")).await;
    let later = t.structure(&far, K::House, Some("1372-04-20T00:00:00.000Z")).await;
    t.settlement(&campaign, "Empty").await;
    let before = t.head(&campaign).await;

    advance(t, &campaign, 1, TimeUnit::Weeks).await;
    let log = t.log(&campaign, before).await;
    assert_eq!(
        what(&log),
        [
            "world_time_changed 2",
            "structure_updated update 2",
            "structure_updated update 2",
            "structure_updated update 2",
            "state_invalidated",
            "state_invalidated",
        ]
    );
    let finished: Vec<_> =
        log[1..4].iter().map(|e| e.0["payload"]["structureId"].as_str().unwrap()).collect();
    assert_eq!(
        finished,
        [&first.id, &second.id, &other.id].map(ToString::to_string),
        "in the order of their time"
    );
    for event in &log[1..4] {
        assert_eq!(event.fields(), ["finished"]);
        assert_eq!(event.0["payload"]["structureData"]["finished"], true);
        assert_eq!(event.0["payload"]["structureData"]["version"], 2);
    }
    let mut invalidated: Vec<_> =
        log[4..].iter().map(|event| (event.invalidated(), event.fields())).collect();
    invalidated.sort_by_key(|(ids, _)| ids[0]);
    assert_eq!(
        invalidated,
        [(vec![near.id], vec!["defense", "prosperity"]), (vec![far.id], vec!["defense"])],
        "each settlement with exactly its own fields"
    );
    let view = t.grant("ada", &later, Action::View).await;
    assert_eq!(t.world.structure(&view).await.unwrap(), later, "not due yet");
    let view = t.grant("ada", &second, Action::View).await;
    assert_eq!(t.world.structure(&view).await.unwrap().version, 2);
}

async fn at_the_instant(t: &TestWorld) {
    let campaign = t.campaign().await;
    let settlement = t.settlement(&campaign, "Hollowford").await;
    t.structure(&settlement, K::Wall, Some("1372-04-10T09:00:00.000Z")).await;
    set(t, &campaign, "1372-04-10T08:59:59.999Z").await.unwrap();
    let before = t.head(&campaign).await;
    set(t, &campaign, "1372-04-10T09:00:00.000Z").await.unwrap();
    assert_eq!(
        what(&t.log(&campaign, before).await),
        ["world_time_changed 3", "structure_updated update 2", "state_invalidated"]
    );
    let before = t.head(&campaign).await;
    advance(t, &campaign, 1, TimeUnit::Days).await;
    assert_eq!(what(&t.log(&campaign, before).await), ["world_time_changed 4"], "finished once");
}

/// Farms give less in winter: the settlements that have some, and no others.
async fn the_season(t: &TestWorld) {
    let campaign = t.campaign().await;
    let farming = t.settlement(&campaign, "Farming").await;
    let mining = t.settlement(&campaign, "Mining").await;
    let fishing = t.settlement(&campaign, "Fishing").await;
    t.structure(&farming, K::Farm, None).await;
    t.structure(&mining, K::Workshop, None).await;
    t.structure(&fishing, K::Harbor, None).await;
    let before = t.head(&campaign).await;
    set(t, &campaign, "1372-06-01T00:00:00.000Z").await.unwrap();
    set(t, &campaign, "1372-12-01T00:00:00.000Z").await.unwrap();
    let log = t.log(&campaign, before).await;
    assert_eq!(
        what(&log),
        ["world_time_changed 2", "state_invalidated", "world_time_changed 3", "state_invalidated"]
    );
    assert_eq!((log[1].fields(), log[1].invalidated()), (vec!["prosperity"], vec![farming.id]));
    assert_eq!(
        (log[3].fields(), log[3].invalidated()),
        (vec!["prosperity"], vec![farming.id, fishing.id]),
        "one event for all with the same fields"
    );
}

/// What is finished in the same move is compared with the values before the move.
async fn completion_and_season(t: &TestWorld) {
    let campaign = t.campaign().await;
    let settlement = t.settlement(&campaign, "Hollowford").await;
    t.structure(&settlement, K::Farm, Some("1372-05-01T00:00:00.000Z")).await;
    let before = t.head(&campaign).await;
    set(t, &campaign, "1373-01-01T00:00:00.000Z").await.unwrap();
    let log = t.log(&campaign, before).await;
    assert_eq!(what(&log), ["world_time_changed 2", "structure_updated update 2", "state_invalidated"]);
    assert_eq!(log[2].fields(), ["prosperity", "capacity"]);
}

async fn nothing_due(t: &TestWorld) {
    let campaign = t.campaign().await;
    let settlement = t.settlement(&campaign, "Hollowford").await;
    t.structure(&settlement, K::Workshop, None).await;
    let before = t.head(&campaign).await;
    set(t, &campaign, "1390-11-20T00:00:00.000Z").await.unwrap();
    assert_eq!(what(&t.log(&campaign, before).await), ["world_time_changed 2"]);
}

async fn conflict(t: &TestWorld) {
    let campaign = t.campaign().await;
    let grant = t.grant("ada", &campaign, Action::AdvanceTime).await;
    let clock = ClockMove::Advance { amount: 1, unit: TimeUnit::Days };
    let refused = t.world.move_clock(&grant, clock, Some(3), &request()).await;
    assert_eq!(refused, Err(Problem::conflict(3, 1)));
    assert_eq!(t.head(&campaign).await, 2);
}
