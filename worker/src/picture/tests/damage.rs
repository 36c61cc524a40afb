//! Damaged, truncated and hostile files: the right verdict, and never a panic.

use super::super::options::PictureOptions;
use super::super::samples::{self, JpegKind, PLAIN, gif, patch};
use super::{make, make_with};
use gif::DisposalMethod;
use jpeg_encoder::SamplingFactor;
use pfp_shared::failure::FailureCode;

fn progressive() -> JpegKind {
    JpegKind { progressive: true, ..PLAIN }
}

fn animation() -> Vec<u8> {
    gif(
        40,
        30,
        &[
            patch(0, 0, 40, 30, 0, DisposalMethod::Keep),
            patch(5, 5, 20, 20, 1, DisposalMethod::Previous),
            patch(0, 0, 9, 9, 2, DisposalMethod::Background),
        ],
    )
}

/// Small pictures of every kind.
fn small() -> Vec<Vec<u8>> {
    vec![
        samples::jpeg(67, 45, PLAIN),
        samples::jpeg(67, 45, progressive()),
        samples::jpeg(67, 45, JpegKind { sampling: SamplingFactor::R_4_4_4, restart_interval: 2, ..PLAIN }),
        samples::jpeg(67, 45, JpegKind { scan_a_component: true, ..PLAIN }),
        samples::png(67, 45),
        samples::half_transparent_png(31, 20),
        animation(),
    ]
}

#[test]
fn a_truncated_file_is_refused_wherever_it_ends() {
    for (number, bytes) in small().into_iter().enumerate() {
        for length in 8..bytes.len() {
            let code = make(&bytes[..length]).err().map(|failure| failure.code);
            let expected = Some(FailureCode::PictureCorrupt);
            assert_eq!(code, expected, "picture {number}, {length} of {} bytes", bytes.len());
        }
    }
}

#[test]
fn a_jpeg_that_ends_early_with_an_end_marker_is_refused() {
    let bytes = samples::jpeg(300, 200, PLAIN);
    for percent in [40, 70, 95] {
        let cut = [&bytes[..bytes.len() * percent / 100], &[0xFF, 0xD9]].concat();
        assert_eq!(make(&cut).unwrap_err().code, FailureCode::PictureCorrupt, "{percent} %");
    }
}

#[test]
fn camera_files_with_padding_and_more_pictures_are_taken() {
    let bytes = samples::jpeg(300, 200, PLAIN);
    let expected = make(&bytes).unwrap();
    let padded = [&bytes[..20], &[0; 30], &[0xFF; 5], &bytes[20..]].concat();
    let several = [bytes.as_slice(), &[0xFF; 3], &samples::jpeg(30, 30, PLAIN)].concat();
    let unknown = samples::with_segment(&bytes, 0xF5, b"of a camera");
    for odd in [padded, several, unknown] {
        assert_eq!(make(&odd).unwrap(), expected);
    }
}

#[test]
fn a_damaged_checksum_is_refused_only_where_it_matters() {
    let png = samples::with_chunk(&samples::png(60, 60), *b"tEXt", b"a\0b");
    let find = |name: &[u8]| png.windows(4).position(|window| window == name).unwrap();
    let mut text = png.clone();
    text[find(b"tEXt") + 7] ^= 1;
    assert!(make(&text).is_ok());
    for name in [b"IHDR", b"IDAT"] {
        let mut damaged = png.clone();
        let at = find(name);
        let length = u32::from_be_bytes(png[at - 4..at].try_into().unwrap()) as usize;
        damaged[at + 4 + length] ^= 1;
        assert_eq!(make(&damaged).unwrap_err().code, FailureCode::PictureCorrupt);
    }
}

