//! A world over a fresh database, users with different roles in it, and what its log says.

use std::sync::Arc;

use fanfare::{
    access::{Access, Action, Grant, Identity},
    bus::{MemoryBus, Publisher},
    clock::{Clock, ManualClock},
    protocol::{CampaignId, Offset, Problem, RequestId, Role, Room, Root, SettlementId, Timestamp, UserId},
    store::Store,
    users::Users,
    world::{
        Request, World,
        entity::{Campaign, MapPosition, Settlement, Structure, Variables},
        input::{NewCampaign, NewSettlement, NewStructure},
        rules::StructureKind,
    },
};
use serde_json::Value;
use uuid::Uuid;

use super::database::Database;

/// When every test's clock starts.
const NOW: &str = "2026-11-20T10:15:30.123Z";
/// Where every test campaign's clock starts: in spring.
pub const SPRING: &str = "1372-04-10T08:00:00.000Z";

/// A world of its own.
pub struct TestWorld {
    pub world: World,
    pub store: Store,
    pub hand: ManualClock,
    clock: Clock,
    /// Last, so that it is dropped after everything that uses it.
    _database: Database,
}

/// One event of a log, with what tests look at.
#[derive(Debug, Clone)]
pub struct Seen(pub Value);

impl TestWorld {
    /// A world over this database.
    pub async fn over(database: Database) -> Self {
        let (clock, hand) = Clock::manual(NOW.parse().unwrap());
        let store = database.store(clock.clone()).await;
        let access = Access::new(store.clone());
        let publisher = Publisher::new(Arc::new(MemoryBus::default()));
        let world = World::new(store.clone(), access, publisher, clock.clone());
        Self { world, store, hand, clock, _database: database }
    }

    /// The services about users.
    pub fn users(&self) -> Users {
        let publisher = Publisher::new(Arc::new(MemoryBus::default()));
        Users::new(self.store.clone(), publisher, self.clock.clone())
    }

    /// The world's clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// A new id.
    pub fn uuid(&self) -> Uuid {
        self.clock.uuid()
    }

    /// A grant for `user`, who must have the permission.
    pub async fn grant(&self, user: &str, room: impl Into<RoomOf>, action: Action) -> Grant {
        self.require(user, room, action).await.unwrap()
    }

    /// What the user gets who asks for a permission.
    pub async fn require(
        &self,
        user: &str,
        room: impl Into<RoomOf>,
        action: Action,
    ) -> Result<Grant, Problem> {
        self.world.access().require(&identity(user), &room.into().0, action).await
    }

    /// A campaign of `ada`, in spring.
    pub async fn campaign(&self) -> Campaign {
        self.world.create_campaign(&identity("ada"), new_campaign("Coast"), &request()).await.unwrap()
    }

    /// Makes a user a member.
    pub async fn member(&self, campaign: &Campaign, user: &str, role: Role) {
        let grant = self.grant("ada", campaign, Action::Administer).await;
        self.world.set_member(&grant, user.parse().unwrap(), role, &request()).await.unwrap();
    }

    /// A settlement of level 1 with 50 people.
    pub async fn settlement(&self, campaign: &Campaign, name: &str) -> Settlement {
        let grant = self.grant("ada", campaign, Action::Create).await;
        self.world.create_settlement(&grant, new_settlement(campaign.id, name), &request()).await.unwrap()
    }

    /// A structure of level 1; `completes_at` as in the input.
    pub async fn structure(
        &self,
        settlement: &Settlement,
        kind: StructureKind,
        completes_at: Option<&str>,
    ) -> Structure {
        let grant = self.grant("ada", settlement, Action::Create).await;
        let input = new_structure(settlement.id, kind, completes_at);
        self.world.create_structure(&grant, input, &request()).await.unwrap()
    }

    /// The events of a campaign after this many.
    pub async fn log(&self, campaign: &Campaign, after: usize) -> Vec<Seen> {
        self.log_of(&Root::Campaign(campaign.id), after).await
    }

    /// The events of a root after this many.
    pub async fn log_of(&self, root: &Root, after: usize) -> Vec<Seen> {
        let events = self.store.events_of_root(root, Offset(after as u64), 10_000).await.unwrap();
        events.iter().map(|event| Seen(serde_json::from_str(event.json.get()).unwrap())).collect()
    }

    /// How many events the campaign's log has.
    pub async fn head(&self, campaign: &Campaign) -> usize {
        let root = Root::Campaign(campaign.id);
        let (_, heads) = self.store.heads(std::slice::from_ref(&root)).await.unwrap();
        heads.get(&root).map_or(0, |head| head.0 as usize)
    }

