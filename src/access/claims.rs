//! What a token says, read strictly: a claim of the wrong JSON type makes the token invalid.

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use super::{
    identity::{Identity, Scopes},
    options::AccessOptions,
    token::{TICKET_AUDIENCE, TICKET_TTL, TokenProblem, Use},
};
use crate::protocol::Timestamp;

/// The claims that are read; others are ignored.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    iss: String,
    aud: Audience,
    sub: String,
    exp: NumericDate,
    #[serde(default, deserialize_with = "present")]
    nbf: Option<NumericDate>,
    #[serde(default, deserialize_with = "present")]
    iat: Option<NumericDate>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    scope: Option<String>,
    #[serde(default, deserialize_with = "present")]
    session_exp: Option<NumericDate>,
    #[serde(default, deserialize_with = "present")]
    session_iat: Option<NumericDate>,
}

/// The claims of a token that we sign.
#[derive(Debug, Serialize)]
pub(super) struct OwnClaims<'a> {
    pub(super) iss: &'a str,
    pub(super) aud: &'a str,
    pub(super) sub: &'a str,
    pub(super) iat: i64,
    pub(super) exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) scope: Option<String>,
    /// Tickets only: when the token expires that the ticket stands for, and with it the connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) session_exp: Option<i64>,
    /// Tickets only: when that token was issued; 0 when it does not say, which is before every revocation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) session_iat: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// Seconds since 1970 as a JSON number (RFC 7519 §2), a fraction allowed and cut off. A string is not
/// one: two parsers that disagree about it would disagree about the expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct NumericDate(i64);

impl Claims {
    /// The identity that the claims give at `now` when the token is used as `usage`.
    ///
    /// # Errors
    /// `Expired` when it was good once, `Invalid` for everything else.
    pub(super) fn accept(
        &self,
        options: &AccessOptions,
        usage: Use,
        now: jiff::Timestamp,
    ) -> Result<Identity, TokenProblem> {
        let now = now.as_second();
        let leeway = i64::try_from(options.leeway.as_secs()).unwrap_or(i64::MAX);
        if self.iss != options.issuer || self.nbf.is_some_and(|nbf| nbf.0 > now.saturating_add(leeway)) {
            return Err(TokenProblem::Invalid);
        }
        let (right_kind, grace) = match usage {
            // A token that is also a ticket is neither.
            Use::Api => (self.aud.has(&options.audience) && !self.aud.has(TICKET_AUDIENCE), leeway),
            Use::Handshake => (self.aud.has(&options.audience) && !self.aud.has(TICKET_AUDIENCE), 0),
            Use::Ticket => (self.aud.is(TICKET_AUDIENCE) && self.is_short(now.saturating_add(leeway)), 0),
        };
        if !right_kind {
            return Err(TokenProblem::Invalid);
        }
        if now >= self.exp.0.saturating_add(grace) {
            return Err(TokenProblem::Expired);
        }
        let user_id = self.sub.parse().map_err(|_| TokenProblem::Invalid)?;
        let (scopes, began, ends) = match usage {
            Use::Api | Use::Handshake => {
                (Scopes::parse(self.scope.as_deref().unwrap_or_default()), self.iat, self.exp)
            }
            // A ticket opens a connection and can do nothing else.
            Use::Ticket => {
                (Scopes::default(), self.session_iat.or(self.iat), self.session_exp.unwrap_or(self.exp))
            }
        };
        let issued_at = began.and_then(NumericDate::timestamp);
        let expires_at = ends.timestamp().ok_or(TokenProblem::Invalid)?;
        Ok(Identity::verified(user_id, self.name.as_deref(), scopes, issued_at, expires_at))
    }

    /// Whether the token lives no longer than a ticket may and was not made in the future.
    fn is_short(&self, latest_iat: i64) -> bool {
        let longest = TICKET_TTL.as_secs() as i64;
        self.iat.is_some_and(|iat| iat.0 <= latest_iat && self.exp.0.saturating_sub(iat.0) <= longest)
    }
}

impl Audience {
    fn has(&self, wanted: &str) -> bool {
        match self {
            Self::One(one) => one == wanted,
            Self::Many(many) => many.iter().any(|one| one == wanted),
        }
    }

    fn is(&self, wanted: &str) -> bool {
        match self {
            Self::One(one) => one == wanted,
            Self::Many(many) => matches!(many.as_slice(), [one] if one == wanted),
        }
    }
}

impl NumericDate {
    fn timestamp(self) -> Option<Timestamp> {
        Timestamp::from_millis(self.0.checked_mul(1_000)?).ok()
    }
}

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(deserializer)?;
        let whole = number.as_i64().or_else(|| {
            let seconds = number.as_f64()?.floor();
            // 2⁵³: beyond it a double no longer holds every whole number.
            (seconds.abs() <= 9_007_199_254_740_992.0).then_some(seconds as i64)
        });
        whole.map(Self).ok_or_else(|| D::Error::custom("not a number of seconds"))
    }
}

/// For optional claims: absent is fine, `null` is of the wrong type.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NumericDate>, D::Error> {
    NumericDate::deserialize(deserializer).map(Some)
}
