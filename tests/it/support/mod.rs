//! What the integration tests share.

pub mod app;
pub mod database;
pub mod generated;
pub mod graphql;
pub mod postgres;
pub mod process;
pub mod services;
pub mod socket;
pub mod world;
