//! Refusals: each with its code, none with anything internal.

use fanfare::api::graphql::SchemaOptions;
use serde_json::{Value, json};

use crate::support::graphql::Api;

#[tokio::test]
async fn a_version_conflict_says_both_versions() {
    let api = Api::new().await;
    let campaign = api.campaign("Coast").await;
    let document =
        "mutation($id: ID!) { updateCampaign(id: $id, input: { name: \"X\" }, expectedVersion: 7) { id } }";
    let error = api.error("ada", document, json!({ "id": campaign })).await;
    assert_eq!(error["extensions"], json!({ "code": "VERSION_CONFLICT", "expected": 7, "actual": 1 }));
    let document = "mutation($id: ID!) { setMember(campaignId: $id, userId: \"ada\", role: GM) { role } }";
    let error = api.error("ada", document, json!({ "id": campaign })).await;
    assert_eq!(error["extensions"], json!({ "code": "CONFLICT" }), "the last OWNER is no matter of versions");
}

/// What is absent and what is somebody else's are answered alike, byte for byte.
#[tokio::test]
async fn absent_and_forbidden_look_the_same() {
    let api = Api::new().await;
    let campaign = api.campaign("Coast").await;
    let settlement = api.settlement(&campaign, "Hollowford").await;
    let structure = api.structure(&settlement, "WALL").await;
    let absent = "01936b2e-0000-7000-8000-000000000001";
    for (document, there) in [
        ("query($id: ID!) { campaign(id: $id) { name } }", &campaign),
        ("query($id: ID!) { settlement(id: $id) { name } }", &settlement),
        ("query($id: ID!) { structure(id: $id) { name } }", &structure),
        ("query($id: ID!) { settlements(campaignId: $id) { nodes { name } } }", &campaign),
        ("query($id: ID!) { members(campaignId: $id) { nodes { userId } } }", &campaign),
        ("query($id: ID!) { structures(settlementId: $id) { nodes { name } } }", &settlement),
        ("mutation($id: ID!) { updateSettlement(id: $id, input: { level: 2 }) { name } }", &settlement),
        ("mutation($id: ID!) { deleteStructure(id: $id) }", &structure),
        (
            "mutation($id: ID!) { advanceWorldTime(campaignId: $id, amount: 1, unit: DAYS) { name } }",
            &campaign,
        ),
        (
            "mutation($id: ID!) { createSettlement(input: { campaignId: $id, name: \"Mine\" }) { name } }",
            &campaign,
        ),
    ] {
        let foreign = api.response("eve", document, json!({ "id": there })).await;
        assert_eq!(foreign, api.response("eve", document, json!({ "id": absent })).await, "{document}");
        assert_eq!(foreign["errors"][0]["extensions"], json!({ "code": "NOT_FOUND" }));
    }
}

#[tokio::test]
async fn a_weak_role_is_forbidden() {
    let api = Api::new().await;
    let campaign = api.campaign("Coast").await;
    let settlement = api.settlement(&campaign, "Hollowford").await;
    let join = "mutation($of: ID!) { setMember(campaignId: $of, userId: \"dan\", role: VIEWER) { role } }";
    api.data("ada", join, json!({ "of": campaign })).await;
    for (document, id) in [
        ("mutation($id: ID!) { updateSettlement(id: $id, input: { level: 2 }) { name } }", &settlement),
        ("mutation($id: ID!) { deleteCampaign(id: $id) }", &campaign),
        (
            "mutation($id: ID!) { setWorldTime(campaignId: $id, worldTime: \"2000-01-01T00:00:00Z\") { name } }",
            &campaign,
        ),
    ] {
        assert_eq!(api.code("dan", document, json!({ "id": id })).await, "FORBIDDEN", "{document}");
    }
    api.data("dan", "query($id: ID!) { settlement(id: $id) { defense } }", json!({ "id": settlement })).await;
}

