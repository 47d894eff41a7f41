//! What arrives from a client, in the order it arrives.

use std::{borrow::Cow, sync::Arc};

use serde_json::value::RawValue;
use socketioxide::{
    adapter::LocalAdapter,
    extract::AckSender,
    handler::{FromMessageParts, MessageHandler, Value},
    socket::Socket,
};

use super::{
    Gateway, commands,
    connection::Connection,
    limits::rate_limited,
    mailbox::{Letter, Posted},
    way::{Reply, Way},
};
use crate::protocol::{Ack, Problem, is_deeper};

/// Puts every message into the connection's mailbox.
///
/// A handler of our own kind rather than a function: the transport would spawn a function's future
/// for each message, which loses their order and has no bound, and would drop without an answer
/// what its extractors cannot read. It also hands over the acknowledgement's number, which an answer
/// through the lane needs.
pub(super) struct Inbox {
    gateway: Gateway,
    connection: Arc<Connection>,
}

impl Inbox {
    pub(super) fn new(gateway: Gateway, connection: Arc<Connection>) -> Self {
        Self { gateway, connection }
    }

    fn receive(&self, value: &Value, reply: Reply) {
        let letter = match read(value, self.gateway.limits().json_depth) {
            Ok((name, payload)) => Letter { name, payload, reply },
            Err(problem) => return self.connection.answer(reply, &Ack::failed(problem, None)),
        };
        match self.connection.mailbox.post(letter, self.gateway.limits().mailbox) {
            Posted::Waiting => {}
            Posted::NeedsAttendant => {
                tokio::spawn(commands::attend(self.gateway.clone(), self.connection.clone()));
            }
            Posted::Full(letter) => {
                metrics::counter!("ws_mailbox_overflows_total").increment(1);
                let problem = rate_limited(std::time::Duration::from_millis(500));
                self.connection.answer(letter.reply, &Ack::failed(problem, None));
            }
        }
    }
}

impl MessageHandler<LocalAdapter, ()> for Inbox {
    fn call(&self, socket: Arc<Socket<LocalAdapter>>, mut value: Value, ack: Option<i64>) {
        let reply = match (&self.connection.way, ack) {
            (_, None) => Reply::None,
            (Way::Lane(_), Some(number)) => Reply::Lane(number),
            (Way::Packets(_), Some(_)) => match AckSender::from_message_parts(&socket, &mut value, &ack) {
                Ok(sender) => Reply::Packets(sender),
                Err(never) => match never {},
            },
        };
        self.receive(&value, reply);
    }
}

/// The event's name and its first argument, if there is one, as JSON text.
fn read(value: &Value, max_depth: usize) -> Result<(String, Option<String>), Problem> {
    let text = match value {
        Value::Str(_, Some(attachments)) if !attachments.is_empty() => {
            return Err(Problem::bad_request("Binary attachments are not accepted."));
        }
        Value::Str(text, _) => text.as_str(),
        Value::Bytes(_) => return Err(Problem::bad_request("Binary messages are not accepted.")),
    };
    // The outer array is the packet's, not the payload's.
    if is_deeper(text.as_bytes(), max_depth + 1) {
        return Err(Problem::bad_request(format!("The payload nests deeper than {max_depth} levels.")));
    }
    let malformed = |_| Problem::bad_request("The message is not a JSON array of a name and arguments.");
    let mut parts: Vec<&RawValue> = serde_json::from_str(text).map_err(malformed)?;
    if parts.is_empty() {
        return Err(Problem::bad_request("The message has no name."));
    }
    let name: Cow<'_, str> = serde_json::from_str(parts.remove(0).get()).map_err(malformed)?;
    let payload = parts.first().map(|raw| raw.get().to_owned());
    Ok((name.into_owned(), payload))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Str(text.to_owned().into(), None)
    }

    #[test]
    fn a_message_is_a_name_and_a_first_argument() {
        let (name, payload) = read(&text(r#"["subscribe",{"room":"x"},7]"#), 32).unwrap();
        assert_eq!((name.as_str(), payload.as_deref()), ("subscribe", Some(r#"{"room":"x"}"#)));
        assert_eq!(read(&text(r#"["pi\u006eg"]"#), 32).unwrap(), ("ping".to_owned(), None));
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_a_sentence() {
        for bad in ["[]", "[7]", "{}", "[\"a\"", "[\"a\",{]", ""] {
            assert!(read(&text(bad), 32).is_err(), "{bad}");
        }
        let deep = format!("[\"a\",{}{}]", "[".repeat(33), "]".repeat(33));
        assert!(read(&text(&deep), 32).unwrap_err().detail.contains("deeper than 32"));
        let fine = format!("[\"a\",{}{}]", "[".repeat(32), "]".repeat(32));
        assert!(read(&text(&fine), 32).is_ok());
    }
}
