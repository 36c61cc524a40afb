//! The eight ways in which a camera may have been held, and how a stored picture becomes upright.

use super::pixels::Pixels;
use super::placement::Rect;

/// EXIF orientation, 1 to 8; 1 is upright.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Orientation {
    /// As stored.
    #[default]
    Upright = 1,
    /// Mirrored left to right.
    Mirrored = 2,
    /// Upside down.
    Rotated180 = 3,
    /// Mirrored top to bottom.
    Flipped = 4,
    /// Mirrored along the diagonal from the top left.
    Transposed = 5,
    /// To be turned a quarter clockwise.
    Rotated90 = 6,
    /// Mirrored along the diagonal from the top right.
    Transversed = 7,
    /// To be turned a quarter counter-clockwise.
    Rotated270 = 8,
}

impl Orientation {
    /// The orientation of an EXIF value; one that doesn't exist counts as upright.
    #[must_use]
    pub fn from_exif(value: u16) -> Self {
        match value {
            2 => Self::Mirrored,
            3 => Self::Rotated180,
            4 => Self::Flipped,
            5 => Self::Transposed,
            6 => Self::Rotated90,
            7 => Self::Transversed,
            8 => Self::Rotated270,
            _ => Self::Upright,
        }
    }

    /// Every orientation is two optional flips of the stored picture, then an optional swap of its axes.
    fn steps(self) -> Steps {
        let (flip_x, flip_y, swap) = match self {
            Self::Upright => (false, false, false),
            Self::Mirrored => (true, false, false),
            Self::Rotated180 => (true, true, false),
            Self::Flipped => (false, true, false),
            Self::Transposed => (false, false, true),
            Self::Rotated90 => (false, true, true),
            Self::Transversed => (true, true, true),
            Self::Rotated270 => (true, false, true),
        };
        Steps { flip_x, flip_y, swap }
    }

    /// Whether width and height change places.
    #[must_use]
    pub fn swaps_sides(self) -> bool {
        self.steps().swap
    }

    /// A rectangle of the upright picture in the coordinates of the stored one, which is `width` x `height`.
    pub(super) fn to_stored(self, upright: Rect, width: u32, height: u32) -> Rect {
        let steps = self.steps();
        let mut rect = upright;
        if steps.swap {
            rect = Rect { x: rect.y, y: rect.x, width: rect.height, height: rect.width };
        }
        if steps.flip_x {
            rect.x = f64::from(width) - rect.x - rect.width;
        }
        if steps.flip_y {
            rect.y = f64::from(height) - rect.y - rect.height;
        }
        rect
    }

    /// The upright picture of a stored one.
    pub(super) fn apply(self, stored: Pixels) -> Pixels {
        let Steps { flip_x, flip_y, swap } = self.steps();
        if !(flip_x || flip_y || swap) {
            return stored;
        }
        let (width, height) = (stored.width as usize, stored.height as usize);
        let channels = stored.layout.channels();
        let mut data = Vec::with_capacity(stored.data.len());
        let (columns, rows) = if swap { (height, width) } else { (width, height) };
        for row in 0..rows {
            for column in 0..columns {
                let (x, y) = if swap { (row, column) } else { (column, row) };
                let x = if flip_x { width - 1 - x } else { x };
                let y = if flip_y { height - 1 - y } else { y };
                let at = (y * width + x) * channels;
                data.extend_from_slice(&stored.data[at..at + channels]);
            }
        }
        let (width, height) =
            if swap { (stored.height, stored.width) } else { (stored.width, stored.height) };
        Pixels { width, height, layout: stored.layout, data }
    }
}

struct Steps {
    flip_x: bool,
    flip_y: bool,
    swap: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::pixels::Layout;

    /// What each orientation does to the stored picture `ab / cd / ef`.
    const UPRIGHT: [(u16, u32, &[u8; 6]); 8] = [
        (1, 2, b"abcdef"),
        (2, 2, b"badcfe"),
        (3, 2, b"fedcba"),
        (4, 2, b"efcdab"),
        (5, 3, b"acebdf"),
        (6, 3, b"ecafdb"),
        (7, 3, b"fdbeca"),
        (8, 3, b"bdface"),
    ];

    #[test]
    fn every_orientation_is_made_upright() {
        for (exif, width, upright) in UPRIGHT {
            let stored = Pixels { width: 2, height: 3, layout: Layout::Grey, data: b"abcdef".to_vec() };
            let made = Orientation::from_exif(exif).apply(stored);
            assert_eq!((made.width, made.data.as_slice()), (width, upright.as_slice()), "orientation {exif}");
        }
    }

    #[test]
    fn a_rectangle_of_the_upright_picture_is_found_in_the_stored_one() {
        for (exif, width, upright) in UPRIGHT {
            let orientation = Orientation::from_exif(exif);
            for (at, letter) in (0u32..).zip(upright) {
                let (x, y) = (f64::from(at % width), f64::from(at / width));
                let stored = orientation.to_stored(Rect { x, y, width: 1.0, height: 1.0 }, 2, 3);
                let index = stored.y * 2.0 + stored.x;
                assert_eq!(index, f64::from(*letter - b'a'), "orientation {exif}");
            }
        }
    }

    #[test]
    fn an_orientation_that_does_not_exist_is_upright() {
        for value in [0, 9, 65_535] {
            assert_eq!(Orientation::from_exif(value), Orientation::Upright);
        }
    }
}
