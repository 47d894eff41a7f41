//! The GraphQL schema: the committed text, and that events speak its language.

use fanfare::api::graphql::sdl;

use crate::support::generated;

/// The committed schema is the server's.
#[test]
fn the_graphql_schema_is_current() {
    generated::assert_file("docs/schema.graphql", &sdl());
}
