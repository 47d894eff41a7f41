//! The demo world: two campaigns, twelve settlements, sixty structures and four users.
//!
//! | user  | The Shattered Coast | The Northern Marches |
//! |-------|---------------------|----------------------|
//! | `ada` | OWNER               | GM                   |
//! | `ben` | GM                  | OWNER                |
//! | `cyd` | PLAYER              | none                 |
//! | `dan` | VIEWER              | PLAYER               |
//!
//! Everything goes through the services, so the demo world's log starts like any other. What is already
//! there (by its name) stays as it is: seeding again adds only what is missing.

mod plan;

use std::collections::HashMap;

use self::plan::{CAMPAIGNS, PlannedCampaign, PlannedSettlement, USERS};
use super::{
    Request, World,
    entity::{Campaign, MapPosition, Settlement, Structure, Variables},
    input::{NewCampaign, NewSettlement, NewStructure},
    page::{MAX_PAGE, Page, Slice},
};
use crate::{
    access::{Action, Grant, Identity},
    protocol::{CampaignId, Problem, Room, Timestamp, UserId},
    store::users::{self, UserRow},
};

/// What the demo world consists of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seeded {
    pub campaigns: usize,
    pub settlements: usize,
    pub structures: usize,
    /// How many of all these were added now.
    pub added: usize,
}

impl World {
    /// Adds what is missing of the demo world.
    ///
    /// # Errors
    /// `unavailable`; what was added until then stays, and the next call continues.
    pub async fn seed(&self) -> Result<Seeded, Problem> {
        self.seed_users().await?;
        let mut seeded = Seeded::default();
        for planned in CAMPAIGNS {
            let owner = identity(planned.owner)?;
            let campaign = self.seed_campaign(&owner, planned, &mut seeded).await?;
            self.seed_members(&owner, campaign.id, planned).await?;
            let room = Room::Campaign(campaign.id);
            let grant = self.access().require(&owner, &room, Action::Create).await?;
            let present = self.all_settlements(campaign.id).await?;
            for planned in planned.settlements {
                let settlement = match present.get(planned.name) {
                    Some(settlement) => settlement.clone(),
                    None => self.seed_settlement(&grant, planned, &mut seeded).await?,
                };
                self.seed_structures(&owner, &settlement, planned, &mut seeded).await?;
            }
        }
        Ok(seeded)
    }

    /// Names for the users, so that lists of members read well; the users themselves live in tokens.
    async fn seed_users(&self) -> Result<(), Problem> {
        let ids = USERS.iter().map(|(id, _)| user(id)).collect::<Result<Vec<_>, _>>()?;
        let named = users::by_ids(&self.store, &ids).await?;
        let mut tx = self.store.begin().await?;
        for (id, (_, name)) in ids.into_iter().zip(USERS) {
            if named.iter().all(|row| row.id != id) {
                users::put(&mut tx, &UserRow { id, name: (*name).to_owned() }).await?;
            }
        }
        Ok(self.publisher.commit(tx).await?)
    }

    async fn seed_campaign(
        &self,
        owner: &Identity,
        planned: &PlannedCampaign,
        seeded: &mut Seeded,
    ) -> Result<Campaign, Problem> {
        seeded.campaigns += 1;
        let mut page = Page { first: MAX_PAGE, after: None };
        loop {
            let slice = self.campaigns_of(owner.user_id(), &page).await?;
            page.after = slice.items.last().map(|last| last.id.to_string());
            if let Some(found) = slice.items.into_iter().find(|campaign| campaign.name == planned.name) {
                return Ok(found);
            }
            if !slice.more {
                break;
            }
        }
        seeded.added += 1;
        let input = NewCampaign {
            name: planned.name.to_owned(),
            description: planned.description.to_owned(),
            world_time: instant(planned.world_time)?,
        };
        self.create_campaign(owner, input, &request()).await
    }

