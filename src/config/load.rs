//! Reads the command line, the environment and `.env` into one typed value, collecting every value
//! that cannot be read instead of stopping at the first.

use std::{collections::BTreeMap, ffi::OsString, path::Path};

use clap::{
    Arg, Command, CommandFactory, FromArgMatches,
    builder::Resettable,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::{mistake::Mistakes, values::without_password};

const PREFIX: &str = "FANFARE_";

/// The variables that settings are read from: those of the process, and under them those of `.env`.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, Variable>,
}

#[derive(Debug, Clone)]
struct Variable {
    value: String,
    from_file: bool,
}

/// What was read, and what could not be.
#[derive(Debug)]
pub struct Loaded<C> {
    /// The command line with its settings; a setting in `mistakes` has its default here.
    pub command: C,
    pub mistakes: Mistakes,
    /// Variables named `FANFARE_…` that no setting has: probably misspelt, worth a warning.
    pub unknown: Vec<String>,
}

/// Why there is nothing to go on with.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A wrong flag or subcommand, or a request for help or the version: clap prints it.
    #[error(transparent)]
    Usage(#[from] clap::Error),
    /// `.env` is there and cannot be read. What stands in the line is not repeated: it may be a secret.
    #[error("cannot read {path}: {problem}")]
    DotEnv { path: String, problem: String },
}

impl Environment {
    /// The process's own variables, and those of the file `dotenv` where the process has none.
    /// An empty variable counts as not set. No file is no error.
    ///
    /// # Errors
    /// When the file is there and cannot be read as lines of `NAME=value`.
    pub fn read(dotenv: &Path) -> Result<Self, LoadError> {
        let mut environment = Self::default();
        environment.read_file(dotenv)?;
        for (name, value) in std::env::vars_os() {
            environment.set(&name.to_string_lossy(), &value.to_string_lossy());
        }
        Ok(environment)
    }

    /// An environment of these variables alone.
    pub fn of(variables: &[(&str, &str)]) -> Self {
        let mut environment = Self::default();
        for (name, value) in variables {
            environment.set(name, value);
        }
        environment
    }

    /// Adds the variables of a file in the format of `.env`.
    ///
    /// # Errors
    /// As [`Environment::read`].
    pub fn read_file(&mut self, path: &Path) -> Result<(), LoadError> {
        let failed = |problem: String| LoadError::DotEnv { path: path.display().to_string(), problem };
        let lines = match dotenvy::from_path_iter(path) {
            Ok(lines) => lines,
            Err(error) if error.not_found() => return Ok(()),
            Err(error) => return Err(failed(error.to_string())),
        };
        let mut previous = None;
        for line in lines {
            let (name, value) = line.map_err(|_| {
                let place = previous
                    .as_ref()
                    .map_or("the first line".into(), |name| format!("the line after {name}"));
                failed(format!("{place} is not NAME=value (a value with spaces or $ needs single quotes)"))
            })?;
            previous = Some(name.clone());
            if name.starts_with(PREFIX) && !value.is_empty() {
                self.variables.insert(name, Variable { value, from_file: true });
            }
        }
        Ok(())
    }

    fn set(&mut self, name: &str, value: &str) {
        if name.starts_with(PREFIX) && !value.is_empty() {
            self.variables.insert(name.to_owned(), Variable { value: value.to_owned(), from_file: false });
        }
    }
}

/// The command line of `C`, its settings accepted before and after a subcommand.
pub fn command<C: CommandFactory>() -> Command {
    C::command().mut_args(|arg| if variable(&arg).is_some() { arg.global(true) } else { arg })
}

/// Reads the command line `args` (the program's name first) over `environment`.
///
/// # Errors
/// When the command line itself is wrong, or asks for help. Wrong values are no error here: they are
/// in [`Loaded::mistakes`].
pub fn load<C: CommandFactory + FromArgMatches>(
    args: impl IntoIterator<Item = OsString>,
    environment: &Environment,
) -> Result<Loaded<C>, LoadError> {
    let shown = command::<C>();
    // Variables come in as flags, so that `.env` and the process's environment take one path.
    let parser = shown.clone().mut_args(|arg| arg.env(Resettable::<clap::builder::OsStr>::Reset));
    let mut given: Vec<OsString> = args.into_iter().collect();
    let mut args = given.clone();
    let mut mistakes = Mistakes::default();
    let unknown = add_variables(&mut args, &shown, environment, &mut mistakes);

    let matches = loop {
        let error = match parser.clone().try_get_matches_from(&args) {
            Ok(matches) => break matches,
            Err(error) => error,
        };
        let Some(setting) = wrong_setting(&error, &shown) else {
            return Err(without_variables(error, shown, parser, &given).into());
        };
        let before = args.len();
        remove_flag(&mut args, setting);
        remove_flag(&mut given, setting);
        if args.len() == before {
            return Err(error.into());
        }
        note(&mut mistakes, setting, &error);
    };
    Ok(Loaded { command: C::from_arg_matches(&matches)?, mistakes, unknown })
}

