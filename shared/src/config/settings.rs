//! The values of one process: the environment over an env file over the defaults, every value checked.

use super::{Kind, SETTINGS, Setting, UsedBy, env_file};
use std::{collections::BTreeMap, ffi::OsString, fmt, path::Path, time::Duration};

/// Text that must not be seen: it prints as `[secret]`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Why a process can't start with its configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The env file can't be read as one.
    #[error("the env file {path} can't be read: {reason}")]
    EnvFile {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The env file holds a `PFP_` name that isn't a setting.
    #[error("the env file {path} sets {name}, which isn't a setting; --help lists them all")]
    UnknownName {
        /// The file.
        path: String,
        /// The unknown name.
        name: String,
    },
    /// A value isn't what its setting takes.
    #[error("{name}={value} can't be used: it takes {expected}")]
    BadValue {
        /// The setting.
        name: String,
        /// The value as given, or `[secret]`.
        value: String,
        /// What it takes.
        expected: String,
    },
    /// Settings that exclude each other are set.
    #[error("{names} are set together: {help}")]
    Contradiction {
        /// The settings.
        names: String,
        /// What may be set.
        help: String,
    },
    /// A setting without a default isn't set.
    #[error("{name} is required: {help}")]
    Missing {
        /// The setting, or the choice of settings.
        name: String,
        /// What it is for.
        help: String,
    },
}

/// The values of every setting of one process.
#[derive(Clone)]
pub struct Settings {
    given: BTreeMap<String, String>,
    unknown: Vec<String>,
}

impl Settings {
    /// Reads the environment and the env file: `--env-file`'s, or else `.env` in the working directory if there
    /// is one. The environment wins. An empty value counts as not set.
    ///
    /// # Errors
    /// The file can't be read or names an unknown setting; a value that this process uses isn't what it takes.
    pub fn load(env_file: Option<&Path>, process: UsedBy) -> Result<Self, ConfigError> {
        let default_file = Path::new(".env");
        let file = match env_file {
            Some(path) => env_file::read(path)?,
            None if default_file.exists() => env_file::read(default_file)?,
            None => BTreeMap::new(),
        };
        #[expect(clippy::disallowed_methods, reason = "this is the place that reads the environment")]
        let environment = std::env::vars_os();
        let text =
            |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        let environment = environment.filter_map(text);
        Self::from_values(file.into_iter().chain(environment), process)
    }

    /// Takes values as given, later ones over earlier ones.
    ///
    /// # Errors
    /// A value that this process uses isn't what it takes.
    pub fn from_values(
        values: impl IntoIterator<Item = (String, String)>,
        process: UsedBy,
    ) -> Result<Self, ConfigError> {
        let mut settings = Self { given: BTreeMap::new(), unknown: Vec::new() };
        for (name, value) in values {
            if find(&name).is_some() {
                settings.given.insert(name, value);
            } else if name.starts_with("PFP_") {
                settings.unknown.push(name);
            }
        }
        settings.given.retain(|_, value| !value.is_empty());
        for (name, value) in &settings.given {
            let Some(setting) = find(name) else { continue };
            if setting.used_by.includes(process) {
                setting.kind.check(value).map_err(|expected| bad_value(setting, value, expected))?;
            }
        }
        Ok(settings)
    }

    /// `PFP_` names in the environment that aren't settings: worth a warning.
    #[must_use]
    pub fn unknown_names(&self) -> &[String] {
        &self.unknown
    }

    /// A value's text: as given, or the default.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.given.get(name).map(String::as_str).or_else(|| find(name).and_then(|setting| setting.default))
    }

    /// A value that has to be there.
    ///
    /// # Errors
    /// It is neither given nor has it a default.
    pub fn required(&self, name: &str) -> Result<&str, ConfigError> {
        self.text(name).ok_or_else(|| ConfigError::Missing {
            name: name.to_owned(),
            help: find(name).map(|setting| setting.help.to_owned()).unwrap_or_default(),
        })
    }

    /// A secret, if given.
    #[must_use]
    pub fn secret(&self, name: &str) -> Option<Secret> {
        self.text(name).map(Secret::new)
    }

    /// A number in its setting's base unit. Zero if the setting has no value, which a test rules out.
    #[must_use]
    pub fn number(&self, name: &str) -> u64 {
        self.text(name)
            .zip(find(name))
            .and_then(|(value, setting)| setting.kind.number(value))
            .unwrap_or_default()
    }

    /// A number that a `usize` holds.
    #[must_use]
    pub fn count(&self, name: &str) -> usize {
        usize::try_from(self.number(name)).unwrap_or(usize::MAX)
    }

    /// A number that a `u32` holds.
    #[must_use]
    pub fn small(&self, name: &str) -> u32 {
        u32::try_from(self.number(name)).unwrap_or(u32::MAX)
    }

    /// A time span.
    #[must_use]
    pub fn duration(&self, name: &str) -> Duration {
        Duration::from_millis(self.number(name))
    }

    /// Whether a switch is on.
    #[must_use]
    pub fn is_on(&self, name: &str) -> bool {
        self.text(name) == Some("true")
    }

    /// The words of a list.
    #[must_use]
    pub fn list(&self, name: &str) -> Vec<&str> {
        self.text(name).into_iter().flat_map(|value| value.split(',')).map(str::trim).collect()
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.given.keys()).finish()
    }
}

pub(super) fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

fn bad_value(setting: &Setting, value: &str, expected: String) -> ConfigError {
    // A URL may hold a password, so it isn't shown either.
    let hidden = setting.secret || matches!(setting.kind, Kind::Url(_));
    let value = if hidden { "[secret]".to_owned() } else { value.to_owned() };
    ConfigError::BadValue { name: setting.name.to_owned(), value, expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(values: &[(&str, &str)]) -> Result<Settings, ConfigError> {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Settings::from_values(values, UsedBy::Api)
    }

    #[test]
    fn a_bad_value_is_named_with_what_it_takes() {
        let error = settings(&[("PFP_MAX_FILE_SIZE", "five")]).unwrap_err().to_string();
        assert!(error.starts_with("PFP_MAX_FILE_SIZE=five can't be used: it takes a size from"), "{error}");
    }

    #[test]
    fn a_secret_is_never_shown() {
        let error = settings(&[("PFP_DATABASE_URL", "http://u:hunter2@h")]).unwrap_err().to_string();
        assert!(error.contains("PFP_DATABASE_URL=[secret]"), "{error}");
        let settings = settings(&[("PFP_JWT_SECRET", "hunter2-hunter2-hunter2-hunter2-")]).unwrap();
        assert!(!format!("{settings:?}{:?}", settings.secret("PFP_JWT_SECRET")).contains("hunter2"));
    }

    #[test]
    fn later_values_win_and_unknown_names_are_kept_for_a_warning() {
        let settings = settings(&[
            ("PFP_PICTURE_SIZE", "100"),
            ("PFP_PICTURE_SIZE", "64"),
            ("PFP_TYPO", "1"),
            ("HOME", "/"),
        ]);
        let settings = settings.unwrap();
        assert_eq!(settings.number("PFP_PICTURE_SIZE"), 64);
        assert_eq!(settings.unknown_names(), ["PFP_TYPO"]);
    }

    #[test]
    fn every_default_fits_its_own_range() {
        for setting in SETTINGS {
            if let Some(default) = setting.default {
                assert_eq!(setting.kind.check(default), Ok(()), "{}", setting.name);
            }
        }
    }
}