/// Every wrong input names its field, whoever finds it: the schema, the argument or the service.
#[tokio::test]
async fn bad_input_names_its_fields() {
    let api = Api::new().await;
    let campaign = api.campaign("Coast").await;
    let create = "mutation($input: CreateSettlementInput!) { createSettlement(input: $input) { id } }";
    let settlement = |extra: Value| {
        let mut input = json!({ "campaignId": campaign, "name": "A" });
        input.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        json!({ "input": input })
    };
    let list = "query($of: ID!, $first: Int, $after: String) {
        settlements(campaignId: $of, first: $first, after: $after) { nodes { id } } }";
    let page = |first: i64| json!({ "of": campaign, "first": first });
    let clock = "mutation($of: ID!, $amount: Int!) { advanceWorldTime(campaignId: $of, amount: $amount, unit: WEEKS) { id } }";
    let tell = "mutation($of: ID!, $input: InvalidateStateInput!) { invalidateState(campaignId: $of, input: $input) { id } }";
    for (document, variables, fields) in [
        (
            create,
            settlement(json!({ "name": "", "level": 0, "population": -4 })),
            vec!["level", "name", "population"],
        ),
        (create, settlement(json!({ "position": { "x": 1e9, "y": 0 } })), vec!["position"]),
        (create, settlement(json!({ "variables": { "v": "x".repeat(20_000) } })), vec!["variables"]),
        (create, settlement(json!({ "campaignId": "nonsense" })), vec!["campaignId"]),
        (create, settlement(json!({ "level": "high" })), vec!["level"]),
        (create, settlement(json!({ "variables": [1] })), vec!["variables"]),
        (list, page(0), vec!["first"]),
        (list, page(101), vec!["first"]),
        (list, page(-1), vec!["first"]),
        (list, json!({ "of": campaign, "after": "nonsense" }), vec!["after"]),
        (list, json!({ "of": "nonsense" }), vec!["campaignId"]),
        (clock, json!({ "of": campaign, "amount": 0 }), vec!["amount"]),
        (clock, json!({ "of": campaign, "amount": 1_000_000 }), vec!["amount"]),
        (tell, json!({ "of": campaign, "input": { "scope": "ENTITY" } }), vec!["entities"]),
        (
            tell,
            json!({ "of": campaign, "input": { "scope": "CAMPAIGN",
            "entities": [{ "entityType": "ITEM", "entityId": "x" }] } }),
            vec!["entities"],
        ),
        (
            "mutation { createCampaign(input: { name: \"A\" }, requestId: \"has space\") { id } }",
            json!({}),
            vec!["requestId"],
        ),
        ("query { campaign(id: \"nonsense\") { id } }", json!({}), vec!["id"]),
    ] {
        let error = api.error("ada", document, variables.clone()).await;
        assert_eq!(error["extensions"]["code"], "BAD_REQUEST", "{error:#}");
        let details = error["extensions"]["details"].as_array().unwrap_or_else(|| panic!("{error:#}"));
        let mut named: Vec<_> = details.iter().map(|detail| detail["field"].as_str().unwrap()).collect();
        named.sort_unstable();
        assert_eq!(named, fields, "{document} {variables}");
    }
}

#[tokio::test]
async fn what_the_schema_refuses_has_a_code_too() {
    let api = Api::new().await;
    for document in [
        "{ campaigns { nodes { secret } } }",
        "{ campaign { id } }",
        "query { ",
        "",
        "mutation { createCampaign(input: { name: 7 }) { id } }",
        "mutation { setWorldTime(campaignId: \"x\", worldTime: \"yesterday\") { id } }",
        "subscription { x }",
        "query a { viewer { userId } } query b { viewer { userId } }",
    ] {
        let response = api.response("ada", document, json!({})).await;
        for error in response["errors"].as_array().unwrap_or_else(|| panic!("{document}: {response:#}")) {
            assert_eq!(error["extensions"]["code"], "BAD_REQUEST", "{document}: {error:#}");
        }
    }
}

#[tokio::test]
async fn strangers_cannot_explore_the_schema_in_production() {
    let api = Api::new().await;
    let response = api.response("ada", "{ __schema { types { name } } }", json!({})).await;
    assert!(response["data"].is_null() || response["data"]["__schema"].is_null(), "{response:#}");
    let error = api.error("ada", "{ campaigns { nodes { nam } } }", json!({})).await;
    assert!(!error["message"].as_str().unwrap().contains("name"), "no hint at what there is: {error:#}");

    let development = Api::with(SchemaOptions { introspection: true, ..Default::default() }).await;
    let data = development.data("ada", "{ __schema { queryType { name } } }", json!({})).await;
    assert_eq!(data["__schema"]["queryType"]["name"], "Query");
}
