//! Databases that are locked, full, slow, gone or killed: an answer within 5 seconds, and no partial change.

use std::{
    collections::HashSet,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use fanfare::{
    clock::Clock,
    protocol::{CampaignId, Code, EventId, Offset, Operation, Problem, Root},
    store::{Store, StoreError, StoreOptions},
};
use nix::sys::signal::{Signal, kill};
use tokio::{task::JoinSet, time::timeout};

use super::{Fixture, Raw, SOON, campaign_event, commit_one, membership_event, origin, user};
use crate::support::postgres::Server;

/// What every fault must be answered within.
const LIMIT: Duration = Duration::from_secs(5);

/// The answer to `work`, which must be `unavailable` and in time.
async fn assert_unavailable<T: std::fmt::Debug>(work: impl Future<Output = Result<T, StoreError>>) {
    let started = Instant::now();
    let error = timeout(LIMIT, work).await.expect("an answer in time").unwrap_err();
    assert!(started.elapsed() < LIMIT);
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    let problem = Problem::from(error);
    assert_eq!(problem.code, Code::Unavailable);
    assert!(problem.retry_after.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_file_is_unavailable_and_heals() {
    let fixture = Fixture::sqlite().await;
    let campaign = fixture.campaign().await;
    let before = fixture.contents().await;
    let Raw::Sqlite(path) = &fixture.raw else { unreachable!() };
    let locker = rusqlite::Connection::open(path).unwrap();
    locker.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut writers = JoinSet::new();
    for _ in 0..4 {
        let store = fixture.store.clone();
        writers.spawn(async move { assert_unavailable(commit_one(&store, campaign)).await });
    }
    // Who only reads does not notice.
    assert_eq!(fixture.store.events_of_root(&Root::Campaign(campaign), Offset(0), 9).await.unwrap().len(), 1);
    writers.join_all().await;
    assert_eq!(fixture.contents().await, before);
    // A short lock is waited for.
    let store = fixture.store.clone();
    let waiting = tokio::spawn(async move { commit_one(&store, campaign).await });
    tokio::task::yield_now().await;
    locker.execute_batch("ROLLBACK").unwrap();
    timeout(SOON, waiting).await.unwrap().unwrap().unwrap();
    fixture.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_unavailable_and_leaves_no_partial_change() {
    let fixture = Fixture::sqlite_with(|options| options.max_bytes = Some(400 * 1024)).await;
    let campaign = fixture.campaign().await;
    let root = Root::Campaign(campaign);
    // Many write at once, so that groups of transactions meet the end of the disk together.
    let mut writers = JoinSet::new();
    for _ in 0..8 {
        let store = fixture.store.clone();
        writers.spawn(async move {
            let mut mine: Vec<EventId> = Vec::new();
            loop {
                match commit_one(&store, campaign).await {
                    Ok(committed) => mine.push(committed.events()[0].id.clone()),
                    Err(StoreError::Unavailable(_)) => return mine,
                    Err(other) => panic!("{other}"),
                }
            }
        });
    }
    let acknowledged: HashSet<EventId> =
        timeout(SOON, writers.join_all()).await.unwrap().into_iter().flatten().collect();
    let before = fixture.contents().await;
    assert_unavailable(async {
        let mut tx = fixture.store.begin().await?;
        for n in 0..50 {
            tx.record(membership_event(campaign, &format!("user-{n}"), None), &origin("anna")).await?;
        }
        tx.commit().await
    })
    .await;
    assert_eq!(fixture.contents().await, before);
    let mut logged = HashSet::new();
    let mut after = Offset(0);
    loop {
        let page = fixture.store.events_of_root(&root, after, 300).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.offset();
        logged.extend(page.iter().map(|event| event.id.clone()));
    }
    assert!(acknowledged.len() > 20, "{}", acknowledged.len());
    assert!(acknowledged.is_subset(&logged));
    // Nothing but what was acknowledged, and the event that made the campaign.
    assert_eq!(logged.len(), acknowledged.len() + 1);
    fixture.assert_sound().await;
    // With room on the disk it goes on.
    let roomy =
        Store::open(StoreOptions { max_bytes: None, ..fixture.options.clone() }, fixture.clock.clone());
    commit_one(&roomy.await.unwrap(), campaign).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_fails_does_not_touch_those_it_shares_a_commit_with() {
    let fixture = Fixture::sqlite().await;
    let campaign = fixture.campaign().await;
    let mut writers = JoinSet::new();
    for n in 0..12_u64 {
        let store = fixture.store.clone();
        writers.spawn(async move {
            let mut mine = Vec::new();
            for round in 0..20 {
                let mut tx = store.begin().await.unwrap();
                let event = campaign_event(campaign, Operation::Update, 2);
                let id: EventId = format!("{n}-{round}").parse().unwrap();
                tx.record_with_id(id.clone(), event, origin("anna")).await.unwrap();
                match (n + round) % 4 {
                    0 => drop(tx),
                    1 => {
                        // Nobody waits for the answer: the turn must end all the same.
                        let _ = timeout(Duration::ZERO, tx.commit()).await;
                    }
                    _ => {
                        tx.commit().await.unwrap();
                        mine.push(id);
                    }
                }
            }
            mine
        });
    }
    let acknowledged: HashSet<EventId> =
        timeout(SOON, writers.join_all()).await.unwrap().into_iter().flatten().collect();
    let log = fixture.store.events_of_root(&Root::Campaign(campaign), Offset(0), 1_000).await.unwrap();
    let logged: HashSet<EventId> = log.iter().map(|event| event.id.clone()).collect();
    assert!(acknowledged.is_subset(&logged));
    let dropped = |id: &EventId| {
        let (n, round) = id.as_str().split_once('-').unwrap();
        (n.parse::<u64>().unwrap() + round.parse::<u64>().unwrap()) % 4 == 0
    };
    assert!(!logged.iter().any(|id| id.as_str().len() < 8 && dropped(id)));
    fixture.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_queue_before_the_writer_has_an_end() {
    let fixture = Fixture::sqlite_with(|options| options.transaction_timeout = Duration::from_secs(20)).await;
    let campaign = fixture.campaign().await;
    let holder = fixture.store.begin().await.unwrap();
    let mut waiting = JoinSet::new();
    for _ in 0..1_500 {
        let store = fixture.store.clone();
        waiting.spawn(async move { (Instant::now(), store.begin().await.map(drop), Instant::now()) });
    }
    // Those beyond the queue are refused at once, while those in it still wait.
    for _ in 0..476 {
        let (_, refused, _) = timeout(LIMIT, waiting.join_next()).await.unwrap().unwrap().unwrap();
        assert!(matches!(refused, Err(StoreError::Unavailable(why)) if why.contains("too many")));
    }
    drop(holder);
    for (_, answer, _) in timeout(SOON, waiting.join_all()).await.unwrap() {
        answer.unwrap();
    }
    commit_one(&fixture.store, campaign).await.unwrap();
}

#[tokio::test]
async fn a_wrong_url_says_what_would_be_right() {
    for url in ["mysql://x", "sqlite::memory:", "fanfare.db"] {
        let error = Store::open(StoreOptions::new(url), Clock::system()).await.unwrap_err();
        assert!(matches!(&error, StoreError::Unusable(text) if text.contains("sqlite:")), "{error}");
    }
}

#[tokio::test]
async fn a_database_that_is_not_there_is_unavailable() {
    let options = StoreOptions::new("postgres://fanfare@127.0.0.1:1/x?sslmode=disable");
    assert_unavailable(Store::open(options, Clock::system())).await;
}

/// Commits to the campaign until it is killed, and prints the offset of every acknowledged event.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a part of an_acknowledged_change_survives_the_killed_process"]
async fn writes_until_it_is_killed() {
    let Ok(url) = std::env::var("FANFARE_TEST_KILLED_URL") else { return };
    let campaign: CampaignId = std::env::var("FANFARE_TEST_KILLED_CAMPAIGN").unwrap().parse().unwrap();
    let store = Store::open(StoreOptions::new(url), Clock::system()).await.unwrap();
    let mut writers = JoinSet::new();
    for _ in 0..4 {
        let store = store.clone();
        writers.spawn(async move {
            loop {
                let committed = commit_one(&store, campaign).await.unwrap();
                println!("acknowledged {}", committed.events()[0].offset());
            }
        });
    }
    writers.join_all().await;
}

// I12
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledged_change_survives_the_killed_process() {
    let fixture = Fixture::sqlite().await;
    let campaign = fixture.campaign().await;
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--nocapture", "store::faults::writes_until_it_is_killed"])
        .env("FANFARE_TEST_KILLED_URL", &fixture.options.url)
        .env("FANFARE_TEST_KILLED_CAMPAIGN", campaign.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let offset =
        |line: String| line.split_once("acknowledged ").and_then(|(_, offset)| offset.parse::<u64>().ok());
    let mut acknowledged: HashSet<u64> = lines.by_ref().filter_map(offset).take(200).collect();
    child.kill().unwrap();
    acknowledged.extend(lines.filter_map(offset));
    child.wait().unwrap();
    assert!(acknowledged.len() >= 200);
    let store = fixture.another().await;
    let (_, heads) = store.heads(&[Root::Campaign(campaign)]).await.unwrap();
    let head = heads[&Root::Campaign(campaign)].0;
    assert!(acknowledged.iter().all(|offset| *offset <= head));
    commit_one(&store, campaign).await.unwrap();
    fixture.assert_sound().await;
}

async fn on_its_own_server(test: &str) -> Option<(Arc<Server>, Fixture)> {
    let server = Arc::new(Server::start(test)?);
    let options = StoreOptions::new(server.database().await.unwrap());
    let fixture = Fixture::open(options, Raw::Postgres, None).await;
    Some((server, fixture))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_hangs_is_unavailable_and_heals() {
    let Some((server, fixture)) = on_its_own_server("a hanging PostgreSQL").await else { return };
    let campaign = fixture.campaign().await;
    let open = fixture.store.begin().await.unwrap();
    let everything = server.children();
    server.signal(Signal::SIGSTOP);
    everything.iter().for_each(|pid| kill(*pid, Signal::SIGSTOP).unwrap());
    let mut asking = JoinSet::new();
    for n in 0..20 {
        let store = fixture.store.clone();
        asking.spawn(async move {
            if n % 2 == 0 {
                assert_unavailable(commit_one(&store, campaign)).await;
            } else {
                assert_unavailable(store.heads(&[Root::Campaign(campaign)])).await;
            }
        });
    }
    // A transaction that was open already has a limit too.
    assert_unavailable(async {
        let mut open = open;
        open.record(campaign_event(campaign, Operation::Update, 2), &origin("anna")).await?;
        open.commit().await
    })
    .await;
    asking.join_all().await;
    everything.iter().for_each(|pid| kill(*pid, Signal::SIGCONT).unwrap());
    server.signal(Signal::SIGCONT);
    let committed = timeout(SOON, heal(&fixture.store, campaign)).await.unwrap();
    assert_eq!(committed, Offset(2));
    fixture.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_dies_is_unavailable_and_heals() {
    let Some((server, fixture)) = on_its_own_server("a dying PostgreSQL").await else { return };
    let campaign = fixture.campaign().await;
    let writers: Vec<_> = (0..8)
        .map(|_| {
            let store = fixture.store.clone();
            tokio::spawn(async move {
                let mut mine = Vec::new();
                loop {
                    match commit_one(&store, campaign).await {
                        Ok(committed) => mine.push(committed.events()[0].offset()),
                        Err(StoreError::Unavailable(_)) => return mine,
                        Err(other) => panic!("{other}"),
                    }
                }
            })
        })
        .collect();
    let head =
        async || fixture.store.heads(&[Root::Campaign(campaign)]).await.unwrap().1[&Root::Campaign(campaign)];
    while head().await < Offset(50) {
        tokio::task::yield_now().await;
    }
    // An immediate shutdown: no checkpoint, every connection cut.
    server.end(Signal::SIGQUIT);
    let mut acknowledged = Vec::new();
    for writer in writers {
        acknowledged.extend(timeout(LIMIT, writer).await.expect("an answer in time").unwrap());
    }
    assert_unavailable(fixture.store.begin()).await;
    assert_unavailable(fixture.store.heads(&[])).await;
    assert!(server.run());
    let next = timeout(SOON, heal(&fixture.store, campaign)).await.unwrap();
    assert!(acknowledged.len() >= 40);
    assert!(acknowledged.iter().all(|offset| *offset < next));
    fixture.assert_sound().await;
}

/// Commits as soon as the database takes it.
async fn heal(store: &Store, campaign: CampaignId) -> Offset {
    loop {
        match commit_one(store, campaign).await {
            Ok(committed) => return committed.events()[0].offset(),
            Err(StoreError::Unavailable(_)) => tokio::task::yield_now().await,
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_root_is_unavailable_to_the_others_and_heals() {
    let Some((_server, fixture)) = on_its_own_server("a locked root in PostgreSQL").await else { return };
    let (campaign, other) = (fixture.campaign().await, fixture.campaign().await);
    let root = Root::Campaign(campaign);
    let mut holder = fixture.store.begin().await.unwrap();
    holder.lock(std::slice::from_ref(&root)).await.unwrap();
    assert_unavailable(commit_one(&fixture.store, campaign)).await;
    // The other campaigns are not concerned, and neither are readers.
    commit_one(&fixture.store, other).await.unwrap();
    fixture.store.snapshot(&root, &[root.room()], &[user("anna")]).await.unwrap();
    drop(holder);
    timeout(SOON, heal(&fixture.store, campaign)).await.unwrap();
    fixture.assert_sound().await;
}
