//! The colours of a made frame: its own where they are few, else the 255 that stand for them best.
//!
//! The choice is Wu's (Xiaolin Wu, "Efficient Statistical Computations for Optimal Color Quantization",
//! Graphics Gems II): the colour cube, cut into the boxes whose colours vary least. It takes about a
//! millisecond a frame, where a neural quantizer takes ten, at an error that is as low.

use std::collections::HashMap;

/// Colours of a palette; one more index is left for "transparent".
const MAX_COLOURS: usize = 255;

/// Cells of the colour cube along a side, beside a border of zeros that spares the sums a special case.
const CELLS: usize = 32;
const SIDE: usize = CELLS + 1;

pub(super) type Rgb = [u8; 3];

/// A palette and the way from a colour to its index.
#[derive(Debug)]
pub(super) struct Palette {
    pub(super) colours: Vec<Rgb>,
    lookup: Lookup,
    /// Mean difference of a channel between the colours that it was made for and those that stand for them.
    pub(super) error: f64,
}

#[derive(Debug)]
enum Lookup {
    Exact(HashMap<Rgb, u8>),
    /// An index for every cell of the cube.
    Cells(Vec<u8>),
}

impl Palette {
    /// The palette of these colours, one for each pixel.
    pub(super) fn of(pixels: impl Iterator<Item = Rgb> + Clone) -> Self {
        let mut exact = HashMap::new();
        for colour in pixels.clone() {
            let next = exact.len();
            exact.entry(colour).or_insert(next);
            if exact.len() > MAX_COLOURS {
                return Self::quantized(pixels);
            }
        }
        let mut colours = vec![[0; 3]; exact.len()];
        exact.iter().for_each(|(colour, index)| colours[*index] = *colour);
        let indices = exact.into_iter().map(|(colour, index)| (colour, byte(index))).collect();
        Self { colours, lookup: Lookup::Exact(indices), error: 0.0 }
    }

    /// The index of a colour; nothing if this palette has only exact colours and not this one.
    pub(super) fn index(&self, colour: Rgb) -> Option<u8> {
        match &self.lookup {
            Lookup::Exact(indices) => indices.get(&colour).copied(),
            Lookup::Cells(indices) => indices.get(cell(colour)).copied(),
        }
    }

    /// The mean difference of a channel when this palette stands for these colours; nothing if it can't.
    pub(super) fn error_for(&self, pixels: impl Iterator<Item = Rgb>) -> Option<f64> {
        let (mut sum, mut count) = (0u64, 0u32);
        for colour in pixels {
            let stands = self.colours[usize::from(self.index(colour)?)];
            sum += colour.iter().zip(stands).map(|(own, other)| u64::from(own.abs_diff(other))).sum::<u64>();
            count += 3;
        }
        // Below 2^53, so exact.
        Some(sum as f64 / f64::from(count.max(1)))
    }

    fn quantized(pixels: impl Iterator<Item = Rgb> + Clone) -> Self {
        let cube = Cube::of(pixels.clone());
        let mut indices = vec![0; SIDE * SIDE * SIDE];
        let mut colours = Vec::with_capacity(MAX_COLOURS);
        for part in cube.cut(MAX_COLOURS) {
            let sums = cube.sums(part);
            if sums.count > 0 {
                part.cells().for_each(|at| indices[at] = byte(colours.len()));
                colours.push(sums.colours.map(|sum| mean(sum, sums.count)));
            }
        }
        let mut palette = Self { colours, lookup: Lookup::Cells(indices), error: 0.0 };
        palette.error = palette.error_for(pixels).unwrap_or_default();
        palette
    }
}

/// What a number of pixels add up to.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    count: i64,
    colours: [i64; 3],
    squares: i64,
}

impl Sums {
    fn add(&mut self, other: &Self, sign: i64) {
        self.count += sign * other.count;
        self.squares += sign * other.squares;
        for (sum, value) in self.colours.iter_mut().zip(other.colours) {
            *sum += sign * value;
        }
    }

    /// The part of the variance that a cut can change: larger is better.
    fn spread(&self) -> f64 {
        let squares: f64 = self.colours.iter().map(|sum| (*sum as f64).powi(2)).sum();
        if self.count == 0 { 0.0 } else { squares / self.count as f64 }
    }

    fn variance(&self) -> f64 {
        self.squares as f64 - self.spread()
    }
}

/// Sums over everything from the cube's corner up to and with each cell.
struct Cube(Vec<Sums>);

/// A box in the cube: from beyond `low` up to and with `high`, along each axis.
#[derive(Debug, Clone, Copy)]
struct Part {
    low: [usize; 3],
    high: [usize; 3],
}

impl Part {
    fn cells(self) -> impl Iterator<Item = usize> {
        let Self { low, high } = self;
        (low[0] + 1..=high[0]).flat_map(move |red| {
            (low[1] + 1..=high[1])
                .flat_map(move |green| (low[2] + 1..=high[2]).map(move |blue| at([red, green, blue])))
        })
    }
}

