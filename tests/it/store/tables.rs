//! The world's tables: what is written is read, lists come in slices, loaders read for many parents at once.

use std::collections::HashMap;

use fanfare::{
    protocol::{CampaignId, Role, SettlementId, StructureId},
    store::{
        Slice, StoreError, campaigns, members,
        revocations::{self, RevocationRow},
        settlements, structures,
        survey::{self, FinishedRow},
        users::{self, UserRow},
    },
};

use super::{Fixture, campaign_row, cases, instant, settlement_row, structure_row, user};

async fn rows_read_back_as_they_were_written(fixture: Fixture) {
    let campaign = campaign_row(CampaignId::from_uuid(fixture.clock.uuid()));
    let mut settlement = settlement_row(campaign.id, SettlementId::from_uuid(fixture.clock.uuid()));
    let mut structure = structure_row(&settlement, StructureId::from_uuid(fixture.clock.uuid()));
    let store = &fixture.store;
    assert!(campaigns::none(store).await.unwrap());
    let mut tx = store.begin().await.unwrap();
    campaigns::insert(&mut tx, &campaign).await.unwrap();
    settlements::insert(&mut tx, &settlement).await.unwrap();
    structures::insert(&mut tx, &structure).await.unwrap();
    // A transaction sees its own rows, others do not.
    assert_eq!(
        settlements::get(&mut tx, campaign.id, settlement.id).await.unwrap().as_ref(),
        Some(&settlement)
    );
    assert_eq!(settlements::get(store, campaign.id, settlement.id).await.unwrap(), None);
    tx.commit().await.unwrap();
    assert!(!campaigns::none(store).await.unwrap());
    assert_eq!(campaigns::get(store, campaign.id).await.unwrap().as_ref(), Some(&campaign));
    assert_eq!(
        campaigns::by_ids(store, &[campaign.id, campaign.id]).await.unwrap(),
        std::slice::from_ref(&campaign)
    );
    assert_eq!(campaigns::by_ids(store, &[]).await.unwrap(), []);
    assert_eq!(
        settlements::get(store, campaign.id, settlement.id).await.unwrap().as_ref(),
        Some(&settlement)
    );
    assert_eq!(structures::get(store, campaign.id, structure.id).await.unwrap().as_ref(), Some(&structure));

    settlement.name = "Ulmö'; DROP TABLE rooms; --".into();
    settlement.version = 2;
    structure.completes_at = Some(instant("1200-01-02T00:00:00.001Z"));
    structure.version = 2;
    let moved =
        campaigns::CampaignRow { world_time: instant("-000043-03-15T00:00:00Z"), version: 2, ..campaign };
    let mut tx = store.begin().await.unwrap();
    campaigns::update(&mut tx, &moved).await.unwrap();
    settlements::update(&mut tx, &settlement).await.unwrap();
    structures::update(&mut tx, &structure).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(campaigns::get(store, moved.id).await.unwrap().as_ref(), Some(&moved));
    let ids = [(moved.id, settlement.id)];
    assert_eq!(settlements::by_ids(store, &ids).await.unwrap(), [settlement.clone()]);
    assert_eq!(structures::by_ids(store, &[(moved.id, structure.id)]).await.unwrap(), [structure.clone()]);

    // A version that is not the next one is refused.
    let mut tx = store.begin().await.unwrap();
    assert!(matches!(structures::update(&mut tx, &structure).await, Err(StoreError::Conflict(_))));
    drop(tx);

    // The campaign takes everything with it.
    let mut tx = store.begin().await.unwrap();
    assert!(campaigns::delete(&mut tx, moved.id).await.unwrap());
    assert!(!campaigns::delete(&mut tx, moved.id).await.unwrap());
    assert_eq!(structures::get(&mut tx, moved.id, structure.id).await.unwrap(), None);
    tx.commit().await.unwrap();
    assert_eq!(fixture.contents().await, [""; 0]);
}

