//! The composition root: what the settings mean for each module, and the parts put together.
//!
//! Owns the only place that knows all modules. Promises that [`App::build`] either gives a whole
//! instance or says what to do, and that [`serve`] leaves nothing running behind.
//!
//! To add a part: build it in [`App::build`], hand it to who needs it, and give it its options in
//! `options.rs`. To add work that is due by the clock, add a task in `background.rs`.

mod background;
mod key;
mod listen;
mod options;
mod run;

use std::sync::Arc;

use axum::Router;
pub use key::{KeyError, MissingKey};
pub use listen::{BindError, bind, bind_admin};
pub use options::access_options;
pub use run::{ServeError, serve};

use crate::{
    access::{Access, AccessOptions, AccessOptionsError, JwksError, Signer, Verifier},
    api::{self, ApiState, PartState, Readiness},
    bus::{Bus, BusHealth, LinkError, MemoryBus, Publisher, RedisBus, RedisTarget},
    clock::Clock,
    config::{Settings, without_password},
    gateway::Gateway,
    hub::Hub,
    protocol::Problem,
    store::{Store, StoreError, campaigns},
    telemetry::Metrics,
    users::Users,
    world::World,
};

/// A whole instance, ready to be served.
pub struct App {
    pub settings: Settings,
    pub clock: Clock,
    pub store: Store,
    pub signer: Signer,
    pub publisher: Publisher,
    /// What carries to other instances, if there are any.
    pub redis: Option<Arc<RedisBus>>,
    pub world: World,
    pub users: Users,
    pub hub: Hub,
    pub gateway: Gateway,
    /// What clients reach over HTTP, without the sockets.
    pub http: Router,
    /// What operators reach on the admin listener.
    pub admin: Router,
    pub metrics: Metrics,
}

