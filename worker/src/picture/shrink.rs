//! Reduction by whole factors, a row at a time: each pixel of the result is the mean of a box.
//!
//! It runs while rows are decoded, so a picture needn't be in memory, and it leaves at least twice the wanted
//! size to the resize that follows, whose filter then makes the quality.

use super::pixels::{Layout, Pixels};
use super::placement::{Placement, Rect};

/// What is left to the resize, beside less than one more halving.
const GAP: f64 = 2.0;

/// Products of a colour and an alpha, summed over this many rows, fit 32 bits.
const MAX_FACTOR: u32 = 65_536;

/// The kept part of a picture, reduced.
#[derive(Debug)]
pub(super) struct Reduced {
    pub(super) pixels: Pixels,
    /// What `Placement::source` is in coordinates of these pixels.
    pub(super) source: Rect,
}

/// Takes the rows of a picture from the top and reduces the part that a placement keeps.
#[derive(Debug)]
pub(super) struct Shrinker {
    layout: Layout,
    source: Rect,
    /// The kept part in whole pixels: from `left` and `top` to before `right` and `bottom`.
    left: u32,
    right: u32,
    top: u32,
    bottom: u32,
    factor_x: u32,
    factor_y: u32,
    next_row: u32,
    /// Sums over the rows of the present row of boxes; colours multiplied by alpha where there is one.
    sums: Vec<u32>,
    rows_summed: u32,
    data: Vec<u8>,
}

impl Shrinker {
    pub(super) fn new(placement: &Placement, width: u32, height: u32, layout: Layout) -> Self {
        let source = placement.source;
        let (left, right) = whole(source.x, source.width, width);
        let (top, bottom) = whole(source.y, source.height, height);
        let factor_x = factor(source.width, placement.width);
        let factor_y = factor(source.height, placement.height);
        let columns = (right - left).div_ceil(factor_x) as usize;
        let rows = (bottom - top).div_ceil(factor_y) as usize;
        let copies = factor_x == 1 && factor_y == 1;
        let sums = if copies { 0 } else { (right - left) as usize * layout.channels() };
        Self {
            layout,
            source,
            left,
            right,
            top,
            bottom,
            factor_x,
            factor_y,
            next_row: 0,
            sums: vec![0; sums],
            rows_summed: 0,
            data: Vec::with_capacity(columns * rows * layout.channels()),
        }
    }

    /// The next row: `width` pixels of the layout.
    pub(super) fn push(&mut self, row: &[u8]) {
        let number = self.next_row;
        self.next_row += 1;
        if number < self.top || number >= self.bottom {
            return;
        }
        let channels = self.layout.channels();
        let kept = &row[self.left as usize * channels..self.right as usize * channels];
        if self.sums.is_empty() {
            self.data.extend_from_slice(kept);
            return;
        }
        if self.layout == Layout::Rgba {
            for (sums, pixel) in self.sums.chunks_exact_mut(4).zip(kept.chunks_exact(4)) {
                let alpha = u32::from(pixel[3]);
                sums[0] += u32::from(pixel[0]) * alpha;
                sums[1] += u32::from(pixel[1]) * alpha;
                sums[2] += u32::from(pixel[2]) * alpha;
                sums[3] += alpha;
            }
        } else {
            for (sum, value) in self.sums.iter_mut().zip(kept) {
                *sum += u32::from(*value);
            }
        }
        self.rows_summed += 1;
        if self.rows_summed == self.factor_y {
            self.flush();
        }
    }

    /// Turns the sums into a row of the result.
    fn flush(&mut self) {
        let rows = u64::from(self.rows_summed);
        let columns = self.factor_x as usize;
        match self.layout {
            Layout::Grey => flush_means::<1>(&self.sums, columns, rows, &mut self.data),
            Layout::Rgb => flush_means::<3>(&self.sums, columns, rows, &mut self.data),
            Layout::Cmyk => flush_means::<4>(&self.sums, columns, rows, &mut self.data),
            Layout::Rgba => flush_alpha_means(&self.sums, columns, rows, &mut self.data),
        }
        self.sums.fill(0);
        self.rows_summed = 0;
    }

    /// The reduced picture, once every row has been pushed.
    pub(super) fn finish(mut self) -> Reduced {
        if self.rows_summed > 0 {
            self.flush();
        }
        let (factor_x, factor_y) = (f64::from(self.factor_x), f64::from(self.factor_y));
        let source = Rect {
            x: (self.source.x - f64::from(self.left)) / factor_x,
            y: (self.source.y - f64::from(self.top)) / factor_y,
            width: self.source.width / factor_x,
            height: self.source.height / factor_y,
        };
        let pixels = Pixels {
            width: (self.right - self.left).div_ceil(self.factor_x),
            height: (self.bottom - self.top).div_ceil(self.factor_y),
            layout: self.layout,
            data: self.data,
        };
        Reduced { pixels, source }
    }
}

