//! What a picture is made into, and what it may cost.

use pfp_shared::picture_format::PictureFormat;
use std::time::Duration;

/// How a picture fills its square.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// Exactly `size` x `size`, filled by the centred part of the picture (scaled up when it is smaller).
    Cover,
    /// Exactly `size` x `size`, the whole picture centred in it (scaled up when it is smaller); the rest is
    /// transparent, or white in a JPEG.
    Contain,
    /// The whole picture, its longer side `size` at most; a smaller one keeps its size.
    Inside,
}

/// What becomes of an animation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GifAnimation {
    /// Every frame is kept, with its delay, and the loop count.
    Keep,
    /// Only the first frame is kept.
    FirstFrame,
}

/// What a picture may cost; whoever passes one of these is rejected, from the header where that can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Width times height, in pixels.
    pub max_pixels: u64,
    /// Width and height, in pixels.
    pub max_side: u32,
    /// Frames of an animation that is kept.
    pub max_frames: u32,
    /// Frames times canvas of an animation that is kept, in pixels.
    pub max_animation_pixels: u64,
    /// Scans of a JPEG.
    pub max_scans: u32,
    /// Processor time of one picture.
    pub decode_timeout: Duration,
    /// Memory of one picture beyond its file, in bytes.
    pub max_memory: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_pixels: 64_000_000,
            max_side: 16_384,
            max_frames: 200,
            max_animation_pixels: 40_000_000,
            max_scans: 100,
            decode_timeout: Duration::from_secs(10),
            max_memory: 512 << 20,
        }
    }
}

/// How pictures are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureOptions {
    /// The side of the square, in pixels, from 1.
    pub size: u32,
    /// How the picture fills the square.
    pub fit: Fit,
    /// Quality of a JPEG, from 1 to 100, on libjpeg's scale.
    pub quality: u8,
    /// What becomes of an animated GIF.
    pub gif_animation: GifAnimation,
    /// The formats that are taken.
    pub allowed: Vec<PictureFormat>,
    /// What a picture may cost.
    pub limits: Limits,
}

impl Default for PictureOptions {
    fn default() -> Self {
        Self {
            size: 200,
            fit: Fit::Cover,
            quality: 85,
            gif_animation: GifAnimation::Keep,
            allowed: PictureFormat::ALL.to_vec(),
            limits: Limits::default(),
        }
    }
}
