//! What a forger or a careless issuer may send.

use proptest::prelude::*;

use super::*;

// req: T03 B25 N07
#[tokio::test]
async fn a_good_token_names_its_user() {
    let mut claims = claims();
    claims["name"] = json!("Ada Lovelace");
    claims["scope"] = json!("openid events:publish");
    for usage in [Use::Api, Use::Handshake] {
        let identity = verify(&hs256(&claims), usage).await.unwrap();
        assert_eq!(identity.user_id().as_str(), "ada");
        assert_eq!(identity.name(), Some("Ada Lovelace"));
        assert!(identity.scopes().contains(Scope::EventsPublish));
        assert_eq!(identity.expires_at().millis(), (now() + 3_600) * 1_000);
    }
    let many = but("aud", json!(["other", "fanfare"]));
    assert!(verify(&hs256(&many), Use::Api).await.is_ok());
    assert!(verify(&hs256(&but("exp", json!(now() as f64 + 0.5))), Use::Handshake).await.is_err());
    assert!(verify(&hs256(&but("exp", json!(now() as f64 + 1.5))), Use::Handshake).await.is_ok());
}

// req: T03 B25 N07
#[tokio::test]
async fn claims_that_are_missing_wrong_or_of_the_wrong_type_are_refused() {
    for (name, value) in [
        ("iss", json!(null)),
        ("aud", json!(null)),
        ("sub", json!(null)),
        ("exp", json!(null)),
        ("iss", json!("https://id.example/")),
        ("iss", json!(["https://id.example"])),
        ("aud", json!("fanfare2")),
        ("aud", json!([])),
        ("aud", json!({ "fanfare": true })),
        ("aud", json!(["fanfare", "ws"])),
        ("sub", json!("")),
        ("sub", json!("two words")),
        ("sub", json!("a".repeat(129))),
        ("sub", json!(7)),
        ("exp", json!((now() + 3_600).to_string())),
        ("exp", json!(1e300)),
        ("exp", json!(u64::MAX)),
        ("exp", json!(i64::MAX)),
        ("exp", json!([now() + 3_600])),
        ("exp", json!(true)),
        ("nbf", json!("0")),
        ("nbf", json!(now() + 31)),
        ("iat", json!("0")),
        ("name", json!(7)),
        ("scope", json!(["events:publish"])),
    ] {
        let token = hs256(&but(name, value.clone()));
        assert_eq!(verify(&token, Use::Api).await, Err(TokenProblem::Invalid), "{name}: {value}");
    }
    let mut explicit_null = claims();
    explicit_null["nbf"] = Value::Null;
    assert_eq!(verify(&hs256(&explicit_null), Use::Api).await, Err(TokenProblem::Invalid));
    for not_claims in [json!([]), json!("ada"), json!(null)] {
        assert_eq!(verify(&hs256(&not_claims), Use::Api).await, Err(TokenProblem::Invalid));
    }
}

#[tokio::test]
async fn leeway_is_thirty_seconds_for_http_and_none_for_a_connection() {
    let ago = |seconds: i64| hs256(&but("exp", json!(now() - seconds)));
    assert!(verify(&ago(29), Use::Api).await.is_ok());
    assert_eq!(verify(&ago(30), Use::Api).await, Err(TokenProblem::Expired));
    assert_eq!(verify(&ago(0), Use::Handshake).await, Err(TokenProblem::Expired));
    assert!(verify(&hs256(&but("nbf", json!(now() + 30))), Use::Handshake).await.is_ok());
}

#[tokio::test]
async fn the_header_cannot_choose_how_a_key_is_used() {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let signed = |header: Value| sign(&header, &claims(), &key, Algorithm::HS256);
    for header in [
        json!({ "alg": "none" }),
        json!({ "alg": "None", "typ": "JWT" }),
        json!({ "alg": "HS384" }),
        json!({ "alg": "RS256" }),
        json!({ "alg": "EdDSA", "kid": "x" }),
        json!({ "alg": ["HS256"] }),
        json!({ "typ": "JWT" }),
        json!({ "alg": "HS256", "typ": "dpop+jwt" }),
        json!({ "alg": "HS256", "typ": "ws" }),
        json!({ "alg": "HS256", "typ": 7 }),
        json!({ "alg": "HS256", "crit": ["exp"] }),
        json!({ "alg": "HS256", "crit": [] }),
    ] {
        assert_eq!(verify(&signed(header.clone()), Use::Api).await, Err(TokenProblem::Invalid), "{header}");
    }
    for header in [
        json!({ "alg": "HS256" }),
        json!({ "alg": "HS256", "typ": "jwt" }),
        json!({ "alg": "HS256", "typ": "application/at+JWT", "kid": "ours" }),
    ] {
        assert!(verify(&signed(header.clone()), Use::Api).await.is_ok(), "{header}");
    }
    // A longer digest with the right secret is still another algorithm.
    let hs512 = sign(&json!({ "alg": "HS512" }), &claims(), &key, Algorithm::HS512);
    assert_eq!(verify(&hs512, Use::Api).await, Err(TokenProblem::Invalid));
}

