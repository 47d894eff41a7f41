//! Changing: every mutation by its own name, with versions, request ids and the caller's correlation id.

use serde_json::{Value, json};

use crate::support::graphql::Api;

#[tokio::test]
async fn every_mutation_answers_what_is_after_it() {
    let api = Api::new().await;
    let run = async |document: &str, variables: Value| {
        let data = api.data("ada", &format!("mutation {document}"), variables).await;
        data.as_object().unwrap().values().next().unwrap().clone()
    };
    let id = |value: &Value| value["id"].as_str().unwrap().to_owned();

    let campaign = run(
        "($input: CreateCampaignInput!) { createCampaign(input: $input, requestId: \"c-1\") { id name version } }",
        json!({ "input": { "name": "Coast" } }),
    )
    .await;
    assert_eq!((&campaign["name"], &campaign["version"]), (&json!("Coast"), &json!(1)));
    let c = id(&campaign);
    let changed = run(
        "($id: ID!) { updateCampaign(id: $id, input: { description: \"Wet\" }, expectedVersion: 1, requestId: \"c-2\")
            { description name version worldTime } }",
        json!({ "id": c }),
    )
    .await;
    assert_eq!(
        changed,
        json!({ "description": "Wet", "name": "Coast", "version": 2, "worldTime": "1970-01-01T00:00:00.000Z" })
    );
    let member = run(
        "($id: ID!) { setMember(campaignId: $id, userId: \"ben\", role: GM) { userId role campaignId } }",
        json!({ "id": c }),
    )
    .await;
    assert_eq!(member, json!({ "userId": "ben", "role": "GM", "campaignId": c }));
    let left = run("($id: ID!) { removeMember(campaignId: $id, userId: \"ben\") }", json!({ "id": c })).await;
    assert_eq!(left, "ben");

    let settlement = run(
        "($input: CreateSettlementInput!) { createSettlement(input: $input) { id level population position { x y } variables } }",
        json!({ "input": { "campaignId": c, "name": "Hollowford", "position": { "x": 3, "y": -1.5 } } }),
    )
    .await;
    assert_eq!((&settlement["level"], &settlement["population"]), (&json!(1), &json!(0)));
    assert_eq!(settlement["position"], json!({ "x": 3.0, "y": -1.5 }));
    let s = id(&settlement);
    let changed = run(
        "($id: ID!, $input: UpdateSettlementInput!) {
            updateSettlement(id: $id, input: $input, expectedVersion: 1) { name level population version variables } }",
        json!({ "id": s, "input": { "level": 4, "population": 30, "variables": { "a": [1, null, "x"] } } }),
    )
    .await;
    assert_eq!(
        changed,
        json!({ "name": "Hollowford", "level": 4, "population": 30, "version": 2, "variables": { "a": [1, null, "x"] } })
    );

    let structure = run(
        "($input: CreateStructureInput!) { createStructure(input: $input) { id finished completesAt } }",
        json!({ "input": { "settlementId": s, "name": "Wall", "kind": "WALL", "completesAt": "1970-01-02T00:00:00Z" } }),
    )
    .await;
    assert_eq!(
        (&structure["finished"], &structure["completesAt"]),
        (&json!(false), &json!("1970-01-02T00:00:00.000Z"))
    );
    let b = id(&structure);
    let moved = run(
        "($id: ID!) { advanceWorldTime(campaignId: $id, amount: 90, unit: MINUTES) { worldTime version } }",
        json!({ "id": c }),
    )
    .await;
    assert_eq!(moved, json!({ "worldTime": "1970-01-01T01:30:00.000Z", "version": 3 }));
    let set = run(
        "($id: ID!) { setWorldTime(campaignId: $id, worldTime: \"1970-01-02T00:00:00Z\", expectedVersion: 3) { worldTime version } }",
        json!({ "id": c }),
    )
    .await;
    assert_eq!(set, json!({ "worldTime": "1970-01-02T00:00:00.000Z", "version": 4 }));
    let changed = run(
        "($id: ID!, $input: UpdateStructureInput!) { updateStructure(id: $id, input: $input, expectedVersion: 2)
            { name kind level completesAt finished version settlement { defense } } }",
        json!({ "id": b, "input": { "level": 3, "completesAt": null } }),
    )
    .await;
    assert_eq!(
        changed,
        json!({ "name": "Wall", "kind": "WALL", "level": 3, "completesAt": null, "finished": true, "version": 3,
                "settlement": { "defense": 8 + 30 } })
    );
    let told = run(
        "($id: ID!, $input: InvalidateStateInput!) { invalidateState(campaignId: $id, input: $input) { version } }",
        json!({ "id": c, "input": { "scope": "ENTITY", "fields": ["weather"], "reason": "A storm.",
                                    "entities": [{ "entityType": "SETTLEMENT", "entityId": s }] } }),
    )
    .await;
    assert_eq!(told, json!({ "version": 4 }), "nothing is written");
    let root = fanfare::protocol::Root::Campaign(c.parse().unwrap());
    let log = api.t.log_of(&root, 0).await;
    assert_eq!(
        log.last().unwrap().0["payload"],
        json!({ "campaignId": c, "scope": "entity", "entities": [{ "entityType": "settlement", "entityId": s }],
                "entityIds": [s], "fields": ["weather"], "reason": "A storm." })
    );
    assert_eq!(log[0].0["metadata"]["correlationId"], "http-1");
    assert_eq!(log[0].0["metadata"]["requestId"], "c-1");

    assert_eq!(
        run("($id: ID!) { deleteStructure(id: $id, expectedVersion: 3) }", json!({ "id": b })).await,
        b
    );
    assert_eq!(
        run("($id: ID!) { deleteSettlement(id: $id, expectedVersion: 2) }", json!({ "id": s })).await,
        s
    );
    assert_eq!(
        run("($id: ID!) { deleteCampaign(id: $id, expectedVersion: 4) }", json!({ "id": c })).await,
        c
    );
}

