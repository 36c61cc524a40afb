//! Everything over the folder of real pictures (`PFP_TEST_CORPUS`), through the running system.
#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests fail their test")]

use futures_util::{StreamExt, stream};
use pfp_tests::{
    pictures,
    servers::variable,
    system::{Setup, TestSystem},
};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The mean difference to a full decode that no picture may pass, of 255.
const MOST: f64 = 6.0;

/// Memory of a worker beyond its budget: code, stacks, buffers.
const BESIDES_THE_BUDGET: u64 = 100 << 20;
const BUDGET: u64 = 512 << 20;

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(&variable("PFP_TEST_CORPUS")).join(folder);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| {
        path.extension().is_some_and(|end| ["jpg", "png", "gif"].iter().any(|known| end == *known))
    });
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// Uploads every file, each by a user of its own; returns the uploads and the pictures.
async fn through(system: &TestSystem, files: &[PathBuf]) -> Vec<(PathBuf, Value, Option<image::RgbaImage>)> {
    stream::iter(files)
        .map(async |path| {
            let client = system.client(&name(path));
            let upload = client.upload_and_wait(pictures::read(path)).await;
            let picture = match upload["status"].as_str() {
                Some("succeeded") => {
                    Some(image::load_from_memory(&client.picture().await).unwrap().to_rgba8())
                }
                _ => None,
            };
            (path.clone(), upload, picture)
        })
        .buffer_unordered(8)
        .collect()
        .await
}

async fn comes_out_right(folder: &str, is_meant: impl Fn(&str) -> bool) {
    let system = Setup::new().workers(2).start().await;
    let files: Vec<_> = files(folder).into_iter().filter(|path| is_meant(&name(path))).collect();
    let mut wrong = Vec::new();
    for (path, upload, picture) in through(&system, &files).await {
        let reference =
            Path::new(&variable("PFP_TEST_REFERENCES")).join(folder).join(format!("{}.png", name(&path)));
        let reference =
            image::open(&reference).unwrap_or_else(|error| panic!("{}: {error}", reference.display()));
        let Some(picture) = picture else {
            wrong.push(format!("{}: {upload}", name(&path)));
            continue;
        };
        let difference = pictures::mean_difference(&picture, &reference.to_rgba8());
        if difference > MOST {
            wrong.push(format!("{}: differs by {difference:.2}", name(&path)));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), files.len(), wrong.join("\n"));
    assert_memory_is_bounded(&system);
    system.finish().await;
}

fn assert_memory_is_bounded(system: &TestSystem) {
    for worker in &system.workers {
        let (_, highest) = worker.memory();
        assert!(highest < BUDGET + BESIDES_THE_BUDGET, "a worker held {} MiB", highest >> 20);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_photo_comes_out_as_a_full_decode_would() {
    comes_out_right("photos", |_| true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_orientation_comes_out_upright() {
    comes_out_right("exif-orientation", |_| true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_valid_kind_of_png_comes_out_as_a_full_decode_would() {
    comes_out_right("pngsuite", |name| !name.starts_with('x')).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_damaged_or_hostile_file_is_rejected_with_the_right_code() {
    let system = Setup::new().workers(2).start().await;
    let mut files: Vec<_> =
        files("pngsuite").into_iter().filter(|path| name(path).starts_with('x')).collect();
    files.extend(self::files("hostile"));
    let mut wrong = Vec::new();
    for path in &files {
        let client = system.client(&name(path));
        let answer = client.upload(pictures::read(path)).await;
        // What doesn't begin as a picture at all is refused by the API.
        let code = if answer.status == 202 {
            let upload = client.finished(answer.header("location")).await;
            upload["failure"]["code"].as_str().unwrap_or_default().to_owned()
        } else {
            answer.code()
        };
        if !expected(&name(path)).contains(&code.as_str()) {
            wrong.push(format!("{}: {code:?}", name(path)));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), files.len(), wrong.join("\n"));
    assert_memory_is_bounded(&system);
    system.finish().await;
}

fn expected(name: &str) -> &'static [&'static str] {
    match name {
        // Their signatures are damaged.
        "xs1n0g01.png" | "xs2n0g01.png" | "xs4n0g01.png" | "xs7n0g01.png" | "xcrn0g04.png"
        | "xlfn0g04.png" => &["invalid_format"],
        "progressive-1000-scans.jpg" => &["picture_too_complex"],
        name if name.starts_with("header-") || name.starts_with("full-") => {
            &["picture_side_too_long", "picture_too_many_pixels"]
        }
        _ => &["picture_corrupt"],
    }
}
