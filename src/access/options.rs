//! What the operator says about tokens.

use std::{path::PathBuf, str::FromStr, time::Duration};

use super::{
    secret::Secret,
    token::{TICKET_AUDIENCE, TICKET_TTL},
};

/// Which tokens are accepted and with what they are signed.
#[derive(Debug, Clone)]
pub struct AccessOptions {
    /// The only accepted `iss`, and the one of our own tokens.
    pub issuer: String,
    /// The audience that an API token must name. Not `ws`, which is the tickets' own.
    pub audience: String,
    /// HMAC secrets for HS256, at most two: the first signs, both are accepted, so that a secret can
    /// be replaced without signing anybody out.
    pub secrets: Vec<Secret>,
    /// Where the public keys of an identity provider are, for RS256, ES256 and EdDSA.
    pub jwks: Option<JwksOptions>,
    /// What tickets are signed with. Without it, the secrets above; required when there are none.
    pub ticket_secret: Option<Secret>,
    /// How long a ticket lives: at most [`TICKET_TTL`], which is the default.
    pub ticket_ttl: Duration,
    /// How far the issuer's clock may be from ours. 30 seconds by default.
    pub leeway: Duration,
}

/// Where public keys come from and how often they are read.
#[derive(Debug, Clone)]
pub struct JwksOptions {
    /// The JSON Web Key Set.
    pub source: JwksSource,
    /// The shortest time between two reads: an unknown `kid` causes one at most this often.
    pub min_refresh: Duration,
    /// Keys older than this are read again in the background, so that a withdrawn key goes away.
    pub max_age: Duration,
    /// How long one read may take.
    pub timeout: Duration,
}

/// A JSON Web Key Set in a file or behind a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JwksSource {
    File(PathBuf),
    Url(reqwest::Url),
}

/// Options that cannot work together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessOptionsError {
    #[error("no secret and no key set: set an HMAC secret or a JWKS file or URL")]
    NoKeys,
    #[error("{0} HMAC secrets: at most two, the new one first")]
    TooManySecrets(usize),
    #[error("an HMAC secret is empty")]
    EmptySecret,
    #[error("the issuer is empty")]
    EmptyIssuer,
    #[error("the audience must not be empty or 'ws', which is the audience of tickets")]
    ReservedAudience,
    #[error("a ticket must live from 1 to 90 seconds")]
    TicketTtl,
    #[error("tokens come from a key set, so tickets need a secret of their own: set the ticket secret")]
    NoTicketSecret,
    #[error("the client for the key set cannot be built: {0}")]
    Client(String),
}

impl AccessOptions {
    /// Options for HMAC secrets alone, everything else at its default.
    pub fn hmac(issuer: impl Into<String>, audience: impl Into<String>, secrets: Vec<Secret>) -> Self {
        Self {
            issuer: issuer.into(),
            audience: audience.into(),
            secrets,
            jwks: None,
            ticket_secret: None,
            ticket_ttl: TICKET_TTL,
            leeway: Duration::from_secs(30),
        }
    }

    /// Checks that the options can work together.
    ///
    /// # Errors
    /// The first mistake.
    pub fn validate(&self) -> Result<(), AccessOptionsError> {
        use AccessOptionsError as E;
        if self.secrets.is_empty() && self.jwks.is_none() {
            return Err(E::NoKeys);
        }
        if self.secrets.len() > 2 {
            return Err(E::TooManySecrets(self.secrets.len()));
        }
        if self.secrets.iter().chain(&self.ticket_secret).any(Secret::is_empty) {
            return Err(E::EmptySecret);
        }
        if self.issuer.is_empty() {
            return Err(E::EmptyIssuer);
        }
        if self.audience.is_empty() || self.audience == TICKET_AUDIENCE {
            return Err(E::ReservedAudience);
        }
        if self.ticket_ttl < Duration::from_secs(1) || self.ticket_ttl > TICKET_TTL {
            return Err(E::TicketTtl);
        }
        if self.ticket_secrets().is_empty() {
            return Err(E::NoTicketSecret);
        }
        Ok(())
    }

    /// The secrets that tickets are accepted with; the first one signs. Every instance has the same.
    pub fn ticket_secrets(&self) -> &[Secret] {
        match &self.ticket_secret {
            Some(own) => std::slice::from_ref(own),
            None => &self.secrets,
        }
    }
}

impl JwksOptions {
    /// A source with the default times: read at most every 30 seconds, at least every hour, in 5 seconds.
    pub fn new(source: JwksSource) -> Self {
        Self {
            source,
            min_refresh: Duration::from_secs(30),
            max_age: Duration::from_secs(3_600),
            timeout: Duration::from_secs(5),
        }
    }
}

impl FromStr for JwksSource {
    type Err = String;

    /// What starts with `http://` or `https://` is a URL, everything else a path.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("http://") || text.starts_with("https://") {
            text.parse().map(Self::Url).map_err(|e| format!("not a URL: {e}"))
        } else if text.is_empty() {
            Err("a path or an http(s) URL is needed".into())
        } else {
            Ok(Self::File(text.into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_cannot_work_are_named() {
        let good = AccessOptions::hmac("i", "a", vec![Secret::new("s")]);
        assert_eq!(good.validate(), Ok(()));
        let with = |change: fn(&mut AccessOptions)| {
            let mut options = good.clone();
            change(&mut options);
            options.validate()
        };
        assert_eq!(with(|o| o.secrets.clear()), Err(AccessOptionsError::NoKeys));
        assert_eq!(
            with(|o| o.secrets = vec![Secret::new("s"); 3]),
            Err(AccessOptionsError::TooManySecrets(3))
        );
        assert_eq!(with(|o| o.secrets.push(Secret::new(""))), Err(AccessOptionsError::EmptySecret));
        assert_eq!(with(|o| o.issuer.clear()), Err(AccessOptionsError::EmptyIssuer));
        assert_eq!(with(|o| o.audience = "ws".into()), Err(AccessOptionsError::ReservedAudience));
        assert_eq!(with(|o| o.ticket_ttl = Duration::from_secs(91)), Err(AccessOptionsError::TicketTtl));
        assert_eq!(with(|o| o.ticket_ttl = Duration::ZERO), Err(AccessOptionsError::TicketTtl));
        let jwks_only = |o: &mut AccessOptions| {
            o.secrets.clear();
            o.jwks = Some(JwksOptions::new(JwksSource::File("keys.json".into())));
        };
        assert_eq!(with(jwks_only), Err(AccessOptionsError::NoTicketSecret));
    }

    #[test]
    fn a_source_is_a_url_or_a_path() {
        assert_eq!("keys.json".parse(), Ok(JwksSource::File("keys.json".into())));
        assert!(matches!("https://id.example/jwks".parse(), Ok(JwksSource::Url(_))));
        assert!("https://".parse::<JwksSource>().is_err());
        assert!("".parse::<JwksSource>().is_err());
    }
}
