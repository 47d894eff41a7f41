//! Who is asking, and what they may do.
//!
//! Owns the way from a token to an [`Identity`] ([`Verifier`], which knows the [`Revocations`]) and from an identity, a room and an
//! [`Action`] to a [`Grant`] ([`Access`]). Promises that nobody else can make either: an `Identity`
//! means that a token was checked, a `Grant` means that the database said yes. A service takes the
//! grant as an argument, so it cannot be called without one. A room that a user may not see is
//! answered exactly like a room that does not exist.
//!
//! To add an action, add a variant to [`Action`] and fill in the columns of the table in
//! `policy.rs`. To add a kind of room, the same table stops compiling. To add a scope, add a
//! variant to [`Scope`].

mod claims;
mod decision;
mod grant;
mod identity;
mod jwks;
mod keys;
mod options;
mod policy;
mod revocations;
mod secret;
mod signer;
#[cfg(test)]
mod tests;
mod token;
mod verifier;

pub use decision::{Access, hide_timing};
pub use grant::Grant;
pub use identity::{Identity, Scope, Scopes};
pub use jwks::JwksError;
pub use options::{AccessOptions, AccessOptionsError, JwksOptions, JwksSource};
pub use policy::{Action, decide, required_role, role_in};
pub use revocations::Revocations;
pub use secret::Secret;
pub use signer::{NewToken, Signer, SigningError};
pub use token::{TICKET_TTL, TokenProblem, Use};
pub use verifier::Verifier;
