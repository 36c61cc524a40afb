//! Sizes, fits, crops and orientations.

use super::super::options::{Fit, PictureOptions};
use super::super::samples::{self, PLAIN, with_orientation};
use super::{close, difference, make, make_with, rgba};
use gif::DisposalMethod;
use pfp_shared::crop::Crop;
use pfp_shared::picture_format::PictureFormat;

fn all_formats(width: u16, height: u16) -> [Vec<u8>; 3] {
    [
        samples::jpeg(width.into(), height.into(), PLAIN),
        samples::png(width.into(), height.into()),
        samples::gif(width, height, &[samples::patch(0, 0, width, height, 2, DisposalMethod::Keep)]),
    ]
}

#[test]
fn cover_makes_the_exact_size_of_anything() {
    for (width, height) in [(1, 1), (2, 3), (16_384, 1), (1, 16_384), (200, 200), (401, 399), (1000, 37)] {
        for bytes in all_formats(width, height) {
            let made = make(&bytes).unwrap();
            assert_eq!((made.width, made.height), (200, 200), "{width} x {height}");
            assert_eq!(PictureFormat::detect(&made.bytes), PictureFormat::detect(&bytes));
            rgba(&made);
        }
    }
}

#[test]
fn a_picture_of_the_final_size_keeps_its_pixels() {
    let made = make(&samples::png(200, 200)).unwrap();
    assert_eq!(image::DynamicImage::from(rgba(&made)).into_rgb8().into_raw(), samples::scene(200, 200));
}

#[test]
fn the_centre_is_kept_and_the_corners_fall_where_they_should() {
    // The middle square of 800 x 400: a quarter of the red ramp is cut off on each side.
    let made = rgba(&make(&samples::png(800, 400)).unwrap());
    assert!(close(made.get_pixel(0, 0), [64, 0, 128, 255], 3));
    assert!(close(made.get_pixel(199, 199), [191, 254, 128, 255], 3));
}

#[test]
fn contain_pads_with_white_in_a_jpeg_and_with_nothing_elsewhere() {
    let options = PictureOptions { fit: Fit::Contain, ..PictureOptions::default() };
    let corners = [[255; 4], [0; 4], [0; 4]];
    for (bytes, corner) in all_formats(400, 200).iter().zip(corners) {
        let made = make_with(bytes, None, &options).unwrap();
        assert_eq!((made.width, made.height), (200, 200));
        let pixels = rgba(&made);
        assert!(close(pixels.get_pixel(100, 10), corner, 2), "{:?}", pixels.get_pixel(100, 10));
        assert_eq!(pixels.get_pixel(100, 100)[3], 255);
    }
}

#[test]
fn inside_keeps_the_ratio_and_never_enlarges() {
    let options = PictureOptions { fit: Fit::Inside, ..PictureOptions::default() };
    for bytes in all_formats(400, 100) {
        let made = make_with(&bytes, None, &options).unwrap();
        assert_eq!((made.width, made.height), (200, 50));
    }
    for bytes in all_formats(40, 10) {
        let made = make_with(&bytes, None, &options).unwrap();
        assert_eq!((made.width, made.height), (40, 10));
    }
}

#[test]
fn all_orientations_come_out_alike() {
    let upright = samples::jpeg(400, 300, PLAIN);
    let expected = rgba(&make(&upright).unwrap());
    let scene = image::RgbImage::from_raw(400, 300, samples::scene(400, 300)).unwrap();
    use image::imageops::{flip_horizontal, flip_vertical, rotate90, rotate180, rotate270};
    let stored = [
        (1, scene.clone()),
        (2, flip_horizontal(&scene)),
        (3, rotate180(&scene)),
        (4, flip_vertical(&scene)),
        (5, rotate270(&flip_horizontal(&scene))),
        (6, rotate270(&scene)),
        (7, rotate90(&flip_horizontal(&scene))),
        (8, rotate90(&scene)),
    ];
    for (orientation, stored) in stored {
        let colours = jpeg_encoder::ColorType::Rgb;
        let jpeg = samples::jpeg_of(stored.width(), stored.height(), stored.as_raw(), colours, PLAIN);
        let made = make(&with_orientation(&jpeg, orientation)).unwrap();
        assert!(difference(&rgba(&made), &expected) < 1.5, "orientation {orientation}");
        // A crop is given in upright pixels: the same part, however the picture is stored.
        let crop = Some(Crop { x: 0, y: 200, width: 100, height: 100 });
        let cropped =
            make_with(&with_orientation(&jpeg, orientation), crop, &PictureOptions::default()).unwrap();
        assert!(
            close(rgba(&cropped).get_pixel(100, 100), [32, 212, 128, 255], 6),
            "orientation {orientation}"
        );
    }
}

#[test]
fn a_png_has_an_orientation_too() {
    let tiff = super::super::exif::tests::tiff(3, false);
    let turned = make(&samples::with_chunk(&samples::png(300, 300), *b"eXIf", &tiff)).unwrap();
    assert!(close(rgba(&turned).get_pixel(0, 0), [254, 254, 128, 255], 3));
}

#[test]
fn a_crop_keeps_its_part_and_is_clamped_to_the_picture() {
    let options = PictureOptions::default();
    let png = samples::png(400, 400);
    let corner = Some(Crop { x: 300, y: 0, width: 5000, height: 100 });
    let made = rgba(&make_with(&png, corner, &options).unwrap());
    assert!(close(made.get_pixel(100, 100), [223, 32, 128, 255], 3));
    let outside = Some(Crop { x: 400, y: 0, width: 10, height: 10 });
    assert_eq!(make_with(&png, outside, &options).unwrap_err().code.as_str(), "crop_invalid");
}

#[test]
fn nothing_but_pixels_survives() {
    let jpeg = samples::with_segment(&samples::jpeg(300, 200, PLAIN), 0xE1, b"Exif\0\0secret place");
    let jpeg = [samples::with_segment(&jpeg, 0xFE, b"secret comment"), b"<script>secret".to_vec()].concat();
    let png = samples::with_chunk(&samples::png(300, 200), *b"tEXt", b"Comment\0secret");
    for bytes in [jpeg, png] {
        let made = make(&bytes).unwrap();
        assert!(!made.bytes.windows(6).any(|window| window == b"secret"));
        assert!(!made.bytes.windows(4).any(|window| window == b"Exif" || window == b"eXIf"));
    }
}
