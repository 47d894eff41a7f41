//! What a document may cost.

use fanfare::api::graphql::SchemaOptions;
use serde_json::json;

use crate::support::graphql::Api;

#[tokio::test]
async fn depth_is_limited() {
    let api = Api::new().await;
    let nested = |levels: usize| {
        let mut document = "id".to_owned();
        for _ in 0..levels {
            document = format!("campaign {{ settlements(first: 1) {{ nodes {{ {document} }} }} }}");
        }
        format!("{{ settlement(id: \"x\") {{ {document} }} }}")
    };
    assert_eq!(api.code("ada", &nested(4), json!({})).await, "BAD_REQUEST", "only the id is wrong");
    assert_eq!(api.code("ada", &nested(6), json!({})).await, "LIMIT_EXCEEDED");
    let error = api.error("ada", &nested(500), json!({})).await;
    assert_eq!(error["extensions"]["code"], "LIMIT_EXCEEDED", "{error:#}");
}

#[tokio::test]
async fn cost_is_limited() {
    let api = Api::new().await;
    let product = |first: u32| {
        format!(
            "{{ campaigns(first: {first}) {{ nodes {{ settlements(first: {first}) {{ nodes {{
                structures(first: {first}) {{ nodes {{ id }} }} }} }} }} }} }}"
        )
    };
    api.data("ada", &product(20), json!({})).await;
    assert_eq!(api.code("ada", &product(100), json!({})).await, "LIMIT_EXCEEDED");
    let variables = "query($n: Int) { campaigns(first: $n) { nodes { settlements(first: $n) { nodes {
        structures(first: $n) { nodes { id } } } } } } }";
    assert_eq!(
        api.code("ada", variables, json!({ "n": 100 })).await,
        "LIMIT_EXCEEDED",
        "variables count, too"
    );
    let immense = product(i32::MAX as u32);
    let hidden = format!("{{ viewer {{ userId }} a: {}", immense.trim_start_matches("{ "));
    assert_eq!(api.code("ada", &hidden, json!({})).await, "LIMIT_EXCEEDED", "no sum starts again at zero");
}

#[tokio::test]
async fn one_document_carries_few_mutations() {
    let api = Api::new().await;
    let mutations = |n: usize| {
        let fields: String =
            (0..n).map(|i| format!("m{i}: createCampaign(input: {{ name: \"{i}\" }}) {{ id }} ")).collect();
        format!("mutation {{ {fields} }}")
    };
    api.data("ada", &mutations(10), json!({})).await;
    assert_eq!(api.code("ada", &mutations(51), json!({})).await, "LIMIT_EXCEEDED");
}

/// Documents made to exhaust a parser or a validator end with an error, quickly.
#[tokio::test]
async fn hostile_documents_end() {
    let api = Api::new().await;
    let aliases: String = (0..2_000).map(|i| format!("a{i}: viewer {{ userId }} ")).collect();
    let fragments: String =
        (0..200).map(|i| format!("fragment f{i} on Viewer {{ ...f{} ...f{} }} ", i + 1, i + 1)).collect();
    for document in [
        "{".repeat(30_000),
        format!("{{ viewer {}", "{ userId ".repeat(5_000)),
        format!("{{ {aliases} }}"),
        format!("{{ viewer {{ ...f0 }} }} {fragments} fragment f200 on Viewer {{ userId }}"),
        "{ viewer { ...f } } fragment f on Viewer { ...g } fragment g on Viewer { ...f }".to_owned(),
        format!("{{ campaign(id: {}1{}) {{ id }} }}", "[".repeat(10_000), "]".repeat(10_000)),
        format!("{{ viewer {{ userId {} }} }}", "@include(if: true) ".repeat(3_000)),
    ] {
        let run = api.response("ada", &document, json!({}));
        let response = tokio::time::timeout(std::time::Duration::from_secs(20), run).await;
        let response = response.unwrap_or_else(|_| panic!("too slow: {}…", &document[..60]));
        assert!(response.is_object());
    }
}

/// So many spreads of a fragment.
fn spreads(n: usize, times: usize) -> String {
    format!("...f{n} ").repeat(times)
}

/// Fragments each of which spreads the next one so many times.
fn tree(on: &str, levels: usize, times: usize, leaf: &str) -> String {
    let branch = |n| format!("fragment f{n} on {on} {{ {} }} ", spreads(n + 1, times));
    (0..levels).map(branch).chain([format!("fragment f{levels} on {on} {{ {leaf} }}")]).collect()
}

