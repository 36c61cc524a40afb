//! What a JPEG is, told by walking its markers: entropy-coded bytes are skipped, never decoded.

use super::frame::{Coding, Frame, unsupported_kind};
use super::{be16, corrupt};
use crate::picture::exif;
use crate::picture::inspect::check_size;
use crate::picture::options::Limits;
use crate::picture::orientation::Orientation;
use crate::picture::refusal;
use pfp_shared::failure::Failure;
use std::ops::Range;

pub(super) const START_OF_SCAN: u8 = 0xDA;
const END_OF_IMAGE: u8 = 0xD9;

/// How components are spread over scans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::picture) enum Spread {
    /// All in the first scan.
    Together,
    /// Each in a scan of its own.
    Apart,
    /// Some of them in one scan, others in another.
    Mixed,
}

/// What the markers say; ranges are offsets into the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::picture) struct JpegHeader {
    pub(in crate::picture) frame: Frame,
    pub(in crate::picture) coding: Coding,
    pub(in crate::picture) scans: u32,
    /// How a sequential JPEG spreads its components over scans.
    pub(in crate::picture) spread: Spread,
    /// Coefficients that the scans visit, over all of them.
    pub(in crate::picture) visits: u64,
    pub(in crate::picture) orientation: Orientation,
    /// The pieces of the ICC profile, in their order.
    pub(in crate::picture) icc: Vec<Range<usize>>,
    /// The segments and scans that pixels are made of: no metadata, no padding, nothing after the picture.
    pub(in crate::picture) essential: Vec<Range<usize>>,
}

/// Walks the markers up to the end of the first picture (camera files may hold more of them), or until a
/// limit of size or scans is passed.
pub(in crate::picture) fn read(bytes: &[u8], limits: &Limits) -> Result<JpegHeader, Failure> {
    let mut walk = Walk::new(bytes, limits);
    let mut at = 2;
    while let Some((marker, start)) = next_marker(bytes, at) {
        at = match marker {
            // Markers without a length; a second start of image is harmless.
            0x01 | 0xD0..=0xD8 => start + 2,
            END_OF_IMAGE => return walk.finish(),
            START_OF_SCAN => walk.scan(start)?,
            _ => walk.segment(marker, start)?,
        };
    }
    // Browsers show what there is; but without the end marker nobody can tell whether something is missing.
    Err(corrupt("it ends before its end marker"))
}

/// The next marker at or after `at`, and where it starts (at the last fill byte before its code).
fn next_marker(bytes: &[u8], mut at: usize) -> Option<(u8, usize)> {
    loop {
        at += memchr::memchr(0xFF, bytes.get(at..)?)?;
        match bytes.get(at + 1)? {
            0x00 => at += 2,
            0xFF => at += 1,
            &marker => return Some((marker, at)),
        }
    }
}

/// Where the entropy-coded data from `at` on ends: at the next marker that isn't a restart.
fn end_of_data(bytes: &[u8], mut at: usize) -> usize {
    while let Some((marker, start)) = next_marker(bytes, at) {
        if !(0xD0..=0xD7).contains(&marker) {
            return start;
        }
        at = start + 2;
    }
    bytes.len()
}

struct Walk<'a> {
    bytes: &'a [u8],
    limits: &'a Limits,
    frame: Option<Frame>,
    adobe_transform: Option<u8>,
    jfif: bool,
    scans: u32,
    /// Components in the first scan, and in the largest.
    first_scan: usize,
    largest_scan: usize,
    /// Ids of the components whose DC coefficients have come.
    coded: Vec<u8>,
    visits: u64,
    orientation: Orientation,
    icc: Vec<(u8, u8, Range<usize>)>,
    essential: Vec<Range<usize>>,
}

impl<'a> Walk<'a> {
    fn new(bytes: &'a [u8], limits: &'a Limits) -> Self {
        Self {
            bytes,
            limits,
            frame: None,
            adobe_transform: None,
            jfif: false,
            scans: 0,
            first_scan: 0,
            largest_scan: 0,
            coded: Vec::new(),
            visits: 0,
            orientation: Orientation::Upright,
            icc: Vec::new(),
            essential: Vec::new(),
        }
    }

    /// The body of the segment at `start`, and where the segment ends.
    fn body(&self, start: usize) -> Result<(&'a [u8], usize), Failure> {
        let (Some(&high), Some(&low)) = (self.bytes.get(start + 2), self.bytes.get(start + 3)) else {
            return Err(corrupt("it ends in the middle of its header"));
        };
        let end = start + 2 + be16(high, low) as usize;
        let body = self.bytes.get(start + 4..end);
        Ok((body.ok_or_else(|| corrupt("it ends in the middle of its header"))?, end))
    }

