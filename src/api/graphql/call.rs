//! What every resolver starts with: who calls, for which request, with which permission.

use async_graphql::{Context, ID, Result};
use serde::de::DeserializeOwned;

use super::scalar;
use crate::{
    access::{Action, Grant, Identity},
    protocol::{Problem, Room},
    world::{Request, Subject, World},
};

/// Who sends a GraphQL request; part of the request's data.
#[derive(Debug, Clone)]
pub struct Caller {
    /// From the token.
    pub identity: Identity,
    /// `X-Request-Id`, or a generated one: goes into the metadata of every event and into the logs.
    pub correlation_id: String,
}

/// One field's call into the world.
pub(super) struct Call<'a> {
    pub world: &'a World,
    pub identity: &'a Identity,
    pub request: Request,
}

impl<'a> Call<'a> {
    /// A call that only reads.
    pub fn read(ctx: &Context<'a>) -> Result<Self> {
        Self::new(ctx, None)
    }

    /// A call that changes something; `request_id` makes its repetition harmless.
    pub fn new(ctx: &Context<'a>, request_id: Option<ID>) -> Result<Self> {
        let caller = ctx.data::<Caller>()?;
        let request_id = request_id.map(|id| scalar::id("requestId", &id)).transpose()?;
        let request = Request { request_id, ..Request::api(caller.correlation_id.clone()) };
        Ok(Self { world: ctx.data::<World>()?, identity: &caller.identity, request })
    }

    /// The permission to do `action` in `room`.
    pub async fn require(&self, room: Room, action: Action) -> Result<Grant, Problem> {
        self.world.access().require(self.identity, &room, action).await
    }

    /// The first answer to a deletion that is asked for again, or else its refusal.
    pub async fn repeated<T: DeserializeOwned>(&self, subject: Subject, gone: Problem) -> Result<T, Problem> {
        self.world.repeated(self.identity, &subject, &self.request, gone).await
    }
}
