//! Animated GIFs: what a viewer shows of the made one, frame by frame.

use super::super::Picture;
use super::super::options::{GifAnimation, PictureOptions};
use super::super::samples::{NOTHING, gif, patch};
use super::{make, make_with, rgba};
use gif::{DisposalMethod, Repeat};
use image::AnimationDecoder;
use std::io::Cursor;

const RED: [u8; 4] = [255, 0, 0, 255];
const GREEN: [u8; 4] = [0, 255, 0, 255];
const BLUE: [u8; 4] = [0, 0, 255, 255];
const CLEAR: [u8; 4] = [0; 4];

/// The composed frames, as another decoder sees them.
fn frames(picture: &Picture) -> Vec<image::RgbaImage> {
    let decoder = image::codecs::gif::GifDecoder::new(Cursor::new(&picture.bytes)).unwrap();
    decoder.into_frames().map(|frame| frame.unwrap().into_buffer()).collect()
}

/// The colours at the middle and near the left edge of every frame.
fn seen(picture: &Picture) -> Vec<([u8; 4], [u8; 4])> {
    frames(picture).iter().map(|frame| (frame.get_pixel(100, 100).0, frame.get_pixel(10, 100).0)).collect()
}

#[test]
fn frames_are_composed_by_their_disposal() {
    use DisposalMethod::{Background, Keep, Previous};
    // Red everywhere; a green patch in the middle that is kept, cleared or restored; then a frame of nothing.
    let animation = |dispose| {
        make(&gif(
            100,
            100,
            &[
                patch(0, 0, 100, 100, 0, Keep),
                patch(25, 25, 50, 50, 1, dispose),
                patch(0, 0, 1, 1, NOTHING, Keep),
            ],
        ))
        .unwrap()
    };
    for (dispose, after) in [(Keep, GREEN), (Previous, RED), (Background, CLEAR)] {
        let made = animation(dispose);
        assert_eq!(seen(&made), [(RED, RED), (GREEN, RED), (after, RED)], "{dispose:?}");
    }
}

#[test]
fn a_frame_outside_of_the_canvas_is_clipped_and_an_empty_one_shows_nothing() {
    use DisposalMethod::Keep;
    let mut outside = patch(90, 0, 100, 100, 1, Keep);
    let made = make(&gif(100, 100, &[patch(0, 0, 100, 100, 0, Keep), outside])).unwrap();
    let last = frames(&made).pop().unwrap();
    assert_eq!((last.get_pixel(100, 100).0, last.get_pixel(195, 100).0), (RED, GREEN));
    outside.left = 2000;
    assert!(make(&gif(100, 100, &[patch(0, 0, 100, 100, 0, Keep), outside])).is_ok());
    let empty = patch(0, 0, 0, 0, 0, Keep);
    assert_eq!(
        seen(&make(&gif(100, 100, &[patch(0, 0, 100, 100, 2, Keep), empty])).unwrap()),
        [(BLUE, BLUE); 2]
    );
}

#[test]
fn delays_and_the_loop_count_are_kept() {
    let mut patches = [patch(0, 0, 50, 50, 0, DisposalMethod::Keep); 3];
    for (patch, delay) in patches.iter_mut().zip([0, 1, 250]) {
        patch.delay = delay;
        patch.index = u8::try_from(delay % 3).unwrap();
    }
    let made = make(&gif(50, 50, &patches)).unwrap();
    let mut decoder = ::gif::Decoder::new(made.bytes.as_slice()).unwrap();
    let mut delays = Vec::new();
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        delays.push(frame.delay);
    }
    assert_eq!(delays, [0, 1, 250]);
    assert_eq!(decoder.repeat(), Repeat::Finite(3));
}

#[test]
fn the_first_frame_alone_is_a_still_picture() {
    let options = PictureOptions { gif_animation: GifAnimation::FirstFrame, ..PictureOptions::default() };
    let patches =
        [patch(0, 0, 50, 50, 0, DisposalMethod::Keep), patch(0, 0, 50, 50, 1, DisposalMethod::Keep)];
    let made = make_with(&gif(50, 50, &patches), None, &options).unwrap();
    assert_eq!(seen(&made), [(RED, RED)]);
    assert!(!made.bytes.windows(8).any(|window| window == b"NETSCAPE"));
}

#[test]
fn transparency_is_kept_and_can_come_back() {
    use DisposalMethod::Background;
    let made = make(&gif(
        100,
        100,
        &[
            patch(0, 0, 50, 100, 0, Background),
            patch(25, 0, 50, 100, 1, Background),
            patch(0, 0, 50, 100, 2, Background),
        ],
    ))
    .unwrap();
    assert_eq!(seen(&made), [(CLEAR, RED), (GREEN, CLEAR), (CLEAR, BLUE)]);
}

#[test]
fn a_gif_with_many_colours_stays_close_to_the_original() {
    // Every row has its own frame and palette, so the whole has far more than 256 colours.
    let mut encoder = ::gif::Encoder::new(Vec::new(), 200, 200, &[]).unwrap();
    for y in 0..200u16 {
        let colours: Vec<[u8; 3]> =
            (0..200).map(|x| super::super::samples::colour(x, y.into(), 200, 200)).collect();
        let frame = ::gif::Frame {
            top: y,
            width: 200,
            height: 1,
            palette: Some(colours.concat()),
            buffer: (0..200).collect::<Vec<u8>>().into(),
            ..::gif::Frame::default()
        };
        encoder.write_frame(&frame).unwrap();
    }
    let made = make(&encoder.into_inner().unwrap()).unwrap();
    let last = frames(&made).pop().unwrap();
    let scene = image::RgbImage::from_raw(200, 200, super::super::samples::scene(200, 200)).unwrap();
    let expected = image::DynamicImage::from(scene).into_rgba8();
    assert!(super::difference(&last, &expected) < 3.0, "{}", super::difference(&last, &expected));
}

#[test]
fn a_screen_without_a_size_takes_that_of_the_first_frame() {
    let mut bytes = gif(60, 40, &[patch(0, 0, 60, 40, 1, DisposalMethod::Keep)]);
    bytes[6..10].fill(0);
    assert_eq!(rgba(&make(&bytes).unwrap()).get_pixel(0, 0).0, GREEN);
}
