//! The server under test: Fanfare as a child of this process, Fanfare somewhere else, a peer, or two of a kind that share
//! a Redis ([`cluster`]).
//!
//! Owns starting and ending, what a server has used ([`usage`]), and which processor it may use ([`pin`]).
//! Promises that a server that this process started ends with it.
//!
//! To compare with another server, write one that keeps to `benches/peers/README.md` and name it with `--peer`.

pub mod child;
pub mod cluster;
pub mod fanfare;
pub mod in_process;
pub mod peer;
pub mod pin;
pub mod postgres;
pub mod redis;
pub mod target;
pub mod usage;
pub mod world;
