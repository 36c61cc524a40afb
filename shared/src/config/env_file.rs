//! An env file: lines of `NAME=value`.

use super::{ConfigError, settings::find};
use std::{collections::BTreeMap, path::Path};

/// Reads it. Nothing is substituted, and a name of ours that isn't a setting is a typo.
pub(super) fn read(path: &Path) -> Result<BTreeMap<String, String>, ConfigError> {
    let shown = path.display().to_string();
    let unreadable = |reason: String| ConfigError::EnvFile { path: shown.clone(), reason };
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    // A secret that was changed by the way would only show as one that is wrong.
    if let Some(line) = text.lines().position(has_variable) {
        let line = line + 1;
        return Err(unreadable(format!(
            "its line {line} has a `$` that isn't between single quotes: nothing is substituted"
        )));
    }
    let mut values = BTreeMap::new();
    for item in dotenvy::from_read_iter(text.as_bytes()) {
        let (name, value) = item.map_err(|error| match error {
            // The error's own words quote the line, which may hold a secret.
            dotenvy::Error::LineParse(_, at) => {
                unreadable(format!("a line can't be parsed, at its byte {at}"))
            }
            other => unreadable(other.to_string()),
        })?;
        if name.starts_with("PFP_") && find(&name).is_none() {
            return Err(ConfigError::UnknownName { path: shown, name });
        }
        values.insert(name, value);
    }
    Ok(values)
}

/// Whether a line of an env file has a `$` that would name a variable.
fn has_variable(line: &str) -> bool {
    let (mut quote, mut escaped, mut before) = (None, false, ' ');
    if line.trim_start().starts_with('#') {
        return false;
    }
    for character in line.chars() {
        match (quote, character) {
            _ if escaped => escaped = false,
            (Some('\''), '\'') => quote = None,
            (Some('\''), _) => {}
            (_, '\\') => escaped = true,
            (_, '$') => return true,
            (None, '#') if before.is_whitespace() => return false,
            (None, '\'' | '"') => quote = Some(character),
            (Some('"'), '"') => quote = None,
            _ => {}
        }
        before = character;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dollar_of_an_env_file_is_kept_between_single_quotes_and_refused_elsewhere() {
        let path = std::env::temp_dir().join(format!("pfp-{}.env", uuid::Uuid::new_v4()));
        let read_lines = |lines: &str| {
            std::fs::write(&path, lines).unwrap();
            let values = read(&path);
            std::fs::remove_file(&path).unwrap();
            values
        };
        let values =
            read_lines("# costs $1\nPFP_S3_SECRET_KEY='a$b # c'\nPFP_S3_ACCESS_KEY=a\\$b # $c\n").unwrap();
        assert_eq!(values["PFP_S3_SECRET_KEY"], "a$b # c");
        assert_eq!(values["PFP_S3_ACCESS_KEY"], "a$b");
        for line in ["a$b", "\"a$b\"", "${a}", "'a'$b"] {
            let error = read_lines(&format!("\nPFP_S3_SECRET_KEY={line}\n")).unwrap_err().to_string();
            assert!(error.contains("line 2") && !error.contains("a$b"), "{error}");
        }
    }
}
