//! GraphQL: the world's queries and mutations.
//!
//! Owns the schema and its page. A resolver parses, requires a grant, calls one service and wraps what it
//! answers; it decides nothing. Promises: nested lists are read with one statement per kind and level
//! (`loader.rs`); every error has `extensions.code` and nothing internal (`error.rs`); what a document may
//! cost is bounded ([`SchemaOptions`]), and so is what it costs to find that out (`size.rs`).
//!
//! To add a field, add it to `object.rs` (with a loader when it reads); to add a mutation, add the service to
//! `world/` first. Then run `make gen`, which writes `docs/schema.graphql`.

mod call;
mod error;
mod http;
mod input;
mod loader;
mod mutation;
mod object;
mod page;
mod query;
mod scalar;
mod size;

use async_graphql::{EmptySubscription, Request};

pub use self::{
    call::Caller,
    http::{Graphql, router},
    mutation::Mutation,
    query::Query,
};
use crate::world::World;

/// The world as a GraphQL schema. Changes arrive over the socket, so it has no subscriptions.
pub type Schema = async_graphql::Schema<Query, Mutation, EmptySubscription>;

/// What a document may cost, and whether the schema describes itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchemaOptions {
    /// Introspection and hints at similar names: for development.
    pub introspection: bool,
    /// How deep a document may nest.
    pub max_depth: usize,
    /// How many fields a document may ask for, where a list counts as often as it may have entries, and a
    /// mutation 2,000. And how large it may be with every fragment where it is spread.
    pub max_complexity: usize,
}

impl Default for SchemaOptions {
    /// For production: no introspection, depth 16, complexity 100,000 (three nested lists of default length,
    /// ten fields each).
    fn default() -> Self {
        Self { introspection: false, max_depth: 16, max_complexity: 100_000 }
    }
}

/// The schema over these services.
pub fn schema(world: World, options: SchemaOptions) -> Schema {
    let mut builder = Schema::build(Query, Mutation, EmptySubscription)
        .data(world)
        .extension(error::Codes)
        .extension(size::SizeLimit(options.max_complexity))
        .limit_depth(options.max_depth)
        .limit_complexity(options.max_complexity)
        .limit_directives(8);
    if !options.introspection {
        builder = builder.disable_introspection().disable_suggestions();
    }
    builder.finish()
}

/// The schema in GraphQL's own language, as `docs/schema.graphql` has it.
pub fn sdl() -> String {
    // The text depends on the types alone, so it needs no world.
    Schema::build(Query, Mutation, EmptySubscription).finish().sdl()
}

/// A request with what the resolvers need to know of its caller.
pub fn request_of(schema: &Schema, request: Request, caller: Caller) -> Request {
    match schema.data::<World>() {
        Some(world) => {
            let loaders = loader::loaders(world.clone(), caller.identity.user_id().clone());
            request.data(loaders).data(caller)
        }
        None => request.data(caller),
    }
}
