//! The fault drills: real instances, Redis and PostgreSQL as processes of their own, broken one way after
//! another under a steady load, and an oracle that compares what every client applied with the log.
//!
//! `viewer` is a client that behaves as the TypeScript client does and writes down what it went through, over the
//! connections in `session`, from what `wire` reads;
//! `cluster` starts the processes and the proxies between them; `drill` runs faults and measures how long
//! everybody needs to have everything again; `oracle` decides. One file a subject holds the drills.
//!
//! To add a fault, add a call of [`drill::Drill::fault`] to the drill whose cluster fits, with what ends it.
//! `make soak` runs the same with other parameters, for as long as wanted, against a release build.

mod cluster;
mod drill;
mod instances;
mod load;
mod members;
mod messages;
mod nginx;
mod oracle;
mod postgres_faults;
mod races;
mod readers;
mod redis_faults;
mod session;
mod viewer;
mod wire;
