//! Tokens from friends and from forgers, through the public surface.

mod forged;
mod grants;
mod issuer;
mod key_sets;
mod permissions;
mod tickets;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::*;
use crate::clock::{Clock, ManualClock};

const SECRET: &str = "the present secret of 32 bytes or more";

fn options() -> AccessOptions {
    AccessOptions::hmac("https://id.example", "fanfare", vec![Secret::new(SECRET)])
}

fn clock() -> (Clock, ManualClock) {
    Clock::manual("2026-11-20T10:15:30Z".parse().unwrap())
}

/// Now, in seconds.
fn now() -> i64 {
    clock().0.now().as_second()
}

/// The claims of a good API token, for an hour.
fn claims() -> Value {
    json!({ "iss": "https://id.example", "aud": "fanfare", "sub": "ada", "exp": now() + 3_600 })
}

/// A token of exactly these parts, signed by `key` as `algorithm` whatever the header says.
fn sign(header: &Value, claims: &Value, key: &EncodingKey, algorithm: Algorithm) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).unwrap();
    format!("{message}.{signature}")
}

/// An HS256 token with these claims, signed with the present secret.
fn hs256(claims: &Value) -> String {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    sign(&json!({ "alg": "HS256", "typ": "JWT" }), claims, &key, Algorithm::HS256)
}

/// `claims()` with one claim set, or removed when the value is `null`.
fn but(name: &str, value: Value) -> Value {
    let mut claims = claims();
    match value {
        Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
        value => claims[name] = value,
    }
    claims
}

async fn verify(token: &str, usage: Use) -> Result<Identity, TokenProblem> {
    Verifier::new(options(), clock().0).unwrap().verify(token, usage).await
}
