//! The canvas that a viewer draws the frames on.

use super::blocks::{Disposal, FrameHeader, GifHeader};
use super::corrupt;
use super::frame;
use crate::picture::deadline::Deadline;
use crate::picture::pixels::Layout;
use crate::picture::placement::Placement;
use crate::picture::shrink::{Reduced, Shrinker};
use pfp_shared::failure::Failure;

/// The picture as a viewer shows it, frame by frame.
pub(in crate::picture) struct Canvas {
    width: u32,
    height: u32,
    /// RGBA, transparent at first.
    data: Vec<u8>,
    /// How the frame that is shown will be taken away.
    leaving: Option<Leaving>,
}

struct Leaving {
    area: Area,
    /// The pixels to put back; the area is cleared when there are none.
    before: Option<Vec<u8>>,
}

/// The part of a frame that is on the canvas, in canvas pixels.
#[derive(Clone, Copy)]
struct Area {
    left: usize,
    right: usize,
    top: usize,
    bottom: usize,
}

impl Canvas {
    pub(in crate::picture) fn new(header: &GifHeader) -> Self {
        let pixels = header.width as usize * header.height as usize;
        Self { width: header.width, height: header.height, data: vec![0; pixels * 4], leaving: None }
    }

    /// Takes the last frame away and draws this one.
    pub(in crate::picture) fn show(
        &mut self,
        bytes: &[u8],
        frame: &FrameHeader,
        deadline: &Deadline,
    ) -> Result<(), Failure> {
        self.take_away();
        let area = self.area(frame);
        self.leaving = match frame.disposal {
            Disposal::Keep => None,
            Disposal::Clear => Some(Leaving { area, before: None }),
            Disposal::Restore => Some(Leaving { area, before: Some(self.copy(area)) }),
        };
        let colours = colours(bytes, frame)?;
        let stride = self.width as usize * 4;
        let canvas = &mut self.data;
        frame::rows(bytes, frame, deadline, |number, indices| {
            let y = frame.top as usize + number as usize;
            if y >= area.bottom {
                return;
            }
            let visible = &indices[..area.right - area.left];
            let row = &mut canvas[y * stride + area.left * 4..y * stride + area.right * 4];
            for (pixel, index) in row.chunks_exact_mut(4).zip(visible) {
                let colour = colours[usize::from(*index)];
                if colour[3] != 0 {
                    pixel.copy_from_slice(&colour);
                }
            }
        })
    }

    /// The part of what is shown that `placement` keeps, reduced by whole factors.
    pub(in crate::picture) fn reduced(&self, placement: &Placement) -> Reduced {
        let mut shrinker = Shrinker::new(placement, self.width, self.height, Layout::Rgba);
        self.data.chunks_exact(self.width as usize * 4).for_each(|row| shrinker.push(row));
        shrinker.finish()
    }

    fn area(&self, frame: &FrameHeader) -> Area {
        let (left, top) = (frame.left.min(self.width), frame.top.min(self.height));
        let right = (frame.left + frame.width).min(self.width).max(left);
        let bottom = (frame.top + frame.height).min(self.height).max(top);
        Area { left: left as usize, right: right as usize, top: top as usize, bottom: bottom as usize }
    }

    fn rows_of(&mut self, area: Area) -> impl Iterator<Item = &mut [u8]> {
        let stride = self.width as usize * 4;
        self.data[area.top * stride..area.bottom * stride]
            .chunks_exact_mut(stride)
            .map(move |row| &mut row[area.left * 4..area.right * 4])
    }

    fn copy(&mut self, area: Area) -> Vec<u8> {
        let mut copy = Vec::with_capacity((area.right - area.left) * (area.bottom - area.top) * 4);
        self.rows_of(area).for_each(|row| copy.extend_from_slice(row));
        copy
    }

    fn take_away(&mut self) {
        let Some(Leaving { area, before }) = self.leaving.take() else { return };
        match before {
            None => self.rows_of(area).for_each(|row| row.fill(0)),
            Some(before) => {
                let mut rest = before.as_slice();
                for row in self.rows_of(area) {
                    let (own, others) = rest.split_at(row.len());
                    row.copy_from_slice(own);
                    rest = others;
                }
            }
        }
    }
}

/// The colour of every index; transparent where the frame says so and beyond its palette, as in browsers.
fn colours(bytes: &[u8], frame: &FrameHeader) -> Result<Vec<[u8; 4]>, Failure> {
    let palette = bytes.get(frame.palette.clone()).unwrap_or_default();
    if palette.is_empty() {
        return Err(corrupt("a frame has no colours"));
    }
    let mut colours: Vec<_> = palette.chunks_exact(3).map(|rgb| [rgb[0], rgb[1], rgb[2], 255]).collect();
    // Codes have up to 11 bits, but a pixel is a byte.
    colours.resize(256, [0; 4]);
    if let Some(index) = frame.transparent {
        colours[usize::from(index)] = [0; 4];
    }
    Ok(colours)
}
