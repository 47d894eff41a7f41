//! Where Redis is, read from one address.

use std::{fmt, str::FromStr};

/// How the servers stand together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topology {
    /// One server.
    Standalone,
    /// The master that sentinels name; the hosts are the sentinels.
    Sentinel { master: String },
    /// A cluster; the hosts are some of its nodes.
    Cluster,
}

/// Where Redis is. Its `Debug` and `Display` forms show no password.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisTarget {
    pub topology: Topology,
    /// At least one.
    pub hosts: Vec<(String, u16)>,
    pub tls: bool,
    pub username: Option<String>,
    pub(super) password: Option<String>,
    pub database: u16,
}

/// A text that names no Redis.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidTarget(&'static str);

const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

impl FromStr for RedisTarget {
    type Err = InvalidTarget;

    /// Reads `redis://`, `redis+sentinel://` or `redis+cluster://`, or the same with `rediss` for TLS, then
    /// `[[user]:password@]host[:port][,host[:port]…][/path]`. The path is a database's number; after sentinels it
    /// is the master's name, which such a number may follow.
    fn from_str(text: &str) -> Result<Self, InvalidTarget> {
        let (scheme, rest) = text.split_once("://").ok_or(InvalidTarget("It is not an address"))?;
        let (scheme, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
        let tls = match scheme {
            "redis" => false,
            "rediss" => true,
            _ => return Err(InvalidTarget("It does not begin with redis:// or rediss://")),
        };
        if rest.contains(['?', '#']) {
            return Err(InvalidTarget("It has options after a ? or #, which are not understood"));
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user_info, hosts) = match authority.rsplit_once('@') {
            Some((user_info, hosts)) => (Some(user_info), hosts),
            None => (None, authority),
        };
        let (username, password) = credentials(user_info)?;
        let mut path = path.trim_end_matches('/').splitn(2, '/');
        let first = path.next().unwrap_or_default();
        let (topology, database) = match kind {
            "" => (Topology::Standalone, first),
            "cluster" => (Topology::Cluster, first),
            "sentinel" if first.is_empty() => {
                return Err(InvalidTarget("It does not say the name of the master that the sentinels watch"));
            }
            "sentinel" => (Topology::Sentinel { master: decode(first)? }, path.next().unwrap_or_default()),
            _ => return Err(InvalidTarget("It names a kind that is neither sentinel nor cluster")),
        };
        if path.next().is_some() {
            return Err(InvalidTarget("Its path has too many parts"));
        }
        let database = match database {
            "" => 0,
            number => number.parse().map_err(|_| InvalidTarget("Its path is not a database's number"))?,
        };
        if topology == Topology::Cluster && database != 0 {
            return Err(InvalidTarget("A cluster has database 0 only"));
        }
        let port = if matches!(topology, Topology::Sentinel { .. }) { SENTINEL_PORT } else { PORT };
        let hosts: Vec<_> =
            hosts.split(',').map(|host| host_and_port(host, port)).collect::<Result<_, _>>()?;
        if topology == Topology::Standalone && hosts.len() > 1 {
            return Err(InvalidTarget("It names several hosts but neither +sentinel nor +cluster"));
        }
        Ok(Self { topology, hosts, tls, username, password, database })
    }
}

fn credentials(user_info: Option<&str>) -> Result<(Option<String>, Option<String>), InvalidTarget> {
    let Some(user_info) = user_info else { return Ok((None, None)) };
    let (username, password) = match user_info.split_once(':') {
        Some((username, password)) => (username, Some(decode(password)?)),
        None => (user_info, None),
    };
    let username = if username.is_empty() { None } else { Some(decode(username)?) };
    Ok((username, password))
}

fn host_and_port(text: &str, default: u16) -> Result<(String, u16), InvalidTarget> {
    let wrong = InvalidTarget("It has a host that is empty or has no proper port");
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':').or(rest.is_empty().then_some(""))),
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, Some("")),
        },
    };
    let port = match port {
        Some("") => default,
        Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or(wrong.clone())?,
        None => return Err(wrong),
    };
    if host.is_empty() { Err(wrong) } else { Ok((host.to_owned(), port)) }
}

/// Undoes percent-encoding.
fn decode(text: &str) -> Result<String, InvalidTarget> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
        match (digit(), digit()) {
            (Some(high), Some(low)) => bytes.push((high * 16 + low) as u8),
            _ => return Err(InvalidTarget("A % in it is not followed by two hexadecimal digits")),
        }
    }
    String::from_utf8(bytes).map_err(|_| InvalidTarget("Its percent-encoded parts are not UTF-8"))
}

impl fmt::Display for RedisTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "rediss" } else { "redis" };
        let kind = match self.topology {
            Topology::Standalone => "",
            Topology::Sentinel { .. } => "+sentinel",
            Topology::Cluster => "+cluster",
        };
        write!(f, "{scheme}{kind}://")?;
        for (index, (host, port)) in self.hosts.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            if host.contains(':') {
                write!(f, "{comma}[{host}]:{port}")?;
            } else {
                write!(f, "{comma}{host}:{port}")?;
            }
        }
        if let Topology::Sentinel { master } = &self.topology {
            write!(f, "/{master}")?;
        }
        if self.database > 0 { write!(f, "/{}", self.database) } else { Ok(()) }
    }
}

impl fmt::Debug for RedisTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> RedisTarget {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn every_kind_of_address_is_understood() {
        for (text, shown) in [
            ("redis://localhost", "redis://localhost:6379"),
            ("redis://127.0.0.1:6380/3", "redis://127.0.0.1:6380/3"),
            ("rediss://:p%40ss@cache.example/", "rediss://cache.example:6379"),
            ("redis://[::1]:7/0", "redis://[::1]:7"),
            ("redis+sentinel://a,b:26380/mymaster", "redis+sentinel://a:26379,b:26380/mymaster"),
            ("rediss+sentinel://u:p@a/mymaster/2", "rediss+sentinel://a:26379/mymaster/2"),
            ("redis+cluster://a:7000,b:7001", "redis+cluster://a:7000,b:7001"),
        ] {
            assert_eq!(target(text).to_string(), shown);
        }
        let full = target("rediss://app:a%3Ab@x");
        assert_eq!(
            (full.tls, full.username.as_deref(), full.password.as_deref()),
            (true, Some("app"), Some("a:b"))
        );
        assert_eq!(target("redis://:secret@x").username, None);
        assert!(!format!("{full:?} {full}").contains("a:b"));
    }

    #[test]
    fn what_names_no_redis_is_refused() {
        for text in [
            "",
            "localhost:6379",
            "http://localhost",
            "redis://",
            "redis://a,b",
            "redis://a:0",
            "redis://a:port",
            "redis://a/x",
            "redis://a/1/2",
            "redis://a?protocol=resp2",
            "redis://%zz@a",
            "redis://[::1",
            "redis+sentinel://a",
            "redis+cluster://a/1",
            "redis+ring://a",
        ] {
            assert!(text.parse::<RedisTarget>().is_err(), "{text}");
        }
    }
}