#[tokio::test]
async fn what_is_not_signed_by_us_is_refused() {
    let good = hs256(&claims());
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = message.split_once('.').unwrap();
    let other_key = EncodingKey::from_secret(b"another secret that is long enough too");
    let foreign = sign(&json!({ "alg": "HS256" }), &claims(), &other_key, Algorithm::HS256);
    let other_payload = URL_SAFE_NO_PAD.encode(but("sub", json!("mallory")).to_string());
    let twice = URL_SAFE_NO_PAD.encode(format!("{{\"sub\":\"mallory\",{}", &claims().to_string()[1..]));
    for forged in [
        message.to_owned(),
        format!("{message}."),
        format!("{message}.{}", &signature[..signature.len() - 2]),
        format!("{header}.{other_payload}.{signature}"),
        format!("{header}.{payload}.{signature}.{signature}"),
        format!(" {good}"),
        format!("{good}\n"),
        sign(&json!({ "alg": "HS256" }), &claims(), &EncodingKey::from_secret(b""), Algorithm::HS256),
        foreign,
        "..".into(),
        ".".repeat(100),
        "Bearer".into(),
        format!("{good}{}", "A".repeat(8_192)),
        // The oversized token is signed properly: it is its size that is refused.
        hs256(&but("padding", json!("x".repeat(8_192)))),
    ] {
        assert_eq!(verify(&forged, Use::Api).await, Err(TokenProblem::Invalid), "{forged}");
    }
    assert_eq!(verify("", Use::Api).await, Err(TokenProblem::Missing));
    // Two readers could take different values of a claim that stands twice.
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let message = format!("{header}.{twice}");
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    assert_eq!(verify(&format!("{message}.{signature}"), Use::Api).await, Err(TokenProblem::Invalid));
}

#[tokio::test]
async fn a_secret_can_be_replaced_without_signing_anybody_out() {
    let (clock, _) = clock();
    let (old, new) = (Secret::new(SECRET), Secret::new("the secret that comes after it, as long"));
    let with = |secrets: &[&Secret]| {
        let secrets = secrets.iter().map(|s| (*s).clone()).collect();
        let options = AccessOptions { secrets, ..options() };
        (Signer::new(&options, clock.clone()).unwrap(), Verifier::new(options, clock.clone()).unwrap())
    };
    let new_token = |signer: &Signer| {
        let ttl = std::time::Duration::from_secs(60);
        let user_id = "ada".parse().unwrap();
        signer.mint(&NewToken { user_id, name: None, scopes: Scopes::default(), ttl }).unwrap().0
    };
    let (before, both, after) = (with(&[&old]), with(&[&new, &old]), with(&[&new]));
    let (old_token, rotated) = (new_token(&before.0), new_token(&both.0));
    assert!(both.1.verify(&old_token, Use::Api).await.is_ok(), "the old secret is still accepted");
    assert!(both.1.verify(&rotated, Use::Api).await.is_ok());
    assert!(after.1.verify(&rotated, Use::Api).await.is_ok(), "the first secret signs");
    assert_eq!(after.1.verify(&old_token, Use::Api).await, Err(TokenProblem::Invalid));
}

proptest! {
    #[test]
    fn no_token_makes_the_verifier_panic(text in any::<String>(), parts in prop::array::uniform3(any::<Vec<u8>>())) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let encoded = parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
        for token in [text, encoded] {
            for usage in [Use::Api, Use::Handshake, Use::Ticket] {
                prop_assert!(runtime.block_on(verify(&token, usage)).is_err());
            }
        }
    }

    /// Signed by us, so that the claims are read, whatever they are.
    #[test]
    fn no_signed_claims_make_the_verifier_panic(
        exp in prop_oneof![any::<i64>().prop_map(Value::from), any::<f64>().prop_map(Value::from)],
        nbf in any::<Option<i64>>(),
        iat in any::<i64>(),
        session in any::<i64>(),
        sub in any::<String>(),
        name in any::<Option<String>>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for (audience, usage) in [("fanfare", Use::Api), ("ws", Use::Ticket)] {
            let mut claims = json!({ "iss": "https://id.example", "aud": audience, "sub": sub, "exp": exp, "iat": iat,
                "name": name, "session_exp": session });
            if let Some(nbf) = nbf {
                claims["nbf"] = json!(nbf);
            }
            if let Ok(identity) = runtime.block_on(verify(&hs256(&claims), usage)) {
                prop_assert_eq!(identity.user_id().as_str(), &sub);
            }
        }
    }
}
