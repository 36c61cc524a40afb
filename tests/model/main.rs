//! The protocol of an upload as a model, searched for every history within bounds: whatever may happen next is tried
//! in every state, and in every state the rules of `invariants` must hold.
//!
//! A step of the model is a transaction of the product, a request to the store, or the death of a process, so that
//! everything may come between any two of them. `steps` says what may happen, `statements` what a transaction does,
//! `rest` what must become of it when nothing new happens. A row's state is the product's own, and goes nowhere but
//! where the product's own table lets it; that the model takes all those ways is a test.
//!
//! | in the model | left out, and why |
//! | --- | --- |
//! | one user who may be erased and come back | several users: they share nothing but the sequence of generations |
//! | two uploads, each with its API process | idempotency keys and limits: they decide whether a row is reserved |
//! | two workers that claim whatever they like, at any time | messages: that is what duplicates, losses and any order of them come to; `messages` is a model of who sends them |
//! | frozen processes, as lost leases of the living | clocks: a lease may be lost at any time |
//! | attempts that may be used up at any time | their number: both ways are tried each time |
//! | statements whose answer is lost; an accept that is carried out late | a late claim: another worker's, which then dies |
//! | puts that are carried out long after | the bytes: every put of a key puts the same |
//! | deletions that are listed again while they are carried out | deletions that fail: they stay listed |
//! | the sweep, the listing, the retention, a replay | the listing's alarm: a number, and no rule of this one |
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests fail their test"
)]

mod correct;
mod explore;
mod fingerprint;
mod fold;
mod invariants;
mod keys;
mod messages;
mod mutations;
mod protocol;
mod rest;
mod statements;
mod steps;
mod world;
