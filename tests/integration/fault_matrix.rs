//! The README's table of faults against the tests that are named by its rows.

use pfp_tests::servers::root;
use std::collections::BTreeSet;

/// The numbers of the rows that tests are named by.
fn tested() -> BTreeSet<usize> {
    let mut folders = vec![root().join("tests/integration"), root().join("tests/faults")];
    let mut rows = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(path).unwrap();
            let names = text.split("async fn row_").skip(1);
            rows.extend(names.filter_map(|name| name.split('_').next()?.parse::<usize>().ok()));
        }
    }
    rows
}

#[test]
fn every_fault_that_the_readme_lists_has_a_test_named_by_its_row() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let (_, table) = readme.split_once("| row | fault | what holds |").unwrap();
    let lines = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let listed: BTreeSet<_> =
        lines.map(|line| line.split('|').nth(1).unwrap().trim().parse::<usize>().unwrap()).collect();
    assert_eq!(listed, (1..=32).collect());
    assert_eq!(tested(), listed);
}
