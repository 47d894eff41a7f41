//! Making tokens: tickets for the handshake, and API tokens for development.

use std::{sync::Arc, time::Duration};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};

use super::{
    claims::OwnClaims,
    identity::{Identity, Scopes},
    options::{AccessOptions, AccessOptionsError},
    secret::Secret,
    token::TICKET_AUDIENCE,
};
use crate::{
    clock::Clock,
    protocol::{Timestamp, UserId},
};

/// Signs tokens with HS256. Cheap to clone.
#[derive(Clone)]
pub struct Signer(Arc<Inner>);

struct Inner {
    issuer: String,
    audience: String,
    tokens: Option<EncodingKey>,
    tickets: EncodingKey,
    ticket_ttl: i64,
    clock: Clock,
}

/// What an API token that we make should say.
#[derive(Debug, Clone)]
pub struct NewToken {
    pub user_id: UserId,
    pub name: Option<String>,
    pub scopes: Scopes,
    /// How long it lives, at least one second.
    pub ttl: Duration,
}

/// Why no token was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SigningError {
    #[error("there is no HMAC secret to sign API tokens with: they come from the key set's owner")]
    NoSecret,
    #[error("the lifetime ends in no year that can be written")]
    Lifetime,
    #[error("the signature failed: {0}")]
    Signature(String),
}

impl Signer {
    /// A signer for these options.
    ///
    /// # Errors
    /// When the options cannot work together.
    pub fn new(options: &AccessOptions, clock: Clock) -> Result<Self, AccessOptionsError> {
        options.validate()?;
        let key = |secret: &Secret| EncodingKey::from_secret(secret.expose().as_bytes());
        let tokens = options.secrets.first().map(key);
        let tickets = options.ticket_secrets().first().map(key).ok_or(AccessOptionsError::NoTicketSecret)?;
        let (issuer, audience) = (options.issuer.clone(), options.audience.clone());
        let ticket_ttl = i64::try_from(options.ticket_ttl.as_secs()).unwrap_or(1);
        Ok(Self(Arc::new(Inner { issuer, audience, tokens, tickets, ticket_ttl, clock })))
    }

    /// A ticket with which `identity` can open one connection within the next
    /// [`AccessOptions::ticket_ttl`], and when
    /// it expires. It never outlives the token it was asked for with.
    ///
    /// # Errors
    /// When signing fails, which it does not with a key that was accepted.
    pub fn ticket(&self, identity: &Identity) -> Result<(String, Timestamp), SigningError> {
        let now = self.0.clock.now().as_second();
        let session = identity.expires_at().millis() / 1_000;
        let exp = session.min(now + self.0.ticket_ttl);
        let claims = OwnClaims {
            iss: &self.0.issuer,
            aud: TICKET_AUDIENCE,
            sub: identity.user_id().as_str(),
            iat: now,
            exp,
            name: identity.name(),
            scope: None,
            session_exp: Some(session),
            session_iat: Some(identity.issued_at().map_or(0, |at| at.millis().div_euclid(1_000))),
        };
        sign(&claims, &self.0.tickets)
    }

    /// An API token, and when it expires. For development and for other services of the operator.
    ///
    /// # Errors
    /// `NoSecret` when tokens come from a key set, `Lifetime` when the time to live is absurd.
    pub fn mint(&self, token: &NewToken) -> Result<(String, Timestamp), SigningError> {
        let key = self.0.tokens.as_ref().ok_or(SigningError::NoSecret)?;
        let now = self.0.clock.now().as_second();
        let ttl = i64::try_from(token.ttl.as_secs().max(1)).map_err(|_| SigningError::Lifetime)?;
        let claims = OwnClaims {
            iss: &self.0.issuer,
            aud: &self.0.audience,
            sub: token.user_id.as_str(),
            iat: now,
            exp: now.checked_add(ttl).ok_or(SigningError::Lifetime)?,
            name: token.name.as_deref(),
            scope: token.scopes.claim(),
            session_exp: None,
            session_iat: None,
        };
        sign(&claims, key)
    }
}

fn sign(claims: &OwnClaims<'_>, key: &EncodingKey) -> Result<(String, Timestamp), SigningError> {
    let millis = claims.exp.checked_mul(1_000).ok_or(SigningError::Lifetime)?;
    let expires_at = Timestamp::from_millis(millis).map_err(|_| SigningError::Lifetime)?;
    let token = encode(&Header::new(Algorithm::HS256), claims, key)
        .map_err(|e| SigningError::Signature(e.to_string()))?;
    Ok((token, expires_at))
}
