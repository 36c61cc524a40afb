//! The pipeline as a whole, over pictures that the tests make themselves.

mod animation;
mod bounds;
mod colours;
mod damage;
mod shapes;

use super::{Picture, PictureOptions, inspect, make_picture};
use pfp_shared::crop::Crop;
use pfp_shared::failure::Failure;
use pfp_shared::picture_format::PictureFormat;

fn make_with(bytes: &[u8], crop: Option<Crop>, options: &PictureOptions) -> Result<Picture, Failure> {
    make_picture(bytes, &inspect(bytes, options)?, crop, options)
}

fn make(bytes: &[u8]) -> Result<Picture, Failure> {
    make_with(bytes, None, &PictureOptions::default())
}

/// The pixels of a made still picture, as RGBA.
fn rgba(picture: &Picture) -> image::RgbaImage {
    let format = match picture.format {
        PictureFormat::Jpeg => image::ImageFormat::Jpeg,
        PictureFormat::Png => image::ImageFormat::Png,
        PictureFormat::Gif => image::ImageFormat::Gif,
    };
    let pixels = image::load_from_memory_with_format(&picture.bytes, format).unwrap().into_rgba8();
    assert_eq!((pixels.width(), pixels.height()), (picture.width, picture.height));
    pixels
}

/// Mean difference of a channel, of 255.
fn difference(one: &image::RgbaImage, other: &image::RgbaImage) -> f64 {
    assert_eq!(one.dimensions(), other.dimensions());
    let sum: u64 = one.as_raw().iter().zip(other.as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / one.as_raw().len() as f64
}

fn close(pixel: &image::Rgba<u8>, expected: [u8; 4], tolerance: u8) -> bool {
    pixel.0.iter().zip(expected).all(|(value, expected)| value.abs_diff(expected) <= tolerance)
}
