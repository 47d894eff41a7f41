//! Campaigns, settlements, structures, members and the world's clock.
//!
//! Owns every change of the world and what follows from it: one file per aggregate, each a handful of
//! functions on [`World`]. Promises that a change takes a `Grant`, happens in one transaction with its
//! events, at most once per request id, and only when nobody else was faster (`expected_version`); and
//! that whatever a change does to a computed value is reported in the same transaction. An event for an
//! entity carries the entity as it is after the change, without its computed values: those are reported
//! by `state_invalidated` and read again.
//!
//! To add a change: an [`Act`], an input in `input.rs`, a function that begins with `World::start`,
//! records its events before it writes, and ends with `Change::finish`. To add an aggregate: an entity,
//! a file named after it, and a row in the table of `store/`.

mod campaigns;
mod change;
mod derived;
pub mod entity;
pub mod events;
pub mod input;
mod invalidation;
mod members;
pub mod page;
mod read;
mod request;
mod rows;
pub mod rules;
mod season;
pub mod seed;
mod settlements;
mod structures;
mod world_time;

pub use request::{Act, Request, Subject};

use crate::{
    access::{Access, Grant},
    bus::Publisher,
    clock::Clock,
    protocol::{CampaignId, Code, Problem, Room, Root, SettlementId, StructureId},
    store::Store,
};

/// The world's services. Cheap to clone.
#[derive(Clone)]
pub struct World {
    store: Store,
    access: Access,
    publisher: Publisher,
    clock: Clock,
    limits: Limits,
}

/// How much a campaign may hold. The bounds keep the largest single change, the deletion of a whole
/// campaign, within one transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub settlements_per_campaign: u32,
    pub structures_per_campaign: u32,
    pub members_per_campaign: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { settlements_per_campaign: 500, structures_per_campaign: 2_000, members_per_campaign: 1_000 }
    }
}

impl World {
    /// The services over this store; what they commit goes to `publisher`.
    pub fn new(store: Store, access: Access, publisher: Publisher, clock: Clock) -> Self {
        Self { store, access, publisher, clock, limits: Limits::default() }
    }

    /// The same services with other bounds.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Who may do what; makes the grants that the services take.
    pub fn access(&self) -> &Access {
        &self.access
    }
}

/// The campaign that a grant is about or within.
fn campaign_of(grant: &Grant) -> Result<CampaignId, Problem> {
    match grant.root() {
        Root::Campaign(id) => Ok(*id),
        Root::Session(_) | Root::User(_) | Root::Instances => Err(wrong_grant(grant)),
    }
}

/// The settlement that a grant is for.
fn settlement_of(grant: &Grant) -> Result<SettlementId, Problem> {
    match grant.room() {
        Room::Settlement(id) => Ok(*id),
        Room::Campaign(_) | Room::Structure(_) | Room::Session(_) | Room::User(_) | Room::Instances => {
            Err(wrong_grant(grant))
        }
    }
}

/// The structure that a grant is for.
fn structure_of(grant: &Grant) -> Result<StructureId, Problem> {
    match grant.room() {
        Room::Structure(id) => Ok(*id),
        Room::Campaign(_) | Room::Settlement(_) | Room::Session(_) | Room::User(_) | Room::Instances => {
            Err(wrong_grant(grant))
        }
    }
}

/// Checks that a grant is for a campaign itself and not for something in it.
fn must_be_campaign(grant: &Grant) -> Result<CampaignId, Problem> {
    match grant.room() {
        Room::Campaign(id) => Ok(*id),
        Room::Settlement(_) | Room::Structure(_) | Room::Session(_) | Room::User(_) | Room::Instances => {
            Err(wrong_grant(grant))
        }
    }
}

fn wrong_grant(grant: &Grant) -> Problem {
    tracing::error!(room = %grant.room(), "A service was called with a grant for another kind of room.");
    Problem::internal()
}

/// Refuses one more when a campaign already holds as many as it may.
fn within(there: u64, limit: u32, what: &str) -> Result<(), Problem> {
    if there < u64::from(limit) {
        return Ok(());
    }
    Err(Problem::new(Code::LimitExceeded, format!("A campaign has at most {limit} {what}.")))
}
