//! Pictures to upload: those that our own script made, and those of the corpus.

use crate::servers::variable;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// What the script that made a picture says of it.
#[derive(Debug, Clone, Deserialize)]
pub struct Made {
    /// Its file.
    pub file: String,
    /// `picture`, a failure code, or `any`.
    pub expect: String,
    /// Every failure code that would be right.
    #[serde(default)]
    pub codes: Vec<String>,
    /// Whether the API itself refuses it.
    #[serde(default)]
    pub api: bool,
    /// What `invalid_format` says that it is.
    #[serde(default)]
    pub detected: Option<String>,
    /// Whether it has a reference to compare with.
    #[serde(default)]
    pub compare: bool,
    /// The group of pictures that must come out like it.
    #[serde(default)]
    pub alike: Option<String>,
}

/// The folder of the pictures that our script made.
#[must_use]
pub fn folder() -> PathBuf {
    PathBuf::from(variable("PFP_TEST_PICTURES"))
}

/// The path of a made picture.
#[must_use]
pub fn made(file: &str) -> PathBuf {
    folder().join(file)
}

/// The bytes of a made picture.
///
/// # Panics
/// There is no such picture.
#[must_use]
pub fn bytes(file: &str) -> Vec<u8> {
    read(&made(file))
}

/// The bytes of a file.
///
/// # Panics
/// It can't be read.
#[must_use]
pub fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Everything that the script made.
///
/// # Panics
/// The manifest can't be read.
#[must_use]
pub fn manifest() -> Vec<Made> {
    serde_json::from_slice(&bytes("manifest.json")).expect("the manifest of the made pictures")
}

/// The mean difference of two pictures, from 0 to 255: over red, green and blue, and where one of them is
/// transparent anywhere, over the premultiplied colours and alpha.
///
/// # Panics
/// They aren't of the same size.
#[must_use]
pub fn mean_difference(one: &image::RgbaImage, other: &image::RgbaImage) -> f64 {
    assert_eq!(one.dimensions(), other.dimensions());
    let is_opaque = |picture: &image::RgbaImage| picture.pixels().all(|pixel| pixel.0[3] == 255);
    let channels = if is_opaque(one) && is_opaque(other) { 3 } else { 4 };
    let premultiplied = |pixel: &image::Rgba<u8>| {
        let [red, green, blue, alpha] = pixel.0.map(f64::from);
        [red * alpha / 255.0, green * alpha / 255.0, blue * alpha / 255.0, alpha]
    };
    let pairs = one.pixels().zip(other.pixels());
    let sum: f64 = pairs
        .flat_map(|(one, other)| {
            let (one, other) = (premultiplied(one), premultiplied(other));
            (0..channels).map(move |channel| (one[channel] - other[channel]).abs())
        })
        .sum();
    sum / (f64::from(one.width()) * f64::from(one.height()) * channels as f64)
}
