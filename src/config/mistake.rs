//! What is wrong with the settings, told so that it can be put right.

use std::fmt;

/// One wrong setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The setting's environment variable, `FANFARE_…`.
    pub setting: String,
    /// The value as it was given; `***` for a secret, `None` when there was none.
    pub value: Option<String>,
    /// What is wrong with it, to be read after the value.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

/// Every wrong setting of one start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

impl Mistake {
    /// The flag that sets the same setting.
    pub fn flag(&self) -> String {
        let name = self.setting.strip_prefix("FANFARE_").unwrap_or(&self.setting);
        format!("--{}", name.to_ascii_lowercase().replace('_', "-"))
    }
}

impl Mistakes {
    /// Notes that `setting` (its environment variable) with `value` has `problem`, and what helps.
    pub fn add(
        &mut self,
        setting: &str,
        value: impl Into<Option<String>>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.0.push(Mistake {
            setting: setting.to_owned(),
            value: value.into(),
            problem: problem.into(),
            remedy: remedy.into(),
        });
    }

    /// Whether nothing is wrong.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds those of `other` whose setting has no mistake yet: a value that could not be read was
    /// replaced by the default, and what is said about the default would mislead.
    pub fn extend(&mut self, other: Self) {
        for mistake in other.0 {
            if !self.0.iter().any(|known| known.setting == mistake.setting) {
                self.0.push(mistake);
            }
        }
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => writeln!(f, "One setting is wrong.")?,
            n => writeln!(f, "{n} settings are wrong.")?,
        }
        for mistake in &self.0 {
            write!(f, "\n  {} ({})", mistake.setting, mistake.flag())?;
            match &mistake.value {
                Some(value) => writeln!(f, " = {value:?}")?,
                None => writeln!(f, " is not set")?,
            }
            writeln!(f, "    {}.", mistake.problem)?;
            writeln!(f, "    → {}.", mistake.remedy)?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}
