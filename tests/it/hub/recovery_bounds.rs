//! What comes with joins is bounded, whatever a client asks for.

use std::{sync::Arc, time::Duration};

use fanfare::{
    clock::Clock,
    hub::{HubOptions, Joined, Outlet},
    protocol::{CampaignId, Offset, Position, Room, SubscribeRoom},
    store::Retention,
};

use crate::support::hub::{Carrier, Fixture, Recorder};

/// Enters the rooms with one command.
async fn join_all(fixture: &Fixture, wishes: Vec<(Room, u64)>) -> Vec<Joined> {
    let wish = |(room, offset)| {
        let position = Position { epoch: fixture.epoch(), offset: Offset(offset) };
        SubscribeRoom { room, position: Some(position) }
    };
    let ada: Arc<dyn Outlet> = Recorder::new("ada");
    let answers = fixture.hub.join(&ada, wishes.into_iter().map(wish).collect()).await;
    answers.into_iter().map(|answer| answer.expect("a member's answer")).collect()
}

fn bytes(answers: &[Joined]) -> usize {
    answers.iter().flat_map(|answer| &answer.subscribed.events).map(|event| event.get().len()).sum()
}

fn recovered(answers: &[Joined]) -> Vec<bool> {
    answers.iter().map(|answer| answer.subscribed.recovered).collect()
}

/// Nothing of the log is in memory, and so many bytes come with a command.
fn options(recovery_bytes: usize) -> HubOptions {
    HubOptions { recovery_bytes, history_events: 0, ..HubOptions::default() }
}

// req: I7 I11
#[tokio::test]
async fn a_command_brings_no_more_bytes_than_it_may_over_all_campaigns_together() {
    let fixture = Fixture::over(Carrier::memory(), options(10_000)).await;
    let other = CampaignId::from_uuid(Clock::system().uuid());
    fixture.add_campaign(other).await;
    for campaign in [fixture.campaign, other] {
        fixture.commit_large_to(campaign, 8_000).await;
    }
    let answers = join_all(&fixture, vec![(fixture.room(), 1), (Room::Campaign(other), 1)]).await;
    assert!((8_000..=10_000).contains(&bytes(&answers)), "{}", bytes(&answers));
    assert_eq!(recovered(&answers).iter().filter(|recovered| **recovered).count(), 1);
    // What did not fit with the other one does alone.
    let late = if recovered(&answers)[0] { Room::Campaign(other) } else { fixture.room() };
    assert_eq!(recovered(&join_all(&fixture, vec![(late, 1)]).await), [true]);
}

// req: I7 I11
#[tokio::test]
async fn a_room_is_read_once_however_many_positions_are_asked_for() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let fixture = Fixture::over(Carrier::memory(), options(30_000)).await;
    for _ in 0..100 {
        fixture.commit_large(1_000).await;
    }
    let wishes = (37..=100).map(|offset| (fixture.room(), offset)).collect();
    let answers = join_all(&fixture, wishes).await;
    assert!((20_000..=30_000).contains(&bytes(&answers)), "{}", bytes(&answers));
    for (answer, position) in answers.iter().zip(37..) {
        let missed = if answer.subscribed.recovered { 101 - position } else { 0 };
        assert_eq!(answer.subscribed.events.len(), missed);
    }
    let text = metrics.render();
    let reads = text.lines().find(|line| line.starts_with("hub_recovery_reads_total")).unwrap();
    assert_eq!(reads.rsplit(' ').next(), Some("1"), "{reads}");
}

// req: I7
#[tokio::test]
async fn who_was_away_for_too_long_spoils_nothing_for_others() {
    let fixture = Fixture::over(Carrier::memory(), options(1 << 20)).await;
    fixture.commit(30).await;
    let keep = Retention { age: Duration::ZERO, count: 5 };
    let later = Clock::system().now() + Duration::from_secs(60);
    fixture.store.delete_expired(keep, later.into()).await.unwrap();
    let wishes = vec![(fixture.room(), 20), (fixture.room(), 27), (fixture.room(), 26)];
    let answers = join_all(&fixture, wishes).await;
    assert_eq!(recovered(&answers), [false, true, true]);
    assert_eq!([4, 5], [answers[1].subscribed.events.len(), answers[2].subscribed.events.len()]);
}
