//! Pixels of a JPEG, by a full decode.

use super::corrupt;
use super::frame::Coding;
use super::markers::{JpegHeader, Spread};
use super::separate;
use crate::picture::deadline::Deadline;
use crate::picture::options::Limits;
use crate::picture::pixels::{Layout, Pixels};
use crate::picture::placement::Placement;
use crate::picture::shrink::{Reduced, Shrinker};
use pfp_shared::failure::Failure;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

/// The part of the stored picture that `placement` keeps, reduced by whole factors.
pub(in crate::picture) fn decode(
    bytes: &[u8],
    header: &JpegHeader,
    placement: &Placement,
    limits: &Limits,
    deadline: &Deadline,
) -> Result<Reduced, Failure> {
    let apart = header.spread == Spread::Apart && !header.frame.progressive;
    let whole = if apart { separate::decode } else { together };
    let mut reduced = whole(bytes, header, placement, limits, deadline)?;
    if header.coding == Coding::Ycck {
        convert_ycck(&mut reduced.pixels);
    }
    Ok(reduced)
}

fn together(
    bytes: &[u8],
    header: &JpegHeader,
    placement: &Placement,
    limits: &Limits,
    deadline: &Deadline,
) -> Result<Reduced, Failure> {
    let stream = essential_stream(bytes, header);
    let (colours, layout) = output(header);
    let pixels = run(&stream, limits, colours)?;
    drop(stream);
    deadline.check()?;
    let frame = &header.frame;
    let stride = frame.width as usize * layout.channels();
    if pixels.len() != stride * frame.height as usize {
        return Err(corrupt("its pixels don't fill its frame"));
    }
    let mut shrinker = Shrinker::new(placement, frame.width, frame.height, layout);
    for row in pixels.chunks_exact(stride) {
        shrinker.push(row);
    }
    drop(pixels);
    let mut reduced = shrinker.finish();
    if header.coding == Coding::YCbCr && named_rgb(header) {
        reduced.pixels.data.chunks_exact_mut(3).for_each(convert);
    }
    Ok(reduced)
}

/// Runs the decoder over a stream that holds nothing but a picture.
pub(super) fn run(stream: &[u8], limits: &Limits, colours: ColorSpace) -> Result<Vec<u8>, Failure> {
    let options = DecoderOptions::new_fast()
        .set_strict_mode(true)
        .set_max_width(limits.max_side as usize)
        .set_max_height(limits.max_side as usize)
        .jpeg_set_max_scans(limits.max_scans as usize)
        .jpeg_set_out_colorspace(colours);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(stream), options);
    decoder.decode().map_err(|_| corrupt("its picture data end too early or can't be decoded"))
}

/// Three of the inks from `YCbCr`; after the reduction, since both are linear.
fn convert_ycck(pixels: &mut Pixels) {
    for pixel in pixels.data.chunks_exact_mut(4) {
        convert(&mut pixel[..3]);
        // An ink takes its own colour's complement away, as libjpeg has it.
        pixel[..3].iter_mut().for_each(|light| *light = 255 - *light);
    }
}

/// Turns a pixel's `YCbCr` into red, green and blue, by JFIF's equations.
pub(super) fn convert(pixel: &mut [u8]) {
    if let [y, cb, cr] = pixel {
        let (luma, blueness, redness) = (f32::from(*y), f32::from(*cb) - 128.0, f32::from(*cr) - 128.0);
        *y = byte(luma + 1.402 * redness);
        *cb = byte(luma - 0.344_136 * blueness - 0.714_136 * redness);
        *cr = byte(luma + 1.772 * blueness);
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to a byte before the cast"
)]
fn byte(value: f32) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}

/// What the decoder gets to see: only what pixels are made of. Metadata isn't copied a second time, padding
/// between segments (which strict decoders refuse, and cameras write) is gone, and so is what follows the
/// picture.
///
/// A sequential JPEG of one scan gets no end marker: where data end before the last row, the decoder would
/// take an end marker for permission to fill the rest with grey, and without one it fails. The zeros that
/// stand in its place feed the decoder's read-ahead.
fn essential_stream(bytes: &[u8], header: &JpegHeader) -> Vec<u8> {
    let one_scan = header.spread == Spread::Together && !header.frame.progressive;
    let length: usize = header.essential.iter().map(ExactSizeIterator::len).sum();
    let mut stream = Vec::with_capacity(2 + length + READ_AHEAD);
    stream.extend_from_slice(&[0xFF, 0xD8]);
    for range in &header.essential {
        stream.extend_from_slice(bytes.get(range.clone()).unwrap_or_default());
    }
    if one_scan {
        stream.resize(stream.len() + READ_AHEAD, 0);
    } else {
        stream.extend_from_slice(&[0xFF, 0xD9]);
    }
    stream
}

/// More bytes than the decoder reads beyond those that it needs: it keeps 64 bits.
pub(super) const READ_AHEAD: usize = 12;

/// The decoder takes components of these names for red, green and blue, whatever else the header says.
fn named_rgb(header: &JpegHeader) -> bool {
    header.frame.components.iter().map(|component| component.id).eq(*b"RGB")
}

/// What the decoder is asked for. Inks and red, green and blue come as they are stored: the decoder converts
/// a picture only where input and output differ.
fn output(header: &JpegHeader) -> (ColorSpace, Layout) {
    match header.coding {
        Coding::Grey => (ColorSpace::Luma, Layout::Grey),
        Coding::Rgb if !named_rgb(header) => (ColorSpace::YCbCr, Layout::Rgb),
        Coding::YCbCr | Coding::Rgb => (ColorSpace::RGB, Layout::Rgb),
        Coding::Cmyk | Coding::Ycck => (ColorSpace::CMYK, Layout::Cmyk),
    }
}