async fn lists_come_in_slices(fixture: Fixture) {
    let (first, second) = (fixture.campaign().await, fixture.campaign().await);
    let store = &fixture.store;
    let mut made = HashMap::new();
    for campaign in [first, second] {
        for _ in 0..5 {
            let settlement = fixture.settlement(campaign).await;
            made.entry(campaign).or_insert_with(Vec::new).push(settlement.id);
        }
    }
    let ids = |rows: Vec<settlements::SettlementRow>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
    let page = settlements::of_campaign(store, first, Slice::first(3)).await.unwrap();
    assert_eq!(ids(page), made[&first][..3]);
    let page = settlements::of_campaign(store, first, Slice::after(made[&first][2], 3)).await.unwrap();
    assert_eq!(ids(page), made[&first][3..]);
    // Many parents at once, each with its own limit.
    let pages = settlements::of_campaigns(store, &[second, first], Slice::first(2)).await.unwrap();
    assert_eq!(ids(pages), [&made[&first][..2], &made[&second][..2]].concat());
    let pages =
        settlements::of_campaigns(store, &[second, first], Slice::after(made[&second][3], 2)).await.unwrap();
    assert_eq!(ids(pages), made[&second][4..]);

    let parents: Vec<_> = made[&first][..3].iter().map(|id| (first, *id)).collect();
    let mut structures_of = HashMap::new();
    for (campaign, settlement) in &parents {
        let row = settlements::get(store, *campaign, *settlement).await.unwrap().unwrap();
        for _ in 0..3 {
            structures_of.entry(*settlement).or_insert_with(Vec::new).push(fixture.structure(&row).await.id);
        }
    }
    let page = structures::of_settlement(
        store,
        first,
        parents[1].1,
        Slice::after(structures_of[&parents[1].1][0], 9),
    );
    assert_eq!(
        page.await.unwrap().iter().map(|row| row.id).collect::<Vec<_>>(),
        structures_of[&parents[1].1][1..]
    );
    let pages = structures::of_settlements(store, &parents, Slice::first(2)).await.unwrap();
    let expected: Vec<_> = parents.iter().flat_map(|(_, id)| structures_of[id][..2].to_vec()).collect();
    assert_eq!(pages.iter().map(|row| row.id).collect::<Vec<_>>(), expected);
    assert_eq!(structures::of_settlements(store, &[], Slice::first(2)).await.unwrap(), []);
}

// req: T05
async fn members_have_roles_and_perhaps_names(fixture: Fixture) {
    let (first, second) = (fixture.campaign().await, fixture.campaign().await);
    let store = &fixture.store;
    let mut tx = store.begin().await.unwrap();
    members::put(&mut tx, first, &user("ben"), Role::Viewer).await.unwrap();
    members::put(&mut tx, first, &user("ben"), Role::Gm).await.unwrap();
    members::put(&mut tx, second, &user("cleo"), Role::Player).await.unwrap();
    users::put(&mut tx, &UserRow { id: user("ben"), name: "Bn".into() }).await.unwrap();
    users::put(&mut tx, &UserRow { id: user("ben"), name: "Ben".into() }).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(members::role(store, first, &user("ben")).await.unwrap(), Some(Role::Gm));
    assert_eq!(members::role(store, second, &user("ben")).await.unwrap(), None);
    let roles = members::roles_of_user(store, &user("anna"), &[first, second]).await.unwrap();
    assert_eq!(roles, HashMap::from([(first, Role::Owner), (second, Role::Owner)]));
    let names = |rows: Vec<members::MemberRow>| -> Vec<(String, Role, Option<String>)> {
        rows.into_iter().map(|row| (row.user_id.to_string(), row.role, row.name)).collect()
    };
    let ben = ("ben".to_owned(), Role::Gm, Some("Ben".to_owned()));
    let anna = ("anna".to_owned(), Role::Owner, None);
    let page = members::of_campaign(store, first, Slice::first(9)).await.unwrap();
    assert_eq!(names(page), [anna.clone(), ben.clone()]);
    let page = members::of_campaign(store, first, Slice::after(user("anna"), 9)).await.unwrap();
    assert_eq!(names(page), [ben]);
    let pages = members::of_campaigns(store, &[first, second], Slice::first(1)).await.unwrap();
    assert_eq!(names(pages), [anna.clone(), anna]);
    assert_eq!(members::count(store, first, Role::Owner).await.unwrap(), 1);
    assert_eq!(users::by_ids(store, &[user("ben"), user("nobody")]).await.unwrap().len(), 1);
    let of_cleo = campaigns::of_user(store, &user("cleo"), Slice::first(9)).await.unwrap();
    assert_eq!(of_cleo.iter().map(|row| row.id).collect::<Vec<_>>(), [second]);
    let of_anna = campaigns::of_user(store, &user("anna"), Slice::after(first, 9)).await.unwrap();
    assert_eq!(of_anna.iter().map(|row| row.id).collect::<Vec<_>>(), [second]);
    let mut tx = store.begin().await.unwrap();
    assert!(members::delete(&mut tx, first, &user("ben")).await.unwrap());
    assert!(!members::delete(&mut tx, first, &user("ben")).await.unwrap());
    assert_eq!(members::role(&mut tx, first, &user("ben")).await.unwrap(), None);
    assert_eq!(survey::count_members(&mut tx, first).await.unwrap(), 1);
}

