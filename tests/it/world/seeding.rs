//! The demo world.

use fanfare::{
    access::Action,
    protocol::{Problem, Role},
    world::{page::Page, seed::Seeded},
};

use crate::support::services::{TestWorld, on_both_databases, request, user};

on_both_databases!(everything_once, what_is_missing);

async fn everything_once(t: &TestWorld) {
    let seeded = t.world.seed().await.unwrap();
    assert_eq!(seeded, Seeded { campaigns: 2, settlements: 12, structures: 60, added: 74 });
    let campaigns = t.world.campaigns_of(&user("ada"), &Page::default()).await.unwrap().items;
    let [coast, marches] = &campaigns[..] else { panic!("two campaigns") };
    for (who, roles) in [
        ("ada", [Some(Role::Owner), Some(Role::Gm)]),
        ("ben", [Some(Role::Gm), Some(Role::Owner)]),
        ("cyd", [Some(Role::Player), None]),
        ("dan", [Some(Role::Viewer), Some(Role::Player)]),
    ] {
        let found = t.world.roles(&user(who), &[coast.id, marches.id]).await.unwrap();
        assert_eq!([coast.id, marches.id].map(|id| found.get(&id).copied()), roles, "{who}");
    }
    let heads = (t.head(coast).await, t.head(marches).await);
    let again = t.world.seed().await.unwrap();
    assert_eq!(again, Seeded { added: 0, ..seeded });
    assert_eq!((t.head(coast).await, t.head(marches).await), heads, "a second time changes nothing");
    let members = t.world.members_of(&[coast.id], &Page::default()).await.unwrap();
    let names: Vec<_> = members[&coast.id].items.iter().map(|member| member.name.clone().unwrap()).collect();
    assert_eq!(names, ["Ada", "Ben", "Cyd", "Dan"]);
}

async fn what_is_missing(t: &TestWorld) {
    t.world.seed().await.unwrap();
    let campaigns = t.world.campaigns_of(&user("ada"), &Page::default()).await.unwrap().items;
    let settlements = t.world.settlements_of(&[campaigns[0].id], &Page::default()).await.unwrap();
    let lost = &settlements[&campaigns[0].id].items[3];
    let grant = t.grant("ada", lost, Action::Delete).await;
    t.world.delete_settlement(&grant, None, &request()).await.unwrap();
    assert_eq!(t.world.seed().await.unwrap().added, 6, "the settlement and its five structures");
    assert_eq!(t.require("ada", lost, Action::View).await, Err(Problem::not_found()));
}
