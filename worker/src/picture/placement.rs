//! Which part of the stored picture becomes which size of the made one.

use super::options::{Fit, PictureOptions};
use super::orientation::Orientation;
use pfp_shared::crop::Crop;
use pfp_shared::failure::{Failure, FailureCode};

/// A rectangle in pixels, with fractions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rect {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// What the resize has to do, in the coordinates of the stored picture: the orientation is applied to the
/// small result, where it costs nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Placement {
    /// The part of the stored picture that is kept.
    pub(super) source: Rect,
    /// Width of the kept part in the result, before it is turned upright.
    pub(super) width: u32,
    /// Height of the kept part in the result, before it is turned upright.
    pub(super) height: u32,
    /// How the result is turned upright.
    pub(super) orientation: Orientation,
    /// The side of the square that the upright result is centred on, if it doesn't fill it.
    pub(super) canvas: Option<u32>,
}

impl Placement {
    /// For a stored picture of `width` x `height` pixels.
    ///
    /// # Errors
    /// `crop_invalid` when nothing of the crop is inside the upright picture.
    pub(super) fn new(
        width: u32,
        height: u32,
        orientation: Orientation,
        crop: Option<Crop>,
        options: &PictureOptions,
    ) -> Result<Self, Failure> {
        let (upright_width, upright_height) =
            if orientation.swaps_sides() { (height, width) } else { (width, height) };
        let region = match crop {
            Some(crop) => clamp(crop, upright_width, upright_height)?,
            None => Rect { x: 0.0, y: 0.0, width: upright_width.into(), height: upright_height.into() },
        };
        let size = f64::from(options.size);
        let (kept, made_width, made_height) = match options.fit {
            Fit::Cover => (centred_square(region), options.size, options.size),
            Fit::Contain | Fit::Inside => {
                let mut scale = (size / region.width).min(size / region.height);
                if options.fit == Fit::Inside {
                    scale = scale.min(1.0);
                }
                (
                    region,
                    pixels(region.width * scale, options.size),
                    pixels(region.height * scale, options.size),
                )
            }
        };
        let (width_made, height_made) =
            if orientation.swaps_sides() { (made_height, made_width) } else { (made_width, made_height) };
        Ok(Self {
            source: orientation.to_stored(kept, width, height),
            width: width_made,
            height: height_made,
            orientation,
            canvas: (options.fit == Fit::Contain).then_some(options.size),
        })
    }
}

fn clamp(crop: Crop, width: u32, height: u32) -> Result<Rect, Failure> {
    let right = crop.x.saturating_add(crop.width).min(width);
    let bottom = crop.y.saturating_add(crop.height).min(height);
    if crop.x >= right || crop.y >= bottom {
        let detail = format!(
            "The crop starts at {},{}, outside of the upright picture, which is {width} x {height} pixels.",
            crop.x, crop.y
        );
        return Err(Failure::new(FailureCode::CropInvalid, detail)
            .actual(crop.to_string())
            .allowed(format!("a rectangle within 0,0,{width},{height}")));
    }
    Ok(Rect {
        x: crop.x.into(),
        y: crop.y.into(),
        width: (right - crop.x).into(),
        height: (bottom - crop.y).into(),
    })
}

fn centred_square(region: Rect) -> Rect {
    let side = region.width.min(region.height);
    Rect {
        x: region.x + (region.width - side) / 2.0,
        y: region.y + (region.height - side) / 2.0,
        width: side,
        height: side,
    }
}

/// A side of the result: never nothing, however long and thin the picture is.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 1..=size before the cast"
)]
fn pixels(side: f64, size: u32) -> u32 {
    side.round().clamp(1.0, f64::from(size)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(width: u32, height: u32, exif: u16, crop: Option<Crop>, fit: Fit) -> Result<Placement, Failure> {
        let options = PictureOptions { fit, ..PictureOptions::default() };
        Placement::new(width, height, Orientation::from_exif(exif), crop, &options)
    }

    fn rect(x: f64, y: f64, width: f64, height: f64) -> Rect {
        Rect { x, y, width, height }
    }

    #[test]
    fn cover_keeps_the_centred_square_to_half_a_pixel() {
        let placed = place(301, 200, 1, None, Fit::Cover).unwrap();
        assert_eq!(placed.source, rect(50.5, 0.0, 200.0, 200.0));
        assert_eq!((placed.width, placed.height), (200, 200));
        let thin = place(16_384, 1, 1, None, Fit::Cover).unwrap();
        assert_eq!(thin.source, rect(8191.5, 0.0, 1.0, 1.0));
    }

    #[test]
    fn contain_and_inside_keep_the_whole_picture_and_only_contain_scales_it_up() {
        let contained = place(100, 50, 1, None, Fit::Contain).unwrap();
        assert_eq!((contained.width, contained.height, contained.canvas), (200, 100, Some(200)));
        let inside = place(100, 50, 1, None, Fit::Inside).unwrap();
        assert_eq!((inside.width, inside.height, inside.canvas), (100, 50, None));
        let shrunk = place(16_384, 1, 1, None, Fit::Inside).unwrap();
        assert_eq!((shrunk.width, shrunk.height), (200, 1));
    }

    #[test]
    fn a_crop_is_given_in_upright_pixels_and_found_in_the_stored_picture() {
        let crop = Some(Crop { x: 10, y: 20, width: 100, height: 100 });
        // Stored 400 x 300, turned a quarter clockwise: the upright picture is 300 x 400.
        let placed = place(400, 300, 6, crop, Fit::Cover).unwrap();
        assert_eq!(placed.source, rect(20.0, 190.0, 100.0, 100.0));
        let turned = place(400, 300, 6, None, Fit::Inside).unwrap();
        assert_eq!((turned.width, turned.height), (200, 150));
    }

    #[test]
    fn a_crop_beyond_the_picture_is_clamped_and_refused_when_nothing_is_left() {
        let wide = Some(Crop { x: 50, y: 0, width: u32::MAX, height: u32::MAX });
        assert_eq!(place(100, 80, 1, wide, Fit::Inside).unwrap().source, rect(50.0, 0.0, 50.0, 80.0));
        let outside = Some(Crop { x: 100, y: 0, width: 5, height: 5 });
        assert_eq!(place(100, 80, 1, outside, Fit::Cover).unwrap_err().code, FailureCode::CropInvalid);
        // Upright it is 80 x 100, so a corner at 90,0 is outside and 0,90 is inside.
        let upright = Some(Crop { x: 0, y: 90, width: 5, height: 5 });
        assert!(place(100, 80, 6, upright, Fit::Cover).is_ok());
    }
}
