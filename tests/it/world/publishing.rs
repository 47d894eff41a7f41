//! Events of other services: checked, recorded once, in the order given.

use fanfare::{
    access::{Action, Identity, Scope},
    protocol::{Code, Problem, Role, Root},
    world::{
        entity::{Campaign, Settlement, Structure},
        events::{Incoming, Published},
        rules::StructureKind,
    },
};
use serde_json::{Value, json};

use crate::support::services::{TestWorld, identity, on_both_databases, request, user, what};

on_both_databases!(
    every_type_is_recorded,
    an_id_is_recorded_once,
    a_batch_in_order,
    several_campaigns,
    nothing_of_a_bad_batch,
    what_an_event_may_not_do,
    the_scope_and_the_user,
    a_full_batch,
);

fn engine() -> Identity {
    identity("rules").with_scopes(Scope::EventsPublish.into())
}

async fn publish(t: &TestWorld, events: Value) -> Result<Vec<Published>, Problem> {
    let events = Incoming::parse(events.to_string().as_bytes())?;
    t.world.publish_events(&engine(), events, &request()).await
}

fn invalidation(campaign: &Campaign, id: &str) -> Value {
    let payload = json!({ "campaignId": campaign.id.to_string(), "scope": "campaign" });
    json!({ "id": id, "type": "state_invalidated", "payload": payload })
}

fn refused(answer: Result<Vec<Published>, Problem>) -> Vec<String> {
    let problem = answer.unwrap_err();
    assert_eq!(problem.code, Code::BadRequest, "{problem:?}");
    problem.details.into_iter().map(|detail| detail.field).collect()
}

struct Places {
    campaign: Campaign,
    settlement: Settlement,
    structure: Structure,
    /// How many events the campaign has.
    head: usize,
}

async fn places(t: &TestWorld) -> Places {
    let campaign = t.campaign().await;
    let settlement = t.settlement(&campaign, "Hollowford").await;
    let structure = t.structure(&settlement, StructureKind::Wall, None).await;
    let head = t.head(&campaign).await;
    Places { campaign, settlement, structure, head }
}

/// req: T10
async fn every_type_is_recorded(t: &TestWorld) {
    let Places { campaign, settlement, structure, head } = places(t).await;
    let [c, s, b] = [campaign.id.to_string(), settlement.id.to_string(), structure.id.to_string()];
    let events = json!([
        { "type": "entity_updated", "payload": {
            "entityType": "character", "entityId": "hero-7", "campaignId": c, "operation": "update", "version": 4,
            "changedFields": ["hp"], "entityData": { "hp": 12 } } },
        { "type": "entity_updated", "payload": {
            "entityType": "structure", "entityId": b, "campaignId": c, "operation": "update", "version": 9 } },
        { "type": "settlement_updated", "payload": {
            "settlementId": s, "campaignId": c, "operation": "update", "version": 9, "changedFields": [] } },
        { "type": "structure_updated", "payload": {
            "structureId": b, "settlementId": s, "campaignId": c, "operation": "update", "version": 10 } },
        { "type": "world_time_changed", "payload": {
            "campaignId": c, "previousTime": "1372-04-10T08:00:00Z", "newTime": "1372-04-10T09:00:00Z",
            "version": 9, "elapsed": { "value": 1, "unit": "HOURS" } } },
        { "type": "state_invalidated", "payload": {
            "campaignId": c, "scope": "entity", "entities": [{ "entityType": "settlement", "entityId": s }] },
          "metadata": { "source": "rules-engine", "correlationId": "turn 12", "requestId": "q-1" } },
        { "type": "membership_changed", "payload": { "campaignId": c, "userId": "ada", "role": "OWNER" } },
    ]);
    let answers = publish(t, events).await.unwrap();
    assert!(answers.iter().all(|answer| !answer.duplicate));
    let log = t.log(&campaign, head).await;
    assert_eq!(
        what(&log),
        [
            "entity_updated update 4",
            "entity_updated update 9",
            "settlement_updated update 9",
            "structure_updated update 10",
            "world_time_changed 9",
            "state_invalidated",
            "membership_changed OWNER",
        ]
    );
    assert_eq!(log.iter().map(|event| event.rooms()).collect::<Vec<_>>(), [1, 2, 2, 3, 1, 1, 1]);
    for (event, answer) in log.iter().zip(&answers) {
        assert_eq!(event.0["id"], answer.id.to_string());
        assert_eq!(event.0["offsets"], serde_json::to_value(&answer.offsets).unwrap());
        assert_eq!(event.0["metadata"]["userId"], "rules");
    }
    assert_eq!(log[0].0["payload"]["entityData"], json!({ "hp": 12 }));
    assert_eq!(log[0].0["metadata"]["source"], "external");
    assert_eq!(log[0].0["metadata"]["correlationId"], "test");
    assert_eq!(
        log[5].0["metadata"],
        json!({ "userId": "rules", "source": "rules-engine", "correlationId": "turn 12", "requestId": "q-1" })
    );
    let echo = t.log_of(&Root::User(user("ada")), 1).await;
    assert_eq!(what(&echo), ["membership_changed OWNER"]);
}

