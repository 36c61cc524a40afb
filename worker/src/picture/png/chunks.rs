//! What a PNG is, told by walking its chunks: nothing is inflated.

use super::corrupt;
use crate::picture::exif;
use crate::picture::inspect::check_size;
use crate::picture::options::Limits;
use crate::picture::orientation::Orientation;
use pfp_shared::failure::Failure;
use std::ops::Range;

const SIGNATURE: usize = 8;
/// Length, name and checksum of a chunk.
const OVERHEAD: usize = 12;

/// What the chunks say; ranges are offsets into the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::picture) struct PngHeader {
    pub(in crate::picture) width: u32,
    pub(in crate::picture) height: u32,
    /// Bits of a pixel as it is stored.
    pub(in crate::picture) bits_per_pixel: u32,
    pub(in crate::picture) interlaced: bool,
    pub(in crate::picture) orientation: Orientation,
    /// The ICC profile, compressed.
    pub(in crate::picture) icc: Option<Range<usize>>,
    /// The chunks that pixels are made of: no metadata, no later frames of an animation.
    pub(in crate::picture) essential: Vec<Range<usize>>,
}

/// Walks the chunks up to the last, unless the picture's size is beyond the limits.
pub(in crate::picture) fn read(bytes: &[u8], limits: &Limits) -> Result<PngHeader, Failure> {
    let first = chunk(bytes, SIGNATURE)?;
    if first.name != *b"IHDR" {
        return Err(corrupt("it doesn't start with its header"));
    }
    let mut header = image_header(first.data)?;
    check_size(header.width, header.height, limits)?;
    let mut has_data = false;
    let mut at = SIGNATURE;
    loop {
        let chunk = chunk(bytes, at)?;
        let end = at + OVERHEAD + chunk.data.len();
        match &chunk.name {
            b"IHDR" | b"PLTE" | b"tRNS" => header.essential.push(at..end),
            b"IDAT" => {
                has_data = true;
                header.essential.push(at..end);
            }
            b"IEND" => {
                header.essential.push(at..end);
                break;
            }
            b"eXIf" => header.orientation = exif::orientation(chunk.data),
            b"iCCP" => header.icc = compressed_profile(chunk.data, end - 4),
            // Whoever doesn't know a critical chunk can't show the picture.
            [b'A'..=b'Z', ..] => return Err(corrupt("it has a critical chunk that isn't known")),
            _ => {}
        }
        at = end;
    }
    if !has_data {
        return Err(corrupt("it has no picture data"));
    }
    Ok(header)
}

struct Chunk<'a> {
    name: [u8; 4],
    data: &'a [u8],
}

fn chunk(bytes: &[u8], at: usize) -> Result<Chunk<'_>, Failure> {
    let truncated = || corrupt("it ends before its last chunk");
    let Some(&[l3, l2, l1, l0, n0, n1, n2, n3]) = bytes.get(at..at + 8) else {
        return Err(truncated());
    };
    let length = u32::from_be_bytes([l3, l2, l1, l0]) as usize;
    let data = bytes.get(at + 8..at + 8 + length).ok_or_else(truncated)?;
    if bytes.len() < at + OVERHEAD + length {
        return Err(truncated());
    }
    Ok(Chunk { name: [n0, n1, n2, n3], data })
}

fn image_header(data: &[u8]) -> Result<PngHeader, Failure> {
    let &[w3, w2, w1, w0, h3, h2, h1, h0, depth, colour, compression, filter, interlace] = data else {
        return Err(corrupt("its header has the wrong length"));
    };
    let samples = match (colour, depth) {
        (0, 1 | 2 | 4 | 8 | 16) | (3, 1 | 2 | 4 | 8) => 1,
        (4, 8 | 16) => 2,
        (2, 8 | 16) => 3,
        (6, 8 | 16) => 4,
        _ => return Err(corrupt(format!("colour type {colour} with {depth} bits doesn't exist"))),
    };
    let (width, height) = (u32::from_be_bytes([w3, w2, w1, w0]), u32::from_be_bytes([h3, h2, h1, h0]));
    if width == 0 || height == 0 || compression != 0 || filter != 0 || interlace > 1 {
        return Err(corrupt("its header makes no sense"));
    }
    Ok(PngHeader {
        width,
        height,
        bits_per_pixel: samples * u32::from(depth),
        interlaced: interlace == 1,
        orientation: Orientation::Upright,
        icc: None,
        essential: Vec::new(),
    })
}

/// The compressed profile behind a name, a zero and the number of the compression; `end` is where the chunk's
/// data end in the file.
fn compressed_profile(data: &[u8], end: usize) -> Option<Range<usize>> {
    let name = data.iter().take(80).position(|byte| *byte == 0)?;
    let profile = data.get(name + 2..)?;
    (data.get(name + 1) == Some(&0)).then(|| end - profile.len()..end)
}
