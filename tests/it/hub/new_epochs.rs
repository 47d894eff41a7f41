//! A database that was restored: everybody is told to read again, however many they are and whatever fails meanwhile.

use std::{sync::Arc, time::Duration};

use fanfare::{
    hub::{HubOptions, Outlet},
    protocol::{Notice, Offset, Room, StaleReason, SubscribeRoom},
};

use crate::support::{
    hub::{Carrier, Fixture, Recorder, Seen},
    postgres,
};

/// A head check that soon sees another epoch.
fn options() -> HubOptions {
    HubOptions { head_check: Duration::from_millis(50), ..HubOptions::default() }
}

async fn until_told(recorder: &Arc<Recorder>) {
    let is_stale = |seen: &Seen| match seen {
        Seen::Notice(Notice::RoomStateInvalidated(notice)) => notice.reason == StaleReason::EpochChanged,
        Seen::Notice(_) | Seen::Event(_) | Seen::Removed(..) => false,
    };
    recorder.until(|seen| seen.iter().any(is_stale)).await;
}

/// The heads of so many roots are more than one query asks for.
// req: I6
#[tokio::test]
async fn however_many_roots_are_followed_all_are_told_of_a_new_epoch() {
    let fixture = Fixture::over(Carrier::memory(), options()).await;
    let users: Vec<_> = (0..1_100).map(|number| Recorder::new(&format!("user-{number:04}"))).collect();
    for user in &users {
        fixture.join_room(user, Room::User(user.user().clone()), None).await.unwrap();
    }
    tokio::spawn(fixture.hub.clone().check_heads());
    // A comparison in the old epoch has been made when this has arrived without a hint.
    let ada = Recorder::new("ada");
    fixture.join(&ada, None).await.unwrap();
    fixture.commit_silently(1).await;
    ada.until_event(2).await;
    fixture.store.renew_epoch().await.unwrap();
    until_told(&ada).await;
    for user in &users {
        until_told(user).await;
    }
}

// req: I6
#[tokio::test]
async fn a_new_epoch_is_told_although_the_first_looks_at_it_fail() {
    let Some(server) = postgres::shared("a_new_epoch_is_told") else { return };
    let fixture = Fixture::on_postgres(Carrier::memory(), options(), &server).await;
    tokio::spawn(fixture.hub.clone().check_heads());
    let ada = Recorder::new("ada");
    fixture.join(&ada, None).await.unwrap();
    fixture.commit_silently(1).await;
    ada.until_event(2).await;
    // Heads can be read, and who may stay cannot.
    let mut members = fixture.lock("members").await;
    fixture.store.renew_epoch().await.unwrap();
    for _ in 0..5 {
        members.fail_a_reader().await;
    }
    members.release().await;
    until_told(&ada).await;
}

/// Between the reading of where a room stands and of what is missing up to there the database is restored, to the same
/// offset: whoever joins then is told of the log that there is.
// req: I6 I9
#[tokio::test]
async fn who_joins_during_a_restore_joins_the_new_log() {
    let Some(server) = postgres::shared("who_joins_during_a_restore") else { return };
    let fixture = Fixture::on_postgres(Carrier::memory(), HubOptions::default(), &server).await;
    let (ada, ben) = (Recorder::new("ada"), Recorder::new("ben"));
    fixture.join(&ada, None).await.unwrap();
    fixture.commit_silently(1).await;
    let mut events = fixture.lock("events").await;
    let (hub, outlet) = (fixture.hub.clone(), ben.clone() as Arc<dyn Outlet>);
    let wish = SubscribeRoom { room: fixture.room(), position: None };
    let joining = tokio::spawn(async move { hub.join(&outlet, vec![wish]).await.remove(0) });
    events.reader().await;
    let restore = "UPDATE meta SET value = 'another-log' WHERE name = 'epoch';
                   DELETE FROM event_rooms; DELETE FROM events; UPDATE rooms SET floor_offset = head_offset";
    events.change(restore).await;
    events.release().await;
    let subscribed = joining.await.unwrap().unwrap().subscribed;
    assert_eq!((subscribed.epoch.as_str(), subscribed.offset), ("another-log", Offset(2)));
    until_told(&ada).await;
    fixture.commit(1).await;
    assert_eq!(ben.until_event(3).await, [3]);
}
