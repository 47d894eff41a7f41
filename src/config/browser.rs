//! What concerns browsers and what stands between them and the server.

use ipnet::IpNet;
use reqwest::Url;

use super::{mistake::Mistakes, server::Mode};

/// Origins, proxies and the optional parts of the public surface.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Browsers and proxies")]
pub struct BrowserSettings {
    /// Origins whose pages may connect, separated by commas, or `*`. Unset: any in development, none in production;
    /// programs, which send no Origin, always may
    #[arg(long, env = "FANFARE_ALLOWED_ORIGINS", value_name = "ORIGIN,…", value_delimiter = ',')]
    pub allowed_origins: Vec<String>,

    /// Networks of the proxies whose X-Forwarded-For is believed, separated by commas: 10.0.0.0/8 or one address
    #[arg(long, env = "FANFARE_TRUSTED_PROXIES", value_name = "NETWORK,…", value_delimiter = ',',
          value_parser = parse_network, hide_short_help = true)]
    pub trusted_proxies: Vec<IpNet>,

    /// Accept HTTP long-polling beside WebSocket. Several instances then need a load balancer that keeps a client on one
    #[arg(long, env = "FANFARE_POLLING", value_name = "SWITCH", default_value = "false", default_missing_value = "true",
          num_args = 0..=1, require_equals = true, action = clap::ArgAction::Set,
          value_parser = super::values::parse_switch, hide_short_help = true)]
    pub polling: bool,

    /// Serve the GraphiQL page and answer introspection. Unset: in development only
    #[arg(long, env = "FANFARE_GRAPHIQL", value_name = "SWITCH", default_missing_value = "true", num_args = 0..=1,
          require_equals = true, value_parser = super::values::parse_switch, hide_short_help = true)]
    pub graphiql: Option<bool>,
}

impl BrowserSettings {
    /// The origins to accept; `*` stands for any.
    pub fn allowed_origins(&self, mode: Mode) -> Vec<String> {
        match (self.allowed_origins.is_empty(), mode) {
            (true, Mode::Development) => vec!["*".to_owned()],
            (_, Mode::Development | Mode::Production) => self.allowed_origins.clone(),
        }
    }

    /// Whether GraphiQL is served and introspection answered.
    pub fn graphiql(&self, mode: Mode) -> bool {
        self.graphiql.unwrap_or(mode == Mode::Development)
    }

    pub(super) fn check(&self, mode: Mode, mistakes: &mut Mistakes) {
        let given = self.allowed_origins.join(",");
        let any = self.allowed_origins.iter().any(|origin| origin == "*");
        if any && mode == Mode::Production {
            mistakes.add(
                "FANFARE_ALLOWED_ORIGINS",
                given,
                "In production `*` would let the page of any site connect for its visitors",
                "List the origins of your pages, as in https://app.example.net",
            );
        } else if let Some(wrong) = self.allowed_origins.iter().find(|origin| !is_origin(origin)) {
            let remedy = as_sent_by_browsers(wrong).map_or_else(
                || "Write for example https://app.example.net or http://localhost:5173".to_owned(),
                |origin| format!("Write {origin}, as browsers do"),
            );
            mistakes.add(
                "FANFARE_ALLOWED_ORIGINS",
                given,
                format!(
                    "'{wrong}' is no origin: scheme, host and port only, in small letters, without the scheme's own port, \
                     a path or a final slash"
                ),
                remedy,
            );
        }
        if self.graphiql == Some(true) && mode == Mode::Production {
            mistakes.add(
                "FANFARE_GRAPHIQL",
                "true".to_owned(),
                "In production the schema is not explained to strangers",
                "Take it out; the schema is served at /graphql/schema.graphql of a development instance",
            );
        }
    }
}

fn is_origin(text: &str) -> bool {
    text == "*" || as_sent_by_browsers(text).as_deref() == Some(text)
}

/// The origin of that page as it stands in a browser's `Origin`, with which it is compared letter by letter.
fn as_sent_by_browsers(page: &str) -> Option<String> {
    let url = Url::parse(page).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| url.origin().ascii_serialization())
}

fn parse_network(text: &str) -> Result<IpNet, String> {
    text.parse()
        .or_else(|_| text.parse().map(|address: std::net::IpAddr| address.into()))
        .map_err(|_| "is not a network; write for example 10.0.0.0/8 or 192.0.2.7".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_have_a_scheme_and_a_host_and_nothing_else() {
        for good in ["*", "https://app.example.net", "http://localhost:5173", "http://[::1]:3000"] {
            assert!(is_origin(good), "{good}");
        }
        for bad in ["", "app.example.net", "https://app.example.net/", "ftp://x", "https://a/b", "null"] {
            assert!(!is_origin(bad), "{bad}");
        }
        for (typed, sent) in [
            ("https://App.example.org", "https://app.example.org"),
            ("https://app.example.net:443", "https://app.example.net"),
            ("http://[0::1]:3000", "http://[::1]:3000"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
        ] {
            assert!(!is_origin(typed), "{typed}");
            assert_eq!(as_sent_by_browsers(typed).as_deref(), Some(sent));
        }
    }
}
