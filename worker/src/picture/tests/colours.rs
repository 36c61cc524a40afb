//! Colour models, sampling, depth, transparency and profiles.

use super::super::samples::{self, JpegKind, PLAIN};
use super::{close, difference, make, rgba};
use jpeg_encoder::{ColorType, SamplingFactor};
use moxcms::ColorProfile;
use png::BitDepth;

#[test]
fn every_kind_of_jpeg_shows_the_same_scene() {
    let expected = rgba(&make(&samples::png(333, 271)).unwrap());
    let samplings = [
        SamplingFactor::R_4_4_4,
        SamplingFactor::R_4_2_2,
        SamplingFactor::R_4_4_0,
        SamplingFactor::R_4_2_0,
        SamplingFactor::R_4_1_1,
    ];
    for sampling in samplings {
        for progressive in [false, true] {
            for restart_interval in [0, 3] {
                // The encoder can't do both at once.
                for scan_a_component in [false, restart_interval == 0] {
                    let kind = JpegKind { sampling, progressive, restart_interval, scan_a_component };
                    let made = make(&samples::jpeg(333, 271, kind)).unwrap();
                    let difference = difference(&rgba(&made), &expected);
                    assert!(
                        difference < 2.0,
                        "{sampling:?}, progressive {progressive}, restarts {restart_interval}, scan a component \
                         {scan_a_component}: {difference}"
                    );
                }
            }
        }
    }
}

#[test]
fn grey_stays_grey() {
    let data: Vec<u8> = (0..300 * 200u32).map(|at| u8::try_from(at % 300 * 255 / 300).unwrap()).collect();
    let jpeg = samples::jpeg_of(300, 200, &data, ColorType::Luma, PLAIN);
    let png = samples::png_of(300, 200, png::ColorType::Grayscale, BitDepth::Eight, &data);
    for bytes in [jpeg, png] {
        let made = rgba(&make(&bytes).unwrap());
        assert!(made.pixels().all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]));
        assert!(close(made.get_pixel(100, 100), [128, 128, 128, 255], 3));
    }
}

/// Inks for red, green, blue and white as a JPEG stores them: 255 is no ink.
const INKS: [([u8; 4], [u8; 4]); 4] = [
    ([255, 0, 0, 255], [255, 0, 0, 255]),
    ([0, 255, 0, 255], [0, 255, 0, 255]),
    ([0, 0, 255, 128], [0, 0, 128, 255]),
    ([255, 255, 255, 255], [255, 255, 255, 255]),
];

#[test]
fn inks_become_light_in_both_codings() {
    for (inks, light) in INKS {
        // The encoder takes inks as profiles count them.
        let data = inks.map(|ink| 255 - ink).repeat(64 * 64);
        for colours in [ColorType::Cmyk, ColorType::CmykAsYcck] {
            for (progressive, scan_a_component) in [(false, false), (true, false), (false, true)] {
                let sampling = SamplingFactor::R_4_4_4;
                let kind = JpegKind { sampling, progressive, scan_a_component, ..PLAIN };
                let made = rgba(&make(&samples::jpeg_of(64, 64, &data, colours, kind)).unwrap());
                assert!(
                    close(made.get_pixel(100, 100), light, 6),
                    "{light:?} {:?}",
                    made.get_pixel(100, 100)
                );
            }
        }
    }
}

#[test]
fn the_names_of_the_components_say_nothing_where_jfif_does() {
    let jpeg = samples::jpeg(64, 64, PLAIN);
    let expected = rgba(&make(&jpeg).unwrap());
    let mut named = jpeg;
    for (marker, first, step) in [(0xC0, 10, 3), (0xDA, 5, 2)] {
        let at = named.windows(2).position(|window| window == [0xFF, marker]).unwrap();
        (0..3).zip(b"RGB").for_each(|(number, name)| named[at + first + number * step] = *name);
    }
    assert!(difference(&rgba(&make(&named).unwrap()), &expected) < 2.0);
}

