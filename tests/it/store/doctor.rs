//! The doctor finds every fault that is planted, and nothing in a sound database.

use std::collections::HashSet;

use super::{Fixture, cases};

async fn every_planted_fault_is_found(fixture: Fixture) {
    let campaign = fixture.campaign().await;
    let settlement = fixture.settlement(campaign).await;
    let structure = fixture.structure(&settlement).await;
    let other = fixture.campaign().await;
    fixture.assert_sound().await;
    let (c, s, t, o) = (campaign, settlement.id, structure.id, other);
    let nowhere = "01900000-0000-7000-8000-000000000000";
    let row = "'x', 1, 1, 0, 0, '{}', 1";
    let faults: Vec<(&str, String)> = vec![
        (
            "envelope_of_root",
            format!("UPDATE events SET id = 'forged' WHERE root = 'campaign:{c}' AND root_offset = 3"),
        ),
        (
            "envelope_of_root",
            format!(
                "UPDATE events SET envelope = REPLACE(envelope, '\"epoch\":\"', '\"epoch\":\"x') WHERE root = 'campaign:{o}'"
            ),
        ),
        (
            "envelope_of_root",
            "INSERT INTO events SELECT root, 9, 'no-json', created_at, '{' FROM events WHERE root_offset = 2"
                .into(),
        ),
        ("envelope_of_room", format!("UPDATE event_rooms SET room_offset = 7 WHERE room = 'structure:{t}'")),
        ("log_of_room", format!("UPDATE rooms SET head_offset = 9 WHERE room = 'settlement:{s}'")),
        ("log_of_root", format!("UPDATE rooms SET head_offset = 2 WHERE room = 'campaign:{o}'")),
        ("log_of_root", format!("DELETE FROM events WHERE root = 'campaign:{c}' AND root_offset = 1")),
        ("event_missing", format!("DELETE FROM events WHERE root = 'campaign:{c}' AND root_offset = 2")),
        ("event_in_no_log", format!("UPDATE rooms SET floor_offset = 1 WHERE room = 'campaign:{o}'")),
        (
            "event_in_no_log",
            "INSERT INTO events SELECT 'user:ghost', 1, 'g', created_at, envelope FROM events LIMIT 1".into(),
        ),
        (
            "room_missing",
            format!("INSERT INTO event_rooms VALUES ('campaign:{c}', 'structure:{nowhere}', 1, 3)"),
        ),
        (
            "root_missing",
            format!("INSERT INTO rooms VALUES ('structure:{nowhere}', 'campaign:{nowhere}', 0, 0, 0)"),
        ),
        ("structure_without_room", format!("UPDATE rooms SET closed = 1 WHERE room = 'structure:{t}'")),
        ("settlement_without_room", format!("UPDATE rooms SET closed = 1 WHERE room = 'settlement:{s}'")),
        ("structure_without_settlement", format!("DELETE FROM settlements WHERE id = '{s}'")),
        ("room_without_settlement", format!("UPDATE rooms SET closed = 0 WHERE room = 'settlement:{s}'")),
        (
            "room_without_structure",
            format!(
                "UPDATE rooms SET closed = 0 WHERE room = 'structure:{t}'; DELETE FROM structures WHERE id = '{t}'"
            ),
        ),
        (
            "settlement_without_campaign",
            format!("INSERT INTO settlements VALUES ('{nowhere}', '{nowhere}', {row})"),
        ),
        ("member_without_campaign", format!("INSERT INTO members VALUES ('{nowhere}', 'eve', 'PLAYER')")),
        ("campaign_without_room", format!("INSERT INTO campaigns VALUES ('{nowhere}', 'x', '', 0, 1)")),
        ("campaign_without_owner", format!("UPDATE members SET role = 'GM' WHERE campaign_id = '{o}'")),
        ("room_without_campaign", format!("DELETE FROM campaigns WHERE id = '{o}'")),
        ("request_without_result", "INSERT INTO requests VALUES ('eve', 'r', NULL, 0)".into()),
    ];
    let mut known: HashSet<(&str, String)> = HashSet::new();
    for (check, fault) in faults {
        fixture.script(&fault).await;
        let found = fixture.store.doctor().await.unwrap();
        let found: HashSet<_> = found.into_iter().map(|finding| (finding.check, finding.detail)).collect();
        let new: Vec<_> = found.difference(&known).collect();
        assert!(new.iter().any(|(found, _)| *found == check), "{fault}: {check} is not in {new:#?}");
        known = found;
    }
}

async fn a_flood_of_faults_is_told_in_part(fixture: Fixture) {
    for n in 0..50 {
        fixture.script(&format!("INSERT INTO members VALUES ('campaign-{n}', 'eve', 'PLAYER')")).await;
    }
    let found = fixture.store.doctor().await.unwrap();
    assert_eq!(found.len(), 20);
    assert!(found.iter().all(|finding| finding.check == "member_without_campaign"));
    assert!(found[0].detail.contains("eve of campaign-"), "{}", found[0].detail);
}

cases! {
    every_planted_fault_is_found,
    a_flood_of_faults_is_told_in_part,
}
