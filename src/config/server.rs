//! The instance itself: its mode, where it listens, where its files are, how it ends.

use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

use clap::ValueEnum;

use super::{
    mistake::Mistakes,
    values::{duration_between, number_between},
};

/// How strict a start is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Comfortable defaults: a key is generated, the development login and GraphiQL are on.
    Development,
    /// Refuses to start with anything unsafe.
    Production,
}

/// Where the admin listener is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdminListen {
    Off,
    At(SocketAddr),
}

/// The instance itself.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Server")]
pub struct ServerSettings {
    /// How strict a start is: production refuses what is unsafe outside a developer's machine
    #[arg(long, env = "FANFARE_MODE", value_enum, default_value = "development")]
    pub mode: Mode,

    /// Address and port for clients: Socket.IO, GraphQL, REST. Port 0 takes a free one
    #[arg(long, env = "FANFARE_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:3000",
          value_parser = parse_address)]
    pub listen: SocketAddr,

    /// Address and port for metrics, or `off`. Never to be public. In development a taken port is replaced by a free one
    #[arg(long, env = "FANFARE_ADMIN_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:9090")]
    pub admin_listen: AdminListen,

    /// Folder for the embedded database and, in development, the generated key
    #[arg(long, env = "FANFARE_DATA_DIR", value_name = "PATH", default_value = "./data")]
    pub data_dir: PathBuf,

    /// How long a stopping instance may take to close its connections
    #[arg(long, env = "FANFARE_DRAIN_TIMEOUT", value_name = "DURATION", default_value = "25s",
          value_parser = duration_between("100ms", "26s"), hide_short_help = true)]
    pub drain_timeout: Duration,

    /// How many of its clients a stopping instance sends elsewhere each second, faster when the time would not do
    #[arg(long, env = "FANFARE_DRAIN_RATE", value_name = "COUNT", default_value = "1000",
          value_parser = number_between(1, 1_000_000), hide_short_help = true)]
    pub drain_rate: u32,
}

impl ServerSettings {
    pub(super) fn check(&self, mistakes: &mut Mistakes) {
        if let AdminListen::At(admin) = self.admin_listen
            && admin == self.listen
            && admin.port() != 0
        {
            mistakes.add(
                "FANFARE_ADMIN_LISTEN",
                admin.to_string(),
                "It is the address that clients use, and metrics must not be public",
                "Choose another port, or `off`",
            );
        }
    }
}

fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let named = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    named.as_deref().unwrap_or(text).parse().map_err(|_| {
        "is not an address with a port; write for example 127.0.0.1:3000, or 0.0.0.0:3000 to be reached from outside"
            .to_owned()
    })
}

impl FromStr for AdminListen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            address => parse_address(address).map(Self::At).map_err(|_| {
                "is not an address with a port; write for example 127.0.0.1:9090, or off".into()
            }),
        }
    }
}

impl fmt::Display for AdminListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::At(address) => address.fmt(f),
        }
    }
}
