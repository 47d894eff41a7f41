//! The integration tests: one binary, because linking is what costs. One module a subject; what
//! they share is in `support`.

mod architecture;
mod bench;
mod documents;
mod drills;
mod gateway;
mod graphql;
mod history;
mod hub;
mod openapi;
mod process;
mod redis;
mod schema;
mod settings;
mod store;
mod support;
mod typescript;
mod users;
mod world;
