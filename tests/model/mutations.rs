//! Every rule of the protocol is needed: without it, a history is found that breaks what it is there for.

use crate::{
    explore::explore,
    invariants::Broken,
    protocol::{Bounds, Fault, Protocol, Rest},
};

fn breaks(protocol: Protocol, rule: Broken) {
    breaks_within(protocol, Bounds::everything(2, 2, 1), rule);
}

fn breaks_within(protocol: Protocol, bounds: Bounds, rule: Broken) {
    let found = explore(protocol, bounds, Some(rule));
    println!("{found}");
    assert!(found.counterexample.is_some(), "{rule:?} was looked for in vain");
}

#[test]
fn without_a_claim_token_an_upload_gets_two_ends() {
    breaks(Protocol { no_claim_token: true, ..Protocol::default() }, Broken::OffTheTable);
}

#[test]
fn with_the_state_for_a_token_a_picture_is_shown_that_was_not_put() {
    breaks(Protocol { state_for_token: true, ..Protocol::default() }, Broken::PictureMissing);
}

#[test]
fn without_a_look_at_the_generation_an_older_picture_is_shown() {
    let bounds = Bounds::everything(2, 0, 0);
    breaks_within(
        Protocol { no_generation_check: true, ..Protocol::default() },
        bounds,
        Broken::NotTheNewest,
    );
}

#[test]
fn without_a_look_at_the_generation_a_deleted_picture_comes_back() {
    let bounds = Bounds { uploads: 1, ..Bounds::everything(1, 0, 1) };
    breaks_within(
        Protocol { no_generation_check: true, ..Protocol::default() },
        bounds,
        Broken::NotTheNewest,
    );
}

#[test]
fn an_upload_held_against_the_newest_accepted_is_superseded_by_one_that_never_shows() {
    breaks(Protocol { newest_accepted_wins: true, ..Protocol::default() }, Broken::SupersededByNothing);
}

#[test]
fn with_the_same_key_for_every_claim_the_picture_of_the_next_claim_is_deleted() {
    breaks(Protocol { same_key_for_every_claim: true, ..Protocol::default() }, Broken::PictureMissing);
}

#[test]
fn with_the_old_picture_deleted_before_the_commit_nothing_is_left_to_show() {
    let bounds = Bounds::everything(1, 1, 0);
    let protocol = Protocol { old_deleted_before_commit: true, ..Protocol::default() };
    breaks_within(protocol, bounds, Broken::PictureMissing);
}

#[test]
fn an_accept_that_does_not_look_for_its_row_promises_what_is_gone() {
    breaks(Protocol { accepted_without_looking: true, ..Protocol::default() }, Broken::AcceptedRowLost);
}

#[test]
fn cleaning_up_after_an_accept_of_unknown_outcome_loses_the_bytes() {
    breaks(
        Protocol { cleaned_up_after_unknown_accept: true, ..Protocol::default() },
        Broken::StagedBytesLost,
    );
}

#[test]
fn cleaning_up_after_a_promotion_of_unknown_outcome_loses_the_picture() {
    let protocol = Protocol { cleaned_up_after_unknown_promotion: true, ..Protocol::default() };
    breaks(protocol, Broken::PictureMissing);
}

#[test]
fn a_listing_that_asks_first_deletes_what_is_put_meanwhile() {
    breaks(Protocol { asked_before_listed: true, ..Protocol::default() }, Broken::StagedBytesLost);
}

/// What only a listing would find.
fn leaks(protocol: Protocol) {
    let kinds = &[Fault::LostLease];
    let bounds = Bounds { kinds, rest: Rest::EndedThenSwept, ..Bounds::everything(2, 1, 0) };
    breaks_within(protocol, bounds, Broken::Leaked);
}

#[test]
fn a_worker_that_keeps_quiet_about_its_lost_claim_leaks_its_picture() {
    leaks(Protocol { claim_gone_unlisted: true, ..Protocol::default() });
}

#[test]
fn what_is_listed_while_it_is_deleted_and_struck_off_all_the_same_is_leaked() {
    leaks(Protocol { listed_again_unnoticed: true, ..Protocol::default() });
}
