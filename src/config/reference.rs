//! The texts that list every setting, made from the definitions so that they cannot lag behind.

use clap::{Arg, Args, Command};

use super::{Settings, load::variable};

/// The settings table of the README, in Markdown.
pub fn readme_table() -> String {
    let mut text = String::new();
    for (heading, settings) in groups() {
        text.push_str(&format!("\n**{heading}**\n\n| setting | default | what |\n|---|---|---|\n"));
        for setting in settings {
            let default = match default(&setting) {
                Some(default) => format!("`{default}`"),
                None => String::new(),
            };
            let (name, what) = (variable(&setting).unwrap_or_default(), help(&setting).replace('|', "\\|"));
            text.push_str(&format!("| `{name}` | {default} | {what} |\n"));
        }
    }
    text
}

/// A `.env` in which every setting stands with its explanation, commented out and at its default.
pub fn dotenv_example() -> String {
    let mut text = String::from(
        "# Copy to .env and change what you need. A flag wins over an environment variable, and that over this file.\n\
         # Every line here shows the default; values with spaces or $ need single quotes.\n",
    );
    for (heading, settings) in groups() {
        text.push_str(&format!("\n# --- {heading} ---\n"));
        for setting in settings {
            text.push('\n');
            for line in wrap(&help(&setting), 110) {
                text.push_str(&format!("# {line}\n"));
            }
            let name = variable(&setting).unwrap_or_default();
            text.push_str(&format!("#{name}={}\n", default(&setting).unwrap_or_default()));
        }
    }
    text
}

fn groups() -> Vec<(String, Vec<Arg>)> {
    let command = Settings::augment_args(Command::new("fanfare"));
    let mut groups: Vec<(String, Vec<Arg>)> = Vec::new();
    for setting in command.get_arguments().filter(|arg| variable(arg).is_some()) {
        let heading = setting.get_help_heading().unwrap_or("Other").to_owned();
        match groups.last_mut().filter(|(last, _)| *last == heading) {
            Some((_, settings)) => settings.push(setting.clone()),
            None => groups.push((heading, vec![setting.clone()])),
        }
    }
    groups
}

fn help(setting: &Arg) -> String {
    format!("{}.", setting.get_help().map(ToString::to_string).unwrap_or_default())
}

fn default(setting: &Arg) -> Option<String> {
    setting.get_default_values().first().map(|value| value.to_string_lossy().into_owned())
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() || line.chars().count() + 1 + word.chars().count() <= width => {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of a setting are one name: whoever knows the flag knows the variable.
    #[test]
    fn every_setting_is_explained_and_named_alike_everywhere() {
        for (heading, settings) in groups() {
            assert_ne!(heading, "Other");
            for setting in settings {
                let flag = setting.get_long().expect("a setting has a long flag");
                let expected = format!("FANFARE_{}", flag.to_ascii_uppercase().replace('-', "_"));
                assert_eq!(variable(&setting), Some(expected));
                let help = help(&setting);
                assert!(help.len() > 20, "{flag} is not explained: {help}");
                assert!(
                    setting.is_hide_env_values_set() || !flag.contains("secret"),
                    "--help would print {flag}"
                );
            }
        }
    }
}
