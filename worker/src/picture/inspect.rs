//! Looks at the header: what the file is, whether it is within the limits, and what it takes to make a
//! picture of it.

use super::gif::blocks::{self, GifHeader};
use super::jpeg::markers::{self, JpegHeader};
use super::options::{GifAnimation, Limits, PictureOptions};
use super::orientation::Orientation;
use super::png::chunks::{self, PngHeader};
use super::{memory, refusal};
use pfp_shared::failure::Failure;
use pfp_shared::picture_format::{PictureFormat, detected_name};
use std::time::Duration;

/// What a picture's header says, within the limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// The format of the file, and of the picture that is made of it.
    pub format: PictureFormat,
    /// Width as stored, in pixels.
    pub width: u32,
    /// Height as stored, in pixels.
    pub height: u32,
    /// Frames of the file: 1 unless it is an animated GIF.
    pub frames: u32,
    /// How the stored picture is turned upright.
    pub orientation: Orientation,
    /// Scans of a JPEG, else 1.
    pub scans: u32,
    /// What [`super::make_picture`] allocates beyond the file, at most, in bytes.
    pub memory: u64,
    pub(super) header: Header,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Header {
    Jpeg(JpegHeader),
    Png(PngHeader),
    Gif(GifHeader),
}

/// Coefficients that a decoder passes over in a nanosecond, at most: measured with the cheapest scans there
/// are, runs of empty blocks, 89 of them over 52 million pixels in 1.2 s.
const VISITS_PER_NANOSECOND: u64 = 4;

/// Reads a file's header, without decoding anything, and checks every limit that can be told from it.
///
/// # Errors
/// `invalid_format` for what isn't a JPEG, PNG or GIF, isn't allowed, or is a kind of JPEG that isn't supported;
/// `picture_corrupt` when the file's structure is damaged or ends too early; `picture_side_too_long`,
/// `picture_too_many_pixels`, `picture_too_many_frames` and `picture_too_complex` for what is beyond the limits.
pub fn inspect(bytes: &[u8], options: &PictureOptions) -> Result<Inspected, Failure> {
    let format = PictureFormat::detect(bytes).filter(|format| options.allowed.contains(format));
    let first_bytes = &bytes[..bytes.len().min(PictureFormat::MAGIC_BYTES)];
    let format = format.ok_or_else(|| refusal::not_taken(detected_name(first_bytes), options))?;
    let inspected = refusal::unless_it_panics(format, || match format {
        PictureFormat::Jpeg => jpeg(bytes, options),
        PictureFormat::Png => png(bytes, options),
        PictureFormat::Gif => gif(bytes, options),
    })?;
    if inspected.memory > options.limits.max_memory {
        return Err(refusal::too_much_memory(inspected.memory, options.limits.max_memory));
    }
    Ok(inspected)
}

fn jpeg(bytes: &[u8], options: &PictureOptions) -> Result<Inspected, Failure> {
    let limits = &options.limits;
    let header = markers::read(bytes, limits)?;
    // Scans can make a decoder pass over a picture's coefficients again and again for next to no bytes.
    let passing = Duration::from_nanos(header.visits / VISITS_PER_NANOSECOND);
    if passing > limits.decode_timeout {
        return Err(refusal::too_much_time(passing, limits.decode_timeout));
    }
    Ok(Inspected {
        format: PictureFormat::Jpeg,
        width: header.frame.width,
        height: header.frame.height,
        frames: 1,
        orientation: header.orientation,
        scans: header.scans,
        memory: memory::jpeg(&header, bytes.len() as u64, options),
        header: Header::Jpeg(header),
    })
}

fn png(bytes: &[u8], options: &PictureOptions) -> Result<Inspected, Failure> {
    let header = chunks::read(bytes, &options.limits)?;
    Ok(Inspected {
        format: PictureFormat::Png,
        width: header.width,
        height: header.height,
        frames: 1,
        orientation: header.orientation,
        scans: 1,
        memory: memory::png(&header, bytes.len() as u64, options),
        header: Header::Png(header),
    })
}

fn gif(bytes: &[u8], options: &PictureOptions) -> Result<Inspected, Failure> {
    let header = blocks::read(bytes, options)?;
    let limits = &options.limits;
    let (frames, width, height) = (header.frame_count, header.width, header.height);
    check_size(width, height, limits)?;
    // A frame's own size counts too: it has to be decoded even where it is outside of the canvas.
    header.frames.iter().try_for_each(|frame| check_size(frame.width, frame.height, limits))?;
    // Whichever is larger: a frame is decoded where it lies outside of the canvas, and the canvas is made anew.
    let area = |width: u32, height: u32| u64::from(width) * u64::from(height);
    let pixels =
        header.frames.iter().map(|frame| area(frame.width, frame.height).max(area(width, height))).sum();
    if options.gif_animation == GifAnimation::Keep && frames > 1 && pixels > limits.max_animation_pixels {
        return Err(refusal::too_many_animation_pixels(frames, pixels, limits.max_animation_pixels));
    }
    Ok(Inspected {
        format: PictureFormat::Gif,
        width,
        height,
        frames,
        orientation: Orientation::Upright,
        scans: 1,
        memory: memory::gif(&header, options),
        header: Header::Gif(header),
    })
}

/// Checks a picture's size against the limits.
pub(super) fn check_size(width: u32, height: u32, limits: &Limits) -> Result<(), Failure> {
    if width.max(height) > limits.max_side {
        return Err(refusal::side_too_long(width, height, limits.max_side));
    }
    if u64::from(width) * u64::from(height) > limits.max_pixels {
        return Err(refusal::too_many_pixels(width, height, limits.max_pixels));
    }
    Ok(())
}
