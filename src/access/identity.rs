//! Who somebody is, once a token has been checked.

use crate::protocol::{Problem, Timestamp, UserId};

/// A user whose token was accepted. Only the [`Verifier`](super::Verifier) makes one from input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    user_id: UserId,
    name: Option<String>,
    scopes: Scopes,
    issued_at: Option<Timestamp>,
    expires_at: Timestamp,
}

/// A permission that a token carries by itself, independent of any room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Publish events for any campaign through `POST /api/events`: for services, not for people.
    EventsPublish,
    /// Act on other users: revoke their access. For the operators' own tools.
    Admin,
}

/// The scopes of a token. Names we do not know are ignored: a token may serve other services too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scopes {
    events_publish: bool,
    admin: bool,
}

impl Identity {
    /// The longest display name that is kept, in characters.
    pub const MAX_NAME: usize = 100;

    /// What the verifier makes of an accepted token.
    pub(super) fn verified(
        user_id: UserId,
        name: Option<&str>,
        scopes: Scopes,
        issued_at: Option<Timestamp>,
        expires_at: Timestamp,
    ) -> Self {
        Self { user_id, name: name.and_then(display_name), scopes, issued_at, expires_at }
    }

    /// An identity that this process vouches for itself: the seed world, a benchmark, a test. It has
    /// no scopes and does not expire. Never call it with something that came from outside.
    pub fn trusted(user_id: UserId, name: Option<&str>) -> Self {
        let far_future = Timestamp::from_millis(i64::from(u32::MAX) * 1_000);
        Self::verified(
            user_id,
            name,
            Scopes::default(),
            None,
            far_future.unwrap_or(Timestamp::from(jiff::Timestamp::UNIX_EPOCH)),
        )
    }

    /// The same identity with these scopes; the same care as for [`Identity::trusted`].
    pub fn with_scopes(mut self, scopes: Scopes) -> Self {
        self.scopes = scopes;
        self
    }

    /// Who it is.
    pub fn user_id(&self) -> &UserId {
        &self.user_id
    }

    /// The name to show, at most [`Identity::MAX_NAME`] characters without control characters.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// What the token allows beyond rooms.
    pub fn scopes(&self) -> Scopes {
        self.scopes
    }

    /// When the token was issued, by its own word. For a ticket: when the token was issued that the ticket
    /// was made for. A token need not say it; then a revocation of its user refuses it for good.
    pub fn issued_at(&self) -> Option<Timestamp> {
        self.issued_at
    }

    /// When the token, and with it a connection, ends. For a ticket: when the token ends that the
    /// ticket was made for, since the ticket only opens the connection.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Checks that the token carries `scope`.
    ///
    /// # Errors
    /// `forbidden` with the scope's name.
    pub fn require_scope(&self, scope: Scope) -> Result<(), Problem> {
        if self.scopes.contains(scope) {
            Ok(())
        } else {
            Err(Problem::forbidden(format!("The token needs the scope {}.", scope.name())))
        }
    }
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 2] = [Self::EventsPublish, Self::Admin];

    /// The scope's name in a token.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EventsPublish => "events:publish",
            Self::Admin => "admin",
        }
    }
}

impl Scopes {
    /// Reads a token's `scope` claim: names separated by spaces.
    pub fn parse(text: &str) -> Self {
        let has = |scope: Scope| text.split(' ').any(|name| name == scope.name());
        Self { events_publish: has(Scope::EventsPublish), admin: has(Scope::Admin) }
    }

    /// Whether `scope` is among them.
    pub fn contains(self, scope: Scope) -> bool {
        match scope {
            Scope::EventsPublish => self.events_publish,
            Scope::Admin => self.admin,
        }
    }

    /// The `scope` claim that says the same; `None` when there are none.
    pub fn claim(self) -> Option<String> {
        let names: Vec<_> = Scope::ALL.into_iter().filter(|s| self.contains(*s)).map(Scope::name).collect();
        (!names.is_empty()).then(|| names.join(" "))
    }
}

impl From<Scope> for Scopes {
    fn from(scope: Scope) -> Self {
        Self::parse(scope.name())
    }
}

/// A name that an identity provider chose must not lock its user out, so it is cut, not refused.
fn display_name(raw: &str) -> Option<String> {
    let name: String = raw.trim().chars().filter(|c| !c.is_control()).take(Identity::MAX_NAME).collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_whole_names_between_spaces() {
        assert!(Scopes::parse("openid events:publish").contains(Scope::EventsPublish));
        for other in ["", "events:publisher", "events:publish,openid", "EVENTS:PUBLISH"] {
            assert!(!Scopes::parse(other).contains(Scope::EventsPublish), "{other}");
        }
        for scope in Scope::ALL {
            assert_eq!(Scopes::from(scope).claim().as_deref(), Some(scope.name()));
        }
    }

    #[test]
    fn a_name_is_cut_and_cleaned() {
        assert_eq!(display_name("  Ada\u{7}\n "), Some("Ada".into()));
        assert_eq!(display_name(" \n"), None);
        assert_eq!(display_name(&"é".repeat(300)).map(|n| n.chars().count()), Some(Identity::MAX_NAME));
    }
}
