//! JPEG: [`markers`] says what a file is, [`decode`] makes pixels of it, [`encode`] writes one.
//!
//! The seam for another decoder is [`decode::decode`]: it gets the header, the part of the stored picture
//! that is kept and the size that this part becomes, and returns that part, reduced as far as it likes while
//! at least twice the wanted size is left.

pub(super) mod decode;
pub(super) mod encode;
pub(super) mod frame;
pub(super) mod markers;
mod separate;

use super::refusal;
use pfp_shared::failure::Failure;
use pfp_shared::picture_format::PictureFormat;

fn corrupt(why: impl std::fmt::Display) -> Failure {
    refusal::corrupt(PictureFormat::Jpeg, why)
}

/// A big-endian 16-bit number; callers have checked that it is there.
fn be16(high: u8, low: u8) -> u32 {
    u32::from(u16::from_be_bytes([high, low]))
}
