//! The tests that are named by rows of the fault matrix, as they stand in the sources and as they are run.

use crate::servers::root;
use std::{collections::BTreeSet, path::Path, process::Command};

/// The names of the functions in a folder of tests that begin with `row_`.
///
/// # Panics
/// The folder can't be read.
#[must_use]
pub fn in_sources(folder: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    add_names(&root().join("tests").join(folder), &mut names);
    names
}

fn add_names(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder of tests") {
        let path = entry.expect("a file").path();
        if path.is_dir() {
            add_names(&path, names);
            continue;
        }
        let text = std::fs::read_to_string(path).expect("a source");
        let functions = text.split("fn row_").skip(1);
        names.extend(functions.filter_map(|rest| Some(format!("row_{}", rest.split('(').next()?))));
    }
}

/// The names of the tests that the running program has, of those: what no `mod` names or no attribute marks isn't run.
///
/// # Panics
/// The program can't be asked for its tests.
#[must_use]
pub fn in_this_program() -> BTreeSet<String> {
    let program = std::env::current_exe().expect("this program");
    let told = Command::new(program).arg("--list").output().expect("a list of tests");
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let names = told.lines().filter_map(|line| line.strip_suffix(": test")?.rsplit("::").next());
    names.filter(|name| name.starts_with("row_")).map(str::to_owned).collect()
}

/// The number of the row that a test is named by.
///
/// # Panics
/// There is none in its name.
#[must_use]
pub fn number(name: &str) -> usize {
    let number = name.split('_').nth(1).and_then(|number| number.parse().ok());
    number.unwrap_or_else(|| panic!("{name} is named by no row"))
}
