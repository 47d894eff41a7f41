//! Members: who may say who they are, and that somebody stays responsible.

use fanfare::{
    access::Action,
    protocol::{Code, Problem, Role, Room, Root},
    world::input::CampaignPatch,
};

use crate::support::services::{TestWorld, identity, on_both_databases, request, user, what};

on_both_databases!(
    joining,
    the_last_owner_stays,
    removal,
    leaving,
    a_grant_does_not_outlive_the_membership,
    roles_decide,
    names,
);

async fn joining(t: &TestWorld) {
    let campaign = t.campaign().await;
    let grant = t.grant("ada", &campaign, Action::Administer).await;
    let set = |role| t.world.set_member(&grant, user("ben"), role, Box::leak(Box::new(request())));
    assert_eq!(set(Role::Player).await.unwrap().role, Role::Player);
    assert_eq!(set(Role::Player).await.unwrap().role, Role::Player);
    assert_eq!(set(Role::Gm).await.unwrap().role, Role::Gm);
    let log = t.log(&campaign, 2).await;
    assert_eq!(
        what(&log),
        ["membership_changed PLAYER", "membership_changed GM"],
        "the second changed nothing"
    );
    let echo = t.log_of(&Root::User(user("ben")), 0).await;
    assert_eq!(what(&echo), ["membership_changed PLAYER", "membership_changed GM"]);
    assert_eq!(echo[1].offset(Room::User(user("ben"))), Some(2));
    let campaigns = t.world.campaigns_of(&user("ben"), &Default::default()).await.unwrap();
    assert_eq!(campaigns.items, [campaign]);
}

async fn the_last_owner_stays(t: &TestWorld) {
    let campaign = t.campaign().await;
    let grant = t.grant("ada", &campaign, Action::Administer).await;
    let demoted = t.world.set_member(&grant, user("ada"), Role::Gm, &request()).await.unwrap_err();
    assert_eq!(demoted.code, Code::Conflict);
    let view = t.grant("ada", &campaign, Action::View).await;
    let left = t.world.remove_member(&view, user("ada"), &request()).await.unwrap_err();
    assert_eq!(left.code, Code::Conflict);
    assert_eq!(t.head(&campaign).await, 2);

    t.member(&campaign, "ben", Role::Owner).await;
    t.world.remove_member(&view, user("ada"), &request()).await.unwrap();
    assert_eq!(t.require("ada", &campaign, Action::View).await, Err(Problem::not_found()));
    let last = t.grant("ben", &campaign, Action::View).await;
    let refused = t.world.remove_member(&last, user("ben"), &request()).await.unwrap_err();
    assert_eq!(refused.code, Code::Conflict);
}

async fn removal(t: &TestWorld) {
    let campaign = t.campaign().await;
    t.member(&campaign, "ben", Role::Gm).await;
    let before = t.head(&campaign).await;
    let grant = t.grant("ada", &campaign, Action::Administer).await;
    assert_eq!(t.world.remove_member(&grant, user("ben"), &request()).await.unwrap(), user("ben"));
    let log = t.log(&campaign, before).await;
    assert_eq!(what(&log), ["membership_changed"]);
    assert_eq!(log[0].0["payload"]["role"], serde_json::Value::Null);
    let refused = t.require("ben", &campaign, Action::View).await;
    assert_eq!(refused, Err(Problem::not_found()));
    let again = t.world.remove_member(&grant, user("ben"), &request()).await;
    assert_eq!(again, Err(Problem::not_found()), "nobody to remove");
    assert_eq!(t.head(&campaign).await, before + 1);
}

async fn leaving(t: &TestWorld) {
    let campaign = t.campaign().await;
    t.member(&campaign, "dan", Role::Viewer).await;
    let grant = t.grant("dan", &campaign, Action::View).await;
    assert_eq!(t.world.remove_member(&grant, user("dan"), &request()).await.unwrap(), user("dan"));
    assert_eq!(t.require("dan", &campaign, Action::View).await, Err(Problem::not_found()));
}

/// A permission is checked when it is asked for and again when it is used.
async fn a_grant_does_not_outlive_the_membership(t: &TestWorld) {
    let campaign = t.campaign().await;
    t.member(&campaign, "ben", Role::Gm).await;
    let stale = t.grant("ben", &campaign, Action::Edit).await;
    let grant = t.grant("ada", &campaign, Action::Administer).await;
    t.world.remove_member(&grant, user("ben"), &request()).await.unwrap();
    let before = t.head(&campaign).await;
    let patch = CampaignPatch { name: Some("Mine".into()), description: None };
    let refused = t.world.update_campaign(&stale, patch.clone(), None, &request()).await;
    assert_eq!(refused, Err(Problem::not_found()));

    t.member(&campaign, "ben", Role::Viewer).await;
    let refused = t.world.update_campaign(&stale, patch, None, &request()).await.unwrap_err();
    assert_eq!(refused.code, Code::Forbidden);
    assert_eq!(t.head(&campaign).await, before + 1);
}

async fn roles_decide(t: &TestWorld) {
    let campaign = t.campaign().await;
    for (user, role) in [("ben", Role::Gm), ("cyd", Role::Player), ("dan", Role::Viewer)] {
        t.member(&campaign, user, role).await;
    }
    for (action, allowed) in [
        (Action::View, ["ada", "ben", "cyd", "dan"].as_slice()),
        (Action::Edit, &["ada", "ben"]),
        (Action::Administer, &["ada"]),
    ] {
        for user in ["ada", "ben", "cyd", "dan", "eve"] {
            let answer = t.require(user, &campaign, action).await.map(|_| ()).map_err(|problem| problem.code);
            let expected = match (allowed.contains(&user), user) {
                (true, _) => Ok(()),
                (false, "eve") => Err(Code::NotFound),
                (false, _) => Err(Code::Forbidden),
            };
            assert_eq!(answer, expected, "{user} {action:?}");
        }
    }
    let as_gm = t.grant("ben", &campaign, Action::View).await;
    let refused = t.world.remove_member(&as_gm, user("cyd"), &request()).await.unwrap_err();
    assert_eq!(refused.code, Code::Internal, "a grant to view is no grant to administer");
}

async fn names(t: &TestWorld) {
    let campaign = t.campaign().await;
    t.member(&campaign, "ben", Role::Gm).await;
    let members = t.world.members_of(&[campaign.id], &Default::default()).await.unwrap();
    let members = &members[&campaign.id].items;
    assert_eq!(members[0].name, Some("ADA".into()), "from the token with which the campaign was made");
    assert_eq!(members[1].name, None, "nobody has seen a token of ben's");
    assert_eq!(identity("ada").name(), Some("ADA"));
}