#[test]
fn adobe_s_marker_decides_between_rgb_and_ycbcr() {
    let scene = samples::scene(64, 64);
    let kind = JpegKind { sampling: SamplingFactor::R_4_4_4, ..PLAIN };
    let jpeg = samples::jpeg_of(64, 64, &scene, ColorType::Ycbcr, kind);
    // The encoder took the scene's red, green and blue for YCbCr and stored them as they are; without the
    // JFIF segment, which would have the last word, Adobe's marker says so.
    let without_jfif = [&jpeg[..2], &jpeg[20..]].concat();
    let marked = samples::with_segment(&without_jfif, 0xEE, b"Adobe\0\x64\0\0\0\0\0");
    let made = rgba(&make(&marked).unwrap());
    assert!(difference(&made, &rgba(&make(&samples::png(64, 64)).unwrap())) < 2.0);
}

#[test]
fn transparency_is_kept_and_does_not_bleed() {
    let made = rgba(&make(&samples::half_transparent_png(640, 640)).unwrap());
    assert_eq!(made.get_pixel(20, 100)[3], 0);
    assert!(close(made.get_pixel(180, 100), [230, 128, 128, 255], 3));
    // Next to the edge the colour is that of the visible side.
    let edge = made.pixels().filter(|pixel| (40..250).contains(&pixel[3]));
    assert!(edge.clone().all(|pixel| pixel[0].abs_diff(128) < 8 && pixel[2].abs_diff(128) < 4));
}

#[test]
fn an_alpha_channel_that_says_nothing_is_dropped() {
    let data: Vec<u8> = [90, 80, 70, 255].repeat(250 * 250);
    let made = make(&samples::png_of(250, 250, png::ColorType::Rgba, BitDepth::Eight, &data)).unwrap();
    assert_eq!(image::load_from_memory(&made.bytes).unwrap().color(), image::ColorType::Rgb8);
}

#[test]
fn sixteen_bits_and_grey_with_alpha_become_eight() {
    let data: Vec<u8> = [0x40, 0x99, 0x80, 0x12, 0xC0, 0xFF].repeat(30 * 30);
    let deep = make(&samples::png_of(30, 30, png::ColorType::Rgb, BitDepth::Sixteen, &data)).unwrap();
    assert!(close(rgba(&deep).get_pixel(100, 100), [0x40, 0x80, 0xC0, 255], 1));
    let data: Vec<u8> = [0x40, 0x80].repeat(30 * 30);
    let grey =
        make(&samples::png_of(30, 30, png::ColorType::GrayscaleAlpha, BitDepth::Eight, &data)).unwrap();
    assert!(close(rgba(&grey).get_pixel(100, 100), [0x40, 0x40, 0x40, 0x80], 2));
}

#[test]
fn profiles_are_applied_in_every_format_and_broken_ones_ignored() {
    let adobe = ColorProfile::new_adobe_rgb().encode().unwrap();
    let data: Vec<u8> = [60, 200, 60].repeat(64 * 64);
    let expected = [0, 201, 37, 255];
    let jpeg = samples::jpeg_of(64, 64, &data, ColorType::Rgb, PLAIN);
    let (one, two) = adobe.split_at(adobe.len() / 2);
    let piece = |number, piece: &[u8]| [b"ICC_PROFILE\0", [number, 2].as_slice(), piece].concat();
    // Pieces may come in any order.
    let tagged =
        samples::with_segment(&samples::with_segment(&jpeg, 0xE2, &piece(1, one)), 0xE2, &piece(2, two));
    let made = rgba(&make(&tagged).unwrap());
    assert!(close(made.get_pixel(9, 9), expected, 6), "{:?}", made.get_pixel(9, 9));
    let half = samples::with_segment(&jpeg, 0xE2, &piece(1, one));
    assert!(close(rgba(&make(&half).unwrap()).get_pixel(9, 9), [60, 200, 60, 255], 3));

    let png = samples::png_of(64, 64, png::ColorType::Rgb, BitDepth::Eight, &data);
    let compressed = fdeflate::compress_to_vec(&adobe);
    let tagged = samples::with_chunk(&png, *b"iCCP", &[b"name\0\0", compressed.as_slice()].concat());
    assert!(close(rgba(&make(&tagged).unwrap()).get_pixel(9, 9), expected, 6));
    let broken = samples::with_chunk(&png, *b"iCCP", &[b"name\0\0", &compressed[..40]].concat());
    assert_eq!(rgba(&make(&broken).unwrap()).get_pixel(9, 9).0, [60, 200, 60, 255]);
}