#[test]
fn what_is_not_taken_is_named() {
    let failure = make(b"RIFF\x10\0\0\0WEBPVP8 ").unwrap_err();
    assert_eq!((failure.code, failure.detected.as_deref()), (FailureCode::InvalidFormat, Some("webp")));
    assert_eq!(failure.allowed.unwrap(), serde_json::json!(["image/jpeg", "image/png", "image/gif"]));
    let options = PictureOptions {
        allowed: vec![pfp_shared::picture_format::PictureFormat::Png],
        ..PictureOptions::default()
    };
    let failure = make_with(&samples::jpeg(9, 9, PLAIN), None, &options).unwrap_err();
    assert_eq!((failure.code, failure.detected.as_deref()), (FailureCode::InvalidFormat, Some("jpeg")));
}

#[test]
fn kinds_of_jpeg_that_are_not_supported_are_named() {
    let bytes = samples::jpeg(60, 60, PLAIN);
    let frame = bytes.windows(2).position(|window| window == [0xFF, 0xC0]).unwrap();
    for (marker, kind) in
        [(0xC9, "arithmetic"), (0xC3, "lossless"), (0xC5, "hierarchical"), (0xCA, "arithmetic")]
    {
        let mut other = bytes.clone();
        other[frame + 1] = marker;
        let failure = make(&other).unwrap_err();
        assert_eq!(failure.code, FailureCode::InvalidFormat);
        assert!(failure.detected.unwrap().contains(kind));
    }
    let mut deep = bytes;
    deep[frame + 4] = 12;
    assert_eq!(make(&deep).unwrap_err().detected.as_deref(), Some("jpeg (12-bit)"));
}

/// A sequence that is the same in every run.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }
}

/// Flips, cuts, repeats and swaps bytes; a PNG's checksums are made right again, to get past them.
fn mutate(bytes: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut mutant = bytes.to_vec();
    for _ in 0..=dice.throw(4) {
        let at = dice.throw(mutant.len());
        match dice.throw(6) {
            0 => mutant[at] ^= 1 << dice.throw(8),
            1 => mutant[at] = [0, 0xFF, 0x7F, 0xD9][dice.throw(4)],
            2 => mutant.truncate(at.max(8)),
            3 => {
                mutant.remove(at);
            }
            4 => {
                let end = (at + dice.throw(40)).min(mutant.len());
                let piece = mutant[at..end].to_vec();
                mutant.splice(at..at, piece);
            }
            _ => mutant[at] = u8::try_from(dice.throw(256)).unwrap(),
        }
    }
    if mutant.starts_with(b"\x89PNG") { with_right_checksums(mutant) } else { mutant }
}

fn with_right_checksums(mut png: Vec<u8>) -> Vec<u8> {
    let mut at = 8;
    while let Some(length) = png.get(at..at + 4).map(|length| u32::from_be_bytes(length.try_into().unwrap()))
    {
        let end = at + 8 + length as usize;
        if png.len() < end + 4 {
            break;
        }
        let checksum = samples::crc(&png[at + 4..end]).to_be_bytes();
        png[end..end + 4].copy_from_slice(&checksum);
        at = end + 4;
    }
    png
}

#[test]
fn mutations_never_panic_and_are_the_picture_s_fault() {
    let rounds = 300;
    let allowed = [
        FailureCode::PictureCorrupt,
        FailureCode::InvalidFormat,
        FailureCode::PictureTooManyPixels,
        FailureCode::PictureSideTooLong,
        FailureCode::PictureTooManyFrames,
        FailureCode::PictureTooComplex,
    ];
    let options = PictureOptions { size: 40, ..PictureOptions::default() };
    for (number, bytes) in (1..).zip(small()) {
        let mut dice = Dice(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(number));
        for round in 0..rounds {
            let mutant = mutate(&bytes, &mut dice);
            // A panic of a decoder is caught by the pipeline; its message then says so.
            match make_with(&mutant, None, &options) {
                Ok(picture) => assert_eq!((picture.width, picture.height), (40, 40)),
                Err(failure) => {
                    assert!(allowed.contains(&failure.code), "{number}, {round}: {failure}");
                    assert!(!failure.detail.contains("unforeseen"), "{number}, {round}: {failure}");
                }
            }
        }
    }
}
