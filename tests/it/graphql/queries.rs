//! Reading: fields, nesting, pages, and who sees what.

use serde_json::{Value, json};

use crate::support::{graphql::Api, services::SPRING};

#[tokio::test]
async fn the_viewer_is_the_token() {
    let api = Api::new().await;
    let data = api.data("ada", "{ viewer { userId name scopes expiresAt } }", json!({})).await;
    assert_eq!(data["viewer"]["userId"], "ada");
    assert_eq!(data["viewer"]["name"], "ADA");
    assert_eq!(data["viewer"]["scopes"], json!([]));
    assert!(data["viewer"]["expiresAt"].as_str().unwrap().ends_with("Z"));
}

#[tokio::test]
async fn everything_of_a_campaign_in_one_document() {
    let api = Api::new().await;
    let campaign = api.campaign("Coast").await;
    let settlement = api.settlement(&campaign, "Hollowford").await;
    let wall = api.structure(&settlement, "WALL").await;
    let document = "query($id: ID!) {
        campaign(id: $id) {
            id name description worldTime version myRole
            members { nodes { userId role name campaignId } }
            settlements { nodes {
                id campaignId name level population position { x y } variables version
                defense prosperity capacity
                campaign { name }
                structures { nodes {
                    id settlementId campaignId name kind level completesAt finished variables version
                    settlement { name }
                } }
            } }
        }
    }";
    let data = api.data("ada", document, json!({ "id": campaign })).await;
    assert_eq!(
        data["campaign"],
        json!({
            "id": campaign, "name": "Coast", "description": "", "worldTime": SPRING, "version": 1, "myRole": "OWNER",
            "members": { "nodes": [{ "userId": "ada", "role": "OWNER", "name": "ADA", "campaignId": campaign }] },
            "settlements": { "nodes": [{
                "id": settlement, "campaignId": campaign, "name": "Hollowford", "level": 1, "population": 100,
                "position": { "x": 0.0, "y": 0.0 }, "variables": {}, "version": 1,
                "defense": 12, "prosperity": 6, "capacity": 50,
                "campaign": { "name": "Coast" },
                "structures": { "nodes": [{
                    "id": wall, "settlementId": settlement, "campaignId": campaign, "name": "WALL", "kind": "WALL",
                    "level": 1, "completesAt": null, "finished": true, "variables": {}, "version": 1,
                    "settlement": { "name": "Hollowford" },
                }] },
            }] },
        })
    );
}

/// Events speak GraphQL: what they carry is named and written as the schema names and writes it.
#[tokio::test]
async fn events_carry_what_graphql_answers() {
    let api = Api::new().await;
    let campaign = api.campaign("Coast").await;
    let settlement = api.settlement(&campaign, "Hollowford").await;
    let input = json!({ "settlementId": settlement, "name": "Mill", "kind": "FARM", "level": 2,
                        "completesAt": "1372-05-01T00:00:00Z", "variables": { "stones": [1, { "kind": "granite" }] } });
    let document = "mutation($input: CreateStructureInput!) { createStructure(input: $input) {
        id settlementId campaignId name kind level completesAt finished variables version } }";
    let structure = api.data("ada", document, json!({ "input": input })).await["createStructure"].clone();
    let id = settlement.as_str();
    let document = "query($id: ID!) { settlement(id: $id) {
        id campaignId name level population position { x y } variables version } }";
    let settlement = api.data("ada", document, json!({ "id": id })).await["settlement"].clone();
    let document = "query($id: ID!) { campaign(id: $id) { id name description worldTime version } }";
    let campaign = api.data("ada", document, json!({ "id": campaign })).await["campaign"].clone();

    let root = fanfare::protocol::Root::Campaign(campaign["id"].as_str().unwrap().parse().unwrap());
    let log = api.t.log_of(&root, 0).await;
    let payload = |kind: &str| log.iter().find(|event| event.0["type"] == kind).unwrap().0["payload"].clone();
    assert_eq!(payload("entity_updated")["entityData"], campaign);
    assert_eq!(payload("settlement_updated")["settlementData"], settlement);
    assert_eq!(payload("structure_updated")["structureData"], structure);
}

