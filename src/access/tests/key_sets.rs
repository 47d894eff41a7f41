//! Keys of an identity provider, from a file and from a URL.

use std::time::Duration;

use super::{
    issuer::{Pair, Server, key_set},
    *,
};

fn options_with(source: JwksSource) -> AccessOptions {
    AccessOptions {
        secrets: Vec::new(),
        ticket_secret: Some(Secret::new("for tickets")),
        jwks: Some(JwksOptions::new(source)),
        ..options()
    }
}

/// A verifier and the hand that lets the times between two reads pass.
fn verifier(source: JwksSource) -> (Verifier, ManualClock) {
    let (clock, hand) = clock();
    (Verifier::new(options_with(source), clock).unwrap(), hand)
}

#[tokio::test]
async fn all_three_algorithms_work_from_a_file_which_is_read_again_for_a_new_key() {
    let pairs = [
        Pair::new("rsa", Algorithm::RS256),
        Pair::new("ec", Algorithm::ES256),
        Pair::new("ed", Algorithm::EdDSA),
    ];
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), key_set(&[&pairs[0], &pairs[1], &pairs[2]])).unwrap();
    let (verifier, hand) = verifier(JwksSource::File(file.path().into()));
    verifier.load_keys().await.unwrap();
    for pair in &pairs {
        let identity = verifier.verify(&pair.sign(&claims()), Use::Handshake).await.unwrap();
        assert_eq!(identity.user_id().as_str(), "ada");
        let without_kid = pair.sign_with(&json!({ "alg": format!("{:?}", pair.algorithm) }), &claims());
        assert!(verifier.verify(&without_kid, Use::Api).await.is_ok());
        let token = pair.sign(&but("exp", json!(now() - 60)));
        assert_eq!(verifier.verify(&token, Use::Api).await, Err(TokenProblem::Expired));
    }

    let newer = Pair::new("newer", Algorithm::EdDSA);
    std::fs::write(file.path(), key_set(&[&newer])).unwrap();
    hand.advance(Duration::from_secs(31));
    assert!(verifier.verify(&newer.sign(&claims()), Use::Api).await.is_ok());
    assert_eq!(verifier.verify(&pairs[0].sign(&claims()), Use::Api).await, Err(TokenProblem::Invalid));
}

#[tokio::test]
async fn a_file_that_cannot_be_read_keeps_the_server_from_starting() {
    let (missing, _) = verifier(JwksSource::File("no/such/keys.json".into()));
    assert!(missing.load_keys().await.is_err());
    let empty = tempfile::NamedTempFile::new().unwrap();
    assert!(verifier(JwksSource::File(empty.path().into())).0.load_keys().await.is_err());
}

#[tokio::test]
async fn a_public_key_is_not_a_secret_and_a_key_is_only_its_own_algorithm() {
    let (rsa, ed) = (Pair::new("rsa", Algorithm::RS256), Pair::new("ed", Algorithm::EdDSA));
    let server = Server::start(&key_set(&[&rsa, &ed])).await;
    let options = AccessOptions { secrets: vec![Secret::new(SECRET)], ..options_with(server.source()) };
    let verifier = Verifier::new(options, clock().0).unwrap();
    verifier.load_keys().await.unwrap();

    // The classic confusion: HS256 with the public key, in any of its spellings, as the secret.
    let public = rsa.public();
    let modulus = public["n"].as_str().unwrap();
    let spellings = [
        public.to_string().into_bytes(),
        modulus.as_bytes().to_vec(),
        URL_SAFE_NO_PAD.decode(modulus).unwrap(),
        URL_SAFE_NO_PAD.decode(ed.public()["x"].as_str().unwrap()).unwrap(),
    ];
    for public in spellings {
        let header = json!({ "alg": "HS256", "kid": "rsa" });
        let forged = sign(&header, &claims(), &EncodingKey::from_secret(&public), Algorithm::HS256);
        assert_eq!(verifier.verify(&forged, Use::Api).await, Err(TokenProblem::Invalid));
    }
    // The right key under another's name or algorithm, and a key that the header brings along.
    for header in [
        json!({ "alg": "EdDSA", "kid": "rsa" }),
        json!({ "alg": "RS256", "kid": "ed" }),
        json!({ "alg": "RS512", "kid": "rsa" }),
        json!({ "alg": "RS256", "kid": "evil", "jwk": rsa.public() }),
        json!({ "alg": "RS256", "kid": "evil", "jku": "http://127.0.0.1:1/evil.json" }),
    ] {
        let forged = rsa.sign_with(&header, &claims());
        assert_eq!(verifier.verify(&forged, Use::Api).await, Err(TokenProblem::Invalid), "{header}");
    }
    let stranger = Pair::new("rsa", Algorithm::RS256);
    assert_eq!(verifier.verify(&stranger.sign(&claims()), Use::Api).await, Err(TokenProblem::Invalid));
    // Both kinds of key at once, each for its own tokens; a key set never makes tickets.
    assert!(verifier.verify(&rsa.sign(&claims()), Use::Api).await.is_ok());
    assert!(verifier.verify(&hs256(&claims()), Use::Api).await.is_ok());
    let mut ticket = claims();
    ticket["aud"] = json!("ws");
    ticket["iat"] = json!(now());
    ticket["exp"] = json!(now() + 60);
    assert_eq!(verifier.verify(&rsa.sign(&ticket), Use::Ticket).await, Err(TokenProblem::Invalid));
}

