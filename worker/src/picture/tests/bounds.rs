//! Limits, each told in a sentence with its numbers, and the bound on memory.

use super::super::options::{GifAnimation, Limits, PictureOptions};
use super::super::samples::{self, JpegKind, PLAIN, gif, patch};
use super::super::{inspect, make_picture};
use super::{make, make_with};
use gif::DisposalMethod;
use jpeg_encoder::{ColorType, SamplingFactor};
use pfp_shared::failure::{Failure, FailureCode};
use serde_json::json;
use std::time::{Duration, Instant};

fn limited(limits: Limits) -> PictureOptions {
    PictureOptions { limits, ..PictureOptions::default() }
}

fn refused(bytes: &[u8], limits: Limits) -> Failure {
    make_with(bytes, None, &limited(limits)).unwrap_err()
}

#[test]
fn each_limit_is_enforced_and_names_its_numbers() {
    let defaults = Limits::default();
    let jpeg = samples::jpeg(300, 200, PLAIN);
    let progressive = samples::jpeg(300, 200, JpegKind { progressive: true, ..PLAIN });
    let animation = gif(100, 50, &[patch(0, 0, 100, 50, 0, DisposalMethod::Keep); 5]);
    for (bytes, limits, code, limit, actual) in [
        (&jpeg, Limits { max_pixels: 59_999, ..defaults }, "picture_too_many_pixels", 59_999, 60_000),
        (&jpeg, Limits { max_side: 299, ..defaults }, "picture_side_too_long", 299, 300),
        (&progressive, Limits { max_scans: 3, ..defaults }, "picture_too_complex", 3, 4),
        (&animation, Limits { max_frames: 4, ..defaults }, "picture_too_many_frames", 4, 5),
        (
            &animation,
            Limits { max_animation_pixels: 24_999, ..defaults },
            "picture_too_many_frames",
            24_999,
            25_000,
        ),
    ] {
        let failure = refused(bytes, limits);
        assert_eq!(failure.code.as_str(), code);
        assert_eq!((failure.limit, failure.actual), (Some(json!(limit)), Some(json!(actual))));
        assert!(failure.detail.contains(&limit.to_string()), "{}", failure.detail);
        assert!(failure.allowed.is_some());
        assert!(make(bytes).is_ok());
    }
}

#[test]
fn pixels_outside_of_an_animation_s_canvas_count_since_they_are_decoded() {
    let outside = gif(10, 10, &[patch(0, 0, 200, 100, 0, DisposalMethod::Keep); 5]);
    let failure = refused(&outside, Limits { max_animation_pixels: 99_999, ..Limits::default() });
    assert_eq!(failure.code.as_str(), "picture_too_many_frames");
    assert_eq!((failure.limit, failure.actual), (Some(json!(99_999)), Some(json!(100_000))));
}

#[test]
fn the_limits_of_an_animation_do_not_count_for_its_first_frame() {
    let animation = gif(100, 50, &[patch(0, 0, 100, 50, 0, DisposalMethod::Keep); 5]);
    let limits = Limits { max_frames: 4, max_animation_pixels: 5000, ..Limits::default() };
    let options = PictureOptions { gif_animation: GifAnimation::FirstFrame, ..limited(limits) };
    assert!(make_with(&animation, None, &options).is_ok());
    assert_eq!(inspect(&animation, &options).unwrap().frames, 5);
}

#[test]
fn a_picture_that_takes_too_much_memory_or_time_is_too_complex() {
    let jpeg = samples::jpeg(300, 200, PLAIN);
    let memory = inspect(&jpeg, &PictureOptions::default()).unwrap().memory;
    let failure = refused(&jpeg, Limits { max_memory: memory - 1, ..Limits::default() });
    assert_eq!(failure.code, FailureCode::PictureTooComplex);
    assert_eq!((failure.limit, failure.actual), (Some(json!(memory - 1)), Some(json!(memory))));
    for bytes in [jpeg, samples::png(300, 200), gif(50, 50, &[patch(0, 0, 50, 50, 0, DisposalMethod::Keep)])]
    {
        let failure = refused(&bytes, Limits { decode_timeout: Duration::ZERO, ..Limits::default() });
        assert_eq!(failure.code, FailureCode::PictureTooComplex);
        assert!(failure.detail.contains("processor time"));
    }
}

