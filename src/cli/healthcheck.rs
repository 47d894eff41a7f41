//! `fanfare healthcheck`: asks the instance beside it how it is, where there is no shell and no curl.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, bail};
use fanfare::config::{Settings, parse_duration};

/// What is asked, and for how long.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Ask whether it wants traffic (/readyz) instead of whether it lives (/healthz)
    #[arg(long)]
    ready: bool,
    /// How long the answer may take
    #[arg(long, value_name = "DURATION", default_value = "4s", value_parser = parse_duration)]
    timeout: Duration,
}

/// Asks the instance that listens where the settings say. Prints the answer.
///
/// # Errors
/// When nobody answers in time, or the answer is no.
pub async fn ask(settings: &Settings, options: &Options) -> anyhow::Result<ExitCode> {
    let path = if options.ready { "readyz" } else { "healthz" };
    let url = format!("http://{}/{path}", from_here(settings.server.listen));
    // Whatever proxy the environment names, the instance is on this machine.
    let client = reqwest::Client::builder().no_proxy().timeout(options.timeout).build()?;
    let answer = client.get(&url).send().await.with_context(|| format!("{url} does not answer"))?;
    let (status, body) = (answer.status(), answer.text().await.unwrap_or_default());
    if !status.is_success() {
        bail!("{url} says {status}: {body}");
    }
    println!("{body}");
    Ok(ExitCode::SUCCESS)
}

/// Where an address that is listened on can be reached on this machine: every address means loopback, too.
fn from_here(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_asked_over_loopback() {
        for (listen, asked) in
            [("0.0.0.0:3000", "127.0.0.1:3000"), ("[::]:3000", "[::1]:3000"), ("10.0.0.5:80", "10.0.0.5:80")]
        {
            assert_eq!(from_here(listen.parse().unwrap()).to_string(), asked);
        }
    }
}
