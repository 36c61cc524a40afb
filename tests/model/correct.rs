//! The product's own protocol breaks no rule.

use crate::{
    explore::{Found, explore},
    protocol::{Bounds, Fault, Protocol, Rest},
};
use pfp_shared::upload::UploadState;
use pfp_tests::servers::rounds;
use std::collections::BTreeSet;

fn holds(bounds: Bounds) -> Found {
    let found = explore(Protocol::default(), bounds, None);
    println!("{found}\n  {bounds:?}");
    assert!(found.counterexample.is_none(), "a rule is broken");
    found
}

/// Where there is time for it, tens of millions of states.
fn more() -> u8 {
    u8::from(rounds() > 1)
}

#[test]
fn whatever_faults_do_to_two_uploads() {
    // Three claims of each: it is taken over twice. Two faults, or three; nothing is asked for.
    holds(Bounds::everything(3, 2 + more(), 0));
}

#[test]
fn whatever_faults_do_while_the_user_takes_something_back() {
    // Two claims of each of two uploads, or three; two faults and a wish of any kind.
    holds(Bounds::everything(2 + more(), 2, 1));
}

#[test]
fn whatever_a_fault_does_while_the_user_takes_one_thing_back_after_the_other() {
    // Two wishes: an erased user comes back, a replayed upload meets a deleted picture.
    holds(Bounds::everything(2, 1, 2));
}

#[test]
fn whatever_many_faults_do_to_one_upload() {
    // Four faults, three claims, one wish.
    holds(Bounds { uploads: 1, ..Bounds::everything(3, 4, 1) });
}

#[test]
fn a_process_that_dies_leaves_nothing_that_a_sweep_does_not_find() {
    // As long as nobody outlives a lease or a row, no listing is needed.
    let kinds = &[Fault::Death, Fault::LostAnswer];
    holds(Bounds { kinds, rest: Rest::DeadThenSwept, ..Bounds::everything(3, 3, 0) });
}

#[test]
fn a_process_that_outlives_its_lease_leaves_nothing_that_a_sweep_does_not_find() {
    // As long as nobody dies and no put comes late, no listing is needed.
    let kinds = &[Fault::LostLease, Fault::LostAnswer];
    holds(Bounds { kinds, rest: Rest::EndedThenSwept, ..Bounds::everything(2, 2, 1) });
}

#[test]
fn what_is_taken_for_one_state_hides_nothing() {
    // Much smaller bounds, for the states are many more.
    holds(Bounds { folded: false, ..Bounds::everything(2, 0, 0) });
    holds(Bounds { folded: false, uploads: 1, ..Bounds::everything(2, 2, 1) });
}

#[test]
fn every_way_of_the_table_of_states_is_gone() {
    let found = holds(Bounds { uploads: 1, ..Bounds::everything(3, 1, 2) });
    let ways =
        UploadState::ALL.into_iter().flat_map(|from| from.ways_out().iter().map(move |to| (from, *to)));
    let table: BTreeSet<_> = ways.map(|(from, to)| (from.as_str(), to.as_str())).collect();
    assert_eq!(found.transitions, table);
}
