//! The service and its table, on both databases.

use fanfare::{
    access::{Identity, Revocations, Scope},
    protocol::{Code, Metadata, Problem, Root, Timestamp},
    store::revocations,
    users::{NewRevocation, Revoked},
};

use crate::support::services::{TestWorld, identity, on_both_databases, user};

on_both_databases!(
    a_revocation_is_a_row_and_an_event,
    only_operators_revoke,
    an_instant_never_goes_back,
    what_makes_no_sense_is_refused,
    the_table_is_read_page_by_page,
);

fn operator() -> Identity {
    identity("root").with_scopes(Scope::Admin.into())
}

fn origin() -> Metadata {
    Metadata { user_id: user("root"), source: "test".into(), correlation_id: "test".into(), request_id: None }
}

fn of(id: &str) -> NewRevocation {
    NewRevocation { user_id: user(id), not_before: None, reason: None }
}

fn now(t: &TestWorld) -> Timestamp {
    t.clock().now().into()
}

async fn revoke(t: &TestWorld, revocation: NewRevocation) -> Result<Revoked, Problem> {
    t.users().revoke(&operator(), revocation, origin()).await
}

async fn a_revocation_is_a_row_and_an_event(t: &TestWorld) {
    let wish = NewRevocation { reason: Some("Stolen laptop".into()), ..of("mallory") };
    assert_eq!(
        revoke(t, wish).await,
        Ok(Revoked { user_id: user("mallory"), not_before: now(t) }),
        "now, when nothing else is said"
    );
    let row = revocations::of_user(&t.store, &user("mallory")).await.unwrap().unwrap();
    assert_eq!((row.not_before, row.created_at), (now(t), now(t)));
    assert_eq!(row.reason.as_deref(), Some("Stolen laptop"));
    let log = t.log_of(&Root::Instances, 0).await;
    assert_eq!(log.len(), 1);
    assert_eq!(log[0].0["type"], "access_revoked");
    assert_eq!(log[0].0["payload"]["userId"], "mallory");
    assert_eq!(log[0].0["metadata"]["userId"], "root");
    let known = Revocations::default();
    known.load(&t.store).await.unwrap();
    assert!(known.refuse(&user("mallory"), Some(now(t))));
    assert!(!known.refuse(&user("ada"), Some(now(t))));
}

async fn only_operators_revoke(t: &TestWorld) {
    for other in [identity("ada"), identity("rules").with_scopes(Scope::EventsPublish.into())] {
        let refused = t.users().revoke(&other, of("ben"), origin()).await.unwrap_err();
        assert_eq!(refused.code, Code::Forbidden);
    }
    assert_eq!(revocations::of_user(&t.store, &user("ben")).await.unwrap(), None);
    assert!(t.log_of(&Root::Instances, 0).await.is_empty());
}

async fn an_instant_never_goes_back(t: &TestWorld) {
    let first = revoke(t, of("ada")).await.unwrap().not_before;
    let earlier = NewRevocation { not_before: first.plus_millis(-60_000), ..of("ada") };
    assert_eq!(revoke(t, earlier).await.unwrap().not_before, first);
    assert_eq!(revoke(t, of("ada")).await.unwrap().not_before, first);
    assert_eq!(t.log_of(&Root::Instances, 0).await.len(), 1, "nothing happened, so there is no event");
    t.hand.advance(std::time::Duration::from_secs(1));
    assert_eq!(revoke(t, of("ada")).await.unwrap().not_before, now(t));
    let row = revocations::of_user(&t.store, &user("ada")).await.unwrap().unwrap();
    assert_eq!(row.not_before, now(t));
    assert_eq!(t.log_of(&Root::Instances, 0).await.len(), 2);
}

async fn what_makes_no_sense_is_refused(t: &TestWorld) {
    let day = 24 * 3_600_000;
    let ahead = |millis| NewRevocation { not_before: now(t).plus_millis(millis), ..of("ada") };
    assert_eq!(revoke(t, ahead(day + 1)).await.unwrap_err().code, Code::BadRequest);
    let long = NewRevocation { reason: Some("x".repeat(501)), ..of("ada") };
    assert_eq!(revoke(t, long).await.unwrap_err().code, Code::BadRequest);
    assert_eq!(revocations::of_user(&t.store, &user("ada")).await.unwrap(), None);
    assert!(revoke(t, ahead(day)).await.is_ok());
}

async fn the_table_is_read_page_by_page(t: &TestWorld) {
    let names: Vec<String> = (0..7).map(|number| format!("user-{number}")).collect();
    for name in &names {
        revoke(t, of(name)).await.unwrap();
    }
    let mut seen = Vec::new();
    let mut slice = fanfare::store::Slice::first(3);
    loop {
        let rows = revocations::all(&t.store, slice).await.unwrap();
        let Some(last) = rows.last() else { break };
        slice = fanfare::store::Slice::after(last.user_id.clone(), 3);
        seen.extend(rows.into_iter().map(|row| row.user_id.to_string()));
    }
    assert_eq!(seen, names);
}
