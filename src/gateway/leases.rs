//! How many connections a user has on all instances: leases at Redis.
//!
//! A user's set at Redis, `{prefix}:connections:{user}`, has one member for each connection, scored with the
//! instant at which it stops counting. A handshake takes a lease in one round trip; it is written again
//! every 20 seconds and stops counting 60 seconds after. What an instance that was killed held stops
//! counting as soon as somebody is refused for it: every instance says once a second that it is there.
//! Without Redis everybody counts alone, and what was let in meanwhile is written when Redis is back.
//!
//! `ws:presence:{user}`, without a prefix, tells other programs that the user is connected: it exists for as
//! long as there is a connection and at most 60 seconds longer.

use std::{
    collections::BTreeSet,
    num::NonZeroU64,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::Gateway;
use crate::{
    bus::{
        BusHealth, LinkError, RedisLink,
        commands::{Cmd, FromRedisValue, Script, cmd},
    },
    protocol::{Timestamp, UserId},
};

/// How long a lease counts after it was written last.
const LIFE: Duration = Duration::from_secs(60);
/// A handshake does not wait for Redis for longer.
const PATIENCE: Duration = Duration::from_millis(250);
/// How long a refusal waits for connections that are just ending elsewhere.
const SECOND_THOUGHT: Duration = Duration::from_millis(150);
/// How often what has begun and ended is written.
const TICK: Duration = Duration::from_millis(100);
/// How many of them are a second. Once in it the instance says that it is there.
const TICKS_A_SECOND: u64 = 10;
/// Every lease is written again within so many seconds, a part of them in each.
const SECONDS_A_ROUND: u64 = 20;
/// How long an instance counts as there after it said so last.
const ALIVE: Duration = Duration::from_secs(5);
/// Begun and ended connections that wait to be written; of more the begun are written with the next round, and
/// the ended stop counting by themselves.
const WAITING: usize = 65_536;
/// Commands in one round trip.
const COMMANDS: usize = 500;

/// Takes a lease, unless the user has as many as may be. By the server's own clock, so that instances need not
/// agree about the time.
const TAKE: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1";

/// The leases of this instance's connections.
pub(super) struct Leases {
    link: RedisLink,
    instance: String,
    take: Script,
    numbers: AtomicU64,
    /// Redis knows that this instance is there: otherwise others would count its leases as those of a killed one.
    announced: AtomicBool,
    begun: Mutex<Vec<(UserId, Lease)>>,
    ended: Mutex<Vec<(UserId, Lease)>>,
}

/// One connection's place among its user's, by its number on this instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lease(NonZeroU64);

/// The user has as many connections as may be.
#[derive(Debug)]
pub(super) struct Full;

impl Leases {
    /// Leases at this Redis.
    pub(super) fn new(link: RedisLink) -> Self {
        let instance = link.instance().to_string();
        let (begun, ended) = (Mutex::default(), Mutex::default());
        Self {
            link,
            instance,
            take: Script::new(TAKE),
            numbers: AtomicU64::new(1),
            announced: AtomicBool::new(false),
            begun,
            ended,
        }
    }

    /// A lease for one more connection of the user's, who may have `limit`. One that Redis does not know of,
    /// because it does not answer, is as good as any.
    ///
    /// # Errors
    /// When the user has as many on instances that are there.
    pub(super) async fn take(&self, user: &UserId, limit: u32) -> Result<Lease, Full> {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let lease = Lease(NonZeroU64::new(number).unwrap_or(NonZeroU64::MIN));
        let mut waited = false;
        while *self.link.health().borrow() != BusHealth::Degraded {
            match timeout(PATIENCE, self.ask(user, lease, limit)).await {
                Ok(Ok(true)) => break,
                Ok(Ok(false)) if waited => return Err(Full),
                Ok(Ok(false)) => {
                    // Some of those that count may be gone: with their instance, or a moment ago.
                    let forgetting = timeout(PATIENCE, self.forget_the_dead(user));
                    tokio::join!(forgetting, sleep(SECOND_THOUGHT)).0.ok();
                    waited = true;
                }
                Ok(Err(_)) | Err(_) => {
                    metrics::counter!("ws_leases_local_total").increment(1);
                    break;
                }
            }
        }
        note(&self.begun, user, lease);
        Ok(lease)
    }

    async fn ask(&self, user: &UserId, lease: Lease, limit: u32) -> Result<bool, LinkError> {
        if !self.announced.load(Ordering::Relaxed) {
            self.say_alive().await?;
        }
        let mut call = self.take.key(self.key(user));
        call.arg(self.member(lease)).arg(limit).arg(LIFE.as_millis() as u64);
        self.link.run_script::<u8>(&call).await.map(|taken| taken == 1)
    }

    /// Takes away the user's leases of instances that have not said for a while that they are there.
    async fn forget_the_dead(&self, user: &UserId) -> Result<(), LinkError> {
        let members: Vec<String> = self.link.run(cmd("ZRANGE").arg(self.key(user)).arg(0).arg(-1)).await?;
        let instance_of = |member: &str| member.split(' ').next().unwrap_or_default().to_owned();
        let instances: BTreeSet<String> = members.iter().map(|member| instance_of(member)).collect();
        let mut dead = BTreeSet::new();
        for instance in instances.into_iter().filter(|instance| *instance != self.instance) {
            if !self.link.run::<bool>(cmd("EXISTS").arg(self.alive_key(&instance))).await? {
                dead.insert(instance);
            }
        }
        let mut remove = cmd("ZREM");
        remove.arg(self.key(user));
        let mut any = false;
        for member in members.iter().filter(|member| dead.contains(&instance_of(member))) {
            remove.arg(member);
            any = true;
        }
        if any {
            self.link.run::<()>(&remove).await?;
        }
        Ok(())
    }

    /// The connection with this lease is over.
    pub(super) fn end(&self, user: &UserId, lease: Lease) {
        note(&self.ended, user, lease);
    }

    fn key(&self, user: &UserId) -> String {
        self.link.key(format_args!("connections:{user}"))
    }

    fn alive_key(&self, instance: &str) -> String {
        self.link.key(format_args!("instance:{instance}"))
    }

    fn member(&self, lease: Lease) -> String {
        format!("{} {}", self.instance, lease.0)
    }

    /// Writes that this instance is there.
    async fn say_alive(&self) -> Result<(), LinkError> {
        let mut command = cmd("SET");
        command.arg(self.alive_key(&self.instance)).arg(1).arg("PX").arg(ALIVE.as_millis() as u64);
        let said = self.link.run(&command).await;
        self.announced.store(said.is_ok(), Ordering::Relaxed);
        said
    }

    /// Writes leases, so that they count for another minute.
    async fn write(&self, leases: &[(UserId, Lease)], now: Timestamp) -> Result<(), LinkError> {
        if leases.is_empty() {
            return Ok(());
        }
        let until = self.link.server_time().await? + LIFE.as_millis() as i64;
        let mut commands = Vec::with_capacity(leases.len() * 3);
        for (user, lease) in leases {
            let key = self.key(user);
            let mut add = cmd("ZADD");
            add.arg(&key).arg(until).arg(self.member(*lease));
            let mut expire = cmd("PEXPIRE");
            expire.arg(&key).arg(LIFE.as_millis() as u64);
            let mut presence = cmd("SETEX");
            presence.arg(presence_key(user)).arg(LIFE.as_secs()).arg(now.to_string());
            commands.extend([add, expire, presence]);
        }
        self.run::<()>(commands).await.map(drop)
    }

    /// Takes back the leases of connections that are over. What Redis does not hear is tried again.
    pub(super) async fn erase_ended(&self) -> Result<(), LinkError> {
        let ended = take(&self.ended);
        let erased = self.erase(&ended).await;
        if erased.is_err() {
            ended.iter().for_each(|(user, lease)| note(&self.ended, user, *lease));
        }
        erased
    }

    async fn erase(&self, leases: &[(UserId, Lease)]) -> Result<(), LinkError> {
        if leases.is_empty() {
            return Ok(());
        }
        let on = |name: &str, user: &UserId| {
            let mut command = cmd(name);
            command.arg(self.key(user));
            command
        };
        let remove = leases.iter().map(|(user, lease)| {
            let mut command = on("ZREM", user);
            command.arg(self.member(*lease));
            command
        });
        self.run::<i64>(remove.collect()).await?;
        let users: BTreeSet<&UserId> = leases.iter().map(|(user, _)| user).collect();
        let left: Vec<i64> = self.run(users.iter().map(|user| on("ZCARD", user)).collect()).await?;
        let gone = users.into_iter().zip(left).filter(|(_, left)| *left == 0);
        let forget = gone.map(|(user, _)| {
            let mut command = cmd("DEL");
            command.arg(presence_key(user));
            command
        });
        self.run::<i64>(forget.collect()).await.map(drop)
    }

    /// Runs commands on different keys, in few round trips; the answers in order.
    async fn run<T: FromRedisValue>(&self, commands: Vec<Cmd>) -> Result<Vec<T>, LinkError> {
        let mut answers = Vec::with_capacity(commands.len());
        let mut commands = commands.into_iter().peekable();
        while commands.peek().is_some() {
            let part: Vec<Cmd> = commands.by_ref().take(COMMANDS).collect();
            answers.extend(self.link.run_each::<T>(&part).await?);
        }
        Ok(answers)
    }
}

/// Keeps the leases of the gateway's connections, for as long as there is an instance. Run once.
pub(super) async fn keep(gateway: Gateway) {
    let Some(leases) = gateway.leases() else { return std::future::pending().await };
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut tick = 0_u64;
    loop {
        ticks.tick().await;
        tick += 1;
        if let Err(error) = round(&gateway, leases, tick).await {
            leases.announced.store(false, Ordering::Relaxed);
            tracing::debug!(%error, "Leases were not written; a later round does it.");
        }
    }
}

/// One task does all the writing, so that a lease is never written after it was erased.
async fn round(gateway: &Gateway, leases: &Leases, tick: u64) -> Result<(), LinkError> {
    let now = gateway.clock().now().into();
    if !leases.announced.load(Ordering::Relaxed) {
        leases.say_alive().await?;
    }
    leases.write(&take(&leases.begun), now).await?;
    if tick % TICKS_A_SECOND == 1 {
        leases.say_alive().await?;
        let second = tick / TICKS_A_SECOND % SECONDS_A_ROUND;
        let due = gateway.registry().due_leases(|lease| lease.0.get() % SECONDS_A_ROUND == second);
        leases.write(&due, now).await?;
    }
    leases.erase_ended().await
}

fn presence_key(user: &UserId) -> String {
    format!("ws:presence:{user}")
}

fn note(list: &Mutex<Vec<(UserId, Lease)>>, user: &UserId, lease: Lease) {
    let mut list = lock(list);
    if list.len() < WAITING {
        list.push((user.clone(), lease));
    }
}

fn take(list: &Mutex<Vec<(UserId, Lease)>>) -> Vec<(UserId, Lease)> {
    std::mem::take(&mut *lock(list))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