/// Why there is no instance. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("the keys of FANFARE_JWT_SECRET or FANFARE_JWKS cannot be used: {0}")]
    Access(#[from] AccessOptionsError),
    #[error("{0} (FANFARE_JWKS says where it is)")]
    KeySet(#[from] JwksError),
    #[error("cannot open the database {url}: {cause} (FANFARE_DATABASE_URL says where it is)")]
    Database {
        /// Without the password.
        url: String,
        cause: StoreError,
    },
    #[error("cannot bring the tables up to date: {0}")]
    Migration(StoreError),
    #[error("cannot read which users' access is revoked: {0}")]
    Revocations(StoreError),
    #[error("cannot fill the database with the demo world: {0} (FANFARE_SEED=false leaves it empty)")]
    Seed(#[from] Problem),
    #[error("cannot use Redis at {url}: {cause} (FANFARE_REDIS_URL says where it is)")]
    Redis { url: Box<RedisTarget>, cause: LinkError },
    #[error("cannot read the certificate of FANFARE_REDIS_CA: {0}")]
    RedisAuthority(std::io::Error),
    #[error("cannot record metrics: {0}")]
    Metrics(String),
}

impl App {
    /// Puts an instance together: opens the database and, when the settings say so, brings its tables
    /// up to date and fills it with the demo world. Listens to nothing yet.
    ///
    /// # Errors
    /// When a part cannot be made.
    pub async fn build(settings: Settings) -> Result<Self, BuildError> {
        Self::build_at(settings, Clock::system()).await
    }

    /// As [`App::build`], by another clock.
    ///
    /// # Errors
    /// As [`App::build`].
    pub async fn build_at(settings: Settings, clock: Clock) -> Result<Self, BuildError> {
        let metrics = Metrics::install().map_err(BuildError::Metrics)?;
        let keys = options::access_options(&settings, MissingKey::Make)?;
        let signer = Signer::new(&keys, clock.clone())?;
        let redis = redis(&settings, &keys, &clock)?;
        let verifier = Verifier::new(keys, clock.clone())?;
        verifier.load_keys().await?;

        let store = open_store(&settings, clock.clone()).await?;
        if settings.database.migrate {
            store.migrate().await.map_err(BuildError::Migration)?;
        }
        let access = Access::new(store.clone());
        let bus: Arc<dyn Bus> = match &redis {
            Some(redis) => redis.clone(),
            None => Arc::new(MemoryBus::default()),
        };
        let publisher = Publisher::new(Arc::clone(&bus));
        let world = World::new(store.clone(), access, publisher.clone(), clock.clone());
        let users = Users::new(store.clone(), publisher.clone(), clock.clone());
        // From here on the gateway keeps it true.
        verifier.revocations().load(&store).await.map_err(BuildError::Revocations)?;

        if settings.database.seeds(settings.server.mode)
            && campaigns::none(&store).await.map_err(Problem::from)?
        {
            let seeded = world.seed().await?;
            tracing::info!(entities = seeded.added, "The empty database was filled with the demo world.");
        }

        let link = || redis.as_ref().map(|redis| redis.link());
        let hub = Hub::among_others(store.clone(), Arc::clone(&bus), link(), options::hub_options(&settings));
        let gateway_options = options::gateway_options(&settings);
        let gateway = Gateway::new(hub.clone(), verifier.clone(), clock.clone(), link(), gateway_options);
        let readiness = readiness(&store, &hub, &gateway, bus.as_ref());
        let http = api::router(ApiState {
            store: store.clone(),
            world: world.clone(),
            users: users.clone(),
            verifier,
            signer: signer.clone(),
            clock: clock.clone(),
            readiness: readiness.clone(),
            options: Arc::new(options::api_options(&settings)),
        });
        let rendered = metrics.clone();
        let admin = api::admin_router(move || rendered.render(), readiness);
        Ok(Self {
            settings,
            clock,
            store,
            signer,
            publisher,
            redis,
            world,
            users,
            hub,
            gateway,
            http,
            admin,
            metrics,
        })
    }
}

/// Opens the database that the settings name. Its tables stay as they are.
///
/// # Errors
/// When it cannot be reached, or is no database.
pub async fn open_store(settings: &Settings, clock: Clock) -> Result<Store, BuildError> {
    Store::open(options::store_options(settings), clock)
        .await
        .map_err(|cause| BuildError::Database { url: without_password(&settings.database_url()), cause })
}

/// The world's services for a tool that serves nobody: what it changes is in the log, where running
/// instances find it.
pub fn world(store: &Store, clock: Clock) -> World {
    let publisher = Publisher::new(Arc::new(MemoryBus::default()));
    World::new(store.clone(), Access::new(store.clone()), publisher, clock)
}

/// The services about users for a tool that serves nobody, as [`world`].
pub fn users(store: &Store, clock: Clock) -> Users {
    Users::new(store.clone(), Publisher::new(Arc::new(MemoryBus::default())), clock)
}

/// The bus between instances, not connected yet, when the settings name a Redis.
fn redis(
    settings: &Settings,
    keys: &AccessOptions,
    clock: &Clock,
) -> Result<Option<Arc<RedisBus>>, BuildError> {
    let Some(target) = settings.redis.target() else { return Ok(None) };
    if settings.database_url().starts_with("sqlite:") {
        tracing::warn!(
            "Redis connects instances that share a database, and an SQLite file has one instance only."
        );
    }
    let options = options::redis_options(settings, target.clone(), keys, clock.uuid())
        .map_err(BuildError::RedisAuthority)?;
    let bus = RedisBus::new(options).map_err(|cause| BuildError::Redis { url: Box::new(target), cause })?;
    Ok(Some(Arc::new(bus)))
}

fn readiness(store: &Store, hub: &Hub, gateway: &Gateway, bus: &dyn Bus) -> Readiness {
    let (hub, gateway, health) = (hub.clone(), gateway.clone(), bus.health());
    let down_unless = |good| if good { PartState::Ok } else { PartState::Down };
    Readiness::new(store.clone()).with_parts(vec![
        ("log", Box::new(move || down_unless(hub.is_verified()))),
        (
            "bus",
            Box::new(move || match *health.borrow() {
                BusHealth::Sound | BusHealth::Doubtful => PartState::Ok,
                BusHealth::Degraded => PartState::Degraded,
            }),
        ),
        ("listener", Box::new(move || down_unless(!gateway.is_draining()))),
    ])
}
