//! Joins whose answers come when nobody waits for them any more: what they did is taken back, and nothing else.

use std::{sync::Arc, time::Duration};

use fanfare::{
    hub::{HubOptions, Outlet},
    protocol::{Offset, Position, SubscribeRoom},
};

use crate::support::{
    hub::{Carrier, Fixture, Recorder},
    postgres,
};

async fn on_postgres(test: &str) -> Option<Fixture> {
    let server = postgres::shared(test)?;
    Some(Fixture::on_postgres(Carrier::memory(), HubOptions::default(), &server).await)
}

fn outlet(recorder: &Arc<Recorder>) -> Arc<dyn Outlet> {
    recorder.clone()
}

/// What a connection that gives up asks for.
#[derive(Clone, Copy, Debug)]
enum Wish {
    Subscribe,
    /// To subscribe from where something was missed.
    Recover,
    Watch,
}

/// Has the connection ask while the database holds the answer back, and give up before it comes. False when that was
/// not fast enough: the database is not waited for for ever.
async fn ask_and_give_up(fixture: &Fixture, connection: &Arc<Recorder>, wish: Wish) -> bool {
    let mut table = match wish {
        Wish::Subscribe | Wish::Watch => fixture.lock("members").await,
        Wish::Recover => fixture.lock("events").await,
    };
    let (hub, room, outlet) = (fixture.hub.clone(), fixture.room(), outlet(connection));
    let position = match wish {
        Wish::Subscribe | Wish::Watch => None,
        Wish::Recover => Some(Position { epoch: fixture.epoch(), offset: Offset(0) }),
    };
    let asking = tokio::spawn(async move {
        match wish {
            Wish::Subscribe | Wish::Recover => {
                drop(hub.join(&outlet, vec![SubscribeRoom { room, position }]).await)
            }
            Wish::Watch => drop(hub.watch(&outlet, room).await),
        }
    });
    table.reader().await;
    asking.abort();
    let gave_up = asking.await.is_err_and(|error| error.is_cancelled());
    table.release().await;
    gave_up
}

/// Waits until the hub holds nothing of the connection.
async fn until_forgotten(connection: &Arc<Recorder>) {
    let forgotten = async {
        while Arc::strong_count(connection) > 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), forgotten).await.expect("the hub forgets the connection");
}

// req: I6 I11
#[tokio::test]
async fn who_is_in_a_room_stays_when_a_later_answer_comes_too_late() {
    let Some(fixture) = on_postgres("who_is_in_a_room_stays").await else { return };
    let ada = Recorder::new("ada");
    fixture.join(&ada, None).await.unwrap();
    for (wish, offset) in [(Wish::Watch, 2), (Wish::Subscribe, 3), (Wish::Recover, 4)] {
        while !ask_and_give_up(&fixture, &ada, wish).await {}
        fixture.commit(1).await;
        ada.until_event(offset).await;
        assert_eq!(ada.rooms(), [fixture.room()]);
    }
    // Nor does somebody who watches stop watching.
    fixture.hub.watch(&outlet(&ada), fixture.room()).await.unwrap();
    let told = ada.seen().len();
    while !ask_and_give_up(&fixture, &ada, Wish::Watch).await {}
    fixture.join(&Recorder::new("ben"), None).await.unwrap();
    ada.until(|seen| seen[told..].iter().any(|seen| format!("{seen:?}").contains("joined: Some"))).await;
}

// req: I13
#[tokio::test]
async fn who_gave_up_on_a_first_answer_is_nowhere() {
    let Some(fixture) = on_postgres("who_gave_up_on_a_first_answer").await else { return };
    for wish in [Wish::Watch, Wish::Subscribe, Wish::Recover] {
        let ben = loop {
            let ben = Recorder::new("ben");
            if ask_and_give_up(&fixture, &ben, wish).await {
                break ben;
            }
        };
        until_forgotten(&ben).await;
        assert_eq!(ben.rooms(), [], "{wish:?}");
    }
}

/// Reading what was missed may take as long as it likes: everybody is answered, if need be that they have to read
/// again, and the root's events go on.
// req: I6 I7
#[tokio::test]
async fn joins_are_answered_in_time_while_the_log_gives_no_events() {
    let Some(fixture) = on_postgres("joins_are_answered_in_time").await else { return };
    let mut wishes = Vec::new();
    for _ in 0..4 {
        let (room, epoch) = (fixture.settlement().await, fixture.epoch());
        wishes.push(SubscribeRoom { room, position: Some(Position { epoch, offset: Offset(0) }) });
    }
    let ada = Recorder::new("ada");
    let events = fixture.lock("events").await;
    let answers = fixture.hub.join(&outlet(&ada), wishes).await;
    events.release().await;
    for answer in answers {
        let subscribed = answer.expect("an answer in time").subscribed;
        assert_eq!((subscribed.offset, subscribed.recovered), (Offset(1), false));
    }
    fixture.settlement().await;
    assert_eq!(ada.rooms().len(), 4);
}
