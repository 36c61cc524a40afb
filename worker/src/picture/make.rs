//! Makes the picture of an inspected file.

use super::colour;
use super::deadline::Deadline;
use super::gif::blocks::GifHeader;
use super::gif::canvas::Canvas;
use super::gif::encode::GifWriter;
use super::inspect::{Header, Inspected};
use super::jpeg;
use super::jpeg::markers::JpegHeader;
use super::options::PictureOptions;
use super::pixels::{Layout, Pixels};
use super::placement::Placement;
use super::png;
use super::png::chunks::PngHeader;
use super::refusal;
use super::resize::resize;
use super::shrink::Reduced;
use pfp_shared::crop::Crop;
use pfp_shared::failure::{Failure, FailureCode};
use pfp_shared::picture_format::PictureFormat;
use pfp_shared::storage::LARGEST_PICTURE;

/// A made picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// The format of `bytes`: that of the file.
    pub format: PictureFormat,
    /// The file to store.
    pub bytes: Vec<u8>,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
}

const WHITE: [u8; 3] = [255; 3];
const TRANSPARENT: [u8; 4] = [0; 4];

/// Makes the picture of a file that [`super::inspect()`] has looked at, with the same options.
///
/// It allocates `inspected.memory` bytes at most, and works on the calling thread, whose processor time the
/// deadline counts.
///
/// # Errors
/// `picture_corrupt` when the pixels are damaged or end too early; `picture_too_complex` when the time is used up;
/// `crop_invalid` when nothing of the crop is inside the picture. `unexpected_error` would be an error of ours.
pub fn make_picture(
    bytes: &[u8],
    inspected: &Inspected,
    crop: Option<Crop>,
    options: &PictureOptions,
) -> Result<Picture, Failure> {
    let Inspected { format, width, height, orientation, .. } = *inspected;
    let placement = Placement::new(width, height, orientation, crop, options)?;
    let deadline = Deadline::start(options.limits.decode_timeout);
    let job = Job { bytes, placement, options, deadline };
    let made = match &inspected.header {
        Header::Jpeg(header) => job.jpeg(header),
        Header::Png(header) => job.png(header),
        Header::Gif(header) => job.gif(header),
    }?;
    if made.bytes.len() as u64 > LARGEST_PICTURE {
        return Err(refusal::made_too_large(made.bytes.len()));
    }
    deadline.check()?;
    Ok(Picture { format, bytes: made.bytes, width: made.width, height: made.height })
}

struct Job<'a> {
    bytes: &'a [u8],
    placement: Placement,
    options: &'a PictureOptions,
    deadline: Deadline,
}

struct Made {
    bytes: Vec<u8>,
    width: u32,
    height: u32,
}

impl Job<'_> {
    fn jpeg(&self, header: &JpegHeader) -> Result<Made, Failure> {
        let limits = &self.options.limits;
        let reduced = refusal::unless_it_panics(PictureFormat::Jpeg, || {
            jpeg::decode::decode(self.bytes, header, &self.placement, limits, &self.deadline)
        })?;
        let pieces = header.icc.iter().filter_map(|piece| self.bytes.get(piece.clone()));
        let profile = pieces.collect::<Vec<_>>().concat();
        let mut pixels = self.finish(reduced, Some(&profile))?;
        if let Some(side) = self.placement.canvas {
            let background = &WHITE[..pixels.layout.channels()];
            pixels = pixels.centred_on(side, side, background);
        }
        made(jpeg::encode::encode(&pixels, self.options.quality), &pixels)
    }

    fn png(&self, header: &PngHeader) -> Result<Made, Failure> {
        let (reduced, profile) = refusal::unless_it_panics(PictureFormat::Png, || {
            let reduced = png::decode::decode(self.bytes, header, &self.placement, &self.deadline)?;
            Ok((reduced, png::decode::profile(self.bytes, header)))
        })?;
        let pixels = self.finish(reduced, profile.as_deref())?;
        let pixels = self.padded(pixels).without_idle_alpha();
        made(png::encode::encode(&pixels), &pixels)
    }

    fn gif(&self, header: &GifHeader) -> Result<Made, Failure> {
        let Placement { width, height, canvas, .. } = self.placement;
        let (width, height) = canvas.map_or((width, height), |side| (side, side));
        let animated = header.frames.len() > 1;
        let mut writer =
            GifWriter::new(width, height, header.loop_count.filter(|_| animated)).map_err(ours)?;
        let mut shown = Canvas::new(header);
        for frame in &header.frames {
            refusal::unless_it_panics(PictureFormat::Gif, || shown.show(self.bytes, frame, &self.deadline))?;
            let pixels = self.finish(shown.reduced(&self.placement), None)?;
            let delay = if animated { frame.delay } else { 0 };
            writer.add(&self.padded(pixels), delay).map_err(ours)?;
            self.deadline.check()?;
        }
        drop(shown);
        let bytes = writer.finish().map_err(ours)?;
        Ok(Made { bytes, width, height })
    }

    /// From the reduced part to its final size, in sRGB and upright.
    fn finish(&self, reduced: Reduced, profile: Option<&[u8]>) -> Result<Pixels, Failure> {
        let resized = resize(reduced, self.placement.width, self.placement.height).map_err(ours)?;
        self.deadline.check()?;
        Ok(self.placement.orientation.apply(colour::to_srgb(resized, profile)))
    }

    fn padded(&self, pixels: Pixels) -> Pixels {
        match self.placement.canvas {
            Some(side) if (pixels.width, pixels.height) != (side, side) => {
                pixels.with_alpha().centred_on(side, side, &TRANSPARENT)
            }
            _ => pixels,
        }
    }
}

fn made(bytes: anyhow::Result<Vec<u8>>, pixels: &Pixels) -> Result<Made, Failure> {
    debug_assert_ne!(pixels.layout, Layout::Cmyk, "inks have become light");
    Ok(Made { bytes: bytes.map_err(ours)?, width: pixels.width, height: pixels.height })
}

/// What only a mistake of ours can bring about.
fn ours(error: impl Into<anyhow::Error>) -> Failure {
    Failure::new(FailureCode::UnexpectedError, format!("The picture could not be made: {:#}.", error.into()))
}