/// Small documents whose fragments make them large, or endless.
#[test]
fn fragments_multiply_within_the_limits() {
    let within_fields = (0..6).fold(String::new(), |all, n| {
        let inner = spreads(n + 1, 10);
        all + &format!(
            "fragment f{n} on Campaign {{ settlements {{ nodes {{ campaign {{ {inner} }} }} }} }} "
        )
    }) + "fragment f6 on Campaign { id }";
    let list = "{ entityType: ITEM, entityId: \"x\" } ".repeat(500);
    let arguments = format!(
        "invalidateState(campaignId: \"x\", input: {{ scope: ENTITY, entities: [{list}] }}) {{ id }}"
    );
    let chain: String = (0..2_000).map(|n| format!("fragment f{n} on Query {{ ...f{} }} ", n + 1)).collect();
    let documents = [
        (
            format!("{{ {} }} {}", spreads(0, 10), tree("Query", 12, 10, "viewer { userId }")),
            "LIMIT_EXCEEDED",
        ),
        (format!("{{ campaigns {{ nodes {{ ...f0 }} }} }} {within_fields}"), "LIMIT_EXCEEDED"),
        (
            format!("{{ viewer {{ userId }} }} {}", tree("Query", 12, 10, "viewer { userId }")),
            "LIMIT_EXCEEDED",
        ),
        (format!("mutation {{ ...f0 }} {}", tree("Mutation", 3, 10, &arguments)), "LIMIT_EXCEEDED"),
        (
            format!("{{ viewer {{ userId }} }} {chain} fragment f2000 on Query {{ viewer {{ userId }} }}"),
            "LIMIT_EXCEEDED",
        ),
        (
            "{ ...f } fragment f on Query { ...g ...g } fragment g on Query { ...f ...f }".to_owned(),
            "LIMIT_EXCEEDED",
        ),
        ("{ ...f ...g } fragment f on Query { viewer { userId } }".to_owned(), "BAD_REQUEST"),
    ];
    let (answered, answers) = std::sync::mpsc::channel();
    let asked = documents.clone();
    // In a thread of its own, because what gives way to nothing cannot be interrupted.
    std::thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let api = Api::new().await;
            for (document, _) in asked {
                answered.send(api.code("ada", &document, json!({})).await).unwrap();
            }
            let small = format!("{{ viewer {{ ...f0 }} }} {}", tree("Viewer", 3, 10, "userId"));
            assert_eq!(api.data("ada", &small, json!({})).await, json!({ "viewer": { "userId": "ada" } }));
            answered.send("fine".to_owned()).unwrap();
        });
    });
    for (document, expected) in &documents {
        let start: String = document.chars().take(100).collect();
        let answer = answers.recv_timeout(std::time::Duration::from_secs(30));
        assert_eq!(answer.as_deref(), Ok(*expected), "{start}…");
    }
    assert_eq!(answers.recv_timeout(std::time::Duration::from_secs(30)).as_deref(), Ok("fine"));
}

/// The standard introspection query of tools passes the limits of development.
#[tokio::test]
async fn tools_can_read_the_schema_in_development() {
    let api = Api::with(SchemaOptions { introspection: true, ..Default::default() }).await;
    let of_type = (0..7).fold("kind name".to_owned(), |inner, _| format!("kind name ofType {{ {inner} }}"));
    let document = format!(
        "query IntrospectionQuery {{ __schema {{ queryType {{ name }} mutationType {{ name }} types {{ ...T }}
            directives {{ name locations args {{ ...I }} }} }} }}
        fragment T on __Type {{ kind name description
            fields(includeDeprecated: true) {{ name args {{ ...I }} type {{ ...R }} isDeprecated }}
            inputFields {{ ...I }} interfaces {{ ...R }} enumValues(includeDeprecated: true) {{ name }}
            possibleTypes {{ ...R }} }}
        fragment I on __InputValue {{ name type {{ ...R }} defaultValue }}
        fragment R on __Type {{ {of_type} }}"
    );
    let data = api.data("ada", &document, json!({})).await;
    let types = data["__schema"]["types"].as_array().unwrap();
    assert!(types.iter().any(|kind| kind["name"] == "Settlement"));
}
