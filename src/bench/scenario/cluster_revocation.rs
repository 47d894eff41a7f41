//! How long somebody whose access has ended still hears something, on two instances.

use std::{
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    CONNECTING,
    stage::{Contestant, Stage},
};
use crate::bench::{
    error::BenchError,
    feed::{
        Errand, Load,
        http::{self, HttpFeed, Publishing},
        succeeded,
    },
    report::Run,
    server::{
        fanfare::user_name,
        target::{ENTERING, Target},
        world,
    },
    swarm::{Contact, Member, Swarm, histogram},
    time::monotonic_micros,
};

/// How often somebody's access ends in each way, and how fast events come meanwhile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Revocation {
    pub rounds: usize,
    /// Events a second in the room.
    pub rate: f64,
}

impl Revocation {
    /// A hundred removals and a hundred revocations while a hundred events a second come.
    pub const PRESET: Self = Self { rounds: 100, rate: 100.0 };
}

/// The time from one act to the next.
const PACE: Duration = Duration::from_millis(100);
/// How long after the last act its consequences are waited for. Whoever is reached for longer is told as such.
const AFTERMATH: Duration = Duration::from_secs(3);

/// How somebody's access ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    /// `removeMember` of the campaign.
    Removal,
    /// `POST /api/users/{id}/revoke`.
    Revocation,
}

/// An act that was answered, in microseconds of the monotonic clock.
struct Done {
    user: usize,
    act: Act,
    answered: u64,
}

/// Ends the access of one user after the other, by either instance in turn, while each has a connection to both. Events
/// come all the time: those that the user gets after the answer are late.
///
/// # Errors
/// When the cluster does not start or refuses an act.
pub fn measure(stage: &Stage, who: &Contestant, name: &str, shape: Revocation) -> Result<Run, BenchError> {
    let playing = stage.start_cluster(who)?;
    let Target::Cluster(cluster) = &playing.target else {
        return Err(BenchError::Usage("one server alone is no cluster".into()));
    };
    let servers = cluster.instances()?.servers;
    let users = 1..=2 * shape.rounds;
    let campaign = world::create(servers[0], users.clone())?;
    let [room, ..] = campaign.rooms();
    let mut members = Vec::new();
    for user in users.clone() {
        for server in servers {
            members.push(Member::new(Some(server.token_of_user(user)?), [0]).of(server.address));
        }
    }
    let mut swarm = Swarm::new(playing.target.address(), vec![room.clone()], members, ENTERING)
        .map_err(BenchError::machine("make an event queue"))?;
    if !swarm.connect(Duration::ZERO, CONNECTING).map_err(BenchError::machine("wait for events"))? {
        let what = format!("not everybody was connected: {:?}", swarm.tally().ended);
        return Err(BenchError::Server { server: "fanfare".into(), what });
    }

    let acting = PACE * (2 * shape.rounds) as u32;
    let places = [servers[0].publishing()?, servers[1].publishing()?];
    let load =
        Load { rooms: vec![room], rate: shape.rate, size: 512, duration: acting + AFTERMATH, per_commit: 1 };
    let feed = HttpFeed::start(places[0].clone(), load, Errand::Publish { pad: 0 })?;
    let acts = act_on_all(places, campaign.campaign, users.collect())?;
    let (mut done, waiting) = (None, BenchError::machine("wait for events"));
    swarm
        .drive(Instant::now() + acting + CONNECTING, |_| {
            done = done.take().or_else(|| acts.try_recv().ok());
            done.is_some()
        })
        .and_then(|_| swarm.drive(Instant::now() + AFTERMATH, |_| false))
        .map_err(waiting)?;
    let done = done
        .unwrap_or_else(|| Err("it did not end in time".into()))
        .map_err(BenchError::server("fanfare", "ending somebody's access"))?;
    let mut run = Run::new(name, "fanfare");
    describe(&mut run, &done, &swarm);
    if let Some(cause) = feed.fed().and_then(|fed| fed.first_failure) {
        run.remark(format!("Publishing failed: {cause}"));
    }
    Ok(run)
}

