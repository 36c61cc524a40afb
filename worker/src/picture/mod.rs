//! Bytes in, a profile picture out: pure and synchronous.
//!
//! # The way of a picture
//! 1. [`inspect()`] walks the file's markers, chunks or blocks and checks every limit that a header can tell, before
//!    any decoder runs, and says what memory the rest takes (`memory`). The caller reserves that much.
//! 2. [`make_picture`] finds the part that is kept and the size that it becomes (`placement`),
//! 3. decodes that part (`jpeg`, `png`, `gif`), reducing it by whole factors while rows come in (`shrink`),
//! 4. resizes it (`resize`), converts it to sRGB (`colour`), turns it upright (`orientation`, which `exif` reads),
//! 5. and writes it anew in the format that it came in. Nothing of the file but its pixels survives.
//!
//! # Invariants
//! - A decoder sees only what pixels are made of: metadata, padding and trailing bytes are left out beforehand.
//! - Whatever can be long is bounded by a limit of [`Limits`]; loops over rows and frames ask the deadline.
//! - No input makes it panic; a decoder that does is caught, and the file counts as corrupt.

mod deadline;
mod options;

mod exif;
mod inspect;
mod memory;
mod orientation;
mod placement;
mod refusal;

mod gif;
mod jpeg;
mod pixels;
mod png;

mod colour;
mod resize;
mod shrink;

mod make;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;

pub use deadline::thread_cpu_time;
pub use inspect::{Inspected, inspect};
pub use make::{Picture, make_picture};
pub use options::{Fit, GifAnimation, Limits, PictureOptions};
pub use orientation::Orientation;
