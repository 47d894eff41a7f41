//! Fanfare's store and services inside this process: for what is measured without a server, and for databases that
//! are made before one starts.

use std::{sync::Arc, time::Duration};

use super::{
    child::START,
    fanfare::{new_secret, user_name},
};
use crate::{
    access::{Access, Action, Identity},
    bench::error::BenchError,
    bus::{Bus, BusHealth, MemoryBus, Publisher, RedisBus, RedisOptions},
    clock::Clock,
    protocol::{CampaignId, Problem, Role, Room, UserId},
    store::{Store, StoreError, StoreOptions},
    world::{
        Request, World,
        input::{NewCampaign, NewSettlement, SettlementPatch},
    },
};

/// The services over a database.
#[derive(Clone)]
pub struct InProcess {
    pub store: Store,
    world: World,
    /// The first user of every scenario, who owns every campaign.
    owner: Identity,
}

impl InProcess {
    /// Opens the database and brings its tables up to date.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn open(url: &str) -> Result<Self, BenchError> {
        Self::over(url, Arc::new(MemoryBus::default())).await
    }

    /// The same for one of several instances: what is committed goes over a Redis, which carries when this returns.
    ///
    /// # Errors
    /// As [`InProcess::open`], and when Redis is not reached in time.
    pub async fn open_in_cluster(url: &str, redis: &str) -> Result<Self, BenchError> {
        let options = RedisOptions {
            target: redis.parse().map_err(BenchError::server("Redis", "its address"))?,
            prefix: "bench".into(),
            timeout: Duration::from_secs(1),
            ca: None,
            secrets: vec![new_secret().into_bytes()],
            instance: Clock::system().uuid(),
        };
        let bus = Arc::new(RedisBus::new(options).map_err(BenchError::server("Redis", "a connection"))?);
        let (running, mut health) = (Arc::clone(&bus), bus.health());
        tokio::spawn(async move { running.run().await });
        let carries = health.wait_for(|health| *health == BusHealth::Sound);
        match tokio::time::timeout(START, carries).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) | Err(_) => {
                return Err(BenchError::server("Redis", "a connection")("it does not carry"));
            }
        }
        Self::over(url, bus).await
    }

    async fn over(url: &str, bus: Arc<dyn Bus>) -> Result<Self, BenchError> {
        let clock = Clock::system();
        let store = Store::open(StoreOptions::new(url), clock.clone()).await.map_err(broken)?;
        store.migrate().await.map_err(broken)?;
        let publisher = Publisher::new(bus);
        let world = World::new(store.clone(), Access::new(store.clone()), publisher, clock);
        let owner = Identity::trusted(user(0).map_err(refused)?, None);
        Ok(Self { store, world, owner })
    }

    /// Makes a campaign and the users with these numbers its members.
    ///
    /// # Errors
    /// When the services refuse it.
    pub async fn campaign(&self, users: impl Iterator<Item = usize>) -> Result<CampaignId, BenchError> {
        self.make_campaign(users).await.map_err(refused)
    }

    /// Makes a campaign with a settlement and answers the settlement's room.
    ///
    /// # Errors
    /// When the services refuse it.
    pub async fn settlement(&self) -> Result<Room, BenchError> {
        self.make_settlement().await.map_err(refused)
    }

    /// Changes the settlement's variables; the grant for it is asked for as the API does.
    ///
    /// # Errors
    /// As [`World::update_settlement`].
    pub async fn change(&self, settlement: &Room, stamp: String) -> Result<(), Problem> {
        let grant = self.world.access().require(&self.owner, settlement, Action::Edit).await?;
        let variables = [("bench".to_owned(), stamp.into())].into_iter().collect();
        let patch = SettlementPatch { variables: Some(variables), ..SettlementPatch::default() };
        self.world.update_settlement(&grant, patch, None, &Request::api("bench")).await.map(drop)
    }

    async fn make_campaign(&self, users: impl Iterator<Item = usize>) -> Result<CampaignId, Problem> {
        let request = Request::api("bench");
        let start = jiff::Timestamp::UNIX_EPOCH.into();
        let input = NewCampaign { name: "Bench".into(), description: String::new(), world_time: start };
        let id = self.world.create_campaign(&self.owner, input, &request).await?.id;
        let grant = self.world.access().require(&self.owner, &Room::Campaign(id), Action::Administer).await?;
        for number in users.filter(|number| *number != 0) {
            self.world.set_member(&grant, user(number)?, Role::Viewer, &request).await?;
        }
        Ok(id)
    }

    async fn make_settlement(&self) -> Result<Room, Problem> {
        let campaign_id = self.make_campaign(std::iter::empty()).await?;
        let room = Room::Campaign(campaign_id);
        let grant = self.world.access().require(&self.owner, &room, Action::Create).await?;
        let input = NewSettlement {
            campaign_id,
            name: "Bench".into(),
            level: 1,
            population: 0,
            position: Default::default(),
            variables: Default::default(),
        };
        Ok(Room::Settlement(self.world.create_settlement(&grant, input, &Request::api("bench")).await?.id))
    }
}

/// For `map_err` on the store.
pub fn broken(error: StoreError) -> BenchError {
    BenchError::server("fanfare", "the database")(error)
}

fn refused(problem: Problem) -> BenchError {
    BenchError::server("fanfare", "a service")(problem.detail)
}

fn user(number: usize) -> Result<UserId, Problem> {
    user_name(number).parse().map_err(|_| Problem::internal())
}