#[test]
fn huge_headers_are_refused_at_once() {
    let mut jpeg = samples::jpeg(30, 20, PLAIN);
    let frame = jpeg.windows(2).position(|window| window == [0xFF, 0xC0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xC3, 0x50, 0xC3, 0x50]);
    let mut png = samples::png(30, 20);
    png[16..24].copy_from_slice(&[0, 0, 0xC3, 0x50, 0, 0, 0xC3, 0x50]);
    let mut gif = gif(30, 20, &[patch(0, 0, 30, 20, 0, DisposalMethod::Keep)]);
    gif[6..10].copy_from_slice(&[0x50, 0xC3, 0x50, 0xC3]);
    for bytes in [jpeg, png, gif] {
        let start = Instant::now();
        assert_eq!(make(&bytes).unwrap_err().code, FailureCode::PictureSideTooLong);
        assert!(start.elapsed() < Duration::from_millis(200));
    }
}

#[test]
fn scans_that_only_pass_over_a_large_picture_count_as_time() {
    let small = samples::jpeg(16, 16, JpegKind { progressive: true, ..PLAIN });
    let mut header = small.clone();
    let frame = header.windows(2).position(|window| window == [0xFF, 0xC2]).unwrap();
    header[frame + 5..frame + 9].copy_from_slice(&[0x1F, 0x40, 0x1F, 0x40]);
    // Ninety copies of a scan over many coefficients of 64 million pixels.
    let scans: Vec<usize> = (0..header.len() - 1).filter(|at| header[*at..*at + 2] == [0xFF, 0xDA]).collect();
    let (last, end) = (scans[scans.len() - 1], header.len() - 2);
    let repeated = header[last..end].repeat(90);
    header.splice(end..end, repeated);
    let limits = Limits { decode_timeout: Duration::from_millis(500), ..Limits::default() };
    assert_eq!(refused(&header, limits).code, FailureCode::PictureTooComplex);
}

/// The memory that is allocated while a picture is made, and the bound on it.
fn memory(bytes: &[u8], options: &PictureOptions) -> (u64, u64) {
    let inspected = inspect(bytes, options).unwrap();
    let allocated = allocation_counter::measure(|| {
        make_picture(bytes, &inspected, None, options).unwrap();
    });
    (allocated.bytes_max, inspected.memory)
}

#[test]
fn memory_stays_within_what_the_header_tells() {
    let options = PictureOptions::default();
    let mut files = vec![
        samples::png(2000, 1500),
        samples::half_transparent_png(1200, 1300),
        samples::with_chunk(&samples::png(40, 40), *b"iCCP", &profile_bomb()),
        gif(2500, 1400, &[patch(0, 0, 2500, 1400, 0, DisposalMethod::Previous); 3]),
        gif(200, 200, &noisy_patches()),
        samples::jpeg_of(900, 700, &samples::scene(1400, 600)[..900 * 700 * 4], ColorType::Cmyk, PLAIN),
    ];
    for sampling in [SamplingFactor::R_4_4_4, SamplingFactor::R_4_2_0, SamplingFactor::R_4_1_1] {
        for progressive in [false, true] {
            files.push(samples::jpeg(2000, 1500, JpegKind { sampling, progressive, ..PLAIN }));
        }
    }
    for bytes in files {
        let (used, bound) = memory(&bytes, &options);
        assert!(used <= bound, "{used} bytes used, {bound} foretold");
    }
}

#[test]
fn a_streamed_png_takes_no_memory_for_its_pixels() {
    let (used, _) = memory(&samples::png(4000, 3000), &PictureOptions::default());
    assert!(used < 6 << 20, "{used}");
}

fn profile_bomb() -> Vec<u8> {
    let bomb = fdeflate::compress_to_vec(&vec![0; 300 << 20]);
    [b"bomb\0\0", bomb.as_slice()].concat()
}

fn noisy_patches() -> Vec<samples::Patch> {
    (0..120u16)
        .map(|number| patch(0, 0, 200, 200, u8::try_from(number % 4).unwrap(), DisposalMethod::Keep))
        .collect()
}
