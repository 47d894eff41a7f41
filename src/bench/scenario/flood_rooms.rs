//! Many rooms, as fast as it goes: out of a log that was written beforehand, and beside it what durable publishing
//! sustains.

use std::{path::Path, sync::Arc, time::Duration};

use super::{
    connect_all, flood,
    load::Shape,
    period::Period,
    stage::{Contestant, Stage},
};
use crate::{
    bench::{
        error::BenchError,
        feed::{
            Load,
            log::{HeldBack, LogFeed, Releases},
        },
        report::Run,
        server::{
            fanfare::{CLIENTS_PER_USER, Fanfare, new_secret, user_name},
            in_process::{InProcess, broken},
            target::{ENTERING, Feed, Target},
        },
        wire::sighting::stamp,
    },
    clock::Clock,
    protocol::{
        CampaignId, EntityKind, EntityUpdated, Envelope, Event, EventId, Metadata, Offset, Offsets,
        Operation, PROTOCOL_VERSION, Room, Root,
    },
    store::{Store, StoreOptions},
};

/// Events of each room in the log. A rate that would need more is measured for a shorter time.
const EVENTS: u64 = 5_000;
/// Events in one transaction while the log is written.
const BATCH: u64 = 500;
/// How often the server compares heads here: what is released waits so long for being noticed.
const HEAD_CHECK: &str = "50ms";

/// Finds the highest rate out of the log, and then the highest that is published durably.
///
/// # Errors
/// When the server cannot be made to take part.
pub fn measure(stage: &Stage, who: &Contestant, name: &str, shape: Shape) -> Result<Run, BenchError> {
    match who {
        Contestant::Fanfare => {}
        Contestant::Peer(_) | Contestant::PeerPair(_) => {
            return flood::measure(stage.start(who, &[])?, name, shape);
        }
        Contestant::Elsewhere { .. } => {
            let what = "flood-rooms writes the server's database beforehand, so it starts its own";
            return Err(BenchError::Usage(what.into()));
        }
    }
    let folder = stage.folder()?;
    let log = write_log(folder.path(), shape)?;
    let highest = flood::search(shape.rate, shape.duration, |rate, duration| {
        attempt(stage, folder.path(), &log, shape, rate, duration)
    })?;
    let mut run = Run::new(name, "fanfare");
    highest.describe(&mut run);
    run.remark(format!(
        "Fed from a log that was written beforehand, released every 100 ms, noticed every {HEAD_CHECK}: \
         the latency begins at the release"
    ));

    let durable = flood::measure(stage.start(who, &[])?, name, Shape { rate: 10.0, ..shape })?;
    run.measured("durable: events/s", "", durable.value("events/s"))
        .measured("durable: deliveries/s", "", durable.value("deliveries/s"))
        .measured("durable: latency p99", "ms", durable.value("latency p99"))
        .measured("durable: server CPU", "%", durable.value("server CPU"))
        .remark("Durable: published through POST /api/events, up to 500 events in a request and a commit");
    Ok(run)
}

/// One try with a server of its own, so that every try begins with the whole log held back.
fn attempt(
    stage: &Stage,
    folder: &Path,
    log: &HeldBack,
    shape: Shape,
    rate: f64,
    duration: Duration,
) -> Result<Period, BenchError> {
    let settings = [("FANFARE_HEAD_CHECK_INTERVAL", HEAD_CHECK.to_owned())];
    let mut target = Target::Fanfare(Fanfare::start(folder, stage.server_core(), &new_secret(), &settings)?);
    let rooms: Vec<String> = log.roots.iter().map(Root::to_string).collect();
    let mut swarm = target.swarm_in(rooms.clone(), 1, shape.layout, ENTERING)?;
    connect_all(&mut target, &mut swarm, Duration::ZERO)?;
    let duration = duration.min(Duration::from_secs_f64(log.events as f64 / rate));
    let load = Load { rooms, rate, size: shape.size, duration, per_commit: 1 };
    let releases = Arc::new(Releases::new(log, &load));
    swarm.time_since_release(Arc::clone(&releases));
    let load = Load { rate: releases.events() as f64 / duration.as_secs_f64(), ..load };
    let feed = |_: &mut Target| LogFeed::start(log.clone(), Arc::clone(&releases)).map(Feed::Log);
    let period = Period::of(&mut target, &mut swarm, &load, feed)?;
    drop(target);
    hold_back(log, releases.events())?;
    Ok(period)
}

