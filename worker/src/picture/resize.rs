//! The resize that makes the quality: Lanczos with three lobes, at fractions of a pixel.

use super::pixels::{Layout, Pixels};
use super::shrink::Reduced;
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

/// The kept part of a picture at its final size.
pub(super) fn resize(reduced: Reduced, width: u32, height: u32) -> anyhow::Result<Pixels> {
    let Reduced { pixels, source } = reduced;
    let whole = (source.width - f64::from(pixels.width)).abs() < 1e-6
        && (source.height - f64::from(pixels.height)).abs() < 1e-6;
    if whole && (pixels.width, pixels.height) == (width, height) {
        return Ok(pixels);
    }
    let kind = match pixels.layout {
        Layout::Grey => PixelType::U8,
        Layout::Rgb => PixelType::U8x3,
        Layout::Rgba | Layout::Cmyk => PixelType::U8x4,
    };
    // Rounding may put the rectangle a hair's breadth outside of the picture.
    let (x, y) = (source.x.max(0.0), source.y.max(0.0));
    let kept_width = source.width.min(f64::from(pixels.width) - x);
    let kept_height = source.height.min(f64::from(pixels.height) - y);
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
        .crop(x, y, kept_width, kept_height)
        // Premultiplying costs precision, and the fourth ink isn't an alpha.
        .use_alpha(!pixels.is_opaque());
    let from = ImageRef::new(pixels.width, pixels.height, &pixels.data, kind)?;
    let mut to = Image::new(width, height, kind);
    Resizer::new().resize(&from, &mut to, &options)?;
    Ok(Pixels { width, height, layout: pixels.layout, data: to.into_vec() })
}
