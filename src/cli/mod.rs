//! The command line: what can be asked of the program, and its answers.

mod healthcheck;
mod serve;

use std::{ffi::OsString, path::Path, process::ExitCode, time::Duration};

use anyhow::Context;
use clap::{Parser, Subcommand};
use fanfare::{
    access::{Identity, NewToken, Scope, Scopes, Signer},
    app::{self, MissingKey},
    bench,
    clock::Clock,
    config::{self, Environment, LoadError, Mistakes, Settings, parse_duration},
    protocol::{Metadata, Timestamp, UserId},
    store::Store,
    users::{NewRevocation, Revoked},
};

/// Real-time state sync: what was committed is on every permitted screen, in order.
#[derive(Debug, Parser)]
#[command(name = "fanfare", version, max_term_width = 120)]
pub struct Cli {
    /// What to do; without one, serve
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve,
    /// Bring the database's tables up to date
    Migrate,
    /// Add what is missing of the demo world: two campaigns, four users with different roles
    Seed,
    /// Make a token, signed with this instance's secret, and print it
    Token(TokenArgs),
    /// End a user's access on every instance, until there is a newer token
    Revoke(RevokeArgs),
    /// Check the invariants of the database and print what is broken
    Doctor,
    /// Ask the instance on this machine whether it is alive: for container health checks
    Healthcheck(healthcheck::Options),
    /// Measure what a server delivers and what it costs, to size machines
    Bench(Box<bench::Options>),
    /// The identity of the log
    #[command(subcommand)]
    Epoch(EpochCommand),
}

#[derive(Debug, Subcommand)]
enum EpochCommand {
    /// Give the log a new identity, after the database was restored from a copy: clients then read their state again
    Renew,
}

#[derive(Debug, clap::Args)]
struct RevokeArgs {
    /// Whose access: the user id
    user: UserId,
    /// Why, for the records
    #[arg(long)]
    reason: Option<String>,
    /// The tokens issued up to this instant; now when absent
    #[arg(long, value_name = "INSTANT")]
    not_before: Option<Timestamp>,
}

#[derive(Debug, clap::Args)]
struct TokenArgs {
    /// Whose token: the user id
    #[arg(long, value_name = "USER")]
    sub: UserId,
    /// The name that others see
    #[arg(long)]
    name: Option<String>,
    /// How long it is good for
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = parse_duration)]
    ttl: Duration,
    /// Permissions beside those of the user's memberships, separated by spaces: events:publish, admin
    #[arg(long, default_value = "")]
    scope: String,
}

/// Runs the program. The exit code is 0 when it did what was asked, 2 for a wrong command line or
/// wrong settings, 1 for everything else.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    match load(args).and_then(|cli| execute(cli).map_err(Failure::Work)) {
        Ok(code) => code,
        Err(Failure::Start(told)) => {
            eprintln!("fanfare cannot start. {told}");
            ExitCode::from(2)
        }
        Err(Failure::Usage(error)) => {
            // When standard output is closed there is nobody to tell.
            let _ = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
        }
        Err(Failure::Work(error)) => {
            eprintln!("fanfare: {error:#}");
            ExitCode::FAILURE
        }
    }
}

enum Failure {
    Start(String),
    Usage(clap::Error),
    Work(anyhow::Error),
}

fn load(args: impl IntoIterator<Item = OsString>) -> Result<Cli, Failure> {
    let environment = Environment::read(Path::new(".env")).map_err(|error| match error {
        LoadError::Usage(error) => Failure::Usage(error),
        LoadError::DotEnv { .. } => Failure::Start(error.to_string()),
    })?;
    let loaded = config::load::<Cli>(args, &environment).map_err(|error| match error {
        LoadError::Usage(error) => Failure::Usage(error),
        LoadError::DotEnv { .. } => Failure::Start(error.to_string()),
    })?;
    let mut mistakes = loaded.mistakes;
    let settings = &loaded.command.settings;
    // A tool asks only for what it uses: migrating needs no key.
    mistakes.extend(match &loaded.command.command {
        None | Some(Command::Serve) => settings.check(),
        Some(Command::Token(_)) => settings.check_identity(),
        Some(Command::Migrate | Command::Seed | Command::Revoke(_) | Command::Doctor | Command::Epoch(_)) => {
            settings.check_database()
        }
        // The servers that the bench starts get settings of their own; the one that is asked has checked its own.
        Some(Command::Bench(_) | Command::Healthcheck(_)) => Mistakes::default(),
    });
    if !mistakes.is_empty() {
        return Err(Failure::Start(mistakes.to_string()));
    }
    for name in loaded.unknown {
        eprintln!("fanfare: {name} is set, but there is no such setting; see fanfare --help");
    }
    Ok(loaded.command)
}

