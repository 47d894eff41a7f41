//! What a token is used for, and why one is refused.

use std::time::Duration;

use crate::protocol::{Code, Problem};

/// The audience of tickets, and of nothing else.
pub(super) const TICKET_AUDIENCE: &str = "ws";
/// How long a ticket lives: long enough to open a connection, too short to be worth stealing from a log.
pub const TICKET_TTL: Duration = Duration::from_secs(90);

/// Where a token was presented; it decides which kind of token is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Use {
    /// `Authorization: Bearer` of an HTTP request: an API token, with leeway on its expiry.
    Api,
    /// The CONNECT payload or the `Authorization` header of a Socket.IO handshake, and
    /// `refresh_token`: an API token that has not expired. Without leeway, because the connection
    /// would have to be closed the moment it was accepted.
    Handshake,
    /// The query of a handshake: a ticket. Nothing else is accepted there, since a query ends up in
    /// logs and histories.
    Ticket,
}

/// Why a token was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TokenProblem {
    #[error("A token is needed: send it as Authorization: Bearer <token>.")]
    Missing,
    #[error("The token is not valid here.")]
    Invalid,
    #[error("The token has expired.")]
    Expired,
    #[error("The token has been revoked.")]
    Revoked,
    /// The issuer's keys have never been had or the token's key is new and the issuer does not
    /// answer. The token may well be good, so the client should come back, not sign in again.
    #[error("The server cannot check this token right now; try again shortly.")]
    Unavailable,
}

impl TokenProblem {
    /// The code on the wire; for a refused connection its name is the message of CONNECT_ERROR.
    pub const fn code(self) -> Code {
        match self {
            Self::Missing => Code::TokenMissing,
            Self::Invalid => Code::TokenInvalid,
            Self::Expired => Code::TokenExpired,
            Self::Revoked => Code::TokenRevoked,
            Self::Unavailable => Code::Unavailable,
        }
    }
}

impl From<TokenProblem> for Problem {
    fn from(problem: TokenProblem) -> Self {
        let body = Self::new(problem.code(), problem.to_string());
        match problem {
            TokenProblem::Unavailable => body.retry_after(Duration::from_secs(2)),
            TokenProblem::Missing | TokenProblem::Invalid | TokenProblem::Expired | TokenProblem::Revoked => {
                body
            }
        }
    }
}