#[tokio::test]
async fn null_leaves_a_field_as_it_is() {
    let api = Api::new().await;
    let campaign = api.campaign("Coast").await;
    let settlement = api.settlement(&campaign, "Hollowford").await;
    let document = "mutation($id: ID!, $input: UpdateSettlementInput!) {
        updateSettlement(id: $id, input: $input) { name level version } }";
    let input = json!({ "name": null, "level": null, "variables": null, "position": null });
    let data = api.data("ada", document, json!({ "id": settlement, "input": input })).await;
    assert_eq!(data["updateSettlement"], json!({ "name": "Hollowford", "level": 1, "version": 1 }));
}

/// The second call of each gets the first one's answer, deletions too.
#[tokio::test]
async fn a_request_id_makes_repetition_harmless() {
    let api = Api::new().await;
    let campaign = api.campaign("Coast").await;
    let create = "mutation($of: ID!) { createSettlement(input: { campaignId: $of, name: \"A\" }, requestId: \"r-1\") { id } }";
    let first = api.data("ada", create, json!({ "of": campaign })).await;
    assert_eq!(api.data("ada", create, json!({ "of": campaign })).await, first);
    let id = &first["createSettlement"]["id"];
    let delete = "mutation($id: ID!) { deleteSettlement(id: $id, requestId: \"r-2\") }";
    for _ in 0..3 {
        assert_eq!(api.data("ada", delete, json!({ "id": id })).await["deleteSettlement"], *id);
    }
    assert_eq!(api.code("ben", delete, json!({ "id": id })).await, "NOT_FOUND");
    let delete = "mutation($id: ID!) { deleteCampaign(id: $id, requestId: \"r-3\") }";
    for _ in 0..2 {
        assert_eq!(api.data("ada", delete, json!({ "id": campaign })).await["deleteCampaign"], campaign);
    }
    let other = "mutation($id: ID!) { deleteCampaign(id: $id, requestId: \"r-4\") }";
    assert_eq!(api.code("ada", other, json!({ "id": campaign })).await, "NOT_FOUND");
}

/// Leaving twice with one request id is leaving once.
#[tokio::test]
async fn leaving_may_be_repeated() {
    let api = Api::new().await;
    let campaign = api.campaign("Coast").await;
    let join = "mutation($of: ID!) { setMember(campaignId: $of, userId: \"ben\", role: PLAYER) { role } }";
    api.data("ada", join, json!({ "of": campaign })).await;
    let leave = "mutation($of: ID!) { removeMember(campaignId: $of, userId: \"ben\", requestId: \"bye\") }";
    for _ in 0..2 {
        assert_eq!(api.data("ben", leave, json!({ "of": campaign })).await["removeMember"], "ben");
    }
    api.data("ada", join, json!({ "of": campaign })).await;
    let expel = "mutation($of: ID!) { removeMember(campaignId: $of, userId: \"ada\") }";
    assert_eq!(api.code("ben", expel, json!({ "of": campaign })).await, "FORBIDDEN");
}

/// A mutation that fails leaves the answers of the others in its document.
#[tokio::test]
async fn each_mutation_of_a_document_stands_alone() {
    let api = Api::new().await;
    let document = "mutation {
        good: createCampaign(input: { name: \"Coast\" }) { name }
        bad: createCampaign(input: { name: \"\" }) { name }
        last: createCampaign(input: { name: \"Marches\" }) { name }
    }";
    let response = api.response("ada", document, json!({})).await;
    assert_eq!(
        response["data"],
        json!({ "good": { "name": "Coast" }, "bad": null, "last": { "name": "Marches" } })
    );
    assert_eq!(response["errors"][0]["path"], json!(["bad"]));
}
