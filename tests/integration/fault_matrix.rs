//! The README's table of faults against the tests that are named by its rows.

use pfp_tests::{fault_rows, servers::root};
use std::collections::BTreeSet;

#[test]
fn every_fault_that_the_readme_lists_has_a_test_named_by_its_row() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let (_, table) = readme.split_once("| row | fault | what holds |").unwrap();
    let lines = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let listed: BTreeSet<_> =
        lines.map(|line| line.split('|').nth(1).unwrap().trim().parse::<usize>().unwrap()).collect();
    assert_eq!(listed, (1..=32).collect());
    let tests = ["integration", "faults"].map(fault_rows::in_sources);
    let tested: BTreeSet<_> = tests.iter().flatten().map(|name| fault_rows::number(name)).collect();
    assert_eq!(tested, listed);
}

#[test]
fn whatever_is_named_by_a_row_here_is_run() {
    assert_eq!(fault_rows::in_sources("integration"), fault_rows::in_this_program());
}
