//! The database, which is the log.

use std::{
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use super::{
    mistake::Mistakes,
    server::Mode,
    values::{duration_between, number_between, without_password},
};

/// Where the database is and how it is used.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Database")]
pub struct DatabaseSettings {
    /// `sqlite:{file}` or `postgres://{user}:{password}@{host}/{database}`. Unset: fanfare.db in the data folder
    #[arg(long, env = "FANFARE_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,

    /// Most connections of this instance to the database, at least 2
    #[arg(long, env = "FANFARE_DATABASE_POOL_SIZE", value_name = "COUNT", default_value = "10",
          value_parser = number_between(2, 500), hide_short_help = true)]
    pub database_pool_size: u32,

    /// How long one read of the database may take, waiting included, before the answer is `unavailable`; a transaction
    /// may take a quarter longer
    #[arg(long, env = "FANFARE_DATABASE_TIMEOUT", value_name = "DURATION", default_value = "2s",
          value_parser = duration_between("100ms", "3s"), hide_short_help = true)]
    pub database_timeout: Duration,

    /// Bring the tables up to date at start. Off: `fanfare migrate` does it beforehand
    #[arg(long, env = "FANFARE_MIGRATE", value_name = "SWITCH", default_value = "true", default_missing_value = "true",
          num_args = 0..=1, require_equals = true, action = clap::ArgAction::Set,
          value_parser = super::values::parse_switch, hide_short_help = true)]
    pub migrate: bool,

    /// Fill an empty database with the demo world at start. Unset: in development only
    #[arg(long, env = "FANFARE_SEED", value_name = "SWITCH", default_missing_value = "true", num_args = 0..=1,
          require_equals = true, value_parser = super::values::parse_switch)]
    pub seed: Option<bool>,

    /// How long an event stays in the log
    #[arg(long, env = "FANFARE_RETENTION_AGE", value_name = "DURATION", default_value = "24h",
          value_parser = duration_between("1m", "3650d"), hide_short_help = true)]
    pub retention_age: Duration,

    /// How many of a room's last events stay however old they are
    #[arg(long, env = "FANFARE_RETENTION_COUNT", value_name = "EVENTS", default_value = "1000",
          value_parser = number_between(0, 10_000_000), hide_short_help = true)]
    pub retention_count: u32,
}

impl DatabaseSettings {
    pub(super) fn check(&self, mode: Mode, mistakes: &mut Mistakes) {
        let Some(url) = self.database_url.as_deref() else { return };
        let shown = without_password(url);
        let is_postgres = url.starts_with("postgres://") || url.starts_with("postgresql://");
        if !is_postgres && !url.starts_with("sqlite:") {
            mistakes.add(
                "FANFARE_DATABASE_URL",
                shown,
                "It names neither SQLite nor PostgreSQL",
                "Write sqlite:./data/fanfare.db or postgres://user:password@host/database",
            );
        } else if is_postgres && mode == Mode::Production && !is_local(url) && !is_encrypted(url) {
            mistakes.add(
                "FANFARE_DATABASE_URL",
                shown,
                "It reaches a database on another machine without encryption",
                "Add ?sslmode=verify-full to it (or require, which does not check the certificate)",
            );
        }
    }

    /// Whether an empty database is filled with the demo world.
    pub fn seeds(&self, mode: Mode) -> bool {
        self.seed.unwrap_or(mode == Mode::Development)
    }
}

/// Whether every host that the URL names is this machine, a loopback address or a socket in a folder.
fn is_local(url: &str) -> bool {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let in_authority = host_is_local(host_without_port(host));
    // `?host=` and `?hostaddr=` override the authority.
    query(url).filter(|(key, _)| matches!(*key, "host" | "hostaddr")).all(|(_, host)| host_is_local(host))
        && (in_authority || query(url).any(|(key, _)| matches!(key, "host" | "hostaddr")))
}

fn is_encrypted(url: &str) -> bool {
    let mode = query(url).filter(|(key, _)| matches!(*key, "sslmode" | "ssl-mode")).last();
    mode.is_some_and(|(_, mode)| matches!(mode, "require" | "verify-ca" | "verify-full"))
}

fn query(url: &str) -> impl Iterator<Item = (&str, &str)> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    query.split('&').filter_map(|pair| pair.split_once('='))
}

fn host_without_port(host: &str) -> &str {
    match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((v6, _)) => v6,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    }
}

/// Whether the host is this machine: a loopback address, or a socket in a folder.
pub(super) fn host_is_local(host: &str) -> bool {
    let socket = host.starts_with('/') || host.starts_with("%2F") || host.starts_with("%2f");
    host.is_empty()
        || socket
        || host == "localhost"
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback() || ip == IpAddr::V6(Ipv6Addr::LOCALHOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remote_and_plaintext_is_recognized_in_every_spelling() {
        for local in [
            "postgres://app:pw@127.0.0.1:5432/f",
            "postgres://localhost/f",
            "postgres://app@[::1]:5432/f",
            "postgres:///f?host=/var/run/postgresql",
            "postgres://%2Fvar%2Frun%2Fpostgresql/f",
        ] {
            assert!(is_local(local), "{local}");
        }
        for remote in [
            "postgres://db/f",
            "postgres://app:p@ss@10.0.0.5/f",
            "postgres://localhost/f?host=db.example.net",
            "postgres://app@[2001:db8::1]:5432/f",
            "postgres://localhost/f?host=/tmp&hostaddr=10.0.0.5",
        ] {
            assert!(!is_local(remote), "{remote}");
        }
        assert!(is_encrypted("postgres://db/f?sslmode=verify-full"));
        assert!(!is_encrypted("postgres://db/f?sslmode=prefer"));
        assert!(!is_encrypted("postgres://db/f?sslmode=require&sslmode=disable"));
        assert!(!is_encrypted("postgres://db/f"));
    }
}
