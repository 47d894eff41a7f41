//! What the settings mean for each module: one function a module.

use std::{num::NonZeroU32, time::Duration};

use uuid::Uuid;

use super::key::{KeyError, MissingKey, development_key};
use crate::{
    access::{AccessOptions, JwksOptions, JwksSource},
    api::ApiOptions,
    bus::{RedisOptions, RedisTarget},
    config::{Mode, Settings},
    gateway::{DrainOptions, GatewayOptions, Limits, ListenerOptions, Origins},
    hub::HubOptions,
    protocol::ReconnectPolicy,
    store::{Retention, StoreOptions},
};

/// How clients are told to come back: full jitter from one second, doubling to 32.
const RECONNECT: ReconnectPolicy =
    ReconnectPolicy { min_ms: 1_000, max_ms: 32_000, jitter: true, max_attempts: 10 };

/// How long HTTP requests under way may take once the sockets are closed: with the longest drain it
/// stays below the 30 seconds after which an orchestrator kills.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(3);

/// How the store opens the database.
pub fn store_options(settings: &Settings) -> StoreOptions {
    StoreOptions {
        max_connections: settings.database.database_pool_size,
        read_timeout: settings.database.database_timeout,
        transaction_timeout: settings.database.database_timeout * 5 / 4,
        ..StoreOptions::new(settings.database_url())
    }
}

/// Which tokens are believed. In development without any secret, the key in the data folder is it.
///
/// # Errors
/// When that key cannot be had.
pub fn access_options(settings: &Settings, missing: MissingKey) -> Result<AccessOptions, KeyError> {
    let identity = &settings.identity;
    let secrets = match (&identity.jwks, identity.jwt_secret.as_slice(), settings.server.mode) {
        (None, [], Mode::Development) => vec![development_key(&settings.server.data_dir, missing)?],
        (_, given, Mode::Development | Mode::Production) => given.to_vec(),
    };
    let jwks = identity.jwks.as_deref().map(|text| {
        let source = text.parse().unwrap_or_else(|_| JwksSource::File(text.into()));
        JwksOptions::new(source)
    });
    let ticket_secret = match (&identity.ticket_secret, &jwks, settings.server.mode) {
        (None, Some(_), Mode::Development) => Some(development_key(&settings.server.data_dir, missing)?),
        (given, _, Mode::Development | Mode::Production) => given.clone(),
    };
    let (issuer, audience) = (identity.jwt_issuer.clone(), identity.jwt_audience.clone());
    let hmac = AccessOptions::hmac(issuer, audience, secrets);
    Ok(AccessOptions { jwks, ticket_secret, ticket_ttl: identity.ticket_ttl, ..hmac })
}

/// How much of the log stays.
pub fn retention(settings: &Settings) -> Retention {
    Retention { age: settings.database.retention_age, count: settings.database.retention_count }
}

/// How events reach their subscribers.
pub fn hub_options(settings: &Settings) -> HubOptions {
    let delivery = &settings.delivery;
    HubOptions {
        recovery_events: delivery.recovery_max_events as usize,
        // A join's answer must fit into the queue of the connection that it goes to.
        recovery_bytes: settings.limits.max_outbound_size.0 / 4 * 3,
        history_events: delivery.ring_events as usize,
        history_bytes: delivery.ring_size.0,
        join_window: delivery.join_window,
        head_check: delivery.head_check_interval,
        presence_members: delivery.max_presence_members as usize,
        ..HubOptions::default()
    }
}

/// How Redis at `target` is used. Messages are sealed with what tickets are signed with: every instance has the same.
///
/// # Errors
/// When the certificate of its authority cannot be read.
pub fn redis_options(
    settings: &Settings,
    target: RedisTarget,
    keys: &AccessOptions,
    instance: Uuid,
) -> std::io::Result<RedisOptions> {
    let redis = &settings.redis;
    Ok(RedisOptions {
        target,
        prefix: redis.redis_prefix.clone(),
        timeout: redis.redis_timeout,
        ca: redis.redis_ca.as_ref().map(std::fs::read).transpose()?,
        secrets: keys.ticket_secrets().iter().map(|secret| secret.expose().as_bytes().to_vec()).collect(),
        instance,
    })
}

/// How sockets are treated.
pub fn gateway_options(settings: &Settings) -> GatewayOptions {
    let limits = &settings.limits;
    let origins = settings.browser.allowed_origins(settings.server.mode);
    GatewayOptions {
        limits: Limits {
            connections_per_user: limits.max_connections_per_user,
            rooms_per_connection: limits.max_rooms_per_connection as usize,
            subscribes_per_second: NonZeroU32::new(limits.subscribe_rate).unwrap_or(NonZeroU32::MIN),
            subscribe_burst: NonZeroU32::new(limits.subscribe_burst).unwrap_or(NonZeroU32::MIN),
            mailbox: limits.mailbox_size as usize,
            json_depth: limits.max_json_depth as usize,
            unauthenticated_per_address: limits.max_unauthenticated_per_address,
            connects_per_second: NonZeroU32::new(limits.connect_rate).unwrap_or(NonZeroU32::MIN),
            connects_waiting: limits.connect_queue,
        },
        origins: if origins.iter().any(|origin| origin == "*") {
            Origins::Any
        } else {
            Origins::Only(origins)
        },
        trusted_proxies: settings.browser.trusted_proxies.clone(),
        polling: settings.browser.polling,
        ping_interval: limits.ping_interval,
        ping_timeout: limits.ping_timeout,
        connect_timeout: limits.connect_timeout,
        max_message: limits.max_message_size.0,
        heads_interval: settings.delivery.heads_interval,
        write_stall: limits.write_stall_timeout,
        reconnect: RECONNECT,
        drain: DrainOptions { per_second: settings.server.drain_rate, limit: settings.server.drain_timeout },
    }
}

/// How the listeners treat their sockets.
pub fn listener_options(settings: &Settings) -> ListenerOptions {
    ListenerOptions {
        header_timeout: settings.limits.header_timeout,
        tcp_user_timeout: settings.limits.write_stall_timeout,
        max_queued: settings.limits.max_outbound_size.0,
        shutdown_grace: SHUTDOWN_GRACE,
    }
}

/// What is offered over HTTP.
pub fn api_options(settings: &Settings) -> ApiOptions {
    let mode = settings.server.mode;
    ApiOptions {
        allowed_origins: settings.browser.allowed_origins(mode),
        dev_login: settings.identity.dev_login(mode),
        graphiql: settings.browser.graphiql(mode),
        max_body: settings.limits.max_message_size.0,
        max_json_depth: settings.limits.max_json_depth as usize,
        ..ApiOptions::default()
    }
}
