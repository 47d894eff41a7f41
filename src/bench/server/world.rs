//! The world that a scenario plays in: campaigns with a settlement and a structure each, and their members.

use serde_json::{Value, json};

use super::fanfare::{Fanfare, user_name};
use crate::bench::error::BenchError;

/// One campaign of the scenario. Its first user is its OWNER.
#[derive(Debug, Clone)]
pub struct Campaign {
    pub campaign: String,
    pub settlement: String,
    pub structure: String,
}

/// The longest a GraphQL document gets: so many memberships at once.
const BATCH: usize = 20;

impl Campaign {
    /// The names of the three rooms, the root first.
    pub fn rooms(&self) -> [String; 3] {
        [
            format!("campaign:{}", self.campaign),
            format!("settlement:{}", self.settlement),
            format!("structure:{}", self.structure),
        ]
    }
}

/// Makes a campaign through GraphQL and the users with the numbers `members` members of it.
///
/// # Errors
/// When the server refuses it.
pub fn create(server: &Fanfare, members: impl Iterator<Item = usize>) -> Result<Campaign, BenchError> {
    let id = |data: &Value, field: &str| data[field]["id"].as_str().unwrap_or_default().to_owned();
    let data = server.graphql(
        "mutation($input: CreateCampaignInput!) { createCampaign(input: $input) { id } }",
        json!({ "input": { "name": "Bench" } }),
    )?;
    let campaign = id(&data, "createCampaign");
    let data = server.graphql(
        "mutation($input: CreateSettlementInput!) { createSettlement(input: $input) { id } }",
        json!({ "input": { "campaignId": campaign, "name": "Bench" } }),
    )?;
    let settlement = id(&data, "createSettlement");
    let data = server.graphql(
        "mutation($input: CreateStructureInput!) { createStructure(input: $input) { id } }",
        json!({ "input": { "settlementId": settlement, "name": "Bench", "kind": "FARM" } }),
    )?;
    let structure = id(&data, "createStructure");
    let members: Vec<usize> = members.filter(|number| *number != 0).collect();
    for batch in members.chunks(BATCH) {
        let fields: String = batch
            .iter()
            .map(|number| {
                let user = user_name(*number);
                format!("m{number}: setMember(campaignId: $id, userId: \"{user}\", role: VIEWER) {{ role }} ")
            })
            .collect();
        server.graphql(&format!("mutation($id: ID!) {{ {fields} }}"), json!({ "id": campaign }))?;
    }
    Ok(Campaign { campaign, settlement, structure })
}
