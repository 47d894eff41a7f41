//! A connection's commands, one after another.
//!
//! The transport hands over what arrives in order but would run it concurrently. Here commands wait
//! in a bounded queue, and a task exists only while there are some: an idle connection has none.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use super::way::Reply;

/// A command as it arrived.
pub(super) struct Letter {
    pub name: String,
    /// The first argument as JSON text.
    pub payload: Option<String>,
    pub reply: Reply,
}

/// The commands that wait.
#[derive(Default)]
pub(super) struct Mailbox(Mutex<State>);

#[derive(Default)]
struct State {
    letters: VecDeque<Letter>,
    attended: bool,
}

/// What became of a letter.
pub(super) enum Posted {
    /// Somebody works through the mailbox already.
    Waiting,
    /// Nobody does: the caller has to see to it.
    NeedsAttendant,
    /// There are too many already.
    Full(Letter),
}

impl Mailbox {
    /// Adds a letter, unless `limit` wait.
    pub(super) fn post(&self, letter: Letter, limit: usize) -> Posted {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.letters.len() >= limit {
            return Posted::Full(letter);
        }
        state.letters.push_back(letter);
        if std::mem::replace(&mut state.attended, true) { Posted::Waiting } else { Posted::NeedsAttendant }
    }

    /// The next letter for the attendant; at `None` it is the attendant no more.
    pub(super) fn next(&self) -> Option<Letter> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let letter = state.letters.pop_front();
        if letter.is_none() {
            *state = State::default();
        }
        letter
    }
}
