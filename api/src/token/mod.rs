//! Tokens: how they are checked ([`TokenConfig`]), the check ([`TokenVerifier`]), and minting them for trying and
//! testing ([`fn@mint`]).

mod config;
mod mint;
mod verifier;

pub(crate) use config::is_this_machine;
pub use config::{KeySetSource, KeySource, TokenConfig};
pub use mint::mint;
pub use verifier::TokenVerifier;

/// The longest user id, in characters.
pub(crate) const LONGEST_USER_ID: usize = 255;

/// Postgres' text can't hold a NUL.
pub(crate) fn is_user_id(id: &str) -> bool {
    (1..=LONGEST_USER_ID).contains(&id.chars().count()) && !id.contains('\0')
}
