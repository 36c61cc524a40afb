//! `pfp-worker picture`: the pipeline on files, and every setting of it.

use pfp_tests::{pictures, process::run};
use serde_json::Value;
use std::{collections::BTreeMap, path::PathBuf, process::Output};

/// A folder for what one test writes, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("pfp-picture-{}", uuid::Uuid::new_v4())))
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn picture_with(settings: &[(&str, &str)], arguments: &[&str]) -> Output {
    let settings: BTreeMap<_, _> =
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    run("pfp-worker", &[&["picture"], arguments].concat(), &settings)
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The verdict of one made picture under some settings.
fn verdict(settings: &[(&str, &str)], file: &str) -> Value {
    let output = picture_with(settings, &["--json", pictures::made(file).to_str().unwrap()]);
    lines(&output).remove(0)
}

#[test]
fn it_prints_a_line_for_each_file_and_writes_the_pictures() {
    let folder = Folder::new();
    let (photo, broken) = (pictures::made("bench-170kb.jpg"), folder.0.join("broken.jpg"));
    std::fs::create_dir_all(&folder.0).unwrap();
    std::fs::write(&broken, &pictures::bytes("bench-170kb.jpg")[..50_000]).unwrap();
    let (photo, broken) = (photo.to_str().unwrap(), broken.to_str().unwrap());
    let output = picture_with(&[], &["--json", "-o", folder.path(), "--repeat", "3", photo, broken]);
    assert_eq!(output.status.code(), Some(0), "a rejected picture is a verdict");
    let lines = lines(&output);
    let (good, bad) = (&lines[0], &lines[1]);
    assert_eq!((&good["file"], &good["verdict"]), (&photo.into(), &"picture".into()), "{good}");
    assert_eq!((&good["width"], &good["height"], &good["frames"]), (&800.into(), &800.into(), &1.into()));
    assert!(
        good["cpu_ms"].as_f64().unwrap() > 0.0 && good["peak_bytes"].as_u64().unwrap() > 100_000,
        "{good}"
    );
    let written = PathBuf::from(good["out"].as_str().unwrap());
    assert_eq!(written, folder.0.join("bench-170kb.jpg.jpg"));
    assert_eq!(std::fs::metadata(&written).unwrap().len(), good["out_bytes"].as_u64().unwrap());
    let made = image::open(&written).unwrap();
    assert_eq!((made.width(), made.height()), (200, 200));
    assert_eq!((&bad["verdict"], &bad["code"]), (&"rejected".into(), &"picture_corrupt".into()), "{bad}");
    assert_eq!(bad["out"], Value::Null);
}

#[test]
fn a_file_that_can_not_be_read_is_an_error_and_the_others_are_still_done() {
    let photo = pictures::made("bench-170kb.jpg");
    let output = picture_with(&[], &["--json", "/nowhere/at-all.jpg", photo.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nowhere/at-all.jpg"));
    assert_eq!(lines(&output).len(), 1);
}

#[test]
fn a_crop_keeps_its_part_of_the_upright_picture() {
    let folder = Folder::new();
    let photo = pictures::made("bench-170kb.jpg");
    let make = |name: &str, crop: &[&str]| {
        let out = folder.0.join(name);
        let arguments = [&["-o", out.to_str().unwrap()], crop, &[photo.to_str().unwrap()]].concat();
        assert!(picture_with(&[], &arguments).status.success());
        image::open(out.join("bench-170kb.jpg.jpg")).unwrap().to_rgba8()
    };
    let whole = make("whole", &[]);
    let same = make("same", &["--crop", "0,0,800,800"]);
    let quarter = make("quarter", &["--crop", "0,0,400,400"]);
    assert!(pictures::mean_difference(&whole, &same) < 0.1);
    let expected = image::imageops::resize(
        &image::imageops::crop_imm(&whole, 0, 0, 100, 100).to_image(),
        200,
        200,
        image::imageops::FilterType::Triangle,
    );
    let difference = pictures::mean_difference(&quarter, &expected);
    assert!(difference < 20.0 && pictures::mean_difference(&quarter, &whole) > difference, "{difference}");
}

#[test]
fn each_limit_is_enforced_with_its_value_in_the_verdict() {
    for (name, value, file, code, mention) in [
        ("PFP_MAX_PIXELS", "600000", "bench-170kb.jpg", "picture_too_many_pixels", "600000"),
        ("PFP_MAX_SIDE", "799", "bench-170kb.jpg", "picture_side_too_long", "799"),
        ("PFP_MAX_FRAMES", "49", "animated-50-frames.gif", "picture_too_many_frames", "49"),
        ("PFP_MAX_ANIMATION_PIXELS", "100000", "animated-50-frames.gif", "picture_too_many_frames", "100000"),
        ("PFP_MAX_SCANS", "1", "12mp-progressive-420.jpg", "picture_too_complex", "1"),
        ("PFP_DECODE_TIMEOUT", "1ms", "bench-4mb.jpg", "picture_too_complex", "1"),
        ("PFP_WORKER_MEMORY", "16MiB", "bench-4mb.jpg", "picture_too_complex", ""),
        ("PFP_ALLOWED_TYPES", "image/png", "bench-170kb.jpg", "invalid_format", "PNG can be taken"),
    ] {
        let free = verdict(&[], file);
        assert_eq!(free["verdict"], "picture", "{file} is good by default: {free}");
        let limited = verdict(&[(name, value)], file);
        assert_eq!(limited["code"], code, "{name}={value}: {limited}");
        assert!(limited["detail"].as_str().unwrap().contains(mention), "{name}={value}: {limited}");
    }
}

#[test]
fn size_fit_quality_and_animation_do_what_they_say() {
    let folder = Folder::new();
    let make = |settings: &[(&str, &str)], file: &str| {
        let arguments =
            ["--json", "-o", folder.path(), pictures::made(file).to_str().unwrap()].map(str::to_owned);
        let output = picture_with(settings, &arguments.each_ref().map(String::as_str));
        let out = lines(&output)[0]["out"].as_str().unwrap().to_owned();
        std::fs::read(out).unwrap()
    };
    let size = |bytes: &[u8]| {
        let picture = image::load_from_memory(bytes).unwrap();
        (picture.width(), picture.height())
    };
    let wide = "12mp-progressive-420.jpg";
    assert_eq!(size(&make(&[("PFP_PICTURE_SIZE", "64")], wide)), (64, 64));
    assert_eq!(size(&make(&[("PFP_PICTURE_FIT", "contain")], wide)), (200, 200));
    let (width, height) = size(&make(&[("PFP_PICTURE_FIT", "inside")], wide));
    assert!(width == 200 && height < 200, "{width} x {height}");
    let (fine, coarse) =
        (make(&[("PFP_PICTURE_QUALITY", "95")], wide), make(&[("PFP_PICTURE_QUALITY", "30")], wide));
    assert!(fine.len() > 2 * coarse.len(), "{} and {}", fine.len(), coarse.len());
    let frames = |bytes: &[u8]| {
        use image::AnimationDecoder;
        image::codecs::gif::GifDecoder::new(std::io::Cursor::new(bytes)).unwrap().into_frames().count()
    };
    let animation = "animated-50-frames.gif";
    assert_eq!(frames(&make(&[], animation)), 50);
    assert_eq!(frames(&make(&[("PFP_GIF_ANIMATION", "first-frame")], animation)), 1);
}

#[test]
fn what_is_beyond_a_limit_is_told_with_its_size() {
    let photo = pictures::made("bench-170kb.jpg");
    let output = picture_with(
        &[("PFP_MAX_PIXELS", "1MP"), ("PFP_MAX_SIDE", "700")],
        &["--json", photo.to_str().unwrap()],
    );
    let line = lines(&output).remove(0);
    assert_eq!(line["code"], "picture_side_too_long", "{line}");
    let size = (&line["format"], &line["width"], &line["height"], &line["frames"]);
    assert_eq!(size, (&"jpeg".into(), &800.into(), &800.into(), &1.into()), "{line}");
}