    /// The database must be sound, whatever the test did.
    pub async fn check(&self) {
        assert_eq!(self.store.doctor().await.unwrap(), []);
    }
}

impl Seen {
    /// The event's type, operation or role, and version: `settlement_updated update 2`.
    pub fn what(&self) -> String {
        let payload = &self.0["payload"];
        let mut what = self.0["type"].as_str().unwrap().to_owned();
        for part in [&payload["operation"], &payload["role"], &payload["version"]] {
            match part {
                Value::String(text) => what += &format!(" {text}"),
                Value::Number(number) => what += &format!(" {number}"),
                _ => {}
            }
        }
        what
    }

    /// `changedFields`, or `fields` of an invalidation.
    pub fn fields(&self) -> Vec<&str> {
        let payload = &self.0["payload"];
        let fields = payload["changedFields"].as_array().or_else(|| payload["fields"].as_array());
        fields.into_iter().flatten().map(|field| field.as_str().unwrap()).collect()
    }

    /// The ids of the settlements that an invalidation names.
    pub fn invalidated(&self) -> Vec<SettlementId> {
        let entities = self.0["payload"]["entities"].as_array().unwrap();
        entities.iter().map(|entity| entity["entityId"].as_str().unwrap().parse().unwrap()).collect()
    }

    /// The event's offset in a room.
    pub fn offset(&self, room: impl Into<RoomOf>) -> Option<u64> {
        self.0["offsets"][room.into().0.to_string()].as_u64()
    }

    /// In how many rooms it is.
    pub fn rooms(&self) -> usize {
        self.0["offsets"].as_object().unwrap().len()
    }
}

/// The events in short.
pub fn what(events: &[Seen]) -> Vec<String> {
    events.iter().map(Seen::what).collect()
}

/// An identity with the user's id in capitals as the name.
pub fn identity(user: &str) -> Identity {
    Identity::trusted(user.parse().unwrap(), Some(&user.to_uppercase()))
}

/// A user's id.
pub fn user(id: &str) -> UserId {
    id.parse().unwrap()
}

/// A request without an id.
pub fn request() -> Request {
    Request::api("test")
}

/// A request with this id.
pub fn request_id(id: &str) -> Request {
    let request_id: RequestId = id.parse().unwrap();
    Request { request_id: Some(request_id), ..request() }
}

/// World time.
pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A new campaign in spring.
pub fn new_campaign(name: &str) -> NewCampaign {
    NewCampaign { name: name.to_owned(), description: String::new(), world_time: at(SPRING) }
}

/// A new settlement of level 1 with 50 people.
pub fn new_settlement(campaign_id: CampaignId, name: &str) -> NewSettlement {
    NewSettlement {
        campaign_id,
        name: name.to_owned(),
        level: 1,
        population: 50,
        position: MapPosition::default(),
        variables: Variables::new(),
    }
}

/// A new structure of level 1.
pub fn new_structure(
    settlement_id: SettlementId,
    kind: StructureKind,
    completes_at: Option<&str>,
) -> NewStructure {
    NewStructure {
        settlement_id,
        name: kind.name().to_owned(),
        kind,
        level: 1,
        completes_at: completes_at.map(at),
        variables: Variables::new(),
    }
}

/// The room of an entity.
pub struct RoomOf(Room);

impl From<&Campaign> for RoomOf {
    fn from(campaign: &Campaign) -> Self {
        Self(Room::Campaign(campaign.id))
    }
}

impl From<&Settlement> for RoomOf {
    fn from(settlement: &Settlement) -> Self {
        Self(Room::Settlement(settlement.id))
    }
}

impl From<&Structure> for RoomOf {
    fn from(structure: &Structure) -> Self {
        Self(Room::Structure(structure.id))
    }
}

impl From<Room> for RoomOf {
    fn from(room: Room) -> Self {
        Self(room)
    }
}

/// Runs every test function of a list on both databases. Each gets a world of its own, which is checked
/// for soundness at the end. On PostgreSQL they are one test, because starting a server takes seconds.
macro_rules! on_both_databases {
    ($($test:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let database = $crate::support::database::Database::sqlite();
                let world = $crate::support::services::TestWorld::over(database).await;
                super::$test(&world).await;
                world.check().await;
            })+
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn postgres() {
            let Some(server) = $crate::support::postgres::shared(module_path!()) else { return };
            $(
                eprintln!("on PostgreSQL: {}", stringify!($test));
                let database = $crate::support::database::Database::postgres(&server).await;
                let world = $crate::support::services::TestWorld::over(database).await;
                $test(&world).await;
                world.check().await;
            )+
        }
    };
}
pub(crate) use on_both_databases;