fn add_variables(
    args: &mut Vec<OsString>,
    command: &Command,
    environment: &Environment,
    mistakes: &mut Mistakes,
) -> Vec<String> {
    let mut unknown = Vec::new();
    for (name, variable_of_env) in &environment.variables {
        let setting = command.get_arguments().find(|arg| variable(arg).as_ref() == Some(name));
        match setting {
            Some(arg) => {
                if !args.iter().any(|given| is_flag(given, arg)) {
                    let at = args.len().min(1);
                    args.insert(at, format!("--{}={}", long(arg), variable_of_env.value).into());
                }
            }
            None if variable_of_env.from_file => mistakes.add(
                name,
                None,
                "There is no such setting, but .env sets it",
                "Correct its name, or take the line out; `fanfare --help` lists all settings",
            ),
            None if is_option_of_tool(command, name) => {}
            None => unknown.push(name.clone()),
        }
    }
    unknown
}

/// Whether a subcommand has an option of its own that reads this variable.
fn is_option_of_tool(command: &Command, name: &str) -> bool {
    let reads = |tool: &Command| tool.get_arguments().any(|arg| variable(arg).as_deref() == Some(name));
    command.get_subcommands().any(|tool| reads(tool) || is_option_of_tool(tool, name))
}

/// The error as the command line `given` alone causes it: its usage names no flag that nobody wrote.
fn without_variables(error: clap::Error, shown: Command, parser: Command, given: &[OsString]) -> clap::Error {
    let is_help =
        matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand);
    // Help says which variables there are, and what stands in them.
    let asked = if is_help { shown } else { parser };
    asked.try_get_matches_from(given).err().unwrap_or(error)
}

/// The setting whose value clap could not read, if that is what the error is about.
fn wrong_setting<'a>(error: &clap::Error, command: &'a Command) -> Option<&'a Arg> {
    if !matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue) {
        return None;
    }
    let ContextValue::String(shown) = error.get(ContextKind::InvalidArg)? else { return None };
    let name: &str = shown.strip_prefix("--")?.split([' ', '[', '=']).next()?;
    command.get_arguments().find(|arg| variable(arg).is_some() && long(arg) == name)
}

fn note(mistakes: &mut Mistakes, setting: &Arg, error: &clap::Error) {
    let value = match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(_)) if setting.is_hide_env_values_set() => "***".to_owned(),
        Some(ContextValue::String(value)) => without_password(value),
        _ => String::new(),
    };
    let told = match (std::error::Error::source(error), error.get(ContextKind::ValidValue)) {
        (Some(source), _) => source.to_string(),
        (None, Some(ContextValue::Strings(choices))) if !choices.is_empty() => {
            format!("is not a choice; write one of {}", choices.join(", "))
        }
        (None, _) => "has no value; write it after the flag".to_owned(),
    };
    // Our parsers say what is wrong and, after a semicolon, what to write instead.
    let (problem, remedy) =
        told.split_once("; ").unwrap_or((&told, "see `fanfare --help` for what it takes"));
    mistakes.add(
        &variable(setting).unwrap_or_default(),
        value,
        sentence("It ", problem),
        sentence("", remedy),
    );
}

fn sentence(subject: &str, text: &str) -> String {
    let mut whole = format!("{subject}{text}");
    if let Some(first) = whole.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    whole
}

fn remove_flag(args: &mut Vec<OsString>, setting: &Arg) {
    let takes_next = !setting.is_require_equals_set();
    while let Some(at) = args.iter().position(|given| is_flag(given, setting)) {
        let flag = args.remove(at);
        let has_value = flag.to_string_lossy().contains('=');
        if !has_value && takes_next && at < args.len() {
            args.remove(at);
        }
    }
}

fn is_flag(given: &OsString, arg: &Arg) -> bool {
    let given = given.to_string_lossy();
    given.strip_prefix("--").is_some_and(|name| name.split('=').next() == Some(long(arg)))
}

fn long(arg: &Arg) -> &str {
    arg.get_long().unwrap_or_default()
}

