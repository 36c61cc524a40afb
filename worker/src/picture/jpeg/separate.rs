//! A sequential JPEG that has a scan for each component, decoded as if it were several grey ones.
//!
//! It is rare (some encoders write it to optimise their tables), and the decoder gets it wrong where
//! components have different resolutions, so each scan is given to it as a picture of its own.

use super::corrupt;
use super::decode::{READ_AHEAD, convert, run};
use super::frame::{Coding, Component};
use super::markers::{JpegHeader, START_OF_SCAN};
use crate::picture::deadline::Deadline;
use crate::picture::options::Limits;
use crate::picture::pixels::Layout;
use crate::picture::placement::Placement;
use crate::picture::shrink::{Reduced, Shrinker};
use pfp_shared::failure::Failure;
use zune_core::colorspace::ColorSpace;

struct Plane {
    component: Component,
    width: usize,
    samples: Vec<u8>,
}

pub(super) fn decode(
    bytes: &[u8],
    header: &JpegHeader,
    placement: &Placement,
    limits: &Limits,
    deadline: &Deadline,
) -> Result<Reduced, Failure> {
    let frame = &header.frame;
    let mut planes = Vec::with_capacity(frame.components.len());
    for component in &frame.components {
        let (width, height) = size(header, *component);
        let samples = run(&stream(bytes, header, *component)?, limits, ColorSpace::Luma)?;
        if samples.len() != (width * height) as usize {
            return Err(corrupt("its pixels don't fill its frame"));
        }
        planes.push(Plane { component: *component, width: width as usize, samples });
        deadline.check()?;
    }
    let layout = if planes.len() == 4 { Layout::Cmyk } else { Layout::Rgb };
    let mut shrinker = Shrinker::new(placement, frame.width, frame.height, layout);
    let mut row = vec![0; frame.width as usize * layout.channels()];
    for y in 0..frame.height {
        gather(header, &planes, y, &mut row);
        if header.coding == Coding::YCbCr {
            row.chunks_exact_mut(3).for_each(convert);
        }
        shrinker.push(&row);
        deadline.check()?;
    }
    Ok(shrinker.finish())
}

/// A component's own width and height.
fn size(header: &JpegHeader, component: Component) -> (u32, u32) {
    let (across, down) = header.frame.largest_sampling();
    let width = (header.frame.width * component.across).div_ceil(across);
    (width, (header.frame.height * component.down).div_ceil(down))
}

/// The component as a JPEG of its own: every table that comes before its scan, a frame of its size, and its
/// scan.
fn stream(bytes: &[u8], header: &JpegHeader, component: Component) -> Result<Vec<u8>, Failure> {
    let (width, height) = size(header, component);
    let mut stream = vec![0xFF, 0xD8];
    for range in &header.essential {
        let segment = bytes.get(range.clone()).unwrap_or_default();
        match segment {
            [_, 0xC0..=0xC2, ..] => {}
            [_, START_OF_SCAN, _, _, _, id, ..] if *id == component.id => {
                let [_, _, h1, h0] = height.to_be_bytes();
                let [_, _, w1, w0] = width.to_be_bytes();
                let frame =
                    [0xFF, 0xC1, 0, 11, 8, h1, h0, w1, w0, 1, component.id, 0x11, component.quantization];
                stream.extend_from_slice(&frame);
                stream.extend_from_slice(segment);
                stream.resize(stream.len() + READ_AHEAD, 0);
                return Ok(stream);
            }
            [_, START_OF_SCAN, ..] => {}
            tables => stream.extend_from_slice(tables),
        }
    }
    Err(corrupt("a component has no scan"))
}

/// A row of pixels, the nearest sample of each component.
fn gather(header: &JpegHeader, planes: &[Plane], y: u32, row: &mut [u8]) {
    let (across, down) = header.frame.largest_sampling();
    for (channel, plane) in planes.iter().enumerate() {
        let line = (y * plane.component.down / down) as usize * plane.width;
        let samples = &plane.samples[line..line + plane.width];
        let repeats = (across / plane.component.across) as usize;
        for (x, pixel) in row.chunks_exact_mut(planes.len()).enumerate() {
            pixel[channel] = samples[x / repeats];
        }
    }
}
