//! The GraphQL schema over a fresh world, called like HTTP calls it.

use fanfare::api::graphql::{Caller, Schema, SchemaOptions, request_of, schema};
use serde_json::{Value, json};

use super::{
    database::Database,
    services::{TestWorld, identity},
};

/// A schema with a world of its own.
pub struct Api {
    pub t: TestWorld,
    schema: Schema,
}

impl Api {
    /// The schema as in production.
    pub async fn new() -> Self {
        Self::with(SchemaOptions::default()).await
    }

    /// The schema with other options.
    pub async fn with(options: SchemaOptions) -> Self {
        let t = TestWorld::over(Database::sqlite()).await;
        let schema = schema(t.world.clone(), options);
        Self { t, schema }
    }

    /// Executes a document for a user; answers the whole response.
    pub async fn response(&self, user: &str, document: &str, variables: Value) -> Value {
        let request =
            async_graphql::Request::new(document).variables(async_graphql::Variables::from_json(variables));
        let caller = Caller { identity: identity(user), correlation_id: "http-1".to_owned() };
        let response = self.schema.execute(request_of(&self.schema, request, caller)).await;
        serde_json::to_value(response).unwrap()
    }

    /// Executes a document that must succeed; answers its data.
    pub async fn data(&self, user: &str, document: &str, variables: Value) -> Value {
        let response = self.response(user, document, variables).await;
        assert_eq!(response.get("errors"), None, "{response:#}");
        response["data"].clone()
    }

    /// Executes a document that must fail with one error; answers that.
    pub async fn error(&self, user: &str, document: &str, variables: Value) -> Value {
        let response = self.response(user, document, variables).await;
        let errors = response["errors"].as_array().unwrap_or_else(|| panic!("no error: {response:#}"));
        assert_eq!(errors.len(), 1, "{errors:#?}");
        errors[0].clone()
    }

    /// The code of the one error.
    pub async fn code(&self, user: &str, document: &str, variables: Value) -> String {
        self.error(user, document, variables).await["extensions"]["code"].as_str().unwrap().to_owned()
    }

    /// A new campaign of `ada`; its id.
    pub async fn campaign(&self, name: &str) -> String {
        let document = "mutation($input: CreateCampaignInput!) { createCampaign(input: $input) { id } }";
        let input = json!({ "name": name, "worldTime": super::services::SPRING });
        let data = self.data("ada", document, json!({ "input": input })).await;
        data["createCampaign"]["id"].as_str().unwrap().to_owned()
    }

    /// A new settlement in it; its id.
    pub async fn settlement(&self, campaign: &str, name: &str) -> String {
        let document = "mutation($input: CreateSettlementInput!) { createSettlement(input: $input) { id } }";
        let input = json!({ "campaignId": campaign, "name": name, "population": 100 });
        let data = self.data("ada", document, json!({ "input": input })).await;
        data["createSettlement"]["id"].as_str().unwrap().to_owned()
    }

    /// A new structure in it; its id.
    pub async fn structure(&self, settlement: &str, kind: &str) -> String {
        let document = "mutation($input: CreateStructureInput!) { createStructure(input: $input) { id } }";
        let input = json!({ "settlementId": settlement, "name": kind, "kind": kind });
        let data = self.data("ada", document, json!({ "input": input })).await;
        data["createStructure"]["id"].as_str().unwrap().to_owned()
    }
}
