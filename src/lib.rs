//! Fanfare: state that lives on a server, true on every screen.
//!
//! A change and its event are one database transaction; everyone who may see it receives it in
//! order; whoever was away recovers exactly or is told to read again. The folders follow the data:
//! `protocol` (the wire) → `store` (the log) → `bus` and `hub` (who listens) → `gateway` (sockets).
//!
//! * [`access`]: who is asking, and what they may do.
//! * [`api`]: HTTP: REST, GraphQL, health, documentation and the first page.
//! * [`app`]: what the settings mean for each module, and the parts put together.
//! * [`mod@bench`]: `fanfare bench`: measures a server, so that its users can size their machines.
//! * [`bus`]: from the commit to every instance that listens: hints.
//! * [`clock`]: time and randomness as a parameter.
//! * [`config`]: every setting, read once and checked before anything starts.
//! * [`gateway`]: sockets: listener, handshake, commands, delivery.
//! * [`hub`]: everything on one instance between the bus and its sockets: order, rooms, presence.
//! * [`protocol`]: the wire: ids, rooms, events, envelope, commands, problems.
//! * [`store`]: the database: state, log and transactions on SQLite and PostgreSQL.
//! * [`telemetry`]: log lines and metrics.
//! * [`users`]: what operators do about users: revocation.
//! * [`world`]: campaigns, settlements, structures and the world's clock: every change with its events.

// The modules are described above and not on the lines below: a description there would make rustdoc look for the
// links of a module's own page in this file.
pub mod access;
pub mod api;
pub mod app;
pub mod bench;
pub mod bus;
pub mod clock;
pub mod config;
pub mod gateway;
pub mod hub;
pub mod protocol;
pub mod store;
pub mod telemetry;
pub mod users;
pub mod world;

pub use app::{App, serve};
