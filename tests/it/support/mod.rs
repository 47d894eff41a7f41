//! What the integration tests share.

pub mod app;
pub mod certificates;
pub mod database;
pub mod generated;
pub mod graphql;
pub mod hub;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod redis;
pub mod services;
pub mod socket;
pub mod topologies;
pub mod world;
