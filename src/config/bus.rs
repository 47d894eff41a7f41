//! What carries events between instances: Redis.

use std::{path::PathBuf, time::Duration};

use super::{
    database::host_is_local,
    mistake::Mistakes,
    server::Mode,
    values::{duration_between, without_password},
};
use crate::bus::{InvalidTarget, RedisTarget};

/// Where Redis is and how it is used.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Redis")]
pub struct RedisSettings {
    /// Redis that carries events between instances: `redis://[user:password@]host[:port][/database]`,
    /// `redis+sentinel://host,host/master` or `redis+cluster://host,host`; `rediss…` for TLS. Unset: this is the only
    /// instance
    #[arg(long, env = "FANFARE_REDIS_URL", value_name = "URL", hide_env_values = true)]
    pub redis_url: Option<String>,

    /// What the names of all keys and channels begin with, the same on every instance; deployments that share a Redis
    /// need different ones
    #[arg(
        long,
        env = "FANFARE_REDIS_PREFIX",
        value_name = "TEXT",
        default_value = "fanfare",
        hide_short_help = true
    )]
    pub redis_prefix: String,

    /// How long one call to Redis may take, connecting included
    #[arg(long, env = "FANFARE_REDIS_TIMEOUT", value_name = "DURATION", default_value = "1s",
          value_parser = duration_between("100ms", "2s"), hide_short_help = true)]
    pub redis_timeout: Duration,

    /// Certificate (PEM) of the authority that signed those of the Redis servers. Unset: the system's authorities
    #[arg(long, env = "FANFARE_REDIS_CA", value_name = "PATH", hide_short_help = true)]
    pub redis_ca: Option<PathBuf>,
}

impl RedisSettings {
    /// Where Redis is, if there is to be one. `None` too for an address that `check` refuses.
    pub fn target(&self) -> Option<RedisTarget> {
        self.redis_url.as_deref().and_then(|url| url.parse().ok())
    }

    pub(super) fn check(&self, mode: Mode, database: &str, mistakes: &mut Mistakes) {
        let prefix_is_plain = self
            .redis_prefix
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':'));
        if self.redis_prefix.is_empty() || !prefix_is_plain {
            mistakes.add(
                "FANFARE_REDIS_PREFIX",
                self.redis_prefix.clone(),
                "It is empty or has other characters than letters, digits and -_.:",
                "Write for example fanfare or fanfare-staging",
            );
        }
        let Some(url) = self.redis_url.as_deref() else { return self.check_unused_ca(mistakes) };
        match url.parse::<RedisTarget>() {
            Err(error) => self.refuse(&error, mistakes),
            Ok(target) => self.check_target(&target, mode, database, mistakes),
        }
    }

    fn check_unused_ca(&self, mistakes: &mut Mistakes) {
        if let Some(path) = &self.redis_ca {
            mistakes.add(
                "FANFARE_REDIS_CA",
                path.display().to_string(),
                "There is no Redis whose certificate could be checked with it",
                "Set FANFARE_REDIS_URL to a rediss:// address, or take it out",
            );
        }
    }

    fn refuse(&self, error: &InvalidTarget, mistakes: &mut Mistakes) {
        mistakes.add(
            "FANFARE_REDIS_URL",
            self.redis_url.as_deref().map(without_password),
            error.to_string(),
            "Write redis://host:6379, redis+sentinel://host:26379,host:26379/master or redis+cluster://host:6379,host:6379",
        );
    }

    fn check_target(&self, target: &RedisTarget, mode: Mode, database: &str, mistakes: &mut Mistakes) {
        let shown = target.to_string();
        let is_remote = target.hosts.iter().any(|(host, _)| !host_is_local(host));
        if mode == Mode::Production && is_remote && !target.tls {
            mistakes.add(
                "FANFARE_REDIS_URL",
                shown.clone(),
                "It reaches a Redis on another machine without encryption: whoever listens reads every event",
                "Use rediss:// (Redis 6 and later can do TLS), or a Redis on this machine",
            );
        }
        if mode == Mode::Production && database.starts_with("sqlite:") {
            mistakes.add(
                "FANFARE_REDIS_URL",
                shown,
                "Several instances cannot share an SQLite file, which is the log of all of them",
                "Set FANFARE_DATABASE_URL to a PostgreSQL, or take Redis out and run one instance",
            );
        }
        match &self.redis_ca {
            Some(path) if !target.tls => mistakes.add(
                "FANFARE_REDIS_CA",
                path.display().to_string(),
                "The address does not use TLS, so no certificate would be looked at",
                "Use rediss:// or take it out",
            ),
            Some(path) => {
                if let Err(error) = std::fs::read(path) {
                    mistakes.add(
                        "FANFARE_REDIS_CA",
                        path.display().to_string(),
                        format!("It cannot be read: {error}"),
                        "Name a PEM file that this user may read",
                    );
                }
            }
            None => {}
        }
    }
}
