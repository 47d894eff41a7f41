//! How many SQL statements a document takes: it must not depend on how many rows it answers.

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde_json::json;

use crate::support::graphql::Api;

/// Reads the counter of statements in this thread; the tests here run on one.
fn reads(metrics: &PrometheusHandle) -> u64 {
    let text = metrics.render();
    let lines = text.lines().filter(|line| line.starts_with("store_queries_total{kind=\"read\""));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

#[tokio::test]
async fn nested_lists_are_not_read_row_by_row() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let api = Api::new().await;
    let document = "{ campaigns { nodes {
        name myRole members { nodes { userId } }
        settlements { nodes {
            name defense prosperity capacity campaign { name }
            structures { nodes { name finished settlement { name campaign { worldTime } } } }
        } }
    } } }";
    let cost = async || {
        let before = reads(&metrics);
        let data = api.data("ada", document, json!({})).await;
        (reads(&metrics) - before, data)
    };

    let campaign = api.campaign("Small").await;
    let settlement = api.settlement(&campaign, "One").await;
    api.structure(&settlement, "FARM").await;
    let (small, _) = cost().await;
    api.t.world.seed().await.unwrap();
    let (large, data) = cost().await;
    let campaigns = data["campaigns"]["nodes"].as_array().unwrap();
    let settlements: usize =
        campaigns.iter().map(|c| c["settlements"]["nodes"].as_array().unwrap().len()).sum();
    assert_eq!((campaigns.len(), settlements), (3, 13));
    assert!(small > 0, "the counter counts");
    assert_eq!(large, small, "as many statements for 13 settlements as for one");
    assert!(small <= 12, "about one a field that reads: {small}");
}