/// The environment variable of a setting; `None` for an option that is no setting.
pub(super) fn variable(arg: &Arg) -> Option<String> {
    arg.get_env().map(|name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use clap::Parser;

    use super::*;
    use crate::config::{Mode, Settings};

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(subcommand)]
        command: Option<Sub>,
        #[command(flatten)]
        settings: Settings,
    }

    #[derive(Debug, clap::Subcommand)]
    enum Sub {
        Serve,
        Token {
            #[arg(long)]
            sub: String,
        },
    }

    fn read(line: &str, environment: &Environment) -> Loaded<Cli> {
        let args = std::iter::once("fanfare").chain(line.split_whitespace()).map(OsString::from);
        load(args, environment).unwrap()
    }

    #[test]
    fn a_flag_wins_over_a_variable_and_that_over_the_file() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(
            file,
            "# a comment\nFANFARE_LISTEN=127.0.0.1:1\nFANFARE_MAILBOX_SIZE=7\nOTHER=x\nFANFARE_JWT_ISSUER="
        )
        .unwrap();
        let mut environment = Environment::default();
        environment.read_file(file.path()).unwrap();
        let port = |loaded: Loaded<Cli>| loaded.command.settings.server.listen.port();
        assert_eq!(port(read("", &environment)), 1);

        environment.set("FANFARE_LISTEN", "127.0.0.1:2");
        assert_eq!(port(read("", &environment)), 2);
        assert_eq!(port(read("--listen 127.0.0.1:3", &environment)), 3);
        assert_eq!(port(read("serve --listen=127.0.0.1:4", &environment)), 4);
        assert_eq!(port(read("token --sub ann", &environment)), 2);

        let settings = read("", &environment).command.settings;
        assert_eq!(settings.limits.mailbox_size, 7);
        assert_eq!(settings.identity.jwt_issuer, "fanfare", "an empty variable counts as not set");
    }

    #[test]
    fn all_wrong_values_are_told_at_once_and_secrets_are_not() {
        let environment = Environment::of(&[
            ("FANFARE_LISTEN", "port 3000"),
            ("FANFARE_PING_INTERVAL", "20"),
            ("FANFARE_LOG_FORMAT", "xml"),
            ("FANFARE_POLLING", "perhaps"),
        ]);
        let loaded = read(
            "--max-message-size 1 serve --trusted-proxies 10.0.0.0/8,home --mode production",
            &environment,
        );
        let mut settings: Vec<&str> =
            loaded.mistakes.0.iter().map(|mistake| mistake.setting.as_str()).collect();
        settings.sort_unstable();
        assert_eq!(
            settings,
            [
                "FANFARE_LISTEN",
                "FANFARE_LOG_FORMAT",
                "FANFARE_MAX_MESSAGE_SIZE",
                "FANFARE_PING_INTERVAL",
                "FANFARE_POLLING",
                "FANFARE_TRUSTED_PROXIES",
            ]
        );
        assert_eq!(
            loaded.command.settings.server.mode,
            Mode::Production,
            "right values are kept beside wrong ones"
        );
        assert!(read("--listen", &Environment::default()).mistakes.to_string().contains("It has no value"));
        let told = loaded.mistakes.to_string();
        for part in ["\"port 3000\"", "\"home\"", "text, json", "(--polling) = \"perhaps\"", "20s"] {
            assert!(told.contains(part), "{part} is missing in:\n{told}");
        }
    }

    #[test]
    fn a_misspelt_name_is_a_mistake_in_the_file_and_a_warning_in_the_environment() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "FANFARE_LISTN=127.0.0.1:1").unwrap();
        let mut environment = Environment::of(&[("FANFARE_SERVICE_HOST", "10.0.0.1")]);
        environment.read_file(file.path()).unwrap();
        let loaded = read("", &environment);
        assert_eq!(loaded.unknown, ["FANFARE_SERVICE_HOST"]);
        assert_eq!(loaded.mistakes.0.len(), 1);
        assert!(loaded.mistakes.to_string().contains("FANFARE_LISTN"));
    }

    #[test]
    fn a_broken_file_is_refused_without_repeating_what_stands_in_it() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "FANFARE_MODE=production\nFANFARE_JWT_SECRET=hunter2 and more").unwrap();
        let error = Environment::default().read_file(file.path()).unwrap_err().to_string();
        assert!(error.contains("the line after FANFARE_MODE"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
        assert!(Environment::default().read_file(Path::new("/nowhere/.env")).is_ok());
    }

    #[test]
    fn wrong_flags_and_help_are_claps_to_print() {
        for line in ["--no-such-flag", "--help", "token"] {
            let args = ["fanfare", line].map(OsString::from);
            let error = load::<Cli>(args, &Environment::default()).unwrap_err();
            assert!(matches!(error, LoadError::Usage(_)), "{line}: {error}");
        }
    }
}