fn hold_back(log: &HeldBack, released: u64) -> Result<(), BenchError> {
    block_on(async {
        let store = Store::open(StoreOptions::new(&log.url), Clock::system()).await?;
        store.shift_heads(&log.roots, -released.cast_signed()).await
    })?
    .map_err(broken)
}

/// Makes the campaigns and their logs, and holds the logs back.
fn write_log(folder: &Path, shape: Shape) -> Result<HeldBack, BenchError> {
    let url = format!("sqlite:{}", folder.join("fanfare.db").display());
    block_on(async {
        let services = InProcess::open(&url).await?;
        let store = &services.store;
        let mut campaigns = Vec::with_capacity(shape.layout.campaigns);
        for number in 0..shape.layout.campaigns {
            let users = number * shape.layout.clients / CLIENTS_PER_USER
                ..=((number + 1) * shape.layout.clients - 1) / CLIENTS_PER_USER;
            campaigns.push(services.campaign(users).await?);
        }
        let roots: Vec<Root> = campaigns.iter().copied().map(Root::Campaign).collect();
        let (_, known) = store.heads(&roots).await.map_err(broken)?;
        let heads = roots.iter().map(|root| known.get(root).map_or(0, |head| head.0)).collect();
        let events = EVENTS.min((shape.duration.as_secs_f64() * 2_000.0) as u64);
        let pad = pad(campaigns[0], &Clock::system(), shape.size)?;
        for campaign in &campaigns {
            for first in (1..=events).step_by(BATCH as usize) {
                let mut tx = store.begin().await.map_err(broken)?;
                for number in first..=events.min(first + BATCH - 1) {
                    tx.record(event(*campaign, number, &pad), &origin()?).await.map_err(broken)?;
                }
                tx.commit().await.map_err(broken)?;
            }
        }
        store.shift_heads(&roots, -events.cast_signed()).await.map_err(broken)?;
        Ok(HeldBack { url, roots, heads, events })
    })?
}

fn event(campaign_id: CampaignId, version: u64, pad: &str) -> Event {
    let data = [("bench".to_owned(), stamp(0).into()), ("pad".to_owned(), pad.into())];
    Event::EntityUpdated(EntityUpdated {
        entity_type: EntityKind::Item,
        entity_id: "bench".into(),
        campaign_id,
        operation: Operation::Update,
        version,
        changed_fields: Vec::new(),
        entity_data: Some(data.into_iter().collect()),
    })
}

fn origin() -> Result<Metadata, BenchError> {
    let user_id = user_name(0).parse().map_err(BenchError::server("fanfare", "naming a user"))?;
    Ok(Metadata { user_id, source: "api".into(), correlation_id: "bench".into(), request_id: None })
}

/// The filling that makes an envelope `size` bytes long.
fn pad(campaign: CampaignId, clock: &Clock, size: usize) -> Result<String, BenchError> {
    let id = EventId::from_uuid(clock.uuid());
    let envelope = Envelope {
        v: PROTOCOL_VERSION,
        event: event(campaign, 1000, ""),
        timestamp: clock.now().into(),
        epoch: id.as_str().parse().map_err(BenchError::server("fanfare", "an epoch"))?,
        offsets: Offsets([(Room::Campaign(campaign), Offset(1000))].into_iter().collect()),
        metadata: origin()?,
        id,
    };
    let bare = serde_json::to_string(&envelope).map_or(0, |text| text.len());
    Ok("x".repeat(size.saturating_sub(bare)))
}

fn block_on<T>(work: impl Future<Output = T>) -> Result<T, BenchError> {
    let runtime = tokio::runtime::Runtime::new().map_err(BenchError::machine("start a runtime"))?;
    Ok(runtime.block_on(work))
}