/// Pixels per channel and side of a reduced picture, at most, for `made` pixels of the result: less than
/// twice the gap, and a box that is cut by the edge.
pub(super) fn largest_side(made: u32) -> u64 {
    u64::from(made) * 4 + 2
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 1.. before the cast")]
fn factor(kept: f64, made: u32) -> u32 {
    (kept / (f64::from(made) * GAP)).floor().clamp(1.0, f64::from(MAX_FACTOR)) as u32
}

/// The whole pixels that a stretch touches: at least one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 0..=limit before the cast"
)]
fn whole(start: f64, length: f64, limit: u32) -> (u32, u32) {
    // A hair's breadth of a pixel is a rounding error, not a pixel that is touched.
    let from = (start + 1e-6).floor().clamp(0.0, f64::from(limit.saturating_sub(1))) as u32;
    let to = (start + length - 1e-6).ceil().clamp(f64::from(from + 1), f64::from(limit.max(from + 1))) as u32;
    (from, to)
}

fn flush_means<const CHANNELS: usize>(sums: &[u32], columns: usize, rows: u64, data: &mut Vec<u8>) {
    for sums in sums.chunks(columns * CHANNELS) {
        let count = (sums.len() / CHANNELS) as u64 * rows;
        let mut totals = [0u64; CHANNELS];
        for pixel in sums.chunks_exact(CHANNELS) {
            for (total, value) in totals.iter_mut().zip(pixel) {
                *total += u64::from(*value);
            }
        }
        data.extend(totals.map(|total| mean(total, count)));
    }
}

fn flush_alpha_means(sums: &[u32], columns: usize, rows: u64, data: &mut Vec<u8>) {
    for sums in sums.chunks(columns * 4) {
        let count = (sums.len() / 4) as u64 * rows;
        let mut totals = [0u64; 4];
        for pixel in sums.chunks_exact(4) {
            for (total, value) in totals.iter_mut().zip(pixel) {
                *total += u64::from(*value);
            }
        }
        let alpha = totals[3].max(1);
        data.extend([
            mean(totals[0], alpha),
            mean(totals[1], alpha),
            mean(totals[2], alpha),
            mean(totals[3], count),
        ]);
    }
}

/// A mean of bytes, rounded, which is a byte again.
fn mean(total: u64, count: u64) -> u8 {
    u8::try_from((total + count / 2) / count).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::options::{Fit, PictureOptions};
    use crate::picture::orientation::Orientation;

    fn shrink(
        width: u32,
        height: u32,
        layout: Layout,
        size: u32,
        rows: impl Fn(u32, u32) -> Vec<u8>,
    ) -> Reduced {
        let options = PictureOptions { size, fit: Fit::Inside, ..PictureOptions::default() };
        let placement = Placement::new(width, height, Orientation::Upright, None, &options).unwrap();
        let mut shrinker = Shrinker::new(&placement, width, height, layout);
        for y in 0..height {
            shrinker.push(&(0..width).flat_map(|x| rows(x, y)).collect::<Vec<_>>());
        }
        shrinker.finish()
    }

    #[test]
    fn a_box_is_the_mean_of_its_pixels_and_twice_the_size_is_left() {
        let reduced = shrink(65, 48, Layout::Grey, 8, |x, _| vec![if x.is_multiple_of(2) { 10 } else { 21 }]);
        // 65 pixels into boxes of 4: the last box is one pixel wide.
        assert_eq!((reduced.pixels.width, reduced.pixels.height), (17, 12));
        assert!(reduced.pixels.data[..16].iter().all(|value| *value == 16));
        assert_eq!(reduced.pixels.data[16], 10);
        assert_eq!(reduced.source, Rect { x: 0.0, y: 0.0, width: 16.25, height: 12.0 });
        assert!(u64::from(reduced.pixels.width) <= largest_side(8));
    }

    #[test]
    fn the_colour_of_what_is_transparent_does_not_bleed() {
        let pixel =
            |x: u32, _| if x.is_multiple_of(2) { vec![200, 100, 50, 255] } else { vec![0, 255, 0, 0] };
        let reduced = shrink(64, 64, Layout::Rgba, 8, pixel);
        assert!(reduced.pixels.data.chunks_exact(4).all(|pixel| pixel == [200, 100, 50, 128]));
    }

    #[test]
    fn a_small_picture_is_copied() {
        let reduced = shrink(3, 2, Layout::Rgb, 200, |x, y| vec![1, 2, u8::try_from(x + 10 * y).unwrap()]);
        assert_eq!((reduced.pixels.width, reduced.pixels.height), (3, 2));
        assert_eq!(reduced.pixels.data[15..], [1, 2, 12]);
    }
}
