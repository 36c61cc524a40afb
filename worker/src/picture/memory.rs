//! What making a picture takes in memory, told from its header: an upper bound, for the worker reserves it
//! before it decodes, and never decodes what it couldn't reserve.
//!
//! Each number has its source beside it; the tests of `mod.rs` hold the bounds against what an allocator
//! counts.

use super::colour::MAX_PROFILE;
use super::gif::blocks::GifHeader;
use super::jpeg::markers::{JpegHeader, Spread};
use super::options::PictureOptions;
use super::png::chunks::PngHeader;
use super::shrink::largest_side;

/// Whatever doesn't depend on the picture: tables of decoders and encoders, the windows of LZW and inflate,
/// the colour cube of a GIF (2.2 MB), and a transform with its tables while it is built.
const FIXED: u64 = 6 << 20;

/// Everything after the decoder: the reduced picture (twice, since the resize premultiplies a copy), the
/// resize between its two directions, and the results of resize, colour, orientation and padding, of which
/// two at a time are there, with the encoder's own copy.
fn finishing(options: &PictureOptions) -> u64 {
    let size = u64::from(options.size);
    let reduced = largest_side(options.size);
    4 * (2 * reduced * reduced + reduced * size + 4 * size * size) + FIXED
}

/// Of a JPEG: the part of the file that the decoder sees, its pixels, and what the decoder keeps:
/// coefficients of 16 bits when they come in several scans, and always two rows of coded units, upsampled.
pub(super) fn jpeg(header: &JpegHeader, file_size: u64, options: &PictureOptions) -> u64 {
    let frame = &header.frame;
    let components = frame.components.len() as u64;
    let blocks: u64 = frame.components.iter().map(|component| frame.blocks(*component)).sum();
    let kept = frame.progressive || header.spread != Spread::Together;
    let coefficients = if kept { blocks * 64 * 2 } else { 0 };
    let pixels = u64::from(frame.width) * u64::from(frame.height) * components;
    // A coded unit is up to 4 x 4 blocks of 8 x 8, so up to 32 rows; 16 bits a sample; of a component up to
    // four such rows are kept: the present one, what the last one left over, their upsampled version and its
    // scratch.
    let (_, down) = frame.largest_sampling();
    let rows = (u64::from(frame.width) + 32) * u64::from(down) * 8 * 2 * components * 4;
    // The reduction's sums over a row.
    let sums = u64::from(frame.width) * components * 4;
    file_size
        + coefficients
        + pixels
        + rows
        + sums
        + profile(header.icc.iter().map(|piece| piece.len() as u64).sum())
        + finishing(options)
}

/// Of a PNG: the part of the file that the decoder sees, rows (as stored, the one before, and as pixels of up
/// to four bytes, twice where grey and alpha are spread out), the reduction's sums over a row, and the whole
/// picture when it is interlaced.
pub(super) fn png(header: &PngHeader, file_size: u64, options: &PictureOptions) -> u64 {
    let width = u64::from(header.width);
    let stored_row = (width * u64::from(header.bits_per_pixel)).div_ceil(8) + 1;
    let rows = 4 * stored_row + width * 4 * 2 + width * 4 * 4;
    let whole = if header.interlaced { width * u64::from(header.height) * 4 } else { 0 };
    let inflated = if header.icc.is_some() { MAX_PROFILE as u64 } else { 0 };
    file_size + rows + whole + profile(inflated) + finishing(options)
}

/// Of a GIF: the canvas, what a frame covers if it is to be restored, a row of a frame and of the reduction's
/// sums, two made frames as they wait for the next, with their colours, and the file that is written.
pub(super) fn gif(header: &GifHeader, options: &PictureOptions) -> u64 {
    let canvas = u64::from(header.width) * u64::from(header.height) * 4;
    let covered = if header.restores() { canvas } else { 0 };
    let size = u64::from(options.size).pow(2);
    let frames = header.frames.len() as u64;
    // A pixel with its transparency is 4 bytes; three such pictures, and the indices of one with its codes.
    let waiting = size * (4 * 3 + 4);
    // An index is a byte and LZW makes 1.5 of it at worst; twice, as a vector grows by doubling.
    let written = frames * (size * 3 / 2 + 1024) * 2;
    canvas + covered + u64::from(header.width) * 16 + 65_536 + waiting + written + finishing(options)
}

/// A profile, a copy of it as it is taken apart, and its tables as floating-point numbers of twice the size.
fn profile(bytes: u64) -> u64 {
    bytes.min(MAX_PROFILE as u64) * 6
}