    /// Reads a segment and returns where the walk goes on.
    fn segment(&mut self, marker: u8, start: usize) -> Result<usize, Failure> {
        let (body, end) = self.body(start)?;
        let essential = match marker {
            0xC0..=0xC2 if self.frame.is_some() => return Err(corrupt("it has two frame headers")),
            0xC0..=0xC2 => {
                let frame = self.frame.insert(Frame::parse(marker, body)?);
                check_size(frame.width, frame.height, self.limits)?;
                true
            }
            // Huffman tables, quantization tables, restart interval.
            0xC4 | 0xDB | 0xDD => true,
            0xC3..=0xCF => return Err(refusal::unsupported_jpeg(unsupported_kind(marker))),
            0xE0 => {
                self.jfif |= body.starts_with(b"JFIF\0");
                // The mark of a motion JPEG: it tells the decoder to supply the tables that are left out.
                body.starts_with(b"AVI1")
            }
            0xE1..=0xEF => {
                self.metadata(marker, body, end);
                false
            }
            _ => false,
        };
        if essential {
            self.essential.push(start..end);
        }
        Ok(end)
    }

    fn metadata(&mut self, marker: u8, body: &[u8], end: usize) {
        if let (0xE1, Some(tiff)) = (marker, body.strip_prefix(b"Exif\0\0")) {
            if self.orientation == Orientation::Upright {
                self.orientation = exif::orientation(tiff);
            }
        } else if let (0xE2, Some([number, count, piece @ ..])) =
            (marker, body.strip_prefix(b"ICC_PROFILE\0"))
        {
            self.icc.push((*number, *count, end - piece.len()..end));
        } else if marker == 0xEE && body.starts_with(b"Adobe") {
            self.adobe_transform = body.get(11).copied();
        }
    }

    /// Reads a scan's header, skips its data and returns where the walk goes on.
    fn scan(&mut self, start: usize) -> Result<usize, Failure> {
        let (body, end) = self.body(start)?;
        let frame = self.frame.as_ref().ok_or_else(|| corrupt("it has a scan before its frame header"))?;
        let count = body.first().map_or(0, |count| usize::from(*count));
        if body.len() != 4 + 2 * count || count == 0 || count > frame.components.len() {
            return Err(corrupt("a scan's header makes no sense"));
        }
        self.scans += 1;
        if self.scans > self.limits.max_scans {
            return Err(refusal::too_many_scans(self.scans, self.limits.max_scans));
        }
        if self.scans == 1 {
            self.first_scan = count;
        }
        self.largest_scan = self.largest_scan.max(count);
        let (first, last) = (body[1 + 2 * count], body[2 + 2 * count]);
        let band = u64::from(last.min(63).saturating_sub(first)) + 1;
        for &id in body[1..=2 * count].iter().step_by(2) {
            let component = frame.components.iter().find(|component| component.id == id);
            let component = component.ok_or_else(|| corrupt("a scan names a component that it lacks"))?;
            self.visits = self.visits.saturating_add(frame.blocks(*component) * band);
            if first == 0 && !self.coded.contains(&id) {
                self.coded.push(id);
            }
        }
        let data_end = end_of_data(self.bytes, end);
        self.essential.push(start..data_end);
        Ok(data_end)
    }

    fn finish(mut self) -> Result<JpegHeader, Failure> {
        let frame = self.frame.take().ok_or_else(|| corrupt("it ends before its frame header"))?;
        if frame.components.iter().any(|component| !self.coded.contains(&component.id)) {
            return Err(corrupt("it ends before all of its components have come"));
        }
        let spread = if self.first_scan == frame.components.len() {
            Spread::Together
        } else if self.largest_scan == 1 {
            Spread::Apart
        } else {
            Spread::Mixed
        };
        if spread == Spread::Mixed && !frame.progressive && frame.largest_sampling() != (1, 1) {
            return Err(refusal::unsupported_jpeg("sequential, some components sharing a scan"));
        }
        // A profile with a piece missing or repeated is broken, and a broken profile is ignored.
        self.icc.sort_by_key(|(number, ..)| *number);
        let pieces = self.icc.len();
        let whole = (1..).zip(&self.icc).all(|(expected, (number, count, _))| {
            usize::from(*number) == expected && usize::from(*count) == pieces
        });
        let icc = if whole { self.icc.into_iter().map(|(.., range)| range).collect() } else { Vec::new() };
        Ok(JpegHeader {
            coding: frame.coding(self.jfif, self.adobe_transform),
            frame,
            scans: self.scans,
            spread,
            visits: self.visits,
            orientation: self.orientation,
            icc,
            essential: self.essential,
        })
    }
}
