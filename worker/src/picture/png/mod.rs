//! PNG: [`chunks`] says what a file is, [`decode`] makes pixels of it a row at a time, [`encode`] writes one.

pub(super) mod chunks;
pub(super) mod decode;
pub(super) mod encode;

use super::refusal;
use pfp_shared::failure::Failure;
use pfp_shared::picture_format::PictureFormat;

fn corrupt(why: impl std::fmt::Display) -> Failure {
    refusal::corrupt(PictureFormat::Png, why)
}