// req: T08
async fn structures_are_finished_when_their_time_has_come(fixture: Fixture) {
    let campaign = fixture.campaign().await;
    let settlement = fixture.settlement(campaign).await;
    let store = &fixture.store;
    let mut tx = store.begin().await.unwrap();
    let mut rows = Vec::new();
    for completes_at in
        [Some("1200-01-03T00:00:00Z"), Some("1200-01-02T00:00:00Z"), Some("1200-02-01T00:00:00Z"), None]
    {
        let mut row = structure_row(&settlement, StructureId::from_uuid(fixture.clock.uuid()));
        row.completes_at = completes_at.map(instant);
        structures::insert(&mut tx, &row).await.unwrap();
        rows.push(row);
    }
    let finished = structures::finish_due(&mut tx, campaign, instant("1200-01-03T00:00:00Z")).await.unwrap();
    assert_eq!(finished.iter().map(|row| row.id).collect::<Vec<_>>(), [rows[1].id, rows[0].id]);
    assert!(finished.iter().all(|row| row.finished && row.version == 2));
    assert_eq!(structures::finish_due(&mut tx, campaign, instant("1200-01-04T00:00:00Z")).await.unwrap(), []);
    assert_eq!(survey::count_structures(&mut tx, campaign).await.unwrap(), 4);
    assert_eq!(survey::count_settlements(&mut tx, campaign).await.unwrap(), 1);
    tx.commit().await.unwrap();
    let mut of_rules = survey::finished(store, &[(campaign, settlement.id)]).await.unwrap();
    of_rules.sort_by_key(|row| row.id);
    let lean = |row: &structures::StructureRow| FinishedRow {
        settlement_id: settlement.id,
        id: row.id,
        kind: "wall".into(),
        level: 1,
    };
    assert_eq!(of_rules, [lean(&rows[0]), lean(&rows[1])]);
    assert_eq!(survey::finished_of_campaign(store, campaign).await.unwrap().len(), 2);
    let bases = survey::bases(store, &[(campaign, settlement.id)]).await.unwrap();
    assert_eq!((bases[0].level, bases[0].world_time), (3, instant("1200-01-01T00:00:00Z")));
    assert_eq!(survey::bases_of_campaign(store, campaign).await.unwrap(), bases);

    let mut tx = store.begin().await.unwrap();
    assert!(structures::delete(&mut tx, campaign, rows[3].id).await.unwrap());
    let gone = structures::delete_of_settlement(&mut tx, campaign, settlement.id).await.unwrap();
    assert_eq!(gone.iter().map(|row| row.id).collect::<Vec<_>>(), [rows[0].id, rows[1].id, rows[2].id]);
    assert!(settlements::delete(&mut tx, campaign, settlement.id).await.unwrap());
}

/// Though nothing orders them before: the log of the instances, which is locked first, may not exist yet.
async fn of_two_revocations_at_once_the_later_instant_stays(fixture: Fixture) {
    let row = |time: &str| RevocationRow {
        user_id: user("anna"),
        not_before: instant(time),
        reason: Some(time.to_owned()),
        created_at: fixture.clock.now().into(),
    };
    let (late, early) = (row("2026-11-20T10:00:01Z"), row("2026-11-20T10:00:00Z"));
    let mut tx = fixture.store.begin().await.unwrap();
    assert!(revocations::put(&mut tx, &late).await.unwrap());
    let store = fixture.store.clone();
    let second = tokio::spawn(async move {
        let mut tx = store.begin().await.unwrap();
        let put = revocations::put(&mut tx, &early).await.unwrap();
        tx.commit().await.unwrap();
        put
    });
    fixture.until_somebody_waits().await;
    tx.commit().await.unwrap();
    assert!(!second.await.unwrap());
    assert_eq!(revocations::of_user(&fixture.store, &user("anna")).await.unwrap(), Some(late));
}

cases! {
    of_two_revocations_at_once_the_later_instant_stays,
    rows_read_back_as_they_were_written,
    lists_come_in_slices,
    members_have_roles_and_perhaps_names,
    structures_are_finished_when_their_time_has_come,
}
