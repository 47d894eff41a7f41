use super::*;
use crate::protocol::{Offset, Root};

// req: T25
#[tokio::test]
async fn the_log_is_answered_as_it_was_delivered() {
    let api = Api::start().await;
    let campaign = api.campaign().await;
    let room = Room::Campaign(campaign);
    let viewer = api.token("dan", Scopes::default());
    let answer = api.get(&format!("/api/rooms/{room}/events"), Some(&viewer)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let body = answer.json();
    let head = body["head"].as_u64().unwrap();
    assert_eq!(body["room"], room.to_string());
    assert_eq!(body["epoch"], api.state.store.epoch().as_str());

    // Byte for byte what the sockets get (I3).
    let stored = api.state.store.events_of_root(&Root::Campaign(campaign), Offset::START, 100).await.unwrap();
    assert_eq!(stored.len() as u64, head);
    let texts: Vec<_> = stored.iter().map(|event| event.json.get()).collect();
    assert!(answer.text.contains(&format!("\"events\":[{}]", texts.join(","))), "{}", answer.text);

    let after = api.get(&format!("/api/rooms/{room}/events?after=1&limit=1"), Some(&viewer)).await.json();
    assert_eq!(after["events"].as_array().unwrap().len(), 1);
    assert_eq!(after["events"][0]["offsets"][room.to_string()], 2);
    let end = api.get(&format!("/api/rooms/{room}/events?after={head}"), Some(&viewer)).await.json();
    assert_eq!((&end["events"], &end["head"]), (&json!([]), &json!(head)));
}

#[tokio::test]
async fn a_start_that_the_log_cannot_give_is_said_to_be_so() {
    let api = Api::start().await;
    let campaign = api.campaign().await;
    let viewer = api.token("dan", Scopes::default());
    let path = format!("/api/rooms/campaign:{campaign}/events");
    let epoch = api.state.store.epoch();
    let same = api.get(&format!("{path}?epoch={epoch}&after=1"), Some(&viewer)).await;
    assert_eq!(same.status, 200, "{}", same.text);

    let other = api.get(&format!("{path}?epoch=another&after=1"), Some(&viewer)).await;
    assert!(other.problem(410, "history_trimmed").contains("new epoch"));
    // Asked for no events, the log only says where it ends: the way to a new position.
    let end = api.get(&format!("{path}?epoch=another&after=1&limit=0"), Some(&viewer)).await;
    assert_eq!((end.status, &end.json()["events"]), (StatusCode::OK, &json!([])), "{}", end.text);
    assert_eq!(end.json()["epoch"], epoch.as_str());

    let ahead = api.get(&format!("{path}?epoch={epoch}&after=1000"), Some(&viewer)).await;
    assert!(ahead.problem(410, "history_trimmed").contains("ends at"));
}

#[tokio::test]
async fn what_cannot_be_read_is_refused() {
    let api = Api::start().await;
    let campaign = api.campaign().await;
    let viewer = api.token("dan", Scopes::default());
    for query in [
        "after=-1",
        "after=x",
        "limit=301",
        "limit=4294967296",
        "after=9007199254740992",
        "after=18446744073709551616",
    ] {
        let path = format!("/api/rooms/campaign:{campaign}/events?{query}");
        api.get(&path, Some(&viewer)).await.problem(400, "bad_request");
    }
    for room in ["campaign", "campaign:1", "dragon:1", &format!("campaign:{}", "a".repeat(5_000))] {
        api.get(&format!("/api/rooms/{room}/events"), Some(&viewer)).await.problem(400, "bad_request");
    }
    api.get(&format!("/api/rooms/campaign:{campaign}/events"), None).await.problem(401, "token_missing");
}

// req: T05 B25
#[tokio::test]
async fn a_room_that_is_not_yours_looks_like_one_that_is_not_there() {
    let api = Api::start().await;
    let campaign = api.campaign().await;
    let stranger = api.token("eve", Scopes::default());
    let mut answers = Vec::new();
    for room in [
        format!("campaign:{campaign}"),
        "campaign:01936b2e-0000-7000-8000-000000000009".into(),
        "settlement:01936b2e-0000-7000-8000-000000000009".into(),
        "structure:01936b2e-0000-7000-8000-000000000009".into(),
        "session:01936b2e-0000-7000-8000-000000000009".into(),
        "user:ada".into(),
    ] {
        let answer = api.get(&format!("/api/rooms/{room}/events"), Some(&stranger)).await;
        answer.problem(404, "not_found");
        answers.push(answer.text);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "one body for all: {answers:?}");
    let own = api.get("/api/rooms/user:eve/events", Some(&stranger)).await;
    assert_eq!(own.status, 200, "{}", own.text);
    assert_eq!(own.json()["head"], 0);
}