impl Cube {
    fn of(pixels: impl Iterator<Item = Rgb>) -> Self {
        let mut cells = vec![Sums::default(); SIDE * SIDE * SIDE];
        for colour in pixels {
            let sums = &mut cells[cell(colour)];
            sums.count += 1;
            for (sum, value) in sums.colours.iter_mut().zip(colour) {
                *sum += i64::from(value);
                sums.squares += i64::from(value).pow(2);
            }
        }
        for (axis, step) in [SIDE * SIDE, SIDE, 1].into_iter().enumerate() {
            let mut first = [1; 3];
            first[axis] = 2;
            let part = Part { low: first.map(|low| low - 1), high: [CELLS; 3] };
            for at in part.cells() {
                let before = cells[at - step];
                cells[at].add(&before, 1);
            }
        }
        Self(cells)
    }

    /// What the pixels of a box add up to, from the sums at its eight corners.
    fn sums(&self, part: Part) -> Sums {
        let mut total = Sums::default();
        for corner in 0..8u32 {
            let lows = corner.count_ones();
            let pick = |axis: usize| if corner >> axis & 1 == 1 { part.low[axis] } else { part.high[axis] };
            total.add(&self.0[at([pick(0), pick(1), pick(2)])], if lows.is_multiple_of(2) { 1 } else { -1 });
        }
        total
    }

    /// Cuts the cube into boxes, always the one that varies most.
    fn cut(&self, count: usize) -> Vec<Part> {
        let whole = Part { low: [0; 3], high: [CELLS; 3] };
        let mut parts = vec![(whole, f64::INFINITY)];
        while parts.len() < count {
            let worst = parts.iter().enumerate().max_by(|(_, a), (_, b)| a.1.total_cmp(&b.1));
            let Some((at, &(part, variance))) = worst else { break };
            if variance <= 0.0 {
                break;
            }
            match self.best_cut(part) {
                Some((first, second)) => {
                    parts[at] = (first, self.sums(first).variance());
                    parts.push((second, self.sums(second).variance()));
                }
                // All of its pixels are in one cell.
                None => parts[at].1 = 0.0,
            }
        }
        parts.into_iter().map(|(part, _)| part).collect()
    }

    /// The cut, across any axis, that leaves the least variance in the two halves.
    fn best_cut(&self, part: Part) -> Option<(Part, Part)> {
        let whole = self.sums(part);
        let mut best: Option<(f64, Part, Part)> = None;
        for axis in 0..3 {
            for middle in part.low[axis] + 1..part.high[axis] {
                let (mut first, mut second) = (part, part);
                first.high[axis] = middle;
                second.low[axis] = middle;
                let below = self.sums(first);
                let mut above = whole;
                above.add(&below, -1);
                if below.count == 0 || above.count == 0 {
                    continue;
                }
                let spread = below.spread() + above.spread();
                if best.is_none_or(|(most, ..)| spread > most) {
                    best = Some((spread, first, second));
                }
            }
        }
        best.map(|(_, first, second)| (first, second))
    }
}

fn at([red, green, blue]: [usize; 3]) -> usize {
    (red * SIDE + green) * SIDE + blue
}

fn cell(colour: Rgb) -> usize {
    at(colour.map(|value| usize::from(value >> 3) + 1))
}

fn mean(sum: i64, count: i64) -> u8 {
    u8::try_from((sum + count / 2) / count).unwrap_or(u8::MAX)
}

/// Palettes have less than 256 colours.
fn byte(index: usize) -> u8 {
    u8::try_from(index).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_colours_are_kept_as_they_are() {
        let pixels = [[1, 2, 3], [200, 100, 0], [1, 2, 3]];
        let palette = Palette::of(pixels.into_iter());
        assert_eq!(palette.colours, [[1, 2, 3], [200, 100, 0]]);
        assert_eq!((palette.index([200, 100, 0]), palette.index([9, 9, 9])), (Some(1), None));
        assert_eq!(palette.error_for([[9, 9, 9]].into_iter()), None);
    }

    #[test]
    fn many_colours_are_stood_for_closely() {
        // A smooth plane of colours, the hardest case for a palette.
        let pixels = (0..=255u8).flat_map(|red| (0..=255u8).step_by(2).map(move |green| [red, green, 128]));
        let palette = Palette::of(pixels.clone());
        assert!(palette.colours.len() <= MAX_COLOURS && palette.colours.len() > 200);
        assert!(palette.error < 4.0, "{}", palette.error);
        let farthest = pixels
            .map(|colour| {
                let stands = palette.colours[usize::from(palette.index(colour).unwrap())];
                colour.iter().zip(stands).map(|(own, other)| own.abs_diff(other)).max().unwrap()
            })
            .max();
        assert!(farthest < Some(24), "{farthest:?}");
    }

    #[test]
    fn no_pixels_make_an_empty_palette() {
        assert!(Palette::of(std::iter::empty()).colours.is_empty());
    }
}
