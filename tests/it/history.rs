//! The log over HTTP, while the database changes under it.

use sqlx::{Connection, PgConnection, raw_sql};

use crate::support::{app::TestApp, postgres, world::SmallWorld};

/// The permission was there when it was asked for, and is not any more when the events are read.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_removed_while_the_log_is_read_gets_nothing_of_it() {
    let Some(server) = postgres::shared("the log over HTTP") else { return };
    let database = server.database().await.unwrap();
    let app = TestApp::with(&["--database-url", &database]).await;
    let world = SmallWorld::new(&app).await;
    let (ben, path) = (app.token("ben"), format!("/api/rooms/{}/events", world.campaign_room()));
    assert_eq!(app.status_of(&ben, &path).await, 200);

    let mut other = PgConnection::connect(&database).await.unwrap();
    // Nothing but the events themselves is read from this table.
    raw_sql("BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE").execute(&mut other).await.unwrap();
    let removal = async {
        postgres::until_somebody_waits(&database).await;
        raw_sql("DELETE FROM members WHERE user_id = 'ben'; COMMIT").execute(&mut other).await.unwrap();
    };
    let (status, ()) = tokio::join!(app.status_of(&ben, &path), removal);
    assert_eq!(status, 404);
}
