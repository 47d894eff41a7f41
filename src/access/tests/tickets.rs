//! Tickets open a connection and nothing else.

use std::time::Duration;

use super::*;

fn ticket_claims() -> Value {
    json!({ "iss": "https://id.example", "aud": "ws", "sub": "ada", "iat": now(), "exp": now() + 90 })
}

// req: N08 N09 N32
#[tokio::test]
async fn a_ticket_is_accepted_in_the_query_alone_and_a_token_never_there() {
    let (clock, _) = clock();
    let verifier = Verifier::new(options(), clock.clone()).unwrap();
    let token = hs256(&but("scope", json!("events:publish")));
    let identity = verifier.verify(&token, Use::Api).await.unwrap();
    let (ticket, expires_at) = Signer::new(&options(), clock).unwrap().ticket(&identity).unwrap();

    assert_eq!(expires_at.millis(), (now() + 90) * 1_000);
    let opened = verifier.verify(&ticket, Use::Ticket).await.unwrap();
    assert_eq!(opened.user_id(), identity.user_id());
    assert_eq!(opened.expires_at(), identity.expires_at(), "the connection lives as long as the token");
    assert!(!opened.scopes().contains(Scope::EventsPublish));

    assert_eq!(verifier.verify(&ticket, Use::Api).await, Err(TokenProblem::Invalid));
    assert_eq!(verifier.verify(&ticket, Use::Handshake).await, Err(TokenProblem::Invalid));
    assert_eq!(verifier.verify(&token, Use::Ticket).await, Err(TokenProblem::Invalid));
}

// req: N08 N09 N32
#[tokio::test]
async fn a_ticket_is_good_for_ninety_seconds_and_not_one_more() {
    let (clock, hand) = clock();
    let verifier = Verifier::new(options(), clock.clone()).unwrap();
    let identity = verifier.verify(&hs256(&claims()), Use::Api).await.unwrap();
    let (ticket, _) = Signer::new(&options(), clock).unwrap().ticket(&identity).unwrap();
    hand.advance(Duration::from_secs(89));
    assert!(verifier.verify(&ticket, Use::Ticket).await.is_ok());
    hand.advance(Duration::from_secs(1));
    assert_eq!(verifier.verify(&ticket, Use::Ticket).await, Err(TokenProblem::Expired));
}

#[tokio::test]
async fn a_ticket_ends_with_the_token_it_was_made_for() {
    let (clock, _) = clock();
    let verifier = Verifier::new(options(), clock.clone()).unwrap();
    let identity = verifier.verify(&hs256(&but("exp", json!(now() + 10))), Use::Api).await.unwrap();
    let (_, expires_at) = Signer::new(&options(), clock).unwrap().ticket(&identity).unwrap();
    assert_eq!(expires_at, identity.expires_at());
}

#[tokio::test]
async fn what_lives_longer_than_a_ticket_is_none() {
    let with = |name: &str, value: Value| {
        let mut claims = ticket_claims();
        claims[name] = value;
        hs256(&claims)
    };
    assert!(verify(&hs256(&ticket_claims()), Use::Ticket).await.is_ok());
    assert!(verify(&with("aud", json!(["ws"])), Use::Ticket).await.is_ok());
    for token in [
        with("exp", json!(now() + 91)),
        with("iat", json!(now() - 1)),
        with("iat", json!(now() + 31)),
        with("iat", json!(null)),
        with("iat", json!(now().to_string())),
        with("aud", json!(["ws", "fanfare"])),
        with("aud", json!("fanfare")),
        with("session_exp", json!("never")),
    ] {
        assert_eq!(verify(&token, Use::Ticket).await, Err(TokenProblem::Invalid), "{token}");
    }
}

#[tokio::test]
async fn a_ticket_secret_of_its_own_signs_tickets_only() {
    let (clock, _) = clock();
    let own = AccessOptions { ticket_secret: Some(Secret::new("only for tickets, this one")), ..options() };
    let verifier = Verifier::new(own.clone(), clock.clone()).unwrap();
    let identity = verifier.verify(&hs256(&claims()), Use::Api).await.unwrap();
    let (ticket, _) = Signer::new(&own, clock).unwrap().ticket(&identity).unwrap();
    assert!(verifier.verify(&ticket, Use::Ticket).await.is_ok());
    assert_eq!(verify(&ticket, Use::Ticket).await, Err(TokenProblem::Invalid));
    assert_eq!(verifier.verify(&hs256(&ticket_claims()), Use::Ticket).await, Err(TokenProblem::Invalid));
    let key = EncodingKey::from_secret(b"only for tickets, this one");
    let forged = sign(&json!({ "alg": "HS256" }), &claims(), &key, Algorithm::HS256);
    assert_eq!(verifier.verify(&forged, Use::Api).await, Err(TokenProblem::Invalid));
}
