//! GIF: [`blocks`] says what a file is, [`frame`] decodes one frame, [`canvas`] puts frames together as a
//! viewer does, [`palette`] finds the colours of a made frame and [`encode`] writes them.

pub(super) mod blocks;
pub(super) mod canvas;
pub(super) mod encode;
mod frame;
mod palette;

use super::refusal;
use pfp_shared::failure::Failure;
use pfp_shared::picture_format::PictureFormat;

fn corrupt(why: impl std::fmt::Display) -> Failure {
    refusal::corrupt(PictureFormat::Gif, why)
}
