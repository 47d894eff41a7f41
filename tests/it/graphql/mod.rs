//! GraphQL: what the schema answers, refuses, and costs.

mod http;
mod limits;
mod mutations;
mod queries;
mod refusals;
mod statements;
