//! Who sends a request.

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{HeaderMap, header::AUTHORIZATION, request::Parts},
};

use crate::{
    access::{Identity, TokenProblem, Use, Verifier},
    protocol::Problem,
};

/// The sender's identity, from `Authorization: Bearer`. A handler with this argument is not called
/// without a valid API token.
pub struct Authenticated(pub Identity);

impl<S: Send + Sync> FromRequestParts<S> for Authenticated
where
    Verifier: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let token = bearer(&parts.headers)?;
        let identity = Verifier::from_ref(state).verify(token, Use::Api).await?;
        tracing::Span::current().record("userId", identity.user_id().as_str());
        Ok(Self(identity))
    }
}

/// The token of the one `Authorization` header. Two of them could mean two users.
fn bearer(headers: &HeaderMap) -> Result<&str, TokenProblem> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let value = all.next().ok_or(TokenProblem::Missing)?;
    let text = value.to_str().map_err(|_| TokenProblem::Invalid)?;
    let (scheme, token) = text.split_once(' ').ok_or(TokenProblem::Missing)?;
    match (scheme.eq_ignore_ascii_case("bearer"), all.next()) {
        (true, None) => Ok(token.trim()),
        (true, Some(_)) => Err(TokenProblem::Invalid),
        (false, _) => Err(TokenProblem::Missing),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn read(values: &[&'static str]) -> Result<String, TokenProblem> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_static(value));
        }
        bearer(&headers).map(str::to_owned)
    }

    #[test]
    fn one_bearer_token_is_read() {
        assert_eq!(read(&["Bearer a.b.c"]), Ok("a.b.c".into()));
        assert_eq!(read(&["bearer  a.b.c "]), Ok("a.b.c".into()));
        assert_eq!(read(&["Bearer "]), Ok(String::new()), "the verifier calls it missing");
        for missing in [&[][..], &["Bearer"], &["Basic YTpi"], &["a.b.c"]] {
            assert_eq!(read(missing), Err(TokenProblem::Missing), "{missing:?}");
        }
        assert_eq!(read(&["Bearer a.b.c", "Bearer d.e.f"]), Err(TokenProblem::Invalid));
    }
}
