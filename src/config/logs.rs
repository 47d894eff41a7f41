//! What the process says about itself.

use clap::ValueEnum;

use super::server::Mode;

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

/// What is logged, and how.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Logs")]
pub struct LogSettings {
    /// Text for people or JSON for collectors. Unset: text in development, json in production
    #[arg(long, env = "FANFARE_LOG_FORMAT", value_name = "FORMAT", value_enum)]
    pub log_format: Option<LogFormat>,

    /// Which messages: a level (error, warn, info, debug, trace), or levels by module as in `info,fanfare::hub=debug`
    #[arg(long, env = "FANFARE_LOG_FILTER", value_name = "FILTER", default_value = "info", value_parser = parse_filter)]
    pub log_filter: String,
}

impl LogSettings {
    /// The format that applies.
    pub fn format(&self, mode: Mode) -> LogFormat {
        self.log_format.unwrap_or(match mode {
            Mode::Development => LogFormat::Text,
            Mode::Production => LogFormat::Json,
        })
    }
}

fn parse_filter(text: &str) -> Result<String, String> {
    tracing_subscriber::EnvFilter::builder().parse(text).map(|_| text.to_owned()).map_err(|_| {
        "is not a filter; write a level such as info, or levels by module as in info,fanfare=debug".into()
    })
}
