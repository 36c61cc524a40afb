//! A photo to try things with, drawn by ourselves: mountains at dawn, with the grain of a camera.

use anyhow::Context;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use std::path::Path;

/// Pixels of the upright picture: twelve megapixels, taller than wide.
const WIDTH: u16 = 3000;
const HEIGHT: u16 = 4000;

/// "Exif", a little-endian TIFF header, and one entry: orientation 6, turn right by 90 degrees to be upright.
const LYING_ON_ITS_SIDE: &[u8] = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";

/// Draws the photo and writes it as a JPEG.
///
/// # Errors
/// The file can't be written.
pub fn write(output: &Path) -> anyhow::Result<()> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 88);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.add_app_segment(1, LYING_ON_ITS_SIDE.to_vec())?;
    // Stored as phones do: the sensor lies on its side.
    encoder.encode(&draw(), HEIGHT, WIDTH, ColorType::Rgb)?;
    std::fs::write(output, file).with_context(|| output.display().to_string())
}

/// The pixels as stored: column by column of the upright picture, from its bottom up.
fn draw() -> Vec<u8> {
    let (width, height) = (usize::from(WIDTH), usize::from(HEIGHT));
    let ridges: Vec<[f32; 4]> = (0..width).map(|x| ridges_at(x as f32 / width as f32)).collect();
    let mut pixels = Vec::with_capacity(width * height * 3);
    let mut grain = 0x2545_F491_4F6C_DD1D_u64;
    for ridge in ridges.iter().enumerate() {
        let (x, ridges) = (ridge.0 as f32 / width as f32, ridge.1);
        for row in (0..height).rev() {
            grain ^= grain << 13;
            grain ^= grain >> 7;
            grain ^= grain << 17;
            let noise = (grain % 17) as f32 - 8.0;
            pixels.extend(colour_at(x, row as f32 / height as f32, ridges).map(|value| byte(value + noise)));
        }
    }
    pixels
}

/// Heights of four ridges at a place from left to right, from the farthest to the nearest; 0 is the top.
fn ridges_at(x: f32) -> [f32; 4] {
    std::array::from_fn(|ridge| {
        let nearness = ridge as f32;
        let waves = (1..6).map(|octave| {
            let frequency = (octave * octave) as f32 * (1.7 + 0.6 * nearness);
            (x * frequency * 6.3 + nearness * 2.1 + octave as f32).sin() / (octave * octave) as f32
        });
        0.45 + 0.12 * nearness + 0.07 * waves.sum::<f32>()
    })
}

/// The colour at a place; both coordinates from 0 to 1.
fn colour_at(x: f32, y: f32, ridges: &[f32; 4]) -> [f32; 3] {
    const RIDGES: [[f32; 3]; 4] =
        [[142.0, 128.0, 160.0], [98.0, 92.0, 128.0], [58.0, 66.0, 92.0], [24.0, 38.0, 44.0]];
    if let Some(nearest) = (0..4).rev().find(|ridge| y > ridges[*ridge]) {
        let depth = (y - ridges[nearest]) * 60.0;
        return RIDGES[nearest].map(|value| value + depth.min(18.0));
    }
    let sun = ((x - 0.64).powi(2) + (y - 0.36).powi(2) * 1.8).sqrt();
    let glow = (1.0 - sun * 2.4).max(0.0).powi(2) * 120.0;
    let disc = if sun < 0.055 { 60.0 } else { 0.0 };
    [
        70.0 + 150.0 * y + glow + disc,
        95.0 + 90.0 * y + glow * 0.7 + disc,
        165.0 + 10.0 * y + glow * 0.2 + disc,
    ]
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a byte's range")]
fn byte(value: f32) -> u8 {
    value.clamp(0.0, 255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{PictureOptions, inspect};

    #[test]
    fn the_sample_is_a_photo_that_fits_the_default_limits() {
        let path = std::env::temp_dir().join(format!("pfp-sample-{}.jpg", uuid::Uuid::new_v4()));
        write(&path).unwrap();
        let file = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(file.len() < 5 << 20, "{} bytes", file.len());
        let inspected = inspect(&file, &PictureOptions::default()).unwrap();
        assert_eq!((inspected.width, inspected.height), (4000, 3000));
    }
}
