//! Every setting, read once and checked before anything starts.
//!
//! Owns [`Settings`]: one struct whose fields are flags (`--listen`), environment variables
//! (`FANFARE_LISTEN`) and lines of `.env`, in this order of precedence. Promises that a start with
//! wrong settings reports all mistakes at once, each with the setting, its value (secrets masked)
//! and the remedy; and that whoever holds checked settings holds usable values.
//!
//! To add a setting: add a field with its doc comment and its `#[arg]` to the group it belongs to,
//! hand it to its module in `app/options.rs`, and run `make gen`, which writes it into the README table
//! and `.env.example`. What one value cannot tell by itself (a range between two settings, a rule
//! of production) goes into the group's `check`.

mod browser;
mod bus;
mod database;
mod delivery;
mod identity;
mod limits;
mod load;
mod logs;
mod mistake;
mod reference;
mod server;
mod values;

pub use browser::BrowserSettings;
pub use bus::RedisSettings;
pub use database::DatabaseSettings;
pub use delivery::DeliverySettings;
pub use identity::IdentitySettings;
pub use limits::LimitSettings;
pub use load::{Environment, LoadError, Loaded, command, load};
pub use logs::{LogFormat, LogSettings};
pub use mistake::{Mistake, Mistakes};
pub use reference::{dotenv_example, readme_table};
pub use server::{AdminListen, Mode, ServerSettings};
pub use values::{ByteSize, parse_duration, without_password};

/// Everything an instance can be told.
#[derive(Debug, Clone, clap::Args)]
pub struct Settings {
    #[command(flatten)]
    pub server: ServerSettings,
    #[command(flatten)]
    pub database: DatabaseSettings,
    #[command(flatten)]
    pub redis: RedisSettings,
    #[command(flatten)]
    pub identity: IdentitySettings,
    #[command(flatten)]
    pub browser: BrowserSettings,
    #[command(flatten)]
    pub logs: LogSettings,
    #[command(flatten)]
    pub limits: LimitSettings,
    #[command(flatten)]
    pub delivery: DeliverySettings,
}

impl Settings {
    /// What is wrong for running the server: ranges between two settings, the rules of production.
    pub fn check(&self) -> Mistakes {
        let mode = self.server.mode;
        let mut mistakes = Mistakes::default();
        self.server.check(&mut mistakes);
        mistakes.extend(self.check_database());
        mistakes.extend(self.check_identity());
        self.redis.check(mode, &self.database_url(), &mut mistakes);
        self.browser.check(mode, &mut mistakes);
        self.limits.check(&mut mistakes);
        self.delivery.check(&mut mistakes);
        mistakes
    }

    /// What is wrong for work on the database alone.
    pub fn check_database(&self) -> Mistakes {
        let mut mistakes = Mistakes::default();
        self.database.check(self.server.mode, &mut mistakes);
        mistakes
    }

    /// What is wrong for making tokens alone.
    pub fn check_identity(&self) -> Mistakes {
        let mut mistakes = Mistakes::default();
        self.identity.check(self.server.mode, &mut mistakes);
        mistakes
    }

    /// Where the database is: the setting, or a file in the data directory.
    pub fn database_url(&self) -> String {
        self.database
            .database_url
            .clone()
            .unwrap_or_else(|| format!("sqlite:{}", self.server.data_dir.join("fanfare.db").display()))
    }
}