    async fn seed_members(
        &self,
        owner: &Identity,
        campaign: CampaignId,
        planned: &PlannedCampaign,
    ) -> Result<(), Problem> {
        let present = self.members_of(&[campaign], &Page { first: MAX_PAGE, after: None }).await?;
        let grant = self.access().require(owner, &Room::Campaign(campaign), Action::Administer).await?;
        for (id, role) in planned.members {
            let id = user(id)?;
            let known =
                present.get(&campaign).is_some_and(|slice| slice.items.iter().any(|m| m.user_id == id));
            if !known {
                self.set_member(&grant, id, *role, &request()).await?;
            }
        }
        Ok(())
    }

    async fn seed_settlement(
        &self,
        grant: &Grant,
        planned: &PlannedSettlement,
        seeded: &mut Seeded,
    ) -> Result<Settlement, Problem> {
        let input = NewSettlement {
            campaign_id: super::must_be_campaign(grant)?,
            name: planned.name.to_owned(),
            level: planned.level,
            population: planned.population,
            position: MapPosition { x: planned.x, y: planned.y },
            variables: Variables::from_iter([("terrain".to_owned(), planned.terrain.into())]),
        };
        seeded.added += 1;
        self.create_settlement(grant, input, &request()).await
    }

    async fn seed_structures(
        &self,
        owner: &Identity,
        settlement: &Settlement,
        planned: &PlannedSettlement,
        seeded: &mut Seeded,
    ) -> Result<(), Problem> {
        seeded.settlements += 1;
        seeded.structures += planned.structures.len();
        let present = self.all_structures(settlement).await?;
        let room = Room::Settlement(settlement.id);
        let grant = self.access().require(owner, &room, Action::Create).await?;
        for (name, kind, level, completes_at) in planned.structures {
            if present.contains_key(*name) {
                continue;
            }
            seeded.added += 1;
            let input = NewStructure {
                settlement_id: settlement.id,
                name: (*name).to_owned(),
                kind: *kind,
                level: *level,
                completes_at: completes_at.map(instant).transpose()?,
                variables: Variables::new(),
            };
            self.create_structure(&grant, input, &request()).await?;
        }
        Ok(())
    }

    async fn all_settlements(&self, of: CampaignId) -> Result<HashMap<String, Settlement>, Problem> {
        let mut all = HashMap::new();
        let mut page = Page { first: MAX_PAGE, after: None };
        loop {
            let mut slices = self.settlements_of(&[of], &page).await?;
            let Slice { items, more } = slices.remove(&of).unwrap_or_default();
            page.after = items.last().map(|last| last.id.to_string());
            all.extend(items.into_iter().map(|settlement| (settlement.name.clone(), settlement)));
            if !more {
                return Ok(all);
            }
        }
    }

    async fn all_structures(&self, of: &Settlement) -> Result<HashMap<String, Structure>, Problem> {
        let mut all = HashMap::new();
        let mut page = Page { first: MAX_PAGE, after: None };
        loop {
            let mut slices = self.structures_of(&[(of.campaign_id, of.id)], &page).await?;
            let Slice { items, more } = slices.remove(&of.id).unwrap_or_default();
            page.after = items.last().map(|last| last.id.to_string());
            all.extend(items.into_iter().map(|structure| (structure.name.clone(), structure)));
            if !more {
                return Ok(all);
            }
        }
    }
}

fn request() -> Request {
    Request { source: "seed".to_owned(), ..Request::api("seed") }
}

fn identity(id: &str) -> Result<Identity, Problem> {
    let name = USERS.iter().find(|(other, _)| *other == id).map(|(_, name)| *name);
    Ok(Identity::trusted(user(id)?, name))
}

/// The plan is constant and a test reads all of it; an error here is a fault of the plan.
fn user(id: &str) -> Result<UserId, Problem> {
    id.parse().map_err(|_| Problem::internal())
}

fn instant(text: &str) -> Result<Timestamp, Problem> {
    text.parse().map_err(|_| Problem::internal())
}
