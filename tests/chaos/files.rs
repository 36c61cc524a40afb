//! The pictures that clients upload: each kind has a colour of its own, that its 200x200 picture is known by.

use bytes::Bytes;
use image::{DynamicImage, ImageEncoder, Rgb, RgbImage, codecs::jpeg::JpegEncoder};
use pfp_tests::chance::Chance;

/// Width and height: what comes out is 0.2 to 4 MB, small ones more often, as with real clients.
const SIZES: [(u32, u32); 12] = [
    (480, 360),
    (480, 480),
    (560, 420),
    (600, 480),
    (640, 480),
    (720, 540),
    (800, 600),
    (900, 700),
    (1100, 800),
    (1300, 1000),
    (1600, 1200),
    (1900, 1400),
];

/// How far a pixel may be from the colour of its kind: noise, so that the file is as large as a photo.
const NOISE: u8 = 61;

/// How far the mean of a picture may be from its colour; two kinds are further apart.
const ALIKE: i32 = 14;

/// A kind of file.
#[derive(Debug)]
pub(crate) struct File {
    /// What is uploaded.
    pub(crate) bytes: Bytes,
    colour: [u8; 3],
}

/// One of each kind.
pub(crate) fn all(chance: &mut Chance) -> pfp_tests::Result<Vec<File>> {
    let kinds = SIZES.iter().zip(colours());
    kinds.map(|(size, colour)| File::make(*size, colour, chance)).collect()
}

/// Colours that are far apart, with room for noise on both sides.
fn colours() -> impl Iterator<Item = [u8; 3]> {
    let levels = [70_u8, 127, 185];
    (0..27).map(move |number| [levels[number / 9], levels[number / 3 % 3], levels[number % 3]])
}

impl File {
    fn make((width, height): (u32, u32), colour: [u8; 3], chance: &mut Chance) -> pfp_tests::Result<Self> {
        let mut noisy = |level: u8| {
            let noise = u8::try_from(chance.below(2 * usize::from(NOISE) + 1)).unwrap_or_default();
            level.saturating_add(noise).saturating_sub(NOISE)
        };
        let picture = RgbImage::from_fn(width, height, |_, _| Rgb(colour.map(&mut noisy)));
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, 92).write_image(
            &picture,
            width,
            height,
            image::ExtendedColorType::Rgb8,
        )?;
        Ok(Self { bytes: bytes.into(), colour })
    }

    /// What is wrong with a picture that should come from this file; nothing if it does.
    pub(crate) fn judge(&self, picture: &[u8]) -> Option<String> {
        let picture = match image::load_from_memory(picture) {
            Ok(picture) => picture.to_rgb8(),
            Err(error) => return Some(format!("isn't a picture: {error}")),
        };
        if picture.dimensions() != (200, 200) {
            return Some(format!("is {:?} large", picture.dimensions()));
        }
        let mean =
            DynamicImage::from(picture).resize_exact(1, 1, image::imageops::FilterType::Triangle).to_rgb8();
        let mean = mean.get_pixel(0, 0).0;
        let is_alike =
            mean.iter().zip(self.colour).all(|(is, was)| (i32::from(*is) - i32::from(was)).abs() < ALIKE);
        (!is_alike).then(|| format!("has the colour {mean:?} instead of {:?}", self.colour))
    }
}
