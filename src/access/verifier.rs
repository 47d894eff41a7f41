//! From a token to an identity.

use std::sync::Arc;

use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header};

use super::{
    claims::Claims,
    identity::Identity,
    jwks::{Jwks, JwksError},
    keys::VerifyKey,
    options::{AccessOptions, AccessOptionsError, JwksSource},
    revocations::Revocations,
    token::{TokenProblem, Use},
};
use crate::clock::Clock;

/// A longer token is refused unread. Real ones stay below two kilobytes.
const MAX_TOKEN: usize = 8 * 1024;

/// Checks tokens. Cheap to clone; all clones share the keys.
#[derive(Clone)]
pub struct Verifier(Arc<Inner>);

struct Inner {
    options: AccessOptions,
    clock: Clock,
    secrets: Vec<VerifyKey>,
    ticket_secrets: Vec<VerifyKey>,
    jwks: Option<Arc<Jwks>>,
    revocations: Revocations,
}

impl Verifier {
    /// A verifier for these options. A key set is not read yet; see [`Verifier::load_keys`].
    ///
    /// # Errors
    /// When the options cannot work together.
    pub fn new(options: AccessOptions, clock: Clock) -> Result<Self, AccessOptionsError> {
        options.validate()?;
        let keys = |secrets: &[_]| secrets.iter().map(VerifyKey::hmac).collect();
        let (secrets, ticket_secrets) = (keys(&options.secrets), keys(options.ticket_secrets()));
        let jwks = options.jwks.clone().map(|jwks| Jwks::new(jwks, clock.clone())).transpose()?.map(Arc::new);
        let revocations = Revocations::default();
        Ok(Self(Arc::new(Inner { options, clock, secrets, ticket_secrets, jwks, revocations })))
    }

    /// Which tokens are refused although they are good. Empty until somebody fills it and keeps it true.
    pub fn revocations(&self) -> &Revocations {
        &self.0.revocations
    }

    /// Reads the key set, if there is one: once at start, so that the first user does not wait for it.
    ///
    /// # Errors
    /// When a file cannot be read. A URL that does not answer is only logged: it is asked again when
    /// a token needs it, and its outage must not keep the server from starting.
    pub async fn load_keys(&self) -> Result<(), JwksError> {
        let (Some(jwks), Some(options)) = (&self.0.jwks, &self.0.options.jwks) else { return Ok(()) };
        match (jwks.read().await, &options.source) {
            (Err(error), JwksSource::Url(_)) => {
                tracing::warn!(%error, "The key set was not read; it will be asked for again.");
                Ok(())
            }
            (outcome, JwksSource::File(_) | JwksSource::Url(_)) => outcome,
        }
    }

    /// Who the token's bearer is.
    ///
    /// # Errors
    /// Why the token is refused. The reason is coarse on purpose; the log has no more, because the
    /// rest of it would be the token.
    pub async fn verify(&self, token: &str, usage: Use) -> Result<Identity, TokenProblem> {
        if token.is_empty() {
            return Err(TokenProblem::Missing);
        }
        if token.len() > MAX_TOKEN {
            return Err(TokenProblem::Invalid);
        }
        // An algorithm that the library does not know, `none` among them, ends here.
        let header = decode_header(token).map_err(|_| TokenProblem::Invalid)?;
        if !is_acceptable(&header) {
            return Err(TokenProblem::Invalid);
        }
        let claims = self.0.signed_claims(token, &header, usage).await?;
        let identity = claims.accept(&self.0.options, usage, self.0.clock.now())?;
        if self.0.revocations.refuse(identity.user_id(), identity.issued_at()) {
            return Err(TokenProblem::Revoked);
        }
        Ok(identity)
    }
}

impl Inner {
    /// The claims, once the signature is found good.
    async fn signed_claims(&self, token: &str, header: &Header, usage: Use) -> Result<Claims, TokenProblem> {
        let secrets = match usage {
            Use::Ticket => &self.ticket_secrets,
            Use::Api | Use::Handshake => &self.secrets,
        };
        if header.alg == Algorithm::HS256 {
            return check(token, header, secrets).unwrap_or(Err(TokenProblem::Invalid));
        }
        let jwks = match (&self.jwks, usage) {
            (Some(jwks), Use::Api | Use::Handshake) => jwks,
            (None, _) | (Some(_), Use::Ticket) => return Err(TokenProblem::Invalid),
        };
        if let Some(outcome) = check(token, header, &jwks.keys()) {
            return outcome;
        }
        // No key fits: it may be newer than our copy of the set.
        let read = jwks.refresh().await;
        match (check(token, header, &jwks.keys()), read) {
            (Some(outcome), _) => outcome,
            (None, Ok(())) => Err(TokenProblem::Invalid),
            (None, Err(_)) => Err(TokenProblem::Unavailable),
        }
    }
}

/// Tries the keys that fit the header; `None` when there is none.
fn check(token: &str, header: &Header, keys: &[VerifyKey]) -> Option<Result<Claims, TokenProblem>> {
    let mut fitting = keys.iter().filter(|key| key.fits(header)).peekable();
    fitting.peek()?;
    let claims = fitting
        .find_map(|key| decode(token, &key.key, &signature_only(key.algorithm)).ok().map(|data| data.claims));
    Some(claims.ok_or(TokenProblem::Invalid))
}

/// The library checks the signature, with the key's own algorithm. The claims are ours to check: by
/// our clock, with our rules about types.
fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

/// Refuses other kinds of signed documents (RFC 8725 §3.11) and extensions that must be understood
/// (RFC 7515 §4.1.11), since we understand none.
fn is_acceptable(header: &Header) -> bool {
    let kind = header.typ.as_deref().map(|typ| {
        let typ = typ.to_ascii_lowercase();
        typ.strip_prefix("application/").map_or(typ.clone(), str::to_owned)
    });
    matches!(kind.as_deref(), None | Some("jwt" | "at+jwt")) && header.crit.is_none()
}
