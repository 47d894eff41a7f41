//! Keys that signatures are checked with. A key knows its one algorithm; a token's header can only
//! choose among keys, never say how one is used.

use jsonwebtoken::{
    Algorithm, DecodingKey, Header,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;

use super::secret::Secret;

/// More keys than this in a set are not read: each is a signature check for a token without a `kid`.
const MAX_KEYS: usize = 32;
/// 2,048 bits in base64url, the shortest RSA modulus that RFC 7518 §3.3 allows.
const MIN_MODULUS_CHARS: usize = 342;

/// One key with its algorithm.
pub(super) struct VerifyKey {
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
    kid: Option<String>,
}

#[derive(Deserialize)]
struct KeySetDocument {
    keys: Vec<Value>,
}

impl VerifyKey {
    pub(super) fn hmac(secret: &Secret) -> Self {
        let key = DecodingKey::from_secret(secret.expose().as_bytes());
        Self { algorithm: Algorithm::HS256, key, kid: None }
    }

    /// Whether a token with this header may have been signed with this key. A token without a `kid`
    /// may be any key's of its algorithm; secrets have no `kid`, so one in the header says nothing.
    pub(super) fn fits(&self, header: &Header) -> bool {
        self.algorithm == header.alg
            && (self.algorithm == Algorithm::HS256 || header.kid.is_none() || self.kid == header.kid)
    }

    /// Reads a public key. `Err` says why it is of no use here.
    fn public(entry: Value) -> Result<Self, &'static str> {
        let jwk: Jwk = serde_json::from_value(entry).map_err(|_| "not a JSON Web Key")?;
        let common = &jwk.common;
        if common.public_key_use.as_ref().is_some_and(|u| *u != PublicKeyUse::Signature) {
            return Err("not for signatures");
        }
        if common.key_operations.as_ref().is_some_and(|ops| !ops.contains(&KeyOperations::Verify)) {
            return Err("not for verifying");
        }
        let (algorithm, named) = match &jwk.algorithm {
            AlgorithmParameters::RSA(rsa) if rsa.n.len() < MIN_MODULUS_CHARS => {
                return Err("an RSA key of less than 2,048 bits");
            }
            AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
            AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => {
                (Algorithm::ES256, KeyAlgorithm::ES256)
            }
            AlgorithmParameters::OctetKeyPair(okp) if okp.curve == EllipticCurve::Ed25519 => {
                (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
            }
            // A symmetric key in a public document would be known to everyone: never used.
            _ => return Err("not an RSA, P-256 or Ed25519 key"),
        };
        if common.key_algorithm.is_some_and(|alg| alg != named) {
            return Err("for an algorithm other than RS256, ES256 and EdDSA");
        }
        let key = DecodingKey::from_jwk(&jwk).map_err(|_| "not decodable")?;
        Ok(Self { algorithm, key, kid: jwk.common.key_id })
    }
}

/// Reads a JSON Web Key Set, leaving out what is of no use.
///
/// # Errors
/// When it is no key set or holds no key that could be used: then the old keys are better.
pub(super) fn parse_key_set(document: &[u8]) -> Result<Vec<VerifyKey>, String> {
    let set: KeySetDocument =
        serde_json::from_slice(document).map_err(|e| format!("not a JSON Web Key Set: {e}"))?;
    let mut keys = Vec::new();
    for entry in set.keys.into_iter().take(MAX_KEYS) {
        match VerifyKey::public(entry) {
            Ok(key) => keys.push(key),
            Err(reason) => tracing::debug!(reason, "A key of the key set is left out."),
        }
    }
    if keys.is_empty() { Err("it holds no key for RS256, ES256 or EdDSA".into()) } else { Ok(keys) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(keys: Value) -> Result<Vec<VerifyKey>, String> {
        parse_key_set(json!({ "keys": keys }).to_string().as_bytes())
    }

    #[test]
    fn only_keys_for_checking_signatures_are_read() {
        let rsa = |n: usize| json!({ "kty": "RSA", "n": "A".repeat(n), "e": "AQAB", "kid": "r" });
        let ed = json!({ "kty": "OKP", "crv": "Ed25519", "x": "A".repeat(43), "kid": "e", "x-extra": [1] });
        let ec = |crv: &str| {
            let part = "A".repeat(43);
            json!({ "kty": "EC", "crv": crv, "x": part, "y": part, "use": "sig", "alg": "ES256" })
        };
        let with = |mut key: Value, name: &str, value: Value| {
            key[name] = value;
            key
        };
        let good = parse(json!([rsa(342), ed, ec("P-256")])).unwrap_or_default();
        let algorithms: Vec<_> = good.iter().map(|k| k.algorithm).collect();
        assert_eq!(algorithms, [Algorithm::RS256, Algorithm::EdDSA, Algorithm::ES256]);

        for useless in [
            rsa(170),
            ec("P-384"),
            json!({ "kty": "oct", "k": "c2VjcmV0", "alg": "HS256" }),
            with(rsa(342), "use", json!("enc")),
            with(rsa(342), "key_ops", json!(["sign"])),
            with(rsa(342), "alg", json!("RS512")),
            with(ed.clone(), "alg", json!("HS256")),
            with(ed.clone(), "x", json!("not base64!")),
            json!("text"),
            json!({}),
        ] {
            assert!(parse(json!([useless])).is_err(), "{useless}");
            assert_eq!(parse(json!([useless, ed])).map(|k| k.len()), Ok(1), "{useless}");
        }
    }

    #[test]
    fn what_is_no_key_set_is_refused() {
        for text in ["", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[]}", "<html>"] {
            assert!(parse_key_set(text.as_bytes()).is_err(), "{text}");
        }
    }
}
