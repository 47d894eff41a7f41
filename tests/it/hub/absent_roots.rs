//! Rooms that do not exist, of which clients can think of any number.

use std::time::Duration;

use fanfare::protocol::{CampaignId, Code, Room};
use uuid::Uuid;

use crate::support::hub::{Carrier, Fixture, Recorder};

// req: I13
#[tokio::test]
async fn roots_into_which_nobody_was_let_are_not_followed() {
    let fixture = Fixture::new(Carrier::memory()).await;
    let ada = Recorder::new("ada");
    fixture.join(&ada, None).await.unwrap();
    for number in 1..=2_000 {
        let absent = Room::Campaign(CampaignId::from_uuid(Uuid::from_u128(number)));
        assert_eq!(fixture.join_room(&ada, absent, None).await, Err(Code::NotFound));
    }
    // Long before whoever was in a room would no longer be waited for.
    let let_go = async {
        while fixture.hub.followed_roots() > 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), let_go).await.expect("all but one are let go");
    fixture.commit(1).await;
    assert_eq!(ada.until_event(2).await, [2]);
}
