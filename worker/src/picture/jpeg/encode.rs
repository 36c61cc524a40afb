//! Writes a baseline JPEG.

use crate::picture::pixels::{Layout, Pixels};
use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder, SamplingFactor};

/// A JPEG of opaque grey or RGB pixels; `quality` is 1 to 100.
///
/// Chroma has the full resolution (4:4:4): a profile picture is small and shown at its own size, where halved
/// chroma makes up a third of the error of the whole encoding, and full chroma costs about 3 KB. Where a
/// picture has to be subsampled after all, by its quality or by another encoder, chroma is averaged: the
/// encoder's default of taking every other pixel shows at coloured edges.
pub(in crate::picture) fn encode(pixels: &Pixels, quality: u8) -> anyhow::Result<Vec<u8>> {
    let colour = if pixels.layout == Layout::Grey { ColorType::Luma } else { ColorType::Rgb };
    let (width, height) = (u16::try_from(pixels.width)?, u16::try_from(pixels.height)?);
    let mut bytes = Vec::with_capacity(pixels.data.len() / 4);
    let mut encoder = Encoder::new(&mut bytes, quality.clamp(1, 100));
    encoder.set_sampling_factor(SamplingFactor::R_4_4_4);
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    encoder.encode(&pixels.data, width, height, colour)?;
    Ok(bytes)
}
