//! GraphQL errors: every one carries `extensions.code`, none carries anything internal.

use std::sync::Arc;

use async_graphql::{
    ErrorExtensionValues, Name, PathSegment, Response, ServerError, Value,
    extensions::{Extension, ExtensionContext, ExtensionFactory, NextRequest},
    indexmap::IndexMap,
};

use crate::protocol::{Code, FieldError, Problem};

/// Gives every error of a response its code, and every field that failed its null. Resolvers simply
/// return a [`Problem`].
pub(super) struct Codes;

impl ExtensionFactory for Codes {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_graphql::async_trait::async_trait]
impl Extension for Codes {
    async fn request(&self, ctx: &ExtensionContext<'_>, next: NextRequest<'_>) -> Response {
        let mut response = next.run(ctx).await;
        for error in &mut response.errors {
            describe(error);
            if let Some(PathSegment::Field(field)) = error.path.first() {
                spoil(&mut response.data, field);
            }
        }
        response
    }
}

/// Answers null for the field of the query or mutation within which something failed. Everything below
/// those fields promises not to be null, and the library only leaves out what failed.
fn spoil(data: &mut Value, field: &str) {
    if let Value::Null = data {
        *data = Value::Object(IndexMap::new());
    }
    if let Value::Object(fields) = data {
        fields.insert(Name::new(field), Value::Null);
    }
}

fn describe(error: &mut ServerError) {
    let problem = match error.source::<Problem>() {
        Some(problem) => problem.clone(),
        None => refused_by_the_schema(&error.message),
    };
    error.source = None;
    error.message = problem.detail.clone();
    error.extensions = Some(extensions(&problem));
}

/// What async-graphql itself says about a document, before or while it reads the arguments.
fn refused_by_the_schema(message: &str) -> Problem {
    let message = &in_short(message);
    let limits = [
        "Query is too complex",
        "Query is nested too deep",
        "The recursion depth of the query",
        "recursion limit exceeded",
        "stack limit reached",
        "The number of directives",
    ];
    if limits.iter().any(|limit| message.starts_with(limit)) {
        return Problem::new(Code::LimitExceeded, message);
    }
    if message.starts_with("internal:") {
        tracing::error!(error = message, "A resolver broke its own schema.");
        return Problem::internal();
    }
    let mut problem = Problem::bad_request(message);
    if let Some((argument, reason)) = wrong_argument(message) {
        problem.details.push(FieldError { field: argument.to_owned(), message: reason.to_owned() });
    }
    problem
}

/// The parser draws the whole line with an arrow below it; the place is in `locations` already.
fn in_short(message: &str) -> String {
    let drawing = message.trim_start().starts_with("-->");
    let reason = message.rsplit_once("\n  = ").filter(|_| drawing).map_or(message, |(_, reason)| reason);
    reason.chars().take(500).collect()
}

/// Finds the field in `Invalid value for argument "input.level", expected type "Int"`.
fn wrong_argument(message: &str) -> Option<(&str, &str)> {
    let (argument, reason) =
        message.strip_prefix("Invalid value for argument \"")?.split_once("\", ").unwrap_or_default();
    let field = argument.strip_prefix("input.").unwrap_or(argument);
    (!field.is_empty()).then_some((field, reason))
}

fn extensions(problem: &Problem) -> ErrorExtensionValues {
    let mut values = ErrorExtensionValues::default();
    values.set("code", graphql_code(problem));
    if let Some(versions) = problem.versions {
        values.set("expected", versions.expected);
        values.set("actual", versions.actual);
    }
    if let Some(delay) = problem.retry_after {
        values.set("retryAfterMs", u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
    }
    if !problem.details.is_empty() {
        let details = problem.details.iter().map(|detail| {
            Value::from_json(serde_json::json!({ "field": detail.field, "message": detail.message }))
                .unwrap_or_default()
        });
        values.set("details", Value::List(details.collect()));
    }
    values
}

/// The code in capitals. A conflict of versions has a name of its own: the caller repairs it by
/// reading again, any other conflict by asking for something else.
fn graphql_code(problem: &Problem) -> String {
    match problem.versions {
        Some(_) => "VERSION_CONFLICT".to_owned(),
        None => problem.code.name().to_uppercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_s_own_refusals_have_codes_and_fields() {
        let code = |message: &str| graphql_code(&refused_by_the_schema(message));
        assert_eq!(code("Query is too complex."), "LIMIT_EXCEEDED");
        assert_eq!(code("Query is nested too deep."), "LIMIT_EXCEEDED");
        assert_eq!(code("Unknown field \"x\" on type \"Query\"."), "BAD_REQUEST");
        assert_eq!(code("internal: secret"), "INTERNAL");
        assert!(!refused_by_the_schema("internal: secret").detail.contains("secret"));
        let wrong =
            refused_by_the_schema("Invalid value for argument \"input.level\", expected type \"Int\"");
        assert_eq!(
            wrong.details,
            [FieldError { field: "level".into(), message: "expected type \"Int\"".into() }]
        );
    }

    #[test]
    fn a_version_conflict_says_both_versions() {
        let values = extensions(&Problem::conflict(3, 5));
        assert_eq!(values.get("code"), Some(&Value::from("VERSION_CONFLICT")));
        assert_eq!(values.get("expected"), Some(&Value::from(3)));
        assert_eq!(values.get("actual"), Some(&Value::from(5)));
        assert_eq!(
            extensions(&Problem::new(Code::Conflict, "The last owner stays.")).get("code"),
            Some(&Value::from("CONFLICT"))
        );
    }
}