#[tokio::test]
async fn an_unknown_kid_reads_the_set_again_but_not_more_often_than_allowed() {
    let (first, second) = (Pair::new("1", Algorithm::EdDSA), Pair::new("2", Algorithm::EdDSA));
    let server = Server::start(&key_set(&[&first])).await;
    let (verifier, hand) = verifier(server.source());
    verifier.load_keys().await.unwrap();
    assert_eq!(server.asked(), 1);

    server.answer("200 OK", &key_set(&[&first, &second]));
    for _ in 0..100 {
        assert_eq!(verifier.verify(&second.sign(&claims()), Use::Api).await, Err(TokenProblem::Invalid));
    }
    assert_eq!(server.asked(), 1, "a flood of unknown kids costs the issuer nothing");

    hand.advance(Duration::from_secs(31));
    assert!(verifier.verify(&second.sign(&claims()), Use::Api).await.is_ok());
    assert_eq!(server.asked(), 2);
    // A known kid with a bad signature is answered from what is there.
    hand.advance(Duration::from_secs(31));
    let forged = Pair::new("2", Algorithm::EdDSA).sign(&claims());
    assert_eq!(verifier.verify(&forged, Use::Api).await, Err(TokenProblem::Invalid));
    assert_eq!(server.asked(), 2);
}

#[tokio::test]
async fn those_who_need_the_same_read_wait_for_one_and_outlive_each_other() {
    let pair = Pair::new("1", Algorithm::EdDSA);
    let server = Server::start(&key_set(&[&pair])).await;
    let gate = server.close_gate();
    let (verifier, _) = verifier(server.source());
    let token = pair.sign(&claims());
    let ask = || {
        let (verifier, token) = (verifier.clone(), token.clone());
        tokio::spawn(async move { verifier.verify(&token, Use::Api).await })
    };
    // The one who starts the read goes away; the read goes on for the others.
    let starter = ask();
    while server.asked() == 0 {
        tokio::task::yield_now().await;
    }
    starter.abort();
    let waiting: Vec<_> = (0..20).map(|_| ask()).collect();
    tokio::task::yield_now().await;
    gate.notify_one();
    for asked in waiting {
        assert!(asked.await.unwrap().is_ok());
    }
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn keys_stay_when_the_issuer_is_away_and_unknown_ones_are_not_called_invalid() {
    let (known, newer) = (Pair::new("1", Algorithm::EdDSA), Pair::new("2", Algorithm::EdDSA));
    let server = Server::start(&key_set(&[&known])).await;
    let (verifier, hand) = verifier(server.source());
    verifier.load_keys().await.unwrap();
    let mut expected = 1;
    let large = format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(300_000));
    for (status, body) in [
        ("503 Service Unavailable", ""),
        ("200 OK", "<html>"),
        ("200 OK", "{\"keys\":[]}"),
        ("200 OK", large.as_str()),
        ("302 Found", ""),
    ] {
        server.answer(status, body);
        hand.advance(Duration::from_secs(31));
        let outcome = verifier.verify(&newer.sign(&claims()), Use::Api).await;
        assert_eq!(outcome, Err(TokenProblem::Unavailable), "{status}");
        assert!(verifier.verify(&known.sign(&claims()), Use::Api).await.is_ok(), "{status}");
        expected += 1;
        assert_eq!(server.asked(), expected, "{status}: one read, no redirect followed");
    }
    // Back again: found after the shorter pause that follows a failure.
    server.answer("200 OK", &key_set(&[&known, &newer]));
    hand.advance(Duration::from_secs(6));
    assert!(verifier.verify(&newer.sign(&claims()), Use::Api).await.is_ok());
}

#[tokio::test]
async fn an_issuer_that_hangs_costs_one_timeout() {
    let pair = Pair::new("1", Algorithm::EdDSA);
    let server = Server::start(&key_set(&[&pair])).await;
    let _closed = server.close_gate();
    let mut options = options_with(server.source());
    if let Some(jwks) = &mut options.jwks {
        jwks.timeout = Duration::from_millis(500);
    }
    let verifier = Verifier::new(options, clock().0).unwrap();
    verifier.load_keys().await.expect("a URL that does not answer does not stop the start");
    for _ in 0..10 {
        assert_eq!(verifier.verify(&pair.sign(&claims()), Use::Api).await, Err(TokenProblem::Unavailable));
    }
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn old_keys_are_read_again_in_the_background() {
    let (first, second) = (Pair::new("1", Algorithm::EdDSA), Pair::new("2", Algorithm::EdDSA));
    let server = Server::start(&key_set(&[&first])).await;
    let (verifier, hand) = verifier(server.source());
    verifier.load_keys().await.unwrap();
    server.answer("200 OK", &key_set(&[&second]));
    hand.advance(Duration::from_secs(3_601));
    assert!(verifier.verify(&first.sign(&claims()), Use::Api).await.is_ok(), "answered from what is there");
    // The new key waits for the same read, and the withdrawn one is gone after it.
    assert!(verifier.verify(&second.sign(&claims()), Use::Api).await.is_ok());
    assert_eq!(verifier.verify(&first.sign(&claims()), Use::Api).await, Err(TokenProblem::Invalid));
    assert_eq!(server.asked(), 2);
}
