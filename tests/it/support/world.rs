//! A small world made through GraphQL, as an application would make it.

use serde_json::{Value, json};

use super::app::TestApp;

/// A campaign of ada's with the viewer ben, one settlement and one structure in it.
pub struct SmallWorld {
    pub campaign: String,
    pub settlement: String,
    pub structure: String,
}

impl SmallWorld {
    pub async fn new(app: &TestApp) -> Self {
        let made = app
            .graphql("ada", "mutation { createCampaign(input: { name: \"Test\" }) { id } }", json!({}))
            .await;
        let campaign = made["createCampaign"]["id"].as_str().expect("an id").to_owned();
        let made = app
            .graphql(
                "ada",
                "mutation($c: ID!) {
                    setMember(campaignId: $c, userId: \"ben\", role: VIEWER) { userId }
                    createSettlement(input: { campaignId: $c, name: \"Town\", level: 2, population: 900 }) { id }
                }",
                json!({ "c": campaign }),
            )
            .await;
        let settlement = made["createSettlement"]["id"].as_str().expect("an id").to_owned();
        let made = app
            .graphql(
                "ada",
                "mutation($s: ID!) {
                    createStructure(input: { settlementId: $s, name: \"Wall\", kind: WALL, level: 1 }) { id }
                }",
                json!({ "s": settlement }),
            )
            .await;
        let structure = made["createStructure"]["id"].as_str().expect("an id").to_owned();
        Self { campaign, settlement, structure }
    }

    pub fn campaign_room(&self) -> String {
        format!("campaign:{}", self.campaign)
    }

    pub fn settlement_room(&self) -> String {
        format!("settlement:{}", self.settlement)
    }

    pub fn structure_room(&self) -> String {
        format!("structure:{}", self.structure)
    }

    /// Changes the settlement's name; the settlement after the change.
    pub async fn rename(&self, app: &TestApp, name: &str) -> Value {
        let data = app
            .graphql(
                "ada",
                "mutation($s: ID!, $n: String!) { updateSettlement(id: $s, input: { name: $n }) { id name version } }",
                json!({ "s": self.settlement, "n": name }),
            )
            .await;
        data["updateSettlement"].clone()
    }

    /// Changes the settlement's variables, which may be long.
    pub async fn describe(&self, app: &TestApp, text: &str) {
        app.graphql(
            "ada",
            "mutation($s: ID!, $v: JSONObject!) { updateSettlement(id: $s, input: { variables: $v }) { id } }",
            json!({ "s": self.settlement, "v": { "text": text } }),
        )
        .await;
    }

    pub async fn set_member(&self, app: &TestApp, user: &str, role: &str) {
        app.graphql(
            "ada",
            "mutation($c: ID!, $u: ID!, $r: Role!) { setMember(campaignId: $c, userId: $u, role: $r) { userId } }",
            json!({ "c": self.campaign, "u": user, "r": role }),
        )
        .await;
    }

    pub async fn remove_member(&self, app: &TestApp, user: &str) {
        app.graphql(
            "ada",
            "mutation($c: ID!, $u: ID!) { removeMember(campaignId: $c, userId: $u) }",
            json!({ "c": self.campaign, "u": user }),
        )
        .await;
    }
}
