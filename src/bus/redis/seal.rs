//! What a message looks like on its channel, and how its receiver knows that an instance of ours wrote it.
//!
//! A message is one byte for its kind, the 16 bytes of the instance that sent it, an HMAC-SHA256 over
//! all of it with the channel's name, and the body. Whoever can reach Redis can publish there; without
//! the secret that the instances share, nothing they publish is believed.

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use uuid::Uuid;

/// Ties a key to this use: the secrets sign other things too.
const PURPOSE: &[u8] = b"fanfare bus message 1";
const TAG: std::ops::Range<usize> = 17..49;
const BODY: usize = TAG.end;

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// A whole envelope.
    Event = b'E',
    /// How far a root's log reaches, instead of an envelope that is too large.
    Reached = b'R',
    /// The probe's.
    Probe = b'P',
    /// Something ephemeral.
    Note = b'N',
    /// An instance is there.
    Alive = b'A',
    /// An instance ends in order.
    Gone = b'G',
}

/// Writes and reads messages of one instance.
pub(super) struct Seal {
    instance: [u8; 16],
    /// The first signs; all are believed, so that a secret can be replaced while instances run.
    keys: Vec<hmac::Key>,
}

/// What came over a channel.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Opened<'a> {
    /// From another instance of ours.
    Theirs(Kind, &'a [u8]),
    /// From this instance: it has that already.
    Own(Kind, &'a [u8]),
    /// Not from an instance that has our secret, or not as it wrote it.
    Refused,
}

impl Seal {
    /// For the instance with this id. At least one secret is needed: without any, nothing is believed.
    pub fn new<'a>(instance: Uuid, secrets: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let derive = |secret: &[u8]| {
            let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), PURPOSE);
            hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref())
        };
        Self { instance: instance.into_bytes(), keys: secrets.into_iter().map(derive).collect() }
    }

    /// The bytes to publish on `channel`.
    pub fn close(&self, kind: Kind, channel: &str, body: &[u8]) -> Vec<u8> {
        let mut message = Vec::with_capacity(BODY + body.len());
        message.push(kind as u8);
        message.extend_from_slice(&self.instance);
        message.extend_from_slice(&[0; 32]);
        message.extend_from_slice(body);
        if let Some(key) = self.keys.first() {
            let tag = tag(key, channel, &message);
            message[TAG].copy_from_slice(tag.as_ref());
        }
        message
    }

    /// What the bytes that came over `channel` are.
    pub fn open<'a>(&self, channel: &str, message: &'a [u8]) -> Opened<'a> {
        let kind = match message.first() {
            Some(b'E') => Kind::Event,
            Some(b'R') => Kind::Reached,
            Some(b'P') => Kind::Probe,
            Some(b'N') => Kind::Note,
            Some(b'A') => Kind::Alive,
            Some(b'G') => Kind::Gone,
            Some(_) | None => return Opened::Refused,
        };
        if message.len() < BODY {
            return Opened::Refused;
        }
        let body = &message[BODY..];
        let own = message[1..TAG.start] == self.instance;
        // Our own echo is only dropped, so it need not be proved; a probe's answer must be.
        if own && kind != Kind::Probe {
            return Opened::Own(kind, body);
        }
        let is_ours =
            |key| verify_slices_are_equal(tag(key, channel, message).as_ref(), &message[TAG]).is_ok();
        if !self.keys.iter().any(is_ours) {
            return Opened::Refused;
        }
        if own { Opened::Own(kind, body) } else { Opened::Theirs(kind, body) }
    }
}

fn tag(key: &hmac::Key, channel: &str, message: &[u8]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    context.update(&(channel.len() as u64).to_be_bytes());
    context.update(channel.as_bytes());
    context.update(&message[..TAG.start]);
    context.update(&message[BODY..]);
    context.sign()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seal(instance: u128, secrets: &[&str]) -> Seal {
        Seal::new(Uuid::from_u128(instance), secrets.iter().map(|secret| secret.as_bytes()))
    }

    #[test]
    fn another_instance_with_the_secret_is_believed_and_nobody_else() {
        let (here, there) = (seal(1, &["secret"]), seal(2, &["secret"]));
        let message = there.close(Kind::Event, "f:campaign:1", b"{}");
        assert_eq!(here.open("f:campaign:1", &message), Opened::Theirs(Kind::Event, b"{}"));
        assert_eq!(there.open("f:campaign:1", &message), Opened::Own(Kind::Event, b"{}"));
        assert_eq!(here.open("f:campaign:2", &message), Opened::Refused, "on another channel");
        let stranger = seal(3, &["another"]).close(Kind::Event, "f:campaign:1", b"{}");
        assert_eq!(here.open("f:campaign:1", &stranger), Opened::Refused);
        assert_eq!(seal(1, &[]).open("f:campaign:1", &message), Opened::Refused, "without a secret");
    }

    #[test]
    fn a_secret_is_replaced_without_a_gap() {
        let (old, both, new) = (seal(1, &["old"]), seal(2, &["old", "new"]), seal(3, &["new", "old"]));
        for (from, to) in [(&old, &both), (&both, &old), (&both, &new), (&new, &both)] {
            let message = from.close(Kind::Note, "c", b"x");
            assert_eq!(to.open("c", &message), Opened::Theirs(Kind::Note, b"x"));
        }
    }

    #[test]
    fn a_probe_that_pretends_to_be_our_own_is_refused() {
        let here = seal(1, &["secret"]);
        let mut forged = here.close(Kind::Probe, "c", b"1");
        forged[BODY] = b'2';
        assert_eq!(here.open("c", &forged), Opened::Refused);
    }

    proptest! {
        /// I3: whatever is changed on the way, nothing changed is believed.
        #[test]
        fn no_change_goes_unnoticed(body in proptest::collection::vec(any::<u8>(), 0..200), at in any::<usize>(), with in 1_u8..) {
            let (here, there) = (seal(1, &["secret"]), seal(2, &["secret"]));
            let mut message = there.close(Kind::Event, "c", &body);
            let at = at % message.len();
            message[at] ^= with;
            prop_assert!(!matches!(here.open("c", &message), Opened::Theirs(..)));
        }

        #[test]
        fn noise_is_refused_and_never_panics(noise in proptest::collection::vec(any::<u8>(), 0..100)) {
            prop_assert_eq!(seal(1, &["secret"]).open("c", &noise), Opened::Refused);
        }
    }
}
