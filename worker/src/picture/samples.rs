//! Pictures that the tests make themselves.

use super::exif::tests::tiff;
use gif::{DisposalMethod, Encoder, Frame, Repeat};
use jpeg_encoder::{ColorType, SamplingFactor};
use std::borrow::Cow;

/// A pixel of the scene: smooth, with a different colour in each corner, so that a turn or a crop shows.
pub(super) fn colour(x: u32, y: u32, width: u32, height: u32) -> [u8; 3] {
    let part = |at: u32, whole: u32| u8::try_from(at * 255 / whole.max(1)).unwrap();
    [part(x, width), part(y, height), 128]
}

pub(super) fn scene(width: u32, height: u32) -> Vec<u8> {
    (0..height).flat_map(|y| (0..width).flat_map(move |x| colour(x, y, width, height))).collect()
}

/// How a JPEG is written.
#[derive(Clone, Copy)]
pub(super) struct JpegKind {
    pub(super) sampling: SamplingFactor,
    pub(super) progressive: bool,
    pub(super) restart_interval: u16,
    /// Optimised tables make this encoder write a scan for each component.
    pub(super) scan_a_component: bool,
}

pub(super) const PLAIN: JpegKind = JpegKind {
    sampling: SamplingFactor::R_4_2_0,
    progressive: false,
    restart_interval: 0,
    scan_a_component: false,
};

pub(super) fn jpeg_of(width: u32, height: u32, data: &[u8], colours: ColorType, kind: JpegKind) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 92);
    encoder.set_sampling_factor(kind.sampling);
    encoder.set_progressive(kind.progressive);
    encoder.set_optimized_huffman_tables(kind.scan_a_component);
    if kind.restart_interval > 0 {
        encoder.set_restart_interval(kind.restart_interval);
    }
    encoder.encode(data, u16::try_from(width).unwrap(), u16::try_from(height).unwrap(), colours).unwrap();
    bytes
}

pub(super) fn jpeg(width: u32, height: u32, kind: JpegKind) -> Vec<u8> {
    jpeg_of(width, height, &scene(width, height), ColorType::Rgb, kind)
}

/// With a segment after the start of image.
pub(super) fn with_segment(jpeg: &[u8], marker: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], &[0xFF, marker], &length, body, &jpeg[2..]].concat()
}

/// Stored as a camera that was held in this way stores it.
pub(super) fn with_orientation(jpeg: &[u8], orientation: u16) -> Vec<u8> {
    with_segment(jpeg, 0xE1, &[b"Exif\0\0", tiff(orientation, true).as_slice()].concat())
}

pub(super) fn png_of(
    width: u32,
    height: u32,
    colours: png::ColorType,
    depth: png::BitDepth,
    data: &[u8],
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(colours);
    encoder.set_depth(depth);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(data).unwrap();
    writer.finish().unwrap();
    bytes
}

pub(super) fn png(width: u32, height: u32) -> Vec<u8> {
    png_of(width, height, png::ColorType::Rgb, png::BitDepth::Eight, &scene(width, height))
}

/// The scene in a PNG, its left half transparent.
pub(super) fn half_transparent_png(width: u32, height: u32) -> Vec<u8> {
    let data: Vec<u8> = (0..height)
        .flat_map(|y| (0..width).map(move |x| (x, y)))
        .flat_map(|(x, y)| {
            let [red, green, blue] = colour(x, y, width, height);
            [red, green, blue, if x < width / 2 { 0 } else { 255 }]
        })
        .collect();
    png_of(width, height, png::ColorType::Rgba, png::BitDepth::Eight, &data)
}

/// A PNG with a chunk before its picture data; the checksum is right.
pub(super) fn with_chunk(png: &[u8], name: [u8; 4], data: &[u8]) -> Vec<u8> {
    const HEADER_END: usize = 8 + 25;
    let mut chunk = u32::try_from(data.len()).unwrap().to_be_bytes().to_vec();
    chunk.extend(name);
    chunk.extend(data);
    let checksum = crc(&chunk[4..]);
    chunk.extend(checksum.to_be_bytes());
    [&png[..HEADER_END], &chunk, &png[HEADER_END..]].concat()
}

/// The checksum of a PNG chunk, ISO 3309.
pub(super) fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 },
        )
    })
}

/// A frame of one colour: an index into red, green, blue and white, or [`NOTHING`].
#[derive(Clone, Copy)]
pub(super) struct Patch {
    pub(super) left: u16,
    pub(super) top: u16,
    pub(super) width: u16,
    pub(super) height: u16,
    pub(super) index: u8,
    pub(super) dispose: DisposalMethod,
    pub(super) delay: u16,
}

pub(super) const PALETTE: [u8; 12] = [255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255];
/// The index that is transparent.
pub(super) const NOTHING: u8 = 4;

pub(super) fn patch(
    left: u16,
    top: u16,
    width: u16,
    height: u16,
    index: u8,
    dispose: DisposalMethod,
) -> Patch {
    Patch { left, top, width, height, index, dispose, delay: 7 }
}

pub(super) fn gif(width: u16, height: u16, patches: &[Patch]) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new(), width, height, &PALETTE).unwrap();
    encoder.set_repeat(Repeat::Finite(3)).unwrap();
    for patch in patches {
        let pixels = usize::from(patch.width) * usize::from(patch.height);
        let frame = Frame {
            left: patch.left,
            top: patch.top,
            width: patch.width,
            height: patch.height,
            dispose: patch.dispose,
            delay: patch.delay,
            transparent: Some(NOTHING),
            buffer: Cow::Owned(vec![patch.index; pixels]),
            ..Frame::default()
        };
        encoder.write_frame(&frame).unwrap();
    }
    encoder.into_inner().unwrap()
}