/// Acts on one user after the other on a thread of its own.
fn act_on_all(
    places: [Publishing; 2],
    campaign: String,
    users: Vec<usize>,
) -> Result<mpsc::Receiver<Result<Vec<Done>, String>>, BenchError> {
    let (tell, done) = mpsc::channel();
    let work = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let acts = runtime.map_err(|error| error.to_string()).and_then(|runtime| {
            runtime.block_on(async {
                let client = reqwest::Client::new();
                let mut ticks = tokio::time::interval(PACE);
                let mut done = Vec::new();
                for user in users {
                    ticks.tick().await;
                    let act = if user % 2 == 0 { Act::Removal } else { Act::Revocation };
                    // Users are numbered in pairs: both instances act in both ways.
                    act_on(&client, &places[user / 2 % 2], &campaign, user, act).await?;
                    done.push(Done { user, act, answered: monotonic_micros() });
                }
                Ok(done)
            })
        });
        // Nobody listens any more when the scenario was given up.
        let _ = tell.send(acts);
    };
    thread::Builder::new()
        .name("bench-acts".into())
        .spawn(work)
        .map_err(BenchError::machine("start the acting thread"))?;
    Ok(done)
}

async fn act_on(
    client: &reqwest::Client,
    at: &Publishing,
    campaign: &str,
    user: usize,
    act: Act,
) -> Result<(), String> {
    let user = user_name(user);
    match act {
        Act::Removal => {
            let body = json!({
                "query": "mutation($id: ID!, $user: ID!) { removeMember(campaignId: $id, userId: $user) }",
                "variables": { "id": campaign, "user": user },
            });
            let request = client.post(format!("{}/graphql", at.base)).bearer_auth(&at.token).json(&body);
            succeeded(&http::send(request).await?)
        }
        Act::Revocation => {
            let request = client.post(format!("{}/api/users/{user}/revoke", at.base)).bearer_auth(&at.token);
            http::send(request).await.map(drop)
        }
    }
}

fn describe(run: &mut Run, done: &[Done], swarm: &Swarm) {
    let (mut removed, mut silenced, mut closed) = (histogram(), histogram(), histogram());
    let mut open = 0;
    for Done { user, act, answered } in done {
        // The user's two connections stand side by side; the first user has the number one.
        for client in [2 * (user - 1), 2 * (user - 1) + 1] {
            let Contact { delivery, end } = swarm.contact(client);
            let after = |time: u64| time.saturating_sub(*answered);
            match act {
                Act::Removal => removed.saturating_record(after(delivery)),
                Act::Revocation => {
                    silenced.saturating_record(after(delivery));
                    if end == 0 {
                        open += 1;
                    } else {
                        closed.saturating_record(after(end));
                    }
                }
            }
        }
    }
    let names = [
        (
            &removed,
            [
                "last event after a removal p50",
                "last event after a removal p99",
                "last event after a removal",
            ],
        ),
        (
            &silenced,
            [
                "last event after a revocation p50",
                "last event after a revocation p99",
                "last event after a revocation",
            ],
        ),
        (
            &closed,
            ["closed after a revocation p50", "closed after a revocation p99", "closed after a revocation"],
        ),
    ];
    run.figure("connections of each user", "", 2.0)
        .figure("removals", "", removed.len() as f64 / 2.0)
        .figure("revocations", "", silenced.len() as f64 / 2.0);
    for (times, [p50, p99, last]) in names {
        run.figure(p50, "ms", times.value_at_quantile(0.5) as f64 / 1e3)
            .figure(p99, "ms", times.value_at_quantile(0.99) as f64 / 1e3)
            .figure(last, "ms", times.max() as f64 / 1e3);
    }
    run.figure("connections left open", "", f64::from(open))
        .figure("deliveries", "", swarm.tally().deliveries as f64)
        .remark(
            "From the answer to the act until a connection of the user got its last event or was closed, on either instance; \
             what happened before the answer counts as 0",
        );
    for (cause, times) in &swarm.tally().ended {
        run.remark(format!("{times} connections ended: {cause}"));
    }
}
