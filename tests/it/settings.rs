//! The settings as an operator meets them: what is refused, what is said, and that the texts about
//! them are current.

use std::process::{Command, Output};

use clap::Parser;
use fanfare::config::{self, Environment, Mistakes, Settings};

use crate::support::generated;

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    settings: Settings,
}

const LONG_ENOUGH: &str = "an-example-secret-of-at-least-32-bytes";

fn mistakes(variables: &[(&str, &str)]) -> Mistakes {
    let loaded = config::load::<Cli>(["fanfare".into()], &Environment::of(variables)).unwrap();
    let mut mistakes = loaded.mistakes;
    mistakes.extend(loaded.command.settings.check());
    mistakes
}

fn production(variables: &[(&str, &str)]) -> Vec<String> {
    let mut all = vec![("FANFARE_MODE", "production")];
    all.extend(variables);
    mistakes(&all).0.into_iter().map(|mistake| mistake.setting).collect()
}

fn fanfare(args: &[&str], variables: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanfare"));
    command.args(args).current_dir(folder.path()).env_clear().envs(variables.iter().copied());
    command.output().unwrap()
}

// req: N28
#[test]
fn development_starts_with_nothing_set() {
    assert_eq!(mistakes(&[]), Mistakes::default());
}

#[test]
fn production_names_each_thing_that_is_unsafe() {
    let key = ("FANFARE_JWT_SECRET", LONG_ENOUGH);
    let short_second = format!("{LONG_ENOUGH},short");
    assert_eq!(production(&[key]), [""; 0]);
    assert_eq!(production(&[]), ["FANFARE_JWT_SECRET"]);
    assert_eq!(
        production(&[("FANFARE_JWT_SECRET", "a-secret-of-31-bytes-0123456789")]),
        ["FANFARE_JWT_SECRET"]
    );
    assert_eq!(production(&[("FANFARE_JWT_SECRET", &short_second)]), ["FANFARE_JWT_SECRET"]);
    assert_eq!(production(&[key, ("FANFARE_ALLOWED_ORIGINS", "*")]), ["FANFARE_ALLOWED_ORIGINS"]);
    assert_eq!(production(&[key, ("FANFARE_DEV_LOGIN", "true")]), ["FANFARE_DEV_LOGIN"]);
    assert_eq!(production(&[key, ("FANFARE_GRAPHIQL", "true")]), ["FANFARE_GRAPHIQL"]);
    let plain = "postgres://app:hunter2@db.example.net/fanfare";
    assert_eq!(production(&[key, ("FANFARE_DATABASE_URL", plain)]), ["FANFARE_DATABASE_URL"]);
    let encrypted = format!("{plain}?sslmode=verify-full");
    assert_eq!(production(&[key, ("FANFARE_DATABASE_URL", &encrypted)]), [""; 0]);
}

#[test]
fn production_wants_a_redis_that_nobody_overhears_and_a_database_to_share() {
    let key = ("FANFARE_JWT_SECRET", LONG_ENOUGH);
    let database = ("FANFARE_DATABASE_URL", "postgres://app:pw@db.example.net/f?sslmode=verify-full");
    let with = |redis| production(&[key, database, ("FANFARE_REDIS_URL", redis)]);
    for safe in [
        "redis://127.0.0.1",
        "redis+cluster://localhost:7000,[::1]:7001",
        "rediss://:pw@cache.example.net",
        "rediss+sentinel://a.example.net,b.example.net/main",
    ] {
        assert_eq!(with(safe), [""; 0], "{safe}");
    }
    for overheard in ["redis://cache.example.net", "redis+sentinel://127.0.0.1,10.0.0.5/main"] {
        assert_eq!(with(overheard), ["FANFARE_REDIS_URL"], "{overheard}");
    }
    assert_eq!(production(&[key, ("FANFARE_REDIS_URL", "redis://127.0.0.1")]), ["FANFARE_REDIS_URL"]);
    let authority = ("FANFARE_REDIS_CA", "/nowhere/ca.pem");
    assert_eq!(mistakes(&[("FANFARE_REDIS_URL", "redis://127.0.0.1"), authority]).0[0].setting, authority.0);
    let told = mistakes(&[("FANFARE_REDIS_URL", "rediss://127.0.0.1"), authority]).to_string();
    assert!(told.contains("cannot be read"), "{told}");
    let told = mistakes(&[("FANFARE_REDIS_URL", "http://:hunter2@cache/")]).to_string();
    assert!(told.contains("redis+sentinel://") && !told.contains("hunter2"), "{told}");
    let told = mistakes(&[("FANFARE_REDIS_PREFIX", "a b")]).to_string();
    assert!(told.contains("FANFARE_REDIS_PREFIX"), "{told}");
}

#[test]
fn a_key_set_replaces_the_secret_but_not_the_one_of_tickets() {
    let keys = ("FANFARE_JWKS", "https://id.example.net/jwks.json");
    assert_eq!(production(&[keys, ("FANFARE_TICKET_SECRET", LONG_ENOUGH)]), [""; 0]);
    assert_eq!(production(&[keys]), ["FANFARE_TICKET_SECRET"]);
    assert_eq!(production(&[keys, ("FANFARE_TICKET_SECRET", "short")]), ["FANFARE_TICKET_SECRET"]);
    let both = [keys, ("FANFARE_TICKET_SECRET", LONG_ENOUGH), ("FANFARE_JWT_SECRET", LONG_ENOUGH)];
    assert_eq!(production(&both), ["FANFARE_JWT_SECRET"]);
    let over_http =
        [("FANFARE_JWKS", "http://id.example.net/jwks.json"), ("FANFARE_TICKET_SECRET", LONG_ENOUGH)];
    assert_eq!(production(&over_http), ["FANFARE_JWKS"]);
}

