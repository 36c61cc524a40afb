//! Every code that a worker rejects a picture with.

use futures_util::{StreamExt, stream};
use pfp_tests::{pictures, system::Setup};
use reqwest::multipart::{Form, Part};
use std::collections::BTreeSet;

#[tokio::test(flavor = "multi_thread")]
async fn every_damaged_or_hostile_picture_is_rejected_with_its_code() {
    let system = Setup::new().workers(1).set("PFP_MAX_FILE_SIZE", "6MiB").start().await;
    let made = pictures::manifest();
    let bad = made.iter().filter(|picture| !picture.api && picture.expect != "picture");
    let outcomes: Vec<_> = stream::iter(bad)
        .map(|picture| {
            let client = system.client(&picture.file);
            async move { (picture, client.upload_and_wait(pictures::bytes(&picture.file)).await) }
        })
        .buffer_unordered(8)
        .collect()
        .await;
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for (picture, upload) in &outcomes {
        let code = upload["failure"]["code"].as_str().unwrap_or("picture");
        let is_right = code == picture.expect
            || picture.codes.iter().any(|other| other == code)
            || (picture.expect == "any" && code == "picture");
        let has_facts = upload["failure"]["detail"].as_str().is_none_or(|detail| detail.ends_with('.'));
        if !is_right || !has_facts || !["succeeded", "rejected"].contains(&upload["status"].as_str().unwrap())
        {
            wrong.push(format!("{}: expected {}, got {}", picture.file, picture.expect, upload));
        }
        seen.insert(code.to_owned());
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), outcomes.len(), wrong.join("\n"));
    for code in [
        "invalid_format",
        "picture_corrupt",
        "picture_side_too_long",
        "picture_too_complex",
        "picture_too_many_frames",
        "picture_too_many_pixels",
    ] {
        assert!(seen.contains(code), "no picture was rejected with {code}");
    }
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crop_beyond_the_picture_is_clamped_and_one_outside_of_it_is_rejected() {
    let system = Setup::new().start().await;
    let ada = system.client("ada");
    let form = |crop: &str| {
        let file = Part::bytes(pictures::bytes("bench-170kb.jpg")).file_name("me.jpg");
        Form::new().part("file", file).text("crop", crop.to_owned())
    };
    let answer = ada.upload_form(form(r#"{"x": 600, "y": 600, "width": 9000, "height": 9000}"#)).await;
    let clamped = ada.finished(answer.header("location")).await;
    assert_eq!(clamped["status"], "succeeded", "{clamped}");
    let answer = ada.upload_form(form(r#"{"x": 800, "y": 0, "width": 10, "height": 10}"#)).await;
    let outside = ada.finished(answer.header("location")).await;
    assert_eq!(outside["status"], "rejected", "{outside}");
    assert_eq!(outside["failure"]["code"], "crop_invalid");
    system.finish().await;
}