async fn an_id_is_recorded_once(t: &TestWorld) {
    let Places { campaign, head, .. } = places(t).await;
    let first = publish(t, invalidation(&campaign, "tick-1")).await.unwrap();
    let again =
        publish(t, json!([invalidation(&campaign, "tick-1"), invalidation(&campaign, "tick-2")])).await;
    let again = again.unwrap();
    assert!(!first[0].duplicate && again[0].duplicate && !again[1].duplicate);
    assert_eq!(again[0].offsets, first[0].offsets);
    assert_eq!(t.head(&campaign).await, head + 2);

    let twice = json!([invalidation(&campaign, "tick-3"), invalidation(&campaign, "tick-3")]);
    let twice = publish(t, twice).await.unwrap();
    assert!(!twice[0].duplicate && twice[1].duplicate, "within one batch, too");
    assert_eq!(twice[0].offsets, twice[1].offsets);
    assert_eq!(t.head(&campaign).await, head + 3);
}

async fn a_batch_in_order(t: &TestWorld) {
    let Places { campaign, head, .. } = places(t).await;
    let events: Vec<_> = (0..40).map(|n| invalidation(&campaign, &format!("n-{n}"))).collect();
    let answers = publish(t, Value::Array(events)).await.unwrap();
    let ids: Vec<_> = answers.iter().map(|answer| answer.id.to_string()).collect();
    assert_eq!(ids, (0..40).map(|n| format!("n-{n}")).collect::<Vec<_>>());
    let log = t.log(&campaign, head).await;
    assert_eq!(log.iter().map(|event| event.0["id"].as_str().unwrap()).collect::<Vec<_>>(), ids);
}

