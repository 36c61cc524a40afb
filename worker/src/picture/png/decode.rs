//! Pixels of a PNG. Rows are reduced while they are read, so that memory stays small however large the
//! picture is; only an interlaced one has to be whole first.

use super::chunks::PngHeader;
use super::corrupt;
use crate::picture::colour::MAX_PROFILE;
use crate::picture::deadline::Deadline;
use crate::picture::pixels::Layout;
use crate::picture::placement::Placement;
use crate::picture::shrink::{Reduced, Shrinker};
use pfp_shared::failure::Failure;
use png::{ColorType, DecodingError, InterlaceInfo, Limits, Reader, Transformations};
use std::io::Cursor;

/// The part of the stored picture that `placement` keeps, reduced by whole factors.
pub(in crate::picture) fn decode(
    bytes: &[u8],
    header: &PngHeader,
    placement: &Placement,
    deadline: &Deadline,
) -> Result<Reduced, Failure> {
    let stream = essential_stream(bytes, header);
    // The decoder counts its rows and the chunks that it keeps; both are known, and bounded, by now.
    let limits = Limits { bytes: stream.len() + 64 * header.width as usize + (1 << 20) };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(stream.as_slice()), limits);
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(damaged)?;
    let (colours, _) = reader.output_color_type();
    let layout = match colours {
        ColorType::Grayscale => Layout::Grey,
        ColorType::Rgb => Layout::Rgb,
        ColorType::GrayscaleAlpha | ColorType::Rgba => Layout::Rgba,
        ColorType::Indexed => return Err(corrupt("its palette is missing")),
    };
    let mut rows = Rows {
        shrinker: Shrinker::new(placement, header.width, header.height, layout),
        stride: header.width as usize * colours.samples(),
        grey_alpha: colours == ColorType::GrayscaleAlpha,
        expanded: Vec::new(),
    };
    if header.interlaced {
        let whole = deinterlace(&mut reader, rows.stride, header.height, deadline)?;
        whole.chunks_exact(rows.stride).try_for_each(|row| rows.push(row))?;
    } else {
        for _ in 0..header.height {
            deadline.check()?;
            let row = reader.next_row().map_err(damaged)?;
            rows.push(row.ok_or_else(|| corrupt("it has fewer rows than it says"))?.data())?;
        }
    }
    // What follows the last row is part of the file, and shows whether it is whole.
    reader.finish().map_err(damaged)?;
    Ok(rows.shrinker.finish())
}

/// The ICC profile, unless it is absent, broken or larger than any that makes sense.
pub(in crate::picture) fn profile(bytes: &[u8], header: &PngHeader) -> Option<Vec<u8>> {
    let compressed = bytes.get(header.icc.clone()?)?;
    fdeflate::decompress_to_vec_bounded(compressed, MAX_PROFILE).ok()
}

fn damaged(_: DecodingError) -> Failure {
    corrupt("its picture data end too early, fail their checksum or can't be decoded")
}

/// What the decoder gets to see: metadata, among them compressed texts that would be inflated, are left out,
/// and so are an animation's later frames, which leaves the picture that is meant for whoever shows only one.
fn essential_stream(bytes: &[u8], header: &PngHeader) -> Vec<u8> {
    let signature = bytes.get(..8).unwrap_or_default();
    let length: usize = header.essential.iter().map(ExactSizeIterator::len).sum();
    let mut stream = Vec::with_capacity(signature.len() + length);
    stream.extend_from_slice(signature);
    for range in &header.essential {
        stream.extend_from_slice(bytes.get(range.clone()).unwrap_or_default());
    }
    stream
}

struct Rows {
    shrinker: Shrinker,
    stride: usize,
    grey_alpha: bool,
    expanded: Vec<u8>,
}

impl Rows {
    fn push(&mut self, row: &[u8]) -> Result<(), Failure> {
        if row.len() != self.stride {
            return Err(corrupt("a row has the wrong length"));
        }
        if self.grey_alpha {
            self.expanded.clear();
            self.expanded
                .extend(row.chunks_exact(2).flat_map(|pixel| [pixel[0], pixel[0], pixel[0], pixel[1]]));
            self.shrinker.push(&self.expanded);
        } else {
            self.shrinker.push(row);
        }
        Ok(())
    }
}

fn deinterlace(
    reader: &mut Reader<Cursor<&[u8]>>,
    stride: usize,
    height: u32,
    deadline: &Deadline,
) -> Result<Vec<u8>, Failure> {
    let (colours, depth) = reader.output_color_type();
    let bits = u8::try_from(colours.samples()).unwrap_or(4) * depth as u8;
    let mut whole = vec![0; stride * height as usize];
    while let Some(row) = reader.next_interlaced_row().map_err(damaged)? {
        deadline.check()?;
        if let InterlaceInfo::Adam7(pass) = row.interlace() {
            png::expand_interlaced_row(&mut whole, stride, row.data(), pass, bits);
        }
    }
    Ok(whole)
}