#[test]
fn settings_that_contradict_each_other_are_mistakes() {
    for (variable, value, named) in [
        ("FANFARE_DATABASE_URL", "mysql://db/f", "neither SQLite nor PostgreSQL"),
        ("FANFARE_ALLOWED_ORIGINS", "https://a.example/,https://b.example", "'https://a.example/'"),
        ("FANFARE_ALLOWED_ORIGINS", "https://a.example:443", "Write https://a.example"),
        ("FANFARE_ALLOWED_ORIGINS", "https://A.example", "Write https://a.example"),
        ("FANFARE_REDIS_CA", "/nowhere/ca.pem", "no Redis"),
        ("FANFARE_SUBSCRIBE_BURST", "3", "FANFARE_SUBSCRIBE_RATE = 20"),
        ("FANFARE_ADMIN_LISTEN", "127.0.0.1:3000", "metrics must not be public"),
        ("FANFARE_JWT_AUDIENCE", "ws", "tickets"),
        ("FANFARE_JWT_SECRET", "a,b,c", "3 secrets"),
        ("FANFARE_HEADS_INTERVAL", "1s", "FANFARE_HEAD_CHECK_INTERVAL = 5s"),
        ("FANFARE_MAX_MESSAGE_SIZE", "8MiB", "one answer could close a connection"),
    ] {
        let told = mistakes(&[(variable, value)]).to_string();
        assert!(told.contains(named), "{variable}={value}: {told}");
    }
}

#[test]
fn a_start_with_many_mistakes_tells_all_of_them_and_no_secret() {
    let output = fanfare(
        &["--listen", "3000"],
        &[
            ("FANFARE_MODE", "production"),
            ("FANFARE_JWT_SECRET", "hunter2"),
            ("FANFARE_ALLOWED_ORIGINS", "*"),
            ("FANFARE_DATABASE_URL", "postgres://app:hunter2@db.example.net/fanfare"),
            ("FANFARE_PING_TIMEOUT", "soon"),
        ],
    );
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    for part in [
        "5 settings are wrong",
        "FANFARE_LISTEN (--listen) = \"3000\"",
        "FANFARE_JWT_SECRET (--jwt-secret) = \"***\"",
        "FANFARE_ALLOWED_ORIGINS (--allowed-origins) = \"*\"",
        "postgres://app:***@db.example.net/fanfare",
        "FANFARE_PING_TIMEOUT",
        "openssl rand",
    ] {
        assert!(told.contains(part), "{part} is missing in:\n{told}");
    }
    assert!(!told.contains("hunter2"), "{told}");
}

#[test]
fn a_file_named_env_is_read_from_the_current_folder() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".env"), "FANFARE_LISTN=127.0.0.1:1\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanfare"));
    let output = command.current_dir(folder.path()).env_clear().output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("FANFARE_LISTN") && told.contains("no such setting"), "{told}");
}

#[test]
fn a_wrong_command_line_is_not_told_with_flags_that_nobody_wrote() {
    let output = fanfare(&["token"], &[("FANFARE_JWT_SECRET", LONG_ENOUGH), ("FANFARE_LOG_FORMAT", "json")]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(
        told.contains("--sub") && !told.contains("--jwt-secret") && !told.contains("--log-format"),
        "{told}"
    );
}

/// `.env.example`, the table in the README and `--help` come from the one definition.
#[test]
fn the_texts_about_the_settings_are_current() {
    generated::assert_file(".env.example", &config::dotenv_example());
    generated::assert_section("README.md", "settings", &config::readme_table());

    let help = String::from_utf8(fanfare(&["--help"], &[("FANFARE_JWT_SECRET", "hunter2")]).stdout).unwrap();
    let settings = config::dotenv_example();
    let settings: Vec<&str> = settings.lines().filter_map(|line| line.strip_prefix("#FANFARE_")).collect();
    assert!(settings.len() > 40, "{settings:?}");
    for line in settings {
        let name = line.split('=').next().unwrap();
        let flag = format!("--{}", name.to_ascii_lowercase().replace('_', "-"));
        assert!(help.contains(&format!("[env: FANFARE_{name}")), "--help does not name FANFARE_{name}");
        assert!(help.contains(&flag), "--help does not name {flag}");
    }
    assert!(!help.contains("hunter2"));
}

/// Whoever copies `.env.example` and takes every `#` away gets the defaults.
#[test]
fn the_example_is_a_file_that_can_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(".env");
    let active: String = config::dotenv_example()
        .lines()
        .map(|line| {
            line.strip_prefix("#FANFARE_").map_or(format!("{line}\n"), |rest| format!("FANFARE_{rest}\n"))
        })
        .collect();
    std::fs::write(&file, active).unwrap();
    let mut environment = Environment::default();
    environment.read_file(&file).unwrap();
    let loaded = config::load::<Cli>(["fanfare".into()], &environment).unwrap();
    assert_eq!(loaded.mistakes, Mistakes::default());
    assert_eq!(loaded.command.settings.check(), Mistakes::default());
}