fn execute(cli: Cli) -> anyhow::Result<ExitCode> {
    let Cli { command, settings } = cli;
    match command.unwrap_or(Command::Serve) {
        Command::Serve => serve::serve(settings),
        Command::Token(args) => token(&settings, args),
        Command::Migrate => wait(migrate(&settings)),
        Command::Seed => wait(seed(&settings)),
        Command::Revoke(args) => wait(revoke(&settings, args)),
        Command::Doctor => wait(doctor(&settings)),
        Command::Healthcheck(options) => wait(healthcheck::ask(&settings, &options)),
        Command::Bench(options) => {
            bench::run(&options)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Epoch(EpochCommand::Renew) => wait(renew_epoch(&settings)),
    }
}

fn wait(work: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    tokio::runtime::Runtime::new().context("cannot start the runtime")?.block_on(work)
}

fn token(settings: &Settings, args: TokenArgs) -> anyhow::Result<ExitCode> {
    let signer = Signer::new(&app::access_options(settings, MissingKey::Refuse)?, Clock::system())?;
    let scopes = Scopes::parse(&args.scope);
    let unknown =
        args.scope.split_whitespace().find(|name| Scopes::parse(name).claim().as_deref() != Some(*name));
    anyhow::ensure!(
        unknown.is_none(),
        "there is no scope '{}'; there are: {}",
        unknown.unwrap_or_default(),
        Scope::ALL.map(Scope::name).join(", ")
    );
    let (token, expires_at) =
        signer.mint(&NewToken { user_id: args.sub, name: args.name, scopes, ttl: args.ttl })?;
    eprintln!("good until {expires_at}");
    println!("{token}");
    Ok(ExitCode::SUCCESS)
}

async fn open(settings: &Settings) -> anyhow::Result<Store> {
    app::open_store(settings, Clock::system()).await.map_err(Into::into)
}

/// For a tool that has no use for an empty database: a wrong path must not make one.
async fn open_existing(settings: &Settings) -> anyhow::Result<Store> {
    let url = settings.database_url();
    if let Some(file) = url.strip_prefix("sqlite:") {
        let file = Path::new(file.strip_prefix("//").unwrap_or(file));
        anyhow::ensure!(file.exists(), "there is no database at {}", file.display());
    }
    open(settings).await
}

async fn migrate(settings: &Settings) -> anyhow::Result<ExitCode> {
    open(settings).await?.migrate().await.context("cannot bring the tables up to date")?;
    println!("The tables are up to date.");
    Ok(ExitCode::SUCCESS)
}

async fn seed(settings: &Settings) -> anyhow::Result<ExitCode> {
    let store = open(settings).await?;
    store.migrate().await.context("cannot bring the tables up to date")?;
    let seeded = app::world(&store, Clock::system()).seed().await?;
    println!(
        "The demo world has {} campaigns, {} settlements, {} structures; {} of them were added now.",
        seeded.campaigns, seeded.settlements, seeded.structures, seeded.added
    );
    println!("Its users are ada, ben, cyd and dan.");
    Ok(ExitCode::SUCCESS)
}

async fn revoke(settings: &Settings, args: RevokeArgs) -> anyhow::Result<ExitCode> {
    let users = app::users(&open_existing(settings).await?, Clock::system());
    let RevokeArgs { user: user_id, reason, not_before } = args;
    // Whoever can write to the database may do this, and needs no token for it.
    let operator = Identity::trusted("operator".parse()?, None).with_scopes(Scope::Admin.into());
    let origin = Metadata {
        user_id: operator.user_id().clone(),
        source: "cli".to_owned(),
        correlation_id: "cli".to_owned(),
        request_id: None,
    };
    let revocation = NewRevocation { user_id, not_before, reason };
    let Revoked { user_id, not_before } = users.revoke(&operator, revocation, origin).await?;
    println!("Tokens of {user_id} that were issued up to {not_before} are refused.");
    println!("Running instances close the user's connections within 5 seconds.");
    Ok(ExitCode::SUCCESS)
}

async fn doctor(settings: &Settings) -> anyhow::Result<ExitCode> {
    let findings = open_existing(settings).await?.doctor().await.context("cannot check the database")?;
    for finding in &findings {
        println!("{}: {}", finding.check, finding.detail);
    }
    if findings.is_empty() {
        println!("The database is sound.");
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::FAILURE)
}

async fn renew_epoch(settings: &Settings) -> anyhow::Result<ExitCode> {
    let epoch = open_existing(settings).await?.renew_epoch().await.context("cannot renew the epoch")?;
    println!("The log's epoch is now {epoch}.");
    println!("Instances that are running find out within seconds and tell their clients to read again.");
    Ok(ExitCode::SUCCESS)
}