#[tokio::test]
async fn pages_follow_one_another() {
    let api = Api::new().await;
    let campaign = api.campaign("Coast").await;
    let mut names = Vec::new();
    for n in 0..5 {
        names.push(format!("S{n}"));
        api.settlement(&campaign, &names[n]).await;
    }
    let document = "query($of: ID!, $first: Int, $after: String) {
        settlements(campaignId: $of, first: $first, after: $after) {
            edges { cursor node { name } } nodes { name }
            pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        }
    }";
    let mut seen = Vec::new();
    let mut after = Value::Null;
    for (page, size) in [2, 2, 1].into_iter().enumerate() {
        let variables = json!({ "of": campaign, "first": 2, "after": after });
        let data = api.data("ada", document, variables).await["settlements"].clone();
        let edges = data["edges"].as_array().unwrap();
        assert_eq!(edges.len(), size);
        seen.extend(edges.iter().map(|edge| edge["node"]["name"].as_str().unwrap().to_owned()));
        let info = &data["pageInfo"];
        assert_eq!(info["hasNextPage"], page < 2);
        assert_eq!(info["hasPreviousPage"], page > 0);
        assert_eq!(info["startCursor"], edges[0]["cursor"]);
        assert_eq!(info["endCursor"], edges[size - 1]["cursor"]);
        after = info["endCursor"].clone();
    }
    assert_eq!(seen, names);
}

/// A nested list is cut for each parent, and continues for each parent.
#[tokio::test]
async fn nested_pages_are_each_parent_s_own() {
    let api = Api::new().await;
    let campaign = api.campaign("Coast").await;
    for name in ["A", "B"] {
        let settlement = api.settlement(&campaign, name).await;
        for kind in ["WALL", "FARM", "TOWER"] {
            api.structure(&settlement, kind).await;
        }
    }
    let document = "query($of: ID!, $after: String) { settlements(campaignId: $of) { nodes {
        name structures(first: 2, after: $after) { nodes { kind id } pageInfo { hasNextPage endCursor } } } } }";
    let data = api.data("ada", document, json!({ "of": campaign })).await;
    let nodes = data["settlements"]["nodes"].as_array().unwrap();
    for node in nodes {
        assert_eq!(node["structures"]["nodes"].as_array().unwrap().len(), 2);
        assert_eq!(node["structures"]["pageInfo"]["hasNextPage"], true);
    }
    let after = nodes[0]["structures"]["pageInfo"]["endCursor"].clone();
    let data = api.data("ada", document, json!({ "of": campaign, "after": after })).await;
    let nodes = data["settlements"]["nodes"].as_array().unwrap();
    assert_eq!(nodes[0]["structures"]["nodes"][0]["kind"], "TOWER");
    assert_eq!(nodes[1]["structures"]["nodes"].as_array().unwrap().len(), 2, "all of B's are younger");
}

#[tokio::test]
async fn everybody_sees_their_own_campaigns() {
    let api = Api::new().await;
    api.t.world.seed().await.unwrap();
    let names = async |user: &str| {
        let document = "{ campaigns { nodes { name myRole } } }";
        let data = api.data(user, document, json!({})).await;
        let nodes = data["campaigns"]["nodes"].as_array().unwrap().clone();
        nodes
            .iter()
            .map(|n| format!("{} {}", n["name"].as_str().unwrap(), n["myRole"].as_str().unwrap()))
            .collect::<Vec<_>>()
    };
    let expect = |list: &[&str]| list.iter().map(|&name| name.to_owned()).collect::<Vec<String>>();
    assert_eq!(names("ada").await, expect(&["The Shattered Coast OWNER", "The Northern Marches GM"]));
    assert_eq!(names("cyd").await, expect(&["The Shattered Coast PLAYER"]));
    assert_eq!(names("dan").await, expect(&["The Shattered Coast VIEWER", "The Northern Marches PLAYER"]));
    assert_eq!(names("eve").await, expect(&[]));
}