async fn several_campaigns(t: &TestWorld) {
    let (first, second) = (t.campaign().await, t.campaign().await);
    let mixed = json!([
        invalidation(&second, "a"),
        invalidation(&first, "b"),
        invalidation(&second, "c"),
        invalidation(&first, "a"),
    ]);
    let answers = publish(t, mixed).await.unwrap();
    assert!(answers.iter().all(|answer| !answer.duplicate), "an id is a campaign's own");
    let ids = |log: Vec<crate::support::services::Seen>| -> Vec<String> {
        log.iter().map(|event| event.0["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(t.log(&first, 2).await), ["b", "a"]);
    assert_eq!(ids(t.log(&second, 2).await), ["a", "c"]);
}

async fn nothing_of_a_bad_batch(t: &TestWorld) {
    let Places { campaign, settlement, head, .. } = places(t).await;
    let other = t.campaign().await;
    let foreign = t.settlement(&other, "Elsewhere").await;
    let others = t.head(&other).await;
    let (c, s) = (campaign.id.to_string(), settlement.id.to_string());
    let update = |settlement: &str, campaign: &str| {
        let payload = json!({ "settlementId": settlement, "campaignId": campaign, "operation": "update", "version": 2 });
        json!({ "type": "settlement_updated", "payload": payload })
    };
    let absent = "01936b2e-0000-7000-8000-000000000001";
    let good = || invalidation(&campaign, "good");
    for (bad, field) in [
        (update(&foreign.id.to_string(), &c), "[1].payload.settlementId"),
        (update(absent, &c), "[1].payload.settlementId"),
        (update(&s, absent), "[1].payload.campaignId"),
        (update("x", &c), "[1]"),
        (json!({ "type": "dragon_appeared", "payload": {} }), "[1]"),
        (
            json!({ "type": "entity_updated", "payload": {
            "entityType": "settlement", "entityId": "not-an-id", "campaignId": c, "operation": "update", "version": 1 } }),
            "[1].payload.entityId",
        ),
        (
            json!({ "type": "entity_updated", "payload": {
            "entityType": "item", "entityId": "", "campaignId": c, "operation": "update", "version": 1 } }),
            "[1].payload.entityId",
        ),
        (
            json!({ "type": "structure_updated", "payload": {
            "structureId": absent, "settlementId": s, "campaignId": c, "operation": "update", "version": 1 } }),
            "[1].payload.structureId",
        ),
        (
            json!({ "type": "world_time_changed", "payload": {
            "campaignId": c, "previousTime": "yesterday", "newTime": "1372-04-10T09:00:00Z", "version": 9 } }),
            "[1]",
        ),
        (
            json!({ "type": "state_invalidated", "payload": { "campaignId": c, "scope": "campaign" },
                 "metadata": { "source": "" } }),
            "[1].metadata.source",
        ),
        (
            json!({ "type": "state_invalidated", "payload": {
            "campaignId": c, "scope": "campaign", "reason": "x".repeat(501) } }),
            "[1].payload.reason",
        ),
        (
            json!({ "type": "state_invalidated", "payload": {
            "campaignId": c, "scope": "entity", "entityIds": [s] } }),
            "[1].payload.entities",
        ),
        (
            json!({ "type": "state_invalidated", "payload": {
            "campaignId": c, "scope": "entity", "entities": [] } }),
            "[1].payload.entities",
        ),
    ] {
        assert_eq!(refused(publish(t, json!([good(), bad])).await), [field], "{bad}");
    }
    // Of two campaigns, whichever is recorded first.
    let last = "ffffffff-ffff-7fff-bfff-ffffffffffff";
    for (good, bad, field) in [
        (good(), update(&s, last), "[1].payload.campaignId"),
        (good(), update(&s, &other.id.to_string()), "[1].payload.settlementId"),
        (invalidation(&other, "good"), update(&foreign.id.to_string(), &c), "[1].payload.settlementId"),
    ] {
        assert_eq!(refused(publish(t, json!([good, bad])).await), [field], "{bad}");
    }
    assert_eq!(t.head(&campaign).await, head, "not even the good event of a bad batch");
    assert_eq!(t.head(&other).await, others);
}

/// An event cannot throw anybody out: deletions and removals are changes of this server's own tables.
async fn what_an_event_may_not_do(t: &TestWorld) {
    let Places { campaign, settlement, structure, head } = places(t).await;
    t.member(&campaign, "ben", Role::Gm).await;
    let [c, s, b] = [campaign.id.to_string(), settlement.id.to_string(), structure.id.to_string()];
    for (bad, field) in [
        (
            json!({ "type": "entity_updated", "payload": {
            "entityType": "campaign", "entityId": c, "campaignId": c, "operation": "delete", "version": 2 } }),
            "operation",
        ),
        (
            json!({ "type": "settlement_updated", "payload": {
            "settlementId": s, "campaignId": c, "operation": "delete", "version": 2 } }),
            "operation",
        ),
        (
            json!({ "type": "structure_updated", "payload": {
            "structureId": b, "settlementId": s, "campaignId": c, "operation": "delete", "version": 2 } }),
            "operation",
        ),
        (
            json!({ "type": "membership_changed", "payload": { "campaignId": c, "userId": "ben", "role": null } }),
            "role",
        ),
    ] {
        assert_eq!(refused(publish(t, bad).await), [format!("[0].payload.{field}")]);
    }
    let stranger = json!({ "type": "membership_changed",
                           "payload": { "campaignId": c, "userId": "eve", "role": null } });
    publish(t, stranger).await.expect("eve is no member, so it is true");
    let item = json!({ "type": "entity_updated", "payload": {
        "entityType": "item", "entityId": "sword", "campaignId": c, "operation": "delete", "version": 2 } });
    publish(t, item).await.expect("items are the publisher's own");
    assert_eq!(t.head(&campaign).await, head + 3);
    t.grant("ben", &settlement, Action::View).await;
}

async fn the_scope_and_the_user(t: &TestWorld) {
    let Places { campaign, head, .. } = places(t).await;
    let events = || Incoming::parse(invalidation(&campaign, "x").to_string().as_bytes()).unwrap();
    let refused = t.world.publish_events(&identity("ada"), events(), &request()).await.unwrap_err();
    assert_eq!(refused.code, Code::Forbidden, "even for the campaign's own OWNER");
    let mut forged = events();
    forged[0].metadata.user_id = Some(user("ada"));
    let refused = t.world.publish_events(&engine(), forged, &request()).await.unwrap_err();
    assert_eq!(refused.code, Code::Forbidden);
    let mut own = events();
    own[0].metadata.user_id = Some(user("rules"));
    t.world.publish_events(&engine(), own, &request()).await.unwrap();
    assert_eq!(t.head(&campaign).await, head + 1);
}

async fn a_full_batch(t: &TestWorld) {
    let Places { campaign, structure, settlement, head } = places(t).await;
    let event = |n| {
        json!({ "id": format!("e-{n}"), "type": "structure_updated", "payload": {
        "structureId": structure.id.to_string(), "settlementId": settlement.id.to_string(),
        "campaignId": campaign.id.to_string(), "operation": "update", "version": n } })
    };
    let batch: Vec<_> = (0..500).map(event).collect();
    let answers = publish(t, Value::Array(batch.clone())).await.unwrap();
    assert_eq!(answers.len(), 500);
    let again = publish(t, Value::Array(batch)).await.unwrap();
    assert!(again.iter().all(|answer| answer.duplicate));
    assert_eq!(again.last().map(|a| &a.offsets), answers.last().map(|a| &a.offsets));
    assert_eq!(t.head(&campaign).await, head + 500);
}
