//! The policy table as a whole, and what a refusal tells.

use super::*;
use crate::protocol::{CampaignId, Code, Role, Room, RoomKind, Root, UserId};

// req: T05 B25
#[test]
fn the_policy_table_is_what_was_agreed() {
    let mut table = format!("{:<12}", "kind");
    for action in Action::ALL {
        table += &format!("{:<13}", format!("{action:?}"));
    }
    for kind in RoomKind::ALL {
        table = format!("{}\n{:<12}", table.trim_end(), kind.name());
        for action in Action::ALL {
            table += &format!("{:<13}", required_role(kind, action).map_or("-", Role::name));
        }
    }
    insta::assert_snapshot!(table.trim_end(), @r"
    kind        View         Edit         Create       Delete       AdvanceTime  Invalidate   Administer
    campaign    VIEWER       GM           GM           OWNER        GM           GM           OWNER
    settlement  VIEWER       PLAYER       PLAYER       GM           -            GM           -
    structure   VIEWER       PLAYER       -            GM           -            GM           -
    session     -            -            -            -            -            -            -
    user        OWNER        -            -            -            -            -            -
    instances   -            -            -            -            -            -            -
    ");
}

#[test]
fn a_stronger_role_may_do_what_a_weaker_one_may() {
    let room = Room::Campaign(CampaignId::from_uuid(uuid::Uuid::nil()));
    for action in Action::ALL {
        let allowed: Vec<bool> =
            Role::ALL.into_iter().map(|role| decide(&room, action, Some(role)).is_ok()).collect();
        assert!(allowed.is_sorted(), "{action:?}");
    }
}

#[test]
fn a_refusal_tells_nothing_to_those_who_may_not_see() {
    let campaign = Room::Campaign(CampaignId::from_uuid(uuid::Uuid::nil()));
    let session: Room = "session:00000000-0000-0000-0000-000000000000".parse().unwrap();
    let user: Room = "user:ada".parse().unwrap();
    let instances: Room = "instances:all".parse().unwrap();
    for action in Action::ALL {
        for room in [&campaign, &session, &user, &instances] {
            assert_eq!(decide(room, action, None), Err(crate::protocol::Problem::not_found()));
        }
        for role in Role::ALL {
            for nobodys in [&session, &instances] {
                let outcome = decide(nobodys, action, Some(role));
                assert_eq!(outcome, Err(crate::protocol::Problem::not_found()), "{nobodys}");
            }
            let code = decide(&campaign, action, Some(role)).map_err(|problem| problem.code);
            assert!(matches!(code, Ok(_) | Err(Code::Forbidden)), "who may see is told why not");
        }
    }
}

#[test]
fn a_user_room_is_its_users_alone() {
    let (ada, bob): (UserId, UserId) = ("ada".parse().unwrap(), "bob".parse().unwrap());
    let room = Room::User(ada.clone());
    let root = Root::User(ada.clone());
    let may_view = |user, membership| decide(&room, Action::View, role_in(&root, user, membership)).is_ok();
    assert!(may_view(&ada, None));
    assert!(!may_view(&bob, None));
    assert!(!may_view(&bob, Some(Role::Owner)), "a role in some campaign says nothing here");
}
